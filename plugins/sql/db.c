/*
 * db.c - what the databases' files share: errors, deadlines, values that come as text. See sql.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/sql/sql.h"

int
sql_fail(struct sql_db *db, enum sql_error error, const char *fmt, ...)
{
	char text[4096];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	sql_dsn_redact(db->dsn, text); /* before it is cut: half a password is one as well */
	snprintf(db->err, sizeof(db->err), "%.*s", (int)sizeof(db->err) - 1, text);
	return error;
}

int64_t
sql_left_ms(const struct sql_db *db)
{
	int64_t us = mono_sub_us(db->deadline, mono_now());

	return us > 0 ? us / 1000 : 0;
}

void
sql_column(struct sql_db *db, size_t i, const char *name)
{
	if (i < SQL_COLUMNS_MAX)
		snprintf(db->names[i], sizeof(db->names[i]), "%s", name != NULL ? name : "");
}

struct sql_cell
sql_cell_of(enum sql_type type, const char *text, size_t len)
{
	struct sql_cell c = {.type = type, .text = text, .len = len};
	char number[128], *end = number;

	if (len > SQL_CELL_MAX)
		return (struct sql_cell){.type = SQL_TOO_LONG};
	if (type != SQL_INT && type != SQL_REAL)
		return c;
	if (len < sizeof(number)) {
		memcpy(number, text, len);
		number[len] = '\0';
		errno = 0;
		if (type == SQL_INT)
			c.integer = strtoll(number, &end, 10);
		if (type == SQL_REAL || errno == ERANGE) {
			c.type = SQL_REAL;
			c.real = strtod(number, &end);
		}
	}
	if (end == number || *end != '\0')
		c.type = SQL_TEXT;
	return c;
}

int
sql_cell_time(struct sql_time *t, const struct sql_cell *c, const struct tz *zone)
{
	int rc = sql_time_parse(t, c->text, c->len, c->has_offset ? NULL : zone);

	if (rc == 0 && c->has_offset)
		t->ms -= (int64_t)c->offset_s * 1000;
	return rc;
}
