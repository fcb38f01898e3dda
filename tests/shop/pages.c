/*
 * pages.c - pages for people (and for probes that read them), the stock API and the ERP's feed.
 * Runs in the thread of a connection; never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/shop/shop.h"

#define STOCK_PAGE 10 /* records a page of /api/stock */

static void html_escape(struct buf *b, const char *text)
{
	for (; *text; text++) {
		const char *entity = *text == '<' ? "&lt;" : *text == '>' ? "&gt;" :
			*text == '&' ? "&amp;" : *text == '"' ? "&quot;" : NULL;

		if (entity)
			buf_text(b, entity);
		else
			buf_char(b, *text);
	}
}

static void page_begin(struct request *r, struct answer *a, const char *title)
{
	answer_text(a, 200, "text/html; charset=utf-8",
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
	html_escape(&a->body, title);
	buf_text(&a->body,
		"</title></head>\n<body><header><a href=\"/p/\">Till &amp; Co.</a></header>\n");
	if (!r->visitor)
		answer_header(a, "Set-Cookie", "visitor=v%016llx; Path=/", (unsigned long long)
			shop_hash(r->shop->opt.seed, 3, (uint64_t)now_ns(1)));
	answer_header(a, "Cache-Control", "no-store");
	answer_header(a, "Server-Timing", "app;desc=\"shop\"");
}

static void page_end(struct answer *a)
{
	buf_text(&a->body, "</body></html>\n");
}

void page_home(struct request *r, struct answer *a)
{
	(void)r;
	answer_text(a, 302, "text/plain", "see /p/\n");
	answer_header(a, "Location", "/p/");
}

static void list_item(struct answer *a, const struct product *p)
{
	buf_printf(&a->body, "<li><a href=\"/p/%s\">%s</a> %lld.%02lld EUR%s</li>\n", p->slug,
		p->name, (long long)p->price_cents / 100, (long long)p->price_cents % 100,
		p->stock > 0 ? "" : " (sold out)");
}

void page_list(struct request *r, struct answer *a)
{
	struct product p;

	page_begin(r, a, "All products");
	buf_text(&a->body, "<ul>\n");
	for (int i = 0; catalog_at(r->shop->catalog, r->is_soldout, i, &p); i++)
		list_item(a, &p);
	buf_text(&a->body, "</ul>\n");
	page_end(a);
}

void page_product(struct request *r, struct answer *a)
{
	struct product p;
	json_t *offer;
	char *text;

	if (!catalog_find(r->shop->catalog, r->is_soldout, r->path + 3, &p)) {
		page_begin(r, a, "Not here");
		buf_text(&a->body, "<h1>No such product</h1>\n");
		page_end(a);
		a->status = 404;
		return;
	}
	offer = json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:o, s:s}}", "@context",
		"https://schema.org", "@type", "Product", "name", p.name, "sku", p.sku, "offers",
		"@type", "Offer", "priceCurrency", "EUR", "price",
		json_sprintf("%lld.%02lld", (long long)p.price_cents / 100,
			(long long)p.price_cents % 100),
		"availability",
		p.stock > 0 ? "https://schema.org/InStock" : "https://schema.org/OutOfStock");
	text = json_dumps(offer, JSON_COMPACT);
	page_begin(r, a, p.name);
	buf_printf(&a->body, "<script type=\"application/ld+json\">%s</script>\n<h1>%s</h1>\n",
		text, p.name);
	buf_printf(&a->body, "<p class=\"price\">%lld.%02lld EUR</p>\n",
		(long long)p.price_cents / 100, (long long)p.price_cents % 100);
	if (p.stock > 0)
		buf_printf(&a->body,
			"<p class=\"stock\">%d in stock</p>\n<button data-sku=\"%s\">Add to cart"
			"</button>\n",
			p.stock, p.sku);
	else
		buf_text(&a->body, "<p class=\"stock\">Sold out</p>\n");
	page_end(a);
	free(text);
	json_decref(offer);
}

void page_search(struct request *r, struct answer *a)
{
	char q[100] = "";
	struct product p;
	int found = 0;

	query_get(r->query, "q", q, sizeof(q));
	page_begin(r, a, "Search");
	buf_text(&a->body, "<h1>Results for ");
	html_escape(&a->body, q);
	buf_text(&a->body, "</h1><ul>\n");
	for (int i = 0; catalog_at(r->shop->catalog, r->is_soldout, i, &p); i++)
		if (strcasestr(p.name, q)) {
			list_item(a, &p);
			found++;
		}
	buf_printf(&a->body, "</ul><p>%d found</p>\n", found);
	page_end(a);
}

void page_checkout(struct request *r, struct answer *a)
{
	page_begin(r, a, "Checkout");
	buf_text(&a->body,
		"<h1>Checkout</h1><form><input name=\"address\"><button>Pay</button></form>\n");
	page_end(a);
}

void page_health(struct request *r, struct answer *a)
{
	answer_json(a, 200, json_pack("{s:s, s:I}", "status", "ok", "uptime_s",
		(json_int_t)((wall_now().ms - r->shop->started_ms) / 1000)));
}

/* What the request brought: tests see here whether a secret followed a redirect. */
void page_echo(struct request *r, struct answer *a)
{
	answer_json(a, 200,
		json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:s*, s:I, s:b}", "method", r->method,
			"path", r->path, "query", r->query, "host", r->host, "cookie", r->cookie,
			"authorization", r->authorization, "body_bytes", (json_int_t)r->body_len,
			"tls", r->is_tls));
}

static json_t *stock_record(const struct product *p)
{
	char at[WALL_TEXT];

	return json_pack("{s:s, s:i, s:I, s:s}", "sku", p->sku, "qty", p->stock, "price",
		(json_int_t)p->price_cents, "updatedAt", rfc3339(p->updated_ms, at));
}

void stock_pages(struct request *r, struct answer *a)
{
	char text[16] = "1";
	long page;
	json_t *items = json_array(), *answer;
	struct product p;

	query_get(r->query, "page", text, sizeof(text));
	page = strtol(text, NULL, 10);
	if (page < 1 || page > SHOP_PRODUCTS / STOCK_PAGE) {
		json_decref(items);
		answer_error(a, 404, "no_such_page");
		return;
	}
	for (int i = 0; i < STOCK_PAGE; i++)
		if (catalog_at(
			    r->shop->catalog, r->is_soldout, (int)(page - 1) * STOCK_PAGE + i, &p))
			json_array_append_new(items, stock_record(&p));
	answer = json_pack("{s:o, s:i, s:I}", "items", items, "total", SHOP_PRODUCTS, "page",
		(json_int_t)page);
	json_object_set_new(answer, "next", page < SHOP_PRODUCTS / STOCK_PAGE ?
		json_sprintf("/api/stock?page=%ld", page + 1) : json_null());
	answer_json(a, 200, answer);
}

/* PUT /api/stock/SKU {"available": N}: what a canary writes. */
void stock_put(struct request *r, struct answer *a)
{
	const char *sku = r->path + strlen("/api/stock/");
	json_t *in = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, NULL);
	json_t *n = json_object_get(in, "available");
	struct product p;

	if (!json_is_integer(n) || json_integer_value(n) < 0 || json_integer_value(n) > 1000000)
		answer_error(a, 400, "available_is_no_count");
	else if (!catalog_set(r->shop->catalog, sku, (int)json_integer_value(n)) ||
		 !catalog_find(r->shop->catalog, r->is_soldout, sku, &p))
		answer_error(a, 404, "unknown_sku");
	else
		answer_json(a, 200, stock_record(&p));
	json_decref(in);
}

void stock_feed(struct request *r, struct answer *a)
{
	answer_text(a, 200, "text/csv", "%s", "");
	catalog_feed(r->shop->catalog, r->is_stale, &a->body);
}
