/*
 * engine-help.c - see engine-help.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/engine-help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/eventfd.h>
#include <unistd.h>

#define TURNS_MAX 2000000

/* ---- the clocks ---- */

_Atomic int64_t mono_us = T0_US, wall_us = T0_MS * 1000;

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

void
pass_us(int64_t us)
{
	mono_us += us;
	wall_us += us;
}

void
reset_clocks(void)
{
	mono_us = T0_US;
	wall_us = T0_MS * 1000;
}

mono_t
at_us(int64_t us)
{
	return (mono_t){T0_US + us};
}

/* ---- a loop with a script ---- */

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

void
play(struct loop *l, bool (*turn)(struct script *), void *arg)
{
	struct script s = {.loop = l, .fd = eventfd(1, EFD_CLOEXEC), .turn = turn, .arg = arg};

	assert_true(s.fd >= 0);
	assert_int_equal(loop_fd_set(l, s.fd, EPOLLIN, on_turn, &s), 0);
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(loop_fd_set(l, s.fd, 0, NULL, NULL), 0);
	close(s.fd);
}
