/*
 * buf.c - see buf.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/buf.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_free(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

static bool
buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap > 0 ? b->cap : 64;
	char *data;

	if (b->failed || more > b->max - b->len) {
		b->failed = true;
		return false;
	}
	while (cap < b->len + more + 1)
		cap *= 2;
	if (cap == b->cap)
		return true;
	if ((data = realloc(b->data, cap)) == NULL) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	if (!buf_reserve(b, len))
		return;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
buf_text(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, (size_t)n)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

const char *
buf_str(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}

int
buf_read(struct buf *b, int fd, int timeout_ms)
{
	mono_t until = mono_add_us(mono_now(), timeout_ms * INT64_C(1000));
	char piece[4096];

	for (;;) {
		int64_t left = timeout_ms < 0 ? -1 : mono_sub_us(until, mono_now()) / 1000;
		struct pollfd p = {fd, POLLIN, 0};
		ssize_t n;

		if (left == 0 || (left < 0 && timeout_ms >= 0) || poll(&p, 1, (int)left) == 0)
			return -ETIMEDOUT;
		n = read(fd, piece, sizeof(piece));
		if (n == 0)
			return 0;
		if (n > 0)
			buf_add(b, piece, (size_t)n);
		else if (errno != EINTR)
			return -errno;
	}
}
