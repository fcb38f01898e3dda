/*
 * cert.c - a small authority and a certificate of its making, for a shop that was given none.
 * Runs once at start; blocks for the files alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "tests/shop/shop.h"

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int rc;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	rc = ext && X509_add_ext(cert, ext, -1) ? 0 : -EIO;
	X509_EXTENSION_free(ext);
	return rc;
}

/* A certificate for `key`, named, not yet signed. */
static X509 *cert_begin(EVP_PKEY *key, const char *name, long serial, int days)
{
	X509 *cert = X509_new();
	X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;

	if (!subject)
		return NULL;
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -2 * 86400);
	X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	return cert;
}

static FILE *pem_open(const char *dir, const char *name, int mode)
{
	char path[640];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int pem_write(const char *dir, const char *name, X509 *first, X509 *second, EVP_PKEY *key)
{
	FILE *out = pem_open(dir, name, key ? 0600 : 0644);
	bool is_ok = out != NULL;

	if (!out)
		return -EIO;
	is_ok &= !first || PEM_write_X509(out, first);
	is_ok &= !second || PEM_write_X509(out, second);
	is_ok &= !key || PEM_write_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	is_ok &= fclose(out) == 0;
	return is_ok ? 0 : -EIO;
}

static int ca_finish(X509 *ca, EVP_PKEY *key)
{
	X509_set_issuer_name(ca, X509_get_subject_name(ca));
	if (add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
	    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign") ||
	    add_extension(ca, ca, NID_subject_key_identifier, "hash"))
		return -EIO;
	return X509_sign(ca, key, EVP_sha256()) ? 0 : -EIO;
}

static int leaf_finish(X509 *leaf, X509 *ca, EVP_PKEY *ca_key)
{
	X509_set_issuer_name(leaf, X509_get_subject_name(ca));
	if (add_extension(leaf, ca, NID_basic_constraints, "critical,CA:FALSE") ||
	    add_extension(leaf, ca, NID_key_usage, "critical,digitalSignature") ||
	    add_extension(leaf, ca, NID_ext_key_usage, "serverAuth") ||
	    add_extension(leaf, ca, NID_authority_key_identifier, "keyid") ||
	    add_extension(leaf, ca, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1"))
		return -EIO;
	return X509_sign(leaf, ca_key, EVP_sha256()) ? 0 : -EIO;
}

int cert_make(const char *dir, int days)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = NULL, *leaf = NULL;
	long serial = (long)(wall_now().ms & 0x7fffffff);
	int rc = -EIO;

	if (!ca_key || !key)
		goto out;
	ca = cert_begin(ca_key, "demo shop authority", serial, 365);
	leaf = cert_begin(key, "localhost", serial + 1, days);
	if (!ca || !leaf || ca_finish(ca, ca_key) || leaf_finish(leaf, ca, ca_key))
		goto out;
	rc = pem_write(dir, "ca.pem", ca, NULL, NULL);
	if (!rc)
		rc = pem_write(dir, "cert.pem", leaf, ca, NULL);
	if (!rc)
		rc = pem_write(dir, "key.pem", NULL, NULL, key);
out:
	X509_free(leaf);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return rc;
}
