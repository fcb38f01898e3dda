/*
 * state.c - see state.h. The schema is here, and nothing else knows SQLite's calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

#define STATE_VERSION 1

struct kept {
	const char *sql;
	sqlite3_stmt *st;
};

struct state {
	sqlite3 *db;
	pthread_mutex_t lock; /* recursive: held from the outermost begin to its end */
	int depth;
	bool poisoned; /* an inner transaction was rolled back, or a statement failed */
	int failure;   /* its code */
	struct kept kept[STATE_STATEMENTS_MAX];
	size_t n_kept;
	char agent_id[33], message[256];
};

/*
 * alert    what each rule's alert is now; (rule, fp) is its identity, fp its labels' fingerprint
 * event    every change, in order: the history
 * grp      a notification group: what its receiver has been told (fingerprints), and when
 * outbox   messages to deliver, the body frozen; order is kept within (receiver, gkey) by seq
 *          state: 0 pending 1 inflight 2 delivered 3 superseded 4 dead 5 dropped by hand
 *          class: 0 page 1 other
 */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS alert(rule TEXT NOT NULL, fp TEXT NOT NULL, phase INTEGER NOT NULL,"
    " labels TEXT NOT NULL, annotations TEXT NOT NULL, value REAL, active_ms INTEGER NOT NULL,"
    " fired_ms INTEGER NOT NULL, resolved_ms INTEGER NOT NULL, held_ms INTEGER NOT NULL,"
    " last_ms INTEGER NOT NULL, PRIMARY KEY(rule, fp)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,"
    " kind TEXT NOT NULL, rule TEXT NOT NULL, fp TEXT NOT NULL, labels TEXT NOT NULL,"
    " annotations TEXT NOT NULL, value REAL);"
    "CREATE INDEX IF NOT EXISTS event_at ON event(at_ms);"
    "CREATE TABLE IF NOT EXISTS grp(receiver TEXT NOT NULL, gkey TEXT NOT NULL, notified TEXT"
    " NOT NULL,"
    " first_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
    " PRIMARY KEY(receiver, gkey)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT"
    " NULL,"
    " gkey TEXT NOT NULL, seq INTEGER NOT NULL, msg_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
    " class INTEGER NOT NULL, message TEXT NOT NULL, state INTEGER NOT NULL, attempts INTEGER"
    " NOT NULL,"
    " created_ms INTEGER NOT NULL, first_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL,"
    " done_ms INTEGER NOT NULL, http INTEGER NOT NULL, error TEXT NOT NULL, truncated INTEGER"
    " NOT NULL,"
    " superseded_by INTEGER NOT NULL, fallback INTEGER NOT NULL, fallback_for INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS outbox_open ON outbox(receiver, gkey, seq) WHERE state <= 1;"
    "CREATE INDEX IF NOT EXISTS outbox_done ON outbox(done_ms) WHERE state > 1;"
    "CREATE INDEX IF NOT EXISTS outbox_dead ON outbox(receiver) WHERE state = 4;"
    "CREATE INDEX IF NOT EXISTS outbox_fallback ON outbox(fallback_for) WHERE fallback_for > 0;"
    "CREATE TABLE IF NOT EXISTS silence(id TEXT PRIMARY KEY, matchers TEXT NOT NULL, starts_ms"
    " INTEGER NOT NULL,"
    " ends_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, created_by TEXT NOT NULL,"
    " comment TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS receiver(name TEXT PRIMARY KEY, config TEXT NOT NULL,"
    " disabled_ms INTEGER NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta(key, value) VALUES('seq', 0), ('agent_id',"
    " lower(hex(randomblob(16))));";

static int
code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_READONLY: return -EROFS;
	case SQLITE_CONSTRAINT: return -EEXIST;
	case SQLITE_CANTOPEN: return -ENOENT;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT: return -EUCLEAN;
	default: return -EIO;
	}
}

static int
note_failure(struct state *s, int rc)
{
	snprintf(s->message, sizeof(s->message), "%s", sqlite3_errmsg(s->db));
	s->failure = code_of(rc);
	if (s->failure == 0)
		s->failure = -EIO;
	s->poisoned = true;
	return s->failure;
}

/* ---- opening ---- */

static int
open_file(struct state *s, const char *path, bool readonly)
{
	int flags = readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	int rc = sqlite3_open_v2(
	    path, &s->db, flags | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(s->db, 5000);
	if (rc == SQLITE_OK && !readonly)
		rc = sqlite3_exec(s->db,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		    "PRAGMA wal_autocheckpoint=200; PRAGMA journal_size_limit=4194304;",
		    NULL, NULL, NULL);
	return rc;
}

static int
one_int(void *arg, int n, char **columns, char **names)
{
	(void)names;
	*(int64_t *)arg = n > 0 && columns[0] != NULL ? strtoll(columns[0], NULL, 10) : -1;
	return 0;
}

static int
one_text(void *arg, int n, char **columns, char **names)
{
	(void)names;
	snprintf(arg, 33, "%s", n > 0 && columns[0] != NULL ? columns[0] : "");
	return 0;
}

/* Reads the whole file once: a few megabytes at most, and the one moment when damage can be set
 * aside. */
static int
check_file(struct state *s)
{
	char answer[33] = "";
	int rc = sqlite3_exec(s->db, "PRAGMA quick_check(1)", one_text, answer, NULL);

	if (rc == SQLITE_OK && strcmp(answer, "ok") != 0)
		rc = SQLITE_CORRUPT;
	return rc;
}

static int
load_schema(struct state *s, bool readonly, struct state_error *err)
{
	int64_t version = 0;
	char set[64];
	int rc = sqlite3_exec(s->db, "PRAGMA user_version", one_int, &version, NULL);

	if (rc == SQLITE_OK && version > STATE_VERSION) {
		snprintf(err->text, sizeof(err->text),
		    "written by a newer tillwatch (version %lld, this one knows %d)",
		    (long long)version, STATE_VERSION);
		return -EPROTO;
	}
	snprintf(set, sizeof(set), "PRAGMA user_version=%d", STATE_VERSION);
	if (rc == SQLITE_OK && !readonly)
		rc = sqlite3_exec(s->db, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK && !readonly && version == 0)
		rc = sqlite3_exec(s->db, set, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "SELECT value FROM meta WHERE key='agent_id'", one_text,
		    s->agent_id, NULL);
	return code_of(rc);
}

static void
close_file(struct state *s)
{
	for (size_t i = 0; i < s->n_kept; i++)
		sqlite3_finalize(s->kept[i].st);
	s->n_kept = 0;
	sqlite3_close(s->db);
	s->db = NULL;
}

static void
rename_beside(const char *path, const char *suffix, const char *to)
{
	char from_path[4096], to_path[4096];

	snprintf(from_path, sizeof(from_path), "%s%s", path, suffix);
	snprintf(to_path, sizeof(to_path), "%s%s", to, suffix);
	(void)rename(from_path, to_path); /* a journal that is not there is no failure */
}

static int
set_aside(const char *path, struct state_error *err)
{
	char to[4000];

	snprintf(to, sizeof(to), "%s.damaged-%lld", path, (long long)(wall_now().ms / 1000));
	if (rename(path, to) != 0)
		return -errno;
	rename_beside(path, "-wal", to);
	rename_beside(path, "-shm", to);
	snprintf(err->text, sizeof(err->text),
	    "was damaged: set aside as %.200s; alerts start anew", to);
	return 0;
}

/* Bodies name customers' systems: not for everybody. SQLite gives its journals the mode of the
 * file. */
static void
make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd >= 0)
		close(fd);
}

static int
open_once(struct state *s, const char *path, bool readonly, struct state_error *err)
{
	int rc = open_file(s, path, readonly);

	if (rc == SQLITE_OK && !readonly)
		rc = check_file(s);
	if (rc == SQLITE_OK)
		return load_schema(s, readonly, err);
	snprintf(err->text, sizeof(err->text), "%s",
	    s->db != NULL ? sqlite3_errmsg(s->db) : "out of memory");
	return code_of(rc);
}

int
state_open(struct state **out, const char *path, bool readonly, struct state_error *err)
{
	struct state *s = calloc(1, sizeof(*s));
	pthread_mutexattr_t attr;
	int rc;

	*out = NULL;
	*err = (struct state_error){0};
	if (s == NULL)
		return err->code = -ENOMEM;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&s->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	if (!readonly)
		make_file(path);
	rc = open_once(s, path, readonly, err);
	if (rc == -EUCLEAN && !readonly) {
		close_file(s);
		if ((rc = set_aside(path, err)) == 0) {
			struct state_error said = *err;

			make_file(path);
			if ((rc = open_once(s, path, readonly, err)) == 0)
				*err = said;
		}
	}
	err->code = rc;
	if (rc != 0) {
		if (err->text[0] == '\0')
			snprintf(err->text, sizeof(err->text), "%s", strerror(-rc));
		state_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void
state_close(struct state *s)
{
	if (s == NULL)
		return;
	close_file(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- transactions ---- */

int
state_begin(struct state *s)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	if (s->depth == 0) {
		s->poisoned = false;
		s->failure = 0;
		if ((rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL))
		    == SQLITE_READONLY)
			rc = sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL);
		if (rc != SQLITE_OK) {
			rc = note_failure(s, rc);
			pthread_mutex_unlock(&s->lock);
			return rc;
		}
	}
	s->depth++;
	return 0;
}

static void
reset_all(struct state *s)
{
	for (size_t i = 0; i < s->n_kept; i++)
		sqlite3_reset(s->kept[i].st);
}

int
state_commit(struct state *s)
{
	int rc = 0;

	if (s->depth == 1) {
		reset_all(s);
		if (s->poisoned)
			rc = s->failure;
		else if ((rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL)) != SQLITE_OK)
			rc = note_failure(s, rc);
		if (rc != 0 && !sqlite3_get_autocommit(s->db))
			sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	} else if (s->poisoned) {
		rc = s->failure;
	}
	s->depth--;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void
state_rollback(struct state *s)
{
	if (!s->poisoned) {
		s->poisoned = true;
		s->failure = -ECANCELED;
	}
	(void)state_commit(s);
}

/* ---- statements ---- */

sqlite3_stmt *
state_stmt(struct state *s, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int rc;

	for (size_t i = 0; i < s->n_kept; i++)
		if (s->kept[i].sql == sql) {
			sqlite3_reset(s->kept[i].st);
			sqlite3_clear_bindings(s->kept[i].st);
			return s->kept[i].st;
		}
	if (s->n_kept == STATE_STATEMENTS_MAX) {
		note_failure(s, SQLITE_NOMEM);
		return NULL;
	}
	if ((rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL))
	    != SQLITE_OK) {
		note_failure(s, rc);
		return NULL;
	}
	s->kept[s->n_kept++] = (struct kept){sql, st};
	return st;
}

static void
bind_all(sqlite3_stmt *st, const char *kinds, va_list ap)
{
	for (int i = 1; *kinds != '\0'; kinds++, i++) {
		if (*kinds == 's')
			sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		else if (*kinds == 'i')
			sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
		else
			sqlite3_bind_double(st, i, va_arg(ap, double));
	}
}

void
state_bind(sqlite3_stmt *st, const char *kinds, ...)
{
	va_list ap;

	if (st == NULL)
		return;
	va_start(ap, kinds);
	bind_all(st, kinds, ap);
	va_end(ap);
}

int
state_step(struct state *s, sqlite3_stmt *st)
{
	int rc;

	if (st == NULL)
		return s->failure;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		rc = note_failure(s, rc);
	else
		rc = 0;
	sqlite3_reset(st);
	return rc;
}

int
state_run(struct state *s, const char *sql, const char *kinds, ...)
{
	sqlite3_stmt *st = state_stmt(s, sql);
	va_list ap;
	int rc;

	if (st != NULL) {
		va_start(ap, kinds);
		bind_all(st, kinds, ap);
		va_end(ap);
	}
	while ((rc = state_step(s, st)) == 1)
		;
	return rc;
}

const char *
state_text(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return text != NULL ? text : "";
}

int64_t
state_int(sqlite3_stmt *st, int column)
{
	return sqlite3_column_int64(st, column);
}

double
state_real(sqlite3_stmt *st, int column)
{
	return sqlite3_column_double(st, column);
}

int64_t
state_changed(struct state *s)
{
	return sqlite3_changes64(s->db);
}

int64_t
state_rowid(struct state *s)
{
	return sqlite3_last_insert_rowid(s->db);
}

int64_t
state_seq_next(struct state *s)
{
	sqlite3_stmt *st =
	    state_stmt(s, "UPDATE meta SET value=value+1 WHERE key='seq' RETURNING value");
	int64_t seq = -EIO;
	int rc;

	while ((rc = state_step(s, st)) == 1)
		seq = state_int(st, 0);
	return rc != 0 ? rc : seq;
}

const char *
state_agent_id(const struct state *s)
{
	return s->agent_id;
}

const char *
state_errmsg(const struct state *s)
{
	return s->message;
}
