/*
 * http_json.h - the inside of the http_json source: pages of an API, whose records become records.
 *
 *   http_json.c    options, metrics, alerts; a run: what is read, and the verdict
 *   crawl.c        page after page: the next one, until there is none; over runs
 *   ask.c          one request: placeholders, status, quota, JSON
 *   fields.c       what a record says: pointers, sums of pointers, times
 *
 * DESIGN. A scan is a crawl: pages are asked for until the last one, over as many runs as it takes
 * when time, or the API's quota, does not allow more in one. Only a crawl that came to its end (and
 * to as many records as the API says there are) is told as whole. What ends one for good: a page
 * that comes twice, more than max_pages, an answer that is none; then it begins anew.
 * `quota: headroom` is what is left for others: under it nothing is asked until it is restored.
 *
 * Runs in: start() on the loop, everything else in the source's own thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_HTTP_JSON_H
#define PLUGINS_HTTP_JSON_H

#include <jansson.h>
#include <tillwatch/plugin.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "plugins/common/fetch.h"
#include "plugins/common/turn.h"

#define API_FIELDS_MAX 48
#define API_BATCH 256
#define API_TERMS_MAX 4             /* of a field: "/on_hand - /allocated" */
#define API_TEXT_MAX 4096           /* of a value; a longer one is rejected */
#define API_KEYS_AT_ONCE 50         /* of a request with ${keys} */
#define API_ERR 256
#define API_URL_MAX 4096

/* ---- fields.c ---- */

struct api_field {
	const char *name;
	struct { char *pointer; int sign; } terms[API_TERMS_MAX];
	uint32_t n_terms;
};
/* "/a", "/a - /b". 0, or -EINVAL with a sentence. */
int api_field_parse(struct api_field *f, const char *name, const char *text, char *err, size_t cap);
void api_field_clear(struct api_field *f);
/* The value lives as long as the record. NULL, or why not. */
const char *api_field_value(const struct api_field *f, json_t *record, struct tw_value *v);
/* ISO 8601 (without a zone: UTC), or unix seconds or milliseconds; 0: none. */
int64_t api_time(const json_t *v);

/* ---- crawl.c ---- */

struct api_place {                  /* what stands for the placeholders */
	int64_t page, offset;
	const char *cursor;         /* NULL = the first page */
	const char *since;          /* NULL = from the beginning */
	const char *const *keys;
	size_t n_keys;
};
struct crawl {
	bool is_going;
	uint32_t flags;             /* of its batches: TW_BATCH_SCAN, or 0 for what changed */
	bool has_begun;             /* its first batch was handed on */
	char *next_url, *cursor;    /* NULL: the first page, or by number */
	int64_t page, offset, total; /* total: as the API says; -1 = it does not */
	uint64_t n_pages, n_records, n_unread;
	int64_t began_ms;           /* what changed before, as far as it shows at once, is in it */
	uint64_t *seen;             /* hashes of its pages */
	uint32_t n_failed;          /* in turn */
	char since[40];
};

struct http_json {
	/* options */
	const char *url, *json, *records, *next_page, *cursor, *has_more, *total, *time, *key_url,
	    *key_json, *ca_file;
	struct tw_list headers, fields;
	int64_t first_page, page_size, max_pages, max_body, overlap, pause;
	uint8_t is_lines;
	struct { double headroom; } quota;

	/* made by start */
	struct fetcher *fetcher;
	struct api_field parsed[API_FIELDS_MAX];
	json_t *json_tree, *key_json_tree;
	bool counts_pages, has_since;
	struct crawl crawl;
	bool has_scanned;
	int64_t newest_ms;          /* the newest time that a record said */
	char etag[FETCH_TEXT], modified[FETCH_TEXT];
	struct turn turn;           /* the quota, or the server, may make us wait */

	/* a run */
	struct tw_ctx *ctx;
	const char *cause;
	char err[API_ERR];
	bool is_waiting;            /* it goes on in a later run */
	int64_t read_ms;
	uint64_t n_asked, n_throttled, n_records, n_rejected;
	double quota_left;          /* of the tightest quota; -1: the API tells none */
	struct buf answer;
	char link[FETCH_HEADER_BYTES]; /* rel="next" of the newest answer; "" = none */
	struct tw_record batch[API_BATCH];
	struct tw_value values[API_BATCH][API_FIELDS_MAX];
	size_t n_batch;
};

void api_fail(struct http_json *s, const char *cause, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- ask.c ---- */

enum asked { ASKED_OK, ASKED_UNCHANGED, ASKED_NOT_FOUND, ASKED_LATER, ASKED_FAILED };
/* One answer as JSON in *root (ASKED_OK: the caller drops it). later: quota or time do not allow
 * it now. */
enum asked api_ask(struct http_json *s, const char *url, json_t *body, const struct api_place *at,
    bool may_be_unchanged, json_t **root);
char *api_url_resolve(const char *base, const char *url); /* from malloc; NULL: it is none */
bool api_same_host(const char *a, const char *b);

/* crawl.c */
void crawl_begin(struct http_json *s, uint32_t flags);
void crawl_end(struct http_json *s);     /* forgets it */
void crawl_go_on(struct http_json *s);   /* until its end, or the run's */
/* Some keys, as far as time and quota allow; whole only when all were asked for. */
void crawl_keys(struct http_json *s, const char *const *keys, size_t n);

#endif
