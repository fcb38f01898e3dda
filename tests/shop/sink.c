/*
 * sink.c - writes bytes to a non-blocking connection of either port, past libmicrohttpd.
 * Runs in the thread of the connection; waits for a slow reader, at most 60 s a write, and for no
 * one once the shop ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "tests/shop/shop.h"

static int send_plain(struct sink *k, const void *data, size_t len, short *events)
{
	ssize_t n = send(k->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	*events = POLLOUT;
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

bool sink_write(struct sink *k, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		short events = POLLOUT;
		size_t piece = len > 65536 ? 65536 : len;
		int n = (k->send ? k->send : send_plain)(k, at, piece, &events);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
			k->sent += (uint64_t)n;
		} else if (n == -1) {
			struct pollfd p[2] = {{.fd = k->shop->stop_fd, .events = POLLIN},
				{.fd = k->fd, .events = events}};

			if (poll(p, 2, 60000) <= 0 || p[0].revents)
				return false;
		} else {
			return false;
		}
	}
	return !shop_is_ending(k->shop);
}

bool sink_text(struct sink *k, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return n >= 0 && n < (int)sizeof(text) && sink_write(k, text, (size_t)n);
}

void sink_reset_on_close(struct sink *k)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(k->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}
