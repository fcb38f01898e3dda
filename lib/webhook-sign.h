/*
 * webhook-sign.h - Standard Webhooks 1.0.0: how a webhook proves where it comes from.
 *
 * Signed are the bytes  id "." timestamp "." body  with HMAC-SHA256; the header webhook-signature
 * lists one "v1,<base64>" for each key, so that a secret can be rotated: sign with the new and the
 * old one for a while. Secrets are "whsec_" and base64 of 16 to 128 bytes (the prefix may be
 * missing, padding too). Source: standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
 *
 * No state, nothing blocks; the caller keeps the keys.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_WEBHOOK_SIGN_H
#define LIB_WEBHOOK_SIGN_H

#include <stddef.h>
#include <stdint.h>

#define WEBHOOK_KEY_MIN 16
#define WEBHOOK_KEY_MAX 128
#define WEBHOOK_SIGNATURE_CAP                                                                      \
	160 /* "v1,<44>" for each of at most WEBHOOK_KEYS_MAX keys, spaces, NUL */
#define WEBHOOK_KEYS_MAX 3
#define WEBHOOK_TOLERANCE_S 300 /* how far a timestamp may be from now */

struct webhook_key {
	uint8_t bytes[WEBHOOK_KEY_MAX];
	size_t len; /* 0 = no key */
};

/* 0; -EINVAL: not base64; -ERANGE: too short or too long a key. */
int webhook_key_parse(struct webhook_key *key, const char *secret);
void webhook_key_clear(struct webhook_key *key); /* overwrites */

/* The header's value for n keys (1..WEBHOOK_KEYS_MAX), newest first. timestamp: unix seconds of
 * this attempt. 0; -EINVAL: no key or an id with a dot; -EIO: the crypto library refused. */
int webhook_sign(char dst[WEBHOOK_SIGNATURE_CAP], const struct webhook_key *keys, size_t n,
    const char *id, int64_t timestamp_s, const void *body, size_t len);

/* Judges what a receiver got; signature lists are compared in constant time, unknown versions are
 * skipped. 0; -EBADMSG: a header is missing or malformed; -ETIME: timestamp too far from now_s;
 * -EACCES: no signature fits. */
int webhook_verify(const struct webhook_key *keys, size_t n, const char *id, const char *timestamp,
    const char *signature, const void *body, size_t len, int64_t now_s);

#endif
