/*
 * turn.h - when a source may ask a server again: its own pause, the server's Retry-After, a quota;
 * and how much of the run is left for it.
 *
 * Runs in: the source's thread; turn_wait sleeps.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_TURN_H
#define PLUGINS_COMMON_TURN_H

#include <stdbool.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#include "plugins/common/fetch.h"

#define TURN_RESERVE_US 200000        /* of a run; with an eighth of it kept for its end */

struct turn {
	int64_t not_before_us;        /* monotonic */
	int64_t time_us;              /* for requests, when the run began */
};

void turn_begin(struct turn *t, struct tw_ctx *ctx); /* a run begins */

/* Of the run, less what its end needs. */
int64_t turn_left_us(struct tw_ctx *ctx);
/* A request got no answer in given_us. Was that less than about all that the run had when it began?
 * Then nothing is said of the server: it is to be the first of the next run. */
bool turn_was_short(const struct turn *t, int64_t given_us);
/* Sleeps as long as it must. False: that would be longer than the run, and it has not slept. */
bool turn_wait(const struct turn *t, struct tw_ctx *ctx);
/* Not for so long; an hour at most. */
void turn_put_off(struct turn *t, double seconds);
/* What the answer says (Retry-After, in seconds), else `otherwise`. */
double turn_retry_after(const struct fetch_answer *a, double otherwise);

#endif
