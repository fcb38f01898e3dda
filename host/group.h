/*
 * group.h - sources, and those who read them, in one process.
 *
 *    source's thread                        the loop's thread
 *    tail() -> records() --[lock]--> on_records() of each reader
 *                              \---> settle: what the source has put goes with them
 *                                      run ends --[lock]--> save() of each reader with news
 *                                                 -> COMMIT of each member, RESULT: one
 *                                                    transaction
 *
 * DESIGN. A log, a query, a feed is opened once, has one position, and is read by any number of
 * probes. What must never come apart: the source's position, and what its readers made of the
 * records before it. So the agent is never told of one without the others. The lock is held
 * whenever a callback of a probe runs on the loop, and while records are handed on; whoever holds
 * it sees all readers between two batches. A source works outside of it (its thread may block for
 * long), so what it puts and counts stays its own until records() settles it.
 *
 * While a source reads on for long (a day of downtime), its readers gather samples: past
 * GROUP_SAMPLES its thread waits until the loop has sent them.
 *
 * Runs in: group_records and group_settle in the source's thread, the rest on the loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_GROUP_H
#define HOST_GROUP_H

#include "host/probe.h"

#define GROUP_FIELDS_MAX 64         /* of one source's records */
#define GROUP_READS_MAX 16          /* sources of one probe */
#define GROUP_WANTS_MAX 64          /* of one probe */
#define GROUP_SAMPLES 4096          /* gathered by one reader: the source waits */
#define GROUP_HISTS 512
#define GROUP_WAIT_US 2000000       /* for the loop to send them; then it goes on all the same */
#define GROUP_EXAMPLES 3            /* rejects of a run whose reasons are told */
#define GROUP_TRIED 5               /* records that are shown to who tries a source */
#define GROUP_EXCERPT_MAX 200       /* bytes of what was rejected, for who tries a source */

int group_init(struct host *h);     /* the lock; 0 or -errno */
void group_clear(struct host *h);
void group_enter(struct host *h);   /* may be nested */
void group_leave(struct host *h);

/* "reads" of a CONFIGURE. 0, or -1 with err. */
int member_take(struct probe *p, const json_t *reads, char *err, size_t cap);
void member_clear(struct probe *p);
bool member_is_source(const struct probe *p);

/* What tw_api offers; see <tillwatch/plugin.h>. */
void group_fields(struct tw_ctx *ctx, const char *const *names, uint32_t n);
void group_records(struct tw_ctx *ctx, const struct tw_batch *batch,
    const struct tw_record *records, size_t n);
void group_reject(struct tw_ctx *ctx, const char *reason, const char *excerpt, size_t len);
int group_is_wanted(struct tw_ctx *ctx, const char *field);
void group_want(struct tw_ctx *ctx, const char *source, const char *field);

/* group-try.c: the first records as facts, for who tries a source. Before they are counted. */
void group_try(
    struct probe *p, const struct tw_batch *b, const struct tw_record *records, size_t n);

/* A source's run has ended, or it hands records on: what it has put until now may be committed. */
void group_settle(struct probe *p);
/* Before a commit: save() of every reader that has news. Under the lock. */
void group_save(struct host *h);

#endif
