/*
 * agent.h - tillwatchd's parts and how they are joined. The way of a sample goes through them in
 * this order: supervisor -> ingest -> store -> alert engine (rules) -> state -> notify; the API
 * asks all of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <pthread.h>
#include <uv.h>

#include "agent/inbox/inbox.h"
#include "agent/ingest/ingest.h"
#include "agent/self.h"
#include "agent/service.h"
#include "agent/setup.h"
#include "agent/supervise/supervise.h"
#include "lib/clock.h"

struct agent;

/* A function that another thread wants to have run on the loop; it waits for it. */
struct agent_call {
	struct agent_call *next;
	void (*run)(struct agent *, void *arg);
	void *arg;
	bool done;
};

/* Somebody waits for the result of a run that was asked for. */
struct agent_waiter {
	struct agent_waiter *next;
	uint32_t asked;
	bool done;
	struct buf *out;        /* the run as JSON */
	char why_not[64];       /* it was skipped; "" = it was not */
};

struct agent {
	const char *config_path;
	struct setup *setup;
	struct setup
	    *first; /* the one of the start: the API's addresses and tokens point into it */
	uv_loop_t loop;
	uv_timer_t tick;
	uv_async_t committed, calls;
	uv_signal_t on_term, on_int, on_hup;
	struct store *store;
	struct state *state;
	struct ingest *ingest;
	struct supervisor *supervisor;
	struct alert_engine *alerts;
	struct notify *notify;
	struct api *api;
	struct inbox *inbox;            /* NULL: no agent.ingest */
	struct self self;
	int64_t started_ms, own_at_ms;
	bool stopping;          /* nobody waits for runs any more */
	struct service service;
	int64_t alive_at_ms;            /* monotonic: the watchdog was fed */

	pthread_mutex_t lock;   /* calls, waiters, reload, rules' wake-up */
	pthread_cond_t changed;
	struct agent_call *first_call, **last_call;
	bool is_over;           /* the loop has ended: nobody answers calls */
	struct agent_waiter *waiters;
	bool reload_ok;
	int64_t reload_ms;

	pthread_t rules_thread;
	pthread_cond_t rules_wake;
	bool rules_running, rules_stop, rules_poked;
};

void agent_tell_ready(const struct agent *a); /* the service manager: at start, after a reload */
/* 0, or a sysexits code after having logged why. Runs until a signal ends it. */
int agent_run(const char *config_path);

/* act.c: what the API asks for; any thread but the loop's */
bool agent_call(struct agent *a, void (*run)(struct agent *, void *), void *arg);
void agent_calls(struct agent *a);      /* the loop's side */
void agent_runs_end(struct agent *a);   /* the agent ends: who waits for a run is told so */
void agent_calls_end(struct agent *a);  /* the loop has ended: calls return false */
struct api_agent agent_api(struct agent *a);
void agent_result(struct agent *a, const struct ingest_result *r);

/* apply.c: a setup takes effect */
void agent_apply_probes(struct agent *a, const struct setup *before);
int agent_reload(struct agent *a, struct buf *errors); /* any thread but the loop's; 0 or -EINVAL */
void agent_reload_later(struct agent *a);              /* from the loop */

/* judge.c: the thread that evaluates rules */
int judge_start(struct agent *a, struct buf *errors);
void judge_poke(struct agent *a, const char *probe);   /* a bad run: evaluate now */
void judge_stop(struct agent *a);

/* own.c: the agent's samples of itself */
void agent_own_samples(struct agent *a, int64_t now_ms);

#endif
