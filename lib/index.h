/*
 * index.h - finds things by what they are called: open addressing, a pointer a thing and nothing
 * in the thing itself.
 *
 * For what an agent holds by the ten thousand. There uthash, which we use elsewhere, costs 56 bytes
 * a thing and a table of a few hundred; this one costs eight to sixteen. Things are added and never
 * taken out, except all at once.
 *
 *   struct index_kind: hash(thing) = the hash of its name; has(thing, name) = it is called so
 *
 * The things stay their owner's. No locks. Clean when zeroed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_INDEX_H
#define LIB_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_kind {
	uint64_t (*hash)(const void *thing);
	bool (*has)(const void *thing, const void *name);
};

struct index {
	void **at; /* `cap` places, a power of two; NULL = free */
	uint32_t n, cap;
};

/* The thing of that name, or NULL. `hash` is the name's. */
void *index_find(
    const struct index *x, const struct index_kind *kind, uint64_t hash, const void *name);
/* Adds a thing whose name is not in it yet. 0 or -ENOMEM, then nothing has changed. */
int index_add(struct index *x, const struct index_kind *kind, void *thing);
/* Each thing in turn: start with *at = 0; NULL after the last. */
void *index_next(const struct index *x, uint32_t *at);
void index_clear(struct index *x); /* frees the index alone */

#endif
