/*
 * drain.c - what waited too long is merged, and after a storm summed up, before it is sent.
 *
 * DESIGN. Merging (each group): the newest message carries the group's whole present state; ends
 * that only an older one told are added to it, and the older ones are superseded. A storm (many
 * groups behind an outage): groups of which the receiver never heard and which are over by now are
 * told in one digest. Whatever the receiver may have heard firing keeps its own message, so that a
 * resolve is never lost.
 *
 * Runs on the sender's thread; blocks for one transaction of the state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/notify/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/notify/notice.h"
#include "lib/log.h"

#define MERGE_MAX 100  /* rows merged at once */
#define STORM_MAX 2000 /* rows looked at for a digest */

struct held { /* a row kept beyond its statement */
	int64_t id, created_ms;
	int attempts;
	enum outbox_class class;
	char *group_key, *message;
};

struct list {
	struct held at[STORM_MAX];
	size_t n, max;
};

static void
hold(void *arg, const struct outbox_row *row)
{
	struct list *l = arg;
	struct held *h = &l->at[l->n];

	if (l->n == l->max)
		return;
	*h = (struct held){row->id, row->created_ms, row->attempts, row->class,
	    strdup(row->group_key), strdup(row->message)};
	if (h->group_key != NULL && h->message != NULL) {
		l->n++;
		return;
	}
	free(h->group_key);
	free(h->message);
}

static struct list *
list_new(size_t max)
{
	struct list *l = calloc(1, sizeof(*l));

	if (l != NULL)
		l->max = max;
	return l;
}

static void
list_free(struct list *l)
{
	for (size_t i = 0; l != NULL && i < l->n; i++) {
		free(l->at[i].group_key);
		free(l->at[i].message);
	}
	free(l);
}

/* Rows 0..n-2 are superseded by row n-1, whose message becomes all of theirs. */
static int
merge_rows(struct notify *n, struct rcv *r, const struct list *l)
{
	const struct held *last = &l->at[l->n - 1];
	const char *messages[MERGE_MAX];
	int64_t now = notify_now(n);
	struct buf merged;
	int rc;

	for (size_t i = 0; i < l->n; i++)
		messages[i] = l->at[i].message;
	buf_init(&merged, NOTICE_MAX_BYTES);
	rc = notice_merge(&merged, messages, l->n, now - l->at[0].created_ms);
	if (rc == 0)
		rc = outbox_replace_message(n->opts.state, last->id, buf_str(&merged));
	for (size_t i = 0; rc == 0 && i + 1 < l->n; i++)
		rc = outbox_supersede(n->opts.state, l->at[i].id, last->id, now);
	buf_free(&merged);
	if (rc == 0)
		notify_count(n, &r->status.superseded, l->n - 1);
	return rc;
}

int
drain_merge(struct notify *n, struct rcv *r, struct outbox_row *head)
{
	struct list *l;
	int rc = 0;

	if (!r->driver->coalesce || notify_now(n) - head->created_ms < NOTIFY_LATE_MS)
		return 0;
	if ((l = list_new(MERGE_MAX)) == NULL)
		return 0; /* then each is sent, in order */
	if (outbox_group_each(n->opts.state, r->conf.name, head->group_key, hold, l) == 0
	    && l->n > 1 && l->at[l->n - 1].attempts == 0)
		rc = merge_rows(n, r, l) == 0 ? outbox_get(n->opts.state, l->at[l->n - 1].id, head)
					      : -EIO;
	list_free(l);
	return rc;
}

/* May the receiver have heard of this group's firing, and not of its end? */
static bool
was_told(struct notify *n, struct rcv *r, const char *group_key)
{
	struct sqlite3_stmt *st = state_stmt(n->opts.state,
	    "SELECT kind FROM outbox WHERE receiver=?1 AND gkey=?2"
	    " AND (state=2 OR (state<=1 AND attempts>0)) ORDER BY seq DESC LIMIT 1");
	bool told = false;

	state_bind(st, "ss", r->conf.name, group_key);
	while (state_step(n->opts.state, st) == 1)
		told = strcmp(state_text(st, 0), "resolved") != 0;
	return told;
}

/* Is row i the newest of its group? (Rows come newest first.) */
static bool
is_newest(const struct list *l, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(l->at[k].group_key, l->at[i].group_key) == 0)
			return false;
	return true;
}

static bool
is_over(const char *message)
{
	size_t firing, resolved;

	notice_count(message, &firing, &resolved);
	return firing == 0;
}

/* Marks in over[] the rows of groups that came and went unheard; returns how many groups wait at
 * all. */
static size_t
find_over(struct notify *n, struct rcv *r, const struct list *l, bool *over, size_t *n_over)
{
	size_t groups = 0;

	*n_over = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (!is_newest(l, i))
			continue;
		groups++;
		if (!is_over(l->at[i].message) || was_told(n, r, l->at[i].group_key))
			continue;
		for (size_t k = i; k < l->n; k++)
			if (strcmp(l->at[k].group_key, l->at[i].group_key) == 0) {
				over[k] = true;
				++*n_over;
			}
	}
	return groups;
}

static int
write_digest(struct notify *n, struct rcv *r, const struct list *l, const bool *over)
{
	struct outbox_new fresh = {.receiver = r->conf.name,
	    .group_key = "{}:{tillwatch=\"digest\"}",
	    .kind = "digest",
	    .class = OUTBOX_INFO};
	const char **messages = calloc(l->n, sizeof(*messages));
	int64_t now = notify_now(n), id = 0;
	struct buf text;
	int rc = messages != NULL ? 0 : -ENOMEM;

	buf_init(&text, NOTICE_MAX_BYTES);
	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		messages[i] = l->at[l->n - 1 - i].message; /* oldest first */
		if (over[i] && l->at[i].class == OUTBOX_PAGE)
			fresh.class = OUTBOX_PAGE;
	}
	if (rc == 0)
		rc = notice_digest(
		    &text, r->conf.name, messages, l->n, now - l->at[l->n - 1].created_ms);
	fresh.message = buf_str(&text);
	if (rc == 0)
		rc = outbox_add(n->opts.state, &fresh, now, &id);
	for (size_t i = 0; rc == 0 && i < l->n; i++)
		if (over[i])
			rc = outbox_supersede(n->opts.state, l->at[i].id, id, now);
	buf_free(&text);
	free(messages);
	return rc;
}

void
drain_storm(struct notify *n, struct rcv *r)
{
	struct list *l = r->driver->coalesce ? list_new(STORM_MAX) : NULL;
	bool *over = l != NULL ? calloc(STORM_MAX, sizeof(*over)) : NULL;
	size_t n_over = 0, groups = 0;
	int rc = over != NULL ? state_begin(n->opts.state) : -ENOMEM;

	if (rc == 0) {
		rc = outbox_each(n->opts.state, r->conf.name, OUTBOX_OPEN, STORM_MAX, hold, l);
		if (rc == 0)
			groups = find_over(n, r, l, over, &n_over);
		if (rc == 0 && groups > NOTIFY_STORM && n_over > 0)
			rc = write_digest(n, r, l, over);
		if (rc != 0)
			state_rollback(n->opts.state);
		else
			rc = state_commit(n->opts.state);
	}
	if (rc == 0 && groups > NOTIFY_STORM && n_over > 0) {
		notify_count(n, &r->status.digests, 1);
		notify_count(n, &r->status.superseded, n_over);
		notify_log(n, LOGL_INFO,
		    "receiver %s: is back; %zu groups waited, a digest tells of %zu messages",
		    r->conf.name, groups, n_over);
	}
	free(over);
	list_free(l);
}
