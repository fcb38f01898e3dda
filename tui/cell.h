/*
 * cell.h - the screen as data: a grid of cells that views draw into and back ends show.
 *
 * A view is a pure function (model, rect) -> cells; so it is tested without a terminal, and a
 * terminal back end (term_ncurses.c) or a dump (term_dump.c) is all that knows about bytes.
 * Colours are roles here (what a cell means); theme.c turns a role into a colour or an attribute.
 *
 * Invariants: nothing is ever written outside the rect given; a wide character owns two cells
 * (CELL_LEAD, CELL_TAIL) or is not drawn at all; no cell holds a control, a combining mark or any
 * other code point that has no column of its own.
 *
 * Runs in the UI thread, never blocks. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_CELL_H
#define TUI_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CELL_SIDE_MAX 1000      /* columns or rows; what is larger is not used */

/* What a cell means. The order is that of the table in theme.c. */
enum role {
	ROLE_NORMAL, ROLE_DIM, ROLE_INFO, ROLE_OK, ROLE_WARN, ROLE_CRIT, ROLE_STALE, ROLE_TITLE,
	ROLE_LINE1, ROLE_LINE2, ROLE_LINE3, ROLE_LINE4, ROLE_HEAT1, ROLE_HEAT2,
	ROLES
};

enum { /* beside the role: how it stands out */
	ATTR_BOLD = 1, ATTR_REVERSE = 2, ATTR_CURSOR = 4, /* CURSOR: the time cursor's column */
};
#define ATTR_ALL 7u

enum { CELL_SINGLE, CELL_LEAD, CELL_TAIL };

struct cell {
	uint32_t cp;            /* ' ' when empty; 0 in the tail of a wide character */
	uint8_t role, attr, part;
};

struct cellbuf { int w, h; struct cell *at; };
struct rect { int x, y, w, h; };
struct style { uint8_t role, attr; };

#define STYLE(r) ((struct style){(r), 0})
#define STYLE_BOLD(r) ((struct style){(r), ATTR_BOLD})

/* Sides are clamped to 1..CELL_SIDE_MAX; out of memory ends the program. */
void cellbuf_init(struct cellbuf *b, int w, int h);
void cellbuf_free(struct cellbuf *b);
void cellbuf_resize(struct cellbuf *b, int w, int h);   /* content is blank afterwards */
void cellbuf_clear(struct cellbuf *b);
static inline struct rect
cellbuf_rect(const struct cellbuf *b)
{
	return (struct rect){0, 0, b->w, b->h};
}
bool cell_equal(const struct cell *a, const struct cell *b);
/* The cell, or NULL outside the grid. */
struct cell *cell_at(struct cellbuf *b, int x, int y);

/* All x, y below are relative to the rect r; what falls outside of it is not drawn. */
void put_cp(struct cellbuf *b, struct rect r, int x, int y, uint32_t cp, struct style st);
/* UTF-8 text, foreign or our own: controls become a dot, marks without width vanish, bytes that
 * are no UTF-8 become '?'. Returns the column after the last one that the text would have filled
 * without clipping at the right. */
int put_text(struct cellbuf *b, struct rect r, int x, int y, const char *text, struct style st);
/* At most w columns; a longer text ends with an ellipsis. Returns x + w. */
int put_field(struct cellbuf *b, struct rect r, int x, int y, int w, const char *text,
    struct style st);
/* Ends at column x + w. */
void put_right(struct cellbuf *b, struct rect r, int x, int y, int w, const char *text,
    struct style st);
int put_fmt(struct cellbuf *b, struct rect r, int x, int y, struct style st, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void put_fill(struct cellbuf *b, struct rect r, uint32_t cp, struct style st);
/* Adds attributes to a row of r (the selected row, the cursor's column). */
void put_attr(struct cellbuf *b, struct rect r, int x, int y, int w, uint8_t attr);

struct rect rect_inset(struct rect r, int left, int top, int right, int bottom);
int text_columns(const char *text);

#endif
