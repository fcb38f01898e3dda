/*
 * compare-open.h - the differences that are open, for those who confirm, count, keep and show them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_COMPARE_OPEN_H
#define INVENTORY_COMPARE_OPEN_H

#include "lib/hash.h"
#include "plugins/inventory/compare.h"

struct difference {
	uint64_t id;                  /* row * RULES_MAX + rule */
	UT_hash_handle hh;
	int64_t first_ms;             /* seen first */
	int64_t since_ms;             /* not explained since then */
	int64_t moved_ms;             /* the reference changed not before */
	int64_t asked_ms;             /* both sides were read again; 0 = not yet */
	int64_t confirmed_ms;         /* 0 = it may still be on its way */
	bool is_asked;                /* in this round */
	uint8_t n_past;
	struct past past[PAST_MAX];   /* newest last */
};

static inline uint32_t
difference_row(const struct difference *d)
{
	return (uint32_t)(d->id / RULES_MAX);
}
static inline unsigned
difference_rule(const struct difference *d)
{
	return (unsigned)(d->id % RULES_MAX);
}

/* Of list, the difference that stands at place k of that order is put there; those before it come
 * before. The time goes with n. */
typedef int difference_order(const void *, const void *); /* of two struct difference ** */
void difference_part(struct difference **list, size_t n, size_t k, difference_order *by);
/* The first ones, at most so many, sorted, at the front; how many. */
size_t difference_first(struct difference **list, size_t n, size_t most, difference_order *by);
difference_order difference_by_since; /* longest open first */

#endif
