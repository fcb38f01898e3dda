/*
 * log.h - the access_log source: lines of access logs become records; what its files share.
 *
 *    follow.c: files, rotation, position --> buffers of whole lines
 *    receive.c, syslog.c: what is sent   --> the same
 *    format.c: a line -> values          --> records in batches --> who reads the source
 *
 * DESIGN. The format is compiled once into steps (a literal, then a variable up to the next
 * literal), so that a line is walked once and nothing is allocated; values point into the buffer.
 * The position is where a line begins: what is read again after a crash is whole.
 *
 * Runs in: the source's thread, but for compiling, which is start(), and for receive.c's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_ACCESS_LOG_LOG_H
#define PLUGINS_ACCESS_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#define LOG_STEPS_MAX 48            /* variables of a format */
#define LOG_FIELDS_MAX 40           /* of a record */
#define LOG_BUFFER (128 * 1024)
#define LOG_PAD 64                  /* bytes behind a line that may be read, whatever they are */

/* What a record holds. The first ones have a meaning of their own; further names come from
 * `fields`. */
enum log_field {
	FIELD_METHOD,
	FIELD_PATH,
	FIELD_QUERY,
	FIELD_PROTOCOL,
	FIELD_STATUS,
	FIELD_BYTES,
	FIELD_DURATION,
	FIELD_HOST,
	FIELD_UPSTREAM_STATUS,
	FIELD_CACHE,
	FIELD_COUNTRY,
	FIELD_ADDRESS,
	FIELD_FORWARDED,
	FIELD_USER_AGENT,
	FIELD_REFERER,
	FIELD_SESSION,
	FIELD_SYNTHETIC,
	FIELD_N
};
extern const char *const log_field_names[FIELD_N];

/* format.c */
struct log_format;
/* text: "combined", "common", "json", or an nginx or Apache log format. fields: struct tw_pair, our
 * name -> variable, or the key before it. 0; -EINVAL with a sentence; -ENOMEM. */
int log_format_new(struct log_format **out, const char *text, const struct tw_pair *fields,
    uint32_t n_fields, char *err, size_t cap);
void log_format_free(struct log_format *f);
/* Names of a record's values, in their order. */
const char *const *log_format_fields(const struct log_format *f, uint32_t *n);
/* Does the duration contain the time that the client took? (It is then request_time.) */
bool log_format_has_client_time(const struct log_format *f);
/* A line without its newline, LOG_PAD readable bytes behind it; its bytes may be changed.
 * has_escapes: a backslash is among them. values: LOG_FIELDS_MAX of them. NULL: a record; else why
 * not, a few words. */
const char *log_format_parse(struct log_format *f, char *line, size_t len, bool has_escapes,
    struct tw_value *values, int64_t *time_ms);

/* log-time.c: 0, or -EINVAL. Source: nginx ngx_http_log_module, Apache mod_log_config, RFC 3339. */
int log_time_common(const char *s, size_t len, int64_t *ms); /* 10/Oct/2026:13:55:36 +0200 */
int log_time_iso(const char *s, size_t len, int64_t *ms);    /* 2026-10-10T13:55:36.250+02:00 */
int log_time_epoch(const char *s, size_t len, int64_t *ms);  /* 1795000000.250; also ms, us */

/* country.c: in the source's thread */
struct address;
struct country_cache;
struct country_cache *country_cache_new(void); /* NULL: no memory */
void country_cache_free(struct country_cache *c);
/* Two letters (ISO 3166-1), as the host's database says; false: it does not know. */
bool country_of(
    struct tw_ctx *ctx, struct country_cache *c, const struct address *a, char code[2]);

/* follow.c */
struct follow;
struct follow_counts {
	uint64_t rotations, truncations, bytes, too_long, lost;
	uint32_t n_files;
};
/* paths: absolute, with * ? and []. history_ms: how far back rotated files are read at the first
 * start. */
struct follow *follow_new(const char *const *paths, uint32_t n, size_t max_line,
    int64_t history_ms);
void follow_free(struct follow *f);
/* As follow_position wrote it; false: it is none of ours, so this is the first start. */
bool follow_restore(struct follow *f, const void *position, size_t len);
/* Where we stand, `left` bytes before the end of the lines that were read last. Malloc'd; NULL: no
 * memory. */
void *follow_position(struct follow *f, size_t left, size_t *len);
/*
 * The next whole lines: a buffer that lives until the next call, ends with a newline and LOG_PAD
 * bytes behind it, and is the caller's to change; *file says whose they are. 1; 0: all files are at
 * their end; -errno (no file matches, or may be read): why in err.
 */
int follow_read(struct follow *f, char **lines, size_t *n, uint32_t *file, char *err, size_t cap);
/* The newest event time in lines of that file: decides which one is read next. */
void follow_time(struct follow *f, uint32_t file, int64_t time_ms);
/* The oldest of the newest event times of files that are not at their end; INT64_MAX: all are. */
int64_t follow_behind_ms(const struct follow *f);
int64_t follow_newest_ms(const struct follow *f); /* of all lines; 0 = none was read */
struct follow_counts follow_counts(struct follow *f);

/* receive.c: lines that are sent to us. A thread of its own takes them as they come: what a kernel
 * holds back of datagrams is some hundred lines. Memory is bounded; a stream waits when it is full,
 * datagrams are lost and counted. */
struct network;
struct receive;
struct receive_options {
	const char *const *listen;      /* udp://ADDRESS:PORT, tcp://ADDRESS:PORT; they live on */
	uint32_t n_listen;
	bool has_input;                 /* lines of the standard input too */
	const struct network *senders;  /* who may send; none: private networks and this machine */
	uint32_t n_senders;
	size_t max_line;
};
struct receive_counts {
	uint64_t bytes, too_long;
	uint64_t lost;                  /* datagrams that the kernel had no room for */
	uint64_t refused;               /* messages and connections of who may not send */
};
/* NULL: listen[*which] is wrong, with why in err; or no memory (err is empty). */
struct receive *receive_new(
    const struct receive_options *o, uint32_t *which, char *err, size_t cap);
/* Opens what is not open yet. 0, or -errno with why in err: to be tried again. */
int receive_open(struct receive *r, char *err, size_t cap);
/* What has come: whole lines, as follow_read gives them, until the next call. false: nothing. */
bool receive_take(struct receive *r, char **lines, size_t *n);
/* Until something has come, or that time is over. */
void receive_wait(struct receive *r, int64_t at_most_us);
bool receive_has_ended(struct receive *r); /* the standard input, and nothing else is open */
struct receive_counts receive_counts(struct receive *r);
void receive_free(struct receive *r); /* NULL allowed */

#endif
