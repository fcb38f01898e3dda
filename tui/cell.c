/*
 * cell.c - see cell.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/cell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/sanitize.h"
#include "lib/xmalloc.h"

static int
clamp(int v)
{
	return v < 1 ? 1 : v > CELL_SIDE_MAX ? CELL_SIDE_MAX : v;
}

void
cellbuf_init(struct cellbuf *b, int w, int h)
{
	b->w = clamp(w);
	b->h = clamp(h);
	b->at = xcalloc((size_t)b->w * (size_t)b->h, sizeof(struct cell));
	cellbuf_clear(b);
}

void
cellbuf_free(struct cellbuf *b)
{
	free(b->at);
	*b = (struct cellbuf){0};
}

void
cellbuf_resize(struct cellbuf *b, int w, int h)
{
	free(b->at);
	cellbuf_init(b, w, h);
}

void
cellbuf_clear(struct cellbuf *b)
{
	for (int i = 0; i < b->w * b->h; i++)
		b->at[i] = (struct cell){.cp = ' '};
}

bool
cell_equal(const struct cell *a, const struct cell *b)
{
	return a->cp == b->cp && a->role == b->role && a->attr == b->attr && a->part == b->part;
}

struct cell *
cell_at(struct cellbuf *b, int x, int y)
{
	return x < 0 || y < 0 || x >= b->w || y >= b->h ? NULL : &b->at[y * b->w + x];
}

/* The cell of r at x, y; NULL outside of r or the grid. */
static struct cell *
inside(struct cellbuf *b, struct rect r, int x, int y)
{
	return x < 0 || y < 0 || x >= r.w || y >= r.h ? NULL : cell_at(b, r.x + x, r.y + y);
}

/* Whoever overwrites half of a wide character blanks its other half. */
static void
write_cell(struct cellbuf *b, struct cell *c, struct cell v)
{
	if (c->part == CELL_LEAD && c + 1 < b->at + b->w * b->h)
		c[1] = (struct cell){.cp = ' ', .role = c->role, .attr = c->attr};
	if (c->part == CELL_TAIL && c > b->at)
		c[-1] = (struct cell){.cp = ' ', .role = c->role, .attr = c->attr};
	*c = v;
}

static void
put_wide(struct cellbuf *b, struct rect r, int x, int y, uint32_t cp, struct style st)
{
	struct cell *lead = inside(b, r, x, y), *tail = inside(b, r, x + 1, y);
	struct cell v = {.cp = cp, .role = st.role, .attr = st.attr, .part = CELL_LEAD};

	if (lead == NULL || tail == NULL) { /* half a character is none */
		put_cp(b, r, x, y, ' ', st);
		put_cp(b, r, x + 1, y, ' ', st);
		return;
	}
	write_cell(b, lead, v);
	v.cp = 0;
	v.part = CELL_TAIL;
	write_cell(b, tail, v);
	lead->part = CELL_LEAD; /* write_cell of the tail may have blanked an older neighbour */
	lead->cp = cp;
}

static int
cp_width(utf8proc_int32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ? 1 : utf8proc_charwidth(cp);
}

void
put_cp(struct cellbuf *b, struct rect r, int x, int y, uint32_t cp, struct style st)
{
	struct cell *c = inside(b, r, x, y);
	utf8proc_category_t cat = utf8proc_category((utf8proc_int32_t)cp);

	if (c == NULL)
		return;
	if (cat == UTF8PROC_CATEGORY_CC || cat == UTF8PROC_CATEGORY_CF
	    || cat == UTF8PROC_CATEGORY_CO)
		cp = 0xb7;
	write_cell(b, c, (struct cell){.cp = cp, .role = st.role, .attr = st.attr});
}

/* Draws until the text or `until` ends; the column after the last. */
static int
draw(struct cellbuf *b, struct rect r, int x, int y, int until, const char *text, struct style st)
{
	const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)text;

	while (*p != 0) {
		utf8proc_int32_t cp;
		utf8proc_ssize_t n = utf8proc_iterate(p, -1, &cp);
		int w;

		if (n <= 0) {
			cp = '?';
			n = 1;
		}
		p += n;
		if ((w = cp_width(cp)) == 0)
			continue;
		if (x + w > until)
			break;
		if (w == 2)
			put_wide(b, r, x, y, (uint32_t)cp, st);
		else
			put_cp(b, r, x, y, (uint32_t)cp, st);
		x += w;
	}
	return x;
}

int
put_text(struct cellbuf *b, struct rect r, int x, int y, const char *text, struct style st)
{
	draw(b, r, x, y, r.w, text, st);
	return x + text_columns(text);
}

int
put_field(struct cellbuf *b, struct rect r, int x, int y, int w, const char *text, struct style st)
{
	int end;

	if (w <= 0)
		return x;
	if (text_columns(text) <= w) {
		draw(b, r, x, y, r.w < x + w ? r.w : x + w, text, st);
		return x + w;
	}
	end = draw(b, r, x, y, r.w < x + w - 1 ? r.w : x + w - 1, text, st);
	put_cp(b, r, end, y, 0x2026, st);
	return x + w;
}

void
put_right(struct cellbuf *b, struct rect r, int x, int y, int w, const char *text, struct style st)
{
	int n = text_columns(text);

	if (n >= w)
		put_field(b, r, x, y, w, text, st);
	else
		put_text(b, r, x + w - n, y, text, st);
}

int
put_fmt(struct cellbuf *b, struct rect r, int x, int y, struct style st, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return put_text(b, r, x, y, text, st);
}

void
put_fill(struct cellbuf *b, struct rect r, uint32_t cp, struct style st)
{
	for (int y = 0; y < r.h; y++)
		for (int x = 0; x < r.w; x++)
			put_cp(b, r, x, y, cp, st);
}

void
put_attr(struct cellbuf *b, struct rect r, int x, int y, int w, uint8_t attr)
{
	for (int i = x; i < x + w; i++) {
		struct cell *c = inside(b, r, i, y);

		if (c != NULL)
			c->attr |= attr;
	}
}

struct rect
rect_inset(struct rect r, int left, int top, int right, int bottom)
{
	r.x += left;
	r.y += top;
	r.w -= left + right;
	r.h -= top + bottom;
	r.w = r.w < 0 ? 0 : r.w;
	r.h = r.h < 0 ? 0 : r.h;
	return r;
}

int
text_columns(const char *text)
{
	const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)text;
	int columns = 0;

	while (*p != 0) {
		utf8proc_int32_t cp;
		utf8proc_ssize_t n = utf8proc_iterate(p, -1, &cp);

		columns += n <= 0 ? 1 : cp_width(cp);
		p += n <= 0 ? 1 : n;
	}
	return columns;
}
