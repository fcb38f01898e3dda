/*
 * errors.c - see errors.h. The distance is the restricted Damerau-Levenshtein one: insertions,
 * deletions, substitutions, and two neighbours swapped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 32

void
errors_init(struct errors *e)
{
	buf_init(&e->text, 64 * 1024);
	e->n = 0;
}

void
errors_free(struct errors *e)
{
	buf_free(&e->text);
}

void
errors_add(struct errors *e, const struct yaml_place *place, const char *path, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (e->n++ >= ERRORS_MAX) {
		if (e->n == ERRORS_MAX + 1)
			buf_text(&e->text, "... and more\n");
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (place != NULL && place->file != NULL) {
		buf_text(&e->text, place->file);
		if (place->line > 0)
			buf_printf(&e->text, ":%d:%d", place->line, place->column);
		buf_text(&e->text, ": ");
	}
	buf_printf(&e->text, "%s%s%s\n", path, path[0] != '\0' ? ": " : "", text);
}

static int
min3(int a, int b, int c)
{
	int m = a < b ? a : b;

	return m < c ? m : c;
}

static int
distance(const char *a, const char *b)
{
	int la = (int)strlen(a), lb = (int)strlen(b), d[WORD_MAX + 1][WORD_MAX + 1];

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (int i = 0; i <= la; i++)
		d[i][0] = i;
	for (int k = 0; k <= lb; k++)
		d[0][k] = k;
	for (int i = 1; i <= la; i++)
		for (int k = 1; k <= lb; k++) {
			d[i][k] = min3(d[i - 1][k] + 1, d[i][k - 1] + 1,
			    d[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]
			    && d[i - 2][k - 2] + 1 < d[i][k])
				d[i][k] = d[i - 2][k - 2] + 1;
		}
	return d[la][lb];
}

const char *
did_you_mean(const char *word, const char *const *words, size_t n, char dst[96])
{
	int best = strlen(word) <= 3 ? 2 : 3;

	dst[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		int d = distance(word, words[i]);

		if (d >= best)
			continue;
		best = d;
		snprintf(dst, 96, " (did you mean %.60s?)", words[i]);
	}
	return dst;
}
