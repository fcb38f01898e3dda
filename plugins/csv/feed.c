/*
 * feed.c - the bytes of a feed, from wherever it lies, unpacked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/unpack.h"
#include "plugins/csv/csv.h"

#define PIECE 65536

void
feed_fail(struct csv *s, const char *cause, const char *fmt, ...)
{
	va_list args;

	if (s->cause != NULL)
		return; /* the first one tells most */
	s->cause = cause;
	va_start(args, fmt);
	vsnprintf(s->err, sizeof(s->err), fmt, args);
	va_end(args);
}

/* ---- gzip ---- */

struct taken {
	struct csv *csv;
	struct unpack unpack;
	int64_t n_out;
};

/* Unpacked bytes. */
static bool
give(void *arg, const char *data, size_t len)
{
	struct taken *t = arg;
	struct csv *s = t->csv;

	t->n_out += (int64_t)len;
	if (t->n_out > s->max_size) {
		feed_fail(s, "size", "is over %" PRId64 " bytes (max_size)", s->max_size);
		return false;
	}
	XXH3_64bits_update(s->hash, data, len);
	return csv_feed(&s->parser, data, len) && tw_api_->left_us(s->ctx) > 0;
}

/* A piece as it came. */
static bool
take(void *arg, const char *data, size_t len)
{
	struct taken *t = arg;
	bool is_ok = unpack_take(&t->unpack, data, len);

	if (t->unpack.is_damaged)
		feed_fail(t->csv, "gzip", "is damaged (gzip)");
	return is_ok;
}

/* All has come: is it whole? */
static bool
end(struct taken *t, bool is_ok)
{
	bool is_whole = unpack_end(&t->unpack, is_ok);

	if (!is_whole && is_ok && t->unpack.is_packed)
		feed_fail(t->csv, "cut", "is cut off (gzip)");
	csv_end(&t->csv->parser, is_whole);
	return is_whole && t->csv->cause == NULL;
}

/* ---- a file ---- */

static void
mark_file(struct feed_mark *m, const struct stat *st)
{
	memset(m, 0, sizeof(*m));
	m->device = st->st_dev;
	m->inode = st->st_ino;
	m->size = (uint64_t)st->st_size;
	m->mtime_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

static bool
is_same(const struct feed_mark *a, const struct feed_mark *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size
	    && a->mtime_ns == b->mtime_ns && strcmp(a->etag, b->etag) == 0
	    && strcmp(a->modified, b->modified) == 0;
}

static bool
read_pieces(struct csv *s, int fd, struct taken *t)
{
	char *piece = malloc(PIECE);
	bool is_ok = piece != NULL;
	ssize_t n = 0;

	while (is_ok && (n = read(fd, piece, PIECE)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			feed_fail(s, "file", "%s: %s", s->path, strerror(errno));
		is_ok = n > 0 && take(t, piece, (size_t)n);
	}
	free(piece);
	if (!is_ok && tw_api_->left_us(s->ctx) <= 0)
		feed_fail(s, "timeout", "is too long for one run (timeout)");
	return is_ok;
}

static int
read_file(struct csv *s, struct feed_mark *mark, struct taken *t)
{
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat before, after;
	bool is_ok;

	if (fd < 0 || fstat(fd, &before) != 0 || !S_ISREG(before.st_mode)) {
		feed_fail(s, "file", "%s: %s", s->path, fd < 0 ? strerror(errno) : "is no file");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	mark_file(mark, &before);
	s->modified_ms = mark->mtime_ns / 1000000;
	if (s->has_mark && is_same(mark, &s->mark)) {
		close(fd);
		return 1;
	}
	is_ok = read_pieces(s, fd, t);
	if (is_ok && fstat(fd, &after) == 0
	    && (after.st_size != before.st_size || after.st_mtim.tv_sec != before.st_mtim.tv_sec
		|| after.st_mtim.tv_nsec != before.st_mtim.tv_nsec))
		feed_fail(s, "changes", "%s was changed while it was read", s->path);
	close(fd);
	return is_ok ? 0 : -1;
}

/* ---- elsewhere ---- */

static int
read_url(struct csv *s, struct feed_mark *mark, struct taken *t)
{
	struct fetch_request r = {.url = s->url, .headers = s->headers.items,
	    .n_headers = s->headers.n, .user = s->user, .password = s->password,
	    .private_key = s->private_key, .host_key = s->host_key, .ca_file = s->ca_file,
	    .deadline = mono_add_us(mono_now(), tw_api_->left_us(s->ctx) * 9 / 10),
	    .max_bytes = s->max_size, .on_data = take, .arg = t};
	struct fetch_answer a;
	int rc;

	if (s->has_mark) {
		r.etag = s->mark.etag;
		r.modified = s->mark.modified;
	}
	rc = fetch(s->fetcher, &r, &a);
	memset(mark, 0, sizeof(*mark));
	memcpy(mark->etag, a.etag, sizeof(mark->etag));
	memcpy(mark->modified, a.modified, sizeof(mark->modified));
	s->modified_ms = a.modified_ms;
	if (rc == 0 && a.is_unchanged && s->has_mark)
		return 1;
	if (rc == 0 && (a.status < 200 || a.status > 299))
		feed_fail(s, "status", "answers %d", a.status);
	else if (rc != 0 && rc != -ECANCELED)
		feed_fail(s, rc == -ETIMEDOUT ? "timeout" : rc == -EFBIG ? "size" : "fetch", "%s",
		    a.err);
	else if (rc != 0 && tw_api_->left_us(s->ctx) <= 0)
		feed_fail(s, "timeout", "is too long for one run (timeout)");
	return rc == 0 && s->cause == NULL ? 0 : -1;
}

int
feed_read(struct csv *s, struct feed_mark *mark)
{
	struct taken t = {.csv = s, .unpack = {.on_data = give, .arg = &t}};
	int rc;

	XXH3_64bits_reset(s->hash);
	rc = s->path != NULL ? read_file(s, mark, &t) : read_url(s, mark, &t);
	if (rc == 1)
		return 1;
	if (rc != 0)
		feed_fail(s, "cut", "could not be read to its end");
	return end(&t, rc == 0) ? 0 : -1;
}
