/*
 * points.c - see points.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/promqltest/points.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void
blank(const char **text)
{
	while (**text == ' ' || **text == '\t')
		(*text)++;
}

static size_t
decimal(const char *s)
{
	size_t n = strspn(s, "0123456789.");

	if (n > 0 && (s[n] == 'e' || s[n] == 'E')) {
		size_t sign = s[n + 1] == '-' || s[n + 1] == '+',
		       digits = strspn(s + n + 1 + sign, "0123456789");

		if (digits > 0)
			n += 1 + sign + digits;
	}
	return n;
}

/* "0x5" is zero, five times more; so no strtod on the whole. */
bool
points_number(const char **text, double *v)
{
	const char *s = *text;
	double sign = 1;
	char copy[64];
	size_t n;

	if (*s == '+' || *s == '-')
		sign = *s++ == '-' ? -1 : 1;
	if (strncasecmp(s, "inf", 3) == 0 || strncasecmp(s, "nan", 3) == 0) {
		*v = tolower((unsigned char)*s) == 'i' ? sign * INFINITY : NAN;
		*text = s + 3;
		return true;
	}
	n = decimal(s);
	if (n == 0 || n >= sizeof(copy))
		return false;
	memcpy(copy, s, n);
	copy[n] = '\0';
	*v = sign * strtod(copy, NULL);
	*text = s + n;
	return true;
}

bool
points_time(const char **text, int64_t *ms)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}, {"w", 6.048e8},
	    {"y", 3.1536e10}};
	double sum = 0, v;
	bool any = false;

	blank(text);
	while (isdigit((unsigned char)**text) || (!any && **text == '-')) {
		size_t u = 0;

		if (!points_number(text, &v))
			return false;
		while (u < 7 && strncmp(*text, units[u].name, strlen(units[u].name)) != 0)
			u++;
		sum += v * (u < 7 ? units[u].ms : 1e3);
		*text += u < 7 ? strlen(units[u].name) : 0;
		any = true;
	}
	*ms = llround(sum);
	return any;
}

int
points_series(const char **text, struct labels **out)
{
	const char *start, *s;
	char quote = 0;

	blank(text);
	s = start = *text;
	while (isalnum((unsigned char)*s) || *s == '_' || *s == ':')
		s++;
	if (*s == '{') {
		for (; *s != '\0' && (quote != 0 || *s != '}'); s++) {
			if (quote != 0 && *s == '\\' && s[1] != '\0')
				s++;
			else if (*s == quote)
				quote = 0;
			else if (quote == 0 && *s == '"')
				quote = *s;
		}
		if (*s != '}')
			return -EINVAL;
		s++;
	}
	*text = s;
	return labels_parse(out, start, (size_t)(s - start), NULL);
}

/* ---- histograms ---- */

static int
put_point(struct points *p, struct point one)
{
	if (p->n == p->cap) {
		size_t cap = p->cap > 0 ? p->cap * 2 : 64;
		struct point *at = reallocarray(p->at, cap, sizeof(*at));

		if (at == NULL)
			return -ENOMEM;
		p->at = at;
		p->cap = cap;
	}
	p->at[p->n++] = one;
	return 0;
}

/* [1 2 3] into a fresh array. */
static bool
number_list(const char **text, double **out, size_t *n)
{
	double v;

	*n = 0;
	if (**text != '[' || (*out = calloc(256, sizeof(double))) == NULL)
		return false;
	for ((*text)++; **text != ']'; blank(text)) {
		blank(text);
		if (*n == 256 || !points_number(text, &v))
			return false;
		(*out)[(*n)++] = v;
	}
	(*text)++;
	return true;
}

static bool
side(const char **text, struct hist_bucket **to, uint32_t *n, uint32_t *cap)
{
	double *list = NULL;
	size_t k = 0;
	bool ok = number_list(text, &list, &k) && (*to = calloc(k + 1, sizeof(**to))) != NULL;

	for (size_t i = 0; ok && i < k; i++)
		(*to)[(*n)++] = (struct hist_bucket){(int32_t)i, list[i]};
	*cap = ok ? (uint32_t)k + 1 : 0;
	free(list);
	return ok;
}

static bool
reset_hint(const char **text, struct hist *h)
{
	static const char *const names[] = {"unknown", "reset", "not_reset", "gauge"};

	for (size_t i = 0; i < 4; i++)
		if (strncmp(*text, names[i], strlen(names[i])) == 0) {
			h->reset = (enum hist_reset)i;
			*text += strlen(names[i]);
			return true;
		}
	return false;
}

static bool
field(const char **text, const char *key, size_t len, struct hist *h, double shift[2])
{
#define IS(k_) (len == sizeof(k_) - 1 && strncmp(key, k_, len) == 0)
	double v, *list = NULL;
	size_t n = 0;

	if (IS("buckets"))
		return side(text, &h->pos, &h->n_pos, &h->cap_pos);
	if (IS("n_buckets"))
		return side(text, &h->neg, &h->n_neg, &h->cap_neg);
	if (IS("counter_reset_hint"))
		return reset_hint(text, h);
	if (IS("custom_values")) {
		if (!number_list(text, &list, &n)) {
			free(list);
			return false;
		}
		h->bounds = list;
		h->n_bounds = (uint32_t)n;
		return true;
	}
	if (!points_number(text, &v))
		return false;
	if (IS("schema"))
		h->schema = (int32_t)v;
	else if (IS("sum"))
		h->sum = v;
	else if (IS("count"))
		h->count = v;
	else if (IS("z_bucket"))
		h->zero_count = v;
	else if (IS("z_bucket_w"))
		h->zero_threshold = v;
	else if (IS("offset"))
		shift[0] = v;
	else if (IS("n_offset"))
		shift[1] = v;
	else
		return false;
	return true;
#undef IS
}

/* {{schema:1 sum:3 count:22 buckets:[5 10 7]}}; empty buckets are left out, as we keep them. */
static bool
histogram(const char **text, struct hist **out)
{
	struct hist *h = calloc(1, sizeof(*h));
	double shift[2] = {0, 0};
	uint32_t kept = 0;
	bool ok = h != NULL;

	*out = h;
	for (*text += 2; ok && **text != '\0' && **text != '}'; blank(text)) {
		const char *key;

		blank(text);
		key = *text;
		*text += strcspn(*text, ":}");
		if (**text != ':')
			break;
		(*text)++;
		ok = field(text, key, (size_t)(*text - 1 - key), h, shift);
	}
	if (!ok || strncmp(*text, "}}", 2) != 0)
		return false;
	*text += 2;
	for (uint32_t i = 0; i < h->n_pos; i++) {
		h->pos[i].idx += (int32_t)shift[0];
		if (h->pos[i].count != 0)
			h->pos[kept++] = h->pos[i];
	}
	h->n_pos = kept;
	kept = 0;
	for (uint32_t i = 0; i < h->n_neg; i++) {
		h->neg[i].idx += (int32_t)shift[1];
		if (h->neg[i].count != 0)
			h->neg[kept++] = h->neg[i];
	}
	h->n_neg = kept;
	return true;
}

static bool
operand(const char **text, struct point *p)
{
	*p = (struct point){.there = true};
	if (strncmp(*text, "{{", 2) == 0)
		return histogram(text, &p->h);
	return points_number(text, &p->v);
}

/* first, then `times` more, each by `step` further. */
static int
expand(struct points *out, struct point first, const struct point *step, double sign,
    unsigned long times)
{
	int rc = put_point(out, first);

	for (unsigned long i = 0; i < times && rc == 0; i++) {
		struct point p = {.there = first.there, .v = first.v};

		if (step != NULL)
			p.v = first.v + sign * step->v * (double)(i + 1);
		if (first.h != NULL && (p.h = hist_new_copy(out->at[out->n - 1].h)) == NULL)
			return -ENOMEM;
		if (p.h != NULL && step != NULL && step->h != NULL
		    && hist_add(p.h, step->h, sign) != 0) {
			hist_free(p.h);
			return -EINVAL;
		}
		rc = put_point(out, p);
	}
	return rc;
}

static int
item(const char **text, struct points *out)
{
	struct point first = {0}, step = {0};
	bool steps = false;
	double sign = 1;
	unsigned long times = 0;
	int rc;

	if (**text == '_') {
		(*text)++;
	} else if (strncmp(*text, "stale", 5) == 0) {
		first = (struct point){.there = true, .v = stale_nan()};
		*text += 5;
	} else if (!operand(text, &first)) {
		hist_free(first.h);
		return -EINVAL;
	}
	if (first.there && (**text == '+' || **text == '-')) {
		sign = *(*text)++ == '-' ? -1 : 1;
		steps = true;
		if (!operand(text, &step)) {
			hist_free(first.h);
			hist_free(step.h);
			return -EINVAL;
		}
	}
	if (**text == 'x') {
		char *end;

		times = strtoul(*text + 1, &end, 10);
		*text = end;
		/* `_xN` is N gaps; all others are one and N more. */
		times -= !first.there && times > 0;
	}
	rc = times > 1000000 ? -EINVAL : expand(out, first, steps ? &step : NULL, sign, times);
	hist_free(step.h);
	return rc;
}

int
points_values(const char **text, struct points *out)
{
	int rc = 0;

	for (blank(text); rc == 0 && **text != '\0'; blank(text)) {
		if ((rc = item(text, out)) == 0 && **text != '\0' && **text != ' '
		    && **text != '\t')
			rc = -EINVAL;
	}
	return rc;
}

void
points_clear(struct points *p)
{
	for (size_t i = 0; i < p->n; i++)
		hist_free(p->at[i].h);
	free(p->at);
	*p = (struct points){0};
}
