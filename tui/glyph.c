/*
 * glyph.c - see glyph.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/glyph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

static const struct {
	uint32_t cp;
	enum role role;
	const char *word;
} states[STATES] = {
    [STATE_OK] = {0x2713, ROLE_DIM, "ok"},
    [STATE_WARN] = {0x25c6, ROLE_WARN, "warn"},
    [STATE_CRIT] = {0x25b2, ROLE_CRIT, "crit"},
    [STATE_UNKNOWN] = {0x25c7, ROLE_STALE, "unknown"},
    [STATE_STALE] = {0x25cc, ROLE_STALE, "stale"},
    [STATE_PENDING] = {0x25f7, ROLE_DIM, "pending"},
    [STATE_MUTED] = {0x2298, ROLE_DIM, "muted"},
};

/* What ASCII shows for each sign that our own texts use; the rest of the world becomes '?'. */
static const struct {
	uint32_t cp;
	char c;
} ascii[] = {
    {0x2713, '.'},
    {0x25c6, '!'},
    {0x25b2, '#'},
    {0x25c7, '?'},
    {0x25cc, '?'},
    {0x25f7, '~'},
    {0x2298, '%'},
    {0x25cf, '*'},
    {0x2016, '='},
    {0x2026, '~'},
    {0x00b7, '.'},
    {0x2500, '-'},
    {0x2501, '='},
    {0x2502, '|'},
    {0x2503, '|'},
    {0x250c, '+'},
    {0x2510, '+'},
    {0x2514, '+'},
    {0x2518, '+'},
    {0x2534, '+'},
    {0x2524, '|'},
    {0x250f, '+'},
    {0x2513, '+'},
    {0x2517, '+'},
    {0x251b, '+'},
    {0x2504, '-'},
    {0x256e, '+'},
    {0x2260, '!'},
    {0x2264, '<'},
    {0x2265, '>'},
    {0x203a, '>'},
    {0x25b8, '>'},
    {0x2190, '<'},
    {0x2192, '>'},
    {0x2191, '^'},
    {0x2193, 'v'},
    {0x2212, '-'},
    {0x2013, '-'},
    {0x2591, '.'},
    {0x2592, '+'},
    {0x2593, 'x'},
    {0x2588, '#'},
    {0x2581, '.'},
    {0x2582, ':'},
    {0x2583, '-'},
    {0x2584, '='},
    {0x2585, '+'},
    {0x2586, '*'},
    {0x2587, '%'},
    {0x258f, '|'},
    {0x258e, '.'},
    {0x258d, ':'},
    {0x258c, '-'},
    {0x258b, '='},
    {0x258a, '+'},
    {0x2589, '*'},
    {0x2595, '|'},
    {0x23ce, '>'},
    {0x00b1, '~'},
    {0x00d7, 'x'},
    {0x00a0, ' '},
    {0x202f, ' '},
    {0x2014, '-'},
};

/* Block's terminals (the Linux console, old fonts) have the frames and blocks, not the rarer
 * signs. */
static const struct {
	uint32_t cp, block;
} poorer[] = {
    {0x2713, 0xb7},
    {0x25cc, '?'},
    {0x25c7, '?'},
    {0x25f7, '~'},
    {0x2298, '%'},
    {0x2504, 0x2500},
    {0x23ce, 0x203a},
    {0x2016, '='},
};

uint32_t
state_sign(enum state s)
{
	return states[s].cp;
}
const char *
state_word(enum state s)
{
	return states[s].word;
}
enum role
state_role(enum state s)
{
	return states[s].role;
}

static const char *const set_names[GLYPH_SETS] = {"ascii", "block", "braille"};

const char *
glyph_set_name(enum glyph_set set)
{
	return set_names[set];
}

int
glyph_set_parse(const char *name, enum glyph_set *out)
{
	for (int i = 0; i < GLYPH_SETS; i++) {
		if (strcmp(name, set_names[i]) != 0)
			continue;
		*out = (enum glyph_set)i;
		return 0;
	}
	return -EINVAL;
}

uint32_t
glyph_spark(enum glyph_set set, int level)
{
	static const char poor[] = " .:-=+*%#";

	level = level < 0 ? 0 : level > 8 ? 8 : level;
	if (set == GLYPH_ASCII)
		return (unsigned char)poor[level];
	return level == 0 ? ' ' : 0x2580u + (uint32_t)level;
}

uint32_t
glyph_bar(enum glyph_set set, int eighths)
{
	if (eighths <= 0)
		return ' ';
	if (set == GLYPH_ASCII)
		return eighths >= 8 ? '#' : eighths >= 4 ? '-' : ' ';
	return eighths >= 8 ? 0x2588u : 0x2590u - (uint32_t)eighths;
}

uint32_t
glyph_density(int level)
{
	static const uint32_t cps[] = {' ', 0x2591, 0x2592, 0x2593, 0x2588};

	return cps[level < 0 ? 0 : level > 4 ? 4 : level];
}

static uint32_t
to_ascii(uint32_t cp)
{
	for (size_t i = 0; i < sizeof(ascii) / sizeof(ascii[0]); i++)
		if (ascii[i].cp == cp)
			return (unsigned char)ascii[i].c;
	return '?';
}

static uint32_t
to_block(uint32_t cp)
{
	for (size_t i = 0; i < sizeof(poorer) / sizeof(poorer[0]); i++)
		if (poorer[i].cp == cp)
			return poorer[i].block;
	return cp;
}

void
glyph_reduce(struct cellbuf *b, enum glyph_set set)
{
	if (set == GLYPH_BRAILLE)
		return;
	for (int i = 0; i < b->w * b->h; i++) {
		struct cell *c = &b->at[i];

		if (set == GLYPH_BLOCK) {
			c->cp = c->cp > 0x7e ? to_block(c->cp) : c->cp;
		} else if (c->part == CELL_TAIL) {
			*c = (struct cell){.cp = ' ', .role = c->role, .attr = c->attr};
		} else if (c->cp > 0x7e) {
			c->cp = to_ascii(c->cp);
			c->part = CELL_SINGLE;
		}
	}
}

/* ---- the canvas --------------------------------------------------------------------------------
 */

void
canvas_init(struct canvas *c, enum glyph_set set, int w, int h)
{
	size_t n = w > 0 && h > 0 ? (size_t)w * (size_t)h : 0;

	*c = (struct canvas){.set = set, .w = n > 0 ? w : 0, .h = n > 0 ? h : 0};
	c->mask = xcalloc(n > 0 ? n : 1, 1);
	c->owner = xcalloc(n > 0 ? n : 1, 1);
}

void
canvas_free(struct canvas *c)
{
	free(c->mask);
	free(c->owner);
}

int
canvas_dots_x(enum glyph_set set)
{
	return set == GLYPH_ASCII ? 1 : 2;
}
int
canvas_dots_y(enum glyph_set set)
{
	return set == GLYPH_BRAILLE ? 4 : 2;
}

static void
dot(struct canvas *c, int x, int y, int series)
{
	/* Unicode's numbering of braille dots: columns of three, the fourth row came later. */
	static const uint8_t braille[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
	int dx = canvas_dots_x(c->set), dy = canvas_dots_y(c->set), cx = x / dx, cy = y / dy, i;

	if (x < 0 || y < 0 || cx >= c->w || cy >= c->h)
		return;
	i = cy * c->w + cx;
	if (c->set == GLYPH_BRAILLE)
		c->mask[i] |= braille[y % 4][x % 2];
	else
		c->mask[i] |= (uint8_t)(1u << (y % dy * dx + x % dx));
	if (c->owner[i] == 0 || c->owner[i] > series + 1)
		c->owner[i] = (uint8_t)(series + 1);
}

void
canvas_column(struct canvas *c, int x, int y0, int y1, int series)
{
	if (y0 > y1) {
		int t = y0;

		y0 = y1;
		y1 = t;
	}
	y0 = y0 < 0 ? 0 : y0;
	for (int y = y0; y <= y1 && y < c->h * canvas_dots_y(c->set); y++)
		dot(c, x, y, series);
}

uint32_t
canvas_cp(const struct canvas *c, int x, int y)
{
	/* bit 0 top left, 1 top right, 2 bottom left, 3 bottom right */
	static const uint32_t quadrants[16] = {0, 0x2598, 0x259d, 0x2580, 0x2596, 0x258c, 0x259e,
	    0x259b, 0x2597, 0x259a, 0x2590, 0x259c, 0x2584, 0x2599, 0x259f, 0x2588};
	static const char halves[4] = {0, '\'', '.', ':'};
	uint8_t mask = c->mask[y * c->w + x];

	if (mask == 0)
		return 0;
	if (c->set == GLYPH_BRAILLE)
		return 0x2800u + mask;
	return c->set == GLYPH_BLOCK ? quadrants[mask & 15] : (unsigned char)halves[mask & 3];
}
