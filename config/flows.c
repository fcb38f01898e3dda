/*
 * flows.c - see flows.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/flows.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES 160
#define WORDS_MAX 256

bool
flows_check_system(const struct config *c, const char *name, const struct yaml_place *place,
    const char *path, struct errors *errors)
{
	const struct config_system *s = c->systems.items;
	const char *names[WORDS_MAX];
	char hint[96];
	size_t n = 0;

	for (uint32_t i = 0; i < c->systems.n; i++) {
		if (strcmp(s[i].name, name) == 0)
			return true;
		if (n < WORDS_MAX)
			names[n++] = s[i].name;
	}
	errors_add(errors, place, path, "no system is called \"%s\"%s", name,
	    c->systems.n == 0 ? " (systems: names them)" : did_you_mean(name, names, n, hint));
	return false;
}

/* The place of an item of a list, or of the one text that stands for it. */
static const struct yaml_place *
item_place(const struct yaml_node *list, size_t i)
{
	return list->kind == YAML_LIST && i < list->n ? &list->items[i]->place : &list->place;
}

static void
check_via(const struct config *c, const struct config_flow *f, const struct yaml_node *list,
    const char *path, struct errors *errors)
{
	const char *const *via = f->via.items;
	char full[PATH_BYTES];

	if (f->via.n > FLOW_VIA_MAX) {
		errors_add(errors, &list->place, path, "more than %d systems", FLOW_VIA_MAX);
		return;
	}
	for (uint32_t i = 0; i < f->via.n; i++) {
		bool is_twice = strcmp(via[i], f->from) == 0 || strcmp(via[i], f->to) == 0;

		snprintf(full, sizeof(full), "%.140s[%u]", path, i);
		for (uint32_t k = 0; k < i; k++)
			is_twice |= strcmp(via[i], via[k]) == 0;
		if (is_twice)
			errors_add(errors, item_place(list, i), full,
			    "it comes through \"%s\" already", via[i]);
		else
			flows_check_system(c, via[i], item_place(list, i), full, errors);
	}
}

static bool
check_end(const struct config *c, const char *system, const struct yaml_node *map,
    const char *name, const char *path, struct errors *errors)
{
	const struct yaml_node *value = yaml_get(map, name);
	char full[PATH_BYTES];

	snprintf(full, sizeof(full), "%.140s.%s", path, name);
	return flows_check_system(
	    c, system, value != NULL ? &value->place : &map->place, full, errors);
}

static void
check_one(const struct config *c, struct config_flow *f, const struct yaml_node *map,
    struct errors *errors)
{
	const struct yaml_node *via = yaml_get(map, "via");
	const struct config_flow *all = c->flows.items;
	char path[PATH_BYTES];
	bool is_known;

	snprintf(path, sizeof(path), "flows.%.80s", f->name);
	is_known = check_end(c, f->from, map, "from", path, errors);
	is_known &= check_end(c, f->to, map, "to", path, errors);
	if (!is_known)
		return;
	if (strcmp(f->from, f->to) == 0)
		errors_add(errors, &yaml_get(map, "to")->place, path,
		    "it flows from \"%s\" to itself", f->from);
	for (const struct config_flow *g = all; g < f; g++)
		if (g->from != NULL && g->to != NULL && strcmp(g->from, f->from) == 0
		    && strcmp(g->to, f->to) == 0)
			errors_add(errors, &map->place, path,
			    "flows.%s goes from \"%s\" to \"%s\" already", g->name, f->from, f->to);
	f->is_direct = via != NULL && f->via.n == 0;
	if (via != NULL) {
		snprintf(path, sizeof(path), "flows.%.80s.via", f->name);
		check_via(c, f, via, path, errors);
	}
}

void
flows_check(struct config *c, const struct yaml_node *node, struct errors *errors)
{
	struct config_flow *f = c->flows.items;

	if (node == NULL || node->kind != YAML_MAP)
		return;
	if (c->flows.n > FLOWS_MAX) {
		errors_add(errors, &node->place, "flows", "more than %d flows", FLOWS_MAX);
		return;
	}
	/* What has no from, to or map has been told already. */
	for (uint32_t i = 0; i < c->flows.n; i++) {
		const struct yaml_node *map = yaml_get(node, f[i].name);

		if (map != NULL && f[i].from != NULL && f[i].to != NULL)
			check_one(c, &f[i], map, errors);
	}
}
