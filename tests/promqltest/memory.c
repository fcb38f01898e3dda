/*
 * memory.c - a storage in memory behind struct querier, for test scripts. See points.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/promqltest/points.h"

static int
series_of(struct memory *m, const struct labels *l, size_t *at)
{
	struct series *s;

	for (*at = 0; *at < m->set.n; (*at)++)
		if (labels_equal(m->set.at[*at].labels, l))
			return 0;
	if (m->set.n == m->n_caps) {
		size_t n = m->n_caps > 0 ? m->n_caps * 2 : 16,
		       *caps = reallocarray(m->caps, n, sizeof(*caps));

		if (caps == NULL)
			return -ENOMEM;
		m->caps = caps;
		m->n_caps = n;
	}
	m->caps[*at] = 0;
	return series_set_add(&m->set, l, &s);
}

int
memory_add(struct memory *m, const struct labels *l, int64_t t_ms, double v, const struct hist *h)
{
	size_t at;
	int rc = series_of(m, l, &at);

	return rc == 0 ? series_append(&m->set.at[at], &m->caps[at], t_ms, v, h) : rc;
}

void
memory_clear(struct memory *m)
{
	series_set_clear(&m->set);
	free(m->caps);
	*m = (struct memory){0};
}

static int
memory_select(void *ctx, const struct matcher *m, size_t n, int64_t from_ms, int64_t to_ms,
    size_t max_samples, bool (*cancelled)(void *), void *cancel_arg, struct series_set *out)
{
	const struct memory *mem = ctx;

	(void)cancelled;
	(void)cancel_arg;
	for (size_t i = 0; i < mem->set.n; i++) {
		const struct series *s = &mem->set.at[i];
		struct series *to = NULL;
		size_t cap = 0;

		if (!matchers_ok(m, n, s->labels))
			continue;
		for (size_t k = 0; k < s->n; k++) {
			if (s->t_ms[k] < from_ms || s->t_ms[k] > to_ms)
				continue;
			if (to == NULL && series_set_add(out, s->labels, &to) != 0)
				return -ENOMEM;
			if (++out->samples > max_samples)
				return -E2BIG;
			if (series_append(
				to, &cap, s->t_ms[k], s->v[k], s->h != NULL ? s->h[k] : NULL)
			    != 0)
				return -ENOMEM;
		}
	}
	return 0;
}

struct querier
memory_querier(struct memory *m)
{
	return (struct querier){m, memory_select};
}

/* ---- classic buckets to custom bounds ----------------------------------------------------------
 */

#define BOUNDS_MAX 64

struct family {
	struct labels *labels;  /* name without suffix, without le */
	size_t member[BOUNDS_MAX];
	double le[BOUNDS_MAX];
	size_t n, sum, count;   /* SIZE_MAX: no such series */
};

static bool
base_name(const char *name, const char *suffix, char *dst, size_t cap)
{
	size_t n = strlen(name), k = strlen(suffix);

	if (n <= k || n - k >= cap || strcmp(name + n - k, suffix) != 0)
		return false;
	memcpy(dst, name, n - k);
	dst[n - k] = '\0';
	return true;
}

static struct family *
family_of(struct family *fs, size_t *n, const struct labels *l)
{
	for (size_t i = 0; i < *n; i++)
		if (labels_equal(fs[i].labels, l))
			return &fs[i];
	fs[*n] = (struct family){.labels = labels_ref(l), .sum = SIZE_MAX, .count = SIZE_MAX};
	return &fs[(*n)++];
}

static void
put_bucket(struct family *f, size_t member, double le)
{
	size_t at = f->n;

	if (f->n == BOUNDS_MAX)
		return;
	for (; at > 0 && f->le[at - 1] > le; at--) {
		f->le[at] = f->le[at - 1];
		f->member[at] = f->member[at - 1];
	}
	f->le[at] = le;
	f->member[at] = member;
	f->n++;
}

static int
sort_in(struct family *fs, size_t *n, const struct labels *l, size_t member)
{
	const char *name = labels_get(l, LABEL_NAME), *le = labels_get(l, "le");
	char base[256];
	bool bucket = base_name(name, "_bucket", base, sizeof(base)) && *le != '\0';
	bool count = !bucket && base_name(name, "_count", base, sizeof(base));
	struct label set[] = {{LABEL_NAME, base}, {"le", ""}};
	struct labels *key;
	struct family *f;
	int rc;

	if (!bucket && !count && !base_name(name, "_sum", base, sizeof(base)))
		return 0;
	if ((rc = labels_with(&key, l, set, 2)) != 0)
		return rc;
	f = family_of(fs, n, key);
	labels_unref(key);
	if (bucket)
		put_bucket(f, member, strtod(le, NULL));
	else if (count)
		f->count = member;
	else
		f->sum = member;
	return 0;
}

static bool
value_at(const struct memory *m, size_t member, int64_t t, double *v)
{
	const struct series *s;

	if (member == SIZE_MAX)
		return false;
	s = &m->set.at[member];
	for (size_t i = 0; i < s->n; i++)
		if (s->t_ms[i] == t && !is_stale(s->v[i])) {
			*v = s->v[i];
			return true;
		}
	return false;
}

/* The buckets count up; ours count each for itself. What lies above the last bound goes into +Inf.
 */
static int
histogram_at(struct memory *m, const struct family *f, int64_t t)
{
	struct hist_bucket pos[BOUNDS_MAX + 1];
	double bounds[BOUNDS_MAX + 1], v, last = 0, total = 0;
	struct hist h = {.schema = HIST_SCHEMA_CUSTOM, .pos = pos, .bounds = bounds};
	bool any = false;
	int32_t idx = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (!value_at(m, f->member[i], t, &v))
			continue;
		any = true;
		if (!isinf(f->le[i]))
			bounds[h.n_bounds++] = f->le[i];
		if (v != last)
			pos[h.n_pos++] = (struct hist_bucket){idx, v - last};
		idx++;
		last = v;
	}
	if (!any)
		return 0;
	total = last;
	if (value_at(m, f->count, t, &v) && v > total) {
		pos[h.n_pos++] = (struct hist_bucket){(int32_t)h.n_bounds, v - last};
		total = v;
	}
	h.count = total;
	(void)value_at(m, f->sum, t, &h.sum);
	return memory_add(m, f->labels, t, 0, &h);
}

int
memory_add_nhcb(struct memory *m)
{
	struct family *fs = calloc(m->set.n + 1, sizeof(*fs));
	size_t n = 0, series = m->set.n;
	int rc = fs != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < series && rc == 0; i++)
		rc = sort_in(fs, &n, m->set.at[i].labels, i);
	for (size_t i = 0; i < n && rc == 0; i++) {
		for (size_t k = 0; fs[i].n > 0 && rc == 0 && k < m->set.at[fs[i].member[0]].n; k++)
			rc = histogram_at(m, &fs[i], m->set.at[fs[i].member[0]].t_ms[k]);
	}
	for (size_t i = 0; i < n; i++)
		labels_unref(fs[i].labels);
	free(fs);
	return rc;
}
