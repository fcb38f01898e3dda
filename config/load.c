/*
 * load.c - from files to struct config: read, merge, check, fill; then the probes, each against its
 * plugin's rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/check.h"
#include "config/config.h"
#include "config/flows.h"
#include "config/instance.h"
#include "lib/tz.h"
#include "lib/xmalloc.h"

#define DOCS_MAX 256
#define PROBES_MAX 100000
#define CALENDAR_MAX 400              /* what a season takes (plugins/common/season.h) */

struct load {
	struct config *config;
	const struct config_env *env;
	struct errors *errors;
	struct check check;
};

/* ---- files ---- */

/* Who can write a configuration decides what the agent does: others must not. */
static bool
check_mode(struct load *l, const char *path)
{
	struct yaml_place place = {path, 0, 0};
	struct stat st;

	if (stat(path, &st) != 0) {
		errors_add(l->errors, &place, "", "%s", strerror(errno));
		return false;
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		errors_add(l->errors, &place, "",
		    "belongs to somebody else than root and the agent's user");
		return false;
	}
	if ((st.st_mode & 022) != 0 && !(S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX))) {
		errors_add(l->errors, &place, "", "can be written by others (try chmod go-w)");
		return false;
	}
	return true;
}

static int
read_text(
    const struct config_env *env, const char *path, struct yaml_doc **doc, struct yaml_error *err)
{
	for (size_t i = 0; i < env->n_texts; i++)
		if (strcmp(env->texts[i].file, path) == 0)
			return yaml_read(doc, path, env->texts[i].text, env->texts[i].len, err);
	return yaml_read_file(doc, path, err);
}

static bool
read_doc(struct load *l, const char *path)
{
	struct config *c = l->config;
	struct yaml_error err;
	struct yaml_doc *doc;

	if (!check_mode(l, path))
		return false;
	if (read_text(l->env, path, &doc, &err) != 0) {
		errors_add(l->errors, &err.place, "", "%s", err.text);
		return false;
	}
	c->docs = xrealloc(c->docs, c->n_docs + 1, sizeof(struct yaml_doc *));
	c->docs[c->n_docs++] = doc;
	if (yaml_root(doc)->kind != YAML_MAP) {
		errors_add(l->errors, &yaml_root(doc)->place, "",
		    "a map is wanted at the top of the file");
		return false;
	}
	if (c->n_docs > 1 && yaml_merge(c->docs[0], doc, &err) != 0) {
		errors_add(l->errors, &err.place, "", "%s", err.text);
		return false;
	}
	return true;
}

static int
is_yaml(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".yaml") == 0;
}

static bool
read_all(struct load *l, const char *path)
{
	char *copy = xstrdup(path), *dir = xasprintf("%s/conf.d", dirname(copy));
	struct dirent **names = NULL;
	bool ok = read_doc(l, path);
	int n = scandir(dir, &names, is_yaml, alphasort);

	if (ok && n > 0)
		ok = check_mode(l, dir);
	for (int i = 0; i < n; i++) {
		char *file = xasprintf("%s/%s", dir, names[i]->d_name);

		if (ok && i >= DOCS_MAX)
			errors_add(l->errors, &(struct yaml_place){dir, 0, 0}, "",
			    "more than %d files", DOCS_MAX);
		ok = ok && i < DOCS_MAX && read_doc(l, file);
		free(file);
		free(names[i]);
	}
	free(names);
	free(dir);
	free(copy);
	return ok;
}

/* ---- probes ---- */

static size_t
names_of(const struct tw_table *rows, const char **names, size_t max)
{
	size_t n = 0;

	for (; n < rows->count && n < max; n++)
		names[n] = option_row(rows, (uint32_t)n).name;
	return n;
}

static const struct manifest *
find_manifest(struct load *l, const struct config_probe *p)
{
	const char *key = p->is_source ? "type" : "plugin";
	const struct yaml_node *plugin = yaml_get(p->node, key);
	const struct manifest *m;
	char err[512] = "", full[128];

	snprintf(full, sizeof(full), "%s.%s", p->path, key);
	if (plugin == NULL || plugin->kind != YAML_TEXT) {
		errors_add(l->errors, plugin != NULL ? &plugin->place : &p->node->place, full,
		    p->is_source ? "is missing (where records come from: access_log)"
				 : "is missing (what measures: storefront)");
		return NULL;
	}
	m = l->env->manifest(l->env->ctx, l->config, plugin->text, err, sizeof(err));
	if (m == NULL) {
		errors_add(l->errors, &plugin->place, full, "%s", err);
	} else if (((m->plugin.flags & TW_SOURCE) != 0) != p->is_source) {
		errors_add(l->errors, &plugin->place, full,
		    p->is_source ? "%s measures; as a source it gives nothing"
				 : "%s is a source: it belongs under sources",
		    plugin->text);
		return NULL;
	}
	return m;
}

static void
fill_probe(struct load *l, struct config_probe *p)
{
	const struct tw_table *rows = p->is_source ? &config_source_rows : &config_probe_rows;
	const struct yaml_node *map = p->node;
	const char *own[64], *plugins[256];
	size_t n_own = names_of(rows, own, 64), n_plugins = 0;
	const struct manifest *m = find_manifest(l, p);
	json_t *common;
	char err[256];

	p->manifest = m;
	if (m != NULL)
		map = p->node =
		    words_take(&l->config->words, &m->plugin.words, p->node, p->path);
	if (m != NULL)
		n_plugins = names_of(&m->plugin.options, plugins, 256);
	common = m != NULL ? check_options(
		     &l->check, rows, map, &map->place, p->path, plugins, n_plugins)
			   : json_object();
	if (options_fill(rows, p, common, &l->config->heap, err, sizeof(err)) != 0)
		errors_add(l->errors, &map->place, p->path, "%s", err);
	json_decref(common);
	if (m == NULL)
		return;
	l->check.reads = p->reads = json_array();
	p->options = check_options(
	    &l->check, &m->plugin.options, map, &map->place, p->path, own, n_own);
	l->check.reads = NULL;
}

/* Rows that say "no such key" twice (once a table) would be wrong: the common rows skip the
 * plugin's and vice versa. */
static void
check_probe(struct load *l, struct config_probe *p)
{
	const struct config *c = l->config;
	const char *path = p->path;
	char full[160];

	if (p->interval == 0 && p->manifest != NULL)
		p->interval = p->manifest->plugin.interval_us;
	if (p->interval == 0)
		p->interval = c->defaults.interval;
	if (p->timeout == 0)
		p->timeout = c->defaults.timeout < p->interval ? c->defaults.timeout : p->interval;
	snprintf(full, sizeof(full), "%s.timeout", path);
	if (p->timeout > p->interval)
		errors_add(l->errors, &p->node->place, full,
		    "is longer than the interval: runs never overlap");
	snprintf(full, sizeof(full), "%s.name", path);
	for (const struct config_probe *q = c->probes; p->name != NULL && q < p; q++)
		if (q->name != NULL && strcmp(p->name, q->name) == 0)
			errors_add(l->errors,
			    p->is_source ? &p->node->place
					 : &yaml_member(p->node, "name")->value->place,
			    full, "\"%s\" is the name of another probe", p->name);
	snprintf(full, sizeof(full), "%s.system", path);
	if (p->system != NULL && c->systems.n > 0)
		flows_check_system(c, p->system, &yaml_member(p->node, "system")->value->place,
		    full, l->errors);
}

static void
load_one(struct load *l, size_t i)
{
	struct config_probe *p = &l->config->probes[i];

	if (p->node->kind != YAML_MAP) {
		errors_add(l->errors, &p->node->place, p->path,
		    p->is_source ? "a map is wanted here: {type: ..., ...}"
				 : "a map is wanted here: {name: ..., plugin: ...}");
		return;
	}
	fill_probe(l, p);
	check_probe(l, p);
}

/* `sources` when it is there and well-formed; its keys are then what probes may name. */
static const struct yaml_node *
find_sources(struct load *l, const struct yaml_node *root)
{
	const struct yaml_node *map = yaml_get(root, "sources");
	const char **names;

	if (map == NULL || yaml_is_null(map))
		return NULL;
	if (map->kind != YAML_MAP || map->n > PROBES_MAX) {
		errors_add(
		    l->errors, &map->place, "sources", "a map is wanted here: {name: {type: ...}}");
		return NULL;
	}
	names = heap_alloc(&l->config->heap, (map->n + 1) * sizeof(*names));
	for (size_t i = 0; names != NULL && i < map->n; i++)
		names[l->check.n_sources++] = map->members[i].key;
	l->check.sources = names;
	return map;
}

static void
load_probes(struct load *l, const struct yaml_node *root)
{
	const struct yaml_node *list = yaml_get(root, "probes"), *sources = find_sources(l, root);
	size_t n_sources = sources != NULL ? sources->n : 0;
	struct config *c = l->config;

	if (list == NULL || list->kind != YAML_LIST || list->n == 0 || list->n > PROBES_MAX) {
		errors_add(l->errors, list != NULL ? &list->place : &root->place, "probes",
		    list == NULL ? "is missing: what shall be watched?"
				 : "a list of probes is wanted here: write - before each");
		return;
	}
	c->probes = xcalloc(list->n + n_sources, sizeof(*c->probes));
	c->n_probes = list->n + n_sources;
	for (size_t i = 0; i < c->n_probes; i++) {
		struct config_probe *p = &c->probes[i];
		const struct yaml_member *m;

		p->is_source = i >= list->n;
		m = p->is_source ? &sources->members[i - list->n] : NULL;
		p->node = m != NULL ? m->value : list->items[i];
		if (m != NULL)
			snprintf(p->path, sizeof(p->path), "sources.%.50s", m->key);
		else
			snprintf(p->path, sizeof(p->path), "probes[%zu]", i);
		if (m != NULL)
			p->name = m->key;
		load_one(l, i);
	}
}

/* ---- what rows alone cannot say ---- */

static void
check_alerts(struct load *l, const struct yaml_node *root)
{
	const struct yaml_node *list = yaml_get(root, "alerts");
	struct config_alert *a = l->config->alerts.items;
	char path[64];

	for (uint32_t i = 0; list != NULL && i < l->config->alerts.n && i < list->n; i++) {
		bool known = a[i].probe == NULL;

		a[i].place = list->items[i]->place;
		snprintf(path, sizeof(path), "alerts[%u]", i);
		if ((a[i].failures != NULL) == (a[i].expr != NULL))
			errors_add(
			    l->errors, &a[i].place, path, "either failures (with probe) or expr");
		else if (a[i].failures != NULL && a[i].probe == NULL)
			errors_add(l->errors, &a[i].place, path, "failures needs a probe");
		for (size_t k = 0; k < l->config->n_probes && !known; k++)
			known = l->config->probes[k].name != NULL
				&& strcmp(l->config->probes[k].name, a[i].probe) == 0;
		if (!known)
			errors_add(
			    l->errors, &a[i].place, path, "no probe is called \"%s\"", a[i].probe);
	}
}

/* -1 stands for "inherited": zero is a wish of its own. */
static void
inherit(struct config_route *r, const struct yaml_node *node)
{
	const struct yaml_node *routes = yaml_get(node, "routes");
	struct config_route *children = r->routes.items;

	if (yaml_get(node, "group_wait") == NULL)
		r->group_wait = -1;
	if (yaml_get(node, "group_interval") == NULL)
		r->group_interval = -1;
	if (yaml_get(node, "repeat_interval") == NULL)
		r->repeat_interval = -1;
	for (uint32_t i = 0;
	     routes != NULL && routes->kind == YAML_LIST && i < r->routes.n && i < routes->n; i++)
		inherit(&children[i], routes->items[i]);
}

static void
check_route(struct load *l, const struct yaml_node *root)
{
	const struct config_receiver *r = l->config->receivers.items;
	struct config_route *route = &l->config->route;

	inherit(route, yaml_get(root, "route"));
	if (route->receiver == NULL && l->config->receivers.n == 1)
		route->receiver = r[0].name;
	if (route->receiver == NULL && l->config->receivers.n > 1)
		errors_add(l->errors, &root->place, "route.receiver",
		    "is missing: with several receivers, say which one gets what no route takes");
}

/* "2/month" as pages a month of 30 days. */
static void
check_false_pages(struct load *l, const struct yaml_node *root)
{
	static const struct { const char *word; double a_month; } units[] = {
	    {"/day", 30}, {"/week", 30.0 / 7}, {"/month", 1}, {"/quarter", 1.0 / 3},
	    {"/year", 1.0 / 12}};
	const struct yaml_node *node = yaml_get(root, "false_pages");
	const char *text = l->config->false_pages;
	char *end = NULL;
	double n = text != NULL ? strtod(text, &end) : 1;

	l->config->false_pages_month = text == NULL ? 1 : 0;
	for (size_t i = 0; text != NULL && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].word) == 0 && n > 0 && n <= 1000)
			l->config->false_pages_month = n * units[i].a_month;
	if (l->config->false_pages_month == 0)
		errors_add(l->errors, node != NULL ? &node->place : &root->place, "false_pages",
		    "\"%.40s\" is no number of pages in a time (try 1/month)", text);
}

/* "2026-11-27", or "12-25" of each year. */
static bool
is_date(const char *text, bool may_lack_year)
{
	size_t n = strlen(text);
	int y = 2000, m, d, month, day;
	int64_t year;
	char more;

	if (strspn(text, "0123456789-") != n)
		return false;
	if (n == 10 ? sscanf(text, "%4d-%2d-%2d%c", &y, &m, &d, &more) != 3
		    : !may_lack_year || n != 5 || sscanf(text, "%2d-%2d%c", &m, &d, &more) != 2)
		return false;
	if (y < 1970 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	tz_date(tz_days(y, m, d), &year, &month, &day);
	return month == m && day == d;
}

static void
check_calendar(struct load *l, const struct yaml_node *root)
{
	static const char *const words[] = {"monday", "tuesday", "wednesday", "thursday", "friday",
	    "saturday", "sunday", "excluded"};
	const struct yaml_node *shop = yaml_get(root, "shop"),
			       *node = shop != NULL ? yaml_get(shop, "calendar") : NULL;
	const struct tw_pair *days = l->config->shop.calendar.items;

	for (uint32_t i = 0; i < l->config->shop.calendar.n; i++) {
		bool is_known = is_date(days[i].value, false);

		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
			is_known |= strcmp(days[i].value, words[k]) == 0;
		if (!is_date(days[i].name, true))
			errors_add(l->errors, &node->place, "shop.calendar",
			    "\"%.40s\" is no day (try 2026-11-27, or 12-25 for each year)",
			    days[i].name);
		else if (!is_known)
			errors_add(l->errors, &node->place, "shop.calendar",
			    "%s is like \"%.40s\": neither a weekday, a date nor \"excluded\"",
			    days[i].name, days[i].value);
	}
	if (l->config->shop.calendar.n > CALENDAR_MAX)
		errors_add(
		    l->errors, &node->place, "shop.calendar", "more than %d days", CALENDAR_MAX);
}

/* Plugins are told of one header: another one would never be sent. */
static void
check_synthetic(struct load *l, const struct yaml_node *root)
{
	const struct yaml_node *map = yaml_get(yaml_get(root, "synthetic"), "headers");

	if (l->config->synthetic.headers.n > 1)
		errors_add(l->errors, &map->members[1].place, "synthetic.headers",
		    "one header is sent, not %u", l->config->synthetic.headers.n);
}

/* What is not said lies where agent and command line both look for it: instance.h. */
static void
place_files(struct load *l, const struct yaml_node *root, const char *path)
{
	const struct yaml_node *agent = yaml_get(root, "agent");
	char name[INSTANCE_NAME], at[INSTANCE_PATH];
	struct config *c = l->config;

	instance_name(path, name);
	if (yaml_get(yaml_get(agent, "store"), "path") == NULL) {
		instance_store(name, at);
		c->agent.store.path = heap_text(&c->heap, at, strlen(at));
	}
	if (yaml_get(yaml_get(agent, "api"), "socket") == NULL) {
		instance_socket(name, at);
		c->agent.api.socket = heap_text(&c->heap, at, strlen(at));
	}
}

static void
load_tree(struct load *l, const char *path)
{
	static const char *const elsewhere[] = {"probes", "sources"};
	struct config *c = l->config;
	struct yaml_node *root;
	char err[256];
	json_t *values;

	if (!read_all(l, path))
		return;
	root = words_take(&c->words, &config_words, yaml_root(c->docs[0]), "");
	c->root = root;
	values = check_options(&l->check, &config_rows, root, &root->place, "", elsewhere, 2);
	if (options_fill(&config_rows, c, values, &c->heap, err, sizeof(err)) != 0
	    && l->errors->n == 0)
		errors_add(l->errors, &root->place, "", "%s", err);
	json_decref(values);
	place_files(l, root, path);
	check_false_pages(l, root);
	check_calendar(l, root);
	check_synthetic(l, root);
	flows_check(c, yaml_get(root, "flows"), l->errors);
	load_probes(l, root);
	check_alerts(l, root);
	check_route(l, root);
}

static bool
is_elsewhere(const struct yaml_member *m)
{
	return strcmp(m->key, "probes") == 0 || strcmp(m->key, "sources") == 0;
}

bool
config_same(const struct config *a, const struct config *b)
{
	if (a->root->n != b->root->n || a->n_probes != b->n_probes)
		return false;
	for (size_t i = 0; i < a->root->n; i++) {
		const struct yaml_member *x = &a->root->members[i], *y = &b->root->members[i];

		if (strcmp(x->key, y->key) != 0
		    || (!is_elsewhere(x) && !yaml_same(x->value, y->value)))
			return false;
	}
	for (size_t i = 0; i < a->n_probes; i++)
		if (strcmp(a->probes[i].name, b->probes[i].name) != 0
		    || !yaml_same(a->probes[i].node, b->probes[i].node))
			return false;
	return true;
}

int
config_load(
    struct config **out, const char *path, const struct config_env *env, struct errors *errors)
{
	struct config *c = xcalloc(1, sizeof(*c));
	struct load l = {.config = c, .env = env, .errors = errors};

	*out = NULL;
	c->secrets = secrets_new(env->env, env->ctx);
	c->words = (struct words){.heap = &c->heap, .errors = errors};
	errors_init(&c->warnings);
	l.check = (struct check){.errors = errors, .secrets = c->secrets};
	load_tree(&l, path);
	if (errors->n > 0) {
		config_free(c);
		return -EINVAL;
	}
	words_sort(&c->words);
	words_tell(&c->words, &c->warnings);
	*out = c;
	return 0;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_probes; i++) {
		json_decref(c->probes[i].options);
		json_decref(c->probes[i].reads);
	}
	for (size_t i = 0; i < c->n_docs; i++)
		yaml_free(c->docs[i]);
	words_clear(&c->words);
	errors_free(&c->warnings);
	free(c->docs);
	free(c->probes);
	heap_free(&c->heap);
	secrets_free(c->secrets);
	free(c);
}
