/*
 * jar.c - the cookies of one run: libcurl's own engine keeps them while a hop runs, this list
 * between hops.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "host/engine-internal.h"

#define COOKIES_MAX 256

struct tw_jar {
	struct curl_slist *lines; /* Netscape's format, as CURLINFO_COOKIELIST gives them */
};

struct tw_jar *
engine_jar_new(struct engine *e)
{
	(void)e;
	return calloc(1, sizeof(struct tw_jar));
}

void
engine_jar_free(struct tw_jar *jar)
{
	if (jar == NULL)
		return;
	curl_slist_free_all(jar->lines);
	free(jar);
}

void
jar_load(struct tw_jar *jar, CURL *easy)
{
	for (const struct curl_slist *c = jar->lines; c != NULL; c = c->next)
		curl_easy_setopt(easy, CURLOPT_COOKIELIST, c->data);
}

void
jar_store(struct tw_jar *jar, CURL *easy)
{
	struct curl_slist *all = NULL, *kept = NULL;
	int n = 0;

	if (curl_easy_getinfo(easy, CURLINFO_COOKIELIST, &all) != CURLE_OK)
		return;
	for (const struct curl_slist *c = all; c != NULL && n < COOKIES_MAX; c = c->next, n++) {
		struct curl_slist *more = curl_slist_append(kept, c->data);

		if (more == NULL)
			break;
		kept = more;
	}
	curl_slist_free_all(all);
	curl_slist_free_all(jar->lines);
	jar->lines = kept;
}
