/*
 * store-help.c - see store-help.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/store-help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t
fake_now(void *arg)
{
	return ((struct help *)arg)->now;
}

static void
on_log(void *arg, int level, const char *text)
{
	struct help *h = arg;
	size_t len = strlen(h->text);

	(void)level;
	snprintf(h->text + len, sizeof(h->text) - len, "%s\n", text);
	if (getenv("VERBOSE") != NULL)
		fprintf(stderr, "  %s\n", text);
}

void
help_init(struct help *h, int64_t now)
{
	memset(h, 0, sizeof(*h));
	snprintf(h->dir, sizeof(h->dir), "/tmp/tw-store-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	h->now = now;
	h->seed = 1;
	h->opts = (struct store_opts){
	    .path = h->dir, .now_ms = fake_now, .now_arg = h, .log = on_log, .log_arg = h};
}

void
help_open(struct help *h)
{
	struct store_error err;
	int rc = store_open(&h->s, &h->opts, &err);

	if (rc != 0)
		fprintf(stderr, "store_open: %d %s\n", rc, err.text);
	assert_int_equal(rc, 0);
}

void
help_close(struct help *h)
{
	store_close(h->s);
	h->s = NULL;
}

void
help_reopen(struct help *h)
{
	help_close(h);
	help_open(h);
}

void
help_remove(struct help *h)
{
	DIR *d = opendir(h->dir);
	struct dirent *e;
	char path[512];

	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", h->dir, e->d_name);
		unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(h->dir);
	labels_unref(h->labels);
	h->labels = NULL;
}

void
help_done(struct help *h)
{
	help_close(h);
	help_remove(h);
}

uint64_t
help_rand(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t
help_series(
    struct help *h, const char *name, const char *x, enum store_kind kind, double resolution)
{
	struct label pairs[] = {{LABEL_NAME, name}, {"x", x}};
	uint32_t sid = 0;

	labels_unref(h->labels);
	assert_int_equal(labels_new(&h->labels, pairs, 2), 0);
	assert_int_equal(store_series(h->s, h->labels, kind, resolution, &sid), 0);
	return sid;
}

int
help_commit(struct help *h, const struct store_sample *in, size_t n, struct store_counts *counts)
{
	struct store_batch batch = {.samples = in, .n_samples = n};

	return store_commit(h->s, &batch, 1, counts);
}

void
help_maintain(struct help *h, int max)
{
	int rc = 1;

	while (max-- > 0 && rc > 0)
		rc = store_maintain(h->s);
	assert_true(rc >= 0);
}

void
help_select(struct help *h, struct series_set *set, const char *x, int64_t from, int64_t to)
{
	struct querier q = store_querier(h->s);
	struct matcher m;

	memset(set, 0, sizeof(*set));
	if (x != NULL)
		assert_int_equal(matcher_init(&m, MATCH_EQ, "x", x, NULL, 0), 0);
	assert_int_equal(q.select(q.ctx, &m, x != NULL, from, to, SIZE_MAX, NULL, NULL, set), 0);
	if (x != NULL)
		matcher_clear(&m);
}

static void
collect(void *arg, const char *word)
{
	struct help *h = arg;
	size_t len = strlen(h->text);

	snprintf(h->text + len, sizeof(h->text) - len, "%s ", word);
}

const char *
help_values(
    struct help *h, const char *name, const struct matcher *m, size_t n, int64_t from, int64_t to)
{
	h->text[0] = '\0';
	assert_int_equal(store_label_values(h->s, name, m, n, from, to, collect, h), 0);
	return h->text;
}

const char *
help_names(struct help *h)
{
	h->text[0] = '\0';
	assert_int_equal(store_label_names(h->s, NULL, 0, 0, INT64_MAX, collect, h), 0);
	return h->text;
}

bool
help_yes(void *arg)
{
	(void)arg;
	return true;
}

void
help_finding(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "  finding: %s\n", text);
}

static FILE *
help_file(struct help *h, const char *file, const char *mode)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", h->dir, file);
	f = fopen(path, mode);
	assert_non_null(f);
	return f;
}

void
help_poke(struct help *h, const char *file, long at, const void *bytes, size_t len)
{
	FILE *f = help_file(h, file, "r+b");

	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

void
help_peek(struct help *h, const char *file, long at, void *bytes, size_t len)
{
	FILE *f = help_file(h, file, "rb");

	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	assert_int_equal(fread(bytes, 1, len, f), len);
	fclose(f);
}

bool
help_find(struct help *h, const char *prefix, char *path)
{
	DIR *d = opendir(h->dir);
	struct dirent *e;
	bool found = false;

	while (d != NULL && !found && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0) {
			snprintf(path, 256, "%s", e->d_name);
			found = true;
		}
	closedir(d);
	return found;
}
