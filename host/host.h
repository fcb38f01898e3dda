/*
 * host.h - the whole of one host process: its plugins, its probes, its link to the agent.
 *
 *   agent ---frames---> host.c: settings, configurations, state, commands
 *                         |
 *                       probe.c: life, slots --> probe-run.c: one run --> the plugin's callbacks
 *                                                    |       api.c, api-async.c: what they call
 *   agent <---frames--- emit-send.c <----------------+  samples, facts, state, verdict
 *
 * DESIGN. One thread runs the loop, and on it everything that belongs to a probe, except two: a
 * TW_BLOCKING probe() has a thread of its own, and work() a pool. Both come back through
 * host_post(). While such a thread is inside the plugin, the loop touches nothing of that probe
 * but what struct tw_ctx calls shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/engine.h"
#include "host/geo.h"
#include "host/host-link.h"
#include "host/host-load.h"
#include "host/loop.h"
#include "host/sandbox.h"
#include "host/work.h"
#include "lib/clock.h"

#define HOST_PLUGINS_MAX 32
#define HOST_PROBES_MAX 65536
#define HOST_TEXT_MAX (4u << 20)      /* a SETUP or CONFIGURE */
#define HOST_NO_PROBE UINT32_MAX      /* in LOG: the host itself speaks */
#define HOST_EXIT_AGAIN 75            /* EX_TEMPFAIL: start me again */
#define HOST_EXIT_CONFIG 78           /* EX_CONFIG: a plugin that cannot be loaded */

struct probe;
struct host;

/* What the agent (or the command line) says about the host itself: SETUP. */
struct host_setup {
	char *shop, *ca_file, *resolver;
	char *geoip[GEO_FILES];
	char **references;            /* URLs asked when everything fails */
	size_t n_references;
	char **paths;                 /* that plugins may read */
	size_t n_paths;
	json_t *settings;             /* the shop's words, by name: tw_api.setting */
	int log_level;
	uint32_t max_in_flight;
	int64_t memory_bytes;
	enum sandbox_mode sandbox;
};

struct host_post {                    /* something to do on the loop thread */
	struct host_post *next;
	void (*fn)(void *);
	void *arg;
};

struct host_counters {
	uint64_t runs, skipped, late, timeouts, slow_callbacks;
	uint32_t in_flight;
};

struct host {
	struct loop *loop;
	struct engine *engine;        /* NULL: all plugins block, so none may call it */
	struct link link;
	struct host_setup setup;
	struct sandbox_report sandbox;
	struct plugin plugins[HOST_PLUGINS_MAX];
	size_t n_plugins;
	struct probe *probes;         /* hash by id */
	struct probe *leaving;        /* removed, but a thread is still inside the plugin */
	struct work_pool *work;
	struct geo_db *geo;
	struct host_counters counters;
	uint32_t next_series; /* the next number; WIRE_SERIES_MAX: all used, HOST_EXIT_AGAIN */
	uint32_t link_events;         /* what the loop watches the link for */
	struct loop_timer second, drain;
	mono_t second_at, drain_until;
	uint32_t resolver_sum;        /* of /etc/resolv.conf as read at the start */
	int64_t clock_offset_us;      /* as of the last beat: does the wall clock step? */

	/* shared: any thread, under lock */
	pthread_mutex_t lock;
	struct host_post *posts, **last_post;
	int post_fd;

	/* group.c: what sources and their readers share */
	pthread_mutex_t shared;       /* recursive */
	pthread_cond_t sent;          /* n_sent has changed */
	uint64_t n_sent;
	bool has_sources;             /* one was configured, or a probe that reads one */
	uint32_t next_commit;         /* number of the newest COMMIT that wants an answer */
	bool is_trying;               /* --once: records and rejects of sources are shown */

	/* How a run's end is told: frames to the agent, or text (--once). has_samples: what the
	 * probe has gathered belongs to it. */
	void (*deliver)(
	    struct host *, struct probe *, struct msg_result *, bool has_samples);
	void *deliver_arg;

	bool is_draining, is_over;
	int exit_code;
	char *text;                   /* pieces of a SETUP or CONFIGURE so far */
	size_t text_len;
	uint16_t text_type;
	uint32_t text_probe;
};

/* host.c */
int host_init(struct host *h, int fd);          /* 0 or -errno */
int host_start(struct host *h);                 /* after SETUP and sandbox: engine, geo, pool */
void host_clear(struct host *h);
int host_run(struct host *h);                   /* until STOP or the agent's end; the exit code */
void host_end(
    struct host *h, int code, const char *why); /* leaves the loop; why NULL = nothing to say */
struct plugin *host_plugin(struct host *h, const char *name);
/* Any thread: fn(arg) on the loop thread, in order. Posted work is never lost (no memory: waits).
 */
void host_post(struct host *h, struct host_post *post, void (*fn)(void *), void *arg);
/* Any thread. p NULL: the host's own word. Cleaned, cut at 1 KiB, counted out a probe. */
void host_log(struct host *h, struct probe *p, int level, const char *text);
void host_drain(struct host *h); /* ends what runs within bounds, then leaves the loop */
bool host_has_threads(const struct host *h);    /* a thread is inside a plugin: free nothing */
/* Pieces of SETUP and CONFIGURE. 1: h->text is whole (until host_forget_text); 0: more; -errno. */
int host_take_piece(struct host *h, const struct frame *f);
void host_forget_text(struct host *h);

/* host-setup.c */
int host_setup_read(struct host_setup *s, const char *text, size_t len, char *err, size_t cap);
void host_setup_clear(struct host_setup *s);
void host_sandbox(struct host *h, const char *const *plugin_paths, size_t n);

/* host-once.c */
int host_once(const char *plugin, const char *probe_json, const char *setup_json);
int host_start_only(const char *plugin, const char *setup_json);

/* describe.c */
int host_describe(const char *plugin);
/* inspect.c */
int host_inspect(const char *setup_json);

extern const struct tw_api host_api;            /* api.c */

#endif
