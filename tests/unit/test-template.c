/*
 * test-template.c - texts as Prometheus expands them, and mistakes with their place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "lib/template.h"

static const struct {
	const char *text;
	double v;
	const char *want;
} good[] = {
    {"plain", 1, "plain"},
    {"{{ $labels.probe }} is {{ $value }}", 3, "front is 3"},
    {"{{$value}}", 0.1, "0.1"},
    {"{{ $value }}", 1e21, "1e+21"},
    {"{{ $value }}", 123456789, "123456789"},
    {"{{ $value }}", 1e-5, "1e-05"},
    {"{{ $labels.absent }}|", 0, "|"},
    {"{{ printf \"%.2f\" $value }}", 1.2345, "1.23"},
    {"{{ $value | printf \"%.2f\" }}", 1.2345, "1.23"},
    {"{{ printf \"%s at %.0f %%\" $labels.probe $value }}", 42.4, "front at 42 %"},
    {"{{ $value | humanize }}", 1234567, "1.235M"},
    {"{{ humanize $value }}", 0.001, "1m"},
    {"{{ $value | humanizeDuration }}", 93784, "1d 2h 3m 4s"},
    {"{{ $value | humanizeDuration }}", 899.99, "14m 59s"},
    {"{{ $value | humanizeDuration }}", 0.0123, "12.3ms"},
    {"{{ $value | humanizePercentage }}", 0.12345, "12.35%"},
    {"a {{- $value -}} b", 1, "a1b"},
    {"{{ $value | humanize }}", NAN, "NaN"},
    {"{{ $value | humanize }}", INFINITY, "+Inf"},
    {"{{ \"a}}b\" }}", 0, "a}}b"},
};

static const struct {
	const char *text;
	size_t at;
	const char *says;
} bad[] = {
    {"x {{ $value", 2, "without"},
    {"{{ if $value }}", 3, "unknown function \"if\""},
    {"{{ query \"up\" }}", 3, "unknown function"},
    {"{{ $value | nosuch }}", 12, "unknown function"},
    {"{{ $other }}", 3, "unknown variable"},
    {"{{ $labels }}", 10, "label's name"},
    {"{{ printf \"%d %d\" $value }}", 3, "too few"},
    {"{{ printf \"%q\" $value }}", 3, "unknown verb"},
    {"{{ printf \"%.2f\" $labels.x }}", 3, "needs a number"},
    {"{{ printf \"%n\" $value }}", 3, "unknown verb"},
    {"{{ printf \"%999999f\" $value }}", 3, "unknown verb"},
    {"{{ \"abc }}", 0, "without"},
    {"{{ }}", 3, "expected"},
    {"{{ $value $value }}", 10, "expected |"},
};

static void
expands(void **state)
{
	struct label pair = {"probe", "front"};
	struct template_error err;
	struct labels *l;
	struct buf b;

	(void)state;
	assert_int_equal(labels_new(&l, &pair, 1), 0);
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		buf_reset(&b);
		if (template_expand(&b, good[i].text, l, good[i].v, &err) != 0)
			fail_msg("%s: %s", good[i].text, err.text);
		assert_string_equal(buf_str(&b), good[i].want);
	}
	buf_free(&b);
	labels_unref(l);
}

static void
refuses_with_place(void **state)
{
	struct template_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (template_check(bad[i].text, &err) == 0)
			fail_msg("accepted: %s", bad[i].text);
		if (strstr(err.text, bad[i].says) == NULL || err.at != bad[i].at)
			fail_msg(
			    "%s: at %zu (want %zu): %s", bad[i].text, err.at, bad[i].at, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(expands), cmocka_unit_test(refuses_with_place)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
