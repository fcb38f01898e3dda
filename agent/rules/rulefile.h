/*
 * rulefile.h - Prometheus' rule files, read with Prometheus' strictness.
 *
 * Keys: groups: name, interval, limit, query_offset, labels, rules: record | alert, expr, for,
 * keep_firing_for, labels, annotations. Anything else, a duplicate group, a bad name or template is
 * an error with file, line and column. Blocks on files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_RULES_RULEFILE_H
#define AGENT_RULES_RULEFILE_H

#include "agent/rules/rule.h"

struct rulefile_error {
	char file[256];
	int line, column; /* from 1; 0 = nowhere */
	char text[256];
};

/* Is this PromQL? NULL in a call means that nobody asks. 0, or -EINVAL with a sentence. */
typedef int rule_parse_fn(void *ctx, const char *expr, char *err, size_t cap);

/* Adds the groups of a text or a file. On an error the set is as before (-EINVAL, -E2BIG, -ENOMEM,
 * -ENOENT). */
int rulefile_read(struct rule_set *s, const char *file, const char *text, size_t len,
    rule_parse_fn *parse, void *ctx, struct rulefile_error *err);
int rulefile_load(struct rule_set *s, const char *path, rule_parse_fn *parse, void *ctx,
    struct rulefile_error *err);
/* All files of a glob pattern, sorted; none is no error when the pattern has a wildcard. */
int rulefile_glob(struct rule_set *s, const char *pattern, rule_parse_fn *parse, void *ctx,
    struct rulefile_error *err);

#endif
