/*
 * db.c - SQLite in the store's words: how files are opened, what errors mean, the schema of
 * live.db, the connections of readers.
 *
 * Each connection belongs to one thread at a time (opened without SQLite's own mutex): the writer
 * has its own, readers borrow one from a pool. The process may use any default VFS: a test puts a
 * failing disk under it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/impl.h"
#include "agent/store/schema.h"
#include "lib/xmalloc.h"

static const char schema[] =
    "CREATE TABLE meta(k TEXT PRIMARY KEY, a INT, b INT, c INT) WITHOUT ROWID;"
    "CREATE TABLE series(sid INTEGER PRIMARY KEY, kind INT, resolution REAL, labels TEXT);"
    "CREATE TABLE frame(id INTEGER PRIMARY KEY, b BLOB);"
    "CREATE TABLE chunk(id INTEGER PRIMARY KEY, sid INT, t0 INT, t1 INT, frame INT, b BLOB);"
    "CREATE TABLE damaged(id INTEGER PRIMARY KEY, sid INT, t0 INT, t1 INT, b BLOB);"
    "CREATE TABLE state(probe TEXT, key TEXT, data BLOB, PRIMARY KEY(probe, key));"
    "CREATE TABLE probe(id INTEGER PRIMARY KEY, name TEXT);"
    "CREATE TABLE run(id INTEGER PRIMARY KEY, probe INT, at INT, verdict INT, keep INT,"
    " duration INT,"
    " bytes INT);"
    "CREATE TABLE run_body(id INTEGER PRIMARY KEY, cause TEXT, reason TEXT, facts TEXT);";

static const char *const statements[ST_COUNT] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_SERIES] = "INSERT OR REPLACE INTO series VALUES(?,?,?,?)",
    [ST_FRAME] = "INSERT INTO frame VALUES(?,?)",
    [ST_FRAME_DROP] = "DELETE FROM frame WHERE id < ?",
    [ST_CHUNK] = "INSERT INTO chunk VALUES(?,?,?,?,?,?)",
    [ST_CHUNK_GET] = "SELECT b FROM chunk WHERE id = ?",
    [ST_CHUNK_DROP] = "DELETE FROM chunk WHERE id = ?",
    [ST_STATE_PUT] = "INSERT OR REPLACE INTO state VALUES(?,?,?)",
    [ST_STATE_DROP] = "DELETE FROM state WHERE probe = ? AND key = ?",
    [ST_PROBE] = "INSERT OR REPLACE INTO probe VALUES(?,?)",
    [ST_RUN] = "INSERT INTO run VALUES(?,?,?,?,?,?,?)",
    [ST_RUN_BODY] = "INSERT INTO run_body VALUES(?,?,?,?)",
    [ST_RUN_DROP] = "DELETE FROM run WHERE id = ?",
    [ST_RUN_BODY_DROP] = "DELETE FROM run_body WHERE id = ?",
    [ST_META] = "INSERT OR REPLACE INTO meta VALUES(?,?,?,?)",
};

int
db_errno(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW: return 0;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return -EUCLEAN;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH: return -EACCES;
	case SQLITE_CANTOPEN: return -ENOENT;
	case SQLITE_IOERR: return db != NULL && sqlite3_system_errno(db) == ENOSPC ? -ENOSPC : -EIO;
	default: return -EIO;
	}
}

int
db_exec(sqlite3 *db, const char *sql)
{
	return db_errno(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int
db_run(sqlite3_stmt *st)
{
	sqlite3 *db = sqlite3_db_handle(st);
	int rc, err;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		;
	err = db_errno(db, rc);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return err;
}

int
db_prepare(sqlite3 *db, sqlite3_stmt **st, const char *sql)
{
	return db_errno(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL));
}

int
db_int(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc != SQLITE_OK)
		return db_errno(db, rc);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? -ENOENT : db_errno(db, rc);
}

int
db_open(sqlite3 **out, const char *path, enum db_mode mode)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
	char *uri;
	int rc;

	/* The characters that mean something in a URI cannot stand in a path that is one. */
	if (strpbrk(path, "?#%") != NULL)
		return -EINVAL;
	flags |= mode == DB_OWN ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
	uri = xasprintf("file:%s%s", path, mode == DB_FROZEN ? "?immutable=1" : "");
	rc = sqlite3_open_v2(uri, out, flags, NULL);
	free(uri);
	if (rc != SQLITE_OK) {
		rc = *out != NULL ? db_errno(*out, rc) : -ENOMEM;
		sqlite3_close(*out);
		*out = NULL;
		return rc;
	}
	sqlite3_busy_timeout(*out, 5000);
	/* Corrupt files must not get far: no SQL of the schema runs, and cells are checked. */
	sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)db_exec(*out, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;");
	(void)db_exec(*out, mode == DB_OWN ? "PRAGMA cache_size=-2000" : "PRAGMA cache_size=-256");
	return 0;
}

int
live_create(sqlite3 *db)
{
	char *sql = sqlite3_mprintf(
	    "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	    "BEGIN IMMEDIATE; PRAGMA application_id=%d; PRAGMA user_version=%d; %s COMMIT;"
	    "PRAGMA wal_checkpoint(TRUNCATE);",
	    LIVE_APPLICATION_ID, LIVE_VERSION, schema);
	int rc = sql != NULL ? db_exec(db, sql) : -ENOMEM;

	sqlite3_free(sql);
	if (rc != 0 && !sqlite3_get_autocommit(db))
		(void)db_exec(db, "ROLLBACK");
	return rc;
}

int
live_setup(struct store *s)
{
	int i, rc;

	rc = db_exec(s->db,
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=OFF;"
	    "PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=16777216;"
	    "PRAGMA temp_store=MEMORY;");
	for (i = 0; i < ST_COUNT && rc == 0; i++)
		rc = db_prepare(s->db, &s->st[i], statements[i]);
	return rc;
}

void
live_teardown(struct store *s)
{
	int i;

	for (i = 0; i < ST_COUNT; i++) {
		sqlite3_finalize(s->st[i]);
		s->st[i] = NULL;
	}
	sqlite3_close_v2(s->db);
	s->db = NULL;
}

int
txn_begin(struct store *s)
{
	if (s->db == NULL)
		return -EIO;
	if (!sqlite3_get_autocommit(s->db)) /* a rollback that failed is owed */
		(void)db_run(s->st[ST_ROLLBACK]);
	return db_run(s->st[ST_BEGIN]);
}

int
txn_end(struct store *s, int rc)
{
	if (rc == 0)
		rc = db_run(s->st[ST_COMMIT]);
	if (rc != 0 && !sqlite3_get_autocommit(s->db))
		(void)db_run(s->st[ST_ROLLBACK]);
	return rc;
}

int
meta_put(struct store *s, const char *key, int64_t a, int64_t b, int64_t c)
{
	sqlite3_stmt *st = s->st[ST_META];

	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, a);
	sqlite3_bind_int64(st, 3, b);
	sqlite3_bind_int64(st, 4, c);
	return db_run(st);
}

int
meta_get(struct store *s, const char *key, int64_t abc[3])
{
	sqlite3_stmt *st;
	int rc, i, err = db_prepare(s->db, &st, "SELECT a, b, c FROM meta WHERE k = ?");

	if (err != 0)
		return err;
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	for (i = 0; i < 3 && rc == SQLITE_ROW; i++)
		abc[i] = sqlite3_column_int64(st, i);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? -ENOENT : db_errno(s->db, rc);
}

/* --- readers of live.db --- */

static void
reader_free(struct reader_conn *c)
{
	sqlite3_finalize(c->chunk);
	sqlite3_close_v2(c->db);
	free(c);
}

static int
reader_new(struct store *s, struct reader_conn **out)
{
	struct reader_conn *c = xcalloc(1, sizeof(*c));
	int rc = db_open(&c->db, s->live, DB_READ);

	if (rc == 0)
		rc = db_prepare(c->db, &c->chunk, statements[ST_CHUNK_GET]);
	if (rc != 0 && s->opts.readonly) { /* no shared memory to be had: nobody writes, then */
		sqlite3_finalize(c->chunk);
		sqlite3_close_v2(c->db);
		*c = (struct reader_conn){0};
		rc = db_open(&c->db, s->live, DB_FROZEN);
		if (rc == 0)
			rc = db_prepare(c->db, &c->chunk, statements[ST_CHUNK_GET]);
	}
	if (rc != 0) {
		reader_free(c);
		return rc;
	}
	c->epoch = atomic_load(&s->epoch);
	*out = c;
	return 0;
}

int
reader_get(struct store *s, struct reader_conn **out)
{
	struct reader_conn *c = NULL;
	int rc = 0;

	pthread_rwlock_rdlock(&s->gate);
	pthread_mutex_lock(&s->readers_mu);
	if (s->n_readers > 0)
		c = s->readers[--s->n_readers];
	pthread_mutex_unlock(&s->readers_mu);
	if (c == NULL)
		rc = reader_new(s, &c);
	if (rc != 0)
		pthread_rwlock_unlock(&s->gate);
	*out = c;
	return rc;
}

void
reader_put(struct store *s, struct reader_conn *c)
{
	pthread_mutex_lock(&s->readers_mu);
	if (s->n_readers < READERS_MAX) {
		s->readers[s->n_readers++] = c;
		c = NULL;
	}
	pthread_mutex_unlock(&s->readers_mu);
	pthread_rwlock_unlock(&s->gate);
	if (c != NULL)
		reader_free(c);
}

void
readers_close(struct store *s)
{
	while (s->n_readers > 0)
		reader_free(s->readers[--s->n_readers]);
}
