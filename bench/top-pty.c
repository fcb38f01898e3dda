/*
 * top-pty.c - what a program costs that draws on a terminal: runs it in a pseudo-terminal of a
 * given size, reads all it writes, changes its view now and then, and says at the end how many
 * bytes came and how much processor time went.
 *
 *     bench/top-pty SECONDS COLUMNSxROWS COMMAND...
 *
 * Each SECONDS / 6 the key 2 or 1 is typed in turn (storefront, overview). What is counted begins
 * with the first byte: the first frame is part of it. Prints name TAB value TAB bar TAB verdict.
 * The processor time is that of all threads of the program, from its start. A fixed piece of work
 * is timed beside it (its own processor time): when its median is a third above its best, somebody
 * else wears the caches out, and a row that is short is called noisy.
 *
 * Exit: 0 every row ok or noisy, 1 one is short, 2 the program ended before its time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BYTES_BAR 1000.0
#define CPU_BAR 0.3
#define SWITCHES 6
#define TIMINGS 720 /* of the piece of work: one each 10 s, two hours */

struct bench {
	int fd;
	pid_t pid;
	double seconds;
	uint64_t bytes, reads, peak; /* peak: bytes of the worst second but the first ten */
	double timing[TIMINGS];
	size_t timings;
	double ran; /* seconds from the first byte to the last look */
};

static double
clock_s(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Some milliseconds of work that fits into the first cache. */
static double
time_work(void)
{
	double start = clock_s(CLOCK_THREAD_CPUTIME_ID);
	volatile uint64_t x = 88172645463325252u;

	for (int i = 0; i < 200000; i++) {
		uint64_t y = x;

		y ^= y << 13, y ^= y >> 7, y ^= y << 17;
		x = y;
	}
	return clock_s(CLOCK_THREAD_CPUTIME_ID) - start;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool
is_noisy(struct bench *b)
{
	qsort(b->timing, b->timings, sizeof(b->timing[0]), compare);
	return b->timings > 0 && b->timing[b->timings / 2] > b->timing[0] * 4 / 3;
}

/* Processor seconds of all threads of the child; below 0: it is gone. */
static double
cpu_seconds(pid_t pid)
{
	char path[64], line[1024], *p;
	unsigned long user = 0, sys = 0;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return -1;
	n = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[n] = '\0';
	p = strrchr(line, ')');
	if (p == NULL
	    || sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys)
		!= 2)
		return -1;
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

/* Reads what there is for up to 200 ms; false: the program is gone. */
static bool
read_some(struct bench *b)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};
	char buf[65536];
	ssize_t n;

	if (poll(&p, 1, 200) <= 0)
		return true;
	n = read(b->fd, buf, sizeof(buf));
	if (n <= 0)
		return n < 0 && errno == EINTR;
	b->bytes += (uint64_t)n;
	b->reads++;
	return true;
}

static bool
measure(struct bench *b)
{
	double start = 0, second = 0, next_work = 0;
	uint64_t second_bytes = 0;
	int switches = 1;

	for (;;) {
		uint64_t before = b->bytes;
		double now;

		if (!read_some(b))
			return false;
		now = clock_s(CLOCK_MONOTONIC);
		if (start == 0) {
			if (b->bytes == 0)
				continue;
			start = second = next_work = now;
		}
		b->ran = now - start;
		second_bytes += b->bytes - before;
		if (now - second >= 1) {
			if (b->ran > 10 && second_bytes > b->peak)
				b->peak = second_bytes;
			second = now, second_bytes = 0;
		}
		if (now >= next_work && b->timings < TIMINGS) {
			b->timing[b->timings++] = time_work();
			next_work = now + 10;
		}
		if (b->ran >= b->seconds)
			return true;
		if (switches < SWITCHES && b->ran >= b->seconds * switches / SWITCHES) {
			if (write(b->fd, switches % 2 != 0 ? "2" : "1", 1) != 1)
				return false;
			switches++;
		}
	}
}

/* Asks the program to leave as a user does, then less kindly. */
static void
leave(struct bench *b)
{
	double until = clock_s(CLOCK_MONOTONIC) + 3;

	if (write(b->fd, "q", 1) != 1)
		kill(b->pid, SIGTERM);
	while (waitpid(b->pid, NULL, WNOHANG) == 0) {
		(void)read_some(b);
		if (clock_s(CLOCK_MONOTONIC) > until)
			kill(b->pid, SIGKILL);
	}
}

static bool
print_row(const char *name, double value, double bar, bool noisy)
{
	bool is_ok = value <= bar;

	printf("%s\t%.3f\t<=%g\t%s\n", name, value, bar, is_ok ? "ok" : noisy ? "noisy" : "short");
	return is_ok || noisy;
}

int
main(int argc, char **argv)
{
	struct winsize size = {0};
	struct bench b = {0};
	bool is_fine, is_done, noisy;
	double cpu;
	int w, h;

	if (argc < 4 || (b.seconds = strtod(argv[1], NULL)) < 1
	    || sscanf(argv[2], "%dx%d", &w, &h) != 2) {
		fprintf(stderr, "usage: top-pty SECONDS COLUMNSxROWS COMMAND...\n");
		return 64;
	}
	size.ws_col = (unsigned short)w, size.ws_row = (unsigned short)h;
	signal(SIGPIPE, SIG_IGN);
	if ((b.pid = forkpty(&b.fd, NULL, NULL, &size)) < 0)
		return perror("top-pty: forkpty"), 71;
	if (b.pid == 0) {
		setenv("TERM", "xterm-256color", 1);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	is_done = measure(&b);
	cpu = cpu_seconds(b.pid);
	leave(&b);
	if (!is_done || cpu < 0) {
		fprintf(stderr, "top-pty: %s ended after %.1f s\n", argv[3], b.ran);
		return 2;
	}
	noisy = is_noisy(&b);
	is_fine = print_row("dashboard_bytes_per_s", (double)b.bytes / b.ran, BYTES_BAR, false);
	is_fine = print_row("dashboard_cpu_pct", cpu / b.ran * 100, CPU_BAR, noisy) && is_fine;
	fprintf(stderr,
	    "top-pty: %.0f s, %llu bytes in %llu reads, worst second %llu, %.2f s of CPU\n", b.ran,
	    (unsigned long long)b.bytes, (unsigned long long)b.reads, (unsigned long long)b.peak,
	    cpu);
	return is_fine ? 0 : 1;
}
