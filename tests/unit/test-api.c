/*
 * test-api.c - the api plugin's parts: patterns, routes, slots of event time, the error budget. A
 * tw_api of the test's own keeps what they say.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/api/api.h"
#include "plugins/common/glob.h"

#define T0 INT64_C(1795000020000) /* on a slot of 30 s */

/* ---- a host that remembers ---- */

struct blob { char key[32]; char *data; size_t len; };
struct tw_ctx {
	struct blob blobs[64];
	size_t n_blobs;
	double requests, late, observed; /* totals */
	char label[64];
	int64_t published_ms;
	int n_published;
	double published;               /* requests as of the last publish */
	double gauges[16];
	char cause[32];
};

static void
keep_count(struct tw_ctx *c, uint32_t metric, double n, const char *const *labels)
{
	if (metric == LATE)
		c->late += n;
	if (metric != REQUESTS)
		return;
	c->requests += n;
	snprintf(c->label, sizeof(c->label), "%s/%s", labels[1], labels[3]);
}

static void
keep_hist(struct tw_ctx *c, uint32_t metric, const struct tw_histogram *h,
    const char *const *labels)
{
	uint64_t n = h->zero_count;

	(void)labels;
	assert_int_equal(metric, DURATION);
	for (uint32_t i = 0; i < h->n_buckets; i++)
		n += h->buckets[i].count;
	assert_int_equal(n, h->count);
	c->observed += (double)h->count;
}

static void
keep_publish(struct tw_ctx *c, int64_t t_ms)
{
	assert_true(t_ms > c->published_ms); /* never back, never twice */
	c->published_ms = t_ms;
	c->n_published++;
	c->published = c->requests;
}

static void
keep_gauge(struct tw_ctx *c, uint32_t metric, double v, const char *const *labels)
{
	if (metric == SLO_ALARM)
		c->gauges[labels[1][0] == 'p' ? 0 : 1] = v;
	if (metric == SLO_LEFT)
		c->gauges[2] = v;
	if (metric == SLO_BURN && strcmp(labels[1], "1h") == 0)
		c->gauges[3] = v;
}

static struct blob *
blob(struct tw_ctx *c, const char *key)
{
	for (size_t i = 0; i < c->n_blobs; i++)
		if (strcmp(c->blobs[i].key, key) == 0)
			return &c->blobs[i];
	return NULL;
}

static int
put(struct tw_ctx *c, const char *key, const void *data, size_t len)
{
	struct blob *b = blob(c, key);

	if (b == NULL) {
		b = &c->blobs[c->n_blobs++];
		snprintf(b->key, sizeof(b->key), "%s", key);
	}
	free(b->data);
	b->data = NULL;
	b->len = len;
	if (data != NULL) {
		b->data = malloc(len + 1);
		memcpy(b->data, data, len);
	}
	assert_true(c->n_blobs < 64 && len <= 65536);
	return 0;
}

static const void *
get(struct tw_ctx *c, const char *key, size_t *len)
{
	struct blob *b = blob(c, key);

	*len = b != NULL ? b->len : 0;
	return b != NULL ? b->data : NULL;
}

static enum tw_verdict
keep_fail(struct tw_ctx *c, enum tw_verdict v, const char *cause, const char *fmt, ...)
{
	(void)fmt;
	snprintf(c->cause, sizeof(c->cause), "%s", cause);
	return v;
}

static const struct tw_api fake = {.size = sizeof(fake), .emit = keep_gauge, .count = keep_count,
    .observe_all = keep_hist, .publish = keep_publish, .state_get = get, .state_put = put,
    .fail = keep_fail};
const struct tw_api *tw_api_ = &fake;

static void
forget(struct tw_ctx *c)
{
	for (size_t i = 0; i < c->n_blobs; i++)
		free(c->blobs[i].data);
}

/* ---- an api probe ---- */

static struct route routes[] = {{"cart", "/api/cart/**", NULL}, {"post", "/api/*/save", "POST"},
    {"search", "/api/search", NULL}};

static void
make(struct api *s)
{
	memset(s, 0, sizeof(*s));
	s->routes = (struct tw_list){3, sizeof(routes[0]), routes};
	s->n_cells = 4;
	s->step = 30000000;
	s->client_timeout = 30000000;
	s->at = (struct places){.path = 0, .method = 1, .status = 2, .duration = 3};
	memset(s->by_status + 400, OUTCOME_CLIENT_ERROR, 100);
	memset(s->by_status + 500, OUTCOME_SERVER_ERROR, 100);
	cell_prepare();
	assert_int_equal(route_prepare(s), 0);
}

static void
unmake(struct api *s)
{
	slot_free(s);
	route_free(s);
	budget_free(s->budget);
}

static struct tw_value
text(const char *s)
{
	return (struct tw_value){TW_FIELD_TEXT, (uint32_t)strlen(s), {.text = s}};
}

static void
request(struct tw_ctx *c, struct api *s, int64_t ms, const char *path, int status, unsigned flags)
{
	struct tw_value v[4] = {text(path), text("GET"),
	    {TW_FIELD_INT, 0, {.integer = status}}, {TW_FIELD_REAL, 0, {.real = 0.012}}};
	struct tw_record r = {sizeof(r), flags, ms, v};

	slot_count(c, s, &r);
}

static void
complete(struct tw_ctx *c, struct api *s, int64_t ms)
{
	s->complete_ms = ms;
	slot_close(c, s);
}

/* ---- tests ---- */

static void
patterns(void **state)
{
	static const struct { const char *pattern, *text; bool is; } t[] = {
	    {"/api/*", "/api/cart", true}, {"/api/*", "/api/cart/1", false},
	    {"/api/**", "/api/cart/1", true}, {"/api/**", "/api/", true},
	    {"/api/**", "/api", false},
	    {"/p/*/reviews", "/p/12/reviews", true}, {"/p/*/reviews", "/p/12/13/reviews", false},
	    {"**/checkout", "/de/shop/checkout", true}, {"**/checkout", "/checkout/x", false},
	    {"/a*b*c", "/aXbYc", true}, {"/a*b*c", "/abbc", true}, {"/a*b*c", "/ab/c", false},
	    {"/**/a/*/z", "/x/a/b/a/c/z", true}, {"", "", true}, {"*", "", true}, {"", "x", false},
	    {"synthetic+*@shop.example", "synthetic+x1@shop.example", true}};
	char deep[2001];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (glob_match(t[i].pattern, t[i].text, strlen(t[i].text)) != t[i].is)
			fail_msg("%s on %s", t[i].pattern, t[i].text);
	memset(deep, 'a', sizeof(deep)); /* a bomb for those who try every way */
	assert_false(glob_match("**a**a**a**a**a**a**a**a**b", deep, sizeof(deep)));
	assert_true(glob_match("/nul*", "/nul\0byte", 9));
}

static void
first_route_wins(void **state)
{
	struct tw_value get_ = text("GET"), post = text("POST"), v;
	struct api s;

	(void)state;
	make(&s);
	for (int again = 0; again < 2; again++) { /* the second time from the cache */
		v = text("/api/cart/save");
		assert_int_equal(route_of(&s, &post, &v), 0);
		v = text("/api/x/save");
		assert_int_equal(route_of(&s, &post, &v), 1);
		assert_int_equal(route_of(&s, &get_, &v), 3);
		v = text("/wp-login.php");
		assert_int_equal(route_of(&s, &get_, &v), 3);
	}
	assert_string_equal(route_label(&s, 3), "other");
	assert_int_equal(route_of(&s, NULL, NULL), 3);
	unmake(&s);
}

static void
requests_land_in_their_own_slot(void **state)
{
	struct tw_ctx c = {0};
	struct api s;

	(void)state;
	make(&s);
	request(&c, &s, T0 + 1000, "/api/search", 200, 0);
	request(&c, &s, T0 + 31000, "/api/search", 200, 0);
	request(&c, &s, T0 + 29999, "/api/search", 200, 0);
	complete(&c, &s, T0 + 29999);
	assert_int_equal(c.n_published, 0); /* the slot is not complete yet */
	complete(&c, &s, T0 + 30000);
	assert_int_equal(c.published_ms, T0 + 30000);
	assert_true(c.published == 2 && c.observed == 2);
	complete(&c, &s, T0 + 60000);
	assert_true(c.published == 3);
	complete(&c, &s, T0 + 150000); /* nothing happened: said, slot by slot */
	assert_int_equal(c.published_ms, T0 + 150000);
	assert_int_equal(c.n_published, 5);
	request(&c, &s, T0 + 1000, "/api/search", 200, 0); /* hours late */
	assert_true(c.late == 1);
	complete(&c, &s, T0 + 180000);
	assert_true(c.published == 4);
	unmake(&s);
	forget(&c);
}

static void
a_restart_loses_and_doubles_nothing(void **state)
{
	struct tw_ctx c = {0};
	struct api s, next;

	(void)state;
	make(&s);
	for (int i = 0; i < 100; i++)
		request(&c, &s, T0 + i * 700, i % 2 ? "/api/search" : "/x", 200, 0);
	slot_save(&c, &s);
	unmake(&s);
	make(&next);
	assert_int_equal(slot_restore(&c, &next), 0);
	request(&c, &next, T0 + 100, "/api/search", 503, 0);
	complete(&c, &next, T0 + 90000);
	assert_true(c.published == 101);
	assert_true(c.observed == 101);
	slot_save(&c, &next);
	unmake(&next);
	make(&next); /* the slots that were closed are not open again */
	assert_int_equal(slot_restore(&c, &next), 0);
	complete(&c, &next, T0 + 120000);
	assert_true(c.published == 101);
	unmake(&next);
	forget(&c);
}

static void
damaged_state_is_let_go(void **state)
{
	struct tw_ctx c = {0};
	struct api s;

	(void)state;
	make(&s);
	for (int i = 0; i < 40; i++)
		request(&c, &s, T0 + i, "/x", 200, 0);
	slot_save(&c, &s);
	unmake(&s);
	for (size_t cut = 0; cut < blob(&c, "open/0")->len; cut += 3) {
		blob(&c, "open/0")->len = blob(&c, "open/0")->len - 1;
		make(&s);
		assert_int_equal(slot_restore(&c, &s), 0);
		assert_int_equal(s.slots[0].end_ms, 0);
		unmake(&s);
	}
	forget(&c);
}

static void
outcomes(void **state)
{
	struct tw_ctx c = {0};
	struct api s;

	(void)state;
	make(&s);
	request(&c, &s, T0, "/api/search", 502, 0);
	complete(&c, &s, T0 + 30000);
	assert_string_equal(c.label, "search/server_error");
	request(&c, &s, T0 + 30000, "/api/search", 502, TW_RECORD_SYNTHETIC);
	complete(&c, &s, T0 + 60000);
	assert_string_equal(c.label, "search/ignored");
	assert_true(c.observed == 1);
	request(&c, &s, T0 + 60000, "/api/search", 499, 0); /* it left after 12 ms: its own wish */
	complete(&c, &s, T0 + 90000);
	assert_string_equal(c.label, "search/client_error");
	s.client_timeout = 10000;
	request(&c, &s, T0 + 90000, "/api/search", 499, 0); /* it left after our time */
	complete(&c, &s, T0 + 120000);
	assert_string_equal(c.label, "search/server_error");
	unmake(&s);
	forget(&c);
}

/* So many of so many in an hour, evenly, after five hours without an error: does a page fire? */
static bool
pages(unsigned bad, unsigned n)
{
	struct slo slo = {.objective = 0.999, .window = 30 * 86400000000, .min_bad = 3,
	    .confidence = 0.999};
	struct budget *b = budget_new(&slo);
	struct tw_ctx c = {0};

	for (int i = -300; i < 0; i++)
		budget_add(b, T0 + i * 60000, (n + 59) / 60, 0);
	for (unsigned i = 0; i < 60; i++)
		budget_add(b, T0 + i * 60000,
		    (n - bad) / 60 + (i < (n - bad) % 60), bad / 60 + (59 - i < bad % 60));
	(void)budget_judge(&c, b, T0 + 60 * 60000);
	budget_free(b);
	return c.gauges[0] == 1;
}

/* Golden values: at 99.9 % and 14.4 times, so many errors are needed before chance is ruled out.
 * Computed from the exact binomial: P(X >= k | n, 0.0144) < 0.001. */
static void
few_requests_do_not_page(void **state)
{
	(void)state;
	assert_false(pages(1, 60)); /* burns 16.7 times too fast, and means nothing */
	assert_false(pages(5, 60));
	assert_true(pages(6, 60));
	assert_false(pages(12, 300));
	assert_true(pages(13, 300));
	assert_false(pages(27, 1000));
	assert_true(pages(28, 1000));
	assert_false(pages(0, 0));
}

static void
budgets_survive_and_slow_failure_is_found(void **state)
{
	struct slo slo = {.objective = 0.999, .window = 30 * 86400000000, .min_bad = 3,
	    .confidence = 0.999};
	struct budget *b = budget_new(&slo), *next = budget_new(&slo);
	struct tw_ctx c = {0};
	char never[64];

	(void)state;
	for (int i = 0; i < 6 * 60; i += 30) /* two requests an hour, nearly all fail */
		budget_add(b, T0 + i * 60000, i == 0, i != 0);
	assert_int_equal(budget_judge(&c, b, T0 + 331 * 60000), TW_CRIT);
	budget_save(&c, b);
	budget_restore(&c, next);
	c.gauges[0] = 0;
	assert_int_equal(budget_judge(&c, next, T0 + 331 * 60000), TW_CRIT);
	assert_true(c.gauges[0] == 1 && c.gauges[2] < -900);
	assert_int_equal(budget_judge(&c, next, T0 + 90 * INT64_C(86400000)), TW_OK);
	budget_free(b);
	budget_free(next);
	assert_null(budget_lint(&slo, never, sizeof(never)));
	slo.objective = 0.93; /* 14.4 * 7 % is more than everything */
	assert_string_equal(budget_lint(&slo, never, sizeof(never)), "1h");
	forget(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(patterns),
	    cmocka_unit_test(first_route_wins), cmocka_unit_test(requests_land_in_their_own_slot),
	    cmocka_unit_test(a_restart_loses_and_doubles_nothing),
	    cmocka_unit_test(damaged_state_is_let_go), cmocka_unit_test(outcomes),
	    cmocka_unit_test(few_requests_do_not_page),
	    cmocka_unit_test(budgets_survive_and_slow_failure_is_found)};

	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
