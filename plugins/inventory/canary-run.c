/*
 * canary-run.c - see canary-run.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/canary-run.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "plugins/common/answer.h"

#define REST 20                       /* a whole scan is followed by so many times its length */
#define LATE_SHARE 20                 /* who is late is read so often in the time it is late */
#define SEND_MIN_US 200000            /* with less of the run left nothing is written */
#define SLACK_US 30000                /* between the write's time limit and the run's end */

static enum tw_verdict poll(struct tw_ctx *ctx, struct inventory *s);
static enum tw_verdict write_next(struct tw_ctx *ctx, struct inventory *s);

/* From a callback. */
static enum tw_verdict
go_on(struct tw_ctx *ctx, struct inventory *s, enum tw_verdict v)
{
	return v == TW_OK ? run_go_on(ctx, s) : v;
}

static int64_t
left_us(const struct inventory *s)
{
	return mono_sub_us(s->end_at, mono_now());
}

/* ---- what systems show ---- */

/* Its place, or -1. */
static int
place_of(const struct canary_run *r, unsigned side)
{
	for (unsigned i = 0; i < r->c.n_sides; i++)
		if (r->at[i].side == side)
			return (int)i;
	return -1;
}

bool
canary_is_key(const struct inventory *s, const char *key, size_t len)
{
	const struct canary_run *r = s->canary;

	return len == r->key_len && memcmp(key, r->o->sku, len) == 0;
}

bool
canary_takes(struct inventory *s, unsigned side, const struct tw_batch *b)
{
	struct canary_run *r = s->canary;
	int i = place_of(r, side);
	struct canary_place *p = i >= 0 ? &r->at[i] : NULL;

	if (p == NULL || !p->is_reading || !(b->flags & TW_BATCH_ASKED))
		return false;
	p->has_answered |= (b->flags & TW_BATCH_LAST) && !(b->flags & TW_BATCH_UNCHANGED);
	p->was_scan |= !(b->flags & (TW_BATCH_KEYS | TW_BATCH_UNCHANGED));
	p->read_ms = b->read_ms;
	return (b->flags & TW_BATCH_KEYS) != 0; /* a scan is everybody's */
}

void
canary_take(struct inventory *s, unsigned side, const struct tw_record *record, int64_t read_ms)
{
	struct canary_run *r = s->canary;
	int i = place_of(r, side), at = i >= 0 ? s->columns[r->at[i].column].at : -1;
	int64_t cell;

	if (at < 0)
		return;
	r->at[i].has_shown = true;
	if (value_read(&s->columns[r->at[i].column].rules, &record->values[at], &cell) == NULL)
		canary_shows(&r->c, (unsigned)i, cell, read_ms, wall_now().ms);
}

/* ---- reading ---- */

static bool
is_anybody_waiting(const struct canary_run *r, int64_t now_ms)
{
	for (unsigned i = 0; i < r->c.n_sides; i++)
		if (canary_is_waiting(&r->c, i, now_ms))
			return true;
	return false;
}

static int64_t
at_least(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static enum tw_verdict
side_was_read(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;
	struct canary_run *r = s->canary;
	unsigned i = (unsigned)(uintptr_t)arg;
	struct canary_place *p = &r->at[i];
	int64_t now_ms = wall_now().ms, pending_ms, gap_us;

	if (s->is_over)
		return TW_PENDING;
	p->is_reading = false;
	r->n_reading--;
	if (p->has_answered && !p->has_shown)
		canary_shows(&r->c, i, CELL_ABSENT, p->read_ms, now_ms);
	pending_ms = canary_pending_ms(&r->c, i, now_ms);
	gap_us = p->was_scan
	    ? at_least(r->o->step, REST * mono_sub_us(mono_now(), p->asked_at)) : r->o->step;
	if (pending_ms > r->c.max_lag_ms)
		gap_us = at_least(gap_us, pending_ms * 1000 / LATE_SHARE);
	p->next_at = mono_add_us(p->asked_at, gap_us);
	if (r->c.newest == 0 && r->writes && r->n_reading == 0)
		return go_on(ctx, s, write_next(ctx, s));
	if (r->c.newest > 0 && !r->is_sending && !is_anybody_waiting(r, now_ms))
		return run_go_on(ctx, s);
	return TW_PENDING;
}

/* A system whose source cannot be asked now is asked at the next step. */
static void
read_side(struct tw_ctx *ctx, struct inventory *s, unsigned i)
{
	struct canary_run *r = s->canary;
	struct canary_place *p = &r->at[i];
	const struct side_more *m = &s->more[p->side];
	char key[3 * TABLE_KEY_MAX];
	const char *const keys[1] = {key};

	snprintf(key, sizeof(key), "%.*s%s%.*s", TABLE_KEY_MAX, m->prefix, r->o->sku,
	    TABLE_KEY_MAX, m->suffix);
	p->has_answered = p->has_shown = p->was_scan = false;
	p->asked_at = p->next_at = mono_now();
	p->is_reading = true;
	r->n_reading++;
	if (tw_api_->read(ctx, s->c->sides[p->side].name, keys, 1, side_was_read,
		(void *)(uintptr_t)i) == TW_PENDING)
		return;
	p->is_reading = false;
	r->n_reading--;
}

static enum tw_verdict
step(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;

	(void)arg;
	return s->is_over ? TW_PENDING : go_on(ctx, s, poll(ctx, s));
}

/* Who does not show the newest value yet is asked for it; the reference too, as long as anybody
 * is: does it still hold? */
static enum tw_verdict
poll(struct tw_ctx *ctx, struct inventory *s)
{
	struct canary_run *r = s->canary;
	int64_t now_ms = wall_now().ms;

	if (!is_anybody_waiting(r, now_ms))
		return TW_OK;
	for (unsigned i = 0; i < r->c.n_sides; i++)
		if ((i == 0 || canary_is_waiting(&r->c, i, now_ms)) && !r->at[i].is_reading
		    && mono_sub_us(mono_now(), r->at[i].next_at) >= 0)
			read_side(ctx, s, i);
	return tw_api_->after(ctx, r->o->step, step, NULL);
}

/* ---- writing ---- */

static enum tw_verdict
not_written(struct tw_ctx *ctx, struct inventory *s, enum canary_result result, const char *why)
{
	struct canary_run *r = s->canary;
	struct canary_write *w = canary_newest(&r->c);

	r->is_sending = false;
	snprintf(r->why, sizeof(r->why), "%.199s", why);
	tw_count(ctx, M_CANARY_WRITES, 1, "result", "failed");
	if (w->result != CANARY_OK) /* somebody may have shown it by now */
		w->result = result;
	return poll(ctx, s);
}

static enum tw_verdict
written(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	struct inventory *s = self;
	struct canary_run *r = s->canary;
	const struct demands demands = {
	    .assertions = r->assertions, .is_graphql = r->request.is_graphql};
	struct canary_write *w = canary_newest(&r->c);
	struct verdict v;
	json_t *root;

	if (s->is_over)
		return TW_PENDING;
	answer_judge(&demands, a, wall_now().ms, &root, &v);
	json_decref(root);
	w->status = a->status > 0 && a->status <= 999 ? a->status : 0;
	if (a->error != TW_HTTP_OK)
		return go_on(ctx, s, not_written(ctx, s, CANARY_UNSURE, v.text));
	if (v.outcome != OUTCOME_OK)
		return go_on(ctx, s, not_written(ctx, s, CANARY_FAILED, v.text));
	if (a->status < 200 || a->status > 299) {
		verdict_set(&v, OUTCOME_CLIENT_ERROR, "HTTP %d: a write follows no redirect",
		    (int)a->status);
		return go_on(ctx, s, not_written(ctx, s, CANARY_FAILED, v.text));
	}
	r->is_sending = false;
	w->result = CANARY_OK;
	tw_count(ctx, M_CANARY_WRITES, 1, "result", "ok");
	return go_on(ctx, s, poll(ctx, s));
}

static enum tw_verdict
send_write(struct tw_ctx *ctx, struct inventory *s)
{
	struct canary_run *r = s->canary;
	struct canary_write *w = canary_newest(&r->c);
	int64_t left = left_us(s) - SLACK_US;
	struct request_filled f;
	char text[32], why[200];
	enum tw_verdict v;

	snprintf(text, sizeof(text), "%" PRId64, w->value);
	if (left <= 0)
		return not_written(ctx, s, CANARY_FAILED, "no time of the run was left for it");
	if (value_set(&r->values.at[0], text, strlen(text)) != 0)
		return not_written(ctx, s, CANARY_FAILED, "out of memory");
	if (request_fill(ctx, &r->request, &r->names, &r->values, &f, why, sizeof(why)) != 0) {
		request_filled_clear(&f);
		return not_written(ctx, s, CANARY_FAILED, why);
	}
	w->sent_ms = wall_now().ms;
	v = tw_http(ctx, .url = buf_str(&f.url), .method = r->request.method,
	    .headers = f.headers, .n_headers = f.n,
	    .body = r->request.has_body ? buf_str(&f.body) : NULL, .body_len = f.body.len,
	    .max_redirects = -1, .timeout_us = left, .done = written);
	request_filled_clear(&f);
	return v;
}

static enum tw_verdict
committed(struct tw_ctx *ctx, void *self, void *arg)
{
	struct inventory *s = self;

	(void)arg;
	return s->is_over ? TW_PENDING : go_on(ctx, s, send_write(ctx, s));
}

static enum tw_verdict
write_next(struct tw_ctx *ctx, struct inventory *s)
{
	struct canary_run *r = s->canary;

	if (left_us(s) < SEND_MIN_US)
		return poll(ctx, s); /* the next run does it */
	canary_intend(&r->c, canary_next(&r->c), tw_api_->slot_ms(ctx), wall_now().ms);
	r->is_sending = true;
	r->why[0] = '\0';
	canary_keep(ctx, r);
	return tw_api_->commit(ctx, committed, NULL);
}

/* Before the first write: what do they show, and in words or numbers? */
static enum tw_verdict
look_first(struct tw_ctx *ctx, struct inventory *s)
{
	struct canary_run *r = s->canary;

	r->was_looked_at = true;
	for (unsigned i = 0; i < r->c.n_sides; i++)
		read_side(ctx, s, i);
	return r->n_reading > 0 ? TW_PENDING : write_next(ctx, s);
}

enum tw_verdict
canary_run(struct tw_ctx *ctx, struct inventory *s)
{
	struct canary_run *r = s->canary;

	if (r == NULL)
		return TW_OK;
	if (!r->writes || !canary_is_due(&r->c, tw_api_->slot_ms(ctx), wall_now().ms))
		return poll(ctx, s);
	return r->was_looked_at || r->c.newest > 0 ? write_next(ctx, s) : look_first(ctx, s);
}

void
canary_cut(struct tw_ctx *ctx, struct inventory *s)
{
	struct canary_run *r = s->canary;

	if (r == NULL)
		return;
	if (r->is_sending) {
		snprintf(r->why, sizeof(r->why), "no answer came before the run's end");
		tw_count(ctx, M_CANARY_WRITES, 1, "result", "failed");
	}
	r->is_sending = false;
	r->n_reading = 0;
	for (unsigned i = 0; i < r->c.n_sides; i++) {
		r->at[i].is_reading = false;
		r->at[i].next_at = mono_now();
	}
}
