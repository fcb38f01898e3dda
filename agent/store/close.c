/*
 * close.c - a day that is over becomes an immutable file.
 *
 *   NONE --2 h after midnight UTC--> FLUSH --> PICK --no day left--> NONE
 *                 all heads sealed,     |  ^
 *                 frames gone     mark  v  | mark removed with the last rows
 *                                     BUILD --fsync, rename, fsync dir--> DROP
 *
 * Writer thread, in slices. The mark is the row `closing` (day, generation, highest chunk id) of
 * live.db; it is committed before the file can appear and removed in the transaction that removes
 * the last row. After a crash: with the mark and the file, the rows go; with the mark alone, the
 * mark goes. While both have the data a reader shows it once (equal stamps are one sample).
 *
 * What comes later for a closed day waits in live.db for the next night, and becomes the next
 * generation. In the file a series has its samples sorted and in chunks of up to DAY_PIECE.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <build-config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/chunk.h"
#include "agent/store/impl.h"
#include "agent/store/schema.h"
#include "lib/xmalloc.h"

#define DAY_PIECE 2048u /* samples a chunk of a day file */
#define DAY_PIECE_HIST 64u
#define BUILD_SERIES 64 /* a slice */
#define DROP_ROWS 512   /* a slice */

void
close_abandon(struct store *s)
{
	struct closing *c = &s->closing;

	sqlite3_finalize(c->put_chunk);
	sqlite3_finalize(c->put_series);
	sqlite3_close_v2(c->db);
	if (c->tmp != NULL)
		(void)unlink(c->tmp);
	free(c->tmp);
	free(c->final);
	*c = (struct closing){0};
}

static bool
in_day(const struct chunk_ref *r, const struct closing *c)
{
	return day_of(r->t0) == c->day && r->id <= c->upto;
}

/* The oldest day of a chunk in live.db, or INT64_MAX. */
static int64_t
oldest_chunk_day(struct store *s)
{
	int64_t day = INT64_MAX;
	uint32_t i, k;

	pthread_rwlock_rdlock(&s->lock);
	for (i = 1; i <= s->reg.top; i++) {
		const struct hseries *hs = series_at(s, i);

		for (k = 0; hs != NULL && k < hs->n_chunks; k++)
			if (day_of(hs->chunks[k].t0) < day)
				day = day_of(hs->chunks[k].t0);
	}
	pthread_rwlock_unlock(&s->lock);
	return day;
}

static int
step_none(struct store *s)
{
	int64_t until = day_of(store_now(s) - CLOSE_AFTER_MS);

	/* Rows that are being saved have old numbers: the day in work would drop what it has
	 * not seen. */
	if (s->scrub.bad != NULL)
		return 0;
	if (s->closed_until > until + 1) /* the clock stepped back by days */
		s->closed_until = until;
	if (until <= s->closed_until)
		return 0;
	s->closing = (struct closing){
	    .step = CLOSING_FLUSH, .until_day = until, .flush_frame = s->next_frame - 1};
	return 1;
}

static int
step_flush(struct store *s)
{
	int rc = seal_slice(s, s->closing.flush_frame, BUILD_SERIES);

	if (rc != 0)
		return rc > 0 ? 1 : rc;
	rc = frames_drop(s);
	if (rc == 0)
		s->closing.step = CLOSING_PICK;
	return rc < 0 ? rc : 1;
}

static int
file_open(struct store *s)
{
	struct closing *c = &s->closing;
	char name[64], *sql;
	int rc;

	day_name(name, sizeof(name), c->day, c->gen);
	c->final = xasprintf("%s/%s", s->dir, name);
	c->tmp = xasprintf("%s.tmp", c->final);
	c->cursor = 0;
	(void)unlink(c->tmp);
	rc = db_open(&c->db, c->tmp, DB_OWN);
	if (rc != 0)
		return rc;
	/* Until it has its name nobody needs it: no journal, one fsync at the end. */
	sql = sqlite3_mprintf(
	    "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
	    "PRAGMA application_id=%d; PRAGMA user_version=%d; BEGIN;"
	    "CREATE TABLE series(sid INTEGER PRIMARY KEY, hash INT, kind INT, resolution REAL,"
	    " labels TEXT);"
	    "CREATE TABLE chunk(id INTEGER PRIMARY KEY, t0 INT, t1 INT, b BLOB);",
	    DAY_APPLICATION_ID, DAY_VERSION);
	rc = sql != NULL ? db_exec(c->db, sql) : -ENOMEM;
	sqlite3_free(sql);
	if (rc == 0)
		rc = db_prepare(c->db, &c->put_chunk, "INSERT INTO chunk VALUES(?,?,?,?)");
	if (rc == 0)
		rc = db_prepare(c->db, &c->put_series, "INSERT INTO series VALUES(?,?,?,?,?)");
	return rc;
}

static int
step_pick(struct store *s)
{
	struct closing *c = &s->closing;
	int64_t day = oldest_chunk_day(s);
	int rc = txn_begin(s);

	if (rc != 0)
		return rc;
	if (day >= c->until_day) {
		rc = txn_end(s, meta_put(s, "closed_until", c->until_day, 0, 0));
		if (rc == 0) {
			s->closed_until = c->until_day;
			close_abandon(s);
		}
		return rc;
	}
	c->day = day;
	c->gen = days_next_gen(s, day);
	c->upto = s->next_chunk - 1;
	rc = txn_end(s, meta_put(s, "closing", c->day, c->gen, c->upto));
	if (rc == 0)
		rc = file_open(s);
	if (rc == 0)
		c->step = CLOSING_BUILD;
	return rc == 0 ? 1 : rc;
}

/* --- building --- */

static void
set_aside(struct store *s, const struct chunk_ref *ref)
{
	long long id = (long long)ref->id;
	char sql[160];

	snprintf(sql, sizeof(sql),
	    "INSERT OR IGNORE INTO damaged SELECT id, sid, t0, t1, b FROM chunk WHERE id = %lld",
	    id);
	(void)db_exec(s->db, sql);
	if (ref->t1 < ref->t0)
		return; /* a reader met it before, counted it and said it */
	atomic_fetch_add(&s->n_damaged, 1);
	store_say(s, 3, "store: chunk %lld of live.db is damaged and set aside", id);
}

static int
gather(struct store *s, const struct hseries *hs, struct samples *all)
{
	sqlite3_stmt *st = s->st[ST_CHUNK_GET];
	uint32_t i, sid;
	int rc = 0;

	for (i = 0; i < hs->n_chunks && rc == 0; i++) {
		if (!in_day(&hs->chunks[i], &s->closing))
			continue;
		sqlite3_bind_int64(st, 1, hs->chunks[i].id);
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			if (chunk_decode(all, &sid, sqlite3_column_blob(st, 0),
				(size_t)sqlite3_column_bytes(st, 0))
			    != 0)
				set_aside(s, &hs->chunks[i]);
			rc = 0;
		} else {
			rc = db_errno(s->db, rc);
		}
		sqlite3_reset(st);
	}
	samples_settle(all);
	return rc;
}

static int
put_chunks(struct closing *c, const struct hseries *hs, const struct samples *all)
{
	size_t i, n, piece = all->h != NULL ? DAY_PIECE_HIST : DAY_PIECE;
	int64_t id = (int64_t)hs->sid << 24;
	struct buf b;
	int rc = 0;

	buf_init(&b, CHUNK_BYTES_MAX);
	for (i = 0; i < all->n && rc == 0; i += n) {
		n = all->n - i < piece ? all->n - i : piece;
		buf_reset(&b);
		rc = chunk_encode(&b, hs->sid, hs->resolution, all, i, n);
		if (rc != 0)
			break;
		sqlite3_bind_int64(c->put_chunk, 1, id++);
		sqlite3_bind_int64(c->put_chunk, 2, all->t[i]);
		sqlite3_bind_int64(c->put_chunk, 3, all->t[i + n - 1]);
		sqlite3_bind_blob64(c->put_chunk, 4, b.data, b.len, SQLITE_STATIC);
		rc = db_run(c->put_chunk);
	}
	buf_free(&b);
	return rc;
}

static int
put_series(struct closing *c, const struct hseries *hs)
{
	size_t need = labels_format(hs->labels, NULL, 0) + 1;
	char *text = xcalloc(need, 1);
	int rc;

	labels_format(hs->labels, text, need);
	sqlite3_bind_int64(c->put_series, 1, hs->sid);
	sqlite3_bind_int64(c->put_series, 2, (int64_t)hs->labels->hash);
	sqlite3_bind_int(c->put_series, 3, hs->kind);
	sqlite3_bind_double(c->put_series, 4, hs->resolution);
	sqlite3_bind_text(c->put_series, 5, text, (int)need - 1, SQLITE_STATIC);
	rc = db_run(c->put_series);
	free(text);
	return rc;
}

static int
build_series(struct store *s, struct hseries *hs)
{
	struct samples all = {0};
	int rc = gather(s, hs, &all);

	if (rc == 0 && all.n > 0) {
		rc = put_series(&s->closing, hs);
		if (rc == 0)
			rc = put_chunks(&s->closing, hs, &all);
		s->closing.n_chunks++;
	}
	samples_clear(&all);
	return rc;
}

static int
sync_and_rename(struct store *s)
{
	struct closing *c = &s->closing;
	int fd = open(c->tmp, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) != 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc == 0 && rename(c->tmp, c->final) != 0)
		rc = -errno;
	if (rc == 0 && fsync(s->dir_fd) != 0)
		rc = -errno;
	return rc;
}

static int
build_finish(struct store *s)
{
	struct closing *c = &s->closing;
	int rc = db_exec(c->db, "COMMIT");

	sqlite3_finalize(c->put_chunk);
	sqlite3_finalize(c->put_series);
	c->put_chunk = c->put_series = NULL;
	sqlite3_close_v2(c->db);
	c->db = NULL;
	if (rc == 0 && c->n_chunks > 0)
		rc = sync_and_rename(s);
	if (rc == 0 && c->n_chunks > 0)
		rc = days_add(s, c->day, c->gen);
	if (rc == 0)
		c->step = CLOSING_DROP;
	return rc == 0 ? 1 : rc;
}

static int
step_build(struct store *s)
{
	struct closing *c = &s->closing;
	bool done = false;
	int rc = 0, n = 0;

	for (; rc == 0 && n < BUILD_SERIES && !done; n++) {
		struct hseries *hs;

		pthread_rwlock_rdlock(&s->lock);
		hs = series_at(s, ++c->cursor);
		done = c->cursor >= s->reg.top;
		pthread_rwlock_unlock(&s->lock);
		/* Only the writer adds and removes chunk references: it reads them without the
		 * lock. */
		if (hs != NULL && hs->n_chunks > 0)
			rc = build_series(s, hs);
	}
	if (rc != 0)
		return rc;
	return done ? build_finish(s) : 1;
}

/* --- dropping --- */

static size_t
victims(struct store *s, int64_t *ids, size_t max)
{
	size_t n = 0;
	uint32_t i, k;

	pthread_rwlock_rdlock(&s->lock);
	for (i = 1; i <= s->reg.top && n < max; i++) {
		const struct hseries *hs = series_at(s, i);

		for (k = 0; hs != NULL && k < hs->n_chunks && n < max; k++)
			if (in_day(&hs->chunks[k], &s->closing))
				ids[n++] = hs->chunks[k].id;
	}
	pthread_rwlock_unlock(&s->lock);
	return n;
}

static int
by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
forget(struct store *s, const int64_t *ids, size_t n)
{
	uint32_t i, k, kept;

	pthread_rwlock_wrlock(&s->lock);
	for (i = 1; i <= s->reg.top; i++) {
		struct hseries *hs = series_at(s, i);

		if (hs == NULL || hs->n_chunks == 0)
			continue;
		for (k = kept = 0; k < hs->n_chunks; k++)
			if (!in_day(&hs->chunks[k], &s->closing)
			    || bsearch(&hs->chunks[k].id, ids, n, sizeof(*ids), by_id) == NULL)
				hs->chunks[kept++] = hs->chunks[k];
		hs->n_chunks = kept;
	}
	pthread_rwlock_unlock(&s->lock);
	atomic_fetch_sub(&s->n_chunks, n);
}

static int
step_drop(struct store *s)
{
	int64_t ids[DROP_ROWS];
	size_t i, n = victims(s, ids, DROP_ROWS);
	int rc = txn_begin(s);

	if (rc != 0)
		return rc;
	if (n > 0)
		qsort(ids, n, sizeof(ids[0]), by_id);
	for (i = 0; i < n && rc == 0; i++) {
		sqlite3_bind_int64(s->st[ST_CHUNK_DROP], 1, ids[i]);
		rc = db_run(s->st[ST_CHUNK_DROP]);
	}
	if (rc == 0 && n < DROP_ROWS)
		rc = db_exec(s->db, "DELETE FROM meta WHERE k = 'closing'");
	rc = txn_end(s, rc);
	if (rc != 0)
		return rc;
	if (n > 0)
		forget(s, ids, n);
	if (n < DROP_ROWS) {
		struct closing next = {.step = CLOSING_PICK, .until_day = s->closing.until_day};

		close_abandon(s);
		s->closing = next;
	}
	return 1;
}

int
close_slice(struct store *s)
{
	int rc = 0;

	switch (s->closing.step) {
	case CLOSING_NONE: return step_none(s);
	case CLOSING_FLUSH: rc = step_flush(s); break;
	case CLOSING_PICK: rc = step_pick(s); break;
	case CLOSING_BUILD: rc = step_build(s); break;
	case CLOSING_DROP:
		return step_drop(s); /* the file has its name: this step is only repeated */
	}
	if (rc < 0) {
		/* From the start again at the next call; what could be left behind is a mark
		 * without a file. */
		close_abandon(s);
		if (txn_begin(s) == 0)
			(void)txn_end(s, db_exec(s->db, "DELETE FROM meta WHERE k = 'closing'"));
	}
	return rc;
}

int
close_recover(struct store *s)
{
	int64_t mark[3];
	char name[64];
	size_t i;
	int rc = meta_get(s, "closing", mark);

	if (rc == -ENOENT)
		return 0;
	if (rc != 0)
		return rc;
	for (i = 0; i < s->n_days; i++)
		if (s->days[i]->day == mark[0] && s->days[i]->gen == (uint32_t)mark[1])
			break;
	day_name(name, sizeof(name), mark[0], (uint32_t)mark[1]);
	if (i == s->n_days) {
		store_say(s, 6, "store: %s was not finished and is made again", name);
		return db_exec(s->db, "DELETE FROM meta WHERE k = 'closing'");
	}
	s->closing = (struct closing){.step = CLOSING_DROP,
	    .day = mark[0],
	    .gen = (uint32_t)mark[1],
	    .upto = mark[2],
	    .until_day = mark[0] + 1};
	while (s->closing.step == CLOSING_DROP && rc >= 0)
		rc = step_drop(s);
	s->closing = (struct closing){0};
	return rc < 0 ? rc : 0;
}
