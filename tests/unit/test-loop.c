/*
 * test-loop.c - timers: none is called before its time, all in the order of their times, and those
 * that are exact come less late than others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/loop.h"

#define TIMERS 200
#define APART_US 700
#define TRIES 9

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
	(void)play(0);
	(void)play(1);
	(void)play(3);
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* In turns, and by the median of them: what else runs holds up the one or the other. */
static void
exact_ones_come_less_late(void **state)
{
	int64_t exact[TRIES], others[TRIES];

	(void)state;
	for (int i = 0; i < TRIES; i++) {
		others[i] = play(0);
		exact[i] = play(1);
	}
	qsort(exact, TRIES, sizeof(exact[0]), by_value);
	qsort(others, TRIES, sizeof(others[0]), by_value);
	print_message("half of the others are late by %d us, of the exact ones by %d us\n",
	    (int)others[TRIES / 2], (int)exact[TRIES / 2]);
	assert_true(exact[TRIES / 2] * 2 <= others[TRIES / 2] + 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_timer_is_early),
	    cmocka_unit_test(exact_ones_come_less_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
