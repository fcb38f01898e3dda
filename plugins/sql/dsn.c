/*
 * dsn.c - where the database is: a URI of RFC 3986, as libpq and the drivers of MySQL write it.
 * See sql.h.
 *
 * The password is the one thing that must never be seen again. So no message here quotes what was
 * written, but names of parameters and schemes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/sql/sql.h"

static const struct { const char *scheme; enum sql_kind kind; } schemes[] = {
    {"postgresql", SQL_POSTGRESQL}, {"postgres", SQL_POSTGRESQL}, {"mysql", SQL_MYSQL},
    {"mariadb", SQL_MYSQL}, {"sqlite", SQL_SQLITE}};

/* What may stand behind the ?; of libpq's own words those that say where and how, not what. */
static const char *const postgresql_params[] = {"host", "port", "sslmode", "sslrootcert", "sslcert",
    "sslkey", "channel_binding", "target_session_attrs", "application_name", NULL};
static const char *const mysql_params[] = {"socket", "ssl", NULL};

static int
digit(int c)
{
	return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* Percent-decoded copy; NULL: broken, or no memory. */
static char *
decode(const char *s, size_t n)
{
	char *dst = malloc(n + 1);
	size_t k = 0;

	for (size_t i = 0; dst != NULL && i < n; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			int high = i + 1 < n ? digit((unsigned char)s[i + 1]) : -1;
			int low = i + 2 < n ? digit((unsigned char)s[i + 2]) : -1;
			c = high * 16 + low;
			if (high < 0 || low < 0 || c == 0) {
				free(dst);
				return NULL;
			}
			i += 2;
		}
		dst[k++] = (char)c;
	}
	if (dst != NULL)
		dst[k] = '\0';
	return dst;
}

static int
refuse(char *err, size_t cap, const char *what, const char *name)
{
	snprintf(err, cap, what, name);
	return -EINVAL;
}

static bool
is_known(enum sql_kind kind, const char *name)
{
	const char *const *known = kind == SQL_MYSQL ? mysql_params : postgresql_params;

	for (; kind != SQL_SQLITE && *known != NULL; known++)
		if (strcmp(*known, name) == 0)
			return true;
	return false;
}

static int
take_params(struct sql_dsn *d, const char *s, char *err, size_t cap)
{
	while (*s != '\0') {
		size_t n = strcspn(s, "&"), name = strcspn(s, "=&");
		struct sql_param *p = &d->params[d->n_params];

		if (d->n_params == sizeof(d->params) / sizeof(d->params[0]) || name >= n)
			return refuse(err, cap, "what stands behind the %s is no name=value", "?");
		p->name = decode(s, name);
		p->value = decode(s + name + 1, n - name - 1);
		d->n_params++;
		if (p->name == NULL || p->value == NULL)
			return refuse(err, cap, "%s: bad percent-encoding", "its parameters");
		if (!is_known(d->kind, p->name))
			return refuse(err, cap, "%s is no parameter of this database's dsn",
			    strcmp(p->name, "password") == 0 || strlen(p->name) > 32
				? "what stands behind the ?" : p->name);
		s += n + (s[n] == '&');
	}
	return 0;
}

/* "host", "host:port", "[::1]:port", "" */
static int
take_host(struct sql_dsn *d, const char *s, size_t n, char *err, size_t cap)
{
	const char *end = s + n, *port = NULL;
	char *rest;

	if (n > 0 && *s == '[') {
		const char *close = memchr(s, ']', n);

		if (close == NULL || (close + 1 < end && close[1] != ':'))
			return refuse(err, cap, "%s is not closed", "its [address]");
		port = close + 1 < end ? close + 2 : NULL;
		s++;
		n = (size_t)(close - s);
	} else if ((port = memchr(s, ':', n)) != NULL) {
		n = (size_t)(port++ - s);
	}
	if (memchr(s, ',', n) != NULL)
		return refuse(err, cap, "it names %s; one is read", "several hosts");
	if (n > 0 && (d->host = decode(s, n)) == NULL)
		return refuse(err, cap, "%s: bad percent-encoding", "its host");
	if (port == NULL || port == end)
		return 0;
	d->port = (int)strtol(port, &rest, 10);
	if (rest != end || d->port < 1 || d->port > 65535)
		return refuse(err, cap, "%s is no number from 1 to 65535", "its port");
	return 0;
}

static int
take_user(struct sql_dsn *d, const char *s, size_t n, char *err, size_t cap)
{
	const char *colon = memchr(s, ':', n);
	size_t user = colon != NULL ? (size_t)(colon - s) : n;

	d->user = decode(s, user);
	if (colon != NULL) {
		d->password = decode(colon + 1, n - user - 1);
		d->raw_password = strndup(colon + 1, n - user - 1);
	}
	if (d->user == NULL || (colon != NULL && d->password == NULL))
		return refuse(err, cap, "%s: bad percent-encoding", "its user or password");
	return 0;
}

/* SQLite: sqlite:///abs/path, sqlite:/abs/path, /abs/path. */
static int
take_path(struct sql_dsn *d, const char *s, char *err, size_t cap)
{
	if (strncmp(s, "//", 2) == 0)
		s += 2;
	if (*s != '/' || s[strlen(s) - 1] == '/')
		return refuse(err, cap, "%s must be an absolute path", "the file of SQLite");
	return (d->database = strdup(s)) != NULL ? 0 : -ENOMEM;
}

static int
take_authority(struct sql_dsn *d, const char *s, char *err, size_t cap)
{
	size_t n = strcspn(s, "/?"), params;
	const char *at = memrchr(s, '@', n);
	int rc = 0;

	/* A password may hold what must be encoded: better to look for the last @ of all. */
	if (at == NULL && strchr(s, '@') != NULL)
		return refuse(
		    err, cap, "%s: a / or ? in it is written %%2F or %%3F", "its password");
	if (at != NULL)
		rc = take_user(d, s, (size_t)(at - s), err, cap);
	at = at != NULL ? at + 1 : s;
	if (rc == 0)
		rc = take_host(d, at, (size_t)(s + n - at), err, cap);
	s += n;
	if (rc != 0 || *s == '\0')
		return rc;
	if (*s == '/') {
		params = strcspn(++s, "?");
		if (params > 0 && (d->database = decode(s, params)) == NULL)
			return refuse(err, cap, "%s: bad percent-encoding", "its database");
		s += params;
	}
	return *s == '?' ? take_params(d, s + 1, err, cap) : 0;
}

int
sql_dsn_parse(struct sql_dsn *d, const char *text, char *err, size_t cap)
{
	size_t n;

	memset(d, 0, sizeof(*d));
	if (*text == '/') {
		d->kind = SQL_SQLITE;
		return take_path(d, text, err, cap);
	}
	n = strcspn(text, ":");
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strlen(schemes[i].scheme) == n && strncasecmp(schemes[i].scheme, text, n) == 0)
			d->kind = schemes[i].kind;
	if (text[n] != ':' || d->kind == SQL_NO_KIND)
		return refuse(err, cap, "it begins with %s",
		    "postgresql://, mysql://, mariadb:// or sqlite://");
	text += n + 1;
	if (d->kind == SQL_SQLITE)
		return take_path(d, text, err, cap);
	if (strncmp(text, "//", 2) != 0)
		return refuse(err, cap, "%s is missing behind its scheme", "//");
	return take_authority(d, text + 2, err, cap);
}

static void
wipe(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

void
sql_dsn_clear(struct sql_dsn *d)
{
	free(d->user);
	free(d->host);
	free(d->database);
	wipe(d->password);
	wipe(d->raw_password);
	for (size_t i = 0; i < d->n_params; i++) {
		free(d->params[i].name);
		free(d->params[i].value);
	}
	memset(d, 0, sizeof(*d));
}

const char *
sql_dsn_param(const struct sql_dsn *d, const char *name)
{
	for (size_t i = 0; i < d->n_params; i++)
		if (strcmp(d->params[i].name, name) == 0)
			return d->params[i].value;
	return NULL;
}

static void
hide(char *text, const char *secret)
{
	size_t n = secret != NULL ? strlen(secret) : 0;
	char *at = text;

	while (n > 0 && (at = strstr(at, secret)) != NULL) {
		size_t stars = n < 3 ? n : 3;

		memset(at, '*', stars);
		memmove(at + stars, at + n, strlen(at + n) + 1);
		at += stars;
	}
}

void
sql_dsn_redact(const struct sql_dsn *d, char *text)
{
	hide(text, d->password);
	hide(text, d->raw_password);
	text[strcspn(text, "\r\n")] = '\0';
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
}
