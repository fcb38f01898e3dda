/*
 * widgets.h - the parts that views are made of: each a pure function (slice of the model, rect) ->
 * cells. No I/O, no clock, no state; all panes use the same axis and the same gutter, so that a
 * moment stands in the same column everywhere.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_WIDGETS_H
#define TUI_WIDGETS_H

#include "tui/model.h"

#define GUTTER 7                /* columns left of a chart's plot */

/* w_strip.c: "- Title ------ right -"; returns the rect below the title. */
struct rect w_pane(struct cellbuf *b, struct rect r, const char *title, const char *right,
    bool focused);
/* One line that says what an empty pane waits for. */
void w_waiting(struct cellbuf *b, struct rect r, const char *what);
/* "▲ 2 crit"; returns the column after it and two blanks. Nothing for n = 0. */
int w_count(struct cellbuf *b, struct rect r, int x, int y, enum state s, int n);

struct chart {                  /* what line, heat and the time axis share */
	enum glyph_set set;
	const struct axis *axis;
	int cursor;             /* bucket, -1 = none */
	double now_ms;          /* buckets that start later are not drawn as gaps */
	bool utc;
	bool is_share;          /* values are shares of 1: the axis is in % */
	bool is_count;          /* values have no unit */
};
/* w_spark.c: one row; v NULL = blank. scale: value of full height. */
void w_spark(struct cellbuf *b, struct rect r, const struct chart *c, const struct series *v,
    const struct series *verdict, double scale);
/* w_line.c: plot, y axis, time axis. target NaN = none. */
void w_line(struct cellbuf *b, struct rect r, const struct chart *c, const struct series *lines,
    int n, double target);
double nice_ceiling(double v);
/* The axis line (gaps[i]: nothing known of column i) and the row of times below: two rows. */
void w_time_axis(struct cellbuf *b, struct rect r, const struct chart *c, const bool *gaps);
/* w_heat.c: log rows of counts. */
void w_heat(struct cellbuf *b, struct rect r, const struct chart *c, const float *heat);
/* Largest count of a cell, a power of two; and the rows that hold any run. */
float heat_peak(const struct chart *c, const float *heat);
int heat_rows(const struct chart *c, const float *heat);
/* w_bar.c: a horizontal bar from `from` to `to` of 0..1. */
void w_bar(struct cellbuf *b, struct rect r, int x, int y, int w, double from, double to,
    enum glyph_set set, struct style st);
/* w_waterfall.c: the six phases one after another. */
void w_waterfall(struct cellbuf *b, struct rect r, enum glyph_set set, const double *phase,
    const double *usual, const char *failed);

/* w_table.c */
struct column {
	const char *head;       /* "name", or "value>" right-aligned */
	int min, want;          /* columns of text */
	int priority;           /* larger stays longer */
};
#define COLUMNS_MAX 14
struct columns { int n, x[COLUMNS_MAX], w[COLUMNS_MAX]; };      /* w 0 = left out */
/* Places columns in w columns of the screen; what is left goes to column `grow`. */
void columns_fit(struct columns *out, const struct column *c, int n, int w, int grow);
void columns_head(struct cellbuf *b, struct rect r, int y, const struct columns *k,
    const struct column *c);
void columns_text(struct cellbuf *b, struct rect r, int y, const struct columns *k, int i,
    const struct column *c, const char *text, struct style st);

/* w_help.c: the keys, over everything; those of several shops when there are several. */
void w_help(struct cellbuf *b, struct rect r, bool has_shops);

#endif
