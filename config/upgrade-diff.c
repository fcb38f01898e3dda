/*
 * upgrade-diff.c - what changes, as a unified diff. Words are rewritten within their lines, so line
 * i of the one text is line i of the other: there is nothing to search for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/upgrade.h"
#include "lib/xmalloc.h"

#define AROUND 3

struct line {
	const char *text;
	size_t len;
}; /* with its end, if it has one */
struct lines {
	struct line *of;
	size_t n;
};

static struct lines
lines_of(const char *text, size_t len)
{
	struct lines l = {0};
	size_t cap = 0;

	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end != NULL ? (size_t)(end - text) + 1 : len;

		if (l.n == cap) {
			cap = cap > 0 ? cap * 2 : 64;
			l.of = xrealloc(l.of, cap, sizeof(*l.of));
		}
		l.of[l.n++] = (struct line){text, n};
		text += n;
		len -= n;
	}
	return l;
}

static bool
is_changed(const struct lines *a, const struct lines *b, size_t i)
{
	return a->of[i].len != b->of[i].len
	       || memcmp(a->of[i].text, b->of[i].text, a->of[i].len) != 0;
}

static void
put_line(struct buf *out, char sign, const struct line *l)
{
	buf_char(out, sign);
	buf_add(out, l->text, l->len);
	if (l->text[l->len - 1] != '\n')
		buf_text(out, "\n\\ No newline at end of file\n");
}

/* The end of the piece that begins with the change at i: twice AROUND lines are alike behind it. */
static size_t
piece_end(const struct lines *a, const struct lines *b, size_t i)
{
	size_t last = i;

	for (; i < a->n && i <= last + 2 * AROUND + 1; i++)
		if (is_changed(a, b, i))
			last = i;
	return last + 1;
}

static void
put_piece(const struct lines *a, const struct lines *b, size_t from, size_t to, struct buf *out)
{
	size_t first = from > AROUND ? from - AROUND : 0;
	size_t end = to + AROUND < a->n ? to + AROUND : a->n;

	if (end - first == 1)
		buf_printf(out, "@@ -%zu +%zu @@\n", first + 1, first + 1);
	else
		buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", first + 1, end - first, first + 1,
		    end - first);
	for (size_t i = first; i < end;) {
		size_t run = i;

		if (!is_changed(a, b, i)) {
			put_line(out, ' ', &a->of[i++]);
			continue;
		}
		for (; run < end && is_changed(a, b, run); run++)
			put_line(out, '-', &a->of[run]);
		for (; i < run; i++)
			put_line(out, '+', &b->of[i]);
	}
}

void
upgrade_diff(const char *file, const char *old, size_t old_len, const char *new, size_t new_len,
    struct buf *out)
{
	struct lines a = lines_of(old, old_len), b = lines_of(new, new_len);

	buf_printf(out, "--- %s.orig\n+++ %s\n", file, file);
	for (size_t i = 0; i < a.n && a.n == b.n;) {
		size_t end;

		if (!is_changed(&a, &b, i)) {
			i++;
			continue;
		}
		end = piece_end(&a, &b, i);
		put_piece(&a, &b, i, end, out);
		i = end;
	}
	free(a.of);
	free(b.of);
}
