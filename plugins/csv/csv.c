/*
 * csv.c - the csv source's words, and what it says of a feed: how old, how long, the same again?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/csv/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum metric { ROWS, FEED_ROWS, AGE, UNCHANGED, SECONDS, COLUMNS };
static const struct tw_metric metrics[] = {
    [ROWS] = {"csv_rows_total", "", TW_COUNTER, 0, 1, "result",
	"Rows read: ok, or rejected (too few columns, no end)"},
    [FEED_ROWS] = {"csv_feed_rows", "", TW_GAUGE, 0, 1, "", "Rows of the newest whole feed"},
    [AGE] = {"csv_feed_age_seconds", "seconds", TW_GAUGE, 0, 1, "",
	"Since the file was written, as far as it says"},
    [UNCHANGED] = {"csv_feed_unchanged_seconds", "seconds", TW_GAUGE, 0, 1, "",
	"Since when the content is the same, byte for byte"},
    [SECONDS] = {"csv_read_seconds", "seconds", TW_GAUGE, 0, 0.0001, "",
	"The newest reading that was not spared, from its begin to its end"},
    [COLUMNS] = {"csv_columns_changed_total", "", TW_COUNTER, 0, 1, "",
	"Times that the first line was another one than before"},
};

static const struct tw_option options[] = {
    TW_OPTION(struct csv, path, TW_PATH, .flags = TW_AROUND, .help = "the file; may be gzip"),
    TW_OPTION(struct csv, url, TW_STRING,
	.help = "instead of a path: https://..., http://... or sftp://..."),
    TW_OPTION(struct csv, user, TW_STRING, .help = "who we are there"),
    TW_OPTION(struct csv, password, TW_SECRET, .help = "and how we prove it"),
    TW_OPTION(struct csv, private_key, TW_PATH,
	.help = "sftp: the key, instead of a password; ed25519 or ecdsa: RSA is signed in a way "
		"that servers refuse today"),
    TW_OPTION(struct csv, host_key, TW_STRING,
	.help = "sftp: SHA256 of the server's key, as ssh-keygen -lf prints it behind SHA256:"),
    TW_OPTION(struct csv, headers, TW_PAIRS, .help = "headers of a request, {X-Key: ...}"),
    TW_OPTION(struct csv, ca_file, TW_PATH, .help = "https: trust this authority alone"),
    TW_OPTION(struct csv, delimiter, TW_STRING, .def = "auto",
	.help = "auto, or one of , ; | tab: the commonest one of the first line"),
    TW_OPTION(struct csv, has_header, TW_BOOL, .def = "true",
	.help = "the first line has the columns' names; else fields are numbers, {sku: 1}"),
    TW_OPTION(struct csv, fields, TW_PAIRS, .flags = TW_REQUIRED,
	.help = "our name: the column {sku: SKU, available: availability}"),
    TW_OPTION(struct csv, time, TW_STRING,
	.help = "the column of when the row changed (ISO 8601, without a zone UTC, or unix seconds "
		"or milliseconds); what cannot be read counts as now"),
    TW_OPTION(struct csv, min_rows, TW_SHARE, .def = "80%",
	.help = "a feed with fewer rows than that of the usual number is cut off: it is not whole"),
    TW_OPTION(struct csv, max_age, TW_DURATION, .max = 366 * 86400.0,
	.help = "an older feed says so"),
    TW_OPTION(struct csv, frozen_after, TW_DURATION, .max = 366 * 86400.0,
	.help = "a feed with the same content for so long says so: its export hangs"),
    TW_OPTION(struct csv, max_size, TW_BYTES, .def = "1GiB", .min = 1024, .max = 1e11,
	.help = "a larger one is refused, unpacked too"),
};

static const struct tw_alert alerts[] = {
    {.name = "CsvFeedFails", .severity = "ticket", .hold = "15m",
	.expr = "tillwatch_probe_verdict{probe=\"${probe}\"} == 3",
	.summary = "{{ $labels.probe }}: the feed cannot be read whole"},
    {.name = "CsvFeedOld", .severity = "ticket", .hold = "5m",
	.expr = "tillwatch_probe_verdict{probe=\"${probe}\"} == 1",
	.summary = "{{ $labels.probe }}: the feed is old, or has stopped changing"},
};

/* ---- start ---- */

static enum tw_verdict
take_place(struct tw_ctx *ctx, struct csv *s)
{
	if ((s->path == NULL) == (s->url == NULL))
		return tw_api_->refuse(
		    ctx, s->path != NULL ? "url" : "path", "one of the two is needed: path or url");
	if (s->url == NULL)
		return TW_OK;
	if (strncmp(s->url, "https://", 8) != 0 && strncmp(s->url, "http://", 7) != 0
	    && strncmp(s->url, "sftp://", 7) != 0)
		return tw_api_->refuse(ctx, "url", "begins with https://, http:// or sftp://");
	if (strncmp(s->url, "sftp://", 7) == 0 && s->host_key == NULL)
		return tw_api_->refuse(ctx, "host_key", "is needed: without the server's key "
		    "nobody knows who answers (ssh-keygen -lf on its public key)");
	if ((s->fetcher = fetch_new()) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	return TW_OK;
}

static enum tw_verdict
take_words(struct tw_ctx *ctx, struct csv *s)
{
	const struct tw_pair *p = s->fields.items;
	const char *names[CSV_FIELDS_MAX];

	if (s->fields.n == 0 || s->fields.n > CSV_FIELDS_MAX)
		return tw_api_->refuse(ctx, "fields", "1 to %d are possible", CSV_FIELDS_MAX);
	for (uint32_t i = 0; i < s->fields.n; i++) {
		names[i] = p[i].name;
		if (!s->has_header && strtol(p[i].value, NULL, 10) < 1)
			return tw_api_->refuse(ctx, "fields",
			    "%s: without a header a column is a number, from 1", p[i].name);
	}
	tw_api_->fields(ctx, names, s->fields.n);
	if (strcmp(s->delimiter, "auto") == 0)
		return TW_OK;
	if (strcmp(s->delimiter, "tab") == 0)
		s->parser.delimiter = '\t';
	else if (strlen(s->delimiter) == 1 && *s->delimiter != '"')
		s->parser.delimiter = *s->delimiter;
	else
		return tw_api_->refuse(
		    ctx, "delimiter", "\"%s\" is none (try auto, tab or ;)", s->delimiter);
	return TW_OK;
}

/* What earlier feeds were like; what is damaged is forgotten. */
static void
restore(struct tw_ctx *ctx, struct csv *s)
{
	const void *kept;
	size_t len;

	if ((kept = tw_api_->state_get(ctx, "rows", &len)) != NULL && len == sizeof(s->rows_kept))
		memcpy(s->rows_kept, kept, len);
	if ((kept = tw_api_->state_get(ctx, "columns", &len)) != NULL && len == 8)
		memcpy(&s->columns_hash, kept, 8);
	if ((kept = tw_api_->state_get(ctx, "content", &len)) != NULL && len == 16) {
		memcpy(&s->checksum, kept, 8);
		memcpy(&s->checksum_ms, (const char *)kept + 8, 8);
	}
}

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct csv *s = self;
	enum tw_verdict v;

	s->parser.on_row = rows_take;
	s->parser.on_pause = rows_pause;
	s->parser.on_reject = rows_reject;
	s->parser.arg = s;
	if ((v = take_place(ctx, s)) != TW_OK || (v = take_words(ctx, s)) != TW_OK)
		return v;
	if ((s->hash = XXH3_createState()) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	restore(ctx, s);
	return TW_OK;
}

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct csv *s = self;

	(void)ctx;
	fetch_free(s->fetcher);
	XXH3_freeState(s->hash);
}

/* ---- a reading ---- */

static int
by_rows(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The median of the newest feeds; 0: there was none. */
static uint32_t
usual_rows(const struct csv *s)
{
	uint32_t sorted[CSV_ROWS_KEPT];
	size_t n = 0;

	for (size_t i = 0; i < CSV_ROWS_KEPT; i++)
		if (s->rows_kept[i] > 0)
			sorted[n++] = s->rows_kept[i];
	qsort(sorted, n, sizeof(*sorted), by_rows);
	return n > 0 ? sorted[n / 2] : 0;
}

static void
note_feed(struct csv *s)
{
	uint64_t checksum = XXH3_64bits_digest(s->hash);
	char content[16];

	memmove(s->rows_kept + 1, s->rows_kept, sizeof(s->rows_kept) - sizeof(*s->rows_kept));
	s->rows_kept[0] = s->n_rows < UINT32_MAX ? (uint32_t)s->n_rows : UINT32_MAX;
	tw_api_->state_put(s->ctx, "rows", s->rows_kept, sizeof(s->rows_kept));
	tw_api_->state_put(s->ctx, "columns", &s->columns_hash, sizeof(s->columns_hash));
	if (checksum == s->checksum && s->checksum_ms > 0)
		return;
	s->checksum = checksum;
	s->checksum_ms = s->read_ms;
	memcpy(content, &s->checksum, 8);
	memcpy(content + 8, &s->checksum_ms, 8);
	tw_api_->state_put(s->ctx, "content", content, sizeof(content));
}

static void
tell(struct csv *s)
{
	int64_t now_ms = wall_now().ms;

	tw_count(s->ctx, ROWS, (double)s->n_rows, "result", "ok");
	tw_count(s->ctx, ROWS, (double)s->n_rejected, "result", "rejected");
	if (s->has_new_columns) {
		tw_count(s->ctx, COLUMNS, 1);
		tw_api_->log(s->ctx, 4, "the feed has other columns than before");
	}
	if (s->modified_ms > 0)
		tw_emit(s->ctx, AGE, (double)(now_ms - s->modified_ms) / 1e3);
	if (s->checksum_ms > 0)
		tw_emit(s->ctx, UNCHANGED, (double)(now_ms - s->checksum_ms) / 1e3);
	tw_emit(s->ctx, FEED_ROWS, s->rows_kept[0]);
}

/* Read to its end: is it all, and is it new? */
static enum tw_verdict
judge(struct csv *s, uint32_t usual)
{
	int64_t now_ms = wall_now().ms;

	if (s->parser.is_utf16)
		return tw_fail(s->ctx, TW_UNKNOWN, "encoding", "is UTF-16: UTF-8 is understood");
	if (s->cause != NULL)
		return tw_fail(s->ctx, TW_UNKNOWN, s->cause, "%s", s->err);
	if (s->n_rows < s->min_rows * usual)
		return tw_fail(s->ctx, TW_UNKNOWN, "truncated",
		    "has %" PRIu64 " rows, and %u are usual: it is cut off (min_rows)", s->n_rows,
		    usual);
	if (s->n_rows == 0 && s->n_rejected > 0)
		return tw_fail(s->ctx, TW_UNKNOWN, "rows", "none of its rows can be used");
	if (s->max_age > 0 && s->modified_ms > 0 && now_ms - s->modified_ms > s->max_age / 1000)
		return tw_fail(s->ctx, TW_WARN, "old", "was written %.1f hours ago",
		    (double)(now_ms - s->modified_ms) / 3.6e6);
	if (s->frozen_after > 0 && s->checksum_ms > 0
	    && now_ms - s->checksum_ms > s->frozen_after / 1000)
		return tw_fail(s->ctx, TW_WARN, "frozen", "has been the same for %.1f hours",
		    (double)(now_ms - s->checksum_ms) / 3.6e6);
	return TW_OK;
}

static void
tell_unchanged(struct csv *s)
{
	struct tw_batch b = {.size = sizeof(b), .read_ms = s->read_ms,
	    .complete_ms = s->modified_ms,
	    .flags = TW_BATCH_SCAN | TW_BATCH_FIRST | TW_BATCH_LAST | TW_BATCH_UNCHANGED};

	tw_api_->records(s->ctx, &b, NULL, 0);
}

static enum tw_verdict
scan(struct tw_ctx *ctx, void *self)
{
	struct csv *s = self;
	char delimiter = s->parser.delimiter;
	uint32_t usual = usual_rows(s);
	mono_t began = mono_now();
	struct feed_mark mark;
	bool is_whole;
	int rc;

	s->ctx = ctx;
	rows_begin(s);
	if (csv_init(&s->parser) != 0)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	rc = feed_read(s, &mark);
	csv_clear(&s->parser);
	s->parser.delimiter = delimiter; /* the next feed may have another one */
	if (rc == 1) {
		tell_unchanged(s);
	} else {
		is_whole = rc == 0 && !s->parser.is_utf16 && s->n_rows > 0
		    && (double)s->n_rows >= s->min_rows * usual;
		if (rc == 0)
			note_feed(s);
		s->has_mark = is_whole;
		s->mark = mark;
		rows_end(s, is_whole);
		tw_emit(ctx, SECONDS, (double)mono_sub_us(mono_now(), began) / 1e6);
	}
	tell(s);
	return judge(s, rc == 1 ? 0 : usual);
}

TW_PLUGIN(.name = "csv", .version = "1.0", .summary = "Feed files: stock, prices, offers",
    .prefix = "csv_", .flags = TW_SOURCE | TW_BLOCKING, .self_size = sizeof(struct csv),
    .start = start, .stop = stop, .scan = scan, .tail = scan, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts), .interval_us = 60000000);
