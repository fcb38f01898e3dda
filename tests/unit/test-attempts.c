/*
 * test-attempts.c - attempts become orders: 20,000 seeded orders over restarts against the plain
 * definition, the cases one by one, and a ratio that is judged by them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/checkout/ratio-attempt.h"
#include "tests/unit/traffic-host.h"

#define RETRY (15 * MIN)
#define N_ORDERS 20000
#define N_MAX (N_ORDERS * 8)

/* ---- decisions ---- */

struct decisions {
	struct order_decision at[N_MAX];
	size_t n;
};

static void
keep(void *arg, const struct order_decision *d)
{
	struct decisions *all = arg;

	assert_true(all->n < N_MAX);
	all->at[all->n++] = *d;
}

static int
by_time(const void *a, const void *b)
{
	const struct order_decision *x = a, *y = b;

	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return x->parts[0] < y->parts[0] ? -1 : x->parts[0] > y->parts[0];
}

/* ---- many orders ---- */

struct attempt {
	uint64_t order;
	int64_t time_ms;
	bool is_good;
	uint64_t part;
};

static uint64_t
any(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

static int
by_attempt_time(const void *a, const void *b)
{
	const struct attempt *x = a, *y = b;

	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* The definition: the first attempt opens an order for `retry`; good if one in it was; the part is
 * the first good one's, or the last one's. Attempts of one order stand together, by time. */
static void
define(const struct attempt *a, size_t n, struct decisions *out)
{
	for (size_t i = 0, k; i < n; i = k) {
		struct order_decision d = {.time_ms = a[i].time_ms};

		for (k = i; k < n && a[k].order == a[i].order
		     && a[k].time_ms <= a[i].time_ms + RETRY; k++) {
			if (!d.is_good)
				d.parts[0] = a[k].part;
			d.is_good |= a[k].is_good;
		}
		keep(out, &d);
	}
}

static void
orders_are_as_defined(void **state)
{
	static struct attempt all[N_MAX];
	static struct decisions wanted, got;
	struct tw_ctx *ctx = host();
	struct attempts *o = attempts_new(ctx, RETRY, keep, &got);
	uint64_t seed = 20261124;
	size_t n = 0;

	(void)state;
	for (uint64_t order = 1; order <= N_ORDERS; order++) {
		int64_t t = T0 + (int64_t)(any(&seed) % (7 * 24 * 60)) * MIN
		    + (int64_t)(any(&seed) % 60000);
		int tries = 1 + (int)(any(&seed) % 7);

		for (int i = 0; i < tries; i++) {
			all[n] = (struct attempt){order, t, any(&seed) % 3 == 0, n + 1};
			n++;
			t += 1 + (int64_t)(any(&seed)
				% (uint64_t)(any(&seed) % 4 == 0 ? 2 * RETRY : RETRY / 4));
		}
	}
	define(all, n, &wanted);
	qsort(all, n, sizeof(all[0]), by_attempt_time);
	for (size_t i = 0; i < n; i++) {
		uint64_t parts[ORDER_PARTS] = {all[i].part};
		struct tw_value id = {.type = TW_FIELD_INT, .as.integer = (int64_t)all[i].order};

		attempts_add(o, attempts_hash(o, &id), all[i].time_ms, all[i].is_good, parts);
		if (any(&seed) % 50 == 0)
			attempts_settle(o, all[i].time_ms);
		if (any(&seed) % 500 == 0) {
			attempts_save(ctx, o);
			attempts_free(o);
			assert_non_null(o = attempts_new(ctx, RETRY, keep, &got));
		}
	}
	attempts_settle(o, INT64_MAX);
	assert_int_equal(attempts_count(o), 0);
	assert_int_equal(attempts_lost(o), 0);
	assert_int_equal(got.n, wanted.n);
	qsort(wanted.at, wanted.n, sizeof(wanted.at[0]), by_time);
	qsort(got.at, got.n, sizeof(got.at[0]), by_time);
	for (size_t i = 0; i < got.n; i++) {
		assert_int_equal(got.at[i].time_ms, wanted.at[i].time_ms);
		assert_int_equal(got.at[i].is_good, wanted.at[i].is_good);
		assert_int_equal(got.at[i].parts[0], wanted.at[i].parts[0]);
	}
	print_message("%zu attempts, %zu orders\n", n, got.n);
	attempts_free(o);
	host_free(ctx);
}

/* Rows of another system come late: the order is at its first attempt's time all the same. */
static void
late_attempts_find_their_order(void **state)
{
	static struct decisions got;
	struct tw_ctx *ctx = host();
	struct attempts *o = attempts_new(ctx, RETRY, keep, &got);
	const uint64_t one[ORDER_PARTS] = {1}, two[ORDER_PARTS] = {2};

	(void)state;
	got.n = 0;
	attempts_add(o, 7, T0 + 5 * MIN, false, two);
	attempts_add(o, 7, T0, false, one);
	attempts_settle(o, T0 + RETRY);
	assert_int_equal(got.n, 0);
	attempts_settle(o, T0 + RETRY + 1);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.at[0].time_ms, T0);
	assert_int_equal(got.at[0].parts[0], 2); /* as the last one failed */
	attempts_add(o, 8, T0, true, one);
	attempts_add(o, 8, T0 + MIN, false, two); /* it was paid */
	attempts_add(o, 8, T0 + 2 * MIN, true, two);
	attempts_settle(o, INT64_MAX);
	assert_int_equal(got.n, 2);
	assert_true(got.at[1].is_good);
	assert_int_equal(got.at[1].parts[0], 1);
	attempts_free(o);
	host_free(ctx);
}

/* No room: the oldest is decided early, each is counted once. */
static void
a_flood_loses_no_count(void **state)
{
	static struct decisions got;
	struct tw_ctx *ctx = host();
	struct attempts *o = attempts_new(ctx, RETRY, keep, &got);
	const uint64_t parts[ORDER_PARTS] = {3};

	(void)state;
	got.n = 0;
	for (uint64_t i = 1; i <= ORDERS_MAX + 50; i++)
		attempts_add(o, i, T0 + (int64_t)i, false, parts);
	assert_int_equal(attempts_count(o), ORDERS_MAX);
	assert_int_equal(attempts_lost(o), 50);
	assert_int_equal(got.n, 50);
	assert_int_equal(got.at[49].time_ms, T0 + 50);
	attempts_save(ctx, o);
	attempts_free(o);
	assert_non_null(o = attempts_new(ctx, RETRY, keep, &got));
	assert_int_equal(attempts_count(o), ORDERS_MAX);
	attempts_settle(o, INT64_MAX);
	assert_int_equal(got.n, ORDERS_MAX + 50);
	attempts_free(o);
	host_free(ctx);
}

static void
damaged_state_is_let_go(void **state)
{
	static struct decisions got;
	struct tw_ctx *ctx = host();
	struct attempts *o;
	char bytes[200];

	(void)state;
	for (int len = 0; len <= 200; len++) {
		memset(bytes, len, sizeof(bytes));
		tw_api_->state_put(ctx, "orders/0", bytes, (size_t)len);
		assert_non_null(o = attempts_new(ctx, RETRY, keep, &got));
		assert_true(attempts_count(o) <= 2);
		attempts_free(o);
	}
	host_free(ctx);
}

/* ---- a ratio ---- */

static const char *const fields[] = {"ok", "gateway", "decline", "order"};
static const struct feed payments = {"payments", fields, 4};
static const char *by[] = {"gateway"}, *causes[] = {"decline"};
static int64_t windows_ratio[] = {3600000000, 21600000000, 86400000000};

static void
try_order(struct tw_ctx *ctx, struct checkout *c, int64_t t, uint32_t flags, int64_t order, bool ok)
{
	struct tw_value v[4] = {whole(ok), text("psp-1"), {0}, whole(order)};

	if (!ok)
		v[2] = text("funds");
	tell(&checkout_ratio, ctx, c, &payments, t, t, flags, v);
}

/* Days of a shop where half of the declined try again a minute later and are paid; then somebody
 * tries one card sixty times. What is said of it; *n_orders, *n_attempts: as they were made. */
static enum tw_verdict
one_card_again_and_again(struct tw_ctx *ctx, const char *id, double *n_orders, double *n_attempts)
{
	struct checkout c = {.ratio_options = {.source = "payments", .good = "\"ok\"", .id = id,
				 .retry = 15 * MIN * 1000, .min_count = 10,
				 .by = {1, sizeof(char *), (void *)(uintptr_t)by},
				 .causes = {1, sizeof(char *), (void *)(uintptr_t)causes},
				 .baseline = baseline(windows_ratio)}};
	int64_t t, n = 0, until = T0 + DAY + 15 * HOUR;
	enum tw_verdict verdict;

	*n_orders = *n_attempts = 0;
	now_ms = T0;
	begin(&checkout_ratio, ctx, &c);
	for (t = T0 - 21 * DAY; t < until; t += 2 * MIN, n++) {
		uint32_t flags = t < T0 ? TW_RECORD_HISTORY : 0;
		bool ok = chance(ctx) < 0.92, again = !ok && chance(ctx) < 0.5;

		now_ms = t < T0 ? T0 : t + MIN;
		try_order(ctx, &c, t, flags, n, ok);
		if (again)
			try_order(ctx, &c, t + MIN, flags, n, true);
		*n_orders += t >= T0;
		*n_attempts += t >= T0 ? 1 + again : 0;
		if (t % (7 * HOUR) == 0)
			restart(&checkout_ratio, ctx, &c);
	}
	for (int i = 0; i < 60; i++)
		try_order(ctx, &c, t + i * 10000, 0, n, false);
	*n_orders += 1;
	*n_attempts += 60;
	now_ms = t + 40 * MIN;
	tell(&checkout_ratio, ctx, &c, &payments, now_ms, 0, 0, NULL);
	verdict = look(&checkout_ratio, ctx, &c);
	checkout_ratio.stop(ctx, &c);
	return verdict;
}

static void
one_card_is_one_order(void **state)
{
	struct tw_ctx *by_order = host(), *by_attempt = host();
	double orders_made, attempts_made;

	(void)state;
	assert_int_equal(
	    one_card_again_and_again(by_attempt, NULL, &orders_made, &attempts_made), TW_CRIT);
	assert_int_equal((int)total(by_attempt, M_TRIED, ""), (int)attempts_made);
	assert_int_equal(
	    one_card_again_and_again(by_order, "order", &orders_made, &attempts_made), TW_OK);
	assert_int_equal((int)total(by_order, M_TRIED, ""), (int)orders_made);
	assert_int_equal(
	    (int)total(by_order, M_TRIED, "/dimension/gateway/value/psp-1"), (int)orders_made);
	assert_int_equal((int)total(by_order, M_TRIED, "/step/attempt"), (int)attempts_made);
	assert_true(total(by_order, M_GOOD, "") > orders_made * 0.93); /* some were paid later */
	host_free(by_order);
	host_free(by_attempt);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(orders_are_as_defined),
	    cmocka_unit_test(late_attempts_find_their_order),
	    cmocka_unit_test(a_flood_loses_no_count), cmocka_unit_test(damaged_state_is_let_go),
	    cmocka_unit_test(one_card_is_one_order)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
