/*
 * source_http.c - HTTP by libcurl, one kept connection, no proxy, http and https only.
 *
 * Runs in the worker thread; blocks there for SOURCE_TIMEOUT_MS at most.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bearer.h"
#include "lib/xmalloc.h"
#include "tui/source.h"

struct http {
	char *socket, *url, *token_file;
	CURL *curl;
};

struct watch {
	bool (*cancelled)(void *);
	void *arg;
};

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_add(b, data, size * n);
	return b->failed ? 0 : size * n;
}

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct watch *w = arg;

	(void)a, (void)b, (void)c, (void)d;
	return w->cancelled != NULL && w->cancelled(w->arg);
}

static struct curl_slist *
token_header(const struct http *h, char *err, size_t err_cap, int *rc)
{
	char line[BEARER_TEXT];

	*rc = 0;
	if (h->token_file == NULL)
		return NULL;
	if ((*rc = bearer_line(h->token_file, line)) != 0) {
		snprintf(err, err_cap, "%s: %s", h->token_file, strerror(-*rc));
		*rc = -EACCES;
		return NULL;
	}
	return curl_slist_append(NULL, line);
}

static int
judge(const struct http *h, CURLcode code, long status, char *err, size_t err_cap)
{
	const char *who = h->url != NULL ? h->url : h->socket;

	if (code == CURLE_ABORTED_BY_CALLBACK) {
		snprintf(err, err_cap, "given up for a newer question");
		return -ECANCELED;
	}
	if (code != CURLE_OK) {
		snprintf(err, err_cap, "%s does not answer: %s", who, curl_easy_strerror(code));
		return -EIO;
	}
	if (status / 100 == 2)
		return 0;
	snprintf(err, err_cap, "%s answered HTTP %ld%s", who, status,
	    status == 401 || status == 403 ? " (a token is needed)" : "");
	return status == 404 ? -ENOENT : status == 401 || status == 403 ? -EACCES : -EIO;
}

static void
set_options(const struct http *h, const char *url, struct buf *out, struct watch *w,
    struct curl_slist *headers)
{
	curl_easy_reset(h->curl);
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	if (h->url == NULL)
		curl_easy_setopt(h->curl, CURLOPT_UNIX_SOCKET_PATH, h->socket);
	curl_easy_setopt(h->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, SOURCE_TIMEOUT_MS);
	curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT_MS, 3000L);
	curl_easy_setopt(h->curl, CURLOPT_ACCEPT_ENCODING, h->url != NULL ? "" : NULL);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, out);
	curl_easy_setopt(h->curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(h->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(h->curl, CURLOPT_XFERINFODATA, w);
}

static int
http_get(void *ctx, const char *path, struct buf *out, char *err, size_t err_cap,
    bool (*cancelled)(void *), void *arg)
{
	struct http *h = ctx;
	struct watch w = {cancelled, arg};
	char *url = xasprintf("%s%s", h->url != NULL ? h->url : "http://agent", path);
	struct curl_slist *headers = NULL;
	long status = 0;
	CURLcode code;
	int rc = 0;

	if (h->curl == NULL && (h->curl = curl_easy_init()) == NULL) {
		snprintf(err, err_cap, "out of memory");
		rc = -EIO;
		goto out;
	}
	headers = token_header(h, err, err_cap, &rc);
	if (rc != 0)
		goto out;
	set_options(h, url, out, &w, headers);
	code = curl_easy_perform(h->curl);
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	rc = judge(h, code, status, err, err_cap);
out:
	curl_slist_free_all(headers);
	free(url);
	return rc;
}

static void
http_close(void *ctx)
{
	struct http *h = ctx;

	if (h->curl != NULL)
		curl_easy_cleanup(h->curl);
	free(h->socket);
	free(h->url);
	free(h->token_file);
	free(h);
}

int
source_http(struct source *out, const char *socket, const char *url, const char *token_file)
{
	struct http *h = xcalloc(1, sizeof(*h));
	size_t n;

	h->socket = xstrdup(socket);
	if (url != NULL) {
		h->url = xstrdup(url);
		for (n = strlen(h->url); n > 0 && h->url[n - 1] == '/'; n--)
			h->url[n - 1] = '\0';
	}
	h->token_file = token_file != NULL ? xstrdup(token_file) : NULL;
	*out = (struct source){.get = http_get, .close = http_close, .ctx = h};
	return 0;
}
