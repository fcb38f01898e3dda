/*
 * test-init.c - what `init` makes of pages that it was given: addresses, picks, texts, platforms,
 * targets, and the file, whatever a shop calls its things. Nothing is asked.
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

#include <math.h>
#include <zlib.h>

#include "cli/init.h"
#include "config/yaml.h"
#include "lib/xmalloc.h"

#define HOME "https://shop.example/"

/* ---- addresses ---- */

static void
addresses_become_whole_or_none(void **state)
{
	static const struct { const char *base, *link, *url; } rows[] = {
	    {NULL, "https://shop.example", "https://shop.example/"},
	    {NULL, "https://shop.example:443/x", "https://shop.example/x"},
	    {HOME "a/b", "c?d=e#f", HOME "a/c?d=e"},
	    {HOME "a/b", "/c", HOME "c"},
	    {HOME, "//other.example/x", "https://other.example/x"},
	    {HOME, "a b", HOME "a%20b"},
	    {HOME, "mailto:a@b.example", NULL},
	    {HOME, "javascript:void(0)", NULL},
	    {HOME, "https://u:p@shop.example/", NULL},
	    {HOME, "/${env:SECRET}", NULL},
	    {HOME, "/a\"b", NULL},
	    {NULL, "ftp://shop.example/", NULL},
	    {NULL, "http://", NULL},
	};
	char got[INIT_URL];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_good = init_url(got, rows[i].base, rows[i].link);

		if (is_good != (rows[i].url != NULL))
			fail_msg("%s: %s", rows[i].link, is_good ? got : "refused");
		if (is_good)
			assert_string_equal(got, rows[i].url);
	}
	assert_true(init_same_site("http://shop.example/", "https://www.shop.example/x"));
	assert_false(init_same_site("https://shop.example/", "https://shop.example.evil/"));
	assert_false(init_same_site("http://127.0.0.1:81/", "http://127.0.0.1:82/"));
}

static void
kinds_follow_habits(void **state)
{
	static const struct { const char *path; enum init_kind kind; } rows[] = {
	    {"", KIND_SERVICE}, {"p/", KIND_CATEGORY}, {"p/lamp", KIND_PRODUCT},
	    {"p?page=2", KIND_CATEGORY}, {"products/lamp", KIND_PRODUCT},
	    {"collections/all", KIND_CATEGORY}, {"collections/all/products/lamp", KIND_PRODUCT},
	    {"de/produkte/lampe", KIND_PRODUCT}, {"product-category/home", KIND_CATEGORY},
	    {"blue-linen-lamp", KIND_SLUG}, {"lamp.html", KIND_SLUG}, {"lamps", KIND_OTHER},
	    {"cart", KIND_SERVICE}, {"de/account/login", KIND_SERVICE}, {"a/b.css", KIND_SERVICE}};
	char url[INIT_URL];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(url, sizeof(url), HOME "%s", rows[i].path);
		if (init_kind(url) != rows[i].kind)
			fail_msg("%s is %d, not %d", url, (int)init_kind(url), (int)rows[i].kind);
	}
}

static void
links_are_read_and_picked(void **state)
{
	static const char page[] = "<nav><a href='/cart'>x</a>"
	    "<A class=y HREF=\"/c/lamps?a=1&amp;b=2\"></A><a href=/p/one>"
	    "<a href='https://elsewhere.example/p/x'><a href='/p/one#top'>"
	    "<a data-href='/p/no'><a href=\"/p/two\"><abbr href='/p/no'><a href='/p/three'>"
	    "<a href='/p/four'><a href='/p/five'></nav><form action='/find' method='GET'>"
	    "<input type=text name='q'></form><a href='/p/cut";
	struct init_links l = {0};
	const char *out[INIT_CANDIDATES];
	char url[INIT_URL];

	(void)state;
	init_links_read(&l, HOME, page, sizeof(page) - 1);
	assert_int_equal(l.n, 7);
	assert_string_equal(l.url[1], HOME "c/lamps?a=1&b=2");
	assert_string_equal(init_category(&l, HOME), HOME "c/lamps?a=1&b=2");
	assert_int_equal(init_candidates(&l, out), 4);
	assert_string_equal(out[0], HOME "p/one");
	assert_string_equal(out[3], HOME "p/five");
	assert_true(init_search_form(url, HOME, page, sizeof(page) - 1, "lamp"));
	assert_string_equal(url, HOME "find?q=lamp");
	assert_false(init_search_form(url, HOME, "<form method=post><input name=q>", 32, "lamp"));
	init_links_free(&l);
}

static void
sitemaps_are_read_packed_too(void **state)
{
	static const char map[] = "<urlset><url><loc>" HOME "p/a</loc></url>"
	    "<url><loc>https://o.example/</loc></url><url><loc>" HOME "p/b</loc></url></urlset>";
	struct init_links pages = {0}, maps = {0};
	unsigned char packed[512];
	struct buf b;
	z_stream z = {.next_in = (Bytef *)(uintptr_t)map, .avail_in = sizeof(map) - 1,
	    .next_out = packed, .avail_out = sizeof(packed)};

	(void)state;
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_init(&b, 4096);
	buf_add(&b, map, sizeof(map) - 1);
	init_links_sitemap(&pages, &maps, HOME, &b);
	assert_int_equal(pages.n, 2);
	buf_reset(&b);
	buf_add(&b, packed, sizeof(packed) - z.avail_out);
	init_links_sitemap(&pages, &maps, HOME, &b);
	assert_int_equal(pages.n, 4);
	assert_string_equal(pages.url[3], HOME "p/b");
	deflateEnd(&z);
	buf_free(&b);
	init_links_free(&pages);
	init_links_free(&maps);
}

/* ---- texts ---- */

static void
texts_are_of_the_page_and_harmless(void **state)
{
	static const struct { const char *name, *page, *text; } rows[] = {
	    {"Lamp", "<title>Shop</title><h1>Lamp</h1>", "Lamp"},
	    {"Lamp & Co", "<title> Shop\n</title><h1>Lamp &amp; Co</h1>", "Shop"},
	    {NULL, "<title>${file:/etc/passwd}</title>", ""},
	    {NULL, "<title>a\x1b[31mred</title>", ""},
	    {NULL, "<title>\xff\xfe bytes</title>", ""},
	    {NULL, "<title>open", ""},
	    {NULL, "no title", ""},
	    {NULL, "<title>x</title>", ""},
	    {NULL, "<title>\"quoted\" \\ back: {#}</title>", "\"quoted\" \\ back: {#}"},
	};
	char got[INIT_TEXT];
	char name[200] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		init_text(got, rows[i].name, rows[i].page, strlen(rows[i].page));
		assert_string_equal(got, rows[i].text);
	}
	/* Cut in front of a character, not within one. */
	for (size_t i = 0; i < 50; i++)
		snprintf(name + 3 * i, sizeof(name) - 3 * i, "\xe2\x82\xac");
	init_text(got, name, name, strlen(name));
	assert_int_equal(strlen(got), 63);
	init_word(got, "24\" Walnut lamp");
	assert_string_equal(got, "Walnut");
	init_word(got, "\xe2\x82\xac 1");
	assert_string_equal(got, "");
}

static void
answer(struct init_answer *a, int status, const char *url, const char *header, const char *body)
{
	init_answer_init(a);
	a->status = status;
	snprintf(a->url, sizeof(a->url), "%s", url);
	buf_text(&a->body, body);
	if (header != NULL) {
		static char name[256];
		char *colon;

		snprintf(name, sizeof(name), "%s", header);
		colon = strstr(name, ": ");
		*colon = '\0';
		a->headers[0] = (struct tw_header){name, colon + 2};
		a->n_headers = 1;
	}
}

static void
what_is_no_page_is_named(void **state)
{
	static const struct { int status; const char *url, *header, *body, *why; } rows[] = {
	    {200, HOME, NULL, "<html><a href='/'>", NULL},
	    {403, HOME, "cf-mitigated: challenge", "", "Cloudflare challenge"},
	    {200, HOME, NULL, "<title>Waiting Room</title>", "waiting room"},
	    {401, HOME, NULL, "", "asks for a login"},
	    {200, HOME "password", NULL, "<a href=x>", "asks for a login"},
	    {200, HOME, NULL, "<input type=\"password\">", "asks for a login"},
	    {200, HOME "passwordless-lock", NULL, "<a href=x>", NULL},
	    {403, HOME, NULL, "", "refuses us"},
	    {503, HOME, NULL, "", "503"},
	    {404, HOME, NULL, "", "404"},
	    {200, HOME, "content-type: application/json", "{}", "not HTML"},
	};
	char why[INIT_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct init_answer a;
		bool is_trouble;

		answer(&a, rows[i].status, rows[i].url, rows[i].header, rows[i].body);
		is_trouble = init_trouble(&a, why);
		assert_int_equal(is_trouble, rows[i].why != NULL);
		if (is_trouble && strstr(why, rows[i].why) == NULL)
			fail_msg("row %zu: %s", i, why);
		init_answer_free(&a);
	}
}

/* ---- platforms ---- */

static const struct { const char *header, *body, *name; } shops[] = {
    {NULL, "<html>", "unknown"},
    {"vendure-auth-token: x", "", "vendure"},
    {NULL, "{\"data\":{\"activeChannel\":{\"code\":\"__default_channel__\"}}}", "vendure"},
    {NULL, "{\"message\":\"Publishable API key required in ... x-publishable-api-key\"}", "medusa"},
    {NULL, "Medusa Store medusa-public-images", "medusa"},
    {"X-ShopId: 1", "", "shopify"},
    {NULL, "https://cdn.shopify.com/x.js", "unknown"},
    {"set-cookie: _shopify_y=1", "https://cdn.shopify.com/x.js", "shopify"},
    {NULL, "/wp-content/plugins/woocommerce/x.css", "woocommerce"},
    {NULL, "<link href=/wp-json/>", "unknown"},
    {"X-Magento-Tags: x", "", "magento"},
    {NULL, "/static/version1/frontend/Magento_Theme", "magento"},
    {"sw-context-token: x", "", "shopware"},
    {NULL, "/bundles/storefront/assets", "shopware"},
    {"Set-Cookie: PrestaShop-ab=1", "", "prestashop"},
    {NULL, "var prestashop = {", "prestashop"},
    {"x-shopid: 1", "var prestashop = {", "unknown"},
};

static void
platforms_are_named_by_their_marks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shops) / sizeof(shops[0]); i++) {
		struct init_marks m = {0};
		const struct init_platform *p;
		struct init_answer a;

		answer(&a, 200, HOME, shops[i].header, shops[i].body);
		init_marks_look(&m, &a);
		p = init_marks_best(&m);
		if (strcmp(p->name, shops[i].name) != 0)
			fail_msg("row %zu: %s (%s)", i, p->name, m.why);
		assert_true(m.why[0] != '\0');
		init_answer_free(&a);
	}
}

static void
doubt_asks_the_likeliest_first(void **state)
{
	struct init_marks m = {0};
	struct init_answer a;
	const char *path, *json;

	(void)state;
	assert_true(init_marks_probe(&m, 0, &path, &json));
	assert_string_equal(path, "/shop-api");
	assert_non_null(json);
	assert_true(init_marks_probe(&m, 1, &path, &json));
	assert_null(json);
	assert_false(init_marks_probe(&m, 2, &path, &json));
	answer(&a, 200, HOME, NULL, "/wp-json/");
	init_marks_look(&m, &a);
	assert_true(init_marks_probe(&m, 0, &path, &json));
	assert_string_equal(path, "/wp-json/");
	init_answer_free(&a);
}

/* ---- targets ---- */

static void
targets_follow_what_was_measured(void **state)
{
	struct init_targets none = {.n = 0};
	struct init_targets fast = {.n = 10, .ms = {9, 1, 2, 3, 4, 5, 6, 7, 8, 100}};
	struct init_targets slow = {.n = 3, .ms = {700, 610, 500}};

	(void)state;
	init_propose(&none);
	assert_int_equal(none.warn_ms, 800);
	assert_int_equal(none.crit_ms, 1800);
	init_propose(&fast);
	assert_int_equal(fast.median_ms, 5);
	assert_int_equal(fast.p95_ms, 100);
	assert_int_equal(fast.warn_ms, 800);
	init_propose(&slow);
	assert_int_equal(slow.median_ms, 610);
	assert_int_equal(slow.warn_ms, 1400);
	assert_int_equal(slow.crit_ms, 2800);
}

/* ---- shops that are not at the root ---- */

static void
a_shop_in_a_folder_is_that_folder(void **state)
{
	static const struct { const char *home; size_t n; } rows[] = {
	    {HOME "de/", 3}, {HOME "de", 3}, {HOME "de/index.html", 3}, {HOME, 5},
	    {HOME "elsewhere/", 5}};
	static const char *const urls[] = {HOME "en/", HOME "de/", HOME "de/schuhe",
	    HOME "de/p/lampe", HOME "p/lamp"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct init_links l = {0};

		for (size_t k = 0; k < sizeof(urls) / sizeof(urls[0]); k++)
			init_links_add(&l, urls[k]);
		init_links_below(&l, rows[i].home);
		if (l.n != rows[i].n)
			fail_msg("%s: %zu", rows[i].home, l.n);
		if (l.n == 3)
			assert_string_equal(init_category(&l, HOME "de/"), HOME "de/schuhe");
		init_links_free(&l);
	}
}

static void
another_language_is_no_category(void **state)
{
	struct init_links l = {0};

	(void)state;
	init_links_add(&l, HOME "en/");
	init_links_add(&l, HOME "pt-br");
	assert_null(init_category(&l, HOME));
	init_links_add(&l, HOME "en/shoes");
	assert_string_equal(init_category(&l, HOME), HOME "en/shoes");
	init_links_free(&l);
}

/* ---- the file ---- */

static struct init_shop *
a_shop(const char *platform)
{
	struct init_shop *s = xcalloc(1, sizeof(*s));

	buf_init(&s->notes, 1024);
	s->platform = init_platform_find(platform);
	s->certificate_days = 60;
	snprintf(s->address, sizeof(s->address), HOME);
	snprintf(s->host, sizeof(s->host), "www.acme.example");
	for (unsigned i = 0; i < PAGE_N; i++) {
		s->pages[i].is_there = true;
		snprintf(s->pages[i].url, INIT_URL, "https://www.acme.example/%u", i);
	}
	init_propose(&s->targets);
	return s;
}

static void
free_shop(struct init_shop *s)
{
	buf_free(&s->notes);
	free(s);
}

/* What the first probe asserts of its page, as a reader of YAML sees it. */
static const char *
read_back(struct yaml_doc **doc, const struct buf *file)
{
	struct yaml_error err;
	const struct yaml_node *probes, *asserts, *contains;

	assert_int_equal(yaml_read(doc, "made", buf_str(file), file->len, &err), 0);
	probes = yaml_get(yaml_root(*doc), "probes");
	assert_non_null(probes);
	assert_int_equal(probes->n, PAGE_N);
	asserts = yaml_get(probes->items[0], "assert");
	assert_non_null(asserts);
	contains = yaml_get(yaml_get(asserts->items[1], "body"), "contains");
	assert_non_null(contains);
	return contains->text;
}

/* Whatever stands in a title, a reason or an address is read back as text, and as nothing else. */
static void
hostile_texts_stay_texts(void **state)
{
	static const char *const texts[] = {"\"]}, {x: y}", "a: b # c", "\\\\\" \\n", "- x", "'",
	    "*a", "&amp; <b>", "{{ $labels.x }}", "%YAML", "\xc3\xbc\xe2\x82\xac"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct init_shop *s = a_shop("unknown");
		struct yaml_doc *doc = NULL;
		struct buf out;

		buf_init(&out, 1 << 20);
		snprintf(s->pages[0].text, INIT_TEXT, "%s", texts[i]);
		snprintf(s->pages[0].why, INIT_WHY, "%s\nprobes: []\n", texts[i]);
		snprintf(s->marks.why, INIT_WHY, "%s\nshop: x\n", texts[i]);
		buf_printf(&s->notes, "%s\n", texts[i]);
		init_write(s, &out);
		assert_false(out.failed);
		assert_null(strstr(buf_str(&out), "\nshop: x"));
		assert_null(strstr(buf_str(&out), "\nprobes: []"));
		assert_string_equal(read_back(&doc, &out), texts[i]);
		yaml_free(doc);
		buf_free(&out);
		free_shop(s);
	}
}

static void
the_file_asserts_what_was_seen(void **state)
{
	struct init_shop *s = a_shop("shopify");
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	s->pages[PAGE_SEARCH].is_there = false;
	init_write(s, &out);
	assert_non_null(strstr(buf_str(&out), "name: \"acme.example\""));
	assert_non_null(strstr(buf_str(&out), "certificate_expires_in: {min: 14d}"));
	assert_null(strstr(buf_str(&out), "contains"));
	assert_null(strstr(buf_str(&out), "name: search"));
	assert_null(strstr(buf_str(&out), "currency"));
	buf_reset(&out);
	s->certificate_days = 9;
	init_write(s, &out);
	assert_null(strstr(buf_str(&out), "{certificate_expires_in"));
	assert_non_null(strstr(buf_str(&out), "expires in 9 days"));
	buf_free(&out);
	free_shop(s);
}

static void
steps_have_the_shops_own_lines(void **state)
{
	static const char *const names[] = {"unknown", "vendure", "medusa", "shopify",
	    "woocommerce", "magento", "shopware", "prestashop"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct init_shop *s = a_shop(names[i]);
		struct init_step steps[INIT_STEPS];

		init_next(s, steps);
		assert_non_null(strstr(buf_str(&steps[0].lines[0].text), "oncall"));
		for (unsigned k = 1; k < INIT_STEPS; k++)
			for (unsigned j = 0; j < steps[k].n_lines; j++) {
				const char *text = buf_str(&steps[k].lines[j].text);

				if (text[0] == '\0')
					fail_msg("%s: %s, nothing under %s", names[i],
					    steps[k].title, steps[k].lines[j].under);
				assert_null(strstr(text, "shop.example"));
				assert_null(strstr(text, "system: medusa"));
			}
		init_next_free(steps);
		free_shop(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_become_whole_or_none),
	    cmocka_unit_test(kinds_follow_habits),
	    cmocka_unit_test(links_are_read_and_picked),
	    cmocka_unit_test(sitemaps_are_read_packed_too),
	    cmocka_unit_test(texts_are_of_the_page_and_harmless),
	    cmocka_unit_test(what_is_no_page_is_named),
	    cmocka_unit_test(platforms_are_named_by_their_marks),
	    cmocka_unit_test(doubt_asks_the_likeliest_first),
	    cmocka_unit_test(targets_follow_what_was_measured),
	    cmocka_unit_test(a_shop_in_a_folder_is_that_folder),
	    cmocka_unit_test(another_language_is_no_category),
	    cmocka_unit_test(hostile_texts_stay_texts),
	    cmocka_unit_test(the_file_asserts_what_was_seen),
	    cmocka_unit_test(steps_have_the_shops_own_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
