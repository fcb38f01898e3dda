/*
 * labels.c - series, label names, label values, metadata. match[] is a selector; several are
 * joined.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/request.h"
#include "agent/promql/promql.h"
#include "agent/self.h"
#include "agent/store/store.h"

#define SELECTORS_MAX 16
#define VALUES_MAX 100000

struct range { int64_t from, to; };

static bool
read_range(struct request *r, struct range *out)
{
	return param_time(r, "start", 0, &out->from)
	       && param_time(r, "end", INT64_MAX / 4, &out->to);
}

/* Parses the i-th match[]; NULL when there are no more, or an error was answered (then *bad). */
static struct promql_expr *
next_match(struct request *r, size_t *i, bool *bad)
{
	struct promql_error err;
	struct promql_expr *e;

	for (; *i < r->n_params; (*i)++) {
		if (strcmp(r->params[*i].name, "match[]") != 0)
			continue;
		if (promql_parse(&e, r->params[*i].value, strlen(r->params[*i].value), &err) != 0
		    || promql_type(e) != PROMQL_VECTOR) {
			answer_error(r, "bad_data", "invalid parameter \"match[]\": %s",
			    e == NULL ? err.text : "no selector");
			promql_free(e);
			*bad = true;
			return NULL;
		}
		(*i)++;
		return e;
	}
	return NULL;
}

struct selected {
	const struct matcher *m;
	size_t n;
};

static void
take_selector(void *arg, const char *name, const struct matcher *m, size_t n)
{
	struct selected *s = arg;

	(void)name;
	s->m = m;
	s->n = n;
}

/* ---- series ---- */

static int
write_matching(struct request *r, const struct selected *s, const struct range *range, bool *first)
{
	struct querier q = store_querier(r->agent->store);
	struct series_set set = {0};
	/* from > to asks for labels alone, without their samples. */
	int rc = q.select(q.ctx, s->m, s->n, 1, 0, 0, NULL, NULL, &set);

	(void)range;
	for (size_t i = 0; i < set.n && rc == 0; i++) {
		json_comma(&r->out, first);
		json_labels(&r->out, set.at[i].labels);
	}
	series_set_clear(&set);
	return rc;
}

void
handle_series(struct request *r)
{
	bool first = true, bad = false, any = false;
	struct promql_expr *e;
	struct range range;
	size_t i = 0;

	if (!read_range(r, &range))
		return;
	answer_begin(r);
	buf_char(&r->out, '[');
	while ((e = next_match(r, &i, &bad)) != NULL) {
		struct selected s = {0};

		promql_selectors(e, take_selector, &s);
		any = true;
		if (write_matching(r, &s, &range, &first) != 0) {
			answer_error(r, "internal", "the store cannot be read");
			bad = true;
		}
		promql_free(e);
		if (bad)
			return;
	}
	if (bad)
		return;
	if (!any) {
		answer_error(r, "bad_data", "no match[] parameter provided");
		return;
	}
	buf_char(&r->out, ']');
	answer_end(r);
}

/* ---- names and values ---- */

struct texts {
	char **at;
	size_t n, cap;
};

static void
add_text(void *arg, const char *text)
{
	struct texts *t = arg;

	if (t->n == VALUES_MAX)
		return;
	if (t->n == t->cap) {
		size_t cap = t->cap > 0 ? t->cap * 2 : 64;
		char **at = reallocarray(t->at, cap, sizeof(char *));

		if (at == NULL)
			return;
		t->at = at;
		t->cap = cap;
	}
	if ((t->at[t->n] = strdup(text)) != NULL)
		t->n++;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
write_texts(struct request *r, struct texts *t)
{
	bool first = true;

	if (t->n > 0)
		qsort(t->at, t->n, sizeof(char *), by_text);
	answer_begin(r);
	buf_char(&r->out, '[');
	for (size_t i = 0; i < t->n; i++) {
		if (i > 0 && strcmp(t->at[i], t->at[i - 1]) == 0)
			continue;
		json_comma(&r->out, &first);
		json_text(&r->out, t->at[i]);
	}
	buf_char(&r->out, ']');
	answer_end(r);
}

/* Names (label NULL) or values, over all match[], or everything without one. */
static void
list(struct request *r, const char *label)
{
	struct store *s = r->agent->store;
	struct texts t = {0};
	struct promql_expr *e;
	struct range range;
	bool bad = false, any = false;
	size_t i = 0;
	int rc = 0;

	if (!read_range(r, &range))
		return;
	while (rc == 0 && (e = next_match(r, &i, &bad)) != NULL) {
		struct selected m = {0};

		promql_selectors(e, take_selector, &m);
		any = true;
		rc =
		    label != NULL
			? store_label_values(s, label, m.m, m.n, range.from, range.to, add_text, &t)
			: store_label_names(s, m.m, m.n, range.from, range.to, add_text, &t);
		promql_free(e);
	}
	if (!any && !bad)
		rc = label != NULL
			 ? store_label_values(s, label, NULL, 0, range.from, range.to, add_text, &t)
			 : store_label_names(s, NULL, 0, range.from, range.to, add_text, &t);
	if (rc != 0)
		answer_error(r, "internal", "the store cannot be read");
	else if (!bad)
		write_texts(r, &t);
	for (i = 0; i < t.n; i++)
		free(t.at[i]);
	free(t.at);
}

void
handle_labels(struct request *r)
{
	list(r, NULL);
}

void
handle_label_values(struct request *r)
{
	const char *slash = strchr(r->tail, '/');
	char name[128];

	if (slash == NULL || strcmp(slash, "/values") != 0
	    || (size_t)(slash - r->tail) >= sizeof(name)) {
		answer_error(r, "not_found", "no such endpoint");
		return;
	}
	memcpy(name, r->tail, (size_t)(slash - r->tail));
	name[slash - r->tail] = '\0';
	if (label_name_ok(name))
		list(r, name);
	else
		answer_error(r, "bad_data", "invalid label name: \"%s\"", name);
}

/* ---- metadata ---- */

struct metadata {
	struct buf *b;
	const char *only;       /* the one metric that is asked for; NULL: all */
	long left;              /* how many may still be written */
	bool first;
	char last[128];
};

static void
one_metric(void *arg, const char *name, const char *type, const char *help, const char *unit)
{
	struct metadata *m = arg;

	if (m->left == 0 || (m->only != NULL && strcmp(m->only, name) != 0))
		return;
	m->left--;
	json_comma(m->b, &m->first);
	json_text(m->b, name);
	buf_printf(m->b, ":[{\"type\":\"%s\",\"help\":", type);
	json_text(m->b, help);
	buf_text(m->b, ",\"unit\":");
	json_text(m->b, unit);
	buf_text(m->b, "}]");
}

/* Samples of one name come one after another: the first of them says it all. */
static void
one_sample(void *arg, const struct self_sample *s)
{
	struct metadata *m = arg;

	if (strcmp(m->last, s->name) == 0)
		return;
	snprintf(m->last, sizeof(m->last), "%s", s->name);
	one_metric(m, s->name, s->counter ? "counter" : "gauge", s->help, "");
}

void
handle_metadata(struct request *r)
{
	struct metadata m = {.b = &r->out, .only = param(r, "metric"), .first = true};

	if (!param_number(r, "limit", -1, VALUES_MAX, -1, &m.left))
		return;
	answer_begin(r);
	buf_char(&r->out, '{');
	self_each(r->agent->self, one_sample, &m);
	if (r->agent->metadata != NULL)
		r->agent->metadata(r->agent->ctx, one_metric, &m);
	buf_char(&r->out, '}');
	answer_end(r);
}
