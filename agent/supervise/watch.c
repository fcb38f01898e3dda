/*
 * watch.c - the agent's watchdogs over a host, and what it costs (from /proc).
 *
 * Runs in: the loop thread, from each tick.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/supervise/host.h"
#include "lib/log.h"

#define LOOK_US 1000000 /* between two looks at what a host costs and owes */

static void
read_cost(struct host *h)
{
	unsigned long utime = 0, stime = 0, resident = 0;
	char path[64], text[1024];
	const char *rest;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)h->process->pid);
	if ((f = fopen(path, "re")) != NULL) {
		if (fscanf(f, "%*u %lu", &resident) != 1)
			resident = 0;
		fclose(f);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)h->process->pid);
	if ((f = fopen(path, "re")) != NULL) {
		if (fgets(text, sizeof(text), f) != NULL && (rest = strrchr(text, ')')) != NULL
		    && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			   &utime, &stime)
			   != 2)
			utime = stime = 0;
		fclose(f);
	}
	pthread_mutex_lock(&h->s->lock);
	h->status.rss_bytes = (int64_t)resident * sysconf(_SC_PAGESIZE);
	h->status.cpu_ms = (int64_t)(utime + stime) * 1000 / sysconf(_SC_CLK_TCK);
	pthread_mutex_unlock(&h->s->lock);
}

/* The newest slot whose result is due: it started since the probe runs, and its time and the grace
 * are over. */
static bool
result_missing(struct host *h, const struct host_probe *p, int64_t now_ms)
{
	int64_t latest = now_ms - p->timeout_ms - INGEST_GRACE_MS, slot;

	if (p->since_ms == 0 || p->refused)
		return false;
	slot = slot_next(latest, p->interval_ms, p->offset_ms);
	if (slot > latest)
		slot -= p->interval_ms;
	return slot > p->since_ms && ingest_last_slot_ms(h->s->opts.ingest, p->id) < slot;
}

static void
watch_runs(struct host *h)
{
	int64_t now = wall_now().ms;
	char why[96];

	for (size_t i = 0; i < h->n_probes; i++) {
		if (!result_missing(h, &h->probes[i], now))
			continue;
		snprintf(
		    why, sizeof(why), "no result of probe %u by its deadline", h->probes[i].id);
		host_kill(h, why);
		return;
	}
}

void
watch_host(struct host *h)
{
	mono_t now = mono_now();

	switch (h->state) {
	case HOST_WAITING:
		if (h->wanted && mono_sub_us(now, h->retry_at) >= 0)
			host_spawn(h);
		break;
	case HOST_STARTING:
		if (mono_sub_us(now, h->started) > HELLO_MS * 1000LL)
			host_kill(h, "no HELLO");
		break;
	case HOST_RUNNING:
		if (mono_sub_us(now, h->last_beat) > BEAT_SILENCE_MS * 1000LL) {
			host_kill(h, "its loop is stuck");
		} else if (mono_sub_us(now, h->looked) >= LOOK_US) {
			h->looked = now;
			read_cost(h);
			watch_runs(h);
		}
		break;
	case HOST_STOPPING:
		if (!h->killed && mono_sub_us(now, h->kill_at) >= 0) {
			kill(-h->process->pid, SIGKILL);
			h->killed = true;
		}
		break;
	}
}
