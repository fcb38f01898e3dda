/*
 * test-quota.c - what answers say of an API's quota, in every dialect, and when it will be gone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>

#include "plugins/common/quota.h"

const struct tw_api *tw_api_;

#define NOW_MS INT64_C(1795000000000)

struct answer_case {
	const char *headers[6]; /* name, value, ... */
	const char *body;
	const char *name;       /* NULL: no quota is told */
	double limit, remaining, reset_s;
};

static const struct answer_case cases[] = {
    {.body = "{\"data\":{},\"extensions\":{\"cost\":{\"requestedQueryCost\":12,\"throttleStatus\":{"
	     "\"maximumAvailable\":2000.0,\"currentlyAvailable\":1500,\"restoreRate\":100.0}}}}",
	.name = "graphql", .limit = 2000, .remaining = 1500, .reset_s = 5},
    {.body = "{\"extensions\":{\"cost\":{\"throttleStatus\":{\"maximumAvailable\":0,"
	     "\"currentlyAvailable\":0}}}}"},
    {.body = "{\"extensions\":{\"cost\":{\"throttleStatus\":[1,2]}}}"},
    {.body = "{\"extensions\":{\"cost\":{\"throttleStatus\":{\"maximumAvailable\":\"many\","
	     "\"currentlyAvailable\":1}}}}"},
    {.headers = {"X-Shopify-Shop-Api-Call-Limit", "32/40"}, .name = "shopify", .limit = 40,
	.remaining = 8, .reset_s = NAN},
    {.headers = {"x-shopify-shop-api-call-limit", "41/40"}, .name = "shopify", .limit = 40,
	.remaining = 0, .reset_s = NAN},
    {.headers = {"X-Shopify-Shop-Api-Call-Limit", "-1/40"}},
    {.headers = {"X-Shopify-Shop-Api-Call-Limit", "1/0"}},
    {.headers = {"X-Shopify-Shop-Api-Call-Limit", "1/40/2"}},
    {.headers = {"RateLimit-Policy", "\"burst\";q=100;w=60,\"daily\";q=1000;w=86400", "RateLimit",
	 "\"daily\";r=50;t=30"},
	.name = "daily", .limit = 1000, .remaining = 50, .reset_s = 30},
    {.headers = {"RateLimit-Policy", "default;pk=:cHsdsRa894==:;q=10", "RateLimit",
	 " default ; pk=:cHsdsRa894==: ; r=3"},
	.name = "default", .limit = 10, .remaining = 3, .reset_s = NAN},
    {.headers = {"RateLimit", "\"default\";r=50;t=30"}},
    {.headers = {"RateLimit-Policy", "\"a\";q=5", "RateLimit", "\"b\";r=5"}},
    {.headers = {"RateLimit-Policy", "\"a\";q=5", "RateLimit", "\"a;r=5"}},
    {.headers = {"RateLimit", "limit=100, remaining=50, reset=5"}, .name = "ratelimit",
	.limit = 100, .remaining = 50, .reset_s = 5},
    {.headers = {"RateLimit", "limit=100, remaining=, reset=5"}},
    {.headers = {"RateLimit-Limit", "100, 100;w=10", "RateLimit-Remaining", "7"},
	.name = "ratelimit", .limit = 100, .remaining = 7, .reset_s = NAN},
    {.headers = {"X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4987", "X-RateLimit-Reset",
	 "1795000600"},
	.name = "ratelimit", .limit = 5000, .remaining = 4987, .reset_s = 600},
    {.headers = {"X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4987", "X-RateLimit-Reset",
	 "1795000600000"},
	.name = "ratelimit", .limit = 5000, .remaining = 4987, .reset_s = 600},
    {.headers = {"X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4987", "X-RateLimit-Reset",
	 "1794999000"},
	.name = "ratelimit", .limit = 5000, .remaining = 4987, .reset_s = NAN},
    {.headers = {"X-Rate-Limit-Limit", "60", "X-Rate-Limit-Remaining", "61"}, .name = "ratelimit",
	.limit = 60, .remaining = 60, .reset_s = NAN},
    {.headers = {"X-RateLimit-Limit", "1e3", "X-RateLimit-Remaining", "4"}},
    {.headers = {"X-RateLimit-Limit", "nan", "X-RateLimit-Remaining", "4"}},
    {.headers = {"X-RateLimit-Limit", "99999999999999999999999999", "X-RateLimit-Remaining", "4"}},
    {.headers = {"X-RateLimit-Remaining", "4"}},
    {.headers = {"Server", "nginx"}},
};

static size_t
read_case(const struct answer_case *c, struct quota q[QUOTAS_MAX])
{
	struct tw_header headers[3];
	struct tw_hop hop = {.size = sizeof(hop), .url = "http://a/", .headers = headers};
	struct tw_answer a = {
	    .size = sizeof(a), .hops = &hop, .n_hops = 1, .hop_size = sizeof(hop), .status = 200};
	json_t *root = c->body != NULL ? json_loads(c->body, 0, NULL) : NULL;
	size_t n;

	for (; hop.n_headers < 3 && c->headers[2 * hop.n_headers] != NULL; hop.n_headers++)
		headers[hop.n_headers] = (struct tw_header){
		    c->headers[2 * hop.n_headers], c->headers[2 * hop.n_headers + 1]};
	assert_true(c->body == NULL || root != NULL);
	n = quota_read(&a, root, NOW_MS, q);
	json_decref(root);
	return n;
}

static void
every_dialect_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct answer_case *c = &cases[i];
		struct quota q[QUOTAS_MAX];
		size_t n = read_case(c, q);

		if (n != (c->name != NULL))
			fail_msg("case %zu: %zu quotas", i, n);
		if (n == 0)
			continue;
		assert_string_equal(q->name, c->name);
		if (q->limit != c->limit || q->remaining != c->remaining
		    || isnan(q->reset_s) != isnan(c->reset_s)
		    || (!isnan(q->reset_s) && q->reset_s != c->reset_s))
			fail_msg("case %zu: %g of %g, reset %g", i, q->remaining, q->limit,
			    q->reset_s);
	}
}

/* A body's quota and a header's are two. */
static void
both_are_told(void **state)
{
	static const struct answer_case both = {
	    .headers = {"X-Shopify-Shop-Api-Call-Limit", "1/40"},
	    .body = "{\"extensions\":{\"cost\":{\"throttleStatus\":{\"maximumAvailable\":10,"
		    "\"currentlyAvailable\":1}}}}"};
	struct quota q[QUOTAS_MAX];

	(void)state;
	assert_int_equal(read_case(&both, q), 2);
	assert_string_equal(q[0].name, "graphql");
	assert_string_equal(q[1].name, "shopify");
}

static void
read_at(struct quota_trend *t, int64_t s, double remaining)
{
	struct quota q = {.limit = 1000, .remaining = remaining};

	quota_trend_add(t, s * 1000, &q);
}

/* 1000, 990, ... 10 a minute: what is left after five minutes lasts 95 minutes. */
static void
the_end_is_foreseen(void **state)
{
	struct quota_trend t = {.n = 0};

	(void)state;
	assert_true(isnan(quota_exhausted_s(&t)));
	read_at(&t, 0, 1000);
	assert_true(isnan(quota_exhausted_s(&t)));
	read_at(&t, 30, 995);
	assert_true(isnan(quota_exhausted_s(&t)));
	for (int minute = 1; minute <= 5; minute++)
		read_at(&t, minute * 60, 1000 - 10 * minute);
	assert_float_equal(quota_exhausted_s(&t), 95 * 60, 1e-6);
	/* A small rise is noise, a large one a new window. */
	read_at(&t, 360, 1000);
	assert_true(isinf(quota_exhausted_s(&t)));
	read_at(&t, 420, 500);
	read_at(&t, 480, 900);
	assert_true(isnan(quota_exhausted_s(&t)));
	read_at(&t, 540, 840);
	assert_float_equal(quota_exhausted_s(&t), 840, 1e-6);
	/* The clock went back: it begins anew. */
	read_at(&t, 500, 840);
	assert_true(isnan(quota_exhausted_s(&t)));
	for (int i = 0; i < 100; i++)
		read_at(&t, 1000 + i * 60, 840 - i);
	assert_true(t.n == QUOTA_TREND);
	assert_float_equal(quota_exhausted_s(&t), (840 - 99) * 60, 1e-6);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_dialect_is_read),
	    cmocka_unit_test(both_are_told),
	    cmocka_unit_test(the_end_is_foreseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
