/*
 * messages.h - what the frames say, as structs: one encode and one decode a message.
 *
 * encode writes into FRAME_MAX bytes and returns the bytes to send, or -EMSGSIZE. decode returns 0,
 * -EBADMSG or -ENOMEM; texts are malloc'd and freed by the message's _clear (also after an error:
 * the struct is then cleared). Pointers called `blob` or `bytes` point into the frame.
 *
 * A run on the wire:   SERIES*  (SAMPLES | HIST | STATE)*  RESULT
 * Those who share sources commit together:   (SERIES* (SAMPLES | HIST | STATE)* COMMIT)*  a run
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_MESSAGES_H
#define WIRE_MESSAGES_H

#include "lib/hist.h"
#include "wire/frame.h"

#define WIRE_SERIES_MAX (1u << 18)  /* numbers a host may use */
#define WIRE_SAMPLES_MAX 2048       /* samples a frame */
#define WIRE_TEXT_MAX (60 * 1024)   /* bytes of one piece of a long text */

struct msg_hello {
	uint16_t wire, abi_major, abi_minor;
	int64_t pid;
	uint32_t sandbox; /* level reached: 0 none, 1 limits, 2 + Landlock, 3 + system calls */
	char *sandbox_text;
};

struct msg_series {
	uint32_t id;                /* < WIRE_SERIES_MAX; ascending from 0, no gaps */
	uint8_t kind;               /* enum tw_kind */
	double resolution;
	char *labels;               /* canonical text, __name__ and all labels but `shop` */
};

struct wire_sample {
	uint32_t series;
	int64_t t_ms;
	double v;                   /* may be the stale marker */
};

struct msg_hist {
	uint32_t series;
	int64_t t_ms;
	const void *bytes;          /* hist_encode */
	size_t len;
};

struct msg_state {
	char *key;
	bool remove;
	const void *blob;
	size_t len;
};

#define RESULT_LATE 1u      /* the loop was away or a clock stepped: times are upper bounds */
#define RESULT_ASKED 2u     /* answers FRAME_RUN: no slot of its own */
#define RESULT_SKIPPED 4u   /* not started: the engine was full or late; no samples, no verdict */
#define RESULT_TIMEOUT 8u   /* the host cancelled it at its deadline */
struct msg_result {
	int64_t slot_ms, duration_us;
	int64_t start_lag_us;       /* start after the slot */
	int64_t engine_lag_us;      /* worst lag of the loop while it ran */
	uint8_t verdict;            /* enum tw_verdict, 0..3 */
	uint8_t flags;              /* RESULT_* */
	uint32_t refused_samples;   /* emits that were not declared, or past a ceiling */
	char *cause, *reason;       /* "" when ok */
	char *facts;                /* JSON object text, "{}" when none */
	struct wire_sample *samples; /* malloc'd by decode */
	uint32_t n_samples;
};

struct msg_beat {
	int64_t lag_p50_us, lag_p99_us, lag_max_us; /* of the loop, last second */
	uint32_t in_flight, probes;
	uint64_t runs, skipped, late, timeouts;     /* totals since start */
	uint64_t dropped;                           /* frames not sent: the agent did not read */
};

ptrdiff_t msg_hello_encode(uint8_t *bytes, const struct msg_hello *m);
int msg_hello_decode(struct msg_hello *m, const struct frame *f);
void msg_hello_clear(struct msg_hello *m);

ptrdiff_t msg_series_encode(
    uint8_t *bytes, uint32_t probe, uint32_t generation, const struct msg_series *m);
int msg_series_decode(struct msg_series *m, const struct frame *f);
void msg_series_clear(struct msg_series *m);

ptrdiff_t msg_samples_encode(
    uint8_t *bytes, uint32_t probe, uint32_t generation, const struct wire_sample *s, size_t n);
int msg_samples_decode(struct wire_sample **out, size_t *n, const struct frame *f); /* free(*out) */

ptrdiff_t msg_hist_encode(uint8_t *bytes, uint32_t probe, uint32_t generation, uint32_t series,
    int64_t t_ms, const struct hist *h);
int msg_hist_decode(struct msg_hist *m, const struct frame *f);

/* type is FRAME_STATE (host) or FRAME_RESTORE (agent). */
ptrdiff_t msg_state_encode(uint8_t *bytes, enum frame_type type, uint32_t probe,
    uint32_t generation, const struct msg_state *m);
int msg_state_decode(struct msg_state *m, const struct frame *f);
void msg_state_clear(struct msg_state *m);

ptrdiff_t msg_result_encode(
    uint8_t *bytes, uint32_t probe, uint32_t generation, const struct msg_result *m);
int msg_result_decode(struct msg_result *m, const struct frame *f);
void msg_result_clear(struct msg_result *m);

/* COMMIT and its answer COMMITTED: a number; 0 in COMMIT: no answer is wanted. */
ptrdiff_t msg_commit_encode(uint8_t *bytes, enum frame_type type, unsigned flags, uint32_t probe,
    uint32_t generation, uint32_t number);
int msg_commit_decode(uint32_t *number, const struct frame *f);

ptrdiff_t msg_beat_encode(uint8_t *bytes, const struct msg_beat *m);
int msg_beat_decode(struct msg_beat *m, const struct frame *f);

/* Two texts: REFUSED (option path, text); one number and a text: LOG (level, text). */
ptrdiff_t msg_refused_encode(uint8_t *bytes, uint32_t probe, uint32_t generation, const char *path,
    const char *text);
int msg_refused_decode(char **path, char **text, const struct frame *f);
ptrdiff_t msg_log_encode(uint8_t *bytes, uint32_t probe, uint8_t level, const char *text);
int msg_log_decode(uint8_t *level, char **text, const struct frame *f);

/* START, STARTED, RUN, REMOVE, STOP: a header alone. RUN's answer repeats its generation. */
ptrdiff_t msg_empty_encode(
    uint8_t *bytes, enum frame_type type, uint32_t probe, uint32_t generation);

/* A long text in pieces: calls send(arg, bytes, n) for each frame; stops at the first non-zero and
 * returns it. */
int msg_text_send(uint8_t *bytes, enum frame_type type, uint32_t probe, uint32_t generation,
    const char *text, size_t len, int (*send)(void *, const uint8_t *, size_t), void *arg);

/* What a frame of SETUP or CONFIGURE carries: a piece of text; flags & FRAME_MORE says more
 * follows. */
int msg_text_decode(const char **piece, size_t *len, const struct frame *f);

#endif
