/*
 * db-sqlite.c - SQLite: a file that somebody else writes. See sql.h.
 *
 * Opened read-only, and asked to change nothing on top of it. A statement that takes too long is
 * stopped by its own progress handler. A file in WAL mode is read through its -wal and -shm; if
 * nobody has it open there are none, and none can be made by who may only read: then it is read as
 * what it is, a file that does not change, and opened anew each time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "lib/buf.h"
#include "plugins/sql/sql.h"

#define PROGRESS_STEPS 4000

struct lite {
	sqlite3 *db;
	sqlite3_stmt *st;
	uint64_t query;                  /* serial of what st was made of */
	struct stat file;                /* as opened: another one in its place is opened anew */
	bool is_checked, is_still;       /* still: opened as a file that does not change */
};

static int
is_late(void *arg)
{
	return sql_left_ms(arg) == 0;
}

static int
fail(struct sql_db *db, enum sql_error error, int rc, sqlite3 *lite)
{
	int sys = lite != NULL ? sqlite3_system_errno(lite) : 0;

	if (rc == SQLITE_INTERRUPT || rc == SQLITE_BUSY)
		return sql_fail(db, SQL_E_TIMEOUT, "%s", rc == SQLITE_BUSY
			? "the file stayed locked" : "the query took too long");
	if (rc == SQLITE_CANTOPEN)
		return sql_fail(db, error, "%s: %s", db->dsn->database,
		    sys != 0 ? strerror(sys) : "cannot be opened");
	return sql_fail(db, error, "%s", lite != NULL ? sqlite3_errmsg(lite) : sqlite3_errstr(rc));
}

static void
lite_close(struct sql_db *db)
{
	struct lite *l = db->connection;

	if (l == NULL)
		return;
	sqlite3_finalize(l->st);
	sqlite3_close(l->db);
	free(l);
	db->connection = NULL;
}

/* file:PATH with what a URI must not hold encoded. */
static char *
uri_of(const char *path, const char *params)
{
	struct buf b;

	buf_init(&b, 3 * 4096 + 64);
	buf_text(&b, "file:");
	for (; *path != '\0'; path++)
		if (strchr("?#%", *path) != NULL)
			buf_printf(&b, "%%%02X", (unsigned char)*path);
		else
			buf_char(&b, *path);
	buf_text(&b, params);
	if (b.failed)
		buf_free(&b);
	return b.data;
}

static void
hash_values(sqlite3_context *c, int n, sqlite3_value **values)
{
	uint64_t h = 0;

	for (int i = 0; i < n; i++) {
		int type = sqlite3_value_type(values[i]); /* before it is read as bytes */
		const void *at = sqlite3_value_blob(values[i]);
		int len = sqlite3_value_bytes(values[i]);

		h = XXH3_64bits_withSeed(at != NULL ? at : "", (size_t)len, h + (uint64_t)type);
	}
	sqlite3_result_int64(c, (sqlite3_int64)(h >> 16)); /* so that thousands have a sum */
}

/* Opens, and reads the header: only then is it known that it can be read. */
static int
open_as(struct sql_db *db, struct lite *l, const char *params)
{
	char *uri = uri_of(db->dsn->database, params);
	int rc = SQLITE_NOMEM;

	if (uri != NULL)
		rc = sqlite3_open_v2(uri, &l->db,
		    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	free(uri);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_extended_result_codes(l->db, 0);
	sqlite3_busy_timeout(l->db, (int)(sql_left_ms(db) / 2));
	sqlite3_progress_handler(l->db, PROGRESS_STEPS, is_late, db);
	sqlite3_limit(l->db, SQLITE_LIMIT_ATTACHED, 0);
	rc = sqlite3_create_function(l->db, SQL_LITE_HASH, -1,
	    SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, hash_values, NULL, NULL);
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_exec(l->db, "PRAGMA query_only=1; PRAGMA temp_store=MEMORY;"
	    "PRAGMA trusted_schema=0; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	return rc;
}

static bool
has_no_wal(const char *path)
{
	char wal[4096];
	struct stat st;

	return (size_t)snprintf(wal, sizeof(wal), "%s-wal", path) < sizeof(wal)
	    && stat(wal, &st) != 0 && errno == ENOENT;
}

static int
lite_connect(struct sql_db *db)
{
	struct lite *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return sql_fail(db, SQL_E_CONNECT, "out of memory");
	db->connection = l;
	if (stat(db->dsn->database, &l->file) != 0) {
		rc = errno;
		lite_close(db);
		return sql_fail(db, SQL_E_CONNECT, "%s: %s%s", db->dsn->database, strerror(rc),
		    rc == EACCES ? " (the sandbox opens what the option `file` names)" : "");
	}
	rc = open_as(db, l, "?mode=ro");
	if (rc == SQLITE_CANTOPEN && has_no_wal(db->dsn->database)) {
		sqlite3_close(l->db);
		l->db = NULL;
		l->is_still = true;
		rc = open_as(db, l, "?mode=ro&immutable=1");
	}
	if (rc != SQLITE_OK) {
		rc = fail(db, SQL_E_CONNECT, rc, l->db);
		lite_close(db);
	}
	return rc;
}

/* ---- asking ---- */

static int
prepare(struct sql_db *db, const char *prefix, sqlite3_stmt **st)
{
	struct lite *l = db->connection;
	char *text = sqlite3_mprintf("%s%s", prefix, db->query->text);
	int rc = text == NULL ? SQLITE_NOMEM : sqlite3_prepare_v2(l->db, text, -1, st, NULL);

	sqlite3_free(text);
	if (rc != SQLITE_OK)
		return fail(db, SQL_E_QUERY, rc, l->db);
	if (sqlite3_bind_parameter_count(*st) != (int)db->query->n_bound)
		return sql_fail(db, SQL_E_QUERY, "the query holds a parameter besides $watermark");
	return 0;
}

/* is_zero: the watermark is the number 0, before whatever there is. */
static void
bind(const struct sql_db *db, sqlite3_stmt *st, bool is_zero)
{
	const struct sql_watermark *w = &db->watermark;
	char text[SQL_TIME_TEXT];
	size_t n_keys = 0;

	sql_time_format(text, w->local_ms < w->ms ? w->local_ms : w->ms, NULL);
	sqlite3_reset(st);
	for (int i = 0; i < (int)db->query->n_bound; i++)
		switch (db->query->bound[i]) {
		case SQL_WATERMARK:
			if (is_zero)
				sqlite3_bind_int(st, i + 1, 0);
			else
				sqlite3_bind_text(st, i + 1, text, -1, SQLITE_TRANSIENT);
			break;
		case SQL_WATERMARK_S:
			sqlite3_bind_int64(st, i + 1, is_zero ? 0 : w->ms / 1000 - 1);
			break;
		case SQL_WATERMARK_MS:
			sqlite3_bind_int64(st, i + 1, is_zero ? 0 : w->ms - 1);
			break;
		case SQL_LIMIT:
			sqlite3_bind_int64(st, i + 1, is_zero ? 1 : db->limit);
			break;
		case SQL_KEY:
			sqlite3_bind_text(st, i + 1, db->keys[n_keys++], -1, SQLITE_TRANSIENT);
			break;
		}
}

static int
column_of(sqlite3_stmt *st, const char *name)
{
	for (int i = 0; i < sqlite3_column_count(st); i++)
		if (sqlite3_stricmp(sqlite3_column_name(st, i), name) == 0)
			return i;
	return -1;
}

/* A column of numbers is never later than a text: the query would find nothing for ever. */
static int
check_kind(struct sql_db *db, struct lite *l)
{
	struct sql_watermark asked = db->watermark;
	bool is_number = false, is_found = true;
	int at = db->time != NULL ? column_of(l->st, db->time) : -1, rc, type;

	for (size_t i = 0; i < db->query->n_bound; i++)
		is_number |= db->query->bound[i] == SQL_WATERMARK;
	if (!is_number || at < 0)
		return 0;
	bind(db, l->st, true);
	rc = sqlite3_step(l->st);
	type = rc == SQLITE_ROW ? sqlite3_column_type(l->st, at) : SQLITE_NULL;
	if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
		db->watermark = (struct sql_watermark){0};
		bind(db, l->st, false);
		rc = sqlite3_step(l->st);
		is_found = rc == SQLITE_ROW;
		db->watermark = asked;
	}
	sqlite3_reset(l->st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return fail(db, SQL_E_QUERY, rc, l->db);
	return is_found ? 0 : sql_fail(db, SQL_E_QUERY, "the column %s holds numbers, and "
	    "$watermark is a text: write $watermark_s or $watermark_ms", db->time);
}

static bool
is_other_file(const struct sql_db *db, const struct lite *l)
{
	struct stat now;

	return stat(db->dsn->database, &now) != 0 || now.st_ino != l->file.st_ino
	    || now.st_dev != l->file.st_dev;
}

static int
lite_ask(struct sql_db *db)
{
	struct lite *l = db->connection;
	int rc = 0;

	if (l->is_still || is_other_file(db, l)) {
		lite_close(db);
		if ((rc = lite_connect(db)) != 0)
			return rc;
		l = db->connection;
	}
	sqlite3_busy_timeout(l->db, (int)(sql_left_ms(db) / 2));
	if (l->st != NULL && l->query != db->query->serial) {
		sqlite3_finalize(l->st);
		l->st = NULL;
	}
	l->query = db->query->serial;
	if (l->st == NULL)
		rc = prepare(db, "", &l->st);
	if (rc == 0 && !l->is_checked)
		rc = check_kind(db, l);
	if (rc != 0)
		return rc;
	l->is_checked = true;
	bind(db, l->st, false);
	db->n_columns = (size_t)sqlite3_column_count(l->st);
	if (db->n_columns > SQL_COLUMNS_MAX)
		db->n_columns = SQL_COLUMNS_MAX;
	for (size_t i = 0; i < db->n_columns; i++)
		sql_column(db, i, sqlite3_column_name(l->st, (int)i));
	return 0;
}

static struct sql_cell
cell(sqlite3_stmt *st, int i)
{
	switch (sqlite3_column_type(st, i)) {
	case SQLITE_INTEGER:
		return (struct sql_cell){
		    .type = SQL_INT, .integer = sqlite3_column_int64(st, i)};
	case SQLITE_FLOAT:
		return (struct sql_cell){.type = SQL_REAL, .real = sqlite3_column_double(st, i)};
	case SQLITE_NULL:
		return (struct sql_cell){.type = SQL_NULL};
	default: {
		const char *text = sqlite3_column_blob(st, i);

		return sql_cell_of(SQL_TEXT, text, (size_t)sqlite3_column_bytes(st, i));
	}
	}
}

static int
lite_row(struct sql_db *db)
{
	struct lite *l = db->connection;
	int rc = sqlite3_step(l->st);

	if (rc == SQLITE_ROW) {
		for (size_t i = 0; i < db->n_columns; i++)
			db->cells[i] = cell(l->st, (int)i);
		return 1;
	}
	if (rc != SQLITE_DONE)
		rc = fail(db, SQL_E_QUERY, rc, l->db);
	else if (l->is_still && !has_no_wal(db->dsn->database))
		rc = sql_fail(db, SQL_E_QUERY, "the file was changed while it was read");
	else
		rc = 0;
	sqlite3_reset(l->st); /* no lock stays behind */
	return rc;
}

/* ---- how it is read ---- */

static size_t
name_length(const char *s)
{
	size_t n = 0;

	while (s[n] == '_' || (s[n] & 0x80) != 0 || isalnum((unsigned char)s[n]))
		n++;
	return n;
}

/* Is that what the query calls this table: its name, or "name alias", "name AS alias"? */
static bool
is_called(const char *query, const char *table, const char *name, size_t len)
{
	size_t n = strlen(table);

	if (n == len && strncasecmp(table, name, n) == 0)
		return true;
	for (const char *s = query; (s = strcasestr(s, table)) != NULL; s += n) {
		const char *alias = s + n + strspn(s + n, "\"`] \t\r\n");

		if (name_length(alias) == 2 && strncasecmp(alias, "as", 2) == 0)
			alias += 2 + strspn(alias + 2, "\"`[ \t\r\n");
		if (name_length(alias) == len && strncasecmp(alias, name, len) == 0)
			return true;
	}
	return false;
}

/* Has the table that the query calls so more rows? Its name, in memory of SQLite's. What is called
 * otherwise is no table: a result of the query's own. */
static char *
large_table(struct lite *l, const char *query, const char *called)
{
	size_t len = name_length(called);
	sqlite3_stmt *names = NULL;
	char *found = NULL;

	if (sqlite3_prepare_v2(l->db, "SELECT name FROM sqlite_schema WHERE type='table'", -1,
		&names, NULL) != SQLITE_OK)
		return NULL;
	while (found == NULL && sqlite3_step(names) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(names, 0);
		sqlite3_stmt *count = NULL;
		char *sql;

		if (name == NULL || !is_called(query, name, called, len))
			continue;
		sql = sqlite3_mprintf("SELECT count(*) FROM (SELECT 1 FROM \"%w\" LIMIT %d)", name,
		    SQL_SCAN_ROWS + 1);
		if (sql != NULL && sqlite3_prepare_v2(l->db, sql, -1, &count, NULL) == SQLITE_OK
		    && sqlite3_step(count) == SQLITE_ROW
		    && sqlite3_column_int(count, 0) > SQL_SCAN_ROWS)
			found = sqlite3_mprintf("%s", name);
		sqlite3_finalize(count);
		sqlite3_free(sql);
	}
	sqlite3_finalize(names);
	return found;
}

static int
lite_explain(struct sql_db *db, char *text, size_t cap)
{
	struct lite *l = db->connection;
	sqlite3_stmt *st = NULL;
	int rc = prepare(db, "EXPLAIN QUERY PLAN ", &st);
	char *table;

	*text = '\0';
	if (rc == 0) {
		bind(db, st, false);
		while (sqlite3_step(st) == SQLITE_ROW) {
			const char *detail = (const char *)sqlite3_column_text(st, 3);

			if (detail == NULL || strncmp(detail, "SCAN ", 5) != 0
			    || (table = large_table(l, db->query->text, detail + 5)) == NULL)
				continue;
			snprintf(text, cap, "%s: all of it is read each time (%s)", table, detail);
			sqlite3_free(table);
			break;
		}
	}
	sqlite3_finalize(st);
	return rc;
}

const struct sql_driver sql_sqlite = {.name = "SQLite", .connect = lite_connect,
    .explain = lite_explain, .ask = lite_ask, .row = lite_row, .close = lite_close};
