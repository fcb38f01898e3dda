/*
 * report.c - what a run tells: metrics of this moment, the keys that drift most, the verdict.
 *
 * DESIGN. Where much differs, or there are many keys, each step is a callback of its own: the loop
 * is not held for longer than 2 ms.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"
#include "plugins/inventory/inventory.h"

#define OPEN_FEW 2000                 /* differences, */
#define ROWS_FEW 20000                /* and rows, with which all steps are one */
#define Z95 1.959963984540054
#define UNREADABLE_SAMPLE 50000       /* rows that are looked at, to tell whether most are */

/* ---- sides ---- */

static void
tell_side(struct tw_ctx *ctx, const struct inventory *s, unsigned i, int64_t now_ms)
{
	const struct side *side = &s->c->sides[i];

	if (!side->is_sampled)
		tw_emit(ctx, M_SCAN_COMPLETE, side->is_whole, "source", side->name);
	if (side->newest_ms > 0)
		tw_emit(ctx, M_STALENESS, (double)(now_ms - side->newest_ms) / 1e3, "source",
		    side->name);
	if (!side->is_whole)
		return;
	tw_emit(ctx, M_SCAN_AGE, (double)(now_ms - side->scan_ms) / 1e3, "source", side->name);
	if (side->is_scanning)
		return; /* its counts are not whole */
	tw_emit(ctx, M_SCAN_ROWS, (double)side->whole_rows, "source", side->name);
	tw_emit(ctx, M_SCAN_SECONDS, (double)s->more[i].scan_us / 1e6, "source", side->name);
	tw_emit(ctx, M_DUPLICATE, (double)side->n_duplicates, "source", side->name);
	tw_emit(ctx, M_NEGATIVE, (double)side->n_negative, "source", side->name);
}

static void
tell_rejects(struct tw_ctx *ctx, struct inventory *s)
{
	for (unsigned i = 0; i < s->c->n_columns; i++) {
		struct column *c = &s->columns[i];

		if (c->n_rejected > c->n_told)
			tw_count(ctx, M_REJECTED, (double)(c->n_rejected - c->n_told), "source",
			    s->c->sides[c->side].name, "field", c->field);
		c->n_told = c->n_rejected;
	}
	for (unsigned i = 0; i < s->c->n_sides; i++) {
		struct side_more *m = &s->more[i];

		if (m->n_rejected > m->n_told)
			tw_count(ctx, M_REJECTED, (double)(m->n_rejected - m->n_told), "source",
			    s->c->sides[i].name, "field", s->key);
		m->n_told = m->n_rejected;
	}
}

/* ---- rules ---- */

void
report_coherence(
    struct tw_ctx *ctx, const char *source, const char *field, uint64_t n_good, uint64_t n)
{
	struct stats_interval i = stats_wilson(n_good, n, Z95);

	if (n == 0)
		return;
	tw_emit(ctx, M_COHERENCE, (double)n_good / (double)n, "source", source, "field", field,
	    "bound", "mid");
	tw_emit(ctx, M_COHERENCE, i.low, "source", source, "field", field, "bound", "low");
	tw_emit(ctx, M_COHERENCE, i.high, "source", source, "field", field, "bound", "high");
}

static void
tell_rule(struct tw_ctx *ctx, const struct rule *r, const struct totals *t)
{
	static const char *const quantiles[] = {"0.5", "0.95", "1"};
	uint64_t n_bad = t->n_drift + (r->counts_keys ? t->n_missing + t->n_ghost : 0);
	uint64_t n_good = t->n_compared > n_bad ? t->n_compared - n_bad : 0;

	tw_emit(ctx, M_DRIFT_KEYS, (double)t->n_drift, "source", r->system, "field", r->field);
	tw_emit(ctx, M_DRIFT_UNITS, t->units, "source", r->system, "field", r->field);
	tw_emit(ctx, M_OPEN, (double)t->n_open, "source", r->system, "field", r->field);
	tw_emit(ctx, M_COMPARED, (double)t->n_compared, "source", r->system, "field", r->field);
	tw_emit(ctx, M_COHERENT, (double)n_good, "source", r->system, "field", r->field);
	for (int k = 0; k < 3; k++)
		tw_emit(ctx, M_DRIFT_AGE, (double)t->age_ms[k] / 1e3, "source", r->system, "field",
		    r->field, "quantile", quantiles[k]);
	if (r->counts_keys) {
		tw_emit(ctx, M_MISSING, (double)t->n_missing, "source", r->system);
		tw_emit(ctx, M_GHOST, (double)t->n_ghost, "source", r->system);
	}
	report_coherence(ctx, r->system, r->field, n_good, t->n_compared);
}

/* ---- exposure ---- */

struct exposed { uint32_t row; unsigned side; double over_units, under_units, price; };

static struct exposed
exposed(const struct inventory *s, const struct rule *r, uint32_t row)
{
	struct comparer *c = s->c;
	int64_t reference = table_cell(c->table, r->reference_column, row);
	struct range have = value_range(r->reference_rules, reference),
		     e = compare_expected(r, reference),
		     v = value_range(r->rules, table_cell(c->table, r->column, row));
	struct exposed x = {.row = row, .side = r->source};
	int64_t most = have.high > 0 ? have.high : 0, price;

	if (have.low > have.high || v.low > v.high)
		return x; /* anything goes */
	if (v.low > most)
		x.over_units = (double)(v.low - most) / VALUE_SCALE;
	if (e.low > 0 && v.high <= 0)
		x.under_units = (double)e.low / VALUE_SCALE;
	if (s->price_column >= 0) {
		price = table_cell(c->table, (unsigned)s->price_column, row);
		x.price = value_is_amount(price) ? (double)price / VALUE_SCALE : 0;
	}
	return x;
}

static int
by_row(const void *a, const void *b)
{
	const struct exposed *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->over_units > y->over_units ? -1 : x->over_units < y->over_units;
}

static void
tell_exposure(struct tw_ctx *ctx, const struct inventory *s)
{
	struct comparer *c = s->c;
	struct exposed *list = calloc(c->n_open + 1, sizeof(*list));
	struct {
		double units, value, under_keys, under_value;
		bool is_told;
	} of[SOURCES_MAX] = {0};
	double units = 0, value = 0;
	struct difference *d, *next;
	size_t n = 0;

	if (list == NULL)
		return;
	for (unsigned i = 0; i < c->n_rules; i++)
		of[c->rules[i].source].is_told |= c->rules[i].is_quantity;
	HASH_ITER(hh, c->open, d, next) {
		const struct rule *r = &c->rules[difference_rule(d)];

		if (d->confirmed_ms == 0 || !r->is_quantity || s->is_mapping[difference_rule(d)]
		    || compare_judge(c, r, difference_row(d)) != DIFFERS)
			continue;
		list[n] = exposed(s, r, difference_row(d));
		of[r->source].units += list[n].over_units;
		of[r->source].value += list[n].over_units * list[n].price;
		of[r->source].under_keys += list[n].under_units > 0;
		of[r->source].under_value += list[n].under_units * list[n].price;
		n++;
	}
	qsort(list, n, sizeof(*list), by_row);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || list[i].row != list[i - 1].row) {
			units += list[i].over_units; /* the channel that offers most of it */
			value += list[i].over_units * list[i].price;
		}
	for (unsigned i = 0; i < c->n_sides; i++) {
		if (!of[i].is_told)
			continue;
		tw_emit(ctx, M_OVERSELL_UNITS, of[i].units, "source", c->sides[i].name);
		tw_emit(ctx, M_UNDERSELL_KEYS, of[i].under_keys, "source", c->sides[i].name);
		if (s->price_column < 0)
			continue;
		tw_emit(ctx, M_OVERSELL_VALUE, of[i].value, "source", c->sides[i].name);
		tw_emit(ctx, M_UNDERSELL_VALUE, of[i].under_value, "source", c->sides[i].name);
	}
	tw_emit(ctx, M_OVERSELL_UNITS, units, "source", "any");
	if (s->price_column >= 0)
		tw_emit(ctx, M_OVERSELL_VALUE, value, "source", "any");
	free(list);
}

/* ---- the keys that drift most ---- */

static void
show(struct tw_ctx *ctx, const struct inventory *s, unsigned i, const struct difference *d)
{
	static const char *const states[] = {"", "", "differs", "missing", "ghost"};
	const struct rule *r = &s->c->rules[difference_rule(d)];
	uint32_t row = difference_row(d);
	char path[48], text[VALUE_TEXT > WALL_TEXT ? VALUE_TEXT : WALL_TEXT];

#define SHOW(name_, value_)                                                                        \
	do {                                                                                       \
		snprintf(path, sizeof(path), "drift/%u/" name_, i);                                \
		tw_api_->fact_text(ctx, path, value_);                                             \
	} while (0)
	SHOW("key", table_key(s->c->table, row));
	SHOW("field", r->field);
	SHOW("source", r->system);
	SHOW("state", states[compare_judge(s->c, r, row)]);
	SHOW("reference", s->c->sides[r->reference].name);
	SHOW("has", value_text(r->reference_rules,
		table_cell(s->c->table, r->reference_column, row), text));
	SHOW("shows", value_text(r->rules, table_cell(s->c->table, r->column, row), text));
	SHOW("since", wall_format((wall_t){d->since_ms}, text));
#undef SHOW
}

static void
show_drift(struct tw_ctx *ctx, const struct inventory *s)
{
	struct ranked *list = malloc((s->c->n_open + 1) * sizeof(*list));
	struct difference *d, *next;
	size_t n = 0;

	if (list == NULL)
		return;
	HASH_ITER(hh, s->c->open, d, next)
		if (d->confirmed_ms > 0 && !s->is_mapping[difference_rule(d)])
			list[n++] = ranked_of(d, 0);
	n = ranked_first(list, n, SHOWN_MAX);
	for (size_t i = 0; i < n; i++)
		show(ctx, s, (unsigned)i, list[i].d);
	free(list);
}

/* ---- is it the stock, or how we read it? ---- */

/* Most of what a column said could not be read. */
static bool
is_unreadable(const struct inventory *s, unsigned column, char dst[MAPPING_TEXT])
{
	const struct column *c = &s->columns[column];
	const struct side *side = &s->c->sides[c->side];
	uint32_t n_rows = table_rows(s->c->table), stride = n_rows / UNREADABLE_SAMPLE + 1;
	size_t n = 0, n_bad = 0;

	if (!compare_is_known(side) || c->n_rejected < MAPPING_MIN)
		return false;
	for (uint32_t row = 0; row < n_rows; row += stride) {
		n += *table_mark(s->c->table, c->side, row) != 0;
		n_bad += table_cell(s->c->table, column, row) == CELL_UNREADABLE;
	}
	if (n_bad * stride < MAPPING_MIN || (double)n_bad < MAPPING_SHARE * (double)n)
		return false;
	snprintf(dst, MAPPING_TEXT, "%s of %s %s: \"%s\" (%s)", c->field, side->name, c->why,
	    c->example, strstr(c->why, "word") != NULL ? "states"
		: strstr(c->why, "currency") != NULL ? "currency"
		: strpbrk(c->example, ",.") != NULL ? "decimal" : "normalize");
	return true;
}

/* Have most keys agreed, now or ever? Then it is read rightly, and what differs later is no
 * mapping, even if it is everything: everything can be sold out. */
static bool
is_read_rightly(struct inventory *s, unsigned rule)
{
	const uint64_t *tally = s->c->tally[rule];
	uint64_t n = tally[SAME] + tally[DIFFERS] + tally[MISSING] + tally[GHOST];

	if (n >= MAPPING_MIN && (double)tally[SAME] > (1 - MAPPING_SHARE) * (double)n)
		s->was_coherent[rule] = true;
	return s->was_coherent[rule];
}

/* Once a whole scan of either side; the finding stays until the next one. */
static void
look_for_mapping(struct inventory *s, unsigned rule)
{
	const struct rule *r = &s->c->rules[rule];
	const struct side *a = &s->c->sides[r->reference], *b = &s->c->sides[r->source];
	int64_t scanned_ms = a->scan_ms > b->scan_ms ? a->scan_ms : b->scan_ms;
	char text[MAPPING_TEXT];

	if (!rule_is_known(r) || scanned_ms == s->looked_ms[rule])
		return;
	s->looked_ms[rule] = scanned_ms;
	s->is_mapping[rule] = is_unreadable(s, r->reference_column, text)
	    || is_unreadable(s, r->column, text)
	    || (!is_read_rightly(s, rule)
		&& (mapping_of_keys(s->c, rule, text) || mapping_of_values(s->c, rule, text)));
	if (s->is_mapping[rule])
		memcpy(s->mapping, text, sizeof(text));
}

/* The field or key that a side does not give at all. */
static const char *
lacks(const struct inventory *s, const char **side)
{
	for (unsigned i = 0; i < s->c->n_sides; i++)
		if (s->more[i].is_resolved && s->more[i].key_at < 0)
			return *side = s->c->sides[i].name, s->key;
	for (unsigned i = 0; i < s->c->n_columns; i++)
		if (s->more[s->columns[i].side].is_resolved && s->columns[i].at < 0)
			return *side = s->c->sides[s->columns[i].side].name, s->columns[i].field;
	return NULL;
}

static enum tw_verdict
verdict(struct tw_ctx *ctx, const struct inventory *s)
{
	const char *side = NULL, *field = lacks(s, &side);
	enum tw_verdict v;

	if (field != NULL)
		return tw_fail(
		    ctx, TW_UNKNOWN, "field", "%s gives no field called %s", side, field);
	for (unsigned i = 0; i < s->c->n_sides; i++)
		if (!compare_is_known(&s->c->sides[i]))
			return tw_fail(ctx, TW_UNKNOWN, "scan",
			    "%s has not been read whole yet (%" PRIu64 " keys so far)",
			    s->c->sides[i].name, s->c->sides[i].scan_rows);
	for (unsigned i = 0; i < s->c->n_rules; i++)
		if (!rule_is_known(&s->c->rules[i]))
			return tw_fail(ctx, TW_UNKNOWN, "scan",
			    "%s of %s is still being compared (timeout)", s->c->rules[i].field,
			    s->c->rules[i].system);
	for (unsigned i = 0; i < s->c->n_rules; i++)
		if (s->is_mapping[i])
			return tw_fail(ctx, TW_UNKNOWN, "mapping", "%s", s->mapping);
	if ((v = canary_late(ctx, s, wall_now().ms)) != TW_OK)
		return v; /* what is behind as a whole is not told key by key */
	if (s->n_drift + s->n_missing + s->n_ghost == 0)
		return canary_unwritten(ctx, s);
	return tw_fail(ctx, TW_WARN, "drift",
	    "%" PRIu64 " values differ, %" PRIu64 " keys are missing, %" PRIu64
	    " are in no reference",
	    s->n_drift, s->n_missing, s->n_ghost);
}

/* ---- step by step ---- */

static void
tell_sides(struct tw_ctx *ctx, struct inventory *s)
{
	for (unsigned i = 0; i < s->c->n_sides; i++)
		tell_side(ctx, s, i, wall_now().ms);
	tell_rejects(ctx, s);
}

/* False: another rule is still to be looked at. */
static bool
tell_mapping(struct tw_ctx *ctx, struct inventory *s)
{
	const struct rule *r = &s->c->rules[s->looks_at];

	look_for_mapping(s, s->looks_at);
	tw_emit(ctx, M_MAPPING, s->is_mapping[s->looks_at], "source", r->system, "field", r->field);
	return ++s->looks_at == s->c->n_rules;
}

static void
tell_rules(struct tw_ctx *ctx, struct inventory *s)
{
	struct totals t[RULES_MAX];

	s->n_drift = s->n_missing = s->n_ghost = 0;
	if (compare_totals(s->c, wall_now().ms, t) != 0)
		return;
	for (unsigned i = 0; i < s->c->n_rules; i++) {
		if (s->is_mapping[i] || !rule_is_known(&s->c->rules[i]))
			continue;
		tell_rule(ctx, &s->c->rules[i], &t[i]);
		s->n_drift += t[i].n_drift;
		s->n_missing += t[i].n_missing;
		s->n_ghost += t[i].n_ghost;
	}
}

enum { SIDES, MAPPINGS, RULES, EXPOSURE, CANARY, DRIFT, KEPT, STEPS };

/* False: the same step is to be taken again. */
static bool
take_step(struct tw_ctx *ctx, struct inventory *s)
{
	switch (s->step) {
	case SIDES: tell_sides(ctx, s); break;
	case MAPPINGS: return tell_mapping(ctx, s);
	case RULES: tell_rules(ctx, s); break;
	case EXPOSURE: tell_exposure(ctx, s); break;
	case CANARY:
		sales_tell(ctx, s, wall_now().ms);
		canary_tell(ctx, s, wall_now().ms);
		break;
	case DRIFT: show_drift(ctx, s); break;
	default: keep_save(ctx, s); break;
	}
	return true;
}

static enum tw_verdict
go_on(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;
	bool is_much = s->c->n_open > OPEN_FEW || table_rows(s->c->table) > ROWS_FEW;

	(void)arg;
	do
		s->step += take_step(ctx, s);
	while (s->step < STEPS && (!is_much || tw_api_->left_us(ctx) <= 0));
	if (s->step < STEPS)
		return tw_api_->after(ctx, 0, go_on, NULL);
	if (s->c->is_too_many)
		tw_api_->fact_text(ctx, "too_many", "more differ than are followed one by one");
	return verdict(ctx, s);
}

enum tw_verdict
report(struct tw_ctx *ctx, struct inventory *s)
{
	s->step = SIDES;
	s->looks_at = 0;
	return go_on(ctx, s, NULL);
}
