/*
 * known.c - see pages.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "plugins/pages/pages.h"

static void
drop_page(struct known *k, struct page *p)
{
	HASH_DEL(k->pages, p);
	free(p);
	k->is_stale = true;
}

static void
drop_key(struct known *k, struct said_of *e)
{
	HASH_DEL(k->keys, e);
	free(e);
}

void
known_clear(struct known *k)
{
	struct said_of *e, *next_key;
	struct page *p, *next;

	HASH_ITER(hh, k->pages, p, next)
		drop_page(k, p);
	HASH_ITER(hh, k->keys, e, next_key)
		drop_key(k, e);
	free(k->order);
	*k = (struct known){0};
}

/* ---- pages ---- */

uint64_t
known_hash(const char *url)
{
	return XXH3_64bits(url, strlen(url));
}

struct page *
known_find(const struct known *k, uint64_t hash)
{
	struct page *p;

	HASH_FIND(hh, k->pages, &hash, sizeof(hash), p);
	return p;
}

struct page *
known_add(struct known *k, const char *url)
{
	uint64_t hash = known_hash(url);
	struct page *p = known_find(k, hash);
	size_t len = strlen(url);

	if (p != NULL || (p = calloc(1, sizeof(*p) + len + 1)) == NULL)
		return p;
	p->hash = hash;
	memcpy(p->url, url, len + 1);
	HASH_ADD(hh, k->pages, hash, sizeof(p->hash), p);
	k->is_stale = true;
	return p;
}

bool
known_sweep(struct known *k)
{
	struct said_of *e, *next_key;
	struct page *p, *next;
	bool is_any = false;

	HASH_ITER(hh, k->pages, p, next)
		if (!p->is_own && !p->is_listed && (p->is_gone || p->n_keys == 0))
			drop_page(k, p);
	HASH_ITER(hh, k->keys, e, next_key)
		if (known_find(k, e->page) == NULL) {
			drop_key(k, e);
			is_any = true;
		}
	return is_any;
}

/* ---- the order ---- */

static int
by_turn(const void *a, const void *b)
{
	const struct page *x = *(const struct page *const *)a, *y = *(const struct page *const *)b;

	if (x->turn != y->turn)
		return x->turn < y->turn ? -1 : 1;
	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void
put_in_order(struct known *k)
{
	struct page **order, *p, *next;

	if (!k->is_stale)
		return;
	k->n_order = 0;
	order = reallocarray(k->order, HASH_COUNT(k->pages) + 1, sizeof(struct page *));
	if (order == NULL)
		return;               /* the old one has pages that may be no more */
	k->order = order;
	HASH_ITER(hh, k->pages, p, next) {
		p->turn = XXH3_64bits_withSeed(&p->hash, sizeof(p->hash), k->seed);
		order[k->n_order++] = p;
	}
	if (k->n_order > 0)
		qsort(order, k->n_order, sizeof(struct page *), by_turn);
	k->is_stale = false;
}

/* The first one behind the position. */
static size_t
place_of(const struct known *k)
{
	size_t low = 0, high = k->n_order;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (k->order[middle]->turn <= k->position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
begin_round(struct known *k, int64_t now_ms)
{
	if (k->round_ms > 0 && k->position > 0)
		k->round_us = (now_ms - k->round_ms) * 1000;
	k->seed = XXH3_64bits_withSeed(&now_ms, sizeof(now_ms), k->seed + 1);
	k->position = 0;
	k->round_ms = now_ms;
	k->is_stale = true;
}

struct page *
known_next(struct known *k, int64_t now_ms)
{
	size_t at;

	if (k->round_ms == 0)
		begin_round(k, now_ms);
	put_in_order(k);
	if (k->n_order == 0)
		return NULL;
	if ((at = place_of(k)) == k->n_order) {
		begin_round(k, now_ms);
		put_in_order(k);
		if (k->n_order == 0)
			return NULL;
		at = place_of(k);
	}
	return k->order[at];
}

void
known_done(struct known *k, const struct page *p)
{
	k->position = p->turn;
}

/* ---- keys ---- */

struct said_of *
known_key(const struct known *k, const char *key)
{
	struct said_of *e;

	HASH_FIND_STR(k->keys, key, e);
	return e;
}

struct said_of *
known_say(struct known *k, uint64_t page, const char *const *text, bool is_gone)
{
	struct said_of *old = known_key(k, text[SAID_KEY]), *e;
	size_t bytes = 0;
	char *at;

	if (old == NULL && HASH_COUNT(k->keys) >= KNOWN_KEYS_MAX)
		return NULL;
	for (int i = 0; i < SAID_N; i++)
		bytes += (text[i] != NULL ? strlen(text[i]) : 0) + 1;
	if ((e = calloc(1, sizeof(*e) + bytes)) == NULL)
		return NULL;
	e->page = page;
	e->is_gone = is_gone;
	at = e->bytes;
	for (int i = 0; i < SAID_N; i++) {
		e->text[i] = at;
		at = stpcpy(at, text[i] != NULL ? text[i] : "") + 1;
	}
	if (old != NULL)
		drop_key(k, old);     /* text may lie in it: only now */
	HASH_ADD_KEYPTR(hh, k->keys, e->text[SAID_KEY], strlen(e->text[SAID_KEY]), e);
	return e;
}

void
known_prune(struct known *k, uint64_t page, uint64_t run)
{
	struct said_of *e, *next;

	HASH_ITER(hh, k->keys, e, next)
		if (e->page == page && e->run != run)
			drop_key(k, e);
}
