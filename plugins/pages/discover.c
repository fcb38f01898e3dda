/*
 * discover.c - which pages the shop has, as its sitemaps say. See pages.h.
 *
 * DESIGN. One sitemap after the other, over as many runs as it takes, every `refresh`. Each address
 * must be of a host that the configuration names: a sitemap is written by others, and must not send
 * us elsewhere. What a sitemap gave before it broke off is as good as ever; but only when all were
 * read to their ends is an address forgotten that is in none of them.
 *
 * Bounds: PAGES_SITEMAPS_MAX files, PAGES_SITEMAP_BYTES of one, half of a run's time, max_pages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/unpack.h"
#include "plugins/common/glob.h"
#include "plugins/pages/pages.h"

void
discover_clear(struct pages *s)
{
	for (size_t i = 0; i < s->n_queue; i++)
		free(s->queue[i]);
	free(s->queue);
	s->queue = NULL;
	s->n_queue = s->at_queue = 0;
}

static void
fail(struct pages *s, const char *fmt, ...)
{
	va_list args;

	s->is_whole = false;
	if (s->sitemap_err[0] != '\0')
		return;               /* the first one tells most */
	va_start(args, fmt);
	vsnprintf(s->sitemap_err, sizeof(s->sitemap_err), fmt, args);
	va_end(args);
}

/* ---- addresses ---- */

static bool
is_wanted(const struct pages *s, const char *path)
{
	const char *const *patterns = s->match.items;
	size_t n = strcspn(path, "?#");

	for (uint32_t i = 0; i < s->match.n; i++)
		if (glob_match(patterns[i], n > 0 ? path : "/", n > 0 ? n : 1))
			return true;
	return s->match.n == 0;
}

bool
discover_page(struct pages *s, const char *url, bool is_own)
{
	char name[PAGES_HOST_TEXT], address[SITEMAP_URL_MAX + 1];
	const char *path;
	struct page *p;

	if (!url_split(url, name, &path) || host_find(s, name) == NULL) {
		s->n_refused++;
		return false;
	}
	if (!is_own && !is_wanted(s, path))
		return true;
	snprintf(address, sizeof(address), "%.*s", (int)strcspn(url, "#"), url);
	p = known_find(&s->known, known_hash(address));
	if (p == NULL && (int64_t)HASH_COUNT(s->known.pages) >= s->max_pages) {
		s->n_refused++;
		return false;
	}
	if ((p = known_add(&s->known, address)) == NULL)
		return false;
	p->is_own |= is_own;
	p->is_listed = true;
	return true;
}

static bool
add_sitemap(struct pages *s, const char *url)
{
	char name[PAGES_HOST_TEXT], **grown;
	const char *path;

	if (!url_split(url, name, &path) || host_find(s, name) == NULL) {
		s->n_refused++;
		return true;
	}
	for (size_t i = 0; i < s->n_queue; i++)
		if (strcmp(s->queue[i], url) == 0)
			return true;
	if (s->n_queue == PAGES_SITEMAPS_MAX) {
		fail(s, "has more than %d sitemaps", PAGES_SITEMAPS_MAX);
		return false;
	}
	if ((grown = reallocarray(s->queue, s->n_queue + 1, sizeof(*grown))) == NULL)
		return false;
	s->queue = grown;
	if ((grown[s->n_queue] = strdup(url)) == NULL)
		return false;
	s->n_queue++;
	return true;
}

/* ---- a sitemap ---- */

struct reading {
	struct pages *pages;
	struct sitemap sitemap;
	struct unpack unpack;
	int64_t n_bytes;            /* unpacked */
};

static bool
on_address(void *arg, const char *url, bool is_sitemap)
{
	struct reading *r = arg;
	struct pages *s = r->pages;

	if (is_sitemap)
		return add_sitemap(s, url);
	(void)discover_page(s, url, false);
	if ((int64_t)HASH_COUNT(s->known.pages) < s->max_pages)
		return true;
	fail(s, "has more than %" PRId64 " addresses (max_pages)", s->max_pages);
	return false;
}

static bool
on_unpacked(void *arg, const char *data, size_t len)
{
	struct reading *r = arg;

	if ((r->n_bytes += (int64_t)len) > PAGES_SITEMAP_BYTES) {
		fail(r->pages, "is over %d bytes", PAGES_SITEMAP_BYTES);
		return false;
	}
	return sitemap_feed(&r->sitemap, data, len) && turn_left_us(r->pages->ctx) > 0;
}

static bool
on_data(void *arg, const char *data, size_t len)
{
	struct reading *r = arg;

	return unpack_take(&r->unpack, data, len);
}

static enum asked
read_sitemap(struct pages *s, const char *url)
{
	struct reading *r = calloc(1, sizeof(*r));
	struct fetch_answer a;
	enum asked asked;
	bool is_whole;

	if (r == NULL)
		return ASKED_LATER;
	r->pages = s;
	r->sitemap.on_address = on_address;
	r->unpack.on_data = on_unpacked;
	r->sitemap.arg = r->unpack.arg = r;
	asked = ask(s, url, PAGES_SITEMAP_BYTES, on_data, r, &a);
	is_whole = unpack_end(&r->unpack, asked == ASKED_OK);
	if (asked == ASKED_FAILED)
		fail(s, "%.100s: %.100s", url, a.err[0] != '\0' ? a.err : "could not be read");
	else if (asked == ASKED_OK && (a.status < 200 || a.status > 299))
		fail(s, "%.100s answers %d", url, a.status);
	else if (asked == ASKED_OK && !is_whole)
		fail(s, "%.100s is cut off, or damaged (gzip)", url);
	else if (asked == ASKED_OK && r->sitemap.n_addresses == 0)
		fail(s, "%.100s has no address", url);
	s->n_refused += r->sitemap.n_too_long;
	free(r);
	return asked;
}

/* ---- all of them ---- */

static void
begin(struct pages *s)
{
	struct page *p, *next;

	discover_clear(s);
	HASH_ITER(hh, s->known.pages, p, next)
		p->is_listed = false;
	s->is_discovering = s->is_whole = true;
	s->sitemap_err[0] = '\0';
	(void)add_sitemap(s, s->sitemap);
}

/* What has failed is tried again, each time later. */
static void
end(struct pages *s)
{
	s->again_us = s->is_whole ? s->refresh
	    : s->again_us > 0 && s->again_us < s->refresh ? s->again_us * 2 : PAGES_AGAIN_US;
	if (s->again_us > s->refresh)
		s->again_us = s->refresh;
	s->discover_at = mono_add_us(mono_now(), s->again_us);
	if (s->is_whole) {
		s->again_us = 0;
		if (known_sweep(&s->known))
			keep_all(s);
	}
	discover_clear(s);
	s->is_discovering = false;
}

void
discover(struct pages *s)
{
	if (s->sitemap == NULL
	    || (!s->is_discovering && mono_sub_us(mono_now(), s->discover_at) < 0))
		return;
	if (!s->is_discovering)
		begin(s);
	while (s->at_queue < s->n_queue && turn_left_us(s->ctx) > 0) {
		if (read_sitemap(s, s->queue[s->at_queue]) == ASKED_LATER)
			return;       /* in the next run */
		s->at_queue++;
	}
	if (s->at_queue >= s->n_queue)
		end(s);
}
