/*
 * eval.c - selectors, subqueries, and the walk over the tree.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/promql/eval.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBQUERY_STEP_MS 60000 /* when [5m:] names none: Prometheus' default evaluation interval */

int
eval_fail(struct eval *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (e->err->code == 0) {
		e->err->code = code;
		va_start(ap, fmt);
		vsnprintf(e->err->text, sizeof(e->err->text), fmt, ap);
		va_end(ap);
	}
	return code;
}

void
eval_note(const struct eval *e, bool is_warning, const char *fmt, ...)
{
	struct promql_result *r = e->notes;
	struct promql_note note = {.is_warning = is_warning};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note.text, sizeof(note.text), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < r->n_notes; i++)
		if (strcmp(r->notes[i].text, note.text) == 0)
			return;
	if (r->n_notes < PROMQL_NOTES_MAX)
		r->notes[r->n_notes++] = note;
}

/* ---- values ---- */

static int
charge(struct eval *e, size_t samples)
{
	size_t max = e->opts->max_samples > 0 ? e->opts->max_samples : PROMQL_SAMPLES_MAX;

	e->samples += samples;
	if (e->samples > max)
		return eval_fail(e, -E2BIG,
		    "query processing would load too many samples into memory (more than %zu)",
		    max);
	if (e->opts->cancelled != NULL && e->opts->cancelled(e->opts->cancel_arg))
		return eval_fail(e, -ECANCELED, "query timed out");
	return 0;
}

int
value_scalar(struct eval *e, struct value *v)
{
	v->type = PROMQL_SCALAR;
	v->scalar = calloc(e->n_steps, sizeof(double));
	return v->scalar != NULL ? charge(e, e->n_steps) : eval_fail(e, -ENOMEM, "out of memory");
}

int
value_add(struct eval *e, struct value *v, const struct labels *l, struct vseries **out)
{
	struct vseries s = {0};

	v->type = PROMQL_VECTOR;
	if (v->n == v->cap) {
		size_t cap = v->cap > 0 ? v->cap * 2 : 8;
		struct vseries *at = reallocarray(v->at, cap, sizeof(*at));

		if (at == NULL)
			return eval_fail(e, -ENOMEM, "out of memory");
		v->at = at;
		v->cap = cap;
	}
	s.v = calloc(e->n_steps, sizeof(double));
	s.has = calloc(e->n_steps, 1);
	if (s.v == NULL || s.has == NULL) {
		free(s.v);
		free(s.has);
		return eval_fail(e, -ENOMEM, "out of memory");
	}
	s.labels = labels_ref(l);
	v->at[v->n] = s;
	*out = &v->at[v->n++];
	return charge(e, e->n_steps);
}

int
value_hist(struct eval *e, struct vseries *s, size_t step, struct hist *h)
{
	if (s->h == NULL && (s->h = calloc(e->n_steps, sizeof(struct hist *))) == NULL) {
		hist_free(h);
		return eval_fail(e, -ENOMEM, "out of memory");
	}
	hist_free(s->h[step]);
	s->h[step] = h;
	s->has[step] = 1;
	return 0;
}

void
vseries_drop(const struct eval *e, struct vseries *s, size_t step)
{
	(void)e;
	s->has[step] = 0;
	if (s->h != NULL) {
		hist_free(s->h[step]);
		s->h[step] = NULL;
	}
}

static void
vseries_clear(const struct eval *e, struct vseries *s)
{
	for (size_t i = 0; s->h != NULL && i < e->n_steps; i++)
		hist_free(s->h[i]);
	labels_unref(s->labels);
	free(s->v);
	free(s->has);
	free(s->h);
}

void
value_clear(struct eval *e, struct value *v)
{
	for (size_t i = 0; i < v->n; i++)
		vseries_clear(e, &v->at[i]);
	e->samples -= v->n * e->n_steps < e->samples ? v->n * e->n_steps : e->samples;
	free(v->at);
	free(v->scalar);
	*v = (struct value){0};
}

int
labels_drop_name(const struct labels *l, struct labels **out)
{
	static const char *const name[] = {LABEL_NAME};

	return labels_pick(out, l, name, 1, false);
}

static int
by_labels(const void *a, const void *b)
{
	return labels_cmp(((const struct vseries *)a)->labels, ((const struct vseries *)b)->labels);
}

static bool
overlap(const struct eval *e, const struct vseries *a, const struct vseries *b)
{
	for (size_t i = 0; i < e->n_steps; i++)
		if (a->has[i] && b->has[i])
			return true;
	return false;
}

static int
join(struct eval *e, struct vseries *to, struct vseries *from)
{
	for (size_t i = 0; i < e->n_steps; i++) {
		if (!from->has[i])
			continue;
		to->v[i] = from->v[i];
		to->has[i] = 1;
		if (from->h != NULL && from->h[i] != NULL) {
			if (value_hist(e, to, i, from->h[i]) != 0)
				return -ENOMEM;
			from->h[i] = NULL;
		}
	}
	return 0;
}

int
value_merge_equal(struct eval *e, struct value *v)
{
	size_t kept = 0;
	int rc = 0;

	if (v->n < 2)
		return 0;
	qsort(v->at, v->n, sizeof(v->at[0]), by_labels);
	for (size_t i = 0; i < v->n; i++) {
		if (kept == 0 || !labels_equal(v->at[kept - 1].labels, v->at[i].labels)) {
			v->at[kept++] = v->at[i];
			continue;
		}
		if (overlap(e, &v->at[kept - 1], &v->at[i]))
			rc = eval_fail(
			    e, -EDOM, "vector cannot contain metrics with the same labelset");
		else if (join(e, &v->at[kept - 1], &v->at[i]) != 0)
			rc = -ENOMEM;
		vseries_clear(e, &v->at[i]);
	}
	v->n = kept;
	return rc;
}

/* ---- selectors ---- */

static int64_t
evaluated_at(const struct eval *e, const struct node *n, size_t step)
{
	switch (n->at_kind) {
	case AT_TIME: return n->at_ms - n->offset_ms;
	case AT_START: return e->query_start - n->offset_ms;
	case AT_END: return e->query_end - n->offset_ms;
	default: return step_time(e, step) - n->offset_ms;
	}
}

int64_t
eval_window_end(const struct eval *e, const struct node *n, size_t step)
{
	while (n->kind == N_PAREN)
		n = n->child[0];
	return evaluated_at(e, n, step);
}

static int
by_series(const void *a, const void *b)
{
	return labels_cmp(((const struct series *)a)->labels, ((const struct series *)b)->labels);
}

/* All samples in (first - before, last]. */
static int
fetch(struct eval *e, const struct node *n, int64_t before_ms, struct series_set *out)
{
	int64_t from = evaluated_at(e, n, 0) - before_ms, to = evaluated_at(e, n, e->n_steps - 1);
	size_t max = e->opts->max_samples > 0 ? e->opts->max_samples : PROMQL_SAMPLES_MAX;
	int rc = e->q->select(e->q->ctx, n->matchers, n->n_matchers, from + 1, to, max,
	    e->opts->cancelled, e->opts->cancel_arg, out);

	if (rc == -E2BIG)
		return eval_fail(e, rc,
		    "query processing would load too many samples into memory (more than %zu)",
		    max);
	if (rc == -ECANCELED)
		return eval_fail(e, rc, "query timed out");
	if (rc != 0)
		return eval_fail(e, rc, "the storage cannot be read: %s", strerror(-rc));
	if (out->n > 1)
		qsort(out->at, out->n, sizeof(out->at[0]), by_series);
	return charge(e, out->samples);
}

/* For each step the newest sample in (t - lookback, t], unless it is a stale marker. */
static int
pick(struct eval *e, const struct node *n, const struct series *s, struct vseries *to, bool *any)
{
	size_t k = 0;

	for (size_t i = 0; i < e->n_steps; i++) {
		int64_t t = evaluated_at(e, n, i);

		if (k > 0 && s->t_ms[k - 1] > t)
			k = 0;
		while (k < s->n && s->t_ms[k] <= t)
			k++;
		if (k == 0 || s->t_ms[k - 1] <= t - e->lookback)
			continue;
		if (s->h != NULL && s->h[k - 1] != NULL) {
			if (is_stale(s->h[k - 1]->sum))
				continue;
			if (value_hist(e, to, i, hist_new_copy(s->h[k - 1])) != 0)
				return -ENOMEM;
		} else if (is_stale(s->v[k - 1])) {
			continue;
		}
		to->v[i] = s->v[k - 1];
		to->has[i] = 1;
		*any = true;
	}
	return 0;
}

static int
eval_selector(struct eval *e, const struct node *n, struct value *out)
{
	struct series_set set = {0};
	int rc = fetch(e, n, e->lookback, &set);

	out->type = PROMQL_VECTOR;
	for (size_t i = 0; i < set.n && rc == 0; i++) {
		struct vseries *s;
		bool any = false;

		if ((rc = value_add(e, out, set.at[i].labels, &s)) == 0)
			rc = pick(e, n, &set.at[i], s, &any);
		if (rc == 0 && !any) {
			vseries_clear(e, s);
			out->n--;
		}
	}
	e->samples -= set.samples < e->samples ? set.samples : e->samples;
	series_set_clear(&set);
	return rc;
}

/* ---- ranges ---- */

/* Stale markers end a series; a window does not see them. */
static void
drop_stale(struct series *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		bool hist = s->h != NULL && s->h[i] != NULL;

		if (hist ? is_stale(s->h[i]->sum) : is_stale(s->v[i])) {
			if (hist)
				hist_free(s->h[i]);
			continue;
		}
		s->t_ms[kept] = s->t_ms[i];
		s->v[kept] = s->v[i];
		if (s->h != NULL)
			s->h[kept] = s->h[i];
		kept++;
	}
	s->n = kept;
}

static int64_t
floor_to(int64_t t, int64_t step)
{
	int64_t rest = t % step;

	return t - (rest < 0 ? rest + step : rest);
}

static int
value_to_set(const struct eval *e, const struct value *v, struct series_set *out)
{
	int rc = 0;

	for (size_t i = 0; i < v->n && rc == 0; i++) {
		struct series *s;
		size_t cap = 0;

		if ((rc = series_set_add(out, v->at[i].labels, &s)) != 0)
			break;
		for (size_t k = 0; k < e->n_steps && rc == 0; k++)
			if (v->at[i].has[k]) {
				rc = series_append(s, &cap, step_time(e, k), v->at[i].v[k],
				    v->at[i].h != NULL ? v->at[i].h[k] : NULL);
				out->samples++;
			}
		if (s->n == 0) {
			labels_unref(s->labels);
			free(s->t_ms);
			free(s->v);
			free(s->h);
			out->n--;
		}
	}
	return rc;
}

/* A subquery is its inner expression at times of its own: multiples of its step, over all windows.
 */
static int
eval_subquery(struct eval *e, const struct node *n, struct series_set *out)
{
	int64_t step = n->step_ms > 0 ? n->step_ms : SUBQUERY_STEP_MS;
	int64_t from = evaluated_at(e, n, 0) - n->range_ms, to = evaluated_at(e, n, e->n_steps - 1);
	struct eval inner = *e;
	struct value v = {0};
	int rc;

	inner.start = floor_to(from, step) + step;
	inner.end = floor_to(to, step);
	inner.step = step;
	if (inner.end < inner.start)
		return 0;
	inner.n_steps = (size_t)((inner.end - inner.start) / step) + 1;
	if (inner.n_steps > 4 * PROMQL_STEPS_MAX)
		return eval_fail(
		    e, -E2BIG, "the subquery has more than %d steps", 4 * PROMQL_STEPS_MAX);
	rc = eval_node(&inner, n->child[0], &v);
	if (rc == 0)
		rc = value_to_set(&inner, &v, out);
	value_clear(&inner, &v);
	return rc;
}

int
eval_matrix(struct eval *e, const struct node *n, struct series_set *out)
{
	int rc;

	while (n->kind == N_PAREN)
		n = n->child[0];
	if (n->kind == N_SUBQUERY)
		return eval_subquery(e, n, out);
	rc = fetch(e, n, n->range_ms, out);
	for (size_t i = 0; i < out->n; i++)
		drop_stale(&out->at[i]);
	return rc;
}

/* ---- the walk ---- */

static int
eval_unary(struct eval *e, const struct node *n, struct value *out)
{
	int rc = eval_node(e, n->child[0], out);

	if (rc != 0)
		return rc;
	for (size_t k = 0; out->type == PROMQL_SCALAR && k < e->n_steps; k++)
		out->scalar[k] = -out->scalar[k];
	for (size_t i = 0; i < out->n && rc == 0; i++) {
		struct vseries *s = &out->at[i];
		struct labels *bare;

		if ((rc = labels_drop_name(s->labels, &bare)) != 0)
			return rc;
		labels_unref(s->labels);
		s->labels = bare;
		for (size_t k = 0; k < e->n_steps; k++) {
			struct hist zero;

			s->v[k] = -s->v[k];
			if (s->h == NULL || s->h[k] == NULL)
				continue;
			/* -h is h - 2h: hist_add is the one place that knows buckets. */
			if (hist_copy(&zero, s->h[k]) == 0) {
				(void)hist_add(s->h[k], &zero, -1);
				(void)hist_add(s->h[k], &zero, -1);
				hist_clear(&zero);
			}
		}
	}
	return value_merge_equal(e, out);
}

static int
eval_number(struct eval *e, double v, struct value *out)
{
	int rc = value_scalar(e, out);

	for (size_t i = 0; i < e->n_steps && rc == 0; i++)
		out->scalar[i] = v;
	return rc;
}

int
eval_node(struct eval *e, const struct node *n, struct value *out)
{
	int rc;

	*out = (struct value){.type = n->type};
	if (++e->depth > 4 * PROMQL_DEPTH_MAX)
		return eval_fail(e, -E2BIG, "nested too deep");
	switch (n->kind) {
	case N_NUMBER: rc = eval_number(e, n->number, out); break;
	case N_STRING: out->string = n->string; rc = 0; break;
	case N_SELECTOR: rc = eval_selector(e, n, out); break;
	case N_PAREN: rc = eval_node(e, n->child[0], out); break;
	case N_UNARY: rc = eval_unary(e, n, out); break;
	case N_BINARY: rc = eval_binary(e, n, out); break;
	case N_CALL: rc = eval_call(e, n, out); break;
	case N_AGGREGATE: rc = eval_aggregate(e, n, out); break;
	default: rc = eval_fail(e, -EDOM, "a range vector cannot stand here");
	}
	e->depth--;
	return rc;
}

/* ---- from outside ---- */

static int
write_matrix(struct eval *e, const struct node *n, struct promql_result *out)
{
	struct value v = {0};
	int rc;

	/* A bare range vector at one instant gives its samples. */
	while (n->kind == N_PAREN)
		n = n->child[0];
	if (n->type == PROMQL_MATRIX) {
		out->type = PROMQL_MATRIX;
		return eval_matrix(e, n, &out->set);
	}
	rc = eval_node(e, n, &v);
	out->type = v.type;
	if (rc == 0 && v.type == PROMQL_SCALAR)
		out->scalar = v.scalar[0];
	else if (rc == 0 && v.type == PROMQL_STRING)
		out->string = strdup(v.string);
	else if (rc == 0)
		rc = value_to_set(e, &v, &out->set);
	value_clear(e, &v);
	return rc;
}

/* A range query of a scalar is a matrix of one series without labels. */
static int
scalar_range(struct eval *e, const struct node *n, struct promql_result *out)
{
	struct value v = {0};
	struct labels *none;
	struct series *s;
	size_t cap = 0;
	int rc = eval_node(e, n, &v);

	if (rc == 0 && (rc = labels_new(&none, NULL, 0)) == 0) {
		rc = series_set_add(&out->set, none, &s);
		labels_unref(none);
		for (size_t i = 0; i < e->n_steps && rc == 0; i++)
			rc = series_append(s, &cap, step_time(e, i), v.scalar[i], NULL);
	}
	value_clear(e, &v);
	return rc;
}

int
promql_eval(const struct promql_opts *opts, const struct querier *q, const struct promql_expr *expr,
    int64_t start_ms, int64_t end_ms, int64_t step_ms, struct promql_result *out,
    struct promql_error *err)
{
	struct eval e = {.opts = opts,
	    .q = q,
	    .start = start_ms,
	    .end = step_ms > 0 ? end_ms : start_ms,
	    .step = step_ms,
	    .n_steps = 1,
	    .query_start = start_ms,
	    .query_end = step_ms > 0 ? end_ms : start_ms,
	    .err = err,
	    .notes = out,
	    .lookback = opts->lookback_ms > 0 ? opts->lookback_ms : PROMQL_LOOKBACK_MS};
	int rc;

	*out = (struct promql_result){0};
	*err = (struct promql_error){0};
	if (step_ms > 0) {
		if (end_ms < start_ms)
			return eval_fail(
			    &e, -EINVAL, "end timestamp must not be before start time");
		if ((end_ms - start_ms) / step_ms + 1 > PROMQL_STEPS_MAX)
			return eval_fail(&e, -E2BIG,
			    "exceeded maximum resolution of %d points per timeseries. Try "
			    "decreasing the "
			    "query resolution (?step=XX)",
			    PROMQL_STEPS_MAX);
		e.n_steps = (size_t)((end_ms - start_ms) / step_ms) + 1;
		if (expr->root->type != PROMQL_SCALAR && expr->root->type != PROMQL_VECTOR)
			return eval_fail(&e, -EINVAL,
			    "invalid expression type for range query, must be Scalar or instant "
			    "Vector");
	}
	rc = step_ms > 0 && expr->root->type == PROMQL_SCALAR ? scalar_range(&e, expr->root, out)
							      : write_matrix(&e, expr->root, out);
	if (step_ms > 0)
		out->type = PROMQL_MATRIX;
	if (rc != 0)
		(void)eval_fail(&e, rc, "%s", strerror(-rc));
	return rc;
}

void
promql_result_clear(struct promql_result *r)
{
	series_set_clear(&r->set);
	free(r->string);
	*r = (struct promql_result){0};
}
