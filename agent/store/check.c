/*
 * check.c - `tillwatch db check`: every page by SQLite's own check, every chunk and frame by its
 * check sum.
 *
 * Opens the files read-only and beside a running agent; blocks for as long as reading them takes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/chunk.h"
#include "agent/store/frame.h"
#include "agent/store/impl.h"
#include "lib/xmalloc.h"

struct check {
	void (*say)(void *, const char *);
	void *arg;
	const char *file;
	int findings;
};

static void __attribute__((format(printf, 2, 3))) finding(struct check *c, const char *fmt, ...)
{
	char text[512], line[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s: %s", c->file, text);
	c->findings++;
	if (c->say != NULL)
		c->say(c->arg, line);
}

static void
check_pages(struct check *c, sqlite3 *db)
{
	sqlite3_stmt *st;
	int rc;

	if (db_prepare(db, &st, "PRAGMA integrity_check") != 0) {
		finding(c, "%s", sqlite3_errmsg(db));
		return;
	}
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		if (text != NULL && strcmp(text, "ok") != 0)
			finding(c, "%s", text);
	}
	if (rc != SQLITE_DONE)
		finding(c, "%s", sqlite3_errmsg(db));
	sqlite3_finalize(st);
}

static void
no_sample(void *arg, int64_t commit_ms, uint32_t sid, int64_t t_ms, double v, const struct hist *h)
{
	(void)arg, (void)commit_ms, (void)sid, (void)t_ms, (void)v, (void)h;
}

static void
check_blobs(struct check *c, sqlite3 *db, const char *sql, bool frames)
{
	struct samples out = {0};
	sqlite3_stmt *st;
	int rc;

	if (db_prepare(db, &st, sql) != 0) {
		finding(c, "%s", sqlite3_errmsg(db));
		return;
	}
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const void *b = sqlite3_column_blob(st, 1);
		size_t len = (size_t)sqlite3_column_bytes(st, 1);

		if ((frames ? live_frame_each(b, len, no_sample, NULL)
			    : chunk_decode(&out, NULL, b, len))
		    != 0)
			finding(c, "%s %lld is damaged", frames ? "frame" : "chunk",
			    (long long)sqlite3_column_int64(st, 0));
		samples_reset(&out);
	}
	if (rc != SQLITE_DONE)
		finding(c, "%s", sqlite3_errmsg(db));
	sqlite3_finalize(st);
	samples_clear(&out);
}

static void
check_file(struct check *c, const char *path, bool live)
{
	sqlite3 *db;
	int rc = db_open(&db, path, live ? DB_READ : DB_FROZEN);

	c->file = path;
	if (rc != 0) {
		finding(c, "%s", strerror(-rc));
		return;
	}
	check_pages(c, db);
	if (live)
		check_blobs(c, db, "SELECT id, b FROM frame", true);
	check_blobs(c, db, "SELECT id, b FROM chunk", false);
	sqlite3_close_v2(db);
}

static int
is_ours(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return strcmp(e->d_name, "live.db") == 0
	       || (strncmp(e->d_name, "d-", 2) == 0 && len > 3
		   && strcmp(e->d_name + len - 3, ".db") == 0);
}

int
store_check(const char *path, void (*say)(void *, const char *finding), void *arg)
{
	struct check c = {say, arg, path, 0};
	struct dirent **names;
	int i, n = scandir(path, &names, is_ours, alphasort);

	if (n < 0) {
		finding(&c, "%s", strerror(errno));
		return c.findings;
	}
	if (n == 0)
		finding(&c, "no store there");
	for (i = 0; i < n; i++) {
		char *file = xasprintf("%s/%s", path, names[i]->d_name);

		check_file(&c, file, strcmp(names[i]->d_name, "live.db") == 0);
		free(file);
		free(names[i]);
	}
	free(names);
	return c.findings;
}
