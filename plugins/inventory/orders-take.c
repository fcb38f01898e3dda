/*
 * orders-take.c - what a source hands on becomes events of an order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "plugins/inventory/orders-probe.h"

#define TEXT_MAX 128                  /* bytes of what `where` looks at */

static void
resolve(const struct inventory *s, struct order_source *source, const struct tw_batch *b)
{
	const struct order_options *p = source->options;
	const struct tw_pair *where = p->where.items;

	source->more.is_resolved = true;
	source->more.key_at = take_place(b, s->key);
	source->value_at = take_place(b, p->value);
	source->currency_at = take_place(b, "currency");
	source->part_at = take_place(b, p->part);
	source->ok_at = p->where.n == 0 ? take_place(b, "ok") : -1;
	for (uint32_t i = 0; i < p->where.n; i++)
		source->where_at[i] = take_place(b, where[i].name);
}

static size_t
text_of(const struct tw_value *v, char dst[TEXT_MAX])
{
	int n = 0;

	if (v->type == TW_FIELD_TEXT)
		n = snprintf(dst, TEXT_MAX, "%.*s", v->len < TEXT_MAX ? (int)v->len : TEXT_MAX - 1,
		    v->as.text);
	else if (v->type == TW_FIELD_REAL)
		n = snprintf(dst, TEXT_MAX, "%.15g", v->as.real);
	else if (v->type != TW_FIELD_NONE)
		n = snprintf(dst, TEXT_MAX, "%" PRId64, v->as.integer);
	else
		dst[0] = '\0';
	return (size_t)n;
}

/* Is the text one of "a|b|c"? Letters count the same in both cases. */
static bool
is_one_of(const char *text, size_t len, const char *words)
{
	for (;; words++) {
		size_t n = strcspn(words, "|");

		if (n == len && strncasecmp(words, text, n) == 0)
			return true;
		words += n;
		if (*words == '\0')
			return false;
	}
}

/* Does the record count? By `where`, or where nothing is said by a field called ok. */
static bool
counts(const struct order_source *source, const struct tw_record *r)
{
	const struct tw_pair *where = source->options->where.items;
	char text[TEXT_MAX];

	for (uint32_t i = 0; i < source->options->where.n; i++) {
		static const struct tw_value none = {.type = TW_FIELD_NONE};
		const struct tw_value *v =
		    source->where_at[i] >= 0 ? &r->values[source->where_at[i]] : &none;

		if (!is_one_of(text, text_of(v, text), where[i].value))
			return false;
	}
	return source->ok_at < 0
	    || !is_one_of(text, text_of(&r->values[source->ok_at], text), "false|0|no|failed|");
}

/* What tells it from other payments of the order: its own id, else when and how much. */
static uint32_t
part_of(const struct order_source *source, const struct tw_record *r, const struct order_event *e)
{
	int64_t say[2] = {e->time_ms, e->amount};
	char text[TEXT_MAX];
	size_t n = source->part_at >= 0 ? text_of(&r->values[source->part_at], text) : 0;

	return (uint32_t)(n > 0 ? XXH3_64bits(text, n) : XXH3_64bits(say, sizeof(say)));
}

static void
take_currency(const struct order_source *source, const struct tw_record *r, struct order_event *e)
{
	char text[TEXT_MAX];

	if (source->currency_at >= 0
	    && text_of(&r->values[source->currency_at], text) == ORDER_CURRENCY - 1)
		for (int i = 0; i < ORDER_CURRENCY - 1; i++)
			e->currency[i] = (char)(text[i] >= 'a' && text[i] <= 'z'
				? text[i] - 'a' + 'A' : text[i]);
}

static void
take_event(struct inventory *s, unsigned side, const struct tw_batch *b, const struct tw_record *r)
{
	struct orders *o = &s->orders->o;
	struct order_source *source = &s->orders->sources[side];
	struct order_event e = {.role = o->sides[side].role,
	    .time_ms = r->time_ms != 0 ? r->time_ms : b->read_ms,
	    .is_ours = (r->flags & TW_RECORD_SYNTHETIC) != 0, .is_void = !counts(source, r)};
	const char *key;
	char number[24];
	int64_t cell = CELL_NULL;
	size_t len = 0;

	if (source->more.key_at >= 0)
		len = take_key(&source->more, &r->values[source->more.key_at], number, &key);
	if (source->value_at >= 0
	    && value_read(&source->rules, &r->values[source->value_at], &cell) == NULL
	    && value_is_amount(cell)) {
		e.has_amount = true;
		e.amount = cell;
	}
	if (e.role == ROLE_PAYMENT && e.amount < 0) {
		e.role = ROLE_REFUND;
		e.amount = -e.amount;
	}
	take_currency(source, r, &e);
	e.part = e.role == ROLE_ORDER ? 0 : part_of(source, r, &e);
	if (len == 0
	    || !orders_event(o, side, key, len, &e, (r->flags & TW_RECORD_HISTORY) != 0))
		source->more.n_rejected++;
}

void
orders_take(struct tw_ctx *ctx, struct inventory *s, const struct tw_batch *b,
    const struct tw_record *records, size_t n)
{
	struct orders *o = &s->orders->o;

	s->orders->ctx = ctx;
	for (unsigned side = 0; side < o->n_sides; side++) {
		if (strcmp(o->sides[side].name, b->source) != 0)
			continue;
		if (!s->orders->sources[side].more.is_resolved)
			resolve(s, &s->orders->sources[side], b);
		orders_batch(o, side, b->flags, b->read_ms);
		for (size_t i = 0; i < n; i++)
			take_event(s, side, b, tw_record_at(records, i));
		orders_batch_end(o, side, b->flags, b->complete_ms);
	}
}
