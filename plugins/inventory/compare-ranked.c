/*
 * compare-ranked.c - the first ones of many differences, or the one at a place, without sorting all
 * of them (quickselect): what is sorted by lies on the list, so that no difference is looked up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "plugins/inventory/compare-open.h"

struct ranked
ranked_of(struct difference *d, int64_t turn)
{
	return (struct ranked){turn, d->since_ms, d->id, d};
}

static int
by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->turn != y->turn)
		return x->turn < y->turn ? -1 : 1;
	if (x->since_ms != y->since_ms)
		return x->since_ms < y->since_ms ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void
swap(struct ranked *a, struct ranked *b)
{
	struct ranked r = *a;

	*a = *b;
	*b = r;
}

void
ranked_part(struct ranked *list, size_t n, size_t k)
{
	size_t low = 0, high = n; /* the place is in [low, high) */

	while (high - low > 1) {
		size_t at = low, last = high - 1;

		swap(&list[low + (high - low) / 2], &list[last]);
		for (size_t i = low; i < last; i++)
			if (by_rank(&list[i], &list[last]) < 0)
				swap(&list[i], &list[at++]);
		swap(&list[at], &list[last]);
		if (at == k)
			return;
		if (at < k)
			low = at + 1;
		else
			high = at;
	}
}

size_t
ranked_first(struct ranked *list, size_t n, size_t most)
{
	if (most < n)
		ranked_part(list, n, most);
	n = most < n ? most : n;
	qsort(list, n, sizeof(*list), by_rank);
	return n;
}
