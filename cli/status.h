/*
 * status.h - the parts of `tillwatch status`: what is asked (cmd-status.c), what is drawn of a shop
 * (status-screen.c), and of several (status-shops.c).
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

/* What the agent answers, each the "data" of one question; NULL = not asked. */
struct status_answers { json_t *probes, *alerts, *outbox, *learning; };
/* Asks. 0 or an exit code; free with status_free in either case. */
int status_ask(struct cli *cli, struct status_answers *a);
void status_free(struct status_answers *a);
json_t *status_json(const struct status_answers *a);
size_t status_count(const json_t *list, const char *name, const char *value);

/* All shops of cli, at once: a line each, worst first, and what is worst in it. Exit code: 1 when a
 * probe of any is crit, else 69 when any does not answer, else 0. */
int status_shops(struct cli *cli);

/* Worst first: crit, stale, unknown, warn, pending, ok. */
int status_rank(const json_t *probe);
int status_compare(const void *a, const void *b); /* json_t *const *: by rank, then by name */
const char *status_verdict(const json_t *probe);  /* its verdict, or "stale" */

/* A line a family, what is wrong in it, what fires, what is learnt, who is told: 24 lines at most
 * with the caller's own, the worst first; what has no room is counted. */
void status_screen(const struct cli *cli, const struct status *s, int lines_left);

#endif
