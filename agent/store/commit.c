/*
 * commit.c - store_commit: check, one transaction, then publish.
 *
 *   samples --check--> pending + frame --BEGIN..COMMIT--> durable --lock--> heads --> readers
 *
 * Writer thread; blocks for an fsync. Nothing of the memory that readers see changes before
 * COMMIT returned 0; so a failed commit (disk full, I/O error) leaves the store as it was, and
 * the next one may succeed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/store/chunk.h"
#include "agent/store/frame.h"
#include "agent/store/impl.h"
#include "lib/xmalloc.h"

int
store_series(
    struct store *s, const struct labels *l, enum store_kind kind, double resolution, uint32_t *sid)
{
	struct hseries *hs;
	int rc = 0;

	if (s->opts.readonly)
		return -EACCES;
	pthread_rwlock_wrlock(&s->lock);
	hs = series_find(s, l);
	if (hs == NULL)
		hs = series_add(s, l, 0);
	if (hs == NULL) {
		rc = -E2BIG;
	} else if (hs->kind != kind || hs->resolution != resolution) {
		/* New, known from a day file only, or declared anew: the row is (re)written. */
		hs->kind = (uint8_t)kind;
		hs->resolution = resolution;
		if (s->n_fresh == s->cap_fresh) {
			s->cap_fresh = s->cap_fresh > 0 ? s->cap_fresh * 2 : 64;
			s->fresh = xrealloc(s->fresh, s->cap_fresh, sizeof(*s->fresh));
		}
		s->fresh[s->n_fresh++] = hs->sid;
	}
	*sid = hs != NULL ? hs->sid : 0;
	pthread_rwlock_unlock(&s->lock);
	return rc;
}

/* --- checking --- */

static int64_t
oldest_open(const struct store *s, int64_t now)
{
	int64_t window = STORE_LATE_MS;

	if (s->opts.retention_raw_ms > 0 && s->opts.retention_raw_ms < window)
		window = s->opts.retention_raw_ms;
	return now > window ? now - window : 0;
}

/* Was this stamp given already, in this commit or among the unsealed ones? Sealed ones are not
 * looked up: of equal stamps a reader shows the first. */
static bool
is_duplicate(const struct store *s, const struct hseries *hs, int64_t t_ms)
{
	bool chained = hs->pend_commit == s->commit_no;
	uint32_t i;

	if (t_ms > hs->last_ms && (!chained || t_ms > hs->pend_max))
		return false;
	if (t_ms <= hs->last_ms && hs->n_head > 0 && head_has(hs, t_ms))
		return true;
	for (i = chained ? hs->pend_last : 0; i != 0; i = s->pend[i - 1].prev)
		if (s->pend[i - 1].t_ms == t_ms)
			return true;
	return false;
}

static void
pend_add(struct store *s, struct hseries *hs, const struct store_sample *in, double v)
{
	bool chained = hs->pend_commit == s->commit_no;

	if (s->n_pend == s->cap_pend) {
		s->cap_pend = s->cap_pend > 0 ? s->cap_pend * 2 : 256;
		s->pend = xrealloc(s->pend, s->cap_pend, sizeof(*s->pend));
	}
	s->pend[s->n_pend++] =
	    (struct pending){hs, in->t_ms, v, in->h, chained ? hs->pend_last : 0};
	hs->pend_max = chained && hs->pend_max > in->t_ms ? hs->pend_max : in->t_ms;
	hs->pend_last = (uint32_t)s->n_pend;
	hs->pend_commit = s->commit_no;
}

static int
check_batch(struct store *s, const struct store_batch *b, struct frame_writer *w, int64_t now,
    struct store_counts *counts)
{
	int64_t oldest = oldest_open(s, now);
	size_t i;

	for (i = 0; i < b->n_samples; i++) {
		const struct store_sample *in = &b->samples[i];
		struct hseries *hs = series_at(s, in->sid);
		double v;

		if (hs == NULL)
			return -EINVAL;
		if (in->t_ms > now + FUTURE_MS || in->t_ms > CHUNK_STAMP_MAX) {
			counts->future++;
		} else if (in->t_ms < oldest || in->t_ms < 0) {
			counts->too_old++;
		} else if (is_duplicate(s, hs, in->t_ms)) {
			counts->duplicate++;
		} else {
			v = in->h != NULL ? 0 : chunk_round(in->v, hs->resolution);
			pend_add(s, hs, in, v);
			live_frame_add(w, in->sid, in->t_ms, v, in->h);
			counts->stored++;
		}
	}
	return 0;
}

/* --- the transaction --- */

int
series_put_row(struct store *s, const struct hseries *hs)
{
	size_t need = labels_format(hs->labels, NULL, 0) + 1;
	char *text = xcalloc(need, 1);
	sqlite3_stmt *st = s->st[ST_SERIES];
	int rc;

	labels_format(hs->labels, text, need);
	sqlite3_bind_int64(st, 1, hs->sid);
	sqlite3_bind_int(st, 2, hs->kind);
	sqlite3_bind_double(st, 3, hs->resolution);
	sqlite3_bind_text(st, 4, text, (int)need - 1, SQLITE_STATIC);
	rc = db_run(st);
	free(text);
	return rc;
}

static int
put_rows(struct store *s, const struct store_batch *batches, size_t n, size_t n_fresh)
{
	sqlite3_stmt *st = s->st[ST_FRAME];
	size_t i, k;
	int rc = 0;

	for (i = 0; i < n_fresh && rc == 0; i++)
		rc = series_put_row(s, series_at(s, s->fresh[i]));
	if (rc == 0 && s->n_pend > 0) {
		sqlite3_bind_int64(st, 1, s->next_frame);
		sqlite3_bind_blob64(st, 2, s->frame.data, s->frame.len, SQLITE_STATIC);
		rc = db_run(st);
	}
	for (i = 0; i < n && rc == 0; i++) {
		for (k = 0; k < batches[i].n_states && rc == 0; k++)
			rc = pstate_put(s, &batches[i].states[k]);
		for (k = 0; k < batches[i].n_runs && rc == 0; k++)
			rc = runs_stage(s, &batches[i].runs[k]);
	}
	return rc;
}

/* The rows under the lock for reading: `fresh` may grow meanwhile, and series must not move. */
static int
transact(struct store *s, const struct store_batch *batches, size_t n)
{
	size_t n_fresh;
	int rc = txn_begin(s);

	if (rc != 0)
		return rc;
	pthread_rwlock_rdlock(&s->lock);
	n_fresh = s->n_fresh;
	rc = put_rows(s, batches, n, n_fresh);
	pthread_rwlock_unlock(&s->lock);
	rc = txn_end(s, rc);
	if (rc == 0 && n_fresh > 0) {
		pthread_rwlock_wrlock(&s->lock);
		s->n_fresh -= n_fresh;
		for (size_t i = 0; i < s->n_fresh; i++)
			s->fresh[i] = s->fresh[i + n_fresh];
		pthread_rwlock_unlock(&s->lock);
	}
	return rc;
}

static void
publish(struct store *s, int64_t now)
{
	int64_t newest = atomic_load(&s->newest_ms), oldest = atomic_load(&s->oldest_ms);
	size_t i;

	if (s->n_pend == 0)
		return;
	pthread_rwlock_wrlock(&s->lock);
	for (i = 0; i < s->n_pend; i++) {
		struct pending *p = &s->pend[i];

		if (p->hs->n_head == 0) {
			p->hs->first_frame = s->next_frame;
			p->hs->opened_ms = now;
		}
		head_add(p->hs, p->t_ms, p->v, p->h);
		newest = p->t_ms > newest ? p->t_ms : newest;
		oldest = oldest == 0 || p->t_ms < oldest ? p->t_ms : oldest;
	}
	pthread_rwlock_unlock(&s->lock);
	s->next_frame++;
	atomic_fetch_add(&s->n_head, s->n_pend);
	atomic_fetch_add(&s->n_samples, s->n_pend);
	atomic_store(&s->newest_ms, newest);
	atomic_store(&s->oldest_ms, oldest);
}

static bool
has_rows(const struct store_batch *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (b[i].n_states > 0 || b[i].n_runs > 0)
			return true;
	return false;
}

int
store_commit(
    struct store *s, const struct store_batch *batches, size_t n, struct store_counts *counts)
{
	struct store_counts none, *c = counts != NULL ? counts : &none;
	mono_t start = mono_now();
	int64_t now = store_now(s);
	struct frame_writer w;
	size_t i;
	int rc = 0;

	*c = (struct store_counts){0};
	if (s->opts.readonly)
		return -EACCES;
	s->commit_no++;
	s->n_pend = 0;
	live_frame_begin(&w, &s->frame);
	pthread_rwlock_rdlock(&s->lock);
	for (i = 0; i < n && rc == 0; i++)
		rc = check_batch(s, &batches[i], &w, now, c);
	pthread_rwlock_unlock(&s->lock);
	if (rc == 0)
		rc = live_frame_end(&w, now);
	if (rc == 0 && s->n_pend == 0 && !has_rows(batches, n))
		return 0; /* all refused, or nothing given */
	if (rc == 0)
		rc = transact(s, batches, n);
	runs_publish(s, rc == 0);
	if (rc == 0) {
		publish(s, now);
		atomic_fetch_add(&s->n_commits, 1);
		atomic_store(&s->last_commit_us, mono_sub_us(mono_now(), start));
	} else {
		c->stored = 0;
		s->scrub.hurry |= rc == -EUCLEAN;
	}
	if (s->frame.cap > (1u << 20))
		buf_free(&s->frame);
	return rc == -EUCLEAN ? -EIO : rc;
}
