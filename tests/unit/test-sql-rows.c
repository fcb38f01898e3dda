/*
 * test-sql-rows.c - rows of a database of SQLite become records: each once, whatever comes late,
 * is changed or is cut, and wherever the process dies. What one run gives is judged together with
 * the position that was kept with it, as the host keeps both. SEED=N repeats a random test.
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
#include <unistd.h>

#include <cmocka.h>
#include "tests/unit/sql-help.h"

#define EVENTS 60000
#define T0 1795486000000LL

struct bench {
	struct sql_shop shop;
	struct sql_query query;
	struct sql_db db;
	struct sql_reader *r;
	struct tz *zone;
	/* what outlives a process */
	unsigned char position[SQL_SEEN_BYTES];
	size_t n_position;
	uint8_t taken[EVENTS];           /* by the number in column v */
	uint64_t n_taken, n_rejects, n_batches;
	int64_t complete_ms;
	char reason[256], excerpt[256];
	struct tw_record last;
	struct tw_value values[SQL_FIELDS_MAX];
	char text[256];                  /* of the last record's first text */
	int dies_after;                  /* batches; -1 = it lives */
};

static struct sql_driver breaking;

static void
on_batch(void *arg, const struct tw_batch *b, const struct tw_record *records, size_t n)
{
	struct bench *t = arg;

	if (t->dies_after == 0)
		return;
	t->dies_after -= t->dies_after > 0;
	t->n_position = sql_seen_save(&t->r->seen, t->position);
	t->n_batches++;
	t->n_taken += n;
	assert_true(b->complete_ms <= b->read_ms);
	t->complete_ms = b->complete_ms;
	for (size_t i = 0; i < n; i++) {
		t->last = records[i];
		memcpy(t->values, records[i].values, t->r->n_fields * sizeof(t->values[0]));
		for (uint32_t k = 0; k < t->r->n_fields; k++)
			if (t->values[k].type == TW_FIELD_TEXT)
				snprintf(t->text, sizeof(t->text), "%.*s", (int)t->values[k].len,
				    t->values[k].as.text);
		if (t->values[0].type == TW_FIELD_INT && t->values[0].as.integer < EVENTS)
			t->taken[t->values[0].as.integer]++;
	}
}

static void
on_reject(void *arg, const char *reason, const char *excerpt, size_t len)
{
	struct bench *t = arg;

	t->n_rejects++;
	snprintf(t->reason, sizeof(t->reason), "%s", reason);
	snprintf(t->excerpt, sizeof(t->excerpt), "%.*s", (int)len, excerpt);
}

static void
end_process(struct bench *t)
{
	if (t->db.connection != NULL)
		t->db.driver->close(&t->db);
	if (t->r != NULL)
		sql_reader_clear(t->r);
	free(t->r);
	t->r = NULL;
}

static void
start_process(struct bench *t)
{
	static const char *const names[] = {"v", "email", "sku", "value", "word"};
	struct sql_reader *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		r->fields[r->n_fields++] = (struct sql_field){.name = names[i], .column = names[i],
		    .is_email = i == 1, .is_sku = i == 2, .is_cents = i == 3, .at = -1};
	r->time = (struct sql_field){.name = "time", .column = "time"};
	r->id = (struct sql_field){.name = "id", .column = "id"};
	r->zone = t->zone;
	r->lateness_ms = 1000;
	r->overlap_ms = 60000;
	r->max_rows = 100000;
	r->stretch = 1;
	r->email = "synthetic+*@shop.example";
	r->sku = "CANARY-*";
	r->first_start_ms = T0;
	r->sink = (struct sql_sink){on_batch, on_reject, t};
	t->r = r;
	t->dies_after = -1;
	if (t->n_position == 0)
		sql_seen_init(&r->seen, T0 - 86400000);
	else
		assert_true(sql_seen_load(&r->seen, t->position, t->n_position));
}

static void
set_query(struct bench *t, const char *text)
{
	char err[512];

	end_process(t);
	sql_query_clear(&t->query);
	if (sql_query_make(&t->query, SQL_SQLITE, text, SQL_BY_TIME, "time", err, sizeof(err)) != 0)
		fail_msg("%s", err);
	t->n_position = 0;
	start_process(t);
}

#define QUERY "SELECT id, at AS time, v, email, sku, value, word FROM orders WHERE at > "
static int
setup(void **state)
{
	struct bench *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	sql_shop_open(&t->shop);
	sql(&t->shop, "CREATE TABLE orders (id, at, v, email, sku, value, word);"
	    "CREATE INDEX o ON orders(at)");
	assert_int_equal(tz_open(&t->zone, "UTC", NULL), 0);
	breaking = sql_sqlite;
	breaking.row = breaking_row;
	t->db.driver = &breaking;
	t->db.dsn = &t->shop.dsn;
	t->db.query = &t->query;
	t->db.time = "time";
	t->db.zone = "UTC";
	t->db.statement_us = 10000000;
	set_query(t, QUERY "$watermark_ms");
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *t = *state;

	end_process(t);
	sql_query_clear(&t->query);
	tz_free(t->zone);
	sql_shop_close(&t->shop);
	free(t);
	return 0;
}

static int
run(struct bench *t, int64_t now_ms)
{
	int rc = 0;

	t->db.deadline = mono_add_us(mono_now(), 20000000);
	if (t->db.connection == NULL)
		rc = t->db.driver->connect(&t->db);
	if (rc == 0)
		rc = sql_reader_run(t->r, &t->db, now_ms);
	if (rc != 0)
		t->db.driver->close(&t->db);
	return rc;
}

static void
must_run(struct bench *t, int64_t now_ms)
{
	if (run(t, now_ms) != 0)
		fail_msg("%s", t->db.err);
}

/* ---- each row once ---- */

enum mode { MS, TEXT, WALL };
struct shop {
	struct bench *t;
	enum mode mode;
	int64_t now_ms;
	int n_events, n_ids;
	int event_of[EVENTS];            /* of an id: the last event */
};

static int
upto(int n)
{
	return (int)(random() % n);
}

static void
time_text(const struct shop *s, int64_t ms, char dst[SQL_TIME_TEXT + 2])
{
	char text[SQL_TIME_TEXT];

	if (s->mode == WALL)
		ms += tz_offset(s->t->zone, ms / 1000, NULL) * 1000LL;
	sql_time_format(text, ms, NULL);
	if (s->mode == MS)
		snprintf(dst, SQL_TIME_TEXT + 2, "%lld", (long long)ms);
	else
		snprintf(dst, SQL_TIME_TEXT + 2, "'%s'", text);
}

static void
insert(struct shop *s, int64_t ms)
{
	char at[SQL_TIME_TEXT + 2];

	time_text(s, ms, at);
	s->event_of[s->n_ids] = s->n_events;
	sql(&s->t->shop, "INSERT INTO orders(id,at,v,word) VALUES(%d,%s,%d,'a')", s->n_ids++, at,
	    s->n_events++);
}

/* Orders whose state changes; what they were before has been seen. */
static void
change(struct shop *s)
{
	int id = upto(s->n_ids);
	char at[SQL_TIME_TEXT + 2];

	if (s->t->taken[s->event_of[id]] != 1)
		return;
	time_text(s, s->now_ms, at);
	sql(&s->t->shop, "UPDATE orders SET at=%s,v=%d WHERE id=%d", at, s->n_events, id);
	s->event_of[id] = s->n_events++;
}

static void
write_some(struct shop *s)
{
	int n = upto(4) == 0 ? upto(60) : upto(6);

	sql(&s->t->shop, "BEGIN");
	for (int i = 0; i < n; i++)
		switch (upto(6)) {
		case 0: /* late, by nearly all of the overlap */
			insert(s, s->now_ms - upto(55000));
			break;
		case 1: /* a clock that is ahead */
			insert(s, s->now_ms + upto(30000));
			break;
		case 2:
			change(s);
			break;
		default:
			insert(s, s->now_ms - upto(3));
		}
	sql(&s->t->shop, "COMMIT");
}

static void
run_somehow(struct shop *s)
{
	struct bench *t = s->t;
	int what = upto(8);

	t->r->max_rows = upto(3) == 0 ? 200 + upto(400) : 100000;
	if (what == 0)
		t->dies_after = upto(3);
	breaks_after = what == 1 ? upto(300) : -1;
	(void)run(t, s->now_ms);
	breaks_after = -1;
	if (what == 0 || what == 2) {
		end_process(t);
		start_process(t);
	}
}

static void
each_once(struct bench *t, enum mode mode, int64_t from_ms, int64_t to_ms)
{
	const char *seed_text = getenv("SEED");
	unsigned seed = seed_text != NULL ? (unsigned)strtoul(seed_text, NULL, 10)
					  : 4711;
	struct shop *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	srandom(seed);
	*s = (struct shop){.t = t, .mode = mode, .now_ms = from_ms};
	t->n_position = 0;
	end_process(t);
	start_process(t);
	sql_seen_init(&t->r->seen, from_ms - 86400000);
	t->n_position = sql_seen_save(&t->r->seen, t->position);
	sql(&t->shop, "BEGIN");
	for (int i = 0; i < 4000; i++)
		insert(s, from_ms - 3600000 + i * 700 + upto(2000));
	sql(&t->shop, "COMMIT");
	while (s->now_ms < to_ms) {
		write_some(s);
		run_somehow(s);
		/* By the wall, ids of two hours are remembered: 4096 at most. */
		s->now_ms += upto(mode == WALL ? 60000 : 20000);
	}
	t->r->max_rows = 100000;
	t->dies_after = -1;
	must_run(t, s->now_ms += 120000);
	must_run(t, s->now_ms);
	assert_true(s->n_events > 4000 && s->n_events < EVENTS);
	for (int i = 0; i < s->n_events; i++)
		if (t->taken[i] != 1)
			fail_msg("seed %u: event %d of %d came %d times", seed, i, s->n_events,
			    t->taken[i]);
	assert_int_equal(t->n_taken, s->n_events);
	free(s);
}

static void
each_row_once(void **state)
{
	each_once(*state, MS, T0, T0 + 3 * 3600000);
}

static void
each_row_once_with_texts(void **state)
{
	struct bench *t = *state;

	set_query(t, QUERY "$watermark");
	each_once(t, TEXT, T0, T0 + 3 * 3600000);
}

/* Paris, 24 October 2026 23:00Z to 25 October 03:00Z: an hour of the wall comes twice. */
static void
each_row_once_in_the_hour_that_comes_twice(void **state)
{
	struct bench *t = *state;

	tz_free(t->zone);
	assert_int_equal(tz_open(&t->zone, "Europe/Paris", NULL), 0);
	set_query(t, QUERY "$watermark");
	each_once(t, WALL, 1792882800000, 1792882800000 + 4 * 3600000);
}

static void
each_row_once_in_the_hour_that_is_missing(void **state)
{
	struct bench *t = *state;

	tz_free(t->zone);
	assert_int_equal(tz_open(&t->zone, "Europe/Paris", NULL), 0);
	set_query(t, QUERY "$watermark");
	each_once(t, WALL, 1774742400000 - 3600000, 1774742400000 + 3 * 3600000);
}

/* Without ids nothing may come late, but nothing is lost where the limit cuts. */
static void
rows_without_ids_are_not_lost_where_they_are_cut(void **state)
{
	struct bench *t = *state;

	set_query(t, "SELECT at AS time, v FROM orders WHERE at > $watermark_ms");
	for (int i = 0; i < 1000; i++)
		sql(&t->shop, "INSERT INTO orders(at,v) VALUES(%lld,%d)",
		    (long long)(T0 - 100000 + i / 7), i);
	t->r->max_rows = 11;
	for (int i = 0; i < 400; i++) {
		must_run(t, T0);
		if (i % 5 == 0) {
			end_process(t);
			start_process(t);
			t->r->max_rows = 11;
		}
	}
	assert_int_equal(t->n_taken, 1000);
	/* More at one time than the limit: it is stretched, in the end. */
	for (int i = 0; i < 100; i++)
		sql(&t->shop, "INSERT INTO orders(at,v) VALUES(%lld,%d)", (long long)T0, 2000 + i);
	for (int i = 0; i < 8; i++)
		must_run(t, T0 + 5000);
	assert_int_equal(t->n_taken, 1100);
	/* Between two batches of one result the process dies: they end between two times. */
	for (int i = 0; i < 1000; i++)
		sql(&t->shop, "INSERT INTO orders(at,v) VALUES(%lld,%d)",
		    (long long)(T0 + 10000 + i / 9), 3000 + i);
	t->r->max_rows = 100000;
	t->dies_after = 1;
	must_run(t, T0 + 20000);
	assert_in_range(t->n_taken, 1101, 2099);
	end_process(t);
	start_process(t);
	must_run(t, T0 + 20000);
	assert_int_equal(t->n_taken, 2100);
}

/* More rows within the overlap than are remembered, and late ones before them: none comes twice,
 * what cannot be told apart does not come. */
static void
forgetting_doubles_nothing(void **state)
{
	struct bench *t = *state;

	sql(&t->shop, "BEGIN");
	for (int i = 0; i < SQL_SEEN_MAX - 90; i++)
		sql(&t->shop, "INSERT INTO orders(id,at,v) VALUES(%d,%lld,%d)", i,
		    (long long)(T0 + 1000 + i * 10), i);
	sql(&t->shop, "COMMIT");
	must_run(t, T0 + 50000);
	assert_int_equal(t->n_taken, SQL_SEEN_MAX - 90);
	sql(&t->shop, "BEGIN");
	for (int i = 0; i < 1200; i++)
		sql(&t->shop, "INSERT INTO orders(id,at,v) VALUES(%d,%lld,%d)", 10000 + i,
		    (long long)(T0 + 1001 + i / 10), 10000 + i);
	sql(&t->shop, "COMMIT");
	must_run(t, T0 + 50001);
	must_run(t, T0 + 50002);
	assert_true(t->r->seen.n_forgotten > 0);
	for (int i = 0; i < EVENTS; i++)
		assert_in_range(t->taken[i], 0, 1);
	for (int i = 0; i < SQL_SEEN_MAX - 90; i++)
		assert_int_equal(t->taken[i], 1);
}

static void
a_row_that_changed_is_another_event(void **state)
{
	struct bench *t = *state;

	sql(&t->shop, "INSERT INTO orders(id,at,v,word) VALUES('A1',%lld,1,'paid')", T0);
	must_run(t, T0 + 1);
	must_run(t, T0 + 2);
	assert_int_equal(t->n_taken, 1);
	sql(&t->shop, "UPDATE orders SET word='shipped', at=at+1000, v=2");
	must_run(t, T0 + 2000);
	assert_int_equal(t->n_taken, 2);
	assert_string_equal(t->text, "shipped");
	end_process(t);
	start_process(t);
	must_run(t, T0 + 3000);
	assert_int_equal(t->n_taken, 2);
	assert_int_equal(t->r->n[SQL_R_REPEATED], 1);
}

/* A moment is shown in the session's zone, and that goes with DST: it stays the same row. */
static int shown_rows, shown_hour;
static int
shown_ask(struct sql_db *db)
{
	db->n_columns = 2;
	sql_column(db, 0, "id");
	sql_column(db, 1, "time");
	shown_rows = 1;
	return 0;
}
static int
shown_row(struct sql_db *db)
{
	static char text[32];

	if (shown_rows-- == 0)
		return 0;
	snprintf(text, sizeof(text), "2026-10-25 %02d:30:00", shown_hour);
	db->cells[0] = (struct sql_cell){.type = SQL_INT, .integer = 1};
	db->cells[1] = sql_cell_of(SQL_TIME, text, strlen(text));
	db->cells[1].has_offset = true;
	db->cells[1].offset_s = shown_hour * 3600; /* 00:30Z */
	return 1;
}

static void
a_moment_is_the_same_in_any_zone(void **state)
{
	struct bench *t = *state;
	static struct sql_driver shown;

	shown = breaking;
	shown.ask = shown_ask;
	shown.row = shown_row;
	t->db.driver = &shown;
	sql_seen_init(&t->r->seen, 1792882800000);
	shown_hour = 2;
	must_run(t, 1792888200000 + 1000);
	assert_int_equal(t->n_taken, 1);
	shown_hour = 1;
	must_run(t, 1792888200000 + 2000);
	assert_int_equal(t->n_taken, 1);
}

/* ---- what is no record ---- */

static void
a_column_that_changes_type_is_counted(void **state)
{
	struct bench *t = *state;
	int64_t before_ms;

	sql(&t->shop, "INSERT INTO orders(id,at,v,word) VALUES(1,%lld,1,'a')", T0);
	must_run(t, T0 + 5000);
	assert_int_equal(t->complete_ms, T0 + 4000);
	sql(&t->shop, "INSERT INTO orders(id,at,v,word) VALUES(2,%lld,2,7),(3,%lld,3,8)", T0 + 1,
	    T0 + 2);
	must_run(t, T0 + 6000);
	must_run(t, T0 + 7000); /* read again within the overlap, counted once */
	assert_int_equal(t->n_rejects, 2);
	assert_string_equal(t->reason, "word was a text and is a number");
	assert_int_equal(t->n_taken, 1);
	assert_int_equal(t->complete_ms, T0 + 6000);
	/* The third in turn: nobody knows any more what happens. */
	sql(&t->shop, "INSERT INTO orders(id,at,v,word) VALUES(4,%lld,4,9)", T0 + 3);
	before_ms = t->complete_ms;
	must_run(t, T0 + 60000);
	assert_int_equal(t->r->n_bad_in_turn, SQL_BAD_IN_TURN);
	assert_int_equal(t->complete_ms, before_ms);
	sql(&t->shop, "INSERT INTO orders(id,at,v,word) VALUES(5,%lld,5,'b')", T0 + 60001);
	must_run(t, T0 + 70000);
	assert_int_equal(t->n_taken, 2);
	assert_int_equal(t->complete_ms, T0 + 69000);
}

static void
reasons_are_given(void **state)
{
	static const struct { const char *values, *reason; } rows[] = {
	    {"1, 1795486000001, 1, NULL, NULL, 'x', NULL", "value is no number, and cents are"},
	    {"2, 1795486000002, 1, NULL, NULL, 9e999, NULL", "value is no finite number"},
	    {"3, 1795486000003, 1, NULL, NULL, NULL, hex(zeroblob(2049))",
		"word is over 4096 bytes"},
	    {"4, 1795486000004, 1, NULL, NULL, NULL, zeroblob(5000)", "word is over 4096 bytes"},
	    {"5, 1795493200000, 1, NULL, NULL, NULL, NULL", "time is over an hour ahead"},
	    {"6, x'00ff', 1, NULL, NULL, NULL, NULL", "time was a number and is a text"}};
	struct bench *t = *state;

	sql(&t->shop, "INSERT INTO orders(id,at,v) VALUES(0,%lld,1)", T0);
	must_run(t, T0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sql(&t->shop, "INSERT INTO orders VALUES(%s)", rows[i].values);
		must_run(t, T0 + 1000);
		assert_string_equal(t->reason, rows[i].reason);
		assert_int_equal(t->n_rejects, i + 1);
		assert_int_equal(t->r->n[SQL_R_REJECTED], 1);
		end_process(t); /* what a class was is learnt anew */
		start_process(t);
		sql(&t->shop, "DELETE FROM orders WHERE id > 0");
		must_run(t, T0 + 1000);
	}
	assert_int_equal(t->n_taken, 1);
	/* A time that is NULL, where the query lets it through. */
	set_query(t, "SELECT id, at AS time FROM orders");
	sql(&t->shop, "INSERT INTO orders(id) VALUES(9)");
	must_run(t, T0 + 1000);
	assert_string_equal(t->reason, "time is null");
	assert_int_equal(t->n_taken, 2);
	/* An address that changes its type is not kept as an example. */
	set_query(t, QUERY "$watermark_ms");
	sql(&t->shop,
	    "INSERT INTO orders(id,at,email) VALUES(10,%lld,5),(11,%lld,'eve@shop.example')",
	    T0 + 10, T0 + 11);
	must_run(t, T0 + 1000);
	assert_string_equal(t->reason, "email was a number and is a text");
	assert_string_equal(t->excerpt, "");
}

static void
nulls_are_no_values(void **state)
{
	struct bench *t = *state;

	sql(&t->shop, "INSERT INTO orders(id,at,v) VALUES(NULL,%lld,1),(NULL,%lld,2)", T0, T0);
	must_run(t, T0);
	must_run(t, T0);
	assert_int_equal(t->n_taken, 2); /* without an id all of the row tells it apart */
	assert_int_equal(t->taken[1], 1);
	assert_int_equal(t->values[4].type, TW_FIELD_NONE);
	assert_int_equal(t->last.flags, 0);
}

static void
what_is_still_to_come_waits(void **state)
{
	struct bench *t = *state;

	sql(&t->shop, "INSERT INTO orders(id,at,v) VALUES(1,%lld,1)", T0 + 30000);
	must_run(t, T0);
	assert_int_equal(t->n_taken, 0);
	assert_int_equal(t->r->n_waiting, 1);
	sql(&t->shop, "INSERT INTO orders(id,at,v) VALUES(2,%lld,2)", T0 + 1);
	must_run(t, T0 + 1000);
	assert_int_equal(t->n_taken, 1);
	must_run(t, T0 + 30000);
	assert_int_equal(t->n_taken, 2);
	assert_int_equal(t->n_rejects, 0);
}

static void
our_own_orders_are_marked(void **state)
{
	static const struct { const char *email, *sku; uint32_t flags; } rows[] = {
	    {"'synthetic+7@shop.example'", "NULL", TW_RECORD_SYNTHETIC},
	    {"'a@shop.example'", "'CANARY-1'", TW_RECORD_SYNTHETIC},
	    {"'a@shop.example'", "'SKU-1'", 0}, {"'synthetic+7@shop.example.org'", "NULL", 0}};
	struct bench *t = *state;

	for (int i = 0; i < 4; i++) {
		sql(&t->shop, "INSERT INTO orders(id,at,v,email,sku,value) "
		    "VALUES(%d,%lld,1,%s,%s,1234)", i, T0 + i, rows[i].email, rows[i].sku);
		must_run(t, T0 + i);
		assert_int_equal(t->last.flags, rows[i].flags);
		assert_int_equal(t->values[1].type, TW_FIELD_NONE); /* no address goes on */
		assert_true(t->values[3].as.real > 12.33 && t->values[3].as.real < 12.35);
		assert_int_equal(t->r->n[SQL_R_SYNTHETIC], rows[i].flags != 0);
	}
	sql(&t->shop, "INSERT INTO orders(id,at,v) VALUES(9,%lld,1)", T0 - 3000);
	must_run(t, T0 + 10);
	assert_int_equal(t->last.flags, TW_RECORD_HISTORY);
}

/* ---- what is known when nothing comes ---- */

static void
no_rows_are_knowledge_and_errors_are_none(void **state)
{
	struct bench *t = *state;

	must_run(t, T0);
	assert_int_equal(t->n_batches, 1);
	assert_int_equal(t->complete_ms, T0 - 1000);
	must_run(t, T0 + 30000);
	assert_int_equal(t->complete_ms, T0 + 29000);
	breaks_after = 0;
	assert_int_equal(run(t, T0 + 60000), SQL_E_TIMEOUT);
	assert_int_equal(t->complete_ms, T0 + 29000);
	breaks_after = -1;
	sql(&t->shop, "ALTER TABLE orders RENAME TO gone");
	assert_int_equal(run(t, T0 + 60000), SQL_E_QUERY);
	assert_non_null(strstr(t->db.err, "no such table"));
	assert_int_equal(t->n_batches, 2);
	sql(&t->shop, "ALTER TABLE gone RENAME TO orders");
	must_run(t, T0 + 60000);
	assert_int_equal(t->complete_ms, T0 + 59000);
	t->db.driver->close(&t->db);
	unlink(t->shop.path);
	assert_int_equal(run(t, T0 + 90000), SQL_E_CONNECT);
	assert_int_equal(t->complete_ms, T0 + 59000);
}

static void
columns_that_do_not_fit_are_named(void **state)
{
	struct bench *t = *state;

	set_query(t, "SELECT id, at FROM orders WHERE at > $watermark_ms");
	assert_int_equal(run(t, T0), SQL_E_QUERY);
	set_query(t, "SELECT id, at AS time FROM orders WHERE at > $watermark_ms");
	must_run(t, T0);
	t->r->fields[4].is_needed = true;
	assert_int_equal(run(t, T0), SQL_E_QUERY);
	assert_string_equal(t->db.err, "the query gives no column word (fields.word)");
	/* A text is later than any number: that would find nothing for ever. */
	set_query(t, QUERY "$watermark");
	sql(&t->shop, "INSERT INTO orders(id,at,v) VALUES(1,%lld,1)", T0);
	assert_int_equal(run(t, T0), SQL_E_QUERY);
	assert_non_null(strstr(t->db.err, "$watermark_ms"));
}

/* ---- what the database is spared ---- */

static void
nothing_is_written(void **state)
{
	struct bench *t = *state;
	char text[] = "DELETE FROM orders RETURNING id, at AS time";
	struct sql_query writes = {.text = text};

	sql(&t->shop, "INSERT INTO orders(id,at,v) VALUES(1,%lld,1)", T0);
	t->db.query = &writes;
	assert_int_equal(run(t, T0), SQL_E_QUERY);
	assert_non_null(strstr(t->db.err, "readonly"));
	t->db.query = &t->query;
	must_run(t, T0);
	assert_int_equal(t->n_taken, 1);
}

static void
a_query_that_hangs_is_stopped(void **state)
{
	struct bench *t = *state;
	mono_t began;

	set_query(t, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
		     "SELECT max(i) AS time FROM n");
	t->db.deadline = mono_add_us(mono_now(), 20000000);
	assert_int_equal(t->db.driver->connect(&t->db), 0);
	began = mono_now();
	t->db.deadline = mono_add_us(began, 300000);
	assert_int_equal(sql_reader_run(t->r, &t->db, T0), SQL_E_TIMEOUT);
	assert_true(mono_sub_us(mono_now(), began) < 60000000);
	assert_int_equal(t->n_batches, 0);
}

static void
check_explained(struct bench *t, const char *query, bool is_warned)
{
	char text[SQL_ERR_MAX] = "";

	set_query(t, query);
	t->db.deadline = mono_add_us(mono_now(), 20000000);
	assert_int_equal(t->db.driver->connect(&t->db), 0);
	assert_int_equal(t->db.driver->explain(&t->db, text, sizeof(text)), 0);
	if ((strstr(text, "all of it is read") != NULL) != is_warned)
		fail_msg("%s: \"%s\"", query, text);
}

static void
large_tables_that_are_read_wholly_are_named(void **state)
{
	struct bench *t = *state;

	sql(&t->shop, "CREATE TABLE small(at); INSERT INTO small VALUES(1)");
	check_explained(t, "SELECT at + 0 AS time FROM orders WHERE v > $watermark_ms", false);
	sql(&t->shop,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 10001) "
	    "INSERT INTO orders(id,at,v) SELECT i,i,i FROM n; ANALYZE");
	check_explained(t, "SELECT at + 0 AS time FROM orders WHERE v > $watermark_ms", true);
	check_explained(t, "SELECT o.at AS time FROM orders AS o WHERE v > $watermark_ms", true);
	check_explained(t, QUERY "$watermark_ms", false);
	/* What is scanned is the little that the index gave, or a small table. */
	check_explained(t, "SELECT max(at) AS time FROM orders WHERE at > $watermark_ms GROUP BY v",
	    false);
	check_explained(t, "SELECT s.at AS time FROM small s WHERE s.at > $watermark_ms AND EXISTS "
		"(SELECT 1 FROM orders WHERE orders.at = s.at)", false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(each_row_once), TEST(each_row_once_with_texts),
	    TEST(each_row_once_in_the_hour_that_comes_twice),
	    TEST(each_row_once_in_the_hour_that_is_missing),
	    TEST(rows_without_ids_are_not_lost_where_they_are_cut),
	    TEST(forgetting_doubles_nothing),
	    TEST(a_row_that_changed_is_another_event), TEST(a_moment_is_the_same_in_any_zone),
	    TEST(a_column_that_changes_type_is_counted), TEST(reasons_are_given),
	    TEST(nulls_are_no_values), TEST(what_is_still_to_come_waits),
	    TEST(our_own_orders_are_marked), TEST(no_rows_are_knowledge_and_errors_are_none),
	    TEST(columns_that_do_not_fit_are_named),
	    TEST(nothing_is_written), TEST(a_query_that_hangs_is_stopped),
	    TEST(large_tables_that_are_read_wholly_are_named)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
