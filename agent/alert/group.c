/*
 * group.c - which alerts are told together: one group for each route and each value of its group_by
 * labels.
 *
 * A group lives as long as it has members, or as its receiver believes that one of its alerts
 * fires. Members come when they fire and go when they are forgotten.
 *
 * Called with the engine's lock held; nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/alert/internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xmalloc.h"

#define ROUTES_PER_ALERT 64

struct grp *
group_get(struct alert_engine *e, const char *receiver, const char *key, bool make)
{
	char *id = xasprintf("%s\x1f%s", receiver, key);
	struct grp *g;

	HASH_FIND_STR(e->groups, id, g);
	if (g != NULL || !make) {
		free(id);
		return g;
	}
	g = xcalloc(1, sizeof(*g));
	g->receiver = xstrdup(receiver);
	g->key = xstrdup(key);
	g->route = SIZE_MAX;
	g->id = id;
	HASH_ADD_KEYPTR(hh, e->groups, g->id, strlen(g->id), g);
	return g;
}

void
group_free(struct alert_engine *e, struct grp *g)
{
	HASH_DEL(e->groups, g);
	for (size_t i = 0; i < g->n; i++) {
		struct inst *m = g->members[i];

		for (size_t k = 0; k < m->n_groups; k++)
			if (m->groups[k] == g)
				m->groups[k--] = m->groups[--m->n_groups];
	}
	labels_unref(g->labels);
	free(g->receiver);
	free(g->key);
	free(g->id);
	free(g->members);
	free(g->told);
	free(g->told_next);
	free(g);
}

bool
group_told(const struct grp *g, uint64_t fp)
{
	for (size_t i = 0; i < g->n_told; i++)
		if (g->told[i].fp == fp)
			return true;
	return false;
}

/* The labels by which an alert is grouped on a route. */
static struct labels *
group_labels(const struct rt *route, const struct labels *l)
{
	struct labels *out = NULL;

	if (route->group_all)
		return labels_ref(l);
	if (labels_pick(
		&out, l, (const char *const *)(void *)route->group_by, route->n_group_by, true)
	    != 0)
		return NULL;
	return out;
}

/* Alertmanager's group key: the route's key, a colon, {a="x", b="y"}. */
static char *
group_key(const struct rt *route, const struct labels *l)
{
	struct buf b;
	char *key;

	buf_init(&b, 64 * 1024);
	buf_printf(&b, "%s:{", route->key);
	for (size_t i = 0; l != NULL && i < l->n; i++) {
		buf_printf(&b, "%s%s=\"", i > 0 ? ", " : "", l->at[i].name);
		for (const char *p = l->at[i].value; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				buf_char(&b, '\\');
			buf_char(&b, *p == '\n' ? ' ' : *p);
		}
		buf_char(&b, '"');
	}
	buf_char(&b, '}');
	key = xstrdup(buf_str(&b));
	buf_free(&b);
	return key;
}

static void
add_member(struct grp *g, struct inst *i)
{
	for (size_t k = 0; k < i->n_groups; k++)
		if (i->groups[k] == g)
			return;
	if (g->n == g->cap) {
		g->cap = g->cap > 0 ? g->cap * 2 : 4;
		g->members = xrealloc(g->members, g->cap, sizeof(*g->members));
	}
	g->members[g->n++] = i;
	i->groups = xrealloc(i->groups, i->n_groups + 1, sizeof(*i->groups));
	i->groups[i->n_groups++] = g;
}

void
group_join(struct alert_engine *e, struct inst *i, int64_t now_ms)
{
	size_t routes[ROUTES_PER_ALERT];
	size_t n = routing_match(e->routing, i->labels, routes, ROUTES_PER_ALERT);

	for (size_t k = 0; k < n; k++) {
		const struct rt *route = &e->routing->routes[routes[k]];
		struct labels *l = group_labels(route, i->labels);
		char *key = group_key(route, l);
		struct grp *g = group_get(e, route->receiver, key, true);

		if (g->first_ms == 0) {
			g->first_ms = now_ms;
			g->due_ms = now_ms + route->wait_ms;
			g->dirty = true;
		}
		g->route = routes[k];
		g->gone = false;
		labels_unref(g->labels);
		g->labels = l;
		add_member(g, i);
		free(key);
	}
}

void
group_leave(struct inst *i)
{
	for (size_t k = 0; k < i->n_groups; k++) {
		struct grp *g = i->groups[k];

		for (size_t m = 0; m < g->n; m++)
			if (g->members[m] == i)
				g->members[m--] = g->members[--g->n];
	}
	i->n_groups = 0;
}

/* A route's receiver may have changed: then the end of what the old one was told is still owed to
 * it. */
static void
keep_owed(struct alert_engine *e, struct inst *i)
{
	struct grp *g, *next;

	HASH_ITER(hh, e->groups, g, next)
	if (group_told(g, i->fp))
		add_member(g, i);
}

void
groups_rebuild(struct alert_engine *e, int64_t now_ms)
{
	struct rule_alerts *a, *after;
	struct inst *i, *next;
	struct grp *g, *other;

	HASH_ITER(hh, e->groups, g, other)
	g->route = SIZE_MAX;
	HASH_ITER(hh, e->by_rule, a, after)
	HASH_ITER(hh, a->by_fp, i, next)
	{
		group_leave(i);
		keep_owed(e, i);
		if (i->phase == ALERT_FIRING)
			group_join(e, i, now_ms);
	}
}
