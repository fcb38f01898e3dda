/*
 * bits.h - how numbers become bytes in frames and chunks: varints, zigzag, little-endian words,
 * single bits.
 *
 * Reading is checked: past the end a reader turns `bad`, gives zeros and stays so; the caller
 * asks once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_STORE_BITS_H
#define AGENT_STORE_BITS_H

#include <string.h>

#include "lib/buf.h"

static inline uint64_t
zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline int64_t
unzigzag(uint64_t u)
{
	return (int64_t)(u >> 1 ^ -(u & 1));
}

static inline double
double_of(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline uint64_t
bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static inline size_t
varint_len(uint64_t u)
{
	return u == 0 ? 1 : (70 - (size_t)__builtin_clzll(u)) / 7;
}

static inline void
put_varint(struct buf *b, uint64_t u)
{
	uint8_t tmp[10];
	size_t n = 0;

	for (; u >= 0x80; u >>= 7)
		tmp[n++] = (uint8_t)(u | 0x80);
	tmp[n++] = (uint8_t)u;
	buf_add(b, tmp, n);
}

static inline void
put_le(struct buf *b, uint64_t u, size_t bytes)
{
	uint8_t tmp[8];
	size_t i;

	for (i = 0; i < bytes; i++)
		tmp[i] = (uint8_t)(u >> 8 * i);
	buf_add(b, tmp, bytes);
}

struct reader {
	const uint8_t *p, *end;
	bool bad;
};

static inline uint64_t
get_le(struct reader *r, size_t bytes)
{
	uint64_t u = 0;
	size_t i;

	if (r->bad || (size_t)(r->end - r->p) < bytes) {
		r->bad = true;
		return 0;
	}
	for (i = 0; i < bytes; i++)
		u |= (uint64_t)*r->p++ << 8 * i;
	return u;
}

static inline uint64_t
get_varint(struct reader *r)
{
	uint64_t u = 0;
	unsigned shift;

	for (shift = 0; shift < 64; shift += 7) {
		uint8_t byte = (uint8_t)get_le(r, 1);

		u |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return u;
	}
	r->bad = true;
	return 0;
}

/* The next len bytes in place, or NULL. */
static inline const uint8_t *
get_bytes(struct reader *r, uint64_t len)
{
	const uint8_t *p = r->p;

	if (r->bad || (uint64_t)(r->end - r->p) < len) {
		r->bad = true;
		return NULL;
	}
	r->p += len;
	return p;
}

/* Bits go in from the lowest bit of each byte up. */
struct bit_writer {
	struct buf *out;
	uint64_t acc;
	unsigned used; /* bits of acc, < 8 between calls */
};

static inline void
put_bits(struct bit_writer *w, uint64_t v, unsigned n)
{
	while (n > 0) {
		unsigned take = n < 32 ? n : 32;

		w->acc |= (v & ((UINT64_C(1) << take) - 1)) << w->used;
		w->used += take;
		n -= take;
		v >>= take;
		put_le(w->out, w->acc, w->used / 8);
		w->acc >>= w->used / 8 * 8;
		w->used %= 8;
	}
}

static inline void
put_bits_end(struct bit_writer *w)
{
	if (w->used > 0)
		put_le(w->out, w->acc, 1);
	w->acc = 0;
	w->used = 0;
}

struct bit_reader {
	struct reader *in;
	uint64_t acc;
	unsigned have; /* bits of acc, < 8 between calls */
};

static inline uint64_t
get_bits(struct bit_reader *r, unsigned n)
{
	unsigned done = 0;
	uint64_t v = 0;

	while (done < n) {
		unsigned take = n - done < 32 ? n - done : 32;

		while (r->have < take) {
			r->acc |= get_le(r->in, 1) << r->have;
			r->have += 8;
		}
		v |= (r->acc & ((UINT64_C(1) << take) - 1)) << done;
		r->acc >>= take;
		r->have -= take;
		done += take;
	}
	return v;
}

#endif
