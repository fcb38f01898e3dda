/*
 * w_strip.c - titles of panes, counts by state, and the line of a pane that has nothing yet.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "tui/widgets.h"

struct rect
w_pane(struct cellbuf *b, struct rect r, const char *title, const char *right, bool focused)
{
	struct style rule = STYLE(ROLE_DIM);
	int right_w = right != NULL ? text_columns(right) : 0, x;

	for (int i = 0; i < r.w; i++)
		put_cp(b, r, i, 0, focused ? 0x2501 : 0x2500, rule);
	if (r.w < 6)
		return rect_inset(r, 0, 1, 0, 0);
	x = text_columns(title);
	x = x > r.w - 4 ? r.w - 4 : x;
	put_cp(b, r, 1, 0, ' ', rule);
	put_field(b, r, 2, 0, x, title, STYLE(ROLE_TITLE));
	put_cp(b, r, 2 + x, 0, ' ', rule);
	if (right_w > 0 && right_w < r.w - x - 8) {
		put_cp(b, r, r.w - right_w - 3, 0, ' ', rule);
		put_text(b, r, r.w - right_w - 2, 0, right, rule);
		put_cp(b, r, r.w - 2, 0, ' ', rule);
	}
	return rect_inset(r, 0, 1, 0, 0);
}

void
w_waiting(struct cellbuf *b, struct rect r, const char *what)
{
	put_field(b, r, 1, 0, r.w - 1, what, STYLE(ROLE_DIM));
}

int
w_count(struct cellbuf *b, struct rect r, int x, int y, enum state s, int n)
{
	struct style st = STYLE(state_role(s));

	if (n == 0)
		return x;
	put_cp(b, r, x, y, state_sign(s), st);
	return put_fmt(b, r, x + 2, y, st, "%d %s", n, state_word(s)) + 2;
}
