/*
 * map-check.c - see map.h: what nobody watches on the map, and promises that cannot be kept.
 *
 * A flow whose hops may take longer than the flow itself makes a promise that is broken while every
 * hop keeps its own. Its hops are those that it names (`via`), else the way from one end to the
 * other, over other flows, whose limits are the smallest together (Bellman and Ford's search, which
 * ends when a round changes nothing). A hop without a limit adds nothing: what is told is certain.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/map.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/units.h"
#include "lib/xmalloc.h"

#define SENTENCE_MAX 4096

/* One check: when it fails, `of` and a sentence are a finding. */
static void check(struct map *m, bool is_well, struct map_finding of, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
check(struct map *m, bool is_well, struct map_finding of, const char *fmt, ...)
{
	char text[SENTENCE_MAX];
	va_list ap;

	m->n_checks++;
	if (is_well)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	of.text = map_keep(m, text);
	m->findings = map_grow(m->findings, m->n_findings, sizeof(*m->findings));
	m->findings[m->n_findings++] = of;
}

static const char *
from_of(const struct map *m, const struct map_flow *f)
{
	return m->systems[f->from].name;
}

static const char *
to_of(const struct map *m, const struct map_flow *f)
{
	return m->systems[f->to].name;
}

static void
check_system(struct map *m, const struct map_system *s)
{
	check(m, s->n_probes + s->n_sources > 0,
	    (struct map_finding){.kind = "system_not_watched", .system = s->name},
	    "%s: no probe and no source looks at it", s->name);
	check(m, s->owner != NULL,
	    (struct map_finding){.kind = "system_without_owner", .system = s->name},
	    "%s: it has no owner", s->name);
}

static void
check_flow(struct map *m, const struct map_flow *f)
{
	const char *from = from_of(m, f), *to = to_of(m, f);

	check(m, f->n_measures > 0, (struct map_finding){.kind = "flow_not_measured", .flow = f},
	    "%s -> %s: no compare measures it", from, to);
	check(m, f->max_lag_us >= 0, (struct map_finding){.kind = "flow_without_limit", .flow = f},
	    "%s -> %s: it has no max_lag", from, to);
	check(m, f->owner != NULL, (struct map_finding){.kind = "flow_without_owner", .flow = f},
	    "%s -> %s: it has no owner%s", from, to,
	    f->name == NULL ? " (flows: gives it one)" : "");
}

/* ---- budgets ---- */

/* A way through the map: the hops in their order, those that no flow describes left out. */
struct way {
	const struct map_flow **hops;
	size_t n;
};

static const struct map_flow *
flow_between(const struct map *m, size_t from, size_t to)
{
	for (size_t i = 0; i < m->n_flows; i++)
		if (m->flows[i].from == from && m->flows[i].to == to)
			return &m->flows[i];
	return NULL;
}

static void
way_named(const struct map *m, const struct map_flow *f, struct way *way)
{
	size_t at = f->from;

	way->hops = xcalloc(f->n_via + 1, sizeof(*way->hops));
	for (size_t i = 0; i <= f->n_via; i++) {
		size_t next = i < f->n_via ? f->via[i] : f->to;
		const struct map_flow *hop = flow_between(m, at, next);

		if (hop != NULL)
			way->hops[way->n++] = hop;
		at = next;
	}
}

static int64_t
cost_of(const struct map_flow *f)
{
	return f->max_lag_us > 0 ? f->max_lag_us : 0;
}

/* Of each system: what it costs to come there, and by which flow. */
static const struct map_flow **
search(const struct map *m, const struct map_flow *direct)
{
	const struct map_flow **by = xcalloc(m->n_systems + 1, sizeof(*by));
	int64_t *cost = xcalloc(m->n_systems + 1, sizeof(*cost));
	bool is_over = false;

	while (!is_over) {
		is_over = true;
		for (size_t i = 0; i < m->n_flows; i++) {
			const struct map_flow *f = &m->flows[i];
			int64_t c = cost[f->from] + cost_of(f);

			if (f == direct || f->to == direct->from
			    || (f->from != direct->from && by[f->from] == NULL)
			    || (by[f->to] != NULL && cost[f->to] <= c))
				continue;
			by[f->to] = f;
			cost[f->to] = c;
			is_over = false;
		}
	}
	free(cost);
	return by;
}

static void
way_cheapest(const struct map *m, const struct map_flow *f, struct way *way)
{
	const struct map_flow **by = search(m, f), *hop;
	size_t at;

	for (at = f->to; at != f->from && by[at] != NULL; at = by[at]->from)
		way->n++;
	way->hops = xcalloc(way->n + 1, sizeof(*way->hops));
	at = f->to;
	for (size_t i = way->n; i > 0; i--) {
		hop = by[at];
		way->hops[i - 1] = hop;
		at = hop->from;
	}
	free(by);
}

static void
check_budget(struct map *m, const struct map_flow *f)
{
	char limit[32], total[32], one[32];
	struct way way = {0};
	size_t n_limits = 0;
	int64_t sum = 0;
	struct buf hops;

	if (f->n_via > 0)
		way_named(m, f, &way);
	else
		way_cheapest(m, f, &way);
	buf_init(&hops, SENTENCE_MAX / 2);
	for (size_t i = 0; i < way.n; i++) {
		const struct map_flow *hop = way.hops[i];

		sum += cost_of(hop);
		n_limits += hop->max_lag_us >= 0;
		buf_printf(&hops, "%s%s -> %s %s", i > 0 ? ", " : "", from_of(m, hop),
		    to_of(m, hop),
		    hop->max_lag_us >= 0 ? duration_format(hop->max_lag_us, one) : "(no limit)");
	}
	if (n_limits > 0)
		check(m, sum <= f->max_lag_us,
		    (struct map_finding){.kind = "flow_budget_too_small", .flow = f},
		    "%s -> %s: max_lag %s is less than its hops may take, %s (%s)", from_of(m, f),
		    to_of(m, f), duration_format(f->max_lag_us, limit),
		    duration_format(sum, total), buf_str(&hops));
	buf_free(&hops);
	free(way.hops);
}

void
map_check(struct map *m, const bool *is_compared, const struct config *c)
{
	for (size_t i = 0; i < m->n_systems; i++)
		check_system(m, &m->systems[i]);
	for (size_t i = 0; i < m->n_flows; i++)
		check_flow(m, &m->flows[i]);
	for (size_t i = 0; i < m->n_flows; i++)
		if (m->flows[i].has_own_limit && !m->flows[i].is_direct)
			check_budget(m, &m->flows[i]);
	for (size_t i = 0; i < c->n_probes; i++) {
		const char *name = map_keep(m, is_compared[i] ? c->probes[i].name : NULL);

		if (name != NULL)
			check(m, c->probes[i].system != NULL,
			    (struct map_finding){.kind = "source_without_system", .source = name},
			    "%s: it is compared, and does not say of which system it is", name);
	}
}
