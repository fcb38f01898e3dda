/*
 * segments.c - the files of one source: append, sync, cut, remove. See lib/inbox-file.h.
 *
 * Each start begins a segment of its own, with its first body: a torn end (kill -9, power) is cut,
 * and never written over. The same after an error of the disk: what that segment holds then nobody
 * knows, so it is over; bodies in it that were not answered come again, and are known by their id.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/inbox/internal.h"
#include "lib/xmalloc.h"

static int
by_number(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int
add(struct segments *s, uint64_t number, int64_t bytes)
{
	if (s->n == SEGMENTS_MAX)
		return -ENOSPC;
	if (s->n == s->cap) {
		s->cap = s->cap > 0 ? s->cap * 2 : 16;
		s->list = xrealloc(s->list, s->cap, sizeof(*s->list));
	}
	s->list[s->n++] = (struct segment){number, bytes};
	return 0;
}

static int
list_files(struct segments *s)
{
	int copy = dup(s->dir), rc = 0;
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *e;
	uint64_t number;
	struct stat st;

	if (d == NULL) {
		rc = -errno;
		if (copy >= 0)
			close(copy);
		return rc;
	}
	rewinddir(d);
	while (rc == 0 && (e = readdir(d)) != NULL)
		if (inbox_name_read(e->d_name, &number)
		    && fstatat(s->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
		    && S_ISREG(st.st_mode))
			rc = add(s, number, st.st_size);
	closedir(d);
	if (s->n > 0)
		qsort(s->list, s->n, sizeof(*s->list), by_number);
	return rc;
}

/* The end of the last whole record. One that is damaged in the middle is no end if a whole one
 * lies behind it. */
static int64_t
sound_bytes(const uint8_t *data, size_t len, uint64_t number)
{
	size_t at = INBOX_HEADER, end = INBOX_HEADER, size;
	struct inbox_record r;

	if (!inbox_header_ok(data, len, number))
		return len < INBOX_HEADER ? 0 : (int64_t)len; /* none of ours: left alone */
	while (at < len) {
		int rc = inbox_record_read(&r, data + at, len - at, &size);

		if (rc == 0 || size == 0)
			break;
		at += size;
		if (rc == 1)
			end = at;
	}
	return (int64_t)end;
}

static int
cut(struct segments *s, struct segment *last)
{
	char name[INBOX_NAME];
	int64_t sound = 0;
	int fd, rc = 0;
	void *data;

	inbox_name_write(name, last->number);
	if ((fd = openat(s->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return -errno;
	if (last->bytes > 0) {
		data = mmap(NULL, (size_t)last->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED) {
			rc = -errno;
			goto out;
		}
		sound = sound_bytes(data, (size_t)last->bytes, last->number);
		munmap(data, (size_t)last->bytes);
	}
	if (sound < last->bytes && (ftruncate(fd, sound) != 0 || fdatasync(fd) != 0))
		rc = -errno;
	else
		last->bytes = sound;
out:
	close(fd);
	return rc;
}

int
segments_open(struct segments *s, const char *path, uint64_t past)
{
	int rc;

	*s = (struct segments){.dir = -1, .fd = -1};
	if (mkdir(path, 0750) != 0 && errno != EEXIST)
		return -errno;
	if ((s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -errno;
	rc = list_files(s);
	if (rc == 0 && s->n > 0)
		rc = cut(s, &s->list[s->n - 1]);
	if (s->n > 0 && s->list[s->n - 1].number > past)
		past = s->list[s->n - 1].number;
	s->next = past + 1;
	if (rc != 0)
		segments_close(s);
	return rc;
}

static void
end_segment(struct segments *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void
segments_close(struct segments *s)
{
	end_segment(s);
	if (s->dir >= 0)
		close(s->dir);
	s->dir = -1;
	free(s->list);
	s->list = NULL;
	s->n = s->cap = 0;
}

/* The file and its name are durable before a body is in it. */
static int
begin_segment(struct segments *s)
{
	uint8_t header[INBOX_HEADER];
	char name[INBOX_NAME];
	int rc;

	inbox_name_write(name, s->next);
	inbox_header_write(header, s->next);
	s->fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
	if (s->fd < 0)
		return -errno;
	if ((rc = add(s, s->next++, INBOX_HEADER)) == 0) {
		errno = ENOSPC;
		if (write(s->fd, header, sizeof(header)) != (ssize_t)sizeof(header)
		    || fdatasync(s->fd) != 0 || fsync(s->dir) != 0)
			rc = -errno;
	}
	if (rc != 0)
		end_segment(s);
	return rc;
}

int
segments_append(struct segments *s, const struct inbox_record *r)
{
	uint8_t head[INBOX_RECORD_HEAD];
	struct iovec v[3] = {{head, sizeof(head)}, {(void *)(uintptr_t)r->id, r->id_len},
	    {(void *)(uintptr_t)r->body, r->body_len}};
	ssize_t wanted = (ssize_t)(sizeof(head) + r->id_len + r->body_len), got;
	int rc;

	if (s->fd >= 0 && s->list[s->n - 1].bytes >= SEGMENT_BYTES) {
		if ((rc = segments_sync(s)) != 0)
			return rc;
		end_segment(s);
	}
	if (s->fd < 0) {
		if ((rc = begin_segment(s)) != 0)
			return rc;
		s->began = mono_now();
	}
	inbox_record_write(head, r);
	errno = ENOSPC; /* a short write says nothing else */
	if ((got = writev(s->fd, v, 3)) == wanted) {
		s->list[s->n - 1].bytes += wanted;
		return 0;
	}
	rc = -errno;
	if (got > 0)
		s->list[s->n - 1].bytes += got;
	end_segment(s);
	return rc;
}

int
segments_sync(struct segments *s)
{
	int rc;

	if (s->fd < 0)
		return -EIO; /* it was ended by an error */
	if (fdatasync(s->fd) == 0)
		return 0;
	rc = -errno;
	end_segment(s);
	return rc;
}

void
segments_trim(struct segments *s, struct inbox_position p, mono_t now)
{
	char name[INBOX_NAME];
	size_t n = 0;

	/* The next one exists at once: who reads would wait for it at the end of this one. */
	if (s->fd >= 0 && s->list[s->n - 1].bytes > INBOX_HEADER
	    && mono_sub_us(now, s->began) >= SEGMENT_AGE_US) {
		end_segment(s);
		(void)begin_segment(s); /* else with the next body */
		s->began = now;
	}
	while (n < s->n && s->list[n].number < p.segment) {
		inbox_name_write(name, s->list[n].number);
		if (unlinkat(s->dir, name, 0) != 0 && errno != ENOENT)
			break;
		n++;
	}
	if (n > 0)
		memmove(s->list, s->list + n, (s->n - n) * sizeof(*s->list));
	s->n -= n;
}

int64_t
segments_unread(const struct segments *s, struct inbox_position p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct segment *g = &s->list[i];
		int64_t from = g->number == p.segment && p.offset > INBOX_HEADER
		    ? (int64_t)(p.offset < INT64_MAX ? p.offset : INT64_MAX) : INBOX_HEADER;

		if (g->number >= p.segment && g->bytes > from)
			sum += g->bytes - from;
	}
	return sum;
}
