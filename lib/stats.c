/*
 * stats.c - see stats.h.
 *
 * Negative binomial and binomial are regularized incomplete beta functions, by the continued
 * fraction of DLMF 8.17.22; the beta-binomial is summed from the tail's large end, where its terms
 * fall off. Each is computed on the side where it is small, so that a tiny tail keeps its digits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/stats.h"

#include <math.h>
#include <stdbool.h>

#define TURNS_MAX 100000
#define TINY 1e-300
#define ENOUGH 1e-15

/* ---- the beta function ---- */

/* The tail of Stirling's series for lgamma(x): lgamma(x) - ((x - 1/2) ln x - x + ln(2 pi) / 2).
 * DLMF 5.11.1; below 10 from lgamma itself. */
static double
stirling_tail(double x)
{
	double y = 1 / (x * x);
	int sign;

	if (x < 10)
		return lgamma_r(x, &sign) - (x - 0.5) * log(x) + x - 0.5 * log(2 * M_PI);
	return (1.0 / 12
		   - y * (1.0 / 360
			     - y * (1.0 / 1260
				       - y * (1.0 / 1680
						 - y * (1.0 / 1188 - y * 691.0 / 360360)))))
	       / x;
}

/* ln B(a, b). Large lgammas cancel; written with their Stirling tails the large parts are gone
 * before they are subtracted. */
static double
log_beta(double a, double b)
{
	double small = a < b ? a : b, large = a < b ? b : a, sum = a + b;
	int sign;

	if (large < 10)
		return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(sum, &sign);
	return stirling_tail(small) + stirling_tail(large) - stirling_tail(sum)
	       + 0.5 * log(2 * M_PI) - 0.5 * log(small) + small * log(small / sum)
	       - (large - 0.5) * log1p(small / large);
}

/* x ln(x / m) + m - x for x near m, without the cancellation. */
static double
deviance(double x, double m)
{
	double v = (x - m) / (x + m), v2 = v * v, s, term;

	if (fabs(v) > 0.1)
		return x * log(x / m) + m - x;
	/* x ln(x/m) = 2 x atanh(v); Loader, Fast and Accurate Computation of Binomial
	 * Probabilities (2000). */
	s = (x - m) * v;
	term = 2 * x * v;
	for (int j = 1; j < 1000; j++) {
		double before = s;

		term *= v2;
		s += term / (2 * j + 1);
		if (s == before)
			break;
	}
	return s;
}

/* ln of x^a y^b / B(a, b), where x + y = 1. */
static double
log_front(double a, double b, double x, double y)
{
	double n = a + b;

	if (a < 10 || b < 10)
		return a * log(x) + b * log(y) - log_beta(a, b);
	/* Around its peak at x = a / n: what is large there cancels on paper. */
	return -deviance(a, n * x) - deviance(b, n * y) + 0.5 * log(a * b / n / (2 * M_PI))
	       + stirling_tail(n) - stirling_tail(a) - stirling_tail(b);
}

/* The continued fraction of I_x(a, b), by Lentz' method; converges fast for x < (a+1)/(a+b+2). */
static double
fraction(double a, double b, double x)
{
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < TINY ? TINY : d);
	f = d;
	for (int i = 1; i <= TURNS_MAX; i++) {
		double even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i)),
		       odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1)), step;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = fabs(c) < TINY ? TINY : c;
		f *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = fabs(c) < TINY ? TINY : c;
		f *= step = d * c;
		if (fabs(step - 1) < ENOUGH)
			break;
	}
	return f;
}

/* I_x(a, b), y = 1 - x (given, because it may be tiny). */
static double
beta_tail(double a, double b, double x, double y)
{
	double front;

	if (x <= 0)
		return 0;
	if (y <= 0)
		return 1;
	front = exp(log_front(a, b, x, y));
	if (x < (a + 1) / (a + b + 2))
		return fmin(front * fraction(a, b, x) / a, 1);
	return fmax(1 - front * fraction(b, a, y) / b, 0);
}

/* ---- rates ---- */

struct stats_rate
stats_rate_predict(double events, double seasons, double cv)
{
	double shape = events + 0.5, most = 1 / (cv * cv);

	return (struct stats_rate){shape / seasons, shape < most ? shape : most};
}

static bool
is_rate(struct stats_rate d)
{
	return d.mean > 0 && isfinite(d.mean) && d.shape > 0 && isfinite(d.shape);
}

double
stats_rate_lower(struct stats_rate d, uint64_t x)
{
	double sum = d.shape + d.mean;

	return is_rate(d)
		   ? beta_tail(d.shape, (double)x + 1, d.shape / sum, d.mean / sum)
		   : NAN;
}

double
stats_rate_upper(struct stats_rate d, uint64_t x)
{
	double sum = d.shape + d.mean;

	if (!is_rate(d))
		return NAN;
	return x == 0 ? 1 : beta_tail((double)x, d.shape, d.mean / sum, d.shape / sum);
}

double
stats_cusum_next(double sum, struct stats_rate d, double factor, uint64_t x)
{
	double fallen = d.mean * factor;

	if (!is_rate(d) || !(factor > 0))
		return NAN;
	/* Of the two probabilities only what the mean is in remains. */
	sum += (double)x * (log(factor) + log((d.shape + d.mean) / (d.shape + fallen)))
	       + d.shape * log((d.shape + d.mean) / (d.shape + fallen));
	return sum > 0 ? sum : 0;
}

/* ---- ratios ---- */

struct stats_ratio
stats_ratio_predict(double successes, double failures, double sigma)
{
	struct stats_ratio d = {successes + 0.5, failures + 0.5};
	double sum = d.a + d.b, q = d.a / sum, most = 1 / (q * (1 - q) * sigma * sigma);

	if (sum > most) {
		d.a *= most / sum;
		d.b *= most / sum;
	}
	return d;
}

static bool
is_ratio(struct stats_ratio d)
{
	return d.a > 0 && isfinite(d.a) && d.b > 0 && isfinite(d.b);
}

/* P(X = k): C(n, k) B(k + a, n - k + b) / B(a, b). */
static double
ratio_at(struct stats_ratio d, double n, double k)
{
	return exp(log_beta(k + d.a, n - k + d.b) - log_beta(d.a, d.b)
		   - log_beta(k + 1, n - k + 1) - log(n + 1));
}

/* P(X <= k), summed downwards from k. */
static double
ratio_sum(struct stats_ratio d, double n, double k)
{
	double term = ratio_at(d, n, k), sum = 0;

	for (; k >= 0 && term > sum * ENOUGH / 10; k--) {
		sum += term;
		term *= k * (n - k + d.b) / ((n - k + 1) * (k - 1 + d.a));
	}
	return sum;
}

double
stats_ratio_lower(struct stats_ratio d, uint64_t n, uint64_t k)
{
	struct stats_ratio turned = {d.b, d.a};
	double mean = (double)n * d.a / (d.a + d.b);

	if (!is_ratio(d) || k > n)
		return NAN;
	if (k == n)
		return 1;
	if ((double)k <= mean)
		return fmin(ratio_sum(d, (double)n, (double)k), 1);
	return fmax(1 - ratio_sum(turned, (double)n, (double)(n - k - 1)), 0);
}

double
stats_ratio_upper(struct stats_ratio d, uint64_t n, uint64_t k)
{
	/* k successes or more are n - k failures or fewer. */
	return k > n ? (is_ratio(d) ? 0 : NAN)
		     : stats_ratio_lower((struct stats_ratio){d.b, d.a}, n, n - k);
}

double
stats_binomial_upper(uint64_t n, double p, uint64_t k)
{
	if (!(p >= 0 && p <= 1))
		return NAN;
	if (k == 0)
		return 1;
	return k > n ? 0 : beta_tail((double)k, (double)(n - k) + 1, p, 1 - p);
}

struct stats_interval
stats_wilson(uint64_t k, uint64_t n, double z)
{
	double count = (double)n, q = (double)k / count, z2 = z * z, middle, half;

	if (n == 0 || k > n)
		return (struct stats_interval){0, 1};
	middle = (q + z2 / (2 * count)) / (1 + z2 / count);
	half = z / (1 + z2 / count) * sqrt(q * (1 - q) / count + z2 / (4 * count * count));
	return (struct stats_interval){
	    k == 0 ? 0 : middle - half, k == n ? 1 : middle + half};
}

/* ---- thresholds ---- */

double
stats_silence_floor(double alpha, double cv)
{
	double shape = 1 / (cv * cv);

	if (!(alpha > 0 && alpha < 1))
		return NAN;
	/* (shape / (shape + mean))^shape = alpha */
	return cv > 0 ? shape * expm1(-log(alpha) / shape) : -log(alpha);
}
