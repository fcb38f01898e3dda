/*
 * flush.c - what a group has to say to its receiver, and when: rows of the outbox.
 *
 * A group that is due tells: alerts that fire, are not muted and were not told yet; ends of alerts
 * that were told (always, muted or not); and all that fire again when repeat_interval has passed.
 * What it told is part of its row, so that it commits together with the outbox row; in memory it
 * counts only after that commit.
 *
 * Called with the engine's lock held and inside a transaction of the state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/alert/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/notify/notice.h"
#include "agent/notify/outbox.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

#define ORPHAN_INTERVAL_MS 300000

struct flush { /* one group, being told */
	struct inst **firing, **resolved;
	size_t n_firing, n_resolved;
	bool fresh, again;
};

static bool
is_muted(struct alert_engine *e, const struct grp *g, const struct inst *i, int64_t now_ms)
{
	return mute_silenced(e, i->labels, now_ms) != NULL || mute_inhibited(e, i) != NULL
	       || mute_by_time(e, &e->routing->routes[g->route], now_ms);
}

static int
by_age(const void *a, const void *b)
{
	const struct inst *x = *(struct inst *const *)a, *y = *(struct inst *const *)b;

	if (x->fired_ms != y->fired_ms)
		return x->fired_ms < y->fired_ms ? -1 : 1;
	return x->fp < y->fp ? -1 : x->fp > y->fp;
}

static void
collect(struct alert_engine *e, const struct grp *g, struct flush *f, int64_t now_ms)
{
	f->firing = xcalloc(g->n + 1, sizeof(*f->firing));
	f->resolved = xcalloc(g->n + 1, sizeof(*f->resolved));
	for (size_t k = 0; k < g->n; k++) {
		struct inst *i = g->members[k];
		bool told = group_told(g, i->fp);

		if (i->gone)
			continue;
		if (i->phase == ALERT_RESOLVED && told) {
			f->resolved[f->n_resolved++] = i;
		} else if (i->phase == ALERT_FIRING && g->route != SIZE_MAX
			   && !is_muted(e, g, i, now_ms)) {
			f->firing[f->n_firing++] = i;
			f->fresh |= !told;
		}
	}
	qsort(f->firing, f->n_firing, sizeof(*f->firing), by_age);
	qsort(f->resolved, f->n_resolved, sizeof(*f->resolved), by_age);
	f->again = f->n_firing > 0 && g->last_ms != 0 && g->route != SIZE_MAX
		   && now_ms - g->last_ms >= e->routing->routes[g->route].repeat_ms;
}

/* What the receiver believes after this message. */
static void
set_told_next(struct grp *g, const struct flush *f)
{
	size_t n = 0;

	free(g->told_next);
	g->told_next = xcalloc(g->n_told + f->n_firing + 1, sizeof(*g->told_next));
	for (size_t i = 0; i < g->n_told; i++) {
		bool over = false;

		for (size_t k = 0; k < f->n_resolved; k++)
			over |= f->resolved[k]->fp == g->told[i].fp;
		if (!over)
			g->told_next[n++] = g->told[i];
	}
	for (size_t k = 0; k < f->n_firing; k++)
		if (!group_told(g, f->firing[k]->fp))
			g->told_next[n++].fp = f->firing[k]->fp;
	g->n_told_next = n;
}

static bool
is_page(const struct inst *i)
{
	const char *severity = labels_get(i->labels, "severity");

	return strcmp(severity, "page") == 0 || strcmp(severity, "critical") == 0;
}

static struct notice_alert
as_notice(const struct alert_engine *e, const struct inst *i, bool firing)
{
	return (struct notice_alert){.firing = firing,
	    .labels = i->labels,
	    .annotations = i->annotations,
	    .starts_ms = i->fired_ms,
	    .ends_ms = firing ? 0 : i->resolved_ms,
	    .fingerprint = i->fp_text,
	    .generator_url = e->opts.external_url != NULL ? e->opts.external_url : ""};
}

/* firing: something new fires, or some of it ended while some still fires; resolved: nothing told
 * fires any more. */
static const char *
kind_of(const struct grp *g, const struct flush *f)
{
	if (f->fresh)
		return "firing";
	if (f->n_resolved > 0)
		return g->n_told_next == 0 ? "resolved" : "firing";
	return "reminder";
}

static int
tell(
    struct alert_engine *e, struct grp *g, const struct flush *f, size_t max_alerts, int64_t now_ms)
{
	size_t n = f->n_firing + f->n_resolved,
	       keep = max_alerts > 0 && n > max_alerts ? max_alerts : n;
	struct notice_alert *alerts = xcalloc(n + 1, sizeof(*alerts));
	const char *kind = kind_of(g, f);
	struct notice notice = {.receiver = g->receiver,
	    .group_key = g->key,
	    .external_url = e->opts.external_url,
	    .reason = f->fresh            ? "firing"
		      : f->n_resolved > 0 ? "resolved"
					  : "reminder",
	    .group_labels = g->labels,
	    .alerts = alerts,
	    .n = keep,
	    .truncated = n - keep};
	struct outbox_new row = {
	    .receiver = g->receiver, .group_key = g->key, .kind = kind, .class = OUTBOX_INFO};
	struct buf text;
	size_t used = 0;
	int rc;

	for (size_t i = 0; i < f->n_firing; i++) {
		alerts[used++] = as_notice(e, f->firing[i], true);
		if (is_page(f->firing[i]))
			row.class = OUTBOX_PAGE;
	}
	for (size_t i = 0; i < f->n_resolved; i++) {
		alerts[used++] = as_notice(e, f->resolved[i], false);
		if (is_page(f->resolved[i]))
			row.class = OUTBOX_PAGE;
	}
	buf_init(&text, NOTICE_MAX_BYTES);
	rc = notice_write(&text, &notice);
	row.message = buf_str(&text);
	if (rc == 0)
		rc = outbox_add(e->opts.state, &row, now_ms, NULL);
	buf_free(&text);
	free(alerts);
	return rc;
}

static int
flush_group(struct alert_engine *e, struct grp *g, int64_t now_ms)
{
	const struct rt *route = g->route != SIZE_MAX ? &e->routing->routes[g->route] : NULL;
	struct flush f = {0};
	int rc = 0;

	collect(e, g, &f, now_ms);
	set_told_next(g, &f);
	g->flushing = true;
	g->last_next = g->last_ms;
	g->due_next = now_ms + (route != NULL ? route->interval_ms : ORPHAN_INTERVAL_MS);
	if (f.fresh || f.again || (f.n_resolved > 0 && !(route != NULL && route->no_resolved))) {
		rc = tell(e, g, &f, route != NULL ? route->max_alerts : 0, now_ms);
		g->last_next = now_ms;
	}
	free(f.firing);
	free(f.resolved);
	return rc;
}

/* Nothing fires in it and nothing is owed: the next alert begins a new group, with its own
 * group_wait. */
static bool
is_over(const struct grp *g)
{
	size_t told = g->flushing ? g->n_told_next : g->n_told;

	for (size_t i = 0; i < g->n; i++)
		if (g->members[i]->phase == ALERT_FIRING && !g->members[i]->gone)
			return false;
	return told == 0;
}

/* A group that believes in an alert nobody knows (a row lost with a damaged file) must not live for
 * ever. */
static void
drop_unknown(struct grp *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->n_told; i++)
		for (size_t k = 0; k < g->n; k++)
			if (g->members[k]->fp == g->told[i].fp) {
				g->told[kept++] = g->told[i];
				break;
			}
	g->dirty |= kept != g->n_told;
	g->n_told = kept;
}

int
groups_flush(struct alert_engine *e, int64_t now_ms)
{
	struct grp *g, *next;
	int rc = 0;

	HASH_ITER(hh, e->groups, g, next)
	{
		g->flushing = false;
		/* A due time beyond what an interval allows was set by a clock that has gone back
		 * since. */
		if (g->route != SIZE_MAX
		    && g->due_ms - now_ms > e->routing->routes[g->route].interval_ms
						+ e->routing->routes[g->route].wait_ms)
			g->due_ms = now_ms;
		drop_unknown(g);
		if (rc == 0 && g->due_ms <= now_ms)
			rc = flush_group(e, g, now_ms);
		g->gone = is_over(g);
	}
	return rc;
}

void
groups_committed(struct alert_engine *e, bool ok)
{
	struct grp *g, *next;

	HASH_ITER(hh, e->groups, g, next)
	{
		if (ok && g->flushing) {
			e->stats.notifications += g->last_next != g->last_ms;
			free(g->told);
			g->told = g->told_next;
			g->n_told = g->n_told_next;
			g->told_next = NULL;
			g->due_ms = g->due_next;
			g->last_ms = g->last_next;
		}
		g->flushing = false;
		if (!ok)
			continue;
		g->dirty = false;
		if (g->gone)
			group_free(e, g);
	}
}

int64_t
groups_next(const struct alert_engine *e)
{
	int64_t next = INT64_MAX;
	struct grp *g, *after;

	HASH_ITER(hh, e->groups, g, after)
	if (g->due_ms < next)
		next = g->due_ms;
	return next;
}
