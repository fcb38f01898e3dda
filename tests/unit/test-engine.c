/*
 * test-engine.c - the host's loop: timers fire in order and never early, a forgotten descriptor is
 * not called, lag is measured, and nothing is admitted beside it or beyond what is allowed.
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

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/engine-internal.h"
#include "tests/unit/engine-help.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(timers_fire_in_order_and_never_early),
	    cmocka_unit_test(many_timers_set_moved_and_cleared),
	    cmocka_unit_test(a_timer_for_now_waits_for_the_next_turn),
	    cmocka_unit_test(a_forgotten_descriptor_is_not_called),
	    cmocka_unit_test(lag_is_measured_and_forgotten),
	    cmocka_unit_test(no_more_than_allowed_are_in_flight)};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
