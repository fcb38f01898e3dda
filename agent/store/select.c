/*
 * select.c - reading: series with their samples, label names and values.
 *
 * Any thread. For each series: its head (memory, under the lock), then its chunks in live.db,
 * then day files; that is the order in which samples move, so none is missed, and of those met
 * twice the first stored stays. Each chunk is one statement of its own: no read transaction
 * outlives it, so no checkpoint waits for a query.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/chunk.h"
#include "agent/store/impl.h"
#include "lib/xmalloc.h"

struct view { /* one reader at work */
	struct store *s;
	struct reader_conn *conn;
	struct day_set days;
	int64_t from_ms, to_ms;
};

static int
view_begin(struct view *v, struct store *s, int64_t from_ms, int64_t to_ms)
{
	int rc;

	*v = (struct view){.s = s,
	    .from_ms = from_ms > 0 ? from_ms : 0,
	    .to_ms = to_ms < CHUNK_STAMP_MAX ? to_ms : CHUNK_STAMP_MAX};
	if (s->opts.readonly && (rc = store_refresh(s)) != 0)
		return rc;
	rc = reader_get(s, &v->conn);
	if (rc != 0)
		return rc;
	days_snapshot(s, v->from_ms, v->to_ms, &v->days);
	days_map(s, &v->days);
	return 0;
}

static void
view_end(struct view *v)
{
	days_release(v->s, &v->days);
	reader_put(v->s, v->conn);
}

static void
view_days_refresh(struct view *v)
{
	if (!days_changed(v->s, &v->days))
		return;
	days_release(v->s, &v->days);
	days_snapshot(v->s, v->from_ms, v->to_ms, &v->days);
	days_map(v->s, &v->days);
}

/* A chunk that proves itself broken is counted and said once: its reference never matches a
 * range again. */
void
live_damaged(struct store *s, struct hseries *hs, int64_t id)
{
	uint32_t i;

	pthread_rwlock_wrlock(&s->lock);
	for (i = 0; i < hs->n_chunks; i++)
		if (hs->chunks[i].id == id && hs->chunks[i].t1 >= hs->chunks[i].t0) {
			hs->chunks[i].t1 = hs->chunks[i].t0 - 1;
			atomic_fetch_add(&s->n_damaged, 1);
			store_say(s, 3, "store: chunk %lld of live.db is damaged and left out",
			    (long long)id);
		}
	pthread_rwlock_unlock(&s->lock);
}

static int
read_live(struct view *v, struct hseries *hs, const int64_t *ids, size_t n, struct samples *out)
{
	sqlite3_stmt *st = v->conn->chunk;
	size_t i;
	int rc = 0;

	for (i = 0; i < n && rc == 0; i++) {
		uint32_t sid;

		sqlite3_bind_int64(st, 1, ids[i]);
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW
		    && chunk_decode(out, &sid, sqlite3_column_blob(st, 0),
			   (size_t)sqlite3_column_bytes(st, 0))
			   != 0) {
			sqlite3_reset(st);
			live_damaged(v->s, hs, ids[i]);
		}
		rc = db_errno(v->conn->db, rc);
		sqlite3_reset(st);
		if (rc == -EUCLEAN) { /* a page of the file: the writer will look after it */
			live_damaged(v->s, hs, ids[i]);
			atomic_store(&v->s->suspect, true);
			rc = 0;
		}
	}
	return rc;
}

static void
trim(struct samples *s, int64_t from_ms, int64_t to_ms)
{
	size_t n = samples_lower(s, to_ms + 1), i;

	for (i = n; s->h != NULL && i < s->n; i++)
		hist_free(s->h[i]);
	s->n = n;
	n = samples_lower(s, from_ms);
	if (n > 0)
		samples_drop(s, n);
}

static int
read_series(struct view *v, struct hseries *hs, size_t max, struct samples *out)
{
	struct samples head = {0}, live = {0};
	int64_t *ids = NULL;
	size_t n = 0, i;
	int rc;

	pthread_rwlock_rdlock(&v->s->lock);
	head_copy(hs, v->from_ms, v->to_ms, &head);
	if (hs->n_chunks > 0)
		ids = xcalloc(hs->n_chunks, sizeof(*ids));
	for (i = 0; i < hs->n_chunks; i++)
		if (hs->chunks[i].t1 >= v->from_ms && hs->chunks[i].t0 <= v->to_ms)
			ids[n++] = hs->chunks[i].id;
	pthread_rwlock_unlock(&v->s->lock);
	rc = read_live(v, hs, ids, n, &live);
	view_days_refresh(v);
	for (i = 0; i < v->days.n && rc == 0; i++) {
		/* Whole chunks are read and trimmed at the end: some more is no verdict yet. */
		if (out->n > max && out->n - max > 2 * CHUNK_MAX)
			rc = -E2BIG;
		else
			rc = day_read(v->s, v->days.at[i], hs->sid, v->from_ms, v->to_ms, out);
	}
	samples_take(out, &live, 0, live.n);
	samples_take(out, &head, 0, head.n);
	samples_settle(out);
	trim(out, v->from_ms, v->to_ms);
	samples_clear(&head);
	samples_clear(&live);
	free(ids);
	return rc;
}

static int
give(struct series_set *out, const struct hseries *hs, struct samples *s)
{
	struct series *series;
	int rc = series_set_add(out, hs->labels, &series);

	if (rc != 0)
		return rc;
	if (s->n == 0)
		return 0;
	series->n = s->n;
	series->t_ms = s->t;
	series->v = s->v;
	series->h = s->h;
	out->samples += s->n;
	*s = (struct samples){0};
	return 0;
}

static int
select_samples(struct view *v, const uint32_t *sids, size_t n, size_t max,
    bool (*cancelled)(void *), void *arg, struct series_set *out)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < n && rc == 0; i++) {
		struct samples s = {0};
		struct hseries *hs;

		if (cancelled != NULL && cancelled(arg))
			return -ECANCELED;
		pthread_rwlock_rdlock(&v->s->lock);
		hs = series_at(v->s, sids[i]);
		pthread_rwlock_unlock(&v->s->lock);
		rc = read_series(v, hs, max - out->samples, &s);
		if (rc == 0 && s.n > max - out->samples)
			rc = -E2BIG;
		if (rc == 0 && s.n > 0)
			rc = give(out, hs, &s);
		samples_clear(&s);
	}
	return rc;
}

static int
select_labels(struct store *s, const uint32_t *sids, size_t n, struct series_set *out)
{
	struct samples none = {0};
	size_t i;
	int rc = 0;

	pthread_rwlock_rdlock(&s->lock);
	for (i = 0; i < n && rc == 0; i++) {
		const struct hseries *hs = series_at(s, sids[i]);

		if (hs->seen)
			rc = give(out, hs, &none);
	}
	pthread_rwlock_unlock(&s->lock);
	return rc;
}

static int
store_select(void *ctx, const struct matcher *m, size_t n_m, int64_t from_ms, int64_t to_ms,
    size_t max_samples, bool (*cancelled)(void *), void *arg, struct series_set *out)
{
	struct store *s = ctx;
	uint32_t *sids;
	struct view v;
	size_t n;
	int rc;

	rc = view_begin(&v, s, from_ms, to_ms);
	if (rc != 0)
		return rc;
	pthread_rwlock_rdlock(&s->lock);
	n = series_match(s, m, n_m, &sids);
	pthread_rwlock_unlock(&s->lock);
	if (from_ms > to_ms)
		rc = select_labels(s, sids, n, out);
	else
		rc = select_samples(&v, sids, n,
		    max_samples > out->samples ? max_samples : out->samples, cancelled, arg, out);
	view_end(&v);
	free(sids);
	return rc;
}

struct querier
store_querier(struct store *s)
{
	return (struct querier){.ctx = s, .select = store_select};
}

/* --- label names and values --- */

static bool
has_samples(struct view *v, const struct hseries *hs)
{
	const struct block *b;
	size_t i;

	if (v->from_ms > v->to_ms)
		return hs->seen;
	for (b = hs->blocks; b != NULL; b = b->next)
		if (b->t1 >= v->from_ms && b->t0 <= v->to_ms)
			return true;
	i = samples_lower(&hs->tail, v->from_ms);
	if (i < hs->tail.n && hs->tail.t[i] <= v->to_ms)
		return true;
	for (i = 0; i < hs->n_chunks; i++)
		if (hs->chunks[i].t1 >= v->from_ms && hs->chunks[i].t0 <= v->to_ms)
			return true;
	return false;
}

struct words {
	const char **at;
	size_t n, cap;
};

static void
words_add(struct words *w, const char *word)
{
	if (w->n == w->cap) {
		w->cap = w->cap > 0 ? w->cap * 2 : 64;
		w->at = xrealloc(w->at, w->cap, sizeof(*w->at));
	}
	w->at[w->n++] = word;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
words_of(struct words *w, const struct hseries *hs, const char *name)
{
	uint32_t i;

	for (i = 0; i < hs->labels->n; i++)
		if (name == NULL)
			words_add(w, hs->labels->at[i].name);
		else if (strcmp(hs->labels->at[i].name, name) == 0)
			words_add(w, hs->labels->at[i].value);
}

/* Which of sids have samples: those in memory first, then the rest by the day files. */
static void
words_collect(struct view *v, uint32_t *sids, size_t n, const char *name, struct words *w)
{
	size_t i, k, rest = 0;

	pthread_rwlock_rdlock(&v->s->lock);
	for (i = 0; i < n; i++) {
		const struct hseries *hs = series_at(v->s, sids[i]);

		if (has_samples(v, hs))
			words_of(w, hs, name);
		else
			sids[rest++] = sids[i];
	}
	pthread_rwlock_unlock(&v->s->lock);
	for (i = 0; i < rest; i++) {
		const struct hseries *hs;

		for (k = 0; k < v->days.n && !day_has(v->days.at[k], sids[i]); k++)
			;
		if (k == v->days.n)
			continue;
		pthread_rwlock_rdlock(&v->s->lock);
		hs = series_at(v->s, sids[i]);
		pthread_rwlock_unlock(&v->s->lock);
		words_of(w, hs, name);
	}
}

static int
words_each(struct store *s, const char *name, const struct matcher *m, size_t n_m, int64_t from_ms,
    int64_t to_ms, void (*each)(void *, const char *), void *arg)
{
	struct words w = {0};
	uint32_t *sids;
	struct view v;
	size_t i, n, kept = 0;
	char **copy;
	int rc = view_begin(&v, s, from_ms, to_ms);

	if (rc != 0)
		return rc;
	pthread_rwlock_rdlock(&s->lock);
	n = series_match(s, m, n_m, &sids);
	pthread_rwlock_unlock(&s->lock);
	words_collect(&v, sids, n, name, &w);
	if (w.n > 1)
		qsort(w.at, w.n, sizeof(*w.at), by_bytes);
	copy = xcalloc(w.n, sizeof(*copy));
	for (i = 0; i < w.n; i++)
		if (kept == 0 || strcmp(copy[kept - 1], w.at[i]) != 0)
			copy[kept++] = xstrdup(w.at[i]);
	view_end(&v); /* nothing is held over a callback */
	for (i = 0; i < kept; i++) {
		each(arg, copy[i]);
		free(copy[i]);
	}
	free(copy);
	free(w.at);
	free(sids);
	return 0;
}

int
store_label_values(struct store *s, const char *name, const struct matcher *m, size_t n,
    int64_t from_ms, int64_t to_ms, void (*each)(void *, const char *), void *arg)
{
	return words_each(s, name, m, n, from_ms, to_ms, each, arg);
}

int
store_label_names(struct store *s, const struct matcher *m, size_t n, int64_t from_ms,
    int64_t to_ms, void (*each)(void *, const char *), void *arg)
{
	return words_each(s, NULL, m, n, from_ms, to_ms, each, arg);
}
