/*
 * probe-blocking.c - a thread of its own for a probe() that may block (TW_BLOCKING).
 *
 * DESIGN. The thread sleeps until the loop hands it a run, calls probe(), and posts the verdict
 * back. Between the two the loop keeps its hands off what the plugin may write.
 *
 * Runs in: blocking_* on the loop thread; thread_main on its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "host/probe.h"

struct blocking {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool has_run, is_stopping;
	enum tw_verdict verdict;
	struct probe *probe;
	struct host_post post;
};

static void
came_back(void *arg)
{
	struct blocking *b = arg;

	run_blocking_done(&b->probe->ctx, b->verdict);
}

static bool
next_run(struct blocking *b)
{
	bool is_stopping;

	pthread_mutex_lock(&b->lock);
	while (!b->has_run && !b->is_stopping)
		pthread_cond_wait(&b->wake, &b->lock);
	b->has_run = false;
	is_stopping = b->is_stopping;
	pthread_mutex_unlock(&b->lock);
	return !is_stopping;
}

static void *
thread_main(void *arg)
{
	struct blocking *b = arg;
	struct probe *p = b->probe;

	while (next_run(b)) {
		b->verdict = run_turn(p);
		host_post(p->host, &b->post, came_back, b);
	}
	return NULL;
}

int
blocking_start(struct probe *p)
{
	struct blocking *b = calloc(1, sizeof(*b));
	sigset_t all, before;
	int rc;

	if (b == NULL)
		return -ENOMEM;
	b->probe = p;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->wake, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&b->thread, NULL, thread_main, b);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		free(b);
		return -rc;
	}
	p->blocking = b;
	return 0;
}

void
blocking_run(struct probe *p)
{
	struct blocking *b = p->blocking;

	p->ctx.is_off_loop = true;
	p->ctx.n_threads++;
	pthread_mutex_lock(&b->lock);
	b->has_run = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
}

void
blocking_stop(struct probe *p)
{
	struct blocking *b = p->blocking;

	if (b == NULL)
		return;
	pthread_mutex_lock(&b->lock);
	b->is_stopping = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->lock);
	free(b);
	p->blocking = NULL;
}
