/*
 * messages.c - see messages.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_BYTES 20

ptrdiff_t
msg_hello_encode(uint8_t *bytes, const struct msg_hello *m)
{
	struct frame_writer w;

	frame_begin(&w, bytes, FRAME_HELLO, 0, 0, 0);
	put_u16(&w, m->wire);
	put_u16(&w, m->abi_major);
	put_u16(&w, m->abi_minor);
	put_i64(&w, m->pid);
	put_u32(&w, m->sandbox);
	put_text(&w, m->sandbox_text);
	return frame_finish(&w);
}

int
msg_hello_decode(struct msg_hello *m, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	m->wire = get_u16(&r);
	m->abi_major = get_u16(&r);
	m->abi_minor = get_u16(&r);
	m->pid = get_i64(&r);
	m->sandbox = get_u32(&r);
	m->sandbox_text = get_text(&r);
	if (frame_done(&r) == 0)
		return 0;
	msg_hello_clear(m);
	return -EBADMSG;
}

void
msg_hello_clear(struct msg_hello *m)
{
	free(m->sandbox_text);
	m->sandbox_text = NULL;
}

ptrdiff_t
msg_series_encode(uint8_t *bytes, uint32_t probe, uint32_t generation, const struct msg_series *m)
{
	struct frame_writer w;

	frame_begin(&w, bytes, FRAME_SERIES, 0, probe, generation);
	put_u32(&w, m->id);
	put_u8(&w, m->kind);
	put_f64(&w, m->resolution);
	put_text(&w, m->labels);
	return frame_finish(&w);
}

int
msg_series_decode(struct msg_series *m, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	m->id = get_u32(&r);
	m->kind = get_u8(&r);
	m->resolution = get_f64(&r);
	m->labels = get_text(&r);
	if (frame_done(&r) == 0 && m->id < WIRE_SERIES_MAX && m->kind >= 1 && m->kind <= 3
	    && m->resolution >= 0)
		return 0;
	msg_series_clear(m);
	return -EBADMSG;
}

void
msg_series_clear(struct msg_series *m)
{
	free(m->labels);
	m->labels = NULL;
}

static void
put_samples(struct frame_writer *w, const struct wire_sample *s, size_t n)
{
	if (n > WIRE_SAMPLES_MAX) {
		w->failed = true;
		return;
	}
	put_u32(w, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		put_u32(w, s[i].series);
		put_i64(w, s[i].t_ms);
		put_f64(w, s[i].v);
	}
}

/* The array is sized by the bytes that are really there, never by the number that the frame claims.
 */
static struct wire_sample *
get_samples(struct frame_reader *r, uint32_t *n)
{
	struct wire_sample *s;

	*n = get_u32(r);
	if (r->failed || *n > WIRE_SAMPLES_MAX || *n > (size_t)(r->end - r->at) / SAMPLE_BYTES)
		r->failed = true;
	if (r->failed || (s = calloc(*n > 0 ? *n : 1, sizeof(*s))) == NULL) {
		r->failed = true;
		*n = 0;
		return NULL;
	}
	for (uint32_t i = 0; i < *n; i++) {
		s[i].series = get_u32(r);
		s[i].t_ms = get_i64(r);
		s[i].v = get_f64(r);
		if (s[i].series >= WIRE_SERIES_MAX)
			r->failed = true;
	}
	return s;
}

ptrdiff_t
msg_samples_encode(
    uint8_t *bytes, uint32_t probe, uint32_t generation, const struct wire_sample *s, size_t n)
{
	struct frame_writer w;

	frame_begin(&w, bytes, FRAME_SAMPLES, 0, probe, generation);
	put_samples(&w, s, n);
	return frame_finish(&w);
}

int
msg_samples_decode(struct wire_sample **out, size_t *n, const struct frame *f)
{
	struct frame_reader r;
	uint32_t count;

	frame_read(&r, f);
	*out = get_samples(&r, &count);
	*n = count;
	if (frame_done(&r) == 0)
		return 0;
	free(*out);
	*out = NULL;
	return -EBADMSG;
}

ptrdiff_t
msg_hist_encode(uint8_t *bytes, uint32_t probe, uint32_t generation, uint32_t series, int64_t t_ms,
    const struct hist *h)
{
	struct frame_writer w;
	ptrdiff_t n;

	frame_begin(&w, bytes, FRAME_HIST, 0, probe, generation);
	put_u32(&w, series);
	put_i64(&w, t_ms);
	if (w.failed || (n = hist_encode(h, w.bytes + w.len, FRAME_MAX - w.len)) < 0)
		return -EMSGSIZE;
	w.len += (size_t)n;
	return frame_finish(&w);
}

int
msg_hist_decode(struct msg_hist *m, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	m->series = get_u32(&r);
	m->t_ms = get_i64(&r);
	m->bytes = r.at;
	m->len = (size_t)(r.end - r.at);
	return r.failed || m->series >= WIRE_SERIES_MAX ? -EBADMSG : 0;
}

ptrdiff_t
msg_state_encode(uint8_t *bytes, enum frame_type type, uint32_t probe, uint32_t generation,
    const struct msg_state *m)
{
	struct frame_writer w;

	frame_begin(&w, bytes, type, 0, probe, generation);
	put_text(&w, m->key);
	put_u8(&w, m->remove);
	put_blob(&w, m->blob, m->len);
	return frame_finish(&w);
}

int
msg_state_decode(struct msg_state *m, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	m->key = get_text(&r);
	m->remove = get_u8(&r) != 0;
	m->blob = get_blob(&r, &m->len);
	if (frame_done(&r) == 0)
		return 0;
	msg_state_clear(m);
	return -EBADMSG;
}

void
msg_state_clear(struct msg_state *m)
{
	free(m->key);
	m->key = NULL;
}

ptrdiff_t
msg_result_encode(uint8_t *bytes, uint32_t probe, uint32_t generation, const struct msg_result *m)
{
	struct frame_writer w;

	frame_begin(&w, bytes, FRAME_RESULT, 0, probe, generation);
	put_i64(&w, m->slot_ms);
	put_i64(&w, m->duration_us);
	put_i64(&w, m->start_lag_us);
	put_i64(&w, m->engine_lag_us);
	put_u8(&w, m->verdict);
	put_u8(&w, m->flags);
	put_u32(&w, m->refused_samples);
	put_text(&w, m->cause);
	put_text(&w, m->reason);
	put_text(&w, m->facts);
	put_samples(&w, m->samples, m->n_samples);
	return frame_finish(&w);
}

int
msg_result_decode(struct msg_result *m, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	m->slot_ms = get_i64(&r);
	m->duration_us = get_i64(&r);
	m->start_lag_us = get_i64(&r);
	m->engine_lag_us = get_i64(&r);
	m->verdict = get_u8(&r);
	m->flags = get_u8(&r);
	m->refused_samples = get_u32(&r);
	m->cause = get_text(&r);
	m->reason = get_text(&r);
	m->facts = get_text(&r);
	m->samples = get_samples(&r, &m->n_samples);
	if (frame_done(&r) == 0 && m->verdict <= 3)
		return 0;
	msg_result_clear(m);
	return -EBADMSG;
}

void
msg_result_clear(struct msg_result *m)
{
	free(m->cause);
	free(m->reason);
	free(m->facts);
	free(m->samples);
	m->cause = m->reason = m->facts = NULL;
	m->samples = NULL;
	m->n_samples = 0;
}

ptrdiff_t
msg_commit_encode(uint8_t *bytes, enum frame_type type, unsigned flags, uint32_t probe,
    uint32_t generation, uint32_t number)
{
	struct frame_writer w;

	frame_begin(&w, bytes, type, flags, probe, generation);
	put_u32(&w, number);
	return frame_finish(&w);
}

int
msg_commit_decode(uint32_t *number, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	*number = get_u32(&r);
	return frame_done(&r);
}

ptrdiff_t
msg_beat_encode(uint8_t *bytes, const struct msg_beat *m)
{
	struct frame_writer w;

	frame_begin(&w, bytes, FRAME_BEAT, 0, 0, 0);
	put_i64(&w, m->lag_p50_us);
	put_i64(&w, m->lag_p99_us);
	put_i64(&w, m->lag_max_us);
	put_u32(&w, m->in_flight);
	put_u32(&w, m->probes);
	put_i64(&w, (int64_t)m->runs);
	put_i64(&w, (int64_t)m->skipped);
	put_i64(&w, (int64_t)m->late);
	put_i64(&w, (int64_t)m->timeouts);
	put_i64(&w, (int64_t)m->dropped);
	return frame_finish(&w);
}

int
msg_beat_decode(struct msg_beat *m, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	m->lag_p50_us = get_i64(&r);
	m->lag_p99_us = get_i64(&r);
	m->lag_max_us = get_i64(&r);
	m->in_flight = get_u32(&r);
	m->probes = get_u32(&r);
	m->runs = (uint64_t)get_i64(&r);
	m->skipped = (uint64_t)get_i64(&r);
	m->late = (uint64_t)get_i64(&r);
	m->timeouts = (uint64_t)get_i64(&r);
	m->dropped = (uint64_t)get_i64(&r);
	return frame_done(&r);
}

ptrdiff_t
msg_refused_encode(
    uint8_t *bytes, uint32_t probe, uint32_t generation, const char *path, const char *text)
{
	struct frame_writer w;

	frame_begin(&w, bytes, FRAME_REFUSED, 0, probe, generation);
	put_text(&w, path);
	put_text(&w, text);
	return frame_finish(&w);
}

int
msg_refused_decode(char **path, char **text, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	*path = get_text(&r);
	*text = get_text(&r);
	if (frame_done(&r) == 0)
		return 0;
	free(*path);
	free(*text);
	*path = *text = NULL;
	return -EBADMSG;
}

ptrdiff_t
msg_log_encode(uint8_t *bytes, uint32_t probe, uint8_t level, const char *text)
{
	struct frame_writer w;

	frame_begin(&w, bytes, FRAME_LOG, 0, probe, 0);
	put_u8(&w, level);
	put_text(&w, text);
	return frame_finish(&w);
}

int
msg_log_decode(uint8_t *level, char **text, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	*level = get_u8(&r);
	*text = get_text(&r);
	if (frame_done(&r) == 0)
		return 0;
	free(*text);
	*text = NULL;
	return -EBADMSG;
}

ptrdiff_t
msg_empty_encode(uint8_t *bytes, enum frame_type type, uint32_t probe, uint32_t generation)
{
	struct frame_writer w;

	frame_begin(&w, bytes, type, 0, probe, generation);
	return frame_finish(&w);
}

int
msg_text_send(uint8_t *bytes, enum frame_type type, uint32_t probe, uint32_t generation,
    const char *text, size_t len, int (*send)(void *, const uint8_t *, size_t), void *arg)
{
	size_t at = 0;
	int rc;

	do {
		size_t piece = len - at < WIRE_TEXT_MAX ? len - at : WIRE_TEXT_MAX;
		struct frame_writer w;
		ptrdiff_t n;

		frame_begin(&w, bytes, type, at + piece < len ? FRAME_MORE : 0, probe, generation);
		put_blob(&w, text + at, piece);
		if ((n = frame_finish(&w)) < 0)
			return (int)n;
		if ((rc = send(arg, bytes, (size_t)n)) != 0)
			return rc;
		at += piece;
	} while (at < len);
	return 0;
}

int
msg_text_decode(const char **piece, size_t *len, const struct frame *f)
{
	struct frame_reader r;

	frame_read(&r, f);
	*piece = get_blob(&r, len);
	return frame_done(&r);
}
