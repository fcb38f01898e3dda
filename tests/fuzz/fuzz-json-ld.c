/*
 * fuzz-json-ld.c - the bytes of a product page, and what offers are found in them. The first byte
 * says what is a key. Whatever they are: keys that are none twice, texts within their bound.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "lib/offers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct offers *o)
{
	for (size_t i = 0; i < o->n; i++) {
		const char *key = offers_text(o, i, OFFER_SKU);

		if (key == NULL || *key == '\0')
			abort();
		for (int f = 0; f < OFFER_FIELDS; f++) {
			const char *text = offers_text(o, i, (enum offer_field)f);

			if (text != NULL && strlen(text) >= OFFER_TEXT_MAX)
				abort();
		}
		for (size_t k = 0; k < i; k++)
			if (strcmp(key, offers_text(o, k, OFFER_SKU)) == 0)
				abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct offers o;

	if (size == 0)
		return 0;
	offers_init(&o);
	offers_read(&o, (const char *)data + 1, size - 1,
	    (enum offer_key)(data[0] % (OFFER_KEY_PATH + 1)), "path");
	if (o.n > OFFERS_MAX || o.n_broken > o.n_blocks)
		abort();
	check(&o);
	offers_clear(&o);
	return 0;
}
