/*
 * json-scan.c - is a text one JSON object? Answered without building it: what hosts report comes by
 * the hundred a second, and is only handed on.
 *
 * Grammar: RFC 8259. Narrower in what json_read refuses too: no NUL in strings, no half of a
 * surrogate pair, UTF-8 only, no key twice; and in numbers (DIGITS_MAX) and keys
 * (is_spelt_plainly).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/json.h"

#include <string.h>
#include <utf8proc.h>

#define DIGITS_MAX 18               /* before the point: any of them fits 64 bits */
#define EXPONENT_DIGITS_MAX 2       /* no such number overflows a double */

#define KEYS_MAX 512                /* of the objects that are open at one place */

struct key {
	const unsigned char *at;
	size_t len;
};

struct scan {
	const unsigned char *at, *end;
	struct key keys[KEYS_MAX];  /* of the open objects, the innermost last */
	size_t n_keys;
};

static bool scan_value(struct scan *s, int depth);

static void
skip_space(struct scan *s)
{
	while (s->at < s->end && *s->at != '\0' && strchr(" \t\r\n", *s->at) != NULL)
		s->at++;
}

static bool
take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != (unsigned char)c)
		return false;
	s->at++;
	return true;
}

static bool
take_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

/* The four digits of \uXXXX; -1: they are none. */
static int
scan_hex(struct scan *s)
{
	int v = 0;

	for (int i = 0; i < 4; i++, s->at++) {
		static const char digits[] = "0123456789abcdef";
		const char *d;

		if (s->at == s->end || *s->at == '\0'
		    || (d = strchr(digits, *s->at | (*s->at >= 'A' ? 0x20 : 0))) == NULL)
			return -1;
		v = v * 16 + (int)(d - digits);
	}
	return v;
}

static bool
scan_escape(struct scan *s)
{
	int high, low;

	if (s->at == s->end || *s->at == '\0')
		return false;
	if (*s->at != 'u')
		return strchr("\"\\/bfnrt", *s->at++) != NULL;
	s->at++;
	high = scan_hex(s);
	if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
		return false;
	if (high < 0xd800 || high > 0xdbff)
		return true;
	low = take_word(s, "\\u") ? scan_hex(s) : -1;
	return low >= 0xdc00 && low <= 0xdfff;
}

static bool
scan_string(struct scan *s)
{
	if (!take(s, '"'))
		return false;
	while (s->at < s->end && *s->at != '"') {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = 1;

		if (*s->at < 0x20)
			return false;
		if (*s->at == '\\') {
			s->at++;
			if (!scan_escape(s))
				return false;
			continue;
		}
		if (*s->at >= 0x80)
			n = utf8proc_iterate(s->at, s->end - s->at, &c);
		if (n <= 0)
			return false;
		s->at += n;
	}
	return take(s, '"');
}

static size_t
scan_digits(struct scan *s)
{
	const unsigned char *from = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return (size_t)(s->at - from);
}

static bool
scan_number(struct scan *s)
{
	bool zero;
	size_t n;

	(void)take(s, '-');
	zero = s->at < s->end && *s->at == '0';
	n = scan_digits(s);
	if (n == 0 || n > DIGITS_MAX || (zero && n > 1))
		return false;
	if (take(s, '.') && scan_digits(s) == 0)
		return false;
	if (!take(s, 'e') && !take(s, 'E'))
		return true;
	if (!take(s, '-'))
		(void)take(s, '+');
	n = scan_digits(s);
	return n > 0 && n <= EXPONENT_DIGITS_MAX;
}

/* Could the same key be spelt otherwise? */
static bool
is_spelt_plainly(const struct key *k)
{
	for (size_t i = 0; i + 1 < k->len; i++)
		if (k->at[i] == '\\' && strchr("\"\\", k->at[++i]) == NULL)
			return false;
	return true;
}

/* A key that its object, whose first key is `first`, does not have yet, and the colon behind it. */
static bool
scan_key(struct scan *s, size_t first)
{
	struct key k = {.at = s->at};

	if (s->n_keys == KEYS_MAX || !scan_string(s))
		return false;
	k.len = (size_t)(s->at - k.at);
	for (size_t i = first; i < s->n_keys; i++)
		if (s->keys[i].len == k.len && memcmp(s->keys[i].at, k.at, k.len) == 0)
			return false;
	s->keys[s->n_keys++] = k;
	skip_space(s);
	return is_spelt_plainly(&k) && take(s, ':');
}

/* What stands between the brackets of a list or object. */
static bool
scan_members(struct scan *s, char end, int depth)
{
	size_t first = s->n_keys;

	skip_space(s);
	if (take(s, end))
		return true;
	do {
		skip_space(s);
		if (end == '}' && !scan_key(s, first))
			return false;
		if (!scan_value(s, depth))
			return false;
		skip_space(s);
	} while (take(s, ','));
	s->n_keys = first;
	return take(s, end);
}

static bool
scan_value(struct scan *s, int depth)
{
	skip_space(s);
	if (depth == JSON_DEPTH_MAX || s->at == s->end)
		return false;
	switch (*s->at) {
	case '{': s->at++; return scan_members(s, '}', depth + 1);
	case '[': s->at++; return scan_members(s, ']', depth + 1);
	case '"': return scan_string(s);
	case 't': return take_word(s, "true");
	case 'f': return take_word(s, "false");
	case 'n': return take_word(s, "null");
	default: return scan_number(s);
	}
}

bool
json_is_object_text(const char *text, size_t len)
{
	struct scan s;

	s.at = (const unsigned char *)text;
	s.end = s.at + len;
	s.n_keys = 0;
	skip_space(&s);
	if (s.at == s.end || *s.at != '{' || !scan_value(&s, 0))
		return false;
	skip_space(&s);
	return s.at == s.end;
}
