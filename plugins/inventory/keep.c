/*
 * keep.c - what is open outlives a restart: since when it differs, not whether it does. That is
 * seen again when both sides have been read.
 *
 *     version u32, n u32, n x { hash of key, rule and value u64, since_ms i64 }
 *
 * The oldest KEPT_MAX; what is younger begins anew after a restart, so it is told late, not early.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "plugins/inventory/inventory.h"

#define VERSION 1u
#define HEAD 8
#define ENTRY 16

/* The key and what the system shows: another value is another difference. */
static uint64_t
hash_of(const struct comparer *c, uint32_t row, unsigned rule)
{
	const struct rule *r = &c->rules[rule];
	const char *key = table_key(c->table, row);
	uint64_t cell = (uint64_t)table_column(c->table, r->column)[row];

	return XXH3_64bits_withSeed(key, strlen(key), cell ^ XXH3_64bits(r->field, strlen(r->field))
		^ XXH3_64bits(r->system, strlen(r->system)));
}

void
keep_restore(struct tw_ctx *ctx, struct inventory *s)
{
	uint32_t head[2];
	size_t len;
	const char *kept = tw_api_->state_get(ctx, "open", &len);

	if (kept == NULL || len < HEAD)
		return;
	memcpy(head, kept, HEAD);
	if (head[0] != VERSION || head[1] > KEPT_MAX || len != HEAD + (size_t)head[1] * ENTRY) {
		tw_api_->log(ctx, 4, "what was open before is damaged: its age begins anew");
		return;
	}
	if ((s->kept = calloc(head[1] + 1, sizeof(*s->kept))) == NULL)
		return;
	for (; s->n_kept < head[1]; s->n_kept++) {
		struct kept *k = &s->kept[s->n_kept];

		memcpy(&k->key, kept + HEAD + s->n_kept * ENTRY, 8);
		memcpy(&k->since_ms, kept + HEAD + s->n_kept * ENTRY + 8, 8);
	}
}

int64_t
keep_since(const struct inventory *s, uint32_t row, unsigned rule)
{
	uint64_t hash;

	if (s->n_kept == 0)
		return 0;
	hash = hash_of(s->c, row, rule);
	for (size_t i = 0; i < s->n_kept; i++)
		if (s->kept[i].key == hash)
			return s->kept[i].since_ms;
	return 0;
}

static int
by_since(const void *a, const void *b)
{
	const struct difference *x = *(const struct difference *const *)a,
				*y = *(const struct difference *const *)b;

	return x->since_ms < y->since_ms ? -1 : x->since_ms > y->since_ms;
}

void
keep_save(struct tw_ctx *ctx, struct inventory *s)
{
	struct difference **list = calloc(s->c->n_open + 1, sizeof(struct difference *)), *d, *next;
	unsigned char *to = calloc(1, HEAD + (size_t)KEPT_MAX * ENTRY);
	uint32_t head[2] = {VERSION, 0};
	size_t n = 0;

	for (unsigned i = 0; i < s->c->n_sides; i++)
		if (!compare_is_known(&s->c->sides[i]))
			goto out; /* what is kept is still to be seen again */
	if (list == NULL || to == NULL)
		goto out;
	HASH_ITER(hh, s->c->open, d, next)
		list[n++] = d;
	qsort(list, n, sizeof(struct difference *), by_since);
	for (size_t i = 0; i < n && head[1] < KEPT_MAX; i++, head[1]++) {
		uint64_t hash =
		    hash_of(s->c, difference_row(list[i]), difference_rule(list[i]));

		memcpy(to + HEAD + head[1] * ENTRY, &hash, 8);
		memcpy(to + HEAD + head[1] * ENTRY + 8, &list[i]->since_ms, 8);
	}
	memcpy(to, head, HEAD);
	tw_api_->state_put(ctx, "open", to, HEAD + (size_t)head[1] * ENTRY);
out:
	free(list);
	free(to);
}
