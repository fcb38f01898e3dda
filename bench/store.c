/*
 * store.c - what the store costs: commits a second, samples a core, a select, a restart, bytes on
 * disk.
 *
 *   bench/store [DIR]      prints one row each: name, value, unit, bar, ok|short
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/store/store.h"
#include "lib/clock.h"

#define SERIES 10000
#define TICKS 400
#define T0 INT64_C(1763899200000)

static int64_t now_ms = T0;

static int64_t
fake_now(void *arg)
{
	return *(int64_t *)arg;
}

static void
row(const char *name, double value, const char *unit, double bar, bool is_least)
{
	printf("%-28s %14.3f %-12s %s %10g  %s\n", name, value, unit, is_least ? ">=" : "<=", bar,
	    (is_least ? value >= bar : value <= bar) ? "ok" : "short");
}

static double
cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
	       + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct store *
start(const char *dir)
{
	struct store_opts opts = {.path = dir, .now_ms = fake_now, .now_arg = &now_ms};
	struct store_error err;
	struct store *s;

	if (store_open(&s, &opts, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return s;
}

static void
make_series(struct store *s, struct store_sample *at)
{
	static const char *const names[] = {
	    "ttfb_seconds", "up", "requests_total", "phase_seconds"};
	char probe[32];
	int i;

	for (i = 0; i < SERIES; i++) {
		struct label pairs[] = {{LABEL_NAME, names[i % 4]}, {"probe", probe},
		    {"shop", "bench"}, {"phase", i % 8 < 4 ? "wait" : "connect"}};
		struct labels *l;

		snprintf(probe, sizeof(probe), "p%d", i / 8);
		if (labels_new(&l, pairs, 4) != 0
		    || store_series(
			   s, l, STORE_GAUGE, i % 4 == 0 || i % 4 == 3 ? 1e-6 : 0, &at[i].sid)
			   != 0)
			exit(1);
		labels_unref(l);
	}
}

static void
fill(struct store_sample *at, int tick)
{
	int i;

	now_ms = T0 + tick * INT64_C(10000);
	for (i = 0; i < SERIES; i++) {
		at[i].t_ms = now_ms;
		at[i].v = i % 4 == 1   ? 1
			  : i % 4 == 2 ? tick * 25.0 + (double)(random() % 5)
				       : 0.08 * exp((double)(random() % 1000) / 2500 - 0.2);
	}
}

static void
bench_bulk(struct store *s, struct store_sample *at)
{
	struct store_batch batch = {.samples = at, .n_samples = SERIES};
	double cpu, wall = 0, worst = 0, worst_maintain = 0, spent = 0;
	int tick;

	for (tick = 0; tick < TICKS; tick++) {
		mono_t start_at;
		double us;

		fill(at, tick);
		cpu = cpu_s();
		start_at = mono_now();
		if (store_commit(s, &batch, 1, NULL) != 0)
			exit(1);
		us = (double)mono_sub_us(mono_now(), start_at);
		worst = us > worst ? us : worst;
		wall += us;
		do {
			start_at = mono_now();
			if (store_maintain(s) <= 0)
				break;
			us = (double)mono_sub_us(mono_now(), start_at);
			worst_maintain = us > worst_maintain ? us : worst_maintain;
		} while (true);
		spent += cpu_s() - cpu;
	}
	row("bulk_samples_per_cpu_s", SERIES * (double)TICKS / spent / 1e6, "M/s", 1, true);
	row("commit_10k_mean", wall / TICKS / 1000, "ms", 20, false);
	row("commit_10k_worst", worst / 1000, "ms", 100, false);
	row("maintain_worst", worst_maintain / 1000, "ms", 40, false);
}

static void
bench_small(struct store *s, struct store_sample *at)
{
	struct store_batch batches[1000];
	double cpu, spent = 0, wall = 0;
	int i, tick;

	for (tick = TICKS; tick < TICKS + 50; tick++) {
		mono_t start_at;

		fill(at, tick);
		for (i = 0; i < 1000; i++)
			batches[i] = (struct store_batch){.samples = at + i * 10, .n_samples = 10};
		cpu = cpu_s();
		start_at = mono_now();
		if (store_commit(s, batches, 1000, NULL) != 0)
			exit(1);
		wall += (double)mono_sub_us(mono_now(), start_at);
		spent += cpu_s() - cpu;
	}
	row("commit_1000_runs_of_10", wall / 50 / 1000, "ms", 20, false);
	row("cpu_1000_runs_each_second", spent / 50 * 100, "% of a core", 2, false);
}

static void
bench_select(struct store *s)
{
	struct querier q = store_querier(s);
	struct matcher m[3];
	struct series_set set = {0};
	mono_t start_at;
	size_t samples = 0;
	int i;

	matcher_init(&m[0], MATCH_EQ, LABEL_NAME, "ttfb_seconds", NULL, 0);
	matcher_init(&m[1], MATCH_EQ, "probe", "p77", NULL, 0);
	matcher_init(&m[2], MATCH_EQ, "phase", "wait", NULL, 0);
	start_at = mono_now();
	for (i = 0; i < 1000; i++) {
		if (q.select(q.ctx, m, 3, now_ms - 3600000, now_ms, SIZE_MAX, NULL, NULL, &set)
		    != 0)
			exit(1);
		samples += set.samples;
		series_set_clear(&set);
	}
	row("select_1_series_1h", (double)mono_sub_us(mono_now(), start_at) / 1e6, "ms", 0.2,
	    false);
	row("select_1_series_samples", (double)samples / 1000, "", 300, true);
	start_at = mono_now();
	if (q.select(q.ctx, m, 1, now_ms - 3600000, now_ms, SIZE_MAX, NULL, NULL, &set) != 0)
		exit(1);
	row("select_2500_series_1h", (double)mono_sub_us(mono_now(), start_at) / 1000, "ms", 100,
	    false);
	row("select_samples_per_s", (double)set.samples / (double)mono_sub_us(mono_now(), start_at),
	    "M/s", 10, true);
	series_set_clear(&set);
	for (i = 0; i < 3; i++)
		matcher_clear(&m[i]);
}

static void
bench_disk(struct store *s)
{
	struct store_stats st;
	mono_t start_at = mono_now();
	int n = 0;

	now_ms += 2 * 86400000;
	while (store_maintain(s) > 0)
		n++;
	store_stats(s, &st);
	row("day_file_bytes_per_sample", (double)st.day_bytes / (SERIES * (TICKS + 50.0)), "B", 2.5,
	    false);
	row("close_day", (double)mono_sub_us(mono_now(), start_at) / 1000, "ms", 20000, false);
}

static int64_t
rss_bytes(void)
{
	long pages = 0, skip;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%ld %ld", &skip, &pages) != 2)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

int
main(int argc, char **argv)
{
	char dir[64] = "/tmp/tw-bench-XXXXXX", path[512];
	struct store_sample *at = calloc(SERIES, sizeof(*at));
	int64_t rss = rss_bytes();
	struct dirent *e;
	struct store *s;
	mono_t start_at;
	DIR *d;

	if (argc > 1)
		snprintf(dir, sizeof(dir), "%.48s/bench-XXXXXX", argv[1]);
	if (mkdtemp(dir) == NULL || at == NULL)
		return 1;
	s = start(dir);
	make_series(s, at);
	bench_bulk(s, at);
	bench_small(s, at);
	row("rss_per_series", (double)(rss_bytes() - rss) / SERIES, "B", 1500, false);
	bench_select(s);
	store_close(s);
	start_at = mono_now();
	s = start(dir);
	row("restart_10k_series", (double)mono_sub_us(mono_now(), start_at) / 1000, "ms", 1000,
	    false);
	bench_disk(s);
	store_close(s);
	d = opendir(dir);
	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(dir);
	free(at);
	return 0;
}
