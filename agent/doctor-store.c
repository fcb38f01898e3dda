/*
 * doctor-store.c - see doctor.h: the store's directory, the room on its disk, and whether what is
 * in it is whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/doctor.h"
#include "agent/store/store.h"
#include "lib/xmalloc.h"

#define PART_MAX 4096
#define FREE_SHARE_MIN 0.05
#define INTEGRITY_MS 60000

/* The store's directory, or what is there of the way to it. */
static char *
first_there(const char *path)
{
	char *dir = xstrdup(path), *slash;

	while (access(dir, F_OK) != 0 && (slash = strrchr(dir, '/')) != NULL && slash != dir)
		*slash = '\0';
	if (access(dir, F_OK) != 0)
		snprintf(dir, strlen(dir) + 1, "/");
	return dir;
}

/* In the child: the first file of the store that we may not write. */
static int
try_files(void *arg)
{
	const char *path = arg;
	DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && faccessat(dirfd(dir), e->d_name, R_OK | W_OK, 0) != 0) {
			printf("%s/%s", path, e->d_name);
			return 1;
		}
	if (dir != NULL)
		closedir(dir);
	return 0;
}

void
doctor_store(struct doctor *d)
{
	const char *path = d->setup->store_path;
	char *there = first_there(path), part[PART_MAX];
	struct buf file;
	struct stat st;

	buf_init(&file, PART_MAX);
	if (stat(there, &st) == 0 && !S_ISDIR(st.st_mode)) {
		doctor_find(
		    d, DOCTOR_FAIL, "%s is no directory, so the store cannot be there", there);
		doctor_remedy(d, "name another agent.store.path, or move that file away");
	} else if (doctor_blocked(&d->user, there, W_OK | X_OK, part, sizeof(part)) != NULL) {
		doctor_find(d, DOCTOR_FAIL, "%s may not write %s, where the store %s", d->user.name,
		    part, strcmp(there, path) == 0 ? "is" : "would be");
		if (strcmp(there, path) == 0)
			doctor_remedy(d, "chown -R %s: %s", d->user.name, path);
		else
			doctor_remedy(d, "install -d -o %s -m 0750 %s", d->user.name, path);
	} else if (strcmp(there, path) == 0
		   && doctor_as_user(
			  &d->user, try_files, (void *)(uintptr_t)path, INTEGRITY_MS, &file)
			  == 1) {
		doctor_find(d, DOCTOR_FAIL, "%s may not write %s", d->user.name, buf_str(&file));
		doctor_remedy(d, "chown -R %s: %s", d->user.name, path);
	}
	buf_free(&file);
	free(there);
}

/* ---- room ---- */

static double
size_of(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	double bytes = 0;
	struct stat st;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			bytes += (double)st.st_size;
	if (dir != NULL)
		closedir(dir);
	return bytes;
}

#define GIB (1024.0 * 1024 * 1024)

void
doctor_disk(struct doctor *d)
{
	char *there = first_there(d->setup->store_path);
	double available, whole, grows;
	struct statvfs v;

	if (statvfs(there, &v) != 0 || v.f_blocks == 0) {
		d->is_skipped = true;
		free(there);
		return;
	}
	available = (double)v.f_bavail * (double)v.f_frsize;
	whole = (double)v.f_blocks * (double)v.f_frsize;
	grows = (double)d->setup->store_max_bytes - size_of(d->setup->store_path);
	if (available < FREE_SHARE_MIN * whole) {
		doctor_find(d, DOCTOR_FAIL, "%s: only %.1f %% of the disk (%.2f GiB) is free",
		    there, 100 * available / whole, available / GIB);
		doctor_remedy(d, "make room, or move agent.store.path to another disk");
	} else if (available < grows) {
		doctor_find(d, DOCTOR_WARN,
		    "%s: the store may still grow by %.2f GiB, and %.2f GiB are free", there,
		    grows / GIB, available / GIB);
		doctor_remedy(d, "make room, or set agent.store.max_size to less than %.0fMiB",
		    ((double)d->setup->store_max_bytes - grows + available) * 0.9 / (1 << 20));
	}
	free(there);
}

/* ---- whole? ---- */

static void
say(void *arg, const char *finding)
{
	(void)arg;
	puts(finding);
	fflush(stdout);
}

static int
try_store(void *arg)
{
	return store_check(arg, say, NULL) != 0;
}

void
doctor_integrity(struct doctor *d)
{
	const char *path = d->setup->store_path;
	struct buf said;
	int rc;

	if (access(path, F_OK) != 0) {
		d->is_skipped = true;
		return;
	}
	buf_init(&said, 1 << 20);
	rc = doctor_as_user(&d->user, try_store, (void *)(uintptr_t)path, INTEGRITY_MS, &said);
	if (rc == 1) {
		size_t n = 0;

		for (const char *p = buf_str(&said); *p != '\0'; p++)
			n += *p == '\n';
		doctor_find(d, DOCTOR_FAIL, "%zu findings in the store; the first: %.*s", n,
		    (int)strcspn(buf_str(&said), "\n"), buf_str(&said));
		doctor_remedy(d,
		    "restart the agent: it sets aside what is damaged, saves what can be read, and "
		    "goes on; `tillwatch db check %s` lists all; then look at the disk (dmesg, "
		    "smartctl)",
		    path);
	} else if (rc < 0) {
		doctor_find(
		    d, DOCTOR_WARN, "%s was not read through in %d s", path, INTEGRITY_MS / 1000);
		doctor_remedy(d, "tillwatch db check %s, when the disk has time for it", path);
	}
	buf_free(&said);
}
