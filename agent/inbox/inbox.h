/*
 * inbox.h - webhooks in: POST /ingest/SOURCE on agent.ingest.listen, durable before it is answered.
 *
 *     sender --> server.c --> sign.c --> inbox.c (group commit) --> segments.c
 *                                                                      |
 *                                                              STORE/inbox/SOURCE
 *                                                                      |
 *     store <-- records, position: one commit <-- plugins/webhook in its host
 *
 * DESIGN. The agent judges where a body comes from and keeps it; what it says is the plugin's to
 * read, in its sandbox. The two are joined by files alone (lib/inbox-file.h). A body is answered
 * with 204 when it is in its segment and fdatasync has returned; one writer thread does that for
 * all requests that wait, so a hundred at once cost a few syncs. Up to where a source has read
 * stands in its state in the store, which commits with its records: each second the agent looks
 * there, and removes the segments before it. So a crash of anybody, anywhere, reads a body again
 * that did not count, and none twice; an answer that was lost is a retry with the same event id,
 * which the plugin knows.
 *
 * A segment ends at SEGMENT_BYTES, and a minute after its first body: what was read is not kept.
 *
 * Runs in: a thread a connection (INBOX_CONNECTIONS_MAX), and the writer. A connection lives
 * INBOX_DEADLINE_MS at most until its request is complete.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_INBOX_INBOX_H
#define AGENT_INBOX_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/inbox-file.h"

#define INBOX_CONNECTIONS_MAX 64    /* each may hold a body of max_body */
#define INBOX_DEADLINE_MS 15000     /* of a request, from its first byte to its last */
#define INBOX_SECRETS_MAX 3         /* of a source, while they are rotated */
#define INBOX_SECRET_BYTES 512
#define INBOX_RETRY_AFTER "30"      /* seconds, as the header says it */

struct inbox;

enum inbox_signature { INBOX_STANDARD, INBOX_SHOPIFY, INBOX_GITHUB, INBOX_PLAIN };
#define INBOX_SIGNATURES "standard|shopify|github|plain"

struct inbox_source {
	const char *name;
	enum inbox_signature signature;
	const char *header;         /* INBOX_PLAIN: where the signature stands */
	const char *const *secrets;
	size_t n_secrets;
};

/* What became of a request. full: no room, or the disk takes nothing. */
enum inbox_result {
	INBOX_OK, INBOX_UNKNOWN, INBOX_UNSIGNED, INBOX_TOO_LARGE, INBOX_FULL, INBOX_RESULTS
};
extern const char *const inbox_results[INBOX_RESULTS];

struct inbox_opts {
	const char *path;           /* directory of all sources; made when absent, its parent must
				     * be there */
	const char *listen;         /* "127.0.0.1:9765", "[::1]:0"; NULL: no listener (tests) */
	size_t max_body;            /* <= INBOX_BODY_MAX */
	int64_t max_size;           /* what a source has not read yet */
	/* Up to where the source has read, as committed; false: nothing yet. The writer's thread,
	 * and that of who configures; may block on the store. */
	bool (*position)(void *arg, const char *source, struct inbox_position *p);
	void *arg;
	void (*log)(void *arg, int level, const char *text);
};

/* 0, or a negative errno with a sentence. Serves when it returns; no source is known yet. */
int inbox_start(struct inbox **out, const struct inbox_opts *opts, char *err, size_t cap);
/* These are the sources from now on (copied); one that is gone answers 404, and its segments stay
 * until it is back. 0, or a negative errno with a sentence: nothing has changed then, but for
 * directories made. Not from two threads at once. */
int inbox_configure(
    struct inbox *b, const struct inbox_source *sources, size_t n, char *err, size_t cap);
void inbox_stop(struct inbox *b);   /* NULL allowed; what waits is answered first */
int inbox_port(const struct inbox *b);

/* sign.c: may these be a source? 0, or -EINVAL with a sentence. */
int inbox_source_check(const struct inbox_source *s, char *err, size_t cap);

/* Appends a body to the source: 0 when it is durable; -ENOENT, -ENOSPC (full), -EIO. Any thread. */
int inbox_append(struct inbox *b, const char *source, const struct inbox_record *r);

struct inbox_stats { uint64_t received[INBOX_RESULTS], bytes; };
void inbox_stats(struct inbox *b, struct inbox_stats *out);
/* Bytes that each source has not read yet. Any thread; with the inbox's lock held. */
void inbox_backlog_each(
    struct inbox *b, void (*each)(void *arg, const char *source, int64_t bytes), void *arg);

#endif
