/*
 * fuzz-chunk.c - exercises the decoders of agent/store/chunk.c and frame.c: what a broken disk
 * could give back.
 *
 * The check sum would keep a fuzzer out for ever, so it is put right here: the last four bytes of
 * the input are replaced. What decodes must also survive being encoded and decoded again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "agent/store/chunk.h"
#include "agent/store/frame.h"
#include "lib/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
no_sample(void *arg, int64_t commit_ms, uint32_t sid, int64_t t_ms, double v, const struct hist *h)
{
	(void)arg, (void)commit_ms, (void)sid, (void)t_ms, (void)v, (void)h;
}

static void
again(const struct samples *s, uint32_t sid)
{
	struct samples out = {0};
	struct buf b;

	buf_init(&b, CHUNK_BYTES_MAX);
	if (chunk_encode(&b, sid, 0, s, 0, s->n) == 0
	    && (chunk_decode(&out, NULL, b.data, b.len) != 0 || out.n != s->n
		|| memcmp(out.t, s->t, s->n * sizeof(*s->t)) != 0
		|| (s->h == NULL && memcmp(out.v, s->v, s->n * sizeof(*s->v)) != 0)))
		abort();
	samples_clear(&out);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct samples s = {0};
	uint8_t *copy;
	uint32_t crc, sid;
	size_t i;

	if (size < 5)
		return 0;
	copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	crc = crc32c(0, copy, size - 4);
	for (i = 0; i < 4; i++)
		copy[size - 4 + i] = (uint8_t)(crc >> 8 * i);
	if (chunk_decode(&s, &sid, copy, size) == 0)
		again(&s, sid);
	samples_clear(&s);
	(void)live_frame_each(copy, size, no_sample, NULL);
	free(copy);
	return 0;
}
