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
#include <zlib.h>

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

struct unpack {
	struct csv *csv;
	z_stream z;
	bool is_begun, is_packed, has_ended;
	char head[2];                 /* the first bytes, until it is known what they are */
	size_t n_head;
	int64_t n_out;
};

static bool
give(struct unpack *u, const char *data, size_t len)
{
	struct csv *s = u->csv;

	u->n_out += (int64_t)len;
	if (u->n_out > s->max_size) {
		feed_fail(s, "size", "is over %" PRId64 " bytes (max_size)", s->max_size);
		return false;
	}
	XXH3_64bits_update(s->hash, data, len);
	return csv_feed(&s->parser, data, len) && tw_api_->left_us(s->ctx) > 0;
}

static bool
unpack(struct unpack *u, const char *data, size_t len)
{
	char out[PIECE];

	u->z.next_in = (Bytef *)(uintptr_t)data;
	u->z.avail_in = (uInt)len;
	while (u->z.avail_in > 0) {
		int rc;

		if (u->has_ended) { /* one packed part after the other is a whole, too */
			inflateReset(&u->z);
			u->has_ended = false;
		}
		u->z.next_out = (Bytef *)out;
		u->z.avail_out = sizeof(out);
		rc = inflate(&u->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
			feed_fail(u->csv, "gzip", "is damaged (gzip)");
			return false;
		}
		u->has_ended = rc == Z_STREAM_END;
		if (!give(u, out, sizeof(out) - u->z.avail_out))
			return false;
		if (rc == Z_BUF_ERROR && u->z.avail_out > 0)
			break;
	}
	return true;
}

/* A piece as it came. */
static bool
take(void *arg, const char *data, size_t len)
{
	struct unpack *u = arg;
	size_t n = u->is_begun ? 0 : sizeof(u->head) - u->n_head;

	n = len < n ? len : n;
	memcpy(u->head + u->n_head, data, n);
	u->n_head += n;
	if (!u->is_begun && u->n_head < sizeof(u->head))
		return true;
	if (!u->is_begun) {
		u->is_begun = true;
		u->is_packed = memcmp(u->head, "\x1f\x8b", 2) == 0;
		if (u->is_packed && inflateInit2(&u->z, 15 + 16) != Z_OK)
			return false;
		if (!(u->is_packed ? unpack : give)(u, u->head, sizeof(u->head)))
			return false;
	}
	return (u->is_packed ? unpack : give)(u, data + n, len - n);
}

/* All has come: is it whole? */
static bool
end(struct unpack *u, bool is_ok)
{
	if (!u->is_begun && is_ok)
		is_ok = give(u, u->head, u->n_head);
	if (u->is_packed && !u->has_ended && is_ok) {
		feed_fail(u->csv, "cut", "is cut off (gzip)");
		is_ok = false;
	}
	if (u->is_packed)
		inflateEnd(&u->z);
	csv_end(&u->csv->parser, is_ok);
	return is_ok && u->csv->cause == NULL;
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
read_pieces(struct csv *s, int fd, struct unpack *u)
{
	char *piece = malloc(PIECE);
	bool is_ok = piece != NULL;
	ssize_t n = 0;

	while (is_ok && (n = read(fd, piece, PIECE)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			feed_fail(s, "file", "%s: %s", s->path, strerror(errno));
		is_ok = n > 0 && take(u, piece, (size_t)n);
	}
	free(piece);
	if (!is_ok && tw_api_->left_us(s->ctx) <= 0)
		feed_fail(s, "timeout", "is too long for one run (timeout)");
	return is_ok;
}

static int
read_file(struct csv *s, struct feed_mark *mark, struct unpack *u)
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
	is_ok = read_pieces(s, fd, u);
	if (is_ok && fstat(fd, &after) == 0
	    && (after.st_size != before.st_size || after.st_mtim.tv_sec != before.st_mtim.tv_sec
		|| after.st_mtim.tv_nsec != before.st_mtim.tv_nsec))
		feed_fail(s, "changes", "%s was changed while it was read", s->path);
	close(fd);
	return is_ok ? 0 : -1;
}

/* ---- elsewhere ---- */

static int
read_url(struct csv *s, struct feed_mark *mark, struct unpack *u)
{
	struct fetch_request r = {.url = s->url, .headers = s->headers.items,
	    .n_headers = s->headers.n, .user = s->user, .password = s->password,
	    .private_key = s->private_key, .host_key = s->host_key, .ca_file = s->ca_file,
	    .deadline = mono_add_us(mono_now(), tw_api_->left_us(s->ctx) * 9 / 10),
	    .max_bytes = s->max_size, .on_data = take, .arg = u};
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
	struct unpack u = {.csv = s};
	int rc;

	XXH3_64bits_reset(s->hash);
	rc = s->path != NULL ? read_file(s, mark, &u) : read_url(s, mark, &u);
	if (rc == 1)
		return 1;
	if (rc != 0)
		feed_fail(s, "cut", "could not be read to its end");
	return end(&u, rc == 0) ? 0 : -1;
}
