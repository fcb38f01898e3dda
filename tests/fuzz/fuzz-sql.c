/*
 * fuzz-sql.c - the first byte says what: an address, a query, a time, a stored position, the two
 * hashes of a row (in halves; the second byte is their type). Whatever it is: a verdict, and
 * nothing of a password in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/sql/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_dsn(const char *text)
{
	struct sql_dsn d;
	char err[256] = "", message[1024];

	if (sql_dsn_parse(&d, text, err, sizeof(err)) != 0 && *err == '\0')
		abort();
	snprintf(message, sizeof(message), "%.400s failed: %.400s", text,
	    d.password != NULL ? d.password : "");
	sql_dsn_redact(&d, message);
	/* Stars are what stands in its place. */
	if (d.password != NULL && *d.password != '\0' && strchr(d.password, '*') == NULL
	    && strlen(d.password) < 400 && strstr(message, d.password) != NULL)
		abort();
	sql_dsn_clear(&d);
}

static void
try_query(const char *text)
{
	static const enum sql_kind kinds[] = {SQL_POSTGRESQL, SQL_MYSQL, SQL_SQLITE};
	struct sql_query q;
	char err[256] = "";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int rc = sql_query_make(&q, kinds[i], text, SQL_BY_TIME, "time", err, sizeof(err));

		if (rc != 0 && *err == '\0')
			abort();
		if (rc == 0
		    && (q.n_bound == 0 || q.n_bound > SQL_PARAMS_MAX
			|| q.bound[q.n_bound - 1] != SQL_LIMIT || q.text == NULL))
			abort();
		if (rc == 0)
			sql_query_clear(&q);
	}
	(void)sql_query_names(text, "value");
}

static void
try_time(const char *text, size_t len)
{
	struct sql_time t;
	struct sql_cell c = sql_cell_of(SQL_REAL, text, len);
	char shown[SQL_TIME_TEXT];

	if (sql_time_parse(&t, text, len, NULL) == 0) {
		sql_time_format(shown, t.ms, NULL);
		if (t.ms >= 0) {
			struct sql_time again;

			if (sql_time_parse(&again, shown, strlen(shown), NULL) == 0
			    && again.ms != t.ms)
				abort();
		}
	}
	if (c.type == SQL_REAL)
		(void)sql_time_number(&t, c.real);
}

static void
try_position(const uint8_t *data, size_t size)
{
	static struct sql_seen s;
	static unsigned char saved[SQL_SEEN_BYTES];

	sql_seen_init(&s, 0);
	if (!sql_seen_load(&s, data, size))
		return;
	if (sql_seen_save(&s, saved) != size)
		abort();
	for (uint32_t i = 0; i < s.n; i++)
		if (!sql_seen_has(&s, s.ids[i].hash))
			abort();
}

static void
try_hashes(const char *text, size_t len)
{
	struct sql_query all = {.n_bound = 0}, single = {.n_bound = 1};
	static struct sql_db db;
	struct sql_ranges *g = sql_ranges_new(SQL_SQLITE, "SELECT sku FROM stock", "sku");
	enum sql_type type = SQL_TEXT;

	if (g == NULL)
		abort();
	if (len > 0)
		type = (enum sql_type[]){SQL_TEXT, SQL_REAL, SQL_INT, SQL_TIME}[*text++ & 3], len--;
	db.n_columns = 2;
	db.cells[0] = sql_cell_of(type, text, len / 2);
	db.cells[1] = sql_cell_of(type, text + len / 2, len - len / 2);
	db.query = &all;
	sql_ranges_note(g, &db);
	db.query = &single;
	sql_ranges_note(g, &db);
	sql_ranges_free(g);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0 || (text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1); /* of its own size: what reads past it is seen */
	text[size - 1] = '\0';
	switch (data[0]) {
	case 'd':
		try_dsn(text);
		break;
	case 'q':
		try_query(text);
		break;
	case 't':
		try_time(text, size - 1);
		break;
	case 'p':
		try_position((const uint8_t *)text, size - 1);
		break;
	case 'h':
		try_hashes(text, size - 1);
		break;
	default:
		break;
	}
	free(text);
	return 0;
}
