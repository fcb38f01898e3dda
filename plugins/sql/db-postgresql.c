/*
 * db-postgresql.c - PostgreSQL by libpq, without ever waiting past the deadline. See sql.h.
 *
 * Each run is a transaction of its own, read-only, with a timeout that the server keeps; so a
 * pooler between (transactions from hand to hand) does no harm, and between two runs nothing is
 * open. Rows come one by one: a result is never in memory as a whole.
 *
 * The watermark is bound as a text of unknown type, "2026-11-24 03:22:44.123+01:00:00": a column
 * with time zone takes it for the moment it is, one without ignores the offset and takes what the
 * wall shows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/sql/sql.h"

enum oid { /* of pg_type.dat; they never change */
	OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_OID = 26, OID_FLOAT4 = 700,
	OID_FLOAT8 = 701, OID_DATE = 1082, OID_TIMESTAMP = 1114, OID_TIMESTAMPTZ = 1184,
	OID_NUMERIC = 1700
};

struct pq {
	PGconn *conn;
	PGresult *now;                   /* cells point into it; NULL = none */
	bool is_unread;                  /* now holds a row that nobody has seen */
	bool knows_no_zone;              /* the server's time zones lack ours */
	Oid types[SQL_COLUMNS_MAX];
};

static void
say_nothing(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

static void
pq_close(struct sql_db *db)
{
	struct pq *p = db->connection;

	if (p == NULL)
		return;
	PQclear(p->now);
	PQfinish(p->conn);
	free(p);
	db->connection = NULL;
}

/* Until the socket is ready; false: the deadline is over. */
static bool
wait_for(struct sql_db *db, short events)
{
	struct pq *p = db->connection;
	struct pollfd fd = {.fd = PQsocket(p->conn), .events = events};
	int64_t left_ms = sql_left_ms(db);
	int rc;

	do {
		rc = left_ms > 0 ? poll(&fd, 1, left_ms > 60000 ? 60000 : (int)left_ms) : 0;
		left_ms = sql_left_ms(db);
	} while (left_ms > 0 && (rc == 0 || (rc < 0 && errno == EINTR)));
	return rc > 0;
}

/* ---- connecting ---- */

struct words { const char *names[24], *values[24]; size_t n; };

static void
add_word(struct words *w, const char *name, const char *value)
{
	if (value == NULL || w->n + 1 == sizeof(w->names) / sizeof(w->names[0]))
		return;
	w->names[w->n] = name;
	w->values[w->n++] = value;
}

static void
collect(const struct sql_db *db, struct words *w, char port[12])
{
	const struct sql_dsn *d = db->dsn;

	snprintf(port, 12, "%d", d->port);
	add_word(w, "user", d->user != NULL && *d->user != '\0' ? d->user : NULL);
	add_word(w, "password", d->password);
	add_word(w, "host", d->host);
	add_word(w, "port", d->port > 0 ? port : NULL);
	add_word(w, "dbname", d->database);
	add_word(w, "application_name", "tillwatch");
	add_word(w, "client_encoding", "UTF8");
	add_word(w, "gssencmode", "disable");
	add_word(w, "passfile", "/dev/null/none"); /* no such file: nobody's passwords but ours */
	for (size_t i = 0; i < d->n_params; i++)
		add_word(w, d->params[i].name, d->params[i].value);
	add_word(w, "sslrootcert", db->ca_file);
	add_word(w, "sslmode", db->ca_file != NULL ? "verify-full" : NULL);
}

static int
lost(struct sql_db *db)
{
	struct pq *p = db->connection;
	const char *text = PQerrorMessage(p->conn);

	return sql_fail(
	    db, SQL_E_CONNECT, "%s", *text != '\0' ? text : "the connection is lost");
}

static int
pq_connect(struct sql_db *db)
{
	struct pq *p = calloc(1, sizeof(*p));
	struct words w = {0};
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	char port[12];

	if (p == NULL)
		return sql_fail(db, SQL_E_CONNECT, "out of memory");
	db->connection = p;
	collect(db, &w, port);
	p->conn = PQconnectStartParams(w.names, w.values, 0);
	while (p->conn != NULL && PQstatus(p->conn) != CONNECTION_BAD
	    && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
		if (!wait_for(db, state == PGRES_POLLING_READING ? POLLIN : POLLOUT)) {
			pq_close(db);
			return sql_fail(db, SQL_E_CONNECT, "no answer in time");
		}
		state = PQconnectPoll(p->conn);
	}
	if (p->conn == NULL || PQstatus(p->conn) != CONNECTION_OK) {
		int rc = lost(db);

		pq_close(db);
		return rc;
	}
	PQsetNoticeProcessor(p->conn, say_nothing, NULL);
	return PQsetnonblocking(p->conn, 1) == 0 ? 0 : lost(db);
}

/* ---- statements ---- */

/* The next result into p->now, NULL = there are no more. 0 or enum sql_error. */
static int
next_result(struct sql_db *db)
{
	struct pq *p = db->connection;
	int unsent;

	PQclear(p->now);
	p->now = NULL;
	while ((unsent = PQflush(p->conn)) == 1 || PQisBusy(p->conn)) {
		if (!wait_for(db, unsent == 1 ? POLLIN | POLLOUT : POLLIN))
			return sql_fail(db, SQL_E_TIMEOUT, "the query took too long");
		if (PQconsumeInput(p->conn) == 0)
			return lost(db);
	}
	if (unsent < 0)
		return lost(db);
	p->now = PQgetResult(p->conn);
	return 0;
}

static int
refused(struct sql_db *db)
{
	struct pq *p = db->connection;
	const char *state = PQresultErrorField(p->now, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(p->now, PG_DIAG_MESSAGE_PRIMARY);

	if (PQstatus(p->conn) != CONNECTION_OK)
		return lost(db);
	if (state != NULL && strcmp(state, "57014") == 0)
		return sql_fail(db, SQL_E_TIMEOUT, "the query took too long");
	return sql_fail(db, SQL_E_QUERY, "%s",
	    text != NULL ? text : PQresultErrorMessage(p->now));
}

static bool
is_good(const PGresult *r)
{
	ExecStatusType status = PQresultStatus(r);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
	    || status == PGRES_SINGLE_TUPLE;
}

/* Reads what is left of the results; the first error is what counts. */
static int
drain(struct sql_db *db)
{
	struct pq *p = db->connection;
	int rc = 0, waiting;

	do {
		waiting = next_result(db);
		if (waiting == 0 && p->now != NULL && !is_good(p->now) && rc == 0)
			rc = refused(db);
	} while (waiting == 0 && p->now != NULL);
	return waiting != 0 ? waiting : rc;
}

static int
command(struct sql_db *db, const char *text)
{
	struct pq *p = db->connection;

	return PQsendQuery(p->conn, text) == 1 ? drain(db) : lost(db);
}

static int
begin(struct sql_db *db)
{
	struct pq *p = db->connection;
	int64_t ms = db->statement_us / 1000, left_ms = sql_left_ms(db);
	char *zone = PQescapeLiteral(p->conn, db->zone, strlen(db->zone)), text[512];
	int rc;

	ms = left_ms < ms ? left_ms : ms;
	snprintf(text, sizeof(text),
	    "BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout=%lld;"
	    "SET LOCAL datestyle='ISO, YMD'; SET LOCAL timezone=%s", (long long)(ms > 0 ? ms : 1),
	    zone == NULL || p->knows_no_zone ? "'UTC'" : zone);
	PQfreemem(zone);
	rc = command(db, text);
	if (rc == SQL_E_QUERY && !p->knows_no_zone) {
		p->knows_no_zone = true;
		if ((rc = command(db, "ROLLBACK")) == 0)
			rc = begin(db);
	}
	return rc;
}

static int
send_bound(struct sql_db *db, const char *prefix)
{
	struct pq *p = db->connection;
	const struct sql_watermark *w = &db->watermark;
	char time[SQL_TIME_TEXT], s[24], ms[24], limit[24], *text;
	const char *values[SQL_PARAMS_MAX];
	size_t n_keys = 0;
	int rc;

	sql_time_format(time, w->local_ms, &w->offset_s);
	snprintf(s, sizeof(s), "%lld", (long long)w->ms / 1000 - 1);
	snprintf(ms, sizeof(ms), "%lld", (long long)w->ms - 1);
	snprintf(limit, sizeof(limit), "%lld", (long long)db->limit);
	for (size_t i = 0; i < db->query->n_bound; i++) {
		enum sql_bound b = db->query->bound[i];

		values[i] = b == SQL_WATERMARK ? time : b == SQL_LIMIT ? limit
		    : b == SQL_KEY ? db->keys[n_keys++] : b == SQL_WATERMARK_S ? s : ms;
	}
	if (asprintf(&text, "%s%s", prefix, db->query->text) < 0)
		return sql_fail(db, SQL_E_QUERY, "out of memory");
	rc = PQsendQueryParams(
	    p->conn, text, (int)db->query->n_bound, NULL, values, NULL, NULL, 0);
	free(text);
	return rc == 1 ? 0 : lost(db);
}

static int
pq_ask(struct sql_db *db)
{
	struct pq *p = db->connection;
	int rc = begin(db);

	if (rc == 0)
		rc = send_bound(db, "");
	if (rc == 0 && PQsetSingleRowMode(p->conn) != 1)
		rc = lost(db);
	if (rc == 0)
		rc = next_result(db);
	if (rc == 0 && (p->now == NULL || !is_good(p->now)))
		rc = refused(db);
	if (rc != 0)
		return rc;
	p->is_unread = true;
	db->n_columns = (size_t)PQnfields(p->now);
	if (db->n_columns > SQL_COLUMNS_MAX)
		db->n_columns = SQL_COLUMNS_MAX;
	for (size_t i = 0; i < db->n_columns; i++) {
		sql_column(db, i, PQfname(p->now, (int)i));
		p->types[i] = PQftype(p->now, (int)i);
	}
	return 0;
}

static struct sql_cell
cell(const struct pq *p, int i)
{
	const char *text = PQgetvalue(p->now, 0, i);
	size_t len = (size_t)PQgetlength(p->now, 0, i);

	if (PQgetisnull(p->now, 0, i))
		return (struct sql_cell){.type = SQL_NULL};
	switch (p->types[i]) {
	case OID_BOOL:
		return (struct sql_cell){.type = SQL_INT, .integer = *text == 't'};
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
	case OID_OID:
		return sql_cell_of(SQL_INT, text, len);
	case OID_FLOAT4:
	case OID_FLOAT8:
	case OID_NUMERIC:
		return sql_cell_of(SQL_REAL, text, len);
	case OID_DATE:
	case OID_TIMESTAMP:
	case OID_TIMESTAMPTZ:
		return sql_cell_of(SQL_TIME, text, len);
	default:
		return sql_cell_of(SQL_TEXT, text, len);
	}
}

static int
pq_row(struct sql_db *db)
{
	struct pq *p = db->connection;
	int rc = 0;

	if (!p->is_unread)
		rc = next_result(db);
	p->is_unread = false;
	if (rc != 0)
		return rc;
	if (p->now != NULL && !is_good(p->now))
		return refused(db);
	if (p->now == NULL || PQntuples(p->now) == 0) {
		rc = p->now != NULL ? drain(db) : 0;
		return rc != 0 ? rc : command(db, "COMMIT");
	}
	for (size_t i = 0; i < db->n_columns; i++)
		db->cells[i] = cell(p, (int)i);
	return 1;
}

/* ---- how it is read ---- */

#define TABLES_MAX 16

/* How many rows the table has, as far as the server's statistics know; -1 = they do not. */
static int
count_rows(struct sql_db *db, const char *table, int64_t *n)
{
	struct pq *p = db->connection;
	int rc;

	*n = -1;
	if (PQsendQueryParams(p->conn, "SELECT greatest(reltuples::bigint, "
		"pg_stat_get_live_tuples(oid)) FROM pg_class WHERE oid = to_regclass($1)", 1, NULL,
		&table, NULL, NULL, 0) != 1)
		return lost(db);
	if ((rc = next_result(db)) != 0)
		return rc;
	if (p->now != NULL && is_good(p->now) && PQntuples(p->now) == 1)
		*n = strtoll(PQgetvalue(p->now, 0, 0), NULL, 10);
	return drain(db);
}

/* "  ->  Seq Scan on public.orders o  (cost=..." */
static void
scanned_table(const char *line, char *table, size_t cap)
{
	const char *at = strstr(line, "Seq Scan on ");

	*table = '\0';
	if (at != NULL)
		snprintf(table, cap, "%.*s", (int)strcspn(at + 12, " "), at + 12);
}

static int
pq_explain(struct sql_db *db, char *text, size_t cap)
{
	struct pq *p = db->connection;
	char tables[TABLES_MAX][160];
	size_t n_tables = 0;
	int64_t n;
	int rc = begin(db), ended;

	*text = '\0';
	if (rc == 0)
		rc = send_bound(db, "EXPLAIN (VERBOSE) ");
	if (rc == 0)
		rc = next_result(db);
	for (int i = 0; rc == 0 && p->now != NULL && is_good(p->now) && i < PQntuples(p->now)
	    && n_tables < TABLES_MAX; i++) {
		scanned_table(PQgetvalue(p->now, i, 0), tables[n_tables], sizeof(tables[0]));
		n_tables += *tables[n_tables] != '\0';
	}
	if (rc == 0)
		rc = drain(db);
	for (size_t i = 0; rc == 0 && *text == '\0' && i < n_tables; i++) {
		rc = count_rows(db, tables[i], &n);
		if (rc == 0 && n > SQL_SCAN_ROWS)
			snprintf(text, cap, "%s: all of its %lld rows are read each time",
			    tables[i], (long long)n);
	}
	if (rc != 0 && rc != SQL_E_QUERY)
		return rc;
	ended = command(db, "ROLLBACK");
	return ended != 0 ? ended : rc;
}

const struct sql_driver sql_postgresql = {.name = "PostgreSQL", .connect = pq_connect,
    .explain = pq_explain, .ask = pq_ask, .row = pq_row, .close = pq_close};
