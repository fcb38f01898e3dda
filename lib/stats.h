/*
 * stats.h - how unlikely a count is: the tests that judge orders, conversions and errors at the
 * traffic that real shops have.
 *
 *   orders of an hour    rate    gamma-Poisson: what the same hours of earlier weeks predict
 *   12 of 20 authorized  ratio   beta-binomial: what the ratio was, and how much it varies by day
 *   3 errors of 40       budget  exact binomial: more than the budget's share would give?
 *   a slow leak          rate    CUSUM of the log-likelihood ratio, over many windows
 *
 * A tail is a probability in [0, 1], right to nine digits of itself down to 1e-290, also where it
 * is tiny: alarms are judged there. It takes time of the order of the terms that matter: for counts
 * the square root of them, for a ratio at most the count itself. NaN for parameters that make no
 * sense.
 *
 * Pure functions, any thread, no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_STATS_H
#define LIB_STATS_H

#include <stdint.h>

/* ---- rates ---- */

/* A negative binomial: counts of this mean, whose variance is mean + mean^2 / shape. */
struct stats_rate {
	double mean, shape;
};

/*
 * What `seasons` earlier windows with `events` events in all predict for the next one.
 *
 * The posterior of the rate under Jeffreys' prior is Gamma(events + 1/2, seasons) (Gelman et al.,
 * Bayesian Data Analysis, 3rd ed., 2.6 and 2.8); its mixture of Poissons is the negative binomial.
 * `cv` is the variation from day to day that Poisson knows nothing of (0.15 = 15 %): the shape is
 * at most 1 / cv^2. Little history means a small shape, and so no alarm. seasons > 0, cv >= 0.
 */
struct stats_rate stats_rate_predict(double events, double seasons, double cv);
double stats_rate_lower(struct stats_rate d, uint64_t x); /* P(X <= x): too few? */
double stats_rate_upper(struct stats_rate d, uint64_t x); /* P(X >= x): too many? */

/*
 * One step of Page's CUSUM (Biometrika 41, 1954) for a mean that fell to `factor` of itself (0.7:
 * lost a third): the log-likelihood ratio of x is added, and the sum never falls below 0. The sum
 * after x.
 */
double stats_cusum_next(double sum, struct stats_rate d, double factor, uint64_t x);

/* ---- ratios ---- */

/* A beta-binomial: successes out of n, where the ratio itself is Beta(a, b). */
struct stats_ratio {
	double a, b;
};

/*
 * What a baseline predicts for the next window.
 *
 * Beta(successes + 1/2, failures + 1/2) (Jeffreys), scaled down so that a + b is at most
 * 1 / (q (1 - q) sigma^2), q = a / (a + b): sigma is the variation from day to day on the logit
 * scale, whose derivative at q is 1 / (q (1 - q)). sigma 0 = none.
 */
struct stats_ratio stats_ratio_predict(double successes, double failures, double sigma);
double stats_ratio_lower(struct stats_ratio d, uint64_t n, uint64_t k); /* P(X <= k), k <= n */
double stats_ratio_upper(struct stats_ratio d, uint64_t n, uint64_t k); /* P(X >= k) */

/* P(X >= k) of n tries that succeed with probability p each; exact, no normal approximation. */
double stats_binomial_upper(uint64_t n, double p, uint64_t k);

/* Where the true ratio of k out of n lies, at z standard deviations (1.96: 95 %). E. B. Wilson,
 * J. Am. Stat. Assoc. 22 (1927). n = 0: [0, 1]. */
struct stats_interval {
	double low, high;
};
struct stats_interval stats_wilson(uint64_t k, uint64_t n, double z);

/* ---- thresholds ---- */

/* How many events must be expected before their complete silence is less likely than alpha: the
 * floor of what a rate test of that dispersion can find. INFINITY when it never can. */
double stats_silence_floor(double alpha, double cv);

#endif
