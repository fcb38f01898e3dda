/*
 * time-text.h - times as shops, databases and feeds write them.
 *
 *     2026-11-24                    a date alone is its first moment
 *     2026-11-24 02:22[:44[.123]]   a blank, a T or a t between; a comma as well
 *     ...Z  ...+01  ...+0130  ...+01:30  ...+00:19:32
 *     1795486964   1795486964.25    unix time: seconds, milli-, micro- or nanoseconds
 *
 * What a text without an offset means, its reader says: UTC (csv, http_json), a zone's wall (sql),
 * or nothing (webhook). What access logs write is read elsewhere, by its format.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_TIME_TEXT_H
#define LIB_TIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct time_text {
	int64_t ms;      /* since 1970; without an offset as if it were UTC */
	bool has_offset; /* of unix time, too */
};

/* A date, with or without the time of day, of 1970 or later. Blanks behind it do not count. 0 or
 * -EINVAL. */
int time_text_parse(struct time_text *out, const char *text, size_t len);
/* Unix time: seconds until the year 5138, milliseconds from 1973 on, and so on: which one its size
 * says. 0 or -EINVAL. */
int time_number_parse(int64_t *ms, double v);
/* Either of both, a number being digits with one point at most. */
int time_text_or_number_parse(struct time_text *out, const char *text, size_t len);

#endif
