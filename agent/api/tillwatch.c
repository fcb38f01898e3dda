/*
 * tillwatch.c - probes, runs, plugin hosts and the map of the shop, as JSON. The shapes are
 * described in docs/API.md.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "agent/api/request.h"
#include "agent/ingest/ingest.h"
#include "agent/supervise/supervise.h"

#define HOSTS_MAX 256

static const char *
verdict_name(int verdict)
{
	static const char *const names[] = {"ok", "warn", "crit", "unknown", "pending"};

	return verdict >= 0 && verdict <= 4 ? names[verdict] : "unknown";
}

struct list {
	struct buf *b;
	bool first;
};

static void
one_probe(void *arg, const struct probe_status *s)
{
	struct list *l = arg;

	json_comma(l->b, &l->first);
	buf_text(l->b, "{\"name\":");
	json_text(l->b, s->name);
	json_field_text(l->b, "plugin", s->plugin);
	json_field_text(l->b, "system", s->system);
	json_field_number(l->b, "interval_s", (double)s->interval_ms / 1e3);
	json_field_number(l->b, "timeout_s", (double)s->timeout_ms / 1e3);
	json_field_text(l->b, "verdict", verdict_name((int)s->verdict));
	json_field_text(l->b, "cause", s->cause);
	json_field_text(l->b, "reason", s->reason);
	json_field_seconds(l->b, "since", s->since_ms);
	json_field_seconds(l->b, "last_run", s->last_run_ms);
	json_field_seconds(l->b, "next_run", s->next_run_ms);
	json_field_number(l->b, "runs", (double)s->runs);
	buf_printf(l->b, ",\"late\":%s,\"stale\":%s}", s->late ? "true" : "false",
	    s->stale ? "true" : "false");
}

void
handle_probes(struct request *r)
{
	struct list l = {&r->out, true};
	int64_t blind_since;
	bool blind = ingest_blind(r->agent->ingest, &blind_since);

	answer_begin(r);
	buf_text(&r->out, "{\"shop\":");
	json_text(&r->out, r->agent->shop);
	json_field_text(&r->out, "currency", r->agent->currency != NULL ? r->agent->currency : "");
	json_field_seconds(&r->out, "now", wall_now().ms);
	json_field_seconds(&r->out, "blind_since", blind ? blind_since : 0);
	buf_text(&r->out, ",\"probes\":[");
	ingest_status_each(r->agent->ingest, one_probe, &l);
	buf_text(&r->out, "]}");
	answer_end(r);
}

static void
one_run(void *arg, const struct store_run_row *row)
{
	const struct store_run *run = &row->run;
	struct list *l = arg;

	json_comma(l->b, &l->first);
	buf_printf(l->b, "{\"id\":%lld", (long long)row->id);
	json_field_text(l->b, "probe", run->probe);
	json_field_seconds(l->b, "at", run->at_ms);
	json_field_text(l->b, "verdict", verdict_name(run->verdict));
	json_field_text(l->b, "cause", run->cause);
	json_field_text(l->b, "reason", run->reason);
	json_field_number(l->b, "duration_s", (double)run->duration_us / 1e6);
	/* What the host sent was checked to be JSON when it came. */
	buf_printf(
	    l->b, ",\"facts\":%s}", run->facts != NULL && run->facts[0] == '{' ? run->facts : "{}");
}

static bool
runs_kind(struct request *r, enum store_runs_kind *kind)
{
	static const char *const names[] = {"all", "newest", "slowest", "failed"};
	const char *text = param(r, "kind");

	*kind = STORE_RUNS_ALL;
	for (size_t i = 0; i < 4; i++) {
		if (text == NULL || strcmp(text, names[i]) != 0)
			continue;
		*kind = (enum store_runs_kind)i;
		return true;
	}
	if (text != NULL)
		answer_error(
		    r, "bad_data", "invalid parameter \"kind\": all, newest, slowest or failed");
	return text == NULL;
}

void
handle_runs(struct request *r)
{
	struct list l = {&r->out, true};
	enum store_runs_kind kind;
	int64_t since, until;
	long limit;

	if (!runs_kind(r, &kind) || !param_time(r, "since", 0, &since)
	    || !param_time(r, "until", INT64_MAX, &until)
	    || !param_number(r, "limit", 1, 1000, 50, &limit))
		return;
	answer_begin(r);
	buf_text(&r->out, "{\"runs\":[");
	if (store_runs_each(
		r->agent->store, param(r, "probe"), kind, since, until, (size_t)limit, one_run, &l)
	    != 0) {
		answer_error(r, "internal", "the store cannot be read");
		return;
	}
	buf_text(&r->out, "]}");
	answer_end(r);
}

static void
one_host(struct buf *b, const struct host_status *s)
{
	buf_text(b, "{\"group\":");
	json_text(b, s->group);
	json_field_text(b, "file", s->plugin);
	json_field_text(b, "state", s->state);
	json_field_number(b, "pid", s->pid);
	json_field_number(b, "n_probes", s->probes);
	json_field_number(b, "restarts", s->restarts);
	json_field_text(b, "last_exit", s->last_exit);
	json_field_seconds(b, "started", s->started_ms);
	json_field_seconds(b, "next_try", s->next_try_ms);
	json_field_number(b, "runs", (double)s->runs);
	json_field_number(b, "skipped", (double)s->skipped);
	json_field_number(b, "late", (double)s->late);
	json_field_number(b, "timeouts", (double)s->timeouts);
	json_field_number(b, "bad_frames", (double)s->bad_frames);
	json_field_number(b, "dropped", (double)s->dropped);
	json_field_number(b, "lag_p50_s", (double)s->lag_p50_us / 1e6);
	json_field_number(b, "lag_p99_s", (double)s->lag_p99_us / 1e6);
	json_field_number(b, "lag_max_s", (double)s->lag_max_us / 1e6);
	json_field_number(b, "rss_bytes", (double)s->rss_bytes);
	json_field_number(b, "cpu_s", (double)s->cpu_ms / 1e3);
	json_field_number(b, "sandbox_level", s->sandbox_level);
	json_field_text(b, "sandbox", s->sandbox);
	buf_char(b, '}');
}

void
handle_plugins(struct request *r)
{
	static const size_t bytes = HOSTS_MAX * sizeof(struct host_status);
	struct host_status *all = malloc(bytes);
	size_t n = all != NULL ? supervisor_status(r->agent->supervisor, all, HOSTS_MAX) : 0;
	bool first = true;

	answer_begin(r);
	buf_text(&r->out, "{\"hosts\":[");
	for (size_t i = 0; i < n; i++) {
		json_comma(&r->out, &first);
		one_host(&r->out, &all[i]);
	}
	buf_text(&r->out, "]}");
	answer_end(r);
	free(all);
}

void
handle_map(struct request *r)
{
	if (r->agent->map == NULL) {
		answer_error(r, "not_found", "this agent has no map");
		return;
	}
	answer_begin(r);
	buf_text(&r->out, "{\"shop\":");
	json_text(&r->out, r->agent->shop);
	json_field_seconds(&r->out, "now", wall_now().ms);
	buf_char(&r->out, ',');
	r->agent->map(r->agent->ctx, &r->out);
	buf_char(&r->out, '}');
	answer_end(r);
}
