/*
 * supervise.c - the groups: which probe lives in which host.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/supervise/supervise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/supervise/host.h"
#include "lib/xmalloc.h"

struct supervisor *
supervisor_new(const struct supervise_opts *opts)
{
	struct supervisor *s = xcalloc(1, sizeof(*s));

	s->opts = *opts;
	s->opts.host_path = xstrdup(opts->host_path);
	s->opts.setup_json = xstrdup(opts->setup_json);
	s->frame = xcalloc(1, FRAME_MAX);
	s->next_generation = 1;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
supervisor_free(struct supervisor *s)
{
	free((char *)(uintptr_t)s->opts.host_path);
	free((char *)(uintptr_t)s->opts.setup_json);
	free(s->frame);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void
send_empty(struct host *h, enum frame_type type, uint32_t probe, uint32_t generation)
{
	ptrdiff_t n = msg_empty_encode(h->s->frame, type, probe, generation);

	if (n > 0 && h->fd >= 0)
		(void)link_send(h, h->s->frame, (size_t)n);
}

/* The host goes for good: asked first, killed after the grace; gone at once when it has no process.
 */
static void
retire(struct host *h)
{
	h->wanted = false;
	if (h->process == NULL) {
		struct host **at;

		pthread_mutex_lock(&h->s->lock);
		for (at = &h->s->hosts; *at != h; at = &(*at)->next)
			;
		*at = h->next;
		pthread_mutex_unlock(&h->s->lock);
		host_free(h);
		return;
	}
	send_empty(h, FRAME_STOP, 0, 0);
	h->state = HOST_STOPPING;
	h->kill_at = mono_add_us(mono_now(), TERM_GRACE_MS * 1000);
}

void
supervisor_stop(struct supervisor *s, void (*done)(void *), void *arg)
{
	struct host *h, *next;

	s->stopping = true;
	s->stopped = done;
	s->stopped_arg = arg;
	for (h = s->hosts; h != NULL; h = next) {
		next = h->next;
		retire(h);
	}
	if (s->hosts == NULL && s->stopped != NULL) {
		s->stopped = NULL;
		done(arg);
	}
}

static struct host *
find_host(struct supervisor *s, const char *group)
{
	struct host *h;

	for (h = s->hosts; h != NULL; h = h->next)
		if (h->wanted && strcmp(h->group, group) == 0)
			return h;
	return NULL;
}

static struct host_probe *
find_probe(struct supervisor *s, uint32_t probe, struct host **host)
{
	for (struct host *h = s->hosts; h != NULL; h = h->next)
		for (size_t i = 0; h->wanted && i < h->n_probes; i++)
			if (h->probes[i].id == probe) {
				*host = h;
				return &h->probes[i];
			}
	return NULL;
}

void
supervisor_add(struct supervisor *s, const struct supervise_probe *add)
{
	struct host_probe *p;
	struct host *h = NULL;
	bool is_new = false;

	if ((p = find_probe(s, add->id, &h)) != NULL
	    && (strcmp(h->group, add->group) != 0
		|| strcmp(p->plugin_path, add->plugin_path) != 0)) {
		supervisor_remove(s, add->id);
		p = NULL;
	}
	if (p == NULL) {
		if ((h = find_host(s, add->group)) == NULL)
			h = host_new(s, add->group);
		h->probes = xrealloc(h->probes, h->n_probes + 1, sizeof(*h->probes));
		p = &h->probes[h->n_probes++];
		*p = (struct host_probe){.id = add->id, .plugin_path = xstrdup(add->plugin_path)};
		is_new = true;
	}
	free(p->json);
	p->json = xstrdup(add->json);
	p->is_source = add->is_source;
	p->is_shared = add->is_shared;
	p->reads_input = add->reads_input;
	p->interval_ms = add->interval_ms;
	p->offset_ms = add->offset_ms;
	p->timeout_ms = add->timeout_ms;
	if (h->process != NULL && p->is_shared)
		host_renew(h);
	else if (h->process != NULL && !is_new)
		send_empty(h, FRAME_REMOVE, p->id, p->generation);
	p->generation = s->next_generation++;
	if (h->process != NULL && !p->is_shared)
		link_configure(h, p);
	host_publish(h);
}

void
supervisor_remove(struct supervisor *s, uint32_t probe)
{
	struct host *h;
	struct host_probe *p = find_probe(s, probe, &h);
	bool is_shared;

	if (p == NULL)
		return;
	is_shared = p->is_shared;
	if (!is_shared || h->n_probes == 1)
		send_empty(h, FRAME_REMOVE, probe, p->generation);
	host_probe_clear(p);
	*p = h->probes[--h->n_probes];
	if (h->n_probes == 0) {
		retire(h);
		return;
	}
	if (is_shared)
		host_renew(h);
	host_publish(h);
}

uint32_t
supervisor_run(struct supervisor *s, uint32_t probe)
{
	struct host *h;
	struct host_probe *p = find_probe(s, probe, &h);
	uint32_t number;

	if (p == NULL || h->state != HOST_RUNNING || p->since_ms == 0)
		return 0;
	number = s->next_generation++;
	send_empty(h, FRAME_RUN, probe, number);
	return number;
}

bool
supervisor_retry(struct supervisor *s, const char *group)
{
	bool is_known = group == NULL;

	for (struct host *h = s->hosts; h != NULL; h = h->next) {
		if (group != NULL && strcmp(h->group, group) != 0)
			continue;
		is_known = true;
		if (h->state == HOST_WAITING)
			h->retry_at = mono_now();
	}
	return is_known;
}

void
supervisor_tick(struct supervisor *s)
{
	struct host *h, *next;

	for (h = s->hosts; h != NULL; h = next) {
		next = h->next;
		watch_host(h);
	}
}

size_t
supervisor_status(struct supervisor *s, struct host_status *out, size_t cap)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	for (struct host *h = s->hosts; h != NULL && n < cap; h = h->next)
		out[n++] = h->status;
	pthread_mutex_unlock(&s->lock);
	return n;
}
