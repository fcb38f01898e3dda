/*
 * init-look.c - which requests `init` makes, and what they showed. See init.h.
 *
 *   robots.txt, home        what stops us stops here; links, marks, the search form
 *   sitemap                 an index leads to one more: the one that names products
 *   products                up to INIT_CANDIDATES, until two can be bought
 *   platform                an API, where pages left doubt, and where it is worth watching
 *   measured                the pages that were picked, in turns; each is looked at once more
 *
 * DESIGN. What answers wrongly while it is measured is no page to watch, and a text that is not
 * there the second time is none to assert. The measured ones come last and get what is left.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/init.h"
#include "lib/cdn.h"
#include "lib/hop.h"
#include "lib/offers.h"
#include "lib/tz.h"

const char *const init_page_names[PAGE_N] = {"home", "category", "product-1", "product-2",
    "search"};

static void
pick(struct init_page *p, const char *url, const char *why)
{
	p->is_there = true;
	snprintf(p->url, sizeof(p->url), "%.*s", INIT_URL - 1, url);
	snprintf(p->why, sizeof(p->why), "%s", why);
}

static bool
leaves_enough(const struct init_site *s, unsigned n)
{
	return s->n_requests + n + INIT_MEASURED <= INIT_REQUESTS;
}

static void
drop(struct init_shop *shop, unsigned at, const char *why)
{
	shop->pages[at].is_there = false;
	if (at == PAGE_SEARCH)
		buf_text(&shop->notes, "no search was found that can be asked by an address\n");
	else
		buf_printf(&shop->notes, "%s was left out: %s\n", init_page_names[at], why);
}

/* ---- what stands before the shop ---- */

static void
look_at_edge(struct init_shop *shop, const struct init_answer *a)
{
	static const struct { const char *header, *name; } edges[] = {
	    {"cf-ray", "Cloudflare"}, {"x-amz-cf-id", "CloudFront"},
	    {"x-akamai-transformed", "Akamai"},
	    {"x-fastly-request-id", "Fastly"}, {"x-served-by", "Fastly"}, {"x-varnish", "Varnish"},
	    {"x-datadome", "DataDome"}, {"x-iinfo", "Imperva"}, {"x-vercel-id", "Vercel"}};
	struct tw_hop hop = init_hop(a);
	const char *cache = cdn_cache(&hop), *name = NULL;
	char pop[16];

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]) && name == NULL; i++)
		if (hop_header(&hop, edges[i].header) != NULL)
			name = edges[i].name;
	cdn_pop(&hop, pop);
	if (name == NULL && *cache == '\0')
		return;
	snprintf(shop->edge, sizeof(shop->edge), "%s%s%s%s%s%s", name != NULL ? name : "a cache",
	    *pop != '\0' ? " at " : "", pop, *cache != '\0' ? ", the page was a " : "", cache,
	    strcmp(cache, "hit") == 0 ? ": the edge's time, not the shop's" : "");
}

/* ---- home ---- */

static int
look_at_home(struct init_shop *shop, struct init_answer *a)
{
	enum init_asked asked = init_ask(&shop->site, shop->address, NULL, a);
	struct init_page *p = &shop->pages[PAGE_HOME];

	if (asked == INIT_DISALLOWED) {
		pick(p, shop->address, "as it was given; robots.txt keeps it from us, so nobody "
		    "looked: allow the user agent tillwatch there");
		shop->is_hidden = true;
		return 0;
	}
	if (asked == INIT_SPENT)
		snprintf(shop->site.err, sizeof(shop->site.err), "%.200s leads on and on",
		    shop->address);
	if (asked != INIT_OK)
		return EX_UNAVAILABLE;
	if (init_trouble(a, shop->site.err))
		return EX_UNAVAILABLE;
	pick(p, a->url, a->n_hops > 1 ? "where the given address leads" : "the given address");
	p->is_seen = true;
	init_text(p->text, NULL, buf_str(&a->body), a->body.len);
	init_marks_look(&shop->marks, a);
	shop->certificate_days = a->certificate_days;
	look_at_edge(shop, a);
	return 0;
}

/* ---- sitemap ---- */

static bool
ask_sitemap(struct init_shop *shop, const char *url, struct init_links *pages,
    struct init_links *maps, struct init_answer *a)
{
	if (!leaves_enough(&shop->site, INIT_CANDIDATES / 2 + 1)
	    || init_ask(&shop->site, url, NULL, a) != INIT_OK || a->status / 100 != 2)
		return false;
	init_links_sitemap(pages, maps, a->url, &a->body);
	return true;
}

static void
look_at_sitemap(struct init_shop *shop, struct init_links *pages, struct init_answer *a)
{
	struct init_links maps = {0}, none = {0};
	char url[INIT_URL + 16];
	const char *best = NULL;

	if (shop->site.sitemap[0] != '\0') {
		snprintf(url, sizeof(url), "%s", shop->site.sitemap);
	} else {
		char origin[INIT_URL];

		init_origin(origin, shop->pages[PAGE_HOME].url);
		snprintf(url, sizeof(url), "%s/sitemap.xml", origin);
	}
	(void)ask_sitemap(shop, url, pages, &maps, a);
	for (size_t i = 0; i < maps.n; i++)
		if (best == NULL || (strcasestr(maps.url[i], "product") != NULL
		    && strcasestr(best, "product") == NULL))
			best = maps.url[i];
	if (pages->n == 0 && best != NULL)
		(void)ask_sitemap(shop, best, pages, &none, a);
	if (pages->n == 0)
		buf_text(&shop->notes, "no sitemap with pages of this shop was found: products "
		    "were looked for among the links of the home page\n");
	init_links_free(&maps);
	init_links_free(&none);
}

/* ---- products ---- */

enum stock { STOCK_NONE, STOCK_UNTOLD, STOCK_OUT, STOCK_IN };

static bool
is_in_stock(const char *availability)
{
	static const char *const words[] = {"InStock", "LimitedAvailability", "OnlineOnly", NULL};

	for (const char *const *w = words; *w != NULL; w++)
		if (strcasecmp(availability, *w) == 0)
			return true;
	return false;
}

/* What the page's offers say; name and currency of the one that decides. */
static enum stock
read_offers(const struct init_answer *a, char name[OFFER_TEXT_MAX], char currency[8])
{
	struct offers o;
	char key[OFFER_TEXT_MAX];
	enum stock best = STOCK_NONE;

	if (!offers_path_key(a->url, key, sizeof(key)))
		snprintf(key, sizeof(key), "page");
	offers_init(&o);
	offers_read(&o, buf_str(&a->body), a->body.len, OFFER_KEY_AUTO, key);
	for (size_t i = 0; i < o.n; i++) {
		const char *said = offers_text(&o, i, OFFER_AVAILABILITY);
		const char *called = offers_text(&o, i, OFFER_NAME);
		const char *money = offers_text(&o, i, OFFER_CURRENCY);
		enum stock stock = said == NULL ? STOCK_UNTOLD
		    : is_in_stock(said) ? STOCK_IN : STOCK_OUT;

		if (stock <= best)
			continue;
		best = stock;
		snprintf(name, OFFER_TEXT_MAX, "%s", called != NULL ? called : "");
		snprintf(currency, 8, "%s", money != NULL && strlen(money) == 3 ? money : "");
	}
	offers_clear(&o);
	return best;
}

static bool
is_currency(const char *c)
{
	return strlen(c) == 3 && strspn(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

static void
take_product(struct init_shop *shop, unsigned at, const struct init_answer *a, const char *name,
    const char *currency, const char *why)
{
	struct init_page *p = &shop->pages[PAGE_PRODUCT_1 + at];

	pick(p, a->url, why);
	p->is_seen = true;
	init_text(p->text, name, buf_str(&a->body), a->body.len);
	if (is_currency(currency) && shop->currency[0] == '\0')
		snprintf(shop->currency, sizeof(shop->currency), "%s", currency);
	if (at == 0)
		init_text(shop->product, name, buf_str(&a->body), a->body.len);
}

/* Two that can be bought. One that does not say so counts only where none does. */
static void
look_at_products(struct init_shop *shop, const struct init_links *links, struct init_answer *a)
{
	const char *url[INIT_CANDIDATES];
	size_t n = init_candidates(links, url);
	unsigned n_taken = 0, n_out = 0;
	bool is_fallback = false;

	for (size_t i = 0; i < n && (n_taken < 2 || is_fallback); i++) {
		char name[OFFER_TEXT_MAX] = "", currency[8] = "", why[INIT_WHY];
		enum stock stock;

		if (!leaves_enough(&shop->site, 1)
		    || init_ask(&shop->site, url[i], NULL, a) != INIT_OK || init_trouble(a, why))
			continue;
		init_marks_look(&shop->marks, a);
		stock = read_offers(a, name, currency);
		n_out += stock == STOCK_OUT;
		if (stock == STOCK_IN) {
			n_taken = is_fallback ? 0 : n_taken;
			is_fallback = false;
			take_product(shop, n_taken++, a, name, currency,
			    "its offer (schema.org) says InStock");
		} else if (stock != STOCK_OUT && n_taken == 0
		    && (stock == STOCK_UNTOLD || init_kind(a->url) == KIND_PRODUCT)) {
			take_product(shop, n_taken++, a, name, currency,
			    "its address looks like a product's; it does not say whether it is in "
			    "stock");
			is_fallback = true;
		}
	}
	if (n_out > 0)
		buf_printf(&shop->notes, "%u of the product pages that were looked at %s sold out: "
		    "left out\n", n_out, n_out == 1 ? "is" : "are");
	if (n_taken < 2)
		buf_printf(&shop->notes, "%s product page in stock was found: add the address of "
		    "one that sells\n", n_taken == 0 ? "no" : "only one");
}

/* ---- platform and search ---- */

static void
settle_platform(struct init_shop *shop, struct init_answer *a)
{
	char origin[INIT_URL], url[INIT_URL + 64];
	const char *path, *json;

	init_origin(origin, shop->pages[PAGE_HOME].url);
	shop->platform = init_marks_best(&shop->marks);
	for (unsigned nth = 0; strcmp(shop->platform->name, "unknown") == 0
	    && leaves_enough(&shop->site, 1) && init_marks_probe(&shop->marks, nth, &path, &json);
	    nth++) {
		snprintf(url, sizeof(url), "%s%s", origin, path);
		if (init_ask(&shop->site, url, json, a) == INIT_OK && a->status < 500)
			init_marks_look(&shop->marks, a);
		shop->platform = init_marks_best(&shop->marks);
	}
}

/* Pages may be files, or come from a cache: they answer while the shop behind them is down. */
static void
look_at_api(struct init_shop *shop, struct init_answer *a)
{
	const struct init_api *api = init_api_of(shop->platform);
	char origin[INIT_URL], url[INIT_URL + 64];

	if (api == NULL)
		return;
	init_origin(origin, shop->pages[PAGE_HOME].url);
	snprintf(url, sizeof(url), "%s%s", origin, api->path);
	if (strcmp(a->url, url) != 0 && (!leaves_enough(&shop->site, 1)
	    || init_ask(&shop->site, url, api->json, a) != INIT_OK))
		return;
	if (a->status != 200 || !init_has(buf_str(&a->body), a->body.len, api->answer))
		return;
	if (shop->site.ca_file != NULL)
		buf_text(&shop->notes, "shop-api was left out: the plugin api trusts the system's "
		    "authorities alone\n");
	else
		snprintf(shop->api, sizeof(shop->api), "%.*s", INIT_URL - 1, url);
}

static void
guess_search(struct init_shop *shop, const char *word)
{
	const char *path = init_search_path(shop->platform);
	char origin[INIT_URL], url[INIT_URL * 2];

	if (path == NULL) {
		drop(shop, PAGE_SEARCH, "");
		return;
	}
	init_origin(origin, shop->pages[PAGE_HOME].url);
	snprintf(url, sizeof(url), "%s%s%s", origin, path, word);
	pick(&shop->pages[PAGE_SEARCH], url, "where such shops search; it found the product");
}

/* ---- measured ---- */

static void
measure(struct init_shop *shop, unsigned at, struct init_answer *a)
{
	struct init_page *p = &shop->pages[at];
	enum init_asked asked = init_ask(&shop->site, p->url, NULL, a);
	const char *body = buf_str(&a->body);
	char why[INIT_WHY] = "";

	if (asked == INIT_SPENT)
		return;
	if (asked != INIT_OK || init_trouble(a, why)) {
		drop(shop, at, asked == INIT_FAILED ? shop->site.err
		    : asked == INIT_DISALLOWED ? "robots.txt keeps it from us" : why);
		return;
	}
	if (at == PAGE_SEARCH && (shop->product[0] == '\0'
	    || !init_has(body, a->body.len, shop->product))) {
		drop(shop, at, "");
		return;
	}
	if (!p->is_seen && at == PAGE_SEARCH)
		memcpy(p->text, shop->product, sizeof(p->text));
	else if (!p->is_seen)
		init_text(p->text, NULL, body, a->body.len);
	else if (!init_has(body, a->body.len, p->text))
		p->text[0] = '\0';
	p->is_seen = true;
	p->n_redirects = a->n_hops - 1;
	shop->targets.ms[shop->targets.n++] = (double)a->ttfb_us / 1000;
}

static void
measure_all(struct init_shop *shop, struct init_answer *a)
{
	static const unsigned order[] = {PAGE_CATEGORY, PAGE_PRODUCT_1, PAGE_SEARCH, PAGE_HOME,
	    PAGE_PRODUCT_2};

	for (unsigned turn = 0, vain = 0; shop->targets.n < INIT_MEASURED && vain < 5
	    && shop->site.n_requests < INIT_REQUESTS; turn++) {
		unsigned at = order[turn % 5], before = shop->targets.n;

		if (shop->pages[at].is_there)
			measure(shop, at, a);
		vain = shop->targets.n > before ? 0 : vain + 1;
	}
	for (unsigned i = 0; i < PAGE_N; i++)
		if (shop->pages[i].is_there && !shop->pages[i].is_seen)
			drop(shop, i, "no request was left to look at it");
}

/* ---- all of it ---- */

static void
find_timezone(char dst[64])
{
	char path[256] = "";
	ssize_t n = readlink("/etc/localtime", path, sizeof(path) - 1);
	const char *name = getenv("TZ"), *mark;
	struct tz *tz;

	if ((name == NULL || *name == '\0') && n > 0) {
		path[n] = '\0';
		mark = strstr(path, "zoneinfo/");
		name = mark != NULL ? mark + strlen("zoneinfo/") : NULL;
	}
	dst[0] = '\0';
	if (name == NULL || strlen(name) >= 64 || tz_open(&tz, name, NULL) != 0)
		return;
	tz_free(tz);
	snprintf(dst, 64, "%s", name);
}

/* A home page that leads to a list of products is two pages to watch: the way, and its end. */
static void
split_home(struct init_shop *shop)
{
	struct init_page *home = &shop->pages[PAGE_HOME];

	shop->pages[PAGE_CATEGORY] = *home;
	snprintf(shop->pages[PAGE_CATEGORY].why, INIT_WHY, "the list that the home page leads to");
	pick(home, shop->address, "the given address");
}

static void
find_pages(struct init_shop *shop, struct init_answer *a)
{
	struct init_links links = {0}, pages = {0};
	char home[INIT_URL], word[INIT_TEXT], url[INIT_URL];
	const char *category;
	bool is_mapped;
	struct buf kept = a->body;          /* of the home page, for its form */

	memcpy(home, shop->pages[PAGE_HOME].url, sizeof(home));
	buf_init(&a->body, INIT_BODY);
	init_links_read(&links, home, buf_str(&kept), kept.len);
	init_links_below(&links, home);
	if ((category = init_category(&links, home)) != NULL)
		pick(&shop->pages[PAGE_CATEGORY], category,
		    "the first link of the home page that looks like a category");
	else if (init_kind(home) == KIND_CATEGORY)
		split_home(shop);
	else
		buf_text(&shop->notes, "the home page has no link that looks like a category\n");
	look_at_sitemap(shop, &pages, a);
	init_links_below(&pages, home);
	/* A sitemap may name everything but products. */
	is_mapped = init_links_have(&pages, KIND_PRODUCT)
	    || (pages.n > 0 && !init_links_have(&links, KIND_PRODUCT));
	look_at_products(shop, is_mapped ? &pages : &links, a);
	settle_platform(shop, a);
	look_at_api(shop, a);
	init_word(word, shop->product);
	if (word[0] != '\0' && init_search_form(url, home, buf_str(&kept), kept.len, word))
		pick(&shop->pages[PAGE_SEARCH], url,
		    "the search form of the home page; it found the product");
	else if (word[0] != '\0')
		guess_search(shop, word);
	else
		buf_text(&shop->notes, "no search: there is no product to search for\n");
	buf_free(&kept);
	init_links_free(&links);
	init_links_free(&pages);
}

int
init_look(struct init_shop *shop)
{
	struct init_answer a;
	int rc;

	init_answer_init(&a);
	shop->platform = init_platform_find("unknown");
	snprintf(shop->marks.why, sizeof(shop->marks.why), "nobody looked");
	shop->certificate_days = NAN;
	init_host(shop->host, shop->address);
	find_timezone(shop->timezone);
	rc = look_at_home(shop, &a);
	if (rc == 0 && !shop->is_hidden) {
		find_pages(shop, &a);
		measure_all(shop, &a);
		/* The home page breaks while we look: nothing else is to be trusted then. */
		if (!shop->pages[PAGE_HOME].is_there) {
			snprintf(shop->site.err, sizeof(shop->site.err),
			    "the home page answered, and then no more: try again");
			rc = EX_UNAVAILABLE;
		}
	}
	init_propose(&shop->targets);
	if (shop->site.is_progress_told)
		fputs("\r                                \r", stderr);
	init_answer_free(&a);
	return rc;
}
