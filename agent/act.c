/*
 * act.c - what other threads ask of the loop: calls that they wait for, runs whose result they wait
 * for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/api/request.h"
#include "agent/notify/notify.h"
#include "config/map.h"
#include "lib/xmalloc.h"

#include <tillwatch/plugin.h>

#define RUN_GRACE_MS 5000

bool
agent_call(struct agent *a, void (*run)(struct agent *, void *), void *arg)
{
	struct agent_call c = {.run = run, .arg = arg};

	pthread_mutex_lock(&a->lock);
	if (!a->is_over) {
		*a->last_call = &c;
		a->last_call = &c.next;
		uv_async_send(&a->calls);
	}
	while (!c.done && !a->is_over)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	return c.done;
}

void
agent_runs_end(struct agent *a)
{
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

void
agent_calls_end(struct agent *a)
{
	pthread_mutex_lock(&a->lock);
	a->is_over = true;
	a->first_call = NULL;
	a->last_call = &a->first_call;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

void
agent_calls(struct agent *a)
{
	struct agent_call *c;

	pthread_mutex_lock(&a->lock);
	while ((c = a->first_call) != NULL) {
		if ((a->first_call = c->next) == NULL)
			a->last_call = &a->first_call;
		pthread_mutex_unlock(&a->lock);
		c->run(a, c->arg);
		pthread_mutex_lock(&a->lock);
		c->done = true;
		pthread_cond_broadcast(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
}

/* ---- run a probe now ---- */

struct ask {
	const char *probe;
	struct agent_waiter *waiter;
	int64_t timeout_ms;
	int rc;
};

static void
ask_host(struct agent *a, void *arg)
{
	struct ask *q = arg;

	q->rc = -ENOENT;
	for (size_t i = 0; i < a->setup->n_probes; i++) {
		if (strcmp(a->setup->probes[i].name, q->probe) != 0)
			continue;
		q->timeout_ms = a->setup->probes[i].timeout_ms;
		q->waiter->asked =
		    supervisor_run(a->supervisor, ingest_probe_find(a->ingest, q->probe));
		q->rc = q->waiter->asked != 0 ? 0 : -EAGAIN;
	}
	if (q->rc != 0)
		return;
	pthread_mutex_lock(&a->lock);
	q->waiter->next = a->waiters;
	a->waiters = q->waiter;
	pthread_mutex_unlock(&a->lock);
}

static void
write_result(struct buf *b, const struct ingest_result *r)
{
	static const char *const verdicts[] = {"ok", "warn", "crit", "unknown"};

	buf_text(b, "{\"probe\":");
	json_text(b, r->name);
	json_field_seconds(b, "at", r->slot_ms);
	json_field_text(b, "verdict", (unsigned)r->verdict < 4 ? verdicts[r->verdict] : "unknown");
	json_field_text(b, "cause", r->cause);
	json_field_text(b, "reason", r->reason);
	json_field_number(b, "duration_s", (double)r->duration_us / 1e6);
	buf_printf(b, ",\"facts\":%s}", r->facts[0] == '{' ? r->facts : "{}");
}

/* Why a run that was asked for was none, by its cause (host/probe.c). */
static const char *
why_skipped(const char *cause)
{
	static const char *const reasons[][2] = {
	    {"overrun", "a run is under way, and another one waits for its end"},
	    {"full", "too many runs are under way in its host"},
	    {"stopping", "its host ends"},
	    {"not started", "it has refused its configuration"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(cause, reasons[i][0]) == 0)
			return reasons[i][1];
	return cause;
}

void
agent_result(struct agent *a, const struct ingest_result *r)
{
	if (r->asked == 0)
		return;
	pthread_mutex_lock(&a->lock);
	for (struct agent_waiter *w = a->waiters; w != NULL; w = w->next)
		if (w->asked == r->asked && !w->done) {
			if (r->is_skipped)
				snprintf(w->why_not, sizeof(w->why_not), "%s",
				    why_skipped(r->cause));
			else
				write_result(w->out, r);
			w->done = true;
		}
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static bool
wait_result(struct agent *a, struct agent_waiter *w, int64_t timeout_ms)
{
	struct agent_waiter **at;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)((timeout_ms + RUN_GRACE_MS) / 1000);
	pthread_mutex_lock(&a->lock);
	while (!w->done && !a->stopping
	       && pthread_cond_timedwait(&a->changed, &a->lock, &until) == 0)
		;
	if (!w->done && a->stopping) {
		snprintf(w->why_not, sizeof(w->why_not), "the agent ends");
		w->done = true;
	}
	for (at = &a->waiters; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	pthread_mutex_unlock(&a->lock);
	return w->done;
}

static int
do_run(void *ctx, const char *probe, struct buf *out, char *err, size_t cap)
{
	struct agent_waiter w = {.out = out};
	struct ask q = {.probe = probe, .waiter = &w, .rc = -EAGAIN};
	struct agent *a = ctx;

	(void)agent_call(a, ask_host, &q);
	if (q.rc == -ENOENT)
		snprintf(err, cap, "no probe is called \"%.200s\"", probe);
	else if (q.rc != 0)
		snprintf(err, cap, "the plugin host of %.200s is not up", probe);
	if (q.rc != 0)
		return q.rc;
	if (!wait_result(a, &w, 2 * q.timeout_ms)) { /* behind one that is under way */
		snprintf(err, cap, "no result of %.200s in time", probe);
		return -ETIMEDOUT;
	}
	if (w.why_not[0] == '\0')
		return 0;
	snprintf(err, cap, "%.200s did not run: %s", probe, w.why_not);
	return -EAGAIN;
}

/* ---- the rest ---- */

static int
do_reload(void *ctx, char *err, size_t cap)
{
	struct buf errors;
	int rc;

	buf_init(&errors, 1 << 20);
	rc = agent_reload(ctx, &errors);
	snprintf(err, cap, "%s", buf_str(&errors));
	buf_free(&errors);
	return rc;
}

struct retry {
	const char *group;
	bool is_known;
};

static void
retry_hosts(struct agent *a, void *arg)
{
	struct retry *r = arg;

	r->is_known = supervisor_retry(a->supervisor, r->group);
}

static int
do_retry(void *ctx, const char *group)
{
	struct retry r = {.group = group};

	(void)agent_call(ctx, retry_hosts, &r);
	return r.is_known ? 0 : -ENOENT;
}

static int
do_notify_test(void *ctx, const char *receiver, char *err, size_t cap)
{
	struct agent *a = ctx;
	int64_t id;
	int rc = notify_test(a->notify, receiver, &id);

	if (rc != 0)
		snprintf(err, cap, "no receiver is called \"%.200s\"", receiver);
	return rc;
}

struct listing {
	api_metric *each;
	void *arg;
};

static void
list_metric(void *arg, const struct tw_metric *m)
{
	static const char *const types[] = {
	    [TW_GAUGE] = "gauge", [TW_COUNTER] = "counter", [TW_HISTOGRAM] = "histogram"};
	const struct listing *l = arg;
	bool is_known = m->kind >= TW_GAUGE && m->kind <= TW_HISTOGRAM;

	l->each(l->arg, m->name, is_known ? types[m->kind] : "unknown",
	    m->help != NULL ? m->help : "", m->unit != NULL ? m->unit : "");
}

static void
list_metrics(struct agent *a, void *arg)
{
	setup_metrics(a->setup, list_metric, arg);
}

/* The loop reads the setup, so that a reload does not take it away meanwhile. */
static void
do_metadata(void *ctx, api_metric *each, void *arg)
{
	struct listing l = {each, arg};

	for (size_t i = 0; i < self_n_probe_metrics; i++) {
		const struct self_metric *m = &self_probe_metrics[i];

		each(arg, m->name, m->type, m->help, m->unit);
	}
	(void)agent_call(ctx, list_metrics, &l);
}

/* ---- the map of the shop ---- */

static void
hold_map(struct agent *a, void *arg)
{
	*(struct map **)arg = map_ref(a->setup->map);
}

struct worst {
	const struct map *map;
	int *rank;      /* of each system */
};

/* Worst last. A probe that is stale tells nothing of now. */
static const char *const ranks[] = {"pending", "ok", "warn", "unknown", "crit"};

static int
rank_of(const struct probe_status *s)
{
	switch (s->verdict) {
	case PROBE_PENDING: return 0;
	case PROBE_OK: return s->stale ? 3 : 1;
	case PROBE_WARN: return s->stale ? 3 : 2;
	case PROBE_CRIT: return 4;
	default: return 3;
	}
}

static void
rank_system(void *arg, const struct probe_status *s)
{
	const struct worst *w = arg;
	int rank = rank_of(s);

	for (size_t i = 0; i < w->map->n_systems; i++)
		if (strcmp(w->map->systems[i].name, s->system) == 0 && rank > w->rank[i])
			w->rank[i] = rank;
}

static const char *
verdict_of(void *arg, size_t i)
{
	const struct worst *w = arg;

	return w->rank[i] < 0 ? NULL : ranks[w->rank[i]];
}

/* The loop only lends the map; the caller's thread ranks and writes. */
static void
do_map(void *ctx, struct buf *out)
{
	struct agent *a = ctx;
	struct worst w;
	struct map *m;

	if (!agent_call(a, hold_map, &m)) {
		buf_text(out, "null");
		return;
	}
	w = (struct worst){m, xcalloc(m->n_systems + 1, sizeof(int))};
	for (size_t i = 0; i < m->n_systems; i++)
		w.rank[i] = -1;
	ingest_status_each(a->ingest, rank_system, &w);
	map_write(m, verdict_of, &w, out);
	free(w.rank);
	map_free(m);
}

static bool
is_ready(void *ctx)
{
	struct agent *a = ctx;

	return !a->stopping;
}

static bool
reload_state(void *ctx, int64_t *at_ms)
{
	struct agent *a = ctx;
	bool ok;

	pthread_mutex_lock(&a->lock);
	ok = a->reload_ok;
	*at_ms = a->reload_ms;
	pthread_mutex_unlock(&a->lock);
	return ok;
}

struct api_agent
agent_api(struct agent *a)
{
	a->self.reload_ok = reload_state;
	a->self.arg = a;
	return (struct api_agent){.ctx = a,
	    .store = a->store,
	    .ingest = a->ingest,
	    .supervisor = a->supervisor,
	    .alerts = a->alerts,
	    .notify = a->notify,
	    .state = a->state,
	    .self = &a->self,
	    .version = PACKAGE_VERSION,
	    .shop = a->setup->shop,
	    .currency = a->setup->currency,
	    .config_path = a->config_path,
	    .started_ms = a->started_ms,
	    .reload = do_reload,
	    .run = do_run,
	    .retry = do_retry,
	    .notify_test = do_notify_test,
	    .ready = is_ready,
	    .map = do_map,
	    .metadata = do_metadata};
}
