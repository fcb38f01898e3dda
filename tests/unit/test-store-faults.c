/*
 * test-store-faults.c - what the store does when the disk is full, a page is broken, or a byte
 * flipped; and reading from many threads while it writes, seals and closes days.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/store/impl.h"
#include "tests/unit/store-help.h"

#define NOON INT64_C(1763899200000)
#define SERIES 20

static uint32_t sids[SERIES];

static void
start(struct help *h)
{
	char x[8];
	int i;

	help_init(h, NOON);
	help_open(h);
	for (i = 0; i < SERIES; i++) {
		snprintf(x, sizeof(x), "s%d", i);
		sids[i] = help_series(h, "m", x, STORE_GAUGE, 0);
	}
}

static int
tick(struct help *h)
{
	struct store_sample in[SERIES];
	struct store_state state = {"p", "k", &h->now, sizeof(h->now)};
	struct store_run run = {
	    .probe = "p", .at_ms = h->now, .cause = "", .reason = "r", .facts = "{}", .keep = 1};
	struct store_batch batch = {in, SERIES, &state, 1, &run, 1};
	int i;

	for (i = 0; i < SERIES; i++)
		in[i] = (struct store_sample){
		    .sid = sids[i], .t_ms = h->now, .v = (double)(h->now % 1000003) / 3};
	return store_commit(h->s, &batch, 1, NULL);
}

static void
ticks(struct help *h, int n, int64_t step)
{
	for (; n > 0; n--) {
		h->now += step;
		assert_int_equal(tick(h), 0);
		if (n % 16 == 0)
			help_maintain(h, 4);
	}
}

static size_t
total(struct help *h)
{
	struct series_set set;
	size_t n, i, k;

	help_select(h, &set, NULL, 0, INT64_MAX);
	for (i = 0; i < set.n; i++)
		for (k = 0; k < set.at[i].n; k++)
			assert_true(set.at[i].v[k] == (double)(set.at[i].t_ms[k] % 1000003) / 3);
	n = set.samples;
	series_set_clear(&set);
	return n;
}

static void
on_state(void *arg, const char *key, const void *data, size_t len)
{
	(void)key;
	assert_int_equal(len, sizeof(int64_t));
	memcpy(arg, data, len);
}

static void
on_run(void *arg, const struct store_run_row *row)
{
	(void)row;
	++*(int *)arg;
}

static int
count_runs(struct help *h)
{
	int n = 0;

	assert_int_equal(
	    store_runs_each(h->s, "p", STORE_RUNS_ALL, 0, INT64_MAX, SIZE_MAX, on_run, &n), 0);
	return n;
}

/* --- full --- */

static void
test_disk_full(void **state)
{
	struct help h;
	size_t before;
	int rc, n;

	(void)state;
	start(&h);
	ticks(&h, 100, 1000);
	before = total(&h);
	assert_int_equal(
	    sqlite3_exec(h.s->db, "PRAGMA max_page_count=1", NULL, NULL, NULL), SQLITE_OK);
	for (n = 0, rc = 0; rc == 0 && n < 1000; n++) {
		h.now += 1000;
		rc = tick(&h);
		before += rc == 0 ? SERIES : 0;
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(total(&h), before); /* nothing of it is seen, nothing is lost */
	assert_int_equal(tick(&h), -ENOSPC);
	assert_int_equal(
	    sqlite3_exec(h.s->db, "PRAGMA max_page_count=1000000", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(tick(&h), 0); /* the same batch again: it recovers alone */
	assert_int_equal(total(&h), before + SERIES);
	help_reopen(&h);
	assert_int_equal(total(&h), before + SERIES);
	help_done(&h);
}

/* --- damage --- */

static void
test_flipped_chunk(void **state)
{
	char sql[] = "UPDATE chunk SET b = substr(b, 1, 20) || x'ff' || substr(b, 22) WHERE id = 3";
	struct store_stats st;
	struct help h;
	size_t all;

	(void)state;
	start(&h);
	ticks(&h, 800, 1000);
	all = total(&h);
	assert_int_equal(sqlite3_exec(h.s->db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_true(total(&h) < all);
	assert_true(total(&h) > all - 800); /* one chunk of one series is missing, no more */
	store_stats(h.s, &st);
	assert_int_equal(st.damaged, 1);
	assert_non_null(strstr(h.text, "chunk 3"));
	assert_int_equal(store_check(h.dir, NULL, NULL), 1);
	h.now += DAY_MS;
	help_maintain(&h, 1000); /* closing the day goes on, too */
	store_stats(h.s, &st);
	assert_int_equal(st.day_files, 1);
	assert_int_equal(st.damaged, 1);
	assert_true(total(&h) > all - 800);
	help_done(&h);
}

static void
test_flipped_day(void **state)
{
	uint8_t byte[64];
	struct help h;
	char name[256];
	size_t all;
	int i;

	(void)state;
	start(&h);
	ticks(&h, 800, 1000);
	all = total(&h);
	h.now += DAY_MS;
	help_maintain(&h, 1000);
	assert_int_equal(total(&h), all);
	help_close(&h);
	assert_true(help_find(&h, "d-", name));
	for (i = 0; i < 64; i++)
		byte[i] = 0xa5;
	help_poke(&h, name, 4096 * 6 + 2000, byte, sizeof(byte));
	help_open(&h);
	assert_true(total(&h) < all);
	assert_true(total(&h) > all / 2);
	assert_true(atomic_load(&h.s->n_damaged) > 0);
	help_done(&h);
}

static void
test_garbage_file(void **state)
{
	uint8_t junk[8192];
	char name[256];
	int64_t kept = 0;
	struct help h;

	(void)state;
	start(&h);
	ticks(&h, 10, 1000);
	help_close(&h);
	memset(junk, 0x5a, sizeof(junk));
	help_poke(&h, "live.db", 0, junk, sizeof(junk));
	help_open(&h);
	assert_true(help_find(&h, "live.db.damaged-", name));
	assert_non_null(strstr(h.text, "set aside"));
	help_maintain(&h, 1000);
	assert_int_equal(store_state_each(h.s, "p", on_state, &kept), 0);
	sids[0] = help_series(&h, "m", "s0", STORE_GAUGE, 0);
	assert_int_equal(
	    help_commit(&h, &(struct store_sample){.sid = sids[0], .t_ms = h.now, .v = 1}, 1, NULL),
	    0);
	help_done(&h);
}

/* Finds a leaf page of the table by looking at the file: no dbstat in a stock SQLite. Type 13
 * is a table leaf. */
static long
find_leaf(struct help *h, int which)
{
	struct stat st;
	char path[128];
	uint8_t head[12];
	long page, found = 0;

	snprintf(path, sizeof(path), "%s/live.db", h->dir);
	assert_int_equal(stat(path, &st), 0);
	for (page = 3; page < st.st_size / 4096; page++) {
		help_peek(h, "live.db", page * 4096, head, sizeof(head));
		if (head[0] == 13 && (head[3] << 8 | head[4]) > 3 && found++ == which)
			return page;
	}
	return 0;
}

static void
break_leaves(struct help *h, int from, int to)
{
	uint8_t junk[4096];
	long pages[64];
	int i;

	memset(junk, 0xee, sizeof(junk));
	for (i = from; i < to; i++)
		pages[i] = find_leaf(h, i);
	for (i = from; i < to; i++)
		if (pages[i] > 0)
			help_poke(h, "live.db", pages[i] * 4096, junk, sizeof(junk));
}

static void
test_broken_page_at_open(void **state)
{
	struct store_stats st;
	struct help h;
	char name[256];
	size_t all, n;

	(void)state;
	start(&h);
	ticks(&h, 900, 1000);
	all = total(&h);
	assert_int_equal(
	    sqlite3_exec(h.s->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
	help_close(&h);
	break_leaves(&h, 20, 24);
	h.text[0] = '\0';
	help_open(&h);
	help_maintain(&h, 1000);
	if (!help_find(&h, "live.db.damaged-", name)) {
		atomic_store(&h.s->suspect, true);
		help_maintain(&h, 1000);
	}
	n = total(&h);
	store_stats(h.s, &st);
	assert_true(n >= all * 7 / 10);
	assert_true(st.salvaged > 100);
	ticks(&h, 900, 1000);
	assert_int_equal(total(&h), n + 900 * SERIES);
	help_reopen(&h);
	assert_int_equal(total(&h), n + 900 * SERIES);
	assert_int_equal(store_check(h.dir, help_finding, NULL), 0);
	help_done(&h);
}

/* While running: what was in memory is all kept, and commits go on in the new file. */
static void
test_rescue_while_running(void **state)
{
	int64_t kept = 0;
	struct help h;
	size_t all;
	int runs;

	(void)state;
	start(&h);
	ticks(&h, 900, 1000);
	all = total(&h);
	runs = count_runs(&h);
	atomic_store(&h.s->suspect,
	    true); /* a reader said so; the file is in fact whole: all must be saved */
	help_maintain(&h, 1000);
	assert_int_equal(total(&h), all);
	assert_int_equal(store_state_each(h.s, "p", on_state, &kept), 0);
	assert_int_equal(kept, h.now);
	assert_int_equal(count_runs(&h), runs);
	ticks(&h, 900, 1000);
	assert_int_equal(total(&h), all + 900 * SERIES);
	help_reopen(&h);
	assert_int_equal(total(&h), all + 900 * SERIES);
	assert_int_equal(count_runs(&h), runs + 900);
	help_done(&h);
}

static void
test_salvage_goes_on_after_restart(void **state)
{
	struct help h;
	size_t all;
	int i;

	(void)state;
	start(&h);
	ticks(&h, 900, 1000);
	all = total(&h);
	atomic_store(&h.s->suspect, true);
	(void)scrub_slice(h.s);
	assert_int_equal(rescue_running(h.s, "a test"), 0);
	for (i = 0; i < 2; i++)
		(void)scrub_slice(h.s);
	help_reopen(&h);
	help_maintain(&h, 1000);
	assert_int_equal(total(&h), all);
	assert_int_equal(count_runs(&h), 900);
	help_done(&h);
}

/* The power went while live.db was being set aside: its log stayed behind, a new file was
 * never finished. */
static void
test_rescue_cut_short(void **state)
{
	char from[128], to[128];
	struct help h;
	size_t all;
	pid_t pid;

	(void)state;
	start(&h);
	ticks(&h, 1, 1000);     /* the series' rows */
	help_close(&h);
	pid = fork();
	if (pid == 0) {
		help_open(&h);
		ticks(&h, 500, 1000);
		_exit(0);       /* no close: the log is not folded in */
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	h.now += 500 * 1000;
	help_open(&h);
	all = total(&h);
	assert_int_equal(all, 501 * SERIES);
	help_close(&h);
	pid = fork();
	if (pid == 0) {
		help_open(&h);
		ticks(&h, 500, 1000);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	h.now += 500 * 1000;
	snprintf(from, sizeof(from), "%s/live.db", h.dir);
	snprintf(to, sizeof(to), "%s/live.db.damaged-5", h.dir);
	assert_int_equal(rename(from, to), 0);
	help_open(&h);
	help_maintain(&h, 1000);
	assert_int_equal(total(&h), all + 500 * SERIES);
	assert_int_equal(count_runs(&h), 1001);
	help_reopen(&h);
	assert_int_equal(total(&h), all + 500 * SERIES);
	help_done(&h);
}

/* No room for a new file: the old one comes back and is used on; later it works. */
static void
test_rescue_fails(void **state)
{
	char block[128];
	struct help h;
	size_t all;

	(void)state;
	start(&h);
	ticks(&h, 500, 1000);
	all = total(&h);
	snprintf(block, sizeof(block), "%s/live.db.new", h.dir);
	assert_int_equal(mkdir(block, 0700), 0);
	atomic_store(&h.s->suspect, true);
	assert_true(store_maintain(h.s) < 0);
	assert_int_equal(total(&h), all);
	h.now += 1000;
	assert_int_equal(tick(&h), 0);
	assert_int_equal(rmdir(block), 0);
	help_maintain(&h, 1000);
	assert_int_equal(total(&h), all + SERIES);
	assert_non_null(strstr(h.text, "set aside"));
	help_reopen(&h);
	assert_int_equal(total(&h), all + SERIES);
	help_done(&h);
}

/* --- threads --- */

struct reading {
	struct help *h;
	atomic_bool stop;
	atomic_llong committed; /* the newest stamp that a commit has returned for */
	atomic_int bad, rounds;
};

static void *
reader(void *arg)
{
	struct reading *r = arg;
	struct querier q = store_querier(r->h->s);

	while (!atomic_load(&r->stop)) {
		struct series_set set = {0};
		int64_t must = atomic_load(&r->committed);
		size_t i, k;

		if (q.select(q.ctx, NULL, 0, NOON, INT64_MAX, SIZE_MAX, NULL, NULL, &set) != 0)
			atomic_fetch_add(&r->bad, 1);
		for (i = 0; i < set.n; i++) {
			const struct series *s = &set.at[i];

			/* A stamp each 60 s from the start on, none missing, up to what was
			 * committed before. */
			for (k = 0; k < s->n; k++)
				if (s->t_ms[k] != NOON + ((int64_t)k + 1) * 60000)
					break;
			if (k < s->n || (must > 0 && (s->n == 0 || s->t_ms[s->n - 1] < must)))
				atomic_fetch_add(&r->bad, 1);
		}
		if (must > 0 && set.n != SERIES)
			atomic_fetch_add(&r->bad, 1);
		series_set_clear(&set);
		atomic_fetch_add(&r->rounds, 1);
	}
	return NULL;
}

static void
test_readers_see_all_that_is_committed(void **state)
{
	struct help h;
	struct reading r = {.h = &h};
	pthread_t threads[3];
	int i;

	(void)state;
	start(&h);
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, &r), 0);
	for (i = 0; i < 1000; i++) { /* 16 hours: seals, a day closed, frames dropped */
		h.now += 60000;
		assert_int_equal(tick(&h), 0);
		atomic_store(&r.committed, h.now);
		if (i % 4 == 0)
			help_maintain(&h, 8);
	}
	atomic_store(&r.stop, true);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&r.bad), 0);
	assert_true(atomic_load(&r.rounds) > 10);
	help_done(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_disk_full),
	    cmocka_unit_test(test_flipped_chunk),
	    cmocka_unit_test(test_flipped_day),
	    cmocka_unit_test(test_garbage_file),
	    cmocka_unit_test(test_broken_page_at_open),
	    cmocka_unit_test(test_rescue_while_running),
	    cmocka_unit_test(test_salvage_goes_on_after_restart),
	    cmocka_unit_test(test_rescue_cut_short),
	    cmocka_unit_test(test_rescue_fails),
	    cmocka_unit_test(test_readers_see_all_that_is_committed),
	};

	alarm(1800);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
