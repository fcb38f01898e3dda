/*
 * orders-keep.c - orders outlive a restart: what a source has told it does not tell again.
 *
 *     shard:  version u8, rows
 *     row:    id_len u8, id, flags u8 (1 = ours), roles u8 (a bit each), legs in their order
 *     leg:    first_ms i64, last_ms i64, flags u8 (1 = has amounts, 2 = more), n u8,
 *             currency 4 bytes, n x { part u32, amount i64 }
 *
 * Little-endian as all machines that we build for. A row is confirmed anew after a restart; since
 * when it is wrong its events say.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/inventory/orders.h"

#define VERSION 1u
#define LEG_HEAD 22
#define PART_BYTES 12

static size_t
row_bytes(const struct order_row *r)
{
	size_t n = 3 + strlen(r->id);

	for (int i = 0; i < ROLE_N; i++)
		if (r->legs[i] != NULL)
			n += LEG_HEAD + r->legs[i]->n * PART_BYTES;
	return n;
}

static unsigned char *
put(unsigned char *at, const void *data, size_t n)
{
	memcpy(at, data, n);
	return at + n;
}

static unsigned char *
put_leg(unsigned char *at, const struct leg *l)
{
	unsigned char head[2] = {(unsigned char)(l->has_amount | l->is_more << 1), l->n};

	at = put(at, &l->first_ms, 8);
	at = put(at, &l->last_ms, 8);
	at = put(at, head, 2);
	at = put(at, l->currency, ORDER_CURRENCY);
	for (unsigned i = 0; i < l->n; i++) {
		at = put(at, &l->parts[i], 4);
		at = put(at, &l->amounts[i], 8);
	}
	return at;
}

static unsigned char *
put_row(unsigned char *at, const struct order_row *r)
{
	size_t len = strlen(r->id);
	unsigned char roles = 0;

	*at++ = (unsigned char)len;
	at = put(at, r->id, len);
	*at++ = r->is_ours;
	for (int i = 0; i < ROLE_N; i++)
		roles |= (unsigned char)((r->legs[i] != NULL) << i);
	*at++ = roles;
	for (int i = 0; i < ROLE_N; i++)
		if (r->legs[i] != NULL)
			at = put_leg(at, r->legs[i]);
	return at;
}

size_t
orders_save(struct orders *o, unsigned shard, unsigned char dst[ORDER_SHARD_BYTES])
{
	struct order_row *r, *next;
	unsigned char *at = dst;
	size_t bytes = 1;

	*at++ = VERSION;
	HASH_ITER(hh, o->shards[shard], r, next)
		bytes += row_bytes(r);
	HASH_ITER(hh, o->shards[shard], r, next) { /* in the order in which they came */
		if (bytes <= ORDER_SHARD_BYTES)
			at = put_row(at, r);
		else
			bytes -= row_bytes(r);
	}
	o->dirty &= ~(UINT64_C(1) << shard);
	return (size_t)(at - dst);
}

/* ---- back ---- */

struct reader { const unsigned char *at, *end; };

static bool
take(struct reader *r, void *dst, size_t n)
{
	if ((size_t)(r->end - r->at) < n)
		return false;
	memcpy(dst, r->at, n);
	r->at += n;
	return true;
}

static bool
take_leg(struct reader *r, struct leg *l)
{
	unsigned char head[2];

	if (!take(r, &l->first_ms, 8) || !take(r, &l->last_ms, 8) || !take(r, head, 2)
	    || !take(r, l->currency, ORDER_CURRENCY) || head[1] > ORDER_PARTS_MAX
	    || head[0] > 3 || l->currency[ORDER_CURRENCY - 1] != '\0')
		return false;
	l->has_amount = head[0] & 1;
	l->is_more = head[0] >> 1;
	for (l->n = 0; l->n < head[1]; l->n++)
		if (!take(r, &l->parts[l->n], 4) || !take(r, &l->amounts[l->n], 8))
			return false;
	return true;
}

/* A row; what is read is known only when it is whole. */
static int
take_row(struct orders *o, struct reader *in)
{
	struct leg legs[ROLE_N] = {0};
	char id[ORDER_ID_MAX];
	unsigned char len, head[2];
	struct order_row *r;

	if (!take(in, &len, 1) || len == 0 || len > ORDER_ID_MAX || !take(in, id, len)
	    || !take(in, head, 2) || head[0] > 1 || head[1] >= 1u << ROLE_N)
		return -EINVAL;
	for (int i = 0; i < ROLE_N; i++)
		if ((head[1] & 1u << i) && !take_leg(in, &legs[i]))
			return -EINVAL;
	if ((r = orders_row(o, id, len)) == NULL)
		return memchr(id, '\0', len) != NULL ? -EINVAL : -ENOMEM;
	r->is_ours = head[0];
	for (int i = 0; i < ROLE_N; i++) {
		struct leg *l = (head[1] & 1u << i) ? orders_leg(r, (enum role)i) : NULL;

		if (l != NULL)
			*l = legs[i];
	}
	return 0;
}

int
orders_load(struct orders *o, const void *src, size_t len)
{
	struct reader in = {src, (const unsigned char *)src + len};
	unsigned char version;
	int rc = 0;

	if (!take(&in, &version, 1) || version != VERSION)
		return -EINVAL;
	while (rc == 0 && in.at < in.end)
		rc = take_row(o, &in);
	return rc;
}
