/*
 * trust.c - certificate bundles, each parsed once a host: a handshake then costs what the handshake
 * costs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "host/engine-internal.h"

static X509_STORE *
load(const char *path)
{
	X509_STORE *store = X509_STORE_new();

	/* As libcurl does: a file that holds an intermediate certificate alone is trusted. */
	if (store != NULL && X509_STORE_load_file(store, path) == 1
	    && X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN))
		return store;
	X509_STORE_free(store);
	return NULL;
}

static struct trust *
find(struct engine *e, const char *path)
{
	struct trust *grown, t = {0};

	for (size_t i = 0; i < e->n_trust; i++)
		if (strcmp(e->trust[i].path, path) == 0)
			return &e->trust[i];
	if (e->n_trust == TRUST_FILES_MAX)
		return NULL;
	if ((t.path = strdup(path)) == NULL || (t.store = load(path)) == NULL
	    || (grown = reallocarray(e->trust, e->n_trust + 1, sizeof(*grown))) == NULL) {
		X509_STORE_free(t.store);
		free(t.path);
		return NULL;
	}
	e->trust = grown;
	e->trust[e->n_trust] = t;
	return &e->trust[e->n_trust++];
}

int
trust_use(struct engine *e, const char *ca_file, void *ssl_ctx)
{
	struct trust *t = find(e, ca_file != NULL ? ca_file : e->ca_file);

	if (t == NULL)
		return -1;
	X509_STORE_up_ref(t->store);
	SSL_CTX_set_cert_store(ssl_ctx, t->store); /* takes the reference */
	return 0;
}

void
trust_clear(struct engine *e)
{
	for (size_t i = 0; i < e->n_trust; i++) {
		X509_STORE_free(e->trust[i].store);
		free(e->trust[i].path);
	}
	free(e->trust);
}
