/*
 * parse.c - one line by a compiled format; see log.h and format.c. This is where the time goes:
 * every byte of a line is looked at once or twice, and nothing is copied.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/access_log/format-internal.h"

#define JSON_DEPTH 16

struct line {
	struct log_format *f;
	struct tw_value *values;
	int64_t time_ms;
	bool has_escapes;               /* a backslash is in it somewhere */
	const char *client;             /* request_time, read when nothing better is there */
	size_t client_len;
	char at[POINTER_MAX + 16];      /* pointer of a member of a member */
};

/* ---- values ---- */

static bool
is_none(const char *s, size_t n)
{
	return n == 0 || (n == 1 && *s == '-');
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	    : c >= 'A' && c <= 'F'  ? c - 'A' + 10
				    : -1;
}

/* \xHH, \" and their kind become what they stand for, in place. The new length. */
static size_t
unescape(char *s, size_t n)
{
	char *to = memchr(s, '\\', n), *from = to, *end = s + n;

	if (to == NULL)
		return n;
	while (from < end) {
		if (*from != '\\' || from + 1 == end) {
			*to++ = *from++;
		} else if (from[1] == 'x' && end - from >= 4 && hex(from[2]) >= 0
		    && hex(from[3]) >= 0) {
			*to++ = (char)(hex(from[2]) * 16 + hex(from[3]));
			from += 4;
		} else {
			from++;
			*to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
			from++;
		}
	}
	return (size_t)(to - s);
}

static void
put_text(struct tw_value *v, char *s, size_t n)
{
	*v = (struct tw_value){.type = TW_FIELD_TEXT, .len = (uint32_t)n, .as.text = s};
}

static bool
put_int(struct tw_value *v, const char *s, size_t n)
{
	int64_t i = 0;
	uint32_t few;

	if (scan_digits(s, n, &few)) {
		*v = (struct tw_value){.type = TW_FIELD_INT, .as.integer = few};
		return true;
	}
	if (is_none(s, n))
		return true;
	if (n > 18)
		return false;
	for (size_t k = 0; k < n; k++) {
		if (s[k] < '0' || s[k] > '9')
			return false;
		i = i * 10 + s[k] - '0';
	}
	*v = (struct tw_value){.type = TW_FIELD_INT, .as.integer = i};
	return true;
}

static bool
put_last_int(struct tw_value *v, const char *s, size_t n)
{
	size_t from = n;

	while (from > 0 && s[from - 1] != ' ' && s[from - 1] != ',' && s[from - 1] != ':')
		from--;
	return put_int(v, s + from, n - from);
}

/* A decimal number without sign or exponent at s; how many bytes it takes, 0: none. */
static size_t
decimal(const char *s, size_t n, double *v)
{
	static const double scale[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
	int64_t digits = 0;
	size_t i = 0, point = 0;

	for (; i < n && i < 18; i++) {
		if (s[i] >= '0' && s[i] <= '9')
			digits = digits * 10 + s[i] - '0';
		else if (s[i] == '.' && point == 0 && i > 0)
			point = i;
		else
			break;
	}
	if (i == 0 || point == i - 1)
		return 0;
	if (point > 0 && i - 1 - point > 9)
		return 0;
	*v = (double)digits / scale[point > 0 ? i - 1 - point : 0];
	return i;
}

/* Several upstreams took their time one after the other: "0.004, 0.120 : -". */
static bool
put_seconds(struct tw_value *v, const char *s, size_t n, double unit)
{
	double sum = 0, one;
	bool is_any = false;
	size_t i = 0, took;
	uint32_t whole, milli;

	if (n > 4 && s[n - 4] == '.' && scan_digits(s, n - 4, &whole)
	    && scan_digits(s + n - 3, 3, &milli)) { /* nginx: 0.004 */
		*v = (struct tw_value){.type = TW_FIELD_REAL,
		    .as.real = (double)(whole * UINT64_C(1000) + milli) / 1e3 * unit};
		return true;
	}
	while (i < n) {
		if (s[i] == ' ' || s[i] == ',' || s[i] == ':' || s[i] == '-') {
			i++;
			continue;
		}
		if ((took = decimal(s + i, n - i, &one)) == 0)
			return false;
		sum += one;
		i += took;
		is_any = true;
	}
	if (is_any)
		*v = (struct tw_value){.type = TW_FIELD_REAL, .as.real = sum * unit};
	return true;
}

static bool
put_time(struct line *l, const char *s, size_t n)
{
	struct log_format *f = l->f;

	if (n == f->last_len && memcmp(s, f->last_time, n) == 0) {
		l->time_ms = f->last_ms;
		return true;
	}
	if (log_time_common(s, n, &l->time_ms) != 0 && log_time_iso(s, n, &l->time_ms) != 0
	    && log_time_epoch(s, n, &l->time_ms) != 0)
		return false;
	if (n <= sizeof(f->last_time)) {
		memcpy(f->last_time, s, n);
		f->last_len = n;
		f->last_ms = l->time_ms;
	}
	return true;
}

static bool
put_uri(struct line *l, char *s, size_t n)
{
	char *query = scan_byte(s, s + n, '?');
	size_t path = query != NULL ? (size_t)(query - s) : n;
	const int *at = l->f->at;

	if (at[FIELD_PATH] >= 0)
		put_text(&l->values[at[FIELD_PATH]], s, l->has_escapes ? unescape(s, path) : path);
	if (query != NULL && at[FIELD_QUERY] >= 0)
		put_text(&l->values[at[FIELD_QUERY]], query + 1, n - path - 1);
	return true;
}

/* There is one. */
static char *
last_space(char *s, size_t n)
{
	char *at = s + n - 1;
	unsigned found = n < SCAN_BLOCK ? 0
		: scan_equal(scan_load(s + n - SCAN_BLOCK), scan_splat(' '));

	if (found != 0)
		return s + n - SCAN_BLOCK + (31 - __builtin_clz(found));
	while (*at != ' ')
		at--;
	return at;
}

/* "GET /p?x=1 HTTP/1.1". What is none (a scanner's bytes, an empty request) still counts: it was a
 * request, and has a status. */
static bool
put_request(struct line *l, char *s, size_t n)
{
	char *space = scan_byte(s, s + n, ' '), *last;
	const int *at = l->f->at;

	if (space == NULL || space == s)
		return true;
	last = last_space(s, n);
	if (last == space || s + n - last < 6 || memcmp(last + 1, "HTTP/", 5) != 0)
		last = s + n;
	else if (at[FIELD_PROTOCOL] >= 0)
		put_text(&l->values[at[FIELD_PROTOCOL]], last + 1, (size_t)(s + n - last - 1));
	if (at[FIELD_METHOD] >= 0)
		put_text(&l->values[at[FIELD_METHOD]], s, (size_t)(space - s));
	return put_uri(l, space + 1, (size_t)(last - space - 1));
}

static bool
put(struct line *l, const struct step *st, char *s, size_t n)
{
	struct tw_value *v = st->value >= 0 ? &l->values[st->value] : NULL;

	switch (st->kind) {
	case K_SKIP: return true;
	case K_TEXT:
		if (!is_none(s, n))
			put_text(v, s, l->has_escapes ? unescape(s, n) : n);
		return true;
	case K_INT: return put_int(v, s, n);
	case K_LAST_INT: return put_last_int(v, s, n);
	case K_SECONDS: return put_seconds(v, s, n, 1);
	case K_MILLISECONDS: return put_seconds(v, s, n, 1e-3);
	case K_MICROSECONDS: return put_seconds(v, s, n, 1e-6);
	case K_CLIENT_SECONDS:
		l->client = s;
		l->client_len = n;
		return true;
	case K_TIME: return put_time(l, s, n);
	case K_URI: return put_uri(l, s, n);
	case K_REQUEST: return put_request(l, s, n);
	}
	return false;
}

/* ---- lines of steps ---- */

/* Does the literal of that step stand at s? [s, end) has its length at least. */
static inline bool
is_literal(const char *s, const struct step *st)
{
	if ((~scan_equal(scan_load(s), scan_load(st->head)) & st->head_mask) != 0)
		return false;
	return st->len <= SCAN_BLOCK
	    || memcmp(s + SCAN_BLOCK, st->literal + SCAN_BLOCK, st->len - SCAN_BLOCK) == 0;
}

/* Is the quote at s escaped? An even number of backslashes escapes only themselves. */
static bool
is_escaped(const char *s, const char *from)
{
	const char *back = s;

	while (back > from && back[-1] == '\\')
		back--;
	return (s - back) % 2 == 1;
}

/* Where the literal begins at or after s; NULL: nowhere. A quote that is escaped is a part of the
 * value before it. */
static inline char *
find(const struct line *l, char *s, const char *end, const struct step *next)
{
	scan_block first = scan_load(next->first);
	const char *from = s, *last = end - next->len; /* it begins here or before */
	unsigned found = scan_equal(scan_load(s), first);

	for (;;) {
		char *at = s + __builtin_ctz(found | 1u << SCAN_BLOCK);

		if (at > last)
			return NULL;
		if (found == 0) {
			if ((s = scan_to(s + SCAN_BLOCK, end, first)) > last)
				return NULL;
			found = scan_equal(scan_load(s), first);
		} else if (is_literal(at, next)
		    && !(l->has_escapes && *at == '"' && is_escaped(at, from))) {
			return at;
		} else {
			found &= found - 1;
		}
	}
}

static const char *
parse_steps(struct line *l, char *s, size_t len)
{
	const struct step *st = l->f->steps, *last = st + l->f->n_steps - 1;
	char *end = s + len, *to;
	size_t n;

	if (len < st->len || !is_literal(s, st))
		return "does not begin as the format does";
	s += st->len;
	for (; st < last; st++) {
		if (st + 1 == last && last->len == 0)
			to = end;
		else if ((to = find(l, s, end, st + 1)) == NULL)
			return "is cut, or of another format";
		n = (size_t)(to - s);
		if (st->kind == K_TEXT && !l->has_escapes) {
			if (!is_none(s, n))
				put_text(&l->values[st->value], s, n);
		} else if (st->kind != K_SKIP && !put(l, st, s, n)) {
			return st->kind == K_TIME ? "has no time" : "has a number that is none";
		}
		s = to + st[1].len;
	}
	return s == end || last->len > 0 ? NULL : "is longer than the format";
}

/* ---- lines of JSON ---- */

/* The end of a string whose first byte is behind the quote; NULL: it has none. */
static char *
string_end(char *s, const char *end)
{
	for (; s < end; s++) {
		if (*s == '"')
			return s;
		if (*s == '\\' && ++s == end)
			return NULL;
	}
	return NULL;
}

static size_t
put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	to[0] = (char)(0xe0 | c >> 12);
	to[1] = (char)(0x80 | (c >> 6 & 63));
	to[2] = (char)(0x80 | (c & 63));
	return 3;
}

/* JSON's escapes (RFC 8259, 7), in place; halves of a pair become what they are alone. */
static size_t
unescape_json(char *s, size_t n)
{
	char *to = memchr(s, '\\', n), *from = to, *end = s + n;

	if (to == NULL)
		return n;
	while (from < end) {
		if (*from != '\\' || from + 1 == end) {
			*to++ = *from++;
			continue;
		}
		if (from[1] == 'u' && end - from >= 6) {
			unsigned c = 0;

			for (int i = 2; i < 6; i++)
				c = c << 4 | (unsigned)(hex(from[i]) & 15);
			to += put_utf8(to, c);
			from += 6;
			continue;
		}
		switch (from[1]) {
		case 'n': *to++ = '\n'; break;
		case 't': *to++ = '\t'; break;
		case 'r': *to++ = '\r'; break;
		case 'b': *to++ = '\b'; break;
		case 'f': *to++ = '\f'; break;
		default: *to++ = from[1];
		}
		from += 2;
	}
	return (size_t)(to - s);
}

static char *
blanks(char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n'))
		s++;
	return s;
}

/* The end of a value that nobody asked for; NULL: it has none, or is too deep. */
static char *
skip_value(char *s, const char *end)
{
	int depth = 0;

	for (; s < end; s++) {
		if (*s == '"') {
			if ((s = string_end(s + 1, end)) == NULL)
				return NULL;
		} else if (*s == '{' || *s == '[') {
			if (++depth > JSON_DEPTH)
				return NULL;
		} else if (*s == '}' || *s == ']') {
			if (depth-- == 0)
				return s;
		} else if (*s == ',' && depth == 0) {
			return s;
		}
		if (depth == 0 && (*s == '}' || *s == ']' || *s == '"'))
			return s + 1;
	}
	return depth == 0 ? s : NULL;
}

static const struct step *
step_of(const struct log_format *f, const char *key, size_t n)
{
	for (size_t i = 0; i < f->n_steps; i++)
		if (f->steps[i].name[0] == key[0] && strlen(f->steps[i].name) == n
		    && memcmp(f->steps[i].name, key, n) == 0)
			return &f->steps[i];
	return NULL;
}

/* One member's value at s; where it ends, or NULL with why. */
static char *
member(struct line *l, const struct step *st, char *s, const char *end, const char **why)
{
	char *to;
	bool is_ok = true;

	*why = "is no whole JSON object";
	if (s < end && *s == '"') {
		if ((to = string_end(s + 1, end)) == NULL)
			return NULL;
		if (st != NULL)
			is_ok = put(l, st, s + 1, unescape_json(s + 1, (size_t)(to - s - 1)));
		to++;
	} else {
		if ((to = skip_value(s, end)) == NULL || to == s)
			return NULL;
		if (st != NULL && *s != '{' && *s != '[' && *s != 'n') {
			size_t n = (size_t)(to - s);

			while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
				n--;
			is_ok = put(l, st, s, n);
		}
	}
	if (!is_ok)
		*why = st->kind == K_TIME ? "has no time" : "has a number that is none";
	return is_ok ? to : NULL;
}

static char *parse_members(
    struct line *l, char *s, const char *end, size_t at, int depth, const char **why);

/* A value that stands at the pointer l->at (its first n bytes): members of members have their own.
 * Where it ends, or NULL with why. */
static char *
value_at(struct line *l, char *s, const char *end, size_t n, int depth, const char **why)
{
	if (depth < JSON_DEPTH && s < end && (*s == '{' || *s == '['))
		return parse_members(l, s, end, n, depth, why);
	return member(l, step_of(l->f, l->at, n), s, end, why);
}

/* An object, or an array whose members are called 0, 1, ... */
static char *
parse_members(
    struct line *l, char *s, const char *end, size_t at, int depth, const char **why)
{
	char close = *s == '{' ? '}' : ']', *key;

	*why = "is no whole JSON object";
	for (int i = 0, n = 0;; i++) {
		s = blanks(s + 1, end);
		if (i == 0 && s < end && *s == close)
			return s + 1;
		key = s + 1;
		if (close == ']') {
			n = snprintf(l->at + at, sizeof(l->at) - at, "/%d", i);
		} else {
			if (s == end || *s != '"' || (s = string_end(key, end)) == NULL)
				return NULL;
			n = snprintf(l->at + at, sizeof(l->at) - at, "/%.*s",
			    (int)(s - key < POINTER_MAX ? s - key : POINTER_MAX), key);
			s = blanks(s + 1, end);
			if (s == end || *s != ':')
				return NULL;
			s = blanks(s + 1, end);
		}
		if (at + (size_t)n >= sizeof(l->at)) /* nobody asks for what is as deep */
			s = member(l, NULL, s, end, why);
		else
			s = value_at(l, s, end, at + (size_t)n, depth + 1, why);
		if (s == NULL)
			return NULL;
		s = blanks(s, end);
		if (s < end && *s == close)
			return s + 1;
		if (s == end || *s != ',')
			return NULL;
	}
}

static const char *
parse_json(struct line *l, char *s, size_t len)
{
	char *end = s + len, *key;
	const char *why = NULL;

	s = blanks(s, end);
	if (s == end || *s++ != '{')
		return "is no JSON object";
	for (;;) {
		const struct step *st;
		size_t n;

		s = blanks(s, end);
		if (s < end && *s == '}')
			break;
		if (s == end || *s != '"' || (key = s + 1, s = string_end(key, end)) == NULL)
			return "is no whole JSON object";
		n = (size_t)(s - key);
		st = n > 0 ? step_of(l->f, key, n) : NULL;
		s = blanks(s + 1, end);
		if (s == end || *s != ':')
			return "is no whole JSON object";
		s = blanks(s + 1, end);
		if (l->f->is_nested && s < end && (*s == '{' || *s == '[') && n + 1 < POINTER_MAX) {
			l->at[0] = '/';
			memcpy(l->at + 1, key, n);
			s = parse_members(l, s, end, n + 1, 0, &why);
		} else {
			s = member(l, st, s, end, &why);
		}
		if (s == NULL)
			return why;
		s = blanks(s, end);
		if (s < end && *s == ',')
			s++;
		else if (s == end || *s != '}')
			return "is no whole JSON object";
	}
	return NULL;
}

const char *
log_format_parse(
    struct log_format *f, char *line, size_t len, bool has_escapes, struct tw_value *values,
    int64_t *time_ms)
{
	struct line l;
	const char *why;

	l.f = f; /* not `at`, which is written when it is read */
	l.values = values;
	l.time_ms = 0;
	l.has_escapes = has_escapes;
	l.client = NULL;
	l.client_len = 0;
	memset(values, 0, f->n_fields * sizeof(*values));
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if ((why = f->is_json ? parse_json(&l, line, len) : parse_steps(&l, line, len)) != NULL)
		return why;
	if (l.time_ms <= 0)
		return "has no time";
	if (values[f->at[FIELD_STATUS]].type != TW_FIELD_INT)
		return "has no status";
	if (l.client != NULL && values[f->at[FIELD_DURATION]].type == TW_FIELD_NONE
	    && !put_seconds(&values[f->at[FIELD_DURATION]], l.client, l.client_len, 1))
		return "has a number that is none";
	*time_ms = l.time_ms;
	return NULL;
}
