/*
 * canary-report.c - what a run tells of the canary: who shows it after how long, who does not, and
 * why it was not written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include "lib/units.h"
#include "plugins/inventory/canary-run.h"

/* For people: tenths of a second, then seconds. */
static const char *
duration_text(int64_t ms, char dst[32])
{
	int64_t unit_ms = ms < 10000 ? 100 : 1000;

	return duration_format((ms + unit_ms / 2) / unit_ms * unit_ms * 1000, dst);
}

static void
tell_facts(struct tw_ctx *ctx, struct canary_run *r, int64_t now_ms)
{
	static const char *const results[] = {
	    [CANARY_UNSURE] = "not known", [CANARY_OK] = "ok", [CANARY_FAILED] = "failed"};
	const struct canary_write *w = canary_newest(&r->c);
	char text[VALUE_TEXT > WALL_TEXT ? VALUE_TEXT : WALL_TEXT], path[160];

	if (w == NULL)
		return;
	snprintf(text, sizeof(text), "%" PRId64, w->value);
	tw_api_->fact_text(ctx, "canary/value", text);
	tw_api_->fact_text(ctx, "canary/written", wall_format((wall_t){w->sent_ms}, text));
	tw_api_->fact_text(ctx, "canary/result", r->why[0] != '\0' && w->result != CANARY_OK
		? r->why : results[w->result]);
	if (r->c.is_words)
		tw_api_->fact_text(ctx, "canary/note", "a system only says words: 0 and `high`");
	for (unsigned i = 0; i < r->c.n_sides; i++) {
		const struct canary_side *s = &r->c.sides[i];
		int64_t pending_ms = canary_pending_ms(&r->c, i, now_ms);

		snprintf(path, sizeof(path), "canary/source/%.100s/shows", s->name);
		tw_api_->fact_text(ctx, path, value_text(s->rules, s->cell, text));
		snprintf(path, sizeof(path), "canary/source/%.100s/%s", s->name,
		    pending_ms > 0 ? "pending_seconds" : "lag_seconds");
		if (pending_ms > 0 || s->lag_ms >= 0)
			tw_api_->fact_real(ctx, path,
			    (double)(pending_ms > 0 ? pending_ms : s->lag_ms) / 1e3);
	}
}

void
canary_tell(struct tw_ctx *ctx, struct inventory *s, int64_t now_ms)
{
	struct canary_run *r = s->canary;

	if (r == NULL || !r->writes)
		return;
	tw_count(ctx, M_CANARY_WRITES, 0, "result", "ok");
	tw_count(ctx, M_CANARY_WRITES, 0, "result", "failed");
	for (unsigned i = 0; i < r->c.n_sides; i++) {
		const struct canary_side *side = &r->c.sides[i];

		if (side->lag_ms >= 0)
			tw_emit(ctx, M_CANARY_LAG, (double)side->lag_ms / 1e3, "source",
			    side->name);
		tw_emit(ctx, M_CANARY_PENDING, (double)canary_pending_ms(&r->c, i, now_ms) / 1e3,
		    "source", side->name);
		tw_emit(ctx, M_CANARY_LATE, canary_is_late(&r->c, i, now_ms), "source",
		    side->name);
	}
	tell_facts(ctx, r, now_ms);
	canary_keep(ctx, r);
}

enum tw_verdict
canary_late(struct tw_ctx *ctx, const struct inventory *s, int64_t now_ms)
{
	struct canary_run *r = s->canary;
	char text[32], limit[32];

	if (r == NULL || !r->writes || canary_newest(&r->c) == NULL)
		return TW_OK;
	for (unsigned i = 0; i < r->c.n_sides; i++) {
		int64_t pending_ms = canary_pending_ms(&r->c, i, now_ms);

		if (!canary_is_late(&r->c, i, now_ms))
			continue;
		duration_format(r->o->max_lag, limit);
		if (pending_ms > 0)
			return tw_fail(ctx, TW_WARN, "canary",
			    "%s does not show %s = %" PRId64 " after %s (max_lag %s)",
			    r->c.sides[i].name, r->o->sku, canary_newest(&r->c)->value,
			    duration_text(pending_ms, text), limit);
		return tw_fail(ctx, TW_WARN, "canary",
		    "%s showed %s %s after it was written (max_lag %s)", r->c.sides[i].name,
		    r->o->sku, duration_text(r->c.sides[i].lag_ms, text), limit);
	}
	return TW_OK;
}

enum tw_verdict
canary_unwritten(struct tw_ctx *ctx, const struct inventory *s)
{
	struct canary_run *r = s->canary;
	const struct canary_write *w = r != NULL && r->writes ? canary_newest(&r->c) : NULL;
	char shown[VALUE_TEXT], status[16] = "";

	if (w == NULL)
		return TW_OK;
	if (r->c.is_disturbed)
		return tw_fail(ctx, TW_UNKNOWN, "canary",
		    "%s = %" PRId64 " was written, and %s shows %s: somebody else changes it",
		    r->o->sku, w->value, r->c.sides[0].name,
		    value_text(r->c.sides[0].rules, r->c.sides[0].cell, shown));
	if (w->result == CANARY_OK)
		return TW_OK;
	if (w->status > 0)
		snprintf(status, sizeof(status), "HTTP %d", (int)w->status);
	return tw_fail(ctx, TW_UNKNOWN, "canary", "%s = %" PRId64 " was not written: %s", r->o->sku,
	    w->value, r->why[0] != '\0' ? r->why
		: status[0] != '\0' ? status : "nobody knows what became of it");
}
