/*
 * w_bar.c - a horizontal bar on a scale from 0 to 1, in eighths of a cell where the glyphs have
 * them. A bar that stands for anything is at least a sliver.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "tui/widgets.h"

void
w_bar(struct cellbuf *b, struct rect r, int x, int y, int w, double from, double to,
    enum glyph_set set, struct style st)
{
	int start = (int)floor(from * w), full, part;
	double len = (to - from) * w;

	if (w <= 0 || !(to > from) || !isfinite(from) || !isfinite(to))
		return;
	start = start > w - 1 ? w - 1 : start < 0 ? 0 : start;
	full = (int)len;
	part = (int)lround((len - full) * 8);
	if (full == 0 && part == 0)
		part = 1;
	if (set == GLYPH_ASCII && full == 0)
		part = 8;
	for (int i = 0; i < full && start + i < w; i++)
		put_cp(b, r, x + start + i, y, glyph_bar(set, 8), st);
	if (part > 0 && start + full < w)
		put_cp(b, r, x + start + full, y, glyph_bar(set, part), st);
}
