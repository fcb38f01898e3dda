/*
 * query.c - the user's query, made ready for one database: places for what is bound, and around it
 * the order and the limit. See sql.h.
 *
 * It is read as far as needed to know what is text, name or comment and what is not; whether it is
 * right the database says. That it changes nothing is the business of the session, which is
 * read-only; the first word is looked at for a better message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "plugins/sql/sql.h"

static const struct { const char *name; enum sql_bound bound; } bounds[] = {
    {"watermark_ms", SQL_WATERMARK_MS}, {"watermark_s", SQL_WATERMARK_S},
    {"watermark", SQL_WATERMARK}, {"limit", SQL_LIMIT}};
#define N_BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

static bool
is_word(int c)
{
	return isalnum(c) || c == '_' || c >= 128;
}

static size_t
word_length(const char *s)
{
	size_t n = 0;

	while (is_word((unsigned char)s[n]))
		n++;
	return n;
}

/* ---- what is no SQL: texts, quoted names, comments ---- */

enum skip { SKIP_NONE, SKIP_QUOTED, SKIP_COMMENT };

static size_t
quoted_length(const char *s, bool has_escapes)
{
	size_t n = 1;

	while (s[n] != '\0' && s[n] != s[0])
		n += has_escapes && s[n] == '\\' && s[n + 1] != '\0' ? 2 : 1;
	return n + (s[n] != '\0');
}

/* $tag$ ... $tag$ of PostgreSQL; 0: none begins here. */
static size_t
dollar_length(const char *s)
{
	size_t tag = 1 + word_length(s + 1);
	const char *end = s + tag + 1;

	if (s[tag] != '$' || isdigit((unsigned char)s[1]))
		return 0;
	while ((end = memchr(end, '$', strlen(end))) != NULL) {
		if (strncmp(end, s, tag + 1) == 0)
			return (size_t)(end - s) + tag + 1;
		end++;
	}
	return strlen(s);
}

/* How many bytes of text, quoted name or comment begin at s, whose forerunner is `before`. */
static size_t
skip_length(enum sql_kind kind, const char *s, int before, enum skip *what)
{
	*what = SKIP_COMMENT;
	if ((s[0] == '-' && s[1] == '-') || (kind == SQL_MYSQL && s[0] == '#'))
		return strcspn(s, "\n");
	if (s[0] == '/' && s[1] == '*') {
		const char *end = strstr(s + 2, "*/");

		return end != NULL ? (size_t)(end - s) + 2 : strlen(s);
	}
	*what = SKIP_QUOTED;
	if (s[0] == '\'')
		return quoted_length(s, kind == SQL_MYSQL
			|| (kind == SQL_POSTGRESQL && (before == 'e' || before == 'E')));
	if (s[0] == '"')
		return quoted_length(s, kind == SQL_MYSQL);
	if (s[0] == '`')
		return quoted_length(s, false);
	if (s[0] == '$' && kind == SQL_POSTGRESQL && !is_word(before))
		return dollar_length(s);
	*what = SKIP_NONE;
	return 0;
}

/* ---- making ---- */

struct maker {
	struct sql_query *q;
	enum sql_kind kind;
	struct buf out;
	size_t end;                      /* of out: behind the last byte that says something */
	bool is_over;                    /* a ; has come */
	const char *why;
};

static int
complain(char *err, size_t cap, const char *fmt, const char *s, size_t n)
{
	snprintf(err, cap, fmt, (int)(n < 40 ? n : 40), s);
	return -EINVAL;
}

static bool
add_place(struct maker *m, enum sql_bound bound)
{
	struct sql_query *q = m->q;

	if (q->n_bound == SQL_PARAMS_MAX)
		return false;
	q->bound[q->n_bound++] = bound;
	q->has_watermark |= bound != SQL_LIMIT && bound != SQL_KEY;
	if (m->kind == SQL_POSTGRESQL)
		buf_printf(&m->out, "$%zu", q->n_bound);
	else
		buf_char(&m->out, '?');
	return true;
}

/* "$name" at s becomes a place; its length, 0 = refused. */
static size_t
take_name(struct maker *m, const char *s)
{
	size_t n = word_length(s + 1);

	for (size_t i = 0; i < N_BOUNDS; i++)
		if (strlen(bounds[i].name) == n && strncmp(bounds[i].name, s + 1, n) == 0)
			return add_place(m, bounds[i].bound) ? n + 1 : 0;
	return 0;
}

static bool
has_name_inside(const char *s, size_t n)
{
	return memmem(s, n, "$watermark", 10) != NULL || memmem(s, n, "$limit", 6) != NULL;
}

static int
translate(struct maker *m, const char *text, char *err, size_t cap)
{
	enum skip what;

	for (size_t i = 0, n; text[i] != '\0'; i += n) {
		int before = i > 0 ? (unsigned char)text[i - 1] : ' ';

		n = skip_length(m->kind, text + i, before, &what);
		if (what == SKIP_QUOTED && n > 0 && has_name_inside(text + i, n))
			return complain(err, cap,
			    "%.*s: what is bound stands alone, not inside of a text", text + i, n);
		if (n == 0 && text[i] == ';') {
			m->is_over = true;
			n = 1;
			continue;
		}
		if (m->is_over && !isspace((unsigned char)text[i]) && what != SKIP_COMMENT)
			return complain(
			    err, cap, "%.*s: one query, nothing behind it", text + i, 20);
		if (n == 0 && text[i] == '$' && !is_word(before)) {
			if ((n = take_name(m, text + i)) == 0)
				return complain(err, cap,
				    "%.*s is nothing that is bound: there are "
				    "$watermark, $watermark_s, $watermark_ms and $limit",
				    text + i, 1 + word_length(text + i + 1));
		} else {
			n = n > 0 ? n : 1;
			buf_add(&m->out, text + i, n);
		}
		if (what != SKIP_COMMENT && !isspace((unsigned char)text[i]))
			m->end = m->out.len;
	}
	return 0;
}

void
sql_query_column(struct buf *b, enum sql_kind kind, const char *name, const char *query)
{
	char quote = kind == SQL_MYSQL ? '`' : '"', needle[SQL_NAME_MAX + 3];
	bool is_exact;

	snprintf(needle, sizeof(needle), "\"%s\"", name);
	is_exact = kind != SQL_POSTGRESQL || query == NULL || strstr(query, needle) != NULL;
	buf_char(b, quote);
	for (; *name != '\0'; name++) {
		if (*name == quote)
			buf_char(b, quote);
		buf_char(b, is_exact ? *name : (char)tolower((unsigned char)*name));
	}
	buf_char(b, quote);
}

static bool
begins_with_read(enum sql_kind kind, const char *s)
{
	static const char *const words[] = {"select", "with", "values", "table"};
	enum skip what;
	size_t n;

	while ((n = skip_length(kind, s, ' ', &what)) > 0 || isspace((unsigned char)*s)
	    || *s == '(') {
		if (n > 0 && what != SKIP_COMMENT)
			return false;
		s += n > 0 ? n : 1;
	}
	n = word_length(s);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == n && strncasecmp(words[i], s, n) == 0)
			return true;
	return false;
}

/* What stands behind the user's query. False: too much is bound. */
static bool
wrap_up(struct maker *m, const char *text, const struct sql_around *around)
{
	enum sql_wrap wrap = around->column != NULL ? around->wrap : SQL_WHOLE;
	bool is_ok = true;

	buf_text(&m->out, "\n) AS tillwatch_rows");
	switch (wrap) {
	case SQL_WHOLE:
		break;
	case SQL_BY_TIME:
		buf_text(&m->out, " ORDER BY ");
		sql_query_column(&m->out, m->kind, around->column, text);
		buf_text(&m->out, " LIMIT ");
		is_ok = add_place(m, SQL_LIMIT);
		break;
	case SQL_BY_KEY:
	case SQL_BY_KEY_TEXT:
		buf_text(&m->out, wrap == SQL_BY_KEY ? " WHERE " : " WHERE CAST(");
		sql_query_column(&m->out, m->kind, around->column, text);
		buf_text(&m->out, wrap == SQL_BY_KEY ? " IN (" : m->kind == SQL_MYSQL
			? " AS char) IN (" : " AS text) IN (");
		for (int i = 0; i < SQL_KEYS_MAX && is_ok; i++) {
			buf_text(&m->out, i > 0 ? "," : "");
			is_ok = add_place(m, SQL_KEY);
		}
		buf_char(&m->out, ')');
		break;
	}
	buf_text(&m->out, around->tail != NULL ? around->tail : "");
	return is_ok && !m->out.failed;
}

int
sql_query_make(struct sql_query *q, enum sql_kind kind, const char *text, enum sql_wrap wrap,
    const char *column, char *err, size_t cap)
{
	struct sql_around around = {.wrap = wrap, .column = column};

	return sql_query_wrap(q, kind, text, &around, err, cap);
}

int
sql_query_wrap(struct sql_query *q, enum sql_kind kind, const char *text,
    const struct sql_around *around, char *err, size_t cap)
{
	static _Atomic uint64_t serial;
	struct maker m = {.q = q, .kind = kind};
	int rc;

	memset(q, 0, sizeof(*q));
	q->serial = ++serial;
	if (!begins_with_read(kind, text))
		return complain(err, cap, "%.*s: it begins with SELECT or WITH", text, 20);
	buf_init(&m.out, SQL_QUERY_MAX);
	buf_text(&m.out, around->head != NULL ? around->head : "SELECT * FROM (\n");
	rc = translate(&m, text, err, cap);
	if (m.out.failed || rc != 0) {
		buf_free(&m.out);
		return rc != 0 ? rc : complain(err, cap, "%.*s... is longer than 64 KiB", text, 20);
	}
	m.out.len = m.end;
	if (!wrap_up(&m, text, around)) {
		buf_free(&m.out);
		return complain(err, cap, "%.*s... is too long, or binds too much", text, 20);
	}
	q->text = m.out.data;
	return 0;
}

void
sql_query_clear(struct sql_query *q)
{
	free(q->text);
	memset(q, 0, sizeof(*q));
}

/* ---- the select list ---- */

bool
sql_query_names(const char *text, const char *word)
{
	int depth = 0, before = ' ';
	bool is_in_list = false;
	enum skip what;

	for (size_t n; *text != '\0'; before = (unsigned char)text[n - 1], text += n) {
		size_t skipped = skip_length(SQL_NO_KIND, text, before, &what);
		bool is_name = what == SKIP_QUOTED && skipped > 2 && *text != '\'';
		const char *s = is_name ? text + 1 : text;

		n = skipped > 0 ? skipped : word_length(text);
		n = n > 0 ? n : 1;
		depth += skipped == 0 && *text == '(' ? 1 : skipped == 0 && *text == ')' ? -1 : 0;
		if (skipped > 0 && !is_name)
			continue;
		if (!is_name && n == 4 && strncasecmp(s, "from", 4) == 0 && depth == 0
		    && is_in_list)
			return false;
		if (is_in_list && (is_name ? n - 2 : n) == strlen(word)
		    && strncasecmp(s, word, strlen(word)) == 0)
			return true;
		is_in_list |= depth == 0 && n == 6 && strncasecmp(s, "select", 6) == 0;
	}
	return false;
}
