/*
 * ratio-judge.c - a ratio and its parts against what they were. See ratio.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plugins/checkout/checkout.h"
#include "plugins/checkout/ratio.h"

#define PARTS_MAX (8 * (TRAFFIC_PARTS_MAX + 1))

struct labels {
	const char *pair[13];
	int n;
};

static void
label(struct labels *l, const char *name, const char *value)
{
	if (value == NULL)
		return;
	l->pair[l->n++] = name;
	l->pair[l->n++] = value;
	l->pair[l->n] = NULL;
}

static struct labels
labels_of(const struct series *s)
{
	struct labels l = {.n = 0};

	l.pair[0] = NULL;
	label(&l, "step", s->step);
	label(&l, "dimension", s->dimension);
	label(&l, "value", s->value);
	return l;
}

void
ratio_count(
    struct tw_ctx *ctx, void *kind, const struct series *s, const struct season_total *sum)
{
	struct labels l = labels_of(s);

	(void)kind;
	if (sum->count > 0)
		tw_api_->count(ctx, M_TRIED, (double)sum->count, l.pair);
	if (sum->good > 0)
		tw_api_->count(ctx, M_GOOD, (double)sum->good, l.pair);
}

static void
emit_bounds(struct tw_ctx *ctx, enum checkout_metric m, struct labels l, double low, double high)
{
	struct labels other = l;

	label(&l, "bound", "low");
	tw_api_->emit(ctx, m, low, l.pair);
	label(&other, "bound", "high");
	tw_api_->emit(ctx, m, high, other.pair);
}

static void
emit_verdict(struct tw_ctx *ctx, const struct series *s, const char *window,
    const struct season_ratio_verdict *v)
{
	struct labels l = labels_of(s), mid;

	if (v->tried == 0)
		return;
	label(&l, "window", window);
	tw_api_->emit(ctx, M_RATIO, (double)v->good / (double)v->tried, l.pair);
	emit_bounds(ctx, M_RATIO_WILSON, l, v->wilson.low, v->wilson.high);
	if (isnan(v->expected))
		return;
	mid = l;
	label(&mid, "bound", "mid");
	tw_api_->emit(ctx, M_RATIO_EXPECTED, v->expected, mid.pair);
	emit_bounds(ctx, M_RATIO_EXPECTED, l, v->band.low, v->band.high);
	tw_api_->emit(ctx, M_SURPRISE, traffic_surprise(v->p), l.pair);
}

/* A ratio that has no history of its own is not judged. */
static bool
is_judged(const struct season_ratio_verdict *v, int64_t min_count)
{
	return v->tried >= (uint64_t)min_count && !isnan(v->expected)
	       && v->base_tried >= 2 * (uint64_t)min_count;
}

struct parts {
	const struct series *series[PARTS_MAX];
	struct season_ratio_verdict verdict[PARTS_MAX];
	struct season_part judged[PARTS_MAX];
	int n;
};

static bool
is_of(const struct series *part, const struct series *whole)
{
	if (part->step == NULL || whole->step == NULL)
		return part->step == whole->step;
	return strcmp(part->step, whole->step) == 0;
}

static void
judge_parts(struct tw_ctx *ctx, const struct traffic *t, const struct series *whole, int64_t ms,
    int64_t min_count, unsigned kind, struct parts *p)
{
	char name[16];

	p->n = 0;
	for (int i = 0; i < t->n_series && p->n < PARTS_MAX; i++) {
		const struct series *s = t->series[i];
		struct season_ratio_verdict *v = &p->verdict[p->n];

		if (!s->is_part || (s->flags & SERIES_CAUSE) != kind || !is_of(s, whole))
			continue;
		season_judge_ratio(s->season, t->at.settled_ms, ms, v);
		/* The first window's are enough to see where it is. */
		if (ms == t->windows_ms[0])
			emit_verdict(ctx, s, traffic_window_name(ms, name), v);
		p->series[p->n] = s;
		p->judged[p->n++] = (struct season_part){
		    is_judged(v, min_count) ? v->p : 1, v->tried};
	}
}

static void
keep(struct ratio_finding *f, const struct ratio_finding *new)
{
	if (f->series == NULL || (new->fires && (!f->fires || new->verdict.p < f->verdict.p)))
		*f = *new;
}

/* Which of the parts (by gateway), or of the causes, is to blame? Where the whole does not fire,
 * one of them may. */
static void
blame(struct tw_ctx *ctx, const struct traffic *t, const struct series *whole, double whole_p,
    double alpha, int64_t min_count, int kind, struct ratio_finding *f)
{
	struct season_blame b;
	struct parts parts;

	judge_parts(
	    ctx, t, whole, f->window_ms, min_count, kind > 0 ? SERIES_CAUSE : 0, &parts);
	if (parts.n == 0)
		return;
	b = season_blame(whole_p, parts.judged, parts.n, alpha, (uint64_t)min_count);
	if (b.part < 0)
		return;
	f->blame[kind] = parts.series[b.part];
	if (b.is_whole || (f->fires && parts.judged[b.part].p >= f->verdict.p))
		return;
	f->fires = true;
	f->series = parts.series[b.part];
	f->verdict = parts.verdict[b.part];
}

static struct ratio_finding
judge_window(struct tw_ctx *ctx, const struct traffic *t, const struct series *whole,
    const char *test, double alpha, int64_t min_count, int64_t ms)
{
	struct ratio_finding f = {.window_ms = ms, .series = whole};
	struct labels l = {.n = 0};
	char name[16];
	double p;

	season_judge_ratio(whole->season, t->at.settled_ms, ms, &f.verdict);
	emit_verdict(ctx, whole, traffic_window_name(ms, name), &f.verdict);
	p = is_judged(&f.verdict, min_count) ? f.verdict.p : 1;
	f.fires = p < alpha;
	for (int kind = 0; kind < 2; kind++)
		blame(ctx, t, whole, p, alpha, min_count, kind, &f);
	label(&l, "test", test);
	label(&l, "window", name);
	label(&l, "step", whole->step);
	tw_api_->emit(ctx, M_ALARM, f.fires, l.pair);
	return f;
}

struct ratio_finding
ratio_judge(struct tw_ctx *ctx, const struct traffic *t, const struct series *whole,
    const char *test, double alpha, int64_t min_count)
{
	struct ratio_finding found = {.series = NULL};

	for (int i = 0; i < t->n_windows; i++) {
		struct ratio_finding f =
		    judge_window(ctx, t, whole, test, alpha, min_count, t->windows_ms[i]);

		keep(&found, &f);
	}
	return found;
}

const char *
ratio_sentence(const struct ratio_finding *f, const char *good, char *dst, size_t cap)
{
	const struct season_ratio_verdict *v = &f->verdict;
	char name[16], of[320] = "";
	size_t n = 0;

	for (int i = 0; i < 2; i++)
		if (f->blame[i] != NULL)
			n += (size_t)snprintf(of + n, sizeof(of) - n, "%s%s=%s",
			    n > 0 ? ", " : f->series->is_part ? "; only " : "; most of it ",
			    f->blame[i]->dimension, f->blame[i]->value);
	snprintf(dst, cap, "%llu of %llu %s in %s (%.1f %%) where %.1f to %.1f %% are usual%s",
	    (unsigned long long)v->good, (unsigned long long)v->tried, good,
	    traffic_window_name(f->window_ms, name),
	    v->tried > 0 ? 100 * (double)v->good / (double)v->tried : 0, 100 * v->band.low,
	    100 * v->band.high, of);
	return dst;
}
