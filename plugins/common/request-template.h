/*
 * request-template.h - texts with ${name} in them, the values that fill them, and how each value is
 * written where it stands.
 *
 * A text is taken apart once, at start; then every ${name} is a number. $${ is a plain ${. Where a
 * value stands decides how it is written: percent-encoded in a URL or a form, escaped in JSON,
 * escaped twice in the query of a GraphQL body. So no value can leave its place: not a shop's
 * answer, and not a user's odd variable.
 *
 * Blocks: never. Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_REQUEST_TEMPLATE_H
#define PLUGINS_COMMON_REQUEST_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

#define VARIABLES_MAX 64          /* of a user; ${run_id} and ${now} come with us */
#define NAMES_MAX (VARIABLES_MAX + 2)
#define NAME_MAX_BYTES 64
#define VALUE_BYTES_MAX 4096            /* bytes of one value */

struct names {
	const char *name[NAMES_MAX];
	uint32_t n;
};
/* The number of a name, or -1. */
int names_find(const struct names *names, const char *name, size_t len);
/* Adds a name (borrowed) unless it is there: its number; -EINVAL: not [A-Za-z_][A-Za-z0-9_]*, or
 * too long; -ENOSPC: too many. */
int names_add(struct names *names, const char *name);
/* " (did you mean X?)", or "". */
void names_hint(const struct names *names, const char *name, size_t len, char hint[96]);

struct value {
	char *text;               /* NULL: not known (yet) */
	size_t len;
	bool is_secret, is_foreign; /* foreign: a shop's answer said it */
	bool is_literal;          /* a number or a boolean in JSON */
};
struct values { struct value at[NAMES_MAX]; };
/* Copies. 0, -E2BIG, -ENOMEM. A secret stays one. */
int value_set(struct value *v, const char *text, size_t len);
void values_clear(struct values *values);        /* wipes */

enum fill_mode { FILL_TEXT, FILL_URL, FILL_JSON, FILL_GRAPHQL, FILL_HEADER, FILL_FORM };

struct piece {
	enum fill_mode mode;
	int32_t name;             /* -1: text */
	uint32_t from, len;       /* text: in the template's bytes */
	bool is_host;             /* in a URL's host or port */
	bool is_whole;            /* all of a JSON string: a number stands without the quotes */
};
struct template {
	struct buf bytes;
	struct piece *pieces;
	size_t n;
};

/* What is wrong with a text: the name nobody gives, or the place. */
struct template_wrong { char text[200]; };

/* Takes text apart and adds it to t (zeroed before the first time). names: those that text may
 * use. 0; -EINVAL with *wrong; -ENOMEM. */
int template_add(struct template *t, const char *text, enum fill_mode mode,
    const struct names *names, struct template_wrong *wrong);
void template_clear(struct template *t);
/* The first name in t whose value is not known, or -1. */
int template_missing(const struct template *t, const struct values *values);
bool template_has_foreign_host(const struct template *t, const struct values *values);

/* Appends the filled text. 0; -EINVAL: the value of name *which may not stand there (a host that is
 * none, a line feed in a header); -E2BIG: out is full. */
int template_fill(
    const struct template *t, const struct values *values, struct buf *out, int *which);

/* text with every secret's value replaced by "<secret>": as it is, percent-encoded (both cases),
 * form-encoded, escaped for JSON once and twice. */
void redact(const struct values *values, const char *text, size_t len, struct buf *out);

/* Host of a URL ("[::1]:80" gives "::1"), without user and port. */
void url_host(const char *url, char *dst, size_t cap);

#endif
