/*
 * judge.c - the thread that evaluates rules: it sleeps until the next group is due, or a bad run
 * asks for it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/notify/notify.h"
#include "agent/query.h"
#include "lib/log.h"

#define TOGETHER_MS 500 /* groups that are due within it are evaluated in one turn */

#define QUERY_US 10000000 /* a rule's evaluation may take so long */

static int
query_rule(
    void *ctx, struct rule *rule, int64_t t_ms, struct rule_vector *out, char *err, size_t cap)
{
	struct agent *a = ctx;
	struct promql_result r;
	struct promql_error e;
	int rc = query_run(
	    a->store, rule->expr, t_ms, t_ms, 0, mono_add_us(mono_now(), QUERY_US), &r, &e);

	if (rc == 0 && r.type == PROMQL_SCALAR) {
		struct labels *none;

		if ((rc = labels_new(&none, NULL, 0)) == 0)
			rc = rule_vector_add(out, none, r.scalar);
		labels_unref(none);
	} else if (rc == 0 && r.type != PROMQL_VECTOR) {
		rc = -EINVAL;
		snprintf(e.text, sizeof(e.text), "the expression gives no vector");
	}
	for (size_t i = 0; rc == 0 && r.type == PROMQL_VECTOR && i < r.set.n; i++)
		if (r.set.at[i].n > 0 && (r.set.at[i].h == NULL || r.set.at[i].h[0] == NULL))
			rc = rule_vector_add(out, r.set.at[i].labels, r.set.at[i].v[0]);
	if (rc != 0)
		snprintf(err, cap, "%s", e.text[0] != '\0' ? e.text : strerror(-rc));
	promql_result_clear(&r);
	return rc;
}

static void
record(void *ctx, const struct labels *l, int64_t t_ms, double v)
{
	struct agent *a = ctx;

	ingest_recorded(a->ingest, l, t_ms, v);
}

static bool
is_blind(void *ctx, int64_t *since_ms)
{
	struct agent *a = ctx;

	return ingest_blind(a->ingest, since_ms);
}

static void
rows_added(void *ctx)
{
	struct agent *a = ctx;

	notify_wake(a->notify);
}

static void
log_text(void *ctx, int level, const char *text)
{
	(void)ctx;
	log_line((enum log_level)level, "%s", text);
}

static void
wait_until(struct agent *a, int64_t next_ms)
{
	int64_t left = next_ms - wall_now().ms;
	struct timespec until;

	if (left > 1000)
		left = 1000;
	if (left < TOGETHER_MS)
		left = TOGETHER_MS;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(left / 1000);
	until.tv_nsec += (long)(left % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!a->rules_poked && !a->rules_stop
	    && pthread_cond_timedwait(&a->rules_wake, &a->lock, &until) != ETIMEDOUT)
		;
	a->rules_poked = false;
}

static void *
judge_main(void *arg)
{
	struct agent *a = arg;

	pthread_mutex_lock(&a->lock);
	while (!a->rules_stop) {
		int64_t next;

		pthread_mutex_unlock(&a->lock);
		next = alert_engine_tick(a->alerts, wall_now().ms);
		pthread_mutex_lock(&a->lock);
		wait_until(a, next);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

int
judge_start(struct agent *a, struct buf *errors)
{
	struct alert_opts o = {.state = a->state,
	    .ctx = a,
	    .query = query_rule,
	    .record = record,
	    .blind = is_blind,
	    .outbox = rows_added,
	    .log = log_text};
	char err[1024] = "";

	if (alert_engine_new(&a->alerts, &o, &a->setup->alerts, &a->setup->rules, err, sizeof(err))
	    != 0) {
		buf_printf(errors, "%s\n", err);
		return -EINVAL;
	}
	a->rules_running = pthread_create(&a->rules_thread, NULL, judge_main, a) == 0;
	return a->rules_running ? 0 : -EAGAIN;
}

void
judge_poke(struct agent *a, const char *probe)
{
	if (a->alerts == NULL)
		return;
	alert_engine_poke(a->alerts, probe);
	pthread_mutex_lock(&a->lock);
	a->rules_poked = true;
	pthread_cond_signal(&a->rules_wake);
	pthread_mutex_unlock(&a->lock);
}

void
judge_stop(struct agent *a)
{
	if (!a->rules_running)
		return;
	pthread_mutex_lock(&a->lock);
	a->rules_stop = true;
	pthread_cond_signal(&a->rules_wake);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->rules_thread, NULL);
	a->rules_running = false;
}
