/*
 * chunk.c - see chunk.h for the drawing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/store/chunk.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/store/bits.h"
#include "lib/crc32c.h"

#define CHUNK_MAGIC 0xC1
#define BLOCK 64u                        /* integers a block */
#define INT_MAX_EXACT 9007199254740992.0 /* 2^53 */

enum form { FORM_DECIMAL = 1, FORM_XOR, FORM_HIST };

/* How a value becomes an integer: v = m / f, or v = m * f. */
struct scale {
	uint8_t code; /* 0..SCALE_TENS: f = 10^code, divide; else f follows as eight bytes */
	bool multiply;
	double f;
};
#define SCALE_TENS 12
#define SCALE_DIVIDE 254
#define SCALE_MULTIPLY 255

static const double tens[SCALE_TENS + 1] = {
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

static struct scale
scale_of(double resolution)
{
	double inverse = rint(1 / resolution);
	uint8_t k;

	if (resolution > 1 || fabs(1 / resolution - inverse) > 1e-9 * inverse)
		return (struct scale){SCALE_MULTIPLY, true, resolution};
	for (k = 0; k <= SCALE_TENS; k++)
		if (inverse == tens[k])
			return (struct scale){k, false, inverse};
	return (struct scale){SCALE_DIVIDE, false, inverse};
}

static double
scale_value(const struct scale *sc, int64_t m)
{
	return sc->multiply ? (double)m * sc->f : (double)m / sc->f;
}

/* False where v has no integer of this scale (NaN, infinite, out of range). */
static bool
scale_int(const struct scale *sc, double v, int64_t *m)
{
	double x = sc->multiply ? v / sc->f : v * sc->f;

	if (!(fabs(x) < INT_MAX_EXACT))
		return false;
	*m = llrint(x);
	return true;
}

double
chunk_round(double v, double resolution)
{
	struct scale sc;
	int64_t m;

	if (!(resolution > 0) || isinf(resolution))
		return v;
	sc = scale_of(resolution);
	return scale_int(&sc, v, &m) ? scale_value(&sc, m) : v;
}

/* --- stamps --- */

static void
stamps_encode(struct buf *out, const int64_t *t, size_t n)
{
	int64_t before = 0;
	uint64_t run = 0;
	size_t i;

	for (i = 1; i < n; i++) {
		int64_t d = t[i] - t[i - 1] - before;

		if (d == 0) {
			run++;
			continue;
		}
		if (run > 0)
			put_varint(out, run << 1 | 1);
		run = 0;
		put_varint(out, zigzag(d) << 1);
		before += d;
	}
	if (run > 0)
		put_varint(out, run << 1 | 1);
}

static int
stamps_decode(struct reader *r, int64_t *t, size_t n, int64_t t0, int64_t t1)
{
	int64_t delta = 0;
	uint64_t run = 0;
	size_t i;

	t[0] = t0;
	for (i = 1; i < n; i++) {
		if (run > 0) {
			run--;
		} else {
			uint64_t token = get_varint(r);

			if (token & 1)
				run = (token >> 1)
				      - 1; /* of zero zeros: wraps, and ends as too long */
			else
				delta = (int64_t)((uint64_t)delta + (uint64_t)unzigzag(token >> 1));
		}
		if (r->bad || delta <= 0 || delta > t1 - t[i - 1])
			return -EBADMSG;
		t[i] = t[i - 1] + delta;
	}
	return run == 0 && t[n - 1] == t1 ? 0 : -EBADMSG;
}

/* --- integers in blocks --- */

struct packing {
	bool deltas;
	uint8_t width;
	uint64_t base;
	size_t bytes; /* its cost */
	uint64_t x[BLOCK];
};

/* The best width for x: each value wider than it costs a position and its upper bits. */
static void
packing_choose(struct packing *p, size_t n)
{
	unsigned counts[65] = {0}, w, wider = 0, upper = 0;
	size_t i;

	for (i = 0; i < n; i++)
		counts[p->x[i] == 0 ? 0 : 64 - __builtin_clzll(p->x[i])]++;
	p->bytes = SIZE_MAX;
	for (w = 65; w-- > 0;) {
		size_t cost = (n * w + 7) / 8 + wider * 3 + upper / 8;

		if (cost <= p->bytes) {
			p->bytes = cost;
			p->width = (uint8_t)w;
		}
		wider += counts[w];
		upper += wider;
	}
	p->bytes += 2 + varint_len(zigzag((int64_t)p->base));
}

static void
packing_init(struct packing *p, const int64_t *m, size_t n, int64_t before, bool deltas)
{
	int64_t min = INT64_MAX;
	size_t i;

	p->deltas = deltas;
	for (i = 0; i < n; i++) {
		int64_t x = deltas ? m[i] - (i > 0 ? m[i - 1] : before) : m[i];

		p->x[i] = (uint64_t)x;
		min = x < min ? x : min;
	}
	for (i = 0; i < n; i++)
		p->x[i] -= (uint64_t)min;
	p->base = (uint64_t)min;
	packing_choose(p, n);
}

static uint64_t
upper_bits(uint64_t x, unsigned width)
{
	return width < 64 ? x >> width : 0;
}

static void
packing_write(struct buf *out, const struct packing *p, size_t n)
{
	struct bit_writer w = {.out = out};
	uint8_t wider = 0, head[2];
	size_t i;

	for (i = 0; i < n; i++)
		wider += upper_bits(p->x[i], p->width) != 0;
	head[0] = (uint8_t)(p->width | (p->deltas ? 0x80 : 0));
	head[1] = wider;
	buf_add(out, head, sizeof(head));
	put_varint(out, zigzag((int64_t)p->base));
	for (i = 0; i < n; i++)
		put_bits(&w, p->x[i], p->width);
	put_bits_end(&w);
	for (i = 0; i < n; i++)
		if (upper_bits(p->x[i], p->width) != 0) {
			put_le(out, i, 1);
			put_varint(out, upper_bits(p->x[i], p->width));
		}
}

static void
ints_encode(struct buf *out, const int64_t *m, size_t n)
{
	struct packing plain, deltas;
	int64_t before =
	    n > 1 ? 2 * m[0] - m[1] : m[0]; /* so that the first difference is no outlier */
	size_t i;

	put_varint(out, zigzag(before));
	for (i = 0; i < n; i += BLOCK) {
		size_t len = n - i < BLOCK ? n - i : BLOCK;

		packing_init(&plain, m + i, len, before, false);
		packing_init(&deltas, m + i, len, before, true);
		packing_write(out, deltas.bytes < plain.bytes ? &deltas : &plain, len);
		before = m[i + len - 1];
	}
}

static int
block_decode(struct reader *r, int64_t *m, size_t n, int64_t before)
{
	uint8_t head = (uint8_t)get_le(r, 1), wider = (uint8_t)get_le(r, 1), width = head & 0x7f;
	uint64_t base = (uint64_t)unzigzag(get_varint(r)), x[BLOCK], last = (uint64_t)before;
	struct bit_reader br = {.in = r};
	size_t i;

	if (r->bad || width > 64 || wider > n || (wider > 0 && width == 64))
		return -EBADMSG;
	for (i = 0; i < n; i++)
		x[i] = get_bits(&br, width);
	while (wider-- > 0) {
		uint64_t at = get_le(r, 1), up = get_varint(r);

		if (at >= n)
			return -EBADMSG;
		x[at] |= up << width;
	}
	for (i = 0; i < n; i++) {
		last = x[i] + base + ((head & 0x80) ? last : 0);
		m[i] = (int64_t)last;
	}
	return r->bad ? -EBADMSG : 0;
}

/* --- DECIMAL --- */

/* The integers of v by this scale; where there is none, a repetition. Returns the exceptions,
 * SIZE_MAX past max. */
static size_t
decimal_ints(const struct scale *sc, const double *v, size_t n, int64_t *m, size_t max)
{
	size_t i, exceptions = 0;

	for (i = 0; i < n; i++) {
		if (scale_int(sc, v[i], &m[i]) && bits_of(scale_value(sc, m[i])) == bits_of(v[i]))
			continue;
		m[i] = i > 0 ? m[i - 1] : 0;
		if (++exceptions > max)
			return SIZE_MAX;
	}
	return exceptions;
}

static void
decimal_encode(struct buf *out, const struct scale *sc, const double *v, const int64_t *m, size_t n,
    size_t exceptions)
{
	size_t i, last = 0;

	ints_encode(out, m, n);
	put_varint(out, exceptions);
	for (i = 0; i < n && exceptions > 0; i++) {
		if (bits_of(scale_value(sc, m[i])) == bits_of(v[i]))
			continue;
		put_varint(out, i - last);
		put_le(out, bits_of(v[i]), 8);
		last = i;
		exceptions--;
	}
}

static int
decimal_decode(struct reader *r, const struct scale *sc, double *v, size_t n)
{
	int64_t m[BLOCK], before = unzigzag(get_varint(r));
	uint64_t exceptions, at = 0;
	size_t i, k;

	for (i = 0; i < n; i += BLOCK) {
		size_t len = n - i < BLOCK ? n - i : BLOCK;

		if (block_decode(r, m, len, before) != 0)
			return -EBADMSG;
		before = m[len - 1];
		for (k = 0; k < len; k++)
			v[i + k] = scale_value(sc, m[k]);
	}
	for (exceptions = get_varint(r); exceptions > 0 && !r->bad; exceptions--) {
		uint64_t skip = get_varint(r);

		if (skip >= n - at)
			return -EBADMSG;
		at += skip;
		v[at] = double_of(get_le(r, 8));
	}
	return r->bad ? -EBADMSG : 0;
}

/* --- XOR --- */

static void
xor_encode(struct buf *out, const double *v, size_t n)
{
	struct bit_writer w = {.out = out};
	unsigned lead = 65, trail = 0;
	uint64_t before = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t x = bits_of(v[i]) ^ before;
		unsigned l = x ? (unsigned)__builtin_clzll(x) : 0,
			 t = x ? (unsigned)__builtin_ctzll(x) : 0;

		before ^= x;
		put_bits(&w, x != 0, 1);
		if (x == 0)
			continue;
		if (lead <= 64 && l >= lead && t >= trail && 64 - lead - trail < 64 - l - t + 12) {
			put_bits(&w, 0, 1);
		} else {
			lead = l;
			trail = t;
			put_bits(&w, 1, 1);
			put_bits(&w, lead, 6);
			put_bits(&w, trail, 6);
		}
		put_bits(&w, x >> trail, 64 - lead - trail);
	}
	put_bits_end(&w);
}

static int
xor_decode(struct reader *r, double *v, size_t n)
{
	struct bit_reader br = {.in = r};
	unsigned lead = 65, trail = 0;
	uint64_t before = 0;
	size_t i;

	for (i = 0; i < n && !r->bad; i++) {
		if (get_bits(&br, 1) != 0) {
			if (get_bits(&br, 1) != 0) {
				lead = (unsigned)get_bits(&br, 6);
				trail = (unsigned)get_bits(&br, 6);
			}
			if (lead + trail >= 64)
				return -EBADMSG;
			before ^= get_bits(&br, 64 - lead - trail) << trail;
		}
		v[i] = double_of(before);
	}
	return r->bad ? -EBADMSG : 0;
}

/* --- HIST --- */

/* Buckets of all histograms of a chunk: as many as records without differences can hold. */
#define HIST_ALL_MAX (CHUNK_BYTES_MAX / 2)

/* Of one side: the buckets of h that have more than those of before. False: before has one that h
 * has not, or a count that their difference does not give back. */
static bool
side_more(struct hist_bucket *more, uint32_t *n_more, const struct hist_bucket *h, uint32_t n,
    const struct hist_bucket *before, uint32_t n_before)
{
	uint32_t k = 0;

	*n_more = 0;
	for (uint32_t i = 0; i < n; i++) {
		double had = 0, d;

		if (k < n_before && before[k].idx == h[i].idx)
			had = before[k++].count;
		d = h[i].count - had;
		if (had + d != h[i].count)
			return false;
		if (d != 0 || had == 0)
			more[(*n_more)++] = (struct hist_bucket){h[i].idx, d};
	}
	return k == n_before;
}

/* What h has more than the histogram before it; more is initialised. False: it does not follow it,
 * or memory is short. */
static bool
hist_more(struct hist *more, const struct hist *h, const struct hist *before)
{
	if (h->schema == HIST_SCHEMA_CUSTOM || h->schema != before->schema
	    || h->reset != before->reset || h->zero_threshold != before->zero_threshold
	    || h->n_pos < before->n_pos || h->n_neg < before->n_neg || hist_copy(more, h) != 0)
		return false;
	more->zero_count = h->zero_count - before->zero_count;
	more->count = h->count - before->count;
	return before->zero_count + more->zero_count == h->zero_count
	       && before->count + more->count == h->count
	       && side_more(more->pos, &more->n_pos, h->pos, h->n_pos, before->pos, before->n_pos)
	       && side_more(more->neg, &more->n_neg, h->neg, h->n_neg, before->neg, before->n_neg);
}

static int
hist_follow(struct hist *h, const struct hist *more, const struct hist *before)
{
	hist_clear(h);
	if (more->schema == HIST_SCHEMA_CUSTOM || more->schema != before->schema
	    || more->reset != before->reset || more->zero_threshold != before->zero_threshold
	    || hist_copy(h, before) != 0 || hist_add(h, more, 1) != 0)
		return -EBADMSG;
	h->sum = more->sum;
	return h->n_pos <= HIST_BUCKETS_MAX && h->n_neg <= HIST_BUCKETS_MAX ? 0 : -EBADMSG;
}

/* h is what was read: it becomes the whole one. */
static int
hist_took(struct hist *h, const struct hist *before)
{
	struct hist more = *h;
	int rc;

	hist_init(h);
	rc = before != NULL ? hist_follow(h, &more, before) : -EBADMSG;
	hist_clear(&more);
	return rc;
}

static void
hist_put(struct buf *out, const struct hist *h, bool is_more)
{
	size_t cap = 256;
	uint8_t *tmp = NULL;
	ptrdiff_t len;

	do {
		cap *= 2;
		free(tmp);
		tmp = malloc(cap);
		len = tmp != NULL ? hist_encode(h, tmp, cap) : -ENOMEM;
	} while (len == -ENOSPC && cap < CHUNK_BYTES_MAX);
	if (len < 0) {
		out->failed = true;
	} else {
		put_varint(out, (uint64_t)len << 1 | !is_more);
		buf_add(out, tmp, (size_t)len);
	}
	free(tmp);
}

static void
hists_encode(struct buf *out, const struct samples *s, size_t from, size_t n)
{
	uint64_t buckets = 0;
	struct hist more;
	size_t i;

	for (i = from; i < from + n; i++) {
		if (s->h[i] != NULL) {
			hist_init(&more);
			if (i > from && s->h[i - 1] != NULL
			    && hist_more(&more, s->h[i], s->h[i - 1]))
				hist_put(out, &more, true);
			else
				hist_put(out, s->h[i], false);
			hist_clear(&more);
			buckets += s->h[i]->n_pos + s->h[i]->n_neg;
			out->failed = out->failed || buckets > HIST_ALL_MAX;
		} else {
			put_varint(out, 0);
			put_le(out, bits_of(s->v[i]), 8);
		}
	}
}

static int
hists_decode(struct reader *r, double *v, struct hist **h, size_t n)
{
	uint64_t buckets = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t tag = get_varint(r);
		const uint8_t *bytes;

		if (tag == 0) {
			v[i] = double_of(get_le(r, 8));
			continue;
		}
		v[i] = 0;
		bytes = get_bytes(r, tag >> 1);
		if (bytes == NULL || (h[i] = malloc(sizeof(*h[i]))) == NULL)
			return -EBADMSG;
		hist_init(h[i]);
		if (hist_decode(h[i], bytes, tag >> 1) != (ptrdiff_t)(tag >> 1)
		    || ((tag & 1) == 0 && hist_took(h[i], i > 0 ? h[i - 1] : NULL) != 0))
			return -EBADMSG;
		buckets += h[i]->n_pos + h[i]->n_neg;
		if (buckets > HIST_ALL_MAX)
			return -EBADMSG;
	}
	return r->bad ? -EBADMSG : 0;
}

/* --- whole chunks --- */

static bool
any_hist(const struct samples *s, size_t from, size_t n)
{
	size_t i;

	for (i = from; s->h != NULL && i < from + n; i++)
		if (s->h[i] != NULL)
			return true;
	return false;
}

/* Values without a declared resolution are decimals more often than not: counts, money,
 * milliseconds. */
static size_t
scale_find(struct scale *sc, double resolution, const double *v, size_t n, int64_t *m)
{
	static const double guesses[] = {1, 0.001, 0.01, 1e-6};
	size_t i, exceptions = SIZE_MAX;

	if (resolution > 0 && isfinite(resolution)) {
		*sc = scale_of(resolution);
		exceptions = decimal_ints(sc, v, n, m, n / 8 + 1);
	}
	for (i = 0; exceptions == SIZE_MAX && i < sizeof(guesses) / sizeof(guesses[0]); i++) {
		*sc = scale_of(guesses[i]);
		exceptions = decimal_ints(sc, v, n, m, n / 32);
	}
	return exceptions;
}

static void
put_scale(struct buf *out, const struct scale *sc)
{
	put_le(out, sc->code, 1);
	if (sc->code > SCALE_TENS)
		put_le(out, bits_of(sc->f), 8);
}

static int
get_scale(struct reader *r, struct scale *sc)
{
	sc->code = (uint8_t)get_le(r, 1);
	if (sc->code <= SCALE_TENS)
		sc->f = tens[sc->code];
	else if (sc->code >= SCALE_DIVIDE)
		sc->f = double_of(get_le(r, 8));
	else
		return -EBADMSG;
	sc->multiply = sc->code == SCALE_MULTIPLY;
	return r->bad || !(sc->f > 0) || isinf(sc->f) ? -EBADMSG : 0;
}

int
chunk_encode(struct buf *out, uint32_t sid, double resolution, const struct samples *s, size_t from,
    size_t n)
{
	struct scale sc = {0, false, 1};
	int64_t m[CHUNK_MAX];
	size_t start = out->len, exceptions = SIZE_MAX;
	enum form form = FORM_HIST;

	if (n == 0 || n > CHUNK_MAX)
		return -E2BIG;
	if (!any_hist(s, from, n)) {
		exceptions = scale_find(&sc, resolution, s->v + from, n, m);
		form = exceptions != SIZE_MAX ? FORM_DECIMAL : FORM_XOR;
	}
	put_le(out, CHUNK_MAGIC, 1);
	put_le(out, form, 1);
	put_varint(out, sid);
	put_varint(out, n);
	put_varint(out, zigzag(s->t[from]));
	put_varint(out, (uint64_t)(s->t[from + n - 1] - s->t[from]));
	if (form == FORM_DECIMAL)
		put_scale(out, &sc);
	stamps_encode(out, s->t + from, n);
	if (form == FORM_DECIMAL)
		decimal_encode(out, &sc, s->v + from, m, n, exceptions);
	else if (form == FORM_XOR)
		xor_encode(out, s->v + from, n);
	else
		hists_encode(out, s, from, n);
	if (!out->failed)
		put_le(out, crc32c(0, out->data + start, out->len - start), 4);
	return out->failed ? -E2BIG : 0;
}

static int
body_decode(struct reader *r, enum form form, struct samples *tmp, int64_t t0, int64_t t1)
{
	struct scale sc;

	if (form == FORM_DECIMAL && get_scale(r, &sc) != 0)
		return -EBADMSG;
	if (stamps_decode(r, tmp->t, tmp->n, t0, t1) != 0)
		return -EBADMSG;
	switch (form) {
	case FORM_DECIMAL: return decimal_decode(r, &sc, tmp->v, tmp->n);
	case FORM_XOR: return xor_decode(r, tmp->v, tmp->n);
	case FORM_HIST:
		tmp->h = calloc(tmp->cap, sizeof(*tmp->h));
		return tmp->h != NULL ? hists_decode(r, tmp->v, tmp->h, tmp->n) : -EBADMSG;
	}
	return -EBADMSG;
}

int
chunk_decode(struct samples *out, uint32_t *sid, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	struct samples tmp = {0};
	uint64_t form, id, n, span;
	struct reader r;
	int64_t t0;
	int rc = -EBADMSG;

	if (len < 12 || len > CHUNK_BYTES_MAX)
		return -EBADMSG;
	r = (struct reader){b + len - 4, b + len, false};
	if (crc32c(0, b, len - 4) != get_le(&r, 4))
		return -EBADMSG;
	r = (struct reader){b, b + len - 4, false};
	if (get_le(&r, 1) != CHUNK_MAGIC)
		return -EBADMSG;
	form = get_le(&r, 1);
	id = get_varint(&r);
	n = get_varint(&r);
	t0 = unzigzag(get_varint(&r));
	span = get_varint(&r);
	if (r.bad || id > UINT32_MAX || n == 0 || n > CHUNK_MAX || t0 < 0 || t0 > CHUNK_STAMP_MAX
	    || span > CHUNK_STAMP_MAX)
		return -EBADMSG;
	samples_reserve(&tmp, n);
	tmp.n = n;
	rc = body_decode(&r, (enum form)form, &tmp, t0, t0 + (int64_t)span);
	if (rc == 0 && r.p == r.end) {
		samples_take(out, &tmp, 0, n);
		if (sid != NULL)
			*sid = (uint32_t)id;
	} else {
		rc = -EBADMSG;
	}
	samples_clear(&tmp);
	return rc;
}
