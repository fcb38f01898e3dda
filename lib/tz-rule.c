/*
 * tz-rule.c - POSIX TZ strings (IEEE Std 1003.1, 8.3), as they end a TZif file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "lib/tz-internal.h"

#define DAY_S 86400
#define HOURS_MAX 167
#define YEARS 28 /* after so many the weekdays of a year come again, but for a century without */

/* ---- dates ---- */

/* Days from civil: Howard Hinnant, chrono-Compatible Low-Level Date Algorithms. Years begin in
 * March there, so that the leap day is the last one. */
int64_t
tz_days(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void
tz_date(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t in_era = z - era * 146097;
	int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * y + y / 4 - y / 100), m = (5 * in_year + 2) / 153;

	*day = (int)(in_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

static bool
is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t
year_of(int64_t s)
{
	int64_t year;
	int month, day;

	tz_date(floor_div(s, DAY_S), &year, &month, &day);
	return year;
}

/* ---- reading ---- */

struct cursor {
	const char *at, *end;
	bool bad;
};

static char
look(const struct cursor *c)
{
	return c->at < c->end ? *c->at : '\0';
}

static bool
take(struct cursor *c, char what)
{
	if (look(c) != what)
		return false;
	c->at++;
	return true;
}

static int
number(struct cursor *c, int least, int most)
{
	int n = 0, digits = 0;

	for (; look(c) >= '0' && look(c) <= '9' && digits < 4; digits++)
		n = n * 10 + (*c->at++ - '0');
	if (digits == 0 || n < least || n > most)
		c->bad = true;
	return n;
}

/* [+-]hh[:mm[:ss]] */
static int32_t
clock_time(struct cursor *c, int hours_max)
{
	bool is_negative = look(c) == '-';
	int32_t s;

	if (is_negative || look(c) == '+')
		c->at++;
	s = number(c, 0, hours_max) * 3600;
	if (take(c, ':')) {
		s += number(c, 0, 59) * 60;
		if (take(c, ':'))
			s += number(c, 0, 59);
	}
	return is_negative ? -s : s;
}

static bool
is_letter(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

/* An abbreviation: three letters or more, or <anything of letters, digits and signs>. We do not
 * need it. */
static void
skip_name(struct cursor *c)
{
	const char *from = c->at;
	bool is_quoted = take(c, '<');

	while (is_letter(look(c))
	       || (is_quoted && (look(c) == '+' || look(c) == '-'
				    || (look(c) >= '0' && look(c) <= '9'))))
		c->at++;
	if (c->at - from < 3 || (is_quoted && !take(c, '>')))
		c->bad = true;
}

static struct tz_day
change_day(struct cursor *c)
{
	struct tz_day d = {.form = TZ_YEARDAY, .at_s = 2 * 3600};

	if (take(c, 'M')) {
		d.form = TZ_WEEKDAY;
		d.month = number(c, 1, 12);
		c->bad |= !take(c, '.');
		d.week = number(c, 1, 5);
		c->bad |= !take(c, '.');
		d.weekday = number(c, 0, 6);
	} else if (take(c, 'J')) {
		d.form = TZ_JULIAN;
		d.n = number(c, 1, 365);
	} else {
		d.n = number(c, 0, 365);
	}
	if (take(c, '/'))
		d.at_s = clock_time(c, HOURS_MAX);
	return d;
}

int
tz_rule_parse(struct tz_rule *r, const char *text, size_t n)
{
	struct cursor c = {text, text + n, false};

	*r = (struct tz_rule){0};
	skip_name(&c);
	r->std_s = -clock_time(&c, 24);
	if (!c.bad && c.at < c.end) {
		r->has_dst = true;
		skip_name(&c);
		r->dst_s = look(&c) == ',' ? r->std_s + 3600 : -clock_time(&c, 24);
		c.bad |= !take(&c, ',');
		r->start = change_day(&c);
		c.bad |= !take(&c, ',');
		r->end = change_day(&c);
	}
	return c.bad || c.at < c.end ? -EBADMSG : 0;
}

/* ---- asking ---- */

/* When the change of that year is: local seconds, by the offset before it. */
static int64_t
change_of(const struct tz_day *d, int64_t year)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t days;

	if (d->form == TZ_WEEKDAY) {
		int length = lengths[d->month - 1] + (d->month == 2 && is_leap(year));
		int64_t first = tz_days(year, d->month, 1);
		int day = (int)((d->weekday - (first + 4) % 7 + 14) % 7) + (d->week - 1) * 7;

		days = first + (day < length ? day : day - 7);
	} else {
		days = tz_days(year, 1, 1) + d->n;
		/* Jn counts from 1 and never counts a leap day. */
		if (d->form == TZ_JULIAN)
			days -= !(is_leap(year) && d->n >= 60);
	}
	return days * DAY_S + d->at_s;
}

static int64_t
start_of(const struct tz_rule *r, int64_t year)
{
	return change_of(&r->start, year) - r->std_s;
}

/* The end of what starts in that year: in the next one on the southern half. */
static int64_t
end_of(const struct tz_rule *r, int64_t year)
{
	int64_t end = change_of(&r->end, year) - r->dst_s;

	return end > start_of(r, year) ? end : change_of(&r->end, year + 1) - r->dst_s;
}

/* DST of two years may touch ("all year"), or even overlap. */
static bool
is_dst_at(const struct tz_rule *r, int64_t utc_s)
{
	int64_t year = year_of(utc_s);

	for (int64_t y = year - 2; r->has_dst && y <= year + 1; y++)
		if (start_of(r, y) <= utc_s && utc_s < end_of(r, y))
			return true;
	return false;
}

int32_t
tz_rule_offset(const struct tz_rule *r, int64_t utc_s, bool *is_dst)
{
	bool dst = is_dst_at(r, utc_s);

	if (is_dst != NULL)
		*is_dst = dst;
	return dst ? r->dst_s : r->std_s;
}

int64_t
tz_rule_next_change(const struct tz_rule *r, int64_t utc_s)
{
	int64_t year = year_of(utc_s), next = INT64_MAX;

	if (!r->has_dst || r->dst_s == r->std_s)
		return INT64_MAX;
	for (int64_t y = year - 2; y <= year + YEARS && (y <= year + 1 || next == INT64_MAX); y++) {
		const int64_t at[] = {start_of(r, y), end_of(r, y)};

		for (int i = 0; i < 2; i++)
			if (at[i] > utc_s && at[i] < next
			    && is_dst_at(r, at[i]) != is_dst_at(r, at[i] - 1))
				next = at[i];
	}
	return next;
}
