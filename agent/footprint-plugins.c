/*
 * footprint-plugins.c - see footprint.h: what a run of each of our plugins asks, and emits.
 *
 * Measured by running them; where a figure follows traffic or what is learnt, it is that of a shop
 * with traffic, and `is_about` is set.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/footprint.h"

#define WINDOWS 3 /* that checkout judges, without options of its own */

static const json_t *
member(const json_t *o, const char *key)
{
	return json_object_get(o, key);
}

static const char *
url_of(const json_t *o)
{
	return json_string_value(member(o, "url"));
}

/* Of a set or a list; one when it is empty. */
static double
size_or_one(const json_t *list)
{
	return json_array_size(list) > 0 ? (double)json_array_size(list) : 1;
}

/* An answer's assertion may say how many redirects come before it. */
static double
requests_of(const json_t *asserts)
{
	const json_t *a;
	size_t i;

	json_array_foreach(asserts, i, a) {
		const json_t *range = json_array_get(member(a, "redirects"), 0);

		if (range != NULL)
			return 1 + (double)json_integer_value(json_array_get(range, 0));
	}
	return 1;
}

/* ---- storefront ---- */

static void
storefront_requests(struct footprint *f, const struct footprint_probe *p)
{
	bool each = json_is_true(member(p->options, "each_address"));
	double families = size_or_one(member(p->options, "address_family"));
	double connections = size_or_one(member(p->options, "connection"));
	double hops = requests_of(member(p->options, "assert"));

	footprint_ask(
	    f, url_of(p->options), footprint_runs(p) * families * connections * hops, each);
}

/* up, status, runs, redirects, body, wire; a histogram a connection; addresses, those that failed
 * a family; first byte, total and six phases for each of both; the certificate. */
static double
storefront_series(struct footprint *f, const struct footprint_probe *p)
{
	double families = size_or_one(member(p->options, "address_family"));
	double connections = size_or_one(member(p->options, "connection"));
	const char *url = url_of(p->options);

	f->histograms += connections * footprint_runs(p);
	return 6 + connections + 2 * families + 8 * families * connections
	       + (url != NULL && strncmp(url, "https", 5) == 0);
}

/* ---- journeys ---- */

struct journey {
	const json_t *steps, *teardown;
	size_t n, first_order;                 /* first_order == n: it orders nothing */
	double orders_a_run, cap, runs, whole; /* whole: runs a day that get past the cap */
};

static bool
is_order(const json_t *step)
{
	const char *orders = json_string_value(member(step, "orders")),
		   *name = json_string_value(member(step, "name"));

	if (orders != NULL && strcmp(orders, "auto") != 0)
		return strcmp(orders, "true") == 0;
	return name != NULL && strcmp(name, "purchase") == 0;
}

static bool
journey_read(struct journey *j, const struct footprint_probe *p)
{
	const json_t *o = member(p->options, "journey"), *step;
	size_t i;

	/* A probe of real traffic has an empty one. */
	if (strcmp(p->plugin, "checkout") != 0 || json_array_size(member(o, "steps")) == 0)
		return false;
	*j = (struct journey){.steps = member(o, "steps"),
	    .teardown = member(o, "teardown"),
	    .cap = (double)json_integer_value(member(o, "max_orders_per_day")),
	    .runs = footprint_runs(p)};
	j->n = j->first_order = json_array_size(j->steps);
	json_array_foreach(j->steps, i, step) {
		if (!is_order(step))
			continue;
		j->first_order = i < j->first_order ? i : j->first_order;
		j->orders_a_run++;
	}
	j->whole = j->runs;
	if (j->orders_a_run > 0 && j->cap / j->orders_a_run < j->runs)
		j->whole = (double)(int64_t)(j->cap / j->orders_a_run);
	return true;
}

bool
footprint_may_order(const struct footprint_probe *p)
{
	struct journey j;

	return journey_read(&j, p) && j.orders_a_run > 0 && j.cap > 0;
}

static void
ask_step(struct footprint *f, const json_t *step, double times)
{
	double hops = requests_of(member(step, "assert"));

	footprint_ask(f, url_of(member(step, "request")), times * hops, false);
}

/* Does it need what only a step behind the cap can capture? Then it is skipped before it. */
static bool
needs_order(const json_t *step, const struct journey *j)
{
	char *text = json_dumps(member(step, "request"), JSON_ENCODE_ANY), word[128];
	bool is_needed = false;

	for (size_t i = j->first_order; i < j->n && text != NULL; i++) {
		const json_t *capture = member(json_array_get(j->steps, i), "capture"), *one;
		size_t k;

		json_array_foreach(capture, k, one) {
			snprintf(
			    word, sizeof(word), "${%s}", json_string_value(json_array_get(one, 0)));
			is_needed = is_needed || strstr(text, word) != NULL;
		}
	}
	free(text);
	return is_needed;
}

static void
warn_cap(struct footprint *f, const struct footprint_probe *p, const struct journey *j)
{
	double wanted = j->runs * j->orders_a_run;

	if (j->orders_a_run == 0)
		return;
	if (j->cap == 0)
		footprint_warn(f, p, "journey/max_orders_per_day",
		    "is 0, so the journey always stops before step %s",
		    json_string_value(member(json_array_get(j->steps, j->first_order), "name")));
	else if (j->cap < wanted)
		footprint_warn(f, p, "journey/max_orders_per_day",
		    "is %.0f, and its interval makes %.0f orders a day: after %.1f hours it no "
		    "longer orders (an interval of %.0fs would last for the day)",
		    j->cap, wanted, j->cap / wanted * 24, 86400 * j->orders_a_run / j->cap + 0.5);
}

static void
checkout_requests(struct footprint *f, const struct footprint_probe *p)
{
	const json_t *step;
	struct journey j;
	size_t i;

	if (!journey_read(&j, p))
		return;
	json_array_foreach(j.steps, i, step) {
		double times = i < j.first_order ? j.runs : j.whole;
		const char *name = json_string_value(member(step, "name"));

		ask_step(f, step, times);
		if (name != NULL && strcmp(name, "add_to_cart") == 0)
			f->carts += times;
		if (is_order(step))
			f->orders += times;
	}
	json_array_foreach(j.teardown, i, step)
		ask_step(f, step, needs_order(step, &j) || j.first_order == 0 ? j.whole : j.runs);
	warn_cap(f, p, &j);
}

/* A journey: seven phases a step, and eight. Real traffic: what is judged of each window, for a
 * ratio and each step of a funnel with its expectation and bounds, once they have been learnt. */
static double
checkout_series(struct footprint *f, const struct footprint_probe *p)
{
	const json_t *funnel = member(p->options, "funnel");
	double steps;
	struct journey j;

	if (journey_read(&j, p)) {
		steps = (double)j.first_order
			+ (double)(j.n - j.first_order) * (j.runs > 0 ? j.whole / j.runs : 0);
		return 8 + 7 * steps;
	}
	f->is_about = true;
	if ((steps = (double)json_array_size(member(funnel, "steps"))) > 0)
		return 5 + 4 * steps + (steps - 1) * 8 * WINDOWS;
	return json_string_value(member(member(p->options, "rate"), "source")) != NULL
	           ? 7 + 5 * WINDOWS : 5 + 7 * WINDOWS;
}

/* ---- api ---- */

static void
api_requests(struct footprint *f, const struct footprint_probe *p)
{
	const json_t *call;
	size_t i;

	json_array_foreach(member(p->options, "calls"), i, call) {
		ask_step(f, call, footprint_runs(p));
		f->api_calls += footprint_runs(p);
	}
}

/* A call: up, its outcome, its time. Real requests: an objective's burn and ratio a window at each
 * run, requests and times a route at each step. */
static double
api_series(struct footprint *f, const struct footprint_probe *p)
{
	double calls = (double)json_array_size(member(p->options, "calls"));
	double routes = (double)json_array_size(member(p->options, "routes")) + 1;
	double step_us = (double)json_integer_value(member(p->options, "step"));

	if (calls > 0)
		return 3 * calls;
	f->is_about = true;
	if (step_us > 0)
		f->histograms += routes * 86400e6 / step_us;
	return 1 + (json_is_object(member(p->options, "slo")) ? 11 : 0)
	       + (step_us > 0 ? 2 * routes * (double)p->interval_ms * 1e3 / step_us : 0);
}

/* ---- sources ---- */

static void
http_json_requests(struct footprint *f, const struct footprint_probe *p)
{
	const char *url = url_of(p->options);
	bool has_pages =
	    member(p->options, "next_page") != NULL || member(p->options, "cursor") != NULL
	    || member(p->options, "has_more") != NULL || member(p->options, "page_size") != NULL
	    || (url != NULL
		&& (strstr(url, "${page}") != NULL || strstr(url, "${offset}") != NULL));

	bool is_counted = has_pages && p->requests_a_run >= 1;
	double requests = footprint_runs(p) * (is_counted ? p->requests_a_run : 1);

	footprint_ask(f, url, requests, has_pages && !is_counted);
	f->api_calls += requests;
}

static void
csv_requests(struct footprint *f, const struct footprint_probe *p)
{
	footprint_ask(f, url_of(p->options), footprint_runs(p), false);
}

static void
sql_requests(struct footprint *f, const struct footprint_probe *p)
{
	footprint_ask(f, json_string_value(member(p->options, "dsn")), footprint_runs(p), true);
}

/* Bytes, files, lag, two results of lines, and four more. */
static double
access_log_series(struct footprint *f, const struct footprint_probe *p)
{
	(void)f, (void)p;
	return 9;
}

/* ---- inventory ---- */

/* Eight of a source; fifteen of each field that one of them is compared by. */
static double
inventory_series(struct footprint *f, const struct footprint_probe *p)
{
	const json_t *field;
	double pairs = 0;
	size_t i;

	json_array_foreach(member(p->options, "fields"), i, field)
		pairs += (double)json_array_size(member(json_array_get(field, 1), "compare"));
	f->is_about = true;
	return pairs > 0 ? 8 * (double)json_array_size(p->reads) + 15 * pairs
	                 : (double)p->n_metrics;
}

/* ---- others ---- */

static void
other_requests(struct footprint *f, const struct footprint_probe *p)
{
	footprint_ask(f, url_of(p->options), footprint_runs(p), true);
}

static double
other_series(struct footprint *f, const struct footprint_probe *p)
{
	f->is_about = true;
	return (double)p->n_metrics;
}

static const struct {
	const char *plugin;
	void (*requests)(struct footprint *f, const struct footprint_probe *p);
	double (*series)(struct footprint *f, const struct footprint_probe *p);
} plugins[] = {
    {"storefront", storefront_requests, storefront_series},
    {"checkout", checkout_requests, checkout_series},
    {"api", api_requests, api_series},
    {"http_json", http_json_requests, other_series},
    {"csv", csv_requests, other_series},
    {"sql", sql_requests, other_series},
    {"access_log", other_requests, access_log_series},
    {"inventory", other_requests, inventory_series},
};
#define N_PLUGINS (sizeof(plugins) / sizeof(plugins[0]))

void
footprint_requests(struct footprint *f, const struct footprint_probe *p)
{
	for (size_t i = 0; i < N_PLUGINS; i++)
		if (strcmp(plugins[i].plugin, p->plugin) == 0) {
			plugins[i].requests(f, p);
			return;
		}
	other_requests(f, p);
}

double
footprint_series(struct footprint *f, const struct footprint_probe *p)
{
	for (size_t i = 0; i < N_PLUGINS; i++)
		if (strcmp(plugins[i].plugin, p->plugin) == 0)
			return plugins[i].series(f, p);
	return other_series(f, p);
}
