/*
 * init-next.c - what is worth most after `init`: somebody who is told, orders, stock; each with the
 * lines to add, as config/examples/ has them for the platform. See init.h.
 *
 * DESIGN. The examples are the one place that knows a platform's sources; the build puts their
 * lines into the program. A step takes blocks of them, with the shop's own address; systems that
 * only an example has become the storefront. What is added to the file must pass `tillwatch check`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <stdio.h>
#include <string.h>

#include "cli/init.h"

#define LINES_BYTES 65536

/* Of an example: the source that is compared, the one it is compared with, and by which field. */
static const struct stock {
	const char *example, *compared, *reference, *field, *system; /* system: that is new */
} stocks[] = {
	{"vendure", "shop", "warehouse", "on_hand", "warehouse"},
	{"medusa", "shop", "warehouse", "on_hand", "warehouse"},
	{"shopify", "shop", "warehouse", "available", "warehouse"},
	{"woocommerce", "shop", "warehouse", "available", "warehouse"},
	{"magento", "source_items", "warehouse", "on_hand", "warehouse"},
	{"shopware", "catalog", "warehouse", "on_hand", "warehouse"},
	{"plain", "market", "stock", "available", "market"},
};

static const char *const *
example_lines(const char *name)
{
	for (const struct init_example *e = init_examples; e->name != NULL; e++)
		if (strcmp(e->name, name) == 0)
			return e->lines;
	return NULL;
}

/* A line of an example with the shop's own address and systems. */
static void
put_line(struct buf *out, const char *line, const struct init_shop *shop)
{
	static const char site[] = "https://shop.example", host[] = "shop.example";
	static const char system[] = "system: ";
	char origin[INIT_URL];

	init_origin(origin, shop->pages[PAGE_HOME].url);
	while (*line != '\0') {
		if (strncmp(line, site, sizeof(site) - 1) == 0) {
			buf_text(out, origin);
			line += sizeof(site) - 1;
		} else if (strncmp(line, host, sizeof(host) - 1) == 0) {
			buf_text(out, shop->host);
			line += sizeof(host) - 1;
		} else if (strncmp(line, system, sizeof(system) - 1) == 0) {
			size_t n;

			line += sizeof(system) - 1;
			n = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
			if (strncmp(line, "warehouse", n) == 0 || strncmp(line, "market", n) == 0)
				buf_printf(out, "%s%.*s", system, (int)n, line);
			else
				buf_printf(out, "%sstorefront", system);
			line += n;
		} else {
			buf_char(out, *line++);
		}
	}
	buf_char(out, '\n');
}

/* The block of a key below a top-level one: its line and those that are indented deeper. */
static void
put_block(struct buf *out, const char *example, const char *section, const char *key,
    const struct init_shop *shop)
{
	size_t n_section = strlen(section), n_key = strlen(key);
	bool is_section = false, is_block = false;

	for (const char *const *l = example_lines(example); l != NULL && *l != NULL; l++) {
		if ((*l)[0] != ' ' && (*l)[0] != '\0' && (*l)[0] != '#')
			is_section = strncmp(*l, section, n_section) == 0
			    && (*l)[n_section] == ':';
		if (strncmp(*l, "    ", 4) != 0)
			is_block = is_section && strncmp(*l, "  ", 2) == 0
			    && strncmp(*l + 2, key, n_key) == 0 && (*l)[2 + n_key] == ':';
		if (is_block)
			put_line(out, *l, shop);
	}
}

static struct buf *
add_lines(struct init_step *step, const char *under)
{
	struct init_lines *l = &step->lines[step->n_lines++];

	l->under = under;
	buf_init(&l->text, LINES_BYTES);
	return &l->text;
}

static void
orders(const struct init_shop *shop, struct init_step *step)
{
	struct buf *text;

	step->title = "Orders";
	step->value = "are there as many as usual at this hour? The one question that sees every "
		      "kind of outage";
	text = add_lines(step, "sources");
	put_block(text, shop->platform->example, "sources", "orders", shop);
	/* A webhook comes in by a door of its own. */
	if (strstr(buf_str(text), "type: webhook") != NULL)
		buf_text(add_lines(step, ""), "agent: {ingest: {listen: 127.0.0.1:9765}}\n");
	buf_text(add_lines(step, "probes"), "  - {name: order-rate, plugin: checkout, system: "
	    "storefront, rate: {source: orders, value: value}}\n");
}

static void
stock(const struct init_shop *shop, struct init_step *step)
{
	const struct stock *s = stocks;
	struct buf *text;

	while (strcmp(s->example, shop->platform->example) != 0)
		s++;
	step->title = "Stock";
	step->value = "which articles does the shop sell that nobody has?";
	put_block(add_lines(step, "systems"), s->example, "systems", s->system, shop);
	text = add_lines(step, "sources");
	put_block(text, s->example, "sources", s->compared, shop);
	put_block(text, s->example, "sources", s->reference, shop);
	buf_printf(add_lines(step, "probes"), "  - {name: stock-parity, plugin: inventory, "
	    "interval: 10m, fields: {%s: {reference: %s, compare: {%s: {grace: 15m}}}}}\n",
	    s->field, s->reference, s->compared);
}

void
init_next(const struct init_shop *shop, struct init_step steps[INIT_STEPS])
{
	memset(steps, 0, INIT_STEPS * sizeof(*steps));
	steps[0].title = "Receiver";
	steps[0].value = "who is told? Put your address here; without it nothing reaches anybody";
	buf_text(add_lines(&steps[0], "receivers"),
	    "  oncall: {type: webhook, url: \"https://pager.example/hook\"}\n");
	orders(shop, &steps[1]);
	stock(shop, &steps[2]);
}

void
init_next_free(struct init_step steps[INIT_STEPS])
{
	for (unsigned i = 0; i < INIT_STEPS; i++)
		for (unsigned k = 0; k < steps[i].n_lines; k++)
			buf_free(&steps[i].lines[k].text);
}
