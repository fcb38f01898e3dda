/*
 * self.c - see self.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/alert/alert.h"
#include "agent/inbox/inbox.h"
#include "agent/ingest/ingest.h"
#include "agent/notify/notify.h"
#include "agent/supervise/supervise.h"

#define HOSTS_MAX 256

const struct self_metric self_probe_metrics[] = {
    {"tillwatch_probe_verdict", "gauge", "", "", "0 ok, 1 warn, 2 crit, 3 unknown"},
    {"tillwatch_probe_failed", "gauge", "", "",
	"1 when the run was crit, else 0; exactly one sample a run"},
    {"tillwatch_probe_duration_seconds", "gauge", "seconds", "", "Of the run"},
    {"tillwatch_probe_start_lag_seconds", "gauge", "seconds", "", "Start after its slot"},
    {"tillwatch_probe_engine_lag_seconds", "gauge", "seconds", "",
	"Worst lag of the host's loop while it ran"},
    {"tillwatch_probe_runs_total", "counter", "", "verdict", "Runs"},
    {"tillwatch_probe_late_total", "counter", "", "", "Runs whose times are upper bounds"},
    {"tillwatch_probe_skipped_total", "counter", "", "", "Slots that were not started"},
    {"tillwatch_probe_timeouts_total", "counter", "", "",
	"Runs that were cancelled at their deadline"},
};
const size_t self_n_probe_metrics = sizeof(self_probe_metrics) / sizeof(self_probe_metrics[0]);

struct out {
	void (*each)(void *, const struct self_sample *);
	void *arg;
};

static void
say(const struct out *o, const char *name, bool counter, const char *help, double v)
{
	struct self_sample s = {name, help, counter, NULL, NULL, v};

	o->each(o->arg, &s);
}

static void
ingest_metrics(const struct self *self, const struct out *o)
{
	struct ingest_stats s;
	struct store_stats st;

	ingest_stats(self->ingest, &s);
	store_stats(self->store, &st);
	say(o, "tillwatch_ingest_runs_total", true, "Runs committed", (double)s.runs);
	say(o, "tillwatch_ingest_samples_total", true, "Samples committed", (double)s.samples);
	say(o, "tillwatch_ingest_refused_total", true,
	    "Samples that were not declared, or from the future", (double)(s.refused + s.future));
	say(o, "tillwatch_ingest_too_old_total", true, "Samples older than what is open",
	    (double)s.too_old);
	say(o, "tillwatch_ingest_duplicate_total", true, "Samples of a time that was there already",
	    (double)s.duplicate);
	say(o, "tillwatch_ingest_dropped_runs_total", true,
	    "Runs lost because the disk took none for long", (double)s.dropped_runs);
	say(o, "tillwatch_ingest_queue_bytes", false, "Runs that wait for their commit",
	    (double)s.queued_bytes);
	say(o, "tillwatch_store_commit_errors_total", true, "Transactions that failed",
	    (double)s.commit_errors);
	say(o, "tillwatch_store_commit_seconds", false, "Time of the last transaction",
	    (double)s.commit_us / 1e6);
	say(o, "tillwatch_store_series", false, "Series known", (double)st.series);
	say(o, "tillwatch_store_bytes", false, "Size of the store's files",
	    (double)(st.live_bytes + st.day_bytes));
	say(o, "tillwatch_store_damaged_total", true, "Chunks and files set aside as damaged",
	    (double)st.damaged);
	say(o, "tillwatch_agent_blind", false, "1 while the agent itself sees nothing",
	    ingest_blind(self->ingest, NULL));
}

typedef double host_value(const struct host_status *);
static double host_up(const struct host_status *h) { return strcmp(h->state, "running") == 0; }
static double host_restarts(const struct host_status *h) { return h->restarts; }
static double host_lag(const struct host_status *h) { return (double)h->lag_p99_us / 1e6; }
static double host_skipped(const struct host_status *h) { return (double)h->skipped; }
static double host_rss(const struct host_status *h) { return (double)h->rss_bytes; }
static double host_cpu(const struct host_status *h) { return (double)h->cpu_ms / 1e3; }
static double host_bad(const struct host_status *h) { return (double)h->bad_frames; }
static double host_sandbox(const struct host_status *h) { return h->sandbox_level; }

static const struct {
	const char *name, *help;
	bool counter;
	host_value *value;
} host_table[] = {
    {"tillwatch_plugin_up", "1 while the plugin's host runs", false, host_up},
    {"tillwatch_plugin_restarts_total", "Times its host ended by itself or was killed", true,
	host_restarts},
    {"tillwatch_plugin_engine_lag_seconds", "Lag of its loop, p99 of the last second", false,
	host_lag},
    {"tillwatch_plugin_skipped_total", "Runs that were not started", true, host_skipped},
    {"tillwatch_plugin_resident_bytes", "Memory of its host", false, host_rss},
    {"tillwatch_plugin_cpu_seconds_total", "Processor time of its host", true, host_cpu},
    {"tillwatch_plugin_bad_frames_total", "Frames for which it was killed", true, host_bad},
    {"tillwatch_plugin_sandbox_level", "0 none, 1 limits, 2 and Landlock, 3 and system calls",
	false, host_sandbox},
};

static void
host_metrics(const struct self *self, const struct out *o)
{
	struct host_status *all = calloc(HOSTS_MAX, sizeof(*all));
	size_t n = all != NULL ? supervisor_status(self->supervisor, all, HOSTS_MAX) : 0;

	for (size_t m = 0; m < sizeof(host_table) / sizeof(host_table[0]); m++)
		for (size_t i = 0; i < n; i++) {
			struct self_sample s = {host_table[m].name, host_table[m].help,
			    host_table[m].counter, "group", all[i].group,
			    host_table[m].value(&all[i])};

			o->each(o->arg, &s);
		}
	free(all);
}

struct receivers {
	const struct out *o;
	int which;
};

static void
receiver_metric(void *arg, const struct receiver_status *r)
{
	const struct receivers *w = arg;
	struct self_sample s = {NULL, NULL, true, "receiver", r->name, 0};

	switch (w->which) {
	case 0:
		s.name = "tillwatch_notify_delivered_total", s.help = "Messages accepted",
		s.v = (double)r->delivered;
		break;
	case 1:
		s.name = "tillwatch_notify_failed_total", s.help = "Attempts that failed",
		s.v = (double)r->failed;
		break;
	default:
		s.name = "tillwatch_notify_pending", s.help = "Messages that wait";
		s.counter = false;
		s.v = (double)r->waiting.pending;
	}
	w->o->each(w->o->arg, &s);
}

static void
alert_metrics(const struct self *self, const struct out *o)
{
	struct receivers w = {o, 0};
	struct alert_stats s;

	if (self->alerts != NULL) {
		alert_stats(self->alerts, &s);
		say(o, "tillwatch_alerts_firing", false, "Alerts that fire", (double)s.firing);
		say(o, "tillwatch_alerts_pending", false, "Alerts that are about to",
		    (double)s.pending);
		say(o, "tillwatch_alert_failed_commits_total", true,
		    "Changes of alerts that could not be committed", (double)s.failed_commits);
	}
	for (; self->notify != NULL && w.which < 3; w.which++)
		notify_receivers_each(self->notify, receiver_metric, &w);
}

static void
backlog_metric(void *arg, const char *source, int64_t bytes)
{
	const struct out *o = arg;
	struct self_sample s = {"tillwatch_inbox_backlog_bytes",
	    "Posted bodies that their source has not read yet", false, "source", source,
	    (double)bytes};

	o->each(o->arg, &s);
}

static void
inbox_metrics(const struct self *self, const struct out *o)
{
	struct inbox_stats s;

	if (self->inbox == NULL)
		return;
	inbox_stats(self->inbox, &s);
	for (int i = 0; i < INBOX_RESULTS; i++) {
		struct self_sample one = {"tillwatch_inbox_received_total",
		    "Posted webhooks, by what became of them", true, "result", inbox_results[i],
		    (double)s.received[i]};

		o->each(o->arg, &one);
	}
	say(o, "tillwatch_inbox_bytes_total", true, "Bodies of webhooks that were kept",
	    (double)s.bytes);
	inbox_backlog_each(self->inbox, backlog_metric, (void *)(uintptr_t)o);
}

static double
resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void
process_metrics(const struct self *self, const struct out *o)
{
	struct rusage u;
	int64_t at = 0;

	getrusage(RUSAGE_SELF, &u);
	say(o, "tillwatch_start_time_seconds", false, "When the agent started, unix time",
	    (double)self->started_ms / 1e3);
	say(o, "tillwatch_cpu_seconds_total", true, "Processor time of the agent",
	    (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
		+ (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	say(o, "tillwatch_resident_bytes", false, "Memory of the agent", resident_bytes());
	say(o, "tillwatch_config_last_reload_successful", false,
	    "0 after a reload that was refused",
	    self->reload_ok != NULL ? self->reload_ok(self->arg, &at) : 1);
}

void
self_each(const struct self *self, void (*each)(void *, const struct self_sample *), void *arg)
{
	struct out o = {each, arg};

	process_metrics(self, &o);
	ingest_metrics(self, &o);
	host_metrics(self, &o);
	alert_metrics(self, &o);
	inbox_metrics(self, &o);
}
