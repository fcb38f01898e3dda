/*
 * eval.c - see eval.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/rules/eval.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

struct health {
	enum rule_health health;
	char *error; /* NULL = none */
	int64_t last_ms, duration_us;
	uint64_t evaluations, failures;
};

struct group_run {
	int64_t next_ms, last_ms, duration_us;
	uint64_t missed;
	bool poked;
	struct health *rules;
};

struct rules {
	struct rule_set set;
	struct rule_io io;
	pthread_mutex_t lock; /* guards everything in groups; never held during a query */
	struct group_run *groups;
};

int
rule_vector_add(struct rule_vector *v, const struct labels *l, double value)
{
	size_t cap = v->cap > 0 ? v->cap * 2 : 8;
	struct rule_sample *at;

	if (v->n == RULE_SERIES_MAX)
		return -E2BIG;
	if (v->n == v->cap) {
		if ((at = reallocarray(v->at, cap, sizeof(*at))) == NULL)
			return -ENOMEM;
		v->at = at;
		v->cap = cap;
	}
	v->at[v->n++] = (struct rule_sample){labels_ref(l), value};
	return 0;
}

void
rule_vector_clear(struct rule_vector *v)
{
	for (size_t i = 0; i < v->n; i++)
		labels_unref(v->at[i].labels);
	free(v->at);
	*v = (struct rule_vector){0};
}

static int64_t
group_offset(const struct rule_group *g)
{
	char id[512];

	snprintf(id, sizeof(id), "%s;%s", g->file, g->name);
	return slot_offset(id, g->interval_ms);
}

struct rules *
rules_new(struct rule_set *set, const struct rule_io *io, int64_t now_ms)
{
	struct rules *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		rule_set_clear(set);
		return NULL;
	}
	r->set = *set;
	*set = (struct rule_set){0};
	r->io = *io;
	pthread_mutex_init(&r->lock, NULL);
	r->groups = calloc(r->set.n + 1, sizeof(*r->groups));
	for (size_t i = 0; r->groups != NULL && i < r->set.n; i++) {
		const struct rule_group *g = &r->set.groups[i];

		for (size_t k = 0; k < g->n; k++)
			r->set.groups[i].rules[k].interval_ms = g->interval_ms;
		r->groups[i].next_ms = slot_next(now_ms, g->interval_ms, group_offset(g));
		if ((r->groups[i].rules = calloc(g->n + 1, sizeof(struct health))) == NULL) {
			rules_free(r);
			return NULL;
		}
	}
	if (r->groups == NULL) {
		rules_free(r);
		return NULL;
	}
	return r;
}

void
rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; r->groups != NULL && i < r->set.n; i++) {
		for (size_t k = 0; r->groups[i].rules != NULL && k < r->set.groups[i].n; k++)
			free(r->groups[i].rules[k].error);
		free(r->groups[i].rules);
	}
	free(r->groups);
	rule_set_clear(&r->set);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* What the recorded series is called: the rule's name and its labels over the sample's. */
static struct labels *
recorded_labels(const struct rule *rule, const struct labels *from)
{
	struct label pairs[RULE_PAIRS_MAX + 1];
	struct labels *out = NULL;
	size_t n = 0;

	pairs[n++] = (struct label){LABEL_NAME, rule->name};
	for (size_t i = 0; i < rule->n_labels; i++)
		pairs[n++] = (struct label){rule->labels[i].name, rule->labels[i].value};
	return labels_with(&out, from, pairs, n) == 0 ? out : NULL;
}

static int
record_all(struct rules *r, const struct rule *rule, int64_t t_ms, const struct rule_vector *v,
    char *err, size_t cap)
{
	for (size_t i = 0; i < v->n; i++) {
		struct labels *l = recorded_labels(rule, v->at[i].labels);

		if (l == NULL) {
			snprintf(err, cap, "a result's labels are too many or too long");
			return -E2BIG;
		}
		if (r->io.record != NULL)
			r->io.record(r->io.ctx, l, t_ms, v->at[i].v);
		labels_unref(l);
	}
	return 0;
}

static void
rule_eval(struct rules *r, struct rule_group *g, size_t i, struct health *health, int64_t t_ms)
{
	struct rule *rule = &g->rules[i];
	struct rule_vector v = {0};
	mono_t started = mono_now();
	char err[256] = "";
	int rc = r->io.query(r->io.ctx, rule, t_ms - g->query_offset_ms, &v, err, sizeof(err));

	if (rc == 0 && g->limit > 0 && v.n > (size_t)g->limit) {
		rc = -E2BIG;
		snprintf(err, sizeof(err), "gave %zu series, the group's limit is %lld", v.n,
		    (long long)g->limit);
	}
	if (rc == 0 && rule->recording)
		rc = record_all(r, rule, t_ms, &v, err, sizeof(err));
	else if (rc == 0)
		rc = r->io.alerts(r->io.ctx, rule, t_ms, &v, err, sizeof(err));
	rule_vector_clear(&v);
	pthread_mutex_lock(&r->lock);
	health->health = rc == 0 ? RULE_GOOD : RULE_BAD;
	free(health->error);
	health->error = rc == 0 ? NULL : strdup(*err != '\0' ? err : strerror(-rc));
	health->last_ms = t_ms;
	health->duration_us = mono_sub_us(mono_now(), started);
	health->evaluations++;
	health->failures += rc != 0;
	pthread_mutex_unlock(&r->lock);
}

/* The time at which a group is to be evaluated now, 0: not due. Moves its schedule on. */
static int64_t
group_due(struct rules *r, size_t i, int64_t now_ms)
{
	struct group_run *run = &r->groups[i];
	int64_t interval = r->set.groups[i].interval_ms, t = 0, passed;

	pthread_mutex_lock(&r->lock);
	if (run->next_ms > now_ms + interval) /* the clock went back: begin anew from here */
		run->next_ms = slot_next(now_ms, interval, group_offset(&r->set.groups[i]));
	if (now_ms >= run->next_ms) {
		passed = (now_ms - run->next_ms) / interval;
		run->missed += (uint64_t)passed;
		t = run->next_ms + passed * interval;
		run->next_ms = t + interval;
	}
	if (run->poked && t == 0)
		t = now_ms;
	run->poked = false;
	pthread_mutex_unlock(&r->lock);
	return t;
}

static void
group_eval(struct rules *r, size_t i, int64_t t_ms)
{
	struct rule_group *g = &r->set.groups[i];
	mono_t started = mono_now();

	for (size_t k = 0; k < g->n; k++)
		rule_eval(r, g, k, &r->groups[i].rules[k], t_ms);
	pthread_mutex_lock(&r->lock);
	r->groups[i].last_ms = t_ms;
	r->groups[i].duration_us = mono_sub_us(mono_now(), started);
	pthread_mutex_unlock(&r->lock);
}

int64_t
rules_tick(struct rules *r, int64_t now_ms)
{
	int64_t next = INT64_MAX, t;

	for (size_t i = 0; i < r->set.n; i++) {
		if ((t = group_due(r, i, now_ms)) != 0)
			group_eval(r, i, t);
		if (r->groups[i].next_ms < next)
			next = r->groups[i].next_ms;
	}
	return next;
}

void
rules_poke(struct rules *r, const char *probe)
{
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->set.n; i++)
		if (r->set.groups[i].probe != NULL && strcmp(r->set.groups[i].probe, probe) == 0)
			r->groups[i].poked = true;
	pthread_mutex_unlock(&r->lock);
}

void
rules_each(struct rules *r, void (*each)(void *, const struct rule_status *), void *arg)
{
	for (size_t i = 0; i < r->set.n; i++)
		for (size_t k = 0; k < r->set.groups[i].n; k++) {
			struct health h;
			char error[256];
			struct rule_status s = {
			    .group = &r->set.groups[i], .rule = &r->set.groups[i].rules[k]};

			pthread_mutex_lock(&r->lock);
			h = r->groups[i].rules[k];
			snprintf(error, sizeof(error), "%s", h.error != NULL ? h.error : "");
			s.group_missed = r->groups[i].missed;
			s.group_last_ms = r->groups[i].last_ms;
			s.group_duration_us = r->groups[i].duration_us;
			pthread_mutex_unlock(&r->lock);
			s.health = h.health;
			s.error = error;
			s.last_ms = h.last_ms;
			s.duration_us = h.duration_us;
			s.evaluations = h.evaluations;
			s.failures = h.failures;
			each(arg, &s);
		}
}

const struct rule_set *
rules_set(const struct rules *r)
{
	return &r->set;
}

struct rule *
rules_find(struct rules *r, const char *key)
{
	for (size_t i = 0; i < r->set.n; i++)
		for (size_t k = 0; k < r->set.groups[i].n; k++)
			if (strcmp(r->set.groups[i].rules[k].key, key) == 0)
				return &r->set.groups[i].rules[k];
	return NULL;
}

const char *
rule_health_name(enum rule_health health)
{
	return health == RULE_GOOD ? "ok" : health == RULE_BAD ? "err" : "unknown";
}
