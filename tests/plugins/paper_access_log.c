/*
 * paper_access_log.c - the access_log source on paper (see paper.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/plugins/paper.h"

enum { LINES, LAG, ROTATIONS };
static const struct tw_metric metrics[] = {
	[LINES] = {"paper_access_log_lines_total", "", TW_COUNTER, 0, 1, "result", "Lines read"},
	[LAG] = {"paper_access_log_lag_seconds", "seconds", TW_GAUGE, 0, 0.001, "", "Newest line"},
	[ROTATIONS] = {"paper_access_log_rotations_total", "", TW_COUNTER, 0, 1, "", "Seen"},
};

struct ignore {
	const char *header, *user_agent, *path;
	struct tw_list address;
};
static const struct tw_option ignore_rows[] = {
    ROW(struct ignore, header, TW_STRING, .help = "A field that is set"),
    ROW(struct ignore, user_agent, TW_REGEX, .help = "A pattern"),
    ROW(struct ignore, path, TW_STRING, .help = "With * and **"),
    ROW(struct ignore, address, TW_STRINGS, .help = "Networks"),
};
struct access_log {
	struct tw_list path, fields, trusted_proxies, ignore; /* path: const char * */
	const char *format;
	int64_t lateness, max_line;
	uint8_t from_start;
};
static const struct tw_option options[] = {
    ROW(struct access_log, path, TW_PATH, .flags = TW_MANY | TW_AROUND | TW_REQUIRED, .help = "Of"),
    ROW(struct access_log, format, TW_STRING, .def = "combined", .help = "Or json, or log_format"),
    ROW(struct access_log, fields, TW_PAIRS, .help = "Our names for its variables"),
    ROW(struct access_log, trusted_proxies, TW_STRINGS, .help = "Networks"),
    ROW(struct access_log, ignore, TW_MAPS, .nested = TW_TABLE(ignore_rows),
	.nested_size = sizeof(struct ignore), .help = "Left out"),
    ROW(struct access_log, lateness, TW_DURATION, .def = "5s", .help = "Emitted after it"),
    ROW(struct access_log, max_line, TW_BYTES, .def = "64KiB", .help = "Longer is rejected"),
    ROW(struct access_log, from_start, TW_BOOL, .def = "false", .help = "Read what is there"),
};

static enum tw_verdict
tail(struct tw_ctx *ctx, void *self)
{
	struct tw_value values[] = {{.type = TW_FIELD_TEXT, .len = 4, .as.text = "/p/1"},
	    {.type = TW_FIELD_INT, .as.integer = 200}, {.type = TW_FIELD_REAL, .as.real = 0.012}};
	struct tw_record r = {
	    .size = sizeof(r), .time_ms = 1, .values = values, .flags = TW_RECORD_BOT};
	struct tw_batch b = {.size = sizeof(b), .complete_ms = 1};
	size_t len;

	(void)self;
	if (!tw_has(records))
		return tw_fail(ctx, TW_UNKNOWN, "host", "this host has no sources");
	if (tw_api_->state_get(ctx, "position", &len) == NULL)
		tw_count(ctx, ROTATIONS, 1);
	tw_api_->reject(ctx, "no timestamp", "garbage", 7);
	tw_api_->state_put(ctx, "position", &r.time_ms, sizeof(r.time_ms));
	tw_api_->records(ctx, &b, &r, 1);
	return TW_OK;
}

TW_PLUGIN(.name = "paper_access_log", .version = "0", .summary = "An access log on paper",
    .prefix = "paper_access_log_", .flags = TW_SOURCE | TW_BLOCKING,
    .self_size = sizeof(struct access_log), .tail = tail, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics));
