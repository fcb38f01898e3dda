/*
 * view_stock_keys.c - the panes Keys and Orders of the view Stock: single keys and orders come from
 * the newest run record that is not younger than the cursor; counts come from series.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/view_stock.h"

#define ORDERS_TOLD 5                   /* single ones that are named */

/* The record of that moment; NULL. */
static const struct key_run *
run_at(const struct frame *f, const char *probe)
{
	const struct key_runs *runs = stock_runs(f->charts->stock, probe);
	double t = f->at >= 0 ? (double)axis_time(f->chart.axis, f->at) / 1e3 : INFINITY;

	for (int i = 0; runs != NULL && i < runs->n; i++)
		if (runs->at[i].at <= t)
			return &runs->at[i];
	return NULL;
}

static double
age_of(const struct frame *f, const struct key_row *k)
{
	double now = f->at >= 0 ? (double)axis_time(f->chart.axis, f->at) / 1e3
				: (double)f->ui->now_ms / 1e3;

	return fmax(now - k->since, 0);
}

/* The whole text as a number; NAN. */
static double
number(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	return end != text && *end == '\0' ? v : NAN;
}

/* ---- Keys ---- */

/* What a difference does: one that sells what is not there is worse than one that hides. */
static const char *
effect(const struct key_row *k, enum state *state)
{
	struct stock_row row = {.probe = ""};
	double has = number(k->has), shows = number(k->shows);

	snprintf(row.field, sizeof(row.field), "%s", k->what);
	*state = STATE_WARN;
	if (strcmp(k->state, "differs") != 0 || !stock_is_amount(&row))
		return k->state;
	if (shows > has) {
		*state = STATE_CRIT;
		return "oversold";
	}
	return shows <= 0 && has > 0 ? "hidden" : "differs";
}

static bool
is_of_row(const struct key_row *k, const struct stock_row *row)
{
	return strcmp(k->of, row->of) == 0 && strcmp(k->what, row->field) == 0;
}

static const struct key_row *
first_of_row(const struct key_run *run, const struct stock_row *row)
{
	for (int i = 0; run != NULL && i < run->n; i++)
		if (is_of_row(&run->rows[i], row))
			return &run->rows[i];
	return NULL;
}

int
keys_rows(const struct frame *f, const struct stock_row *row)
{
	const struct key_run *run = run_at(f, row->probe);
	int n = 0;

	for (int i = 0; run != NULL && i < run->n; i++)
		n += is_of_row(&run->rows[i], row);
	return n > 0 ? n + 2 : 3;
}

static void
draw_key(struct cellbuf *b, struct rect r, const struct frame *f, int y, const struct columns *k,
    const struct column *c, const struct key_row *key)
{
	double by = number(key->shows) - number(key->has);
	enum state state;
	const char *what = effect(key, &state);
	char text[FORMAT_TEXT];

	put_cp(b, r, 0, y, state_sign(state), STYLE(state_role(state)));
	columns_text(b, r, y, k, 1, c, key->key, STYLE(ROLE_NORMAL));
	columns_text(b, r, y, k, 2, c, key->shows, STYLE(ROLE_NORMAL));
	columns_text(b, r, y, k, 3, c, key->has, STYLE(ROLE_NORMAL));
	if (isfinite(by)) {
		snprintf(text, sizeof(text), "%+.6g", by);
		columns_text(b, r, y, k, 4, c, text, STYLE(ROLE_NORMAL));
	}
	columns_text(b, r, y, k, 5, c, format_age(age_of(f, key), text), STYLE(ROLE_NORMAL));
	columns_text(b, r, y, k, 6, c, what, STYLE(state_role(state)));
}

static void
keys_waiting(struct cellbuf *b, struct rect r, const struct frame *f, const struct stock_row *row,
    const struct key_run *run)
{
	double drift = stock_value(f, row, S_DRIFT);

	if (drift == 0)
		w_waiting(b, r, "no key differs longer than grace");
	else if (run == NULL)
		w_waiting(b, r, "no run record of this time");
	else if (drift > 0)
		w_waiting(b, r,
		    run->n > 0 ? "older ones of other sources and fields fill the record"
			       : "the record of this time names no key");
	else
		w_waiting(b, r, "not compared at this time");
}

void
keys_draw(struct cellbuf *b, struct rect r, const struct frame *f, const struct stock_row *row)
{
	const struct key_run *run = run_at(f, row->probe);
	const struct key_row *first = first_of_row(run, row);
	char reference[64], source[72];
	const struct column c[] = {{"", 1, 1, 20}, {"key", 10, 30, 19}, {source, 10, 20, 18},
	    {reference, 8, 18, 17}, {"by>", 6, 9, 10}, {"age>", 6, 7, 12}, {"", 8, 10, 8}};
	char title[180], right[80] = "", t[FORMAT_TEXT], total[FORMAT_TEXT];
	struct columns k;
	struct rect in;
	int y = 1;

	snprintf(title, sizeof(title), "Drifting longest: %s %s", row->of, row->field);
	if (run != NULL)
		snprintf(right, sizeof(right), "of %s, as of %s",
		    format_amount(stock_value(f, row, S_DRIFT), total),
		    format_clock((int64_t)(run->at * 1e3), f->ui->utc, true, t));
	in = rect_inset(w_pane(b, r, title, right, false), 1, 0, 1, 0);
	if (first == NULL) {
		keys_waiting(b, in, f, row, run);
		return;
	}
	snprintf(source, sizeof(source), "%s>", row->of);
	snprintf(reference, sizeof(reference), "%s>", first->reference);
	columns_fit(&k, c, 7, in.w, -1);
	columns_head(b, in, 0, &k, c);
	for (int i = 0; i < run->n && y < in.h; i++)
		if (is_of_row(&run->rows[i], row))
			draw_key(b, in, f, y++, &k, c, &run->rows[i]);
}

/* ---- Orders ---- */

/* Money that is taken for nothing, or twice, is for now; the rest for the working day. */
static enum state
fault_state(const struct frame *f, const struct stock_row *r)
{
	double n = stock_value(f, r, S_FAULTS);

	if (!isfinite(n))
		return STATE_STALE;
	if (n <= 0)
		return STATE_OK;
	return strcmp(r->of, "paid_without_order") == 0 || strcmp(r->of, "charged_twice") == 0
	    ? STATE_CRIT
	    : STATE_WARN;
}

/* Faults that are there, worst first; how many. */
static int
fault_order(const struct frame *f, int idx[FAULTS_MAX])
{
	const struct stock_rows *rows = &f->charts->stock->faults;
	int n = 0;

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < rows->n; i++)
			if (fault_state(f, &rows->at[i]) == (pass == 0 ? STATE_CRIT : STATE_WARN))
				idx[n++] = i;
	return n;
}

enum state
orders_state(const struct frame *f)
{
	const struct stock_rows *rows = &f->charts->stock->faults;
	int idx[FAULTS_MAX], n = fault_order(f, idx);

	if (n > 0)
		return fault_state(f, &rows->at[idx[0]]);
	for (int i = 0; i < rows->n; i++)
		if (fault_state(f, &rows->at[i]) == STATE_OK)
			return STATE_OK;
	return STATE_STALE;
}

/* Orders of the newest record, of the probe of the first fault. */
static const struct key_run *
orders_run(const struct frame *f)
{
	const struct stock_rows *rows = &f->charts->stock->faults;

	return rows->n > 0 ? run_at(f, rows->at[0].probe) : NULL;
}

int
orders_rows(const struct frame *f)
{
	const struct key_run *run = orders_run(f);
	int idx[FAULTS_MAX], n = fault_order(f, idx), told = run != NULL ? run->n : 0;

	if (f->charts->stock->faults.n == 0)
		return 0;
	return 1 + (n > 0 ? n : 1) + (told < ORDERS_TOLD ? told : ORDERS_TOLD);
}

static void
words(char *dst, size_t cap, const char *name)
{
	snprintf(dst, cap, "%s", name);
	for (; *dst != '\0'; dst++)
		*dst = *dst == '_' ? ' ' : *dst;
}

static void
draw_fault(struct cellbuf *b, struct rect r, const struct frame *f, int y,
    const struct stock_row *row)
{
	enum state state = fault_state(f, row);
	double value = stock_value(f, row, S_FAULT_VALUE), age = stock_value(f, row, S_FAULT_AGE);
	char name[64], t[FORMAT_TEXT];
	int x = 33;

	words(name, sizeof(name), row->of);
	put_cp(b, r, 0, y, state_sign(state), STYLE(state_role(state)));
	put_field(b, r, 2, y, 22, name, STYLE(state_role(state)));
	put_right(b, r, 24, y, 7, format_amount(stock_value(f, row, S_FAULTS), t),
	    STYLE(ROLE_NORMAL));
	if (isfinite(value))
		x = put_fmt(b, r, x, y, STYLE(ROLE_NORMAL), "worth %s  ", format_amount(value, t));
	if (isfinite(age))
		put_fmt(b, r, x, y, STYLE(ROLE_DIM), "oldest %s", format_age(age, t));
}

static void
draw_order(struct cellbuf *b, struct rect r, const struct frame *f, int y, const struct key_row *k)
{
	char name[64], t[FORMAT_TEXT], v[FORMAT_TEXT], has[72] = "", paid[72] = "", text[400];

	words(name, sizeof(name), k->what);
	if (k->has[0] != '\0')
		snprintf(has, sizeof(has), "  ordered %s", k->has);
	if (k->shows[0] != '\0')
		snprintf(paid, sizeof(paid), "  paid %s", k->shows);
	snprintf(text, sizeof(text), "%-18s %-22s %8s%s%s", k->key, name,
	    isfinite(k->value) ? format_amount(k->value, v) : "", has, paid);
	put_field(b, r, 2, y, r.w - 10, text, STYLE(ROLE_DIM));
	put_right(b, r, r.w - 8, y, 8, format_age(age_of(f, k), t), STYLE(ROLE_DIM));
}

/* How well all orders of the probe are, as the compare of its first source tells. */
static double
orders_coherent(const struct frame *f, const char *probe)
{
	const struct stock_rows *flows = &f->charts->stock->flows;

	for (int i = 0; i < flows->n; i++)
		if (strcmp(flows->at[i].probe, probe) == 0
		    && strcmp(flows->at[i].field, "orders") == 0)
			return stock_value(f, &flows->at[i], S_COHERENT);
	return NAN;
}

/* "12 480 compared, 99.91 % agree, 95 % within 41.7 s". */
static void
orders_note(const struct frame *f, char *dst, size_t cap)
{
	const struct stock_data *d = f->charts->stock;
	const char *probe = d->faults.at[0].probe;
	double n = stock_value(f, stock_find(&d->sides, probe, "", ""), S_COMPARED), worst = NAN,
	       well = orders_coherent(f, probe);
	char a[FORMAT_TEXT], lag[FORMAT_TEXT];

	for (int i = 0; i < d->sides.n; i++) {
		double v = strcmp(d->sides.at[i].probe, probe) == 0
		    ? stock_value(f, &d->sides.at[i], S_ORDER_LAG)
		    : NAN;

		worst = isfinite(v) && !(worst >= v) ? v : worst;
	}
	snprintf(dst, cap, "%s compared", format_amount(n, a));
	if (isfinite(well))
		snprintf(dst + strlen(dst), cap - strlen(dst), ", %.2f %% agree", 100 * well);
	if (isfinite(worst))
		snprintf(dst + strlen(dst), cap - strlen(dst), ", 95 %% within %s",
		    format_lag(worst, lag));
}

void
orders_draw(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct stock_rows *rows = &f->charts->stock->faults;
	const struct key_run *run = orders_run(f);
	int idx[FAULTS_MAX], n = fault_order(f, idx), y = 0;
	char note[128], title[64] = "Orders", t[FORMAT_TEXT];
	double sum = 0;
	struct rect in;

	for (int i = 0; i < n; i++)
		sum += stock_value(f, &rows->at[idx[i]], S_FAULTS);
	if (sum > 0)
		snprintf(title, sizeof(title), "Orders: %s not right", format_amount(sum, t));
	orders_note(f, note, sizeof(note));
	in = rect_inset(w_pane(b, r, title, note, false), 1, 0, 1, 0);
	if (n == 0) {
		bool is_ok = orders_state(f) == STATE_OK;

		put_cp(b, in, 0, 0, state_sign(is_ok ? STATE_OK : STATE_STALE), STYLE(ROLE_DIM));
		put_text(b, in, 2, 0,
		    is_ok ? "every order is paid, booked and shipped as it should be"
			  : "not compared at this time",
		    STYLE(ROLE_DIM));
		return;
	}
	for (; y < n && y < in.h; y++)
		draw_fault(b, in, f, y, &rows->at[idx[y]]);
	for (int i = 0; run != NULL && i < run->n && i < ORDERS_TOLD && y < in.h; i++)
		draw_order(b, in, f, y++, &run->rows[i]);
}
