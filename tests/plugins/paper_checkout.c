/*
 * paper_checkout.c - family B on paper (see paper.h): journey, funnel, rate, ratio.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/plugins/paper.h"

enum { SUCCESS, STEP, REACHED, TEARDOWN, ORDERS, ENTERED, CONVERTED, RATE, EXPECTED, AT_RISK, GOOD,
	TRIED };
static const struct tw_metric metrics[] = {
    [SUCCESS] = {"paper_checkout_journey_success", "", TW_GAUGE, 0, 1, "", "1 when done"},
    [STEP] = {"paper_checkout_step_seconds", "seconds", TW_GAUGE, 0, 1e-5, "step,phase", "Time"},
    [REACHED] = {"paper_checkout_reached", "", TW_GAUGE, 0, 1, "", "Last good step"},
    [TEARDOWN] = {"paper_checkout_teardown_failed_total", "", TW_COUNTER, 0, 1, "step", "Leaks"},
    [ORDERS] = {"paper_checkout_orders_total", "", TW_COUNTER, 0, 1, "", "Our own orders"},
    [ENTERED] = {"paper_checkout_entered_total", "", TW_COUNTER, 0, 1, "step,country", "In"},
    [CONVERTED] = {"paper_checkout_converted_total", "", TW_COUNTER, 0, 1, "step,country", "On"},
    [RATE] = {"paper_checkout_orders_rate", "", TW_GAUGE, 0, 0, "window", "Orders seen"},
    [EXPECTED] = {"paper_checkout_orders_expected", "", TW_GAUGE, 0, 0, "window,bound", "Range"},
    [AT_RISK] = {"paper_checkout_at_risk", "", TW_GAUGE, 0, 0.01, "currency,bound", "Money"},
    [GOOD] = {"paper_checkout_good_total", "", TW_COUNTER, 0, 1, "gateway,method,decline", "Good"},
    [TRIED] = {"paper_checkout_tried_total", "", TW_COUNTER, 0, 1, "gateway,method", "All"},
};

struct capture {
	const char *name; /* first: TW_NAMED */
	const char *json, *cookie, *header, *regex;
	uint8_t status, final_url, secret;
};
static const struct tw_option capture_rows[] = {
    ROW(struct capture, json, TW_STRING, .help = "JSON Pointer"),
    ROW(struct capture, cookie, TW_STRING, .help = "Cookie"),
    ROW(struct capture, header, TW_STRING, .help = "Header"),
    ROW(struct capture, regex, TW_REGEX, .help = "First group"),
    ROW(struct capture, status, TW_BOOL, .help = "The status"),
    ROW(struct capture, final_url, TW_BOOL, .help = "Where redirects led"),
    ROW(struct capture, secret, TW_BOOL, .help = "Never shown"),
};
struct step {
	const char *name;
	int64_t think_time;
	struct request request;
	struct tw_list capture, checks;
};
static const struct tw_option request_rows[] = {REQUEST_ROWS};
static const struct tw_option step_rows[] = {
    ROW(struct step, name, TW_STRING, .flags = TW_REQUIRED, .help = "GA4's word where one fits"),
    ROW(struct step, think_time, TW_DURATION, .def = "0s", .help = "Not counted"),
    ROW(struct step, request, TW_MAP, .flags = TW_REQUIRED, .nested = TW_TABLE(request_rows),
	.nested_size = sizeof(struct request), .help = "What is asked"),
    ROW(struct step, capture, TW_NAMED, .nested = TW_TABLE(capture_rows),
	.nested_size = sizeof(struct capture), .help = "What is kept"),
    {.name = "assert", .type = TW_MAPS, .offset = offsetof(struct step, checks),
	.nested = TW_TABLE(check_rows), .nested_size = sizeof(struct check), .help = "Must hold"},
};
struct journey {
	int64_t max_orders_per_day;
	struct tw_list variables, steps, teardown;
	int64_t teardown_timeout;
};
static const struct tw_option journey_rows[] = {
    ROW(struct journey, max_orders_per_day, TW_INT, .def = "0", .help = "0: never orders"),
    ROW(struct journey, variables, TW_PAIRS, .help = "${run_id} is given"),
    ROW(struct journey, steps, TW_MAPS, .flags = TW_REQUIRED, .nested = TW_TABLE(step_rows),
	.nested_size = sizeof(struct step), .help = "In order"),
    ROW(struct journey, teardown, TW_MAPS, .nested = TW_TABLE(step_rows),
	.nested_size = sizeof(struct step), .help = "Always"),
    ROW(struct journey, teardown_timeout, TW_DURATION, .def = "10s", .help = "Kept back for it"),
};
struct match {
	const char *path, *method, *host;
	struct tw_list status;
};
static const struct tw_option match_rows[] = {
    ROW(struct match, path, TW_STRING, .help = "With * and **"),
    ROW(struct match, method, TW_STRING, .help = "Method"),
    ROW(struct match, host, TW_STRING, .help = "Host"),
    ROW(struct match, status, TW_RANGES, .help = "Statuses"),
};
struct funnel_step {
	const char *name, *source;
	struct match match;
};
static const struct tw_option funnel_step_rows[] = {
    ROW(struct funnel_step, name, TW_STRING, .flags = TW_REQUIRED, .help = "GA4's word"),
    ROW(struct funnel_step, source, TW_STRING, .flags = TW_NAMES_SOURCE, .help = "Another source"),
    ROW(struct funnel_step, match, TW_MAP, .nested = TW_TABLE(match_rows),
	.nested_size = sizeof(struct match), .help = "Which records"),
};
struct funnel {
	const char *source, *session;
	int64_t step_window;
	struct tw_list by, steps;
	BASELINE_FIELDS;
};
static const struct tw_option funnel_rows[] = {
    ROW(struct funnel, source, TW_STRING, .flags = TW_NAMES_SOURCE | TW_REQUIRED, .help = "From"),
    ROW(struct funnel, session, TW_STRING, .def = "session", .help = "The field that ties steps"),
    ROW(struct funnel, step_window, TW_DURATION, .def = "30m", .help = "From step to step"),
    ROW(struct funnel, by, TW_STRINGS, .help = "Dimensions"),
    ROW(struct funnel, steps, TW_MAPS, .flags = TW_REQUIRED, .nested = TW_TABLE(funnel_step_rows),
	.nested_size = sizeof(struct funnel_step), .help = "In order"),
    BASELINE_ROWS(struct funnel),
};
struct rate {
	const char *source, *value;
	struct tw_list windows; /* of int64_t */
	BASELINE_FIELDS;
};
static const struct tw_option rate_rows[] = {
    ROW(struct rate, source, TW_STRING, .flags = TW_NAMES_SOURCE | TW_REQUIRED, .help = "From"),
    ROW(struct rate, value, TW_STRING, .help = "The field that is money"),
    ROW(struct rate, windows, TW_DURATION, .flags = TW_MANY, .def = "[15m, 1h, 4h]", .help = "Of"),
    BASELINE_ROWS(struct rate),
};
struct ratio {
	const char *source, *good;
	struct tw_list by;
	int64_t min_count;
	BASELINE_FIELDS;
};
static const struct tw_option ratio_rows[] = {
    ROW(struct ratio, source, TW_STRING, .flags = TW_NAMES_SOURCE | TW_REQUIRED, .help = "From"),
    ROW(struct ratio, good, TW_STRING, .flags = TW_REQUIRED, .help = "The field that is true"),
    ROW(struct ratio, by, TW_STRINGS, .help = "Dimensions"),
    ROW(struct ratio, min_count, TW_INT, .def = "20", .help = "Judged from here on"),
    BASELINE_ROWS(struct ratio),
};
struct checkout {
	struct journey journey;
	struct funnel funnel;
	struct rate rate;
	struct ratio ratio;
	struct tw_jar *jar;
};
#define PART(field_, rows_)                                                                        \
	ROW(struct checkout, field_, TW_MAP, .nested = TW_TABLE(rows_),                            \
	    .nested_size = sizeof(struct field_), .help = "One of the four")
static const struct tw_option options[] = {PART(journey, journey_rows), PART(funnel, funnel_rows),
    PART(rate, rate_rows), PART(ratio, ratio_rows)};
static const struct tw_alert alerts[] = {
    {.name = "JourneyFails", .severity = "page", .failures = "2 of 3", .when = "journey",
	.summary = "{{ $labels.probe }} cannot buy"},
    {.name = "TeardownFails", .severity = "ticket", .when = "journey/teardown", .hold = "5m",
	.expr = "increase(paper_checkout_teardown_failed_total{probe=\"${probe}\"}[1h]) > 0",
	.summary = "{{ $labels.probe }} leaves orders behind"}};

static enum tw_verdict answered(struct tw_ctx *ctx, void *self, const struct tw_answer *a);

/* The order is counted, and its clean-up owed, on disk: only now is it placed. */
static enum tw_verdict
committed(struct tw_ctx *ctx, void *self, void *arg)
{
	struct checkout *s = self;

	(void)arg;
	return tw_http(ctx, .url = "https://shop.example/", .method = "POST", .body = "{}",
	    .body_len = 2, .jar = s->jar, .connection = TW_WARM,
	    .timeout_us = tw_api_->left_us(ctx) - s->journey.teardown_timeout, .done = answered);
}

static enum tw_verdict
thought(struct tw_ctx *ctx, void *self, void *arg)
{
	static const char owed[] = "{\"order\":\"A1\"}";

	(void)arg;
	if (tw_api_->state_put(ctx, "teardown/A1", owed, sizeof(owed)) != 0)
		return TW_UNKNOWN;
	tw_count(ctx, ORDERS, 1);
	return tw_has(commit) ? tw_api_->commit(ctx, committed, NULL) : committed(ctx, self, NULL);
}

static enum tw_verdict
answered(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	const struct tw_header *h = a->n_hops > 0 ? hop_of(a, 0)->headers : NULL;

	(void)self;
	tw_emit(ctx, STEP, (double)a->total_us / 1e6, "step", "purchase", "phase", "wait");
	tw_emit(ctx, REACHED, h != NULL);
	tw_api_->state_put(ctx, "teardown/A1", NULL, 0);
	return TW_OK;
}

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	const struct checkout *s = self;
	const struct step *step = s->journey.steps.items;

	if (s->journey.steps.n > 0 && step[0].request.url == NULL)
		return tw_api_->refuse(ctx, "journey/steps/0/request/url", "a step needs an URL");
	return tw_api_->setting(ctx, "shop/timezone") != NULL ? TW_OK : TW_UNKNOWN;
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	struct checkout *s = self;

	s->jar = tw_api_->jar(ctx);
	return tw_api_->after(ctx, 2000000, thought, NULL);
}

static void
on_records(struct tw_ctx *ctx, void *self, const struct tw_batch *batch,
    const struct tw_record *records, size_t n)
{
	(void)self;
	for (size_t i = 0; i < n; i++)
		if (!(tw_record_at(records, i)->flags & (TW_RECORD_SYNTHETIC | TW_RECORD_BOT)))
			tw_api_->emit_at(ctx, RATE, (double)n, tw_record_at(records, i)->time_ms,
			    (const char *const[]){"window", batch->source, NULL});
}

TW_PLUGIN(.name = "paper_checkout", .version = "0", .summary = "Family B on paper",
    .prefix = "paper_checkout_", .self_size = sizeof(struct checkout), .start = start,
    .probe = probe, .on_records = on_records, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts));
