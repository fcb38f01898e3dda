/*
 * route.c - Alertmanager's routing tree: matchers read, routes compiled, alerts sent down.
 *
 * An alert enters at the root; a route whose matchers hold passes it to its children in order, and
 * takes it itself when none of them did. A route that took it ends the search among its siblings
 * unless it says continue.
 *
 * Pure; nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/alert/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xmalloc.h"

#define MATCHER_TEXT_MAX 2048

static int __attribute__((format(printf, 3, 4))) fail(char *err, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, cap, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- matchers ---- */

/* The value after the operator: quoted with \" \\ \n, or bare. */
static int
read_value(const char *p, char dst[MATCHER_TEXT_MAX])
{
	size_t n = 0, len = strlen(p);

	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len == 0 || *p != '"') {
		if (memchr(p, '"', len) != NULL)
			return -EINVAL;
		memcpy(dst, p, len);
		dst[len] = '\0';
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		char c = p[i];

		if (c == '"') {
			dst[n] = '\0';
			return i + 1 == len ? 0 : -EINVAL;
		}
		if (c == '\\' && i + 1 < len && strchr("\\\"n", p[i + 1]) != NULL)
			c = p[++i] == 'n' ? '\n' : p[i];
		dst[n++] = c;
	}
	return -EINVAL;
}

int
alert_matcher_parse(struct matcher *m, const char *text, char *err, size_t cap)
{
	static const struct {
		const char *text;
		enum match_op op;
	} ops[] = {
	    {"=~", MATCH_RE},
	    {"!~", MATCH_NRE},
	    {"!=", MATCH_NE},
	    {"=", MATCH_EQ},
	};
	char name[256], value[MATCHER_TEXT_MAX];
	const char *p = text + strspn(text, " \t");
	size_t n = strcspn(p, "=! \t");

	if (strlen(text) >= MATCHER_TEXT_MAX || n >= sizeof(name))
		return fail(err, cap, "longer than %d bytes", MATCHER_TEXT_MAX);
	memcpy(name, p, n);
	name[n] = '\0';
	p += n;
	p += strspn(p, " \t");
	if (!label_name_ok(name))
		return fail(
		    err, cap, "expected name=\"value\" (also != =~ !~), not \"%.60s\"", text);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		size_t len = strlen(ops[i].text);

		if (strncmp(p, ops[i].text, len) != 0)
			continue;
		p += len;
		p += strspn(p, " \t");
		if (read_value(p, value) != 0)
			return fail(err, cap, "the value's quotes do not fit: %.60s", p);
		return matcher_init(m, ops[i].op, name, value, err, cap);
	}
	return fail(err, cap, "expected = != =~ or !~ after \"%s\"", name);
}

void
matcher_list_clear(struct matcher_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		matcher_clear(&l->at[i]);
	free(l->at);
	*l = (struct matcher_list){0};
}

int
matcher_list_parse(struct matcher_list *l, const char *const *texts, size_t n, const char *place,
    char *err, size_t cap)
{
	char why[200] = "";

	*l = (struct matcher_list){.at = xcalloc(n > 0 ? n : 1, sizeof(*l->at))};
	for (size_t i = 0; i < n; i++) {
		int rc = alert_matcher_parse(&l->at[i], texts[i], why, sizeof(why));

		if (rc != 0) {
			snprintf(err, cap, "%s[%zu]: %s", place, i, why);
			return rc;
		}
		l->n++;
	}
	return 0;
}

/* ---- the tree ---- */

struct build {
	const struct alert_config *c;
	struct routing *out;
	char *err;
	size_t cap;
};

static char **
copy_list(const char *const *list, size_t n)
{
	char **out = xcalloc(n > 0 ? n : 1, sizeof(*out));

	for (size_t i = 0; i < n; i++)
		out[i] = xstrdup(list[i]);
	return out;
}

/* The text that Alertmanager makes of a route's matchers: {a="x",b=~"y"}. */
static void
key_add(struct buf *b, const struct matcher_list *l)
{
	static const char *const ops[] = {
	    [MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"};

	buf_char(b, '{');
	for (size_t i = 0; i < l->n; i++)
		buf_printf(b, "%s%s%s\"%s\"", i > 0 ? "," : "", l->at[i].name, ops[l->at[i].op],
		    l->at[i].value);
	buf_char(b, '}');
}

static void
make_key(struct build *b, struct rt *r, const struct rt *parent)
{
	size_t same = 0;
	struct buf key;

	buf_init(&key, 64 * 1024);
	if (parent != NULL)
		buf_printf(&key, "%s/", parent->key);
	key_add(&key, &r->matchers);
	/* Two routes that say the same to the same receiver keep their groups apart. */
	for (const struct rt *o = b->out->routes; o != r; o++)
		same += strcmp(o->key, buf_str(&key)) == 0 && strcmp(o->receiver, r->receiver) == 0;
	if (same > 0)
		buf_printf(&key, "#%zu", same + 1);
	r->key = xstrdup(buf_str(&key));
	buf_free(&key);
}

static const struct receiver *
find_receiver(const struct alert_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_receivers; i++)
		if (strcmp(c->receivers[i].name, name) == 0)
			return &c->receivers[i];
	return NULL;
}

static int
resolve_intervals(struct build *b, const char *place, const char *key, const char *const *names,
    size_t n, size_t **out)
{
	*out = xcalloc(n > 0 ? n : 1, sizeof(size_t));
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < b->out->n_intervals && strcmp(b->out->intervals[k].name, names[i]) != 0)
			k++;
		if (k == b->out->n_intervals)
			return fail(b->err, b->cap, "%s.%s[%zu]: there is no time interval \"%s\"",
			    place, key, i, names[i]);
		(*out)[i] = k;
	}
	return 0;
}

static int
set_grouping(struct build *b, struct rt *r, const struct alert_route *c, const struct rt *parent,
    const char *place)
{
	const char *const *names = c->group_by;
	size_t n = c->n_group_by;

	if (names == NULL && parent != NULL) {
		names = (const char *const *)(void *)parent->group_by;
		n = parent->n_group_by;
		r->group_all = parent->group_all;
	}
	for (size_t i = 0; c->group_by != NULL && i < n; i++) {
		if (strcmp(names[i], "...") == 0 && n == 1)
			r->group_all = true;
		else if (!label_name_ok(names[i]))
			return fail(b->err, b->cap,
			    "%s.group_by[%zu]: \"%s\" is not a label's name", place, i, names[i]);
	}
	r->group_by = copy_list(names, n);
	r->n_group_by = n;
	return 0;
}

static int
set_route(struct build *b, struct rt *r, const struct alert_route *c, const struct rt *parent,
    const char *place)
{
	const char *name = c->receiver != NULL ? c->receiver
			   : parent != NULL    ? parent->receiver
					       : NULL;
	const struct receiver *receiver;
	char at[512];
	int rc;

	if (name == NULL)
		return fail(b->err, b->cap, "%s.receiver: the root route must name one", place);
	if ((receiver = find_receiver(b->c, name)) == NULL)
		return fail(
		    b->err, b->cap, "%s.receiver: there is no receiver \"%s\"", place, name);
	if (parent == NULL && c->n_matchers > 0)
		return fail(b->err, b->cap, "%s.matchers: the root route takes every alert", place);
	r->receiver = xstrdup(name);
	r->no_resolved = receiver->no_resolved;
	r->max_alerts = receiver->max_alerts;
	r->continue_ = c->continue_;
	r->wait_ms = c->group_wait_ms >= 0 ? c->group_wait_ms
		     : parent != NULL      ? parent->wait_ms
					   : 30000;
	r->interval_ms = c->group_interval_ms >= 0 ? c->group_interval_ms
			 : parent != NULL          ? parent->interval_ms
						   : 300000;
	r->repeat_ms = c->repeat_interval_ms >= 0 ? c->repeat_interval_ms
		       : parent != NULL           ? parent->repeat_ms
						  : 14400000;
	if (r->interval_ms == 0 || r->repeat_ms == 0)
		return fail(b->err, b->cap,
		    "%s: group_interval and repeat_interval must be greater than 0", place);
	snprintf(at, sizeof(at), "%s.matchers", place);
	if ((rc = matcher_list_parse(&r->matchers, c->matchers, c->n_matchers, at, b->err, b->cap))
		!= 0
	    || (rc = set_grouping(b, r, c, parent, place)) != 0)
		return rc;
	r->n_mute = c->n_mute;
	r->n_active = c->n_active;
	if ((rc = resolve_intervals(b, place, "mute_time_intervals", c->mute, c->n_mute, &r->mute))
	    != 0)
		return rc;
	return resolve_intervals(
	    b, place, "active_time_intervals", c->active, c->n_active, &r->active);
}

/* Adds a route and those below it; *index is its place in the table. */
static int
add_route(struct build *b, const struct alert_route *c, size_t parent, const char *place, int depth,
    size_t *index)
{
	struct routing *out = b->out;
	size_t at = out->n_routes, child;
	struct rt *r = &out->routes[at], *p = parent != SIZE_MAX ? &out->routes[parent] : NULL;
	char below[512];
	int rc;

	if (at == ROUTES_MAX || depth > ROUTE_DEPTH_MAX)
		return fail(b->err, b->cap, "%s: more than %d routes, or deeper than %d", place,
		    ROUTES_MAX, ROUTE_DEPTH_MAX);
	if ((rc = set_route(b, r, c, p, place)) != 0) {
		out->n_routes++; /* what it holds is freed with the rest */
		return rc;
	}
	make_key(b, r, p);
	out->n_routes++;
	*index = at;
	r->children = xcalloc(c->n_routes > 0 ? c->n_routes : 1, sizeof(size_t));
	for (size_t i = 0; i < c->n_routes; i++) {
		snprintf(below, sizeof(below), "%s.routes[%zu]", place, i);
		if ((rc = add_route(b, &c->routes[i], at, below, depth + 1, &child)) != 0)
			return rc;
		r->children[r->n_children++] = child;
	}
	return 0;
}

/* ---- inhibition and times ---- */

static int
add_inhibits(struct build *b)
{
	char place[64];
	int rc;

	b->out->inhibit =
	    xcalloc(b->c->n_inhibit > 0 ? b->c->n_inhibit : 1, sizeof(*b->out->inhibit));
	for (size_t i = 0; i < b->c->n_inhibit; i++) {
		const struct alert_inhibit *c = &b->c->inhibit[i];
		struct inhibit_rule *r = &b->out->inhibit[b->out->n_inhibit++];

		snprintf(place, sizeof(place), "inhibit_rules[%zu].source_matchers", i);
		if ((rc = matcher_list_parse(
			 &r->source, c->source, c->n_source, place, b->err, b->cap))
		    != 0)
			return rc;
		snprintf(place, sizeof(place), "inhibit_rules[%zu].target_matchers", i);
		if ((rc = matcher_list_parse(
			 &r->target, c->target, c->n_target, place, b->err, b->cap))
		    != 0)
			return rc;
		if (c->n_source == 0 || c->n_target == 0)
			return fail(b->err, b->cap,
			    "inhibit_rules[%zu]: source and target matchers must be given", i);
		r->equal = copy_list(c->equal, c->n_equal);
		r->n_equal = c->n_equal;
	}
	return 0;
}

static bool
ranges_ok(const struct alert_range *r, size_t n, int min, int max)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].from < min || r[i].to > max
		    || (r[i].from > r[i].to && (r[i].from < 0) == (r[i].to < 0)))
			return false;
	return true;
}

static int
check_times(struct build *b, const char *name, const struct alert_times *t, size_t i)
{
	if (t->location != NULL && strcmp(t->location, "UTC") != 0)
		return fail(b->err, b->cap,
		    "time_intervals.%s[%zu].location: only UTC in this version, not \"%s\"", name,
		    i, t->location);
	if (!ranges_ok(t->minutes, t->n_minutes, 0, 1440)
	    || !ranges_ok(t->weekdays, t->n_weekdays, 0, 6)
	    || !ranges_ok(t->months, t->n_months, 1, 12)
	    || !ranges_ok(t->years, t->n_years, 1970, 9999)
	    || !ranges_ok(t->days, t->n_days, -31, 31))
		return fail(b->err, b->cap,
		    "time_intervals.%s[%zu]: a range is out of bounds or ends before it begins",
		    name, i);
	return 0;
}

static int
add_intervals(struct build *b)
{
	int rc;

	b->out->intervals =
	    xcalloc(b->c->n_intervals > 0 ? b->c->n_intervals : 1, sizeof(*b->out->intervals));
	for (size_t i = 0; i < b->c->n_intervals; i++) {
		const struct alert_interval *c = &b->c->intervals[i];
		struct interval *t = &b->out->intervals[b->out->n_intervals++];

		t->name = xstrdup(c->name);
		t->times = xcalloc(c->n > 0 ? c->n : 1, sizeof(*t->times));
		for (size_t k = 0; k < c->n; k++) {
			if ((rc = check_times(b, c->name, &c->times[k], k)) != 0)
				return rc;
			t->times[k] = c->times[k];
			t->times[k].location = NULL;
		}
		t->n = c->n;
	}
	return 0;
}

/* ---- the whole ---- */

int
routing_new(struct routing **out, const struct alert_config *c, char *err, size_t cap)
{
	struct routing *r = xcalloc(1, sizeof(*r));
	struct build b = {c, r, err, cap};
	size_t root;
	int rc;

	/* Without any receiver alerts live and are shown; nobody is told. */
	bool nobody = c->n_receivers == 0 && c->route.receiver == NULL && c->route.n_routes == 0;

	r->routes = xcalloc(ROUTES_MAX, sizeof(*r->routes));
	if ((rc = add_intervals(&b)) != 0 || (rc = add_inhibits(&b)) != 0
	    || (!nobody && (rc = add_route(&b, &c->route, SIZE_MAX, "route", 0, &root)) != 0)) {
		routing_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

int
alert_config_check(const struct alert_config *c, char *err, size_t cap)
{
	struct routing *r = NULL;
	int rc = routing_new(&r, c, err, cap);

	if (rc == 0)
		routing_free(r);
	return rc;
}

static void
free_list(char **list, size_t n)
{
	for (size_t i = 0; list != NULL && i < n; i++)
		free(list[i]);
	free(list);
}

void
routing_free(struct routing *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n_routes; i++) {
		struct rt *t = &r->routes[i];

		free(t->receiver);
		free(t->key);
		matcher_list_clear(&t->matchers);
		free_list(t->group_by, t->n_group_by);
		free(t->mute);
		free(t->active);
		free(t->children);
	}
	for (size_t i = 0; i < r->n_inhibit; i++) {
		matcher_list_clear(&r->inhibit[i].source);
		matcher_list_clear(&r->inhibit[i].target);
		free_list(r->inhibit[i].equal, r->inhibit[i].n_equal);
	}
	for (size_t i = 0; i < r->n_intervals; i++) {
		free(r->intervals[i].name);
		free(r->intervals[i].times);
	}
	free(r->routes);
	free(r->inhibit);
	free(r->intervals);
	free(r);
}

/* Adds the takers below (and with) route i to out; false: its matchers do not hold. */
static bool
descend(
    const struct routing *r, size_t i, const struct labels *l, size_t *out, size_t *n, size_t max)
{
	const struct rt *t = &r->routes[i];
	bool taken = false;

	if (!matchers_ok(t->matchers.at, t->matchers.n, l))
		return false;
	for (size_t k = 0; k < t->n_children; k++) {
		bool took = descend(r, t->children[k], l, out, n, max);

		taken |= took;
		if (took && !r->routes[t->children[k]].continue_)
			break;
	}
	if (!taken && *n < max)
		out[(*n)++] = i;
	return true;
}

size_t
routing_match(const struct routing *r, const struct labels *l, size_t *out, size_t max)
{
	size_t n = 0;

	if (r->n_routes > 0)
		(void)descend(r, 0, l, out, &n, max);
	return n;
}
