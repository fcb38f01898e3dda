/*
 * paper_http_json.c - the http_json source on paper (see paper.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/plugins/paper.h"

enum { PAGES, HEADROOM };
static const struct tw_metric metrics[] = {
	[PAGES] = {"paper_http_json_pages_total", "", TW_COUNTER, 0, 1, "result", "Pages read"},
	[HEADROOM] = {"paper_http_json_quota_ratio", "ratio", TW_GAUGE, 0, 1e-4, "", "Quota left"},
};

struct http_json {
	const char *url, *records, *next_page, *cursor, *since, *body, *ca_file, *proxy, *time;
	struct tw_list headers, fields, units;
	struct { double headroom; const char *header, *json; } quota;
	int64_t lateness, max_pages, max_body;
	const char *key_url;
	uint64_t page;
};
static const struct tw_option quota_rows[] = {
	{.name = "headroom", .type = TW_SHARE, .def = "50%", .help = "Never used by us"},
	{.name = "header", .type = TW_STRING, .offset = 8, .help = "used/limit"},
	{.name = "json", .type = TW_STRING, .offset = 16, .help = "JSON Pointer to what is left"},
};
static const struct tw_option options[] = {
    ROW(struct http_json, url, TW_URL, .flags = TW_REQUIRED, .help = "First page; ${page}"),
    ROW(struct http_json, key_url, TW_URL, .help = "One key: ${key}"),
    ROW(struct http_json, headers, TW_PAIRS, .help = "Headers; may hold secrets"),
    ROW(struct http_json, body, TW_TREE, .help = "POSTed, for GraphQL"),
    ROW(struct http_json, records, TW_STRING, .def = "", .help = "JSON Pointer to the list"),
    ROW(struct http_json, next_page, TW_STRING, .help = "JSON Pointer to the next URL"),
    ROW(struct http_json, cursor, TW_STRING, .help = "JSON Pointer to the next cursor"),
    ROW(struct http_json, since, TW_STRING, .help = "Parameter that takes the watermark"),
    ROW(struct http_json, fields, TW_PAIRS, .flags = TW_REQUIRED, .help = "JSON Pointers"),
    ROW(struct http_json, time, TW_STRING, .help = "JSON Pointer to the event's time"),
    ROW(struct http_json, units, TW_PAIRS, .help = "cents"),
    ROW(struct http_json, quota, TW_MAP, .nested = TW_TABLE(quota_rows),
	.nested_size = sizeof(((struct http_json *)0)->quota), .help = "The platform's budget"),
    ROW(struct http_json, lateness, TW_DURATION, .def = "60s", .help = "Emitted after it"),
    ROW(struct http_json, max_pages, TW_INT, .def = "1000", .help = "A scan"),
    ROW(struct http_json, max_body, TW_BYTES, .def = "16MiB", .help = "A page"),
    ROW(struct http_json, ca_file, TW_PATH, .help = "Trust"),
    ROW(struct http_json, proxy, TW_URL, .help = "Explicit, or none"),
};

static void
parse(struct tw_ctx *ctx, void *self, void *arg)
{
	(void)self;
	(void)arg;
	if (tw_api_->left_us(ctx) < 1000)
		tw_api_->log(ctx, 4, "a page takes longer than there is time");
}

static enum tw_verdict
parsed(struct tw_ctx *ctx, void *self, void *arg)
{
	struct tw_value sku = {.type = TW_FIELD_TEXT, .len = 1, .as.text = arg};
	struct tw_record r = {.size = sizeof(r), .values = &sku};
	struct tw_batch b = {.size = sizeof(b)};

	(void)self;
	tw_api_->records(ctx, &b, &r, 1);
	return TW_OK;
}

static enum tw_verdict
page(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	struct http_json *s = self;

	if (a->error != TW_HTTP_OK || a->status != 200)
		return tw_fail(
		    ctx, TW_UNKNOWN, "page", "page %u: %s", (unsigned)s->page, a->error_text);
	return tw_api_->work(ctx, parse, parsed, NULL);
}

static enum tw_verdict
scan(struct tw_ctx *ctx, void *self)
{
	struct http_json *s = self;
	struct tw_header headers[] = {{"If-None-Match", "\"etag\""}};

	s->page++;
	return tw_http(ctx, .url = s->url, .headers = headers, .n_headers = 1,
	    .ca_file = s->ca_file, .max_body_bytes = s->max_body, .connection = TW_WARM, .arg = s,
	    .done = page);
}

static enum tw_verdict
read_keys(struct tw_ctx *ctx, void *self, const char *const *keys, size_t n)
{
	return n > 0 ? tw_http(ctx, .url = keys[0], .done = page) : scan(ctx, self);
}

TW_PLUGIN(.name = "paper_http_json", .version = "0", .summary = "JSON over HTTP on paper",
    .prefix = "paper_http_json_", .flags = TW_SOURCE, .self_size = sizeof(struct http_json),
    .scan = scan, .tail = scan, .read_keys = read_keys, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics));
