/*
 * w_help.c - the keys on one page. A key that does nothing in this version is not listed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/widgets.h"

static const struct {
	const char *keys, *text;
} left[] = {
    {"1 2 3 4 5", "overview .. api, stock"},
    {"` F2", "the view before"},
    {"j k  arrows", "row"},
    {"g G  Home End", "first row, last row"},
    {"^F ^B  PgDn PgUp", "page"},
    {"J K  TAB", "next probe, probe before"},
    {"Enter", "open the row's probe"},
    {"Backspace ESC q", "back; q at the top quits"},
    {"T", "theme"},
    {"U", "ascii, block, braille"},
    {"^L", "paint again"},
    {"^Z", "suspend"},
    {"? F1", "this page"},
    {"Q ^C F10", "quit"},
};
static const struct {
	const char *keys, *text;
} right[] = {
    {"SPACE F7", "freeze, go on"},
    {"0", "live again"},
    {"[ ]  F5 F6", "half a range back, on"},
    {"+ -", "zoom in, out"},
    {"v F8", "cursor on, off"},
    {"h l  arrows", "cursor by a bucket"},
    {"H L", "cursor by ten"},
    {"t F4", "range: 2h, 1d, 09:00"},
    {"V", "stock: lag, or drift"},
    {"m", "stock: the map"},
};

void
w_help(struct cellbuf *b, struct rect r)
{
	int n_left = sizeof(left) / sizeof(left[0]), n_right = sizeof(right) / sizeof(right[0]);
	bool wide = r.w >= 78;
	struct rect in;

	put_fill(b, r, ' ', STYLE(ROLE_NORMAL));
	in = w_pane(b, r, "Keys", "any key closes", true);
	for (int i = 0; i < n_left; i++) {
		put_text(b, in, 1, i, left[i].keys, STYLE(ROLE_INFO));
		put_text(b, in, 18, i, left[i].text, STYLE(ROLE_NORMAL));
	}
	for (int i = 0; i < n_right; i++) {
		int x = wide ? 43 : 1, y = wide ? i : n_left + i;

		put_text(b, in, x, y, right[i].keys, STYLE(ROLE_INFO));
		put_text(b, in, wide ? 57 : 18, y, right[i].text, STYLE(ROLE_NORMAL));
	}
}
