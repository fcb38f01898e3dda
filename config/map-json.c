/*
 * map-json.c - the map as JSON. Its shape is described in docs/API.md; others read it, so members
 * are added and never change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/map.h"
#include "lib/json.h"

static void
text(struct buf *b, const char *v)
{
	if (v != NULL)
		json_text(b, v);
	else
		buf_text(b, "null");
}

static void
member(struct buf *b, const char *name, const char *v)
{
	buf_printf(b, ",\"%s\":", name);
	text(b, v);
}

static void
names(struct buf *b, const char *name, const char *const *list, size_t n)
{
	buf_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		buf_text(b, i > 0 ? "," : "");
		json_text(b, list[i]);
	}
	buf_char(b, ']');
}

static void
write_system(struct buf *b, const struct map_system *s, const char *verdict)
{
	buf_text(b, "{\"name\":");
	json_text(b, s->name);
	member(b, "title", s->title);
	member(b, "owner", s->owner);
	member(b, "runbook", s->runbook);
	names(b, "probes", s->probes, s->n_probes);
	names(b, "sources", s->sources, s->n_sources);
	member(b, "verdict", verdict);
	buf_char(b, '}');
}

static void
write_ends(struct buf *b, const struct map *m, const struct map_flow *f)
{
	buf_text(b, "\"from\":");
	json_text(b, m->systems[f->from].name);
	member(b, "to", m->systems[f->to].name);
}

static void
write_flow(struct buf *b, const struct map *m, const struct map_flow *f)
{
	buf_char(b, '{');
	write_ends(b, m, f);
	member(b, "name", f->name);
	member(b, "title", f->title);
	buf_printf(b, ",\"declared\":%s", f->name != NULL ? "true" : "false");
	member(b, "owner", f->owner);
	buf_text(b, ",\"max_lag_s\":");
	if (f->max_lag_us >= 0)
		json_number(b, (double)f->max_lag_us / 1e6);
	else
		buf_text(b, "null");
	buf_text(b, ",\"via\":[");
	for (size_t i = 0; i < f->n_via; i++) {
		buf_text(b, i > 0 ? "," : "");
		json_text(b, m->systems[f->via[i]].name);
	}
	buf_text(b, "],\"measured_by\":[");
	for (size_t i = 0; i < f->n_measures; i++) {
		buf_text(b, i > 0 ? ",{\"probe\":" : "{\"probe\":");
		json_text(b, f->measures[i].probe);
		member(b, "source", f->measures[i].source);
		member(b, "field", f->measures[i].field);
		buf_char(b, '}');
	}
	buf_text(b, "]}");
}

static void
write_finding(struct buf *b, const struct map *m, const struct map_finding *f)
{
	buf_text(b, "{\"kind\":");
	json_text(b, f->kind);
	if (f->system != NULL)
		member(b, "system", f->system);
	if (f->source != NULL)
		member(b, "source", f->source);
	if (f->flow != NULL) {
		buf_char(b, ',');
		write_ends(b, m, f->flow);
	}
	member(b, "text", f->text);
	buf_char(b, '}');
}

static void
write_coverage(struct buf *b, const struct map *m)
{
	size_t passed = m->n_checks - m->n_findings;

	buf_text(b, "\"coverage\":{\"share\":");
	if (m->n_checks > 0)
		json_number(b, (double)passed / (double)m->n_checks);
	else
		buf_text(b, "null");
	buf_printf(b, ",\"checks\":%zu,\"passed\":%zu,\"findings\":[", m->n_checks, passed);
	for (size_t i = 0; i < m->n_findings; i++) {
		buf_text(b, i > 0 ? "," : "");
		write_finding(b, m, &m->findings[i]);
	}
	buf_text(b, "]}");
}

void
map_write(const struct map *m, const char *(*verdict)(void *arg, size_t i), void *arg,
    struct buf *b)
{
	buf_text(b, "\"systems\":[");
	for (size_t i = 0; i < m->n_systems; i++) {
		buf_text(b, i > 0 ? "," : "");
		write_system(b, &m->systems[i], verdict != NULL ? verdict(arg, i) : NULL);
	}
	buf_text(b, "],\"flows\":[");
	for (size_t i = 0; i < m->n_flows; i++) {
		buf_text(b, i > 0 ? "," : "");
		write_flow(b, m, &m->flows[i]);
	}
	buf_text(b, "],");
	write_coverage(b, m);
}
