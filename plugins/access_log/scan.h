/*
 * scan.h - bytes looked at sixteen at once: where one stands, and what digits say. A line has a
 * dozen values of a few bytes each: a loop over bytes is guessed wrong by the processor at the end
 * of nearly every one, which costs more than the bytes do.
 *
 * All of it may read (never use) LOG_PAD bytes behind the end that it is given.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_ACCESS_LOG_SCAN_H
#define PLUGINS_ACCESS_LOG_SCAN_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "plugins/access_log/log.h"

#define SCAN_BLOCK 16

#ifdef __SSE2__
typedef __m128i scan_block;

static inline scan_block
scan_load(const char *s)
{
	return _mm_loadu_si128((const __m128i *)(const void *)s);
}

/* Which bytes of a are those of b: a bit each, the lowest is the first. */
static inline unsigned
scan_equal(scan_block a, scan_block b)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
}

/* Is one of the 64 bytes at s one of what? */
static inline bool
scan_any(const char *s, scan_block what)
{
	scan_block a = _mm_cmpeq_epi8(scan_load(s), what);
	scan_block b = _mm_cmpeq_epi8(scan_load(s + 16), what);
	scan_block c = _mm_cmpeq_epi8(scan_load(s + 32), what);
	scan_block d = _mm_cmpeq_epi8(scan_load(s + 48), what);

	return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) != 0;
}
#else
typedef struct { char bytes[SCAN_BLOCK]; } scan_block;

static inline scan_block
scan_load(const char *s)
{
	scan_block b;

	memcpy(&b, s, sizeof(b));
	return b;
}

static inline unsigned
scan_equal(scan_block a, scan_block b)
{
	unsigned found = 0;

	for (unsigned i = 0; i < SCAN_BLOCK; i++)
		found |= (unsigned)(a.bytes[i] == b.bytes[i]) << i;
	return found;
}

static inline bool
scan_any(const char *s, scan_block what)
{
	return memchr(s, what.bytes[0], 64) != NULL;
}
#endif

/* The next block that has one of what (all its bytes are the same), at s or behind it; or where
 * the search ended, which is at end or behind it. */
static inline char *
scan_to(char *s, const char *end, scan_block what)
{
	for (; s < end && !scan_any(s, what); s += 64)
		;
	for (; s < end && scan_equal(scan_load(s), what) == 0; s += SCAN_BLOCK)
		;
	return s;
}

static inline scan_block
scan_splat(char c)
{
	char bytes[SCAN_BLOCK];

	memset(bytes, c, sizeof(bytes));
	return scan_load(bytes);
}

/* The first c in [s, end); NULL: there is none. */
static inline char *
scan_byte(char *s, const char *end, char c)
{
	scan_block what = scan_splat(c);

	if ((s = scan_to(s, end, what)) >= end)
		return NULL;
	s += __builtin_ctz(scan_equal(scan_load(s), what));
	return s < end ? s : NULL;
}

/* A number of one to eight digits; false: it has something else, or another length. Eight digits
 * at once: pairs, then fours, then all, each step one multiplication. */
static inline bool
scan_digits(const char *s, size_t n, uint32_t *number)
{
	uint64_t v;

	if (n - 1 > 7)
		return false;
	memcpy(&v, s, sizeof(v));
	v = le64toh(v) << (64 - 8 * n);                 /* shorter: zeros before it, as bytes 0 */
	v |= n < 8 ? UINT64_C(0x3030303030303030) >> (8 * n) : 0;
	if (((v & UINT64_C(0xf0f0f0f0f0f0f0f0))
		| ((v + UINT64_C(0x0606060606060606)) & UINT64_C(0xf0f0f0f0f0f0f0f0)) >> 4)
	    != UINT64_C(0x3333333333333333))
		return false;
	v &= UINT64_C(0x0f0f0f0f0f0f0f0f);
	v = (v * (1 + (10 << 8))) >> 8 & UINT64_C(0x00ff00ff00ff00ff);
	v = (v * (1 + (100 << 16))) >> 16 & UINT64_C(0x0000ffff0000ffff);
	*number = (uint32_t)((v * (1 + (UINT64_C(10000) << 32))) >> 32);
	return true;
}

#endif
