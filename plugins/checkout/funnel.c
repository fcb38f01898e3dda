/*
 * funnel.c - the kind `funnel`: of those who came to a step, how many went on?
 *
 *   records -> step (first match wins) -> closed: session.c, in order of event time -> moves
 *                                      -> open: counted as it is
 *           step i came at t: tried of i+1 at t;   went on: good of i+1 at the t of step i
 *
 * DESIGN. A conversion counts in the minute in which its step before was reached, and a minute is
 * judged when `step_window` has gone by. A step is closed when its records, and those of all steps
 * before, have the field of the session; from the first one that does not (orders, mostly), steps
 * are open: a count against a count, and it is told which ones. What makes a purchase is an order,
 * not a status: that is why a step may have a source of its own.
 *
 * Runs in: callbacks of the probe. Nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/funnel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "plugins/checkout/checkout.h"
#include "plugins/checkout/match.h"
#include "plugins/checkout/ratio.h"
#include "plugins/checkout/session.h"

#define STEPS_MAX 12
#define VALUES_MAX (TRAFFIC_PARTS_MAX + 1)
#define NO SESSION_NO_VALUE

static const struct tw_option step_rows[] = {
    TW_OPTION(struct funnel_step_options, name, TW_STRING, .flags = TW_REQUIRED,
	.help = "GA4's words where they fit: view_item, add_to_cart, begin_checkout, purchase"),
    TW_OPTION(struct funnel_step_options, source, TW_STRING, .flags = TW_NAMES_SOURCE,
	.help = "where it is read from, if not from the funnel's source: purchase from orders"),
    TW_OPTION(struct funnel_step_options, match, TW_TREE,
	.help = "which records: {path: \"/p/*\", method: GET, status: 200-299}; absent: all"),
};
const struct tw_option funnel_rows[FUNNEL_ROWS] = {
    TW_OPTION(struct funnel_options, source, TW_STRING, .flags = TW_REQUIRED | TW_NAMES_SOURCE,
	.help = "the source whose records are steps: an access log, order states"),
    TW_OPTION(struct funnel_options, session, TW_STRING, .def = "session",
	.help = "the field that tells visitors apart; without it in a source steps are open"),
    TW_OPTION(struct funnel_options, value, TW_STRING, .def = "value",
	.help = "the field of the last step that says what one is worth"),
    TW_OPTION(struct funnel_options, step_window, TW_DURATION, .def = "30m", .min = 1,
	.max = 24 * 3600.0, .help = "the longest time between two steps; it is judged after it"),
    TW_OPTION(struct funnel_options, by, TW_STRINGS,
	.help = "fields whose values are judged each by itself: [country] (3 at most)"),
    TW_OPTION(struct funnel_options, steps, TW_MAPS, .flags = TW_REQUIRED,
	.nested = TW_TABLE(step_rows), .nested_size = sizeof(struct funnel_step_options),
	.help = "in order; a record is of the first step that it matches (2 to 12)"),
    TW_OPTION(struct funnel_options, min_count, TW_INT, .def = "20", .min = 1, .max = 1e6,
	.help = "fewer sessions in a window are not judged"),
    BASELINE_ROWS(struct funnel_options, "1h, 6h, 1d"),
};

struct step {
	const char *name;
	int source;
	struct match match;
	struct match_places places;
	bool is_closed;
	int dimension_at[SESSION_DIMENSIONS]; /* field of its source; -1 = not there */
	bool has_dimension[SESSION_DIMENSIONS];
	struct series *series;
};

struct dimension {
	const char *field;
	char *values[VALUES_MAX];
	int n;
	bool is_changed;
};

struct funnel {
	const struct funnel_options *o;
	struct traffic traffic;
	struct step steps[STEPS_MAX];
	int n_steps;
	struct dimension dimensions[SESSION_DIMENSIONS];
	int n_dimensions;
	struct {
		int session, value;     /* places in its records */
	} at[TRAFFIC_SOURCES_MAX];
	struct sessions *sessions;
	double alpha;
};

/* ---- records ---- */

/* The parts of a step are of what its sessions had when they entered, where everybody says it. */
static void
add(struct tw_ctx *ctx, struct funnel *f, int i, int64_t time_ms, uint32_t tried, uint32_t good,
    const uint8_t *of)
{
	struct traffic *t = &f->traffic;
	struct step *step = &f->steps[i];

	traffic_add(ctx, t, step->series, time_ms, tried, good, 0);
	for (int d = 0; d < f->n_dimensions; d++) {
		const char *text = of[d] != NO ? f->dimensions[d].values[of[d]] : NULL;
		struct tw_value v = {.type = TW_FIELD_TEXT};

		if (text == NULL || !step->has_dimension[d] || i == 0)
			continue;
		v.as.text = text;
		v.len = (uint32_t)strlen(text);
		traffic_add(ctx, t,
		    traffic_part(ctx, t, step->name, f->dimensions[d].field, &v,
			SERIES_GOOD | SERIES_OPEN),
		    time_ms, tried, good, 0);
	}
}

/* Somebody is at step i, having been at the one before at from_ms. */
static void
arrive(struct tw_ctx *ctx, struct funnel *f, int i, int64_t time_ms, int64_t from_ms,
    const uint8_t *of)
{
	if (i == 0)
		add(ctx, f, 0, time_ms, 1, 1, of);
	else
		add(ctx, f, i, from_ms, 0, 1, of);
	if (i + 1 < f->n_steps)
		add(ctx, f, i + 1, time_ms, 1, 0, of);
}

static void
move_on(struct tw_ctx *ctx, struct funnel *f)
{
	int64_t until = INT64_MAX;
	struct session_move m;

	/* Only steps that sessions walk need to wait for each other. */
	for (int i = 0; i < f->n_steps; i++) {
		const struct traffic_source *s = &f->traffic.sources[f->steps[i].source];

		if (s->fields == NULL || (f->steps[i].is_closed && s->complete_ms < until))
			until = s->fields == NULL ? 0 : s->complete_ms;
		if (until == 0)
			return;
	}
	while (sessions_next(f->sessions, until, &m))
		arrive(ctx, f, m.step, m.time_ms, m.from_ms, m.of);
}

static uint8_t
value_index(struct dimension *d, const struct tw_value *v)
{
	char text[TRAFFIC_VALUE_BYTES];

	if (v == NULL || !traffic_value_text(text, sizeof(text), v))
		return NO;
	for (int i = 0; i < d->n; i++)
		if (strcmp(d->values[i], text) == 0)
			return (uint8_t)i;
	if (d->n == VALUES_MAX)
		return VALUES_MAX - 1;
	d->values[d->n] = strdup(d->n == VALUES_MAX - 1 ? "other" : text);
	if (d->values[d->n] == NULL)
		return NO;
	d->is_changed = true;
	return (uint8_t)d->n++;
}

static void
take(struct tw_ctx *ctx, struct funnel *f, int i, const struct tw_record *r)
{
	struct step *step = &f->steps[i];
	struct session_event e = {.time_ms = r->time_ms, .step = (uint8_t)i};
	const struct tw_value *session = match_value_at(r, f->at[step->source].session);

	for (int d = 0; d < SESSION_DIMENSIONS; d++)
		e.of[d] = d < f->n_dimensions
			      ? value_index(&f->dimensions[d],
				    match_value_at(r, step->dimension_at[d]))
			      : NO;
	if (i == f->n_steps - 1)
		(void)traffic_worth(&f->traffic,
		    match_value_at(r, f->at[step->source].value));
	if (!step->is_closed) {
		arrive(ctx, f, i, r->time_ms, r->time_ms, e.of);
	} else if (session != NULL && !(session->type == TW_FIELD_TEXT && session->len == 0)) {
		e.hash = sessions_hash(f->sessions, session);
		sessions_wait(f->sessions, &e);
	}
}

/* Which steps are closed, and which dimensions each knows, as far as sources have spoken. */
static void
resolve(struct tw_ctx *ctx, struct funnel *f)
{
	bool is_closed = true;

	for (int i = 0; i < f->n_steps; i++) {
		struct step *step = &f->steps[i], *before = i > 0 ? step - 1 : step;
		const struct traffic_source *s = &f->traffic.sources[step->source];
		const char *missing = NULL;

		if (s->fields != NULL)
			missing = match_find(&step->match, s->fields, s->n_fields, &step->places);
		if (missing != NULL)
			tw_api_->log(ctx, 4, "%s has no field %s: no record is step %s", s->name,
			    missing, step->name);
		is_closed = is_closed && f->at[step->source].session >= 0;
		step->is_closed = is_closed;
		for (int d = 0; d < f->n_dimensions; d++) {
			step->dimension_at[d] =
			    match_place(f->dimensions[d].field, s->fields, s->n_fields);
			/* A session keeps what it had; else both counts must say it. */
			step->has_dimension[d] =
			    i == 0 || is_closed ? (i == 0 ? step->dimension_at[d] >= 0
							   : before->has_dimension[d])
						: step->dimension_at[d] >= 0
						      && before->has_dimension[d];
		}
	}
}

static void
funnel_records(struct tw_ctx *ctx, struct checkout *c, const struct tw_batch *b,
    const struct tw_record *records, size_t n)
{
	struct funnel *f = c->funnel;
	bool is_first;
	struct traffic_source *s = traffic_batch(&f->traffic, b, &is_first);
	int source = s != NULL ? (int)(s - f->traffic.sources) : -1;

	if (s == NULL)
		return;
	if (is_first) {
		f->at[source].session = match_place(f->o->session, b->fields, b->n_fields);
		f->at[source].value = match_place(f->o->value, b->fields, b->n_fields);
		resolve(ctx, f);
	}
	for (size_t k = 0; k < n; k++) {
		const struct tw_record *r = tw_record_at(records, k);

		if (!traffic_is_ours(s, r))
			continue;
		for (int i = 0; i < f->n_steps; i++)
			if (f->steps[i].source == source
			    && match_record(&f->steps[i].match, &f->steps[i].places, r)) {
				take(ctx, f, i, r);
				break;
			}
	}
	move_on(ctx, f);
	traffic_settle(ctx, &f->traffic);
}

/* ---- judging ---- */

/* How many do not come: of those who tried, as usual ones would have gone on. */
static struct season_range
lost_of(const struct season_ratio_verdict *v)
{
	double n = (double)v->tried, good = (double)v->good;

	return (struct season_range){
	    fmax(v->band.low * n - good, 0), fmax(v->band.high * n - good, 0)};
}

/* Of those who are at step i, how many usually buy. */
static double
downstream(const struct funnel *f, int i, int64_t window_ms)
{
	double product = 1;

	for (int k = i + 1; k < f->n_steps; k++) {
		struct season_ratio_verdict v;

		season_judge_ratio(
		    f->steps[k].series->season, f->traffic.at.settled_ms, window_ms, &v);
		if (!isnan(v.expected))
			product *= v.expected;
	}
	return product;
}

static enum tw_verdict
fail_step(struct tw_ctx *ctx, const struct funnel *f, int i, const struct ratio_finding *found)
{
	const char *currency = tw_api_->setting(ctx, "shop/currency");
	struct season_range lost = lost_of(&found->verdict);
	double each = downstream(f, i, found->window_ms) * f->traffic.worth.mean;
	char text[320], money[96] = "";

	tw_emit(ctx, M_LOST, (lost.low + lost.high) / 2, "step", f->steps[i].name);
	if (each > 0) {
		tw_emit(ctx, M_AT_RISK, lost.low * each, "bound", "low");
		tw_emit(ctx, M_AT_RISK, lost.high * each, "bound", "high");
		snprintf(money, sizeof(money), "; at risk, as an estimate: %.0f to %.0f %s",
		    lost.low * each, lost.high * each, currency != NULL ? currency : "");
	}
	return tw_fail(ctx, TW_CRIT, "step", "%s: %s%s", f->steps[i].name,
	    ratio_sentence(found, "went on", text, sizeof(text)), money);
}

static void
emit_shape(struct tw_ctx *ctx, struct funnel *f)
{
	traffic_publish(ctx, &f->traffic);
	tw_emit(ctx, M_SESSIONS_OPEN, (double)sessions_count(f->sessions));
	tw_count(ctx, M_SESSIONS_LOST, (double)sessions_lost(f->sessions));
	for (int i = 0; i < f->n_steps; i++) {
		tw_emit(ctx, M_STEP_NUMBER, i + 1, "step", f->steps[i].name);
		tw_emit(ctx, M_STEP_IS_CLOSED, f->steps[i].is_closed, "step", f->steps[i].name);
	}
}

/* The step with the least likely count names the incident. */
static enum tw_verdict
funnel_probe(struct tw_ctx *ctx, struct checkout *c)
{
	struct funnel *f = c->funnel;
	struct ratio_finding worst = {.fires = false};
	int at = 0;

	if (traffic_freshness(ctx, &f->traffic) != TW_OK)
		return TW_UNKNOWN;
	emit_shape(ctx, f);
	for (int i = 1; i < f->n_steps; i++) {
		struct ratio_finding found = ratio_judge(ctx, &f->traffic, f->steps[i].series,
		    "step", f->alpha, f->o->min_count);

		if (found.fires && (!worst.fires || found.verdict.p < worst.verdict.p)) {
			worst = found;
			at = i;
		}
	}
	return worst.fires ? fail_step(ctx, f, at, &worst) : TW_OK;
}

/* ---- life ---- */

static void
funnel_stop(struct tw_ctx *ctx, struct checkout *c)
{
	struct funnel *f = c->funnel;

	(void)ctx;
	if (f == NULL)
		return;
	traffic_stop(&f->traffic);
	sessions_free(f->sessions);
	for (int i = 0; i < f->n_steps; i++)
		match_clear(&f->steps[i].match);
	for (int d = 0; d < f->n_dimensions; d++)
		for (int i = 0; i < f->dimensions[d].n; i++)
			free(f->dimensions[d].values[i]);
	free(f);
	c->funnel = NULL;
}

static enum tw_verdict
refuse_step(struct tw_ctx *ctx, int i, const char *word, const char *why)
{
	char path[48];

	snprintf(path, sizeof(path), "funnel/steps/%d/%s", i, word);
	return tw_api_->refuse(ctx, path, "%s", why);
}

/* Two steps that are the same records cannot be told apart: one of them would never be reached. */
static enum tw_verdict
check_step(struct tw_ctx *ctx, const struct funnel *f, int i)
{
	const struct step *step = &f->steps[i];
	char why[360];

	for (int k = 0; k < i; k++) {
		const struct step *other = &f->steps[k];

		if (strcmp(other->name, step->name) == 0)
			return refuse_step(ctx, i, "name", "there is a step of that name already");
		if (other->source != step->source || !match_is_same(&other->match, &step->match))
			continue;
		snprintf(why, sizeof(why),
		    "%s and %s are the same records: they cannot be told apart. A GraphQL shop "
		    "logs them as one path: match `query` too, if clients send ?op=NAME, or take "
		    "the steps from the states of orders", other->name, step->name);
		return refuse_step(ctx, i, step->match.n > 0 ? "match" : "name", why);
	}
	return TW_OK;
}

static enum tw_verdict
take_steps(struct tw_ctx *ctx, struct funnel *f)
{
	const struct funnel_step_options *o = f->o->steps.items;
	char err[160];

	if (f->o->steps.n < 2 || f->o->steps.n > STEPS_MAX)
		return tw_api_->refuse(ctx, "funnel/steps", "2 to %d steps", STEPS_MAX);
	for (uint32_t i = 0; i < f->o->steps.n; i++) {
		struct step *step = &f->steps[i];

		step->name = o[i].name;
		step->source = traffic_source(
		    &f->traffic, o[i].source != NULL ? o[i].source : f->o->source);
		if (step->source < 0)
			return refuse_step(ctx, (int)i, "source", "too many sources");
		if (match_make(&step->match, o[i].match, err, sizeof(err)) != 0)
			return refuse_step(ctx, (int)i, "match", err);
		f->n_steps++;
		if (check_step(ctx, f, (int)i) != TW_OK)
			return TW_UNKNOWN;
	}
	return TW_OK;
}

static void
restore_values(struct tw_ctx *ctx, struct dimension *d)
{
	char key[80], err[128];
	const char *text;
	json_t *list, *v;
	size_t len, i;

	snprintf(key, sizeof(key), "values/%.64s", d->field);
	if ((text = tw_api_->state_get(ctx, key, &len)) == NULL
	    || (list = json_read(text, len, err, sizeof(err))) == NULL)
		return;
	json_array_foreach(list, i, v)
		if (d->n < VALUES_MAX && json_is_string(v)
		    && (d->values[d->n] = strdup(json_string_value(v))) != NULL)
			d->n++;
	json_decref(list);
}

static void
save_values(struct tw_ctx *ctx, struct dimension *d)
{
	json_t *list = json_array();
	char key[80], *text;

	for (int i = 0; i < d->n; i++)
		json_array_append_new(list, json_string(d->values[i]));
	snprintf(key, sizeof(key), "values/%.64s", d->field);
	text = json_dumps(list, JSON_COMPACT);
	if (text != NULL && tw_api_->state_put(ctx, key, text, strlen(text)) == 0)
		d->is_changed = false;
	free(text);
	json_decref(list);
}

static enum tw_verdict
take_dimensions(struct tw_ctx *ctx, struct funnel *f)
{
	const char *const *names = f->o->by.items;

	if (f->o->by.n > SESSION_DIMENSIONS)
		return tw_api_->refuse(
		    ctx, "funnel/by", "more than %d fields", SESSION_DIMENSIONS);
	for (uint32_t d = 0; d < f->o->by.n; d++) {
		f->dimensions[d].field = names[d];
		f->n_dimensions++;
		restore_values(ctx, &f->dimensions[d]);
	}
	return TW_OK;
}

static bool
make_series(struct tw_ctx *ctx, struct funnel *f)
{
	for (int i = 0; i < f->n_steps; i++) {
		struct step *step = &f->steps[i];

		step->series = traffic_series(
		    ctx, &f->traffic, step->name, NULL, NULL, SERIES_GOOD | SERIES_OPEN);
		if (step->series == NULL)
			return false;
		for (int d = 0; i > 0 && d < f->n_dimensions; d++)
			traffic_known_parts(ctx, &f->traffic, step->name,
			    f->dimensions[d].field, SERIES_GOOD | SERIES_OPEN);
	}
	return true;
}

static enum tw_verdict
prepare(struct tw_ctx *ctx, struct funnel *f)
{
	if (traffic_start(ctx, &f->traffic, &f->o->baseline, "funnel", f->o->step_window,
		ratio_count, f) != TW_OK
	    || take_steps(ctx, f) != TW_OK || take_dimensions(ctx, f) != TW_OK)
		return TW_UNKNOWN;
	f->sessions = sessions_new(ctx, f->n_steps, f->o->step_window / 1000);
	if (f->sessions == NULL || !make_series(ctx, f))
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	for (uint32_t d = 0; d < f->o->by.n; d++) {
		for (int i = 0; i < f->traffic.n_sources; i++)
			tw_api_->want(ctx, f->traffic.sources[i].name, f->dimensions[d].field);
	}
	f->alpha = traffic_alpha(
	    ctx, &f->traffic, (f->n_steps - 1) * (f->n_dimensions > 0 ? 2 : 1), false);
	return TW_OK;
}

static enum tw_verdict
funnel_start(struct tw_ctx *ctx, struct checkout *c)
{
	struct funnel *f = c->funnel = calloc(1, sizeof(*f));

	if (f == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	f->o = &c->funnel_options;
	if (prepare(ctx, f) == TW_OK)
		return TW_OK;
	funnel_stop(ctx, c);
	return TW_UNKNOWN;
}

static void
funnel_save(struct tw_ctx *ctx, struct checkout *c)
{
	struct funnel *f = c->funnel;

	traffic_save(ctx, &f->traffic);
	sessions_save(ctx, f->sessions);
	for (int d = 0; d < f->n_dimensions; d++)
		if (f->dimensions[d].is_changed)
			save_values(ctx, &f->dimensions[d]);
}

static bool
funnel_is_given(const struct checkout *c)
{
	return c->funnel_options.source != NULL;
}

const struct checkout_kind checkout_funnel = {.name = "funnel", .is_given = funnel_is_given,
    .start = funnel_start, .probe = funnel_probe, .stop = funnel_stop,
    .on_records = funnel_records, .save = funnel_save};
