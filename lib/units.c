/*
 * units.c - see units.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t size;
};

/* Largest first: a duration's parts come in this order. */
static const struct unit durations[] = {{"w", 604800000000}, {"d", 86400000000}, {"h", 3600000000},
	{"m", 60000000}, {"s", 1000000}, {"ms", 1000}, {"us", 1}};
static const struct unit sizes[] = {{"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20},
    {"KiB", 1 << 10}, {"TB", 1000000000000}, {"GB", 1000000000}, {"MB", 1000000}, {"kB", 1000},
    {"B", 1}};
#define N(array) (sizeof(array) / sizeof((array)[0]))

/* A decimal number without sign or exponent; *text moves behind it. */
static int
number(const char **text, double *v)
{
	const char *start = *text;
	char *end;

	if (!isdigit((unsigned char)*start))
		return -EINVAL;
	for (const char *p = start; *p != '\0' && !isalpha((unsigned char)*p); p++)
		if (!isdigit((unsigned char)*p) && *p != '.' && *p != '%' && *p != '-' && *p != '+')
			return -EINVAL;
	/* Only digits and one point are given to strtod: no exponent, no hexadecimal. */
	size_t n = strspn(start, "0123456789.");
	char copy[64];

	if (n >= sizeof(copy))
		return -ERANGE;
	memcpy(copy, start, n);
	copy[n] = '\0';
	*v = strtod(copy, &end);
	if (*end != '\0')
		return -EINVAL;
	*text = start + n;
	return 0;
}

static size_t
find_unit(const struct unit *units, size_t n, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, text, len) == 0)
			break;
	return i;
}

int
duration_parse(const char *text, int64_t *us)
{
	size_t last = 0;
	double sum = 0;

	*us = 0;
	if (strcmp(text, "0") == 0)
		return 0;
	if (*text == '\0')
		return -EINVAL;
	for (bool first = true; *text != '\0'; first = false) {
		size_t len, unit;
		double v;
		int rc;

		if ((rc = number(&text, &v)) != 0)
			return rc;
		for (len = 0; isalpha((unsigned char)text[len]); len++)
			;
		unit = find_unit(durations, N(durations), text, len);
		if (unit == N(durations) || (!first && unit <= last))
			return -EINVAL;
		sum += v * (double)durations[unit].size;
		last = unit;
		text += len;
	}
	if (sum > 0x1p62)
		return -ERANGE;
	*us = llround(sum);
	return 0;
}

int
bytes_parse(const char *text, int64_t *bytes)
{
	size_t unit;
	double v;
	int rc;

	if ((rc = number(&text, &v)) != 0)
		return rc;
	unit = *text == '\0' ? N(sizes) - 1 : find_unit(sizes, N(sizes), text, strlen(text));
	if (unit == N(sizes))
		return -EINVAL;
	v *= (double)sizes[unit].size;
	if (v > 0x1p62)
		return -ERANGE;
	*bytes = llround(v);
	return 0;
}

int
share_parse(const char *text, double *share)
{
	double v;
	int rc;

	if ((rc = number(&text, &v)) != 0)
		return rc;
	if (strcmp(text, "%") != 0)
		return -EINVAL;
	*share = v / 100;
	return v <= 100 ? 0 : -ERANGE;
}

static int
whole(const char **text, int64_t *v)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	*v = strtoll(*text, &end, 10);
	*text = end;
	return errno == 0 ? 0 : -ERANGE;
}

int
range_parse(const char *text, int64_t *low, int64_t *high)
{
	int rc;

	if ((rc = whole(&text, low)) != 0)
		return rc;
	*high = *low;
	if (strcmp(text, "+") == 0) {
		*high = INT64_MAX;
		return 0;
	}
	if (*text == '-') {
		text++;
		if ((rc = whole(&text, high)) != 0)
			return rc;
	}
	return *text == '\0' && *low <= *high ? 0 : -EINVAL;
}

char *
duration_format(int64_t us, char dst[32])
{
	size_t n = 0;

	snprintf(dst, 32, "0");
	for (size_t i = 0; i < N(durations) && us > 0 && n < 24; i++) {
		int64_t count = us / durations[i].size;

		if (count == 0)
			continue;
		n += (size_t)snprintf(
		    dst + n, 32 - n, "%lld%s", (long long)count, durations[i].name);
		us %= durations[i].size;
	}
	return dst;
}

char *
bytes_format(int64_t bytes, char dst[32])
{
	size_t i = 0;

	/* Binary units only: they come first, and B divides everything. */
	while (i < 4 && (bytes == 0 || bytes % sizes[i].size != 0))
		i++;
	snprintf(dst, 32, "%lld%s", (long long)(i < 4 ? bytes / sizes[i].size : bytes),
	    i < 4 ? sizes[i].name : "B");
	return dst;
}
