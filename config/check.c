/*
 * check.c - see check.h. One function a type, in one table: it reads a node and gives the normal
 * form, or says what is wrong.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/check.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/secret.h"
#include "lib/regex.h"
#include "lib/units.h"

#define PATH_MAX_BYTES 512
#define WORDS_MAX 128

struct at {
	struct check *c;
	const struct tw_option *o;
	const struct yaml_node *node;
	const char *path;
};

static json_t *
say(const struct at *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static json_t *
say(const struct at *a, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	errors_add(a->c->errors, &a->node->place, a->path, "%s", text);
	return NULL;
}

/* The node's text with its secrets in place; NULL after having said what is wrong. Valid until the
 * next call. */
static const char *
text_of(const struct at *a)
{
	const char *text, *wrong;

	if (a->node->kind != YAML_TEXT) {
		say(a, "a single value is wanted here, not a %s",
		    a->node->kind == YAML_LIST ? "list" : "map");
		return NULL;
	}
	if (yaml_is_null(a->node)) {
		say(a, "a value is missing");
		return NULL;
	}
	if (a->c->secrets == NULL)
		return a->node->text;
	if ((text = secrets_expand(a->c->secrets, a->node->text, &wrong)) == NULL)
		say(a, "%s", wrong);
	return text;
}

/* ---- single values ---- */

static json_t *
check_bounds(const struct at *a, double v, json_t *normal)
{
	const struct tw_option *o = a->o;

	if (normal == NULL || (o->min == 0 && o->max == 0)
	    || (v >= o->min && (o->max == 0 || v <= o->max)))
		return normal;
	json_decref(normal);
	if (o->max == 0)
		return say(a, "%s is less than %g", a->node->text, o->min);
	return say(a, "%s is not between %g and %g", a->node->text, o->min, o->max);
}

static json_t *
check_string(const struct at *a)
{
	const char *text = text_of(a);

	return text != NULL ? json_string(text) : NULL;
}

static json_t *
check_int(const struct at *a)
{
	const char *text = text_of(a);
	char *end;
	long long v;

	if (text == NULL)
		return NULL;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || isspace((unsigned char)*text))
		return say(a, "\"%s\" is not a whole number", text);
	return check_bounds(a, (double)v, json_integer(v));
}

static json_t *
check_real(const struct at *a)
{
	const char *text = text_of(a);
	char *end;
	double v;

	if (text == NULL)
		return NULL;
	v = strtod(text, &end);
	if (end == text || *end != '\0' || strpbrk(text, "xXnN \t") != NULL)
		return say(a, "\"%s\" is not a number", text);
	return check_bounds(a, v, json_real(v));
}

static json_t *
check_bool(const struct at *a)
{
	const char *text = text_of(a);

	if (text == NULL)
		return NULL;
	if (strcmp(text, "true") == 0 || strcmp(text, "on") == 0 || strcmp(text, "yes") == 0)
		return json_true();
	if (strcmp(text, "false") == 0 || strcmp(text, "off") == 0 || strcmp(text, "no") == 0)
		return json_false();
	return say(a, "\"%s\" is neither true nor false", text);
}

static json_t *
check_duration(const struct at *a)
{
	const char *text = text_of(a);
	bool digits = text != NULL && text[0] != '\0' && text[strspn(text, "0123456789.")] == '\0';
	int64_t us;

	if (text == NULL)
		return NULL;
	if (duration_parse(text, &us) == 0)
		return check_bounds(a, (double)us / 1e6, json_integer(us));
	if (digits)
		return say(a, "\"%s\" has no unit (try %ss)", text, text);
	return say(a, "\"%s\" is not a duration (try %.*ss)", text,
	    (int)(strspn(text, "0123456789.") > 0 ? strspn(text, "0123456789.") : 1),
	    strspn(text, "0123456789.") > 0 ? text : "5");
}

static json_t *
check_bytes(const struct at *a)
{
	const char *text = text_of(a);
	int64_t v;

	if (text == NULL)
		return NULL;
	if (bytes_parse(text, &v) != 0)
		return say(a, "\"%s\" is not a size (try 64KiB)", text);
	return check_bounds(a, (double)v, json_integer(v));
}

static json_t *
check_share(const struct at *a)
{
	const char *text = text_of(a);
	double v;
	int rc;

	if (text == NULL)
		return NULL;
	if ((rc = share_parse(text, &v)) == -ERANGE)
		return say(a, "%s is more than 100%%", text);
	if (rc != 0)
		return say(a, "\"%s\" is not a share (try 99.5%%)", text);
	return check_bounds(a, v, json_real(v));
}

static json_t *
check_url(const struct at *a)
{
	const char *text = text_of(a), *host;

	if (text == NULL)
		return NULL;
	if (strncmp(text, "http://", 7) == 0)
		host = text + 7;
	else if (strncmp(text, "https://", 8) == 0)
		host = text + 8;
	else
		return say(a, "\"%.100s\" is no http or https URL (try https://%.60s)",
		    secret_hide(a->c->secrets, text),
		    strstr(text, "://") != NULL ? "shop.example/"
						: secret_hide(a->c->secrets, text));
	if (*host == '\0' || strchr("/:?#", *host) != NULL)
		return say(a, "the URL has no host");
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return say(a, "the URL has a blank or a control character in it");
	return json_string(text);
}

static json_t *
check_path(const struct at *a)
{
	const char *text = text_of(a);

	if (text == NULL)
		return NULL;
	if ((a->o->flags & TW_STDIN) != 0 && strcmp(text, "-") == 0) {
		if (a->c->has_input)
			return say(a, "\"-\", the standard input, is read by another one already");
		a->c->has_input = true;
		return json_string(text);
	}
	return text[0] == '/' ? json_string(text) : say(a, "\"%s\" is no absolute path", text);
}

static json_t *
check_host_port(const struct at *a)
{
	const char *text = text_of(a), *colon;
	char *end;
	long port;

	if (text == NULL)
		return NULL;
	colon = strrchr(text, ':');
	port = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
	if (colon == NULL || colon == text || end == colon + 1 || *end != '\0' || port < 0
	    || port > 65535)
		return say(a, "\"%s\" is no host:port (try 127.0.0.1:9764)", text);
	return json_string(text);
}

static json_t *
check_regex(const struct at *a)
{
	const char *text = text_of(a);
	struct regex *re;
	char err[160];

	if (text == NULL)
		return NULL;
	if ((re = regex_new(text, err, sizeof(err))) == NULL)
		return say(a, "\"%.100s\" is no regular expression (%s)", text, err);
	regex_free(re);
	return json_string(text);
}

static size_t
choice_words(const char *choices, char store[][64], const char **words, size_t max)
{
	size_t n = 0;

	while (n < max && choice_word(choices, (uint32_t)n, store[n], 64)) {
		words[n] = store[n];
		n++;
	}
	return n;
}

static json_t *
check_choice(const struct at *a)
{
	const char *text = text_of(a), *words[32];
	char store[32][64], hint[96];

	if (text == NULL)
		return NULL;
	if (choice_index(a->o->choices, text) >= 0)
		return json_string(text);
	did_you_mean(text, words, choice_words(a->o->choices, store, words, 32), hint);
	return say(a, "\"%s\" is none of %s%s", text, a->o->choices, hint);
}

/* ---- lists: one item may stand without its brackets ---- */

typedef json_t *item_check(const struct at *a);

static json_t *
check_items(const struct at *a, item_check *check)
{
	json_t *list = json_array();
	char path[PATH_MAX_BYTES];
	struct at item = *a;

	if (a->node->kind != YAML_LIST) {
		json_t *v = check(a);

		if (v != NULL)
			json_array_append_new(list, v);
		return list;
	}
	item.path = path;
	for (size_t i = 0; i < a->node->n; i++) {
		json_t *v;

		snprintf(path, sizeof(path), "%s[%zu]", a->path, i);
		item.node = a->node->items[i];
		if ((v = check(&item)) != NULL)
			json_array_append_new(list, v);
	}
	return list;
}

static json_t *
check_range(const struct at *a)
{
	const char *text = text_of(a);
	int64_t low, high;

	if (text == NULL)
		return NULL;
	if (range_parse(text, &low, &high) != 0)
		return say(a, "\"%s\" is no number and no range (try 200 or 500-599)", text);
	return json_pack("[I,I]", (json_int_t)low, (json_int_t)high);
}

static json_t *check_strings(const struct at *a) { return check_items(a, check_string); }
static json_t *check_ranges(const struct at *a) { return check_items(a, check_range); }
static json_t *check_set(const struct at *a) { return check_items(a, check_choice); }

/* ---- maps ---- */

static json_t *
check_pairs(const struct at *a)
{
	json_t *list = json_array();
	char path[PATH_MAX_BYTES];
	struct at item = *a;

	if (a->node->kind != YAML_MAP) {
		json_decref(list);
		return say(a, "a map is wanted here: {name: value}");
	}
	item.path = path;
	for (size_t i = 0; i < a->node->n; i++) {
		json_t *v;

		snprintf(path, sizeof(path), "%s.%s", a->path, a->node->members[i].key);
		item.node = a->node->members[i].value;
		if ((v = check_string(&item)) != NULL)
			json_array_append_new(list, json_pack("[s,o]", a->node->members[i].key, v));
	}
	return list;
}

static json_t *
tree_text(const struct at *a)
{
	const char *t = a->node->text;
	char *end;
	double d;
	long long i;

	if (yaml_is_null(a->node))
		return json_null();
	if (!a->node->quoted && (strcmp(t, "true") == 0 || strcmp(t, "false") == 0))
		return json_boolean(t[0] == 't');
	errno = 0;
	i = strtoll(t, &end, 10);
	if (!a->node->quoted && *t != '\0' && *end == '\0' && errno == 0)
		return json_integer(i);
	d = strtod(t, &end);
	if (!a->node->quoted && *t != '\0' && *end == '\0' && strpbrk(t, "xXnN") == NULL)
		return json_real(d);
	return check_string(a);
}

static json_t *
check_tree(const struct at *a)
{
	json_t *out;
	struct at item = *a;

	if (a->node->kind == YAML_TEXT)
		return tree_text(a);
	out = a->node->kind == YAML_LIST ? json_array() : json_object();
	for (size_t i = 0; i < a->node->n; i++) {
		json_t *v;

		item.node =
		    a->node->kind == YAML_LIST ? a->node->items[i] : a->node->members[i].value;
		if ((v = check_tree(&item)) == NULL)
			continue;
		if (a->node->kind == YAML_LIST)
			json_array_append_new(out, v);
		else
			json_object_set_new(out, a->node->members[i].key, v);
	}
	return out;
}

static json_t *
check_map(const struct at *a)
{
	if (a->node->kind != YAML_MAP && !yaml_is_null(a->node))
		return say(a, "a map is wanted here");
	return check_options(a->c, &a->o->nested, a->node, &a->node->place, a->path, NULL, 0);
}

static json_t *
check_maps(const struct at *a)
{
	if (a->node->kind != YAML_LIST)
		return say(a, "a list is wanted here: write - before each item");
	return check_items(a, check_map);
}

static json_t *
check_named(const struct at *a)
{
	json_t *list = json_array();
	char path[PATH_MAX_BYTES];
	struct at item = *a;

	if (a->node->kind != YAML_MAP) {
		json_decref(list);
		return say(a, "a map is wanted here: {name: {...}}");
	}
	item.path = path;
	for (size_t i = 0; i < a->node->n; i++) {
		json_t *v;

		snprintf(path, sizeof(path), "%s.%s", a->path, a->node->members[i].key);
		item.node = a->node->members[i].value;
		if ((v = check_map(&item)) != NULL)
			json_array_append_new(list, json_pack("[s,o]", a->node->members[i].key, v));
	}
	return list;
}

static item_check *const by_type[] = {
    [TW_STRING] = check_string,
    [TW_INT] = check_int,
    [TW_REAL] = check_real,
    [TW_BOOL] = check_bool,
    [TW_DURATION] = check_duration,
    [TW_BYTES] = check_bytes,
    [TW_SHARE] = check_share,
    [TW_URL] = check_url,
    [TW_SECRET] = check_string,
    [TW_PATH] = check_path,
    [TW_HOST_PORT] = check_host_port,
    [TW_REGEX] = check_regex,
    [TW_CHOICE] = check_choice,
    [TW_SET] = check_set,
    [TW_STRINGS] = check_strings,
    [TW_RANGES] = check_ranges,
    [TW_PAIRS] = check_pairs,
    [TW_TREE] = check_tree,
    [TW_MAP] = check_map,
    [TW_MAPS] = check_maps,
    [TW_NAMED] = check_named,
};

/* ---- tables ---- */

static bool
listed(const char *key, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], key) == 0)
			return true;
	return false;
}

static void
unknown_key(struct check *c, const struct tw_table *rows, const struct yaml_member *m,
    const char *path, const char *const *skip, size_t n_skip)
{
	const char *words[WORDS_MAX];
	char hint[96], full[PATH_MAX_BYTES];
	size_t n = 0;

	for (uint32_t i = 0; i < rows->count && n < WORDS_MAX; i++) {
		struct tw_option o = option_row(rows, i);

		if ((o.flags & TW_LATER) == 0)
			words[n++] = o.name;
	}
	for (size_t i = 0; i < n_skip && n < WORDS_MAX; i++)
		words[n++] = skip[i];
	snprintf(full, sizeof(full), "%s%s%s", path, path[0] != '\0' ? "." : "", m->key);
	errors_add(
	    c->errors, &m->place, full, "no such key%s", did_you_mean(m->key, words, n, hint));
}

static bool
has_row(const struct tw_table *rows, const char *key)
{
	for (uint32_t i = 0; i < rows->count; i++)
		if (strcmp(option_row(rows, i).name, key) == 0)
			return true;
	return false;
}

/* A text that must name a source; it is then one that the probe reads. */
static void
name_source(const struct at *a, const char *name)
{
	const struct check *c = a->c;
	char hint[96];
	const json_t *v;
	size_t i;

	if (!listed(name, c->sources, c->n_sources)) {
		say(a, "no source is called \"%.64s\"%s", name,
		    did_you_mean(name, c->sources, c->n_sources, hint));
		return;
	}
	json_array_foreach(c->reads, i, v)
		if (strcmp(json_string_value(v), name) == 0)
			return;
	json_array_append_new(c->reads, json_string(name));
}

static void
name_sources(const struct at *a)
{
	struct at item = *a;

	if (a->node->kind == YAML_TEXT) {
		name_source(a, a->node->text);
		return;
	}
	for (size_t i = 0; i < a->node->n; i++) {
		item.node = a->node->kind == YAML_LIST ? a->node->items[i]
						       : a->node->members[i].value;
		if (a->node->kind == YAML_MAP)
			name_source(&item, a->node->members[i].key);
		else if (item.node->kind == YAML_TEXT)
			name_source(&item, item.node->text);
	}
}

static json_t *
check_value(const struct at *a)
{
	if (a->o->flags & TW_MANY)
		return check_items(a, by_type[a->o->type]);
	return by_type[a->o->type](a);
}

/* A default of many: "15m, 1h, 4h". */
static json_t *
default_of_many(const struct at *a)
{
	json_t *list = json_array();
	const char *def = a->o->def;
	char word[64];

	while (*def != '\0') {
		size_t n = strcspn(def, ",");
		struct yaml_node node = {.kind = YAML_TEXT, .place = a->node->place, .text = word};
		struct at item = {a->c, a->o, &node, a->path};
		json_t *v;

		snprintf(word, sizeof(word), "%.*s", (int)n, def);
		if ((v = by_type[a->o->type](&item)) != NULL)
			json_array_append_new(list, v);
		def += n + strspn(def + n, ", ");
	}
	return list;
}

/* A default is read by the same rules as what a user writes: as a plain scalar, or a flow list
 * without brackets. */
static json_t *
default_of(
    struct check *c, const struct tw_option *o, const struct yaml_place *place, const char *path)
{
	struct yaml_node node = {.kind = YAML_TEXT, .place = *place, .text = o->def};
	struct at a = {c, o, &node, path};

	return o->flags & TW_MANY ? default_of_many(&a) : by_type[o->type](&a);
}

static void
check_row(struct check *c, const struct tw_option *o, const struct yaml_node *map,
    const struct yaml_place *place, const char *path, json_t *out)
{
	const struct yaml_member *m = yaml_member(map, o->name);
	char full[PATH_MAX_BYTES];
	struct at a = {c, o, m != NULL ? m->value : NULL, full};
	json_t *v = NULL;

	snprintf(full, sizeof(full), "%s%s%s", path, path[0] != '\0' ? "." : "", o->name);
	if (m != NULL && (o->flags & TW_LATER)) {
		errors_add(c->errors, &m->place, full, "not in this version");
		return;
	}
	if (m != NULL && (v = check_value(&a)) != NULL && (o->flags & TW_NAMES_SOURCE)
	    && c->reads != NULL)
		name_sources(&a);
	if (m != NULL)
		; /* judged */
	else if (o->flags & TW_REQUIRED)
		errors_add(c->errors, place, full, "is missing (%s)",
		    o->help != NULL ? o->help : "needed");
	else if (o->def != NULL)
		v = default_of(c, o, place, full);
	else if (o->type == TW_MAP)
		v = check_options(c, &o->nested, NULL, place, full, NULL, 0);
	if (v != NULL)
		json_object_set_new(out, o->name, v);
}

/* An absent map has defaults, but nothing in it can be missing: what is not there is not wanted. */
static bool
absent_and_bare(const struct tw_table *rows, const struct yaml_node *map)
{
	for (uint32_t i = 0; map == NULL && i < rows->count; i++)
		if (option_row(rows, i).flags & TW_REQUIRED)
			return true;
	return false;
}

json_t *
check_options(struct check *c, const struct tw_table *rows, const struct yaml_node *map,
    const struct yaml_place *place, const char *path, const char *const *skip, size_t n_skip)
{
	json_t *out = json_object();

	if (absent_and_bare(rows, map))
		return out;
	for (size_t i = 0; map != NULL && map->kind == YAML_MAP && i < map->n; i++)
		if (!has_row(rows, map->members[i].key)
		    && !listed(map->members[i].key, skip, n_skip))
			unknown_key(c, rows, &map->members[i], path, skip, n_skip);
	for (uint32_t i = 0; i < rows->count; i++) {
		struct tw_option o = option_row(rows, i);

		if ((o.flags & TW_LATER) && listed(o.name, skip, n_skip))
			continue; /* somebody else has that word already */
		if (o.type >= TW_STRING && o.type <= TW_NAMED)
			check_row(c, &o, map, place, path, out);
	}
	return out;
}

struct yaml_place
check_place(const struct yaml_node *map, const char *path)
{
	struct yaml_place place = map != NULL ? map->place : (struct yaml_place){0};
	const struct yaml_node *at = map;
	char step[128];

	while (*path != '\0' && at != NULL) {
		size_t n = strcspn(path, "/");

		snprintf(step, sizeof(step), "%.*s", (int)n, path);
		path += n + (path[n] == '/');
		if (at->kind == YAML_LIST) {
			size_t i = strtoul(step, NULL, 10);

			at = i < at->n ? at->items[i] : NULL;
			if (at != NULL)
				place = at->place;
		} else {
			const struct yaml_member *m = yaml_member(at, step);

			if (m != NULL)
				place = m->value->place;
			at = m != NULL ? m->value : NULL;
		}
	}
	return place;
}
