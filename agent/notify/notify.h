/*
 * notify.h - delivery: one thread takes messages from the outbox and brings them to their
 * receivers.
 *
 *   alert engine --row, in its transaction--> outbox --oldest of each group--> HTTP POST
 *                `--notify_wake----------------^ ^------------- result --------------'
 *
 * DESIGN. Each receiver has at most one request in flight, a circuit breaker and its own schedule,
 * so that a dead one delays nobody else. What was undelivered for long is merged before it is sent
 * (never silently: superseded rows point to what replaced them), and after a storm one digest tells
 * of what came and went meanwhile. Pages whose receiver is down for two minutes also go to its
 * fallback, and so does everything that a receiver refused for good. A resolve follows its firing
 * to the fallback.
 *
 * Redirects are not followed, only http and https are spoken, the environment's proxies are
 * ignored, TLS is verified. URLs and secrets never stand in an error text.
 *
 * All calls from any thread unless said otherwise; none waits for the network, most for an fsync.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_NOTIFY_NOTIFY_H
#define AGENT_NOTIFY_NOTIFY_H

#include "agent/notify/outbox.h"
#include "agent/notify/receiver.h"

#define NOTIFY_TIMEOUT_MS 10000
#define NOTIFY_FALLBACK_MS 120000 /* a page that waits so long goes to the fallback too */
#define NOTIFY_LATE_MS 30000      /* older messages of one group are merged before they are sent */
#define NOTIFY_STORM 10           /* more groups waiting after an outage: a digest */
#define NOTIFY_ANSWER_BYTES                                                                        \
	1024 /* of an answer, kept for the error text; the rest is read and dropped */

struct notify;

struct notify_opts {
	struct state *state;       /* outlives the sender */
	int64_t (*now_ms)(void *); /* wall clock; NULL = CLOCK_REALTIME */
	void *now_arg;
	uint64_t seed; /* of the jitter */
	int poll_ms;   /* longest sleep of the thread; 0 = 1000 (tests with a fake clock: less) */
	const char *user_agent;                           /* NULL = "tillwatch" */
	void (*log)(void *, int level, const char *text); /* level as lib/log.h; NULL = silent */
	void *log_arg;
};

/* Starts the thread; the receivers are copied. 0, -EINVAL (see receivers_check), -ENOMEM, or what
 * the state said. */
int notify_start(struct notify **out, const struct notify_opts *opts, const struct receiver *list,
    size_t n, char *err, size_t err_cap);
/* New list of receivers: those that did not change keep their connection and circuit; rows of those
 * that are gone become dead, and say so. */
int notify_configure(
    struct notify *n, const struct receiver *list, size_t count, char *err, size_t err_cap);
/* Ends the thread: a request in flight is cut (its row is sent again after the next start). NULL
 * allowed. */
void notify_stop(struct notify *n);
void notify_wake(struct notify *n); /* there may be new rows; cheap, never blocks */

/* A test message through the real way; *id of its row. -ENOENT: no such receiver. */
int notify_test(struct notify *n, const char *receiver, int64_t *id);
/* By hand: 1 done, 0 no such row in a fitting state, <0. */
int notify_retry(struct notify *n, int64_t id);
int notify_drop(struct notify *n, int64_t id);
int notify_enable(struct notify *n, const char *receiver); /* after a 410. 0 or -ENOENT */

enum receiver_state {
	RECEIVER_OK,
	RECEIVER_RETRYING,
	RECEIVER_OPEN /* circuit */,
	RECEIVER_DISABLED /* 410 */
};

struct receiver_status { /* texts live for the call */
	const char *name, *type, *fallback, *last_error;
	enum receiver_state state;
	struct outbox_totals waiting;
	int last_http;
	int64_t last_success_ms, last_attempt_ms, next_ms; /* 0 = never */
	int64_t last_duration_ms;
	/* since the start of the agent */
	uint64_t attempts, delivered, failed, rejected /* dead letters */, superseded, digests,
	    fallbacks, truncated;
};
void notify_receivers_each(
    struct notify *n, void (*each)(void *, const struct receiver_status *), void *arg);
const char *receiver_state_name(enum receiver_state state);

#endif
