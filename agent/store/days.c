/*
 * days.c - immutable day files: the list of them, handles, reading, retention.
 *
 *   d-YYYYMMDD.db, and d-YYYYMMDD.N.db for what came after the day was closed (N = 1, 2, ...)
 *
 * A file never changes after its name appears, so it is opened with immutable=1: no locks, no
 * shared memory. Its series have numbers of their own; `map` joins them with ours by labels. The
 * list is guarded by days_mu, a file's handle by its own mutex; whoever holds a snapshot keeps
 * the files of it, also when retention unlinks them meanwhile. At most DAYS_OPEN_MAX handles are
 * open, the least used is closed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/store/chunk.h"
#include "agent/store/impl.h"
#include "agent/store/schema.h"
#include "lib/xmalloc.h"

#define RETENTION_EVERY_MS 60000

void
day_name(char *dst, size_t cap, int64_t day, uint32_t gen)
{
	time_t t = (time_t)(day * (DAY_MS / 1000));
	struct tm tm;
	size_t n;

	gmtime_r(&t, &tm);
	n = strftime(dst, cap, "d-%Y%m%d", &tm);
	if (gen > 0)
		snprintf(dst + n, cap - n, ".%u.db", gen);
	else
		snprintf(dst + n, cap - n, ".db");
}

/* 0 when the name is exactly one that day_name makes. */
static int
day_parse(const char *name, int64_t *day, uint32_t *gen)
{
	struct tm tm = {0};
	char again[64];

	*gen = 0;
	if (strlen(name) < 10
	    || sscanf(name, "d-%4d%2d%2d.%u.db", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, gen) < 3)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*day = (int64_t)timegm(&tm) / (DAY_MS / 1000);
	day_name(again, sizeof(again), *day, *gen);
	return strcmp(again, name) == 0 ? 0 : -EINVAL;
}

static void
day_close(struct dayfile *d)
{
	sqlite3_finalize(d->range);
	sqlite3_close_v2(d->db);
	d->range = NULL;
	d->db = NULL;
}

static void
day_free(struct dayfile *d)
{
	day_close(d);
	pthread_mutex_destroy(&d->mu);
	free(d->damaged);
	free(d->map);
	free(d->path);
	free(d);
}

static int
day_order(const struct dayfile *a, int64_t day, uint32_t gen)
{
	if (a->day != day)
		return a->day < day ? -1 : 1;
	return a->gen < gen ? -1 : a->gen > gen;
}

int
days_add(struct store *s, int64_t day, uint32_t gen)
{
	struct dayfile *d = xcalloc(1, sizeof(*d));
	char name[64];
	struct stat st;
	size_t i;

	day_name(name, sizeof(name), day, gen);
	d->day = day;
	d->gen = gen;
	d->path = xasprintf("%s/%s", s->dir, name);
	pthread_mutex_init(&d->mu, NULL);
	if (stat(d->path, &st) != 0) {
		day_free(d);
		return -errno;
	}
	d->bytes = st.st_size;
	pthread_mutex_lock(&s->days_mu);
	s->days = xrealloc(s->days, s->n_days + 1, sizeof(*s->days));
	for (i = s->n_days; i > 0 && day_order(s->days[i - 1], day, gen) > 0; i--)
		s->days[i] = s->days[i - 1];
	s->days[i] = d;
	s->n_days++;
	s->days_version++;
	pthread_mutex_unlock(&s->days_mu);
	return 0;
}

int
days_scan(struct store *s)
{
	DIR *dir = opendir(s->dir);
	struct dirent *e;
	int64_t day;
	uint32_t gen;

	if (dir == NULL)
		return -errno;
	while ((e = readdir(dir)) != NULL)
		if (day_parse(e->d_name, &day, &gen) == 0)
			(void)days_add(s, day, gen);
	closedir(dir);
	return 0;
}

uint32_t
days_next_gen(struct store *s, int64_t day)
{
	uint32_t gen = 0;
	size_t i;

	pthread_mutex_lock(&s->days_mu);
	for (i = 0; i < s->n_days; i++)
		if (s->days[i]->day == day)
			gen = s->days[i]->gen + 1;
	pthread_mutex_unlock(&s->days_mu);
	return gen;
}

/* --- snapshots --- */

void
days_snapshot(struct store *s, int64_t from_ms, int64_t to_ms, struct day_set *out)
{
	size_t i;

	*out = (struct day_set){0};
	pthread_mutex_lock(&s->days_mu);
	out->version = s->days_version;
	if (s->n_days > 0)
		out->at = xcalloc(s->n_days, sizeof(struct dayfile *));
	for (i = 0; i < s->n_days; i++) {
		struct dayfile *d = s->days[i];

		if ((d->day + 1) * DAY_MS <= from_ms || d->day * DAY_MS > to_ms)
			continue;
		d->refs++;
		d->used = ++s->days_clock;
		out->at[out->n++] = d;
	}
	pthread_mutex_unlock(&s->days_mu);
}

bool
days_changed(struct store *s, const struct day_set *set)
{
	bool changed;

	pthread_mutex_lock(&s->days_mu);
	changed = set->version != s->days_version;
	pthread_mutex_unlock(&s->days_mu);
	return changed;
}

void
days_release(struct store *s, struct day_set *set)
{
	size_t i;

	pthread_mutex_lock(&s->days_mu);
	for (i = 0; i < set->n; i++)
		if (--set->at[i]->refs == 0 && set->at[i]->gone)
			day_free(set->at[i]);
	pthread_mutex_unlock(&s->days_mu);
	free(set->at);
	*set = (struct day_set){0};
}

/* --- handles --- */

/* Closes the handle that was not used for longest, when there are too many. Called without any
 * file's mutex. */
static void
handles_trim(struct store *s)
{
	struct dayfile *oldest = NULL;
	unsigned open = 0;
	size_t i;

	pthread_mutex_lock(&s->days_mu);
	for (i = 0; i < s->n_days; i++) {
		struct dayfile *d = s->days[i];

		if (pthread_mutex_trylock(&d->mu) != 0)
			continue;
		if (d->db != NULL && ++open > 0 && (oldest == NULL || d->used < oldest->used))
			oldest = d;
		pthread_mutex_unlock(&d->mu);
	}
	if (open > DAYS_OPEN_MAX && pthread_mutex_trylock(&oldest->mu) == 0) {
		day_close(oldest);
		pthread_mutex_unlock(&oldest->mu);
	}
	pthread_mutex_unlock(&s->days_mu);
}

/* With d->mu held. A file that is none of ours is said once and left alone. */
static int
day_open(struct store *s, struct dayfile *d)
{
	int64_t id = 0, version = 0;
	int rc;

	if (d->bad)
		return -EUCLEAN;
	if (d->db != NULL)
		return 0;
	rc = db_open(&d->db, d->path, DB_FROZEN);
	if (rc == 0)
		rc = db_int(d->db, "PRAGMA application_id", &id);
	if (rc == 0)
		rc = db_int(d->db, "PRAGMA user_version", &version);
	if (rc == 0 && (id != DAY_APPLICATION_ID || version > DAY_VERSION))
		rc = -EUCLEAN;
	if (rc == 0)
		rc = db_prepare(d->db, &d->range,
		    "SELECT id, b FROM chunk WHERE id BETWEEN ?1 AND ?2 AND t1 >= ?3 AND t0 <= ?4"
		    " ORDER BY id");
	if (rc == 0)
		return 0;
	day_close(d);
	if (rc == -EUCLEAN || rc == -EIO) {
		d->bad = true;
		atomic_fetch_add(&s->n_damaged, 1);
		store_say(s, 3, "store: %s cannot be read and is left out", d->path);
	}
	return rc;
}

static uint32_t
sid_of(struct store *s, uint32_t local, uint64_t hash, const char *text)
{
	struct hseries *hs = series_at(s, local);
	struct labels *l;
	uint32_t sid;

	if (hs != NULL && hs->labels->hash == hash) {
		hs->seen = true;
		return local;
	}
	if (text == NULL || labels_parse(&l, text, strlen(text), NULL) != 0)
		return 0;
	hs = series_find(s, l);
	if (hs == NULL)
		hs = series_add(s, l, 0);
	if (hs != NULL)
		hs->seen = true;
	sid = hs != NULL ? hs->sid : 0;
	labels_unref(l);
	return sid;
}

static int
by_sid(const void *a, const void *b)
{
	uint32_t x = ((const struct day_series *)a)->sid, y = ((const struct day_series *)b)->sid;

	return x < y ? -1 : x > y;
}

static int
day_map(struct store *s, struct dayfile *d)
{
	sqlite3_stmt *st;
	uint32_t cap = 0;
	int rc = db_prepare(d->db, &st, "SELECT sid, hash, labels FROM series");

	if (rc != 0)
		return rc;
	pthread_rwlock_wrlock(&s->lock);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint32_t local = (uint32_t)sqlite3_column_int64(st, 0);
		uint32_t sid = sid_of(s, local, (uint64_t)sqlite3_column_int64(st, 1),
		    (const char *)sqlite3_column_text(st, 2));

		if (sid == 0)
			continue;
		if (d->n_map == cap) {
			cap = cap > 0 ? cap * 2 : 64;
			d->map = xrealloc(d->map, cap, sizeof(*d->map));
		}
		d->map[d->n_map++] = (struct day_series){sid, local};
	}
	pthread_rwlock_unlock(&s->lock);
	rc = db_errno(d->db, rc);
	sqlite3_finalize(st);
	if (d->n_map > 1)
		qsort(d->map, d->n_map, sizeof(*d->map), by_sid);
	d->mapped = true; /* as far as it could be read */
	return rc;
}

void
days_map(struct store *s, struct day_set *set)
{
	bool opened = false;
	size_t i;

	for (i = 0; i < set->n; i++) {
		struct dayfile *d = set->at[i];

		pthread_mutex_lock(&d->mu);
		if (!d->mapped && day_open(s, d) == 0) {
			(void)day_map(s, d);
			opened = true;
		}
		pthread_mutex_unlock(&d->mu);
	}
	if (opened)
		handles_trim(s);
}

static const struct day_series *
map_find(const struct dayfile *d, uint32_t sid)
{
	struct day_series key = {.sid = sid};

	return d->n_map > 0 ? bsearch(&key, d->map, d->n_map, sizeof(key), by_sid) : NULL;
}

bool
day_has(struct dayfile *d, uint32_t sid)
{
	bool has;

	pthread_mutex_lock(&d->mu);
	has = map_find(d, sid) != NULL;
	pthread_mutex_unlock(&d->mu);
	return has;
}

/* Counts and says a damaged chunk once. */
static void
day_damaged(struct store *s, struct dayfile *d, int64_t id)
{
	uint32_t i;

	for (i = 0; i < d->n_damaged; i++)
		if (d->damaged[i] == id)
			return;
	d->damaged = xrealloc(d->damaged, d->n_damaged + 1, sizeof(*d->damaged));
	d->damaged[d->n_damaged++] = id;
	atomic_fetch_add(&s->n_damaged, 1);
	store_say(s, 3, "store: chunk %lld of %s is damaged and left out", (long long)id, d->path);
}

int
day_read(struct store *s, struct dayfile *d, uint32_t sid, int64_t from_ms, int64_t to_ms,
    struct samples *out)
{
	const struct day_series *m;
	int rc = 0;

	pthread_mutex_lock(&d->mu);
	m = map_find(d, sid);
	if (m != NULL && (rc = day_open(s, d)) == 0) {
		sqlite3_bind_int64(d->range, 1, (int64_t)m->local << 24);
		sqlite3_bind_int64(d->range, 2, (int64_t)m->local << 24 | 0xffffff);
		sqlite3_bind_int64(d->range, 3, from_ms);
		sqlite3_bind_int64(d->range, 4, to_ms);
		while ((rc = sqlite3_step(d->range)) == SQLITE_ROW) {
			uint32_t local = 0;

			if (chunk_decode(out, &local, sqlite3_column_blob(d->range, 1),
				(size_t)sqlite3_column_bytes(d->range, 1))
			    != 0)
				day_damaged(s, d, sqlite3_column_int64(d->range, 0));
		}
		rc = db_errno(d->db, rc);
		sqlite3_reset(d->range);
		if (rc == -EUCLEAN || rc == -EIO) {
			day_damaged(s, d, -1); /* a page of it: the rest of the file is served */
			rc = 0;
		}
	}
	pthread_mutex_unlock(&d->mu);
	return rc == -EUCLEAN ? 0 : rc;
}

/* --- retention --- */

int64_t
days_bytes(struct store *s, uint32_t *files)
{
	int64_t sum = 0;
	size_t i;

	pthread_mutex_lock(&s->days_mu);
	for (i = 0; i < s->n_days; i++)
		sum += s->days[i]->bytes;
	*files = (uint32_t)s->n_days;
	pthread_mutex_unlock(&s->days_mu);
	return sum;
}

static void
drop_first(struct store *s, const char *why)
{
	struct dayfile *d;

	pthread_mutex_lock(&s->days_mu);
	d = s->days[0];
	s->n_days--;
	memmove(s->days, s->days + 1, s->n_days * sizeof(struct dayfile *));
	s->days_version++;
	if (unlink(d->path) == 0)
		store_say(s, 6, "store: %s dropped: %s", d->path, why);
	else
		store_say(s, 4, "store: %s cannot be dropped: %s", d->path, strerror(errno));
	d->gone = true;
	if (d->refs == 0)
		day_free(d);
	pthread_mutex_unlock(&s->days_mu);
}

int
retention_slice(struct store *s)
{
	int64_t now = store_now(s), newest = atomic_load(&s->newest_ms);
	struct store_stats st;

	if (now < s->retention_at_ms && s->retention_at_ms - now <= RETENTION_EVERY_MS)
		return 0;
	if (s->n_days == 0)
		return 0;
	/* A clock that leapt ahead does not empty the store before there are samples of that
	 * time. */
	now = newest > 0 && newest < now ? newest : now;
	store_stats(s, &st);
	if (s->opts.retention_raw_ms > 0
	    && (s->days[0]->day + 1) * DAY_MS <= now - s->opts.retention_raw_ms) {
		drop_first(s, "older than the retention");
		return 1;
	}
	if (s->opts.max_size_bytes > 0 && st.live_bytes + st.day_bytes > s->opts.max_size_bytes) {
		drop_first(s, "the store is larger than its ceiling");
		return 1;
	}
	s->retention_at_ms = store_now(s) + RETENTION_EVERY_MS;
	return 0;
}

void
days_clear(struct store *s)
{
	size_t i;

	pthread_mutex_lock(&s->days_mu);
	for (i = 0; i < s->n_days; i++)
		day_free(s->days[i]);
	free(s->days);
	s->days = NULL;
	s->n_days = 0;
	s->days_version++;
	pthread_mutex_unlock(&s->days_mu);
}
