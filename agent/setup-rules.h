/*
 * setup-rules.h - all that is judged, as one rule set: rule files, short forms, the plugins'
 * default alerts, and what the agent says of itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SETUP_RULES_H
#define AGENT_SETUP_RULES_H

#include "agent/rules/rule.h"
#include "config/config.h"
#include "lib/buf.h"

/* 0, or -EINVAL with a line for each mistake. */
int setup_rules(struct rule_set *out, const struct config *c, struct buf *errors);

#endif
