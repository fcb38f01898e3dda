/*
 * http-sink.h - a receiver for tests: a thread that answers each POST by a script and keeps what
 * came.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_HTTP_SINK_H
#define TESTS_UNIT_HTTP_SINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define SINK_MAX 4096

struct sink_post {
	char *id, *timestamp, *signature, *body;
};

struct sink {
	int fd, port;
	pthread_t thread;
	pthread_mutex_t lock;
	bool stop;
	int status;          /* of the answers from now on; -1 = close without one */
	const char *headers; /* extra answer headers, each ending in \r\n; NULL = none */
	struct sink_post posts[SINK_MAX];
	size_t n;
	char url[64];
};

void sink_start(struct sink *s);
void sink_stop(struct sink *s);
void sink_answer(struct sink *s, int status, const char *headers);
size_t sink_count(struct sink *s);
/* Waits until n posts came; false after 10 s. */
bool sink_wait(struct sink *s, size_t n);

#endif
