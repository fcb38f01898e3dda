/*
 * connections.c - see connections.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "agent/listen/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "lib/xmalloc.h"

void
connections_init(struct connections *s, int64_t deadline_ms)
{
	*s = (struct connections){.deadline_us = deadline_ms * 1000};
	pthread_mutex_init(&s->lock, NULL);
}

void
connections_destroy(struct connections *s)
{
	pthread_mutex_destroy(&s->lock);
}

static struct connection *
connection_new(int fd)
{
	struct connection *k = xcalloc(1, sizeof(*k));
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	k->fd = fd;
	k->since = mono_now();
	k->is_local = getsockname(fd, (struct sockaddr *)&address, &len) == 0
	    && address.ss_family == AF_UNIX;
	return k;
}

void
connections_notify(void *connections, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connections *s = connections;
	struct connection *k, **at;

	pthread_mutex_lock(&s->lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED && info != NULL) {
		k = connection_new(info->connect_fd);
		k->next = s->list;
		s->list = k;
		*context = k;
	} else if (code == MHD_CONNECTION_NOTIFY_CLOSED && *context != NULL) {
		for (at = &s->list; *at != *context; at = &(*at)->next)
			;
		k = *at;
		*at = k->next;
		*context = NULL;
		free(k);
	}
	pthread_mutex_unlock(&s->lock);
}

struct connection *
connection_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

void
connections_reading(struct connections *s, struct MHD_Connection *c, bool is_reading)
{
	struct connection *k = connection_of(c);

	if (k == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	k->since = is_reading ? mono_now() : (mono_t){0};
	pthread_mutex_unlock(&s->lock);
}

void
connections_tick(struct connections *s)
{
	mono_t now = mono_now();

	pthread_mutex_lock(&s->lock);
	for (struct connection *k = s->list; k != NULL; k = k->next)
		if (k->since.us != 0 && mono_sub_us(now, k->since) > s->deadline_us)
			shutdown(k->fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
}
