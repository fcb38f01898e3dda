/*
 * agent.c - starts the parts in the order in which they need each other, ends them in the other.
 *
 * Runs in: the loop thread (libuv). The tick drives watchdogs (each 250 ms) and, each second,
 * republishing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "agent/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "agent/notify/notify.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

#define TICK_MS 250

static void
log_text(void *arg, int level, const char *text)
{
	(void)arg;
	log_line((enum log_level)level, "%s", text);
}

/* ---- the loop's events ---- */

static void
feed_watchdog(struct agent *a)
{
	int64_t now_ms = mono_now().us / 1000;

	if (a->service.watchdog_ms == 0 || now_ms - a->alive_at_ms < a->service.watchdog_ms)
		return;
	a->alive_at_ms = now_ms;
	service_alive(&a->service);
}

static void
on_tick(uv_timer_t *timer)
{
	struct agent *a = timer->data;
	int64_t now = wall_now().ms;
	static const int64_t second = 1000;

	supervisor_tick(a->supervisor);
	feed_watchdog(a);
	if (now - a->own_at_ms < second && now >= a->own_at_ms)
		return;
	ingest_tick(a->ingest);
	api_tick(a->api);
	agent_own_samples(a, now);
	a->own_at_ms = now;
}

static void
on_committed(uv_async_t *async)
{
	struct agent *a = async->data;

	ingest_committed(a->ingest);
}

static void
on_calls(uv_async_t *async)
{
	agent_calls(async->data);
}

static void
wake_loop(void *arg)
{
	struct agent *a = arg;

	uv_async_send(&a->committed);
}

static void
on_result(void *arg, const struct ingest_result *r)
{
	struct agent *a = arg;

	if (!r->is_skipped && (r->verdict != PROBE_OK || r->before != r->verdict))
		judge_poke(a, r->name);
	agent_result(a, r);
}

static void
on_refused(void *arg, uint32_t probe, const char *option_path, const char *text)
{
	struct agent *a = arg;
	char place[512] = "";

	for (size_t i = 0; i < a->setup->n_probes; i++)
		if (ingest_probe_is(a->ingest, probe, a->setup->probes[i].name))
			setup_place(
			    a->setup, a->setup->probes[i].name, option_path, place, sizeof(place));
	log_line(LOGL_ERROR, "%s: %s: %s: the probe does not run", place, option_path, text);
}

static void
all_stopped(void *arg)
{
	struct agent *a = arg;

	uv_stop(&a->loop);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	struct agent *a = handle->data;

	if (number == SIGHUP) {
		agent_reload_later(a);
		return;
	}
	if (a->stopping)
		return;
	agent_runs_end(a);
	service_stopping(&a->service);
	log_line(LOGL_INFO, "ending (%s)", strsignal(number));
	supervisor_stop(a->supervisor, all_stopped, a);
}

/* ---- start ---- */

void
agent_tell_ready(const struct agent *a)
{
	char status[256];

	snprintf(status, sizeof(status), "watching %s: %zu probes, %zu receivers",
	    a->setup->shop, a->setup->n_probes, a->setup->n_receivers);
	service_ready(&a->service, status);
}

/* The directories above a path: a first start needs no other step. What cannot be made is said by
 * whoever then opens the path. */
static void
make_parents(const char *path)
{
	char *at = xstrdup(path);

	for (char *slash = strchr(at + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(at, 0755);
		*slash = '/';
	}
	free(at);
}

static int
open_store(struct agent *a)
{
	const struct setup *s = a->setup;
	struct store_opts o = {.path = s->store_path,
	    .retention_raw_ms = s->retention_raw_ms,
	    .max_size_bytes = s->store_max_bytes,
	    .runs_max_bytes = s->runs_max_bytes,
	    .log = log_text};
	char *state_path = xasprintf("%s/state.db", s->store_path);
	struct state_error state_err = {0};
	struct store_error err = {0};
	int rc = 0;

	make_parents(s->store_path);
	if (store_open(&a->store, &o, &err) != 0) {
		log_line(LOGL_ERROR, "%s", err.text);
		rc = err.code == -EBUSY ? EX_TEMPFAIL : EX_CANTCREAT;
	} else if (state_open(&a->state, state_path, false, &state_err) != 0) {
		log_line(LOGL_ERROR, "%s", state_err.text);
		rc = EX_CANTCREAT;
	} else if (state_err.text[0] != '\0') {
		log_line(LOGL_WARN, "%s", state_err.text);
	}
	free(state_path);
	return rc;
}

static int
start_api(struct agent *a)
{
	const struct setup *s = a->setup;
	struct api_opts o = {.socket_path = s->socket_path,
	    .socket_mode = 0660,
	    .act_group = s->act_group,
	    .listen = s->listen,
	    .tokens = s->tokens,
	    .n_tokens = s->n_tokens,
	    .agent = agent_api(a)};
	char err[512] = "";

	make_parents(s->socket_path);
	if (api_start(&a->api, &o, err, sizeof(err)) == 0)
		return 0;
	log_line(LOGL_ERROR, "%s", err);
	return EX_UNAVAILABLE;
}

/* Up to where a source has read, as the store has it: what lies before may go. */
static void
take_position(void *arg, const char *key, const void *data, size_t len)
{
	struct inbox_position *p = arg;

	if (strcmp(key, "position") == 0)
		(void)inbox_position_read(p, data, len);
}

static bool
position_of(void *arg, const char *source, struct inbox_position *p)
{
	struct agent *a = arg;

	*p = (struct inbox_position){0, 0};
	return store_state_each(a->store, source, take_position, p) == 0 && p->segment > 0;
}

/* Before the probes: hosts are let into its directory, which must be there then. */
static int
start_inbox(struct agent *a)
{
	const struct setup *s = a->setup;
	struct inbox_opts o = {.path = s->inbox_path,
	    .listen = s->ingest_listen,
	    .max_body = (size_t)s->ingest_max_body,
	    .max_size = s->ingest_max_size,
	    .position = position_of,
	    .arg = a,
	    .log = log_text};
	char err[512] = "";

	if (s->ingest_listen == NULL)
		return 0;
	if (inbox_start(&a->inbox, &o, err, sizeof(err)) != 0
	    || inbox_configure(
		   a->inbox, s->inbox_sources, s->n_inbox_sources, err, sizeof(err)) != 0) {
		log_line(LOGL_ERROR, "agent.ingest: %s", err);
		return EX_UNAVAILABLE;
	}
	a->self.inbox = a->inbox;
	return 0;
}

static int
start_notify(struct agent *a)
{
	struct notify_opts o = {
	    .state = a->state, .seed = (uint64_t)a->started_ms, .log = log_text};
	char err[512] = "";

	if (notify_start(
		&a->notify, &o, a->setup->receivers, a->setup->n_receivers, err, sizeof(err))
	    == 0)
		return 0;
	log_line(LOGL_ERROR, "receivers: %s", err);
	return EX_CONFIG;
}

static void
start_loop(struct agent *a)
{
	uv_loop_init(&a->loop);
	uv_timer_init(&a->loop, &a->tick);
	uv_async_init(&a->loop, &a->committed, on_committed);
	uv_async_init(&a->loop, &a->calls, on_calls);
	uv_signal_init(&a->loop, &a->on_term);
	uv_signal_init(&a->loop, &a->on_int);
	uv_signal_init(&a->loop, &a->on_hup);
	a->tick.data = a->committed.data = a->calls.data = a;
	a->on_term.data = a->on_int.data = a->on_hup.data = a;
	uv_signal_start(&a->on_term, on_signal, SIGTERM);
	uv_signal_start(&a->on_int, on_signal, SIGINT);
	uv_signal_start(&a->on_hup, on_signal, SIGHUP);
	uv_timer_start(&a->tick, on_tick, TICK_MS, TICK_MS);
}

static void
scrub(void *arg, char *text)
{
	setup_scrub(((struct agent *)arg)->setup, text);
}

static void
start_measuring(struct agent *a)
{
	const struct setup *s = a->setup;
	struct ingest_opts in = {.store = a->store,
	    .shop = s->shop,
	    .labels = s->labels,
	    .n_labels = s->n_labels,
	    .wake = wake_loop,
	    .wake_arg = a,
	    .on_result = on_result,
	    .on_result_arg = a,
	    .on_commit = supervisor_committed,
	    .scrub = scrub,
	    .scrub_arg = a};
	struct supervise_opts su = {.loop = &a->loop,
	    .host_path = s->host_path,
	    .setup_json = s->host_json,
	    .on_refused = on_refused,
	    .arg = a};

	a->ingest = ingest_new(&in);
	su.ingest = a->ingest;
	a->supervisor = supervisor_new(&su);
	a->self = (struct self){.ingest = a->ingest, .store = a->store, .supervisor = a->supervisor,
		.started_ms = a->started_ms};
}

static int
start(struct agent *a)
{
	struct buf errors;
	int rc;

	buf_init(&errors, 1 << 20);
	if ((rc = open_store(a)) != 0)
		goto out;
	start_loop(a);
	start_measuring(a);
	if ((rc = start_notify(a)) != 0)
		goto out;
	a->self.notify = a->notify;
	if (judge_start(a, &errors) != 0) {
		log_line(LOGL_ERROR, "%s", buf_str(&errors));
		rc = EX_CONFIG;
		goto out;
	}
	a->self.alerts = a->alerts;
	if ((rc = start_inbox(a)) != 0 || (rc = start_api(a)) != 0)
		goto out;
	agent_apply_probes(a, NULL);
out:
	buf_free(&errors);
	return rc;
}

/* ---- end ---- */

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
finish(struct agent *a)
{
	if (a->api != NULL)
		api_stop(a->api);
	inbox_stop(a->inbox);
	judge_stop(a);
	notify_stop(a->notify);
	if (a->supervisor != NULL)
		supervisor_free(a->supervisor);
	if (a->ingest != NULL) {
		ingest_free(a->ingest);
		uv_walk(&a->loop, close_handle, NULL);
		uv_run(&a->loop, UV_RUN_DEFAULT);
		uv_loop_close(&a->loop);
	}
	if (a->alerts != NULL)
		alert_engine_free(a->alerts);
	state_close(a->state);
	if (a->store != NULL)
		store_close(a->store);
	if (a->setup != a->first)
		setup_free(a->setup);
	setup_free(a->first);
}

int
agent_run(const char *config_path)
{
	struct agent a = {
	    .config_path = config_path, .started_ms = wall_now().ms, .reload_ok = true};
	struct buf errors;
	int rc = EX_CONFIG;

	pthread_mutex_init(&a.lock, NULL);
	pthread_cond_init(&a.changed, NULL);
	pthread_cond_init(&a.rules_wake, NULL);
	a.last_call = &a.first_call;
	buf_init(&errors, 1 << 20);
	umask(027);
	signal(SIGPIPE, SIG_IGN);
	service_open(&a.service);
	if (setup_load(&a.setup, config_path, &errors) != 0) {
		log_line(LOGL_ERROR, "the configuration is wrong:\n%s", buf_str(&errors));
	} else if (setup_log(a.setup), a.first = a.setup, (rc = start(&a)) == 0) {
		log_line(LOGL_INFO, "watching %s: %zu probes, %zu receivers", a.setup->shop,
		    a.setup->n_probes, a.setup->n_receivers);
		agent_tell_ready(&a);
		uv_run(&a.loop, UV_RUN_DEFAULT);
		agent_calls_end(&a);
	}
	finish(&a);
	service_close(&a.service);
	buf_free(&errors);
	return rc;
}
