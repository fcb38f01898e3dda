/*
 * plan.c - of the options: which sources are sides, which of their fields columns, and what is
 * compared with what.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/inventory/inventory.h"

/* ---- sides and columns ---- */

static const struct normalize_options *
normalize_of(const struct inventory *s, const char *source)
{
	const struct normalize_options *n = s->normalize.items;

	for (uint32_t i = 0; i < s->normalize.n; i++)
		if (strcmp(n[i].source, source) == 0)
			return &n[i];
	return NULL;
}

void
plan_affixes(const struct inventory *s, const char *source, struct side_more *m)
{
	const struct normalize_options *n = normalize_of(s, source);

	m->prefix = n != NULL && n->key_prefix != NULL ? n->key_prefix : "";
	m->suffix = n != NULL && n->key_suffix != NULL ? n->key_suffix : "";
	m->prefix_len = strlen(m->prefix);
	m->suffix_len = strlen(m->suffix);
}

/* Its place, made when it has none. -1: too many. */
static int
side_of(struct tw_ctx *ctx, struct inventory *s, const char *source)
{
	struct comparer *c = s->c;

	for (unsigned i = 0; i < c->n_sides; i++)
		if (strcmp(c->sides[i].name, source) == 0)
			return (int)i;
	if (c->n_sides == SOURCES_MAX)
		return -1;
	plan_affixes(s, source, &s->more[c->n_sides]);
	c->sides[c->n_sides].name = source;
	tw_api_->want(ctx, source, s->key);
	return (int)c->n_sides++;
}

static const char *
pair_value(const struct tw_list *pairs, const char *name)
{
	const struct tw_pair *p = pairs->items;

	for (uint32_t i = 0; i < pairs->n; i++)
		if (strcmp(p[i].name, name) == 0)
			return p[i].value;
	return NULL;
}

static enum tw_verdict
add_words(struct tw_ctx *ctx, struct value_rules *r, const struct tw_list *states, const char *path)
{
	const struct tw_pair *p = states->items;

	for (uint32_t i = 0; i < states->n; i++)
		if (value_add_word(r, p[i].name, p[i].value) != 0)
			return tw_api_->refuse(ctx, path, "%s: \"%s\" are no amounts (try 0, 1+, "
			    "1-5 or any; at most %d words)", p[i].name, p[i].value, WORDS_MAX);
	return TW_OK;
}

static enum tw_verdict
take_tax(struct tw_ctx *ctx, struct value_rules *r, const char *text, const char *path)
{
	int64_t amount;
	bool is_share = false;

	if (value_tolerance(text, &amount, &r->tax, &is_share) != 0 || !is_share)
		return tw_api_->refuse(ctx, path, "\"%s\" is no share (try 19%%)", text);
	return TW_OK;
}

/* What `normalize` says of a source, for one of its fields. */
static enum tw_verdict
take_rules(struct tw_ctx *ctx, const struct inventory *s, const char *source, const char *field,
    bool is_price, struct value_rules *r)
{
	const struct normalize_options *n = normalize_of(s, source);
	const char *text = tw_api_->setting(ctx, "shop/currency");
	char path[160];
	enum tw_verdict v;

	r->decimal = '.';
	value_default_words(r);
	if (is_price && text != NULL)
		snprintf(r->currency, sizeof(r->currency), "%s", text);
	if (n == NULL)
		return TW_OK;
	snprintf(path, sizeof(path), "normalize/%.60s/decimal", source);
	if (strcmp(n->decimal, ".") != 0 && strcmp(n->decimal, ",") != 0)
		return tw_api_->refuse(
		    ctx, path, "\"%s\" is no decimal sign (try . or ,)", n->decimal);
	r->decimal = n->decimal[0];
	if (is_price && n->currency != NULL)
		snprintf(r->currency, sizeof(r->currency), "%s", n->currency);
	snprintf(path, sizeof(path), "normalize/%.60s/units/%.60s", source, field);
	if ((text = pair_value(&n->units, field)) != NULL && strcmp(text, "cents") != 0)
		return tw_api_->refuse(ctx, path, "the one unit is cents");
	r->is_cents = text != NULL;
	snprintf(path, sizeof(path), "normalize/%.60s/tax/%.60s", source, field);
	if ((text = pair_value(&n->tax, field)) != NULL
	    && (v = take_tax(ctx, r, text, path)) != TW_OK)
		return v;
	snprintf(path, sizeof(path), "normalize/%.60s/states", source);
	return add_words(ctx, r, &n->states, path);
}

/* -1: refuse() has been told. */
static int
column_of(struct tw_ctx *ctx, struct inventory *s, const char *source, const char *field,
    bool is_price)
{
	int side = side_of(ctx, s, source);
	struct comparer *c = s->c;

	for (unsigned i = 0; side >= 0 && i < c->n_columns; i++)
		if (s->columns[i].side == (unsigned)side && strcmp(s->columns[i].field, field) == 0)
			return (int)i;
	if (side < 0 || c->n_columns == COLUMNS_MAX) {
		tw_api_->refuse(ctx, "fields", "more than %d sources or %d of their fields",
		    SOURCES_MAX, COLUMNS_MAX);
		return -1;
	}
	s->columns[c->n_columns] = (struct column){
	    .side = (unsigned)side, .field = field, .at = -1};
	if (take_rules(ctx, s, source, field, is_price, &s->columns[c->n_columns].rules) != TW_OK)
		return -1;
	c->side_of[c->n_columns] = (unsigned)side;
	tw_api_->want(ctx, source, field);
	return (int)c->n_columns++;
}

/* ---- rules ---- */

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && strcmp(text + n - k, end) == 0;
}

static int32_t
kind_of(const struct field_options *f)
{
	if (f->kind != KIND_AUTO)
		return f->kind;
	if (ends_with(f->name, "price") || ends_with(f->name, "amount")
	    || ends_with(f->name, "total"))
		return KIND_PRICE;
	return ends_with(f->name, "available") || ends_with(f->name, "availability")
		|| ends_with(f->name, "stock") || ends_with(f->name, "quantity")
		|| ends_with(f->name, "on_hand")
	    ? KIND_QUANTITY
	    : KIND_VALUE;
}

static bool
is_first_of_pair(const struct comparer *c, const struct rule *r)
{
	for (unsigned i = 0; i < c->n_rules; i++)
		if (c->rules[i].reference == r->reference && c->rules[i].source == r->source)
			return false;
	return true;
}

static enum tw_verdict
take_rule(struct tw_ctx *ctx, struct inventory *s, const struct field_options *f,
    const struct compare_options *o)
{
	int32_t kind = kind_of(f);
	struct comparer *c = s->c;
	struct rule *r = &c->rules[c->n_rules];
	int reference = column_of(ctx, s, f->reference, f->name, kind == KIND_PRICE);
	int column = column_of(ctx, s, o->source, f->name, kind == KIND_PRICE);
	bool is_share = false;
	char path[200];
	enum tw_verdict v;

	if (reference < 0 || column < 0)
		return TW_UNKNOWN;
	snprintf(path, sizeof(path), "fields/%.60s/compare/%.60s", f->name, o->source);
	if (c->n_rules == RULES_MAX || reference == column)
		return tw_api_->refuse(ctx, path, c->n_rules == RULES_MAX
			? "more than %d comparisons" : "is the reference itself", RULES_MAX);
	*r = (struct rule){.field = f->name, .system = o->source,
	    .reference = s->columns[reference].side, .source = s->columns[column].side,
	    .reference_column = (unsigned)reference, .column = (unsigned)column,
	    .reference_rules = &s->columns[reference].rules, .rules = &s->columns[column].rules,
	    .is_quantity = kind == KIND_QUANTITY, .grace_ms = o->grace / 1000,
	    .buffer = (int64_t)(o->buffer * VALUE_SCALE),
	    .tolerance = kind == KIND_PRICE ? VALUE_SCALE / 200 : 0};
	r->counts_keys = is_first_of_pair(c, r);
	snprintf(path, sizeof(path), "fields/%.60s/compare/%.60s/tolerance", f->name, o->source);
	if (o->tolerance != NULL
	    && value_tolerance(o->tolerance, &r->tolerance, &r->share, &is_share) != 0)
		return tw_api_->refuse(ctx, path, "\"%s\" is no tolerance (try 0.01 EUR or 0.5%%)",
		    o->tolerance);
	snprintf(path, sizeof(path), "fields/%.60s/compare/%.60s/states", f->name, o->source);
	if ((v = add_words(ctx, &s->columns[column].rules, &o->states, path)) != TW_OK)
		return v;
	c->n_rules++;
	return TW_OK;
}

enum tw_verdict
plan_make(struct tw_ctx *ctx, struct inventory *s)
{
	const struct field_options *f = s->fields.items;
	enum tw_verdict v;

	s->price_column = -1;
	for (uint32_t i = 0; i < s->fields.n; i++) {
		const struct compare_options *o = f[i].compare.items;

		for (uint32_t k = 0; k < f[i].compare.n; k++)
			if ((v = take_rule(ctx, s, &f[i], &o[k])) != TW_OK)
				return v;
		if (s->price_column < 0 && kind_of(&f[i]) == KIND_PRICE && f[i].compare.n > 0)
			s->price_column =
			    column_of(ctx, s, f[i].reference, f[i].name, true);
	}
	if (s->c->n_rules == 0)
		return tw_api_->refuse(ctx, "fields", "nothing is compared: name a field, its "
		    "reference, and who must agree");
	return TW_OK;
}
