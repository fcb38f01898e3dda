/*
 * fuzz-promql.c - any text as a query: parsed, and evaluated at an instant and over a range on a
 * small storage in memory that holds every kind of sample. The limits are those of a query that
 * came over the API, made smaller in proportion to the storage, so that an answer out of all
 * proportion is seen as time or memory.
 *
 * What comes back must hold together: the type that the expression has, stamps that ascend and lie
 * in the range, no label set twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/promql/promql.h"
#include "lib/clock.h"
#include "tests/promqltest/points.h"

#define SAMPLES_MAX 200000
#define DEADLINE_US 500000
#define STEP_MS INT64_C(15000)
#define END_MS (40 * STEP_MS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const lines[] = {
    "up{probe=\"a\",shop=\"s\"} 1x20 _ stale 0 1x18",
    "up{probe=\"b\",shop=\"s\"} 0+1x40",
    "storefront_requests_total{probe=\"a\",code=\"200\"} 0+3x20 0+3x20",
    "storefront_requests_total{probe=\"a\",code=\"500\"} 0+1x40",
    "storefront_requests_total{probe=\"b\",code=\"200\"} _x20 7+2x20",
    "odd{probe=\"a\"} NaN +Inf -Inf 1e308 -1e308 5e-324 0 -0 stale 9007199254740993",
    "latency_bucket{le=\"0.1\"} 0+1x40",
    "latency_bucket{le=\"1\"} 0+2x40",
    "latency_bucket{le=\"+Inf\"} 0+3x40",
    "phase_seconds{probe=\"a\"} {{schema:0 sum:5 count:4 buckets:[1 2 1]}}+{{schema:0 sum:1 "
    "count:1 buckets:[0 1]}}x20 stale",
    "phase_seconds{probe=\"b\"} {{schema:3 sum:-5 count:7 z_bucket:2 z_bucket_w:0.001 "
    "buckets:[1 1] n_buckets:[2 1]}}x40",
    "phase_seconds{probe=\"c\"} 1x10 {{schema:-53 sum:1 count:3 custom_values:[1 5 10] "
    "buckets:[1 1 1]}}x20",
};

static struct memory memory;

static void
fill(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *text = lines[i];
		struct points p = {0};
		struct labels *l;

		if (points_series(&text, &l) != 0 || points_values(&text, &p) != 0)
			abort();
		for (size_t k = 0; k < p.n; k++)
			if (p.at[k].there
			    && memory_add(
				   &memory, l, (int64_t)k * STEP_MS, p.at[k].v, p.at[k].h)
				   != 0)
				abort();
		points_clear(&p);
		labels_unref(l);
	}
}

static bool
is_over(void *deadline)
{
	return mono_sub_us(mono_now(), *(mono_t *)deadline) > 0;
}

static void
check_set(const struct series_set *set, int64_t start, int64_t end)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct series *s = &set->at[i];

		if (s->labels == NULL)
			abort();
		for (size_t k = 0; k < s->n; k++)
			if (s->t_ms[k] < start || s->t_ms[k] > end
			    || (k > 0 && s->t_ms[k] <= s->t_ms[k - 1]))
				abort();
		for (size_t k = 0; k < i; k++)
			if (labels_equal(s->labels, set->at[k].labels))
				abort();
	}
}

static void
evaluate(const struct promql_expr *e, int64_t start, int64_t end, int64_t step)
{
	mono_t deadline = mono_add_us(mono_now(), DEADLINE_US);
	struct promql_opts opts = {
	    .max_samples = SAMPLES_MAX, .cancelled = is_over, .cancel_arg = &deadline};
	struct querier q = memory_querier(&memory);
	struct promql_result r = {0};
	struct promql_error err = {0};
	int rc = promql_eval(&opts, &q, e, start, end, step, &r, &err);

	if (rc > 0 || (rc < 0 && err.text[0] == '\0'))
		abort();
	if (rc == 0 && step == 0 && r.type != promql_type(e))
		abort();
	/* A matrix asked for at an instant reaches back from it by its range and its offset. */
	if (rc == 0 && (step != 0 || r.type == PROMQL_VECTOR))
		check_set(&r.set, start, end);
	promql_result_clear(&r);
}

static void
one_selector(void *arg, const char *name, const struct matcher *m, size_t n)
{
	size_t *seen = arg;

	*seen += strlen(name);
	for (size_t i = 0; i < n; i++)
		*seen += strlen(m[i].name) + matcher_ok(&m[i], "a");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct promql_error err = {0};
	struct promql_expr *e;
	size_t seen = 0;
	int rc;

	if (memory.set.n == 0)
		fill();
	if ((rc = promql_parse(&e, (const char *)data, size, &err)) != 0) {
		if (err.text[0] == '\0' || rc > 0)
			abort();
		return 0;
	}
	promql_selectors(e, one_selector, &seen);
	evaluate(e, END_MS, END_MS, 0);
	if (promql_type(e) == PROMQL_SCALAR || promql_type(e) == PROMQL_VECTOR)
		evaluate(e, 0, END_MS, STEP_MS * 2);
	promql_free(e);
	return 0;
}
