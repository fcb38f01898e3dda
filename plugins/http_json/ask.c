/*
 * ask.c - one request of the http_json source. See http_json.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lib/json.h"
#include "plugins/common/quota.h"
#include "plugins/http_json/http_json.h"

#define WAIT_S 60                   /* where a server does not say how long */
#define ERRORS_SHOWN 120            /* bytes of an error that stands in an answer */

void
api_fail(struct http_json *s, const char *cause, const char *fmt, ...)
{
	va_list args;

	if (s->cause != NULL)
		return;
	s->cause = cause;
	va_start(args, fmt);
	vsnprintf(s->err, sizeof(s->err), fmt, args);
	va_end(args);
}

/* ---- URLs ---- */

char *
api_url_resolve(const char *base, const char *url)
{
	CURLU *u = curl_url();
	char *text = NULL, *copy = NULL;

	if (u != NULL && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK
	    && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
	    && curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK
	    && strlen(text) < API_URL_MAX)
		copy = strdup(text);
	curl_free(text);
	curl_url_cleanup(u);
	return copy;
}

static char *
part_of(const char *url, CURLUPart part)
{
	CURLU *u = curl_url();
	char *text = NULL, *copy = NULL;

	if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
	    && curl_url_get(u, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK)
		copy = strdup(text);
	curl_free(text);
	curl_url_cleanup(u);
	return copy;
}

static bool
is_same_part(const char *a, const char *b, CURLUPart part)
{
	char *x = part_of(a, part), *y = part_of(b, part);
	bool is_same = x != NULL && y != NULL && strcasecmp(x, y) == 0;

	free(x);
	free(y);
	return is_same;
}

bool
api_same_host(const char *a, const char *b)
{
	return is_same_part(a, b, CURLUPART_SCHEME) && is_same_part(a, b, CURLUPART_HOST)
	    && is_same_part(a, b, CURLUPART_PORT);
}

/* ---- placeholders ---- */

static json_t *
keys_array(const struct api_place *at)
{
	json_t *a = json_array();

	for (size_t i = 0; i < at->n_keys; i++)
		json_array_append_new(a, json_string(at->keys[i]));
	return a;
}

/* What ${name} stands for, as JSON; NULL: there is no such placeholder. */
static json_t *
value_of(const char *name, size_t n, const struct api_place *at)
{
	static const char *const names[] = {"page", "offset", "cursor", "since", "key", "keys"};
	size_t i = 0;

	while (i < sizeof(names) / sizeof(names[0])
	    && (strlen(names[i]) != n || memcmp(names[i], name, n) != 0))
		i++;
	switch (i) {
	case 0: return json_integer(at->page);
	case 1: return json_integer(at->offset);
	case 2: return at->cursor != NULL ? json_string(at->cursor) : json_null();
	case 3: return json_string(at->since != NULL ? at->since : "1970-01-01T00:00:00Z");
	case 4: return json_string(at->n_keys > 0 ? at->keys[0] : "");
	case 5: return keys_array(at);
	default: return NULL;
	}
}

static void
add_escaped(struct buf *to, const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);

	buf_text(to, escaped != NULL ? escaped : "");
	curl_free(escaped);
}

static void
add_value(struct buf *to, const json_t *v, bool is_url)
{
	char text[API_TEXT_MAX + 1];

	for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) {
		buf_text(to, i > 0 ? "," : "");
		add_value(to, json_array_get(v, i), is_url);
	}
	if (json_is_array(v) || json_is_null(v) || !json_scalar_text(v, text, sizeof(text)))
		return;
	if (is_url)
		add_escaped(to, text);
	else
		buf_text(to, text);
}

/* The text with its placeholders filled in; what is none stays. */
static void
expand(struct buf *to, const char *text, const struct api_place *at, bool is_url)
{
	const char *from, *end;

	for (; (from = strstr(text, "${")) != NULL && (end = strchr(from, '}')) != NULL;
	    text = end + 1) {
		json_t *v = value_of(from + 2, (size_t)(end - from - 2), at);

		buf_add(to, text, (size_t)(from - text));
		if (v != NULL)
			add_value(to, v, is_url);
		else
			buf_add(to, from, (size_t)(end + 1 - from));
		json_decref(v);
	}
	buf_text(to, text);
}

static json_t *
expand_string(const char *text, const struct api_place *at)
{
	size_t n = strlen(text);
	json_t *v = NULL;
	struct buf b;

	if (n > 3 && memcmp(text, "${", 2) == 0 && strchr(text, '}') == text + n - 1)
		v = value_of(text + 2, n - 3, at); /* alone it keeps its type */
	if (v != NULL)
		return v;
	buf_init(&b, 1 << 20);
	expand(&b, text, at, false);
	v = b.failed ? NULL : json_stringn(b.data != NULL ? b.data : "", b.len);
	buf_free(&b);
	return v;
}

static json_t *
expand_tree(json_t *tree, const struct api_place *at)
{
	json_t *out, *v;
	const char *key;
	size_t i;

	if (json_is_string(tree))
		return expand_string(json_string_value(tree), at);
	if (json_is_object(tree)) {
		out = json_object();
		json_object_foreach(tree, key, v)
			json_object_set_new(out, key, expand_tree(v, at));
		return out;
	}
	if (!json_is_array(tree))
		return json_incref(tree);
	out = json_array();
	json_array_foreach(tree, i, v)
		json_array_append_new(out, expand_tree(v, at));
	return out;
}

/* ---- waiting ---- */

/* What is left of the quotas: under the headroom, wait until it is restored. */
static void
obey_quota(struct http_json *s, const struct fetch_answer *a, json_t *root)
{
	struct tw_hop hop = {.size = sizeof(hop), .status = a->status, .headers = a->headers,
	    .n_headers = a->n_headers};
	struct tw_answer answer = {.size = sizeof(answer), .status = a->status, .hops = &hop,
	    .n_hops = 1, .hop_size = sizeof(hop), .body = ""};
	struct quota q[QUOTAS_MAX];
	size_t n = quota_read(&answer, root, wall_now().ms, q);

	for (size_t i = 0; i < n; i++) {
		double left = q[i].remaining / q[i].limit, lacks = s->quota.headroom - left;

		if (s->quota_left < 0 || left < s->quota_left)
			s->quota_left = left;
		if (lacks <= 0)
			continue;
		/* A bucket fills at its own rate, a window at its end: what it takes at most. */
		turn_put_off(&s->turn, isnan(q[i].reset_s) ? WAIT_S
			: left < 1 ? fmax(q[i].reset_s * lacks / (1 - left), 1) : 1);
	}
}

/* ---- answers ---- */

static bool
on_data(void *arg, const char *data, size_t len)
{
	struct http_json *s = arg;

	buf_add(&s->answer, data, len);
	return !s->answer.failed;
}

/* JSON Lines as one list. */
static json_t *
read_lines(struct http_json *s, char *err, size_t cap)
{
	json_t *list = json_array();
	char *at = s->answer.data, *end = at + s->answer.len, *line;

	for (; at < end && list != NULL; at = line + 1) {
		json_t *one;

		if ((line = memchr(at, '\n', (size_t)(end - at))) == NULL)
			line = end;
		if (line - at <= 1 && (line == at || *at == '\r'))
			continue;
		if ((one = json_read(at, (size_t)(line - at), err, cap)) == NULL
		    && line == end) { /* the last line: cut off */
			json_decref(list);
			return NULL;
		}
		if (one == NULL)
			s->n_rejected++;
		else
			json_array_append_new(list, one);
	}
	return list;
}

/* <https://...>; rel="next", <...>; rel="last" (RFC 8288): the next one. */
static void
take_link(struct http_json *s, const struct fetch_answer *a)
{
	for (uint32_t i = 0; i < a->n_headers; i++) {
		const char *at = a->headers[i].value, *end;

		if (strcmp(a->headers[i].name, "link") != 0)
			continue;
		for (; (at = strchr(at, '<')) != NULL && (end = strchr(at, '>')) != NULL;
		    at = end) {
			size_t n = strcspn(end, "<");

			if ((memmem(end, n, "rel=\"next\"", 10) != NULL
				|| memmem(end, n, "rel=next", 8) != NULL)
			    && (size_t)(end - at) < sizeof(s->link))
				snprintf(s->link, sizeof(s->link), "%.*s",
				    (int)(end - at - 1), at + 1);
		}
	}
}

/* A 200 of GraphQL whose error says "later". */
static bool
is_throttled(json_t *error)
{
	const char *code = json_string_value(json_at(error, "/extensions/code"));

	return code != NULL && strcasecmp(code, "throttled") == 0;
}

static enum asked
take_answer(struct http_json *s, const struct fetch_answer *a, json_t **root)
{
	char err[160] = "";
	json_t *message;
	enum asked done = ASKED_FAILED;

	if (a->is_unchanged)
		return ASKED_UNCHANGED;
	if (a->status == 429 || a->status == 503) {
		s->n_throttled++;
		turn_put_off(&s->turn, turn_retry_after(a, WAIT_S));
		return ASKED_LATER;
	}
	if (a->status == 404 || a->status == 410)
		return ASKED_NOT_FOUND;
	if (a->status < 200 || a->status > 299) {
		api_fail(s, "status", "answers %d", a->status);
		return ASKED_FAILED;
	}
	*root = s->is_lines ? read_lines(s, err, sizeof(err))
		: json_read(s->answer.data != NULL ? s->answer.data : "", s->answer.len, err,
		      sizeof(err));
	obey_quota(s, a, *root);
	take_link(s, a);
	if (*root == NULL) {
		api_fail(s, "json", "answers what is no JSON: %s", err);
		return ASKED_FAILED;
	}
	message = json_at(*root, "/errors/0/message");
	if (!json_is_string(message) || json_at(*root, s->records) != NULL)
		return ASKED_OK;
	if (is_throttled(json_at(*root, "/errors/0"))) {
		s->n_throttled++;
		/* obey_quota knows how long */
		turn_put_off(&s->turn, s->quota_left < 0 ? WAIT_S : 1);
		done = ASKED_LATER;
	} else {
		api_fail(s, "errors", "answers with an error: %.*s", ERRORS_SHOWN,
		    json_string_value(message));
	}
	json_decref(*root);
	*root = NULL;
	return done;
}

static enum asked
no_answer(struct http_json *s, int rc, const struct fetch_answer *a)
{
	api_fail(s, rc == -ETIMEDOUT ? "timeout" : "fetch", "%s", a->err);
	return ASKED_FAILED;
}

enum asked
api_ask(struct http_json *s, const char *url, json_t *body, const struct api_place *at,
    bool may_be_unchanged, json_t **root)
{
	struct fetch_request r = {.headers = s->headers.items, .n_headers = s->headers.n,
	    .ca_file = s->ca_file, .max_bytes = s->max_body, .on_data = on_data, .arg = s};
	struct fetch_answer a;
	json_t *tree = body != NULL ? expand_tree(body, at) : NULL;
	char *text = tree != NULL ? json_dumps(tree, JSON_COMPACT) : NULL;
	enum asked done = ASKED_LATER;
	struct buf full;
	int64_t given_us;
	int rc;

	*root = NULL;
	buf_init(&full, API_URL_MAX);
	expand(&full, url, at, true);
	buf_char(&full, '\0');
	json_decref(tree);
	if (turn_wait(&s->turn, s->ctx) && !full.failed) {
		r.url = full.data;
		r.body = text;
		r.etag = may_be_unchanged ? s->etag : NULL;
		r.modified = may_be_unchanged ? s->modified : NULL;
		given_us = turn_left_us(s->ctx) + TURN_RESERVE_US / 2;
		r.deadline = mono_add_us(mono_now(), given_us);
		buf_reset(&s->answer);
		s->link[0] = '\0';
		s->n_asked++;
		rc = fetch(s->fetcher, &r, &a);
		turn_put_off(&s->turn, (double)s->pause / 1e6);
		if (rc == 0)
			done = take_answer(s, &a, root);
		else if (rc != -ETIMEDOUT || !turn_was_short(&s->turn, given_us))
			done = no_answer(s, rc, &a);
		if (may_be_unchanged && done == ASKED_OK) {
			memcpy(s->etag, a.etag, sizeof(s->etag));
			memcpy(s->modified, a.modified, sizeof(s->modified));
		}
	} else if (full.failed) {
		api_fail(s, "url", "the address is over %d bytes", API_URL_MAX);
		done = ASKED_FAILED;
	}
	s->is_waiting |= done == ASKED_LATER;
	buf_free(&full);
	free(text);
	return done;
}
