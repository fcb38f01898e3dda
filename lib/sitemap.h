/*
 * sitemap.h - the addresses of a sitemap, or of an index of sitemaps, as its bytes come.
 *
 * Format: https://www.sitemaps.org/protocol.html. <loc> counts inside of <url> and <sitemap> alone,
 * with the prefix that these have (not <image:loc>). A text is unescaped, CDATA too.
 *
 * Runs in: any thread. Memory: one address; time: one look at each byte.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_SITEMAP_H
#define LIB_SITEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SITEMAP_URL_MAX 2048        /* bytes of an address, as the protocol has it */
#define SITEMAP_NAME_MAX 48         /* of an element */

enum sitemap_at { SITEMAP_TEXT, SITEMAP_TAG, SITEMAP_COMMENT, SITEMAP_CDATA };

struct sitemap {
	/* An address of a page, or of another sitemap. False: no more is wanted. */
	bool (*on_address)(void *arg, const char *url, bool is_sitemap);
	void *arg;

	enum sitemap_at at;
	char tag[SITEMAP_NAME_MAX]; /* of the tag under way, from behind its < */
	size_t n_tag;
	bool is_name_over;
	char quote;                 /* of an attribute's value; 0 = in none */
	char last[2];               /* bytes before this one: they end comments and CDATA */
	char prefix[SITEMAP_NAME_MAX]; /* of the entry's element, with its colon */
	bool is_entry, is_index;    /* inside of <url> or <sitemap>; of <sitemap> */
	bool is_address;            /* inside of <loc> */
	char url[SITEMAP_URL_MAX * 2]; /* still escaped */
	size_t n_url;
	bool is_too_long, is_over;
	uint64_t n_addresses, n_too_long;
};

/* False: on_address wants no more. A struct that is zero but for on_address begins anew. */
bool sitemap_feed(struct sitemap *s, const char *data, size_t len);

#endif
