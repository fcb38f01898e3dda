/*
 * ask.c - one request of the pages source, and whether it may be made. See pages.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "plugins/pages/pages.h"

#define NAME "tillwatch"            /* what we are called in robots.txt */
#define WAIT_S 60                   /* where a server does not say how long */

void
pages_fail(struct pages *s, const char *cause, const char *fmt, ...)
{
	va_list args;

	if (s->cause != NULL)
		return;
	s->cause = cause;
	va_start(args, fmt);
	vsnprintf(s->err, sizeof(s->err), fmt, args);
	va_end(args);
}

/* ---- addresses ---- */

bool
url_split(const char *url, char host[PAGES_HOST_TEXT], const char **path)
{
	bool is_tls = strncasecmp(url, "https://", 8) == 0;
	const char *from, *port = is_tls ? ":443" : ":80";
	size_t n, len = strlen(port);

	if (!is_tls && strncasecmp(url, "http://", 7) != 0)
		return false;
	for (const char *c = url; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	from = url + (is_tls ? 8 : 7);
	n = strcspn(from, "/?#");
	*path = from + n;
	if (n == 0 || n >= PAGES_HOST_TEXT || memchr(from, '@', n) != NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		host[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] - 'A' + 'a') : from[i];
	host[n] = '\0';
	if (n > len && strcmp(host + n - len, port) == 0)
		host[n - len] = '\0';
	return true;
}

struct host *
host_find(struct pages *s, const char *name)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (strcmp(s->host[i].name, name) == 0)
			return &s->host[i];
	return NULL;
}

/* ---- waiting ---- */

/* A server that is asked too much says so, and for how long. */
static void
obey(struct pages *s, const struct fetch_answer *a)
{
	if (a->status == 429 || a->status == 503)
		turn_put_off(&s->turn, turn_retry_after(a, a->status == 429 ? WAIT_S : 0));
}

/* ---- a request ---- */

static bool
on_body(void *arg, const char *data, size_t len)
{
	struct pages *s = arg;

	buf_add(&s->body, data, len);
	return !s->body.failed;
}

enum asked
ask(struct pages *s, const char *url, int64_t max_bytes,
    bool (*on_data)(void *arg, const char *data, size_t len), void *arg, struct fetch_answer *a)
{
	struct fetch_request r = {.url = url, .headers = s->sent, .n_headers = s->n_sent,
	    .ca_file = s->ca_file, .max_bytes = max_bytes, .takes_errors = on_data == NULL,
	    .on_data = on_data != NULL ? on_data : on_body, .arg = on_data != NULL ? arg : s};
	int64_t left_us;
	int rc;

	if (!turn_wait(&s->turn, s->ctx)) {
		s->is_waiting = true;
		return ASKED_LATER;
	}
	left_us = turn_left_us(s->ctx);
	/* A sitemap that never ends leaves time for the pages that are known. */
	r.deadline = mono_add_us(mono_now(), on_data != NULL ? left_us / 2 : left_us);
	buf_reset(&s->body);
	rc = fetch(s->fetcher, &r, a);
	turn_put_off(&s->turn, (double)s->pause / 1e6);
	if (rc == -ETIMEDOUT && turn_was_short(&s->turn, left_us)) {
		s->is_waiting = true;
		return ASKED_LATER;
	}
	if (rc == 0)
		obey(s, a);
	return rc == 0 ? ASKED_OK : ASKED_FAILED;
}

/* ---- robots.txt ---- */

static bool
on_robots(void *arg, const char *data, size_t len)
{
	struct buf *b = arg;

	buf_add(b, data, b->max - b->len < len ? b->max - b->len : len);
	return b->len < b->max;       /* RFC 9309 2.5: what is over is not read */
}

/* 4xx: everything is allowed; no answer, 429 and 5xx: what was known stays, else nobody knows. */
static void
read_robots(struct pages *s, struct host *h, const char *url)
{
	char address[PAGES_HOST_TEXT + 32];
	struct fetch_answer a;
	struct buf text;
	enum asked asked;
	bool is_cut;

	snprintf(address, sizeof(address), "%s://%s/robots.txt",
	    strncasecmp(url, "https:", 6) == 0 ? "https" : "http", h->name);
	buf_init(&text, ROBOTS_BYTES);
	asked = ask(s, address, ROBOTS_BYTES * 2, on_robots, &text, &a);
	is_cut = asked == ASKED_FAILED && text.len == text.max;
	if (asked == ASKED_LATER) {
		buf_free(&text);
		return;
	}
	h->robots_until = mono_add_us(mono_now(),
	    PAGES_AGAIN_US < s->refresh ? PAGES_AGAIN_US : s->refresh);
	if (is_cut || (asked == ASKED_OK && a.status < 300)) {
		h->has_robots = robots_parse(&h->robots, NAME, buf_str(&text), text.len) == 0;
		h->robots_until = mono_add_us(mono_now(), s->refresh);
	} else if (asked == ASKED_OK && a.status >= 400 && a.status < 500 && a.status != 429) {
		robots_clear(&h->robots);
		h->has_robots = true;
		h->robots_until = mono_add_us(mono_now(), s->refresh);
	} else {
		pages_fail(s, "robots", "robots.txt of %.100s cannot be read: %.80s", h->name,
		    asked == ASKED_OK ? "it answers an error" : a.err);
	}
	buf_free(&text);
}

int
ask_robots(struct pages *s, const char *url)
{
	char name[PAGES_HOST_TEXT];
	const char *path;
	struct host *h;

	if (s->robots != 0)
		return 1;             /* robots: ignore */
	if (!url_split(url, name, &path) || (h = host_find(s, name)) == NULL)
		return 0;
	if (mono_sub_us(mono_now(), h->robots_until) >= 0)
		read_robots(s, h, url);
	if (!h->has_robots)
		return -1;
	return robots_allows(&h->robots, *path == '/' ? path : "/");
}
