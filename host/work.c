/*
 * work.c - see work.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/work.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct job {
	struct job *next;
	void (*fn)(void *), (*finished)(void *);
	void *arg;
};

struct work_pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *first, **last;
	size_t n_waiting, n_idle, n_threads;
	pthread_t threads[WORK_THREADS];
	bool is_stopping;
};

struct work_pool *
work_new(void)
{
	struct work_pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	p->last = &p->first;
	return p;
}

static struct job *
take(struct work_pool *p)
{
	struct job *j;

	pthread_mutex_lock(&p->lock);
	p->n_idle++;
	while (p->first == NULL && !p->is_stopping)
		pthread_cond_wait(&p->more, &p->lock);
	p->n_idle--;
	j = p->is_stopping ? NULL : p->first;
	if (j != NULL) {
		if ((p->first = j->next) == NULL)
			p->last = &p->first;
		p->n_waiting--;
	}
	pthread_mutex_unlock(&p->lock);
	return j;
}

static void *
worker(void *arg)
{
	struct work_pool *p = arg;
	struct job *j;

	while ((j = take(p)) != NULL) {
		j->fn(j->arg);
		j->finished(j->arg);
		free(j);
	}
	return NULL;
}

/* Signals belong to the main thread. */
static int
start_thread(struct work_pool *p)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&p->threads[p->n_threads], NULL, worker, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		p->n_threads++;
	return rc;
}

int
work_add(struct work_pool *p, void (*fn)(void *), void (*finished)(void *), void *arg)
{
	struct job *j;
	int rc = 0;

	if ((j = calloc(1, sizeof(*j))) == NULL)
		return -ENOMEM;
	*j = (struct job){.fn = fn, .finished = finished, .arg = arg};
	pthread_mutex_lock(&p->lock);
	if (p->n_waiting >= p->n_idle && p->n_threads < WORK_THREADS)
		(void)start_thread(p);
	if (p->n_threads == 0 || p->n_waiting >= WORK_QUEUE_MAX) {
		rc = -EAGAIN;
		free(j);
	} else {
		*p->last = j;
		p->last = &j->next;
		p->n_waiting++;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}

void
work_free(struct work_pool *p)
{
	struct job *j;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_stopping = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	while ((j = p->first) != NULL) {
		p->first = j->next;
		free(j);
	}
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
