/*
 * probe.h - one configured probe, and its runs.
 *
 * DESIGN. Life:  configure -> (restore state)* -> start -> slots, each a run -> remove.
 * A run:
 *                      probe() gave a verdict                          no thread inside
 *      IDLE -> GOING --------------------------> ENDING -> (delivered) ----------------> IDLE
 *                |      a callback gave one        ^  |                                   ^
 *                +-------- deadline ---------------+  +--> STUCK -- thread came back -----+
 *                                                            |
 *                                                            +-- grace is over --> the host exits
 *
 * ENDING calls back whatever is still under way (cancelled), and takes no verdict but, at the
 * deadline, the first one given. Runs of a probe never overlap: a slot that finds another state
 * than IDLE is skipped, counted and said. What a stuck run left (samples, state) goes with the
 * next RESULT, so nothing is lost or counted twice; when the process ends first, the agent holds
 * the state of the last RESULT.
 *
 * Runs in: the loop thread, but for what is marked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_PROBE_H
#define HOST_PROBE_H

#include <stdatomic.h>

#include "host/emit.h"
#include "lib/hash.h"
#include "host/host.h"
#include "host/state.h"
#include "lib/options.h"

#define START_LATE_MAX_US 500000  /* a slot that is reached later is skipped, not measured late */
#define STUCK_GRACE_US 2000000    /* a thread still inside the plugin so long after the deadline */
#define DEADLINE_SLACK_US 2000    /* what is cancelled by the engine comes before what we cancel */
#define CALLBACK_SLOW_US 2000     /* a callback of the loop takes less */
#define OPS_MAX 256               /* under way at once, of one run */
#define JARS_MAX 16               /* of one run */
#define CAUSE_MAX 48
#define REASON_MAX 1024

enum run_state {
	RUN_NONE,                 /* not a run: start, stop */
	RUN_IDLE,
	RUN_GOING,
	RUN_ENDING,
	RUN_STUCK
};

enum work_state { WORK_WAITS, WORK_RUNS, WORK_CANCELLED };
enum op_kind { OP_HTTP, OP_DNS, OP_AFTER, OP_WORK, OP_SIGHT, OP_COMMIT, OP_READ };

struct reading; /* read.c */
/* Something asynchronous that a run waits for. */
struct op {
	struct op *next, **at;    /* in ctx->ops */
	struct tw_ctx *ctx;
	enum op_kind kind;
	_Atomic int work_state;   /* OP_WORK: enum work_state */
	union {
		tw_http_fn *http;
		tw_dns_fn *dns;
		tw_timer_fn *timer;
		tw_sight_fn *sight;
	} done;
	tw_body_fn *body;
	tw_work_fn *work;
	struct host *host;        /* OP_WORK: its run may be gone before its thread is */
	void *arg;
	union {
		struct engine_http *http;
		struct engine_dns *dns;
		struct engine_sight *sight;
		struct reading *reading;
	} handle;
	uint32_t number;          /* OP_COMMIT: of the COMMIT that it waits for */
	struct loop_timer timer;
	struct host_post post;
};

struct tw_ctx {
	struct probe *probe;

	/* shared: any thread */
	_Atomic int64_t deadline_us;       /* monotonic; 0 = none */

	/* the thread that the plugin's callbacks run in: the loop, or that of a blocking probe */
	bool is_off_loop;                  /* a blocking probe() is inside the plugin */
	bool is_reading; /* inside on_records or save, under host.shared; in a run or between two */
	enum tw_verdict failed;            /* of the last fail(); TW_PENDING = none */
	char cause[CAUSE_MAX];
	char *reason;                      /* NULL = none */
	bool has_refused;                  /* in start */
	char *refused_path;                /* NULL = none */

	/* the loop thread */
	enum run_state state;
	enum tw_verdict verdict;           /* fixed; TW_PENDING while open */
	bool is_asked, is_timed_out, is_late;
	uint32_t asked;                    /* number of FRAME_RUN */
	int64_t slot_ms, start_lag_us, slowest_us;
	mono_t started;
	struct tw_jar *jars[JARS_MAX];
	unsigned n_jars;
	struct engine_run *connections;    /* NULL until the first http */
	struct op *ops;
	unsigned n_ops, n_threads;         /* n_threads: inside the plugin now */
	struct loop_timer deadline, grace;
};

/* What a run of a source does. */
enum turn { TURN_TAIL, TURN_SCAN, TURN_KEYS };

/* A probe's part in what is shared (group.h). */
struct want {
	char *source, *field;
};
struct member {
	/* who reads */
	char **reads;                      /* names of sources; NULL = none */
	size_t n_reads;
	struct want *wants;
	size_t n_wants;
	bool is_dirty;                     /* records came since the last save */
	/* a source */
	char **fields;
	uint32_t n_fields;
	int64_t complete_ms;
	uint64_t n_records, n_rejects;     /* of the run */
	struct state settled;              /* under host.shared: what may be committed */
	/* read.c */
	struct reading *waiting, *served;
	enum turn turn;                    /* of the run that is under way */
	bool is_turn_planned;
	int64_t late_slot_ms;              /* fell into a reading; 0 = none */
	struct loop_timer turn_timer;
};

struct probe {
	UT_hash_handle hh;
	struct probe *next_leaving;
	uint32_t id, generation;
	struct host *host;
	struct plugin *plugin;
	char *name;
	int64_t interval_ms, offset_ms, timeout_ms;
	void *self;                        /* the plugin's struct, table.self_size bytes */
	struct heap heap;                  /* what self points into; may hold secrets */
	struct state state;
	struct emit emit;
	struct tw_ctx ctx;
	bool is_started, is_removed;
	int64_t planned_ms, last_slot_ms;  /* the slot that waits; the newest that was filled */
	mono_t planned_at;
	struct loop_timer slot;
	uint32_t waiting_ask;              /* came during a run, begins behind it; 0 = none */
	struct blocking *blocking;         /* probe-blocking.c: its thread; NULL = none */
	struct member member;              /* group.c: what it reads, or gives */
	struct host_post flush;            /* group.c: its readers have gathered enough */
	bool is_flushing;                  /* it is on its way to the loop; under host.shared */
	/* log budget, under host->lock */
	int64_t log_refilled_us;
	uint32_t log_tokens;
	uint64_t log_dropped;
};

/* probe.c */
/* Makes it from a CONFIGURE's text; a probe of that id that exists is removed before. NULL: err
 * says why. */
struct probe *probe_new(struct host *h, uint32_t id, uint32_t generation, const char *json,
    size_t len, char *err, size_t cap);
void probe_restore(struct probe *p, const char *key, const void *data, size_t len);
/* Calls start(), then plans the first slot. 0; -1: refused, path and err filled. */
int probe_start(struct probe *p, char *path, size_t path_cap, char *err, size_t cap);
void probe_remove(struct probe *p); /* stops it; frees it now, or when its thread comes back */
void probe_left(struct probe *p);   /* its thread came back: frees it */
struct probe *probe_find(struct host *h, uint32_t id);
void probe_replan(struct probe *p); /* the wall clock stepped */
/* Runs it now, or as soon as the run that is under way is over. One waits; another is skipped. */
void probe_ask(struct probe *p, uint32_t number);

/* probe-run.c */
void run_skip(struct probe *p, int64_t slot_ms, bool is_asked, uint32_t asked, const char *cause);
void run_begin(struct probe *p, int64_t slot_ms, mono_t due, bool is_asked, uint32_t asked);
void run_callback(struct tw_ctx *ctx, mono_t before, enum tw_verdict v); /* a callback returned v */
void run_blocking_done(
    struct tw_ctx *ctx, enum tw_verdict v); /* probe() came back from its thread */
void run_thread_left(struct tw_ctx *ctx); /* a thread left the plugin: is the run free again? */
void run_reason(struct tw_ctx *ctx, const char *text); /* why it failed; NULL: no reason */
void run_abort(struct tw_ctx *ctx); /* without a result: the probe goes */
/* What the plugin does at a slot: probe(), or tail() of a source. In its callbacks' thread. */
enum tw_verdict run_turn(struct probe *p);

/* probe-blocking.c */
int blocking_start(struct probe *p);        /* 0 or -errno */
void blocking_run(struct probe *p);         /* probe() on its thread; ends in run_thread_done */
void blocking_stop(struct probe *p);        /* the thread is not inside the plugin */

/* api-async.c */
void op_cancel_all(struct tw_ctx *ctx);     /* calls back each, but those on a thread */
void op_free_run(struct tw_ctx *ctx);       /* its connections and cookies */
void op_committed(struct tw_ctx *ctx, uint32_t number); /* the agent has answered a COMMIT */

/* emit-send.c: host.deliver to the agent */
void send_run(struct host *h, struct probe *p, struct msg_result *r, bool has_samples);
/* What p and all others of the host have gathered is committed, runs or not. number: the agent
 * answers by COMMITTED; 0: it need not. */
void send_commit(struct host *h, struct probe *p, uint32_t number);

#endif
