/*
 * fuzz-csv.c - the bytes of a feed, in pieces whose size is its first byte, and what its cells say
 * as prices and stock. Whatever they are: cells that lie within the row, rows within their bound.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "plugins/csv/csv-parse.h"
#include "plugins/inventory/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct value_rules rules = {.decimal = ',', .is_cents = true, .tax = 0.2};

static bool
on_row(void *arg, struct csv_cell *cells, size_t n)
{
	size_t *n_bytes = arg;

	for (size_t i = 0; i < n; i++) {
		struct tw_value v = {
		    .type = TW_FIELD_TEXT, .len = (uint32_t)cells[i].len, .as.text = cells[i].text};
		char text[VALUE_TEXT];
		int64_t cell;

		if (cells[i].len > CSV_ROW_MAX)
			abort();
		*n_bytes += cells[i].len;
		if (value_read(&rules, &v, &cell) == NULL && value_is_amount(cell)
		    && (cell > VALUE_MAX * 2 || value_text(&rules, cell, text)[0] == '\0'))
			abort();
	}
	return true;
}

static void
on_pause(void *arg)
{
	(void)arg;
}

static void
on_reject(void *arg, const char *why, const char *excerpt, size_t len)
{
	size_t *n_bytes = arg;

	(void)why;
	(void)excerpt;
	*n_bytes += len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n_bytes = 0, piece = size > 0 ? data[0] + 1u : 1;
	struct csv_parser p = {
	    .on_row = on_row, .on_pause = on_pause, .on_reject = on_reject, .arg = &n_bytes};

	if (rules.n_words == 0)
		value_default_words(&rules);
	if (size == 0 || csv_init(&p) != 0)
		return 0;
	for (size_t at = 1; at < size; at += piece)
		(void)csv_feed(
		    &p, (const char *)data + at, size - at < piece ? size - at : piece);
	csv_end(&p, (data[0] & 1) != 0);
	csv_clear(&p);
	if (n_bytes > size)
		abort(); /* more came out than went in */
	return 0;
}
