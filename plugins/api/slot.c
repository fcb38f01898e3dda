/*
 * slot.c - requests counted in the slot of their own time; see api.h.
 *
 * What a slot that is still open has counted is a part of the state ("open/N"), so that a restart
 * neither loses nor doubles a request:
 *
 *     u8 version, i64 end_ms, { u32 outcomes[OUTCOME_N], blob histogram } a cell
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/api/api.h"

#define STATE_VERSION 1
#define STATE_BYTES (64 * 1024)

static void
cells_free(struct api *s, struct slot *slot)
{
	for (uint32_t i = 0; slot->cells != NULL && i < s->n_cells; i++)
		cell_clear(&slot->cells[i]);
	free(slot->cells);
	slot->cells = NULL;
	slot->end_ms = 0;
}

void
slot_free(struct api *s)
{
	for (int i = 0; i < SLOTS_MAX; i++)
		cells_free(s, &s->slots[i]);
}

static bool
slot_make(struct api *s, struct slot *slot, int64_t end_ms)
{
	if ((slot->cells = calloc(s->n_cells, sizeof(*slot->cells))) == NULL)
		return false;
	for (uint32_t i = 0; i < s->n_cells; i++)
		cell_init(&slot->cells[i]);
	slot->end_ms = end_ms;
	return true;
}

static struct slot *
oldest(struct api *s)
{
	struct slot *found = NULL;

	for (int i = 0; i < SLOTS_MAX; i++)
		if (s->slots[i].end_ms != 0
		    && (found == NULL || s->slots[i].end_ms < found->end_ms))
			found = &s->slots[i];
	return found;
}

static void
publish_cell(struct tw_ctx *ctx, const struct api *s, struct cell *c, uint32_t i)
{
	const char *route = route_label(s, i);
	const struct hist *seconds = cell_seconds(c);
	struct tw_bucket buckets[HIST_BUCKETS_MAX];
	struct tw_histogram h = {.size = sizeof(h), .n_buckets = seconds->n_pos,
	    .count = (uint64_t)seconds->count, .zero_count = (uint64_t)seconds->zero_count,
	    .sum = seconds->sum, .buckets = buckets};

	for (int o = 0; o < OUTCOME_N; o++)
		if (c->outcome[o] > 0)
			tw_count(ctx, REQUESTS, c->outcome[o], "route", route, "outcome",
			    outcome_names[o]);
	if (h.count == 0)
		return;
	for (uint32_t b = 0; b < seconds->n_pos; b++)
		buckets[b] = (struct tw_bucket){
		    seconds->pos[b].idx, (uint64_t)seconds->pos[b].count};
	tw_api_->observe_all(
	    ctx, DURATION, &h, (const char *const[]){"route", route, NULL});
}

static void
count_budget(struct api *s, const struct slot *slot)
{
	uint32_t good = 0, bad = 0;

	for (uint32_t i = 0; i < s->n_cells; i++) {
		const uint32_t *n = slot->cells[i].outcome;
		uint32_t client = n[OUTCOME_CLIENT_ERROR], throttled = n[OUTCOME_THROTTLED];

		good += n[OUTCOME_OK] + n[OUTCOME_PARTIAL];
		bad += n[OUTCOME_SERVER_ERROR] + n[OUTCOME_BUSINESS_ERROR];
		*(s->slo.count_client_errors ? &bad : &good) += client;
		*(s->slo.count_throttled ? &bad : &good) += throttled;
	}
	budget_add(s->budget, slot->end_ms - 1, good, bad);
}

/* Its requests become a part of the totals, which are published at its end. */
static void
close_one(struct tw_ctx *ctx, struct api *s, struct slot *slot)
{
	char key[24];

	for (uint32_t i = 0; i < s->n_cells; i++)
		publish_cell(ctx, s, &slot->cells[i], i);
	if (s->budget != NULL)
		count_budget(s, slot);
	if (slot->end_ms > s->closed_ms) {
		s->closed_ms = slot->end_ms;
		tw_api_->publish(ctx, slot->end_ms);
	}
	snprintf(key, sizeof(key), "open/%d", (int)(slot - s->slots));
	tw_api_->state_put(ctx, key, NULL, 0);
	if (s->newest == slot)
		s->newest = NULL;
	cells_free(s, slot);
}

/* Slots without a request are published too: a rate needs to see that nothing happened. */
static void
publish_empty(struct tw_ctx *ctx, struct api *s, int64_t until_ms)
{
	int64_t step_ms = s->step / 1000, from_ms = s->closed_ms + step_ms;

	if (s->closed_ms == 0) { /* from here on we know */
		s->closed_ms = until_ms;
		return;
	}
	if (until_ms - s->closed_ms > SLOTS_MAX * step_ms)
		from_ms = until_ms - until_ms % step_ms; /* of a long gap the end alone */
	for (; from_ms <= until_ms; from_ms += step_ms) {
		s->closed_ms = from_ms;
		tw_api_->publish(ctx, from_ms);
	}
}

void
slot_close(struct tw_ctx *ctx, struct api *s)
{
	struct slot *slot;

	while ((slot = oldest(s)) != NULL && slot->end_ms <= s->complete_ms) {
		if (s->closed_ms > 0 && slot->end_ms - s->step / 1000 > s->closed_ms)
			publish_empty(ctx, s, slot->end_ms - s->step / 1000);
		close_one(ctx, s, slot);
	}
	if (s->complete_ms > s->closed_ms + s->step / 1000)
		publish_empty(ctx, s, s->complete_ms - s->complete_ms % (s->step / 1000));
}

/* The open slot of that end. What is older than all that is open goes into the oldest. */
static struct slot *
slot_at(struct tw_ctx *ctx, struct api *s, int64_t end_ms)
{
	struct slot *found = NULL, *old;

	if (end_ms <= s->closed_ms) {
		tw_count(ctx, LATE, 1);
		if ((old = oldest(s)) != NULL)
			return old;
		end_ms = s->closed_ms + s->step / 1000;
	}
	for (int i = 0; i < SLOTS_MAX; i++)
		if (s->slots[i].end_ms == end_ms)
			return &s->slots[i];
		else if (s->slots[i].end_ms == 0 && found == NULL)
			found = &s->slots[i];
	if (found == NULL && (found = oldest(s)) != NULL)
		close_one(ctx, s, found);
	return found != NULL && slot_make(s, found, end_ms) ? found : NULL;
}

static const struct tw_value *
value(const struct tw_record *r, int at)
{
	return at >= 0 ? &r->values[at] : NULL;
}

static enum outcome
outcome_of(const struct api *s, const struct tw_record *r, double seconds)
{
	const struct tw_value *v = value(r, s->at.status);
	int64_t status = v != NULL && v->type == TW_FIELD_INT ? v->as.integer : 0;

	if (r->flags & (TW_RECORD_SYNTHETIC | TW_RECORD_BOT))
		return OUTCOME_IGNORED;
	if (status <= 0 || status >= STATUS_MAX)
		return OUTCOME_SERVER_ERROR;
	/* nginx: the client went away. Whether it gave up on us is told by how long it waited. */
	if (status == 499 && s->client_timeout > 0 && seconds >= (double)s->client_timeout / 1e6)
		return OUTCOME_SERVER_ERROR;
	return (enum outcome)s->by_status[status];
}

void
slot_count(struct tw_ctx *ctx, struct api *s, const struct tw_record *r)
{
	const struct tw_value *duration = value(r, s->at.duration);
	bool has_seconds = duration != NULL && duration->type == TW_FIELD_REAL;
	double seconds = has_seconds ? duration->as.real : 0;
	enum outcome o = outcome_of(s, r, seconds);
	int64_t step_ms = s->step / 1000;
	struct cell *c;

	if (r->flags & TW_RECORD_HISTORY) {
		if (s->budget != NULL && o != OUTCOME_IGNORED)
			budget_add(s->budget, r->time_ms, o != OUTCOME_SERVER_ERROR,
			    o == OUTCOME_SERVER_ERROR);
		return;
	}
	if (s->newest == NULL || r->time_ms >= s->newest->end_ms
	    || r->time_ms < s->newest->end_ms - step_ms)
		s->newest = slot_at(ctx, s, (r->time_ms / step_ms + 1) * step_ms);
	if (s->newest == NULL)
		return; /* out of memory */
	s->newest->is_changed = true;
	c = &s->newest->cells[route_of(s, value(r, s->at.method), value(r, s->at.path))];
	c->outcome[o]++;
	if (has_seconds && o != OUTCOME_IGNORED && seconds >= 0)
		cell_observe(c, seconds);
}

/* ---- state ---- */

static void
save_one(struct tw_ctx *ctx, struct api *s, struct slot *slot, uint8_t *bytes)
{
	size_t n = 1 + sizeof(slot->end_ms), piece;
	char key[24];

	bytes[0] = STATE_VERSION;
	memcpy(bytes + 1, &slot->end_ms, sizeof(slot->end_ms));
	for (uint32_t i = 0; i < s->n_cells; i++, n += piece)
		if ((piece = cell_put(bytes + n, STATE_BYTES - n, &slot->cells[i])) == 0)
			return; /* cannot be: 50 cells of 1,100 bytes */
	snprintf(key, sizeof(key), "open/%d", (int)(slot - s->slots));
	if (tw_api_->state_put(ctx, key, bytes, n) == 0)
		slot->is_changed = false;
}

void
slot_save(struct tw_ctx *ctx, struct api *s)
{
	uint8_t *bytes = malloc(STATE_BYTES);

	for (int i = 0; bytes != NULL && i < SLOTS_MAX; i++)
		if (s->slots[i].end_ms != 0 && s->slots[i].is_changed)
			save_one(ctx, s, &s->slots[i], bytes);
	free(bytes);
	tw_api_->state_put(ctx, "closed", &s->closed_ms, sizeof(s->closed_ms));
}

/* What an earlier process left; of another shape (routes were added): it is let go. */
static int
restore_one(struct tw_ctx *ctx, struct api *s, struct slot *slot)
{
	const uint8_t *at, *end;
	int64_t end_ms;
	char key[24];
	size_t len;

	snprintf(key, sizeof(key), "open/%d", (int)(slot - s->slots));
	if ((at = tw_api_->state_get(ctx, key, &len)) == NULL || len < 1 + sizeof(end_ms)
	    || at[0] != STATE_VERSION)
		return 0;
	end = at + len;
	memcpy(&end_ms, at + 1, sizeof(end_ms));
	at += 1 + sizeof(end_ms);
	if (end_ms <= 0)
		return 0;
	if (!slot_make(s, slot, end_ms))
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_cells; i++)
		if (!cell_take(&slot->cells[i], &at, end)) {
			cells_free(s, slot);
			return 0;
		}
	return 0;
}

int
slot_restore(struct tw_ctx *ctx, struct api *s)
{
	const void *closed;
	size_t len;
	int rc = 0;

	if ((closed = tw_api_->state_get(ctx, "closed", &len)) != NULL
	    && len == sizeof(s->closed_ms))
		memcpy(&s->closed_ms, closed, len);
	for (int i = 0; i < SLOTS_MAX && rc == 0; i++)
		rc = restore_one(ctx, s, &s->slots[i]);
	return rc;
}
