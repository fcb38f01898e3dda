/*
 * fuzz-http-json.c - the answers of a JSON API, crawled to their end. The first byte says how its
 * next page is found; then pages, parted by a line of "--": lines of headers (name, colon, value;
 * "status" is the status), an empty line, the body. Whatever they are: records whose values lie in
 * what came, never more pages than there may be, only addresses of the same server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/http_json/http_json.h"

#define HEADERS_MAX 16
#define PAGES_MAX 50

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_json s;
static struct pages {
	char *at, *end;               /* what is still to be answered */
	unsigned n_asked, n_rejected, sum;
	struct tw_header headers[HEADERS_MAX];
} pages;

struct fetcher *fetch_new(void) { return NULL; }
void fetch_free(struct fetcher *f) { (void)f; }

/* Its headers, up to an empty line; where the body begins. */
static char *
take_headers(char *at, struct fetch_answer *a)
{
	while (a->n_headers < HEADERS_MAX && *at != '\0' && *at != '\n') {
		char *end = strchr(at, '\n'), *colon = strchr(at, ':');

		if (end == NULL || colon == NULL || colon > end)
			return at;
		*end = *colon = '\0';
		if (strcmp(at, "status") == 0)
			a->status = (int)strtol(colon + 1, NULL, 10);
		else
			pages.headers[a->n_headers++] = (struct tw_header){at, colon + 1};
		at = end + 1;
	}
	return at + (*at == '\n');
}

int
fetch(struct fetcher *f, const struct fetch_request *r, struct fetch_answer *a)
{
	char *body, *end = strstr(pages.at, "\n--\n");

	(void)f;
	memset(a, 0, sizeof(*a));
	if (++pages.n_asked > PAGES_MAX + 200 || !api_same_host(s.url, r->url))
		abort();
	if (end == NULL)
		end = pages.end;
	a->status = 200;
	a->headers = pages.headers;
	*end = '\0';
	body = take_headers(pages.at, a);
	body = body < end ? body : end;
	pages.at = end + 4 < pages.end ? end + 4 : pages.end;
	return r->on_data(r->arg, body, (size_t)(end - body)) ? 0 : -ECANCELED;
}

static void
records(struct tw_ctx *ctx, const struct tw_batch *b, const struct tw_record *r, size_t n)
{
	(void)ctx;
	(void)b;
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < s.fields.n; k++) {
			const struct tw_value *v = &r[i].values[k];

			if (v->type != TW_FIELD_TEXT)
				continue;
			if (v->len > API_TEXT_MAX)
				abort();
			for (uint32_t c = 0; c < v->len; c++)
				pages.sum += (unsigned char)v->as.text[c];
		}
}

static void
reject(struct tw_ctx *ctx, const char *why, const char *excerpt, size_t len)
{
	(void)ctx;
	(void)excerpt;
	pages.n_rejected += strlen(why) > 0 && len == 0;
}

static int64_t left(struct tw_ctx *ctx) { (void)ctx; return 230000; } /* a millisecond to wait */

static const struct tw_api fake = {
    .size = sizeof(fake), .records = records, .reject = reject, .left_us = left};
const struct tw_api *tw_api_ = &fake;

/* How pages follow each other, by the bits of `how`. */
static void
configure(unsigned how)
{
	static const char *const urls[] = {"http://a.example/stock",
	    "http://a.example/stock?p=${page}", "http://a.example/stock?c=${cursor}",
	    "http://a.example/stock"};
	static const char *const fields[] = {"/sku", "/stock/on_hand - /stock/reserved + /x"};
	char err[API_ERR];

	memset(&s, 0, sizeof(s));
	s.url = urls[how & 3];
	s.counts_pages = (how & 3) == 1;
	s.cursor = (how & 3) == 2 ? "/page/end" : NULL;
	s.next_page = (how & 3) == 3 ? ((how & 4) ? "link" : "/next") : NULL;
	s.records = (how & 8) ? "/data/items" : "";
	s.is_lines = (how & 16) != 0;
	s.total = (how & 32) ? "/total" : NULL;
	s.has_more = (how & 64) ? "/page/more" : NULL;
	s.time = "/updated_at";
	s.max_pages = PAGES_MAX;
	s.max_body = 1 << 16;
	s.quota.headroom = (how & 128) ? 0.5 : 0;
	for (uint32_t i = 0; i < 2; i++)
		if (api_field_parse(&s.parsed[i], "f", fields[i], err, sizeof(err)) != 0)
			abort();
	s.fields.n = 2;
	buf_init(&s.answer, (size_t)s.max_body + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = {"A-1", "\"b\\", "${key}"};
	char *text;

	if (size == 0 || (text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	pages = (struct pages){.at = text, .end = text + size - 1};
	configure(data[0]);
	for (int run = 0; run < 3; run++) { /* the quota ends a run; the next one goes on */
		s.cause = NULL;
		s.quota_left = -1;
		s.turn.not_before_us = 0;
		s.read_ms = INT64_C(1795000000000);
		if (!s.crawl.is_going)
			crawl_begin(&s, run == 2 ? 0 : TW_BATCH_SCAN);
		crawl_go_on(&s);
		if (s.crawl.n_pages > PAGES_MAX || s.n_batch > API_BATCH)
			abort();
	}
	s.cause = NULL;
	s.turn.not_before_us = 0;
	crawl_keys(&s, keys, sizeof(keys) / sizeof(keys[0]));
	crawl_end(&s);
	for (uint32_t i = 0; i < s.fields.n; i++)
		api_field_clear(&s.parsed[i]);
	buf_free(&s.answer);
	free(text);
	return 0;
}
