/*
 * internal.h - what the files of the sender share. See notify.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_NOTIFY_INTERNAL_H
#define AGENT_NOTIFY_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>

#include "agent/notify/notify.h"
#include "agent/notify/schedule.h"

struct rcv { /* a receiver at work; the sender's thread owns it, n->lock guards counts */
	struct receiver conf; /* every text owned */
	char config_hash[17]; /* of the URL: a receiver disabled by 410 comes back with another one
			       */
	const struct receiver_driver *driver;
	struct webhook_key keys[2];
	size_t n_keys;
	struct breaker breaker;
	bool disabled_;  /* by 410; atomic: see rcv_disabled */
	bool busy;       /* a request is in flight ... */
	int64_t row;     /* ... of this row */
	int64_t next_ms; /* nothing can be due before; 0 = look */
	enum outbox_class class;
	int64_t row_first_ms, started_ms;
	bool row_truncated,
	    unsaved; /* unsaved: the result could not be committed, result_* is kept until it can */
	enum notify_result result;
	int result_http;
	char result_text[256];
	CURL *easy;
	struct curl_slist *headers;
	struct receiver_request request;
	char answer[NOTIFY_ANSWER_BYTES + 1];
	size_t answer_len;
	int64_t retry_after; /* of this answer; -1 = none */
	char curl_error[CURL_ERROR_SIZE];
	struct receiver_status status; /* counts and times; texts are made when asked */
	char last_error[256];
};

struct notify {
	struct notify_opts opts;
	pthread_t thread;
	pthread_mutex_t lock; /* guards next, rcv, n_rcv and the counts in them */
	CURLM *multi;
	bool stop, woken; /* atomic */
	struct rcv **rcv;
	size_t n_rcv;
	struct rcv **next; /* a new list, taken over by the thread; NULL = none */
	size_t n_next;
	uint64_t seed;
	int64_t clock_offset_us, expired_ms, checked_ms;
};

static inline bool
rcv_disabled(const struct rcv *r)
{
	return __atomic_load_n(&r->disabled_, __ATOMIC_ACQUIRE);
}

static inline void
rcv_set_disabled(struct rcv *r, bool disabled)
{
	__atomic_store_n(&r->disabled_, disabled, __ATOMIC_RELEASE);
}

void notify_count(
    struct notify *n, uint64_t *counter, uint64_t more); /* statistics, under n->lock */
int64_t notify_now(const struct notify *n);
void notify_log(const struct notify *n, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* transfer.c: one request */
int transfer_start(struct notify *n, struct rcv *r, const struct outbox_row *row); /* 0 or a code */
void transfer_collect(struct notify *n); /* finished ones -> result_take */
void transfer_abort(struct notify *n, struct rcv *r);

/* result.c: what an answer does to its row, its receiver and the fallback */
void result_take(
    struct notify *n, struct rcv *r, enum notify_result result, int http, const char *error);
void result_save(struct notify *n, struct rcv *r); /* tries again to commit an unsaved one */
int fallback_add(
    struct notify *n, struct rcv *r, const struct outbox_row *row); /* inside a transaction */
void fallback_overdue(struct notify *n, struct rcv *r);             /* pages that wait too long */

/* drain.c: what is merged or summed up before it is sent */
int drain_merge(
    struct notify *n, struct rcv *r, struct outbox_row *head); /* 1: *head is now another row */
void drain_storm(struct notify *n, struct rcv *r);

#endif
