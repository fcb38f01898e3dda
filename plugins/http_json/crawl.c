/*
 * crawl.c - page after page, until there is none. See http_json.h.
 *
 * How the next page is found, by what is configured:
 *     next_page: /links/next     the answer has its address (of the same server, or it is refused)
 *     next_page: link            its Link header has (RFC 8288)
 *     cursor: /pageInfo/end      the answer has a word for ${cursor}; has_more says if it is over
 *     ${page}, ${offset}         counted, until a page is empty (or has less than page_size)
 *     nothing of it              one page is all
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/json.h"
#include "plugins/http_json/http_json.h"

#define FAILED_MAX 5                /* of a crawl in turn; then it begins anew */

static void
forget_next(struct crawl *c)
{
	free(c->next_url);
	free(c->cursor);
	c->next_url = c->cursor = NULL;
}

void
crawl_end(struct http_json *s)
{
	forget_next(&s->crawl);
	free(s->crawl.seen);
	s->crawl = (struct crawl){0};
}

void
crawl_begin(struct http_json *s, uint32_t flags)
{
	struct crawl *c = &s->crawl;

	crawl_end(s);
	c->is_going = true;
	c->flags = flags;
	c->page = s->first_page;
	c->total = -1;
	c->began_ms = s->read_ms;
	if (!(flags & TW_BATCH_SCAN))
		wall_format((wall_t){s->newest_ms - s->overlap / 1000}, c->since);
}

/* ---- records ---- */

/* complete_ms: as of tw_batch; 0 = not known. */
static void
hand_on(struct http_json *s, uint32_t flags, int64_t complete_ms)
{
	struct tw_batch b = {.size = sizeof(b), .flags = flags, .read_ms = s->read_ms,
	    .complete_ms = complete_ms,
	    .n_unread = (uint32_t)(s->crawl.n_unread & UINT32_MAX)};

	tw_api_->records(s->ctx, &b, s->batch, s->n_batch);
	s->n_records += s->n_batch;
	s->n_batch = 0;
}

static void
take_record(struct http_json *s, json_t *record)
{
	struct tw_value *v = s->values[s->n_batch];
	int64_t ms = s->time != NULL ? api_time(json_at(record, s->time)) : 0;
	const char *why = json_is_object(record) ? NULL : "is no object";

	for (uint32_t i = 0; i < s->fields.n && why == NULL; i++)
		why = api_field_value(&s->parsed[i], record, &v[i]);
	if (why != NULL) {
		s->n_rejected++;
		tw_api_->reject(s->ctx, why, "", 0);
		return;
	}
	if (ms > s->newest_ms && ms <= s->read_ms)
		s->newest_ms = ms;
	s->batch[s->n_batch++] =
	    (struct tw_record){.size = sizeof(struct tw_record), .time_ms = ms, .values = v};
}

/* The records of an answer; false: there is nothing where they should be. */
static bool
take_page(struct http_json *s, json_t *root, uint32_t flags, bool *is_first, size_t *n)
{
	json_t *records = json_at(root, s->records), *record;
	size_t i;

	*n = json_is_array(records) ? json_array_size(records) : records != NULL;
	if (!json_is_array(records) && !json_is_object(records)) {
		api_fail(s, "records", "the answer has no records at \"%s\"", s->records);
		return false;
	}
	if (json_is_object(records))
		take_record(s, records);
	else
		json_array_foreach(records, i, record) {
			if (s->n_batch == API_BATCH) {
				hand_on(s, flags | (*is_first ? TW_BATCH_FIRST : 0), 0);
				*is_first = false;
			}
			take_record(s, record);
		}
	if (s->n_batch > 0) {
		hand_on(s, flags | (*is_first ? TW_BATCH_FIRST : 0), 0);
		*is_first = false;
	}
	return true;
}

/* ---- the next page ---- */

/* The same page again would go on for ever: its content is known by a hash. */
static bool
is_repeated(struct http_json *s)
{
	struct crawl *c = &s->crawl;
	uint64_t hash = XXH3_64bits(s->answer.data != NULL ? s->answer.data : "", s->answer.len);
	uint64_t *grown;

	for (uint64_t i = 0; i < c->n_pages; i++)
		if (c->seen[i] == hash)
			return true;
	if ((grown = reallocarray(c->seen, c->n_pages + 1, sizeof(*grown))) == NULL)
		return true;
	c->seen = grown;
	c->seen[c->n_pages] = hash;
	return false;
}

/* True: there is a next page. False: that was the last one (or s->cause says what is wrong). */
static bool
follow(struct http_json *s, const char *url)
{
	struct crawl *c = &s->crawl;

	forget_next(c);
	if (url == NULL || *url == '\0')
		return false;
	if ((c->next_url = api_url_resolve(s->url, url)) == NULL)
		api_fail(s, "next", "the next page has no address: %.80s", url);
	else if (!api_same_host(s->url, c->next_url))
		api_fail(s, "next", "the next page is on another server: %.80s", c->next_url);
	return s->cause == NULL;
}

static bool
next_page(struct http_json *s, json_t *root, size_t n)
{
	struct crawl *c = &s->crawl;
	const char *text;

	c->offset += (int64_t)n;
	c->page++;
	if (s->next_page != NULL && strcmp(s->next_page, "link") == 0)
		return follow(s, s->link);
	if (s->next_page != NULL)
		return follow(s, json_string_value(json_at(root, s->next_page)));
	if (s->cursor != NULL) {
		text = json_string_value(json_at(root, s->cursor));
		forget_next(c);
		if (text == NULL || *text == '\0'
		    || (s->has_more != NULL && !json_is_true(json_at(root, s->has_more))))
			return false;
		return (c->cursor = strdup(text)) != NULL;
	}
	if (!s->counts_pages || n == 0 || (s->page_size > 0 && (int64_t)n < s->page_size))
		return false;
	return c->total < 0 || c->offset < c->total;
}

/* ---- a crawl ---- */

static void
note_total(struct http_json *s, json_t *root)
{
	json_t *v = s->total != NULL ? json_at(root, s->total) : NULL;

	if (json_is_integer(v))
		s->crawl.total = json_integer_value(v);
}

/* It came to its end: is that all? */
static void
finish(struct http_json *s)
{
	struct crawl *c = &s->crawl;
	bool is_short = (c->flags & TW_BATCH_SCAN) && c->total > (int64_t)c->n_records;

	if (is_short)
		api_fail(s, "incomplete", "gave %llu records, and says it has %lld",
		    (unsigned long long)c->n_records, (long long)c->total);
	hand_on(s, c->flags | (c->has_begun ? 0 : TW_BATCH_FIRST)
		| ((c->flags & TW_BATCH_SCAN) && !is_short ? TW_BATCH_LAST : 0),
	    is_short ? 0 : c->began_ms - s->overlap / 1000);
	s->has_scanned |= (c->flags & TW_BATCH_SCAN) && !is_short;
	crawl_end(s);
}

/* One page. True: there are more, and nothing is wrong. */
static bool
step(struct http_json *s)
{
	struct crawl *c = &s->crawl;
	struct api_place at = {.page = c->page, .offset = c->offset, .cursor = c->cursor,
	    .since = c->flags & TW_BATCH_SCAN ? NULL : c->since};
	bool is_single = s->next_page == NULL && s->cursor == NULL && !s->counts_pages;
	bool is_first = !c->has_begun, is_more = false;
	uint64_t n_rejected = s->n_rejected;
	json_t *root;
	size_t n = 0;

	switch (api_ask(s, c->next_url != NULL ? c->next_url : s->url, s->json_tree, &at,
	    is_single && s->has_scanned && (c->flags & TW_BATCH_SCAN), &root)) {
	case ASKED_UNCHANGED:
		hand_on(s, TW_BATCH_SCAN | TW_BATCH_FIRST | TW_BATCH_LAST | TW_BATCH_UNCHANGED,
		    s->read_ms - s->overlap / 1000);
		crawl_end(s);
		return false;
	case ASKED_NOT_FOUND:
		api_fail(s, "status", "answers that there is no such thing (404)");
		return false;
	case ASKED_LATER:
	case ASKED_FAILED:
		return false;
	case ASKED_OK:
		break;
	}
	if (is_repeated(s) && c->n_pages > 0) {
		api_fail(s, "repeats", "gives the same page again (page %llu)",
		    (unsigned long long)c->n_pages + 1);
	} else if (take_page(s, root, c->flags, &is_first, &n)) {
		c->has_begun = !is_first;
		c->n_pages++;
		c->n_records += n;
		c->n_unread += s->n_rejected - n_rejected;
		c->n_failed = 0;
		note_total(s, root);
		is_more = next_page(s, root, n);
		if (is_more && (int64_t)c->n_pages >= s->max_pages) {
			api_fail(s, "pages", "has more than %lld pages (max_pages)",
			    (long long)s->max_pages);
			is_more = false;
		} else if (!is_more && s->cause == NULL) {
			finish(s);
		}
	}
	json_decref(root);
	return is_more;
}

void
crawl_go_on(struct http_json *s)
{
	struct crawl *c = &s->crawl;

	while (step(s))
		;
	if (s->cause == NULL || !c->is_going)
		return;
	/* What cannot be mended by asking again begins anew; what can is asked again. */
	if (strcmp(s->cause, "repeats") == 0 || strcmp(s->cause, "pages") == 0
	    || strcmp(s->cause, "next") == 0 || strcmp(s->cause, "incomplete") == 0
	    || ++c->n_failed >= FAILED_MAX)
		crawl_end(s);
}

/* ---- keys ---- */

void
crawl_keys(struct http_json *s, const char *const *keys, size_t n)
{
	const char *url = s->key_url != NULL ? s->key_url : s->url;
	bool takes_many = strstr(url, "${keys}") != NULL
	    || (s->key_json != NULL && strstr(s->key_json, "${keys}") != NULL);
	size_t each = takes_many ? API_KEYS_AT_ONCE : 1, done = 0, n_page;
	bool is_first = true;
	json_t *root;

	while (done < n && s->cause == NULL) {
		struct api_place at = {.page = s->first_page, .keys = keys + done,
		    .n_keys = n - done < each ? n - done : each};
		enum asked asked = api_ask(s, url, s->key_json_tree, &at, false, &root);

		if (asked == ASKED_LATER || asked == ASKED_FAILED)
			return;
		if (asked == ASKED_OK)
			(void)take_page(s, root, TW_BATCH_KEYS, &is_first, &n_page);
		json_decref(root);
		done += at.n_keys;
	}
	if (s->cause == NULL)
		hand_on(s, TW_BATCH_KEYS | TW_BATCH_LAST | (is_first ? TW_BATCH_FIRST : 0), 0);
}
