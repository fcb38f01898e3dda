/*
 * w_line.c - the line chart: up to four series over the shared axis, y from zero to a round number.
 *
 * One bucket is one column of dots. Neighbours are joined; where a bucket has no data there is
 * nothing, and the axis says so with a sign. The first series wins a cell that two share. What lies
 * above the target is in the colour of trouble. A target far above all there is stays off the
 * chart: the scale belongs to the data.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>

#include "tui/format.h"
#include "tui/widgets.h"

#define TARGET_SHARE 0.2 /* of the target that the largest value reaches for it to be drawn */

double
nice_ceiling(double v)
{
	static const double steps[] = {1, 1.5, 2, 3, 4, 5, 6, 8, 10};
	double unit;

	if (!(v > 0) || !isfinite(v))
		return 1;
	unit = pow(10, floor(log10(v)));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i] * unit >= v * 0.999999)
			return steps[i] * unit;
	return 10 * unit;
}

static double
largest(const struct chart *c, const struct series *lines, int n)
{
	double top = 0;

	for (int k = 0; k < n; k++)
		for (int i = 0; i < c->axis->n; i++)
			if (isfinite(lines[k].v[i]) && lines[k].v[i] > top)
				top = lines[k].v[i];
	return top;
}

static int
dots_row(double v, double top, int dots)
{
	int y = dots - 1 - (int)lround(v / top * (dots - 1));

	return y < 0 ? 0 : y > dots - 1 ? dots - 1 : y;
}

static void
draw_series(struct canvas *cv, const struct chart *c, const struct series *s, int k, double top)
{
	int dots = cv->h * canvas_dots_y(cv->set), last = -1;

	for (int i = 0; i < c->axis->n; i++) {
		int y;

		if (!isfinite(s->v[i])) {
			last = -1;
			continue;
		}
		y = dots_row(s->v[i], top, dots);
		/* The step up to the neighbour's dot, not over it: steep edges stay one column. */
		canvas_column(cv, i,
		    last < 0 || last == y ? y
		    : last < y            ? last + 1
					  : last - 1,
		    y, k);
		last = y;
	}
}

/* Into how many equal parts a nice top falls so that each is nice too. */
static int
divisions(double top, int plot_h)
{
	double m = top / pow(10, floor(log10(top) + 1e-9));
	int n = fabs(m - 1.5) < 0.01 || fabs(m - 3) < 0.01 || fabs(m - 6) < 0.01 ? 3
		: fabs(m - 5) < 0.01                                             ? 5
										 : 4;

	if ((plot_h - 1) / n >= 2)
		return n;
	return n == 4 && plot_h >= 5 ? 2 : 1;
}

/* What the labels count in; scales of minutes and hours are round in these. */
static double
unit_of(double top, const struct chart *c, const char **name)
{
	bool is_time = !c->is_share && !c->is_count;
	double unit = c->is_share            ? 0.01
	    : is_time && top >= 3 * 3600     ? 3600
	    : is_time && top >= 180          ? 60
	    : is_time && top < 1 && top > 0  ? 1e-3
					     : 1;

	*name = c->is_share   ? " %"
	    : c->is_count     ? ""
	    : unit > 60       ? " h"
	    : unit > 1        ? " m"
	    : unit < 1        ? " ms"
			      : " s";
	return unit;
}

static void
y_axis(struct cellbuf *b, struct rect r, int plot_h, double top, const struct chart *c)
{
	const char *name;
	double unit = unit_of(top, c, &name);
	int n = divisions(top / unit, plot_h);
	char text[FORMAT_TEXT];

	for (int y = 0; y < plot_h; y++)
		put_cp(b, r, GUTTER - 1, y, 0x2502, STYLE(ROLE_DIM));
	for (int k = 0; k <= n && (k == n || plot_h > 1); k++) {
		int y = plot_h - 1 - (int)lround((double)(plot_h - 1) * k / n);

		if (k == 0)
			snprintf(text, sizeof(text), "0");
		else
			snprintf(text, sizeof(text), c->is_share ? "%.3g%s" : "%.4g%s",
			    top * k / n / unit, name);
		put_cp(b, r, GUTTER - 1, y, 0x2524, STYLE(ROLE_DIM));
		put_right(b, r, 0, y, GUTTER - 1, text, STYLE(ROLE_DIM));
	}
}

static void
target_line(struct cellbuf *b, struct rect plot, double target, double top)
{
	int y = dots_row(target, top, plot.h);

	for (int x = 0; x < plot.w; x++)
		put_cp(b, plot, x, y, 0x2504, STYLE(ROLE_DIM));
}

static void
show_canvas(struct cellbuf *b, struct rect plot, const struct canvas *cv, const struct chart *c,
    double target, double top)
{
	int target_y = isfinite(target) ? dots_row(target, top, plot.h) : -1;
	int open = c->axis->live ? (c->axis->n - 1) / canvas_dots_x(cv->set) : -1;

	for (int y = 0; y < cv->h; y++)
		for (int x = 0; x < cv->w; x++) {
			uint32_t cp = canvas_cp(cv, x, y);
			int owner = cv->owner[y * cv->w + x];
			int role = ROLE_LINE1 + owner - 1;

			if (cp == 0)
				continue;
			if (y < target_y)
				role = ROLE_WARN;
			else if (x == open)
				role = ROLE_DIM;
			put_cp(b, plot, x, y, cp, STYLE((uint8_t)role));
		}
}

static bool
is_future(const struct chart *c, int i)
{
	return (double)(c->axis->start_ms + i * c->axis->step_ms) >= c->now_ms;
}

/* A column of cells is a gap when no series has a value in any of its buckets. */
static void
find_gaps(bool *gaps, int w, const struct chart *c, const struct series *lines, int n)
{
	int dx = canvas_dots_x(c->set);

	for (int x = 0; x < w; x++) {
		gaps[x] = x * dx < c->axis->n && !is_future(c, x * dx);
		for (int i = x * dx; i < (x + 1) * dx && i < c->axis->n; i++)
			for (int k = 0; k < n; k++)
				if (isfinite(lines[k].v[i]))
					gaps[x] = false;
	}
}

void
w_line(struct cellbuf *b, struct rect r, const struct chart *c, const struct series *lines, int n,
    double target)
{
	struct rect plot = rect_inset(r, GUTTER, 0, 0, 2);
	double top = largest(c, lines, n), unit;
	const char *name;
	bool gaps[BUCKETS_MAX] = {false};
	struct canvas cv;

	if (plot.w < 4 || plot.h < 1)
		return;
	plot.w = plot.w > BUCKETS_MAX ? BUCKETS_MAX : plot.w;
	if (top > 0 && top < target * TARGET_SHARE)
		target = NAN;
	top = isfinite(target) ? fmax(top, target * 1.25) : top;
	unit = unit_of(top, c, &name);
	top = nice_ceiling(top / unit) * unit;
	canvas_init(&cv, c->set, plot.w, plot.h);
	for (int k = 0; k < n; k++)
		draw_series(&cv, c, &lines[k], k, top);
	y_axis(b, r, plot.h, top, c);
	if (isfinite(target))
		target_line(b, plot, target, top);
	show_canvas(b, plot, &cv, c, target, top);
	find_gaps(gaps, plot.w, c, lines, n);
	w_time_axis(b, rect_inset(r, 0, plot.h, 0, 0), c, gaps);
	if (c->cursor >= 0)
		for (int y = 0; y <= plot.h; y++)
			put_attr(b, (struct rect){plot.x, plot.y, plot.w, plot.h + 1},
			    c->cursor / canvas_dots_x(c->set), y, 1, ATTR_CURSOR);
	canvas_free(&cv);
}

/* Labels stand at round times: the first step of the list that leaves 14 columns between them. */
static int64_t
label_every(const struct axis *a, int dx)
{
	static const int64_t steps[] = {60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
	    43200, 86400, 172800, 604800, 1209600, 2419200};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i] * 1000 >= 14 * dx * a->step_ms)
			return steps[i] * 1000;
	return 4838400000LL;
}

void
w_time_axis(struct cellbuf *b, struct rect r, const struct chart *c, const bool *gaps)
{
	int dx = canvas_dots_x(c->set), end = 0, at_x;
	int64_t every = label_every(c->axis, dx);
	struct rect plot = rect_inset(r, GUTTER, 0, 0, 0);
	char text[FORMAT_TEXT];

	put_cp(b, r, GUTTER - 1, 0, 0x2514, STYLE(ROLE_DIM));
	for (int x = 0; x < plot.w; x++) {
		int64_t from = c->axis->start_ms + (int64_t)x * dx * c->axis->step_ms;
		int64_t to = from + dx * c->axis->step_ms;
		int64_t at = (to - 1) / every * every;
		bool tick = x * dx < c->axis->n && at >= from;

		put_cp(b, plot, x, 0, tick ? 0x2534 : 0x2500, STYLE(ROLE_DIM));
		if (gaps[x])
			put_cp(b, plot, x, 0, 0x25cc, STYLE(ROLE_STALE));
		if (!tick)
			continue;
		if (every >= 86400000)
			format_day(at, c->utc, text);
		else
			format_clock(at, c->utc, false, text);
		at_x = x + text_columns(text) > plot.w ? plot.w - text_columns(text) : x;
		if (at_x >= end)
			end = put_text(b, plot, at_x, 1, text, STYLE(ROLE_DIM)) + 1;
	}
}
