/*
 * follow.c - files that grow, are rotated, cut and compressed: each line once.
 *
 *     access.log.3.gz  access.log.2  access.log.1  access.log      (older ... newest)
 *                                    ^ we stand here: read it to its end, then what is newer
 *
 * DESIGN. A path has one file that is being read, known by device, inode and a hash of its first
 * bytes (an inode alone is used again). It is read to its end through its descriptor, whatever it
 * is called by then. At the end: is the path still this file? Shorter than where we stand: it was
 * cut, from 0. Another file: ours was rotated; after a grace (the writer may still hold it), the
 * next one is the oldest of those that are newer: siblings of the path by time of change,
 * compressed ones too, at last the path itself. So several rotations between two looks, or while
 * nobody ran, lose nothing. The position is that one file and the offset of a line's beginning;
 * after a restart the file is looked for by its hash, under whatever name.
 *
 * Ceilings: LOG_BUFFER a read, FILES_MAX files, SIBLINGS_MAX of a path.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zlib.h>

#include <dirent.h>

#include "lib/clock.h"
#include "plugins/access_log/log.h"

#define FILES_MAX 256
#define SIBLINGS_MAX 1024
#define HEAD_MAX 1024               /* first bytes that tell a file */
#define GRACE_US 2000000            /* after its end, for who still writes the rotated file */
#define PATH_BYTES 1024
#define POSITION_VERSION 1

struct identity {
	uint64_t device, inode, head;
	uint32_t head_len;              /* bytes that `head` is of; 0 = not known yet */
};

struct file {
	char *path;                     /* the one that grows */
	int fd;                         /* of the file that is read; -1 = none */
	gzFile gz;                      /* it is compressed: read through this */
	struct identity id;
	int64_t offset;                 /* of the next line; of what is uncompressed */
	int64_t mtime_ns;               /* of the file, when it was opened or seen last */
	bool is_live;                   /* it is what the path means, as far as we know */
	bool is_skipping;               /* inside a line that is too long */
	bool is_at_end, is_restored;
	mono_t ended;                   /* when it was seen to be another's path; 0 = it is not */
	int64_t newest_ms;
};

struct follow {
	char **paths;
	uint32_t n_paths;
	size_t max_line;
	int64_t history_ms;
	bool is_first;                  /* nothing was ever read: history is due */
	bool has_looked;                /* for files: once, until all are at their end */
	struct file *files[FILES_MAX];
	uint32_t n_files;
	struct follow_counts counts;
	const struct file *last;        /* whose lines were read last; NULL = nobody's */
	char *buffer;
};

struct follow *
follow_new(const char *const *paths, uint32_t n, size_t max_line, int64_t history_ms)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->max_line = max_line < LOG_BUFFER / 2 ? max_line : LOG_BUFFER / 2;
	f->history_ms = history_ms;
	f->is_first = true;
	f->paths = calloc(n, sizeof(*f->paths));
	f->buffer = calloc(1, LOG_BUFFER + LOG_PAD + 1);
	for (; f->paths != NULL && f->n_paths < n; f->n_paths++)
		if ((f->paths[f->n_paths] = strdup(paths[f->n_paths])) == NULL)
			break;
	if (f->n_paths == n && f->buffer != NULL)
		return f;
	follow_free(f);
	return NULL;
}

static void
file_close(struct file *file)
{
	if (file->gz != NULL)
		gzclose(file->gz); /* its descriptor too */
	else if (file->fd >= 0)
		close(file->fd);
	file->gz = NULL;
	file->fd = -1;
}

void
follow_free(struct follow *f)
{
	if (f == NULL)
		return;
	for (uint32_t i = 0; i < f->n_files; i++) {
		file_close(f->files[i]);
		free(f->files[i]->path);
		free(f->files[i]);
	}
	for (uint32_t i = 0; i < f->n_paths; i++)
		free(f->paths[i]);
	free(f->paths);
	free(f->buffer);
	free(f);
}

/* ---- one file ---- */

static bool
is_compressed(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && strcmp(path + n - 3, ".gz") == 0;
}

static ssize_t
read_some(struct file *file, void *to, size_t n)
{
	if (file->gz != NULL) {
		if (gztell(file->gz) != file->offset
		    && gzseek(file->gz, file->offset, SEEK_SET) != file->offset)
			return -1;
		return gzread(file->gz, to, (unsigned)n);
	}
	return pread(file->fd, to, n, file->offset);
}

/* Opens what this name means now, to be read from `offset`. 0 or -errno. */
static int
file_open(struct file *file, const char *name)
{
	struct stat st;

	file_close(file);
	if ((file->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
		return -errno;
	if (fstat(file->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		file_close(file);
		return -EINVAL;
	}
	if (is_compressed(name) && (file->gz = gzdopen(file->fd, "rb")) == NULL) {
		file_close(file);
		return -ENOMEM;
	}
	file->id = (struct identity){(uint64_t)st.st_dev, (uint64_t)st.st_ino, 0, 0};
	file->mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	file->offset = 0;
	file->is_skipping = false;
	file->is_at_end = false;
	file->ended = (mono_t){0};
	return 0;
}

/* The hash of its first n bytes, as many as there are; how many. */
static uint32_t
head_of(struct file *file, uint32_t n, uint64_t *hash)
{
	int64_t offset = file->offset;
	char head[HEAD_MAX];
	ssize_t got;

	file->offset = 0;
	got = read_some(file, head, n);
	file->offset = offset;
	*hash = XXH3_64bits(head, got > 0 ? (size_t)got : 0);
	return got > 0 ? (uint32_t)got : 0;
}

/* A file tells itself by more bytes as it grows. */
static void
learn_head(struct file *file)
{
	if (file->id.head_len < HEAD_MAX)
		file->id.head_len = head_of(file, HEAD_MAX, &file->id.head);
}

static bool
has_head(struct file *file, const struct identity *id)
{
	uint64_t hash;

	return head_of(file, id->head_len, &hash) == id->head_len && hash == id->head;
}

/* ---- siblings: what a path was called once ---- */

struct sibling {
	char *name;
	uint64_t device, inode;
	int64_t mtime_ns;
};

static int
by_age(const void *a, const void *b)
{
	const struct sibling *x = a, *y = b;

	if (x->mtime_ns != y->mtime_ns)
		return x->mtime_ns < y->mtime_ns ? -1 : 1;
	return strcmp(y->name, x->name); /* log.2 before log.1 */
}

/* access.log.1, access.log-20260101.gz, access-20260101.log: the name goes on, or something stands
 * between its stem and its ending. */
static bool
is_sibling(const char *name, const char *base)
{
	const char *dot = strrchr(base, '.');
	size_t n = strlen(base), stem = dot != NULL ? (size_t)(dot - base) : n;

	if (strncmp(name, base, n) == 0)
		return name[n] == '.' || name[n] == '-' || name[n] == '_';
	return dot != NULL && strncmp(name, base, stem) == 0
	    && (name[stem] == '-' || name[stem] == '.') && strstr(name + stem, dot) != NULL;
}

static void
free_siblings(struct sibling *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(s[i].name);
	free(s);
}

/* All of them, oldest first. */
static struct sibling *
list_siblings(const char *path, size_t *n)
{
	struct sibling *list = calloc(SIBLINGS_MAX, sizeof(*list));
	char dir[PATH_BYTES], name[PATH_BYTES + 300], *slash;
	const struct dirent *e;
	DIR *d;

	*n = 0;
	snprintf(dir, sizeof(dir), "%s", path);
	if (list == NULL || (slash = strrchr(dir, '/')) == NULL)
		return list;
	*slash = '\0';
	if ((d = opendir(dir[0] != '\0' ? dir : "/")) == NULL)
		return list;
	while ((e = readdir(d)) != NULL && *n < SIBLINGS_MAX) {
		struct stat st;

		snprintf(name, sizeof(name), "%s/%s", dir, e->d_name);
		if (!is_sibling(e->d_name, slash + 1) || stat(name, &st) != 0
		    || !S_ISREG(st.st_mode) || st.st_size == 0)
			continue;
		list[*n] = (struct sibling){strdup(name), (uint64_t)st.st_dev, (uint64_t)st.st_ino,
		    st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec};
		*n += list[*n].name != NULL;
	}
	closedir(d);
	qsort(list, *n, sizeof(*list), by_age);
	return list;
}

/* The next file after ours: the oldest sibling that was changed after it, else the path itself. A
 * compressed copy keeps the time of what it was made from, so ours in another dress is not newer.
 */
static int
open_next(struct file *file)
{
	int64_t mine = file->mtime_ns;
	size_t n, i = 0;
	struct sibling *s = list_siblings(file->path, &n);
	int rc = -ENOENT;

	while (i < n && (s[i].mtime_ns <= mine
			    || (s[i].device == file->id.device && s[i].inode == file->id.inode)))
		i++;
	if (i < n && (rc = file_open(file, s[i].name)) == 0) {
		file->is_live = false;
		file->mtime_ns = s[i].mtime_ns;
	}
	free_siblings(s, n);
	if (rc != 0 && (rc = file_open(file, file->path)) == 0)
		file->is_live = true;
	return rc;
}

/* After a restart: the file that we stood in, under the name it has now. One that was empty then
 * has nothing to be known by: it is the first that was changed since. */
static bool
find_again(struct file *file)
{
	struct identity id = file->id;
	int64_t offset = file->offset;
	bool is_skipping = file->is_skipping, is_found = false;
	size_t n;
	struct sibling *s;

	if (id.head_len == 0) {
		file->mtime_ns--;
		file->id = (struct identity){0};
		return open_next(file) == 0;
	}
	if (file_open(file, file->path) == 0 && file->id.inode == id.inode
	    && file->id.device == id.device && has_head(file, &id)) {
		file->is_live = is_found = true;
	}
	s = list_siblings(file->path, &n);
	for (size_t i = n; i-- > 0 && !is_found;)
		if (file_open(file, s[i].name) == 0 && has_head(file, &id)) {
			is_found = true;
			file->is_live = false;
		}
	free_siblings(s, n);
	if (!is_found)
		return false;
	id.device = file->id.device;
	id.inode = file->id.inode;
	file->id = id;
	file->offset = offset;
	file->is_skipping = is_skipping;
	return true;
}

/* The first start: as far back as history goes. */
static int
open_oldest(struct follow *f, struct file *file)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	file->mtime_ns = f->is_first && f->history_ms > 0
	    ? now.tv_sec * INT64_C(1000000000) - f->history_ms * INT64_C(1000000)
	    : INT64_MAX;
	file->id = (struct identity){0};
	return open_next(file);
}

/* ---- the end of a file ---- */

/* Ours is at its end. What does the path mean now? true: there is more to read. */
static bool
at_end(struct follow *f, struct file *file)
{
	struct stat mine, path;
	bool is_ours;

	if (file->gz == NULL && fstat(file->fd, &mine) == 0) {
		file->mtime_ns = mine.st_mtim.tv_sec * INT64_C(1000000000) + mine.st_mtim.tv_nsec;
		if (mine.st_size < file->offset) {
			f->counts.truncations++;
			file->offset = 0;
			file->is_skipping = false;
			file->id.head_len = 0;
			return mine.st_size > 0;
		}
	}
	if (!file->is_live)
		return open_next(file) == 0;
	is_ours = stat(file->path, &path) == 0 && (uint64_t)path.st_ino == file->id.inode
	    && (uint64_t)path.st_dev == file->id.device;
	if (is_ours) {
		file->ended = (mono_t){0};
		return false;
	}
	if (file->ended.us == 0)
		file->ended = mono_now();
	if (mono_sub_us(mono_now(), file->ended) < GRACE_US)
		return false;
	f->counts.rotations++;
	return open_next(file) == 0;
}

/* ---- all files ---- */

static struct file *
file_of(struct follow *f, const char *path)
{
	struct file *file;

	for (uint32_t i = 0; i < f->n_files; i++)
		if (strcmp(f->files[i]->path, path) == 0)
			return f->files[i];
	if (f->n_files == FILES_MAX || (file = calloc(1, sizeof(*file))) == NULL)
		return NULL;
	file->fd = -1;
	if ((file->path = strdup(path)) == NULL) {
		free(file);
		return NULL;
	}
	return f->files[f->n_files++] = file;
}

/* Opens what has come since the last look; the first error into err. */
static int
look(struct follow *f, char *err, size_t cap)
{
	uint32_t n_open = 0;
	int rc = -ENOENT;

	snprintf(err, cap, "%s: no such file", f->n_paths > 0 ? f->paths[0] : "no path");
	for (uint32_t i = 0; i < f->n_paths; i++) {
		glob_t g;

		if (glob(f->paths[i], GLOB_NOSORT, NULL, &g) != 0)
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++) {
			struct file *file =
			    is_compressed(g.gl_pathv[k]) ? NULL : file_of(f, g.gl_pathv[k]);

			if (file == NULL || file->fd >= 0)
				continue;
			if (file->is_restored && find_again(file)) {
				file->is_restored = false;
				continue;
			}
			f->counts.lost += file->is_restored;
			file->is_restored = false;
			if ((rc = open_oldest(f, file)) != 0)
				snprintf(err, cap, "%s: %s", g.gl_pathv[k],
				    rc == -EACCES ? "may not be read (add the agent's user to the "
						    "group of the file: adm, as a rule)"
						  : strerror(-rc));
		}
		globfree(&g);
	}
	for (uint32_t i = 0; i < f->n_files; i++)
		n_open += f->files[i]->fd >= 0;
	f->counts.n_files = n_open;
	f->is_first = false;
	return n_open > 0 ? 0 : rc;
}

/* The one whose newest line is the oldest, of those that may have more. */
static struct file *
next_file(struct follow *f)
{
	struct file *found = NULL;

	for (uint32_t i = 0; i < f->n_files; i++)
		if (f->files[i]->fd >= 0 && !f->files[i]->is_at_end
		    && (found == NULL || f->files[i]->newest_ms < found->newest_ms))
			found = f->files[i];
	return found;
}

/* Whole lines of what was read; 0: there is none. A line without an end is one at the end of a file
 * that nobody writes any more. */
static size_t
whole_lines(struct follow *f, struct file *file, size_t n, bool is_last)
{
	char *end = memrchr(f->buffer, '\n', n);

	if (file->is_skipping) {
		char *first = memchr(f->buffer, '\n', n);
		size_t skip = first != NULL ? (size_t)(first - f->buffer) + 1 : n;

		file->is_skipping = first == NULL;
		file->offset += (int64_t)skip;
		return 0;
	}
	if (end != NULL)
		return (size_t)(end - f->buffer) + 1;
	if (n >= f->max_line) {
		f->counts.too_long++;
		file->is_skipping = true;
		file->offset += (int64_t)n;
		return 0;
	}
	if (is_last && n > 0) {
		f->buffer[n] = '\n';
		file->offset--; /* it is counted as a byte of the file below */
		return n + 1;
	}
	return 0;
}

/* Is this the end of a file that nobody writes any more? */
static bool
is_finished(const struct file *file)
{
	return file->gz != NULL || !file->is_live
	    || (file->ended.us != 0 && mono_sub_us(mono_now(), file->ended) >= GRACE_US);
}

/* What one file has next. 1: lines; 0: look at the files again; -1: it is at its end. */
static int
read_file(struct follow *f, struct file *file, size_t *n)
{
	int64_t before = file->offset;
	ssize_t got = read_some(file, f->buffer, LOG_BUFFER);
	bool is_end = got < LOG_BUFFER;

	if (got > 0) {
		learn_head(file);
		*n = whole_lines(f, file, (size_t)got, is_end && is_finished(file));
		file->offset += (int64_t)*n;
		f->counts.bytes += (uint64_t)(file->offset - before);
		if (*n > 0)
			return 1;
		if (file->offset != before)
			return 0;
	}
	return at_end(f, file) ? 0 : -1;
}

int
follow_read(struct follow *f, char **lines, size_t *n, uint32_t *which, char *err, size_t cap)
{
	struct file *file;
	int rc = f->has_looked || f->n_paths == 0 ? 0 : look(f, err, cap);

	if (rc != 0)
		return rc;
	f->has_looked = true;
	while ((file = next_file(f)) != NULL) {
		rc = read_file(f, file, n);
		if (rc < 0)
			file->is_at_end = true;
		if (rc <= 0)
			continue;
		*lines = f->buffer;
		f->last = file;
		for (*which = 0; f->files[*which] != file; ++*which)
			;
		return 1;
	}
	for (uint32_t i = 0; i < f->n_files; i++)
		f->files[i]->is_at_end = false;
	f->has_looked = false;
	return 0;
}

void
follow_time(struct follow *f, uint32_t which, int64_t time_ms)
{
	if (time_ms > f->files[which]->newest_ms)
		f->files[which]->newest_ms = time_ms;
}

int64_t
follow_behind_ms(const struct follow *f)
{
	int64_t oldest = INT64_MAX;

	for (uint32_t i = 0; i < f->n_files; i++)
		if (f->files[i]->fd >= 0 && !f->files[i]->is_at_end
		    && f->files[i]->newest_ms < oldest)
			oldest = f->files[i]->newest_ms;
	return oldest;
}

int64_t
follow_newest_ms(const struct follow *f)
{
	int64_t newest = 0;

	for (uint32_t i = 0; i < f->n_files; i++)
		if (f->files[i]->newest_ms > newest)
			newest = f->files[i]->newest_ms;
	return newest;
}

struct follow_counts
follow_counts(struct follow *f)
{
	return f->counts;
}

/* ---- position ---- */

struct kept {
	struct identity id;
	int64_t offset, newest_ms, mtime_ns;
	uint32_t path_len, flags;
};

void *
follow_position(struct follow *f, size_t left, size_t *len)
{
	uint32_t head[2] = {POSITION_VERSION, f->n_files};
	size_t n = sizeof(head);
	char *blob;

	for (uint32_t i = 0; i < f->n_files; i++)
		n += sizeof(struct kept) + strlen(f->files[i]->path);
	if ((blob = malloc(n)) == NULL)
		return NULL;
	memcpy(blob, head, sizeof(head));
	*len = n;
	n = sizeof(head);
	for (uint32_t i = 0; i < f->n_files; i++) {
		const struct file *file = f->files[i];
		struct kept k = {file->id, file->offset - (file == f->last ? (int64_t)left : 0),
		    file->newest_ms, file->mtime_ns, (uint32_t)strlen(file->path),
		    file->is_skipping};

		memcpy(blob + n, &k, sizeof(k));
		memcpy(blob + n + sizeof(k), file->path, k.path_len);
		n += sizeof(k) + k.path_len;
	}
	return blob;
}

bool
follow_restore(struct follow *f, const void *position, size_t len)
{
	const char *at = position, *end = at + len;
	char path[PATH_BYTES];
	uint32_t head[2];

	if (len < sizeof(head))
		return false;
	memcpy(head, at, sizeof(head));
	at += sizeof(head);
	if (head[0] != POSITION_VERSION || head[1] > FILES_MAX)
		return false;
	f->is_first = false;
	for (uint32_t i = 0; i < head[1]; i++) {
		struct file *file;
		struct kept k;

		if ((size_t)(end - at) < sizeof(k))
			return false;
		memcpy(&k, at, sizeof(k));
		at += sizeof(k);
		if (k.path_len >= sizeof(path) || k.path_len > (size_t)(end - at) || k.offset < 0
		    || k.mtime_ns < 0 || k.id.head_len > HEAD_MAX)
			return false;
		snprintf(path, sizeof(path), "%.*s", (int)k.path_len, at);
		at += k.path_len;
		if ((file = file_of(f, path)) == NULL)
			return false;
		file->id = k.id;
		file->offset = k.offset;
		file->newest_ms = k.newest_ms;
		file->mtime_ns = k.mtime_ns;
		file->is_skipping = k.flags & 1;
		file->is_restored = true;
	}
	return true;
}
