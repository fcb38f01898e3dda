/*
 * store-help.h - a store in a directory of its own with a clock that the test moves.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_STORE_HELP_H
#define TESTS_UNIT_STORE_HELP_H

#include "agent/store/store.h"

struct help {
	char dir[64];
	_Atomic int64_t now; /* the writer reads it too */
	uint64_t seed;
	struct store_opts opts;
	struct store *s;
	struct labels *labels; /* of the last help_series */
	char text[1024];       /* what was said, or collected */
};

void help_init(struct help *h, int64_t now);
void help_open(struct help *h);
void help_close(struct help *h);
void help_reopen(struct help *h);
void help_done(struct help *h); /* closes and removes all */
void help_remove(struct help *h);
uint64_t help_rand(uint64_t *seed);
uint32_t help_series(
    struct help *h, const char *name, const char *x, enum store_kind kind, double resolution);
int help_commit(
    struct help *h, const struct store_sample *in, size_t n, struct store_counts *counts);
void help_maintain(struct help *h, int max); /* until idle, at most max calls; must not fail */
/* Series with x="..." (NULL: all) that match; fails the test on an error. */
void help_select(struct help *h, struct series_set *set, const char *x, int64_t from, int64_t to);
const char *help_values(
    struct help *h, const char *name, const struct matcher *m, size_t n, int64_t from, int64_t to);
const char *help_names(struct help *h);
bool help_yes(void *arg);
void help_finding(void *arg, const char *text);
void help_poke(struct help *h, const char *file, long at, const void *bytes, size_t len);
void help_peek(struct help *h, const char *file, long at, void *bytes, size_t len);
/* The first file of the directory whose name begins so; into path (256 bytes). False: none. */
bool help_find(struct help *h, const char *prefix, char *path);

#endif
