/*
 * manifest.c - see manifest.h. Each table has one function to write a row and one to read it, side
 * by side.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 1024
#define DEPTH_MAX 8

/* ---- writing ---- */

static void
put(json_t *o, const char *name, const char *text)
{
	if (text != NULL)
		json_object_set_new(o, name, json_string(text));
}

static void
put_number(json_t *o, const char *name, double v)
{
	if (v != 0)
		json_object_set_new(o, name, json_real(v));
}

/* Row i of any table, as large as ours is. */
static void
row_copy(void *row, size_t size, const struct tw_table *t, uint32_t i)
{
	memset(row, 0, size);
	memcpy(row, (const char *)t->rows + (size_t)i * t->row_size,
	    t->row_size < size ? t->row_size : size);
}

static json_t *
write_options(const struct tw_table *t, int depth)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->count && depth < DEPTH_MAX; i++) {
		struct tw_option r = option_row(t, i);
		json_t *o = json_object();

		put(o, "name", r.name);
		json_object_set_new(o, "type", json_integer(r.type));
		json_object_set_new(o, "flags", json_integer(r.flags));
		json_object_set_new(o, "offset", json_integer(r.offset));
		put(o, "default", r.def);
		put_number(o, "min", r.min);
		put_number(o, "max", r.max);
		put(o, "choices", r.choices);
		put(o, "help", r.help);
		if (r.nested.count > 0) {
			json_object_set_new(o, "nested_size", json_integer(r.nested_size));
			json_object_set_new(o, "nested", write_options(&r.nested, depth + 1));
		}
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
write_metrics(const struct tw_table *t)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->count; i++) {
		json_t *o = json_object();
		struct tw_metric r;

		row_copy(&r, sizeof(r), t, i);
		put(o, "name", r.name);
		put(o, "unit", r.unit);
		json_object_set_new(o, "kind", json_integer(r.kind));
		json_object_set_new(o, "flags", json_integer(r.flags));
		put_number(o, "resolution", r.resolution);
		put(o, "labels", r.labels);
		put(o, "help", r.help);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
write_alerts(const struct tw_table *t)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->count; i++) {
		json_t *o = json_object();
		struct tw_alert r;

		row_copy(&r, sizeof(r), t, i);
		put(o, "name", r.name);
		put(o, "expr", r.expr);
		put(o, "hold", r.hold);
		put(o, "keep_firing_for", r.keep_firing_for);
		put(o, "severity", r.severity);
		put(o, "summary", r.summary);
		put(o, "when", r.when);
		put(o, "failures", r.failures);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
write_panels(const struct tw_table *t)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->count; i++) {
		json_t *o = json_object();
		struct tw_panel r;

		row_copy(&r, sizeof(r), t, i);
		put(o, "title", r.title);
		put(o, "kind", r.kind);
		put(o, "expr", r.expr);
		put(o, "unit", r.unit);
		put(o, "target", r.target);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
write_words(const struct tw_table *t)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->count; i++) {
		json_t *o = json_object();
		struct tw_word r;

		row_copy(&r, sizeof(r), t, i);
		put(o, "was", r.was);
		put(o, "now", r.now);
		put(o, "since", r.since);
		json_array_append_new(list, o);
	}
	return list;
}

json_t *
manifest_write(const struct tw_plugin *p)
{
	bool has_words = p->size >= offsetof(struct tw_plugin, words) + sizeof(p->words);
	json_t *o = json_object();

	json_object_set_new(o, "abi", json_pack("[ii]", p->major, p->minor));
	put(o, "name", p->name);
	put(o, "version", p->version);
	put(o, "summary", p->summary);
	put(o, "prefix", p->prefix);
	json_object_set_new(o, "flags", json_integer(p->flags));
	json_object_set_new(o, "self_size", json_integer(p->self_size));
	json_object_set_new(o, "interval_us", json_integer(p->interval_us));
	json_object_set_new(o, "options", write_options(&p->options, 0));
	json_object_set_new(o, "metrics", write_metrics(&p->metrics));
	json_object_set_new(o, "alerts", write_alerts(&p->alerts));
	json_object_set_new(o, "panels", write_panels(&p->panels));
	if (has_words && p->words.count > 0)
		json_object_set_new(o, "words", write_words(&p->words));
	return o;
}

/* ---- reading ---- */

static const char *
text(struct heap *h, const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_string(v) ? heap_text(h, json_string_value(v), json_string_length(v)) : NULL;
}

static double
number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static uint32_t
whole(const json_t *o, const char *name)
{
	json_int_t v = json_integer_value(json_object_get(o, name));

	return v < 0 || v > UINT32_MAX ? 0 : (uint32_t)v;
}

/* Room for the rows of a list; NULL when it is no list, too long, or memory ends. */
static void *
rows_new(struct heap *h, struct tw_table *t, const json_t *list, size_t row_size)
{
	void *rows;

	if (!json_is_array(list) || json_array_size(list) > ROWS_MAX)
		return NULL;
	t->count = (uint32_t)json_array_size(list);
	t->row_size = (uint32_t)row_size;
	rows = heap_alloc(h, (t->count > 0 ? t->count : 1) * row_size);
	t->rows = rows;
	return rows;
}

static int
read_options(struct heap *h, struct tw_table *t, const json_t *list, int depth)
{
	struct tw_option *rows = depth < DEPTH_MAX ? rows_new(h, t, list, sizeof(*rows)) : NULL;
	int rc = rows != NULL ? 0 : -EINVAL;

	for (uint32_t i = 0; rc == 0 && i < t->count; i++) {
		const json_t *o = json_array_get(list, i), *nested = json_object_get(o, "nested");

		rows[i] = (struct tw_option){.name = text(h, o, "name"),
		    .type = (enum tw_type)whole(o, "type"),
		    .flags = whole(o, "flags"),
		    .offset = whole(o, "offset"),
		    .def = text(h, o, "default"),
		    .min = number(o, "min"),
		    .max = number(o, "max"),
		    .choices = text(h, o, "choices"),
		    .help = text(h, o, "help"),
		    .nested_size = whole(o, "nested_size")};
		if (rows[i].name == NULL || rows[i].type < TW_STRING || rows[i].type > TW_NAMED)
			rc = -EINVAL;
		else if (nested != NULL)
			rc = read_options(h, &rows[i].nested, nested, depth + 1);
	}
	return rc;
}

static int
read_metrics(struct heap *h, struct tw_table *t, const json_t *list)
{
	struct tw_metric *rows = rows_new(h, t, list, sizeof(*rows));

	for (uint32_t i = 0; rows != NULL && i < t->count; i++) {
		const json_t *o = json_array_get(list, i);

		rows[i] = (struct tw_metric){.name = text(h, o, "name"),
		    .unit = text(h, o, "unit"),
		    .kind = (enum tw_kind)whole(o, "kind"),
		    .flags = whole(o, "flags"),
		    .resolution = number(o, "resolution"),
		    .labels = text(h, o, "labels"),
		    .help = text(h, o, "help")};
		if (rows[i].name == NULL)
			return -EINVAL;
	}
	return rows != NULL ? 0 : -EINVAL;
}

static int
read_alerts(struct heap *h, struct tw_table *t, const json_t *list)
{
	struct tw_alert *rows = rows_new(h, t, list, sizeof(*rows));

	for (uint32_t i = 0; rows != NULL && i < t->count; i++) {
		const json_t *o = json_array_get(list, i);

		rows[i] = (struct tw_alert){.name = text(h, o, "name"),
		    .expr = text(h, o, "expr"),
		    .hold = text(h, o, "hold"),
		    .keep_firing_for = text(h, o, "keep_firing_for"),
		    .severity = text(h, o, "severity"),
		    .summary = text(h, o, "summary"),
		    .when = text(h, o, "when"),
		    .failures = text(h, o, "failures")};
		if (rows[i].name == NULL || (rows[i].expr == NULL) == (rows[i].failures == NULL))
			return -EINVAL;
	}
	return rows != NULL ? 0 : -EINVAL;
}

static int
read_panels(struct heap *h, struct tw_table *t, const json_t *list)
{
	struct tw_panel *rows = rows_new(h, t, list, sizeof(*rows));

	for (uint32_t i = 0; rows != NULL && i < t->count; i++) {
		const json_t *o = json_array_get(list, i);

		rows[i] = (struct tw_panel){text(h, o, "title"), text(h, o, "kind"),
		    text(h, o, "expr"), text(h, o, "unit"), text(h, o, "target")};
	}
	return rows != NULL ? 0 : -EINVAL;
}

static int
read_words(struct heap *h, struct tw_table *t, const json_t *list)
{
	struct tw_word *rows;

	if (list == NULL)
		return 0; /* of a plugin that has renamed nothing */
	rows = rows_new(h, t, list, sizeof(*rows));
	for (uint32_t i = 0; rows != NULL && i < t->count; i++) {
		const json_t *o = json_array_get(list, i);

		rows[i] = (struct tw_word){
		    text(h, o, "was"), text(h, o, "now"), text(h, o, "since")};
		if (rows[i].was == NULL || rows[i].now == NULL || rows[i].since == NULL)
			return -EINVAL;
	}
	return rows != NULL ? 0 : -EINVAL;
}

int
manifest_read(struct manifest *m, const json_t *v, char *err, size_t err_cap)
{
	const json_t *abi = json_object_get(v, "abi");
	struct tw_plugin *p = &m->plugin;
	struct heap *h = &m->heap;

	memset(m, 0, sizeof(*m));
	p->size = sizeof(*p);
	p->major = (uint16_t)json_integer_value(json_array_get(abi, 0));
	p->minor = (uint16_t)json_integer_value(json_array_get(abi, 1));
	p->name = text(h, v, "name");
	p->version = text(h, v, "version");
	p->summary = text(h, v, "summary");
	p->prefix = text(h, v, "prefix");
	p->flags = whole(v, "flags");
	p->self_size = whole(v, "self_size");
	p->interval_us = json_integer_value(json_object_get(v, "interval_us"));
	if (p->name != NULL && p->prefix != NULL && p->major == TW_ABI_MAJOR
	    && read_options(h, &p->options, json_object_get(v, "options"), 0) == 0
	    && read_metrics(h, &p->metrics, json_object_get(v, "metrics")) == 0
	    && read_alerts(h, &p->alerts, json_object_get(v, "alerts")) == 0
	    && read_panels(h, &p->panels, json_object_get(v, "panels")) == 0
	    && read_words(h, &p->words, json_object_get(v, "words")) == 0)
		return 0;
	snprintf(err, err_cap, "the description of the plugin %.64s is no manifest of ABI %d",
	    p->name != NULL ? p->name : "", TW_ABI_MAJOR);
	manifest_clear(m);
	return -EINVAL;
}

void
manifest_clear(struct manifest *m)
{
	heap_free(&m->heap);
	memset(&m->plugin, 0, sizeof(m->plugin));
}
