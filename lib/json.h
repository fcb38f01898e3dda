/*
 * json.h - foreign JSON, strictly: size and depth are checked before jansson allocates, duplicate
 * keys refused. The one evaluator of JSON Pointers (RFC 6901). And texts and numbers as JSON, for
 * what is written as it is read from other structures, without a tree between.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 64

/* Parses len bytes of any JSON value. NULL with a sentence in err: "line 3: duplicate object key".
 */
json_t *json_read(const char *text, size_t len, char *err, size_t err_cap);

/* Is it one JSON object? Allocates nothing (json-scan.c). Stricter than json_read in numbers (18
 * digits before the point, an exponent below 100) and in keys (no escapes but of quote and
 * backslash, KEYS_MAX open at once). */
bool json_is_object_text(const char *text, size_t len);

/* The value that pointer names ("" = the whole, "/data/0/id"), borrowed; NULL where there is none.
 */
json_t *json_at(json_t *root, const char *pointer);
bool json_pointer_ok(const char *pointer); /* well-formed? */

/* A scalar as text ("12", "true", "null", the string itself) for comparing with what a user wrote;
 * false: it is an object or array, or does not fit. */
bool json_scalar_text(const json_t *v, char *dst, size_t cap);

/* json-write.c */
struct buf;
void json_text(struct buf *b, const char *s); /* quoted and escaped; bad UTF-8 becomes U+FFFD */
void json_number(struct buf *b, double v);    /* reads back as it was; not finite becomes null */

#endif
