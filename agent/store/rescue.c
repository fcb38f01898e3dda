/*
 * rescue.c - damage of live.db: found in the background, set aside, saved from, said.
 *
 * After an unclean stop store_maintain reads all rows of all tables, a slice at a time; each
 * chunk and frame proves itself. A chunk whose check sum is wrong is left out, counted and said.
 * When a page cannot be read:
 *
 *   live.db --rename--> live.db.damaged-SECONDS (stays; may be deleted once all is saved)
 *      new live.db <-- series, probe state, frames (at once; while running, memory's copy of them)
 *                  <-- chunks, run records (by key, in slices, while the store works on)
 *
 * Rows are fetched by key in ascending order; where a page is broken the key jumps on, first by
 * one, then by ever more. The row `salvage` of the new file's meta says that it is not finished,
 * so a restart goes on. The new file gives out numbers from `ids` (milliseconds since 1970) on,
 * above all that the old one gave.
 *
 * Writer thread. Readers are kept out (gate) while the file changes under them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/chunk.h"
#include "agent/store/frame.h"
#include "agent/store/impl.h"
#include "lib/xmalloc.h"

#define ROWS_A_SLICE 64
#define STEP_MAX (INT64_C(1) << 44)
#define MISSES_BY_ONE 512

struct table {
	const char *name, *get, *put;
	int columns, blob; /* columns after the rowid; which one proves itself, 0 = none */
};

static const struct table tables[] = {
    {"series", "SELECT rowid, * FROM series WHERE rowid >= ? ORDER BY rowid LIMIT ?",
	"INSERT OR IGNORE INTO series VALUES(?,?,?,?)", 4, 0},
    {"probe", "SELECT rowid, * FROM probe WHERE rowid >= ? ORDER BY rowid LIMIT ?",
	"INSERT OR IGNORE INTO probe VALUES(?,?)", 2, 0},
    {"state", "SELECT rowid, * FROM state WHERE rowid >= ? ORDER BY rowid LIMIT ?",
	"INSERT OR IGNORE INTO state VALUES(?,?,?)", 3, 0},
    {"frame", "SELECT rowid, * FROM frame WHERE rowid >= ? ORDER BY rowid LIMIT ?",
	"INSERT OR IGNORE INTO frame VALUES(?,?)", 2, 2},
    {"chunk", "SELECT rowid, * FROM chunk WHERE rowid >= ? ORDER BY rowid LIMIT ?",
	"INSERT OR IGNORE INTO chunk VALUES(?,?,?,?,?,?)", 6, 6},
    {"run", "SELECT rowid, * FROM run WHERE rowid >= ? ORDER BY rowid LIMIT ?",
	"INSERT OR IGNORE INTO run VALUES(?,?,?,?,?,?,?)", 7, 0},
    {"run_body", "SELECT rowid, * FROM run_body WHERE rowid >= ? ORDER BY rowid LIMIT ?",
	"INSERT OR IGNORE INTO run_body VALUES(?,?,?,?)", 4, 0},
    {"damaged", "SELECT rowid, * FROM damaged WHERE rowid >= ? ORDER BY rowid LIMIT ?",
	"INSERT OR IGNORE INTO damaged VALUES(?,?,?,?,?)", 5, 0},
};
enum { T_SERIES, T_PROBE, T_STATE, T_FRAME, T_CHUNK, T_RUN, T_RUN_BODY, T_DAMAGED, T_COUNT };

static void
no_sample(void *arg, int64_t commit_ms, uint32_t sid, int64_t t_ms, double v, const struct hist *h)
{
	(void)arg, (void)commit_ms, (void)sid, (void)t_ms, (void)v, (void)h;
}

static bool
row_proves(sqlite3_stmt *st, int table)
{
	int column = tables[table].blob;
	struct samples out = {0};
	bool ok;

	if (column == 0)
		return true;
	if (table == T_FRAME)
		return live_frame_each(sqlite3_column_blob(st, column),
			   (size_t)sqlite3_column_bytes(st, column), no_sample, NULL)
		       == 0;
	ok = chunk_decode(&out, NULL, sqlite3_column_blob(st, column),
		 (size_t)sqlite3_column_bytes(st, column))
	     == 0;
	samples_clear(&out);
	return ok;
}

/* --- the check after an unclean stop --- */

static void
row_damaged(struct store *s, int table, sqlite3_stmt *st)
{
	struct hseries *hs;

	if (table != T_CHUNK)
		return; /* a frame was said when it was loaded */
	pthread_rwlock_rdlock(&s->lock);
	hs = series_at(s, (uint32_t)sqlite3_column_int64(st, 2));
	pthread_rwlock_unlock(&s->lock);
	if (hs != NULL)
		live_damaged(s, hs, sqlite3_column_int64(st, 0));
}

static int
check_slice(struct store *s)
{
	struct scrub *sc = &s->scrub;
	sqlite3_stmt *st;
	int n = 0, rc = db_prepare(s->db, &st, tables[sc->table].get);

	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, sc->cursor);
	sqlite3_bind_int(st, 2, ROWS_A_SLICE);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		sc->cursor = sqlite3_column_int64(st, 0) + 1;
		n++;
		if (!row_proves(st, sc->table))
			row_damaged(s, sc->table, st);
	}
	rc = db_errno(s->db, rc);
	sqlite3_finalize(st);
	if (rc != 0 || n == ROWS_A_SLICE)
		return rc != 0 ? rc : 1;
	sc->cursor = INT64_MIN;
	if (++sc->table < T_COUNT)
		return 1;
	sc->wanted = false;
	store_say(s, 6, "store: checked after an unclean stop, %llu damaged",
	    (unsigned long long)atomic_load(&s->n_damaged));
	return 0;
}

/* --- salvage --- */

static void
bad_name(const struct store *s, int64_t seconds, char **path)
{
	*path = xasprintf("%s/live.db.damaged-%lld", s->dir, (long long)seconds);
}

static void
salvage_start(struct store *s, int table)
{
	s->scrub.table = table;
	s->scrub.cursor = INT64_MIN;
	s->scrub.step = 1;
	s->scrub.misses = 0;
}

/* Takes one row over. A row that is there already, or proves itself broken, is not an error. */
static int
take_row(struct store *s, int table, sqlite3_stmt *from, sqlite3_stmt *to)
{
	int i, rc;

	if (!row_proves(from, table)) {
		s->scrub.skipped++;
		return 0;
	}
	for (i = 1; i <= tables[table].columns; i++)
		sqlite3_bind_value(to, i, sqlite3_column_value(from, i));
	rc = db_run(to);
	if (rc == 0 && sqlite3_changes(s->db) > 0) {
		s->scrub.saved++;
		if (table == T_CHUNK) {
			struct hseries *hs;

			pthread_rwlock_wrlock(&s->lock);
			hs = series_at(s, (uint32_t)sqlite3_column_int64(from, 2));
			if (hs != NULL) {
				chunk_ref_add(hs, sqlite3_column_int64(from, 0),
				    sqlite3_column_int64(from, 3), sqlite3_column_int64(from, 4));
				atomic_fetch_add(&s->n_chunks, 1);
			}
			pthread_rwlock_unlock(&s->lock);
		}
	}
	return rc;
}

/* Some rows of the table in work, inside a transaction. 1 = more, 0 = the table is done, or an
 * error of ours. */
static int
salvage_rows(struct store *s)
{
	struct scrub *sc = &s->scrub;
	sqlite3_stmt *from = NULL, *to = NULL;
	int n = 0, step, rc = db_prepare(s->db, &to, tables[sc->table].put);

	if (rc != 0)
		return rc;
	if (db_prepare(sc->bad, &from, tables[sc->table].get) != 0) {
		sqlite3_finalize(to);
		return 0; /* not even its schema can be read */
	}
	sqlite3_bind_int64(from, 1, sc->cursor);
	sqlite3_bind_int(from, 2, ROWS_A_SLICE);
	while ((step = sqlite3_step(from)) == SQLITE_ROW && rc == 0) {
		sc->cursor = sqlite3_column_int64(from, 0) + 1;
		sc->misses = 0;
		sc->step = 1;
		n++;
		rc = take_row(s, sc->table, from, to);
	}
	sqlite3_finalize(from);
	sqlite3_finalize(to);
	if (rc != 0)
		return rc;
	if (step == SQLITE_DONE)
		return n == ROWS_A_SLICE;
	/* Broken here: jump, and try again. Keys are positive but for the start. */
	sc->cursor = sc->cursor > 0 ? sc->cursor : 0;
	if (++sc->misses > MISSES_BY_ONE)
		sc->step *= 2;
	sc->cursor += sc->step;
	sc->skipped++;
	return sc->step < STEP_MAX;
}

static int
salvage_table(struct store *s, int table)
{
	int rc = 1;

	salvage_start(s, table);
	while (rc > 0)
		rc = salvage_rows(s);
	return rc;
}

static void
reload_runs(struct store *s)
{
	pthread_mutex_lock(&s->runs.mu);
	runs_clear(s);
	(void)runs_load(s, s->db);
	pthread_mutex_unlock(&s->runs.mu);
}

static int
salvage_slice(struct store *s)
{
	struct scrub *sc = &s->scrub;
	int more = 0, rc = txn_begin(s);

	if (rc != 0)
		return rc;
	rc = more = salvage_rows(s);
	if (rc == 0 && sc->table == T_COUNT - 1)
		rc = db_exec(s->db, "DELETE FROM meta WHERE k = 'salvage'");
	rc = txn_end(s, rc > 0 ? 0 : rc);
	if (rc != 0 || more > 0)
		return rc != 0 ? rc : 1;
	if (sc->table < T_COUNT - 1) {
		salvage_start(s, sc->table + 1);
		return 1;
	}
	reload_runs(s);
	atomic_fetch_add(&s->n_salvaged, sc->saved);
	store_say(s, 4,
	    "store: %llu rows saved from the damaged file, %llu places could not be read",
	    (unsigned long long)sc->saved, (unsigned long long)sc->skipped);
	scrub_close(s);
	return 0;
}

void
scrub_close(struct store *s)
{
	sqlite3_close_v2(s->scrub.bad);
	s->scrub = (struct scrub){0};
}

int
salvage_resume(struct store *s)
{
	int64_t meta[3];
	char *path;
	int rc;

	if (s->scrub.bad != NULL)
		return 0;       /* at it already */
	salvage_start(s, 0);
	rc = meta_get(s, "salvage", meta);
	if (rc == -ENOENT)
		return 0;
	if (rc != 0)
		return rc;
	bad_name(s, meta[0], &path);
	if (db_open(&s->scrub.bad, path, DB_READ) == 0)
		salvage_start(s, T_CHUNK);
	free(path);
	return 0;
}

/* --- setting aside --- */

/* live.db.damaged-SECONDS takes the file and what belongs to it, or gives it back. In both
 * directions live.db is there only while its log is: a crash in between is seen at the next
 * open. */
static int
move_live(struct store *s, int64_t seconds, bool is_aside)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char *bad, *a, *b;
	int i, k, rc = 0;

	bad_name(s, seconds, &bad);
	for (k = 0; k < 4; k++) {
		i = is_aside ? k : 3 - k;
		a = xasprintf("%s%s", is_aside ? s->live : bad, suffixes[i]);
		b = xasprintf("%s%s", is_aside ? bad : s->live, suffixes[i]);
		if (rename(a, b) != 0 && errno != ENOENT)
			rc = -errno;
		free(a);
		free(b);
	}
	free(bad);
	return rc;
}

static int64_t
free_name(struct store *s)
{
	int64_t seconds = store_now(s) / 1000;
	char *path;
	bool taken;

	do {
		bad_name(s, seconds, &path);
		taken = access(path, F_OK) == 0;
		free(path);
	} while (taken && ++seconds > 0);
	return seconds;
}

/* The newest file that was set aside, or 0. */
static int64_t
newest_aside(struct store *s)
{
	DIR *dir = opendir(s->dir);
	struct dirent *e;
	int64_t newest = 0, seconds;
	char *end;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (strncmp(e->d_name, "live.db.damaged-", 16) != 0)
			continue;
		seconds = strtoll(e->d_name + 16, &end, 10);
		if (*end == '\0' && seconds > newest)
			newest = seconds;
	}
	if (dir != NULL)
		closedir(dir);
	return newest;
}

static void
new_forget(struct store *s)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char *path;
	int i;

	for (i = 0; i < 4; i++) {
		path = xasprintf("%s.new%s", s->live, suffixes[i]);
		(void)unlink(path);
		free(path);
	}
}

/* What memory knows better than the damaged file: every series that has a number, every
 * unsealed sample. */
static int
put_memory(struct store *s)
{
	struct frame_writer w;
	struct samples all = {0};
	uint32_t i;
	size_t k;
	int rc = 0;

	live_frame_begin(&w, &s->frame);
	for (i = 1; i <= s->reg.top && rc == 0; i++) {
		struct hseries *hs = series_at(s, i);

		if (hs == NULL || hs->kind == 0)
			continue;
		rc = series_put_row(s, hs);
		samples_reset(&all);
		head_copy(hs, INT64_MIN, INT64_MAX, &all);
		for (k = 0; k < all.n; k++)
			live_frame_add(&w, i, all.t[k], all.v[k], all.h != NULL ? all.h[k] : NULL);
	}
	samples_clear(&all);
	if (rc == 0)
		rc = live_frame_end(&w, store_now(s));
	if (rc != 0)
		return rc;
	sqlite3_bind_int64(s->st[ST_FRAME], 1, store_now(s));
	sqlite3_bind_blob64(s->st[ST_FRAME], 2, s->frame.data, s->frame.len, SQLITE_STATIC);
	return db_run(s->st[ST_FRAME]);
}

/* The new file with all that must be there at once; it has another name until it is whole. */
static int
new_fill(struct store *s, int64_t seconds, bool has_memory)
{
	int table, rc = txn_begin(s);

	if (rc != 0)
		return rc;
	rc = meta_put(s, "salvage", seconds, 0, 0);
	if (rc == 0)
		rc = meta_put(s, "ids", store_now(s), 0, 0);
	if (rc == 0)
		rc = meta_put(s, "open", getpid(), store_now(s), 0);
	if (rc == 0 && has_memory)
		rc = put_memory(s);
	for (table = T_SERIES; table <= T_FRAME && rc == 0 && s->scrub.bad != NULL; table++)
		if (!has_memory || table != T_FRAME)
			rc = salvage_table(s, table);
	return txn_end(s, rc);
}

static int
new_live(struct store *s, int64_t seconds, bool has_memory)
{
	char *path = xasprintf("%s.new", s->live);
	int rc;

	new_forget(s);
	rc = db_open(&s->db, path, DB_OWN);
	if (rc == 0)
		rc = live_create(s->db);
	if (rc == 0)
		rc = live_setup(s);
	if (rc == 0)
		rc = new_fill(s, seconds, has_memory);
	if (rc == 0)
		rc = db_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)");
	live_teardown(s);
	if (rc == 0 && rename(path, s->live) != 0)
		rc = -errno;
	if (rc == 0 && fsync(s->dir_fd) != 0)
		rc = -errno;
	free(path);
	return rc;
}

static int
begin_again(struct store *s, int64_t seconds, bool has_memory)
{
	char *path;
	int rc;

	bad_name(s, seconds, &path);
	(void)db_open(&s->scrub.bad, path, DB_READ);
	free(path);
	rc = new_live(s, seconds, has_memory);
	if (rc != 0)
		return rc;
	rc = db_open(&s->db, s->live, DB_OWN);
	if (rc == 0)
		rc = live_setup(s);
	if (rc == 0)
		rc = live_load(s);
	salvage_start(s, T_CHUNK);
	s->scrub.wanted = false;
	return rc;
}

/* As it was: no room for a new file, perhaps. It is tried again later. */
static void
take_back(struct store *s, int64_t seconds)
{
	scrub_close(s);
	new_forget(s);
	(void)move_live(s, seconds, false);
	if (db_open(&s->db, s->live, DB_OWN) == 0)
		(void)live_setup(s);
	s->scrub.hurry = true;
}

static int
rescue(struct store *s, const char *why, bool has_memory)
{
	int64_t seconds = free_name(s);
	int rc = move_live(s, seconds, true);

	store_say(
	    s, 3, "store: %s; it is set aside as live.db.damaged-%lld", why, (long long)seconds);
	if (rc == 0)
		rc = begin_again(s, seconds, has_memory);
	if (rc != 0) {
		store_say(s, 3, "store: no new live.db could be made: %s", strerror(-rc));
		live_teardown(s);
		take_back(s, seconds);
	}
	return rc;
}

int
rescue_open(struct store *s, const char *why)
{
	live_teardown(s);
	scrub_close(s);
	atomic_fetch_add(&s->n_damaged, 1);
	return rescue(s, why, false);
}

int
rescue_cut_short(struct store *s)
{
	int64_t seconds = newest_aside(s);

	if (seconds == 0 || access(s->live, F_OK) == 0)
		return -ENOENT;
	(void)move_live(s, seconds, true);      /* a log that stayed behind */
	store_say(s, 4, "store: goes on with saving live.db.damaged-%lld", (long long)seconds);
	return begin_again(s, seconds, false);
}

int
rescue_running(struct store *s, const char *why)
{
	int rc;

	pthread_rwlock_wrlock(&s->gate);
	pthread_rwlock_wrlock(&s->lock);
	close_abandon(s);
	scrub_close(s);
	readers_close(s);
	live_teardown(s);
	days_clear(s);
	atomic_fetch_add(&s->n_damaged, 1);
	atomic_store(&s->suspect, false);
	rc = rescue(s, why, true);
	if (rc == 0)
		rc = days_scan(s);
	pthread_rwlock_unlock(&s->lock);
	pthread_rwlock_unlock(&s->gate);
	return rc;
}

int
scrub_slice(struct store *s)
{
	struct scrub *sc = &s->scrub;

	if (sc->hurry || atomic_load(&s->suspect))
		return -EUCLEAN;
	if (sc->bad != NULL)
		return salvage_slice(s);
	return sc->wanted ? check_slice(s) : 0;
}
