/*
 * fetch.c - see fetch.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"
#include "plugins/common/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugins/common/private.h"

#define REDIRECTS_MAX 5
#define CONNECT_MS 10000

struct fetcher {
	CURL *curl;
	const struct fetch_request *request;
	struct fetch_answer *answer;
	char *url;                    /* asked last */
	bool is_inside;               /* the configured host is in a private network itself */
	bool is_elsewhere;            /* a redirect has led to another host */
	bool is_refused, is_stopped, is_too_large;
	struct tw_header headers[FETCH_HEADERS_MAX];
	uint32_t n_headers;
};

static void
forget_headers(struct fetcher *f)
{
	while (f->n_headers > 0)
		free((char *)(uintptr_t)f->headers[--f->n_headers].name);
}

struct fetcher *
fetch_new(void)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (f == NULL || (f->curl = curl_easy_init()) == NULL) {
		free(f);
		return NULL;
	}
	return f;
}

void
fetch_free(struct fetcher *f)
{
	if (f == NULL)
		return;
	forget_headers(f);
	free(f->url);
	curl_easy_cleanup(f->curl);
	free(f);
}

/* ---- callbacks ---- */

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct fetcher *f = arg;
	const struct fetch_request *r = f->request;
	long status = 0;

	n *= size;
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 300 && (status < 400 || !r->takes_errors))
		return n;             /* of a redirect, or of what has gone wrong */
	f->answer->bytes += (int64_t)n;
	if ((f->is_too_large = f->answer->bytes > r->max_bytes))
		return 0;
	if ((f->is_stopped = !r->on_data(r->arg, data, n)))
		return 0;
	return n;
}

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct fetcher *f = arg;
	size_t len = n * size, name;
	char *colon, *kept;

	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		forget_headers(f);
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' '))
		len--;
	if ((colon = memchr(line, ':', len)) == NULL || f->n_headers == FETCH_HEADERS_MAX
	    || len > FETCH_HEADER_BYTES || (kept = malloc(len + 2)) == NULL)
		return n * size;
	name = (size_t)(colon - line);
	memcpy(kept, line, len);
	kept[name] = kept[len] = '\0';
	for (size_t i = 0; i < name; i++)
		if (kept[i] >= 'A' && kept[i] <= 'Z')
			kept[i] = (char)(kept[i] - 'A' + 'a');
	for (colon = kept + name + (name < len); *colon == ' ' || *colon == '\t';)
		colon++;
	f->headers[f->n_headers++] = (struct tw_header){kept, colon};
	return n * size;
}

/* Where a redirect leads it may not lead into our own network. */
static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct fetcher *f = arg;
	char text[NI_MAXHOST];
	bool leads_inside = getnameinfo(&address->addr, address->addrlen, text, sizeof(text), NULL,
				0, NI_NUMERICHOST) != 0
	    || address_leads_inside(text);

	(void)purpose;
	if (!f->is_elsewhere)
		f->is_inside = leads_inside;
	else if ((f->is_refused = leads_inside && !f->is_inside))
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int
on_host_key(void *arg, int type, const char *key, size_t len)
{
	(void)arg;
	(void)type;
	(void)key;
	(void)len;
	return CURLKHMATCH_MISMATCH;  /* without the key that was configured nobody is trusted */
}

/* ---- a request ---- */

static struct curl_slist *
make_headers(const struct fetch_request *r)
{
	struct curl_slist *list = curl_slist_append(NULL, "User-Agent: tillwatch/" PACKAGE_VERSION);
	char line[FETCH_HEADER_BYTES];

	if (r->body != NULL)
		list = curl_slist_append(list, "Content-Type: application/json");
	if (r->etag != NULL && *r->etag != '\0') {
		snprintf(line, sizeof(line), "If-None-Match: %s", r->etag);
		list = curl_slist_append(list, line);
	}
	if (r->modified != NULL && *r->modified != '\0') {
		snprintf(line, sizeof(line), "If-Modified-Since: %s", r->modified);
		list = curl_slist_append(list, line);
	}
	for (uint32_t i = 0; i < r->n_headers; i++) {
		snprintf(line, sizeof(line), "%s: %s", r->headers[i].name, r->headers[i].value);
		list = curl_slist_append(list, line);
	}
	return list;
}

static void
set_up(struct fetcher *f, const struct fetch_request *r, struct curl_slist *headers)
{
	CURL *c = f->curl;

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,sftp");
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_FILETIME, 1L);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, f);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, f);
	curl_easy_setopt(c, CURLOPT_SSH_HOSTKEYFUNCTION,
	    r->host_key == NULL ? on_host_key : NULL);
	if (r->host_key != NULL)
		curl_easy_setopt(c, CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, r->host_key);
	if (r->private_key != NULL)
		curl_easy_setopt(c, CURLOPT_SSH_PRIVATE_KEYFILE, r->private_key);
	if (r->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, r->ca_file);
	if (r->body != NULL)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
}

/* A password does not follow a redirect to another host. */
static void
set_secrets(struct fetcher *f, const struct fetch_request *r)
{
	curl_easy_setopt(f->curl, CURLOPT_USERNAME, f->is_elsewhere ? NULL : r->user);
	curl_easy_setopt(f->curl, CURLOPT_PASSWORD, f->is_elsewhere ? NULL : r->password);
	if (f->is_elsewhere)
		curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, NULL);
}

static bool
is_other_host(const char *from, const char *to)
{
	CURLU *a = curl_url(), *b = curl_url();
	char *x = NULL, *y = NULL;
	bool is_other = true;

	if (a != NULL && b != NULL && curl_url_set(a, CURLUPART_URL, from, 0) == CURLUE_OK
	    && curl_url_set(b, CURLUPART_URL, to, 0) == CURLUE_OK
	    && curl_url_get(a, CURLUPART_HOST, &x, 0) == CURLUE_OK
	    && curl_url_get(b, CURLUPART_HOST, &y, 0) == CURLUE_OK)
		is_other = strcasecmp(x, y) != 0;
	curl_free(x);
	curl_free(y);
	curl_url_cleanup(a);
	curl_url_cleanup(b);
	return is_other;
}

static int
why_failed(struct fetcher *f, CURLcode rc, struct fetch_answer *a)
{
	if (f->is_refused) {
		snprintf(a->err, sizeof(a->err), "a redirect leads into a private network");
		return -EACCES;
	}
	if (f->is_stopped)
		return -ECANCELED;
	if (f->is_too_large) {
		snprintf(a->err, sizeof(a->err), "is over %lld bytes",
		    (long long)f->request->max_bytes);
		return -EFBIG;
	}
	snprintf(a->err, sizeof(a->err), "%s", curl_easy_strerror(rc));
	return rc == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
}

static int
once(struct fetcher *f, const char *url)
{
	int64_t left_us = mono_sub_us(f->request->deadline, mono_now());
	CURLcode rc;

	if (left_us < 1000) {
		snprintf(f->answer->err, sizeof(f->answer->err), "the time is over");
		return -ETIMEDOUT;
	}
	set_secrets(f, f->request);
	curl_easy_setopt(f->curl, CURLOPT_URL, url);
	curl_easy_setopt(f->curl, CURLOPT_TIMEOUT_MS, (long)(left_us / 1000));
	rc = curl_easy_perform(f->curl);
	return rc == CURLE_OK ? 0 : why_failed(f, rc, f->answer);
}

/* Where the answer leads; NULL: nowhere. */
static char *
next_url(struct fetcher *f)
{
	char *url = NULL;

	curl_easy_getinfo(f->curl, CURLINFO_REDIRECT_URL, &url);
	if (url == NULL || (strncasecmp(url, "http://", 7) != 0
			       && strncasecmp(url, "https://", 8) != 0))
		return NULL;
	return strdup(url);
}

static void
take_answer(struct fetcher *f, struct fetch_answer *a)
{
	long status = 0;
	curl_off_t modified_s = -1;

	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(f->curl, CURLINFO_FILETIME_T, &modified_s);
	a->modified_ms = modified_s > 0 ? modified_s * 1000 : 0;
	a->status = status != 0 ? (int)status : 200; /* sftp has none */
	a->is_unchanged = a->status == 304;
	a->headers = f->headers;
	a->n_headers = f->n_headers;
	for (uint32_t i = 0; i < f->n_headers; i++)
		if (strcmp(f->headers[i].name, "etag") == 0)
			snprintf(a->etag, sizeof(a->etag), "%s", f->headers[i].value);
		else if (strcmp(f->headers[i].name, "last-modified") == 0)
			snprintf(a->modified, sizeof(a->modified), "%s", f->headers[i].value);
}

int
fetch(struct fetcher *f, const struct fetch_request *r, struct fetch_answer *a)
{
	struct curl_slist *headers = make_headers(r);
	char *next;
	int rc;

	free(f->url);
	f->url = strdup(r->url);
	rc = f->url != NULL ? 0 : -ENOMEM;
	memset(a, 0, sizeof(*a));
	f->request = r;
	f->answer = a;
	f->is_elsewhere = f->is_refused = f->is_stopped = f->is_too_large = false;
	forget_headers(f);
	set_up(f, r, headers);
	for (int i = 0; rc == 0; i++) {
		if ((rc = once(f, f->url)) != 0)
			break;
		take_answer(f, a);
		if ((next = next_url(f)) == NULL)
			break;
		f->is_elsewhere |= is_other_host(r->url, next);
		free(f->url);
		f->url = next;
		if (i == REDIRECTS_MAX) {
			snprintf(a->err, sizeof(a->err), "more than %d redirects", REDIRECTS_MAX);
			rc = -EIO;
		}
	}
	curl_slist_free_all(headers);
	a->url = f->url;
	return rc;
}
