/*
 * fuzz-init.c - the bytes of a shop's page, as `init` reads them: links, the search form, texts,
 * and what is written of them. Whatever comes, an address is whole, plain and of the shop, and the
 * file is YAML with one probe a page whose text is read back as it was.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/init.h"
#include "config/yaml.h"
#include "lib/xmalloc.h"

#define HOME "https://shop.example/a/"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static void
look_at_address(const char *url)
{
	must(init_same_site(url, HOME) && strlen(url) < INIT_URL);
	must(strpbrk(url, " \"\\{}") == NULL);
	(void)init_kind(url);
}

static void
look_at_links(const char *page, size_t len)
{
	struct init_links l = {0};
	const char *out[INIT_CANDIDATES];
	char url[INIT_URL];

	init_links_read(&l, HOME, page, len);
	for (size_t i = 0; i < l.n; i++)
		look_at_address(l.url[i]);
	must(init_candidates(&l, out) <= INIT_CANDIDATES);
	(void)init_category(&l, HOME);
	if (init_search_form(url, HOME, page, len, "lamp"))
		look_at_address(url);
	init_links_free(&l);
}

static void
look_at_file(const char *page, size_t len)
{
	struct init_shop *s = xcalloc(1, sizeof(*s));
	const struct yaml_node *probes, *asserts;
	struct yaml_doc *doc = NULL;
	struct yaml_error err;
	struct buf out;

	buf_init(&out, 1 << 20);
	buf_init(&s->notes, 4096);
	s->platform = init_platform_find("unknown");
	s->certificate_days = NAN;
	init_propose(&s->targets);
	s->pages[PAGE_HOME].is_there = true;
	init_text(s->pages[PAGE_HOME].text, NULL, page, len);
	snprintf(s->pages[PAGE_HOME].why, INIT_WHY, "%.*s", (int)(len < 200 ? len : 200), page);
	snprintf(s->pages[PAGE_HOME].url, INIT_URL, HOME);
	init_write(s, &out);
	must(yaml_read(&doc, "made", buf_str(&out), out.len, &err) == 0);
	probes = yaml_get(yaml_root(doc), "probes");
	must(probes != NULL && probes->n == 1);
	asserts = yaml_get(probes->items[0], "assert");
	must(asserts != NULL && asserts->n == (s->pages[PAGE_HOME].text[0] != '\0' ? 2 : 1));
	if (asserts->n == 2)
		must(strcmp(yaml_get(yaml_get(asserts->items[1], "body"), "contains")->text,
		    s->pages[PAGE_HOME].text) == 0);
	yaml_free(doc);
	buf_free(&out);
	buf_free(&s->notes);
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	look_at_links((const char *)data, size);
	look_at_file((const char *)data, size);
	return 0;
}
