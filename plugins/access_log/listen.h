/*
 * listen.h - where lines are received: "udp://127.0.0.1:5514", "tcp://[::1]:5514".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_ACCESS_LOG_LISTEN_H
#define PLUGINS_ACCESS_LOG_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "plugins/common/network.h"

struct listen_at {
	bool is_tcp;
	struct sockaddr_storage address;
	socklen_t len;
};

/* 0, or -EINVAL with a sentence. */
int listen_parse(struct listen_at *out, const char *text, char *err, size_t cap);
/* A socket that is bound, and listens if it is TCP's; does not block. Or -errno. */
int listen_open(const struct listen_at *at);
struct address listen_sender(const struct sockaddr_storage *from);

#endif
