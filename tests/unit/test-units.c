/*
 * test-units.c - numbers as people write them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/units.h"

static void
durations(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {{"0", 0}, {"5s", 5000000}, {"1h30m", 5400000000}, {"250ms", 250000},
	    {"2.5s", 2500000}, {"1d", 86400000000}, {"1w2d", 777600000000}, {"10us", 10}};
	static const char *const bad[] = {"", "5", "5x", "5 s", "-5s", "s", "1m1h", "1s1s", "1e3s",
	    "0x5s", "nan", "5ss", "1..5s"};
	int64_t us;
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(duration_parse(good[i].text, &us), 0);
		assert_int_equal(us, good[i].us);
		assert_int_equal(duration_parse(duration_format(us, text), &us), 0);
		assert_int_equal(us, good[i].us);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(duration_parse(bad[i], &us), 0);
	assert_int_not_equal(duration_parse("999999999999999w", &us), 0);
}

static void
sizes_and_shares(void **state)
{
	int64_t v, low, high;
	double share;
	char text[32];

	(void)state;
	assert_int_equal(bytes_parse("64KiB", &v), 0);
	assert_int_equal(v, 65536);
	assert_int_equal(bytes_parse("1.5MB", &v), 0);
	assert_int_equal(v, 1500000);
	assert_int_equal(bytes_parse("17", &v), 0);
	assert_int_equal(v, 17);
	assert_string_equal(bytes_format(65536, text), "64KiB");
	assert_int_not_equal(bytes_parse("5k", &v), 0);
	assert_int_not_equal(bytes_parse("", &v), 0);
	assert_int_equal(share_parse("99.5%", &share), 0);
	assert_true(share > 0.99499 && share < 0.99501);
	assert_int_not_equal(share_parse("99.5", &share), 0);
	assert_int_not_equal(share_parse("101%", &share), 0);
	assert_int_equal(range_parse("500-599", &low, &high), 0);
	assert_int_equal(low, 500);
	assert_int_equal(high, 599);
	assert_int_equal(range_parse("200", &low, &high), 0);
	assert_int_equal(high, 200);
	assert_int_equal(range_parse("1+", &low, &high), 0);
	assert_int_equal(high, INT64_MAX);
	assert_int_not_equal(range_parse("599-500", &low, &high), 0);
	assert_int_not_equal(range_parse("5xx", &low, &high), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(durations), cmocka_unit_test(sizes_and_shares)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
