/*
 * api.h - the asynchronous half of struct tw_api, for the table in api.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_API_H
#define HOST_API_H

#include "host/probe.h"

enum tw_verdict async_http(struct tw_ctx *ctx, const struct tw_request *request);
enum tw_verdict async_dns(struct tw_ctx *ctx, const char *name, enum tw_family family,
    tw_dns_fn *done, void *arg);
enum tw_verdict async_after(struct tw_ctx *ctx, int64_t us, tw_timer_fn *done, void *arg);
enum tw_verdict async_work(struct tw_ctx *ctx, tw_work_fn *fn, tw_timer_fn *done, void *arg);
enum tw_verdict async_sight(struct tw_ctx *ctx, tw_sight_fn *done, void *arg);
enum tw_verdict async_commit(struct tw_ctx *ctx, tw_timer_fn *done, void *arg);
enum tw_verdict async_read(struct tw_ctx *ctx, const char *source, const char *const *keys,
    size_t n, tw_timer_fn *done, void *arg);
struct tw_jar *async_jar(struct tw_ctx *ctx);

#endif
