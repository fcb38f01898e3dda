/*
 * journey.h - what the files of a journey share: its plan, made at start, and its run.
 *
 *     plan (journey-plan.c) -> run (journey.c) -> judge (journey-judge.c) -> report
 *                                 |  orders and what is owed: journey-orders.c
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_JOURNEY_H
#define PLUGINS_CHECKOUT_JOURNEY_H

#include <jansson.h>

#include "lib/regex.h"
#include "lib/tz.h"
#include "plugins/checkout/checkout.h"
#include "plugins/common/answer.h"
#include "plugins/common/request.h"

#define STEPS_MAX 50
#define EXCERPT_BYTES 1024
#define OWED_MAX 32
#define OWED_HOURS 24
#define RUN_ID_BYTES 16

/* ---- the plan ---- */

struct capture {
	const struct capture_options *o;
	int name;                  /* among plan.names */
	struct regex *regex;
};

struct step {
	const struct step_options *o;
	const char *name;
	bool orders;
	struct request request;
	struct demands demands;
	struct capture *captures;
	size_t n_captures;
};

struct plan {
	struct names names;        /* 0 run_id, 1 now, then variables, secrets, captures */
	bool is_secret[NAMES_MAX];
	struct template *variables; /* one a pair of o->variables */
	struct step *steps, *teardown;
	uint32_t n_variables, n_steps, n_teardown;
};
#define NAME_RUN_ID 0
#define NAME_NOW 1

/* 0, or the host's refusal was given. */
int plan_make(struct tw_ctx *ctx, struct plan *p, const struct journey_options *o);
void plan_clear(struct plan *p);

/* ---- what an answer says ---- */

/* Judges; takes captures into values when all is well. */
void step_judge(const struct step *s, const struct tw_answer *a, int64_t now_ms,
    struct values *values, struct verdict *v);
/* journey-capture.c. 0, or -EINVAL with *v set (cause "capture"). root NULL: the body is no JSON */
int captures_take(const struct step *s, const struct tw_answer *a, json_t *root,
    struct values *values, struct verdict *v);

/* ---- the run ---- */

enum stage { STAGE_OWED, STAGE_STEPS, STAGE_TEARDOWN };

struct journey {
	struct plan plan;
	struct checkout *self;
	const struct journey_options *o;
	struct tz *tz;             /* of the shop; NULL = UTC */

	/* one run */
	struct values values;
	struct tw_jar *jar;
	enum stage stage;
	uint32_t at, reached;
	bool is_begun, is_host_private, has_ordered, may_have_ordered, was_skipped, has_failed;
	bool is_ordering;          /* the step at hand has passed the gate: its order is counted */
	bool is_warned;
	char address[46];          /* of a foreign host, once it was resolved and is public */
	char run_id[RUN_ID_BYTES];
	int64_t reserve_us;        /* for the teardown */
	int64_t teardown_left_us;  /* left_us at which the teardown's time is over */
	int64_t journey_us;
	enum tw_verdict verdict;
	struct verdict why;        /* of the bad step */
	char failed_step[NAME_MAX_BYTES];
	const char *stopped_before, *stopped_why;
	uint32_t owed_at;          /* which of the owed is being cleaned up */
	char owed_id[RUN_ID_BYTES];
};

/* ---- orders, and what is owed for them (journey-orders.c) ---- */

/* The day of the shop in days since 1970. */
int64_t orders_day(const struct journey *j, int64_t now_ms);
/* How many orders this day has had. */
int64_t orders_today(struct tw_ctx *ctx, const struct journey *j);
/* Counts one. 0, or -1: it does not fit. */
int orders_count(struct tw_ctx *ctx, const struct journey *j);

uint32_t owed_number(struct tw_ctx *ctx);
/* The i-th id; false past the end. */
bool owed_id(struct tw_ctx *ctx, uint32_t i, char id[RUN_ID_BYTES]);
/* Writes the clean-up of run id with the values as they are (no secret). 0, or -1. */
int owed_put(struct tw_ctx *ctx, const struct journey *j, const char *id);
/* Its values, into values (others stay as they are), and when it was written; false: unreadable */
bool owed_get(struct tw_ctx *ctx, const struct journey *j, const char *id, struct values *values,
    int64_t *at_ms);
void owed_drop(struct tw_ctx *ctx, const char *id);

/* ---- journey-report.c ---- */

/* Text as it may be handed out; lives until the next call in the same buffer. */
const char *shown(const struct journey *j, const char *text, size_t len, struct buf *buf);
void report_step(struct tw_ctx *ctx, const struct journey *j, const struct step *s,
    const struct tw_answer *a, const struct verdict *v);
void report_teardown(struct tw_ctx *ctx, const struct journey *j, const struct step *s,
    const struct verdict *v);
enum tw_verdict report_end(struct tw_ctx *ctx, const struct journey *j);

#endif
