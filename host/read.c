/*
 * read.c - see read.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/read.h"

#include <stdlib.h>
#include <string.h>

#include "host/api.h"
#include "host/group.h"

struct reading {
	struct reading *next;
	struct op *op;                /* NULL: nobody waits for it any more */
	uint32_t asker;               /* id of the probe that has asked, */
	_Atomic bool is_wanted;       /* and still waits: what comes later is no answer to it */
	size_t n;                     /* 0 = everything */
	const char **keys;            /* and their bytes behind them, in one piece */
};

static void
reading_free(struct reading *r)
{
	free(r->keys);
	free(r);
}

/* The keys in one piece of memory; false: there are too many, or one is NULL. */
static bool
copy_keys(struct reading *r, const char *const *keys, size_t n)
{
	size_t bytes = 0;
	char *at;

	if (n > READ_KEYS_MAX || (n > 0 && keys == NULL))
		return false;
	for (size_t i = 0; i < n && bytes <= READ_BYTES_MAX; i++)
		bytes += keys[i] != NULL ? strlen(keys[i]) + 1 : READ_BYTES_MAX + 1;
	if (bytes > READ_BYTES_MAX || (r->keys = malloc(n * sizeof(*keys) + bytes + 1)) == NULL)
		return false;
	at = (char *)(r->keys + n);
	for (; r->n < n; r->n++) {
		size_t len = strlen(keys[r->n]) + 1;

		r->keys[r->n] = memcpy(at, keys[r->n], len);
		at += len;
	}
	return true;
}

static struct probe *
find_source(struct tw_ctx *ctx, const char *name)
{
	struct member *m = &ctx->probe->member;
	struct probe *p, *next;
	bool is_read = false;

	for (size_t i = 0; i < m->n_reads; i++)
		is_read |= strcmp(m->reads[i], name) == 0;
	HASH_ITER(hh, ctx->probe->host->probes, p, next)
		if (is_read && member_is_source(p) && p->is_started && strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

/* ---- turns ---- */

static struct reading *
take_first(struct member *m)
{
	struct reading *r = m->waiting;

	m->waiting = r->next;
	r->next = NULL;
	return r;
}

/* What the next turn serves: all scans that wait, or the first reading of keys. */
static void
choose(struct member *m)
{
	struct reading **at = &m->waiting, *r;

	if (m->waiting->n > 0) {
		m->served = take_first(m);
		m->turn = TURN_KEYS;
		return;
	}
	m->turn = TURN_SCAN;
	while ((r = *at) != NULL) {
		if (r->n > 0) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->next = m->served;
		m->served = r;
	}
}

static void
call_back(struct reading *list)
{
	while (list != NULL) {
		struct reading *r = list;
		struct op *op = r->op;

		list = r->next;
		reading_free(r);
		if (op != NULL)
			op_read(op); /* may end its run, and with it others of the list */
	}
}

static void
next_turn(void *arg)
{
	struct probe *p = arg;
	struct member *m = &p->member;
	struct reading *over = NULL;

	m->is_turn_planned = false;
	if (p->ctx.state == RUN_IDLE && m->turn != TURN_TAIL) {
		over = m->served;
		m->served = NULL;
		m->turn = TURN_TAIL;
	}
	call_back(over);
	if (p->ctx.state != RUN_IDLE || p->host->is_draining)
		return;
	if (m->late_slot_ms != 0) {
		int64_t slot_ms = m->late_slot_ms;

		m->late_slot_ms = 0;
		run_begin(p, slot_ms, mono_now(), false, 0);
	} else if (p->waiting_ask != 0) {
		uint32_t number = p->waiting_ask;

		p->waiting_ask = 0;
		probe_ask(p, number);
	} else if (m->waiting != NULL) {
		choose(m);
		run_begin(p, wall_now().ms, mono_now(), true, 0);
	}
}

static void
plan_turn(struct probe *p)
{
	if (p->member.is_turn_planned)
		return;
	p->member.is_turn_planned = true;
	loop_timer_set(p->host->loop, &p->member.turn_timer, mono_now(), next_turn, p);
}

void
read_turn_over(struct probe *p)
{
	if (p->member.turn != TURN_TAIL || p->member.waiting != NULL
	    || p->member.late_slot_ms != 0 || p->waiting_ask != 0)
		plan_turn(p);
}

bool
read_is_busy(const struct probe *p)
{
	return p->ctx.state != RUN_IDLE || p->member.turn != TURN_TAIL;
}

bool
read_delays_slot(struct probe *p, int64_t slot_ms)
{
	if (p->member.turn == TURN_TAIL)
		return false;
	p->member.late_slot_ms = slot_ms;
	return true;
}

enum tw_verdict
read_turn(struct probe *p)
{
	const struct tw_plugin *t = &p->plugin->table;
	const struct reading *r = p->member.served;

	if (p->member.turn == TURN_KEYS && t->read_keys != NULL)
		return t->read_keys(&p->ctx, p->self, r->keys, r->n);
	if (p->member.turn != TURN_TAIL && t->scan != NULL)
		return t->scan(&p->ctx, p->self);
	return t->tail != NULL ? t->tail(&p->ctx, p->self) : TW_OK;
}

bool
read_is_for(const struct probe *p, const struct probe *reader)
{
	for (const struct reading *r = p->member.served; r != NULL; r = r->next)
		if (r->asker == reader->id && atomic_load(&r->is_wanted))
			return true;
	return false;
}

/* ---- readings ---- */

struct reading *
read_ask(struct tw_ctx *ctx, const char *source, const char *const *keys, size_t n, struct op *op)
{
	struct probe *p = find_source(ctx, source);
	struct reading *r = calloc(1, sizeof(*r)), **at;
	size_t n_waiting = 0;

	if (p == NULL || r == NULL || !copy_keys(r, keys, n)) {
		host_api.fail(ctx, TW_UNKNOWN, "source",
		    p == NULL ? "the source %.100s is not read by this probe, or not in its process"
			      : "the source %.100s is asked for too much at once", source);
		if (r != NULL)
			reading_free(r);
		return NULL;
	}
	for (at = &p->member.waiting; *at != NULL; at = &(*at)->next)
		n_waiting++;
	if (n_waiting >= READ_WAITING_MAX) {
		host_api.fail(ctx, TW_UNKNOWN, "busy", "too many wait for the source %.100s",
		    source);
		reading_free(r);
		return NULL;
	}
	r->op = op;
	r->asker = ctx->probe->id;
	atomic_store(&r->is_wanted, true);
	*at = r;
	if (p->ctx.state == RUN_IDLE)
		plan_turn(p);
	return r;
}

void
read_forget(struct reading *r)
{
	r->op = NULL;
	atomic_store(&r->is_wanted, false);
}

void
read_clear(struct probe *p)
{
	struct member *m = &p->member;
	struct reading *waiting = m->waiting;

	loop_timer_clear(p->host->loop, &m->turn_timer);
	m->waiting = NULL;
	call_back(waiting);
	if (p->ctx.n_threads > 0)
		return; /* its thread still reads the keys: once more when it has come back */
	waiting = m->served;
	m->served = NULL;
	call_back(waiting);
}
