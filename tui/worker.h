/*
 * worker.h - the thread that asks the API, so that the UI thread never waits for it.
 *
 * The newest question counts: one that is on its way for an older state of the screen is cancelled.
 * Answers are immutable snapshots, handed over by reference.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_WORKER_H
#define TUI_WORKER_H

#include "tui/query.h"

struct worker;

/* The worker owns *src from now on. 0 or a negative errno. */
int worker_start(struct worker **out, const struct source *src);
void worker_cancel(struct worker *w);           /* it shall end: before several are stopped */
void worker_stop(struct worker *w);             /* cancels, joins; NULL allowed */
/* what: QUERY_FULL, QUERY_SUMS (query.h). */
void worker_ask_status(struct worker *w, unsigned what, int64_t now_ms);
void worker_ask_charts(struct worker *w, const struct query_request *q);
void worker_drop_charts(struct worker *w);      /* nobody waits for them any more */
/* Readable when an answer is there. */
int worker_fd(const struct worker *w);
/* Replaces the halves of m that are newer; true when any was. */
bool worker_take(struct worker *w, struct model *m);

#endif
