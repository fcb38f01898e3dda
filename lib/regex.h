/*
 * regex.h - PCRE2 with the limits that make a hostile subject or pattern cost bounded time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_REGEX_H
#define LIB_REGEX_H

#include <stddef.h>

struct regex;

/* Compiles (UTF, unanchored; invalid UTF-8 in a subject never matches). NULL with a sentence and
 * the offset in err. */
struct regex *regex_new(const char *pattern, char *err, size_t err_cap);
void regex_free(struct regex *re);

/* 1 match, 0 none, -E2BIG: the match or depth limit was hit (a pattern like (a+)+$ on the wrong
 * text). Where groups is not NULL, *group[0..1] are the offsets of the first capture group (or of
 * the whole match without groups). */
int regex_match(const struct regex *re, const char *subject, size_t len, size_t group[2]);

/* The offsets of capture group `which` of a match (0 = the whole). 1; 0: no match, or that group is
 * not in it. */
int regex_group(
    const struct regex *re, const char *subject, size_t len, unsigned which, size_t group[2]);

#endif
