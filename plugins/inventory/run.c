/*
 * run.c - a slot of the comparer.
 *
 *    scans that are due -> what they show, in pieces -> keys of what differs: references, -> judged
 *          |                                            then the others                     ^    |
 *          +--- they take longer than the run: judged by what is known ---------------------+    v
 *                                                           sales; the canary, until all show it
 *
 * DESIGN. The references are read first, then who must agree with them: what changes in between
 * shows as a value that the system has just changed, which is young again (compare.h). A run ends
 * by itself a little before its deadline; readings that are under way go on without it.
 *
 * Runs in: the loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/inventory/inventory.h"

#define RESERVE_SHARE 10              /* of a run's time is left for its end */
#define KEYS_BYTES (128 * 1024)       /* of keys in one reading */
#define KEYS_MAX 4096                 /* as many as the host takes at once */

static enum tw_verdict
end(struct tw_ctx *ctx, struct inventory *s)
{
	canary_cut(ctx, s);
	s->is_over = true;
	return report(ctx, s);
}

enum tw_verdict
run_go_on(struct tw_ctx *ctx, struct inventory *s)
{
	enum tw_verdict v = TW_OK;

	while (v == TW_OK && ++s->stage < STAGE_OVER)
		v = s->stage == STAGE_SALES ? sales_run(ctx, s) : canary_run(ctx, s);
	return v == TW_OK ? end(ctx, s) : v;
}

static enum tw_verdict
judged(struct tw_ctx *ctx, struct inventory *s)
{
	compare_confirm(s->c, wall_now().ms);
	return run_go_on(ctx, s);
}

/* ---- keys ---- */

static enum tw_verdict read_phase(struct tw_ctx *ctx, struct inventory *s);

static enum tw_verdict
side_was_read(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;

	if (s->is_over)
		return TW_PENDING;
	compare_asked_side(s->c, (unsigned)(uintptr_t)arg);
	if (--s->n_pending > 0)
		return TW_PENDING;
	s->phase++;
	return read_phase(ctx, s);
}

/* Whoever has not answered until now is not waited for. */
static enum tw_verdict
time_is_up(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;

	(void)arg;
	if (s->is_over)
		return TW_PENDING; /* the report is on its way */
	for (unsigned i = 0; s->stage == STAGE_COMPARE && i < s->c->n_sides; i++)
		if (s->c->sides[i].is_asked)
			compare_asked_side(s->c, i);
	if (s->stage == STAGE_COMPARE)
		compare_confirm(s->c, wall_now().ms);
	return end(ctx, s);
}

/* What is asked, as the side writes it. NULL: no memory. */
static const char **
keys_for(const struct inventory *s, unsigned side)
{
	size_t n = s->c->n_asked;
	const char **keys = calloc(n + 1, sizeof(*keys)), **written = NULL;

	for (size_t i = 0; keys != NULL && i < n; i++)
		keys[i] = table_key(s->c->table, s->c->asked[i]);
	if (keys != NULL)
		written = keys_as_written(&s->more[side], keys, n);
	free(keys);
	return written;
}

static enum tw_verdict
read_side(struct tw_ctx *ctx, struct inventory *s, unsigned side)
{
	const char **keys = keys_for(s, side);
	enum tw_verdict v;

	if (keys == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	compare_ask_side(s->c, side);
	v = tw_api_->read(ctx, s->c->sides[side].name, keys, s->c->n_asked, side_was_read,
	    (void *)(uintptr_t)side);
	s->n_pending += v == TW_PENDING;
	free(keys);
	return v;
}

/* All references at once, then all who must agree with them. */
static enum tw_verdict
read_phase(struct tw_ctx *ctx, struct inventory *s)
{
	enum tw_verdict v;

	for (; s->phase < 2; s->phase++) {
		for (unsigned i = 0; i < s->c->n_sides; i++)
			if (s->in_phase[i] == s->phase
			    && (v = read_side(ctx, s, i)) != TW_PENDING)
				return v;
		if (s->n_pending > 0)
			return TW_PENDING;
	}
	return judged(ctx, s);
}

/* Which sides are asked, and when: references first. */
static void
plan_sides(struct inventory *s)
{
	struct difference *d, *next;

	for (unsigned i = 0; i < s->c->n_sides; i++)
		s->in_phase[i] = -1;
	HASH_ITER(hh, s->c->open, d, next) {
		const struct rule *r = &s->c->rules[difference_rule(d)];

		if (!d->is_asked && !d->is_traced)
			continue;
		if (s->in_phase[r->source] < 0)
			s->in_phase[r->source] = 1;
		s->in_phase[r->reference] = 0;
	}
}

static enum tw_verdict
read_keys(struct tw_ctx *ctx, struct inventory *s)
{
	(void)compare_ask(s->c, wall_now().ms, (size_t)s->confirm_max, KEYS_BYTES);
	if (s->canary_options.write.url == NULL)
		(void)tracer_ask(&s->tracer, s->c, (uint32_t)s->tracers, KEYS_MAX);
	if (s->c->n_asked == 0)
		return judged(ctx, s);
	plan_sides(s);
	s->phase = 0;
	s->n_pending = 0;
	return read_phase(ctx, s);
}

/* ---- scans ---- */

/* What whole scans have shown, a piece at a time. */
static enum tw_verdict
settle(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;

	(void)arg;
	if (s->is_over)
		return TW_PENDING;
	if (compare_settle(s->c, SETTLE_ROWS))
		return tw_api_->after(ctx, 0, settle, NULL);
	return read_keys(ctx, s);
}

static enum tw_verdict
was_scanned(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;

	(void)arg;
	if (s->is_over || --s->n_scans_asked > 0)
		return TW_PENDING;
	return settle(ctx, s, NULL);
}

static bool
is_scan_due(const struct inventory *s, const struct side *side, int64_t now_ms)
{
	if (side->is_scanning || side->is_sampled)
		return false; /* it takes more than one run of the source, or has no end */
	return !side->is_whole || now_ms - side->scan_ms >= s->full_scan / 1000;
}

enum tw_verdict
run_slot(struct tw_ctx *ctx, struct inventory *s)
{
	int64_t left_us = tw_api_->left_us(ctx), now_ms = wall_now().ms;
	enum tw_verdict v;

	s->ctx = ctx;
	s->is_over = false;
	s->stage = STAGE_COMPARE;
	s->n_scans_asked = 0;
	left_us -= left_us / RESERVE_SHARE;
	s->end_at = mono_add_us(mono_now(), left_us);
	v = tw_api_->after(ctx, left_us, time_is_up, NULL);
	if (v != TW_PENDING)
		return v;
	for (unsigned i = 0; i < s->c->n_sides; i++) {
		if (!is_scan_due(s, &s->c->sides[i], now_ms))
			continue;
		v = tw_api_->read(ctx, s->c->sides[i].name, NULL, 0, was_scanned, NULL);
		if (v != TW_PENDING)
			return v;
		s->n_scans_asked++;
	}
	return s->n_scans_asked > 0 ? TW_PENDING : settle(ctx, s, NULL);
}
