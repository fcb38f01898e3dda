/*
 * frame.h - the log record of one commit: all its samples as bytes that prove themselves.
 *
 *   n samples | 0xF1 | commit time, zigzag | n | length of the last three (1) | CRC-32C (4, LE)
 *   sample: zigzag(sid - sid before) | zigzag(t - t before) << 1 | is histogram | value
 *   value:  8 bytes of a double, or its length and hist_encode's bytes
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_STORE_FRAME_H
#define AGENT_STORE_FRAME_H

#include "lib/buf.h"
#include "lib/hist.h"

struct frame_writer {
	struct buf *out;
	uint32_t sid;
	int64_t t_ms;
	uint32_t n;
};
void live_frame_begin(struct frame_writer *w, struct buf *out);
void live_frame_add(
    struct frame_writer *w, uint32_t sid, int64_t t_ms, double v, const struct hist *h);
/* Returns 0, or -E2BIG when the buffer's ceiling was hit. */
int live_frame_end(struct frame_writer *w, int64_t commit_ms);

/* Each sample of a frame; h lives for the call. -EBADMSG for anything that is no frame; no
 * sample is given before the check sum is right. */
int live_frame_each(const void *bytes, size_t len,
    void (*each)(
	void *arg, int64_t commit_ms, uint32_t sid, int64_t t_ms, double v, const struct hist *h),
    void *arg);

#endif
