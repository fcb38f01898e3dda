/*
 * ratio-attempt.c - see ratio-attempt.h.
 *
 * State: "seed" (of the hash), "orders/N": struct kept each, an order that is not decided with its
 * parts behind it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/ratio-attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "lib/hash.h"

#define PIECE_BYTES 65536               /* under one key of the state */
#define KEPT_MAX (sizeof(struct kept) + ORDER_PARTS * sizeof(uint64_t))

struct order {
	uint64_t hash;
	int64_t first_ms, last_ms;
	bool is_good;                   /* decided; kept so that what follows is no other order */
	uint64_t parts[ORDER_PARTS];    /* of the last attempt */
	UT_hash_handle hh;              /* in the order in which they came */
};

struct kept {
	uint64_t hash;
	int64_t first_ms;
	uint32_t last_ms;               /* after the first */
	uint32_t is_good;
};

_Static_assert(sizeof(struct kept) == 24, "as it is stored");

struct attempts {
	uint64_t seed;
	int64_t retry_ms;
	order_decided_fn *decided;
	void *arg;
	struct order *table;
	bool is_dirty;
	int n_pieces;                   /* stored */
	uint64_t n_lost;
};

static struct order *
find(const struct attempts *o, uint64_t hash)
{
	struct order *found;

	HASH_FIND(hh, o->table, &hash, sizeof(hash), found);
	return found;
}

static struct order *
insert(struct attempts *o, uint64_t hash, int64_t time_ms)
{
	struct order *new = calloc(1, sizeof(*new)), *added;

	if (new == NULL)
		return NULL;
	new->hash = hash;
	new->first_ms = new->last_ms = time_ms;
	HASH_ADD(hh, o->table, hash, sizeof(new->hash), new);
	HASH_FIND(hh, o->table, &hash, sizeof(hash), added);
	if (added == NULL)
		free(new);
	return added;
}

static void
erase(struct attempts *o, struct order *order)
{
	HASH_DELETE(hh, o->table, order);
	free(order);
}

static void
decide(const struct attempts *o, const struct order *order, bool is_good)
{
	struct order_decision d = {.time_ms = order->first_ms, .is_good = is_good};

	memcpy(d.parts, order->parts, sizeof(d.parts));
	o->decided(o->arg, &d);
}

/* The one that was first tried longest ago goes, as it stands. */
static void
make_room(struct attempts *o)
{
	struct order *oldest = o->table;

	for (struct order *at = o->table; at != NULL; at = at->hh.next)
		oldest = at->first_ms < oldest->first_ms ? at : oldest;
	if (!oldest->is_good)
		decide(o, oldest, false);
	erase(o, oldest);
	o->n_lost++;
}

static bool
is_over(const struct attempts *o, const struct order *order, int64_t at_ms)
{
	return order->first_ms + o->retry_ms < at_ms;
}

/* What is known of that order; NULL: no memory. */
static struct order *
order_of(struct attempts *o, uint64_t hash, int64_t time_ms)
{
	struct order *order = find(o, hash);

	if (order != NULL
	    && (is_over(o, order, time_ms) || order->first_ms - o->retry_ms > time_ms)) {
		if (!order->is_good)
			decide(o, order, false);
		erase(o, order); /* a time later the same name is another order */
		order = NULL;
	}
	if (order != NULL)
		return order;
	if (HASH_COUNT(o->table) >= ORDERS_MAX)
		make_room(o);
	return insert(o, hash, time_ms);
}

void
attempts_add(struct attempts *o, uint64_t hash, int64_t time_ms, bool is_good,
    const uint64_t parts[ORDER_PARTS])
{
	struct order *order = order_of(o, hash, time_ms);

	o->is_dirty = true;
	if (order == NULL) {
		o->n_lost++;
		return;
	}
	if (order->is_good)
		return;
	order->first_ms = time_ms < order->first_ms ? time_ms : order->first_ms;
	if (time_ms >= order->last_ms || is_good) {
		memcpy(order->parts, parts, sizeof(order->parts));
		order->last_ms = time_ms;
	}
	order->is_good = is_good;
	if (is_good)
		decide(o, order, true);
}

void
attempts_settle(struct attempts *o, int64_t until_ms)
{
	struct order *next;

	for (struct order *at = o->table; at != NULL; at = next) {
		next = at->hh.next;
		if (!is_over(o, at, until_ms))
			continue;
		if (!at->is_good)
			decide(o, at, false);
		erase(o, at);
		o->is_dirty = true;
	}
}

size_t
attempts_count(const struct attempts *o)
{
	return HASH_COUNT(o->table);
}

uint64_t
attempts_lost(struct attempts *o)
{
	uint64_t n = o->n_lost;

	o->n_lost = 0;
	return n;
}

uint64_t
attempts_hash(const struct attempts *o, const struct tw_value *id)
{
	uint64_t h = id->type == TW_FIELD_TEXT
			 ? XXH3_64bits_withSeed(id->as.text, id->len, o->seed)
			 : XXH3_64bits_withSeed(&id->as.integer, sizeof(id->as.integer), o->seed);

	return h != 0 ? h : 1;
}

/* ---- state ---- */

static const char *
restore_one(struct attempts *o, const char *at, const char *end)
{
	struct order *order;
	struct kept k;
	size_t n;

	if ((size_t)(end - at) < sizeof(k))
		return end;
	memcpy(&k, at, sizeof(k));
	at += sizeof(k);
	n = k.is_good != 0 ? 0 : sizeof(order->parts);
	if ((size_t)(end - at) < n)
		return end;
	if (k.hash == 0 || k.first_ms <= 0 || find(o, k.hash) != NULL
	    || HASH_COUNT(o->table) >= ORDERS_MAX
	    || (order = insert(o, k.hash, k.first_ms)) == NULL)
		return at + n;
	order->last_ms += k.last_ms;
	order->is_good = k.is_good != 0;
	memcpy(order->parts, at, n);
	return at + n;
}

struct attempts *
attempts_new(struct tw_ctx *ctx, int64_t retry_ms, order_decided_fn *decided, void *arg)
{
	struct attempts *o = calloc(1, sizeof(*o));
	const char *bytes, *end;
	char key[24];
	size_t len;

	if (o == NULL)
		return NULL;
	o->retry_ms = retry_ms;
	o->decided = decided;
	o->arg = arg;
	if ((bytes = tw_api_->state_get(ctx, "seed", &len)) != NULL && len == sizeof(o->seed))
		memcpy(&o->seed, bytes, len);
	else if (getrandom(&o->seed, sizeof(o->seed), 0) != (ssize_t)sizeof(o->seed))
		o->seed = (uint64_t)(uintptr_t)o;
	for (snprintf(key, sizeof(key), "orders/0");
	     (bytes = tw_api_->state_get(ctx, key, &len)) != NULL && len > 0;
	     snprintf(key, sizeof(key), "orders/%d", o->n_pieces)) {
		for (end = bytes + len; bytes < end;)
			bytes = restore_one(o, bytes, end);
		o->n_pieces++;
	}
	return o;
}

void
attempts_free(struct attempts *o)
{
	struct order *next;

	for (struct order *at = o != NULL ? o->table : NULL; at != NULL; at = next) {
		next = at->hh.next;
		erase(o, at);
	}
	free(o);
}

static size_t
put_one(char *to, const struct order *order)
{
	struct kept k = {.hash = order->hash, .first_ms = order->first_ms,
	    .last_ms = (uint32_t)(order->last_ms - order->first_ms), .is_good = order->is_good};
	size_t n = order->is_good ? 0 : sizeof(order->parts);

	memcpy(to, &k, sizeof(k));
	memcpy(to + sizeof(k), order->parts, n);
	return sizeof(k) + n;
}

void
attempts_save(struct tw_ctx *ctx, struct attempts *o)
{
	char *bytes = o->is_dirty ? malloc(PIECE_BYTES) : NULL, key[24];
	const struct order *at = o->table;
	int n_pieces = 0;

	tw_api_->state_put(ctx, "seed", &o->seed, sizeof(o->seed));
	if (bytes == NULL)
		return;
	for (; at != NULL; n_pieces++) {
		size_t n = 0;

		for (; at != NULL && n + KEPT_MAX <= PIECE_BYTES; at = at->hh.next)
			n += put_one(bytes + n, at);
		snprintf(key, sizeof(key), "orders/%d", n_pieces);
		(void)tw_api_->state_put(ctx, key, bytes, n);
	}
	for (int i = n_pieces; i < o->n_pieces; i++) {
		snprintf(key, sizeof(key), "orders/%d", i);
		tw_api_->state_put(ctx, key, NULL, 0);
	}
	o->n_pieces = n_pieces;
	o->is_dirty = false;
	free(bytes);
}
