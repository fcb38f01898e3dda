/*
 * test-orders.c - order integrity without a host: which stories differ, when, and what proves it.
 * The clock is a number that the test hands on.
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
#include <tillwatch/plugin.h>

#include "plugins/inventory/orders.h"

#define MINUTE 60000
#define LAG (5 * MINUTE)
#define T0 1000000000000
enum { SHOP, PSP, ERP, WMS, BACK, BOOKS };

static struct orders orders;

static void
fresh(void)
{
	static const char *const names[] = {"shop", "psp", "erp", "wms", "back", "books"};

	orders_clear(&orders);
	orders = (struct orders){.n_sides = 6, .tolerance = 100, .keep_ms = 1000 * MINUTE};
	for (unsigned i = 0; i < 6; i++)
		orders.sides[i] = (struct order_side){
		    .name = names[i], .role = (enum role)i, .max_lag_ms = LAG};
	orders_init(&orders);
	for (unsigned i = 0; i < 6; i++)
		orders_batch(&orders, i, 0, T0);
}

/* An event, in minutes after T0. amount < 0: it says none. part 0: by time and amount. */
static void
event(unsigned side, const char *id, int minute, int64_t amount, uint32_t part)
{
	struct order_event e = {.role = (enum role)side, .time_ms = T0 + minute * MINUTE,
	    .has_amount = amount >= 0, .amount = amount * 100, .part = part};

	assert_true(orders_event(&orders, side, id, strlen(id), &e, false));
}

/* All sides have told everything up to then; how many orders have the fault. */
static uint64_t
at(int minute, enum fault f)
{
	struct order_totals t[FAULT_N];
	int64_t now_ms = T0 + minute * (int64_t)MINUTE;

	for (unsigned i = 0; i < orders.n_sides; i++) {
		orders_batch(&orders, i, 0, now_ms);
		orders_batch_end(&orders, i, 0, now_ms);
	}
	orders_confirm(&orders, now_ms);
	orders_totals(&orders, now_ms, t);
	return t[f].n;
}

static uint64_t
all(int minute)
{
	struct order_totals t[FAULT_N];
	uint64_t n = 0;

	at(minute, FAULT_NOT_SHIPPED);
	orders_totals(&orders, T0 + minute * (int64_t)MINUTE, t);
	for (int f = 0; f < FAULT_N; f++)
		n += t[f].n;
	return n;
}

static void
good_order(const char *id, int minute)
{
	event(PSP, id, minute, 50, 7);
	event(SHOP, id, minute, 50, 0);
	event(ERP, id, minute + 1, -1, 1);
	event(WMS, id, minute + 2, -1, 1);
}

static void
what_is_well_is_well(void **state)
{
	(void)state;
	fresh();
	good_order("A", 1);
	good_order("B", 100);
	event(BACK, "B", 110, 20, 1);
	event(BOOKS, "B", 111, 20, 1);
	for (int minute = 1; minute < 400; minute += 3)
		assert_int_equal(all(minute), 0);
}

static void
each_fault_is_found_after_its_time(void **state)
{
	static const struct { enum fault f; const char *without; } cases[] = {
	    {FAULT_PAID_WITHOUT_ORDER, "shop"}, {FAULT_ORDER_WITHOUT_PAYMENT, "psp"},
	    {FAULT_NOT_EXPORTED, "erp"}, {FAULT_NOT_SHIPPED, "wms"},
	    {FAULT_REFUND_NOT_BOOKED, "books"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum fault f = cases[i].f;

		fresh();
		for (unsigned side = 0; side < 6; side++)
			if (strcmp(orders.sides[side].name, cases[i].without) != 0
			    && (f != FAULT_PAID_WITHOUT_ORDER || side == PSP))
				event(side, "A", 10, 50, 1);
		assert_int_equal(all(14), 0);
		assert_int_equal(at(16, f), 1);
		assert_int_equal(all(16), 1);
		event((unsigned)(f == FAULT_PAID_WITHOUT_ORDER ? SHOP
			: f == FAULT_ORDER_WITHOUT_PAYMENT     ? PSP
			: f == FAULT_NOT_EXPORTED              ? ERP
			: f == FAULT_NOT_SHIPPED               ? WMS
							       : BOOKS), "A", 17, 50, 1);
		assert_int_equal(at(18, f), 0);
	}
}

static void
what_is_not_proven_does_not_count(void **state)
{
	struct order_totals t[FAULT_N];

	(void)state;
	fresh();
	good_order("A", 1);
	event(PSP, "B", 10, 50, 1);
	for (unsigned side = 0; side < 6; side++)
		orders_batch_end(&orders, side, 0, T0 + (side == SHOP ? 14 : 60) * MINUTE);
	orders_confirm(&orders, T0 + 60 * MINUTE);
	orders_totals(&orders, T0 + 60 * MINUTE, t);
	assert_int_equal(t[FAULT_PAID_WITHOUT_ORDER].n, 0); /* the shop has told up to 14 only */
	orders_batch_end(&orders, SHOP, 0, T0 + 15 * MINUTE);
	orders_confirm(&orders, T0 + 60 * MINUTE);
	orders_totals(&orders, T0 + 60 * MINUTE, t);
	assert_int_equal(t[FAULT_PAID_WITHOUT_ORDER].n, 1);
	assert_int_equal(t[FAULT_PAID_WITHOUT_ORDER].value, 5000);
	assert_int_equal(t[FAULT_PAID_WITHOUT_ORDER].age_ms, 50 * MINUTE);
}

static void
an_answer_for_the_order_proves_it_too(void **state)
{
	int64_t now_ms = T0 + 60 * MINUTE;
	struct order_totals t[FAULT_N];

	(void)state;
	fresh();
	orders.warm_up_ms = 1440 * MINUTE; /* it may be of an order from before */
	event(PSP, "B", 10, 50, 1);
	assert_int_equal(all(60), 0);
	assert_int_equal(orders_ask(&orders, now_ms, 10), 1);
	assert_true(orders_needs(&orders, SHOP));
	orders_ask_side(&orders, SHOP);
	orders_batch(&orders, SHOP, TW_BATCH_KEYS | TW_BATCH_FIRST, now_ms);
	orders_batch_end(&orders, SHOP, TW_BATCH_KEYS | TW_BATCH_LAST, 0); /* not for us */
	orders_confirm(&orders, now_ms);
	orders_totals(&orders, now_ms, t);
	assert_int_equal(t[FAULT_PAID_WITHOUT_ORDER].n, 0);
	fresh();
	orders.warm_up_ms = 1440 * MINUTE;
	event(PSP, "B", 10, 50, 1);
	assert_int_equal(orders_ask(&orders, now_ms, 10), 1);
	orders_ask_side(&orders, SHOP);
	orders_batch_end(&orders, SHOP, TW_BATCH_KEYS | TW_BATCH_LAST | TW_BATCH_ASKED, 0);
	orders_confirm(&orders, now_ms);
	orders_totals(&orders, now_ms, t);
	assert_int_equal(t[FAULT_PAID_WITHOUT_ORDER].n, 1);
	assert_int_equal(at(61, FAULT_PAID_WITHOUT_ORDER), 1); /* and stays so */
}

static void
who_never_answers_is_not_asked_for_ever(void **state)
{
	(void)state;
	fresh();
	event(PSP, "B", 10, 50, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(orders_ask(&orders, T0 + (20 + i) * MINUTE, 10), 1);
		assert_true(orders_needs(&orders, SHOP));
		orders_ask_side(&orders, SHOP);
		orders_confirm(&orders, T0 + (20 + i) * MINUTE);
	}
	assert_int_equal(orders_ask(&orders, T0 + 30 * MINUTE, 10), 1);
	assert_false(orders_needs(&orders, SHOP));
}

static void
what_was_before_us_says_nothing(void **state)
{
	struct order_event e = {.role = ROLE_ORDER, .time_ms = T0 - 100 * MINUTE,
	    .has_amount = true, .amount = 5000};

	(void)state;
	fresh();
	assert_true(orders_event(&orders, SHOP, "old", 3, &e, true)); /* history of the shop */
	e.role = ROLE_PAYMENT;
	e.time_ms = T0 + 10 * MINUTE;
	assert_true(orders_event(&orders, PSP, "new", 3, &e, false));
	orders.warm_up_ms = 100 * MINUTE;
	assert_int_equal(all(200), 1); /* the shop is known from -100 on: its order is not there */
	assert_int_equal(at(200, FAULT_ORDER_WITHOUT_PAYMENT), 0);
}

static void
money_is_compared(void **state)
{
	(void)state;
	fresh();
	good_order("twice", 1);
	event(PSP, "twice", 2, 50, 8);
	good_order("again", 1);
	event(PSP, "again", 1, 50, 7); /* told again, not paid again */
	good_order("other", 1);
	event(PSP, "other", 1, 45, 7); /* the same payment, corrected */
	good_order("parts", 1);
	event(PSP, "parts", 1, 20, 7);
	event(PSP, "parts", 3, 30, 8);
	good_order("back", 1);
	event(PSP, "back", 2, 50, 8);
	event(BACK, "back", 4, 50, 1);
	event(BOOKS, "back", 4, 50, 1);
	good_order("partly", 1);
	event(BACK, "partly", 4, 20, 1);
	event(BOOKS, "partly", 4, 20, 1);
	event(SHOP, "free", 1, 0, 0);
	event(ERP, "free", 1, -1, 0);
	event(WMS, "free", 1, -1, 0);
	assert_int_equal(at(4, FAULT_CHARGED_TWICE), 0);
	assert_int_equal(at(20, FAULT_CHARGED_TWICE), 1);
	assert_int_equal(at(20, FAULT_TOTAL_MISMATCH), 1);
	assert_int_equal(all(20), 2);
	event(BACK, "twice", 21, 50, 1);
	event(BOOKS, "twice", 21, 50, 1);
	assert_int_equal(at(22, FAULT_CHARGED_TWICE), 0);
	event(BACK, "partly", 30, 30, 2); /* a second one, not booked */
	assert_int_equal(at(31, FAULT_REFUND_NOT_BOOKED), 0);
	assert_int_equal(at(40, FAULT_REFUND_NOT_BOOKED), 1);
}

static void
another_currency_is_not_compared(void **state)
{
	struct order_event e = {.role = ROLE_PAYMENT, .time_ms = T0 + MINUTE, .has_amount = true,
	    .amount = 9900, .part = 1, .currency = "USD"};

	(void)state;
	fresh();
	good_order("A", 1);
	orders_event(&orders, PSP, "A", 1, &e, false);
	memcpy(e.currency, "EUR", 4);
	e.role = ROLE_ORDER;
	e.part = 0;
	orders_event(&orders, SHOP, "A", 1, &e, false);
	assert_int_equal(all(20), 0);
}

static void
ours_and_void_do_not_count(void **state)
{
	struct order_event e = {.role = ROLE_ORDER, .time_ms = T0 + MINUTE, .is_ours = true};

	(void)state;
	fresh();
	event(PSP, "ours", 1, 50, 1);
	orders_event(&orders, SHOP, "ours", 4, &e, false);
	e = (struct order_event){.role = ROLE_PAYMENT, .time_ms = T0 + MINUTE, .is_void = true};
	orders_event(&orders, PSP, "declined", 8, &e, false);
	event(SHOP, "cancelled", 1, 50, 0);
	e = (struct order_event){.role = ROLE_ORDER, .time_ms = T0 + MINUTE, .is_void = true};
	orders_event(&orders, SHOP, "cancelled", 9, &e, false);
	assert_int_equal(all(30), 0);
}

static void
rows_are_bounded_and_the_faulty_stay(void **state)
{
	char id[16];

	(void)state;
	fresh();
	event(PSP, "bad", 1, 50, 1);
	assert_int_equal(all(10), 1);
	for (int i = 0; i < ORDERS_MAX + 1000; i++) {
		snprintf(id, sizeof(id), "n%d", i);
		event(SHOP, id, 11, 50, 0);
	}
	assert_true(orders.n_rows <= ORDERS_MAX);
	assert_true(orders.n_dropped > 0);
	assert_int_equal(at(12, FAULT_PAID_WITHOUT_ORDER), 1);
	assert_false(orders_event(&orders, SHOP, "", 0, &(struct order_event){0}, false));
	assert_false(orders_event(&orders, SHOP, "a\0b", 3, &(struct order_event){0}, false));
	assert_int_equal(all(5000), 0); /* and is forgotten when nothing is heard any more */
	assert_int_equal(orders.n_rows, 0);
}

static void
rows_outlive_a_restart(void **state)
{
	static unsigned char shards[ORDER_SHARDS][ORDER_SHARD_BYTES];
	size_t len[ORDER_SHARDS];
	char id[16];

	(void)state;
	fresh();
	for (int i = 0; i < 500; i++) {
		snprintf(id, sizeof(id), "n%d", i);
		good_order(id, i % 7);
	}
	event(PSP, "twice", 2, 50, 8);
	good_order("twice", 1);
	event(PSP, "lost", 2, 50, 8);
	for (unsigned i = 0; i < ORDER_SHARDS; i++) {
		len[i] = orders_save(&orders, i, shards[i]);
		assert_true(len[i] <= ORDER_SHARD_BYTES);
	}
	assert_int_equal(orders.dirty, 0);
	fresh();
	for (unsigned i = 0; i < ORDER_SHARDS; i++)
		assert_int_equal(orders_load(&orders, shards[i], len[i]), 0);
	assert_int_equal(orders.n_rows, 502);
	assert_int_equal(at(20, FAULT_CHARGED_TWICE), 1);
	assert_int_equal(at(20, FAULT_PAID_WITHOUT_ORDER), 1);
	assert_int_equal(all(20), 2);
	for (size_t n = 1; n < len[0]; n++) { /* cut anywhere: damaged, or a whole row less */
		fresh();
		(void)orders_load(&orders, shards[0], n);
	}
	for (size_t n = 0; n < len[0]; n++) {
		fresh();
		shards[0][n] ^= 0xff;
		(void)orders_load(&orders, shards[0], len[0]);
		shards[0][n] ^= 0xff;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_well_is_well),
	    cmocka_unit_test(each_fault_is_found_after_its_time),
	    cmocka_unit_test(what_is_not_proven_does_not_count),
	    cmocka_unit_test(an_answer_for_the_order_proves_it_too),
	    cmocka_unit_test(who_never_answers_is_not_asked_for_ever),
	    cmocka_unit_test(what_was_before_us_says_nothing),
	    cmocka_unit_test(money_is_compared),
	    cmocka_unit_test(another_currency_is_not_compared),
	    cmocka_unit_test(ours_and_void_do_not_count),
	    cmocka_unit_test(rows_are_bounded_and_the_faulty_stay),
	    cmocka_unit_test(rows_outlive_a_restart),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	orders_clear(&orders);
	return rc;
}
