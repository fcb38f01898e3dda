/*
 * query_traffic.c - what the views Funnel and API show, by PromQL. See query.h and traffic.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "tui/ask.h"
#include "tui/traffic.h"

#define QUOTAS_ASKED 64                 /* of one probe; the scarcest are shown */
#define CODES_ASKED 256

struct looking {
	struct asking *a;
	struct charts *c;
	int64_t at_ms;                  /* of instant queries */
	char probe[200];                /* quoted */
};

/* ---- data ---- */

struct api_data *
api_data_new(int n_buckets)
{
	struct api_data *d = xcalloc(1, sizeof(*d));

	for (int i = 0; i < 2; i++)
		d->errors[i].v = series_values(n_buckets);
	for (int i = 0; i < BURNS; i++)
		d->ratio[i] = d->burn[i] = NAN;
	d->left = d->alarm = d->complete_s = d->lines = d->unparsed = NAN;
	return d;
}

void
api_data_free(struct api_data *d)
{
	if (d == NULL)
		return;
	for (int i = 0; i < 2; i++)
		free(d->errors[i].v);
	for (int i = 0; i < d->n_trends; i++)
		free(d->trends[i].v);
	free(d->trends);
	free(d);
}

struct funnel_data *
funnel_data_new(int n_buckets)
{
	struct funnel_data *d = xcalloc(1, sizeof(*d));

	for (int i = 0; i < 3; i++)
		d->lines[i].v = series_values(n_buckets);
	d->complete_s = d->risk_low = d->risk_high = NAN;
	d->shown = -1;
	return d;
}

void
funnel_data_free(struct funnel_data *d)
{
	for (int i = 0; d != NULL && i < 3; i++)
		free(d->lines[i].v);
	free(d);
}

const char *
burn_window(int i)
{
	static const char *const names[BURNS] = {"1h", "6h", "1d", "3d"};

	return names[i];
}

double
burn_limit(int i)
{
	static const double limits[BURNS] = {14.4, 6, 3, 1};

	return limits[i];
}

/* ---- answers ---- */

static json_t *instant(struct looking *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static json_t *
instant(struct looking *l, const char *fmt, ...)
{
	char query[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(query, sizeof(query), fmt, args);
	va_end(args);
	return ask_instant(l->a, query, l->at_ms);
}

static double
value_of(const json_t *one)
{
	return ask_number(json_array_get(json_object_get(one, "value"), 1));
}

static const char *
label_of(const json_t *one, const char *name)
{
	const char *v = json_string_value(json_object_get(json_object_get(one, "metric"), name));

	return v != NULL ? v : "";
}

/* The value of a query that has one; NAN. */
static double
single(json_t *result)
{
	double v = value_of(json_array_get(result, 0));

	json_decref(result);
	return v;
}

/* ---- API ---- */

static struct route_row *
route_at(struct api_data *d, const char *name)
{
	char clean[96];

	ask_copy_text(clean, sizeof(clean), name);
	for (int i = 0; i < d->n_routes; i++)
		if (strcmp(d->routes[i].name, clean) == 0)
			return &d->routes[i];
	if (d->n_routes == ROUTES_MAX)
		return NULL;
	d->routes[d->n_routes] = (struct route_row){.p50 = NAN, .p95 = NAN, .p99 = NAN};
	memcpy(d->routes[d->n_routes].name, clean, sizeof(clean));
	return &d->routes[d->n_routes++];
}

static int
outcome_index(const char *name)
{
	static const char *const names[T_OUTCOMES] = {
	    "ok", "server_error", "throttled", "business_error", "client_error", "partial"};

	for (int i = 0; i < T_OUTCOMES; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* The requests that are counted: of a log, or our own. */
static const char *
counted(const struct api_data *d)
{
	return d->is_asked ? "api_calls_total" : "api_requests_total";
}

static int
by_headroom(const void *a, const void *b)
{
	double x = ((const struct quota_row *)a)->headroom,
	       y = ((const struct quota_row *)b)->headroom;

	return (x > y) - (x < y);
}

static void
read_quotas(struct looking *l, struct api_data *d)
{
	struct quota_row all[QUOTAS_ASKED];
	json_t *left = instant(l, "min by (host, quota) (api_quota_headroom_ratio{probe=\"%s\"})",
	    l->probe);
	json_t *until = instant(l,
	    "min by (host, quota) (api_quota_exhausted_seconds{probe=\"%s\"})", l->probe);
	const json_t *one, *other;
	size_t i, k, n = 0;

	json_array_foreach(left, i, one) {
		struct quota_row *q = &all[n];

		if (n == QUOTAS_ASKED || !isfinite(value_of(one)))
			continue;
		*q = (struct quota_row){.headroom = value_of(one), .exhausted_s = NAN};
		ask_copy_text(q->host, sizeof(q->host), label_of(one, "host"));
		ask_copy_text(q->quota, sizeof(q->quota), label_of(one, "quota"));
		json_array_foreach(until, k, other)
			if (strcmp(label_of(other, "host"), label_of(one, "host")) == 0
			    && strcmp(label_of(other, "quota"), label_of(one, "quota")) == 0)
				q->exhausted_s = value_of(other);
		n++;
	}
	json_decref(left);
	json_decref(until);
	qsort(all, n, sizeof(all[0]), by_headroom);
	d->n_quotas = n < QUOTAS_SHOWN ? (int)n : QUOTAS_SHOWN;
	memcpy(d->quotas, all, (size_t)d->n_quotas * sizeof(all[0]));
}

static int
by_count(const void *a, const void *b)
{
	const struct code_row *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return strcmp(x->code, y->code);
}

/* What GraphQL says inside a 200. */
static void
read_codes(struct looking *l, struct api_data *d)
{
	struct code_row all[CODES_ASKED];
	json_t *result = instant(l,
	    "sum by (route, code, path) (increase(api_call_errors_total{probe=\"%s\"}[300s]))",
	    l->probe);
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(result, i, one) {
		struct code_row *c = &all[n];

		if (n == CODES_ASKED || !(value_of(one) > 0))
			continue;
		c->n = value_of(one);
		ask_copy_text(c->route, sizeof(c->route), label_of(one, "route"));
		ask_copy_text(c->code, sizeof(c->code), label_of(one, "code"));
		ask_copy_text(c->path, sizeof(c->path), label_of(one, "path"));
		n++;
	}
	json_decref(result);
	qsort(all, n, sizeof(all[0]), by_count);
	d->n_codes = n < CODES_SHOWN ? (int)n : CODES_SHOWN;
	memcpy(d->codes, all, (size_t)d->n_codes * sizeof(all[0]));
}

static void
read_routes(struct looking *l, struct api_data *d)
{
	json_t *result = instant(l, "sum by (route, outcome) (increase(%s{probe=\"%s\"}[300s]))",
	    counted(d), l->probe);
	const json_t *one;
	size_t i;

	json_array_foreach(result, i, one) {
		struct route_row *r = route_at(d, label_of(one, "route"));
		int o = outcome_index(label_of(one, "outcome"));
		double v = value_of(one);

		if (r == NULL || o < 0 || !isfinite(v))
			continue;
		r->by[o] += v;
		r->n += v;
	}
	json_decref(result);
}

static void
read_quantile(struct looking *l, struct api_data *d, const char *q, size_t offset)
{
	json_t *result = instant(l,
	    "histogram_quantile(%s, sum by (route) "
	    "(rate(%s{probe=\"%s\"}[300s])))", q,
	    d->is_asked ? "api_call_duration_seconds" : "api_duration_seconds", l->probe);
	const json_t *one;
	size_t i;

	json_array_foreach(result, i, one) {
		struct route_row *r = route_at(d, label_of(one, "route"));

		if (r != NULL)
			*(double *)(void *)((char *)r + offset) = value_of(one);
	}
	json_decref(result);
}

static double
bad_share(const struct route_row *r)
{
	return r->n > 0 ? (r->by[T_SERVER] + r->by[T_THROTTLED] + r->by[T_BUSINESS]) / r->n : 0;
}

/* Worst first, then the busiest. */
static int
by_worst(const void *a, const void *b)
{
	const struct route_row *x = a, *y = b;
	double p = bad_share(x), q = bad_share(y);

	if (p != q)
		return p > q ? -1 : 1;
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
read_windows(struct looking *l, struct api_data *d)
{
	static const char *const metrics[2] = {"api_error_ratio", "api_budget_burn_rate"};
	const json_t *one;
	size_t i;

	for (int m = 0; m < 2; m++) {
		json_t *result = instant(
		    l, "max by (window) (%s{probe=\"%s\"})", metrics[m], l->probe);

		json_array_foreach(result, i, one)
			for (int k = 0; k < BURNS; k++)
				if (strcmp(label_of(one, "window"), burn_window(k)) == 0)
					(m == 0 ? d->ratio : d->burn)[k] = value_of(one);
		json_decref(result);
	}
	d->left = single(instant(l, "max(api_budget_left_ratio{probe=\"%s\"})", l->probe));
	d->alarm = single(instant(l, "max(api_budget_alarm{probe=\"%s\"})", l->probe));
	d->complete_s = single(instant(l, "max(api_complete_seconds{probe=\"%s\"})", l->probe));
	d->lines = single(instant(l, "sum(increase(access_log_lines_total[300s]))"));
	d->unparsed = single(
	    instant(l, "sum(increase(access_log_lines_total{result=\"unparsed\"}[300s]))"));
}

/* Shares of the first route over time: what is bad of all that is not ignored. */
static void
read_errors(struct looking *l, struct api_data *d)
{
	static const enum traffic_outcome shown[2] = {T_SERVER, T_THROTTLED};
	char selector[512], route[200];
	struct series *all;
	int n, n_buckets = l->c->axis.n;

	ask_quote(route, sizeof(route), d->routes[0].name);
	snprintf(selector, sizeof(selector), "%s{probe=\"%s\",route=\"%s\"}", counted(d), l->probe,
	    route);
	n = query_increase(l->a, &l->c->axis, "outcome", selector, 16, &all);
	for (int i = 0; i < n_buckets; i++) {
		double by[T_OUTCOMES] = {0}, sum = 0;

		for (int k = 0; k < n; k++) {
			int o = outcome_index(all[k].name);

			if (o < 0 || !isfinite(all[k].v[i]))
				continue;
			by[o] += (double)all[k].v[i];
			sum += (double)all[k].v[i];
		}
		for (int s = 0; s < 2; s++)
			if (sum > 0)
				d->errors[s].v[i] = (float)(by[shown[s]] / sum);
	}
	snprintf(d->errors[0].name, sizeof(d->errors[0].name), "server");
	snprintf(d->errors[1].name, sizeof(d->errors[1].name), "throttled");
	for (int k = 0; k < n; k++)
		free(all[k].v);
	free(all);
}

void
query_api(struct asking *a, struct charts *c, const char *probe, int64_t at_ms)
{
	struct looking l = {.a = a, .c = c, .at_ms = at_ms};
	struct api_data *d = c->api = api_data_new(c->axis.n);
	char selector[512];

	snprintf(d->probe, sizeof(d->probe), "%s", probe);
	ask_quote(l.probe, sizeof(l.probe), probe);
	d->is_asked = isfinite(single(instant(&l, "max(api_call_up{probe=\"%s\"})", l.probe)));
	if (d->is_asked) {
		read_quotas(&l, d);
		read_codes(&l, d);
	}
	read_routes(&l, d);
	read_quantile(&l, d, "0.5", offsetof(struct route_row, p50));
	read_quantile(&l, d, "0.95", offsetof(struct route_row, p95));
	read_quantile(&l, d, "0.99", offsetof(struct route_row, p99));
	qsort(d->routes, (size_t)d->n_routes, sizeof(d->routes[0]), by_worst);
	read_windows(&l, d);
	snprintf(selector, sizeof(selector), "%s{probe=\"%s\"}", counted(d), l.probe);
	d->n_trends = query_increase(a, &c->axis, "route", selector, ROUTES_MAX, &d->trends);
	if (d->n_routes > 0)
		read_errors(&l, d);
}

/* ---- Funnel ---- */

static int
by_number(const void *a, const void *b)
{
	double x = ((const struct step_row *)a)->number, y = ((const struct step_row *)b)->number;

	return (x > y) - (x < y);
}

/* The funnel to show: the probe that is asked for when it is one, else the first by name. */
static void
read_steps(struct looking *l, struct funnel_data *d, const char *asked)
{
	json_t *result = instant(l, "max by (probe, step) (checkout_step_number)");
	char first[96] = "", name[96];
	const json_t *one;
	size_t i;

	json_array_foreach(result, i, one) {
		ask_copy_text(name, sizeof(name), label_of(one, "probe"));
		if (strcmp(name, asked) == 0)
			snprintf(d->probe, sizeof(d->probe), "%s", name);
		if (first[0] == '\0' || strcmp(name, first) < 0)
			snprintf(first, sizeof(first), "%s", name);
	}
	if (d->probe[0] == '\0')
		snprintf(d->probe, sizeof(d->probe), "%s", first);
	json_array_foreach(result, i, one) {
		struct step_row *s = &d->steps[d->n_steps];

		ask_copy_text(name, sizeof(name), label_of(one, "probe"));
		if (strcmp(name, d->probe) != 0 || d->n_steps == STEPS_MAX)
			continue;
		*s = (struct step_row){.number = value_of(one), .sessions = NAN, .tried = NAN,
		    .low = NAN, .mid = NAN, .high = NAN, .alarm = NAN, .closed = NAN, .lost = NAN};
		ask_copy_text(s->name, sizeof(s->name), label_of(one, "step"));
		d->n_steps++;
	}
	json_decref(result);
	qsort(d->steps, (size_t)d->n_steps, sizeof(d->steps[0]), by_number);
	ask_quote(l->probe, sizeof(l->probe), d->probe);
}

static struct step_row *
step_at(struct funnel_data *d, const json_t *one)
{
	for (int i = 0; i < d->n_steps; i++)
		if (strcmp(d->steps[i].name, label_of(one, "step")) == 0)
			return &d->steps[i];
	return NULL;
}

/* A value a step into the member at that offset. */
static void
take_steps(struct funnel_data *d, json_t *result, size_t offset)
{
	const json_t *one;
	size_t i;

	json_array_foreach(result, i, one) {
		struct step_row *s = step_at(d, one);

		if (s != NULL)
			*(double *)(void *)((char *)s + offset) = value_of(one);
	}
	json_decref(result);
}

static void
read_step_values(struct looking *l, struct funnel_data *d)
{
	static const char *const bounds[3] = {"low", "mid", "high"};
	static const size_t at[3] = {offsetof(struct step_row, low), offsetof(struct step_row, mid),
	    offsetof(struct step_row, high)};
	long long span = (long long)(l->c->axis.n * l->c->axis.step_ms / 1000);
	const char *p = l->probe;

	take_steps(d, instant(l, "sum by (step) (increase(checkout_good_total{probe=\"%s\","
				 "dimension=\"\"}[%llds]))", p, span),
	    offsetof(struct step_row, sessions));
	take_steps(d, instant(l, "sum by (step) (increase(checkout_tried_total{probe=\"%s\","
				 "dimension=\"\"}[%llds]))", p, span),
	    offsetof(struct step_row, tried));
	for (int i = 0; i < 3; i++)
		take_steps(d, instant(l, "max by (step) (checkout_ratio_expected{probe=\"%s\","
					 "window=\"1h\",dimension=\"\",bound=\"%s\"})",
				  p, bounds[i]), at[i]);
	take_steps(d, instant(l, "max by (step) (checkout_alarm{probe=\"%s\"})", p),
	    offsetof(struct step_row, alarm));
	take_steps(d, instant(l, "max by (step) (checkout_step_is_closed{probe=\"%s\"})", p),
	    offsetof(struct step_row, closed));
	take_steps(d, instant(l, "max by (step) (checkout_lost_sessions{probe=\"%s\"})", p),
	    offsetof(struct step_row, lost));
	d->complete_s = single(instant(l, "max(checkout_complete_seconds{probe=\"%s\"})", p));
}

static int
by_surprise(const void *a, const void *b)
{
	const struct part_row *x = a, *y = b;

	return (x->surprise < y->surprise) - (x->surprise > y->surprise);
}

static struct part_row *
part_at(struct part_row *parts, int n, const json_t *one)
{
	for (int i = 0; i < n; i++)
		if (strcmp(parts[i].step, label_of(one, "step")) == 0
		    && strcmp(parts[i].dimension, label_of(one, "dimension")) == 0
		    && strcmp(parts[i].value, label_of(one, "value")) == 0)
			return &parts[i];
	return NULL;
}

/* The most surprising parts, with their ratio and what is expected of it. */
static void
read_parts(struct looking *l, struct funnel_data *d)
{
	json_t *result = instant(l, "max by (step, dimension, value) "
				    "(checkout_surprise{probe=\"%s\",dimension!=\"\"})", l->probe);
	size_t n = json_array_size(result), i;
	struct part_row *all = xcalloc(n + 1, sizeof(*all)), *p;
	const json_t *one;

	json_array_foreach(result, i, one) {
		all[i] = (struct part_row){
		    .surprise = value_of(one), .ratio = NAN, .expected = NAN};
		ask_copy_text(all[i].step, sizeof(all[i].step), label_of(one, "step"));
		ask_copy_text(
		    all[i].dimension, sizeof(all[i].dimension), label_of(one, "dimension"));
		ask_copy_text(all[i].value, sizeof(all[i].value), label_of(one, "value"));
	}
	json_decref(result);
	qsort(all, n, sizeof(*all), by_surprise);
	d->n_parts = n < PARTS_MAX ? (int)n : PARTS_MAX;
	memcpy(d->parts, all, (size_t)d->n_parts * sizeof(*all));
	free(all);
	result = instant(l, "max by (step, dimension, value) (checkout_ratio{probe=\"%s\","
			    "dimension!=\"\"})", l->probe);
	json_array_foreach(result, i, one)
		if ((p = part_at(d->parts, d->n_parts, one)) != NULL)
			p->ratio = value_of(one);
	json_decref(result);
	result = instant(l, "max by (step, dimension, value) (checkout_ratio_expected{probe=\"%s\","
			    "dimension!=\"\",bound=\"mid\"})", l->probe);
	json_array_foreach(result, i, one)
		if ((p = part_at(d->parts, d->n_parts, one)) != NULL)
			p->expected = value_of(one);
	json_decref(result);
}

static void
read_journeys(struct looking *l, struct funnel_data *d)
{
	json_t *result = instant(l, "max by (probe) (checkout_reached_steps)"), *times;
	const json_t *one;
	size_t i;

	json_array_foreach(result, i, one) {
		struct journey_row *j = &d->journeys[d->n_journeys];

		if (d->n_journeys == JOURNEYS_MAX)
			break;
		*j = (struct journey_row){.reached = value_of(one), .seconds = NAN};
		ask_copy_text(j->probe, sizeof(j->probe), label_of(one, "probe"));
		d->n_journeys++;
	}
	json_decref(result);
	times = instant(l, "max by (probe) (checkout_journey_seconds)");
	json_array_foreach(times, i, one)
		for (int k = 0; k < d->n_journeys; k++)
			if (strcmp(d->journeys[k].probe, label_of(one, "probe")) == 0)
				d->journeys[k].seconds = value_of(one);
	json_decref(times);
}

static void
take_rates(struct funnel_data *d, json_t *result, size_t offset)
{
	const json_t *one;
	size_t i;

	json_array_foreach(result, i, one)
		for (int k = 0; k < d->n_rates; k++)
			if (strcmp(d->rates[k].probe, label_of(one, "probe")) == 0)
				*(double *)(void *)((char *)&d->rates[k] + offset) = value_of(one);
	json_decref(result);
}

static void
read_rates(struct looking *l, struct funnel_data *d)
{
	json_t *result = instant(l, "max by (probe) (checkout_rate_events{window=\"1h\"})");
	const json_t *one;
	size_t i;

	json_array_foreach(result, i, one) {
		struct rate_row *r = &d->rates[d->n_rates];

		if (d->n_rates == RATES_MAX)
			break;
		*r = (struct rate_row){.events = value_of(one), .low = NAN, .mid = NAN,
		    .high = NAN, .floor_s = NAN, .alarm = NAN};
		ask_copy_text(r->probe, sizeof(r->probe), label_of(one, "probe"));
		d->n_rates++;
	}
	json_decref(result);
#define EXPECTED "max by (probe) (checkout_rate_expected_events{window=\"1h\",bound=\"%s\"})"
	take_rates(d, instant(l, EXPECTED, "low"), offsetof(struct rate_row, low));
	take_rates(d, instant(l, EXPECTED, "mid"), offsetof(struct rate_row, mid));
	take_rates(d, instant(l, EXPECTED, "high"), offsetof(struct rate_row, high));
	take_rates(d, instant(l, "min by (probe) (checkout_rate_floor_seconds)"),
	    offsetof(struct rate_row, floor_s));
	take_rates(d, instant(l, "max by (probe) (checkout_alarm{test=\"rate\"})"),
	    offsetof(struct rate_row, alarm));
}

/* The step to draw: the first that fires, else the last one. */
static void
read_step_lines(struct looking *l, struct funnel_data *d)
{
	static const char *const bounds[3] = {"", "low", "high"};
	char step[200], selector[512];

	d->shown = d->n_steps - 1;
	for (int i = d->n_steps - 1; i > 0; i--)
		if (d->steps[i].alarm > 0)
			d->shown = i;
	ask_quote(step, sizeof(step), d->steps[d->shown].name);
	for (int i = 0; i < 3; i++) {
		struct series *s;
		int n;

		snprintf(selector, sizeof(selector),
		    i == 0 ? "checkout_ratio{probe=\"%s\",step=\"%s\",window=\"1h\","
			     "dimension=\"\"}%s"
			   : "checkout_ratio_expected{probe=\"%s\",step=\"%s\",window=\"1h\","
			     "dimension=\"\",bound=\"%s\"}",
		    l->probe, step, bounds[i]);
		n = query_max(l->a, &l->c->axis, "step", selector, 1, &s);
		if (n > 0)
			memcpy(d->lines[i].v, s[0].v, (size_t)l->c->axis.n * sizeof(float));
		if (n > 0)
			free(s[0].v);
		free(s);
	}
}

void
query_funnel(struct asking *a, struct charts *c, const char *asked, int64_t at_ms)
{
	struct looking l = {.a = a, .c = c, .at_ms = at_ms};
	struct funnel_data *d = c->funnel = funnel_data_new(c->axis.n);

	read_steps(&l, d, asked);
	if (d->n_steps > 0) {
		read_step_values(&l, d);
		read_parts(&l, d);
		read_step_lines(&l, d);
	}
	read_journeys(&l, d);
	read_rates(&l, d);
	d->risk_low = single(instant(&l, "max(checkout_at_risk_value{bound=\"low\"})"));
	d->risk_high = single(instant(&l, "max(checkout_at_risk_value{bound=\"high\"})"));
}
