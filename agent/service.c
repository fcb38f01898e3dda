/*
 * service.c - see service.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/service.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"

/* A path, or "@name" in the abstract namespace. -1: it is neither, or cannot be reached. */
static int
connect_to(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int fd;

	if ((*name != '/' && *name != '@') || len >= sizeof(a.sun_path))
		return -1;
	memcpy(a.sun_path, name, len);
	if (*name == '@')
		a.sun_path[0] = '\0';
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int64_t
number_of(const char *text)
{
	char *end;
	long long v = text != NULL ? strtoll(text, &end, 10) : 0;

	return text != NULL && *text != '\0' && *end == '\0' && v > 0 ? v : 0;
}

void
service_open(struct service *s)
{
	const char *name = getenv("NOTIFY_SOCKET"), *pid = getenv("WATCHDOG_PID");

	*s = (struct service){.fd = -1};
	if (name != NULL)
		s->fd = connect_to(name);
	if (pid == NULL || number_of(pid) == getpid())
		s->watchdog_ms = number_of(getenv("WATCHDOG_USEC")) / 3000; /* three tries */
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void
service_close(struct service *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void
tell(const struct service *s, const char *text)
{
	if (s->fd >= 0) /* what does not arrive now is of no use later */
		(void)!send(s->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
service_ready(const struct service *s, const char *status)
{
	char text[512];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%.480s", status);
	text[8 + strcspn(text + 8, "\n")] = '\0';
	tell(s, text);
}

void
service_reloading(const struct service *s)
{
	char text[96];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, mono_now().us);
	tell(s, text);
}

void
service_stopping(const struct service *s)
{
	tell(s, "STOPPING=1");
}

void
service_alive(const struct service *s)
{
	tell(s, "WATCHDOG=1");
}
