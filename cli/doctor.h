/*
 * doctor.h - the two halves of `tillwatch doctor` share a list of findings.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdarg.h>

#include "cli/cli.h"
#include "lib/buf.h"

struct doctor {
	struct cli *cli;
	json_t *findings, *all; /* all: with passed and skipped; borrowed */
	struct buf *said;       /* why the last question was not answered */
	const char *check;      /* the one that runs */
};

/* level: fail or warn. */
void doctor_add(struct doctor *d, const char *level, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* doctor-agent.c: what a running agent knows. is_sending: a TEST message to each receiver. */
void doctor_ask_agent(struct doctor *d, bool is_sending);

#endif
