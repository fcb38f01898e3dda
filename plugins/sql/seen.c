/*
 * seen.c - what was handed on: everything up to a floor, and above it the rows whose ids are
 * remembered. See sql.h.
 *
 * Bytes: "TWSQ", n, floor, base, newest (8 each), then n of hash (8) and ms above base (4), in the
 * machine's order: state never leaves it. The last 8 bytes of the header are a check of the rest.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "plugins/sql/sql.h"

#define MAGIC 0x51535754u
#define SLOTS (SQL_SEEN_MAX * 4)
#define HEADER 40
#define ID 12

void
sql_seen_init(struct sql_seen *s, int64_t from_ms)
{
	memset(s, 0, sizeof(*s));
	s->floor_ms = s->base_ms = from_ms;
}

/* The slot that holds the hash, or the free one where it belongs. */
static uint32_t
slot(const struct sql_seen *s, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & (SLOTS - 1);

	while (s->at[at] != 0 && s->ids[s->at[at] - 1].hash != hash)
		at = (at + 1) & (SLOTS - 1);
	return at;
}

bool
sql_seen_has(const struct sql_seen *s, uint64_t hash)
{
	return s->at[slot(s, hash)] != 0;
}

static void
index_again(struct sql_seen *s)
{
	memset(s->at, 0, sizeof(s->at));
	for (uint32_t i = 0; i < s->n; i++)
		s->at[slot(s, s->ids[i].hash)] = (uint16_t)(i + 1);
}

static void
forget(struct sql_seen *s, int64_t up_to_ms)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->ids[i].ms > up_to_ms)
			s->ids[k++] = s->ids[i];
	if (up_to_ms > s->base_ms)
		s->base_ms = up_to_ms;
	if (k == s->n)
		return;
	s->n = k;
	index_again(s);
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = ((const struct sql_seen_id *)a)->ms, y = ((const struct sql_seen_id *)b)->ms;

	return (x > y) - (x < y);
}

/* A quarter of the ids, the oldest ones, go; what is as old counts as handed on. */
static void
make_room(struct sql_seen *s)
{
	uint32_t before = s->n;

	qsort(s->ids, s->n, sizeof(s->ids[0]), by_time);
	forget(s, s->ids[s->n / 4].ms);
	s->n_forgotten += before - s->n;
	index_again(s);
	if (s->base_ms > s->floor_ms)
		s->floor_ms = s->base_ms;
}

void
sql_seen_add(struct sql_seen *s, uint64_t hash, int64_t ms)
{
	uint32_t at;

	if (ms <= s->base_ms || sql_seen_has(s, hash))
		return;
	if (s->n == SQL_SEEN_MAX)
		make_room(s);
	at = slot(s, hash);
	s->ids[s->n++] = (struct sql_seen_id){hash, ms};
	s->at[at] = (uint16_t)s->n;
}

void
sql_seen_advance(struct sql_seen *s, int64_t newest_ms, int64_t overlap_ms, int64_t keep_ms)
{
	if (newest_ms > s->newest_ms)
		s->newest_ms = newest_ms;
	if (s->newest_ms > 0 && s->newest_ms - overlap_ms > s->floor_ms)
		s->floor_ms = s->newest_ms - overlap_ms;
	forget(s, keep_ms < s->floor_ms ? keep_ms : s->floor_ms);
}

static uint64_t
check(const unsigned char *bytes, size_t len)
{
	return XXH3_64bits_withSeed(bytes + HEADER, len - HEADER, XXH3_64bits(bytes, HEADER - 8));
}

size_t
sql_seen_save(const struct sql_seen *s, unsigned char dst[SQL_SEEN_BYTES])
{
	uint32_t magic = MAGIC;
	size_t len = HEADER + (size_t)s->n * ID;
	uint64_t sum;

	memcpy(dst, &magic, 4);
	memcpy(dst + 4, &s->n, 4);
	memcpy(dst + 8, &s->floor_ms, 8);
	memcpy(dst + 16, &s->base_ms, 8);
	memcpy(dst + 24, &s->newest_ms, 8);
	for (uint32_t i = 0; i < s->n; i++) {
		int64_t above = s->ids[i].ms - s->base_ms;
		uint32_t ms = above > UINT32_MAX ? UINT32_MAX : (uint32_t)above;

		memcpy(dst + HEADER + i * ID, &s->ids[i].hash, 8);
		memcpy(dst + HEADER + i * ID + 8, &ms, 4);
	}
	sum = check(dst, len);
	memcpy(dst + 32, &sum, 8);
	return len;
}

bool
sql_seen_load(struct sql_seen *s, const void *src, size_t len)
{
	const unsigned char *b = src;
	uint32_t magic, n;
	uint64_t sum;

	if (len < HEADER)
		return false;
	memcpy(&magic, b, 4);
	memcpy(&n, b + 4, 4);
	memcpy(&sum, b + 32, 8);
	if (magic != MAGIC || n > SQL_SEEN_MAX || len != HEADER + (size_t)n * ID
	    || sum != check(b, len))
		return false;
	memset(s, 0, sizeof(*s));
	memcpy(&s->floor_ms, b + 8, 8);
	memcpy(&s->base_ms, b + 16, 8);
	memcpy(&s->newest_ms, b + 24, 8);
	s->n = n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t ms;

		memcpy(&s->ids[i].hash, b + HEADER + i * ID, 8);
		memcpy(&ms, b + HEADER + i * ID + 8, 4);
		s->ids[i].ms = s->base_ms + ms;
	}
	index_again(s);
	return true;
}
