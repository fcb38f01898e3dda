/*
 * test-tui-units.c - the pure parts of the dashboard: cells, layout, formats, the axis, keys, and
 * the step from one state of the screen to the next; every frame at every small size.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tui-sample.h"
#include "tui/layout.h"

static void
test_cells(void **state)
{
	struct cellbuf b;
	struct rect r = {2, 1, 6, 2};

	(void)state;
	cellbuf_init(&b, 10, 4);
	/* clipped at both sides; a control becomes a dot; a combining mark vanishes */
	assert_int_equal(put_text(&b, r, -1, 0, "ab\033ce\xcc\x81", STYLE(ROLE_NORMAL)), 4);
	assert_int_equal(b.at[1 * 10 + 1].cp, ' ');
	assert_int_equal(b.at[1 * 10 + 2].cp, 'b');
	assert_int_equal(b.at[1 * 10 + 3].cp, 0xb7);
	assert_int_equal(b.at[1 * 10 + 5].cp, 'e');
	/* a wide character is whole or not there, and half of one is blanked */
	put_text(
	    &b, r, 0, 1, "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2", STYLE(ROLE_NORMAL));
	assert_int_equal(b.at[2 * 10 + 6].part, CELL_LEAD);
	assert_int_equal(b.at[2 * 10 + 8].cp, ' ');
	put_cp(&b, r, 1, 1, 'x', STYLE(ROLE_NORMAL));
	assert_int_equal(b.at[2 * 10 + 2].cp, ' ');
	assert_int_equal(b.at[2 * 10 + 2].part, CELL_SINGLE);
	put_field(&b, r, 0, 0, 4, "abcdef", STYLE(ROLE_NORMAL));
	assert_int_equal(b.at[1 * 10 + 5].cp, 0x2026);
	put_text(&b, r, 0, 0, "\xff\xc0", STYLE(ROLE_NORMAL));
	assert_int_equal(b.at[1 * 10 + 2].cp, '?');
	cellbuf_free(&b);
}

static void
test_format(void **state)
{
	static const struct {
		double v;
		const char *text;
	} latencies[] = {{0.412, "412 ms"}, {0.0042, "4.2 ms"}, {0.00996, "10 ms"},
	    {0.9996, "1.00 s"}, {1.214, "1.21 s"}, {12.34, "12.3 s"}, {NAN, "-"}, {INFINITY, "-"}};
	char t[FORMAT_TEXT];
	int64_t ms, day = 1795392000000; /* 2026-11-23 00:00 UTC */

	(void)state;
	for (size_t i = 0; i < sizeof(latencies) / sizeof(latencies[0]); i++)
		assert_string_equal(format_latency(latencies[i].v, t), latencies[i].text);
	assert_string_equal(format_age(10260, t), "2h51m");
	assert_string_equal(format_age(59.9, t), "59s");
	assert_string_equal(format_bytes(8.4e6, t), "8.4 MB");
	assert_int_equal(format_span_parse("1h30m", &ms), 0);
	assert_int_equal(ms, 5400000);
	assert_string_equal(format_span(ms, t), "1h30m");
	assert_int_not_equal(format_span_parse("5", &ms), 0);
	assert_int_not_equal(format_span_parse("99999999999d", &ms), 0);
	assert_int_not_equal(format_span_parse("10s", &ms), 0);
	assert_int_equal(format_clock_parse("14:23", SAMPLE_T, true, &ms), 0);
	assert_int_equal(ms, day + (14 * 60 + 23) * 60000);
	assert_int_equal(format_clock_parse("23:00", SAMPLE_T, true, &ms), 0);
	assert_int_equal(ms, day - 3600000); /* still to come today: yesterday's */
	assert_int_equal(format_clock_parse("2026-11-23T14:32:07Z", SAMPLE_T, true, &ms), 0);
	assert_int_equal(ms, SAMPLE_T);
	assert_int_not_equal(format_clock_parse("25:99", SAMPLE_T, true, &ms), 0);
}

static void
test_axis(void **state)
{
	struct axis a = axis_make(SAMPLE_T, 3600000, 266, true), b;

	(void)state;
	assert_int_equal(a.step_ms, 15000);
	assert_int_equal(a.start_ms % a.step_ms, 0);
	assert_true(axis_end(&a) >= SAMPLE_T && axis_end(&a) - SAMPLE_T < a.step_ms);
	assert_int_equal(axis_bucket(&a, SAMPLE_T), a.n - 1);
	assert_int_equal(axis_bucket(&a, a.start_ms), -1);
	assert_int_equal(axis_bucket(&a, a.start_ms + 1), 0);
	for (int i = 0; i < a.n; i++)
		assert_int_equal(axis_bucket(&a, axis_time(&a, i)), i);
	/* a second later the same buckets; a step later one on */
	b = axis_make(SAMPLE_T + 1000, 3600000, 266, true);
	assert_int_equal(a.start_ms, b.start_ms);
	b = axis_make(SAMPLE_T + 15000, 3600000, 266, true);
	assert_int_equal(b.start_ms - a.start_ms, 15000);
	/* frozen: only full buckets */
	b = axis_make(SAMPLE_T, 3600000, 266, false);
	assert_true(axis_end(&b) <= SAMPLE_T);
}

static void
test_layout(void **state)
{
	struct pane_want w[3] = {{3, 10, 5}, {4, 8, 1}, {2, 2, 9}};
	struct rect out[3], area = {0, 2, 80, 0};

	(void)state;
	for (int h = 0; h < 40; h++) {
		int y = area.y, sum = 0;

		area.h = h;
		layout_rows(area, w, 3, out);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(out[i].y, y);
			y += out[i].h;
			sum += out[i].h;
			assert_true(out[i].h == 0 || out[i].h >= w[i].min);
		}
		assert_true(sum <= h);
	}
	area.h = 5;
	layout_rows(area, w, 3, out);
	assert_int_equal(out[1].h, 0); /* the least important went */
	assert_int_equal(out[2].h, 2);
}

struct got {
	struct event at[64];
	int n;
};

static void
collect(void *arg, const struct event *e)
{
	struct got *g = arg;

	if (g->n < 64)
		g->at[g->n++] = *e;
}

static void
test_input(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t keys[4];
	} cases[] = {{"j", {'j'}}, {"\033[A", {KEY_UP}}, {"\033OA", {KEY_UP}},
	    {"\033[5~", {KEY_PGUP}}, {"\033[1;2C", {KEY_SHIFT_RIGHT}}, {"\033[[A", {KEY_F1}},
	    {"\033OP", {KEY_F1}}, {"\033[21~", {KEY_F10}}, {"\033[Z", {KEY_BACKTAB}},
	    {"\xc3\xa9", {0xe9}},
	    {"\xc2\x9b"
	     "A",
		{'A'}},
	    {"\xff"
	     "a",
		{'a'}},
	    {"\033]0;x\007b", {'b'}}, {"\033P1$r\033\\c", {'c'}}, {"\r\n", {KEY_ENTER, KEY_ENTER}},
	    {"\177", {KEY_BACKSPACE}}, {"\033[99999999999999999999999999999999999999~d", {'d'}},
	    {"\033x", {'x'}}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int split = 0; split < 2; split++) {
			const uint8_t *p = (const uint8_t *)cases[i].bytes;
			size_t n = strlen(cases[i].bytes);
			struct got g = {.n = 0};
			struct input in;

			input_init(&in);
			for (size_t k = 0; split && k < n; k++)
				input_feed(&in, p + k, 1, collect, &g);
			if (!split)
				input_feed(&in, p, n, collect, &g);
			input_silence(&in, collect, &g);
			for (int k = 0; k < 4 && cases[i].keys[k] != 0; k++) {
				assert_true(g.n > k);
				assert_int_equal(g.at[k].key, cases[i].keys[k]);
			}
			assert_int_equal(g.n, cases[i].keys[1] != 0 ? 2 : 1);
		}
}

static void
test_escape_alone(void **state)
{
	struct got g = {.n = 0};
	struct input in;

	(void)state;
	input_init(&in);
	input_feed(&in, (const uint8_t *)"\033", 1, collect, &g);
	assert_int_equal(g.n, 0);
	assert_true(input_pending(&in));
	input_silence(&in, collect, &g);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.at[0].key, KEY_ESC);
	/* a mouse report and a cursor report are no keys */
	input_feed(&in, (const uint8_t *)"\033[<0;10;5M\033[12;40R", 18, collect, &g);
	assert_int_equal(g.n, 3);
	assert_int_equal(g.at[1].kind, EVENT_MOUSE);
	assert_int_equal(g.at[1].x, 9);
	assert_int_equal(g.at[2].kind, EVENT_REPLY);
	/* what is pasted is not obeyed */
	input_feed(&in, (const uint8_t *)"\033[200~q\033[201~", 13, collect, &g);
	assert_int_equal(g.at[3].kind, EVENT_PASTE);
}

struct screen {
	struct ui ui;
	struct model m;
};

static void
screen_open(struct screen *s, int w, int h)
{
	ui_init(&s->ui, w, h, SAMPLE_T);
	s->ui.utc = true;
	s->m.status = sample_status(SAMPLE_T);
	s->m.charts = sample_charts(&s->ui);
}

static void
screen_close(struct screen *s)
{
	status_unref(s->m.status);
	charts_unref(s->m.charts);
}

static unsigned
press(struct screen *s, uint32_t key)
{
	return ui_event(&s->ui, &s->m, &(struct event){.kind = EVENT_KEY, .key = key});
}

static void
test_time(void **state)
{
	struct screen s;
	int64_t end;

	(void)state;
	screen_open(&s, 100, 30);
	assert_true(press(&s, ' ') & FX_QUERY);
	assert_false(s.ui.live);
	assert_int_equal(s.ui.end_ms, SAMPLE_T);
	(void)ui_tick(&s.ui, SAMPLE_T + 60000);
	assert_int_equal(s.ui.end_ms, SAMPLE_T); /* frozen stays */
	press(&s, '[');
	assert_int_equal(s.ui.end_ms, SAMPLE_T - 1800000);
	press(&s, '2');
	assert_int_equal(s.ui.end_ms, SAMPLE_T - 1800000); /* the view changes, time does not */
	press(&s, ']');
	press(&s, ']');
	assert_int_equal(s.ui.end_ms, SAMPLE_T + 60000); /* not into the future */
	press(&s, '0');
	assert_true(s.ui.live);
	press(&s, '+');
	assert_int_equal(s.ui.span_ms, 900000);
	press(&s, '-');
	press(&s, '-');
	assert_int_equal(s.ui.span_ms, 3 * 3600000);
	press(&s, 'v');
	assert_true(s.ui.cursor_ms != 0 && !s.ui.live);
	end = s.ui.cursor_ms;
	press(&s, 'H');
	assert_true(s.ui.cursor_ms < end);
	press(&s, 't');
	for (const char *p = "09:00+30m"; *p != '\0'; p++)
		press(&s, (uint32_t)*p);
	assert_true(press(&s, KEY_ENTER) & FX_QUERY);
	assert_int_equal(s.ui.span_ms, 1800000);
	assert_int_equal(s.ui.end_ms, 1795392000000 + (9 * 60 + 30) * 60000);
	press(&s, 't');
	press(&s, 'x');
	press(&s, KEY_ENTER);
	assert_non_null(strstr(s.ui.message, "no range"));
	screen_close(&s);
}

static void
test_moves(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s, 100, 30);
	press(&s, 'G');
	assert_string_not_equal(s.ui.probe, "");
	assert_int_equal(press(&s, 'j'), 0); /* the last row: nothing to draw */
	press(&s, 'g');
	assert_true(press(&s, KEY_ENTER) & FX_QUERY);
	assert_int_equal(s.ui.view, VIEW_STOREFRONT);
	assert_true(press(&s, 'J') & FX_QUERY);
	assert_int_equal(press(&s, 'q') & FX_QUIT, 0);
	assert_int_equal(s.ui.view, VIEW_OVERVIEW);
	assert_true(press(&s, 'q') & FX_QUIT);
	press(&s, '?');
	assert_int_equal(s.ui.mode, MODE_HELP);
	assert_int_equal(press(&s, 'q') & FX_QUIT, 0); /* any key closes the help */
	assert_int_equal(press(&s, '8'), 0);           /* no such view */
	screen_close(&s);
}

/* Every size: no crash, nothing outside, no control, the same model gives the same cells. */
static void
test_sizes(void **state)
{
	static const int widths[] = {1, 2, 7, 19, 20, 21, 39, 40, 60, 79, 80, 99, 100, 140, 250},
			 heights[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 20, 24, 45, 80};

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(int); i++)
		for (size_t k = 0; k < sizeof(heights) / sizeof(int); k++)
			for (int v = 0; v < 12; v++) {
				struct screen s;
				struct cellbuf a, b;

				screen_open(&s, widths[i], heights[k]);
				s.ui.view = v % 2 == 0 ? VIEW_OVERVIEW : VIEW_STOREFRONT;
				s.ui.set = (enum glyph_set)(v / 2 % 3);
				s.ui.mode = v >= 6 && i % 3 == 0 ? MODE_HELP : MODE_NORMAL;
				if (v >= 6)
					press(&s, 'v');
				charts_unref(s.m.charts);
				s.m.charts = v == 11 ? NULL : sample_charts(&s.ui);
				cellbuf_init(&a, s.ui.w, s.ui.h);
				cellbuf_init(&b, s.ui.w, s.ui.h);
				render(&a, &s.ui, &s.m);
				render(&b, &s.ui, &s.m);
				assert_memory_equal(
				    a.at, b.at, (size_t)(a.w * a.h) * sizeof(struct cell));
				for (int n = 0; n < a.w * a.h; n++) {
					if (a.at[n].part != CELL_TAIL)
						assert_true(
						    a.at[n].cp >= 0x20 && a.at[n].cp != 0x7f);
					if (s.ui.set == GLYPH_ASCII)
						assert_true(a.at[n].cp < 0x7f);
				}
				cellbuf_free(&a);
				cellbuf_free(&b);
				screen_close(&s);
			}
}

/* Each state stands as sign, word and, where it is trouble, colour: so it reads without colour. */
static void
test_states(void **state)
{
	(void)state;
	for (int i = 0; i < STATES; i++) {
		assert_true(state_sign((enum state)i) != 0 && state_word((enum state)i)[0] != '\0');
		for (int k = 0; k < i; k++)
			assert_true(state_sign((enum state)i) != state_sign((enum state)k));
	}
	for (int t = 0; t < THEMES; t++) {
		struct cell ok = {.cp = 'x', .role = ROLE_OK},
			    crit = {.cp = 'x', .role = ROLE_CRIT};
		struct paint a = theme_paint((enum theme)t, 256, &ok);
		struct paint b = theme_paint((enum theme)t, 256, &crit);

		assert_true(a.fg != b.fg || a.bold != b.bold || a.reverse != b.reverse);
		assert_true(t != THEME_MONO || (a.fg < 0 && b.fg < 0 && b.bg < 0));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cells),
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_axis),
	    cmocka_unit_test(test_layout),
	    cmocka_unit_test(test_input),
	    cmocka_unit_test(test_escape_alone),
	    cmocka_unit_test(test_time),
	    cmocka_unit_test(test_moves),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_states),
	};

	alarm(1800);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
