/*
 * paper_api.c - family C on paper (see paper.h): routes and outcomes from an access log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/plugins/paper.h"

enum { REQUESTS, DURATION, HEADROOM };
static const struct tw_metric metrics[] = {
    [REQUESTS] = {"paper_api_requests_total", "", TW_COUNTER, 0, 1, "route,outcome", "Requests"},
    [DURATION] = {"paper_api_duration_seconds", "seconds", TW_HISTOGRAM, 0, 0, "route", "Time"},
    [HEADROOM] = {"paper_api_quota_headroom_ratio", "ratio", TW_GAUGE, 0, 1e-4, "quota", "Left"},
};

struct route {
	const char *name, *path, *method, *error_if;
	int64_t slow;
};
static const struct tw_option route_rows[] = {
    ROW(struct route, name, TW_STRING, .flags = TW_REQUIRED, .help = "The label"),
    ROW(struct route, path, TW_STRING, .flags = TW_REQUIRED, .help = "With * and **"),
    ROW(struct route, method, TW_STRING, .help = "Method"),
    ROW(struct route, error_if, TW_TREE, .help = "What in a 2xx is an error"),
    ROW(struct route, slow, TW_DURATION, .help = "Counts as bad past it"),
};
struct outcome {
	struct tw_list ok, server_error, throttled, client_error, ignored;
};
static const struct tw_option outcome_rows[] = {
    ROW(struct outcome, ok, TW_RANGES, .help = "Statuses"),
    ROW(struct outcome, server_error, TW_RANGES, .def = "500-599", .help = "Statuses"),
    ROW(struct outcome, throttled, TW_RANGES, .def = "429", .help = "Statuses"),
    ROW(struct outcome, client_error, TW_RANGES, .def = "400-499", .help = "Statuses"),
    ROW(struct outcome, ignored, TW_RANGES, .help = "Statuses"),
};
struct api {
	const char *source;
	struct tw_list routes;
	struct outcome outcome;
};
static const struct tw_option options[] = {
    ROW(struct api, source, TW_STRING, .flags = TW_NAMES_SOURCE | TW_REQUIRED, .help = "From"),
    ROW(struct api, routes, TW_MAPS, .nested = TW_TABLE(route_rows),
	.nested_size = sizeof(struct route), .help = "First match wins"),
    ROW(struct api, outcome, TW_MAP, .nested = TW_TABLE(outcome_rows),
	.nested_size = sizeof(struct outcome), .help = "What statuses mean"),
};
static const struct tw_slo slos[] = {{NULL,
    "sum(increase(paper_api_requests_total{probe=\"${probe}\",outcome=\"ok\"}[${window}]))",
    "sum(increase(paper_api_requests_total{probe=\"${probe}\",outcome!=\"ignored\"}[${window}]))",
    "Requests that were answered as they should"}};

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	(void)ctx;
	(void)self;
	return TW_OK; /* the records have come in between */
}

static void
on_records(struct tw_ctx *ctx, void *self, const struct tw_batch *batch,
    const struct tw_record *records, size_t n)
{
	(void)self;
	if (batch->flags & TW_BATCH_SCAN)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct tw_value *v = tw_record_at(records, i)->values;

		tw_count(ctx, REQUESTS, 1, "route", "other", "outcome", "ok");
		if (batch->n_fields > 0 && v->type == TW_FIELD_REAL)
			tw_observe(ctx, DURATION, v->as.real, "route", "other");
	}
}

TW_PLUGIN(.name = "paper_api", .version = "0", .summary = "Family C on paper",
    .prefix = "paper_api_", .self_size = sizeof(struct api), .probe = probe,
    .on_records = on_records, .options = TW_TABLE(options), .metrics = TW_TABLE(metrics),
    .slos = TW_TABLE(slos));
