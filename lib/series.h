/*
 * series.h - what a query reads: samples of series, and the one door through which they are read.
 *
 * A storage (the SQLite store, a test's memory) is a `struct querier`; the PromQL engine knows
 * nothing else. Times are wall-clock milliseconds since 1970 UTC. A stale marker is the NaN with
 * the bits of STALE_NAN.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_SERIES_H
#define LIB_SERIES_H

#include "lib/hist.h"
#include "lib/labels.h"

#define STALE_NAN_BITS UINT64_C(0x7ff0000000000002)
double stale_nan(void);
bool is_stale(double v);            /* by bits: an ordinary NaN is a value */

enum match_op { MATCH_EQ, MATCH_NE, MATCH_RE, MATCH_NRE };

struct matcher {
	enum match_op op;
	char *name, *value;             /* owned */
	void *re; /* compiled PCRE2, anchored \A(?:...)\z; NULL for EQ and NE */
};
/* Compiles; match and depth limits are set. -EINVAL (bad regexp, with a text in err) or -ENOMEM. */
int matcher_init(struct matcher *m, enum match_op op, const char *name, const char *value,
    char *err, size_t err_cap);
void matcher_clear(struct matcher *m);
bool matcher_ok(const struct matcher *m, const char *value);         /* "" for an absent label */
bool matchers_ok(const struct matcher *m, size_t n, const struct labels *l);

struct series {
	struct labels *labels;          /* one reference owned */
	size_t n;
	int64_t *t_ms;                  /* n ascending stamps, owned */
	double *v;                      /* n values, owned; where h[i] is set, v[i] is unused */
	struct hist **h;                /* NULL, or n pointers (owned), NULL for a float sample */
};

struct series_set {
	struct series *at;
	size_t n, cap;
	size_t samples;                 /* over all series: what a query's ceiling counts */
};
int series_set_add(
    struct series_set *s, const struct labels *l, struct series **out); /* 0, -ENOMEM */
int series_append(
    struct series *s, size_t *cap, int64_t t_ms, double v, const struct hist *h); /* h copied */
void series_set_clear(struct series_set *s);

struct querier {
	void *ctx;
	/* Series that match, with their samples in [from_ms, to_ms]; nothing outside, stale markers
	 * included, at most max_samples (-E2BIG past it). A snapshot: two calls may see different
	 * states. Blocks on disk. from_ms > to_ms asks for the labels alone. `cancelled` is asked
	 * now and then and may be NULL
	 * (-ECANCELED). The result is the caller's to clear, also on error. */
	int (*select)(void *ctx, const struct matcher *m, size_t n, int64_t from_ms, int64_t to_ms,
	    size_t max_samples, bool (*cancelled)(void *), void *cancel_arg,
	    struct series_set *out);
};

#endif
