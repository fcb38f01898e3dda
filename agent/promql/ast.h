/*
 * ast.h - tokens and the expression tree. Only promql/ includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_PROMQL_AST_H
#define AGENT_PROMQL_AST_H

#include "agent/promql/promql.h"

enum token_kind {
	T_END,
	T_ERROR,
	T_NUMBER,
	T_DURATION,
	T_STRING,
	T_NAME, /* identifiers and keywords, metric names with ':' */
	T_PUNCT /* text holds one of ( ) { } [ ] , : @ + - * / % ^ == != =~ !~ = < <= > >= */
};

struct token {
	enum token_kind kind;
	size_t at, len;         /* in the text */
	double number;          /* T_NUMBER; T_DURATION: milliseconds */
	char *string;           /* T_STRING: unescaped, owned by the lexer's caller */
};

struct lexer {
	const char *text;
	size_t len, at;
	bool in_braces;         /* of a selector: names have no ':' */
	const char *wrong;      /* of a T_ERROR */
};
struct token lex_next(struct lexer *l);

enum node_kind {
	N_NUMBER,
	N_STRING,
	N_SELECTOR,
	N_SUBQUERY,
	N_PAREN,
	N_UNARY,
	N_BINARY,
	N_CALL,
	N_AGGREGATE
};
enum at_kind { AT_NONE, AT_TIME, AT_START, AT_END };
enum op {
	OP_NONE,
	OP_OR,
	OP_AND,
	OP_UNLESS,
	OP_EQ,
	OP_NE,
	OP_LE,
	OP_LT,
	OP_GE,
	OP_GT,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_POW,
	OP_ATAN2
};
enum agg {
	AGG_SUM,
	AGG_AVG,
	AGG_MIN,
	AGG_MAX,
	AGG_COUNT,
	AGG_GROUP,
	AGG_STDDEV,
	AGG_STDVAR,
	AGG_TOPK,
	AGG_BOTTOMK,
	AGG_QUANTILE,
	AGG_COUNT_VALUES,
	AGG_N
};
enum card { CARD_ONE, CARD_LEFT /* many to one */, CARD_RIGHT, CARD_MANY /* sets */ };

struct function;

struct node {
	enum node_kind kind;
	size_t at;                    /* in the text, for errors */
	enum promql_type type;
	struct node *child[4];        /* operands, arguments, the inner expression */
	struct node **args;           /* of a call */
	size_t n_args;
	double number;
	char *string;
	/* selector, subquery */
	struct matcher *matchers;
	size_t n_matchers;
	int64_t range_ms, step_ms;    /* range 0: instant; step -1: the default */
	int64_t offset_ms;
	enum at_kind at_kind;
	int64_t at_ms;
	/* operators */
	enum op op;
	bool bool_result;
	enum card card;
	bool on;                      /* on(...) or ignoring(...) */
	char **labels, **include;     /* of on/ignoring/by/without; of group_left/right */
	size_t n_labels, n_include;
	enum agg agg;
	bool without;
	const struct function *function;
};

struct promql_expr {
	struct node *root;
};

void node_free(struct node *n);
extern const char *const op_names[], *const agg_names[];

#endif
