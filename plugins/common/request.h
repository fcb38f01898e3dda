/*
 * request.h - a request as users write it (method, url, headers and one body), taken apart once at
 * start and filled with values before each sending. Journeys and API calls share it.
 *
 *     request: {method: POST, url: "https://shop.example/api/${id}", json: {quantity: 1}}
 *
 * Blocks: never. Runs in: callbacks of the probe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_REQUEST_H
#define PLUGINS_COMMON_REQUEST_H

#include <tillwatch/plugin.h>

#include "plugins/common/request-template.h"

#define REQUEST_URL_MAX 8192
#define REQUEST_HEADERS_MAX 60          /* of a user: we add up to three */

struct request_options {
	const char *method, *url;
	struct tw_list headers;                 /* struct tw_pair */
	const char *json;                       /* JSON text */
	struct { const char *query, *variables; } graphql; /* variables: JSON text */
	struct tw_list form;                    /* struct tw_pair */
	const char *body;
};
#define REQUEST_ROWS 7
extern const struct tw_option request_rows[REQUEST_ROWS];
#define REQUEST_TABLE { request_rows, REQUEST_ROWS, sizeof(struct tw_option) }

/* Where a text stands in the configuration, and which names it may use. */
struct request_scope {
	struct tw_ctx *ctx;
	const struct names *given;              /* those that are known here */
	const struct names *all;                /* whose numbers the values have */
	const char *where;                      /* "journey/steps/0/": before an option's path */
	const char *word;                       /* the request's own option; NULL: "request" */
};

/* The host is told that the option at where + path is wrong. Returns -EINVAL. */
int scope_refuse(const struct request_scope *scope, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes a text apart and adds it to t. 0, or -EINVAL: it was refused. */
int scope_take(const struct request_scope *scope, struct template *t, const char *text,
    enum fill_mode mode, const char *path);

struct request {
	const struct request_options *o;
	const char *method;
	bool is_graphql, has_body;
	const char *content_type;               /* NULL: the user's */
	struct template url, body;
	struct template *headers;               /* values; as many as o->headers */
};

/* Options must outlive r (zeroed). 0, or -EINVAL: it was refused; clear r in both cases. */
int request_make(
    struct request *r, const struct request_options *o, const struct request_scope *scope);
void request_clear(struct request *r);
/* The first name that it needs and that has no value, or -1. */
int request_missing(const struct request *r, const struct values *values);

/* Ready to be sent; its texts live until request_filled_clear(), which wipes them. */
struct request_filled {
	struct buf url, body, text;             /* text: the headers' values, one after the other */
	struct tw_header headers[REQUEST_HEADERS_MAX + 4];
	size_t at[REQUEST_HEADERS_MAX + 4];
	uint32_t n;
};
/* Our mark of synthetic traffic and a User-Agent come with it. 0, or -errno with a sentence in why;
 * clear f in both cases. */
int request_fill(struct tw_ctx *ctx, const struct request *r, const struct names *names,
    const struct values *values, struct request_filled *f, char *why, size_t cap);
/* The URL alone. */
int request_fill_url(const struct request *r, const struct names *names,
    const struct values *values, struct buf *url, char *why, size_t cap);
void request_filled_clear(struct request_filled *f);

#endif
