/*
 * paper_sql.c - the sql source on paper (see paper.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/plugins/paper.h"

static const struct tw_metric metrics[] = {
    {"paper_sql_rows_total", "", TW_COUNTER, 0, 1, "result", "Rows read"}};

struct sql {
	const char *dsn, *query, *keys_query, *ca_file;
	int32_t driver;
	int64_t lateness, overlap, max_rows;
	struct tw_list fields, units, hosts;
	const char *time;
};
static const struct tw_option options[] = {
    ROW(struct sql, dsn, TW_SECRET, .flags = TW_REQUIRED, .help = "Where, and with which password"),
    ROW(struct sql, driver, TW_CHOICE, .choices = "auto|postgresql|mysql|sqlite", .def = "auto",
	.help = "From the DSN when auto"),
    ROW(struct sql, query, TW_STRING, .flags = TW_REQUIRED, .help = "$watermark is bound"),
    ROW(struct sql, keys_query, TW_STRING, .help = "$keys is bound: the confirming re-read"),
    ROW(struct sql, time, TW_STRING, .def = "time", .help = "The column of the event's time"),
    ROW(struct sql, fields, TW_PAIRS, .help = "Our names for its columns"),
    ROW(struct sql, units, TW_PAIRS, .help = "cents"),
    ROW(struct sql, lateness, TW_DURATION, .def = "60s", .help = "Replicas lag"),
    ROW(struct sql, overlap, TW_DURATION, .def = "5m", .help = "Read again behind the watermark"),
    ROW(struct sql, max_rows, TW_INT, .def = "2000000", .help = "A scan"),
    ROW(struct sql, hosts, TW_HOST_PORT, .flags = TW_MANY, .help = "What the sandbox allows"),
    ROW(struct sql, ca_file, TW_PATH, .help = "Trust"),
};

static enum tw_verdict
everything(struct tw_ctx *ctx, void *self)
{
	struct tw_value sku = {.type = TW_FIELD_TEXT, .len = 1, .as.text = "A"};
	struct tw_record r = {.size = sizeof(r), .values = &sku, .flags = TW_RECORD_HISTORY};
	struct tw_batch b = {.size = sizeof(b)};

	(void)self;
	while (tw_api_->left_us(ctx) > 0 && r.time_ms++ < 3)
		tw_api_->records(ctx, &b, &r, 1);
	tw_count(ctx, 0, 3, "result", "ok");
	return TW_OK;
}

static enum tw_verdict
read_keys(struct tw_ctx *ctx, void *self, const char *const *keys, size_t n)
{
	return n > 0 && keys[0] != NULL ? everything(ctx, self) : TW_OK;
}

TW_PLUGIN(.name = "paper_sql", .version = "0", .summary = "SQL on paper", .prefix = "paper_sql_",
    .flags = TW_SOURCE | TW_BLOCKING, .self_size = sizeof(struct sql), .scan = everything,
    .tail = everything, .read_keys = read_keys, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics));
