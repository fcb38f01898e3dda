/*
 * budget.c - an objective ("99.9 % of requests are good, over 30 days"), how fast its error budget
 * burns, and who has to know.
 *
 * Source: Google, The Site Reliability Workbook, chapter 5, table 5-8 (a window fires when it and
 * a twelfth of it burn faster than the threshold; the threshold is the share of the budget that may
 * be spent * the objective's period / the window), with the ticket over a day that sloth adds. What
 * both leave out is low traffic: one error in sixty requests burns a budget of 99.9 % 16.7 times
 * too fast and says nothing. So a window fires only when so many errors would be improbable even at
 * the threshold (exact binomial, 1 - confidence) and are at least min_bad. And the opposite: a
 * shop whose few requests nearly all fail spends its budget too slowly for any of them; half of
 * them over six hours is an alarm of its own.
 *
 * DESIGN. Minutes of good and bad requests for three days, hours for the period; sums at each
 * judgement, no queries. The state is pages of six hours, of which only the newest changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"
#include "plugins/api/api.h"

#define MINUTE_MS 60000
#define HOUR_MS 3600000
#define PAGE 360                    /* minutes of a page */
#define PAGES 13                    /* three days, and the page that is being written */
#define MINUTES (PAGE * PAGES)
#define HOURS (90 * 24)             /* the longest period */
#define HALF_SHARE 0.5              /* of requests, bad, over HALF_MINUTES: the slow alarm */
#define HALF_MINUTES 360

struct count {
	uint32_t good, bad;
};
struct sum {
	double good, bad;
};

struct budget {
	struct slo slo;
	int64_t minute, hour;           /* the newest that is counted, since 1970 */
	struct count minutes[MINUTES], hours[HOURS];
	uint32_t changed;               /* bit N: page N; bit 31: hours */
};

static const struct window {
	const char *name, *severity;
	int minutes;
	double spent; /* share of the period's budget */
} windows[] = {
    {"1h", "page", 60, 0.02},
    {"6h", "page", 360, 0.05},
    {"1d", "ticket", 1440, 0.10},
    {"3d", "ticket", 4320, 0.10},
};
#define N_WINDOWS (sizeof(windows) / sizeof(windows[0]))

struct budget *
budget_new(const struct slo *slo)
{
	struct budget *b = calloc(1, sizeof(*b));

	if (b != NULL)
		b->slo = *slo;
	return b;
}

void
budget_free(struct budget *b)
{
	free(b);
}

/* ---- counting ---- */

static uint32_t
plus(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* The ring moves on: what lies between is empty. */
static void
advance(struct count *ring, int64_t size, int64_t *newest, int64_t to)
{
	int64_t from = *newest + 1;

	if (to - *newest > size)
		from = to - size + 1;
	for (; from <= to; from++)
		ring[from % size] = (struct count){0};
	*newest = to;
}

static void
count(struct count *ring, int64_t size, int64_t *newest, int64_t at, struct count n)
{
	if (at > *newest)
		advance(ring, size, newest, at);
	if (at <= *newest - size)
		return;
	ring[at % size].good = plus(ring[at % size].good, n.good);
	ring[at % size].bad = plus(ring[at % size].bad, n.bad);
}

void
budget_add(struct budget *b, int64_t time_ms, uint32_t good, uint32_t bad)
{
	int64_t minute = time_ms / MINUTE_MS;
	struct count n = {good, bad};

	if (time_ms <= 0)
		return;
	if (minute - b->minute >= PAGE)
		b->changed = UINT32_MAX; /* whole pages are emptied */
	else if (minute / PAGE != b->minute / PAGE)
		b->changed |= 1u << (b->minute / PAGE % PAGES);
	count(b->minutes, MINUTES, &b->minute, minute, n);
	count(b->hours, HOURS, &b->hour, time_ms / HOUR_MS, n);
	b->changed |= 1u << (minute / PAGE % PAGES) | 1u << 31;
}

static struct sum
sum(const struct count *ring, int64_t size, int64_t newest, int64_t end, int64_t n)
{
	struct sum s = {0, 0};

	for (int64_t at = end - n; at < end; at++)
		if (at >= 0 && at <= newest && at > newest - size) {
			s.good += ring[at % size].good;
			s.bad += ring[at % size].bad;
		}
	return s;
}

/* ---- judging ---- */

static double
period_days(const struct slo *slo)
{
	return (double)slo->window / 86400e6;
}

/* How many times faster than the period allows: what spends that share within the window. */
static double
threshold(const struct slo *slo, const struct window *w)
{
	return w->spent * period_days(slo) * 1440 / w->minutes;
}

static double
ratio(struct sum s)
{
	return s.good + s.bad > 0 ? s.bad / (s.good + s.bad) : 0;
}

/* More errors than chance would give even at the threshold? */
static bool
is_improbable(const struct slo *slo, struct sum s, double error_ratio)
{
	double n = s.good + s.bad;

	if (s.bad < (double)slo->min_bad)
		return false;
	return stats_binomial_upper((uint64_t)n, error_ratio < 1 ? error_ratio : 1, (uint64_t)s.bad)
	    < 1 - slo->confidence;
}

static bool
fires(const struct budget *b, const struct window *w, int64_t end, double *burn)
{
	double left = 1 - b->slo.objective, at = threshold(&b->slo, w) * left;
	struct sum all = sum(b->minutes, MINUTES, b->minute, end, w->minutes);
	struct sum last = sum(b->minutes, MINUTES, b->minute, end, w->minutes / 12);

	*burn = ratio(all) / left;
	return ratio(all) > at && ratio(last) > at && is_improbable(&b->slo, all, at);
}

static bool
half_fails(const struct budget *b, int64_t end)
{
	struct sum s = sum(b->minutes, MINUTES, b->minute, end, HALF_MINUTES);
	struct sum last = sum(b->minutes, MINUTES, b->minute, end, HALF_MINUTES / 12);

	return s.bad >= (double)b->slo.min_bad && ratio(s) >= HALF_SHARE && last.bad > 0
	    && is_improbable(&b->slo, s, 1 - b->slo.objective);
}

static double
budget_left(const struct budget *b)
{
	int64_t n = b->slo.window / 1000 / HOUR_MS;
	struct sum s = sum(b->hours, HOURS, b->hour, b->hour + 1, n < HOURS ? n : HOURS);
	double allowed = (s.good + s.bad) * (1 - b->slo.objective);

	return allowed > 0 ? 1 - s.bad / allowed : 1;
}

enum tw_verdict
budget_judge(struct tw_ctx *ctx, struct budget *b, int64_t complete_ms)
{
	int64_t end = complete_ms / MINUTE_MS;
	bool pages = half_fails(b, end), tickets = false;
	const char *why = pages ? "6h" : NULL;
	double burn;

	for (size_t i = 0; i < N_WINDOWS; i++) {
		const struct window *w = &windows[i];
		bool is_on = fires(b, w, end, &burn);

		tw_emit(ctx, SLO_BURN, burn, "window", w->name);
		tw_emit(ctx, SLO_RATIO, burn * (1 - b->slo.objective), "window", w->name);
		*(w->severity[0] == 'p' ? &pages : &tickets) |= is_on;
		if (is_on && why == NULL)
			why = w->name;
	}
	tw_emit(ctx, SLO_LEFT, budget_left(b));
	tw_emit(ctx, SLO_ALARM, pages, "severity", "page");
	tw_emit(ctx, SLO_ALARM, tickets, "severity", "ticket");
	if (!pages && !tickets)
		return TW_OK;
	return tw_fail(ctx, pages ? TW_CRIT : TW_WARN, "budget",
	    "errors spend the budget of %.4g %% too fast (over %s; %.0f %% of it is left)",
	    b->slo.objective * 100, why, budget_left(b) * 100);
}

const char *
budget_lint(const struct slo *slo, char *dst, size_t cap)
{
	size_t n = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < N_WINDOWS; i++)
		if (threshold(slo, &windows[i]) * (1 - slo->objective) >= 1 && n < cap)
			n += (size_t)snprintf(dst + n, cap - n, "%s%s", n > 0 ? ", " : "",
			    windows[i].name);
	return n > 0 ? dst : NULL;
}

/* ---- state ---- */

void
budget_save(struct tw_ctx *ctx, struct budget *b)
{
	int64_t newest[2] = {b->minute, b->hour};
	char key[24];

	if (b->changed == 0)
		return;
	for (int i = 0; i < PAGES; i++) {
		if (!(b->changed & 1u << i))
			continue;
		snprintf(key, sizeof(key), "slo/minutes/%d", i);
		tw_api_->state_put(
		    ctx, key, &b->minutes[i * PAGE], PAGE * sizeof(b->minutes[0]));
	}
	tw_api_->state_put(ctx, "slo/hours", b->hours, sizeof(b->hours));
	tw_api_->state_put(ctx, "slo/newest", newest, sizeof(newest));
	b->changed = 0;
}

void
budget_restore(struct tw_ctx *ctx, struct budget *b)
{
	const void *kept;
	int64_t newest[2];
	char key[24];
	size_t len;

	if ((kept = tw_api_->state_get(ctx, "slo/newest", &len)) == NULL || len != sizeof(newest))
		return;
	memcpy(newest, kept, len);
	if (newest[0] < 0 || newest[1] < 0)
		return;
	b->minute = newest[0];
	b->hour = newest[1];
	for (int i = 0; i < PAGES; i++) {
		snprintf(key, sizeof(key), "slo/minutes/%d", i);
		if ((kept = tw_api_->state_get(ctx, key, &len)) != NULL
		    && len == PAGE * sizeof(b->minutes[0]))
			memcpy(&b->minutes[i * PAGE], kept, len);
	}
	if ((kept = tw_api_->state_get(ctx, "slo/hours", &len)) != NULL
	    && len == sizeof(b->hours))
		memcpy(b->hours, kept, len);
}
