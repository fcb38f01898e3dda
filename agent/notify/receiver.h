/*
 * receiver.h - the kinds of receivers: one const struct each (receiver-*.c), listed in receivers.c.
 *
 * A driver turns the frozen message of an outbox row into one HTTP request; the sender owns the
 * connection, the deadline, the schedule and the circuit. Runs on the sender's thread; nothing
 * blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_NOTIFY_RECEIVER_H
#define AGENT_NOTIFY_RECEIVER_H

#include <stdbool.h>

#include "agent/notify/outbox.h"
#include "lib/buf.h"
#include "lib/webhook-sign.h"

#define RECEIVER_HEADERS_MAX 16

struct receiver_header {
	const char *name, *value;
};

struct receiver {                /* as configured; secrets are plain text here and nowhere else */
	const char *name, *type; /* type: "webhook" */
	const char *url;         /* http or https */
	const char *secret,
	    *secret_old; /* whsec_...; NULL = unsigned; old: signed with both while it is set */
	const char *fallback;        /* receiver that gets what this one cannot; NULL = none */
	const char *ca_file, *proxy; /* NULL: the system's CAs, no proxy */
	struct receiver_header headers[RECEIVER_HEADERS_MAX];
	size_t n_headers;
	int timeout_ms;    /* connect and answer together; 0 = 10000 */
	bool no_resolved;  /* `send_resolved: false` */
	size_t max_alerts; /* in one message; 0 = no limit of its own */
};

struct receiver_request {
	struct buf body, headers; /* headers: lines "Name: value\n" */
};

struct receiver_driver {
	const char *type;
	bool coalesce; /* only the newest state of a group matters to it */
	/* What is wrong with the configuration: 0, or -EINVAL with a sentence. */
	int (*check)(const struct receiver *r, char *err, size_t cap);
	/* The request of one attempt. keys: parsed secrets, newest first. 0, or a code: the row is
	 * dead. */
	int (*render)(const struct receiver *r, const struct webhook_key *keys, size_t n_keys,
	    const struct outbox_row *row, int64_t now_ms, struct receiver_request *out);
};

const struct receiver_driver *receiver_driver(const char *type); /* NULL: no such type */
/* Checks all receivers: types, secrets, headers, fallbacks. 0, or -EINVAL, *which and a sentence in
 * err. */
int receivers_check(const struct receiver *list, size_t n, size_t *which, char *err, size_t cap);

extern const struct receiver_driver receiver_webhook;

#endif
