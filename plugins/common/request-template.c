/*
 * request-template.c - see request-template.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "plugins/common/request-template.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

#define TEMPLATE_BYTES_MAX (256 * 1024)

/* ---- names ---- */

int
names_find(const struct names *names, const char *name, size_t len)
{
	for (uint32_t i = 0; i < names->n; i++)
		if (strlen(names->name[i]) == len && memcmp(names->name[i], name, len) == 0)
			return (int)i;
	return -1;
}

int
names_add(struct names *names, const char *name)
{
	size_t len = strlen(name);
	int i = names_find(names, name, len);

	if (i >= 0)
		return i;
	if (len == 0 || len >= NAME_MAX_BYTES || isdigit((unsigned char)name[0]))
		return -EINVAL;
	for (size_t k = 0; k < len; k++)
		if (!isalnum((unsigned char)name[k]) && name[k] != '_')
			return -EINVAL;
	if (names->n == NAMES_MAX)
		return -ENOSPC;
	names->name[names->n] = name;
	return (int)names->n++;
}

/* Levenshtein's distance, at most NAME_MAX_BYTES long on both sides. */
static size_t
distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[NAME_MAX_BYTES + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t change = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			if (row[j] + 1 < change)
				change = row[j] + 1;
			row[j] = row[j - 1] + 1 < change ? row[j - 1] + 1 : change;
		}
	}
	return row[m];
}

void
names_hint(const struct names *names, const char *name, size_t len, char hint[96])
{
	size_t best = 3;

	hint[0] = '\0';
	for (uint32_t i = 0; len < NAME_MAX_BYTES && i < names->n; i++) {
		size_t d = distance(name, len, names->name[i], strlen(names->name[i]));

		if (d >= best || d >= len)
			continue;
		best = d;
		snprintf(hint, 96, " (did you mean ${%s}?)", names->name[i]);
	}
}

/* ---- values ---- */

int
value_set(struct value *v, const char *text, size_t len)
{
	char *copy;

	if (len > VALUE_BYTES_MAX)
		return -E2BIG;
	if ((copy = malloc(len + 1)) == NULL)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (v->text != NULL)
		explicit_bzero(v->text, v->len);
	free(v->text);
	v->text = copy;
	v->len = len;
	return 0;
}

void
values_clear(struct values *values)
{
	for (size_t i = 0; i < NAMES_MAX; i++) {
		if (values->at[i].text != NULL)
			explicit_bzero(values->at[i].text, values->at[i].len);
		free(values->at[i].text);
	}
	memset(values, 0, sizeof(*values));
}

/* ---- how a value is written ---- */

static bool
is_unreserved(unsigned char c)
{
	return isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static void
put_percent(struct buf *out, const char *s, size_t len, bool is_form, const char *hex)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (is_unreserved(c))
			buf_char(out, (char)c);
		else if (is_form && c == ' ')
			buf_char(out, '+');
		else
			buf_printf(out, "%%%c%c", hex[c >> 4], hex[c & 15]);
	}
}

/* As inside a JSON string, without the quotes. s ends at len. */
static void
put_json(struct buf *out, const char *s)
{
	struct buf quoted;

	buf_init(&quoted, 8 * VALUE_BYTES_MAX * 6);
	json_text(&quoted, s);
	if (quoted.failed || quoted.len < 2)
		out->failed = true;
	else
		buf_add(out, quoted.data + 1, quoted.len - 2);
	buf_free(&quoted);
}

static void
put_graphql(struct buf *out, const char *s)
{
	struct buf once;

	buf_init(&once, 8 * VALUE_BYTES_MAX);
	put_json(&once, s);
	put_json(out, buf_str(&once));
	out->failed |= once.failed;
	buf_free(&once);
}

/* A host, or host and port: nothing that could end it. */
static bool
host_ok(const struct value *v)
{
	for (size_t i = 0; i < v->len; i++)
		if (!isalnum((unsigned char)v->text[i]) && strchr(".-:", v->text[i]) == NULL)
			return false;
	return v->len > 0 && v->len < 256;
}

static int
put_value(const struct piece *p, const struct value *v, struct buf *out)
{
	switch (p->mode) {
	case FILL_URL:
		if (p->is_host) {
			if (!host_ok(v))
				return -EINVAL;
			buf_add(out, v->text, v->len);
			return 0;
		}
		/* These two are steps in a path, however they are written. */
		if (v->len == 0 || strcmp(v->text, ".") == 0 || strcmp(v->text, "..") == 0)
			return -EINVAL;
		put_percent(out, v->text, v->len, false, "0123456789ABCDEF");
		return 0;
	case FILL_FORM: put_percent(out, v->text, v->len, true, "0123456789ABCDEF"); return 0;
	case FILL_JSON: put_json(out, v->text); return 0;
	case FILL_GRAPHQL: put_graphql(out, v->text); return 0;
	case FILL_HEADER:
		if (strpbrk(v->text, "\r\n") != NULL)
			return -EINVAL;
		break;
	case FILL_TEXT: break;
	}
	buf_add(out, v->text, v->len);
	return 0;
}

/* ---- templates ---- */

static struct piece *
piece_new(struct template *t, enum fill_mode mode)
{
	struct piece *more = reallocarray(t->pieces, t->n + 1, sizeof(*more));

	if (more == NULL)
		return NULL;
	t->pieces = more;
	t->pieces[t->n] = (struct piece){.mode = mode, .name = -1};
	return &t->pieces[t->n++];
}

static int
add_text(struct template *t, enum fill_mode mode, const char *s, size_t len)
{
	struct piece *p;

	if (len == 0)
		return 0;
	if ((p = piece_new(t, mode)) == NULL)
		return -ENOMEM;
	p->from = (uint32_t)t->bytes.len;
	if (mode == FILL_FORM)
		put_percent(&t->bytes, s, len, true, "0123456789ABCDEF");
	else
		buf_add(&t->bytes, s, len);
	p->len = (uint32_t)(t->bytes.len - p->from);
	return t->bytes.failed ? -EINVAL : 0;
}

/* Is the ${name} at text[from..to) the whole of a JSON string, and no key? */
static bool
is_whole_string(const char *text, size_t from, size_t to)
{
	size_t after = to + 1;

	if (from == 0 || text[from - 1] != '"' || text[to] != '"'
	    || (from > 1 && text[from - 2] == '\\'))
		return false;
	while (text[after] == ' ')
		after++;
	return text[after] != ':';
}

/* Where the host of a URL begins and ends; 0,0: it is no URL. */
static void
host_range(const char *text, size_t *from, size_t *to)
{
	const char *at = strstr(text, "://");

	*from = at != NULL ? (size_t)(at - text) + 3 : 0;
	*to = at != NULL ? *from + strcspn(text + *from, "/?#") : 0;
}

static int
wrong_name(const struct names *names, const char *name, size_t len, struct template_wrong *wrong)
{
	char hint[96];

	names_hint(names, name, len, hint);
	snprintf(wrong->text, sizeof(wrong->text), "nobody gives ${%.*s} here%s",
	    len < NAME_MAX_BYTES ? (int)len : NAME_MAX_BYTES, name, hint);
	return -EINVAL;
}

/* The ${name} at text[at]; its end, or a negative code. */
static ptrdiff_t
add_name(struct template *t, const char *text, size_t at, enum fill_mode mode,
    const struct names *names, struct template_wrong *wrong)
{
	size_t len = strcspn(text + at, "}"), host_from, host_to;
	struct piece *p;
	int name;

	if (text[at + len] == '\0') {
		snprintf(wrong->text, sizeof(wrong->text),
		    "a ${ is not closed (a plain one is written $${)");
		return -EINVAL;
	}
	if ((name = names_find(names, text + at + 2, len - 2)) < 0)
		return wrong_name(names, text + at + 2, len - 2, wrong);
	if ((p = piece_new(t, mode)) == NULL)
		return -ENOMEM;
	p->name = name;
	host_range(text, &host_from, &host_to);
	p->is_host = mode == FILL_URL && at >= host_from && at < host_to;
	p->is_whole = mode == FILL_JSON && is_whole_string(text, at, at + len + 1);
	return (ptrdiff_t)(at + len + 1);
}

int
template_add(struct template *t, const char *text, enum fill_mode mode, const struct names *names,
    struct template_wrong *wrong)
{
	size_t at = 0;
	int rc;

	wrong->text[0] = '\0';
	if (t->bytes.max == 0)
		buf_init(&t->bytes, TEMPLATE_BYTES_MAX);
	while (text[at] != '\0') {
		size_t n = strcspn(text + at, "$");
		ptrdiff_t end;

		if ((rc = add_text(t, mode, text + at, n)) != 0)
			break;
		at += n;
		if (strncmp(text + at, "$${", 3) == 0) {
			rc = add_text(t, mode, "${", 2);
			at += 3;
		} else if (strncmp(text + at, "${", 2) == 0) {
			if ((end = add_name(t, text, at, mode, names, wrong)) < 0)
				return (int)end;
			at = (size_t)end;
		} else if (text[at] != '\0') {
			rc = add_text(t, mode, text + at++, 1);
		}
		if (rc != 0)
			break;
	}
	if (t->bytes.failed)
		snprintf(wrong->text, sizeof(wrong->text), "longer than %d bytes",
		    TEMPLATE_BYTES_MAX);
	return t->bytes.failed ? -EINVAL : text[at] == '\0' ? 0 : -ENOMEM;
}

void
template_clear(struct template *t)
{
	if (t->bytes.data != NULL)
		explicit_bzero(t->bytes.data, t->bytes.len);
	buf_free(&t->bytes);
	free(t->pieces);
	memset(t, 0, sizeof(*t));
}

int
template_missing(const struct template *t, const struct values *values)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->pieces[i].name >= 0 && values->at[t->pieces[i].name].text == NULL)
			return t->pieces[i].name;
	return -1;
}

bool
template_has_foreign_host(const struct template *t, const struct values *values)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->pieces[i].is_host && t->pieces[i].name >= 0
		    && values->at[t->pieces[i].name].is_foreign)
			return true;
	return false;
}

int
template_fill(
    const struct template *t, const struct values *values, struct buf *out, int *which)
{
	bool drops_quote = false;

	for (size_t i = 0; i < t->n; i++) {
		const struct piece *p = &t->pieces[i];
		const struct value *v = p->name >= 0 ? &values->at[p->name] : NULL;

		*which = p->name;
		if (v == NULL) {
			buf_add(out, t->bytes.data + p->from + drops_quote, p->len - drops_quote);
			drops_quote = false;
			continue;
		}
		if (v->text == NULL)
			return -EINVAL;
		if ((drops_quote = p->is_whole && v->is_literal && out->len > 0)) {
			out->data[--out->len] = '\0';
			buf_add(out, v->text, v->len);
		} else if (put_value(p, v, out) != 0) {
			return -EINVAL;
		}
		if (out->failed)
			return -E2BIG;
	}
	return out->failed ? -E2BIG : 0;
}

void
url_host(const char *url, char *dst, size_t cap)
{
	const char *host = strstr(url, "://"), *end, *user;
	size_t n;

	host = host != NULL ? host + 3 : url;
	end = host + strcspn(host, "/?#");
	if ((user = memrchr(host, '@', (size_t)(end - host))) != NULL)
		host = user + 1;
	n = *host == '[' ? strcspn(++host, "]/?#") : strcspn(host, ":/?#");
	snprintf(dst, cap, "%.*s", (int)n, host);
}

/* ---- redaction ---- */

#define SECRET_MIN 4     /* shorter ones stand in every text */
#define FORMS 6
#define HIDDEN_BYTES_MAX (1 << 20)

struct form { struct buf text; };

static void
forms_of(const struct value *v, struct form form[FORMS])
{
	for (int i = 0; i < FORMS; i++)
		buf_init(&form[i].text, 8 * VALUE_BYTES_MAX * 6);
	put_graphql(&form[0].text, v->text);
	put_json(&form[1].text, v->text);
	put_percent(&form[2].text, v->text, v->len, false, "0123456789ABCDEF");
	put_percent(&form[3].text, v->text, v->len, false, "0123456789abcdef");
	put_percent(&form[4].text, v->text, v->len, true, "0123456789ABCDEF");
	buf_add(&form[5].text, v->text, v->len);
}

static void
hide(struct buf *text, const struct buf *what, struct buf *out)
{
	const char *at = buf_str(text), *end = at + text->len, *hit;

	buf_reset(out);
	while ((hit = memmem(at, (size_t)(end - at), what->data, what->len)) != NULL) {
		buf_add(out, at, (size_t)(hit - at));
		buf_text(out, "<secret>");
		at = hit + what->len;
	}
	buf_add(out, at, (size_t)(end - at));
}

/* Longest first: one secret may be a part of another. */
static size_t
secrets_by_length(const struct values *values, const struct value *order[NAMES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < NAMES_MAX; i++) {
		const struct value *v = &values->at[i];
		size_t k = n;

		if (!v->is_secret || v->text == NULL || v->len < SECRET_MIN)
			continue;
		for (; k > 0 && order[k - 1]->len < v->len; k--)
			order[k] = order[k - 1];
		order[k] = v;
		n++;
	}
	return n;
}

void
redact(const struct values *values, const char *text, size_t len, struct buf *out)
{
	const struct value *order[NAMES_MAX];
	size_t n = secrets_by_length(values, order);
	struct buf from, to;

	buf_init(&from, HIDDEN_BYTES_MAX);
	buf_init(&to, HIDDEN_BYTES_MAX);
	buf_add(&from, text, len);
	for (size_t i = 0; i < n; i++) {
		struct form form[FORMS];

		forms_of(order[i], form);
		for (int k = 0; k < FORMS; k++) {
			hide(&from, &form[k].text, &to);
			struct buf swap = from;

			from = to;
			to = swap;
			explicit_bzero(form[k].text.data, form[k].text.len);
			buf_free(&form[k].text);
		}
	}
	/* What did not fit was not looked through. */
	if (!from.failed && !to.failed)
		buf_add(out, buf_str(&from), from.len);
	buf_free(&from);
	buf_free(&to);
}
