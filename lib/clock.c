/*
 * clock.c - see clock.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/clock.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

mono_t
mono_now(void)
{
	return (mono_t){read_us(CLOCK_MONOTONIC)};
}

wall_t
wall_now(void)
{
	return (wall_t){read_us(CLOCK_REALTIME) / 1000};
}

int64_t
clock_offset_us(void)
{
	/* The pair read closest together of three: a preemption between the two reads looks like a
	 * step. */
	int64_t best = 0, best_gap = INT64_MAX;

	for (int i = 0; i < 3; i++) {
		int64_t before = read_us(CLOCK_MONOTONIC), wall = read_us(CLOCK_REALTIME);
		int64_t after = read_us(CLOCK_MONOTONIC);

		if (after - before < best_gap) {
			best_gap = after - before;
			best = wall - (before + (after - before) / 2);
		}
	}
	return best;
}

char *
wall_format(wall_t t, char dst[WALL_TEXT])
{
	int64_t ms = t.ms % 1000;
	time_t s = (time_t)(t.ms / 1000);
	struct tm tm;
	size_t n;

	if (ms < 0) {
		ms += 1000;
		s--;
	}
	if (gmtime_r(&s, &tm) == NULL
	    || (n = strftime(dst, WALL_TEXT, "%Y-%m-%dT%H:%M:%S", &tm)) == 0) {
		snprintf(dst, WALL_TEXT, "(time out of range)");
		return dst;
	}
	if (ms != 0)
		snprintf(dst + n, WALL_TEXT - n, ".%03dZ", (int)ms);
	else
		snprintf(dst + n, WALL_TEXT - n, "Z");
	return dst;
}

static int
parse_unix(const char *text, wall_t *out)
{
	char *end;
	double v;

	if (!isdigit((unsigned char)*text) && *text != '-' && *text != '.')
		return -EINVAL;
	errno = 0;
	v = strtod(text, &end);
	if (*end != '\0' || errno != 0 || !isfinite(v) || fabs(v) > 9e12)
		return -EINVAL;
	out->ms = (int64_t)llround(v * 1000);
	return 0;
}

/* ".123456" to milliseconds; moves *p past it. */
static int
parse_fraction(const char **p)
{
	int ms = 0, unit = 100;

	if (**p != '.')
		return 0;
	for ((*p)++; isdigit((unsigned char)**p); (*p)++, unit /= 10)
		ms += (**p - '0') * unit;
	return ms;
}

int
wall_parse(const char *text, wall_t *out)
{
	int y, mo, d, h, mi, s, used = 0, zh, zm, ms;
	struct tm tm = {0};
	int64_t offset_s = 0;
	const char *p;

	if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &s, &used) != 6
	    || used < 17)
		return parse_unix(text, out);
	if (y < 1970 || y > 9999 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23
	    || mi < 0 || mi > 59 || s < 0 || s > 60)
		return -EINVAL;
	p = text + used;
	ms = parse_fraction(&p);
	if (*p == 'Z' || *p == 'z') {
		p++;
	} else if ((*p == '+' || *p == '-') && sscanf(p + 1, "%2d:%2d%n", &zh, &zm, &used) == 2
		   && used == 5) {
		offset_s = (*p == '-' ? -1 : 1) * (zh * 3600 + zm * 60);
		p += 6;
	} else {
		return -EINVAL;
	}
	if (*p != '\0')
		return -EINVAL;
	tm.tm_year = y - 1900, tm.tm_mon = mo - 1, tm.tm_mday = d;
	tm.tm_hour = h, tm.tm_min = mi, tm.tm_sec = s;
	out->ms = ((int64_t)timegm(&tm) - offset_s) * 1000 + ms;
	return 0;
}

int64_t
slot_next(int64_t t_ms, int64_t interval_ms, int64_t offset_ms)
{
	int64_t into = (t_ms - offset_ms) % interval_ms;

	if (into < 0)
		into += interval_ms;
	return into == 0 ? t_ms : t_ms + interval_ms - into;
}

int64_t
slot_offset(const char *name, int64_t interval_ms)
{
	return (int64_t)(XXH3_64bits(name, strlen(name)) % (uint64_t)interval_ms);
}
