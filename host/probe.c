/*
 * probe.c - a probe's life: configuration, state, slots. See probe.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/group.h"
#include "host/probe.h"
#include "host/read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

static void slot_due(void *arg);

static void
probe_free(struct probe *p)
{
	member_clear(p);
	free(p->ctx.reason);
	free(p->ctx.refused_path);
	emit_clear(&p->emit);
	state_clear(&p->state);
	if (p->self != NULL)
		explicit_bzero(p->self, p->plugin->table.self_size);
	free(p->self);
	heap_free(&p->heap);
	free(p->name);
	free(p);
}

struct probe *
probe_find(struct host *h, uint32_t id)
{
	struct probe *p;

	HASH_FIND(hh, h->probes, &id, sizeof(id), p);
	return p;
}

/* ---- configuration ---- */

static int64_t
integer(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : -1;
}

/* The words around the options. 0, or -1 with err. */
static int
take_frame(struct probe *p, json_t *o, char *err, size_t cap)
{
	const char *name = json_string_value(json_object_get(o, "name"));
	const char *plugin = json_string_value(json_object_get(o, "plugin"));

	p->interval_ms = integer(o, "interval_ms");
	p->offset_ms = integer(o, "offset_ms");
	p->timeout_ms = integer(o, "timeout_ms");
	if (name == NULL || name[0] == '\0' || strlen(name) > 200 || p->interval_ms < 1
	    || p->offset_ms < 0 || p->timeout_ms < 1) {
		snprintf(
		    err, cap, "a configuration lacks name, interval_ms, offset_ms or timeout_ms");
		return -1;
	}
	if ((p->plugin = host_plugin(p->host, plugin)) == NULL) {
		snprintf(err, cap, "this host has no plugin %s",
		    plugin != NULL ? plugin : "(none named)");
		return -1;
	}
	if ((p->name = strdup(name)) == NULL || emit_init(&p->emit, p->plugin, name) != 0
	    || (p->self = calloc(1, p->plugin->table.self_size + 1)) == NULL) {
		snprintf(err, cap, "out of memory");
		return -1;
	}
	return member_take(p, json_object_get(o, "reads"), err, cap);
}

static int
take_options(struct probe *p, json_t *options, char *err, size_t cap)
{
	json_t *none = options == NULL ? json_object() : NULL;
	int rc;

	err[0] = '\0';
	rc = options_fill(&p->plugin->table.options, p->self, options != NULL ? options : none,
	    &p->heap, err, cap);
	if (rc != 0 && err[0] == '\0')
		snprintf(err, cap, "options: %s", strerror(-rc));
	json_decref(none);
	return rc;
}

struct probe *
probe_new(struct host *h, uint32_t id, uint32_t generation, const char *json, size_t len,
    char *err, size_t cap)
{
	struct probe *p = probe_find(h, id);
	json_t *o = NULL;
	int rc = -1;

	if (p != NULL)
		probe_remove(p);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	*p = (struct probe){.id = id, .generation = generation, .host = h};
	p->ctx.probe = p;
	p->ctx.state = RUN_NONE;
	if (HASH_COUNT(h->probes) >= HOST_PROBES_MAX)
		snprintf(err, cap, "more than %d probes", HOST_PROBES_MAX);
	else if ((o = json_read(json, len, err, cap)) != NULL
	    && take_frame(p, o, err, cap) == 0)
		rc = take_options(p, json_object_get(o, "options"), err, cap);
	json_decref(o);
	if (rc != 0) {
		probe_free(p);
		return NULL;
	}
	group_enter(h);
	h->has_sources |= member_is_source(p) || p->member.n_reads > 0;
	HASH_ADD(hh, h->probes, id, sizeof(p->id), p);
	group_leave(h);
	return p;
}

void
probe_restore(struct probe *p, const char *key, const void *data, size_t len)
{
	uint32_t page;

	if (state_restore(&p->state, key, data, len) == 0 && data != NULL
	    && emit_is_page(key, &page))
		emit_restore(&p->emit, page, data, len);
}

/* ---- start and end ---- */

/* start() did not say ok: what does the user read? */
static void
refusal(const struct tw_ctx *ctx, char *path, size_t path_cap, char *err, size_t cap)
{
	snprintf(path, path_cap, "%s", ctx->refused_path != NULL ? ctx->refused_path : "");
	snprintf(err, cap, "%s",
	    ctx->reason != NULL ? ctx->reason
				: "the plugin refused to start and did not say why");
}

int
probe_start(struct probe *p, char *path, size_t path_cap, char *err, size_t cap)
{
	enum tw_verdict v = TW_OK;
	int rc;

	if (p->is_started)
		return 0;
	p->ctx.failed = TW_PENDING;
	group_enter(p->host);
	if (p->plugin->table.start != NULL)
		v = p->plugin->table.start(&p->ctx, p->self);
	group_leave(p->host);
	if (v != TW_OK || p->ctx.has_refused) {
		refusal(&p->ctx, path, path_cap, err, cap);
		return -1;
	}
	if ((p->plugin->table.flags & TW_BLOCKING) && (rc = blocking_start(p)) != 0) {
		path[0] = '\0';
		snprintf(err, cap, "no thread for it: %s", strerror(-rc));
		return -1;
	}
	p->is_started = true;
	p->ctx.state = RUN_IDLE;
	p->last_slot_ms = wall_now().ms;
	if (p->host->link.fd >= 0)
		probe_replan(p);
	return 0;
}

static void
leave(struct probe *p)
{
	blocking_stop(p);
	read_clear(p);
	if (p->is_started && p->plugin->table.stop != NULL)
		p->plugin->table.stop(&p->ctx, p->self);
	probe_free(p);
}

/* A thread inside the plugin keeps the probe's memory until it comes back. */
void
probe_remove(struct probe *p)
{
	group_enter(p->host);
	HASH_DEL(p->host->probes, p);
	p->is_removed = true;
	group_leave(p->host);
	loop_timer_clear(p->host->loop, &p->slot);
	run_abort(&p->ctx);
	read_clear(p);
	if (p->ctx.n_threads > 0) {
		p->next_leaving = p->host->leaving;
		p->host->leaving = p;
		return;
	}
	leave(p);
}

void
probe_left(struct probe *p)
{
	struct probe **at = &p->host->leaving;

	while (*at != NULL && *at != p)
		at = &(*at)->next_leaving;
	if (*at == p)
		*at = p->next_leaving;
	leave(p);
}

/* ---- slots ---- */

/* Plans the first slot at or after both now and the one behind the newest that was filled. */
static void
plan(struct probe *p, int64_t from_ms)
{
	if (from_ms <= p->last_slot_ms)
		from_ms = p->last_slot_ms + 1;
	p->planned_ms = slot_next(from_ms, p->interval_ms, p->offset_ms);
	p->planned_at = (mono_t){p->planned_ms * 1000 - clock_offset_us()};
	p->slot.is_exact = true;
	loop_timer_set(p->host->loop, &p->slot, p->planned_at, slot_due, p);
}

/* Slots between the two moments that nobody will fill: sleep, SIGSTOP, a step of the clock. */
static void
count_missed(struct probe *p, int64_t from_ms, int64_t to_ms)
{
	if (to_ms > from_ms)
		p->host->counters.skipped += (uint64_t)((to_ms - from_ms) / p->interval_ms);
}

/* After a step backwards the slots up to the newest filled one are not filled again. */
void
probe_replan(struct probe *p)
{
	int64_t now_ms = wall_now().ms;

	if (!p->is_started)
		return;
	count_missed(p, p->planned_ms != 0 ? p->planned_ms : now_ms, now_ms);
	count_missed(p, now_ms, p->last_slot_ms);
	plan(p, now_ms);
}

static const char *
why_not(struct probe *p, int64_t late_us, int64_t ahead_ms)
{
	struct host *h = p->host;

	if (p->ctx.state != RUN_IDLE)
		return "overrun";
	if (h->is_draining)
		return "stopping";
	if (ahead_ms > 1000)
		return "clock";
	if (late_us > START_LATE_MAX_US || ahead_ms < -START_LATE_MAX_US / 1000)
		return "late";
	if (h->counters.in_flight >= h->setup.max_in_flight || link_is_full(&h->link)
	    || (h->engine != NULL && !engine_admits(h->engine)))
		return "full";
	return NULL;
}

static void
slot_due(void *arg)
{
	struct probe *p = arg;
	int64_t slot = p->planned_ms, now_ms = wall_now().ms;
	mono_t due = p->planned_at;
	const char *why = why_not(p, mono_sub_us(mono_now(), due), slot - now_ms);

	p->last_slot_ms = slot;
	count_missed(p, slot, now_ms);
	plan(p, now_ms);
	if (read_delays_slot(p, slot))
		return;
	if (why != NULL)
		run_skip(p, slot, false, 0, why);
	else
		run_begin(p, slot, due, false, 0);
}

void
probe_ask(struct probe *p, uint32_t number)
{
	const char *why = p->is_started ? why_not(p, 0, 0) : "not started";

	if (p->is_started && !p->host->is_draining && p->waiting_ask == 0 && read_is_busy(p))
		p->waiting_ask = number;
	else if (why != NULL)
		run_skip(p, wall_now().ms, true, number, why);
	else
		run_begin(p, wall_now().ms, mono_now(), true, number);
}
