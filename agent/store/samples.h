/*
 * samples.h - stamps and values of one series side by side, as they stand in the head, in a chunk
 * and in an answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_STORE_SAMPLES_H
#define AGENT_STORE_SAMPLES_H

#include "lib/hist.h"

struct samples {
	size_t n, cap;
	int64_t *t; /* ascending, unless said otherwise */
	double *v;
	struct hist *
	    *h; /* NULL as long as there was no histogram; h[i] is owned, NULL for a float */
};

void samples_clear(struct samples *s); /* frees all, s is empty and usable */
void samples_reset(struct samples *s); /* empty, memory kept */
void samples_reserve(struct samples *s, size_t cap);
/* Appends; h (may be NULL) becomes the property of s. */
void samples_push(struct samples *s, int64_t t_ms, double v, struct hist *h);
/* Inserts at its place. Returns false, and takes nothing, where the stamp exists. */
bool samples_insert(struct samples *s, int64_t t_ms, double v, struct hist *h);
bool samples_has(const struct samples *s, int64_t t_ms);
size_t samples_lower(
    const struct samples *s, int64_t t_ms);     /* the first index with t >= t_ms, or n */
void samples_drop(struct samples *s, size_t n); /* forgets the first n */
/* Moves src[from..from+n) behind dst; src's pointers there are taken. */
void samples_take(struct samples *dst, struct samples *src, size_t from, size_t n);
/* Sorts by stamp; of equal stamps the one that stood first stays. Cheap when in order already. */
void samples_settle(struct samples *s);
struct hist *samples_hist_copy(const struct hist *h); /* NULL for NULL; never fails */

#endif
