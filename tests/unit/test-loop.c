/*
 * test-loop.c - timers, by the real clock: none is called before its time, all in the order of
 * their times. And the loop's thread asks for short slices. Exact ones: test-loop-exact.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/loop.h"
#include "host/prompt.h"

#define TIMERS 200
#define APART_US 700

struct bench {
	struct loop *loop;
	struct loop_timer timers[TIMERS];
	unsigned n;                      /* called */
	mono_t last;                     /* of the one before */
	bool is_early, is_mixed_up;
};
struct mine { struct bench *t; unsigned i; };

static void
due(void *arg)
{
	struct mine *m = arg;
	struct bench *t = m->t;
	mono_t at = t->timers[m->i].at;

	t->is_early |= mono_sub_us(mono_now(), at) < 0;
	t->is_mixed_up |= mono_sub_us(at, t->last) < 0;
	t->last = at;
	if (++t->n == TIMERS)
		loop_stop(t->loop);
}

/* every: which of them are exact. How late half of them came, microseconds. */
static int64_t
play(unsigned every)
{
	struct bench t = {.loop = loop_new()};
	struct mine mine[TIMERS];
	mono_t first = mono_add_us(mono_now(), 5000);
	int64_t late_us;

	assert_non_null(t.loop);
	for (unsigned i = 0; i < TIMERS; i++) {
		unsigned at = i * 7919 % TIMERS; /* not in order; two at a time share it */

		mine[i] = (struct mine){&t, i};
		t.timers[i].is_exact = every > 0 && i % every == 0;
		loop_timer_set(t.loop, &t.timers[i], mono_add_us(first, at / 2 * APART_US), due,
		    &mine[i]);
	}
	assert_int_equal(loop_run(t.loop), 0);
	assert_int_equal(t.n, TIMERS);
	assert_false(t.is_early);
	assert_false(t.is_mixed_up);
	late_us = loop_lag_take(t.loop).p50_us;
	loop_free(t.loop);
	return late_us;
}

static void
no_timer_is_early(void **state)
{
	(void)state;
	print_message("half of the timers are late by %d us, of exact ones by %d us\n",
	    (int)play(0), (int)play(1));
	(void)play(3);
}

/* ---- slices of the loop's thread ---- */

struct slice { uint64_t ns; int rc; };

/* Of the calling thread: sched_getattr(2), the first version of its answer. */
static struct slice
slice(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t slice_ns, deadline_ns, period_ns;
	} a = {.size = sizeof(a)};
	int rc = (int)syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0);

	return (struct slice){a.slice_ns, rc};
}

static void *
of_a_thread(void *arg)
{
	*(struct slice *)arg = slice();
	return NULL;
}

/* Kernels before 6.12 have no slices to ask for: there it is the same as before. */
static void
the_loop_has_short_slices_and_its_threads_have_not(void **state)
{
	struct slice before = slice(), asked, of_thread;
	pthread_t thread;

	(void)state;
	prompt_ask();
	asked = slice();
	assert_int_equal(pthread_create(&thread, NULL, of_a_thread, &of_thread), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (before.rc != 0)
		skip(); /* not permitted here */
	print_message("a slice: %llu us, then %llu us, of a thread %llu us\n",
	    (unsigned long long)before.ns / 1000, (unsigned long long)asked.ns / 1000,
	    (unsigned long long)of_thread.ns / 1000);
	assert_int_equal(of_thread.ns, before.ns);
	if (before.ns != 0)
		assert_true(asked.ns < before.ns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_timer_is_early),
	    cmocka_unit_test(the_loop_has_short_slices_and_its_threads_have_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
