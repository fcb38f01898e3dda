/*
 * func-special.c - see func-special.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/promql/func-special.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/regex.h"

int
special_bare(struct eval *e, const struct node *arg, struct value *out)
{
	int rc = eval_node(e, arg, out);

	for (size_t i = 0; i < out->n && rc == 0; i++) {
		struct labels *bare;

		if ((rc = labels_drop_name(out->at[i].labels, &bare)) != 0)
			break;
		labels_unref(out->at[i].labels);
		out->at[i].labels = bare;
	}
	return rc == 0 ? value_merge_equal(e, out) : rc;
}

int
f_time(struct eval *e, const struct node *n, struct value *out)
{
	int rc = value_scalar(e, out);

	(void)n;
	for (size_t k = 0; k < e->n_steps && rc == 0; k++)
		out->scalar[k] = (double)step_time(e, k) / 1e3;
	return rc;
}

int
f_pi(struct eval *e, const struct node *n, struct value *out)
{
	int rc = value_scalar(e, out);

	(void)n;
	for (size_t k = 0; k < e->n_steps && rc == 0; k++)
		out->scalar[k] = M_PI;
	return rc;
}

int
f_scalar(struct eval *e, const struct node *n, struct value *out)
{
	struct value in = {0};
	int rc = eval_node(e, n->args[0], &in);

	if (rc == 0)
		rc = value_scalar(e, out);
	for (size_t k = 0; k < e->n_steps && rc == 0; k++) {
		size_t found = 0;

		out->scalar[k] = NAN;
		for (size_t i = 0; i < in.n; i++)
			if (in.at[i].has[k] && (in.at[i].h == NULL || in.at[i].h[k] == NULL)) {
				found++;
				out->scalar[k] = in.at[i].v[k];
			}
		if (found != 1)
			out->scalar[k] = NAN;
	}
	value_clear(e, &in);
	return rc;
}

int
f_vector(struct eval *e, const struct node *n, struct value *out)
{
	struct value in = {0};
	struct labels *none;
	struct vseries *to;
	int rc = eval_node(e, n->args[0], &in);

	if (rc == 0 && (rc = labels_new(&none, NULL, 0)) == 0) {
		rc = value_add(e, out, none, &to);
		labels_unref(none);
	}
	for (size_t k = 0; k < e->n_steps && rc == 0; k++) {
		to->v[k] = in.scalar[k];
		to->has[k] = 1;
	}
	value_clear(e, &in);
	return rc;
}

/* The time of the sample itself for a selector; the step's time for anything else. */
int
f_timestamp(struct eval *e, const struct node *n, struct value *out)
{
	const struct node *arg = n->args[0];
	struct node matrix;
	struct series_set set = {0};
	int rc;

	while (arg->kind == N_PAREN)
		arg = arg->child[0];
	rc = special_bare(e, n->args[0], out);
	for (size_t i = 0; i < out->n && rc == 0; i++)
		for (size_t k = 0; k < e->n_steps; k++)
			if (out->at[i].has[k]) {
				vseries_drop(e, &out->at[i], k);
				out->at[i].has[k] = 1;
				out->at[i].v[k] = (double)step_time(e, k) / 1e3;
			}
	if (rc != 0 || arg->kind != N_SELECTOR)
		return rc;
	matrix = *arg;
	matrix.range_ms = e->lookback;
	rc = eval_matrix(e, &matrix, &set);
	for (size_t j = 0; j < set.n && rc == 0; j++) {
		struct labels *bare;

		if ((rc = labels_drop_name(set.at[j].labels, &bare)) != 0)
			break;
		for (size_t i = 0; i < out->n; i++)
			for (size_t k = 0; labels_equal(out->at[i].labels, bare) && k < e->n_steps;
			     k++)
				for (size_t s = 0; out->at[i].has[k] && s < set.at[j].n; s++)
					if (set.at[j].t_ms[s] <= eval_window_end(e, arg, k))
						out->at[i].v[k] = (double)set.at[j].t_ms[s] / 1e3;
		labels_unref(bare);
	}
	series_set_clear(&set);
	return rc;
}

int
f_clamp(struct eval *e, const struct node *n, struct value *out)
{
	struct value low = {0}, high = {0};
	bool is_min = strcmp(n->function->name, "clamp_min") == 0,
	     is_max = strcmp(n->function->name, "clamp_max") == 0;
	int rc = special_bare(e, n->args[0], out);

	if (rc == 0)
		rc = eval_node(e, n->args[1], is_max ? &high : &low);
	if (rc == 0 && n->n_args > 2)
		rc = eval_node(e, n->args[2], &high);
	for (size_t i = 0; i < out->n && rc == 0; i++)
		for (size_t k = 0; k < e->n_steps; k++) {
			double lo = is_max ? -INFINITY : low.scalar[k],
			       hi = is_min ? INFINITY : high.scalar[k];
			struct vseries *s = &out->at[i];

			if ((s->h != NULL && s->h[k] != NULL) || lo > hi)
				vseries_drop(e, s, k);
			else if (isnan(lo) || isnan(hi))
				s->v[k] = NAN;
			else if (s->has[k] && !isnan(s->v[k]))
				s->v[k] = fmax(lo, fmin(hi, s->v[k]));
		}
	value_clear(e, &low);
	value_clear(e, &high);
	return rc;
}

int
f_round(struct eval *e, const struct node *n, struct value *out)
{
	struct value to = {0};
	int rc = special_bare(e, n->args[0], out);

	if (rc == 0 && n->n_args > 1)
		rc = eval_node(e, n->args[1], &to);
	for (size_t i = 0; i < out->n && rc == 0; i++)
		for (size_t k = 0; k < e->n_steps; k++) {
			double unit = to.scalar != NULL ? to.scalar[k] : 1;

			if (out->at[i].h != NULL && out->at[i].h[k] != NULL)
				vseries_drop(e, &out->at[i], k);
			else
				/* The inverse is exact for 0.1 and its like, the unit is not. */
				out->at[i].v[k] =
				    floor(out->at[i].v[k] * (1 / unit) + 0.5) / (1 / unit);
		}
	value_clear(e, &to);
	return rc;
}

/* ---- absent ---- */

/* The labels that the selector demands by =, once each. */
static int
absent_labels(const struct node *n, struct labels **out)
{
	struct label pairs[LABELS_MAX];
	size_t k = 0;

	while (n->kind == N_PAREN || n->kind == N_SUBQUERY)
		n = n->child[0];
	for (size_t i = 0; n->kind == N_SELECTOR && i < n->n_matchers && k < LABELS_MAX; i++) {
		const struct matcher *m = &n->matchers[i];
		bool twice = false;

		if (m->op != MATCH_EQ || strcmp(m->name, LABEL_NAME) == 0)
			continue;
		for (size_t j = 0; j < n->n_matchers; j++)
			twice |= j != i && strcmp(n->matchers[j].name, m->name) == 0;
		if (!twice)
			pairs[k++] = (struct label){m->name, m->value};
	}
	return labels_new(out, pairs, k);
}

static int
absent_of(struct eval *e, const struct node *arg, const struct value *in, struct value *out)
{
	struct vseries *to = NULL;
	struct labels *l;
	int rc = absent_labels(arg, &l);

	if (rc == 0) {
		rc = value_add(e, out, l, &to);
		labels_unref(l);
	}
	for (size_t k = 0; k < e->n_steps && rc == 0; k++) {
		bool there = false;

		for (size_t i = 0; i < in->n; i++)
			there |= in->at[i].has[k];
		to->has[k] = !there;
		to->v[k] = 1;
	}
	return rc;
}

int
f_absent(struct eval *e, const struct node *n, struct value *out)
{
	struct value in = {0};
	int rc = eval_node(e, n->args[0], &in);

	out->type = PROMQL_VECTOR;
	if (rc == 0)
		rc = absent_of(e, n->args[0], &in, out);
	value_clear(e, &in);
	return rc;
}

int
f_absent_over_time(struct eval *e, const struct node *n, struct value *out)
{
	struct node present = *n;
	struct value in = {0};
	int rc;

	present.function = function_find("present_over_time", 17);
	out->type = PROMQL_VECTOR;
	rc = eval_call(e, &present, &in);
	/* Series that differ in their names alone are one without them, and that is no error here.
	 */
	if (rc == 0)
		rc = absent_of(e, n->args[0], &in, out);
	value_clear(e, &in);
	return rc;
}

/* ---- labels ---- */

static int
set_label(struct vseries *s, const char *name, const char *value)
{
	struct label pair = {name, value};
	struct labels *l;
	int rc = labels_with(&l, s->labels, &pair, 1);

	if (rc != 0)
		return rc;
	labels_unref(s->labels);
	s->labels = l;
	return 0;
}

/* $1, ${1}, $$ in a replacement, from the groups of a match. */
static void
expand(const char *text, const char *subject, const struct regex *re, size_t len, struct buf *out)
{
	for (; *text != '\0'; text++) {
		const char *digits = text + 1;
		bool braces = *text == '$' && text[1] == '{';
		size_t group[2];
		char *end;
		unsigned long which;

		if (*text != '$') {
			buf_char(out, *text);
			continue;
		}
		if (text[1] == '$') {
			buf_char(out, '$');
			text++;
			continue;
		}
		digits += braces;
		which = strtoul(digits, &end, 10);
		if (end == digits || (braces && *end != '}')) {
			/* A name that the pattern does not have is nothing. */
			end =
			    (char *)(uintptr_t)digits
			    + strspn(digits,
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
			text = end - (braces && *end == '}' ? 0 : 1);
			continue;
		}
		if (regex_group(re, subject, len, (unsigned)which, group) == 1)
			buf_add(out, subject + group[0], group[1] - group[0]);
		text = end - (braces ? 0 : 1);
	}
}

int
f_label_replace(struct eval *e, const struct node *n, struct value *out)
{
	const char *dst = n->args[1]->string, *replacement = n->args[2]->string,
		   *src = n->args[3]->string;
	char err[160] = "", *anchored = NULL;
	struct regex *re = NULL;
	struct buf text;
	int rc = eval_node(e, n->args[0], out);

	buf_init(&text, 64 * 1024);
	if (rc == 0 && asprintf(&anchored, "\\A(?s:%s)\\z", n->args[4]->string) < 0)
		rc = -ENOMEM;
	if (rc == 0 && (re = regex_new(anchored, err, sizeof(err))) == NULL)
		rc = eval_fail(e, -EDOM, "invalid regular expression in label_replace(): %s",
		    n->args[4]->string);
	if (rc == 0 && dst[0] == '\0')
		rc = eval_fail(
		    e, -EDOM, "invalid destination label name in label_replace(): %s", dst);
	for (size_t i = 0; i < out->n && rc == 0; i++) {
		const char *value = labels_get(out->at[i].labels, src);

		if (regex_match(re, value, strlen(value), NULL) != 1)
			continue;
		buf_reset(&text);
		expand(replacement, value, re, strlen(value), &text);
		rc = set_label(&out->at[i], dst, buf_str(&text));
	}
	regex_free(re);
	free(anchored);
	buf_free(&text);
	return rc == 0 ? value_merge_equal(e, out) : rc;
}

int
f_label_join(struct eval *e, const struct node *n, struct value *out)
{
	struct buf text;
	int rc = eval_node(e, n->args[0], out);

	buf_init(&text, 64 * 1024);
	if (rc == 0 && n->args[1]->string[0] == '\0')
		rc = eval_fail(e, -EDOM, "invalid destination label name in label_join()");
	for (size_t i = 0; i < out->n && rc == 0; i++) {
		buf_reset(&text);
		for (size_t k = 3; k < n->n_args; k++) {
			if (k > 3)
				buf_text(&text, n->args[2]->string);
			buf_text(&text, labels_get(out->at[i].labels, n->args[k]->string));
		}
		rc = set_label(&out->at[i], n->args[1]->string, buf_str(&text));
	}
	buf_free(&text);
	return rc == 0 ? value_merge_equal(e, out) : rc;
}

/* ---- sort: instant queries only; a range keeps its order ---- */

static int
by_value(const void *a, const void *b, void *desc)
{
	double x = ((const struct vseries *)a)->v[0], y = ((const struct vseries *)b)->v[0];

	if (isnan(x) || isnan(y))
		return isnan(x) - isnan(y);
	return (*(bool *)desc ? -1 : 1) * ((x > y) - (x < y));
}

int
f_sort(struct eval *e, const struct node *n, struct value *out)
{
	bool desc = strcmp(n->function->name, "sort_desc") == 0;
	int rc = eval_node(e, n->args[0], out);

	if (rc == 0 && e->n_steps == 1 && out->n > 1)
		qsort_r(out->at, out->n, sizeof(out->at[0]), by_value, &desc);
	return rc;
}

/* ---- dates, UTC ---- */

static double
date_part(const char *name, double v)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct tm tm;
	time_t t;
	int year;

	if (isnan(v) || fabs(v) > 1e14)
		return NAN;
	t = (time_t)v;
	if (gmtime_r(&t, &tm) == NULL)
		return NAN;
	year = tm.tm_year + 1900;
	if (strcmp(name, "day_of_month") == 0)
		return tm.tm_mday;
	if (strcmp(name, "day_of_week") == 0)
		return tm.tm_wday;
	if (strcmp(name, "day_of_year") == 0)
		return tm.tm_yday + 1;
	if (strcmp(name, "hour") == 0)
		return tm.tm_hour;
	if (strcmp(name, "minute") == 0)
		return tm.tm_min;
	if (strcmp(name, "month") == 0)
		return tm.tm_mon + 1;
	if (strcmp(name, "year") == 0)
		return year;
	return days[tm.tm_mon]
	       + (tm.tm_mon == 1 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0));
}

int
f_date(struct eval *e, const struct node *n, struct value *out)
{
	struct labels *none;
	struct vseries *to;
	int rc;

	if (n->n_args > 0) {
		rc = special_bare(e, n->args[0], out);
	} else if ((rc = labels_new(&none, NULL, 0)) == 0) {
		rc = value_add(e, out, none, &to);
		labels_unref(none);
		for (size_t k = 0; k < e->n_steps && rc == 0; k++) {
			to->v[k] = (double)step_time(e, k) / 1e3;
			to->has[k] = 1;
		}
	}
	for (size_t i = 0; i < out->n && rc == 0; i++)
		for (size_t k = 0; k < e->n_steps; k++) {
			if (out->at[i].h != NULL && out->at[i].h[k] != NULL)
				vseries_drop(e, &out->at[i], k);
			else if (out->at[i].has[k])
				out->at[i].v[k] = date_part(n->function->name, out->at[i].v[k]);
		}
	return rc;
}
