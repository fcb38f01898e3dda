/*
 * group.c - see group.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/group.h"
#include "host/read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/log.h"

int
group_init(struct host *h)
{
	pthread_mutexattr_t nested;
	pthread_condattr_t clock;
	int rc;

	pthread_mutexattr_init(&nested);
	pthread_mutexattr_settype(&nested, PTHREAD_MUTEX_RECURSIVE);
	rc = pthread_mutex_init(&h->shared, &nested);
	pthread_mutexattr_destroy(&nested);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	if (rc == 0)
		rc = pthread_cond_init(&h->sent, &clock);
	pthread_condattr_destroy(&clock);
	return -rc;
}

void
group_clear(struct host *h)
{
	pthread_cond_destroy(&h->sent);
	pthread_mutex_destroy(&h->shared);
}

void
group_enter(struct host *h)
{
	pthread_mutex_lock(&h->shared);
}

void
group_leave(struct host *h)
{
	pthread_mutex_unlock(&h->shared);
}

/* ---- members ---- */

bool
member_is_source(const struct probe *p)
{
	return (p->plugin->table.flags & TW_SOURCE) != 0;
}

int
member_take(struct probe *p, const json_t *reads, char *err, size_t cap)
{
	struct member *m = &p->member;
	size_t n = json_array_size(reads);

	if (n == 0)
		return 0;
	if (n > GROUP_READS_MAX || (m->reads = calloc(n, sizeof(*m->reads))) == NULL) {
		snprintf(err, cap, "more than %d sources", GROUP_READS_MAX);
		return -1;
	}
	for (; m->n_reads < n; m->n_reads++) {
		const char *name = json_string_value(json_array_get(reads, m->n_reads));

		if (name == NULL || (m->reads[m->n_reads] = strdup(name)) == NULL) {
			snprintf(err, cap, "reads: no list of names");
			return -1;
		}
	}
	return 0;
}

static void
free_fields(struct member *m)
{
	for (uint32_t i = 0; i < m->n_fields; i++)
		free(m->fields[i]);
	free(m->fields);
	m->fields = NULL;
	m->n_fields = 0;
}

void
member_clear(struct probe *p)
{
	struct member *m = &p->member;

	for (size_t i = 0; i < m->n_reads; i++)
		free(m->reads[i]);
	free(m->reads);
	for (size_t i = 0; i < m->n_wants; i++) {
		free(m->wants[i].source);
		free(m->wants[i].field);
	}
	free(m->wants);
	free_fields(m);
	state_clear(&m->settled);
}

static bool
reads(const struct probe *p, const char *source)
{
	for (size_t i = 0; i < p->member.n_reads; i++)
		if (strcmp(p->member.reads[i], source) == 0)
			return true;
	return false;
}

void
group_want(struct tw_ctx *ctx, const char *source, const char *field)
{
	struct member *m = &ctx->probe->member;
	struct want *grown;

	if (ctx->state != RUN_NONE || source == NULL || field == NULL
	    || m->n_wants == GROUP_WANTS_MAX)
		return;
	if ((grown = reallocarray(m->wants, m->n_wants + 1, sizeof(*grown))) == NULL)
		return;
	m->wants = grown;
	grown[m->n_wants] = (struct want){strdup(source), strdup(field)};
	if (grown[m->n_wants].source != NULL && grown[m->n_wants].field != NULL) {
		m->n_wants++;
		return;
	}
	free(grown[m->n_wants].source);
	free(grown[m->n_wants].field);
}

int
group_is_wanted(struct tw_ctx *ctx, const char *field)
{
	struct probe *p = ctx->probe, *reader, *next;
	int is_wanted = 0;

	if (field == NULL)
		return 0;
	group_enter(p->host);
	HASH_ITER(hh, p->host->probes, reader, next)
		for (size_t i = 0; i < reader->member.n_wants; i++)
			is_wanted |= strcmp(reader->member.wants[i].source, p->name) == 0
			    && strcmp(reader->member.wants[i].field, field) == 0;
	group_leave(p->host);
	return is_wanted;
}

void
group_fields(struct tw_ctx *ctx, const char *const *names, uint32_t n)
{
	struct member *m = &ctx->probe->member;

	if (ctx->state != RUN_NONE || names == NULL || n > GROUP_FIELDS_MAX)
		return;
	free_fields(m);
	if ((m->fields = calloc(n > 0 ? n : 1, sizeof(*m->fields))) == NULL)
		return;
	for (; m->n_fields < n; m->n_fields++)
		if (names[m->n_fields] == NULL
		    || (m->fields[m->n_fields] = strdup(names[m->n_fields])) == NULL)
			return;
}

/* ---- records ---- */

static void
settle_one(void *settled, const char *key, const void *data, size_t len)
{
	(void)state_put(settled, key, data, len);
}

void
group_settle(struct probe *p)
{
	group_enter(p->host);
	emit_save_totals(&p->emit, &p->state);
	state_each_changed(&p->state, settle_one, &p->member.settled);
	group_leave(p->host);
}

void
group_save(struct host *h)
{
	struct probe *p, *next;

	HASH_ITER(hh, h->probes, p, next) {
		if (!p->member.is_dirty)
			continue;
		p->member.is_dirty = false;
		p->ctx.is_reading = true;
		if (p->plugin->table.save != NULL)
			p->plugin->table.save(&p->ctx, p->self);
		p->ctx.is_reading = false;
		emit_save_totals(&p->emit, &p->state);
	}
}

static bool
is_full(const struct probe *p)
{
	return p->emit.n_samples > GROUP_SAMPLES || p->emit.n_hists > GROUP_HISTS;
}

/* To each who reads the source; true: one of them has gathered too much. */
static bool
hand_on(struct probe *source, struct tw_batch *b, const struct tw_record *records, size_t n)
{
	struct probe *p, *next;
	bool is_any_full = false;

	HASH_ITER(hh, source->host->probes, p, next) {
		if (!p->is_started || p->plugin->table.on_records == NULL
		    || !reads(p, source->name))
			continue;
		b->flags &= ~TW_BATCH_ASKED;
		if (read_is_for(source, p))
			b->flags |= TW_BATCH_ASKED;
		p->ctx.is_reading = true;
		p->plugin->table.on_records(&p->ctx, p->self, b, records, n);
		p->ctx.is_reading = false;
		p->member.is_dirty = true;
		is_any_full |= is_full(p);
	}
	return is_any_full;
}

static void
send_now(void *arg)
{
	struct probe *p = arg;
	struct host *h = p->host;

	group_enter(h);
	p->is_flushing = false;
	if (h->link.fd >= 0)
		send_commit(h, p, 0);
	h->n_sent++;
	pthread_cond_broadcast(&h->sent);
	group_leave(h);
}

/* On the source's thread: until the loop has sent what the readers have gathered. */
static void
wait_until_sent(struct probe *p)
{
	struct host *h = p->host;
	int64_t until_us = mono_now().us + GROUP_WAIT_US;
	struct timespec until = {until_us / 1000000, until_us % 1000000 * 1000};
	uint64_t before;

	group_enter(h);
	before = h->n_sent;
	if (!p->is_flushing)
		host_post(h, &p->flush, send_now, p);
	p->is_flushing = true;
	while (h->n_sent == before)
		if (pthread_cond_timedwait(&h->sent, &h->shared, &until) != 0)
			break;
	group_leave(h);
}

void
group_records(struct tw_ctx *ctx, const struct tw_batch *batch, const struct tw_record *records,
    size_t n)
{
	struct probe *p = ctx->probe;
	struct member *m = &p->member;
	struct tw_batch b = {.size = sizeof(b), .read_ms = wall_now().ms};
	bool is_any_full;

	if (!member_is_source(p) || batch == NULL || (n > 0 && records == NULL)
	    || (!ctx->is_off_loop && ctx->state != RUN_GOING))
		return;
	memcpy(&b, batch, batch->size < sizeof(b) ? batch->size : sizeof(b));
	b.size = sizeof(b);
	b.source = p->name;
	b.fields = (const char *const *)m->fields;
	b.n_fields = m->n_fields;
	if (b.complete_ms < m->complete_ms)
		b.complete_ms = m->complete_ms;
	m->complete_ms = b.complete_ms;
	if (p->host->is_trying)
		group_try(p, &b, records, n);
	m->n_records += n;
	group_enter(p->host);
	is_any_full = hand_on(p, &b, records, n);
	group_settle(p);
	group_leave(p->host);
	if (is_any_full && ctx->is_off_loop)
		wait_until_sent(p);
	else if (is_any_full)
		send_now(p);
}

void
group_reject(struct tw_ctx *ctx, const char *reason, const char *excerpt, size_t len)
{
	struct member *m = &ctx->probe->member;
	struct host *h = ctx->probe->host;
	char path[48];

	if (!member_is_source(ctx->probe) || m->n_rejects++ >= GROUP_EXAMPLES)
		return;
	snprintf(path, sizeof(path), "rejects/%u/reason", (unsigned)m->n_rejects - 1);
	emit_fact_text(&ctx->probe->emit, path, reason != NULL ? reason : "");
	/* What a source reads may hold what nobody may keep: only who tries it sees it. */
	if (h->is_trying && excerpt != NULL) {
		char text[GROUP_EXCERPT_MAX + 1];

		snprintf(path, sizeof(path), "rejects/%u/excerpt", (unsigned)m->n_rejects - 1);
		snprintf(text, sizeof(text), "%.*s",
		    (int)(len < GROUP_EXCERPT_MAX ? len : GROUP_EXCERPT_MAX), excerpt);
		emit_fact_text(&ctx->probe->emit, path, text);
	}
}
