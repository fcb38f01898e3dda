/*
 * connections.h - the connections of a libmicrohttpd server, so that none outlives its deadline.
 *
 * libmicrohttpd's timeout is one of silence: a client that drips a byte a second would live for
 * ever. Here a connection is known by when it began to send what it sends, and connections_tick
 * shuts down the sockets of those that have not sent a whole request by the deadline.
 *
 * Threads: a connection's own calls connections_notify, connections_reading and
 * connection_is_local; any one connections_tick.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_LISTEN_CONNECTIONS_H
#define AGENT_LISTEN_CONNECTIONS_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

#include "lib/clock.h"

struct connection {
	struct connection *next;
	int fd;
	mono_t since;           /* of the request that is being read; 0 = idle or being answered */
	bool is_local;          /* over a Unix socket */
};

struct connections {
	pthread_mutex_t lock;
	struct connection *list;
	int64_t deadline_us;    /* of a request, from its first byte to its last */
};

void connections_init(struct connections *s, int64_t deadline_ms);
void connections_destroy(struct connections *s); /* its servers have ended */
/* MHD_OPTION_NOTIFY_CONNECTION; its argument is the struct connections. */
void connections_notify(void *connections, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode code);
/* Of c, or NULL; it lives as long as c. */
struct connection *connection_of(struct MHD_Connection *c);
/* A request begins; or it is there, however long its answer takes. */
void connections_reading(struct connections *s, struct MHD_Connection *c, bool is_reading);
void connections_tick(struct connections *s); /* each second */

#endif
