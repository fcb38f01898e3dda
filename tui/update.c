/*
 * update.c - (ui, model, event) -> ui + effects. Pure: no I/O, no clock, no allocation.
 *
 * One key means one act, everywhere. What does not exist in this version has no key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tui/stock.h"

#define MINUTE 60000LL
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define CTRL(c) ((c)&0x1f)

static const int64_t zooms[] = {
    5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY, 31 * DAY};
#define ZOOMS (int)(sizeof(zooms) / sizeof(zooms[0]))

void
ui_init(struct ui *ui, int w, int h, int64_t now_ms)
{
	*ui = (struct ui){
	    .w = w, .h = h, .set = GLYPH_BRAILLE, .live = true, .now_ms = now_ms, .span_ms = HOUR};
}

struct axis
ui_axis(const struct ui *ui)
{
	int columns = ui->w - GUTTER > 10 ? ui->w - GUTTER : 10;

	return axis_make(ui->live ? ui->now_ms : ui->end_ms, ui->span_ms,
	    columns * canvas_dots_x(ui->set), ui->live);
}

static void
freeze(struct ui *ui)
{
	if (!ui->live)
		return;
	ui->live = false;
	ui->end_ms = ui->now_ms;
}

static unsigned
thaw(struct ui *ui)
{
	ui->live = true;
	ui->cursor_ms = 0;
	return FX_DRAW | FX_QUERY;
}

static unsigned
pan(struct ui *ui, int sign)
{
	freeze(ui);
	ui->end_ms += sign * ui->span_ms / 2;
	if (ui->end_ms < ui->span_ms)
		ui->end_ms = ui->span_ms;
	if (ui->end_ms > ui->now_ms)
		ui->end_ms = ui->now_ms;
	if (ui->cursor_ms != 0)
		ui->cursor_ms = ui->end_ms - ui->span_ms / 2;
	return FX_DRAW | FX_QUERY;
}

/* Zooms about the cursor, or about the right end; sign +1 zooms in. */
static unsigned
zoom(struct ui *ui, int sign)
{
	int64_t before = ui->span_ms, span = before, centre;

	for (int i = 0; i < ZOOMS; i++)
		if (sign > 0 ? zooms[i] < before : zooms[i] > before) {
			span = zooms[i];
			if (sign < 0)
				break;
		}
	if (span == before)
		return 0;
	centre = ui->cursor_ms != 0 ? ui->cursor_ms : 0;
	ui->span_ms = span;
	if (centre != 0) {
		freeze(ui);
		/* As doubles: a window of years, times one of a month, is more than 2^63. */
		ui->end_ms = centre
			     + (int64_t)((double)(ui->end_ms - centre) * (double)span
					 / (double)before);
		ui->end_ms = ui->end_ms > ui->now_ms ? ui->now_ms : ui->end_ms;
	}
	return FX_DRAW | FX_QUERY;
}

static unsigned
toggle_cursor(struct ui *ui)
{
	if (ui->cursor_ms != 0) {
		ui->cursor_ms = 0;
		return FX_DRAW;
	}
	freeze(ui);
	ui->cursor_ms = ui->end_ms; /* the right end */
	return FX_DRAW | FX_QUERY;
}

static unsigned
move_cursor(struct ui *ui, int buckets)
{
	struct axis a = ui_axis(ui);
	int64_t first = axis_time(&a, 0), last = axis_end(&a);

	if (ui->cursor_ms == 0)
		return toggle_cursor(ui);
	ui->cursor_ms =
	    (ui->cursor_ms + a.step_ms - 1) / a.step_ms * a.step_ms + buckets * a.step_ms;
	if (ui->cursor_ms < first) {
		unsigned fx = pan(ui, -1);

		ui->cursor_ms = first;
		return fx;
	}
	ui->cursor_ms = ui->cursor_ms > last ? last : ui->cursor_ms;
	return FX_DRAW;
}

/* "CLOCK", "CLOCK+SPAN" or "CLOCK..CLOCK". */
static int
set_window(struct ui *ui, char *text)
{
	char *dots = strstr(text, ".."), *plus = dots == NULL ? strrchr(text, '+') : NULL;
	int64_t from, to, span = ui->span_ms;

	if (dots != NULL)
		*dots = '\0';
	if (plus != NULL && format_span_parse(plus + 1, &span) == 0)
		*plus = '\0';
	else
		plus = NULL;
	if (format_clock_parse(text, ui->now_ms, ui->utc, &from) != 0)
		return -EINVAL;
	if (dots != NULL) {
		if (format_clock_parse(dots + 2, ui->now_ms, ui->utc, &to) != 0
		    || to - from < MINUTE || to - from > 400 * DAY)
			return -EINVAL;
		span = to - from;
	} else {
		to = plus != NULL ? from + span : from + span / 2;
	}
	if (from >= ui->now_ms || from < DAY)
		return -EINVAL;
	ui->live = false;
	ui->span_ms = span;
	ui->end_ms = to > ui->now_ms ? ui->now_ms : to;
	ui->cursor_ms = plus == NULL && dots == NULL ? from : 0;
	return 0;
}

int
ui_set_range(struct ui *ui, const char *text)
{
	char copy[PROMPT_MAX];
	int64_t span;

	if (format_span_parse(text, &span) == 0) {
		ui->span_ms = span;
		return 0;
	}
	snprintf(copy, sizeof(copy), "%s", text);
	return set_window(ui, copy);
}

static unsigned
prompt_key(struct ui *ui, uint32_t key)
{
	size_t n = strlen(ui->prompt);

	if (key == KEY_ESC || key == CTRL('c')) {
		ui->mode = MODE_NORMAL;
	} else if (key == KEY_BACKSPACE && n > 0) {
		ui->prompt[n - 1] = '\0';
	} else if (key == KEY_ENTER) {
		ui->mode = MODE_NORMAL;
		if (n == 0)
			return FX_DRAW;
		if (ui_set_range(ui, ui->prompt) == 0)
			return FX_DRAW | FX_QUERY;
		snprintf(ui->message, sizeof(ui->message),
		    "\"%s\" is no range or time (try 2h, 09:00, 09:00+30m, 09:00..10:30)",
		    ui->prompt);
	} else if (key >= ' ' && key < 0x7f && n + 1 < PROMPT_MAX) {
		ui->prompt[n] = (char)key;
		ui->prompt[n + 1] = '\0';
	}
	return FX_DRAW;
}

static unsigned
go(struct ui *ui, enum view_id view)
{
	if (view == ui->view)
		return FX_DRAW;
	ui->view_before = ui->view;
	ui->view = view;
	return FX_DRAW | FX_QUERY;
}

static long
stepped(long i, long by, long n, bool wrap)
{
	i += by;
	if (wrap)
		i = (i + n) % n;
	return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Rows of the view Stock: everything of them is there already. */
static unsigned
select_flow(struct ui *ui, const struct model *m, long by, bool wrap)
{
	struct frame f = frame_make(ui, m);
	int idx[FLOWS_MAX], n = stock_order(&f, idx);
	const struct stock_row *r;
	char name[sizeof(ui->flow)];

	if (n == 0)
		return 0;
	r = &f.charts->stock->flows.at[idx[stepped(stock_selected(&f, idx, n), by, n, wrap)]];
	stock_row_name(name, sizeof(name), r);
	if (strcmp(ui->flow, name) == 0 && strcmp(ui->probe, r->probe) == 0)
		return 0;
	memcpy(ui->flow, name, sizeof(name));
	memcpy(ui->probe, r->probe, sizeof(ui->probe));
	return FX_DRAW;
}

/* by: rows, or INT_MIN / INT_MAX for the ends. wrap: J and K go round. */
static unsigned
select_row(struct ui *ui, const struct model *m, long by, bool wrap)
{
	struct frame f = frame_make(ui, m);
	int idx[PROBES_MAX], n = probe_order(&f, ui->view, idx, PROBES_MAX);
	long i;

	if (ui->view == VIEW_STOCK)
		return select_flow(ui, m, by, wrap);
	if (n == 0)
		return 0;
	i = stepped(probe_selected(&f, idx, n), by, n, wrap);
	if (strcmp(ui->probe, f.status->probes[idx[i]].name) == 0)
		return 0;
	snprintf(ui->probe, sizeof(ui->probe), "%s", f.status->probes[idx[i]].name);
	return ui->view != VIEW_OVERVIEW ? FX_DRAW | FX_QUERY : FX_DRAW;
}

static unsigned
open_row(struct ui *ui, const struct model *m)
{
	struct frame f = frame_make(ui, m);
	int idx[PROBES_MAX], n = probe_order(&f, ui->view, idx, PROBES_MAX), i;
	const struct probe_row *p;

	if (n == 0 || ui->view != VIEW_OVERVIEW)
		return 0;
	i = probe_selected(&f, idx, n);
	p = &f.status->probes[idx[i]];
	snprintf(ui->probe, sizeof(ui->probe), "%s", p->name);
	if (strcmp(p->plugin, "storefront") == 0)
		return go(ui, VIEW_STOREFRONT);
	if (strcmp(p->plugin, "checkout") == 0)
		return go(ui, VIEW_FUNNEL);
	if (strcmp(p->plugin, "api") == 0)
		return go(ui, VIEW_API);
	if (strcmp(p->plugin, "inventory") == 0)
		return go(ui, VIEW_STOCK);
	snprintf(ui->message, sizeof(ui->message), "%.60s: no view of its own for %.40s", p->name,
	    p->plugin);
	return FX_DRAW;
}

static unsigned
back(struct ui *ui, bool may_quit)
{
	if (ui->cursor_ms != 0) {
		ui->cursor_ms = 0;
		return FX_DRAW;
	}
	if (ui->view != VIEW_OVERVIEW)
		return go(ui, VIEW_OVERVIEW);
	if (ui->n_shops > 1) {
		ui->lists_shops = true;
		return FX_DRAW | FX_SHOP;
	}
	return may_quit ? FX_QUIT : 0;
}

static unsigned
time_key(struct ui *ui, uint32_t key)
{
	switch (key) {
	case ' ':
	case KEY_F7:
		if (!ui->live)
			return thaw(ui);
		freeze(ui);
		return FX_DRAW | FX_QUERY;
	case '0': return thaw(ui);
	case '[':
	case KEY_F5: return pan(ui, -1);
	case ']':
	case KEY_F6: return pan(ui, 1);
	case '+':
	case '=': return zoom(ui, 1);
	case '-': return zoom(ui, -1);
	case 'v':
	case KEY_F8: return toggle_cursor(ui);
	case 'h':
	case KEY_LEFT: return move_cursor(ui, -1);
	case 'l':
	case KEY_RIGHT: return move_cursor(ui, 1);
	case 'H':
	case KEY_SHIFT_LEFT: return move_cursor(ui, -10);
	case 'L':
	case KEY_SHIFT_RIGHT: return move_cursor(ui, 10);
	case 't':
	case KEY_F4:
		ui->mode = MODE_PROMPT;
		ui->prompt[0] = '\0';
		return FX_DRAW;
	default: return 0;
	}
}

static unsigned
move_key(struct ui *ui, const struct model *m, uint32_t key)
{
	int page = ui->h > 12 ? ui->h / 3 : 4;

	switch (key) {
	case 'j':
	case KEY_DOWN: return select_row(ui, m, 1, false);
	case 'k':
	case KEY_UP: return select_row(ui, m, -1, false);
	case 'J':
	case KEY_TAB: return select_row(ui, m, 1, true);
	case 'K':
	case KEY_BACKTAB: return select_row(ui, m, -1, true);
	case 'g':
	case KEY_HOME: return select_row(ui, m, -PROBES_MAX, false);
	case 'G':
	case KEY_END: return select_row(ui, m, PROBES_MAX, false);
	case CTRL('f'):
	case KEY_PGDN: return select_row(ui, m, page, false);
	case CTRL('b'):
	case KEY_PGUP: return select_row(ui, m, -page, false);
	default: return 0;
	}
}

static unsigned
stock_key(struct ui *ui, uint32_t key)
{
	if (ui->view != VIEW_STOCK || (key != 'V' && key != 'm'))
		return 0;
	if (key == 'V')
		ui->shows_drift = !ui->shows_drift;
	else
		ui->shows_map = !ui->shows_map;
	return FX_DRAW;
}

static unsigned
app_key(struct ui *ui, const struct model *m, uint32_t key)
{
	switch (key) {
	case '?':
	case KEY_F1: ui->mode = MODE_HELP; return FX_DRAW;
	case '`':
	case KEY_F2: return go(ui, ui->view_before);
	case KEY_ENTER: return open_row(ui, m);
	case KEY_ESC:
	case KEY_BACKSPACE: return back(ui, false);
	case 'q': return back(ui, true);
	case 'Q':
	case CTRL('c'):
	case KEY_F10: return FX_QUIT;
	case CTRL('l'): return FX_DRAW | FX_REPAINT;
	case CTRL('z'): return FX_SUSPEND;
	case 'T':
		ui->theme = (ui->theme + 1) % THEMES;
		snprintf(ui->message, sizeof(ui->message), "theme %s", theme_name(ui->theme));
		return FX_DRAW | FX_REPAINT;
	case 'U':
		ui->set = (ui->set + GLYPH_SETS - 1) % GLYPH_SETS;
		snprintf(ui->message, sizeof(ui->message), "glyphs %s", glyph_set_name(ui->set));
		return FX_DRAW | FX_QUERY;
	default: return 0;
	}
}

/* There is nothing behind the list of shops. */
static bool
is_way_back(uint32_t key)
{
	return key == '`' || key == KEY_F2 || key == KEY_ESC || key == KEY_BACKSPACE;
}

static unsigned
normal_key(struct ui *ui, const struct model *m, uint32_t key)
{
	unsigned fx;

	if (ui->lists_shops) {
		if ((fx = shops_list_key(ui, m, key)) != 0 || is_way_back(key))
			return fx;
		return app_key(ui, m, key);
	}
	for (int i = 0; i < VIEWS; i++)
		if (views[i]->key == key)
			return go(ui, (enum view_id)i);
	if ((fx = shops_step_key(ui, m, key)) != 0 || (fx = time_key(ui, key)) != 0)
		return fx;
	if ((fx = move_key(ui, m, key)) != 0 || (fx = stock_key(ui, key)) != 0)
		return fx;
	return app_key(ui, m, key);
}

unsigned
ui_event(struct ui *ui, const struct model *m, const struct event *e)
{
	unsigned fx = ui->message[0] != '\0' ? FX_DRAW : 0;

	if (e->kind == EVENT_PASTE)
		return ui->mode == MODE_PROMPT && e->key >= ' ' ? prompt_key(ui, e->key) : 0;
	if (e->kind != EVENT_KEY)
		return 0;
	ui->message[0] = '\0';
	switch (ui->mode) {
	case MODE_HELP:
		ui->mode = MODE_NORMAL;
		return FX_DRAW | (e->key == CTRL('c') || e->key == 'Q' ? FX_QUIT : 0u);
	case MODE_PROMPT: return prompt_key(ui, e->key);
	case MODE_NORMAL: break;
	}
	return fx | normal_key(ui, m, e->key);
}

unsigned
ui_resize(struct ui *ui, int w, int h)
{
	if (w == ui->w && h == ui->h)
		return 0;
	ui->w = w < 1 ? 1 : w;
	ui->h = h < 1 ? 1 : h;
	return FX_DRAW | FX_QUERY | FX_REPAINT;
}

unsigned
ui_tick(struct ui *ui, int64_t now_ms)
{
	struct axis before = ui_axis(ui), after;
	int64_t was = ui->now_ms;

	ui->now_ms = now_ms;
	after = ui_axis(ui);
	return (was / 1000 != now_ms / 1000 ? FX_DRAW : 0u)
	       | (before.start_ms != after.start_ms ? FX_QUERY : 0u);
}
