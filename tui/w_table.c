/*
 * w_table.c - columns with a least and a wanted width; when they do not fit, the least important
 * goes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "tui/widgets.h"

static int
total(const struct columns *k)
{
	int sum = 0;

	for (int i = 0; i < k->n; i++)
		sum += k->w[i] > 0 ? k->w[i] + 1 : 0;
	return sum > 0 ? sum - 1 : 0;
}

void
columns_fit(struct columns *k, const struct column *c, int n, int w, int grow)
{
	int x = 0;

	k->n = n > COLUMNS_MAX ? COLUMNS_MAX : n;
	for (int i = 0; i < k->n; i++)
		k->w[i] = c[i].min;
	while (total(k) > w) {
		int drop = -1;

		for (int i = 0; i < k->n; i++)
			if (k->w[i] > 0 && (drop < 0 || c[i].priority < c[drop].priority))
				drop = i;
		if (drop < 0)
			break;
		k->w[drop] = 0;
	}
	for (int i = 0; i < k->n; i++) {
		int more = w - total(k);

		if (k->w[i] > 0 && more > 0)
			k->w[i] += more < c[i].want - c[i].min ? more : c[i].want - c[i].min;
	}
	if (grow >= 0 && grow < k->n && k->w[grow] > 0 && total(k) < w)
		k->w[grow] += w - total(k);
	for (int i = 0; i < k->n; i++) {
		k->x[i] = x;
		x += k->w[i] > 0 ? k->w[i] + 1 : 0;
	}
}

static bool
is_right(const char *head)
{
	return head[0] != '\0' && head[strlen(head) - 1] == '>';
}

void
columns_head(
    struct cellbuf *b, struct rect r, int y, const struct columns *k, const struct column *c)
{
	for (int i = 0; i < k->n; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%.*s",
		    (int)strlen(c[i].head) - (is_right(c[i].head) ? 1 : 0), c[i].head);
		columns_text(b, r, y, k, i, c, text, STYLE(ROLE_DIM));
	}
}

void
columns_text(struct cellbuf *b, struct rect r, int y, const struct columns *k, int i,
    const struct column *c, const char *text, struct style st)
{
	if (k->w[i] == 0)
		return;
	if (is_right(c[i].head))
		put_right(b, r, k->x[i], y, k->w[i], text, st);
	else
		put_field(b, r, k->x[i], y, k->w[i], text, st);
}
