/*
 * w_help.c - the keys on one page. A key that does nothing in this version is not listed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/widgets.h"

struct help {
	const char *keys, *text;
};
static const struct help left[] = {
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
static const struct help right[] = {
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

static const struct help shops[] = {
    {"9", "the list of shops"},
    {"< >  F9", "shop before, next shop"},
};
#define N_OF(table) (int)(sizeof(table) / sizeof((table)[0]))

void
w_help(struct cellbuf *b, struct rect r, bool has_shops)
{
	int n_left = N_OF(left), n_right = N_OF(right) + (has_shops ? N_OF(shops) : 0);
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
		const struct help *h = i < N_OF(right) ? &right[i] : &shops[i - N_OF(right)];

		put_text(b, in, x, y, h->keys, STYLE(ROLE_INFO));
		put_text(b, in, wide ? 57 : 18, y, h->text, STYLE(ROLE_NORMAL));
	}
}
