/*
 * redirect.c - see redirect.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/redirect.h"

#include <string.h>
#include <strings.h>

const char *
redirect_location(const struct tw_hop *hop)
{
	static const int statuses[] = {301, 302, 303, 307, 308};
	bool redirects = false;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		redirects |= hop->status == statuses[i];
	for (uint32_t i = 0; redirects && i < hop->n_headers; i++)
		if (strcasecmp(hop->headers[i].name, "location") == 0
		    && hop->headers[i].value[0] != '\0')
			return hop->headers[i].value;
	return NULL;
}

const char *
redirect_resolve(CURLU *base, const char *location, struct heap *heap)
{
	CURLU *u = curl_url_dup(base);
	char *url = NULL, *scheme = NULL;
	const char *out = NULL;

	if (u != NULL
	    && curl_url_set(u, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK
	    && curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK
	    && curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK
	    && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)
	    && curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK)
		out = heap_text(heap, url, strlen(url));
	curl_free(scheme);
	curl_free(url);
	curl_url_cleanup(u);
	return out;
}

const char *
redirect_method(const struct redirect_rules *r)
{
	if (r->status == 303 && strcmp(r->method, "HEAD") != 0)
		return "GET";
	if ((r->status == 301 || r->status == 302) && strcmp(r->method, "POST") == 0)
		return "GET";
	return r->method;
}

static bool
same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	char *x = NULL, *y = NULL;
	bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK
	    && curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(x, y) == 0;

	curl_free(x);
	curl_free(y);
	return same;
}

bool
redirect_same_origin(const char *a, const char *b)
{
	CURLU *x = curl_url(), *y = curl_url();
	bool same = x != NULL && y != NULL && curl_url_set(x, CURLUPART_URL, a, 0) == CURLUE_OK
		    && curl_url_set(y, CURLUPART_URL, b, 0) == CURLUE_OK
		    && same_part(x, y, CURLUPART_SCHEME) && same_part(x, y, CURLUPART_HOST)
		    && same_part(x, y, CURLUPART_PORT);

	curl_url_cleanup(x);
	curl_url_cleanup(y);
	return same;
}

bool
redirect_keeps_header(const char *name)
{
	/* Any header may be a key of the shop's API: only what describes the request itself goes to
	 * a stranger. */
	static const char *const harmless[] = {
	    "accept", "accept-language", "accept-encoding", "user-agent"};

	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (strcasecmp(name, harmless[i]) == 0)
			return true;
	return false;
}
