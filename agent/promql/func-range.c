/*
 * func-range.c - functions of a window of samples. Extrapolation of rate, increase and delta:
 * Prometheus' documentation and its design note "rate extrapolation": to the window's edge when the
 * first or last sample is nearer than 1.1 mean steps, else by half a step; a counter is not
 * extrapolated below zero.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>

#include "agent/promql/func.h"

/* ---- counters ---- */

static double
extrapolation(const struct window *w, bool counter, double first, double change)
{
	size_t n = w->n;
	double span = (double)(w->t[n - 1] - w->t[0]) / 1e3, step = span / (double)(n - 1),
	       limit = step * 1.1;
	double before = (double)(w->t[0] - w->start) / 1e3,
	       after = (double)(w->end - w->t[n - 1]) / 1e3;

	if (before >= limit)
		before = step / 2;
	if (counter && change > 0 && first >= 0) {
		double to_zero = span * (first / change);

		if (to_zero < before)
			before = to_zero;
	}
	if (after >= limit)
		after = step / 2;
	return (span + before + after) / span;
}

static bool
all_hists(const struct window *w, size_t *hists)
{
	*hists = 0;
	for (size_t i = 0; w->h != NULL && i < w->n; i++)
		*hists += w->h[i] != NULL;
	return *hists == w->n;
}

static void
scale(struct hist *h, double f)
{
	for (uint32_t i = 0; i < h->n_pos; i++)
		h->pos[i].count *= f;
	for (uint32_t i = 0; i < h->n_neg; i++)
		h->neg[i].count *= f;
	h->zero_count *= f;
	h->count *= f;
	h->sum *= f;
}

static bool
hist_change(const struct window *w, bool counter, bool rate, struct hist **out)
{
	struct hist *h = hist_new_copy(w->h[w->n - 1]);
	double f;

	if (h == NULL || hist_add(h, w->h[0], -1) != 0)
		goto fail;
	/* A histogram that counts less than before was reset: what it had counts on top. */
	for (size_t i = 1; counter && i < w->n; i++)
		if (w->h[i]->count < w->h[i - 1]->count && hist_add(h, w->h[i - 1], 1) != 0)
			goto fail;
	f = extrapolation(w, counter, w->h[0]->count, h->count);
	scale(h, rate ? f / ((double)(w->end - w->start) / 1e3) : f);
	h->reset = HIST_GAUGE;
	*out = h;
	return true;
fail:
	hist_free(h);
	return false;
}

static bool
change(const struct window *w, bool counter, bool rate, double *v, struct hist **h)
{
	double total;
	size_t hists;

	if (w->n < 2)
		return false;
	if (all_hists(w, &hists))
		return hist_change(w, counter, rate, h);
	if (hists > 0)
		return false;
	total = w->v[w->n - 1] - w->v[0];
	for (size_t i = 1; counter && i < w->n; i++)
		if (w->v[i] < w->v[i - 1])
			total += w->v[i - 1];
	total *= extrapolation(w, counter, w->v[0], total);
	*v = rate ? total / ((double)(w->end - w->start) / 1e3) : total;
	return true;
}

bool
w_rate(const struct window *w, double *v, struct hist **h)
{
	return change(w, true, true, v, h);
}
bool
w_increase(const struct window *w, double *v, struct hist **h)
{
	return change(w, true, false, v, h);
}
bool
w_delta(const struct window *w, double *v, struct hist **h)
{
	return change(w, false, false, v, h);
}

static bool
last_two(const struct window *w, bool rate, double *v)
{
	size_t hists;
	double d;

	(void)all_hists(w, &hists);
	if (w->n < 2 || hists > 0)
		return false;
	d = w->v[w->n - 1] - w->v[w->n - 2];
	if (rate && d < 0)
		d = w->v[w->n - 1];
	*v = rate ? d / ((double)(w->t[w->n - 1] - w->t[w->n - 2]) / 1e3) : d;
	return true;
}

bool
w_irate(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	return last_two(w, true, v);
}
bool
w_idelta(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	return last_two(w, false, v);
}

/* ---- floats of a window ---- */

/* The window without its histograms, where there are any. False: nothing left. */
static bool
floats(const struct window *w, double **copy, size_t *n)
{
	*copy = malloc((w->n + 1) * sizeof(double));
	*n = 0;
	for (size_t i = 0; *copy != NULL && i < w->n; i++)
		if (w->h == NULL || w->h[i] == NULL)
			(*copy)[(*n)++] = w->v[i];
	if (*n > 0)
		return true;
	free(*copy);
	return false;
}

static double
kahan(const double *x, size_t n)
{
	double sum = 0, lost = 0;

	for (size_t i = 0; i < n; i++) {
		double t = sum + x[i];

		if (isinf(t))
			lost = 0;
		else
			lost += fabs(sum) >= fabs(x[i]) ? (sum - t) + x[i] : (x[i] - t) + sum;
		sum = t;
	}
	return isinf(sum) ? sum : sum + lost;
}

static bool
hist_total(const struct window *w, bool mean, struct hist **out)
{
	struct hist *h = hist_new_copy(w->h[0]);

	for (size_t i = 1; h != NULL && i < w->n; i++)
		if (hist_add(h, w->h[i], 1) != 0) {
			hist_free(h);
			return false;
		}
	if (h != NULL && mean)
		scale(h, 1 / (double)w->n);
	*out = h;
	return h != NULL;
}

bool
w_sum(const struct window *w, double *v, struct hist **h)
{
	size_t n, hists;
	double *x;

	if (all_hists(w, &hists))
		return hist_total(w, false, h);
	if (hists > 0 || !floats(w, &x, &n))
		return false;
	*v = kahan(x, n);
	free(x);
	return true;
}

bool
w_avg(const struct window *w, double *v, struct hist **h)
{
	size_t n, hists;
	double *x;

	if (all_hists(w, &hists))
		return hist_total(w, true, h);
	if (hists > 0 || !floats(w, &x, &n))
		return false;
	*v = kahan(x, n) / (double)n;
	if (isinf(*v)) {
		double mean = 0;
		bool infinite = false;

		for (size_t i = 0; i < n; i++) {
			infinite |= isinf(x[i]);
			mean += x[i] / (double)n;
		}
		if (!infinite)
			*v = mean;
	}
	free(x);
	return true;
}

static bool
extreme(const struct window *w, bool most, double *v)
{
	size_t n;
	double *x;

	if (!floats(w, &x, &n))
		return false;
	*v = x[0];
	for (size_t i = 1; i < n; i++)
		if (isnan(*v) || (most ? x[i] > *v : x[i] < *v))
			*v = x[i];
	free(x);
	return true;
}

bool
w_min(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	return extreme(w, false, v);
}
bool
w_max(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	return extreme(w, true, v);
}

bool
w_count(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	*v = (double)w->n;
	return true;
}

bool
w_present(const struct window *w, double *v, struct hist **h)
{
	(void)w;
	(void)h;
	*v = 1;
	return true;
}

static bool
one(const struct window *w, size_t i, double *v, struct hist **h)
{
	*v = w->v[i];
	if (w->h != NULL && w->h[i] != NULL)
		*h = hist_new_copy(w->h[i]);
	return true;
}

bool w_last(const struct window *w, double *v, struct hist **h) { return one(w, w->n - 1, v, h); }
bool w_first(const struct window *w, double *v, struct hist **h) { return one(w, 0, v, h); }

bool
w_ts_of_last(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	*v = (double)w->t[w->n - 1] / 1e3;
	return true;
}

bool
w_ts_of_first(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	*v = (double)w->t[0] / 1e3;
	return true;
}

static bool
ts_of_extreme(const struct window *w, bool most, double *v)
{
	double best = NAN;
	bool any = false;

	for (size_t i = 0; i < w->n; i++) {
		if (w->h != NULL && w->h[i] != NULL)
			continue;
		if (!any || isnan(best) || (most ? w->v[i] >= best : w->v[i] <= best)) {
			best = w->v[i];
			*v = (double)w->t[i] / 1e3;
		}
		any = true;
	}
	return any;
}

bool
w_ts_of_min(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	return ts_of_extreme(w, false, v);
}
bool
w_ts_of_max(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	return ts_of_extreme(w, true, v);
}

static bool
variance(const struct window *w, double *v)
{
	double mean = 0, m2 = 0, *x;
	size_t n;

	if (!floats(w, &x, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		double d = x[i] - mean;

		mean += d / (double)(i + 1);
		m2 += d * (x[i] - mean);
	}
	*v = m2 / (double)n;
	free(x);
	return true;
}

bool
w_stdvar(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	return variance(w, v);
}

bool
w_stddev(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	if (!variance(w, v))
		return false;
	*v = sqrt(*v);
	return true;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	if (isnan(x) || isnan(y))
		return isnan(y) - isnan(x);
	return (x > y) - (x < y);
}

static double
quantile(double q, double *x, size_t n)
{
	double rank, low;

	if (isnan(q))
		return NAN;
	if (q < 0 || q > 1)
		return q < 0 ? -INFINITY : INFINITY;
	qsort(x, n, sizeof(*x), ascending);
	rank = q * (double)(n - 1);
	low = floor(rank);
	return x[(size_t)low] * (1 - (rank - low))
	       + x[(size_t)fmin(low + 1, (double)(n - 1))] * (rank - low);
}

bool
w_quantile(const struct window *w, double *v, struct hist **h)
{
	size_t n;
	double *x;

	(void)h;
	if (!floats(w, &x, &n))
		return false;
	*v = quantile(w->param, x, n);
	free(x);
	return true;
}

bool
w_mad(const struct window *w, double *v, struct hist **h)
{
	double *x, median;
	size_t n;

	(void)h;
	if (!floats(w, &x, &n))
		return false;
	median = quantile(0.5, x, n);
	for (size_t i = 0; i < n; i++)
		x[i] = fabs(x[i] - median);
	*v = quantile(0.5, x, n);
	free(x);
	return true;
}

static bool
count_pairs(const struct window *w, bool resets, double *v)
{
	size_t n;
	double *x;

	*v = 0;
	if (!floats(w, &x, &n))
		return w->n > 0;
	for (size_t i = 1; i < n; i++)
		*v += resets ? x[i] < x[i - 1]
			     : x[i] != x[i - 1] && !(isnan(x[i]) && isnan(x[i - 1]));
	free(x);
	return true;
}

bool
w_changes(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	return count_pairs(w, false, v);
}
bool
w_resets(const struct window *w, double *v, struct hist **h)
{
	(void)h;
	return count_pairs(w, true, v);
}

/* ---- regression and smoothing ---- */

/* Least squares, time counted from `origin`: slope a second, and the value at the origin. */
static bool
regression(const struct window *w, int64_t origin, double *slope, double *at_origin)
{
	double n = 0, sx = 0, sy = 0, sxy = 0, sxx = 0;
	bool constant = true;

	for (size_t i = 0; i < w->n; i++) {
		double x = (double)(w->t[i] - origin) / 1e3;

		if (w->h != NULL && w->h[i] != NULL)
			return false;
		constant &= w->v[i] == w->v[0];
		n++;
		sx += x;
		sy += w->v[i];
		sxy += x * w->v[i];
		sxx += x * x;
	}
	if (n < 2)
		return false;
	if (constant) {
		*slope = isinf(w->v[0]) ? NAN : 0;
		*at_origin = isinf(w->v[0]) ? NAN : w->v[0];
		return true;
	}
	*slope = (sxy - sx * sy / n) / (sxx - sx * sx / n);
	*at_origin = sy / n - *slope * sx / n;
	return true;
}

bool
w_deriv(const struct window *w, double *v, struct hist **h)
{
	double at;

	(void)h;
	return regression(w, w->t[0], v, &at);
}

bool
w_predict_linear(const struct window *w, double *v, struct hist **h)
{
	double slope, at;

	(void)h;
	if (!regression(w, w->end, &slope, &at))
		return false;
	*v = at + slope * w->param;
	return true;
}

/* Double exponential smoothing: level by param, trend by param2. */
bool
w_holt_winters(const struct window *w, double *v, struct hist **h)
{
	double level, trend, *x;
	size_t n;

	(void)h;
	if (!floats(w, &x, &n))
		return false;
	if (n < 2) {
		free(x);
		return false;
	}
	level = x[0];
	trend = x[1] - x[0];
	for (size_t i = 1; i < n; i++) {
		double before = level, expected = level + trend;

		level = w->param * x[i] + (1 - w->param) * expected;
		trend = w->param2 * (level - before) + (1 - w->param2) * trend;
	}
	*v = level;
	free(x);
	return true;
}
