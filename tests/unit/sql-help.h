/*
 * sql-help.h - a database of SQLite that the test writes while the source reads it, and a driver
 * whose result breaks off.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_SQL_HELP_H
#define TESTS_UNIT_SQL_HELP_H

#include <sqlite3.h>

#include "plugins/sql/sql.h"

struct sql_shop {
	char dir[64], path[96];
	sqlite3 *db;                    /* who writes */
	struct sql_dsn dsn;             /* for who reads */
};

/* Makes it, in a folder of its own, and takes it away; the test fails when that does not go. */
void sql_shop_open(struct sql_shop *s);
void sql_shop_close(struct sql_shop *s);
/* Does statements; the test fails when one does. */
__attribute__((format(printf, 2, 3))) void sql(struct sql_shop *s, const char *fmt, ...);

/* After so many rows the result of a driver with this `row` breaks off; -1 = never. */
extern int breaks_after;
int breaking_row(struct sql_db *db);

#endif
