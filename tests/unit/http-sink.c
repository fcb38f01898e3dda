/*
 * http-sink.c - see http-sink.h. Knows just enough HTTP for what libcurl posts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include "tests/unit/http-sink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POST_MAX (1 << 20)

static char *
header(const char *head, const char *name)
{
	const char *p = strcasestr(head, name);

	if (p == NULL)
		return strdup("");
	p += strlen(name);
	p += strspn(p, ": ");
	return strndup(p, strcspn(p, "\r\n"));
}

/* Reads one request; false: none came whole. */
static bool
read_post(int fd, struct sink_post *post)
{
	char *buf = calloc(1, POST_MAX), *end = NULL, *length;
	size_t n = 0, want = 0;
	ssize_t got;

	while (n < POST_MAX - 1 && (end == NULL || n < want)
	       && (got = read(fd, buf + n, POST_MAX - 1 - n)) > 0) {
		n += (size_t)got;
		if (end == NULL && (end = strstr(buf, "\r\n\r\n")) != NULL) {
			*end = '\0';
			length = header(buf, "\r\nContent-Length");
			want = (size_t)(end + 4 - buf) + strtoul(length, NULL, 10);
			free(length);
		}
	}
	if (end == NULL || n < want) {
		free(buf);
		return false;
	}
	*post =
	    (struct sink_post){header(buf, "\r\nwebhook-id"), header(buf, "\r\nwebhook-timestamp"),
		header(buf, "\r\nwebhook-signature"), strdup(end + 4)};
	free(buf);
	return true;
}

static void
serve(struct sink *s, int fd)
{
	struct sink_post post;
	char answer[512];
	int n = 0;

	if (!read_post(fd, &post)) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (s->status >= 0)
		n = snprintf(answer, sizeof(answer),
		    "HTTP/1.1 %d X\r\nContent-Length: 2\r\nConnection: close\r\n%s\r\nhi",
		    s->status, s->headers != NULL ? s->headers : "");
	if (s->n < SINK_MAX)
		s->posts[s->n++] = post;
	pthread_mutex_unlock(&s->lock);
	if (n > 0 && write(fd, answer, (size_t)n) != n)
		perror("http-sink");
	close(fd);
}

static void *
run(void *arg)
{
	struct sink *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};

		if (poll(&p, 1, 20) == 1) {
			int fd = accept(s->fd, NULL, NULL);

			if (fd >= 0)
				serve(s, fd);
		}
	}
	return NULL;
}

void
sink_start(struct sink *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	*s = (struct sink){.status = 200};
	pthread_mutex_init(&s->lock, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, sizeof(a)) != 0
	    || listen(s->fd, 64) != 0 || getsockname(s->fd, (struct sockaddr *)&a, &len) != 0) {
		perror("http-sink");
		exit(1);
	}
	s->port = ntohs(a.sin_port);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d/hook", s->port);
	pthread_create(&s->thread, NULL, run, s);
}

void
sink_stop(struct sink *s)
{
	__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (size_t i = 0; i < s->n; i++) {
		free(s->posts[i].id);
		free(s->posts[i].timestamp);
		free(s->posts[i].signature);
		free(s->posts[i].body);
	}
	pthread_mutex_destroy(&s->lock);
}

void
sink_answer(struct sink *s, int status, const char *headers)
{
	pthread_mutex_lock(&s->lock);
	s->status = status;
	s->headers = headers;
	pthread_mutex_unlock(&s->lock);
}

size_t
sink_count(struct sink *s)
{
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = s->n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

bool
sink_wait(struct sink *s, size_t n)
{
	for (int i = 0; i < 2000 && sink_count(s) < n; i++)
		usleep(5000);
	return sink_count(s) >= n;
}
