/*
 * tz.c - TZif files: a table of changes, and a rule for what comes after the last of them.
 *
 *   header 44 B | changes n x 4 B | types n x 1 B | infos m x 6 B | texts | leaps | flags
 *   the same again with changes of 8 B, from version 2 on, and "\n" RULE "\n"
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/tz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/tz-internal.h"

#define HEADER 44
#define CHANGES_MAX 4096
#define TYPES_MAX 256
#define RANGE_S (27 * 3600) /* further than any offset */

struct change {
	int64_t at_s;
	int32_t offset_s; /* from then on */
	bool is_dst;
};

struct tz {
	bool has_rule;
	struct tz_rule rule; /* after the last change, or always when there is none */
	struct change first; /* before the first change */
	size_t n;
	struct change at[];
};

/* ---- reading ---- */

static int64_t
big_endian(const uint8_t *b, int n)
{
	uint64_t v = b[0] & 0x80 ? UINT64_MAX : 0;

	while (n-- > 0)
		v = v << 8 | *b++;
	return (int64_t)v;
}

struct block { /* the counts of a header, and where its data begin and end */
	int64_t n_utc, n_std, n_leaps, n_changes, n_types, n_chars;
	const uint8_t *data, *end;
};

/* The block that begins at `at`, with times of `width` bytes. */
static int
block_at(struct block *b, const uint8_t *at, const uint8_t *end, int width)
{
	int64_t *const counts[] = {
	    &b->n_utc, &b->n_std, &b->n_leaps, &b->n_changes, &b->n_types, &b->n_chars};
	int64_t size;

	if (end - at < HEADER || memcmp(at, "TZif", 4) != 0)
		return -EBADMSG;
	for (int i = 0; i < 6; i++) {
		*counts[i] = big_endian(at + 20 + 4 * i, 4);
		if (*counts[i] < 0 || *counts[i] > TZ_FILE_MAX)
			return -EBADMSG;
	}
	size = b->n_changes * (width + 1) + b->n_types * 6 + b->n_chars + b->n_leaps * (width + 4)
	       + b->n_std + b->n_utc;
	b->data = at + HEADER;
	if (size > end - b->data)
		return -EBADMSG;
	b->end = b->data + size;
	return 0;
}

static int
read_type(const struct block *b, int width, unsigned type, struct change *out)
{
	const uint8_t *info = b->data + b->n_changes * (width + 1) + type * 6;

	if (type >= b->n_types)
		return -EBADMSG;
	out->offset_s = (int32_t)big_endian(info, 4);
	out->is_dst = info[4] != 0;
	return out->offset_s < -TZ_OFFSET_MAX || out->offset_s > TZ_OFFSET_MAX || info[4] > 1
		   ? -EBADMSG
		   : 0;
}

static int
read_changes(struct tz *tz, const struct block *b, int width)
{
	for (int64_t i = 0; i < b->n_changes; i++) {
		struct change *c = &tz->at[i];

		c->at_s = big_endian(b->data + i * width, width);
		/* Some files begin at the big bang, which is -2^59 s. */
		if (c->at_s < -TZ_TIME_MAX)
			c->at_s = -TZ_TIME_MAX;
		if (c->at_s > TZ_TIME_MAX || (i > 0 && c->at_s <= c[-1].at_s)
		    || read_type(b, width, b->data[b->n_changes * width + i], c) != 0)
			return -EBADMSG;
	}
	tz->n = (size_t)b->n_changes;
	return read_type(b, width, 0, &tz->first);
}

/* "\n" RULE "\n"; an empty rule says nothing of later times. */
static int
read_footer(struct tz *tz, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *stop;

	if (at == end || *at++ != '\n' || (stop = memchr(at, '\n', (size_t)(end - at))) == NULL)
		return -EBADMSG;
	tz->has_rule = stop > at;
	return tz->has_rule ? tz_rule_parse(&tz->rule, (const char *)at, (size_t)(stop - at)) : 0;
}

int
tz_parse(struct tz **out, const void *bytes, size_t n)
{
	const uint8_t *at = bytes, *end = at + n;
	struct block b;
	struct tz *tz;
	int width = 4, rc;

	*out = NULL;
	if (n > TZ_FILE_MAX || block_at(&b, at, end, width) != 0)
		return -EBADMSG;
	if (at[4] != '\0') { /* version 2 or later: what counts is in the second block */
		width = 8;
		if (block_at(&b, b.end, end, width) != 0)
			return -EBADMSG;
	}
	if (b.n_types < 1 || b.n_types > TYPES_MAX || b.n_changes > CHANGES_MAX || b.n_leaps > 0)
		return -EBADMSG;
	tz = calloc(1, sizeof(*tz) + (size_t)b.n_changes * sizeof(*tz->at));
	if (tz == NULL)
		return -ENOMEM;
	rc = read_changes(tz, &b, width);
	if (rc == 0 && width == 8)
		rc = read_footer(tz, b.end, end);
	if (rc != 0) {
		free(tz);
		return rc;
	}
	*out = tz;
	return 0;
}

/* A name cannot lead out of the folder of zones. */
static bool
is_name(const char *name)
{
	size_t part = 0;

	for (const char *at = name; *at != '\0'; at++) {
		bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z')
				|| (*at >= '0' && *at <= '9') || *at == '_' || *at == '-'
				|| *at == '+';

		if (!is_plain && !(*at == '/' && part > 0))
			return false;
		part = is_plain ? part + 1 : 0;
	}
	return part > 0;
}

static int
read_file(const char *path, uint8_t *bytes, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t got = 1;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		rc = -EBADMSG;
	while (rc == 0 && *n < TZ_FILE_MAX + 1 && got > 0) {
		got = read(fd, bytes + *n, TZ_FILE_MAX + 1 - *n);
		if (got < 0 && errno != EINTR)
			rc = -errno;
		*n += got > 0 ? (size_t)got : 0;
		got = got < 0 ? 1 : got;
	}
	close(fd);
	return rc;
}

int
tz_open(struct tz **out, const char *name, const char *dir)
{
	char path[4096];
	uint8_t *bytes;
	size_t n = 0;
	int rc;

	*out = NULL;
	if (dir == NULL)
		dir = "/usr/share/zoneinfo";
	if (!is_name(name)
	    || snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -EINVAL;
	if ((bytes = malloc(TZ_FILE_MAX + 1)) == NULL)
		return -ENOMEM;
	rc = read_file(path, bytes, &n);
	if (rc == 0)
		rc = tz_parse(out, bytes, n);
	free(bytes);
	return rc;
}

void
tz_free(struct tz *tz)
{
	free(tz);
}

/* ---- asking ---- */

/* How many changes are at or before that time. */
static size_t
changes_until(const struct tz *tz, int64_t utc_s)
{
	size_t low = 0, high = tz->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (tz->at[middle].at_s <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int32_t
tz_offset(const struct tz *tz, int64_t utc_s, bool *is_dst)
{
	size_t n = changes_until(tz, utc_s);
	const struct change *c = n > 0 ? &tz->at[n - 1] : &tz->first;

	if (n == tz->n && tz->has_rule)
		return tz_rule_offset(&tz->rule, utc_s, is_dst);
	if (is_dst != NULL)
		*is_dst = c->is_dst;
	return c->offset_s;
}

int64_t
tz_next_change(const struct tz *tz, int64_t utc_s)
{
	int32_t before = tz_offset(tz, utc_s, NULL);

	for (size_t i = changes_until(tz, utc_s); i < tz->n; i++) {
		utc_s = tz->at[i].at_s;
		if (tz_offset(tz, utc_s, NULL) != before)
			return utc_s;
	}
	return tz->has_rule ? tz_rule_next_change(&tz->rule, utc_s) : INT64_MAX;
}

int64_t
tz_utc(const struct tz *tz, int64_t local_s)
{
	int64_t at = local_s - RANGE_S, in_gap = 0;
	bool has_gap = false;

	for (;;) {
		int32_t offset = tz_offset(tz, at, NULL);
		int64_t change = tz_next_change(tz, at), utc = local_s - offset;

		if (utc >= at && utc < change)
			return utc;
		if (change > local_s + RANGE_S)
			return in_gap; /* no clock has shown it: as the one before went on */
		if (!has_gap && local_s < change + tz_offset(tz, change, NULL)) {
			has_gap = true;
			in_gap = utc;
		}
		at = change;
	}
}
