/*
 * test-canary.c - the canary, the tracers, what sells: without a host. The clock is a number that
 * the test hands on.
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

#include "plugins/inventory/canary.h"
#include "plugins/inventory/tracer.h"
#include "plugins/inventory/velocity.h"

#define AMOUNT(x) ((int64_t)((x) * VALUE_SCALE))
#define DAY_MS INT64_C(86400000)

static struct value_rules rules;
enum { WMS, SHOP, FEED };

/* ---- the canary ---- */

static struct rule
rule_of(unsigned source)
{
	return (struct rule){.source = source, .reference_rules = &rules, .rules = &rules,
	    .is_quantity = true};
}

/* Three systems; the shop keeps two units back, the feed says what it likes. */
static struct rule shop_rule, feed_rule;
static struct canary
three_systems(void)
{
	shop_rule = rule_of(SHOP);
	shop_rule.buffer = AMOUNT(2);
	feed_rule = rule_of(FEED);
	return (struct canary){.low = 100, .high = 999, .stride = 1, .every_ms = 60000,
	    .max_lag_ms = 10000, .of = 77, .n_sides = 3,
	    .sides = {{.name = "wms", .rules = &rules, .cell = CELL_NULL, .lag_ms = -1},
		{.name = "shop", .rule = &shop_rule, .rules = &rules, .cell = CELL_NULL,
		    .lag_ms = -1},
		{.name = "feed", .rule = &feed_rule, .rules = &rules, .cell = CELL_NULL,
		    .lag_ms = -1}}};
}

static struct canary_write *
write_ok(struct canary *c, int64_t at_ms)
{
	struct canary_write *w = canary_intend(c, canary_next(c), at_ms, at_ms);

	w->result = CANARY_OK;
	return w;
}

static void
shows(struct canary *c, unsigned side, double value, int64_t at_ms)
{
	canary_shows(c, side, AMOUNT(value), at_ms, at_ms);
}

static void
lag_is_from_the_write_to_the_answer(void **state)
{
	struct canary c = three_systems();

	(void)state;
	assert_true(canary_is_due(&c, 1000, 1000));
	assert_int_equal(write_ok(&c, 1000)->value, 100);
	assert_false(canary_is_due(&c, 60999, 60999));
	assert_int_equal(canary_pending_ms(&c, SHOP, 1500), 500);
	shows(&c, WMS, 100, 1200);
	shows(&c, SHOP, 95, 2000);
	shows(&c, SHOP, 100, 2100); /* it keeps two back: that is not it */
	assert_int_equal(c.sides[SHOP].lag_ms, -1);
	shows(&c, SHOP, 98, 4000);
	assert_int_equal(c.sides[WMS].lag_ms, 200);
	assert_int_equal(c.sides[SHOP].lag_ms, 3000);
	assert_int_equal(canary_pending_ms(&c, SHOP, 5000), 0);
	assert_int_equal(canary_pending_ms(&c, FEED, 5000), 4000);
	shows(&c, SHOP, 98, 9000); /* seen once is seen */
	assert_int_equal(c.sides[SHOP].lag_ms, 3000);
}

static void
who_is_late_is_told(void **state)
{
	struct canary c = three_systems();

	(void)state;
	write_ok(&c, 1000);
	shows(&c, WMS, 100, 1100);
	shows(&c, SHOP, 98, 2000);
	assert_false(canary_is_late(&c, FEED, 11000));
	assert_true(canary_is_late(&c, FEED, 11001));
	assert_false(canary_is_late(&c, SHOP, 11001));
	shows(&c, FEED, 100, 20000);
	assert_int_equal(canary_pending_ms(&c, FEED, 20000), 0);
	assert_true(canary_is_late(&c, FEED, 20000)); /* it was, until the next one is in time */
	write_ok(&c, 61000);
	shows(&c, FEED, 101, 62000);
	assert_false(canary_is_late(&c, FEED, 62000));
}

static void
what_is_pending_is_not_written_over(void **state)
{
	struct canary c = three_systems();

	(void)state;
	c.max_lag_ms = 60000;
	write_ok(&c, 1000);
	shows(&c, WMS, 100, 1100);
	shows(&c, SHOP, 98, 1100);
	assert_false(canary_is_due(&c, 200000, 200000)); /* the feed has time */
	assert_true(canary_is_due(&c, 241000, 241000));  /* four times max_lag */
	write_ok(&c, 241000);
	assert_int_equal(canary_pending_ms(&c, FEED, 251000), 250000); /* since the first one */
	shows(&c, FEED, 100, 252000);
	assert_int_equal(c.sides[FEED].lag_ms, 251000);
	assert_int_equal(canary_pending_ms(&c, FEED, 253000), 12000); /* now since the second */
	shows(&c, FEED, 101, 254000);
	assert_int_equal(c.sides[FEED].lag_ms, 13000);
	assert_int_equal(canary_pending_ms(&c, FEED, 254000), 0);
}

static void
an_overtaken_value_counts_with_the_later(void **state)
{
	struct canary c = three_systems();

	(void)state;
	write_ok(&c, 1000);
	write_ok(&c, 61000);
	shows(&c, FEED, 101, 62000);
	assert_int_equal(canary_pending_ms(&c, FEED, 63000), 0);
	assert_int_equal(c.sides[FEED].lag_ms, 1000);
	shows(&c, FEED, 100, 64000); /* an old answer takes nothing back */
	assert_int_equal(canary_pending_ms(&c, FEED, 64000), 0);
	for (int i = 0; i < 3 * CANARY_WRITES; i++)
		write_ok(&c, 100000 + i);
	assert_true(canary_pending_ms(&c, FEED, 200000) > 99000);
	shows(&c, FEED, 101, 200000); /* so old that nobody knows it any more */
	assert_true(canary_pending_ms(&c, FEED, 200000) > 99000);
}

static void
what_was_not_written_is_nobodys_lag(void **state)
{
	struct canary c = three_systems();
	struct canary_write *w = canary_intend(&c, canary_next(&c), 1000, 1000);

	(void)state;
	assert_int_equal(canary_pending_ms(&c, SHOP, 500000), 0);
	assert_true(canary_is_waiting(&c, SHOP, 1001)); /* it may be written all the same */
	assert_false(canary_is_waiting(&c, SHOP, 41000));
	w->result = CANARY_FAILED;
	assert_false(canary_is_waiting(&c, SHOP, 1001));
	assert_false(canary_is_late(&c, SHOP, 500000));
	assert_true(canary_is_due(&c, 61000, 61000));
	shows(&c, FEED, 100, 2000); /* so it was */
	assert_int_equal(w->result, CANARY_OK);
	assert_int_equal(canary_pending_ms(&c, SHOP, 3000), 2000);
}

static void
the_next_value_is_one_that_nobody_shows(void **state)
{
	struct canary c = three_systems();

	(void)state;
	shows(&c, WMS, 417, 500); /* our state is gone, the last value is not */
	assert_int_equal(canary_next(&c), 418);
	shows(&c, SHOP, 416, 500);
	assert_int_equal(canary_next(&c), 419);
	c.stride = 10;
	assert_int_equal(canary_next(&c), 427);
	shows(&c, WMS, 12, 600);
	assert_int_equal(canary_next(&c), 100);
	c = three_systems();
	c.high = 103;
	for (int i = 0; i < 4; i++)
		assert_int_equal(write_ok(&c, 1000)->value, 100 + i);
	assert_int_equal(canary_next(&c), 100); /* and begins anew */
}

static void
somebody_else_who_writes_is_seen(void **state)
{
	struct canary c = three_systems();

	(void)state;
	write_ok(&c, 1000);
	shows(&c, WMS, 100, 2000);
	canary_shows(&c, WMS, AMOUNT(50), 1500, 2500); /* asked for before: an old answer */
	assert_false(c.is_disturbed);
	shows(&c, WMS, 99, 3000); /* a journey has bought one */
	assert_true(c.is_disturbed);
	assert_int_equal(canary_pending_ms(&c, SHOP, 500000), 0);
	assert_false(canary_is_late(&c, SHOP, 500000));
	write_ok(&c, 61000);
	assert_false(c.is_disturbed);
	assert_true(canary_pending_ms(&c, SHOP, 62000) > 0);
}

static void
words_make_the_values_toggle(void **state)
{
	struct canary c = three_systems();
	struct value_rules words = {0};

	(void)state;
	value_default_words(&words);
	c.sides[FEED].rules = &words;
	feed_rule.rules = &words;
	write_ok(&c, 1000);
	canary_shows(&c, FEED, CELL_WORD, 2000, 2000); /* in_stock: 100 as well as 99 */
	assert_true(c.is_words);
	assert_int_equal(c.sides[FEED].lag_ms, -1);
	assert_int_equal(canary_pending_ms(&c, FEED, 99000), 0);
	shows(&c, WMS, 100, 2000);
	assert_int_equal(write_ok(&c, 61000)->value, 0);
	canary_shows(&c, FEED, CELL_WORD, 62000, 62000);
	shows(&c, WMS, 0, 62000);
	canary_shows(&c, SHOP, CELL_ABSENT, 63000, 63000); /* sold out: it may be left out */
	assert_int_equal(c.sides[SHOP].lag_ms, 2000);
	assert_int_equal(canary_pending_ms(&c, FEED, 71000), 10000);
	/* What the feed shows already would say nothing: the same once more. */
	assert_int_equal(write_ok(&c, 121000)->value, 0);
	assert_int_equal(canary_pending_ms(&c, SHOP, 122000), 0);
	assert_int_equal(canary_pending_ms(&c, FEED, 122000), 61000);
	canary_shows(&c, FEED, CELL_WORD + 8 + 1, 123000, 123000); /* out_of_stock */
	assert_int_equal(c.sides[FEED].lag_ms, 62000);
	assert_int_equal(write_ok(&c, 181000)->value, 999);
	canary_shows(&c, FEED, CELL_WORD, 182000, 182000);
	assert_int_equal(c.sides[FEED].lag_ms, 1000);
}

static void
state_comes_back_or_is_refused(void **state)
{
	struct canary c = three_systems(), d = three_systems();
	char blob[CANARY_SAVED_MAX], bad[CANARY_SAVED_MAX];
	size_t len;

	(void)state;
	write_ok(&c, 1000);
	shows(&c, WMS, 100, 1100);
	shows(&c, SHOP, 98, 3000);
	canary_intend(&c, canary_next(&c), 61000, 61000);
	len = canary_save(&c, blob, sizeof(blob));
	assert_true(len > 0);
	d.n_sides = 2; /* the feed is gone, and the market is new */
	d.sides[2] = d.sides[FEED];
	d.sides[2].name = "market";
	d.n_sides = 3;
	assert_int_equal(canary_restore(&d, blob, len), 0);
	assert_false(canary_is_due(&d, 62000, 62000)); /* nothing is written twice */
	assert_int_equal(canary_newest(&d)->result, CANARY_UNSURE);
	assert_int_equal(d.sides[SHOP].lag_ms, 2000);
	shows(&d, SHOP, 99, 64000);
	assert_int_equal(d.sides[SHOP].lag_ms, 3000);
	assert_int_equal(canary_pending_ms(&d, WMS, 65000), 4000);
	assert_int_equal(canary_pending_ms(&d, 2, 65000), 0); /* it was not there */
	for (size_t i = 0; i < len; i++)
		assert_int_not_equal(canary_restore(&d, blob, i), 0);
	d.of = 78;
	assert_int_not_equal(canary_restore(&d, blob, len), 0);
	d.of = 77;
	for (size_t i = 0; i < len * 8; i++) {
		memcpy(bad, blob, len);
		bad[i / 8] = (char)(bad[i / 8] ^ 1 << i % 8);
		if (canary_restore(&d, bad, len) == 0)
			assert_true(canary_next(&d) >= 0); /* whatever it says, it holds together */
	}
}

/* ---- tracers ---- */

static void
what_changes_most_is_known(void **state)
{
	struct tracer t = {0};
	uint32_t rows[TRACER_KEYS];
	double sum = 0;

	(void)state;
	assert_int_equal(tracer_top(&t, 20, rows), 0);
	for (uint32_t i = 0; i < 1000; i++)
		tracer_changed(&t, i, 1000);
	for (uint32_t i = 0; i < t.n; i++)
		sum += t.at[i].weight;
	assert_true(fabs(sum - 1000) < 1e-6); /* no change is lost */
	t = (struct tracer){0};
	for (uint32_t i = 0; i < 5000; i++) {
		tracer_changed(&t, i % 10 == 0 ? 7 : i % 10 == 1 ? 8 : 1000 + i, 1000 + i);
		if (i % 30 == 0)
			tracer_changed(&t, 7, 1000 + i);
	}
	assert_int_equal(tracer_top(&t, 2, rows), 2);
	assert_int_equal(rows[0], 7);
	assert_int_equal(rows[1], 8);
	for (int day = 1; day < 2000; day++) /* what was, fades; and the numbers hold for years */
		for (int i = 0; i < 5; i++)
			tracer_changed(&t, 9, day * DAY_MS);
	assert_int_equal(tracer_top(&t, 20, rows), 20);
	assert_int_equal(rows[0], 9);
	for (int i = 0; i < TRACER_KEYS; i++)
		assert_true(isfinite(t.at[i].weight));
}

static void
says(struct comparer *c, unsigned side, uint32_t flags, int64_t at_ms, double a, double b)
{
	const int64_t cells[] = {AMOUNT(a), AMOUNT(b)};

	compare_batch(c, side, flags, at_ms);
	assert_true(compare_record(c, side, "a", 1, &cells[0], 0));
	assert_true(compare_record(c, side, "b", 1, &cells[1], 0));
	compare_batch_end(c, side, flags);
}
#define SCAN (TW_BATCH_SCAN | TW_BATCH_FIRST | TW_BATCH_LAST)
#define KEYS (TW_BATCH_KEYS | TW_BATCH_FIRST | TW_BATCH_LAST | TW_BATCH_ASKED)

static struct tracer traces;
static int64_t lag_ms;

static void
note_change(void *arg, unsigned column, uint32_t row)
{
	(void)arg;
	if (column == WMS)
		tracer_changed(&traces, row, 1000);
}

static void
note_lag(void *arg, const struct rule *rule, int64_t ms)
{
	(void)arg;
	(void)rule;
	lag_ms = ms;
}

static void
young_differences_of_tracers_are_asked(void **state)
{
	struct comparer c = {.sides = {{.name = "wms"}, {.name = "shop"}}, .n_sides = 2,
	    .n_columns = 2, .side_of = {WMS, SHOP}, .n_rules = 1, .on_change = note_change,
	    .on_lag = note_lag};
	struct difference *d;

	(void)state;
	traces = (struct tracer){0};
	lag_ms = -1;
	c.rules[0] = (struct rule){.field = "available", .system = "shop", .source = SHOP,
	    .column = 1, .reference_rules = &rules, .rules = &rules, .is_quantity = true,
	    .counts_keys = true, .grace_ms = 100000};
	assert_int_equal(compare_init(&c), 0);
	says(&c, WMS, SCAN, 1000, 5, 5);
	says(&c, SHOP, SCAN, 1000, 5, 5);
	assert_int_equal(traces.n, 0); /* what comes first is no change */
	says(&c, WMS, KEYS, 1500, 5, 5); /* of some keys: when the others changed it cannot say */
	says(&c, WMS, SCAN, 2000, 4, 5);
	assert_int_equal(traces.n, 1);
	assert_int_equal(compare_ask(&c, 3000, 100, 1000), 0);
	assert_int_equal(tracer_ask(&traces, &c, 0, 4096), 0);
	assert_int_equal(tracer_ask(&traces, &c, 20, 0), 0);
	assert_int_equal(tracer_ask(&traces, &c, 20, 4096), 1);
	assert_string_equal(table_key(c.table, c.asked[0]), "a");
	for (unsigned side = WMS; side <= SHOP; side++) {
		const int64_t cell = AMOUNT(side == WMS ? 4 : 5);

		compare_ask_side(&c, side);
		compare_batch(&c, side, KEYS, 3000);
		assert_true(compare_record(&c, side, "a", 1, &cell, 0));
		compare_batch_end(&c, side, KEYS);
		compare_asked_side(&c, side);
	}
	compare_confirm(&c, 102000); /* its grace is over, and was not when it was asked for */
	d = c.open;
	assert_non_null(d);
	assert_int_equal(d->confirmed_ms, 0);
	says(&c, SHOP, SCAN, 4000, 4, 5);
	/* From the read before the one that showed the change in the reference: of all its keys,
	 * not of the few that were read again. */
	assert_int_equal(lag_ms, 3000);
	assert_int_equal(c.n_open, 0);
	compare_clear(&c);
}

/* ---- what is wanted and not there ---- */

/* p(k) of the Poisson distribution, by its definition. */
static long double
poisson(long double mean, unsigned k)
{
	return expl(k * logl(mean) - mean - lgammal(k + 1.0L));
}

static void
excess_is_its_exact_sum(void **state)
{
	static const double means[] = {1e-6, 0.003, 0.1, 0.5, 1, 2.5, 3, 7.7, 20, 100, 400.5};

	(void)state;
	for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++)
		for (unsigned q = 0; q < 600; q += q < 12 ? 1 : 17) {
			long double m = means[i], sum = 0, at_least_q = 0, above = 0;
			double got = velocity_excess(means[i], q);

			for (unsigned k = 2000; k > q; k--) {
				sum += (k - q) * poisson(m, k);
				above += poisson(m, k);
			}
			at_least_q = above + poisson(m, q);
			if (fabsl(got - sum) > 1e-9L * sum + 1e-27L)
				fail_msg("m %g q %u: %.15g, not %.15Lg", means[i], q, got, sum);
			/* mean P(D >= q) - q P(D >= q + 1) is the same. */
			if (fabsl(got - (m * at_least_q - q * above)) > 1e-12L * m)
				fail_msg("m %g q %u: the identity", means[i], q);
		}
	assert_true(velocity_excess(0, 0) == 0);
	assert_true(velocity_excess(-1, 0) == 0);
	assert_true(velocity_excess(NAN, 0) == 0);
	assert_true(velocity_excess(2.5, 0) == 2.5);
	assert_true(velocity_excess(1e9, 5) == 1e9 - 5);
	assert_true(velocity_excess(5, UINT64_MAX) == 0);
	/* By hand: m 3, q 2: 3 (1 - 4 e^-3) - 2 (1 - 17/2 e^-3) = 1 + 5 e^-3. */
	assert_true(fabs(velocity_excess(3, 2) - (1 + 5 * exp(-3))) < 1e-14);
}

/* ---- velocity ---- */

static void
rates_are_those_of_the_sales(void **state)
{
	struct velocity v;
	int64_t now_ms = 1000 * DAY_MS;
	double rate;

	(void)state;
	assert_int_equal(velocity_init(&v, 7 * DAY_MS), 0);
	assert_true(velocity_rate(&v, "a", 1, now_ms) == 0);
	/* One of a an hour, three of b in one order a day; newest first: order does not matter. */
	for (int h = 0; h < 28 * 24; h++) {
		assert_true(velocity_sold(&v, "a", 1, 1, now_ms - h * 3600000LL, now_ms));
		if (h % 24 == 0)
			assert_true(velocity_sold(&v, "b", 1, 3, now_ms - h * 3600000LL, now_ms));
	}
	rate = velocity_rate(&v, "a", 1, now_ms) * 3600;
	assert_true(fabs(rate - 1) < 0.01);
	rate = velocity_rate(&v, "b", 1, now_ms) * 86400 / 3;
	assert_true(rate > 0.9 && rate < 1.15);
	rate = velocity_rate(&v, "a", 1, now_ms + 7 * DAY_MS) * 3600; /* a week without any */
	assert_true(fabs(rate - exp(-1)) < 0.02);
	assert_false(velocity_sold(&v, "a", 1, 0, now_ms, now_ms));
	assert_false(velocity_sold(&v, "a", 1, -2, now_ms, now_ms));
	assert_false(velocity_sold(&v, "a", 1, NAN, now_ms, now_ms));
	assert_false(velocity_sold(&v, "", 0, 1, now_ms, now_ms));
	assert_true(velocity_sold(&v, "c", 1, 1, now_ms + 900 * DAY_MS, now_ms)); /* is now */
	assert_true(fabs(velocity_rate(&v, "c", 1, now_ms) * 7 * 86400 - 1) < 0.03);
	/* Years on, numbers are still numbers, and a few sales a day are that. */
	for (int d = 0; d < 6000; d++)
		assert_true(
		    velocity_sold(&v, "d", 1, 2, now_ms + d * DAY_MS, now_ms + d * DAY_MS));
	rate = velocity_rate(&v, "d", 1, now_ms + 5999 * DAY_MS) * 86400 / 2;
	assert_true(rate > 0.9 && rate < 1.1);
	assert_true(velocity_rate(&v, "a", 1, now_ms + 5999 * DAY_MS) < 1e-20);
	velocity_clear(&v);
}

static void
a_first_sale_is_no_rush(void **state)
{
	struct velocity v;

	(void)state;
	assert_int_equal(velocity_init(&v, 7 * DAY_MS), 0);
	assert_true(velocity_sold(&v, "a", 1, 1, 1000, 1000));
	assert_true(velocity_rate(&v, "a", 1, 1001) * 3600 < 1.01); /* one an hour at most */
	velocity_clear(&v);
}

static void
the_slower_half_makes_room(void **state)
{
	struct velocity v;
	char key[24];

	(void)state;
	assert_int_equal(velocity_init(&v, 7 * DAY_MS), 0);
	for (int i = 0; i < VELOCITY_KEYS_MAX; i++) {
		int n = snprintf(key, sizeof(key), "K-%d", i);

		assert_true(velocity_sold(&v, key, (size_t)n, 1 + i % 1000, 1000, 1000));
	}
	assert_true(velocity_sold(&v, "new", 3, 1, 1000, 1000));
	assert_true(velocity_keys(&v) <= VELOCITY_KEYS_MAX / 2 + 2);
	assert_true(velocity_rate(&v, "new", 3, 1000) > 0);
	assert_true(velocity_rate(&v, "K-999", 5, 1000) > 0);
	assert_true(velocity_rate(&v, "K-1000", 6, 1000) == 0);
	assert_true(v.n_forgotten > 0);
	velocity_clear(&v);
}

static void
sales_are_kept_over_a_restart(void **state)
{
	static char blob[VELOCITY_SHARDS][VELOCITY_SHARD_BYTES], bad[VELOCITY_SHARD_BYTES];
	struct velocity v, w;
	size_t len[VELOCITY_SHARDS], small, total = 0;
	char key[24];

	(void)state;
	assert_int_equal(velocity_init(&v, 7 * DAY_MS), 0);
	assert_int_equal(velocity_init(&w, 7 * DAY_MS), 0);
	for (int i = 0; i < 5000; i++) {
		int n = snprintf(key, sizeof(key), "K-%d", i);

		assert_true(velocity_sold(&v, key, (size_t)n, 1 + i, 1000 + i, 1000 + i));
	}
	for (int i = VELOCITY_SHARDS - 1; i >= 0; i--) {
		len[i] = velocity_save(&v, (uint8_t)i, blob[i], sizeof(blob[i]));
		total += len[i];
		assert_int_equal(velocity_restore(&w, blob[i], len[i]), 0);
	}
	assert_true(total < 5000 * 14);
	assert_int_equal(velocity_keys(&w), 5000);
	for (int i = 0; i < 5000; i += 7) {
		int n = snprintf(key, sizeof(key), "K-%d", i);
		double was = velocity_rate(&v, key, (size_t)n, 9999),
		       is = velocity_rate(&w, key, (size_t)n, 9999);

		assert_true(fabs(is / was - 1) < 1e-6);
	}
	/* Where not all fit, the fastest are there. */
	small = velocity_save(&v, v.at[4999].shard, bad, 200);
	velocity_clear(&w);
	assert_int_equal(velocity_init(&w, 7 * DAY_MS), 0);
	assert_int_equal(velocity_restore(&w, bad, small), 0);
	assert_true(velocity_keys(&w) > 5 && velocity_keys(&w) < 20);
	assert_true(velocity_rate(&w, "K-4999", 6, 9999) > 0);
	/* What is cut off, or says what cannot be, is refused as a whole. */
	small = 200;
	for (size_t i = 0; i < small; i++)
		(void)velocity_restore(&w, bad, i);
	memcpy(bad, blob[0], len[0]);
	memset(bad + 26, 0xff, 4); /* NaN */
	assert_int_not_equal(velocity_restore(&w, bad, len[0]), 0);
	memcpy(bad, blob[0], len[0]);
	bad[0] = 9;
	assert_int_not_equal(velocity_restore(&w, bad, len[0]), 0);
	assert_int_not_equal(velocity_restore(&w, blob[0], len[0] - 1), 0);
	velocity_clear(&v);
	velocity_clear(&w);
}

static void
lags_are_those_of_the_last_hours(void **state)
{
	struct lags l = {0};
	int64_t now_ms = 1000000000, p95;

	(void)state;
	for (int i = 0; i < LAGS_MIN - 1; i++)
		lags_add(&l, 5000, now_ms);
	assert_int_equal(lags_p95_ms(&l, now_ms), -1);
	lags_add(&l, 5000, now_ms);
	p95 = lags_p95_ms(&l, now_ms);
	assert_true(p95 >= 5000 && p95 < 6000);
	for (int i = 0; i < 3; i++)
		lags_add(&l, 100000, now_ms);
	p95 = lags_p95_ms(&l, now_ms); /* 3 of 23 are more than a twentieth */
	assert_true(p95 >= 100000 && p95 < 120000);
	now_ms += LAGS_HALF_MS;
	for (int i = 0; i < 100; i++)
		lags_add(&l, 10, now_ms);
	p95 = lags_p95_ms(&l, now_ms);
	assert_true(p95 >= 5000 && p95 < 6000);
	now_ms += LAGS_HALF_MS;
	p95 = lags_p95_ms(&l, now_ms); /* the first ones are past */
	assert_true(p95 >= 10 && p95 < 12);
	assert_int_equal(lags_p95_ms(&l, now_ms + 3 * (int64_t)LAGS_HALF_MS), -1);
	lags_add(&l, INT64_MAX, now_ms);
	lags_add(&l, -5, now_ms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lag_is_from_the_write_to_the_answer),
	    cmocka_unit_test(who_is_late_is_told),
	    cmocka_unit_test(what_is_pending_is_not_written_over),
	    cmocka_unit_test(an_overtaken_value_counts_with_the_later),
	    cmocka_unit_test(what_was_not_written_is_nobodys_lag),
	    cmocka_unit_test(the_next_value_is_one_that_nobody_shows),
	    cmocka_unit_test(somebody_else_who_writes_is_seen),
	    cmocka_unit_test(words_make_the_values_toggle),
	    cmocka_unit_test(state_comes_back_or_is_refused),
	    cmocka_unit_test(what_changes_most_is_known),
	    cmocka_unit_test(young_differences_of_tracers_are_asked),
	    cmocka_unit_test(excess_is_its_exact_sum),
	    cmocka_unit_test(rates_are_those_of_the_sales),
	    cmocka_unit_test(a_first_sale_is_no_rush),
	    cmocka_unit_test(the_slower_half_makes_room),
	    cmocka_unit_test(sales_are_kept_over_a_restart),
	    cmocka_unit_test(lags_are_those_of_the_last_hours),
	};

	rules.decimal = '.';
	return cmocka_run_group_tests(tests, NULL, NULL);
}
