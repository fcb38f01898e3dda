/*
 * internal.h - what the files of ingest/ share. Nobody else includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_INGEST_INTERNAL_H
#define AGENT_INGEST_INTERNAL_H

#include <pthread.h>

#include "agent/ingest/ingest.h"
#include "lib/index.h"

/* A series, interned for the agent's life: its number in the store is asked for once. */
struct iseries {
	struct labels *labels;
	double resolution;
	uint32_t sid;            /* writer thread only; valid when has_sid */
	uint8_t kind;            /* enum store_kind */
	bool has_sid;
	/* Loop thread: what republishing and stale markers need. */
	bool listed, is_hist, ended;
	uint64_t run;            /* number of the probe's run that gave it last */
	double last;
};

struct staged_sample {
	struct iseries *series;
	int64_t t_ms;
	double v;
	struct hist *h;          /* owned */
};
struct staged_state {
	char *key;
	void *data;              /* NULL: remove */
	size_t len;
};

/* One run on its way to the disk; nothing in it points into a host. */
struct run {
	struct run *next;
	bool is_tied;            /* commits with `next`, or not at all */
	uint32_t commit, generation; /* number that its host waits for; 0 = none */
	uint64_t life;           /* of that host */
	uint32_t probe;          /* RUN_OWN: samples of the agent, no probe */
	uint32_t asked;
	struct staged_sample *samples;
	size_t n_samples, cap_samples;
	struct staged_state *states;
	size_t n_states, cap_states;
	struct store_run record; /* texts owned */
	char *name, *cause, *reason, *facts;
	bool has_record, is_result, late;
	uint8_t verdict;
	int64_t slot_ms;
	size_t bytes;
};
#define RUN_OWN UINT32_MAX

struct iprobe {
	bool used;
	char *name, *plugin, *system;
	struct label *labels;    /* owned texts */
	size_t n_labels;
	int64_t interval_ms, offset_ms, timeout_ms;
	/* Before the commit (loop thread). */
	int64_t last_slot_ms, republished_ms;
	uint64_t run, late, skipped, timeouts, runs[4];
	struct iseries **series; /* those with a live value */
	size_t n_series, cap_series;
	bool overdue;
	int last_verdict;
	int64_t fail_hour;
	char fail_cause[32];
	unsigned fails;
	/* After it; under ingest.lock. */
	struct probe_status status;
	struct iseries *own[16]; /* tillwatch_* series of the probe, by enum own_metric */
};

struct writer;

struct ingest {
	struct ingest_opts opts;
	struct index series;     /* struct iseries by labels */
	struct ingest_host *hosts;
	uint64_t lives;          /* of hosts, so far */
	struct iprobe *probes;
	size_t n_probes;
	struct writer *writer;
	pthread_mutex_t lock;    /* status of probes, blind, stats: read by any thread */
	bool blind;
	int64_t blind_since_ms;
	struct ingest_stats stats;
	struct recorded *recorded; /* of recording rules, newest first; taken by the tick */
	size_t n_recorded;
};

#define RECORDED_MAX 100000
struct recorded {
	struct recorded *next;
	struct labels *labels;
	int64_t t_ms;
	double v;
};

struct ingest_host {
	struct ingest_host *next; /* in ingest.hosts */
	struct ingest *in;
	uint64_t life;
	void *owner;             /* what on_commit is told */
	struct run *tied, **tied_last; /* complete, and wait for what they commit with */
	size_t tied_bytes;
	struct iseries **series; /* by the host's number */
	size_t n_series, cap_series;
	struct run **staging;    /* by probe */
	size_t n_staging;
};

int64_t ingest_now_ms(const struct ingest *in);

/* series.c */
struct iseries *series_intern(struct ingest *in, const struct labels *l, enum store_kind kind,
    double resolution);                     /* NULL past INGEST_SERIES_MAX */
struct labels *series_labels(struct ingest *in, const struct iprobe *p, const struct labels *given);
void series_free_all(struct ingest *in);

/* scrub.c: *facts is JSON on the heap, and may be replaced */
void scrub_facts(const struct ingest *in, char **facts);

/* run.c */
struct run *run_new(uint32_t probe);
void run_free(struct run *r);
int run_sample(
    struct run *r, struct iseries *s, int64_t t_ms, double v, struct hist *h); /* takes h */
int run_state(struct run *r, const char *key, const void *data, size_t len);

/* probe.c: what a run means for its probe, before the commit and after it. Those that are ready
 * are pushed by the caller. */
void probe_finish_run(
    struct ingest *in, struct iprobe *p, struct run *r, const struct msg_result *m);
void probe_gave(struct iprobe *p, struct run *r); /* samples, but no end of a run */
void probe_known(struct ingest *in, struct run *r);
void probe_abort(struct ingest *in, uint32_t probe, const char *cause, const char *reason);
void probe_tick(struct ingest *in, uint32_t probe, int64_t now_ms);
void probe_end(struct ingest *in, uint32_t probe, int64_t now_ms);

/* writer.c */
struct writer *writer_new(struct ingest *in);
void writer_free(struct writer *w);
void writer_settle(struct writer *w); /* waits until the queue is committed, 500 ms at most */
void writer_push(struct writer *w, struct run *r); /* takes r, and what follows it by `next` */
struct run *writer_done(struct writer *w); /* committed runs in order; the caller frees */

#endif
