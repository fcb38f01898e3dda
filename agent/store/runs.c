/*
 * runs.c - run records: what is not a number about a run, and which of them are kept.
 *
 * Kept for good: those that the caller marked (a changed verdict, one of the first failures of a
 * cause), the newest of a probe, and of the others the slowest of each probe and minute, after
 * two hours of each probe and hour. Above runs_max_bytes the oldest go, marked or not; only the
 * newest of a probe always stays.
 *
 * Rows are only appended and, a minute or two later, deleted in runs of neighbours, which costs
 * few pages. The numbers by which they are judged and found are in memory (about 48 bytes a row),
 * the texts only in live.db: `run` has the numbers, `run_body` the texts, so that a start reads
 * little.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "agent/store/impl.h"
#include "lib/xmalloc.h"

#define MINUTE_MS 60000
#define HOUR_MS 3600000
#define BY_MINUTE_MS (2 * HOUR_MS)
#define SETTLED_MS (2 * MINUTE_MS) /* a result may come that late */
#define DROP_ROWS 512

/* --- probes by name --- */

static uint32_t *
name_place(const struct runs *r, const char *name)
{
	uint32_t i = (uint32_t)XXH3_64bits(name, strlen(name)) & (r->cap_names - 1);

	while (r->by_name[i] != 0 && strcmp(r->probes[r->by_name[i] - 1].name, name) != 0)
		i = (i + 1) & (r->cap_names - 1);
	return &r->by_name[i];
}

static void
probe_insert(struct runs *r, const char *name)
{
	uint32_t i;

	if (r->n_probes == r->cap_probes) {
		r->cap_probes = r->cap_probes > 0 ? r->cap_probes * 2 : 16;
		r->probes = xrealloc(r->probes, r->cap_probes, sizeof(*r->probes));
	}
	r->probes[r->n_probes++] = (struct run_probe){.name = xstrdup(name)};
	if (r->n_probes * 2 > r->cap_names) {
		free(r->by_name);
		r->cap_names = r->cap_names > 0 ? r->cap_names * 2 : 64;
		r->by_name = xcalloc(r->cap_names, sizeof(*r->by_name));
		for (i = 0; i + 1 < r->n_probes; i++)
			*name_place(r, r->probes[i].name) = i + 1;
	}
	*name_place(r, name) = r->n_probes;
}

/* The probe's id; 0 = unknown. */
static uint32_t
probe_id(const struct runs *r, const char *name)
{
	return r->cap_names > 0 ? *name_place(r, name) : 0;
}

static void
run_push(struct runs *r, struct run_meta m)
{
	if (r->n == r->cap) {
		r->cap = r->cap > 0 ? r->cap + r->cap / 2 : 64;
		r->at = xrealloc(r->at, r->cap, sizeof(*r->at));
	}
	r->at[r->n++] = m;
}

static void
run_counts(struct runs *r, const struct run_meta *m)
{
	struct run_probe *p = &r->probes[m->probe - 1];

	r->bytes += m->bytes;
	if (m->at_ms >= p->newest_ms) {
		p->newest_ms = m->at_ms;
		p->newest = m->id;
	}
}

/* --- loading and writing --- */

static int
load_probes(struct runs *r, sqlite3 *db)
{
	sqlite3_stmt *st;
	int rc = db_prepare(db, &st, "SELECT id, name FROM probe ORDER BY id");

	if (rc != 0)
		return rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 1);

		/* Ids are given without a gap; a row that is missing was damaged. */
		while (r->n_probes + 1 < (uint32_t)sqlite3_column_int64(st, 0)
		       && r->n_probes < SERIES_MAX) {
			char *gap = xasprintf("(lost %u)", r->n_probes + 1);

			probe_insert(r, gap);
			free(gap);
		}
		probe_insert(r, name != NULL ? name : "");
		r->probes[r->n_probes - 1].persisted = true;
	}
	rc = db_errno(db, rc);
	sqlite3_finalize(st);
	return rc;
}

int
runs_load(struct store *s, sqlite3 *db)
{
	struct runs *r = &s->runs;
	sqlite3_stmt *st;
	int rc = load_probes(r, db);

	r->next_id = 1;
	if (rc == 0)
		rc = db_prepare(db, &st,
		    "SELECT id, probe, at, verdict, keep, duration, bytes FROM run ORDER BY id");
	if (rc != 0)
		return rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct run_meta m = {.id = sqlite3_column_int64(st, 0),
		    .at_ms = sqlite3_column_int64(st, 2),
		    .duration_us = sqlite3_column_int64(st, 5),
		    .probe = (uint32_t)sqlite3_column_int64(st, 1),
		    .bytes = (uint32_t)sqlite3_column_int64(st, 6),
		    .verdict = (uint8_t)sqlite3_column_int(st, 3),
		    .keep = (uint8_t)sqlite3_column_int(st, 4)};

		r->next_id = m.id + 1;
		if (m.probe == 0 || m.probe > r->n_probes)
			continue;
		run_push(r, m);
		run_counts(r, &m);
	}
	rc = db_errno(db, rc);
	sqlite3_finalize(st);
	return rc;
}

static int
put_run(struct store *s, const struct run_meta *m, const struct store_run *in)
{
	sqlite3_stmt *st = s->st[ST_RUN];
	int rc;

	sqlite3_bind_int64(st, 1, m->id);
	sqlite3_bind_int64(st, 2, m->probe);
	sqlite3_bind_int64(st, 3, m->at_ms);
	sqlite3_bind_int(st, 4, m->verdict);
	sqlite3_bind_int(st, 5, m->keep);
	sqlite3_bind_int64(st, 6, m->duration_us);
	sqlite3_bind_int64(st, 7, m->bytes);
	rc = db_run(st);
	if (rc != 0)
		return rc;
	st = s->st[ST_RUN_BODY];
	sqlite3_bind_int64(st, 1, m->id);
	sqlite3_bind_text(st, 2, in->cause, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, in->reason, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, in->facts, -1, SQLITE_STATIC);
	return db_run(st);
}

static size_t
text_len(const char *s)
{
	return s != NULL ? strlen(s) : 0;
}

int
runs_stage(struct store *s, const struct store_run *in)
{
	struct runs *r = &s->runs;
	struct run_meta m = {.at_ms = in->at_ms,
	    .duration_us = in->duration_us,
	    .verdict = (uint8_t)in->verdict,
	    .keep = (uint8_t)in->keep};
	struct run_probe *p;
	int rc = 0;

	pthread_mutex_lock(&r->mu);
	if (probe_id(r, in->probe) == 0)
		probe_insert(r, in->probe);
	m.probe = probe_id(r, in->probe);
	m.id = r->next_id++;
	m.bytes = (uint32_t)(64 + text_len(in->cause) + text_len(in->reason) + text_len(in->facts));
	run_push(r, m);
	r->n_staged++;
	p = &r->probes[m.probe - 1];
	pthread_mutex_unlock(&r->mu);
	if (!p->persisted && !p->staged) {
		sqlite3_bind_int64(s->st[ST_PROBE], 1, m.probe);
		sqlite3_bind_text(s->st[ST_PROBE], 2, p->name, -1, SQLITE_STATIC);
		rc = db_run(s->st[ST_PROBE]);
		p->staged = true;
	}
	return rc == 0 ? put_run(s, &m, in) : rc;
}

void
runs_publish(struct store *s, bool committed)
{
	struct runs *r = &s->runs;
	size_t i;

	if (r->n_staged == 0)
		return;
	pthread_mutex_lock(&r->mu);
	for (i = r->n - r->n_staged; i < r->n; i++) {
		struct run_probe *p = &r->probes[r->at[i].probe - 1];

		p->persisted |= committed && p->staged;
		p->staged = false;
		if (committed)
			run_counts(r, &r->at[i]);
	}
	if (!committed) {
		r->n -= r->n_staged;
		r->next_id -= (int64_t)r->n_staged;
	}
	r->n_staged = 0;
	pthread_mutex_unlock(&r->mu);
}

/* --- thinning --- */

static bool
may_go(const struct runs *r, const struct run_meta *m)
{
	return m->keep == 0 && !m->dead && r->probes[m->probe - 1].newest != m->id;
}

static void
run_kill(struct runs *r, struct run_meta *m)
{
	if (r->n_drop == r->cap_drop) {
		r->cap_drop = r->cap_drop > 0 ? r->cap_drop * 2 : 64;
		r->drop = xrealloc(r->drop, r->cap_drop, sizeof(*r->drop));
	}
	r->drop[r->n_drop++] = m->id;
	r->bytes -= m->bytes;
	m->dead = true;
}

static int64_t
bucket_of(const struct run_meta *m, int64_t now)
{
	/* Minutes and hours never have the same number: hours are negative. */
	return now - m->at_ms > BY_MINUTE_MS ? -1 - m->at_ms / HOUR_MS : m->at_ms / MINUTE_MS;
}

/* One pass in the order of ids, which is that of time but for late results; each probe has one
 * open bucket. */
static void
judge(struct runs *r, int64_t now)
{
	size_t i;

	for (i = 0; i < r->n_probes; i++) {
		r->probes[i].bucket = INT64_MAX;
		r->probes[i].best = SIZE_MAX;
	}
	for (i = 0; i < r->n; i++) {
		struct run_meta *m = &r->at[i], *loser = m;
		struct run_probe *p = &r->probes[m->probe - 1];

		if (m->dead || now - m->at_ms < SETTLED_MS + MINUTE_MS)
			continue;
		if (m->duration_us >= 0) {
			if (p->bucket != bucket_of(m, now)) {
				p->bucket = bucket_of(m, now);
				p->best = SIZE_MAX;
			}
			if (p->best == SIZE_MAX || m->duration_us > r->at[p->best].duration_us) {
				loser = p->best != SIZE_MAX ? &r->at[p->best] : NULL;
				p->best = i;
			}
		}
		if (loser != NULL && may_go(r, loser))
			run_kill(r, loser);
	}
}

static void
judge_size(struct store *s)
{
	struct runs *r = &s->runs;
	int64_t goal = s->opts.runs_max_bytes;
	size_t i;

	if (r->bytes <= goal)
		return;
	goal -= goal / 20; /* some room at once, not a row at a time */
	for (i = 0; i < r->n && r->bytes > goal; i++) {
		struct run_meta *m = &r->at[i];

		if (!m->dead && r->probes[m->probe - 1].newest != m->id)
			run_kill(r, m);
	}
}

static void
compact(struct runs *r)
{
	size_t i, kept = 0;

	for (i = 0; i < r->n; i++)
		if (!r->at[i].dead)
			r->at[kept++] = r->at[i];
	r->n = kept;
}

static int
by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int
drop_rows(struct store *s)
{
	struct runs *r = &s->runs;
	size_t i, n = r->n_drop < DROP_ROWS ? r->n_drop : DROP_ROWS;
	int rc = txn_begin(s);

	if (rc != 0)
		return rc;
	for (i = 0; i < n && rc == 0; i++) {
		sqlite3_bind_int64(s->st[ST_RUN_DROP], 1, r->drop[r->n_drop - n + i]);
		rc = db_run(s->st[ST_RUN_DROP]);
		sqlite3_bind_int64(s->st[ST_RUN_BODY_DROP], 1, r->drop[r->n_drop - n + i]);
		if (rc == 0)
			rc = db_run(s->st[ST_RUN_BODY_DROP]);
	}
	rc = txn_end(s, rc);
	if (rc == 0)
		r->n_drop -= n;
	return rc;
}

int
runs_slice(struct store *s)
{
	struct runs *r = &s->runs;
	int64_t now = store_now(s);
	int rc;

	if (r->n_drop > 0) {
		rc = drop_rows(s);
		return rc != 0 ? rc : r->n_drop > 0;
	}
	if (r->thinned_minute == now / MINUTE_MS && r->bytes <= s->opts.runs_max_bytes)
		return 0;
	pthread_mutex_lock(&r->mu);
	r->thinned_minute = now / MINUTE_MS;
	judge(r, now);
	judge_size(s);
	compact(r);
	pthread_mutex_unlock(&r->mu);
	if (r->n_drop > 1)
		qsort(r->drop, r->n_drop, sizeof(*r->drop), by_id);
	return r->n_drop > 0;
}

void
runs_clear(struct store *s)
{
	struct runs *r = &s->runs;
	uint32_t i;

	for (i = 0; i < r->n_probes; i++)
		free(r->probes[i].name);
	free(r->probes);
	free(r->by_name);
	free(r->drop);
	free(r->at);
	/* All but the mutex, which stands first and may be held. */
	memset((char *)r + sizeof(r->mu), 0, sizeof(*r) - sizeof(r->mu));
}

/* --- reading --- */

struct found {
	struct run_meta m;
	char *probe, *cause, *reason, *facts;
};

static int
newest_first(const void *a, const void *b)
{
	const struct run_meta *x = &((const struct found *)a)->m,
			      *y = &((const struct found *)b)->m;

	if (x->at_ms != y->at_ms)
		return x->at_ms > y->at_ms ? -1 : 1;
	return x->id > y->id ? -1 : x->id < y->id;
}

static int
slowest_first(const void *a, const void *b)
{
	const struct run_meta *x = &((const struct found *)a)->m,
			      *y = &((const struct found *)b)->m;

	if (x->duration_us != y->duration_us)
		return x->duration_us > y->duration_us ? -1 : 1;
	return newest_first(a, b);
}

static bool
wanted(const struct runs *r, const struct run_meta *m, enum store_runs_kind kind)
{
	switch (kind) {
	case STORE_RUNS_NEWEST: return r->probes[m->probe - 1].newest == m->id;
	case STORE_RUNS_SLOWEST: return m->duration_us >= 0;
	case STORE_RUNS_FAILED: return m->verdict != 0;
	case STORE_RUNS_ALL: break;
	}
	return true;
}

static size_t
find_runs(struct runs *r, const char *probe, enum store_runs_kind kind, int64_t from_ms,
    int64_t to_ms, size_t limit, struct found **out)
{
	size_t n = 0, cap = 0, i;
	uint32_t id;

	*out = NULL;
	pthread_mutex_lock(&r->mu);
	id = probe != NULL ? probe_id(r, probe) : 0;
	for (i = r->n - r->n_staged; i-- > 0 && (n < limit || kind == STORE_RUNS_SLOWEST);) {
		const struct run_meta *m = &r->at[i];

		if (m->dead || m->at_ms < from_ms || m->at_ms > to_ms
		    || (probe != NULL && m->probe != id) || !wanted(r, m, kind))
			continue;
		if (n == cap) {
			cap = cap > 0 ? cap * 2 : 64;
			*out = xrealloc(*out, cap, sizeof(**out));
		}
		(*out)[n++] = (struct found){.m = *m, .probe = r->probes[m->probe - 1].name};
	}
	if (n > 1)
		qsort(*out, n, sizeof(**out),
		    kind == STORE_RUNS_SLOWEST ? slowest_first : newest_first);
	n = n < limit ? n : limit;
	for (i = 0; i < n; i++)
		(*out)[i].probe = xstrdup((*out)[i].probe);
	pthread_mutex_unlock(&r->mu);
	return n;
}

static char *
column_copy(sqlite3_stmt *st, int column)
{
	return xstrdup((const char *)sqlite3_column_text(st, column));
}

static int
fetch_bodies(sqlite3 *db, struct found *f, size_t n)
{
	sqlite3_stmt *st;
	size_t i;
	int step,
	    rc = db_prepare(db, &st, "SELECT cause, reason, facts FROM run_body WHERE id = ?");

	for (i = 0; i < n && rc == 0; i++) {
		sqlite3_bind_int64(st, 1, f[i].m.id);
		step = sqlite3_step(st);
		if (step == SQLITE_ROW) {
			f[i].cause = column_copy(st, 0);
			f[i].reason = column_copy(st, 1);
			f[i].facts = column_copy(st, 2);
		}
		rc = db_errno(db, step);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return rc;
}

static void
give_run(const struct found *f, void (*each)(void *, const struct store_run_row *), void *arg)
{
	struct store_run_row row = {.id = f->m.id,
	    .run = {.probe = f->probe,
		.at_ms = f->m.at_ms,
		.verdict = f->m.verdict,
		.cause = f->cause,
		.reason = f->reason,
		.facts = f->facts,
		.duration_us = f->m.duration_us,
		.keep = f->m.keep}};

	each(arg, &row);
}

int
store_runs_each(struct store *s, const char *probe, enum store_runs_kind kind, int64_t from_ms,
    int64_t to_ms, size_t limit, void (*each)(void *, const struct store_run_row *), void *arg)
{
	struct reader_conn *c;
	struct found *f;
	size_t i, n;
	int rc = s->opts.readonly ? store_refresh(s) : 0;

	if (rc == 0)
		rc = reader_get(s, &c);
	if (rc != 0)
		return rc;
	n = find_runs(&s->runs, probe, kind, from_ms, to_ms, limit, &f);
	rc = fetch_bodies(c->db, f, n);
	reader_put(s, c);
	for (i = 0; i < n; i++) {
		if (rc == 0 && f[i].cause != NULL) /* NULL: thinned out in between */
			give_run(&f[i], each, arg);
		free(f[i].probe);
		free(f[i].cause);
		free(f[i].reason);
		free(f[i].facts);
	}
	free(f);
	return rc;
}
