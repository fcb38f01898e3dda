/*
 * ui.h - what the user has set: view, time, cursor, selection; and the two pure functions around
 * it.
 *
 *     (ui, model, event) -> ui + effects        update.c
 *     (ui, model) -> cells                      render.c, view_*.c
 *
 * Time is one state for all views: live or frozen at an end, a span, and a cursor. Changing the
 * view keeps it, and so does changing the shop.
 *
 * Of several shops the list comes first (shops.c, view_shops.c); it is always live. A shop that is
 * opened has the usual views.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_UI_H
#define TUI_UI_H

#include "tui/format.h"
#include "tui/input.h"
#include "tui/theme.h"
#include "tui/widgets.h"

#define PROMPT_MAX 60
#define SCREEN_MIN_W 20         /* smaller than this gets one line */
#define SCREEN_MIN_H 5

/* The first five are those of enum query_view. */
enum view_id { VIEW_OVERVIEW, VIEW_STOREFRONT, VIEW_FUNNEL, VIEW_API, VIEW_STOCK, VIEWS };
enum mode { MODE_NORMAL, MODE_HELP, MODE_PROMPT };

struct ui {
	int w, h;
	enum glyph_set set;
	enum theme theme;
	bool utc;
	enum view_id view, view_before;
	enum mode mode;
	char prompt[PROMPT_MAX];
	char message[128];      /* one line until the next key */
	bool live;
	int64_t now_ms;         /* our wall clock at the last tick */
	int64_t end_ms;         /* frozen: right end of the axis */
	int64_t span_ms;
	int64_t cursor_ms;      /* 0 = off */
	char probe[96];         /* selected; "" = the first */
	char flow[120];         /* of that probe, selected in the view Stock; "" = the worst */
	int n_shops;            /* more than one: there is a list */
	int shop;               /* that is open, or selected in the list */
	bool lists_shops;
	bool shows_drift;       /* Stock: the chart of drifting keys, not that of the lag */
	bool shows_map;         /* Stock: the map, where there is no room for all */
};

enum { /* effects of an event */
	FX_DRAW = 1, FX_QUERY = 2, FX_QUIT = 4, FX_REPAINT = 8, FX_SUSPEND = 16,
	FX_SHOP = 32,           /* another shop was opened, or the list */
};

void ui_init(struct ui *ui, int w, int h, int64_t now_ms);
/* The axis that the charts should have now. */
struct axis ui_axis(const struct ui *ui);
unsigned ui_event(struct ui *ui, const struct model *m, const struct event *e);
unsigned ui_resize(struct ui *ui, int w, int h);
/* The clock moved on: FX_DRAW when a visible digit changed, FX_QUERY when a bucket filled. */
unsigned ui_tick(struct ui *ui, int64_t now_ms);
/* What stands after `t`: "2h", "09:00", "09:00+30m", "09:00..10:30". 0 or -EINVAL. */
int ui_set_range(struct ui *ui, const char *text);

/* One frame. */
struct frame {
	const struct ui *ui;
	const struct status *status;    /* NULL: nothing read yet */
	const struct charts *charts;
	const struct shop *shops;
	struct chart chart;             /* axis NULL without charts */
	int at;                         /* bucket to read values from, -1 = the newest (live) */
};
void render(struct cellbuf *b, const struct ui *ui, const struct model *m);
/* view_shops.c, while the list of shops is shown: its counts in a row; tabs, counts and body. */
void shops_strip(struct cellbuf *b, struct rect row, const struct ui *ui, const struct model *m);
void shops_render(struct cellbuf *b, struct rect r, const struct ui *ui, const struct model *m);

struct view_ops {
	const char *name, *hints;
	uint32_t key;
	void (*render)(struct cellbuf *b, struct rect r, const struct frame *f);
};
extern const struct view_ops *const views[VIEWS];
extern const struct view_ops view_overview, view_storefront, view_funnel, view_api, view_stock;

/* shops.c: several shops. */
enum { SHOP_ASKED, SHOP_SILENT, SHOP_KNOWN };
/* SHOP_ASKED: no answer yet; SHOP_SILENT: it does not answer; KNOWN: what it said is new. */
int shop_hears(const struct shop *s, int64_t now_ms);
enum state shop_state(const struct shop *s, int64_t now_ms);
/* As it was asked for, else as its agent says, else "shop 2". */
const char *shop_name(const struct shop *s, int i, char dst[96]);
/* Indices of m->shops, worst first, then by name. Returns how many. */
int shops_order(const struct ui *ui, const struct model *m, int idx[SHOPS_MAX]);
int shop_firing(const struct shop *s, const struct alert_row **worst);
/* A key: while the list is shown, and those of several shops everywhere. 0 = not one of these. */
unsigned shops_list_key(struct ui *ui, const struct model *m, uint32_t key);
unsigned shops_step_key(struct ui *ui, const struct model *m, uint32_t key);

/* view_overview.c: alerts, worst first. of: the shop's name for the title, or NULL. f->status is
 * there. */
void overview_firing(struct cellbuf *b, struct rect r, const struct frame *f, const char *of);

/* order.c: what the views list. Fills idx (cap entries) with probes of the snapshot; returns how
 * many. OVERVIEW: all, worst first, then by name; STOREFRONT: the storefront's, by name. */
int probe_order(const struct frame *f, enum view_id view, int *idx, int cap);
/* The place of the selected probe in that order, 0 when it is not there. */
int probe_selected(const struct frame *f, const int *idx, int n);
/* State and value of a probe at the frame's moment. */
enum state probe_state_at(const struct frame *f, const struct probe_row *p);
double probe_value_at(const struct frame *f, const struct series *s);
struct frame frame_make(const struct ui *ui, const struct model *m);
const char *frame_time(const struct frame *f, char dst[FORMAT_TEXT]);   /* "14:23:15" of f->at */

#endif
