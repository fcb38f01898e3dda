/*
 * test-late.c - when the loop was away while an answer came: the kernel's stamp of a single segment
 * is right and says so; of segments that were joined meanwhile it is the last one's, and the hop is
 * marked late.
 *
 * A server thread answers as told; the loop is held up by a timer until the server has written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/engine.h"

#define APART_US 20000               /* head and body */
#define TIMEOUT_US 20000000

static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", body[] = "body";

static struct {
	int listener;
	bool in_pieces;
	/* the server has the request; the loop is away; its answer is out */
	sem_t asked, held, written;
	struct loop *loop;
	struct engine_run *run;
	struct loop_timer hold;
	bool holds, late;
	int64_t wait_us, held_us;
	int status;
} t;

static void *
serve(void *arg)
{
	int fd = accept4(t.listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
	char in[4096];

	(void)arg;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (recv(fd, in, sizeof(in), 0) <= 0)
		abort();
	sem_post(&t.asked);
	/* The request is out, and its sender has the time to see that, before the answer is. */
	usleep(APART_US);
	if (t.holds)
		while (sem_wait(&t.held) != 0)
			;
	if (t.in_pieces) {
		(void)send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL);
		usleep(APART_US);
		(void)send(fd, body, sizeof(body) - 1, MSG_NOSIGNAL);
	} else {
		char whole[sizeof(head) + sizeof(body)];

		snprintf(whole, sizeof(whole), "%s%s", head, body);
		(void)send(fd, whole, strlen(whole), MSG_NOSIGNAL);
	}
	sem_post(&t.written);
	(void)recv(fd, in, sizeof(in), 0);
	close(fd);
	return NULL;
}

/* The loop is away from when the server has the request until it has answered, and then some. */
static void
hold(void *arg)
{
	int64_t from = mono_now().us;

	(void)arg;
	if (sem_trywait(&t.asked) != 0) {
		loop_timer_set(t.loop, &t.hold, mono_add_us(mono_now(), 500), hold, NULL);
		return;
	}
	sem_post(&t.held);
	while (sem_wait(&t.written) != 0)
		;
	usleep(APART_US);
	t.held_us = mono_now().us - from;
}

static void
on_answer(void *arg, const struct tw_answer *a)
{
	(void)arg;
	assert_int_equal(a->error, TW_HTTP_OK);
	t.status = a->status;
	t.late = a->late;
	t.wait_us = a->hops->wait_us;
	loop_stop(t.loop);
}

static void
ask(bool in_pieces, bool holds)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct tw_request r = {.size = sizeof(r), .address = "127.0.0.1"};
	struct engine_opts o = {0};
	socklen_t len = sizeof(at);
	struct engine *e;
	pthread_t server;
	char url[64];

	t.in_pieces = in_pieces;
	t.holds = holds;
	sem_init(&t.asked, 0, 0);
	sem_init(&t.held, 0, 0);
	sem_init(&t.written, 0, 0);
	t.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(t.listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(t.listener, 1), 0);
	assert_int_equal(getsockname(t.listener, (struct sockaddr *)&at, &len), 0);
	snprintf(url, sizeof(url), "http://shop.test:%d/", ntohs(at.sin_port));
	r.url = url;
	o.loop = t.loop = loop_new();
	e = engine_new(&o);
	t.run = engine_run_new(e);
	assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
	assert_non_null(engine_http(
	    t.run, &r, mono_add_us(mono_now(), TIMEOUT_US), on_answer, NULL, NULL));
	t.hold = (struct loop_timer){0};
	if (holds)
		loop_timer_set(t.loop, &t.hold, mono_now(), hold, NULL);
	loop_run(t.loop);
	engine_run_free(t.run);
	pthread_join(server, NULL);
	engine_free(e);
	loop_free(t.loop);
	close(t.listener);
	assert_int_equal(t.status, 200);
}

static void
joined_segments_are_late(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		ask(true, true);
		assert_true(t.late);
	}
}

/* On a machine that is busy too the request itself may be told of late: then not every time. */
static void
one_segment_is_right_however_late_it_is_read(void **state)
{
	int right = 0;

	(void)state;
	for (int i = 0; i < 5 || (right == 0 && i < 200); i++) {
		ask(false, true);
		/* It came APART_US after the request; the loop was away for longer than that. */
		right += !t.late && t.wait_us < t.held_us;
	}
	assert_true(right > 0);
}

static void
who_looks_in_time_is_not_late(void **state)
{
	int right = 0;

	(void)state;
	for (int i = 0; i < 5 || (right == 0 && i < 200); i++) {
		ask(true, false);
		right += !t.late;
	}
	assert_true(right > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(joined_segments_are_late),
	    cmocka_unit_test(one_segment_is_right_however_late_it_is_read),
	    cmocka_unit_test(who_looks_in_time_is_not_late)};

	return cmocka_run_group_tests_name("late", tests, NULL, NULL);
}
