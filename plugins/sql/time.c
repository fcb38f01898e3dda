/*
 * time.c - times as databases write them, and as they want them to be written. See sql.h.
 *
 * A column without an offset is a clock on a wall: which wall, the user says (`zone`). Where that
 * clock is put back, an hour of it comes twice, and nothing in the column tells which; both
 * readings are given, and who has seen the row's id decides (rows.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "lib/time-text.h"
#include "plugins/sql/sql.h"

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
	struct time_text t;

	if (time_text_parse(&t, text, len) != 0)
		return -EINVAL;
	*out = (struct sql_time){.ms = t.ms};
	if (!t.has_offset && zone != NULL)
		on_the_wall(out, t.ms, zone);
	return 0;
}

int
sql_time_number(struct sql_time *out, double v)
{
	*out = (struct sql_time){0};
	return time_number_parse(&out->ms, v);
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
