/*
 * tui.h - the dashboard, for whoever starts it: on a terminal, or one frame into a file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_TUI_H
#define TUI_TUI_H

#include <stdio.h>

#include "tui/glyph.h"
#include "tui/source.h"
#include "tui/term_dump.h"
#include "tui/theme.h"

struct tui_shop {
	const char *name;       /* NULL: what its agent says */
	const char *socket;     /* NULL with a source of its own */
	const struct source *source;
};
struct tui_opts {
	/* Where from: source when set (it is then owned and closed), else url, else socket. Or,
	 * instead, several shops, at most SHOPS_MAX: their list comes first. */
	const struct source *source;
	const char *socket, *url, *token_file;
	const struct tui_shop *shops;
	int n_shops;
	/* What first. */
	const char *view;       /* "overview" (also NULL), "storefront", "funnel", "api" */
	const char *probe;      /* NULL = the first */
	const char *at;         /* NULL = live; "14:32", "2026-11-23 14:32", RFC 3339 */
	const char *range;      /* NULL = 1h; "15m", "7d", also "09:00..10:30" (without at) */
	const char *cursor;     /* NULL = off; a time as in at */
	bool utc;               /* clock times in UTC, not in the local zone */
	/* How. */
	const char *glyphs;     /* NULL = by the locale and terminal; "ascii", "block", "braille" */
	const char *theme;      /* NULL = calm, mono with NO_COLOR; "calm", "light", ... */
	/* tui_once only: the frame. */
	int w, h;               /* 0 = 80x24 */
	enum dump_format format;
	int64_t now_ms;         /* 0 = the clock */
};

/* Runs until the user quits. 0, or a negative errno after a sentence on stderr: -EINVAL an option
 * is wrong, -ENOTTY no terminal, -ENOTSUP a terminal that cannot do it. An agent that does not
 * answer is no error: the screen says so and goes on asking. */
int tui_run(const struct tui_opts *o);
/* One frame to out; of several shops their list, without those that have not answered within
 * SOURCE_TIMEOUT_MS. 0; -EINVAL; -EIO when nothing could be read of any (said in err, which may be
 * NULL). */
int tui_once(const struct tui_opts *o, FILE *out, char *err, size_t err_cap);

#endif
