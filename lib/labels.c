/*
 * labels.c - see labels.h.
 *
 * One block: the struct, its array of pairs, then all texts. Sorting happens once, at birth; after
 * that every comparison is a walk over two sorted arrays.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/labels.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

/* Copies one text to *at and moves it on. */
static const char *
place(char **at, const char *text)
{
	size_t n = strlen(text) + 1;
	char *here = *at;

	memcpy(here, text, n);
	*at += n;
	return here;
}

/* pairs: sorted, unique, without empty values. */
static int
build(struct labels **out, const struct label *pairs, size_t n)
{
	size_t bytes = 0;
	struct labels *l;
	char *texts;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(pairs[i].name) + strlen(pairs[i].value) + 2;
	if (n > LABELS_MAX || bytes > LABELS_MAX_BYTES)
		return -E2BIG;
	if ((l = malloc(sizeof(*l) + n * sizeof(struct label) + bytes)) == NULL)
		return -ENOMEM;
	l->refs = 1;
	l->n = (uint32_t)n;
	texts = (char *)&l->at[n];
	for (size_t i = 0; i < n; i++) {
		l->at[i].name = place(&texts, pairs[i].name);
		l->at[i].value = place(&texts, pairs[i].value);
	}
	l->hash = XXH3_64bits(&l->at[n], bytes);
	*out = l;
	return 0;
}

int
labels_new(struct labels **out, const struct label *pairs, size_t n)
{
	struct label kept[LABELS_MAX];
	size_t m = 0;

	*out = NULL;
	for (size_t i = 0; i < n; i++) {
		if (pairs[i].value == NULL || pairs[i].value[0] == '\0')
			continue;
		if (m == LABELS_MAX)
			return -E2BIG;
		kept[m++] = pairs[i];
	}
	qsort(kept, m, sizeof(kept[0]), by_name);
	for (size_t i = 1; i < m; i++)
		if (strcmp(kept[i - 1].name, kept[i].name) == 0)
			return -EEXIST;
	return build(out, kept, m);
}

struct labels *
labels_ref(const struct labels *l)
{
	struct labels *mine = (struct labels *)(uintptr_t)l;

	if (mine != NULL)
		__atomic_add_fetch(&mine->refs, 1, __ATOMIC_RELAXED);
	return mine;
}

void
labels_unref(const struct labels *l)
{
	struct labels *mine = (struct labels *)(uintptr_t)l;

	if (mine != NULL && __atomic_sub_fetch(&mine->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(mine);
}

const char *
labels_get(const struct labels *l, const char *name)
{
	for (uint32_t i = 0; l != NULL && i < l->n; i++)
		if (strcmp(l->at[i].name, name) == 0)
			return l->at[i].value;
	return "";
}

static uint32_t
count(const struct labels *l)
{
	return l != NULL ? l->n : 0;
}

int
labels_cmp(const struct labels *a, const struct labels *b)
{
	uint32_t n = count(a) < count(b) ? count(a) : count(b);
	int d;

	for (uint32_t i = 0; i < n; i++) {
		if ((d = strcmp(a->at[i].name, b->at[i].name)) != 0)
			return d;
		if ((d = strcmp(a->at[i].value, b->at[i].value)) != 0)
			return d;
	}
	return (count(a) > count(b)) - (count(a) < count(b));
}

bool
labels_equal(const struct labels *a, const struct labels *b)
{
	if (a == b)
		return true;
	if (a != NULL && b != NULL && a->hash != b->hash)
		return false;
	return labels_cmp(a, b) == 0;
}

static bool
listed(const char *name, const struct label *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(pairs[i].name, name) == 0)
			return true;
	return false;
}

int
labels_with(struct labels **out, const struct labels *base, const struct label *pairs, size_t n)
{
	struct label all[2 * LABELS_MAX];
	size_t m = 0;

	*out = NULL;
	if (n > LABELS_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < count(base); i++)
		if (!listed(base->at[i].name, pairs, n))
			all[m++] = base->at[i];
	/* A name given twice among the pairs: the last one counts, as in an assignment. */
	for (size_t i = 0; i < n; i++)
		if (!listed(pairs[i].name, pairs + i + 1, n - i - 1))
			all[m++] = pairs[i];
	return labels_new(out, all, m);
}

int
labels_pick(
    struct labels **out, const struct labels *base, const char *const *names, size_t n, bool keep)
{
	struct label all[LABELS_MAX];
	size_t m = 0;

	*out = NULL;
	for (uint32_t i = 0; i < count(base); i++) {
		bool named = false;

		for (size_t k = 0; k < n && !named; k++)
			named = strcmp(base->at[i].name, names[k]) == 0;
		if (named == keep)
			all[m++] = base->at[i];
	}
	return build(out, all, m);
}

/* ---- text ---- */

struct sink {
	char *dst;
	size_t cap, len;
};

static void
emit(struct sink *s, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++, s->len++)
		if (s->len + 1 < s->cap)
			s->dst[s->len] = text[i];
}

static void
emit_quoted(struct sink *s, const char *value)
{
	emit(s, "\"", 1);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			emit(s, "\\n", 2);
		else if (*value == '"' || *value == '\\')
			emit(s, *value == '"' ? "\\\"" : "\\\\", 2);
		else
			emit(s, value, 1);
	}
	emit(s, "\"", 1);
}

/* A label name that is no identifier is quoted, as Prometheus 3 writes UTF-8 names. */
static void
emit_name(struct sink *s, const char *name)
{
	if (label_name_ok(name))
		emit(s, name, strlen(name));
	else
		emit_quoted(s, name);
}

size_t
labels_format(const struct labels *l, char *dst, size_t cap)
{
	const char *metric = labels_get(l, LABEL_NAME), *comma = "";
	bool bare = metric_name_ok(metric);
	struct sink s = {dst, cap, 0};
	uint32_t others = count(l) - (metric[0] != '\0');

	if (bare)
		emit(&s, metric, strlen(metric));
	if (others > 0 || !bare) {
		emit(&s, "{", 1);
		if (!bare && metric[0] != '\0') {
			emit_quoted(&s, metric);
			comma = ", ";
		}
		for (uint32_t i = 0; i < count(l); i++) {
			if (strcmp(l->at[i].name, LABEL_NAME) == 0)
				continue;
			emit(&s, comma, strlen(comma));
			emit_name(&s, l->at[i].name);
			emit(&s, "=", 1);
			emit_quoted(&s, l->at[i].value);
			comma = ", ";
		}
		emit(&s, "}", 1);
	}
	if (cap > 0)
		dst[s.len < cap ? s.len : cap - 1] = '\0';
	return s.len;
}

struct source {
	const char *at, *end;
	char *texts;       /* unescaped texts so far; as large as the input plus a NUL a text */
};

static void
skip_blank(struct source *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
}

static bool
take(struct source *s, char c)
{
	skip_blank(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static const char *
take_word(struct source *s, bool colon)
{
	char *start = s->texts;

	skip_blank(s);
	while (s->at < s->end
	       && (isalnum((unsigned char)*s->at) || *s->at == '_' || (colon && *s->at == ':')))
		*s->texts++ = *s->at++;
	*s->texts++ = '\0';
	return start[0] == '\0' || isdigit((unsigned char)start[0]) ? NULL : start;
}

static const char *
take_quoted(struct source *s)
{
	char *start = s->texts;

	if (!take(s, '"'))
		return NULL;
	for (; s->at < s->end && *s->at != '"'; s->at++) {
		char c = *s->at;

		if (c == '\0')
			return NULL;
		if (c == '\\') {
			if (++s->at == s->end)
				return NULL;
			c = *s->at == 'n' ? '\n' : *s->at;
			if (*s->at != 'n' && *s->at != '"' && *s->at != '\\')
				return NULL;
		}
		*s->texts++ = c;
	}
	if (s->at == s->end)
		return NULL;
	s->at++;
	*s->texts++ = '\0';
	return start;
}

/* One member of the braces: name="value", or the quoted metric name. */
static bool
take_member(struct source *s, struct label *pair)
{
	skip_blank(s);
	if (s->at < s->end && *s->at == '"') {
		if ((pair->name = take_quoted(s)) == NULL)
			return false;
		skip_blank(s);
		if (s->at == s->end || *s->at != '=') {
			pair->value = pair->name;
			pair->name = LABEL_NAME;
			return true;
		}
	} else if ((pair->name = take_word(s, false)) == NULL) {
		return false;
	}
	return take(s, '=') && (pair->value = take_quoted(s)) != NULL;
}

static bool
take_members(struct source *s, struct label *pairs, size_t *n)
{
	if (!take(s, '{'))
		return true;
	while (!take(s, '}')) {
		if (*n == LABELS_MAX || !take_member(s, &pairs[*n]))
			return false;
		(*n)++;
		if (!take(s, ',') && (s->at == s->end || *s->at != '}'))
			return false;
	}
	return true;
}

int
labels_parse(struct labels **out, const char *text, size_t len, size_t *err_at)
{
	struct source s = {text, text + len, NULL};
	struct label pairs[LABELS_MAX];
	char *texts = malloc(2 * len + 16);
	size_t n = 0;
	int rc = 0;

	*out = NULL;
	if (texts == NULL)
		return -ENOMEM;
	s.texts = texts;
	skip_blank(&s);
	if (s.at < s.end && *s.at != '{') {
		pairs[n].name = LABEL_NAME;
		if ((pairs[n++].value = take_word(&s, true)) == NULL)
			rc = -EINVAL;
	}
	if (rc == 0 && !take_members(&s, pairs, &n))
		rc = -EINVAL;
	skip_blank(&s);
	if (rc == 0 && s.at != s.end)
		rc = -EINVAL;
	if (rc == 0)
		rc = labels_new(out, pairs, n);
	if (rc != 0 && err_at != NULL)
		*err_at = (size_t)(s.at - text);
	free(texts);
	return rc;
}

static bool
name_ok(const char *name, bool colon)
{
	if (*name == '\0' || isdigit((unsigned char)*name))
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && *name != '_' && !(colon && *name == ':'))
			return false;
	return true;
}

bool
label_name_ok(const char *name)
{
	return name_ok(name, false);
}

bool
metric_name_ok(const char *name)
{
	return name_ok(name, true);
}
