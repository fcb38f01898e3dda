/*
 * probes-clock.c - how well this machine keeps time just now: sleeps to absolute instants a
 * millisecond apart until its input closes, then prints p50 and p99
 * of how late it woke, in microseconds. A bar of microseconds says nothing while this is bad.
 *
 * --awake: nothing is printed. It sleeps a tenth of that at a time until it is ended, so that its
 * processor never halts for long: the hypervisor of a virtual machine may wake a halted one late by
 * milliseconds, which is no fault of what is measured. In the idle class it takes nothing from it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define STEP_NS 1000000
#define AWAKE_NS 100000
#define BUCKETS 100000              /* microseconds; later than that counts as that */

static uint32_t late[BUCKETS];

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static unsigned
at_share(uint64_t n, double share)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < BUCKETS; i++)
		if ((double)(seen += late[i]) >= (double)n * share)
			return i;
	return BUCKETS;
}

static void
stay_awake(void)
{
	struct timespec step = {0, AWAKE_NS};

	for (;;)
		(void)nanosleep(&step, NULL);
}

int
main(int argc, char **argv)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};
	int64_t at = now_ns();
	uint64_t n = 0;

	prctl(PR_SET_TIMERSLACK, 1);
	if (argc > 1 && !strcmp(argv[1], "--awake"))
		stay_awake();
	while (poll(&input, 1, 0) == 0) {
		struct timespec to;
		int64_t us;

		at += STEP_NS;
		to = (struct timespec){at / 1000000000, at % 1000000000};
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &to, NULL) != 0)
			;
		us = (now_ns() - at) / 1000;
		late[us < 0 ? 0 : us >= BUCKETS ? BUCKETS - 1 : us]++;
		n++;
		if (us > STEP_NS / 1000)
			at = now_ns();
	}
	printf("%u %u\n", at_share(n, 0.5), at_share(n, 0.99));
	return 0;
}
