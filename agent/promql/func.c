/*
 * func.c - the table of functions, and how a row is called.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/promql/eval.h"
#include "agent/promql/func-special.h"

static double sgn(double v) { return isnan(v) ? v : (double)((v > 0) - (v < 0)); }
static double deg(double v) { return v * 180 / M_PI; }
static double rad(double v) { return v * M_PI / 180; }

#define WINDOW(name_, fn_, ...)                                                                    \
	{                                                                                          \
		.name = name_, .args = "m", .type = PROMQL_VECTOR, .window = fn_, __VA_ARGS__      \
	}
#define MAP(name_, fn_) {.name = name_, .args = "v", .type = PROMQL_VECTOR, .map = fn_}
#define SPECIAL(name_, args_, fn_, ...)                                                            \
	{                                                                                          \
		.name = name_, .args = args_, .type = PROMQL_VECTOR, .special = fn_, __VA_ARGS__   \
	}
#define SCALAR(name_, args_, fn_)                                                                  \
	{                                                                                          \
		.name = name_, .args = args_, .type = PROMQL_SCALAR, .special = fn_                \
	}

static const struct function table[] = {
    MAP("abs", fabs),
    MAP("ceil", ceil),
    MAP("floor", floor),
    MAP("exp", exp),
    MAP("ln", log),
    MAP("log2", log2),
    MAP("log10", log10),
    MAP("sqrt", sqrt),
    MAP("sgn", sgn),
    MAP("deg", deg),
    MAP("rad", rad),
    MAP("sin", sin),
    MAP("cos", cos),
    MAP("tan", tan),
    MAP("asin", asin),
    MAP("acos", acos),
    MAP("atan", atan),
    MAP("sinh", sinh),
    MAP("cosh", cosh),
    MAP("tanh", tanh),
    MAP("asinh", asinh),
    MAP("acosh", acosh),
    MAP("atanh", atanh),
    WINDOW("rate", w_rate),
    WINDOW("irate", w_irate),
    WINDOW("increase", w_increase),
    WINDOW("delta", w_delta),
    WINDOW("idelta", w_idelta),
    WINDOW("deriv", w_deriv),
    WINDOW("changes", w_changes),
    WINDOW("resets", w_resets),
    WINDOW("avg_over_time", w_avg),
    WINDOW("sum_over_time", w_sum),
    WINDOW("min_over_time", w_min),
    WINDOW("max_over_time", w_max),
    WINDOW("count_over_time", w_count),
    WINDOW("stddev_over_time", w_stddev),
    WINDOW("stdvar_over_time", w_stdvar),
    WINDOW("present_over_time", w_present),
    WINDOW("mad_over_time", w_mad),
    WINDOW("last_over_time", w_last, .keeps_name = true),
    WINDOW("first_over_time", w_first, .keeps_name = true),
    WINDOW("ts_of_last_over_time", w_ts_of_last),
    WINDOW("ts_of_first_over_time", w_ts_of_first),
    WINDOW("ts_of_min_over_time", w_ts_of_min),
    WINDOW("ts_of_max_over_time", w_ts_of_max),
    {.name = "quantile_over_time", .args = "sm", .type = PROMQL_VECTOR, .window = w_quantile},
    {.name = "predict_linear", .args = "ms", .type = PROMQL_VECTOR, .window = w_predict_linear},
    {.name = "double_exponential_smoothing",
	.args = "mss",
	.type = PROMQL_VECTOR,
	.window = w_holt_winters},
    {.name = "holt_winters", .args = "mss", .type = PROMQL_VECTOR, .window = w_holt_winters},
    SPECIAL("absent", "v", f_absent),
    SPECIAL("absent_over_time", "m", f_absent_over_time),
    SPECIAL("clamp", "vss", f_clamp),
    SPECIAL("clamp_max", "vs", f_clamp),
    SPECIAL("clamp_min", "vs", f_clamp),
    SPECIAL("day_of_month", "V", f_date),
    SPECIAL("day_of_week", "V", f_date),
    SPECIAL("day_of_year", "V", f_date),
    SPECIAL("days_in_month", "V", f_date),
    SPECIAL("hour", "V", f_date),
    SPECIAL("minute", "V", f_date),
    SPECIAL("month", "V", f_date),
    SPECIAL("year", "V", f_date),
    SPECIAL("histogram_avg", "v", f_hist_part),
    SPECIAL("histogram_count", "v", f_hist_part),
    SPECIAL("histogram_sum", "v", f_hist_part),
    SPECIAL("histogram_stddev", "v", f_hist_part),
    SPECIAL("histogram_stdvar", "v", f_hist_part),
    SPECIAL("histogram_fraction", "ssv", f_hist_fraction),
    SPECIAL("histogram_quantile", "sv", f_hist_quantile),
    SPECIAL("label_join", "vttt", f_label_join, .variadic = true),
    SPECIAL("label_replace", "vtttt", f_label_replace),
    SCALAR("pi", "", f_pi),
    SPECIAL("round", "vS", f_round),
    SCALAR("scalar", "v", f_scalar),
    SPECIAL("sort", "v", f_sort),
    SPECIAL("sort_desc", "v", f_sort),
    SCALAR("time", "", f_time),
    SPECIAL("timestamp", "v", f_timestamp),
    SPECIAL("vector", "s", f_vector),
};

const struct function *
function_find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

/* ---- of a vector ---- */

static int
call_map(struct eval *e, const struct node *n, struct value *out)
{
	int rc = eval_node(e, n->args[0], out);

	for (size_t i = 0; i < out->n && rc == 0; i++) {
		struct vseries *s = &out->at[i];
		struct labels *bare;

		if ((rc = labels_drop_name(s->labels, &bare)) != 0)
			break;
		labels_unref(s->labels);
		s->labels = bare;
		for (size_t k = 0; k < e->n_steps; k++) {
			if (s->h != NULL && s->h[k] != NULL)
				vseries_drop(e, s, k);
			else if (s->has[k])
				s->v[k] = n->function->map(s->v[k]);
		}
	}
	return rc == 0 ? value_merge_equal(e, out) : rc;
}

/* ---- of a range ---- */

struct range_call {
	const struct node *matrix;      /* parentheses taken off */
	struct value param[2];
	int n_params;
};

static int
window_step(struct eval *e, const struct node *n, const struct range_call *c,
    const struct series *s, size_t k, size_t *low, struct vseries *to)
{
	struct window w = {.end = eval_window_end(e, c->matrix, k)};
	struct hist *h = NULL;
	size_t high;
	double v = 0;

	w.start = w.end - c->matrix->range_ms;
	/* Windows move forwards with the steps, but for @, where they stand still. */
	while (*low > 0 && s->t_ms[*low - 1] > w.start)
		(*low)--;
	while (*low < s->n && s->t_ms[*low] <= w.start)
		(*low)++;
	for (high = *low; high < s->n && s->t_ms[high] <= w.end; high++)
		;
	if (high == *low)
		return 0;
	w.t = s->t_ms + *low;
	w.v = s->v + *low;
	w.h = s->h != NULL ? s->h + *low : NULL;
	w.n = high - *low;
	w.param = c->n_params > 0 ? c->param[0].scalar[k] : 0;
	w.param2 = c->n_params > 1 ? c->param[1].scalar[k] : 0;
	if (!n->function->window(&w, &v, &h))
		return 0;
	if (h != NULL)
		return value_hist(e, to, k, h);
	to->v[k] = v;
	to->has[k] = 1;
	return 0;
}

static int
call_series(struct eval *e, const struct node *n, const struct range_call *c,
    const struct series *s, struct value *out)
{
	struct labels *l;
	struct vseries *to = NULL;
	size_t low = 0;
	int rc = 0;

	if (n->function->keeps_name)
		l = labels_ref(s->labels);
	else if ((rc = labels_drop_name(s->labels, &l)) != 0)
		return rc;
	rc = value_add(e, out, l, &to);
	labels_unref(l);
	for (size_t k = 0; k < e->n_steps && rc == 0; k++)
		rc = window_step(e, n, c, s, k, &low, to);
	return rc;
}

static int
call_window(struct eval *e, const struct node *n, struct value *out)
{
	struct range_call c = {0};
	struct series_set set = {0};
	int rc = 0;

	out->type = PROMQL_VECTOR;
	for (size_t i = 0; i < n->n_args && rc == 0; i++) {
		if (n->args[i]->type == PROMQL_MATRIX)
			c.matrix = n->args[i];
		else
			rc = eval_node(e, n->args[i], &c.param[c.n_params++]);
	}
	while (c.matrix->kind == N_PAREN)
		c.matrix = c.matrix->child[0];
	if (rc == 0)
		rc = eval_matrix(e, c.matrix, &set);
	for (size_t i = 0; i < set.n && rc == 0; i++)
		rc = call_series(e, n, &c, &set.at[i], out);
	e->samples -= set.samples < e->samples ? set.samples : e->samples;
	series_set_clear(&set);
	for (int i = 0; i < c.n_params; i++)
		value_clear(e, &c.param[i]);
	return rc == 0 ? value_merge_equal(e, out) : rc;
}

int
eval_call(struct eval *e, const struct node *n, struct value *out)
{
	const struct function *f = n->function;

	if (f->special != NULL)
		return f->special(e, n, out);
	return f->window != NULL ? call_window(e, n, out) : call_map(e, n, out);
}
