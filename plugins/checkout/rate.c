/*
 * rate.c - the kind `rate`: are there as many orders as this hour of the week has?
 *
 * Each window is judged by the seasons (common/season.h), and once a local day the slow leak. What
 * a test that fires means in money is said as a range, and only then.
 *
 * Runs in: callbacks of the probe. Nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/rate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/checkout/checkout.h"
#include "plugins/checkout/match.h"

const struct tw_option rate_rows[RATE_ROWS] = {
    TW_OPTION(struct rate_options, source, TW_STRING, .flags = TW_REQUIRED | TW_NAMES_SOURCE,
	.help = "the source whose records are counted: orders"),
    TW_OPTION(struct rate_options, match, TW_TREE,
	.help = "which of them: {field: value}; a list is any of its values; absent: all"),
    TW_OPTION(struct rate_options, value, TW_STRING,
	.help = "the field that says what one is worth; absent: `value`, where there is one"),
    BASELINE_ROWS(struct rate_options, "15m, 1h, 4h"),
};

struct leak {
	double sum;
	int64_t day;                    /* the last local day that was judged; 0 = none */
};

struct rate {
	const struct rate_options *o;
	struct traffic traffic;
	struct series *series;
	struct match match;
	struct match_places places;
	int value_at, currency_at;
	const char *currency;           /* the shop's; NULL = not said */
	double alpha;
	struct leak leak;
};

/* What a look found. */
struct finding {
	bool fires;
	struct season_verdict verdict;
	int64_t window_ms;
};

/* ---- records ---- */

static void
count_totals(
    struct tw_ctx *ctx, void *kind, const struct series *s, const struct season_total *sum)
{
	(void)kind;
	(void)s;
	tw_count(ctx, M_EVENTS, (double)sum->count);
	if (sum->value > 0)
		tw_count(ctx, M_VALUE, sum->value);
}

static bool
is_foreign(const struct rate *r, const struct tw_record *record)
{
	const struct tw_value *v = match_value_at(record, r->currency_at);

	return v != NULL && r->currency != NULL && v->type == TW_FIELD_TEXT
	       && (v->len != strlen(r->currency)
		   || strncasecmp(v->as.text, r->currency, v->len) != 0);
}

/* Currencies are never summed: what was paid in another one counts as the mean of the rest. */
static double
worth_of(struct rate *r, const struct tw_record *record)
{
	const struct tw_value *v = match_value_at(record, r->value_at);

	if (r->value_at < 0)
		return 0;
	return traffic_worth(&r->traffic, is_foreign(r, record) ? NULL : v);
}

static void
rate_records(struct tw_ctx *ctx, struct checkout *c, const struct tw_batch *b,
    const struct tw_record *records, size_t n)
{
	struct rate *r = c->rate;
	bool is_first;
	struct traffic_source *s = traffic_batch(&r->traffic, b, &is_first);

	if (s == NULL)
		return;
	if (is_first) {
		(void)match_find(&r->match, b->fields, b->n_fields, &r->places);
		r->value_at = match_place(
		    r->o->value != NULL ? r->o->value : "value", b->fields, b->n_fields);
		r->currency_at = match_place("currency", b->fields, b->n_fields);
	}
	for (size_t i = 0; i < n; i++) {
		const struct tw_record *record = tw_record_at(records, i);

		if (traffic_is_ours(s, record) && match_record(&r->match, &r->places, record))
			traffic_add(ctx, &r->traffic, r->series, record->time_ms, 1, 0,
			    worth_of(r, record));
	}
	traffic_settle(ctx, &r->traffic);
}

/* ---- judging ---- */

static void
emit_window(struct tw_ctx *ctx, const struct season_verdict *v, const char *window, bool fires)
{
	tw_emit(ctx, M_RATE_EVENTS, (double)v->observed, "window", window);
	tw_emit(ctx, M_ALARM, fires, "test", "rate", "window", window);
	if (v->expected <= 0)
		return;
	tw_emit(ctx, M_RATE_EXPECTED, v->expected, "window", window, "bound", "mid");
	tw_emit(ctx, M_RATE_EXPECTED, v->band.low, "window", window, "bound", "low");
	tw_emit(ctx, M_RATE_EXPECTED, v->band.high, "window", window, "bound", "high");
	tw_emit(ctx, M_SURPRISE, traffic_surprise(v->p), "window", window);
	if (isfinite(v->floor_ms))
		tw_emit(ctx, M_RATE_FLOOR, v->floor_ms / 1e3, "window", window);
}

/* The window that fires with the least p; when none does, the first one that can be judged. */
static struct finding
judge_windows(struct tw_ctx *ctx, struct rate *r)
{
	struct traffic *t = &r->traffic;
	struct finding found = {.fires = false};
	char name[16];

	for (int i = 0; i < t->n_windows; i++) {
		struct season_verdict v;
		bool fires;

		season_judge(
		    r->series->season, t->at.settled_ms, t->windows_ms[i], r->alpha, &v);
		fires = v.expected > 0 && v.p < r->alpha;
		emit_window(ctx, &v, traffic_window_name(t->windows_ms[i], name), fires);
		if (found.window_ms == 0 || (found.verdict.expected <= 0 && v.expected > 0)
		    || (fires && (!found.fires || v.p < found.verdict.p)))
			found = (struct finding){fires, v, t->windows_ms[i]};
	}
	return found;
}

/* One step a local day, when all of it is settled. */
static bool
judge_leak(struct tw_ctx *ctx, struct rate *r)
{
	const struct traffic *t = &r->traffic;
	int64_t settled_s = t->at.settled_ms / 1000, day, from, until;
	bool fires;

	day = (settled_s + tz_offset(t->tz, settled_s, NULL)) / 86400 - 1;
	if (t->at.settled_ms > 0 && day > r->leak.day) {
		from = tz_utc(t->tz, day * 86400) * 1000;
		until = tz_utc(t->tz, (day + 1) * 86400) * 1000;
		if (from >= t->at.covered_from_ms) {
			struct season_verdict v;

			season_judge(r->series->season, until, until - from, r->alpha, &v);
			r->leak.sum = season_leak_next(r->leak.sum, &v);
		}
		r->leak.day = day;
		tw_api_->state_put(ctx, "leak", &r->leak, sizeof(r->leak));
	}
	fires = r->leak.sum >= season_leak_limit(r->alpha);
	tw_emit(ctx, M_ALARM, fires, "test", "leak", "window", "1d");
	return fires;
}

static void
say_facts(struct tw_ctx *ctx, const struct rate *r, const struct finding *f)
{
	const struct season_verdict *v = &f->verdict;
	char name[16];

	tw_api_->fact_text(ctx, "window", traffic_window_name(f->window_ms, name));
	tw_api_->fact_real(ctx, "observed", (double)v->observed);
	if (v->expected <= 0) {
		tw_api_->fact_real(ctx, "learning_days",
		    (double)(r->traffic.at.settled_ms - r->traffic.at.covered_from_ms) / 864e5);
		return;
	}
	tw_api_->fact_real(ctx, "expected", v->expected);
	tw_api_->fact_real(ctx, "expected_low", v->band.low);
	tw_api_->fact_real(ctx, "expected_high", v->band.high);
	tw_api_->fact_real(ctx, "p", v->p);
	tw_api_->fact_real(ctx, "seasons", v->seasons);
	tw_api_->fact_real(ctx, "dispersion", v->dispersion);
	if (isfinite(v->floor_ms))
		tw_api_->fact_real(ctx, "outage_seen_after_minutes", v->floor_ms / 6e4);
}

static enum tw_verdict
fail_few(struct tw_ctx *ctx, const struct rate *r, const struct finding *f)
{
	const struct season_verdict *v = &f->verdict;
	char name[16], money[96] = "";
	const char *window = traffic_window_name(f->window_ms, name);

	if (v->basis != SEASON_BASIS_NONE) {
		tw_emit(ctx, M_AT_RISK, v->at_risk.low, "window", window, "bound", "low");
		tw_emit(ctx, M_AT_RISK, v->at_risk.high, "window", window, "bound", "high");
		snprintf(money, sizeof(money), "; at risk, as an estimate: %.0f to %.0f %s",
		    v->at_risk.low, v->at_risk.high, r->currency != NULL ? r->currency : "");
	}
	return tw_fail(ctx, TW_CRIT, "too_few",
	    "%llu in %s where %.0f to %.0f are usual (%.1f expected)%s",
	    (unsigned long long)v->observed, window, v->band.low, v->band.high, v->expected, money);
}

static enum tw_verdict
rate_probe(struct tw_ctx *ctx, struct checkout *c)
{
	struct rate *r = c->rate;
	struct finding found;
	bool leaks;

	if (traffic_freshness(ctx, &r->traffic) != TW_OK)
		return TW_UNKNOWN;
	traffic_publish(ctx, &r->traffic);
	found = judge_windows(ctx, r);
	leaks = judge_leak(ctx, r);
	say_facts(ctx, r, &found);
	if (found.fires)
		return fail_few(ctx, r, &found);
	return leaks ? tw_fail(ctx, TW_WARN, "leak",
			   "fewer than usual day by day: nearer to 70 %% of what is expected")
		     : TW_OK;
}

/* ---- life ---- */

static void
rate_stop(struct tw_ctx *ctx, struct checkout *c)
{
	(void)ctx;
	if (c->rate == NULL)
		return;
	traffic_stop(&c->rate->traffic);
	match_clear(&c->rate->match);
	free(c->rate);
	c->rate = NULL;
}

static enum tw_verdict
prepare(struct tw_ctx *ctx, struct rate *r)
{
	char err[128];
	const void *kept;
	size_t len;

	if (match_make(&r->match, r->o->match, err, sizeof(err)) != 0)
		return tw_api_->refuse(ctx, "rate/match", "%s", err);
	if (traffic_start(ctx, &r->traffic, &r->o->baseline, "rate", 0, count_totals, r) != TW_OK)
		return TW_UNKNOWN;
	r->currency = tw_api_->setting(ctx, "shop/currency");
	r->series = traffic_series(ctx, &r->traffic, NULL, NULL, NULL, SERIES_VALUE);
	if (r->series == NULL || traffic_source(&r->traffic, r->o->source) < 0)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	r->alpha = traffic_alpha(ctx, &r->traffic, 1, true);
	if ((kept = tw_api_->state_get(ctx, "leak", &len)) != NULL && len == sizeof(r->leak))
		memcpy(&r->leak, kept, len);
	return TW_OK;
}

static enum tw_verdict
rate_start(struct tw_ctx *ctx, struct checkout *c)
{
	struct rate *r = c->rate = calloc(1, sizeof(*r));

	if (r == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	r->o = &c->rate_options;
	if (prepare(ctx, r) == TW_OK)
		return TW_OK;
	rate_stop(ctx, c);
	return TW_UNKNOWN;
}

static void
rate_save(struct tw_ctx *ctx, struct checkout *c)
{
	traffic_save(ctx, &c->rate->traffic);
}

static bool
rate_is_given(const struct checkout *c)
{
	return c->rate_options.source != NULL;
}

const struct checkout_kind checkout_rate = {.name = "rate", .is_given = rate_is_given,
    .start = rate_start, .probe = rate_probe, .stop = rate_stop, .on_records = rate_records,
    .save = rate_save};
