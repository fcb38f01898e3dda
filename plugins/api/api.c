/*
 * api.c - the plugin's words: options, metrics, alerts; and its callbacks. See api.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/api/api.h"

#include <stdio.h>
#include <string.h>

#define SILENT_MS 300000 /* complete_ms so far behind: what we know is old */

static const struct tw_metric metrics[] = {
    [REQUESTS] = {"api_requests_total", "", TW_COUNTER, 0, 1, "route,outcome",
	"Requests, by route and by what the answer was"},
    [DURATION] = {"api_duration_seconds", "seconds", TW_HISTOGRAM, 0, 0, "route",
	"How long requests took, those of our own and of bots left out"},
    [LATE] = {"api_late_records_total", "", TW_COUNTER, 0, 1, "",
	"Requests that came after their time was counted; counted a slot later"},
    [SLO_RATIO] = {"api_error_ratio", "ratio", TW_GAUGE, 0, 1e-6, "window",
	"Share of bad requests over a window of the objective"},
    [SLO_BURN] = {"api_budget_burn_rate", "", TW_GAUGE, 0, 1e-3, "window",
	"How many times faster than the objective allows errors come"},
    [SLO_LEFT] = {"api_budget_left_ratio", "ratio", TW_GAUGE, 0, 1e-4, "",
	"What is left of the period's error budget; below 0 it is overspent"},
    [SLO_ALARM] = {"api_budget_alarm", "", TW_GAUGE, 0, 1, "severity",
	"1 while the budget burns too fast, and chance does not explain it"},
    [COMPLETE] = {"api_complete_seconds", "seconds", TW_GAUGE, 0, 0.001, "",
	"Up to when every request is counted, since 1970"},
    [CALL_UP] = {"api_call_up", "", TW_GAUGE, 0, 1, "route",
	"1 when our own call was answered as it should be, 0 when not; absent: a wall hid it"},
    [CALLS] = {"api_calls_total", "", TW_COUNTER, 0, 1, "route,outcome",
	"Our own calls, by what the answer was"},
    [CALL_SECONDS] = {"api_call_duration_seconds", "seconds", TW_HISTOGRAM, 0, 0, "route",
	"How long our own calls took"},
    [CALL_ERRORS] = {"api_call_errors_total", "", TW_COUNTER, 0, 1, "route,code,path",
	"GraphQL errors in answers to our own calls, by extensions.code and the first two segments "
	"of their path"},
    [QUOTA_HEADROOM] = {"api_quota_headroom_ratio", "ratio", TW_GAUGE, 0, 1e-4, "host,quota",
	"Share of the API's quota that is left, as its answers tell"},
    [QUOTA_LIMIT] = {"api_quota_limit", "", TW_GAUGE, 0, 1e-3, "host,quota",
	"The API's quota, in its own units: requests, points"},
    [QUOTA_REMAINING] = {"api_quota_remaining", "", TW_GAUGE, 0, 1e-3, "host,quota",
	"What is left of the API's quota"},
    [QUOTA_EXHAUSTED] = {"api_quota_exhausted_seconds", "seconds", TW_GAUGE, 0, 1, "host,quota",
	"Until the quota is used up, if it goes on as lately; absent: it is not being used up"},
};

static const struct tw_option route_rows[] = {
    TW_OPTION(struct route, name, TW_STRING, .flags = TW_REQUIRED, .help = "the label `route`"),
    TW_OPTION(struct route, path, TW_STRING, .flags = TW_REQUIRED,
	.help = "paths, without query: * any bytes but /, ** any bytes"),
    TW_OPTION(struct route, method, TW_STRING, .help = "GET, POST ...; absent: any"),
};
#define OUTCOMES(field_, ...) \
	{.name = #field_, .type = TW_RANGES, \
	    .offset = offsetof(struct api, outcome.field_) - offsetof(struct api, outcome), \
	    __VA_ARGS__}
static const struct tw_option outcome_rows[] = {
    OUTCOMES(ok, .help = "statuses that are right after all: [404]"),
    OUTCOMES(server_error, .def = "500-599", .help = "the shop failed"),
    OUTCOMES(throttled, .def = "429", .help = "the shop asked to come slower"),
    OUTCOMES(client_error, .def = "400-499", .help = "who asked was wrong"),
    OUTCOMES(ignored, .help = "not counted at all"),
};
static const struct tw_option slo_rows[] = {
    TW_OPTION(struct slo, objective, TW_SHARE, .flags = TW_REQUIRED, .min = 0.5, .max = 0.99999,
	.help = "99.9%: share of good requests"),
    TW_OPTION(struct slo, window, TW_DURATION, .def = "30d", .min = 86400, .max = 90 * 86400.0,
	.help = "the period that the objective is meant for"),
    TW_OPTION(struct slo, min_bad, TW_INT, .def = "3", .min = 1, .max = 1e6,
	.help = "fewer bad requests are no alarm, whatever their share"),
    TW_OPTION(struct slo, confidence, TW_SHARE, .def = "99.9%", .min = 0.5, .max = 0.999999,
	.help = "how sure it must be that chance is not the cause"),
    TW_OPTION(struct slo, count_client_errors, TW_BOOL, .def = "false",
	.help = "client errors are bad too"),
    TW_OPTION(struct slo, count_throttled, TW_BOOL, .def = "false",
	.help = "throttled requests are bad too"),
};
static const struct tw_option options[] = {
    TW_OPTION(struct api, source, TW_STRING, .flags = TW_NAMES_SOURCE,
	.help = "the source whose records are requests: an access log"),
    {.name = "calls", .type = TW_MAPS, .offset = offsetof(struct api, calls_list),
	.nested = {call_rows, CALL_ROWS, sizeof(struct tw_option)},
	.nested_size = sizeof(struct call_options),
	.help = "instead of a source: requests that the probe sends by itself (50 at most)"},
    TW_OPTION(struct api, routes, TW_MAPS, .nested = TW_TABLE(route_rows),
	.nested_size = sizeof(struct route), .help = "first match wins; the rest is \"other\""),
    TW_OPTION(struct api, outcome, TW_MAP, .nested = TW_TABLE(outcome_rows),
	.nested_size = sizeof(((struct api *)0)->outcome), .help = "what statuses mean"),
    TW_OPTION(struct api, step, TW_DURATION, .def = "30s", .min = 1, .max = 3600,
	.help = "slots of a request's own time, in which it is counted"),
    TW_OPTION(struct api, client_timeout, TW_DURATION, .def = "30s",
	.help = "a client that went away (499) after so long had waited for us: a server_error"),
    TW_OPTION(struct api, slo, TW_MAP, .nested = TW_TABLE(slo_rows),
	.nested_size = sizeof(struct slo), .help = "objective and error budget"),
};

static const struct tw_alert alerts[] = {
    {.name = "ApiBudgetBurns", .severity = "page", .when = "slo",
	.expr = "api_budget_alarm{probe=\"${probe}\",severity=\"page\"} > 0",
	.summary = "{{ $labels.probe }}: errors spend the budget too fast"},
    {.name = "ApiBudgetLeaks", .severity = "ticket", .when = "slo",
	.expr = "api_budget_alarm{probe=\"${probe}\",severity=\"ticket\"} > 0",
	.summary = "{{ $labels.probe }}: errors spend more budget than there is"},
    {.name = "ApiDown", .severity = "page", .when = "calls", .failures = "2 of 3",
	.summary = "{{ $labels.probe }} does not answer as it should"},
    {.name = "ApiQuotaLow", .severity = "ticket", .when = "calls", .hold = "5m",
	.expr = "api_quota_headroom_ratio{probe=\"${probe}\"} < 0.1",
	.summary = "{{ $labels.host }}: {{ $value | humanizePercentage }} of the quota "
		   "{{ $labels.quota }} is left"},
};

static const struct tw_panel panels[] = {
    {"Requests", "line", "sum by (outcome) (rate(api_requests_total{probe=\"${probe}\"}[5m]))", "",
	NULL},
    {"Duration", "heat", "rate(api_duration_seconds{probe=\"${probe}\"}[5m])", "seconds", NULL},
    {"Our own calls", "bar", "increase(api_calls_total{probe=\"${probe}\"}[1h])", "", NULL},
    {"Quota left", "line", "api_quota_headroom_ratio{probe=\"${probe}\"}", "ratio", "0.1"},
};

static void
set_outcome(struct api *s, const struct tw_list *ranges, enum outcome o)
{
	const struct tw_range *r = ranges->items;

	for (uint32_t i = 0; i < ranges->n; i++)
		for (int64_t status = r[i].low < 0 ? 0 : r[i].low;
		     status <= r[i].high && status < STATUS_MAX; status++)
			s->by_status[status] = (uint8_t)o;
}

/* Later ones win: the precedence is fixed, whatever the order in the file. */
static void
take_outcomes(struct api *s)
{
	set_outcome(s, &s->outcome.client_error, OUTCOME_CLIENT_ERROR);
	set_outcome(s, &s->outcome.server_error, OUTCOME_SERVER_ERROR);
	set_outcome(s, &s->outcome.throttled, OUTCOME_THROTTLED);
	set_outcome(s, &s->outcome.ok, OUTCOME_OK);
	set_outcome(s, &s->outcome.ignored, OUTCOME_IGNORED);
}

static enum tw_verdict
check_routes(struct tw_ctx *ctx, const struct api *s)
{
	const struct route *r = s->routes.items;
	char path[48];

	if (s->routes.n > ROUTES_MAX)
		return tw_api_->refuse(
		    ctx, "routes", "more than %d routes: a label has 50 values", ROUTES_MAX);
	for (uint32_t i = 0; i < s->routes.n; i++) {
		snprintf(path, sizeof(path), "routes/%u/name", i);
		if (strcmp(r[i].name, "other") == 0)
			return tw_api_->refuse(ctx, path, "\"other\" is what no route takes");
		snprintf(path, sizeof(path), "routes/%u/path", i);
		if (r[i].path[0] != '/' && r[i].path[0] != '*')
			return tw_api_->refuse(ctx, path, "a path begins with / (or with *)");
		if (strchr(r[i].path, '?') != NULL)
			return tw_api_->refuse(ctx, path, "paths are matched without their query");
	}
	return TW_OK;
}

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct api *s = self;
	char never[64];

	if ((s->source != NULL) == (s->calls_list.n > 0))
		return tw_api_->refuse(ctx, "source",
		    "one of `source` (a log of real requests) and `calls` (our own) is wanted");
	if (check_routes(ctx, s) != TW_OK)
		return TW_UNKNOWN;
	if (s->calls_list.n > 0 && (s->calls = calls_new(ctx, &s->calls_list)) == NULL)
		return TW_UNKNOWN;
	s->n_cells = s->routes.n + 1;
	take_outcomes(s);
	cell_prepare();
	if (route_prepare(s) != 0)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	if (s->slo.objective > 0) {
		if ((s->budget = budget_new(&s->slo)) == NULL)
			return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
		budget_restore(ctx, s->budget);
		if (budget_lint(&s->slo, never, sizeof(never)) != NULL)
			tw_api_->log(ctx, 4,
			    "slo: at %.4g %% the windows %s can never fire: even all requests "
			    "failing burn too slowly",
			    s->slo.objective * 100, never);
	}
	return slot_restore(ctx, s) == 0 ? TW_OK
					 : tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
}

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct api *s = self;

	(void)ctx;
	slot_free(s);
	route_free(s);
	budget_free(s->budget);
	calls_free(s->calls);
}

static void
find_fields(struct api *s, const struct tw_batch *b)
{
	static const char *const names[] = {"path", "method", "status", "duration"};
	int *const at[] = {&s->at.path, &s->at.method, &s->at.status, &s->at.duration};

	for (int i = 0; i < 4; i++) {
		*at[i] = -1;
		for (uint32_t k = 0; k < b->n_fields; k++)
			if (strcmp(b->fields[k], names[i]) == 0)
				*at[i] = (int)k;
	}
	s->fields = b->fields;
}

static void
on_records(struct tw_ctx *ctx, void *self, const struct tw_batch *b,
    const struct tw_record *records, size_t n)
{
	struct api *s = self;

	if (s->fields != b->fields)
		find_fields(s, b);
	for (size_t i = 0; i < n; i++)
		slot_count(ctx, s, tw_record_at(records, i));
	if (b->complete_ms > s->complete_ms)
		s->complete_ms = b->complete_ms;
	slot_close(ctx, s);
}

static void
save(struct tw_ctx *ctx, void *self)
{
	struct api *s = self;

	slot_save(ctx, s);
	if (s->budget != NULL)
		budget_save(ctx, s->budget);
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	struct api *s = self;
	int64_t behind_ms = tw_api_->slot_ms(ctx) - s->complete_ms;

	if (s->calls != NULL)
		return calls_probe(ctx, s);
	if (s->complete_ms == 0)
		return tw_fail(
		    ctx, TW_UNKNOWN, "source", "nothing was read from %s yet", s->source);
	tw_emit(ctx, COMPLETE, (double)s->complete_ms / 1e3);
	if (behind_ms > SILENT_MS)
		return tw_fail(ctx, TW_UNKNOWN, "stale",
		    "%s says nothing of the last %.0f minutes: no errors seen is not no errors",
		    s->source, (double)behind_ms / 6e4);
	return s->budget != NULL ? budget_judge(ctx, s->budget, s->complete_ms) : TW_OK;
}

TW_PLUGIN(.name = "api", .version = "1.0",
    .summary = "API error rates, durations, error budgets and quotas", .prefix = "api_",
    .flags = TW_EVENT_TIME, .self_size = sizeof(struct api), .start = start, .probe = probe,
    .stop = stop, .on_records = on_records, .save = save, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts), .panels = TW_TABLE(panels));
