/*
 * test-traffic.c - rates, ratios and funnels of simulated shops, over restarts: what is counted,
 * what fires and who is blamed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/checkout/checkout.h"
#include "plugins/checkout/match.h"
#include "plugins/checkout/session.h"
#include "tests/unit/traffic-host.h"

static const char *const order_fields[] = {"value", "currency"};
static const char *const pay_fields[] = {"ok", "gateway", "decline"};
static const char *const hit_fields[] = {"path", "session", "country", "status"};
static const char *const state_fields[] = {"id", "state"};

static const struct feed orders = {"orders", order_fields, 2};
static const struct feed payments = {"payments", pay_fields, 3};
static const struct feed edge = {"edge", hit_fields, 4};
static const struct feed states = {"states", state_fields, 2};

static int64_t windows_rate[] = {900000000, 3600000000, 14400000000};
static int64_t windows_ratio[] = {3600000000, 21600000000, 86400000000};
/* ---- tests ---- */

static void
test_match(void **state)
{
	struct match m, other;
	struct match_places at;
	char err[128];
	struct tw_value v[4] = {text("/p/red-shoe"), text("s1"), text("FR"), whole(204)};
	struct tw_record r = {sizeof(r), 0, T0, v};

	(void)state;
	assert_int_equal(
	    match_make(&m, "{\"path\":\"/p/*\",\"status\":[404,\"200-299\"]}", err, 128), 0);
	assert_null(match_find(&m, hit_fields, 4, &at));
	assert_true(match_record(&m, &at, &r));
	v[3] = whole(302);
	assert_false(match_record(&m, &at, &r));
	v[3] = whole(404);
	assert_true(match_record(&m, &at, &r));
	v[0] = text("/p/red/shoe");
	assert_false(match_record(&m, &at, &r));
	assert_int_equal(match_make(&other,
	    "{\"status\":[\"200-299\",\"404\"],\"path\":\"/p/*\"}", err, 128), 0);
	assert_true(match_is_same(&m, &other));
	match_clear(&other);
	assert_int_equal(match_make(&other, "{\"path\":\"/p/*\"}", err, 128), 0);
	assert_false(match_is_same(&m, &other));
	match_clear(&other);
	match_clear(&m);
	assert_int_equal(match_make(&m, "{\"state\":\"x\"}", err, 128), 0);
	assert_string_equal(match_find(&m, hit_fields, 4, &at), "state");
	assert_false(match_record(&m, &at, &r));
	match_clear(&m);
	assert_int_equal(match_make(&m, "\"status\"", err, 128), 0);
	match_find(&m, hit_fields, 4, &at);
	assert_true(match_record(&m, &at, &r));
	v[3] = text("false");
	assert_false(match_record(&m, &at, &r));
	match_clear(&m);
	assert_int_equal(match_make(&m, "[1]", err, 128), -22);
	assert_int_equal(match_make(&m, "{\"a\":{}}", err, 128), -22);
	assert_int_equal(match_make(&m, "{\"a\":[]}", err, 128), -22);
}

/* Five weeks of orders, the first four of them from before the probe was there; then none. */
static void
test_rate(void **state)
{
	struct tw_ctx *ctx = host();
	struct checkout c = {
	    .rate_options = {.source = "orders", .baseline = baseline(windows_rate)}};
	const struct checkout_kind *kind = &checkout_rate;
	int64_t from = T0 - 28 * DAY, t, down = 0;
	double n = 0, value = 0;
	struct tw_value v[2] = {number(50), text("EUR")};

	(void)state;
	now_ms = T0 + 30000;
	begin(kind, ctx, &c);
	assert_int_equal(look(kind, ctx, &c), TW_UNKNOWN);
	assert_string_equal(ctx->cause, "source");
	for (t = from; t < T0; t += MIN)
		for (int k = poisson(ctx, shape(t)); k > 0; k--)
			tell(kind, ctx, &c, &orders, t, t + 1000, TW_RECORD_HISTORY, v);
	for (; t < T0 + 7 * DAY + 12 * HOUR; t += MIN) {
		now_ms = t + MIN;
		for (int k = poisson(ctx, shape(t)); k > 0; k--) {
			v[0] = number(40 + k);
			tell(kind, ctx, &c, &orders, t, t + 1000, 0, v);
			n++;
			value += 40 + k;
		}
		/* Ours are not orders. */
		tell(kind, ctx, &c, &orders, t + MIN, t + 2000, TW_RECORD_SYNTHETIC, v);
		if (t % HOUR == 0) {
			if (look(kind, ctx, &c) != TW_OK)
				fail_msg("%s at %lld", ctx->text, (long long)((t - T0) / MIN));
			assert_false(has_gauge(ctx, M_AT_RISK));
		}
		if (t % (11 * HOUR) == 0)
			restart(kind, ctx, &c);
	}
	assert_int_equal((int)total(ctx, M_EVENTS, ""), (int)n);
	assert_true(fabs(total(ctx, M_VALUE, "") - value) < 0.01 * n);
	assert_true(gauge(ctx, M_RATE_EXPECTED, "/window/1h/bound/mid") > 60);
	assert_true(gauge(ctx, M_RATE_FLOOR, "/window/1h") > 300);
	/* It has watched for longer than it looks back. */
	assert_int_equal((int)gauge(ctx, M_HISTORY_TARGET, ""), 28);
	assert_int_equal((int)gauge(ctx, M_HISTORY, ""), 28);
	/* The source answers, and there are no orders. */
	for (; down == 0; t += MIN) {
		now_ms = t + MIN;
		tell(kind, ctx, &c, &orders, t + MIN, 0, 0, NULL);
		if (look(kind, ctx, &c) == TW_CRIT)
			down = t;
		assert_true(t < T0 + 8 * DAY);
	}
	print_message("%s\n", ctx->text);
	assert_string_equal(ctx->cause, "too_few");
	assert_true(down - (T0 + 7 * DAY + 12 * HOUR) < 45 * MIN);
	assert_true(gauge(ctx, M_AT_RISK, "/window/15m/bound/high")
	    > gauge(ctx, M_AT_RISK, "/window/15m/bound/low"));
	assert_true(gauge(ctx, M_AT_RISK, "/window/15m/bound/low") > 0);
	/* It falls silent: that is not zero orders. */
	now_ms = t + 10 * MIN;
	assert_int_equal(look(kind, ctx, &c), TW_UNKNOWN);
	assert_string_equal(ctx->cause, "stale");
	kind->stop(ctx, &c);
	host_free(ctx);
}

static const char *const by[] = {"gateway"}, *const causes[] = {"decline"};

static void
pay(struct tw_ctx *ctx, struct checkout *c, int64_t t, uint32_t flags, bool two_fails,
    bool is_stolen)
{
	bool is_two = chance(ctx) < 0.4, ok = chance(ctx) < (is_two && two_fails ? 0.2 : 0.92);
	struct tw_value v[3] = {whole(ok), text(is_two ? "psp-2" : "psp-1"), {0}};

	if (!ok)
		v[2] = text(is_stolen ? "stolen" : "funds");
	tell(&checkout_ratio, ctx, c, &payments, t, t, flags, v);
}

static void
test_ratio(void **state)
{
	struct tw_ctx *ctx = host();
	struct checkout c = {.ratio_options = {.source = "payments", .good = "\"ok\"",
				 .by = {1, sizeof(char *), (void *)(uintptr_t)by},
				 .causes = {1, sizeof(char *), (void *)(uintptr_t)causes},
				 .min_count = 10, .baseline = baseline(windows_ratio)}};
	const struct checkout_kind *kind = &checkout_ratio;
	int64_t t, until = T0 + 3 * DAY + 15 * HOUR;
	double n = 0;

	(void)state;
	now_ms = T0;
	begin(kind, ctx, &c);
	for (t = T0 - 21 * DAY; t < T0; t += 2 * MIN)
		pay(ctx, &c, t, TW_RECORD_HISTORY, false, false);
	for (; t < until; t += MIN, n++) {
		now_ms = t;
		pay(ctx, &c, t, 0, false, false);
		if (t % HOUR == 0 && look(kind, ctx, &c) != TW_OK)
			fail_msg("%s at %lld", ctx->text, (long long)((t - T0) / MIN));
		if (t % (13 * HOUR) == 0)
			restart(kind, ctx, &c);
	}
	tell(kind, ctx, &c, &payments, until + 1, 0, 0, NULL);
	assert_int_equal((int)total(ctx, M_TRIED, ""), (int)n);
	assert_int_equal((int)(total(ctx, M_TRIED, "/dimension/gateway/value/psp-1")
			     + total(ctx, M_TRIED, "/dimension/gateway/value/psp-2")), (int)n);
	assert_int_equal((int)total(ctx, M_TRIED, "/dimension/decline/value/funds"), (int)n);
	assert_int_equal((int)total(ctx, M_GOOD, ""),
	    (int)total(ctx, M_GOOD, "/dimension/decline/value/funds"));
	for (; t < until + 90 * MIN; t += MIN) {
		now_ms = t;
		pay(ctx, &c, t, 0, true, false);
	}
	assert_int_equal(look(kind, ctx, &c), TW_CRIT);
	print_message("%s\n", ctx->text);
	assert_non_null(strstr(ctx->text, "gateway=psp-2"));
	assert_true(gauge(ctx, M_ALARM, "/test/ratio/window/1h") > 0);
	/* It is still learning: three weeks were there already, and three days and a half since. */
	assert_int_equal((int)gauge(ctx, M_HISTORY_TARGET, ""), 28);
	assert_int_equal((int)gauge(ctx, M_HISTORY, ""), 24);
	kind->stop(ctx, &c);
	host_free(ctx);
}

/* A cause that was never seen is found by what the whole says of earlier days. */
static void
test_new_cause(void **state)
{
	struct tw_ctx *ctx = host();
	struct checkout c = {.ratio_options = {.source = "payments", .good = "{\"ok\":1}",
				 .causes = {1, sizeof(char *), (void *)(uintptr_t)causes},
				 .min_count = 20, .baseline = baseline(windows_ratio)}};
	int64_t t;

	(void)state;
	now_ms = T0;
	begin(&checkout_ratio, ctx, &c);
	for (t = T0 - 21 * DAY; t < T0; t += 2 * MIN)
		pay(ctx, &c, t, TW_RECORD_HISTORY, false, false);
	for (; t < T0 + 2 * HOUR; t += MIN) {
		now_ms = t;
		pay(ctx, &c, t, 0, false, t >= T0 + HOUR && t % (5 * MIN) != 0);
	}
	(void)look(&checkout_ratio, ctx, &c);
	assert_true(gauge(ctx, M_RATIO_EXPECTED,
			"/dimension/decline/value/stolen/window/1h/bound/mid") > 0.99);
	checkout_ratio.stop(ctx, &c);
	host_free(ctx);
}

static struct funnel_step_options steps[] = {{"view_item", NULL, "{\"path\":\"/p/*\"}"},
    {"begin_checkout", NULL, "{\"path\":\"/checkout\"}"}, {"purchase", "orders", NULL}};
static const char *const by_country[] = {"country"};

static struct checkout
funnel_of(struct funnel_step_options *s, uint32_t n)
{
	return (struct checkout){.funnel_options = {.source = "edge", .session = "session",
				     .value = "value", .step_window = INT64_C(1800000000),
				     .steps = {n, sizeof(*s), s}, .min_count = 20,
				     .by = {1, sizeof(char *), (void *)(uintptr_t)by_country},
				     .baseline = baseline(windows_ratio)}};
}

static void
hit(struct tw_ctx *ctx, struct checkout *c, int64_t complete, int64_t t, const char *path,
    const char *session, const char *country)
{
	struct tw_value v[4] = {text(path), text(session), text(country), whole(200)};

	tell(&checkout_funnel, ctx, c, &edge, complete, t, 0, v);
}

/* What counts, and in which minute. */
static void
test_funnel_counts(void **state)
{
	struct tw_ctx *ctx = host();
	struct checkout c = funnel_of(steps, 3);
	struct tw_value v[2] = {number(80), text("EUR")};

	(void)state;
	now_ms = T0;
	begin(&checkout_funnel, ctx, &c);
	tell(&checkout_funnel, ctx, &c, &orders, T0, 0, 0, NULL);
	hit(ctx, &c, T0, T0 + 1000, "/checkout", "early", "DE");  /* never viewed */
	hit(ctx, &c, T0, T0 + 9000, "/checkout", "a", "DE");      /* read before its view */
	hit(ctx, &c, T0, T0 + 5000, "/p/1", "a", "DE");
	hit(ctx, &c, T0, T0 + 6000, "/p/2", "a", "DE");           /* again: one session */
	hit(ctx, &c, T0, T0 + 7000, "/p/1", "b", "FR");
	hit(ctx, &c, T0, T0 + 7000, "/other", "b", "FR");
	hit(ctx, &c, T0 + MIN, T0 + 40 * MIN, "/checkout", "b", "FR"); /* too late */
	checkout_funnel.save(ctx, &c);
	restart(&checkout_funnel, ctx, &c);
	now_ms = T0 + 80 * MIN;
	tell(&checkout_funnel, ctx, &c, &edge, T0 + 80 * MIN, 0, 0, NULL);
	tell(&checkout_funnel, ctx, &c, &orders, T0 + 80 * MIN, T0 + 20000, 0, v);
	tell(&checkout_funnel, ctx, &c, &edge, T0 + 80 * MIN, 0, 0, NULL);
	assert_int_equal((int)total(ctx, M_GOOD, "/step/view_item"), 2);
	assert_int_equal((int)total(ctx, M_TRIED, "/step/begin_checkout"), 2);
	assert_int_equal((int)total(ctx, M_GOOD, "/step/begin_checkout"), 1);
	assert_int_equal((int)total(ctx, M_TRIED, "/step/purchase"), 1);
	assert_int_equal((int)total(ctx, M_GOOD, "/step/purchase"), 1);
	assert_int_equal(
	    (int)total(ctx, M_GOOD, "/step/begin_checkout/dimension/country/value/DE"), 1);
	assert_int_equal(
	    (int)total(ctx, M_TRIED, "/step/begin_checkout/dimension/country/value/FR"), 1);
	assert_int_equal(ctx->published_ms, T0 + 50 * MIN); /* settled: half an hour later */
	assert_int_equal(look(&checkout_funnel, ctx, &c), TW_OK);
	assert_int_equal((int)gauge(ctx, M_STEP_IS_CLOSED, "/step/begin_checkout"), 1);
	assert_int_equal((int)gauge(ctx, M_STEP_IS_CLOSED, "/step/purchase"), 0);
	checkout_funnel.stop(ctx, &c);
	host_free(ctx);
}

struct plan_event { int64_t at, t; int step, session; };

static int
by_arrival(const void *a, const void *b)
{
	const struct plan_event *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* Sessions at random, lines late by up to 20 s; a process that never ends and one that restarts at
 * random count the same, which is what a plain walk in the order of time counts. */
static void
test_funnel_restarts(void **state)
{
	static struct plan_event events[6000];
	static int64_t last[2000];
	struct tw_ctx *ctx[2] = {host(), host()};
	struct checkout c[2] = {funnel_of(steps, 2), funnel_of(steps, 2)};
	double want_good = 0, want_views = 0;
	size_t n = 0;

	(void)state;
	now_ms = T0;
	for (int i = 0; i < 2000; i++) {
		int64_t t = T0 + (int64_t)(chance(ctx[0]) * 6 * HOUR) / 1000 * 1000;

		events[n++] = (struct plan_event){t + (int64_t)(chance(ctx[0]) * 20000), t, 0, i};
		want_views++;
		last[i] = t;
		if (chance(ctx[0]) < 0.5) {
			t += 1000 + (int64_t)(chance(ctx[0]) * 45 * MIN) / 1000 * 1000;
			events[n++] = (struct plan_event){
			    t + (int64_t)(chance(ctx[0]) * 20000), t, 1, i};
			want_good += t - last[i] <= 30 * MIN;
		}
	}
	qsort(events, n, sizeof(events[0]), by_arrival);
	for (int k = 0; k < 2; k++)
		begin(&checkout_funnel, ctx[k], &c[k]);
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < 2; k++) {
			char name[16];

			snprintf(name, sizeof(name), "s%d", events[i].session);
			now_ms = events[i].at;
			hit(ctx[k], &c[k], events[i].at - 20000, events[i].t,
			    events[i].step == 0 ? "/p/x" : "/checkout", name, "DE");
			if (k == 1 && chance(ctx[1]) < 0.05)
				restart(&checkout_funnel, ctx[1], &c[1]);
		}
	now_ms += 2 * HOUR;
	for (int k = 0; k < 2; k++) {
		tell(&checkout_funnel, ctx[k], &c[k], &edge, now_ms, 0, 0, NULL);
		assert_int_equal((int)total(ctx[k], M_GOOD, "/step/view_item"), (int)want_views);
		assert_int_equal(
		    (int)total(ctx[k], M_GOOD, "/step/begin_checkout"), (int)want_good);
		assert_int_equal((int)total(ctx[k], M_GOOD,
				     "/step/begin_checkout/dimension/country/value/DE"),
		    (int)want_good);
		checkout_funnel.stop(ctx[k], &c[k]);
		host_free(ctx[k]);
	}
}

/* Three weeks of a shop, then nobody can buy although the log shows 200s. */
static void
test_funnel_falls(void **state)
{
	struct tw_ctx *ctx = host();
	struct checkout c = funnel_of(steps, 3);
	struct tw_value v[2] = {number(80), text("EUR")};
	int64_t t, broken = T0 + 2 * DAY + 10 * HOUR;
	char name[24];
	int i = 0;

	(void)state;
	c.funnel_options.step_window = INT64_C(600000000);
	now_ms = T0 - 21 * DAY;
	begin(&checkout_funnel, ctx, &c);
	for (t = T0 - 21 * DAY; t < broken + 2 * HOUR; t += 2 * MIN) {
		now_ms = t;
		snprintf(name, sizeof(name), "s%d", i++);
		hit(ctx, &c, t, t, "/p/1", name, "DE");
		if (chance(ctx) < 0.7) {
			hit(ctx, &c, t, t + 1000, "/checkout", name, "DE");
			if (chance(ctx) < 0.8 && t < broken)
				tell(&checkout_funnel, ctx, &c, &orders, t, t + 2000, 0, v);
		}
		tell(&checkout_funnel, ctx, &c, &orders, t, 0, 0, NULL);
		if (t < broken && t % (2 * HOUR) == 0 && look(&checkout_funnel, ctx, &c) == TW_CRIT)
			fail_msg("%s", ctx->text);
	}
	assert_int_equal(look(&checkout_funnel, ctx, &c), TW_CRIT);
	print_message("%s\n", ctx->text);
	assert_memory_equal(ctx->text, "purchase: ", 10);
	assert_non_null(strstr(ctx->text, "EUR"));
	assert_true(gauge(ctx, M_LOST, "/step/purchase") > 10);
	assert_true(gauge(ctx, M_AT_RISK, "/bound/high") > 800);
	checkout_funnel.stop(ctx, &c);
	host_free(ctx);
}

/* From the states of orders alone: the order is the session. */
static void
test_order_states(void **state)
{
	static struct funnel_step_options by_state[] = {
	    {"add_to_cart", NULL, "{\"state\":\"AddingItems\"}"},
	    {"begin_checkout", NULL, "{\"state\":\"ArrangingPayment\"}"},
	    {"purchase", NULL, "{\"state\":[\"PaymentAuthorized\",\"PaymentSettled\"]}"}};
	struct tw_ctx *ctx = host();
	struct checkout c = funnel_of(by_state, 3);
	static const char *const names[] = {"AddingItems", "ArrangingPayment", "PaymentSettled"};

	(void)state;
	c.funnel_options.source = "states";
	c.funnel_options.session = "id";
	now_ms = T0;
	begin(&checkout_funnel, ctx, &c);
	for (int order = 1; order <= 9; order++)
		for (int k = 0; k < (order <= 6 ? order <= 4 ? 3 : 2 : 1); k++) {
			struct tw_value v[2] = {whole(order), text(names[k])};

			tell(&checkout_funnel, ctx, &c, &states, T0, T0 + 1000 * k, 0, v);
		}
	now_ms = T0 + 2 * HOUR;
	tell(&checkout_funnel, ctx, &c, &states, now_ms, 0, 0, NULL);
	assert_int_equal((int)total(ctx, M_GOOD, "/step/add_to_cart"), 9);
	assert_int_equal((int)total(ctx, M_GOOD, "/step/begin_checkout"), 6);
	assert_int_equal((int)total(ctx, M_GOOD, "/step/purchase"), 4);
	checkout_funnel.stop(ctx, &c);
	host_free(ctx);
}

static void
test_refused(void **state)
{
	static struct funnel_step_options same[] = {
	    {"add_to_cart", NULL, "{\"path\":\"/shop-api\"}"},
	    {"purchase", NULL, "{\"path\":\"/shop-api\"}"}};
	static struct funnel_step_options bad[] = {{"a", NULL, "{\"path\":\"/a\"}"},
	    {"a", NULL, "{\"path\":\"/b\"}"}};
	struct tw_ctx *ctx = host();
	struct checkout c = funnel_of(same, 2);

	(void)state;
	assert_int_equal(checkout_funnel.start(ctx, &c), TW_UNKNOWN);
	assert_string_equal(ctx->refused, "funnel/steps/1/match");
	assert_non_null(strstr(ctx->text, "cannot be told apart"));
	c = funnel_of(bad, 2);
	assert_int_equal(checkout_funnel.start(ctx, &c), TW_UNKNOWN);
	assert_string_equal(ctx->refused, "funnel/steps/1/name");
	c = funnel_of(bad, 1);
	assert_int_equal(checkout_funnel.start(ctx, &c), TW_UNKNOWN);
	assert_string_equal(ctx->refused, "funnel/steps");
	host_free(ctx);
}

/* More sessions than there is room for: the oldest go, and are counted. */
static void
test_session_room(void **state)
{
	struct tw_ctx *ctx = host();
	struct sessions *s = sessions_new(ctx, 2, HOUR);
	struct session_move m;
	uint64_t moved = 0;

	(void)state;
	assert_non_null(s);
	for (int i = 0; i < 2 * SESSIONS_MAX; i++) {
		struct tw_value v = whole(i);

		sessions_wait(s, &(struct session_event){
				     .hash = sessions_hash(s, &v), .time_ms = T0 + i, .step = 0});
		while (sessions_next(s, T0 + i + 1, &m))
			moved++;
	}
	assert_int_equal(moved, 2 * SESSIONS_MAX);
	assert_true(sessions_count(s) <= SESSIONS_MAX);
	assert_true(sessions_lost(s) >= SESSIONS_MAX);
	sessions_save(ctx, s);
	for (int i = 0; i < 2 * WAITING_MAX; i++)
		sessions_wait(s, &(struct session_event){.hash = 1, .time_ms = T0 + i});
	assert_int_equal(sessions_lost(s), WAITING_MAX);
	sessions_save(ctx, s);
	sessions_free(s);
	s = sessions_new(ctx, 2, HOUR);
	assert_true(sessions_count(s) > SESSIONS_MAX / 2);
	sessions_free(s);
	host_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_match),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_ratio),
	    cmocka_unit_test(test_new_cause),
	    cmocka_unit_test(test_funnel_counts),
	    cmocka_unit_test(test_funnel_restarts),
	    cmocka_unit_test(test_funnel_falls),
	    cmocka_unit_test(test_order_states),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_session_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
