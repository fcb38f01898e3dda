/*
 * test-map.c - the map of the shop: which flows compares derive, what is found that nobody watches,
 * and which promises are smaller than those of their hops.
 *
 * The plugins are tables of this file: a compare below named fields, as inventory has it, one at
 * the top without a reference, and one that lists its sources.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/map.h"
#include "lib/json.h"

struct compared { const char *source; int64_t grace; };
struct field { const char *name, *reference; struct tw_list compare; };
struct parity { struct tw_list fields; };
struct orders { struct tw_list compare; };
struct pages { const char *feed; struct tw_list shops; };

static const struct tw_option compared_rows[] = {
    TW_OPTION(struct compared, grace, TW_DURATION, .flags = TW_FLOW_LIMIT),
};
static const struct tw_option field_rows[] = {
    TW_OPTION(struct field, reference, TW_STRING, .flags = TW_NAMES_SOURCE | TW_FLOW_FROM),
    TW_OPTION(struct field, compare, TW_NAMED, .flags = TW_NAMES_SOURCE | TW_FLOW_TO,
	.nested = TW_TABLE(compared_rows), .nested_size = sizeof(struct compared)),
};
static const struct tw_option parity_rows[] = {
    TW_OPTION(struct parity, fields, TW_NAMED, .nested = TW_TABLE(field_rows),
	.nested_size = sizeof(struct field)),
};
static const struct tw_option orders_rows[] = {
    TW_OPTION(struct orders, compare, TW_NAMED, .flags = TW_NAMES_SOURCE | TW_FLOW_TO,
	.nested = TW_TABLE(compared_rows), .nested_size = sizeof(struct compared)),
};
static const struct tw_option pages_rows[] = {
    TW_OPTION(struct pages, feed, TW_STRING, .flags = TW_NAMES_SOURCE | TW_FLOW_FROM),
    TW_OPTION(struct pages, shops, TW_STRINGS, .flags = TW_NAMES_SOURCE | TW_FLOW_TO),
};
static const struct tw_option lines_rows[] = {{.name = "path", .type = TW_PATH}};

static const struct manifest plugins[] = {
    {.plugin = {.name = "parity", .options = TW_TABLE(parity_rows)}},
    {.plugin = {.name = "orders", .options = TW_TABLE(orders_rows)}},
    {.plugin = {.name = "pages", .options = TW_TABLE(pages_rows)}},
    {.plugin = {.name = "lines", .flags = TW_SOURCE, .options = TW_TABLE(lines_rows)}},
};

static const struct manifest *
manifest(void *ctx, const struct config *c, const char *plugin, char *err, size_t cap)
{
	(void)ctx;
	(void)c;
	for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++)
		if (strcmp(plugins[i].plugin.name, plugin) == 0)
			return &plugins[i];
	snprintf(err, cap, "no plugin is called \"%s\"", plugin);
	return NULL;
}

static char path[256];

/* The map of a shop with the systems erp, wms, shop and market, each with a source of its name and
 * an underscore (wms_), beside what the text adds. */
static struct map *
map_of(const char *flows, const char *probes)
{
	static const struct config_env env = {NULL, manifest, NULL};
	struct errors errors;
	struct config *c;
	struct map *m;
	FILE *f = fopen(path, "w");

	fprintf(f, "shop: {name: acme}\n"
		   "systems: {erp: {owner: it}, wms: {owner: it}, shop: {owner: it},\n"
		   "  market: {owner: it}}\n"
		   "flows: {%s}\nsources:\n"
		   "  erp_: {type: lines, system: erp}\n  wms_: {type: lines, system: wms}\n"
		   "  shop_: {type: lines, system: shop}\n"
		   "  market_: {type: lines, system: market}\n"
		   "  cache_: {type: lines, system: shop}\n  alien_: {type: lines}\n"
		   "probes:\n%s", flows, probes);
	fclose(f);
	chmod(path, 0600);
	errors_init(&errors);
	if (config_load(&c, path, &env, &errors) != 0)
		fail_msg("%s", buf_str(&errors.text));
	errors_free(&errors);
	m = map_new(c);
	config_free(c); /* a map keeps nothing of it */
	return m;
}

#define TEXT_MAX 4096

/* "wms>shop 300 parity/shop_/stock ..." of each flow, a line each. */
static void
flows_text(const struct map *m, char dst[TEXT_MAX])
{
	struct buf b;

	buf_init(&b, TEXT_MAX - 1);
	for (size_t i = 0; i < m->n_flows; i++) {
		const struct map_flow *f = &m->flows[i];

		buf_printf(&b, "%s>%s %g", m->systems[f->from].name, m->systems[f->to].name,
		    f->max_lag_us < 0 ? -1 : (double)f->max_lag_us / 1e6);
		for (size_t k = 0; k < f->n_measures; k++)
			buf_printf(&b, " %s/%s/%s", f->measures[k].probe, f->measures[k].source,
			    f->measures[k].field != NULL ? f->measures[k].field : "-");
		buf_char(&b, '\n');
	}
	snprintf(dst, TEXT_MAX, "%s", buf_str(&b));
	buf_free(&b);
}

static void
expect_flows(const char *flows, const char *probes, const char *wanted)
{
	struct map *m = map_of(flows, probes);
	char text[TEXT_MAX];

	flows_text(m, text);
	assert_string_equal(text, wanted);
	map_free(m);
}

static const char parity[] =
    "  - name: parity\n    plugin: parity\n    fields:\n"
    "      stock: {reference: wms_, compare: {shop_: {grace: 5m}, market_: {grace: 1h}}}\n"
    "      price: {reference: wms_, compare: {shop_: {grace: 90s}, cache_: {}}}\n";

static void
compares_derive_flows(void **state)
{
	(void)state;
	expect_flows("", parity,
	    "wms>shop 90 parity/shop_/stock parity/shop_/price parity/cache_/price\n"
	    "wms>market 3600 parity/market_/stock\n");
}

static void
the_declared_one_is_the_same(void **state)
{
	(void)state;
	expect_flows("pay: {from: shop, to: erp}, stock: {from: wms, to: shop, max_lag: 10m}",
	    parity,
	    "shop>erp -1\n"
	    "wms>shop 600 parity/shop_/stock parity/shop_/price parity/cache_/price\n"
	    "wms>market 3600 parity/market_/stock\n");
	expect_flows("stock: {from: wms, to: shop}", parity,
	    "wms>shop 90 parity/shop_/stock parity/shop_/price parity/cache_/price\n"
	    "wms>market 3600 parity/market_/stock\n");
	expect_flows("back: {from: shop, to: wms}", parity,
	    "shop>wms -1\n"
	    "wms>shop 90 parity/shop_/stock parity/shop_/price parity/cache_/price\n"
	    "wms>market 3600 parity/market_/stock\n");
}

static void
without_reference_the_first_is_it(void **state)
{
	(void)state;
	expect_flows("",
	    "  - {name: o, plugin: orders, compare: {shop_: {}, erp_: {grace: 2m}, wms_: {}}}\n",
	    "shop>erp 120 o/erp_/-\nshop>wms -1 o/wms_/-\n");
	expect_flows("", "  - {name: o, plugin: orders, compare: {shop_: {}}}\n", "");
}

static void
lists_and_texts_name_sources(void **state)
{
	(void)state;
	expect_flows("", "  - {name: p, plugin: pages, feed: market_, shops: [shop_, wms_]}\n",
	    "market>shop -1 p/shop_/-\nmarket>wms -1 p/wms_/-\n");
	expect_flows("", "  - {name: p, plugin: pages, feed: market_, shops: shop_}\n",
	    "market>shop -1 p/shop_/-\n");
}

static void
one_system_has_no_flow(void **state)
{
	(void)state;
	expect_flows("", "  - {name: p, plugin: pages, feed: shop_, shops: cache_}\n", "");
	expect_flows("", "  - {name: p, plugin: pages, feed: alien_, shops: shop_}\n", "");
}

static void
probes_inherit_their_system(void **state)
{
	struct map *m = map_of("",
	    "  - {name: p, plugin: pages, feed: market_, shops: shop_}\n"
	    "  - {name: q, plugin: pages, system: erp, feed: market_, shops: shop_}\n");

	(void)state;
	assert_int_equal(m->n_systems, 4);
	assert_string_equal(m->systems[3].name, "market");
	assert_int_equal(m->systems[3].n_probes, 1);
	assert_string_equal(m->systems[3].probes[0], "p");
	assert_string_equal(m->systems[0].probes[0], "q");
	assert_int_equal(m->systems[2].n_probes, 0);
	assert_int_equal(m->systems[2].n_sources, 2);
	assert_string_equal(m->systems[2].owner, "it");
	map_free(m);
}

/* ---- findings ---- */

static void
expect_findings(const char *flows, const char *probes, size_t n_checks, const char *wanted)
{
	struct map *m = map_of(flows, probes);
	struct buf b;

	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < m->n_findings; i++)
		buf_printf(&b, "%s %s\n", m->findings[i].kind, m->findings[i].text);
	assert_string_equal(buf_str(&b), wanted);
	assert_int_equal(m->n_checks, n_checks);
	buf_free(&b);
	map_free(m);
}

static const char quiet[] = "  - {name: p, plugin: pages, feed: shop_, shops: cache_}\n";

static void
what_nobody_watches(void **state)
{
	(void)state;
	/* two of each of four systems, one of each of two sources */
	expect_findings("", quiet, 10, "");
	expect_findings("stock: {from: wms, to: shop}", quiet, 13,
	    "flow_not_measured wms -> shop: no compare measures it\n"
	    "flow_without_limit wms -> shop: it has no max_lag\n"
	    "flow_without_owner wms -> shop: it has no owner\n");
	expect_findings("stock: {from: wms, to: shop, owner: it, max_lag: 1m}",
	    "  - {name: p, plugin: pages, feed: wms_, shops: shop_}\n", 13, "");
	expect_findings("", "  - {name: p, plugin: pages, feed: wms_, shops: shop_}\n", 13,
	    "flow_without_limit wms -> shop: it has no max_lag\n"
	    "flow_without_owner wms -> shop: it has no owner (flows: gives it one)\n");
	expect_findings("", "  - {name: p, plugin: pages, feed: alien_, shops: shop_}\n", 10,
	    "source_without_system alien_: it is compared, and does not say of which system it "
	    "is\n");
}

static const char hops[] =
    "  - name: p\n    plugin: parity\n    fields:\n"
    "      a: {reference: erp_, compare: {wms_: {grace: 1m}, shop_: {grace: 10m}}}\n"
    "      b: {reference: wms_, compare: {market_: {grace: 2m}, erp_: {grace: 1s}}}\n"
    "      c: {reference: shop_, compare: {market_: {grace: 30s}}}\n";

/* The budget of erp -> market, with what is declared beside; others of the map are told too. */
static void
expect_budget(const char *flow, const char *wanted)
{
	struct map *m = map_of(flow, hops);
	const char *got = "";

	for (size_t i = 0; i < m->n_findings; i++)
		if (strcmp(m->findings[i].kind, "flow_budget_too_small") == 0)
			got = m->findings[i].text;
	assert_string_equal(got, wanted);
	map_free(m);
}

static void
promises_are_not_smaller_than_their_hops(void **state)
{
	(void)state;
	expect_budget("f: {from: erp, to: market, max_lag: 179s}",
	    "erp -> market: max_lag 2m59s is less than its hops may take, 3m (erp -> wms 1m, "
	    "wms -> market 2m)");
	expect_budget("f: {from: erp, to: market, max_lag: 3m}", "");
	expect_budget("f: {from: erp, to: market, max_lag: 1s, via: []}", "");
	expect_budget("f: {from: erp, to: market, max_lag: 10m, via: shop}",
	    "erp -> market: max_lag 10m is less than its hops may take, 10m30s (erp -> shop 10m, "
	    "shop -> market 30s)");
	expect_budget("f: {from: erp, to: market, max_lag: 10m, via: [wms, shop]}", "");
	/* no limit of its own, no promise */
	expect_budget("f: {from: erp, to: market}", "");
	/* no other way */
	expect_budget("f: {from: market, to: wms, max_lag: 1s}", "");
	/* through another one that is declared, whose own budget is kept */
	expect_budget("f: {from: erp, to: market, max_lag: 10s}, "
		      "g: {from: shop, to: market, max_lag: 1s}, "
		      "h: {from: erp, to: shop, max_lag: 50s, via: []}",
	    "erp -> market: max_lag 10s is less than its hops may take, 51s (erp -> shop 50s, "
	    "shop -> market 1s)");
}

static void
hops_without_limits_add_nothing(void **state)
{
	struct map *m = map_of("f: {from: erp, to: market, max_lag: 1m}, "
			       "g: {from: wms, to: market}, h: {from: erp, to: wms, max_lag: 2m}",
	    quiet);
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < m->n_findings; i++)
		n += strcmp(m->findings[i].text,
			 "erp -> market: max_lag 1m is less than its hops may take, 2m (erp -> wms "
			 "2m, wms -> market (no limit))")
		     == 0;
	assert_int_equal(n, 1);
	map_free(m);
}

static void
as_json(void **state)
{
	struct map *m =
	    map_of("f: {from: erp, to: market, title: 'a \"title\"', via: wms}", parity);
	struct map *held = map_ref(m);
	char err[128];
	struct buf b;
	json_t *v;

	(void)state;
	map_free(m);
	buf_init(&b, 1 << 16);
	buf_char(&b, '{');
	map_write(held, NULL, NULL, &b);
	buf_char(&b, '}');
	v = json_read(buf_str(&b), b.len, err, sizeof(err));
	assert_non_null(v);
	assert_string_equal(json_string_value(json_at(v, "/flows/0/title")), "a \"title\"");
	assert_string_equal(json_string_value(json_at(v, "/flows/0/via/0")), "wms");
	assert_true(json_is_null(json_at(v, "/flows/0/max_lag_s")));
	assert_string_equal(json_string_value(json_at(v, "/flows/1/measured_by/1/field")), "price");
	assert_int_equal(json_integer_value(json_at(v, "/flows/1/max_lag_s")), 90);
	assert_true(json_is_null(json_at(v, "/systems/0/verdict")));
	assert_string_equal(
	    json_string_value(json_at(v, "/coverage/findings/0/kind")), "flow_not_measured");
	json_decref(v);
	buf_free(&b);
	map_free(held);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(compares_derive_flows),
	    cmocka_unit_test(the_declared_one_is_the_same),
	    cmocka_unit_test(without_reference_the_first_is_it),
	    cmocka_unit_test(lists_and_texts_name_sources),
	    cmocka_unit_test(one_system_has_no_flow),
	    cmocka_unit_test(probes_inherit_their_system),
	    cmocka_unit_test(what_nobody_watches),
	    cmocka_unit_test(promises_are_not_smaller_than_their_hops),
	    cmocka_unit_test(hops_without_limits_add_nothing), cmocka_unit_test(as_json)};
	char dir[200];
	int rc;

	snprintf(dir, sizeof(dir), "%s/tillwatch-map.XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/shop.yaml", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(dir);
	return rc;
}
