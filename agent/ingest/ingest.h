/*
 * ingest.h - frames become samples: what a host sends is checked, staged a run, committed, and only
 * then known.
 *
 *   host --frames--> stage (loop thread) --runs--> writer (its thread, one transaction) --done-->
 * status, rules
 *
 * DESIGN. A run is staged until its RESULT comes; a host that dies in the middle leaves nothing
 * behind. The writer takes all runs that wait and commits them together. After the commit the loop
 * thread learns of it (ingest_committed): probe status, last values and whoever listens change only
 * then, so that nobody has seen what a crash could take back. When the disk is full the runs stay
 * in memory up to INGEST_QUEUE_BYTES, the oldest are dropped first, and the drop is counted.
 *
 * A gauge or counter of a probe that runs more rarely than once a minute is republished each 60 s
 * until its next run is overdue; then all its series get a stale marker. A series that a run no
 * longer gives gets one too.
 *
 * All calls from the loop thread, unless said otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_INGEST_INGEST_H
#define AGENT_INGEST_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "wire/messages.h"

#define INGEST_QUEUE_BYTES (64u << 20)  /* staged and not yet committed, over all hosts */
#define INGEST_RUN_BYTES (6u << 20)     /* of one run: 4 MiB of state and its samples */
#define INGEST_SERIES_MAX (1u << 20)    /* over all hosts */
#define INGEST_GRACE_MS 2000            /* after slot + timeout: then a result is missing */
#define REPUBLISH_MS 60000

struct ingest;
struct ingest_host;                     /* one life of a host process: its series numbers */

enum probe_verdict {
	PROBE_OK,
	PROBE_WARN,
	PROBE_CRIT,
	PROBE_UNKNOWN,
	PROBE_PENDING /* no run yet */
};

struct ingest_probe {                   /* a probe as configured */
	const char *name, *plugin, *system;
	int64_t interval_ms, offset_ms, timeout_ms;
	const struct label *labels;     /* extra ones; `probe` and `shop` are added */
	size_t n_labels;
};

struct probe_status { /* as of the last committed run; texts are owned by the copy */
	char *name, *plugin, *system, *cause, *reason;
	enum probe_verdict verdict;
	int64_t interval_ms, timeout_ms;
	int64_t since_ms, last_run_ms, next_run_ms; /* 0 = never */
	bool late, stale;
	uint64_t runs;
};

/* A committed run, or one that was asked for and skipped; lives for the call. */
struct ingest_result {
	uint32_t probe;
	const char *name;
	int64_t slot_ms;
	enum probe_verdict verdict, before;
	const char *cause, *reason, *facts;
	int64_t duration_us;
	uint32_t asked; /* the generation of FRAME_RUN that it answers; 0 = a slot's run */
	bool is_skipped;                /* there is its cause alone */
};

struct ingest_opts {
	struct store *store;
	const char *shop;
	const struct label *labels;     /* shop.labels */
	size_t n_labels;
	int64_t (*now_ms)(void *);      /* NULL = CLOCK_REALTIME */
	void *now_arg;
	void (*wake)(
	    void *); /* from the writer thread: call ingest_committed on the loop thread soon */
	void *wake_arg;
	void (*on_result)(void *, const struct ingest_result *);
	void *on_result_arg;
	/* A COMMIT of a host is on disk: `owner` of its ingest_host_new. */
	void (*on_commit)(void *owner, uint32_t probe, uint32_t generation, uint32_t number);
	/* Overwrites the values of configured secrets, in place; NULL = there are none. */
	void (*scrub)(void *, char *text);
	void *scrub_arg;
};

struct ingest *ingest_new(const struct ingest_opts *opts);
void ingest_free(struct ingest *in); /* commits what is complete, then stops the writer. Blocks */

/* Probes. The id is stable while the name is; a changed configuration keeps history and status. */
uint32_t ingest_probe_add(struct ingest *in, const struct ingest_probe *p);
#define INGEST_NO_PROBE UINT32_MAX
uint32_t ingest_probe_find(const struct ingest *in, const char *name); /* or INGEST_NO_PROBE */
bool ingest_probe_is(const struct ingest *in, uint32_t probe, const char *name);
void ingest_probe_remove(struct ingest *in, uint32_t probe); /* its series end with stale markers */

struct ingest_host *ingest_host_new(struct ingest *in, void *owner);
/* The host is gone: its staged runs are dropped, and those in flight become unknown with this cause
 * and reason. */
void ingest_host_gone(struct ingest_host *h, const uint32_t *probes, size_t n, const char *cause,
    const char *reason);
/* SERIES, SAMPLES, HIST, STATE, COMMIT, RESULT. 0, or -EBADMSG: kill the host. */
int ingest_frame(struct ingest_host *h, const struct frame *f);
/* Sends each state blob of the probe as last committed to `each`; for RESTORE. Blocks on disk
 * shortly. */
int ingest_restore(struct ingest *in, uint32_t probe,
    void (*each)(void *, const char *key, const void *data, size_t len), void *arg);

/* The agent's own samples (tillwatch_*), at one stamp. labels: pairs, NULL-terminated; shop is
 * added. */
struct ingest_own {
	const char *name;
	enum store_kind kind;
	const char *const *labels;
	double v;
};
void ingest_own(struct ingest *in, const struct ingest_own *samples, size_t n, int64_t t_ms);

/* Recording rules write series of their own. The labels get `shop` when they lack it. Any thread;
 * committed within a second or two. */
void ingest_recorded(struct ingest *in, const struct labels *l, int64_t t_ms, double v);

/* For every text of a host that is shown or logged: no secret is left in it. */
void ingest_scrub(const struct ingest *in, char *text);

void ingest_committed(struct ingest *in);  /* after wake: results become known */
void ingest_tick(struct ingest *in);       /* each second: republish, stale, maintenance */

/* The last slot of a probe for which a result came (0 = none): the supervisor's watchdog asks. */
int64_t ingest_last_slot_ms(const struct ingest *in, uint32_t probe);

/* Any thread. */
void ingest_status_each(
    struct ingest *in, void (*each)(void *, const struct probe_status *), void *arg);
bool ingest_blind(struct ingest *in, int64_t *since_ms);
struct ingest_stats {
	uint64_t runs, samples, refused, dropped_runs, commit_errors, too_old, duplicate, future,
	    bad_frames;
	uint64_t queued_bytes;
	int64_t commit_us;              /* of the last transaction */
};
void ingest_stats(struct ingest *in, struct ingest_stats *out);

#endif
