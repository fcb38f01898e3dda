/*
 * probe-run.c - one run: begin, callbacks, deadline, end. See the drawing in probe.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/group.h"
#include "host/read.h"
#include "lib/log.h"

void
run_skip(struct probe *p, int64_t slot_ms, bool is_asked, uint32_t asked, const char *cause)
{
	struct msg_result r = {.slot_ms = slot_ms, .verdict = TW_UNKNOWN,
	    .flags = (uint8_t)(RESULT_SKIPPED | (is_asked ? RESULT_ASKED : 0)),
	    .cause = (char *)(uintptr_t)cause, .reason = (char *)(uintptr_t)"",
	    .facts = (char *)(uintptr_t)"{}"};
	uint32_t running = p->ctx.asked;

	p->host->counters.skipped++;
	p->ctx.asked = asked;
	p->host->deliver(p->host, p, &r, false);
	p->ctx.asked = running;
}

void
run_reason(struct tw_ctx *ctx, const char *text)
{
	free(ctx->reason);
	ctx->reason = text != NULL ? strdup(text) : NULL;
}

static void
log_refused(struct probe *p)
{
	char text[256];

	if (p->emit.refused == NULL)
		return;
	snprintf(text, sizeof(text), "%u refused: %s", p->emit.n_refused, p->emit.refused);
	host_log(p->host, p, LOGL_WARN, text);
}

static void
log_slow(struct probe *p, int64_t us)
{
	char text[128];

	p->host->counters.slow_callbacks++;
	snprintf(text, sizeof(text),
	    "a callback held the loop for %.1f ms; longer work belongs into work()",
	    (double)us / 1e3);
	host_log(p->host, p, LOGL_WARN, text);
}

/* Fills the result from the run and hands it on; under host.shared. While a blocking probe() is
 * inside the plugin, nothing that it may write is read: its samples go with the next result. */
static void
tell(struct tw_ctx *ctx)
{
	struct probe *p = ctx->probe;
	bool is_ok = ctx->verdict == TW_OK, is_ours = !ctx->is_off_loop;
	char *facts = is_ours ? emit_facts_text(&p->emit) : NULL, late[64];
	struct msg_result r = {.slot_ms = ctx->slot_ms,
	    .duration_us = mono_sub_us(mono_now(), ctx->started),
	    .start_lag_us = ctx->start_lag_us,
	    .engine_lag_us = loop_lag_since(p->host->loop, ctx->started),
	    .verdict = (uint8_t)ctx->verdict,
	    .flags = (uint8_t)((ctx->is_asked ? RESULT_ASKED : 0) | (ctx->is_late ? RESULT_LATE : 0)
		| (ctx->is_timed_out ? RESULT_TIMEOUT : 0)),
	    .cause = is_ok ? (char *)(uintptr_t)"" : ctx->cause,
	    .reason = (char *)(uintptr_t)"",
	    .facts = facts != NULL ? facts : (char *)(uintptr_t)"{}"};

	if (!is_ok && is_ours && ctx->reason != NULL)
		r.reason = ctx->reason;
	if (ctx->is_timed_out && (!is_ours || ctx->failed == TW_PENDING)) {
		snprintf(late, sizeof(late), "no result after %.3f s", (double)p->timeout_ms / 1e3);
		r.cause = (char *)(uintptr_t)"timeout";
		r.reason = late;
	}
	p->host->counters.runs++;
	p->host->counters.late += ctx->is_late;
	p->host->counters.timeouts += ctx->is_timed_out;
	if (is_ours) {
		if (!(p->plugin->table.flags & TW_EVENT_TIME) || p->member.n_reads == 0)
			emit_publish(&p->emit, ctx->slot_ms);
		emit_save_totals(&p->emit, &p->state);
		r.refused_samples = p->emit.n_refused;
		log_refused(p);
	}
	p->host->deliver(p->host, p, &r, is_ours);
	if (is_ours)
		emit_forget_run(&p->emit);
	free(facts);
}

static void
give_up_on_thread(void *arg)
{
	struct tw_ctx *ctx = arg;
	char why[320];

	snprintf(why, sizeof(why), "probe %.200s has not come back from its thread; starting anew",
	    ctx->probe->name);
	host_end(ctx->probe->host, HOST_EXIT_AGAIN, why);
}

static void
fix_verdict(struct tw_ctx *ctx, enum tw_verdict v)
{
	ctx->verdict = (unsigned)v > TW_UNKNOWN ? TW_UNKNOWN : v;
	if (ctx->verdict == TW_OK || ctx->failed != TW_PENDING)
		return;
	ctx->failed = ctx->verdict;
	snprintf(ctx->cause, sizeof(ctx->cause), "plugin");
	run_reason(ctx, "the plugin gave no reason");
}

/* The verdict is fixed, nothing is under way but threads: tell it. */
static void
close_run(struct tw_ctx *ctx)
{
	struct probe *p = ctx->probe;
	bool is_stuck = ctx->n_threads > 0;
	struct host *h = p->host;

	loop_timer_clear(h->loop, &ctx->deadline);
	h->counters.in_flight--;
	if (ctx->slowest_us > CALLBACK_SLOW_US)
		log_slow(p, ctx->slowest_us);
	group_enter(h);
	tell(ctx);
	group_leave(h);
	if (!is_stuck) {
		op_free_run(ctx);
		ctx->state = RUN_IDLE;
		read_turn_over(p);
		return;
	}
	ctx->state = RUN_STUCK;
	loop_timer_set(h->loop, &ctx->grace, mono_add_us(mono_now(), STUCK_GRACE_US),
	    give_up_on_thread, ctx);
}

/* v TW_PENDING: open until a callback of what is cancelled gives one. */
static void
end_run(struct tw_ctx *ctx, enum tw_verdict v)
{
	ctx->state = RUN_ENDING;
	ctx->verdict = TW_PENDING;
	ctx->is_timed_out |= v != TW_OK && mono_now().us >= ctx->deadline_us;
	if (v != TW_PENDING)
		fix_verdict(ctx, v);
	op_cancel_all(ctx);
	if (ctx->verdict == TW_PENDING) /* what fail() was told last, or crit */
		ctx->verdict =
		    ctx->is_off_loop || ctx->failed == TW_PENDING ? TW_CRIT : ctx->failed;
	close_run(ctx);
}

static void
at_deadline(void *arg)
{
	struct tw_ctx *ctx = arg;

	ctx->is_timed_out = true;
	end_run(ctx, TW_PENDING);
}

void
run_callback(struct tw_ctx *ctx, mono_t before, enum tw_verdict v)
{
	int64_t us = mono_sub_us(mono_now(), before);

	if (us > ctx->slowest_us)
		ctx->slowest_us = us;
	if (ctx->state == RUN_ENDING && ctx->is_timed_out && ctx->verdict == TW_PENDING
	    && v != TW_PENDING)
		fix_verdict(ctx, v);
	if (ctx->state != RUN_GOING)
		return;
	if (v != TW_PENDING) {
		end_run(ctx, v);
	} else if (ctx->n_ops == 0 && mono_now().us < ctx->deadline_us) {
		snprintf(ctx->cause, sizeof(ctx->cause), "plugin");
		run_reason(ctx, "the plugin waits (TW_PENDING) with nothing under way");
		ctx->failed = TW_UNKNOWN;
		end_run(ctx, TW_UNKNOWN);
	}
}

void
run_begin(struct probe *p, int64_t slot_ms, mono_t due, bool is_asked, uint32_t asked)
{
	struct tw_ctx *ctx = &p->ctx;
	mono_t now = mono_now();

	ctx->state = RUN_GOING;
	ctx->failed = ctx->verdict = TW_PENDING;
	ctx->cause[0] = '\0';
	run_reason(ctx, NULL);
	ctx->is_asked = is_asked;
	ctx->asked = asked;
	ctx->is_timed_out = ctx->is_late = false;
	ctx->slot_ms = slot_ms;
	ctx->started = now;
	ctx->start_lag_us = mono_sub_us(now, due) > 0 ? mono_sub_us(now, due) : 0;
	ctx->slowest_us = 0;
	ctx->deadline_us = due.us + p->timeout_ms * 1000;
	p->host->counters.in_flight++;
	/* A little after it, so that what the engine ends at the deadline is told with its phases.
	 */
	loop_timer_set(p->host->loop, &ctx->deadline,
	    (mono_t){ctx->deadline_us + DEADLINE_SLACK_US}, at_deadline, ctx);
	if (p->blocking != NULL)
		blocking_run(p);
	else
		run_callback(ctx, now, run_turn(p));
}

enum tw_verdict
run_turn(struct probe *p)
{
	const struct tw_plugin *t = &p->plugin->table;
	enum tw_verdict v;

	p->member.n_records = p->member.n_rejects = 0;
	if (member_is_source(p))
		return read_turn(p);
	if (p->blocking != NULL)
		return t->probe(&p->ctx, p->self);
	group_enter(p->host);
	v = t->probe(&p->ctx, p->self);
	group_leave(p->host);
	return v;
}

void
run_blocking_done(struct tw_ctx *ctx, enum tw_verdict v)
{
	ctx->n_threads--;
	ctx->is_off_loop = false;
	if (ctx->state == RUN_GOING)
		end_run(ctx, v);
	else
		run_thread_left(ctx);
}

void
run_thread_left(struct tw_ctx *ctx)
{
	if (ctx->n_threads > 0 || ctx->state != RUN_STUCK)
		return;
	loop_timer_clear(ctx->probe->host->loop, &ctx->grace);
	op_free_run(ctx);
	ctx->state = RUN_IDLE;
	if (ctx->probe->is_removed)
		probe_left(ctx->probe);
	else
		read_turn_over(ctx->probe);
}

void
run_abort(struct tw_ctx *ctx)
{
	struct host *h = ctx->probe->host;

	atomic_store(&ctx->deadline_us, 1);
	if (ctx->state == RUN_GOING) {
		ctx->state = RUN_ENDING;
		ctx->verdict = TW_UNKNOWN;
		op_cancel_all(ctx);
		h->counters.in_flight--;
	}
	loop_timer_clear(h->loop, &ctx->deadline);
	if (ctx->n_threads > 0) {
		if (ctx->state != RUN_STUCK)
			loop_timer_set(h->loop, &ctx->grace,
			    mono_add_us(mono_now(), STUCK_GRACE_US), give_up_on_thread, ctx);
		ctx->state = RUN_STUCK;
		return;
	}
	op_free_run(ctx);
	ctx->state = RUN_NONE;
}
