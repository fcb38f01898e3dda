/*
 * view_stock.h - the panes of the view Stock that tell single keys and orders. Pure, like all of
 * a view.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_VIEW_STOCK_H
#define TUI_VIEW_STOCK_H

#include "tui/stock.h"

/* view_stock_keys.c. Rows: with the title, what it would like. */
int keys_rows(const struct frame *f, const struct stock_row *row);
void keys_draw(struct cellbuf *b, struct rect r, const struct frame *f,
    const struct stock_row *row);
int orders_rows(const struct frame *f); /* 0: nobody compares orders */
enum state orders_state(const struct frame *f);
void orders_draw(struct cellbuf *b, struct rect r, const struct frame *f);

#endif
