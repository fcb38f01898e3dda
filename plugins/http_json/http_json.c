/*
 * http_json.c - the http_json source's words, and its runs. See http_json.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/http_json/http_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

enum metric { REQUESTS, RECORDS, PAGES, QUOTA, SECONDS };
static const struct tw_metric metrics[] = {
    [REQUESTS] = {"http_json_requests_total", "", TW_COUNTER, 0, 1, "result",
	"Requests to the API: asked, and of them throttled (429, 503, or GraphQL's THROTTLED)"},
    [RECORDS] = {"http_json_records_total", "", TW_COUNTER, 0, 1, "result",
	"Records, by what became of them: ok, rejected"},
    [PAGES] = {"http_json_scan_pages", "", TW_GAUGE, 0, 1, "",
	"Pages so far of the scan that is under way; 0 = none is"},
    [QUOTA] = {"http_json_quota_left_ratio", "ratio", TW_GAUGE, 0, 1e-4, "",
	"What is left of the API's tightest quota"},
    [SECONDS] = {"http_json_run_seconds", "seconds", TW_GAUGE, 0, 0.001, "",
	"How long the run has taken, waiting for the quota with it"},
};

static const struct tw_option quota_rows[] = {
    {.name = "headroom", .type = TW_SHARE, .def = "50%",
	.help = "of the API's quota so much is left for others: under it nothing is asked"},
};

static const struct tw_option options[] = {
    TW_OPTION(struct http_json, url, TW_URL, .flags = TW_REQUIRED,
	.help = "the first page; may hold ${page}, ${offset}, ${cursor}, ${since}"),
    TW_OPTION(struct http_json, json, TW_TREE,
	.help = "posted as JSON (GraphQL); its texts may hold the same"),
    TW_OPTION(struct http_json, headers, TW_PAIRS,
	.help = "headers, {Authorization: \"Bearer ${env:TOKEN}\"}"),
    TW_OPTION(struct http_json, records, TW_STRING,
	.help = "pointer to the list of records, /data/items; without it the answer is the list"),
    TW_OPTION(struct http_json, is_lines, TW_BOOL, .def = "false",
	.help = "JSON Lines: a record a line"),
    TW_OPTION(struct http_json, next_page, TW_STRING,
	.help = "pointer to the next page's address, or link: the Link header has it"),
    TW_OPTION(struct http_json, cursor, TW_STRING, .help = "pointer to the next ${cursor}"),
    TW_OPTION(struct http_json, has_more, TW_STRING,
	.help = "pointer to what is true while there are more pages"),
    TW_OPTION(struct http_json, total, TW_STRING,
	.help = "pointer to how many records there are: a scan with fewer is not whole"),
    TW_OPTION(struct http_json, first_page, TW_INT, .def = "1", .max = 1e9,
	.help = "the first ${page}"),
    TW_OPTION(struct http_json, page_size, TW_INT, .max = 1e6,
	.help = "a page with fewer records is the last one; without it an empty one is"),
    TW_OPTION(struct http_json, max_pages, TW_INT, .def = "10000", .min = 1, .max = 1e6,
	.help = "of a scan; with more something is wrong"),
    TW_OPTION(struct http_json, max_body, TW_BYTES, .def = "16MiB", .min = 1024, .max = 1 << 28,
	.help = "of a page"),
    TW_OPTION(struct http_json, fields, TW_PAIRS, .flags = TW_REQUIRED,
	.help = "our name: a pointer into the record, or a sum: /on_hand - /allocated"),
    TW_OPTION(struct http_json, time, TW_STRING,
	.help = "pointer to when the record changed (ISO 8601, without a zone UTC, or unix seconds "
		"or milliseconds)"),
    TW_OPTION(struct http_json, overlap, TW_DURATION, .def = "5m", .max = 86400,
	.help = "so far behind the newest change ${since} begins again"),
    TW_OPTION(struct http_json, key_url, TW_STRING,
	.help = "asks for ${key}, or for ${keys} (50 at once); without it the url with ${keys}"),
    TW_OPTION(struct http_json, key_json, TW_TREE, .help = "posted there, {sku: {in: ${keys}}}"),
    TW_OPTION(struct http_json, quota, TW_MAP, .nested = TW_TABLE(quota_rows),
	.nested_size = sizeof(((struct http_json *)NULL)->quota),
	.help = "how much of the API's quota is ours"),
    TW_OPTION(struct http_json, pause, TW_DURATION, .def = "0s", .max = 3600,
	.help = "between two requests, where the API tells no quota"),
    TW_OPTION(struct http_json, ca_file, TW_PATH, .help = "trust this authority alone"),
};

/* What is posted as JSON is `json`, as in a request of checkout and api; `body` is a text. */
static const struct tw_word words[] = {
    {"body", "json", "0.1.0"},
    {"key_body", "key_json", "0.1.0"},
    {"units", "/probes[].normalize.NAME.units", "0.1.0"},
};

static const struct tw_alert alerts[] = {
    {.name = "HttpJsonFails", .severity = "ticket", .hold = "15m",
	.expr = "tillwatch_probe_verdict{probe=\"${probe}\"} == 3",
	.summary = "{{ $labels.probe }}: the API gives no records"},
};

/* ---- start ---- */

static bool
holds(const struct http_json *s, const char *name)
{
	return strstr(s->url, name) != NULL || (s->json != NULL && strstr(s->json, name) != NULL);
}

static enum tw_verdict
take_pointers(struct tw_ctx *ctx, const struct http_json *s)
{
	const struct { const char *option, *text; } pointers[] = {{"records", s->records},
	    {"cursor", s->cursor}, {"has_more", s->has_more}, {"total", s->total},
	    {"time", s->time}, {"next_page", s->next_page}};

	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
		const char *text = pointers[i].text;

		if (text == NULL || json_pointer_ok(text)
		    || (i == 5 && strcmp(text, "link") == 0))
			continue;
		return tw_api_->refuse(ctx, pointers[i].option,
		    "\"%s\" is no JSON pointer (try /data/items)", text);
	}
	if (s->cursor != NULL && !holds(s, "${cursor}"))
		return tw_api_->refuse(
		    ctx, "cursor", "neither url nor json has a ${cursor} for it");
	if ((s->next_page != NULL) + (s->cursor != NULL)
		+ (holds(s, "${page}") || holds(s, "${offset}")) > 1)
		return tw_api_->refuse(ctx, "next_page",
		    "one way to the next page is enough: next_page, cursor, or a counter");
	return TW_OK;
}

static enum tw_verdict
take_fields(struct tw_ctx *ctx, struct http_json *s)
{
	const struct tw_pair *p = s->fields.items;
	const char *names[API_FIELDS_MAX];
	char err[256], path[80];

	if (s->fields.n == 0 || s->fields.n > API_FIELDS_MAX)
		return tw_api_->refuse(ctx, "fields", "1 to %d are possible", API_FIELDS_MAX);
	for (uint32_t i = 0; i < s->fields.n; i++) {
		names[i] = p[i].name;
		snprintf(path, sizeof(path), "fields/%.64s", p[i].name);
		if (api_field_parse(&s->parsed[i], p[i].name, p[i].value, err, sizeof(err)) != 0)
			return tw_api_->refuse(ctx, path, "%s", err);
	}
	tw_api_->fields(ctx, names, s->fields.n);
	return TW_OK;
}

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct http_json *s = self;
	enum tw_verdict v;
	char err[160];

	if (s->records == NULL)
		s->records = "";
	if ((v = take_pointers(ctx, s)) != TW_OK || (v = take_fields(ctx, s)) != TW_OK)
		return v;
	if (s->json != NULL
	    && (s->json_tree = json_read(s->json, strlen(s->json), err, sizeof(err))) == NULL)
		return tw_api_->refuse(ctx, "json", "%s", err);
	if (s->key_json != NULL
	    && (s->key_json_tree = json_read(s->key_json, strlen(s->key_json), err, sizeof(err)))
		== NULL)
		return tw_api_->refuse(ctx, "key_json", "%s", err);
	s->counts_pages = holds(s, "${page}") || holds(s, "${offset}");
	s->has_since = holds(s, "${since}");
	if (s->has_since && s->time == NULL)
		return tw_api_->refuse(
		    ctx, "time", "is needed for ${since}: when a record changed");
	buf_init(&s->answer, (size_t)s->max_body + 1);
	if ((s->fetcher = fetch_new()) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	return TW_OK;
}

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct http_json *s = self;

	(void)ctx;
	crawl_end(s);
	for (uint32_t i = 0; i < s->fields.n && i < API_FIELDS_MAX; i++)
		api_field_clear(&s->parsed[i]);
	json_decref(s->json_tree);
	json_decref(s->key_json_tree);
	buf_free(&s->answer);
	fetch_free(s->fetcher);
}

/* ---- runs ---- */

static void
begin(struct tw_ctx *ctx, struct http_json *s)
{
	s->ctx = ctx;
	turn_begin(&s->turn, ctx);
	s->cause = NULL;
	s->is_waiting = false;
	s->n_asked = s->n_throttled = s->n_records = s->n_rejected = 0;
	s->quota_left = -1;
	s->n_batch = 0;
	s->read_ms = wall_now().ms;
}

static enum tw_verdict
end(struct http_json *s, mono_t began)
{
	tw_count(s->ctx, REQUESTS, (double)s->n_asked, "result", "asked");
	tw_count(s->ctx, REQUESTS, (double)s->n_throttled, "result", "throttled");
	tw_count(s->ctx, RECORDS, (double)s->n_records, "result", "ok");
	tw_count(s->ctx, RECORDS, (double)s->n_rejected, "result", "rejected");
	tw_emit(s->ctx, PAGES, (double)s->crawl.n_pages);
	if (s->quota_left >= 0)
		tw_emit(s->ctx, QUOTA, s->quota_left);
	tw_emit(s->ctx, SECONDS, (double)mono_sub_us(mono_now(), began) / 1e6);
	if (s->cause != NULL)
		return tw_fail(s->ctx, TW_UNKNOWN, s->cause, "%s", s->err);
	if (s->is_waiting)
		tw_api_->fact_text(s->ctx, "waiting", s->n_throttled > 0
			? "the API is throttled: it goes on later" : "it goes on in the next run");
	if (s->n_records == 0 && s->n_rejected > 0)
		return tw_fail(s->ctx, TW_UNKNOWN, "records", "none of its records can be used");
	return TW_OK;
}

/* What has begun goes on; else what has changed, or everything. */
static enum tw_verdict
run(struct tw_ctx *ctx, struct http_json *s, bool is_scan)
{
	mono_t began = mono_now();

	begin(ctx, s);
	is_scan |= !s->has_since || !s->has_scanned;
	if (!s->crawl.is_going || (is_scan && !(s->crawl.flags & TW_BATCH_SCAN)))
		crawl_begin(s, is_scan ? TW_BATCH_SCAN : 0);
	crawl_go_on(s);
	return end(s, began);
}

static enum tw_verdict
tail(struct tw_ctx *ctx, void *self)
{
	return run(ctx, self, false);
}

static enum tw_verdict
scan(struct tw_ctx *ctx, void *self)
{
	return run(ctx, self, true);
}

static enum tw_verdict
read_keys(struct tw_ctx *ctx, void *self, const char *const *keys, size_t n)
{
	struct http_json *s = self;
	mono_t began = mono_now();

	if (s->key_url == NULL && s->key_json == NULL && strstr(s->url, "${keys}") == NULL)
		return run(ctx, s, true);
	begin(ctx, s);
	crawl_keys(s, keys, n);
	return end(s, began);
}

TW_PLUGIN(.name = "http_json", .version = "1.0", .summary = "Records of a JSON API",
    .prefix = "http_json_", .flags = TW_SOURCE | TW_BLOCKING,
    .self_size = sizeof(struct http_json), .start = start, .stop = stop, .tail = tail,
    .scan = scan, .read_keys = read_keys, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts), .interval_us = 60000000,
    .words = TW_TABLE(words));
