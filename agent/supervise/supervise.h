/*
 * supervise.h - host processes: one a group, started, watched, killed, started again.
 *
 * DESIGN. A group is a plugin file with its probes, or sources with all who read them. Life of a
 * host:
 *
 *      (start) --spawn--> starting --HELLO--> running --exit, kill, bad frame--> waiting
 * --back-off--> (start) |  no HELLO in 10 s                ^
 *                            +------------------------------------+
 *
 * Three watchdogs: the host itself cancels a run at its deadline; the agent kills a host whose
 * probe gave no result by slot + timeout + grace; and one whose loop sent no beat for
 * BEAT_SILENCE_MS. SIGTERM first, SIGKILL to its process group TERM_GRACE_MS later. Back-off 1, 2,
 * 4 .. 60 s with jitter, never for ever, reset by a good run. Two copies of a host never run: the
 * old one is reaped before the new one starts.
 *
 * Runs in: the agent's loop thread (libuv). Never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SUPERVISE_SUPERVISE_H
#define AGENT_SUPERVISE_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "agent/ingest/ingest.h"

#define HELLO_MS 10000
#define BEAT_SILENCE_MS 5000
#define TERM_GRACE_MS 2000
#define BACKOFF_MAX_MS 60000

struct supervisor;

struct supervise_opts {
	uv_loop_t *loop;
	struct ingest *ingest;
	const char *host_path;      /* tillwatch-host */
	const char *setup_json;     /* FRAME_SETUP */
	/* A plugin refused a probe's options at start: where in its options, and why. */
	void (*on_refused)(void *, uint32_t probe, const char *option_path, const char *text);
	void *arg;
};

struct supervisor *supervisor_new(const struct supervise_opts *opts);
/* Asks all hosts to stop, kills what is left after the grace; then calls done on the loop. */
void supervisor_stop(struct supervisor *s, void (*done)(void *), void *arg);
void supervisor_free(struct supervisor *s);     /* after done */

struct supervise_probe {
	uint32_t id;
	const char *group, *plugin_path;
	const char *json;           /* CONFIGURE's text */
	int64_t interval_ms, offset_ms, timeout_ms;
	bool is_source;             /* configured after those who read it */
	bool is_shared;             /* of a group that shares sources */
	bool reads_input;           /* its host has our standard input */
};
/* A probe joins the host of its group, which starts when it is the first. Adding a probe that is
 * there already replaces its configuration (a new generation). A host that shares sources starts
 * anew when one of its probes changes: all of them go on from the same commit. */
void supervisor_add(struct supervisor *s, const struct supervise_probe *probe);
void supervisor_remove(struct supervisor *s, uint32_t probe); /* the last one of a host stops it */
/* Runs a probe now. Returns the number that the result repeats (ingest_result.asked), 0 when its
 * host is not up. */
uint32_t supervisor_run(struct supervisor *s, uint32_t probe);
/* Ends a back-off now; NULL = all. False: no such group. */
bool supervisor_retry(struct supervisor *s, const char *group);
void supervisor_tick(struct supervisor *s);     /* each 100..1000 ms: watchdogs and back-off */

/* ingest's on_commit: the host that asked for it is told. */
void supervisor_committed(void *host, uint32_t probe, uint32_t generation, uint32_t number);

struct host_status {                            /* a copy; texts owned by the snapshot */
	char group[64], plugin[256], state[16], last_exit[128], sandbox[96];
	pid_t pid;
	uint32_t probes, restarts, sandbox_level;
	uint64_t runs, skipped, late, timeouts, bad_frames, dropped;
	int64_t started_ms, next_try_ms;        /* wall; next_try_ms 0 unless waiting */
	int64_t lag_p50_us, lag_p99_us, lag_max_us;
	int64_t rss_bytes, cpu_ms;
};
/* Any thread. */
size_t supervisor_status(struct supervisor *s, struct host_status *out, size_t cap);

#endif
