/*
 * fuzz-webhook.c - a posted body becomes records, by three formats: each record is one with values
 * inside of the body, or refused with words; nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/webhook/webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct body_format formats[] = {
    {.names = {"id", "value", "email"},
	.pointers = {"/id", "/total_price", "/customer/email"},
	.is_email = {false, false, true},
	.is_money = {false, true},
	.n_fields = 3,
	.email = "synthetic+*@shop.example",
	.time = "/created_at"},
    {.records = "/orders", .names = {"sku", "x"}, .pointers = {"/lines/0/sku", "/a~1b/c~0d"},
	.is_sku = {true}, .is_cents = {false, true}, .n_fields = 2, .sku = "CANARY-*"},
    {.records = "", .time = "/0", .names = {"all"}, .pointers = {""}, .n_fields = 1},
};

static void
check(const struct body_format *f, const struct tw_record *r, const struct tw_value *v)
{
	for (uint32_t i = 0; i < f->n_fields; i++) {
		volatile char last;

		if (v[i].type > TW_FIELD_REAL || v[i].len > TEXT_VALUE_MAX)
			abort();
		if (f->is_email[i] && v[i].type != TW_FIELD_NONE)
			abort();
		if (v[i].type == TW_FIELD_TEXT && v[i].len > 0) {
			last = v[i].as.text[v[i].len - 1];
			(void)last;
		}
	}
	if (f->time != NULL && r->time_ms < 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t k = 0; k < sizeof(formats) / sizeof(formats[0]); k++) {
		const struct body_format *f = &formats[k];
		struct tw_value values[FIELDS_MAX];
		char why[64] = "";
		struct tw_record r;
		struct body b;

		if (body_open(&b, f, data, size, why, sizeof(why)) != 0) {
			if (*why == '\0' || b.root != NULL)
				abort();
			continue;
		}
		for (size_t i = 0; i < b.n; i++) {
			const char *wrong =
			    body_record(&b, f, i, 42, &r, values, why, sizeof(why));

			if (wrong == NULL)
				check(f, &r, values);
			else if (*wrong == '\0')
				abort();
		}
		body_close(&b);
	}
	return 0;
}
