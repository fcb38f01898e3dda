/*
 * emit.h - what one probe says: samples, totals, facts; checked against what its plugin declared,
 * and kept until the run ends.
 *
 * DESIGN. A series is known by its canonical text (name, `probe`, labels) and lives as long as the
 * probe. emit_* add a sample to the run; the same series and stamp twice: the last one counts.
 * emit_count and emit_observe add to totals, which the host keeps over runs and restarts: they are
 * a part of the probe's state (keys "tw.totals.N", pages of at most 64 KiB), so they commit with
 * the run. Every total is a sample of every run, so that no counter goes stale between two errors;
 * a plugin with TW_EVENT_TIME says itself when (emit_publish).
 *
 *      emit, count ... -> struct run_sample[] -> (end of run, loop thread) numbers -> frames
 *
 * Refused and counted: an undeclared metric or label, the wrong kind, a value that is not finite,
 * a label value over EMIT_VALUE_MAX bytes, whatever passes a ceiling. A label's values past
 * EMIT_DIMENSION_MAX become "other".
 *
 * Runs in: the thread that the probe's callbacks run in. Never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_EMIT_H
#define HOST_EMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "host/host-load.h"
#include "host/state.h"
#include "lib/buf.h"
#include "lib/hist.h"
#include "lib/index.h"

#define EMIT_VALUE_MAX 256      /* bytes of a label's value */
#define EMIT_DIMENSION_MAX 50   /* values of one label of one metric; then "other" */
#define EMIT_SERIES_MAX 4096    /* a probe */
#define EMIT_SAMPLES_MAX 16384  /* a run */
#define EMIT_HIST_MAX 1024      /* histograms a run */
#define EMIT_FACTS_MAX 256
#define EMIT_FACT_BYTES_MAX (16 * 1024) /* paths and texts of a run */
#define SERIES_UNSENT UINT32_MAX

struct emit_series {
	uint32_t metric;
	uint32_t number;                /* on the wire; SERIES_UNSENT before */
	uint32_t last_sample; /* its newest sample of this run, counted from 1; 0 = none */
	bool has_total;
	double total;                   /* of a counter */
	struct hist *hist;              /* total of a histogram; NULL otherwise */
	uint32_t page;                  /* of the totals */
	struct emit_series *next_total; /* in emit.totals */
	uint64_t call;                  /* hash of the last call that meant it; 0 = none */
	struct emit_series *then;       /* what the call after that one meant */
	char text[];                    /* canonical labels */
};

struct run_sample {
	struct emit_series *series;
	int64_t t_ms;
	double v;
	struct hist *hist;              /* owned; NULL for a number */
};

struct emit {
	const struct plugin *plugin;
	char *probe;                    /* its name */
	struct index series;            /* struct emit_series by text */
	struct emit_dimension *dimensions; /* label values seen */
	uint32_t n_dimensions;
	struct emit_series *totals;     /* those with a total, newest first */
	size_t n_pages;
	uint64_t pages_changed;         /* bit N: page N must be written */

	struct emit_series *first;      /* what the first call of a run meant */

	/* the run */
	struct emit_series *before;     /* what the call before this one meant; NULL = none */
	struct run_sample *samples;
	size_t n_samples, cap_samples, n_hists;
	struct emit_fact *facts;        /* emit-facts.c */
	uint32_t n_nodes, cap_nodes;
	struct buf fact_text;
	size_t n_facts, fact_bytes;
	uint32_t n_refused;
	char *refused;                  /* the first refusal of the run, as a sentence; or NULL */
};

int emit_init(struct emit *e, const struct plugin *p, const char *probe); /* 0 or -ENOMEM */
void emit_clear(struct emit *e);

/* labels: "name","value",...,NULL, or NULL. A refusal is counted, never an error. */
void emit_value(struct emit *e, uint32_t metric, double v, int64_t t_ms, const char *const *labels);
void emit_histogram(struct emit *e, uint32_t metric, const struct tw_histogram *h, int64_t t_ms,
    const char *const *labels);
void emit_count(struct emit *e, uint32_t metric, double delta, const char *const *labels);
void emit_observe(struct emit *e, uint32_t metric, double v, const char *const *labels);

/* Facts by path ("hops/0/address"): a number as a path's part makes a list. */
void emit_fact_text(struct emit *e, const char *path, const char *text);
void emit_fact_real(struct emit *e, const char *path, double v);
/* The facts as JSON text, malloc'd; "{}" when none. NULL: no memory. */
char *emit_facts_text(const struct emit *e);
void emit_forget_facts(struct emit *e);

/* A whole histogram added to a total. */
void emit_observe_all(struct emit *e, uint32_t metric, const struct tw_histogram *h,
    const char *const *labels);

/* Every total becomes a sample of this stamp. */
void emit_publish(struct emit *e, int64_t t_ms);
/* The pages of totals that have changed go into the state. */
void emit_save_totals(struct emit *e, struct state *s);
void emit_forget_samples(struct emit *e); /* they were sent, and the run goes on */
void emit_forget_run(struct emit *e); /* after it was sent: no samples, no facts, nothing refused */

/* A page of totals as an earlier process wrote it. What is no longer declared is left out. */
void emit_restore(struct emit *e, uint32_t page, const void *data, size_t len);
/* N of "tw.totals.N"; false: another key. */
bool emit_is_page(const char *key, uint32_t *page);

#endif
