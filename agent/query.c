/*
 * query.c - see query.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/query.h"

#include <string.h>

static bool
is_over(void *deadline)
{
	return mono_sub_us(mono_now(), *(mono_t *)deadline) > 0;
}

int
query_run(struct store *store, const char *text, int64_t start_ms, int64_t end_ms, int64_t step_ms,
    mono_t deadline, struct promql_result *out, struct promql_error *err)
{
	struct promql_opts opts = {.cancelled = is_over, .cancel_arg = &deadline};
	struct querier q = store_querier(store);
	struct promql_expr *e;
	int rc;

	*out = (struct promql_result){0};
	if ((rc = promql_parse(&e, text, strlen(text), err)) != 0)
		return rc;
	rc = promql_eval(&opts, &q, e, start_ms, end_ms, step_ms, out, err);
	promql_free(e);
	return rc;
}
