/*
 * query.h - PromQL on the store, for the API and for rules: limits and errors in one place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_QUERY_H
#define AGENT_QUERY_H

#include "agent/promql/promql.h"
#include "agent/store/store.h"
#include "lib/clock.h"

/* Parses and evaluates. step_ms 0: one instant. The result is the caller's to clear, also on an
 * error. */
int query_run(struct store *store, const char *text, int64_t start_ms, int64_t end_ms,
    int64_t step_ms, mono_t deadline, struct promql_result *out, struct promql_error *err);

#endif
