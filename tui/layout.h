/*
 * layout.h - shares the rows of the screen out to panes. Pure.
 *
 * Each pane says what it needs at least, what it would like, and how much it matters; when not all
 * fit, the least important goes first. Panes never overlap and never leave the area.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_LAYOUT_H
#define TUI_LAYOUT_H

#include "tui/cell.h"

#define PANES_MAX 12

struct pane_want {
	int min, want;          /* rows with the title; want >= min; min 0 = not wanted at all */
	int priority;           /* larger = stays longer, grows first */
};

/* Stacks n panes in their order; a dropped pane has h = 0. What is left over stays blank at the
 * bottom. */
void layout_rows(struct rect area, const struct pane_want *wants, int n, struct rect *out);
/* Splits a rect in two beside each other with a blank column between; left takes `share` of 100. */
void layout_halves(struct rect area, int share, struct rect *left, struct rect *right);

#endif
