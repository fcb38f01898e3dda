/*
 * fuzz-labels.c - any bytes as the text of a series, as a histogram, and as a text to be shown:
 * what hosts, files and answers bring into lib/labels, lib/hist and lib/sanitize. The first byte
 * chooses.
 *
 * What must hold: labels that were read are written and read back as the same set; a histogram that
 * was decoded encodes to bytes that decode to the same, and no computation on it leaves its memory;
 * a sanitised text has no control in it, and sanitising it again changes nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hist.h"
#include "lib/labels.h"
#include "lib/sanitize.h"

/* A bucket takes two varints and a double at most. */
#define HIST_BYTES_MAX (64 + HIST_BUCKETS_MAX * (2 * 18 + 8))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- labels ---- */

static void
derive(const struct labels *l)
{
	static const char *const names[] = {LABEL_NAME, "probe"};
	static const struct label set[] = {{"probe", "x"}, {LABEL_NAME, ""}};
	struct labels *other;

	if (labels_with(&other, l, set, 2) == 0) {
		if (strcmp(labels_get(other, "probe"), "x") != 0)
			abort();
		labels_unref(other);
	}
	for (int keep = 0; keep < 2; keep++)
		if (labels_pick(&other, l, names, 2, keep != 0) == 0) {
			if ((labels_get(other, "probe")[0] != '\0')
			    != (keep != 0 && labels_get(l, "probe")[0] != '\0'))
				abort();
			labels_unref(other);
		}
}

static void
try_labels(const char *text, size_t len)
{
	struct labels *l, *again;
	size_t at = 0, need;
	char *out;

	if (labels_parse(&l, text, len, &at) != 0) {
		if (at > len)
			abort();
		return;
	}
	need = labels_format(l, NULL, 0);
	if ((out = malloc(need + 1)) == NULL || labels_format(l, out, need + 1) != need
	    || strlen(out) != need)
		abort();
	if (labels_parse(&again, out, need, &at) != 0 || !labels_equal(l, again)
	    || labels_cmp(l, again) != 0)
		abort();
	derive(l);
	labels_unref(again);
	labels_unref(l);
	free(out);
}

/* ---- histograms ---- */

static bool
same_side(const struct hist_bucket *a, uint32_t n, const struct hist_bucket *b, uint32_t m)
{
	if (n != m)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (a[i].idx != b[i].idx || (a[i].count != b[i].count && !isnan(a[i].count)))
			return false;
	return true;
}

static void
encode_again(const struct hist *h)
{
	uint8_t *bytes = malloc(HIST_BYTES_MAX);
	struct hist back;
	ptrdiff_t n;

	if (bytes == NULL || (n = hist_encode(h, bytes, HIST_BYTES_MAX)) <= 0)
		abort();
	if (hist_encode(h, bytes, (size_t)n - 1) >= 0 || hist_encode(h, bytes, (size_t)n) != n)
		abort();
	if (hist_decode(&back, bytes, (size_t)n) != n || back.schema != h->schema
	    || back.n_bounds != h->n_bounds
	    || !same_side(h->pos, h->n_pos, back.pos, back.n_pos)
	    || !same_side(h->neg, h->n_neg, back.neg, back.n_neg))
		abort();
	hist_clear(&back);
	free(bytes);
}

static void
compute(struct hist *h)
{
	struct hist *copy = hist_new_copy(h), mine;

	if (copy == NULL)
		abort();
	for (double q = -0.5; q <= 1.5; q += 0.25)
		(void)hist_quantile(h, q);
	hist_init(&mine);
	(void)hist_observe(&mine, 0.25);
	(void)hist_observe(&mine, -1e9);
	(void)hist_add(&mine, copy, -1);
	(void)hist_add(copy, h, 1);
	(void)hist_add(copy, &mine, 1);
	if (copy->schema > -4 && copy->schema <= 8)
		(void)hist_reduce(copy, copy->schema - 1);
	(void)hist_observe(h, 5);
	for (uint32_t i = 1; i < copy->n_pos; i++)
		if (copy->pos[i].idx <= copy->pos[i - 1].idx)
			abort();
	hist_clear(&mine);
	hist_free(copy);
}

static void
try_hist(const uint8_t *data, size_t size)
{
	struct hist h;
	ptrdiff_t n = hist_decode(&h, data, size);

	if (n < 0) {
		hist_clear(&h); /* a caller may, whatever came */
		return;
	}
	if ((size_t)n > size)
		abort();
	encode_again(&h);
	compute(&h);
	hist_clear(&h);
}

/* ---- texts ---- */

static void
try_text(const char *text, size_t len, size_t cap)
{
	char *once = malloc(cap), *twice = malloc(2 * cap);
	size_t n, m;

	if (once == NULL || twice == NULL)
		abort();
	n = text_sanitize(once, cap, text, len);
	if (n >= cap || strlen(once) != n)
		abort();
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)once[i] < ' ' || once[i] == 0x7f)
			abort();
	m = text_sanitize(twice, 2 * cap, once, n);
	if (m != n || memcmp(once, twice, n) != 0 || text_width(once, n) < 0)
		abort();
	free(once);
	free(twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	switch (data[0] % 3) {
	case 0: try_labels((const char *)data + 1, size - 1); break;
	case 1: try_hist(data + 1, size - 1); break;
	default: try_text((const char *)data + 1, size - 1, 1 + data[0] / 3u * 8); break;
	}
	return 0;
}
