/*
 * json.c - see json.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The deepest nesting of brackets outside of strings: one pass, so that a megabyte of "[" costs a
 * microsecond a kilobyte and no stack. */
static int
depth_of(const char *text, size_t len)
{
	int depth = 0, deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > deepest)
				deepest = depth;
		} else if (c == ']' || c == '}') {
			depth--;
		}
	}
	return deepest;
}

json_t *
json_read(const char *text, size_t len, char *err, size_t err_cap)
{
	json_error_t e;
	json_t *v;

	if (depth_of(text, len) > JSON_DEPTH_MAX) {
		snprintf(err, err_cap, "nested deeper than %d", JSON_DEPTH_MAX);
		return NULL;
	}
	if ((v = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e)) == NULL)
		snprintf(err, err_cap, "line %d: %s", e.line, e.text);
	return v;
}

bool
json_pointer_ok(const char *p)
{
	if (*p != '\0' && *p != '/')
		return false;
	for (; *p != '\0'; p++)
		if (*p == '~' && p[1] != '0' && p[1] != '1')
			return false;
	return true;
}

/* One reference token, unescaped, into dst; returns where the next one begins, NULL when it does
 * not fit. */
static const char *
next_token(const char *p, char *dst, size_t cap)
{
	size_t n = 0;

	for (; *p != '\0' && *p != '/'; p++) {
		char c = *p;

		if (c == '~')
			c = *++p == '1' ? '/' : '~';
		if (n + 1 >= cap)
			return NULL;
		dst[n++] = c;
	}
	dst[n] = '\0';
	return p;
}

/* "0", "17"; not "01", not "-" (which names what is not there yet). */
static json_t *
element(json_t *array, const char *token)
{
	size_t len = strlen(token);
	char *end;
	unsigned long i;

	if (len == 0 || len > 9 || (token[0] == '0' && len > 1)
	    || strspn(token, "0123456789") != len)
		return NULL;
	i = strtoul(token, &end, 10);
	return json_array_get(array, i);
}

json_t *
json_at(json_t *v, const char *p)
{
	char token[256];

	if (!json_pointer_ok(p))
		return NULL;
	while (v != NULL && *p == '/') {
		if ((p = next_token(p + 1, token, sizeof(token))) == NULL)
			return NULL;
		if (json_is_object(v))
			v = json_object_get(v, token);
		else
			v = json_is_array(v) ? element(v, token) : NULL;
	}
	return v;
}

bool
json_scalar_text(const json_t *v, char *dst, size_t cap)
{
	int n = -1;

	switch (json_typeof(v)) {
	case JSON_STRING:
		if (json_string_length(v) != strlen(json_string_value(v)))
			return false;
		n = snprintf(dst, cap, "%s", json_string_value(v));
		break;
	case JSON_INTEGER:
		n = snprintf(dst, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL: n = snprintf(dst, cap, "%.17g", json_real_value(v)); break;
	case JSON_TRUE: n = snprintf(dst, cap, "true"); break;
	case JSON_FALSE: n = snprintf(dst, cap, "false"); break;
	case JSON_NULL: n = snprintf(dst, cap, "null"); break;
	default: break;
	}
	return n >= 0 && (size_t)n < cap;
}
