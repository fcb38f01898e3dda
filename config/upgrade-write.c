/*
 * upgrade-write.c - a new text in the place of an old one.
 *
 * The new text is written beside the old one and synced; the old one gets a second name (a hard
 * link, which cannot overwrite anything); then the new one takes the first name. At no moment is
 * there no file, or half of one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/upgrade.h"
#include "lib/xmalloc.h"

#define ORIGS_MAX 1000

static int
write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Does the file hold this text, still? */
static int
check_text(const char *path, const char *old, size_t old_len)
{
	char *text = NULL;
	size_t len = 0;
	int rc = yaml_slurp(path, &text, &len);

	if (rc == 0 && (len != old_len || memcmp(text, old, len) != 0))
		rc = -ESTALE;
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
	return rc;
}

/* The text in a new file at path (a template of mkstemp), with the mode and owner of `st`. */
static int
write_beside(char *path, const struct stat *st, const char *text, size_t len)
{
	int fd = mkostemp(path, O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, len);
	if (rc == 0 && fchown(fd, st->st_uid, st->st_gid) != 0)
		rc = -errno;
	if (rc == 0 && (fchmod(fd, st->st_mode & 07777) != 0 || fsync(fd) != 0))
		rc = -errno;
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc != 0)
		unlink(path);
	return rc;
}

/* A second name for path that nobody has. */
static int
keep(const char *path, char **orig)
{
	for (int i = 0; i < ORIGS_MAX; i++) {
		*orig = i == 0 ? xasprintf("%s.orig", path) : xasprintf("%s.orig.%d", path, i);
		if (link(path, *orig) == 0)
			return 0;
		free(*orig);
		*orig = NULL;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static void
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd); /* some file systems cannot; the names are right all the same */
	close(fd);
}

int
upgrade_write(
    const char *file, const char *old, size_t old_len, const char *new, size_t new_len, char **orig)
{
	char *path = realpath(file, NULL), *dir, *base, *beside;
	struct stat st;
	int rc;

	*orig = NULL;
	if (path == NULL)
		return -errno;
	dir = xstrdup(path);
	base = xstrdup(path);
	beside = xasprintf("%s/.%s.XXXXXX", dirname(dir), basename(base));
	rc = stat(path, &st) != 0 ? -errno : write_beside(beside, &st, new, new_len);
	if (rc == 0) {
		if ((rc = check_text(path, old, old_len)) == 0 && (rc = keep(path, orig)) == 0
		    && rename(beside, path) != 0) {
			rc = -errno;
			unlink(*orig);
		}
		if (rc != 0)
			unlink(beside);
		else
			sync_dir(dir);
	}
	if (rc != 0) {
		free(*orig);
		*orig = NULL;
	}
	free(path);
	free(dir);
	free(base);
	free(beside);
	return rc;
}
