/*
 * listen.c - one port on 127.0.0.1 and ::1, accepted by a thread of its own, with faults before the
 * first byte:
 *
 *	connect   the accept queue is made as short as it goes and filled with connections to
 *	          itself; the kernel then drops every SYN, and clients connect on a
 *	          retransmission, 1, 3 or 7 s later
 *	silent    (at accept) the connection is held and never read
 *	tls       the handshake waits: the connection is handed on `ms` later
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/shop/shop.h"

#define BACKLOG 1024
#define FILLERS 8

struct listener {
	struct shop *shop;
	int fds[2];               /* IPv4, IPv6; -1: none */
	int port;
	bool is_tls, is_started;
	pthread_t thread;
	listen_cb cb;
	void *context;
	atomic_int delayed;       /* threads that hold a connection back */
	int fillers[2 * FILLERS]; /* sockets that fill the queue; -1: none */
};

struct delayed {
	struct listener *listener;
	int fd;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	int64_t accept_ns[2], until_ns; /* 0: held till the peer goes */
};

static socklen_t loopback(int family, int port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (family == AF_INET) {
		struct sockaddr_in *a = (struct sockaddr_in *)out;

		*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		return sizeof(*a);
	}
	*(struct sockaddr_in6 *)out = (struct sockaddr_in6){.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	return sizeof(struct sockaddr_in6);
}

static int bind_one(int family, int *port)
{
	struct sockaddr_storage addr;
	socklen_t len = loopback(family, *port, &addr);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, rc;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* What is accepted inherits it: the kernel stamps what comes before anybody looks. */
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&addr, len) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&addr, &len) == 0) {
		/* the port stands at the same place in both families */
		*port = ntohs(((struct sockaddr_in *)&addr)->sin_port);
		return fd;
	}
	rc = -errno;
	close(fd);
	return rc;
}

/* Both families on one port. A host without IPv6 gets IPv4 alone; a port taken on ::1 gets another
 * try. */
static int bind_both(struct listener *l, int port)
{
	for (int tries = 0; tries < 20; tries++) {
		l->port = port;
		l->fds[0] = bind_one(AF_INET, &l->port);
		if (l->fds[0] < 0)
			return l->fds[0];
		l->fds[1] = bind_one(AF_INET6, &l->port);
		if (l->fds[1] != -EADDRINUSE || port)
			return l->fds[1] == -EADDRINUSE ? -EADDRINUSE : 0;
		close(l->fds[0]);
	}
	return -EADDRINUSE;
}

int listener_open(struct shop *s, int port, bool is_tls, struct listener **out)
{
	struct listener *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return -ENOMEM;
	l->shop = s;
	l->is_tls = is_tls;
	memset(l->fillers, 0xff, sizeof(l->fillers));
	rc = bind_both(l, port);
	if (rc) {
		free(l);
		return rc;
	}
	*out = l;
	return 0;
}

int listener_port(const struct listener *l)
{
	return l->port;
}

/* ---- connections held back ---- */

static void *delayed_main(void *arg)
{
	struct delayed *d = arg;
	struct listener *l = d->listener;

	if (!d->until_ns)
		shop_hold(l->shop, d->fd);
	if (d->until_ns && shop_sleep_until(l->shop, d->until_ns))
		l->cb(l->context, d->fd, &d->addr, d->addr_len, d->accept_ns);
	else
		close(d->fd);
	free(d);
	atomic_fetch_sub(&l->delayed, 1);
	return NULL;
}

static void delay_one(struct listener *l, struct delayed *d)
{
	struct delayed *own = malloc(sizeof(*own));
	pthread_t thread;

	if (own) {
		*own = *d;
		atomic_fetch_add(&l->delayed, 1);
		if (pthread_create(&thread, NULL, delayed_main, own) == 0) {
			pthread_detach(thread);
			return;
		}
		atomic_fetch_sub(&l->delayed, 1);
	}
	free(own);
	close(d->fd);
}

static void accept_one(struct listener *l, int listening)
{
	struct delayed d = {.listener = l, .addr_len = sizeof(d.addr)};
	int64_t ms;
	int on = 1;

	d.fd = accept4(
		listening, (struct sockaddr *)&d.addr, &d.addr_len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (d.fd < 0)
		return;
	truth_now(d.accept_ns);
	setsockopt(d.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (faults_has(l->shop->faults, "silent", "accept", NULL)) {
		delay_one(l, &d);
		return;
	}
	ms = l->is_tls ? faults_delay_ms(l->shop->faults, -1, "tls") : 0;
	d.until_ns = d.accept_ns[1] + ms * 1000000;
	if (ms > 0)
		delay_one(l, &d);
	else
		l->cb(l->context, d.fd, &d.addr, d.addr_len, d.accept_ns);
}

/* ---- the full queue ---- */

static void queue_fill(struct listener *l)
{
	for (int i = 0; i < 2 * FILLERS; i++) {
		int listening = l->fds[i / FILLERS];
		struct sockaddr_storage addr;
		socklen_t len;

		if (listening < 0 || l->fillers[i] >= 0)
			continue;
		if (i % FILLERS == 0)
			listen(listening, 0);
		len = loopback(i / FILLERS ? AF_INET6 : AF_INET, l->port, &addr);
		l->fillers[i] =
			socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (l->fillers[i] >= 0)
			connect(l->fillers[i], (struct sockaddr *)&addr, len);
	}
}

static void queue_free(struct listener *l)
{
	for (int i = 0; i < 2 * FILLERS; i++) {
		if (l->fillers[i] >= 0)
			close(l->fillers[i]);
		l->fillers[i] = -1;
	}
	for (int i = 0; i < 2; i++)
		if (l->fds[i] >= 0)
			listen(l->fds[i], BACKLOG);
}

/* True while nobody shall be accepted. */
static bool queue_is_shut(struct listener *l)
{
	bool is_shut = faults_has(l->shop->faults, "delay", "connect", NULL);

	if (is_shut && l->fillers[0] < 0)
		queue_fill(l);
	else if (!is_shut && l->fillers[0] >= 0)
		queue_free(l);
	return is_shut;
}

static void *listener_main(void *arg)
{
	struct listener *l = arg;

	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		bool is_shut = queue_is_shut(l);
		struct pollfd p[3] = {{.fd = l->shop->stop_fd, .events = POLLIN},
			{.fd = is_shut ? -1 : l->fds[0], .events = POLLIN},
			{.fd = is_shut ? -1 : l->fds[1], .events = POLLIN}};

		poll(p, 3, 50);
		if (p[0].revents)
			return NULL;
		for (int i = 1; i < 3; i++)
			if (p[i].revents & POLLIN)
				accept_one(l, p[i].fd);
	}
}

int listener_start(struct listener *l, listen_cb cb, void *context)
{
	l->cb = cb;
	l->context = context;
	l->is_started = pthread_create(&l->thread, NULL, listener_main, l) == 0;
	return l->is_started ? 0 : -EAGAIN;
}

void listener_stop(struct listener *l)
{
	if (!l)
		return;
	if (l->is_started)
		pthread_join(l->thread, NULL);
	while (atomic_load(&l->delayed) > 0) /* the stop descriptor has woken them */
		usleep(1000);
	queue_free(l);
	for (int i = 0; i < 2; i++)
		if (l->fds[i] >= 0)
			close(l->fds[i]);
	free(l);
}
