/*
 * sign.h - checks signatures of Standard Webhooks 1.0.0 (symmetric, "v1").
 *
 * Signed are the bytes id "." timestamp "." body with HMAC-SHA256; the secret is "whsec_" and
 * base64 of 24 to 64 bytes. Several signatures may stand in the header, apart by spaces; unknown
 * versions are passed over. Written apart from the code it checks, so that both cannot be wrong in
 * the same way.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHOP_SIGN_H
#define SHOP_SIGN_H

#include <stddef.h>
#include <stdint.h>

#define SIGN_TOLERANCE_S 300

struct sign_key {
	unsigned char bytes[64];
	size_t len;
};

enum sign_verdict {
	SIGN_VALID,
	SIGN_UNCHECKED,
	SIGN_NO_HEADER,
	SIGN_BAD_TIME,
	SIGN_TOO_OLD,
	SIGN_WRONG
};

int sign_key_parse(const char *text, struct sign_key *out); /* 0 or -EINVAL */
/* "v1,BASE64" of one message into dst (64 bytes). 0 or -EIO. */
int sign_make(const struct sign_key *key, const char *id, const char *time, const void *body,
	size_t len, char dst[64]);
/* Texts may be NULL; now_s is unix time. The comparison takes the same time whatever differs. */
enum sign_verdict sign_check(const struct sign_key *key, const char *id, const char *time,
	const char *signatures, const void *body, size_t len, int64_t now_s);
const char *sign_verdict_name(enum sign_verdict v);

#endif
