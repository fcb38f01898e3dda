/*
 * call.c - what the probe asks by itself, when there is no traffic or no log of it: each call once
 * a run, one after the other, judged as a journey's step is (answer.h).
 *
 *     call -> judged -> counted -> next call ... -> quotas -> budget -> verdict: the gravest
 *               |
 *        no answer at all: do we see? -- no --> unknown, "blind"
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/api/api.h"
#include "plugins/common/answer.h"

#define CALLS_MAX 50
#define FACT_BYTES 48

const struct tw_option call_rows[CALL_ROWS] = {
    TW_OPTION(struct call_options, name, TW_STRING, .flags = TW_REQUIRED,
	.help = "the label `route`"),
    TW_OPTION(struct call_options, request, TW_MAP, .flags = TW_REQUIRED,
	.nested = REQUEST_TABLE, .nested_size = sizeof(struct request_options),
	.help = "What is asked"),
    {.name = "assert", .type = TW_MAPS, .offset = offsetof(struct call_options, assertions),
	.nested = ASSERTION_TABLE, .nested_size = sizeof(struct assertion),
	.help = "What must hold for the final answer"},
    TW_OPTION(struct call_options, error_if, TW_TREE, .help = ERROR_IF_HELP),
};

struct call {
	const char *name;
	struct request request;
	struct demands demands;
};

struct calls {
	struct call *calls;
	uint32_t n;
	struct names names;             /* none: a call has no variables */
	struct values values;
	struct call_errors *errors;
	struct call_quotas *quotas;
	/* one run */
	struct tw_jar *jar;
	uint32_t at, good, bad;
	struct verdict worst, now;      /* now: of a call that waits for sight */
	const char *worst_name;
};

/* ---- life ---- */

static int
make_call(struct tw_ctx *ctx, struct calls *c, struct call *call, const struct call_options *o,
    uint32_t i)
{
	char where[32], err[300];
	const struct request_scope scope = {ctx, &c->names, &c->names, where};

	snprintf(where, sizeof(where), "calls/%u/", i);
	call->name = o->name;
	if (o->name[0] == '\0' || strlen(o->name) > 63)
		return scope_refuse(&scope, "name", "1 to 63 bytes are wanted");
	for (uint32_t k = 0; k < i; k++)
		if (strcmp(c->calls[k].name, o->name) == 0)
			return scope_refuse(&scope, "name", "another call has that name");
	if (request_make(&call->request, &o->request, &scope) != 0)
		return -EINVAL;
	call->demands = (struct demands){
	    .is_graphql = call->request.is_graphql, .allows_partial = true};
	call->demands.assertions = assertions_new_at(ctx, where, &o->assertions);
	if (call->demands.assertions == NULL)
		return -EINVAL;
	if (o->error_if != NULL
	    && error_rules_read(&call->demands.rules, o->error_if, err, sizeof(err)) != 0)
		return scope_refuse(&scope, "error_if", "%s", err);
	return 0;
}

struct calls *
calls_new(struct tw_ctx *ctx, const struct tw_list *list)
{
	struct calls *c = calloc(1, sizeof(*c));

	if (list->n > CALLS_MAX) {
		tw_api_->refuse(ctx, "calls", "more than %d calls", CALLS_MAX);
		free(c);
		return NULL;
	}
	if (c != NULL) {
		c->calls = calloc(list->n + 1, sizeof(*c->calls));
		c->errors = call_errors_new(ctx);
		c->quotas = call_quotas_new();
	}
	if (c == NULL || c->calls == NULL || c->errors == NULL || c->quotas == NULL) {
		(void)tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
		calls_free(c);
		return NULL;
	}
	for (uint32_t i = 0; i < list->n; i++) {
		const void *o = (const char *)list->items + (size_t)i * list->item_size;

		c->n = i + 1;
		if (make_call(ctx, c, &c->calls[i], o, i) == 0)
			continue;
		calls_free(c);
		return NULL;
	}
	return c;
}

void
calls_free(struct calls *c)
{
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < c->n; i++) {
		request_clear(&c->calls[i].request);
		assertions_free(c->calls[i].demands.assertions);
		error_rules_clear(&c->calls[i].demands.rules);
	}
	call_errors_free(c->errors);
	call_quotas_free(c->quotas);
	free(c->calls);
	free(c);
}

/* ---- a run ---- */

static enum tw_verdict send_call(struct tw_ctx *ctx, struct api *s);

/* What hides the shop says the least of it. */
static int
gravity(enum outcome o)
{
	static const int of[OUTCOME_N] = {[OUTCOME_BLOCKED] = 1, [OUTCOME_PARTIAL] = 2,
	    [OUTCOME_THROTTLED] = 3, [OUTCOME_CLIENT_ERROR] = 4, [OUTCOME_BUSINESS_ERROR] = 5,
	    [OUTCOME_SERVER_ERROR] = 6};

	return of[o];
}

static void
count_budget(struct api *s, enum outcome o)
{
	struct calls *c = s->calls;
	bool is_bad = o == OUTCOME_SERVER_ERROR || o == OUTCOME_BUSINESS_ERROR
	    || (o == OUTCOME_CLIENT_ERROR && s->slo.count_client_errors)
	    || (o == OUTCOME_THROTTLED && s->slo.count_throttled);

	if (o == OUTCOME_BLOCKED || o == OUTCOME_IGNORED)
		return; /* it was not the shop that answered */
	c->bad += is_bad;
	c->good += !is_bad;
}

static void
tell(struct tw_ctx *ctx, const struct calls *c, const struct tw_answer *a,
    const struct verdict *v)
{
	char path[FACT_BYTES];

#define FACT(name_) (snprintf(path, sizeof(path), "calls/%u/%s", c->at, (name_)), path)
	tw_api_->fact_text(ctx, FACT("name"), c->calls[c->at].name);
	tw_api_->fact_text(ctx, FACT("outcome"), outcome_names[v->outcome]);
	if (v->code[0] != '\0')
		tw_api_->fact_text(ctx, FACT("code"), v->code);
	if (v->text[0] != '\0')
		tw_api_->fact_text(ctx, FACT("text"), v->text);
	if (a == NULL)
		return;
	tw_api_->fact_real(ctx, FACT("status"), a->status);
	tw_api_->fact_real(ctx, FACT("total_s"), (double)a->total_us / 1e6);
#undef FACT
}

/* Judged and counted: the call is over. */
static enum tw_verdict
settle(struct tw_ctx *ctx, struct api *s, const struct tw_answer *a, const struct verdict *v)
{
	struct calls *c = s->calls;
	const char *route = c->calls[c->at].name;

	tell(ctx, c, a, v);
	tw_count(ctx, CALLS, 1, "route", route, "outcome", outcome_names[v->outcome]);
	if (v->outcome != OUTCOME_BLOCKED)
		tw_emit(ctx, CALL_UP, v->outcome == OUTCOME_OK || v->outcome == OUTCOME_PARTIAL,
		    "route", route);
	count_budget(s, v->outcome);
	if (c->worst_name == NULL || gravity(v->outcome) > gravity(c->worst.outcome)) {
		c->worst = *v;
		c->worst_name = route;
	}
	c->at++;
	return send_call(ctx, s);
}

static enum tw_verdict
after_sight(struct tw_ctx *ctx, void *self, int sees, void *arg)
{
	struct api *s = self;

	(void)arg;
	if (sees == 0)
		return tw_fail(ctx, TW_UNKNOWN, "blind",
		    "we see nothing: the resolver and the reference targets fail too");
	return settle(ctx, s, NULL, &s->calls->now);
}

static enum tw_verdict
answered(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	struct api *s = self;
	struct calls *c = s->calls;
	const struct call *call = &c->calls[c->at];
	json_t *root;

	answer_judge(&call->demands, a, tw_api_->slot_ms(ctx), &root, &c->now);
	call_errors_count(ctx, c->errors, call->name, root);
	call_quotas_take(c->quotas, a, root, tw_api_->slot_ms(ctx));
	json_decref(root);
	if (a->error != TW_HTTP_OK)
		return tw_api_->sight(ctx, after_sight, NULL);
	if (c->now.outcome != OUTCOME_BLOCKED)
		tw_observe(ctx, CALL_SECONDS, (double)a->total_us / 1e6, "route", call->name);
	return settle(ctx, s, a, &c->now);
}

static enum tw_verdict
finish(struct tw_ctx *ctx, struct api *s)
{
	struct calls *c = s->calls;
	enum outcome o = c->worst.outcome;
	enum tw_verdict budget = TW_OK, verdict;

	call_quotas_emit(ctx, c->quotas);
	if (s->budget != NULL) {
		budget_add(s->budget, tw_api_->slot_ms(ctx) - 1, c->good, c->bad);
		budget = budget_judge(ctx, s->budget, tw_api_->slot_ms(ctx));
		budget_save(ctx, s->budget);
	}
	verdict = o == OUTCOME_OK				 ? TW_OK
	    : o == OUTCOME_BLOCKED				 ? TW_UNKNOWN
	    : o == OUTCOME_THROTTLED || o == OUTCOME_PARTIAL ? TW_WARN
							     : TW_CRIT;
	if (verdict == TW_OK || (budget == TW_CRIT && verdict != TW_CRIT))
		return budget; /* it has said why */
	return tw_fail(ctx, verdict, c->worst.cause, "%s: %s", c->worst_name, c->worst.text);
}

static enum tw_verdict
send_call(struct tw_ctx *ctx, struct api *s)
{
	struct calls *c = s->calls;
	struct request_filled f;
	const struct call *call;
	enum tw_verdict v;
	char why[200];

	if (c->at == c->n)
		return finish(ctx, s);
	call = &c->calls[c->at];
	if (request_fill(ctx, &call->request, &c->names, &c->values, &f, why, sizeof(why)) != 0)
		v = tw_fail(ctx, TW_UNKNOWN, "request", "%s: %s", call->name, why);
	else
		v = tw_http(ctx, .url = buf_str(&f.url), .method = call->request.method,
		    .headers = f.headers, .n_headers = f.n,
		    .body = call->request.has_body ? buf_str(&f.body) : NULL,
		    .body_len = f.body.len, .connection = TW_WARM, .flags = TW_KEEP_OPEN,
		    .jar = c->jar, .timeout_us = tw_api_->left_us(ctx) / (c->n - c->at),
		    .done = answered);
	request_filled_clear(&f);
	return v;
}

enum tw_verdict
calls_probe(struct tw_ctx *ctx, struct api *s)
{
	struct calls *c = s->calls;

	c->jar = tw_api_->jar(ctx);
	c->at = c->good = c->bad = 0;
	c->worst = (struct verdict){.outcome = OUTCOME_OK};
	c->worst_name = NULL;
	return send_call(ctx, s);
}
