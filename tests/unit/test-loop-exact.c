/*
 * test-loop-exact.c - timers that are exact, by a clock and a kernel that the test plays: this one
 * wakes late, as kernels do, by as much as the test says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/timerfd.h>

#include <cmocka.h>

#include "host/loop.h"

#define TIMERS 2000
#define APART_US 10000
#define LEARNT 100                    /* timers: the last so many of a play are judged */
#define LOOK_US 20                    /* what the loop's looks at the clock take */

/* ---- the machine ---- */

static struct {
	int64_t now_us, armed_us, late_us;
	int timer_fd;
} machine;

mono_t __wrap_mono_now(void);
int __wrap_timerfd_settime(
    int fd, int flags, const struct itimerspec *at, struct itimerspec *before);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int cap, int timeout_ms);

mono_t
__wrap_mono_now(void)
{
	return (mono_t){machine.now_us++}; /* looking at it takes time */
}

int
__wrap_timerfd_settime(
    int fd, int flags, const struct itimerspec *at, struct itimerspec *before)
{
	(void)before;
	assert_int_equal(flags, TFD_TIMER_ABSTIME);
	machine.timer_fd = fd;
	machine.armed_us = at->it_value.tv_sec * 1000000 + at->it_value.tv_nsec / 1000;
	return 0;
}

int
__wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int cap, int timeout_ms)
{
	(void)epoll_fd;
	assert_true(cap > 0);
	if (timeout_ms == 0)
		return 0;
	if (machine.now_us < machine.armed_us)
		machine.now_us = machine.armed_us;
	machine.now_us += machine.late_us;
	events[0] = (struct epoll_event){.events = EPOLLIN, .data.u64 = (uint32_t)machine.timer_fd};
	return 1;
}

/* ---- timers, one after the other ---- */

struct play {
	struct loop *loop;
	struct loop_timer timer;
	unsigned n;
	int64_t then_us;
	int64_t earliest_us, latest_us; /* the last LEARNT, by their time */
	int64_t awake_us;               /* the longest that was waited for one of them */
};

static void
due(void *arg)
{
	struct play *p = arg;
	int64_t at_us = p->timer.at.us, late_us = machine.now_us - at_us;
	int64_t awake_us = at_us - machine.armed_us - machine.late_us;

	if (++p->n > TIMERS - LEARNT) {
		p->earliest_us = late_us < p->earliest_us ? late_us : p->earliest_us;
		p->latest_us = late_us > p->latest_us ? late_us : p->latest_us;
		p->awake_us = awake_us > p->awake_us ? awake_us : p->awake_us;
	}
	if (p->n == TIMERS / 2)
		machine.late_us = p->then_us;
	if (p->n == TIMERS)
		loop_stop(p->loop);
	else
		loop_timer_set(p->loop, &p->timer, (mono_t){at_us + APART_US}, due, p);
}

/* By a kernel that is late by first_us, and from the middle on by then_us. */
static struct play
play(bool is_exact, int64_t first_us, int64_t then_us)
{
	struct play p = {.loop = loop_new(), .then_us = then_us, .earliest_us = INT64_MAX,
	    .latest_us = INT64_MIN, .timer.is_exact = is_exact};

	assert_non_null(p.loop);
	machine.now_us = 1000000;
	machine.late_us = first_us;
	loop_timer_set(p.loop, &p.timer, (mono_t){machine.now_us + APART_US}, due, &p);
	assert_int_equal(loop_run(p.loop), 0);
	assert_int_equal(p.n, TIMERS);
	loop_free(p.loop);
	return p;
}

static void
others_are_as_late_as_the_kernel(void **state)
{
	(void)state;
	assert_in_range(play(false, 60, 60).earliest_us, 60, 60 + LOOK_US);
}

static void
exact_ones_are_at_their_time(void **state)
{
	struct play p = play(true, 60, 60);

	(void)state;
	assert_in_range(p.earliest_us, 0, LOOK_US);
	assert_in_range(p.latest_us, 0, LOOK_US);
}

/* Of a kernel that was late once and is not any more, the lead goes. */
static void
nobody_waits_awake_for_nothing(void **state)
{
	struct play p = play(true, 150, 0);

	(void)state;
	assert_in_range(p.earliest_us, 0, LOOK_US);
	assert_in_range(p.awake_us, 0, 10);
}

/* A machine that is that late is not made up for. */
static void
the_lead_has_an_end(void **state)
{
	struct play p = play(true, 5000, 5000);

	(void)state;
	assert_in_range(p.earliest_us, 5000 - LOOP_LEAD_MAX_US, 5000 - LOOP_LEAD_MAX_US + LOOK_US);
	p = play(true, 5000, 0);
	assert_in_range(p.earliest_us, 0, LOOK_US);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(others_are_as_late_as_the_kernel),
	    cmocka_unit_test(exact_ones_are_at_their_time),
	    cmocka_unit_test(nobody_waits_awake_for_nothing),
	    cmocka_unit_test(the_lead_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
