/*
 * cart.c - carts behind a session cookie, the steps of a checkout, orders and their end.
 *
 *	cart -> address -> shipping -> payment -> order placed -> cancelled
 *
 * Two rings of 4096: a new cart or order takes the place of the oldest. Codes follow from seed and
 * count. Any thread; one mutex.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include "tests/shop/cart.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CARTS 4096
#define LINES 8

struct cart {
	uint64_t id;
	struct { char sku[16]; int qty; int64_t price_cents; } lines[LINES];
	int n_lines;
	bool has_address, has_shipping;
};

struct order {
	char code[24];
	struct cart cart;
	int64_t total_cents, placed_ms;
	bool is_cancelled, is_synthetic;
};

struct carts {
	struct shop *shop;
	pthread_mutex_t lock;
	uint64_t n_carts, n_orders, n_cancelled, n_declined;
	struct cart carts[CARTS];
	struct order orders[CARTS];
};

struct carts *carts_new(struct shop *s)
{
	struct carts *c = calloc(1, sizeof(*c));

	if (c) {
		c->shop = s;
		pthread_mutex_init(&c->lock, NULL);
	}
	return c;
}

void carts_free(struct carts *c)
{
	if (c)
		pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Lock held. The session's cart; NULL: none, or `makes` it and sets the cookie. */
static struct cart *cart_of(struct carts *c, struct request *r, struct answer *a, bool makes)
{
	uint64_t id = r->session ? strtoull(r->session, NULL, 16) : 0;
	struct cart *cart = &c->carts[id % CARTS];
	uint64_t n;

	if (id && cart->id == id)
		return cart;
	if (!makes)
		return NULL;
	n = c->n_carts++;
	id = (shop_hash(c->shop->opt.seed, 4, n) & ~(uint64_t)(CARTS - 1)) | (n % CARTS);
	cart = &c->carts[n % CARTS];
	memset(cart, 0, sizeof(*cart));
	cart->id = id ? id : CARTS;
	answer_header(a, "Set-Cookie", "session=%016llx; Path=/; HttpOnly; SameSite=Lax",
		(unsigned long long)cart->id);
	return cart;
}

static int64_t cart_total(const struct cart *cart)
{
	int64_t sum = 0;

	for (int i = 0; i < cart->n_lines; i++)
		sum += cart->lines[i].qty * cart->lines[i].price_cents;
	return sum;
}

static json_t *cart_json(const struct cart *cart)
{
	json_t *lines = json_array();

	for (int i = 0; cart && i < cart->n_lines; i++)
		json_array_append_new(lines,
			json_pack("{s:s, s:i, s:I}", "sku", cart->lines[i].sku, "qty",
				cart->lines[i].qty, "price",
				(json_int_t)cart->lines[i].price_cents));
	return json_pack("{s:o, s:I, s:s}", "lines", lines, "total",
		(json_int_t)(cart ? cart_total(cart) : 0), "currency", "EUR");
}

/* ---- the steps, for REST and GraphQL alike: NULL or the code of an error ---- */

const char *cart_do_add(struct request *r, struct answer *a, const char *name, int qty)
{
	struct carts *c = r->shop->carts;
	const char *error = NULL;
	struct product p;
	struct cart *cart;
	int i = 0;

	if (!catalog_find(r->shop->catalog, r->is_soldout, name, &p))
		return "UNKNOWN_SKU_ERROR";
	if (qty < 1 || qty > 1000)
		return "QUANTITY_ERROR";
	pthread_mutex_lock(&c->lock);
	cart = cart_of(c, r, a, true);
	while (i < cart->n_lines && strcmp(cart->lines[i].sku, p.sku) != 0)
		i++;
	if (i == LINES) {
		error = "ORDER_LIMIT_ERROR";
	} else if (p.stock < qty + (i < cart->n_lines ? cart->lines[i].qty : 0)) {
		error = "INSUFFICIENT_STOCK_ERROR";
	} else {
		if (i == cart->n_lines) {
			memcpy(cart->lines[i].sku, p.sku, sizeof(p.sku));
			cart->lines[i].qty = 0;
			cart->n_lines++;
		}
		cart->lines[i].qty += qty;
		cart->lines[i].price_cents = p.price_cents;
	}
	pthread_mutex_unlock(&c->lock);
	return error;
}

const char *cart_do_address(struct request *r)
{
	struct carts *c = r->shop->carts;
	struct cart *cart;
	const char *error = NULL;

	pthread_mutex_lock(&c->lock);
	cart = cart_of(c, r, NULL, false);
	if (!cart || !cart->n_lines)
		error = "NO_ACTIVE_ORDER_ERROR";
	else
		cart->has_address = true;
	pthread_mutex_unlock(&c->lock);
	return error;
}

const char *cart_do_shipping(struct request *r)
{
	struct carts *c = r->shop->carts;
	struct cart *cart;
	const char *error = NULL;

	pthread_mutex_lock(&c->lock);
	cart = cart_of(c, r, NULL, false);
	if (!cart || !cart->has_address)
		error = "ORDER_STATE_TRANSITION_ERROR";
	else
		cart->has_shipping = true;
	pthread_mutex_unlock(&c->lock);
	return error;
}

/* Lock held. All lines out of stock, or none. */
static bool cart_reserve(struct carts *c, const struct cart *cart)
{
	for (int i = 0; i < cart->n_lines; i++) {
		if (catalog_take(c->shop->catalog, cart->lines[i].sku, cart->lines[i].qty))
			continue;
		while (i-- > 0)
			catalog_take(c->shop->catalog, cart->lines[i].sku, -cart->lines[i].qty);
		return false;
	}
	return true;
}

/* Lock held. */
static void order_place(struct carts *c, struct cart *cart, const struct request *r, char code[24])
{
	uint64_t n = c->n_orders++;
	struct order *o = &c->orders[n % CARTS];

	memset(o, 0, sizeof(*o));
	snprintf(o->code, sizeof(o->code), "T%06llu%04llX", (unsigned long long)n + 1,
		(unsigned long long)(shop_hash(c->shop->opt.seed, 5, n) & 0xffff));
	o->cart = *cart;
	o->total_cents = cart_total(cart);
	o->placed_ms = wall_now().ms;
	o->is_synthetic = r->synthetic != NULL;
	memset(cart->lines, 0, sizeof(cart->lines));
	cart->n_lines = 0;
	cart->has_address = cart->has_shipping = false;
	memcpy(code, o->code, sizeof(o->code));
}

const char *cart_do_pay(struct request *r, const char *card, char code[24], int64_t *total_cents)
{
	struct carts *c = r->shop->carts;
	const char *error = NULL;
	struct cart *cart;

	pthread_mutex_lock(&c->lock);
	cart = cart_of(c, r, NULL, false);
	if (!cart || !cart->has_shipping) {
		error = "ORDER_PAYMENT_STATE_ERROR";
	} else if (strcmp(card, SHOP_DECLINED) == 0) {
		error = "PAYMENT_DECLINED_ERROR";
		c->n_declined++;
	} else if (!cart_reserve(c, cart)) {
		error = "INSUFFICIENT_STOCK_ERROR";
	} else {
		*total_cents = cart_total(cart);
		order_place(c, cart, r, code);
	}
	pthread_mutex_unlock(&c->lock);
	return error;
}

/* ---- REST ---- */

static unsigned error_status(const char *error)
{
	return strcmp(error, "UNKNOWN_SKU_ERROR") == 0         ? 404
		: strcmp(error, "QUANTITY_ERROR") == 0         ? 400
		: strcmp(error, "PAYMENT_DECLINED_ERROR") == 0 ? 402
							       : 409;
}

static void cart_result(struct request *r, struct answer *a, const char *error)
{
	if (error)
		answer_error(a, error_status(error), error);
	else
		answer_json(a, 200, json_pack("{s:s}", "step", step_name(r->step)));
}

void cart_show(struct request *r, struct answer *a)
{
	struct carts *c = r->shop->carts;
	json_t *shown;

	pthread_mutex_lock(&c->lock);
	shown = cart_json(cart_of(c, r, NULL, false));
	pthread_mutex_unlock(&c->lock);
	answer_json(a, 200, shown);
}

void cart_add(struct request *r, struct answer *a)
{
	json_t *in = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, NULL);
	const char *sku = json_string_value(json_object_get(in, "sku"));
	json_t *qty = json_object_get(in, "qty");

	if (!sku)
		answer_error(a, 400, "sku_is_missing");
	else
		cart_result(r, a, cart_do_add(r, a, sku, qty ? (int)json_integer_value(qty) : 1));
	json_decref(in);
}

void cart_address(struct request *r, struct answer *a)
{
	cart_result(r, a, cart_do_address(r));
}

void cart_shipping(struct request *r, struct answer *a)
{
	cart_result(r, a, cart_do_shipping(r));
}

void cart_pay(struct request *r, struct answer *a)
{
	json_t *in = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, NULL);
	const char *card = json_string_value(json_object_get(in, "card"));
	const char *error = card ? NULL : "card_is_missing";
	int64_t total = 0;
	char code[24];

	if (!error)
		error = cart_do_pay(r, card, code, &total);
	if (!error)
		answer_json(a, 200, json_pack("{s:s, s:I, s:s, s:s}", "order", code, "total",
			(json_int_t)total, "currency", "EUR", "state", "placed"));
	else
		answer_error(a, card ? error_status(error) : 400, error);
	json_decref(in);
}

/* Lock held. */
static struct order *order_find(struct carts *c, const char *path)
{
	const char *code = strrchr(path, '/') + 1;

	for (int i = 0; i < CARTS; i++)
		if (c->orders[i].code[0] && strcmp(c->orders[i].code, code) == 0)
			return &c->orders[i];
	return NULL;
}

static json_t *order_json(const struct order *o)
{
	char at[WALL_TEXT];

	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:b, s:o}", "order", o->code, "state",
		o->is_cancelled ? "cancelled" : "placed", "total", (json_int_t)o->total_cents,
		"currency", "EUR", "placed_at", rfc3339(o->placed_ms, at), "synthetic",
		o->is_synthetic, "cart", cart_json(&o->cart));
}

void order_show(struct request *r, struct answer *a)
{
	struct carts *c = r->shop->carts;
	json_t *shown = NULL;
	struct order *o;

	pthread_mutex_lock(&c->lock);
	o = order_find(c, r->path);
	if (o)
		shown = order_json(o);
	pthread_mutex_unlock(&c->lock);
	if (shown)
		answer_json(a, 200, shown);
	else
		answer_error(a, 404, "unknown_order");
}

/* Cancelling twice is the same as once: 200 both times, stock put back once. */
void order_cancel(struct request *r, struct answer *a)
{
	struct carts *c = r->shop->carts;
	json_t *shown = NULL;
	struct order *o;

	pthread_mutex_lock(&c->lock);
	o = order_find(c, r->path);
	if (o && !o->is_cancelled) {
		o->is_cancelled = true;
		c->n_cancelled++;
		for (int i = 0; i < o->cart.n_lines; i++)
			catalog_take(c->shop->catalog, o->cart.lines[i].sku, -o->cart.lines[i].qty);
	}
	if (o)
		shown = order_json(o);
	pthread_mutex_unlock(&c->lock);
	if (shown)
		answer_json(a, 200, shown);
	else
		answer_error(a, 404, "unknown_order");
}

json_t *carts_state(struct carts *c)
{
	json_t *state;

	pthread_mutex_lock(&c->lock);
	state = json_pack("{s:I, s:I, s:I, s:I}", "carts", (json_int_t)c->n_carts, "orders",
		(json_int_t)c->n_orders, "cancelled", (json_int_t)c->n_cancelled, "declined",
		(json_int_t)c->n_declined);
	pthread_mutex_unlock(&c->lock);
	return state;
}
