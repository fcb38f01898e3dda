/*
 * journey-plan.c - from options to a plan: every text taken apart, every name known, every limit
 * kept, before the first run. What is wrong is refused with its option's path.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "plugins/checkout/journey.h"

#define PATH_BYTES 160
#define HEADERS_MAX 60           /* of a user: we add up to three */

struct maker {
	struct tw_ctx *ctx;
	struct plan *p;
	struct names given;        /* the names that the step at hand may use */
	char where[64];            /* "journey/steps/0/" */
};

static int refuse(struct maker *m, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int
refuse(struct maker *m, const char *path, const char *fmt, ...)
{
	char full[PATH_BYTES], why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(full, sizeof(full), "%s%s", m->where, path);
	(void)tw_api_->refuse(m->ctx, full, "%s", why);
	return -EINVAL;
}

static int
out_of_memory(struct maker *m)
{
	return refuse(m, "", "out of memory");
}

static const void *
item(const struct tw_list *list, uint32_t i)
{
	return (const char *)list->items + (size_t)i * list->item_size;
}

/* The numbers of given names are the plan's. */
static void
give(struct maker *m, int name)
{
	const char *text = m->p->names.name[name];

	if (names_find(&m->given, text, strlen(text)) < 0)
		m->given.name[m->given.n++] = text;
}

static int
take_apart(struct maker *m, struct template *t, const char *text, enum fill_mode mode,
    const char *path)
{
	struct template_wrong wrong;
	size_t before = t->n;
	int rc = template_add(t, text, mode, &m->given, &wrong);

	if (rc == -ENOMEM)
		return out_of_memory(m);
	if (rc != 0)
		return refuse(m, path, "%s", wrong.text);
	for (size_t i = before; i < t->n; i++) {
		int name = t->pieces[i].name;

		if (name >= 0)
			t->pieces[i].name = names_find(&m->p->names, m->given.name[name],
			    strlen(m->given.name[name]));
	}
	return 0;
}

/* ---- names ---- */

static int
add_name(struct maker *m, const char *name, bool is_secret, const char *path)
{
	int i = names_add(&m->p->names, name);

	if (i == -ENOSPC)
		return refuse(m, path, "more than %d variables", VARIABLES_MAX);
	if (i < 0)
		return refuse(m, path, "\"%.60s\" is no name (letters, digits and _)", name);
	if (i == NAME_RUN_ID || i == NAME_NOW)
		return refuse(m, path, "${%s} is given by tillwatch", name);
	m->p->is_secret[i] |= is_secret;
	return 0;
}

static int
add_pairs(struct maker *m, const struct tw_list *pairs, bool is_secret, const char *option)
{
	const struct tw_pair *pair = pairs->items;
	char path[PATH_BYTES];
	int rc;

	for (uint32_t i = 0; i < pairs->n; i++) {
		snprintf(path, sizeof(path), "%s/%.60s", option, pair[i].name);
		if (names_find(&m->p->names, pair[i].name, strlen(pair[i].name)) >= 0)
			return refuse(m, path, "${%.60s} is given already", pair[i].name);
		if ((rc = add_name(m, pair[i].name, is_secret, path)) != 0)
			return rc;
		if (is_secret)
			give(m, (int)m->p->names.n - 1);
	}
	return 0;
}

/* A capture that is secret in one place is secret in all. */
static int
add_captured(struct maker *m, const struct tw_list *steps)
{
	char path[PATH_BYTES];
	int rc;

	for (uint32_t i = 0; i < steps->n; i++) {
		const struct step_options *o = item(steps, i);

		for (uint32_t k = 0; k < o->capture.n; k++) {
			const struct capture_options *c = item(&o->capture, k);

			snprintf(path, sizeof(path), "%u/capture/%.60s", i, c->name);
			if ((rc = add_name(m, c->name, c->secret, path)) != 0)
				return rc;
		}
	}
	return 0;
}

static int
make_names(struct maker *m, const struct journey_options *o)
{
	const struct tw_pair *pair = o->variables.items;
	char path[PATH_BYTES];
	int rc;

	(void)names_add(&m->p->names, "run_id");
	(void)names_add(&m->p->names, "now");
	give(m, NAME_RUN_ID);
	give(m, NAME_NOW);
	/* Secrets first: variables may use them. */
	if ((rc = add_pairs(m, &o->secrets, true, "secrets")) != 0
	    || (rc = add_pairs(m, &o->variables, false, "variables")) != 0)
		return rc;
	m->p->variables = calloc(o->variables.n + 1, sizeof(*m->p->variables));
	if (m->p->variables == NULL)
		return out_of_memory(m);
	m->p->n_variables = o->variables.n;
	for (uint32_t i = 0; i < o->variables.n; i++) {
		int name = names_find(&m->p->names, pair[i].name, strlen(pair[i].name));
		struct template *t = &m->p->variables[i];

		snprintf(path, sizeof(path), "variables/%.60s", pair[i].name);
		if ((rc = take_apart(m, t, pair[i].value, FILL_TEXT, path)) != 0)
			return rc;
		/* What is made of a secret is one. */
		for (size_t k = 0; k < t->n; k++)
			m->p->is_secret[name] |=
			    t->pieces[k].name >= 0 && m->p->is_secret[t->pieces[k].name];
		give(m, name);
	}
	snprintf(m->where, sizeof(m->where), "journey/steps/");
	if ((rc = add_captured(m, &o->steps)) != 0)
		return rc;
	snprintf(m->where, sizeof(m->where), "journey/teardown/");
	return add_captured(m, &o->teardown);
}

/* ---- a step ---- */

static bool
is_ours(struct maker *m, const char *name)
{
	const char *header = tw_api_->setting(m->ctx, "synthetic/header_name");

	return strcasecmp(name, header != NULL ? header : "X-Synthetic") == 0;
}

static int
make_headers(struct maker *m, struct step *s, const struct request_options *r)
{
	const struct tw_pair *pair = r->headers.items;
	char path[PATH_BYTES];
	int rc;

	if (r->headers.n > HEADERS_MAX)
		return refuse(m, "request/headers", "more than %d headers", HEADERS_MAX);
	if ((s->headers = calloc(r->headers.n + 1, sizeof(*s->headers))) == NULL)
		return out_of_memory(m);
	for (uint32_t i = 0; i < r->headers.n; i++) {
		snprintf(path, sizeof(path), "request/headers/%.80s", pair[i].name);
		if (pair[i].name[strcspn(pair[i].name, " \t\r\n:")] != '\0'
		    || pair[i].name[0] == '\0')
			return refuse(m, path, "that is no header's name");
		if (pair[i].value[strcspn(pair[i].value, "\r\n")] != '\0')
			return refuse(m, path, "there is a line feed in it");
		if (is_ours(m, pair[i].name))
			return refuse(m, path, "our mark comes from the block `synthetic`");
		if (strcasecmp(pair[i].name, "user-agent") == 0
		    && strncmp(pair[i].value, "tillwatch/", 10) != 0)
			return refuse(m, path, "it must begin with tillwatch/: logs tell us by it");
		if (strcasecmp(pair[i].name, "content-type") == 0)
			s->content_type = NULL;
		if ((rc = take_apart(m, &s->headers[i], pair[i].value, FILL_HEADER, path)) != 0)
			return rc;
	}
	return 0;
}

static int
make_graphql(struct maker *m, struct step *s, const struct request_options *r)
{
	struct buf query;
	int rc;

	s->is_graphql = true;
	buf_init(&query, 1 << 18);
	json_text(&query, r->graphql.query);
	rc = query.failed ? refuse(m, "request/graphql/query", "too long") : 0;
	if (rc == 0)
		rc = take_apart(m, &s->body, "{\"query\":", FILL_JSON, "request/graphql");
	if (rc == 0)
		rc = take_apart(
		    m, &s->body, buf_str(&query), FILL_GRAPHQL, "request/graphql/query");
	if (rc == 0 && r->graphql.variables != NULL) {
		rc = take_apart(m, &s->body, ",\"variables\":", FILL_JSON, "request/graphql");
		if (rc == 0)
			rc = take_apart(m, &s->body, r->graphql.variables, FILL_JSON,
			    "request/graphql/variables");
	}
	if (rc == 0)
		rc = take_apart(m, &s->body, "}", FILL_JSON, "request/graphql");
	buf_free(&query);
	return rc;
}

static int
make_form(struct maker *m, struct step *s, const struct request_options *r)
{
	const struct tw_pair *pair = r->form.items;
	char path[PATH_BYTES];
	int rc = 0;

	for (uint32_t i = 0; i < r->form.n && rc == 0; i++) {
		snprintf(path, sizeof(path), "request/form/%.80s", pair[i].name);
		if (i > 0)
			rc = take_apart(m, &s->body, "&", FILL_TEXT, path);
		if (rc == 0)
			rc = take_apart(m, &s->body, pair[i].name, FILL_FORM, path);
		if (rc == 0)
			rc = take_apart(m, &s->body, "=", FILL_TEXT, path);
		if (rc == 0)
			rc = take_apart(m, &s->body, pair[i].value, FILL_FORM, path);
	}
	return rc;
}

static int
make_body(struct maker *m, struct step *s, const struct request_options *r)
{
	int n = (r->json != NULL) + (r->graphql.query != NULL) + (r->form.n > 0)
	    + (r->body != NULL);

	s->has_body = n > 0;
	if (n > 1)
		return refuse(m, "request", "one body a request: json, graphql, form or body");
	if (r->form.n > 0) {
		s->content_type = "application/x-www-form-urlencoded";
		return make_form(m, s, r);
	}
	if (r->body != NULL)
		return take_apart(m, &s->body, r->body, FILL_TEXT, "request/body");
	if (n == 0)
		return 0;
	s->content_type = "application/json";
	return r->json != NULL ? take_apart(m, &s->body, r->json, FILL_JSON, "request/json")
			       : make_graphql(m, s, r);
}

static int
make_request(struct maker *m, struct step *s, const struct request_options *r)
{
	int rc;

	if ((rc = take_apart(m, &s->url, r->url, FILL_URL, "request/url")) != 0
	    || (rc = make_body(m, s, r)) != 0 || (rc = make_headers(m, s, r)) != 0)
		return rc;
	s->method = r->method != NULL ? r->method : s->has_body ? "POST" : "GET";
	if (s->method[0] == '\0'
	    || s->method[strspn(s->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-")] != '\0')
		return refuse(m, "request/method", "\"%.40s\" is no method (try POST)", s->method);
	return 0;
}

static int
make_capture(struct maker *m, struct capture *c, const struct capture_options *o)
{
	int n = (o->json != NULL) + (o->regex != NULL) + (o->header != NULL) + (o->cookie != NULL)
		+ (o->status != 0) + (o->final_url != 0);
	char path[PATH_BYTES], err[160];

	c->o = o;
	c->name = names_find(&m->p->names, o->name, strlen(o->name));
	snprintf(path, sizeof(path), "capture/%.60s", o->name);
	if (n != 1)
		return refuse(m, path, "one of json, regex, header, cookie, status, final_url is "
		    "wanted (this one has %d)", n);
	if (o->json != NULL && !json_pointer_ok(o->json))
		return refuse(
		    m, path, "\"%.80s\" is no JSON Pointer (try /data/0/id)", o->json);
	if (o->regex != NULL && (c->regex = regex_new(o->regex, err, sizeof(err))) == NULL)
		return refuse(m, path, "\"%.80s\" is no regular expression (%s)", o->regex, err);
	return 0;
}

static int
make_captures(struct maker *m, struct step *s, const struct step_options *o)
{
	int rc;

	if ((s->captures = calloc(o->capture.n + 1, sizeof(*s->captures))) == NULL)
		return out_of_memory(m);
	for (uint32_t i = 0; i < o->capture.n; i++) {
		s->n_captures = i + 1;
		if ((rc = make_capture(m, &s->captures[i], item(&o->capture, i))) != 0)
			return rc;
	}
	/* From here on they are known. */
	for (uint32_t i = 0; i < s->n_captures; i++)
		give(m, s->captures[i].name);
	return 0;
}

static int
make_step(struct maker *m, struct step *s, const struct step_options *o)
{
	char err[300];
	int rc;

	s->o = o;
	s->name = o->name;
	s->orders = o->orders == 1 || (o->orders == 0 && strcmp(o->name, "purchase") == 0);
	if (o->name[0] == '\0' || strlen(o->name) >= NAME_MAX_BYTES)
		return refuse(m, "name", "1 to %d bytes are wanted", NAME_MAX_BYTES - 1);
	if ((rc = make_request(m, s, &o->request)) != 0)
		return rc;
	if ((s->assertions = assertions_new_at(m->ctx, m->where, &o->assertions)) == NULL)
		return -EINVAL;
	if (o->error_if != NULL
	    && (rc = error_rules_read(s, o->error_if, err, sizeof(err))) != 0)
		return rc == -ENOMEM ? out_of_memory(m) : refuse(m, "error_if", "%s", err);
	return make_captures(m, s, o);
}

static int
make_steps(struct maker *m, const char *option, const struct tw_list *list, struct step **steps,
    uint32_t *n)
{
	int rc;

	snprintf(m->where, sizeof(m->where), "journey/%s", option);
	if (list->n > STEPS_MAX)
		return refuse(m, "", "more than %d steps", STEPS_MAX);
	if ((*steps = calloc(list->n + 1, sizeof(**steps))) == NULL)
		return out_of_memory(m);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct step_options *o = item(list, i);

		snprintf(m->where, sizeof(m->where), "journey/%s/%u/", option, i);
		for (uint32_t k = 0; k < i; k++)
			if (strcmp((*steps)[k].name, o->name) == 0)
				return refuse(m, "name", "another step has that name");
		*n = i + 1;
		if ((rc = make_step(m, &(*steps)[i], o)) != 0)
			return rc;
	}
	return 0;
}

/* ---- the whole ---- */

static int
check_orders(struct maker *m, const struct journey_options *o)
{
	snprintf(m->where, sizeof(m->where), "journey/");
	if (o->max_orders_per_day == 0 || m->p->n_teardown > 0)
		return 0;
	for (uint32_t i = 0; i < m->p->n_steps; i++)
		if (m->p->steps[i].orders)
			return refuse(m, "max_orders_per_day",
			    "step %s orders, but there is no teardown that takes it back",
			    m->p->steps[i].name);
	return 0;
}

int
plan_make(struct tw_ctx *ctx, struct plan *p, const struct journey_options *o)
{
	struct maker m = {.ctx = ctx, .p = p, .where = "journey/"};
	int rc;

	if ((rc = make_names(&m, o)) != 0
	    || (rc = make_steps(&m, "steps", &o->steps, &p->steps, &p->n_steps)) != 0
	    || (rc = make_steps(&m, "teardown", &o->teardown, &p->teardown, &p->n_teardown)) != 0)
		return rc;
	return check_orders(&m, o);
}

static void
step_clear(struct step *s, uint32_t n_headers)
{
	template_clear(&s->url);
	template_clear(&s->body);
	for (uint32_t i = 0; s->headers != NULL && i < n_headers; i++)
		template_clear(&s->headers[i]);
	for (size_t i = 0; i < s->n_captures; i++)
		regex_free(s->captures[i].regex);
	free(s->headers);
	free(s->captures);
	assertions_free(s->assertions);
	error_rules_clear(s);
}

void
plan_clear(struct plan *p)
{
	for (uint32_t i = 0; i < p->n_steps; i++)
		step_clear(&p->steps[i],
		    p->steps[i].o != NULL ? p->steps[i].o->request.headers.n : 0);
	for (uint32_t i = 0; i < p->n_teardown; i++)
		step_clear(&p->teardown[i],
		    p->teardown[i].o != NULL ? p->teardown[i].o->request.headers.n : 0);
	for (uint32_t i = 0; i < p->n_variables; i++)
		template_clear(&p->variables[i]);
	free(p->variables);
	free(p->steps);
	free(p->teardown);
	memset(p, 0, sizeof(*p));
}
