/*
 * template.c - see template.h.
 *
 * DESIGN. One pass: text is copied, an action is a pipeline of commands, and a command is an
 * operand or a function with its arguments; the piped value is the last argument, as in Go. A check
 * is an expansion whose text nobody keeps.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/template.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX 8
#define WIDTH_MAX 64 /* of a printf verb, and its precision */

struct value {
	bool is_text;
	double number;
	struct buf text; /* owned */
};

struct parse {
	const char *text, *p, *end; /* the template, where we are, the end of this action's text */
	const struct labels *labels;
	double value;
	struct template_error *err;
};

static int __attribute__((format(printf, 3, 4)))
fail(struct parse *t, const char *at, const char *fmt, ...)
{
	va_list ap;

	t->err->at = (size_t)(at - t->text);
	va_start(ap, fmt);
	vsnprintf(t->err->text, sizeof(t->err->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- numbers as text ---- */

/* Turns "d.ddde+XX" into Go's %v: exponents below -4 and from 21 on stay, the rest is written out.
 */
char *
template_number(double v, char dst[32])
{
	char sci[32];
	int exp10, digits;

	if (isnan(v))
		return memcpy(dst, "NaN", 4);
	if (isinf(v))
		return memcpy(dst, v > 0 ? "+Inf" : "-Inf", 5);
	if (v == 0)
		return memcpy(dst, signbit(v) ? "-0" : "0", signbit(v) ? 3 : 2);
	for (digits = 0; digits < 17; digits++) {
		snprintf(sci, sizeof(sci), "%.*e", digits, v);
		if (strtod(sci, NULL) == v)
			break;
	}
	exp10 = (int)strtol(strchr(sci, 'e') + 1, NULL, 10);
	if (exp10 < -4 || exp10 >= 21)
		snprintf(dst, 32, "%s", sci);
	else
		snprintf(dst, 32, "%.*f", digits > exp10 ? digits - exp10 : 0, v);
	return dst;
}

static double
scale(double v, const char *prefixes, double factor, double until, char *prefix)
{
	*prefix = '\0';
	for (size_t i = 0; prefixes[i] != '\0'; i++) {
		if (factor > 1 ? fabs(v) >= until : fabs(v) < until)
			break;
		*prefix = prefixes[i];
		v *= factor;
	}
	return v;
}

/* 0, NaN and the infinities have no scale. */
static bool
write_special(struct buf *out, double v)
{
	char text[32];

	if (v != 0 && isfinite(v))
		return false;
	buf_text(out, template_number(v, text));
	return true;
}

static void
humanize(struct buf *out, double v)
{
	char prefix;

	if (write_special(out, v))
		return;
	if (fabs(v) >= 1)
		v = scale(v, "kMGTPEZY", 1 / 1000.0, 1000, &prefix);
	else
		v = scale(v, "munpfazy", 1000, 1, &prefix);
	buf_printf(out, "%.4g", v);
	if (prefix != '\0')
		buf_char(out, prefix);
}

static void
humanize_duration(struct buf *out, double v)
{
	const char *sign = v < 0 ? "-" : "";
	char prefix;
	int64_t s;

	if (write_special(out, v)) {
		if (v == 0)
			buf_char(out, 's');
		return;
	}
	if (fabs(v) < 1) {
		v = scale(v, "munpfazy", 1000, 1, &prefix);
		buf_printf(out, "%.4g", v);
		if (prefix != '\0')
			buf_char(out, prefix);
		buf_char(out, 's');
		return;
	}
	s = fabs(v) > 9e15 ? INT64_C(9000000000000000) : (int64_t)fabs(v);
	if (s >= 86400)
		buf_printf(out, "%s%" PRId64 "d %dh %dm %ds", sign, s / 86400, (int)(s / 3600 % 24),
		    (int)(s / 60 % 60), (int)(s % 60));
	else if (s >= 3600)
		buf_printf(
		    out, "%s%dh %dm %ds", sign, (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	else if (s >= 60)
		buf_printf(out, "%s%dm %ds", sign, (int)(s / 60), (int)(s % 60));
	else
		buf_printf(out, "%.4gs", v);
}

static void
humanize_percentage(struct buf *out, double v)
{
	if (!write_special(out, v))
		buf_printf(out, "%.4g", v * 100);
	buf_char(out, '%');
}

static const struct {
	const char *name;
	void (*write)(struct buf *, double);
} functions[] = {
    {"humanize", humanize},
    {"humanizeDuration", humanize_duration},
    {"humanizePercentage", humanize_percentage},
};

/* ---- operands ---- */

static void
skip_space(struct parse *t)
{
	while (t->p < t->end && isspace((unsigned char)*t->p))
		t->p++;
}

static size_t
word_len(const struct parse *t, const char *p)
{
	size_t n = 0;

	while (p + n < t->end && (isalnum((unsigned char)p[n]) || p[n] == '_'))
		n++;
	return n;
}

/* A quoted text with the escapes \" \\ \n \t. */
static int
parse_string(struct parse *t, struct value *v)
{
	const char *start = t->p++;

	v->is_text = true;
	for (; t->p < t->end && *t->p != '"'; t->p++) {
		char c = *t->p;

		if (c == '\\' && t->p + 1 < t->end) {
			c = *++t->p;
			if (c == 'n' || c == 't')
				c = c == 'n' ? '\n' : '\t';
			else if (c != '"' && c != '\\')
				return fail(t, t->p, "unknown escape \\%c",
				    isprint((unsigned char)c) ? c : '?');
		}
		buf_char(&v->text, c);
	}
	if (t->p >= t->end)
		return fail(t, start, "text without its closing quote");
	t->p++;
	return 0;
}

static int
parse_variable(struct parse *t, struct value *v)
{
	const char *start = t->p++;
	size_t n = word_len(t, t->p);
	char name[128];

	if (n == 5 && memcmp(t->p, "value", 5) == 0) {
		t->p += n;
		v->number = t->value;
		return 0;
	}
	if (n != 6 || memcmp(t->p, "labels", 6) != 0)
		return fail(t, start, "unknown variable (there are $labels.NAME and $value)");
	t->p += n;
	n = t->p < t->end && *t->p == '.' ? word_len(t, t->p + 1) : 0;
	if (n == 0 || n >= sizeof(name))
		return fail(t, t->p, "$labels needs a label's name: $labels.NAME");
	memcpy(name, t->p + 1, n);
	name[n] = '\0';
	t->p += n + 1;
	v->is_text = true;
	if (t->labels != NULL)
		buf_text(&v->text, labels_get(t->labels, name));
	return 0;
}

static int
parse_number(struct parse *t, struct value *v)
{
	char text[32], *end;
	size_t n = 0;

	while (t->p + n < t->end && n < sizeof(text) - 1
	       && (isdigit((unsigned char)t->p[n]) || strchr("+-.eE", t->p[n]) != NULL)
	       && t->p[n] != '\0') {
		text[n] = t->p[n];
		n++;
	}
	text[n] = '\0';
	v->number = strtod(text, &end);
	if (n == 0 || *end != '\0')
		return fail(t, t->p, "not a number");
	t->p += n;
	return 0;
}

/* At the start of an operand? Then parses it: 0. -ENOENT: something else stands here. */
static int
parse_operand(struct parse *t, struct value *v)
{
	char c;

	skip_space(t);
	c = t->p < t->end ? *t->p : '\0';
	if (c == '"')
		return parse_string(t, v);
	if (c == '$')
		return parse_variable(t, v);
	if (isdigit((unsigned char)c) || c == '-' || c == '+')
		return parse_number(t, v);
	return -ENOENT;
}

/* ---- functions ---- */

static void
write_value(struct buf *out, const struct value *v)
{
	char number[32];

	buf_text(out, v->is_text ? buf_str(&v->text) : template_number(v->number, number));
}

/* The verb at p ("%-8.3f"): its length, 0 when it is none that we know. */
static size_t
verb_len(const char *p)
{
	size_t n = 1, digits;

	n += strspn(p + n, "-+ 0");
	digits = strspn(p + n, "0123456789");
	if (digits > 2 || (digits > 0 && strtol(p + n, NULL, 10) > WIDTH_MAX))
		return 0;
	n += digits;
	if (p[n] == '.') {
		digits = strspn(p + n + 1, "0123456789");
		if (digits > 2 || (digits > 0 && strtol(p + n + 1, NULL, 10) > WIDTH_MAX))
			return 0;
		n += digits + 1;
	}
	if (n > 12 || p[n] == '\0' || strchr("svdfeg%", p[n]) == NULL || (p[n] == '%' && n > 1))
		return 0;
	return n + 1;
}

static int
print_verb(struct parse *t, const char *at, struct buf *out, const char *verb, size_t len,
    const struct value *arg)
{
	char fmt[24], last = verb[len - 1];
	struct buf text;

	snprintf(fmt, sizeof(fmt), "%.*s", (int)len - 1, verb);
	if (last == 's' || last == 'v' || (!arg->is_text && !isfinite(arg->number))) {
		snprintf(fmt + len - 1, sizeof(fmt) - len + 1, "s");
		buf_init(&text, TEMPLATE_MAX_BYTES);
		write_value(&text, arg);
		buf_printf(out, fmt, buf_str(&text));
		buf_free(&text);
		return 0;
	}
	if (arg->is_text)
		return fail(t, at, "printf: %%%c needs a number", last);
	if (last == 'd') {
		snprintf(fmt + len - 1, sizeof(fmt) - len + 1, PRId64);
		buf_printf(out, fmt, fabs(arg->number) < 9e18 ? (int64_t)arg->number : INT64_C(0));
		return 0;
	}
	snprintf(fmt + len - 1, sizeof(fmt) - len + 1, "%c", last);
	buf_printf(out, fmt, arg->number);
	return 0;
}

static int
call_printf(struct parse *t, const char *at, struct value *args, size_t n, struct value *out)
{
	const char *f;
	size_t used = 1, len;
	int rc;

	if (n == 0 || !args[0].is_text)
		return fail(t, at, "printf needs a format: printf \"%%.2f\" $value");
	for (f = buf_str(&args[0].text); *f != '\0'; f += len) {
		len = strcspn(f, "%");
		buf_add(&out->text, f, len);
		if (len > 0)
			continue;
		if ((len = verb_len(f)) == 0)
			return fail(
			    t, at, "printf: unknown verb (there are %%s %%v %%d %%f %%e %%g %%%%)");
		if (f[1] == '%') {
			buf_char(&out->text, '%');
			continue;
		}
		if (used >= n)
			return fail(t, at, "printf: too few arguments");
		if ((rc = print_verb(t, at, &out->text, f, len, &args[used++])) != 0)
			return rc;
	}
	if (used != n)
		return fail(t, at, "printf: too many arguments");
	out->is_text = true;
	return 0;
}

static int
call_function(struct parse *t, const char *name, size_t name_len, struct value *args, size_t n,
    struct value *out)
{
	if (name_len == 6 && memcmp(name, "printf", 6) == 0)
		return call_printf(t, name, args, n, out);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strlen(functions[i].name) != name_len
		    || memcmp(functions[i].name, name, name_len) != 0)
			continue;
		if (n != 1 || args[0].is_text)
			return fail(t, name, "%s needs one number", functions[i].name);
		functions[i].write(&out->text, args[0].number);
		out->is_text = true;
		return 0;
	}
	return fail(t, name,
	    "unknown function \"%.*s\" (there are printf, humanize, humanizeDuration, "
	    "humanizePercentage)",
	    (int)(name_len < 40 ? name_len : 40), name);
}

/* ---- pipelines ---- */

static void
values_clear(struct value *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_free(&v[i].text);
}

/* FUNCTION arg ... with the piped value (unless first) as the last argument. Replaces *v. */
static int
parse_call(struct parse *t, bool first, struct value *v)
{
	struct value args[ARGS_MAX] = {0}, out = {.text.max = TEMPLATE_MAX_BYTES};
	const char *name = t->p;
	size_t name_len = word_len(t, t->p), n = 0;
	int rc = 0;

	if (name_len == 0)
		return fail(t, t->p, "expected $labels.NAME, $value or a function");
	t->p += name_len;
	while (rc == 0 && n < ARGS_MAX - 1) {
		args[n].text.max = TEMPLATE_MAX_BYTES;
		if ((rc = parse_operand(t, &args[n])) == 0 || rc != -ENOENT)
			n++;
	}
	if (rc == 0)
		rc = fail(t, t->p, "too many arguments");
	if (rc == -ENOENT) {
		if (!first) {
			args[n++] = *v;
			*v = (struct value){0};
		}
		rc = call_function(t, name, name_len, args, n, &out);
	}
	values_clear(args, ARGS_MAX);
	buf_free(&v->text);
	*v = out;
	return rc;
}

/* The text between the braces. Nested parentheses, conditions, ranges and definitions are not in
 * the subset. */
static int
parse_action(struct parse *t, struct buf *out)
{
	struct value v = {.text.max = TEMPLATE_MAX_BYTES};
	int rc = parse_operand(t, &v);

	if (rc == -ENOENT)
		rc = parse_call(t, true, &v);
	while (rc == 0) {
		skip_space(t);
		if (t->p == t->end)
			break;
		if (*t->p != '|') {
			rc = fail(t, t->p, "expected | or }}");
			break;
		}
		t->p++;
		skip_space(t);
		rc = parse_call(t, false, &v);
	}
	if (rc == 0)
		write_value(out, &v);
	buf_free(&v.text);
	return rc;
}

/* Finds the }} of the action whose text begins at p, not inside a quoted text. */
static const char *
action_end(const char *p)
{
	bool quoted = false;

	for (; *p != '\0'; p++) {
		if (quoted && *p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && p[0] == '}' && p[1] == '}')
			return p;
	}
	return NULL;
}

int
template_expand(struct buf *out, const char *text, const struct labels *labels, double value,
    struct template_error *err)
{
	struct parse t = {.text = text, .labels = labels, .value = value, .err = err};
	const char *p = text, *open, *close;
	size_t len;
	int rc;

	*err = (struct template_error){0};
	if (strlen(text) > TEMPLATE_MAX_BYTES)
		return fail(&t, text, "longer than %d bytes", TEMPLATE_MAX_BYTES);
	while ((open = strstr(p, "{{")) != NULL) {
		bool trim_left = open[2] == '-' && isspace((unsigned char)open[3]);

		if ((close = action_end(open + 2)) == NULL)
			return fail(&t, open, "{{ without }}");
		len = (size_t)(open - p);
		while (trim_left && len > 0 && isspace((unsigned char)p[len - 1]))
			len--;
		buf_add(out, p, len);
		t.p = open + (trim_left ? 3 : 2);
		t.end = close;
		p = close + 2;
		if (t.end - t.p > 1 && t.end[-1] == '-' && isspace((unsigned char)t.end[-2])) {
			t.end--;
			while (isspace((unsigned char)*p))
				p++;
		}
		if ((rc = parse_action(&t, out)) != 0)
			return rc;
	}
	buf_text(out, p);
	return 0;
}

int
template_check(const char *text, struct template_error *err)
{
	struct buf scratch;
	int rc;

	buf_init(&scratch, 4 * TEMPLATE_MAX_BYTES);
	rc = template_expand(&scratch, text, NULL, 0, err);
	buf_free(&scratch);
	return rc;
}
