/*
 * registry.c - all series of a store: by number, by labels, and by each name=value pair that they
 * have.
 *
 * Everything under store.lock. Series stay until the store is closed, so a pointer found under
 * the lock is good after it; their heads and chunk references are not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "agent/store/impl.h"
#include "lib/xmalloc.h"

struct hseries *
series_at(const struct store *s, uint32_t sid)
{
	struct hseries *hs;

	if (sid == 0 || sid >= SERIES_MAX || s->reg.page[sid / SERIES_PAGE] == NULL)
		return NULL;
	hs = &s->reg.page[sid / SERIES_PAGE][sid % SERIES_PAGE];
	return hs->labels != NULL ? hs : NULL;
}

static uint64_t
labels_hash(const void *series)
{
	return ((const struct hseries *)series)->labels->hash;
}

static bool
has_labels(const void *series, const void *labels)
{
	return labels_equal(((const struct hseries *)series)->labels, labels);
}

static const struct index_kind by_labels = {labels_hash, has_labels};

struct hseries *
series_find(const struct store *s, const struct labels *l)
{
	return index_find(&s->reg.by_labels, &by_labels, l->hash, l);
}

/* --- postings --- */

static uint64_t
pair_hash(const char *name, const char *value)
{
	uint64_t h = XXH3_64bits_withSeed(value, strlen(value), XXH3_64bits(name, strlen(name)));

	return h != 0 ? h : 1;
}

static struct posting *
posting_at(const struct registry *reg, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (reg->cap_postings - 1);

	while (reg->postings[i].hash != 0 && reg->postings[i].hash != hash)
		i = (i + 1) & (reg->cap_postings - 1);
	return &reg->postings[i];
}

static void
postings_grow(struct registry *reg)
{
	struct posting *old = reg->postings;
	uint32_t old_cap = reg->cap_postings, i;

	reg->cap_postings = old_cap > 0 ? old_cap * 2 : 256;
	reg->postings = xcalloc(reg->cap_postings, sizeof(*reg->postings));
	for (i = 0; i < old_cap; i++)
		if (old[i].hash != 0)
			*posting_at(reg, old[i].hash) = old[i];
	free(old);
}

static void
posting_add(struct registry *reg, uint64_t hash, uint32_t sid)
{
	struct posting *p;

	if ((reg->n_postings + 1) * 2 > reg->cap_postings)
		postings_grow(reg);
	p = posting_at(reg, hash);
	if (p->hash == 0) {
		p->hash = hash;
		reg->n_postings++;
	}
	if (p->n == p->cap) {
		p->cap = p->cap > 0 ? p->cap + p->cap / 2 + 1 : 2;
		p->sids = xrealloc(p->sids, p->cap, sizeof(*p->sids));
	}
	p->sids[p->n++] = sid;
}

struct hseries *
series_add(struct store *s, const struct labels *l, uint32_t sid)
{
	struct registry *reg = &s->reg;
	struct hseries *hs;
	uint32_t i;

	sid = sid != 0 ? sid : reg->top + 1;
	if (sid >= SERIES_MAX || series_at(s, sid) != NULL)
		return NULL;
	if (series_find(s, l) != NULL)
		return NULL;
	if (reg->page[sid / SERIES_PAGE] == NULL)
		reg->page[sid / SERIES_PAGE] = xcalloc(SERIES_PAGE, sizeof(*hs));
	hs = &reg->page[sid / SERIES_PAGE][sid % SERIES_PAGE];
	hs->labels = labels_ref(l);
	hs->sid = sid;
	if (index_add(&reg->by_labels, &by_labels, hs) != 0)
		abort(); /* as xcalloc when memory ends */
	reg->top = sid > reg->top ? sid : reg->top;
	for (i = 0; i < l->n; i++)
		posting_add(reg, pair_hash(l->at[i].name, l->at[i].value), sid);
	atomic_store(&s->n_series, reg->by_labels.n);
	return hs;
}

/* The shortest list that contains every match; *n = SIZE_MAX when there is none and all must
 * be looked at. */
static const uint32_t *
candidates(const struct store *s, const struct matcher *m, size_t n_m, size_t *n)
{
	const uint32_t *best = NULL;
	size_t i;

	*n = SIZE_MAX;
	for (i = 0; i < n_m && s->reg.cap_postings > 0; i++) {
		const struct posting *p;

		if (m[i].op != MATCH_EQ || m[i].value[0] == '\0')
			continue;
		p = posting_at(&s->reg, pair_hash(m[i].name, m[i].value));
		if (p->n < *n) {
			best = p->sids;
			*n = p->n;
		}
	}
	return best;
}

static int
by_sid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

size_t
series_match(const struct store *s, const struct matcher *m, size_t n_m, uint32_t **out)
{
	size_t n, i, found = 0, cap = 0;
	const uint32_t *list = candidates(s, m, n_m, &n);

	*out = NULL;
	if (n == SIZE_MAX)
		n = s->reg.top;
	for (i = 0; i < n; i++) {
		struct hseries *hs = series_at(s, list != NULL ? list[i] : (uint32_t)i + 1);

		if (hs == NULL || !matchers_ok(m, n_m, hs->labels))
			continue;
		if (found == cap) {
			cap = cap > 0 ? cap * 2 : 16;
			*out = xrealloc(*out, cap, sizeof(**out));
		}
		(*out)[found++] = hs->sid;
	}
	if (found > 1)
		qsort(*out, found, sizeof(**out), by_sid);
	return found;
}

void
chunk_ref_add(struct hseries *hs, int64_t id, int64_t t0, int64_t t1)
{
	if (hs->n_chunks == hs->cap_chunks) {
		hs->cap_chunks = hs->cap_chunks > 0 ? hs->cap_chunks * 2 : 4;
		hs->chunks = xrealloc(hs->chunks, hs->cap_chunks, sizeof(*hs->chunks));
	}
	hs->chunks[hs->n_chunks++] = (struct chunk_ref){id, t0, t1};
	if (t1 > hs->last_ms)
		hs->last_ms = t1;
}

void
registry_clear(struct store *s)
{
	struct registry *reg = &s->reg;
	uint32_t i;

	for (i = 1; i <= reg->top; i++) {
		struct hseries *hs = series_at(s, i);

		if (hs == NULL)
			continue;
		head_clear(hs);
		labels_unref(hs->labels);
		free(hs->chunks);
	}
	for (i = 0; i < SERIES_MAX / SERIES_PAGE; i++)
		free(reg->page[i]);
	for (i = 0; i < reg->cap_postings; i++)
		free(reg->postings[i].sids);
	free(reg->postings);
	index_clear(&reg->by_labels);
	*reg = (struct registry){0};
}
