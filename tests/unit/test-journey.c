/*
 * test-journey.c - texts with ${name} in them: where values may stand and how, and that secrets do
 * not come out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/checkout/journey.h"
#include "plugins/common/private.h"

const struct tw_api *tw_api_;

static struct names names;
static struct values values;

static void
set(const char *name, const char *text)
{
	int i = names_add(&names, name);

	assert_true(i >= 0);
	assert_int_equal(value_set(&values.at[i], text, strlen(text)), 0);
}

static void
fills(const char *text, enum fill_mode mode, const char *wanted)
{
	struct template t = {.n = 0};
	struct template_wrong wrong;
	struct buf out;
	int which, rc;

	buf_init(&out, 1 << 16);
	assert_int_equal(template_add(&t, text, mode, &names, &wrong), 0);
	rc = template_fill(&t, &values, &out, &which);
	assert_int_equal(rc != 0, wanted == NULL);
	if (wanted != NULL)
		assert_string_equal(buf_str(&out), wanted);
	buf_free(&out);
	template_clear(&t);
}

static void
a_value_stays_in_its_place(void **state)
{
	(void)state;
	set("evil", "a/b?c#d\"e\\&");
	set("crlf", "a\r\nX: y");
	set("up", "..");
	set("empty", "");
	set("host", "psp.example:444");
	set("user", "a@b");
	fills("https://x/p/${evil}", FILL_URL, "https://x/p/a%2Fb%3Fc%23d%22e%5C%26");
	fills("https://x/p?q=${evil}", FILL_URL, "https://x/p?q=a%2Fb%3Fc%23d%22e%5C%26");
	fills("https://${host}/p", FILL_URL, "https://psp.example:444/p");
	fills("https://${user}/p", FILL_URL, NULL);
	fills("https://${evil}/p", FILL_URL, NULL);
	fills("https://x/${up}/p", FILL_URL, NULL);
	fills("https://x/${empty}", FILL_URL, NULL);
	fills("{\"a\":\"x${evil}\"}", FILL_JSON, "{\"a\":\"xa/b?c#d\\\"e\\\\&\"}");
	fills("f(a: \\\"${evil}\\\")", FILL_GRAPHQL,
	    "f(a: \\\"a/b?c#d\\\\\\\"e\\\\\\\\&\\\")");
	fills("x ${crlf}", FILL_HEADER, NULL);
	fills("a b&=${up}", FILL_FORM, "a+b%26%3D..");
	fills("$${evil} $ $$ ${up}", FILL_TEXT, "${evil} $ $$ ..");
	values_clear(&values);
}

static void
a_number_stays_one(void **state)
{
	int i = names_add(&names, "n");

	(void)state;
	assert_int_equal(value_set(&values.at[i], "17", 2), 0);
	values.at[i].is_literal = true;
	fills("{\"a\":\"${n}\",\"b\":\"x${n}\",\"${n}\":1}", FILL_JSON,
	    "{\"a\":17,\"b\":\"x17\",\"17\":1}");
	values_clear(&values);
}

static void
an_unknown_name_is_refused(void **state)
{
	struct template t = {.n = 0};
	struct template_wrong wrong;

	(void)state;
	(void)names_add(&names, "order");
	assert_int_not_equal(template_add(&t, "x ${ordr}", FILL_TEXT, &names, &wrong), 0);
	assert_non_null(strstr(wrong.text, "did you mean ${order}?"));
	template_clear(&t);
	assert_int_not_equal(template_add(&t, "x ${order", FILL_TEXT, &names, &wrong), 0);
	template_clear(&t);
	assert_true(names_add(&names, "1x") < 0);
	assert_true(names_add(&names, "a b") < 0);
	assert_true(value_set(&values.at[0], "x", VALUE_BYTES_MAX + 1) < 0);
}

static void
secrets_do_not_come_out(void **state)
{
	static const char secret[] = "p\"w 1/2";
	static const char *const forms[] = {"p\"w 1/2", "p\\\"w 1/2", "p\\\\\\\"w 1/2",
	    "p%22w%201%2F2", "p%22w%201%2f2", "p%22w+1%2F2"};
	int i = names_add(&names, "secret");
	struct buf out;

	(void)state;
	assert_int_equal(value_set(&values.at[i], secret, sizeof(secret) - 1), 0);
	values.at[i].is_secret = true;
	for (size_t k = 0; k < sizeof(forms) / sizeof(forms[0]); k++) {
		char text[128];

		snprintf(text, sizeof(text), "a %s b %s c", forms[k], forms[k]);
		buf_init(&out, 1024);
		redact(&values, text, strlen(text), &out);
		assert_string_equal(buf_str(&out), "a <secret> b <secret> c");
		buf_free(&out);
	}
	values_clear(&values);
}

static void
addresses(void **state)
{
	static const char *const inside[] = {"10.1.2.3", "127.0.0.1", "169.254.169.254",
	    "192.168.1.1", "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "x"};
	static const char *const outside[] = {"93.184.216.34", "2606:2800::1"};
	char host[64];

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		assert_true(address_leads_inside(inside[i]));
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		assert_false(address_leads_inside(outside[i]));
	url_host("https://u:p@[::1]:80/x", host, sizeof(host));
	assert_string_equal(host, "::1");
	url_host("http://a.example?@b", host, sizeof(host));
	assert_string_equal(host, "a.example");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_value_stays_in_its_place),
	    cmocka_unit_test(a_number_stays_one),
	    cmocka_unit_test(an_unknown_name_is_refused),
	    cmocka_unit_test(secrets_do_not_come_out),
	    cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
