/*
 * season.h - is this too few? What the same local hours of earlier weeks say of a shop's orders.
 *
 *   add, covered          judge                       window: orders of [until - window, until)
 *   ------------>  pages  ------>  p, band, money     season k: the same local time k weeks before
 *                   |  ^
 *             save  v  | load      one blob a UTC day
 *
 * A season keeps one judged series: what happened in each bucket (a minute, or a quarter of an hour
 * where there are many series), and whether anybody watched. What was not watched is not a zero: it
 * is left out of the window and of the history alike. Buckets are of UTC, so a day of 23 or 25
 * hours has 23 or 25 of them; a season is found by the wall's clock, minute by minute. An hour that
 * the wall shows twice is expected twice; in the history its first showing stands for it, and an
 * hour that was never shown is one that nobody watched.
 *
 * The expectation is that of stats.h: gamma-Poisson for counts, beta-binomial for ratios. The
 * dispersion, what a day differs from its like beyond chance, is learnt from the days of the
 * history and shrunk towards 0.15 while there are few (season-learn.c). A season that does not fit
 * the others (p < 0.01), was watched for less than 90 % or is a special day is not used. Fewer than
 * two are not judged, so a young shop does not alarm; a day that is like one date needs only that.
 *
 * One thread at a time; never blocks; no clock of its own. Memory: 12 KiB a day a series by the
 * minute (23 KiB with money), 1 KiB by the quarter of an hour.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef COMMON_SEASON_H
#define COMMON_SEASON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stats.h"
#include "lib/tz.h"

#define SEASON_HISTORY_MAX 12               /* weeks; as days 84 */
#define SEASON_BLOB_MAX (48 * 1024)         /* no page's blob is longer */
#define SEASON_WINDOW_MAX_MS (48 * 3600000) /* longer windows are cut to it */

struct season;

/* ---- special days ---- */

struct season_calendar;
int season_calendar_new(struct season_calendar **out);
void season_calendar_free(struct season_calendar *);
/*
 * A day that is not like its weekday: "2026-11-27", or "12-25" of each year. like: a weekday
 * ("sunday"): judged by the last of those; a date ("2025-11-28"): judged by that day alone; NULL:
 * excluded, not judged. No special day is history for an ordinary one. 0; -EINVAL: not such a text;
 * -E2BIG: more than 400; -ENOMEM. The first that matches a date counts.
 */
int season_calendar_add(struct season_calendar *, const char *date, const char *like);

/* ---- one series ---- */

struct season_opts {
	const struct tz *tz;                    /* both outlive the season */
	const struct season_calendar *calendar; /* NULL: none */
	bool is_daily;                          /* a season is a day, not a week */
	bool has_good;                          /* counts what succeeded, too: a ratio */
	bool has_value;                         /* sums what events were worth */
	bool is_open;                           /* good ones are counted elsewhere: there may be
						 * more of them in a bucket than were tried */
	int history;                            /* seasons; 0: 4 weeks, or 28 days */
	int bucket_min;                         /* 1 or 15; 0: 1. Windows are whole buckets */
	double dispersion;                      /* 0: learnt; for ratios 0.15 on the logit scale */
};

/* 0, -EINVAL (options), -ENOMEM. */
int season_new(struct season **out, const struct season_opts *);
void season_free(struct season *);

/* The time is now_ms: nothing later is taken, and what is too old is forgotten. First of all, and
 * now and then; goes back only by a new season. */
void season_advance(struct season *, int64_t now_ms);
/* `count` events at that time, worth `value` together; `good` of them good (has_good; else 0).
 * 0; -ERANGE: older than the history, or later than now; -EINVAL: good > count, or no such value;
 * -EOVERFLOW: more than 2^32 a day; -ENOMEM. */
int season_add(struct season *, int64_t time_ms, uint32_t count, uint32_t good, double value);
/* All events of [from, until) are in, or will be: it was watched. Whole buckets only. */
int season_covered(struct season *, int64_t from_ms, int64_t until_ms);

/* All that was added in [from, until), watched or not; whole buckets only. */
struct season_total {
	uint64_t count, good;
	double value;
};
struct season_total season_total(const struct season *, int64_t from_ms, int64_t until_ms);

/* ---- judgement of a count ---- */

struct season_range {
	double low, high;
};

enum season_basis {
	SEASON_BASIS_NONE,    /* no money known */
	SEASON_BASIS_SEASONS, /* an order's mean value in the same hours of earlier seasons */
	SEASON_BASIS_HISTORY  /* ... in the whole history: the hours had fewer than 30 */
};

struct season_verdict {
	uint64_t observed;        /* events in the window, where it was watched */
	int64_t watched_ms;       /* of the window; special days that are excluded are not */
	double expected, shape;   /* the predictive distribution; expected 0: cannot tell */
	struct season_range band; /* 95 % of it */
	double p;                 /* P(this few or fewer); 1 when it cannot be judged */
	int seasons;              /* that were used */
	int dropped;              /* that did not fit the others */
	double dispersion;        /* that was used */
	/* The floor of detectability at alpha: so many events must be expected before their whole
	 * absence is found, which takes this long as things are. INFINITY: never. */
	double floor_events, floor_ms;
	/* What is not there may be worth this much: an estimate, never "lost". */
	struct season_range at_risk;
	enum season_basis basis;
};

/* Of [until - window, until), both cut to buckets. Takes some 50 us. */
void season_judge(
    struct season *, int64_t until_ms, int64_t window_ms, double alpha, struct season_verdict *out);
/* Its p alone, in well under a microsecond for a window that is clearly fine, whose p is given as
 * 1. What is below 0.001 is the same p. */
double season_p(struct season *, int64_t until_ms, int64_t window_ms);
/* How much days differ beyond chance, as far as it is known at that time: learnt from so many
 * degrees of freedom, and not yet widened by what is not known (season_verdict.dispersion is). */
double season_dispersion(struct season *, int64_t at_ms, double *freedom);

/* ---- judgement of a ratio (has_good) ---- */

struct season_ratio_verdict {
	uint64_t tried, good;
	int64_t watched_ms;
	double expected;                /* the ratio; NAN: cannot tell */
	struct season_range band;       /* 95 % of what is predicted for so many */
	struct stats_interval wilson;   /* 95 %: where the true ratio lies */
	double p;                       /* P(this few good or fewer) */
	uint64_t base_tried, base_good; /* what it is judged by */
	int seasons;                    /* 0: the whole history, as the hours had too few */
	double dispersion;
};
void season_judge_ratio(
    struct season *, int64_t until_ms, int64_t window_ms, struct season_ratio_verdict *out);

/* A whole (all payments) and its parts (by gateway). */
struct season_part {
	double p;
	uint64_t n;
};
struct season_blame {
	bool is_whole; /* the whole fires, and is what is reported */
	int part;      /* the one to blame: the largest -log10 p; -1: none stands out */
};
/* The parts share alpha; one with fewer than min_count is not judged. Where the whole fires, a part
 * is only named, and must be below 0.01 / parts. Nothing fires: {false, -1}. */
struct season_blame season_blame(
    double whole_p, const struct season_part *parts, int n_parts, double alpha, uint64_t min_count);

/* ---- the slow leak ---- */

/* One step of a CUSUM that looks for a mean fallen to 0.7 of itself; give it one whole local day at
 * a time: hours of one day share what the day differs by, and are no independent evidence. A
 * verdict without expectation leaves the sum as it is. */
double season_leak_next(double sum, const struct season_verdict *day);
/* The sum at which it fires: Wald's bound, ln(1 / alpha), which makes a false start of one step
 * reach it with probability alpha at most. */
double season_leak_limit(double alpha);

/* ---- the budget ---- */

/*
 * The alpha at which `series` healthy series, each judged by these windows at each interval,
 * page by mistake `pages_a_month` times (30 days) all together, or less:
 *
 *            pages_a_month             30 d
 *   alpha = ---------------,  looks = ------------------------------, all windows added up
 *           series x looks            max(interval, window / 16)
 *
 * Windows that overlap are not independent: counts that fall short stay short for a while, and that
 * is one page. For Poisson counts such a stay lasts window / (expected - observed), with 11 to 50
 * events short where alpha is about 1e-6; 16 takes the careful end. That is Poisson's bound: what
 * days differ by is left to the dispersion. A leak counts as a window of 16 days judged once a day:
 * pass it along. bench/alarms measures what comes of it: about a third of the budget is used.
 */
double season_alpha(double pages_a_month, int series, const int64_t *windows_ms, int n_windows,
    int64_t interval_ms);

/* ---- state ---- */

/* Pages lie in slots, a blob each: the key of a blob is its slot, which a later day takes over. */
int season_slots(const struct season *);
/* The next page that has changed since it was saved, from *slot (begin with 0) on. Its blob's
 * length, *slot its slot; 0: no more; -ENOSPC. */
int season_save(struct season *, int *slot, void *blob, size_t size);
/* Takes a blob back. 0; -EBADMSG: damaged; -EINVAL: of other options; -ERANGE: too old by now, or
 * of the future. Whatever is refused changes nothing. After season_advance. */
int season_load(struct season *, const void *blob, size_t len);

#endif
