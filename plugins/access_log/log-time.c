/*
 * log-time.c - the times that servers write; see log.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "lib/tz.h"
#include "plugins/access_log/log.h"

/* n digits; -1: something else. */
static int
digits(const char *s, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + s[i] - '0';
	}
	return v;
}

static int
month_of(const char *s)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (memcmp(names + 3 * i, s, 3) == 0)
			return i + 1;
	return -1;
}

static int
put(int64_t *ms, int year, int month, int day, int hour, int minute, int second, int offset_s)
{
	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0
	    || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return -EINVAL;
	*ms = (tz_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s)
	    * 1000;
	return 0;
}

/* "+0200", "+02:00", "Z"; seconds ahead of UTC. */
static int
offset(const char *s, size_t len, int *seconds)
{
	int h, m;

	if (len == 1 && (*s == 'Z' || *s == 'z')) {
		*seconds = 0;
		return 0;
	}
	if ((len != 5 && len != 6) || (*s != '+' && *s != '-') || (len == 6 && s[3] != ':'))
		return -EINVAL;
	h = digits(s + 1, 2);
	m = digits(s + len - 2, 2);
	if (h < 0 || h > 15 || m < 0 || m > 59)
		return -EINVAL;
	*seconds = (h * 3600 + m * 60) * (*s == '-' ? -1 : 1);
	return 0;
}

int
log_time_common(const char *s, size_t len, int64_t *ms)
{
	int ahead;

	if (len != 26 || s[2] != '/' || s[6] != '/' || s[11] != ':' || s[14] != ':' || s[17] != ':'
	    || s[20] != ' ' || offset(s + 21, 5, &ahead) != 0)
		return -EINVAL;
	return put(ms, digits(s + 7, 4), month_of(s + 3), digits(s, 2), digits(s + 12, 2),
	    digits(s + 15, 2), digits(s + 18, 2), ahead);
}

int
log_time_iso(const char *s, size_t len, int64_t *ms)
{
	int ahead = 0, fraction = 0, scale = 100;
	size_t at = 19;

	if (len < 19 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != ' ')
	    || s[13] != ':' || s[16] != ':')
		return -EINVAL;
	if (at < len && (s[at] == '.' || s[at] == ','))
		for (at++; at < len && s[at] >= '0' && s[at] <= '9'; at++, scale /= 10)
			fraction += (s[at] - '0') * scale;
	if (at < len && offset(s + at, len - at, &ahead) != 0)
		return -EINVAL;
	if (put(ms, digits(s, 4), digits(s + 5, 2), digits(s + 8, 2), digits(s + 11, 2),
		digits(s + 14, 2), digits(s + 17, 2), ahead)
	    != 0)
		return -EINVAL;
	*ms += fraction;
	return 0;
}

int
log_time_epoch(const char *s, size_t len, int64_t *ms)
{
	int64_t whole = 0, fraction = 0;
	int scale = 100;
	size_t at = 0;

	for (; at < len && at < 16 && s[at] >= '0' && s[at] <= '9'; at++)
		whole = whole * 10 + s[at] - '0';
	if (at == 0)
		return -EINVAL;
	if (at < len && s[at] == '.')
		for (at++; at < len && s[at] >= '0' && s[at] <= '9'; at++, scale /= 10)
			fraction += (s[at] - '0') * scale;
	if (at != len)
		return -EINVAL;
	if (whole > INT64_C(100000000000000)) /* microseconds, since 1973 */
		*ms = whole / 1000;
	else if (whole > INT64_C(100000000000)) /* milliseconds, since 1973 */
		*ms = whole;
	else
		*ms = whole * 1000 + fraction;
	return 0;
}
