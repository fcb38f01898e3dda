/*
 * host.h - one host process as the agent sees it. Only supervise/ includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SUPERVISE_HOST_H
#define AGENT_SUPERVISE_HOST_H

#include <pthread.h>

#include "agent/supervise/supervise.h"
#include "lib/clock.h"

#define SEND_QUEUE_BYTES (16u << 20) /* configuration and state on their way to a host */

enum host_state { HOST_WAITING, HOST_STARTING, HOST_RUNNING, HOST_STOPPING };

struct host_probe {
	uint32_t id, generation;
	char *plugin_path, *json;
	bool is_source, is_shared, reads_input;
	int64_t interval_ms, offset_ms, timeout_ms;
	int64_t
	    since_ms; /* wall: STARTED came; 0 = not running. The watchdog counts slots from here */
	bool refused;
};

struct out_frame {
	struct out_frame *next;
	size_t len;
	uint8_t bytes[];
};

struct host {
	struct host *next;
	struct supervisor *s;
	char *group;
	enum host_state state;
	bool wanted;            /* false: goes for good once its process is reaped */
	bool is_renewed;        /* we have stopped it: it starts anew at once, and nothing failed */
	uint32_t life;          /* which process: callbacks of an older one find nothing */
	uv_process_t *process;
	uv_poll_t *poll;
	uv_timer_t *rest;       /* until when it is not listened to */
	bool is_resting, is_deaf; /* deaf: it has closed its end */
	int fd;                 /* -1 = none */
	struct ingest_host *ingest;
	struct host_probe *probes;
	size_t n_probes;
	struct out_frame *out, **out_last;
	size_t out_bytes;
	mono_t started, last_beat, kill_at, retry_at, looked;
	bool killed;            /* SIGKILL was sent */
	char why[64];           /* why we are killing it */
	char last_exit[128];
	uint32_t fails;         /* in a row */
	struct host_status status;
};

struct supervisor {
	struct supervise_opts opts;
	struct host *hosts;
	pthread_mutex_t lock;   /* guards the list and the status copies, for other threads */
	uint32_t next_generation;
	bool stopping;
	void (*stopped)(void *);
	void *stopped_arg;
	uint8_t *frame;         /* FRAME_MAX bytes to encode into, and to receive into */
};

/* host.c: the process */
struct host *host_new(struct supervisor *s, const char *group);
void host_spawn(struct host *h);
void host_kill(struct host *h, const char *why);    /* TERM now, KILL after the grace */
/* Asks it to stop; it starts again with its probes as they are then. */
void host_renew(struct host *h);
void host_free(struct host *h);
void host_probe_clear(struct host_probe *p);
void host_publish(struct host *h);                  /* status for other threads */

/* link.c: the frames */
int link_open(struct host *h, int *child_fd);       /* 0 or -errno */
void link_watch(struct host *h);
void link_drain(struct host *h); /* what the host said before it ended */
void link_close(struct host *h);
int link_send(void *host, const uint8_t *bytes, size_t n); /* 0; -ENOBUFS past the ceiling */
void link_configure(struct host *h, struct host_probe *p);
void link_setup(struct host *h);

/* watch.c: the watchdogs */
void watch_host(struct host *h);

#endif
