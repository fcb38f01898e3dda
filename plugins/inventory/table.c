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
#define PARTS 64u
#define SLOTS_FIRST 32u               /* of a part */
#define NARROW_MAX INT64_C(0x7fff0000)
#define SPECIAL_MAX 32768             /* cells this far above CELL_ABSENT are no amounts */

struct slot { uint32_t hash, row; };  /* row + 1; 0 = empty */
struct part {                         /* of the slots: those whose hash begins so */
	struct slot *slots;
	uint32_t n_slots, n_used;
};

struct table {
	unsigned n_columns, n_sources;
	uint64_t secret;
	struct part *parts;           /* PARTS of them */
	/* A row: its key's offset u32, cells (i32, or i64 when they are wide), marks. */
	char *rows;
	uint32_t n_rows, cap_rows;
	size_t row_bytes, cells_at, marks_at;
	bool is_wide;
	char *keys;
	size_t n_keys, cap_keys;
};

static uint32_t
hash_of(const struct table *t, const char *key, size_t len)
{
	return (uint32_t)XXH3_64bits_withSeed(key, len, t->secret);
}

/* Cells lie on multiples of their own size. */
static void
plan_rows(struct table *t, bool is_wide)
{
	size_t size = is_wide ? sizeof(int64_t) : sizeof(int32_t);

	t->is_wide = is_wide;
	t->cells_at = size;
	t->marks_at = t->cells_at + t->n_columns * size;
	t->row_bytes = (t->marks_at + t->n_sources + size - 1) / size * size;
}

struct table *
table_new(unsigned n_columns, unsigned n_sources)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->n_columns = n_columns;
	t->n_sources = n_sources;
	plan_rows(t, false);
	if (getrandom(&t->secret, sizeof(t->secret), GRND_NONBLOCK) != sizeof(t->secret))
		t->secret = (uint64_t)(uintptr_t)t;
	if ((t->parts = calloc(PARTS, sizeof(*t->parts))) == NULL)
		goto failed;
	for (unsigned i = 0; i < PARTS; i++) {
		t->parts[i].n_slots = SLOTS_FIRST;
		if ((t->parts[i].slots = calloc(SLOTS_FIRST, sizeof(struct slot))) == NULL)
			goto failed;
	}
	return t;
failed:
	table_free(t);
	return NULL;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; t->parts != NULL && i < PARTS; i++)
		free(t->parts[i].slots);
	free(t->parts);
	free(t->rows);
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
	size_t n = t->cap_keys + t->cap_rows * t->row_bytes;

	for (unsigned i = 0; i < PARTS; i++)
		n += t->parts[i].n_slots * sizeof(struct slot);
	return n;
}

/* ---- rows ---- */

static char *
row_at(const struct table *t, uint32_t row)
{
	return t->rows + row * t->row_bytes;
}

const char *
table_key(const struct table *t, uint32_t row)
{
	return t->keys + *(const uint32_t *)(const void *)row_at(t, row);
}

uint8_t *
table_mark(const struct table *t, unsigned source, uint32_t row)
{
	return (uint8_t *)row_at(t, row) + t->marks_at + source;
}

static bool
is_narrow(int64_t cell)
{
	return cell < CELL_ABSENT + SPECIAL_MAX || (cell >= -NARROW_MAX && cell <= NARROW_MAX);
}

static int32_t
narrow(int64_t cell)
{
	return (int32_t)(cell >= CELL_ABSENT + SPECIAL_MAX ? cell
		: INT32_MIN + (cell - CELL_ABSENT));
}

static int64_t
widen(int32_t cell)
{
	return cell < INT32_MIN + SPECIAL_MAX ? CELL_ABSENT + ((int64_t)cell - INT32_MIN) : cell;
}

/* Where a cell is: int32_t or int64_t, as all of the table are. */
static void *
cell_at(const struct table *t, unsigned column, uint32_t row)
{
	return row_at(t, row) + t->cells_at
	    + column * (t->is_wide ? sizeof(int64_t) : sizeof(int32_t));
}

int64_t
table_cell(const struct table *t, unsigned column, uint32_t row)
{
	const void *at = cell_at(t, column, row);

	return t->is_wide ? *(const int64_t *)at : widen(*(const int32_t *)at);
}

static bool
make_wide(struct table *t)
{
	struct table wide = *t;

	plan_rows(&wide, true);
	if ((wide.rows = reallocarray(NULL, t->cap_rows, wide.row_bytes)) == NULL)
		return false;
	for (uint32_t row = 0; row < t->n_rows; row++) {
		memcpy(row_at(&wide, row), row_at(t, row), sizeof(uint32_t));
		for (unsigned i = 0; i < t->n_columns; i++)
			*(int64_t *)cell_at(&wide, i, row) = table_cell(t, i, row);
		memcpy(table_mark(&wide, 0, row), table_mark(t, 0, row), t->n_sources);
	}
	free(t->rows);
	*t = wide;
	return true;
}

bool
table_put(struct table *t, unsigned column, uint32_t row, int64_t cell)
{
	if (!t->is_wide && !is_narrow(cell) && !make_wide(t))
		return false;
	if (t->is_wide)
		*(int64_t *)cell_at(t, column, row) = cell;
	else
		*(int32_t *)cell_at(t, column, row) = narrow(cell);
	return true;
}

/* Of a key that nobody has said anything of. */
static void
clear_row(struct table *t, uint32_t row)
{
	void *cells = cell_at(t, 0, row);

	memset(table_mark(t, 0, row), 0, t->n_sources);
	for (unsigned i = 0; i < t->n_columns; i++)
		if (t->is_wide)
			((int64_t *)cells)[i] = CELL_ABSENT;
		else
			((int32_t *)cells)[i] = narrow(CELL_ABSENT);
}

/* ---- keys ---- */

static struct part *
part_of(const struct table *t, uint32_t hash)
{
	return &t->parts[hash / (UINT32_MAX / PARTS + 1)];
}

/* Where the search for a hash begins: the part's share of all hashes, spread over its slots. */
static uint32_t
home_of(const struct part *p, uint32_t hash)
{
	return (uint32_t)((uint64_t)(hash * PARTS) * p->n_slots >> 32);
}

/* The slot of the key, or the empty one where it belongs. */
static struct slot *
slot_of(const struct table *t, const char *key, size_t len, uint32_t hash)
{
	const struct part *p = part_of(t, hash);

	for (uint32_t i = home_of(p, hash);; i = i + 1 < p->n_slots ? i + 1 : 0) {
		struct slot *s = &p->slots[i];

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

/* The first row whose hash is this one; ROW_NONE: none. */
static uint32_t
row_like(const struct table *t, uint32_t hash)
{
	const struct part *p = part_of(t, hash);
	uint32_t i = home_of(p, hash);

	while (p->slots[i].row != 0 && p->slots[i].hash != hash)
		i = i + 1 < p->n_slots ? i + 1 : 0;
	return p->slots[i].row - 1;
}

/* Each walk asks the memory for what the next one needs; it works on all of them at once. */
void
table_expect(const struct table *t, const struct table_text *keys, size_t n)
{
	uint32_t hashes[TABLE_EXPECT_MAX], rows[TABLE_EXPECT_MAX];

	n = n < TABLE_EXPECT_MAX ? n : TABLE_EXPECT_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct part *p;

		hashes[i] = hash_of(t, keys[i].text, keys[i].len);
		p = part_of(t, hashes[i]);
		__builtin_prefetch(&p->slots[home_of(p, hashes[i])]);
	}
	for (size_t i = 0; i < n; i++) {
		if ((rows[i] = row_like(t, hashes[i])) == ROW_NONE)
			continue;
		__builtin_prefetch(row_at(t, rows[i]));
		__builtin_prefetch(row_at(t, rows[i]) + t->row_bytes - 1);
	}
	for (size_t i = 0; i < n; i++)
		if (rows[i] != ROW_NONE)
			__builtin_prefetch(table_key(t, rows[i]));
}

/* ---- growing ---- */

/* By half: walked in the order of their hash, slots go to places in the same order. */
static bool
grow_part(struct part *p)
{
	struct part grown = {.n_slots = p->n_slots + p->n_slots / 2, .n_used = p->n_used};

	if ((grown.slots = calloc(grown.n_slots, sizeof(struct slot))) == NULL)
		return false;
	for (uint32_t i = 0; i < p->n_slots; i++) {
		uint32_t at = home_of(&grown, p->slots[i].hash);

		if (p->slots[i].row == 0)
			continue;
		while (grown.slots[at].row != 0)
			at = at + 1 < grown.n_slots ? at + 1 : 0;
		grown.slots[at] = p->slots[i];
	}
	free(p->slots);
	*p = grown;
	return true;
}

static bool
grow(char **at, size_t n, size_t size)
{
	char *grown = reallocarray(*at, n, size);

	if (grown != NULL)
		*at = grown;
	return grown != NULL;
}

static bool
grow_rows(struct table *t)
{
	size_t n = t->cap_rows == 0 ? ROWS_FIRST : t->cap_rows + t->cap_rows / 4;

	if (!grow(&t->rows, n, t->row_bytes))
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
	struct part *p = part_of(t, hash);

	if (s->row != 0)
		return s->row - 1;
	if (len > TABLE_KEY_MAX || t->n_rows == TABLE_ROWS_MAX || !grow_keys(t, len + 1)
	    || (t->n_rows == t->cap_rows && !grow_rows(t)))
		return ROW_NONE;
	if (p->n_used >= p->n_slots / 4 * 3) {
		if (!grow_part(p))
			return ROW_NONE;
		s = slot_of(t, key, len, hash);
	}
	row = t->n_rows++;
	p->n_used++;
	*s = (struct slot){hash, row + 1};
	*(uint32_t *)(void *)row_at(t, row) = (uint32_t)t->n_keys;
	memcpy(t->keys + t->n_keys, key, len);
	t->keys[t->n_keys + len] = '\0';
	t->n_keys += len + 1;
	clear_row(t, row);
	return row;
}
