/*
 * velocity.c - see velocity.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/velocity.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define VERSION 1u
#define HEAD 24
#define ENTRY 6                       /* before the key */
#define POWER_MAX 30                  /* of e: then weights are brought back to 1 */
#define KNOWN_MIN_MS 3600000.0        /* rates of less than an hour are guesses */
#define UNITS_MAX 1e6                 /* of one sale: more is a mistake of the shop's */
#define SAVED_MAX 1e30                /* weighed units that are saved */

/* ---- keys ---- */

int
velocity_init(struct velocity *v, int64_t window_ms)
{
	*v = (struct velocity){.window_ms = (double)window_ms, .keys = table_new(0, 0)};
	return v->keys != NULL ? 0 : -ENOMEM;
}

void
velocity_clear(struct velocity *v)
{
	table_free(v->keys);
	free(v->at);
	*v = (struct velocity){0};
}

uint32_t
velocity_keys(const struct velocity *v)
{
	return v->keys != NULL ? table_rows(v->keys) : 0;
}

/* Its place in `at`, made when it has none. NULL: no memory. */
static struct sold *
place_of(struct velocity *v, const char *key, size_t len)
{
	uint32_t n = table_rows(v->keys), cap = v->cap + v->cap / 2 + 64, i;
	struct sold *grown;

	if (n == v->cap) {
		if ((grown = reallocarray(v->at, cap, sizeof(*grown))) == NULL)
			return NULL;
		v->at = grown;
		v->cap = cap;
	}
	if ((i = table_add(v->keys, key, len)) == ROW_NONE)
		return NULL;
	if (i == n)
		v->at[i] = (struct sold){.row = ROW_NONE,
		    .shard = (uint8_t)(XXH3_64bits(key, len) % VELOCITY_SHARDS)};
	return &v->at[i];
}

static int
by_units(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The slower half goes. */
static int
make_room(struct velocity *v)
{
	struct velocity kept = *v;
	uint32_t n = table_rows(v->keys);
	double *units = malloc(n * sizeof(*units)), middle;

	if (units == NULL || (kept.keys = table_new(0, 0)) == NULL) {
		free(units);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		units[i] = v->at[i].units;
	qsort(units, n, sizeof(*units), by_units);
	middle = units[n / 2];
	free(units);
	kept.at = NULL;
	kept.cap = 0;
	for (uint32_t i = 0; i < n; i++) {
		const char *key = table_key(v->keys, i);
		struct sold *s;

		if (v->at[i].units < middle || table_rows(kept.keys) > n / 2)
			kept.n_forgotten++;
		else if ((s = place_of(&kept, key, strlen(key))) != NULL)
			*s = v->at[i];
	}
	table_free(v->keys);
	free(v->at);
	*v = kept;
	return 0;
}

/* ---- sales ---- */

static void
move_landmark(struct velocity *v, int64_t to_ms)
{
	double by = exp(-(double)(to_ms - v->landmark_ms) / v->window_ms);

	for (uint32_t i = 0; i < table_rows(v->keys); i++)
		v->at[i].units *= by;
	v->landmark_ms = to_ms;
}

bool
velocity_sold(struct velocity *v, const char *key, size_t len, double units, int64_t time_ms,
    int64_t now_ms)
{
	struct sold *s;

	if (!(units > 0) || len == 0 || len > TABLE_KEY_MAX)
		return false;
	if (time_ms <= 0 || time_ms > now_ms)
		time_ms = now_ms;
	if (v->landmark_ms == 0)
		v->landmark_ms = time_ms;
	if ((double)(time_ms - v->landmark_ms) / v->window_ms > POWER_MAX)
		move_landmark(v, time_ms);
	if (table_rows(v->keys) >= VELOCITY_KEYS_MAX && table_find(v->keys, key, len) == ROW_NONE
	    && make_room(v) != 0)
		return false;
	if ((s = place_of(v, key, len)) == NULL)
		return false;
	s->units += fmin(units, UNITS_MAX)
	    * exp((double)(time_ms - v->landmark_ms) / v->window_ms);
	if (v->first_ms == 0 || time_ms < v->first_ms)
		v->first_ms = time_ms;
	return true;
}

double
velocity_unit(const struct velocity *v, int64_t now_ms)
{
	double known_ms = fmax((double)(now_ms - v->first_ms), KNOWN_MIN_MS);

	if (v->first_ms == 0)
		return 0;
	return exp(-(double)(now_ms - v->landmark_ms) / v->window_ms)
	    / (-expm1(-known_ms / v->window_ms) * v->window_ms / 1e3);
}

double
velocity_rate(const struct velocity *v, const char *key, size_t len, int64_t now_ms)
{
	uint32_t i = v->keys != NULL ? table_find(v->keys, key, len) : ROW_NONE;

	return i != ROW_NONE ? v->at[i].units * velocity_unit(v, now_ms) : 0;
}

/* ---- saved ---- */

struct candidate { double units; uint32_t i; };

static int
fastest_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->units != y->units)
		return x->units > y->units ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

size_t
velocity_save(const struct velocity *v, uint8_t shard, void *dst, size_t cap)
{
	const uint32_t head[2] = {VERSION, VELOCITY_SHARDS};
	struct candidate *list = malloc((size_t)(velocity_keys(v) + 1) * sizeof(*list));
	unsigned char *to = dst;
	size_t n = 0, used = HEAD;

	if (list == NULL || cap < HEAD) {
		free(list);
		return 0;
	}
	for (uint32_t i = 0; i < velocity_keys(v); i++)
		if (v->at[i].shard == shard)
			list[n++] = (struct candidate){v->at[i].units, i};
	qsort(list, n, sizeof(*list), fastest_first);
	memcpy(to, head, 8);
	memcpy(to + 8, &v->landmark_ms, 8);
	memcpy(to + 16, &v->first_ms, 8);
	for (size_t i = 0; i < n; i++) {
		const char *key = table_key(v->keys, list[i].i);
		uint16_t len = (uint16_t)strlen(key);
		float units = (float)fmin(list[i].units, SAVED_MAX);

		if (cap - used < ENTRY + (size_t)len)
			break;
		memcpy(to + used, &len, 2);
		memcpy(to + used + 2, &units, 4);
		memcpy(to + used + ENTRY, key, len);
		used += ENTRY + (size_t)len;
	}
	free(list);
	return n > 0 ? used : 0;
}

/* Is it whole? Then it can be taken without a second look. */
static bool
is_sound(const unsigned char *from, size_t len)
{
	int64_t times[2];
	uint32_t head[2];
	uint16_t key;
	float units;

	if (len < HEAD || len > VELOCITY_SHARD_BYTES)
		return false;
	memcpy(head, from, 8);
	memcpy(times, from + 8, 16);
	if (head[0] != VERSION || head[1] != VELOCITY_SHARDS || times[0] <= 0 || times[1] <= 0
	    || times[0] > INT64_MAX / 4 || times[1] > INT64_MAX / 4)
		return false;
	for (size_t at = HEAD; at < len; at += ENTRY + (size_t)key) {
		if (len - at < ENTRY)
			return false;
		memcpy(&key, from + at, 2);
		memcpy(&units, from + at + 2, 4);
		if (key == 0 || key > TABLE_KEY_MAX || len - at - ENTRY < key || !(units >= 0)
		    || (double)units > 2 * SAVED_MAX
		    || memchr(from + at + ENTRY, '\0', key) != NULL)
			return false;
	}
	return true;
}

int
velocity_restore(struct velocity *v, const void *src, size_t len)
{
	const unsigned char *from = src;
	int64_t landmark_ms, first_ms;
	uint16_t key;
	float units;
	double by;

	if (!is_sound(from, len))
		return -EINVAL;
	memcpy(&landmark_ms, from + 8, 8);
	memcpy(&first_ms, from + 16, 8);
	if (v->landmark_ms == 0)
		v->landmark_ms = landmark_ms;
	by = exp((double)(landmark_ms - v->landmark_ms) / v->window_ms);
	if (!isfinite(by))
		return -EINVAL;
	if (v->first_ms == 0 || first_ms < v->first_ms)
		v->first_ms = first_ms;
	for (size_t at = HEAD; at < len; at += ENTRY + (size_t)key) {
		struct sold *s = NULL;

		memcpy(&key, from + at, 2);
		memcpy(&units, from + at + 2, 4);
		if (table_rows(v->keys) < VELOCITY_KEYS_MAX)
			s = place_of(v, (const char *)from + at + ENTRY, key);
		if (s == NULL)
			return -ENOMEM;
		s->units += (double)units * by;
	}
	return 0;
}

/* ---- what is wanted and not there ---- */

double
velocity_excess(double mean, uint64_t q)
{
	double n = (double)q, sum = 0, p, k;
	int sign;

	if (!(mean > 0))
		return 0;
	if (n > mean + 40 + 12 * sqrt(mean))
		return 0; /* below 1e-30 */
	if (n >= mean) {
		k = n + 1;
		p = exp(k * log(mean) - mean - lgamma_r(k + 1, &sign));
		for (; p * (k - n) > sum * 1e-17 && p > 0; p *= mean / ++k)
			sum += p * (k - n);
		return sum;
	}
	k = n - 1;
	p = k >= 0 ? exp(k * log(mean) - mean - lgamma_r(k + 1, &sign)) : 0;
	for (; k >= 0 && p * (n - k) > sum * 1e-17; p *= k-- / mean)
		sum += p * (n - k);
	return mean - n + sum;
}

/* ---- lags ---- */

static void
turn(struct lags *l, int64_t now_ms)
{
	if (now_ms - l->began_ms < LAGS_HALF_MS)
		return;
	memcpy(l->n[1], l->n[0], sizeof(l->n[1]));
	if (now_ms - l->began_ms >= 2 * (int64_t)LAGS_HALF_MS)
		memset(l->n[1], 0, sizeof(l->n[1]));
	memset(l->n[0], 0, sizeof(l->n[0]));
	l->began_ms = now_ms;
}

void
lags_add(struct lags *l, int64_t ms, int64_t now_ms)
{
	double i = ms > 1 ? ceil(4 * log2((double)ms)) : 0;

	turn(l, now_ms);
	l->n[0][i < LAGS_BUCKETS ? (int)i : LAGS_BUCKETS - 1]++;
}

int64_t
lags_p95_ms(struct lags *l, int64_t now_ms)
{
	uint64_t n = 0, rank, seen = 0;

	turn(l, now_ms);
	for (int i = 0; i < LAGS_BUCKETS; i++)
		n += l->n[0][i] + l->n[1][i];
	if (n < LAGS_MIN)
		return -1;
	rank = (n * 95 + 99) / 100;
	for (int i = 0; i < LAGS_BUCKETS; i++)
		if ((seen += l->n[0][i] + l->n[1][i]) >= rank)
			return llround(exp2(i / 4.0));
	return -1;
}
