/*
 * footprint.c - see footprint.h: adding up, and what a configuration says against itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/footprint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

#define DAY_MS 86400000.0
#define REPUBLISH_MS 60000 /* of ingest: rarer values are written again */
#define OWN_SERIES 9       /* tillwatch_probe_*: of every probe */
#define AGENT_SERIES 20    /* tillwatch_*, each 10 s */
#define HOST_SERIES 8      /* tillwatch_plugin_* */
#define RECEIVER_SERIES 3
#define AGENT_STEPS (86400 / 10)
#define HOURS 24

double
footprint_runs(const struct footprint_probe *p)
{
	return DAY_MS / (double)p->interval_ms;
}

void
footprint_ask(struct footprint *f, const char *url, double requests, bool is_least)
{
	const char *from = url != NULL ? strstr(url, "://") : NULL, *end;
	char name[128];
	size_t i = 0;

	if (from == NULL || requests <= 0)
		return;
	from += 3;
	end = from + strcspn(from, "/?#");
	for (const char *p = from; p < end; p++)
		if (*p == '@')
			from = p + 1;
	snprintf(name, sizeof(name), "%.*s", (int)(end - from), from);
	while (i < f->n_hosts && strcmp(f->hosts[i].name, name) != 0)
		i++;
	if (i == FOOTPRINT_HOSTS_MAX) {
		f->hosts_left_out += requests;
		return;
	}
	if (i == f->n_hosts)
		snprintf(f->hosts[f->n_hosts++].name, sizeof(name), "%s", name);
	f->hosts[i].requests += requests;
	f->hosts[i].is_least = f->hosts[i].is_least || is_least;
}

void
footprint_warn(
    struct footprint *f, const struct footprint_probe *p, const char *option, const char *fmt, ...)
{
	struct footprint_warning *w = &f->warnings[f->n_warnings];
	va_list ap;

	if (f->n_warnings == FOOTPRINT_WARNINGS_MAX)
		return;
	f->n_warnings++;
	w->probe = p->name;
	w->option = option;
	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

/* ---- what contradicts ---- */

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

/* Has a list of [name, value] pairs one of that name? */
static bool
has_pair(const json_t *pairs, const char *name)
{
	const json_t *pair;
	size_t i;

	json_array_foreach(pairs, i, pair)
		if (strcmp(json_string_value(json_array_get(pair, 0)), name) == 0)
			return true;
	return false;
}

/* Would a record of our own order be known as ours? As docs/SYNTHETIC.md has it. */
static bool
sees_marks(const struct footprint_probe *source, bool has_marks)
{
	const json_t *fields = json_object_get(source->options, "fields");
	const char *format = text_of(source->options, "format"),
		   *query = text_of(source->options, "query");

	if (strcmp(source->plugin, "access_log") == 0)
		return strcmp(format, "combined") == 0 || strstr(format, "ser_agent") != NULL
		       || strstr(format, "ser-") != NULL || strstr(format, "ynthetic") != NULL
		       || has_pair(fields, "synthetic") || has_pair(fields, "user_agent");
	if (strcmp(source->plugin, "sql") == 0)
		return has_marks
		       && (strstr(query, "email") != NULL || strstr(query, "sku") != NULL
			   || strchr(query, '*') != NULL);
	if (strcmp(source->plugin, "webhook") == 0)
		return has_marks && (has_pair(fields, "email") || has_pair(fields, "sku"));
	return false;
}

/* Customers are counted in what checkout reads; the API's requests, in what api does. */
static bool
counts_customers(const struct footprint_probe *p)
{
	return strcmp(p->plugin, "checkout") == 0 || strcmp(p->plugin, "api") == 0;
}

static const struct footprint_probe *
reader_of(const struct footprint_shop *shop, const struct footprint_probe *source)
{
	for (size_t i = 0; i < shop->n_probes; i++) {
		const struct footprint_probe *p = &shop->probes[i];
		const json_t *name;
		size_t k;

		if (!counts_customers(p))
			continue;
		json_array_foreach(p->reads, k, name)
			if (strcmp(json_string_value(name), source->name) == 0)
				return p;
	}
	return NULL;
}

static void
warn_blind_sources(struct footprint *f, const struct footprint_shop *shop)
{
	const struct footprint_probe *journey = NULL, *reader;

	for (size_t i = 0; i < shop->n_probes && journey == NULL; i++)
		if (footprint_may_order(&shop->probes[i]))
			journey = &shop->probes[i];
	for (size_t i = 0; i < shop->n_probes && journey != NULL; i++) {
		const struct footprint_probe *s = &shop->probes[i];

		if (s->is_source && !sees_marks(s, shop->has_marks)
		    && (reader = reader_of(shop, s)) != NULL)
			footprint_warn(f, s, "",
			    "%s places orders and this source cannot tell them from customers', so "
			    "%s counts them (docs/SYNTHETIC.md says what to add)",
			    journey->name, reader->name);
	}
}

static void
warn_systems(struct footprint *f, const struct footprint_shop *shop)
{
	for (size_t i = 0; i < shop->n_probes && shop->has_systems; i++)
		if (shop->probes[i].system[0] == '\0')
			footprint_warn(f, &shop->probes[i], "",
			    "touches no system: it is not on the map, and no broken "
			    "system is named as its cause");
}

/* ---- hosts ---- */

static size_t
root_of(size_t *of, size_t i)
{
	while (of[i] != i)
		i = of[i] = of[of[i]];
	return i;
}

static bool
is_alone(const struct footprint_probe *p)
{
	return !p->is_source && json_array_size(p->reads) == 0;
}

static void
join(const struct footprint_shop *shop, size_t *of, size_t i)
{
	const struct footprint_probe *p = &shop->probes[i];
	const json_t *name;
	size_t r;

	for (size_t k = 0; k < i && is_alone(p); k++)
		if (is_alone(&shop->probes[k]) && strcmp(shop->probes[k].plugin, p->plugin) == 0) {
			of[i] = k;
			return;
		}
	json_array_foreach(p->reads, r, name)
		for (size_t k = 0; k < shop->n_probes; k++)
			if (shop->probes[k].is_source
			    && strcmp(shop->probes[k].name, json_string_value(name)) == 0)
				of[root_of(of, i)] = root_of(of, k);
}

/* Probes of a plugin share one; a source and all that read it share one. */
static double
hosts_of(const struct footprint_shop *shop)
{
	size_t *of = xcalloc(shop->n_probes + 1, sizeof(*of));
	double n = 0;

	for (size_t i = 0; i < shop->n_probes; i++)
		of[i] = i;
	for (size_t i = 0; i < shop->n_probes; i++)
		join(shop, of, i);
	for (size_t i = 0; i < shop->n_probes; i++)
		n += of[i] == i;
	free(of);
	return n;
}

/* ---- all ---- */

/* What is rarer than a minute is written each minute all the same. */
static double
samples_of(struct footprint *f, const struct footprint_probe *p)
{
	double times = p->interval_ms > REPUBLISH_MS ? DAY_MS / REPUBLISH_MS : footprint_runs(p);

	return (footprint_series(f, p) + OWN_SERIES) * times;
}

void
footprint_count(struct footprint *f, const struct footprint_shop *shop)
{
	memset(f, 0, sizeof(*f));
	f->samples = (AGENT_SERIES + HOST_SERIES * hosts_of(shop)
			 + RECEIVER_SERIES * (double)shop->n_receivers)
		     * AGENT_STEPS;
	for (size_t i = 0; i < shop->n_probes; i++) {
		f->samples += samples_of(f, &shop->probes[i]);
		footprint_requests(f, &shop->probes[i]);
	}
	warn_blind_sources(f, shop);
	warn_systems(f, shop);
}

double
footprint_samples_month(const struct footprint *f)
{
	return f->samples * FOOTPRINT_MONTH_DAYS;
}

double
footprint_bytes_month(const struct footprint *f, const struct footprint_shop *shop)
{
	double records = 0;

	for (size_t i = 0; i < shop->n_probes; i++) {
		double runs = footprint_runs(&shop->probes[i]);

		records += (runs < HOURS ? runs : HOURS) * FOOTPRINT_MONTH_DAYS;
	}
	return footprint_samples_month(f) * FOOTPRINT_SAMPLE_BYTES + records * FOOTPRINT_RUN_BYTES
	       + f->histograms * FOOTPRINT_MONTH_DAYS * FOOTPRINT_HISTOGRAM_BYTES;
}
