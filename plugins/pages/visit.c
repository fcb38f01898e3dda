/*
 * visit.c - one page: asked for, judged, handed on. See pages.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "lib/wall.h"
#include "plugins/pages/pages.h"

#define TROUBLES 3                  /* of a run that are told with their addresses */

static void
tell_trouble(struct pages *s, const struct page *p, const char *why)
{
	char path[48];

	if (s->n_troubles == TROUBLES)
		return;
	snprintf(path, sizeof(path), "trouble/%u/address", s->n_troubles);
	tw_api_->fact_text(s->ctx, path, p->url);
	snprintf(path, sizeof(path), "trouble/%u/why", s->n_troubles++);
	tw_api_->fact_text(s->ctx, path, why);
}

/* ---- has it led us to another page? ---- */

/* The path without a slash at its end; how long. */
static size_t
path_length(const char *path)
{
	size_t n = strcspn(path, "?#");

	while (n > 0 && path[n - 1] == '/')
		n--;
	return n;
}

static bool
is_moved(const char *asked, const char *url)
{
	char host[2][PAGES_HOST_TEXT];
	const char *path[2], *name[2];
	size_t n;

	if (url == NULL || !url_split(asked, host[0], &path[0])
	    || !url_split(url, host[1], &path[1]))
		return true;
	for (int i = 0; i < 2; i++)
		name[i] = host[i] + (strncmp(host[i], "www.", 4) == 0 ? 4 : 0);
	n = path_length(path[0]);
	return strcmp(name[0], name[1]) != 0 || path_length(path[1]) != n
	    || memcmp(path[0], path[1], n) != 0;
}

/* ---- what it says ---- */

static bool
is_same(const struct said_of *e, uint64_t page, const char *const *text)
{
	bool is_equal = e != NULL && e->page == page && !e->is_gone;

	for (int i = 0; i < SAID_N && is_equal; i++)
		is_equal = strcmp(e->text[i], text[i] != NULL ? text[i] : "") == 0;
	return is_equal;
}

static void
take_offers(struct pages *s, struct page *p)
{
	char path_key[OFFER_TEXT_MAX] = "";
	struct offers *o = &s->offers;
	bool is_new = false;

	(void)offers_path_key(p->url, path_key, sizeof(path_key));
	offers_read(o, buf_str(&s->body), s->body.len, (enum offer_key)s->key, path_key);
	s->n_broken += o->n_broken;
	s->n_offers += o->n;
	s->n_without += o->n == 0;
	s->n_without_in_turn = o->n == 0 ? s->n_without_in_turn + 1 : 0;
	for (size_t i = 0; i < o->n; i++) {
		const char *text[OFFER_FIELDS], *said[SAID_N];
		struct said_of *e;

		for (int f = 0; f < OFFER_FIELDS; f++)
			text[f] = offers_text(o, i, (enum offer_field)f);
		said[SAID_KEY] = text[OFFER_SKU];
		said[SAID_PRICE] = text[OFFER_PRICE];
		said[SAID_CURRENCY] = text[OFFER_CURRENCY];
		said[SAID_AVAILABILITY] = text[OFFER_AVAILABILITY];
		e = known_key(&s->known, said[SAID_KEY]);
		if (!is_same(e, p->hash, said)) {
			e = known_say(&s->known, p->hash, said, false);
			is_new = true;
		}
		if (e != NULL)
			e->run = s->run;
		pages_record(s, i, text, 0);
	}
	if (o->n == 0) {
		tell_trouble(s, p, o->n_broken > 0 ? "its JSON-LD is broken, or cut off"
			: o->n_keyless > 0 ? "its offers name no article" : "has no offer");
		return;
	}
	if (is_new || o->n != p->n_keys) {
		known_prune(&s->known, p->hash, s->run);
		keep_page(s, p->hash);
	}
	p->n_keys = (uint32_t)o->n;
	p->is_gone = false;
	pages_hand_on(s, o->n, 0);
}

/* Its keys are no more, and with them the one that was asked for. */
static void
take_gone(struct pages *s, struct page *p, const char *key)
{
	struct said_of *e, *next;
	const char *text[OFFER_FIELDS] = {NULL}, *said[SAID_N] = {key};
	size_t n = 0;

	p->is_gone = true;
	if (key != NULL && known_key(&s->known, key) == NULL)
		(void)known_say(&s->known, p->hash, said, true);
	HASH_ITER(hh, s->known.keys, e, next) {
		if (e->page != p->hash || n == OFFERS_MAX)
			continue;
		e->is_gone = true;
		text[OFFER_SKU] = e->text[SAID_KEY];
		pages_record(s, n++, text, TW_RECORD_GONE);
	}
	if (n == 0)
		return;
	keep_page(s, p->hash);
	pages_hand_on(s, n, 0);
}

/* ---- a page ---- */

static enum result
judge(struct pages *s, const struct page *p, enum asked asked, const struct fetch_answer *a)
{
	struct tw_hop hop = {.size = sizeof(hop), .url = a->url != NULL ? a->url : p->url,
	    .status = a->status, .headers = a->headers, .n_headers = a->n_headers};
	char why[PAGES_ERR];
	const char *wall;

	if (asked == ASKED_FAILED) {
		tell_trouble(s, p, a->err);
		return PAGE_FAILED;
	}
	wall = wall_name(&hop, buf_str(&s->body), s->body.len);
	if (wall != NULL || a->status == 401 || a->status == 403 || a->status == 429) {
		snprintf(why, sizeof(why), "answers %d%s%s", a->status, wall != NULL ? ": " : "",
		    wall != NULL ? wall : "");
		tell_trouble(s, p, why);
		pages_fail(s, "blocked", "a page %s", why);
		s->is_blocked = true;
		return PAGE_BLOCKED;
	}
	if (a->status == 404 || a->status == 410)
		return PAGE_GONE;
	if (a->status >= 200 && a->status < 300 && !is_moved(p->url, a->url))
		return PAGE_OK;
	if (a->status >= 200 && a->status < 300)
		snprintf(why, sizeof(why), "leads to another page: %.150s", a->url);
	else
		snprintf(why, sizeof(why), "answers %d", a->status);
	tell_trouble(s, p, why);
	return a->status >= 200 && a->status < 300 ? PAGE_MOVED : PAGE_FAILED;
}

bool
visit(struct pages *s, struct page *p, const char *key)
{
	double *tokens = key != NULL ? &s->key_tokens : &s->tokens;
	int is_allowed = ask_robots(s, p->url);
	struct fetch_answer a;
	enum result result;
	enum asked asked;

	if (is_allowed == 0) {
		p->run = s->run;
		s->n[PAGE_DISALLOWED]++;
		return true;
	}
	if (is_allowed < 0 || *tokens < 1)
		return false;
	asked = ask(s, p->url, s->max_body, NULL, NULL, &a);
	if (asked == ASKED_LATER)
		return false;
	*tokens -= 1;
	p->run = s->run;
	result = judge(s, p, asked, &a);
	s->read_ms = wall_now().ms;
	s->n[result]++;
	if (result == PAGE_OK)
		take_offers(s, p);
	else if (result == PAGE_GONE)
		take_gone(s, p, key);
	return !s->is_blocked;
}
