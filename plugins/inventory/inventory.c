/*
 * inventory.c - the inventory plugin: do the shop's systems say the same of each key?
 *
 * Here are its words (options, metrics, default alerts, panels; docs/METRICS.md is made from them);
 * inventory.h says where everything else is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/inventory.h"

#include <stdlib.h>

#include "plugins/inventory/orders-probe.h"

static const struct tw_option compare_rows[] = {
    TW_OPTION(struct compare_options, grace, TW_DURATION, .flags = TW_FLOW_LIMIT, .def = "5m",
	.max = 30 * 86400.0, .help = "a younger difference is on its way, no drift"),
    TW_OPTION(struct compare_options, buffer, TW_REAL, .def = "0", .max = 1e9,
	.help = "units that this system keeps back on purpose"),
    TW_OPTION(struct compare_options, tolerance, TW_STRING,
	.help = "what may differ: 0.01 EUR, 0.5%, 2"),
    TW_OPTION(struct compare_options, states, TW_PAIRS,
	.help = "its words, and the amounts they stand for: {in_stock: 1+, out_of_stock: 0}"),
};

static const struct tw_option field_rows[] = {
    TW_OPTION(struct field_options, reference, TW_STRING,
	.flags = TW_NAMES_SOURCE | TW_FLOW_FROM | TW_REQUIRED,
	.help = "the source that is right"),
    TW_OPTION(struct field_options, kind, TW_CHOICE, .choices = "auto|quantity|price|value",
	.def = "auto", .help = "how it is compared; auto: by its name"),
    TW_OPTION(struct field_options, compare, TW_NAMED,
	.flags = TW_NAMES_SOURCE | TW_FLOW_TO | TW_REQUIRED, .nested = TW_TABLE(compare_rows),
	.nested_size = sizeof(struct compare_options), .help = "sources that must agree with it"),
};

static const struct tw_option normalize_rows[] = {
    TW_OPTION(struct normalize_options, key_prefix, TW_STRING,
	.help = "what its keys begin with, and others' do not"),
    TW_OPTION(struct normalize_options, key_suffix, TW_STRING,
	.help = "what its keys end with, and others' do not"),
    TW_OPTION(struct normalize_options, units, TW_PAIRS,
	.help = "fields in hundredths: {price: cents}"),
    TW_OPTION(struct normalize_options, tax, TW_PAIRS,
	.help = "fields without the tax that the reference has in: {price: 19%}"),
    TW_OPTION(struct normalize_options, currency, TW_STRING,
	.help = "its prices are of this one; another is refused (default: the shop's)"),
    TW_OPTION(struct normalize_options, decimal, TW_STRING, .def = ".",
	.help = "the decimal sign of its numbers: . or ,"),
    TW_OPTION(struct normalize_options, states, TW_PAIRS,
	.help = "words of a reference: {in_stock: 1+}"),
};

static const struct tw_option order_rows[] = {
    TW_OPTION(struct order_options, as, TW_CHOICE, .def = "auto",
	.choices = "auto|orders|payments|exports|shipments|refunds|bookings",
	.help = "what it tells of; auto: what it is called"),
    TW_OPTION(struct order_options, max_lag, TW_DURATION, .flags = TW_FLOW_LIMIT,
	.max = 30 * 86400.0,
	.help = "so long after the event that it follows it may come (orders, payments and refunds "
		"5m, exports 15m, shipments 3d, bookings 1d)"),
    TW_OPTION(struct order_options, value, TW_STRING, .def = "value",
	.help = "the field of the amount"),
    TW_OPTION(struct order_options, part, TW_STRING, .def = "payment",
	.help = "the field that tells several payments (parcels) of an order apart; without it "
		"their time and amount do"),
    TW_OPTION(struct order_options, where, TW_PAIRS,
	.help = "what counts: {state: \"paid|settled\"}; without it what a field ok denies does "
		"not"),
};

static const struct tw_option canary_rows[] = {
    TW_OPTION(struct canary_options, sku, TW_STRING, .flags = TW_REQUIRED,
	.help = "the key that carries it; never anybody's stock"),
    TW_OPTION(struct canary_options, field, TW_STRING,
	.help = "the field that it is written to (default: the first quantity)"),
    TW_OPTION(struct canary_options, every, TW_DURATION, .def = "15m", .min = 1,
	.max = 30 * 86400.0, .help = "a new value is written so often"),
    TW_OPTION(struct canary_options, max_lag, TW_DURATION, .def = "2m", .min = 0.1,
	.max = 30 * 86400.0, .help = "every system shows it by then, or is late"),
    TW_OPTION(struct canary_options, step, TW_DURATION, .def = "1s", .min = 0.05, .max = 3600,
	.help = "how often systems are asked for it while the run lasts (timeout)"),
    TW_OPTION(struct canary_options, low, TW_INT, .def = "100", .min = 1, .max = 1e9,
	.help = "the first value that is written"),
    TW_OPTION(struct canary_options, high, TW_INT, .def = "999", .min = 1, .max = 1e9,
	.help = "the last one; then it begins anew"),
    TW_OPTION(struct canary_options, write, TW_MAP, .nested = REQUEST_TABLE,
	.nested_size = sizeof(struct request_options),
	.help = "the request that writes ${value} into the reference, with its own credential; "
		"absent: nothing is ever written"),
};

static const struct tw_option sales_rows[] = {
    TW_OPTION(struct sales_options, source, TW_STRING, .flags = TW_NAMES_SOURCE | TW_REQUIRED,
	.help = "order lines as they are placed: events, not a table that is read whole"),
    TW_OPTION(struct sales_options, key, TW_STRING, .def = "sku",
	.help = "its field with the key"),
    TW_OPTION(struct sales_options, quantity, TW_STRING, .def = "quantity",
	.help = "its field with the units; a line without it is of one"),
    TW_OPTION(struct sales_options, window, TW_DURATION, .def = "7d", .min = 3600,
	.max = 365 * 86400.0, .help = "sales of so long ago count a third (1/e)"),
};

static const struct tw_option options[] = {
    TW_OPTION(struct inventory, key, TW_STRING,
	.help = "the field that all sources have in common: sku, of orders id where nobody says"),
    TW_OPTION(struct inventory, fields, TW_NAMED,
	.nested = TW_TABLE(field_rows), .nested_size = sizeof(struct field_options),
	.help = "what is compared: {available: {reference: wms, compare: {shop_api: {}}}}"),
    TW_OPTION(struct inventory, compare, TW_NAMED, .flags = TW_NAMES_SOURCE | TW_FLOW_TO,
	.nested = TW_TABLE(order_rows), .nested_size = sizeof(struct order_options),
	.help = "instead of fields: sources that tell of the same orders (key: id): {payments: "
		"{}, orders: {max_lag: 2m}}"),
    TW_OPTION(struct inventory, tolerance, TW_STRING, .def = "0.01",
	.help = "of orders: amounts may differ by so much"),
    TW_OPTION(struct inventory, keep, TW_DURATION, .def = "14d", .min = 60,
	.max = 90 * 86400.0, .help = "an order of which nothing is heard for so long is forgotten"),
    TW_OPTION(struct inventory, warm_up, TW_DURATION, .def = "1d", .max = 30 * 86400.0,
	.help = "a payment may be of an order that was placed so long before the source of orders "
		"was read first"),
    TW_OPTION(struct inventory, normalize, TW_NAMED, .flags = TW_NAMES_SOURCE,
	.nested = TW_TABLE(normalize_rows), .nested_size = sizeof(struct normalize_options),
	.help = "how a source writes what others write differently"),
    TW_OPTION(struct inventory, confirm_max, TW_INT, .def = "500", .min = 1, .max = 4096,
	.help = "keys that are read again in one run, of both sides"),
    TW_OPTION(struct inventory, full_scan, TW_DURATION, .def = "1d", .min = 60,
	.max = 30 * 86400.0, .help = "a source that only tells changes is read whole so often"),
    {.name = "canary", .type = TW_MAP, .offset = offsetof(struct inventory, canary_options),
	.nested = TW_TABLE(canary_rows), .nested_size = sizeof(struct canary_options),
	.help = "a value of our own on its way from the reference to who is compared with it"},
    TW_OPTION(struct inventory, tracers, TW_INT, .def = "20", .max = TRACER_KEYS,
	.help = "keys that change most often are read again each run while they differ; unused "
		"where a canary is written"),
    {.name = "sales", .type = TW_MAP, .offset = offsetof(struct inventory, sales_options),
	.nested = TW_TABLE(sales_rows), .nested_size = sizeof(struct sales_options),
	.help = "what sells, and how fast: what will be sold and not delivered"},
};

static const struct tw_metric metrics[] = {
    [M_LAG] = {"inventory_lag_seconds", "seconds", TW_HISTOGRAM, 0, 0, "source,field",
	"From a change in the reference until the source shows it, at most"},
    [M_STALENESS] = {"inventory_staleness_seconds", "seconds", TW_GAUGE, 0, 1, "source",
	"Since the newest change that the source knows of"},
    [M_DRIFT_KEYS] = {"inventory_drift_keys", "", TW_GAUGE, 0, 1, "source,field",
	"Keys whose value differs, older than grace and confirmed by reading both sides again"},
    [M_DRIFT_UNITS] = {"inventory_drift_units", "", TW_GAUGE, 0, 1e-4, "source,field",
	"By how much they differ, together, in units of the field"},
    [M_DRIFT_AGE] = {"inventory_drift_age_seconds", "seconds", TW_GAUGE, 0, 1,
	"source,field,quantile", "How long confirmed differences are open: 0.5, 0.95, 1"},
    [M_OPEN] = {"inventory_open_keys", "", TW_GAUGE, 0, 1, "source,field",
	"Keys that differ now, on their way or confirmed"},
    [M_MISSING] = {"inventory_missing_keys", "", TW_GAUGE, 0, 1, "source",
	"Keys that the reference has and the source has not, confirmed"},
    [M_GHOST] = {"inventory_ghost_keys", "", TW_GAUGE, 0, 1, "source",
	"Keys that the source has and the reference has not, confirmed"},
    [M_DUPLICATE] = {"inventory_duplicate_keys", "", TW_GAUGE, 0, 1, "source",
	"Keys that came more than once in the newest scan"},
    [M_NEGATIVE] = {"inventory_negative_cells", "", TW_GAUGE, 0, 1, "source",
	"Values below zero in the newest scan"},
    [M_OVERSELL_UNITS] = {"inventory_oversell_units", "", TW_GAUGE, 0, 1e-4, "source",
	"Units that can be sold and not delivered; source \"any\": a key counts once"},
    [M_OVERSELL_VALUE] = {"inventory_oversell_value", "", TW_GAUGE, 0, 0.01, "source",
	"What they are worth, in the shop's currency"},
    [M_UNDERSELL_KEYS] = {"inventory_undersell_keys", "", TW_GAUGE, 0, 1, "source",
	"Keys that are there and shown as sold out"},
    [M_UNDERSELL_VALUE] = {"inventory_undersell_value", "", TW_GAUGE, 0, 0.01, "source",
	"What lies on the shelf and cannot be bought is worth, in the shop's currency"},
    [M_COMPARED] = {"inventory_compared_keys", "", TW_GAUGE, 0, 1, "source,field",
	"Keys that both sides tell something of"},
    [M_COHERENT] = {"inventory_coherent_keys", "", TW_GAUGE, 0, 1, "source,field",
	"Compared keys without a confirmed difference"},
    [M_COHERENCE] = {"inventory_coherence_ratio", "ratio", TW_GAUGE, 0, 1e-6,
	"source,field,bound",
	"Coherent of compared: mid, and its 95 % interval low to high (Wilson)"},
    [M_SCAN_AGE] = {"inventory_scan_age_seconds", "seconds", TW_GAUGE, 0, 1, "source",
	"Since the source was read whole"},
    [M_SCAN_ROWS] = {"inventory_scan_rows", "", TW_GAUGE, 0, 1, "source",
	"Keys of the newest whole scan"},
    [M_SCAN_SECONDS] = {"inventory_scan_seconds", "seconds", TW_GAUGE, 0, 0.001, "source",
	"How long it took"},
    [M_SCAN_COMPLETE] = {"inventory_scan_complete", "", TW_GAUGE, 0, 1, "source",
	"1 when the source has been read whole; before, nothing of it is judged"},
    [M_REJECTED] = {"inventory_rejected_total", "", TW_COUNTER, 0, 1, "source,field",
	"Values that could not be read: no number, no known word, another currency"},
    [M_MAPPING] = {"inventory_mapping_suspect", "", TW_GAUGE, 0, 1, "source,field",
	"1 while nearly all differ in the same way: how it is read is wrong, not the stock"},
    [M_ORDER_FAULTS] = {"inventory_order_faults", "", TW_GAUGE, 0, 1, "fault",
	"Orders of which systems tell different stories, older than max_lag and proven: "
	"paid_without_order, order_without_payment, charged_twice, total_mismatch, not_exported, "
	"not_shipped, refund_not_booked"},
    [M_ORDER_VALUE] = {"inventory_order_fault_value", "", TW_GAUGE, 0, 0.01, "fault",
	"What those orders are about, in the shop's currency"},
    [M_ORDER_AGE] = {"inventory_order_fault_age_seconds", "seconds", TW_GAUGE, 0, 1, "fault",
	"Since the event of the oldest of them"},
    [M_ORDER_LAG] = {"inventory_order_lag_seconds", "seconds", TW_HISTOGRAM, 0, 0, "source",
	"From an order's event to the one that follows it in this source"},
    [M_ORDERS] = {"inventory_orders_compared", "", TW_GAUGE, 0, 1, "",
	"Orders that are known, by more than one system or as a fault"},
    [M_ORDERS_DROPPED] = {"inventory_orders_dropped_total", "", TW_COUNTER, 0, 1, "",
	"Orders that had to be forgotten before their time, for want of room"},
    [M_CANARY_LAG] = {"inventory_canary_lag_seconds", "seconds", TW_GAUGE, 0, 0.001, "source",
	"From the newest canary's write until the source showed it, at most"},
    [M_CANARY_PENDING] = {"inventory_canary_pending_seconds", "seconds", TW_GAUGE, 0, 0.001,
	"source", "How long the source does not show what was written to the canary; 0: it does"},
    [M_CANARY_LATE] = {"inventory_canary_late", "", TW_GAUGE, 0, 1, "source",
	"1 while the canary is pending, or was shown, later than max_lag"},
    [M_CANARY_WRITES] = {"inventory_canary_writes_total", "", TW_COUNTER, 0, 1, "result",
	"Canary values that were written: ok, or failed"},
    [M_OVERSELL_EXPECTED] = {"inventory_oversell_expected_units", "", TW_GAUGE, 0, 1e-6,
	"source", "Units more than there are that will be sold before the source knows: its lag's "
		  "95th percentile of sales; source \"any\": a key counts once, where it is worst"},
    [M_UNDERSELL_PER_HOUR] = {"inventory_undersell_value_per_hour", "", TW_GAUGE, 0, 0.01,
	"source", "What keys that are there and shown as sold out would sell for in an hour, in "
		  "the shop's currency"},
};

static const struct tw_alert alerts[] = {
    {.name = "InventoryUnknown", .severity = "ticket", .hold = "15m",
	.expr = "tillwatch_probe_verdict{probe=\"${probe}\"} == 3",
	.summary = "{{ $labels.probe }}: the systems cannot be compared"},
    {.name = "InventoryDrift", .severity = "ticket", .hold = "1m", .when = "fields",
	.expr = "inventory_drift_keys{probe=\"${probe}\"} > 0",
	.summary = "{{ $labels.probe }}: {{ $value }} keys of {{ $labels.source }} show a wrong "
		   "{{ $labels.field }}"},
    {.name = "InventoryKeysMissing", .severity = "ticket", .hold = "1m", .when = "fields",
	.expr = "inventory_missing_keys{probe=\"${probe}\"} > 0",
	.summary = "{{ $labels.probe }}: {{ $value }} keys are missing in {{ $labels.source }}"},
    {.name = "InventoryOversell", .severity = "page", .hold = "5m", .when = "fields",
	.expr = "inventory_oversell_units{probe=\"${probe}\",source=\"any\"} > 0",
	.summary = "{{ $labels.probe }}: {{ $value }} units can be sold that nobody has"},
    {.name = "OrderMoneyWrong", .severity = "page", .when = "compare",
	.expr = "inventory_order_faults{probe=\"${probe}\","
		"fault=~\"paid_without_order|charged_twice\"} > 0",
	.summary = "{{ $labels.probe }}: {{ $value }} orders {{ $labels.fault }}"},
    {.name = "OrderIncoherent", .severity = "ticket", .hold = "1m", .when = "compare",
	.expr = "inventory_order_faults{probe=\"${probe}\","
		"fault!~\"paid_without_order|charged_twice\"} > 0",
	.summary = "{{ $labels.probe }}: {{ $value }} orders {{ $labels.fault }}"},
    {.name = "InventoryCanaryLate", .severity = "ticket", .when = "canary/write",
	.expr = "inventory_canary_late{probe=\"${probe}\"} > 0",
	.summary = "{{ $labels.probe }}: changes of stock do not reach {{ $labels.source }} in "
		   "time"},
};

static const struct tw_panel panels[] = {
    {"Coherence", "line",
	"inventory_coherence_ratio{probe=\"${probe}\",bound=\"mid\"}", "ratio", NULL},
    {"Drift", "line", "inventory_drift_keys{probe=\"${probe}\"}", "", NULL},
    {"Lag, 95th percentile", "line",
	"histogram_quantile(0.95, sum without (field) "
	"(rate(inventory_lag_seconds{probe=\"${probe}\"}[1h])))", "seconds", NULL},
};

static void
on_lag(void *arg, const struct rule *rule, int64_t ms)
{
	struct inventory *s = arg;

	tw_observe(s->ctx, M_LAG, (double)(ms > 0 ? ms : 0) / 1e3, "source", rule->system, "field",
	    rule->field);
	sales_lag(s, rule, ms);
}

static void
on_change(void *arg, unsigned column, uint32_t row)
{
	struct inventory *s = arg;

	for (unsigned i = 0; i < s->c->n_rules; i++)
		if (s->c->rules[i].reference_column == column) {
			tracer_changed(
			    &s->tracer, row, s->c->sides[s->columns[column].side].read_ms);
			return;
		}
}

static int64_t
was_open(void *arg, const struct comparer *c, uint32_t row, unsigned rule)
{
	(void)c;
	return keep_since(arg, row, rule);
}

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct inventory *s = self;
	enum tw_verdict v;

	if (s->key == NULL)
		s->key = s->compare.n > 0 ? "id" : "sku";
	if (s->compare.n > 0) {
		if ((v = orders_plan(ctx, s)) == TW_OK)
			orders_restore(ctx, s);
		return v;
	}
	if ((s->c = calloc(1, sizeof(*s->c))) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	s->c->on_lag = on_lag;
	s->c->on_change = on_change;
	s->c->was_open = was_open;
	s->c->arg = s;
	s->sku = tw_api_->setting(ctx, "synthetic/sku");
	if ((v = plan_make(ctx, s)) != TW_OK)
		return v;
	if (compare_init(s->c) != 0)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	keep_restore(ctx, s);
	if ((v = canary_start(ctx, s)) != TW_OK)
		return v;
	return sales_start(ctx, s);
}

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct inventory *s = self;

	(void)ctx;
	if (s->orders != NULL)
		orders_clear(&s->orders->o);
	free(s->orders);
	canary_stop(s);
	sales_stop(s);
	if (s->c != NULL)
		compare_clear(s->c);
	free(s->c);
	free(s->kept);
}

static void
on_records(struct tw_ctx *ctx, void *self, const struct tw_batch *b,
    const struct tw_record *records, size_t n)
{
	struct inventory *s = self;

	if (s->orders != NULL)
		orders_take(ctx, s, b, records, n);
	else
		take_records(ctx, s, b, records, n);
}

static void
save(struct tw_ctx *ctx, void *self)
{
	struct inventory *s = self;

	if (s->orders != NULL)
		orders_put(ctx, s);
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	struct inventory *s = self;

	if (!tw_has(read))
		return tw_fail(ctx, TW_UNKNOWN, "host", "this host cannot read a source again");
	return s->orders != NULL ? orders_slot(ctx, s) : run_slot(ctx, s);
}

TW_PLUGIN(.name = "inventory", .version = "1.0",
    .summary = "Stock and prices: which systems disagree, since when",
    .prefix = "inventory_", .self_size = sizeof(struct inventory), .start = start,
    .probe = probe, .stop = stop, .on_records = on_records, .save = save,
    .options = TW_TABLE(options), .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts),
    .panels = TW_TABLE(panels), .interval_us = 600000000);
