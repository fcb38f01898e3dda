/*
 * wall.c - signatures of walls, one row each. A row matches when its status (if any), its header
 * (if any) and its body text (if any) are all there. Only the vendors' documented marks and wording
 * that cannot stand in a shop's own page are used: a false "blocked" hides an outage.
 *
 * Sources: the vendors' public documentation (Cloudflare: the response header `cf-mitigated:
 * challenge`; DataDome: `x-datadome` and its captcha host; AWS WAF: `x-amzn-waf-action`; Queue-it:
 * its redirect host and cookies; Imperva: the incident page), RFC 9110 15.6.4 for 503 with
 * Retry-After.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "plugins/common/wall.h"

#include <stdbool.h>
#include <string.h>

#include "plugins/common/outcome.h"

#define LOOK_BYTES 65536

struct signature {
	const char *name;
	int status_low, status_high;  /* 0,0 = any */
	const char *header, *value;   /* value NULL = present; else contained, any case */
	const char *body;             /* contained, exact case */
};

static const struct signature signatures[] = {
	{"Cloudflare challenge", 0, 0, "cf-mitigated", "challenge", NULL},
	{"Cloudflare challenge", 403, 503, "server", "cloudflare", "/cdn-cgi/challenge-platform/"},
	{"Cloudflare block", 403, 403, "server", "cloudflare", "cf-error-details"},
	{"AWS WAF", 0, 0, "x-amzn-waf-action", NULL, NULL},
	{"DataDome captcha", 401, 405, "x-datadome", NULL, NULL},
	{"DataDome captcha", 403, 403, NULL, NULL, "captcha-delivery.com"},
	{"Imperva incident page", 0, 0, NULL, NULL, "_Incapsula_Resource"},
	{"Akamai reference page", 403, 403, "server", "akamaighost", "Reference&#32;&#35;"},
	{"PerimeterX captcha", 403, 403, NULL, NULL, "px-captcha"},
	{"Queue-it waiting room", 0, 0, NULL, NULL, "queue-it.net"},
	{"waiting room", 0, 0, NULL, NULL, "<title>Waiting Room"},
	{"waiting room", 0, 0, NULL, NULL, "<title>You are in line"},
	{"maintenance page", 503, 503, "retry-after", NULL, "aintenance"},
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
		if (!header_matches(hop, s))
			continue;
		if (s->body != NULL && memmem(body, len, s->body, strlen(s->body)) == NULL)
			continue;
		return s->name;
	}
	return NULL;
}
