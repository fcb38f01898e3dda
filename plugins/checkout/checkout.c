/*
 * checkout.c - the checkout plugin: can customers buy?
 *
 * Here are its words (options, metrics, default alerts, panels; docs/METRICS.md is made from them)
 * and the way from each call to the probe's kind. journey*.c are the synthetic journeys; funnel.c,
 * rate.c and ratio.c read real traffic, and stand on traffic.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/checkout.h"

static const struct checkout_kind *const kinds[] = {
    &checkout_journey, &checkout_funnel, &checkout_rate, &checkout_ratio};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define KIND_NAMES "journey, funnel, rate, ratio"

static const struct tw_option checkout_options[] = {
    {.name = "journey", .type = TW_MAP, .offset = offsetof(struct checkout, journey_options),
	.nested = JOURNEY_TABLE, .nested_size = sizeof(struct journey_options),
	.help = "A purchase by ourselves, step by step"},
    {.name = "funnel", .type = TW_MAP, .offset = offsetof(struct checkout, funnel_options),
	.nested = FUNNEL_TABLE, .nested_size = sizeof(struct funnel_options),
	.help = "Customers on their way: of those who came to a step, how many went on?"},
    {.name = "rate", .type = TW_MAP, .offset = offsetof(struct checkout, rate_options),
	.nested = RATE_TABLE, .nested_size = sizeof(struct rate_options),
	.help = "Are there as many orders as this hour of the week has?"},
    {.name = "ratio", .type = TW_MAP, .offset = offsetof(struct checkout, ratio_options),
	.nested = RATIO_TABLE, .nested_size = sizeof(struct ratio_options),
	.help = "Of what was tried, how much was good? Payments that were authorized"},
};

static const struct tw_metric checkout_metrics[] = {
    [M_JOURNEY_SUCCESS] = {"checkout_journey_success", "", TW_GAUGE, 0, 1, "",
	"1 when every step was good, 0 when not; absent when a wall or our own blindness hid it"},
    [M_JOURNEY_SECONDS] = {"checkout_journey_seconds", "seconds", TW_GAUGE, 0, 1e-5, "",
	"Time of all steps of a good journey, without think time"},
    [M_STEP_SECONDS] = {"checkout_step_seconds", "seconds", TW_GAUGE, 0, 1e-5, "step,phase",
	"Phases dns, connect, tls, send, wait, transfer of a step, over its hops; and total"},
    [M_REACHED_STEPS] = {"checkout_reached_steps", "", TW_GAUGE, 0, 1, "",
	"Good steps before the first bad one, or before the journey's end"},
    [M_JOURNEY_RUNS] = {"checkout_journey_runs_total", "", TW_COUNTER, 0, 1, "outcome",
	"Journeys by outcome"},
    [M_STEP_FAILURES] = {"checkout_step_failures_total", "", TW_COUNTER, 0, 1, "step,outcome",
	"Steps that were not ok, by outcome"},
    [M_SYNTHETIC_ORDERS] = {"checkout_synthetic_orders_total", "", TW_COUNTER, 0, 1, "",
	"Orders that we set out to place"},
    [M_SYNTHETIC_ORDERS_LEFT] = {"checkout_synthetic_orders_left", "", TW_GAUGE, 0, 1, "",
	"Orders that may still be placed on this day of the shop"},
    [M_TEARDOWN_FAILED] = {"checkout_teardown_failed_total", "", TW_COUNTER, 0, 1, "step",
	"Teardown steps that failed, and clean-ups given up after a day (step given_up)"},
    [M_TEARDOWN_OWED] = {"checkout_teardown_owed", "", TW_GAUGE, 0, 1, "",
	"Orders whose clean-up is still to be done"},
    [M_COMPLETE] = {"checkout_complete_seconds", "seconds", TW_GAUGE, 0, 0.001, "",
	"Up to when everything is told and settled, since 1970"},
    [M_HISTORY] = {"checkout_history_days", "days", TW_GAUGE, 0, 0.01, "",
	"Days from which it is known what is usual; fewer than the target while it is learnt"},
    [M_HISTORY_TARGET] = {"checkout_history_target_days", "days", TW_GAUGE, 0, 0.01, "",
	"How far back it is looked: history"},
    [M_LATE] = {"checkout_late_records_total", "", TW_COUNTER, 0, 1, "",
	"Records that came after their minute was settled; counted with the next one"},
    [M_ALARM] = {"checkout_alarm", "", TW_GAUGE, 0, 1, "test,window,step",
	"1 while chance does not explain what is seen: test is rate, leak, ratio or step"},
    [M_SURPRISE] = {"checkout_surprise", "", TW_GAUGE, 0, 0.01, "window,step,dimension,value",
	"-log10 of how likely so few are, as far as earlier weeks tell; 300 at most"},
    [M_AT_RISK] = {"checkout_at_risk_value", "", TW_GAUGE, 0, 0.01, "window,bound",
	"What does not come in the judged window is worth, in the shop's currency, as an estimate; "
	"while it fires"},
    [M_EVENTS] = {"checkout_events_total", "", TW_COUNTER, 0, 1, "",
	"Events of a rate: orders of customers"},
    [M_VALUE] = {"checkout_value_total", "", TW_COUNTER, 0, 0.01, "",
	"What they were worth, in the shop's currency"},
    [M_RATE_EVENTS] = {"checkout_rate_events", "", TW_GAUGE, 0, 1, "window",
	"Events in the judged window"},
    [M_RATE_EXPECTED] = {"checkout_rate_expected_events", "", TW_GAUGE, 0, 0.01,
	"window,bound", "What earlier weeks predict for the window: mid, and 95 % low to high"},
    [M_RATE_FLOOR] = {"checkout_rate_floor_seconds", "seconds", TW_GAUGE, 0, 1, "window",
	"An outage that is shorter cannot be told from chance"},
    [M_TRIED] = {"checkout_tried_total", "", TW_COUNTER, 0, 1, "step,dimension,value",
	"Attempts; of a ratio with id: orders, and its attempts as step \"attempt\"; of a funnel's "
	"step: sessions that came to the step before it"},
    [M_GOOD] = {"checkout_good_total", "", TW_COUNTER, 0, 1, "step,dimension,value",
	"Good ones of them; of a funnel's step: sessions that reached it in time"},
    [M_RATIO] = {"checkout_ratio", "ratio", TW_GAUGE, 0, 1e-5, "step,window,dimension,value",
	"Good of tried in the judged window"},
    [M_RATIO_EXPECTED] = {"checkout_ratio_expected", "ratio", TW_GAUGE, 0, 1e-5,
	"step,window,dimension,value,bound",
	"What earlier weeks predict for it: mid, and 95 % low to high"},
    [M_RATIO_WILSON] = {"checkout_ratio_wilson", "ratio", TW_GAUGE, 0, 1e-5,
	"step,window,dimension,value,bound", "Where the true ratio lies, 95 %"},
    [M_LOST] = {"checkout_lost_sessions", "", TW_GAUGE, 0, 0.1, "step",
	"Sessions that would usually have gone on, and did not; while it fires"},
    [M_STEP_NUMBER] = {"checkout_step_number", "", TW_GAUGE, 0, 1, "step",
	"The order of a funnel's steps, from 1"},
    [M_STEP_IS_CLOSED] = {"checkout_step_is_closed", "", TW_GAUGE, 0, 1, "step",
	"1: told by sessions that took every step before it; 0: a count against a count"},
    [M_SESSIONS_OPEN] = {"checkout_sessions_open", "", TW_GAUGE, 0, 1, "",
	"Sessions on their way"},
    [M_SESSIONS_LOST] = {"checkout_sessions_lost_total", "", TW_COUNTER, 0, 1, "",
	"Sessions and steps that went for want of room"},
};

static const struct tw_alert checkout_alerts[] = {
    {.name = "CheckoutJourneyFails",
	.severity = "page",
	.failures = "2 of 3",
	.when = "journey",
	.summary = "{{ $labels.probe }} cannot buy"},
    {.name = "CheckoutTeardownFails",
	.severity = "ticket",
	.expr = "increase(checkout_teardown_failed_total{probe=\"${probe}\",shop=\"${shop}\"}[1h]) "
		"> 0",
	.hold = "5m",
	.keep_firing_for = "10m",
	.when = "journey/teardown",
	.summary = "{{ $labels.probe }} leaves orders behind (step {{ $labels.step }})"},
    {.name = "CheckoutTooFew",
	.severity = "page",
	.expr = "max without (window) "
		"(checkout_alarm{probe=\"${probe}\",shop=\"${shop}\",test=\"rate\"}) > 0",
	.keep_firing_for = "10m",
	.when = "rate",
	.summary = "{{ $labels.probe }}: fewer than this hour of the week has"},
    {.name = "CheckoutLeaks",
	.severity = "ticket",
	.expr = "checkout_alarm{probe=\"${probe}\",shop=\"${shop}\",test=\"leak\"} > 0",
	.keep_firing_for = "10m",
	.when = "rate",
	.summary = "{{ $labels.probe }}: fewer than usual, day by day"},
    {.name = "CheckoutRatioFalls",
	.severity = "page",
	.expr = "max without (window) "
		"(checkout_alarm{probe=\"${probe}\",shop=\"${shop}\",test=\"ratio\"}) > 0",
	.keep_firing_for = "10m",
	.when = "ratio",
	.summary = "{{ $labels.probe }}: fewer are good than usual"},
    {.name = "CheckoutStepFalls",
	.severity = "page",
	.expr = "max without (window) "
		"(checkout_alarm{probe=\"${probe}\",shop=\"${shop}\",test=\"step\"}) > 0",
	.keep_firing_for = "10m",
	.when = "funnel",
	.summary = "{{ $labels.probe }}: fewer go on to {{ $labels.step }} than usual"},
};

static const struct tw_panel checkout_panels[] = {
    {"Events and what is usual", "line",
	"checkout_rate_events{probe=\"${probe}\",window=\"1h\"} or "
	"checkout_rate_expected_events{probe=\"${probe}\",window=\"1h\"}", "", NULL},
    {"Ratio and what is usual", "line",
	"checkout_ratio{probe=\"${probe}\",window=\"1h\",dimension=\"\"} or "
	"checkout_ratio_expected{probe=\"${probe}\",window=\"1h\",dimension=\"\"}",
	"ratio", NULL},
    {"Journey", "line", "checkout_journey_seconds{probe=\"${probe}\"}", "seconds", NULL},
    {"Steps", "waterfall", "checkout_step_seconds{probe=\"${probe}\",phase=\"total\"}", "seconds",
	NULL},
    {"Waiting for the shop", "waterfall",
	"checkout_step_seconds{probe=\"${probe}\",phase=\"wait\"}", "seconds", NULL},
    {"Failures by step", "bar", "increase(checkout_step_failures_total{probe=\"${probe}\"}[1h])",
	"", NULL},
};

static const struct tw_slo checkout_slos[] = {
    {.name = NULL,
	.good = "increase(checkout_journey_runs_total{probe=\"${probe}\",outcome=\"ok\"}"
		"[${window}])",
	.total = "increase(checkout_journey_runs_total{probe=\"${probe}\",outcome!=\"blocked\"}"
		 "[${window}])",
	.help = "Journeys that were good, of those that no wall hid"},
};

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct checkout *c = self;
	const struct checkout_kind *second = NULL;

	c->kind = NULL;
	for (size_t i = 0; i < N_KINDS; i++) {
		if (!kinds[i]->is_given(c))
			continue;
		if (c->kind == NULL)
			c->kind = kinds[i];
		else if (second == NULL)
			second = kinds[i];
	}
	if (c->kind == NULL)
		return tw_api_->refuse(
		    ctx, KIND_NAMES, "a checkout probe needs one of %s", KIND_NAMES);
	if (second != NULL)
		return tw_api_->refuse(ctx, second->name,
		    "a checkout probe is one thing: %s is given already", c->kind->name);
	return c->kind->start(ctx, c);
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	struct checkout *c = self;

	return c->kind->probe(ctx, c);
}

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct checkout *c = self;

	c->kind->stop(ctx, c);
}

static void
on_records(struct tw_ctx *ctx, void *self, const struct tw_batch *batch,
    const struct tw_record *records, size_t n)
{
	struct checkout *c = self;

	if (c->kind->on_records != NULL)
		c->kind->on_records(ctx, c, batch, records, n);
}

static void
save(struct tw_ctx *ctx, void *self)
{
	struct checkout *c = self;

	if (c->kind->save != NULL)
		c->kind->save(ctx, c);
}

TW_PLUGIN(.name = "checkout", .version = "1.0", .summary = "Checkout: can customers buy?",
    .prefix = "checkout_", .flags = TW_EVENT_TIME, .self_size = sizeof(struct checkout),
    .start = start, .probe = probe,
    .stop = stop, .on_records = on_records, .save = save, .options = TW_TABLE(checkout_options),
    .metrics = TW_TABLE(checkout_metrics), .alerts = TW_TABLE(checkout_alerts),
    .panels = TW_TABLE(checkout_panels), .slos = TW_TABLE(checkout_slos));
