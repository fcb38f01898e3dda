/*
 * ledger.c - see ledger.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/faults/ledger.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T0 INT64_C(1763899200000)
#define STEP_MS 600000
#define SERIES 5
#define LATE_EVERY 7
#define LATE_MS (26 * 3600000 + 1)

static int64_t
ledger_now(void *arg)
{
	return ((struct ledger *)arg)->now;
}

static void
ledger_log(void *arg, int level, const char *text)
{
	struct ledger *l = arg;

	l->said_errors += level <= 3;
	if (l->verbose)
		fprintf(stderr, "  %s\n", text);
}

void
ledger_init(struct ledger *l)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(l->dir, sizeof(l->dir), "%.40s/tw-fault-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(l->dir) == NULL) {
		perror(l->dir);
		exit(99);
	}
	l->first = l->next = 0;
	l->now = T0;
}

void
ledger_remove(struct ledger *l)
{
	DIR *d = opendir(l->dir);
	struct dirent *e;
	char path[512];

	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", l->dir, e->d_name);
		unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(l->dir);
}

struct store *
ledger_open(struct ledger *l)
{
	struct store_opts opts = {
	    .path = l->dir, .now_ms = ledger_now, .now_arg = l, .log = ledger_log, .log_arg = l};
	struct store_error err;
	struct store *s;

	if (store_open(&s, &opts, &err) == 0)
		return s;
	fprintf(stderr, "%s: %s\n", l->dir, err.text);
	return NULL;
}

static double
value_of(int series, int64_t k)
{
	return series == 0 ? (double)k : (double)((k * 7919 + series * 104729) % 100003) / 1000;
}

static uint32_t
series_id(struct store *s, int i)
{
	char x[2] = {(char)('0' + i), '\0'};
	struct label pairs[] = {{LABEL_NAME, "ledger"}, {"x", x}};
	struct labels *l;
	uint32_t sid = 0;

	if (labels_new(&l, pairs, 2) != 0)
		abort();
	(void)store_series(s, l, STORE_GAUGE, i == 1 ? 0.001 : 0, &sid);
	labels_unref(l);
	return sid;
}

static int
commit_step(struct ledger *l, struct store *s, int64_t k)
{
	struct store_sample at[SERIES + 1];
	char reason[32];
	struct store_state state = {"probe", "step", &k, sizeof(k)};
	struct store_run run = {.probe = "probe",
	    .at_ms = T0 + k * STEP_MS,
	    .verdict = k % 5 == 0,
	    .cause = "c",
	    .reason = reason,
	    .facts = "{}",
	    .duration_us = k % 97,
	    .keep = k % 11 == 0};
	struct store_batch batch = {at, SERIES, &state, 1, &run, 1};
	int i;

	snprintf(reason, sizeof(reason), "%lld", (long long)k);
	l->now = T0 + k * STEP_MS;
	for (i = 0; i < SERIES; i++)
		at[i] = (struct store_sample){
		    .sid = series_id(s, i), .t_ms = T0 + k * STEP_MS, .v = value_of(i, k)};
	if (k % LATE_EVERY == 0)
		at[batch.n_samples++] = (struct store_sample){
		    .sid = series_id(s, 2), .t_ms = T0 + k * STEP_MS - LATE_MS, .v = (double)k};
	return store_commit(s, &batch, 1, NULL);
}

int
ledger_write(struct ledger *l, struct store *s, int fd, int max)
{
	int rc, done = 0;

	while (max == 0 || done++ < max) {
		rc = commit_step(l, s, l->next);
		if (rc != 0)
			return rc;
		if (fd >= 0 && write(fd, &l->next, sizeof(l->next)) != sizeof(l->next))
			return 0;
		l->next++;
		rc = store_maintain(s);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* --- checking --- */

struct seen { /* the samples found of one series, by step */
	uint8_t *grid, *late;
	unsigned wrong;
};

static void
sort_out(const struct series *se, int i, int64_t steps, struct seen *out)
{
	size_t n;

	for (n = 0; n < se->n; n++) {
		int64_t off = se->t_ms[n] - T0, k = off / STEP_MS;

		if (off >= 0 && off % STEP_MS == 0 && k < steps && se->v[n] == value_of(i, k)
		    && !out->grid[k]) {
			out->grid[k] = 1;
			continue;
		}
		off += LATE_MS;
		k = off / STEP_MS;
		if (i == 2 && off >= 0 && off % STEP_MS == 0 && k < steps && se->v[n] == (double)k
		    && k % LATE_EVERY == 0 && !out->late[k])
			out->late[k] = 1;
		else
			out->wrong++;
	}
}

/* How many of step k's samples are there; *of = how many it has. */
static int
count_step(const struct seen *seen, int64_t k, int *of)
{
	int i, n = 0;

	for (i = 0; i < SERIES; i++)
		n += seen[i].grid[k];
	*of = SERIES;
	if (k % LATE_EVERY == 0) {
		n += seen[2].late[k];
		++*of;
	}
	return n;
}

static void
on_state(void *arg, const char *key, const void *data, size_t len)
{
	(void)key;
	if (len == sizeof(int64_t))
		memcpy(arg, data, len);
}

static void
on_run(void *arg, const struct store_run_row *row)
{
	*(int64_t *)arg = strtoll(row->run.reason, NULL, 10);
}

static void
compare_samples(struct ledger *l, struct store *s, int64_t acked, struct verdict *v)
{
	struct querier q = store_querier(s);
	struct series_set set = {0};
	struct seen seen[SERIES];
	int64_t k, steps = acked + 3, newest = l->first;
	size_t n;
	int i, of, have;

	for (i = 0; i < SERIES; i++)
		seen[i] = (struct seen){calloc(1, (size_t)steps), calloc(1, (size_t)steps), 0};
	if (q.select(q.ctx, NULL, 0, 0, INT64_MAX, SIZE_MAX, NULL, NULL, &set) != 0)
		v->corrupt++;
	for (n = 0; n < set.n; n++)
		sort_out(&set.at[n], labels_get(set.at[n].labels, "x")[0] - '0', steps,
		    &seen[labels_get(set.at[n].labels, "x")[0] - '0']);
	series_set_clear(&set);
	for (k = l->first; k <= acked; k++) {
		v->lost += count_step(seen, k, &of) < of;
		newest = k + 1;
	}
	have = count_step(seen, newest, &of);
	if (have == of)
		newest++;
	else if (have != 0)
		v->corrupt++; /* half a commit */
	for (i = 0; i < SERIES; i++) {
		v->corrupt += seen[i].wrong > 0;
		free(seen[i].grid);
		free(seen[i].late);
	}
	l->next = newest;
}

static void
compare(struct ledger *l, struct store *s, int64_t acked, struct verdict *v)
{
	struct store_stats stats;
	int64_t state = -1, run = -1;

	compare_samples(l, s, acked, v);
	if (store_state_each(s, "probe", on_state, &state) != 0 || state != l->next - 1)
		v->corrupt++;
	if (store_runs_each(s, "probe", STORE_RUNS_NEWEST, 0, INT64_MAX, 1, on_run, &run) != 0
	    || run != l->next - 1)
		v->corrupt++;
	store_stats(s, &stats);
	v->corrupt += stats.damaged > 0;
}

static void
on_finding(void *arg, const char *text)
{
	const struct ledger *l = arg;

	if (l->verbose)
		fprintf(stderr, "  %s\n", text);
}

void
ledger_verify(struct ledger *l, int fd, struct verdict *v)
{
	int64_t k, acked = l->next - 1;
	struct store *s;
	int i;

	while (read(fd, &k, sizeof(k)) == sizeof(k))
		acked = k;
	l->now = T0 + (acked + 1) * STEP_MS;
	s = ledger_open(l);
	if (s == NULL) {
		v->corrupt++;
		return;
	}
	compare(l, s, acked, v);
	for (i = 0; i < 1000 && store_maintain(s) > 0; i++)
		;
	compare(l, s, l->next - 1, v);
	store_close(s);
	if (store_check(l->dir, on_finding, l) != 0)
		v->corrupt++;
}
