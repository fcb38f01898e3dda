/*
 * view_shops.c - several shops: a row each, worst first; of the selected one its figures in words
 * and what fires.
 *
 *     Shops      verdict, what fires, p95 of the slowest storefront, orders, money, age of data
 *     acme-eu    the same with targets and bounds, where columns have no room for them
 *     Firing in acme-eu
 *
 * Each shop's money is in its own currency. Nothing is ever added up over shops.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/layout.h"
#include "tui/ui.h"

enum { LIST, FIGURES, FIRING, SHOPS_PANES };
enum { S_SIGN, S_STATE, S_NAME, S_FIRES, S_P95, S_TARGET, S_ORDERS, S_USUAL, S_RISK, S_DATA,
	SHOP_COLUMNS };

static const struct column columns[SHOP_COLUMNS] = {
    {"", 1, 1, 10},
    {"state", 7, 7, 9},
    {"shop", 12, 20, 10},
    {"fires", 10, 28, 8},
    {"p95>", 7, 8, 6},
    {"target>", 7, 8, 2},
    {"orders/h>", 11, 11, 5},
    {"usual>", 11, 13, 1},
    {"at risk/h>", 17, 22, 7},
    {"data>", 6, 6, 4},
};

/* "EUR 120–3 400" in w columns; where these are too few, or the low end is nothing: "EUR ≤3 400".
 * Money is never cut short: a part of a number is another number. */
static const char *
risk_text(const struct status *s, int w, char dst[3 * FORMAT_TEXT])
{
	const struct sums *k = &s->sums;
	char low[FORMAT_TEXT], high[FORMAT_TEXT];
	const char *gap = s->currency[0] != '\0' ? " " : "";

	dst[0] = '\0';
	if (!isfinite(k->risk_high))
		return dst;
	format_amount(k->risk_high, high);
	if (k->risk_low > 0)
		snprintf(dst, 3 * FORMAT_TEXT, "%s%s%s–%s", s->currency, gap,
		    format_amount(k->risk_low, low), high);
	if (!(k->risk_low > 0) || text_columns(dst) > w)
		snprintf(dst, 3 * FORMAT_TEXT, "%s%s≤%s", s->currency, gap, high);
	return dst;
}

/* Since the newest run of any probe, by the agent's clock, and since it was told. */
static double
data_age(const struct ui *ui, const struct status *s)
{
	double newest = NAN, told = (double)(ui->now_ms - s->fetched_ms) / 1e3;

	for (int i = 0; i < s->n_probes; i++)
		if (!(newest >= s->probes[i].last_run) && s->probes[i].last_run > 0)
			newest = s->probes[i].last_run;
	if (!isfinite(newest) || !isfinite(s->now))
		return told;
	return fmax(s->now - newest, 0) + told;
}

static void
silence_text(const struct ui *ui, const struct shop *s, char *dst, size_t cap)
{
	char age[FORMAT_TEXT];

	if (!s->status->ever)
		snprintf(dst, cap, "no answer: %s", s->status->error);
	else
		snprintf(dst, cap, "no answer for %s%s%s",
		    format_age((double)(ui->now_ms - s->status->fetched_ms) / 1e3, age),
		    s->status->error[0] != '\0' ? ": " : "", s->status->error);
}

static void
put_figures(struct cellbuf *b, struct rect r, int y, const struct columns *k, const struct ui *ui,
    const struct shop *shop)
{
	const struct status *s = shop->status;
	const struct sums *v = &s->sums;
	const struct alert_row *worst;
	int firing = shop_firing(shop, &worst);
	char text[256], t[FORMAT_TEXT], u[FORMAT_TEXT], money[3 * FORMAT_TEXT];

	if (firing > 0)
		snprintf(text, sizeof(text), "%d %s", firing, worst->name);
	columns_text(b, r, y, k, S_FIRES, columns, firing > 0 ? text : "nothing",
	    STYLE(firing > 0 ? state_role(worst->state) : ROLE_DIM));
	if (isfinite(v->p95))
		columns_text(b, r, y, k, S_P95, columns, format_latency(v->p95, t),
		    STYLE(v->p95 > v->target ? ROLE_WARN : ROLE_NORMAL));
	if (isfinite(v->target)) {
		snprintf(text, sizeof(text), "≤%s", format_latency(v->target, t));
		columns_text(b, r, y, k, S_TARGET, columns, text, STYLE(ROLE_DIM));
	}
	if (isfinite(v->orders)) {
		/* Without the column for what is usual, its middle stands behind. */
		bool has_room = k->w[S_USUAL] > 0 || !isfinite(v->usual);

		snprintf(text, sizeof(text), "%s%s%s", format_amount(round(v->orders), t),
		    has_room ? "" : "/", has_room ? "" : format_amount(round(v->usual), u));
		columns_text(b, r, y, k, S_ORDERS, columns, text,
		    STYLE(v->is_few ? ROLE_CRIT : ROLE_NORMAL));
	}
	if (isfinite(v->low)) {
		snprintf(text, sizeof(text), "%s–%s", format_amount(round(v->low), t),
		    format_amount(round(v->high), u));
		columns_text(b, r, y, k, S_USUAL, columns, text, STYLE(ROLE_DIM));
	}
	columns_text(
	    b, r, y, k, S_RISK, columns, risk_text(s, k->w[S_RISK], money), STYLE(ROLE_CRIT));
	columns_text(b, r, y, k, S_DATA, columns, format_age(data_age(ui, s), t), STYLE(ROLE_DIM));
}

static void
shop_row(struct cellbuf *b, struct rect r, int y, const struct columns *k, const struct ui *ui,
    const struct shop *s, int i)
{
	enum state state = shop_state(s, ui->now_ms);
	struct style st = STYLE(state_role(state));
	int hears = shop_hears(s, ui->now_ms), from = k->x[S_FIRES];
	char name[96], text[320];

	put_cp(b, r, k->x[S_SIGN], y, state_sign(state), st);
	columns_text(b, r, y, k, S_STATE, columns,
	    hears == SHOP_SILENT ? "silent" : state_word(state), st);
	columns_text(b, r, y, k, S_NAME, columns, shop_name(s, i, name),
	    state == STATE_OK ? STYLE(ROLE_NORMAL) : st);
	if (hears == SHOP_KNOWN) {
		put_figures(b, r, y, k, ui, s);
		return;
	}
	if (k->w[S_FIRES] == 0)
		from = k->x[S_NAME] + k->w[S_NAME] + 1;
	if (hears == SHOP_SILENT)
		silence_text(ui, s, text, sizeof(text));
	put_field(b, r, from, y, r.w - from, hears == SHOP_SILENT ? text : "asking …", st);
}

static void
draw_list(struct cellbuf *b, struct rect r, const struct ui *ui, const struct model *m,
    const int *idx, int n)
{
	int selected = 0, top = 0, rows = r.h - 2;
	char right[64] = "";
	struct columns k;
	struct rect in;

	for (int i = 0; i < n; i++)
		if (idx[i] == ui->shop)
			selected = i;
	if (n > rows)
		snprintf(right, sizeof(right), "%d of %d shown", rows, n);
	in = rect_inset(w_pane(b, r, "Shops", right, true), 1, 0, 1, 0);
	columns_fit(&k, columns, SHOP_COLUMNS, in.w, S_FIRES);
	columns_head(b, in, 0, &k, columns);
	in = rect_inset(in, 0, 1, 0, 0);
	if (selected >= in.h)
		top = selected - in.h + 1;
	for (int y = 0; y < in.h && top + y < n; y++) {
		shop_row(b, in, y, &k, ui, &m->shops[idx[top + y]], idx[top + y]);
		if (top + y == selected)
			put_attr(b, in, 0, y, in.w, ATTR_REVERSE);
	}
}

/* ---- the selected shop, in words ---- */

static int
put_word(struct cellbuf *b, struct rect r, int y, const char *word)
{
	put_text(b, r, 0, y, word, STYLE(ROLE_DIM));
	return 12;
}

static void
draw_orders(struct cellbuf *b, struct rect r, int y, const struct sums *k)
{
	char t[FORMAT_TEXT], low[FORMAT_TEXT], high[FORMAT_TEXT];
	int x = put_word(b, r, y, "orders");

	if (!isfinite(k->orders)) {
		put_text(b, r, x, y, "no probe counts them over an hour", STYLE(ROLE_DIM));
		return;
	}
	x = put_fmt(b, r, x, y, STYLE(k->is_few ? ROLE_CRIT : ROLE_NORMAL), "%s in the last hour",
	    format_amount(round(k->orders), t));
	if (!isfinite(k->usual))
		put_text(b, r, x, y, ", still learning what is usual", STYLE(ROLE_DIM));
	else
		put_fmt(b, r, x, y, STYLE(k->is_few ? ROLE_CRIT : ROLE_NORMAL),
		    ", usual %s (%s–%s)%s", format_amount(round(k->usual), t),
		    format_amount(round(k->low), low), format_amount(round(k->high), high),
		    k->is_few ? ": too few" : "");
}

static void
draw_figures(struct cellbuf *b, struct rect r, const struct ui *ui, const struct shop *shop,
    const char *name)
{
	struct rect in = rect_inset(w_pane(b, r, name, NULL, false), 1, 0, 1, 0);
	const struct status *s = shop->status;
	const struct sums *k = &s->sums;
	char t[FORMAT_TEXT], money[3 * FORMAT_TEXT];
	int x = put_word(b, in, 0, "storefront");

	if (!isfinite(k->p95)) {
		put_text(b, in, x, 0, "no storefront has a time yet", STYLE(ROLE_DIM));
	} else {
		bool is_slow = k->p95 > k->target;

		x = put_fmt(b, in, x, 0, STYLE(is_slow ? ROLE_WARN : ROLE_NORMAL),
		    "%.40s p95 %s", k->slow, format_latency(k->p95, t));
		if (isfinite(k->target))
			x = put_fmt(b, in, x, 0, STYLE(is_slow ? ROLE_WARN : ROLE_NORMAL),
			    ", target %s%s", format_latency(k->target, t),
			    is_slow ? ": too slow" : "");
		put_text(b, in, x, 0, " (first byte, last hour)", STYLE(ROLE_DIM));
	}
	draw_orders(b, in, 1, k);
	x = put_word(b, in, 2, "at risk");
	if (isfinite(k->risk_high))
		put_fmt(b, in, x, 2, STYLE(ROLE_CRIT), "%s an hour, an estimate%s",
		    risk_text(s, in.w - x, money),
		    s->currency[0] == '\0' ? " (shop: currency: is not set)" : "");
	else
		put_text(b, in, x, 2, "nothing is known to be missing", STYLE(ROLE_DIM));
	x = put_word(b, in, 3, "data");
	put_fmt(b, in, x, 3, STYLE(ROLE_DIM), "newest run %s ago, of %d probes",
	    format_age(data_age(ui, s), t), s->n_probes);
}

/* ---- the frame around ---- */

static void
draw_title(struct cellbuf *b, struct rect row, const struct ui *ui)
{
	char now[FORMAT_TEXT], time[FORMAT_TEXT + 24];
	int x = put_text(b, row, 1, 0, "tillwatch", STYLE(ROLE_DIM)) + 2;

	put_fmt(b, row, x, 0, STYLE_BOLD(ROLE_TITLE), "[9 Shops]");
	format_clock(ui->now_ms, ui->utc, true, now);
	snprintf(time, sizeof(time), "● LIVE %s%s", now, ui->utc && ui->w >= 120 ? " UTC" : "");
	put_right(b, row, 0, 0, row.w, time, STYLE(ROLE_NORMAL));
}

void
shops_strip(struct cellbuf *b, struct rect row, const struct ui *ui, const struct model *m)
{
	static const enum state order[] = {
	    STATE_CRIT, STATE_WARN, STATE_UNKNOWN, STATE_STALE, STATE_PENDING, STATE_OK};
	int count[STATES] = {0}, firing = 0, x = 1, silent = 0;
	const struct alert_row *worst;

	for (int i = 0; i < m->n_shops; i++) {
		if (shop_hears(&m->shops[i], ui->now_ms) == SHOP_SILENT) {
			silent++;
			continue;
		}
		count[shop_state(&m->shops[i], ui->now_ms)]++;
		firing += shop_firing(&m->shops[i], &worst);
	}
	x = put_fmt(b, row, x, 0, STYLE(ROLE_DIM), "%d shops: ", m->n_shops);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		x = w_count(b, row, x, 0, order[i], count[order[i]]);
		if (i == 0 && silent > 0)
			x = put_fmt(b, row, x, 0, STYLE(state_role(STATE_STALE)), "◌ %d silent",
				silent) + 2;
	}
	put_cp(b, row, x, 0, 0x2502, STYLE(ROLE_DIM));
	if (firing == 0)
		put_text(b, row, x + 2, 0, "nothing firing", STYLE(ROLE_DIM));
	else
		put_fmt(b, row, x + 2, 0, STYLE_BOLD(ROLE_CRIT), "%d alert%s firing", firing,
		    firing == 1 ? "" : "s");
}

void
shops_render(struct cellbuf *b, struct rect r, const struct ui *ui, const struct model *m)
{
	struct pane_want want[SHOPS_PANES] = {{3, 0, 10}};
	int idx[SHOPS_MAX], n = shops_order(ui, m, idx);
	const struct shop *s = ui->shop < m->n_shops ? &m->shops[ui->shop] : NULL;
	struct frame f = {.ui = ui, .at = -1};
	struct rect at[SHOPS_PANES];
	char name[96] = "";

	draw_title(b, (struct rect){r.x, r.y, r.w, 1}, ui);
	shops_strip(b, (struct rect){r.x, r.y + 1, r.w, 1}, ui, m);
	r = rect_inset(r, 0, 2, 0, 0);
	want[LIST].want = n + 2 > 3 ? n + 2 : 3;
	want[LIST].min = n + 2 < 7 ? want[LIST].want : 7;
	if (s != NULL && s->status != NULL && s->status->ever) {
		f.status = s->status;
		shop_name(s, ui->shop, name);
		want[FIGURES] = (struct pane_want){5, 5, 8};
		want[FIRING] = (struct pane_want){2, f.status->n_alerts + 2, 9};
	}
	layout_rows(r, want, SHOPS_PANES, at);
	draw_list(b, at[LIST], ui, m, idx, n);
	if (at[FIGURES].h > 0)
		draw_figures(b, at[FIGURES], ui, s, name);
	if (at[FIRING].h > 0)
		overview_firing(b, at[FIRING], &f, name);
}
