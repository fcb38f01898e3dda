/*
 * sign.c - see sign.h. No state, never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include "tests/shop/sign.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

int sign_key_parse(const char *text, struct sign_key *out)
{
	unsigned char in[96], raw[96];
	size_t len, pad;
	int n;

	if (strncmp(text, "whsec_", 6) != 0)
		return -EINVAL;
	len = strcspn(text + 6, "=");
	pad = (4 - len % 4) % 4;
	if (len == 0 || len + pad > sizeof(in) - 1 ||
		strspn(text + 6 + len, "=") != strlen(text + 6 + len))
		return -EINVAL;
	memcpy(in, text + 6, len);
	memset(in + len, '=', pad);
	n = EVP_DecodeBlock(raw, in, (int)(len + pad)) - (int)pad;
	if (n < 24 || n > (int)sizeof(out->bytes))
		return -EINVAL;
	memcpy(out->bytes, raw, (size_t)n);
	out->len = (size_t)n;
	return 0;
}

int sign_make(const struct sign_key *key, const char *id, const char *time, const void *body,
	size_t len, char dst[64])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;
	struct buf b;
	int rc = -EIO;

	buf_init(&b, len + 4096);
	buf_printf(&b, "%s.%s.", id, time);
	buf_add(&b, body, len);
	if (!b.failed &&
		HMAC(EVP_sha256(), key->bytes, (int)key->len, (const unsigned char *)b.data, b.len,
			mac, &mac_len)) {
		memcpy(dst, "v1,", 3);
		EVP_EncodeBlock((unsigned char *)dst + 3, mac, (int)mac_len);
		rc = 0;
	}
	buf_free(&b);
	return rc;
}

/* Each signature in the list against the one it should be; no early way out. */
static int list_matches(const char *list, const char *expected)
{
	size_t want = strlen(expected);
	int is_found = 0;

	while (*list) {
		size_t len = strcspn(list, " ");

		if (len == want)
			is_found |= CRYPTO_memcmp(list, expected, want) == 0;
		list += len + (list[len] == ' ');
	}
	return is_found;
}

enum sign_verdict sign_check(const struct sign_key *key, const char *id, const char *time,
	const char *signatures, const void *body, size_t len, int64_t now_s)
{
	char expected[64], *end;
	long long at;

	if (!id || !*id || !time || !signatures)
		return SIGN_NO_HEADER;
	errno = 0;
	at = strtoll(time, &end, 10);
	if (*end || end == time || errno || at < 0)
		return SIGN_BAD_TIME;
	if (at < now_s - SIGN_TOLERANCE_S || at > now_s + SIGN_TOLERANCE_S)
		return SIGN_TOO_OLD;
	if (sign_make(key, id, time, body, len, expected) != 0)
		return SIGN_WRONG;
	return list_matches(signatures, expected) ? SIGN_VALID : SIGN_WRONG;
}

const char *sign_verdict_name(enum sign_verdict v)
{
	static const char *const names[] = {
		[SIGN_VALID] = "valid",
		[SIGN_UNCHECKED] = "unchecked",
		[SIGN_NO_HEADER] = "no_header",
		[SIGN_BAD_TIME] = "bad_time",
		[SIGN_TOO_OLD] = "too_old",
		[SIGN_WRONG] = "wrong",
	};

	return names[v];
}
