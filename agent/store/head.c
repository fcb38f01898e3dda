/*
 * head.c - what of a series is committed and not yet sealed: compressed blocks, then up to
 * TAIL_MAX plain samples.
 *
 *   blocks (each a chunk of up to BLOCK_MAX) -> ... -> tail; all of it ascending, no stamp twice
 *
 * A thousand-series agent holds an hour in about a kilobyte a series this way. A late sample that
 * falls into a block costs one block decoded and encoded again. Writer under store.lock for
 * writing; readers under reading.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <stdlib.h>
#include <string.h>

#include "agent/store/chunk.h"
#include "agent/store/impl.h"
#include "lib/xmalloc.h"

#define BLOCK_MAX 128u

static struct block *
block_new(const struct hseries *hs, const struct samples *s)
{
	struct block *b;
	struct buf bytes;

	buf_init(&bytes, CHUNK_BYTES_MAX);
	if (chunk_encode(&bytes, hs->sid, hs->resolution, s, 0, s->n) != 0) {
		buf_free(&bytes);
		return NULL;
	}
	b = xcalloc(1, sizeof(*b) + bytes.len);
	b->t0 = s->t[0];
	b->t1 = s->t[s->n - 1];
	b->n = (uint32_t)s->n;
	b->len = (uint32_t)bytes.len;
	memcpy(b->bytes, bytes.data, bytes.len);
	buf_free(&bytes);
	return b;
}

static struct block **
block_for(struct block **at, int64_t t_ms)
{
	while (*at != NULL && (*at)->t1 < t_ms)
		at = &(*at)->next;
	return at;
}

bool
head_has(const struct hseries *hs, int64_t t_ms)
{
	const struct block *b = hs->blocks;
	struct samples s = {0};
	bool has;

	while (b != NULL && b->t1 < t_ms)
		b = b->next;
	if (b == NULL)
		return samples_has(&hs->tail, t_ms);
	if (b->t0 > t_ms || chunk_decode(&s, NULL, b->bytes, b->len) != 0)
		return false;
	has = samples_has(&s, t_ms);
	samples_clear(&s);
	return has;
}

/* Into the last block as long as that is small: few heads, and at most BLOCK_MAX / TAIL_MAX
 * times the work. */
static void
tail_compress(struct hseries *hs)
{
	struct block *b, **at = &hs->blocks;
	struct samples all = {0};
	size_t old, n;

	while (*at != NULL && (*at)->next != NULL)
		at = &(*at)->next;
	if (*at != NULL && (*at)->n + hs->tail.n > BLOCK_MAX)
		at = &(*at)->next;
	if (*at != NULL && chunk_decode(&all, NULL, (*at)->bytes, (*at)->len) != 0)
		return;
	old = all.n;
	n = hs->tail.n;
	samples_take(&all, &hs->tail, 0, n);
	b = block_new(hs, &all);
	if (b != NULL) {
		b->next = NULL;
		free(*at);
		*at = b;
		samples_reset(&hs->tail);
	} else { /* too large for a block: it stays plain, which is only memory */
		hs->tail.n = 0;
		samples_take(&hs->tail, &all, old, n);
	}
	samples_clear(&all);
}

/* Puts a late sample into the block that ends after it. */
static void
block_insert(struct hseries *hs, struct block **at, int64_t t_ms, double v, struct hist *h)
{
	struct block *old = *at, *b;
	struct samples s = {0};

	if (chunk_decode(&s, NULL, old->bytes, old->len) != 0 || !samples_insert(&s, t_ms, v, h)) {
		hist_free(h);
	} else if (s.n < CHUNK_MAX && (b = block_new(hs, &s)) != NULL) {
		b->next = old->next;
		*at = b;
		free(old);
		hs->n_head++;
	} else { /* full: a block of one before it, or all of it into the tail */
		for (; old->next != NULL; old = old->next)
			;
		samples_insert(&hs->tail, t_ms, v, samples_hist_copy(h));
		hs->n_head++;
	}
	samples_clear(&s);
}

void
head_add(struct hseries *hs, int64_t t_ms, double v, const struct hist *h)
{
	bool is_newest = t_ms > hs->last_ms; /* as nearly always: no block is looked at */
	struct block **at = is_newest ? NULL : block_for(&hs->blocks, t_ms);
	struct hist *copy = samples_hist_copy(h);

	hs->seen = true;
	if (is_newest)
		hs->last_ms = t_ms;
	if (at != NULL && *at != NULL) {
		block_insert(hs, at, t_ms, v, copy);
		return;
	}
	if (!samples_insert(&hs->tail, t_ms, v, copy)) {
		hist_free(copy);
		return;
	}
	hs->n_head++;
	if (hs->tail.n >= TAIL_MAX && hs->tail.n % TAIL_MAX == 0)
		tail_compress(hs);
}

void
head_copy(const struct hseries *hs, int64_t from_ms, int64_t to_ms, struct samples *out)
{
	const struct block *b;
	size_t i;

	for (b = hs->blocks; b != NULL; b = b->next)
		if (b->t1 >= from_ms && b->t0 <= to_ms)
			(void)chunk_decode(out, NULL, b->bytes, b->len);
	for (i = samples_lower(&hs->tail, from_ms); i < hs->tail.n && hs->tail.t[i] <= to_ms; i++)
		samples_push(out, hs->tail.t[i], hs->tail.v[i],
		    samples_hist_copy(hs->tail.h != NULL ? hs->tail.h[i] : NULL));
}

void
head_clear(struct hseries *hs)
{
	struct block *b, *next;

	for (b = hs->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	hs->blocks = NULL;
	samples_clear(&hs->tail);
	hs->n_head = 0;
}
