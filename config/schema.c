/*
 * schema.c - the option tables as JSON Schema (draft 2020-12): what an editor needs to complete and
 * to check.
 *
 * The schema is looser than the loader where JSON Schema has no word (a duration's range, PromQL):
 * a file that the loader takes is always valid under it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "config/config.h"
#include "config/schema.h"

#define DEPTH_MAX 8

static json_t *object_schema(const struct tw_table *rows, int depth);

static json_t *
words(const char *choices)
{
	json_t *list = json_array();
	char word[64];

	for (uint32_t i = 0; choice_word(choices, i, word, sizeof(word)); i++)
		json_array_append_new(list, json_string(word));
	return json_pack("{s:o}", "enum", list);
}

/* One item may stand without its brackets. */
static json_t *
or_list(json_t *item)
{
	json_t *list = json_pack("{s:s, s:O}", "type", "array", "items", item);

	return json_pack("{s:[o,o]}", "anyOf", item, list);
}

static json_t *
scalar(const char *pattern)
{
	return pattern != NULL ? json_pack("{s:s, s:s}", "type", "string", "pattern", pattern)
			       : json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
}

static json_t *
type_schema(const struct tw_option *o, int depth)
{
	switch (o->type) {
	case TW_INT: return json_pack("{s:[s,s]}", "type", "integer", "string");
	case TW_REAL: return json_pack("{s:[s,s]}", "type", "number", "string");
	case TW_BOOL: return json_pack("{s:[b,b,s,s,s,s]}", "enum", 1, 0, "on", "off", "yes", "no");
	case TW_CHOICE: return words(o->choices);
	case TW_SET: return or_list(words(o->choices));
	case TW_STRINGS: case TW_RANGES: return or_list(scalar(NULL));
	case TW_PAIRS:
		return json_pack(
		    "{s:s, s:o}", "type", "object", "additionalProperties", scalar(NULL));
	case TW_TREE: return json_object();
	case TW_MAP: return object_schema(&o->nested, depth + 1);
	case TW_MAPS:
		return json_pack(
		    "{s:s, s:o}", "type", "array", "items", object_schema(&o->nested, depth + 1));
	case TW_NAMED:
		return json_pack("{s:s, s:o}", "type", "object", "additionalProperties",
		    object_schema(&o->nested, depth + 1));
	default: return scalar(NULL);
	}
}

static void
add_row(json_t *properties, json_t *required, const struct tw_option *o, int depth)
{
	json_t *s;

	if (o->flags & TW_LATER)
		return;
	s = type_schema(o, depth);
	if (o->flags & TW_MANY)
		s = or_list(s);
	if (o->help != NULL)
		json_object_set_new(s, "description", json_string(o->help));
	if (o->def != NULL)
		json_object_set_new(s, "default", json_string(o->def));
	if (o->flags & TW_REQUIRED)
		json_array_append_new(required, json_string(o->name));
	json_object_set_new(properties, o->name, s);
}

static json_t *
object_schema(const struct tw_table *rows, int depth)
{
	json_t *properties = json_object(), *required = json_array(), *out;

	for (uint32_t i = 0; depth < DEPTH_MAX && i < rows->count; i++) {
		struct tw_option o = option_row(rows, i);

		add_row(properties, required, &o, depth);
	}
	out = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties,
	    "additionalProperties", depth >= DEPTH_MAX);
	if (json_array_size(required) > 0)
		json_object_set(out, "required", required);
	json_decref(required);
	return out;
}

/* A probe or a source: the common keys, and those of its plugin. */
static json_t *
probe_schema(const struct manifest *m)
{
	bool is_source = (m->plugin.flags & TW_SOURCE) != 0;
	json_t *out = object_schema(is_source ? &config_source_rows : &config_probe_rows, 1),
	       *own = object_schema(&m->plugin.options, 1);

	json_object_update(json_object_get(out, "properties"), json_object_get(own, "properties"));
	json_array_extend(json_object_get(out, "required"), json_object_get(own, "required"));
	json_object_set_new(json_object_get(out, "properties"), is_source ? "type" : "plugin",
	    json_pack("{s:s}", "const", m->plugin.name));
	json_decref(own);
	return out;
}

/* Every table's former words; of plugins in the schema of theirs. */
static void
add_words(json_t *out, const json_t *schemas, const struct manifest *const *manifests, size_t n,
    bool is_source)
{
	for (size_t i = 0, k = 0; i < n; i++) {
		const struct tw_plugin *p = &manifests[i]->plugin;

		if (((p->flags & TW_SOURCE) != 0) == is_source)
			schema_add_words(out, json_array_get(schemas, k++), p->name, &p->words);
	}
}

json_t *
config_schema(const struct manifest *const *manifests, size_t n)
{
	json_t *out = object_schema(&config_rows, 0), *kinds = json_array(), *probes;
	json_t *types = json_array(), *sources;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(manifests[i]->plugin.flags & TW_SOURCE ? types : kinds,
		    probe_schema(manifests[i]));
	if (json_array_size(types) == 0)
		json_array_append_new(types, json_object());
	sources = json_pack("{s:s, s:{s:o}, s:s}", "type", "object", "additionalProperties",
	    "oneOf", types, "description", "where records come from, by name");
	json_object_set_new(json_object_get(out, "properties"), "sources", sources);
	probes = json_pack("{s:s, s:{s:o}, s:s}", "type", "array", "items", "oneOf", kinds,
	    "description", "what is watched");
	json_object_set_new(json_object_get(out, "properties"), "probes", probes);
	json_array_append_new(json_object_get(out, "required"), json_string("probes"));
	json_object_set_new(
	    out, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	schema_add_words(out, out, "", &config_words);
	add_words(out, kinds, manifests, n, false);
	add_words(out, types, manifests, n, true);
	json_object_set_new(out, "title", json_string("tillwatch configuration"));
	return out;
}
