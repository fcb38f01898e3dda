/*
 * test-shop.c - the demo shop's signature check and its reading of faults and queries.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/shop/shop.h"
#include "tests/shop/sign.h"

/* The vector published with the Standard Webhooks libraries. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define AT "1614265330"
#define BODY "{\"test\": 2432232314}"
#define GOOD "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static enum sign_verdict check(
	const char *id, const char *at, const char *list, const char *body, int64_t now)
{
	struct sign_key key;

	assert_int_equal(sign_key_parse(SECRET, &key), 0);
	return sign_check(&key, id, at, list, body, strlen(body), now);
}

static void signature_vector(void **state)
{
	(void)state;
	assert_int_equal(check(ID, AT, GOOD, BODY, 1614265330), SIGN_VALID);
	assert_int_equal(check(ID, AT, "v1a,x v1,AAAA " GOOD, BODY, 1614265330 + 300), SIGN_VALID);
	assert_int_equal(check(ID, AT, GOOD, BODY, 1614265330 - 300), SIGN_VALID);
}

static void signature_refused(void **state)
{
	(void)state;
	assert_int_equal(check(ID, AT, GOOD, BODY, 1614265330 + 301), SIGN_TOO_OLD);
	assert_int_equal(check(ID, AT, GOOD, BODY, 1614265330 - 301), SIGN_TOO_OLD);
	assert_int_equal(check(ID, AT, GOOD, "{\"test\": 2432232315}", 1614265330), SIGN_WRONG);
	assert_int_equal(check("msg_other", AT, GOOD, BODY, 1614265330), SIGN_WRONG);
	assert_int_equal(check(ID, "1614265331", GOOD, BODY, 1614265330), SIGN_WRONG);
	assert_int_equal(check(ID, AT, GOOD "x", BODY, 1614265330), SIGN_WRONG);
	assert_int_equal(check(ID, AT, "", BODY, 1614265330), SIGN_WRONG);
	assert_int_equal(check(ID, "soon", GOOD, BODY, 1614265330), SIGN_BAD_TIME);
	assert_int_equal(check(ID, "", GOOD, BODY, 1614265330), SIGN_BAD_TIME);
	assert_int_equal(check(ID, "99999999999999999999", GOOD, BODY, 1614265330), SIGN_BAD_TIME);
	assert_int_equal(check(NULL, AT, GOOD, BODY, 1614265330), SIGN_NO_HEADER);
	assert_int_equal(check(ID, AT, NULL, BODY, 1614265330), SIGN_NO_HEADER);
}

static void secrets(void **state)
{
	struct sign_key key;

	(void)state;
	assert_int_equal(sign_key_parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &key), -EINVAL);
	assert_int_equal(sign_key_parse("whsec_", &key), -EINVAL);
	assert_int_equal(sign_key_parse("whsec_c2hvcnQ=", &key), -EINVAL);
	assert_int_equal(sign_key_parse("whsec_!!!!9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &key), -EINVAL);
	/* 25 bytes, with padding and without */
	assert_int_equal(sign_key_parse("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNA==", &key), 0);
	assert_int_equal(key.len, 25);
	assert_int_equal(sign_key_parse("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNA", &key), 0);
	assert_memory_equal(key.bytes, "0123456789012345678901234", 25);
}

static void queries(void **state)
{
	char v[8];

	(void)state;
	assert_true(query_get("a=1&bb=%41+x&c=%4", "bb", v, sizeof(v)));
	assert_string_equal(v, "A x");
	assert_true(query_get("a=1&bb=%41+x&c=%4", "c", v, sizeof(v)));
	assert_string_equal(v, "%4");
	assert_true(query_get("a=123456789", "a", v, sizeof(v)));
	assert_string_equal(v, "1234567");
	assert_false(query_get("ab=1", "b", v, sizeof(v)));
	assert_false(query_get("", "b", v, sizeof(v)));
	assert_true(cookie_get("x=1; session=ab; y=2", "session", v, sizeof(v)));
	assert_string_equal(v, "ab");
	assert_false(cookie_get("xsession=ab", "session", v, sizeof(v)));
	assert_false(cookie_get(NULL, "session", v, sizeof(v)));
}

static void faults_read(void **state)
{
	struct fault f;
	char why[160];

	(void)state;
	assert_int_equal(
		fault_from_query("fault=delay&phase=tls&ms=250&share=0.5&step=cart", &f, why, 160),
		0);
	assert_string_equal(f.variant, "tls");
	assert_int_equal(f.ms, 250);
	assert_int_equal(f.step, STEP_CART);
	assert_true(f.share > 0.49 && f.share < 0.51);
	assert_int_equal(fault_from_query("fault=wall", &f, why, 160), 0);
	assert_string_equal(f.variant, "cloudflare");
	assert_int_equal(fault_from_query("fault=wall&wall=cloud", &f, why, 160), -EINVAL);
	assert_int_equal(fault_from_query("fault=status&status=200", &f, why, 160), -EINVAL);
	assert_int_equal(fault_from_query("fault=delay&ms=-1", &f, why, 160), -EINVAL);
	assert_int_equal(fault_from_query("fault=delay&share=nan", &f, why, 160), -EINVAL);
	assert_int_equal(
		fault_from_query("fault=redirect_host&host=a%0d%0ab", &f, why, 160), -EINVAL);
	assert_int_equal(fault_from_query("x=1", &f, why, 160), -EINVAL);
}

static void faults_in_force(void **state)
{
	unsigned polite = 1u << FAULT_POLITE;
	struct faults *all = faults_new(1);
	struct fault f;
	char why[160];
	int hits = 0;

	(void)state;
	fault_from_query("fault=status&share=0.25", &f, why, sizeof(why));
	assert_int_equal(faults_add(all, &f), 0);
	assert_int_equal(faults_add(all, &f), 0); /* in its own place */
	for (int i = 0; i < 4000; i++)
		hits += faults_pick(all, STEP_CART, polite, &f);
	assert_in_range(hits, 900, 1100);
	assert_false(faults_pick(all, STEP_HOOK, polite, &f));
	assert_false(faults_pick(all, STEP_CART, 1u << FAULT_HOSTILE, &f));
	assert_int_equal(faults_heal(all, "wall"), 0);
	assert_int_equal(faults_heal(all, NULL), 1);
	assert_false(faults_pick(all, STEP_CART, polite, &f));
	faults_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature_vector), cmocka_unit_test(signature_refused),
		cmocka_unit_test(secrets), cmocka_unit_test(queries), cmocka_unit_test(faults_read),
		cmocka_unit_test(faults_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
