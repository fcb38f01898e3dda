/*
 * chunk.h - the codec: up to CHUNK_MAX samples of one series as bytes that prove themselves.
 *
 *   0xC1 | form | sid | n | t0 | t1 - t0 | scale | stamps | values | CRC-32C
 *
 *          one byte each: 0xC1, form; varints: sid, n, t0 (zigzag), t1 - t0; scale, in form
 *          DECIMAL alone: one byte, for odd resolutions eight more; CRC-32C: four bytes,
 *          little-endian, of all before
 *
 * stamps   delta of delta, as varint tokens: odd = a run of (token >> 1) zeros, even =
 *          zigzag(d) << 1. A regular grid of any length costs about four bytes.
 * values   by form. DECIMAL: value = integer / 10^k (or * step): blocks of 64 integers, each as
 *          bits over the smallest value or over the smallest difference (the integer before the
 *          first is given), outliers patched in; what is no such decimal (NaN, stale marker)
 *          follows as exceptions. XOR: bits as in Gorilla (Pelkonen et al., VLDB 2015, 4.1.2).
 *          HIST: one record a sample, a varint tag and what it tells of: 0 = a float; odd = a
 *          histogram (hist_encode) of (tag >> 1) bytes; even = what a histogram has more than the
 *          one before it, as a histogram of (tag >> 1) bytes whose sum is the new one. A run
 *          fills a bucket or two of the hundreds that a day has filled.
 *
 * Lossless for what chunk_round gave. Decoding takes any bytes: bounded by CHUNK_MAX samples,
 * -EBADMSG for whatever is wrong. Nothing here blocks or knows of SQLite.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_STORE_CHUNK_H
#define AGENT_STORE_CHUNK_H

#include "agent/store/samples.h"
#include "lib/buf.h"

#define CHUNK_MAX 4096u
#define CHUNK_BYTES_MAX (8u << 20)
#define CHUNK_STAMP_MAX (INT64_C(1) << 47) /* milliseconds; the year 6429 */

/* v as it will be read back: the nearest multiple of resolution (0 = v itself). NaN and
 * infinities stay. */
double chunk_round(double v, double resolution);

/* Appends the chunk of s[from..from+n), 1 <= n <= CHUNK_MAX, stamps ascending within
 * 0..CHUNK_STAMP_MAX. 0, or -E2BIG when the ceiling of out is hit. */
int chunk_encode(struct buf *out, uint32_t sid, double resolution, const struct samples *s,
    size_t from, size_t n);

/* Appends the samples of a chunk to out. *sid may be NULL. 0 or -EBADMSG; then out is as it was. */
int chunk_decode(struct samples *out, uint32_t *sid, const void *bytes, size_t len);

#endif
