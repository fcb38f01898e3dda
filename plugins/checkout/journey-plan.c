/*
 * journey-plan.c - from options to a plan: every text taken apart, every name known, every limit
 * kept, before the first run. What is wrong is refused with its option's path.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "plugins/checkout/journey.h"

#define PATH_BYTES 160

struct maker {
	struct plan *p;
	struct request_scope scope;
	struct names given;        /* the names that the step at hand may use */
	char where[64];            /* "journey/steps/0/" */
};

#define refuse(m_, ...) scope_refuse(&(m_)->scope, __VA_ARGS__)
#define take_apart(m_, ...) scope_take(&(m_)->scope, __VA_ARGS__)

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

static bool
needs_json(const struct step_options *o)
{
	for (uint32_t i = 0; i < o->capture.n; i++)
		if (((const struct capture_options *)item(&o->capture, i))->json != NULL)
			return true;
	return false;
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
	if ((rc = request_make(&s->request, &o->request, &m->scope)) != 0)
		return rc;
	s->demands.assertions = assertions_new_at(m->scope.ctx, m->where, &o->assertions);
	if (s->demands.assertions == NULL)
		return -EINVAL;
	s->demands.is_graphql = s->request.is_graphql;
	s->demands.needs_json = needs_json(o);
	if (o->error_if != NULL
	    && (rc = error_rules_read(&s->demands.rules, o->error_if, err, sizeof(err))) != 0)
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
	struct maker m = {.p = p, .where = "journey/"};
	int rc;

	m.scope = (struct request_scope){ctx, &m.given, &p->names, m.where};
	if ((rc = make_names(&m, o)) != 0
	    || (rc = make_steps(&m, "steps", &o->steps, &p->steps, &p->n_steps)) != 0
	    || (rc = make_steps(&m, "teardown", &o->teardown, &p->teardown, &p->n_teardown)) != 0)
		return rc;
	return check_orders(&m, o);
}

static void
step_clear(struct step *s)
{
	request_clear(&s->request);
	for (size_t i = 0; i < s->n_captures; i++)
		regex_free(s->captures[i].regex);
	free(s->captures);
	assertions_free(s->demands.assertions);
	error_rules_clear(&s->demands.rules);
}

void
plan_clear(struct plan *p)
{
	for (uint32_t i = 0; i < p->n_steps; i++)
		step_clear(&p->steps[i]);
	for (uint32_t i = 0; i < p->n_teardown; i++)
		step_clear(&p->teardown[i]);
	for (uint32_t i = 0; i < p->n_variables; i++)
		template_clear(&p->variables[i]);
	free(p->variables);
	free(p->steps);
	free(p->teardown);
	memset(p, 0, sizeof(*p));
}
