/*
 * past.c - a preloaded library that lets a program live PAST_SECONDS ago by the wall clock. Only
 * that clock: durations and timers are as they are (libfaketime moves absolute timers too).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

static time_t
past(void)
{
	static time_t seconds = -1;
	const char *text;

	if (seconds < 0)
		seconds = (text = getenv("PAST_SECONDS")) != NULL ? strtol(text, NULL, 10) : 0;
	return seconds;
}

SEEN int
clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, t);

	if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		t->tv_sec -= past();
	return rc;
}

SEEN int
gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

SEEN time_t
time(time_t *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (t != NULL)
		*t = now.tv_sec;
	return now.tv_sec;
}
