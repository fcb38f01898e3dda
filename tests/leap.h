/*
 * leap.h - the clock that programs under tests/leap.c share: a day in minutes, without hurrying
 * anybody.
 *
 * DESIGN. Time passes as always while somebody works, and leaps while all wait: what is asked of a
 * server, written to a disk or computed takes as long as it truly does, so no timeout comes nearer
 * however slow the machine is. tests/leap-clock.c leaps: when no thread's wait is over, no thread
 * works, and no connection waits for its first answer. Whose wait a leap ends is woken by a signal.
 * A leap is `step_ns`: so late may a wait end, but for those of a process that has a timerfd (a
 * host): its clock stops at each of its times until that is done, so its slots are on time.
 *
 * What it cannot show: what depends on the processor's and the disk's share of a day, on other
 * machines' clocks, and on the kernel's stamps (there are none: a time is user space's).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_LEAP_H
#define TESTS_LEAP_H

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#define LEAP_SLOTS 512
#define LEAP_SIGNAL SIGURG          /* one that does not queue: who waits for a thread keeps it */

/* parked: it waits for another thread, or is gone */
enum leap_state { LEAP_PARKED, LEAP_WAITS, LEAP_WORKS };

struct leap_slot {                   /* of a thread that has waited once */
	_Atomic int tid, pid, state; /* tid 0: free */
	_Atomic int n_unanswered;    /* its connections without a first byte */
	_Atomic int64_t until_ns;    /* its wait's end, by CLOCK_MONOTONIC that leaps */
	int64_t since_ns, state_seen; /* the clock's own: since when has it worked? */
};

struct leap {                        /* the file that all map */
	_Atomic int64_t offset_ns;   /* to add to CLOCK_MONOTONIC */
	int64_t wall_ns;             /* to add besides for CLOCK_REALTIME */
	_Atomic int64_t until_ns;    /* leaps end there, by the wall that leaps */
	_Atomic int64_t step_ns;
	struct leap_slot slots[LEAP_SLOTS];
};

#endif
