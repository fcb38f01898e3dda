/*
 * query_charts.c - series, heat map and run records of one time axis. See query.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "tui/ask.h"

/* ---- series on the axis -------------------------------------------------------------------------
 */

void
query_fill(float *v, const struct axis *axis, const json_t *values)
{
	const json_t *pair;
	size_t i;

	json_array_foreach(values, i, pair)
	{
		double t = ask_number(json_array_get(pair, 0)),
		       x = ask_number(json_array_get(pair, 1));
		int k;

		if (!isfinite(t) || fabs(t) > 1e12)
			continue;
		k = axis_bucket(axis, (int64_t)llround(t * 1e3));
		if (k >= 0)
			v[k] = (float)x;
	}
}

/* "max by (...) (selector)", over each bucket where buckets are wide enough for it. */
static json_t *
ask_axis(struct asking *a, const struct axis *axis, const char *by, const char *selector)
{
	char query[1024];

	if (axis->step_ms < 60000)
		snprintf(query, sizeof(query), "max by (%s) (%s)", by, selector);
	else
		snprintf(query, sizeof(query), "max by (%s) (max_over_time(%s[%llds]))", by,
		    selector, (long long)(axis->step_ms / 1000));
	return ask_range(a, query, axis_time(axis, 0), axis_end(axis), axis->step_ms);
}

/* Names of a series: the values of one or two labels, with sep between. */
static void
series_name(char *dst, size_t cap, const json_t *metric, const char *l1, const char *l2, char sep)
{
	char a[96], b[96];

	ask_copy_member(a, sizeof(a), metric, l1);
	ask_copy_member(b, sizeof(b), metric, l2 != NULL ? l2 : "");
	if (l2 != NULL)
		snprintf(dst, cap, "%.46s%c%.46s", a, sep, b);
	else
		snprintf(dst, cap, "%s", a);
}

static int
keep_many(json_t *result, const struct axis *axis, const char *l1, const char *l2, int cap,
    struct series **out)
{
	const json_t *one;
	int n = 0;
	size_t i;

	*out = xcalloc(json_array_size(result) + 1, sizeof(**out));
	json_array_foreach(result, i, one)
	{
		struct series *s = &(*out)[n];

		if (n == cap)
			break;
		series_name(
		    s->name, sizeof(s->name), json_object_get(one, "metric"), l1, l2, '\037');
		s->v = series_values(axis->n);
		query_fill(s->v, axis, json_object_get(one, "values"));
		n++;
	}
	json_decref(result);
	return n;
}

static int
read_many(struct asking *a, const struct axis *axis, const char *by, const char *selector,
    const char *l1, const char *l2, int cap, struct series **out)
{
	return keep_many(ask_axis(a, axis, by, selector), axis, l1, l2, cap, out);
}

int
query_max(struct asking *a, const struct axis *axis, const char *by, const char *selector, int cap,
    struct series **out)
{
	return read_many(a, axis, by, selector, by, NULL, cap, out);
}

int
query_increase(struct asking *a, const struct axis *axis, const char *by, const char *selector,
    int cap, struct series **out)
{
	char query[1024];

	snprintf(query, sizeof(query), "sum by (%s) (increase(%s[300s]))", by, selector);
	return keep_many(
	    ask_range(a, query, axis_time(axis, 0), axis_end(axis), axis->step_ms), axis, by, NULL,
	    cap, out);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct series *)a)->name, ((const struct series *)b)->name);
}

static void
read_lines(struct asking *a, struct charts *c, const char *probe)
{
	char selector[512];
	struct series *all;
	int n;

	snprintf(selector, sizeof(selector), "storefront_ttfb_seconds{probe=\"%s\"}", probe);
	n = read_many(
	    a, &c->axis, "connection, family", selector, "connection", "family", 64, &all);
	qsort(all, (size_t)n, sizeof(*all), by_name);
	for (int i = 0; i < n; i++) {
		char *sep = strchr(all[i].name, '\037');

		if (sep != NULL)
			*sep = ' ';
		if (i < LINES_MAX)
			c->lines[c->n_lines++] = all[i];
		else
			free(all[i].v);
	}
	free(all);
}

static void
read_phases(struct asking *a, struct charts *c, const char *probe)
{
	char selector[512];
	struct series *all;
	int n;

	snprintf(selector, sizeof(selector),
	    "storefront_phase_seconds{probe=\"%s\",connection=\"cold\"}", probe);
	n = read_many(a, &c->axis, "phase", selector, "phase", NULL, 64, &all);
	for (int k = 0; k < PHASES; k++) {
		const struct series *s = series_find(all, n, phase_name(k));

		snprintf(c->phases[k].name, sizeof(c->phases[k].name), "%s", phase_name(k));
		c->phases[k].v = series_values(c->axis.n);
		if (s != NULL)
			memcpy(c->phases[k].v, s->v, (size_t)c->axis.n * sizeof(float));
	}
	for (int i = 0; i < n; i++)
		free(all[i].v);
	free(all);
}

/* ---- the heat map: counts of a native histogram, cumulative, become counts of each column -------
 */

struct rows {
	double at[HEAT_ROWS], total;
	bool known;
};

static int
heat_row_of(double low, double high)
{
	double mid = low > 0 ? sqrt(low * high) : high / 2;
	int row;

	if (!(mid > HEAT_FLOOR))
		return 0;
	if (!isfinite(mid))
		return HEAT_ROWS - 1;
	row = (int)ceil(2 * log2(mid / HEAT_FLOOR) - 1e-9);
	return row < 0 ? 0 : row > HEAT_ROWS - 1 ? HEAT_ROWS - 1 : row;
}

/* Buckets are [rule, "low", "high", "count"]. */
static struct rows
rows_of(const json_t *hist)
{
	struct rows r = {.known = true};
	const json_t *bucket;
	size_t i;

	json_array_foreach(json_object_get(hist, "buckets"), i, bucket)
	{
		double low = ask_number(json_array_get(bucket, 1));
		double high = ask_number(json_array_get(bucket, 2));
		double count = ask_number(json_array_get(bucket, 3));

		if (!(count > 0) || !isfinite(count) || !(high > 0))
			continue;
		r.at[heat_row_of(low, high)] += count;
		r.total += count;
	}
	return r;
}

static void
add_column(struct charts *c, int bucket, const struct rows *before, const struct rows *after)
{
	bool reset = after->total < before->total;

	for (int k = 0; k < HEAT_ROWS && bucket >= 0 && bucket < c->axis.n; k++) {
		float *cell = &c->heat[bucket * HEAT_ROWS + k];
		double d = after->at[k] - (reset ? 0 : before->at[k]);

		*cell = (isfinite(*cell) ? *cell : 0) + (float)(d > 0 ? d : 0);
	}
}

static void
heat_series(struct charts *c, int stride, const json_t *one)
{
	int64_t wide = stride * c->axis.step_ms, expected = 0;
	struct rows before = {.known = false};
	const json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(one, "histograms"), i, pair)
	{
		double t = ask_number(json_array_get(pair, 0));
		struct rows now = rows_of(json_array_get(pair, 1));
		int64_t ms = isfinite(t) && fabs(t) < 1e12 ? (int64_t)llround(t * 1e3) : 0;

		if (before.known && ms == expected)
			add_column(c, axis_bucket(&c->axis, ms), &before, &now);
		before = now;
		expected = ms + wide;
	}
}

static void
read_heat(struct asking *a, struct charts *c, const char *probe, int stride)
{
	size_t n = (size_t)c->axis.n * HEAT_ROWS;
	char query[512];
	json_t *result;
	const json_t *one;
	size_t i;

	snprintf(query, sizeof(query), "storefront_duration_seconds{probe=\"%s\"}", probe);
	result =
	    ask_range(a, query, c->axis.start_ms, axis_end(&c->axis), stride * c->axis.step_ms);
	json_array_foreach(result, i, one)
	{
		if (json_array_size(json_object_get(one, "histograms")) == 0 || i >= 64)
			continue;
		if (c->heat == NULL)
			c->heat = series_values((int)n);
		heat_series(c, stride, one);
	}
	json_decref(result);
}

/* ---- runs ---------------------------------------------------------------------------------------
 */

static double
read_hop(struct hop_row *h, const json_t *hop)
{
	double sum = 0;

	ask_copy_member(h->url, sizeof(h->url), hop, "url");
	ask_copy_member(h->address, sizeof(h->address), hop, "address");
	ask_copy_member(h->http_version, sizeof(h->http_version), hop, "http_version");
	ask_copy_member(h->failed_phase, sizeof(h->failed_phase), hop, "failed_phase");
	ask_copy_member(h->pop, sizeof(h->pop), hop, "pop");
	ask_copy_member(h->cache, sizeof(h->cache), hop, "cache");
	ask_copy_member(h->country, sizeof(h->country), hop, "country");
	ask_copy_member(h->asn, sizeof(h->asn), hop, "asn");
	h->status = ask_member(hop, "status");
	for (int i = 0; i < PHASES; i++) {
		char name[24];

		snprintf(name, sizeof(name), "%s_s", phase_name(i));
		h->phase[i] = ask_member(hop, name);
		sum += isfinite(h->phase[i]) ? h->phase[i] : 0;
	}
	return sum;
}

static void
read_run(struct run_row *r, const json_t *run)
{
	const json_t *facts = json_object_get(run, "facts"), *hops = json_object_get(facts, "hops"),
		     *hop;
	size_t n = json_is_array(hops) ? json_array_size(hops) : json_object_size(hops);
	char key[8];

	*r = (struct run_row){.at = ask_member(run, "at"),
	    .state = ask_verdict_of(json_string_value(json_object_get(run, "verdict")))};
	ask_copy_member(r->reason, sizeof(r->reason), run, "reason");
	ask_copy_member(r->connection, sizeof(r->connection), facts, "connection");
	for (size_t i = 0; i < n && i < 16; i++) {
		snprintf(key, sizeof(key), "%zu", i);
		hop = json_is_array(hops) ? json_array_get(hops, i) : json_object_get(hops, key);
		r->total += read_hop(&r->last, hop);
		r->n_hops++;
	}
	if (r->n_hops == 0)
		for (int i = 0; i < PHASES; i++)
			r->last.phase[i] = NAN;
	if (!isfinite(r->at) || fabs(r->at) > 1e12)
		r->at = 0;
}

static int
ask_runs(struct asking *a, const char *probe, const char *kind, int limit, int64_t since_ms,
    int64_t until_ms, struct run_row *out)
{
	char text[16];
	struct buf url;
	bool missing;
	json_t *data;
	const json_t *run;
	size_t i;
	int n = 0;

	snprintf(text, sizeof(text), "%d", limit);
	buf_init(&url, 64 << 10);
	buf_text(&url, "/tillwatch/v1/runs");
	ask_add_param(&url, "probe", probe);
	ask_add_param(&url, "kind", kind);
	ask_add_param(&url, "limit", text);
	if (since_ms > 0)
		ask_add_time(&url, "since", since_ms);
	ask_add_time(&url, "until", until_ms);
	data = ask(a, buf_str(&url), &missing);
	json_array_foreach(json_object_get(data, "runs"), i, run) if (n < limit)
	    read_run(&out[n++], run);
	json_decref(data);
	buf_free(&url);
	return n;
}

static void
read_totals(struct asking *a, struct charts *c, const char *probe)
{
	char query[512];
	json_t *result;
	const json_t *one;
	double all = 0, ok = 0;
	size_t i;

	snprintf(query, sizeof(query),
	    "sum by (outcome) (increase(storefront_runs_total{probe=\"%s\"}[%llds]))", probe,
	    (long long)(c->axis.n * c->axis.step_ms / 1000));
	result = ask_instant(a, query, axis_end(&c->axis));
	json_array_foreach(result, i, one)
	{
		const char *outcome =
		    json_string_value(json_object_get(json_object_get(one, "metric"), "outcome"));
		double v = ask_number(json_array_get(json_object_get(one, "value"), 1));

		if (!isfinite(v))
			continue;
		all += v;
		ok += outcome != NULL && strcmp(outcome, "ok") == 0 ? v : 0;
	}
	if (json_array_size(result) > 0) {
		c->outcome_all = all;
		c->outcome_ok = ok;
	}
	json_decref(result);
	snprintf(query, sizeof(query), "min(storefront_certificate_expires_seconds{probe=\"%s\"})",
	    probe);
	result = ask_instant(a, query, axis_end(&c->axis));
	c->certificate_s =
	    ask_number(json_array_get(json_object_get(json_array_get(result, 0), "value"), 1));
	json_decref(result);
}

/* ---- charts ---- */

/* The probe to show: the one asked for when it is of that plugin, else the first by name. */
static const char *
choose_probe(const struct query_request *q, const struct status *s, const char *plugin)
{
	const char *first = NULL;

	for (int i = 0; s != NULL && i < s->n_probes; i++) {
		const struct probe_row *p = &s->probes[i];

		if (strcmp(p->plugin, plugin) != 0)
			continue;
		if (strcmp(p->name, q->probe) == 0)
			return p->name;
		if (first == NULL || strcmp(p->name, first) < 0)
			first = p->name;
	}
	return first;
}

static void
read_storefront(
    struct asking *a, struct charts *c, const struct query_request *q, const char *probe)
{
	int64_t until = axis_end(&c->axis) < q->now_ms ? axis_end(&c->axis) : q->now_ms;
	char quoted[200];
	int n;

	snprintf(c->probe, sizeof(c->probe), "%s", probe);
	ask_quote(quoted, sizeof(quoted), probe);
	read_lines(a, c, quoted);
	read_phases(a, c, quoted);
	read_heat(a, c, quoted, q->stride);
	read_totals(a, c, quoted);
	n = ask_runs(a, probe, "newest", 1, 0, until, &c->newest);
	if (n == 0)
		c->newest = (struct run_row){0};
	c->n_runs = ask_runs(a, probe, "slowest", RUNS_MAX, c->axis.start_ms, until, c->runs);
}

struct charts *
query_charts(const struct source *src, const struct query_request *q, const struct status *status,
    const struct query_cancel *cancel)
{
	struct charts *c = charts_new(&q->axis);
	struct asking a = {src, cancel, c->error, 0};
	int64_t until = axis_end(&q->axis) < q->now_ms ? axis_end(&q->axis) : q->now_ms;
	const char *probe =
	    choose_probe(q, status, q->view == QUERY_API ? "api" : "storefront");

	c->generation = q->generation;
	c->n_ttfb = read_many(
	    &a, &c->axis, "probe", "storefront_ttfb_seconds", "probe", NULL, PROBES_MAX, &c->ttfb);
	c->n_verdict = read_many(&a, &c->axis, "probe", "tillwatch_probe_verdict", "probe", NULL,
	    PROBES_MAX, &c->verdict);
	c->n_alerts = read_many(&a, &c->axis, "alertname, probe", "ALERTS{alertstate=\"firing\"}",
	    "alertname", "probe", ALERTS_MAX, &c->alerts);
	c->knows_alerts = c->n_alerts > 0;
	if (q->view == QUERY_STOREFRONT && probe != NULL)
		read_storefront(&a, c, q, probe);
	else if (q->view == QUERY_API && probe != NULL)
		query_api(&a, c, probe, until);
	else if (q->view == QUERY_FUNNEL)
		query_funnel(&a, c, q->probe, until);
	else if (q->view == QUERY_STOCK)
		query_stock(&a, c, until);
	if (a.rc == -ECANCELED) {
		charts_unref(c);
		return NULL;
	}
	return c;
}
