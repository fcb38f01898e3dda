/*
 * test-inventory.c - cells, rows, differences: the comparer without a host. The clock is a number
 * that the test hands on.
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

#include "plugins/inventory/compare-open.h"
#include "plugins/inventory/mapping.h"

#define AMOUNT(x) ((int64_t)((x) * VALUE_SCALE))

/* ---- values ---- */

static struct value_rules rules; /* of a system that writes as we do */

static void
values_are_read(void **state)
{
	static const struct { const char *text; double amount; } good[] = {{"12", 12},
	    {"12.99", 12.99}, {" 12.99 EUR", 12.99}, {"EUR 12.99", 12.99},
	    {"12,99 \xe2\x82\xac", 12.99},
	    {"\xe2\x82\xac" "12.99", 12.99}, {"$1,299.50", 1299.5}, {"1,299", 1299}, {"9,5", 9.5},
	    {"-3", -3}, {"+4", 4}, {"0", 0}, {"0.00005", 0.0001}, {"1 299", 1299},
	    {"1'299.00", 1299}, {"007", 7}};
	static const char *const bad[] = {"12.3.4", "1.299,00", "12 pieces", "1e9", "0x10", "NaN",
	    "99999999999999999999", "12;", "Auf Lager"};
	int64_t cell;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct tw_value v = {.type = TW_FIELD_TEXT, .len = (uint32_t)strlen(good[i].text),
		    .as.text = good[i].text};
		const char *why = value_read(&rules, &v, &cell);

		if (why != NULL || cell != llround(good[i].amount * VALUE_SCALE))
			fail_msg("%s: %s, %g", good[i].text, why, (double)cell / VALUE_SCALE);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tw_value v = {.type = TW_FIELD_TEXT, .len = (uint32_t)strlen(bad[i]),
		    .as.text = bad[i]};

		if (value_read(&rules, &v, &cell) == NULL)
			fail_msg("%s is %g", bad[i], (double)cell / VALUE_SCALE);
	}
}

static void
values_are_made_alike(void **state)
{
	struct value_rules cents = {.is_cents = true, .decimal = '.'},
			   net = {.tax = 0.19, .decimal = ','}, euro = {.currency = "EUR"};
	struct tw_value whole = {.type = TW_FIELD_INT, .as.integer = 1299},
			german = {.type = TW_FIELD_TEXT, .len = 8, .as.text = "1.000,00"},
			dollars = {.type = TW_FIELD_TEXT, .len = 5, .as.text = "9 USD"},
			nan = {.type = TW_FIELD_REAL, .as.real = 0.0 / 0.0},
			none = {.type = TW_FIELD_NONE}, empty = {.type = TW_FIELD_TEXT};
	int64_t cell;

	(void)state;
	assert_null(value_read(&cents, &whole, &cell));
	assert_int_equal(cell, AMOUNT(12.99));
	assert_null(value_read(&net, &german, &cell));
	assert_int_equal(cell, AMOUNT(1190));
	assert_string_equal(value_read(&euro, &dollars, &cell), "is of another currency");
	assert_string_equal(value_read(&euro, &nan, &cell), "is too large");
	assert_null(value_read(&euro, &none, &cell));
	assert_int_equal(cell, CELL_NULL);
	assert_null(value_read(&euro, &empty, &cell));
	assert_int_equal(cell, CELL_NULL);
}

static void
words_stand_for_amounts(void **state)
{
	static const char *const some[] = {"in stock", "IN_STOCK", "https://schema.org/InStock",
	    "http://schema.org/LimitedAvailability", "low-stock"};
	struct value_rules r = {0};
	struct range got;
	int64_t cell;

	(void)state;
	value_default_words(&r);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct tw_value v = {.type = TW_FIELD_TEXT, .len = (uint32_t)strlen(some[i]),
		    .as.text = some[i]};

		assert_null(value_read(&r, &v, &cell));
		got = value_range(&r, cell);
		assert_int_equal(got.low, AMOUNT(1));
		assert_int_equal(got.high, VALUE_MAX);
	}
	assert_int_equal(value_add_word(&r, "IN STOCK", "6+"), 0); /* the user's own goes before */
	assert_int_equal(value_add_word(&r, "low_stock", "1-5"), 0);
	assert_int_not_equal(value_add_word(&r, "x", "many"), 0);
	assert_int_not_equal(value_add_word(&r, "x", "5-1"), 0);
	assert_int_not_equal(value_add_word(&r, "-", "1"), 0);
	got = value_range(&r, cell);
	assert_int_equal(got.low, AMOUNT(1));
	assert_int_equal(got.high, AMOUNT(5));
}

/* ---- rows ---- */

static void
rows_are_found_again(void **state)
{
	struct table *t = table_new(2, 1);
	char key[32];

	(void)state;
	assert_non_null(t);
	for (uint32_t i = 0; i < 50000; i++) {
		snprintf(key, sizeof(key), "SKU-%u", i * 7);
		assert_int_equal(table_add(t, key, strlen(key)), i);
		assert_true(table_put(t, 1, i, i));
	}
	assert_int_equal(table_rows(t), 50000);
	for (uint32_t i = 0; i < 50000; i++) {
		snprintf(key, sizeof(key), "SKU-%u", i * 7);
		assert_int_equal(table_find(t, key, strlen(key)), i);
		assert_int_equal(table_add(t, key, strlen(key)), i);
		assert_string_equal(table_key(t, i), key);
		assert_true(table_cell(t, 0, i) == CELL_ABSENT);
		assert_int_equal(table_cell(t, 1, i), i);
	}
	assert_int_equal(table_find(t, "SKU-", 4), ROW_NONE);
	assert_int_equal(table_find(t, "SKU-70", 5), table_find(t, "SKU-7", 5));
	table_free(t);
}

/* ---- differences ---- */

enum { WMS, SHOP };
static int64_t lag_ms;

static void
note_lag(void *arg, const struct rule *rule, int64_t ms)
{
	(void)arg;
	(void)rule;
	lag_ms = ms;
}

/* Two systems, one quantity; 10 s of grace. */
static struct comparer *
two_systems(void)
{
	struct comparer *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->sides[WMS].name = "wms";
	c->sides[SHOP].name = "shop";
	c->n_sides = c->n_columns = 2;
	c->side_of[1] = SHOP;
	c->rules[0] = (struct rule){.field = "available", .system = "shop", .source = SHOP,
	    .column = 1, .reference_rules = &rules, .rules = &rules, .is_quantity = true,
	    .counts_keys = true, .grace_ms = 10000};
	c->n_rules = 1;
	c->on_lag = note_lag;
	assert_int_equal(compare_init(c), 0);
	return c;
}

static void
drop(struct comparer *c)
{
	compare_clear(c);
	free(c);
}

/* "a=5 b=0 c!": what a side says, c is gone, as a batch of these flags. */
static void
says(struct comparer *c, unsigned side, uint32_t flags, int64_t at_ms, const char *what)
{
	char text[256], *word, *rest = text;

	snprintf(text, sizeof(text), "%s", what);
	compare_batch(c, side, flags, at_ms);
	while ((word = strsep(&rest, " ")) != NULL) {
		char *value = strchr(word, '=');
		int64_t cell = value != NULL ? AMOUNT(atof(value + 1)) : 0;

		if (strlen(word) > 1 && word[1] == '!')
			assert_true(compare_gone(c, side, word, 1));
		else if (value != NULL)
			assert_true(
			    compare_record(c, side, word, (size_t)(value - word), &cell, 0));
	}
	compare_batch_end(c, side, flags);
}
#define SCAN (TW_BATCH_SCAN | TW_BATCH_FIRST | TW_BATCH_LAST)
#define KEYS (TW_BATCH_KEYS | TW_BATCH_FIRST | TW_BATCH_LAST | TW_BATCH_ASKED)
#define SAMPLE TW_BATCH_SAMPLE

static struct totals
now_is(struct comparer *c, int64_t at_ms)
{
	struct totals t[RULES_MAX];

	assert_int_equal(compare_totals(c, at_ms, t), 0);
	return t[0];
}

/* Both sides are read again, as a run of the plugin does; what they then say. */
static size_t
again(struct comparer *c, int64_t at_ms, const char *wms, const char *shop)
{
	uint32_t sample = c->sides[SHOP].is_sampled ? SAMPLE : 0;
	size_t n = compare_ask(c, at_ms, 100, 1000);

	if (n == 0)
		return 0;
	compare_ask_side(c, WMS);
	if (wms != NULL)
		says(c, WMS, KEYS, at_ms, wms);
	compare_asked_side(c, WMS);
	compare_ask_side(c, SHOP);
	if (shop != NULL)
		says(c, SHOP, KEYS | sample, at_ms, shop);
	compare_asked_side(c, SHOP);
	compare_confirm(c, at_ms);
	return n;
}

static void
nothing_is_said_before_both_are_whole(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=5 b=7 c=0");
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_FIRST, 1000, "a=5");
	assert_int_equal(now_is(c, 100000).n_compared, 0);
	assert_int_equal(again(c, 100000, NULL, NULL), 0);
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_LAST, 2000, "b=7");
	assert_int_equal(now_is(c, 2000).n_compared, 3); /* c is sold out: it may be left out */
	assert_int_equal(now_is(c, 2000).n_same, 3);
	assert_int_equal(c->n_open, 0);
	drop(c);
}

static void
drift_is_confirmed_when_it_is_old(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=5 b=7");
	says(c, SHOP, SCAN, 1000, "a=5 b=7");
	says(c, SHOP, 0, 3000, "a=9");
	assert_int_equal(now_is(c, 3000).n_open, 1);
	assert_int_equal(again(c, 12000, "a=5", "a=9"), 0); /* younger than grace: nobody asks */
	assert_int_equal(again(c, 13000, "a=5", NULL), 1);  /* one side gave no answer */
	assert_int_equal(now_is(c, 13000).n_drift, 0);
	assert_int_equal(again(c, 14000, "a=5", "a=9"), 1);
	assert_int_equal(now_is(c, 14000).n_drift, 1);
	assert_true(now_is(c, 14000).units == 4);
	assert_int_equal(now_is(c, 14000).age_ms[2], 11000);
	assert_int_equal(again(c, 20000, "a=5", "a=5"), 1); /* it was repaired */
	assert_int_equal(now_is(c, 20000).n_drift, 0);
	assert_int_equal(c->n_open, 0);
	drop(c);
}

/* The shop is always three seconds behind, and the stock moves each second: no drift, ever. */
static void
a_system_that_follows_is_no_drift(void **state)
{
	struct comparer *c = two_systems();
	char text[32], behind[32];

	(void)state;
	says(c, WMS, SCAN, 1000, "a=1000");
	says(c, SHOP, SCAN, 1000, "a=1000");
	for (int64_t s = 2; s < 400; s++) {
		snprintf(text, sizeof(text), "a=%d", 1000 - (int)s);
		snprintf(behind, sizeof(behind), "a=%d", s < 5 ? 1000 : 1003 - (int)s);
		says(c, WMS, 0, s * 1000, text);
		says(c, SHOP, 0, s * 1000 + 500, behind);
		(void)again(c, s * 1000 + 600, text, behind);
		assert_int_equal(now_is(c, s * 1000 + 700).n_drift, 0);
	}
	assert_int_equal(c->n_open, 1);
	drop(c);
}

static void
a_system_that_stands_still_is(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=10");
	says(c, SHOP, SCAN, 1000, "a=10");
	says(c, WMS, 0, 5000, "a=9");
	says(c, WMS, 0, 8000, "a=8");
	assert_int_equal(again(c, 14000, "a=8", "a=10"), 0);
	assert_int_equal(again(c, 15000, "a=8", "a=10"), 1);
	assert_int_equal(now_is(c, 15000).n_drift, 1);
	says(c, SHOP, 0, 16000, "a=9"); /* it moves: now it is as far as the warehouse was at 8 s */
	assert_int_equal(now_is(c, 16000).n_drift, 0);
	assert_int_equal(again(c, 17000, "a=8", "a=9"), 0);
	lag_ms = 0;
	says(c, SHOP, 0, 17500, "a=8");
	assert_int_equal(c->n_open, 0);
	assert_int_equal(lag_ms, 9500); /* since 8 s */
	drop(c);
}

/* The lag is told as its upper bound: from the reading before the one that saw the change. */
static void
lag_is_an_upper_bound(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=10");
	says(c, SHOP, SCAN, 1000, "a=10");
	says(c, WMS, 0, 4000, "b=0");
	says(c, WMS, 0, 6000, "a=9"); /* it changed after 4 s */
	lag_ms = 0;
	says(c, SHOP, 0, 9000, "a=9");
	assert_int_equal(lag_ms, 5000);
	drop(c);
}

static void
keys_are_missing_after_a_whole_scan(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=5 b=7 c=1");
	says(c, SHOP, SCAN, 1000, "a=5 b=7 d=2");
	assert_int_equal(now_is(c, 1000).n_open, 2); /* c is missing, d is nobody's */
	assert_int_equal(again(c, 20000, "c=1", ""), 2);
	assert_int_equal(now_is(c, 20000).n_missing, 1);
	assert_int_equal(now_is(c, 20000).n_ghost, 0); /* d is gone: it was read again */
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_FIRST, 21000, "a=5");
	assert_int_equal(now_is(c, 50000).n_missing, 1); /* a scan that breaks off says nothing */
	says(c, SHOP, SCAN, 22000, "a=5 c=1");
	assert_int_equal(now_is(c, 22000).n_missing, 0);
	assert_int_equal(again(c, 40000, "b=7", ""), 1);
	assert_int_equal(now_is(c, 40000).n_missing, 1); /* now it is b */
	drop(c);
}

/* The shop's pages: some of many. */
static void
a_sample_makes_nothing_missing(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, SHOP, SAMPLE, 1000, "");
	assert_true(compare_is_known(&c->sides[SHOP]));
	says(c, SHOP, SAMPLE, 1100, "a=5 b=1");
	assert_int_equal(now_is(c, 1200).n_compared, 0); /* the warehouse is not known yet */
	says(c, WMS, SCAN, 2000, "a=5 b=7 c=1 d=9");
	assert_int_equal(now_is(c, 2000).n_compared, 2);
	assert_int_equal(now_is(c, 2000).n_same, 1);
	assert_int_equal(again(c, 20000, "b=7", ""), 1);
	assert_int_equal(now_is(c, 20000).n_drift, 0);   /* b was not seen again */
	assert_int_equal(now_is(c, 20000).n_open, 1);
	assert_int_equal(again(c, 30000, "b=7", "b=1"), 1);
	assert_int_equal(now_is(c, 30000).n_drift, 1);
	assert_int_equal(now_is(c, 30000).n_missing, 0);
	assert_int_equal(now_is(c, 30000).n_compared, 2);
	says(c, WMS, SCAN, 31000, "a=4 b=1 c=1 d=9");    /* the reference moves */
	lag_ms = -1;
	says(c, SHOP, SAMPLE, 90000, "a=4");
	assert_int_equal(lag_ms, -1);                    /* too seldom seen to tell a lag */
	assert_int_equal(c->n_open, 0);
	says(c, SHOP, SAMPLE, 91000, "z=3");
	assert_int_equal(now_is(c, 91000).n_open, 1);    /* a ghost: the reference is whole */
	drop(c);
}

/* A page that is gone was looked at: its key is missing, before the key was seen too. */
static void
a_sample_says_what_is_gone(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=5 b=7 c=0");
	says(c, SHOP, SAMPLE, 2000, "a=5 b! c! x!");
	assert_int_equal(now_is(c, 2000).n_compared, 3); /* c is sold out, x is nobody's */
	assert_int_equal(c->n_open, 1);
	assert_int_equal(again(c, 20000, "b=7", ""), 1);
	assert_int_equal(now_is(c, 20000).n_missing, 0);
	assert_int_equal(again(c, 21000, "b=7", "b!"), 1);
	assert_int_equal(now_is(c, 21000).n_missing, 1);
	says(c, SHOP, SAMPLE, 22000, "b=7");
	assert_int_equal(c->n_open, 0);
	drop(c);
}

/* Those that were not answered wait behind those that were not asked yet. */
static void
a_sample_is_asked_in_turn(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=1 b=1 c=1");
	says(c, SHOP, SAMPLE, 1000, "a=2 b=2 c=2");
	for (int i = 0; i < 3; i++) {
		static const char *const shows[] = {"a=2", "b=2", "c=2"};

		assert_int_equal(compare_ask(c, 20000 + i, 1, 1000), 1);
		assert_int_equal(*table_key(c->table, c->asked[0]), "abc"[i]);
		compare_ask_side(c, SHOP);
		says(c, SHOP, (KEYS | SAMPLE) & ~TW_BATCH_LAST, 20000 + i, i == 1 ? shows[i] : "");
		compare_asked_side(c, SHOP);
		compare_ask_side(c, WMS);
		says(c, WMS, KEYS, 20000 + i, "a=1 b=1 c=1");
		compare_asked_side(c, WMS);
		compare_confirm(c, 20000 + i);
		assert_int_equal(now_is(c, 20000 + i).n_drift, i > 0);
	}
	drop(c);
}

static void
currencies_are_the_same_or_not(void **state)
{
	struct value_rules r = {0};
	struct tw_value euro = {.type = TW_FIELD_TEXT, .len = 3, .as.text = "EUR"},
			dollar = {.type = TW_FIELD_TEXT, .len = 3, .as.text = "USD"},
			no = {.type = TW_FIELD_TEXT, .len = 3, .as.text = "eur"};
	char text[VALUE_TEXT];
	int64_t a, b;

	(void)state;
	value_default_words(&r);
	assert_null(value_read(&r, &euro, &a));
	assert_null(value_read(&r, &dollar, &b));
	assert_non_null(value_read(&r, &no, &b));
	assert_string_equal(value_text(&r, a, text), "EUR");
	assert_string_equal(value_text(&r, b, text), "USD");
	assert_false(value_is_amount(a));
	assert_true(value_range(&r, a).low == value_range(&r, a).high);
	assert_true(value_range(&r, a).low != value_range(&r, b).low);
	assert_true(value_range(&r, a).low > VALUE_MAX && value_range(&r, b).low > VALUE_MAX);
}

static void
an_answer_to_others_is_none_to_us(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=5");
	says(c, SHOP, SCAN, 1000, "a=6 b=1");
	assert_int_equal(compare_ask(c, 20000, 100, 1000), 2);
	compare_ask_side(c, SHOP);
	says(c, SHOP, TW_BATCH_KEYS | TW_BATCH_FIRST | TW_BATCH_LAST, 20000, "x=1");
	compare_asked_side(c, SHOP);
	assert_int_equal(table_cell(c->table, 1, table_find(c->table, "a", 1)), AMOUNT(6));
	assert_false(c->sides[SHOP].is_answered);
	drop(c);
}

/* Keys are asked for while a scan is on its way that has shown them already. */
static void
a_scan_that_began_before_is_no_answer(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=5 b=1 c=1");
	says(c, SHOP, SCAN, 1000, "a=6 b=1 c=1");
	again(c, 20000, "a=5", "a=6");
	assert_int_equal(now_is(c, 20000).n_drift, 1);
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_FIRST, 30000, "a=6");
	assert_int_equal(compare_ask(c, 31000, 100, 1000), 1);
	compare_ask_side(c, WMS);
	says(c, WMS, KEYS, 31000, "a=5");
	compare_asked_side(c, WMS);
	compare_ask_side(c, SHOP);
	says(c, SHOP, TW_BATCH_SCAN, 31500, "b=1");
	/* The rest of it comes in the run that was to answer. */
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_LAST | TW_BATCH_ASKED, 32000, "c=1");
	compare_asked_side(c, SHOP);
	compare_confirm(c, 32000);
	assert_int_equal(table_cell(c->table, 1, table_find(c->table, "a", 1)), AMOUNT(6));
	assert_int_equal(now_is(c, 32000).n_missing, 0);
	assert_int_equal(now_is(c, 32000).n_drift, 1);
	/* One that began when it was asked for is. */
	assert_int_equal(compare_ask(c, 40000, 100, 1000), 1);
	compare_ask_side(c, SHOP);
	says(c, SHOP, SCAN | TW_BATCH_ASKED, 40000, "b=1 c=1");
	compare_asked_side(c, SHOP);
	assert_int_equal(table_cell(c->table, 1, table_find(c->table, "a", 1)), CELL_ABSENT);
	drop(c);
}

/* What a scan could not read may be what it seems to lack. */
static void
holes_make_nothing_missing(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=5 b=1 c=1 d=1");
	says(c, SHOP, SCAN, 1000, "a=5 b=1 c=1 d=1");
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_FIRST, 2000, "a=5 b=1 d=1");
	compare_holes(c, SHOP, 1);
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_LAST, 2000, "");
	assert_int_equal(table_cell(c->table, 1, table_find(c->table, "c", 1)), AMOUNT(1));
	assert_int_equal(c->n_open, 0);
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_FIRST, 3000, "a=5 b=1");
	compare_holes(c, SHOP, 1); /* two lack, and one could not be read */
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_LAST, 3000, "");
	assert_int_equal(c->n_open, 2);
	says(c, SHOP, SCAN, 4000, "a=5 b=1 c=1 d=1");
	assert_int_equal(c->n_open, 0);
	says(c, SHOP, SCAN, 5000, "a=5 b=1 d=1");
	assert_int_equal(c->n_open, 1);
	drop(c);
}

static void
twice_and_below_zero_are_counted(void **state)
{
	struct comparer *c = two_systems();

	(void)state;
	says(c, WMS, SCAN, 1000, "a=0 b=1");
	says(c, SHOP, SCAN, 1000, "a=-2 b=1 b=1");
	assert_int_equal(c->sides[SHOP].n_duplicates, 1);
	assert_int_equal(c->sides[SHOP].n_negative, 1);
	assert_int_equal(c->sides[SHOP].whole_rows, 2);
	assert_int_equal(c->n_open, 0); /* nothing to sell is nothing to sell */
	drop(c);
}

/* A scan of n keys, whose amounts are their numbers and `more`; every `left_out`th is not in it. */
static void
says_many(struct comparer *c, unsigned side, int64_t at_ms, int n, int more, int left_out)
{
	char key[32];

	compare_batch(c, side, SCAN, at_ms);
	for (int i = 1; i <= n; i++) {
		int64_t cell = AMOUNT(i + more);
		int len = snprintf(key, sizeof(key), "K%d", i);

		if (left_out == 0 || i % left_out != 0)
			assert_true(compare_record(c, side, key, (size_t)len, &cell, 0));
	}
	compare_batch_end(c, side, SCAN);
}

static void
many_keys_are_judged_in_pieces(void **state)
{
	enum { N = 3 * SETTLE_ROWS };
	struct comparer *c = two_systems();
	struct totals t;

	(void)state;
	says_many(c, WMS, 1000, N, 0, 0);
	says_many(c, SHOP, 1000, N, 0, 0);
	while (c->rules[0].judged == 0)
		assert_true(compare_settle(c, N / 4));
	assert_false(rule_is_known(&c->rules[0]));
	/* before its turn, behind it, not there yet */
	says(c, SHOP, 0, 2000, "K1=9 K6000=9 new=1");
	for (int i = 0; compare_settle(c, 1000); i++)
		assert_true(i < 20);
	assert_true(rule_is_known(&c->rules[0]));
	t = now_is(c, 2000);
	assert_int_equal(t.n_compared, N + 1);
	assert_int_equal(t.n_open, 3);
	assert_int_equal(c->n_open, 3);
	says_many(c, SHOP, 3000, N, 0, 10); /* a tenth is gone, and so is what was new */
	/* the next one begins */
	says(c, SHOP, TW_BATCH_SCAN | TW_BATCH_FIRST, 4000, "K6000=6000");
	while (compare_settle(c, 1000))
		;
	assert_int_equal(now_is(c, 4000).n_open, N / 10 - 1); /* K6000 came again meanwhile */
	assert_int_equal(c->n_open, N / 10 - 1);
	says_many(c, SHOP, 5000, N, 0, 0);
	while (compare_settle(c, 1000))
		;
	assert_int_equal(now_is(c, 5000).n_same, N);
	assert_int_equal(c->n_open, 0);
	drop(c);
}

/* Median, 95th percentile and maximum, whatever the order in which they were opened. */
static void
ages_are_of_the_confirmed(void **state)
{
	struct comparer *c = two_systems();
	struct totals t;
	char text[32];

	(void)state;
	says_many(c, WMS, 1000, 101, 0, 0);
	says_many(c, SHOP, 1000, 101, 0, 0);
	for (int i = 0; i < 101; i++) { /* 37 and 101 have nothing in common: all keys, mixed */
		snprintf(text, sizeof(text), "K%d=1000", i * 37 % 101 + 1);
		says(c, SHOP, 0, 2000 + i, text);
	}
	(void)compare_ask(c, 100000, 1000, 10000);
	assert_int_equal(c->n_asked, 101);
	assert_string_equal(table_key(c->table, c->asked[0]), "K1"); /* longest open first */
	assert_string_equal(table_key(c->table, c->asked[1]), "K38");
	for (unsigned side = WMS; side <= SHOP; side++) {
		compare_ask_side(c, side);
		compare_batch(c, side, KEYS, 100000);
		for (size_t i = 0; i < c->n_asked; i++) {
			const char *key = table_key(c->table, c->asked[i]);
			int64_t cell = AMOUNT(side == SHOP ? 1000 : atof(key + 1));

			snprintf(text, sizeof(text), "%s", key);
			assert_true(compare_record(c, side, text, strlen(text), &cell, 0));
		}
		compare_batch_end(c, side, KEYS);
		compare_asked_side(c, side);
	}
	compare_confirm(c, 100000);
	t = now_is(c, 100000);
	assert_int_equal(t.n_drift, 101);
	assert_int_equal(t.age_ms[0], 97950);
	assert_int_equal(t.age_ms[1], 97995);
	assert_int_equal(t.age_ms[2], 98000);
	drop(c);
}

static void
large_amounts_make_room(void **state)
{
	static const double large[] = {1e6, -1e6, 214748, 214749, 9e13};
	struct table *t = table_new(2, 2);

	(void)state;
	assert_int_equal(table_add(t, "a", 1), 0);
	assert_true(table_put(t, 0, 0, CELL_WORD + 3));
	assert_true(table_put(t, 1, 0, AMOUNT(-5)));
	*table_mark(t, 1, 0) = 7;
	for (uint32_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		assert_int_equal(table_add(t, &"bcdef"[i], 1), i + 1);
		assert_true(table_put(t, 0, i + 1, AMOUNT(large[i])));
		assert_true(table_cell(t, 0, i + 1) == AMOUNT(large[i]));
	}
	assert_true(table_cell(t, 0, 0) == CELL_WORD + 3);
	assert_true(table_cell(t, 1, 0) == AMOUNT(-5));
	assert_true(table_cell(t, 1, 1) == CELL_ABSENT);
	assert_int_equal(*table_mark(t, 1, 0), 7);
	assert_int_equal(*table_mark(t, 0, 0), 0);
	assert_int_equal(table_find(t, "f", 1), 5);
	table_free(t);
}

/* ---- mappings ---- */

/* 50 keys: the shop has factor times and more than the warehouse, under keys that begin so. */
static void
mapped(double factor, double more, const char *prefix, bool is_price, const char *wanted)
{
	struct comparer *c = two_systems();
	char key[32], text[MAPPING_TEXT] = "";
	bool is_found;

	c->rules[0].is_quantity = !is_price;
	c->rules[0].field = is_price ? "price" : "available";
	for (int side = WMS; side <= SHOP; side++) {
		compare_batch(c, (unsigned)side, SCAN, 1000);
		for (int i = 0; i < 50; i++) {
			double v = 3 + 1.5 * i;
			int64_t cell = AMOUNT(side == WMS ? v : v * factor + more);
			int n = snprintf(
			    key, sizeof(key), "%s%d", side == WMS ? "" : prefix, 100 + i);

			assert_true(compare_record(c, (unsigned)side, key, (size_t)n, &cell, 0));
		}
		compare_batch_end(c, (unsigned)side, SCAN);
	}
	is_found = mapping_of_keys(c, 0, text) || mapping_of_values(c, 0, text);
	if (is_found != (wanted != NULL) || (wanted != NULL && strstr(text, wanted) == NULL))
		fail_msg("x%g %+g \"%s\": %s", factor, more, prefix, text);
	drop(c);
}

static void
wrong_mappings_are_named(void **state)
{
	(void)state;
	mapped(1, 0, "", true, NULL);
	mapped(100, 0, "", true, "100 % of price in shop differ by x100: cents?");
	mapped(0.01, 0, "", true, "differ by x0.01: cents in the reference?");
	mapped(1.2, 0, "", true, "differ by x1.2: tax?");
	mapped(1 / 1.19, 0, "", true, "differ by x0.8403: tax?");
	mapped(7.4604, 0, "", true, "another currency");
	mapped(1, -2, "", false, "differ by -2: kept back? (buffer)");
	mapped(1, 3, "", false, "differ by +3: stock that is reserved");
	mapped(1, 0, "SKU-", false, "keys of shop begin with \"SKU-\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(values_are_read),
	    cmocka_unit_test(values_are_made_alike), cmocka_unit_test(words_stand_for_amounts),
	    cmocka_unit_test(rows_are_found_again),
	    cmocka_unit_test(nothing_is_said_before_both_are_whole),
	    cmocka_unit_test(drift_is_confirmed_when_it_is_old),
	    cmocka_unit_test(a_system_that_follows_is_no_drift),
	    cmocka_unit_test(a_system_that_stands_still_is),
	    cmocka_unit_test(lag_is_an_upper_bound),
	    cmocka_unit_test(keys_are_missing_after_a_whole_scan),
	    cmocka_unit_test(a_sample_makes_nothing_missing),
	    cmocka_unit_test(a_sample_says_what_is_gone),
	    cmocka_unit_test(a_sample_is_asked_in_turn),
	    cmocka_unit_test(currencies_are_the_same_or_not),
	    cmocka_unit_test(an_answer_to_others_is_none_to_us),
	    cmocka_unit_test(a_scan_that_began_before_is_no_answer),
	    cmocka_unit_test(holes_make_nothing_missing),
	    cmocka_unit_test(twice_and_below_zero_are_counted),
	    cmocka_unit_test(many_keys_are_judged_in_pieces),
	    cmocka_unit_test(ages_are_of_the_confirmed), cmocka_unit_test(large_amounts_make_room),
	    cmocka_unit_test(wrong_mappings_are_named)};

	return cmocka_run_group_tests_name("inventory", tests, NULL, NULL);
}
