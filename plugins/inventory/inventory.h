/*
 * inventory.h - the inside of the inventory plugin: which systems disagree, since when, and what
 * that exposes.
 *
 *   plan.c       options -> sides, columns, rules
 *   take.c       records -> cells of a key
 *   compare.c    cells -> differences, confirmed (compare.h); compare-ranked.c, table.c, value.c,
 *                mapping.c
 *   run.c        a slot: scans that are due, keys read again, then judged
 *   report.c     metrics, facts, the verdict
 *   orders*.c    instead of all this: order integrity (orders.h, orders-probe.h)
 *   keep.c       what is open, over restarts
 *   tracer.c     keys that change often are read again while they are young (tracer.h)
 *   canary*.c    a value of our own on its way through the systems (canary.h, canary-run.h)
 *   sales.c      what sells meanwhile: expected oversell, lost sales (velocity.h)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_INVENTORY_H
#define INVENTORY_INVENTORY_H

#include <tillwatch/plugin.h>

#include "lib/clock.h"
#include "plugins/common/request.h"
#include "plugins/inventory/compare-open.h"
#include "plugins/inventory/mapping.h"
#include "plugins/inventory/tracer.h"

#define SHOWN_MAX 10                  /* keys in the run's facts */
#define KEPT_MAX 4000                 /* open differences that outlive a restart: 64 KiB of state */

enum metric {
	M_LAG, M_STALENESS, M_DRIFT_KEYS, M_DRIFT_UNITS, M_DRIFT_AGE, M_OPEN, M_MISSING, M_GHOST,
	M_DUPLICATE, M_NEGATIVE, M_OVERSELL_UNITS, M_OVERSELL_VALUE, M_UNDERSELL_KEYS,
	M_UNDERSELL_VALUE, M_COMPARED, M_COHERENT, M_COHERENCE, M_SCAN_AGE, M_SCAN_ROWS,
	M_SCAN_SECONDS, M_SCAN_COMPLETE, M_REJECTED, M_MAPPING,
	M_ORDER_FAULTS, M_ORDER_VALUE, M_ORDER_AGE, M_ORDER_LAG, M_ORDERS, M_ORDERS_DROPPED,
	M_CANARY_LAG, M_CANARY_PENDING, M_CANARY_LATE, M_CANARY_WRITES,
	M_OVERSELL_EXPECTED, M_UNDERSELL_PER_HOUR
};

/* ---- options ---- */

struct compare_options {
	const char *source;
	int64_t grace;
	double buffer;
	const char *tolerance;
	struct tw_list states;        /* struct tw_pair: a word and its amounts */
};
struct field_options {
	const char *name;
	const char *reference;
	int32_t kind;
	struct tw_list compare;       /* struct compare_options */
};
enum { KIND_AUTO, KIND_QUANTITY, KIND_PRICE, KIND_VALUE };
struct normalize_options {
	const char *source;
	const char *key_prefix, *key_suffix, *currency, *decimal;
	struct tw_list units, tax, states;
};

struct canary_options {
	const char *sku, *field;      /* sku NULL: there is none */
	int64_t every, max_lag, step, low, high;
	struct request_options write; /* url NULL: nothing is ever written */
};
struct sales_options {
	const char *source, *key, *quantity; /* source NULL: nobody says what sells */
	int64_t window;
};

/* ---- state ---- */

struct column {                       /* one field of one source */
	unsigned side;
	const char *field;
	struct value_rules rules;
	int at;                       /* its place in a record; -1: the source has no such field */
	uint64_t n_rejected, n_told;
	const char *why;              /* of the newest one; stable */
	char example[48];
};
struct side_more {                    /* what the comparer need not know of a side */
	const char *prefix, *suffix;
	size_t prefix_len, suffix_len;
	int key_at;                   /* place of the key in a record; -1: it is not there */
	bool is_resolved;             /* the fields were looked up */
	uint64_t n_rejected, n_told;  /* records without a usable key */
	mono_t scan_began;
	int64_t scan_us;              /* of the newest whole scan */
};
struct kept { uint64_t key; int64_t since_ms; };

/* What a run does, one after the other. */
enum stage { STAGE_COMPARE, STAGE_SALES, STAGE_CANARY, STAGE_OVER };
struct canary_run;                    /* canary-run.h */
struct sales;                         /* sales.c */

struct inventory {
	/* options */
	const char *key;
	struct tw_list fields, normalize, compare;
	int64_t confirm_max, full_scan, keep, warm_up, tracers;
	const char *tolerance;        /* of orders */
	struct canary_options canary_options;
	struct sales_options sales_options;

	/* made by start */
	struct orders_probe *orders;  /* instead of all that follows (orders-probe.h) */
	struct comparer *c;
	struct column columns[COLUMNS_MAX];
	struct side_more more[SOURCES_MAX];
	int price_column;             /* of what a unit is worth; -1: not known */
	const char *sku;              /* pattern of our own keys; NULL = none */
	struct kept *kept;            /* what was open before the restart */
	size_t n_kept;
	struct tw_ctx *ctx;           /* while records are taken or a run goes on */
	struct tracer tracer;
	struct canary_run *canary;    /* NULL: none is configured */
	struct sales *sales;          /* NULL likewise */

	/* a run */
	bool is_over;
	enum stage stage;
	mono_t end_at;                /* when it ends by itself */
	unsigned n_scans_asked;
	int in_phase[SOURCES_MAX];    /* of reading keys: 0 references, 1 the others, -1 not */
	int phase;
	unsigned n_pending;           /* readings of the phase */
	unsigned step, looks_at;      /* of the report; rule whose mapping is looked at */
	uint64_t n_drift, n_missing, n_ghost; /* confirmed, of all rules */
	char mapping[MAPPING_TEXT];   /* the newest finding; "" = none */
	bool is_mapping[RULES_MAX];
	bool was_coherent[RULES_MAX]; /* most of it has agreed once, read as it is read */
	int64_t looked_ms[RULES_MAX]; /* end of the newest scan when it was looked for */
};

/* plan.c. refuse() has been told when the verdict is not ok. */
enum tw_verdict plan_make(struct tw_ctx *ctx, struct inventory *s);
/* What `normalize` says of a source: of its keys, and of one of its fields. */
void plan_affixes(const struct inventory *s, const char *source, struct side_more *m);
enum tw_verdict plan_rules(struct tw_ctx *ctx, const struct inventory *s, const char *source,
    const char *field, bool is_price, struct value_rules *r);
/* take.c */
/* The key as all systems have it; it lies in the value, or in number. Its length; 0: it is none. */
size_t take_key(const struct side_more *m, const struct tw_value *v, char number[24],
    const char **key);
int take_place(const struct tw_batch *b, const char *field); /* in a record; -1: there is none */
void take_records(struct tw_ctx *ctx, struct inventory *s, const struct tw_batch *b,
    const struct tw_record *records, size_t n);
int take_place(const struct tw_batch *b, const char *field); /* of it in a record; -1: none */
/* The key as all systems have it. 0: it is none. */
size_t take_key(
    const struct side_more *m, const struct tw_value *v, char number[24], const char **key);
/* Keys as that side writes them, in one piece: pointers, then texts. From malloc. */
const char **keys_as_written(const struct side_more *m, const char *const *keys, size_t n);
/* run.c */
enum tw_verdict run_slot(struct tw_ctx *ctx, struct inventory *s);
enum tw_verdict run_go_on(struct tw_ctx *ctx, struct inventory *s); /* a stage is over */
/* report.c: all metrics and facts of this moment, and the verdict; or TW_PENDING, in steps. */
enum tw_verdict report(struct tw_ctx *ctx, struct inventory *s);
/* So many of n are as they should be: the ratio and its 95 % interval (Wilson). Nothing of none. */
void report_coherence(
    struct tw_ctx *ctx, const char *source, const char *field, uint64_t n_good, uint64_t n);
/* keep.c */
void keep_restore(struct tw_ctx *ctx, struct inventory *s);
void keep_save(struct tw_ctx *ctx, struct inventory *s);
int64_t keep_since(const struct inventory *s, uint32_t row, unsigned rule); /* 0: was not open */

/* canary-plan.c: TW_OK also when none is configured; else refuse() has been told. */
enum tw_verdict canary_start(struct tw_ctx *ctx, struct inventory *s);
void canary_stop(struct inventory *s);
/* canary-run.c: TW_OK: nothing is waited for. TW_PENDING: run_go_on() will be called. */
enum tw_verdict canary_run(struct tw_ctx *ctx, struct inventory *s);
void canary_cut(struct tw_ctx *ctx, struct inventory *s); /* the run ends */
/* Is this batch the answer to what only the canary has asked for? Nobody else may see it. */
bool canary_takes(struct inventory *s, unsigned side, const struct tw_batch *b);
bool canary_is_key(const struct inventory *s, const char *key, size_t len);
void canary_take(
    struct inventory *s, unsigned side, const struct tw_record *r, int64_t read_ms);
/* canary-report.c: metrics and facts; who is late, or else why it was not written. */
void canary_tell(struct tw_ctx *ctx, struct inventory *s, int64_t now_ms);
enum tw_verdict canary_late(struct tw_ctx *ctx, const struct inventory *s, int64_t now_ms);
enum tw_verdict canary_unwritten(struct tw_ctx *ctx, const struct inventory *s);

/* sales.c: as those of the canary. */
enum tw_verdict sales_start(struct tw_ctx *ctx, struct inventory *s);
void sales_stop(struct inventory *s);
void sales_lag(struct inventory *s, const struct rule *rule, int64_t ms);
void sales_take(struct inventory *s, const struct tw_batch *b, const struct tw_record *records,
    size_t n);
enum tw_verdict sales_run(struct tw_ctx *ctx, struct inventory *s);
void sales_tell(struct tw_ctx *ctx, const struct inventory *s, int64_t now_ms);

#endif
