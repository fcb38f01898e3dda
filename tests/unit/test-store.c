/*
 * test-store.c - the store against a model: random commits, restarts, day boundaries, late
 * samples; and the contract of store.h point by point.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/store/chunk.h"
#include "agent/store/impl.h"
#include "tests/unit/store-help.h"

#define NOON INT64_C(1763899200000) /* 2025-11-23T12:00Z */

static void
test_round_trip(void **state)
{
	struct help h;
	struct store_counts counts;
	struct store_sample in[4];
	struct series_set set;
	uint32_t a, b;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	a = help_series(&h, "up", "a", STORE_GAUGE, 0.001);
	b = help_series(&h, "up", "b", STORE_GAUGE, 0);
	assert_int_not_equal(a, b);
	assert_int_equal(help_series(&h, "up", "a", STORE_GAUGE, 0.001), a);
	in[0] = (struct store_sample){.sid = a, .t_ms = NOON, .v = 1.23456};
	in[1] = (struct store_sample){.sid = b, .t_ms = NOON, .v = 1.23456};
	in[2] = (struct store_sample){.sid = a, .t_ms = NOON, .v = 9};
	in[3] = (struct store_sample){.sid = a, .t_ms = NOON + FUTURE_MS + 1, .v = 9};
	assert_int_equal(help_commit(&h, in, 4, &counts), 0);
	assert_int_equal(counts.stored, 2);
	assert_int_equal(counts.duplicate, 1);
	assert_int_equal(counts.future, 1);
	help_select(&h, &set, NULL, 0, INT64_MAX);
	assert_int_equal(set.n, 2);
	assert_int_equal(set.samples, 2);
	assert_true(set.at[0].v[0] == 1.235);
	assert_true(set.at[1].v[0] == 1.23456);
	series_set_clear(&set);
	help_reopen(&h);
	help_select(&h, &set, "a", NOON, NOON);
	assert_int_equal(set.n, 1);
	assert_int_equal(set.at[0].t_ms[0], NOON);
	assert_true(set.at[0].v[0] == 1.235);
	series_set_clear(&set);
	help_select(&h, &set, NULL, 5, 4); /* labels alone */
	assert_int_equal(set.n, 2);
	assert_int_equal(set.at[0].n, 0);
	series_set_clear(&set);
	in[0] = (struct store_sample){.sid = a, .t_ms = NOON - STORE_LATE_MS - 1, .v = 1};
	assert_int_equal(help_commit(&h, in, 1, &counts), 0);
	assert_int_equal(counts.too_old, 1);
	in[0] = (struct store_sample){.sid = 99, .t_ms = NOON, .v = 1};
	assert_int_equal(help_commit(&h, in, 1, &counts), -EINVAL);
	help_done(&h);
}

static void
test_ceiling_and_cancel(void **state)
{
	struct help h;
	struct store_sample in[100];
	struct series_set set = {0};
	struct querier q;
	uint32_t sid;
	int i;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	sid = help_series(&h, "m", "x", STORE_GAUGE, 0);
	for (i = 0; i < 100; i++)
		in[i] = (struct store_sample){.sid = sid, .t_ms = NOON - 100 + i, .v = i};
	assert_int_equal(help_commit(&h, in, 100, NULL), 0);
	q = store_querier(h.s);
	assert_int_equal(q.select(q.ctx, NULL, 0, 0, NOON, 99, NULL, NULL, &set), -E2BIG);
	series_set_clear(&set);
	assert_int_equal(q.select(q.ctx, NULL, 0, 0, NOON, 100, NULL, NULL, &set), 0);
	assert_int_equal(set.samples, 100);
	series_set_clear(&set);
	assert_int_equal(q.select(q.ctx, NULL, 0, 0, NOON, 100, help_yes, NULL, &set), -ECANCELED);
	series_set_clear(&set);
	help_done(&h);
}

/* --- the model --- */

#define M_SERIES 6
#define M_MAX 60000

struct model {
	size_t n[M_SERIES];
	struct {
		int64_t t;
		double v;
		int hist;
	} at[M_SERIES][M_MAX];
};

static double
model_value(int series, int64_t t, uint64_t *seed)
{
	uint64_t r = help_rand(seed);

	if (r % 200 == 0)
		return stale_nan();
	switch (series) {
	case 0: return (double)(r % 2);
	case 1: return (double)(t / 1000 % 1000000); /* a counter that resets */
	case 2: return exp((double)(r % 1000) / 250) / 1000;
	case 3: return (double)r / 1e13;
	case 4: return r % 50 == 0 ? INFINITY : -(double)(r % 100000) / 7;
	default: return 0;
	}
}

static const double resolutions[M_SERIES] = {0, 0, 1e-6, 0, 0.5, 0};

static bool
model_has(const struct model *m, int series, int64_t t)
{
	size_t i;

	for (i = m->n[series]; i-- > 0;)
		if (m->at[series][i].t == t)
			return true;
	return false;
}

static int
model_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
model_compare(struct help *h, struct model *m, int64_t from, int64_t to)
{
	static const char *const names[M_SERIES] = {"0", "1", "2", "3", "4", "5"};
	int k;

	for (k = 0; k < M_SERIES; k++) {
		struct series_set set;
		size_t i, j = 0;

		qsort(m->at[k], m->n[k], sizeof(m->at[k][0]), model_order);
		help_select(h, &set, names[k], from, to);
		assert_true(set.n <= 1);
		for (i = 0; i < m->n[k]; i++) {
			if (m->at[k][i].t < from || m->at[k][i].t > to)
				continue;
			assert_int_equal(set.n, 1);
			assert_true(j < set.at[0].n);
			assert_int_equal(set.at[0].t_ms[j], m->at[k][i].t);
			if (m->at[k][i].hist > 0) {
				assert_non_null(set.at[0].h);
				assert_non_null(set.at[0].h[j]);
				assert_true(set.at[0].h[j]->count == m->at[k][i].hist);
			} else {
				assert_memory_equal(
				    &set.at[0].v[j], &m->at[k][i].v, sizeof(double));
			}
			j++;
		}
		assert_int_equal(set.n > 0 ? set.at[0].n : 0, j);
		series_set_clear(&set);
	}
}

struct model_batch {
	struct store_sample at[512];
	struct hist h[512];
	size_t n;
};

static void
batch_add(
    struct help *h, struct model *m, struct model_batch *b, int k, int64_t t, const uint32_t *sids)
{
	double v = chunk_round(model_value(k, t, &h->seed), resolutions[k]);
	int i, hist = k == 5 ? 1 + (int)(help_rand(&h->seed) % 4) : 0;

	if (model_has(m, k, t) || m->n[k] == M_MAX || b->n == 512)
		return;
	hist_init(&b->h[b->n]);
	for (i = 0; i < hist; i++)
		hist_observe(&b->h[b->n], (double)(1 + help_rand(&h->seed) % 1000));
	b->at[b->n] = (struct store_sample){
	    .sid = sids[k], .t_ms = t, .v = v, .h = hist > 0 ? &b->h[b->n] : NULL};
	b->n++;
	m->at[k][m->n[k]].t = t;
	m->at[k][m->n[k]].v = v;
	m->at[k][m->n[k]++].hist = hist;
}

static void
model_commit(struct help *h, struct model *m, struct model_batch *b, const uint32_t *sids)
{
	struct store_counts counts;
	int k, late;
	size_t i;

	b->n = 0;
	for (k = 0; k < M_SERIES; k++) {
		if (help_rand(&h->seed) % 10 < 9)
			batch_add(h, m, b, k, h->now - (int64_t)(help_rand(&h->seed) % 3), sids);
		for (late = 0; help_rand(&h->seed) % 40 == 0 && late < 20; late++)
			batch_add(h, m, b, k,
			    h->now - (int64_t)(help_rand(&h->seed) % (2 * DAY_MS)), sids);
	}
	assert_int_equal(help_commit(h, b->at, b->n, &counts), 0);
	assert_int_equal(counts.stored, b->n);
	for (i = 0; i < b->n; i++)
		hist_clear(&b->h[i]);
}

static void
model_run(uint64_t seed)
{
	struct model *m = calloc(1, sizeof(*m));
	struct model_batch *b = calloc(1, sizeof(*b));
	uint32_t sids[M_SERIES];
	struct help h;
	int step, k;
	char name[2] = "0";

	help_init(&h, NOON);
	h.seed = seed;
	help_open(&h);
	for (k = 0; k < M_SERIES; k++) {
		name[0] = (char)('0' + k);
		sids[k] = help_series(
		    &h, "model", name, k == 5 ? STORE_HISTOGRAM : STORE_GAUGE, resolutions[k]);
	}
	for (step = 0; step < 4000; step++) {
		h.now += 1000 + (int64_t)(help_rand(&h.seed) % 60000);
		if (help_rand(&h.seed) % 400 == 0)
			h.now += DAY_MS / 2;
		model_commit(&h, m, b, sids);
		if (help_rand(&h.seed) % 20 == 0)
			help_maintain(&h, (int)(help_rand(&h.seed) % 8));
		if (help_rand(&h.seed) % 300 == 0)
			help_reopen(&h);
		if (help_rand(&h.seed) % 200 == 0) {
			int64_t from = h.now - (int64_t)(help_rand(&h.seed) % (3 * DAY_MS));

			model_compare(
			    &h, m, from, from + (int64_t)(help_rand(&h.seed) % (2 * DAY_MS)));
		}
	}
	model_compare(&h, m, 0, INT64_MAX);
	h.now += DAY_MS;
	help_maintain(&h, 100000);
	model_compare(&h, m, 0, INT64_MAX);
	help_reopen(&h);
	model_compare(&h, m, 0, INT64_MAX);
	assert_int_equal(store_check(h.dir, help_finding, NULL), 0);
	help_done(&h);
	free(b);
	free(m);
}

static void
test_model(void **state)
{
	uint64_t seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) : 1;
	int i, runs = getenv("RUNS") != NULL ? (int)strtol(getenv("RUNS"), NULL, 10) : 3;

	(void)state;
	for (i = 0; i < runs; i++)
		model_run(seed + (uint64_t)i);
}

/* --- days, retention --- */

static void
fill_days(struct help *h, uint32_t sid, int days)
{
	int64_t end = h->now + days * DAY_MS;

	for (; h->now < end; h->now += 600000) {
		struct store_sample in = {.sid = sid, .t_ms = h->now, .v = (double)(h->now / 1000)};

		assert_int_equal(help_commit(h, &in, 1, NULL), 0);
		help_maintain(h, 1000);
	}
}

static void
test_days_and_retention(void **state)
{
	struct store_stats st;
	struct series_set set;
	struct help h;
	uint32_t sid;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	sid = help_series(&h, "m", "x", STORE_COUNTER, 0);
	fill_days(&h, sid, 5);
	store_stats(h.s, &st);
	assert_int_equal(st.day_files, 5);
	help_select(&h, &set, "x", 0, INT64_MAX);
	assert_int_equal(set.samples, 5 * 144);
	series_set_clear(&set);
	h.opts.retention_raw_ms = 3 * DAY_MS;
	help_reopen(&h);
	help_maintain(&h, 100);
	store_stats(h.s, &st);
	assert_int_equal(st.day_files, 3);
	help_select(&h, &set, "x", 0, INT64_MAX);
	assert_true(set.samples < 4 * 144 && set.samples > 3 * 144);
	series_set_clear(&set);
	h.opts.retention_raw_ms = 0;
	h.opts.max_size_bytes = 1; /* live.db itself is never dropped */
	help_reopen(&h);
	help_maintain(&h, 100);
	store_stats(h.s, &st);
	assert_int_equal(st.day_files, 0);
	help_done(&h);
}

static void
test_late_generations(void **state)
{
	struct store_stats st;
	struct series_set set;
	struct store_sample in;
	struct help h;
	uint32_t sid;
	size_t i;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	sid = help_series(&h, "m", "x", STORE_GAUGE, 0);
	fill_days(&h, sid, 2);
	store_stats(h.s, &st);
	assert_int_equal(st.day_files, 2);
	in = (struct store_sample){.sid = sid, .t_ms = NOON + 300000, .v = 7};
	assert_int_equal(help_commit(&h, &in, 1, NULL), 0);
	in = (struct store_sample){
	    .sid = sid, .t_ms = NOON + 600000, .v = 8}; /* there is one already */
	assert_int_equal(help_commit(&h, &in, 1, NULL), 0);
	fill_days(&h, sid, 1);
	store_stats(h.s, &st);
	assert_int_equal(st.day_files, 4);
	help_select(&h, &set, "x", NOON, NOON + 600000);
	assert_int_equal(set.samples, 3);
	for (i = 1; i < 3; i++)
		assert_true(set.at[0].t_ms[i] > set.at[0].t_ms[i - 1]);
	assert_true(set.at[0].v[1] == 7);
	assert_true(set.at[0].v[2] == (double)((NOON + 600000) / 1000));
	series_set_clear(&set);
	help_done(&h);
}

/* --- the lock, versions --- */

static void
test_second_owner(void **state)
{
	struct store_error err;
	struct store *other;
	struct help h;
	int status;
	pid_t pid;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	pid = fork();
	if (pid == 0) {
		int rc = store_open(&other, &h.opts, &err);

		_exit(rc == -EBUSY && err.owner == getppid() ? 7 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	help_close(&h);
	help_open(&h); /* the pid is still written there, and is no lock */
	help_done(&h);
}

static void
test_newer_schema_is_refused(void **state)
{
	struct store_error err;
	struct store *s;
	struct help h;
	uint8_t before[4096], after[4096];

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	help_close(&h);
	help_poke(&h, "live.db", 60, "\0\0\0\x63", 4);
	help_peek(&h, "live.db", 0, before, sizeof(before));
	assert_int_equal(store_open(&s, &h.opts, &err), -EPROTO);
	assert_non_null(strstr(err.text, "newer"));
	help_peek(&h, "live.db", 0, after, sizeof(after));
	assert_memory_equal(before, after, sizeof(before));
	help_poke(&h, "live.db", 68, "abcd", 4);
	assert_int_equal(store_open(&s, &h.opts, &err), -EPROTO);
	help_remove(&h);
}

static void
test_readonly(void **state)
{
	struct store_opts ro;
	struct store_error err;
	struct series_set set = {0};
	struct store_sample in;
	struct store *s;
	struct querier q;
	struct help h;
	uint32_t sid;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	sid = help_series(&h, "m", "x", STORE_GAUGE, 0);
	in = (struct store_sample){.sid = sid, .t_ms = NOON, .v = 1};
	assert_int_equal(help_commit(&h, &in, 1, NULL), 0);
	ro = h.opts;
	ro.readonly = true;
	assert_int_equal(store_open(&s, &ro, &err), 0);
	in.t_ms++;
	assert_int_equal(help_commit(&h, &in, 1, NULL), 0);
	q = store_querier(s);
	assert_int_equal(q.select(q.ctx, NULL, 0, 0, INT64_MAX, SIZE_MAX, NULL, NULL, &set), 0);
	assert_int_equal(set.samples, 2); /* what the owner wrote meanwhile is seen */
	series_set_clear(&set);
	assert_int_equal(store_series(s, h.labels, STORE_GAUGE, 0, &sid), -EACCES);
	store_close(s);
	help_done(&h);
}

static void
test_labels(void **state)
{
	struct store_sample in[3];
	struct matcher m;
	struct help h;
	char err[64];
	int i;

	(void)state;
	help_init(&h, NOON);
	help_open(&h);
	for (i = 0; i < 3; i++)
		in[i] = (struct store_sample){
		    .sid = help_series(&h, i < 2 ? "m" : "n", i == 0 ? "b" : "a", STORE_GAUGE, 0),
		    .t_ms = NOON - i * DAY_MS,
		    .v = 1};
	assert_int_equal(help_commit(&h, in, 3, NULL), 0);
	assert_string_equal(help_values(&h, "x", NULL, 0, 0, NOON), "a b ");
	assert_string_equal(help_values(&h, "__name__", NULL, 0, 0, NOON), "m n ");
	assert_string_equal(help_values(&h, "__name__", NULL, 0, NOON - DAY_MS, NOON), "m ");
	assert_int_equal(matcher_init(&m, MATCH_RE, "__name__", "n.*", err, sizeof(err)), 0);
	assert_string_equal(help_values(&h, "x", &m, 1, 0, NOON), "a ");
	matcher_clear(&m);
	assert_string_equal(help_names(&h), "__name__ x ");
	help_done(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_ceiling_and_cancel),
	    cmocka_unit_test(test_labels),
	    cmocka_unit_test(test_second_owner),
	    cmocka_unit_test(test_newer_schema_is_refused),
	    cmocka_unit_test(test_readonly),
	    cmocka_unit_test(test_days_and_retention),
	    cmocka_unit_test(test_late_generations),
	    cmocka_unit_test(test_model),
	};

	alarm(1800);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
