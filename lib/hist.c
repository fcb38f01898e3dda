/*
 * hist.c - see hist.h.
 *
 * Index of a value: frexp splits v into a fraction of [1/2, 1) and an exponent; within one power of
 * two the 2^schema buckets are found by a logarithm and then corrected by comparing with the exact
 * bounds, so that a value on a boundary falls into the bucket that ends there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/hist.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void
hist_init(struct hist *h)
{
	*h = (struct hist){.schema = HIST_SCHEMA, .zero_threshold = 0x1p-128};
}

void
hist_clear(struct hist *h)
{
	free(h->pos);
	free(h->neg);
	free(h->bounds);
	hist_init(h);
}

void
hist_free(struct hist *h)
{
	if (h == NULL)
		return;
	hist_clear(h);
	free(h);
}

/* The bound between bucket i and i + 1 of n, within [1/2, 1). */
static double
fraction_bound(int i, int n)
{
	return i == n ? 1 : ldexp(exp2((double)i / n), -1);
}

int32_t
hist_index(double v, int32_t schema)
{
	int exponent, n, i;
	double fraction;

	if (schema < -4 || schema > 8)
		return 0;
	if (isinf(v))
		return hist_index(0x1.fffffffffffffp+1023, schema) + 1;
	fraction = frexp(v, &exponent);
	if (schema <= 0) {
		int32_t idx = fraction == 0.5 ? exponent - 1 : exponent, round = (1 << -schema) - 1;

		return (idx + round) >> -schema;
	}
	n = 1 << schema;
	i = (int)ceil(log2(fraction * 2) * n);
	while (i > 0 && fraction_bound(i - 1, n) >= fraction)
		i--;
	while (i < n && fraction_bound(i, n) < fraction)
		i++;
	return i + (exponent - 1) * n;
}

double
hist_upper_bound(int32_t idx, int32_t schema)
{
	int n, i;

	if (schema < -4 || schema > 8)
		return NAN; /* custom bounds are the histogram's own */
	if (schema <= 0) {
		int64_t exponent = (int64_t)idx * (1 << -schema);

		return exponent > 1024 ? INFINITY
				       : ldexp(1, exponent < -1100 ? -1100 : (int)exponent);
	}
	n = 1 << schema;
	i = idx & (n - 1);
	return ldexp(fraction_bound(i, n), (idx >> schema) + 1);
}

static int
reserve(struct hist_bucket **at, uint32_t *cap, uint32_t n)
{
	uint32_t more = *cap > 0 ? *cap : 8;
	struct hist_bucket *b;

	while (more < n)
		more *= 2;
	if (more == *cap)
		return 0;
	if ((b = reallocarray(*at, more, sizeof(*b))) == NULL)
		return -ENOMEM;
	*at = b;
	*cap = more;
	return 0;
}

/* Adds count to bucket idx, which is made where it belongs. */
static int
add_to(struct hist_bucket **at, uint32_t *n, uint32_t *cap, int32_t idx, double count)
{
	uint32_t low = 0, left = *n;

	if (left > 0 && (*at)[left - 1].idx < idx) { /* in order: behind the last */
		low = left;
		left = 0;
	}
	while (left > 0) { /* without a branch that the values decide: they are as chance has it */
		uint32_t half = (left + 1) / 2;

		low += half & -(uint32_t)((*at)[low + half - 1].idx < idx);
		left -= half;
	}
	if (low < *n && (*at)[low].idx == idx) {
		(*at)[low].count += count;
		return 0;
	}
	if (reserve(at, cap, *n + 1) != 0)
		return -ENOMEM;
	memmove(*at + low + 1, *at + low, (*n - low) * sizeof(**at));
	(*at)[low] = (struct hist_bucket){idx, count};
	(*n)++;
	return 0;
}

int
hist_observe(struct hist *h, double v)
{
	int rc = 0;

	if (!isnan(v)) {
		if (fabs(v) <= h->zero_threshold)
			h->zero_count++;
		else if (v > 0)
			rc = add_to(&h->pos, &h->n_pos, &h->cap_pos, hist_index(v, h->schema), 1);
		else
			rc = add_to(&h->neg, &h->n_neg, &h->cap_neg, hist_index(-v, h->schema), 1);
	}
	if (rc != 0)
		return rc;
	h->count++;
	h->sum += v;
	if (h->n_pos > HIST_BUCKETS_MAX || h->n_neg > HIST_BUCKETS_MAX)
		return hist_reduce(h, h->schema - 1);
	return 0;
}

static int
copy_buckets(struct hist_bucket **to, uint32_t *cap, const struct hist_bucket *from, uint32_t n)
{
	if (n == 0)
		return 0;
	if (reserve(to, cap, n) != 0)
		return -ENOMEM;
	memcpy(*to, from, n * sizeof(*from));
	return 0;
}

int
hist_copy(struct hist *dst, const struct hist *src)
{
	*dst = *src;
	dst->pos = dst->neg = NULL;
	dst->bounds = NULL;
	dst->cap_pos = dst->cap_neg = 0;
	if (copy_buckets(&dst->pos, &dst->cap_pos, src->pos, src->n_pos) != 0
	    || copy_buckets(&dst->neg, &dst->cap_neg, src->neg, src->n_neg) != 0)
		goto fail;
	if (src->n_bounds > 0) {
		if ((dst->bounds = malloc(src->n_bounds * sizeof(double))) == NULL)
			goto fail;
		memcpy(dst->bounds, src->bounds, src->n_bounds * sizeof(double));
	}
	return 0;
fail:
	hist_clear(dst);
	return -ENOMEM;
}

struct hist *
hist_new_copy(const struct hist *src)
{
	struct hist *h = malloc(sizeof(*h));

	if (h != NULL && hist_copy(h, src) != 0) {
		free(h);
		h = NULL;
	}
	return h;
}

/* Two neighbours of one side fall together when the schema drops; the array stays sorted. */
static void
reduce_side(struct hist_bucket *b, uint32_t *n, int by)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < *n; i++) {
		/* Bucket idx ends at 2^(idx / 2^s): in the lower schema it ends in ceil(idx /
		 * 2^by). */
		int32_t idx = (int32_t)((b[i].idx + (INT64_C(1) << by) - 1) >> by);

		if (kept > 0 && b[kept - 1].idx == idx)
			b[kept - 1].count += b[i].count;
		else
			b[kept++] = (struct hist_bucket){idx, b[i].count};
	}
	*n = kept;
}

int
hist_reduce(struct hist *h, int32_t schema)
{
	if (h->schema == HIST_SCHEMA_CUSTOM || schema > h->schema || schema < -4)
		return -EINVAL;
	if (schema == h->schema)
		return 0;
	reduce_side(h->pos, &h->n_pos, h->schema - schema);
	reduce_side(h->neg, &h->n_neg, h->schema - schema);
	h->schema = schema;
	return 0;
}

static bool
same_bounds(const struct hist *a, const struct hist *b)
{
	return a->n_bounds == b->n_bounds
	       && (a->n_bounds == 0
		   || memcmp(a->bounds, b->bounds, a->n_bounds * sizeof(double)) == 0);
}

/* Buckets that end within the new zero bucket become part of it. */
static double
swallow(struct hist_bucket *b, uint32_t *n, int32_t schema, double threshold)
{
	uint32_t gone = 0;
	double sum = 0;

	while (gone < *n && hist_upper_bound(b[gone].idx, schema) <= threshold)
		sum += b[gone++].count;
	if (gone > 0)
		memmove(b, b + gone, (*n - gone) * sizeof(*b));
	*n -= gone;
	return sum;
}

static void
widen_zero(struct hist *h, double threshold)
{
	if (threshold <= h->zero_threshold)
		return;
	h->zero_threshold = threshold;
	h->zero_count += swallow(h->pos, &h->n_pos, h->schema, threshold);
	h->zero_count += swallow(h->neg, &h->n_neg, h->schema, threshold);
}

int
hist_add(struct hist *dst, const struct hist *src, double sign)
{
	struct hist mine;
	int rc = 0;

	if ((dst->schema == HIST_SCHEMA_CUSTOM) != (src->schema == HIST_SCHEMA_CUSTOM)
	    || !same_bounds(dst, src))
		return -EINVAL;
	if ((rc = hist_copy(&mine, src)) != 0)
		return rc;
	if (src->schema != HIST_SCHEMA_CUSTOM) {
		if (mine.schema > dst->schema)
			hist_reduce(&mine, dst->schema);
		else
			hist_reduce(dst, mine.schema);
		widen_zero(&mine, dst->zero_threshold);
		widen_zero(dst, mine.zero_threshold);
	}
	for (uint32_t i = 0; i < mine.n_pos && rc == 0; i++)
		rc = add_to(&dst->pos, &dst->n_pos, &dst->cap_pos, mine.pos[i].idx,
		    sign * mine.pos[i].count);
	for (uint32_t i = 0; i < mine.n_neg && rc == 0; i++)
		rc = add_to(&dst->neg, &dst->n_neg, &dst->cap_neg, mine.neg[i].idx,
		    sign * mine.neg[i].count);
	dst->zero_count += sign * mine.zero_count;
	dst->count += sign * mine.count;
	dst->sum += sign * mine.sum;
	hist_clear(&mine);
	return rc;
}

/* ---- quantiles ---- */

/* Within one exponential bucket values are taken to be spread evenly over the logarithm. */
static double
interpolate(double low, double high, double share)
{
	return low * exp2(log2(high / low) * share);
}

static double
zero_bucket(const struct hist *h, double share)
{
	double low = h->n_neg > 0 ? -h->zero_threshold : 0,
	       high = h->n_pos > 0 ? h->zero_threshold : 0;

	return low + (high - low) * share;
}

double
hist_quantile(const struct hist *h, double q)
{
	double rank = q * h->count, seen = 0;

	if (h->count == 0 || isnan(q))
		return NAN;
	if (q < 0 || q > 1)
		return q < 0 ? -INFINITY : INFINITY;
	for (uint32_t i = h->n_neg; i-- > 0;) {
		const struct hist_bucket *b = &h->neg[i];

		if (seen + b->count >= rank && b->count > 0)
			return -interpolate(hist_upper_bound(b->idx - 1, h->schema),
			    hist_upper_bound(b->idx, h->schema), 1 - (rank - seen) / b->count);
		seen += b->count;
	}
	if (h->zero_count > 0 && seen + h->zero_count >= rank)
		return zero_bucket(h, (rank - seen) / h->zero_count);
	seen += h->zero_count;
	for (uint32_t i = 0; i < h->n_pos; i++) {
		const struct hist_bucket *b = &h->pos[i];

		if (b->count > 0 && (seen + b->count >= rank || i + 1 == h->n_pos))
			return interpolate(hist_upper_bound(b->idx - 1, h->schema),
			    hist_upper_bound(b->idx, h->schema), fmin(1, (rank - seen) / b->count));
		seen += b->count;
	}
	return NAN;
}

/* ---- bytes
 * --------------------------------------------------------------------------------------------
 *
 *   version 1 | flags | schema (signed byte) | reset | varint n_pos, n_neg, n_bounds
 *   zero_threshold, sum (8 bytes each) | zero_count, count | buckets: zigzag varint of the step of
 * idx, count | bounds
 *
 * A count is a varint when flags say that all counts are whole, else 8 bytes.
 */

#define VERSION 1
#define WHOLE 1u

struct writer {
	uint8_t *at, *end;
	bool failed;
};

static void
put_bytes(struct writer *w, const void *data, size_t n)
{
	if (w->failed || (size_t)(w->end - w->at) < n) {
		w->failed = true;
		return;
	}
	memcpy(w->at, data, n);
	w->at += n;
}

static void
put_varint(struct writer *w, uint64_t v)
{
	uint8_t byte;

	while (v >= 0x80) {
		byte = (uint8_t)(v | 0x80);
		put_bytes(w, &byte, 1);
		v >>= 7;
	}
	byte = (uint8_t)v;
	put_bytes(w, &byte, 1);
}

static void
put_double(struct writer *w, double v)
{
	uint8_t bytes[8];
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	for (int i = 0; i < 8; i++, bits >>= 8)
		bytes[i] = (uint8_t)bits;
	put_bytes(w, bytes, sizeof(bytes));
}

static bool
is_whole(double v)
{
	return v >= 0 && v < 0x1p53 && v == floor(v);
}

static bool
all_whole(const struct hist *h)
{
	bool whole = is_whole(h->count) && is_whole(h->zero_count);

	for (uint32_t i = 0; i < h->n_pos && whole; i++)
		whole = is_whole(h->pos[i].count);
	for (uint32_t i = 0; i < h->n_neg && whole; i++)
		whole = is_whole(h->neg[i].count);
	return whole;
}

static void
put_count(struct writer *w, double v, bool whole)
{
	if (whole)
		put_varint(w, (uint64_t)v);
	else
		put_double(w, v);
}

static void
put_side(struct writer *w, const struct hist_bucket *b, uint32_t n, bool whole)
{
	int64_t last = 0;

	for (uint32_t i = 0; i < n; i++) {
		int64_t step = b[i].idx - last;

		put_varint(w, (uint64_t)step << 1 ^ (uint64_t)(step >> 63));
		put_count(w, b[i].count, whole);
		last = b[i].idx;
	}
}

ptrdiff_t
hist_encode(const struct hist *h, uint8_t *dst, size_t cap)
{
	struct writer w = {dst, dst + cap, false};
	bool whole = all_whole(h);
	uint8_t head[4] = {VERSION, whole ? WHOLE : 0, (uint8_t)h->schema, (uint8_t)h->reset};

	put_bytes(&w, head, sizeof(head));
	put_varint(&w, h->n_pos);
	put_varint(&w, h->n_neg);
	put_varint(&w, h->n_bounds);
	put_double(&w, h->zero_threshold);
	put_double(&w, h->sum);
	put_count(&w, h->zero_count, whole);
	put_count(&w, h->count, whole);
	put_side(&w, h->pos, h->n_pos, whole);
	put_side(&w, h->neg, h->n_neg, whole);
	for (uint32_t i = 0; i < h->n_bounds; i++)
		put_double(&w, h->bounds[i]);
	return w.failed ? -ENOSPC : w.at - dst;
}

struct reader {
	const uint8_t *at, *end;
	bool failed;
};

static uint8_t
get_byte(struct reader *r)
{
	if (r->failed || r->at == r->end) {
		r->failed = true;
		return 0;
	}
	return *r->at++;
}

static uint64_t
get_varint(struct reader *r)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 64; shift += 7) {
		uint8_t byte = get_byte(r);

		v |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return v;
	}
	r->failed = true;
	return 0;
}

static double
get_double(struct reader *r)
{
	uint64_t bits = 0;
	double v;

	for (int i = 0; i < 8; i++)
		bits |= (uint64_t)get_byte(r) << (8 * i);
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static double
get_count(struct reader *r, bool whole)
{
	return whole ? (double)get_varint(r) : get_double(r);
}

/* Each bucket takes two bytes at least: a claim larger than the bytes that follow is refused before
 * memory is asked. */
static int
get_side(struct reader *r, struct hist_bucket **at, uint32_t *n, uint32_t *cap, uint64_t claimed,
    bool whole)
{
	int64_t idx = 0;

	if (claimed > (uint64_t)(r->end - r->at) / 2)
		return -EINVAL;
	if (claimed > 0 && reserve(at, cap, (uint32_t)claimed) != 0)
		return -ENOMEM;
	for (uint64_t i = 0; i < claimed; i++) {
		uint64_t z = get_varint(r);
		int64_t step = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);

		if (step > UINT32_MAX || step < -(int64_t)UINT32_MAX || (i > 0 && step <= 0))
			return -EINVAL;
		idx += step;
		if (idx > INT32_MAX / 2 || idx < INT32_MIN / 2)
			return -EINVAL;
		(*at)[(*n)++] = (struct hist_bucket){(int32_t)idx, get_count(r, whole)};
	}
	return 0;
}

static int
get_bounds(struct reader *r, struct hist *h, uint64_t claimed)
{
	if (claimed > (uint64_t)(r->end - r->at) / 8)
		return -EINVAL;
	if (claimed == 0)
		return 0;
	if ((h->bounds = calloc(claimed, sizeof(double))) == NULL)
		return -ENOMEM;
	for (; h->n_bounds < claimed; h->n_bounds++)
		h->bounds[h->n_bounds] = get_double(r);
	return 0;
}

ptrdiff_t
hist_decode(struct hist *h, const uint8_t *src, size_t len)
{
	struct reader r = {src, src + len, false};
	uint64_t n_pos, n_neg, n_bounds;
	uint8_t version, flags;
	int rc;

	hist_init(h);
	version = get_byte(&r);
	flags = get_byte(&r);
	h->schema = (int8_t)get_byte(&r);
	h->reset = (enum hist_reset)get_byte(&r);
	n_pos = get_varint(&r);
	n_neg = get_varint(&r);
	n_bounds = get_varint(&r);
	if (r.failed || version != VERSION || (unsigned)h->reset > HIST_GAUGE
	    || ((h->schema < -4 || h->schema > 8) && h->schema != HIST_SCHEMA_CUSTOM))
		return -EINVAL;
	if (n_pos > HIST_BUCKETS_MAX || n_neg > HIST_BUCKETS_MAX || n_bounds > HIST_BUCKETS_MAX)
		return -E2BIG;
	h->zero_threshold = get_double(&r);
	h->sum = get_double(&r);
	h->zero_count = get_count(&r, flags & WHOLE);
	h->count = get_count(&r, flags & WHOLE);
	rc = get_side(&r, &h->pos, &h->n_pos, &h->cap_pos, n_pos, flags & WHOLE);
	if (rc == 0)
		rc = get_side(&r, &h->neg, &h->n_neg, &h->cap_neg, n_neg, flags & WHOLE);
	if (rc == 0)
		rc = get_bounds(&r, h, n_bounds);
	if (rc != 0 || r.failed) {
		hist_clear(h);
		return rc != 0 ? rc : -EINVAL;
	}
	return r.at - src;
}
