/*
 * orders.h - order integrity: of which orders do shop, payment, ERP and warehouse tell different
 * stories?
 *
 *     payments  --+                      paid, and nobody has the order     paid_without_order
 *     orders    --+--> a row an order,   ordered, and nobody has paid       order_without_payment
 *     exports   --+    a leg a role:     paid more than once                charged_twice
 *     shipments --+                      another amount was paid            total_mismatch
 *     refunds   --+                      the ERP (warehouse) lacks it  not_exported, not_shipped
 *     bookings  --+                      paid back, and not in the books    refund_not_booked
 *
 * DESIGN. Each source tells events of one role. A leg that lacks is no fault before the role's
 * max_lag has passed since the event that it follows, and is none then either before it is proven:
 * the role's sources have told everything up to that moment (complete_ms, a whole scan that began
 * later), or were asked for just this order and answered. What happened before a source was first
 * read says nothing of others: an order of last year needs no payment of today, and a payment may
 * be of an order that was placed up to `warm_up` before. An order of our own is nobody's.
 *
 * Records that come again (scans, overlaps, changed rows) are known by what tells parts of an order
 * apart: the field `part`, else time and amount. So a payment that is told twice was made once.
 *
 * Bounds: ORDERS_MAX rows; past them, and past `keep`, the oldest go, those that are well first.
 * A judging costs what the rows are that something is still to come for.
 *
 * Runs in: whoever holds the host's lock; nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_ORDERS_H
#define INVENTORY_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/hash.h"

#define ORDERS_MAX 30000
#define ORDERS_SIDES_MAX 16
#define ORDER_ID_MAX 63               /* bytes; a longer id is none */
#define ORDER_PARTS_MAX 4             /* payments, parcels of one order that are told apart */
#define ORDER_CURRENCY 4
#define ORDER_SHARDS 60               /* keys of the probe's state; at most 64 */
#define ORDER_SHARD_BYTES (64 * 1024)

enum role { ROLE_ORDER, ROLE_PAYMENT, ROLE_EXPORT, ROLE_SHIPMENT, ROLE_REFUND, ROLE_BOOKING,
	ROLE_N };
enum fault { FAULT_PAID_WITHOUT_ORDER, FAULT_ORDER_WITHOUT_PAYMENT, FAULT_CHARGED_TWICE,
	FAULT_TOTAL_MISMATCH, FAULT_NOT_EXPORTED, FAULT_NOT_SHIPPED, FAULT_REFUND_NOT_BOOKED,
	FAULT_N };
extern const char *const role_names[ROLE_N], *const fault_names[FAULT_N];
extern const char *const fault_words[FAULT_N]; /* for a sentence: "paid without order" */

struct leg {
	int64_t first_ms, last_ms;    /* event times of its parts */
	int64_t amounts[ORDER_PARTS_MAX];
	uint32_t parts[ORDER_PARTS_MAX]; /* hashes */
	uint8_t n;
	bool has_amount, is_more;     /* of every part; there are more than are told apart */
	char currency[ORDER_CURRENCY]; /* "" = not said */
};
struct order_row {
	char id[ORDER_ID_MAX + 1];
	UT_hash_handle hh;
	struct leg *legs[ROLE_N];     /* NULL: nothing of it came */
	int64_t confirmed_ms[FAULT_N]; /* 0 = not */
	int64_t asked_ms;
	uint8_t answered;             /* a bit a role: its sources answered for this order */
	bool is_ours, is_asked;
	bool is_settled;              /* only another event could make anything of it wrong */
};
struct order_side {                   /* a source */
	const char *name;
	enum role role;
	int64_t max_lag_ms;
	int64_t from_ms;              /* of earlier events nothing is known */
	int64_t known_ms;             /* of events up to here everything; 0 = nothing yet */
	int64_t scan_ms;              /* when the scan under way began */
	unsigned n_silent;            /* readings of single orders without an answer, in turn */
	bool has_begun, is_scanning, is_asked, is_answered;
	bool is_answer;               /* the scan under way began when it was asked for */
};
/* What a record says. */
struct order_event {
	enum role role;
	int64_t time_ms;
	bool has_amount;
	int64_t amount;               /* in ten thousandths (value.h) */
	uint32_t part;                /* tells parts of an order apart */
	char currency[ORDER_CURRENCY];
	bool is_ours;                 /* synthetic */
	bool is_void;                 /* it does not count (any more): cancelled, declined */
};

struct orders {
	/* set by the caller before orders_init */
	struct order_side sides[ORDERS_SIDES_MAX];
	unsigned n_sides;
	int64_t tolerance;            /* amount */
	int64_t keep_ms, warm_up_ms;
	/* An event has followed the one it belongs to after so long. May be NULL. */
	void (*on_lag)(void *arg, const struct order_side *side, int64_t ms);
	void *arg;

	struct order_row *shards[ORDER_SHARDS]; /* hashes by id; together n_rows */
	size_t n_rows;
	uint64_t dirty;               /* a bit a shard: it has changed since it was saved */
	struct order_row **asked;
	size_t n_asked;
	uint64_t n_dropped;           /* rows that had to go before their time */
	int64_t lags_ms[ROLE_N];      /* of its sources, the longest; -1 = no source has the role */
};

void orders_init(struct orders *o);
void orders_clear(struct orders *o);

/* A batch of a side begins, and ends. flags: of tw_batch. */
void orders_batch(struct orders *o, unsigned side, uint32_t flags, int64_t read_ms);
void orders_batch_end(struct orders *o, unsigned side, uint32_t flags, int64_t complete_ms);
/* False: no memory, or the id is none. is_history: it was there before the side was first read. */
bool orders_event(struct orders *o, unsigned side, const char *id, size_t len,
    const struct order_event *e, bool is_history);

/* Since when the order has the fault: the time of the event that misses something. 0: it has not,
 * or not yet (due only after max_lag). */
int64_t orders_judge(
    const struct orders *o, const struct order_row *r, enum fault f, int64_t now_ms);
/* What the fault is about, in ten thousandths of the currency; 0 when not known. */
int64_t orders_at_stake(const struct order_row *r, enum fault f);

/* Orders whose faults are to be read again, at most n; longest unchecked first. */
size_t orders_ask(struct orders *o, int64_t now_ms, size_t n);
bool orders_needs(const struct orders *o, unsigned side); /* to prove what is asked */
void orders_ask_side(struct orders *o, unsigned side);
/* What is a fault, and proven, is confirmed; what is none any more is not. Forgets what is old. */
void orders_confirm(struct orders *o, int64_t now_ms);

/* Of one fault, now: confirmed ones, their value, the oldest's age. */
struct order_totals { uint64_t n; int64_t value, age_ms; };
void orders_totals(const struct orders *o, int64_t now_ms, struct order_totals t[FAULT_N]);
/* Orders that more than one role speaks of; of them without any confirmed fault in *n_well. */
uint64_t orders_compared(const struct orders *o, uint64_t *n_well);

/* orders-keep.c. Bytes of a shard, its newest rows as far as they fit, into dst; then it is clean.
 */
size_t orders_save(struct orders *o, unsigned shard, unsigned char dst[ORDER_SHARD_BYTES]);
/* -EINVAL: damaged; what stood before the damage is there. */
int orders_load(struct orders *o, const void *src, size_t len);

/* Each row in turn; the body may drop it. */
#define ORDERS_EACH(o, shard, row, next)                                                           \
	for (unsigned shard = 0; shard < ORDER_SHARDS; shard++)                                    \
		HASH_ITER (hh, (o)->shards[shard], row, next)

/* Made when it is not there. NULL: no memory, or the id is none. */
struct order_row *orders_row(struct orders *o, const char *id, size_t len);
struct leg *orders_leg(struct order_row *r, enum role role);
int64_t leg_sum(const struct leg *l); /* NULL: 0 */

#endif
