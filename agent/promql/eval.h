/*
 * eval.h - values during an evaluation. Only promql/ includes it.
 *
 * DESIGN. An expression is evaluated for all steps of a range at once: each selector reads the
 * storage once, and a value holds, for each series, one slot a step. So a range query costs one
 * pass over its samples, not one a step.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_PROMQL_EVAL_H
#define AGENT_PROMQL_EVAL_H

#include "agent/promql/func.h"

struct vseries {
	struct labels *labels;      /* one reference owned */
	double *v;                  /* n_steps */
	uint8_t *has;               /* n_steps: is there a value at this step? */
	struct hist **h;            /* NULL, or n_steps (owned; NULL where the value is a float) */
};

struct value {
	enum promql_type type;      /* scalar, string or vector; a matrix never becomes a value */
	struct vseries *at;
	size_t n, cap;
	double *scalar;             /* n_steps */
	const char *string;         /* into the tree */
};

struct eval {
	const struct promql_opts *opts;
	const struct querier *q;
	int64_t start, end, step;   /* of the steps: step n is at start + n * step */
	size_t n_steps;
	int64_t query_start, query_end; /* what @ start() and end() mean, inside subqueries too */
	int64_t lookback;
	size_t samples;             /* held, over all values and series */
	struct promql_error *err;
	struct promql_result *notes; /* where warnings and infos go */
	int depth;
};

static inline int64_t
step_time(const struct eval *e, size_t i)
{
	return e->start + (int64_t)i * e->step;
}

/* All: 0, or a negative code with e->err filled; what `out` holds is the caller's to clear in both
 * cases. */
int eval_node(struct eval *e, const struct node *n, struct value *out);
int eval_binary(struct eval *e, const struct node *n, struct value *out);    /* eval-binary.c */
int eval_aggregate(struct eval *e, const struct node *n, struct value *out); /* eval-aggregate.c */
int eval_call(struct eval *e, const struct node *n, struct value *out);      /* func.c */
/* The raw samples of a matrix argument and the offset of its windows. */
int eval_matrix(struct eval *e, const struct node *n, struct series_set *out);
int64_t eval_window_end(const struct eval *e, const struct node *n, size_t step);

int eval_fail(struct eval *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Once a text; kept with the result. */
void eval_note(const struct eval *e, bool is_warning, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int value_scalar(struct eval *e, struct value *v);                           /* makes room */
int value_add(struct eval *e, struct value *v, const struct labels *l, struct vseries **out);
int value_hist(struct eval *e, struct vseries *s, size_t step, struct hist *h); /* takes h */
void value_clear(struct eval *e, struct value *v);
void vseries_drop(
    const struct eval *e, struct vseries *s, size_t step); /* no value there any more */
int labels_drop_name(const struct labels *l, struct labels **out);
/* Two series with the same labels and a value at the same step: an error; disjoint ones become one.
 */
int value_merge_equal(struct eval *e, struct value *v);

#endif
