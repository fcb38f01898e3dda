/*
 * internal.h - what the files of the inbox share. See inbox.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_INBOX_INTERNAL_H
#define AGENT_INBOX_INTERNAL_H

#include "agent/inbox/inbox.h"
#include "agent/listen/connections.h"
#include "lib/clock.h"
#include "lib/webhook-sign.h"

/* ---- segments.c: the files of one source; one thread at a time ---- */

#define SEGMENT_BYTES (4 << 20)
#define SEGMENT_AGE_US 60000000     /* after its first body, whoever has read it */
#define SEGMENTS_MAX 65536          /* of a source; a day of minutes is 1440 */

struct segment { uint64_t number; int64_t bytes; };
struct segments {
	int dir;                    /* -1 = not open */
	int fd;                     /* of the last one, if we append to it; -1 = none */
	mono_t began;               /* its first body */
	uint64_t next;              /* number of the one after the last */
	struct segment *list;       /* ascending */
	size_t n, cap;
};

/* Opens or makes the directory; cuts the torn end of the newest segment. past: no number up to it
 * is used again. 0 or -errno. */
int segments_open(struct segments *s, const char *path, uint64_t past);
void segments_close(struct segments *s);
/* Appends, not yet durable. 0, or -errno: what was appended since the last sync may be lost too,
 * and the segment is over. */
int segments_append(struct segments *s, const struct inbox_record *r);
int segments_sync(struct segments *s); /* 0, or -errno: the same */
/* Ends a segment that is a minute old, and removes those that lie before the position. */
void segments_trim(struct segments *s, struct inbox_position p, mono_t now);
/* Bytes behind the position. */
int64_t segments_unread(const struct segments *s, struct inbox_position p);

/* ---- sign.c ---- */

struct inbox_key {
	struct webhook_key standard;
	char text[INBOX_SECRET_BYTES + 1];
};
struct inbox_keys {
	enum inbox_signature signature;
	char header[128];
	struct inbox_key keys[INBOX_SECRETS_MAX];
	size_t n;
};
/* s was checked. */
void inbox_keys_set(struct inbox_keys *k, const struct inbox_source *s);
void inbox_keys_clear(struct inbox_keys *k); /* overwrites */

/* A header of the request, or NULL. */
typedef const char *inbox_header_fn(void *arg, const char *name);
struct inbox_post {                 /* what a request is judged by */
	inbox_header_fn *header;
	void *arg;
	const void *body;
	size_t len;
	int64_t now_ms;
};
/* 0: it is from who has a secret; r gets its id (borrowed from the headers) and time. -EACCES. */
int inbox_verify(const struct inbox_keys *k, const struct inbox_post *p, struct inbox_record *r);

/* ---- inbox.c, for server.c ---- */

struct inbox_server {
	struct MHD_Daemon *daemon;
	struct served *served;      /* what the callbacks get */
	int port;
	struct connections connections;
};
size_t inbox_max_body(const struct inbox *b);
bool inbox_knows(struct inbox *b, const char *source);
/* Judges and appends; blocks until it is durable. */
enum inbox_result inbox_take(struct inbox *b, const char *source, const struct inbox_post *p);
void inbox_count(struct inbox *b, enum inbox_result result, size_t bytes);

/* ---- server.c ---- */

int server_start(
    struct inbox_server *s, struct inbox *b, const char *listen, char *err, size_t cap);
void server_tick(struct inbox_server *s); /* each second: ends overdue connections */
void server_stop(struct inbox_server *s);

#endif
