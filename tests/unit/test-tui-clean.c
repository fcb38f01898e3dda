/*
 * test-tui-clean.c - the dashboard in a real pty leaves the terminal as it found it: after q, after
 * TERM HUP INT QUIT SEGV BUS ABRT, and while it is stopped; and after a stop it is back. So it does
 * of several shops, of which one never answers: the others are there, and each opens.
 *
 * libvterm reads what comes and knows alternate screen, cursor and mouse; the line discipline is
 * asked by tcgetattr.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>
#include <vterm.h>

#include <cmocka.h>

#define WAIT_MS 20000

struct pane {
	int fd;
	pid_t pid;
	VTerm *vt;
	VTermScreen *screen;
	bool alternate, cursor;
	int mouse;
	struct termios before;
};

static int
on_prop(VTermProp prop, VTermValue *v, void *arg)
{
	struct pane *p = arg;

	if (prop == VTERM_PROP_ALTSCREEN)
		p->alternate = v->boolean;
	else if (prop == VTERM_PROP_CURSORVISIBLE)
		p->cursor = v->boolean;
	else if (prop == VTERM_PROP_MOUSE)
		p->mouse = v->number;
	return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_prop};

/* has_shops: three of them, in place of the only one. */
static void
start_with(struct pane *p, bool has_shops)
{
	struct winsize ws = {.ws_row = 24, .ws_col = 80};
	const char *top = getenv("top_srcdir"), *build = getenv("top_builddir");
	char demo[1024], fixtures[1024], acme[1100], borealis[1100];
	int slave;

	*p = (struct pane){.cursor = true};
	p->vt = vterm_new(24, 80);
	vterm_set_utf8(p->vt, 1);
	p->screen = vterm_obtain_screen(p->vt);
	vterm_screen_set_callbacks(p->screen, &callbacks, p);
	vterm_screen_enable_altscreen(p->screen, 1);
	vterm_screen_reset(p->screen, 1);
	snprintf(demo, sizeof(demo), "%s/tui/tui-demo", build != NULL ? build : ".");
	snprintf(fixtures, sizeof(fixtures), "%s/tests/golden/fixtures", top != NULL ? top : ".");
	snprintf(acme, sizeof(acme), "acme-eu=%s", fixtures);
	snprintf(borealis, sizeof(borealis), "borealis=%s/borealis", fixtures);
	assert_int_equal(openpty(&p->fd, &slave, NULL, NULL, &ws), 0);
	assert_int_equal(tcgetattr(slave, &p->before), 0);
	if ((p->pid = fork()) == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		setenv("TERM", "xterm-256color", 1);
		setenv("LC_ALL", "C.UTF-8", 1);
		/* A sanitizer would take SEGV and its like for itself. */
		setenv("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_abort=0", 1);
		setenv("TSAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_abort=0", 1);
		setenv("UBSAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_abort=0", 1);
		close(p->fd);
		login_tty(slave);
		if (has_shops)
			execl(demo, demo, "--shop", "cumulus=-", "--shop", borealis, "--shop", acme,
			    (char *)NULL);
		else
			execl(demo, demo, "--fixtures", fixtures, (char *)NULL);
		_exit(127);
	}
	close(slave);
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
}

static void
start(struct pane *p)
{
	start_with(p, false);
}

/* Reads what is there, at most ms; false at the end. */
static bool
drain(struct pane *p, int ms)
{
	struct pollfd f = {.fd = p->fd, .events = POLLIN};
	char bytes[8192];
	ssize_t n;

	if (poll(&f, 1, ms) <= 0)
		return true;
	n = read(p->fd, bytes, sizeof(bytes));
	if (n > 0)
		vterm_input_write(p->vt, bytes, (size_t)n);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static void
screen_text(struct pane *p, char *dst, size_t cap)
{
	VTermRect all = {0, 24, 0, 80};
	size_t n = vterm_screen_get_text(p->screen, dst, cap - 1, all);

	dst[n < cap ? n : cap - 1] = '\0';
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
wait_text(struct pane *p, const char *text)
{
	int64_t end = now_ms() + WAIT_MS;
	char screen[16384];

	do {
		drain(p, 50);
		screen_text(p, screen, sizeof(screen));
		if (strstr(screen, text) != NULL)
			return;
	} while (now_ms() < end);
	fail_msg("\"%s\" does not appear:\n%s", text, screen);
}

/* Waits for the end or a stop; reads on while it does. */
static int
wait_state(struct pane *p, int flags)
{
	int64_t end = now_ms() + WAIT_MS;
	int status = 0;

	while (waitpid(p->pid, &status, WNOHANG | flags) == 0) {
		drain(p, 20);
		if (now_ms() > end) {
			kill(p->pid, SIGKILL);
			fail_msg("it does not end");
		}
	}
	for (int i = 0; i < 5; i++)
		drain(p, 10);
	return status;
}

static void
assert_clean(struct pane *p, const char *after)
{
	struct termios now;

	if (p->alternate || !p->cursor || p->mouse != 0)
		fail_msg("after %s: alternate screen %d, cursor %d, mouse %d", after, p->alternate,
		    p->cursor, p->mouse);
	assert_int_equal(tcgetattr(p->fd, &now), 0);
	if (now.c_lflag != p->before.c_lflag || now.c_iflag != p->before.c_iflag
	    || now.c_oflag != p->before.c_oflag)
		fail_msg("after %s: line discipline differs (lflag %x, was %x)", after, now.c_lflag,
		    p->before.c_lflag);
}

static void
finish(struct pane *p)
{
	vterm_free(p->vt);
	close(p->fd);
}

static void
test_signals(void **state)
{
	static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGSEGV, SIGBUS, SIGABRT};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct pane p;
		int status;

		start(&p);
		wait_text(&p, "Health");
		assert_true(p.alternate && !p.cursor);
		kill(p.pid, signals[i]);
		status = wait_state(&p, 0);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		assert_clean(&p, strsignal(signals[i]));
		print_message("clean after %s\n", strsignal(signals[i]));
		finish(&p);
	}
}

static void
test_quit(void **state)
{
	static const char *const ways[] = {"q", "\003", "\033[21~"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct pane p;
		int status;

		start(&p);
		wait_text(&p, "Health");
		assert_int_equal(write(p.fd, ways[i], strlen(ways[i])), strlen(ways[i]));
		status = wait_state(&p, 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		assert_clean(&p, "a key");
		finish(&p);
	}
}

static void
test_shops(void **state)
{
	struct pane p;
	int status;

	(void)state;
	start_with(&p, true);
	wait_text(&p, "EUR 31 200");
	wait_text(&p, "61/58");
	wait_text(&p, "asking");
	assert_int_equal(write(p.fd, "\r", 1), 1); /* the worst is selected */
	wait_text(&p, "acme-eu  [1 Overview]");
	wait_text(&p, "checkout-page");
	assert_int_equal(write(p.fd, ">", 1), 1);
	wait_text(&p, "borealis  [1 Overview]");
	wait_text(&p, "produkt");
	assert_int_equal(write(p.fd, ">", 1), 1);
	wait_text(&p, "cumulus  [1 Overview]");
	assert_int_equal(write(p.fd, "9", 1), 1);
	wait_text(&p, "[9 Shops]");
	wait_text(&p, "EUR 31 200");
	assert_int_equal(write(p.fd, "q", 1), 1);
	status = wait_state(&p, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_clean(&p, "several shops");
	finish(&p);
}

static void
test_stop(void **state)
{
	struct pane p;
	int status;

	(void)state;
	for (int by_key = 0; by_key < 2; by_key++) {
		start(&p);
		wait_text(&p, "Health");
		if (by_key)
			assert_int_equal(write(p.fd, "\032", 1), 1);
		else
			kill(p.pid, SIGTSTP);
		status = wait_state(&p, WUNTRACED);
		assert_true(WIFSTOPPED(status));
		assert_clean(&p, "a stop");
		vterm_screen_reset(p.screen, 1);
		kill(p.pid, SIGCONT);
		wait_text(&p, "Health");
		assert_true(p.alternate && !p.cursor);
		assert_int_equal(write(p.fd, "2", 1), 1);
		wait_text(&p, "Time to first byte");
		kill(p.pid, SIGTERM);
		wait_state(&p, 0);
		assert_clean(&p, "a stop and TERM");
		finish(&p);
	}
}

/* 30 resizes in 0.6 s cost at most a few paints, and the last size is shown. */
static void
test_resize_storm(void **state)
{
	struct pane p;

	(void)state;
	start(&p);
	wait_text(&p, "Health");
	for (int i = 0; i < 30; i++) {
		struct winsize ws = {
		    .ws_row = (unsigned short)(i == 29 ? 24 : 20 + i % 7), .ws_col = 80};

		assert_int_equal(ioctl(p.fd, TIOCSWINSZ, &ws), 0);
		drain(&p, 20);
	}
	assert_int_equal(write(p.fd, "?", 1), 1);
	wait_text(&p, "any key closes");
	kill(p.pid, SIGTERM);
	wait_state(&p, 0);
	assert_clean(&p, "a storm of resizes");
	finish(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_quit),
	    cmocka_unit_test(test_shops),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_resize_storm),
	};

	alarm(1800);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
