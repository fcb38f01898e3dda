/*
 * fuzz-sitemap.c - the bytes of a sitemap, in pieces whose size is the first byte, and the same
 * bytes as robots.txt. In whatever pieces they come, the addresses are the same; a path that no
 * rule names is allowed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "lib/offers.h"
#include "lib/robots.h"
#include "lib/sitemap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen { uint64_t n, sum; };

static bool
on_address(void *arg, const char *url, bool is_sitemap)
{
	struct seen *s = arg;
	char key[OFFER_TEXT_MAX];

	if (strlen(url) > SITEMAP_URL_MAX || *url == '\0')
		abort();
	s->n++;
	for (; *url != '\0'; url++)
		s->sum = s->sum * 31 + (unsigned char)*url + is_sitemap;
	(void)offers_path_key(url, key, sizeof(key));
	return true;
}

static struct seen
read_in(const char *text, size_t len, size_t piece)
{
	struct sitemap *s = calloc(1, sizeof(*s));
	struct seen seen = {0};

	if (s == NULL)
		exit(1);
	s->on_address = on_address;
	s->arg = &seen;
	for (size_t at = 0; at < len; at += piece)
		(void)sitemap_feed(s, text + at, len - at < piece ? len - at : piece);
	free(s);
	return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, pieces;
	struct robots r = {0};
	const char *text = (const char *)data + 1;
	char path[64];

	if (size == 0)
		return 0;
	whole = read_in(text, size - 1, size);
	pieces = read_in(text, size - 1, data[0] % 32 + 1u);
	if (whole.n != pieces.n || whole.sum != pieces.sum)
		abort();
	if (robots_parse(&r, "tillwatch", text, size - 1) != 0)
		return 0;
	memcpy(path, text, size - 1 < sizeof(path) - 1 ? size - 1 : sizeof(path) - 1);
	path[size - 1 < sizeof(path) - 1 ? size - 1 : sizeof(path) - 1] = '\0';
	if (!robots_allows(&r, path) && r.n == 0)
		abort();
	robots_clear(&r);
	return 0;
}
