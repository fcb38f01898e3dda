/*
 * series.c - see series.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000

double
stale_nan(void)
{
	uint64_t bits = STALE_NAN_BITS;
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

bool
is_stale(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits == STALE_NAN_BITS;
}

/* ---- matchers ---- */

static int
compile(struct matcher *m, const char *value, char *err, size_t err_cap)
{
	size_t cap = strlen(value) + 16;
	char *anchored = malloc(cap);
	PCRE2_UCHAR text[128];
	PCRE2_SIZE at;
	int code;

	if (anchored == NULL)
		return -ENOMEM;
	snprintf(anchored, cap, "\\A(?:%s)\\z", value);
	m->re = pcre2_compile((PCRE2_SPTR)anchored, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOTALL, &code, &at, NULL);
	free(anchored);
	if (m->re != NULL)
		return 0;
	pcre2_get_error_message(code, text, sizeof(text));
	snprintf(err, err_cap, "error parsing regexp: %s: `%.100s`", (const char *)text, value);
	return -EINVAL;
}

int
matcher_init(struct matcher *m, enum match_op op, const char *name, const char *value, char *err,
    size_t err_cap)
{
	int rc = 0;

	*m = (struct matcher){.op = op, .name = strdup(name), .value = strdup(value)};
	if (m->name == NULL || m->value == NULL)
		rc = -ENOMEM;
	if (rc == 0 && (op == MATCH_RE || op == MATCH_NRE))
		rc = compile(m, value, err, err_cap);
	if (rc != 0)
		matcher_clear(m);
	return rc;
}

void
matcher_clear(struct matcher *m)
{
	free(m->name);
	free(m->value);
	pcre2_code_free(m->re);
	*m = (struct matcher){0};
}

/* A pattern that hits its limits does not match: bounded time is worth more than an exotic match.
 */
static bool
regex_ok(const struct matcher *m, const char *value)
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(m->re, NULL);
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	bool ok = false;

	if (data != NULL && limits != NULL) {
		pcre2_set_match_limit(limits, MATCH_LIMIT);
		pcre2_set_depth_limit(limits, DEPTH_LIMIT);
		ok = pcre2_match(m->re, (PCRE2_SPTR)value, strlen(value), 0, 0, data, limits) >= 0;
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(limits);
	return ok;
}

bool
matcher_ok(const struct matcher *m, const char *value)
{
	switch (m->op) {
	case MATCH_EQ: return strcmp(m->value, value) == 0;
	case MATCH_NE: return strcmp(m->value, value) != 0;
	case MATCH_RE: return regex_ok(m, value);
	default: return !regex_ok(m, value);
	}
}

bool
matchers_ok(const struct matcher *m, size_t n, const struct labels *l)
{
	for (size_t i = 0; i < n; i++)
		if (!matcher_ok(&m[i], labels_get(l, m[i].name)))
			return false;
	return true;
}

/* ---- sets ---- */

int
series_set_add(struct series_set *s, const struct labels *l, struct series **out)
{
	if (s->n == s->cap) {
		size_t cap = s->cap > 0 ? s->cap * 2 : 16;
		struct series *at = reallocarray(s->at, cap, sizeof(*at));

		if (at == NULL)
			return -ENOMEM;
		s->at = at;
		s->cap = cap;
	}
	s->at[s->n] = (struct series){.labels = labels_ref(l)};
	*out = &s->at[s->n++];
	return 0;
}

static int
grow(struct series *s, size_t cap)
{
	int64_t *t = reallocarray(s->t_ms, cap, sizeof(*t));
	double *v;

	if (t == NULL)
		return -ENOMEM;
	s->t_ms = t;
	if ((v = reallocarray(s->v, cap, sizeof(*v))) == NULL)
		return -ENOMEM;
	s->v = v;
	if (s->h != NULL) {
		struct hist **h = reallocarray(s->h, cap, sizeof(struct hist *));

		if (h == NULL)
			return -ENOMEM;
		s->h = h;
	}
	return 0;
}

int
series_append(struct series *s, size_t *cap, int64_t t_ms, double v, const struct hist *h)
{
	struct hist *copy = NULL;

	if (s->n == *cap) {
		size_t more = *cap > 0 ? *cap * 2 : 64;

		if (grow(s, more) != 0)
			return -ENOMEM;
		*cap = more;
	}
	if (h != NULL) {
		if (s->h == NULL && (s->h = calloc(*cap, sizeof(struct hist *))) == NULL)
			return -ENOMEM;
		if ((copy = hist_new_copy(h)) == NULL)
			return -ENOMEM;
	}
	if (s->h != NULL)
		s->h[s->n] = copy;
	s->t_ms[s->n] = t_ms;
	s->v[s->n++] = v;
	return 0;
}

void
series_set_clear(struct series_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct series *one = &s->at[i];

		for (size_t k = 0; one->h != NULL && k < one->n; k++)
			hist_free(one->h[k]);
		labels_unref(one->labels);
		free(one->t_ms);
		free(one->v);
		free(one->h);
	}
	free(s->at);
	*s = (struct series_set){0};
}
