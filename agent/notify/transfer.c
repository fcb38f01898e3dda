/*
 * transfer.c - one request to one receiver over libcurl's multi interface.
 *
 * Runs on the sender's thread; nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include "agent/notify/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/sanitize.h"

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct rcv *r = arg;
	size_t len = size * n, room = NOTIFY_ANSWER_BYTES - r->answer_len;

	memcpy(r->answer + r->answer_len, data, len < room ? len : room);
	r->answer_len += len < room ? len : room;
	return len;
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct rcv *r = arg;
	size_t len = size * n;
	char value[128];

	if (len > 12 && len < sizeof(value) + 12 && strncasecmp(data, "retry-after:", 12) == 0) {
		snprintf(value, sizeof(value), "%.*s", (int)(len - 12), data + 12);
		r->retry_after = retry_after_ms(value, r->started_ms);
	}
	return len;
}

static int
add_headers(struct rcv *r)
{
	const char *p = buf_str(&r->request.headers), *end;
	struct curl_slist *more;
	char line[8192];

	curl_slist_free_all(r->headers);
	r->headers = curl_slist_append(
	    NULL, "Expect:"); /* no 100-continue: one round trip less, and no trap */
	for (; r->headers != NULL && (end = strchr(p, '\n')) != NULL; p = end + 1) {
		snprintf(line, sizeof(line), "%.*s", (int)(end - p), p);
		if ((more = curl_slist_append(r->headers, line)) == NULL)
			return -ENOMEM;
		r->headers = more;
	}
	return r->headers != NULL ? 0 : -ENOMEM;
}

#define SET(option, value) (rc |= curl_easy_setopt(r->easy, option, value))

static int
set_options(struct notify *n, struct rcv *r)
{
	long timeout = r->conf.timeout_ms > 0 ? r->conf.timeout_ms : NOTIFY_TIMEOUT_MS;
	int rc = 0;

	curl_easy_reset(r->easy);
	SET(CURLOPT_URL, r->conf.url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, r->conf.proxy != NULL ? r->conf.proxy : "");
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, timeout);
	SET(CURLOPT_CONNECTTIMEOUT_MS, timeout);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (r->conf.ca_file != NULL)
		SET(CURLOPT_CAINFO, r->conf.ca_file);
	SET(CURLOPT_USERAGENT, n->opts.user_agent != NULL ? n->opts.user_agent : "tillwatch");
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDS, buf_str(&r->request.body));
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->request.body.len);
	SET(CURLOPT_HTTPHEADER, r->headers);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, r);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, r);
	SET(CURLOPT_ERRORBUFFER, r->curl_error);
	SET(CURLOPT_PRIVATE, r);
	return rc == 0 ? 0 : -EINVAL;
}

int
transfer_start(struct notify *n, struct rcv *r, const struct outbox_row *row)
{
	int rc;

	buf_reset(&r->request.body);
	buf_reset(&r->request.headers);
	r->row = row->id;
	r->class = row->class;
	r->row_first_ms = row->first_ms > 0 ? row->first_ms : notify_now(n);
	r->row_truncated = row->truncated;
	r->started_ms = notify_now(n);
	r->answer_len = 0;
	r->retry_after = -1;
	r->curl_error[0] = '\0';
	rc = r->driver->render(&r->conf, r->keys, r->n_keys, row, r->started_ms, &r->request);
	if (rc == 0)
		rc = add_headers(r);
	if (rc == 0 && r->easy == NULL && (r->easy = curl_easy_init()) == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		rc = set_options(n, r);
	if (rc == 0 && curl_multi_add_handle(n->multi, r->easy) != CURLM_OK)
		rc = -EIO;
	r->busy = rc == 0;
	return rc;
}

/* What went wrong, in words: the status and the beginning of the answer, or libcurl's sentence. */
static void
describe(const struct rcv *r, CURLcode code, int http, char *dst, size_t cap)
{
	char text[160];

	if (http == 0 || (code != CURLE_OK && http >= 200 && http < 300)) {
		text_sanitize(dst, cap,
		    *r->curl_error != '\0' ? r->curl_error : curl_easy_strerror(code),
		    strlen(*r->curl_error != '\0' ? r->curl_error : curl_easy_strerror(code)));
		return;
	}
	text_sanitize(text, sizeof(text), r->answer, r->answer_len < 120 ? r->answer_len : 120);
	snprintf(dst, cap, "HTTP %d%s%s%s", http,
	    http >= 300 && http < 400 ? " (redirects are not followed)" : "",
	    *text != '\0' ? ": " : "", text);
}

static void
finish(struct notify *n, CURL *easy, CURLcode code)
{
	long http = 0;
	char *private = NULL, text[256];
	struct rcv *r;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &http);
	r = (struct rcv *)(void *)private;
	curl_multi_remove_handle(n->multi, easy);
	r->busy = false;
	/* A final status counts even when the rest of the answer never came: the receiver has
	 * decided. */
	if (http < 200)
		http = 0;
	describe(r, code, (int)http, text, sizeof(text));
	r->answer_len = 0;
	result_take(n, r, notify_judge((int)http), (int)http, text);
}

void
transfer_collect(struct notify *n)
{
	int running, left;
	CURLMsg *msg;

	curl_multi_perform(n->multi, &running);
	while ((msg = curl_multi_info_read(n->multi, &left)) != NULL)
		if (msg->msg == CURLMSG_DONE)
			finish(n, msg->easy_handle, msg->data.result);
}

void
transfer_abort(struct notify *n, struct rcv *r)
{
	if (r->busy)
		curl_multi_remove_handle(n->multi, r->easy);
	r->busy = false;
}
