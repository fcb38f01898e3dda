/*
 * frame.c - see frame.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/little.h"

ptrdiff_t
frame_parse(struct frame *f, const uint8_t *bytes, size_t n)
{
	if (n < FRAME_HEADER || n > FRAME_MAX || little_get(bytes + 12, 4) > n - FRAME_HEADER)
		return -EBADMSG;
	f->type = (uint16_t)little_get(bytes, 2);
	f->flags = (uint16_t)little_get(bytes + 2, 2);
	f->probe = (uint32_t)little_get(bytes + 4, 4);
	f->generation = (uint32_t)little_get(bytes + 8, 4);
	f->body = bytes + FRAME_HEADER;
	f->len = little_get(bytes + 12, 4);
	return (ptrdiff_t)(FRAME_HEADER + f->len);
}

void
frame_begin(struct frame_writer *w, uint8_t *bytes, enum frame_type type, unsigned flags,
    uint32_t probe, uint32_t generation)
{
	*w = (struct frame_writer){.bytes = bytes, .len = FRAME_HEADER};
	little_put(bytes, (uint64_t)type, 2);
	little_put(bytes + 2, flags, 2);
	little_put(bytes + 4, probe, 4);
	little_put(bytes + 8, generation, 4);
}

static uint8_t *
room(struct frame_writer *w, size_t n)
{
	uint8_t *p = w->bytes + w->len;

	if (w->failed || n > FRAME_MAX - w->len) {
		w->failed = true;
		return NULL;
	}
	w->len += n;
	return p;
}

static void
put_number(struct frame_writer *w, uint64_t v, size_t n)
{
	uint8_t *p = room(w, n);

	if (p != NULL)
		little_put(p, v, n);
}

void put_u8(struct frame_writer *w, uint8_t v) { put_number(w, v, 1); }
void put_u16(struct frame_writer *w, uint16_t v) { put_number(w, v, 2); }
void put_u32(struct frame_writer *w, uint32_t v) { put_number(w, v, 4); }
void put_i64(struct frame_writer *w, int64_t v) { put_number(w, (uint64_t)v, 8); }

void
put_f64(struct frame_writer *w, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_number(w, bits, 8);
}

static void
put_bytes(struct frame_writer *w, const void *data, size_t len)
{
	uint8_t *p = room(w, len);

	if (p != NULL && len > 0)
		memcpy(p, data, len);
}

void
put_text(struct frame_writer *w, const char *s)
{
	size_t len = s != NULL ? strlen(s) : 0;

	if (len > UINT16_MAX)
		len = UINT16_MAX;
	put_u16(w, (uint16_t)len);
	put_bytes(w, s, len);
}

void
put_blob(struct frame_writer *w, const void *data, size_t len)
{
	if (len > FRAME_MAX) {
		w->failed = true;
		return;
	}
	put_u32(w, (uint32_t)len);
	put_bytes(w, data, len);
}

ptrdiff_t
frame_finish(struct frame_writer *w)
{
	if (w->failed)
		return -EMSGSIZE;
	little_put(w->bytes + 12, w->len - FRAME_HEADER, 4);
	return (ptrdiff_t)w->len;
}

void
frame_read(struct frame_reader *r, const struct frame *f)
{
	*r = (struct frame_reader){.at = f->body, .end = f->body + f->len};
}

static const uint8_t *
take(struct frame_reader *r, size_t n)
{
	const uint8_t *p = r->at;

	if (r->failed || n > (size_t)(r->end - r->at)) {
		r->failed = true;
		return NULL;
	}
	r->at += n;
	return p;
}

static uint64_t
get_number(struct frame_reader *r, size_t n)
{
	const uint8_t *p = take(r, n);

	return p != NULL ? little_get(p, n) : 0;
}

uint8_t get_u8(struct frame_reader *r) { return (uint8_t)get_number(r, 1); }
uint16_t get_u16(struct frame_reader *r) { return (uint16_t)get_number(r, 2); }
uint32_t get_u32(struct frame_reader *r) { return (uint32_t)get_number(r, 4); }
int64_t get_i64(struct frame_reader *r) { return (int64_t)get_number(r, 8); }

double
get_f64(struct frame_reader *r)
{
	uint64_t bits = get_number(r, 8);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

char *
get_text(struct frame_reader *r)
{
	size_t len = get_u16(r);
	const uint8_t *p = take(r, len);
	char *s;

	if (p == NULL || memchr(p, '\0', len) != NULL || (s = malloc(len + 1)) == NULL) {
		r->failed = true;
		return NULL;
	}
	memcpy(s, p, len);
	s[len] = '\0';
	return s;
}

const void *
get_blob(struct frame_reader *r, size_t *len)
{
	*len = get_u32(r);
	return take(r, *len);
}

int
frame_done(const struct frame_reader *r)
{
	return r->failed || r->at != r->end ? -EBADMSG : 0;
}
