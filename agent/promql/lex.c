/*
 * lex.c - a PromQL text to tokens. Never reads past len; allocates only strings.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/promql/ast.h"

static int
peek(const struct lexer *l, size_t ahead)
{
	return l->at + ahead < l->len ? (unsigned char)l->text[l->at + ahead] : -1;
}

static void
skip_blank(struct lexer *l)
{
	for (;;) {
		int c = peek(l, 0);

		if (c == '#')
			while ((c = peek(l, 0)) != -1 && c != '\n')
				l->at++;
		else if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			l->at++;
		else
			return;
	}
}

static struct token
error(struct lexer *l, size_t at, const char *wrong)
{
	l->wrong = wrong;
	return (struct token){.kind = T_ERROR, .at = at};
}

/* ---- strings ---- */

static size_t
put_rune(char *dst, unsigned long c)
{
	if (c < 0x80) {
		dst[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		dst[0] = (char)(0xc0 | c >> 6);
		dst[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		dst[0] = (char)(0xe0 | c >> 12);
		dst[1] = (char)(0x80 | (c >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	dst[0] = (char)(0xf0 | c >> 18);
	dst[1] = (char)(0x80 | (c >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (c >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* One escape after the backslash; returns the bytes written, 0 when it is none. */
static size_t
escape(struct lexer *l, char quote, char *dst)
{
	static const char names[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
	int c = peek(l, 0), digits = 0, base = 16;
	const char *at;
	unsigned long v = 0;

	if (c == quote || (c > 0 && (at = strchr(names, c)) != NULL)) {
		dst[0] = c == quote ? quote : values[at - names];
		l->at++;
		return 1;
	}
	if (c == 'x' || c == 'u' || c == 'U') {
		digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
		l->at++;
	} else if (c >= '0' && c <= '7') {
		digits = 3;
		base = 8;
	}
	if (digits == 0)
		return 0;
	for (int i = 0; i < digits; i++, l->at++) {
		int d = peek(l, 0);

		if (d == -1 || !isxdigit(d) || (base == 8 && d > '7'))
			return 0;
		v = v * (unsigned)base + (unsigned)(isdigit(d) ? d - '0' : tolower(d) - 'a' + 10);
	}
	if (v == 0 || v > 0x10ffff)
		return 0;
	if (c == 'u' || c == 'U')
		return put_rune(dst, v);
	dst[0] = (char)v;
	return v < 256;
}

static struct token
string(struct lexer *l, char quote)
{
	size_t start = l->at++, n = 0;
	char *out = malloc(l->len - start + 8);

	if (out == NULL)
		return error(l, start, "out of memory");
	for (;;) {
		int c = peek(l, 0);

		if (c == -1 || c == 0 || (c == '\n' && quote != '`')) {
			free(out);
			return error(l, start, "unterminated quoted string");
		}
		l->at++;
		if (c == quote)
			break;
		if (c == '\\' && quote != '`') {
			size_t k = escape(l, quote, out + n);

			if (k == 0) {
				free(out);
				return error(l, l->at, "unknown escape sequence");
			}
			n += k;
		} else {
			out[n++] = (char)c;
		}
	}
	out[n] = '\0';
	return (struct token){.kind = T_STRING, .at = start, .len = l->at - start, .string = out};
}

/* ---- numbers and durations ---- */

static double
unit_ms(const char *text, size_t len, size_t *used)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}, {"w", 6.048e8},
	    {"y", 3.1536e10}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i].name);

		if (len >= n && strncmp(text, units[i].name, n) == 0
		    && (len == n || !isalpha((unsigned char)text[n]))) {
			*used = n;
			return units[i].ms;
		}
	}
	return 0;
}

/* "1h30m": units must shrink, each once. False when the text at start is no duration. */
static bool
duration(struct lexer *l, size_t start, double *ms)
{
	double last = INFINITY, sum = 0;
	size_t at = start;

	do {
		double v = 0, unit;
		size_t digits = at, used;

		while (at < l->len && isdigit((unsigned char)l->text[at]))
			v = v * 10 + (l->text[at++] - '0');
		if (at == digits || (unit = unit_ms(l->text + at, l->len - at, &used)) == 0
		    || unit >= last)
			return false;
		sum += v * unit;
		last = unit;
		at += used;
	} while (at < l->len && isdigit((unsigned char)l->text[at]));
	if (at < l->len && (isalpha((unsigned char)l->text[at]) || l->text[at] == '_'))
		return false;
	l->at = at;
	*ms = sum;
	return true;
}

static struct token
number(struct lexer *l)
{
	size_t start = l->at, n = 0;
	char copy[64], *end;
	double v;
	bool hex = peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X');

	if (duration(l, start, &v))
		return (struct token){
		    .kind = T_DURATION, .at = start, .len = l->at - start, .number = v};
	for (int c; (c = peek(l, n)) != -1; n++) {
		bool sign = (c == '+' || c == '-') && n > 0 && !hex
		    && (l->text[start + n - 1] == 'e' || l->text[start + n - 1] == 'E');

		if (!isalnum(c) && c != '.' && c != '_' && !sign)
			break;
	}
	if (n >= sizeof(copy))
		return error(l, start, "the number is too long");
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		if (l->text[start + i] != '_')
			copy[k++] = l->text[start + i];
	copy[k] = '\0';
	if (!hex && k > 1 && copy[0] == '0' && copy[strspn(copy, "01234567")] == '\0')
		v = (double)strtoull(copy, &end, 8);
	else
		v = strtod(copy, &end);
	if (*end != '\0' || end == copy)
		return error(l, start, "bad number or duration syntax");
	l->at += n;
	return (struct token){.kind = T_NUMBER, .at = start, .len = n, .number = v};
}

static struct token
name(struct lexer *l)
{
	size_t start = l->at;
	int c;

	while ((c = peek(l, 0)) != -1 && (isalnum(c) || c == '_' || (c == ':' && !l->in_braces)))
		l->at++;
	return (struct token){.kind = T_NAME, .at = start, .len = l->at - start};
}

static struct token
punct(struct lexer *l)
{
	static const char *const two[] = {"==", "!=", "=~", "!~", "<=", ">="};
	size_t start = l->at, n = 1;

	for (size_t i = 0; i < 6; i++)
		if (peek(l, 0) == two[i][0] && peek(l, 1) == two[i][1])
			n = 2;
	if (n == 1 && (peek(l, 0) == 0 || strchr("(){}[],:@+-*/%^=<>", peek(l, 0)) == NULL))
		return error(l, start, "unexpected character");
	l->at += n;
	return (struct token){.kind = T_PUNCT, .at = start, .len = n};
}

struct token
lex_next(struct lexer *l)
{
	int c;

	skip_blank(l);
	c = peek(l, 0);
	if (c == -1)
		return (struct token){.kind = T_END, .at = l->len};
	if (c == '"' || c == '\'' || c == '`')
		return string(l, (char)c);
	if (isdigit(c) || (c == '.' && isdigit(peek(l, 1))))
		return number(l);
	if (isalpha(c) || c == '_'
	    || (c == ':' && !l->in_braces && (isalpha(peek(l, 1)) || peek(l, 1) == '_')))
		return name(l);
	return punct(l);
}
