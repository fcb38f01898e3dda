/*
 * db-mariadb.c - MariaDB and MySQL by libmariadb, through its calls that do not block: so that no
 * answer is awaited past the deadline. See sql.h.
 *
 * The session is read-only and has a timeout that the server keeps. Rows come one by one. DATETIME
 * is what the wall shows; TIMESTAMP is a moment, shown in the session's time zone: that is set to
 * what the offset of the zone is at the watermark, so that one text, bound to $watermark, is right
 * for both.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <mysql.h>
#include <errmsg.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/sql/sql.h"

#define STACK_BYTES 262144          /* of the library's coroutine: it resolves names on it */
#define ER_QUERY_TIMEOUT 3024       /* MySQL: max_execution_time */
#define ER_STATEMENT_TIMEOUT 1969   /* MariaDB: max_statement_time */
#define OFFSET_MAX_S (13 * 3600)    /* what both servers take as a time zone */
#define OFFSET_MIN_S (-12 * 3600 - 59 * 60)

struct maria {
	MYSQL *conn;
	MYSQL_STMT *st;
	bool is_mysql;                   /* and not MariaDB: the timeout has another name */
	int32_t offset_s;                /* of the session */
	enum enum_field_types types[SQL_COLUMNS_MAX];
	MYSQL_BIND binds[SQL_COLUMNS_MAX];
	unsigned long lengths[SQL_COLUMNS_MAX];
	my_bool nulls[SQL_COLUMNS_MAX];
	char cells[SQL_COLUMNS_MAX][SQL_CELL_MAX + 1];
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void
start_library(void)
{
	(void)mysql_server_init(0, NULL, NULL); /* not safe on two threads at once */
}

/* What the library waits for has happened, or MYSQL_WAIT_TIMEOUT. */
static int
wait_for(struct sql_db *db, int status)
{
	struct maria *m = db->connection;
	struct pollfd fd = {.fd = (int)mysql_get_socket(m->conn)};
	int64_t left_ms = sql_left_ms(db);
	int rc;

	fd.events = (short)((status & MYSQL_WAIT_READ ? POLLIN : 0)
	    | (status & MYSQL_WAIT_WRITE ? POLLOUT : 0)
	    | (status & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));
	do {
		rc = left_ms > 0 ? poll(&fd, 1, left_ms > 60000 ? 60000 : (int)left_ms) : 0;
		left_ms = sql_left_ms(db);
	} while (left_ms > 0 && (rc == 0 || (rc < 0 && errno == EINTR)));
	if (rc <= 0)
		return MYSQL_WAIT_TIMEOUT;
	rc = (fd.revents & POLLIN ? MYSQL_WAIT_READ : 0)
	    | (fd.revents & POLLOUT ? MYSQL_WAIT_WRITE : 0)
	    | (fd.revents & POLLPRI ? MYSQL_WAIT_EXCEPT : 0);
	return rc != 0 ? rc : status & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE);
}

/* A call of the library, driven to its end: name(result, what, ...). */
#define DRIVE(db_, name_, result_, what_, ...)                                                   \
	do {                                                                                     \
		int status_ = name_##_start(result_, what_, ##__VA_ARGS__);                      \
		while (status_ != 0)                                                             \
			status_ = name_##_cont(result_, what_, wait_for(db_, status_));          \
	} while (0)

static int
failed(struct sql_db *db, unsigned number, const char *text)
{
	bool is_late = sql_left_ms(db) == 0;

	if (number == ER_QUERY_TIMEOUT || number == ER_STATEMENT_TIMEOUT || is_late)
		return sql_fail(db, SQL_E_TIMEOUT, "the query took too long");
	if (number >= CR_MIN_ERROR && number <= CR_MAX_ERROR)
		return sql_fail(db, SQL_E_CONNECT, "%s", text);
	return sql_fail(db, SQL_E_QUERY, "%s", text);
}

static void
maria_close(struct sql_db *db)
{
	struct maria *m = db->connection;

	if (m == NULL)
		return;
	mysql_close(m->conn); /* first: a statement would read what is left of its result */
	if (m->st != NULL)
		mysql_stmt_close(m->st);
	free(m);
	db->connection = NULL;
}

static void
set_options(const struct sql_db *db, MYSQL *conn)
{
	size_t stack = STACK_BYTES;
	unsigned off = 0;
	my_bool on = 1, tells_truncation = 1;
	unsigned tcp = MYSQL_PROTOCOL_TCP;
	const char *ssl = sql_dsn_param(db->dsn, "ssl");
	bool is_verified = db->ca_file != NULL || (ssl != NULL && strcmp(ssl, "verify") == 0);

	mysql_options(conn, MYSQL_OPT_NONBLOCK, &stack);
	mysql_options(conn, MYSQL_OPT_LOCAL_INFILE, &off); /* no server reads our files */
	mysql_options(conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(conn, MYSQL_REPORT_DATA_TRUNCATION, &tells_truncation);
	if (db->dsn->port > 0)
		mysql_options(conn, MYSQL_OPT_PROTOCOL, &tcp);
	if (db->ca_file != NULL)
		mysql_options(conn, MYSQL_OPT_SSL_CA, db->ca_file);
	if (is_verified)
		mysql_options(conn, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
	if (is_verified || (ssl != NULL && strcmp(ssl, "true") == 0))
		mysql_options(conn, MYSQL_OPT_SSL_ENFORCE, &on);
}

static int
command(struct sql_db *db, const char *text)
{
	struct maria *m = db->connection;
	int rc = 0;

	DRIVE(db, mysql_real_query, &rc, m->conn, text, strlen(text));
	return rc == 0 ? 0 : failed(db, mysql_errno(m->conn), mysql_error(m->conn));
}

static int
maria_connect(struct sql_db *db)
{
	struct maria *m = calloc(1, sizeof(*m));
	const struct sql_dsn *d = db->dsn;
	MYSQL *got = NULL;
	int rc;

	pthread_once(&library_once, start_library);
	if (m == NULL || (m->conn = mysql_init(NULL)) == NULL) {
		free(m);
		return sql_fail(db, SQL_E_CONNECT, "out of memory");
	}
	db->connection = m;
	set_options(db, m->conn);
	DRIVE(db, mysql_real_connect, &got, m->conn, d->host, d->user, d->password, d->database,
	    (unsigned)d->port, sql_dsn_param(d, "socket"), 0UL);
	if (got == NULL) {
		rc = sql_left_ms(db) == 0 ? sql_fail(db, SQL_E_CONNECT, "no answer in time")
		    : sql_fail(db, SQL_E_CONNECT, "%s", mysql_error(m->conn));
		maria_close(db);
		return rc;
	}
	m->is_mysql = strstr(mysql_get_server_info(m->conn), "MariaDB") == NULL
	    && !mariadb_connection(m->conn);
	if ((rc = command(db, "SET SESSION TRANSACTION READ ONLY")) != 0)
		maria_close(db);
	return rc;
}

/* ---- statements ---- */

static int
prepare_session(struct sql_db *db)
{
	struct maria *m = db->connection;
	int64_t ms = db->statement_us / 1000, left_ms = sql_left_ms(db);
	int32_t s = db->watermark.offset_s, minutes;
	char text[160], timeout[64];

	ms = left_ms < ms ? left_ms : ms;
	/* To the minute, and what the servers take: else UTC. */
	m->offset_s = s % 60 == 0 && s >= OFFSET_MIN_S && s <= OFFSET_MAX_S ? s : 0;
	minutes = (m->offset_s < 0 ? -m->offset_s : m->offset_s) / 60;
	if (m->is_mysql)
		snprintf(timeout, sizeof(timeout), "max_execution_time=%lld",
		    (long long)(ms > 0 ? ms : 1));
	else
		snprintf(timeout, sizeof(timeout), "max_statement_time=%lld.%03lld",
		    (long long)ms / 1000, (long long)(ms >= 1000 ? ms % 1000 : ms > 0 ? ms : 1));
	snprintf(text, sizeof(text), "SET SESSION %s, time_zone='%c%02d:%02d'", timeout,
	    m->offset_s < 0 ? '-' : '+', (int)(minutes / 60 % 100), (int)(minutes % 60));
	return command(db, text);
}

struct params {
	MYSQL_BIND binds[SQL_PARAMS_MAX];
	char time[SQL_TIME_TEXT];
	unsigned long time_length;
	long long numbers[SQL_PARAMS_MAX];
	unsigned long lengths[SQL_PARAMS_MAX];
};

static void
bind_params(const struct sql_db *db, struct params *p)
{
	const struct maria *m = db->connection;
	const struct sql_watermark *w = &db->watermark;
	int64_t moment_ms = w->ms + (int64_t)m->offset_s * 1000;
	size_t n_keys = 0;

	memset(p, 0, sizeof(*p));
	sql_time_format(p->time, moment_ms < w->local_ms ? moment_ms : w->local_ms, NULL);
	p->time_length = strlen(p->time);
	for (size_t i = 0; i < db->query->n_bound; i++) {
		enum sql_bound b = db->query->bound[i];

		p->numbers[i] = b == SQL_LIMIT ? db->limit
		    : b == SQL_WATERMARK_S ? w->ms / 1000 - 1 : w->ms - 1;
		p->binds[i] = b == SQL_WATERMARK
		    ? (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .buffer = p->time,
			.buffer_length = p->time_length, .length = &p->time_length}
		    : (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &p->numbers[i]};
		if (b != SQL_KEY)
			continue;
		p->lengths[i] = strlen(db->keys[n_keys]);
		p->binds[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
		    .buffer = (char *)(uintptr_t)db->keys[n_keys++],
		    .buffer_length = p->lengths[i], .length = &p->lengths[i]};
	}
}

static int
stmt_failed(struct sql_db *db)
{
	struct maria *m = db->connection;

	return failed(db, mysql_stmt_errno(m->st), mysql_stmt_error(m->st));
}

/* The columns of the result, all of them as texts. */
static int
bind_columns(struct sql_db *db)
{
	struct maria *m = db->connection;
	MYSQL_RES *meta = mysql_stmt_result_metadata(m->st);
	MYSQL_FIELD *fields = meta != NULL ? mysql_fetch_fields(meta) : NULL;
	size_t n = meta != NULL ? mysql_num_fields(meta) : 0;

	if (fields == NULL || n > SQL_COLUMNS_MAX) {
		if (meta != NULL)
			mysql_free_result(meta);
		return sql_fail(db, SQL_E_QUERY, "the query gives %s",
		    n > SQL_COLUMNS_MAX ? "more than 64 columns" : "no rows");
	}
	db->n_columns = n;
	for (size_t i = 0; i < n; i++) {
		sql_column(db, i, fields[i].name);
		m->types[i] = fields[i].type;
		m->binds[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
		    .buffer = m->cells[i], .buffer_length = sizeof(m->cells[i]) - 1,
		    .length = &m->lengths[i], .is_null = &m->nulls[i]};
	}
	mysql_free_result(meta);
	return mysql_stmt_bind_result(m->st, m->binds) == 0 ? 0 : stmt_failed(db);
}

static int
execute(struct sql_db *db, const char *prefix)
{
	struct maria *m = db->connection;
	struct params params;
	char *text;
	int rc = 1;

	if (m->st != NULL)
		mysql_stmt_close(m->st);
	m->st = mysql_stmt_init(m->conn);
	if (m->st == NULL || asprintf(&text, "%s%s", prefix, db->query->text) < 0)
		return sql_fail(db, SQL_E_QUERY, "out of memory");
	DRIVE(db, mysql_stmt_prepare, &rc, m->st, text, strlen(text));
	free(text);
	if (rc != 0)
		return stmt_failed(db);
	if (mysql_stmt_param_count(m->st) != db->query->n_bound)
		return sql_fail(db, SQL_E_QUERY, "the query holds a ? besides $watermark");
	bind_params(db, &params);
	if (mysql_stmt_bind_param(m->st, params.binds) != 0)
		return stmt_failed(db);
	DRIVE(db, mysql_stmt_execute, &rc, m->st);
	return rc != 0 ? stmt_failed(db) : bind_columns(db);
}

static struct sql_cell
cell(const struct maria *m, size_t i)
{
	struct sql_cell c;

	if (m->nulls[i])
		return (struct sql_cell){.type = SQL_NULL};
	if (m->lengths[i] > SQL_CELL_MAX)
		return (struct sql_cell){.type = SQL_TOO_LONG};
	switch (m->types[i]) {
	case MYSQL_TYPE_TINY:
	case MYSQL_TYPE_SHORT:
	case MYSQL_TYPE_INT24:
	case MYSQL_TYPE_LONG:
	case MYSQL_TYPE_LONGLONG:
	case MYSQL_TYPE_YEAR:
		return sql_cell_of(SQL_INT, m->cells[i], m->lengths[i]);
	case MYSQL_TYPE_FLOAT:
	case MYSQL_TYPE_DOUBLE:
	case MYSQL_TYPE_DECIMAL:
	case MYSQL_TYPE_NEWDECIMAL:
		return sql_cell_of(SQL_REAL, m->cells[i], m->lengths[i]);
	case MYSQL_TYPE_DATE:
	case MYSQL_TYPE_NEWDATE:
	case MYSQL_TYPE_DATETIME:
		return sql_cell_of(SQL_TIME, m->cells[i], m->lengths[i]);
	case MYSQL_TYPE_TIMESTAMP:
		c = sql_cell_of(SQL_TIME, m->cells[i], m->lengths[i]);
		c.has_offset = true;
		c.offset_s = m->offset_s;
		return c;
	default:
		return sql_cell_of(SQL_TEXT, m->cells[i], m->lengths[i]);
	}
}

static int
maria_row(struct sql_db *db)
{
	struct maria *m = db->connection;
	int rc = 1;

	DRIVE(db, mysql_stmt_fetch, &rc, m->st);
	if (rc == MYSQL_NO_DATA)
		return 0;
	if (rc != 0 && rc != MYSQL_DATA_TRUNCATED)
		return stmt_failed(db);
	for (size_t i = 0; i < db->n_columns; i++)
		db->cells[i] = cell(m, i);
	return 1;
}

static int
maria_ask(struct sql_db *db)
{
	int rc = prepare_session(db);

	return rc == 0 ? execute(db, "") : rc;
}

/* ---- how it is read ---- */

static const struct sql_cell *
cell_named(const struct sql_db *db, const char *name)
{
	static const struct sql_cell none = {.type = SQL_NULL};

	for (size_t i = 0; i < db->n_columns; i++)
		if (strcasecmp(db->names[i], name) == 0)
			return &db->cells[i];
	return &none;
}

static bool
is_text(const struct sql_cell *c, const char *text)
{
	return c->type == SQL_TEXT && c->len == strlen(text) && memcmp(c->text, text, c->len) == 0;
}

/* MariaDB tells it as a text: "30000", "30000 (5%)". */
static int64_t
rows_of(const struct sql_cell *c)
{
	int64_t n = 0;

	if (c->type == SQL_INT)
		return c->integer;
	for (size_t i = 0; c->type == SQL_TEXT && i < c->len && i < 18 && c->text[i] >= '0'
	    && c->text[i] <= '9'; i++)
		n = n * 10 + c->text[i] - '0';
	return n;
}

static int
maria_explain(struct sql_db *db, char *text, size_t cap)
{
	int rc = prepare_session(db);

	*text = '\0';
	if (rc == 0)
		rc = execute(db, "EXPLAIN ");
	while (rc == 0 && (rc = maria_row(db)) > 0) {
		const struct sql_cell *how = cell_named(db, "type"), *n = cell_named(db, "rows"),
				      *table = cell_named(db, "table");

		rc = 0;
		if ((is_text(how, "ALL") || is_text(how, "index"))
		    && rows_of(n) > SQL_SCAN_ROWS && table->type == SQL_TEXT && table->len > 0
		    && *table->text != '<' && *text == '\0')
			snprintf(text, cap, "%.*s: all of its %lld rows are read each time",
			    (int)table->len, table->text, (long long)rows_of(n));
	}
	return rc;
}

const struct sql_driver sql_mariadb = {.name = "MySQL and MariaDB", .connect = maria_connect,
    .explain = maria_explain, .ask = maria_ask, .row = maria_row, .close = maria_close};
