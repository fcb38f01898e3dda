/*
 * buf.h - growing bytes with a stated ceiling.
 *
 * A buffer that hits its ceiling or the memory's end is `failed` and stays so: callers append
 * freely and ask once, at the end. The bytes are always NUL-terminated behind len.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;       /* NULL while empty; see buf_text */
	size_t len, cap;
	size_t max;       /* ceiling of len */
	bool failed;      /* something did not fit: the content is incomplete */
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);
void buf_reset(struct buf *b);                     /* empty, memory kept, not failed */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_text(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *buf_str(const struct buf *b);          /* the text so far, never NULL */
/* What fd gives until its end: 0, -ETIMEDOUT (never when timeout_ms is negative) or -errno. What
 * comes beyond max is read and dropped. */
int buf_read(struct buf *b, int fd, int timeout_ms);

#endif
