/*
 * test-sql-ranges.c - push-down: whatever a table goes through, between two rounds and between two
 * statements of one, who was handed its rows has them all, and few were sent. SEED=N repeats the
 * random test.
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include "tests/unit/sql-help.h"

#define KEYS 20000
#define QUERY "SELECT sku, qty FROM stock"
#define NONE INT64_MIN

struct bench {
	struct sql_shop shop;
	struct sql_query one;            /* for single keys */
	struct sql_db db;
	struct sql_reader *r;
	struct sql_ranges *ranges;
	struct tz *zone;
	int64_t table[KEYS], handed[KEYS]; /* what there is, and what who reads knows of it */
	bool seen[KEYS];
	uint64_t n_rows, n_scans;        /* handed on in the last round */
	bool is_whole;                   /* all of them were */
	void (*before_ask)(struct bench *); /* the shop goes on between two statements */
};
static struct bench *bench;

static int
asking(struct sql_db *db)
{
	if (bench->before_ask != NULL)
		bench->before_ask(bench);
	return sql_sqlite.ask(db);
}

static void
put(struct bench *t, int key, int64_t qty)
{
	if (qty == NONE)
		sql(&t->shop, "DELETE FROM stock WHERE sku = %d", key);
	else
		sql(&t->shop, "INSERT OR REPLACE INTO stock VALUES (%d, %lld)", key,
		    (long long)qty);
	t->table[key] = qty;
}

static void
on_batch(void *arg, const struct tw_batch *b, const struct tw_record *records, size_t n)
{
	struct bench *t = arg;
	bool is_scan = (b->flags & TW_BATCH_SCAN) && !(b->flags & TW_BATCH_UNCHANGED);

	t->n_rows += n;
	if (is_scan && (b->flags & TW_BATCH_FIRST))
		memset(t->seen, 0, sizeof(t->seen));
	for (size_t i = 0; i < n; i++) {
		int64_t key = records[i].values[0].as.integer;

		assert_in_range(key, 0, KEYS - 1);
		t->handed[key] = records[i].values[1].as.integer;
		t->seen[key] = true;
	}
	if (!(b->flags & TW_BATCH_LAST) || !(b->flags & TW_BATCH_SCAN))
		return;
	t->n_scans++;
	t->is_whole = is_scan;
	for (int i = 0; is_scan && i < KEYS; i++)
		if (!t->seen[i])
			t->handed[i] = NONE;
}

static void
on_reject(void *arg, const char *reason, const char *excerpt, size_t len)
{
	(void)arg;
	fail_msg("%s: %.*s", reason, (int)len, excerpt);
}

static int
setup(void **state)
{
	static struct sql_driver driver;
	static const char *const names[] = {"sku", "qty"};
	struct bench *t = bench = calloc(1, sizeof(*t));
	struct sql_around around = {.wrap = SQL_BY_KEY, .column = "sku"};
	char err[256], *head;

	assert_non_null(t);
	sql_shop_open(&t->shop);
	sql(&t->shop, "CREATE TABLE stock (sku INTEGER PRIMARY KEY, qty)");
	for (int i = 0; i < KEYS; i++)
		t->table[i] = t->handed[i] = NONE;
	assert_non_null(t->ranges = sql_ranges_new(SQL_SQLITE, QUERY, "sku"));
	assert_non_null(head = sql_ranges_keys_head(t->ranges));
	around.head = head;
	assert_int_equal(
	    sql_query_wrap(&t->one, SQL_SQLITE, QUERY, &around, err, sizeof(err)), 0);
	free(head);
	assert_non_null(t->r = calloc(1, sizeof(*t->r)));
	for (size_t i = 0; i < 2; i++)
		t->r->fields[t->r->n_fields++] =
		    (struct sql_field){.name = names[i], .column = names[i], .at = -1};
	assert_int_equal(tz_open(&t->zone, "UTC", NULL), 0);
	t->r->zone = t->zone;
	t->r->time.column = "time";
	t->r->id.column = "id";
	t->r->sink = (struct sql_sink){on_batch, on_reject, t};
	t->r->ranges = t->ranges;
	driver = sql_sqlite;
	driver.ask = asking;
	driver.row = breaking_row;
	t->db.driver = &driver;
	t->db.dsn = &t->shop.dsn;
	t->db.zone = "UTC";
	t->db.statement_us = 10000000;
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *t = *state;

	if (t->db.connection != NULL)
		t->db.driver->close(&t->db);
	sql_reader_clear(t->r);
	free(t->r);
	sql_ranges_free(t->ranges);
	sql_query_clear(&t->one);
	tz_free(t->zone);
	sql_shop_close(&t->shop);
	free(t);
	return 0;
}

static void
connect(struct bench *t)
{
	t->db.deadline = mono_add_us(mono_now(), 20000000);
	if (t->db.connection == NULL && t->db.driver->connect(&t->db) != 0)
		fail_msg("%s", t->db.err);
}

static int
round_of(struct bench *t, bool is_whole)
{
	connect(t);
	t->n_rows = t->n_scans = 0;
	sql_rows_start(t->r);
	return sql_ranges_run(t->ranges, t->r, &t->db, 1795486000000, is_whole);
}

static void
must_round(struct bench *t)
{
	if (round_of(t, false) != 0)
		fail_msg("%s", t->db.err);
	assert_int_equal(t->n_scans, 1); /* it ends once, whatever was read */
}

static void
read_key(struct bench *t, int key)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", key);
	for (int i = 0; i < SQL_KEYS_MAX; i++)
		t->db.keys[i] = text;
	connect(t);
	t->db.query = &t->one;
	assert_int_equal(sql_state_run(t->r, &t->db, 1795486000000,
			     TW_BATCH_KEYS | TW_BATCH_FIRST | TW_BATCH_LAST), 0);
}

static void
assert_same(const struct bench *t)
{
	for (int i = 0; i < KEYS; i++)
		if (t->table[i] != t->handed[i])
			fail_msg("key %d has %lld, and %lld was handed on last", i,
			    (long long)t->table[i], (long long)t->handed[i]);
}

static void
fill(struct bench *t, int n)
{
	sql(&t->shop, "BEGIN");
	for (int i = 0; i < n; i++)
		put(t, i, i % 40);
	sql(&t->shop, "COMMIT");
	must_round(t);
	assert_true(t->is_whole);
	assert_same(t);
}

static void
only_what_has_changed_is_sent(void **state)
{
	struct bench *t = *state;
	struct sql_ranges_told told;

	fill(t, KEYS);
	must_round(t);
	assert_int_equal(t->n_rows, 0);
	for (int i = 0; i < 10; i++)
		put(t, i * 1777, 100 + i);
	must_round(t);
	told = sql_ranges_told(t->ranges);
	assert_false(t->is_whole);
	assert_in_range(told.n_read, 5, 10);
	assert_in_range(t->n_rows, 10, 10 * 256 * 2);
	assert_same(t);
	must_round(t);
	assert_int_equal(t->n_rows, 0);
}

static void
what_cancels_out_is_seen(void **state)
{
	struct bench *t = *state;
	int64_t a, b;

	fill(t, 60); /* about one in a range, so that some two share one */
	for (int i = 0; i < 59; i++) {
		a = t->table[i];
		b = t->table[i + 1];
		put(t, i, b);
		put(t, i + 1, a);
		must_round(t);
		assert_same(t);
	}
}

static void
keys_that_come_and_go_are_seen(void **state)
{
	struct bench *t = *state;

	fill(t, 5000);
	put(t, 4000, NONE);
	must_round(t);
	assert_true(t->is_whole);
	assert_same(t);
	put(t, 4000, 7);
	put(t, 9000, 7);
	must_round(t);
	assert_same(t);
	sql(&t->shop, "DELETE FROM stock");
	for (int i = 0; i < KEYS; i++)
		t->table[i] = NONE;
	must_round(t);
	assert_same(t);
	must_round(t);
	assert_int_equal(t->n_rows, 0);
}

static void
a_key_in_another_ones_place_is_seen(void **state)
{
	struct bench *t = *state;

	fill(t, 60);
	for (int i = 0; i < 400; i++) { /* some fall into the range of the one that goes */
		put(t, i, NONE);
		put(t, i + 60, i % 40);
		must_round(t);
		assert_same(t);
	}
}

/* The sums are asked for first: what changes behind them is of the next round. */
static int n_asked;
static void
change_between(struct bench *t)
{
	if (++n_asked == 2)
		put(t, 20, 555);
}

static void
back_between(struct bench *t)
{
	if (++n_asked == 2)
		put(t, 10, 999); /* it is read so, beside a range that is read anyway */
}

static void
gone_between(struct bench *t)
{
	if (++n_asked == 2)
		put(t, 10, NONE); /* its range is read, and does not say so */
}

static void
what_changes_while_it_is_read_is_seen(void **state)
{
	struct bench *t = *state;

	fill(t, 5000);
	n_asked = 0;
	put(t, 10, 100);
	t->before_ask = change_between;
	must_round(t);
	t->before_ask = NULL;
	must_round(t);
	assert_same(t);
	n_asked = 0;
	put(t, 10, 101);
	t->before_ask = back_between;
	must_round(t);
	assert_int_equal(t->handed[10], 999);
	t->before_ask = NULL;
	put(t, 10, 101); /* as the sums said it, and nobody was handed it */
	must_round(t);
	assert_same(t);
	n_asked = 0;
	put(t, 10, 102);
	t->before_ask = gone_between;
	must_round(t);
	t->before_ask = NULL;
	assert_same(t);
}

static void
keys_that_were_read_alone_are_read_again(void **state)
{
	struct bench *t = *state;

	fill(t, 5000);
	put(t, 10, 100);
	read_key(t, 10);
	assert_int_equal(t->handed[10], 100);
	put(t, 10, 10 % 40); /* back: the sums are what they were */
	must_round(t);
	assert_false(t->is_whole);
	assert_same(t);
	must_round(t);
	assert_int_equal(t->n_rows, 0);
}

static void
what_breaks_off_is_read_anew(void **state)
{
	struct bench *t = *state;

	fill(t, 5000);
	for (int i = 0; i < 100; i++)
		put(t, i * 50, 100);
	breaks_after = 100; /* in the middle of the rows: the sums are 64 */
	assert_int_not_equal(round_of(t, false), 0);
	breaks_after = 200;
	assert_int_not_equal(round_of(t, false), 0);
	breaks_after = -1;
	must_round(t);
	assert_same(t);
	breaks_after = 1000;
	assert_int_not_equal(round_of(t, true), 0);
	breaks_after = -1;
	put(t, 1, 3);
	must_round(t);
	assert_true(t->is_whole);
	assert_same(t);
}

/* ---- anything ---- */

static int
upto(int n)
{
	return (int)(random() % n);
}

static void
anything(struct bench *t)
{
	int key = upto(3000), other = upto(3000);
	int64_t was = t->table[key];

	switch (upto(12)) {
	case 0:
		if (upto(4) == 0)
			put(t, key, was == NONE ? upto(1 << 20) : NONE);
		break;
	case 1:
		if (was == NONE || t->table[other] == NONE)
			break;
		put(t, key, t->table[other]);
		put(t, other, was);
		break;
	case 2:
		if (was != NONE)
			read_key(t, key);
		break;
	case 3:
		if (was == NONE)
			break;
		put(t, key, was + 1);
		read_key(t, key);
		put(t, key, was);
		break;
	case 4: /* a clearance */
		for (int i = 0; upto(10) == 0 && i < 3000; i++)
			if (t->table[i] != NONE && upto(3) == 0)
				put(t, i, 0);
		break;
	default:
		if (was != NONE)
			put(t, key, was + upto(3) - 1);
	}
}

static void
anything_between(struct bench *t)
{
	void (*mine)(struct bench *) = t->before_ask;
	int key = upto(3000);

	t->before_ask = NULL; /* the shop writes; nobody reads keys meanwhile */
	if (upto(3) == 0 && t->table[key] != NONE)
		put(t, key, t->table[key] + upto(2));
	else if (upto(20) == 0)
		put(t, key, t->table[key] == NONE ? upto(1 << 20) : NONE);
	t->before_ask = mine;
}

static void
whatever_happens_all_is_known(void **state)
{
	struct bench *t = *state;
	unsigned seed = getenv("SEED") != NULL ? (unsigned)strtoul(getenv("SEED"), NULL, 10)
					       : 4711;
	uint64_t n_parts = 0;

	print_message("SEED=%u\n", seed);
	srandom(seed);
	fill(t, 2500);
	for (int round = 0; round < 300; round++) {
		for (int n = upto(6); n > 0; n--)
			anything(t);
		t->before_ask = anything_between;
		if (upto(20) == 0)
			breaks_after = upto(2000);
		n_parts += round_of(t, upto(50) == 0) == 0 && !t->is_whole && t->n_rows > 0;
		breaks_after = -1;
		t->before_ask = NULL;
		if (upto(3) > 0)
			continue;
		must_round(t);
		must_round(t);
		assert_same(t);
	}
	assert_true(n_parts > 10); /* or it was no test of ranges */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(only_what_has_changed_is_sent),
	    T(what_cancels_out_is_seen),
	    T(keys_that_come_and_go_are_seen),
	    T(a_key_in_another_ones_place_is_seen),
	    T(what_changes_while_it_is_read_is_seen),
	    T(keys_that_were_read_alone_are_read_again),
	    T(what_breaks_off_is_read_anew),
	    T(whatever_happens_all_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
