/*
 * expr.c - what others ask of an expression.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "agent/promql/ast.h"

void
promql_free(struct promql_expr *e)
{
	if (e == NULL)
		return;
	node_free(e->root);
	free(e);
}

enum promql_type
promql_type(const struct promql_expr *e)
{
	return e->root->type;
}

static void
walk(const struct node *n, void (*each)(void *, const char *, const struct matcher *, size_t),
    void *arg)
{
	const char *name = "";

	if (n == NULL)
		return;
	for (size_t i = 0; i < n->n_matchers; i++)
		if (strcmp(n->matchers[i].name, LABEL_NAME) == 0 && n->matchers[i].op == MATCH_EQ)
			name = n->matchers[i].value;
	if (n->kind == N_SELECTOR)
		each(arg, name, n->matchers, n->n_matchers);
	for (int i = 0; i < 4; i++)
		walk(n->child[i], each, arg);
	for (size_t i = 0; i < n->n_args; i++)
		walk(n->args[i], each, arg);
}

void
promql_selectors(const struct promql_expr *e,
    void (*each)(void *, const char *, const struct matcher *, size_t), void *arg)
{
	walk(e->root, each, arg);
}
