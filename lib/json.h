/*
 * json.h - foreign JSON, strictly: size and depth are checked before jansson allocates, duplicate
 * keys refused. And the one evaluator of JSON Pointers (RFC 6901).
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

/* The value that pointer names ("" = the whole, "/data/0/id"), borrowed; NULL where there is none.
 */
json_t *json_at(json_t *root, const char *pointer);
bool json_pointer_ok(const char *pointer); /* well-formed? */

/* A scalar as text ("12", "true", "null", the string itself) for comparing with what a user wrote;
 * false: it is an object or array, or does not fit. */
bool json_scalar_text(const json_t *v, char *dst, size_t cap);

#endif
