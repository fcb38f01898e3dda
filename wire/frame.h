/*
 * frame.h - what goes between agent and host: a header and bounded fields.
 *
 *      0        2        4                8               12               16
 *     +--------+--------+----------------+----------------+----------------+-- ... --+
 *     | type   | flags  | probe          | generation     | body length    |  body   |
 *     +--------+--------+----------------+----------------+----------------+-- ... --+
 *
 * Little-endian. A text is u16 length + bytes (no NUL inside), a blob u32 length + bytes. A
 * SEQPACKET message is a frame, or several one behind the other (the frames of a run: one message
 * costs both sides less than three), and at most FRAME_MAX bytes; whatever is longer (a
 * configuration, many samples) goes in several frames. A frame that does not decode kills the host
 * that sent it, never the agent. `probe` and `generation` name a configuration of a probe: a late
 * frame of an older one finds nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX (72 * 1024)   /* 64 KiB of state and its envelope */
#define FRAME_HEADER 16
#define WIRE_VERSION 1          /* in HELLO; both sides come from one build, so it must be equal */

enum frame_type {
	/* agent -> host */
	FRAME_SETUP = 1, /* text: JSON of the host's own settings (MORE) */
	FRAME_CONFIGURE, /* text: JSON of a probe (MORE) */
	FRAME_RESTORE,   /* a keyed blob of its state, as last committed */
	FRAME_START,     /* configuration and state are complete: start the probe */
	FRAME_RUN,       /* run it now, once; the result has RESULT_ASKED */
	FRAME_REMOVE,    /* stop the probe; answers nothing */
	FRAME_STOP,      /* finish what runs, then exit 0 */
	FRAME_COMMITTED, /* the COMMIT of this number is on disk */
	/* host -> agent */
	FRAME_HELLO = 32, /* first frame: who speaks */
	FRAME_STARTED,    /* the probe runs from now on */
	FRAME_REFUSED,    /* the plugin refused its options: path and text */
	FRAME_SERIES,     /* a series and its number, once before its first sample */
	FRAME_SAMPLES,    /* samples of the run that RESULT ends (when they do not fit into it) */
	FRAME_HIST,       /* a histogram of that run */
	FRAME_STATE,      /* a keyed blob of that run */
	FRAME_RESULT, /* the end of a run: everything since the last RESULT of this probe commits
			 with it */
	FRAME_LOG,
	FRAME_BEAT, /* each second: the loop turns, and how late */
	FRAME_COMMIT /* as RESULT, but the run goes on, or there is none */
};
#define FRAME_MORE 1u      /* flags: the text goes on in the next frame of this type and probe */
#define FRAME_TOGETHER 2u  /* of COMMIT: commits with the next COMMIT or RESULT of this host */

struct frame {
	uint16_t type, flags;
	uint32_t probe, generation;
	const uint8_t *body;   /* into the received bytes */
	size_t len;
};

/* The frame that a received message, or the rest of one, begins with. Its bytes, or -EBADMSG. */
ptrdiff_t frame_parse(struct frame *f, const uint8_t *bytes, size_t n);

/* Writing: a fixed buffer; what does not fit makes the frame `failed` and frame_finish return
 * -EMSGSIZE. */
struct frame_writer {
	uint8_t *bytes;        /* FRAME_MAX of them, the caller's */
	size_t len;
	bool failed;
};
void frame_begin(struct frame_writer *w, uint8_t *bytes, enum frame_type type, unsigned flags,
    uint32_t probe, uint32_t generation);
void put_u8(struct frame_writer *w, uint8_t v);
void put_u16(struct frame_writer *w, uint16_t v);
void put_u32(struct frame_writer *w, uint32_t v);
void put_i64(struct frame_writer *w, int64_t v);
void put_f64(struct frame_writer *w, double v);
void put_text(struct frame_writer *w, const char *s);       /* NULL = "" ; cut at 65535 bytes */
void put_blob(struct frame_writer *w, const void *data, size_t len);
ptrdiff_t frame_finish(struct frame_writer *w);             /* bytes to send, or -EMSGSIZE */

/* Reading: past the end everything is zero and `failed`; ask once, at the end. */
struct frame_reader {
	const uint8_t *at, *end;
	bool failed;
};
void frame_read(struct frame_reader *r, const struct frame *f);
uint8_t get_u8(struct frame_reader *r);
uint16_t get_u16(struct frame_reader *r);
uint32_t get_u32(struct frame_reader *r);
int64_t get_i64(struct frame_reader *r);
double get_f64(struct frame_reader *r);
/* A malloc'd NUL-terminated copy (the caller frees), NULL when failed. A NUL inside the text is a
 * failure. */
char *get_text(struct frame_reader *r);
const void *get_blob(struct frame_reader *r, size_t *len);  /* into the frame; NULL when failed */
int frame_done(const struct frame_reader *r); /* 0, or -EBADMSG: short, or bytes left over */

#endif
