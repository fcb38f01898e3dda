/*
 * theme.c - see theme.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/theme.h"

#include <errno.h>
#include <string.h>

static const char *const names[THEMES] = {"calm", "light", "system16", "mono", "contrast"};

/* One row a role: colour in the 256 of calm, light and contrast, in the user's first 8; attribute
 * in every palette; attribute where there is no colour. */
static const struct {
	int16_t calm, light, contrast, eight;
	uint8_t attr, mono;
} roles[ROLES] = {
    [ROLE_NORMAL] = {250, 238, 255, -1, 0, 0},
    [ROLE_DIM] = {244, 244, 250, -1, 0, 0},
    [ROLE_INFO] = {111, 25, 117, 6, 0, 0},
    [ROLE_OK] = {246, 240, 252, -1, 0, 0},
    [ROLE_WARN] = {220, 130, 226, 3, 0, ATTR_BOLD},
    [ROLE_CRIT] = {196, 160, 203, 1, ATTR_BOLD, ATTR_BOLD | ATTR_REVERSE},
    [ROLE_STALE] = {139, 96, 183, 5, 0, 0},
    [ROLE_TITLE] = {253, 235, 231, -1, ATTR_BOLD, ATTR_BOLD},
    [ROLE_LINE1] = {252, 236, 231, 7, 0, 0},
    [ROLE_LINE2] = {110, 25, 117, 6, 0, 0},
    [ROLE_LINE3] = {245, 102, 250, 4, 0, 0},
    [ROLE_LINE4] = {67, 66, 75, 2, 0, 0},
    [ROLE_HEAT1] = {67, 110, 75, 4, 0, 0},
    [ROLE_HEAT2] = {153, 25, 231, 7, 0, 0},
};

const char *
theme_name(enum theme t)
{
	return names[t];
}

int
theme_parse(const char *name, enum theme *out)
{
	for (int i = 0; i < THEMES; i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*out = (enum theme)i;
		return 0;
	}
	return -EINVAL;
}

static int16_t
colour(enum theme t, int colors, int role)
{
	if (t == THEME_MONO || colors < 8)
		return -1;
	if (t == THEME_SYSTEM16 || colors < 256)
		return roles[role].eight;
	return t == THEME_LIGHT      ? roles[role].light
	       : t == THEME_CONTRAST ? roles[role].contrast
				     : roles[role].calm;
}

struct paint
theme_paint(enum theme t, int colors, const struct cell *c)
{
	int role = c->role < ROLES ? c->role : ROLE_NORMAL;
	bool mono = t == THEME_MONO || colors < 8;
	uint8_t attr = (uint8_t)(c->attr | roles[role].attr | (mono ? roles[role].mono : 0));
	struct paint p = {.fg = colour(t, colors, role), .bg = -1};

	/* A coloured ground under an empty cell needs no colour of letters: fewer bytes. */
	p.bold = attr & ATTR_BOLD;
	p.reverse = attr & ATTR_REVERSE;
	if (attr & ATTR_CURSOR) {
		if (!mono && colors >= 256 && t != THEME_SYSTEM16)
			p.bg = t == THEME_LIGHT ? 252 : 237;
		else
			p.reverse = true;
	}
	if (c->cp == ' ' && !p.reverse) {
		p.fg = -1;
		p.bold = false;
	}
	return p;
}
