/*
 * save.c - the alert room's rows in state.db. Inside a transaction; blocks as the state does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/alert/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/xmalloc.h"

#define KEEP_EVENTS_MS INT64_C(31536000000) /* history: a year ... */
#define KEEP_EVENTS 200000                  /* ... and at most so many lines */
#define KEEP_SILENCES_MS INT64_C(432000000) /* an expired silence is shown for 5 days */

/* ---- JSON ---- */

static char *
labels_text(const struct labels *l)
{
	json_t *o = json_object();
	char *text;

	for (size_t i = 0; l != NULL && i < l->n; i++)
		json_object_set_new(o, l->at[i].name, json_string(l->at[i].value));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text != NULL ? text : xstrdup("{}");
}

static struct labels *
labels_load(const char *text)
{
	struct label pairs[LABELS_MAX];
	struct labels *l = NULL;
	json_t *o = json_loads(text, 0, NULL), *v;
	const char *name;
	size_t n = 0;

	json_object_foreach(o, name, v) if (json_is_string(v) && n < LABELS_MAX) pairs[n++] =
	    (struct label){name, json_string_value(v)};
	if (json_is_object(o) && labels_new(&l, pairs, n) != 0)
		l = NULL;
	json_decref(o);
	return l;
}

static char *
told_text(const struct told *t, size_t n)
{
	struct buf b;
	char *out;

	buf_init(&b, 32 * (ALERTS_MAX + 1));
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%016" PRIx64, i > 0 ? " " : "", t[i].fp);
	out = xstrdup(buf_str(&b));
	buf_free(&b);
	return out;
}

static void
told_load(struct grp *g, const char *text)
{
	size_t cap = strlen(text) / 17 + 1;
	char *end;

	g->told = xcalloc(cap, sizeof(*g->told));
	while (*text != '\0' && g->n_told < cap) {
		g->told[g->n_told].fp = strtoull(text, &end, 16);
		if (end == text)
			break;
		g->n_told++;
		text = end + strspn(end, " ");
	}
}

/* ---- writing ---- */

static int
save_inst(struct alert_engine *e, const struct inst *i)
{
	char *labels = labels_text(i->labels), *annotations = labels_text(i->annotations);
	int rc = state_run(e->opts.state,
	    "INSERT OR REPLACE INTO alert(rule, fp, phase, labels, annotations, value,"
	    " active_ms, fired_ms, resolved_ms, held_ms, last_ms)"
	    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
	    "ssissdiiiii", i->of->key, i->fp_text, (int64_t)i->phase, labels, annotations, i->value,
	    i->active_ms, i->fired_ms, i->resolved_ms, i->held_ms, i->last_ms);

	free(labels);
	free(annotations);
	return rc;
}

static int
save_change(struct alert_engine *e, const struct change *c)
{
	char *labels = labels_text(c->labels), *annotations = labels_text(c->annotations);
	int rc = state_run(e->opts.state,
	    "INSERT INTO event(at_ms, kind, rule, fp, labels, annotations, value)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	    "isssssd", c->at_ms, c->kind, c->rule, c->fp, labels, annotations, c->value);

	free(labels);
	free(annotations);
	return rc;
}

int
save_changes(struct alert_engine *e)
{
	struct inst *i;
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < e->n_changes; k++)
		rc = save_change(e, &e->changes[k]);
	DL_FOREACH(e->all, i)
	{
		if (rc == 0 && i->gone)
			rc = state_run(e->opts.state, "DELETE FROM alert WHERE rule=?1 AND fp=?2",
			    "ss", i->of->key, i->fp_text);
		else if (rc == 0 && i->dirty)
			rc = save_inst(e, i);
	}
	return rc;
}

int
save_groups(struct alert_engine *e)
{
	struct grp *g, *next;
	int rc = 0;

	HASH_ITER(hh, e->groups, g, next)
	{
		char *told;

		if (rc != 0 || (!g->dirty && !g->flushing && !g->gone))
			continue;
		if (g->gone) {
			rc = state_run(e->opts.state,
			    "DELETE FROM grp WHERE receiver=?1 AND gkey=?2", "ss", g->receiver,
			    g->key);
			continue;
		}
		told = g->flushing ? told_text(g->told_next, g->n_told_next)
				   : told_text(g->told, g->n_told);
		rc = state_run(e->opts.state,
		    "INSERT OR REPLACE INTO grp(receiver, gkey, notified, first_ms, due_ms,"
		    " last_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
		    "sssiii", g->receiver, g->key, told, g->first_ms,
		    g->flushing ? g->due_next : g->due_ms, g->flushing ? g->last_next : g->last_ms);
		free(told);
	}
	return rc;
}

int
save_silence(struct alert_engine *e, const struct silence *s)
{
	json_t *list = json_array();
	char *text;
	int rc;

	for (size_t i = 0; i < s->matchers.n; i++)
		json_array_append_new(list, json_string(s->texts[i]));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	rc =
	    text == NULL
		? -ENOMEM
		: state_run(e->opts.state,
		    "INSERT OR REPLACE INTO silence(id, matchers, starts_ms,"
		    " ends_ms, updated_ms, created_by, comment) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		    "ssiiiss", s->id, text, s->starts_ms, s->ends_ms, engine_now(e), s->created_by,
		    s->comment);
	free(text);
	return rc;
}

int
save_alive(struct alert_engine *e, int64_t now_ms)
{
	return state_run(e->opts.state,
	    "INSERT OR REPLACE INTO meta(key, value) VALUES('alive_ms', ?1)", "i", now_ms);
}

int
save_expire(struct alert_engine *e, int64_t now_ms)
{
	int rc = state_run(
	    e->opts.state, "DELETE FROM event WHERE at_ms<?1", "i", now_ms - KEEP_EVENTS_MS);

	if (rc == 0)
		rc = state_run(e->opts.state,
		    "DELETE FROM event WHERE id<="
		    "(SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET ?1)",
		    "i", (int64_t)KEEP_EVENTS);
	if (rc == 0)
		rc = state_run(e->opts.state, "DELETE FROM silence WHERE ends_ms<?1", "i",
		    now_ms - KEEP_SILENCES_MS);
	return rc;
}

/* ---- reading ---- */

static int
load_alerts(struct alert_engine *e, int64_t alive_ms)
{
	struct sqlite3_stmt *st =
	    state_stmt(e->opts.state, "SELECT rule, phase, labels, annotations, value, active_ms,"
				      " fired_ms, resolved_ms, held_ms, last_ms FROM alert");
	int rc;

	while ((rc = state_step(e->opts.state, st)) == 1) {
		struct labels *l = labels_load(state_text(st, 2));
		struct inst *i;

		if (l == NULL)
			continue;
		i = xcalloc(1, sizeof(*i));
		*i = (struct inst){.labels = l,
		    .phase = (enum alert_phase)state_int(st, 1),
		    .annotations = labels_load(state_text(st, 3)),
		    .value = state_real(st, 4),
		    .active_ms = state_int(st, 5),
		    .fired_ms = state_int(st, 6),
		    .resolved_ms = state_int(st, 7),
		    .held_ms = state_int(st, 8),
		    .last_ms = state_int(st, 9)};
		/* What `for` had reached: the row is from its beginning, the agent lived on until
		 * alive_ms. */
		if (i->phase == ALERT_PENDING && alive_ms > i->last_ms)
			i->held_ms += alive_ms - i->last_ms;
		i->last_ms = e->hold_from_ms; /* the time away does not count */
		life_restore(e, state_text(st, 0), i);
	}
	return rc;
}

static int
load_groups(struct alert_engine *e)
{
	struct sqlite3_stmt *st = state_stmt(
	    e->opts.state, "SELECT receiver, gkey, notified, first_ms, due_ms, last_ms FROM grp");
	int rc;

	while ((rc = state_step(e->opts.state, st)) == 1) {
		struct grp *g = group_get(e, state_text(st, 0), state_text(st, 1), true);

		told_load(g, state_text(st, 2));
		g->first_ms = state_int(st, 3);
		g->due_ms = state_int(st, 4);
		g->last_ms = state_int(st, 5);
	}
	return rc;
}

static void
load_silence(struct alert_engine *e, struct sqlite3_stmt *st)
{
	json_t *list = json_loads(state_text(st, 1), 0, NULL);
	struct silence *s = &e->silences[e->n_silences];
	size_t n = json_array_size(list);
	char err[128] = "";

	*s = (struct silence){.starts_ms = state_int(st, 2),
	    .ends_ms = state_int(st, 3),
	    .created_by = xstrdup(state_text(st, 4)),
	    .comment = xstrdup(state_text(st, 5)),
	    .texts = xcalloc(n + 1, sizeof(char *))};
	snprintf(s->id, sizeof(s->id), "%s", state_text(st, 0));
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		s->texts[i] = xstrdup(text != NULL ? text : "");
	}
	if (matcher_list_parse(
		&s->matchers, (const char *const *)(void *)s->texts, n, "silence", err, sizeof(err))
		== 0
	    && n > 0) {
		e->n_silences++;
	} else {
		engine_log(e, LOGL_WARN, "silence %s cannot be read (%s): left out", s->id, err);
		silence_clear(s);
	}
	json_decref(list);
}

static int
load_silences(struct alert_engine *e)
{
	struct sqlite3_stmt *st = state_stmt(e->opts.state,
	    "SELECT id, matchers, starts_ms, ends_ms, created_by, comment FROM silence");
	int rc;

	while ((rc = state_step(e->opts.state, st)) == 1)
		if (e->n_silences < SILENCES_MAX)
			load_silence(e, st);
	return rc;
}

int
save_load(struct alert_engine *e)
{
	struct sqlite3_stmt *st =
	    state_stmt(e->opts.state, "SELECT value FROM meta WHERE key='alive_ms'");
	int64_t alive_ms = 0;
	int rc;

	while ((rc = state_step(e->opts.state, st)) == 1)
		alive_ms = state_int(st, 0);
	if (rc == 0)
		rc = load_alerts(e, alive_ms);
	if (rc == 0)
		rc = load_groups(e);
	if (rc == 0)
		rc = load_silences(e);
	return rc;
}
