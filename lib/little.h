/*
 * little.h - whole numbers as bytes, the lowest first, wherever they stand.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_LITTLE_H
#define LIB_LITTLE_H

#include <stddef.h>
#include <stdint.h>

/* The number in n bytes, 8 at most. */
static inline uint64_t
little_get(const uint8_t *src, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | src[n];
	return v;
}

/* The lowest n bytes of v. */
static inline void
little_put(uint8_t *dst, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		dst[i] = (uint8_t)v;
}

#endif
