/*
 * prompt.h - the loop's thread runs soon after it is woken, whatever keeps the processors busy.
 *
 * A scheduler with virtual deadlines (EEVDF, Linux 6.6 and later) wakes a thread into a busy
 * processor only when its deadline is the nearer one, and a deadline lies a slice away: 3 ms, so
 * that a start may be late by as much beside a source that reads a million rows. From 6.12 a
 * thread may ask for slices of its own: a shorter one brings the same share of the processor in
 * smaller pieces, sooner. Earlier kernels take the call and do nothing.
 *
 *   two busy loops on two processors, how late a thread woke, p99 (bench/probes-clock, 6.18):
 *   590 us without, 28 us with a slice of 100 us; the loops at nice 5 or SCHED_IDLE: 4,000 us
 *
 * Source: "Completing the EEVDF scheduler", LWN, 2024-04-11; sched_setattr(2).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_PROMPT_H
#define HOST_PROMPT_H

/* For the calling thread alone: threads it starts have the usual slices again. Call it before the
 * sandbox. What the kernel refuses is left as it is. */
void prompt_ask(void);

#endif
