/*
 * webhook.h - the webhook source: bodies that the agent keeps for it become records; what its files
 * share.
 *
 *    STORE/inbox/SOURCE (lib/inbox-file.h) --> inbox.c --> seen.c: known? --> body.c: values
 *        --> webhook.c: batches --> who reads the source
 *
 * DESIGN. The agent has judged who sent a body, and acknowledged it: here it is only read. It is
 * repeated when its event id is known; bad when it is no JSON or not what `records` says; else each
 * of its records is one, or rejected with a reason. Position and ids go into the state before the
 * records, so that they commit together: each body counts once, whoever was killed.
 *
 * Runs in: the source's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_WEBHOOK_WEBHOOK_H
#define PLUGINS_WEBHOOK_WEBHOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#include "lib/inbox-file.h"

/* ---- inbox.c: segments, in their order ---- */

struct inbox_reader {
	char *path;                 /* of the source's directory */
	struct inbox_position at;   /* of the next record */
	uint64_t next;              /* the segment after ours; 0 = not known to be there */
	int fd;                     /* -1 = none */
	uint8_t *data;              /* bytes of the segment from at.offset on */
	size_t n, cap, start;       /* data[start..n) */
	uint64_t damaged;           /* records that could not be read */
};
/* position: where we stood. 0 or -ENOMEM. */
int inbox_reader_open(struct inbox_reader *r, const char *path, struct inbox_position position);
void inbox_reader_close(struct inbox_reader *r);
/* The next record, which lives until the next call; r->at is behind it then. 1; 0: there is none
 * yet; -errno: the directory or a file cannot be read. */
int inbox_read(struct inbox_reader *r, struct inbox_record *out);

/* ---- seen.c: event ids that came ---- */

#define SEEN_MAX 16384
#define SEEN_PAGES 16               /* each is a key of the state, put when it has changed */
#define SEEN_PAGE (SEEN_MAX / SEEN_PAGES)
#define SEEN_PAGE_BYTES (8 + SEEN_PAGE * 12)

struct seen_id { uint64_t hash; uint32_t s; };  /* unix seconds; 0 = empty */
struct seen {
	struct seen_id ids[SEEN_MAX];
	uint64_t n;                 /* ids ever added: the next one goes to n % SEEN_MAX */
	uint16_t at[SEEN_MAX * 4];  /* hash table: place in ids + 1 */
	uint32_t dirty;             /* bit i: page i has changed since it was saved */
};
/* Did it come within keep_ms before now_ms? */
bool seen_has(const struct seen *s, uint64_t hash, int64_t now_ms, int64_t keep_ms);
void seen_add(struct seen *s, uint64_t hash, int64_t now_ms);
/* Writes a page and marks it as saved. */
void seen_save(struct seen *s, uint32_t page, uint8_t dst[SEEN_PAGE_BYTES]);
/* Of a zeroed s, all pages in any order, then seen_ready. False: damaged, and left out. */
bool seen_load(struct seen *s, uint32_t page, const void *src, size_t len);
void seen_ready(struct seen *s);

/* ---- body.c: JSON becomes values ---- */

#define FIELDS_MAX 40
#define RECORDS_MAX 16384           /* of one body */
#define TEXT_VALUE_MAX 4096

struct body_format {
	const char *records;        /* JSON pointer to an array; NULL: the body is the record */
	const char *time;           /* JSON pointer in a record; NULL: when the body came */
	const char *names[FIELDS_MAX], *pointers[FIELDS_MAX];
	bool is_email[FIELDS_MAX], is_sku[FIELDS_MAX], is_money[FIELDS_MAX], is_cents[FIELDS_MAX];
	uint32_t n_fields;
	const char *email, *sku;    /* patterns of our own traffic; NULL = none */
};
struct body {
	json_t *root;               /* values point into it */
	size_t n;                   /* records */
};
/* 0; -EBADMSG with a few words. */
int body_open(
    struct body *b, const struct body_format *f, const void *data, size_t len, char *why,
    size_t cap);
void body_close(struct body *b);
/* Record i: values (n_fields of them), flags and time (when_ms where the format names none). NULL;
 * or why it is none, a few words in why. */
const char *body_record(const struct body *b, const struct body_format *f, size_t i,
    int64_t when_ms, struct tw_record *r, struct tw_value *values, char *why, size_t cap);
/* RFC 3339, or unix time in seconds, milli- or microseconds as its size says. 0 or -EINVAL. */
int body_time(const json_t *v, int64_t *ms);

#endif
