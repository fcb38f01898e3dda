/*
 * term_dump.h - a frame as text, as ANSI, as SVG, or as a golden (text and one style letter a
 * cell).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_TERM_DUMP_H
#define TUI_TERM_DUMP_H

#include <stdio.h>

#include "tui/theme.h"

enum dump_format { DUMP_TXT, DUMP_ANSI, DUMP_SVG, DUMP_GOLDEN };

int dump_format_parse(const char *name, enum dump_format *out); /* 0 or -EINVAL */
/* Trailing blanks are trimmed. 0, or -EIO when out has an error. */
int dump(const struct cellbuf *b, enum dump_format format, enum theme theme, FILE *out);

#endif
