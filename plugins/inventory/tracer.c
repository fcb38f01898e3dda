/*
 * tracer.c - see tracer.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/tracer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FADES_MS 86400000.0
#define POWER_MAX 300                 /* of e: weights are brought back to 1 before */

static double
weight_of(struct tracer *t, int64_t now_ms)
{
	double power = (double)(now_ms - t->landmark_ms) / FADES_MS;

	if (t->landmark_ms != 0 && power < POWER_MAX)
		return exp(power);
	for (uint32_t i = 0; i < t->n; i++)
		t->at[i].weight *= exp(-power);
	t->landmark_ms = now_ms;
	return 1;
}

void
tracer_changed(struct tracer *t, uint32_t row, int64_t now_ms)
{
	double weight = weight_of(t, now_ms);
	uint32_t rarest = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		if (t->at[i].row == row) {
			t->at[i].weight += weight;
			return;
		}
		if (t->at[i].weight < t->at[rarest].weight)
			rarest = i;
	}
	if (t->n < TRACER_KEYS)
		t->at[t->n++] = (struct traced){row, weight};
	else
		t->at[rarest] = (struct traced){row, t->at[rarest].weight + weight};
}

static int
by_weight(const void *a, const void *b)
{
	const struct traced *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

uint32_t
tracer_top(const struct tracer *t, uint32_t k, uint32_t rows[TRACER_KEYS])
{
	struct traced sorted[TRACER_KEYS];

	memcpy(sorted, t->at, t->n * sizeof(*sorted));
	qsort(sorted, t->n, sizeof(*sorted), by_weight);
	if (k > t->n)
		k = t->n;
	for (uint32_t i = 0; i < k; i++)
		rows[i] = sorted[i].row;
	return k;
}

/* Has the row a young difference? All of them are marked. */
static bool
mark_young(struct comparer *c, uint32_t row)
{
	struct difference *d;
	bool has = false;

	for (unsigned rule = 0; rule < c->n_rules; rule++) {
		uint64_t id = (uint64_t)row * RULES_MAX + rule;

		HASH_FIND(hh, c->open, &id, sizeof(id), d);
		if (d == NULL || d->is_asked)
			continue;
		d->is_traced = true;
		has = true;
	}
	return has;
}

static bool
is_asked(const struct comparer *c, uint32_t row)
{
	for (size_t i = 0; i < c->n_asked; i++)
		if (c->asked[i] == row)
			return true;
	return false;
}

size_t
tracer_ask(const struct tracer *t, struct comparer *c, uint32_t k, size_t keys_max)
{
	uint32_t rows[TRACER_KEYS], n = tracer_top(t, k, rows), *grown;
	size_t before = c->n_asked;

	if ((grown = reallocarray(c->asked, before + n + 1, sizeof(*grown))) == NULL)
		return 0;
	c->asked = grown;
	for (uint32_t i = 0; i < n && c->n_asked < keys_max; i++)
		if (mark_young(c, rows[i]) && !is_asked(c, rows[i]))
			c->asked[c->n_asked++] = rows[i];
	return c->n_asked - before;
}
