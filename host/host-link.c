/*
 * host-link.c - see host-link.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/host-link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define A_CALL 16u /* messages */

struct link_message {
	struct link_message *next;
	bool is_minor;
	size_t len;
	uint8_t bytes[];
};

int
link_init(struct link *l, int fd)
{
	*l = (struct link){.fd = fd};
	l->last = &l->first;
	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	l->scratch = malloc(FRAME_MAX);
	l->message = malloc(FRAME_MAX);
	return l->scratch != NULL && l->message != NULL ? 0 : -ENOMEM;
}

static void
remove_message(struct link *l, struct link_message **at)
{
	struct link_message *o = *at;

	l->bytes -= o->len;
	if ((*at = o->next) == NULL)
		l->last = at;
	free(o);
}

void
link_clear(struct link *l)
{
	while (l->first != NULL)
		remove_message(l, &l->first);
	if (l->fd >= 0)
		close(l->fd);
	free(l->scratch);
	free(l->message);
	l->fd = -1;
	l->scratch = l->message = NULL;
}

/* The first messages that wait, at most A_CALL, in one call. How many went, or -1. */
static int
send_some(const struct link *l)
{
	struct mmsghdr m[A_CALL] = {0};
	struct iovec iov[A_CALL];
	unsigned n = 0;

	for (struct link_message *o = l->first; o != NULL && n < A_CALL; o = o->next, n++) {
		iov[n] = (struct iovec){o->bytes, o->len};
		m[n].msg_hdr = (struct msghdr){.msg_iov = &iov[n], .msg_iovlen = 1};
	}
	return sendmmsg(l->fd, m, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int
link_flush(struct link *l)
{
	while (l->error == 0 && l->first != NULL) {
		int n = send_some(l);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			return -EAGAIN;
		if (n < 0)
			l->error = -errno;
		while (n-- > 0)
			remove_message(l, &l->first);
	}
	return l->error;
}

static int
queue(struct link *l, const uint8_t *bytes, size_t n, bool is_minor)
{
	struct link_message *o;

	if (l->error != 0 || l->fd < 0)
		return l->error;
	if (n > LINK_MAX_BYTES - l->bytes || (o = malloc(sizeof(*o) + n)) == NULL) {
		l->error = -ENOBUFS;
		if (l->changed != NULL)
			l->changed(l->changed_arg);
		return l->error;
	}
	*o = (struct link_message){.len = n, .is_minor = is_minor};
	memcpy(o->bytes, bytes, n);
	*l->last = o;
	l->last = &o->next;
	l->bytes += n;
	return 0;
}

static int
sent(struct link *l)
{
	if (link_flush(l) != 0 && l->changed != NULL)
		l->changed(l->changed_arg);
	return l->error;
}

void
link_cork(struct link *l)
{
	l->is_corked = true;
}

/* What was gathered becomes a message that waits. */
static int
close_message(struct link *l)
{
	size_t n = l->n_message;

	l->n_message = 0;
	return n > 0 ? queue(l, l->message, n, false) : l->error;
}

int
link_uncork(struct link *l)
{
	l->is_corked = false;
	return close_message(l) != 0 ? l->error : sent(l);
}

int
link_send(void *link, const uint8_t *bytes, size_t n)
{
	struct link *l = link;

	if (!l->is_corked)
		return queue(l, bytes, n, false) != 0 ? l->error : sent(l);
	if (l->n_message + n > FRAME_MAX && close_message(l) != 0)
		return l->error;
	memcpy(l->message + l->n_message, bytes, n);
	l->n_message += n;
	return l->error;
}

int
link_send_minor(struct link *l, const uint8_t *bytes, size_t n)
{
	struct link_message **at = &l->first;

	while (l->bytes + n > LINK_DROP_BYTES && *at != NULL) {
		if ((*at)->is_minor) {
			remove_message(l, at);
			l->n_dropped++;
		} else {
			at = &(*at)->next;
		}
	}
	if (l->bytes + n > LINK_DROP_BYTES) {
		l->n_dropped++;
		return l->error;
	}
	return queue(l, bytes, n, true) != 0 ? l->error : sent(l);
}

bool
link_is_full(const struct link *l)
{
	return l->bytes > LINK_FULL_BYTES;
}

int
link_receive(struct link *l, struct frame *f)
{
	ssize_t n;

	do
		n = recv(l->fd, l->scratch, FRAME_MAX, MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	return n <= FRAME_MAX && frame_parse(f, l->scratch, (size_t)n) == n ? 1 : -EBADMSG;
}
