/*
 * layout.c - see layout.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/layout.h"

#include <stdbool.h>

/* The pane with the least (sign = 1) or greatest (sign = -1) priority among those marked. */
static int
pick(const struct pane_want *w, const bool *in, int n, int sign)
{
	int best = -1;

	for (int i = 0; i < n; i++)
		if (in[i] && (best < 0 || sign * w[i].priority < sign * w[best].priority))
			best = i;
	return best;
}

void
layout_rows(struct rect area, const struct pane_want *w, int n, struct rect *out)
{
	bool in[PANES_MAX], open[PANES_MAX];
	int h[PANES_MAX] = {0}, sum = 0, y = area.y;

	n = n > PANES_MAX ? PANES_MAX : n;
	for (int i = 0; i < n; i++) {
		in[i] = w[i].min > 0;
		sum += in[i] ? w[i].min : 0;
	}
	while (sum > area.h) {
		int drop = pick(w, in, n, 1);

		in[drop] = false;
		sum -= w[drop].min;
	}
	for (int i = 0; i < n; i++) {
		h[i] = in[i] ? w[i].min : 0;
		open[i] = in[i];
	}
	for (int i; sum < area.h && (i = pick(w, open, n, -1)) >= 0; open[i] = false) {
		int more = w[i].want - h[i];

		more = more > area.h - sum ? area.h - sum : more;
		h[i] += more > 0 ? more : 0;
		sum += more > 0 ? more : 0;
	}
	for (int i = 0; i < n; i++) {
		out[i] = (struct rect){area.x, y, area.w, h[i]};
		y += h[i];
	}
}

void
layout_halves(struct rect area, int share, struct rect *left, struct rect *right)
{
	int w = (area.w - 1) * share / 100;

	*left = *right = area;
	left->w = w;
	right->x += w + 1;
	right->w = area.w - w - 1;
}
