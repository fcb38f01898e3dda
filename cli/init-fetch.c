/*
 * init-fetch.c - one request of `init`: not before its turn, not where robots.txt says no, not off
 * the shop's own host, and not one too many. See init.h.
 *
 * DESIGN. Redirects are followed by hand, so that each of them is counted, waits and is judged as a
 * request of its own. The rules of a host are read when it is first asked for something.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cli/init.h"

#define REDIRECTS_MAX 5
#define HEADER_BYTES 32768

void
init_answer_init(struct init_answer *a)
{
	*a = (struct init_answer){.certificate_days = NAN};
	buf_init(&a->header_text, HEADER_BYTES);
	buf_init(&a->body, INIT_BODY);
}

void
init_answer_free(struct init_answer *a)
{
	buf_free(&a->header_text);
	buf_free(&a->body);
}

struct tw_hop
init_hop(const struct init_answer *a)
{
	return (struct tw_hop){.size = sizeof(struct tw_hop), .url = a->url, .status = a->status,
	    .headers = a->headers, .n_headers = a->n_headers};
}

/* ---- what comes ---- */

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct init_answer *a = arg;
	size_t len = size * n, left = a->body.max - a->body.len;

	buf_add(&a->body, data, len < left ? len : left);
	return len <= left ? len : 0;
}

/* A status line begins anew: what came before was 1xx. Name and value are kept one behind the other
 * as texts, and pointed to when all are there. */
static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct init_answer *a = arg;
	size_t len = size * n, end = len;
	const char *colon = memchr(data, ':', len);

	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		buf_reset(&a->header_text);
		a->n_headers = 0;
		return len;
	}
	while (end > 0 && strchr("\r\n \t", data[end - 1]) != NULL)
		end--;
	if (colon == NULL || memchr(data, '\0', len) != NULL || a->n_headers == INIT_HEADERS
	    || a->header_text.len + len + 2 > a->header_text.max)
		return len;
	buf_add(&a->header_text, data, (size_t)(colon - data));
	buf_char(&a->header_text, '\0');
	for (colon++; colon < data + end && (*colon == ' ' || *colon == '\t');)
		colon++;
	if (colon < data + end)
		buf_add(&a->header_text, colon, (size_t)(data + end - colon));
	buf_char(&a->header_text, '\0');
	a->n_headers++;
	return len;
}

static void
point_headers(struct init_answer *a)
{
	const char *at = a->header_text.data;

	for (uint32_t i = 0; i < a->n_headers; i++) {
		a->headers[i].name = at;
		a->headers[i].value = at += strlen(at) + 1;
		at += strlen(at) + 1;
	}
}

static double
certificate_days(CURL *curl)
{
	struct curl_certinfo *info = NULL;
	double least = NAN;

	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL)
		return NAN;
	for (int i = 0; i < info->num_of_certs; i++)
		for (const struct curl_slist *l = info->certinfo[i]; l != NULL; l = l->next) {
			time_t at = -1;

			if (strncmp(l->data, "Expire date:", 12) == 0)
				at = curl_getdate(l->data + 12, NULL);
			if (at != -1)
				least = fmin(least, difftime(at, time(NULL)) / 86400);
		}
	return least;
}

/* ---- one hop ---- */

static void
wait_turn(struct init_site *s)
{
	int64_t us = s->n_requests == 0
	    ? 0 : INIT_PAUSE_US - mono_sub_us(mono_now(), s->ended);
	struct timespec t = {us / 1000000, us % 1000000 * 1000};

	if (us > 0)
		while (nanosleep(&t, &t) != 0 && errno == EINTR)
			;
}

static void
setup(struct init_site *s, const char *url, const char *json, struct curl_slist *headers,
    struct init_answer *a)
{
	CURL *c = s->curl;

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, INIT_TIMEOUT_MS);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "tillwatch/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_CERTINFO, 1L);
	if (s->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_file);
	if (json != NULL)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, json);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, a);
}

static void
explain(struct init_site *s, const char *url, CURLcode code)
{
	const char *way = code == CURLE_COULDNT_RESOLVE_HOST ? "; is the name right?"
	    : code == CURLE_COULDNT_CONNECT ? "; is the shop up, and its port right?"
	    : code == CURLE_PEER_FAILED_VERIFICATION
	    ? "; a private authority: --ca-file FILE" : "";
	char origin[INIT_URL];

	init_origin(origin, url);
	snprintf(s->err, sizeof(s->err), "%.120s does not answer: %s%s", origin,
	    curl_easy_strerror(code), way);
}

static enum init_asked
ask_once(struct init_site *s, const char *url, const char *json, struct init_answer *a)
{
	struct curl_slist *headers = curl_slist_append(NULL, "X-Synthetic: tillwatch");
	curl_off_t ttfb = 0;
	long status = 0;
	CURLcode code;

	if (json != NULL)
		headers = curl_slist_append(headers, "Content-Type: application/json");
	buf_reset(&a->body);
	buf_reset(&a->header_text);
	a->n_headers = 0;
	wait_turn(s);
	setup(s, url, json, headers, a);
	s->n_requests++;
	if (s->is_progress_told)
		fprintf(stderr, "\r%2u of at most %d requests ", s->n_requests, INIT_REQUESTS);
	code = curl_easy_perform(s->curl);
	s->ended = mono_now();
	curl_slist_free_all(headers);
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK
	    && !(code == CURLE_WRITE_ERROR && status != 0 && a->body.len == a->body.max)) {
		explain(s, url, code);
		return INIT_FAILED;
	}
	curl_easy_getinfo(s->curl, CURLINFO_STARTTRANSFER_TIME_T, &ttfb);
	snprintf(a->url, sizeof(a->url), "%s", url);
	a->status = (int)status;
	a->n_hops++;
	a->ttfb_us += ttfb;
	a->certificate_days = certificate_days(s->curl);
	point_headers(a);
	return INIT_OK;
}

/* ---- all hops ---- */

static bool
is_allowed(struct init_site *s, const char *url)
{
	return robots_allows(&s->robots, init_path(url));
}

static bool
next_hop(struct init_site *s, const struct init_answer *a, char next[INIT_URL])
{
	char *to = NULL;

	return a->status / 100 == 3 && a->status != 304
	    && curl_easy_getinfo(s->curl, CURLINFO_REDIRECT_URL, &to) == CURLE_OK && to != NULL
	    && init_url(next, NULL, to);
}

static enum init_asked ask_robots(struct init_site *s, const char *url);

static enum init_asked
follow(struct init_site *s, const char *url, const char *json, bool is_robots,
    struct init_answer *a)
{
	char at[INIT_URL], next[INIT_URL];
	enum init_asked asked;

	a->n_hops = 0;
	a->ttfb_us = 0;
	snprintf(at, sizeof(at), "%s", url);
	for (;;) {
		if (!is_robots && (asked = ask_robots(s, at)) != INIT_OK)
			return asked;
		if (!is_robots && !is_allowed(s, at))
			return INIT_DISALLOWED;
		if (s->n_requests == INIT_REQUESTS)
			return INIT_SPENT;
		if ((asked = ask_once(s, at, json, a)) != INIT_OK)
			return asked;
		if (!next_hop(s, a, next))
			return INIT_OK;
		if (!init_same_site(next, at)) {
			snprintf(s->err, sizeof(s->err),
			    "%.90s leads to %.90s; name that address if it is the shop", at, next);
			return INIT_FAILED;
		}
		if (a->n_hops > REDIRECTS_MAX) {
			snprintf(s->err, sizeof(s->err), "%.150s leads on and on", url);
			return INIT_FAILED;
		}
		memcpy(at, next, sizeof(at));
	}
}

/* "Sitemap: URL", anywhere in the file; one that names products before any other. */
static void
find_sitemap(struct init_site *s, const struct init_answer *a)
{
	const char *at = buf_str(&a->body);
	char line[INIT_URL + 16], url[INIT_URL];

	s->sitemap[0] = '\0';
	for (; *at != '\0'; at += strcspn(at, "\r\n"), at += strspn(at, "\r\n")) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\r\n"), at);
		if (strncasecmp(line, "sitemap:", 8) != 0
		    || !init_url(url, a->url, line + 8 + strspn(line + 8, " \t"))
		    || !init_same_site(url, a->url))
			continue;
		if (s->sitemap[0] == '\0' || strcasestr(url, "product") != NULL)
			memcpy(s->sitemap, url, sizeof(url));
	}
}

/* RFC 9309 2.3.1: 4xx allows everything, 5xx nothing. */
static enum init_asked
ask_robots(struct init_site *s, const char *url)
{
	char origin[INIT_URL], address[INIT_URL + 16];
	struct init_answer a;
	enum init_asked asked;

	init_origin(origin, url);
	if (strcmp(origin, s->robots_of[0]) == 0 || strcmp(origin, s->robots_of[1]) == 0)
		return INIT_OK;
	init_answer_init(&a);
	snprintf(address, sizeof(address), "%s/robots.txt", origin);
	asked = follow(s, address, NULL, true, &a);
	if (asked == INIT_OK && (a.status >= 500 || a.status == 429)) {
		snprintf(s->err, sizeof(s->err),
		    "robots.txt of %.100s answers %d: nothing may be asked for until it can be "
		    "read", origin, a.status);
		asked = INIT_FAILED;
	}
	if (asked == INIT_OK) {
		robots_clear(&s->robots);
		if (a.status / 100 == 2
		    && robots_parse(&s->robots, "tillwatch", buf_str(&a.body), a.body.len) == 0)
			find_sitemap(s, &a);
		memcpy(s->robots_of[0], origin, sizeof(origin));
		init_origin(s->robots_of[1], a.url);
	}
	init_answer_free(&a);
	return asked;
}

enum init_asked
init_ask(struct init_site *s, const char *url, const char *json, struct init_answer *a)
{
	return follow(s, url, json, false, a);
}
