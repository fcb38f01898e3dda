/*
 * term_dump.c - see term_dump.h.
 *
 * A golden is the text, then a line "--", then a letter for each cell: '.' normal, d dim, i info,
 * o ok, W warn, C crit, s stale, T title, 1-4 lines, h H heat; upper row of attributes: r reverse,
 * b bold, c cursor instead of the letter where they matter most.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/term_dump.h"

#include <errno.h>
#include <string.h>
#include <utf8proc.h>

int
dump_format_parse(const char *name, enum dump_format *out)
{
	static const char *const names[] = {"txt", "ansi", "svg", "golden"};

	for (int i = 0; i < 4; i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*out = (enum dump_format)i;
		return 0;
	}
	return -EINVAL;
}

static void
put_utf8(uint32_t cp, FILE *out)
{
	utf8proc_uint8_t bytes[4];
	utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)cp, bytes);

	fwrite(bytes, 1, n > 0 ? (size_t)n : 0, out);
}

/* Columns up to the last cell that is not a plain blank. */
static int
row_length(const struct cellbuf *b, int y)
{
	int w = b->w;

	while (w > 0) {
		const struct cell *c = &b->at[y * b->w + w - 1];

		if (c->cp != ' ' || (c->attr & (ATTR_REVERSE | ATTR_CURSOR)))
			break;
		w--;
	}
	return w;
}

static void
dump_text(const struct cellbuf *b, FILE *out)
{
	for (int y = 0; y < b->h; y++) {
		int w = row_length(b, y);

		for (int x = 0; x < w; x++)
			if (b->at[y * b->w + x].part != CELL_TAIL)
				put_utf8(b->at[y * b->w + x].cp, out);
		fputc('\n', out);
	}
}

static char
letter(const struct cell *c)
{
	static const char roles[ROLES + 1] = ".dioWCsT1234hH";

	if (c->attr & ATTR_REVERSE)
		return 'r';
	if (c->attr & ATTR_CURSOR)
		return 'c';
	return c->cp == ' ' ? ' ' : roles[c->role];
}

static void
dump_golden(const struct cellbuf *b, FILE *out)
{
	dump_text(b, out);
	fputs("--\n", out);
	for (int y = 0; y < b->h; y++) {
		int w = row_length(b, y);

		for (int x = 0; x < w; x++)
			fputc(letter(&b->at[y * b->w + x]), out);
		fputc('\n', out);
	}
}

static void
ansi_paint(struct paint p, FILE *out)
{
	fputs("\033[0", out);
	if (p.bold)
		fputs(";1", out);
	if (p.reverse)
		fputs(";7", out);
	if (p.fg >= 0)
		fprintf(out, ";38;5;%d", p.fg);
	if (p.bg >= 0)
		fprintf(out, ";48;5;%d", p.bg);
	fputc('m', out);
}

static bool
paint_equal(struct paint a, struct paint b)
{
	return a.fg == b.fg && a.bg == b.bg && a.bold == b.bold && a.reverse == b.reverse;
}

static void
dump_ansi(const struct cellbuf *b, enum theme theme, FILE *out)
{
	for (int y = 0; y < b->h; y++) {
		struct paint last = {.fg = -1, .bg = -1};
		int w = row_length(b, y);

		for (int x = 0; x < w; x++) {
			const struct cell *c = &b->at[y * b->w + x];
			struct paint p = theme_paint(theme, 256, c);

			if (c->part == CELL_TAIL)
				continue;
			if (!paint_equal(p, last))
				ansi_paint(p, out);
			last = p;
			put_utf8(c->cp, out);
		}
		fputs(paint_equal(last, (struct paint){.fg = -1, .bg = -1}) ? "\n" : "\033[0m\n",
		    out);
	}
}

/* xterm's 256 colours (XTerm: 256colres.pl): the cube from 16 on, greys from 232 on; the first 16
 * as their usual defaults. */
static unsigned
rgb_of(int i)
{
	static const unsigned first[16] = {0x000000, 0xcd3131, 0x4e9a06, 0xc4a000, 0x3465a4,
	    0x75507b, 0x06989a, 0xd3d7cf, 0x555753, 0xef2929, 0x8ae234, 0xfce94f, 0x729fcf,
	    0xad7fa8, 0x34e2e2, 0xeeeeec};
	static const unsigned step[6] = {0, 95, 135, 175, 215, 255};

	if (i < 16)
		return first[i < 0 ? 7 : i];
	if (i >= 232)
		return (unsigned)(8 + (i - 232) * 10) * 0x010101u;
	i -= 16;
	return step[i / 36] << 16 | step[i / 6 % 6] << 8 | step[i % 6];
}

static void
svg_char(uint32_t cp, FILE *out)
{
	if (cp == '<' || cp == '&' || cp == '>')
		fprintf(out, "&#%u;", (unsigned)cp);
	else
		put_utf8(cp == ' ' ? 0xa0 : cp, out);
}

/* Equal paint in a run is one <text>, placed by its first column. */
static void
svg_row(const struct cellbuf *b, int y, enum theme theme, FILE *out)
{
	bool light = theme == THEME_LIGHT;

	for (int x = 0, w = row_length(b, y); x < w;) {
		struct paint p = theme_paint(theme, 256, &b->at[y * b->w + x]);
		unsigned ink = p.fg >= 0 ? rgb_of(p.fg) : light ? 0x303030 : 0xbcbcbc;
		unsigned ground = p.bg >= 0 ? rgb_of(p.bg) : light ? 0xffffff : 0x101010;
		int from = x;

		while (x < w && paint_equal(p, theme_paint(theme, 256, &b->at[y * b->w + x])))
			x++;
		if (p.reverse || p.bg >= 0)
			fprintf(out,
			    "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"18\" "
			    "fill=\"#%06x\"/>",
			    from * 8.4 + 8, y * 18 + 8, (x - from) * 8.4, p.reverse ? ink : ground);
		fprintf(out, "<text x=\"%.1f\" y=\"%d\" textLength=\"%.1f\" fill=\"#%06x\"%s>",
		    from * 8.4 + 8, y * 18 + 22, (x - from) * 8.4, p.reverse ? ground : ink,
		    p.bold ? " font-weight=\"bold\"" : "");
		for (int i = from; i < x; i++)
			if (b->at[y * b->w + i].part != CELL_TAIL)
				svg_char(b->at[y * b->w + i].cp, out);
		fputs("</text>\n", out);
	}
}

static void
dump_svg(const struct cellbuf *b, enum theme theme, FILE *out)
{
	int w = (int)(b->w * 8.4 + 16), h = b->h * 18 + 16;

	fprintf(out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
	    "height=\"%d\" font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" "
	    "font-size=\"14\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"%s\"/>\n",
	    w, h, w, h, theme == THEME_LIGHT ? "#ffffff" : "#101010");
	for (int y = 0; y < b->h; y++)
		svg_row(b, y, theme, out);
	fputs("</svg>\n", out);
}

int
dump(const struct cellbuf *b, enum dump_format format, enum theme theme, FILE *out)
{
	if (format == DUMP_TXT)
		dump_text(b, out);
	else if (format == DUMP_ANSI)
		dump_ansi(b, theme, out);
	else if (format == DUMP_SVG)
		dump_svg(b, theme, out);
	else
		dump_golden(b, out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
