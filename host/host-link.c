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

struct link_frame {
	struct link_frame *next;
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
	return (l->scratch = malloc(FRAME_MAX)) != NULL ? 0 : -ENOMEM;
}

static void
remove_frame(struct link *l, struct link_frame **at)
{
	struct link_frame *o = *at;

	l->bytes -= o->len;
	if ((*at = o->next) == NULL)
		l->last = at;
	free(o);
}

void
link_clear(struct link *l)
{
	while (l->first != NULL)
		remove_frame(l, &l->first);
	if (l->fd >= 0)
		close(l->fd);
	free(l->scratch);
	l->fd = -1;
	l->scratch = NULL;
}

int
link_flush(struct link *l)
{
	while (l->error == 0 && l->first != NULL) {
		struct link_frame *o = l->first;

		if (send(l->fd, o->bytes, o->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN || errno == ENOBUFS)
				return -EAGAIN;
			l->error = -errno;
			break;
		}
		remove_frame(l, &l->first);
	}
	return l->error;
}

static int
queue(struct link *l, const uint8_t *bytes, size_t n, bool is_minor)
{
	struct link_frame *o;

	if (l->error != 0 || l->fd < 0)
		return l->error;
	if (n > LINK_MAX_BYTES - l->bytes || (o = malloc(sizeof(*o) + n)) == NULL) {
		l->error = -ENOBUFS;
		if (l->changed != NULL)
			l->changed(l->changed_arg);
		return l->error;
	}
	*o = (struct link_frame){.len = n, .is_minor = is_minor};
	memcpy(o->bytes, bytes, n);
	*l->last = o;
	l->last = &o->next;
	l->bytes += n;
	if (link_flush(l) != 0 && l->changed != NULL)
		l->changed(l->changed_arg);
	return l->error;
}

int
link_send(void *link, const uint8_t *bytes, size_t n)
{
	return queue(link, bytes, n, false);
}

int
link_send_minor(struct link *l, const uint8_t *bytes, size_t n)
{
	struct link_frame **at = &l->first;

	while (l->bytes + n > LINK_DROP_BYTES && *at != NULL) {
		if ((*at)->is_minor) {
			remove_frame(l, at);
			l->n_dropped++;
		} else {
			at = &(*at)->next;
		}
	}
	if (l->bytes + n > LINK_DROP_BYTES) {
		l->n_dropped++;
		return l->error;
	}
	return queue(l, bytes, n, true);
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
	return n <= FRAME_MAX && frame_parse(f, l->scratch, (size_t)n) == 0 ? 1 : -EBADMSG;
}
