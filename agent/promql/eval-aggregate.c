/*
 * eval-aggregate.c - sum by (...) and its kin.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/promql/eval.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct group {
	struct labels *labels;
	size_t *members;        /* into the input */
	size_t n, cap;
};

struct groups {
	struct group *at;
	size_t n, cap;
};

static int
group_labels(const struct node *n, const struct labels *l, struct labels **out)
{
	const char *names[LABELS_MAX + 1];
	size_t k = 0;

	for (size_t i = 0; i < n->n_labels && k < LABELS_MAX; i++)
		names[k++] = n->labels[i];
	if (n->without)
		names[k++] = LABEL_NAME;
	return labels_pick(out, l, names, k, !n->without);
}

static int
add_member(struct groups *g, struct labels *l, size_t member)
{
	struct group *to = NULL;

	for (size_t i = 0; i < g->n && to == NULL; i++)
		if (labels_equal(g->at[i].labels, l))
			to = &g->at[i];
	if (to == NULL) {
		struct group *at = reallocarray(g->at, g->n + 1, sizeof(*at));

		if (at == NULL)
			return -ENOMEM;
		g->at = at;
		to = &g->at[g->n++];
		*to = (struct group){.labels = labels_ref(l)};
	}
	if (to->n == to->cap) {
		size_t cap = to->cap > 0 ? to->cap * 2 : 8,
		       *members = reallocarray(to->members, cap, sizeof(size_t));

		if (members == NULL)
			return -ENOMEM;
		to->members = members;
		to->cap = cap;
	}
	to->members[to->n++] = member;
	return 0;
}

static void
groups_clear(struct groups *g)
{
	for (size_t i = 0; i < g->n; i++) {
		labels_unref(g->at[i].labels);
		free(g->at[i].members);
	}
	free(g->at);
}

/* ---- one step of one group ---- */

/* Sums keep what a double loses (Kahan, Neumaier): a million cents must not drift. */
static double
exact_sum(const double *x, size_t n)
{
	double sum = 0, lost = 0;

	for (size_t i = 0; i < n; i++) {
		double t = sum + x[i];

		if (isinf(t))
			lost = 0;
		else if (fabs(sum) >= fabs(x[i]))
			lost += (sum - t) + x[i];
		else
			lost += (x[i] - t) + sum;
		sum = t;
	}
	return isinf(sum) ? sum : sum + lost;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	if (isnan(x) || isnan(y))
		return isnan(y) - isnan(x);
	return (x > y) - (x < y);
}

static double
quantile(double q, double *x, size_t n)
{
	double rank, low;

	if (n == 0 || isnan(q))
		return NAN;
	if (q < 0 || q > 1)
		return q < 0 ? -INFINITY : INFINITY;
	qsort(x, n, sizeof(*x), ascending);
	rank = q * (double)(n - 1);
	low = floor(rank);
	return x[(size_t)low] * (1 - (rank - low))
	       + x[(size_t)fmin(low + 1, (double)(n - 1))] * (rank - low);
}

static double
spread(const double *x, size_t n)
{
	double mean = 0, m2 = 0;

	for (size_t i = 0; i < n; i++) {
		double d = x[i] - mean;

		mean += d / (double)(i + 1);
		m2 += d * (x[i] - mean);
	}
	return m2 / (double)n;
}

static double
extreme(const double *x, size_t n, bool most)
{
	double r = x[0];

	for (size_t i = 1; i < n; i++)
		if (isnan(r) || (most ? x[i] > r : x[i] < r))
			r = x[i];
	return r;
}

static double
mean_of(const double *x, size_t n)
{
	double sum = exact_sum(x, n);

	/* Values near the largest double: their sum is infinite, their mean is not. */
	if (isinf(sum)) {
		double mean = 0;

		for (size_t i = 0; i < n; i++) {
			if (isinf(x[i]))
				return sum;
			mean += x[i] / (double)n;
		}
		return mean;
	}
	return sum / (double)n;
}

static double
combine(enum agg agg, double *x, size_t n, double param)
{
	switch (agg) {
	case AGG_SUM: return exact_sum(x, n);
	case AGG_AVG: return mean_of(x, n);
	case AGG_MIN: return extreme(x, n, false);
	case AGG_MAX: return extreme(x, n, true);
	case AGG_COUNT: return (double)n;
	case AGG_GROUP: return 1;
	case AGG_STDVAR: return spread(x, n);
	case AGG_STDDEV: return sqrt(spread(x, n));
	default: return quantile(param, x, n);
	}
}

/* Sum or mean of histograms; those that do not fit together give nothing. */
static int
combine_hists(struct eval *e, enum agg agg, const struct value *in, const struct group *g, size_t k,
    struct vseries *to)
{
	struct hist *sum = NULL;
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct vseries *s = &in->at[g->members[i]];

		if (!s->has[k] || s->h == NULL || s->h[k] == NULL)
			continue;
		n++;
		if (sum == NULL)
			sum = hist_new_copy(s->h[k]);
		else if (hist_add(sum, s->h[k], 1) != 0)
			n = SIZE_MAX / 2;
	}
	if (sum == NULL || n >= SIZE_MAX / 2) {
		hist_free(sum);
		return 0;
	}
	if (agg == AGG_AVG) {
		double f = 1 / (double)n;

		for (uint32_t i = 0; i < sum->n_pos; i++)
			sum->pos[i].count *= f;
		for (uint32_t i = 0; i < sum->n_neg; i++)
			sum->neg[i].count *= f;
		sum->zero_count *= f;
		sum->count *= f;
		sum->sum *= f;
	}
	return value_hist(e, to, k, sum);
}

static int
aggregate_step(struct eval *e, const struct node *n, const struct value *in, const struct group *g,
    size_t k, double param, double *x, struct vseries *to)
{
	size_t count = 0, hists = 0;
	bool counts = n->agg == AGG_COUNT || n->agg == AGG_GROUP;

	for (size_t i = 0; i < g->n; i++) {
		const struct vseries *s = &in->at[g->members[i]];

		if (!s->has[k])
			continue;
		if (s->h != NULL && s->h[k] != NULL && !counts)
			hists++;
		else
			x[count++] = s->v[k];
	}
	if (hists > 0 && count == 0 && (n->agg == AGG_SUM || n->agg == AGG_AVG))
		return combine_hists(e, n->agg, in, g, k, to);
	if (count == 0 || (hists > 0 && (n->agg == AGG_SUM || n->agg == AGG_AVG)))
		return 0;
	to->v[k] = combine(n->agg, x, count, param);
	to->has[k] = 1;
	return 0;
}

static int
plain(struct eval *e, const struct node *n, const struct value *in, const struct groups *gs,
    const double *param, struct value *out)
{
	double *x = calloc(in->n + 1, sizeof(double));
	int rc = x != NULL ? 0 : eval_fail(e, -ENOMEM, "out of memory");

	for (size_t i = 0; i < gs->n && rc == 0; i++) {
		struct vseries *to;

		rc = value_add(e, out, gs->at[i].labels, &to);
		for (size_t k = 0; k < e->n_steps && rc == 0; k++)
			rc = aggregate_step(
			    e, n, in, &gs->at[i], k, param != NULL ? param[k] : 0, x, to);
	}
	free(x);
	return rc;
}

/* ---- topk, bottomk: series as they are, the largest of each step ---- */

struct ranked { double v; size_t member; };

static int
descending(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (isnan(x->v) || isnan(y->v))
		return isnan(x->v) - isnan(y->v);
	if (x->v != y->v)
		return x->v < y->v ? 1 : -1;
	return (x->member > y->member) - (x->member < y->member);
}

static void
keep_top(const struct value *in, const struct group *g, size_t k, double count, bool most,
    struct ranked *r, struct value *out)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct vseries *s = &in->at[g->members[i]];

		if (s->has[k] && (s->h == NULL || s->h[k] == NULL))
			r[n++] = (struct ranked){
			    most || isnan(s->v[k]) ? s->v[k] : -s->v[k], g->members[i]};
	}
	qsort(r, n, sizeof(*r), descending);
	for (size_t i = 0; i < n && (double)i + 1 <= count; i++) {
		out->at[r[i].member].has[k] = 1;
		out->at[r[i].member].v[k] = in->at[r[i].member].v[k];
	}
}

static int
top(struct eval *e, const struct node *n, const struct value *in, const struct groups *gs,
    const double *param, struct value *out)
{
	struct ranked *r = calloc(in->n + 1, sizeof(*r));
	int rc = r != NULL ? 0 : eval_fail(e, -ENOMEM, "out of memory");

	for (size_t i = 0; i < in->n && rc == 0; i++) {
		struct vseries *to;

		rc = value_add(e, out, in->at[i].labels, &to);
	}
	for (size_t i = 0; i < gs->n && rc == 0; i++)
		for (size_t k = 0; k < e->n_steps; k++)
			keep_top(in, &gs->at[i], k, param[k], n->agg == AGG_TOPK, r, out);
	free(r);
	return rc;
}

/* ---- count_values ---- */

static int
count_values(struct eval *e, const struct node *n, const struct value *in, const struct groups *gs,
    const char *label, struct value *out)
{
	int rc = 0;

	for (size_t i = 0; i < gs->n && rc == 0; i++)
		for (size_t j = 0; j < gs->at[i].n && rc == 0; j++) {
			const struct vseries *s = &in->at[gs->at[i].members[j]];

			for (size_t k = 0; k < e->n_steps && rc == 0; k++) {
				struct label pair = {label, NULL};
				struct labels *l;
				struct vseries *to = NULL;
				char text[40];

				if (!s->has[k] || (s->h != NULL && s->h[k] != NULL))
					continue;
				for (int digits = 1; digits <= 17; digits++) {
					snprintf(text, sizeof(text), "%.*g", digits, s->v[k]);
					if (strtod(text, NULL) == s->v[k])
						break;
				}
				if (isinf(s->v[k]))
					snprintf(text, sizeof(text), s->v[k] > 0 ? "+Inf" : "-Inf");
				pair.value = isnan(s->v[k]) ? "NaN" : text;
				if ((rc = labels_with(&l, gs->at[i].labels, &pair, 1)) != 0)
					break;
				for (size_t m = 0; m < out->n && to == NULL; m++)
					if (labels_equal(out->at[m].labels, l))
						to = &out->at[m];
				if (to == NULL)
					rc = value_add(e, out, l, &to);
				labels_unref(l);
				if (rc == 0) {
					to->has[k] = 1;
					to->v[k]++;
				}
			}
		}
	(void)n;
	return rc;
}

int
eval_aggregate(struct eval *e, const struct node *n, struct value *out)
{
	struct value in = {0}, param = {0};
	struct groups gs = {0};
	int rc = eval_node(e, n->args[n->n_args - 1], &in);

	out->type = PROMQL_VECTOR;
	if (rc == 0 && n->n_args == 2)
		rc = eval_node(e, n->args[0], &param);
	for (size_t i = 0; i < in.n && rc == 0; i++) {
		struct labels *l;

		if ((rc = group_labels(n, in.at[i].labels, &l)) != 0)
			break;
		rc = add_member(&gs, l, i);
		labels_unref(l);
	}
	if (rc == 0 && (n->agg == AGG_TOPK || n->agg == AGG_BOTTOMK))
		rc = top(e, n, &in, &gs, param.scalar, out);
	else if (rc == 0 && n->agg == AGG_COUNT_VALUES && !label_name_ok(param.string))
		rc = eval_fail(e, -EDOM, "invalid label name \"%.80s\"", param.string);
	else if (rc == 0 && n->agg == AGG_COUNT_VALUES)
		rc = count_values(e, n, &in, &gs, param.string, out);
	else if (rc == 0)
		rc = plain(e, n, &in, &gs, param.scalar, out);
	groups_clear(&gs);
	value_clear(e, &in);
	value_clear(e, &param);
	return rc;
}
