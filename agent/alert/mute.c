/*
 * mute.c - why an alert that fires is not told: silences, inhibition, times. None of them stops a
 * resolve.
 *
 * Called with the engine's lock held; nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/alert/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *
mute_silenced(const struct alert_engine *e, const struct labels *l, int64_t now_ms)
{
	for (size_t i = 0; i < e->n_silences; i++) {
		const struct silence *s = &e->silences[i];

		if (s->starts_ms <= now_ms && now_ms < s->ends_ms
		    && matchers_ok(s->matchers.at, s->matchers.n, l))
			return s->id;
	}
	return NULL;
}

/* Do both carry the same values of the labels that an inhibition asks for? */
static bool
equal_labels(const struct inhibit_rule *r, const struct labels *a, const struct labels *b)
{
	for (size_t i = 0; i < r->n_equal; i++)
		if (strcmp(labels_get(a, r->equal[i]), labels_get(b, r->equal[i])) != 0)
			return false;
	return true;
}

static bool
inhibits(const struct inhibit_rule *r, const struct inst *source, const struct inst *target,
    bool target_is_source)
{
	if (source == target || source->phase != ALERT_FIRING || source->gone)
		return false;
	if (!matchers_ok(r->source.at, r->source.n, source->labels)
	    || !equal_labels(r, source->labels, target->labels))
		return false;
	/* As in Alertmanager: two alerts that are both source and target do not silence each other.
	 */
	return !(target_is_source && matchers_ok(r->target.at, r->target.n, source->labels));
}

static const struct inst *
inhibited_by_rule(const struct alert_engine *e, const struct inhibit_rule *r, const struct inst *i)
{
	bool both = matchers_ok(r->source.at, r->source.n, i->labels);
	struct rule_alerts *a, *next;
	struct inst *s, *after;

	HASH_ITER(hh, e->by_rule, a, next)
	HASH_ITER(hh, a->by_fp, s, after)
	if (inhibits(r, s, i, both))
		return s;
	return NULL;
}

const struct inst *
mute_inhibited(const struct alert_engine *e, const struct inst *i)
{
	const struct inst *by;

	for (size_t k = 0; k < e->routing->n_inhibit; k++) {
		const struct inhibit_rule *r = &e->routing->inhibit[k];

		if (matchers_ok(r->target.at, r->target.n, i->labels)
		    && (by = inhibited_by_rule(e, r, i)) != NULL)
			return by;
	}
	return NULL;
}

/* ---- times ---- */

static bool
in_ranges(const struct alert_range *r, size_t n, int v)
{
	for (size_t i = 0; i < n; i++)
		if (v >= r[i].from && v <= r[i].to)
			return true;
	return n == 0;
}

static bool
in_minutes(const struct alert_times *t, int minute)
{
	for (size_t i = 0; i < t->n_minutes; i++)
		if (minute >= t->minutes[i].from && minute < t->minutes[i].to)
			return true;
	return t->n_minutes == 0;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month]
	       + (month == 1 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0));
}

/* Days of the month: -1 is its last; a range beyond the month's end is cut to it. */
static bool
in_days(const struct alert_times *t, const struct tm *tm)
{
	int last = days_in_month(tm->tm_year + 1900, tm->tm_mon);

	for (size_t i = 0; i < t->n_days; i++) {
		int from = t->days[i].from, to = t->days[i].to;

		from = from < 0 ? last + from + 1 : from;
		to = to < 0 ? last + to + 1 : to;
		if (from <= last && tm->tm_mday >= from && tm->tm_mday <= to)
			return true;
	}
	return t->n_days == 0;
}

bool
interval_contains(const struct alert_times *t, int64_t now_ms)
{
	time_t s = (time_t)(now_ms / 1000);
	struct tm tm;

	if (gmtime_r(&s, &tm) == NULL)
		return false;
	return in_minutes(t, tm.tm_hour * 60 + tm.tm_min)
	       && in_ranges(t->weekdays, t->n_weekdays, tm.tm_wday) && in_days(t, &tm)
	       && in_ranges(t->months, t->n_months, tm.tm_mon + 1)
	       && in_ranges(t->years, t->n_years, tm.tm_year + 1900);
}

static bool
any_contains(const struct alert_engine *e, const size_t *list, size_t n, int64_t now_ms)
{
	for (size_t i = 0; i < n; i++) {
		const struct interval *t = &e->routing->intervals[list[i]];

		for (size_t k = 0; k < t->n; k++)
			if (interval_contains(&t->times[k], now_ms))
				return true;
	}
	return false;
}

bool
mute_by_time(const struct alert_engine *e, const struct rt *route, int64_t now_ms)
{
	if (any_contains(e, route->mute, route->n_mute, now_ms))
		return true;
	return route->n_active > 0 && !any_contains(e, route->active, route->n_active, now_ms);
}

void
silence_clear(struct silence *s)
{
	for (size_t i = 0; s->texts != NULL && i < s->matchers.n; i++)
		free(s->texts[i]);
	free(s->texts);
	matcher_list_clear(&s->matchers);
	free(s->created_by);
	free(s->comment);
	*s = (struct silence){0};
}
