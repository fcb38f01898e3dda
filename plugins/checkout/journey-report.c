/*
 * journey-report.c - what a run hands out: samples, facts, the reason. All text goes through
 * shown(), which takes the secrets out.
 *
 * A run has 256 facts: with more than 16 steps only the bad ones are told with their phases.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <stdio.h>
#include <string.h>

#include "plugins/checkout/journey.h"

#define STEPS_IN_FULL 16
#define SHOWN_MAX (64 * 1024)

const char *
shown(const struct journey *j, const char *text, size_t len, struct buf *buf)
{
	buf_init(buf, SHOWN_MAX);
	redact(&j->values, text, len, buf);
	return buf_str(buf);
}

static void
fact(struct tw_ctx *ctx, const struct journey *j, const char *prefix, uint32_t at,
    const char *name, const char *text)
{
	char path[96];
	struct buf b;

	if (text == NULL || text[0] == '\0')
		return;
	snprintf(path, sizeof(path), "%s/%u/%s", prefix, at, name);
	tw_api_->fact_text(ctx, path, shown(j, text, strlen(text), &b));
	buf_free(&b);
}

static void
fact_number(struct tw_ctx *ctx, const char *prefix, uint32_t at, const char *name, double v)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%u/%s", prefix, at, name);
	tw_api_->fact_real(ctx, path, v);
}

/* A failure gives no latency, nor does a wall. */
static void
publish_times(struct tw_ctx *ctx, const struct step *s, const struct tw_answer *a,
    const struct verdict *v, const int64_t sum[TW_TRANSFER + 1])
{
	if (a == NULL || a->error != TW_HTTP_OK || v->outcome == OUTCOME_BLOCKED)
		return;
	for (enum tw_phase p = TW_DNS; p <= TW_TRANSFER; p++)
		tw_emit(ctx, M_STEP_SECONDS, (double)sum[p] / 1e6, "step", s->name, "phase",
		    phase_name(p));
	tw_emit(ctx, M_STEP_SECONDS, (double)a->total_us / 1e6, "step", s->name, "phase", "total");
}

static void
fact_times(struct tw_ctx *ctx, const char *prefix, uint32_t at, const int64_t *sum)
{
	char name[24];

	for (enum tw_phase p = TW_DNS; p <= TW_TRANSFER; p++) {
		snprintf(name, sizeof(name), "%s_s", phase_name(p));
		fact_number(ctx, prefix, at, name, (double)sum[p] / 1e6);
	}
}

static void
fact_excerpt(struct tw_ctx *ctx, const struct journey *j, const struct tw_answer *a)
{
	/* A secret that the cut would halve is still whole when it is looked for. */
	size_t more = EXCERPT_BYTES + 8 * VALUE_BYTES_MAX;
	struct buf b;

	if (a->body_len == 0)
		return;
	(void)shown(j, a->body, a->body_len < more ? a->body_len : more, &b);
	if (b.len > EXCERPT_BYTES)
		b.data[EXCERPT_BYTES] = '\0';
	tw_api_->fact_text(ctx, "excerpt", buf_str(&b));
	buf_free(&b);
}

static void
fact_answer(struct tw_ctx *ctx, const struct journey *j, const char *prefix, uint32_t at,
    const struct tw_answer *a, bool in_full)
{
	const struct tw_hop *last = hop_at(a, a->n_hops - 1);
	int64_t sum[TW_TRANSFER + 1];

	fact_number(ctx, prefix, at, "status", a->status);
	fact_number(ctx, prefix, at, "ms", (double)a->total_us / 1e3);
	if (!in_full)
		return;
	answer_phases(a, sum);
	fact(ctx, j, prefix, at, "url", last->url);
	fact(ctx, j, prefix, at, "address", last->address);
	fact_times(ctx, prefix, at, sum);
}

void
report_step(struct tw_ctx *ctx, const struct journey *j, const struct step *s,
    const struct tw_answer *a, const struct verdict *v)
{
	bool is_bad = v->outcome != OUTCOME_OK;
	int64_t sum[TW_TRANSFER + 1] = {0};

	fact(ctx, j, "steps", j->at, "name", s->name);
	fact(ctx, j, "steps", j->at, "outcome", outcome_names[v->outcome]);
	if (is_bad) {
		tw_count(ctx, M_STEP_FAILURES, 1, "step", s->name, "outcome",
		    outcome_names[v->outcome]);
		fact(ctx, j, "steps", j->at, "error_code", v->code);
	}
	if (a == NULL || a->n_hops == 0)
		return;
	answer_phases(a, sum);
	publish_times(ctx, s, a, v, sum);
	fact_answer(ctx, j, "steps", j->at, a, is_bad || j->plan.n_steps <= STEPS_IN_FULL);
	if (is_bad)
		fact_excerpt(ctx, j, a);
}

void
report_teardown(struct tw_ctx *ctx, const struct journey *j, const struct step *s,
    const struct verdict *v)
{
	const char *prefix = j->stage == STAGE_OWED ? "owed" : "teardown";
	struct buf b;

	fact(ctx, j, prefix, j->at, "name", s->name);
	fact(ctx, j, prefix, j->at, "outcome", outcome_names[v->outcome]);
	if (v->outcome == OUTCOME_OK)
		return;
	fact(ctx, j, prefix, j->at, "reason", v->text);
	if (v->outcome == OUTCOME_IGNORED)
		return;
	tw_count(ctx, M_TEARDOWN_FAILED, 1, "step", s->name);
	tw_api_->log(ctx, 1, "teardown step %s failed: %s", s->name,
	    shown(j, v->text, strlen(v->text), &b));
	buf_free(&b);
}

static void
report_orders(struct tw_ctx *ctx, const struct journey *j)
{
	int64_t max = j->o->max_orders_per_day, n;

	tw_count(ctx, M_SYNTHETIC_ORDERS, 0);
	if (max > 0) {
		n = orders_today(ctx, j);
		tw_emit(ctx, M_SYNTHETIC_ORDERS_LEFT, n < max ? (double)(max - n) : 0);
	}
	tw_emit(ctx, M_TEARDOWN_OWED, owed_number(ctx));
	/* From the first run on there is a zero to rise from. */
	for (uint32_t i = 0; i < j->plan.n_teardown; i++)
		tw_count(ctx, M_TEARDOWN_FAILED, 0, "step", j->plan.teardown[i].name);
}

enum tw_verdict
report_end(struct tw_ctx *ctx, const struct journey *j)
{
	bool is_hidden = j->verdict == TW_UNKNOWN;
	struct buf b;

	report_orders(ctx, j);
	tw_api_->fact_real(ctx, "reached", j->reached);
	tw_api_->fact_text(ctx, "run_id", j->run_id);
	if (j->stopped_before != NULL) {
		tw_api_->fact_text(ctx, "stopped_before", j->stopped_before);
		tw_api_->fact_text(ctx, "stopped_because", j->stopped_why);
	}
	if (strcmp(j->why.cause, "blind") != 0)
		tw_count(ctx, M_JOURNEY_RUNS, 1, "outcome", outcome_names[j->why.outcome]);
	if (!is_hidden) {
		tw_emit(ctx, M_JOURNEY_SUCCESS, j->verdict == TW_OK || j->is_warned);
		tw_emit(ctx, M_REACHED_STEPS, j->reached);
	}
	/* Where the journey always ends, or at its end: a day's cap makes no journey faster. */
	if (j->verdict == TW_OK && (j->stopped_before == NULL || j->o->max_orders_per_day == 0))
		tw_emit(ctx, M_JOURNEY_SECONDS, (double)j->journey_us / 1e6);
	if (j->verdict == TW_OK)
		return TW_OK;
	if (j->why.code[0] != '\0')
		tw_api_->fact_text(
		    ctx, "error_code", shown(j, j->why.code, strlen(j->why.code), &b));
	else
		buf_init(&b, 1);
	buf_free(&b);
	(void)tw_fail(ctx, j->verdict, j->why.cause, "%s: %s", j->failed_step,
	    shown(j, j->why.text, strlen(j->why.text), &b));
	buf_free(&b);
	return j->verdict;
}
