/*
 * view_stock.c - which systems say another stock or price than the reference, since when, and what
 * it costs; orders that are not right; and the map.
 *
 *     head        the probe of the selected row
 *     Flows       a row for each source and field of all inventory probes, worst first
 *     chart       of the selected row: how far behind it is, or (V) how many keys drift
 *     Exposure    what can be sold and is not there, what is there and cannot be bought
 *     Keys        that drift longest, with the value of each side, from the newest run record
 *     Orders      faults of orders, by kind
 *     map         of the shop; m shows it where there is no room for all
 *
 * Every number is that of the cursor. What nobody measures is left out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/layout.h"
#include "tui/stock.h"
#include "tui/view_stock.h"

#define FLOWS_SHOWN 14                  /* rows, where the rest needs the room */
#define WIDE 110                        /* columns for two panes beside each other */
#define EXPOSED_ROWS 10                 /* of the pane Exposure */
#define TALL 30                         /* rows for the map below all else */

enum { HEAD, FLOWS, CHART, EXPOSURE, KEYS, ORDERS, MAP, STOCK_PANES };

/* ---- head ---- */

static const struct probe_row *
probe_named(const struct frame *f, const char *name)
{
	for (int i = 0; f->status != NULL && i < f->status->n_probes; i++)
		if (strcmp(f->status->probes[i].name, name) == 0)
			return &f->status->probes[i];
	return NULL;
}

static void
draw_head(struct cellbuf *b, struct rect r, const struct frame *f, const char *probe)
{
	const struct probe_row *p = probe_named(f, probe);
	enum state state = p != NULL ? probe_state_at(f, p) : STATE_STALE;
	char t[FORMAT_TEXT];
	int x;

	put_cp(b, r, 1, 0, state_sign(state), STYLE(state_role(state)));
	x = put_text(b, r, 3, 0, probe, STYLE_BOLD(ROLE_TITLE)) + 2;
	x = put_text(b, r, x, 0, state_word(state), STYLE(state_role(state)));
	if (f->at >= 0)
		put_fmt(b, r, x, 0, STYLE(ROLE_DIM), " at %s", frame_time(f, t));
	else if (p != NULL && p->reason[0] != '\0')
		put_field(b, r, x + 2, 0, r.w - x - 2, p->reason,
		    STYLE(state == STATE_OK ? ROLE_DIM : state_role(state)));
}

/* ---- flows ---- */

enum { F_MARK, F_SOURCE, F_FIELD, F_HALF, F_MOST, F_LIMIT, F_CANARY, F_DRIFT, F_UNITS, F_OLDEST,
	F_OVERSELL, F_COHERENT, F_PROBE, F_TREND, F_COLUMNS };

/* What no row knows needs no column. */
static void
leave_out(const struct frame *f, const int *idx, int n, struct column c[F_COLUMNS])
{
	const struct stock_data *d = f->charts->stock;
	bool has_canary = false, has_limit = false, is_one_probe = true;

	for (int i = 0; i < d->sides.n; i++)
		has_canary |= d->sides.at[i].v[S_CANARY] != NULL
		    || d->sides.at[i].v[S_CANARY_PENDING] != NULL;
	for (int i = 0; i < n; i++) {
		has_limit |= isfinite(d->flows.at[idx[i]].limit_s);
		is_one_probe &=
		    strcmp(d->flows.at[idx[i]].probe, d->flows.at[idx[0]].probe) == 0;
	}
	if (!has_canary)
		c[F_CANARY].min = c[F_CANARY].want = 0;
	if (!has_limit)
		c[F_LIMIT].min = c[F_LIMIT].want = 0;
	if (is_one_probe)
		c[F_PROBE].min = c[F_PROBE].want = 0;
}

/* A canary is a number in stock: no price follows it. */
static void
canary_text(const struct frame *f, const struct stock_row *row, char dst[FORMAT_TEXT],
    struct style *st)
{
	const struct stock_row *side = stock_is_amount(row) ? stock_side(f, row) : NULL;
	double pending = stock_value(f, side, S_CANARY_PENDING),
	       lag = stock_value(f, side, S_CANARY);
	char t[FORMAT_TEXT];

	if (pending > 0)        /* written, and not seen yet */
		snprintf(dst, FORMAT_TEXT, ">%.*s", FORMAT_TEXT - 2, format_age(pending, t));
	else
		format_lag(lag, dst);
	if (stock_value(f, side, S_CANARY_LATE) > 0
	    || fmax(isfinite(pending) ? pending : 0, isfinite(lag) ? lag : 0) > row->limit_s)
		*st = STYLE(ROLE_WARN);
}

static void
coherent_text(const struct frame *f, const struct stock_row *row, char dst[FORMAT_TEXT])
{
	double mid = stock_value(f, row, S_COHERENT);

	if (isfinite(mid))
		snprintf(dst, FORMAT_TEXT, "%.2f (%.1f–%.1f)", 100 * mid,
		    100 * stock_value(f, row, S_COHERENT_LOW),
		    100 * stock_value(f, row, S_COHERENT_HIGH));
	else
		snprintf(dst, FORMAT_TEXT, "-");
}

static void
oversell_text(const struct frame *f, const struct stock_row *row, char dst[FORMAT_TEXT])
{
	const struct stock_row *side = stock_side(f, row);
	double units = stock_value(f, side, S_OVER_UNITS),
	       value = stock_value(f, side, S_OVER_VALUE);
	char a[FORMAT_TEXT], v[FORMAT_TEXT];

	if (!stock_is_amount(row) || !isfinite(units))
		snprintf(dst, FORMAT_TEXT, "-");
	else if (units > 0 && isfinite(value))
		snprintf(dst, FORMAT_TEXT, "%.20s · %.20s", format_amount(units, a),
		    format_amount(value, v));
	else
		format_amount(units, dst);
}

static void
draw_lags(struct cellbuf *b, struct rect r, const struct frame *f, int y, const struct columns *k,
    const struct column *c, const struct stock_row *row)
{
	double most = stock_value(f, row, S_LAG_MOST);
	struct style st = STYLE(ROLE_NORMAL);
	char t[FORMAT_TEXT], limit[FORMAT_TEXT] = "-";

	columns_text(b, r, y, k, F_HALF, c, format_lag(stock_value(f, row, S_LAG_HALF), t), st);
	columns_text(b, r, y, k, F_MOST, c, format_lag(most, t),
	    STYLE(most > row->limit_s ? ROLE_WARN : ROLE_NORMAL));
	if (isfinite(row->limit_s))
		snprintf(limit, sizeof(limit), "≤%.*s", FORMAT_TEXT - 5,
		    format_span((int64_t)(row->limit_s * 1e3), t));
	columns_text(b, r, y, k, F_LIMIT, c, limit, STYLE(ROLE_DIM));
	canary_text(f, row, t, &st);
	columns_text(b, r, y, k, F_CANARY, c, t, st);
}

static void
draw_trend(struct cellbuf *b, struct rect r, const struct frame *f, int y, const struct columns *k,
    const struct stock_row *row)
{
	struct series s = {.v = row->v[S_DRIFT]};
	double top = 1;

	if (k->w[F_TREND] == 0 || s.v == NULL)
		return;
	for (int i = 0; i < f->charts->axis.n; i++)
		if (isfinite(s.v[i]))
			top = fmax(top, (double)s.v[i]);
	w_spark(b, (struct rect){r.x + k->x[F_TREND], r.y + y, k->w[F_TREND], 1}, &f->chart, &s,
	    NULL, top);
}

static void
draw_flow(struct cellbuf *b, struct rect r, const struct frame *f, int y, const struct columns *k,
    const struct column *c, const struct stock_row *row)
{
	enum state state = stock_state(f, row);
	struct style st = STYLE(state == STATE_OK ? ROLE_NORMAL : state_role(state));
	double drift = stock_value(f, row, S_DRIFT), oldest = stock_value(f, row, S_AGE_OLDEST);
	char t[FORMAT_TEXT];

	put_cp(b, r, 0, y, state_sign(state), STYLE(state_role(state)));
	columns_text(b, r, y, k, F_SOURCE, c, row->of, st);
	columns_text(b, r, y, k, F_FIELD, c, row->field, STYLE(ROLE_NORMAL));
	draw_lags(b, r, f, y, k, c, row);
	columns_text(b, r, y, k, F_DRIFT, c, format_amount(drift, t), st);
	columns_text(b, r, y, k, F_UNITS, c, format_amount(stock_value(f, row, S_UNITS), t),
	    STYLE(ROLE_NORMAL));
	columns_text(b, r, y, k, F_OLDEST, c, format_age(drift > 0 ? oldest : NAN, t),
	    STYLE(ROLE_NORMAL));
	oversell_text(f, row, t);
	columns_text(b, r, y, k, F_OVERSELL, c, t, STYLE(ROLE_NORMAL));
	coherent_text(f, row, t);
	columns_text(b, r, y, k, F_COHERENT, c, t, STYLE(ROLE_NORMAL));
	columns_text(b, r, y, k, F_PROBE, c, row->probe, STYLE(ROLE_DIM));
	draw_trend(b, r, f, y, k, row);
}

static void
draw_flows(struct cellbuf *b, struct rect r, const struct frame *f, const int *idx, int n,
    int selected)
{
	struct column c[F_COLUMNS] = {{"", 1, 1, 20}, {"source", 11, 20, 20}, {"field", 9, 10, 18},
	    {"lag p50>", 7, 8, 9}, {"p95>", 6, 8, 14}, {"limit>", 5, 6, 8}, {"canary>", 6, 8, 10},
	    {"drift>", 5, 7, 16}, {"units>", 5, 8, 7}, {"oldest>", 6, 7, 12},
	    {"oversell>", 10, 14, 6}, {"coherent %>", 19, 20, 5}, {"probe", 8, 16, 4},
	    {"drifting", 12, 30, 3}};
	const struct stock_data *d = f->charts->stock;
	struct rect in;
	char title[64], right[64] = "worst first; lag over 1 h; drift is confirmed", t[FORMAT_TEXT];
	struct columns k;
	int first;

	snprintf(title, sizeof(title), f->at >= 0 ? "Flows at %.20s" : "Flows", frame_time(f, t));
	if (n + d->flows.n_left_out > r.h - 2)
		snprintf(right, sizeof(right), "%d of %d", r.h - 2, n + d->flows.n_left_out);
	in = rect_inset(w_pane(b, r, title, right, true), 1, 0, 0, 0);
	leave_out(f, idx, n, c);
	columns_fit(&k, c, F_COLUMNS, in.w, in.w > WIDE ? F_TREND : F_SOURCE);
	columns_head(b, in, 0, &k, c);
	first = selected + 1 < in.h ? 0 : selected + 2 - in.h;
	for (int i = 0; first + i < n && i + 1 < in.h; i++) {
		draw_flow(b, in, f, i + 1, &k, c, &d->flows.at[idx[first + i]]);
		if (first + i == selected && n > 1)
			put_attr(b, r, 0, i + 2, r.w, ATTR_REVERSE);
	}
}

/* ---- chart ---- */

static void
add_line(struct series *lines, int *n, float *v)
{
	if (v != NULL)
		lines[(*n)++].v = v;
}

static void
draw_chart(struct cellbuf *b, struct rect r, const struct frame *f, const struct stock_row *row)
{
	const struct stock_row *side = stock_side(f, row);
	bool is_drift = f->ui->shows_drift || row->v[S_LAG_MOST] == NULL;
	struct chart chart = f->chart;
	struct series lines[3] = {{.v = NULL}};
	char title[200], right[80], limit[FORMAT_TEXT], t[FORMAT_TEXT];
	int n = 0;

	snprintf(title, sizeof(title), "%s %s: %s", row->of, row->field,
	    is_drift ? "keys that differ" : "how far behind");
	if (is_drift) {
		add_line(lines, &n, row->v[S_DRIFT]);
		add_line(lines, &n, row->v[S_OPEN]);
		chart.is_count = true;
		w_line(b, w_pane(b, r, title, "─ confirmed  ─ with those on their way", false),
		    &chart, lines, n, NAN);
		return;
	}
	add_line(lines, &n, row->v[S_LAG_MOST]);
	add_line(lines, &n, row->v[S_LAG_HALF]);
	if (side != NULL && stock_is_amount(row))
		add_line(lines, &n, side->v[S_CANARY]);
	snprintf(limit, sizeof(limit), "  ┄ limit %.20s",
	    format_span((int64_t)((isfinite(row->limit_s) ? row->limit_s : 0) * 1e3), t));
	snprintf(right, sizeof(right), "─ p95  ─ p50%s%s", n > 2 ? "  ─ canary" : "",
	    isfinite(row->limit_s) ? limit : "");
	w_line(b, w_pane(b, r, title, right, false), &chart, lines, n, row->limit_s);
}

/* ---- exposure ---- */

/* "oversell 19 units worth 1 420", where it fits as a whole; returns the column for the next. */
static int
tell(struct cellbuf *b, struct rect r, int x, int y, const char *what, double n, const char *unit,
    double value, struct style st)
{
	char text[160], a[FORMAT_TEXT], v[FORMAT_TEXT];

	if (!isfinite(n))
		return x;
	snprintf(text, sizeof(text), "%s %s%s", format_amount(n, a), unit, n == 1 ? "" : "s");
	if (isfinite(value) && n > 0)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " worth %s",
		    format_amount(value, v));
	if (x + text_columns(what) + 1 + text_columns(text) > r.w)
		return x;
	x = put_fmt(b, r, x, y, STYLE(ROLE_DIM), "%s ", what);
	return put_text(b, r, x, y, text, n > 0 ? st : STYLE(ROLE_NORMAL)) + 3;
}

/* The facts of a source: one below the other, or in a row. */
static void
tell_side(struct cellbuf *b, struct rect r, const struct frame *f, int x, int y,
    const struct stock_row *side, bool is_list)
{
	static const struct {
		const char *what, *unit;
		enum stock_value n, value;
	} facts[] = {{"hidden", "key", S_UNDER_KEYS, S_UNDER_VALUE},
	    {"missing", "key", S_MISSING, STOCK_VALUES},
	    {"in no reference", "key", S_GHOST, STOCK_VALUES}};
	double per_hour = stock_value(f, side, S_UNDER_PER_HOUR);

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		double value = facts[i].value < STOCK_VALUES
		    ? stock_value(f, side, facts[i].value)
		    : NAN;
		int end = tell(b, r, x, y, facts[i].what, stock_value(f, side, facts[i].n),
		    facts[i].unit, value, STYLE(ROLE_WARN));

		if (is_list && i == 0 && per_hour > 0 && end + 14 < r.w)
			put_fmt(b, r, end - 1, y, STYLE(ROLE_DIM), "%.0f lost an hour", per_hour);
		y += is_list && end > x;
		x = is_list ? x : end;
	}
}

static int
tell_any(struct cellbuf *b, struct rect r, const struct frame *f, int x, int y,
    const struct stock_row *any)
{
	x = tell(b, r, x, y, "oversell", stock_value(f, any, S_OVER_UNITS), "unit",
	    stock_value(f, any, S_OVER_VALUE), STYLE_BOLD(ROLE_CRIT));
	return tell(b, r, x, y, "expected", stock_value(f, any, S_OVER_EXPECTED), "unit", NAN,
	    STYLE(ROLE_WARN));
}

/* How long differences are open: a bar for each share of them, as long as the oldest at most. */
static int
draw_ages(struct cellbuf *b, struct rect r, const struct frame *f, int y,
    const struct stock_row *row)
{
	static const struct {
		const char *name;
		enum stock_value v;
	} ages[] = {{"half", S_AGE_HALF}, {"95 %", S_AGE_MOST}, {"oldest", S_AGE_OLDEST}};
	double oldest = stock_value(f, row, S_AGE_OLDEST), drift = stock_value(f, row, S_DRIFT),
	       open = stock_value(f, row, S_OPEN);
	int w = r.w > 30 ? r.w - 20 : 10;
	char t[FORMAT_TEXT];

	if (isfinite(open))
		put_fmt(b, r, 0, y++, STYLE(ROLE_NORMAL), "%s confirmed, %.0f on their way",
		    format_amount(drift, t), fmax(open - drift, 0));
	for (size_t i = 0; i < 3 && drift > 0 && oldest > 0; i++) {
		double v = stock_value(f, row, ages[i].v);

		put_text(b, r, 0, y, ages[i].name, STYLE(ROLE_DIM));
		w_bar(b, r, 8, y, w, 0, v / oldest, f->ui->set, STYLE(ROLE_LINE1));
		put_right(b, r, 9 + w, y++, 7, format_age(v, t), STYLE(ROLE_NORMAL));
	}
	return y;
}

static void
draw_exposure(struct cellbuf *b, struct rect r, const struct frame *f,
    const struct stock_row *row)
{
	const struct stock_row *any =
	    stock_find(&f->charts->stock->sides, row->probe, "any", "");
	struct rect in = rect_inset(
	    w_pane(b, r, "Exposure", "oversell: of all sources", false), 1, 0, 1, 0);
	int y = draw_ages(b, in, f, 0, row);

	y += tell(b, in, 0, y, "oversell", stock_value(f, any, S_OVER_UNITS), "unit",
		 stock_value(f, any, S_OVER_VALUE), STYLE_BOLD(ROLE_CRIT)) > 0;
	y += tell(b, in, 0, y, "expected", stock_value(f, any, S_OVER_EXPECTED), "unit", NAN,
		 STYLE(ROLE_WARN)) > 0;
	tell_side(b, in, f, 0, y, stock_side(f, row), true);
}

static void
draw_exposure_line(struct cellbuf *b, struct rect r, const struct frame *f,
    const struct stock_row *row)
{
	const struct stock_row *any =
	    stock_find(&f->charts->stock->sides, row->probe, "any", "");

	tell_side(b, r, f, tell_any(b, r, f, 1, 0, any), 0, stock_side(f, row), false);
}

/* ---- all of it ---- */

static void
want_panes(struct pane_want want[STOCK_PANES], const struct frame *f, struct rect r, int n,
    const struct stock_row *row)
{
	const struct stock_data *d = f->charts->stock;
	int n_keys = keys_rows(f, row), n_orders = orders_rows(f), rest = r.h;
	int map = d->map != NULL && d->map->n_systems > 0 ? map_rows(d->map) : 0;

	want[HEAD] = (struct pane_want){1, 1, 12};
	want[FLOWS] = (struct pane_want){3, (n < FLOWS_SHOWN ? n : FLOWS_SHOWN) + 2, 10};
	if (map > 0 && f->ui->shows_map) {
		want[MAP] = (struct pane_want){2, map, 11};
		return;
	}
	want[CHART] = (struct pane_want){6, 7, 6};
	if (r.w < WIDE)
		want[EXPOSURE] = (struct pane_want){1, 1, 7};
	want[KEYS] = (struct pane_want){3, n_keys, 9};
	if (r.w >= WIDE)
		want[KEYS].want = n_keys > EXPOSED_ROWS ? n_keys : EXPOSED_ROWS;
	if (n_orders > 0)
		want[ORDERS] = (struct pane_want){2, n_orders, orders_state(f) == STATE_OK ? 5 : 8};
	if (map > 0 && r.h >= TALL)
		want[MAP] = (struct pane_want){map < 9 ? map : 9, map, 4};
	for (int i = 0; i < STOCK_PANES; i++)
		rest -= want[i].want;
	if (rest > 0)
		want[CHART].want += rest < 9 ? rest : 9;
}

static void
draw_panes(struct cellbuf *b, struct rect r, const struct frame *f, const int *idx, int n)
{
	int selected = stock_selected(f, idx, n);
	const struct stock_row *row = &f->charts->stock->flows.at[idx[selected]];
	struct pane_want want[STOCK_PANES] = {{0}};
	struct rect at[STOCK_PANES], right = {0, 0, 0, 0};

	want_panes(want, f, r, n, row);
	layout_rows(r, want, STOCK_PANES, at);
	if (r.w >= WIDE)
		layout_halves(at[KEYS], 64, &at[KEYS], &right);
	draw_head(b, at[HEAD], f, row->probe);
	if (at[FLOWS].h > 0)
		draw_flows(b, at[FLOWS], f, idx, n, selected);
	if (at[CHART].h > 0)
		draw_chart(b, at[CHART], f, row);
	if (right.h > 0)
		draw_exposure(b, right, f, row);
	if (at[EXPOSURE].h > 0)
		draw_exposure_line(b, at[EXPOSURE], f, row);
	if (at[KEYS].h > 0)
		keys_draw(b, at[KEYS], f, row);
	if (at[ORDERS].h > 0)
		orders_draw(b, at[ORDERS], f);
	if (at[MAP].h > 0)
		map_draw(b, at[MAP], f, f->ui->shows_map);
}

/* Without a flow: orders, where they are compared, and the map. */
static void
draw_rest(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct stock_data *d = f->charts->stock;
	int n_orders = orders_rows(f);
	struct pane_want want[3] = {{2, 2, 9},
	    {n_orders > 0 ? 2 : 0, n_orders, 8},
	    {d->map != NULL && d->map->n_systems > 0 ? 2 : 0,
		d->map != NULL ? map_rows(d->map) : 0, 7}};
	struct rect at[3];

	layout_rows(r, want, 3, at);
	w_waiting(b, w_pane(b, at[0], "Flows", NULL, true),
	    "nothing is compared yet: both sides must have been read whole, and a run be over");
	if (at[1].h > 0)
		orders_draw(b, at[1], f);
	if (at[2].h > 0)
		map_draw(b, at[2], f, false);
}

static void
stock_render(struct cellbuf *b, struct rect r, const struct frame *f)
{
	int probes[PROBES_MAX], idx[FLOWS_MAX], n;

	if (probe_order(f, VIEW_STOCK, probes, PROBES_MAX) == 0) {
		w_waiting(b, r,
		    f->status == NULL || !f->status->ever
			? "waiting for the agent's first answer"
			: "no stock is compared (plugin: inventory, fields: {available: "
			  "{reference: .., compare: ..}})");
		return;
	}
	if (f->charts == NULL || f->charts->stock == NULL) {
		w_waiting(b, r, "reading its series …");
		return;
	}
	if ((n = stock_order(f, idx)) == 0)
		draw_rest(b, r, f);
	else
		draw_panes(b, r, f, idx, n);
}

const struct view_ops view_stock = {
    .name = "Stock",
    .key = '5',
    .hints = "? help  V lag, drift  m map  t range  [ ] pan  + - zoom  SPACE freeze  q back",
    .render = stock_render,
};
