/*
 * test-mapping.c - how shops' systems write the same stock and the same prices, told to the whole
 * plugin by a host of the test's own: mapped rightly nothing differs; mapped wrongly the cause is
 * named after the first scan, and no key is called wrong for it.
 *
 *     test-mapping --count      "right N" and "wrong N": fixtures that pass
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/options.h"
#include "plugins/inventory/inventory.h"

#define KEYS 120

/* ---- fixtures ---- */

/* What each side says of key i: its key and the value, as texts. */
typedef void says_fn(int i, char key[32], char value[48]);

struct fixture {
	const char *name, *field, *kind;
	says_fn *wms, *shop;
	const char *right, *wrong;    /* the probe's options, beside fields; of the compare: '|' */
	const char *cause;            /* part of what is said when it is wrong */
};

static double price(int i) { return 0.49 + (i * 7919 % 20000) / 100.0; }
static int stock(int i) { return i * 31 % 17; }
static void
key_is(char key[32], int i)
{
	snprintf(key, 32, "A-%d", 1000 + i);
}

#define SAYS(name_, ...)                                                                           \
	static void name_(int i, char key[32], char value[48])                                     \
	{                                                                                          \
		key_is(key, i);                                                                    \
		snprintf(value, 48, __VA_ARGS__);                                                  \
	}
SAYS(euros, "%.2f", price(i))
SAYS(cents, "%.0f", price(i) * 100)
SAYS(net, "%.2f", price(i) / 1.19)
SAYS(net_cents, "%.0f", price(i) / 1.07 * 100)
SAYS(marked, "%.2f EUR", price(i))
SAYS(dollars, "%.2f", price(i) * 1.0873)
SAYS(marked_dollars, "%.2f USD", price(i) * 1.0873)
SAYS(comma, "%d.%03d,%02d", 1 + i % 9, i * 7 % 1000, i % 100)
SAYS(comma_as_dot, "%d.%02d", (1 + i % 9) * 1000 + i * 7 % 1000, i % 100)
SAYS(grouped, "%d.%03d", 1 + i % 9, i * 7 % 1000)
SAYS(whole, "%d", (1 + i % 9) * 1000 + i * 7 % 1000)
SAYS(count, "%d", stock(i))
SAYS(on_hand, "%d", stock(i) + 3)
SAYS(kept_back, "%d", stock(i) > 2 ? stock(i) - 2 : 0)
SAYS(words, "%s", stock(i) > 0 ? "in stock" : "out of stock")
SAYS(schema, "https://schema.org/%s", stock(i) > 0 ? "InStock" : "OutOfStock")
SAYS(own_words, "%s", stock(i) > 0 ? "Auf Lager" : "Ausverkauft")
SAYS(sold_out, "%d", i % 4 == 0 ? stock(i) + 1 : 0)
SAYS(on_backorder, "%s", i % 4 == 0 ? "in_stock" : "on_backorder")
SAYS(oversold, "%d", i % 4 == 0 ? stock(i) : -1 - i % 5)
SAYS(never_below, "%d", i % 4 == 0 ? stock(i) : 0)

static void
prefixed(int i, char key[32], char value[48])
{
	snprintf(key, 32, "shopify_DE_A-%d", 1000 + i);
	snprintf(value, 48, "%d", stock(i));
}

static void
suffixed(int i, char key[32], char value[48])
{
	snprintf(key, 32, "A-%d-EU", 1000 + i);
	snprintf(value, 48, "%d", stock(i));
}

#define SHOP(more) "\"normalize\":[[\"shop\",{" more "}]]|"
#define WMS(more) "\"normalize\":[[\"wms\",{" more "}]]|"
static const struct fixture fixtures[] = {
    {"cents", "price", "auto", euros, cents, SHOP("\"units\":[[\"price\",\"cents\"]]"), "|",
	"100 % of price in shop differ by x100: cents? (units)"},
    {"cents in the reference", "price", "auto", cents, marked,
	WMS("\"units\":[[\"price\",\"cents\"]]"), "|",
	"differ by x0.01: cents in the reference? (units)"},
    {"net", "price", "auto", euros, net, SHOP("\"tax\":[[\"price\",\"19%\"]]"), "|",
	"differ by x0.8403: tax? (tax)"},
    {"a reference without tax", "price", "auto", net, euros,
	WMS("\"tax\":[[\"price\",\"19%\"]]"), "|",
	"differ by x1.19: tax? (tax, on the reference)"},
    {"tax twice", "price", "auto", euros, marked, "|", SHOP("\"tax\":[[\"price\",\"20%\"]]"),
	"differ by x1.2: tax?"},
    {"net cents", "price", "auto", euros, net_cents,
	SHOP("\"units\":[[\"price\",\"cents\"]],\"tax\":[[\"price\",\"7%\"]]"), "|",
	"cents, and tax? (units, tax)"},
    {"another currency, marked", "price", "auto", euros, marked_dollars, NULL, "|",
	"price of shop is of another currency"},
    {"another currency", "price", "auto", euros, dollars, NULL, "|",
	"differ by x1.087: another currency"},
    {"a currency of its own", "price", "auto", marked_dollars, marked_dollars,
	"\"normalize\":[[\"wms\",{\"currency\":\"USD\"}],[\"shop\",{\"currency\":\"USD\"}]]|",
	SHOP("\"currency\":\"USD\""), "price of wms is of another currency"},
    {"decimal comma", "price", "auto", comma_as_dot, comma, SHOP("\"decimal\":\",\""), "|",
	"price of shop is no number: \"3.833,19\" (decimal)"},
    {"grouped by dots", "price", "auto", whole, grouped, SHOP("\"decimal\":\",\""), "|",
	"differ by x0.001: the decimal sign? (decimal)"},
    {"words", "available", "auto", count, words, "|", "|[[\"in stock\",\"0\"]]",
	"where shop says \"instock\": what does it stand for? (states)"},
    {"words of schema.org, both", "available", "auto", words, schema, "|",
	WMS("\"states\":[[\"in_stock\",\"0\"]]"), "where wms says \"instock\""},
    {"words of its own", "available", "auto", count, own_words,
	"|[[\"Auf Lager\",\"1+\"],[\"Ausverkauft\",\"0\"]]", "|",
	"available of shop is no word that is known: \"Au"},
    {"backorder", "available", "auto", sold_out, on_backorder, "|",
	"|[[\"on_backorder\",\"1+\"]]", "where shop says \"onbackorder\""},
    {"keys with a prefix", "available", "auto", count, prefixed,
	SHOP("\"key_prefix\":\"shopify_DE_\""), "|",
	"keys of shop begin with \"shopify_DE_\", those of wms do not: key_prefix"},
    {"keys with a suffix", "available", "auto", count, suffixed, SHOP("\"key_suffix\":\"-EU\""),
	"|", "keys of shop end with \"-EU\", those of wms do not: key_suffix"},
    {"a prefix that is another one", "available", "auto", count, prefixed, NULL,
	SHOP("\"key_prefix\":\"shop_\""), "keys of shop begin with \"shopify_DE_\""},
    {"below zero", "available", "auto", oversold, never_below, "|", NULL, NULL},
    {"below zero, not as a quantity", "available", "value", oversold, never_below, NULL, "|",
	"one is below zero and the other 0: a quantity? (kind)"},
    {"on hand for available", "available", "auto", count, on_hand, NULL, "|",
	"differ by +3: stock that is reserved, not taken off?"},
    {"kept back", "available", "auto", count, kept_back, "|buffer", "|",
	"differ by -2: kept back? (buffer)"},
};
#define N_FIXTURES (sizeof(fixtures) / sizeof(fixtures[0]))

/* ---- a host ---- */

struct tw_ctx {
	struct inventory *self;
	struct heap heap;
	const struct fixture *f;
	char why[512];
	double n_drift;
	unsigned n_asked;             /* readings, called back when the slot has begun */
	unsigned n_saved;
	tw_timer_fn *in_time;         /* the run's own deadline */
	struct { tw_timer_fn *done; void *arg; bool is_shop; } asked[8];
};
const struct tw_plugin *tw_plugin_v0(const struct tw_api *);

static void
scan(struct tw_ctx *ctx, bool is_shop)
{
	const char *const fields[] = {"sku", ctx->f->field};
	struct tw_value values[KEYS][2];
	struct tw_record records[KEYS];
	char keys[KEYS][32], texts[KEYS][48];
	struct tw_batch b = {.size = sizeof(b), .source = is_shop ? "shop" : "wms",
	    .flags = TW_BATCH_SCAN | TW_BATCH_FIRST | TW_BATCH_LAST | TW_BATCH_ASKED,
	    .read_ms = wall_now().ms, .fields = fields, .n_fields = 2};

	for (int i = 0; i < KEYS; i++) {
		(is_shop ? ctx->f->shop : ctx->f->wms)(i, keys[i], texts[i]);
		values[i][0] = (struct tw_value){.type = TW_FIELD_TEXT,
		    .len = (uint32_t)strlen(keys[i]), .as.text = keys[i]};
		values[i][1] = (struct tw_value){.type = TW_FIELD_TEXT,
		    .len = (uint32_t)strlen(texts[i]), .as.text = texts[i]};
		records[i] = (struct tw_record){.size = sizeof(records[i]), .values = values[i]};
	}
	take_records(ctx, ctx->self, &b, records, KEYS);
}

static enum tw_verdict
read_again(struct tw_ctx *ctx, const char *source, const char *const *keys, size_t n,
    tw_timer_fn *done, void *arg)
{
	(void)keys;
	(void)n;
	assert_true(ctx->n_asked < 8);
	ctx->asked[ctx->n_asked].done = done;
	ctx->asked[ctx->n_asked].arg = arg;
	ctx->asked[ctx->n_asked++].is_shop = strcmp(source, "shop") == 0;
	return TW_PENDING;
}

static enum tw_verdict
after(struct tw_ctx *c, int64_t us, tw_timer_fn *fn, void *arg)
{
	(void)arg;
	if (us > 0)
		c->in_time = fn;
	return TW_PENDING;
}

static enum tw_verdict __attribute__((format(printf, 4, 5)))
keep_fail(struct tw_ctx *c, enum tw_verdict v, const char *cause, const char *fmt, ...)
{
	size_t n = (size_t)snprintf(c->why, sizeof(c->why), "%s: ", cause);
	va_list args;

	va_start(args, fmt);
	vsnprintf(c->why + n, sizeof(c->why) - n, fmt, args);
	va_end(args);
	return v;
}

static enum tw_verdict __attribute__((format(printf, 3, 4)))
keep_refuse(struct tw_ctx *c, const char *path, const char *fmt, ...)
{
	(void)c;
	fail_msg("%s is refused: %s", path, fmt);
	return TW_UNKNOWN;
}

static void
keep_gauge(struct tw_ctx *c, uint32_t metric, double v, const char *const *labels)
{
	(void)labels;
	if (metric == M_DRIFT_KEYS || metric == M_MISSING || metric == M_GHOST)
		c->n_drift += v;
}
static void keep_count(struct tw_ctx *c, uint32_t metric, double v, const char *const *labels)
{
	(void)c, (void)metric, (void)v, (void)labels;
}
static void fact(struct tw_ctx *c, const char *path, const char *v)
{
	(void)c, (void)path, (void)v;
}
static int put(struct tw_ctx *c, const char *key, const void *data, size_t len)
{
	(void)key, (void)data, (void)len;
	c->n_saved++;
	return 0;
}
static const void *get(struct tw_ctx *c, const char *key, size_t *len)
{
	(void)c, (void)key;
	*len = 0;
	return NULL;
}
static int64_t left(struct tw_ctx *c) { (void)c; return 60000000; }
static const char *setting(struct tw_ctx *c, const char *name)
{
	(void)c;
	return strcmp(name, "shop/currency") == 0 ? "EUR" : NULL;
}
static const struct tw_api fake = {.size = sizeof(fake), .emit = keep_gauge, .count = keep_count,
    .observe = keep_count, .fail = keep_fail, .refuse = keep_refuse, .fact_text = fact,
    .state_get = get, .state_put = put, .left_us = left, .after = after, .setting = setting,
    .read = read_again, .want = fact};

/* ---- */

/* As the loader hands it on: what a source's `normalize` does not say has its default. */
static void
fill_normalize(json_t *options)
{
	json_t *one;
	size_t i;

	if (json_object_get(options, "normalize") == NULL)
		json_object_set_new(options, "normalize", json_array());
	json_array_foreach(json_object_get(options, "normalize"), i, one)
		json_object_update_missing_new(json_array_get(one, 1),
		    json_pack("{s:[],s:[],s:[],s:s}", "units", "tax", "states", "decimal", "."));
}

static void
start(struct tw_ctx *ctx, const struct tw_plugin *plugin, const char *mapping)
{
	const char *of_compare = strchr(mapping, '|');
	bool has_buffer = strcmp(of_compare + 1, "buffer") == 0;
	char text[2048], err[256] = "";
	json_t *options;

	snprintf(text, sizeof(text),
	    "{%.*s%s\"key\":\"sku\",\"confirm_max\":500,\"full_scan\":86400000000,\"fields\":"
	    "[[\"%s\",{\"reference\":\"wms\",\"kind\":\"%s\",\"compare\":[[\"shop\","
	    "{\"grace\":0,\"buffer\":%s,\"states\":%s}]]}]]}",
	    (int)(of_compare - mapping), mapping, of_compare > mapping ? "," : "", ctx->f->field,
	    ctx->f->kind, has_buffer ? "2.0" : "0.0",
	    of_compare[1] == '[' ? of_compare + 1 : "[]");
	if ((options = json_loads(text, 0, NULL)) == NULL)
		fail_msg("%s", text);
	fill_normalize(options);
	ctx->self = calloc(1, plugin->self_size);
	if (options_fill(&plugin->options, ctx->self, options, &ctx->heap, err, sizeof(err)) != 0)
		fail_msg("%s: %s", ctx->f->name, err);
	json_decref(options);
	assert_int_equal(plugin->start(ctx, ctx->self), TW_OK);
}

/* Both systems are read whole, and a slot is run. */
static enum tw_verdict
compared(struct tw_ctx *ctx, const struct fixture *f, const char *mapping)
{
	const struct tw_plugin *plugin = tw_plugin_v0(&fake);
	enum tw_verdict v;

	*ctx = (struct tw_ctx){.f = f};
	start(ctx, plugin, mapping);
	v = plugin->probe(ctx, ctx->self);
	for (unsigned i = 0; v == TW_PENDING; i++) {
		assert_true(i < ctx->n_asked);
		scan(ctx, ctx->asked[i].is_shop);
		v = ctx->asked[i].done(ctx, ctx->self, ctx->asked[i].arg);
	}
	plugin->stop(ctx, ctx->self);
	free(ctx->self);
	heap_free(&ctx->heap);
	return v;
}

static bool
is_right(const struct fixture *f, bool is_told)
{
	struct tw_ctx ctx;
	bool is_ok = compared(&ctx, f, f->right) == TW_OK && ctx.n_drift == 0;

	if (!is_ok && is_told)
		print_error("%s, mapped rightly: %s\n", f->name, ctx.why);
	return is_ok;
}

static bool
is_named(const struct fixture *f, bool is_told)
{
	struct tw_ctx ctx;
	bool is_ok = compared(&ctx, f, f->wrong) == TW_UNKNOWN && ctx.n_drift == 0
	    && strncmp(ctx.why, "mapping: ", 9) == 0 && strstr(ctx.why, f->cause) != NULL;

	if (!is_ok && is_told)
		print_error("%s, mapped wrongly: \"%s\" (%g drift), not \"%s\"\n", f->name,
		    ctx.why, ctx.n_drift, f->cause);
	return is_ok;
}

static void
count_all(unsigned right[2], unsigned wrong[2], bool is_told)
{
	for (size_t i = 0; i < N_FIXTURES; i++) {
		if (fixtures[i].right != NULL)
			right[is_right(&fixtures[i], is_told)]++;
		if (fixtures[i].wrong != NULL)
			wrong[is_named(&fixtures[i], is_told)]++;
	}
}

static void
all_mappings(void **state)
{
	unsigned right[2] = {0}, wrong[2] = {0};

	(void)state;
	count_all(right, wrong, true);
	assert_int_equal(right[false] + wrong[false], 0);
	assert_true(right[true] >= 12 && wrong[true] >= 12);
}

/* Time is up before all rows are judged: nothing is said of them, and what was kept is kept. */
static void
what_is_not_judged_yet_is_not_ok(void **state)
{
	const struct tw_plugin *plugin = tw_plugin_v0(&fake);
	struct tw_ctx ctx = {.f = &fixtures[0]};
	enum tw_verdict v;

	(void)state;
	start(&ctx, plugin, ctx.f->right);
	assert_int_equal(plugin->probe(&ctx, ctx.self), TW_PENDING);
	for (int i = 0; i < 5 * SETTLE_ROWS / 4; i++) { /* more than one piece */
		char key[24];
		int n = snprintf(key, sizeof(key), "only-there-%d", i);
		int64_t cell = 0;

		assert_true(
		    compare_record(ctx.self->c, 0, key, (size_t)n, &cell, wall_now().ms));
	}
	scan(&ctx, false);
	scan(&ctx, true);
	assert_false(rule_is_known(&ctx.self->c->rules[0]));
	v = ctx.in_time(&ctx, ctx.self, NULL);
	assert_int_equal(v, TW_UNKNOWN);
	assert_string_equal(
	    ctx.why, "scan: price of shop is still being compared (timeout)");
	assert_int_equal(ctx.n_saved, 0);
	plugin->stop(&ctx, ctx.self);
	free(ctx.self);
	heap_free(&ctx.heap);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_mappings),
	    cmocka_unit_test(what_is_not_judged_yet_is_not_ok)};
	unsigned right[2] = {0}, wrong[2] = {0};

	if (argc != 2 || strcmp(argv[1], "--count") != 0)
		return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
	count_all(right, wrong, false);
	printf("right\t%u\nof\t%u\nwrong\t%u\nof_wrong\t%u\n", right[true],
	    right[true] + right[false], wrong[true], wrong[true] + wrong[false]);
	return 0;
}
