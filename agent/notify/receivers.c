/*
 * receivers.c - the table of receiver kinds, and what can be wrong with a list of receivers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/notify/receiver.h"

static const struct receiver_driver *const drivers[] = {
    &receiver_webhook,
};

const struct receiver_driver *
receiver_driver(const char *type)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strcmp(drivers[i]->type, type) == 0)
			return drivers[i];
	return NULL;
}

static int __attribute__((format(printf, 3, 4))) wrong(char *err, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, cap, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const struct receiver *
find(const struct receiver *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

static int
check_secret(const char *key, const char *secret, char *err, size_t cap)
{
	struct webhook_key k;
	int rc;

	if (secret == NULL)
		return 0;
	rc = webhook_key_parse(&k, secret);
	webhook_key_clear(&k);
	if (rc == -ERANGE)
		return wrong(err, cap, "%s: the key must have %d to %d bytes", key, WEBHOOK_KEY_MIN,
		    WEBHOOK_KEY_MAX);
	if (rc != 0)
		return wrong(err, cap, "%s: not base64 (whsec_ and base64 of random bytes)", key);
	return 0;
}

static int
check_one(const struct receiver *list, size_t n, const struct receiver *r, char *err, size_t cap)
{
	const struct receiver_driver *d = receiver_driver(r->type);
	const struct receiver *fallback;
	int rc;

	if (d == NULL)
		return wrong(
		    err, cap, "type: there is no receiver type \"%s\" (there is webhook)", r->type);
	if (find(list, n, r->name) != r)
		return wrong(err, cap, "another receiver has this name");
	if ((rc = check_secret("secret", r->secret, err, cap)) != 0
	    || (rc = check_secret("secret_old", r->secret_old, err, cap)) != 0)
		return rc;
	if (r->secret == NULL && r->secret_old != NULL)
		return wrong(err, cap, "secret_old without secret");
	for (size_t i = 0; i < r->n_headers; i++)
		if (r->headers[i].name[strcspn(r->headers[i].name, ": \t\r\n")] != '\0'
		    || r->headers[i].value[strcspn(r->headers[i].value, "\r\n")] != '\0'
		    || r->headers[i].name[0] == '\0')
			return wrong(err, cap, "headers: not a header that HTTP allows");
	if (r->fallback != NULL) {
		if ((fallback = find(list, n, r->fallback)) == NULL)
			return wrong(
			    err, cap, "fallback: there is no receiver \"%s\"", r->fallback);
		if (fallback == r)
			return wrong(err, cap, "fallback: a receiver cannot stand in for itself");
	}
	return d->check(r, err, cap);
}

int
receivers_check(const struct receiver *list, size_t n, size_t *which, char *err, size_t cap)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		*which = i;
		rc = check_one(list, n, &list[i], err, cap);
	}
	return rc;
}
