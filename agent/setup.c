/*
 * setup.c - see setup.h: the configuration converted into what each part of the agent takes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "agent/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/setup-plugins.h"
#include "agent/setup-rules.h"
#include "config/check.h"
#include "config/config.h"
#include "config/map.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

struct own {
	struct plugins *plugins;
	struct heap heap;       /* what the converted structs point into */
};

static void *
take(struct setup *s, size_t n, size_t size)
{
	void *p = heap_alloc(&((struct own *)s->arena)->heap, (n > 0 ? n : 1) * size);

	if (p == NULL)
		abort();
	return p;
}

/* ---- probes ---- */

static void
convert_labels(struct setup *s, const struct tw_list *from, struct label **to, size_t *n)
{
	const struct tw_pair *pairs = from->items;

	*n = from->n;
	*to = take(s, from->n, sizeof(**to));
	for (uint32_t i = 0; i < from->n; i++)
		(*to)[i] = (struct label){pairs[i].name, pairs[i].value};
}

static char *
probe_json(const struct setup_probe *p, const struct config_probe *from)
{
	json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:O, s:O}", "name", p->name, "plugin",
	    p->plugin, "interval_ms", (json_int_t)p->interval_ms, "offset_ms",
	    (json_int_t)p->offset_ms, "timeout_ms", (json_int_t)p->timeout_ms, "options",
	    from->options, "reads", from->reads);
	char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(o);
	return text;
}

static bool
is_input(const struct tw_option *o, const json_t *v)
{
	return (o->flags & TW_STDIN) != 0 && strcmp(json_string_value(v), "-") == 0;
}

static bool
reads_input(const struct config_probe *p)
{
	const struct tw_table *rows = &p->manifest->plugin.options;

	for (uint32_t i = 0; i < rows->count; i++) {
		struct tw_option o = option_row(rows, i);
		json_t *v = json_object_get(p->options, o.name), *item;
		size_t k;

		if ((o.flags & TW_STDIN) == 0)
			continue;
		if (json_is_string(v) && is_input(&o, v))
			return true;
		json_array_foreach(v, k, item)
			if (is_input(&o, item))
				return true;
	}
	return false;
}

/* Those who share a source start together: their commits are one. */
static void
convert_probe(struct setup *s, struct setup_probe *to, const struct config_probe *p,
    const char *shared)
{
	const struct own *own = s->arena;
	bool blocking = (p->manifest->plugin.flags & TW_BLOCKING) != 0;

	to->name = xstrdup(p->name);
	to->plugin = xstrdup(p->plugin);
	to->system = xstrdup(map_system_of(s->config, p));
	to->plugin_path = xstrdup(plugins_path(own->plugins, p->plugin));
	to->is_source = p->is_source;
	to->is_shared = shared != NULL;
	to->reads_input = reads_input(p);
	if (shared != NULL)
		to->group = xasprintf("source:%s", shared);
	else
		to->group = blocking ? xasprintf("%s:%s", p->plugin, p->name) : xstrdup(p->plugin);
	to->interval_ms = p->interval / 1000;
	to->timeout_ms = p->timeout / 1000;
	to->offset_ms = slot_offset(shared != NULL ? shared : p->name, to->interval_ms);
	convert_labels(s, &p->labels, &to->labels, &to->n_labels);
	to->json = probe_json(to, p);
}

static size_t
find_source(const struct config *c, const char *name)
{
	size_t i = 0;

	while (i < c->n_probes
	    && !(c->probes[i].is_source && strcmp(c->probes[i].name, name) == 0))
		i++;
	return i;
}

static size_t
root_of(const size_t *group, size_t i)
{
	while (group[i] != i)
		i = group[i];
	return i;
}

/* Sources and who reads them, joined as long as two have one in common. Each probe's group is then
 * the last source among them; n_probes: it shares none. */
static size_t *
share(const struct config *c)
{
	size_t *group = xcalloc(c->n_probes + 1, sizeof(*group)), i, k;
	const json_t *name;

	for (i = 0; i < c->n_probes; i++)
		group[i] = i;
	for (i = 0; i < c->n_probes; i++)
		json_array_foreach(c->probes[i].reads, k, name) {
			size_t a = root_of(group, i);
			size_t b = root_of(group, find_source(c, json_string_value(name)));

			group[a < b ? a : b] = a < b ? b : a; /* sources come last in the list */
		}
	for (i = 0; i < c->n_probes; i++)
		group[i] = c->probes[root_of(group, i)].is_source ? root_of(group, i) : c->n_probes;
	return group;
}

static void
convert_probes(struct setup *s, const struct config *c)
{
	size_t *group = share(c);

	s->n_probes = c->n_probes;
	s->probes = xcalloc(c->n_probes, sizeof(*s->probes));
	for (size_t i = 0; i < c->n_probes; i++)
		convert_probe(s, &s->probes[i], &c->probes[i],
		    group[i] < c->n_probes ? c->probes[group[i]].name : NULL);
	free(group);
}

/* The options have become texts for the hosts, and nobody reads them as values any more. */
static void
drop_options(struct config *c)
{
	for (size_t i = 0; i < c->n_probes; i++) {
		json_decref(c->probes[i].options);
		c->probes[i].options = NULL;
	}
}

/* ---- routes and receivers ---- */

static const char *const *
texts(const struct tw_list *l)
{
	return l->n > 0 ? l->items : NULL;
}

static int64_t
ms_or_inherit(int64_t us)
{
	return us < 0 ? -1 : us / 1000;
}

static struct alert_route
convert_route(struct setup *s, const struct config_route *r)
{
	const struct config_route *children = r->routes.items;
	struct alert_route *routes = take(s, r->routes.n, sizeof(*routes));

	for (uint32_t i = 0; i < r->routes.n; i++)
		routes[i] = convert_route(s, &children[i]);
	return (struct alert_route){.receiver = r->receiver,
	    .matchers = texts(&r->matchers),
	    .n_matchers = r->matchers.n,
	    .group_by = texts(&r->group_by),
	    .n_group_by = r->group_by.n,
	    .group_wait_ms = ms_or_inherit(r->group_wait),
	    .group_interval_ms = ms_or_inherit(r->group_interval),
	    .repeat_interval_ms = ms_or_inherit(r->repeat_interval),
	    .continue_ = r->continue_ != 0,
	    .routes = routes,
	    .n_routes = r->routes.n};
}

static void
convert_receivers(struct setup *s, const struct config *c)
{
	const struct config_receiver *from = c->receivers.items;

	s->n_receivers = c->receivers.n;
	s->receivers = take(s, s->n_receivers, sizeof(*s->receivers));
	for (size_t i = 0; i < s->n_receivers; i++) {
		const struct tw_pair *headers = from[i].headers.items;
		struct receiver *to = &s->receivers[i];

		*to = (struct receiver){.name = from[i].name,
		    .type = "webhook",
		    .url = from[i].url,
		    .secret = from[i].secret,
		    .secret_old = from[i].secret_old,
		    .fallback = from[i].fallback,
		    .ca_file = from[i].ca_file,
		    .proxy = from[i].proxy,
		    .timeout_ms = (int)(from[i].timeout / 1000),
		    .no_resolved = !from[i].send_resolved,
		    .max_alerts = (size_t)from[i].max_alerts};
		for (uint32_t k = 0; k < from[i].headers.n && k < RECEIVER_HEADERS_MAX; k++)
			to->headers[to->n_headers++] =
			    (struct receiver_header){headers[k].name, headers[k].value};
	}
}

static void
convert_alerts(struct setup *s, const struct config *c)
{
	const struct config_inhibit *from = c->inhibit_rules.items;
	struct alert_inhibit *inhibit = take(s, c->inhibit_rules.n, sizeof(*inhibit));

	for (uint32_t i = 0; i < c->inhibit_rules.n; i++)
		inhibit[i] = (struct alert_inhibit){texts(&from[i].source_matchers),
		    texts(&from[i].target_matchers), texts(&from[i].equal),
		    from[i].source_matchers.n, from[i].target_matchers.n, from[i].equal.n};
	s->alerts = (struct alert_config){.route = convert_route(s, &c->route),
	    .inhibit = inhibit,
	    .n_inhibit = c->inhibit_rules.n,
	    .receivers = s->receivers,
	    .n_receivers = s->n_receivers};
}

/* ---- the rest ---- */

/* A file, or the directory in which files of that name come and go. */
static void
add_path(json_t *list, const struct tw_option *o, const json_t *v)
{
	const char *path = json_string_value(v), *end = path + strlen(path);
	size_t fixed = strcspn(path, "*?[");

	if (is_input(o, v))
		return;
	if (!(o->flags & TW_AROUND)) {
		json_array_append_new(list, json_string(path));
		return;
	}
	for (end = path + fixed; end > path + 1 && *end != '/'; end--)
		;
	json_array_append_new(list, json_stringn(path, (size_t)(end - path)));
}

/* What the options of type path name, wherever they stand: the sandbox lets hosts read it. */
static void
add_paths(json_t *list, const struct tw_table *rows, const json_t *values)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		struct tw_option o = option_row(rows, i);
		json_t *v = json_object_get(values, o.name);
		const json_t *item;
		size_t k;

		if (o.type == TW_PATH && json_is_string(v))
			add_path(list, &o, v);
		else if (o.type == TW_PATH)
			json_array_foreach(v, k, item)
				add_path(list, &o, item);
		else if (o.type == TW_MAP)
			add_paths(list, &o.nested, v);
		else if (o.type == TW_MAPS)
			json_array_foreach(v, k, item)
				add_paths(list, &o.nested, item);
	}
}

static char *
inbox_path(const struct config *c)
{
	return xasprintf("%s/inbox", c->agent.store.path);
}

static json_t *
all_paths(const struct config *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_probes; i++)
		add_paths(list, &c->probes[i].manifest->plugin.options, c->probes[i].options);
	if (c->agent.ingest.listen != NULL) {
		char *inbox = inbox_path(c);

		json_array_append_new(list, json_string(inbox));
		free(inbox);
	}
	return list;
}

#define CALENDAR_BYTES_MAX (400 * 24)

/* "2026-11-27=2025-11-28,12-25=sunday,12-26=": excluded ones are like nothing. */
static void
calendar_text(struct buf *b, const struct config *c)
{
	const struct tw_pair *days = c->shop.calendar.items;

	for (uint32_t i = 0; i < c->shop.calendar.n; i++)
		buf_printf(b, "%s%s=%s", i > 0 ? "," : "", days[i].name,
		    strcmp(days[i].value, "excluded") == 0 ? "" : days[i].value);
}

/* The shop's words that plugins may ask for (tw_api.setting). */
static json_t *
settings(const struct config *c)
{
	const struct tw_pair *header = c->synthetic.headers.items;
	bool has_header = c->synthetic.headers.n > 0;
	char pages[32], judged[32];
	struct buf days;
	json_t *o;
	size_t n = 0;

	for (size_t i = 0; i < c->n_probes; i++)
		n += json_array_size(c->probes[i].reads) > 0;
	snprintf(pages, sizeof(pages), "%.9g", c->false_pages_month);
	snprintf(judged, sizeof(judged), "%zu", n);
	buf_init(&days, CALENDAR_BYTES_MAX);
	calendar_text(&days, c);
	o = json_pack("{s:s?, s:s, s:s, s:s, s:s?, s:s?, s:s, s:s, s:s}", "shop/currency",
	    c->shop.currency, "shop/timezone", c->shop.timezone, "synthetic/header_name",
	    has_header ? header[0].name : "X-Synthetic", "synthetic/header_value",
	    has_header ? header[0].value : "tillwatch", "synthetic/email", c->synthetic.email,
	    "synthetic/sku", c->synthetic.sku, "false_pages/month", pages, "false_pages/probes",
	    judged, "shop/calendar", buf_str(&days));
	buf_free(&days);
	if (c->agent.ingest.listen != NULL) {
		char *inbox = inbox_path(c);

		json_object_set_new(o, "ingest/inbox", json_string(inbox));
		free(inbox);
	}
	return o;
}

static void
convert_agent(struct setup *s, const struct config *c)
{
	static const char *const sandboxes[] = {"enforce", "audit", "off"};
	const struct config_token *tokens = c->agent.api.tokens.items;
	const char *const *references = c->agent.reference.items;
	json_t *list = json_array(), *o;
	struct label *labels;

	s->shop = c->shop.name;
	s->currency = c->shop.currency != NULL ? c->shop.currency : "";
	convert_labels(s, &c->shop.labels, &labels, &s->n_labels);
	s->labels = labels;
	s->store_path = c->agent.store.path;
	s->retention_raw_ms = c->agent.store.retention.raw / 1000;
	s->store_max_bytes = c->agent.store.max_size;
	s->runs_max_bytes = c->agent.store.runs.max_size;
	s->socket_path = c->agent.api.socket;
	s->act_group = c->agent.api.act_group;
	s->listen = c->agent.api.listen;
	s->n_tokens = c->agent.api.tokens.n;
	s->tokens = take(s, s->n_tokens, sizeof(*s->tokens));
	for (size_t i = 0; i < s->n_tokens; i++)
		s->tokens[i] =
		    (struct api_token){tokens[i].token, tokens[i].scope == 1 ? API_ACT : API_READ};
	for (uint32_t i = 0; i < c->agent.reference.n; i++)
		json_array_append_new(list, json_string(references[i]));
	o = json_pack("{s:s, s:o, s:s, s:i, s:{s:s?, s:s?}, s:o, s:o}", "shop", s->shop,
	    "references", list, "sandbox", sandboxes[c->agent.plugins.sandbox], "log_level", 6,
	    "geoip", "country", c->agent.geoip.country, "asn", c->agent.geoip.asn, "paths",
	    all_paths(c), "settings", settings(c));
	s->host_json = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(o);
}

/* ---- webhooks in ---- */

/* 0, or -EINVAL with why the source cannot be served. */
static int
convert_inbox_source(
    struct setup *s, struct inbox_source *to, const struct config_probe *p, char *err, size_t cap)
{
	const json_t *secrets = json_object_get(p->options, "secret"), *item;
	const char *kind = json_string_value(json_object_get(p->options, "signature"));
	const char *header = json_string_value(json_object_get(p->options, "header"));
	struct heap *heap = &((struct own *)s->arena)->heap;
	const char **texts = take(s, json_array_size(secrets), sizeof(*texts));
	size_t i;

	json_array_foreach(secrets, i, item)
		texts[i] = heap_text(heap, json_string_value(item), json_string_length(item));
	*to = (struct inbox_source){.name = p->name,
	    .signature = (enum inbox_signature)choice_index(INBOX_SIGNATURES, kind),
	    .header = header != NULL ? heap_text(heap, header, strlen(header)) : NULL,
	    .secrets = texts,
	    .n_secrets = json_array_size(secrets)};
	return inbox_source_check(to, err, cap);
}

/* Before drop_options: the secrets stand there. */
static int
convert_inbox(struct setup *s, const struct config *c, struct buf *errors)
{
	char err[256];

	s->ingest_listen = c->agent.ingest.listen;
	s->ingest_max_body = c->agent.ingest.max_body;
	s->ingest_max_size = c->agent.ingest.max_size;
	s->inbox_path = s->ingest_listen != NULL ? inbox_path(c) : NULL;
	s->inbox_sources = take(s, c->n_probes, sizeof(*s->inbox_sources));
	for (size_t i = 0; i < c->n_probes; i++) {
		const struct config_probe *p = &c->probes[i];

		if (!p->is_source || strcmp(p->plugin, "webhook") != 0)
			continue;
		snprintf(err, sizeof(err), "agent.ingest.listen is wanted: else nothing can come");
		if (s->ingest_listen == NULL
		    || convert_inbox_source(s, &s->inbox_sources[s->n_inbox_sources++], p, err,
			   sizeof(err)) != 0) {
			buf_printf(errors, "%s: %s\n", p->path, err);
			return -EINVAL;
		}
	}
	if (s->ingest_max_body > s->ingest_max_size) {
		buf_printf(errors, "agent.ingest.max_body: more than max_size\n");
		return -EINVAL;
	}
	return 0;
}

static int
convert(struct setup *s, struct buf *errors)
{
	struct config *c = s->config;
	char err[512] = "";
	size_t which = 0;

	convert_agent(s, c);
	convert_probes(s, c);
	if (convert_inbox(s, c, errors) != 0)
		return -EINVAL;
	s->map = map_new(c);
	drop_options(c);
	convert_receivers(s, c);
	convert_alerts(s, c);
	if (receivers_check(s->receivers, s->n_receivers, &which, err, sizeof(err)) != 0) {
		buf_printf(errors, "receivers.%s: %s\n", s->receivers[which].name, err);
		return -EINVAL;
	}
	if (setup_rules(&s->rules, c, errors) != 0)
		return -EINVAL;
	if (s->n_receivers > 0 && alert_config_check(&s->alerts, err, sizeof(err)) != 0) {
		buf_printf(errors, "%s\n", err);
		return -EINVAL;
	}
	return 0;
}

int
setup_load(struct setup **out, const char *path, struct buf *text)
{
	struct setup *s = xcalloc(1, sizeof(*s));
	struct own *own = xcalloc(1, sizeof(*own));
	struct config_env env = {.manifest = plugins_manifest};
	struct config *config;
	struct errors errors;
	int rc;

	*out = NULL;
	s->arena = own;
	own->plugins = plugins_new();
	s->host_path = plugins_host(own->plugins);
	env.ctx = own->plugins;
	errors_init(&errors);
	rc = config_load(&config, path, &env, &errors);
	s->config = config;
	buf_text(text, buf_str(&errors.text));
	errors_free(&errors);
	if (rc == 0) {
		s->warnings = buf_str(&config->warnings.text);
		rc = convert(s, text);
	}
	if (rc == 0)
		*out = s;
	else
		setup_free(s);
	return rc;
}

void
setup_free(struct setup *s)
{
	struct own *own;

	if (s == NULL)
		return;
	own = s->arena;
	for (size_t i = 0; i < s->n_probes; i++) {
		struct setup_probe *p = &s->probes[i];

		free(p->name);
		free(p->plugin);
		free(p->system);
		free(p->plugin_path);
		free(p->group);
		free(p->json);
	}
	free(s->probes);
	free(s->host_json);
	free(s->inbox_path);
	rule_set_clear(&s->rules);
	map_free(s->map);
	config_free(s->config);
	plugins_free(own->plugins);
	heap_free(&own->heap);
	free(own);
	free(s);
}

void
setup_place(
    const struct setup *s, const char *probe, const char *option_path, char *dst, size_t cap)
{
	const struct config *c = s->config;

	dst[0] = '\0';
	for (size_t i = 0; i < c->n_probes; i++) {
		struct yaml_place place;

		if (strcmp(c->probes[i].name, probe) != 0)
			continue;
		place = check_place(c->probes[i].node, option_path);
		snprintf(dst, cap, "%s:%d:%d: %s", place.file, place.line, place.column,
		    c->probes[i].path);
	}
}

struct metrics {
	void (*each)(void *, const struct tw_metric *);
	void *arg;
};

static void
metrics_of_plugin(void *arg, const struct manifest *m)
{
	const struct tw_table *t = &m->plugin.metrics;
	const struct metrics *w = arg;

	for (uint32_t i = 0; i < t->count; i++)
		w->each(w->arg, (const struct tw_metric *)t->rows + i);
}

void
setup_metrics(const struct setup *s, void (*each)(void *, const struct tw_metric *), void *arg)
{
	struct metrics w = {each, arg};

	plugins_each(((const struct own *)s->arena)->plugins, metrics_of_plugin, &w);
}

void
setup_log(const struct setup *s)
{
	for (const char *line = s->warnings; *line != '\0'; line += strspn(line, "\n")) {
		size_t n = strcspn(line, "\n");

		log_line(LOGL_WARN, "%.*s", (int)n, line);
		line += n;
	}
}

void
setup_scrub(const struct setup *s, char *text)
{
	secret_scrub(((const struct config *)s->config)->secrets, text);
}
