/*
 * test-store-runs.c - run records and probe state: what is kept, for how long, in which order it
 * is read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/impl.h"
#include "tests/unit/store-help.h"

#define NOON INT64_C(1763899200000)

struct rows {
	size_t n;
	int64_t at[4096], duration[4096];
	char first[64];
};

static void
on_row(void *arg, const struct store_run_row *row)
{
	struct rows *r = arg;

	if (r->n == 0)
		snprintf(r->first, sizeof(r->first), "%s/%s/%s/%s", row->run.probe, row->run.cause,
		    row->run.reason, row->run.facts);
	if (r->n < 4096) {
		r->at[r->n] = row->run.at_ms;
		r->duration[r->n++] = row->run.duration_us;
	}
}

static struct rows *
rows_of(struct help *h, const char *probe, enum store_runs_kind kind, size_t limit)
{
	static struct rows r;

	r = (struct rows){0};
	assert_int_equal(store_runs_each(h->s, probe, kind, 0, INT64_MAX, limit, on_row, &r), 0);
	return &r;
}

static void
put(struct help *h, const char *probe, int verdict, int64_t duration, unsigned keep)
{
	struct store_run run = {.probe = probe,
	    .at_ms = h->now,
	    .verdict = verdict,
	    .cause = "timeout",
	    .reason = "no answer",
	    .facts = "{\"a\":1}",
	    .duration_us = duration,
	    .keep = keep};
	struct store_batch batch = {.runs = &run, .n_runs = 1};

	assert_int_equal(store_commit(h->s, &batch, 1, NULL), 0);
}

static void
test_thinning(void **state)
{
	struct help h;
	struct rows *r;
	size_t i;
	int k;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	for (k = 0; k < 60; k++, h.now += 10000) /* ten minutes, six runs each */
		put(&h, "a", 0, 1000 + k % 6, k == 7 ? STORE_KEEP_CHANGE : 0);
	put(&h, "b", 2, 5, STORE_KEEP_FAILURE);
	help_maintain(&h, 100);
	h.now += 5 * 60000;
	help_maintain(&h, 100);
	r = rows_of(&h, "a", STORE_RUNS_ALL, SIZE_MAX);
	assert_int_equal(r->n, 11); /* the slowest of each minute; the newest is among them */
	for (i = 0; i < r->n; i++)
		assert_int_equal(r->duration[i], r->at[i] == NOON + 70000 ? 1001 : 1005);
	assert_string_equal(r->first, "a/timeout/no answer/{\"a\":1}");
	help_reopen(&h);
	assert_int_equal(rows_of(&h, "a", STORE_RUNS_ALL, SIZE_MAX)->n, 11);
	h.now += 3 * 3600000;
	help_maintain(&h, 100);
	r = rows_of(&h, "a", STORE_RUNS_ALL, SIZE_MAX);
	assert_int_equal(r->n, 3); /* of the hour, the marked one, the newest */
	assert_int_equal(rows_of(&h, "b", STORE_RUNS_ALL, SIZE_MAX)->n, 1);
	help_reopen(&h);
	assert_int_equal(rows_of(&h, NULL, STORE_RUNS_ALL, SIZE_MAX)->n, 4);
	help_done(&h);
}

static void
test_reading(void **state)
{
	struct help h;
	struct rows *r;
	int k;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	for (k = 0; k < 10; k++, h.now += 60000)
		put(&h, k % 2 != 0 ? "odd" : "even", k == 3 ? 2 : 0, (k * 7) % 10, k == 3);
	r = rows_of(&h, NULL, STORE_RUNS_ALL, 3);
	assert_int_equal(r->n, 3);
	assert_true(r->at[0] > r->at[1] && r->at[1] > r->at[2]);
	r = rows_of(&h, NULL, STORE_RUNS_SLOWEST, 2);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->duration[0], 9);
	assert_int_equal(r->duration[1], 8);
	assert_int_equal(rows_of(&h, NULL, STORE_RUNS_NEWEST, SIZE_MAX)->n, 2);
	r = rows_of(&h, "odd", STORE_RUNS_FAILED, SIZE_MAX);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->at[0], NOON + 3 * 60000);
	assert_int_equal(rows_of(&h, "nobody", STORE_RUNS_ALL, SIZE_MAX)->n, 0);
	help_done(&h);
}

static void
test_ceiling(void **state)
{
	struct help h;
	int k;

	(void)state;
	help_init(&h, NOON);
	h.opts.runs_max_bytes = 20000;
	help_open(&h);
	put(&h, "old", 2, 1, STORE_KEEP_CHANGE);
	for (k = 0; k < 1000; k++, h.now += 1000)
		put(&h, "p", 2, k, STORE_KEEP_CHANGE);
	help_maintain(&h, 100);
	assert_true(h.s->runs.bytes <= 20000);
	assert_true(rows_of(&h, "p", STORE_RUNS_ALL, SIZE_MAX)->n > 100);
	assert_int_equal(rows_of(&h, "old", STORE_RUNS_ALL, SIZE_MAX)->n, 1); /* its newest */
	help_done(&h);
}

struct kept {
	int n;
	char text[64];
};

static void
on_state(void *arg, const char *key, const void *data, size_t len)
{
	struct kept *k = arg;
	size_t at = strlen(k->text);

	k->n++;
	snprintf(k->text + at, sizeof(k->text) - at, "%s=%.*s ", key, (int)len, (const char *)data);
}

static void
test_state(void **state)
{
	struct store_state in[] = {{"p", "a", "one", 3}, {"p", "b", "", 0}, {"q", "a", "other", 5}};
	struct store_batch batch = {.states = in, .n_states = 3};
	struct kept k = {0};
	struct help h;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	assert_int_equal(store_commit(h.s, &batch, 1, NULL), 0);
	in[0] = (struct store_state){"p", "a", "two", 3};
	batch.n_states = 1;
	assert_int_equal(store_commit(h.s, &batch, 1, NULL), 0);
	help_reopen(&h);
	assert_int_equal(store_state_each(h.s, "p", on_state, &k), 0);
	assert_string_equal(k.text, "a=two b= ");
	in[0] = (struct store_state){"p", "a", NULL, 0};
	assert_int_equal(store_commit(h.s, &batch, 1, NULL), 0);
	k = (struct kept){0};
	assert_int_equal(store_state_each(h.s, "p", on_state, &k), 0);
	assert_string_equal(k.text, "b= ");
	help_done(&h);
}

/* A run whose transaction fails must not be seen, and its probe's row must come with the next
 * one. */
static void
test_rolled_back(void **state)
{
	struct store_run run = {
	    .probe = "new", .at_ms = NOON, .cause = "", .reason = "", .facts = ""};
	struct store_batch batch = {.runs = &run, .n_runs = 1};
	struct help h;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	put(&h, "p", 0, 1, 0);
	assert_int_equal(
	    sqlite3_exec(h.s->db, "PRAGMA query_only=ON", NULL, NULL, NULL), SQLITE_OK);
	assert_true(store_commit(h.s, &batch, 1, NULL) < 0);
	assert_int_equal(
	    sqlite3_exec(h.s->db, "PRAGMA query_only=OFF", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(rows_of(&h, NULL, STORE_RUNS_ALL, SIZE_MAX)->n, 1);
	assert_int_equal(store_commit(h.s, &batch, 1, NULL), 0);
	help_reopen(&h);
	assert_int_equal(rows_of(&h, "new", STORE_RUNS_ALL, SIZE_MAX)->n, 1);
	help_done(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_thinning),
	    cmocka_unit_test(test_reading),
	    cmocka_unit_test(test_ceiling),
	    cmocka_unit_test(test_state),
	    cmocka_unit_test(test_rolled_back),
	};

	alarm(1800);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
