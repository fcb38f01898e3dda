/*
 * catalog.c - forty products, their stock, and the copy the ERP has of it.
 *
 * Names, prices and first stock follow from the seed alone. An order takes stock; what falls under
 * 5 is delivered anew. The ERP copies the stock whenever its feed is read (and each second by the
 * shop's clock), unless the fault `stale` is in force: then its feed stays what it was while stock
 * moves on; or, the other way round (variant shop), pages and stock API show what was there before.
 * Any thread; one mutex.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/shop/shop.h"

struct catalog {
	struct shop *shop;
	pthread_mutex_t lock;
	struct product products[SHOP_PRODUCTS];
};

static const char *const adjectives[] = {
	"Walnut", "Linen", "Copper", "Slate", "Maple", "Indigo", "Amber", "Cedar"};
static const char *const nouns[] = {"Lamp", "Chair", "Teapot", "Notebook", "Backpack"};

static void product_fill(struct product *p, uint64_t seed, int i, int64_t now_ms)
{
	const char *adjective = adjectives[i % 8], *noun = nouns[i / 8];

	snprintf(p->sku, sizeof(p->sku), "SKU-%03d", i + 1);
	snprintf(p->name, sizeof(p->name), "%s %s", adjective, noun);
	snprintf(p->slug, sizeof(p->slug), "%s-%s", adjective, noun);
	for (char *c = p->slug; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	p->price_cents = 490 + (int64_t)(shop_hash(seed, 1, (uint64_t)i) % 200) * 100;
	p->stock = 20 + (int)(shop_hash(seed, 2, (uint64_t)i) % 180);
	p->shown_stock = p->erp_stock = p->stock;
	p->updated_ms = p->shown_ms = p->erp_updated_ms = now_ms;
}

struct catalog *catalog_new(struct shop *s)
{
	struct catalog *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->shop = s;
	pthread_mutex_init(&c->lock, NULL);
	for (int i = 0; i < SHOP_PRODUCTS; i++)
		product_fill(&c->products[i], s->opt.seed, i, wall_now().ms);
	return c;
}

void catalog_free(struct catalog *c)
{
	if (c)
		pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Lock held. What the shop shows is what there is, unless it has stopped to listen. */
static void product_show(struct catalog *c, struct product *p)
{
	if (faults_has(c->shop->faults, "stale", "shop", NULL))
		return;
	p->shown_stock = p->stock;
	p->shown_ms = p->updated_ms;
}

static void product_copy(struct catalog *c, bool is_soldout, int i, struct product *out)
{
	pthread_mutex_lock(&c->lock);
	product_show(c, &c->products[i]);
	*out = c->products[i];
	pthread_mutex_unlock(&c->lock);
	out->stock = out->shown_stock;
	out->updated_ms = out->shown_ms;
	if (is_soldout || faults_has(c->shop->faults, "soldout", NULL, NULL))
		out->stock = 0;
}

static int product_index(struct catalog *c, const char *name)
{
	char number[12];

	for (int i = 0; i < SHOP_PRODUCTS; i++) { /* sku and slug never change: no lock */
		snprintf(number, sizeof(number), "%d", i + 1);
		if (!strcmp(c->products[i].sku, name) || !strcmp(c->products[i].slug, name) ||
		    !strcmp(number, name))
			return i;
	}
	return -1;
}

bool catalog_find(struct catalog *c, bool is_soldout, const char *name, struct product *out)
{
	int i = product_index(c, name);

	if (i >= 0)
		product_copy(c, is_soldout, i, out);
	return i >= 0;
}

bool catalog_at(struct catalog *c, bool is_soldout, int index, struct product *out)
{
	if (index < 0 || index >= SHOP_PRODUCTS)
		return false;
	product_copy(c, is_soldout, index, out);
	return true;
}

bool catalog_take(struct catalog *c, const char *sku, int units)
{
	int i = product_index(c, sku);
	bool is_taken = false;

	if (i < 0 || (units > 0 && faults_has(c->shop->faults, "soldout", NULL, NULL)))
		return false;
	pthread_mutex_lock(&c->lock);
	if (c->products[i].stock >= units) {
		is_taken = true;
		c->products[i].stock -= units;
		if (c->products[i].stock < 5)
			c->products[i].stock += 100;
		c->products[i].updated_ms = wall_now().ms;
		product_show(c, &c->products[i]);
	}
	pthread_mutex_unlock(&c->lock);
	return is_taken;
}

bool catalog_set(struct catalog *c, const char *sku, int stock)
{
	int i = product_index(c, sku);

	if (i < 0 || stock < 0)
		return false;
	pthread_mutex_lock(&c->lock);
	c->products[i].stock = stock;
	c->products[i].updated_ms = wall_now().ms;
	product_show(c, &c->products[i]);
	pthread_mutex_unlock(&c->lock);
	return true;
}

void catalog_feed(struct catalog *c, bool is_stale, struct buf *csv)
{
	char at[WALL_TEXT];

	is_stale = is_stale || faults_has(c->shop->faults, "stale", "feed", NULL);
	buf_text(csv, "sku,stock,price,updated_at\n");
	pthread_mutex_lock(&c->lock);
	for (int i = 0; i < SHOP_PRODUCTS; i++) {
		struct product *p = &c->products[i];

		if (!is_stale) {
			p->erp_stock = p->stock;
			p->erp_updated_ms = p->updated_ms;
		}
		buf_printf(csv, "%s,%d,%d.%02d,%s\n", p->sku, p->erp_stock,
			(int)(p->price_cents / 100), (int)(p->price_cents % 100),
			rfc3339(p->erp_updated_ms, at));
	}
	pthread_mutex_unlock(&c->lock);
}

void catalog_write_feed(struct catalog *c)
{
	char path[640], next[640];
	struct buf csv;
	FILE *out;

	snprintf(path, sizeof(path), "%s/stock.csv", c->shop->dir);
	snprintf(next, sizeof(next), "%s/stock.csv.new", c->shop->dir);
	buf_init(&csv, 1 << 16);
	catalog_feed(c, false, &csv);
	out = fopen(next, "we");
	if (out) {
		fwrite(csv.data, 1, csv.len, out);
		if (fclose(out) == 0 && rename(next, path) != 0)
			unlink(next);
	}
	buf_free(&csv);
}
