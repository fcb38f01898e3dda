/*
 * tz.h - local time of any zone, from the system's own TZif files; TZ of the process is never
 * touched.
 *
 * Shops live in local time: a week has its shape there, and a day of 23 or 25 hours. A zone is read
 * once and constant afterwards, so any thread may use it. Times are seconds since 1970; a local
 * time is the seconds that a clock on the wall shows, counted as if it were UTC. Both may be up to
 * 2^52 s away from 1970, which is 140 million years.
 *
 * Format: RFC 9636 (versions 1 to 4), its footer a POSIX TZ string with the extension of hours from
 * -167 to 167. Leap seconds in a file ("right/...") are refused: our clocks do not count them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_TZ_H
#define LIB_TZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TZ_FILE_MAX (256 * 1024)

struct tz;

/* The zone of that name ("Europe/Berlin", "UTC") below `dir`, NULL = /usr/share/zoneinfo. 0;
 * -EINVAL: not a zone's name; -ENOENT and its kind: no such file; -EBADMSG: not a zone's file;
 * -ENOMEM. */
int tz_open(struct tz **out, const char *name, const char *dir);
/* The zone in these bytes. 0, -EBADMSG, -ENOMEM. */
int tz_parse(struct tz **out, const void *bytes, size_t n);
void tz_free(struct tz *tz);

/* Seconds that local time is ahead of UTC then; always within a day and a bit (+-93,599). */
int32_t tz_offset(const struct tz *tz, int64_t utc_s, bool *is_dst); /* is_dst may be NULL */

/* The time at which the wall shows `local_s`. Shown twice (clocks went back): the first one. Never
 * shown (clocks went forward): as far behind the gap as local_s is into it, as mktime does. */
int64_t tz_utc(const struct tz *tz, int64_t local_s);

/* The next time after utc_s at which the offset changes; INT64_MAX: it does not any more. */
int64_t tz_next_change(const struct tz *tz, int64_t utc_s);

/* 1970 days to a date and back, proleptic Gregorian. */
int64_t tz_days(int64_t year, int month, int day); /* month 1 to 12 */
void tz_date(int64_t days, int64_t *year, int *month, int *day);

#endif
