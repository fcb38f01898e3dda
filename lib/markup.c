/*
 * markup.c - see markup.h. HTML Living Standard 13.2.5 (tokenization), as far as it matters here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/markup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TYPE_MAX 64                 /* of a script's type; a longer one is not ours */

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Where the text is, any case; NULL: nowhere. */
static const char *
find(const char *at, const char *end, const char *text)
{
	size_t n = strlen(text);

	for (; (size_t)(end - at) >= n; at++) {
		if ((at = memchr(at, text[0], (size_t)(end - at) - n + 1)) == NULL)
			return NULL;
		if (strncasecmp(at, text, n) == 0)
			return at;
	}
	return NULL;
}

/* ---- tags ---- */

struct tag {
	const char *name;
	size_t name_len;
	char type[TYPE_MAX];        /* its attribute `type`, unescaped; "" = none */
	const char *end;            /* behind its > */
};

static bool
is_called(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && strncasecmp(name, wanted, len) == 0;
}

/* The value of an attribute, from behind its =. Where it ends; NULL: the page does. */
static const char *
read_value(const char *at, const char *end, const char **value, size_t *len)
{
	const char *from;
	char quote;

	while (at < end && is_space(*at))
		at++;
	quote = at < end && (*at == '"' || *at == '\'') ? *at++ : '\0';
	from = *value = at;
	if (quote != '\0') {
		if ((at = memchr(from, quote, (size_t)(end - from))) == NULL)
			return NULL;
		*len = (size_t)(at - from);
		return at + 1;
	}
	while (at < end && !is_space(*at) && *at != '>')
		at++;
	*len = (size_t)(at - from);
	return at;
}

static void
take_type(struct tag *t, const char *name, size_t name_len, const char *value, size_t len)
{
	if (!is_called(name, name_len, "type") || t->type[0] != '\0' || len >= TYPE_MAX)
		return;
	memcpy(t->type, value, len);
	t->type[markup_unescape(t->type, len)] = '\0';
}

/* A tag from behind its <. False: the page ends in it. */
static bool
read_tag(const char *at, const char *end, struct tag *t)
{
	t->name = at;
	t->type[0] = '\0';
	while (at < end && !is_space(*at) && *at != '/' && *at != '>')
		at++;
	t->name_len = (size_t)(at - t->name);
	while (at < end && *at != '>') {
		const char *name = at, *value = "";
		size_t name_len, len = 0;

		if (is_space(*at) || *at == '/') {
			at++;
			continue;
		}
		at++; /* an = here is part of the name */
		while (at < end && !is_space(*at) && *at != '/' && *at != '>' && *at != '=')
			at++;
		name_len = (size_t)(at - name);
		while (at < end && is_space(*at))
			at++;
		if (at < end && *at == '='
		    && (at = read_value(at + 1, end, &value, &len)) == NULL)
			return false;
		take_type(t, name, name_len, value, len);
	}
	t->end = at + 1;
	return at < end;
}

/* ---- what is not markup ---- */

/* Behind a comment or another <! or <? thing, from its <. */
static const char *
skip_declaration(const char *at, const char *end)
{
	const char *close = at;

	if (end - at >= 4 && memcmp(at, "<!--", 4) == 0) {
		close = find(at + 2, end, "-->"); /* <!--> is a whole one, too */
		return close != NULL ? close + 3 : end;
	}
	close = memchr(at, '>', (size_t)(end - at));
	return close != NULL ? close + 1 : end;
}

/* The end tag of an element whose content is text; NULL: it is not closed. */
static const char *
find_close(const char *at, const char *end, const char *name, size_t name_len)
{
	for (; (at = find(at, end, "</")) != NULL; at += 2)
		if ((size_t)(end - at) > name_len + 2
		    && strncasecmp(at + 2, name, name_len) == 0
		    && (is_space(at[2 + name_len]) || at[2 + name_len] == '/'
			|| at[2 + name_len] == '>'))
			return at;
	return NULL;
}

static bool
holds_text(const struct tag *t)
{
	static const char *const names[] = {"script", "style", "textarea", "title", "xmp",
	    "iframe", "noembed", "noframes"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_called(t->name, t->name_len, names[i]))
			return true;
	return false;
}

/* application/ld+json, with parameters or not. */
static bool
is_ours(const struct tag *t)
{
	static const char type[] = "application/ld+json";
	const char *at = t->type;

	while (is_space(*at))
		at++;
	if (!is_called(t->name, t->name_len, "script")
	    || strncasecmp(at, type, sizeof(type) - 1) != 0)
		return false;
	at += sizeof(type) - 1;
	return *at == '\0' || *at == ';' || is_space(*at);
}

/* ---- what templates put around the JSON ---- */

static bool
drop_before(const char **text, size_t *len, const char *mark)
{
	size_t n = strlen(mark);

	if (*len < n || memcmp(*text, mark, n) != 0)
		return false;
	*text += n;
	*len -= n;
	return true;
}

static bool
drop_behind(const char *text, size_t *len, const char *mark)
{
	size_t n = strlen(mark);

	if (*len < n || memcmp(text + *len - n, mark, n) != 0)
		return false;
	*len -= n;
	return true;
}

static void
strip(const char **text, size_t *len)
{
	static const char *const before[] = {" ", "\t", "\n", "\r", "\f", "\xef\xbb\xbf",
	    "<![CDATA[", "//<![CDATA[", "// <![CDATA[", "/*<![CDATA[*/", "/* <![CDATA[ */",
	    "<!--"};
	static const char *const behind[] = {" ", "\t", "\n", "\r", "\f", ";", "//]]>", "// ]]>",
	    "/*]]>*/", "/* ]]> */", "]]>", "//-->", "-->"};
	bool is_more = true;

	while (is_more && *len > 0) {
		is_more = false;
		for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
			is_more |= drop_before(text, len, before[i]);
		for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
			is_more |= drop_behind(*text, len, behind[i]);
	}
}

bool
markup_next(struct markup *m, const char **text, size_t *len)
{
	const char *close;
	struct tag t;

	while ((m->at = memchr(m->at, '<', (size_t)(m->end - m->at))) != NULL
	    && m->end - m->at > 1) {
		if (m->at[1] == '!' || m->at[1] == '?') {
			m->at = skip_declaration(m->at, m->end);
			continue;
		}
		if (!is_letter(m->at[1])) {
			m->at++;
			continue;
		}
		if (!read_tag(m->at + 1, m->end, &t))
			break;
		m->at = t.end;
		if (!holds_text(&t))
			continue;
		if ((close = find_close(m->at, m->end, t.name, t.name_len)) == NULL) {
			m->n_unclosed += is_ours(&t);
			break;
		}
		*text = m->at;
		*len = (size_t)(close - m->at);
		m->at = close;
		if (!is_ours(&t))
			continue;
		strip(text, len);
		return true;
	}
	m->at = m->end;
	return false;
}

/* ---- entities ---- */

static size_t
put_utf8(char *to, unsigned long c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The character that "amp", "#43", "#x2B" is; 0: none. What it becomes is never longer. */
static unsigned long
entity(const char *name, size_t len)
{
	static const struct { const char *name; char c; } known[] = {
	    {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
	char number[10];
	unsigned long c;
	char *end;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == len && memcmp(known[i].name, name, len) == 0)
			return (unsigned char)known[i].c;
	if (len < 2 || len > sizeof(number) || name[0] != '#')
		return 0;
	memcpy(number, name + 1, len - 1);
	number[len - 1] = '\0';
	c = number[0] == 'x' || number[0] == 'X' ? strtoul(number + 1, &end, 16)
						   : strtoul(number, &end, 10);
	return *end == '\0' && c < 0x110000 && (c < 0xd800 || c > 0xdfff) ? c : 0;
}

size_t
markup_unescape(char *text, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		const char *end = text[i] == '&' ? memchr(text + i, ';', len - i) : NULL;
		unsigned long c = end != NULL
		    ? entity(text + i + 1, (size_t)(end - text) - i - 1) : 0;

		if (c == 0) {
			text[to++] = text[i];
			continue;
		}
		to += put_utf8(text + to, c);
		i = (size_t)(end - text);
	}
	return to;
}
