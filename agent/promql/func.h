/*
 * func.h - functions: one row each in func.c. Only promql/ includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_PROMQL_FUNC_H
#define AGENT_PROMQL_FUNC_H

#include "agent/promql/ast.h"

struct eval;
struct value;

/* A range vector's samples in one window (start, end]; what a range function judges. */
struct window {
	const int64_t *t;
	const double *v;
	struct hist *const *h;      /* NULL, or one a sample (NULL for a float) */
	size_t n;
	int64_t start, end;         /* of the window, offset applied */
	double param;               /* scalar argument of this step */
	double param2;
};
/* False: no result here. A histogram result goes to *h (owned by the caller), else *v. */
typedef bool window_fn(const struct window *w, double *v, struct hist **h);
typedef double scalar_fn(double v);

struct function {
	const char *name;
	const char
	    *args; /* one letter each: v vector, m matrix, s scalar, t text; upper case: optional */
	bool variadic;              /* the last one repeats */
	enum promql_type type;
	bool keeps_name;
	window_fn *window;          /* of a matrix */
	scalar_fn *map;             /* of a vector */
	int (*special)(struct eval *e, const struct node *n, struct value *out);
};
const struct function *function_find(const char *name, size_t len);

/* func-range.c */
window_fn w_rate, w_irate, w_increase, w_delta, w_idelta, w_deriv, w_predict_linear, w_changes,
    w_resets, w_avg, w_sum, w_min, w_max, w_count, w_last, w_first, w_present, w_stddev, w_stdvar,
    w_quantile, w_mad, w_holt_winters, w_ts_of_last, w_ts_of_first, w_ts_of_min, w_ts_of_max;

#endif
