/*
 * print.c - the way to the screen: tables, colours, short numbers. Foreign text passes the
 * sanitiser here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "lib/sanitize.h"
#include "lib/xmalloc.h"

#define COLUMNS_MAX 16

static char *
clean(const char *s)
{
	size_t len = strlen(s), cap = 2 * len + 1;
	char *out = xcalloc(1, cap);

	text_sanitize(out, cap, s, len);
	return out;
}

void
print_text(const char *s)
{
	char *text = clean(s);

	fputs(text, stdout);
	free(text);
}

void
print_tint(const struct cli *cli, enum tint tint, const char *s)
{
	static const char *const on[] = {"", "", "\033[33m", "\033[1;31m", "\033[2m", "\033[1m"};

	if (cli->color && on[tint][0] != '\0')
		fputs(on[tint], stdout);
	print_text(s);
	if (cli->color && on[tint][0] != '\0')
		fputs("\033[0m", stdout);
}

/* Of the process, as stdout is: one JSON text is all that it says. */
static bool has_json;

bool
print_has_json(void)
{
	return has_json;
}

void
print_json(const json_t *v)
{
	has_json = true;
	json_dumpf(v, stdout,
	    JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	putchar('\n');
}

enum tint
tint_of_verdict(const char *v)
{
	if (strcmp(v, "crit") == 0 || strcmp(v, "firing") == 0)
		return TINT_CRIT;
	if (strcmp(v, "warn") == 0 || strcmp(v, "unknown") == 0 || strcmp(v, "stale") == 0)
		return TINT_WARN;
	return strcmp(v, "pending") == 0 ? TINT_DIM : TINT_OK;
}

struct cell {
	char *text;
	enum tint tint;
	int width;
};

struct table {
	const char *const *heads;
	int n;
	struct cell *cells;
	size_t n_cells, cap;
};

struct table *
table_new(const char *const *heads)
{
	struct table *t = xcalloc(1, sizeof(*t));

	t->heads = heads;
	while (heads[t->n] != NULL && t->n < COLUMNS_MAX)
		t->n++;
	return t;
}

void
table_cell(struct table *t, enum tint tint, const char *fmt, ...)
{
	struct cell *c;
	char *raw;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&raw, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	if (t->n_cells == t->cap) {
		t->cap = t->cap > 0 ? t->cap * 2 : 64;
		t->cells = xrealloc(t->cells, t->cap, sizeof(*t->cells));
	}
	c = &t->cells[t->n_cells++];
	c->text = clean(raw);
	c->tint = tint;
	c->width = text_width(c->text, strlen(c->text));
	free(raw);
}

static bool
is_right(const char *head)
{
	return head[0] != '\0' && head[strlen(head) - 1] == '>';
}

static void
pad(int n)
{
	while (n-- > 0)
		putchar(' ');
}

static void
print_cell(const struct cli *cli, const char *text, enum tint tint, int width, int column,
    bool right, bool last)
{
	if (right)
		pad(column - width);
	print_tint(cli, tint, text);
	if (!right && !last)
		pad(column - width);
	if (!last)
		fputs("  ", stdout);
}

void
table_print(const struct cli *cli, struct table *t)
{
	int widths[COLUMNS_MAX] = {0};

	for (int i = 0; i < t->n; i++)
		widths[i] = (int)strlen(t->heads[i]) - is_right(t->heads[i]);
	for (size_t i = 0; i < t->n_cells; i++)
		if (t->cells[i].width > widths[i % (size_t)t->n])
			widths[i % (size_t)t->n] = t->cells[i].width;
	for (int i = 0; i < t->n; i++) {
		bool right = is_right(t->heads[i]);
		char head[64];
		int len = (int)strlen(t->heads[i]) - right;

		snprintf(head, sizeof(head), "%.*s", len, t->heads[i]);
		print_cell(cli, head, TINT_DIM, len, widths[i], right, i == t->n - 1);
	}
	putchar('\n');
	for (size_t i = 0; i < t->n_cells; i++) {
		int column = (int)(i % (size_t)t->n);
		bool last = column == t->n - 1;

		print_cell(cli, t->cells[i].text, t->cells[i].tint, t->cells[i].width,
		    widths[column], is_right(t->heads[column]), last);
		if (last)
			putchar('\n');
		free(t->cells[i].text);
	}
	free(t->cells);
	free(t);
}

const char *
member_text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

double
member_number(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

bool
member_true(const json_t *o, const char *name)
{
	return json_is_true(json_object_get(o, name));
}

const char *
short_duration(double s, char dst[SHORT_TEXT])
{
	if (!isfinite(s))
		snprintf(dst, SHORT_TEXT, "-");
	else if (s < 0.001)
		snprintf(dst, SHORT_TEXT, "%.0f us", s * 1e6);
	else if (s < 1)
		snprintf(dst, SHORT_TEXT, s < 0.01 ? "%.1f ms" : "%.0f ms", s * 1e3);
	else if (s < 60)
		snprintf(dst, SHORT_TEXT, s < 10 ? "%.2f s" : "%.0f s", s);
	else if (s < 3600)
		snprintf(dst, SHORT_TEXT, "%dm%02ds", (int)(s / 60), (int)s % 60);
	else if (s < 86400)
		snprintf(dst, SHORT_TEXT, "%dh%02dm", (int)(s / 3600), (int)(s / 60) % 60);
	else
		snprintf(dst, SHORT_TEXT, "%.0fd%02.0fh", floor(s / 86400),
		    floor(fmod(s, 86400) / 3600));
	return dst;
}

const char *
short_bytes(double b, char dst[SHORT_TEXT])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	int i = 0;

	if (!isfinite(b)) {
		snprintf(dst, SHORT_TEXT, "-");
		return dst;
	}
	for (; b >= 1000 && i < 4; i++)
		b /= 1000;
	snprintf(dst, SHORT_TEXT, b < 10 && i > 0 ? "%.1f %s" : "%.0f %s", b, units[i]);
	return dst;
}

const char *
short_time(double unix_s, char dst[SHORT_TEXT])
{
	time_t t = (time_t)unix_s, now = time(NULL);
	struct tm tm, today;

	if (!isfinite(unix_s) || localtime_r(&t, &tm) == NULL
	    || localtime_r(&now, &today) == NULL) {
		snprintf(dst, SHORT_TEXT, "never");
		return dst;
	}
	if (tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year)
		strftime(dst, SHORT_TEXT, "%H:%M:%S", &tm);
	else
		strftime(dst, SHORT_TEXT, "%Y-%m-%d %H:%M", &tm);
	return dst;
}

const char *
short_ago(double unix_s, char dst[SHORT_TEXT])
{
	char text[SHORT_TEXT];
	double s = (double)time(NULL) - unix_s;

	if (!isfinite(unix_s))
		snprintf(dst, SHORT_TEXT, "never");
	else if (s < 1)
		snprintf(dst, SHORT_TEXT, "now");
	else
		snprintf(dst, SHORT_TEXT, "%.30s ago", short_duration(floor(s), text));
	return dst;
}
