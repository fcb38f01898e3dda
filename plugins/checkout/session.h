/*
 * session.h - how far each session has come in a closed funnel, in the order of event time.
 *
 *   event -> waits (sorted by time) -> everybody has told all up to then -> the session moves on
 *
 * DESIGN. Lines of several files, and rows of another system, do not come in the order in which
 * things happened; a step that is read before the one it follows would be lost. So events wait
 * until nothing older can come. Of a session a keyed hash is kept, how far it came and when: never
 * the session itself. It is forgotten when its next step would come too late to count.
 *
 * Memory is bounded (SESSIONS_MAX, WAITING_MAX); what must go for want of room is counted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_SESSION_H
#define PLUGINS_CHECKOUT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#define SESSION_SHARDS 64
#define SESSION_SHARD_MAX 2048
#define SESSIONS_MAX (SESSION_SHARDS * SESSION_SHARD_MAX)
#define WAITING_MAX 16384
#define SESSION_DIMENSIONS 3
#define SESSION_NO_VALUE 255

struct session {
	uint64_t hash;                  /* 0 = free */
	uint32_t time_s;                /* of the step it is at, since 1970 */
	uint8_t step;
	uint8_t of[SESSION_DIMENSIONS]; /* index of its value, by dimension */
};
struct session_event {
	uint64_t hash;
	int64_t time_ms;
	uint8_t step;
	uint8_t of[SESSION_DIMENSIONS];
	uint8_t pad[4];
};

struct sessions;
/* What an earlier process left is taken up. NULL: no memory. window_ms: between two steps. */
struct sessions *sessions_new(struct tw_ctx *ctx, int n_steps, int64_t window_ms);
void sessions_free(struct sessions *);
/* The keyed hash of a session's text; never 0. */
uint64_t sessions_hash(const struct sessions *, const struct tw_value *v);
/* Waits for its turn. */
void sessions_wait(struct sessions *, const struct session_event *e);
/*
 * The next event before until_ms that moves its session on: true. from_ms is the time at which the
 * session came to the step before (0: this is its first step), of[] what it had when it entered.
 */
struct session_move {
	int step;
	int64_t time_ms, from_ms;
	uint8_t of[SESSION_DIMENSIONS];
};
bool sessions_next(struct sessions *, int64_t until_ms, struct session_move *out);
void sessions_save(struct tw_ctx *ctx, struct sessions *);
size_t sessions_count(const struct sessions *);
uint64_t sessions_lost(struct sessions *);  /* since the last time asked: went for want of room */

#endif
