/*
 * format-internal.h - a compiled format, for the files that compile it and that parse by it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_ACCESS_LOG_FORMAT_INTERNAL_H
#define PLUGINS_ACCESS_LOG_FORMAT_INTERNAL_H

#include "plugins/access_log/scan.h"

#define POINTER_MAX 128         /* bytes of a member's pointer in a line of JSON */

enum kind {
	K_SKIP,
	K_TEXT,
	K_INT,
	K_LAST_INT,             /* "502, 200": the last one */
	K_SECONDS,              /* "0.004, 0.120 : 0.001": their sum */
	K_CLIENT_SECONDS,       /* the duration, where nothing better is logged */
	K_MILLISECONDS,
	K_MICROSECONDS,
	K_TIME,
	K_URI,                  /* path?query */
	K_REQUEST               /* METHOD URI PROTOCOL */
};

struct step {
	char *literal;          /* before the variable */
	size_t len;
	char first[SCAN_BLOCK]; /* its first byte, again and again: to be looked for */
	char head[SCAN_BLOCK];  /* its first bytes, to be compared at once; */
	unsigned head_mask;     /* a bit for each */
	char *name;             /* of the variable; NULL: the line ends here */
	enum kind kind;
	int value;              /* its place among the values; -1 = none of its own */
};

struct log_format {
	struct step steps[LOG_STEPS_MAX];
	size_t n_steps;
	bool is_json, is_nested; /* nested: a member of a member is named, "/request/uri" */
	bool has_time, has_client_seconds, has_server_seconds;
	char *fields[LOG_FIELDS_MAX];
	uint32_t n_fields;
	int at[FIELD_N];        /* places of the fields with a meaning; -1: not in this format */
	/* the last time that was read: lines of one second share it */
	char last_time[40];
	size_t last_len;
	int64_t last_ms;
};

#endif
