/*
 * ledger.h - a writer whose every step can be checked afterwards: what the two fault programs
 * share.
 *
 * Step k commits, in one batch: a sample of each series at T0 + k * STEP_MS, now and then a late
 * one, a probe's state and a run record, all of them functions of k. Ten minutes a step, so that
 * a few hundred steps seal chunks and close days. After a fault: every acknowledged step must be
 * there wholly, the one that was in work wholly or not at all, and nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAULTS_LEDGER_H
#define TESTS_FAULTS_LEDGER_H

#include "agent/store/store.h"

struct ledger {
	char dir[64];
	int64_t now;
	int64_t first,
	    next; /* steps [first, next) are in the store; first moves only in tests of damage */
	bool verbose;
	unsigned said_errors; /* lines of the log at level error */
};

struct verdict {
	unsigned lost, corrupt;
};

void ledger_init(struct ledger *l);
void ledger_remove(struct ledger *l);
struct store *ledger_open(struct ledger *l); /* NULL on an error, which is printed */
/* Commits steps from l->next on and does maintenance; writes each step's number to fd once it
 * is committed. Ends after max steps (0 = never). Returns 0 or the store's error. */
int ledger_write(struct ledger *l, struct store *s, int fd, int max);
/* Reads the acknowledgements from fd to its end, opens the store and compares; l->next becomes
 * what is there. */
void ledger_verify(struct ledger *l, int fd, struct verdict *v);

#endif
