/*
 * offers.h - what a product page says to search engines: schema.org's offers in its JSON-LD.
 *
 *    Product.offers                      an Offer, a list of them, an AggregateOffer with offers
 *    ProductGroup.hasVariant             Products with offers of their own
 *    @graph, lists, mainEntity, {"@id"}  wherever they lie, or are referred to
 *
 * DESIGN. An offer becomes a key and texts. Its key is what the page calls the article (sku, then
 * productID, mpn, a gtin), or the last part of its address when it calls it nothing. What an offer
 * does not say its product does. Offers of one key in one block are one, the cheapest, as
 * AggregateOffer has it; in another block of the page the first one stays: some templates say
 * everything twice. Articles that are only related to the page's (isRelatedTo, lists of others) are
 * none of it. A broken block hides no other one.
 *
 * Bounds: JSON of a block, depth (lib/json.h), nodes looked at, offers, bytes of a text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_OFFERS_H
#define LIB_OFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

#define OFFERS_MAX 256              /* of a page; more are counted and left out */
#define OFFER_TEXT_MAX 512          /* bytes; a longer text counts as not said */

enum offer_field {
	OFFER_SKU,                  /* the key, whatever it is made of */
	OFFER_PRICE,                /* "12.99 EUR" */
	OFFER_CURRENCY,             /* "EUR" */
	OFFER_AVAILABILITY,         /* "InStock", without what stands before it */
	OFFER_GTIN,
	OFFER_NAME,
	OFFER_URL,
	OFFER_FIELDS
};
extern const char *const offer_field_names[OFFER_FIELDS];

enum offer_key { OFFER_KEY_AUTO, OFFER_KEY_SKU, OFFER_KEY_GTIN, OFFER_KEY_PATH };

struct offer {
	uint32_t at[OFFER_FIELDS];  /* in texts; 0 = not said */
	uint32_t block;             /* of the page, from 1 */
	double amount;              /* of the price, to compare with its like; NaN = none */
};
struct offers {
	struct offer list[OFFERS_MAX];
	size_t n;
	struct buf texts;           /* each NUL-terminated; the first byte is one, too */
	uint32_t n_blocks, n_broken; /* of JSON-LD; broken: no JSON, too large, cut off */
	uint32_t n_keyless, n_left_out; /* offers without a key, offers over OFFERS_MAX */
};

void offers_init(struct offers *o);
void offers_clear(struct offers *o);
/* What was read before is forgotten. path_key: the address's, "" = none. */
void offers_read(struct offers *o, const char *page, size_t len, enum offer_key key,
    const char *path_key);
const char *offers_text(const struct offers *o, size_t i, enum offer_field f); /* NULL: not said */
/* The last part of an address's path, decoded, without .html: false: there is none. */
bool offers_path_key(const char *url, char *dst, size_t cap);

#endif
