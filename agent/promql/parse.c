/*
 * parse.c - precedence climbing over the tokens; types are checked while the tree is built.
 *
 *   or < and unless < == != <= < >= > < + - < * / % atan2 < ^ (to the right), unary signs bind as *
 * does
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/promql/func.h"

const char *const op_names[] = {"", "or", "and", "unless", "==", "!=", "<=", "<", ">=", ">", "+",
    "-", "*", "/", "%", "^", "atan2"};
const char *const agg_names[] = {"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar",
    "topk", "bottomk", "quantile", "count_values"};
static const int precedence[] = {0, 1, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 6, 5};

struct parser {
	struct lexer lex;
	struct token now;
	struct promql_error *err;
	int depth;
	bool failed;
};

static struct node *parse_expr(struct parser *p, int min);

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	for (int i = 0; i < 4; i++)
		node_free(n->child[i]);
	for (size_t i = 0; i < n->n_args; i++)
		node_free(n->args[i]);
	for (size_t i = 0; i < n->n_matchers; i++)
		matcher_clear(&n->matchers[i]);
	for (size_t i = 0; i < n->n_labels; i++)
		free(n->labels[i]);
	for (size_t i = 0; i < n->n_include; i++)
		free(n->include[i]);
	free(n->args);
	free(n->matchers);
	free(n->labels);
	free(n->include);
	free(n->string);
	free(n);
}

static void *fail_at(struct parser *p, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void *
fail_at(struct parser *p, size_t at, const char *fmt, ...)
{
	size_t line = 1, column = 1;
	char text[300];
	va_list ap;

	if (p->failed)
		return NULL;
	p->failed = true;
	for (size_t i = 0; i < at && i < p->lex.len; i++) {
		column = p->lex.text[i] == '\n' ? 1 : column + 1;
		line += p->lex.text[i] == '\n';
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->err->code = -EINVAL;
	snprintf(
	    p->err->text, sizeof(p->err->text), "%zu:%zu: parse error: %s", line, column, text);
	return NULL;
}

/* ---- tokens ---- */

static void
advance(struct parser *p)
{
	free(p->now.string);
	p->now = lex_next(&p->lex);
	if (p->now.kind == T_ERROR)
		fail_at(p, p->now.at, "%s", p->lex.wrong);
}

static bool
is(const struct parser *p, const char *text)
{
	return (p->now.kind == T_PUNCT || p->now.kind == T_NAME) && strlen(text) == p->now.len
	       && (p->now.kind == T_PUNCT ? strncmp : strncasecmp)(
		      p->lex.text + p->now.at, text, p->now.len)
		      == 0;
}

static bool
accept(struct parser *p, const char *text)
{
	if (p->failed || !is(p, text))
		return false;
	advance(p);
	return true;
}

static bool
expect(struct parser *p, const char *text, const char *where)
{
	if (accept(p, text))
		return true;
	if (p->now.kind == T_END)
		fail_at(p, p->now.at, "unexpected end of input %s, expected \"%s\"", where, text);
	else
		fail_at(p, p->now.at, "unexpected \"%.*s\" %s, expected \"%s\"", (int)p->now.len,
		    p->lex.text + p->now.at, where, text);
	return false;
}

static struct node *
node_new(struct parser *p, enum node_kind kind, size_t at)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return fail_at(p, at, "out of memory");
	n->kind = kind;
	n->at = at;
	return n;
}

static char *
take_name(struct parser *p, const char *where)
{
	char *s = NULL;

	if (p->now.kind == T_NAME)
		s = strndup(p->lex.text + p->now.at, p->now.len);
	else if (p->now.kind == T_STRING)
		s = strdup(p->now.string);
	if (s == NULL)
		return fail_at(p, p->now.at, "unexpected \"%.*s\" %s, expected label",
		    (int)p->now.len, p->lex.text + p->now.at, where);
	advance(p);
	return s;
}

/* (a, b, c): the caller's list. */
static bool
take_labels(struct parser *p, char ***list, size_t *n, const char *where)
{
	if (!expect(p, "(", where))
		return false;
	while (!p->failed && !accept(p, ")")) {
		char **more = reallocarray(*list, *n + 1, sizeof(char *));

		if (more == NULL)
			return fail_at(p, p->now.at, "out of memory") != NULL;
		*list = more;
		if (((*list)[*n] = take_name(p, where)) == NULL)
			return false;
		(*n)++;
		if (!is(p, ")") && !expect(p, ",", where))
			return false;
	}
	return !p->failed;
}

/* A duration, or a number of seconds; a sign where one may stand. */
static bool
take_duration(struct parser *p, bool sign, int64_t *ms)
{
	double v, factor = 1;

	if (sign && accept(p, "-"))
		factor = -1;
	else if (sign)
		(void)accept(p, "+");
	if (p->now.kind == T_DURATION)
		v = p->now.number;
	else if (p->now.kind == T_NUMBER)
		v = p->now.number * 1000;
	else
		return fail_at(p, p->now.at, "unexpected \"%.*s\", expected number or duration",
			   (int)p->now.len, p->lex.text + p->now.at)
		       != NULL;
	if (!(fabs(v) < 9e15))
		return fail_at(p, p->now.at, "duration out of range") != NULL;
	*ms = (int64_t)(v * factor);
	advance(p);
	return !p->failed;
}

/* ---- selectors ---- */

static bool
add_matcher(struct parser *p, struct node *n, enum match_op op, const char *name, const char *value)
{
	struct matcher *more = reallocarray(n->matchers, n->n_matchers + 1, sizeof(*more));
	char err[200] = "";

	if (more == NULL)
		return fail_at(p, n->at, "out of memory") != NULL;
	n->matchers = more;
	if (matcher_init(&n->matchers[n->n_matchers], op, name, value, err, sizeof(err)) != 0)
		return fail_at(p, n->at, "%s", err) != NULL;
	n->n_matchers++;
	return true;
}

static bool
parse_matcher(struct parser *p, struct node *n)
{
	static const struct {
		const char *text;
		enum match_op op;
	} ops[] = {{"=", MATCH_EQ}, {"!=", MATCH_NE}, {"=~", MATCH_RE}, {"!~", MATCH_NRE}};
	bool quoted = p->now.kind == T_STRING, ok = false;
	char *name = take_name(p, "in label matching");
	size_t i;

	if (name == NULL)
		return false;
	for (i = 0; i < 4 && !is(p, ops[i].text); i++)
		;
	if (i == 4 && quoted) {
		ok = add_matcher(p, n, MATCH_EQ, LABEL_NAME, name);
	} else if (i == 4) {
		fail_at(p, p->now.at,
		    "unexpected \"%.*s\" in label matching, expected label matching operator",
		    (int)p->now.len, p->lex.text + p->now.at);
	} else {
		advance(p);
		if (p->now.kind != T_STRING)
			fail_at(p, p->now.at,
			    "unexpected \"%.*s\" in label matching, expected string",
			    (int)p->now.len, p->lex.text + p->now.at);
		else if ((ok = add_matcher(p, n, ops[i].op, name, p->now.string)))
			advance(p);
	}
	free(name);
	return ok && !p->failed;
}

static bool
parse_braces(struct parser *p, struct node *n)
{
	p->lex.in_braces = true;
	advance(p);
	while (!p->failed && !is(p, "}")) {
		if (!parse_matcher(p, n))
			break;
		if (!is(p, "}") && !expect(p, ",", "in label matching"))
			break;
	}
	p->lex.in_braces = false;
	if (!p->failed)
		advance(p);
	return !p->failed;
}

/* A selector that matches everything would read the whole store. */
static bool
selects_something(struct parser *p, const struct node *n)
{
	for (size_t i = 0; i < n->n_matchers; i++)
		if (!matcher_ok(&n->matchers[i], ""))
			return true;
	return fail_at(p, n->at, "vector selector must contain at least one non-empty matcher")
	       != NULL;
}

static struct node *
parse_selector(struct parser *p, char *name, size_t at)
{
	struct node *n = node_new(p, N_SELECTOR, at);

	if (n == NULL)
		return NULL;
	n->type = PROMQL_VECTOR;
	if (name != NULL && !add_matcher(p, n, MATCH_EQ, LABEL_NAME, name))
		return n;
	if (is(p, "{") && !parse_braces(p, n))
		return n;
	for (size_t i = 1; name != NULL && i < n->n_matchers; i++)
		if (strcmp(n->matchers[i].name, LABEL_NAME) == 0) {
			fail_at(p, at, "metric name must not be set twice: \"%s\" or \"%s\"", name,
			    n->matchers[i].value);
			return n;
		}
	(void)selects_something(p, n);
	return n;
}

/* ---- what may follow an operand: [range], [range:step], offset, @ ---- */

static struct node *
parse_range(struct parser *p, struct node *n)
{
	int64_t range, step = -1;
	size_t at = p->now.at;
	struct node *sub;

	advance(p);
	if (!take_duration(p, false, &range))
		return n;
	if (range <= 0) {
		fail_at(p, at, "duration must be greater than 0");
		return n;
	}
	if (!is(p, ":")) {
		if (n->kind != N_SELECTOR || n->range_ms > 0)
			fail_at(p, n->at, "ranges only allowed for vector selectors");
		else if (n->offset_ms != 0)
			fail_at(p, n->at, "no offset modifiers allowed before range");
		else if (n->at_kind != AT_NONE)
			fail_at(p, n->at, "no @ modifiers allowed before range");
		n->range_ms = range;
		n->type = PROMQL_MATRIX;
		(void)expect(p, "]", "in range selector");
		return n;
	}
	advance(p);
	if (!is(p, "]") && (!take_duration(p, false, &step) || step <= 0)) {
		fail_at(p, at, "duration must be greater than 0");
		return n;
	}
	(void)expect(p, "]", "in subquery selector");
	if (n->type != PROMQL_VECTOR)
		fail_at(p, n->at, "subquery is only allowed on instant vector");
	if ((sub = node_new(p, N_SUBQUERY, n->at)) == NULL)
		return n;
	sub->child[0] = n;
	sub->range_ms = range;
	sub->step_ms = step;
	sub->type = PROMQL_MATRIX;
	return sub;
}

static bool
takes_time(struct parser *p, const struct node *n, size_t at, const char *what)
{
	if (n->kind == N_SELECTOR || n->kind == N_SUBQUERY)
		return true;
	fail_at(p, at,
	    "%s modifier must be preceded by an instant vector selector or range vector selector "
	    "or a subquery",
	    what);
	return false;
}

static void
parse_at(struct parser *p, struct node *n)
{
	size_t at = p->now.at;
	double sign = 1;

	if (!takes_time(p, n, at, "@"))
		return;
	if (n->at_kind != AT_NONE)
		fail_at(p, at, "@ <timestamp> may not be set multiple times");
	if (accept(p, "start") || accept(p, "end")) {
		n->at_kind = strncasecmp(p->lex.text + at, "start", 5) == 0 ? AT_START : AT_END;
		if (expect(p, "(", "in @ modifier"))
			(void)expect(p, ")", "in @ modifier");
		return;
	}
	if (accept(p, "-"))
		sign = -1;
	else
		(void)accept(p, "+");
	if (p->now.kind != T_NUMBER || !(fabs(p->now.number) < 9e12)) {
		fail_at(p, p->now.at, "timestamp out of bounds for @ modifier");
		return;
	}
	n->at_kind = AT_TIME;
	n->at_ms = llround(sign * p->now.number * 1000);
	advance(p);
}

static struct node *
parse_suffix(struct parser *p, struct node *n)
{
	while (n != NULL && !p->failed) {
		size_t at = p->now.at;

		if (is(p, "[")) {
			n = parse_range(p, n);
		} else if (accept(p, "offset")) {
			if (!takes_time(p, n, at, "offset"))
				break;
			if (n->offset_ms != 0)
				fail_at(p, at, "offset may not be set multiple times");
			(void)take_duration(p, true, &n->offset_ms);
		} else if (accept(p, "@")) {
			parse_at(p, n);
		} else {
			break;
		}
	}
	return n;
}

/* ---- calls and aggregations ---- */

static const char *
type_name(enum promql_type t)
{
	static const char *const names[] = {"scalar", "string", "instant vector", "range vector"};

	return names[t];
}

static bool
want_type(struct parser *p, const struct node *n, enum promql_type want, const char *where)
{
	if (n == NULL || p->failed)
		return false;
	if (n->type == want)
		return true;
	fail_at(
	    p, n->at, "expected type %s in %s, got %s", type_name(want), where, type_name(n->type));
	return false;
}

static bool
parse_args(struct parser *p, struct node *n)
{
	if (!expect(p, "(", "in function call"))
		return false;
	while (!p->failed && !accept(p, ")")) {
		struct node **more = reallocarray(n->args, n->n_args + 1, sizeof(struct node *));

		if (more == NULL)
			return fail_at(p, n->at, "out of memory") != NULL;
		n->args = more;
		if ((n->args[n->n_args] = parse_expr(p, 0)) == NULL)
			return false;
		n->n_args++;
		if (!is(p, ")") && !expect(p, ",", "in function call"))
			return false;
	}
	return !p->failed;
}

static enum promql_type
letter_type(char c)
{
	switch (c | 0x20) {
	case 'm': return PROMQL_MATRIX;
	case 's': return PROMQL_SCALAR;
	case 't': return PROMQL_STRING;
	default: return PROMQL_VECTOR;
	}
}

static void
check_args(struct parser *p, const struct node *n)
{
	const struct function *f = n->function;
	size_t max = strlen(f->args), min = 0;
	char where[96];

	while (f->args[min] != '\0' && f->args[min] >= 'a')
		min++;
	if (n->n_args < min || (n->n_args > max && !f->variadic)) {
		fail_at(p, n->at, "expected %s%zu argument(s) in call to \"%s\", got %zu",
		    min == max && !f->variadic ? ""
		    : n->n_args < min          ? "at least "
					       : "at most ",
		    n->n_args < min ? min : max, f->name, n->n_args);
		return;
	}
	snprintf(where, sizeof(where), "call to function \"%s\"", f->name);
	for (size_t i = 0; i < n->n_args; i++)
		(void)want_type(p, n->args[i], letter_type(f->args[i < max ? i : max - 1]), where);
}

static struct node *
parse_call(struct parser *p, char *name, size_t at)
{
	const struct function *f = function_find(name, strlen(name));
	struct node *n;

	if (f == NULL)
		return fail_at(p, at, "unknown function with name \"%s\"", name);
	if ((n = node_new(p, N_CALL, at)) == NULL)
		return NULL;
	n->function = f;
	n->type = f->type;
	if (parse_args(p, n))
		check_args(p, n);
	return n;
}

static bool
parse_grouping(struct parser *p, struct node *n)
{
	if (is(p, "by") || is(p, "without")) {
		n->without = is(p, "without");
		n->on = true; /* a clause was given */
		advance(p);
		return take_labels(p, &n->labels, &n->n_labels, "in grouping opts");
	}
	return true;
}

static struct node *
parse_aggregate(struct parser *p, enum agg agg, size_t at)
{
	bool takes =
	    agg == AGG_TOPK || agg == AGG_BOTTOMK || agg == AGG_QUANTILE || agg == AGG_COUNT_VALUES;
	struct node *n = node_new(p, N_AGGREGATE, at);

	if (n == NULL)
		return NULL;
	n->agg = agg;
	n->type = PROMQL_VECTOR;
	if (!parse_grouping(p, n) || !parse_args(p, n) || (!n->on && !parse_grouping(p, n)))
		return n;
	if (n->n_args != (takes ? 2u : 1u)) {
		fail_at(p, at,
		    "wrong number of arguments for aggregate expression provided, expected %d, got "
		    "%zu",
		    takes ? 2 : 1, n->n_args);
		return n;
	}
	if (takes)
		(void)want_type(p, n->args[0],
		    agg == AGG_COUNT_VALUES ? PROMQL_STRING : PROMQL_SCALAR,
		    "aggregation parameter");
	(void)want_type(p, n->args[n->n_args - 1], PROMQL_VECTOR, "aggregation expression");
	return n;
}

/* ---- operands ---- */

static struct node *
parse_number(struct parser *p, double v, size_t at)
{
	struct node *n = node_new(p, N_NUMBER, at);

	if (n != NULL) {
		n->type = PROMQL_SCALAR;
		n->number = v;
	}
	return n;
}

static struct node *
parse_word(struct parser *p)
{
	char *name = strndup(p->lex.text + p->now.at, p->now.len);
	size_t at = p->now.at;
	struct node *n = NULL;
	int agg = -1;

	if (name == NULL)
		return fail_at(p, at, "out of memory");
	for (int i = 0; i < AGG_N; i++)
		if (strcasecmp(name, agg_names[i]) == 0)
			agg = i;
	advance(p);
	if (agg >= 0 && (is(p, "(") || is(p, "by") || is(p, "without")))
		n = parse_aggregate(p, (enum agg)agg, at);
	else if (is(p, "("))
		n = parse_call(p, name, at);
	else if (strcasecmp(name, "inf") == 0 || strcasecmp(name, "nan") == 0)
		n = parse_number(p, (name[0] | 0x20) == 'i' ? INFINITY : NAN, at);
	else
		n = parse_selector(p, name, at);
	free(name);
	return n;
}

static struct node *
parse_operand(struct parser *p)
{
	size_t at = p->now.at;
	struct node *n = NULL;

	switch (p->now.kind) {
	case T_NUMBER: case T_DURATION:
		n = parse_number(
		    p, p->now.kind == T_NUMBER ? p->now.number : p->now.number / 1000, at);
		advance(p);
		return n;
	case T_STRING:
		if ((n = node_new(p, N_STRING, at)) == NULL)
			return NULL;
		n->type = PROMQL_STRING;
		n->string = p->now.string;
		p->now.string = NULL;
		advance(p);
		return n;
	case T_NAME: return parse_word(p);
	case T_END: return fail_at(p, at, "unexpected end of input");
	default: break;
	}
	if (is(p, "{"))
		return parse_selector(p, NULL, at);
	if (!accept(p, "("))
		return fail_at(p, at, "unexpected \"%.*s\"", (int)p->now.len, p->lex.text + at);
	if ((n = node_new(p, N_PAREN, at)) == NULL)
		return NULL;
	if ((n->child[0] = parse_expr(p, 0)) != NULL)
		n->type = n->child[0]->type;
	(void)expect(p, ")", "in paren expression");
	return n;
}

static struct node *
parse_unary(struct parser *p)
{
	size_t at = p->now.at;
	struct node *n, *inner;
	bool minus = is(p, "-");

	if (!minus && !is(p, "+"))
		return parse_suffix(p, parse_operand(p));
	advance(p);
	inner = parse_expr(p, 6);
	if (inner != NULL && inner->type != PROMQL_SCALAR && inner->type != PROMQL_VECTOR)
		fail_at(p, at,
		    "unary expression only allowed on expressions of type scalar or instant "
		    "vector, got \"%s\"",
		    type_name(inner->type));
	if (!minus || inner == NULL)
		return inner;
	if ((n = node_new(p, N_UNARY, at)) == NULL) {
		node_free(inner);
		return NULL;
	}
	n->child[0] = inner;
	n->type = inner->type;
	return n;
}

/* ---- operators ---- */

static enum op
operator_now(const struct parser *p)
{
	for (int i = 1; i <= OP_ATAN2; i++)
		if (is(p, op_names[i]))
			return (enum op)i;
	return OP_NONE;
}

static void
parse_matching(struct parser *p, struct node *n)
{
	if (accept(p, "bool")) {
		n->bool_result = true;
		if (precedence[n->op] != 3)
			fail_at(p, n->at, "bool modifier can only be used on comparison operators");
	}
	if (is(p, "on") || is(p, "ignoring")) {
		n->on = is(p, "on");
		advance(p);
		if (!take_labels(p, &n->labels, &n->n_labels, "in grouping opts"))
			return;
		if (is(p, "group_left") || is(p, "group_right")) {
			n->card = is(p, "group_left") ? CARD_LEFT : CARD_RIGHT;
			advance(p);
			if (is(p, "(")
			    && !take_labels(p, &n->include, &n->n_include, "in grouping opts"))
				return;
		}
	}
}

static bool
has(char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static void
check_binary(struct parser *p, struct node *n)
{
	const struct node *a = n->child[0], *b = n->child[1];
	bool set = n->op <= OP_UNLESS, both = a->type == PROMQL_VECTOR && b->type == PROMQL_VECTOR;

	for (int i = 0; i < 2; i++)
		if (n->child[i]->type != PROMQL_SCALAR && n->child[i]->type != PROMQL_VECTOR)
			fail_at(p, n->child[i]->at,
			    "binary expression must contain only scalar and instant vector types");
	n->type =
	    a->type == PROMQL_SCALAR && b->type == PROMQL_SCALAR ? PROMQL_SCALAR : PROMQL_VECTOR;
	if (set && !both)
		fail_at(p, n->at, "set operator \"%s\" not allowed in binary scalar expression",
		    op_names[n->op]);
	if (set && n->card != CARD_ONE)
		fail_at(p, n->at, "no grouping allowed for \"%s\" operation", op_names[n->op]);
	if (set)
		n->card = CARD_MANY;
	if (!both && (n->n_labels > 0 || n->card == CARD_LEFT || n->card == CARD_RIGHT))
		fail_at(p, n->at, "vector matching only allowed between instant vectors");
	if (n->type == PROMQL_SCALAR && precedence[n->op] == 3 && !n->bool_result)
		fail_at(p, n->at, "comparisons between scalars must use BOOL modifier");
	for (size_t i = 0; n->on && i < n->n_include; i++)
		if (has(n->labels, n->n_labels, n->include[i]))
			fail_at(p, n->at,
			    "label \"%s\" must not occur in ON and GROUP clause at once",
			    n->include[i]);
}

static struct node *
parse_expr(struct parser *p, int min)
{
	struct node *left = NULL, *n;
	enum op op;

	if (++p->depth > PROMQL_DEPTH_MAX)
		fail_at(p, p->now.at, "nested deeper than %d", PROMQL_DEPTH_MAX);
	else
		left = parse_unary(p);
	while (left != NULL && !p->failed && (op = operator_now(p)) != OP_NONE
	       && precedence[op] >= (min > 1 ? min : 1)) {
		if ((n = node_new(p, N_BINARY, p->now.at)) == NULL)
			break;
		n->op = op;
		n->child[0] = left;
		left = n;
		advance(p);
		parse_matching(p, n);
		if (!p->failed)
			n->child[1] =
			    parse_expr(p, op == OP_POW ? precedence[op] : precedence[op] + 1);
		if (!p->failed && n->child[1] != NULL)
			check_binary(p, n);
	}
	p->depth--;
	return left;
}

int
promql_parse(struct promql_expr **out, const char *text, size_t len, struct promql_error *err)
{
	struct parser p = {.lex = {.text = text, .len = len}, .err = err};
	struct node *root = NULL;

	*out = NULL;
	*err = (struct promql_error){0};
	if (len > PROMQL_TEXT_MAX)
		fail_at(&p, 0, "the expression is longer than %d bytes", PROMQL_TEXT_MAX);
	else
		advance(&p);
	if (!p.failed && p.now.kind == T_END)
		fail_at(&p, 0, "no expression found in input");
	if (!p.failed)
		root = parse_expr(&p, 0);
	if (!p.failed && p.now.kind != T_END)
		fail_at(&p, p.now.at, "unexpected \"%.*s\"", (int)p.now.len, text + p.now.at);
	free(p.now.string);
	if (!p.failed && (*out = calloc(1, sizeof(**out))) != NULL) {
		(*out)->root = root;
		return 0;
	}
	node_free(root);
	return p.failed ? -EINVAL : -ENOMEM;
}
