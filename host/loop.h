/*
 * loop.h - the host's event loop: file descriptors by epoll, timers by one absolute timerfd.
 *
 * A timer is due at a time of the monotonic clock, to the microsecond (libuv's are a millisecond
 * coarse). Timers due at the same time fire in the order in which they were set. Callbacks run on
 * the thread that called loop_run, in turn; how long a turn keeps the others waiting is measured.
 *
 * A timer comes late by as much as a processor takes to wake, each time another: about 60 us on a
 * virtual machine (tests/unit/test-loop prints it). For one that is_exact the loop wakes by as much
 * earlier as nine of ten were late lately, LOOP_LEAD_MAX_US at most, and waits for the rest awake:
 * for what is to be at its time, and is seldom.
 *
 * Not thread-safe: only the loop's thread calls it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "lib/clock.h"

#define LOOP_LEAD_MAX_US 200

struct loop;

struct loop_timer {                  /* the owner's memory; zeroed = not set */
	mono_t at;
	uint32_t index;              /* private: 1 + place in the heap; 0 = not set */
	bool is_exact;               /* the owner's: see below */
	void (*fn)(void *);
	void *arg;
};

struct loop_lag {                    /* how late what was due was begun, microseconds */
	int64_t p50_us, p99_us, max_us;
};

struct loop *loop_new(void);                 /* NULL: out of memory or descriptors */
void loop_free(struct loop *l);
int loop_run(struct loop *l);                /* until loop_stop; 0 or -errno */
void loop_stop(struct loop *l);

/* Watches fd for EPOLLIN | EPOLLOUT (0: no longer). A second call changes it. Forget it before
 * closing the fd. 0 or -errno. */
int loop_fd_set(
    struct loop *l, int fd, uint32_t events, void (*fn)(void *arg, uint32_t events), void *arg);

/* (Re)sets: fn(arg) is called once at `at` or, when that is past, in the next turn. */
void loop_timer_set(struct loop *l, struct loop_timer *t, mono_t at, void (*fn)(void *), void *arg);
void loop_timer_clear(struct loop *l, struct loop_timer *t);  /* a timer that is not set is fine */

/* The lag since the last call of it. */
struct loop_lag loop_lag_take(struct loop *l);
/* The worst lag of any timer, and the longest turn, since a time at most 60 s ago. */
int64_t loop_lag_since(const struct loop *l, mono_t since);
int64_t loop_lag_recent(const struct loop *l); /* of the last second: what admission asks */
/* When the turn that runs began: what was ready then has waited since. */
mono_t loop_turn_began(const struct loop *l);
/* How long the thread that made the loop has been ready to run without a processor, in all its
 * life; microseconds, -1 where the kernel does not say. Source: Linux
 * Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat, second field. */
int64_t loop_starved_us(const struct loop *l);

#endif
