/*
 * webhook-sign.c - see webhook-sign.h. HMAC and base64 are libcrypto's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/webhook-sign.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAC_BYTES 32
#define MAC_TEXT 45         /* base64 of 32 bytes and the NUL */
#define SECRET_TEXT_MAX 176 /* base64 of the longest key, padded: a multiple of 4 */

/* Copies base64 text with its padding made whole. The padded length, 0 when it cannot be base64. */
static size_t
pad_base64(char dst[SECRET_TEXT_MAX + 1], const char *text)
{
	size_t n = strcspn(text, "=");

	if (n == 0 || n > SECRET_TEXT_MAX || strspn(text + n, "=") != strlen(text + n)
	    || n % 4 == 1)
		return 0;
	if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != n)
		return 0;
	memcpy(dst, text, n);
	while (n % 4 != 0)
		dst[n++] = '=';
	dst[n] = '\0';
	return n;
}

int
webhook_key_parse(struct webhook_key *key, const char *secret)
{
	uint8_t out[SECRET_TEXT_MAX];
	char text[SECRET_TEXT_MAX + 1];
	size_t n, real;
	int got;

	*key = (struct webhook_key){0};
	if (strncmp(secret, "whsec_", 6) == 0)
		secret += 6;
	if (strlen(secret) > SECRET_TEXT_MAX)
		return -ERANGE;
	if ((n = pad_base64(text, secret)) == 0)
		return *secret == '\0' ? -ERANGE : -EINVAL;
	if ((got = EVP_DecodeBlock(out, (const uint8_t *)text, (int)n)) < 0)
		return -EINVAL;
	real = (size_t)got - (text[n - 1] == '=') - (text[n - 2] == '=');
	if (real >= WEBHOOK_KEY_MIN && real <= WEBHOOK_KEY_MAX) {
		memcpy(key->bytes, out, real);
		key->len = real;
	}
	OPENSSL_cleanse(out, sizeof(out));
	OPENSSL_cleanse(text, sizeof(text));
	return key->len > 0 ? 0 : -ERANGE;
}

void
webhook_key_clear(struct webhook_key *key)
{
	OPENSSL_cleanse(key, sizeof(*key));
}

/* base64 of HMAC-SHA256 over id "." timestamp "." body. */
static int
mac_text(char dst[MAC_TEXT], const struct webhook_key *key, const char *id, const char *timestamp,
    const void *body, size_t len)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	char head[512];
	uint8_t out[MAC_BYTES];
	size_t got = 0;
	int n, rc = -EIO;

	n = snprintf(head, sizeof(head), "%s.%s.", id, timestamp);
	if (n > 0 && (size_t)n < sizeof(head) && ctx != NULL
	    && EVP_MAC_init(ctx, key->bytes, key->len, params) == 1
	    && EVP_MAC_update(ctx, (const uint8_t *)head, (size_t)n) == 1
	    && EVP_MAC_update(ctx, body, len) == 1
	    && EVP_MAC_final(ctx, out, &got, sizeof(out)) == 1 && got == MAC_BYTES
	    && EVP_EncodeBlock((uint8_t *)dst, out, MAC_BYTES) == MAC_TEXT - 1)
		rc = 0;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return rc;
}

int
webhook_sign(char dst[WEBHOOK_SIGNATURE_CAP], const struct webhook_key *keys, size_t n,
    const char *id, int64_t timestamp_s, const void *body, size_t len)
{
	char mac[MAC_TEXT], stamp[24];
	size_t used = 0;
	int rc;

	dst[0] = '\0';
	if (n == 0 || n > WEBHOOK_KEYS_MAX || *id == '\0' || strchr(id, '.') != NULL)
		return -EINVAL;
	snprintf(stamp, sizeof(stamp), "%lld", (long long)timestamp_s);
	for (size_t i = 0; i < n; i++) {
		if (keys[i].len == 0)
			return -EINVAL;
		if ((rc = mac_text(mac, &keys[i], id, stamp, body, len)) != 0)
			return rc;
		used += (size_t)snprintf(
		    dst + used, WEBHOOK_SIGNATURE_CAP - used, "%sv1,%s", i > 0 ? " " : "", mac);
	}
	return 0;
}

/* Does one "v1,..." of the list equal mac? Looks at the whole list whatever it finds. */
static bool
list_has(const char *list, const char *mac)
{
	bool found = false;

	while (*list != '\0') {
		size_t n = strcspn(list, " ");

		if (n == 3 + MAC_TEXT - 1 && memcmp(list, "v1,", 3) == 0)
			found |= CRYPTO_memcmp(list + 3, mac, MAC_TEXT - 1) == 0;
		list += n;
		list += strspn(list, " ");
	}
	return found;
}

int
webhook_verify(const struct webhook_key *keys, size_t n, const char *id, const char *timestamp,
    const char *signature, const void *body, size_t len, int64_t now_s)
{
	char mac[MAC_TEXT];
	bool found = false;
	long long ts;
	int rc;

	if (id == NULL || timestamp == NULL || signature == NULL || *id == '\0' || strlen(id) > 256)
		return -EBADMSG;
	errno = 0;
	ts = strtoll(timestamp, NULL, 10);
	if (strspn(timestamp, "0123456789") != strlen(timestamp) || *timestamp == '\0'
	    || errno != 0)
		return -EBADMSG;
	if (ts < now_s - WEBHOOK_TOLERANCE_S || ts > now_s + WEBHOOK_TOLERANCE_S)
		return -ETIME;
	for (size_t i = 0; i < n; i++) {
		if (keys[i].len == 0)
			continue;
		if ((rc = mac_text(mac, &keys[i], id, timestamp, body, len)) != 0)
			return rc;
		found |= list_has(signature, mac);
	}
	return found ? 0 : -EACCES;
}
