/*
 * eval.h - when rules are evaluated, and how it went.
 *
 * DESIGN. A group is due at k * interval + offset (a stable hash of file and name), so that groups
 * spread and a restart changes nothing. The rules of a group are evaluated in order at that aligned
 * time. When more than one time has passed only the last is evaluated; the others are counted as
 * missed. A group whose probe had a bad run is evaluated at once as well (rules_poke). A rule that
 * cannot be evaluated keeps its alerts as they are and says so: health, error, counters.
 *
 * One thread calls rules_tick; rules_poke and rules_each from any thread. rules_tick blocks in
 * queries.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_RULES_EVAL_H
#define AGENT_RULES_EVAL_H

#include "agent/rules/rule.h"
#include "lib/labels.h"

#define RULE_SERIES_MAX 10000 /* that one rule may give; more is an error of the rule */

struct rule_sample {
	struct labels *labels; /* one reference owned */
	double v;
};
struct rule_vector {
	struct rule_sample *at;
	size_t n, cap;
};
int rule_vector_add(
    struct rule_vector *v, const struct labels *l, double value); /* 0, -ENOMEM, -E2BIG */
void rule_vector_clear(struct rule_vector *v);

struct rule_io {
	void *ctx;
	/* The instant vector of a rule's expression at t_ms. 0, or a negative code and a sentence.
	 */
	int (*query)(void *ctx, struct rule *r, int64_t t_ms, struct rule_vector *out, char *err,
	    size_t cap);
	/* A sample that a recording rule gave; NULL = dropped. */
	void (*record)(void *ctx, const struct labels *l, int64_t t_ms, double v);
	/* What an alerting rule gave; not called when the query failed. 0, or a code and a
	 * sentence. */
	int (*alerts)(void *ctx, struct rule *r, int64_t t_ms, const struct rule_vector *v,
	    char *err, size_t cap);
};

enum rule_health { RULE_UNKNOWN, RULE_GOOD, RULE_BAD };

struct rule_status { /* texts live for the call */
	const struct rule_group *group;
	const struct rule *rule;
	enum rule_health health;
	const char *error;
	int64_t last_ms, duration_us; /* 0 = not yet */
	uint64_t evaluations, failures;
	uint64_t group_missed;
	int64_t group_last_ms, group_duration_us;
};

struct rules;

/* The set is taken over (and empty afterwards), also when NULL is returned: out of memory. */
struct rules *rules_new(struct rule_set *set, const struct rule_io *io, int64_t now_ms);
void rules_free(struct rules *r);
/* Evaluates what is due. Returns when the next group is due (wall ms), INT64_MAX: never. */
int64_t rules_tick(struct rules *r, int64_t now_ms);
void rules_poke(struct rules *r, const char *probe);
void rules_each(struct rules *r, void (*each)(void *, const struct rule_status *), void *arg);
const struct rule_set *rules_set(const struct rules *r);
/* The rule of a key, NULL: there is none. */
struct rule *rules_find(struct rules *r, const char *key);
const char *rule_health_name(enum rule_health health);

#endif
