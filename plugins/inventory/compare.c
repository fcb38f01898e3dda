/*
 * compare.c - cells come in, rows are judged, differences open and close. See compare.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/compare-open.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCANS 120                     /* numbers of scans, in turn */
#define MARK_ASKED 127                /* it is read again: seen, or gone? */
#define MARK_BESIDE 0x80u             /* seen by something else than the scan */

int
compare_init(struct comparer *c)
{
	memset(c->rules_of, 0, sizeof(c->rules_of));
	for (unsigned i = 0; i < c->n_rules; i++) {
		c->rules_of[c->rules[i].reference_column] |= UINT64_C(1) << i;
		c->rules_of[c->rules[i].column] |= UINT64_C(1) << i;
	}
	c->table = table_new(c->n_columns, c->n_sides);
	return c->table != NULL ? 0 : -ENOMEM;
}

static void
close_difference(struct comparer *c, struct difference *d)
{
	HASH_DEL(c->open, d);
	free(d);
	c->n_open--;
}

void
compare_clear(struct comparer *c)
{
	struct difference *d, *next;

	HASH_ITER(hh, c->open, d, next)
		close_difference(c, d);
	table_free(c->table);
	c->table = NULL;
	free(c->asked);
	c->asked = NULL;
}

/* ---- judging ---- */

static int64_t
at_least_zero(int64_t v)
{
	return v > 0 ? v : 0;
}

static bool
is_anything(struct range r)
{
	return r.low > r.high;
}

struct range
compare_expected(const struct rule *r, int64_t cell)
{
	struct range e = value_range(r->reference_rules, cell);

	if (is_anything(e) || !r->is_quantity)
		return e;
	e.low = at_least_zero(e.low - r->buffer);
	if (e.high < VALUE_MAX)
		e.high = at_least_zero(e.high - r->buffer);
	return e;
}

bool
compare_agrees(const struct rule *r, int64_t reference, int64_t cell)
{
	struct range e = compare_expected(r, reference), v = value_range(r->rules, cell);
	int64_t tolerance = r->tolerance;

	if (is_anything(e) || is_anything(v))
		return true;
	if (r->is_quantity)
		v = (struct range){at_least_zero(v.low), at_least_zero(v.high)};
	if (r->share > 0)
		tolerance = llround(r->share * (double)(e.low < 0 ? -e.low : e.low));
	return v.low <= e.high + tolerance && v.high >= e.low - tolerance;
}

static enum state
judge(const struct comparer *c, const struct rule *r, int64_t reference, int64_t cell)
{
	if (!c->sides[r->reference].is_whole || !c->sides[r->source].is_whole)
		return NOT_COMPARED;
	if (reference == CELL_ABSENT)
		return cell != CELL_ABSENT && r->counts_keys ? GHOST : NOT_COMPARED;
	if (cell == CELL_ABSENT && r->is_quantity && reference != CELL_NULL) {
		struct range e = compare_expected(r, reference);

		if (is_anything(e) || e.low <= 0)
			return SAME; /* what is sold out may be left out */
	}
	if (cell == CELL_ABSENT)
		return r->counts_keys ? MISSING : NOT_COMPARED;
	if (reference == CELL_NULL || cell == CELL_NULL)
		return NOT_COMPARED;
	return compare_agrees(r, reference, cell) ? SAME : DIFFERS;
}

enum state
compare_judge(const struct comparer *c, const struct rule *r, uint32_t row)
{
	return judge(c, r, table_column(c->table, r->reference_column)[row],
	    table_column(c->table, r->column)[row]);
}

/* ---- differences ---- */

static struct difference *
find(const struct comparer *c, uint32_t row, unsigned rule)
{
	uint64_t id = (uint64_t)row * RULES_MAX + rule;
	struct difference *d;

	HASH_FIND(hh, c->open, &id, sizeof(id), d);
	return d;
}

static struct difference *
open_difference(struct comparer *c, uint32_t row, unsigned rule, int64_t now_ms)
{
	struct difference *d = NULL;
	int64_t since_ms;

	if (c->n_open < OPEN_MAX)
		d = calloc(1, sizeof(*d));
	c->is_too_many = d == NULL;
	if (d == NULL)
		return NULL;
	d->id = (uint64_t)row * RULES_MAX + rule;
	d->first_ms = d->since_ms = now_ms;
	since_ms = c->was_open != NULL ? c->was_open(c->arg, c, row, rule) : 0;
	if (since_ms > 0 && since_ms < now_ms)
		d->first_ms = d->since_ms = since_ms;
	HASH_ADD(hh, c->open, id, sizeof(d->id), d);
	c->n_open++;
	return d;
}

static void
remember(struct difference *d, int64_t cell, int64_t until_ms)
{
	if (d->n_past == PAST_MAX)
		memmove(d->past, d->past + 1, (PAST_MAX - 1) * sizeof(*d->past));
	else
		d->n_past++;
	d->past[d->n_past - 1] = (struct past){cell, until_ms};
}

/* When has the reference last said what the system shows now? 0: never, as far as is known. */
static int64_t
explained_ms(const struct difference *d, const struct rule *r, int64_t cell)
{
	if (cell == CELL_ABSENT || cell == CELL_NULL)
		return 0;
	for (unsigned i = d->n_past; i-- > 0;)
		if (d->past[i].cell != CELL_ABSENT && d->past[i].cell != CELL_NULL
		    && compare_agrees(r, d->past[i].cell, cell))
			return d->past[i].until_ms;
	return 0;
}

/* A cell of a row has become another one. */
struct change {
	uint32_t row;
	unsigned side;
	int64_t old, now_ms, moved_ms; /* moved: not before it did the side change it */
};

static void
end_difference(struct comparer *c, struct difference *d, const struct rule *r, enum state state,
    const struct change *x)
{
	if (state == SAME && x->side == r->source && d->moved_ms > 0 && c->on_lag != NULL)
		c->on_lag(c->arg, r, x->now_ms - d->moved_ms);
	close_difference(c, d);
}

static void
step(struct comparer *c, unsigned rule, enum state was, enum state state, const struct change *x)
{
	const struct rule *r = &c->rules[rule];
	struct difference *d = was >= DIFFERS ? find(c, x->row, rule) : NULL;
	bool is_new = false;

	if (was != NOT_COMPARED)
		c->tally[rule][was]--;
	if (state != NOT_COMPARED)
		c->tally[rule][state]++;
	if (state < DIFFERS) {
		if (d != NULL)
			end_difference(c, d, r, state, x);
		return;
	}
	if (d == NULL) {
		if ((d = open_difference(c, x->row, rule, x->now_ms)) == NULL)
			return;
		is_new = true;
	}
	if (x->side == r->reference) {
		remember(d, x->old, x->now_ms);
		if (d->moved_ms == 0 && is_new)
			d->moved_ms = x->moved_ms;
	} else if (!is_new) {
		int64_t cell = table_column(c->table, r->column)[x->row];
		int64_t since_ms = explained_ms(d, r, cell);

		d->since_ms = since_ms > 0 ? since_ms : x->now_ms;
		d->moved_ms = since_ms;
		d->confirmed_ms = 0;
	}
}

static void
set_cell(struct comparer *c, unsigned column, int64_t cell, struct change *x)
{
	int64_t *at = &table_column(c->table, column)[x->row];
	enum state was[RULES_MAX];
	uint64_t rules = c->rules_of[column];

	if (*at == cell)
		return;
	for (uint64_t m = rules; m != 0; m &= m - 1)
		was[__builtin_ctzll(m)] =
		    compare_judge(c, &c->rules[__builtin_ctzll(m)], x->row);
	x->old = *at;
	*at = cell;
	c->sides[x->side].changed_ms = x->now_ms;
	if (c->on_change != NULL && x->old != CELL_ABSENT && cell != CELL_ABSENT)
		c->on_change(c->arg, column, x->row);
	for (uint64_t m = rules; m != 0; m &= m - 1) {
		unsigned rule = (unsigned)__builtin_ctzll(m);
		enum state state = compare_judge(c, &c->rules[rule], x->row);

		if (was[rule] >= DIFFERS || state >= DIFFERS || was[rule] != state)
			step(c, rule, was[rule], state, x);
	}
}

/* The side has no such key any more. */
static void
forget_row(struct comparer *c, unsigned side, uint32_t row)
{
	struct side *s = &c->sides[side];
	struct change x = {row, side, 0, s->read_ms, s->before_ms};

	table_marks(c->table, side)[row] = 0;
	for (unsigned i = 0; i < c->n_columns; i++)
		if (c->side_of[i] == side)
			set_cell(c, i, CELL_ABSENT, &x);
}

/* ---- records ---- */

void
compare_batch(struct comparer *c, unsigned side, uint32_t flags, int64_t read_ms)
{
	struct side *s = &c->sides[side];

	if (read_ms > s->read_ms) {
		/* Keys that are read again tell nothing of when the others were as they are. */
		s->before_ms = s->all_ms;
		s->read_ms = read_ms;
		if (!(flags & TW_BATCH_KEYS))
			s->all_ms = read_ms;
	}
	if (!(flags & TW_BATCH_SCAN) || !(flags & TW_BATCH_FIRST) || (flags & TW_BATCH_UNCHANGED))
		return;
	s->scan = (uint8_t)(s->scan % SCANS + 1);
	s->is_scanning = true;
	s->began_ms = read_ms;
	s->scan_rows = s->n_duplicates = s->n_negative = 0;
}

/* Its mark; a scan counts what it sees, and what it sees twice. */
static void
mark(struct comparer *c, unsigned side, uint32_t row, bool is_of_scan)
{
	struct side *s = &c->sides[side];
	uint8_t *at = &table_marks(c->table, side)[row];

	if (is_of_scan) {
		s->scan_rows++;
		s->n_duplicates += *at == s->scan;
		*at = s->scan;
	} else if (*at != s->scan) {
		*at = (uint8_t)(s->scan | MARK_BESIDE);
	}
}

bool
compare_record(struct comparer *c, unsigned side, const char *key, size_t len,
    const int64_t *cells, int64_t time_ms)
{
	struct side *s = &c->sides[side];
	uint32_t row = table_add(c->table, key, len);
	struct change x = {row, side, 0, s->read_ms, s->before_ms};

	if (row == ROW_NONE)
		return false;
	mark(c, side, row, s->is_scanning);
	if (time_ms > s->newest_ms)
		s->newest_ms = time_ms;
	if (time_ms > s->before_ms && time_ms <= s->read_ms)
		x.moved_ms = time_ms;
	for (unsigned i = 0; i < c->n_columns; i++) {
		if (c->side_of[i] != side)
			continue;
		s->n_negative += s->is_scanning && value_is_amount(*cells) && *cells < 0;
		set_cell(c, i, *cells++, &x);
	}
	return true;
}

/* All rows of a rule anew: one of its sides has become known. */
static void
judge_all(struct comparer *c, unsigned rule, int64_t now_ms)
{
	memset(c->tally[rule], 0, sizeof(c->tally[rule]));
	for (uint32_t row = 0; row < table_rows(c->table); row++) {
		enum state state = compare_judge(c, &c->rules[rule], row);

		if (state != NOT_COMPARED)
			c->tally[rule][state]++;
		if (state >= DIFFERS && find(c, row, rule) == NULL)
			(void)open_difference(c, row, rule, now_ms);
	}
}

static void
end_scan(struct comparer *c, unsigned side)
{
	struct side *s = &c->sides[side];
	const uint8_t *marks = table_marks(c->table, side);

	s->is_scanning = false;
	for (uint32_t row = 0; row < table_rows(c->table); row++)
		if (marks[row] != 0 && (marks[row] & ~MARK_BESIDE) != s->scan)
			forget_row(c, side, row);
	s->scan_ms = s->read_ms;
	s->whole_ms = s->began_ms;
	s->whole_rows = s->scan_rows - s->n_duplicates;
	if (s->is_whole)
		return;
	s->is_whole = true;
	for (unsigned i = 0; i < c->n_rules; i++)
		if (c->rules[i].reference == side || c->rules[i].source == side)
			judge_all(c, i, s->read_ms);
}

/* What is asked again, and of which nothing was said. */
static void
unmark_asked(struct comparer *c, unsigned side, bool is_gone)
{
	uint8_t *marks = table_marks(c->table, side);

	for (size_t i = 0; i < c->n_asked; i++) {
		if (marks[c->asked[i]] != MARK_ASKED)
			continue;
		if (is_gone)
			forget_row(c, side, c->asked[i]);
		else
			marks[c->asked[i]] = (uint8_t)(c->sides[side].scan | MARK_BESIDE);
	}
}

void
compare_batch_end(struct comparer *c, unsigned side, uint32_t flags)
{
	struct side *s = &c->sides[side];

	if (!(flags & TW_BATCH_LAST))
		return;
	s->is_answered |= s->is_asked && (flags & TW_BATCH_ASKED);
	if (flags & TW_BATCH_UNCHANGED) {
		unmark_asked(c, side, false);
		if (s->is_whole && (flags & TW_BATCH_SCAN))
			s->scan_ms = s->whole_ms = s->read_ms;
	} else if ((flags & TW_BATCH_SCAN) && s->is_scanning) {
		end_scan(c, side);
	}
}

/* ---- reading again ---- */

static int
by_turn(const void *a, const void *b)
{
	const struct difference *x = *(const struct difference *const *)a,
				*y = *(const struct difference *const *)b;

	if (x->asked_ms != y->asked_ms)
		return x->asked_ms < y->asked_ms ? -1 : 1;
	if (x->since_ms != y->since_ms)
		return x->since_ms < y->since_ms ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static bool
is_due(const struct comparer *c, const struct difference *d, int64_t now_ms)
{
	return now_ms - d->since_ms >= c->rules[difference_rule(d)].grace_ms;
}

/* Those that are due, in the order in which they are read again; from malloc, how many in *n. */
static struct difference **
list_due(struct comparer *c, int64_t now_ms, size_t *n)
{
	struct difference **list = calloc(c->n_open + 1, sizeof(struct difference *)), *d, *next;

	*n = 0;
	HASH_ITER(hh, c->open, d, next) {
		d->is_asked = d->is_traced = false;
		if (list != NULL && is_due(c, d, now_ms))
			list[(*n)++] = d;
	}
	if (list != NULL)
		qsort(list, *n, sizeof(struct difference *), by_turn);
	return list;
}

size_t
compare_ask(struct comparer *c, int64_t now_ms, size_t n, size_t bytes)
{
	uint32_t *rows = reallocarray(c->asked, n + 1, sizeof(*rows));
	struct difference **list;
	size_t n_due, used = 0;

	c->n_asked = 0;
	for (unsigned i = 0; i < c->n_sides; i++)
		c->sides[i].is_asked = c->sides[i].is_answered = false;
	if (rows == NULL)
		return 0;
	c->asked = rows;
	list = list_due(c, now_ms, &n_due);
	for (size_t i = 0; i < n_due && c->n_asked < n && used < bytes; i++) {
		uint32_t row = difference_row(list[i]);

		list[i]->is_asked = true;
		if (c->n_asked > 0 && rows[c->n_asked - 1] == row)
			continue;
		rows[c->n_asked++] = row;
		used += strlen(table_key(c->table, row));
	}
	free(list);
	return c->n_asked;
}

void
compare_ask_side(struct comparer *c, unsigned side)
{
	uint8_t *marks = table_marks(c->table, side);

	c->sides[side].is_asked = true;
	c->sides[side].is_answered = false;
	for (size_t i = 0; i < c->n_asked; i++)
		if (marks[c->asked[i]] != 0)
			marks[c->asked[i]] = MARK_ASKED;
}

void
compare_asked_side(struct comparer *c, unsigned side)
{
	unmark_asked(c, side, c->sides[side].is_answered);
}

/* Has the side been seen since the difference was past its grace? */
static bool
is_seen(const struct side *s, const struct difference *d, int64_t due_ms)
{
	return (d->is_asked && s->is_answered) || s->whole_ms > due_ms;
}

void
compare_confirm(struct comparer *c, int64_t now_ms)
{
	struct difference *d, *next;

	HASH_ITER(hh, c->open, d, next) {
		const struct rule *r = &c->rules[difference_rule(d)];
		int64_t due_ms = d->since_ms + r->grace_ms;

		if (now_ms >= due_ms && is_seen(&c->sides[r->reference], d, due_ms)
		    && is_seen(&c->sides[r->source], d, due_ms)) {
			d->asked_ms = now_ms;
			if (d->confirmed_ms == 0)
				d->confirmed_ms = now_ms;
		}
		d->is_asked = false;
	}
}

/* ---- totals ---- */

static int
by_age(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* By how much the system is off. */
static double
distance(const struct comparer *c, const struct rule *r, uint32_t row)
{
	struct range e = compare_expected(r, table_column(c->table, r->reference_column)[row]);
	struct range v = value_range(r->rules, table_column(c->table, r->column)[row]);

	if (is_anything(e) || is_anything(v))
		return 0;
	return (double)(v.low > e.high ? v.low - e.high : e.low - v.high) / VALUE_SCALE;
}

int
compare_totals(struct comparer *c, unsigned rule, int64_t now_ms, struct totals *t)
{
	const struct rule *r = &c->rules[rule];
	const uint64_t *tally = c->tally[rule];
	int64_t *ages = malloc((c->n_open + 1) * sizeof(*ages));
	struct difference *d, *next;
	size_t n = 0;

	*t = (struct totals){.n_same = tally[SAME],
	    .n_compared = tally[SAME] + tally[DIFFERS] + tally[MISSING] + tally[GHOST],
	    .n_open = tally[DIFFERS] + tally[MISSING] + tally[GHOST]};
	if (ages == NULL)
		return -ENOMEM;
	HASH_ITER(hh, c->open, d, next) {
		enum state state;

		if (difference_rule(d) != rule || d->confirmed_ms == 0)
			continue;
		state = compare_judge(c, r, difference_row(d));
		t->n_drift += state == DIFFERS;
		t->n_missing += state == MISSING;
		t->n_ghost += state == GHOST;
		if (state == DIFFERS)
			t->units += distance(c, r, difference_row(d));
		ages[n++] = now_ms - d->since_ms;
	}
	qsort(ages, n, sizeof(*ages), by_age);
	for (int i = 0; i < 3 && n > 0; i++)
		t->age_ms[i] = ages[i == 2 ? n - 1 : (n - 1) * (i == 0 ? 50 : 95) / 100];
	free(ages);
	return 0;
}
