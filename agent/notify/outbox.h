/*
 * outbox.h - the messages that wait for delivery, in state.db: rows that only ever change their
 * state.
 *
 *     pending --claim--> inflight --2xx--> delivered
 *        ^                  |----retry---> pending (next_ms)
 *        |                  |----refused-> dead        a restart turns inflight into pending again
 *        `-- retry by hand -'
 *     pending ------------> superseded     a newer message says it too (superseded_by)
 *
 * DESIGN. At-least-once with one identity: msg_id is derived from the agent, the receiver, the
 * group and a number that never comes again, so that a crash between sending and noting it re-sends
 * the same webhook-id. The body is frozen when the row is made. Order holds within (receiver, group
 * key): only the oldest undelivered row of a group may be sent. Nothing leaves without a state that
 * says why.
 *
 * All calls join an open transaction of the state or make their own; each may block for an fsync.
 * Any thread. Return 0 or a negative code.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_NOTIFY_OUTBOX_H
#define AGENT_NOTIFY_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/state.h"

#define OUTBOX_PENDING_MAX 10000 /* a receiver; past it the oldest of lesser class become dead */
#define OUTBOX_KEEP_MS INT64_C(2592000000) /* finished rows are kept 30 days ... */
#define OUTBOX_KEEP_ROWS 50000             /* ... and at most so many */

enum outbox_state {
	OUTBOX_PENDING,
	OUTBOX_INFLIGHT,
	OUTBOX_DELIVERED,
	OUTBOX_SUPERSEDED,
	OUTBOX_DEAD,
	OUTBOX_DROPPED
};
enum outbox_class { OUTBOX_PAGE, OUTBOX_INFO };

struct outbox_row { /* texts live for the call that gives the row */
	int64_t id, seq;
	const char *receiver, *group_key, *msg_id;
	const char *kind; /* firing | resolved | reminder | digest | test */
	enum outbox_class class;
	const char *message; /* canonical JSON (notice.h), frozen */
	enum outbox_state state;
	int attempts, http; /* http: the last answer's status, 0 = none */
	int64_t created_ms, first_ms, next_ms,
	    done_ms;       /* first_ms: of the first attempt, 0 = none yet */
	const char *error; /* of the last attempt, or why it is dead */
	bool truncated;    /* is sent shortened, because the receiver found it too large */
	int64_t superseded_by, fallback, fallback_for; /* ids of rows, 0 = none */
};

struct outbox_new {
	const char *receiver, *group_key, *kind, *message;
	enum outbox_class class;
	int64_t fallback_for; /* the row whose receiver failed; 0 = none */
};

/* A new pending row, due now. When the receiver has too many, the oldest of lesser or equal class
 * become dead. */
int outbox_add(struct state *s, const struct outbox_new *n, int64_t now_ms, int64_t *id);

/* At start: inflight -> pending, and receivers are due again at once. */
int outbox_recover(struct state *s, int64_t now_ms);

/* The row that a receiver should send now: oldest of its group, pages first. 1 and *row, 0 none,
 * <0. A row whose time was set by a clock that has since gone back (next_ms beyond horizon_ms from
 * now) is due. */
int outbox_head(struct state *s, const char *receiver, int64_t now_ms, int64_t horizon_ms,
    bool any_time, struct outbox_row *row);
/* The earliest next_ms of a head, INT64_MAX: nothing waits. */
int outbox_next(struct state *s, const char *receiver, int64_t *next_ms);
int outbox_get(struct state *s, int64_t id, struct outbox_row *row); /* 1, 0, <0 */

int outbox_claim(
    struct state *s, int64_t id, int64_t now_ms); /* pending -> inflight, attempts + 1 */
int outbox_delivered(struct state *s, int64_t id, int http, int64_t now_ms);
int outbox_retry(struct state *s, int64_t id, int http, const char *error, int64_t next_ms);
int outbox_dead(struct state *s, int64_t id, int http, const char *error, int64_t now_ms);
int outbox_shorten(
    struct state *s, int64_t id, int64_t now_ms); /* inflight -> pending, to be sent truncated */
int outbox_supersede(struct state *s, int64_t id, int64_t by, int64_t now_ms);
int outbox_replace_message(
    struct state *s, int64_t id, const char *message); /* only of a never tried row */
int outbox_set_fallback(struct state *s, int64_t id, int64_t fallback_row);
int outbox_due_now(
    struct state *s, const char *receiver, int64_t now_ms); /* all pending: the way is free again */
/* By hand, of dead or pending rows: 1 done, 0 no such row in a fitting state. */
int outbox_revive(struct state *s, int64_t id, int64_t now_ms);
int outbox_drop(struct state *s, int64_t id, int64_t now_ms);
/* Removes what is finished and old. */
int outbox_expire(struct state *s, int64_t now_ms);

struct outbox_totals {
	int64_t pending, pages, dead, oldest_ms;
}; /* oldest_ms: created_ms, 0 = nothing waits */
int outbox_totals(struct state *s, const char *receiver, struct outbox_totals *out);

enum outbox_filter { OUTBOX_ALL, OUTBOX_OPEN, OUTBOX_FAILED };
/* Newest first, at most limit; receiver NULL = all. The callback must not call the state. */
int outbox_each(struct state *s, const char *receiver, enum outbox_filter filter, size_t limit,
    void (*each)(void *, const struct outbox_row *), void *arg);
/* The open rows of one group after (and with) a row, oldest first. */
int outbox_group_each(struct state *s, const char *receiver, const char *group_key,
    void (*each)(void *, const struct outbox_row *), void *arg);

const char *outbox_state_name(enum outbox_state state);
const char *outbox_class_name(enum outbox_class class);

#endif
