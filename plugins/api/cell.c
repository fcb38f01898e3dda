/*
 * cell.c - what one route counted in one slot: outcomes, and how long the requests took.
 *
 * Servers log whole milliseconds. Their buckets are known before (no logarithm a request) and are
 * counted side by side; who wants the histogram has them folded into it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/api/api.h"

#define MS_KNOWN 4096
#define HIST_BYTES 1024             /* in the state; wider ones lose resolution */

static int16_t bucket_of_ms[MS_KNOWN]; /* from that of 1 ms, which is 0 */
static int32_t first_bucket;
static uint32_t n_buckets;

void
cell_prepare(void)
{
	first_bucket = hist_index(1e-3, HIST_SCHEMA);
	for (int ms = 1; ms < MS_KNOWN; ms++)
		bucket_of_ms[ms] =
		    (int16_t)(hist_index((double)ms / 1e3, HIST_SCHEMA) - first_bucket);
	n_buckets = (uint32_t)bucket_of_ms[MS_KNOWN - 1] + 1;
}

void
cell_init(struct cell *c)
{
	*c = (struct cell){0};
	hist_init(&c->seconds);
}

void
cell_clear(struct cell *c)
{
	hist_clear(&c->seconds);
	free(c->fresh);
	c->fresh = NULL;
}

/* What was counted by known buckets becomes a part of the histogram. */
static void
fold(struct cell *c)
{
	struct hist_bucket buckets[MS_KNOWN];
	struct hist fresh = {.schema = HIST_SCHEMA, .zero_threshold = c->seconds.zero_threshold,
	    .sum = c->fresh_sum, .pos = buckets};

	for (uint32_t i = 0; c->fresh != NULL && i < n_buckets; i++) {
		uint64_t four;

		memcpy(&four, c->fresh + i, sizeof(four));
		if (four == 0) { /* most are */
			i += 3;
			continue;
		}
		if (c->fresh[i] == 0)
			continue;
		buckets[fresh.n_pos++] =
		    (struct hist_bucket){first_bucket + (int32_t)i, c->fresh[i]};
		fresh.count += c->fresh[i];
	}
	if (fresh.n_pos == 0 || hist_add(&c->seconds, &fresh, 1) != 0)
		return; /* no memory: they stay where they are, for the next time */
	memset(c->fresh, 0, n_buckets * sizeof(*c->fresh));
	c->fresh_sum = 0;
}

const struct hist *
cell_seconds(struct cell *c)
{
	fold(c);
	return &c->seconds;
}

void
cell_observe(struct cell *c, double seconds)
{
	double ms = seconds * 1e3;
	int whole = ms < MS_KNOWN - 1 ? (int)(ms + 0.5) : 0;
	uint16_t *at;

	if (whole <= 0 || (double)whole / 1e3 != seconds
	    || (c->fresh == NULL
		&& (c->fresh = calloc(n_buckets + 4, sizeof(*c->fresh))) == NULL)) {
		(void)hist_observe(&c->seconds, seconds);
		return;
	}
	at = &c->fresh[bucket_of_ms[whole]];
	if (*at == UINT16_MAX)
		fold(c);
	if (*at == UINT16_MAX)
		return; /* no memory for one histogram: nothing is right any more */
	++*at;
	c->fresh_sum += seconds;
}

size_t
cell_put(uint8_t *to, size_t cap, struct cell *c)
{
	uint32_t len = 0;
	ptrdiff_t n;

	if (cap < sizeof(c->outcome) + sizeof(len) + HIST_BYTES)
		return 0;
	fold(c);
	memcpy(to, c->outcome, sizeof(c->outcome));
	while ((n = hist_encode(&c->seconds, to + sizeof(c->outcome) + sizeof(len), HIST_BYTES)) < 0
	    && c->seconds.schema > -4 && hist_reduce(&c->seconds, c->seconds.schema - 1) == 0)
		;
	len = n > 0 ? (uint32_t)n : 0;
	memcpy(to + sizeof(c->outcome), &len, sizeof(len));
	return sizeof(c->outcome) + sizeof(len) + len;
}

bool
cell_take(struct cell *c, const uint8_t **at, const uint8_t *end)
{
	uint32_t len;

	if ((size_t)(end - *at) < sizeof(c->outcome) + sizeof(len))
		return false;
	memcpy(c->outcome, *at, sizeof(c->outcome));
	memcpy(&len, *at + sizeof(c->outcome), sizeof(len));
	*at += sizeof(c->outcome) + sizeof(len);
	if (len > (size_t)(end - *at)
	    || (len > 0 && hist_decode(&c->seconds, *at, len) != (ptrdiff_t)len))
		return false;
	*at += len;
	return true;
}
