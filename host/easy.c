/*
 * easy.c - libcurl on our loop: multis, their timers and sockets, a pool of easy handles.
 *
 * Cold requests share one multi; a run that wants warm connections gets a multi of its own, so that
 * nobody else's connection is ever reused. A handle of the pool keeps what all requests set alike
 * (http_prepare), has no cookies, and carried only plain GETs: one that had a body or another
 * method is not used again, so that nothing of it can leak into somebody else's request.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "host/engine-internal.h"

/* What hangs on a socket of libcurl: who reads from it, for the kernel's stamp. */
struct owner {
	struct multi *multi;
	CURL *easy;
	int fd;
};

static void
check_done(struct multi *m)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(m->curl, &left)) != NULL)
		if (msg->msg == CURLMSG_DONE) {
			CURL *easy = msg->easy_handle;
			CURLcode code = msg->data.result;

			http_finished(easy, code); /* tells nobody yet: m lives on */
		}
}

static void
on_socket(void *arg, uint32_t events)
{
	struct owner *o = arg;
	struct multi *m = o->multi;
	int running, fd = o->fd;
	int bits = (events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0)
		   | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0)
		   | (events & EPOLLERR ? CURL_CSELECT_ERR : 0);

	if (events & EPOLLIN)
		http_readable(o->easy, fd);
	m->entered = mono_now();
	curl_multi_socket_action(m->curl, fd, bits, &running);
	check_done(m);
}

/* CURLMOPT_SOCKETFUNCTION: libcurl says what it waits for. */
static int
watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct owner *o = socket_arg;
	struct multi *m = arg;
	uint32_t events =
	    (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	if (what == CURL_POLL_REMOVE) {
		if (o != NULL)
			(void)loop_fd_set(m->engine->loop, fd, 0, NULL, NULL);
		curl_multi_assign(m->curl, fd, NULL);
		free(o);
		return 0;
	}
	if (o == NULL) {
		if ((o = calloc(1, sizeof(*o))) == NULL)
			return -1;
		curl_multi_assign(m->curl, fd, o);
	}
	*o = (struct owner){m, easy, fd};
	return loop_fd_set(m->engine->loop, fd, events, on_socket, o) == 0 ? 0 : -1;
}

static void
on_timer(void *arg)
{
	struct multi *m = arg;
	int running;

	m->entered = mono_now();
	curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &running);
	check_done(m);
}

static int
set_timer(CURLM *curl, long timeout_ms, void *arg)
{
	struct multi *m = arg;

	(void)curl;
	if (timeout_ms < 0)
		loop_timer_clear(m->engine->loop, &m->timer);
	else
		loop_timer_set(m->engine->loop, &m->timer,
		    mono_add_us(mono_now(), timeout_ms * 1000), on_timer, m);
	return 0;
}

void
multi_kick(struct multi *m)
{
	if (m->timer.index == 0 || mono_sub_us(m->timer.at, mono_now()) > 0)
		return;
	loop_timer_clear(m->engine->loop, &m->timer);
	on_timer(m);
}

int
multi_setup(struct multi *m, struct engine *e, long connections)
{
	m->engine = e;
	if ((m->curl = curl_multi_init()) == NULL)
		return -1;
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, watch);
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
	/* Two requests on one HTTP/2 connection would wait for each other; measurements do not
	 * share. */
	curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, connections);
	return 0;
}

void
multi_clear(struct multi *m)
{
	if (m->curl == NULL)
		return;
	curl_multi_cleanup(m->curl);
	loop_timer_clear(m->engine->loop, &m->timer);
	m->curl = NULL;
}

CURL *
easy_take(struct engine *e)
{
	CURL *easy;

	if (e->n_pool > 0)
		return e->pool[--e->n_pool];
	if ((easy = curl_easy_init()) != NULL)
		http_prepare(easy);
	return easy;
}

void
easy_give(struct engine *e, CURL *easy, bool is_plain)
{
	curl_easy_setopt(easy, CURLOPT_COOKIELIST, "ALL"); /* forgets them */
	if (is_plain && e->n_pool < POOL_MAX)
		e->pool[e->n_pool++] = easy;
	else
		curl_easy_cleanup(easy);
}

void
easy_pool_clear(struct engine *e)
{
	while (e->n_pool > 0)
		curl_easy_cleanup(e->pool[--e->n_pool]);
}
