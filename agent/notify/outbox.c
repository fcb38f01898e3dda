/*
 * outbox.c - see outbox.h: the SQL of the outbox.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/notify/outbox.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS                                                                  \
	"id, receiver, gkey, seq, msg_id, kind, class, message, state, attempts,"  \
	" created_ms, first_ms, next_ms, done_ms, http, error, truncated,"         \
	" superseded_by, fallback, fallback_for"

static void
read_row(struct sqlite3_stmt *st, struct outbox_row *r)
{
	*r = (struct outbox_row){.id = state_int(st, 0),
	    .receiver = state_text(st, 1),
	    .group_key = state_text(st, 2),
	    .seq = state_int(st, 3),
	    .msg_id = state_text(st, 4),
	    .kind = state_text(st, 5),
	    .class = (enum outbox_class)state_int(st, 6),
	    .message = state_text(st, 7),
	    .state = (enum outbox_state)state_int(st, 8),
	    .attempts = (int)state_int(st, 9),
	    .created_ms = state_int(st, 10),
	    .first_ms = state_int(st, 11),
	    .next_ms = state_int(st, 12),
	    .done_ms = state_int(st, 13),
	    .http = (int)state_int(st, 14),
	    .error = state_text(st, 15),
	    .truncated = state_int(st, 16) != 0,
	    .superseded_by = state_int(st, 17),
	    .fallback = state_int(st, 18),
	    .fallback_for = state_int(st, 19)};
}

/* "msg_" and 26 characters of base32 of the SHA-256 of what makes the message unique. */
static int
make_id(char dst[32], const char *agent, const char *receiver, const char *gkey, int64_t seq,
    int64_t now_ms)
{
	static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
	char numbers[64];
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned bits = 0, n_bits = 0;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t at = 0, n;
	bool ok;

	snprintf(numbers, sizeof(numbers), "%lld|%lld", (long long)seq, (long long)now_ms);
	ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1
	     && EVP_DigestUpdate(ctx, agent, strlen(agent) + 1) == 1
	     && EVP_DigestUpdate(ctx, receiver, strlen(receiver) + 1) == 1
	     && EVP_DigestUpdate(ctx, gkey, strlen(gkey) + 1) == 1
	     && EVP_DigestUpdate(ctx, numbers, strlen(numbers)) == 1
	     && EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return -EIO;
	memcpy(dst, "msg_", 4);
	for (n = 4; n < 30; n++) {
		if (n_bits < 5) {
			bits = bits << 8 | hash[at++];
			n_bits += 8;
		}
		n_bits -= 5;
		dst[n] = base32[bits >> n_bits & 31];
	}
	dst[n] = '\0';
	return 0;
}

static int
finish(struct state *s, int rc)
{
	if (rc < 0) {
		state_rollback(s);
		return rc;
	}
	rc = state_commit(s);
	return rc;
}

/* One statement in a transaction of its own (or the open one). */
#define RUN(s, ...)                                                                                \
	({                                                                                         \
		int rc_ = state_begin(s);                                                          \
		rc_ != 0 ? rc_ : finish(s, state_run(s, __VA_ARGS__));                             \
	})

/* Makes room for one row: what is oldest and least urgent becomes dead, with its reason. */
static int
make_room(struct state *s, const struct outbox_new *n, int64_t now_ms)
{
	struct sqlite3_stmt *st =
	    state_stmt(s, "SELECT count(*) FROM outbox WHERE receiver=?1 AND state<=1");
	int64_t count = 0;
	int rc;

	state_bind(st, "s", n->receiver);
	while ((rc = state_step(s, st)) == 1)
		count = state_int(st, 0);
	if (rc < 0 || count < OUTBOX_PENDING_MAX)
		return rc;
	return state_run(s,
	    "UPDATE outbox SET state=4, done_ms=?2, error='queue full' WHERE id="
	    "(SELECT id FROM outbox WHERE receiver=?1 AND state=0 AND class>=?3 ORDER BY class"
	    " DESC, seq LIMIT 1)",
	    "sii", n->receiver, now_ms, (int64_t)n->class);
}

static int
add(struct state *s, const struct outbox_new *n, int64_t now_ms, int64_t *id)
{
	int64_t seq = state_seq_next(s);
	char msg_id[32];
	int rc;

	if (seq < 0)
		return (int)seq;
	if ((rc = make_room(s, n, now_ms)) != 0)
		return rc;
	if ((rc = make_id(msg_id, state_agent_id(s), n->receiver, n->group_key, seq, now_ms)) != 0)
		return rc;
	rc = state_run(s,
	    "INSERT INTO outbox(receiver, gkey, seq, msg_id, kind, class, message, state, attempts,"
	    " created_ms, first_ms, next_ms, done_ms, http, error, truncated, superseded_by,"
	    " fallback, fallback_for)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, 0, ?8, 0, 0, '', 0, 0, 0, ?9)",
	    "ssissisii", n->receiver, n->group_key, seq, msg_id, n->kind, (int64_t)n->class,
	    n->message, now_ms, n->fallback_for);
	if (rc == 0 && id != NULL)
		*id = state_rowid(s);
	return rc;
}

int
outbox_add(struct state *s, const struct outbox_new *n, int64_t now_ms, int64_t *id)
{
	int rc = state_begin(s);

	return rc != 0 ? rc : finish(s, add(s, n, now_ms, id));
}

int
outbox_recover(struct state *s, int64_t now_ms)
{
	return RUN(s, "UPDATE outbox SET state=0, next_ms=?1 WHERE state=1", "i", now_ms);
}

int
outbox_head(struct state *s, const char *receiver, int64_t now_ms, int64_t horizon_ms,
    bool any_time, struct outbox_row *row)
{
	struct sqlite3_stmt *st = state_stmt(s,
	    "SELECT " COLUMNS " FROM outbox o WHERE state=0 AND receiver=?1"
	    " AND (?4 OR next_ms<=?2 OR next_ms>?3) AND NOT EXISTS(SELECT 1 FROM outbox e WHERE"
	    " e.receiver=?1"
	    " AND e.gkey=o.gkey AND e.seq<o.seq AND e.state<=1) ORDER BY class, kind<>'digest',"
	    " seq LIMIT 1");
	int rc;

	state_bind(st, "siii", receiver, now_ms, now_ms + horizon_ms, (int64_t)any_time);
	if ((rc = state_step(s, st)) == 1)
		read_row(st, row);
	return rc;
}

int
outbox_next(struct state *s, const char *receiver, int64_t *next_ms)
{
	struct sqlite3_stmt *st = state_stmt(s,
	    "SELECT min(next_ms), count(*) FROM outbox o WHERE state=0"
	    " AND receiver=?1 AND NOT EXISTS(SELECT 1 FROM outbox e WHERE e.receiver=?1 AND"
	    " e.gkey=o.gkey"
	    " AND e.seq<o.seq AND e.state<=1)");
	int rc;

	*next_ms = INT64_MAX;
	state_bind(st, "s", receiver);
	while ((rc = state_step(s, st)) == 1)
		if (state_int(st, 1) > 0)
			*next_ms = state_int(st, 0);
	return rc;
}

int
outbox_get(struct state *s, int64_t id, struct outbox_row *row)
{
	struct sqlite3_stmt *st = state_stmt(s, "SELECT " COLUMNS " FROM outbox WHERE id=?1");
	int rc;

	state_bind(st, "i", id);
	if ((rc = state_step(s, st)) == 1)
		read_row(st, row);
	return rc;
}

int
outbox_claim(struct state *s, int64_t id, int64_t now_ms)
{
	return RUN(s,
	    "UPDATE outbox SET state=1, attempts=attempts+1,"
	    " first_ms=CASE first_ms WHEN 0 THEN ?2 ELSE first_ms END WHERE id=?1 AND state=0",
	    "ii", id, now_ms);
}

int
outbox_delivered(struct state *s, int64_t id, int http, int64_t now_ms)
{
	return RUN(s,
	    "UPDATE outbox SET state=2, http=?2, error='', done_ms=?3 WHERE id=?1 AND state<=1",
	    "iii", id, (int64_t)http, now_ms);
}

int
outbox_retry(struct state *s, int64_t id, int http, const char *error, int64_t next_ms)
{
	return RUN(s,
	    "UPDATE outbox SET state=0, http=?2, error=?3, next_ms=?4 WHERE id=?1 AND state<=1",
	    "iisi", id, (int64_t)http, error, next_ms);
}

int
outbox_dead(struct state *s, int64_t id, int http, const char *error, int64_t now_ms)
{
	return RUN(s,
	    "UPDATE outbox SET state=4, http=?2, error=?3, done_ms=?4 WHERE id=?1 AND state<=1",
	    "iisi", id, (int64_t)http, error, now_ms);
}

int
outbox_shorten(struct state *s, int64_t id, int64_t now_ms)
{
	return RUN(s,
	    "UPDATE outbox SET state=0, truncated=1, http=413, error='too large: sent shortened',"
	    " next_ms=?2 WHERE id=?1 AND state<=1",
	    "ii", id, now_ms);
}

int
outbox_supersede(struct state *s, int64_t id, int64_t by, int64_t now_ms)
{
	return RUN(s,
	    "UPDATE outbox SET state=3, superseded_by=?2, done_ms=?3 WHERE id=?1 AND state=0",
	    "iii", id, by, now_ms);
}

int
outbox_replace_message(struct state *s, int64_t id, const char *message)
{
	return RUN(s, "UPDATE outbox SET message=?2 WHERE id=?1 AND state=0 AND attempts=0", "is",
	    id, message);
}

int
outbox_set_fallback(struct state *s, int64_t id, int64_t fallback_row)
{
	return RUN(s, "UPDATE outbox SET fallback=?2 WHERE id=?1", "ii", id, fallback_row);
}

int
outbox_due_now(struct state *s, const char *receiver, int64_t now_ms)
{
	return RUN(s, "UPDATE outbox SET next_ms=?2 WHERE receiver=?1 AND state=0 AND next_ms>?2",
	    "si", receiver, now_ms);
}

static int
run_changed(struct state *s, int rc)
{
	return rc != 0 ? rc : state_changed(s) > 0;
}

int
outbox_revive(struct state *s, int64_t id, int64_t now_ms)
{
	int rc = state_begin(s), changed;

	if (rc != 0)
		return rc;
	changed = run_changed(
	    s, state_run(s,
		   "UPDATE outbox SET state=0, next_ms=?2, first_ms=0, error='' WHERE id=?1"
		   " AND state IN (0, 4, 5)",
		   "ii", id, now_ms));
	rc = finish(s, changed);
	return rc != 0 ? rc : changed;
}

int
outbox_drop(struct state *s, int64_t id, int64_t now_ms)
{
	int rc = state_begin(s), changed;

	if (rc != 0)
		return rc;
	changed =
	    run_changed(s, state_run(s,
			       "UPDATE outbox SET state=5, done_ms=?2, error='dropped by hand'"
			       " WHERE id=?1 AND state IN (0, 4)",
			       "ii", id, now_ms));
	rc = finish(s, changed);
	return rc != 0 ? rc : changed;
}

int
outbox_expire(struct state *s, int64_t now_ms)
{
	int rc = state_begin(s);

	if (rc != 0)
		return rc;
	rc = state_run(
	    s, "DELETE FROM outbox WHERE state>1 AND done_ms<?1", "i", now_ms - OUTBOX_KEEP_MS);
	if (rc == 0)
		rc = state_run(s,
		    "DELETE FROM outbox WHERE state>1 AND id<="
		    "(SELECT id FROM outbox WHERE state>1 ORDER BY id DESC LIMIT 1 OFFSET ?1)",
		    "i", (int64_t)OUTBOX_KEEP_ROWS);
	return finish(s, rc);
}

int
outbox_totals(struct state *s, const char *receiver, struct outbox_totals *out)
{
	struct sqlite3_stmt *st;
	int rc = state_begin(s);

	*out = (struct outbox_totals){0};
	if (rc != 0)
		return rc;
	st = state_stmt(s,
	    "SELECT count(*), count(CASE class WHEN 0 THEN 1 END), min(created_ms) FROM outbox"
	    " WHERE receiver=?1 AND state<=1");
	state_bind(st, "s", receiver);
	while ((rc = state_step(s, st)) == 1) {
		out->pending = state_int(st, 0);
		out->pages = state_int(st, 1);
		out->oldest_ms = state_int(st, 2);
	}
	st = rc == 0 ? state_stmt(s, "SELECT count(*) FROM outbox WHERE receiver=?1 AND state=4")
		     : NULL;
	state_bind(st, "s", receiver);
	while (st != NULL && (rc = state_step(s, st)) == 1)
		out->dead = state_int(st, 0);
	return finish(s, rc);
}

int
outbox_each(struct state *s, const char *receiver, enum outbox_filter filter, size_t limit,
    void (*each)(void *, const struct outbox_row *), void *arg)
{
	struct outbox_row row;
	struct sqlite3_stmt *st;
	int rc = state_begin(s);

	if (rc != 0)
		return rc;
	st = state_stmt(s,
	    "SELECT " COLUMNS " FROM outbox WHERE (?1 IS NULL OR receiver=?1)"
	    " AND (?2=0 OR (?2=1 AND state<=1) OR (?2=2 AND state=4)) ORDER BY id DESC LIMIT ?3");
	state_bind(st, "sii", receiver, (int64_t)filter, (int64_t)limit);
	while ((rc = state_step(s, st)) == 1) {
		read_row(st, &row);
		each(arg, &row);
	}
	return finish(s, rc);
}

int
outbox_group_each(struct state *s, const char *receiver, const char *group_key,
    void (*each)(void *, const struct outbox_row *), void *arg)
{
	struct outbox_row row;
	struct sqlite3_stmt *st;
	int rc = state_begin(s);

	if (rc != 0)
		return rc;
	st = state_stmt(s, "SELECT " COLUMNS
			   " FROM outbox WHERE receiver=?1 AND gkey=?2 AND state<=1 ORDER BY seq");
	state_bind(st, "ss", receiver, group_key);
	while ((rc = state_step(s, st)) == 1) {
		read_row(st, &row);
		each(arg, &row);
	}
	return finish(s, rc);
}

const char *
outbox_state_name(enum outbox_state state)
{
	static const char *const names[] = {
	    "pending", "inflight", "delivered", "superseded", "dead", "dropped"};

	return names[state];
}

const char *outbox_class_name(enum outbox_class class)
{
	return class == OUTBOX_PAGE ? "page" : "info";
}
