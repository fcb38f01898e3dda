/*
 * season-internal.h - what the parts of a season share. Times here are bucket numbers: UTC since
 * 1970, or local, in units of the bucket.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef COMMON_SEASON_INTERNAL_H
#define COMMON_SEASON_INTERNAL_H

#include "plugins/common/season.h"

#define SEASON_SPANS_MAX 16
#define SEASON_SEASONS_MAX (SEASON_HISTORY_MAX * 7)
#define SEASON_DAY_WORDS 23 /* 1440 bits */
#define SEASON_CV 0.15      /* before anything is learnt */

struct season_page {
	int64_t day;
	bool is_dirty;
	uint64_t watched[SEASON_DAY_WORDS]; /* a bit a bucket */
	int summed[2];                      /* sums are right up to here */
	uint32_t *count[2];                 /* by bucket: all, good */
	uint32_t *sum[2];                   /* of the buckets before it */
	int64_t *value;                     /* thousandths */
	uint32_t room[];
};

struct season_span { /* from then on the wall is ahead of UTC by `offset` */
	int64_t from, offset;
};

struct season {
	struct season_opts opts;
	int per_day, period; /* buckets */
	int history, n_slots;
	int64_t now;       /* bucket; nothing after it */
	int64_t spans_day; /* the spans are of this UTC day and the history before it */
	int n_spans;
	struct season_span span[SEASON_SPANS_MAX + 1]; /* and an end */
	int64_t learnt_from,
	    learnt_until; /* the local day that the dispersion is of; empty: none */
	double cv, freedom;
	struct season_page *slot[];
};

struct season_tally {
	uint64_t count, good;
	int64_t watched; /* buckets */
};

struct season_window {
	struct season_tally now;
	struct season_tally past[SEASON_SEASONS_MAX];
	double distinct;     /* the share of the window whose local time is shown once */
	int needed;          /* seasons, for a judgement */
	int64_t from, until; /* buckets, cut */
};

/* season-page.c */
struct season_page *season_page_at(const struct season *, int64_t day);
struct season_page *season_page_make(struct season *, int64_t day, int *rc);
/* Adds what was watched of these buckets. */
void season_sum(const struct season *, int64_t from, int64_t until, struct season_tally *);
/* What events were worth there, and how many. */
double season_worth(const struct season *, int64_t from, int64_t until, uint64_t *count);
/* The first watched bucket at or after `from` (or until), and where watching ends. */
int64_t season_run(const struct season *, int64_t from, int64_t until, int64_t *end);

/* season-time.c */
void season_spans(struct season *, int64_t bucket);
int64_t season_local(const struct season *, int64_t utc);
/* Calls back for the part of local [from, from + n) that the wall showed, in runs of UTC. */
typedef void season_run_fn(const struct season *, int64_t from, int64_t until, void *arg);
void season_each(const struct season *, int64_t local, int64_t n, season_run_fn *, void *arg);
void season_gather(struct season *, int64_t until, int64_t buckets, struct season_window *);
/* season-calendar.c: what a local day is judged by. */
enum season_like { SEASON_AS_EVER, SEASON_AS_WEEKDAY, SEASON_AS_DATE, SEASON_EXCLUDED };
enum season_like season_like(const struct season_calendar *, int64_t day, int64_t *like_day);

/* season-learn.c: the dispersion as known on that local day, into s->cv and s->freedom. */
void season_learn(struct season *, int64_t bucket);

/* season.c */

/* Gathers the window that is asked for, at most what there is. */
void season_look(struct season *, int64_t until_ms, int64_t window_ms, struct season_window *);

struct season_chosen {
	int n, dropped;
	bool is_used[SEASON_SEASONS_MAX];
	double count, good, seasons; /* seasons: how many whole windows they make */
};

/* How unlikely season k is among the others, on its less likely side. */
typedef double season_fit_fn(const struct season_chosen *others, const struct season_tally *,
    double seasons, double dispersion);

/* All that were watched; then the least likely is dropped while it does not fit (p < 0.01), and
 * half of them and two are left. */
void season_choose(struct season_chosen *, const struct season *, const struct season_window *,
    season_fit_fn *, double dispersion);

static inline int64_t
season_floor(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

#endif
