/*
 * points.h - the notation of PromQL test scripts: series and their points.
 *
 * A point is `1`, `_` (nothing), `stale`, `a+bxN`, `a-bxN`, `axN`, `_xN`, or a histogram in {{ }}
 * with the same expansions. Single-threaded; memory is bounded by the scripts, which are our own
 * files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_PROMQLTEST_POINTS_H
#define TESTS_PROMQLTEST_POINTS_H

#include "lib/series.h"

struct point {
	bool there;
	double v;
	struct hist *h;         /* NULL for a float */
};

struct points {
	struct point *at;
	size_t n, cap;
};

/* Both move *text on. 0, or -EINVAL. */
int points_series(const char **text, struct labels **out);
int points_values(const char **text, struct points *out);
void points_clear(struct points *p);
/* One number as scripts write it (+Inf, NaN, 0x1f, 1e3); false where there is none. */
bool points_number(const char **text, double *v);
/* "5m", "10s53ms", "100": milliseconds; seconds where no unit is given. */
bool points_time(const char **text, int64_t *ms);

/* The in-memory storage. */
struct memory {
	struct series_set set;
	size_t *caps;           /* one a series */
	size_t n_caps;
};
int memory_add(
    struct memory *m, const struct labels *l, int64_t t_ms, double v, const struct hist *h);
void memory_clear(struct memory *m);
struct querier memory_querier(struct memory *m);
/* For each family of classic buckets a histogram with custom bounds, as load_with_nhcb asks. */
int memory_add_nhcb(struct memory *m);

#endif
