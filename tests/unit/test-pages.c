/*
 * test-pages.c - what is found in the bytes of product pages, sitemaps and robots.txt.
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

#include "lib/markup.h"
#include "lib/offers.h"
#include "lib/robots.h"
#include "lib/sitemap.h"

#define LD "<script type=\"application/ld+json\">"
#define END "</script>"
#define P "{\"@context\":\"https://schema.org\",\"@type\":\"Product\","

/* ---- pages ---- */

/* What a page says: "key price availability", a line each, - for what it does not say; then
 * !broken and ?keyless where there are such. */
static const char *
read_page(const char *page, size_t len, enum offer_key key, const char *path_key)
{
	static char got[65536];
	struct offers o;
	size_t n = 0;

	offers_init(&o);
	offers_read(&o, page, len, key, path_key);
	got[0] = '\0';
	for (size_t i = 0; i < o.n && n < sizeof(got) - 2048; i++) {
		const char *price = offers_text(&o, i, OFFER_PRICE);
		const char *availability = offers_text(&o, i, OFFER_AVAILABILITY);

		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s %s %s\n",
		    offers_text(&o, i, OFFER_SKU), price != NULL ? price : "-",
		    availability != NULL ? availability : "-");
	}
	for (uint32_t i = 0; i < o.n_broken; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "!");
	for (uint32_t i = 0; i < o.n_keyless; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "?");
	offers_clear(&o);
	return got;
}

static const struct { const char *page, *says; } pages[] = {
    /* the commonest one */
    {"<html><head>" LD P "\"sku\":\"A-1\",\"offers\":{\"@type\":\"Offer\",\"price\":\"12.99\","
	"\"priceCurrency\":\"EUR\",\"availability\":\"https://schema.org/InStock\"}}" END,
	"A-1 12.99 EUR InStock\n"},
    /* numbers, http, no host, a sku that is a number */
    {LD P "\"sku\":4711,\"offers\":{\"price\":12.5,\"priceCurrency\":\"USD\","
	"\"availability\":\"http://schema.org/OutOfStock\"}}" END, "4711 12.5 USD OutOfStock\n"},
    {LD P "\"sku\":\"a\",\"offers\":{\"price\":1299,\"availability\":\"InStock\"}}" END,
	"a 1299 InStock\n"},
    {LD P "\"sku\":\"a\",\"offers\":{\"price\":\"1,299.00\",\"priceCurrency\":\"USD\"}}" END,
	"a 1,299.00 USD -\n"},
    {LD P "\"sku\":\"a\",\"offers\":{\"price\":\"12,99 EUR\",\"priceCurrency\":\"EUR\"}}" END,
	"a 12,99 EUR -\n"},
    /* attributes in any order, quotes, case, parameters, an entity */
    {"<SCRIPT data-x='>' TYPE='application/LD+JSON; charset=utf-8' id=x>" P
	"\"sku\":\"a\",\"offers\":{\"price\":1}}</Script >", "a 1 -\n"},
    {"<script async type=application/ld+json>" P "\"sku\":\"a\",\"offers\":{\"price\":1}}" END,
	"a 1 -\n"},
    {"<script type=\"application/ld&#43;json\">" P "\"sku\":\"a\",\"offers\":{\"price\":1}}" END,
	"a 1 -\n"},
    {"<script type=\"application/ld+jsonx\">" P "\"sku\":\"a\",\"offers\":{\"price\":1}}" END, ""},
    {"<script type=\"application/json\">" P "\"sku\":\"a\",\"offers\":{\"price\":1}}" END, ""},
    /* what is in a script is not unescaped */
    {LD P "\"sku\":\"a&amp;b\",\"offers\":{\"price\":1}}" END, "a&amp;b 1 -\n"},
    {LD P "\"sku\":\"a\\u0026b\",\"name\":\"<b>x<\\/b>\",\"offers\":{\"price\":1}}" END,
	"a&b 1 -\n"},
    /* CDATA and comments around it, white space, a byte order mark */
    {LD "\n//<![CDATA[\n" P "\"sku\":\"a\",\"offers\":{\"price\":1}}\n//]]>\n" END, "a 1 -\n"},
    {LD "<!-- " P "\"sku\":\"a\",\"offers\":{\"price\":1}}; -->" END, "a 1 -\n"},
    {LD "\xef\xbb\xbf/*<![CDATA[*/" P "\"sku\":\"a\",\"offers\":{\"price\":1}}/*]]>*/" END,
	"a 1 -\n"},
    /* in a comment, in another script, in a text area, in an attribute: none */
    {"<!-- " LD P "\"sku\":\"no\",\"offers\":{\"price\":1}}" END " -->" LD P
	"\"sku\":\"a\",\"offers\":{\"price\":1}}" END, "a 1 -\n"},
    {"<script>var x = '" LD P "\"sku\":\"no\",\"offers\":{}}';" END, ""},
    {"<textarea>" LD P "\"sku\":\"no\",\"offers\":{\"price\":1}}" END "</textarea>", ""},
    {"<div title='" LD "'>" P "\"sku\":\"no\",\"offers\":{\"price\":1}}" END, ""},
    {"<p>1 < 2 <> </p><!doctype html><?php ?>" LD P "\"sku\":\"a\",\"offers\":{\"price\":1}}" END,
	"a 1 -\n"},
    {"<!-->" LD P "\"sku\":\"a\",\"offers\":{\"price\":1}}" END, "a 1 -\n"},
    /* cut off: none; a broken block hides no other one */
    {LD P "\"sku\":\"a\",\"offers\":{\"price\":1}}", "!"},
    {LD P "\"sku\":\"a\",\"offers\":{\"price\":1}}</scr", "!"},
    {LD "{\"@type\":\"Product\",\"description\":\"two\nlines\"}" END LD P
	"\"sku\":\"a\",\"offers\":{\"price\":1}}" END, "a 1 -\n!"},
    {LD END LD "nonsense" END LD P "\"sku\":\"a\",\"offers\":{\"price\":1}}" END LD "{",
	"a 1 -\n!!!"},
    /* lists, graphs, references, the page around it */
    {LD "[{\"@type\":\"Organization\"}," P "\"sku\":\"a\",\"offers\":[{\"price\":1}]}]" END,
	"a 1 -\n"},
    {LD "{\"@graph\":[{\"@type\":\"WebPage\"},{\"@type\":[\"Product\",\"Book\"],\"sku\":\"a\","
	"\"offers\":{\"@id\":\"#o\"}},{\"@id\":\"#o\",\"@type\":\"Offer\",\"price\":3}]}" END,
	"a 3 -\n"},
    {LD "{\"@type\":\"ItemPage\",\"mainEntity\":{\"@type\":\"schema:Product\",\"sku\":\"a\","
	"\"offers\":{\"price\":1,\"availability\":{\"@id\":\"schema:InStock\"}}}}" END,
	"a 1 InStock\n"},
    {LD "{\"@type\":\"http://schema.org/Offer\",\"price\":2,\"itemOffered\":{\"@type\":\"Product\","
	"\"sku\":\"a\"}}" END, "a 2 -\n"},
    /* variants */
    {LD "{\"@type\":\"ProductGroup\",\"productGroupID\":\"G\",\"name\":\"Tea\",\"hasVariant\":["
	"{\"@type\":\"Product\",\"sku\":\"a\",\"offers\":{\"price\":1}},"
	"{\"@type\":\"Product\",\"sku\":\"b\",\"offers\":{\"price\":2}}]}" END,
	"a 1 -\nb 2 -\n"},
    {LD P "\"name\":\"Tea\",\"offers\":[{\"sku\":\"a\",\"price\":1},{\"sku\":\"b\",\"price\":2,"
	"\"itemOffered\":{\"gtin13\":\"4006381333931\"}}]}" END, "a 1 -\nb 2 -\n"},
    /* aggregates: with offers of their own, with a price range alone */
    {LD P "\"sku\":\"P\",\"offers\":{\"@type\":\"AggregateOffer\",\"lowPrice\":5,\"highPrice\":9,"
	"\"priceCurrency\":\"EUR\",\"offers\":[{\"sku\":\"a\",\"price\":5},"
	"{\"sku\":\"b\",\"price\":9}]}}" END, "a 5 EUR -\nb 9 EUR -\n"},
    {LD P "\"sku\":\"P\",\"offers\":{\"@type\":\"AggregateOffer\",\"lowPrice\":\"5.00\","
	"\"highPrice\":9,\"priceCurrency\":\"EUR\",\"offerCount\":3,\"availability\":\"InStock\"}}"
	END, "P 5.00 EUR InStock\n"},
    /* price specifications: what it costs, not what it would or what a hundred grams do */
    {LD P "\"sku\":\"a\",\"offers\":{\"priceSpecification\":[{\"price\":20,"
	"\"priceCurrency\":\"EUR\",\"priceType\":\"https://schema.org/StrikethroughPrice\"},"
	"{\"price\":2.1,"
	"\"referenceQuantity\":{\"value\":100}},{\"price\":\"15\",\"priceCurrency\":\"EUR\"}]"
	"}}" END, "a 15 EUR -\n"},
    {LD P "\"sku\":\"a\",\"offers\":{\"priceSpecification\":{\"price\":\"7\",\"priceCurrency\":"
	"\"GBP\"}}}" END, "a 7 GBP -\n"},
    /* what it is called when it has no sku */
    {LD P "\"productID\":\"p\",\"mpn\":\"m\",\"offers\":{\"price\":1}}" END, "p 1 -\n"},
    {LD P "\"mpn\":\"m\",\"gtin13\":\"g\",\"offers\":{\"price\":1}}" END, "m 1 -\n"},
    {LD P "\"sku\":\"\",\"gtin8\":\"g\",\"offers\":{\"price\":1}}" END, "g 1 -\n"},
    {LD P "\"sku\":null,\"offers\":{\"price\":1}}" END, "the-path 1 -\n"},
    /* several offers of one article: the cheapest, in stock when one is */
    {LD P "\"sku\":\"a\",\"offers\":[{\"price\":\"1,000.50\",\"availability\":\"InStock\"},"
	"{\"price\":\"999\",\"availability\":\"OutOfStock\"},{\"price\":\"1.000,00\"}]}" END,
	"a 999 InStock\n"},
    /* said twice: the first block stays */
    {LD P "\"sku\":\"a\",\"offers\":{\"price\":2}}" END
	LD P "\"sku\":\"a\",\"offers\":{\"price\":1}}" END, "a 2 -\n"},
    /* others' offers are none of it */
    {LD P "\"sku\":\"a\",\"offers\":{\"price\":2},\"isRelatedTo\":{\"@type\":\"Product\",\"sku\":"
	"\"b\",\"offers\":{\"price\":1}}}" END LD "{\"@type\":\"ItemList\",\"itemListElement\":["
	"{\"@type\":\"Product\",\"sku\":\"c\",\"offers\":{\"price\":1}}]}" END, "a 2 -\n"},
    {LD "{\"@type\":\"Event\",\"sku\":\"e\",\"offers\":{\"price\":1}}" END, ""},
    {LD P "\"sku\":\"a\",\"aggregateRating\":{\"ratingValue\":5}}" END, ""},
    {LD P "\"sku\":\"a\",\"offers\":{\"price\":\"\",\"availability\":\"InStock\"}}" END,
	"a - InStock\n"},
    /* a list of nothing, deep, of itself */
    {LD P "\"sku\":\"a\",\"offers\":[{},[],null,7,\"x\"]}" END, ""},
    {LD "{\"@graph\":[{\"@id\":\"#g\",\"@type\":\"ProductGroup\",\"hasVariant\":[{\"@id\":\"#g\"},"
	"{\"@id\":\"#g\"}],\"sku\":\"a\",\"offers\":{\"price\":1}}]}" END, "a 1 -\n"},
};

static void
pages_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		const char *got = read_page(
		    pages[i].page, strlen(pages[i].page), OFFER_KEY_AUTO, "the-path");

		if (strcmp(got, pages[i].says) != 0)
			fail_msg("%s\nsays: %s\nwanted: %s", pages[i].page, got, pages[i].says);
	}
}

/* However it is cut off, it says nothing that is not there. */
static void
pages_that_are_cut_off_say_less(void **state)
{
	static const char page[] = LD P "\"sku\":\"a\",\"offers\":{\"price\":12}}" END
	    "<style>x</style>" LD P "\"sku\":\"b\",\"offers\":{\"price\":34}}" END "</html>";
	static const char *const may_say[] = {"", "!", "a 12 -\n", "a 12 -\n!", "a 12 -\nb 34 -\n"};

	(void)state;
	for (size_t len = 0; len < sizeof(page); len++) {
		char *exact = malloc(len + 1);
		const char *got;
		bool is_known = false;

		assert_non_null(exact);
		memcpy(exact, page, len);
		got = read_page(exact, len, OFFER_KEY_AUTO, "");
		for (size_t i = 0; i < sizeof(may_say) / sizeof(may_say[0]); i++)
			is_known |= strcmp(got, may_say[i]) == 0;
		if (!is_known)
			fail_msg("%.*s\nsays: %s", (int)len, page, got);
		free(exact);
	}
}

static void
keys_are_what_is_wanted(void **state)
{
	static const char page[] = LD P
	    "\"sku\":\"s\",\"gtin13\":\"g\",\"offers\":{\"price\":1}}" END;
	static const char bare[] = LD P "\"mpn\":\"m\",\"offers\":{\"price\":1}}" END;

	(void)state;
	assert_string_equal(read_page(page, sizeof(page) - 1, OFFER_KEY_SKU, "p"), "s 1 -\n");
	assert_string_equal(read_page(page, sizeof(page) - 1, OFFER_KEY_GTIN, "p"), "g 1 -\n");
	assert_string_equal(read_page(page, sizeof(page) - 1, OFFER_KEY_PATH, "p"), "p 1 -\n");
	assert_string_equal(read_page(bare, sizeof(bare) - 1, OFFER_KEY_SKU, "p"), "?");
	assert_string_equal(read_page(bare, sizeof(bare) - 1, OFFER_KEY_PATH, ""), "?");
}

static void
other_fields_are_read(void **state)
{
	static const char page[] = LD P "\"name\":\" Tea \",\"gtin\":[\"1\",\"2\"],\"url\":\"/p\","
	    "\"offers\":{\"price\":\"$5\",\"priceCurrency\":\"USD\",\"sku\":\"a\"}}" END;
	struct offers o;

	(void)state;
	offers_init(&o);
	offers_read(&o, page, sizeof(page) - 1, OFFER_KEY_AUTO, "");
	assert_int_equal(o.n, 1);
	assert_string_equal(offers_text(&o, 0, OFFER_NAME), "Tea");
	assert_string_equal(offers_text(&o, 0, OFFER_GTIN), "1");
	assert_string_equal(offers_text(&o, 0, OFFER_URL), "/p");
	assert_string_equal(offers_text(&o, 0, OFFER_CURRENCY), "USD");
	assert_string_equal(offers_text(&o, 0, OFFER_PRICE), "$5 USD");
	assert_null(offers_text(&o, 0, OFFER_AVAILABILITY));
	offers_clear(&o);
}

static void
paths_are_keys(void **state)
{
	static const struct { const char *url, *key; } paths[] = {
	    {"https://shop.example/p/laptop", "laptop"},
	    {"https://shop.example/p/laptop.html?x=/y", "laptop"},
	    {"https://shop.example/p/laptop/", "laptop"},
	    {"https://shop.example/a/gr%C3%BCn%2Fx", "gr\xc3\xbcn/x"},
	    {"https://shop.example/", NULL}, {"https://shop.example", NULL},
	    {"https://shop.example/%00", NULL}, {"https://shop.example/p/100%", "100%"}};
	char key[64];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		bool has = offers_path_key(paths[i].url, key, sizeof(key));

		if (has != (paths[i].key != NULL) || (has && strcmp(key, paths[i].key) != 0))
			fail_msg("%s: %s", paths[i].url, has ? key : "none");
	}
	assert_false(offers_path_key("https://shop.example/abcdefgh", key, 8));
}

/* Endless offers, endless texts: bounded. */
static void
pages_are_bounded(void **state)
{
	size_t cap = 1 << 20, n = 0;
	char *page = malloc(cap);
	struct offers o;

	(void)state;
	assert_non_null(page);
	n += (size_t)snprintf(page, cap, "%s", LD P "\"offers\":[");
	for (int i = 0; i < 600; i++)
		n += (size_t)snprintf(page + n, cap - n, "{\"sku\":\"k%d\",\"price\":%d},", i, i);
	n += (size_t)snprintf(page + n, cap - n, "{\"sku\":\"%01000d\"}]}" END, 7);
	offers_init(&o);
	offers_read(&o, page, n, OFFER_KEY_SKU, "");
	assert_int_equal(o.n, OFFERS_MAX);
	assert_int_equal(o.n_left_out, 600 - OFFERS_MAX);
	assert_int_equal(o.n_keyless, 1); /* its sku is too long to be one */
	memset(page, '[', cap);
	memcpy(page, LD, sizeof(LD) - 1);
	memcpy(page + cap - sizeof(END) + 1, END, sizeof(END) - 1);
	offers_read(&o, page, cap, OFFER_KEY_SKU, "");
	assert_int_equal(o.n, 0);
	assert_int_equal(o.n_broken, 1);
	offers_clear(&o);
	free(page);
}

/* ---- sitemaps ---- */

static char found[8192];
static int wanted;

static bool
on_address(void *arg, const char *url, bool is_sitemap)
{
	size_t n = strlen(found);

	(void)arg;
	snprintf(found + n, sizeof(found) - n, "%s%s\n", is_sitemap ? "+" : "", url);
	return --wanted != 0;
}

static const struct { const char *text, *has; } sitemaps[] = {
    {"<?xml version=\"1.0\"?><urlset xmlns=\"x\"><url><loc>https://a/1</loc><lastmod>2026"
     "</lastmod></url><url>\n<loc>\n https://a/2?x=1&amp;y=2 \n</loc></url></urlset>",
	"https://a/1\nhttps://a/2?x=1&y=2\n"},
    {"<sitemapindex><sitemap><loc>https://a/s1.xml</loc></sitemap><sitemap>"
     "<loc>https://a/s2.xml.gz</loc></sitemap></sitemapindex>",
	"+https://a/s1.xml\n+https://a/s2.xml.gz\n"},
    {"<url><loc><![CDATA[https://a/1?a=[b]]]></loc></url>", "https://a/1?a=[b]\n"},
    {"<url><loc>https://a/1</loc><image:image><image:loc>https://a/i.png</image:loc>"
     "</image:image></url>",
	"https://a/1\n"},
    {"<s:urlset xmlns:s='>'><s:url><s:loc>https://a/1</s:loc><loc>https://a/2</loc>"
     "</s:url></s:urlset>",
	"https://a/1\n"},
    {"<!-- <url><loc>https://a/no</loc></url> --><url><loc>https://a/1</loc></url>",
	"https://a/1\n"},
    {"<loc>https://a/no</loc><url><x a='<loc>'/></url>", ""},
    {"<url><loc/></url><url><loc></loc></url><url><loc>   </loc></url>", ""},
    {"<url><loc>https://a/1</loc></url><url><loc>https://a/2</lo", "https://a/1\n"},
    {"<url><loc>https://a/1</url><url><loc>https://a/2</loc></url>", "https://a/2\n"},
    {"<html><body>Not found</body></html>", ""},
    {"<url><loc>https://a/&#x4e2d;&unknown;&</loc></url>", "https://a/\xe4\xb8\xad&unknown;&\n"},
};

static void
sitemaps_are_read_in_any_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sitemaps) / sizeof(sitemaps[0]); i++)
		for (size_t piece = 1; piece < 64; piece = piece * 2 + 1) {
			struct sitemap s = {.on_address = on_address};
			size_t len = strlen(sitemaps[i].text);

			found[0] = '\0';
			wanted = 0;
			for (size_t at = 0; at < len; at += piece)
				assert_true(sitemap_feed(&s, sitemaps[i].text + at,
				    len - at < piece ? len - at : piece));
			if (strcmp(found, sitemaps[i].has) != 0)
				fail_msg("%s\nhas: %s", sitemaps[i].text, found);
		}
}

static void
sitemaps_are_bounded(void **state)
{
	struct sitemap s = {.on_address = on_address};
	static const char one[] = "<url><loc>https://a/1</loc></url>";
	char *address = malloc(100000);

	(void)state;
	assert_non_null(address);
	found[0] = '\0';
	wanted = 0;
	memset(address, 'x', 100000);
	assert_true(sitemap_feed(&s, "<url><loc>https://a/", 20));
	assert_true(sitemap_feed(&s, address, 100000));
	assert_true(sitemap_feed(&s, "</loc></url>", 12));
	assert_int_equal(s.n_too_long, 1);
	assert_true(sitemap_feed(&s, address, 100000)); /* no tag, and a tag without an end */
	assert_true(sitemap_feed(&s, "<", 1));
	assert_true(sitemap_feed(&s, address, 100000));
	assert_true(sitemap_feed(&s, ">", 1));
	wanted = 2;
	assert_true(sitemap_feed(&s, one, sizeof(one) - 1));
	assert_false(sitemap_feed(&s, one, sizeof(one) - 1)); /* enough */
	assert_false(sitemap_feed(&s, one, sizeof(one) - 1));
	assert_string_equal(found, "https://a/1\nhttps://a/1\n");
	free(address);
}

/* ---- robots ---- */

static const struct { const char *text, *path; bool allows; } robots[] = {
    {"", "/p/1", true},
    {"User-agent: *\nDisallow: /\n", "/p/1", false},
    {"User-agent: *\nDisallow:\n", "/p/1", true},
    {"user-AGENT : *\r\nDISALLOW : /p/ # ours\r\n", "/p/1", false},
    {"User-agent: *\nDisallow: /p/\nAllow: /p/1\n", "/p/1", true},
    {"User-agent: *\nDisallow: /p/1\nAllow: /p/\n", "/p/1", false},
    {"User-agent: *\nDisallow: /p/1\nAllow: /p/1\n", "/p/1", true}, /* the same length */
    {"User-agent: *\nDisallow: /*?sort=\n", "/p/1?a=1&sort=2", true},
    {"User-agent: *\nDisallow: /*sort=\n", "/p/1?a=1&sort=2", false},
    {"User-agent: *\nDisallow: /*.html$\n", "/p/1.html", false},
    {"User-agent: *\nDisallow: /*.html$\n", "/p/1.html?x", true},
    {"User-agent: *\nDisallow: /p$\n", "/p/1", true},
    /* our own group goes before that of all, wherever it stands; groups of a name are one */
    {"User-agent: *\nDisallow: /\n\nUser-agent: tillwatch\nDisallow: /cart\n", "/p/1", true},
    {"User-agent: *\nAllow: /\n\nUser-agent: TillWatch/1.0\nDisallow: /p/\n", "/p/1", false},
    {"User-agent: tillwatch\nDisallow: /a\nUser-agent: *\nDisallow: /\nUser-agent: tillwatch\n"
     "Disallow: /p\n", "/p/1", false},
    {"User-agent: googlebot\nUser-agent: tillwatch\nDisallow: /p\n", "/p/1", false},
    {"User-agent: googlebot\nDisallow: /\n", "/p/1", true},
    {"User-agent: tillwatch\nDisallow: /a\nUser-agent: googlebot\nDisallow: /p\n", "/p/1", true},
    {"User-agent: tillwatcher\nDisallow: /\n", "/p/1", true},
    {"User-agent: *\nSitemap: https://a/s.xml\nCrawl-delay: 5\nDisallow: /p\n", "/p/1", false},
    {"Disallow: /\nUser-agent: *\nDisallow: /x\n", "/p/1", true}, /* of no group */
    {"\xef\xbb\xbfUser-agent: *\rDisallow: /p\r", "/p/1", false},
    /* escapes made alike */
    {"User-agent: *\nDisallow: /gr\xc3\xbcn\n", "/gr%c3%bcn", false},
    {"User-agent: *\nDisallow: /%7Eme\n", "/~me", false},
    {"User-agent: *\nDisallow: /a%2Fb\n", "/a/b", true},
    {"User-agent: *\nDisallow: /a**********************b\n", "/aaaaaaaaaaaaaaaaaaaaaaaaac",
	true},
    {"<html><body>no such file</body></html>", "/p/1", true},
};

static void
robots_are_obeyed(void **state)
{
	struct robots r = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(robots) / sizeof(robots[0]); i++) {
		const char *text = robots[i].text;

		assert_int_equal(robots_parse(&r, "tillwatch", text, strlen(text)), 0);
		if (robots_allows(&r, robots[i].path) != robots[i].allows)
			fail_msg("%s\n%s is %sallowed", text, robots[i].path,
			    robots[i].allows ? "not " : "");
	}
	robots_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(pages_are_read),
	    cmocka_unit_test(pages_that_are_cut_off_say_less),
	    cmocka_unit_test(keys_are_what_is_wanted), cmocka_unit_test(other_fields_are_read),
	    cmocka_unit_test(paths_are_keys), cmocka_unit_test(pages_are_bounded),
	    cmocka_unit_test(sitemaps_are_read_in_any_pieces),
	    cmocka_unit_test(sitemaps_are_bounded), cmocka_unit_test(robots_are_obeyed)};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
