/*
 * seal.c - unsealed samples become chunks of live.db, and frames that nobody needs any more go.
 *
 * A series is due after SEAL_COUNT samples or SEAL_AGE, both staggered by its number so that a
 * thousand series that began together do not seal together. All that a series has unsealed is
 * sealed at once, cut at midnight UTC: a chunk belongs to one day. Writer thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <stdlib.h>

#include "agent/store/chunk.h"
#include "agent/store/impl.h"
#include "lib/xmalloc.h"

#define SEAL_COUNT 300u                       /* + 0..119 */
#define SEAL_AGE_MS (55 * 60 * INT64_C(1000)) /* + 0..10 minutes */
#define SEAL_PIECE 1024u                      /* samples a chunk at most */
#define SEAL_PIECE_HIST 64u     /* histograms can be large: all of them must fit a chunk */
#define FRAMES_A_CALL "512"
/* Of all series, a call looks at one part: what is due waits for some seconds, and a call costs
 * the same whether a thousand series are kept or a million. */
#define LOOKS_LEAST 256u
#define LOOKS_PART 32u

struct sealed { /* a chunk of the transaction in work */
	struct hseries *hs;
	int64_t id, t0, t1;
};
struct sealing {
	struct sealed *at;
	size_t n, cap;
	struct hseries **done; /* the series in work */
	size_t n_done;
};

static bool
is_due(const struct hseries *hs, int64_t now, int64_t force_frame)
{
	uint32_t spread = hs->sid * 2654435761u;
	int64_t age = now - hs->opened_ms;

	if (hs->n_head == 0)
		return false;
	return hs->first_frame <= force_frame || hs->n_head >= SEAL_COUNT + (spread >> 16) % 120
	       || age >= SEAL_AGE_MS + (int64_t)(spread % 600000) || age < -SEAL_AGE_MS;
}

static int
put_chunk(struct store *s, struct sealing *se, struct hseries *hs, const struct samples *all,
    size_t from, size_t n)
{
	sqlite3_stmt *st = s->st[ST_CHUNK];
	struct sealed *done;
	struct buf b;
	int rc;

	if (se->n == se->cap) {
		se->cap = se->cap > 0 ? se->cap * 2 : 64;
		se->at = xrealloc(se->at, se->cap, sizeof(*se->at));
	}
	done = &se->at[se->n++];
	*done = (struct sealed){hs, s->next_chunk++, all->t[from], all->t[from + n - 1]};
	buf_init(&b, CHUNK_BYTES_MAX);
	rc = chunk_encode(&b, hs->sid, hs->resolution, all, from, n);
	if (rc == 0) {
		sqlite3_bind_int64(st, 1, done->id);
		sqlite3_bind_int64(st, 2, hs->sid);
		sqlite3_bind_int64(st, 3, done->t0);
		sqlite3_bind_int64(st, 4, done->t1);
		sqlite3_bind_int64(st, 5, s->next_frame - 1);
		sqlite3_bind_blob64(st, 6, b.data, b.len, SQLITE_STATIC);
		rc = db_run(st);
	}
	buf_free(&b);
	return rc;
}

static int
seal_series(struct store *s, struct sealing *se, struct hseries *hs)
{
	size_t i, n, piece = SEAL_PIECE;
	struct samples all = {0};
	int rc = 0;

	head_copy(hs, INT64_MIN, INT64_MAX, &all);
	samples_settle(&all);
	if (all.h != NULL)
		piece = SEAL_PIECE_HIST;
	for (i = 0; i < all.n && rc == 0; i += n) {
		for (n = 1; i + n < all.n && n < piece && day_of(all.t[i + n]) == day_of(all.t[i]);
		     n++)
			;
		rc = put_chunk(s, se, hs, &all, i, n);
	}
	samples_clear(&all);
	se->done[se->n_done++] = hs;
	return rc;
}

/* Readers see the chunks before the head is emptied: both under one lock. */
static void
seal_publish(struct store *s, struct sealing *se)
{
	uint64_t left = 0;
	size_t i;

	pthread_rwlock_wrlock(&s->lock);
	for (i = 0; i < se->n; i++)
		chunk_ref_add(se->at[i].hs, se->at[i].id, se->at[i].t0, se->at[i].t1);
	s->n_resealed += (uint32_t)se->n_done;
	for (i = 0; i < se->n_done; i++) {
		left += se->done[i]->n_head;
		se->done[i]->sealed_frame = s->next_frame - 1;
		head_clear(se->done[i]);
	}
	pthread_rwlock_unlock(&s->lock);
	atomic_fetch_sub(&s->n_head, left);
	atomic_fetch_add(&s->n_chunks, se->n);
}

int
seal_slice(struct store *s, int64_t force_frame, int max)
{
	struct sealing se = {.done = xcalloc((size_t)max, sizeof(*se.done))};
	int64_t now = store_now(s), next_chunk = s->next_chunk;
	uint32_t looked, top, looks;
	int rc = 0;

	pthread_rwlock_rdlock(&s->lock);
	looks = top = s->reg.top;
	if (force_frame == 0 && looks > LOOKS_LEAST * LOOKS_PART)
		looks = top / LOOKS_PART;
	else if (force_frame == 0 && looks > LOOKS_LEAST)
		looks = LOOKS_LEAST;
	for (looked = 0; looked < looks && se.n_done < (size_t)max && rc == 0; looked++) {
		struct hseries *hs;

		s->seal_cursor = s->seal_cursor % top + 1;
		hs = series_at(s, s->seal_cursor);
		if (hs == NULL || !is_due(hs, now, force_frame))
			continue;
		if (se.n_done == 0 && (rc = txn_begin(s)) != 0)
			break;
		rc = seal_series(s, &se, hs);
	}
	pthread_rwlock_unlock(&s->lock);
	if (se.n_done > 0)
		rc = txn_end(s, rc);
	if (rc == 0)
		seal_publish(s, &se);
	else
		s->next_chunk = next_chunk;
	rc = rc != 0 ? rc : (int)se.n_done;
	free(se.at);
	free(se.done);
	return rc;
}

/* Sealing alone moves it on. Looking it up reads every series: after each 64th of them is enough
 * for frames to go soon. */
static int64_t
frames_horizon(struct store *s)
{
	int64_t horizon = s->next_frame;
	uint32_t i;

	if (s->n_resealed <= s->reg.top / 64)
		return s->horizon;
	pthread_rwlock_rdlock(&s->lock);
	for (i = 1; i <= s->reg.top; i++) {
		const struct hseries *hs = series_at(s, i);

		if (hs != NULL && hs->n_head > 0 && hs->first_frame < horizon)
			horizon = hs->first_frame;
	}
	pthread_rwlock_unlock(&s->lock);
	s->n_resealed = 0;
	return s->horizon = horizon;
}

int
frames_drop(struct store *s)
{
	int64_t horizon = frames_horizon(s), until = horizon;
	int rc;

	if (s->first_frame >= horizon)
		return 0;
	/* Ids have gaps after a rescue: a slice is counted in rows. */
	rc = db_int(
	    s->db, "SELECT id + 1 FROM frame ORDER BY id LIMIT 1 OFFSET " FRAMES_A_CALL, &until);
	until = rc != 0 || until > horizon ? horizon : until;
	rc = rc == -ENOENT ? 0 : rc;
	if (rc == 0)
		rc = txn_begin(s);
	if (rc == 0) {
		sqlite3_bind_int64(s->st[ST_FRAME_DROP], 1, until);
		rc = txn_end(s, db_run(s->st[ST_FRAME_DROP]));
	}
	if (rc == 0)
		s->first_frame = until;
	return rc != 0 ? rc : until < horizon;
}
