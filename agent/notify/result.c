/*
 * result.c - what an answer does to its row, to its receiver's circuit, and to the fallback.
 *
 * Runs on the sender's thread; blocks for one transaction of the state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/notify/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/notify/notice.h"
#include "lib/log.h"

/* ---- the fallback ---- */

int
fallback_add(struct notify *n, struct rcv *r, const struct outbox_row *row)
{
	const char *pairs[] = {"tillwatch_fallback_for", r->conf.name, NULL};
	struct buf redirected, message;
	struct outbox_new fresh;
	int64_t id = 0;
	int rc;

	/* One step only: what the fallback cannot deliver waits in its own queue. */
	if (r->conf.fallback == NULL || row->fallback != 0 || row->fallback_for != 0
	    || strcmp(row->kind, "test") == 0)
		return 0;
	buf_init(&redirected, 2 * NOTICE_MAX_BYTES);
	buf_init(&message, 2 * NOTICE_MAX_BYTES);
	rc = notice_redirect(&redirected, row->message, r->conf.fallback);
	if (rc == 0)
		rc = notice_annotate(&message, buf_str(&redirected), pairs);
	fresh = (struct outbox_new){.receiver = r->conf.fallback,
	    .group_key = row->group_key,
	    .kind = row->kind,
	    .class = row->class,
	    .message = rc == 0 ? buf_str(&message) : row->message,
	    .fallback_for = row->id};
	rc = outbox_add(n->opts.state, &fresh, notify_now(n), &id);
	if (rc == 0)
		rc = outbox_set_fallback(n->opts.state, row->id, id);
	if (rc == 0) {
		notify_count(n, &r->status.fallbacks, 1);
		notify_log(n, LOGL_WARN, "receiver %s: message %s also goes to %s", r->conf.name,
		    row->msg_id, r->conf.fallback);
	}
	buf_free(&redirected);
	buf_free(&message);
	return rc;
}

/* The id of a page that has waited too long and has no fallback yet; 0 = none. */
static int64_t
next_overdue(struct notify *n, struct rcv *r)
{
	int64_t now = notify_now(n), id = 0;
	bool open =
	    rcv_disabled(r)
	    || (r->breaker.opened_ms != 0 && now - r->breaker.opened_ms >= NOTIFY_FALLBACK_MS);
	struct sqlite3_stmt *st = state_stmt(n->opts.state,
	    "SELECT min(id) FROM outbox WHERE receiver=?1 AND state<=1"
	    " AND class=0 AND fallback=0 AND fallback_for=0 AND kind<>'test' AND (?2 OR"
	    " (first_ms>0 AND first_ms<=?3))");

	state_bind(st, "sii", r->conf.name, (int64_t)open, now - NOTIFY_FALLBACK_MS);
	while (state_step(n->opts.state, st) == 1)
		id = state_int(st, 0);
	return id;
}

void
fallback_overdue(struct notify *n, struct rcv *r)
{
	struct outbox_row row;
	int64_t id, before = -1;

	if (r->conf.fallback == NULL
	    || (r->breaker.fails == 0 && r->breaker.hold_ms == 0 && !rcv_disabled(r)))
		return;
	if (state_begin(n->opts.state) != 0)
		return;
	while ((id = next_overdue(n, r)) != 0 && id != before) {
		before = id;
		if (outbox_get(n->opts.state, id, &row) != 1 || fallback_add(n, r, &row) != 0)
			break;
	}
	(void)state_commit(
	    n->opts.state); /* on failure the same pages are found again a second later */
}

/* Did the fallback hear a firing of this group from us, and not yet its end? */
static bool
fallback_waits(struct notify *n, const struct outbox_row *row)
{
	struct sqlite3_stmt *st = state_stmt(n->opts.state,
	    "SELECT f.kind FROM outbox p JOIN outbox f ON f.id=p.fallback"
	    " WHERE p.receiver=?1 AND p.gkey=?2 AND p.fallback>0 ORDER BY f.seq DESC LIMIT 1");
	bool waits = false;

	state_bind(st, "ss", row->receiver, row->group_key);
	while (state_step(n->opts.state, st) == 1)
		waits = strcmp(state_text(st, 0), "resolved") != 0;
	return waits;
}

/* A resolve follows its firing: whoever was paged hears of the end. */
static int
follow_to_fallback(struct notify *n, struct rcv *r, int64_t id)
{
	size_t firing, resolved;
	struct outbox_row row;
	int rc;

	if (r->conf.fallback == NULL)
		return 0;
	if ((rc = outbox_get(n->opts.state, id, &row)) != 1)
		return rc;
	notice_count(row.message, &firing, &resolved);
	if (resolved == 0 || !fallback_waits(n, &row))
		return 0;
	return fallback_add(n, r, &row);
}

/* ---- the row ---- */

static int
save_dead(struct notify *n, struct rcv *r, int64_t now, const char *why)
{
	struct outbox_row row;
	int rc = outbox_dead(n->opts.state, r->row, r->result_http, why, now);

	if (rc == 0 && (rc = outbox_get(n->opts.state, r->row, &row)) == 1)
		rc = fallback_add(n, r, &row);
	return rc;
}

static int
save_retry(struct notify *n, struct rcv *r, int64_t now)
{
	int64_t next = schedule_next(r->class, r->row_first_ms, now, &n->seed);

	if (next < 0)
		return save_dead(n, r, now, "given up: undelivered for too long");
	if (r->breaker.hold_ms > next)
		next = r->breaker.hold_ms;
	return outbox_retry(n->opts.state, r->row, r->result_http, r->result_text, next);
}

static int
save_disabled(struct notify *n, struct rcv *r, int64_t now)
{
	int rc = state_run(n->opts.state,
	    "INSERT INTO receiver(name, config, disabled_ms, reason)"
	    " VALUES(?1, ?2, ?3, 'HTTP 410') ON CONFLICT(name) DO UPDATE SET"
	    " config=excluded.config,"
	    " disabled_ms=excluded.disabled_ms, reason=excluded.reason",
	    "ssi", r->conf.name, r->config_hash, now);

	return rc != 0 ? rc : save_dead(n, r, now, "HTTP 410: the receiver is gone, disabled");
}

static int
save_row(struct notify *n, struct rcv *r)
{
	int64_t now = notify_now(n);
	int rc;

	switch (r->result) {
	case NOTIFY_DELIVERED:
		if ((rc = outbox_delivered(n->opts.state, r->row, r->result_http, now)) == 0)
			rc = follow_to_fallback(n, r, r->row);
		return rc;
	case NOTIFY_RETRY: return save_retry(n, r, now);
	case NOTIFY_TOO_LARGE:
		return r->row_truncated ? save_dead(n, r, now, r->result_text)
					: outbox_shorten(n->opts.state, r->row, now);
	case NOTIFY_DISABLE: return save_disabled(n, r, now);
	case NOTIFY_DEAD: break;
	}
	return save_dead(n, r, now, r->result_text);
}

void
result_save(struct notify *n, struct rcv *r)
{
	int rc = state_begin(n->opts.state);

	if (rc == 0) {
		rc = save_row(n, r);
		if (rc < 0)
			state_rollback(n->opts.state);
		else
			rc = state_commit(n->opts.state);
	}
	if (rc < 0 && !r->unsaved)
		notify_log(n, LOGL_ERROR, "receiver %s: cannot note a result (%s); trying again",
		    r->conf.name, state_errmsg(n->opts.state));
	r->unsaved = rc < 0;
}

/* ---- the receiver ---- */

static void
count_result(struct rcv *r, int64_t now)
{
	struct receiver_status *s = &r->status;

	s->attempts++;
	s->last_http = r->result_http;
	s->last_attempt_ms = now;
	s->last_duration_ms = now - r->started_ms;
	if (r->result == NOTIFY_DELIVERED) {
		s->delivered++;
		s->last_success_ms = now;
		r->last_error[0] = '\0';
		return;
	}
	s->failed++;
	s->truncated += r->result == NOTIFY_TOO_LARGE && !r->row_truncated;
	s->rejected += r->result == NOTIFY_DEAD || r->result == NOTIFY_DISABLE
		       || (r->result == NOTIFY_TOO_LARGE && r->row_truncated);
	snprintf(r->last_error, sizeof(r->last_error), "%s", r->result_text);
}

void
result_take(struct notify *n, struct rcv *r, enum notify_result result, int http, const char *error)
{
	int64_t now = notify_now(n);
	bool drained = false;

	r->result = result;
	r->result_http = http;
	snprintf(r->result_text, sizeof(r->result_text), "%s", error);
	pthread_mutex_lock(&n->lock);
	count_result(r, now);
	if (result == NOTIFY_RETRY)
		breaker_failed(&r->breaker, r->class, r->retry_after, now, &n->seed);
	else if (result != NOTIFY_DISABLE)
		drained = breaker_succeeded(&r->breaker); /* any decided answer: it is there */
	if (result == NOTIFY_DISABLE)
		rcv_set_disabled(r, true);
	pthread_mutex_unlock(&n->lock);
	result_save(n, r);
	if (result != NOTIFY_DELIVERED)
		notify_log(n, result == NOTIFY_RETRY ? LOGL_WARN : LOGL_ERROR, "receiver %s: %s",
		    r->conf.name, r->result_text);
	if (drained) {
		(void)outbox_due_now(n->opts.state, r->conf.name, now);
		drain_storm(n, r);
	}
}
