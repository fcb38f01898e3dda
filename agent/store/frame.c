/*
 * frame.c - see frame.h. The number of samples is known only at the end; so the head stands
 * behind them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/store/frame.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/store/bits.h"
#include "lib/crc32c.h"

#define FRAME_MAGIC 0xF1

void
live_frame_begin(struct frame_writer *w, struct buf *out)
{
	buf_reset(out);
	*w = (struct frame_writer){.out = out};
}

static void
live_frame_add_hist(struct frame_writer *w, const struct hist *h)
{
	size_t cap = 256;
	uint8_t *tmp = NULL;
	ptrdiff_t len;

	do {
		cap *= 2;
		free(tmp);
		tmp = malloc(cap);
		len = tmp != NULL ? hist_encode(h, tmp, cap) : -ENOMEM;
	} while (len == -ENOSPC && cap < (1u << 20));
	if (len < 0) {
		w->out->failed = true;
	} else {
		put_varint(w->out, (uint64_t)len);
		buf_add(w->out, tmp, (size_t)len);
	}
	free(tmp);
}

void
live_frame_add(struct frame_writer *w, uint32_t sid, int64_t t_ms, double v, const struct hist *h)
{
	put_varint(w->out, zigzag((int64_t)sid - (int64_t)w->sid));
	put_varint(w->out, zigzag(t_ms - w->t_ms) << 1 | (h != NULL));
	if (h != NULL)
		live_frame_add_hist(w, h);
	else
		put_le(w->out, bits_of(v), 8);
	w->sid = sid;
	w->t_ms = t_ms;
	w->n++;
}

int
live_frame_end(struct frame_writer *w, int64_t commit_ms)
{
	struct buf *b = w->out;
	size_t head = b->len;

	put_le(b, FRAME_MAGIC, 1);
	put_varint(b, zigzag(commit_ms));
	put_varint(b, w->n);
	put_le(b, b->len - head, 1);
	if (!b->failed)
		put_le(b, crc32c(0, b->data, b->len), 4);
	return b->failed ? -E2BIG : 0;
}

static int
get_hist(struct reader *r, struct hist *h)
{
	uint64_t len = get_varint(r);
	const uint8_t *bytes = get_bytes(r, len);

	return bytes != NULL && hist_decode(h, bytes, len) == (ptrdiff_t)len ? 0 : -EBADMSG;
}

int
live_frame_each(const void *bytes, size_t len,
    void (*each)(
	void *arg, int64_t commit_ms, uint32_t sid, int64_t t_ms, double v, const struct hist *h),
    void *arg)
{
	const uint8_t *b = bytes;
	uint64_t n, sid = 0, t = 0;
	struct reader r, head;
	int64_t commit_ms;
	struct hist h;
	int rc = 0;

	if (len < 8
	    || get_le(&(struct reader){b + len - 4, b + len, false}, 4) != crc32c(0, b, len - 4)
	    || b[len - 5] > len - 5)
		return -EBADMSG;
	r = (struct reader){b, b + len - 5 - b[len - 5], false};
	head = (struct reader){r.end, b + len - 5, false};
	if (get_le(&head, 1) != FRAME_MAGIC)
		return -EBADMSG;
	commit_ms = unzigzag(get_varint(&head));
	n = get_varint(&head);
	if (head.bad || head.p != head.end)
		return -EBADMSG;
	hist_init(&h);
	while (n-- > 0 && rc == 0) {
		uint64_t tag;
		double v = 0;

		sid += (uint64_t)unzigzag(get_varint(&r));
		tag = get_varint(&r);
		t += (uint64_t)unzigzag(tag >> 1);
		hist_clear(&h);
		if (tag & 1)
			rc = get_hist(&r, &h);
		else
			v = double_of(get_le(&r, 8));
		if (r.bad || sid > UINT32_MAX)
			rc = -EBADMSG;
		if (rc == 0)
			each(arg, commit_ms, (uint32_t)sid, (int64_t)t, v, (tag & 1) ? &h : NULL);
	}
	hist_clear(&h);
	return rc == 0 && r.p != r.end ? -EBADMSG : rc;
}
