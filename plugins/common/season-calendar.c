/*
 * season-calendar.c - days that are not like their weekday. See season.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/common/season-internal.h"

#define DAYS_MAX 400

struct special {
	int64_t day;     /* of one year; or */
	int month, mday; /* of each, where month > 0 */
	enum season_like like;
	int64_t like_day; /* a day, or a weekday: 0 = sunday */
};

struct season_calendar {
	int n;
	struct special at[DAYS_MAX];
};

int
season_calendar_new(struct season_calendar **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

void
season_calendar_free(struct season_calendar *c)
{
	free(c);
}

/* Exactly n digits; -1: they are not. */
static int
digits(const char *s, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + s[i] - '0';
	}
	return v;
}

/* "MM-DD" in the year given. */
static bool
read_mday(const char *s, int64_t year, int *month, int *mday, int64_t *day)
{
	int64_t y;
	int m, d;

	*month = digits(s, 2);
	if (*month < 1 || *month > 12 || s[2] != '-')
		return false;
	*mday = digits(s + 3, 2);
	if (*mday < 1 || *mday > 31 || s[5] != '\0')
		return false;
	*day = tz_days(year, *month, *mday);
	tz_date(*day, &y, &m, &d);
	return m == *month;
}

static bool
read_date(const char *s, int64_t *day)
{
	int month, mday, year = digits(s, 4);

	return year > 0 && s[4] == '-' && read_mday(s + 5, year, &month, &mday, day);
}

static int
weekday(const char *s)
{
	static const char *const names[] = {
	    "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};

	for (int i = 0; i < 7; i++)
		if (strcmp(s, names[i]) == 0)
			return i;
	return -1;
}

int
season_calendar_add(struct season_calendar *c, const char *date, const char *like)
{
	struct special a = {.like = SEASON_EXCLUDED};
	int64_t day;

	if (!read_date(date, &a.day) && !read_mday(date, 2000, &a.month, &a.mday, &day))
		return -EINVAL;
	if (like != NULL && weekday(like) >= 0) {
		a.like = SEASON_AS_WEEKDAY;
		a.like_day = weekday(like);
	} else if (like != NULL) {
		a.like = SEASON_AS_DATE;
		if (!read_date(like, &a.like_day))
			return -EINVAL;
	}
	if (c->n == DAYS_MAX)
		return -E2BIG;
	c->at[c->n++] = a;
	return 0;
}

enum season_like
season_like(const struct season_calendar *c, int64_t day, int64_t *like_day)
{
	int64_t year, back;
	int month, mday;

	if (c->n > 0)
		tz_date(day, &year, &month, &mday);
	for (int i = 0; i < c->n; i++) {
		const struct special *a = &c->at[i];

		if (a->month > 0 ? a->month != month || a->mday != mday : a->day != day)
			continue;
		*like_day = a->like_day;
		if (a->like == SEASON_AS_WEEKDAY) {
			/* The last of them before; 1970-01-01 was a Thursday. */
			back = day + 4 - a->like_day;
			back -= season_floor(back, 7) * 7;
			*like_day = day - (back > 0 ? back : 7);
		}
		return a->like;
	}
	return SEASON_AS_EVER;
}
