/*
 * test-tui-stock.c - the dashboard's view Stock: what it reads is what the fixtures say, at the end
 * and under the cursor; what nobody tells is left out; answers that lie harm nobody; keys.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <math.h>

#include <cmocka.h>

#include "tests/golden/fixture.h"
#include "tui/query.h"
#include "tui/stock.h"

static bool
never(void *arg)
{
	(void)arg;
	return false;
}
static const struct query_cancel go_on = {never, NULL};

struct screen {
	struct ui ui;
	struct model m;
	struct cellbuf cells;
};

/* Asks as the worker would for the screen as it is. */
static void
read_charts(struct screen *s, const struct source *src)
{
	struct query_request q = {.generation = 1,
	    .view = QUERY_STOCK,
	    .axis = ui_axis(&s->ui),
	    .stride = 2,
	    .now_ms = FIXTURE_T};

	charts_unref(s->m.charts);
	s->m.charts = query_charts(src, &q, s->m.status, &go_on);
	assert_non_null(s->m.charts);
}

static void
screen_open(struct screen *s, const struct source *src, int w, int h)
{
	memset(s, 0, sizeof(*s));
	ui_init(&s->ui, w, h, FIXTURE_T);
	s->ui.utc = true;
	s->ui.view = VIEW_STOCK;
	s->m.status = query_status(src, NULL, true, FIXTURE_T, &go_on);
	cellbuf_init(&s->cells, w, h);
	read_charts(s, src);
}

static void
screen_close(struct screen *s)
{
	status_unref(s->m.status);
	charts_unref(s->m.charts);
	cellbuf_free(&s->cells);
}

static unsigned
press(struct screen *s, uint32_t key)
{
	return ui_event(&s->ui, &s->m, &(struct event){.kind = EVENT_KEY, .key = key});
}

/* Is that text, plain ASCII, on the screen? */
static bool
shows(struct screen *s, const char *text)
{
	size_t n = strlen(text);

	render(&s->cells, &s->ui, &s->m);
	for (int y = 0; y < s->cells.h; y++)
		for (int x = 0; x + (int)n <= s->cells.w; x++) {
			size_t k = 0;

			while (k < n
			       && s->cells.at[y * s->cells.w + x + (int)k].cp == (uint32_t)text[k])
				k++;
			if (k == n)
				return true;
		}
	return false;
}

/* A dashboard without an agent in the way: a fixture that may deny paths. */
struct denying { struct source from; const char *denied; };

static int
denying_get(void *ctx, const char *path, struct buf *out, char *err, size_t err_cap,
    bool (*cancelled)(void *), void *arg)
{
	struct denying *d = ctx;

	if (d->denied != NULL && strstr(path, d->denied) != NULL) {
		snprintf(err, err_cap, "HTTP 404");
		return -ENOENT;
	}
	return d->from.get(d->from.ctx, path, out, err, err_cap, cancelled, arg);
}

static void
open_fixture(struct denying *d, struct source *src, struct buf *calls)
{
	const char *top = getenv("top_srcdir");
	char dir[1024];

	snprintf(dir, sizeof(dir), "%s/tests/golden/fixtures", top != NULL ? top : ".");
	d->denied = NULL;
	assert_int_equal(fixture_open(&d->from, dir, calls), 0);
	*src = (struct source){.get = denying_get, .ctx = d};
}

static bool
is_near(double a, double b)
{
	return fabs(a - b) <= 1e-4 * fabs(b);
}

static void
test_reads(void **state)
{
	struct denying d;
	struct source src;
	struct screen s;
	struct frame f;
	struct buf calls;
	const struct stock_data *data;
	const struct stock_row *r;
	int idx[FLOWS_MAX];

	(void)state;
	buf_init(&calls, 1 << 20);
	open_fixture(&d, &src, &calls);
	screen_open(&s, &src, 140, 45);
	f = frame_make(&s.ui, &s.m);
	data = s.m.charts->stock;
	assert_string_equal(s.m.charts->error, "");
	assert_int_equal(data->flows.n, 7);
	assert_int_equal(stock_order(&f, idx), 6); /* orders are no flow of keys */
	r = &data->flows.at[idx[0]]; /* it oversells, and most keys of it drift */
	assert_string_equal(r->of, "shop_api");
	assert_string_equal(r->field, "available");
	assert_int_equal(stock_state(&f, r), STATE_CRIT);
	assert_true(is_near(stock_value(&f, r, S_DRIFT), 212));
	assert_true(is_near(stock_value(&f, r, S_LAG_HALF), 108));
	assert_true(is_near(stock_value(&f, r, S_LAG_MOST), 252));
	assert_true(is_near(r->limit_s, 120)); /* of the map */
	assert_true(stock_value(&f, r, S_COHERENT_LOW) < stock_value(&f, r, S_COHERENT));
	assert_true(stock_value(&f, r, S_COHERENT) < stock_value(&f, r, S_COHERENT_HIGH));
	assert_true(is_near(stock_value(&f, stock_side(&f, r), S_CANARY), 175));
	r = stock_find(&data->flows, "stock-parity", "google_feed", "price");
	assert_null(r->v[S_LAG_MOST]); /* nobody tells */
	assert_int_equal(stock_state(&f, r), STATE_WARN); /* a price oversells nothing */
	r = stock_find(&data->sides, "stock-parity", "any", "");
	assert_true(is_near(stock_value(&f, r, S_OVER_UNITS), 19));
	assert_int_equal(data->faults.n, 7);
	assert_int_equal(data->n_runs, 2);
	assert_int_equal(stock_runs(data, "stock-parity")->at[0].n, 8);
	assert_string_equal(stock_runs(data, "stock-parity")->at[0].rows[0].shows, "18");
	assert_true(is_near(stock_runs(data, "order-parity")->at[0].rows[1].value, 129));
	assert_null(strchr(stock_runs(data, "order-parity")->at[0].rows[1].key, '\033'));
	assert_true(is_near(stock_runs(data, "order-parity")->at[0].rows[0].since,
	    FIXTURE_T / 1000 - 5400));
	assert_string_equal(stock_runs(data, "order-parity")->at[0].rows[0].shows, "178");
	assert_int_equal(data->map->n_systems, 9);
	assert_int_equal(data->map->n_arrows, 7); /* what goes through another is its hops */
	assert_int_equal(map_rows(data->map), 1 + 3 + 1 + 1 + 1); /* nothing is drawn twice */
	assert_false(data->map->systems[8].is_watched);
	assert_true(is_near(data->map->watched, 0.76));
	assert_non_null(strstr(buf_str(&calls), "/tillwatch/v1/runs?probe=order-parity&kind=all"));
	screen_close(&s);
	d.from.close(d.from.ctx);
	buf_free(&calls);
}

/* Everything is as of the cursor, the keys of the run record too; and nothing is asked for it. */
static void
test_cursor(void **state)
{
	struct denying d;
	struct source src;
	struct screen s;

	(void)state;
	open_fixture(&d, &src, NULL);
	screen_open(&s, &src, 140, 45);
	assert_true(shows(&s, "SKU-55107"));
	assert_true(shows(&s, "oversell 19 units"));
	press(&s, ' ');
	read_charts(&s, &src); /* frozen: of full buckets */
	s.ui.probe[0] = '\0';
	assert_int_equal(ui_set_range(&s.ui, "13:58"), 0);
	s.ui.end_ms = FIXTURE_T;
	s.ui.span_ms = 3600000;
	read_charts(&s, &src);
	assert_true(s.ui.cursor_ms != 0 && shows(&s, "Flows at 13:58"));
	assert_false(shows(&s, "oversell 19 units"));
	press(&s, 'j'); /* then the feed was worst, the shop came after it */
	assert_string_equal(s.ui.flow, "shop_api available");
	assert_true(shows(&s, "SKU-10442")); /* since 13:51 */
	assert_false(shows(&s, "SKU-55107")); /* since 14:11 */
	assert_true(shows(&s, "Orders: 9 not right"));
	screen_close(&s);
	d.from.close(d.from.ctx);
}

static void
test_keys(void **state)
{
	struct denying d;
	struct source src;
	struct screen s;

	(void)state;
	open_fixture(&d, &src, NULL);
	screen_open(&s, &src, 80, 24);
	assert_true(shows(&s, "shop_api available: how far behind"));
	assert_int_equal(press(&s, 'V'), FX_DRAW);
	assert_true(shows(&s, "shop_api available: keys that differ"));
	press(&s, 'V');
	assert_int_equal(press(&s, 'j'), FX_DRAW); /* all of it is there: nothing to ask */
	assert_string_equal(s.ui.probe, "stock-parity");
	assert_string_equal(s.ui.flow, "google_feed available");
	assert_true(shows(&s, "google_feed available: keys that differ")); /* it has no lag */
	assert_int_equal(press(&s, 'k'), FX_DRAW);
	assert_int_equal(press(&s, 'k'), 0);
	assert_int_equal(press(&s, 'K'), FX_DRAW); /* round */
	assert_string_equal(s.ui.flow, "store_7 available");
	assert_false(shows(&s, "Map"));
	assert_int_equal(press(&s, 'm'), FX_DRAW);
	assert_true(shows(&s, "Map") && shows(&s, "Marketplace") && shows(&s, " 44s "));
	assert_true(shows(&s, "CRM"));
	press(&s, 'm');
	press(&s, '1');
	assert_int_equal(press(&s, 'm'), 0); /* elsewhere it is no key */
	snprintf(s.ui.probe, sizeof(s.ui.probe), "order-parity");
	assert_true(press(&s, KEY_ENTER) & FX_QUERY);
	assert_int_equal(s.ui.view, VIEW_STOCK);
	screen_close(&s);
	d.from.close(d.from.ctx);
}

/* What the server has not is left out, and is no error. */
static void
test_absent(void **state)
{
	struct denying d;
	struct source src;
	struct screen s;

	(void)state;
	open_fixture(&d, &src, NULL);
	d.denied = "/tillwatch/v1/map";
	screen_open(&s, &src, 140, 45);
	assert_string_equal(s.m.charts->error, "");
	assert_null(s.m.charts->stock->map);
	assert_false(shows(&s, "Map"));
	assert_false(shows(&s, "limit"));
	press(&s, 'm');
	assert_true(shows(&s, "how far behind")); /* not an empty screen */
	d.denied = "inventory_canary";
	read_charts(&s, &src);
	assert_false(shows(&s, "canary"));
	d.denied = "inventory_order";
	read_charts(&s, &src);
	assert_false(shows(&s, "Orders"));
	d.denied = "inventory_";
	read_charts(&s, &src);
	assert_true(shows(&s, "nothing is compared yet"));
	for (int i = 0; i < s.m.status->n_probes; i++)
		s.m.status->probes[i].plugin[0] = '\0';
	assert_true(shows(&s, "no stock is compared"));
	screen_close(&s);
	d.from.close(d.from.ctx);
}

static int
lying_get(void *ctx, const char *path, struct buf *out, char *err, size_t err_cap,
    bool (*cancelled)(void *), void *arg)
{
	(void)path, (void)err, (void)err_cap, (void)cancelled, (void)arg;
	buf_text(out, *(const char *const *)ctx);
	return 0;
}

/* Circles, arrows from nowhere, systems without names, numbers that are none, more than fits. */
static void
test_lies(void **state)
{
	static const char *const lies[] = {"", "{\"data\":{\"systems\":7,\"flows\":{}}}",
	    "{\"data\":{\"probes\":[{\"name\":\"p\",\"plugin\":\"inventory\"}],\"systems\":["
	    "null,{\"name\":[]},{\"name\":\"a\",\"probes\":[7,null,\"p\"]},{\"name\":\"b\"}],"
	    "\"flows\":[{\"from\":\"a\",\"to\":\"b\",\"max_lag_s\":\"x\",\"measured_by\":[7,{},"
	    "{\"probe\":\"p\"}]},{\"from\":\"b\",\"to\":\"a\"},{\"from\":\"a\",\"to\":\"a\"},"
	    "{\"from\":\"z\",\"to\":\"a\"},9],\"result\":[{\"metric\":{\"probe\":\"p\","
	    "\"source\":\"\\u001b[2J\",\"field\":\"f\"},\"values\":[[1795444320,\"1e308\"],[9,8]]},"
	    "{\"metric\":7,\"values\":[[1795444320,\"NaN\"]]}],\"runs\":[{\"at\":1795444000,"
	    "\"facts\":{\"drift\":[7,{\"key\":\"k\",\"since\":\"never\",\"has\":\"1e999\"}],"
	    "\"faults\":{\"0\":{\"value\":{}},\"2\":{}}}},{\"at\":\"x\"},7]}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		for (int w = 21; w < 200; w += 59)
			for (int map = 0; map < 2; map++) {
				const char *lie = lies[i];
				struct source src = {.get = lying_get, .ctx = &lie};
				struct screen s;

				screen_open(&s, &src, w, w / 4);
				s.ui.shows_map = map == 1;
				render(&s.cells, &s.ui, &s.m);
				for (int n = 0; n < s.cells.w * s.cells.h; n++)
					assert_true(s.cells.at[n].part == CELL_TAIL
					    || (s.cells.at[n].cp >= 0x20
						&& s.cells.at[n].cp != 0x7f));
				screen_close(&s);
			}
}

/* Every size, with all there is: nothing outside, the same model gives the same cells. */
static void
test_sizes(void **state)
{
	static const int widths[] = {20, 33, 60, 79, 109, 110, 141, 250},
			 heights[] = {5, 6, 8, 11, 16, 24, 33, 47, 80};
	struct denying d;
	struct source src;

	(void)state;
	open_fixture(&d, &src, NULL);
	for (size_t i = 0; i < sizeof(widths) / sizeof(int); i++) {
		struct screen s;

		screen_open(&s, &src, widths[i], 24);
		for (size_t k = 0; k < 2 * sizeof(heights) / sizeof(int); k++) {
			struct cellbuf a, b;

			s.ui.h = heights[k / 2];
			s.ui.shows_map = k % 2 == 1;
			cellbuf_init(&a, s.ui.w, s.ui.h);
			cellbuf_init(&b, s.ui.w, s.ui.h);
			render(&a, &s.ui, &s.m);
			render(&b, &s.ui, &s.m);
			assert_memory_equal(a.at, b.at, (size_t)(a.w * a.h) * sizeof(struct cell));
			cellbuf_free(&a);
			cellbuf_free(&b);
		}
		screen_close(&s);
	}
	d.from.close(d.from.ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads),
	    cmocka_unit_test(test_cursor),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_absent),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_sizes),
	};

	alarm(1800);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
