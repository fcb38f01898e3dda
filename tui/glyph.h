/*
 * glyph.h - the three sets of signs (ascii, block, braille), and the canvas of dots for line
 * charts.
 *
 * Every view draws with the full set's code points; glyph_reduce maps a finished frame to what the
 * chosen set may show, so that a terminal without the font or without UTF-8 still reads. A foreign
 * letter that ASCII lacks becomes '?'. All signs have one column.
 *
 *     set      dots a cell   line charts     bars, sparks     frames
 *     braille  2 x 4         U+2800..28FF    U+2581..2588     U+2500 ff.
 *     block    2 x 2         quadrants       U+2581..2588     U+2500 ff.
 *     ascii    1 x 2         . ' :           . : - = + * #    - | +
 *
 * Pure functions of the UI thread. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_GLYPH_H
#define TUI_GLYPH_H

#include "tui/cell.h"

enum glyph_set { GLYPH_ASCII, GLYPH_BLOCK, GLYPH_BRAILLE, GLYPH_SETS };

/* What stands for a state: sign and word, so that no state is told by colour alone. */
enum state { STATE_OK, STATE_WARN, STATE_CRIT, STATE_UNKNOWN, STATE_STALE, STATE_PENDING,
	STATE_MUTED, STATES };
uint32_t state_sign(enum state s);
const char *state_word(enum state s);
enum role state_role(enum state s);

const char *glyph_set_name(enum glyph_set set);
int glyph_set_parse(const char *name, enum glyph_set *out);     /* 0 or -EINVAL */

/* Level 0..8 of 8 as a spark (0 = blank); share 0..7 of a cell as a bar from the left. */
uint32_t glyph_spark(enum glyph_set set, int level);
uint32_t glyph_bar(enum glyph_set set, int eighths);
uint32_t glyph_density(int level);                              /* 0..4 */

void glyph_reduce(struct cellbuf *b, enum glyph_set set);

/* A canvas of dots over w x h cells: one bit a dot, one series each cell (the most important one
 * that touched it). */
struct canvas {
	enum glyph_set set;
	int w, h;               /* cells */
	uint8_t *mask, *owner;  /* w * h each; owner: 0 = nobody, else series + 1 */
};
void canvas_init(struct canvas *c, enum glyph_set set, int w, int h);
void canvas_free(struct canvas *c);
int canvas_dots_x(enum glyph_set set);  /* dots in a cell's width: 1 or 2 */
int canvas_dots_y(enum glyph_set set);
/* Lights the dots of column x (dots) from y0 to y1 (dots, 0 = top, either order). A series with a
 * lower number wins the cell. */
void canvas_column(struct canvas *c, int x, int y0, int y1, int series);
uint32_t canvas_cp(const struct canvas *c, int x, int y);       /* 0 = empty */

#endif
