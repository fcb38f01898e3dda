/*
 * ratio.c - the kind `ratio`: of what was tried, how much was good? Payments that were authorized.
 *
 * A record is one attempt. `by` cuts the ratio into parts (by gateway, by method); `causes` are
 * fields that only failures have (the class of a decline): the part of a cause is the share of all
 * attempts that did not fail by it, so that more of one cause is seen as what it is.
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

#define DIMENSIONS_MAX 8
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
    TW_OPTION(struct ratio_options, min_count, TW_INT, .def = "20", .min = 1, .max = 1e6,
	.help = "fewer attempts in a window are not judged"),
    BASELINE_ROWS(struct ratio_options, "1h, 6h, 1d"),
};

struct dimension {
	const char *field;
	bool is_cause;
	int at;
};

struct ratio {
	const struct ratio_options *o;
	struct traffic traffic;
	struct series *whole;
	struct match match, good;
	struct match_places match_at, good_at;
	struct dimension dimensions[DIMENSIONS_MAX];
	int n_dimensions;
	double alpha;
};

/* ---- records ---- */

/* Every attempt counts in every cause's part: the ones that did not fail by it are good. */
static void
add_causes(struct tw_ctx *ctx, struct ratio *r, const struct dimension *d,
    const struct tw_record *record, bool is_good)
{
	struct traffic *t = &r->traffic;
	struct series *cause = NULL;
	int n = t->n_series;

	if (!is_good)
		cause = traffic_part(
		    ctx, t, NULL, d->field, match_value_at(record, d->at), CAUSE_FLAGS);
	if (t->n_series > n)
		traffic_as_whole(t, cause, r->whole);
	for (int i = 0; i < t->n_series; i++) {
		struct series *s = t->series[i];

		if (s->dimension != NULL && strcmp(s->dimension, d->field) == 0)
			traffic_add(ctx, t, s, record->time_ms, 1, s != cause, 0);
	}
}

static void
add(struct tw_ctx *ctx, struct ratio *r, const struct tw_record *record)
{
	struct traffic *t = &r->traffic;
	bool is_good = match_record(&r->good, &r->good_at, record);

	/* The whole last: what a new cause takes over is not yet with it. */
	for (int i = 0; i < r->n_dimensions; i++) {
		const struct dimension *d = &r->dimensions[i];

		if (d->is_cause)
			add_causes(ctx, r, d, record, is_good);
		else
			traffic_add(ctx, t,
			    traffic_part(ctx, t, NULL, d->field, match_value_at(record, d->at),
				SERIES_GOOD),
			    record->time_ms, 1, is_good, 0);
	}
	traffic_add(ctx, t, r->whole, record->time_ms, 1, is_good, 0);
}

static void
find_places(struct tw_ctx *ctx, struct ratio *r, const struct tw_batch *b)
{
	const char *missing = match_find(&r->good, b->fields, b->n_fields, &r->good_at);

	if (missing != NULL)
		tw_api_->log(ctx, 4, "%s has no field %s: nothing is good", b->source, missing);
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
	if (is_first)
		find_places(ctx, r, b);
	for (size_t i = 0; i < n; i++) {
		const struct tw_record *record = tw_record_at(records, i);

		if (traffic_is_ours(s, record) && match_record(&r->match, &r->match_at, record))
			add(ctx, r, record);
	}
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
	tw_emit(ctx, M_COMPLETE, (double)r->traffic.at.settled_ms / 1e3);
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
	if (traffic_start(ctx, &r->traffic, &r->o->baseline, "ratio", 0, ratio_count, r) != TW_OK)
		return TW_UNKNOWN;
	r->whole = traffic_series(ctx, &r->traffic, NULL, NULL, NULL, SERIES_GOOD);
	if (r->whole == NULL || traffic_source(&r->traffic, r->o->source) < 0)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
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
	if (prepare(ctx, r) == TW_OK)
		return TW_OK;
	ratio_stop(ctx, c);
	return TW_UNKNOWN;
}

static void
ratio_save(struct tw_ctx *ctx, struct checkout *c)
{
	traffic_save(ctx, &c->ratio->traffic);
}

static bool
ratio_is_given(const struct checkout *c)
{
	return c->ratio_options.source != NULL;
}

const struct checkout_kind checkout_ratio = {.name = "ratio", .is_given = ratio_is_given,
    .start = ratio_start, .probe = ratio_probe, .stop = ratio_stop, .on_records = ratio_records,
    .save = ratio_save};
