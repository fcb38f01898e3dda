/*
 * checkout.c - the checkout plugin: can customers buy?
 *
 * Here are its words (options, metrics, default alerts, panels; docs/METRICS.md is made from them)
 * and the way from each call to the probe's kind. journey*.c are the synthetic journeys.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/checkout.h"

static const struct checkout_kind *const kinds[] = {&checkout_journey};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define KIND_NAMES "journey"

static const struct tw_option checkout_options[] = {
    {.name = "journey", .type = TW_MAP, .offset = offsetof(struct checkout, journey_options),
	.nested = JOURNEY_TABLE, .nested_size = sizeof(struct journey_options),
	.help = "A purchase by ourselves, step by step"},
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
};

static const struct tw_panel checkout_panels[] = {
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
    .prefix = "checkout_", .self_size = sizeof(struct checkout), .start = start, .probe = probe,
    .stop = stop, .on_records = on_records, .save = save, .options = TW_TABLE(checkout_options),
    .metrics = TW_TABLE(checkout_metrics), .alerts = TW_TABLE(checkout_alerts),
    .panels = TW_TABLE(checkout_panels), .slos = TW_TABLE(checkout_slos));
