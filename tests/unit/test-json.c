/*
 * test-json.c - our scanner and writer of JSON against jansson.
 *
 * Over texts and a hundred thousand seeded mutations of them, whatever the scanner takes jansson
 * takes as an object, and what jansson takes it takes, but for the numbers and keys that json.h
 * names. What the writer writes jansson reads back as it was.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"

#define MUTATIONS 100000
#define TEXT_MAX 256

static const char *const seeds[] = {"{}", " { } ", "{\"a\":1}",
    "{\"hops\":[{\"address\":\"192.0.2.1\",\"status\":200,\"ttfb\":0.0123},{}]}",
    "{\"a\":[1,-2,3.5,-0.25,1e5,2E-3,4e+10,true,false,null,[],{}]}",
    "{\"t\":\"\\u00e4\\ud83d\\ude00\\n\\\"\\\\\\/\"}",
    "{\"\xc3\xa4\":\"\xe2\x82\xac\xf0\x9f\x98\x80\"}", "{\"n\":{\"n\":{\"n\":[[[[\"x\"]]]]}}}",
    "[1]", "\"text\"", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "{\"a\" 1}", "{\"a\":01}",
    "{\"a\":1.}", "{\"a\":.5}", "{\"a\":\"\\ud83d\"}", "{\"a\":\"\\u0000\"}", "{\"a\":tru}", "{}{}",
    "{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\t\"}", "{\"a\":1} x", ""};

static bool
jansson_takes(const char *text, size_t len)
{
	json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	bool ok = json_is_object(v);

	json_decref(v);
	return ok;
}

/* A number too long for us, or an escape, which we do not take in a key? */
static bool
may_differ(const char *text, size_t len)
{
	size_t digits = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\')
			return true;
		digits = text[i] >= '0' && text[i] <= '9' ? digits + 1 : 0;
		if (digits > 2)
			return true; /* an exponent, or too many before the point: perhaps */
	}
	return false;
}

static void
compare(const char *text, size_t len)
{
	bool ours = json_is_object_text(text, len), theirs = jansson_takes(text, len);

	if (ours && !theirs)
		fail_msg("taken, but no object: %.*s", (int)len, text);
	if (theirs && !ours && !may_differ(text, len))
		fail_msg("an object, but not taken: %.*s", (int)len, text);
}

static uint64_t
next(uint64_t *x)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return *x;
}

static size_t
mutate(char *text, size_t len, uint64_t *x)
{
	static const char bytes[] = "{}[]\",:\\u0129.eE+-tfn \x80\xc3\xed\xff\x01";

	for (unsigned n = 1 + (unsigned)(next(x) % 3); n > 0; n--) {
		size_t at = len > 0 ? (size_t)(next(x) % len) : 0;
		char c = bytes[next(x) % (sizeof(bytes) - 1)];

		switch (next(x) % 3) {
		case 0:
			if (len > 0)
				text[at] = c;
			break;
		case 1:
			if (len > 0)
				memmove(text + at, text + at + 1, --len - at);
			break;
		default:
			if (len + 1 < TEXT_MAX) {
				memmove(text + at + 1, text + at, len++ - at);
				text[at] = c;
			}
		}
	}
	return len;
}

static void
as_jansson_says(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		compare(seeds[i], strlen(seeds[i]));
	for (int i = 0; i < MUTATIONS; i++) {
		char text[TEXT_MAX];
		const char *seed = seeds[next(&x) % (sizeof(seeds) / sizeof(seeds[0]))];
		size_t len = strlen(seed);

		memcpy(text, seed, len);
		compare(text, mutate(text, len, &x));
	}
}

static void
depth_and_numbers_have_ends(void **state)
{
	char deep[1024] = "{\"a\":";
	size_t n = strlen(deep);

	(void)state;
	memset(deep + n, '[', 100);
	memset(deep + n + 100, ']', 100);
	deep[n + 200] = '}';
	assert_false(json_is_object_text(deep, n + 201));
	assert_true(json_is_object_text("{\"a\":123456789012345678}", 24));
	assert_false(json_is_object_text("{\"a\":1234567890123456789}", 25));
	assert_false(json_is_object_text("{\"a\":1e100}", 11));
}

static json_t *
read_back(struct buf *b)
{
	json_t *v = json_loadb(b->data, b->len, JSON_DECODE_ANY, NULL);

	if (v == NULL)
		fail_msg("jansson does not read %s", buf_str(b));
	return v;
}

static void
what_is_written_reads_back(void **state)
{
	static const double numbers[] = {0, 1, -7, 0.1, 1.0 / 3, 1e300, -2.5e-308, 999999999999999,
	    1e15, 9007199254740993.0, 5e-324, 123456.789, -0.25, 0.000123, 0.0001,
	    0.00009, 999999999.999999, 1e-6};
	unsigned seed = 7;
	struct buf b;
	json_t *v;

	(void)state;
	buf_init(&b, 1 << 16);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		buf_reset(&b);
		json_number(&b, numbers[i]);
		v = read_back(&b);
		assert_true(json_number_value(v) == numbers[i]);
		json_decref(v);
	}
	buf_reset(&b);
	json_number(&b, -0.0);
	json_number(&b, NAN);
	json_number(&b, INFINITY);
	assert_string_equal(buf_str(&b), "-0nullnull");
	for (int i = 0; i < 20000; i++) {
		char text[24] = "";

		for (size_t k = 0; k < (size_t)i % sizeof(text); k++)
			text[k] = (char)(1 + rand_r(&seed) % 127);
		buf_reset(&b);
		json_text(&b, text);
		v = read_back(&b);
		assert_string_equal(json_string_value(v), text);
		json_decref(v);
	}
	buf_reset(&b);
	json_text(&b, "\xff\xc3\xa4\xed\xa0\x80");
	assert_string_equal(buf_str(&b),
	    "\"\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(as_jansson_says), cmocka_unit_test(depth_and_numbers_have_ends),
	    cmocka_unit_test(what_is_written_reads_back)};

	return cmocka_run_group_tests_name("json-scan", tests, NULL, NULL);
}
