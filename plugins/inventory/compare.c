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

/* Wide enough for most of OPEN_MAX from the beginning: while uthash spreads its entries out anew
 * nobody else has his turn. 256 KiB. */
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 16384u
#define HASH_INITIAL_NUM_BUCKETS_LOG2 14u

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
	for (unsigned i = 0; i < c->n_sides; i++)
		c->sides[i].swept = ALL_ROWS;
	c->table = table_new(c->n_columns, c->n_sides);
	return c->table != NULL ? 0 : -ENOMEM;
}

static void
close_difference(struct comparer *c, struct difference *d)
{
	HASH_DEL(c->open, d);
	free(d->past);
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

bool
compare_is_known(const struct side *s)
{
	return s->is_whole || s->is_sampled;
}

/* Of what a sampled side has not shown nobody knows. */
static bool
is_unseen(const struct side *s, int64_t cell)
{
	return s->is_sampled && cell == CELL_ABSENT;
}

static int64_t
simple(int64_t cell)
{
	return cell == CELL_GONE ? CELL_ABSENT : cell == CELL_UNREADABLE ? CELL_NULL : cell;
}

static enum state
judge(const struct rule *r, int64_t reference, int64_t cell)
{
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
	int64_t reference, cell;

	if (row >= r->judged)
		return NOT_COMPARED;
	reference = table_cell(c->table, r->reference_column, row);
	cell = table_cell(c->table, r->column, row);
	if (is_unseen(&c->sides[r->reference], reference) || is_unseen(&c->sides[r->source], cell))
		return NOT_COMPARED;
	return judge(r, simple(reference), simple(cell));
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
	d->since_ms = now_ms;
	since_ms = c->was_open != NULL ? c->was_open(c->arg, c, row, rule) : 0;
	if (since_ms > 0 && since_ms < now_ms)
		d->since_ms = since_ms;
	HASH_ADD(hh, c->open, id, sizeof(d->id), d);
	c->n_open++;
	return d;
}

static void
remember(struct difference *d, int64_t cell, int64_t until_ms)
{
	struct past_cells *p = d->past;

	if (p == NULL && (p = d->past = calloc(1, sizeof(*p))) == NULL)
		return; /* then it explains nothing */
	if (p->n == PAST_MAX)
		memmove(p->of, p->of + 1, (PAST_MAX - 1) * sizeof(*p->of));
	else
		p->n++;
	p->of[p->n - 1].cell = cell;
	p->of[p->n - 1].until_ms = until_ms;
}

/* When has the reference last said what the system shows now? 0: never, as far as is known. */
static int64_t
explained_ms(const struct difference *d, const struct rule *r, int64_t cell)
{
	const struct past_cells *p = d->past;

	if (p == NULL || !value_is_said(cell))
		return 0;
	for (unsigned i = p->n; i-- > 0;)
		if (value_is_said(p->of[i].cell) && compare_agrees(r, p->of[i].cell, cell))
			return p->of[i].until_ms;
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
	/* A sampled side is looked at too rarely to say how long it took. */
	if (state == SAME && x->side == r->source && d->moved_ms > 0 && c->on_lag != NULL
	    && !c->sides[x->side].is_sampled)
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
		int64_t cell = table_cell(c->table, r->column, x->row);
		int64_t since_ms = explained_ms(d, r, cell);

		d->since_ms = since_ms > 0 ? since_ms : x->now_ms;
		d->moved_ms = since_ms;
		d->confirmed_ms = 0;
	}
}

static void
set_cell(struct comparer *c, unsigned column, int64_t cell, struct change *x)
{
	enum state was[RULES_MAX];
	uint64_t rules = c->rules_of[column];

	x->old = table_cell(c->table, column, x->row);
	if (x->old == cell)
		return;
	for (uint64_t m = rules; m != 0; m &= m - 1)
		if (x->row >= c->rules[__builtin_ctzll(m)].judged)
			rules &= ~(m & -m); /* its turn is still to come */
	for (uint64_t m = rules; m != 0; m &= m - 1)
		was[__builtin_ctzll(m)] =
		    compare_judge(c, &c->rules[__builtin_ctzll(m)], x->row);
	if (!table_put(c->table, column, x->row, cell))
		return;
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

/* The side has no such key any more, as a reading of that time has shown. */
static void
forget_row(struct comparer *c, unsigned side, uint32_t row, int64_t gone_ms)
{
	struct side *s = &c->sides[side];
	struct change x = {row, side, 0, gone_ms, s->before_ms};

	if (!s->is_sampled) {
		s->n_rows -= *table_mark(c->table, side, row) != 0;
		*table_mark(c->table, side, row) = 0;
	}
	for (unsigned i = 0; i < c->n_columns; i++)
		if (c->side_of[i] == side)
			set_cell(c, i, s->is_sampled ? CELL_GONE : CELL_ABSENT, &x);
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
	if (flags & TW_BATCH_SAMPLE) {
		s->is_sampled = true;
		s->scan = 1; /* never over: its rows are marked with it */
		return;
	}
	if (!(flags & TW_BATCH_SCAN) || !(flags & TW_BATCH_FIRST) || (flags & TW_BATCH_UNCHANGED))
		return;
	s->scan = (uint8_t)(s->scan % SCANS + 1);
	s->is_scanning = true;
	s->is_answer = (flags & TW_BATCH_ASKED) != 0;
	s->began_ms = read_ms;
	s->n_before = s->n_rows;
	s->n_again = s->n_holes = 0;
	s->scan_rows = s->n_duplicates = s->n_negative = 0;
}

/* Its mark; a scan counts what it sees, and what it sees twice. */
static void
mark(struct comparer *c, unsigned side, uint32_t row, bool is_of_scan)
{
	struct side *s = &c->sides[side];
	uint8_t *at = table_mark(c->table, side, row);

	s->n_rows += *at == 0;
	if (is_of_scan) {
		s->n_again += *at != 0 && *at != s->scan;
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

void
compare_holes(struct comparer *c, unsigned side, uint64_t n)
{
	c->sides[side].n_holes += n;
}

bool
compare_gone(struct comparer *c, unsigned side, const char *key, size_t len)
{
	uint32_t row = table_add(c->table, key, len);

	if (row == ROW_NONE)
		return false;
	if (c->sides[side].is_sampled)
		mark(c, side, row, false);
	forget_row(c, side, row, c->sides[side].read_ms);
	return true;
}

/* What is read again, and is not in it: see unmark_asked. */
static void
end_scan(struct side *s)
{
	uint64_t n_unseen = s->n_before > s->n_again ? s->n_before - s->n_again : 0;

	s->is_scanning = false;
	s->whole_scan = s->scan;
	s->swept = n_unseen > 0 && n_unseen <= s->n_holes ? ALL_ROWS : 0;
	s->scan_ms = s->read_ms;
	s->whole_ms = s->began_ms;
	s->whole_rows = s->scan_rows - s->n_duplicates;
	s->is_whole = true;
}

/* ---- what a whole scan has shown, piece by piece ---- */

/* Rows that the newest whole scan did not see. */
static void
sweep_side(struct comparer *c, unsigned side, uint32_t to)
{
	struct side *s = &c->sides[side];

	for (; s->swept < to; s->swept++) {
		uint8_t mark = *table_mark(c->table, side, s->swept),
			scan = mark & (uint8_t)~MARK_BESIDE;

		/* The next scan may be on its way. */
		if (mark != 0 && mark != MARK_ASKED && scan != s->whole_scan && scan != s->scan)
			forget_row(c, side, s->swept, s->scan_ms);
	}
}

static int64_t
known_ms(const struct side *s)
{
	return s->is_sampled ? s->read_ms : s->scan_ms;
}

/* Both sides of a rule have become known. */
static void
judge_rows(struct comparer *c, unsigned rule, uint32_t to)
{
	struct rule *r = &c->rules[rule];
	int64_t a_ms = known_ms(&c->sides[r->reference]), b_ms = known_ms(&c->sides[r->source]);

	for (uint32_t row = r->judged; row < to; row++) {
		enum state state;

		r->judged = row + 1;
		state = compare_judge(c, r, row);
		if (state != NOT_COMPARED)
			c->tally[rule][state]++;
		if (state >= DIFFERS)
			(void)open_difference(c, row, rule, a_ms > b_ms ? a_ms : b_ms);
	}
}

/* The place to which work goes on; n loses what that takes. */
static uint32_t
settle_to(const struct comparer *c, uint32_t from, uint32_t *n)
{
	uint32_t left = table_rows(c->table) - from, most = left < *n ? left : *n;

	*n -= most;
	return from + most;
}

bool
compare_settle(struct comparer *c, uint32_t n)
{
	for (unsigned i = 0; i < c->n_sides; i++) {
		struct side *s = &c->sides[i];

		if (!s->is_whole || s->swept == ALL_ROWS)
			continue;
		sweep_side(c, i, settle_to(c, s->swept, &n));
		if (s->swept < table_rows(c->table))
			return true;
		s->swept = ALL_ROWS;
	}
	for (unsigned i = 0; i < c->n_rules; i++) {
		struct rule *r = &c->rules[i];

		if (r->judged == ALL_ROWS || !compare_is_known(&c->sides[r->reference])
		    || !compare_is_known(&c->sides[r->source]))
			continue;
		judge_rows(c, i, settle_to(c, r->judged, &n));
		if (r->judged < table_rows(c->table))
			return true;
		r->judged = ALL_ROWS;
	}
	return false;
}

/* ---- keys that were read again ---- */

/* A sampled side was asked for it in vain: its differences wait for another time. */
static void
put_off(struct comparer *c, unsigned side, uint32_t row)
{
	for (unsigned i = 0; i < c->n_rules; i++) {
		const struct rule *r = &c->rules[i];
		struct difference *d =
		    r->source == side || r->reference == side ? find(c, row, i) : NULL;

		if (d == NULL)
			continue;
		d->is_asked = false;
		d->asked_ms = c->sides[side].read_ms;
	}
}

/* What is asked again, and of which nothing was said. */
static void
unmark_asked(struct comparer *c, unsigned side, bool is_gone)
{
	const struct side *s = &c->sides[side];

	for (size_t i = 0; i < c->n_asked; i++) {
		uint8_t *mark = table_mark(c->table, side, c->asked[i]);

		if (*mark != MARK_ASKED)
			continue;
		if (s->is_sampled)
			put_off(c, side, c->asked[i]);
		if (is_gone && !s->is_sampled)
			forget_row(c, side, c->asked[i], s->read_ms);
		else
			*mark = (uint8_t)(s->scan | MARK_BESIDE);
	}
}

void
compare_batch_end(struct comparer *c, unsigned side, uint32_t flags)
{
	struct side *s = &c->sides[side];

	if (s->is_sampled) { /* each row for itself: see unmark_asked */
		s->is_answered |= s->is_asked && (flags & TW_BATCH_ASKED);
		(void)compare_settle(c, SETTLE_ROWS);
	}
	if (!(flags & TW_BATCH_LAST))
		return;
	/* A scan that began before has shown what was asked for before it was. */
	s->is_answered |= s->is_asked && (flags & TW_BATCH_ASKED)
	    && (!s->is_scanning || s->is_answer || (flags & TW_BATCH_UNCHANGED));
	if (flags & TW_BATCH_UNCHANGED) {
		unmark_asked(c, side, false);
		if (s->is_whole && (flags & TW_BATCH_SCAN))
			s->scan_ms = s->whole_ms = s->read_ms;
	} else if ((flags & TW_BATCH_SCAN) && s->is_scanning) {
		end_scan(s);
		(void)compare_settle(c, SETTLE_ROWS);
	}
}

/* ---- reading again ---- */

static bool
is_due(const struct comparer *c, const struct difference *d, int64_t now_ms)
{
	return now_ms - d->since_ms >= c->rules[difference_rule(d)].grace_ms;
}

/* Those that are due; from malloc, how many in *n. */
static struct ranked *
list_due(struct comparer *c, int64_t now_ms, size_t *n)
{
	struct ranked *list = malloc((c->n_open + 1) * sizeof(*list));
	struct difference *d, *next;

	*n = 0;
	HASH_ITER(hh, c->open, d, next) {
		d->is_asked = d->is_traced = false;
		if (list != NULL && is_due(c, d, now_ms))
			list[(*n)++] = ranked_of(d, d->asked_ms);
	}
	return list;
}

size_t
compare_ask(struct comparer *c, int64_t now_ms, size_t n, size_t bytes)
{
	uint32_t *rows = reallocarray(c->asked, n + 1, sizeof(*rows));
	struct ranked *list;
	size_t n_due, used = 0;

	c->n_asked = 0;
	for (unsigned i = 0; i < c->n_sides; i++)
		c->sides[i].is_asked = c->sides[i].is_answered = false;
	if (rows == NULL)
		return 0;
	c->asked = rows;
	list = list_due(c, now_ms, &n_due);
	/* All rules may differ in a row: with so many it is n rows. */
	n_due = ranked_first(list, n_due, n * c->n_rules);
	for (size_t i = 0; i < n_due && c->n_asked < n && used < bytes; i++) {
		uint32_t row = difference_row(list[i].d);

		list[i].d->is_asked = true;
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
	c->sides[side].is_asked = true;
	c->sides[side].is_answered = false;
	for (size_t i = 0; i < c->n_asked; i++) {
		uint8_t *mark = table_mark(c->table, side, c->asked[i]);

		if (*mark != 0)
			*mark = MARK_ASKED;
	}
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

/* By how much the system is off. */
static double
distance(const struct comparer *c, const struct rule *r, uint32_t row)
{
	struct range e = compare_expected(r, table_cell(c->table, r->reference_column, row));
	struct range v = value_range(r->rules, table_cell(c->table, r->column, row));

	if (is_anything(e) || is_anything(v) || e.low > VALUE_MAX || v.low > VALUE_MAX)
		return 0;             /* a currency is no amount */
	return (double)(v.low > e.high ? v.low - e.high : e.low - v.high) / VALUE_SCALE;
}

static void
add_to_totals(const struct comparer *c, const struct difference *d, struct totals *t)
{
	const struct rule *r = &c->rules[difference_rule(d)];
	enum state state = compare_judge(c, r, difference_row(d));

	t->n_drift += state == DIFFERS;
	t->n_missing += state == MISSING;
	t->n_ghost += state == GHOST;
	if (state == DIFFERS)
		t->units += distance(c, r, difference_row(d));
}

static void
find_ages(struct ranked *list, size_t n, int64_t now_ms, struct totals *t)
{
	static const unsigned shares[] = {50, 95, 100};

	for (size_t i = 0; i < 3 && n > 0; i++) {
		size_t at = (n - 1) - (n - 1) * shares[i] / 100; /* the oldest is the first */

		ranked_part(list, n, at);
		t->age_ms[i] = now_ms - list[at].since_ms;
	}
}

int
compare_totals(struct comparer *c, int64_t now_ms, struct totals *t)
{
	/* The confirmed ones by rule; where each rule's begin, and end so far. */
	struct ranked *list = malloc((c->n_open + 1) * sizeof(*list));
	struct difference *d, *next;
	size_t from[RULES_MAX + 1] = {0}, to[RULES_MAX];

	for (unsigned i = 0; i < c->n_rules; i++) {
		const uint64_t *tally = c->tally[i];

		t[i] = (struct totals){.n_same = tally[SAME],
		    .n_open = tally[DIFFERS] + tally[MISSING] + tally[GHOST]};
		t[i].n_compared = t[i].n_same + t[i].n_open;
	}
	if (list == NULL)
		return -ENOMEM;
	HASH_ITER(hh, c->open, d, next)
		from[difference_rule(d) + 1] += d->confirmed_ms > 0;
	for (unsigned i = 0; i < RULES_MAX; i++) {
		to[i] = from[i];
		from[i + 1] += from[i];
	}
	HASH_ITER(hh, c->open, d, next) {
		if (d->confirmed_ms == 0)
			continue;
		list[to[difference_rule(d)]++] = ranked_of(d, 0);
		add_to_totals(c, d, &t[difference_rule(d)]);
	}
	for (unsigned i = 0; i < c->n_rules; i++)
		find_ages(list + from[i], to[i] - from[i], now_ms, &t[i]);
	free(list);
	return 0;
}
