/*
 * traffic-host.c - see traffic-host.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "tests/unit/traffic-host.h"

int64_t now_ms = T0;
wall_t __wrap_wall_now(void);
wall_t
__wrap_wall_now(void)
{
	return (wall_t){now_ms};
}

static struct entry *
entry(struct table *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->at[i].key, key) == 0)
			return &t->at[i];
	assert_true(t->n < 4096);
	snprintf(t->at[t->n].key, sizeof(t->at[0].key), "%s", key);
	return &t->at[t->n++];
}

static void
name_of(char *dst, size_t cap, uint32_t metric, const char *const *labels)
{
	size_t n = (size_t)snprintf(dst, cap, "%u", metric);

	for (int i = 0; labels != NULL && labels[i] != NULL && n < cap; i++)
		n += (size_t)snprintf(dst + n, cap - n, "/%s", labels[i]);
}

static void
keep_count(struct tw_ctx *c, uint32_t metric, double v, const char *const *labels)
{
	char key[160];

	name_of(key, sizeof(key), metric, labels);
	entry(&c->totals, key)->number += v;
}

static void
keep_gauge(struct tw_ctx *c, uint32_t metric, double v, const char *const *labels)
{
	char key[160];

	name_of(key, sizeof(key), metric, labels);
	entry(&c->gauges, key)->number = v;
}

static void
keep_publish(struct tw_ctx *c, int64_t t_ms)
{
	assert_true(t_ms > c->published_ms); /* never back, never twice */
	c->published_ms = t_ms;
	c->n_published++;
}

static int
put(struct tw_ctx *c, const char *key, const void *data, size_t len)
{
	struct entry *e = entry(&c->state, key);

	assert_true(len <= 65536);
	if (c->is_starting)
		return 0;
	free(e->data);
	e->data = NULL;
	e->len = data != NULL ? len : 0;
	if (data != NULL)
		e->data = memcpy(malloc(len + 1), data, len);
	return 0;
}

static const void *get(struct tw_ctx *c, const char *key, size_t *len)
{
	struct entry *e = entry(&c->state, key);

	*len = e->len;
	return e->data;
}

static enum tw_verdict
keep_fail(struct tw_ctx *c, enum tw_verdict v, const char *cause, const char *fmt, ...)
{
	va_list args;

	snprintf(c->cause, sizeof(c->cause), "%s", cause);
	va_start(args, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, args);
	va_end(args);
	return v;
}

static enum tw_verdict
keep_refuse(struct tw_ctx *c, const char *path, const char *fmt, ...)
{
	va_list args;

	snprintf(c->refused, sizeof(c->refused), "%s", path);
	va_start(args, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, args);
	va_end(args);
	return TW_UNKNOWN;
}

static void log_nothing(struct tw_ctx *c, int level, const char *fmt, ...)
{
	(void)c, (void)level, (void)fmt;
}
static void fact(struct tw_ctx *c, const char *path, double v)
{
	(void)c, (void)path, (void)v;
}
static void keep_nothing(struct tw_ctx *c, const char *source, const char *field)
{
	(void)c, (void)source, (void)field;
}
static int64_t slot(struct tw_ctx *c) { return c->slot_ms; }
static const char *
setting(struct tw_ctx *c, const char *name)
{
	(void)c;
	if (strcmp(name, "shop/timezone") == 0)
		return "Europe/Berlin";
	if (strcmp(name, "shop/currency") == 0)
		return "EUR";
	return strcmp(name, "shop/calendar") == 0 ? "2026-12-25=sunday,12-26=" : NULL;
}

static const struct tw_api fake = {.size = sizeof(fake), .emit = keep_gauge, .count = keep_count,
    .publish = keep_publish, .state_get = get, .state_put = put, .fail = keep_fail,
    .refuse = keep_refuse, .log = log_nothing, .fact_real = fact, .fact_text = keep_nothing,
    .slot_ms = slot, .setting = setting, .want = keep_nothing};
const struct tw_api *tw_api_ = &fake;

void
begin(const struct checkout_kind *kind, struct tw_ctx *ctx, struct checkout *c)
{
	ctx->is_starting = true;
	assert_int_equal(kind->start(ctx, c), TW_OK);
	ctx->is_starting = false;
}

struct tw_ctx *
host(void)
{
	struct tw_ctx *c = calloc(1, sizeof(*c));

	c->seed = 7;
	return c;
}

void
host_free(struct tw_ctx *c)
{
	for (size_t i = 0; i < c->state.n; i++)
		free(c->state.at[i].data);
	free(c);
}

double
total(struct tw_ctx *c, uint32_t metric, const char *rest)
{
	char key[160];

	snprintf(key, sizeof(key), "%u%s", metric, rest);
	return entry(&c->totals, key)->number;
}

double
gauge(struct tw_ctx *c, uint32_t metric, const char *rest)
{
	char key[160];

	snprintf(key, sizeof(key), "%u%s", metric, rest);
	return entry(&c->gauges, key)->number;
}

bool
has_gauge(struct tw_ctx *c, uint32_t metric)
{
	char key[16];

	snprintf(key, sizeof(key), "%u/", metric);
	for (size_t i = 0; i < c->gauges.n; i++)
		if (strncmp(c->gauges.at[i].key, key, strlen(key)) == 0)
			return true;
	return false;
}

/* ---- chance ---- */

double
chance(struct tw_ctx *c) /* splitmix64; [0, 1) */
{
	uint64_t z = c->seed += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

int
poisson(struct tw_ctx *c, double mean)
{
	double p = 1, least = exp(-mean);
	int k = 0;

	while ((p *= chance(c)) > least)
		k++;
	return k;
}

double
shape(int64_t t_ms)
{
	return 1 - 0.8 * cos(2 * M_PI * (double)(t_ms % DAY) / (double)DAY);
}

/* ---- records ---- */

struct tw_value
text(const char *s)
{
	return (struct tw_value){TW_FIELD_TEXT, (uint32_t)strlen(s), {.text = s}};
}
struct tw_value
whole(int64_t v)
{
	return (struct tw_value){.type = TW_FIELD_INT, .as.integer = v};
}
struct tw_value
number(double v)
{
	return (struct tw_value){.type = TW_FIELD_REAL, .as.real = v};
}

void
tell(const struct checkout_kind *kind, struct tw_ctx *ctx, struct checkout *c,
    const struct feed *feed, int64_t complete_ms, int64_t t_ms, uint32_t flags,
    const struct tw_value *values)
{
	struct tw_batch b = {.size = sizeof(b), .source = feed->source, .read_ms = now_ms,
	    .complete_ms = complete_ms, .fields = feed->fields, .n_fields = feed->n_fields};
	struct tw_record r = {sizeof(r), flags, t_ms, values};

	kind->on_records(ctx, c, &b, &r, values != NULL);
}

struct baseline_options
baseline(int64_t *windows)
{
	return (struct baseline_options){.windows = {3, sizeof(int64_t), windows},
	    .history = INT64_C(4) * 7 * 86400000000};
}

void
restart(const struct checkout_kind *kind, struct tw_ctx *ctx, struct checkout *c)
{
	kind->save(ctx, c);
	kind->stop(ctx, c);
	begin(kind, ctx, c);
}

enum tw_verdict
look(const struct checkout_kind *kind, struct tw_ctx *ctx, struct checkout *c)
{
	ctx->slot_ms = now_ms;
	memset(&ctx->gauges, 0, sizeof(ctx->gauges));
	return kind->probe(ctx, c);
}
