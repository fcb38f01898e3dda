/*
 * init-links.c - addresses: whole, sorted, picked. See init.h.
 *
 * DESIGN. Shops differ in everything but habit: a product lies behind /p/, /product/, /products/ or
 * is a slug of several words; a category behind /c/, /collections/ or is what stands first in the
 * navigation. What is picked by these words is then looked at: only a page that answers, and says
 * so in its offers, becomes a product of the file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/init.h"
#include "lib/markup.h"
#include "lib/sitemap.h"
#include "lib/unpack.h"
#include "lib/xmalloc.h"

#define SITEMAP_UNPACKED (16u << 20)

/* ---- an address ---- */

static bool
is_plain(const char *url)
{
	for (const unsigned char *c = (const unsigned char *)url; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("\"'\\<>{}`|^", *c) != NULL)
			return false;
	return true;
}

bool
init_url(char dst[INIT_URL], const char *base, const char *link)
{
	CURLU *u = curl_url();
	char *text = NULL, *user = NULL;
	bool is_good = u != NULL;

	if (is_good && base != NULL)
		is_good = curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK;
	is_good = is_good && curl_url_set(u, CURLUPART_URL, link, CURLU_URLENCODE) == CURLUE_OK
	    && curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK
	    && curl_url_get(u, CURLUPART_USER, &user, 0) != CURLUE_OK
	    && curl_url_get(u, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT) == CURLUE_OK
	    && (strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0)
	    && strlen(text) < INIT_URL - 64 && is_plain(text);
	if (is_good)
		snprintf(dst, INIT_URL, "%s", text);
	curl_free(text);
	curl_free(user);
	curl_url_cleanup(u);
	return is_good;
}

const char *
init_path(const char *url)
{
	const char *host = strstr(url, "://"), *path = host != NULL ? strchr(host + 3, '/') : NULL;

	return path != NULL ? path : "/";
}

void
init_origin(char dst[INIT_URL], const char *url)
{
	const char *host = strstr(url, "://");
	size_t n = host != NULL ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;

	snprintf(dst, INIT_URL, "%.*s", (int)n, url);
	for (char *c = dst; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
}

static const char *
port_of(const char *origin)
{
	const char *host = strstr(origin, "://"), *bracket, *colon;

	host = host != NULL ? host + 3 : origin;
	bracket = strchr(host, ']');
	colon = strchr(bracket != NULL ? bracket : host, ':');
	return colon != NULL ? colon : "";
}

void
init_host(char dst[INIT_URL], const char *url)
{
	char origin[INIT_URL];
	const char *host;

	init_origin(origin, url);
	host = strstr(origin, "://");
	host = host != NULL ? host + 3 : origin;
	snprintf(dst, INIT_URL, "%.*s", (int)(strlen(host) - strlen(port_of(origin))), host);
}

bool
init_same_site(const char *a, const char *b)
{
	char host_a[INIT_URL], host_b[INIT_URL], of_a[INIT_URL], of_b[INIT_URL];
	const char *x = host_a, *y = host_b;

	init_host(host_a, a);
	init_host(host_b, b);
	init_origin(of_a, a);
	init_origin(of_b, b);
	x += strncmp(x, "www.", 4) == 0 ? 4 : 0;
	y += strncmp(y, "www.", 4) == 0 ? 4 : 0;
	return *x != '\0' && strcmp(x, y) == 0 && strcmp(port_of(of_a), port_of(of_b)) == 0;
}

/* ---- what it seems to be ---- */

static const char *const product_words[] = {"p", "product", "products", "produkt", "produkte",
    "produit", "produits", "producto", "productos", "item", "items", "dp", "artikel", "detail",
    NULL};
static const char *const category_words[] = {"c", "category", "categories", "collection",
    "collections", "product-category", "kategorie", "kategorien", "categorie", "categoria",
    "catalog", "shop", "store", "navigation", NULL};
static const char *const service_words[] = {"cart", "basket", "checkout", "account", "customer",
    "login", "signin", "register", "wishlist", "logout", "contact", "about", "blog", "blogs",
    "news", "imprint", "impressum", "agb", "datenschutz", "privacy", "terms", "legal", "policies",
    "shipping", "returns", "faq", "help", "search", "pages", "cdn", "wp-content", "wp-json",
    "wp-admin", "static", "assets", "media", "feeds", "api", "graphql", "newsletter", "stores",
    "sitemap", NULL};

static bool
is_among(const char *const *words, const char *at, size_t len)
{
	for (; *words != NULL; words++)
		if (strlen(*words) == len && strncasecmp(*words, at, len) == 0)
			return true;
	return false;
}

/* A last part of several words, or with a number: /blue-linen-lamp, /lamp-4711.html. */
static bool
is_slug(const char *at, size_t len)
{
	size_t hyphens = 0, digits = 0;

	for (size_t i = 0; i < len; i++) {
		hyphens += at[i] == '-' || at[i] == '_';
		digits += isdigit((unsigned char)at[i]) != 0;
	}
	return hyphens >= 2 || (hyphens == 1 && digits >= 2)
	    || (len > 5 && strncmp(at + len - 5, ".html", 5) == 0);
}

static bool
is_file(const char *at, size_t len)
{
	static const char *const ends[] = {".css", ".js", ".png", ".jpg", ".jpeg", ".svg", ".gif",
	    ".webp", ".ico", ".pdf", ".xml", ".json", ".txt", ".csv", ".woff2", NULL};

	for (const char *const *e = ends; *e != NULL; e++)
		if (len > strlen(*e) && strncasecmp(at + len - strlen(*e), *e, strlen(*e)) == 0)
			return true;
	return false;
}

enum init_kind
init_kind(const char *url)
{
	const char *at = init_path(url);
	enum init_kind kind = KIND_OTHER;
	size_t n_parts = 0, len = 0;

	for (at += strspn(at, "/"); (len = strcspn(at, "/?#")) > 0; at += len, at += *at == '/') {
		bool is_last = at[len] != '/' || strchr("?#", at[len + 1]) != NULL;

		n_parts++;
		if (is_among(service_words, at, len) || is_file(at, len))
			return KIND_SERVICE;
		if (is_among(product_words, at, len))
			kind = is_last ? KIND_CATEGORY : KIND_PRODUCT;
		else if (is_among(category_words, at, len))
			kind = KIND_CATEGORY;
		else if (is_last && kind == KIND_OTHER && is_slug(at, len))
			kind = KIND_SLUG;
	}
	return n_parts == 0 ? KIND_SERVICE : kind;
}

/* ---- lists ---- */

void
init_links_add(struct init_links *l, const char *url)
{
	if (l->n == INIT_LINKS)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->url[i], url) == 0)
			return;
	l->url = xrealloc(l->url, l->n + 1, sizeof(*l->url));
	l->url[l->n++] = xstrdup(url);
}

/* The bytes of its path that its pages begin with: "/de/" and "/de" alike; 1 = it has no folder. */
static size_t
folder_len(const char *home)
{
	const char *path = init_path(home);
	size_t n = strcspn(path, "?#"), last;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (last = n; path[last - 1] != '/';)
		last--;
	return memchr(path + last, '.', n - last) != NULL ? last : n; /* /de/index.html */
}

static bool
is_below(const char *url, const char *folder, size_t n)
{
	const char *path = init_path(url);

	return strncmp(path, folder, n) == 0 && (folder[n - 1] == '/' || path[n] == '/');
}

void
init_links_below(struct init_links *l, const char *home)
{
	const char *folder = init_path(home);
	size_t n = folder_len(home), kept = 0;

	for (size_t i = 0; i < l->n; i++)
		kept += is_below(l->url[i], folder, n) && strcmp(l->url[i], home) != 0;
	if (n == 1 || kept == 0)
		return;
	kept = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (is_below(l->url[i], folder, n))
			l->url[kept++] = l->url[i];
		else
			free(l->url[i]);
	}
	l->n = kept;
}

void
init_links_free(struct init_links *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->url[i]);
	free(l->url);
	*l = (struct init_links){0};
}

/* ---- tags ---- */

struct tag { const char *at, *end; };      /* between its name and its > */

/* The next tag of that name from at on; false: there is none. */
static bool
next_tag(const char **at, const char *end, const char *name, struct tag *t)
{
	size_t n = strlen(name);

	while ((*at = memchr(*at, '<', (size_t)(end - *at))) != NULL) {
		const char *open = ++*at;
		const char *close = memchr(open, '>', (size_t)(end - open));

		if (close == NULL)
			break;
		if ((size_t)(close - open) >= n && strncasecmp(open, name, n) == 0
		    && !isalnum((unsigned char)open[n])) {
			*t = (struct tag){open + n, close};
			*at = close;
			return true;
		}
	}
	*at = end;
	return false;
}

/* The value of an attribute, unescaped. False: the tag has none, or it does not fit. */
static bool
attribute(const struct tag *t, const char *name, char dst[INIT_URL])
{
	size_t n = strlen(name), len;

	for (const char *at = t->at; at + n + 1 < t->end; at++) {
		const char *value = at + n + 2;
		char quote = at[n + 1];
		const char *to;

		if (strncasecmp(at, name, n) != 0 || at[n] != '='
		    || !isspace((unsigned char)at[-1]))
			continue;
		if (quote == '"' || quote == '\'') {
			to = memchr(value, quote, (size_t)(t->end - value));
		} else {
			for (to = --value; to < t->end && !isspace((unsigned char)*to);)
				to++;
		}
		if (to == NULL || (len = (size_t)(to - value)) >= INIT_URL
		    || memchr(value, '\0', len) != NULL)
			return false;
		memcpy(dst, value, len);
		len = markup_unescape(dst, len);
		dst[len] = '\0';
		return true;
	}
	return false;
}

void
init_links_read(struct init_links *l, const char *base, const char *page, size_t len)
{
	const char *at = page, *end = page + len;
	char link[INIT_URL], url[INIT_URL];
	struct tag t;

	while (next_tag(&at, end, "a", &t))
		if (attribute(&t, "href", link) && link[0] != '#' && init_url(url, base, link)
		    && init_same_site(url, base))
			init_links_add(l, url);
}

bool
init_search_form(
    char dst[INIT_URL], const char *base, const char *page, size_t len, const char *word)
{
	static const char *const names[] = {"q", "s", "search", "query", "search_query",
	    "searchterm", "keyword", "keywords", "k", "term", NULL};
	const char *at = page, *end = page + len;
	char action[INIT_URL], value[INIT_URL], link[INIT_URL * 3];
	struct tag form, input;

	while (next_tag(&at, end, "form", &form)) {
		const char *in = at, *to = memmem(at, (size_t)(end - at), "</form", 6);

		if (attribute(&form, "method", value) && strcasecmp(value, "get") != 0)
			continue;
		if (!attribute(&form, "action", action))
			snprintf(action, sizeof(action), "%s", init_path(base));
		action[strcspn(action, "?#")] = '\0';
		while (next_tag(&in, to != NULL ? to : end, "input", &input)) {
			if (!attribute(&input, "name", value)
			    || !is_among(names, value, strlen(value)))
				continue;
			snprintf(link, sizeof(link), "%s?%s=%s", action, value, word);
			return init_url(dst, base, link) && init_same_site(dst, base);
		}
	}
	return false;
}

/* ---- sitemaps ---- */

struct reading { struct init_links *pages, *maps; const char *base; struct sitemap sitemap;
	size_t n_bytes; };

static bool
on_address(void *arg, const char *address, bool is_sitemap)
{
	struct reading *r = arg;
	char url[INIT_URL];

	if (init_url(url, r->base, address) && init_same_site(url, r->base)) {
		struct init_links *l = is_sitemap ? r->maps : r->pages;

		/* As good as unique; and a long list need not be looked through for each. */
		if (l->n < INIT_LINKS && (l->n == 0 || strcmp(l->url[l->n - 1], url) != 0)) {
			l->url = xrealloc(l->url, l->n + 1, sizeof(*l->url));
			l->url[l->n++] = xstrdup(url);
		}
	}
	return r->pages->n < INIT_LINKS;
}

static bool
on_bytes(void *arg, const char *data, size_t len)
{
	struct reading *r = arg;

	r->n_bytes += len;
	return sitemap_feed(&r->sitemap, data, len) && r->n_bytes < SITEMAP_UNPACKED;
}

void
init_links_sitemap(struct init_links *pages, struct init_links *maps, const char *base,
    const struct buf *bytes)
{
	struct reading r = {.pages = pages, .maps = maps, .base = base,
	    .sitemap.on_address = on_address};
	struct unpack u = {.on_data = on_bytes, .arg = &r};
	bool is_whole;

	r.sitemap.arg = &r;
	is_whole = unpack_take(&u, buf_str(bytes), bytes->len);
	(void)unpack_end(&u, is_whole);
}

/* ---- picks ---- */

static size_t
count(const struct init_links *l, enum init_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += init_kind(l->url[i]) == kind;
	return n;
}

bool
init_links_have(const struct init_links *l, enum init_kind kind)
{
	return count(l, kind) > 0;
}

size_t
init_candidates(const struct init_links *l, const char *out[INIT_CANDIDATES])
{
	static const enum init_kind order[] = {KIND_PRODUCT, KIND_SLUG, KIND_OTHER};
	size_t n_out = 0;

	for (size_t k = 0; k < 3 && n_out < 2; k++) {
		size_t n = count(l, order[k]), want = INIT_CANDIDATES - n_out, nth = 0, taken = 0;

		for (size_t i = 0; i < l->n && taken < want; i++)
			if (init_kind(l->url[i]) == order[k] && nth++ * want >= taken * n) {
				out[n_out++] = l->url[i];
				taken++;
			}
	}
	return n_out;
}

/* "/en/", "/pt-br": the shop in another language, and no category. */
static bool
is_language(const char *at)
{
	size_t n = strcspn(at, "/?#");

	return (n == 2 || (n == 5 && strchr("-_", at[2]) != NULL && isalpha((unsigned char)at[3])
			      && isalpha((unsigned char)at[4])))
	    && isalpha((unsigned char)at[0]) && isalpha((unsigned char)at[1]);
}

/* Parts of the path, without a language before them. */
static size_t
depth(const char *url)
{
	const char *path = init_path(url);
	size_t n = 0;

	if (is_language(path + 1))
		path += 1 + strcspn(path + 1, "/?#");
	for (; *path != '\0' && *path != '?'; path++)
		n += *path == '/' && path[1] != '\0' && path[1] != '?';
	return n;
}

const char *
init_category(const struct init_links *l, const char *home)
{
	for (size_t i = 0; i < l->n; i++)
		if (init_kind(l->url[i]) == KIND_CATEGORY && strcmp(l->url[i], home) != 0)
			return l->url[i];
	for (size_t i = 0; i < l->n; i++)
		if (init_kind(l->url[i]) == KIND_OTHER && depth(l->url[i]) == 1
		    && strchr(l->url[i], '?') == NULL && strcmp(l->url[i], home) != 0)
			return l->url[i];
	return NULL;
}
