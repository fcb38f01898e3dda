/*
 * status.h - the two halves of `tillwatch status`: what is asked (cmd-status.c), what is drawn
 * (status-screen.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "cli/cli.h"

struct status {
	const json_t *probes, *alerts, *receivers; /* lists, as the API gives them */
	const json_t *learning; /* [{"probe","days","target_days","until"}] */
};

/* Worst first: crit, stale, unknown, warn, pending, ok. */
int status_rank(const json_t *probe);
int status_compare(const void *a, const void *b); /* json_t *const *: by rank, then by name */
const char *status_verdict(const json_t *probe);  /* its verdict, or "stale" */

/* A line a family, what is wrong in it, what fires, what is learnt, who is told: 24 lines at most
 * with the caller's own, the worst first; what has no room is counted. */
void status_screen(const struct cli *cli, const struct status *s, int lines_left);

#endif
