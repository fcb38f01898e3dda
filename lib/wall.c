/*
 * wall.c - signatures of walls, one row each. A row matches when its status (if any), its header
 * (if any) and its body text, title and host (if any) are all there. Only the vendors' documented
 * marks and wording that cannot stand in a shop's own page are used: a false "blocked" hides an
 * outage.
 *
 * Sources: the vendors' public documentation (Cloudflare: the response header `cf-mitigated:
 * challenge`; DataDome: `x-datadome` and its captcha host; AWS WAF: `x-amzn-waf-action`; Queue-it:
 * its redirect host and cookies; Imperva: the incident page), RFC 9110 15.6.4 for 503 with
 * Retry-After.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "lib/wall.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "lib/hop.h"

#define LOOK_BYTES 65536

struct signature {
	const char *name;
	int status_low, status_high;  /* 0,0 = any */
	const char *header, *value;   /* value NULL = present; else contained, any case */
	const char *body;             /* contained, exact case */
	const char *title;            /* contained in the page's title, any case */
	const char *host;             /* what the URL's host ends in */
};

/* What a vendor's script or header leaves in the shop's own pages too (/cdn-cgi/.../jsd,
 * X-DataDome, /_Incapsula_Resource, queue-it.net as a script's source) is no mark. */
static const struct signature signatures[] = {
	{"Cloudflare challenge", .header = "cf-mitigated", .value = "challenge"},
	{"Cloudflare challenge", 403, 503, "server", "cloudflare", .body = "/orchestrate/chl_"},
	{"Cloudflare block", 403, 403, "server", "cloudflare", .body = "cf-error-details"},
	{"AWS WAF", .header = "x-amzn-waf-action"},
	{"DataDome captcha", 401, 405, .header = "x-dd-b"},
	{"DataDome captcha", 401, 405, .body = "captcha-delivery.com"},
	{"Imperva incident page", .body = "Incapsula incident ID"},
	{"Akamai reference page", 403, 403, "server", "akamaighost", .body = "Reference&#32;&#35;"},
	{"PerimeterX captcha", 403, 403, .body = "px-captcha"},
	{"Queue-it waiting room", .host = ".queue-it.net"},
	{"Queue-it waiting room", 300, 399, "location", ".queue-it.net"},
	{"waiting room", .title = "waiting room powered by"},
	{"waiting room", .body = "<title>Waiting Room</title>"},
	{"waiting room", .body = "<title>You are in line</title>"},
	{"maintenance page", 503, 503, "retry-after", .title = "maintenance"},
};

static bool
header_matches(const struct tw_hop *hop, const struct signature *s)
{
	const char *value;

	if (s->header == NULL)
		return true;
	value = hop_header(hop, s->header);
	return value != NULL && (s->value == NULL || strcasestr(value, s->value) != NULL);
}

/* The text between <title> and </title>; 0 bytes without one. */
static size_t
page_title(const char *body, size_t len, const char **title)
{
	static const char open[] = "<title>", end[] = "</title>";
	const char *from = memmem(body, len, open, sizeof(open) - 1), *to;

	if (from == NULL)
		return 0;
	*title = from += sizeof(open) - 1;
	to = memmem(from, len - (size_t)(from - body), end, sizeof(end) - 1);
	return to != NULL ? (size_t)(to - from) : 0;
}

static bool
title_matches(const char *body, size_t len, const char *want)
{
	const char *title = NULL;
	size_t n = page_title(body, len, &title), want_len = strlen(want);

	for (size_t i = 0; i + want_len <= n; i++)
		if (strncasecmp(title + i, want, want_len) == 0)
			return true;
	return false;
}

static bool
host_matches(const char *url, const char *tail)
{
	const char *host = strstr(url, "://");
	size_t n, len = strlen(tail);

	if (host == NULL)
		return false;
	host += 3;
	n = strcspn(host, ":/?#");
	return n >= len && strncasecmp(host + n - len, tail, len) == 0;
}

static bool
page_matches(const struct signature *s, const struct tw_hop *hop, const char *body, size_t len)
{
	return (s->body == NULL || memmem(body, len, s->body, strlen(s->body)) != NULL)
	    && (s->title == NULL || title_matches(body, len, s->title))
	    && (s->host == NULL || host_matches(hop->url, s->host));
}

const char *
wall_name(const struct tw_hop *hop, const char *body, size_t len)
{
	if (len > LOOK_BYTES)
		len = LOOK_BYTES;
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		const struct signature *s = &signatures[i];

		if (s->status_low != 0
		    && (hop->status < s->status_low || hop->status > s->status_high))
			continue;
		if (header_matches(hop, s) && page_matches(s, hop, body, len))
			return s->name;
	}
	return NULL;
}
