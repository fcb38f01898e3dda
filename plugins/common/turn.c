/*
 * turn.c - see turn.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/common/turn.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RESERVE_SHARE 8
#define WAIT_MAX_S 3600
#define SHORT_BY 4                    /* of the time, that part */

int64_t
turn_left_us(struct tw_ctx *ctx)
{
	int64_t left = tw_api_->left_us(ctx);

	return left - left / RESERVE_SHARE - TURN_RESERVE_US;
}

void
turn_begin(struct turn *t, struct tw_ctx *ctx)
{
	t->time_us = turn_left_us(ctx);
}

bool
turn_was_short(const struct turn *t, int64_t given_us)
{
	return given_us < t->time_us - t->time_us / SHORT_BY;
}

bool
turn_wait(const struct turn *turn, struct tw_ctx *ctx)
{
	int64_t us = turn->not_before_us - mono_now().us;
	struct timespec t;

	if (us <= 0)
		return turn_left_us(ctx) > 0;
	if (us >= turn_left_us(ctx))
		return false;
	t = (struct timespec){us / 1000000, us % 1000000 * 1000};
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
	return turn_left_us(ctx) > 0;
}

void
turn_put_off(struct turn *t, double seconds)
{
	int64_t until_us;

	if (!(seconds > 0))
		return;
	until_us = mono_now().us + (int64_t)(fmin(seconds, WAIT_MAX_S) * 1e6);
	if (until_us > t->not_before_us)
		t->not_before_us = until_us;
}

double
turn_retry_after(const struct fetch_answer *a, double otherwise)
{
	for (uint32_t i = 0; i < a->n_headers; i++)
		if (strcmp(a->headers[i].name, "retry-after") == 0) {
			double s = strtod(a->headers[i].value, NULL);

			return s > 0 ? s : otherwise;
		}
	return otherwise;
}
