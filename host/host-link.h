/*
 * host-link.h - the host's end of the socket to the agent: a bounded queue, never half a run.
 *
 * DESIGN. A SEQPACKET message is a frame, or the frames of a run; they are sent in order. When the
 * agent does not read, messages wait: logs and beats give way first (the oldest of them, counted),
 * runs never do. Past LINK_FULL_BYTES no new run is started (link_is_full), so the queue ends where
 * the runs in flight end; past LINK_MAX_BYTES the link is broken, and the host goes down: its agent
 * has stopped to be one.
 *
 * Runs in: the loop thread. Never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/messages.h"

#define LINK_DROP_BYTES (256u << 10) /* past it, a new log or beat pushes an old one out */
#define LINK_FULL_BYTES (8u << 20)
#define LINK_MAX_BYTES (64u << 20)

struct link_message;
struct link {
	int fd;                      /* -1 = none: what is sent is forgotten */
	struct link_message *first, **last;
	size_t bytes;                /* waiting */
	bool is_corked;              /* frames are gathered in `message` */
	uint64_t n_dropped;          /* logs and beats that gave way */
	int error; /* the first that broke it (0 = none); nothing is sent after it */
	void (*changed)(
	    void *); /* something waits for the socket now, or the link broke; NULL = - */
	void *changed_arg;
	uint8_t *scratch;            /* FRAME_MAX: to encode into, and to receive into */
	uint8_t *message;            /* FRAME_MAX: frames that will go together */
	size_t n_message;
};

int link_init(struct link *l, int fd);  /* 0 or -ENOMEM. Owns fd, makes it non-blocking */
void link_clear(struct link *l);

/* Queues and tries to send. The `void *` fits msg_text_send. 0, or the link's error. */
int link_send(void *link, const uint8_t *bytes, size_t n);
int link_send_minor(struct link *l, const uint8_t *bytes, size_t n); /* a log or a beat */
/* Sends what waits. 0: all gone; -EAGAIN: some waits for the socket; else the link's error. */
int link_flush(struct link *l);
/* What link_send is given between the two goes in one message, or as few as it fits in. */
void link_cork(struct link *l);
int link_uncork(struct link *l);        /* as link_send */
bool link_is_full(const struct link *l);

/* One frame into f (its bytes live in scratch until the next call of anything). 1; 0: none waits;
 * -ECONNRESET: the agent is gone; -EBADMSG. */
int link_receive(struct link *l, struct frame *f);

#endif
