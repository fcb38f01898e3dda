/*
 * session.c - see session.h.
 *
 * State: "seed" (of the hash), "sessions/SHARD" (struct session each), "waiting/N" (struct
 * session_event each).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#define SLOTS_LEAST 16                  /* of a shard's table: open addressing, linear probing */
#define PIECE 2500                      /* events under one key of the state */
#define PIECES ((WAITING_MAX + PIECE - 1) / PIECE)

_Static_assert(sizeof(struct session) == 16, "as it is stored");
_Static_assert(sizeof(struct session_event) == 24, "as it is stored");
_Static_assert(PIECE * sizeof(struct session_event) <= 65536, "a piece fits under one key");

struct shard {
	struct session *at;
	size_t slots;                   /* 0, or a power of two; at most half are taken */
	size_t n;
	bool is_dirty;
};

struct sessions {
	uint64_t seed;
	int n_steps;
	int64_t window_ms;
	struct shard shards[SESSION_SHARDS];
	struct session_event waiting[WAITING_MAX];
	size_t n_waiting, next;         /* [0, next) have had their turn */
	bool is_sorted, is_dirty;
	int n_pieces;                   /* stored */
	uint64_t n_lost;
	int64_t now_ms;                 /* event time up to which all had their turn */
};

/* ---- the table ---- */

static struct shard *
shard_of(struct sessions *s, uint64_t hash)
{
	return &s->shards[hash >> 58];
}

static struct session *
find(const struct shard *shard, uint64_t hash)
{
	for (size_t i = hash % (shard->slots + !shard->slots);
	     shard->slots > 0 && shard->at[i].hash != 0; i = (i + 1) % shard->slots)
		if (shard->at[i].hash == hash)
			return &shard->at[i];
	return NULL;
}

/* Closes the gap, so that no probe ends too early (Knuth, TAOCP 3, 6.4, algorithm R). */
static void
erase(struct shard *shard, struct session *session)
{
	size_t gap = (size_t)(session - shard->at), i = gap, home;

	shard->n--;
	shard->is_dirty = true;
	for (;;) {
		shard->at[gap].hash = 0;
		do {
			i = (i + 1) % shard->slots;
			if (shard->at[i].hash == 0)
				return;
			home = shard->at[i].hash % shard->slots;
		} while (gap <= i ? gap < home && home <= i : gap < home || home <= i);
		shard->at[gap] = shard->at[i];
		gap = i;
	}
}

static bool
is_over(const struct sessions *s, const struct session *p)
{
	return (int64_t)p->time_s * 1000 + 999 + s->window_ms < s->now_ms;
}

/* Forgets those whose next step could not count any more. */
static void
sweep(struct sessions *s, struct shard *shard)
{
	for (size_t i = 0; i < shard->slots; i++)
		while (shard->at[i].hash != 0 && is_over(s, &shard->at[i]))
			erase(shard, &shard->at[i]);
}

/* Where nobody's time is over, the one that waits longest goes. */
static void
make_room(struct sessions *s, struct shard *shard)
{
	struct session *oldest = NULL;

	sweep(s, shard);
	if (shard->n < SESSION_SHARD_MAX)
		return;
	for (size_t i = 0; i < shard->slots; i++)
		if (shard->at[i].hash != 0
		    && (oldest == NULL || shard->at[i].time_s < oldest->time_s))
			oldest = &shard->at[i];
	erase(shard, oldest);
	s->n_lost++;
}

static void
put(struct shard *shard, const struct session *new)
{
	size_t i = new->hash % shard->slots;

	while (shard->at[i].hash != 0)
		i = (i + 1) % shard->slots;
	shard->at[i] = *new;
}

static bool
grow(struct shard *shard)
{
	struct shard larger = {.slots = shard->slots > 0 ? 2 * shard->slots : SLOTS_LEAST};

	larger.at = calloc(larger.slots, sizeof(*larger.at));
	if (larger.at == NULL)
		return false;
	for (size_t i = 0; i < shard->slots; i++)
		if (shard->at[i].hash != 0)
			put(&larger, &shard->at[i]);
	free(shard->at);
	shard->at = larger.at;
	shard->slots = larger.slots;
	return true;
}

static void
insert(struct sessions *s, const struct session *new)
{
	struct shard *shard = shard_of(s, new->hash);

	if (shard->n >= SESSION_SHARD_MAX)
		make_room(s, shard);
	if (2 * (shard->n + 1) > shard->slots && !grow(shard)) {
		s->n_lost++;
		return;
	}
	put(shard, new);
	shard->n++;
	shard->is_dirty = true;
}

/* ---- events ---- */

uint64_t
sessions_hash(const struct sessions *s, const struct tw_value *v)
{
	uint64_t h = v->type == TW_FIELD_TEXT
			 ? XXH3_64bits_withSeed(v->as.text, v->len, s->seed)
			 : XXH3_64bits_withSeed(&v->as.integer, sizeof(v->as.integer), s->seed);

	return h != 0 ? h : 1;
}

static int
by_time(const void *a, const void *b)
{
	const struct session_event *x = a, *y = b;

	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return x->step - y->step; /* within a millisecond: the way people go */
}

static void
sort(struct sessions *s)
{
	if (s->is_sorted)
		return;
	if (s->next > 0) {
		s->n_waiting -= s->next;
		memmove(s->waiting, s->waiting + s->next, s->n_waiting * sizeof(*s->waiting));
		s->next = 0;
	}
	qsort(s->waiting, s->n_waiting, sizeof(*s->waiting), by_time);
	s->is_sorted = true;
}

void
sessions_wait(struct sessions *s, const struct session_event *e)
{
	if (s->n_waiting == WAITING_MAX && s->next > 0) {
		s->is_sorted = false;
		sort(s);
	}
	if (s->n_waiting == WAITING_MAX) {
		s->n_lost++;
		return;
	}
	s->is_sorted = s->is_sorted
		       && (s->n_waiting == s->next
			   || by_time(&s->waiting[s->n_waiting - 1], e) <= 0);
	s->waiting[s->n_waiting++] = *e;
	s->is_dirty = true;
}

static struct session_move
move_of(const struct session_event *e, const struct session *from)
{
	struct session_move m = {.step = e->step,
	    .time_ms = e->time_ms,
	    .from_ms = from != NULL ? (int64_t)from->time_s * 1000 : 0};

	memcpy(m.of, from != NULL ? from->of : e->of, sizeof(m.of));
	return m;
}

/* Does it move its session on? */
static bool
take(struct sessions *s, const struct session_event *e, struct session_move *out)
{
	struct shard *shard = shard_of(s, e->hash);
	struct session *at = find(shard, e->hash);
	struct session new = {.hash = e->hash, .time_s = (uint32_t)(e->time_ms / 1000)};

	if (at != NULL && is_over(s, at)) {
		erase(shard, at);
		at = NULL;
	}
	if (at == NULL) {
		if (e->step != 0)
			return false;
		*out = move_of(e, NULL);
		memcpy(new.of, e->of, sizeof(new.of));
		if (s->n_steps > 1)
			insert(s, &new);
		return true;
	}
	if (e->step != at->step + 1)
		return false;
	*out = move_of(e, at);
	shard->is_dirty = true;
	at->step = e->step;
	at->time_s = new.time_s;
	if (at->step == s->n_steps - 1)
		erase(shard, at);
	return true;
}

bool
sessions_next(struct sessions *s, int64_t until_ms, struct session_move *out)
{
	sort(s);
	while (s->next < s->n_waiting && s->waiting[s->next].time_ms < until_ms) {
		const struct session_event *e = &s->waiting[s->next++];

		s->is_dirty = true;
		if (e->time_ms > s->now_ms)
			s->now_ms = e->time_ms;
		if (take(s, e, out))
			return true;
	}
	return false;
}

size_t
sessions_count(const struct sessions *s)
{
	size_t n = 0;

	for (int i = 0; i < SESSION_SHARDS; i++)
		n += s->shards[i].n;
	return n;
}

uint64_t
sessions_lost(struct sessions *s)
{
	uint64_t n = s->n_lost;

	s->n_lost = 0;
	return n;
}

/* ---- state ---- */

static void
restore_shard(struct tw_ctx *ctx, struct sessions *s, int i)
{
	char key[24];
	struct session one;
	const char *bytes;
	size_t len;

	snprintf(key, sizeof(key), "sessions/%d", i);
	if ((bytes = tw_api_->state_get(ctx, key, &len)) == NULL)
		return;
	for (size_t at = 0; at + sizeof(one) <= len; at += sizeof(one)) {
		memcpy(&one, bytes + at, sizeof(one));
		if (one.hash != 0 && (int)(one.hash >> 58) == i && one.step < s->n_steps - 1
		    && find(&s->shards[i], one.hash) == NULL)
			insert(s, &one);
	}
	s->shards[i].is_dirty = false;
}

static void
restore_waiting(struct tw_ctx *ctx, struct sessions *s, int i)
{
	struct session_event one;
	const char *bytes;
	char key[24];
	size_t len;

	snprintf(key, sizeof(key), "waiting/%d", i);
	if ((bytes = tw_api_->state_get(ctx, key, &len)) == NULL)
		return;
	s->n_pieces = i + 1;
	for (size_t at = 0; at + sizeof(one) <= len; at += sizeof(one)) {
		memcpy(&one, bytes + at, sizeof(one));
		if (one.hash != 0 && one.step < s->n_steps)
			sessions_wait(s, &one);
	}
}

struct sessions *
sessions_new(struct tw_ctx *ctx, int n_steps, int64_t window_ms)
{
	struct sessions *s = calloc(1, sizeof(*s));
	const void *seed;
	size_t len;

	if (s == NULL)
		return NULL;
	s->n_steps = n_steps;
	s->window_ms = window_ms;
	s->is_sorted = true;
	if ((seed = tw_api_->state_get(ctx, "seed", &len)) != NULL && len == sizeof(s->seed))
		memcpy(&s->seed, seed, len);
	else if (getrandom(&s->seed, sizeof(s->seed), 0) != (ssize_t)sizeof(s->seed))
		s->seed = (uint64_t)(uintptr_t)s;
	for (int i = 0; i < SESSION_SHARDS; i++)
		restore_shard(ctx, s, i);
	for (int i = 0; i < PIECES; i++)
		restore_waiting(ctx, s, i);
	s->is_dirty = false;
	return s;
}

void
sessions_free(struct sessions *s)
{
	for (int i = 0; s != NULL && i < SESSION_SHARDS; i++)
		free(s->shards[i].at);
	free(s);
}

static void
save_shard(struct tw_ctx *ctx, struct sessions *s, int i, struct session *room)
{
	struct shard *shard = &s->shards[i];
	size_t n = 0;
	char key[24];

	sweep(s, shard);
	for (size_t k = 0; k < shard->slots; k++)
		if (shard->at[k].hash != 0)
			room[n++] = shard->at[k];
	snprintf(key, sizeof(key), "sessions/%d", i);
	if (tw_api_->state_put(ctx, key, n > 0 ? room : NULL, n * sizeof(*room)) == 0)
		shard->is_dirty = false;
}

static void
save_waiting(struct tw_ctx *ctx, struct sessions *s)
{
	size_t left = s->n_waiting - s->next;
	int i = 0;
	char key[24];

	for (; left > 0; i++) {
		size_t n = left < PIECE ? left : PIECE;

		snprintf(key, sizeof(key), "waiting/%d", i);
		(void)tw_api_->state_put(ctx, key, s->waiting + s->n_waiting - left,
		    n * sizeof(*s->waiting));
		left -= n;
	}
	for (int k = i; k < s->n_pieces; k++) {
		snprintf(key, sizeof(key), "waiting/%d", k);
		tw_api_->state_put(ctx, key, NULL, 0);
	}
	s->n_pieces = i;
	s->is_dirty = false;
}

void
sessions_save(struct tw_ctx *ctx, struct sessions *s)
{
	struct session *room = malloc(SESSION_SHARD_MAX * sizeof(*room));

	tw_api_->state_put(ctx, "seed", &s->seed, sizeof(s->seed));
	for (int i = 0; room != NULL && i < SESSION_SHARDS; i++)
		if (s->shards[i].is_dirty)
			save_shard(ctx, s, i, room);
	free(room);
	if (s->is_dirty)
		save_waiting(ctx, s);
}
