/*
 * csv-parse.c - see csv-parse.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/csv/csv-parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
csv_init(struct csv_parser *p)
{
	p->n = p->n_rows = 0;
	p->is_started = p->is_over = p->is_utf16 = false;
	p->buffer = malloc(CSV_BUFFER + 1);
	return p->buffer != NULL ? 0 : -ENOMEM;
}

void
csv_clear(struct csv_parser *p)
{
	free(p->buffer);
	p->buffer = NULL;
}

/* ---- the first line ---- */

static void
find_delimiter(struct csv_parser *p, const char *s, const char *end)
{
	static const char known[] = ",;\t|";
	size_t n[sizeof(known)] = {0}, best = 0;
	bool is_quoted = false;

	for (; s < end && (is_quoted || *s != '\n'); s++) {
		const char *k = *s != '\0' ? strchr(known, *s) : NULL;

		is_quoted ^= *s == '"';
		if (k != NULL && !is_quoted)
			n[k - known]++;
	}
	for (size_t i = 1; i < sizeof(known) - 1; i++)
		if (n[i] > n[best])
			best = i;
	p->delimiter = known[best];
}

/* What stands before the first row; how many bytes it takes. */
static size_t
start(struct csv_parser *p)
{
	const unsigned char *s = (const unsigned char *)p->buffer;
	size_t skip = 0;

	p->is_started = true;
	if (p->n >= 2 && ((s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff)))
		p->is_utf16 = p->is_over = true;
	if (p->n >= 3 && s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf)
		skip = 3;
	if (p->delimiter == '\0')
		find_delimiter(p, p->buffer + skip, p->buffer + p->n);
	return skip;
}

/* ---- rows ---- */

/* Where the row that begins at s ends (its line feed), or NULL: it is not whole. */
static char *
row_end(char *s, char *end)
{
	for (;;) {
		char *line = memchr(s, '\n', (size_t)(end - s)), *quote;

		quote = memchr(s, '"', (size_t)((line != NULL ? line : end) - s));
		if (quote == NULL)
			return line;
		if ((quote = memchr(quote + 1, '"', (size_t)(end - quote - 1))) == NULL)
			return NULL;
		s = quote + 1; /* of two in a row the second one opens again */
	}
}

/* A quoted cell at s (behind its quote) without its quotes; *next: behind it. */
static struct csv_cell
quoted(char *s, char *end, char delimiter, char **next)
{
	struct csv_cell c = {.text = s};
	char *to = s;

	while (s < end) {
		if (*s != '"') {
			*to++ = *s++;
		} else if (s + 1 < end && s[1] == '"') {
			*to++ = '"';
			s += 2;
		} else {
			s++;
			break;
		}
	}
	while (s < end && *s != delimiter) /* what stands behind the closing quote belongs to it */
		*to++ = *s++;
	c.len = (size_t)(to - c.text);
	*next = s;
	return c;
}

static bool
cut_row(struct csv_parser *p, char *s, char *end)
{
	struct csv_cell cells[CSV_CELLS_MAX];
	size_t n = 0;

	if (end > s && end[-1] == '\r')
		end--;
	if (s == end)
		return true; /* an empty line is no row */
	for (;;) {
		char *next;

		if (s < end && *s == '"') {
			cells[n] = quoted(s + 1, end, p->delimiter, &next);
		} else {
			next = memchr(s, p->delimiter, (size_t)(end - s));
			if (next == NULL)
				next = end;
			cells[n] = (struct csv_cell){s, (size_t)(next - s)};
		}
		n++;
		if (next >= end || n == CSV_CELLS_MAX)
			break;
		s = next + 1;
	}
	p->n_rows++;
	return p->on_row(p->arg, cells, n);
}

/* A row that does not end: it is rejected up to its first line end, or all of it. */
static char *
give_up_row(struct csv_parser *p, char *s, char *end)
{
	char *line = memchr(s, '\n', (size_t)(end - s));

	p->on_reject(p->arg, "does not end (a quote that is not closed?)", s,
	    line != NULL ? (size_t)(line - s) : (size_t)(end - s));
	return line != NULL ? line + 1 : end;
}

/* All whole rows of the buffer. */
static void
take_rows(struct csv_parser *p)
{
	char *s = p->buffer, *end = p->buffer + p->n, *line;

	if (!p->is_started)
		s += start(p);
	while (!p->is_over && s < end) {
		if ((line = row_end(s, end)) != NULL && line - s <= CSV_ROW_MAX) {
			p->is_over = !cut_row(p, s, line);
			s = line + 1;
		} else if (end - s > CSV_ROW_MAX) {
			s = give_up_row(p, s, end);
		} else {
			break;
		}
	}
	p->on_pause(p->arg);
	p->n = (size_t)(end - s);
	memmove(p->buffer, s, p->n);
}

bool
csv_feed(struct csv_parser *p, const char *data, size_t len)
{
	while (len > 0 && !p->is_over) {
		size_t n = CSV_BUFFER - p->n;

		n = len < n ? len : n;
		memcpy(p->buffer + p->n, data, n);
		p->n += n;
		data += n;
		len -= n;
		if (p->n == CSV_BUFFER || (len == 0 && p->n > CSV_BUFFER / 2))
			take_rows(p);
	}
	return !p->is_over;
}

static bool
is_quote_open(const char *s, const char *end)
{
	bool is_open = false;

	for (; s < end; s++)
		is_open ^= *s == '"';
	return is_open;
}

void
csv_end(struct csv_parser *p, bool is_whole)
{
	if (!p->is_over)
		take_rows(p);
	while (!p->is_over && p->n > 0) {
		char *end = p->buffer + p->n;

		if (is_whole && !is_quote_open(p->buffer, end)) {
			p->is_over = !cut_row(p, p->buffer, end);
			p->on_pause(p->arg);
			p->n = 0;
		} else {
			char *rest = give_up_row(p, p->buffer, end);

			p->n = (size_t)(end - rest);
			memmove(p->buffer, rest, p->n);
			take_rows(p);
		}
	}
}
