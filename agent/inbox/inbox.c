/*
 * inbox.c - sources, counts, and the writer that makes bodies durable for all who wait. See
 * inbox.h.
 *
 * Locks: `lock` is of the queue, the counts and what is known of segments' sizes; `keys_lock` of
 * the secrets, so that a reload waits for who verifies. The segments themselves belong to the
 * writer. A source is never freed before the end: a request may hold it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/inbox/internal.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

#define TICK_US 1000000

const char *const inbox_results[INBOX_RESULTS] = {
    "ok", "unknown", "unsigned", "too_large", "full"};

struct source {
	struct source *next;
	char *name;
	bool is_gone;                   /* by keys_lock, as keys */
	struct inbox_keys keys;
	struct segments segments;       /* the writer's */
	bool is_dirty, has_failed;      /* the writer's: in this group */
	int64_t unread, queued;         /* bytes; by lock */
};

struct entry {                          /* lives on the stack of who waits */
	struct entry *next;
	struct source *source;
	const struct inbox_record *record;
	int64_t bytes;
	int rc;
	bool is_done;
};

struct inbox {
	struct inbox_opts opts;
	char *path;
	pthread_rwlock_t keys_lock;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	struct source *sources;         /* grows at its head, by both locks */
	struct entry *first, **last;
	bool stop, has_writer;
	struct inbox_stats stats;
	pthread_t writer;
	mono_t told;                    /* when the last error of the disk was logged */
	struct inbox_server server;
};

/* ---- sources ---- */

static struct source *
find(const struct inbox *b, const char *name)
{
	for (struct source *s = b->sources; s != NULL; s = s->next)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

bool
inbox_knows(struct inbox *b, const char *source)
{
	const struct source *s;
	bool knows;

	pthread_rwlock_rdlock(&b->keys_lock);
	s = find(b, source);
	knows = s != NULL && !s->is_gone;
	pthread_rwlock_unlock(&b->keys_lock);
	return knows;
}

static struct inbox_position
position_of(const struct inbox *b, const char *source)
{
	struct inbox_position p = {0, 0};

	if (b->opts.position == NULL || !b->opts.position(b->opts.arg, source, &p))
		p = (struct inbox_position){0, 0};
	return p;
}

/* The segments of a new source are opened here; only then does anybody else know of it. */
static struct source *
source_new(struct inbox *b, const char *name, char *err, size_t cap)
{
	struct source *s = xcalloc(1, sizeof(*s));
	struct inbox_position p = position_of(b, name);
	char *path = xasprintf("%s/%s", b->path, name);
	int rc = segments_open(&s->segments, path, p.segment);

	if (rc != 0) {
		snprintf(err, cap, "%s: %s", path, strerror(-rc));
		free(s);
		s = NULL;
	} else {
		s->name = xstrdup(name);
		s->is_gone = true;
		s->unread = segments_unread(&s->segments, p);
		pthread_rwlock_wrlock(&b->keys_lock);
		pthread_mutex_lock(&b->lock);
		s->next = b->sources;
		b->sources = s;
		pthread_mutex_unlock(&b->lock);
		pthread_rwlock_unlock(&b->keys_lock);
	}
	free(path);
	return s;
}

int
inbox_configure(
    struct inbox *b, const struct inbox_source *sources, size_t n, char *err, size_t cap)
{
	int rc;

	for (size_t i = 0; i < n; i++) {
		if ((rc = inbox_source_check(&sources[i], err, cap)) != 0)
			return rc;
		if (find(b, sources[i].name) == NULL
		    && source_new(b, sources[i].name, err, cap) == NULL)
			return -EIO;
	}
	pthread_rwlock_wrlock(&b->keys_lock);
	for (struct source *s = b->sources; s != NULL; s = s->next) {
		s->is_gone = true;
		inbox_keys_clear(&s->keys);
	}
	for (size_t i = 0; i < n; i++) {
		struct source *s = find(b, sources[i].name);

		s->is_gone = false;
		inbox_keys_set(&s->keys, &sources[i]);
	}
	pthread_rwlock_unlock(&b->keys_lock);
	return 0;
}

/* ---- the writer ---- */

static void
write_group(struct inbox *b, struct entry *list)
{
	int rc;

	for (struct entry *e = list; e != NULL; e = e->next) {
		struct source *s = e->source;

		if (!s->is_dirty)
			s->has_failed = false;
		s->is_dirty = true;
		e->rc = s->has_failed ? -EIO : segments_append(&s->segments, e->record);
		s->has_failed |= e->rc != 0;
	}
	for (struct entry *e = list; e != NULL; e = e->next) {
		struct source *s = e->source;

		if (s->is_dirty && !s->has_failed && (rc = segments_sync(&s->segments)) != 0) {
			s->has_failed = true;
			e->rc = rc;
		}
		s->is_dirty = false;
		if (s->has_failed && e->rc == 0)
			e->rc = -EIO;
	}
	for (struct entry *e = list; e != NULL; e = e->next) {
		char text[256];

		if (e->rc == 0 || b->opts.log == NULL
		    || (b->told.us != 0 && mono_sub_us(mono_now(), b->told) < 60000000))
			continue;
		b->told = mono_now();
		snprintf(text, sizeof(text), "inbox %.100s: %s: senders are told to come again",
		    e->source->name, strerror(-e->rc));
		b->opts.log(b->opts.arg, LOGL_ERROR, text);
	}
}

static void
end_group(struct inbox *b, struct entry *list)
{
	for (struct entry *next; list != NULL; list = next) {
		next = list->next;
		list->source->queued -= list->bytes;
		if (list->rc == 0)
			list->source->unread += list->bytes;
		list->is_done = true; /* and its owner may be gone */
	}
	pthread_cond_broadcast(&b->done);
}

/* What was read goes. A source that is gone keeps what it has, in case it comes back. */
static void
trim_all(struct inbox *b)
{
	struct source *s;

	pthread_mutex_lock(&b->lock);
	s = b->sources;
	pthread_mutex_unlock(&b->lock);
	for (; s != NULL; s = s->next) {
		struct inbox_position p = position_of(b, s->name);
		int64_t unread;

		segments_trim(&s->segments, p, mono_now());
		unread = segments_unread(&s->segments, p);
		pthread_mutex_lock(&b->lock);
		s->unread = unread;
		pthread_mutex_unlock(&b->lock);
	}
}

static struct timespec
deadline_of(mono_t t)
{
	return (struct timespec){t.us / 1000000, t.us % 1000000 * 1000};
}

static void *
writer(void *arg)
{
	struct inbox *b = arg;
	mono_t tick = mono_now();
	struct entry *list;

	pthread_mutex_lock(&b->lock);
	while (!b->stop || b->first != NULL) {
		struct timespec until = deadline_of(tick);

		if (b->first == NULL && mono_sub_us(tick, mono_now()) > 0)
			pthread_cond_timedwait(&b->wake, &b->lock, &until);
		list = b->first;
		b->first = NULL;
		b->last = &b->first;
		pthread_mutex_unlock(&b->lock);
		write_group(b, list);
		pthread_mutex_lock(&b->lock);
		end_group(b, list);
		if (mono_sub_us(mono_now(), tick) >= 0) {
			pthread_mutex_unlock(&b->lock);
			trim_all(b);
			server_tick(&b->server);
			tick = mono_add_us(mono_now(), TICK_US);
			pthread_mutex_lock(&b->lock);
		}
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* ---- requests ---- */

static int
append_to(struct inbox *b, struct source *s, const struct inbox_record *r)
{
	struct entry e = {.source = s, .record = r,
	    .bytes = INBOX_RECORD_HEAD + (int64_t)r->id_len + r->body_len};

	pthread_mutex_lock(&b->lock);
	if (s->unread + s->queued + e.bytes > b->opts.max_size) {
		e.rc = -ENOSPC;
	} else {
		s->queued += e.bytes;
		*b->last = &e;
		b->last = &e.next;
		pthread_cond_signal(&b->wake);
		while (!e.is_done)
			pthread_cond_wait(&b->done, &b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	return e.rc;
}

int
inbox_append(struct inbox *b, const char *source, const struct inbox_record *r)
{
	struct source *s;

	pthread_rwlock_rdlock(&b->keys_lock);
	s = find(b, source);
	s = s != NULL && !s->is_gone ? s : NULL;
	pthread_rwlock_unlock(&b->keys_lock);
	return s != NULL ? append_to(b, s, r) : -ENOENT;
}

enum inbox_result
inbox_take(struct inbox *b, const char *source, const struct inbox_post *p)
{
	struct inbox_record r;
	struct source *s;
	int rc = -EACCES;

	pthread_rwlock_rdlock(&b->keys_lock);
	s = find(b, source);
	s = s != NULL && !s->is_gone ? s : NULL;
	if (s != NULL)
		rc = inbox_verify(&s->keys, p, &r);
	pthread_rwlock_unlock(&b->keys_lock);
	if (s == NULL)
		return INBOX_UNKNOWN;
	if (rc != 0)
		return INBOX_UNSIGNED;
	return append_to(b, s, &r) == 0 ? INBOX_OK : INBOX_FULL;
}

size_t
inbox_max_body(const struct inbox *b)
{
	return b->opts.max_body;
}

void
inbox_count(struct inbox *b, enum inbox_result result, size_t bytes)
{
	pthread_mutex_lock(&b->lock);
	b->stats.received[result]++;
	b->stats.bytes += result == INBOX_OK ? bytes : 0;
	pthread_mutex_unlock(&b->lock);
}

void
inbox_stats(struct inbox *b, struct inbox_stats *out)
{
	pthread_mutex_lock(&b->lock);
	*out = b->stats;
	pthread_mutex_unlock(&b->lock);
}

void
inbox_backlog_each(
    struct inbox *b, void (*each)(void *arg, const char *source, int64_t bytes), void *arg)
{
	pthread_mutex_lock(&b->lock);
	for (const struct source *s = b->sources; s != NULL; s = s->next)
		each(arg, s->name, s->unread + s->queued);
	pthread_mutex_unlock(&b->lock);
}

/* ---- start and stop ---- */

int
inbox_start(struct inbox **out, const struct inbox_opts *opts, char *err, size_t cap)
{
	struct inbox *b = xcalloc(1, sizeof(*b));
	pthread_condattr_t clock;
	int rc = 0;

	*out = NULL;
	b->opts = *opts;
	b->path = xstrdup(opts->path);
	b->last = &b->first;
	pthread_rwlock_init(&b->keys_lock, NULL);
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&b->wake, &clock);
	pthread_cond_init(&b->done, NULL);
	pthread_condattr_destroy(&clock);
	connections_init(&b->server.connections, INBOX_DEADLINE_MS);
	if (mkdir(opts->path, 0750) != 0 && errno != EEXIST) {
		rc = -errno;
		snprintf(err, cap, "%s: %s", opts->path, strerror(-rc));
	} else if ((rc = -pthread_create(&b->writer, NULL, writer, b)) != 0) {
		snprintf(err, cap, "no thread for the inbox: %s", strerror(-rc));
	} else {
		b->has_writer = true;
		if (opts->listen != NULL)
			rc = server_start(&b->server, b, opts->listen, err, cap);
	}
	if (rc == 0)
		*out = b;
	else
		inbox_stop(b);
	return rc;
}

int
inbox_port(const struct inbox *b)
{
	return b->server.port;
}

void
inbox_stop(struct inbox *b)
{
	struct source *s;

	if (b == NULL)
		return;
	server_stop(&b->server);
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	if (b->has_writer)
		pthread_join(b->writer, NULL);
	while ((s = b->sources) != NULL) {
		b->sources = s->next;
		segments_close(&s->segments);
		inbox_keys_clear(&s->keys);
		free(s->name);
		free(s);
	}
	connections_destroy(&b->server.connections);
	pthread_cond_destroy(&b->wake);
	pthread_cond_destroy(&b->done);
	pthread_mutex_destroy(&b->lock);
	pthread_rwlock_destroy(&b->keys_lock);
	free(b->path);
	free(b);
}
