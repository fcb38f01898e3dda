/*
 * compare-open.h - the differences that are open, for those who confirm, count, keep and show them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_COMPARE_OPEN_H
#define INVENTORY_COMPARE_OPEN_H

#include "lib/hash.h"
#include "plugins/inventory/compare.h"

struct past_cells {                   /* of the reference, newest last */
	uint8_t n;
	struct { int64_t cell, until_ms; } of[PAST_MAX];
};
struct difference {                   /* small: all of them are walked in each run */
	uint64_t id;                  /* row * RULES_MAX + rule */
	UT_hash_handle hh;
	int64_t since_ms;             /* not explained since then */
	int64_t moved_ms;             /* the reference changed not before */
	int64_t asked_ms;             /* both sides were read again; 0 = not yet */
	int64_t confirmed_ms;         /* 0 = it may still be on its way */
	bool is_asked;                /* in this round */
	bool is_traced;               /* read again in this round, though it is young: tracer.h */
	struct past_cells *past;      /* NULL: the reference has not changed since */
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

/* A difference on a list that is sorted, with what it is sorted by: by turn, then longest open. */
struct ranked {
	int64_t turn, since_ms;
	uint64_t id;
	struct difference *d;
};
struct ranked ranked_of(struct difference *d, int64_t turn);
/* What stands at place k of the order is put there, and what comes before it before. Time: n. */
void ranked_part(struct ranked *list, size_t n, size_t k);
/* The first ones, at most so many, sorted, at the front; how many. */
size_t ranked_first(struct ranked *list, size_t n, size_t most);

#endif
