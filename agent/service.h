/*
 * service.h - what a service manager is told: that we are ready, read our configuration again, end,
 * and that we still live.
 *
 * DESIGN. systemd's protocol (sd_notify(3)): datagrams of NAME=VALUE lines to the socket that
 * NOTIFY_SOCKET names. It is one sendto(); libsystemd would bring more than it spares. Without a
 * manager everything here does nothing. The watchdog is fed by the loop: an agent whose loop hangs
 * is started again; a slow disk or a slow host alone is no reason to.
 *
 * Runs in: the loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SERVICE_H
#define AGENT_SERVICE_H

#include <stdint.h>

struct service {
	int fd;                       /* -1 = nobody wants to know */
	int64_t watchdog_ms;          /* feed it at least so often; 0 = there is none */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them: they are not for our
 * children. */
void service_open(struct service *s);
void service_close(struct service *s);

void service_ready(const struct service *s, const char *status); /* status: for people */
void service_reloading(const struct service *s);
void service_stopping(const struct service *s);
void service_alive(const struct service *s);

#endif
