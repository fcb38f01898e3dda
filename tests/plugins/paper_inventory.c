/*
 * paper_inventory.c - family D on paper (see paper.h): parity of fields, canary, order integrity.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/plugins/paper.h"

enum { LAG, DRIFT, DRIFT_AGE, OVERSELL, MISSING, COHERENT, COMPARED, SCAN_AGE };
static const struct tw_metric metrics[] = {
    [LAG] = {"paper_inventory_lag_seconds", "seconds", TW_HISTOGRAM, 0, 0, "system,field", "Lag"},
    [DRIFT] = {"paper_inventory_drift", "", TW_GAUGE, 0, 1, "system,field", "Confirmed"},
    [DRIFT_AGE] = {"paper_inventory_drift_age_seconds", "seconds", TW_GAUGE, 0, 1,
	"system,field,quantile", "How old"},
    [OVERSELL] = {"paper_inventory_oversell_expected_units", "", TW_GAUGE, 0, 0.01, "system", "E"},
    [MISSING] = {"paper_inventory_missing", "", TW_GAUGE, 0, 1, "system,kind", "Keys"},
    [COHERENT] = {"paper_inventory_coherent_total", "", TW_COUNTER, 0, 1, "system,field", "Same"},
    [COMPARED] = {"paper_inventory_compared_total", "", TW_COUNTER, 0, 1, "system,field", "All"},
    [SCAN_AGE] = {"paper_inventory_scan_age_seconds", "seconds", TW_GAUGE, 0, 1, "system", "Age"},
};

struct against {
	const char *name; /* of a source */
	double buffer;
	int64_t grace, max_lag;
	const char *tolerance;
	struct tw_list states; /* struct tw_pair: the word and its range */
};
static const struct tw_option against_rows[] = {
    ROW(struct against, buffer, TW_REAL, .def = "0", .help = "Kept back on purpose"),
    ROW(struct against, grace, TW_DURATION, .def = "5m", .help = "Younger is in flight"),
    ROW(struct against, max_lag, TW_DURATION, .help = "Promised"),
    ROW(struct against, tolerance, TW_STRING, .help = "0.01 EUR, or 0.5%"),
    ROW(struct against, states, TW_PAIRS, .help = "Words for quantities"),
};
#define AGAINST .nested = TW_TABLE(against_rows), .nested_size = sizeof(struct against)
struct field {
	const char *name;
	const char *reference;
	struct tw_list compare;
};
static const struct tw_option field_rows[] = {
    ROW(struct field, reference, TW_STRING, .flags = TW_NAMES_SOURCE | TW_REQUIRED,
	.help = "Truth"),
    ROW(struct field, compare, TW_NAMED, .flags = TW_NAMES_SOURCE | TW_REQUIRED, AGAINST,
	.help = "Who must agree"),
};
struct canary {
	const char *sku;
	int64_t every, max_lag;
	struct request write;
};
static const struct tw_option request_rows[] = {REQUEST_ROWS};
static const struct tw_option canary_rows[] = {
    ROW(struct canary, sku, TW_STRING, .flags = TW_REQUIRED, .help = "Unpublished"),
    ROW(struct canary, every, TW_DURATION, .def = "15m", .help = "How often"),
    ROW(struct canary, max_lag, TW_DURATION, .def = "2m", .help = "Promised"),
    ROW(struct canary, write, TW_MAP, .nested = TW_TABLE(request_rows),
	.nested_size = sizeof(struct request), .help = "Off unless written"),
};
struct inventory {
	const char *key;
	struct tw_list fields, compare;
	struct canary canary;
	int64_t confirm_max;
	bool is_whole;
};
static const struct tw_option options[] = {
    ROW(struct inventory, key, TW_STRING, .flags = TW_REQUIRED, .help = "sku, id"),
    ROW(struct inventory, fields, TW_NAMED, .nested = TW_TABLE(field_rows),
	.nested_size = sizeof(struct field), .help = "What is compared"),
    ROW(struct inventory, compare, TW_NAMED, .flags = TW_NAMES_SOURCE, AGAINST,
	.help = "Sources that must hold the same keys"),
    ROW(struct inventory, canary, TW_MAP, .nested = TW_TABLE(canary_rows),
	.nested_size = sizeof(struct canary), .help = "A written value that must arrive"),
    ROW(struct inventory, confirm_max, TW_INT, .def = "500", .help = "Re-read at most"),
};

static enum tw_verdict
confirmed(struct tw_ctx *ctx, void *self, void *arg)
{
	const struct inventory *s = self;

	(void)arg;
	if (!s->is_whole)
		return tw_fail(ctx, TW_UNKNOWN, "scan", "a scan is not whole: nothing is judged");
	tw_emit(ctx, DRIFT, 0, "system", "feed", "field", "available");
	return TW_OK;
}

static enum tw_verdict
scanned(struct tw_ctx *ctx, void *self, void *arg)
{
	static const char *const keys[] = {"SKU-1", "SKU-2"};

	(void)self;
	(void)arg;
	return tw_api_->read(ctx, "wms", keys, 2, confirmed, NULL);
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	(void)self;
	if (!tw_has(read))
		return tw_fail(ctx, TW_UNKNOWN, "host", "this host has no sources");
	return tw_api_->read(ctx, "wms", NULL, 0, scanned, NULL);
}

static void
on_records(struct tw_ctx *ctx, void *self, const struct tw_batch *batch,
    const struct tw_record *records, size_t n)
{
	struct inventory *s = self;

	for (size_t i = 0; i < n; i++)
		tw_count(ctx, COMPARED, tw_record_at(records, i)->values != NULL, "system",
		    batch->source);
	s->is_whole = (batch->flags & (TW_BATCH_SCAN | TW_BATCH_LAST)) != 0;
}

TW_PLUGIN(.name = "paper_inventory", .version = "0", .summary = "Family D on paper",
    .prefix = "paper_inventory_", .self_size = sizeof(struct inventory), .probe = probe,
    .on_records = on_records, .options = TW_TABLE(options), .metrics = TW_TABLE(metrics));
