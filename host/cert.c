/*
 * cert.c - the certificates that a server sent, read while OpenSSL verifies them: libcurl's own
 * list (CURLINFO_CERTINFO) prints every field of every certificate as text, which costs a third of
 * a handshake.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "host/engine-internal.h"
#include "lib/options.h"

static int64_t
stamp_ms(const ASN1_TIME *at)
{
	struct tm tm = {0};

	return at != NULL && ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

/* "C=DE, O=Shop, CN=shop.example" */
static const char *
name_text(struct heap *heap, const X509_NAME *name)
{
	const unsigned long flags =
	    (XN_FLAG_ONELINE & ~(unsigned long)(ASN1_STRFLGS_ESC_MSB | XN_FLAG_SPC_EQ))
	    | ASN1_STRFLGS_UTF8_CONVERT;
	BIO *bio = BIO_new(BIO_s_mem());
	const char *text = NULL;
	char *data;
	long len;

	if (bio != NULL && name != NULL && X509_NAME_print_ex(bio, name, 0, flags) >= 0
	    && (len = BIO_get_mem_data(bio, &data)) > 0)
		text = heap_text(heap, data, (size_t)len);
	BIO_free(bio);
	return text;
}

/* Over its DER form, as hexadecimal digits. */
static const char *
fingerprint(struct heap *heap, const X509 *cert)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char text[2 * EVP_MAX_MD_SIZE + 1] = "";

	if (X509_digest(cert, EVP_sha256(), md, &n) != 1)
		return NULL;
	for (unsigned i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", md[i]);
	return heap_text(heap, text, 2 * (size_t)n);
}

const char *
cert_verify_text(long result)
{
	return X509_verify_cert_error_string(result);
}

static void
read_chain(X509_STORE_CTX *ctx, struct tw_certificate *c, struct heap *heap)
{
	const X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(ctx);
	int error = X509_STORE_CTX_get_error(ctx);

	if (leaf == NULL)
		return;
	c->subject = name_text(heap, X509_get_subject_name(leaf));
	c->issuer = name_text(heap, X509_get_issuer_name(leaf));
	c->not_before_ms = stamp_ms(X509_get0_notBefore(leaf));
	c->not_after_ms = c->chain_not_after_ms = stamp_ms(X509_get0_notAfter(leaf));
	c->sha256 = fingerprint(heap, leaf);
	c->verify_error = error != X509_V_OK ? cert_verify_text(error) : NULL;
	for (int i = 0; i < sk_X509_num(sent); i++) {
		int64_t ends = stamp_ms(X509_get0_notAfter(sk_X509_value(sent, i)));

		if (ends != 0 && ends < c->chain_not_after_ms)
			c->chain_not_after_ms = ends;
	}
}

/* OpenSSL asks for the verdict on a chain; it is also the one place where a refused one is seen. */
static int
verify(X509_STORE_CTX *ctx, void *arg)
{
	struct cert_reader *r = arg;
	int ok = X509_verify_cert(ctx);

	read_chain(ctx, r->to, r->heap);
	return ok;
}

void
cert_watch(void *ssl_ctx, struct cert_reader *r)
{
	SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, r);
}
