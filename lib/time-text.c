/*
 * time-text.c - see time-text.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/time-text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tz.h"

#define NUMBER_MAX 40

struct cursor {
	const char *s, *end;
};

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

int
time_text_parse(struct time_text *out, const char *text, size_t len)
{
	struct cursor c = {text, text + len};
	int64_t days, ms = 0;
	int32_t ahead;

	while (c.end > c.s && c.end[-1] == ' ')
		c.end--;
	if (!date(&c, &days) || days < 0)
		return -EINVAL;
	if (c.s < c.end
	    && ((!take(&c, ' ') && !take(&c, 'T') && !take(&c, 't')) || !clock_of_day(&c, &ms)))
		return -EINVAL;
	*out = (struct time_text){.ms = days * 86400000 + ms};
	if (c.s == c.end)
		return 0;
	(void)take(&c, ' ');
	if (!offset(&c, &ahead) || c.s != c.end)
		return -EINVAL;
	out->ms -= (int64_t)ahead * 1000;
	out->has_offset = true;
	return 0;
}

int
time_number_parse(int64_t *ms, double v)
{
	double scale = v < 1e11 ? 1e3 : v < 1e14 ? 1 : v < 1e17 ? 1e-3 : 1e-6;

	if (!isfinite(v) || v <= 0 || v > 1e20)
		return -EINVAL;
	*ms = (int64_t)floor(v * scale);
	return 0;
}

/* Digits with a point between them. */
static bool
is_number(const char *text, size_t len)
{
	bool has_point = false;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' && !has_point && i > 0)
			has_point = true;
		else if (!isdigit((unsigned char)text[i]))
			return false;
	}
	return len > 0 && len < NUMBER_MAX;
}

int
time_text_or_number_parse(struct time_text *out, const char *text, size_t len)
{
	char number[NUMBER_MAX];

	if (!is_number(text, len))
		return time_text_parse(out, text, len);
	memcpy(number, text, len);
	number[len] = '\0';
	*out = (struct time_text){.has_offset = true};
	return time_number_parse(&out->ms, strtod(number, NULL));
}
