/*
 * sales.c - what sells, how fast, and what that makes of a system that is behind.
 *
 * DESIGN. A system that lags shows stock that is gone. What customers want of a key until it knows
 * is Poisson with the mean velocity x lag; what of that is more than there is will be sold and not
 * delivered (velocity.h). The lag is the 95th percentile of what the comparer has observed of the
 * system in the last hours, or its grace while that is too little. Only where the system offers
 * the key can it be sold there.
 * Keys that sell are gone through in slices, so that no callback is long; a run that ends before
 * all were seen tells nothing. They are saved every few minutes, not with each record: what a
 * crash loses of a week's sales is a share that nobody sees.
 *
 * Runs in: the loop; sales_take in the thread of the source.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/common/glob.h"
#include "plugins/inventory/inventory.h"
#include "plugins/inventory/velocity.h"

#define SLICE 2048                    /* keys in one callback */
#define SAVE_MS (5 * 60 * 1000)

struct channel {                      /* a system where quantities are shown */
	const struct rule *rule;      /* NULL: none */
	double lag_s, units;
};
struct sales {
	struct velocity v;
	struct side_more more;        /* how the source writes keys */
	bool is_resolved, is_warned;
	int key_at, quantity_at;
	struct lags lags[RULES_MAX];
	bool is_dirty;
	int64_t saved_ms;

	/* a run */
	uint32_t at;                  /* the key that is next */
	int shard;                    /* that is saved next; -1 = none */
	int64_t now_ms;
	bool is_told;                 /* all keys have been seen */
	struct channel channels[SOURCES_MAX];
	double any_units;
};

/* ---- the beginning ---- */

enum tw_verdict
sales_start(struct tw_ctx *ctx, struct inventory *s)
{
	const struct sales_options *o = &s->sales_options;
	struct sales *a;
	char key[24];

	if (o->source == NULL)
		return TW_OK;
	if ((a = s->sales = calloc(1, sizeof(*a))) == NULL
	    || velocity_init(&a->v, o->window / 1000) != 0)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	a->shard = -1;
	plan_affixes(s, o->source, &a->more);
	tw_api_->want(ctx, o->source, o->key);
	tw_api_->want(ctx, o->source, o->quantity);
	for (int i = 0; i < VELOCITY_SHARDS; i++) {
		const void *kept;
		size_t len;

		snprintf(key, sizeof(key), "sold/%02d", i);
		kept = tw_api_->state_get(ctx, key, &len);
		if (kept != NULL && velocity_restore(&a->v, kept, len) != 0)
			tw_api_->log(ctx, 4, "a part of what has sold is damaged: left out");
	}
	return TW_OK;
}

void
sales_stop(struct inventory *s)
{
	if (s->sales != NULL)
		velocity_clear(&s->sales->v);
	free(s->sales);
	s->sales = NULL;
}

/* ---- what is told to us ---- */

void
sales_lag(struct inventory *s, const struct rule *rule, int64_t ms)
{
	if (s->sales != NULL)
		lags_add(&s->sales->lags[rule - s->c->rules], ms, wall_now().ms);
}

static double
units_of(const struct sales *a, const struct tw_record *r)
{
	const struct tw_value *v = a->quantity_at >= 0 ? &r->values[a->quantity_at] : NULL;
	static const struct value_rules plain = {.decimal = '.'};
	int64_t cell;

	if (v == NULL || v->type == TW_FIELD_NONE)
		return 1;
	if (value_read(&plain, v, &cell) != NULL || !value_is_amount(cell))
		return 0;
	return (double)cell / VALUE_SCALE;
}

void
sales_take(struct inventory *s, const struct tw_batch *b, const struct tw_record *records,
    size_t n)
{
	struct sales *a = s->sales;
	int64_t now_ms = wall_now().ms;

	if (b->flags & (TW_BATCH_SCAN | TW_BATCH_KEYS)) {
		if (!a->is_warned)
			tw_api_->log(s->ctx, 4, "%s tells what is, not what was sold: its records "
			    "are no sales", b->source);
		a->is_warned = true;
		return;
	}
	if (!a->is_resolved) {
		a->is_resolved = true;
		a->key_at = take_place(b, s->sales_options.key);
		a->quantity_at = take_place(b, s->sales_options.quantity);
	}
	for (size_t i = 0; i < n && a->key_at >= 0; i++) {
		const struct tw_record *r = tw_record_at(records, i);
		char number[24];
		const char *key;
		size_t len;

		if (r->flags & (TW_RECORD_SYNTHETIC | TW_RECORD_BOT))
			continue;
		len = take_key(&a->more, &r->values[a->key_at], number, &key);
		if (len == 0 || (s->canary != NULL && canary_is_key(s, key, len))
		    || (s->sku != NULL && glob_match(s->sku, key, len)))
			continue;
		a->is_dirty |=
		    velocity_sold(&a->v, key, len, units_of(a, r), r->time_ms, now_ms);
	}
}

/* ---- expected oversell ---- */

/* Whole units that the reference has; false: it does not say. */
static bool
take_stock(const struct rule *r, int64_t cell, uint64_t *units)
{
	struct range have = value_range(r->reference_rules, cell);

	if (cell == CELL_ABSENT || cell == CELL_NULL || have.low > have.high)
		return false;
	*units = have.low > 0 ? (uint64_t)have.low / VALUE_SCALE : 0;
	return true;
}

static double
excess(const struct inventory *s, const struct channel *ch, uint32_t row, double rate)
{
	const struct rule *r = ch->rule;
	int64_t cell = table_cell(s->c->table, r->column, row);
	uint64_t have;

	if (!value_is_said(cell) || value_range(r->rules, cell).high <= 0
	    || !take_stock(r, table_cell(s->c->table, r->reference_column, row), &have))
		return 0;
	return velocity_excess(rate * ch->lag_s, have);
}

/* One key in all channels. */
static void
add_key(struct inventory *s, uint32_t i, double unit)
{
	struct sales *a = s->sales;
	struct sold *sold = &a->v.at[i];
	double worst = 0;

	if (sold->row == ROW_NONE) {
		const char *key = table_key(a->v.keys, i);

		sold->row = table_find(s->c->table, key, strlen(key));
	}
	if (sold->row == ROW_NONE)
		return; /* no system has it */
	for (unsigned k = 0; k < s->c->n_sides; k++) {
		struct channel *ch = &a->channels[k];
		double units = ch->rule != NULL
		    ? excess(s, ch, sold->row, sold->units * unit) : 0;

		ch->units += units;
		worst = units > worst ? units : worst;
	}
	a->any_units += worst;
}

/* Which systems show a quantity that can be judged, and how far behind they are. */
static void
plan_channels(struct inventory *s)
{
	struct sales *a = s->sales;

	memset(a->channels, 0, sizeof(a->channels));
	a->any_units = 0;
	for (unsigned i = 0; i < s->c->n_rules; i++) {
		const struct rule *r = &s->c->rules[i];
		struct channel *ch = &a->channels[r->source];
		int64_t lag_ms;

		if (!r->is_quantity || ch->rule != NULL || s->is_mapping[i]
		    || !rule_is_known(r))
			continue;
		lag_ms = lags_p95_ms(&a->lags[i], a->now_ms);
		ch->rule = r;
		ch->lag_s = (double)(lag_ms >= 0 ? lag_ms : r->grace_ms) / 1e3;
	}
}

/* ---- a run ---- */

static void
save_shard(struct tw_ctx *ctx, struct sales *a)
{
	void *blob = malloc(VELOCITY_SHARD_BYTES);
	size_t len = blob != NULL
	    ? velocity_save(&a->v, (uint8_t)a->shard, blob, VELOCITY_SHARD_BYTES) : 0;
	char key[24];

	snprintf(key, sizeof(key), "sold/%02d", a->shard);
	if (len > 0 && tw_api_->state_put(ctx, key, blob, len) != 0)
		tw_api_->log(ctx, 4, "what has sold does not fit into the probe's state");
	free(blob);
	if (++a->shard == VELOCITY_SHARDS)
		a->shard = -1;
}

static enum tw_verdict go_on(struct tw_ctx *ctx, struct inventory *s);

static enum tw_verdict
slice(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;
	enum tw_verdict v;

	(void)arg;
	if (s->is_over)
		return TW_PENDING;
	v = go_on(ctx, s);
	return v == TW_OK ? run_go_on(ctx, s) : v;
}

/* Some more keys, or another shard; TW_OK: that was all. */
static enum tw_verdict
go_on(struct tw_ctx *ctx, struct inventory *s)
{
	struct sales *a = s->sales;
	uint32_t n = velocity_keys(&a->v), until = n - a->at > SLICE ? a->at + SLICE : n;
	double unit = velocity_unit(&a->v, a->now_ms);

	if (a->at < n) {
		for (; a->at < until; a->at++)
			add_key(s, a->at, unit);
	} else if (a->shard >= 0) {
		a->is_told = true;
		save_shard(ctx, a);
	}
	a->is_told |= a->at >= n;
	return a->at < n || a->shard >= 0 ? tw_api_->after(ctx, 0, slice, NULL) : TW_OK;
}

enum tw_verdict
sales_run(struct tw_ctx *ctx, struct inventory *s)
{
	struct sales *a = s->sales;

	if (a == NULL)
		return TW_OK;
	a->now_ms = wall_now().ms;
	a->at = 0;
	a->is_told = false;
	if (a->is_dirty && a->shard < 0 && a->now_ms - a->saved_ms >= SAVE_MS) {
		a->is_dirty = false;
		a->saved_ms = a->now_ms;
		a->shard = 0;
	}
	plan_channels(s);
	return go_on(ctx, s);
}

/* ---- told ---- */

/* What keys that are confirmed to be hidden would sell for, by source. */
static void
tell_hidden(struct tw_ctx *ctx, const struct inventory *s, int64_t now_ms)
{
	const struct sales *a = s->sales;
	const struct comparer *c = s->c;
	double value[SOURCES_MAX] = {0};
	struct difference *d, *next;

	HASH_ITER(hh, c->open, d, next) {
		const struct rule *r = &c->rules[difference_rule(d)];
		uint32_t row = difference_row(d);
		const char *key = table_key(c->table, row);
		int64_t price = table_cell(c->table, (unsigned)s->price_column, row);

		if (d->confirmed_ms == 0 || a->channels[r->source].rule != r
		    || compare_judge(c, r, row) != DIFFERS || !value_is_amount(price)
		    || value_range(r->rules, table_cell(c->table, r->column, row)).high > 0)
			continue;
		value[r->source] += velocity_rate(&a->v, key, strlen(key), now_ms) * 3600
		    * (double)price / VALUE_SCALE;
	}
	for (unsigned i = 0; i < c->n_sides; i++)
		if (a->channels[i].rule != NULL)
			tw_emit(ctx, M_UNDERSELL_PER_HOUR, value[i], "source", c->sides[i].name);
}

void
sales_tell(struct tw_ctx *ctx, const struct inventory *s, int64_t now_ms)
{
	struct sales *a = s->sales;
	bool is_any = false;

	if (a == NULL || !a->is_told)
		return;
	a->is_told = false;
	for (unsigned i = 0; i < s->c->n_sides; i++) {
		if (a->channels[i].rule == NULL)
			continue;
		is_any = true;
		tw_emit(ctx, M_OVERSELL_EXPECTED, a->channels[i].units, "source",
		    s->c->sides[i].name);
	}
	if (!is_any)
		return;
	tw_emit(ctx, M_OVERSELL_EXPECTED, a->any_units, "source", "any");
	if (s->price_column >= 0)
		tell_hidden(ctx, s, now_ms);
}
