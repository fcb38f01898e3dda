/*
 * graphql.c - POST /shop-api: answers in the manner of a commerce server's GraphQL, where every
 * business error comes inside a 200. No GraphQL is parsed: the first known field name in the query
 * decides. Runs in the thread of a connection; never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/shop/cart.h"

/* The integer behind "key:" in the query, or `otherwise`. */
static long number_after(const char *query, const char *key, long otherwise)
{
	const char *at = strstr(query, key);

	if (!at)
		return otherwise;
	at += strlen(key);
	at += strspn(at, " :\"");
	return isdigit((unsigned char)*at) ? strtol(at, NULL, 10) : otherwise;
}

/* data.FIELD: an Order, or "InsufficientStockError" with its code. */
static json_t *result(const char *field, const char *error, json_t *order)
{
	char type[64] = "";
	size_t n = 0;

	if (!error)
		return json_pack("{s:{s:o}}", "data", field, order);
	json_decref(order);
	for (const char *c = error; *c && n + 1 < sizeof(type); c++)
		if (*c != '_')
			type[n++] = (char)(c == error || c[-1] == '_' ? *c
								      : tolower((unsigned char)*c));
	return json_pack("{s:{s:{s:s, s:s, s:s}}}", "data", field, "__typename", type, "errorCode",
		error, "message", error);
}

static json_t *order_object(const char *code)
{
	return json_pack("{s:s, s:s?, s:s}", "__typename", "Order", "code", code, "state",
		code ? "PaymentSettled" : "AddingItems");
}

static json_t *do_add(struct request *r, struct answer *a, const char *query)
{
	char name[24];

	snprintf(name, sizeof(name), "%ld", number_after(query, "productVariantId", 0));
	return result("addItemToOrder",
		cart_do_add(r, a, name, (int)number_after(query, "quantity", 1)),
		order_object(NULL));
}

static json_t *do_address(struct request *r, struct answer *a, const char *query)
{
	(void)a, (void)query;
	return result("setOrderShippingAddress", cart_do_address(r), order_object(NULL));
}

static json_t *do_shipping(struct request *r, struct answer *a, const char *query)
{
	(void)a, (void)query;
	return result("setOrderShippingMethod", cart_do_shipping(r), order_object(NULL));
}

static json_t *do_pay(struct request *r, struct answer *a, const char *query)
{
	int64_t total;
	char code[24] = "";
	const char *error;

	(void)a;
	error = cart_do_pay(r, strstr(query, SHOP_DECLINED) ? SHOP_DECLINED : "", code, &total);
	return result("addPaymentToOrder", error, order_object(code));
}

static json_t *do_search(struct request *r, struct answer *a, const char *query)
{
	json_t *items = json_array();
	struct product p;

	(void)a, (void)query;
	for (int i = 0; i < 12 && catalog_at(r->shop->catalog, r->is_soldout, i, &p); i++)
		json_array_append_new(items, json_pack("{s:s, s:i}", "productName", p.name,
			"productVariantId", i + 1));
	return json_pack("{s:{s:{s:o}}}", "data", "search", "items", items);
}

static json_t *do_product(struct request *r, struct answer *a, const char *query)
{
	struct product p;

	(void)a;
	if (!catalog_at(r->shop->catalog, r->is_soldout, (int)number_after(query, "id", 0) - 1, &p))
		return json_pack("{s:{s:n}}", "data", "product");
	return json_pack("{s:{s:{s:s, s:s, s:s}}}", "data", "product", "name", p.name, "sku", p.sku,
		"stockLevel", p.stock > 0 ? "IN_STOCK" : "OUT_OF_STOCK");
}

static const struct {
	const char *field;
	json_t *(*answer)(struct request *r, struct answer *a, const char *query);
} fields[] = {
	{"addItemToOrder", do_add},
	{"setOrderShippingAddress", do_address},
	{"setOrderShippingMethod", do_shipping},
	{"addPaymentToOrder", do_pay},
	{"search", do_search},
	{"product", do_product},
};

void graphql_answer(struct request *r, struct answer *a)
{
	json_t *in = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, NULL), *out = NULL;
	const char *query = json_string_value(json_object_get(in, "query"));

	for (size_t i = 0; query && !out && i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strstr(query, fields[i].field))
			out = fields[i].answer(r, a, query);
	if (!out)
		out = json_pack("{s:[{s:s, s:{s:s}}]}", "errors", "message",
			query ? "Cannot query that field." : "Must provide query string.",
			"extensions", "code", "GRAPHQL_VALIDATION_FAILED");
	answer_json(a, 200, out);
	json_decref(in);
}
