/*
 * journey.c - the way of one run.
 *
 *     owed clean-ups of earlier runs -> step, step, ... -> teardown -> verdict
 *                                        |
 *            think time -> [it orders: cap, count, owed, on disk] -> request -> judged, captured
 *
 * One absolute deadline. A request has what is left of it, less the teardown's reserve; the
 * teardown has its reserve, the clean-ups of earlier runs no more than it either. The first bad
 * step ends the steps; the teardown runs whenever a step was sent, all of it, and only steps whose
 * names are all known. A clean-up that is owed is dropped when the whole teardown has run well, or
 * when what it could not do (its ${name} never came) belongs to an order that the shop refused.
 *
 * Runs in: the host's loop; never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/journey.h"

#include "build-config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/clock.h"
#include "plugins/common/private.h"

#define SIGHT_US 1000000
#define SLACK_US 30000           /* between our last time limit and the run's deadline */

static enum tw_verdict next(struct tw_ctx *ctx, struct journey *j);
static enum tw_verdict send_step(struct tw_ctx *ctx, struct journey *j);
static enum tw_verdict begin_steps(struct tw_ctx *ctx, struct journey *j);

static struct journey *
of(void *self)
{
	return ((struct checkout *)self)->journey;
}

static const struct step *
step_at_hand(const struct journey *j)
{
	return j->stage == STAGE_STEPS ? &j->plan.steps[j->at] : &j->plan.teardown[j->at];
}

/* ---- time ---- */

static int64_t
time_left(struct tw_ctx *ctx, const struct journey *j)
{
	int64_t left = tw_api_->left_us(ctx), sight;

	if (j->stage != STAGE_STEPS)
		return left - j->teardown_left_us;
	sight = left / 8 < SIGHT_US ? left / 8 : SIGHT_US;
	return left - j->reserve_us - sight;
}

/* The teardown, or an earlier run's, has its reserve from now on. */
static void
begin_reserve(struct tw_ctx *ctx, struct journey *j)
{
	int64_t until = tw_api_->left_us(ctx) - j->reserve_us;

	j->teardown_left_us = until > SLACK_US ? until : SLACK_US;
}

/* ---- the end ---- */

static enum tw_verdict
finish(struct tw_ctx *ctx, struct journey *j)
{
	enum tw_verdict v = report_end(ctx, j);

	values_clear(&j->values);
	return v;
}

/* All of the teardown has had its turn. */
static enum tw_verdict
teardown_over(struct tw_ctx *ctx, struct journey *j)
{
	bool is_clean = !j->has_failed && (!j->was_skipped || !j->may_have_ordered);

	if (j->stage == STAGE_OWED) {
		if (is_clean)
			owed_drop(ctx, j->owed_id);
		else
			j->owed_at++;
		return begin_steps(ctx, j);
	}
	if (j->has_ordered && is_clean)
		owed_drop(ctx, j->run_id);
	return finish(ctx, j);
}

/* The steps are over, well or not. */
static enum tw_verdict
end_steps(struct tw_ctx *ctx, struct journey *j)
{
	if (!j->is_begun || j->plan.n_teardown == 0)
		return finish(ctx, j);
	j->stage = STAGE_TEARDOWN;
	j->at = 0;
	j->was_skipped = j->has_failed = false;
	begin_reserve(ctx, j);
	return next(ctx, j);
}

static enum tw_verdict
verdict_of(const struct verdict *v)
{
	if (v->outcome == OUTCOME_BLOCKED)
		return TW_UNKNOWN;
	return v->outcome == OUTCOME_THROTTLED || v->outcome == OUTCOME_PARTIAL ? TW_WARN : TW_CRIT;
}

static void
remember(struct journey *j, const struct step *s, const struct verdict *v)
{
	j->verdict = verdict_of(v);
	j->why = *v;
	snprintf(j->failed_step, sizeof(j->failed_step), "%s", s->name);
}

/* ---- bad steps ---- */

static enum tw_verdict
after_sight(struct tw_ctx *ctx, void *self, int sees, void *arg)
{
	struct journey *j = of(self);

	(void)arg;
	if (sees == 0) {
		j->verdict = TW_UNKNOWN;
		snprintf(j->why.cause, sizeof(j->why.cause), "blind");
		snprintf(j->why.text, sizeof(j->why.text),
		    "we see nothing: the resolver and the reference targets fail too");
	}
	return end_steps(ctx, j);
}

/* A step of the teardown that failed is counted, and the next one has its turn. */
static enum tw_verdict
teardown_step_over(struct tw_ctx *ctx, struct journey *j, const struct verdict *v)
{
	report_teardown(ctx, j, step_at_hand(j), v);
	if (v->outcome == OUTCOME_IGNORED)
		j->was_skipped = true;
	else if (v->outcome != OUTCOME_OK)
		j->has_failed = true;
	j->at++;
	return next(ctx, j);
}

static enum tw_verdict
step_bad(struct tw_ctx *ctx, struct journey *j, const struct tw_answer *a,
    const struct verdict *v)
{
	if (j->stage != STAGE_STEPS)
		return teardown_step_over(ctx, j, v);
	remember(j, step_at_hand(j), v);
	report_step(ctx, j, step_at_hand(j), a, v);
	if (a != NULL && a->error != TW_HTTP_OK && tw_has(sight))
		return tw_api_->sight(ctx, after_sight, NULL);
	return end_steps(ctx, j);
}

static enum tw_verdict
step_impossible(
    struct tw_ctx *ctx, struct journey *j, enum outcome o, const char *cause, const char *why)
{
	struct verdict v = {.outcome = o};

	verdict_set(&v, o, "%s", why);
	if (cause != NULL)
		snprintf(v.cause, sizeof(v.cause), "%s", cause);
	return step_bad(ctx, j, NULL, &v);
}

/* ---- an answer ---- */

/* After the order its clean-up needs what came since; only then may the way go on. */
static enum tw_verdict
noted(struct tw_ctx *ctx, void *self, void *arg)
{
	(void)arg;
	return next(ctx, of(self));
}

static enum tw_verdict
step_good(struct tw_ctx *ctx, struct journey *j, const struct tw_answer *a,
    const struct verdict *v)
{
	const struct step *s = step_at_hand(j);

	if (j->stage != STAGE_STEPS)
		return teardown_step_over(ctx, j, v);
	report_step(ctx, j, s, a, v);
	if (v->outcome == OUTCOME_PARTIAL && !j->is_warned) {
		remember(j, s, v);
		j->is_warned = true;
	}
	j->journey_us += a->total_us;
	j->reached++;
	j->at++;
	if (j->has_ordered && s->n_captures > 0 && owed_put(ctx, j, j->run_id) == 0)
		return tw_api_->commit(ctx, noted, NULL);
	return next(ctx, j);
}

static void
note_address(struct journey *j, const struct step *s, const struct tw_answer *a)
{
	if (a->n_hops > 0 && !template_has_foreign_host(&s->request.url, &j->values)
	    && a->hops->address[0] != '\0')
		j->is_host_private = address_leads_inside(a->hops->address);
}

static enum tw_verdict
answered(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	struct journey *j = of(self);
	const struct step *s = step_at_hand(j);
	struct verdict v;

	step_judge(s, a, tw_api_->slot_ms(ctx), &j->values, &v);
	note_address(j, s, a);
	/* An answer that says no has placed no order; silence and a 5xx may have. */
	if (j->stage == STAGE_STEPS && j->is_ordering && v.outcome != OUTCOME_SERVER_ERROR
	    && v.outcome != OUTCOME_OK && v.outcome != OUTCOME_PARTIAL
	    && strcmp(v.cause, "capture") != 0)
		j->may_have_ordered = false;
	j->is_ordering = false;
	if (v.cause[0] == '\0' || (v.outcome == OUTCOME_PARTIAL && strcmp(v.cause, "partial") == 0))
		return step_good(ctx, j, a, &v);
	return step_bad(ctx, j, a, &v);
}

/* ---- a request ---- */

static enum tw_verdict
request(struct tw_ctx *ctx, struct journey *j)
{
	const struct step *s = step_at_hand(j);
	int64_t left = time_left(ctx, j);
	char why[200];
	struct request_filled f;
	enum tw_verdict v;

	if (left <= 0)
		return step_impossible(
		    ctx, j, OUTCOME_SERVER_ERROR, NULL, "timeout: no time is left for it");
	if (request_fill(ctx, &s->request, &j->plan.names, &j->values, &f, why, sizeof(why)) != 0) {
		request_filled_clear(&f);
		return step_impossible(ctx, j, OUTCOME_BUSINESS_ERROR, "capture", why);
	}
	if (j->stage == STAGE_STEPS)
		j->is_begun = true;
	v = tw_http(ctx, .url = buf_str(&f.url), .method = s->request.method, .headers = f.headers,
	    .n_headers = f.n, .body = s->request.has_body ? buf_str(&f.body) : NULL,
	    .body_len = f.body.len, .connection = TW_WARM, .flags = TW_KEEP_OPEN, .jar = j->jar,
	    .address = j->address[0] != '\0' ? j->address : NULL, .timeout_us = left,
	    .done = answered);
	request_filled_clear(&f);
	return v;
}

/* A host that an answer named: where it leads is looked at before we go there, and we go there and
 * nowhere else. */
static enum tw_verdict
host_resolved(struct tw_ctx *ctx, void *self, const struct tw_addresses *found)
{
	struct journey *j = of(self);

	if (found->n == 0)
		return step_impossible(ctx, j, OUTCOME_SERVER_ERROR, NULL,
		    "dns: the captured host does not resolve");
	for (uint32_t i = 0; i < found->n; i++)
		if (address_leads_inside(found->address[i]))
			return step_impossible(ctx, j, OUTCOME_BUSINESS_ERROR, "capture",
			    "a captured host leads into a private network");
	snprintf(j->address, sizeof(j->address), "%s", found->address[0]);
	return request(ctx, j);
}

static enum tw_verdict
send_step(struct tw_ctx *ctx, struct journey *j)
{
	const struct step *s = step_at_hand(j);
	char host[256], why[200];
	struct buf url;
	int rc;

	j->address[0] = '\0';
	if (j->is_host_private || !template_has_foreign_host(&s->request.url, &j->values))
		return request(ctx, j);
	buf_init(&url, REQUEST_URL_MAX);
	rc = request_fill_url(&s->request, &j->plan.names, &j->values, &url, why, sizeof(why));
	url_host(buf_str(&url), host, sizeof(host));
	buf_free(&url);
	if (rc != 0 || host[0] == '\0')
		return step_impossible(ctx, j, OUTCOME_BUSINESS_ERROR, "capture",
		    rc != 0 ? why : "a captured host is none");
	return tw_api_->dns(ctx, host, TW_FAMILY_ANY, host_resolved, NULL);
}

/* ---- orders ---- */

static enum tw_verdict
stop_before(struct tw_ctx *ctx, struct journey *j, const char *why)
{
	j->stopped_before = step_at_hand(j)->name;
	j->stopped_why = why;
	return end_steps(ctx, j);
}

/* The order is counted, and its clean-up owed, on disk: only now is it placed. */
static enum tw_verdict
committed(struct tw_ctx *ctx, void *self, void *arg)
{
	struct journey *j = of(self);

	(void)arg;
	if (time_left(ctx, j) <= 0)
		j->may_have_ordered = false;
	return send_step(ctx, j);
}

static enum tw_verdict
pass_gate(struct tw_ctx *ctx, struct journey *j)
{
	int64_t max = j->o->max_orders_per_day;

	if (max == 0)
		return stop_before(ctx, j, "max_orders_per_day is 0: it never orders");
	if (!tw_has(commit))
		return stop_before(ctx, j, "this host cannot commit before an order");
	if (orders_today(ctx, j) >= max)
		return stop_before(ctx, j, "max_orders_per_day is reached");
	if (owed_number(ctx) >= OWED_MAX)
		return stop_before(ctx, j, "too many clean-ups are owed");
	if (time_left(ctx, j) <= 0)
		return request(ctx, j);
	if (owed_put(ctx, j, j->run_id) != 0 || orders_count(ctx, j) != 0) {
		owed_drop(ctx, j->run_id);
		return stop_before(ctx, j, "its clean-up does not fit into the probe's state");
	}
	tw_count(ctx, M_SYNTHETIC_ORDERS, 1);
	j->has_ordered = j->may_have_ordered = j->is_ordering = true;
	return tw_api_->commit(ctx, committed, NULL);
}

/* ---- step by step ---- */

static enum tw_verdict
thought(struct tw_ctx *ctx, void *self, void *arg)
{
	struct journey *j = of(self);

	(void)arg;
	if (j->stage == STAGE_STEPS && step_at_hand(j)->orders)
		return pass_gate(ctx, j);
	return send_step(ctx, j);
}

static enum tw_verdict
next(struct tw_ctx *ctx, struct journey *j)
{
	uint32_t n = j->stage == STAGE_STEPS ? j->plan.n_steps : j->plan.n_teardown;
	const struct step *s;
	char why[128];
	int name;

	if (j->at >= n)
		return j->stage == STAGE_STEPS ? end_steps(ctx, j) : teardown_over(ctx, j);
	s = step_at_hand(j);
	if (j->stage != STAGE_STEPS && (name = request_missing(&s->request, &j->values)) >= 0) {
		snprintf(why, sizeof(why), "skipped: ${%s} is not known",
		    j->plan.names.name[name]);
		return step_impossible(ctx, j, OUTCOME_IGNORED, NULL, why);
	}
	if (s->o->think_time == 0)
		return thought(ctx, j->self, NULL);
	if (s->o->think_time >= time_left(ctx, j))
		return step_impossible(ctx, j, OUTCOME_SERVER_ERROR, NULL,
		    "timeout: no time is left for its think time");
	return tw_api_->after(ctx, s->o->think_time, thought, NULL);
}

/* ---- the beginning ---- */

static void
make_run_id(struct tw_ctx *ctx, char id[RUN_ID_BYTES])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	uint64_t ms = (uint64_t)tw_api_->slot_ms(ctx);
	uint32_t chance;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
		chance = (uint32_t)mono_now().us;
	for (int i = 8; i >= 0; i--, ms /= 36)
		id[i] = digits[ms % 36];
	for (int i = 9; i < 14; i++, chance /= 36)
		id[i] = digits[chance % 36];
	id[14] = '\0';
}

/* Names that come from the configuration, for the run with this id. 0, or -1 with why. */
static int
set_values(struct tw_ctx *ctx, struct journey *j, const char *id)
{
	const struct tw_pair *secret = j->o->secrets.items, *pair = j->o->variables.items;
	char now[WALL_TEXT];
	int which;

	values_clear(&j->values);
	for (uint32_t i = 0; i < j->plan.names.n; i++)
		j->values.at[i].is_secret = j->plan.is_secret[i];
	wall_format((wall_t){tw_api_->slot_ms(ctx)}, now);
	if (value_set(&j->values.at[NAME_RUN_ID], id, strlen(id)) != 0
	    || value_set(&j->values.at[NAME_NOW], now, strlen(now)) != 0)
		return -1;
	for (uint32_t i = 0; i < j->o->secrets.n; i++)
		if (value_set(&j->values.at[names_find(&j->plan.names, secret[i].name,
				  strlen(secret[i].name))],
			secret[i].value, strlen(secret[i].value)) != 0)
			return -1;
	for (uint32_t i = 0; i < j->o->variables.n; i++) {
		struct buf b;
		int rc, name = names_find(
			    &j->plan.names, pair[i].name, strlen(pair[i].name));

		buf_init(&b, VALUE_BYTES_MAX);
		rc = template_fill(&j->plan.variables[i], &j->values, &b, &which);
		if (rc == 0)
			rc = value_set(&j->values.at[name], buf_str(&b), b.len);
		buf_free(&b);
		if (rc != 0)
			return -1;
	}
	return 0;
}

static enum tw_verdict
no_values(struct tw_ctx *ctx)
{
	return tw_fail(ctx, TW_UNKNOWN, "variables",
	    "the variables do not fit: a value has at most %d bytes", VALUE_BYTES_MAX);
}

static bool
give_up(struct tw_ctx *ctx, const char *id, int64_t at_ms)
{
	if (tw_api_->slot_ms(ctx) - at_ms < (int64_t)OWED_HOURS * 3600 * 1000)
		return false;
	tw_api_->log(ctx, 1, "the clean-up of run %s is given up after %d hours", id, OWED_HOURS);
	tw_count(ctx, M_TEARDOWN_FAILED, 1, "step", "given_up");
	owed_drop(ctx, id);
	return true;
}

/* What is owed for earlier runs first, one after the other, then the steps. */
static enum tw_verdict
begin_steps(struct tw_ctx *ctx, struct journey *j)
{
	int64_t at_ms;

	j->stage = STAGE_OWED;
	j->at = 0;
	while (j->plan.n_teardown > 0 && time_left(ctx, j) > 0
	       && owed_id(ctx, j->owed_at, j->owed_id)) {
		if (set_values(ctx, j, j->owed_id) != 0)
			return no_values(ctx);
		if (!owed_get(ctx, j, j->owed_id, &j->values, &at_ms)) {
			owed_drop(ctx, j->owed_id);
			continue;
		}
		if (give_up(ctx, j->owed_id, at_ms))
			continue;
		if ((j->jar = tw_api_->jar(ctx)) == NULL)
			break;
		j->was_skipped = j->has_failed = false;
		j->may_have_ordered = true;
		return next(ctx, j);
	}
	if (set_values(ctx, j, j->run_id) != 0)
		return no_values(ctx);
	j->stage = STAGE_STEPS;
	j->jar = tw_api_->jar(ctx);
	j->has_ordered = j->may_have_ordered = j->was_skipped = j->has_failed = false;
	return next(ctx, j);
}

static enum tw_verdict
journey_probe(struct tw_ctx *ctx, struct checkout *c)
{
	struct journey *j = c->journey;
	int64_t left = tw_api_->left_us(ctx), reserve = j->o->teardown_timeout;

	j->reached = 0;
	j->is_begun = j->is_host_private = j->is_ordering = j->is_warned = false;
	j->journey_us = 0;
	j->verdict = TW_OK;
	j->why = (struct verdict){.outcome = OUTCOME_OK};
	j->failed_step[0] = '\0';
	j->stopped_before = j->stopped_why = NULL;
	j->owed_at = 0;
	make_run_id(ctx, j->run_id);
	if (j->plan.n_teardown == 0)
		reserve = 0;
	j->reserve_us = reserve < left / 2 ? reserve : left / 2;
	begin_reserve(ctx, j);
	return begin_steps(ctx, j);
}

static void
journey_stop(struct tw_ctx *ctx, struct checkout *c)
{
	struct journey *j = c->journey;

	(void)ctx;
	if (j == NULL)
		return;
	values_clear(&j->values);
	plan_clear(&j->plan);
	tz_free(j->tz);
	free(j);
	c->journey = NULL;
}

static enum tw_verdict
journey_start(struct tw_ctx *ctx, struct checkout *c)
{
	struct journey *j = c->journey = calloc(1, sizeof(*j));
	const char *zone = tw_api_->setting(ctx, "shop/timezone");

	if (j == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	j->o = &c->journey_options;
	j->self = c;
	if (zone != NULL && tz_open(&j->tz, zone, NULL) != 0) {
		tw_api_->log(ctx, 1, "no time zone %s here: the day of orders is UTC's", zone);
		j->tz = NULL;
	}
	if (plan_make(ctx, &j->plan, j->o) == 0)
		return TW_OK;
	journey_stop(ctx, c);
	return TW_UNKNOWN;
}

static bool
journey_is_given(const struct checkout *c)
{
	return c->journey_options.steps.n > 0;
}

const struct checkout_kind checkout_journey = {.name = "journey", .is_given = journey_is_given,
    .start = journey_start, .probe = journey_probe, .stop = journey_stop};
