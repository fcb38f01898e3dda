/*
 * test-csv-rows.c - rows of a feed as records: when did each change? The host is this file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/csv/csv.h"

const struct tw_api *tw_api_;
static int64_t times[16];
static size_t n_times;

static void
records(struct tw_ctx *ctx, const struct tw_batch *b, const struct tw_record *r, size_t n)
{
	(void)ctx;
	(void)b;
	for (size_t i = 0; i < n && n_times < 16; i++)
		times[n_times++] = tw_record_at(r, i)->time_ms;
}

void
feed_fail(struct csv *s, const char *cause, const char *fmt, ...)
{
	(void)fmt;
	s->cause = cause;
}

static void
put_row(struct csv *s, const char *id, const char *at)
{
	char id_text[16], at_text[64];
	struct csv_cell cells[2] = {{id_text, strlen(id)}, {at_text, strlen(at)}};

	memcpy(id_text, id, strlen(id) + 1);
	memcpy(at_text, at, strlen(at) + 1);
	assert_true(rows_take(s, cells, 2));
}

static void
a_row_has_the_time_of_its_cell(void **state)
{
	static const char *const written[] = {"1795000000", " 1795000000.25 ", "1795000000123",
	    "2026-11-18T11:06:40Z", "2026-11-18 12:06:40+01:00", "2026-11-18 11:06:40",
	    "2026-11-18", "", "soon"};
	static const int64_t wanted[] = {1795000000000, 1795000000250, 1795000000123, 1795000000000,
	    1795000000000, 1795000000000, 1794960000000, 0, 0};
	struct tw_pair field = {"id", "ID"};
	struct tw_api api = {.size = sizeof(api), .records = records};
	struct csv *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	tw_api_ = &api;
	s->time = "at";
	s->has_header = 1;
	s->fields = (struct tw_list){1, sizeof(field), &field};
	rows_begin(s);
	put_row(s, "ID", "at");
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		put_row(s, "1", written[i]);
	rows_end(s, true);
	assert_null(s->cause);
	assert_int_equal(n_times, sizeof(wanted) / sizeof(wanted[0]));
	assert_memory_equal(times, wanted, sizeof(wanted));
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_row_has_the_time_of_its_cell)};

	return cmocka_run_group_tests_name("csv-rows", tests, NULL, NULL);
}
