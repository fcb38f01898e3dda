/*
 * test-tz.c - zones: changes forward and back, rules after the last change, files that are none.
 *
 * With --answer it answers "ZONE offset UTC" and "ZONE utc LOCAL" lines; tz-grid asks so, and knows
 * the answers from elsewhere.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tz.h"

static int64_t
at(int64_t year, int month, int day, int hour, int minute)
{
	return tz_days(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

/* A file of version 2 without changes, governed by its footer alone. */
static int
zone_of(struct tz **out, const char *rule)
{
	uint8_t file[512] = {0};
	size_t n = 0;

	for (int block = 0; block < 2; block++) {
		memcpy(file + n, "TZif2", 5);
		file[n + 39] = 1; /* a type, */
		file[n + 43] = 4; /* and its name */
		n += 44;
		memcpy(file + n + 6, "UTC", 3);
		n += 10;
	}
	n += (size_t)snprintf((char *)file + n, sizeof(file) - n, "\n%s\n", rule);
	return tz_parse(out, file, n);
}

static void
dates_are_days_and_back(void **state)
{
	int64_t year;
	int month, day;

	(void)state;
	assert_int_equal(tz_days(1970, 1, 1), 0);
	assert_int_equal(tz_days(2000, 3, 1), 11017);
	assert_int_equal(tz_days(1969, 12, 31), -1);
	for (int64_t d = -800000; d < 800000; d += 37) {
		tz_date(d, &year, &month, &day);
		assert_true(month >= 1 && month <= 12 && day >= 1 && day <= 31);
		assert_int_equal(tz_days(year, month, day), d);
	}
}

static void
berlin_has_days_of_23_and_25_hours(void **state)
{
	struct tz *tz;
	bool dst;

	(void)state;
	assert_int_equal(zone_of(&tz, "CET-1CEST,M3.5.0,M10.5.0/3"), 0);
	assert_int_equal(tz_offset(tz, at(2026, 1, 15, 12, 0), &dst), 3600);
	assert_false(dst);
	assert_int_equal(tz_offset(tz, at(2026, 7, 15, 12, 0), &dst), 7200);
	assert_true(dst);
	assert_int_equal(tz_next_change(tz, at(2026, 1, 15, 12, 0)), at(2026, 3, 29, 1, 0));
	assert_int_equal(tz_next_change(tz, at(2026, 3, 29, 1, 0)), at(2026, 10, 25, 1, 0));
	assert_int_equal(tz_utc(tz, at(2026, 3, 30, 0, 0)) - tz_utc(tz, at(2026, 3, 29, 0, 0)),
	    23 * 3600);
	assert_int_equal(tz_utc(tz, at(2026, 10, 26, 0, 0)) - tz_utc(tz, at(2026, 10, 25, 0, 0)),
	    25 * 3600);
	assert_int_equal(tz_utc(tz, at(2026, 3, 29, 2, 30)), at(2026, 3, 29, 1, 30)); /* the gap */
	assert_int_equal(tz_utc(tz, at(2026, 10, 25, 2, 30)), at(2026, 10, 25, 0, 30)); /* twice */
	tz_free(tz);
}

/* J60 is March 1 in every year, day 59 is February 29 in a leap year; DST may last all year, begin
 * before its day does, or be the offset of winter. */
static void
rules_of_every_form(void **state)
{
	const struct {
		const char *rule;
		int32_t january, july; /* of 2027 */
		int64_t change;        /* the first one of 2028, a leap year; 0 = none */
	} of[] = {{"UTC0", 0, 0, 0},
	    {"<+0545>-5:45", 20700, 20700, 0}, {"<-03>3", -10800, -10800, 0},
	    {"EST5EDT,M3.2.0,M11.1.0", -18000, -14400, at(2028, 3, 12, 7, 0)},
	    {"EST5EDT,J60/0,J300/0", -18000, -14400, at(2028, 3, 1, 5, 0)},
	    {"EST5EDT,59/0,299/0", -18000, -14400, at(2028, 2, 29, 5, 0)},
	    {"EST5EDT,0/0,J365/25", -14400, -14400, 0},
	    {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, -3600, at(2028, 3, 26, 1, 0)},
	    {"IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3600, at(2028, 3, 26, 1, 0)}};

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++) {
		struct tz *tz;
		int64_t next;

		if (zone_of(&tz, of[i].rule) != 0)
			fail_msg("%s", of[i].rule);
		assert_int_equal(tz_offset(tz, at(2027, 1, 10, 0, 0), NULL), of[i].january);
		assert_int_equal(tz_offset(tz, at(2027, 7, 10, 0, 0), NULL), of[i].july);
		next = tz_next_change(tz, at(2028, 1, 10, 0, 0));
		if (next != (of[i].change != 0 ? of[i].change : INT64_MAX))
			fail_msg("%s changes at %" PRId64, of[i].rule, next);
		tz_free(tz);
	}
}

static void
what_is_no_rule_is_refused(void **state)
{
	static const char *const bad[] = {"U0", "UTC", "UTC0,", "CET-1CEST", "CET-1CEST,M3.5.0",
	    "CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
	    "CET-1CEST,J0,J365", "CET-1CEST,1,366", "CET-1CEST,M3.5.0/168,M10.5.0", "<+01-1",
	    "UTC25", "CET-1:60", "CET-1CEST,M3.5.0,M10.5.0 ", "CET-99999999999"};
	struct tz *tz;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (zone_of(&tz, bad[i]) != -EBADMSG || tz != NULL)
			fail_msg("\"%s\" is taken", bad[i]);
}

static void
what_is_no_zone_is_refused(void **state)
{
	static const char *const names[] = {"", "/etc/passwd", "../passwd", "Europe/../UTC", "a//b",
	    "Europe/", "Europe/Ber lin", "Europe/Berlin\n"};
	struct tz *tz;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(tz_open(&tz, names[i], NULL), -EINVAL);
	assert_int_equal(tz_open(&tz, "Europe/Atlantis", NULL), -ENOENT);
	assert_int_equal(tz_open(&tz, "etc", "/"), -EBADMSG);    /* a folder */
	assert_int_equal(tz_open(&tz, "etc/hostname", "/"), -EBADMSG);
	assert_int_equal(tz_open(&tz, "dev/zero", "/"), -EBADMSG); /* does not end, is not read */
	assert_int_equal(tz_open(&tz, "Europe/Berlin", NULL), 0);
	tz_free(tz);
	tz_free(NULL);
}

/* Cut anywhere, a file is refused and nothing behind it is read. */
static void
a_cut_file_is_refused(void **state)
{
	FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
	uint8_t file[8192];
	size_t n;
	struct tz *tz;

	(void)state;
	assert_non_null(f);
	n = fread(file, 1, sizeof(file), f);
	fclose(f);
	assert_true(n > 500 && n < sizeof(file));
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *part = malloc(cut > 0 ? cut : 1);

		memcpy(part, file, cut);
		assert_int_equal(tz_parse(&tz, part, cut), -EBADMSG);
		free(part);
	}
	assert_int_equal(tz_parse(&tz, file, n), 0);
	tz_free(tz);
}

/* ---- answers ---- */

static int
answer(void)
{
	char zone[64], what[8], open[64] = "";
	struct tz *tz = NULL;
	int64_t s;

	while (scanf("%63s %7s %" SCNd64, zone, what, &s) == 3) {
		if (strcmp(zone, open) != 0) {
			tz_free(tz);
			if (tz_open(&tz, zone, NULL) != 0) {
				printf("%s:no-such-zone\n", zone);
				continue;
			}
			snprintf(open, sizeof(open), "%s", zone);
		}
		printf("%" PRId64 "\n",
		    strcmp(what, "utc") == 0 ? tz_utc(tz, s) : (int64_t)tz_offset(tz, s, NULL));
	}
	tz_free(tz);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dates_are_days_and_back),
	    cmocka_unit_test(berlin_has_days_of_23_and_25_hours),
	    cmocka_unit_test(rules_of_every_form),
	    cmocka_unit_test(what_is_no_rule_is_refused),
	    cmocka_unit_test(what_is_no_zone_is_refused),
	    cmocka_unit_test(a_cut_file_is_refused),
	};

	if (argc == 2 && strcmp(argv[1], "--answer") == 0)
		return answer();
	return cmocka_run_group_tests_name("tz", tests, NULL, NULL);
}
