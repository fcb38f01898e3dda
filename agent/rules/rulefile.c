/*
 * rulefile.c - see rulefile.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/rules/rulefile.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/yaml.h"
#include "lib/labels.h"
#include "lib/template.h"

struct reader {
	struct rule_set *set;
	const char *file;
	rule_parse_fn *parse;
	void *ctx;
	struct rulefile_error *err;
	const struct yaml_node *group_labels; /* of the group being read */
};

static int __attribute__((format(printf, 3, 4)))
fail(struct reader *r, struct yaml_place place, const char *fmt, ...)
{
	va_list ap;

	snprintf(r->err->file, sizeof(r->err->file), "%s", r->file);
	r->err->line = place.line;
	r->err->column = place.column;
	va_start(ap, fmt);
	vsnprintf(r->err->text, sizeof(r->err->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int
want_map(struct reader *r, const struct yaml_node *node, const char *what, const char *const *keys)
{
	if (node->kind != YAML_MAP)
		return fail(r, node->place, "%s must be a map", what);
	for (size_t i = 0; keys != NULL && i < node->n; i++) {
		size_t k = 0;

		while (keys[k] != NULL && strcmp(keys[k], node->members[i].key) != 0)
			k++;
		if (keys[k] == NULL)
			return fail(r, node->members[i].place, "%s has no key \"%.60s\"", what,
			    node->members[i].key);
	}
	return 0;
}

/* The text of a member; absent leaves *out alone. */
static int
get_text(struct reader *r, const struct yaml_node *map, const char *key, const char **out)
{
	const struct yaml_node *v = yaml_get(map, key);

	if (v == NULL)
		return 0;
	if (v->kind != YAML_TEXT)
		return fail(r, v->place, "%s must be a text", key);
	*out = v->text;
	return 0;
}

static int
get_duration(struct reader *r, const struct yaml_node *map, const char *key, int64_t *out)
{
	const char *text = NULL;
	int rc = get_text(r, map, key, &text);

	if (rc == 0 && text != NULL && rule_duration_parse(text, out) != 0)
		return fail(r, yaml_get(map, key)->place,
		    "%s: \"%.40s\" is not a duration (try 5m)", key, text);
	return rc;
}

static bool
utf8_ok(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 && *s != '\n' && *s != '\t')
			return false;
	return true;
}

static int
read_pair(struct reader *r, struct rule *rule, const struct yaml_member *m, bool annotation)
{
	struct template_error bad;

	if (m->value->kind != YAML_TEXT)
		return fail(r, m->value->place, "%s must be a text", m->key);
	if (!label_name_ok(m->key))
		return fail(r, m->place, "\"%.60s\" is not a name", m->key);
	if (!annotation
	    && (strcmp(m->key, LABEL_NAME) == 0
		|| (!rule->recording && strcmp(m->key, "alertname") == 0)))
		return fail(r, m->place, "the label %s cannot be set", m->key);
	if (!utf8_ok(m->value->text))
		return fail(r, m->value->place, "%s: control characters", m->key);
	if (!rule->recording && template_check(m->value->text, &bad) != 0)
		return fail(r, m->value->place, "%s: template, character %zu: %s", m->key,
		    bad.at + 1, bad.text);
	if ((annotation ? rule_annotation : rule_label)(rule, m->key, m->value->text) == -E2BIG)
		return fail(r, m->place, "more than %d", RULE_PAIRS_MAX);
	return 0;
}

static int
read_pairs(struct reader *r, struct rule *rule, const struct yaml_node *map, const char *key)
{
	int rc = 0;

	if (map == NULL || yaml_is_null(map))
		return 0;
	if ((rc = want_map(r, map, key, NULL)) != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < map->n; i++)
		rc = read_pair(r, rule, &map->members[i], *key == 'a');
	return rc;
}

/* Labels of the group that the rule does not set itself. */
static int
add_group_labels(struct reader *r, struct rule *rule)
{
	const struct yaml_node *map = r->group_labels;
	int rc = 0;

	for (size_t i = 0; map != NULL && rc == 0 && i < map->n; i++)
		if (rule_get_label(rule, map->members[i].key) == NULL)
			rc = read_pair(r, rule, &map->members[i], false);
	return rc;
}

static int
check_expr(struct reader *r, const struct yaml_node *node, const char *expr)
{
	char why[160] = "";

	if (*expr == '\0' || strspn(expr, " \t\n") == strlen(expr))
		return fail(r, node->place, "expr is empty");
	if (strlen(expr) > RULE_EXPR_MAX)
		return fail(r, node->place, "expr is longer than %d bytes", RULE_EXPR_MAX);
	if (r->parse != NULL && r->parse(r->ctx, expr, why, sizeof(why)) != 0)
		return fail(r, node->place, "expr: %s", why);
	return 0;
}

static int
read_rule(struct reader *r, const struct yaml_node *node)
{
	static const char *const keys[] = {
	    "record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations", NULL};
	const char *record = NULL, *alert = NULL, *expr = NULL;
	const struct yaml_node *annotations;
	struct rule *rule;
	int rc;

	if ((rc = want_map(r, node, "a rule", keys)) != 0
	    || (rc = get_text(r, node, "record", &record)) != 0
	    || (rc = get_text(r, node, "alert", &alert)) != 0
	    || (rc = get_text(r, node, "expr", &expr)) != 0)
		return rc;
	if ((record != NULL) == (alert != NULL))
		return fail(r, node->place, "a rule needs either record or alert");
	if (expr == NULL)
		return fail(
		    r, node->place, "the rule %.60s needs expr", record != NULL ? record : alert);
	if ((rc = check_expr(r, yaml_get(node, "expr"), expr)) != 0)
		return rc;
	if (record != NULL && !metric_name_ok(record))
		return fail(
		    r, yaml_get(node, "record")->place, "\"%.60s\" is not a metric's name", record);
	if (alert != NULL && (*alert == '\0' || !utf8_ok(alert)))
		return fail(r, yaml_get(node, "alert")->place, "not an alert's name");
	annotations = yaml_get(node, "annotations");
	if (record != NULL
	    && (annotations != NULL || yaml_get(node, "for") != NULL
		|| yaml_get(node, "keep_firing_for") != NULL))
		return fail(r, node->place,
		    "a recording rule has neither for, keep_firing_for nor annotations");
	if ((rule = rule_add(r->set, record != NULL ? record : alert, expr)) == NULL)
		return fail(r, node->place, "more than %d rules", RULES_MAX);
	rule->recording = record != NULL;
	if ((rc = get_duration(r, node, "for", &rule->for_ms)) != 0
	    || (rc = get_duration(r, node, "keep_firing_for", &rule->keep_firing_ms)) != 0
	    || (rc = read_pairs(r, rule, yaml_get(node, "labels"), "labels")) != 0
	    || (rc = read_pairs(r, rule, annotations, "annotations")) != 0)
		return rc;
	return add_group_labels(r, rule);
}

static int
read_limit(struct reader *r, const struct yaml_node *node, struct rule_group *g)
{
	const char *text = NULL;
	char *end;
	int rc = get_text(r, node, "limit", &text);

	if (rc != 0 || text == NULL)
		return rc;
	errno = 0;
	g->limit = strtoll(text, &end, 10);
	if (*text == '\0' || *end != '\0' || errno != 0 || g->limit < 0)
		return fail(r, yaml_get(node, "limit")->place,
		    "limit: \"%.40s\" is not a number from 0", text);
	return 0;
}

static int
read_group(struct reader *r, const struct yaml_node *node)
{
	static const char *const keys[] = {
	    "name", "interval", "limit", "query_offset", "labels", "rules", NULL};
	const struct yaml_node *rules;
	const char *name = NULL;
	struct rule_group *g;
	int rc;

	if ((rc = want_map(r, node, "a group", keys)) != 0
	    || (rc = get_text(r, node, "name", &name)) != 0)
		return rc;
	if (name == NULL || *name == '\0')
		return fail(r, node->place, "a group needs a name");
	for (size_t i = 0; i < r->set->n; i++)
		if (strcmp(r->set->groups[i].name, name) == 0)
			return fail(r, yaml_get(node, "name")->place,
			    "there are two groups \"%.60s\" in this file", name);
	if ((g = rule_group_add(r->set, name, r->file)) == NULL)
		return -ENOMEM;
	if ((rc = get_duration(r, node, "interval", &g->interval_ms)) != 0
	    || (rc = get_duration(r, node, "query_offset", &g->query_offset_ms)) != 0
	    || (rc = read_limit(r, node, g)) != 0)
		return rc;
	if (g->interval_ms == 0)
		g->interval_ms = RULE_INTERVAL_MS;
	if (g->interval_ms < 1000)
		return fail(r, yaml_get(node, "interval")->place, "interval: at least 1s");
	r->group_labels = yaml_get(node, "labels");
	if (r->group_labels != NULL && yaml_is_null(r->group_labels))
		r->group_labels = NULL;
	if (r->group_labels != NULL && (rc = want_map(r, r->group_labels, "labels", NULL)) != 0)
		return rc;
	rules = yaml_get(node, "rules");
	if (rules != NULL && rules->kind != YAML_LIST && !yaml_is_null(rules))
		return fail(r, rules->place, "rules must be a list");
	for (size_t i = 0; rc == 0 && rules != NULL && rules->kind == YAML_LIST && i < rules->n;
	     i++)
		rc = read_rule(r, rules->items[i]);
	return rc;
}

static int
read_root(struct reader *r, const struct yaml_node *root)
{
	static const char *const keys[] = {"groups", NULL};
	const struct yaml_node *groups;
	int rc = want_map(r, root, "a rule file", keys);

	groups = yaml_get(root, "groups");
	if (rc != 0 || groups == NULL || yaml_is_null(groups))
		return rc;
	if (groups->kind != YAML_LIST)
		return fail(r, groups->place, "groups must be a list");
	for (size_t i = 0; rc == 0 && i < groups->n; i++)
		rc = read_group(r, groups->items[i]);
	return rc;
}

/* Reads into a set of its own, so that an error leaves nothing behind. */
static int
read_doc(struct rule_set *s, const char *file, struct yaml_doc *doc, rule_parse_fn *parse,
    void *ctx, struct rulefile_error *err)
{
	struct rule_set fresh = {0};
	struct reader r = {.set = &fresh, .file = file, .parse = parse, .ctx = ctx, .err = err};
	int rc = read_root(&r, yaml_root(doc));

	if (rc == 0)
		rc = rule_set_move(s, &fresh);
	rule_set_clear(&fresh);
	return rc;
}

static int
yaml_failed(const char *file, int rc, const struct yaml_error *bad, struct rulefile_error *err)
{
	snprintf(err->file, sizeof(err->file), "%s", file);
	err->line = bad->place.line;
	err->column = bad->place.column;
	snprintf(err->text, sizeof(err->text), "%s", bad->text);
	return rc;
}

int
rulefile_read(struct rule_set *s, const char *file, const char *text, size_t len,
    rule_parse_fn *parse, void *ctx, struct rulefile_error *err)
{
	struct yaml_error bad = {0};
	struct yaml_doc *doc = NULL;
	int rc = yaml_read(&doc, file, text, len, &bad);

	*err = (struct rulefile_error){0};
	if (rc != 0)
		return yaml_failed(file, rc, &bad, err);
	rc = read_doc(s, file, doc, parse, ctx, err);
	yaml_free(doc);
	return rc;
}

int
rulefile_load(struct rule_set *s, const char *path, rule_parse_fn *parse, void *ctx,
    struct rulefile_error *err)
{
	struct yaml_error bad = {0};
	struct yaml_doc *doc = NULL;
	int rc = yaml_read_file(&doc, path, &bad);

	*err = (struct rulefile_error){0};
	if (rc != 0)
		return yaml_failed(path, rc, &bad, err);
	rc = read_doc(s, path, doc, parse, ctx, err);
	yaml_free(doc);
	return rc;
}

int
rulefile_glob(struct rule_set *s, const char *pattern, rule_parse_fn *parse, void *ctx,
    struct rulefile_error *err)
{
	struct yaml_error none = {.text = "no such file"};
	glob_t found;
	int rc = glob(pattern, GLOB_BRACE, NULL, &found);

	*err = (struct rulefile_error){0};
	if (rc == GLOB_NOMATCH)
		return strpbrk(pattern, "*?[{") != NULL ? 0
							: yaml_failed(pattern, -ENOENT, &none, err);
	if (rc != 0)
		return rc == GLOB_NOSPACE ? -ENOMEM : yaml_failed(pattern, -EIO, &none, err);
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
		rc = rulefile_load(s, found.gl_pathv[i], parse, ctx, err);
	globfree(&found);
	return rc;
}
