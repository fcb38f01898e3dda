/*
 * apply.c - a setup takes effect: at start, and at each reload, where only what changed is touched.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/notify/notify.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

static const struct setup_probe *
find(const struct setup *s, const char *name)
{
	for (size_t i = 0; s != NULL && i < s->n_probes; i++)
		if (strcmp(s->probes[i].name, name) == 0)
			return &s->probes[i];
	return NULL;
}

static bool
same_labels(const struct setup_probe *x, const struct setup_probe *y)
{
	bool same = x->n_labels == y->n_labels;

	for (size_t i = 0; same && i < x->n_labels; i++)
		same = strcmp(x->labels[i].name, y->labels[i].name) == 0
		    && strcmp(x->labels[i].value, y->labels[i].value) == 0;
	return same;
}

/* The JSON holds every option, a secret's value too: a new secret is a change. */
static bool
same_probe(const struct setup_probe *x, const struct setup_probe *y)
{
	return strcmp(x->json, y->json) == 0 && strcmp(x->plugin_path, y->plugin_path) == 0
	       && strcmp(x->group, y->group) == 0
	       && strcmp(x->system, y->system) == 0
	       && same_labels(x, y);
}

static void
add_probe(struct agent *a, const struct setup_probe *p)
{
	struct ingest_probe d = {.name = p->name,
	    .plugin = p->plugin,
	    .system = p->system,
	    .interval_ms = p->interval_ms,
	    .offset_ms = p->offset_ms,
	    .timeout_ms = p->timeout_ms,
	    .labels = p->labels,
	    .n_labels = p->n_labels};
	uint32_t id = ingest_probe_add(a->ingest, &d);

	supervisor_add(a->supervisor,
	    &(struct supervise_probe){.id = id,
		.plugin_path = p->plugin_path,
		.group = p->group,
		.json = p->json,
		.interval_ms = p->interval_ms,
		.offset_ms = p->offset_ms,
		.timeout_ms = p->timeout_ms,
		.is_source = p->is_source,
		.is_shared = p->is_shared,
		.reads_input = p->reads_input});
}

void
agent_apply_probes(struct agent *a, const struct setup *before)
{
	for (size_t i = 0; before != NULL && i < before->n_probes; i++) {
		const char *name = before->probes[i].name;
		uint32_t id = ingest_probe_find(a->ingest, name);

		if (find(a->setup, name) != NULL)
			continue;
		supervisor_remove(a->supervisor, id);
		ingest_probe_remove(a->ingest, id);
		log_line(LOGL_INFO, "probe %s is gone", name);
	}
	for (size_t i = 0; i < a->setup->n_probes; i++) {
		const struct setup_probe *p = &a->setup->probes[i], *old = find(before, p->name);

		if (old != NULL && same_probe(old, p))
			continue;
		add_probe(a, p);
		if (before != NULL)
			log_line(
			    LOGL_INFO, "probe %s is %s", p->name, old != NULL ? "changed" : "new");
	}
	/* Hosts of new probes start with this turn, not with the next tick. */
	supervisor_tick(a->supervisor);
}

static bool
differ(const char *x, const char *y)
{
	return strcmp(x != NULL ? x : "", y != NULL ? y : "") != 0;
}

static void
say_restart(const struct setup *old, const struct setup *new)
{
	if (differ(old->store_path, new->store_path))
		log_line(LOGL_WARN, "agent.store.path needs restart");
	if (differ(old->socket_path, new->socket_path) || differ(old->listen, new->listen))
		log_line(LOGL_WARN, "agent.api needs restart");
	if (differ(old->ingest_listen, new->ingest_listen)
	    || old->ingest_max_body != new->ingest_max_body
	    || old->ingest_max_size != new->ingest_max_size)
		log_line(LOGL_WARN, "agent.ingest needs restart");
	if (differ(old->shop, new->shop))
		log_line(LOGL_WARN, "shop.name needs restart");
	if (differ(old->currency, new->currency))
		log_line(LOGL_WARN, "shop.currency needs restart");
	if (differ(old->host_json, new->host_json))
		log_line(LOGL_WARN,
		    "what plugin hosts are told (references, geoip, sandbox) needs restart");
}

struct swap {
	struct setup *fresh;
	struct buf *errors;
	int rc;
};

static void
take_effect(struct agent *a, void *arg)
{
	struct swap *s = arg;
	struct setup *old = a->setup;
	char err[1024] = "";
	size_t which;

	if (receivers_check(s->fresh->receivers, s->fresh->n_receivers, &which, err, sizeof(err))
		!= 0
	    || alert_engine_configure(
		   a->alerts, &s->fresh->alerts, &s->fresh->rules, err, sizeof(err))
		   != 0
	    || notify_configure(
		   a->notify, s->fresh->receivers, s->fresh->n_receivers, err, sizeof(err))
		   != 0) {
		buf_printf(s->errors, "%s\n", err);
		s->rc = -EINVAL;
		setup_free(s->fresh);
		return;
	}
	say_restart(old, s->fresh);
	if (a->inbox != NULL
	    && inbox_configure(a->inbox, s->fresh->inbox_sources, s->fresh->n_inbox_sources, err,
		   sizeof(err)) != 0)
		log_line(LOGL_ERROR, "agent.ingest: %s: its sources stay as they were", err);
	a->setup = s->fresh;
	agent_apply_probes(a, old);
	if (old != a->first)
		setup_free(old);
}

static void
tell_ready(struct agent *a, void *arg)
{
	(void)arg;
	agent_tell_ready(a);
}

int
agent_reload(struct agent *a, struct buf *errors)
{
	struct swap s = {.errors = errors};

	service_reloading(&a->service);
	s.rc = setup_load(&s.fresh, a->config_path, errors);
	if (s.rc == 0) {
		setup_log(s.fresh);
		if (!agent_call(a, take_effect, &s)) {
			buf_text(errors, "the agent ends\n");
			s.rc = -EINVAL;
			setup_free(s.fresh);
		}
	}
	pthread_mutex_lock(&a->lock);
	a->reload_ok = s.rc == 0;
	a->reload_ms = wall_now().ms;
	pthread_mutex_unlock(&a->lock);
	log_line(s.rc == 0 ? LOGL_INFO : LOGL_ERROR,
	    s.rc == 0 ? "reloaded" : "not reloaded, the old configuration stays:\n%s",
	    buf_str(errors));
	(void)agent_call(a, tell_ready, NULL);
	return s.rc;
}

/* SIGHUP comes on the loop, which must not read files: a thread of its own does the reload, and
 * ends. */
static void *
reload_thread(void *arg)
{
	struct buf errors;

	buf_init(&errors, 1 << 20);
	(void)agent_reload(arg, &errors);
	buf_free(&errors);
	return NULL;
}

void
agent_reload_later(struct agent *a)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, reload_thread, a) != 0)
		log_line(LOGL_ERROR, "no thread for the reload: try again");
	pthread_attr_destroy(&attr);
}
