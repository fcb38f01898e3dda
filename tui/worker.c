/*
 * worker.c - see worker.h. All fields of struct worker are guarded by its lock, but for `src`,
 * which only the thread uses, and `wanted`, which the source's progress callback reads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/xmalloc.h"

struct worker {
	struct source src;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ready;
	int fd;
	_Atomic bool stop;
	_Atomic unsigned wanted; /* generation of the newest question for charts */
	bool ask_status, ask_charts;
	unsigned what; /* of the question for the status */
	int64_t now_ms;
	struct query_request request;
	struct status *status; /* the last, also the thread's memory */
	struct charts *charts; /* not taken yet */
	bool new_status;
};

struct chart_question {
	struct worker *w;
	unsigned generation;
};

static bool
is_stopped(void *arg)
{
	return ((struct worker *)arg)->stop;
}

static bool
is_outdated(void *arg)
{
	const struct chart_question *q = arg;

	return q->w->stop || q->w->wanted != q->generation;
}

static void
announce(struct worker *w)
{
	uint64_t one = 1;

	if (write(w->fd, &one, sizeof(one)) < 0) {
		/* the counter is full: the reader knows already */
	}
}

static void
do_status(struct worker *w, unsigned what, int64_t now_ms)
{
	struct query_cancel cancel = {is_stopped, w};
	struct status *last, *s;

	pthread_mutex_lock(&w->lock);
	last = status_ref(w->status);
	pthread_mutex_unlock(&w->lock);
	s = query_status(&w->src, last, what, now_ms, &cancel);
	pthread_mutex_lock(&w->lock);
	status_unref(w->status);
	w->status = s;
	w->new_status = true;
	pthread_mutex_unlock(&w->lock);
	status_unref(last);
	announce(w);
}

static void
do_charts(struct worker *w, const struct query_request *q)
{
	struct chart_question question = {w, q->generation};
	struct query_cancel cancel = {is_outdated, &question};
	struct status *s;
	struct charts *c;

	pthread_mutex_lock(&w->lock);
	s = status_ref(w->status);
	pthread_mutex_unlock(&w->lock);
	c = query_charts(&w->src, q, s, &cancel);
	status_unref(s);
	if (c == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	charts_unref(w->charts);
	w->charts = c;
	pthread_mutex_unlock(&w->lock);
	announce(w);
}

static void *
run(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (w->ask_status && (w->status == NULL || !w->ask_charts)) {
			unsigned what = w->what;
			int64_t now_ms = w->now_ms;

			w->ask_status = false;
			w->what = 0;
			pthread_mutex_unlock(&w->lock);
			do_status(w, what, now_ms);
			pthread_mutex_lock(&w->lock);
		} else if (w->ask_charts) {
			struct query_request q = w->request;

			w->ask_charts = false;
			pthread_mutex_unlock(&w->lock);
			do_charts(w, &q);
			pthread_mutex_lock(&w->lock);
		} else {
			pthread_cond_wait(&w->ready, &w->lock);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int
worker_start(struct worker **out, const struct source *src)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	sigset_t all, before;
	int rc;

	w->src = *src;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->ready, NULL);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigfillset(&all); /* signals are the UI thread's */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = w->fd < 0 ? errno : pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		free(w);
		return -rc;
	}
	*out = w;
	return 0;
}

void
worker_cancel(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->ready);
	pthread_mutex_unlock(&w->lock);
}

void
worker_stop(struct worker *w)
{
	if (w == NULL)
		return;
	worker_cancel(w);
	pthread_join(w->thread, NULL);
	if (w->src.close != NULL)
		w->src.close(w->src.ctx);
	status_unref(w->status);
	charts_unref(w->charts);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->ready);
	close(w->fd);
	free(w);
}

void
worker_ask_status(struct worker *w, unsigned what, int64_t now_ms)
{
	pthread_mutex_lock(&w->lock);
	w->ask_status = true;
	w->what |= what;
	w->now_ms = now_ms;
	pthread_cond_signal(&w->ready);
	pthread_mutex_unlock(&w->lock);
}

void
worker_ask_charts(struct worker *w, const struct query_request *q)
{
	pthread_mutex_lock(&w->lock);
	w->wanted = q->generation;
	w->request = *q;
	w->ask_charts = true;
	pthread_cond_signal(&w->ready);
	pthread_mutex_unlock(&w->lock);
}

void
worker_drop_charts(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->wanted++; /* what is on its way is outdated */
	w->ask_charts = false;
	charts_unref(w->charts);
	w->charts = NULL;
	pthread_mutex_unlock(&w->lock);
}

int
worker_fd(const struct worker *w)
{
	return w->fd;
}

bool
worker_take(struct worker *w, struct model *m)
{
	uint64_t n;
	bool any = false;

	if (read(w->fd, &n, sizeof(n)) < 0) {
		/* nothing announced */
	}
	pthread_mutex_lock(&w->lock);
	if (w->new_status) {
		status_unref(m->status);
		m->status = status_ref(w->status);
		w->new_status = false;
		any = true;
	}
	if (w->charts != NULL) {
		charts_unref(m->charts);
		m->charts = w->charts;
		w->charts = NULL;
		any = true;
	}
	pthread_mutex_unlock(&w->lock);
	return any;
}
