/*
 * time.c - times as databases write them, and as they want them to be written. See sql.h.
 *
 * A column without an offset is a clock on a wall: which wall, the user says (`zone`). Where that
 * clock is put back, an hour of it comes twice, and nothing in the column tells which; both
 * readings are given, and who has seen the row's id decides (rows.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plugins/sql/sql.h"

struct cursor { const char *s, *end; };

static bool
take(struct cursor *c, char wanted)
{
	if (c->s == c->end || *c->s != wanted)
		return false;
	c->s++;
	return true;
}

/* Exactly n digits; -1: there are none. */
static int
number(struct cursor *c, int n)
{
	int v = 0;

	if (c->end - c->s < n)
		return -1;
	for (; n > 0; n--, c->s++) {
		if (!isdigit((unsigned char)*c->s))
			return -1;
		v = v * 10 + *c->s - '0';
	}
	return v;
}

static bool
date(struct cursor *c, int64_t *days)
{
	static const int length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = number(c, 4), month, day;

	if (year < 1 || !take(c, '-') || (month = number(c, 2)) < 1 || month > 12 || !take(c, '-')
	    || (day = number(c, 2)) < 1 || day > length[month - 1])
		return false;
	*days = tz_days(year, month, day);
	return day < 29 || month != 2 || tz_days(year, 3, 1) - *days == 1;
}

static bool
clock_of_day(struct cursor *c, int64_t *ms)
{
	int hour = number(c, 2), minute, second = 0;

	if (hour < 0 || hour > 24 || !take(c, ':') || (minute = number(c, 2)) < 0 || minute > 59)
		return false;
	if (take(c, ':') && ((second = number(c, 2)) < 0 || second > 60))
		return false;
	*ms = ((int64_t)hour * 60 + minute) * 60000 + second * 1000;
	if (take(c, '.') || take(c, ',')) {
		int weight = 100;

		if (c->s == c->end || !isdigit((unsigned char)*c->s))
			return false;
		for (; c->s < c->end && isdigit((unsigned char)*c->s); c->s++, weight /= 10)
			*ms += weight * (*c->s - '0');
	}
	return *ms <= 86400000;
}

/* Z, +01, +01:30, +0130, +00:19:32; *seconds ahead of UTC. */
static bool
offset(struct cursor *c, int32_t *seconds)
{
	int sign, hour, minute = 0, second = 0;

	*seconds = 0;
	if (take(c, 'Z') || take(c, 'z'))
		return true;
	sign = take(c, '+') ? 1 : take(c, '-') ? -1 : 0;
	if (sign == 0 || (hour = number(c, 2)) < 0 || hour > 18)
		return false;
	if (c->s < c->end && (take(c, ':') || isdigit((unsigned char)*c->s))
	    && ((minute = number(c, 2)) < 0 || minute > 59))
		return false;
	if (take(c, ':') && ((second = number(c, 2)) < 0 || second > 59))
		return false;
	*seconds = sign * (hour * 3600 + minute * 60 + second);
	return true;
}

int64_t
sql_time_repeated(const struct tz *zone, int64_t from_ms, int64_t to_ms, int64_t *change_ms)
{
	int64_t s = from_ms / 1000;

	for (int i = 0; i < 16 && (s = tz_next_change(zone, s)) <= to_ms / 1000; i++) {
		int32_t back = tz_offset(zone, s - 1, NULL) - tz_offset(zone, s, NULL);

		if (back > 0) {
			*change_ms = s * 1000;
			return (int64_t)back * 1000;
		}
	}
	return 0;
}

static void
on_the_wall(struct sql_time *out, int64_t local_ms, const struct tz *zone)
{
	int64_t second = local_ms / 1000, first = tz_utc(zone, second), change_ms, back_ms;

	out->is_wall = true;
	out->ms = first * 1000 + local_ms % 1000;
	back_ms = sql_time_repeated(zone, out->ms, out->ms + 86400000, &change_ms);
	out->again_ms = back_ms > 0 && out->ms < change_ms && out->ms + back_ms >= change_ms
	    ? out->ms + back_ms : 0;
}

int
sql_time_parse(struct sql_time *out, const char *text, size_t len, const struct tz *zone)
{
	struct cursor c = {text, text + len};
	int64_t days, ms = 0;
	int32_t ahead;

	while (c.end > c.s && c.end[-1] == ' ')
		c.end--;
	if (!date(&c, &days) || days < 0)
		return -EINVAL;
	if (c.s < c.end && !take(&c, ' ') && !take(&c, 'T') && !take(&c, 't'))
		return -EINVAL;
	if (c.s < c.end && !clock_of_day(&c, &ms))
		return -EINVAL;
	ms += days * 86400000;
	*out = (struct sql_time){.ms = ms};
	if (c.s == c.end && zone == NULL)
		return 0;
	if (c.s == c.end) {
		on_the_wall(out, ms, zone);
		return 0;
	}
	(void)take(&c, ' ');
	if (!offset(&c, &ahead) || c.s != c.end)
		return -EINVAL;
	out->ms = ms - (int64_t)ahead * 1000;
	return 0;
}

int
sql_time_number(struct sql_time *out, double v)
{
	/* Seconds until the year 5138, milliseconds from 1973 on, and so on. */
	double scale = v < 1e11 ? 1e3 : v < 1e14 ? 1 : v < 1e17 ? 1e-3 : 1e-6;

	if (!isfinite(v) || v <= 0 || v > 1e20)
		return -EINVAL;
	*out = (struct sql_time){.ms = (int64_t)floor(v * scale)};
	return 0;
}

struct sql_watermark
sql_watermark_at(const struct tz *zone, int64_t ms, int64_t now_ms)
{
	struct sql_watermark w = {.ms = ms, .offset_s = tz_offset(zone, ms / 1000, NULL)};
	int64_t s = ms / 1000;

	w.local_ms = ms + (int64_t)w.offset_s * 1000;
	for (int i = 0; i < 64 && (s = tz_next_change(zone, s)) <= now_ms / 1000; i++) {
		int64_t local_ms = (s + tz_offset(zone, s, NULL)) * 1000 - 1;

		if (local_ms < w.local_ms)
			w.local_ms = local_ms;
		if (s > ms / 1000 + 2 * 86400) /* no clock goes back by days */
			break;
	}
	return w;
}

void
sql_time_format(char dst[SQL_TIME_TEXT], int64_t ms, const int32_t *offset_s)
{
	int64_t days = ms / 86400000, of_day = ms % 86400000, year;
	int month, day, n;

	if (of_day < 0) {
		of_day += 86400000;
		days--;
	}
	tz_date(days, &year, &month, &day);
	n = snprintf(dst, SQL_TIME_TEXT, "%04d-%02d-%02d %02d:%02d:%02d.%03d",
	    (int)(year % 10000), month, day, (int)(of_day / 3600000), (int)(of_day / 60000 % 60),
	    (int)(of_day / 1000 % 60), (int)(of_day % 1000));
	if (offset_s != NULL) {
		int32_t a = *offset_s < 0 ? -*offset_s : *offset_s;

		snprintf(dst + n, SQL_TIME_TEXT - (size_t)n, "%c%02d:%02d:%02d",
		    *offset_s < 0 ? '-' : '+', (int)(a / 3600 % 100), (int)(a / 60 % 60),
		    (int)(a % 60));
	}
}
