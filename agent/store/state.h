/*
 * state.h - state.db: what must not be lost in the second in which it happens. Alerts, the history
 * of their changes, notification groups, the outbox, silences, receivers.
 *
 * DESIGN (section 8). One SQLite file beside the samples, WAL and synchronous=FULL: when a commit
 * returned 0, the change survives kill -9 and power loss. The schema of all tables stands in
 * state.c; the SQL that uses a table stands in the room that owns it (agent/alert, agent/notify),
 * through the few calls below.
 *
 *     state_begin -> state_stmt / state_bind / state_step ... -> state_commit or state_rollback
 *
 * A transaction holds the (recursive) lock of the state from begin to commit: begin inside begin
 * joins the outer one, and a rollback inside makes the outer commit fail. Any thread; each call may
 * block for one fsync, and for another thread's transaction. A damaged file is set aside
 * (state.db.damaged-TIME) and said; a fresh one begins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_STORE_STATE_H
#define AGENT_STORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state;
struct sqlite3_stmt;

#define STATE_STATEMENTS_MAX 64 /* distinct SQL texts prepared and kept */

struct state_error {
	int code; /* negative errno; 0 with a text: opened, but something is to be said */
	char text[320];
};

/* Opens or makes the file; `path` names state.db itself. readonly: no writes, no repair, -ENOENT
 * when absent. 0, or a negative code with *err filled. -EPROTO: written by a newer version. Blocks
 * on disk. */
int state_open(struct state **out, const char *path, bool readonly, struct state_error *err);
void state_close(struct state *s); /* NULL allowed; a transaction left open is rolled back */

/* 0 or -EIO, -ENOSPC, -EBUSY. After a failed begin the lock is not held; a failed commit has rolled
 * back. */
int state_begin(struct state *s);
int state_commit(struct state *s);
void state_rollback(struct state *s);

/* The prepared statement of a SQL literal (kept by its address, which must live as long as s),
 * reset and unbound. Only between begin and commit. NULL when it cannot be prepared: state_step(s,
 * NULL) then says why. */
struct sqlite3_stmt *state_stmt(struct state *s, const char *sql);
/* Binds the parameters 1, 2, ... by kind: s text (char *, copied; NULL allowed), i int64_t, d
 * double. */
void state_bind(struct sqlite3_stmt *st, const char *kinds, ...);
/* 1: a row, 0: done, <0: a negative code (the transaction can only be rolled back). */
int state_step(struct state *s, struct sqlite3_stmt *st);
/* Prepares, binds, runs to the end. 0 or a negative code. */
int state_run(struct state *s, const char *sql, const char *kinds, ...);
/* Columns of the current row; a NULL text reads as "". The text lives until the next step. */
const char *state_text(struct sqlite3_stmt *st, int column);
int64_t state_int(struct sqlite3_stmt *st, int column);
double state_real(struct sqlite3_stmt *st, int column);
int64_t state_changed(struct state *s); /* rows that the last statement changed */
int64_t state_rowid(struct state *s);   /* of the last insert */

/* A number greater than all before, over restarts. Inside a transaction; <0 on error. */
int64_t state_seq_next(struct state *s);
/* 32 hex digits chosen when the file was made: tells this agent's messages from any other's. */
const char *state_agent_id(const struct state *s);
/* What the last failure was, for a log line. */
const char *state_errmsg(const struct state *s);

#endif
