/*
 * term.h - a terminal that shows cell buffers. One implementation: term_ncurses.c.
 *
 * One terminal a process. It is left as it was found on every way out: term_close, exit(), TERM,
 * HUP, INT, QUIT, SEGV, BUS, ABRT (restored in the handler, which then dies of the same signal),
 * and TSTP (term_suspend).
 *
 * Runs in the UI thread. term_draw blocks while the terminal does not read: ask term_writable
 * before. SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_TERM_H
#define TUI_TERM_H

#include "tui/theme.h"

struct terminal;
struct term_opts {
	const char *type;       /* terminfo name; NULL = $TERM */
	int in, out;            /* out may be a pipe or a file (tests) */
	int w, h;               /* 0 = ask the terminal */
	bool signals;           /* catch signals as described; false in tests */
};

/* 0, or -ENOTSUP / -EINVAL with a sentence in err. */
int term_open(struct terminal **out, const struct term_opts *o, char *err, size_t err_cap);
void term_close(struct terminal *t);                /* NULL allowed */
void term_size(const struct terminal *t, int *w, int *h);   /* as the terminal says now */
int term_colors(const struct terminal *t);
bool term_writable(const struct terminal *t);
/* Shows b; sends what changed since the last call, nothing when nothing did. The screen's size
 * becomes that of b. */
void term_draw(struct terminal *t, const struct cellbuf *b, enum theme theme);
void term_repaint(struct terminal *t);              /* the next term_draw sends everything */
/* Restores the terminal, stops the process, and returns after it was continued. */
void term_suspend(struct terminal *t);
/* A descriptor that becomes readable when a signal came; term_signal reads one ('W' size changed,
 * 'Z' stop asked, 'C' continued), 0 = none. */
int term_signal_fd(const struct terminal *t);
char term_signal(const struct terminal *t);

#endif
