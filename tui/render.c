/*
 * render.c - one frame: tabs and time, the strip of counts, the view, the keys.
 *
 * The strip is live even while the rest is frozen. A screen too small for a view gets as much of
 * the strip as fits; no size crashes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/ui.h"

#define OLD_S 6.0 /* from this age on, data says how old it is */

const struct view_ops *const views[VIEWS] = {
    [VIEW_OVERVIEW] = &view_overview,
    [VIEW_STOREFRONT] = &view_storefront,
    [VIEW_FUNNEL] = &view_funnel,
    [VIEW_API] = &view_api,
    [VIEW_STOCK] = &view_stock,
};

static void
time_text(const struct ui *ui, char *dst, size_t cap)
{
	char span[FORMAT_TEXT], now[FORMAT_TEXT], from[FORMAT_TEXT], to[FORMAT_TEXT],
	    ago[FORMAT_TEXT];
	const char *zone = ui->utc && ui->w >= 120 ? " UTC" : "";
	bool days = ui->now_ms - ui->end_ms + ui->span_ms >= 86400000;

	format_clock(ui->now_ms, ui->utc, true, now);
	if (ui->live) {
		snprintf(dst, cap, "● LIVE %s %s%s", format_span(ui->span_ms, span), now, zone);
		return;
	}
	format_clock(ui->end_ms - ui->span_ms, ui->utc, false, from);
	format_clock(ui->end_ms, ui->utc, false, to);
	if (days && ui->w >= 100) {
		char day[FORMAT_TEXT], text[2 * FORMAT_TEXT];

		format_day(ui->end_ms - ui->span_ms, ui->utc, day);
		snprintf(text, sizeof(text), "%s %s", day, from);
		snprintf(from, sizeof(from), "%.40s", text);
	}
	format_age((double)(ui->now_ms - ui->end_ms) / 1e3, ago);
	snprintf(dst, cap, "‖ FROZEN −%s %s–%s %s%s", ago, from, to, now, zone);
}

static void
draw_tabs(struct cellbuf *b, struct rect row, const struct frame *f)
{
	char time[256], title[160] = "tillwatch";
	int x = 1, n, all = 0;

	time_text(f->ui, time, sizeof(time));
	n = text_columns(time);
	for (int i = 0; i < VIEWS; i++)
		all += 4 + text_columns(views[i]->name);
	if (f->ui->n_shops > 1) {
		/* Of several, which one is said at any width. */
		shop_name(&f->shops[f->ui->shop], f->ui->shop, title);
		x = put_fmt(b, row, x, 0, STYLE_BOLD(ROLE_TITLE), "%.30s", title) + 2;
	} else if (row.w >= 100) {
		if (f->status != NULL && f->status->shop[0] != '\0')
			snprintf(title, sizeof(title), "tillwatch %.30s", f->status->shop);
		x = put_text(b, row, x, 0, title, STYLE(ROLE_DIM)) + 2;
	}
	all += x;
	for (int i = 0; i < VIEWS; i++) {
		bool here = i == (int)f->ui->view;
		int room = row.w - n - 2 - x;
		char text[64];

		/* All by name, or only the one that is seen. */
		snprintf(text, sizeof(text), here ? "[%d %s]" : " %d %s ", i + 1,
		    all > row.w - n - 2 && !here ? "" : views[i]->name);
		if (text_columns(text) <= room)
			x = put_text(
			    b, row, x, 0, text, here ? STYLE_BOLD(ROLE_TITLE) : STYLE(ROLE_DIM));
	}
	put_right(
	    b, row, 0, 0, row.w, time, f->ui->live ? STYLE(ROLE_NORMAL) : STYLE_BOLD(ROLE_INFO));
}

static int
count_state(const struct status *s, enum state state)
{
	int n = 0;

	for (int i = 0; i < s->n_probes; i++)
		n += s->probes[i].state == state;
	return n;
}

static int
draw_counts(struct cellbuf *b, struct rect row, int x, const struct status *s)
{
	static const enum state order[] = {
	    STATE_CRIT, STATE_WARN, STATE_UNKNOWN, STATE_STALE, STATE_PENDING, STATE_OK};
	int firing = 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		x = w_count(b, row, x, 0, order[i], count_state(s, order[i]));
	for (int i = 0; i < s->n_alerts; i++)
		firing += s->alerts[i].state == STATE_CRIT || s->alerts[i].state == STATE_WARN;
	put_cp(b, row, x, 0, 0x2502, STYLE(ROLE_DIM));
	if (firing == 0)
		return put_text(b, row, x + 2, 0, "nothing firing", STYLE(ROLE_DIM));
	return put_fmt(b, row, x + 2, 0, STYLE_BOLD(ROLE_CRIT), "%d alert%s firing", firing,
	    firing == 1 ? "" : "s");
}

/* The others that are not well, while one of several shops is open. */
static int
draw_elsewhere(struct cellbuf *b, struct rect row, int x, const struct frame *f)
{
	static const enum state order[] = {STATE_CRIT, STATE_STALE, STATE_WARN, STATE_UNKNOWN};
	int count[STATES] = {0}, n = 0;

	for (int i = 0; i < f->ui->n_shops; i++) {
		enum state state = i == f->ui->shop ? STATE_OK
						    : shop_state(&f->shops[i], f->ui->now_ms);

		if (state == STATE_OK || state == STATE_PENDING)
			continue;
		count[state]++;
		n++;
	}
	if (n == 0)
		return x;
	put_cp(b, row, x + 2, 0, 0x2502, STYLE(ROLE_DIM));
	x = put_text(b, row, x + 4, 0, "other shops: ", STYLE(ROLE_DIM));
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		x = w_count(b, row, x, 0, order[i], count[order[i]]);
	return x - 2;
}

static void
draw_undelivered(struct cellbuf *b, struct rect row, int x, const struct status *s)
{
	for (int i = 0; i < s->n_receivers; i++) {
		const struct receiver_row *r = &s->receivers[i];
		char text[128];

		if (r->dead > 0)
			snprintf(text, sizeof(text), "%.0f lost to %.40s", r->dead, r->name);
		else if (r->pending > 0 && isfinite(r->oldest) && s->now - r->oldest > 60)
			snprintf(text, sizeof(text), "%.0f waiting for %.40s", r->pending, r->name);
		else
			continue;
		put_cp(b, row, x + 2, 0, 0x2502, STYLE(ROLE_DIM));
		put_field(b, row, x + 4, 0, row.w - x - 4, text, STYLE(ROLE_WARN));
		return;
	}
}

static void
draw_strip(struct cellbuf *b, struct rect row, const struct frame *f)
{
	const struct status *s = f->status;
	double age = s != NULL ? (double)(f->ui->now_ms - s->fetched_ms) / 1e3 : 0;
	char text[320], span[FORMAT_TEXT];
	int x = 1;

	if (s == NULL || !s->ever) {
		if (s != NULL && s->error[0] != '\0')
			put_field(b, row, 1, 0, row.w - 1, s->error, STYLE(ROLE_CRIT));
		else
			put_text(b, row, 1, 0, "asking the agent …", STYLE(ROLE_DIM));
		return;
	}
	if (age >= OLD_S || s->error[0] != '\0') {
		snprintf(text, sizeof(text), "◌ %s old%s%s ", format_age(age, span),
		    s->error[0] != '\0' ? ": " : "", s->error);
		x = put_text(b, row, x, 0, text, STYLE_BOLD(ROLE_WARN)) + 1;
	}
	if (isfinite(s->blind_since)) {
		format_clock((int64_t)(s->blind_since * 1e3), f->ui->utc, false, span);
		snprintf(text, sizeof(text), "▲ the agent is blind since %s ", span);
		x = put_text(b, row, x, 0, text, STYLE_BOLD(ROLE_CRIT)) + 1;
	}
	if (!f->ui->live)
		x = put_text(b, row, x, 0, "now: ", STYLE(ROLE_DIM));
	x = draw_elsewhere(b, row, draw_counts(b, row, x, s), f);
	draw_undelivered(b, row, x, s);
}

static void
draw_keys(struct cellbuf *b, struct rect row, const struct frame *f)
{
	const struct ui *ui = f->ui;
	int x;

	if (ui->mode == MODE_PROMPT) {
		x = put_text(b, row, 1, 0, "range or time: ", STYLE(ROLE_INFO));
		x = put_text(b, row, x, 0, ui->prompt, STYLE(ROLE_NORMAL));
		put_cp(b, row, x, 0, ' ', (struct style){ROLE_NORMAL, ATTR_REVERSE});
		put_text(b, row, x + 2, 0, "2h  09:00  09:00+30m  ESC", STYLE(ROLE_DIM));
	} else if (ui->message[0] != '\0') {
		put_field(b, row, 1, 0, row.w - 1, ui->message, STYLE(ROLE_INFO));
	} else if (!ui->lists_shops && f->charts != NULL && f->charts->error[0] != '\0') {
		x = put_text(b, row, 1, 0, "charts: ", STYLE(ROLE_WARN));
		put_field(b, row, x, 0, row.w - x, f->charts->error, STYLE(ROLE_WARN));
	} else {
		x = 1;
		if (ui->n_shops > 1 && !ui->lists_shops)
			x = put_text(b, row, x, 0, "9 shops  < > other shop  ", STYLE(ROLE_DIM));
		put_field(b, row, x, 0, row.w - x,
		    ui->lists_shops
			? "? help  j k row  ⏎ open  1-5 open in a view  < > row, round  q quit"
		    : ui->cursor_ms != 0
			? "h l cursor  H L ×10  [ ] pan  + - zoom  v cursor off  0 live  q back"
			: views[ui->view]->hints,
		    STYLE(ROLE_DIM));
	}
}

void
render(struct cellbuf *b, const struct ui *ui, const struct model *m)
{
	struct frame f = frame_make(ui, m);
	struct rect all = cellbuf_rect(b);

	cellbuf_clear(b);
	if (b->w < SCREEN_MIN_W || b->h < SCREEN_MIN_H) {
		if (ui->lists_shops)
			shops_strip(b, (struct rect){0, 0, b->w, 1}, ui, m);
		else
			draw_strip(b, (struct rect){0, 0, b->w, 1}, &f);
		glyph_reduce(b, ui->set);
		return;
	}
	if (ui->lists_shops) {
		shops_render(b, rect_inset(all, 0, 0, 0, 1), ui, m);
	} else {
		draw_tabs(b, (struct rect){0, 0, b->w, 1}, &f);
		draw_strip(b, (struct rect){0, 1, b->w, 1}, &f);
	}
	if (ui->mode == MODE_HELP)
		w_help(b, rect_inset(all, 0, 2, 0, 0), ui->n_shops > 1);
	else if (!ui->lists_shops)
		views[ui->view]->render(b, rect_inset(all, 0, 2, 0, 1), &f);
	if (ui->mode != MODE_HELP)
		draw_keys(b, (struct rect){0, b->h - 1, b->w, 1}, &f);
	/* Not every terminal can fill its last cell without scrolling. */
	put_cp(b, all, b->w - 1, b->h - 1, ' ', STYLE(ROLE_NORMAL));
	glyph_reduce(b, ui->set);
}
