/*
 * test-stats.c - golden values, edges, and what the tests of rates and ratios promise.
 *
 * With --answer it computes what standard input asks for, a line each: "rate_lower MEAN SHAPE X",
 * "ratio_upper A B N K" and so on. stats-grid asks so, and knows the answers from elsewhere.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/stats.h"

#define CV 0.15

static void
close_to(double value, double golden, double share)
{
	if (!(fabs(value - golden) <= share * fabs(golden)))
		fail_msg("%.10g is not %.10g", value, golden);
}

/* ---- golden values: computed outside, four digits ---- */

static void
rates_have_their_golden_values(void **state)
{
	static const struct {
		double events, seasons;
		uint64_t x;
		double p;
	} golden[] = {{80, 4, 5, 4.707e-4}, {40, 4, 0, 1.189e-4}, {28, 4, 0, 1.730e-3},
	    {400, 4, 60, 7.092e-3}};
	struct stats_rate d = stats_rate_predict(80, 4, CV);

	(void)state;
	close_to(d.mean, 20.125, 1e-12);
	close_to(d.shape, 44.444, 2e-5);
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++) {
		d = stats_rate_predict(golden[i].events, golden[i].seasons, CV);
		close_to(stats_rate_lower(d, golden[i].x), golden[i].p, 2e-4);
	}
}

static void
ratios_have_their_golden_values(void **state)
{
	static const struct {
		double good, bad;
		uint64_t n, k;
		double p, sum;
	} golden[] = {{900, 100, 20, 12, 5.938e-4, 492}, {900, 100, 50, 38, 5.204e-3, 492},
	    {900, 100, 200, 160, 3.525e-4, 492}, {300, 9700, 1000, 10, 3.826e-4, 1525}};

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++) {
		struct stats_ratio d = stats_ratio_predict(golden[i].good, golden[i].bad, CV);

		close_to(d.a + d.b, golden[i].sum, 1e-3);
		close_to(stats_ratio_lower(d, golden[i].n, golden[i].k), golden[i].p, 2e-4);
	}
}

static void
intervals_have_their_golden_values(void **state)
{
	static const struct {
		uint64_t k, n;
		int low, high;
	} golden[] = {{2, 3, 21, 94}, {18, 20, 70, 97}, {180, 200, 85, 93}};

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++) {
		struct stats_interval w = stats_wilson(golden[i].k, golden[i].n, 1.96);

		assert_int_equal(lrint(w.low * 100), golden[i].low);
		assert_int_equal(lrint(w.high * 100), golden[i].high);
	}
	assert_true(stats_wilson(0, 9, 1.96).low == 0 && stats_wilson(9, 9, 1.96).high == 1);
	assert_true(stats_wilson(0, 0, 1.96).low == 0 && stats_wilson(0, 0, 1.96).high == 1);
}

/* At 99.9 % and a burn of 14.4 the guard against little traffic asks for 6 errors of 60, 13 of 300,
 * 28 of 1000: one fewer is not yet less likely than 1 in 10^5. */
static void
binomials_have_their_golden_values(void **state)
{
	static const uint64_t golden[][2] = {{60, 6}, {300, 13}, {1000, 28}};

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++) {
		uint64_t n = golden[i][0], k = golden[i][1];
		double at = stats_binomial_upper(n, 0.0144, k),
		       below = stats_binomial_upper(n, 0.0144, k - 1);

		if (!(at < 1e-3 && below > at))
			fail_msg("%" PRIu64 " of %" PRIu64 ": %g, before it %g", k, n, at, below);
	}
}

/* ---- what they promise ---- */

static void
tails_complete_each_other(void **state)
{
	struct stats_rate rate = {33.3, 7};
	struct stats_ratio ratio = {4.5, 95.5};

	(void)state;
	for (uint64_t x = 0; x < 200; x++) {
		close_to(stats_rate_lower(rate, x) + stats_rate_upper(rate, x + 1), 1, 1e-12);
		close_to(stats_ratio_lower(ratio, 250, x) + stats_ratio_upper(ratio, 250, x + 1), 1,
		    1e-12);
	}
}

static void
tails_end_where_they_must(void **state)
{
	struct stats_rate rate = {5, 2};
	struct stats_ratio ratio = {9.5, 1.5};

	(void)state;
	assert_true(stats_rate_upper(rate, 0) == 1);
	assert_true(stats_rate_lower(rate, UINT32_MAX) == 1);
	assert_true(stats_rate_upper(rate, UINT32_MAX) < 1e-300);
	assert_true(stats_ratio_lower(ratio, 0, 0) == 1);
	assert_true(stats_ratio_lower(ratio, 10, 10) == 1);
	assert_true(stats_ratio_upper(ratio, 10, 0) == 1);
	assert_true(stats_ratio_upper(ratio, 10, 11) == 0);
	assert_true(stats_binomial_upper(0, 0.5, 0) == 1);
	assert_true(stats_binomial_upper(3, 0, 1) == 0 && stats_binomial_upper(3, 1, 3) == 1);
	assert_true(stats_binomial_upper(3, 0.5, 4) == 0);
}

static void
nonsense_is_no_number(void **state)
{
	static const double bad[] = {0, -1, NAN, INFINITY};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_true(isnan(stats_rate_lower((struct stats_rate){bad[i], 1}, 1)));
		assert_true(isnan(stats_rate_upper((struct stats_rate){1, bad[i]}, 1)));
		assert_true(isnan(stats_cusum_next(0, (struct stats_rate){bad[i], 1}, 0.7, 1)));
		assert_true(isnan(stats_ratio_lower((struct stats_ratio){bad[i], 1}, 9, 1)));
		assert_true(isnan(stats_ratio_upper((struct stats_ratio){1, bad[i]}, 9, 1)));
	}
	assert_true(isnan(stats_ratio_lower((struct stats_ratio){1, 1}, 3, 4)));
	assert_true(isnan(stats_binomial_upper(3, 1.1, 1)));
	assert_true(isnan(stats_binomial_upper(3, NAN, 1)));
	assert_true(isnan(stats_silence_floor(0, 0.15)));
}

/* Little history is silent by itself: with nothing known no count is a surprise. */
static void
little_history_does_not_alarm(void **state)
{
	struct stats_rate d = stats_rate_predict(3, 1, CV);

	(void)state;
	assert_true(stats_rate_lower(d, 0) > 1e-2);
	assert_true(stats_ratio_lower(stats_ratio_predict(9, 1, CV), 20, 10) > 1e-3);
}

/* Silence at the floor is as likely as alpha, to the digit. */
static void
silence_has_a_floor(void **state)
{
	double alpha = 2.3e-5, plain = stats_silence_floor(alpha, 0),
	       floor = stats_silence_floor(alpha, CV);

	(void)state;
	close_to(plain, 10.68, 1e-3);
	assert_true(floor > plain);
	close_to(stats_rate_lower((struct stats_rate){floor, 1 / (CV * CV)}, 0), alpha, 1e-9);
}

/* A leak of a third moves the sum up by what the likelihoods say, and full counts bring it back. */
static void
cusum_rises_in_a_leak_and_falls_without(void **state)
{
	struct stats_rate d = {20, 40}, fallen = {14, 40};
	double sum = 0, ratio;

	(void)state;
	ratio = log(stats_rate_lower(fallen, 9) - stats_rate_lower(fallen, 8))
		- log(stats_rate_lower(d, 9) - stats_rate_lower(d, 8));
	close_to(stats_cusum_next(0, d, 0.7, 9), ratio, 1e-9);
	for (int i = 0; i < 50; i++)
		sum = stats_cusum_next(sum, d, 0.7, 14);
	assert_true(sum > 20);
	for (int i = 0; i < 200; i++)
		sum = stats_cusum_next(sum, d, 0.7, 20);
	assert_true(sum == 0);
}

/* ---- answers ---- */

static double
answer(const char *line)
{
	char name[32];
	double a, b;
	uint64_t n, k;

	if (sscanf(line, "binomial_upper %" SCNu64 " %lf %" SCNu64, &n, &a, &k) == 3)
		return stats_binomial_upper(n, a, k);
	if (sscanf(line, "%31s %lf %lf %" SCNu64 " %" SCNu64, name, &a, &b, &n, &k) == 5)
		return strcmp(name, "ratio_lower") == 0
			   ? stats_ratio_lower((struct stats_ratio){a, b}, n, k)
			   : stats_ratio_upper((struct stats_ratio){a, b}, n, k);
	if (sscanf(line, "%31s %lf %lf %" SCNu64, name, &a, &b, &k) == 4)
		return strcmp(name, "rate_lower") == 0
			   ? stats_rate_lower((struct stats_rate){a, b}, k)
			   : stats_rate_upper((struct stats_rate){a, b}, k);
	return NAN;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rates_have_their_golden_values),
	    cmocka_unit_test(ratios_have_their_golden_values),
	    cmocka_unit_test(intervals_have_their_golden_values),
	    cmocka_unit_test(binomials_have_their_golden_values),
	    cmocka_unit_test(tails_complete_each_other),
	    cmocka_unit_test(tails_end_where_they_must),
	    cmocka_unit_test(nonsense_is_no_number),
	    cmocka_unit_test(little_history_does_not_alarm),
	    cmocka_unit_test(silence_has_a_floor),
	    cmocka_unit_test(cusum_rises_in_a_leak_and_falls_without),
	};
	char line[256];

	if (argc == 2 && strcmp(argv[1], "--answer") == 0) {
		while (fgets(line, sizeof(line), stdin) != NULL)
			printf("%.17g\n", answer(line));
		return 0;
	}
	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
