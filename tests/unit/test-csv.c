/*
 * test-csv.c - rows of feeds, in whatever pieces their bytes come.
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

#include "plugins/csv/csv-parse.h"

#define TEXT_MAX (1 << 20)

/* What came: [cell][cell] a row, a line each; !why of what was rejected. */
static char got[TEXT_MAX];
static size_t n_got;

static void
add(const char *text, size_t len)
{
	assert_true(n_got + len < sizeof(got));
	memcpy(got + n_got, text, len);
	n_got += len;
	got[n_got] = '\0';
}

static bool
on_row(void *arg, struct csv_cell *cells, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		add("[", 1);
		add(cells[i].text, cells[i].len);
		add("]", 1);
	}
	add("\n", 1);
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
	(void)arg;
	(void)excerpt;
	(void)len;
	add("!", 1);
	add(why, strlen(why));
	add("\n", 1);
}

static char
parse(const char *text, size_t len, size_t piece, char delimiter)
{
	struct csv_parser p = {.delimiter = delimiter, .on_row = on_row, .on_pause = on_pause,
	    .on_reject = on_reject};

	n_got = 0;
	got[0] = '\0';
	assert_int_equal(csv_init(&p), 0);
	for (size_t at = 0; at < len; at += piece)
		(void)csv_feed(&p, text + at, len - at < piece ? len - at : piece);
	csv_end(&p, true);
	csv_clear(&p);
	return p.delimiter;
}

static const struct { const char *text, *says; char delimiter; } feeds[] = {
    {"sku,name,price\nA-1,Tea,9.95\n", "[sku][name][price]\n[A-1][Tea][9.95]\n", ','},
    {"\xef\xbb\xbfsku;name\r\nA-1;\"Tea \"\"Earl\"\"; 50 g\"\r\n",
	"[sku][name]\n[A-1][Tea \"Earl\"; 50 g]\n", ';'},
    {"a\tb\n1\t\"x\ny\"\n2\t", "[a][b]\n[1][x\ny]\n[2][]\n", '\t'},
    {"a|b|c\n\n\r\n||\n", "[a][b][c]\n[][][]\n", '|'},
    {"\"a;b\",c\n1,2\n", "[a;b][c]\n[1][2]\n", ','},
    {"a,b\n1,\"2\"x,3\n", "[a][b]\n[1][2x][3]\n", ','},
    {"a,b\n1,2", "[a][b]\n[1][2]\n", ','},
    {"a,b\n1,\"2\"", "[a][b]\n[1][2]\n", ','},
    {"a,b\n1,\"2\n3,4\n", "[a][b]\n!does not end (a quote that is not closed?)\n[3][4]\n", ','},
    {"one\n", "[one]\n", ','},
    {"", "", ','},
};

static void
rows_come_out_as_they_went_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(feeds) / sizeof(feeds[0]); i++)
		for (size_t piece = 1; piece < 40; piece += 3) {
			char d = parse(feeds[i].text, strlen(feeds[i].text), piece, '\0');

			if (strcmp(got, feeds[i].says) != 0 || d != feeds[i].delimiter)
				fail_msg("feed %zu in pieces of %zu, '%c':\n%s", i, piece, d, got);
		}
}

static void
a_row_has_a_bound(void **state)
{
	char *text = malloc(TEXT_MAX / 2);
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	n += (size_t)snprintf(text, 16, "a,b\n");
	memset(text + n, 'x', 70000);
	n += 70000;
	n += (size_t)snprintf(text + n, 16, "\n1,2\n\"");
	memset(text + n, '\n', 300000); /* a quote that is never closed, and nothing but lines */
	n += 300000;
	n += (size_t)snprintf(text + n, 16, "3,4\n");
	for (size_t piece = 1000; piece < 600000; piece = piece * 3 + 1) {
		(void)parse(text, n, piece, '\0');
		assert_non_null(strstr(got, "!does not end"));
		assert_non_null(strstr(got, "[1][2]\n"));
		assert_non_null(strstr(got, "[3][4]\n"));
		assert_null(strstr(got, "xxx"));
	}
	free(text);
}

static void
columns_have_a_bound(void **state)
{
	char text[2048] = "";

	(void)state;
	memset(text, ',', 1000);
	(void)parse(text, 1000, 1000, ',');
	assert_int_equal(n_got, 2 * CSV_CELLS_MAX + 1);
}

static void
a_feed_in_utf16_is_none(void **state)
{
	struct csv_parser p = {.on_row = on_row, .on_pause = on_pause, .on_reject = on_reject};

	(void)state;
	assert_int_equal(csv_init(&p), 0);
	(void)csv_feed(&p, "\xff\xfe" "a\0b\0\n\0", 8);
	csv_end(&p, true);
	assert_true(p.is_utf16);
	assert_int_equal(p.n_rows, 0);
	csv_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rows_come_out_as_they_went_in),
	    cmocka_unit_test(a_row_has_a_bound), cmocka_unit_test(columns_have_a_bound),
	    cmocka_unit_test(a_feed_in_utf16_is_none)};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
