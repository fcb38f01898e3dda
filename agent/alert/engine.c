/*
 * engine.c - the alert engine: one tick evaluates, judges, and commits; the rest are questions. See
 * alert.h.
 *
 * Locks, in this order: tick_lock, rules_lock, lock, the state's. A query runs under tick_lock
 * alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/alert/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

#define ALIVE_EVERY_MS 15000
#define EXPIRE_EVERY_MS 3600000
#define RETRY_MS 1000 /* after a commit that failed */

int64_t
engine_now(const struct alert_engine *e)
{
	return e->opts.now_ms != NULL ? e->opts.now_ms(e->opts.now_arg) : wall_now().ms;
}

void
engine_log(const struct alert_engine *e, int level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (e->opts.log == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	e->opts.log(e->opts.ctx, level, text);
}

/* ---- what the evaluation calls ---- */

static int
on_query(void *ctx, struct rule *r, int64_t t_ms, struct rule_vector *out, char *err, size_t cap)
{
	struct alert_engine *e = ctx;
	struct labels *none = NULL;
	bool blind;
	int rc = 0;

	if (!r->about_agent)
		return e->opts.query(e->opts.ctx, r, t_ms, out, err, cap);
	/* The agent's own sight is asked directly: it must be known when nothing can be measured or
	 * stored. */
	pthread_mutex_lock(&e->lock);
	blind = e->blind;
	pthread_mutex_unlock(&e->lock);
	if (blind && (rc = labels_new(&none, NULL, 0)) == 0)
		rc = rule_vector_add(out, none, 1);
	labels_unref(none);
	return rc;
}

static void
on_record(void *ctx, const struct labels *l, int64_t t_ms, double v)
{
	struct alert_engine *e = ctx;

	if (e->opts.record != NULL)
		e->opts.record(e->opts.ctx, l, t_ms, v);
}

static int
on_alerts(
    void *ctx, struct rule *r, int64_t t_ms, const struct rule_vector *v, char *err, size_t cap)
{
	struct alert_engine *e = ctx;
	int rc;

	pthread_mutex_lock(&e->lock);
	rc = life_apply(e, r, t_ms, v, err, cap);
	pthread_mutex_unlock(&e->lock);
	return rc;
}

/* ---- life of the engine ---- */

static struct rules *
make_rules(struct alert_engine *e, struct rule_set *set)
{
	struct rule_io io = {.ctx = e, .query = on_query, .record = on_record, .alerts = on_alerts};

	return rules_new(set, &io, engine_now(e));
}

static int
load(struct alert_engine *e, char *err, size_t cap)
{
	int rc = state_begin(e->opts.state);

	if (rc == 0) {
		rc = save_load(e);
		if (rc != 0)
			state_rollback(e->opts.state);
		else
			rc = state_commit(e->opts.state);
	}
	if (rc != 0)
		snprintf(err, cap, "state.db: %s", state_errmsg(e->opts.state));
	return rc;
}

int
alert_engine_new(struct alert_engine **out, const struct alert_opts *opts,
    const struct alert_config *config, struct rule_set *set, char *err, size_t cap)
{
	struct alert_engine *e = xcalloc(1, sizeof(*e));
	int rc;

	*out = NULL;
	e->opts = *opts;
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_init(&e->tick_lock, NULL);
	pthread_rwlock_init(&e->rules_lock, NULL);
	e->silences = xcalloc(SILENCES_MAX, sizeof(*e->silences));
	e->hold_from_ms = e->expired_ms = engine_now(e);
	rc = routing_new(&e->routing, config, err, cap);
	if (rc == 0 && (e->rules = make_rules(e, set)) == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		rc = load(e, err, cap);
	if (rc != 0) {
		rule_set_clear(set);
		alert_engine_free(e);
		return rc;
	}
	life_bind(e);
	groups_rebuild(e, engine_now(e));
	*out = e;
	return 0;
}

int
alert_engine_configure(struct alert_engine *e, const struct alert_config *config,
    struct rule_set *set, char *err, size_t cap)
{
	struct routing *routing = NULL;
	struct rules *rules = NULL;
	int rc = routing_new(&routing, config, err, cap);

	if (rc == 0 && (rules = make_rules(e, set)) == NULL)
		rc = -ENOMEM;
	if (rc != 0) {
		routing_free(routing);
		rule_set_clear(set);
		return rc;
	}
	pthread_mutex_lock(&e->tick_lock);
	pthread_rwlock_wrlock(&e->rules_lock);
	pthread_mutex_lock(&e->lock);
	rules_free(e->rules);
	routing_free(e->routing);
	e->rules = rules;
	e->routing = routing;
	life_bind(e);
	groups_rebuild(e, engine_now(e));
	pthread_mutex_unlock(&e->lock);
	pthread_rwlock_unlock(&e->rules_lock);
	pthread_mutex_unlock(&e->tick_lock);
	return 0;
}

void
alert_engine_free(struct alert_engine *e)
{
	struct rule_alerts *a, *next;
	struct inst *i, *after;
	struct grp *g, *other;

	if (e == NULL)
		return;
	HASH_ITER(hh, e->groups, g, other)
	group_free(e, g);
	HASH_ITER(hh, e->by_rule, a, next)
	{
		HASH_ITER(hh, a->by_fp, i, after)
		inst_free(e, i);
		HASH_DEL(e->by_rule, a);
		free(a->key);
		free(a);
	}
	for (size_t k = 0; k < e->n_silences; k++)
		silence_clear(&e->silences[k]);
	free(e->silences);
	changes_clear(e);
	free(e->changes);
	rules_free(e->rules);
	routing_free(e->routing);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->tick_lock);
	pthread_rwlock_destroy(&e->rules_lock);
	free(e);
}

/* ---- the tick ---- */

static void
look(struct alert_engine *e, int64_t now_ms)
{
	int64_t since_ms = 0;
	bool blind = e->opts.blind != NULL && e->opts.blind(e->opts.ctx, &since_ms);

	pthread_mutex_lock(&e->lock);
	if (e->blind && !blind)
		e->hold_from_ms = now_ms;
	if (e->blind != blind)
		engine_log(e, LOGL_WARN,
		    blind ? "the agent is blind: nothing about the shop is judged"
			  : "the agent sees again");
	e->blind = blind;
	if (e->hold_from_ms > now_ms) /* the clock went back */
		e->hold_from_ms = now_ms;
	pthread_mutex_unlock(&e->lock);
}

static bool
has_pending(const struct alert_engine *e)
{
	const struct inst *i;

	DL_FOREACH(e->all, i)
	if (i->phase == ALERT_PENDING)
		return true;
	return false;
}

static int
write_all(struct alert_engine *e, int64_t now_ms)
{
	bool pending = has_pending(e);
	int rc = save_changes(e);

	if (rc == 0)
		rc = groups_flush(e, now_ms);
	if (rc == 0)
		rc = save_groups(e);
	if (rc == 0 && pending
	    && (now_ms - e->alive_ms >= ALIVE_EVERY_MS || now_ms < e->alive_ms)) {
		e->alive_ms = now_ms;
		rc = save_alive(e, now_ms);
	}
	if (rc == 0 && now_ms - e->expired_ms >= EXPIRE_EVERY_MS) {
		e->expired_ms = now_ms;
		rc = save_expire(e, now_ms);
	}
	return rc;
}

static void
settle(struct alert_engine *e)
{
	struct inst *i, *after;

	changes_clear(e);
	DL_FOREACH_SAFE(e->all, i, after)
	{
		i->dirty = false;
		if (i->gone)
			inst_free(e, i);
	}
}

/* A shop that is well: no alert, nobody to be told, no history to write or to let go. */
static bool
is_quiet(const struct alert_engine *e, int64_t now_ms)
{
	return e->all == NULL && e->groups == NULL && e->n_changes == 0
	       && now_ms - e->expired_ms < EXPIRE_EVERY_MS;
}

/* Everything that this tick changed, and everything that is to be told now, in one transaction. */
static int
commit_all(struct alert_engine *e, int64_t now_ms)
{
	mono_t started = mono_now();
	int rc;

	if (is_quiet(e, now_ms))
		return 0;
	rc = state_begin(e->opts.state);
	if (rc == 0) {
		rc = write_all(e, now_ms);
		if (rc != 0)
			state_rollback(e->opts.state);
		else
			rc = state_commit(e->opts.state);
	}
	groups_committed(e, rc == 0);
	e->stats.commit_us = mono_sub_us(mono_now(), started);
	if (rc == 0) {
		settle(e);
		return 0;
	}
	if (e->stats.failed_commits++ % 60 == 0)
		engine_log(e, LOGL_ERROR,
		    "state.db: alerts cannot be committed (%s): kept, trying again",
		    state_errmsg(e->opts.state));
	return rc;
}

int64_t
alert_engine_tick(struct alert_engine *e, int64_t now_ms)
{
	uint64_t told;
	int64_t next, groups;
	int rc;

	pthread_mutex_lock(&e->tick_lock);
	look(e, now_ms);
	next = rules_tick(e->rules, now_ms);
	pthread_mutex_lock(&e->lock);
	life_orphans(e, now_ms);
	life_forget(e, now_ms);
	told = e->stats.notifications;
	rc = commit_all(e, now_ms);
	told = e->stats.notifications - told;
	e->stats.ticks++;
	groups = groups_next(e);
	pthread_mutex_unlock(&e->lock);
	pthread_mutex_unlock(&e->tick_lock);
	if (told > 0 && e->opts.outbox != NULL)
		e->opts.outbox(e->opts.ctx);
	if (groups < next)
		next = groups;
	return rc != 0 && next > now_ms + RETRY_MS ? now_ms + RETRY_MS : next;
}

void
alert_engine_poke(struct alert_engine *e, const char *probe)
{
	pthread_rwlock_rdlock(&e->rules_lock);
	rules_poke(e->rules, probe);
	pthread_rwlock_unlock(&e->rules_lock);
}

/* ---- questions ---- */

static void
view_one(struct alert_engine *e, const struct inst *i,
    void (*each)(void *, const struct alert_view *), void *arg)
{
	const struct inst *by = i->phase == ALERT_FIRING ? mute_inhibited(e, i) : NULL;
	const char *silence = mute_silenced(e, i->labels, engine_now(e));
	const char **receivers = xcalloc(i->n_groups + 1, sizeof(*receivers));
	struct alert_view v = {.rule = i->of->rule,
	    .labels = i->labels,
	    .annotations = i->annotations,
	    .phase = i->phase,
	    .value = i->value,
	    .active_ms = i->active_ms,
	    .fired_ms = i->fired_ms,
	    .resolved_ms = i->resolved_ms,
	    .last_ms = i->last_ms,
	    .fingerprint = i->fp_text,
	    .silenced_by = silence != NULL ? silence : "",
	    .inhibited_by = by != NULL ? by->fp_text : "",
	    .held = i->held,
	    .receivers = receivers,
	    .n_receivers = i->n_groups};

	for (size_t k = 0; k < i->n_groups; k++)
		receivers[k] = i->groups[k]->receiver;
	each(arg, &v);
	free(receivers);
}

void
alerts_each(struct alert_engine *e, void (*each)(void *, const struct alert_view *), void *arg)
{
	struct rule_alerts *a, *next;
	struct inst *i, *after;

	pthread_mutex_lock(&e->lock);
	HASH_ITER(hh, e->by_rule, a, next)
	HASH_ITER(hh, a->by_fp, i, after)
	if (!i->gone)
		view_one(e, i, each, arg);
	pthread_mutex_unlock(&e->lock);
}

void
alert_rules_each(
    struct alert_engine *e, void (*each)(void *, const struct rule_status *), void *arg)
{
	pthread_rwlock_rdlock(&e->rules_lock);
	rules_each(e->rules, each, arg);
	pthread_rwlock_unlock(&e->rules_lock);
}

void
alert_rules_write(struct alert_engine *e, struct buf *out)
{
	pthread_rwlock_rdlock(&e->rules_lock);
	rule_set_write(out, rules_set(e->rules));
	pthread_rwlock_unlock(&e->rules_lock);
}

int
alert_events_each(struct alert_engine *e, int64_t from_ms, int64_t to_ms, size_t limit,
    void (*each)(void *, const struct alert_event *), void *arg)
{
	struct sqlite3_stmt *st;
	int rc = state_begin(e->opts.state), done;

	if (rc != 0)
		return rc;
	st = state_stmt(e->opts.state,
	    "SELECT id, at_ms, kind, rule, fp, labels, annotations, value FROM event"
	    " WHERE at_ms BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3");
	state_bind(st, "iii", from_ms, to_ms, (int64_t)limit);
	while ((rc = state_step(e->opts.state, st)) == 1) {
		struct alert_event ev = {state_int(st, 0), state_int(st, 1), state_text(st, 2),
		    state_text(st, 3), state_text(st, 4), state_text(st, 5), state_text(st, 6),
		    state_real(st, 7)};

		each(arg, &ev);
	}
	done = state_commit(e->opts.state);
	return rc != 0 ? rc : done;
}

void
alert_stats(struct alert_engine *e, struct alert_stats *out)
{
	struct rule_alerts *a, *next;
	struct inst *i, *after;

	pthread_mutex_lock(&e->lock);
	*out = e->stats;
	out->groups = HASH_COUNT(e->groups);
	out->silences = e->n_silences;
	out->blind = e->blind;
	HASH_ITER(hh, e->by_rule, a, next)
	HASH_ITER(hh, a->by_fp, i, after)
	{
		out->pending += i->phase == ALERT_PENDING;
		out->firing += i->phase == ALERT_FIRING;
		out->resolved += i->phase == ALERT_RESOLVED;
	}
	pthread_mutex_unlock(&e->lock);
}
