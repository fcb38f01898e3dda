/*
 * schedule.h - when a message is tried again, and what an answer means: the pure part of delivery.
 *
 * Times are wall-clock milliseconds, because they are stored and survive a restart.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_NOTIFY_SCHEDULE_H
#define AGENT_NOTIFY_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/notify/outbox.h"

#define RETRY_AFTER_CAP_MS INT64_C(3600000)
#define SCHEDULE_HORIZON_MS INT64_C(105000000) /* no gap is longer (24 h and its jitter) */

#define BREAKER_FAILS 5       /* consecutive retryable failures, or ... */
#define BREAKER_FAIL_MS 60000 /* ... failing for so long: the circuit opens */

/* The time of the next attempt, or -1: given up. Pages: 0 2 5 10 20 30 s, 1 2 5 min after the first
 * attempt, then each 5 min to 6 h, each 30 min to 72 h. Others: the table of Standard Webhooks, 0 5
 * s 5 m 30 m 2 h 5 h 10 h 14 h 20 h 24 h as gaps. Each gap is spread by 20 % either way; *seed is
 * stepped (any value; equal seeds, equal times). */
int64_t schedule_next(enum outbox_class class, int64_t first_ms, int64_t now_ms, uint64_t *seed);

/* Retry-After: seconds or an HTTP-date; the wait in milliseconds, 0..RETRY_AFTER_CAP_MS, or -1 when
 * it is neither. */
int64_t retry_after_ms(const char *value, int64_t now_ms);

enum notify_result {
	NOTIFY_DELIVERED,
	NOTIFY_RETRY,
	NOTIFY_DEAD,
	NOTIFY_DISABLE /* 410 */,
	NOTIFY_TOO_LARGE /* 413 */
};
/* What an HTTP status means; 0 = no answer came (retry). */
enum notify_result notify_judge(int http);

struct breaker {           /* of one receiver; zeroed = closed */
	int fails;         /* consecutive retryable failures */
	int64_t since_ms;  /* of the first of them */
	int64_t opened_ms; /* 0 = closed */
	int64_t hold_ms;   /* nothing is sent before; 0 = free */
};
void breaker_failed(struct breaker *b, enum outbox_class class, int64_t retry_after, int64_t now_ms,
    uint64_t *seed);
/* true: it was open (the queue behind it may be drained now) */
bool breaker_succeeded(struct breaker *b);
/* May one be sent now? While open, each hold lets one through (half open). */
bool breaker_lets(const struct breaker *b, int64_t now_ms);

#endif
