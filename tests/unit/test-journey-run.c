/*
 * test-journey-run.c - the way of a run with a host made of paper: what is on disk when an order is
 * sent, and what the next process does with it.
 *
 * The shop of this test places an order at POST /pay, tells its code, and takes it back at POST
 * /cancel/CODE. The process may die at any callback: then only what was committed is left.
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

#include "plugins/checkout/journey.h"

const struct tw_api *tw_api_;

#define KEYS 16

struct kept { char key[40], data[2048]; size_t len; };

static struct {
	struct kept now[KEYS], disk[KEYS];
	int64_t slot_ms, left_us;
	int orders, open;          /* of the shop */
	bool cancel_fails;
	int requests, commits, die_after; /* die_after: callbacks left, -1 never */
	tw_http_fn *http;
	tw_timer_fn *timer;
	bool commits_now;
	char url[256], cause[32], reason[256], given_up[64];
} w;

/* ---- the host ---- */

static struct kept *
slot_of(const char *key)
{
	struct kept *free_one = NULL;

	for (int i = 0; i < KEYS; i++) {
		if (strcmp(w.now[i].key, key) == 0)
			return &w.now[i];
		if (w.now[i].key[0] == '\0' && free_one == NULL)
			free_one = &w.now[i];
	}
	return free_one;
}

static const void *
state_get(struct tw_ctx *ctx, const char *key, size_t *len)
{
	struct kept *k = slot_of(key);

	(void)ctx;
	*len = k != NULL ? k->len : 0;
	return k != NULL && k->key[0] != '\0' ? k->data : NULL;
}

static int
state_put(struct tw_ctx *ctx, const char *key, const void *data, size_t len)
{
	struct kept *k = slot_of(key);

	(void)ctx;
	if (k == NULL || len > sizeof(k->data))
		return -1;
	memset(k, 0, sizeof(*k));
	if (data == NULL)
		return 0;
	snprintf(k->key, sizeof(k->key), "%s", key);
	memcpy(k->data, data, len);
	k->len = len;
	return 0;
}

static enum tw_verdict
http(struct tw_ctx *ctx, const struct tw_request *r)
{
	(void)ctx;
	snprintf(w.url, sizeof(w.url), "%s", r->url);
	w.http = r->done;
	w.requests++;
	return TW_PENDING;
}

static enum tw_verdict
commit(struct tw_ctx *ctx, tw_timer_fn *done, void *arg)
{
	(void)ctx, (void)arg;
	w.timer = done;
	w.commits_now = true;
	return TW_PENDING;
}

static enum tw_verdict
after(struct tw_ctx *ctx, int64_t us, tw_timer_fn *done, void *arg)
{
	(void)ctx, (void)us, (void)arg;
	w.timer = done;
	return TW_PENDING;
}

static enum tw_verdict __attribute__((format(printf, 4, 5)))
fails(struct tw_ctx *ctx, enum tw_verdict v, const char *cause, const char *fmt, ...)
{
	va_list ap;

	(void)ctx;
	va_start(ap, fmt);
	vsnprintf(w.reason, sizeof(w.reason), fmt, ap);
	va_end(ap);
	snprintf(w.cause, sizeof(w.cause), "%s", cause);
	return v;
}

static enum tw_verdict __attribute__((format(printf, 3, 4)))
refuse(struct tw_ctx *ctx, const char *path, const char *fmt, ...)
{
	(void)ctx;
	fail_msg("refused: %s (%s)", path, fmt);
	return TW_UNKNOWN;
}

static void
count(struct tw_ctx *ctx, uint32_t m, double d, const char *const *labels)
{
	(void)ctx;
	if (m == M_TEARDOWN_FAILED && d > 0)
		snprintf(w.given_up, sizeof(w.given_up), "%s", labels[1]);
}

static void
emit(struct tw_ctx *ctx, uint32_t m, double v, const char *const *labels)
{
	(void)ctx, (void)m, (void)v, (void)labels;
}

static void
fact_text(struct tw_ctx *ctx, const char *path, const char *text)
{
	(void)ctx, (void)path;
	assert_null(strstr(text, "hush-hush"));
}

static void
fact_real(struct tw_ctx *ctx, const char *path, double v)
{
	(void)ctx, (void)path, (void)v;
}

static void __attribute__((format(printf, 3, 4)))
log_text(struct tw_ctx *ctx, int level, const char *fmt, ...)
{
	(void)ctx, (void)level, (void)fmt;
}

static int64_t left_us(struct tw_ctx *ctx) { (void)ctx; return w.left_us; }
static int64_t slot_ms(struct tw_ctx *ctx) { (void)ctx; return w.slot_ms; }
static struct tw_jar *jar(struct tw_ctx *ctx) { (void)ctx; return (struct tw_jar *)(void *)&w; }
static const char *
setting(struct tw_ctx *ctx, const char *name)
{
	(void)ctx, (void)name;
	return NULL;
}

static const struct tw_api api = {.size = sizeof(api), .emit = emit, .count = count,
    .fail = fails, .fact_text = fact_text, .fact_real = fact_real, .log = log_text,
    .refuse = refuse, .state_get = state_get, .state_put = state_put, .left_us = left_us,
    .slot_ms = slot_ms, .http = http, .after = after, .jar = jar, .setting = setting,
    .commit = commit};

/* ---- the shop ---- */

static enum tw_verdict
answer(struct checkout *c)
{
	tw_http_fn *done = w.http;
	struct tw_hop hop = {.size = sizeof(hop), .url = w.url, .address = "127.0.0.1",
	    .status = 200};
	struct tw_answer a = {.size = sizeof(a), .hops = &hop, .n_hops = 1,
	    .hop_size = sizeof(hop), .status = 200, .body = "{}", .body_len = 2};

	w.http = NULL;
	if (strstr(w.url, "/pay") != NULL) {
		w.orders++;
		w.open++;
		a.body = "{\"code\":\"T1\"}";
		a.body_len = strlen(a.body);
	} else if (strstr(w.url, "/cancel/T1") != NULL && w.cancel_fails) {
		a.status = hop.status = 500;
	} else if (strstr(w.url, "/cancel/T1") != NULL) {
		w.open = 0;
	}
	return done(NULL, c, &a);
}

/* Runs until a verdict, or until the process dies. */
static enum tw_verdict
run(struct checkout *c)
{
	enum tw_verdict v = checkout_journey.probe(NULL, c);

	while (v == TW_PENDING) {
		tw_timer_fn *timer = w.timer;

		if (w.commits_now) {
			memcpy(w.disk, w.now, sizeof(w.disk));
			w.commits++;
		}
		w.commits_now = false;
		if (w.die_after >= 0 && w.die_after-- == 0)
			return TW_PENDING;
		w.timer = NULL;
		v = w.http != NULL ? answer(c) : timer(NULL, c, NULL);
	}
	memcpy(w.disk, w.now, sizeof(w.disk)); /* the result commits */
	return v;
}

/* ---- the journey ---- */

static struct tw_pair secrets[] = {{"card", "hush-hush"}};
static struct capture_options code = {.name = "code", .json = "/code"};
static struct step_options steps[2], teardown[1];

static void
configure(struct checkout *c, int64_t max)
{
	memset(c, 0, sizeof(*c));
	memset(steps, 0, sizeof(steps));
	memset(teardown, 0, sizeof(teardown));
	steps[0].name = "view_item";
	steps[0].request.url = "http://x/item";
	steps[1].name = "purchase";
	steps[1].request.url = "http://x/pay";
	steps[1].request.json = "{\"card\":\"${card}\"}";
	steps[1].capture = (struct tw_list){1, sizeof(code), &code};
	teardown[0].name = "cancel";
	teardown[0].request.url = "http://x/cancel/${code}";
	c->journey_options = (struct journey_options){.max_orders_per_day = max,
	    .secrets = {1, sizeof(secrets[0]), secrets},
	    .steps = {2, sizeof(steps[0]), steps},
	    .teardown = {1, sizeof(teardown[0]), teardown},
	    .teardown_timeout = 2000000};
	assert_int_equal(checkout_journey.start(NULL, c), TW_OK);
}

static enum tw_verdict
run_new(int64_t max, int die_after)
{
	struct checkout c;
	enum tw_verdict v;

	w.http = NULL;
	w.timer = NULL;
	w.die_after = die_after;
	w.left_us = 10000000;
	w.slot_ms += 60000;
	memcpy(w.now, w.disk, sizeof(w.now));
	configure(&c, max);
	v = run(&c);
	checkout_journey.stop(NULL, &c);
	for (int i = 0; i < KEYS; i++)
		assert_null(memmem(w.disk[i].data, w.disk[i].len, "hush-hush", 9));
	return v;
}

static void
fresh(void)
{
	memset(&w, 0, sizeof(w));
	w.slot_ms = 1795478400000;
	tw_api_ = &api;
}

static void
no_death_leaves_an_order(void **state)
{
	int n = 0;

	(void)state;
	for (int at = 0; at < 12; at++) {
		int orders;

		fresh();
		if (run_new(5, at) != TW_PENDING)
			break;
		/* A code that died with the process, before it was on disk, nobody knows. */
		orders = w.orders;
		if (orders > 0 && w.commits < 2)
			continue;
		n += orders > 0;
		w.die_after = -1;
		(void)run_new(5, -1);
		assert_int_equal(w.open, 0);
		assert_true(w.orders <= orders + 1);
	}
	assert_true(n > 0);
}

static void
the_cap_outlives_the_process(void **state)
{
	(void)state;
	fresh();
	for (int i = 0; i < 6; i++)
		(void)run_new(2, i == 0 ? 4 : -1);
	assert_int_equal(w.orders, 2);
	assert_int_equal(w.open, 0);
	w.slot_ms += 86400000;
	assert_int_equal(run_new(2, -1), TW_OK);
	assert_int_equal(w.orders, 3);
}

static void
what_fails_is_tried_again_for_a_day(void **state)
{
	(void)state;
	fresh();
	w.cancel_fails = true;
	assert_int_equal(run_new(1, -1), TW_OK);
	assert_int_equal(w.open, 1);
	assert_string_equal(w.given_up, "cancel");
	w.cancel_fails = false;
	assert_int_equal(run_new(1, -1), TW_OK);
	assert_int_equal(w.open, 0);
	fresh();
	w.cancel_fails = true;
	(void)run_new(1, -1);
	w.slot_ms += 25 * 3600000LL;
	(void)run_new(0, -1);
	assert_string_equal(w.given_up, "given_up");
	assert_int_equal(owed_number(NULL), 0);
}

static void
it_never_orders_unasked(void **state)
{
	(void)state;
	fresh();
	assert_int_equal(run_new(0, -1), TW_OK);
	assert_int_equal(w.orders, 0);
	assert_int_equal(w.commits, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_death_leaves_an_order),
	    cmocka_unit_test(the_cap_outlives_the_process),
	    cmocka_unit_test(what_fails_is_tried_again_for_a_day),
	    cmocka_unit_test(it_never_orders_unasked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
