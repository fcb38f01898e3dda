/*
 * season-ratio.c - ratios, their parts, the slow leak and the budget. See season.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "plugins/common/season-internal.h"

#define TRIED_LEAST 200 /* in the same hours, or the whole history is asked */
#define FALLEN 0.7

/* ---- ratios ---- */

/* Of an open ratio the good ones may be more than were tried. */
static uint64_t
at_most(uint64_t good, uint64_t tried)
{
	return good < tried ? good : tried;
}

static double
fit_ratio(
    const struct season_chosen *others, const struct season_tally *t, double seasons, double sigma)
{
	uint64_t good = at_most(t->good, t->count);
	struct stats_ratio d = stats_ratio_predict(fmin(others->good, others->count),
	    fmax(others->count - others->good, 0), sigma);

	(void)seasons;
	return fmin(stats_ratio_lower(d, t->count, good), stats_ratio_upper(d, t->count, good));
}

/* The least k with P(X <= k) >= p, as a share of n. */
static double
quantile(struct stats_ratio d, uint64_t n, double p)
{
	uint64_t low = 0, high = n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (stats_ratio_lower(d, n, mid) >= p)
			high = mid;
		else
			low = mid + 1;
	}
	return (double)low / (double)n;
}

void
season_judge_ratio(
    struct season *s, int64_t until_ms, int64_t window_ms, struct season_ratio_verdict *v)
{
	double sigma = s->opts.dispersion > 0 ? s->opts.dispersion : SEASON_CV;
	struct season_tally base = {0};
	struct season_window w;
	struct season_chosen c;
	struct stats_ratio d;

	season_look(s, until_ms, window_ms, &w);
	w.now.good = at_most(w.now.good, w.now.count);
	*v = (struct season_ratio_verdict){.tried = w.now.count,
	    .good = w.now.good,
	    .watched_ms = w.now.watched * s->opts.bucket_min * 60000,
	    .expected = NAN,
	    .wilson = stats_wilson(w.now.good, w.now.count, 1.96),
	    .p = 1,
	    .dispersion = sigma};
	season_choose(&c, s, &w, fit_ratio, sigma);
	v->seasons = c.n;
	base = (struct season_tally){(uint64_t)c.count, (uint64_t)c.good, 0};
	if (c.n < w.needed || base.count < TRIED_LEAST) {
		v->seasons = 0;
		base = (struct season_tally){0};
		season_sum(s, w.from - (int64_t)s->history * s->period, w.from, &base);
	}
	base.good = at_most(base.good, base.count);
	v->base_tried = base.count;
	v->base_good = base.good;
	if (base.count == 0)
		return;
	d = stats_ratio_predict((double)base.good, (double)(base.count - base.good), sigma);
	v->expected = d.a / (d.a + d.b);
	if (w.now.count == 0)
		return;
	v->p = stats_ratio_lower(d, w.now.count, w.now.good);
	v->band.low = quantile(d, w.now.count, 0.025);
	v->band.high = quantile(d, w.now.count, 0.975);
}

struct season_blame
season_blame(
    double whole_p, const struct season_part *parts, int n_parts, double alpha, uint64_t min_count)
{
	struct season_blame b = {whole_p < alpha, -1};
	double least = (b.is_whole ? fmax(alpha, 0.01) : alpha) / n_parts;

	for (int i = 0; i < n_parts; i++)
		if (parts[i].n >= min_count && parts[i].p < least) {
			least = parts[i].p;
			b.part = i;
		}
	return b;
}

/* ---- the slow leak ---- */

double
season_leak_next(double sum, const struct season_verdict *day)
{
	struct stats_rate d = {day->expected, day->shape};

	return day->expected > 0 ? stats_cusum_next(sum, d, FALLEN, day->observed) : sum;
}

double
season_leak_limit(double alpha)
{
	return -log(alpha);
}

/* ---- the budget ---- */

double
season_alpha(
    double pages_a_month, int series, const int64_t *windows_ms, int n_windows, int64_t interval_ms)
{
	double looks = 0;

	for (int i = 0; i < n_windows; i++)
		looks += 30 * 86400e3 / fmax((double)interval_ms, (double)windows_ms[i] / 16);
	return fmin(pages_a_month / (series * looks), 0.001);
}
