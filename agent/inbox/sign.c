/*
 * sign.c - is a posted body from who has the secret? See inbox.h.
 *
 *     standard  webhook-id, webhook-timestamp, webhook-signature (lib/webhook-sign.h)
 *     shopify   X-Shopify-Hmac-Sha256: base64 of HMAC-SHA256 of the body
 *     github    X-Hub-Signature-256: "sha256=" and its hex
 *     plain     a header of the user's choice: its hex or base64, "sha256=" before it or not
 *
 * Only the first one signs an id and a time. The others' ids tell retries apart, not replays: who
 * got hold of a signed body can post it again under another id (docs say: TLS, and nothing that
 * logs bodies before us).
 *
 * All secrets are tried, and compared in constant time: how long it takes tells nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/inbox/internal.h"

#define MAC_BYTES 32
#define MAC_BASE64 44
#define MAC_HEX 64

int
inbox_source_check(const struct inbox_source *s, char *err, size_t cap)
{
	struct webhook_key key;
	size_t n = strlen(s->name);

	if (n == 0 || n > 128 || s->name[0] == '.'
	    || strspn(s->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
		!= n) {
		snprintf(err, cap, "its name is part of a URL and a directory's: letters, digits, "
		    "- _ and . only, and no . first");
		return -EINVAL;
	}
	if (s->n_secrets == 0 || s->n_secrets > INBOX_SECRETS_MAX) {
		snprintf(err, cap, "secret: 1 to %d of them", INBOX_SECRETS_MAX);
		return -EINVAL;
	}
	if ((s->signature == INBOX_PLAIN) != (s->header != NULL)
	    || (s->header != NULL && (*s->header == '\0' || strlen(s->header) > 127))) {
		snprintf(err, cap, "header: the signature plain needs one, and no other has it");
		return -EINVAL;
	}
	for (size_t i = 0; i < s->n_secrets; i++) {
		int rc = s->signature == INBOX_STANDARD ? webhook_key_parse(&key, s->secrets[i])
		    : *s->secrets[i] == '\0' || strlen(s->secrets[i]) > INBOX_SECRET_BYTES
		    ? -ERANGE : 0;

		webhook_key_clear(&key);
		if (rc == 0)
			continue;
		snprintf(err, cap, "secret/%zu: %s", i, rc == -EINVAL ? "is no base64"
		    : s->signature == INBOX_STANDARD ? "16 to 128 bytes are wanted (whsec_...)"
						     : "is empty, or longer than 512 bytes");
		return -EINVAL;
	}
	return 0;
}

void
inbox_keys_set(struct inbox_keys *k, const struct inbox_source *s)
{
	inbox_keys_clear(k);
	k->signature = s->signature;
	snprintf(k->header, sizeof(k->header), "%s", s->header != NULL ? s->header : "");
	for (k->n = 0; k->n < s->n_secrets && k->n < INBOX_SECRETS_MAX; k->n++) {
		struct inbox_key *key = &k->keys[k->n];

		snprintf(key->text, sizeof(key->text), "%s", s->secrets[k->n]);
		if (s->signature == INBOX_STANDARD)
			(void)webhook_key_parse(&key->standard, key->text);
	}
}

void
inbox_keys_clear(struct inbox_keys *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

/* hex in small letters, and base64, of the body's HMAC */
static bool
mac_of(const struct inbox_key *key, const struct inbox_post *p, char hex[MAC_HEX + 1],
    char base64[MAC_BASE64 + 1])
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (HMAC(EVP_sha256(), key->text, (int)strlen(key->text), p->body, p->len, mac, &n) == NULL
	    || n != MAC_BYTES)
		return false;
	for (int i = 0; i < MAC_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	return EVP_EncodeBlock((uint8_t *)base64, mac, MAC_BYTES) == MAC_BASE64;
}

static bool
is_equal(const char *given, size_t len, const char *wanted, size_t n)
{
	return len == n && CRYPTO_memcmp(given, wanted, n) == 0;
}

/* The signature that was given, without its prefix; small letters if it is hex. */
static size_t
given_of(const struct inbox_keys *k, const struct inbox_post *p, char dst[MAC_HEX + 1])
{
	static const char *const headers[] = {
	    [INBOX_SHOPIFY] = "X-Shopify-Hmac-Sha256", [INBOX_GITHUB] = "X-Hub-Signature-256"};
	const char *v =
	    p->header(p->arg, k->signature == INBOX_PLAIN ? k->header : headers[k->signature]);
	bool has_prefix = v != NULL && strncmp(v, "sha256=", 7) == 0;
	size_t len;

	if (v == NULL || (has_prefix && k->signature == INBOX_SHOPIFY)
	    || (!has_prefix && k->signature == INBOX_GITHUB))
		return 0;
	v += has_prefix ? 7 : 0;
	if ((len = strlen(v)) > MAC_HEX)
		return 0;
	memcpy(dst, v, len + 1);
	for (size_t i = 0; len == MAC_HEX && i < len; i++)
		if (dst[i] >= 'A' && dst[i] <= 'F')
			dst[i] = (char)(dst[i] - 'A' + 'a');
	return len;
}

static int
verify_body(const struct inbox_keys *k, const struct inbox_post *p)
{
	char given[MAC_HEX + 1] = "", hex[MAC_HEX + 1], base64[MAC_BASE64 + 1];
	size_t len = given_of(k, p, given);
	bool is_signed = false;

	for (size_t i = 0; i < k->n; i++) {
		if (!mac_of(&k->keys[i], p, hex, base64))
			continue;
		if (k->signature != INBOX_SHOPIFY)
			is_signed |= is_equal(given, len, hex, MAC_HEX);
		if (k->signature != INBOX_GITHUB)
			is_signed |= is_equal(given, len, base64, MAC_BASE64);
	}
	return is_signed ? 0 : -EACCES;
}

static int
verify_standard(const struct inbox_keys *k, const struct inbox_post *p)
{
	struct webhook_key keys[INBOX_SECRETS_MAX];
	int rc;

	for (size_t i = 0; i < k->n; i++)
		keys[i] = k->keys[i].standard;
	rc = webhook_verify(keys, k->n, p->header(p->arg, "webhook-id"),
	    p->header(p->arg, "webhook-timestamp"), p->header(p->arg, "webhook-signature"),
	    p->body, p->len, p->now_ms / 1000);
	OPENSSL_cleanse(keys, sizeof(keys));
	return rc == 0 ? 0 : -EACCES;
}

static const char *
id_of(const struct inbox_keys *k, const struct inbox_post *p)
{
	const char *id = NULL;

	switch (k->signature) {
	case INBOX_STANDARD: return p->header(p->arg, "webhook-id");
	case INBOX_SHOPIFY:
		if ((id = p->header(p->arg, "X-Shopify-Event-Id")) == NULL)
			id = p->header(p->arg, "X-Shopify-Webhook-Id");
		return id;
	case INBOX_GITHUB: return p->header(p->arg, "X-GitHub-Delivery");
	default: return NULL;
	}
}

int
inbox_verify(const struct inbox_keys *k, const struct inbox_post *p, struct inbox_record *r)
{
	const char *id, *sent;
	wall_t at;

	if ((k->signature == INBOX_STANDARD ? verify_standard(k, p) : verify_body(k, p)) != 0)
		return -EACCES;
	id = id_of(k, p);
	if (id != NULL && strlen(id) > INBOX_ID_MAX)
		return -EACCES;
	*r = (struct inbox_record){.received_ms = p->now_ms, .id = id,
	    .id_len = (uint16_t)(id != NULL ? strlen(id) : 0),
	    .body = p->body, .body_len = (uint32_t)p->len};
	sent = k->signature == INBOX_SHOPIFY ? p->header(p->arg, "X-Shopify-Triggered-At") : NULL;
	if (sent != NULL && wall_parse(sent, &at) == 0 && at.ms > 0 && at.ms <= p->now_ms)
		r->sent_ms = at.ms;
	return 0;
}
