/*
 * cart.h - the steps of a checkout, for the REST calls and the GraphQL-like one alike.
 * Each returns NULL, or the code of a business error.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHOP_CART_H
#define SHOP_CART_H

#include "tests/shop/shop.h"

/* Makes a cart and sets its cookie in the answer when the session has none. `name`: sku, slug or
 * number. */
const char *cart_do_add(struct request *r, struct answer *a, const char *name, int qty);
const char *cart_do_address(struct request *r);
const char *cart_do_shipping(struct request *r);
const char *cart_do_pay(struct request *r, const char *card, char code[24], int64_t *total_cents);

#endif
