/*
 * once-footprint.c - the footprint of a configuration, as `tillwatch check` ends with it: for
 * people, and as JSON.
 *
 *     {"hosts":[{"host","requests_per_day","is_least"}],"orders_per_day","carts_per_day",
 *      "api_calls_per_day","samples_per_month","is_about","bytes_per_month",
 *      "bytes_per_sample","warnings":["shop.yaml:9:5: probes[2]: ..."]}
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/footprint.h"
#include "agent/once.h"
#include "agent/setup.h"
#include "config/config.h"
#include "lib/xmalloc.h"

#define MB 1e6

static void
take_probe(struct footprint_probe *to, const struct setup_probe *p, const struct config_probe *from)
{
	json_t *o = json_loads(p->json, 0, NULL);

	*to = (struct footprint_probe){.name = p->name,
	    .plugin = p->plugin,
	    .system = p->system,
	    .is_source = p->is_source,
	    .interval_ms = p->interval_ms,
	    .options = json_incref(json_object_get(o, "options")),
	    .reads = json_incref(json_object_get(o, "reads")),
	    .n_metrics = from->manifest->plugin.metrics.count};
	json_decref(o);
}

static void
shop_take(struct footprint_shop *shop, const struct setup *s)
{
	const struct config *c = s->config;
	struct footprint_probe *probes = xcalloc(s->n_probes + 1, sizeof(*probes));

	*shop = (struct footprint_shop){.probes = probes,
	    .n_probes = s->n_probes,
	    .has_systems = c->systems.n > 0,
	    .has_marks = c->synthetic.email != NULL || c->synthetic.sku != NULL,
	    .n_receivers = s->n_receivers};
	for (size_t i = 0; i < s->n_probes; i++) {
		take_probe(&probes[i], &s->probes[i], &c->probes[i]);
		shop->has_systems = shop->has_systems || s->probes[i].system[0] != '\0';
	}
}

static void
shop_clear(struct footprint_shop *shop)
{
	for (size_t i = 0; i < shop->n_probes; i++) {
		json_decref((json_t *)(uintptr_t)shop->probes[i].options);
		json_decref((json_t *)(uintptr_t)shop->probes[i].reads);
	}
	free((void *)(uintptr_t)shop->probes);
}

/* "shop.yaml:14:7: probes[2].journey.max_orders_per_day: is 288 ..." */
static char *
warning_text(const struct setup *s, const struct footprint_warning *w)
{
	char place[512] = "";

	setup_place(s, w->probe, w->option, place, sizeof(place));
	return xasprintf("%s%s%s: %s", place, w->option[0] != '\0' ? "/" : "", w->option, w->text);
}

/* ---- for people ---- */

static void
print_requests(const struct footprint *f)
{
	int wide = 0;

	for (size_t i = 0; i < f->n_hosts; i++)
		wide = (int)fmax(wide, (double)strlen(f->hosts[i].name));
	for (size_t i = 0; i < f->n_hosts; i++)
		printf("  %-9s%-*s  %9.0f a day%s\n", i == 0 ? "requests" : "", wide,
		    f->hosts[i].name, f->hosts[i].requests,
		    f->hosts[i].is_least ? ", at least" : "");
	if (f->hosts_left_out > 0)
		printf("  %-9s%-*s  %9.0f a day\n", "", wide, "other hosts", f->hosts_left_out);
}

static void
print_footprint(const struct footprint *f, double samples, double bytes)
{
	puts("footprint, while nothing fails:");
	print_requests(f);
	if (f->orders > 0 || f->carts > 0)
		printf("  orders   %.0f a day, carts %.0f\n", f->orders, f->carts);
	if (f->api_calls > 0)
		printf("  API      %.0f calls a day; the points they cost are in their answers "
		       "(api_quota_*, http_json_quota_*)\n",
		    f->api_calls);
	printf("  store    %s%.1f million samples a month, %.0f MB (%.1f bytes a sample; "
	       "histograms; run records)\n",
	    f->is_about ? "about " : "", samples / 1e6, ceil(bytes / MB), FOOTPRINT_SAMPLE_BYTES);
}

/* ---- as JSON ---- */

static json_t *
footprint_json(const struct footprint *f, double samples, double bytes)
{
	json_t *hosts = json_array();

	for (size_t i = 0; i < f->n_hosts; i++)
		json_array_append_new(hosts,
		    json_pack("{s:s, s:f, s:b}", "host", f->hosts[i].name, "requests_per_day",
			f->hosts[i].requests, "is_least", f->hosts[i].is_least));
	return json_pack("{s:o, s:f, s:f, s:f, s:f, s:b, s:f, s:f, s:[]}", "hosts", hosts,
	    "orders_per_day", f->orders, "carts_per_day", f->carts, "api_calls_per_day",
	    f->api_calls, "samples_per_month", samples, "is_about", f->is_about, "bytes_per_month",
	    bytes, "bytes_per_sample", FOOTPRINT_SAMPLE_BYTES, "warnings");
}

json_t *
once_footprint(const struct setup *s, bool is_printed)
{
	struct footprint *f = xcalloc(1, sizeof(*f));
	struct footprint_shop shop;
	double samples, bytes;
	json_t *o;

	shop_take(&shop, s);
	once_asked(s->socket_path, (struct footprint_probe *)(uintptr_t)shop.probes, shop.n_probes);
	footprint_count(f, &shop);
	samples = footprint_samples_month(f);
	bytes = footprint_bytes_month(f, &shop);
	o = footprint_json(f, samples, bytes);
	if (is_printed)
		print_footprint(f, samples, bytes);
	for (size_t i = 0; i < f->n_warnings; i++) {
		char *text = warning_text(s, &f->warnings[i]);

		if (is_printed)
			printf("warning: %s\n", text);
		json_array_append_new(json_object_get(o, "warnings"), json_string(text));
		free(text);
	}
	shop_clear(&shop);
	free(f);
	return o;
}
