/*
 * inbox.c - reads the segments of an inbox while they are written. See lib/inbox-file.h.
 *
 * Whether there is a next segment is asked before ours is read to its end: then nothing can have
 * been added to it in between. What is not whole, or damaged, in the newest segment may be in the
 * writing and is waited for; in an older one it is damage: the record is counted and skipped, if
 * its length can be believed, and the rest of the segment else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/webhook/webhook.h"

#define READ_BYTES (256 * 1024)

int
inbox_reader_open(struct inbox_reader *r, const char *path, struct inbox_position position)
{
	*r = (struct inbox_reader){.fd = -1, .at = position, .cap = READ_BYTES};
	r->path = strdup(path);
	r->data = malloc(r->cap);
	if (r->path != NULL && r->data != NULL)
		return 0;
	inbox_reader_close(r);
	return -ENOMEM;
}

void
inbox_reader_close(struct inbox_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->path);
	free(r->data);
	*r = (struct inbox_reader){.fd = -1};
}

/* The lowest number above `past`; 0: there is none. 0 or -errno. */
static int
find_next(const struct inbox_reader *r, uint64_t past, uint64_t *next)
{
	DIR *d = opendir(r->path);
	const struct dirent *e;
	uint64_t number;

	*next = 0;
	if (d == NULL)
		return -errno;
	while ((e = readdir(d)) != NULL)
		if (inbox_name_read(e->d_name, &number) && number > past
		    && (*next == 0 || number < *next))
			*next = number;
	closedir(d);
	return 0;
}

static void
go_to(struct inbox_reader *r, uint64_t segment)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->at = (struct inbox_position){segment, INBOX_HEADER};
	r->next = 0;
	r->n = r->start = 0;
}

/* Opens our segment. 0; -ENOENT: it is not there; -errno. */
static int
open_segment(struct inbox_reader *r)
{
	char name[INBOX_NAME], path[4096];

	if (r->at.segment == 0)
		return -ENOENT;
	inbox_name_write(name, r->at.segment);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", r->path, name) >= sizeof(path))
		return -ENAMETOOLONG;
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return r->fd >= 0 ? 0 : -errno;
}

/* As many bytes from at.offset on as `wanted`, if the file has them. How many there are, -errno. */
static ssize_t
fill(struct inbox_reader *r, size_t wanted)
{
	ssize_t got;

	if (r->n - r->start >= wanted)
		return (ssize_t)(r->n - r->start);
	memmove(r->data, r->data + r->start, r->n - r->start);
	r->n -= r->start;
	r->start = 0;
	if (wanted > r->cap) {
		uint8_t *p = realloc(r->data, wanted);

		if (p == NULL)
			return -ENOMEM;
		r->data = p;
		r->cap = wanted;
	}
	while (r->n < wanted) {
		got = pread(
		    r->fd, r->data + r->n, r->cap - r->n, (off_t)(r->at.offset + r->n));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		r->n += (size_t)got;
	}
	return (ssize_t)r->n;
}

static void
advance(struct inbox_reader *r, size_t size)
{
	r->start += size;
	r->at.offset += size;
}

/* 1: a record; 0: none that is whole; -EBADMSG: *size of it is damaged (0: all the rest); -errno.
 */
static int
read_record(struct inbox_reader *r, struct inbox_record *out, size_t *size)
{
	ssize_t n;
	int rc;

	*size = INBOX_RECORD_HEAD;
	if ((n = fill(r, *size)) < 0)
		return (int)n;
	rc = inbox_record_read(out, r->data + r->start, (size_t)n, size);
	if (rc != 0 || *size <= (size_t)n)
		return rc;
	if ((n = fill(r, *size)) < 0)
		return (int)n;
	return inbox_record_read(out, r->data + r->start, (size_t)n, size);
}

/* 1: it is one of ours; 0: not yet; -EBADMSG. */
static int
read_header(const struct inbox_reader *r)
{
	uint8_t header[INBOX_HEADER];
	ssize_t n = pread(r->fd, header, sizeof(header), 0);

	if (n < INBOX_HEADER)
		return n < 0 ? -errno : 0;
	return inbox_header_ok(header, (size_t)n, r->at.segment) ? 1 : -EBADMSG;
}

/* Our segment gives no more for now: it is over if there is a next one. 1: go on reading, *rc says
 * what with; 0: wait; -errno. */
static int
at_end(struct inbox_reader *r, int rc, size_t size)
{
	if (r->next == 0) {
		int found = find_next(r, r->at.segment, &r->next);

		r->n = r->start = 0; /* it may have grown: read again, once, what is final now */
		return found != 0 ? found : r->next != 0;
	}
	if (rc == -EBADMSG && size > 0) {
		r->damaged++;
		advance(r, size);
		return 1;
	}
	r->damaged += rc == -EBADMSG || r->n > r->start;
	go_to(r, r->next);
	return 1;
}

int
inbox_read(struct inbox_reader *r, struct inbox_record *out)
{
	size_t size;
	int rc;

	for (;;) {
		if (r->fd < 0 && (rc = open_segment(r)) != 0) {
			uint64_t next = 0;

			if (rc != -ENOENT || (rc = find_next(r, r->at.segment, &next)) != 0)
				return rc;
			if (next == 0)
				return 0;
			go_to(r, next);
			continue;
		}
		if (r->at.offset < INBOX_HEADER)
			r->at.offset = INBOX_HEADER;
		size = 0;
		rc = r->n > r->start ? 1 : read_header(r);
		if (rc == 1)
			rc = read_record(r, out, &size);
		if (rc == 1) {
			advance(r, size);
			return 1;
		}
		if (rc < 0 && rc != -EBADMSG)
			return rc;
		if ((rc = at_end(r, rc, size)) <= 0)
			return rc;
	}
}
