/*
 * link.c - the socket between agent and host: sending with a bounded queue, receiving with a
 * bounded appetite.
 *
 * Runs in: the loop thread. A readable host is read RECEIVE_BURST frames a turn at most, so that
 * one that floods the agent delays nobody; the kernel's buffer then pushes back on it alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/supervise/host.h"
#include <tillwatch/plugin.h>
#include "lib/log.h"
#include "lib/xmalloc.h"

#define RECEIVE_BURST 256
#define REST_MS 100 /* after a read: what comes meanwhile is read together, in one wakeup */
#define SOCKET_BUFFER (1 << 20)

int
link_open(struct host *h, int *child_fd)
{
	int pair[2], size = SOCKET_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	h->fd = pair[0];
	*child_fd = pair[1];
	return 0;
}

static void
close_free(uv_handle_t *handle)
{
	free(handle);
}

void
link_close(struct host *h)
{
	struct out_frame *o;

	if (h->poll != NULL) {
		uv_poll_stop(h->poll);
		uv_close((uv_handle_t *)h->poll, close_free);
		uv_timer_stop(h->rest);
		uv_close((uv_handle_t *)h->rest, close_free);
		h->poll = NULL;
		h->rest = NULL;
	}
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	while ((o = h->out) != NULL) {
		h->out = o->next;
		free(o);
	}
	h->out_last = &h->out;
	h->out_bytes = 0;
}

static void
bad_frame(struct host *h)
{
	pthread_mutex_lock(&h->s->lock);
	h->status.bad_frames++;
	pthread_mutex_unlock(&h->s->lock);
	host_kill(h, "bad frame");
}

static void
on_hello(struct host *h, const struct frame *f)
{
	struct msg_hello m;

	if (msg_hello_decode(&m, f) != 0) {
		host_kill(h, "it speaks another version");
		return;
	}
	if (m.wire != WIRE_VERSION || m.abi_major != TW_ABI_MAJOR) {
		msg_hello_clear(&m);
		host_kill(h, "it speaks another version");
		return;
	}
	pthread_mutex_lock(&h->s->lock);
	h->status.sandbox_level = m.sandbox;
	snprintf(h->status.sandbox, sizeof(h->status.sandbox), "%s", m.sandbox_text);
	pthread_mutex_unlock(&h->s->lock);
	msg_hello_clear(&m);
	h->state = HOST_RUNNING;
	host_publish(h);
}

static void
on_beat(struct host *h, const struct frame *f)
{
	struct host_status *st = &h->status;
	struct msg_beat m;

	if (msg_beat_decode(&m, f) != 0) {
		bad_frame(h);
		return;
	}
	h->last_beat = mono_now();
	pthread_mutex_lock(&h->s->lock);
	st->lag_p50_us = m.lag_p50_us;
	st->lag_p99_us = m.lag_p99_us;
	st->lag_max_us = m.lag_max_us;
	st->runs = m.runs;
	st->skipped = m.skipped;
	st->late = m.late;
	st->timeouts = m.timeouts;
	st->dropped = m.dropped;
	pthread_mutex_unlock(&h->s->lock);
}

/* Generations ascend over everything that is sent: an older one is a configuration that is no more,
 * a newer one than the probe's own is a run that was asked for. */
static struct host_probe *
find_probe(struct host *h, uint32_t id, uint32_t generation)
{
	for (size_t i = 0; i < h->n_probes; i++)
		if (h->probes[i].id == id && generation >= h->probes[i].generation)
			return &h->probes[i];
	return NULL;
}

static void
on_refused(struct host *h, struct host_probe *p, const struct frame *f)
{
	char *path, *text;

	if (msg_refused_decode(&path, &text, f) != 0) {
		bad_frame(h);
		return;
	}
	p->refused = true;
	ingest_scrub(h->s->opts.ingest, text);
	if (h->s->opts.on_refused != NULL)
		h->s->opts.on_refused(h->s->opts.arg, p->id, path, text);
	free(path);
	free(text);
}

static void
on_log(struct host *h, const struct frame *f)
{
	uint8_t level;
	char *text;

	if (msg_log_decode(&level, &text, f) != 0) {
		bad_frame(h);
		return;
	}
	ingest_scrub(h->s->opts.ingest, text);
	log_line(level <= 3   ? LOGL_ERROR
		 : level == 4 ? LOGL_WARN
		 : level <= 6 ? LOGL_INFO
			      : LOGL_DEBUG,
	    "%s: %s", h->group, text);
	free(text);
}

/* A run's frames. Those of a configuration that is no more find nothing, and that is not the host's
 * fault. */
static void
on_run_frame(struct host *h, const struct frame *f)
{
	if (f->type != FRAME_SERIES && find_probe(h, f->probe, f->generation) == NULL)
		return;
	if (ingest_frame(h->ingest, f) != 0) {
		bad_frame(h);
		return;
	}
	if (f->type == FRAME_RESULT)
		h->fails = 0;
}

static void
on_frame(struct host *h, const struct frame *f)
{
	struct host_probe *p;

	if (h->state == HOST_STARTING && f->type != FRAME_HELLO) {
		host_kill(h, "its first frame is no HELLO");
		return;
	}
	switch (f->type) {
	case FRAME_HELLO: on_hello(h, f); break;
	case FRAME_BEAT: on_beat(h, f); break;
	case FRAME_LOG: on_log(h, f); break;
	case FRAME_STARTED:
		if ((p = find_probe(h, f->probe, f->generation)) != NULL)
			p->since_ms = wall_now().ms;
		break;
	case FRAME_REFUSED:
		if ((p = find_probe(h, f->probe, f->generation)) != NULL)
			on_refused(h, p, f);
		break;
	case FRAME_SERIES: case FRAME_SAMPLES: case FRAME_HIST: case FRAME_STATE:
	case FRAME_COMMIT: case FRAME_RESULT:
		on_run_frame(h, f);
		break;
	default:
		bad_frame(h);
	}
}

/* How many frames it had, one at least. */
static int
on_message(struct host *h, const uint8_t *at, size_t n)
{
	int frames = 0;

	for (; n > 0 && h->state != HOST_STOPPING; frames++) {
		struct frame f;
		ptrdiff_t len = frame_parse(&f, at, n);

		if (len < 0) {
			bad_frame(h);
			break;
		}
		on_frame(h, &f);
		at += len;
		n -= (size_t)len;
	}
	return frames > 0 ? frames : 1;
}

/* A host that is stopping is read too, and what it says is let go: it may stand in a send that must
 * end before it can, and a readable socket that nobody reads would keep the loop turning. */
static int
receive(struct host *h)
{
	int i;

	for (i = 0; i < RECEIVE_BURST;) {
		ssize_t n = recv(h->fd, h->s->frame, FRAME_MAX, MSG_TRUNC | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return i;
		if (n <= 0) {
			h->is_deaf = true; /* the exit follows, or the watchdog makes it */
			return i;
		}
		if (n > FRAME_MAX)
			bad_frame(h);
		i += n > FRAME_MAX ? 1 : on_message(h, h->s->frame, (size_t)n);
	}
	return i;
}

/* Sends what waits; EAGAIN leaves the rest for the next writable event. */
static void
flush(struct host *h)
{
	struct out_frame *o;

	while ((o = h->out) != NULL) {
		if (send(h->fd, o->bytes, o->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			return;
		h->out_bytes -= o->len;
		if ((h->out = o->next) == NULL)
			h->out_last = &h->out;
		free(o);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void
arm(struct host *h)
{
	int events = (h->is_resting || h->is_deaf ? 0 : UV_READABLE)
		     | (h->out != NULL ? UV_WRITABLE : 0);

	if (h->poll != NULL && events != 0)
		uv_poll_start(h->poll, events, on_poll);
	else if (h->poll != NULL)
		uv_poll_stop(h->poll);
}

static void on_rested(uv_timer_t *timer);

/* Reads what there is. A host that speaks a hundred times a second would wake us as often: it is
 * not listened to again for REST_MS, and as soon as it was silent for so long. */
static void
listen_to(struct host *h)
{
	int n = receive(h);

	if (h->rest == NULL)
		return; /* what it said was its end */
	h->is_resting = n > 0 && n < RECEIVE_BURST && !h->is_deaf && h->state == HOST_RUNNING;
	if (h->is_resting)
		uv_timer_start(h->rest, on_rested, REST_MS, 0);
	arm(h);
}

void
link_drain(struct host *h)
{
	while (h->fd >= 0 && receive(h) >= RECEIVE_BURST)
		;
}

static void
on_rested(uv_timer_t *timer)
{
	listen_to(timer->data);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct host *h = poll->data;

	if (status < 0) {
		h->is_deaf = true;
		arm(h);
		return;
	}
	if (events & UV_WRITABLE) {
		flush(h);
		if (h->out == NULL)
			arm(h);
	}
	if (events & UV_READABLE)
		listen_to(h);
}

void
link_watch(struct host *h)
{
	h->poll = xcalloc(1, sizeof(*h->poll));
	h->poll->data = h;
	uv_poll_init(h->s->opts.loop, h->poll, h->fd);
	h->rest = xcalloc(1, sizeof(*h->rest));
	h->rest->data = h;
	uv_timer_init(h->s->opts.loop, h->rest);
	h->is_resting = h->is_deaf = false;
	arm(h);
}

int
link_send(void *host, const uint8_t *bytes, size_t n)
{
	struct host *h = host;
	struct out_frame *o;

	if (h->fd < 0)
		return -ENOTCONN;
	if (n > SEND_QUEUE_BYTES - h->out_bytes)
		return -ENOBUFS;
	o = xcalloc(1, sizeof(*o) + n);
	o->len = n;
	memcpy(o->bytes, bytes, n);
	*h->out_last = o;
	h->out_last = &o->next;
	h->out_bytes += n;
	flush(h);
	arm(h);
	return 0;
}

void
link_setup(struct host *h)
{
	const char *json = h->s->opts.setup_json;

	(void)msg_text_send(h->s->frame, FRAME_SETUP, 0, 0, json, strlen(json), link_send, h);
}

void
supervisor_committed(void *host, uint32_t probe, uint32_t generation, uint32_t number)
{
	struct host *h = host;
	ptrdiff_t n = msg_commit_encode(
	    h->s->frame, FRAME_COMMITTED, 0, probe, generation, number);

	if (n > 0 && h->fd >= 0)
		(void)link_send(h, h->s->frame, (size_t)n);
}

struct restore {
	struct host *h;
	struct host_probe *p;
};

static void
restore_one(void *arg, const char *key, const void *data, size_t len)
{
	struct restore *r = arg;
	struct msg_state m = {.key = (char *)(uintptr_t)key, .blob = data, .len = len};
	ptrdiff_t n =
	    msg_state_encode(r->h->s->frame, FRAME_RESTORE, r->p->id, r->p->generation, &m);

	if (n > 0)
		(void)link_send(r->h, r->h->s->frame, (size_t)n);
}

void
link_configure(struct host *h, struct host_probe *p)
{
	struct restore r = {h, p};
	ptrdiff_t n;
	int rc;

	p->since_ms = 0;
	p->refused = false;
	rc = msg_text_send(h->s->frame, FRAME_CONFIGURE, p->id, p->generation, p->json,
	    strlen(p->json), link_send, h);
	if (rc == 0)
		rc = ingest_restore(h->s->opts.ingest, p->id, restore_one, &r);
	if (rc == 0 && (n = msg_empty_encode(h->s->frame, FRAME_START, p->id, p->generation)) > 0)
		rc = link_send(h, h->s->frame, (size_t)n);
	if (rc != 0)
		host_kill(h, "it does not read its configuration");
}
