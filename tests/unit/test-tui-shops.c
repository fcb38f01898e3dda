/*
 * test-tui-shops.c - several shops on one screen: what is asked of each, which is worst, who does
 * not answer, and that money stays with its shop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/golden/fixture.h"
#include "tests/unit/tui-sample.h"
#include "tui/query.h"
#include "tui/term_dump.h"
#include "tui/worker.h"

enum { ACME, BOREALIS, CUMULUS, SHOPS };

struct screen {
	struct ui ui;
	struct model m;
	struct shop shops[SHOPS];
	struct cellbuf b;
};

static struct status *
shop_of(const char *name, const char *currency, enum state state)
{
	struct status *s = status_new();

	s->ever = true;
	s->fetched_ms = SAMPLE_T;
	s->now = (double)SAMPLE_T / 1e3;
	snprintf(s->shop, sizeof(s->shop), "%s", name);
	snprintf(s->currency, sizeof(s->currency), "%s", currency);
	s->n_probes = 1;
	s->probes = xcalloc(1, sizeof(*s->probes));
	s->alerts = xcalloc(1, sizeof(*s->alerts));
	s->probes[0].state = state;
	s->probes[0].last_run = s->now - 9;
	snprintf(s->probes[0].name, sizeof(s->probes[0].name), "%s-home", name);
	return s;
}

/* acme is warn, borealis ok, cumulus has never answered. */
static void
screen_open(struct screen *s, int w, int h)
{
	memset(s, 0, sizeof(*s));
	ui_init(&s->ui, w, h, SAMPLE_T);
	s->ui.utc = true;
	s->ui.n_shops = SHOPS;
	s->ui.lists_shops = true;
	s->shops[ACME].status = shop_of("acme", "EUR", STATE_WARN);
	s->shops[BOREALIS].status = shop_of("borealis", "NOK", STATE_OK);
	s->shops[CUMULUS].status = status_new();
	snprintf(s->shops[CUMULUS].name, sizeof(s->shops[CUMULUS].name), "cumulus");
	snprintf(s->shops[CUMULUS].status->error, sizeof(s->shops[CUMULUS].status->error),
	    "/run/x.sock does not answer: nobody there");
	s->m.shops = s->shops;
	s->m.n_shops = SHOPS;
	cellbuf_init(&s->b, w, h);
}

static void
screen_close(struct screen *s)
{
	for (int i = 0; i < SHOPS; i++)
		status_unref(s->shops[i].status);
	cellbuf_free(&s->b);
}

static unsigned
press(struct screen *s, uint32_t key)
{
	return ui_event(&s->ui, &s->m, &(struct event){.kind = EVENT_KEY, .key = key});
}

/* The frame as text, rows ended by newlines; held until the next call. */
static const char *
text_of(struct screen *s)
{
	static char text[1 << 16];
	FILE *f = fmemopen(text, sizeof(text), "w");

	/* What a shop that is open shows is its own status. */
	s->m.status = s->ui.lists_shops ? NULL : s->shops[s->ui.shop].status;
	render(&s->b, &s->ui, &s->m);
	assert_int_equal(dump(&s->b, DUMP_TXT, THEME_MONO, f), 0);
	fclose(f);
	return text;
}

/* The line of the frame that holds this word. */
static char *
line_with(struct screen *s, const char *word)
{
	static char line[2048];
	const char *text = text_of(s), *at = strstr(text, word), *from;

	if (at == NULL)
		fail_msg("no \"%s\" in\n%s", word, text);
	for (from = at; from > text && from[-1] != '\n'; from--)
		;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(from, "\n"), from);
	return line;
}

static void
test_order(void **state)
{
	struct screen s;
	int idx[SHOPS_MAX];

	(void)state;
	screen_open(&s, 100, 30);
	assert_int_equal(shops_order(&s.ui, &s.m, idx), SHOPS);
	/* nobody knows what cumulus is: before what is only warn */
	assert_int_equal(idx[0], CUMULUS);
	assert_int_equal(idx[1], ACME);
	s.shops[BOREALIS].status->probes[0].state = STATE_CRIT;
	shops_order(&s.ui, &s.m, idx);
	assert_int_equal(idx[0], BOREALIS);
	assert_int_equal(idx[1], CUMULUS);
	/* an agent that sees nothing does not know that all is well */
	s.shops[BOREALIS].status->blind_since = (double)SAMPLE_T / 1e3;
	assert_int_equal(shop_state(&s.shops[BOREALIS], SAMPLE_T), STATE_UNKNOWN);
	screen_close(&s);
}

static void
test_silence(void **state)
{
	struct screen s;
	struct status *acme;

	(void)state;
	screen_open(&s, 100, 30);
	acme = s.shops[ACME].status;
	assert_non_null(strstr(line_with(&s, " silent  cumulus"), "no answer: /run/x.sock"));
	assert_int_equal(shop_hears(&s.shops[ACME], SAMPLE_T + 7000), SHOP_KNOWN);
	snprintf(acme->error, sizeof(acme->error), "cut");
	assert_int_equal(shop_hears(&s.shops[ACME], SAMPLE_T + 3000), SHOP_KNOWN);
	assert_int_equal(shop_hears(&s.shops[ACME], SAMPLE_T + 7000), SHOP_SILENT);
	s.ui.now_ms = SAMPLE_T + 7000;
	assert_non_null(strstr(line_with(&s, " silent  acme"), "no answer for 7s: cut"));
	/* without a reason, too */
	acme->error[0] = '\0';
	assert_int_equal(shop_hears(&s.shops[ACME], SAMPLE_T + 31000), SHOP_SILENT);
	status_unref(s.shops[CUMULUS].status);
	s.shops[CUMULUS].status = NULL;
	assert_non_null(strstr(line_with(&s, " cumulus"), "asking"));
	screen_close(&s);
}

/* 120 to 340 of one, 7 to 9 of the other: each in its row, and no sum of them anywhere. */
static void
test_money(void **state)
{
	static const char *const wrong[] = {"127", "347", "349", "129", "602", "732"};
	struct screen s;

	(void)state;
	screen_open(&s, 140, 45);
	s.shops[ACME].status->sums = (struct sums){.p95 = 0.412,
	    .target = 0.8,
	    .orders = 301,
	    .usual = 366,
	    .low = 340,
	    .high = 392,
	    .is_few = true,
	    .risk_low = 120,
	    .risk_high = 340};
	s.shops[BOREALIS].status->sums = s.shops[ACME].status->sums;
	s.shops[BOREALIS].status->sums.risk_low = 7;
	s.shops[BOREALIS].status->sums.risk_high = 9;
	assert_non_null(strstr(line_with(&s, "warn    acme"), "EUR 120–340"));
	assert_null(strstr(line_with(&s, "warn    acme"), "NOK"));
	assert_non_null(strstr(line_with(&s, "ok      borealis"), "NOK 7–9"));
	assert_null(strstr(line_with(&s, "ok      borealis"), "EUR"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (strstr(text_of(&s), wrong[i]) != NULL)
			fail_msg("%s is a sum over shops:\n%s", wrong[i], text_of(&s));
	/* of the selected one in words */
	assert_non_null(strstr(line_with(&s, "at risk  "), "EUR 120–340 an hour, an estimate"));
	(void)line_with(&s, "301 in the last hour, usual 366 (340–392): too few");
	/* too large for the column: the high end whole, never a piece of a number */
	s.shops[ACME].status->sums.risk_low = 1234567;
	s.shops[ACME].status->sums.risk_high = 12345678;
	s.ui.w = 80;
	cellbuf_resize(&s.b, 80, 45);
	assert_non_null(strstr(line_with(&s, "warn    acme"), "EUR ≤12 345 678"));
	/* no currency: the number alone */
	s.shops[ACME].status->currency[0] = '\0';
	assert_non_null(strstr(line_with(&s, "warn    acme"), " ≤12 345 678"));
	screen_close(&s);
}

static void
test_keys(void **state)
{
	struct screen s;

	(void)state;
	screen_open(&s, 100, 30);
	s.ui.shop = CUMULUS;
	assert_int_equal(press(&s, KEY_ESC), 0); /* nothing is behind the list */
	assert_int_equal(press(&s, 'k'), 0);     /* the first row */
	assert_true(press(&s, 'j') & FX_DRAW);
	assert_int_equal(s.ui.shop, ACME);
	assert_true(press(&s, KEY_ENTER) & FX_SHOP);
	assert_false(s.ui.lists_shops);
	assert_int_equal(s.ui.view, VIEW_OVERVIEW);
	snprintf(s.ui.probe, sizeof(s.ui.probe), "acme-home");
	press(&s, '2');
	s.ui.span_ms = 900000;
	/* the next shop: the view and the time stay, the probe is another shop's */
	assert_true(press(&s, '>') & FX_SHOP);
	assert_int_equal(s.ui.shop, BOREALIS);
	assert_int_equal(s.ui.view, VIEW_STOREFRONT);
	assert_int_equal(s.ui.span_ms, 900000);
	assert_string_equal(s.ui.probe, "");
	press(&s, KEY_F9); /* round */
	assert_int_equal(s.ui.shop, CUMULUS);
	press(&s, '<');
	assert_int_equal(s.ui.shop, BOREALIS);
	/* back: the overview, the list, and only then out */
	assert_int_equal(press(&s, 'q') & FX_QUIT, 0);
	assert_int_equal(s.ui.view, VIEW_OVERVIEW);
	assert_true(press(&s, 'q') & FX_SHOP);
	assert_true(s.ui.lists_shops);
	assert_true(press(&s, 'q') & FX_QUIT);
	press(&s, '2');
	assert_false(s.ui.lists_shops);
	assert_int_equal(s.ui.view, VIEW_STOREFRONT);
	assert_true(press(&s, '9') & FX_SHOP);
	assert_true(s.ui.lists_shops);
	/* one shop: none of these keys does anything */
	s.ui.n_shops = 1;
	s.ui.lists_shops = false;
	assert_int_equal(press(&s, '>') | press(&s, '9') | press(&s, KEY_F9), 0);
	screen_close(&s);
}

/* Inside of a shop every width says which, and that others are not well. */
static void
test_header(void **state)
{
	static const int widths[] = {40, 60, 80, 100, 140};
	struct screen s;

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(int); i++) {
		screen_open(&s, widths[i], 24);
		s.ui.shop = BOREALIS;
		s.ui.lists_shops = false;
		assert_int_equal(strncmp(text_of(&s), " borealis", 9), 0);
		if (widths[i] >= 100)
			assert_non_null(strstr(text_of(&s), "other shops: ◌ 1 stale  ◆ 1 warn"));
		press(&s, '?');
		assert_true(widths[i] < 80 || strstr(text_of(&s), "the list of shops") != NULL);
		s.ui.n_shops = 1;
		assert_null(strstr(text_of(&s), "the list of shops"));
		screen_close(&s);
	}
}

/* Every size and every glyph set, from no shop's answer to all: cells only. */
static void
test_sizes(void **state)
{
	(void)state;
	for (int w = 1; w < 170; w += w < 40 ? 3 : 17)
		for (int h = 1; h < 50; h += h < 12 ? 1 : 9)
			for (int set = 0; set < GLYPH_SETS; set++) {
				struct screen s;

				screen_open(&s, w, h);
				s.ui.set = (enum glyph_set)set;
				s.ui.shop = set;
				render(&s.b, &s.ui, &s.m);
				for (int n = 0; n < w * h; n++)
					assert_true(s.b.at[n].part == CELL_TAIL
						    || (s.b.at[n].cp >= 0x20
							&& (set != GLYPH_ASCII
							    || s.b.at[n].cp < 0x7f)));
				screen_close(&s);
			}
}

/* ---- what is asked ---- */

static bool
never(void *arg)
{
	(void)arg;
	return false;
}
static const struct query_cancel go_on = {never, NULL};

static void
open_fixture(struct source *src, const char *folder)
{
	const char *top = getenv("top_srcdir");
	char dir[1024];

	snprintf(dir, sizeof(dir), "%s/tests/golden/fixtures%s", top != NULL ? top : ".", folder);
	assert_int_equal(fixture_open(src, dir, NULL), 0);
}

static void
test_asks(void **state)
{
	struct source src;
	struct status *s, *later;

	(void)state;
	open_fixture(&src, "");
	s = query_status(&src, NULL, QUERY_FULL, FIXTURE_T, &go_on);
	assert_true(isnan(s->sums.p95)); /* a shop that is alone is not asked */
	status_unref(s);
	s = query_status(&src, NULL, QUERY_FULL | QUERY_SUMS, FIXTURE_T, &go_on);
	assert_string_equal(s->currency, "EUR");
	/* of six storefronts the one that is farthest beyond its target */
	assert_string_equal(s->sums.slow, "search");
	assert_true(s->sums.p95 > 1.2 && s->sums.target == 0.8);
	assert_true(s->sums.orders == 2461 && s->sums.usual == 2760 && s->sums.low == 2340);
	assert_false(s->sums.is_few);
	assert_true(s->sums.risk_low == 31200 && s->sums.risk_high == 38100);
	/* in between it is taken over; so it is while nobody answers */
	later = query_status(&src, s, 0, FIXTURE_T, &go_on);
	assert_true(later->sums.orders == 2461);
	status_unref(later);
	src.close(src.ctx);
	open_fixture(&src, "/borealis");
	later = query_status(&src, NULL, QUERY_FULL | QUERY_SUMS, FIXTURE_T, &go_on);
	assert_string_equal(later->currency, "NOK");
	assert_true(isnan(later->sums.risk_high) && later->sums.orders == 61);
	status_unref(later);
	status_unref(s);
	src.close(src.ctx);
}

/* An estimate of a quarter of an hour is four times as much in an hour; one whose window is not
 * told is none. */
static int
risk_get(void *ctx, const char *path, struct buf *out, char *err, size_t err_cap,
    bool (*cancelled)(void *), void *arg)
{
	(void)err, (void)err_cap, (void)cancelled, (void)arg;
	if (strstr(path, "checkout_at_risk_value") == NULL)
		buf_text(out, "{\"status\":\"success\",\"data\":{}}");
	else
		buf_text(out, ctx);
	return 0;
}

#define RISK(window, bound, v)                                                                     \
	"{\"metric\":{\"probe\":\"o\",\"window\":\"" window "\",\"bound\":\"" bound                \
	"\"},\"value\":[1,\"" v "\"]}"

static void
test_risk(void **state)
{
	static char answer[] =
	    "{\"status\":\"success\",\"data\":{\"result\":[" RISK("15m", "low", "10") ","
	    RISK("15m", "high", "30") "," RISK("2h", "low", "40") "," RISK("2h", "high", "90") ","
	    RISK("", "high", "5000") "]}}";
	struct source src = {.get = risk_get, .ctx = answer};
	struct status *s = query_status(&src, NULL, QUERY_SUMS, SAMPLE_T, &go_on);

	(void)state;
	assert_true(s->sums.risk_low == 40 && s->sums.risk_high == 120);
	status_unref(s);
}

static void
wait_status(struct worker *w, struct model *m)
{
	status_unref(m->status);
	for (m->status = NULL; m->status == NULL;) {
		struct pollfd p = {.fd = worker_fd(w), .events = POLLIN};

		assert_int_equal(poll(&p, 1, 20000), 1);
		worker_take(w, m);
	}
}

/* Charts that nobody waits for any more do not come: they would stand before the second status. */
static void
test_dropped(void **state)
{
	struct query_request q = {.generation = 1,
	    .stride = 2,
	    .now_ms = FIXTURE_T,
	    .axis = axis_make(FIXTURE_T, 3600000, 100, true)};
	struct model m = {0};
	struct worker *w;
	struct source src;

	(void)state;
	open_fixture(&src, "/borealis");
	assert_int_equal(worker_start(&w, &src), 0);
	worker_ask_charts(w, &q);
	worker_drop_charts(w);
	worker_ask_status(w, QUERY_FULL, FIXTURE_T);
	wait_status(w, &m);
	worker_ask_status(w, 0, FIXTURE_T);
	wait_status(w, &m);
	assert_null(m.charts);
	worker_stop(w);
	status_unref(m.status);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_money),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_asks),
	    cmocka_unit_test(test_risk),
	    cmocka_unit_test(test_dropped),
	};

	alarm(1800);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
