/*
 * store.h - the time series store: what a run measured, kept in SQLite, read back as series.
 *
 * Files in one directory: live.db (WAL, synchronous=FULL: a frame a commit, sealed chunks, probe
 * state, run records), immutable day files d-YYYYMMDD[.N].db, and the lock file. One process owns
 * it; readers of the same process use any thread, readers of other processes open read-only.
 *
 * Contract: store_commit returns 0 only when everything in it is durable; only then does
 * store_select show it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_STORE_STORE_H
#define AGENT_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/series.h"

struct store;

struct store_opts {
	const char *path;          /* directory; made (0750) when absent */
	bool readonly;             /* another process may own it: no lock, no writes, no repair */
	int64_t (*now_ms)(void *); /* wall clock; a test passes its own. NULL = CLOCK_REALTIME */
	void *now_arg;
	int64_t retention_raw_ms; /* day files older than this are unlinked; 0 = keep */
	int64_t
	    max_size_bytes; /* oldest day files go first when the whole is larger; 0 = no limit */
	int64_t runs_max_bytes; /* ceiling of the run records; 0 = 1 GiB */
	/* From any thread, with locks held: it must not call the store. level as syslog(3); NULL =
	 * silent. */
	void (*log)(void *, int level, const char *text);
	void *log_arg;
};

struct store_error {
	int code;    /* negative errno; -EBUSY: a living process owns the store */
	pid_t owner; /* with -EBUSY */
	char text[256];
};

enum store_kind { STORE_GAUGE = 1, STORE_COUNTER, STORE_HISTOGRAM };

int store_open(
    struct store **out, const struct store_opts *opts, struct store_error *err); /* blocks */
void store_close(struct store *s); /* seals nothing: what is committed is on disk already */

#define STORE_LATE_MS (7 * 86400 * INT64_C(1000)) /* how far back samples are taken */

/* The id of a series, made when new (the row is written with the next commit). resolution: samples
 * are rounded to multiples of it (0 = exact double): the declared resolution of the metric. -E2BIG
 * past a million series. Any thread. */
int store_series(struct store *s, const struct labels *l, enum store_kind kind, double resolution,
    uint32_t *sid);

struct store_sample {
	uint32_t sid;
	int64_t t_ms;
	double v;             /* stale_nan() for a stale marker; unused where h is set */
	const struct hist *h; /* NULL for a float */
};
struct store_state { /* a keyed blob of a probe; data NULL removes the key */
	const char *probe, *key;
	const void *data;
	size_t len;
};
struct store_run {
	const char *probe;
	int64_t at_ms;              /* slot */
	int verdict;                /* 0 ok, 1 warn, 2 crit, 3 unknown */
	const char *cause, *reason; /* short word; sentence (sanitised by the reader) */
	const char *facts;          /* JSON object text */
	int64_t duration_us;        /* what "slowest" is judged by; <0 = not judged */
	unsigned keep;              /* STORE_KEEP_*: why the caller wants it kept beyond "newest" */
};
#define STORE_KEEP_CHANGE 1u  /* the verdict changed */
#define STORE_KEEP_FAILURE 2u /* among the first three failures of this cause and hour */
#define STORE_KEEP_SLOWEST                                                                         \
	4u /* judged by the store itself: slowest per probe and minute, later per hour */

struct store_batch { /* one run's results: they commit together or not at all */
	const struct store_sample *samples;
	size_t n_samples;
	const struct store_state *states;
	size_t n_states;
	const struct store_run *runs;
	size_t n_runs;
};
struct store_counts { /* what a commit refused, sample by sample; never the whole batch */
	uint32_t stored, too_old, duplicate, future;
};
/* All batches in ONE transaction, durable when 0 is returned. Writer thread only. -ENOSPC,
 * -EIO: nothing of it is stored, the caller may keep and retry. -EINVAL: a sid that
 * store_series never gave. A sample whose stamp the series has already is `duplicate`; one
 * older than STORE_LATE_MS (or than the retention) `too_old`; one beyond now + 5 min `future`.
 * A duplicate of a sample that is sealed long since is counted as stored, but the first one
 * stays the one that is read. */
int store_commit(
    struct store *s, const struct store_batch *batches, size_t n, struct store_counts *counts);

/* Periodic work between commits: sealing, closing yesterday, retention, checkpoints. Bounded to
 * about 20 ms a call; returns >0 when there is more to do, 0 when idle, <0 on error. Writer thread
 * only. */
int store_maintain(struct store *s);

/* Reading: any thread; only committed data. See struct querier in lib/series.h. */
struct querier store_querier(struct store *s);
/* Distinct label names, or the values of one name, of series that match and have samples in the
 * range. `each` is called in sorted order; the text lives for the call. */
int store_label_values(struct store *s, const char *name, const struct matcher *m, size_t n,
    int64_t from_ms, int64_t to_ms, void (*each)(void *, const char *), void *arg);
int store_label_names(struct store *s, const struct matcher *m, size_t n, int64_t from_ms,
    int64_t to_ms, void (*each)(void *, const char *), void *arg);

int store_state_each(struct store *s, const char *probe,
    void (*each)(void *, const char *key, const void *data, size_t len), void *arg);

struct store_run_row {
	int64_t id;
	struct store_run run;
};
enum store_runs_kind { STORE_RUNS_ALL, STORE_RUNS_NEWEST, STORE_RUNS_SLOWEST, STORE_RUNS_FAILED };
/* Newest first (slowest: by duration), at most limit; probe NULL = all probes. Rows live for the
 * call. */
int store_runs_each(struct store *s, const char *probe, enum store_runs_kind kind, int64_t from_ms,
    int64_t to_ms, size_t limit, void (*each)(void *, const struct store_run_row *), void *arg);

struct store_stats {
	uint64_t series, head_samples, chunks, commits, samples, damaged, salvaged;
	int64_t live_bytes, day_bytes, oldest_ms, newest_ms, last_commit_us;
	uint32_t day_files;
};
void store_stats(struct store *s, struct store_stats *out);

/* `tillwatch db check`: verifies every page and chunk; each finding is said. Returns the number of
 * findings. */
int store_check(const char *path, void (*say)(void *, const char *finding), void *arg);

#endif
