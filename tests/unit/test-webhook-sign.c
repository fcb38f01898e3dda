/*
 * test-webhook-sign.c - the published vector of Standard Webhooks, rotation, and what must not
 * verify.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "lib/webhook-sign.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define STAMP 1614265330
#define BODY "{\"test\": 2432232314}"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static void
published_vector(void **state)
{
	char signature[WEBHOOK_SIGNATURE_CAP];
	struct webhook_key key;

	(void)state;
	assert_int_equal(webhook_key_parse(&key, SECRET), 0);
	assert_int_equal(key.len, 24);
	assert_int_equal(webhook_sign(signature, &key, 1, ID, STAMP, BODY, strlen(BODY)), 0);
	assert_string_equal(signature, SIGNATURE);
	assert_int_equal(
	    webhook_verify(&key, 1, ID, "1614265330", SIGNATURE, BODY, strlen(BODY), STAMP + 10),
	    0);
}

static void
rotation_signs_with_both(void **state)
{
	char signature[WEBHOOK_SIGNATURE_CAP];
	struct webhook_key keys[2];

	(void)state;
	assert_int_equal(webhook_key_parse(&keys[0], "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"), 0);
	assert_int_equal(webhook_key_parse(&keys[1], SECRET), 0);
	assert_int_equal(webhook_sign(signature, keys, 2, ID, STAMP, BODY, strlen(BODY)), 0);
	assert_non_null(strstr(signature, " " SIGNATURE));
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(webhook_verify(&keys[i], 1, ID, "1614265330", signature, BODY,
				     strlen(BODY), STAMP),
		    0);
}

static void
what_does_not_verify(void **state)
{
	struct webhook_key key;

	(void)state;
	assert_int_equal(webhook_key_parse(&key, SECRET), 0);
#define VERIFY(id, stamp, signature, body, now)                                                    \
	webhook_verify(&key, 1, id, stamp, signature, body, strlen(body), now)
	assert_int_equal(VERIFY(ID, "1614265330", SIGNATURE, BODY " ", STAMP), -EACCES);
	assert_int_equal(VERIFY("msg_x", "1614265330", SIGNATURE, BODY, STAMP), -EACCES);
	assert_int_equal(VERIFY(ID, "1614265331", SIGNATURE, BODY, STAMP), -EACCES);
	assert_int_equal(VERIFY(ID, "1614265330", "v2,abc v1a,def", BODY, STAMP), -EACCES);
	assert_int_equal(VERIFY(ID, "1614265330", "", BODY, STAMP), -EACCES);
	assert_int_equal(VERIFY(ID, "1614265330", SIGNATURE, BODY, STAMP + 301), -ETIME);
	assert_int_equal(VERIFY(ID, "1614265330", SIGNATURE, BODY, STAMP - 301), -ETIME);
	assert_int_equal(VERIFY(ID, "yesterday", SIGNATURE, BODY, STAMP), -EBADMSG);
	assert_int_equal(VERIFY(ID, NULL, SIGNATURE, BODY, STAMP), -EBADMSG);
}

static void
bad_secrets(void **state)
{
	struct webhook_key key;

	(void)state;
	assert_int_equal(webhook_key_parse(&key, ""), -ERANGE);
	assert_int_equal(webhook_key_parse(&key, "whsec_AAAA"), -ERANGE);
	assert_int_equal(webhook_key_parse(&key, "whsec_not base64 at all!"), -EINVAL);
	assert_int_equal(webhook_key_parse(&key, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 0);
	assert_int_equal(
	    webhook_key_parse(&key, "whsec_AAECAwQFBgcICQoLDA0ODw"), 0); /* 16 bytes, no padding */
	assert_int_equal(key.len, 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_vector),
	    cmocka_unit_test(rotation_signs_with_both),
	    cmocka_unit_test(what_does_not_verify),
	    cmocka_unit_test(bad_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
