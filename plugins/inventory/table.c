/*
 * table.c - see table.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "plugins/inventory/value.h"

#define ROWS_FIRST 1024u

struct slot { uint32_t hash, row; };  /* row + 1; 0 = empty */

struct table {
	unsigned n_columns, n_sources;
	uint64_t secret;
	struct slot *slots;
	uint32_t n_slots;             /* a power of two */
	uint32_t n_rows, cap_rows;
	uint32_t *key_at;
	uint8_t **marks;              /* a source each */
	int64_t **columns;
	char *keys;
	size_t n_keys, cap_keys;
};

static uint32_t
hash_of(const struct table *t, const char *key, size_t len)
{
	return (uint32_t)XXH3_64bits_withSeed(key, len, t->secret);
}

struct table *
table_new(unsigned n_columns, unsigned n_sources)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->n_columns = n_columns;
	t->n_sources = n_sources;
	t->n_slots = ROWS_FIRST;
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	t->marks = calloc(n_sources + 1, sizeof(*t->marks));
	t->columns = calloc(n_columns + 1, sizeof(*t->columns));
	if (getrandom(&t->secret, sizeof(t->secret), GRND_NONBLOCK) != sizeof(t->secret))
		t->secret = (uint64_t)(uintptr_t)t;
	if (t->slots != NULL && t->marks != NULL && t->columns != NULL)
		return t;
	table_free(t);
	return NULL;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; t->marks != NULL && i < t->n_sources; i++)
		free(t->marks[i]);
	for (unsigned i = 0; t->columns != NULL && i < t->n_columns; i++)
		free(t->columns[i]);
	free(t->marks);
	free(t->columns);
	free(t->key_at);
	free(t->slots);
	free(t->keys);
	free(t);
}

uint32_t
table_rows(const struct table *t)
{
	return t->n_rows;
}

size_t
table_bytes(const struct table *t)
{
	return t->n_slots * sizeof(*t->slots) + t->cap_keys
	    + t->cap_rows * (sizeof(*t->key_at) + t->n_sources + t->n_columns * sizeof(int64_t));
}

const char *
table_key(const struct table *t, uint32_t row)
{
	return t->keys + t->key_at[row];
}

int64_t *
table_column(struct table *t, unsigned column)
{
	return t->columns[column];
}

uint8_t *
table_marks(struct table *t, unsigned source)
{
	return t->marks[source];
}

/* The slot of the key, or the empty one where it belongs. */
static struct slot *
slot_of(const struct table *t, const char *key, size_t len, uint32_t hash)
{
	uint32_t i = hash & (t->n_slots - 1);

	for (;; i = (i + 1) & (t->n_slots - 1)) {
		struct slot *s = &t->slots[i];

		if (s->row == 0)
			return s;
		if (s->hash == hash) {
			const char *known = table_key(t, s->row - 1);

			if (strncmp(known, key, len) == 0 && known[len] == '\0')
				return s;
		}
	}
}

uint32_t
table_find(const struct table *t, const char *key, size_t len)
{
	return slot_of(t, key, len, hash_of(t, key, len))->row - 1; /* empty: ROW_NONE */
}

/* ---- growing ---- */

static bool
grow_slots(struct table *t)
{
	uint32_t n = t->n_slots * 2;
	struct slot *slots = calloc(n, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < t->n_slots; i++) {
		uint32_t at = t->slots[i].hash & (n - 1);

		if (t->slots[i].row == 0)
			continue;
		while (slots[at].row != 0)
			at = (at + 1) & (n - 1);
		slots[at] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	return true;
}

static bool
grow(void *array, size_t n, size_t size)
{
	void **at = array, *grown = reallocarray(*at, n, size);

	if (grown == NULL)
		return false;
	*at = grown;
	return true;
}

static bool
grow_rows(struct table *t)
{
	size_t n = t->cap_rows == 0 ? ROWS_FIRST : t->cap_rows + t->cap_rows / 4;

	if (!grow(&t->key_at, n, sizeof(*t->key_at)))
		return false;
	for (unsigned i = 0; i < t->n_sources; i++)
		if (!grow(&t->marks[i], n, 1))
			return false;
	for (unsigned i = 0; i < t->n_columns; i++)
		if (!grow(&t->columns[i], n, sizeof(int64_t)))
			return false;
	t->cap_rows = (uint32_t)n;
	return true;
}

static bool
grow_keys(struct table *t, size_t more)
{
	size_t n = t->cap_keys + t->cap_keys / 4 + ROWS_FIRST * 16;

	if (t->n_keys + more <= t->cap_keys)
		return true;
	if (n > UINT32_MAX || !grow(&t->keys, n, 1))
		return false;
	t->cap_keys = n;
	return true;
}

uint32_t
table_add(struct table *t, const char *key, size_t len)
{
	uint32_t hash = hash_of(t, key, len), row;
	struct slot *s = slot_of(t, key, len, hash);

	if (s->row != 0)
		return s->row - 1;
	if (len > TABLE_KEY_MAX || t->n_rows == TABLE_ROWS_MAX || !grow_keys(t, len + 1)
	    || (t->n_rows == t->cap_rows && !grow_rows(t)))
		return ROW_NONE;
	if (t->n_rows >= t->n_slots / 5u * 4u) {
		if (!grow_slots(t))
			return ROW_NONE;
		s = slot_of(t, key, len, hash);
	}
	row = t->n_rows++;
	*s = (struct slot){hash, row + 1};
	t->key_at[row] = (uint32_t)t->n_keys;
	memcpy(t->keys + t->n_keys, key, len);
	t->keys[t->n_keys + len] = '\0';
	t->n_keys += len + 1;
	for (unsigned i = 0; i < t->n_sources; i++)
		t->marks[i][row] = 0;
	for (unsigned i = 0; i < t->n_columns; i++)
		t->columns[i][row] = CELL_ABSENT;
	return row;
}
