/*
 * ratio.c - the kind `ratio`: of what was tried, how much was good? Payments that were authorized.
 *
 * A record is one attempt. With `id` the attempts at one order are one, which is judged when its
 * time for another try is over; attempts are counted beside that (step "attempt"). `by` cuts the
 * ratio into parts (by gateway, by method); `causes` are fields that only failures have (the class
 * of a decline): the part of a cause is the share of all that did not fail by it, so that more of
 * one cause is seen as what it is.
 *
 * Runs in: callbacks of the probe. Nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/ratio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/checkout/checkout.h"
#include "plugins/checkout/match.h"
#include "plugins/checkout/ratio-attempt.h"

#define DIMENSIONS_MAX ORDER_PARTS
#define CAUSE_FLAGS (SERIES_GOOD | SERIES_CAUSE)

const struct tw_option ratio_rows[RATIO_ROWS] = {
    TW_OPTION(struct ratio_options, source, TW_STRING, .flags = TW_REQUIRED | TW_NAMES_SOURCE,
	.help = "the source whose records are attempts: payments"),
    TW_OPTION(struct ratio_options, match, TW_TREE,
	.help = "which of them: {field: value}; a list is any of its values; absent: all"),
    TW_OPTION(struct ratio_options, good, TW_TREE, .flags = TW_REQUIRED,
	.help = "the field that must be true, or {field: value}: what a good one is"),
    TW_OPTION(struct ratio_options, by, TW_STRINGS,
	.help = "fields whose values are judged each by itself: [gateway, method]"),
    TW_OPTION(struct ratio_options, causes, TW_STRINGS,
	.help = "fields that only failures have: [decline]; each value's share is judged"),
    TW_OPTION(struct ratio_options, id, TW_STRING,
	.help = "the field of the order: attempts at one order are one, good if one of them was"),
    TW_OPTION(struct ratio_options, retry, TW_DURATION, .def = "15m", .min = 60, .max = 86400,
	.help = "with id: how long after the first attempt an order may be tried again; it is "
		"judged when this is over"),
    TW_OPTION(struct ratio_options, min_count, TW_INT, .def = "20", .min = 1, .max = 1e6,
	.help = "fewer attempts (with id: orders) in a window are not judged"),
    BASELINE_ROWS(struct ratio_options, "1h, 6h, 1d"),
};

struct dimension {
	const char *field;
	bool is_cause;
	int at;
};

struct ratio {
	const struct ratio_options *o;
	struct tw_ctx *ctx;             /* of the call that runs */
	struct traffic traffic;
	struct series *whole;           /* of orders, or of attempts where they are all there is */
	struct series *attempts;        /* with `id` */
	struct attempts *orders;          /* NULL without `id` */
	int id_at;
	struct match match, good;
	struct match_places match_at, good_at;
	struct dimension dimensions[DIMENSIONS_MAX];
	int n_dimensions;
	double alpha;
};

/* ---- records ---- */

/* The part that it belongs to, by that dimension; NULL: none. */
static struct series *
part_of(struct tw_ctx *ctx, struct ratio *r, const struct dimension *d,
    const struct tw_record *record, bool is_good)
{
	struct traffic *t = &r->traffic;
	struct series *part;
	int n = t->n_series;

	if (d->is_cause && is_good)
		return NULL;
	part = traffic_part(ctx, t, NULL, d->field, match_value_at(record, d->at),
	    d->is_cause ? CAUSE_FLAGS : SERIES_GOOD);
	if (d->is_cause && t->n_series > n)
		traffic_as_whole(t, part, r->whole);
	return part;
}

static struct series *
part_by_key(const struct traffic *t, uint64_t key)
{
	for (int i = 0; i < t->n_series && key != 0; i++)
		if (t->series[i]->key == key)
			return t->series[i];
	return NULL;
}

/* One that was tried, at the time it was: an attempt, or an order. Every one counts in every
 * cause's part: the ones that did not fail by it are good. The whole last: what a new cause takes
 * over is not yet with it. */
static void
count_tried(struct tw_ctx *ctx, struct ratio *r, int64_t time_ms, bool is_good,
    const uint64_t parts[ORDER_PARTS])
{
	struct traffic *t = &r->traffic;

	for (int i = 0; i < r->n_dimensions; i++) {
		const struct dimension *d = &r->dimensions[i];
		struct series *part = part_by_key(t, parts[i]);

		if (!d->is_cause)
			traffic_add(ctx, t, part, time_ms, 1, is_good, 0);
		for (int k = 0; d->is_cause && k < t->n_series; k++) {
			struct series *s = t->series[k];

			if (s->dimension != NULL && strcmp(s->dimension, d->field) == 0)
				traffic_add(ctx, t, s, time_ms, 1, is_good || s != part, 0);
		}
	}
	traffic_add(ctx, t, r->whole, time_ms, 1, is_good, 0);
}

static void
order_decided(void *arg, const struct order_decision *d)
{
	struct ratio *r = arg;

	count_tried(r->ctx, r, d->time_ms, d->is_good, d->parts);
}

static void
add(struct tw_ctx *ctx, struct ratio *r, const struct tw_record *record)
{
	const struct tw_value *id = match_value_at(record, r->id_at);
	bool is_good = match_record(&r->good, &r->good_at, record);
	uint64_t parts[ORDER_PARTS] = {0};

	for (int i = 0; i < r->n_dimensions; i++) {
		const struct series *s = part_of(ctx, r, &r->dimensions[i], record, is_good);

		parts[i] = s != NULL ? s->key : 0;
	}
	if (r->orders != NULL)
		traffic_add(ctx, &r->traffic, r->attempts, record->time_ms, 1, is_good, 0);
	if (r->orders != NULL && id != NULL)
		attempts_add(
		    r->orders, attempts_hash(r->orders, id), record->time_ms, is_good, parts);
	else
		count_tried(ctx, r, record->time_ms, is_good, parts);
}

/* Orders whose time is over. Old records tell by themselves up to when all is known. */
static void
settle_attempts(struct ratio *r, const struct tw_record *last)
{
	int64_t until_ms = traffic_complete(&r->traffic);

	if (last != NULL && (last->flags & TW_RECORD_HISTORY) && last->time_ms < until_ms)
		until_ms = last->time_ms;
	if (until_ms > 0)
		attempts_settle(r->orders, until_ms);
	if (attempts_lost(r->orders) > 0)
		tw_api_->log(r->ctx, 4, "more than %d orders within `retry`: the oldest were "
			"judged before their time was over", ORDERS_MAX);
}

static void
find_places(struct tw_ctx *ctx, struct ratio *r, const struct tw_batch *b)
{
	const char *missing = match_find(&r->good, b->fields, b->n_fields, &r->good_at);

	if (missing != NULL)
		tw_api_->log(ctx, 4, "%s has no field %s: nothing is good", b->source, missing);
	r->id_at = match_place(r->o->id, b->fields, b->n_fields);
	if (r->o->id != NULL && r->id_at < 0)
		tw_api_->log(ctx, 4, "%s has no field %s: every attempt is an order", b->source,
		    r->o->id);
	missing = match_find(&r->match, b->fields, b->n_fields, &r->match_at);
	if (missing != NULL)
		tw_api_->log(ctx, 4, "%s has no field %s: nothing matches", b->source, missing);
	for (int i = 0; i < r->n_dimensions; i++) {
		struct dimension *d = &r->dimensions[i];

		d->at = match_place(d->field, b->fields, b->n_fields);
		if (d->at < 0)
			tw_api_->log(ctx, 4, "%s has no field %s to tell parts by", b->source,
			    d->field);
	}
}

static void
ratio_records(struct tw_ctx *ctx, struct checkout *c, const struct tw_batch *b,
    const struct tw_record *records, size_t n)
{
	struct ratio *r = c->ratio;
	bool is_first;
	struct traffic_source *s = traffic_batch(&r->traffic, b, &is_first);

	if (s == NULL)
		return;
	r->ctx = ctx;
	if (is_first)
		find_places(ctx, r, b);
	for (size_t i = 0; i < n; i++) {
		const struct tw_record *record = tw_record_at(records, i);

		if (traffic_is_ours(s, record) && match_record(&r->match, &r->match_at, record))
			add(ctx, r, record);
	}
	if (r->orders != NULL)
		settle_attempts(r, n > 0 ? tw_record_at(records, n - 1) : NULL);
	traffic_settle(ctx, &r->traffic);
}

static enum tw_verdict
ratio_probe(struct tw_ctx *ctx, struct checkout *c)
{
	struct ratio *r = c->ratio;
	struct ratio_finding f;
	char text[320];

	if (traffic_freshness(ctx, &r->traffic) != TW_OK)
		return TW_UNKNOWN;
	traffic_publish(ctx, &r->traffic);
	f = ratio_judge(ctx, &r->traffic, r->whole, "ratio", r->alpha, r->o->min_count);
	if (f.series != NULL) {
		tw_api_->fact_real(ctx, "tried", (double)f.verdict.tried);
		tw_api_->fact_real(ctx, "good", (double)f.verdict.good);
	}
	if (!f.fires)
		return TW_OK;
	return tw_fail(
	    ctx, TW_CRIT, "ratio", "%s", ratio_sentence(&f, "good", text, sizeof(text)));
}

/* ---- life ---- */

static void
ratio_stop(struct tw_ctx *ctx, struct checkout *c)
{
	(void)ctx;
	if (c->ratio == NULL)
		return;
	traffic_stop(&c->ratio->traffic);
	attempts_free(c->ratio->orders);
	match_clear(&c->ratio->match);
	match_clear(&c->ratio->good);
	free(c->ratio);
	c->ratio = NULL;
}

static enum tw_verdict
take_dimensions(
    struct tw_ctx *ctx, struct ratio *r, const struct tw_list *fields, bool is_cause)
{
	const char *const *names = fields->items;

	for (uint32_t i = 0; i < fields->n; i++) {
		if (r->n_dimensions == DIMENSIONS_MAX)
			return tw_api_->refuse(ctx, is_cause ? "ratio/causes" : "ratio/by",
			    "more than %d fields", DIMENSIONS_MAX);
		for (int k = 0; k < r->n_dimensions; k++)
			if (strcmp(r->dimensions[k].field, names[i]) == 0)
				return tw_api_->refuse(ctx,
				    is_cause ? "ratio/causes" : "ratio/by", "%s is named twice",
				    names[i]);
		r->dimensions[r->n_dimensions++] = (struct dimension){names[i], is_cause, -1};
		traffic_known_parts(
		    ctx, &r->traffic, NULL, names[i], is_cause ? CAUSE_FLAGS : SERIES_GOOD);
	}
	return TW_OK;
}

static enum tw_verdict
prepare(struct tw_ctx *ctx, struct ratio *r)
{
	char err[128];

	if (match_make(&r->match, r->o->match, err, sizeof(err)) != 0)
		return tw_api_->refuse(ctx, "ratio/match", "%s", err);
	if (match_make(&r->good, r->o->good, err, sizeof(err)) != 0)
		return tw_api_->refuse(ctx, "ratio/good", "%s", err);
	if (traffic_start(ctx, &r->traffic, &r->o->baseline, "ratio",
		r->o->id != NULL ? r->o->retry : 0, ratio_count, r) != TW_OK)
		return TW_UNKNOWN;
	r->whole = traffic_series(ctx, &r->traffic, NULL, NULL, NULL, SERIES_GOOD);
	if (r->whole == NULL || traffic_source(&r->traffic, r->o->source) < 0)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	if (r->o->id != NULL) {
		r->orders = attempts_new(ctx, r->o->retry / 1000, order_decided, r);
		r->attempts =
		    traffic_series(ctx, &r->traffic, "attempt", NULL, NULL, SERIES_GOOD);
		if (r->orders == NULL || r->attempts == NULL)
			return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	}
	if (take_dimensions(ctx, r, &r->o->by, false) != TW_OK
	    || take_dimensions(ctx, r, &r->o->causes, true) != TW_OK)
		return TW_UNKNOWN;
	r->alpha = traffic_alpha(
	    ctx, &r->traffic, 1 + (r->o->by.n > 0) + (r->o->causes.n > 0), false);
	return TW_OK;
}

static enum tw_verdict
ratio_start(struct tw_ctx *ctx, struct checkout *c)
{
	struct ratio *r = c->ratio = calloc(1, sizeof(*r));

	if (r == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	r->o = &c->ratio_options;
	r->ctx = ctx;
	r->id_at = -1;
	if (prepare(ctx, r) == TW_OK)
		return TW_OK;
	ratio_stop(ctx, c);
	return TW_UNKNOWN;
}

static void
ratio_save(struct tw_ctx *ctx, struct checkout *c)
{
	traffic_save(ctx, &c->ratio->traffic);
	if (c->ratio->orders != NULL)
		attempts_save(ctx, c->ratio->orders);
}

static bool
ratio_is_given(const struct checkout *c)
{
	return c->ratio_options.source != NULL;
}

const struct checkout_kind checkout_ratio = {.name = "ratio", .is_given = ratio_is_given,
    .start = ratio_start, .probe = ratio_probe, .stop = ratio_stop, .on_records = ratio_records,
    .save = ratio_save};
