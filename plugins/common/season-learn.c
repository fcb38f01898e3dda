/*
 * season-learn.c - how much days differ beyond chance. See season.h.
 *
 * Days of one weekday differ by chance (their count is the variance of it) and by the day's own
 * weather: variance = mean + cv^2 mean^2. So each group of likes gives cv^2 = (s^2 - m) / m^2, the
 * moment estimator of the negative binomial's dispersion (Anscombe, Biometrika 37, 1950), and all
 * are averaged, by their degrees of freedom and by how much of a group's variance is not chance.
 * The prior 0.15 counts as 7 degrees more. A day that is far off its group's median (4 robust
 * standard deviations: a sale, an outage) says nothing of ordinary days and is left out, as is one
 * that was watched for less than 93 %.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>

#include "plugins/common/season-internal.h"

#define PRIOR_FREEDOM 7
#define CV_LEAST 0.05
#define CV_MOST 0.5
#define DAYS_MAX (SEASON_HISTORY_MAX * 7)

struct day {
	double count;
	int group;
	double off; /* from its group's median, as a share of it */
};

static void
tally_run(const struct season *s, int64_t from, int64_t until, void *arg)
{
	season_sum(s, from, until, arg);
}

/* The days before `today` that were watched. */
static int
collect(const struct season *s, int64_t today, struct day *days)
{
	int n = 0, most = s->history * (s->period / s->per_day);
	int64_t like;

	for (int64_t day = today - most; day < today; day++) {
		struct season_tally t = {0};

		if (s->opts.calendar != NULL
		    && season_like(s->opts.calendar, day, &like) != SEASON_AS_EVER)
			continue;
		season_each(s, day * s->per_day, s->per_day, tally_run, &t);
		/* A day of 23 hours is short of 4 %, and so is its count. */
		if ((double)t.watched >= 0.93 * s->per_day)
			days[n++] = (struct day){(double)t.count * s->per_day / (double)t.watched,
			    s->opts.is_daily ? 0 : (int)(day - season_floor(day, 7) * 7), 0};
	}
	return n;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return n == 0 ? 0 : (v[n / 2] + v[(n - 1) / 2]) / 2;
}

/* Sets each day's distance from its like, and returns what is too far. */
static double
measure(struct day *days, int n)
{
	double v[DAYS_MAX], mean = 0, m;
	int k;

	for (int g = 0; g < 7; g++) {
		k = 0;
		for (int i = 0; i < n; i++)
			if (days[i].group == g)
				v[k++] = days[i].count;
		m = median(v, k);
		for (int i = 0; i < n; i++)
			if (days[i].group == g)
				days[i].off = m > 0 ? fabs(days[i].count / m - 1) : 0;
	}
	for (int i = 0; i < n; i++) {
		v[i] = days[i].off;
		mean += days[i].count / n;
	}
	/* 1.4826 makes the median deviation of a normal distribution its standard deviation. */
	return 4 * fmax(1.4826 * median(v, n), sqrt(CV_LEAST * CV_LEAST + 1 / fmax(mean, 1)));
}

void
season_learn(struct season *s, int64_t bucket)
{
	struct day days[DAYS_MAX];
	double most, sum = PRIOR_FREEDOM * SEASON_CV * SEASON_CV, freedom = PRIOR_FREEDOM;
	int64_t today;
	int n;

	if (bucket >= s->learnt_from && bucket < s->learnt_until)
		return;
	season_spans(s, bucket);
	today = season_floor(season_local(s, bucket), s->per_day);
	n = collect(s, today, days);
	most = measure(days, n);
	for (int g = 0; g < 7; g++) {
		double mean = 0, squares = 0, weight, k = 0;

		for (int i = 0; i < n; i++)
			if (days[i].group == g && days[i].off <= most) {
				double d = days[i].count - mean;

				k++;
				mean += d / k;
				squares += d * (days[i].count - mean);
			}
		if (k < 2 || mean < 1)
			continue;
		weight = SEASON_CV * SEASON_CV / (SEASON_CV * SEASON_CV + 1 / mean);
		weight *= weight * (k - 1);
		sum += weight * (squares / (k - 1) - mean) / (mean * mean);
		freedom += weight;
	}
	s->cv = fmin(fmax(sqrt(fmax(sum / freedom, 0)), CV_LEAST), CV_MOST);
	s->freedom = freedom;
	s->learnt_from = bucket;
	while (season_floor(season_local(s, s->learnt_from - 1), s->per_day) == today)
		s->learnt_from--;
	s->learnt_until = bucket + 1;
	while (season_floor(season_local(s, s->learnt_until), s->per_day) == today)
		s->learnt_until++;
}
