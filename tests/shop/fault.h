/*
 * fault.h - what can be broken: one table of names, one of parameters, and the list of faults in
 * force.
 *
 * A fault comes from POST /control/fault (a JSON object, in force until healed or for_s has passed)
 * or from the request itself (?fault=NAME&ms=..), which goes before. Parser, --help and GET
 * /control/state read the tables.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHOP_FAULT_H
#define SHOP_FAULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/clock.h"

enum step {
	STEP_HOME,
	STEP_LIST,
	STEP_PRODUCT,
	STEP_SEARCH,
	STEP_CART,
	STEP_CHECKOUT,
	STEP_PAYMENT,
	STEP_ORDER,
	STEP_STOCK,
	STEP_GRAPHQL, /* up to here a fault without a step counts */
	STEP_FEED,
	STEP_HEALTH,
	STEP_HOOK,
	STEP_ECHO,
	STEP_CONTROL,
	STEP_OTHER,
	STEP_MAX
};
const char *step_name(enum step step);

enum fault_class {
	FAULT_DELAY,   /* time is added, the answer stays */
	FAULT_STATE,   /* the shop's data lies */
	FAULT_POLITE,  /* another answer, well formed */
	FAULT_HOSTILE, /* bytes written past every rule; the connection ends */
};

struct fault;
struct request;
struct sink;
struct answer;

struct fault_kind {
	const char *name;
	enum fault_class class;
	const char *variants; /* "a|b|c", the first is the default; NULL: none */
	const char *help;
	void (*polite)(const struct fault *f, struct request *r, struct answer *a);
	void (*hostile)(const struct fault *f, struct request *r, struct sink *k);
};
extern const struct fault_kind fault_kinds[]; /* ends with name NULL */

struct fault {
	const struct fault_kind *kind;
	char variant[24];
	int step;            /* enum step, -1: every step a customer takes */
	double share;        /* of the requests, 0..1 */
	int64_t for_s;       /* seconds in force, 0: until healed */
	int64_t ms;          /* 0..600000 */
	int64_t status;      /* 400..599 */
	int64_t retry_after; /* seconds, 0: no header */
	int64_t size;        /* bytes, 0: the fault's own */
	int64_t count;       /* 0: the fault's own */
	int64_t head_ms, body_ms;
	bool reset;          /* end with RST instead of FIN */
	char host[64];
	mono_t until;        /* 0: for ever */
	uint64_t hits;
};

struct faults;
struct faults *faults_new(uint64_t seed);
void faults_free(struct faults *f);
/* Reads a fault from an object or from a query; on an error `why` names key and reason. 0 or
 * -EINVAL. */
int fault_from_json(const json_t *object, struct fault *out, char *why, size_t why_size);
int fault_from_query(const char *query, struct fault *out, char *why, size_t why_size);
/* Puts it in force, in place of one of the same name, step and variant. 0 or -ENOSPC. */
int faults_add(struct faults *f, const struct fault *fault);
int faults_heal(struct faults *f, const char *name); /* NULL: all; returns how many were healed */
/* The first fault of one of the classes in `mask` (1 << class) for this step, its share drawn by
 * the seed. */
bool faults_pick(struct faults *f, int step, unsigned mask, struct fault *out);
/* Milliseconds of delay in force for this step (-1: any) and phase. Draws and counts each. */
int64_t faults_delay_ms(struct faults *f, int step, const char *phase);
/* Whether a fault of that name (and variant, unless NULL) is in force, for any step; `out` may be
 * NULL. */
bool faults_has(struct faults *f, const char *name, const char *variant, struct fault *out);
json_t *faults_state(struct faults *f); /* {"active": [..], "known": [..]} */
void faults_help(FILE *to);

#endif
