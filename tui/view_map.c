/*
 * view_map.c - the map of the shop: systems from left to right in the order of what flows between
 * them, on each arrow how far behind it is and how many keys drift.
 *
 *     ✓ ERP ──── 44 s ───▸ ▲ Warehouse ─ 4m12s · 212 ▸ ▲ Shop ─── 38 s ──▸ ✓ Marketplace
 *                                                             └─ 2h51m ──▸ ◆ Product feed
 *     ✓ PIM ──── 9 s ────▸ Shop …
 *
 * A system that nothing flows into begins a row; one that stands already is named and not drawn
 * again, so that circles end. Where columns do not suffice, what lies further right is counted.
 * Colour is for trouble alone. What nothing looks at has a dash for its state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/stock.h"

#define NAME_MOST 24                    /* columns of a system's title with its sign */
#define ARROW_MIN 11                    /* "4m12s" and a line around it */
#define ARROW_MOST 28                   /* "4m12s · 212 differ" and a line around it */
#define DEPTH_MAX 8

struct drawing {
	struct cellbuf *b;              /* NULL: rows and columns are counted alone */
	struct rect r;
	const struct frame *f;
	const struct shop_map *m;
	int depth, arrow_w;             /* systems in a row; columns of an arrow */
	int name_w[DEPTH_MAX];          /* of the systems at that depth; found by counting */
	bool is_drawn[SYSTEMS_MAX];
};

static const struct probe_row *
probe_named(const struct frame *f, const char *name)
{
	for (int i = 0; f->status != NULL && i < f->status->n_probes; i++)
		if (strcmp(f->status->probes[i].name, name) == 0)
			return &f->status->probes[i];
	return NULL;
}

/* Now: as the server judges it; else the worst of its probes at that moment. */
static enum state
system_state(const struct frame *f, const struct map_system *s)
{
	enum state worst = STATE_OK;

	if (f->at < 0)
		return s->state;
	for (int i = 0; i < s->n_probes; i++) {
		const struct probe_row *p = probe_named(f, s->probes[i]);
		enum state state = p != NULL ? probe_state_at(f, p) : STATE_STALE;

		worst = state_rank(state) < state_rank(worst) ? state : worst;
	}
	return s->n_probes > 0 ? worst : STATE_STALE;
}

struct moment { double lag, drift; enum state state; }; /* of an arrow */

static struct moment
moment_of(const struct frame *f, const struct map_arrow *w)
{
	const struct stock_data *d = f->charts->stock;
	struct moment m = {NAN, 0, w->n_measured > 0 ? STATE_OK : STATE_STALE};

	for (int i = 0; i < w->n_measured; i++) {
		bool is_orders = w->measured[i].field[0] == '\0';
		const struct stock_row *r = stock_find(is_orders ? &d->sides : &d->flows,
		    w->measured[i].probe, w->measured[i].of, w->measured[i].field);
		double v = stock_value(f, r, is_orders ? S_ORDER_LAG : S_LAG_MOST),
		       drift = stock_value(f, r, S_DRIFT);
		enum state state = r == NULL ? STATE_STALE
		    : is_orders              ? STATE_OK
					     : stock_state(f, r);

		m.lag = isfinite(v) && !(m.lag >= v) ? v : m.lag;
		m.drift += isfinite(drift) ? drift : 0;
		m.state = state_rank(state) < state_rank(m.state) ? state : m.state;
	}
	if (m.lag > w->max_lag_s && state_rank(STATE_WARN) < state_rank(m.state))
		m.state = STATE_WARN;
	return m;
}

/* "4m12s · 212 differ", or as much of it as so many columns hold. */
static void
arrow_text(const struct moment *m, int room, char dst[64])
{
	char t[FORMAT_TEXT] = "", n[FORMAT_TEXT];

	if (isfinite(m->lag) && m->lag >= 1 && m->lag < 60)
		format_age(m->lag, t);
	else if (isfinite(m->lag))
		format_lag(m->lag, t);
	snprintf(dst, 64, "%.20s", t);
	if (m->drift <= 0)
		return;
	format_amount(m->drift, n);
	snprintf(dst, 64, "%.20s%s%.20s differ", t, t[0] != '\0' ? " · " : "", n);
	if (text_columns(dst) > room)
		snprintf(dst, 64, "%.20s%s%.20s", t, t[0] != '\0' ? " · " : "≠ ", n);
	if (text_columns(dst) > room)
		snprintf(dst, 64, "≠ %.20s", n);
}

/* above: rows up to the branch before, 0 for the first arrow. */
static void
draw_arrow(const struct drawing *g, int x, int y, int above, const struct map_arrow *w)
{
	char text[64];
	int room = g->arrow_w - 4, n;
	struct moment m = moment_of(g->f, w);
	bool is_trouble = m.state == STATE_CRIT || m.state == STATE_WARN;
	struct style st = STYLE(is_trouble ? state_role(m.state) : ROLE_DIM);

	arrow_text(&m, room - 2, text);
	for (int i = 0; i < g->arrow_w - 2; i++)
		put_cp(g->b, g->r, x + i, y, 0x2500, st);
	for (int i = 1; i < above; i++)
		put_cp(g->b, g->r, x, y - i, 0x2502, STYLE(ROLE_DIM));
	if (above > 0)
		put_cp(g->b, g->r, x, y, 0x2514, st);
	put_cp(g->b, g->r, x + g->arrow_w - 2, y, 0x25b8, st);
	if ((n = text_columns(text)) == 0 || room < 4)
		return;
	n = n > room - 2 ? room - 2 : n;
	x += 1 + (room - n - 2) / 2;
	put_cp(g->b, g->r, x, y, ' ', st);
	put_field(g->b, g->r, x + 1, y, n, text, is_trouble ? st : STYLE(ROLE_NORMAL));
	put_cp(g->b, g->r, x + 1 + n, y, ' ', st);
}

/* With its sign and a blank after it. */
static int
name_columns(const struct map_system *s)
{
	int w = text_columns(s->title) + 3;

	return w > NAME_MOST ? NAME_MOST : w;
}

/* Returns the column after it. */
static int
draw_name(const struct drawing *g, int x, int y, int system, bool is_again)
{
	const struct map_system *s = &g->m->systems[system];
	enum state state = system_state(g->f, s);
	bool is_trouble = s->is_watched && (state == STATE_CRIT || state == STATE_WARN);
	int w = name_columns(s) - 3;

	put_cp(g->b, g->r, x, y, s->is_watched ? state_sign(state) : '-',
	    STYLE(is_again || !s->is_watched ? ROLE_DIM : state_role(state)));
	put_field(g->b, g->r, x + 2, y, w, s->title,
	    is_again     ? STYLE(ROLE_DIM)
	    : is_trouble ? STYLE_BOLD(state_role(state))
			 : STYLE(ROLE_NORMAL));
	return x + 3 + w;
}

static int
arrows_of(const struct shop_map *m, int system)
{
	int n = 0;

	for (int i = 0; i < m->n_arrows; i++)
		n += m->arrows[i].from == system;
	return n;
}

/* A line from the end of the name to where the arrows of that column begin. */
static void
fill_up(const struct drawing *g, int from, int to, int y, int further)
{
	if (further > 0)
		put_fmt(g->b, g->r, from, y, STYLE(ROLE_DIM), "→ %d", further);
	for (int x = from; further == 0 && x < to; x++)
		put_cp(g->b, g->r, x, y, 0x2500, STYLE(ROLE_DIM));
}

static int
column_of(const struct drawing *g, int depth)
{
	int x = 0;

	for (int i = 0; i < depth; i++)
		x += g->name_w[i] + g->arrow_w;
	return x;
}

/* The system and all that follows it, from row y on; how many rows that took, at least one. */
static int
draw_system(struct drawing *g, int system, int depth, int y)
{
	int x = column_of(g, depth), n = arrows_of(g->m, system), rows = 0, end = 0, branch = 0;
	int w = name_columns(&g->m->systems[system]);
	bool is_again = g->is_drawn[system], is_last = depth + 1 >= g->depth;

	g->is_drawn[system] = true;
	if (g->b != NULL)
		end = draw_name(g, x, y, system, is_again);
	else
		g->name_w[depth] = g->name_w[depth] > w ? g->name_w[depth] : w;
	if (is_again || n == 0)
		return 1;
	if (g->b != NULL)
		fill_up(g, end, x + g->name_w[depth], y, is_last ? n : 0);
	for (int i = 0; i < g->m->n_arrows && !is_last; i++) {
		const struct map_arrow *arrow = &g->m->arrows[i];

		if (arrow->from != system)
			continue;
		if (g->b != NULL)
			draw_arrow(g, x + g->name_w[depth], y + rows, rows - branch, arrow);
		branch = rows;
		rows += draw_system(g, arrow->to, depth + 1, y + rows);
	}
	return rows > 0 ? rows : 1;
}

static bool
has_arrow(const struct shop_map *m, int system, bool is_into)
{
	for (int i = 0; i < m->n_arrows; i++)
		if ((is_into ? m->arrows[i].to : m->arrows[i].from) == system)
			return true;
	return false;
}

/* What is joined to nothing, in one row. */
static int
draw_alone(const struct drawing *g, int y)
{
	int x = 0, n = 0;

	for (int i = 0; i < g->m->n_systems; i++) {
		if (has_arrow(g->m, i, true) || has_arrow(g->m, i, false))
			continue;
		if (g->b != NULL)
			x = draw_name(g, x, y, i, false) + 1;
		n++;
	}
	return n > 0;
}

/* Begins with what nothing flows into; then what only circles reach. */
static int
draw_all(struct drawing *g)
{
	int y = 0;

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < g->m->n_systems; i++)
			if (!g->is_drawn[i] && has_arrow(g->m, i, false)
			    && (pass == 1 || !has_arrow(g->m, i, true)))
				y += draw_system(g, i, 0, y);
	return y + draw_alone(g, y);
}

int
map_rows(const struct shop_map *m)
{
	struct drawing g = {.m = m, .depth = DEPTH_MAX};

	return 1 + draw_all(&g);
}

/* How many systems stand in a row of so many columns, and what that leaves for each arrow. */
static void
fit(struct drawing *g, const struct drawing *counted, int w)
{
	int names = 0, n = 0;

	memcpy(g->name_w, counted->name_w, sizeof(g->name_w));
	while (n < DEPTH_MAX && g->name_w[n] > 0
	       && (n == 0 || names + g->name_w[n] + n * ARROW_MIN <= w))
		names += g->name_w[n++];
	g->depth = n;
	g->arrow_w = n > 1 ? (w - names) / (n - 1) : ARROW_MIN;
	g->arrow_w = g->arrow_w > ARROW_MOST ? ARROW_MOST : g->arrow_w;
}

void
map_draw(struct cellbuf *b, struct rect r, const struct frame *f, bool focused)
{
	struct drawing counted = {.m = f->charts->stock->map, .depth = DEPTH_MAX},
		       g = {.b = b, .f = f, .m = counted.m};
	char right[80] = "95 % within, keys that differ";
	struct rect in;

	if (isfinite(g.m->watched))
		snprintf(right + strlen(right), sizeof(right) - strlen(right),
		    "; %.0f %% is watched", floor(100 * g.m->watched));
	in = g.r = rect_inset(w_pane(b, r, "Map", right, focused), 1, 0, 1, 0);
	draw_all(&counted);
	fit(&g, &counted, in.w);
	draw_all(&g);
}
