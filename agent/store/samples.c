/*
 * samples.c - see samples.h. Memory's end is fatal (lib/xmalloc.h): what is asked for here is
 * bounded by chunk sizes and by a query's ceiling.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/store/samples.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

void
samples_reset(struct samples *s)
{
	size_t i;

	for (i = 0; s->h != NULL && i < s->n; i++)
		hist_free(s->h[i]);
	free(s->h);
	s->h = NULL;
	s->n = 0;
}

void
samples_clear(struct samples *s)
{
	samples_reset(s);
	free(s->t);
	free(s->v);
	*s = (struct samples){0};
}

void
samples_reserve(struct samples *s, size_t cap)
{
	size_t i;

	if (cap <= s->cap)
		return;
	s->t = xrealloc(s->t, cap, sizeof(*s->t));
	s->v = xrealloc(s->v, cap, sizeof(*s->v));
	if (s->h != NULL) {
		s->h = xrealloc(s->h, cap, sizeof(*s->h));
		for (i = s->cap; i < cap; i++)
			s->h[i] = NULL;
	}
	s->cap = cap;
}

static void
samples_room(struct samples *s, size_t more, bool hists)
{
	size_t need = s->n + more, cap = s->cap > 0 ? s->cap : 8;

	while (cap < need)
		cap += cap < 1024 ? cap : cap / 2;
	samples_reserve(s, cap);
	if (hists && s->h == NULL)
		s->h = xcalloc(s->cap, sizeof(*s->h));
}

void
samples_push(struct samples *s, int64_t t_ms, double v, struct hist *h)
{
	if (s->n == s->cap || (h != NULL && s->h == NULL))
		samples_room(s, 1, h != NULL);
	s->t[s->n] = t_ms;
	s->v[s->n] = v;
	if (s->h != NULL)
		s->h[s->n] = h;
	s->n++;
}

size_t
samples_lower(const struct samples *s, int64_t t_ms)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->t[mid] < t_ms)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
samples_has(const struct samples *s, int64_t t_ms)
{
	size_t i = samples_lower(s, t_ms);

	return i < s->n && s->t[i] == t_ms;
}

bool
samples_insert(struct samples *s, int64_t t_ms, double v, struct hist *h)
{
	size_t i = samples_lower(s, t_ms), rest = s->n - i;

	if (rest > 0 && s->t[i] == t_ms)
		return false;
	samples_room(s, 1, h != NULL);
	memmove(s->t + i + 1, s->t + i, rest * sizeof(*s->t));
	memmove(s->v + i + 1, s->v + i, rest * sizeof(*s->v));
	s->t[i] = t_ms;
	s->v[i] = v;
	if (s->h != NULL) {
		memmove(s->h + i + 1, s->h + i, rest * sizeof(*s->h));
		s->h[i] = h;
	}
	s->n++;
	return true;
}

void
samples_drop(struct samples *s, size_t n)
{
	size_t rest = s->n - n, i;

	memmove(s->t, s->t + n, rest * sizeof(*s->t));
	memmove(s->v, s->v + n, rest * sizeof(*s->v));
	if (s->h != NULL) {
		for (i = 0; i < n; i++)
			hist_free(s->h[i]);
		memmove(s->h, s->h + n, rest * sizeof(*s->h));
	}
	s->n = rest;
}

void
samples_take(struct samples *dst, struct samples *src, size_t from, size_t n)
{
	if (n == 0)
		return;
	samples_room(dst, n, src->h != NULL);
	memcpy(dst->t + dst->n, src->t + from, n * sizeof(*dst->t));
	memcpy(dst->v + dst->n, src->v + from, n * sizeof(*dst->v));
	if (src->h != NULL) {
		memcpy(dst->h + dst->n, src->h + from, n * sizeof(*dst->h));
		memset(src->h + from, 0, n * sizeof(*src->h));
	} else if (dst->h != NULL) {
		memset(dst->h + dst->n, 0, n * sizeof(*dst->h));
	}
	dst->n += n;
}

static int
by_stamp(const void *a, const void *b, void *arg)
{
	const struct samples *s = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	if (s->t[i] != s->t[j])
		return s->t[i] < s->t[j] ? -1 : 1;
	return i < j ? -1 : i > j;
}

void
samples_settle(struct samples *s)
{
	struct samples out = {0};
	uint32_t *order;
	size_t i;

	for (i = 1; i < s->n && s->t[i - 1] < s->t[i]; i++)
		;
	if (i >= s->n)
		return;
	order = xcalloc(s->n, sizeof(*order));
	for (i = 0; i < s->n; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, s->n, sizeof(*order), by_stamp, s);
	samples_reserve(&out, s->n);
	for (i = 0; i < s->n; i++)
		if (out.n == 0 || out.t[out.n - 1] != s->t[order[i]])
			samples_take(&out, s, order[i], 1);
	free(order);
	samples_clear(s);
	*s = out;
}

struct hist *
samples_hist_copy(const struct hist *h)
{
	struct hist *copy = h != NULL ? hist_new_copy(h) : NULL;

	if (h != NULL && copy == NULL)
		(void)xrealloc(NULL, SIZE_MAX, 1); /* the one way to end for want of memory */
	return copy;
}
