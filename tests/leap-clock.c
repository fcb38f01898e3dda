/*
 * leap-clock.c - leaps for the programs under tests/leap.c (leap.h).
 *
 *   leap-clock FILE run [FROM [STEP]]  makes FILE, and leaps until SIGTERM; FROM: the wall clock to
 *                                      begin with, unix seconds (now); STEP: of a leap,
 *                                      milliseconds (1000). Until told so, no leap
 *   leap-clock FILE until TIME         leaps until the clock is TIME, unix seconds; waits for it
 *   leap-clock FILE now                prints it
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tests/leap.h"

#define S_NS INT64_C(1000000000)
#define STEP_NS S_NS
#define LOOK_NS 2000000   /* one that works for so long is looked at: is it there? */
#define ASLEEP_NS 1000000000 /* asleep at work for so long: it waits for what we do not see */
#define TURN_NS 100000

static int64_t
true_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * S_NS + t.tv_nsec;
}

static int64_t
mono_ns(const struct leap *l)
{
	return true_ns(CLOCK_MONOTONIC) + l->offset_ns;
}

static int64_t
wall_ns(const struct leap *l)
{
	return mono_ns(l) + l->wall_ns;
}

static struct leap *
map(const char *path, bool is_new)
{
	int fd = open(path, O_RDWR | (is_new ? O_CREAT | O_EXCL : 0), 0600);
	void *at = MAP_FAILED;

	if (fd >= 0 && (!is_new || ftruncate(fd, sizeof(struct leap)) == 0))
		at = mmap(NULL, sizeof(struct leap), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		fprintf(stderr, "leap-clock: %s: %s\n", path, strerror(errno));
		exit(EX_NOINPUT);
	}
	return at;
}

/* 'S' asleep, 'R' or 'D' at work, '?' gone. */
static char
state_of(const struct leap_slot *s)
{
	char path[64], text[256], *mark;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", s->pid, s->tid);
	if ((fd = open(path, O_RDONLY)) < 0)
		return '?';
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return '?';
	text[n] = '\0';
	mark = strrchr(text, ')');
	return mark != NULL ? mark[2] : '?';
}

static void
forget(struct leap_slot *s)
{
	s->state = LEAP_PARKED;
	s->n_unanswered = 0;
	s->tid = 0;
}

static bool
is_running(struct leap_slot *s)
{
	char state = state_of(s);

	if (state == '?')
		forget(s);
	return state == 'R' || state == 'D';
}

/* Does it keep the clock? One that sleeps elsewhere than in a wait with a deadline does not. */
static bool
is_busy(const struct leap *l, struct leap_slot *s, int64_t now_ns)
{
	int state = s->state;
	char seen;

	if (s->tid == 0 || state == LEAP_PARKED
	    || (state == LEAP_WAITS && s->until_ns > now_ns + l->offset_ns)) {
		s->since_ns = now_ns;
		return false;
	}
	if (now_ns - s->since_ns < LOOK_NS)
		return true;
	seen = state_of(s);
	if (seen == '?')
		forget(s);
	return seen != '?'
	    && (state == LEAP_WAITS || seen != 'S' || now_ns - s->since_ns < ASLEEP_NS);
}

static void
look(struct leap *l)
{
	int64_t now = true_ns(CLOCK_MONOTONIC), step = l->step_ns;
	int64_t left = l->until_ns - (now + l->offset_ns + l->wall_ns);

	if (left <= 0)
		return;
	step = left < step ? left : step;
	for (int i = 0; i < LEAP_SLOTS; i++)
		if (is_busy(l, &l->slots[i], now) || l->slots[i].n_unanswered > 0)
			return;
	/* One that was woken a moment ago and has no processor yet does not say so itself. */
	for (int i = 0; i < LEAP_SLOTS; i++)
		if (l->slots[i].tid != 0 && is_running(&l->slots[i]))
			return;
	l->offset_ns += step;
	for (int i = 0; i < LEAP_SLOTS; i++) {
		const struct leap_slot *s = &l->slots[i];

		if (s->tid != 0 && s->state == LEAP_WAITS && s->until_ns <= now + l->offset_ns)
			syscall(SYS_tgkill, s->pid, s->tid, LEAP_SIGNAL);
	}
}

static void
run(struct leap *l, int64_t from_ns, int64_t step_ns)
{
	struct timespec turn = {0, TURN_NS};

	l->step_ns = step_ns;
	l->wall_ns = from_ns - true_ns(CLOCK_MONOTONIC);
	for (;;) {
		nanosleep(&turn, NULL);
		look(l);
	}
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[2] : "";
	int64_t at_ns = argc > 3 ? strtoll(argv[3], NULL, 10) * S_NS : true_ns(CLOCK_REALTIME);
	struct leap *l;

	if (strcmp(verb, "run") != 0 && strcmp(verb, "until") != 0 && strcmp(verb, "now") != 0) {
		fputs("usage: leap-clock FILE run [FROM [STEP]] | until TIME | now\n", stderr);
		return EX_USAGE;
	}
	l = map(argv[1], strcmp(verb, "run") == 0);
	if (strcmp(verb, "run") == 0)
		run(l, at_ns, argc > 4 ? strtoll(argv[4], NULL, 10) * 1000000 : STEP_NS);
	if (strcmp(verb, "until") == 0) {
		l->until_ns = at_ns;
		while (wall_ns(l) < at_ns)
			nanosleep(&(struct timespec){0, 10000000}, NULL);
	}
	at_ns = wall_ns(l);
	printf("%lld.%03lld\n", (long long)(at_ns / S_NS), (long long)(at_ns % S_NS / 1000000));
	return 0;
}
