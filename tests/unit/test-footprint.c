/*
 * test-footprint.c - what a configuration costs: each plugin's requests and samples against a count
 * by hand, caps, and what it says against itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/footprint.h"

static struct footprint f;

/* Options and reads are JSON texts; both are freed by count(). */
static struct footprint_probe
probe(const char *plugin, int64_t interval_ms, const char *options, const char *reads)
{
	struct footprint_probe p = {.name = plugin,
	    .plugin = plugin,
	    .system = "shop",
	    .interval_ms = interval_ms,
	    .options = json_loads(options, 0, NULL),
	    .reads = json_loads(reads, 0, NULL),
	    .n_metrics = 7};

	assert_non_null(p.options);
	return p;
}

static double
count(struct footprint_probe *probes, size_t n, bool has_marks)
{
	struct footprint_shop shop = {
	    .probes = probes, .n_probes = n, .has_systems = true, .has_marks = has_marks};
	double bytes;

	footprint_count(&f, &shop);
	bytes = footprint_bytes_month(&f, &shop);
	for (size_t i = 0; i < n; i++) {
		json_decref((json_t *)(uintptr_t)probes[i].options);
		json_decref((json_t *)(uintptr_t)probes[i].reads);
	}
	return bytes;
}

/* Samples a day of the probes, without those of the agent and of its hosts: eight each 10 s. */
static double
samples_of_probes(int hosts)
{
	double all = f.samples;
	struct footprint_shop none = {0};

	footprint_count(&f, &none);
	return all - f.samples - hosts * 8.0 * 8640;
}

static void
test_storefront(void **state)
{
	struct footprint_probe p[] = {
	    probe("storefront", 30000,
		"{\"url\":\"https://shop.example/p\",\"connection\":[\"cold\"]}", "[]"),
	    probe("storefront", 60000,
		"{\"url\":\"http://u:p@shop.example:8080/p\",\"connection\":[\"cold\",\"warm\"],"
		"\"address_family\":[\"ipv4\",\"ipv6\"],\"assert\":[{\"redirects\":[[1,1]]}]}",
		"[]")};

	(void)state;
	count(p, 2, false);
	assert_int_equal(f.n_hosts, 2);
	assert_string_equal(f.hosts[0].name, "shop.example");
	assert_int_equal(f.hosts[0].requests, 2880);
	assert_string_equal(f.hosts[1].name, "shop.example:8080"); /* no password */
	assert_int_equal(f.hosts[1].requests, 1440 * 2 * 2 * 2);
	assert_false(f.hosts[0].is_least);
	assert_false(f.is_about);
	/* 17 and the certificate; 6 + 2 + 4 + 8 * 4; and nine each. */
	assert_int_equal(samples_of_probes(1), 2880 * (18 + 9) + 1440 * (44 + 9));
}

/* Probes of a plugin share a host; a source and all who read it share one. */
static void
test_hosts(void **state)
{
	struct footprint_probe p[] = {
	    probe("storefront", 60000, "{\"url\":\"http://a/\"}", "[]"),
	    probe("storefront", 60000, "{\"url\":\"http://b/\"}", "[]"),
	    probe("csv", 60000, "{}", "[]"), probe("sql", 60000, "{}", "[]"),
	    probe("access_log", 60000, "{}", "[]"),
	    probe("inventory", 60000, "{}", "[\"csv\",\"sql\"]"),
	    probe("checkout", 60000, "{\"rate\":{}}", "[\"access_log\"]")};
	double with;

	(void)state;
	for (size_t i = 2; i < 5; i++)
		p[i].is_source = true;
	count(p, 7, false);
	with = f.samples;
	for (size_t i = 2; i < 5; i++)
		p[i].is_source = false; /* as many samples, and nobody shares anything */
	for (size_t i = 0; i < 7; i++) { /* count() has freed them */
		p[i].options = json_loads(i == 0 ? "{\"url\":\"http://a/\"}"
			: i == 1 ? "{\"url\":\"http://b/\"}" : i == 6 ? "{\"rate\":{}}" : "{}",
		    0, NULL);
		p[i].reads = json_array();
	}
	count(p, 7, false);
	assert_int_equal(f.samples - with, 3 * 8 * 8640); /* six hosts, and three */
}

static void
test_rare_is_repeated(void **state)
{
	struct footprint_probe p[] = {
	    probe("storefront", 600000, "{\"url\":\"http://a/\",\"connection\":[\"cold\"]}", "[]")};

	(void)state;
	count(p, 1, false);
	assert_int_equal(f.hosts[0].requests, 144);
	assert_int_equal(samples_of_probes(1), 1440 * (17 + 9)); /* each minute all the same */
}

#define JOURNEY(cap)                                                                               \
	"{\"journey\":{\"max_orders_per_day\":" cap ",\"steps\":["                                 \
	"{\"name\":\"add_to_cart\",\"orders\":\"auto\",\"request\":{\"url\":\"http://a/cart\"},"   \
	"\"capture\":[[\"cart\",{\"json\":\"/id\"}]]},"                                            \
	"{\"name\":\"purchase\",\"orders\":\"auto\",\"request\":{\"url\":\"http://pay/x\"},"       \
	"\"capture\":[[\"order\",{\"json\":\"/order\"}]]},"                                        \
	"{\"name\":\"thanks\",\"orders\":\"auto\",\"request\":{\"url\":\"http://a/thanks\"}}],"    \
	"\"teardown\":[{\"name\":\"cancel\",\"request\":{\"url\":\"http://b/cancel/${order}\"}},"  \
	"{\"name\":\"empty\",\"request\":{\"url\":\"http://c/empty/${cart}\"}}]}}"

static double
requests_to(const char *host)
{
	for (size_t i = 0; i < f.n_hosts; i++)
		if (strcmp(f.hosts[i].name, host) == 0)
			return f.hosts[i].requests;
	return 0;
}

static void
test_journey(void **state)
{
	struct footprint_probe p[] = {probe("checkout", 300000, JOURNEY("300"), "[]")};

	(void)state;
	count(p, 1, false);
	assert_int_equal(f.orders, 288);
	assert_int_equal(f.carts, 288);
	assert_int_equal(requests_to("a"), 576);
	assert_int_equal(requests_to("pay"), 288);
	assert_int_equal(requests_to("b"), 288);
	assert_int_equal(f.n_warnings, 0);
	assert_int_equal(samples_of_probes(1), 1440 * (8 + 7 * 3 + 9));
}

/* Past the cap it stops before the order; what cleans up an order is then skipped, too. */
static void
test_journey_capped(void **state)
{
	struct footprint_probe p[] = {probe("checkout", 300000, JOURNEY("96"), "[]")};

	(void)state;
	count(p, 1, false);
	assert_int_equal(f.orders, 96);
	assert_int_equal(f.carts, 288);
	assert_int_equal(requests_to("a"), 288 + 96);
	assert_int_equal(requests_to("pay"), 96);
	assert_int_equal(requests_to("b"), 96);
	assert_int_equal(requests_to("c"), 288);
	assert_int_equal(f.n_warnings, 1);
	assert_string_equal(f.warnings[0].option, "journey/max_orders_per_day");
	assert_non_null(
	    strstr(f.warnings[0].text, "is 96, and its interval makes 288 orders a day"));
	assert_non_null(strstr(f.warnings[0].text, "after 8.0 hours"));
	assert_non_null(strstr(f.warnings[0].text, "an interval of 900s"));
}

static void
test_journey_without_orders(void **state)
{
	struct footprint_probe p[] = {probe("checkout", 300000, JOURNEY("0"), "[]")};

	(void)state;
	count(p, 1, false);
	assert_int_equal(f.orders, 0);
	assert_int_equal(requests_to("pay"), 0);
	assert_int_equal(f.n_warnings, 1);
	assert_non_null(strstr(f.warnings[0].text, "always stops before step purchase"));
}

static void
test_apis(void **state)
{
	struct footprint_probe p[] = {
	    probe("api", 60000,
		"{\"calls\":[{\"request\":{\"url\":\"http://a/1\"}},"
		"{\"request\":{\"url\":\"http://a/2\"}}]}",
		"[]"),
	    probe("http_json", 3600000, "{\"url\":\"http://b/items?page=${page}\"}", "[]"),
	    probe("http_json", 3600000, "{\"url\":\"http://c/items\"}", "[]"),
	    probe("csv", 3600000, "{\"path\":\"/srv/feed.csv\"}", "[]"),
	    probe("csv", 3600000, "{\"url\":\"sftp://d/feed.csv\"}", "[]"),
	    probe("another", 3600000, "{\"url\":\"http://e/\"}", "[]"),
	    probe("http_json", 3600000, "{\"url\":\"http://g/items?page=${page}\"}", "[]")};

	(void)state;
	p[6].requests_a_run = 5; /* as a running agent has counted */
	count(p, 7, false);
	assert_int_equal(requests_to("g"), 5 * 24);
	assert_false(f.hosts[5].is_least);
	assert_int_equal(requests_to("a"), 2880);
	assert_int_equal(requests_to("b"), 24);
	assert_int_equal(f.n_hosts, 6);
	assert_true(f.hosts[1].is_least);
	assert_false(f.hosts[2].is_least);
	assert_int_equal(requests_to("d"), 24);
	assert_int_equal(requests_to("e"), 24);
	assert_int_equal(f.api_calls, 2880 + 48 + 5 * 24);
	assert_true(f.is_about);
}

static size_t
warnings_of_orders(const char *plugin, const char *options, bool has_marks)
{
	struct footprint_probe p[] = {probe("checkout", 300000, JOURNEY("300"), "[]"),
	    probe("checkout", 60000, "{\"rate\":{}}", "[\"src\"]"),
	    probe(plugin, 60000, options, "[]")};

	p[2].name = "src";
	p[2].is_source = true;
	count(p, 3, has_marks);
	if (f.n_warnings > 0)
		assert_string_equal(f.warnings[0].probe, "src");
	return f.n_warnings;
}

static void
test_sources_that_see(void **state)
{
	(void)state;
	assert_int_equal(warnings_of_orders("access_log", "{\"format\":\"combined\"}", false), 0);
	assert_int_equal(warnings_of_orders("access_log", "{\"format\":\"common\"}", false), 1);
	assert_non_null(strstr(f.warnings[0].text, "cannot tell them from customers'"));
	assert_int_equal(warnings_of_orders("access_log",
			     "{\"format\":\"json\",\"fields\":[[\"synthetic\",\"syn\"]]}", false),
	    0);
	assert_int_equal(warnings_of_orders("sql", "{\"query\":\"SELECT id, email\"}", true), 0);
	assert_int_equal(warnings_of_orders("sql", "{\"query\":\"SELECT id, email\"}", false), 1);
	assert_int_equal(warnings_of_orders("sql", "{\"query\":\"SELECT id, total\"}", true), 1);
	assert_int_equal(
	    warnings_of_orders("webhook", "{\"fields\":[[\"email\",\"/email\"]]}", true), 0);
	assert_int_equal(warnings_of_orders("csv", "{\"path\":\"/o.csv\"}", true), 1);
}

static void
test_systems(void **state)
{
	struct footprint_probe p[] = {probe("storefront", 30000, "{\"url\":\"http://a/\"}", "[]")};

	(void)state;
	p[0].system = "";
	count(p, 1, false);
	assert_int_equal(f.n_warnings, 1);
	assert_non_null(strstr(f.warnings[0].text, "touches no system"));
}

static void
test_bounds(void **state)
{
	struct footprint_probe p[FOOTPRINT_HOSTS_MAX + 5];
	char options[128];

	(void)state;
	for (size_t i = 0; i < FOOTPRINT_HOSTS_MAX + 5; i++) {
		snprintf(options, sizeof(options), "{\"url\":\"http://h%zu/\"}", i);
		p[i] = probe("storefront", 86400000, options, "[]");
		p[i].system = "";
	}
	assert_true(count(p, FOOTPRINT_HOSTS_MAX + 5, false) > 0);
	assert_int_equal(f.n_hosts, FOOTPRINT_HOSTS_MAX);
	assert_int_equal(f.hosts_left_out, 5);
	assert_int_equal(f.n_warnings, FOOTPRINT_WARNINGS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_storefront),
	    cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_rare_is_repeated),
	    cmocka_unit_test(test_journey),
	    cmocka_unit_test(test_journey_capped),
	    cmocka_unit_test(test_journey_without_orders),
	    cmocka_unit_test(test_apis),
	    cmocka_unit_test(test_sources_that_see),
	    cmocka_unit_test(test_systems),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
