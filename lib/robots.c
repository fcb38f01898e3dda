/*
 * robots.c - see robots.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/robots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
robots_clear(struct robots *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->rules[i].path);
	free(r->rules);
	*r = (struct robots){0};
}

/* ---- escapes ---- */

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
	    : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
is_unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
	    || (c > 0 && c < 0x80 && strchr("-._~", c) != NULL);
}

static void
put_escape(char *dst, int c)
{
	static const char digits[] = "0123456789ABCDEF";

	dst[0] = '%';
	dst[1] = digits[c >> 4];
	dst[2] = digits[c & 15];
}

/* Unreserved characters as themselves, others as they are escaped, and not ASCII escaped. What does
 * not fit is cut off. How long. */
static size_t
make_alike(char dst[ROBOTS_PATH], const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 4 < ROBOTS_PATH; i++) {
		int c = (unsigned char)text[i];
		bool is_escape = c == '%' && len - i > 2 && hex(text[i + 1]) >= 0
		    && hex(text[i + 2]) >= 0;

		if (is_escape) {
			c = hex(text[i + 1]) * 16 + hex(text[i + 2]);
			i += 2;
		}
		if (is_unreserved(c) || (!is_escape && c < 0x80)) {
			dst[n++] = (char)c;
		} else {
			put_escape(dst + n, c);
			n += 3;
		}
	}
	dst[n] = '\0';
	return n;
}

/* ---- a file ---- */

struct line { const char *key, *value; size_t key_len, value_len; };

/* "Key: value # comment"; false: it is none. */
static bool
split(const char *at, const char *end, struct line *l)
{
	const char *hash = memchr(at, '#', (size_t)(end - at)), *colon;

	if (hash != NULL)
		end = hash;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if ((colon = memchr(at, ':', (size_t)(end - at))) == NULL)
		return false;
	l->key = at;
	l->key_len = (size_t)(colon - at);
	while (l->key_len > 0
	    && (l->key[l->key_len - 1] == ' ' || l->key[l->key_len - 1] == '\t'))
		l->key_len--;
	for (at = colon + 1; at < end && (*at == ' ' || *at == '\t');)
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	l->value = at;
	l->value_len = (size_t)(end - at);
	return true;
}

static bool
is_key(const struct line *l, const char *key)
{
	return l->key_len == strlen(key) && strncasecmp(l->key, key, l->key_len) == 0;
}

/* The name of a User-agent line up to a slash or a space: is it ours, or the one for all? */
static bool
names(const struct line *l, const char *name)
{
	size_t n = 0;

	while (n < l->value_len && l->value[n] != '/' && l->value[n] != ' ')
		n++;
	return n == strlen(name) && strncasecmp(l->value, name, n) == 0;
}

static int
add_rule(struct robots *r, const struct line *l)
{
	char path[ROBOTS_PATH];
	struct robots_rule *grown;

	if (l->value_len == 0 || r->n == ROBOTS_RULES)
		return 0;
	(void)make_alike(path, l->value, l->value_len);
	if ((grown = reallocarray(r->rules, r->n + 1, sizeof(*grown))) == NULL)
		return -ENOMEM;
	r->rules = grown;
	if ((grown[r->n].path = strdup(path)) == NULL)
		return -ENOMEM;
	grown[r->n++].allows = is_key(l, "allow");
	return 0;
}

/* The rules of all groups of that name; *has: there is one. */
static int
take_groups(struct robots *r, const char *name, const char *text, size_t len, bool *has)
{
	const char *end = text + len, *next;
	bool is_ours = false, is_head = false;
	struct line l;
	int rc = 0;

	*has = false;
	for (; text < end && rc == 0; text = next) {
		size_t n = 0;

		while (text + n < end && text[n] != '\n' && text[n] != '\r')
			n++;
		next = text + n + 1;
		if (!split(text, text + n, &l))
			continue;
		if (is_key(&l, "user-agent")) {
			is_ours = names(&l, name) || (is_head && is_ours);
			is_head = true;
			*has |= is_ours;
		} else if (is_key(&l, "allow") || is_key(&l, "disallow")) {
			is_head = false;
			rc = is_ours ? add_rule(r, &l) : 0;
		}
	}
	return rc;
}

int
robots_parse(struct robots *r, const char *name, const char *text, size_t len)
{
	bool has;
	int rc;

	robots_clear(r);
	if (len > ROBOTS_BYTES)
		len = ROBOTS_BYTES;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	rc = take_groups(r, name, text, len, &has);
	if (rc == 0 && !has)
		rc = take_groups(r, "*", text, len, &has);
	if (rc != 0)
		robots_clear(r);
	return rc;
}

/* ---- a path ---- */

/* Does the rule match from the begin of the path? Its length times the path's, at most. */
static bool
matches(const char *rule, const char *path)
{
	const char *star = NULL, *retry = NULL;

	for (;;) {
		if (*rule == '*') {
			star = ++rule;
			retry = path;
		} else if (*rule == '\0' || (*rule == '$' && rule[1] == '\0' && *path == '\0')) {
			return true;
		} else if (*path != '\0' && *rule == *path && (*rule != '$' || rule[1] != '\0')) {
			rule++;
			path++;
		} else if (star != NULL && *retry != '\0') {
			rule = star;
			path = ++retry;
		} else {
			return false;
		}
	}
}

bool
robots_allows(const struct robots *r, const char *path)
{
	char alike[ROBOTS_PATH];
	size_t longest = 0;
	bool allows = true;

	(void)make_alike(alike, path, strlen(path));
	for (size_t i = 0; i < r->n; i++) {
		size_t n = strlen(r->rules[i].path);

		if (n < longest || (n == longest && !r->rules[i].allows)
		    || !matches(r->rules[i].path, alike))
			continue;
		longest = n;
		allows = r->rules[i].allows;
	}
	return allows;
}
