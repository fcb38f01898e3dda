/*
 * orders-probe.c - a slot of order integrity, what it tells, and what it keeps.
 *
 * DESIGN. As run.c: what looks wrong is read again from everybody who could take it back, then
 * judged. Sources that only tell events (a webhook) answer for no single order; for them it is
 * enough that they have told everything until the fault was due.
 *
 * Runs in: the loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/buf.h"
#include "plugins/inventory/orders-probe.h"

#define RESERVE_SHARE 10              /* of a run's time is left for its end */
#define SENTENCE_MAX 240

/* ---- state ---- */

struct kept_side { uint64_t name; int64_t from_ms; };

static uint64_t
order_side_id(const struct order_side *side)
{
	return XXH3_64bits(side->name, strlen(side->name));
}

static void
on_lag(void *arg, const struct order_side *side, int64_t ms)
{
	struct orders_probe *op = arg;

	tw_observe(op->ctx, M_ORDER_LAG, (double)ms / 1e3, "source", side->name);
}

static void
restore_sides(struct tw_ctx *ctx, struct orders *o)
{
	size_t len = 0;
	const char *kept = tw_api_->state_get(ctx, "orders/from", &len);
	struct kept_side k;

	for (size_t at = 0; kept != NULL && at + sizeof(k) <= len; at += sizeof(k)) {
		memcpy(&k, kept + at, sizeof(k));
		for (unsigned i = 0; i < o->n_sides; i++)
			if (order_side_id(&o->sides[i]) == k.name) {
				o->sides[i].from_ms = k.from_ms;
				o->sides[i].has_begun = true;
			}
	}
}

void
orders_restore(struct tw_ctx *ctx, struct inventory *s)
{
	struct orders *o = &s->orders->o;
	char key[24];

	o->on_lag = on_lag;
	o->arg = s->orders;
	orders_init(o);
	restore_sides(ctx, o);
	for (unsigned i = 0; i < ORDER_SHARDS; i++) {
		size_t len = 0;
		const void *kept;

		snprintf(key, sizeof(key), "orders/%u", i);
		kept = tw_api_->state_get(ctx, key, &len);
		if (kept != NULL && orders_load(o, kept, len) != 0)
			tw_api_->log(ctx, 4, "some of the orders that were known are damaged");
	}
	o->dirty = 0;
}

void
orders_put(struct tw_ctx *ctx, struct inventory *s)
{
	struct orders *o = &s->orders->o;
	struct kept_side sides[ORDERS_SIDES_MAX];
	unsigned char *shard;
	size_t n = 0;
	char key[24];

	for (unsigned i = 0; i < o->n_sides; i++)
		if (o->sides[i].has_begun)
			sides[n++] = (struct kept_side){
			    order_side_id(&o->sides[i]), o->sides[i].from_ms};
	tw_api_->state_put(ctx, "orders/from", sides, n * sizeof(*sides));
	if (o->dirty == 0 || (shard = malloc(ORDER_SHARD_BYTES)) == NULL)
		return;
	for (unsigned i = 0; i < ORDER_SHARDS; i++) {
		if (!(o->dirty & UINT64_C(1) << i))
			continue;
		snprintf(key, sizeof(key), "orders/%u", i);
		if (tw_api_->state_put(ctx, key, shard, orders_save(o, i, shard)) != 0)
			tw_api_->log(ctx, 4, "no room for all orders that are known");
	}
	free(shard);
}

/* ---- what is told ---- */

static void
tell_totals(struct tw_ctx *ctx, const struct orders *o, const struct order_totals t[FAULT_N])
{
	uint64_t n_well, n = orders_compared(o, &n_well);
	const char *name = o->sides[0].name;

	for (unsigned k = o->n_sides; k-- > 0;)
		if (o->sides[k].role == ROLE_ORDER)
			name = o->sides[k].name;
	for (int f = 0; f < FAULT_N; f++) {
		tw_emit(ctx, M_ORDER_FAULTS, (double)t[f].n, "fault", fault_names[f]);
		tw_emit(ctx, M_ORDER_VALUE, (double)t[f].value / VALUE_SCALE, "fault",
		    fault_names[f]);
		tw_emit(ctx, M_ORDER_AGE, (double)t[f].age_ms / 1e3, "fault", fault_names[f]);
	}
	tw_emit(ctx, M_ORDERS, (double)n);
	report_coherence(ctx, name, "orders", n_well, n);
}

static void
tell_sides(struct tw_ctx *ctx, struct orders_probe *op, const char *key)
{
	struct orders *o = &op->o;

	for (unsigned i = 0; i < o->n_sides; i++) {
		struct side_more *m = &op->sources[i].more;

		if (m->n_rejected > m->n_told)
			tw_count(ctx, M_REJECTED, (double)(m->n_rejected - m->n_told), "source",
			    o->sides[i].name, "field", key);
		m->n_told = m->n_rejected;
	}
	if (o->n_dropped > op->n_told_dropped)
		tw_count(ctx, M_ORDERS_DROPPED, (double)(o->n_dropped - op->n_told_dropped));
	op->n_told_dropped = o->n_dropped;
}

struct shown { const struct order_row *row; enum fault fault; int64_t since_ms; };

static int
by_since(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;

	if (x->since_ms != y->since_ms)
		return x->since_ms < y->since_ms ? -1 : 1;
	return strcmp(x->row->id, y->row->id);
}

static void
show(struct tw_ctx *ctx, unsigned i, const struct shown *x)
{
	const struct leg *order = x->row->legs[ROLE_ORDER], *paid = x->row->legs[ROLE_PAYMENT];
	char path[48], text[WALL_TEXT];

	snprintf(path, sizeof(path), "faults/%u/order", i);
	tw_api_->fact_text(ctx, path, x->row->id);
	snprintf(path, sizeof(path), "faults/%u/fault", i);
	tw_api_->fact_text(ctx, path, fault_names[x->fault]);
	snprintf(path, sizeof(path), "faults/%u/since", i);
	tw_api_->fact_text(ctx, path, wall_format((wall_t){x->since_ms}, text));
	snprintf(path, sizeof(path), "faults/%u/value", i);
	tw_api_->fact_real(ctx, path, (double)orders_at_stake(x->row, x->fault) / VALUE_SCALE);
	snprintf(path, sizeof(path), "faults/%u/has", i);
	if (order != NULL && order->has_amount)
		tw_api_->fact_real(ctx, path, (double)leg_sum(order) / VALUE_SCALE);
	snprintf(path, sizeof(path), "faults/%u/shows", i);
	if (paid != NULL && paid->has_amount)
		tw_api_->fact_real(ctx, path, (double)leg_sum(paid) / VALUE_SCALE);
}

/* The oldest confirmed ones, SHOWN_MAX of each kind at most and twice as many in all. */
static void
show_faults(struct tw_ctx *ctx, const struct orders *o, int64_t now_ms,
    const struct order_totals t[FAULT_N])
{
	struct shown *list = NULL;
	unsigned n_of[FAULT_N] = {0}, n_shown = 0;
	struct order_row *r, *next;
	size_t n = 0;

	for (int f = 0; f < FAULT_N; f++)
		n += t[f].n;
	if (n == 0 || (list = calloc(n, sizeof(*list))) == NULL)
		return;
	n = 0;
	ORDERS_EACH(o, i, r, next) {
		for (int f = 0; f < FAULT_N && !r->is_settled; f++)
			if (r->confirmed_ms[f] != 0)
				list[n++] = (struct shown){
				    r, (enum fault)f, orders_judge(o, r, (enum fault)f, now_ms)};
	}
	qsort(list, n, sizeof(*list), by_since);
	for (size_t i = 0; i < n && n_shown < 2 * SHOWN_MAX; i++)
		if (n_of[list[i].fault]++ < SHOWN_MAX)
			show(ctx, n_shown++, &list[i]);
	free(list);
}

static enum tw_verdict
verdict(struct tw_ctx *ctx, const struct inventory *s, const struct order_totals t[FAULT_N])
{
	const struct orders *o = &s->orders->o;
	enum tw_verdict v = TW_OK;
	struct buf text;

	for (unsigned i = 0; i < o->n_sides; i++) {
		const struct side_more *m = &s->orders->sources[i].more;

		if (m->is_resolved && m->key_at < 0)
			return tw_fail(ctx, TW_UNKNOWN, "field", "%s gives no field called %s",
			    o->sides[i].name, s->key);
	}
	for (unsigned i = 0; i < o->n_sides; i++)
		if (!o->sides[i].has_begun)
			return tw_fail(ctx, TW_UNKNOWN, "scan", "%s has told nothing yet",
			    o->sides[i].name);
	buf_init(&text, SENTENCE_MAX);
	for (int f = 0; f < FAULT_N; f++)
		if (t[f].n > 0)
			buf_printf(&text, "%s%" PRIu64 " %s", text.len > 0 ? ", " : "orders: ",
			    t[f].n, fault_words[f]);
	if (text.len > 0)
		v = tw_fail(ctx, TW_WARN, "orders", "%s", buf_str(&text));
	buf_free(&text);
	return v;
}

static enum tw_verdict
end(struct tw_ctx *ctx, struct inventory *s)
{
	int64_t now_ms = wall_now().ms;
	struct order_totals t[FAULT_N];

	s->orders->is_over = true;
	orders_confirm(&s->orders->o, now_ms);
	orders_totals(&s->orders->o, now_ms, t);
	tell_totals(ctx, &s->orders->o, t);
	tell_sides(ctx, s->orders, s->key);
	show_faults(ctx, &s->orders->o, now_ms, t);
	return verdict(ctx, s, t);
}

/* ---- a slot ---- */

static enum tw_verdict
time_is_up(struct tw_ctx *ctx, void *self, void *arg)
{
	(void)arg;
	return end(ctx, self);
}

static enum tw_verdict
was_read(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;

	(void)arg;
	if (s->orders->is_over || --s->orders->n_pending > 0)
		return TW_PENDING;
	return end(ctx, s);
}

static enum tw_verdict
read_side(struct tw_ctx *ctx, struct inventory *s, unsigned side)
{
	struct orders *o = &s->orders->o;
	const char **keys, **ids = calloc(o->n_asked, sizeof(*ids));
	enum tw_verdict v;

	for (size_t i = 0; ids != NULL && i < o->n_asked; i++)
		ids[i] = o->asked[i]->id;
	keys = ids == NULL ? NULL
			   : keys_as_written(&s->orders->sources[side].more, ids, o->n_asked);
	free(ids);
	if (keys == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	orders_ask_side(o, side);
	v = tw_api_->read(ctx, o->sides[side].name, keys, o->n_asked, was_read, NULL);
	s->orders->n_pending += v == TW_PENDING;
	free(keys);
	return v;
}

enum tw_verdict
orders_slot(struct tw_ctx *ctx, struct inventory *s)
{
	struct orders *o = &s->orders->o;
	int64_t left_us = tw_api_->left_us(ctx);
	enum tw_verdict v =
	    tw_api_->after(ctx, left_us - left_us / RESERVE_SHARE, time_is_up, NULL);

	s->orders->is_over = false;
	s->orders->n_pending = 0;
	if (v != TW_PENDING)
		return v;
	if (orders_ask(o, wall_now().ms, (size_t)s->confirm_max) > 0)
		for (unsigned i = 0; i < o->n_sides; i++)
			if (orders_needs(o, i) && (v = read_side(ctx, s, i)) != TW_PENDING)
				return v;
	return s->orders->n_pending > 0 ? TW_PENDING : end(ctx, s);
}
