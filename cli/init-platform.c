/*
 * init-platform.c - which platform a shop stands on, by the marks that platforms leave. See init.h.
 *
 * DESIGN. One table. A strong mark (2) settles it, a weak one (1) needs a second: themes and CDNs
 * borrow each other's words. Where two platforms have as many, or none has two, the answer is
 * "unknown", which costs the reader nothing: the file watches any shop. A headless shop shows no
 * marks in its pages; its API is asked once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/init.h"

#define VENDURE_MARK "\"activeChannel\":{\"code\":"

enum where { HEADER, COOKIE, PAGE };

static const struct init_platform platforms[] = {
	{"unknown", "a shop of its own", "plain"},
	{"vendure", "Vendure", "vendure"},
	{"medusa", "Medusa", "medusa"},
	{"shopify", "Shopify", "shopify"},
	{"woocommerce", "WooCommerce", "woocommerce"},
	{"magento", "Magento", "magento"},
	{"shopware", "Shopware", "shopware"},
	{"prestashop", "PrestaShop", "plain"},
};
#define N_PLATFORMS (sizeof(platforms) / sizeof(platforms[0]))

/* pattern: of HEADER the begin of a name; of COOKIE the begin of a Set-Cookie; of PAGE bytes of it,
 * answers of an API too. */
static const struct mark {
	const char *name;
	enum where where;
	const char *pattern;
	int weight;
	const char *why;
} marks[] = {
	{"vendure", HEADER, "vendure-auth-token", 2, "the header vendure-auth-token"},
	{"vendure", PAGE, VENDURE_MARK, 2, "/shop-api knows an active channel"},
	{"vendure", PAGE, "/shop-api", 1, "pages that name /shop-api"},
	{"medusa", PAGE, "x-publishable-api-key", 2,
	 "/store/products wants an x-publishable-api-key"},
	{"medusa", COOKIE, "_medusa_", 2, "a cookie of Medusa's storefront"},
	{"medusa", PAGE, "medusa-public-images", 1, "images of Medusa's starter"},
	{"medusa", PAGE, "Medusa Store", 1, "the title of Medusa's starter"},
	{"shopify", HEADER, "x-shopid", 2, "the header x-shopid"},
	{"shopify", HEADER, "x-shopify-", 2, "headers x-shopify-*"},
	{"shopify", PAGE, "Shopify.theme", 2, "the script's Shopify.theme"},
	{"shopify", PAGE, "cdn.shopify.com", 1, "files of cdn.shopify.com"},
	{"shopify", COOKIE, "_shopify_", 1, "cookies _shopify_*"},
	{"woocommerce", PAGE, "wp-content/plugins/woocommerce", 2,
	 "files of wp-content/plugins/woocommerce"},
	{"woocommerce", COOKIE, "woocommerce_", 2, "cookies woocommerce_*"},
	{"woocommerce", PAGE, "\"wc/store\"", 2, "/wp-json has wc/store"},
	{"woocommerce", PAGE, "woocommerce-page", 1, "the class woocommerce-page"},
	{"woocommerce", PAGE, "/wp-json/", 1, "a link to /wp-json/"},
	{"magento", HEADER, "x-magento-", 2, "headers X-Magento-*"},
	{"magento", PAGE, "mage/cookies", 2, "the script mage/cookies"},
	{"magento", PAGE, "Magento_", 1, "modules Magento_*"},
	{"magento", PAGE, "/static/version", 1, "files of /static/version*"},
	{"shopware", HEADER, "sw-context-token", 2, "the header sw-context-token"},
	{"shopware", HEADER, "sw-version-id", 2, "the header sw-version-id"},
	{"shopware", PAGE, "/bundles/storefront/", 2, "files of /bundles/storefront/"},
	{"shopware", COOKIE, "sw-", 1, "cookies sw-*"},
	{"shopware", PAGE, "/store-api/", 1, "pages that name /store-api/"},
	{"prestashop", COOKIE, "PrestaShop-", 2, "the cookie PrestaShop-*"},
	{"prestashop", PAGE, "var prestashop =", 2, "the script's variable prestashop"},
	{"prestashop", HEADER, "powered-by-prestashop", 2, "the header Powered-By-PrestaShop"},
	{"prestashop", PAGE, "/modules/ps_", 1, "modules ps_*"},
};
#define N_MARKS (sizeof(marks) / sizeof(marks[0]))
_Static_assert(N_MARKS <= 64, "struct init_marks has a bit a row");

#define VENDURE_QUERY "{ activeChannel { code } }"

static const struct init_api apis[] = {
	{.name = "vendure", .path = "/shop-api", .json = "{\"query\":\"" VENDURE_QUERY "\"}",
	    .query = VENDURE_QUERY, .pointer = "/data/activeChannel/code", .answer = VENDURE_MARK},
	{.name = "medusa", .path = "/store/products?limit=1"},
	{.name = "woocommerce", .path = "/wp-json/"},
};
#define N_APIS (sizeof(apis) / sizeof(apis[0]))

static const struct {
	const char *name, *path;
} searches[] = {
	{"shopify", "/search?q="},
	{"woocommerce", "/?post_type=product&s="},
	{"magento", "/catalogsearch/result/?q="},
	{"shopware", "/search?search="},
	{"prestashop", "/search?s="},
	{"unknown", "/search?q="},
};

static bool
holds(const struct mark *m, const struct init_answer *a)
{
	size_t n = strlen(m->pattern);

	if (m->where == PAGE)
		return memmem(buf_str(&a->body), a->body.len, m->pattern, n) != NULL;
	for (uint32_t i = 0; i < a->n_headers; i++) {
		const struct tw_header *h = &a->headers[i];

		if (m->where == HEADER && strncasecmp(h->name, m->pattern, n) == 0)
			return true;
		if (m->where == COOKIE && strcasecmp(h->name, "set-cookie") == 0
		    && strncasecmp(h->value, m->pattern, n) == 0)
			return true;
	}
	return false;
}

void
init_marks_look(struct init_marks *m, const struct init_answer *a)
{
	for (size_t i = 0; i < N_MARKS; i++)
		if (holds(&marks[i], a))
			m->seen |= UINT64_C(1) << i;
}

static int
score(const struct init_marks *m, const char *name)
{
	int sum = 0;

	for (size_t i = 0; i < N_MARKS; i++)
		if ((m->seen >> i & 1) != 0 && strcmp(marks[i].name, name) == 0)
			sum += marks[i].weight;
	return sum;
}

static void
say_why(struct init_marks *m, const char *name)
{
	size_t n = 0;

	m->why[0] = '\0';
	for (size_t i = 0; i < N_MARKS && n < sizeof(m->why) - 80; i++)
		if ((m->seen >> i & 1) != 0 && strcmp(marks[i].name, name) == 0)
			n += (size_t)snprintf(m->why + n, sizeof(m->why) - n, "%s%s",
			    n > 0 ? ", " : "", marks[i].why);
}

const struct init_platform *
init_marks_best(struct init_marks *m)
{
	size_t best = 0;
	int most = 1;
	bool is_tie = false;

	for (size_t i = 1; i < N_PLATFORMS; i++) {
		int sum = score(m, platforms[i].name);

		is_tie = sum > most ? false : is_tie || sum == most;
		if (sum > most) {
			most = sum;
			best = i;
		}
	}
	if (is_tie && most > 1)
		best = 0;
	say_why(m, platforms[best].name);
	if (best == 0)
		snprintf(m->why, sizeof(m->why), "%s", is_tie && most > 1
		    ? "marks of more than one platform" : "no mark of a platform we know");
	return &platforms[best];
}

const struct init_platform *
init_platform_find(const char *name)
{
	for (size_t i = 0; i < N_PLATFORMS; i++)
		if (strcmp(platforms[i].name, name) == 0)
			return &platforms[i];
	return &platforms[0];
}

/* Those that have a weak mark first. */
bool
init_marks_probe(const struct init_marks *m, unsigned nth, const char **path, const char **json)
{
	for (int is_marked = 1; is_marked >= 0; is_marked--)
		for (size_t i = 0; i < N_APIS; i++) {
			bool is_here = (score(m, apis[i].name) > 0) == (is_marked == 1);
			/* Nothing speaks for WordPress where no page is of it. */
			bool is_vain = is_marked == 0 && strcmp(apis[i].name, "woocommerce") == 0;

			if (is_here && !is_vain && nth-- == 0) {
				*path = apis[i].path;
				*json = apis[i].json;
				return true;
			}
		}
	return false;
}

const struct init_api *
init_api_of(const struct init_platform *p)
{
	for (size_t i = 0; i < N_APIS; i++)
		if (strcmp(apis[i].name, p->name) == 0 && apis[i].query != NULL)
			return &apis[i];
	return NULL;
}

const char *
init_search_path(const struct init_platform *p)
{
	for (size_t i = 0; i < sizeof(searches) / sizeof(searches[0]); i++)
		if (strcmp(searches[i].name, p->name) == 0)
			return searches[i].path;
	return NULL;
}
