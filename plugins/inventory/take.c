/*
 * take.c - what a source hands on becomes cells of a key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/common/glob.h"
#include "plugins/inventory/inventory.h"

int
take_place(const struct tw_batch *b, const char *field)
{
	for (uint32_t i = 0; i < b->n_fields; i++)
		if (strcmp(b->fields[i], field) == 0)
			return (int)i;
	return -1;
}

static void
resolve(struct inventory *s, unsigned side, const struct tw_batch *b)
{
	struct side_more *m = &s->more[side];

	m->is_resolved = true;
	m->key_at = take_place(b, s->key);
	for (unsigned i = 0; i < s->c->n_columns; i++)
		if (s->columns[i].side == side)
			s->columns[i].at = take_place(b, s->columns[i].field);
}

size_t
take_key(const struct side_more *m, const struct tw_value *v, char number[24], const char **key)
{
	size_t len;

	if (v->type == TW_FIELD_INT) {
		*key = number;
		len = (size_t)snprintf(number, 24, "%" PRId64, v->as.integer);
	} else if (v->type == TW_FIELD_TEXT) {
		*key = v->as.text;
		len = v->len;
	} else {
		return 0;
	}
	while (len > 0 && (**key == ' ' || **key == '\t')) {
		(*key)++;
		len--;
	}
	while (len > 0 && ((*key)[len - 1] == ' ' || (*key)[len - 1] == '\t'))
		len--;
	if (len > m->prefix_len && memcmp(*key, m->prefix, m->prefix_len) == 0) {
		*key += m->prefix_len;
		len -= m->prefix_len;
	}
	if (len > m->suffix_len
	    && memcmp(*key + len - m->suffix_len, m->suffix, m->suffix_len) == 0)
		len -= m->suffix_len;
	return len <= TABLE_KEY_MAX && memchr(*key, '\0', len) == NULL ? len : 0;
}

const char **
keys_as_written(const struct side_more *m, const char *const *keys, size_t n)
{
	size_t bytes = 0;
	const char **out;
	char *at;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(keys[i]) + m->prefix_len + m->suffix_len + 1;
	if ((out = malloc(n * sizeof(*out) + bytes + 1)) == NULL)
		return NULL;
	at = (char *)(out + n);
	for (size_t i = 0; i < n; i++) {
		out[i] = at;
		at = stpcpy(stpcpy(stpcpy(at, m->prefix), keys[i]), m->suffix) + 1;
	}
	return out;
}

static void
reject_value(struct column *c, const char *why, const struct tw_value *v)
{
	c->n_rejected++;
	c->why = why;
	if (v->type == TW_FIELD_TEXT)
		snprintf(c->example, sizeof(c->example), "%.*s",
		    v->len < sizeof(c->example) ? (int)v->len : (int)sizeof(c->example) - 1,
		    v->as.text);
	else
		c->example[0] = '\0';
}

/* A record with its key, on the way into the table. */
struct taken { const struct tw_record *record; char number[24]; };

/* Is it somebody's stock? The canary's own record goes its own way. is_canary: of a reading that is
 * the canary's alone. */
static bool
is_stock(struct inventory *s, unsigned side, const struct tw_batch *b, const struct tw_record *r,
    const struct table_text *key, bool is_canary)
{
	bool is_ours = (r->flags & TW_RECORD_SYNTHETIC) != 0;

	if (key->len == 0) {
		s->more[side].n_rejected += !is_ours;
		return false;
	}
	if (s->canary != NULL && canary_is_key(s, key->text, key->len)) {
		canary_take(s, side, r, b->read_ms);
		return false;
	}
	return !is_ours && !is_canary
	    && (s->sku == NULL || !glob_match(s->sku, key->text, key->len));
}

/* As many as are looked up together: their keys, and the records that have one. */
static size_t
take_keys(struct inventory *s, unsigned side, const struct tw_batch *b, bool is_canary,
    const struct tw_record *records, size_t *at, size_t n, struct table_text *keys,
    struct taken *taken)
{
	struct side_more *m = &s->more[side];
	size_t n_keys = 0;

	for (; *at < n && n_keys < TABLE_EXPECT_MAX; (*at)++) {
		struct taken *t = &taken[n_keys];
		struct table_text *key = &keys[n_keys];

		t->record = tw_record_at(records, *at);
		key->len = 0;
		if (m->key_at >= 0)
			key->len = take_key(
			    m, &t->record->values[m->key_at], t->number, &key->text);
		n_keys += is_stock(s, side, b, t->record, key, is_canary);
	}
	return n_keys;
}

static void
take_record(struct inventory *s, unsigned side, const struct tw_record *r,
    const struct table_text *key)
{
	int64_t cells[COLUMNS_MAX];
	const char *why;
	size_t n = 0;

	if (r->flags & TW_RECORD_GONE) {
		s->more[side].n_rejected += !compare_gone(s->c, side, key->text, key->len);
		return;
	}
	for (unsigned i = 0; i < s->c->n_columns; i++) {
		struct column *c = &s->columns[i];

		if (c->side != side)
			continue;
		cells[n] = CELL_NULL;
		if (c->at >= 0
		    && (why = value_read(&c->rules, &r->values[c->at], &cells[n])) != NULL) {
			cells[n] = CELL_UNREADABLE;
			reject_value(c, why, &r->values[c->at]);
		}
		n++;
	}
	if (!compare_record(s->c, side, key->text, key->len, cells, r->time_ms))
		s->more[side].n_rejected++;
}

/* How long a scan takes, over however many batches and runs. */
static void
time_scan(struct side_more *m, uint32_t flags)
{
	if (!(flags & TW_BATCH_SCAN) || (flags & TW_BATCH_UNCHANGED))
		return;
	if (flags & TW_BATCH_FIRST)
		m->scan_began = mono_now();
	if (flags & TW_BATCH_LAST)
		m->scan_us = mono_sub_us(mono_now(), m->scan_began);
}

void
take_records(struct tw_ctx *ctx, struct inventory *s, const struct tw_batch *b,
    const struct tw_record *records, size_t n)
{
	struct table_text keys[TABLE_EXPECT_MAX];
	struct taken taken[TABLE_EXPECT_MAX];
	size_t at = 0, n_keys;
	uint64_t n_rejected;
	bool is_canary;
	unsigned side = 0;

	s->ctx = ctx;
	if (s->sales != NULL && strcmp(s->sales_options.source, b->source) == 0)
		sales_take(s, b, records, n);
	while (side < s->c->n_sides && strcmp(s->c->sides[side].name, b->source) != 0)
		side++;
	if (side == s->c->n_sides)
		return;
	if (!s->more[side].is_resolved)
		resolve(s, side, b);
	n_rejected = s->more[side].n_rejected;
	is_canary = s->canary != NULL && canary_takes(s, side, b);
	if (!is_canary)
		compare_batch(s->c, side, b->flags, b->read_ms);
	while (at < n) {
		n_keys = take_keys(s, side, b, is_canary, records, &at, n, keys, taken);
		table_expect(s->c->table, keys, n_keys);
		for (size_t i = 0; i < n_keys; i++)
			take_record(s, side, taken[i].record, &keys[i]);
	}
	if (is_canary)
		return;
	compare_holes(s->c, side,
	    s->more[side].n_rejected - n_rejected + (b->flags & TW_BATCH_LAST ? b->n_unread : 0));
	compare_batch_end(s->c, side, b->flags);
	time_scan(&s->more[side], b->flags);
}
