/*
 * powerloss.c - the power goes in the middle of a write; nothing that was acknowledged may be
 * missing.
 *
 *   powerloss [--runs N] [--seed S] [--synchronous off] [-v]      prints "runs lost corrupt"
 *
 * A shim VFS remembers, per sector of 512 bytes, what the disk had at the last sync. When the
 * power goes, each sector written since then keeps its new bytes or falls back, by lot (all,
 * none, or a random part); renames that no fsync of the directory followed fall back too. The
 * store's own fsync and rename are seen as well. With `--synchronous off` SQLite never syncs:
 * that run must be caught, or the check proves nothing. Without arguments both are run.
 *
 * Not modelled: a disk that says it has flushed and has not; files whose creation is lost.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/store/impl.h"
#include "tests/faults/ledger.h"

#define SECTOR 512
#define DISKS_MAX 256
#define RENAMES_MAX 16
#define LIVES 3

/* --- the disk --- */

struct sector {
	int64_t at;
	uint8_t old[SECTOR];
};
struct disk { /* a file, by its inode */
	dev_t dev;
	ino_t ino;
	int fd; /* our own, never closed: closing would drop SQLite's locks */
	int64_t durable_size;
	struct sector *dirty;
	size_t n, cap;
};
static struct { /* of the child that will lose its power */
	struct disk disks[DISKS_MAX];
	size_t n_disks;
	struct {
		char from[256], to[256];
	} renames[RENAMES_MAX];
	size_t n_renames;
	long fuse; /* operations left; 0 = the shim sleeps */
	int keep_percent;
} power;

static void
blackout(void)
{
	size_t i, k;

	for (i = power.n_renames; i-- > 0;)
		if (random() % 100 >= power.keep_percent)
			syscall(SYS_rename, power.renames[i].to, power.renames[i].from);
	for (i = 0; i < power.n_disks; i++) {
		struct disk *d = &power.disks[i];
		bool grown = false;

		for (k = 0; k < d->n; k++) {
			int64_t at = d->dirty[k].at, len = d->durable_size - at;

			if (random() % 100 < power.keep_percent) {
				grown |= at >= d->durable_size;
				continue;
			}
			len = len <= 0 || len > SECTOR ? SECTOR : len;
			if (pwrite(d->fd, d->dirty[k].old, (size_t)len, at) != len)
				abort();
		}
		if (!grown && d->n > 0 && ftruncate(d->fd, d->durable_size) != 0)
			abort();
	}
	_exit(0);
}

static void
burn(void)
{
	if (power.fuse > 0 && --power.fuse == 0)
		blackout();
}

static struct disk *
disk_of(int fd)
{
	struct stat st;
	size_t i;

	if (fstat(fd, &st) != 0)
		abort();
	for (i = 0; i < power.n_disks; i++)
		if (power.disks[i].dev == st.st_dev && power.disks[i].ino == st.st_ino)
			return &power.disks[i];
	return NULL;
}

static struct disk *
disk_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct disk *d;
	struct stat st;

	if (fd < 0)
		return NULL;
	d = disk_of(fd);
	if (d != NULL || power.n_disks == DISKS_MAX)
		return d; /* the second descriptor stays open too: see `fd` */
	fstat(fd, &st);
	d = &power.disks[power.n_disks++];
	*d =
	    (struct disk){.dev = st.st_dev, .ino = st.st_ino, .fd = fd, .durable_size = st.st_size};
	return d;
}

static void
disk_touch(struct disk *d, int64_t from, int64_t to)
{
	int64_t at;
	size_t i;

	for (at = from / SECTOR * SECTOR; at < to; at += SECTOR) {
		for (i = 0; i < d->n && d->dirty[i].at != at; i++)
			;
		if (i < d->n)
			continue;
		if (d->n == d->cap) {
			d->cap = d->cap > 0 ? d->cap * 2 : 64;
			d->dirty = realloc(d->dirty, d->cap * sizeof(*d->dirty));
		}
		d->dirty[d->n].at = at;
		memset(d->dirty[d->n].old, 0, SECTOR);
		if (pread(d->fd, d->dirty[d->n].old, SECTOR, at) < 0)
			abort();
		d->n++;
	}
}

static void
disk_synced(struct disk *d)
{
	struct stat st;

	fstat(d->fd, &st);
	d->durable_size = st.st_size;
	d->n = 0;
}

/* The store's own calls; these stand before libc's. */
int
fsync(int fd)
{
	struct stat st;
	struct disk *d;

	burn();
	if (power.fuse > 0 && fstat(fd, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			power.n_renames = 0;
		else if ((d = disk_of(fd)) != NULL)
			disk_synced(d);
	}
	return (int)syscall(SYS_fsync, fd);
}

int
rename(const char *from, const char *to)
{
	burn();
	if (power.fuse > 0 && power.n_renames < RENAMES_MAX) {
		snprintf(power.renames[power.n_renames].from, 256, "%s", from);
		snprintf(power.renames[power.n_renames++].to, 256, "%s", to);
	}
	return (int)syscall(SYS_rename, from, to);
}

/* --- the VFS: what writes and syncs passes through the disk, the rest goes straight on --- */

struct shim_file {
	sqlite3_file base;
	struct disk *disk; /* NULL: not watched */
	sqlite3_file *real;
};
#define REAL(f) (((struct shim_file *)(f))->real)
#define PASS(f, call, ...) REAL(f)->pMethods->call(REAL(f), ##__VA_ARGS__)

static int
shim_close(sqlite3_file *f)
{
	return PASS(f, xClose);
}
static int
shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return PASS(f, xRead, p, n, at);
}
static int
shim_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return PASS(f, xFileSize, n);
}
static int
shim_lock(sqlite3_file *f, int l)
{
	return PASS(f, xLock, l);
}
static int
shim_unlock(sqlite3_file *f, int l)
{
	return PASS(f, xUnlock, l);
}
static int
shim_reserved(sqlite3_file *f, int *r)
{
	return PASS(f, xCheckReservedLock, r);
}
static int
shim_control(sqlite3_file *f, int op, void *p)
{
	return PASS(f, xFileControl, op, p);
}
static int
shim_sector(sqlite3_file *f)
{
	(void)f;
	return SECTOR;
}
static int
shim_traits(sqlite3_file *f)
{
	(void)f;
	return 0;
}
static int
shim_map(sqlite3_file *f, int i, int n, int extend, void volatile **p)
{
	return PASS(f, xShmMap, i, n, extend, p);
}
static int
shim_shmlock(sqlite3_file *f, int o, int n, int flags)
{
	return PASS(f, xShmLock, o, n, flags);
}
static void
shim_barrier(sqlite3_file *f)
{
	PASS(f, xShmBarrier);
}
static int
shim_unmap(sqlite3_file *f, int del)
{
	return PASS(f, xShmUnmap, del);
}

static int
shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	struct disk *d = ((struct shim_file *)f)->disk;

	burn();
	if (d != NULL && power.fuse > 0)
		disk_touch(d, at, at + n);
	return PASS(f, xWrite, p, n, at);
}

static int
shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct disk *d = ((struct shim_file *)f)->disk;
	sqlite3_int64 now = 0;

	burn();
	if (d != NULL && power.fuse > 0 && PASS(f, xFileSize, &now) == SQLITE_OK)
		disk_touch(d, size, now);
	return PASS(f, xTruncate, size);
}

static int
shim_sync(sqlite3_file *f, int flags)
{
	struct disk *d = ((struct shim_file *)f)->disk;
	int rc;

	burn();
	rc = PASS(f, xSync, flags);
	if (d != NULL && rc == SQLITE_OK)
		disk_synced(d);
	burn(); /* durable, and the caller does not know yet */
	return rc;
}

static const sqlite3_io_methods shim_methods = {2, shim_close, shim_read, shim_write, shim_truncate,
    shim_sync, shim_size, shim_lock, shim_unlock, shim_reserved, shim_control, shim_sector,
    shim_traits, shim_map, shim_shmlock, shim_barrier, shim_unmap, NULL, NULL};

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	sqlite3_vfs *real = vfs->pAppData;
	struct shim_file *sf = (struct shim_file *)f;
	int rc;

	sf->real = (sqlite3_file *)(sf + 1);
	sf->disk = NULL;
	f->pMethods = NULL;
	rc = real->xOpen(real, name, sf->real, flags, out);
	if (sf->real->pMethods != NULL)
		f->pMethods = &shim_methods;
	if (rc == SQLITE_OK && name != NULL)
		sf->disk = disk_open(name);
	return rc;
}

static void
shim_install(void)
{
	static sqlite3_vfs shim;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	shim = *real;
	shim.zName = "powerloss";
	shim.pAppData = real;
	shim.szOsFile = (int)sizeof(struct shim_file) + real->szOsFile;
	shim.xOpen = shim_open;
	sqlite3_vfs_register(&shim, 1);
}

/* --- runs --- */

static void
one_life(struct ledger *l, bool off, struct verdict *v)
{
	static const int keeps[] = {0, 100, 50, 10, 90};
	long fuse = 1 + random() % (random() % 3 == 0 ? 6000 : 500);
	int keep = keeps[random() % 5], seed = (int)random(), fds[2];
	pid_t pid;

	if (pipe(fds) != 0 || (pid = fork()) < 0) {
		perror("powerloss");
		exit(99);
	}
	if (pid == 0) {
		struct store *s;

		close(fds[0]);
		srandom((unsigned)seed);
		power.fuse = fuse;
		power.keep_percent = keep;
		shim_install();
		s = ledger_open(l);
		if (s != NULL && off)
			sqlite3_exec(s->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
		_exit(s == NULL || ledger_write(l, s, fds[1], 0) != 0 ? 1 : 2);
	}
	close(fds[1]);
	ledger_verify(l, fds[0], v);
	close(fds[0]);
	waitpid(pid, &seed, 0);
	if (!WIFEXITED(seed) || WEXITSTATUS(seed) != 0)
		v->corrupt++; /* the writer failed before the power did */
}

static bool
series_of_runs(long runs, unsigned seed, bool off, bool verbose)
{
	struct ledger l = {.verbose = verbose};
	struct verdict v = {0, 0};
	int64_t steps = 0;
	long i, life;

	srandom(seed);
	for (i = 0; i < runs; i++) {
		ledger_init(&l);
		for (life = 0; life < LIVES && v.lost + v.corrupt == 0; life++)
			one_life(&l, off, &v);
		steps += l.next;
		ledger_remove(&l);
		if (v.lost + v.corrupt > 0 && !off) {
			fprintf(stderr, "powerloss: run %ld of seed %u failed\n", i, seed);
			break;
		}
		if (v.lost + v.corrupt > 0)
			break;
	}
	printf("powerloss: synchronous %s: runs %ld lost %u corrupt %u (%lld commits)%s\n",
	    off ? "off" : "full", i < runs ? i + 1 : runs, v.lost, v.corrupt, (long long)steps,
	    !off                     ? ""
	    : v.lost + v.corrupt > 0 ? " caught"
				     : " NOT CAUGHT");
	fflush(stdout);
	return (v.lost + v.corrupt > 0) == off;
}

int
main(int argc, char **argv)
{
	bool off = false, verbose = false, both = true, ok = true;
	long runs = 25, seed = 1;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
			runs = strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--synchronous") == 0 && i + 1 < argc) {
			off = strcmp(argv[++i], "off") == 0;
			both = false;
		} else if (strcmp(argv[i], "-v") == 0)
			verbose = true;
	}
	alarm((unsigned)(120 + runs * 3));
	ok = series_of_runs(runs, (unsigned)seed, off, verbose);
	if (both)
		ok &= series_of_runs(runs, (unsigned)seed, true, verbose);
	return ok ? 0 : 1;
}
