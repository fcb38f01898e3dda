/*
 * sql-help.c - see sql-help.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/sql-help.h"

int breaks_after = -1;

int
breaking_row(struct sql_db *db)
{
	if (breaks_after == 0)
		return sql_fail(db, SQL_E_TIMEOUT, "broken off by the test");
	breaks_after -= breaks_after > 0;
	return sql_sqlite.row(db);
}

void
sql(struct sql_shop *s, const char *fmt, ...)
{
	char text[1024], *err = NULL;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (sqlite3_exec(s->db, text, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", text, err);
}

void
sql_shop_open(struct sql_shop *s)
{
	char err[256];

	breaks_after = -1;
	snprintf(s->dir, sizeof(s->dir), "/tmp/tillwatch-sql.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/shop.db", s->dir);
	assert_int_equal(sqlite3_open(s->path, &s->db), SQLITE_OK);
	sql(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
	assert_int_equal(sql_dsn_parse(&s->dsn, s->path, err, sizeof(err)), 0);
}

void
sql_shop_close(struct sql_shop *s)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[128];

	sqlite3_close(s->db);
	sql_dsn_clear(&s->dsn);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", s->path, ends[i]);
		unlink(path);
	}
	rmdir(s->dir);
}
