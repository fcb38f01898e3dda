/*
 * canary-plan.c - of the options: which systems must show the canary, which values can be told
 * apart in all of them, and the request that writes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/canary-run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- systems ---- */

static bool
is_its_rule(const struct canary_options *o, const struct rule *r, const char *field)
{
	if (field != NULL)
		return strcmp(r->field, field) == 0;
	return o->field != NULL ? strcmp(r->field, o->field) == 0 : r->is_quantity;
}

static void
add_side(struct canary_run *r, const struct comparer *c, const struct rule *rule, bool is_reference)
{
	unsigned side = is_reference ? rule->reference : rule->source;
	unsigned i = r->c.n_sides++;

	r->c.sides[i] = (struct canary_side){.name = c->sides[side].name,
	    .rule = is_reference ? NULL : rule, .cell = CELL_NULL, .lag_ms = -1,
	    .rules = is_reference ? rule->reference_rules : rule->rules};
	r->at[i] = (struct canary_place){
	    .side = side, .column = is_reference ? rule->reference_column : rule->column};
}

static enum tw_verdict
take_sides(struct tw_ctx *ctx, struct inventory *s, struct canary_run *r)
{
	const struct comparer *c = s->c;
	const char *field = NULL;

	for (unsigned i = 0; i < c->n_rules; i++) {
		if (!is_its_rule(r->o, &c->rules[i], field))
			continue;
		if (field == NULL)
			add_side(r, c, &c->rules[i], true);
		field = c->rules[i].field;
		add_side(r, c, &c->rules[i], false);
	}
	if (field == NULL && r->o->field != NULL)
		return tw_api_->refuse(ctx, "canary/field", "no field called \"%s\" is compared",
		    r->o->field);
	if (field == NULL)
		return tw_api_->refuse(ctx, "canary", "no quantity is compared: name a `field`");
	r->c.of = XXH3_64bits_withSeed(r->o->sku, r->key_len, XXH3_64bits(field, strlen(field)));
	return TW_OK;
}

/* ---- values ---- */

static enum tw_verdict
take_values(struct tw_ctx *ctx, struct canary_run *r)
{
	const struct canary_options *o = r->o;
	double tolerance = 0, buffer = 0;

	for (unsigned i = 1; i < r->c.n_sides; i++) {
		const struct rule *rule = r->c.sides[i].rule;

		tolerance = fmax(tolerance, (double)rule->tolerance / VALUE_SCALE);
		tolerance = fmax(tolerance, rule->share * (double)o->high);
		buffer = fmax(buffer, (double)rule->buffer / VALUE_SCALE);
	}
	r->c.low = o->low;
	r->c.high = o->high;
	r->c.stride = (int64_t)tolerance + 1;
	r->c.every_ms = o->every / 1000;
	r->c.max_lag_ms = o->max_lag / 1000;
	if (o->low >= o->high)
		return tw_api_->refuse(ctx, "canary/high", "is not above `low`");
	if ((double)o->low <= buffer)
		return tw_api_->refuse(ctx, "canary/low",
		    "a system keeps back %g (buffer): it would show none of it", buffer);
	if ((o->high - o->low) / r->c.stride < (int64_t)2 * CANARY_WRITES)
		return tw_api_->refuse(ctx, "canary/high",
		    "values that differ by more than the tolerance are wanted, %d of them",
		    2 * CANARY_WRITES);
	if (o->step > o->max_lag)
		return tw_api_->refuse(ctx, "canary/step",
		    "is longer than `max_lag`: nobody would see who is late");
	return TW_OK;
}

/* ---- the write ---- */

static bool
has_value(const struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->pieces[i].name >= 0)
			return true;
	return false;
}

static enum tw_verdict
take_write(struct tw_ctx *ctx, struct canary_run *r)
{
	static const struct tw_list none;
	const struct request_scope scope = {ctx, &r->names, &r->names, "canary/", "write"};
	bool is_used;

	if (r->o->write.url == NULL)
		return TW_OK;
	r->writes = true;
	if (names_add(&r->names, "value") != 0
	    || (r->assertions = assertions_new_at(ctx, "canary/write/", &none)) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	r->values.at[0].is_literal = true;
	if (request_make(&r->request, &r->o->write, &scope) != 0)
		return TW_UNKNOWN;
	is_used = has_value(&r->request.url) || has_value(&r->request.body);
	for (uint32_t i = 0; i < r->o->write.headers.n; i++)
		is_used |= has_value(&r->request.headers[i]);
	if (!is_used)
		return tw_api_->refuse(ctx, "canary/write",
		    "there is no ${value} in it: it would always write the same");
	if (!tw_has(commit))
		return tw_api_->refuse(ctx, "canary/write",
		    "this host cannot put on disk what is about to be written");
	return TW_OK;
}

enum tw_verdict
canary_start(struct tw_ctx *ctx, struct inventory *s)
{
	const struct canary_options *o = &s->canary_options;
	struct canary_run *r;
	enum tw_verdict v;
	const void *kept;
	size_t len;

	if (o->sku == NULL)
		return TW_OK;
	if (*o->sku == '\0' || strlen(o->sku) > TABLE_KEY_MAX)
		return tw_api_->refuse(ctx, "canary/sku", "is no key (1 to %d bytes)",
		    TABLE_KEY_MAX);
	if ((r = s->canary = calloc(1, sizeof(*r))) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	r->o = o;
	r->key_len = strlen(o->sku);
	if ((v = take_sides(ctx, s, r)) != TW_OK || (v = take_values(ctx, r)) != TW_OK
	    || (v = take_write(ctx, r)) != TW_OK)
		return v;
	kept = tw_api_->state_get(ctx, "canary", &len);
	if (kept != NULL && canary_restore(&r->c, kept, len) != 0)
		tw_api_->log(ctx, 4, "what was known of the canary is damaged, or of another one: "
		    "it begins anew");
	return TW_OK;
}

void
canary_stop(struct inventory *s)
{
	struct canary_run *r = s->canary;

	if (r == NULL)
		return;
	if (r->request.o != NULL)
		request_clear(&r->request);
	values_clear(&r->values);
	assertions_free(r->assertions);
	free(r);
	s->canary = NULL;
}

void
canary_keep(struct tw_ctx *ctx, const struct canary_run *r)
{
	char blob[CANARY_SAVED_MAX];
	size_t len = canary_save(&r->c, blob, sizeof(blob));

	if (len == 0 || tw_api_->state_put(ctx, "canary", blob, len) != 0)
		tw_api_->log(ctx, 4, "the canary does not fit into the probe's state");
}
