/*
 * paper_csv.c - the csv source on paper (see paper.h): a feed from a file, HTTP or SFTP.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/plugins/paper.h"

enum { ROWS, AGE, FROZEN };
static const struct tw_metric metrics[] = {
	[ROWS] = {"paper_csv_rows", "", TW_GAUGE, 0, 1, "result", "Rows of the last feed"},
	[AGE] = {"paper_csv_age_seconds", "seconds", TW_GAUGE, 0, 1, "", "Of the feed"},
	[FROZEN] = {"paper_csv_unchanged_seconds", "seconds", TW_GAUGE, 0, 1, "", "Same checksum"},
};

struct csv {
	const char *url, *path, *user, *password, *known_hosts, *delimiter;
	struct tw_list fields, units;
	double min_rows;
	int64_t max_age, max_body;
	uint8_t has_header;
};
static const struct tw_option options[] = {
    ROW(struct csv, url, TW_URL, .choices = "http|https|sftp", .help = "Or path"),
    ROW(struct csv, path, TW_PATH, .flags = TW_AROUND, .help = "Or url"),
    ROW(struct csv, user, TW_STRING, .help = "For SFTP"),
    ROW(struct csv, password, TW_SECRET, .help = "For SFTP"),
    ROW(struct csv, known_hosts, TW_PATH, .help = "For SFTP"),
    ROW(struct csv, fields, TW_PAIRS, .flags = TW_REQUIRED, .help = "Our names for its columns"),
    ROW(struct csv, units, TW_PAIRS, .help = "cents"),
    ROW(struct csv, delimiter, TW_STRING, .def = ",", .help = "One character, or tab"),
    ROW(struct csv, has_header, TW_BOOL, .def = "true", .help = "First row names the columns"),
    ROW(struct csv, min_rows, TW_SHARE, .def = "80%", .help = "Of the median of the last seven"),
    ROW(struct csv, max_age, TW_DURATION, .def = "26h", .help = "Older is stale"),
    ROW(struct csv, max_body, TW_BYTES, .def = "256MiB", .help = "Of the feed"),
};

static int
piece(struct tw_ctx *ctx, void *self, const void *data, size_t len)
{
	(void)self;
	if (len > 0 && *(const char *)data == '\0')
		tw_api_->reject(ctx, "a NUL in the feed", data, len < 80 ? len : 80);
	return 0;
}

static enum tw_verdict
done(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	(void)self;
	tw_emit(ctx, ROWS, (double)a->body_len, "result", "ok");
	return a->error == TW_HTTP_OK ? TW_OK
				      : tw_fail(ctx, TW_UNKNOWN, "feed", "%s", a->error_text);
}

static enum tw_verdict
scan(struct tw_ctx *ctx, void *self)
{
	const struct csv *s = self;

	return tw_http(ctx, .url = s->url, .max_body_bytes = s->max_body, .on_body = piece,
	    .done = done);
}

TW_PLUGIN(.name = "paper_csv", .version = "0", .summary = "CSV on paper", .prefix = "paper_csv_",
    .flags = TW_SOURCE, .self_size = sizeof(struct csv), .scan = scan,
    .options = TW_TABLE(options), .metrics = TW_TABLE(metrics));
