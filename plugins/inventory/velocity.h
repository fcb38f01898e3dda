/*
 * velocity.h - how fast each key sells, how far behind a system usually is, and what follows: the
 * units that will be sold there and not delivered.
 *
 * DESIGN. A key's rate is the sum of what was sold of it, each weighing e times less for each
 * `window` that it lies back, over what those weights come to since sales are known. Weights grow
 * with time instead of sums that shrink (forward decay: Cormode, Shkapenyuk, Srivastava, Xu, ICDE
 * 2009), so a sale that comes late, or is history, counts as if it had come in time, and a key that
 * does not sell costs nothing.
 *
 * Ceilings: VELOCITY_KEYS_MAX keys that sold; a new one beyond it throws out the slower half.
 *
 *     saved, a shard of the keys (by their hash) each, VELOCITY_SHARD_BYTES at most:
 *     version u32, shards u32, landmark_ms i64, first_ms i64, n x { len u16, units f32, key }
 *
 * Where not all fit the fastest are kept. All numbers as the machine has them: state never moves
 * between machines.
 *
 * Runs in: whoever holds the host's lock; nothing blocks. About 100 ns a sale.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_VELOCITY_H
#define INVENTORY_VELOCITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugins/inventory/table.h"

#define VELOCITY_KEYS_MAX 200000
#define VELOCITY_SHARDS 48
#define VELOCITY_SHARD_BYTES (64 * 1024) /* together 3 of the 4 MiB that a probe may keep */

struct sold {
	double units;                 /* weighed */
	uint32_t row;                 /* of the comparer's table; ROW_NONE = not looked up */
	uint8_t shard;
};
struct velocity {
	struct table *keys;           /* its rows are the places in `at` */
	struct sold *at;
	uint32_t cap;
	double window_ms;
	int64_t landmark_ms;          /* a sale of then weighs 1 */
	int64_t first_ms;             /* of the first sale; 0 = none yet */
	uint64_t n_forgotten;         /* keys that had no room */
};

int velocity_init(struct velocity *v, int64_t window_ms); /* 0 or -ENOMEM */
void velocity_clear(struct velocity *v);
uint32_t velocity_keys(const struct velocity *v);
/* time_ms 0, or later than now: now. False: no sale (units are none), or no memory. */
bool velocity_sold(struct velocity *v, const char *key, size_t len, double units, int64_t time_ms,
    int64_t now_ms);
/* What a unit of weight is now, in units a second; the rate of i is at[i].units times it. */
double velocity_unit(const struct velocity *v, int64_t now_ms);
double velocity_rate(const struct velocity *v, const char *key, size_t len, int64_t now_ms);

/* One shard, its fastest keys, into dst. How many bytes; 0: it has none. */
size_t velocity_save(const struct velocity *v, uint8_t shard, void *dst, size_t cap);
/* Adds what was saved. 0, -EINVAL (damaged: nothing was taken), -ENOMEM. */
int velocity_restore(struct velocity *v, const void *src, size_t len);

/*
 * E[(D - q)+] for D ~ Poisson(mean): so many more than q are wanted, on average.
 *
 *   = sum over k > q of (k - q) p(k)
 *   = mean P(D >= q) - q P(D >= q + 1), since k p(k) = mean p(k - 1)
 *   = mean - q + sum over k < q of (q - k) p(k)
 *
 * The first sum where q is above the mean, the last below it: all terms have one sign, so the
 * result is right to about 1e-9 of itself however small it is.
 */
double velocity_excess(double mean, uint64_t q);

/* ---- how far behind: the newest hours of what was observed, in steps of a fifth ---- */

#define LAGS_BUCKETS 128              /* a quarter of a power of two each: 1 ms to 49 days */
#define LAGS_HALF_MS (3 * 3600 * 1000)
#define LAGS_MIN 20                   /* observations; with fewer nothing can be told */

struct lags {                         /* clean when zeroed */
	uint32_t n[2][LAGS_BUCKETS];  /* the half that is filled, and the one before it */
	int64_t began_ms;
};
void lags_add(struct lags *l, int64_t ms, int64_t now_ms);
/* Their 95th percentile, rounded up to its step. -1: too few. */
int64_t lags_p95_ms(struct lags *l, int64_t now_ms);

#endif
