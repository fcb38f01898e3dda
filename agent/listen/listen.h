/*
 * listen.h - sockets that the agent's HTTP servers listen on.
 *
 * Both calls give a descriptor that listens, does not block and is closed on exec, the caller's; or
 * -errno, and in err what a user can do about it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_LISTEN_LISTEN_H
#define AGENT_LISTEN_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct listen_address {
	const char *text;       /* "127.0.0.1:9764", "[::1]:0": numeric, no resolver is asked */
	const char *example;    /* a right one, for the error */
	bool is_loopback_only;  /* -EPERM for others */
};

/* port: the one that it got. */
int listen_tcp(const struct listen_address *a, int *port, char *err, size_t cap);
/* A socket file that nobody answers at is taken over; one that answers is somebody else's:
 * -EADDRINUSE. mode: the file's. */
int listen_unix(const char *path, mode_t mode, char *err, size_t cap);

#endif
