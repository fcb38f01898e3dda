/*
 * eval-binary.c - operators between scalars and vectors; matching of series.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/promql/eval.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool
is_comparison(enum op op)
{
	return op >= OP_EQ && op <= OP_GT;
}

/* Prometheus' % keeps the sign of the left side, as C's fmod does. */
static double
apply(enum op op, double a, double b)
{
	switch (op) {
	case OP_ADD: return a + b;
	case OP_SUB: return a - b;
	case OP_MUL: return a * b;
	case OP_DIV: return a / b;
	case OP_MOD: return fmod(a, b);
	case OP_POW: return pow(a, b);
	case OP_ATAN2: return atan2(a, b);
	case OP_EQ: return a == b;
	case OP_NE: return a != b;
	case OP_LE: return a <= b;
	case OP_LT: return a < b;
	case OP_GE: return a >= b;
	default: return a > b;
	}
}

static int
scalars(struct eval *e, const struct node *n, const struct value *a, const struct value *b,
    struct value *out)
{
	int rc = value_scalar(e, out);

	for (size_t i = 0; i < e->n_steps && rc == 0; i++)
		out->scalar[i] = apply(n->op, a->scalar[i], b->scalar[i]);
	return rc;
}

static int
result_labels(const struct node *n, const struct labels *l, struct labels **out)
{
	if (is_comparison(n->op) && !n->bool_result) {
		*out = labels_ref(l);
		return 0;
	}
	return labels_drop_name(l, out);
}

/* A histogram and a number: only scaling has a meaning. */
static void
hist_scalar(struct eval *e, enum op op, const struct hist *h, double v, bool hist_left,
    struct vseries *to, size_t k)
{
	struct hist *out;

	if (!(op == OP_MUL || (op == OP_DIV && hist_left)) || (out = hist_new_copy(h)) == NULL)
		return;
	if (op == OP_DIV)
		v = 1 / v;
	for (uint32_t i = 0; i < out->n_pos; i++)
		out->pos[i].count *= v;
	for (uint32_t i = 0; i < out->n_neg; i++)
		out->neg[i].count *= v;
	out->zero_count *= v;
	out->count *= v;
	out->sum *= v;
	(void)value_hist(e, to, k, out);
}

static int
vector_scalar(struct eval *e, const struct node *n, const struct value *vec, const double *scalar,
    bool swapped, struct value *out)
{
	int rc = 0;

	for (size_t i = 0; i < vec->n && rc == 0; i++) {
		const struct vseries *from = &vec->at[i];
		struct labels *l;
		struct vseries *to;

		if ((rc = result_labels(n, from->labels, &l)) != 0)
			break;
		rc = value_add(e, out, l, &to);
		labels_unref(l);
		for (size_t k = 0; k < e->n_steps && rc == 0; k++) {
			double r;

			if (!from->has[k])
				continue;
			if (from->h != NULL && from->h[k] != NULL) {
				hist_scalar(e, n->op, from->h[k], scalar[k], !swapped, to, k);
				continue;
			}
			r = swapped ? apply(n->op, scalar[k], from->v[k])
				    : apply(n->op, from->v[k], scalar[k]);
			if (is_comparison(n->op) && !n->bool_result && r == 0)
				continue;
			to->has[k] = 1;
			to->v[k] = is_comparison(n->op) && !n->bool_result ? from->v[k] : r;
		}
	}
	return rc == 0 ? value_merge_equal(e, out) : rc;
}

/* ---- matching ---- */

/* The labels by which two sides match: those named by on(), or all but the name and ignoring(). */
static int
signature(const struct node *n, const struct labels *l, struct labels **out)
{
	const char *names[LABELS_MAX + 1];
	size_t k = 0;

	for (size_t i = 0; i < n->n_labels && k < LABELS_MAX; i++)
		names[k++] = n->labels[i];
	if (!n->on)
		names[k++] = LABEL_NAME;
	return labels_pick(out, l, names, k, n->on);
}

struct side {
	struct labels **sig;
	const struct value *v;
};

static void
side_clear(struct side *s)
{
	for (size_t i = 0; s->sig != NULL && i < s->v->n; i++)
		labels_unref(s->sig[i]);
	free(s->sig);
}

static int
side_make(struct eval *e, const struct node *n, const struct value *v, struct side *s)
{
	int rc = 0;

	s->v = v;
	if ((s->sig = calloc(v->n + 1, sizeof(struct labels *))) == NULL)
		return eval_fail(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < v->n && rc == 0; i++)
		rc = signature(n, v->at[i].labels, &s->sig[i]);
	return rc;
}

static bool
matched_at(const struct side *s, const struct labels *sig, size_t step)
{
	for (size_t i = 0; i < s->v->n; i++)
		if (s->v->at[i].has[step] && labels_equal(s->sig[i], sig))
			return true;
	return false;
}

static int
copy_steps(struct eval *e, const struct vseries *from, struct vseries *to, size_t k)
{
	to->has[k] = 1;
	to->v[k] = from->v[k];
	return from->h != NULL && from->h[k] != NULL
		   ? value_hist(e, to, k, hist_new_copy(from->h[k]))
		   : 0;
}

/* and, unless: what of `a` has (no) partner in `b`; or: all of `a`, and what of `b` has no partner
 * in it. */
static int
filter(struct eval *e, const struct side *a, const struct side *b, bool wanted, struct value *out)
{
	int rc = 0;

	for (size_t i = 0; i < a->v->n && rc == 0; i++) {
		struct vseries *to;

		rc = value_add(e, out, a->v->at[i].labels, &to);
		for (size_t k = 0; k < e->n_steps && rc == 0; k++)
			if (a->v->at[i].has[k]
			    && (b == NULL || matched_at(b, a->sig[i], k) == wanted))
				rc = copy_steps(e, &a->v->at[i], to, k);
	}
	return rc;
}

static int
sets(struct eval *e, const struct node *n, const struct side *a, const struct side *b,
    struct value *out)
{
	int rc;

	if (n->op == OP_AND)
		return filter(e, a, b, true, out);
	if (n->op == OP_UNLESS)
		return filter(e, a, b, false, out);
	rc = filter(e, a, NULL, true, out);
	if (rc == 0)
		rc = filter(e, b, a, false, out);
	return rc == 0 ? value_merge_equal(e, out) : rc;
}

/* The labels of a pair: one to one keeps what matched; many to one keeps the many side's, plus what
 * it includes. */
static int
pair_labels(
    const struct node *n, const struct labels *many, const struct labels *one, struct labels **out)
{
	struct label add[LABELS_MAX];
	struct labels *l;
	size_t k = 0;
	int rc;

	if (is_comparison(n->op) && !n->bool_result)
		l = labels_ref(many);
	else if ((rc = labels_drop_name(many, &l)) != 0)
		return rc;
	if (n->card == CARD_ONE) {
		const char *keep[LABELS_MAX];

		for (size_t i = 0; i < n->n_labels && k < LABELS_MAX - 1; i++)
			keep[k++] = n->labels[i];
		rc = n->on || n->n_labels > 0 ? labels_pick(out, l, keep, k, n->on)
					      : (*out = labels_ref(l), 0);
		labels_unref(l);
		return rc;
	}
	for (size_t i = 0; i < n->n_include && k < LABELS_MAX; i++)
		add[k++] = (struct label){n->include[i], labels_get(one, n->include[i])};
	rc = labels_with(out, l, add, k);
	labels_unref(l);
	return rc;
}

static int
pair_hists(struct eval *e, enum op op, const struct hist *a, const struct hist *b,
    struct vseries *to, size_t k)
{
	struct hist *out;

	if (op != OP_ADD && op != OP_SUB)
		return 0;
	if ((out = hist_new_copy(a)) == NULL)
		return eval_fail(e, -ENOMEM, "out of memory");
	if (hist_add(out, b, op == OP_ADD ? 1 : -1) != 0) {
		hist_free(out);
		return 0;
	}
	return value_hist(e, to, k, out);
}

static int
pair_step(struct eval *e, const struct node *n, const struct vseries *left,
    const struct vseries *right, struct vseries *to, size_t k)
{
	bool lh = left->h != NULL && left->h[k] != NULL,
	     rh = right->h != NULL && right->h[k] != NULL;
	double r;

	if (lh && rh)
		return pair_hists(e, n->op, left->h[k], right->h[k], to, k);
	if (lh || rh) {
		hist_scalar(e, n->op, lh ? left->h[k] : right->h[k], lh ? right->v[k] : left->v[k],
		    lh, to, k);
		return 0;
	}
	r = apply(n->op, left->v[k], right->v[k]);
	if (is_comparison(n->op) && !n->bool_result && r == 0)
		return 0;
	to->has[k] = 1;
	to->v[k] = is_comparison(n->op) && !n->bool_result ? left->v[k] : r;
	return 0;
}

static int
check_one_side(struct eval *e, const struct side *one, const char *which)
{
	for (size_t i = 0; i < one->v->n; i++)
		for (size_t j = i + 1; j < one->v->n; j++) {
			if (!labels_equal(one->sig[i], one->sig[j]))
				continue;
			for (size_t k = 0; k < e->n_steps; k++)
				if (one->v->at[i].has[k] && one->v->at[j].has[k])
					return eval_fail(e, -EDOM,
					    "found duplicate series for the match group on the %s "
					    "hand-side of "
					    "the operation;many-to-many matching not allowed: "
					    "matching labels must be unique on one "
					    "side",
					    which);
		}
	return 0;
}

static int
pairs(struct eval *e, const struct node *n, const struct side *left, const struct side *right,
    struct value *out)
{
	const struct side *many = n->card == CARD_RIGHT ? right : left,
			  *one = n->card == CARD_RIGHT ? left : right;
	int rc = check_one_side(e, one, n->card == CARD_RIGHT ? "left" : "right");

	if (rc == 0 && n->card == CARD_ONE && (rc = check_one_side(e, many, "left")) != 0)
		return rc;
	for (size_t i = 0; i < many->v->n && rc == 0; i++)
		for (size_t j = 0; j < one->v->n && rc == 0; j++) {
			const struct vseries *m = &many->v->at[i], *o = &one->v->at[j];
			const struct vseries *l = n->card == CARD_RIGHT ? o : m,
					     *r = n->card == CARD_RIGHT ? m : o;
			struct vseries *to = NULL;
			struct labels *labels;

			if (!labels_equal(many->sig[i], one->sig[j]))
				continue;
			if ((rc = pair_labels(n, m->labels, o->labels, &labels)) != 0)
				break;
			rc = value_add(e, out, labels, &to);
			labels_unref(labels);
			for (size_t k = 0; k < e->n_steps && rc == 0; k++)
				if (l->has[k] && r->has[k])
					rc = pair_step(e, n, l, r, to, k);
		}
	if (rc == 0 && value_merge_equal(e, out) != 0) {
		e->err->code = 0;
		rc = eval_fail(e, -EDOM,
		    "multiple matches for labels: grouping labels must ensure unique matches");
	}
	return rc;
}

static int
vectors(struct eval *e, const struct node *n, const struct value *a, const struct value *b,
    struct value *out)
{
	struct side left = {0}, right = {0};
	int rc = side_make(e, n, a, &left);

	if (rc == 0)
		rc = side_make(e, n, b, &right);
	if (rc == 0)
		rc = n->card == CARD_MANY ? sets(e, n, &left, &right, out)
					  : pairs(e, n, &left, &right, out);
	side_clear(&left);
	if (right.v != NULL)
		side_clear(&right);
	return rc;
}

int
eval_binary(struct eval *e, const struct node *n, struct value *out)
{
	struct value a = {0}, b = {0};
	int rc = eval_node(e, n->child[0], &a);

	if (rc == 0)
		rc = eval_node(e, n->child[1], &b);
	out->type = n->type;
	if (rc != 0)
		;
	else if (a.type == PROMQL_SCALAR && b.type == PROMQL_SCALAR)
		rc = scalars(e, n, &a, &b, out);
	else if (b.type == PROMQL_SCALAR)
		rc = vector_scalar(e, n, &a, b.scalar, false, out);
	else if (a.type == PROMQL_SCALAR)
		rc = vector_scalar(e, n, &b, a.scalar, true, out);
	else
		rc = vectors(e, n, &a, &b, out);
	value_clear(e, &a);
	value_clear(e, &b);
	return rc;
}
