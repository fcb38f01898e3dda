/*
 * writer.c - the store's one writer: takes what waits, commits it in one transaction, hands it
 * back.
 *
 * Runs in: a thread of its own, which blocks on the disk; push and done from the loop thread.
 *
 * DESIGN. Two lists under one mutex: `queue` (complete runs that wait) and `done` (committed, not
 * yet known to the loop). The writer takes the whole queue at once, COMMIT_MS after the last time
 * at the earliest: a run that comes alone is committed at once, a hundred a second share four
 * transactions. While a slow disk syncs, the next transaction grows, so the rate of transactions
 * follows the disk and not the probes. On an
 * error the batch stays and is tried again each RETRY_MS; past INGEST_QUEUE_BYTES the oldest runs
 * are dropped and counted. Runs that are tied to each other go together, to the disk or away.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/ingest/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

#define RETRY_MS 1000
#define COMMIT_MS 500          /* between two transactions at least */
#define BATCH_RUNS 4096        /* a transaction */
#define MAINTAIN_MS 200        /* between two slices of store_maintain when there is more to do */
#define IDLE_MS 1000           /* and when there is not */

struct list {
	struct run *first, **last;
};

struct writer {
	struct ingest *in;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, settled;
	bool is_committing;
	struct list queue, done;
	size_t queued_bytes;
	bool stop;
};

static void
list_init(struct list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void
list_add(struct list *l, struct run *r)
{
	r->next = NULL;
	*l->last = r;
	l->last = &r->next;
}

static void
list_join(struct list *to, struct list *from)
{
	if (from->first == NULL)
		return;
	*to->last = from->first;
	to->last = from->last;
	list_init(from);
}

static struct run *
list_take(struct list *l)
{
	struct run *r = l->first;

	if (r != NULL && (l->first = r->next) == NULL)
		l->last = &l->first;
	return r;
}

/* Under w->lock. */
static void
drop_oldest(struct writer *w)
{
	bool is_tied = false;
	struct run *r;

	while ((w->queued_bytes > INGEST_QUEUE_BYTES || is_tied)
	    && (r = list_take(&w->queue)) != NULL) {
		is_tied = r->is_tied;
		w->queued_bytes -= r->bytes;
		run_free(r);
		pthread_mutex_lock(&w->in->lock);
		w->in->stats.dropped_runs++;
		pthread_mutex_unlock(&w->in->lock);
	}
}

void
writer_push(struct writer *w, struct run *r)
{
	struct run *next;

	pthread_mutex_lock(&w->lock);
	if (w->queue.first == NULL)
		pthread_cond_signal(&w->wake);
	for (; r != NULL; r = next) {
		next = r->next;
		w->queued_bytes += r->bytes;
		list_add(&w->queue, r);
	}
	drop_oldest(w);
	pthread_mutex_unlock(&w->lock);
}

struct run *
writer_done(struct writer *w)
{
	struct run *all;

	pthread_mutex_lock(&w->lock);
	all = w->done.first;
	list_init(&w->done);
	pthread_mutex_unlock(&w->lock);
	return all;
}

static size_t
fill_samples(struct store *store, const struct run *r, struct store_sample *out)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_samples; i++) {
		struct iseries *s = r->samples[i].series;

		if (!s->has_sid)
			s->has_sid =
			    store_series(store, s->labels, s->kind, s->resolution, &s->sid) == 0;
		if (s->has_sid)
			out[n++] = (struct store_sample){
			    s->sid, r->samples[i].t_ms, r->samples[i].v, r->samples[i].h};
	}
	return n;
}

static void
fill_batch(struct store *store, const struct run *r, struct store_batch *b,
    struct store_sample *samples, struct store_state *states)
{
	b->samples = samples;
	b->n_samples = fill_samples(store, r, samples);
	for (size_t i = 0; i < r->n_states; i++)
		states[i] = (struct store_state){
		    r->name, r->states[i].key, r->states[i].data, r->states[i].len};
	b->states = states;
	b->n_states = r->n_states;
	b->runs = r->has_record ? &r->record : NULL;
	b->n_runs = r->has_record ? 1 : 0;
}

static void
account(struct ingest *in, int rc, const struct store_counts *c, size_t runs, size_t refused,
    int64_t us)
{
	pthread_mutex_lock(&in->lock);
	in->stats.commit_us = us;
	if (rc != 0) {
		in->stats.commit_errors++;
	} else {
		in->stats.runs += runs;
		in->stats.samples += c->stored;
		in->stats.refused += refused;
		in->stats.too_old += c->too_old;
		in->stats.duplicate += c->duplicate;
		in->stats.future += c->future;
	}
	pthread_mutex_unlock(&in->lock);
}

static int
commit(struct ingest *in, const struct list *l)
{
	size_t n_runs = 0, n_samples = 0, n_states = 0, at_s = 0, at_t = 0, i = 0, refused = 0;
	struct store_counts counts = {0};
	struct store_sample *samples;
	struct store_batch *batches;
	struct store_state *states;
	mono_t start = mono_now();
	int rc;

	for (const struct run *r = l->first; r != NULL; r = r->next) {
		n_runs++;
		n_samples += r->n_samples;
		n_states += r->n_states;
	}
	batches = xcalloc(n_runs, sizeof(*batches));
	samples = xcalloc(n_samples, sizeof(*samples));
	states = xcalloc(n_states, sizeof(*states));
	for (const struct run *r = l->first; r != NULL; r = r->next, i++) {
		fill_batch(in->opts.store, r, &batches[i], samples + at_s, states + at_t);
		refused += r->n_samples - batches[i].n_samples;
		at_s += r->n_samples;
		at_t += r->n_states;
	}
	rc = store_commit(in->opts.store, batches, n_runs, &counts);
	account(in, rc, &counts, n_runs, refused, mono_sub_us(mono_now(), start));
	free(batches);
	free(samples);
	free(states);
	return rc;
}

/* Under w->lock: up to BATCH_RUNS runs leave the queue, and what is tied to them. */
static void
take_batch(struct writer *w, struct list *batch)
{
	bool is_tied = false;
	struct run *r;

	list_init(batch);
	for (int i = 0; (i < BATCH_RUNS || is_tied) && (r = list_take(&w->queue)) != NULL; i++) {
		is_tied = r->is_tied;
		w->queued_bytes -= r->bytes;
		list_add(batch, r);
	}
}

/* Under w->lock: a batch that could not be committed goes back to the front. */
static void
put_back(struct writer *w, struct list *batch)
{
	for (const struct run *r = batch->first; r != NULL; r = r->next)
		w->queued_bytes += r->bytes;
	list_join(batch, &w->queue);
	w->queue = *batch;
	if (w->queue.first == NULL)
		list_init(&w->queue);
	drop_oldest(w);
}

static void
wait_ms(struct writer *w, int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&w->wake, &w->lock, &ts);
}

void
writer_settle(struct writer *w)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += 500000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&w->lock);
	while ((w->queue.first != NULL || w->is_committing)
	    && pthread_cond_timedwait(&w->settled, &w->lock, &ts) == 0)
		;
	pthread_mutex_unlock(&w->lock);
}

static void
commit_batch(struct writer *w, struct list *batch, bool *failing)
{
	int rc;

	w->is_committing = true;
	pthread_mutex_unlock(&w->lock);
	rc = commit(w->in, batch);
	if (rc != 0 && !*failing)
		log_line(LOGL_ERROR, "the store cannot commit (%s): samples wait in memory",
		    strerror(-rc));
	if (rc == 0 && *failing)
		log_line(LOGL_WARN, "the store commits again");
	*failing = rc != 0;
	pthread_mutex_lock(&w->lock);
	w->is_committing = false;
	pthread_cond_broadcast(&w->settled);
	if (rc != 0) {
		put_back(w, batch);
		return;
	}
	list_join(&w->done, batch);
	pthread_mutex_unlock(&w->lock);
	w->in->opts.wake(w->in->opts.wake_arg);
	pthread_mutex_lock(&w->lock);
}

/* The clock that wait_ms waits by. */
static int64_t
waited_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* Milliseconds until `since_ms` + ms, 0 when that has passed. */
static int
left_ms(int64_t since_ms, int ms)
{
	int64_t left = since_ms + ms - waited_ms();

	return left > 0 ? (int)left : 0;
}

static void
maintain(struct writer *w, int64_t *at_ms, bool *more)
{
	if (left_ms(*at_ms, *more ? MAINTAIN_MS : IDLE_MS) > 0)
		return;
	pthread_mutex_unlock(&w->lock);
	*more = store_maintain(w->in->opts.store) > 0;
	*at_ms = waited_ms();
	pthread_mutex_lock(&w->lock);
}

/* Waits until there is something to do. */
static void
wait_for_work(
    struct writer *w, int64_t committed_ms, int64_t maintained_ms, bool failing, bool more)
{
	int ms;

	while (!w->stop) {
		if (w->queue.first != NULL)
			ms = left_ms(committed_ms, failing ? RETRY_MS : COMMIT_MS);
		else
			ms = left_ms(maintained_ms, more ? MAINTAIN_MS : IDLE_MS);
		if (ms == 0)
			return;
		wait_ms(w, ms);
	}
}

static void *
writer_main(void *arg)
{
	bool failing = false, more = false;
	int64_t committed_ms = INT64_MIN / 2, maintained_ms = INT64_MIN / 2;
	struct writer *w = arg;
	struct list batch;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		wait_for_work(w, committed_ms, maintained_ms, failing, more);
		take_batch(w, &batch);
		if (batch.first != NULL) {
			commit_batch(w, &batch, &failing);
			committed_ms = waited_ms();
		}
		if (w->stop && (w->queue.first == NULL || failing))
			break;
		if (w->queue.first == NULL)
			maintain(w, &maintained_ms, &more);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct writer *
writer_new(struct ingest *in)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t attr;

	w->in = in;
	list_init(&w->queue);
	list_init(&w->done);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_cond_init(&w->settled, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&w->thread, NULL, writer_main, w) != 0)
		abort();
	return w;
}

void
writer_free(struct writer *w)
{
	struct run *r;

	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	while ((r = list_take(&w->queue)) != NULL)
		run_free(r);
	while ((r = list_take(&w->done)) != NULL)
		run_free(r);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->settled);
	free(w);
}
