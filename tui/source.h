/*
 * source.h - where answers come from: an agent (or any server with Prometheus' API) over HTTP, or
 * whatever a test puts in its place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_SOURCE_H
#define TUI_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

#define SOURCE_ANSWER_MAX (32u << 20)   /* bytes of one answer; larger ones are refused */
#define SOURCE_TIMEOUT_MS 8000L

struct source {
	/* GET path (with its query). Blocks until the answer is whole in `out` (initialised by the
	 * caller), the time is up, or cancelled(arg) says so. 0; -ENOENT: the server has no such
	 * thing (404); -ECANCELED; -EACCES (401, 403); -EIO. err gets a sentence on every error. */
	int (*get)(void *ctx, const char *path, struct buf *out, char *err, size_t err_cap,
	    bool (*cancelled)(void *), void *arg);
	void (*close)(void *ctx);       /* NULL: nothing to release */
	void *ctx;
};

/* HTTP over a Unix socket (url NULL) or to a URL; token_file: bearer token, may be NULL. Used by
 * one thread. Opens nothing before the first get. Returns 0 or -ENOMEM. */
int source_http(struct source *out, const char *socket, const char *url, const char *token_file);

#endif
