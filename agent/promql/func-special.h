/*
 * func-special.h - functions that are neither a map nor a window. Only promql/ includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_PROMQL_FUNC_SPECIAL_H
#define AGENT_PROMQL_FUNC_SPECIAL_H

#include "agent/promql/eval.h"

typedef int special_fn(struct eval *e, const struct node *n, struct value *out);
special_fn f_absent, f_absent_over_time, f_clamp, f_date, f_label_join, f_label_replace, f_pi,
    f_round, f_scalar, f_sort, f_time, f_timestamp, f_vector;       /* func-special.c */
special_fn f_hist_part, f_hist_fraction, f_hist_quantile;           /* func-hist.c */

/* Evaluates the first argument and takes the names off. */
int special_bare(struct eval *e, const struct node *arg, struct value *out);

#endif
