/*
 * orders-plan.c - of the options: which source tells of what.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/inventory/orders-probe.h"

/* How long each role may be late where nobody says. */
static const int64_t lags_ms[ROLE_N] = {[ROLE_ORDER] = 300000, [ROLE_PAYMENT] = 300000,
    [ROLE_EXPORT] = 900000, [ROLE_SHIPMENT] = 3 * 86400000, [ROLE_REFUND] = 300000,
    [ROLE_BOOKING] = 86400000};

static enum tw_verdict
take_role(struct tw_ctx *ctx, const struct order_options *p, enum role *role, const char *path)
{
	int i = p->as > 0 ? p->as - 1 : 0;

	while (p->as == 0 && i < ROLE_N && strcmp(p->source, role_names[i]) != 0)
		i++;
	*role = (enum role)i;
	return i < ROLE_N
	    ? TW_OK
	    : tw_api_->refuse(ctx, path, "what does it tell of? Say as: orders, payments, exports, "
		"shipments, refunds or bookings");
}

static enum tw_verdict
take_side(struct tw_ctx *ctx, struct inventory *s, const struct order_options *p)
{
	struct orders_probe *op = s->orders;
	struct order_side *side = &op->o.sides[op->o.n_sides];
	struct order_source *source = &op->sources[op->o.n_sides];
	const struct tw_pair *where = p->where.items;
	char path[128];
	enum tw_verdict v;

	snprintf(path, sizeof(path), "compare/%.60s", p->source);
	*source = (struct order_source){.options = p};
	side->name = p->source;
	if ((v = take_role(ctx, p, &side->role, path)) != TW_OK)
		return v;
	side->max_lag_ms = p->max_lag > 0 ? p->max_lag / 1000 : lags_ms[side->role];
	plan_affixes(s, p->source, &source->more);
	if ((v = plan_rules(ctx, s, p->source, p->value, false, &source->rules)) != TW_OK)
		return v;
	if (p->where.n > sizeof(source->where_at) / sizeof(source->where_at[0]))
		return tw_api_->refuse(ctx, path, "where: 8 fields at most");
	tw_api_->want(ctx, p->source, s->key);
	tw_api_->want(ctx, p->source, p->value);
	tw_api_->want(ctx, p->source, p->part);
	for (uint32_t i = 0; i < p->where.n; i++)
		tw_api_->want(ctx, p->source, where[i].name);
	op->o.n_sides++;
	return TW_OK;
}

/* Whether there is anything to find. */
static enum tw_verdict
check_roles(struct tw_ctx *ctx, const struct orders *o)
{
	bool is_there[ROLE_N] = {false};

	for (unsigned i = 0; i < o->n_sides; i++)
		is_there[o->sides[i].role] = true;
	if (is_there[ROLE_BOOKING] && !is_there[ROLE_REFUND])
		return tw_api_->refuse(ctx, "compare",
		    "bookings are compared with refunds: which source has them?");
	if (!is_there[ROLE_ORDER] && !(is_there[ROLE_BOOKING] && is_there[ROLE_REFUND]))
		return tw_api_->refuse(ctx, "compare",
		    "no source tells of orders: name one orders, or say as: orders");
	if (o->n_sides < 2)
		return tw_api_->refuse(
		    ctx, "compare", "one source agrees with itself: name another");
	return TW_OK;
}

enum tw_verdict
orders_plan(struct tw_ctx *ctx, struct inventory *s)
{
	const struct order_options *p = s->compare.items;
	int64_t tolerance = VALUE_SCALE / 100;
	bool is_share = false;
	double share;
	enum tw_verdict v;

	if (s->fields.n > 0)
		return tw_api_->refuse(ctx, "compare",
		    "one probe compares fields of keys or orders, not both: make two of it");
	if (s->compare.n > ORDERS_SIDES_MAX)
		return tw_api_->refuse(ctx, "compare", "%d sources at most", ORDERS_SIDES_MAX);
	if ((s->orders = calloc(1, sizeof(*s->orders))) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	if (s->tolerance != NULL
	    && (value_tolerance(s->tolerance, &tolerance, &share, &is_share) != 0 || is_share))
		return tw_api_->refuse(ctx, "tolerance", "\"%s\" is no amount (try 0.01 EUR)",
		    s->tolerance);
	s->orders->o.tolerance = tolerance;
	s->orders->o.keep_ms = s->keep / 1000;
	s->orders->o.warm_up_ms = s->warm_up / 1000;
	for (uint32_t i = 0; i < s->compare.n; i++)
		if ((v = take_side(ctx, s, &p[i])) != TW_OK)
			return v;
	return check_roles(ctx, &s->orders->o);
}
