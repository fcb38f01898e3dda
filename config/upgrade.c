/*
 * upgrade.c - see upgrade.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/upgrade.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* ---- characters to bytes ---- */

struct walker {
	const char *text;
	size_t len;
	size_t byte, character; /* where we are; characters only grow */
};

static struct walker
walker_of(const char *text, size_t len)
{
	bool has_mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;

	return (struct walker){text, len, has_mark ? 3 : 0, 0};
}

/* The byte at which a character begins. */
static size_t
walk_to(struct walker *w, size_t character)
{
	while (w->character < character && w->byte < w->len) {
		do
			w->byte++;
		while (w->byte < w->len && (w->text[w->byte] & 0xc0) == 0x80);
		w->character++;
	}
	return w->byte;
}

/* ---- words ---- */

/* Where a scalar says `word` and nothing else: at its end, behind an anchor if there is one, in
 * quotes or not. NULL: it is written in another way. */
static const char *
find_word(const char *scalar, size_t len, const char *word)
{
	size_t n = strlen(word);
	char quote = len > 0 ? scalar[len - 1] : '\0';
	const char *at;

	if (quote != '"' && quote != '\'')
		quote = '\0';
	if (len < n + (quote != '\0' ? 2 : 0))
		return NULL;
	at = scalar + len - n - (quote != '\0');
	if (memcmp(at, word, n) != 0 || (quote != '\0' && at[-1] != quote))
		return NULL;
	if (quote == '\0' && at > scalar && strchr(" \t\r\n", at[-1]) == NULL)
		return NULL;
	return at;
}

static bool
is_wide(const char *text, size_t len)
{
	return len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}

static bool
is_same_place(const struct word_use *a, const struct word_use *b)
{
	return a->span.start == b->span.start && strcmp(a->place.file, b->place.file) == 0;
}

int
upgrade_text(struct word_use *uses, size_t n, const char *file, const char *text, size_t len,
    struct buf *out)
{
	struct walker w = walker_of(text, len);
	size_t done = 0;
	int n_edits = 0;

	if (is_wide(text, len))
		return -EILSEQ;
	for (size_t i = 0; i < n; i++) {
		struct word_use *u = &uses[i];
		bool is_twice =
		    (i > 0 && is_same_place(u, u - 1)) || (i + 1 < n && is_same_place(u, u + 1));
		size_t start, end;
		const char *at;

		if (strcmp(u->place.file, file) != 0 || u->is_by_hand)
			continue;
		start = walk_to(&w, u->span.start);
		end = walk_to(&w, u->span.end);
		at = is_twice ? NULL : find_word(text + start, end - start, u->was);
		u->is_by_hand = at == NULL;
		if (at == NULL)
			continue;
		buf_add(out, text + done, (size_t)(at - text) - done);
		buf_text(out, u->now);
		done = (size_t)(at - text) + strlen(u->was);
		n_edits++;
	}
	buf_add(out, text + done, len - done);
	return n_edits;
}

/* ---- by hand ---- */

static void
indent(struct buf *out, int depth)
{
	for (int i = 0; i < depth; i++)
		buf_text(out, "  ");
}

/* A value of one line as it stands; of others only that they go here. */
static void
put_value(const struct word_use *use, const char *text, size_t len, struct buf *out)
{
	struct walker w = walker_of(text, len);
	size_t start = walk_to(&w, use->value->span.start), end = walk_to(&w, use->value->span.end);

	if (memchr(text + start, '\n', end - start) == NULL) {
		buf_char(out, ' ');
		buf_add(out, text + start, end - start);
	} else {
		buf_printf(out, " ... # what stands below %s", use->path);
	}
}

void
upgrade_by_hand(const struct word_use *use, const char *text, size_t len, struct buf *out)
{
	const char *step = use->now;
	int depth = 0;

	if (use->value == NULL) {
		buf_printf(out, "%s is written in a way that is not rewritten: make it %s",
		    use->was, use->now);
		return;
	}
	for (;; depth++) {
		size_t n = strcspn(step, "/");

		indent(out, depth);
		buf_add(out, step, n);
		buf_char(out, ':');
		if (step[n] == '\0')
			break;
		buf_char(out, '\n');
		step += n + 1;
	}
	put_value(use, text, len, out);
}
