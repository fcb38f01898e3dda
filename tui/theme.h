/*
 * theme.h - what a role looks like: five palettes, each for 256, 8 or no colours.
 *
 * Normal is grey and trouble is coloured (warn 220, crit 196: far apart for every kind of colour
 * vision, and never told by colour alone). No palette of the terminal is ever redefined; colours
 * are the indexed ones. NO_COLOR and a terminal without colours get `mono`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_THEME_H
#define TUI_THEME_H

#include <stdint.h>

#include "tui/cell.h"

enum theme { THEME_CALM, THEME_LIGHT, THEME_SYSTEM16, THEME_MONO, THEME_CONTRAST, THEMES };

struct paint {
	int16_t fg, bg;         /* index of the colour, -1 = the terminal's own */
	bool bold, reverse;
};

const char *theme_name(enum theme t);
int theme_parse(const char *name, enum theme *out);     /* 0 or -EINVAL */
/* colors: how many the terminal has (256, 16, 8; fewer than 8 = mono). */
struct paint theme_paint(enum theme t, int colors, const struct cell *c);

#endif
