/*
 * test-season.c - a season's judgement: golden values, the wall's clock, special days, what nobody
 * watched, and that a restart changes nothing.
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
#include <stdlib.h>
#include <string.h>

#include "plugins/common/season.h"

#define MIN_MS INT64_C(60000)
#define HOUR_MS (60 * MIN_MS)
#define DAY_MS (24 * HOUR_MS)
#define WEEK_MS (7 * DAY_MS)

static int64_t
at(int64_t year, int month, int mday, int hour, int minute)
{
	return tz_days(year, month, mday) * DAY_MS + hour * HOUR_MS + minute * MIN_MS;
}

struct fixture {
	struct tz *tz;
	struct season_calendar *calendar;
	struct season *s;
};

static struct fixture
make(const char *zone, struct season_opts opts, int64_t now_ms)
{
	struct fixture f = {0};

	assert_int_equal(tz_open(&f.tz, zone, NULL), 0);
	opts.tz = f.tz;
	assert_int_equal(season_new(&f.s, &opts), 0);
	season_advance(f.s, now_ms);
	return f;
}

static void
drop(struct fixture *f)
{
	season_free(f->s);
	season_calendar_free(f->calendar);
	tz_free(f->tz);
}

/* `n` events each minute of [from, until) where the wall shows `hour` (-1: always). */
static void
fill(struct fixture *f, int64_t from, int64_t until, int hour, uint32_t n)
{
	for (int64_t t = from; t < until; t += MIN_MS) {
		int64_t s = t / 1000 + tz_offset(f->tz, t / 1000, NULL);

		season_advance(f->s, t + MIN_MS);
		if (hour < 0 || s / 3600 % 24 == hour)
			assert_int_equal(season_add(f->s, t, n, 0, 10.0 * n), 0);
	}
	assert_int_equal(season_covered(f->s, from, until), 0);
}

static void
close_to(double value, double golden, double share)
{
	if (!(fabs(value - golden) <= share * fabs(golden)))
		fail_msg("%.10g is not %.10g", value, golden);
}

static void
counts_have_their_golden_values(void **state)
{
	static const struct {
		uint32_t events, x;
		double p;
	} golden[] = {{80, 5, 4.707e-4}, {40, 0, 1.189e-4}, {28, 0, 1.730e-3}, {400, 60, 7.092e-3}};
	int64_t now = at(2026, 7, 1, 12, 0);
	struct season_verdict v;

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++) {
		struct fixture f = make("UTC", (struct season_opts){.dispersion = 0.15}, now);

		for (int k = 1; k <= 4; k++)
			season_add(
			    f.s, now - k * WEEK_MS - 30 * MIN_MS, golden[i].events / 4, 0, 0);
		season_add(f.s, now - 30 * MIN_MS, golden[i].x, 0, 0);
		season_covered(f.s, now - 5 * WEEK_MS, now);
		season_judge(f.s, now, HOUR_MS, 1e-5, &v);
		assert_int_equal(v.seasons, 4);
		assert_int_equal(v.observed, golden[i].x);
		close_to(v.expected, (golden[i].events + 0.5) / 4, 1e-12);
		close_to(v.p, golden[i].p, 2e-4);
		drop(&f);
	}
}

static void
ratios_have_their_golden_values(void **state)
{
	static const struct {
		uint32_t tried, good, n, k;
		double p;
	} golden[] = {{1000, 900, 20, 12, 5.938e-4}, {1000, 900, 50, 38, 5.204e-3},
	    {1000, 900, 200, 160, 3.525e-4}};
	int64_t now = at(2026, 7, 1, 12, 0);
	struct season_ratio_verdict v;

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++) {
		struct fixture f = make("UTC",
		    (struct season_opts){.has_good = true, .dispersion = 0.15, .bucket_min = 15},
		    now);

		for (int k = 1; k <= 4; k++)
			season_add(f.s, now - k * WEEK_MS - 30 * MIN_MS, golden[i].tried / 4,
			    golden[i].good / 4, 0);
		season_add(f.s, now - 30 * MIN_MS, golden[i].n, golden[i].k, 0);
		season_covered(f.s, now - 5 * WEEK_MS, now);
		season_judge_ratio(f.s, now, HOUR_MS, &v);
		assert_int_equal(v.base_tried, golden[i].tried);
		assert_int_equal(v.tried, golden[i].n);
		close_to(v.p, golden[i].p, 2e-4);
		drop(&f);
	}
}

/* A shop that sells at 10 h local time alone, 60 an hour: over the change, its hour is expected in
 * that hour of the wall, and in no other. */
static void
follows(const char *zone, int64_t change_day)
{
	int64_t from = change_day - 30 * DAY_MS, until = change_day + 3 * DAY_MS;
	struct fixture f = make(zone, (struct season_opts){0}, from);
	struct season_verdict v;

	fill(&f, from, until, 10, 1);
	for (int64_t t = change_day - DAY_MS; t < until; t += HOUR_MS) {
		int64_t local = (t - HOUR_MS) / 1000 + tz_offset(f.tz, (t - HOUR_MS) / 1000, NULL);

		season_judge(f.s, t, HOUR_MS, 1e-5, &v);
		assert_true(v.seasons >= 3 || v.seasons == 0);
		if (v.seasons > 0)
			close_to(v.expected, local / 3600 % 24 == 10 ? 60.125 : 0.125, 0.05);
		assert_true(v.p > 0.3);
	}
	drop(&f);
}

static void
the_wall_is_followed_over_both_changes(void **state)
{
	(void)state;
	follows("Europe/Paris", at(2026, 3, 29, 0, 0));
	follows("Europe/Paris", at(2026, 10, 25, 0, 0));
	follows("America/New_York", at(2026, 3, 8, 0, 0));
	follows("America/New_York", at(2026, 11, 1, 0, 0));
	follows("Asia/Tokyo", at(2026, 3, 29, 0, 0));
}

/* The hour that the wall shows twice is expected twice, but known once; as history it counts once;
 * and the hour that it never showed is not a zero. */
static void
hours_shown_twice_and_never(void **state)
{
	int64_t back = at(2026, 10, 25, 1, 0), on = at(2026, 3, 29, 1, 0);
	struct season_opts opts = {.dispersion = 0.01};
	struct fixture f = make("Europe/Paris", opts, back - 5 * WEEK_MS);
	struct season_verdict v;

	(void)state;
	fill(&f, back - 4 * WEEK_MS - DAY_MS, back + HOUR_MS, 2, 1);
	/* 02:00 to 03:00, twice */
	season_judge(f.s, back + HOUR_MS, 2 * HOUR_MS, 1e-5, &v);
	assert_int_equal(v.observed, 120);
	close_to(v.expected, 120.125, 1e-9);
	close_to(v.shape, 240.5, 1e-9);
	fill(&f, back + HOUR_MS, back + WEEK_MS + HOUR_MS, 2, 1);
	/* A week later 02:00 is at 01:00 UTC, as its second showing was. */
	season_judge(f.s, back + WEEK_MS + HOUR_MS, HOUR_MS, 1e-5, &v);
	assert_int_equal(v.observed, 60);
	close_to(v.expected, 60.125, 1e-9);
	drop(&f);

	f = make("Europe/Paris", (struct season_opts){0}, on - 5 * WEEK_MS);
	fill(&f, on - 4 * WEEK_MS, on + WEEK_MS, 2, 1);
	season_judge(f.s, on + WEEK_MS, HOUR_MS, 1e-5, &v); /* 02:00 to 03:00 */
	assert_int_equal(v.observed, 60);
	assert_int_equal(v.seasons, 3);
	assert_int_equal(v.dropped, 0);
	close_to(v.expected, 60 + 0.5 / 3, 1e-9);
	drop(&f);
}

static void
what_nobody_watched_is_no_evidence(void **state)
{
	int64_t now = at(2026, 7, 1, 12, 0);
	struct fixture f = make("UTC", (struct season_opts){0}, now);
	struct season_verdict v;

	(void)state;
	fill(&f, now - 5 * WEEK_MS, now - 3 * WEEK_MS - 4 * HOUR_MS, -1, 1);
	fill(&f, now - 3 * WEEK_MS, now - 2 * HOUR_MS, -1, 1);
	season_judge(f.s, now, 2 * HOUR_MS, 1e-5, &v); /* we were down */
	assert_int_equal(v.watched_ms, 0);
	assert_true(v.p >= 1);
	season_judge(f.s, now, 4 * HOUR_MS, 1e-5, &v); /* half of it seen, a season lost */
	assert_int_equal(v.watched_ms, 2 * HOUR_MS);
	assert_int_equal(v.observed, 120);
	assert_int_equal(v.seasons, 3);
	assert_true(v.p > 0.3);
	season_covered(f.s, now - 2 * HOUR_MS, now); /* we looked, and there was nothing */
	season_judge(f.s, now, 2 * HOUR_MS, 1e-5, &v);
	assert_true(v.p < 1e-5);
	assert_true(season_p(f.s, now, 2 * HOUR_MS) == v.p);
	assert_true(v.floor_ms < 2 * HOUR_MS);
	drop(&f);
}

static void
little_history_does_not_alarm(void **state)
{
	int64_t now = at(2026, 7, 1, 12, 0);
	struct fixture f = make("UTC", (struct season_opts){0}, now);
	struct season_verdict v;

	(void)state;
	fill(&f, now - 9 * DAY_MS, now - HOUR_MS, -1, 20);
	season_covered(f.s, now - HOUR_MS, now);
	season_judge(f.s, now, HOUR_MS, 1e-5, &v);
	assert_int_equal(v.seasons, 1);
	assert_true(v.p >= 1);
	drop(&f);
}

static void
a_season_that_does_not_fit_is_dropped(void **state)
{
	int64_t now = at(2026, 7, 1, 12, 0);
	struct fixture f = make("UTC", (struct season_opts){.has_value = true}, now);
	struct season_verdict v;

	(void)state;
	fill(&f, now - 5 * WEEK_MS, now, -1, 2);
	fill(&f, now - 2 * WEEK_MS - DAY_MS / 2, now - 2 * WEEK_MS + DAY_MS / 2, -1, 8);
	season_judge(f.s, now, HOUR_MS, 1e-5, &v);
	assert_int_equal(v.dropped, 1);
	close_to(v.expected, 120 + 0.5 / 3, 1e-9);
	assert_int_equal(v.basis, SEASON_BASIS_SEASONS);
	assert_true(v.at_risk.low >= 0 && v.at_risk.low <= v.at_risk.high);
	drop(&f);
}

static void
sundays_sell_more(struct fixture *f, int64_t from, int64_t until)
{
	for (int64_t day = from; day < until; day += DAY_MS)
		fill(f, day, day + DAY_MS, -1, (day / DAY_MS + 4) % 7 == 0 ? 5 : 2);
}

static void
special_days_have_their_like(void **state)
{
	int64_t now = at(2026, 7, 1, 12, 0); /* a Wednesday */
	struct season_opts opts = {0};
	struct season_verdict v;
	struct fixture f;
	struct season_calendar *c;

	(void)state;
	assert_int_equal(season_calendar_new(&c), 0);
	assert_int_equal(season_calendar_add(c, "2026-02-30", NULL), -EINVAL);
	assert_int_equal(season_calendar_add(c, "2026-7-1", NULL), -EINVAL);
	assert_int_equal(season_calendar_add(c, "07-01", "caturday"), -EINVAL);
	assert_int_equal(season_calendar_add(c, "07-01", "sunday"), 0);
	assert_int_equal(season_calendar_add(c, "2026-06-24", NULL), 0);
	assert_int_equal(season_calendar_add(c, "2026-06-30", "2026-06-16"), 0);
	opts.calendar = c;
	f = make("UTC", opts, at(2026, 5, 25, 0, 0));
	f.calendar = c;
	sundays_sell_more(&f, at(2026, 5, 30, 0, 0), now + DAY_MS / 2);
	season_judge(f.s, now, HOUR_MS, 1e-5, &v); /* like Sundays, which sell 5 */
	assert_int_equal(v.seasons, 4);
	close_to(v.expected, 300.125, 1e-9);
	season_judge(f.s, now - WEEK_MS, HOUR_MS, 1e-5, &v); /* excluded */
	assert_int_equal(v.watched_ms, 0);
	season_judge(f.s, now - DAY_MS, HOUR_MS, 1e-5, &v); /* like one day */
	assert_int_equal(v.seasons, 1);
	assert_true(v.expected > 0);
	/* The next Wednesday: its history has neither of the two special ones. */
	sundays_sell_more(&f, now + DAY_MS / 2, now + WEEK_MS + DAY_MS / 2);
	season_judge(f.s, now + WEEK_MS, HOUR_MS, 1e-5, &v);
	assert_int_equal(v.seasons, 2);
	close_to(v.expected, 120.25, 1e-9);
	drop(&f);
}

/* ---- a shop with weather ---- */

static double
uniform(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return ((double)(*seed >> 11) + 0.5) / 9007199254740992.0;
}

static uint32_t
poisson(uint64_t *seed, double mean)
{
	double p = exp(-mean), u = uniform(seed), sum = p;
	uint32_t x = 0;

	while (u > sum && x < 1000) {
		p *= mean / ++x;
		sum += p;
	}
	return x;
}

static void
weather(struct fixture *f, int64_t from, int64_t until, double rate, double cv, uint64_t seed)
{
	for (int64_t day = from; day < until; day += DAY_MS) {
		double sky =
		    1 + cv * sqrt(-2 * log(uniform(&seed))) * cos(2 * M_PI * uniform(&seed));

		for (int64_t t = day; t < day + DAY_MS && t < until; t += MIN_MS) {
			uint32_t n = poisson(&seed, rate * fmax(sky, 0));

			if (n > 0)
				assert_int_equal(season_add(f->s, t, n, 0, 19.99 * n), 0);
		}
	}
	season_covered(f->s, from, until);
}

static void
dispersion_is_learnt(void **state)
{
	static const double cvs[] = {0.05, 0.10, 0.20, 0.30};
	int64_t now = at(2026, 7, 1, 0, 0);
	double freedom, cv, shrunk;

	(void)state;
	for (size_t i = 0; i < sizeof(cvs) / sizeof(*cvs); i++) {
		struct fixture f = make("UTC", (struct season_opts){.history = 12}, now);

		weather(&f, now - 12 * WEEK_MS, now, 5, cvs[i], 11 + i);
		cv = season_dispersion(f.s, now, &freedom);
		shrunk = sqrt((77 * cvs[i] * cvs[i] + 7 * 0.0225) / 84);
		assert_true(freedom > 60);
		close_to(cv, shrunk, 0.2);
		drop(&f);
	}
	struct fixture f = make("UTC", (struct season_opts){0}, now);
	close_to(season_dispersion(f.s, now, &freedom), 0.15, 1e-9);
	drop(&f);
}

/* A shop that falls and recovers, so that many an hour is doubtful. */
static void
the_quick_p_is_the_same_where_it_matters(void **state)
{
	int64_t now = at(2026, 7, 1, 0, 0), from = now - 33 * DAY_MS;
	static const double rates[] = {0.05, 1, 5};
	struct season_verdict v;
	int low = 0;
	double p;

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		struct fixture f = make("UTC", (struct season_opts){0}, now);

		weather(&f, from, now - DAY_MS, rates[i], 0.3, 5 + i);
		weather(&f, now - DAY_MS, now - DAY_MS / 2, rates[i] * 0.4, 0.1, 9 + i);
		season_covered(f.s, now - DAY_MS, now);
		for (int64_t t = from + 28 * DAY_MS; t < now; t += 7 * MIN_MS)
			for (int64_t w = 15 * MIN_MS; w <= 4 * HOUR_MS; w *= 4) {
				season_judge(f.s, t, w, 1e-5, &v);
				p = season_p(f.s, t, w);
				assert_true(p == v.p || (p >= 1 && v.p >= 0.001));
				low += v.p < 0.001;
			}
		drop(&f);
	}
	assert_true(low > 300);
}

static void
a_restart_changes_nothing(void **state)
{
	int64_t now = at(2026, 11, 3, 18, 30);
	struct season_opts opts = {.has_value = true};
	struct fixture f = make("Europe/Paris", opts, now), g = make("Europe/Paris", opts, now);
	struct season_verdict a, b;
	static uint8_t blob[SEASON_BLOB_MAX];
	int len, pages = 0, total = 0;

	(void)state;
	weather(&f, at(2026, 10, 1, 0, 0), now, 20, 0.1, 3);
	for (int slot = 0; (len = season_save(f.s, &slot, blob, sizeof(blob))) > 0; pages++) {
		assert_int_equal(season_load(g.s, blob, (size_t)len), 0);
		blob[len / 2] ^= 1;
		assert_int_equal(season_load(g.s, blob, (size_t)len), -EBADMSG);
		total += len;
	}
	assert_int_equal(len, 0);
	assert_int_equal(pages, 34);
	assert_true(total < 34 * 8192);
	print_message("20 orders a minute with money: %d bytes a day\n", total / pages);
	for (int64_t w = 15 * MIN_MS; w <= 4 * HOUR_MS; w *= 4) {
		season_judge(f.s, now, w, 1e-5, &a);
		season_judge(g.s, now, w, 1e-5, &b);
		assert_true(a.observed == b.observed && a.watched_ms == b.watched_ms);
		assert_true(a.expected == b.expected && a.shape == b.shape && a.p == b.p);
		assert_true(a.dispersion == b.dispersion && a.band.low == b.band.low);
		assert_true(a.at_risk.high == b.at_risk.high && a.basis == b.basis);
		assert_int_equal(a.seasons, 4);
	}
	/* Only what has changed is saved again. */
	assert_int_equal(season_add(f.s, now, 1, 0, 5), 0);
	int slot = 0;
	assert_true(season_save(f.s, &slot, blob, sizeof(blob)) > 0);
	assert_int_equal(season_save(f.s, &slot, blob, sizeof(blob)), 0);
	drop(&f);
	drop(&g);
}

static void
times_out_of_reach_are_refused(void **state)
{
	int64_t now = at(2026, 7, 1, 12, 0);
	struct fixture f = make("UTC", (struct season_opts){0}, now);

	(void)state;
	assert_int_equal(season_add(f.s, now + MIN_MS, 1, 0, 0), -ERANGE);
	assert_int_equal(season_add(f.s, now - 40 * DAY_MS, 1, 0, 0), -ERANGE);
	assert_int_equal(season_add(f.s, now, 1, 1, 0), -EINVAL);
	assert_int_equal(season_add(f.s, now, 1, 0, NAN), -EINVAL);
	assert_int_equal(season_add(f.s, now, UINT32_MAX, 0, 0), -EOVERFLOW);
	assert_int_equal(season_covered(f.s, INT64_MIN / 2, INT64_MAX / 2), 0);
	drop(&f);
}

static void
blame_and_leak_and_budget(void **state)
{
	static const int64_t windows[] = {15 * MIN_MS, HOUR_MS, 4 * HOUR_MS};
	static const struct season_part parts[] = {{0.4, 100}, {1e-9, 5}, {1e-6, 50}, {1e-5, 90}};
	struct season_blame b = season_blame(0.1, parts, 4, 1e-5, 20);
	struct season_verdict day = {.observed = 70, .expected = 100, .shape = 44};
	double sum = 0;

	(void)state;
	assert_false(b.is_whole);
	assert_int_equal(b.part, 2);
	b = season_blame(1e-7, parts, 4, 1e-5, 20);
	assert_true(b.is_whole);
	assert_int_equal(b.part, 2);
	assert_int_equal(season_blame(0.1, parts, 1, 1e-5, 20).part, -1);
	for (int i = 0; i < 10; i++)
		sum = season_leak_next(sum, &day);
	assert_true(sum > season_leak_limit(1e-5));
	day.observed = 100;
	for (int i = 0; i < 30; i++)
		sum = season_leak_next(sum, &day);
	assert_true(sum >= 0 && sum < 1e-9);
	close_to(
	    season_alpha(1, 1, windows, 3, MIN_MS), 1 / (43200 * (1 + 1 / 3.75 + 1 / 15.0)), 1e-9);
	close_to(season_alpha(1, 40, windows, 1, MIN_MS), 1 / (43200 * 40.0), 1e-9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(counts_have_their_golden_values),
	    cmocka_unit_test(ratios_have_their_golden_values),
	    cmocka_unit_test(the_wall_is_followed_over_both_changes),
	    cmocka_unit_test(hours_shown_twice_and_never),
	    cmocka_unit_test(what_nobody_watched_is_no_evidence),
	    cmocka_unit_test(little_history_does_not_alarm),
	    cmocka_unit_test(a_season_that_does_not_fit_is_dropped),
	    cmocka_unit_test(special_days_have_their_like), cmocka_unit_test(dispersion_is_learnt),
	    cmocka_unit_test(the_quick_p_is_the_same_where_it_matters),
	    cmocka_unit_test(a_restart_changes_nothing),
	    cmocka_unit_test(times_out_of_reach_are_refused),
	    cmocka_unit_test(blame_and_leak_and_budget)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
