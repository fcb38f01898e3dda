/*
 * test-engine.c - the host's loop, its slots, and the pure parts of the probe engine: what starts
 * starts at its time or not at all, what is under way at the deadline is called back once, and
 * redirects, cookies and addresses follow their rules.
 *
 * All clocks are the test's (--wrap of the linker): they stand still unless a test moves them. A
 * descriptor that is always readable keeps the loop turning, and its callback is the test's script:
 * it is called once a turn.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/engine-internal.h"
#include "host/host.h"
#include "host/probe.h"
#include "host/redirect.h"
#include "lib/log.h"
#include "lib/options.h"

#define T0_US (INT64_C(4000000000) * 1000000) /* far ahead of the kernel's: its timer never fires */
#define T0_MS INT64_C(1700000000000)
#define TURNS_MAX 2000000

/* ---- the clocks ---- */

static _Atomic int64_t mono_us = T0_US, wall_us = T0_MS * 1000;

mono_t __wrap_mono_now(void);
wall_t __wrap_wall_now(void);
int64_t __wrap_clock_offset_us(void);

mono_t
__wrap_mono_now(void)
{
	return (mono_t){mono_us};
}

wall_t
__wrap_wall_now(void)
{
	return (wall_t){wall_us / 1000};
}

int64_t
__wrap_clock_offset_us(void)
{
	return wall_us - mono_us;
}

static void
pass_us(int64_t us)
{
	mono_us += us;
	wall_us += us;
}

static void
reset_clocks(void)
{
	mono_us = T0_US;
	wall_us = T0_MS * 1000;
}

static mono_t
at_us(int64_t us)
{
	return (mono_t){T0_US + us};
}

/* ---- a loop with a script ---- */

struct script {
	struct loop *loop;
	int fd;
	unsigned turns;
	bool (*turn)(struct script *); /* false: enough */
	void *arg;
};

static void
on_turn(void *arg, uint32_t events)
{
	struct script *s = arg;

	(void)events;
	if (++s->turns > TURNS_MAX)
		fail_msg("the script never ends");
	if (!s->turn(s))
		loop_stop(s->loop);
}

static void
play(struct loop *l, bool (*turn)(struct script *), void *arg)
{
	struct script s = {.loop = l, .fd = eventfd(1, EFD_CLOEXEC), .turn = turn, .arg = arg};

	assert_true(s.fd >= 0);
	assert_int_equal(loop_fd_set(l, s.fd, EPOLLIN, on_turn, &s), 0);
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(loop_fd_set(l, s.fd, 0, NULL, NULL), 0);
	close(s.fd);
}

/* ---- timers ---- */

#define TIMERS 500

struct wheel {
	struct loop *loop;
	struct loop_timer timers[TIMERS];
	int fired[TIMERS], n_fired;
};
struct tick { struct wheel *wheel; int i; };
static struct tick ticks[TIMERS];

static void
on_tick(void *arg)
{
	struct tick *t = arg;
	struct wheel *w = t->wheel;

	if (mono_us < w->timers[t->i].at.us)
		fail_msg("timer %d fires early", t->i);
	w->fired[w->n_fired++] = t->i;
}

static void
set_tick(struct wheel *w, int i, int64_t us)
{
	ticks[i] = (struct tick){w, i};
	loop_timer_set(w->loop, &w->timers[i], at_us(us), on_tick, &ticks[i]);
}

static bool
pass_a_tenth(struct script *s)
{
	(void)s;
	pass_us(100);
	return mono_us < T0_US + 2000000;
}

static void
timers_fire_in_order_and_never_early(void **state)
{
	static const int64_t due[] = {3000, 1000, 2000, 1000, 50, 0};
	static const int order[] = {5, 4, 1, 3, 2, 0};
	struct wheel *w = calloc(1, sizeof(*w));

	(void)state;
	reset_clocks();
	w->loop = loop_new();
	for (int i = 0; i < 6; i++)
		set_tick(w, i, due[i]);
	set_tick(w, 6, 500);
	loop_timer_clear(w->loop, &w->timers[6]);
	loop_timer_clear(w->loop, &w->timers[6]);
	play(w->loop, pass_a_tenth, w);
	assert_int_equal(w->n_fired, 6);
	assert_memory_equal(w->fired, order, sizeof(order));
	loop_free(w->loop);
	free(w);
}

static void
many_timers_set_moved_and_cleared(void **state)
{
	struct wheel *w = calloc(1, sizeof(*w));
	int64_t due[TIMERS], last = -1;
	uint32_t seed = 1;
	int expected = 0;

	(void)state;
	reset_clocks();
	w->loop = loop_new();
	for (int i = 0; i < 4 * TIMERS; i++) {
		int at = (int)((seed = seed * 1103515245 + 12345) >> 8) % TIMERS;

		due[at] = (seed = seed * 1103515245 + 12345) >> 12;
		if (seed % 5 == 0)
			loop_timer_clear(w->loop, &w->timers[at]);
		else
			set_tick(w, at, due[at]);
	}
	for (int i = 0; i < TIMERS; i++)
		expected += w->timers[i].index != 0;
	play(w->loop, pass_a_tenth, w);
	assert_int_equal(w->n_fired, expected);
	for (int i = 0; i < w->n_fired; i++) {
		assert_true(due[w->fired[i]] >= last);
		last = due[w->fired[i]];
	}
	loop_free(w->loop);
	free(w);
}

struct eager { struct loop *loop; struct loop_timer timer; unsigned fired; };

static void
on_eager(void *arg)
{
	struct eager *e = arg;

	e->fired++;
	loop_timer_set(e->loop, &e->timer, mono_now(), on_eager, e);
}

static bool
fifty_turns(struct script *s)
{
	struct eager *e = s->arg;

	/* Each turn fires it once, before or after the descriptor. */
	assert_true(e->fired >= s->turns - 1 && e->fired <= s->turns + 1);
	return s->turns < 50;
}

static void
a_timer_for_now_waits_for_the_next_turn(void **state)
{
	struct eager e = {.loop = loop_new()};

	(void)state;
	reset_clocks();
	on_eager(&e);
	play(e.loop, fifty_turns, &e);
	loop_free(e.loop);
}

/* ---- descriptors ---- */

struct pair { struct loop *loop; int fd[2]; unsigned calls, late_calls; };

static void
on_late_call(void *arg, uint32_t events)
{
	(void)events;
	((struct pair *)arg)->late_calls++;
}

/* Both are ready in one turn: who comes first forgets the other, whose number is another's then. */
static void
on_either(void *arg, uint32_t events)
{
	struct pair *p = arg;

	(void)events;
	p->calls++;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(loop_fd_set(p->loop, p->fd[i], 0, NULL, NULL), 0);
		close(p->fd[i]);
		p->fd[i] = eventfd(0, EFD_CLOEXEC);
		assert_int_equal(
		    loop_fd_set(p->loop, p->fd[i], EPOLLIN, on_late_call, p), 0);
	}
}

static bool
three_turns(struct script *s)
{
	return s->turns < 3;
}

static void
a_forgotten_descriptor_is_not_called(void **state)
{
	struct pair p = {.loop = loop_new()};

	(void)state;
	for (int i = 0; i < 2; i++) {
		p.fd[i] = eventfd(1, EFD_CLOEXEC);
		assert_int_equal(loop_fd_set(p.loop, p.fd[i], EPOLLIN, on_either, &p), 0);
	}
	play(p.loop, three_turns, &p);
	assert_int_equal(p.calls, 1);
	assert_int_equal(p.late_calls, 0);
	close(p.fd[0]);
	close(p.fd[1]);
	loop_free(p.loop);
}

/* ---- lag and admission ---- */

static void
on_slow(void *arg)
{
	(void)arg;
	pass_us(300000);
}

static bool
one_second(struct script *s)
{
	if (s->turns > 3)
		pass_us(1000);
	return mono_us < T0_US + 1000000;
}

static void
lag_is_measured_and_forgotten(void **state)
{
	struct loop_timer slow = {0}, behind = {0};
	struct loop *l = loop_new();
	struct engine_opts opts = {.loop = l, .max_in_flight = 2};
	struct engine *e = engine_new(&opts);
	struct loop_lag lag;

	(void)state;
	reset_clocks();
	assert_non_null(e);
	assert_true(engine_admits(e));
	loop_timer_set(l, &slow, at_us(0), on_slow, NULL);
	loop_timer_set(l, &behind, at_us(1), on_slow, NULL);
	play(l, one_second, NULL);
	/* The second timer was due at 1 us and begun at 300 000. */
	assert_int_equal(loop_lag_since(l, at_us(0)), 600000);
	lag = loop_lag_take(l);
	assert_int_equal(lag.max_us, 600000);
	assert_int_equal(lag.p50_us, 1000); /* the script's own, a turn */
	assert_int_equal(loop_lag_take(l).max_us, 0);
	assert_false(engine_admits(e));
	pass_us(2000000);
	assert_true(engine_admits(e));
	assert_int_equal(loop_lag_since(l, at_us(0)), 600000);
	engine_free(e);
	loop_free(l);
}

static void
no_answer(void *arg, const struct tw_answer *a)
{
	(void)arg;
	(void)a;
	fail_msg("a cancelled request is answered");
}

static void
no_more_than_allowed_are_in_flight(void **state)
{
	struct loop *l = loop_new();
	struct engine_opts opts = {.loop = l, .max_in_flight = 2};
	struct tw_request r = {.size = sizeof(r), .url = "http://192.0.2.1/",
	    .proxy = "http://192.0.2.1:1"};
	struct engine *e = engine_new(&opts);
	struct engine_run *run = engine_run_new(e);
	struct engine_http *h[2];

	(void)state;
	reset_clocks();
	for (int i = 0; i < 2; i++) {
		assert_true(engine_admits(e));
		h[i] = engine_http(run, &r, at_us(1000000), no_answer, NULL, NULL);
		assert_non_null(h[i]);
	}
	assert_false(engine_admits(e));
	engine_http_cancel(h[0]);
	assert_true(engine_admits(e));
	engine_http_cancel(h[1]);
	assert_int_equal(engine_in_flight(e), 0);
	engine_run_free(run);
	engine_free(e);
	loop_free(l);
}

/* ---- probes and their slots ---- */

#define SEEN_MAX 64
#define INTERVAL_MS 1000
#define OFFSET_MS 137

struct seen { int64_t slot_ms, wall_ms, lag_us; uint8_t flags, verdict; char cause[32]; };

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
	(void)p;
	(void)has_samples;
	now_in->n_seen++;
	*s = (struct seen){.slot_ms = r->slot_ms,
	    .wall_ms = wall_us / 1000,
	    .lag_us = r->start_lag_us,
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
	/* At most the slot that was planned is lost as such; the hour is counted, not made up for. */
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

/* ---- redirects ---- */

static void
a_location_counts_with_the_right_status_only(void **state)
{
	static const struct tw_header headers[] = {
	    {"X", "y"}, {"Location", ""}, {"lOCATION", "/a"}, {"Location", "/b"}};
	struct tw_hop hop = {.headers = headers, .n_headers = 4};

	(void)state;
	for (hop.status = 0; hop.status < 700; hop.status++) {
		bool is_one = hop.status == 301 || hop.status == 302 || hop.status == 303
		    || hop.status == 307 || hop.status == 308;
		const char *to = redirect_location(&hop);

		if ((to != NULL) != is_one || (is_one && strcmp(to, "/a") != 0))
			fail_msg("status %d", hop.status);
	}
	hop.status = 302;
	hop.n_headers = 2;
	assert_null(redirect_location(&hop));
}

static void
locations_become_urls_or_nothing(void **state)
{
	static const char *const rows[][2] = {{"/a?b=1", "https://shop.example/a?b=1"},
	    {"c", "https://shop.example/x/c"}, {"../c", "https://shop.example/c"},
	    {"?q", "https://shop.example/x/y?q"}, {"//other.example/z", "https://other.example/z"},
	    {"http://other.example:8080/#part", "http://other.example:8080/"},
	    {"HTTPS://Other.Example/", "https://Other.Example/"},
	    {"http://[::1]/", "http://[::1]/"}, {"file:///etc/passwd", NULL},
	    {"gopher://other.example/", NULL}, {"javascript:alert(1)", NULL},
	    {"ftp://other.example/", NULL}, {"http://", NULL}, {"http://a b/", NULL},
	    {"https://shop.example:99999/", NULL}};
	CURLU *base = curl_url();
	struct heap heap = {0};

	(void)state;
	assert_int_equal(
	    curl_url_set(base, CURLUPART_URL, "https://shop.example/x/y?z=1#f", 0), CURLUE_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *url = redirect_resolve(base, rows[i][0], &heap);

		if ((url == NULL) != (rows[i][1] == NULL)
		    || (url != NULL && strcmp(url, rows[i][1]) != 0))
			fail_msg("%s becomes %s", rows[i][0], url != NULL ? url : "nothing");
	}
	curl_url_cleanup(base);
	heap_free(&heap);
}

static void
methods_change_as_the_rfc_says(void **state)
{
	static const struct { int status; const char *before, *after; } rows[] = {
	    {301, "POST", "GET"}, {301, "GET", "GET"}, {301, "PUT", "PUT"}, {302, "POST", "GET"},
	    {302, "HEAD", "HEAD"}, {303, "POST", "GET"}, {303, "PUT", "GET"},
	    {303, "HEAD", "HEAD"}, {307, "POST", "POST"}, {308, "POST", "POST"},
	    {308, "DELETE", "DELETE"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct redirect_rules r = {.method = rows[i].before, .status = rows[i].status};

		if (strcmp(redirect_method(&r), rows[i].after) != 0)
			fail_msg("%d %s becomes %s", r.status, r.method, redirect_method(&r));
	}
}

static void
secrets_stay_with_their_origin(void **state)
{
	static const struct { const char *a, *b; bool same; } rows[] = {
	    {"https://a.example/", "https://a.example/x?y", true},
	    {"https://a.example/", "https://A.EXAMPLE:443/", true},
	    {"http://a.example/", "http://a.example:80/", true},
	    {"https://a.example/", "http://a.example/", false},
	    {"https://a.example/", "https://a.example:8443/", false},
	    {"https://a.example/", "https://b.a.example/", false},
	    {"https://a.example/", "https://a.example.evil.example/", false},
	    {"https://a.example/", "https://a.example@evil.example/", false},
	    {"https://a.example/", "nonsense://", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (redirect_same_origin(rows[i].a, rows[i].b) != rows[i].same
		    || redirect_same_origin(rows[i].b, rows[i].a) != rows[i].same)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	assert_true(redirect_keeps_header("ACCEPT-language"));
	assert_true(redirect_keeps_header("User-Agent"));
	assert_false(redirect_keeps_header("Authorization"));
	assert_false(redirect_keeps_header("X-Api-Key"));
	assert_false(redirect_keeps_header("Cookie"));
	assert_false(redirect_keeps_header("Accept-"));
}

/* ---- addresses ---- */

static void
addresses_are_told_apart(void **state)
{
	static const struct { const char *text; bool is_private; } rows[] = {
	    {"8.8.8.8", false}, {"172.15.255.255", false}, {"172.16.0.0", true},
	    {"172.31.255.255", true}, {"172.32.0.0", false}, {"100.63.255.255", false},
	    {"100.64.0.0", true}, {"100.127.255.255", true}, {"100.128.0.0", false},
	    {"9.255.255.255", false}, {"10.0.0.1", true}, {"11.0.0.0", false}, {"0.0.0.1", true},
	    {"127.255.255.254", true}, {"169.254.169.254", true}, {"192.168.1.1", true},
	    {"192.0.0.8", true}, {"192.0.2.1", false}, {"198.18.0.1", true}, {"198.20.0.0", false},
	    {"223.255.255.255", false}, {"224.0.0.1", true}, {"255.255.255.255", true},
	    {"::1", true}, {"::", true}, {"::127.0.0.1", true}, {"::ffff:127.0.0.1", true},
	    {"::ffff:8.8.8.8", false}, {"64:ff9b::10.0.0.1", true}, {"64:ff9b::8.8.8.8", false},
	    {"2002:7f00:1::", true}, {"2002:808:808::", false}, {"fc00::1", true},
	    {"fdff::1", true}, {"fe80::1", true}, {"febf::1", true}, {"fec0::1", false},
	    {"ff02::1", true}, {"2606:4700::1111", false}, {"[::1]", true}, {"[8.8.8.8]", false}};
	static const char *const bad[] = {"", "[]", "[", "1.2.3", "1.2.3.4.5", "0x7f.1", "localhost",
	    "::1%lo", "[::1", "::1]", "1.2.3.4 ", "256.1.1.1",
	    "[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]"};
	struct sockaddr_storage a;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!address_parse(rows[i].text, &a)
		    || address_is_private((struct sockaddr *)&a) != rows[i].is_private)
			fail_msg("%s", rows[i].text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (address_parse(bad[i], &a))
			fail_msg("\"%s\" is an address", bad[i]);
	assert_true(address_parse("[2606:4700::1111]", &a));
	address_text((struct sockaddr *)&a, text, sizeof(text));
	assert_string_equal(text, "2606:4700::1111");
	a.ss_family = AF_UNIX;
	assert_true(address_is_private((struct sockaddr *)&a)); /* unknown is not let through */
}

/* ---- cookies ---- */

static int
count_cookies(CURL *easy, const char *part)
{
	struct curl_slist *all = NULL;
	int n = 0;

	assert_int_equal(curl_easy_getinfo(easy, CURLINFO_COOKIELIST, &all), CURLE_OK);
	for (const struct curl_slist *c = all; c != NULL; c = c->next)
		n += strstr(c->data, part) != NULL;
	curl_slist_free_all(all);
	return n;
}

static void
a_jar_carries_cookies_from_hop_to_hop_and_no_further(void **state)
{
	struct loop *l = loop_new();
	struct engine_opts opts = {.loop = l};
	struct engine *e = engine_new(&opts);
	struct tw_jar *mine = engine_jar_new(e), *other = engine_jar_new(e);
	CURL *first = curl_easy_init(), *second = curl_easy_init();
	char line[128];

	(void)state;
	jar_load(mine, first);
	for (int i = 0; i < 300; i++) {
		/* libcurl takes 50 of one domain. */
		snprintf(line, sizeof(line), "d%d.example\tFALSE\t/\tFALSE\t0\tc%d\tv", i / 20, i);
		assert_int_equal(
		    curl_easy_setopt(first, CURLOPT_COOKIELIST, line), CURLE_OK);
	}
	assert_int_equal(count_cookies(first, "d"), 300);
	jar_store(mine, first);
	assert_int_equal(count_cookies(first, "d"), 0); /* the handle goes back to the pool empty */
	jar_load(mine, second);
	assert_int_equal(count_cookies(second, "d"), 256);
	jar_load(other, second);
	assert_int_equal(count_cookies(second, "d"), 0);
	jar_store(mine, second);
	jar_load(mine, first);
	assert_int_equal(count_cookies(first, "d"), 0); /* deleted is deleted */
	engine_jar_free(mine);
	engine_jar_free(other);
	engine_jar_free(NULL);
	curl_easy_cleanup(first);
	curl_easy_cleanup(second);
	engine_free(e);
	loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(timers_fire_in_order_and_never_early),
	    cmocka_unit_test(many_timers_set_moved_and_cleared),
	    cmocka_unit_test(a_timer_for_now_waits_for_the_next_turn),
	    cmocka_unit_test(a_forgotten_descriptor_is_not_called),
	    cmocka_unit_test(lag_is_measured_and_forgotten),
	    cmocka_unit_test(no_more_than_allowed_are_in_flight),
	    cmocka_unit_test(runs_start_at_their_slots),
	    cmocka_unit_test(a_late_start_is_a_skipped_one),
	    cmocka_unit_test(a_sleep_is_no_burst),
	    cmocka_unit_test(what_is_full_starts_nothing_later),
	    cmocka_unit_test(a_loop_that_lags_admits_nobody),
	    cmocka_unit_test(runs_never_overlap),
	    cmocka_unit_test(what_waits_at_the_deadline_is_called_back_once),
	    cmocka_unit_test(what_it_says_then_counts),
	    cmocka_unit_test(a_request_under_way_ends_with_its_run),
	    cmocka_unit_test(a_removed_probe_calls_nobody_later),
	    cmocka_unit_test(waiting_for_nothing_ends_at_once),
	    cmocka_unit_test(a_stuck_thread_ends_the_host),
	    cmocka_unit_test(a_step_forwards_is_no_burst),
	    cmocka_unit_test(a_step_backwards_fills_no_slot_twice),
	    cmocka_unit_test(a_location_counts_with_the_right_status_only),
	    cmocka_unit_test(locations_become_urls_or_nothing),
	    cmocka_unit_test(methods_change_as_the_rfc_says),
	    cmocka_unit_test(secrets_stay_with_their_origin),
	    cmocka_unit_test(addresses_are_told_apart),
	    cmocka_unit_test(a_jar_carries_cookies_from_hop_to_hop_and_no_further)};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
