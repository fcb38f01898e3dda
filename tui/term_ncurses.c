/*
 * term_ncurses.c - see term.h. The only file that knows curses.
 *
 * ncurses finds the cheapest bytes; it is told only of cells that changed, so that an unchanged
 * frame costs nothing. Colours are pairs made on demand (alloc_pair), the terminal's palette is
 * never changed. A large frame is framed by the synchronised-update mode (?2026) where the terminal
 * is of a kind that has or ignores it; TILLWATCH_SYNC=0 turns it off. Keys are not read through
 * curses: input.c does that.
 *
 * The handlers need what to write and to which descriptor, and handlers have no context: hence the
 * one static struct of this tree's dashboard, written before they are installed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

/* curses.h and term.h define lower-case macros that would hit our names. */
#undef lines
#undef columns
#undef clear

#include "lib/xmalloc.h"
#include "tui/term.h"

#define SYNC_CELLS 120 /* changed cells from which a frame is synchronised */

static struct {
	volatile sig_atomic_t armed;
	int in, out, pipe[2];
	bool has_termios;
	struct termios saved;
	char bytes[256];
	size_t n;
} crash = {.pipe = {-1, -1}};

struct terminal {
	SCREEN *screen;
	FILE *in, *out;
	int in_fd, out_fd, colors;
	bool sync, signals, full;
	struct cellbuf shown;
	enum theme theme;
};

static const int deadly[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGSEGV, SIGBUS, SIGABRT};

/* Async-signal-safe: write(2) and tcsetattr(3) only. */
static void
restore(void)
{
	if (!crash.armed)
		return;
	crash.armed = 0;
	for (size_t at = 0; at < crash.n;) {
		ssize_t n = write(crash.out, crash.bytes + at, crash.n - at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	if (crash.has_termios)
		tcsetattr(crash.in, TCSANOW, &crash.saved);
}

static void
on_deadly(int sig)
{
	signal(SIGTTOU, SIG_IGN); /* a background process may still put the terminal right */
	restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
on_notice(int sig)
{
	int saved = errno;
	char c = sig == SIGWINCH ? 'W' : sig == SIGTSTP ? 'Z' : 'C';

	if (write(crash.pipe[1], &c, 1) < 0) {
		/* full: enough notices are waiting */
	}
	errno = saved;
}

static void
catch_signals(void)
{
	static const int notices[] = {SIGWINCH, SIGTSTP, SIGCONT};
	struct sigaction sa = {.sa_handler = on_deadly, .sa_flags = SA_NODEFER | SA_RESETHAND};

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		sigaction(deadly[i], &sa, NULL);
	sa = (struct sigaction){.sa_handler = on_notice, .sa_flags = SA_RESTART};
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < 3; i++)
		sigaction(notices[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void
add_capability(const char *name)
{
	char wanted[16], *s;
	size_t n;

	snprintf(wanted, sizeof(wanted), "%s", name);
	s = tigetstr(wanted);
	if (s == NULL || s == (char *)-1)
		return;
	n = strcspn(s, "$"); /* without padding */
	if (crash.n + n < sizeof(crash.bytes)) {
		memcpy(crash.bytes + crash.n, s, n);
		crash.n += n;
	}
}

/* What undoes everything that we turn on, in one string. */
static void
prepare_restore(struct terminal *t)
{
	static const char *const capabilities[] = {"sgr0", "op", "cnorm", "rmkx", "rmcup"};

	crash.armed = 0;
	crash.in = t->in_fd;
	crash.out = t->out_fd;
	/* ST first: it ends a sequence that the signal cut in two. */
	crash.n = (size_t)snprintf(
	    crash.bytes, sizeof(crash.bytes), "\033\\%s", t->sync ? "\033[?2026l" : "");
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		add_capability(capabilities[i]);
	crash.armed = 1;
}

static bool
is_sync_kind(const char *type)
{
	static const char *const kinds[] = {
	    "xterm", "tmux", "foot", "alacritty", "contour", "kitty"};
	const char *off = getenv("TILLWATCH_SYNC");

	if (off != NULL && strcmp(off, "0") == 0)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(type, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

static int
check_terminal(const char *type, int fd, char *err, size_t err_cap)
{
	char cup[] = "cup";
	int found = 0;
	char *s;

	if (type == NULL || *type == '\0') {
		snprintf(err, err_cap, "TERM is not set");
		return -EINVAL;
	}
	if (setupterm(type, fd, &found) != OK) {
		snprintf(err, err_cap, "terminal \"%s\" is unknown here (terminfo)", type);
		return -EINVAL;
	}
	s = tigetstr(cup);
	found = s != NULL && s != (char *)-1;
	del_curterm(cur_term);
	if (found)
		return 0;
	snprintf(err, err_cap, "terminal \"%s\" cannot move its cursor", type);
	return -ENOTSUP;
}

static void
set_modes(void)
{
	raw();
	noecho();
	nonl();
	leaveok(stdscr, TRUE);
	curs_set(0);
}

static void
start_curses(struct terminal *t, const struct term_opts *o)
{
	int w, h;

	set_modes();
	if (has_colors()) {
		start_color();
		use_default_colors();
		t->colors = COLORS;
	}
	term_size(t, &w, &h);
	w = o->w > 0 ? o->w : w;
	h = o->h > 0 ? o->h : h;
	resizeterm(h, w);
	cellbuf_init(&t->shown, w, h);
	t->full = true;
}

int
term_open(struct terminal **out, const struct term_opts *o, char *err, size_t err_cap)
{
	const char *type = o->type != NULL ? o->type : getenv("TERM");
	struct terminal *t;
	int rc = check_terminal(type, o->out, err, err_cap);

	if (rc != 0)
		return rc;
	t = xcalloc(1, sizeof(*t));
	t->in_fd = o->in;
	t->out_fd = o->out;
	t->sync = is_sync_kind(type);
	t->signals = o->signals;
	crash.has_termios = tcgetattr(t->in_fd, &crash.saved) == 0; /* newterm changes it */
	if (pipe2(crash.pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		abort();
	if (t->signals)
		catch_signals();
	t->in = fdopen(dup(o->in), "r");
	t->out = fdopen(dup(o->out), "w");
	if (t->in == NULL || t->out == NULL)
		abort();
	use_tioctl(TRUE); /* over LINES and COLUMNS; without a terminal 80x24 until told */
	set_escdelay(25);
	if ((t->screen = newterm(type, t->out, t->in)) == NULL) {
		snprintf(err, err_cap, "terminal \"%s\" cannot be used", type);
		term_close(t);
		return -ENOTSUP;
	}
	prepare_restore(t);
	start_curses(t, o);
	*out = t;
	return 0;
}

void
term_close(struct terminal *t)
{
	if (t == NULL)
		return;
	if (t->screen != NULL) {
		endwin();
		delscreen(t->screen);
		restore();
	}
	crash.armed = 0;
	for (int i = 0; i < 2; i++)
		if (crash.pipe[i] >= 0) {
			close(crash.pipe[i]);
			crash.pipe[i] = -1;
		}
	if (t->in != NULL)
		fclose(t->in);
	if (t->out != NULL)
		fclose(t->out);
	cellbuf_free(&t->shown);
	free(t);
}

void
term_size(const struct terminal *t, int *w, int *h)
{
	struct winsize ws;

	*w = 80;
	*h = 24;
	if (ioctl(t->out_fd, TIOCGWINSZ, &ws) != 0 || ws.ws_col == 0 || ws.ws_row == 0)
		return;
	*w = ws.ws_col > CELL_SIDE_MAX ? CELL_SIDE_MAX : ws.ws_col;
	*h = ws.ws_row > CELL_SIDE_MAX ? CELL_SIDE_MAX : ws.ws_row;
}

int
term_colors(const struct terminal *t)
{
	return t->colors;
}

bool
term_writable(const struct terminal *t)
{
	struct pollfd p = {.fd = t->out_fd, .events = POLLOUT};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

static void
put_cell(struct terminal *t, int x, int y, const struct cell *c, enum theme theme)
{
	struct paint p = theme_paint(theme, t->colors, c);
	attr_t attr = (p.bold ? A_BOLD : 0) | (p.reverse ? A_REVERSE : 0);
	wchar_t text[2] = {(wchar_t)c->cp, 0};
	int pair = 0;
	cchar_t cc;

	if (p.fg >= 0 || p.bg >= 0)
		pair = alloc_pair(p.fg, p.bg);
	if (pair < 0)
		pair = 0;
	setcchar(&cc, text, attr, 0, &pair);
	mvadd_wch(y, x, &cc);
}

static void
match_size(struct terminal *t, const struct cellbuf *b)
{
	if (t->shown.w == b->w && t->shown.h == b->h)
		return;
	cellbuf_resize(&t->shown, b->w, b->h);
	resizeterm(b->h, b->w);
	t->full = true;
}

/* Gives curses the cells that changed; returns how many. */
static int
put_changes(struct terminal *t, const struct cellbuf *b, enum theme theme)
{
	int changed = 0;

	for (int y = 0; y < b->h; y++)
		for (int x = 0; x < b->w; x++) {
			const struct cell *c = &b->at[y * b->w + x];

			if (!t->full && cell_equal(c, &t->shown.at[y * b->w + x]))
				continue;
			changed++;
			if (c->part != CELL_TAIL)
				put_cell(t, x, y, c, theme);
		}
	return changed;
}

static void
send_raw(const struct terminal *t, const char *s)
{
	if (write(t->out_fd, s, strlen(s)) < 0) {
		/* the terminal is gone: poll says so soon */
	}
}

/* The scrolling region follows the size: curses sets it once, for the size at its start, and a
 * terminal ignores changes of lines outside of it. */
static void
begin_full(struct terminal *t, const struct cellbuf *b)
{
	char name[] = "csr";
	char *csr = tigetstr(name);

	if (csr != NULL && csr != (char *)-1)
		send_raw(t, tiparm(csr, 0, b->h - 1));
	werase(stdscr);
	clearok(curscr, TRUE);
}

void
term_draw(struct terminal *t, const struct cellbuf *b, enum theme theme)
{
	int changed;

	match_size(t, b);
	if (theme != t->theme)
		t->full = true;
	if (t->full)
		begin_full(t, b);
	if ((changed = put_changes(t, b, theme)) == 0)
		return;
	memcpy(t->shown.at, b->at, (size_t)(b->w * b->h) * sizeof(struct cell));
	t->full = false;
	t->theme = theme;
	wnoutrefresh(stdscr);
	if (t->sync && changed > SYNC_CELLS)
		send_raw(t, "\033[?2026h");
	doupdate();
	if (t->sync && changed > SYNC_CELLS)
		send_raw(t, "\033[?2026l");
}

void
term_repaint(struct terminal *t)
{
	t->full = true;
}

void
term_suspend(struct terminal *t)
{
	endwin();
	restore();
	raise(SIGSTOP);
	reset_prog_mode();
	set_modes();
	crash.armed = 1;
	t->full = true;
}

int
term_signal_fd(const struct terminal *t)
{
	(void)t;
	return crash.pipe[0];
}

char
term_signal(const struct terminal *t)
{
	char c;

	(void)t;
	return read(crash.pipe[0], &c, 1) == 1 ? c : 0;
}
