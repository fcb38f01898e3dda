/*
 * options.c - see options.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16

/* A block holds pieces one behind the other. ASan gets a block a piece, to see where each ends. */
#if defined(__SANITIZE_ADDRESS__)
#define BLOCK_MIN 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BLOCK_MIN 0
#endif
#endif
#ifndef BLOCK_MIN
#define BLOCK_MIN 224
#endif
#define BLOCK_MAX 4096

struct heap_block {
	struct heap_block *next;
	size_t used, cap;
	_Alignas(max_align_t) unsigned char data[];
};

static struct heap_block *
block_new(struct heap *h, size_t bytes)
{
	size_t cap = h->first != NULL ? h->first->cap * 2 : BLOCK_MIN;
	struct heap_block *b;

	cap = BLOCK_MIN == 0 || bytes > BLOCK_MAX ? bytes : cap > BLOCK_MAX ? BLOCK_MAX : cap;
	cap = cap < bytes ? bytes : cap;
	if ((b = calloc(1, sizeof(*b) + cap)) == NULL)
		return NULL;
	b->cap = cap;
	b->next = h->first;
	h->first = b;
	return b;
}

void *
heap_alloc(struct heap *h, size_t bytes)
{
	struct heap_block *b = h->first;
	size_t unit = sizeof(max_align_t), whole = (bytes + unit - 1) / unit * unit;
	void *piece;

	if (whole < bytes || whole > SIZE_MAX / 2)
		return NULL;
	if (BLOCK_MIN == 0)
		whole = bytes;
	if ((b == NULL || whole > b->cap - b->used || BLOCK_MIN == 0)
	    && (b = block_new(h, whole)) == NULL)
		return NULL;
	piece = b->data + b->used;
	b->used += whole;
	return piece;
}

char *
heap_text(struct heap *h, const char *text, size_t len)
{
	char *copy = heap_alloc(h, len + 1);

	if (copy != NULL)
		memcpy(copy, text, len);
	return copy;
}

void
heap_free(struct heap *h)
{
	struct heap_block *b;

	while ((b = h->first) != NULL) {
		h->first = b->next;
		explicit_bzero(b->data, b->used);
		free(b);
	}
}

struct tw_option
option_row(const struct tw_table *t, uint32_t i)
{
	struct tw_option row = {0};

	memcpy(&row, (const char *)t->rows + (size_t)i * t->row_size,
	    t->row_size < sizeof(row) ? t->row_size : sizeof(row));
	return row;
}

bool
choice_word(const char *choices, uint32_t i, char *dst, size_t cap)
{
	for (; choices != NULL; i--) {
		size_t n = strcspn(choices, "|");

		if (i == 0) {
			snprintf(dst, cap, "%.*s", (int)n, choices);
			return true;
		}
		choices = choices[n] == '|' ? choices + n + 1 : NULL;
	}
	return false;
}

int
choice_index(const char *choices, const char *word)
{
	char candidate[64];

	for (uint32_t i = 0; choice_word(choices, i, candidate, sizeof(candidate)); i++)
		if (strcmp(candidate, word) == 0)
			return (int)i;
	return -1;
}

/* ---- filling ---- */

struct fill {
	struct heap *heap;
	char path[256];
	const char *wrong;
	int depth;
};

static int
wrong(struct fill *f, const char *what)
{
	f->wrong = what;
	return -EINVAL;
}

static int
fill_text(struct fill *f, const char **slot, const json_t *v)
{
	if (!json_is_string(v))
		return wrong(f, "no text");
	*slot = heap_text(f->heap, json_string_value(v), json_string_length(v));
	return *slot != NULL ? 0 : -ENOMEM;
}

static void *
new_list(struct fill *f, struct tw_list *list, size_t n, size_t item_size)
{
	list->n = (uint32_t)n;
	list->item_size = (uint32_t)item_size;
	list->items = heap_alloc(f->heap, (n > 0 ? n : 1) * item_size);
	return list->items;
}

static int
fill_strings(struct fill *f, struct tw_list *list, const json_t *v)
{
	const char **items;
	int rc = 0;

	if (!json_is_array(v))
		return wrong(f, "no list");
	if ((items = new_list(f, list, json_array_size(v), sizeof(*items))) == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < list->n && rc == 0; i++)
		rc = fill_text(f, &items[i], json_array_get(v, i));
	return rc;
}

static int
fill_ranges(struct fill *f, struct tw_list *list, const json_t *v)
{
	struct tw_range *items;

	if (!json_is_array(v))
		return wrong(f, "no list");
	if ((items = new_list(f, list, json_array_size(v), sizeof(*items))) == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		const json_t *pair = json_array_get(v, i);

		if (json_array_size(pair) != 2)
			return wrong(f, "no range");
		items[i].low = json_integer_value(json_array_get(pair, 0));
		items[i].high = json_integer_value(json_array_get(pair, 1));
	}
	return 0;
}

static int
fill_pairs(struct fill *f, struct tw_list *list, const json_t *v)
{
	struct tw_pair *items;
	int rc = 0;

	if (!json_is_array(v))
		return wrong(f, "no list");
	if ((items = new_list(f, list, json_array_size(v), sizeof(*items))) == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < list->n && rc == 0; i++) {
		const json_t *pair = json_array_get(v, i);

		if (json_array_size(pair) != 2)
			return wrong(f, "no pair");
		if ((rc = fill_text(f, &items[i].name, json_array_get(pair, 0))) == 0)
			rc = fill_text(f, &items[i].value, json_array_get(pair, 1));
	}
	return rc;
}

static int
fill_set(struct fill *f, uint32_t *bits, const char *choices, const json_t *v)
{
	if (!json_is_array(v))
		return wrong(f, "no list");
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *word = json_string_value(json_array_get(v, i));
		int at = word != NULL ? choice_index(choices, word) : -1;

		if (at < 0 || at > 31)
			return wrong(f, "no such choice");
		*bits |= 1u << at;
	}
	return 0;
}

static int
fill_choice(struct fill *f, int32_t *slot, const char *choices, const json_t *v)
{
	int at = json_is_string(v) ? choice_index(choices, json_string_value(v)) : -1;

	if (at < 0)
		return wrong(f, "no such choice");
	*slot = at;
	return 0;
}

static int
fill_tree(struct fill *f, const char **slot, const json_t *v)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

	if (text == NULL)
		return -ENOMEM;
	*slot = heap_text(f->heap, text, strlen(text));
	free(text);
	return *slot != NULL ? 0 : -ENOMEM;
}

static int fill_table(
    struct fill *f, const struct tw_table *rows, char *self, const json_t *values);

static int
fill_maps(struct fill *f, struct tw_list *list, const struct tw_option *o, const json_t *v)
{
	size_t keep = strlen(f->path);
	char *items;
	int rc = 0;

	if (!json_is_array(v))
		return wrong(f, "no list");
	if ((items = new_list(f, list, json_array_size(v), o->nested_size)) == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < list->n && rc == 0; i++) {
		const json_t *item = json_array_get(v, i), *map = item;
		char *at = items + i * o->nested_size;

		snprintf(f->path + keep, sizeof(f->path) - keep, "/%zu", i);
		if (o->type == TW_NAMED) {
			if (json_array_size(item) != 2)
				return wrong(f, "no name and map");
			if ((rc = fill_text(f, (const char **)(void *)at, json_array_get(item, 0)))
			    != 0)
				return rc;
			map = json_array_get(item, 1);
		}
		rc = fill_table(f, &o->nested, at, map);
		if (rc == 0)
			f->path[keep] = '\0';
	}
	return rc;
}

static int
fill_number(struct fill *f, const struct tw_option *o, void *slot, const json_t *v)
{
	switch (o->type) {
	case TW_BOOL:
		*(uint8_t *)slot = json_is_true(v);
		return json_is_boolean(v) ? 0 : wrong(f, "neither true nor false");
	case TW_REAL: case TW_SHARE:
		*(double *)slot = json_number_value(v);
		return json_is_number(v) ? 0 : wrong(f, "no number");
	default:
		*(int64_t *)slot = json_integer_value(v);
		return json_is_integer(v) ? 0 : wrong(f, "no whole number");
	}
}

static int fill_one(struct fill *f, const struct tw_option *o, char *self, const json_t *v);

/* Bytes of what stands for one value of a scalar type. */
static size_t
value_size(enum tw_type type)
{
	switch (type) {
	case TW_BOOL: return sizeof(uint8_t);
	case TW_CHOICE: return sizeof(int32_t);
	case TW_REAL: case TW_SHARE: return sizeof(double);
	case TW_INT: case TW_DURATION: case TW_BYTES: return sizeof(int64_t);
	default: return sizeof(const char *);
	}
}

static int
fill_many(struct fill *f, const struct tw_option *o, struct tw_list *list, const json_t *v)
{
	struct tw_option one = *o;
	size_t size = value_size(o->type);
	char *items;
	int rc = 0;

	if (!json_is_array(v))
		return wrong(f, "no list");
	if ((items = new_list(f, list, json_array_size(v), size)) == NULL)
		return -ENOMEM;
	one.flags &= ~TW_MANY;
	one.offset = 0;
	for (size_t i = 0; i < list->n && rc == 0; i++)
		rc = fill_one(f, &one, items + i * size, json_array_get(v, i));
	return rc;
}

static int
fill_one(struct fill *f, const struct tw_option *o, char *self, const json_t *v)
{
	void *slot = self + o->offset;

	if ((o->flags & TW_MANY) && o->type < TW_SET)
		return fill_many(f, o, slot, v);
	switch (o->type) {
	case TW_STRING: case TW_URL: case TW_SECRET: case TW_PATH: case TW_HOST_PORT: case TW_REGEX:
		return fill_text(f, slot, v);
	case TW_CHOICE: return fill_choice(f, slot, o->choices, v);
	case TW_SET: return fill_set(f, slot, o->choices, v);
	case TW_STRINGS: return fill_strings(f, slot, v);
	case TW_RANGES: return fill_ranges(f, slot, v);
	case TW_PAIRS: return fill_pairs(f, slot, v);
	case TW_TREE: return fill_tree(f, slot, v);
	case TW_MAP: return fill_table(f, &o->nested, slot, v);
	case TW_MAPS: case TW_NAMED: return fill_maps(f, slot, o, v);
	default: return fill_number(f, o, slot, v);
	}
}

static int
fill_table(struct fill *f, const struct tw_table *rows, char *self, const json_t *values)
{
	size_t keep = strlen(f->path);
	int rc = 0;

	if (!json_is_object(values))
		return wrong(f, "no map");
	if (f->depth >= DEPTH_MAX)
		return wrong(f, "nested too deep");
	f->depth++;
	for (uint32_t i = 0; i < rows->count && rc == 0; i++) {
		struct tw_option o = option_row(rows, i);
		const json_t *v = json_object_get(values, o.name);

		if (v == NULL)
			continue;
		snprintf(
		    f->path + keep, sizeof(f->path) - keep, "%s%s", keep > 0 ? "/" : "", o.name);
		rc = fill_one(f, &o, self, v);
		if (rc == 0)
			f->path[keep] = '\0';
	}
	f->depth--;
	return rc;
}

int
options_fill(const struct tw_table *rows, void *self, const json_t *values, struct heap *heap,
    char *err, size_t err_cap)
{
	struct fill f = {.heap = heap};
	int rc = fill_table(&f, rows, self, values);

	if (rc != 0)
		snprintf(err, err_cap, "%s: %s", f.path, rc == -ENOMEM ? "out of memory" : f.wrong);
	return rc;
}
