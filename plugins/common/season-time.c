/*
 * season-time.c - which buckets a window is compared with. See season.h.
 *
 * The zone is asked once a day: what remains is a short list of spans with one offset each, over
 * the history and a day more, and a local time is found by walking it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/common/season-internal.h"

static int64_t
bucket_s(const struct season *s)
{
	return (int64_t)s->opts.bucket_min * 60;
}

void
season_spans(struct season *s, int64_t bucket)
{
	int64_t day = season_floor(bucket, s->per_day), size = bucket_s(s),
		from = (day - s->n_slots - 2) * s->per_day, end = (day + 3) * s->per_day, at_s;

	if (s->n_spans > 0 && s->spans_day == day)
		return;
	s->spans_day = day;
	s->n_spans = 0;
	for (at_s = from * size; from < end && s->n_spans < SEASON_SPANS_MAX;) {
		s->span[s->n_spans++] = (struct season_span){
		    from, season_floor(tz_offset(s->opts.tz, at_s, NULL), size)};
		at_s = tz_next_change(s->opts.tz, at_s);
		if (at_s >= end * size)
			break;
		from = -season_floor(-at_s, size);
	}
	s->span[s->n_spans].from = end;
}

static int
span_at(const struct season *s, int64_t utc)
{
	int i = s->n_spans - 1;

	while (i > 0 && s->span[i].from > utc)
		i--;
	return i;
}

int64_t
season_local(const struct season *s, int64_t utc)
{
	return utc + s->span[span_at(s, utc)].offset;
}

void
season_each(const struct season *s, int64_t local, int64_t n, season_run_fn *run, void *arg)
{
	int64_t until = local + n;

	for (int i = 0; i < s->n_spans && local < until; i++) {
		int64_t offset = s->span[i].offset, first = s->span[i].from + offset,
			end = s->span[i + 1].from + offset;

		if (end <= local)
			continue;
		/* What lies before this span's first minute was never shown. */
		local = local > first ? local : first;
		end = end < until ? end : until;
		if (local >= end)
			return;
		run(s, local - offset, end - offset, arg);
		local = end;
	}
}

/* ---- a window and its history ---- */

struct gathering {
	struct season *s;
	struct season_window *w;
	int64_t shown_until; /* local time up to which the window has shown the wall */
	int64_t repeated;
};

static void
sum_run(const struct season *s, int64_t from, int64_t until, void *arg)
{
	season_sum(s, from, until, arg);
}

static bool
is_ordinary(const struct season *s, int64_t local)
{
	int64_t like;

	return s->opts.calendar == NULL
	       || season_like(s->opts.calendar, season_floor(local, s->per_day), &like)
		      == SEASON_AS_EVER;
}

static void
gather_run(struct gathering *g, int64_t from, int64_t until, int64_t base, enum season_like like)
{
	struct season *s = g->s;
	struct season_window *w = g->w;
	int64_t period = like == SEASON_AS_WEEKDAY ? 7 * s->per_day : s->period;

	season_sum(s, from, until, &w->now);
	for (int k = 0; k < s->history; k++) {
		int64_t local = base - k * period;

		if (like == SEASON_AS_DATE && k > 0)
			break;
		if (like == SEASON_AS_DATE || is_ordinary(s, local))
			season_each(s, local, until - from, sum_run, &w->past[k]);
	}
}

/* A part of the window within one span, and one local day where there is a calendar. */
static void
gather_part(struct gathering *g, int64_t from, int64_t until)
{
	struct season *s = g->s;
	int64_t local = season_local(s, from), ahead = local - from, day, like_day, base, end;
	enum season_like like = SEASON_AS_EVER;

	base = local - s->period;
	if (s->opts.calendar != NULL) {
		day = season_floor(local, s->per_day);
		like = season_like(s->opts.calendar, day, &like_day);
		if (like == SEASON_EXCLUDED)
			return;
		if (like != SEASON_AS_EVER)
			base = like_day * s->per_day + local - day * s->per_day;
	}
	if (like == SEASON_AS_DATE)
		g->w->needed = 1;
	if (local < g->shown_until)
		g->repeated +=
		    (g->shown_until < until + ahead ? g->shown_until : until + ahead) - local;
	if (g->shown_until < until + ahead)
		g->shown_until = until + ahead;
	for (int64_t at = from; (at = season_run(s, at, until, &end)) < until; at = end)
		gather_run(g, at, end, base + at - from, like);
}

void
season_gather(struct season *s, int64_t until, int64_t buckets, struct season_window *w)
{
	struct gathering g = {s, w, INT64_MIN, 0};
	int64_t from = until - buckets;

	season_spans(s, until);
	w->now = (struct season_tally){0};
	for (int k = 0; k < s->history; k++)
		w->past[k] = (struct season_tally){0};
	w->needed = 2;
	w->from = from;
	w->until = until;
	while (from < until) {
		int64_t end = s->span[span_at(s, from) + 1].from, midnight;

		if (s->opts.calendar != NULL) {
			midnight = season_local(s, from);
			midnight = (season_floor(midnight, s->per_day) + 1) * s->per_day - midnight;
			end = end < from + midnight ? end : from + midnight;
		}
		end = end < until ? end : until;
		gather_part(&g, from, end);
		from = end;
	}
	w->distinct = 1 - (double)g.repeated / (double)buckets;
}
