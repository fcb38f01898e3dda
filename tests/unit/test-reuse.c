/*
 * test-reuse.c - nothing of a request shows in the next one, whatever handle of libcurl carries it.
 *
 * A plain GET to a server that records what it reads; then requests with all that a request may
 * have (body, method, header, cookies, no decoding, a redirect that turns a POST into a GET), and
 * after each of them the plain GET again: the server reads the same bytes each time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/engine.h"

#define TIMEOUT_US 20000000

static const struct tw_header extra = {"X-Extra", "1"};
static const struct tw_request plain = {.size = sizeof(plain)};
static struct tw_request odd[] = {
    {.size = sizeof(plain), .method = "POST", .body = "a=1", .body_len = 3},
    {.size = sizeof(plain), .method = "POST", .body = "a=1", .body_len = 3, .url = "/move"},
    {.size = sizeof(plain), .method = "HEAD"}, {.size = sizeof(plain), .method = "OPTIONS"},
    {.size = sizeof(plain), .headers = &extra, .n_headers = 1},
    {.size = sizeof(plain), .flags = TW_NO_DECODE | TW_NO_VERIFY},
    {.size = sizeof(plain), .max_redirects = -1, .url = "/move"},
    {.size = sizeof(plain)}}; /* the last one has a jar */
#define ODD (sizeof(odd) / sizeof(*odd))

static struct {
	int listener;
	struct loop *loop;
	struct engine *engine;
	struct engine_run *run;
	char base[64], url[96];
	char first[4096];            /* what the server read of the first plain GET */
	pthread_mutex_t mu;
	char now[4096];              /* and what it read last; under mu */
	unsigned n;                  /* requests that were answered: even ones are plain */
	struct loop_timer next;
} t = {.mu = PTHREAD_MUTEX_INITIALIZER};

static void
serve_one(int fd)
{
	static const char move[] = "HTTP/1.1 303 See Other\r\nLocation: /\r\nSet-Cookie: m=1\r\n"
				   "Content-Length: 0\r\nConnection: close\r\n\r\n",
			  done[] = "HTTP/1.1 200 OK\r\nSet-Cookie: s=1\r\nContent-Length: 0\r\n"
				   "Connection: close\r\n\r\n";
	char in[4096];
	size_t len = 0;
	const char *head = NULL, *has_body = NULL;

	while (head == NULL || (has_body != NULL && strstr(head, "a=1") == NULL)) {
		ssize_t n = recv(fd, in + len, sizeof(in) - 1 - len, 0);

		if (n <= 0)
			return;
		in[len += (size_t)n] = '\0';
		head = strstr(in, "\r\n\r\n");
		has_body = strstr(in, "Content-Length: 3");
	}
	pthread_mutex_lock(&t.mu);
	memcpy(t.now, in, len + 1);
	pthread_mutex_unlock(&t.mu);
	if (strstr(in, " /move ") != NULL)
		(void)send(fd, move, sizeof(move) - 1, MSG_NOSIGNAL);
	else
		(void)send(fd, done, sizeof(done) - 1, MSG_NOSIGNAL);
}

/* Until the listener is shut down. */
static void *
serve(void *arg)
{
	int fd;

	while ((fd = accept4(t.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve_one(fd);
		close(fd);
	}
	return arg;
}

static void ask_next(void *arg);

static void
answered(void *arg, const struct tw_answer *a)
{
	char now[sizeof(t.now)];

	(void)arg;
	if (a->error != TW_HTTP_OK)
		fail_msg("request %u: %s", t.n, a->error_text);
	pthread_mutex_lock(&t.mu);
	memcpy(now, t.now, sizeof(now));
	pthread_mutex_unlock(&t.mu);
	if (t.n == 0)
		memcpy(t.first, now, sizeof(now));
	else if (t.n % 2 == 0)
		assert_string_equal(now, t.first);
	else if (odd[t.n / 2].method != NULL || odd[t.n / 2].n_headers > 0)
		assert_true(odd[t.n / 2].url != NULL || strcmp(now, t.first) != 0);
	t.n++;
	loop_timer_set(t.loop, &t.next, mono_now(), ask_next, NULL);
}

static void
ask_next(void *arg)
{
	struct tw_request r;

	(void)arg;
	if (t.n > 2 * ODD) {
		loop_stop(t.loop);
		return;
	}
	r = t.n % 2 == 0 ? plain : odd[t.n / 2];
	snprintf(t.url, sizeof(t.url), "%s%s", t.base, r.url != NULL ? r.url : "/");
	r.url = t.url;
	if (engine_http(
		t.run, &r, mono_add_us(mono_now(), TIMEOUT_US), answered, NULL, NULL)
	    == NULL)
		fail_msg("no memory");
}

static void
nothing_of_a_request_is_in_the_next(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	struct engine_opts opts = {0};
	pthread_t server;
	struct tw_jar *jar;

	(void)state;
	t.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(t.listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(t.listener, 8), 0);
	assert_int_equal(getsockname(t.listener, (struct sockaddr *)&a, &len), 0);
	snprintf(t.base, sizeof(t.base), "http://127.0.0.1:%u", ntohs(a.sin_port));
	assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);

	opts.loop = t.loop = loop_new();
	t.engine = engine_new(&opts);
	t.run = engine_run_new(t.engine);
	jar = odd[ODD - 1].jar = engine_jar_new(t.engine);
	loop_timer_set(t.loop, &t.next, mono_now(), ask_next, NULL);
	assert_int_equal(loop_run(t.loop), 0);
	assert_int_equal(t.n, 2 * ODD + 1);
	assert_non_null(strstr(t.first, "GET / HTTP/1.1\r\n"));
	assert_null(strstr(t.first, "Cookie"));

	shutdown(t.listener, SHUT_RDWR);
	pthread_join(server, NULL);
	close(t.listener);
	engine_jar_free(jar);
	engine_run_free(t.run);
	engine_free(t.engine);
	loop_free(t.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_of_a_request_is_in_the_next)};

	return cmocka_run_group_tests_name("reuse", tests, NULL, NULL);
}
