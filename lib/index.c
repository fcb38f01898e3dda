/*
 * index.c - see index.h. Linear probing, at most seven eighths full.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/index.h"

#include <errno.h>
#include <stdlib.h>

#define PLACES_MIN 8u

/* Where the search for a hash begins. Its high half: the low bits may be all alike in what one
 * owner holds. */
static uint32_t
begin(const struct index *x, uint64_t hash)
{
	return (uint32_t)(hash >> 32 ^ hash) & (x->cap - 1);
}

void *
index_find(const struct index *x, const struct index_kind *kind, uint64_t hash, const void *name)
{
	if (x->cap == 0)
		return NULL;
	for (uint32_t i = begin(x, hash); x->at[i] != NULL; i = (i + 1) & (x->cap - 1))
		if (kind->has(x->at[i], name))
			return x->at[i];
	return NULL;
}

static void
put(struct index *x, const struct index_kind *kind, void *thing)
{
	uint32_t i = begin(x, kind->hash(thing));

	while (x->at[i] != NULL)
		i = (i + 1) & (x->cap - 1);
	x->at[i] = thing;
}

static int
grow(struct index *x, const struct index_kind *kind)
{
	struct index wide = {.n = x->n, .cap = x->cap > 0 ? x->cap * 2 : PLACES_MIN};

	if (wide.cap == 0 || (wide.at = calloc(wide.cap, sizeof(*wide.at))) == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->cap; i++)
		if (x->at[i] != NULL)
			put(&wide, kind, x->at[i]);
	free(x->at);
	*x = wide;
	return 0;
}

int
index_add(struct index *x, const struct index_kind *kind, void *thing)
{
	if (x->n >= x->cap - x->cap / 8 && grow(x, kind) != 0)
		return -ENOMEM;
	put(x, kind, thing);
	x->n++;
	return 0;
}

void *
index_next(const struct index *x, uint32_t *at)
{
	while (*at < x->cap)
		if (x->at[(*at)++] != NULL)
			return x->at[*at - 1];
	return NULL;
}

void
index_clear(struct index *x)
{
	free(x->at);
	*x = (struct index){0};
}
