/*
 * map.c - see map.h: from a configuration to systems and flows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/map.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

struct build {
	struct map *m;
	const struct config *c;
	bool *is_compared;              /* is the configuration's probes[i] a compared source? */
	const char *probe;              /* whose options are walked, in the map's heap */
};

/* Sources that one option names, with what each may take. */
struct ends {
	struct { const char *source; int64_t limit_us; } *items;
	size_t n;
};

const char *
map_keep(struct map *m, const char *text)
{
	char *copy = text != NULL ? heap_text(&m->heap, text, strlen(text)) : NULL;

	if (text != NULL && copy == NULL)
		abort();
	return copy;
}

void *
map_grow(void *items, size_t n, size_t size)
{
	return (n & (n - 1)) == 0 ? xrealloc(items, n > 0 ? n * 2 : 1, size) : items;
}

/* ---- systems ---- */

static const struct config_probe *
find_source(const struct config *c, const char *name)
{
	for (size_t i = 0; name != NULL && i < c->n_probes; i++)
		if (c->probes[i].is_source && strcmp(c->probes[i].name, name) == 0)
			return &c->probes[i];
	return NULL;
}

const char *
map_system_of(const struct config *c, const struct config_probe *p)
{
	const struct config_probe *source = NULL;

	if (p->system == NULL)
		source = find_source(c, json_string_value(json_array_get(p->reads, 0)));
	return source != NULL ? source->system : p->system;
}

static size_t
find_system(const struct map *m, const char *name)
{
	size_t i = 0;

	while (i < m->n_systems && strcmp(m->systems[i].name, name) != 0)
		i++;
	return i;
}

static size_t
add_system(struct map *m, const char *name)
{
	size_t i = find_system(m, name);

	if (i < m->n_systems)
		return i;
	m->systems = map_grow(m->systems, m->n_systems, sizeof(*m->systems));
	m->systems[m->n_systems++] = (struct map_system){.name = map_keep(m, name)};
	return i;
}

static void
add_declared_systems(struct map *m, const struct config *c)
{
	const struct config_system *s = c->systems.items;

	for (uint32_t i = 0; i < c->systems.n; i++) {
		size_t at = add_system(m, s[i].name);
		struct map_system *to = &m->systems[at];

		to->title = map_keep(m, s[i].title);
		to->owner = map_keep(m, s[i].owner);
		to->runbook = map_keep(m, s[i].runbook);
	}
}

static void
place_probe(struct map *m, const struct config *c, const struct config_probe *p)
{
	const char *name = map_system_of(c, p);
	struct map_system *s;
	size_t at;

	if (name == NULL)
		return;
	at = add_system(m, name);
	s = &m->systems[at];
	if (p->is_source) {
		s->sources = map_grow(s->sources, s->n_sources, sizeof(*s->sources));
		s->sources[s->n_sources++] = map_keep(m, p->name);
	} else {
		s->probes = map_grow(s->probes, s->n_probes, sizeof(*s->probes));
		s->probes[s->n_probes++] = map_keep(m, p->name);
	}
}

/* ---- flows ---- */

static struct map_flow *
add_flow(struct map *m, size_t from, size_t to)
{
	for (size_t i = 0; i < m->n_flows; i++)
		if (m->flows[i].from == from && m->flows[i].to == to)
			return &m->flows[i];
	m->flows = map_grow(m->flows, m->n_flows, sizeof(*m->flows));
	m->flows[m->n_flows] = (struct map_flow){.from = from, .to = to, .max_lag_us = -1};
	return &m->flows[m->n_flows++];
}

static void
add_declared_flows(struct map *m, const struct config *c)
{
	const struct config_flow *f = c->flows.items;

	for (uint32_t i = 0; i < c->flows.n; i++) {
		const char *const *via = f[i].via.items;
		size_t from = add_system(m, f[i].from), to = add_system(m, f[i].to);
		struct map_flow *flow = add_flow(m, from, to);

		flow->name = map_keep(m, f[i].name);
		flow->title = map_keep(m, f[i].title);
		flow->owner = map_keep(m, f[i].owner);
		flow->is_direct = f[i].is_direct;
		flow->has_own_limit = f[i].max_lag > 0;
		if (flow->has_own_limit)
			flow->max_lag_us = f[i].max_lag;
		flow->via = xcalloc(f[i].via.n + 1, sizeof(*flow->via));
		for (uint32_t k = 0; k < f[i].via.n; k++)
			flow->via[flow->n_via++] = add_system(m, via[k]);
	}
}

/* The compare of `to` with `from` measures the flow between their systems. Sources of one system
 * make none. */
static void
measure(struct build *b, const char *from, const char *to, int64_t limit_us, const char *field)
{
	const struct config_probe *p = find_source(b->c, from), *q = find_source(b->c, to);
	struct map *m = b->m;
	struct map_flow *f;

	if (p == NULL || q == NULL)
		return;
	b->is_compared[p - b->c->probes] = b->is_compared[q - b->c->probes] = true;
	if (p->system == NULL || q->system == NULL || strcmp(p->system, q->system) == 0)
		return;
	f = add_flow(m, add_system(m, p->system), add_system(m, q->system));
	f->measures = map_grow(f->measures, f->n_measures, sizeof(*f->measures));
	f->measures[f->n_measures++] =
	    (struct map_measure){b->probe, map_keep(m, q->name), map_keep(m, field)};
	if (!f->has_own_limit && limit_us >= 0 && (f->max_lag_us < 0 || limit_us < f->max_lag_us))
		f->max_lag_us = limit_us;
}

/* ---- what options say ---- */

static int64_t
limit_of(const struct tw_table *rows, const json_t *values)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		struct tw_option o = option_row(rows, i);
		const json_t *v = json_object_get(values, o.name);

		if ((o.flags & TW_FLOW_LIMIT) != 0 && json_is_integer(v))
			return json_integer_value(v);
	}
	return -1;
}

static void
add_end(struct ends *e, const char *source, int64_t limit_us)
{
	if (source == NULL)
		return;
	e->items = map_grow(e->items, e->n, sizeof(*e->items));
	e->items[e->n].source = source;
	e->items[e->n++].limit_us = limit_us;
}

/* The sources that an option names: a text, a list of them, or the names of maps. */
static void
add_ends(struct ends *e, const struct tw_option *o, const json_t *v)
{
	const json_t *item;
	size_t i;

	if (json_is_string(v))
		add_end(e, json_string_value(v), -1);
	json_array_foreach(v, i, item)
		if (o->type == TW_NAMED)
			add_end(e, json_string_value(json_array_get(item, 0)),
			    limit_of(&o->nested, json_array_get(item, 1)));
		else
			add_end(e, json_string_value(item), -1);
}

/* Without a source that is right the first of them is; to itself nothing flows. */
static void
measure_all(struct build *b, const struct ends *from, const struct ends *to, const char *field)
{
	const struct ends *known = from->n > 0 ? from : to;
	size_t n = from->n > 0 ? from->n : to->n > 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < to->n; k++)
			measure(b, known->items[i].source, to->items[k].source,
			    to->items[k].limit_us, field);
}

static void walk(struct build *b, const struct tw_table *rows, const json_t *values,
    const char *field);

static void
descend(struct build *b, const struct tw_option *o, const json_t *v, const char *field)
{
	const json_t *item;
	size_t i;

	if (o->type == TW_MAP)
		walk(b, &o->nested, v, field);
	else if (o->type == TW_MAPS)
		json_array_foreach(v, i, item)
			walk(b, &o->nested, item, field);
	else if (o->type == TW_NAMED)
		json_array_foreach(v, i, item)
			walk(b, &o->nested, json_array_get(item, 1),
			    json_string_value(json_array_get(item, 0)));
}

/* field: the name of the innermost named map around, NULL at the top. As deep as a manifest is. */
static void
walk(struct build *b, const struct tw_table *rows, const json_t *values, const char *field)
{
	struct ends from = {0}, to = {0};

	for (uint32_t i = 0; i < rows->count; i++) {
		struct tw_option o = option_row(rows, i);
		const json_t *v = json_object_get(values, o.name);

		if (v == NULL)
			continue;
		if ((o.flags & TW_FLOW_FROM) != 0)
			add_ends(&from, &o, v);
		if ((o.flags & TW_FLOW_TO) != 0)
			add_ends(&to, &o, v);
		descend(b, &o, v, field);
	}
	measure_all(b, &from, &to, field);
	free(from.items);
	free(to.items);
}

struct map *
map_new(const struct config *c)
{
	struct map *m = xcalloc(1, sizeof(*m));
	struct build b = {.m = m, .c = c, .is_compared = xcalloc(c->n_probes + 1, sizeof(bool))};

	m->refs = 1;
	add_declared_systems(m, c);
	for (size_t i = 0; i < c->n_probes; i++)
		place_probe(m, c, &c->probes[i]);
	add_declared_flows(m, c);
	for (size_t i = 0; i < c->n_probes; i++) {
		const struct config_probe *p = &c->probes[i];

		if (p->manifest == NULL || json_array_size(p->reads) == 0)
			continue;
		b.probe = map_keep(m, p->name);
		walk(&b, &p->manifest->plugin.options, p->options, NULL);
	}
	map_check(m, b.is_compared, c);
	free(b.is_compared);
	return m;
}

struct map *
map_ref(struct map *m)
{
	m->refs++;
	return m;
}

void
map_free(struct map *m)
{
	if (m == NULL || --m->refs > 0)
		return;
	for (size_t i = 0; i < m->n_systems; i++) {
		free(m->systems[i].probes);
		free(m->systems[i].sources);
	}
	for (size_t i = 0; i < m->n_flows; i++) {
		free(m->flows[i].via);
		free(m->flows[i].measures);
	}
	free(m->systems);
	free(m->flows);
	free(m->findings);
	heap_free(&m->heap);
	free(m);
}
