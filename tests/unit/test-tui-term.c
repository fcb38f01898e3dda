/*
 * test-tui-term.c - the bytes that the terminal back end sends: replayed into libvterm they give
 * the cell buffer, whatever happened before; an unchanged frame costs nothing; an hour of watching
 * stays within the byte budget.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>
#include <vterm.h>

#include <cmocka.h>

#include "tests/unit/tui-sample.h"
#include "tui/term.h"

struct rig {
	struct ui ui;
	struct model m;
	struct cellbuf b;
	struct terminal *term;
	VTerm *vt;
	VTermScreen *screen;
	int fd; /* the file that stands for the terminal */
	off_t seen;
};

static void
rig_open(struct rig *r, const char *type, int w, int h)
{
	char path[] = "/tmp/tui-term.XXXXXX", err[200] = "";
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	*r = (struct rig){.fd = mkstemp(path)};
	assert_true(r->fd >= 0 && null >= 0);
	unlink(path);
	ui_init(&r->ui, w, h, SAMPLE_T);
	r->ui.utc = true;
	cellbuf_init(&r->b, w, h);
	r->vt = vterm_new(h, w);
	vterm_set_utf8(r->vt, 1);
	r->screen = vterm_obtain_screen(r->vt);
	vterm_screen_enable_altscreen(r->screen, 1);
	vterm_screen_reset(r->screen, 1);
	if (term_open(&r->term,
		&(struct term_opts){.type = type, .in = null, .out = r->fd, .w = w, .h = h}, err,
		sizeof(err))
	    != 0)
		fail_msg("%s: %s", type, err);
	close(null);
	r->m.status = sample_status(SAMPLE_T);
	r->m.charts = sample_charts(&r->ui);
}

static void
rig_close(struct rig *r)
{
	term_close(r->term);
	vterm_free(r->vt);
	close(r->fd);
	cellbuf_free(&r->b);
	status_unref(r->m.status);
	charts_unref(r->m.charts);
}

/* Draws; gives libvterm what came; returns the bytes. */
static size_t
show(struct rig *r)
{
	char bytes[65536];
	size_t total = 0;
	ssize_t n;

	if (r->b.w != r->ui.w || r->b.h != r->ui.h) {
		cellbuf_resize(&r->b, r->ui.w, r->ui.h);
		vterm_set_size(r->vt, r->ui.h, r->ui.w);
	}
	render(&r->b, &r->ui, &r->m);
	term_draw(r->term, &r->b, r->ui.theme);
	while ((n = pread(r->fd, bytes, sizeof(bytes), r->seen)) > 0) {
		vterm_input_write(r->vt, bytes, (size_t)n);
		r->seen += n;
		total += (size_t)n;
	}
	return total;
}

static bool
colour_is(const VTermColor *c, int wanted, bool ground)
{
	if (wanted < 0)
		return ground ? VTERM_COLOR_IS_DEFAULT_BG(c) : VTERM_COLOR_IS_DEFAULT_FG(c);
	return VTERM_COLOR_IS_INDEXED(c) && c->indexed.idx == wanted;
}

/* Columns and rows that differ; says the first. */
static int
compare(struct rig *r, const char *type, int step)
{
	int bad = 0;

	for (int y = 0; y < r->b.h; y++)
		for (int x = 0; x < r->b.w; x++) {
			const struct cell *c = &r->b.at[y * r->b.w + x];
			struct paint p = theme_paint(r->ui.theme, term_colors(r->term), c);
			VTermScreenCell got;
			uint32_t cp;
			bool same;

			if (c->part == CELL_TAIL)
				continue;
			vterm_screen_get_cell(r->screen, (VTermPos){y, x}, &got);
			cp = got.chars[0] == 0 ? ' ' : got.chars[0];
			same =
			    cp == c->cp && !got.attrs.reverse == !p.reverse
			    && (cp == ' '
				|| (!got.attrs.bold == !p.bold && colour_is(&got.fg, p.fg, false)))
			    && colour_is(&got.bg, p.bg, true);
			if (!same && bad++ == 0)
				print_error("%s step %d %dx%d at %d,%d: U+%04X bold %d rev %d "
					    "instead of U+%04X bold %d rev %d fg %d\n",
				    type, step, r->b.w, r->b.h, x, y, (unsigned)cp, got.attrs.bold,
				    got.attrs.reverse, (unsigned)c->cp, p.bold, p.reverse, p.fg);
		}
	return bad;
}

static uint32_t
next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33);
}

static void
random_event(struct rig *r, uint64_t *seed)
{
	static const uint32_t keys[] = {'1', '2', 'j', 'k', 'J', 'K', 'v', 'h', 'l', 'H', 'L', '[',
	    ']', '+', '-', '0', ' ', 't', '?', 'T', 'U', '`', 'g', 'G', KEY_ENTER, KEY_ESC, KEY_UP,
	    KEY_DOWN, KEY_TAB, 12, '9', ':', 'x', KEY_BACKSPACE};
	uint32_t dice = next_random(seed) % 20;
	unsigned fx = 0;

	if (dice == 0) {
		fx = ui_resize(
		    &r->ui, 1 + (int)(next_random(seed) % 210), 1 + (int)(next_random(seed) % 70));
	} else if (dice < 5) {
		fx = ui_tick(&r->ui, r->ui.now_ms + 1000 * (1 + next_random(seed) % 90));
		status_unref(r->m.status);
		r->m.status = sample_status(r->ui.now_ms);
	} else {
		fx = ui_event(&r->ui, &r->m,
		    &(struct event){.kind = EVENT_KEY,
			.key = keys[next_random(seed) % (sizeof(keys) / sizeof(keys[0]))]});
	}
	if (fx & FX_REPAINT)
		term_repaint(r->term);
	if (fx & FX_QUERY) {
		charts_unref(r->m.charts);
		r->m.charts = sample_charts(&r->ui);
	}
}

static void
round_trip(const char *type)
{
	const char *steps = getenv("TUI_STEPS");
	int n = steps != NULL ? (int)strtol(steps, NULL, 10) : 600, bad = 0;
	uint64_t seed = 42;
	struct rig r;

	rig_open(&r, type, 100, 30);
	for (int i = 0; i < n && bad == 0; i++) {
		random_event(&r, &seed);
		show(&r);
		bad = compare(&r, type, i);
	}
	rig_close(&r);
	assert_int_equal(bad, 0);
	print_message("%s: %d random events, screen equals cells\n", type, n);
}

static void
test_xterm(void **s)
{
	(void)s;
	round_trip("xterm-256color");
}
static void
test_tmux(void **s)
{
	(void)s;
	round_trip("tmux-256color");
}
static void
test_screen(void **s)
{
	(void)s;
	round_trip("screen-256color");
}
static void
test_linux(void **s)
{
	(void)s;
	round_trip("linux");
}
static void
test_vt100(void **s)
{
	(void)s;
	round_trip("vt100");
}

/* The comparison itself must see a difference. */
static void
test_compare_sees(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "xterm-256color", 100, 30);
	show(&r);
	assert_int_equal(compare(&r, "same", 0), 0);
	vterm_input_write(r.vt, "\033[10;10HX", 9);
	r.b.at[0].attr ^= ATTR_REVERSE;
	print_message("two differences are made:\n");
	assert_int_equal(compare(&r, "made different", 0), 2);
	rig_close(&r);
}

static void
test_unchanged_is_free(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "xterm-256color", 140, 45);
	assert_true(show(&r) > 3000);
	assert_int_equal(show(&r), 0);
	r.ui.now_ms += 400; /* the same second */
	assert_int_equal(show(&r), 0);
	rig_close(&r);
}

static void
an_hour(enum view_id view, int w, int h, size_t budget)
{
	size_t total = 0, largest = 0, first, n;
	clock_t cpu;
	struct rig r;

	rig_open(&r, "xterm-256color", w, h);
	r.ui.view = view;
	charts_unref(r.m.charts);
	r.m.charts = sample_charts(&r.ui);
	first = show(&r);
	cpu = clock();
	for (int s = 1; s <= 3600; s++) {
		unsigned fx = ui_tick(&r.ui, SAMPLE_T + s * 1000);

		if (s % 2 == 0) {
			status_unref(r.m.status);
			r.m.status = sample_status(r.ui.now_ms);
		}
		if ((fx & FX_QUERY) || s % 15 == 0) {
			charts_unref(r.m.charts);
			r.m.charts = sample_charts(&r.ui);
		}
		n = show(&r);
		total += n;
		largest = n > largest ? n : largest;
	}
	print_message("%s %dx%d: %.0f bytes/s mean over an hour, largest frame %zu, first %zu, "
		      "CPU with libvterm %.2f %%\n",
	    views[view]->name, w, h, (double)total / 3600, largest, first,
	    100 * (double)(clock() - cpu) / CLOCKS_PER_SEC / 3600);
	assert_int_equal(compare(&r, "after the hour", 3600), 0);
	rig_close(&r);
	assert_true(total <= budget * 3600);
	assert_true(total > 3600); /* something did move */
}

static void
test_budget(void **state)
{
	(void)state;
	an_hour(VIEW_OVERVIEW, 140, 45, 1000);
	an_hour(VIEW_STOREFRONT, 140, 45, 1000);
	an_hour(VIEW_OVERVIEW, 80, 24, 300);
	an_hour(VIEW_OVERVIEW, 200, 60, 1500);
}

static void
test_refusals(void **state)
{
	struct terminal *t = NULL;
	char err[200] = "";
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_not_equal(
	    term_open(
		&t, &(struct term_opts){.type = "dumb", .in = null, .out = null}, err, sizeof(err)),
	    0);
	assert_non_null(strstr(err, "cannot move"));
	assert_int_not_equal(
	    term_open(&t, &(struct term_opts){.type = "no-such-terminal", .in = null, .out = null},
		err, sizeof(err)),
	    0);
	assert_null(t);
	close(null);
}

/* curses keeps its descriptions of terminals until the process ends. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *
__lsan_default_suppressions(void)
{
	return "leak:libtinfo.so\nleak:libncursesw.so\n";
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_xterm),
	    cmocka_unit_test(test_tmux),
	    cmocka_unit_test(test_screen),
	    cmocka_unit_test(test_linux),
	    cmocka_unit_test(test_vt100),
	    cmocka_unit_test(test_compare_sees),
	    cmocka_unit_test(test_unchanged_is_free),
	    cmocka_unit_test(test_budget),
	    cmocka_unit_test(test_refusals),
	};

	alarm(1800);
	if (setlocale(LC_ALL, "C.UTF-8") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
