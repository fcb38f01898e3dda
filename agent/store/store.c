/*
 * store.c - opening and closing: the lock, the files' versions, and what is on disk loaded into
 * memory.
 *
 *   store.lock    pid of the owner; the lock is the kernel's (open file description), so a pid
 *                 that a dead agent left behind is no lock
 *   live.db       see db.c for its tables
 *
 * Opening reads: series rows, the keys of chunks (not their bytes), run records' numbers, all
 * frames. Blocks. A live.db that cannot be read is set aside and its rows are saved (rescue.c);
 * one of a newer version is refused before anything is written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <build-config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/frame.h"
#include "agent/store/impl.h"
#include "agent/store/schema.h"
#include "lib/xmalloc.h"

int64_t
store_now(const struct store *s)
{
	return s->opts.now_ms != NULL ? s->opts.now_ms(s->opts.now_arg) : wall_now().ms;
}

void
store_say(const struct store *s, int level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (s->opts.log == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->opts.log(s->opts.log_arg, level, text);
}

static int
fail(struct store_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err != NULL && err->text[0] == '\0') {
		err->code = code;
		va_start(ap, fmt);
		vsnprintf(err->text, sizeof(err->text), fmt, ap);
		va_end(ap);
	}
	return code;
}

/* --- lock and version --- */

static pid_t
lock_owner(int fd)
{
	char text[32] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static int
lock_take(struct store *s, struct store_error *err)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char *path = xasprintf("%s/store.lock", s->dir), text[32];
	int n, rc = 0;

	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock_fd < 0) {
		rc = fail(err, -errno, "%s: %s", path, strerror(errno));
	} else if (fcntl(s->lock_fd, F_OFD_SETLK, &fl) != 0) {
		pid_t owner = lock_owner(s->lock_fd);

		if (errno == EAGAIN || errno == EACCES)
			rc = fail(err, -EBUSY, "the store %s is in use by process %d", s->dir,
			    (int)owner);
		else
			rc = fail(err, -errno, "%s: %s", path, strerror(errno));
		if (err != NULL)
			err->owner = owner;
	} else {
		/* The text only informs; a full disk must not keep the agent from starting. */
		n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
		if (ftruncate(s->lock_fd, 0) != 0 || pwrite(s->lock_fd, text, (size_t)n, 0) != n)
			store_say(s, 4, "store: %s: pid not written", path);
	}
	free(path);
	return rc;
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* 0 ours; 1 there is none yet; -EUCLEAN no SQLite file; else refused. Reads the file's first
 * bytes only: the schema's version is written and checkpointed before anything else, so it
 * stands there. */
static int
version_check(const char *path, struct store_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[100];
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 1 : fail(err, -errno, "%s: %s", path, strerror(errno));
	n = pread(fd, head, sizeof(head), 0);
	close(fd);
	if (n == 0)
		return 1;
	if (n < (ssize_t)sizeof(head) || memcmp(head, "SQLite format 3", 16) != 0)
		return -EUCLEAN;
	if (be32(head + 68) == LIVE_APPLICATION_ID && be32(head + 60) > LIVE_VERSION)
		return fail(err, -EPROTO,
		    "%s is of version %u, newer than this program knows (%d): not touched", path,
		    be32(head + 60), LIVE_VERSION);
	if (be32(head + 68) == 0 && be32(head + 60) == 0)
		return 1; /* made, and the power went before the schema was in */
	if (be32(head + 68) != LIVE_APPLICATION_ID)
		return fail(err, -EPROTO, "%s is not a store of tillwatch: not touched", path);
	return 0;
}

/* --- loading --- */

static int
load_series(struct store *s)
{
	sqlite3_stmt *st;
	int rc = db_prepare(s->db, &st, "SELECT sid, kind, resolution, labels FROM series");

	if (rc != 0)
		return rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 3);
		struct hseries *hs;
		struct labels *l;

		if (text == NULL || labels_parse(&l, text, strlen(text), NULL) != 0)
			continue;
		hs = series_add(s, l, (uint32_t)sqlite3_column_int64(st, 0));
		labels_unref(l);
		if (hs == NULL)
			continue;
		hs->kind = (uint8_t)sqlite3_column_int(st, 1);
		hs->resolution = sqlite3_column_double(st, 2);
		hs->seen = true; /* its row came with its first sample */
	}
	rc = db_errno(s->db, rc);
	sqlite3_finalize(st);
	return rc;
}

static void
seen_time(struct store *s, int64_t t0, int64_t t1)
{
	if (atomic_load(&s->oldest_ms) == 0 || t0 < atomic_load(&s->oldest_ms))
		atomic_store(&s->oldest_ms, t0);
	if (t1 > atomic_load(&s->newest_ms))
		atomic_store(&s->newest_ms, t1);
}

static int
load_chunks(struct store *s)
{
	sqlite3_stmt *st;
	uint64_t n = 0;
	int rc = db_prepare(s->db, &st, "SELECT id, sid, t0, t1, frame FROM chunk ORDER BY id");

	if (rc != 0)
		return rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct hseries *hs = series_at(s, (uint32_t)sqlite3_column_int64(st, 1));
		int64_t id = sqlite3_column_int64(st, 0), frame = sqlite3_column_int64(st, 4);
		int64_t t0 = sqlite3_column_int64(st, 2), t1 = sqlite3_column_int64(st, 3);

		s->next_chunk = id + 1;
		if (frame >= s->next_frame)
			s->next_frame = frame + 1;
		if (hs == NULL)
			continue;
		chunk_ref_add(hs, id, t0, t1);
		if (frame > hs->sealed_frame)
			hs->sealed_frame = frame;
		seen_time(s, t0, t1);
		n++;
	}
	atomic_store(&s->n_chunks, n);
	rc = db_errno(s->db, rc);
	sqlite3_finalize(st);
	return rc;
}

struct replay {
	struct store *s;
	int64_t frame;
	uint64_t n;
};

static void
replay_sample(
    void *arg, int64_t commit_ms, uint32_t sid, int64_t t_ms, double v, const struct hist *h)
{
	struct replay *r = arg;
	struct hseries *hs = series_at(r->s, sid);

	if (hs == NULL || r->frame <= hs->sealed_frame
	    || (t_ms <= hs->last_ms && head_has(hs, t_ms)))
		return;
	if (hs->n_head == 0) {
		hs->first_frame = r->frame;
		hs->opened_ms = commit_ms;
	}
	head_add(hs, t_ms, v, h);
	seen_time(r->s, t_ms, t_ms);
	r->n++;
}

static int
load_frames(struct store *s)
{
	struct replay r = {.s = s};
	sqlite3_stmt *st;
	int rc = db_prepare(s->db, &st, "SELECT id, b FROM frame ORDER BY id");

	if (rc != 0)
		return rc;
	s->first_frame = 0;
	s->n_resealed = SERIES_MAX; /* unknown: the horizon is looked up first */
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		r.frame = sqlite3_column_int64(st, 0);
		if (s->first_frame == 0)
			s->first_frame = r.frame;
		if (r.frame >= s->next_frame)
			s->next_frame = r.frame + 1;
		if (live_frame_each(sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1),
			replay_sample, &r)
		    != 0) {
			atomic_fetch_add(&s->n_damaged, 1);
			store_say(
			    s, 3, "store: frame %lld is damaged and left out", (long long)r.frame);
		}
	}
	if (s->first_frame == 0)
		s->first_frame = s->next_frame;
	atomic_store(&s->n_head, r.n);
	rc = db_errno(s->db, rc);
	sqlite3_finalize(st);
	return rc;
}

int
live_load(struct store *s)
{
	int64_t closed[3];
	int rc;

	registry_clear(s);
	runs_clear(s);
	s->next_frame = s->next_chunk = 1;
	rc = load_series(s);
	if (rc == 0)
		rc = load_chunks(s);
	if (rc == 0)
		rc = load_frames(s);
	if (rc == 0)
		rc = runs_load(s, s->db);
	if (rc == 0 && meta_get(s, "closed_until", closed) == 0)
		s->closed_until = closed[0];
	/* After a rescue numbers go on above all that the damaged file could hold. */
	if (rc == 0 && meta_get(s, "ids", closed) == 0) {
		s->next_frame = s->next_frame > closed[0] ? s->next_frame : closed[0];
		s->next_chunk = s->next_chunk > closed[0] ? s->next_chunk : closed[0];
		s->runs.next_id = s->runs.next_id > closed[0] ? s->runs.next_id : closed[0];
		if (atomic_load(&s->n_head) == 0)
			s->first_frame = s->next_frame;
	}
	return rc;
}

/* --- opening --- */

static struct store *
store_new(const struct store_opts *opts)
{
	struct store *s = xcalloc(1, sizeof(*s));
	pthread_rwlockattr_t fair;

	s->opts = *opts;
	if (s->opts.runs_max_bytes <= 0)
		s->opts.runs_max_bytes = INT64_C(1) << 30;
	s->dir = xstrdup(opts->path);
	s->opts.path = s->dir;
	s->live = xasprintf("%s/live.db", s->dir);
	s->lock_fd = s->dir_fd = -1;
	buf_init(&s->frame, FRAME_BYTES_MAX);
	/* The writer must get its turn however many queries there are. */
	pthread_rwlockattr_init(&fair);
	pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&s->lock, &fair);
	pthread_rwlock_init(&s->gate, &fair);
	pthread_rwlockattr_destroy(&fair);
	pthread_mutex_init(&s->readers_mu, NULL);
	pthread_mutex_init(&s->days_mu, NULL);
	pthread_mutex_init(&s->runs.mu, NULL);
	return s;
}

static int
open_dir(struct store *s, struct store_error *err)
{
	if (!s->opts.readonly && mkdir(s->dir, 0750) != 0 && errno != EEXIST)
		return fail(err, -errno, "%s: %s", s->dir, strerror(errno));
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return fail(err, -errno, "%s: %s", s->dir, strerror(errno));
	return 0;
}

static int
open_readonly(struct store *s, struct store_error *err)
{
	int rc = version_check(s->live, err);

	if (rc == 1)
		return fail(err, -ENOENT, "%s: no store there", s->dir);
	if (rc < 0)
		return fail(err, rc, "%s cannot be read", s->live);
	rc = db_open(&s->db, s->live, DB_READ);
	if (rc == 0 && (rc = db_int(s->db, "PRAGMA data_version", &s->data_version)) != 0) {
		sqlite3_close_v2(s->db);
		rc = db_open(&s->db, s->live, DB_FROZEN);
	}
	if (rc == 0)
		rc = days_scan(s);
	if (rc == 0)
		rc = live_load(s);
	return rc == 0 ? 0 : fail(err, rc, "%s: %s", s->live, strerror(-rc));
}

static int
open_live(struct store *s)
{
	bool fresh = version_check(s->live, NULL) == 1;
	int rc = db_open(&s->db, s->live, DB_OWN);
	int64_t id = 0;

	if (rc == 0 && fresh)
		rc = db_int(s->db, "PRAGMA application_id", &id);
	/* The schema may be in the log alone, when the first start was cut short. */
	if (rc == 0 && fresh)
		rc = id == LIVE_APPLICATION_ID ? db_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)")
					       : live_create(s->db);
	if (rc == 0 && fresh && fsync(s->dir_fd) != 0)
		rc = -errno;
	if (rc == 0)
		rc = live_setup(s);
	if (rc == 0)
		rc = live_load(s);
	if (rc == 0)
		rc = close_recover(s);
	return rc;
}

/* Marks the store as open: a mark that is still there at the next open means that the last
 * stop was none. */
static int
mark_open(struct store *s)
{
	int64_t open[3];
	int rc = meta_get(s, "open", open);

	if (rc == 0)
		s->scrub.wanted = true;
	rc = txn_begin(s);
	if (rc == 0)
		rc = txn_end(s, meta_put(s, "open", getpid(), store_now(s), 0));
	return rc;
}

static int
open_own(struct store *s, struct store_error *err)
{
	int rc = lock_take(s, err);

	if (rc != 0)
		return rc;
	rc = version_check(s->live, err);
	if (rc < 0 && rc != -EUCLEAN)
		return rc;
	if (rc != -EUCLEAN) {
		rc = days_scan(s);
		if (rc == 0)
			rc = rescue_cut_short(s);
		if (rc == -ENOENT)
			rc = open_live(s);
	} else if (days_scan(s) != 0) {
		return fail(err, -EIO, "%s cannot be read", s->dir);
	}
	if (rc == -EUCLEAN)
		rc = rescue_open(s, "live.db is damaged");
	else if (rc == 0)
		rc = salvage_resume(s);
	/* A disk that is full now may have room later: reading works, commits say so. */
	if (rc == 0 && (rc = mark_open(s)) == -ENOSPC)
		rc = 0;
	return rc == 0 ? 0 : fail(err, rc, "%s: %s", s->live, strerror(-rc));
}

int
store_open(struct store **out, const struct store_opts *opts, struct store_error *err)
{
	struct store *s = store_new(opts);
	int rc;

	*out = NULL;
	if (err != NULL)
		*err = (struct store_error){0};
	if (sqlite3_threadsafe() == 0)
		rc = fail(err, -ENOSYS, "this SQLite was built without threads");
	else
		rc = open_dir(s, err);
	if (rc == 0)
		rc = s->opts.readonly ? open_readonly(s, err) : open_own(s, err);
	if (rc != 0) {
		s->scrub.wanted = true; /* leave the mark: this was no clean stop */
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* The mark goes and the log is folded into the file: the next open has nothing to do. */
static void
close_clean(struct store *s)
{
	if (s->scrub.wanted || s->scrub.bad != NULL || atomic_load(&s->suspect))
		return;
	(void)db_exec(s->db, "DELETE FROM meta WHERE k = 'open'");
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	readers_close(s);
	close_abandon(s);
	scrub_close(s);
	if (s->db != NULL && !s->opts.readonly)
		close_clean(s);
	live_teardown(s);
	days_clear(s);
	runs_clear(s);
	registry_clear(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	buf_free(&s->frame);
	pthread_rwlock_destroy(&s->lock);
	pthread_rwlock_destroy(&s->gate);
	pthread_mutex_destroy(&s->readers_mu);
	pthread_mutex_destroy(&s->days_mu);
	pthread_mutex_destroy(&s->runs.mu);
	free(s->pend);
	free(s->fresh);
	free(s->live);
	free(s->dir);
	free(s);
}

int
store_refresh(struct store *s)
{
	int64_t version = s->data_version;
	int rc;

	pthread_rwlock_wrlock(&s->gate);
	rc = db_int(s->db, "PRAGMA data_version", &version);
	if (rc == 0 && version != s->data_version) {
		readers_close(s);
		days_clear(s);
		rc = days_scan(s);
		if (rc == 0)
			rc = live_load(s);
		s->data_version = version;
	}
	pthread_rwlock_unlock(&s->gate);
	return rc;
}

void
store_stats(struct store *s, struct store_stats *out)
{
	char *wal = xasprintf("%s-wal", s->live);
	struct stat st;

	*out = (struct store_stats){.series = atomic_load(&s->n_series),
	    .head_samples = atomic_load(&s->n_head),
	    .chunks = atomic_load(&s->n_chunks),
	    .commits = atomic_load(&s->n_commits),
	    .samples = atomic_load(&s->n_samples),
	    .damaged = atomic_load(&s->n_damaged),
	    .salvaged = atomic_load(&s->n_salvaged),
	    .oldest_ms = atomic_load(&s->oldest_ms),
	    .newest_ms = atomic_load(&s->newest_ms),
	    .last_commit_us = atomic_load(&s->last_commit_us)};
	out->day_bytes = days_bytes(s, &out->day_files);
	if (out->day_files > 0) {
		int64_t first;

		pthread_mutex_lock(&s->days_mu);
		first = s->n_days > 0 ? s->days[0]->day * DAY_MS : INT64_MAX;
		pthread_mutex_unlock(&s->days_mu);
		if (out->oldest_ms == 0 || first < out->oldest_ms)
			out->oldest_ms = first;
	}
	if (stat(s->live, &st) == 0)
		out->live_bytes += st.st_size;
	if (stat(wal, &st) == 0)
		out->live_bytes += st.st_size;
	free(wal);
}
