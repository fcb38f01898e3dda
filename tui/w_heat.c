/*
 * w_heat.c - how many runs took how long: columns are the shared axis, rows grow by the square root
 * of two, density is the count. It shows the second hump that a line of medians hides.
 *
 * The densest sign stands for the largest count in view, rounded up to a power of two, so that the
 * scale does not breathe with every run. Rows without any run at either end are left out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>

#include "tui/format.h"
#include "tui/widgets.h"

/* Sum of a cell's buckets; NaN when none is known. */
static float
cell_sum(const struct chart *c, const float *heat, int x, int row)
{
	int dx = canvas_dots_x(c->set);
	float sum = NAN;

	for (int i = x * dx; i < (x + 1) * dx && i < c->axis->n; i++) {
		float v = heat[i * HEAT_ROWS + row];

		if (isfinite(v))
			sum = isfinite(sum) ? sum + v : v;
	}
	return sum;
}

static int
columns_of(const struct chart *c)
{
	int dx = canvas_dots_x(c->set);

	return (c->axis->n + dx - 1) / dx;
}

float
heat_peak(const struct chart *c, const float *heat)
{
	float peak = 1;

	for (int x = 0; x < columns_of(c); x++)
		for (int k = 0; k < HEAT_ROWS; k++) {
			float v = cell_sum(c, heat, x, k);

			if (isfinite(v))
				while (peak < v)
					peak *= 2;
		}
	return peak;
}

static void
rows_in_use(const struct chart *c, const float *heat, int *low, int *high)
{
	*low = HEAT_ROWS;
	*high = -1;
	for (int k = 0; k < HEAT_ROWS; k++)
		for (int i = 0; i < c->axis->n; i++)
			if (heat[i * HEAT_ROWS + k] > 0) {
				*low = k < *low ? k : *low;
				*high = k;
			}
}

int
heat_rows(const struct chart *c, const float *heat)
{
	int low, high;

	rows_in_use(c, heat, &low, &high);
	return high < 0 ? 1 : high == low ? 2 : high - low + 1;
}

static void
heat_row(struct cellbuf *b, struct rect plot, int y, const struct chart *c, const float *heat,
    int from, int to, float peak)
{
	for (int x = 0; x < plot.w && x < columns_of(c); x++) {
		float sum = 0;
		int level;

		for (int k = from; k < to; k++) {
			float v = cell_sum(c, heat, x, k);

			sum += isfinite(v) ? v : 0;
		}
		if (!(sum > 0))
			continue;
		level = (int)ceil(sum / peak * 4);
		put_cp(b, plot, x, y, glyph_density(level < 1 ? 1 : level),
		    STYLE(level >= 3 ? ROLE_HEAT2 : ROLE_HEAT1));
	}
}

void
w_heat(struct cellbuf *b, struct rect r, const struct chart *c, const float *heat)
{
	struct rect plot = rect_inset(r, GUTTER, 0, 0, 1);
	int low, high, per, n;
	bool gaps[BUCKETS_MAX] = {false};
	char text[FORMAT_TEXT];

	rows_in_use(c, heat, &low, &high);
	if (high < 0 || plot.h < 1 || plot.w < 4) {
		w_waiting(b, r, "no run in this range");
		return;
	}
	if (high == low && high + 1 < HEAT_ROWS)
		high++;
	n = high - low + 1;
	per = (n + plot.h - 1) / plot.h;
	for (int y = 0; y < (n + per - 1) / per; y++) {
		int to = high + 1 - y * per, from = to - per < low ? low : to - per;

		format_latency(HEAT_FLOOR * exp2((to - 1) / 2.0), text);
		put_right(b, r, 0, y, GUTTER - 1, text, STYLE(ROLE_DIM));
		put_cp(b, r, GUTTER - 1, y, 0x2524, STYLE(ROLE_DIM));
		heat_row(b, plot, y, c, heat, from, to, heat_peak(c, heat));
	}
	n = (n + per - 1) / per;
	for (int x = 0; x < plot.w && x < columns_of(c) && x < BUCKETS_MAX; x++)
		gaps[x] = !isfinite(cell_sum(c, heat, x, low))
			  && (double)(c->axis->start_ms
				      + (int64_t)(x + 1) * canvas_dots_x(c->set) * c->axis->step_ms)
				 < c->now_ms;
	w_time_axis(b, (struct rect){r.x, r.y + n, r.w, 1}, c, gaps);
	if (c->cursor >= 0)
		for (int y = 0; y < n; y++)
			put_attr(b, plot, c->cursor / canvas_dots_x(c->set), y, 1, ATTR_CURSOR);
}
