/*
 * unpack.c - see unpack.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/unpack.h"

#include <stdint.h>
#include <string.h>

#define PIECE 65536

static bool
unpack(struct unpack *u, const char *data, size_t len)
{
	char out[PIECE];

	u->z.next_in = (Bytef *)(uintptr_t)data;
	u->z.avail_in = (uInt)len;
	while (u->z.avail_in > 0) {
		int rc;

		if (u->has_ended) {
			inflateReset(&u->z);
			u->has_ended = false;
		}
		u->z.next_out = (Bytef *)out;
		u->z.avail_out = sizeof(out);
		rc = inflate(&u->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
			u->is_damaged = true;
			return false;
		}
		u->has_ended = rc == Z_STREAM_END;
		if (!u->on_data(u->arg, out, sizeof(out) - u->z.avail_out))
			return false;
		if (rc == Z_BUF_ERROR && u->z.avail_out > 0)
			break;
	}
	return true;
}

static bool
give(struct unpack *u, const char *data, size_t len)
{
	return u->is_packed ? unpack(u, data, len) : u->on_data(u->arg, data, len);
}

bool
unpack_take(struct unpack *u, const char *data, size_t len)
{
	size_t n = u->is_begun ? 0 : sizeof(u->head) - u->n_head;

	n = len < n ? len : n;
	memcpy(u->head + u->n_head, data, n);
	u->n_head += n;
	if (!u->is_begun && u->n_head < sizeof(u->head))
		return true;
	if (!u->is_begun) {
		u->is_begun = true;
		if (memcmp(u->head, "\x1f\x8b", 2) == 0) {
			if (inflateInit2(&u->z, 15 + 16) != Z_OK)
				return false;
			u->is_packed = true;
		}
		if (!give(u, u->head, sizeof(u->head)))
			return false;
	}
	return give(u, data + n, len - n);
}

bool
unpack_end(struct unpack *u, bool is_ok)
{
	if (!u->is_begun && is_ok)
		is_ok = u->on_data(u->arg, u->head, u->n_head);
	if (!u->is_packed)
		return is_ok;
	inflateEnd(&u->z);
	return is_ok && u->has_ended;
}
