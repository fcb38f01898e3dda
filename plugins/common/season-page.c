/*
 * season-page.c - the days of a season: what happened in each bucket, sums over many of them, and
 * their blobs. See season.h.
 *
 * A sum over buckets is the difference of two running sums, which are made as far as somebody asks
 * and made again from where something late came in: events arrive at the end of a day, so each
 * bucket is summed once or twice.
 *
 *   blob: version | flags | bucket_min | day | watching | counts | good | values | crc32c (4 B)
 *         watching: lengths of runs, unwatched first; counts: n > 0, or 0 and how many zeros
 *         numbers: LEB128; values: of buckets that have events, zigzag
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crc32c.h"
#include "plugins/common/season-internal.h"

#define VERSION 1
#define MS_PER_MIN 60000
#define DAY_MAX 40000000 /* further than any date we meet */
#define VALUE_MAX 1e12   /* of one bucket */

/* ---- pages ---- */

static size_t
slot_of(const struct season *s, int64_t day)
{
	return (size_t)(day - season_floor(day, s->n_slots) * s->n_slots);
}

struct season_page *
season_page_at(const struct season *s, int64_t day)
{
	struct season_page *p = s->slot[slot_of(s, day)];

	return p != NULL && p->day == day ? p : NULL;
}

static struct season_page *
page_new(const struct season *s, int64_t day)
{
	size_t n = (size_t)s->per_day, kinds = s->opts.has_good ? 2 : 1,
	       counts = kinds * (2 * n + 1), pad = counts % 2;
	struct season_page *p;

	p = calloc(1, sizeof(*p) + (counts + pad) * sizeof(*p->room)
			  + (s->opts.has_value ? n * sizeof(*p->value) : 0));
	if (p == NULL)
		return NULL;
	p->day = day;
	for (size_t k = 0; k < kinds; k++) {
		p->count[k] = p->room + k * (2 * n + 1);
		p->sum[k] = p->count[k] + n;
	}
	if (s->opts.has_value)
		p->value = (int64_t *)(void *)(p->room + counts + pad);
	return p;
}

static bool
is_kept(const struct season *s, int64_t day)
{
	int64_t today = season_floor(s->now, s->per_day);

	return day <= today && day > today - s->n_slots;
}

struct season_page *
season_page_make(struct season *s, int64_t day, int *rc)
{
	struct season_page *p = season_page_at(s, day), **slot = &s->slot[slot_of(s, day)];

	*rc = 0;
	if (p != NULL)
		return p;
	if (!is_kept(s, day)) {
		*rc = -ERANGE;
		return NULL;
	}
	p = page_new(s, day);
	if (p == NULL) {
		*rc = -ENOMEM;
		return NULL;
	}
	free(*slot);
	return *slot = p;
}

int
season_add(struct season *s, int64_t time_ms, uint32_t count, uint32_t good, double value)
{
	int64_t bucket = season_floor(time_ms, (int64_t)s->opts.bucket_min * MS_PER_MIN),
		day = season_floor(bucket, s->per_day);
	int i = (int)(bucket - day * s->per_day), rc;
	struct season_page *p;
	double worth;

	if ((good > count && !s->opts.is_open) || (good > 0 && !s->opts.has_good)
	    || !isfinite(value))
		return -EINVAL;
	if (bucket > s->now)
		return -ERANGE;
	p = season_page_make(s, day, &rc);
	if (p == NULL)
		return rc;
	/* The sum of a day must stay below 2^32: no bucket may take more than its part. */
	if (count > UINT32_MAX / (uint32_t)s->per_day - p->count[0][i]
	    || (good > 0 && good > UINT32_MAX / (uint32_t)s->per_day - p->count[1][i]))
		return -EOVERFLOW;
	if (s->opts.has_value) {
		worth = (double)p->value[i] / 1000 + value;
		if (fabs(worth) > VALUE_MAX)
			return -EINVAL;
		p->value[i] = llround(worth * 1000);
	}
	p->count[0][i] += count;
	if (s->opts.has_good)
		p->count[1][i] += good;
	for (int k = 0; k < 2; k++)
		p->summed[k] = p->summed[k] < i ? p->summed[k] : i;
	p->is_dirty = true;
	if (bucket < s->learnt_from)
		s->learnt_until = INT64_MIN;
	return 0;
}

int
season_covered(struct season *s, int64_t from_ms, int64_t until_ms)
{
	int64_t size = (int64_t)s->opts.bucket_min * MS_PER_MIN, first, last, oldest;
	struct season_page *p;
	int i, rc;

	last = season_floor(until_ms, size);
	last = last < s->now ? last : s->now;
	first = -season_floor(-from_ms, size);
	oldest = (season_floor(s->now, s->per_day) - s->n_slots + 1) * s->per_day;
	for (first = first > oldest ? first : oldest; first < last; first++) {
		p = season_page_make(s, season_floor(first, s->per_day), &rc);
		if (p == NULL)
			return rc;
		i = (int)(first - p->day * s->per_day);
		if (p->watched[i / 64] >> (i % 64) & 1)
			continue;
		p->watched[i / 64] |= UINT64_C(1) << (i % 64);
		p->is_dirty = true;
		if (first < s->learnt_from)
			s->learnt_until = INT64_MIN;
	}
	return 0;
}

/* ---- sums ---- */

/* Watched buckets in [from, until) of the page. */
static int
page_watched(const struct season_page *p, int from, int until)
{
	int n = 0;

	for (int w = from / 64; w * 64 < until; w++) {
		uint64_t bits = p->watched[w];

		if (w * 64 < from)
			bits &= UINT64_MAX << (from % 64);
		if (until < w * 64 + 64)
			bits &= (UINT64_C(1) << (until % 64)) - 1;
		n += __builtin_popcountll(bits);
	}
	return n;
}

static uint64_t
page_sum(struct season_page *p, int kind, int from, int until)
{
	uint32_t *sum = p->sum[kind];

	for (int i = p->summed[kind]; i < until; i++)
		sum[i + 1] = sum[i] + p->count[kind][i];
	if (p->summed[kind] < until)
		p->summed[kind] = until;
	return sum[until] - sum[from];
}

static void
page_tally(
    const struct season *s, struct season_page *p, int from, int until, struct season_tally *t)
{
	int n = page_watched(p, from, until);

	t->watched += n;
	if (n == until - from) {
		t->count += page_sum(p, 0, from, until);
		if (s->opts.has_good)
			t->good += page_sum(p, 1, from, until);
		return;
	}
	for (int i = from; n > 0 && i < until; i++) {
		if (!(p->watched[i / 64] >> (i % 64) & 1))
			continue;
		t->count += p->count[0][i];
		if (s->opts.has_good)
			t->good += p->count[1][i];
	}
}

void
season_sum(const struct season *s, int64_t from, int64_t until, struct season_tally *t)
{
	while (from < until) {
		int64_t day = season_floor(from, s->per_day), start = day * s->per_day,
			end = start + s->per_day < until ? start + s->per_day : until;
		struct season_page *p = season_page_at(s, day);

		if (p != NULL)
			page_tally(s, p, (int)(from - start), (int)(end - start), t);
		from = end;
	}
}

double
season_worth(const struct season *s, int64_t from, int64_t until, uint64_t *count)
{
	double sum = 0;

	for (; from < until; from++) {
		int64_t day = season_floor(from, s->per_day);
		const struct season_page *p = season_page_at(s, day);
		int i = (int)(from - day * s->per_day);

		if (p == NULL || p->value == NULL || !(p->watched[i / 64] >> (i % 64) & 1))
			continue;
		sum += (double)p->value[i] / 1000;
		*count += p->count[0][i];
	}
	return sum;
}

struct season_total
season_total(const struct season *s, int64_t from_ms, int64_t until_ms)
{
	int64_t size = (int64_t)s->opts.bucket_min * MS_PER_MIN, at = season_floor(from_ms, size),
		until = season_floor(until_ms, size);
	struct season_total t = {0, 0, 0};

	for (; at < until; at++) {
		int64_t day = season_floor(at, s->per_day);
		const struct season_page *p = season_page_at(s, day);
		int i = (int)(at - day * s->per_day);

		if (p == NULL)
			continue;
		t.count += p->count[0][i];
		t.good += s->opts.has_good ? p->count[1][i] : 0;
		t.value += s->opts.has_value ? (double)p->value[i] / 1000 : 0;
	}
	return t;
}

/* The first bucket in [from, until) that is watched (or is not). */
static int64_t
find(const struct season *s, int64_t from, int64_t until, bool is_watched)
{
	while (from < until) {
		int64_t day = season_floor(from, s->per_day), next;
		const struct season_page *p = season_page_at(s, day);
		int i = (int)(from - day * s->per_day);
		uint64_t bits = p != NULL ? p->watched[i / 64] : 0;

		bits = (is_watched ? bits : ~bits) >> (i % 64);
		if (bits != 0) {
			next = from + __builtin_ctzll(bits);
			if (next < (day + 1) * s->per_day)
				return next < until ? next : until;
		}
		next = from + 64 - i % 64;
		from = next < (day + 1) * s->per_day ? next : (day + 1) * s->per_day;
	}
	return until;
}

int64_t
season_run(const struct season *s, int64_t from, int64_t until, int64_t *end)
{
	from = find(s, from, until, true);
	*end = find(s, from, until, false);
	return from;
}

/* ---- blobs ---- */

struct out {
	uint8_t *at, *end;
	bool is_full;
};

static void
put(struct out *o, uint64_t v)
{
	do {
		if (o->at == o->end) {
			o->is_full = true;
			return;
		}
		*o->at++ = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
		v >>= 7;
	} while (v > 0);
}

static void
put_watched(struct out *o, const struct season_page *p, int n)
{
	bool on = false;
	int run = 0;

	for (int i = 0; i < n; i++) {
		if ((p->watched[i / 64] >> (i % 64) & 1) != on) {
			put(o, (uint64_t)run);
			on = !on;
			run = 0;
		}
		run++;
	}
	put(o, (uint64_t)run);
}

static void
put_counts(struct out *o, const uint32_t *count, int n)
{
	for (int i = 0, zeros; i < n; i++) {
		put(o, count[i]);
		if (count[i] > 0)
			continue;
		for (zeros = 1; i + 1 < n && count[i + 1] == 0; i++)
			zeros++;
		put(o, (uint64_t)zeros);
	}
}

static unsigned
flags_of(const struct season *s)
{
	return (s->opts.has_good ? 1u : 0) | (s->opts.has_value ? 2u : 0)
	       | (s->opts.is_open ? 4u : 0);
}

static bool
has_events(const struct season *s, const struct season_page *p, int i)
{
	return p->count[0][i] > 0 || (s->opts.has_good && p->count[1][i] > 0);
}

static int
save_page(const struct season *s, const struct season_page *p, uint8_t *blob, size_t size)
{
	struct out o = {blob, blob + size, false};
	uint32_t crc;

	put(&o, VERSION);
	put(&o, flags_of(s));
	put(&o, (uint64_t)s->opts.bucket_min);
	put(&o, (uint64_t)(p->day + DAY_MAX));
	put_watched(&o, p, s->per_day);
	put_counts(&o, p->count[0], s->per_day);
	if (s->opts.has_good)
		put_counts(&o, p->count[1], s->per_day);
	for (int i = 0; s->opts.has_value && i < s->per_day; i++)
		if (has_events(s, p, i))
			put(&o, (uint64_t)p->value[i] << 1 ^ (p->value[i] < 0 ? UINT64_MAX : 0));
	if (o.is_full || o.end - o.at < 4)
		return -ENOSPC;
	crc = crc32c(0, blob, (size_t)(o.at - blob));
	for (int i = 0; i < 4; i++)
		*o.at++ = (uint8_t)(crc >> 8 * i);
	return (int)(o.at - blob);
}

int
season_save(struct season *s, int *slot, void *blob, size_t size)
{
	for (; *slot < s->n_slots; ++*slot) {
		struct season_page *p = s->slot[*slot];
		int len;

		if (p == NULL || !p->is_dirty)
			continue;
		len = save_page(s, p, blob, size);
		if (len > 0)
			p->is_dirty = false;
		return len;
	}
	return 0;
}

struct in {
	const uint8_t *at, *end;
	bool is_bad;
};

static uint64_t
take(struct in *in, uint64_t most)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 63; shift += 7) {
		uint8_t b;

		if (in->at == in->end)
			break;
		b = *in->at++;
		v |= (uint64_t)(b & 127) << shift;
		if (b < 128) {
			in->is_bad |= v > most;
			return v > most ? 0 : v;
		}
	}
	in->is_bad = true;
	return 0;
}

static void
take_watched(struct in *in, struct season_page *p, int n)
{
	bool on = false;

	for (int i = 0; i < n && !in->is_bad; on = !on) {
		int run = (int)take(in, (uint64_t)(n - i));

		in->is_bad |= run == 0 && i > 0;
		for (; run > 0; run--, i++)
			p->watched[i / 64] |= (uint64_t)on << (i % 64);
	}
}

static void
take_counts(struct in *in, uint32_t *count, int n)
{
	for (int i = 0; i < n && !in->is_bad; i++) {
		uint64_t zeros;

		count[i] = (uint32_t)take(in, UINT32_MAX / (uint32_t)n);
		if (count[i] > 0 || in->is_bad)
			continue;
		zeros = take(in, (uint64_t)(n - i));
		in->is_bad |= zeros == 0;
		i += zeros > 0 ? (int)zeros - 1 : 0;
	}
}

static void
take_page(struct in *in, const struct season *s, struct season_page *p)
{
	uint64_t v;

	take_watched(in, p, s->per_day);
	take_counts(in, p->count[0], s->per_day);
	if (s->opts.has_good)
		take_counts(in, p->count[1], s->per_day);
	for (int i = 0; i < s->per_day && !in->is_bad; i++) {
		in->is_bad |= s->opts.has_good && !s->opts.is_open
			      && p->count[1][i] > p->count[0][i];
		if (!s->opts.has_value || !has_events(s, p, i))
			continue;
		v = take(in, (uint64_t)(2 * VALUE_MAX * 1000) + 1);
		p->value[i] = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
	}
	in->is_bad |= in->at != in->end;
}

int
season_load(struct season *s, const void *blob, size_t len)
{
	struct in in = {blob, (const uint8_t *)blob + len, false};
	struct season_page *p, **slot;
	uint32_t crc = 0;
	int64_t day;

	if (len < 8 || len > SEASON_BLOB_MAX)
		return -EBADMSG;
	in.end -= 4;
	for (int i = 0; i < 4; i++)
		crc |= (uint32_t)in.end[i] << 8 * i;
	if (crc != crc32c(0, blob, len - 4))
		return -EBADMSG;
	if (take(&in, 127) != VERSION || take(&in, 127) != flags_of(s)
	    || take(&in, 127) != (uint64_t)s->opts.bucket_min)
		return -EINVAL;
	day = (int64_t)take(&in, 2 * (uint64_t)DAY_MAX) - DAY_MAX;
	if (in.is_bad)
		return -EBADMSG;
	if (!is_kept(s, day))
		return -ERANGE;
	p = page_new(s, day);
	if (p == NULL)
		return -ENOMEM;
	take_page(&in, s, p);
	if (in.is_bad) {
		free(p);
		return -EBADMSG;
	}
	slot = &s->slot[slot_of(s, day)];
	free(*slot);
	*slot = p;
	s->learnt_until = INT64_MIN;
	return 0;
}
