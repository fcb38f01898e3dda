/*
 * rule.h - rules as data: what is evaluated, how often, and what becomes of the result.
 *
 *   rule files (rulefile.h) -.
 *   short forms (short.h) ----+--> struct rule_set --> evaluation (eval.h) --> agent/alert,
 *   plugins' defaults -------'                                                recorded series
 *
 * A rule set is built once and not changed afterwards, but for the health of its rules, which the
 * evaluation writes under its own lock. All texts are owned. Pure; nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_RULES_RULE_H
#define AGENT_RULES_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

#define RULES_MAX 20000           /* of a set, all groups together */
#define RULE_EXPR_MAX (32 * 1024) /* bytes */
#define RULE_PAIRS_MAX 64         /* labels or annotations of one rule */
#define RULE_INTERVAL_MS 60000    /* of a group that names none, as Prometheus */

struct rule_pair {
	char *name, *value;
};

enum rule_origin { RULE_FILE, RULE_SHORT, RULE_DEFAULT /* a plugin's */, RULE_BUILTIN };

struct rule {
	bool recording;
	char *name; /* alertname, or the metric that is recorded */
	char *expr; /* PromQL */
	char *key;  /* identity over restarts: group/name, "#2" for the second of that name */
	int64_t for_ms, keep_firing_ms;
	struct rule_pair *labels, *annotations; /* values are templates (lib/template.h) */
	size_t n_labels, n_annotations;
	enum rule_origin origin;
	bool about_agent;    /* judged also while the agent is blind (AgentBlind itself) */
	int64_t hold_ms;     /* after a start or a blindness: how long no data proves nothing */
	int64_t interval_ms; /* the group's; set when the evaluation takes the set over */
	void *compiled;      /* the evaluator's; freed by free_compiled */
	void (*free_compiled)(void *);
};

struct rule_group {
	char *name, *file; /* file: "" for what no file gave */
	char *probe; /* its rules watch this probe: a bad run asks for an evaluation. NULL = none */
	int64_t interval_ms, query_offset_ms;
	int64_t limit; /* most series a rule may give; 0 = no limit */
	struct rule *rules;
	size_t n, cap;
};

struct rule_set {
	struct rule_group *groups;
	size_t n, cap, n_rules;
};

void rule_set_clear(struct rule_set *s); /* s is empty afterwards */
/* A new group at the end; name and file are copied. NULL: out of memory. The pointer lives until
 * the next call. */
struct rule_group *rule_group_add(struct rule_set *s, const char *name, const char *file);
/* A new rule at the end of the last group, its key made. NULL: out of memory, or RULES_MAX. */
struct rule *rule_add(struct rule_set *s, const char *name, const char *expr);
/* Copied. 0, -ENOMEM, -EEXIST (name twice), -E2BIG. */
int rule_label(struct rule *r, const char *name, const char *value);
int rule_annotation(struct rule *r, const char *name, const char *value);
const char *rule_get_label(const struct rule *r, const char *name); /* NULL: absent */
/* Moves all groups of `from` to the end of `to`. 0 or -ENOMEM, -E2BIG. */
int rule_set_move(struct rule_set *to, struct rule_set *from);

/* Prometheus' durations: 1h30m, 90s, 500ms, 2d, 1w, 0. 0 or -EINVAL. */
int rule_duration_parse(const char *text, int64_t *ms);
void rule_duration_write(struct buf *out, int64_t ms);

/* The set as a Prometheus rule file (what no rule file can say stands in comments). */
void rule_set_write(struct buf *out, const struct rule_set *s);

const char *rule_origin_name(enum rule_origin origin);

#endif
