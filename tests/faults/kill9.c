/*
 * kill9.c - a writer is killed again and again; nothing that it acknowledged may be missing.
 *
 *   kill9 [--runs N] [--seed S] [-v]      prints "runs lost corrupt"; exit 0 when both are 0
 *
 * Ten lives share a directory, so that a life also begins on what the killed one left.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/ledger.h"

#define LIVES 10

static void
one_life(struct ledger *l, struct verdict *v)
{
	struct timespec wait = {0, (2 + random() % 60) * 1000000L};
	int fds[2];
	pid_t pid;

	if (pipe(fds) != 0 || (pid = fork()) < 0) {
		perror("kill9");
		exit(99);
	}
	if (pid == 0) {
		struct store *s = ledger_open(l);

		close(fds[0]);
		_exit(s == NULL || ledger_write(l, s, fds[1], 0) != 0 ? 1 : 0);
	}
	close(fds[1]);
	nanosleep(&wait, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ledger_verify(l, fds[0], v);
	close(fds[0]);
}

int
main(int argc, char **argv)
{
	struct verdict v = {0, 0};
	struct ledger l = {0};
	long runs = 25, seed = 1, i;
	int64_t steps = 0;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
			runs = strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "-v") == 0)
			l.verbose = true;
	}
	alarm((unsigned)(120 + runs));
	srandom((unsigned)seed);
	for (i = 0; i < runs; i++) {
		if (i % LIVES == 0)
			ledger_init(&l);
		one_life(&l, &v);
		if (i % LIVES == LIVES - 1 || i == runs - 1) {
			steps += l.next;
			ledger_remove(&l);
		}
	}
	printf("kill9: runs %ld lost %u corrupt %u (%lld commits)\n", runs, v.lost, v.corrupt,
	    (long long)steps);
	return v.lost + v.corrupt > 0 || steps == 0;
}
