/*
 * test-time-text.c - what shops, databases and feeds write as a time, and what is none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "lib/time-text.h"

#define NO (-1)

static void
texts(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		bool has_offset;
	} rows[] = {
	    {"2026-11-18T11:06:40Z", 1795000000000, true},
	    {"2026-11-18T12:06:40.5+01:00", 1795000000500, true},
	    {"2026-11-18 06:06:40,25 -05", 1795000000250, true},
	    {"2026-11-18t16:36:40z", 1795019800000, true},
	    {"2026-11-18T16:36:40+0530", 1795000000000, true},
	    {"2026-11-18T11:26:12+00:19:32", 1795000000000, true},
	    {"2026-11-18T11:06:40", 1795000000000, false},
	    {"2026-11-18 11:06:40.123456  ", 1795000000123, false},
	    {"2026-11-18 11:06", 1794999960000, false},
	    {"2026-11-18", 1794960000000, false},
	    {"2024-02-29", 1709164800000, false},
	    {"2026-11-18T24:00:00Z", 1795046400000, true},
	    {"2026-02-29", NO, false},
	    {"2026-13-18", NO, false},
	    {"2026-11-31", NO, false},
	    {"2026-11-18T24:00:01Z", NO, false},
	    {"2026-11-18T11:60:00Z", NO, false},
	    {"1969-12-31", NO, false},
	    {"0000-00-00", NO, false},
	    {"2026-11-18T", NO, false},
	    {"2026-11-18 11:06:40.", NO, false},
	    {"2026-11-18T11:06:40X", NO, false},
	    {"2026-11-18T11:06:40+19", NO, false},
	    {"26-11-18", NO, false},
	    {"", NO, false},
	    {"now", NO, false},
	    {"-1795000000", NO, false},
	    {"1.2.3", NO, false},
	    {".5", NO, false},
	    {"1e9", NO, false},
	    {"0", NO, false},
	    {"1795000000", 1795000000000, true},
	    {"1795000000.25", 1795000000250, true},
	    {"1795000000123", 1795000000123, true},
	    {"1795000000123456", 1795000000123, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct time_text t = {.ms = NO};
		int rc = time_text_or_number_parse(&t, rows[i].text, strlen(rows[i].text));

		if (rc != (rows[i].ms == NO ? -EINVAL : 0)
		    || (rc == 0 && (t.ms != rows[i].ms || t.has_offset != rows[i].has_offset)))
			fail_msg("\"%s\": %d, %lld", rows[i].text, rc, (long long)t.ms);
	}
}

static void
a_number_says_its_unit_by_its_size(void **state)
{
	int64_t ms;

	(void)state;
	assert_int_equal(time_number_parse(&ms, 99999999999.0), 0); /* the year 5138 */
	assert_int_equal(ms, 99999999999000);
	assert_int_equal(time_number_parse(&ms, 1e11), 0); /* 1973 */
	assert_int_equal(ms, 100000000000);
	assert_int_equal(time_number_parse(&ms, 1795000000123456789.0), 0);
	assert_int_equal(ms, 1795000000123);
	assert_int_equal(time_number_parse(&ms, 0), -EINVAL);
	assert_int_equal(time_number_parse(&ms, -1), -EINVAL);
	assert_int_equal(time_number_parse(&ms, NAN), -EINVAL);
	assert_int_equal(time_number_parse(&ms, INFINITY), -EINVAL);
	assert_int_equal(time_number_parse(&ms, 1e21), -EINVAL);
}

/* A number alone is no date: a database's column of numbers has a type of its own. */
static void
a_date_is_no_number(void **state)
{
	struct time_text t;

	(void)state;
	assert_int_equal(time_text_parse(&t, "1795000000", 10), -EINVAL);
	assert_int_equal(time_text_parse(&t, "20261118", 8), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts),
	    cmocka_unit_test(a_number_says_its_unit_by_its_size),
	    cmocka_unit_test(a_date_is_no_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
