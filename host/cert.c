/*
 * cert.c - the certificates that a server sent, from CURLINFO_CERTINFO: one list of "Name:value"
 * texts a certificate, the leaf first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "host/engine-internal.h"
#include "lib/options.h"

static const char *
field(const struct curl_slist *cert, const char *name)
{
	size_t n = strlen(name);

	for (; cert != NULL; cert = cert->next)
		if (strncmp(cert->data, name, n) == 0 && cert->data[n] == ':')
			return cert->data + n + 1;
	return NULL;
}

/* "Feb 21 08:37:00 2027 GMT" */
static int64_t
stamp_ms(const char *text)
{
	struct tm tm = {0};

	if (text == NULL || strptime(text, "%b %d %H:%M:%S %Y", &tm) == NULL)
		return 0;
	return (int64_t)timegm(&tm) * 1000;
}

static const char *
copy(struct heap *heap, const char *text)
{
	return text != NULL ? heap_text(heap, text, strlen(text)) : NULL;
}

/* The fingerprint of the leaf, over its DER form, as hexadecimal digits. */
static const char *
fingerprint(struct heap *heap, const char *pem)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char text[2 * EVP_MAX_MD_SIZE + 1] = "";
	BIO *bio = pem != NULL ? BIO_new_mem_buf(pem, -1) : NULL;
	X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	if (cert != NULL && X509_digest(cert, EVP_sha256(), md, &n) == 1)
		for (unsigned i = 0; i < n; i++)
			snprintf(text + 2 * i, 3, "%02x", md[i]);
	X509_free(cert);
	BIO_free(bio);
	return text[0] != '\0' ? copy(heap, text) : NULL;
}

const char *
cert_verify_text(long result)
{
	return X509_verify_cert_error_string(result);
}

void
cert_read(CURL *easy, struct tw_certificate *c, struct heap *heap)
{
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL
	    || info->num_of_certs < 1)
		return;
	c->subject = copy(heap, field(info->certinfo[0], "Subject"));
	c->issuer = copy(heap, field(info->certinfo[0], "Issuer"));
	c->not_before_ms = stamp_ms(field(info->certinfo[0], "Start date"));
	c->not_after_ms = c->chain_not_after_ms = stamp_ms(field(info->certinfo[0], "Expire date"));
	c->sha256 = fingerprint(heap, field(info->certinfo[0], "Cert"));
	for (int i = 1; i < info->num_of_certs; i++) {
		int64_t ends = stamp_ms(field(info->certinfo[i], "Expire date"));

		if (ends != 0 && ends < c->chain_not_after_ms)
			c->chain_not_after_ms = ends;
	}
}
