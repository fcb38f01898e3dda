/*
 * fetch.h - one file or answer from elsewhere, for sources with a thread of their own.
 *
 * DESIGN. Around libcurl's easy interface, because probes' http (tillwatch/plugin.h) measures and a
 * source only wants bytes: http, https and sftp, one connection kept between two calls, the body
 * handed on as it comes. Redirects are followed by us (5, http and https only); one that leads into
 * a private network, where the configured host is not, is refused. The proxy is never taken from
 * the environment. Everything has a bound: time, bytes of body and headers.
 *
 * Runs in: the source's thread; blocks until the deadline (names are resolved by libcurl's thread).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_FETCH_H
#define PLUGINS_COMMON_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#include "lib/clock.h"

#define FETCH_TEXT 256
#define FETCH_HEADERS_MAX 64        /* of an answer that are kept */
#define FETCH_HEADER_BYTES 2048     /* of one of them; a longer one is not kept */

struct fetcher;
struct fetcher *fetch_new(void);    /* NULL: no memory */
void fetch_free(struct fetcher *f);

struct fetch_request {
	const char *url;
	const char *body;           /* NULL = GET; else POST, Content-Type application/json */
	const struct tw_pair *headers;
	uint32_t n_headers;
	const char *etag, *modified; /* of what we have (If-None-Match, If-Modified-Since) */
	const char *user, *password; /* of the server, or NULL */
	const char *private_key;    /* sftp: a file */
	const char *host_key;       /* sftp: SHA256 of the server's key, base64; needed */
	const char *ca_file;        /* NULL = the system's */
	mono_t deadline;
	int64_t max_bytes;
	bool takes_errors;          /* the body of a 4xx or 5xx is wanted, too */
	/* A piece of the body of a 2xx, or of a file; false ends it. */
	bool (*on_data)(void *arg, const char *data, size_t len);
	void *arg;
};

struct fetch_answer {
	int status;                 /* of http; sftp: 200 */
	const char *url;            /* where the answer came from, redirects followed; until the
				     * next fetch */
	bool is_unchanged;          /* 304 */
	char err[FETCH_TEXT];       /* why not */
	char etag[FETCH_TEXT], modified[FETCH_TEXT]; /* "" = not said */
	int64_t modified_ms;        /* of the file; 0 = not said */
	int64_t bytes;              /* of the body */
	const struct tw_header *headers; /* until the next fetch; names in lower case */
	uint32_t n_headers;
};

/* 0: the whole answer came, whatever its status; else -errno (-ETIMEDOUT, -EFBIG, -ECANCELED:
 * on_data ended it, -EACCES: refused by us, -EIO) with a.err. */
int fetch(struct fetcher *f, const struct fetch_request *r, struct fetch_answer *a);

#endif
