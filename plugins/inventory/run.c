/*
 * run.c - a slot of the comparer.
 *
 *    scans that are due ---> keys of what differs, from one side after the other ---> judged
 *          |                                                                           ^
 *          +--- they take longer than the run: judged by what is known ----------------+
 *
 * DESIGN. The references are read first, then who must agree with them: what changes in between
 * shows as a value that the system has just changed, which is young again (compare.h). A run ends
 * by itself a little before its deadline; readings that are under way go on without it.
 *
 * Runs in: the loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "plugins/inventory/inventory.h"

#define RESERVE_SHARE 10              /* of a run's time is left for its end */
#define KEYS_BYTES (200 * 1024)       /* of keys in one reading */

static enum tw_verdict
end(struct tw_ctx *ctx, struct inventory *s)
{
	s->is_over = true;
	return report(ctx, s);
}

static enum tw_verdict
time_is_up(struct tw_ctx *ctx, void *self, void *arg)
{
	(void)arg;
	return end(ctx, self);
}

/* ---- keys ---- */

static enum tw_verdict read_next(struct tw_ctx *ctx, struct inventory *s);

static enum tw_verdict
side_was_read(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;

	(void)arg;
	if (s->is_over)
		return TW_PENDING;
	compare_asked_side(s->c, s->order[s->at_order]);
	s->at_order++;
	return read_next(ctx, s);
}

/* The keys as the side writes them, in one piece: pointers, then texts. NULL: no memory. */
static const char **
keys_for(const struct inventory *s, unsigned side, size_t *n)
{
	const struct side_more *m = &s->more[side];
	size_t bytes = 0, affix = m->prefix_len + m->suffix_len + 1;
	const char **keys;
	char *at;

	for (*n = 0; *n < s->c->n_asked && bytes < KEYS_BYTES; (*n)++)
		bytes += strlen(table_key(s->c->table, s->c->asked[*n])) + affix;
	if ((keys = malloc(*n * sizeof(*keys) + bytes + 1)) == NULL)
		return NULL;
	at = (char *)(keys + *n);
	for (size_t i = 0; i < *n; i++) {
		const char *key = table_key(s->c->table, s->c->asked[i]);

		keys[i] = at;
		at = stpcpy(stpcpy(stpcpy(at, m->prefix), key), m->suffix) + 1;
	}
	return keys;
}

static enum tw_verdict
read_next(struct tw_ctx *ctx, struct inventory *s)
{
	unsigned side;
	const char **keys;
	enum tw_verdict v;
	size_t n;

	if (s->at_order == s->n_order) {
		compare_confirm(s->c, wall_now().ms);
		return end(ctx, s);
	}
	side = s->order[s->at_order];
	if ((keys = keys_for(s, side, &n)) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	s->c->n_asked = n; /* the rest comes with the next run */
	compare_ask_side(s->c, side);
	v = tw_api_->read(ctx, s->c->sides[side].name, keys, n, side_was_read, NULL);
	free(keys);
	return v;
}

/* The sides of what is asked: references first. */
static void
plan_sides(struct inventory *s)
{
	struct comparer *c = s->c;
	bool is_reference[SOURCES_MAX] = {false}, is_needed[SOURCES_MAX] = {false};
	struct difference *d, *next;

	HASH_ITER(hh, c->open, d, next)
		if (d->is_asked) {
			const struct rule *r = &c->rules[difference_rule(d)];

			is_needed[r->reference] = is_needed[r->source] = true;
			is_reference[r->reference] = true;
		}
	s->n_order = s->at_order = 0;
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < c->n_sides; i++)
			if (is_needed[i] && is_reference[i] == (pass == 0))
				s->order[s->n_order++] = i;
}

static enum tw_verdict
read_keys(struct tw_ctx *ctx, struct inventory *s)
{
	if (compare_ask(s->c, wall_now().ms, (size_t)s->confirm_max) == 0)
		return end(ctx, s);
	plan_sides(s);
	return read_next(ctx, s);
}

/* ---- scans ---- */

static enum tw_verdict
was_scanned(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;

	(void)arg;
	if (s->is_over || --s->n_scans_asked > 0)
		return TW_PENDING;
	return read_keys(ctx, s);
}

static bool
is_scan_due(const struct inventory *s, const struct side *side, int64_t now_ms)
{
	if (side->is_scanning)
		return false; /* it takes more than one run of the source */
	return !side->is_whole || now_ms - side->scan_ms >= s->full_scan / 1000;
}

enum tw_verdict
run_slot(struct tw_ctx *ctx, void *self)
{
	struct inventory *s = self;
	int64_t left_us = tw_api_->left_us(ctx), now_ms = wall_now().ms;
	enum tw_verdict v;

	if (!tw_has(read))
		return tw_fail(ctx, TW_UNKNOWN, "host", "this host cannot read a source again");
	s->ctx = ctx;
	s->is_over = false;
	s->n_scans_asked = 0;
	v = tw_api_->after(ctx, left_us - left_us / RESERVE_SHARE, time_is_up, NULL);
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
	return s->n_scans_asked > 0 ? TW_PENDING : read_keys(ctx, s);
}
