/*
 * orders-probe.h - the inventory plugin with a top-level `compare`: order integrity (orders.h).
 *
 *   orders-plan.c     options -> sides
 *   orders-take.c     records -> events of an order
 *   orders-probe.c    a slot: orders read again, metrics, facts, the verdict; state
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_ORDERS_PROBE_H
#define INVENTORY_ORDERS_PROBE_H

#include "plugins/inventory/inventory.h"
#include "plugins/inventory/orders.h"

struct order_options {
	const char *source;
	int32_t as;                   /* 0: by the source's name; else a role + 1 */
	int64_t max_lag;
	const char *value, *part;
	struct tw_list where;         /* struct tw_pair: a field, and what it may hold: "a|b" */
};

struct order_source {                 /* what the judge need not know of a side */
	const struct order_options *options;
	struct side_more more;        /* how it writes keys */
	struct value_rules rules;     /* and amounts */
	int value_at, currency_at, part_at, ok_at; /* places in a record; -1: not there */
	int where_at[8];
};

struct orders_probe {
	struct orders o;
	struct order_source sources[ORDERS_SIDES_MAX];
	uint64_t n_told_dropped;
	unsigned n_pending;           /* readings that this run waits for */
	bool is_over;
	struct tw_ctx *ctx;           /* while records are taken */
};

/* orders-plan.c. refuse() has been told when the verdict is not ok. */
enum tw_verdict orders_plan(struct tw_ctx *ctx, struct inventory *s);
/* orders-take.c */
void orders_take(struct tw_ctx *ctx, struct inventory *s, const struct tw_batch *b,
    const struct tw_record *records, size_t n);
/* orders-probe.c */
void orders_restore(struct tw_ctx *ctx, struct inventory *s);
void orders_put(struct tw_ctx *ctx, struct inventory *s); /* what has changed into the state */
enum tw_verdict orders_slot(struct tw_ctx *ctx, struct inventory *s);

#endif
