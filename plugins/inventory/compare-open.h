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
	bool is_traced;               /* read again in this round, though it is young: tracer.h */
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

#endif
