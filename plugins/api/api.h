/*
 * api.h - API error rates, durations and budgets; what the files of the plugin share. A probe
 * reads real traffic (`source`) or asks by itself (`calls`).
 *
 *    records of a source -> route -> outcome -> cell of an open slot
 *                                                 | the slot is complete
 *                                                 v
 *              totals (requests, durations), published at the slot's end;  minutes of the SLO
 *
 * DESIGN. Requests are counted in the slot of their own time, not of when they were read: after a
 * day of downtime each lands where it belongs. A slot closes when the source says that nothing
 * older will come; what comes later still (a record that is late) is counted with the oldest open
 * slot, so that no total is ever wrong. While a source is silent no slot closes: its series end,
 * which is not the same as zero errors.
 *
 * Runs in: all of it in callbacks of its probe. Nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_API_API_H
#define PLUGINS_API_API_H

#include <jansson.h>
#include <stdbool.h>
#include <tillwatch/plugin.h>

#include "lib/hist.h"
#include "plugins/common/outcome.h"
#include "plugins/common/request.h"

#define ROUTES_MAX 49               /* declared; the rest is "other": a label has 50 values */
#define SLOTS_MAX 64                /* open at once; what is ahead of them closes the oldest */
#define PATH_CACHE 16384            /* paths whose route is remembered; a power of two */
#define STATUS_MAX 600

enum metric {
	REQUESTS,
	DURATION,
	LATE,
	SLO_RATIO,
	SLO_BURN,
	SLO_LEFT,
	SLO_ALARM,
	COMPLETE,
	CALL_UP,
	CALLS,
	CALL_SECONDS,
	CALL_ERRORS,
	QUOTA_HEADROOM,
	QUOTA_LIMIT,
	QUOTA_REMAINING,
	QUOTA_EXHAUSTED
};

struct route {
	const char *name, *path, *method;
};

/* A request that the probe sends by itself, at each run. */
struct call_options {
	const char *name;
	struct request_options request;
	struct tw_list assertions;      /* struct assertion */
	const char *error_if;           /* JSON text */
};

struct slo {
	double objective;               /* 0..1; 0 = none */
	int64_t window;                 /* microseconds */
	int64_t min_bad;
	double confidence;
	uint8_t count_client_errors, count_throttled;
};

/* One route in one slot. */
struct cell {
	uint32_t outcome[OUTCOME_N];
	struct hist seconds;            /* of those that are not ignored; cell_seconds() has all */
	uint16_t *fresh;                /* by bucket: of whole milliseconds, not yet among them */
	double fresh_sum;
};

struct slot {
	int64_t end_ms;                 /* 0 = free */
	bool is_changed;                /* since it was saved */
	struct cell *cells;             /* n_routes + 1 */
};

/* Where the values of a record stand; -1: the source has no such field. */
struct places {
	int path, method, status, duration;
};

struct api {
	/* options */
	const char *source;
	struct tw_list routes;          /* struct route */
	struct tw_list calls_list;      /* struct call_options */
	struct {
		struct tw_list ok, server_error, throttled, client_error, ignored;
	} outcome;
	int64_t step;                   /* microseconds of a slot */
	int64_t client_timeout;
	struct slo slo;

	/* made by start */
	uint32_t n_cells;               /* routes and "other" */
	uint8_t by_status[STATUS_MAX];  /* enum outcome */
	struct places at;
	const char *const *fields;      /* the batch's list that `at` was made for */
	uint64_t *paths;                /* PATH_CACHE: a hash of method and path; its route below */
	struct slot slots[SLOTS_MAX];
	struct slot *newest;            /* the one the last record fell into; NULL = none */
	int64_t closed_ms;              /* every slot up to here is published */
	int64_t complete_ms;            /* as the source says */
	struct budget *budget;          /* budget.c; NULL without `slo` */
	struct calls *calls;            /* call.c; NULL without `calls` */
};

/* route.c */
int route_prepare(struct api *s);   /* 0 or -ENOMEM */
void route_free(struct api *s);
/* 0..n_cells - 1; the last one is "other". */
uint32_t route_of(struct api *s, const struct tw_value *method, const struct tw_value *path);

/* cell.c */
void cell_prepare(void);            /* once, before all else */
void cell_init(struct cell *c);
void cell_clear(struct cell *c);
void cell_observe(struct cell *c, double seconds);
const struct hist *cell_seconds(struct cell *c);
size_t cell_put(uint8_t *to, size_t cap, struct cell *c); /* bytes written; 0: cap is too small */
bool cell_take(struct cell *c, const uint8_t **at, const uint8_t *end);

/* slot.c */
void slot_count(struct tw_ctx *ctx, struct api *s, const struct tw_record *r);
void slot_close(struct tw_ctx *ctx, struct api *s); /* those that complete_ms allows */
void slot_save(struct tw_ctx *ctx, struct api *s);
int slot_restore(struct tw_ctx *ctx, struct api *s); /* 0 or -ENOMEM */
void slot_free(struct api *s);
const char *route_label(const struct api *s, uint32_t i);

/* budget.c: good and bad requests by minute, and what they mean for the objective */
struct budget;
struct budget *budget_new(const struct slo *slo);
void budget_free(struct budget *b);
void budget_add(struct budget *b, int64_t time_ms, uint32_t good, uint32_t bad);
void budget_save(struct tw_ctx *ctx, struct budget *b);
void budget_restore(struct tw_ctx *ctx, struct budget *b);
/* Emits what the windows that end at complete_ms say; the verdict. */
enum tw_verdict budget_judge(struct tw_ctx *ctx, struct budget *b, int64_t complete_ms);
/* Windows whose alarm needs more than all requests to fail, as a sentence; NULL: none. */
const char *budget_lint(const struct slo *slo, char *dst, size_t cap);

/* call.c: what the probe asks by itself */
extern const struct tw_option call_rows[];
#define CALL_ROWS 4
/* NULL: refused. */
struct calls *calls_new(struct tw_ctx *ctx, const struct tw_list *list);
void calls_free(struct calls *c);
/* One run: each call after the other. budget: NULL without `slo`. */
enum tw_verdict calls_probe(struct tw_ctx *ctx, struct api *s);

/* call-error.c: GraphQL's errors by code and the first two segments of their path */
struct call_errors;
struct call_errors *call_errors_new(struct tw_ctx *ctx); /* NULL: no memory */
void call_errors_free(struct call_errors *e);
/* Counts those of an answer (root may be NULL). */
void call_errors_count(
    struct tw_ctx *ctx, struct call_errors *e, const char *route, json_t *root);

/* call-quota.c: what answers say is left of the API's quota, by host */
struct call_quotas;
struct call_quotas *call_quotas_new(void); /* NULL: no memory */
void call_quotas_free(struct call_quotas *q);
void call_quotas_take(struct call_quotas *q, const struct tw_answer *a, json_t *root,
    int64_t now_ms);
/* Emits what this run has read, and forgets it; the trend stays. */
void call_quotas_emit(struct tw_ctx *ctx, struct call_quotas *q);

#endif
