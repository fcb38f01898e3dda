/*
 * season.c - judges a window by its seasons. See season.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/common/season.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "plugins/common/season-internal.h"

#define MS_PER_MIN 60000
#define HISTORY 4
#define UNFIT 0.01 /* a season less likely than this among the others is not used */
#define WATCHED_LEAST 0.9
#define WORTH_LEAST 30 /* orders, for a mean value */

/* ---- life ---- */

int
season_new(struct season **out, const struct season_opts *opts)
{
	int most = SEASON_HISTORY_MAX * (opts->is_daily ? 7 : 1),
	    history = opts->history > 0 ? opts->history : HISTORY * (opts->is_daily ? 7 : 1),
	    slots = history * (opts->is_daily ? 1 : 7) + 9;
	struct season *s;

	*out = NULL;
	if (opts->tz == NULL || opts->history < 0 || history > most
	    || (opts->bucket_min != 0 && opts->bucket_min != 1 && opts->bucket_min != 15)
	    || !(opts->dispersion >= 0 && opts->dispersion <= 10))
		return -EINVAL;
	s = calloc(1, sizeof(*s) + (size_t)slots * sizeof(*s->slot));
	if (s == NULL)
		return -ENOMEM;
	s->opts = *opts;
	if (s->opts.bucket_min == 0)
		s->opts.bucket_min = 1;
	s->per_day = 1440 / s->opts.bucket_min;
	s->period = s->per_day * (opts->is_daily ? 1 : 7);
	s->history = history;
	s->n_slots = slots;
	s->now = INT64_MIN / 4; /* nothing is taken before the first advance */
	s->learnt_from = s->learnt_until = INT64_MIN;
	*out = s;
	return 0;
}

void
season_free(struct season *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < s->n_slots; i++)
		free(s->slot[i]);
	free(s);
}

int
season_slots(const struct season *s)
{
	return s->n_slots;
}

void
season_advance(struct season *s, int64_t now_ms)
{
	int64_t now = season_floor(now_ms, (int64_t)s->opts.bucket_min * MS_PER_MIN),
		day = season_floor(now, s->per_day);

	if (now <= s->now)
		return;
	if (season_floor(s->now, s->per_day) != day)
		for (int i = 0; i < s->n_slots; i++)
			if (s->slot[i] != NULL && s->slot[i]->day <= day - s->n_slots) {
				free(s->slot[i]);
				s->slot[i] = NULL;
			}
	s->now = now;
}

/* ---- which seasons ---- */

void
season_look(struct season *s, int64_t until_ms, int64_t window_ms, struct season_window *w)
{
	int64_t size = (int64_t)s->opts.bucket_min * MS_PER_MIN, until, n;

	window_ms = window_ms < SEASON_WINDOW_MAX_MS ? window_ms : SEASON_WINDOW_MAX_MS;
	until = season_floor(until_ms, size);
	n = window_ms / size > 0 ? window_ms / size : 1;
	season_gather(s, until < s->now ? until : s->now, n, w);
}

static bool
is_enough(const struct season_window *w, int k)
{
	return w->now.watched > 0
	       && (double)w->past[k].watched >= WATCHED_LEAST * (double)w->now.watched;
}

static void
choose(struct season_chosen *c, const struct season_window *w, int k, int sign)
{
	c->is_used[k] = sign > 0;
	c->n += sign;
	c->count += sign * (double)w->past[k].count;
	c->good += sign * (double)w->past[k].good;
	c->seasons += sign * (double)w->past[k].watched / (double)w->now.watched;
}

static double
fit_count(
    const struct season_chosen *others, const struct season_tally *t, double seasons, double cv)
{
	struct stats_rate d = stats_rate_predict(others->count, others->seasons / seasons, cv);

	return fmin(stats_rate_lower(d, t->count), stats_rate_upper(d, t->count));
}

void
season_choose(struct season_chosen *c, const struct season *s, const struct season_window *w,
    season_fit_fn *fit, double dispersion)
{
	int all;

	*c = (struct season_chosen){0};
	for (int k = 0; k < s->history; k++)
		if (is_enough(w, k))
			choose(c, w, k, 1);
	for (all = c->n; c->n > 2 && 2 * (c->n - 1) >= all; c->dropped++) {
		double least = UNFIT;
		int worst = -1;

		for (int k = 0; k < s->history; k++) {
			struct season_chosen others = *c;
			double p;

			if (!c->is_used[k])
				continue;
			choose(&others, w, k, -1);
			p = fit(&others, &w->past[k],
			    (double)w->past[k].watched / (double)w->now.watched, dispersion);
			if (p < least) {
				least = p;
				worst = k;
			}
		}
		if (worst < 0)
			break;
		choose(c, w, worst, -1);
	}
}

/* ---- counts ---- */

/* The dispersion of a prediction from n seasons. A learnt one is not known exactly (one standard
 * error is added), and neither is the mean of n days that differ themselves. A fixed one is what
 * the user says of the prediction. */
static double
dispersion(const struct season *s, int n)
{
	double v = s->cv * s->cv;

	if (s->opts.dispersion > 0)
		return s->opts.dispersion;
	v *= (1 + sqrt(2 / s->freedom)) * (n > 0 ? 1 + 1.0 / n : 2);
	return fmin(sqrt(v), 0.5);
}

/* Certainly not below 0.001, whichever seasons would be chosen. */
static bool
is_fine(const struct season *s, const struct season_window *w)
{
	double most = 0, all = 0, cv = dispersion(s, s->history), x = (double)w->now.count;
	struct stats_rate d;
	int n = 0;

	for (int k = 0; k < s->history; k++) {
		double count = (double)w->past[k].count;

		if (!is_enough(w, k))
			continue;
		n++;
		all += count;
		most =
		    fmax(most, (count + 0.5) * (double)w->now.watched / (double)w->past[k].watched);
	}
	if (n < w->needed || x >= most)
		return true;
	/* Even if the best season were what to expect: 1.5 standard deviations below the mean of a
	 * negative binomial whose shape is 4 or more there is 0.01 and more. */
	if (cv <= 0.5 && x > most - 1.5 * sqrt(most + cv * cv * most * most))
		return true;
	d = stats_rate_predict(all, n, cv);
	d.mean = fmax(d.mean, most);
	return stats_rate_lower(d, w->now.count) > 0.005;
}

static struct stats_rate
predict(const struct season *s, const struct season_window *w, struct season_chosen *c, double *cv)
{
	struct stats_rate d;

	season_choose(c, s, w, fit_count, dispersion(s, s->history));
	*cv = dispersion(s, c->n);
	if (c->n < w->needed)
		return (struct stats_rate){0, 0};
	d = stats_rate_predict(c->count, c->seasons, *cv);
	/* An hour that is expected twice is known only once. */
	d.shape = fmin(d.shape, c->count * w->distinct + 0.5);
	return d;
}

double
season_p(struct season *s, int64_t until_ms, int64_t window_ms)
{
	struct season_window w;
	struct stats_rate d;
	struct season_chosen c;
	double cv;

	season_look(s, until_ms, window_ms, &w);
	if (w.now.watched == 0)
		return 1;
	season_learn(s, w.until);
	if (is_fine(s, &w))
		return 1;
	d = predict(s, &w, &c, &cv);
	return d.mean > 0 ? stats_rate_lower(d, w.now.count) : 1;
}

/* The least x with P(X <= x) >= p. */
static double
quantile(struct stats_rate d, double p)
{
	double far = d.mean + 20 * sqrt(d.mean + d.mean * d.mean / d.shape) + 20;
	uint64_t low = 0, high = (uint64_t)fmin(far, 1e12), mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (stats_rate_lower(d, mid) >= p)
			high = mid;
		else
			low = mid + 1;
	}
	return (double)low;
}

/* Two sums of money and their orders. */
struct worth {
	double value;
	uint64_t count;
};

static void
worth_run(const struct season *s, int64_t from, int64_t until, void *arg)
{
	struct worth *w = arg;

	w->value += season_worth(s, from, until, &w->count);
}

static void
price(const struct season *s, const struct season_window *w, struct season_verdict *v)
{
	struct worth past = {0, 0};
	int64_t local = season_local(s, w->from), n = w->until - w->from;
	double mean;

	if (!s->opts.has_value || v->expected <= 0)
		return;
	for (int k = 1; k <= s->history; k++)
		season_each(s, local - (int64_t)k * s->period, n, worth_run, &past);
	v->basis = SEASON_BASIS_SEASONS;
	if (past.count < WORTH_LEAST) {
		past = (struct worth){0, 0};
		worth_run(s, w->from - (int64_t)s->history * s->period, w->from, &past);
		v->basis = SEASON_BASIS_HISTORY;
	}
	if (past.count == 0) {
		v->basis = SEASON_BASIS_NONE;
		return;
	}
	mean = fmax(past.value / (double)past.count, 0);
	v->at_risk.low = fmax(v->band.low - (double)v->observed, 0) * mean;
	v->at_risk.high = fmax(v->band.high - (double)v->observed, 0) * mean;
}

void
season_judge(
    struct season *s, int64_t until_ms, int64_t window_ms, double alpha, struct season_verdict *v)
{
	struct season_window w;
	struct stats_rate d;
	struct season_chosen c;

	season_look(s, until_ms, window_ms, &w);
	season_learn(s, w.until);
	*v = (struct season_verdict){.observed = w.now.count,
	    .watched_ms = w.now.watched * s->opts.bucket_min * MS_PER_MIN,
	    .p = 1,
	    .floor_events = INFINITY,
	    .floor_ms = INFINITY,
	    .dispersion = dispersion(s, s->history)};
	if (w.now.watched == 0)
		return;
	d = predict(s, &w, &c, &v->dispersion);
	v->seasons = c.n;
	v->dropped = c.dropped;
	if (!(d.mean > 0))
		return;
	v->expected = d.mean;
	v->shape = d.shape;
	v->p = stats_rate_lower(d, w.now.count);
	v->band = (struct season_range){quantile(d, 0.025), quantile(d, 0.975)};
	if (alpha > 0 && alpha < 1) {
		v->floor_events = stats_silence_floor(alpha, 1 / sqrt(d.shape));
		v->floor_ms = v->floor_events / d.mean * (double)v->watched_ms;
	}
	price(s, &w, v);
}

double
season_dispersion(struct season *s, int64_t at_ms, double *freedom)
{
	season_learn(s, season_floor(at_ms, (int64_t)s->opts.bucket_min * MS_PER_MIN));
	*freedom = s->freedom;
	return s->cv;
}
