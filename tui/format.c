/*
 * format.c - see format.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/format.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"

char *
format_latency(double s, char dst[FORMAT_TEXT])
{
	double ms = s * 1e3;

	if (!isfinite(s))
		snprintf(dst, FORMAT_TEXT, "-");
	else if (s >= 99.95)
		snprintf(dst, FORMAT_TEXT, "%.0f s", s < 99999 ? s : 99999);
	else if (s >= 0.9995)
		snprintf(dst, FORMAT_TEXT, s < 9.995 ? "%.2f s" : "%.1f s", s);
	else if (ms < 9.95)
		snprintf(dst, FORMAT_TEXT, "%.1f ms", ms > 0 ? ms : 0);
	else
		snprintf(dst, FORMAT_TEXT, "%.0f ms", ms);
	return dst;
}

char *
format_age(double s, char dst[FORMAT_TEXT])
{
	if (!isfinite(s))
		snprintf(dst, FORMAT_TEXT, "-");
	else if (s < 60)
		snprintf(dst, FORMAT_TEXT, "%.0fs", s > 0 ? floor(s) : 0);
	else if (s < 3600)
		snprintf(dst, FORMAT_TEXT, "%.0fm", floor(s / 60));
	else if (s < 86400)
		snprintf(
		    dst, FORMAT_TEXT, "%.0fh%02.0fm", floor(s / 3600), floor(fmod(s, 3600) / 60));
	else
		snprintf(dst, FORMAT_TEXT, "%.0fd", s < 9e9 ? floor(s / 86400) : 99999);
	return dst;
}

char *
format_lag(double s, char dst[FORMAT_TEXT])
{
	if (!isfinite(s) || s < 60)
		return format_latency(s, dst);
	if (s >= 3600)
		return format_age(s, dst);
	snprintf(dst, FORMAT_TEXT, "%.0fm%02.0fs", floor(s / 60), floor(fmod(s, 60)));
	return dst;
}

char *
format_amount(double v, char dst[FORMAT_TEXT])
{
	char digits[FORMAT_TEXT];
	size_t n, w = 0;

	if (!isfinite(v) || fabs(v) >= 1e15) {
		snprintf(dst, FORMAT_TEXT, "-");
		return dst;
	}
	if (fabs(v) < 100) {
		snprintf(dst, FORMAT_TEXT, v == floor(v) ? "%.0f" : "%.2f", v);
		return dst;
	}
	snprintf(digits, sizeof(digits), "%.0f", fabs(v));
	n = strlen(digits);
	if (v < 0)
		dst[w++] = '-';
	for (size_t i = 0; i < n; i++) {
		dst[w++] = digits[i];
		if (i + 1 < n && (n - i - 1) % 3 == 0)
			dst[w++] = ' ';
	}
	dst[w] = '\0';
	return dst;
}

char *
format_bytes(double b, char dst[FORMAT_TEXT])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	int i = 0;

	if (!isfinite(b)) {
		snprintf(dst, FORMAT_TEXT, "-");
		return dst;
	}
	for (; b >= 999.5 && i < 4; i++)
		b /= 1000;
	snprintf(dst, FORMAT_TEXT, b < 9.95 && i > 0 ? "%.1f %s" : "%.0f %s", b, units[i]);
	return dst;
}

static int64_t
unit_ms(char unit)
{
	switch (unit) {
	case 's': return 1000;
	case 'm': return 60000;
	case 'h': return 3600000;
	case 'd': return 86400000;
	case 'w': return 7 * 86400000LL;
	default: return 0;
	}
}

int
format_span_parse(const char *text, int64_t *ms)
{
	int64_t sum = 0;

	if (*text == '\0')
		return -EINVAL;
	while (*text != '\0') {
		char *end;
		long n;

		if (*text < '0' || *text > '9')
			return -EINVAL;
		errno = 0;
		n = strtol(text, &end, 10);
		if (errno != 0 || n > 100000 || *end == '\0' || unit_ms(*end) == 0)
			return -EINVAL;
		sum += n * unit_ms(*end);
		text = end + 1;
	}
	if (sum < 60000 || sum > 400 * 86400000LL)
		return -EINVAL;
	*ms = sum;
	return 0;
}

char *
format_span(int64_t ms, char dst[FORMAT_TEXT])
{
	static const char units[] = "dhm";
	size_t n = 0;

	dst[0] = '\0';
	for (const char *u = units; *u != '\0' && n + 16 < FORMAT_TEXT; u++) {
		int64_t k = ms / unit_ms(*u);

		if (k > 0)
			n += (size_t)snprintf(dst + n, FORMAT_TEXT - n, "%lld%c", (long long)k, *u);
		ms -= k * unit_ms(*u);
	}
	if (ms >= 1000 || n == 0)
		snprintf(dst + n, FORMAT_TEXT - n, "%llds", (long long)(ms / 1000));
	return dst;
}

static void
broken_down(int64_t ms, bool utc, struct tm *tm)
{
	time_t t = (time_t)(ms / 1000 - (ms % 1000 < 0));

	memset(tm, 0, sizeof(*tm));
	if (utc)
		gmtime_r(&t, tm);
	else
		localtime_r(&t, tm);
}

char *
format_clock(int64_t ms, bool utc, bool with_seconds, char dst[FORMAT_TEXT])
{
	struct tm tm;

	broken_down(ms, utc, &tm);
	strftime(dst, FORMAT_TEXT, with_seconds ? "%H:%M:%S" : "%H:%M", &tm);
	return dst;
}

char *
format_day(int64_t ms, bool utc, char dst[FORMAT_TEXT])
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm tm;

	broken_down(ms, utc, &tm);
	snprintf(
	    dst, FORMAT_TEXT, "%s %d %s", days[tm.tm_wday % 7], tm.tm_mday, months[tm.tm_mon % 12]);
	return dst;
}

static int64_t
from_broken_down(struct tm *tm, bool utc)
{
	tm->tm_isdst = -1;
	return (int64_t)(utc ? timegm(tm) : mktime(tm)) * 1000;
}

int
format_clock_parse(const char *text, int64_t now_ms, bool utc, int64_t *ms)
{
	static const char *const forms[] = {
	    "%H:%M:%S", "%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"};
	wall_t t;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm;
		const char *end;

		broken_down(now_ms, utc, &tm);
		tm.tm_sec = 0;
		if (i == 4)
			tm.tm_hour = tm.tm_min = 0;
		if ((end = strptime(text, forms[i], &tm)) == NULL || *end != '\0')
			continue;
		*ms = from_broken_down(&tm, utc);
		if (i < 2 && *ms > now_ms) {
			tm.tm_mday--;
			*ms = from_broken_down(&tm, utc);
		}
		return 0;
	}
	if (wall_parse(text, &t) != 0)
		return -EINVAL;
	*ms = t.ms;
	return 0;
}
