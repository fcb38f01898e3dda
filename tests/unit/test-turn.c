/*
 * test-turn.c - when a source may ask again and how much of a run is left for it, by a clock that
 * the test plays.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <math.h>
#include <time.h>

#include <cmocka.h>

#include "plugins/common/turn.h"

#define SECOND INT64_C(1000000)
#define RUN_US (8 * SECOND)
#define FOR_REQUESTS_US (RUN_US - RUN_US / 8 - TURN_RESERVE_US)

static struct {
	int64_t now_us, deadline_us;
	int naps, interrupts;
} world;

static int64_t
left_us(struct tw_ctx *ctx)
{
	(void)ctx;
	return world.deadline_us - world.now_us;
}

static const struct tw_api api = {.left_us = left_us};
const struct tw_api *tw_api_ = &api;

mono_t __wrap_mono_now(void);
int __wrap_nanosleep(const struct timespec *t, struct timespec *rest);

mono_t
__wrap_mono_now(void)
{
	return (mono_t){world.now_us};
}

/* A signal comes in the middle of each of the first naps. */
int
__wrap_nanosleep(const struct timespec *t, struct timespec *rest)
{
	int64_t us = t->tv_sec * SECOND + t->tv_nsec / 1000;

	assert_in_range(t->tv_nsec, 0, 999999999);
	if (world.naps++ < world.interrupts) {
		world.now_us += us / 2;
		us -= us / 2;
		*rest = (struct timespec){us / SECOND, us % SECOND * 1000};
		errno = EINTR;
		return -1;
	}
	world.now_us += us;
	return 0;
}

static struct turn
begin(int64_t now_us)
{
	struct turn t = {0};

	world.now_us = now_us;
	world.deadline_us = now_us + RUN_US;
	world.naps = world.interrupts = 0;
	turn_begin(&t, NULL);
	return t;
}

static void
a_run_keeps_some_for_its_end(void **state)
{
	(void)state;
	begin(5 * SECOND);
	assert_int_equal(turn_left_us(NULL), FOR_REQUESTS_US);
	world.now_us = world.deadline_us - TURN_RESERVE_US;
	assert_true(turn_left_us(NULL) < 0);
}

/* Three quarters of what the run had are a fair chance, one microsecond less is not. */
static void
short_is_what_had_less_than_its_turn(void **state)
{
	struct turn t = begin(5 * SECOND);

	(void)state;
	assert_false(turn_was_short(&t, FOR_REQUESTS_US));
	assert_false(turn_was_short(&t, FOR_REQUESTS_US * 3 / 4));
	assert_true(turn_was_short(&t, FOR_REQUESTS_US * 3 / 4 - 1));
	assert_true(turn_was_short(&t, 0));
	/* What is left later is judged by what there was at the beginning. */
	world.now_us += RUN_US / 2;
	assert_true(turn_was_short(&t, turn_left_us(NULL)));
}

static void
it_waits_as_long_as_it_must(void **state)
{
	struct turn t = begin(5 * SECOND);

	(void)state;
	assert_true(turn_wait(&t, NULL));
	assert_int_equal(world.naps, 0);
	turn_put_off(&t, 2.5);
	turn_put_off(&t, 1); /* sooner than what was said before: nothing */
	world.interrupts = 3;
	assert_true(turn_wait(&t, NULL));
	assert_int_equal(world.now_us, 5 * SECOND + SECOND * 5 / 2);
	assert_int_equal(world.naps, 4);
}

static void
it_does_not_sleep_past_its_run(void **state)
{
	struct turn t = begin(5 * SECOND);

	(void)state;
	turn_put_off(&t, FOR_REQUESTS_US / 1e6);
	assert_false(turn_wait(&t, NULL));
	assert_int_equal(world.naps, 0);
	/* The next run finds it. */
	world.now_us += RUN_US;
	world.deadline_us += RUN_US;
	assert_true(turn_wait(&t, NULL));
	/* None is left: not, even though nobody asked to wait. */
	world.now_us = world.deadline_us - TURN_RESERVE_US;
	assert_false(turn_wait(&t, NULL));
}

static void
put_off(struct turn *t, double seconds, int64_t wanted_us)
{
	turn_put_off(t, seconds);
	assert_int_equal(t->not_before_us, wanted_us);
}

static void
foreign_pauses_are_bounded(void **state)
{
	struct turn t = begin(5 * SECOND);

	(void)state;
	put_off(&t, 0, 0);
	put_off(&t, -1, 0);
	put_off(&t, NAN, 0);
	put_off(&t, 1e300, 3605 * SECOND);
	put_off(&t, INFINITY, 3605 * SECOND);
}

static double
retry_after(const char *value)
{
	struct tw_header headers[] = {{"server", "9"}, {"retry-after", value}};
	struct fetch_answer a = {.headers = headers, .n_headers = value != NULL ? 2 : 1};

	return turn_retry_after(&a, 7);
}

static void
what_the_answer_says(void **state)
{
	(void)state;
	assert_true(retry_after("30") == 30);
	assert_true(retry_after("1.5") == 1.5);
	assert_true(retry_after(NULL) == 7);
	assert_true(retry_after("") == 7);
	assert_true(retry_after("-30") == 7);
	assert_true(retry_after("nan") == 7);
	assert_true(retry_after("Wed, 21 Oct 2026 07:28:00 GMT") == 7);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_run_keeps_some_for_its_end),
	    cmocka_unit_test(short_is_what_had_less_than_its_turn),
	    cmocka_unit_test(it_waits_as_long_as_it_must),
	    cmocka_unit_test(it_does_not_sleep_past_its_run),
	    cmocka_unit_test(foreign_pauses_are_bounded),
	    cmocka_unit_test(what_the_answer_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
