/*
 * test-engine-slots.c - probes and their slots: what starts starts at its time or not at all, what
 * is under way at the deadline is called back once, and steps of the wall clock are no bursts.
 *
 * All clocks are the test's, and the loop turns by its script: see engine-help.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/engine-internal.h"
#include "host/host.h"
#include "host/probe.h"
#include "lib/log.h"
#include "lib/options.h"
#include "tests/unit/engine-help.h"

/* ---- probes and their slots ---- */

#define SEEN_MAX 64
#define INTERVAL_MS 1000
#define OFFSET_MS 137

struct seen {
	int64_t slot_ms, wall_ms, lag_us;
	uint32_t asked;
	uint8_t flags, verdict;
	char cause[32];
};

struct world {
	struct host host;
	int peer;
	unsigned begun, callbacks, second_callbacks;
	int64_t begun_at[SEEN_MAX];
	struct seen seen[SEEN_MAX];
	unsigned n_seen;
	enum { QUICK, SLOW, WAITS, ASKS_HTTP, NOTHING, TAKES_LONG, SPEAKS_AT_END, STUCK } mode;
	int release[2];
	int64_t until_us, step_us;
	bool (*look)(struct world *);
	bool has_stepped;
	_Atomic bool is_inside;    /* a worker is in block() */
};

static struct world *now_in; /* the plugin's functions have no argument that leads here */

static enum tw_verdict
never_again(struct tw_ctx *ctx, void *self, void *arg)
{
	(void)ctx;
	(void)self;
	(void)arg;
	now_in->second_callbacks++;
	return TW_OK;
}

static enum tw_verdict
timer_back(struct tw_ctx *ctx, void *self, void *arg)
{
	(void)self;
	(void)arg;
	now_in->callbacks++;
	if (now_in->mode == SPEAKS_AT_END)
		return (host_api.fail)(ctx, TW_WARN, "said", "at the last moment");
	if (host_api.left_us(ctx) > 0)
		return TW_OK;
	/* Past the deadline nothing starts any more. */
	return host_api.after(ctx, 1, never_again, NULL);
}

static enum tw_verdict
http_back(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	(void)ctx;
	(void)self;
	assert_int_not_equal(a->error, TW_HTTP_OK);
	now_in->callbacks++;
	return TW_PENDING;
}

static void
block(struct tw_ctx *ctx, void *self, void *arg)
{
	char byte;

	(void)ctx;
	(void)self;
	(void)arg;
	atomic_store(&now_in->is_inside, true);
	while (read(now_in->release[0], &byte, 1) < 0)
		;
}

static enum tw_verdict
begin(struct tw_ctx *ctx, void *self)
{
	(void)self;
	if (now_in->begun < SEEN_MAX)
		now_in->begun_at[now_in->begun] = wall_us;
	now_in->begun++;
	switch (now_in->mode) {
	case SLOW: pass_us(300000); return TW_OK;
	case WAITS: return host_api.after(ctx, 400000, timer_back, NULL);
	case TAKES_LONG:
	case SPEAKS_AT_END: return host_api.after(ctx, 60000000, timer_back, NULL);
	case ASKS_HTTP:
		return host_api.http(ctx,
		    &(struct tw_request){.size = sizeof(struct tw_request),
			.url = "http://192.0.2.1/",
			.proxy = "http://192.0.2.1:1",
			.done = http_back});
	case NOTHING: return TW_PENDING;
	case STUCK: return host_api.work(ctx, block, timer_back, NULL);
	default: return TW_OK;
	}
}

static void
deliver(struct host *h, struct probe *p, struct msg_result *r, bool has_samples)
{
	struct seen *s = &now_in->seen[now_in->n_seen % SEEN_MAX];

	(void)h;
	(void)has_samples;
	now_in->n_seen++;
	*s = (struct seen){.slot_ms = r->slot_ms,
	    .wall_ms = wall_us / 1000,
	    .lag_us = r->start_lag_us,
	    .asked = p->ctx.asked,
	    .flags = r->flags,
	    .verdict = r->verdict};
	snprintf(s->cause, sizeof(s->cause), "%s", r->cause);
}

static struct world *
world_new(int max_in_flight)
{
	static const char name[] = "test";
	struct world *w = calloc(1, sizeof(*w));
	char json[64], err[128];
	int pair[2], n;

	reset_clocks();
	now_in = w;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(w->release, O_CLOEXEC), 0);
	w->peer = pair[1];
	assert_int_equal(host_init(&w->host, pair[0]), 0);
	n = snprintf(json, sizeof(json), "{\"max_in_flight\":%d,\"log_level\":3}", max_in_flight);
	assert_int_equal(
	    host_setup_read(&w->host.setup, json, (size_t)n, err, sizeof(err)), 0);
	w->host.plugins[0].table = (struct tw_plugin){
	    .size = sizeof(struct tw_plugin), .name = name, .probe = begin, .self_size = 8};
	w->host.n_plugins = 1;
	assert_int_equal(host_start(&w->host), 0);
	w->host.deliver = deliver;
	return w;
}

static struct probe *
probe_of(struct world *w, uint32_t id, int timeout_ms)
{
	char json[256], err[128] = "", path[64];
	int n = snprintf(json, sizeof(json),
	    "{\"name\":\"p%u\",\"plugin\":\"test\",\"interval_ms\":%d,\"offset_ms\":%d,"
	    "\"timeout_ms\":%d,\"options\":{}}",
	    id, INTERVAL_MS, OFFSET_MS, timeout_ms);
	struct probe *p = probe_new(&w->host, id, 1, json, (size_t)n, err, sizeof(err));

	if (p == NULL)
		fail_msg("%s", err);
	assert_int_equal(probe_start(p, path, sizeof(path), err, sizeof(err)), 0);
	return p;
}

static void
world_free(struct world *w)
{
	/* What a test left on a thread comes back. */
	assert_int_equal(write(w->release[1], "x", 1), 1);
	host_clear(&w->host);
	close(w->peer);
	close(w->release[0]);
	close(w->release[1]);
	free(w);
}

static bool
world_turn(struct script *s)
{
	struct world *w = s->arg;

	if (w->look != NULL && !w->look(w))
		return false;
	pass_us(w->step_us);
	return mono_us < T0_US + w->until_us;
}

/* Turns until `us` after the beginning, a step a turn. A loop can be run once: so can a world. */
static void
run_world(struct world *w, int64_t us, int64_t step_us)
{
	w->until_us = us;
	w->step_us = step_us;
	play(w->host.loop, world_turn, w);
}

static void
runs_start_at_their_slots(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	(void)probe_of(w, 1, 500);
	run_world(w, 10000000, 500);
	assert_int_equal(w->begun, 10);
	assert_int_equal(w->n_seen, 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(w->seen[i].slot_ms, T0_MS + OFFSET_MS + i * INTERVAL_MS);
		assert_int_equal(w->begun_at[i], w->seen[i].slot_ms * 1000);
		assert_int_equal(w->seen[i].lag_us, 0);
		assert_int_equal(w->seen[i].flags, 0);
	}
	assert_int_equal(w->host.counters.skipped, 0);
	world_free(w);
}

/* The loop is away for 0.7 s over the third slot: that one is skipped, not begun late. The fourth
 * is too near to that lag to be measured; the fifth starts on time. */
static bool
away_over_the_third(struct world *w)
{
	if (w->begun == 2 && wall_us / 1000 == T0_MS + OFFSET_MS + 2 * INTERVAL_MS - 10)
		pass_us(700000);
	return true;
}

static void
a_late_start_is_a_skipped_one(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	(void)probe_of(w, 1, 500);
	w->look = away_over_the_third;
	run_world(w, 5000000, 1000);
	assert_int_equal(w->n_seen, 5);
	assert_int_equal(w->begun, 3);
	assert_int_equal(w->seen[2].flags, RESULT_SKIPPED);
	assert_string_equal(w->seen[2].cause, "late");
	assert_int_equal(w->seen[2].slot_ms, T0_MS + OFFSET_MS + 2 * INTERVAL_MS);
	assert_int_equal(w->seen[3].flags, RESULT_SKIPPED);
	assert_string_equal(w->seen[3].cause, "full");
	assert_int_equal(w->begun_at[2], (T0_MS + OFFSET_MS + 4 * INTERVAL_MS) * 1000);
	world_free(w);
}

static bool
asleep_for_a_while(struct world *w)
{
	if (w->begun == 2 && wall_us / 1000 == T0_MS + OFFSET_MS + 2 * INTERVAL_MS - 10)
		pass_us(20 * INTERVAL_MS * 1000 + 500000);
	return true;
}

static void
a_sleep_is_no_burst(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	(void)probe_of(w, 1, 500);
	w->look = asleep_for_a_while;
	run_world(w, 24500000, 1000);
	/* Two before it; then the planned slot is told as late, twenty are counted, one is too near
	 * to the lag, and life goes on. */
	assert_int_equal(w->n_seen, 5);
	assert_string_equal(w->seen[2].cause, "late");
	assert_string_equal(w->seen[3].cause, "full");
	assert_int_equal(w->host.counters.skipped, 22);
	assert_int_equal(w->begun, 3);
	assert_int_equal(w->begun_at[2], (T0_MS + OFFSET_MS + 24 * INTERVAL_MS) * 1000);
	world_free(w);
}

static void
what_is_full_starts_nothing_later(void **state)
{
	struct world *w = world_new(1);

	(void)state;
	w->mode = WAITS; /* 0.4 s: the slots of all three are the same */
	for (uint32_t id = 1; id <= 3; id++)
		(void)probe_of(w, id, 900);
	run_world(w, 3000000, 1000);
	assert_int_equal(w->begun, 3);
	assert_int_equal(w->n_seen, 9);
	assert_int_equal(w->host.counters.skipped, 6);
	for (unsigned i = 0; i < 9; i++) {
		if (!(w->seen[i].flags & RESULT_SKIPPED))
			continue;
		assert_string_equal(w->seen[i].cause, "full");
		assert_int_equal(w->seen[i].wall_ms, w->seen[i].slot_ms); /* at once */
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w->begun_at[i] / 1000 % 1000, OFFSET_MS);
	world_free(w);
}

/* A callback that holds the loop: whoever would measure beside it is not started. */
static void
a_loop_that_lags_admits_nobody(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	w->mode = SLOW;
	(void)probe_of(w, 1, 900);
	(void)probe_of(w, 2, 900);
	run_world(w, 1000000, 1000);
	assert_int_equal(w->begun, 1);
	assert_int_equal(w->n_seen, 2);
	assert_int_equal(w->seen[1].flags, RESULT_SKIPPED);
	assert_string_equal(w->seen[1].cause, "full");
	assert_int_equal(w->host.counters.slow_callbacks, 1);
	world_free(w);
}

static void
runs_never_overlap(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	w->mode = TAKES_LONG;
	(void)probe_of(w, 1, 2500);
	run_world(w, 2700000, 1000);
	/* The slots of 1137 and 2137 find the first run under way; its deadline is at 2637. */
	assert_int_equal(w->begun, 1);
	assert_int_equal(w->n_seen, 3);
	assert_string_equal(w->seen[0].cause, "overrun");
	assert_string_equal(w->seen[1].cause, "overrun");
	assert_int_equal(w->seen[2].flags, RESULT_TIMEOUT);
	world_free(w);
}

/* Two ask while the first slot's run is under way. */
static bool
two_ask_in_the_middle(struct world *w)
{
	if (w->begun == 1 && wall_us / 1000 >= T0_MS + OFFSET_MS + 100 && !w->has_stepped) {
		w->has_stepped = true;
		probe_ask(probe_find(&w->host, 1), 71);
		probe_ask(probe_find(&w->host, 1), 72);
	}
	return true;
}

static void
who_asks_during_a_run_gets_the_next_one(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	w->mode = WAITS;
	w->look = two_ask_in_the_middle;
	(void)probe_of(w, 1, 500);
	run_world(w, 3000000, 1000);
	/* The second is told at once that it is none. */
	assert_int_equal(w->seen[0].flags, RESULT_ASKED | RESULT_SKIPPED);
	assert_int_equal(w->seen[0].asked, 72);
	assert_string_equal(w->seen[0].cause, "overrun");
	assert_true(w->seen[0].wall_ms <= T0_MS + OFFSET_MS + 102);
	/* The run, and right behind it that of the first; then the slots go on. */
	assert_int_equal(w->seen[1].flags, 0);
	assert_int_equal(w->seen[2].flags, RESULT_ASKED);
	assert_int_equal(w->seen[2].asked, 71);
	assert_in_range(w->begun_at[1] / 1000, w->seen[1].wall_ms, w->seen[1].wall_ms + 2);
	for (unsigned i = 3; i < w->n_seen; i++)
		assert_int_equal(w->seen[i].flags, 0);
	assert_int_equal(w->n_seen, 5);
	world_free(w);
}

/* A host that ends begins none. */
static bool
one_asks_and_the_host_ends(struct world *w)
{
	if (w->begun == 1 && wall_us / 1000 >= T0_MS + OFFSET_MS + 100 && !w->has_stepped) {
		w->has_stepped = true;
		probe_ask(probe_find(&w->host, 1), 71);
		host_drain(&w->host);
	}
	return true;
}

static void
a_host_that_ends_runs_nothing_that_waits(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	w->mode = WAITS;
	w->look = one_asks_and_the_host_ends;
	(void)probe_of(w, 1, 500);
	run_world(w, 3000000, 1000);
	assert_int_equal(w->begun, 1);
	world_free(w);
}

/* ---- the deadline ---- */

static void
what_waits_at_the_deadline_is_called_back_once(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	w->mode = TAKES_LONG;
	(void)probe_of(w, 1, 500);
	run_world(w, 1000000, 100);
	assert_int_equal(w->n_seen, 1);
	assert_int_equal(w->seen[0].flags, RESULT_TIMEOUT);
	assert_int_equal(w->seen[0].verdict, TW_CRIT);
	assert_string_equal(w->seen[0].cause, "timeout");
	assert_true(w->seen[0].wall_ms >= T0_MS + OFFSET_MS + 500);
	assert_true(w->seen[0].wall_ms <= T0_MS + OFFSET_MS + 503);
	assert_int_equal(w->callbacks, 1);
	assert_int_equal(w->second_callbacks, 0);
	assert_int_equal(w->host.counters.in_flight, 0);
	assert_int_equal(w->host.counters.timeouts, 1);
	world_free(w);
}

static void
what_it_says_then_counts(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	w->mode = SPEAKS_AT_END;
	(void)probe_of(w, 1, 500);
	run_world(w, 1000000, 100);
	assert_int_equal(w->n_seen, 1);
	assert_int_equal(w->seen[0].flags, RESULT_TIMEOUT);
	assert_int_equal(w->seen[0].verdict, TW_WARN);
	assert_string_equal(w->seen[0].cause, "said");
	assert_int_equal(w->callbacks, 1);
	world_free(w);
}

static void
a_request_under_way_ends_with_its_run(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	w->mode = ASKS_HTTP;
	(void)probe_of(w, 1, 500);
	run_world(w, 2000000, 100);
	assert_int_equal(w->begun, 2);
	assert_int_equal(w->n_seen, 2);
	assert_int_equal(w->callbacks, 2);
	assert_int_not_equal(w->seen[0].verdict, TW_OK);
	assert_int_equal(engine_in_flight(w->host.engine), 0);
	world_free(w);
}

static void
a_removed_probe_calls_nobody_later(void **state)
{
	struct world *w = world_new(10);
	struct probe *p;

	(void)state;
	w->mode = TAKES_LONG;
	p = probe_of(w, 1, 500);
	pass_us(OFFSET_MS * 1000);
	probe_ask(p, 9);
	assert_int_equal(w->begun, 1);
	probe_remove(p);
	assert_int_equal(w->callbacks, 1);
	run_world(w, 2000000, 1000);
	assert_int_equal(w->callbacks, 1);
	assert_int_equal(w->n_seen, 0);
	assert_int_equal(w->host.counters.in_flight, 0);
	world_free(w);
}

static void
waiting_for_nothing_ends_at_once(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	w->mode = NOTHING;
	(void)probe_of(w, 1, 500);
	run_world(w, 500000, 1000);
	assert_int_equal(w->n_seen, 1);
	assert_int_equal(w->seen[0].verdict, TW_UNKNOWN);
	assert_int_equal(w->seen[0].flags, 0);
	assert_int_equal(w->seen[0].wall_ms, T0_MS + OFFSET_MS);
	assert_string_equal(w->seen[0].cause, "plugin");
	world_free(w);
}

/* The clock waits until the worker is inside: one that only waits would be cancelled. */
static bool
worker_is_inside(struct world *w)
{
	while (w->begun > 0 && !atomic_load(&w->is_inside))
		sched_yield();
	return true;
}

/* A thread that does not come back: the run is told at its deadline, the next slots are skipped,
 * and after the grace the host gives up on itself. */
static void
a_stuck_thread_ends_the_host(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	w->mode = STUCK;
	w->look = worker_is_inside;
	(void)probe_of(w, 1, 500);
	run_world(w, 10000000, 1000);
	assert_true(w->host.is_over);
	assert_int_equal(w->host.exit_code, HOST_EXIT_AGAIN);
	assert_int_equal(w->seen[0].flags, RESULT_TIMEOUT);
	assert_int_equal(w->begun, 1);
	assert_string_equal(w->seen[1].cause, "overrun");
	/* Deadline at 637 ms, 2 s of grace. */
	assert_true(mono_us >= T0_US + 2637000 && mono_us <= T0_US + 2650000);
	world_free(w);
}

/* ---- steps of the wall clock ---- */

static bool
forward_an_hour(struct world *w)
{
	if (w->begun == 3 && !w->has_stepped) {
		w->has_stepped = true;
		wall_us += INT64_C(3600) * 1000000;
	}
	return true;
}

static void
a_step_forwards_is_no_burst(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	(void)probe_of(w, 1, 500);
	w->look = forward_an_hour;
	run_world(w, 8000000, 1000);
	/* At most the planned slot is lost as such; the hour is counted, not made up for. */
	assert_true(w->begun >= 6 && w->begun <= 8);
	for (unsigned i = 0; i < w->begun; i++)
		assert_int_equal(w->begun_at[i] / 1000 % 1000, OFFSET_MS);
	assert_true(w->begun_at[w->begun - 1] > T0_MS * 1000 + INT64_C(3600) * 1000000);
	assert_true(w->host.counters.skipped >= 3598 && w->host.counters.skipped <= 3602);
	world_free(w);
}

static bool
back_five_seconds(struct world *w)
{
	if (w->begun == 8 && !w->has_stepped) {
		w->has_stepped = true;
		wall_us -= 5000000;
	}
	return true;
}

static void
a_step_backwards_fills_no_slot_twice(void **state)
{
	struct world *w = world_new(10);

	(void)state;
	(void)probe_of(w, 1, 500);
	w->look = back_five_seconds;
	run_world(w, 20000000, 1000);
	for (unsigned i = 1, last = 0; i < w->n_seen; i++) {
		if (w->seen[i].flags & RESULT_SKIPPED)
			continue;
		assert_true(w->seen[i].slot_ms > w->seen[last].slot_ms);
		last = i;
	}
	/* 20 s have passed, 15 on the wall. */
	assert_int_equal(w->begun, 15);
	assert_true(w->host.counters.skipped >= 4 && w->host.counters.skipped <= 6);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(runs_start_at_their_slots),
	    cmocka_unit_test(a_late_start_is_a_skipped_one),
	    cmocka_unit_test(a_sleep_is_no_burst),
	    cmocka_unit_test(what_is_full_starts_nothing_later),
	    cmocka_unit_test(a_loop_that_lags_admits_nobody),
	    cmocka_unit_test(runs_never_overlap),
	    cmocka_unit_test(who_asks_during_a_run_gets_the_next_one),
	    cmocka_unit_test(a_host_that_ends_runs_nothing_that_waits),
	    cmocka_unit_test(what_waits_at_the_deadline_is_called_back_once),
	    cmocka_unit_test(what_it_says_then_counts),
	    cmocka_unit_test(a_request_under_way_ends_with_its_run),
	    cmocka_unit_test(a_removed_probe_calls_nobody_later),
	    cmocka_unit_test(waiting_for_nothing_ends_at_once),
	    cmocka_unit_test(a_stuck_thread_ends_the_host),
	    cmocka_unit_test(a_step_forwards_is_no_burst),
	    cmocka_unit_test(a_step_backwards_fills_no_slot_twice)};

	return cmocka_run_group_tests_name("engine-slots", tests, NULL, NULL);
}
