/*
 * listen.c - see listen.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/access_log/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 16
#define RECEIVE_BYTES (4 << 20)     /* asked of the kernel for datagrams; it may give less */

static bool
take_address(struct listen_at *out, const char *host, in_port_t port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&out->address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out->address;

	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = port;
		out->len = sizeof(*four);
		return true;
	}
	if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = port;
		out->len = sizeof(*six);
		return true;
	}
	return false;
}

int
listen_parse(struct listen_at *out, const char *text, char *err, size_t cap)
{
	const char *colon = strrchr(text, ':'), *host = text + 6;
	char name[64] = "", *end;
	size_t n;
	long port;

	*out = (struct listen_at){.is_tcp = strncmp(text, "tcp://", 6) == 0};
	if ((!out->is_tcp && strncmp(text, "udp://", 6) != 0) || colon <= host) {
		snprintf(err, cap, "%s is not udp://ADDRESS:PORT or tcp://ADDRESS:PORT", text);
		return -EINVAL;
	}
	port = strtol(colon + 1, &end, 10);
	if (end == colon + 1 || *end != '\0' || port < 1 || port > 65535) {
		snprintf(err, cap, "%s has no port of 1 to 65535", text);
		return -EINVAL;
	}
	n = (size_t)(colon - host);
	if (*host == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n < sizeof(name))
		memcpy(name, host, n);
	if (!take_address(out, name, htons((uint16_t)port))) {
		snprintf(err, cap,
		    "%s has no numeric address (udp://127.0.0.1:5514; 0.0.0.0 is all of them)",
		    text);
		return -EINVAL;
	}
	return 0;
}

int
listen_open(const struct listen_at *at)
{
	int on = 1, room = RECEIVE_BYTES, rc;
	int fd = socket(at->address.ss_family,
	    (at->is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (at->address.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (at->is_tcp) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	} else {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		(void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	}
	if (bind(fd, (const struct sockaddr *)&at->address, at->len) != 0
	    || (at->is_tcp && listen(fd, BACKLOG) != 0)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

struct address
listen_sender(const struct sockaddr_storage *from)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
	struct address a = {{[10] = 0xff, [11] = 0xff}};

	if (from->ss_family == AF_INET)
		memcpy(a.bytes + 12, &four->sin_addr, 4);
	else
		memcpy(a.bytes, &six->sin6_addr, 16);
	return a;
}
