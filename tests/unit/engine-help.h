/*
 * engine-help.h - clocks that the test moves, and a loop with a script, for what runs in the host's
 * loop.
 *
 * All clocks are the test's (--wrap of the linker): they stand still unless a test moves them. A
 * descriptor that is always readable keeps the loop turning, and its callback is the test's script:
 * it is called once a turn.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_ENGINE_HELP_H
#define TESTS_UNIT_ENGINE_HELP_H

#include <stdbool.h>
#include <stdint.h>

#include "host/loop.h"
#include "lib/clock.h"

#define T0_US (INT64_C(4000000000) * 1000000) /* far ahead of the kernel's: its timer never fires */
#define T0_MS INT64_C(1700000000000)

extern _Atomic int64_t mono_us, wall_us;      /* what the clocks say */

struct script {
	struct loop *loop;
	int fd;
	unsigned turns;
	bool (*turn)(struct script *); /* false: enough */
	void *arg;
};

/* Moves both clocks on. */
void pass_us(int64_t us);
/* Both clocks back to T0. */
void reset_clocks(void);
/* The time `us` after T0. */
mono_t at_us(int64_t us);
/* Runs the loop until `turn` says that it is enough, or the test fails. A loop can be run once. */
void play(struct loop *l, bool (*turn)(struct script *), void *arg);

#endif
