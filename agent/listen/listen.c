/*
 * listen.c - see listen.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "agent/listen/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

/* ---- Unix sockets ---- */

/* A socket file that nobody answers at is what a killed agent left behind. */
static int
take_over(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		rc = -EADDRINUSE;
	else if (errno == ECONNREFUSED)
		unlink(address->sun_path);
	close(fd);
	return rc;
}

int
listen_unix(const char *path, mode_t mode, char *err, size_t cap)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, rc;

	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(err, cap, "%s: a socket's path has %zu bytes at most", path,
		    sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if ((rc = take_over(&address)) != 0) {
		snprintf(err, cap, "%s: %s", path,
		    rc == -EADDRINUSE ? "another agent answers there" : strerror(-rc));
		return rc;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) >= 0
	    && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0
	    && chmod(path, mode) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	rc = -errno;
	snprintf(err, cap, "%s: %s", path, strerror(-rc));
	if (fd >= 0)
		close(fd);
	return rc;
}

/* ---- TCP ---- */

static int
parse(const char *text, struct sockaddr_storage *address, socklen_t *len)
{
	const char *colon = strrchr(text, ':');
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	    .ai_socktype = SOCK_STREAM}, *found;
	char host[64];
	size_t n;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && colon[-1] == ']')
		snprintf(host, sizeof(host), "%.*s", (int)n - 2, text + 1);
	else
		snprintf(host, sizeof(host), "%.*s", (int)n, text);
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return -EINVAL;
	memcpy(address, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static bool
is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24) == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static int
port_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return 0;
	return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
					    : ((struct sockaddr_in6 *)&a)->sin6_port);
}

int
listen_tcp(const struct listen_address *a, int *port, char *err, size_t cap)
{
	struct sockaddr_storage address;
	int fd, on = 1, rc;
	socklen_t len;

	if (parse(a->text, &address, &len) != 0) {
		snprintf(err, cap, "%s is no address to listen on (try %s)", a->text, a->example);
		return -EINVAL;
	}
	if (a->is_loopback_only && !is_loopback(&address)) {
		snprintf(err, cap, "%s is not loopback: put a proxy with TLS before 127.0.0.1",
		    a->text);
		return -EPERM;
	}
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0
	    || listen(fd, BACKLOG) != 0) {
		rc = -errno;
		snprintf(err, cap, "cannot listen on %s: %s", a->text, strerror(-rc));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*port = port_of(fd);
	return fd;
}
