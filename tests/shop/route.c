/*
 * route.c - the one table of addresses: method, path, step, thinking time, handler. First match
 * wins. Runs in the thread of a connection.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <fnmatch.h>
#include <string.h>

#include "tests/shop/shop.h"

static void route_hook(struct request *r, struct answer *a)
{
	unsigned status = hook_receive(r, 0);

	if (status == 204)
		answer_text(a, 204, "text/plain", "%s", "");
	else
		answer_error(a, status, "bad_signature");
}

static const struct route {
	const char *method; /* NULL: any */
	const char *path;   /* shell pattern */
	enum step step;
	void (*answer)(struct request *r, struct answer *a);
} routes[] = {
	{"GET", "/", STEP_HOME, page_home},
	{"GET", "/p/", STEP_LIST, page_list},
	{"GET", "/p/*", STEP_PRODUCT, page_product},
	{"GET", "/search", STEP_SEARCH, page_search},
	{"GET", "/checkout", STEP_CHECKOUT, page_checkout},
	{"GET", "/api/cart", STEP_CART, cart_show},
	{"POST", "/api/cart", STEP_CART, cart_add},
	{"POST", "/api/checkout/address", STEP_CHECKOUT, cart_address},
	{"POST", "/api/checkout/shipping", STEP_CHECKOUT, cart_shipping},
	{"POST", "/api/payment", STEP_PAYMENT, cart_pay},
	{"GET", "/api/orders/*", STEP_ORDER, order_show},
	{"DELETE", "/api/orders/*", STEP_ORDER, order_cancel},
	{"POST", "/cancel/*", STEP_ORDER, order_cancel},
	{"DELETE", "/cancel/*", STEP_ORDER, order_cancel},
	{"GET", "/api/stock", STEP_STOCK, stock_pages},
	{"PUT", "/api/stock/*", STEP_STOCK, stock_put},
	{"POST", "/shop-api", STEP_GRAPHQL, graphql_answer},
	{"GET", "/feeds/stock.csv", STEP_FEED, stock_feed},
	{"GET", "/health", STEP_HEALTH, page_health},
	{"POST", "/hook", STEP_HOOK, route_hook},
	{"POST", "/hook/*", STEP_HOOK, route_hook},
	{NULL, "/echo", STEP_ECHO, page_echo},
	{"POST", "/control/fault", STEP_CONTROL, control_fault},
	{"POST", "/control/heal", STEP_CONTROL, control_heal},
	{"GET", "/control/state", STEP_CONTROL, control_state},
	{"GET", "/control/webhooks", STEP_CONTROL, control_webhooks},
};
#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

/* Milliseconds a step takes on a good day; the rest answers at once. */
static const double think_ms[STEP_MAX] = {
	[STEP_HOME] = 2,
	[STEP_LIST] = 8,
	[STEP_PRODUCT] = 12,
	[STEP_SEARCH] = 18,
	[STEP_CART] = 10,
	[STEP_CHECKOUT] = 15,
	[STEP_PAYMENT] = 60,
	[STEP_ORDER] = 8,
	[STEP_STOCK] = 10,
	[STEP_GRAPHQL] = 14,
	[STEP_FEED] = 5,
};

static const struct route *route_find(const char *method, const char *path, bool *is_known)
{
	bool is_head = strcmp(method, "HEAD") == 0;

	*is_known = false;
	for (const struct route *t = routes; t < routes + N_ROUTES; t++) {
		if (fnmatch(t->path, path, 0) != 0)
			continue;
		*is_known = true;
		if (!t->method || strcmp(t->method, is_head ? "GET" : method) == 0)
			return t;
	}
	return NULL;
}

enum step route_step(const char *method, const char *path)
{
	bool is_known;
	const struct route *t = route_find(method, path, &is_known);

	return t ? t->step : STEP_OTHER;
}

void route_answer(struct request *r, struct answer *a)
{
	bool is_known;
	const struct route *t = route_find(r->method, r->path, &is_known);

	if (t)
		t->answer(r, a);
	else
		answer_error(
			a, is_known ? 405 : 404, is_known ? "method_not_allowed" : "not_found");
}

int64_t route_think_us(struct shop *s, enum step step)
{
	uint64_t nth = atomic_fetch_add(&s->requests[step], 1);
	double unit = shop_unit(shop_hash(s->opt.seed, 100 + (uint64_t)step, nth));

	return (int64_t)(think_ms[step] * 1000 * s->opt.pace * (0.7 + 0.6 * unit));
}
