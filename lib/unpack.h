/*
 * unpack.h - bytes that may be gzip, as they come: packed or not is known by the first two.
 *
 * One packed part after the other is a whole, too (RFC 1952 2.2). How much comes out is for the
 * taker to bound: it says when it has enough.
 *
 * Runs in: any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_UNPACK_H
#define LIB_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <zlib.h>

struct unpack {                       /* begins with on_data and arg, all else zero */
	bool (*on_data)(void *arg, const char *data, size_t len); /* false: it has enough */
	void *arg;
	z_stream z;
	bool is_begun, is_packed, has_ended;
	bool is_damaged;              /* it is no gzip after all */
	char head[2];                 /* the first bytes, until it is known what they are */
	size_t n_head;
};

bool unpack_take(struct unpack *u, const char *data, size_t len); /* false: enough, or damaged */
/* All has come (is_ok), or no more will: frees what it holds. False: it was not whole. */
bool unpack_end(struct unpack *u, bool is_ok);

#endif
