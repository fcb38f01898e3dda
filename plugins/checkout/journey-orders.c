/*
 * journey-orders.c - how many orders the day has had, and what is owed for those that were placed.
 *
 * Keys of the probe's state:
 *
 *     orders           {"day": 20780, "n": 3}                     days since 1970, of the shop
 *     teardown         ["m3k0q1xz4a7b", ...]                      runs whose clean-up is owed
 *     teardown/RUN_ID  {"at": 1795478400123, "values": {"cart": "17", "total": 995}}
 *
 * All of it is put before the commit that precedes an order, so that neither a crash nor a restart
 * breaks the cap or forgets a clean-up. A day that lies behind the counted one (the clock stepped)
 * counts as that one. Secrets are never in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "plugins/checkout/journey.h"

#define DAY_S 86400

static json_t *
state_json(struct tw_ctx *ctx, const char *key)
{
	char err[160];
	size_t len = 0;
	const char *text = tw_api_->state_get(ctx, key, &len);

	return text != NULL ? json_read(text, len, err, sizeof(err)) : NULL;
}

/* Takes v. */
static int
state_put_json(struct tw_ctx *ctx, const char *key, json_t *v)
{
	char *text = v != NULL ? json_dumps(v, JSON_COMPACT) : NULL;
	int rc = text != NULL ? tw_api_->state_put(ctx, key, text, strlen(text)) : -1;

	free(text);
	json_decref(v);
	return rc;
}

/* ---- the day's orders ---- */

int64_t
orders_day(const struct journey *j, int64_t now_ms)
{
	int64_t local = now_ms / 1000;

	if (j->tz != NULL)
		local += tz_offset(j->tz, now_ms / 1000, NULL);
	return local / DAY_S - (local % DAY_S < 0);
}

static void
counted(struct tw_ctx *ctx, const struct journey *j, int64_t *day, int64_t *n)
{
	json_t *o = state_json(ctx, "orders");
	int64_t today = orders_day(j, tw_api_->slot_ms(ctx));

	*day = json_integer_value(json_object_get(o, "day"));
	*n = json_integer_value(json_object_get(o, "n"));
	json_decref(o);
	if (*day >= today && *n >= 0)
		return;
	*day = today;
	*n = 0;
}

int64_t
orders_today(struct tw_ctx *ctx, const struct journey *j)
{
	int64_t day, n;

	counted(ctx, j, &day, &n);
	return n;
}

int
orders_count(struct tw_ctx *ctx, const struct journey *j)
{
	int64_t day, n;

	counted(ctx, j, &day, &n);
	return state_put_json(ctx, "orders",
	    json_pack("{s:I, s:I}", "day", (json_int_t)day, "n", (json_int_t)n + 1));
}

/* ---- what is owed ---- */

static json_t *
index_read(struct tw_ctx *ctx)
{
	json_t *index = state_json(ctx, "teardown");

	if (json_is_array(index))
		return index;
	json_decref(index);
	return json_array();
}

static bool
id_ok(const char *id)
{
	size_t n = id != NULL ? strlen(id) : 0;

	return n > 0 && n < RUN_ID_BYTES
	       && strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz") == n;
}

uint32_t
owed_number(struct tw_ctx *ctx)
{
	json_t *index = index_read(ctx);
	size_t n = json_array_size(index);

	json_decref(index);
	return (uint32_t)n;
}

bool
owed_id(struct tw_ctx *ctx, uint32_t i, char id[RUN_ID_BYTES])
{
	json_t *index = index_read(ctx);
	const char *text = json_string_value(json_array_get(index, i));
	bool there = i < json_array_size(index);

	/* One that is none is still told, so that it can be dropped. */
	snprintf(id, RUN_ID_BYTES, "%s", there && id_ok(text) ? text : "");
	json_decref(index);
	return there;
}

static size_t
index_find(json_t *index, const char *id)
{
	json_t *v;
	size_t i;

	json_array_foreach(index, i, v)
		if (strcmp(json_is_string(v) ? json_string_value(v) : "", id) == 0)
			return i;
	return json_array_size(index);
}

static void
owed_key(const char *id, char key[32])
{
	snprintf(key, 32, "teardown/%s", id);
}

/* A shop may repeat what it was told. */
static bool
holds_secret(const struct journey *j, const struct value *v)
{
	struct buf b;
	bool holds;

	buf_init(&b, 4 * VALUE_BYTES_MAX);
	redact(&j->values, v->text, v->len, &b);
	holds = b.len != v->len || memcmp(buf_str(&b), v->text, v->len) != 0;
	buf_free(&b);
	return holds;
}

static json_t *
values_json(const struct journey *j)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < j->plan.names.n; i++) {
		const struct value *v = &j->values.at[i];
		char err[160];
		json_t *text;

		if (v->text == NULL || v->is_secret || holds_secret(j, v))
			continue;
		text = v->is_literal ? json_read(v->text, v->len, err, sizeof(err)) : NULL;
		if (text == NULL)
			text = json_stringn(v->text, v->len);
		/* What is no UTF-8 cannot be kept; a teardown that needs it is skipped and said. */
		json_object_set_new(o, j->plan.names.name[i], text);
	}
	return o;
}

int
owed_put(struct tw_ctx *ctx, const struct journey *j, const char *id)
{
	json_t *index, *o, *at;
	char key[32];
	int rc;

	owed_key(id, key);
	o = state_json(ctx, key);
	at = json_incref(json_object_get(o, "at"));
	json_decref(o);
	if (at == NULL)
		at = json_integer(tw_api_->slot_ms(ctx));
	if (state_put_json(ctx, key, json_pack("{s:o, s:o}", "at", at, "values", values_json(j)))
	    != 0)
		return -1;
	index = index_read(ctx);
	if (index_find(index, id) < json_array_size(index)) {
		json_decref(index);
		return 0;
	}
	json_array_append_new(index, json_string(id));
	if ((rc = state_put_json(ctx, "teardown", index)) != 0)
		(void)tw_api_->state_put(ctx, key, NULL, 0);
	return rc;
}

static bool
take_value(const struct journey *j, struct values *values, const char *name, json_t *v)
{
	int i = names_find(&j->plan.names, name, strlen(name));
	char text[VALUE_BYTES_MAX + 1];

	/* The configuration may have changed since. A secret is not taken from the state. */
	if (i < 0 || j->plan.is_secret[i] || !json_scalar_text(v, text, sizeof(text)))
		return false;
	if (value_set(&values->at[i], text, strlen(text)) != 0)
		return false;
	values->at[i].is_foreign = true;
	values->at[i].is_literal = !json_is_string(v);
	return true;
}

bool
owed_get(struct tw_ctx *ctx, const struct journey *j, const char *id, struct values *values,
    int64_t *at_ms)
{
	const char *name;
	char key[32];
	json_t *o, *v;
	bool ok;

	owed_key(id, key);
	o = id[0] != '\0' ? state_json(ctx, key) : NULL;
	ok = json_is_object(json_object_get(o, "values"));
	*at_ms = json_integer_value(json_object_get(o, "at"));
	json_object_foreach(json_object_get(o, "values"), name, v)
		(void)take_value(j, values, name, v);
	json_decref(o);
	return ok;
}

void
owed_drop(struct tw_ctx *ctx, const char *id)
{
	json_t *index = index_read(ctx);
	size_t i = index_find(index, id);
	char key[32];

	if (id[0] != '\0') {
		owed_key(id, key);
		(void)tw_api_->state_put(ctx, key, NULL, 0);
	} else { /* the first that is no id */
		for (i = 0; i < json_array_size(index)
			    && id_ok(json_string_value(json_array_get(index, i)));
		     i++)
			;
	}
	json_array_remove(index, i);
	(void)state_put_json(ctx, "teardown", index);
}
