/*
 * life.c - what the result of a rule does to its alerts.
 *
 *   seen      new -> pending (for not over) or firing;  resolved -> a new life
 *   unseen    pending -> gone;  firing -> (keep_firing_for) -> resolved;
 *             but both are held while nothing can be known
 *
 * Called with the engine's lock held; nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/alert/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sanitize.h"
#include "lib/template.h"
#include "lib/xmalloc.h"

#define TEXT_MAX 8192 /* bytes of one expanded label or annotation */

uint64_t
alert_fingerprint(const struct labels *l)
{
	uint64_t h = UINT64_C(14695981039346656037);
	const char *s;

	for (size_t i = 0; i < l->n; i++) {
		for (s = l->at[i].name; *s != '\0'; s++)
			h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
		h = (h ^ 0xff) * UINT64_C(1099511628211);
		for (s = l->at[i].value; *s != '\0'; s++)
			h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
		h = (h ^ 0xff) * UINT64_C(1099511628211);
	}
	return h;
}

/* ---- the parts of an alert ---- */

void
change_add(struct alert_engine *e, const struct inst *i, const char *kind, int64_t at_ms)
{
	struct change *c;

	if (e->n_changes == CHANGES_MAX) {
		e->stats.dropped++;
		return;
	}
	if (e->n_changes == e->cap_changes) {
		e->cap_changes = e->cap_changes > 0 ? e->cap_changes * 2 : 16;
		e->changes = xrealloc(e->changes, e->cap_changes, sizeof(*e->changes));
	}
	c = &e->changes[e->n_changes++];
	*c = (struct change){.kind = kind,
	    .rule = xstrdup(i->of->key),
	    .labels = labels_ref(i->labels),
	    .annotations = labels_ref(i->annotations),
	    .value = i->value,
	    .at_ms = at_ms};
	memcpy(c->fp, i->fp_text, sizeof(c->fp));
}

void
changes_clear(struct alert_engine *e)
{
	for (size_t i = 0; i < e->n_changes; i++) {
		free(e->changes[i].rule);
		labels_unref(e->changes[i].labels);
		labels_unref(e->changes[i].annotations);
	}
	e->n_changes = 0;
}

void
inst_free(struct alert_engine *e, struct inst *i)
{
	HASH_DEL(i->of->by_fp, i);
	DL_DELETE(e->all, i);
	e->n_alerts--;
	group_leave(i);
	labels_unref(i->labels);
	labels_unref(i->annotations);
	labels_unref(i->shown);
	free(i->groups);
	free(i);
}

static struct rule_alerts *
rule_alerts(struct alert_engine *e, const char *key)
{
	struct rule_alerts *a;

	HASH_FIND_STR(e->by_rule, key, a);
	if (a == NULL) {
		a = xcalloc(1, sizeof(*a));
		a->key = xstrdup(key);
		HASH_ADD_KEYPTR(hh, e->by_rule, a->key, strlen(a->key), a);
		e->has_unbound = true;
	}
	return a;
}

static void
inst_add(struct alert_engine *e, struct rule_alerts *of, struct inst *i)
{
	i->of = of;
	i->fp = alert_fingerprint(i->labels);
	snprintf(i->fp_text, sizeof(i->fp_text), "%016" PRIx64, i->fp);
	HASH_ADD(hh, of->by_fp, fp, sizeof(i->fp), i);
	DL_APPEND(e->all, i);
	e->n_alerts++;
}

void
life_restore(struct alert_engine *e, const char *rule_key, struct inst *i)
{
	inst_add(e, rule_alerts(e, rule_key), i);
	i->held = i->phase != ALERT_RESOLVED;
}

/* ---- texts ---- */

struct sample_view { /* what a template sees */
	const struct labels *labels;
	double v;
};

/* Expands a template; what cannot be (it was checked when it was read) stands there as its error.
 */
static char *
expand(const char *text, const struct sample_view *s)
{
	struct template_error err;
	char *out = xcalloc(1, TEXT_MAX);
	struct buf b;

	buf_init(&b, TEXT_MAX);
	if (template_expand(&b, text, s->labels, s->v, &err) != 0) {
		buf_reset(&b);
		buf_printf(&b, "<error expanding template: %s>", err.text);
	}
	text_sanitize(out, TEXT_MAX, buf_str(&b), b.len);
	buf_free(&b);
	return out;
}

/* base plus the expanded pairs (and the alertname, for labels). NULL: too many or too long. */
static struct labels *
expand_pairs(const struct labels *base, const struct rule_pair *p, size_t n, const char *alertname,
    const struct sample_view *s)
{
	struct label pairs[RULE_PAIRS_MAX + 2];
	char *texts[RULE_PAIRS_MAX];
	struct labels *out = NULL;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		texts[i] = expand(p[i].value, s);
		pairs[used++] = (struct label){p[i].name, texts[i]};
	}
	if (alertname != NULL) {
		pairs[used++] = (struct label){LABEL_NAME, ""};
		pairs[used++] = (struct label){"alertname", alertname};
	}
	if ((base != NULL ? labels_with(&out, base, pairs, used) : labels_new(&out, pairs, used))
	    != 0)
		out = NULL;
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	return out;
}

/* ---- one evaluation ---- */

/* Is it unknowable for now whether the alerts of this rule are over? */
static bool
holds(const struct alert_engine *e, const struct rule *r, int64_t t_ms)
{
	if (r->about_agent)
		return false;
	return e->blind || t_ms < e->hold_from_ms + (r->hold_ms > 0 ? r->hold_ms : HOLD_MS);
}

static void
begin_life(struct inst *i, int64_t t_ms)
{
	i->phase = ALERT_PENDING;
	i->active_ms = i->last_ms = t_ms;
	i->fired_ms = i->resolved_ms = i->keep_ms = i->held_ms = 0;
	i->dirty = true;
	i->gone = false;
}

/* The alert of a result: found, or made. NULL: no room, or (err) its labels cannot be. */
static struct inst *
inst_for(struct alert_engine *e, struct rule_alerts *of, const struct rule_sample *s, int64_t t_ms,
    char *err, size_t cap)
{
	struct rule *r = of->rule;
	struct sample_view view = {s->labels, s->v};
	struct labels *l = expand_pairs(s->labels, r->labels, r->n_labels, r->name, &view);
	struct inst *i;
	uint64_t fp;

	if (l == NULL) {
		snprintf(err, cap, "the labels of an alert are too many or too long");
		return NULL;
	}
	fp = alert_fingerprint(l);
	HASH_FIND(hh, of->by_fp, &fp, sizeof(fp), i);
	if (i != NULL || e->n_alerts >= ALERTS_MAX) {
		e->stats.dropped += i == NULL;
		labels_unref(l);
	} else {
		i = xcalloc(1, sizeof(*i));
		i->labels = l;
		inst_add(e, of, i);
	}
	if (i == NULL)
		return NULL;
	if (i->phase == 0 || i->phase == ALERT_RESOLVED)
		begin_life(i, t_ms);
	i->value = s->v;
	l = expand_pairs(NULL, r->annotations, r->n_annotations, NULL, &view);
	labels_unref(i->annotations);
	i->annotations = l;
	return i;
}

static bool
owed(const struct inst *i)
{
	for (size_t k = 0; k < i->n_groups; k++)
		if (group_told(i->groups[k], i->fp))
			return true;
	return false;
}

/* It was not true long enough. If the receiver still believes in an earlier firing, that one is
 * over now. */
static void
end_pending(struct inst *i, int64_t t_ms)
{
	if (!owed(i)) {
		i->gone = true;
		return;
	}
	i->phase = ALERT_RESOLVED;
	i->resolved_ms = t_ms;
	i->dirty = true;
}

static void
on_seen(struct alert_engine *e, struct inst *i, int64_t t_ms)
{
	const struct rule *r = i->of->rule;
	int64_t passed = t_ms - i->last_ms,
		most = r->interval_ms > 30000 ? 2 * r->interval_ms : 60000;

	i->held = false;
	i->keep_ms = 0;
	i->last_ms = t_ms;
	if (i->phase != ALERT_PENDING)
		return;
	if (passed > 0)
		i->held_ms += passed < most ? passed : most;
	if (i->held_ms < r->for_ms) {
		if (i->active_ms == t_ms)
			change_add(e, i, "pending", t_ms);
		return;
	}
	if (e->blind && !r->about_agent)
		return;
	i->phase = ALERT_FIRING;
	i->fired_ms = t_ms;
	i->dirty = true;
	change_add(e, i, "firing", t_ms);
	group_join(e, i, t_ms);
}

static void
on_unseen(struct alert_engine *e, struct inst *i, int64_t t_ms)
{
	const struct rule *r = i->of->rule;

	if (i->phase == ALERT_RESOLVED || i->gone)
		return;
	i->held = holds(e, r, t_ms);
	if (i->held)
		return;
	i->last_ms = t_ms;
	if (i->phase == ALERT_PENDING) {
		end_pending(i, t_ms);
		return;
	}
	if (i->keep_ms == 0)
		i->keep_ms = t_ms;
	if (t_ms - i->keep_ms < r->keep_firing_ms)
		return;
	i->phase = ALERT_RESOLVED;
	i->resolved_ms = t_ms;
	i->dirty = true;
	change_add(e, i, "resolved", t_ms);
}

/* The series ALERTS{alertname, alertstate, ...}: 1 while it lives, a stale marker when its state
 * ends. */
static void
show(struct alert_engine *e, struct inst *i, int64_t t_ms)
{
	struct label pairs[] = {{LABEL_NAME, "ALERTS"},
	    {"alertstate", i->phase == ALERT_FIRING ? "firing" : "pending"}};
	struct labels *l = NULL;

	if (e->opts.record == NULL)
		return;
	if (i->phase != ALERT_RESOLVED && !i->gone && labels_with(&l, i->labels, pairs, 2) != 0)
		l = NULL;
	if (i->shown != NULL && (l == NULL || !labels_equal(i->shown, l)))
		e->opts.record(e->opts.ctx, i->shown, t_ms, stale_nan());
	labels_unref(i->shown);
	i->shown = l;
	if (l != NULL)
		e->opts.record(e->opts.ctx, l, t_ms, 1);
}

static bool
about_same(struct inst *i, uint64_t evaluation, char *err, size_t cap)
{
	if (i->seen != evaluation)
		return false;
	snprintf(err, cap, "two results have the same labels after the rule's labels are applied");
	return true;
}

int
life_apply(struct alert_engine *e, struct rule *r, int64_t t_ms, const struct rule_vector *v,
    char *err, size_t cap)
{
	struct rule_alerts *of = rule_alerts(e, r->key);
	struct inst *i, *next;
	int rc = 0;

	of->rule = r;
	e->evaluation++;
	for (size_t k = 0; k < v->n; k++) {
		i = inst_for(e, of, &v->at[k], t_ms, err, cap);
		if (i == NULL && *err != '\0')
			return -E2BIG;
		if (i == NULL)
			continue;
		if (about_same(i, e->evaluation, err, cap))
			rc = -EEXIST;
		i->seen = e->evaluation;
	}
	HASH_ITER(hh, of->by_fp, i, next)
	{
		if (i->seen == e->evaluation)
			on_seen(e, i, t_ms);
		else if (rc == 0)
			on_unseen(e, i, t_ms);
		show(e, i, t_ms);
	}
	return rc;
}

/* ---- beside evaluations ---- */

void
life_bind(struct alert_engine *e)
{
	struct rule_alerts *a, *next;

	e->has_unbound = true;
	HASH_ITER(hh, e->by_rule, a, next)
	{
		a->rule = rules_find(e->rules, a->key);
		if (a->rule != NULL && a->rule->recording)
			a->rule = NULL;
	}
}

void
life_orphans(struct alert_engine *e, int64_t now_ms)
{
	struct inst *i;

	DL_FOREACH(e->all, i)
	{
		if (i->of->rule != NULL)
			continue;
		i->held = false;
		if (i->phase == ALERT_PENDING)
			end_pending(i, now_ms);
		if (i->phase != ALERT_FIRING)
			continue;
		i->phase = ALERT_RESOLVED;
		i->resolved_ms = now_ms;
		i->dirty = true;
		change_add(e, i, "removed", now_ms);
	}
}

void
life_forget(struct alert_engine *e, int64_t now_ms)
{
	struct rule_alerts *a, *next;
	struct inst *i;

	DL_FOREACH(e->all, i)
	if (i->phase == ALERT_RESOLVED && !owed(i)
	    && now_ms - i->resolved_ms >= ALERT_KEEP_RESOLVED_MS)
		i->gone = true;
	if (!e->has_unbound)
		return;
	e->has_unbound = false;
	HASH_ITER(hh, e->by_rule, a, next)
	{
		e->has_unbound |= a->rule == NULL && a->by_fp != NULL;
		if (a->rule == NULL && a->by_fp == NULL) {
			HASH_DEL(e->by_rule, a);
			free(a->key);
			free(a);
		}
	}
}
