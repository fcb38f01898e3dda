/*
 * ratio-attempt.h - attempts become orders: a card that is declined and tried again is one order,
 * and it was paid. Of an order a keyed hash of its id is kept, when it was first tried and how it
 * stands; never the id.
 *
 *   attempt -> a good one decides at once:      one good order, at the time of its first attempt
 *           -> else it waits; its time is over: one bad order, as its last attempt was
 *
 * An attempt later than `retry` after the first is another order. Memory is bounded (ORDERS_MAX);
 * for want of room the order that was first tried longest ago is decided early, and counted.
 *
 * Source: probes.md 2.2 (authorization by order, beside that by attempt).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_RATIO_ATTEMPT_H
#define PLUGINS_CHECKOUT_RATIO_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#define ORDERS_MAX 16384
#define ORDER_PARTS 8                   /* dimensions whose part is remembered */

struct order_decision {
	int64_t time_ms;                /* of the first attempt */
	bool is_good;
	uint64_t parts[ORDER_PARTS];    /* of the attempt that decided; the caller's numbers */
};

typedef void order_decided_fn(void *arg, const struct order_decision *);

struct attempts;
/* What an earlier process left is taken up. NULL: no memory. decided is told of each order once. */
struct attempts *attempts_new(
    struct tw_ctx *ctx, int64_t retry_ms, order_decided_fn *decided, void *arg);
void attempts_free(struct attempts *); /* NULL allowed */
/* The keyed hash of an order's id; never 0. */
uint64_t attempts_hash(const struct attempts *, const struct tw_value *id);
/* An attempt, in any order of time. */
void attempts_add(struct attempts *, uint64_t hash, int64_t time_ms, bool is_good,
    const uint64_t parts[ORDER_PARTS]);
/* Decides those whose time was over at until_ms. */
void attempts_settle(struct attempts *, int64_t until_ms);
size_t attempts_count(const struct attempts *);
uint64_t attempts_lost(struct attempts *);  /* decided early since the last time asked */
void attempts_save(struct tw_ctx *ctx, struct attempts *);

#endif
