/*
 * receive.c - lines that are sent to us: syslog by UDP and TCP, and the standard input; see log.h.
 *
 * DESIGN. One thread polls all sockets and appends lines to a queue; the source's thread swaps the
 * queue for an empty one at each look. A full queue is not polled for: TCP's senders and pipes
 * wait, the kernel drops datagrams and says how many.
 *
 * Runs in: a thread of its own, between receive_open and receive_free; the lock guards the queue,
 * the counts and the listeners' descriptors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "plugins/access_log/listen.h"
#include "plugins/access_log/log.h"
#include "plugins/access_log/syslog.h"
#include "plugins/common/network.h"
#include "plugins/common/private.h"

#define LISTEN_MAX 8
#define PEERS_MAX 64                /* connections at once, the standard input among them */
#define QUEUE_BYTES (8u << 20)      /* past it nothing is taken from a socket */
#define QUEUE_KEPT (1u << 20)       /* of memory, once it was taken */
#define DATAGRAMS 256               /* of one socket before the others have their turn */
#define DATAGRAM_BYTES 65536
#define WAIT_STEP_MS 10
#define FRAME_ROOM 16               /* a length before a message */

struct peer {
	int fd;                         /* -1: free */
	bool is_plain;                  /* lines, not syslog */
	bool is_skipping;               /* the rest of a line that is too long */
	size_t skip;                    /* bytes of a message that is too long */
	char *bytes;
	size_t n;
};

struct queue {
	char *bytes;
	size_t n, cap;
};

struct listener {
	struct listen_at at;
	int fd;                         /* -1: not open yet */
	uint32_t lost;                  /* as the kernel counts them */
};

struct receive {
	struct receive_options o;
	size_t message_max;
	struct listener listeners[LISTEN_MAX];
	struct peer peers[PEERS_MAX];
	char *datagram;
	int wake;                       /* an eventfd */
	pthread_t thread;
	bool has_thread;

	pthread_mutex_t lock;
	bool is_stopping, has_ended;
	struct queue coming, taken;
	struct receive_counts counts;
};

/* ---- lines: with the lock held ---- */

static bool
reserve(struct queue *q, size_t n)
{
	size_t cap = q->cap > 0 ? q->cap : 65536;
	char *bytes;

	while (cap < q->n + n + LOG_PAD)
		cap *= 2;
	if (cap == q->cap)
		return true;
	if ((bytes = realloc(q->bytes, cap)) == NULL)
		return false;
	q->bytes = bytes;
	q->cap = cap;
	return true;
}

/* A line end inside a message would make two lines of it. */
static void
append(struct receive *r, const char *s, size_t n)
{
	char *to;

	if (n == 0)
		return;
	if (!reserve(&r->coming, n + 1)) {
		r->counts.lost++;
		return;
	}
	to = r->coming.bytes + r->coming.n;
	memcpy(to, s, n);
	for (char *at = to; (at = memchr(at, '\n', (size_t)(to + n - at))) != NULL;)
		*at++ = ' ';
	to[n] = '\n';
	memset(to + n + 1, 0, LOG_PAD);
	r->coming.n += n + 1;
}

static void
append_syslog(struct receive *r, const char *s, size_t n)
{
	size_t len;
	const char *text = syslog_text(s, n, &len);

	append(r, text, len);
}

/* ---- streams ---- */

static enum syslog_frame
next_line(const char *s, size_t n, size_t max, const char **at, size_t *len, size_t *used)
{
	const char *newline = memchr(s, '\n', n);

	*at = s;
	*len = newline != NULL ? (size_t)(newline - s) : n;
	*used = *len + 1;
	return *len > max ? SYSLOG_TOO_LONG : newline != NULL ? SYSLOG_MESSAGE : SYSLOG_MORE;
}

/* The bytes of a message that is too long and of no use: how many of these n. */
static size_t
pass_over(struct peer *p, const char *s, size_t n)
{
	size_t some = p->skip < n ? p->skip : n;
	const char *newline;

	if (!p->is_skipping) {
		p->skip -= some;
		return some;
	}
	newline = memchr(s, '\n', n);
	p->is_skipping = newline == NULL;
	return newline != NULL ? (size_t)(newline - s) + 1 : n;
}

/* Whole messages become lines; what is left stands at the beginning. */
static void
take_messages(struct receive *r, struct peer *p)
{
	size_t done = 0, len, used, skip = 0;
	const char *at;

	while (done < p->n) {
		const char *s = p->bytes + done;
		size_t n = p->n - done;
		enum syslog_frame frame;

		if (p->skip > 0 || p->is_skipping) {
			done += pass_over(p, s, n);
			continue;
		}
		frame = p->is_plain
		    ? next_line(s, n, r->o.max_line, &at, &len, &used)
		    : syslog_frame(s, n, r->message_max, &at, &len, &used, &skip);
		if (frame == SYSLOG_MORE)
			break;
		if (frame == SYSLOG_TOO_LONG) {
			r->counts.too_long++;
			p->skip = p->is_plain ? 0 : skip;
			p->is_skipping = p->skip == 0;
			continue;
		}
		if (p->is_plain)
			append(r, at, len);
		else
			append_syslog(r, at, len);
		done += used;
	}
	p->n -= done;
	memmove(p->bytes, p->bytes + done, p->n);
}

static void
drop_peer(struct receive *r, struct peer *p)
{
	/* A last line may have no end; of a message with its length a part is missing. */
	bool is_whole = p->n > 0 && p->skip == 0 && !p->is_skipping;

	if (is_whole && p->is_plain)
		append(r, p->bytes, p->n);
	else if (is_whole && (p->bytes[0] < '1' || p->bytes[0] > '9'))
		append_syslog(r, p->bytes, p->n);
	if (p->is_plain)
		r->has_ended = true;
	else
		close(p->fd);
	free(p->bytes);
	*p = (struct peer){.fd = -1};
}

static bool
add_peer(struct receive *r, int fd, bool is_plain)
{
	for (int i = 0; i < PEERS_MAX; i++) {
		struct peer *p = &r->peers[i];

		if (p->fd >= 0)
			continue;
		*p = (struct peer){.fd = fd, .is_plain = is_plain,
		    .bytes = malloc(r->message_max + FRAME_ROOM)};
		if (p->bytes != NULL)
			return true;
		p->fd = -1;
		break;
	}
	return false;
}

static void
read_peer(struct receive *r, struct peer *p)
{
	ssize_t n;

	n = read(p->fd, p->bytes + p->n, r->message_max + FRAME_ROOM - p->n);
	pthread_mutex_lock(&r->lock);
	if (n > 0) {
		r->counts.bytes += (uint64_t)n;
		p->n += (size_t)n;
		take_messages(r, p);
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		drop_peer(r, p);
	}
	pthread_mutex_unlock(&r->lock);
}

/* ---- sockets ---- */

static bool
may_send(const struct receive *r, const struct sockaddr_storage *from)
{
	struct address a = listen_sender(from);

	return r->o.n_senders > 0 ? network_has(r->o.senders, r->o.n_senders, &a)
				  : bytes_lead_inside(a.bytes);
}

static void
accept_peer(struct receive *r, struct listener *l)
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (may_send(r, &from) && add_peer(r, fd, false))
		return;
	close(fd);
	pthread_mutex_lock(&r->lock);
	r->counts.refused++;
	pthread_mutex_unlock(&r->lock);
}

static void
take_datagram(struct receive *r, struct listener *l, struct msghdr *m, size_t n,
    const struct sockaddr_storage *from)
{
	uint32_t lost;

	pthread_mutex_lock(&r->lock);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&lost, CMSG_DATA(c), sizeof(lost));
			r->counts.lost += (uint32_t)(lost - l->lost);
			l->lost = lost;
		}
	r->counts.bytes += n;
	if (!may_send(r, from))
		r->counts.refused++;
	else
		append_syslog(r, r->datagram, n);
	pthread_mutex_unlock(&r->lock);
}

static void
read_datagrams(struct receive *r, struct listener *l)
{
	for (int i = 0; i < DATAGRAMS; i++) {
		char control[CMSG_SPACE(sizeof(uint32_t))];
		struct sockaddr_storage from = {0};
		struct iovec bytes = {r->datagram, DATAGRAM_BYTES};
		struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from),
		    .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control,
		    .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(l->fd, &m, MSG_DONTWAIT);

		if (n < 0)
			return;
		take_datagram(r, l, &m, (size_t)n, &from);
	}
}

/* ---- the thread ---- */

/* What is polled for now; owners[i] is a peer, a listener, or NULL for what wakes us. */
static nfds_t
collect(struct receive *r, struct pollfd *fds, void **owners)
{
	bool is_full;
	nfds_t n = 0;

	fds[n] = (struct pollfd){.fd = r->wake, .events = POLLIN};
	owners[n++] = NULL;
	pthread_mutex_lock(&r->lock);
	is_full = r->coming.n >= QUEUE_BYTES;
	for (uint32_t i = 0; i < r->o.n_listen && !is_full; i++)
		if (r->listeners[i].fd >= 0) {
			fds[n] = (struct pollfd){.fd = r->listeners[i].fd, .events = POLLIN};
			owners[n++] = &r->listeners[i];
		}
	pthread_mutex_unlock(&r->lock);
	for (int i = 0; i < PEERS_MAX && !is_full; i++)
		if (r->peers[i].fd >= 0) {
			fds[n] = (struct pollfd){.fd = r->peers[i].fd, .events = POLLIN};
			owners[n++] = &r->peers[i];
		}
	return n;
}

static void
serve(struct receive *r, void *owner)
{
	struct listener *l = owner;

	if ((char *)owner >= (char *)r->peers && (char *)owner < (char *)(r->peers + PEERS_MAX))
		read_peer(r, owner);
	else if (l->at.is_tcp)
		accept_peer(r, l);
	else
		read_datagrams(r, l);
}

static void *
run(void *arg)
{
	struct pollfd fds[1 + LISTEN_MAX + PEERS_MAX];
	void *owners[1 + LISTEN_MAX + PEERS_MAX];
	struct receive *r = arg;
	uint64_t woken;

	for (;;) {
		nfds_t n = collect(r, fds, owners);
		bool is_stopping;

		if (poll(fds, n, -1) < 0)
			continue;
		if (fds[0].revents != 0 && read(r->wake, &woken, sizeof(woken)) < 0)
			continue;
		pthread_mutex_lock(&r->lock);
		is_stopping = r->is_stopping;
		pthread_mutex_unlock(&r->lock);
		if (is_stopping)
			return NULL;
		for (nfds_t i = 1; i < n; i++)
			if (fds[i].revents != 0)
				serve(r, owners[i]);
	}
}

static void
wake(struct receive *r)
{
	uint64_t one = 1;

	if (write(r->wake, &one, sizeof(one)) < 0)
		return; /* it is awake: the counter is full */
}

/* ---- from outside ---- */

struct receive *
receive_new(const struct receive_options *o, uint32_t *which, char *err, size_t cap)
{
	struct receive *r = calloc(1, sizeof(*r));

	err[0] = '\0';
	if (r == NULL)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	r->wake = -1;
	for (int i = 0; i < PEERS_MAX; i++)
		r->peers[i].fd = -1;
	for (int i = 0; i < LISTEN_MAX; i++)
		r->listeners[i].fd = -1;
	r->o = *o;
	r->message_max = o->max_line + SYSLOG_HEADER;
	for (uint32_t i = 0; i < o->n_listen; i++) {
		*which = i;
		if (i == LISTEN_MAX)
			snprintf(err, cap, "more than %d", LISTEN_MAX);
		if (i == LISTEN_MAX
		    || listen_parse(&r->listeners[i].at, o->listen[i], err, cap) != 0) {
			r->o.n_listen = i;
			receive_free(r);
			return NULL;
		}
	}
	if ((r->datagram = malloc(DATAGRAM_BYTES)) == NULL
	    || (r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0
	    || (o->has_input && !add_peer(r, STDIN_FILENO, true))) {
		receive_free(r);
		return NULL;
	}
	return r;
}

static int
start_thread(struct receive *r)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	r->has_thread = rc == 0;
	return -rc;
}

int
receive_open(struct receive *r, char *err, size_t cap)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->o.n_listen; i++) {
		int fd;

		if (r->listeners[i].fd >= 0)
			continue;
		if ((fd = listen_open(&r->listeners[i].at)) < 0) {
			rc = fd;
			snprintf(err, cap, "%s: %s%s", r->o.listen[i], strerror(-rc),
			    rc == -EACCES ? " (a port below 1024 needs a privilege)" : "");
			continue;
		}
		pthread_mutex_lock(&r->lock);
		r->listeners[i].fd = fd;
		pthread_mutex_unlock(&r->lock);
		wake(r);
	}
	if (!r->has_thread && start_thread(r) != 0) {
		snprintf(err, cap, "no thread");
		return -EAGAIN;
	}
	return rc;
}

bool
receive_take(struct receive *r, char **lines, size_t *n)
{
	struct queue q = r->taken;

	if (q.cap > QUEUE_KEPT) {
		free(q.bytes);
		q = (struct queue){0};
	}
	q.n = 0;
	pthread_mutex_lock(&r->lock);
	r->taken = r->coming;
	r->coming = q;
	pthread_mutex_unlock(&r->lock);
	if (r->taken.n >= QUEUE_BYTES)
		wake(r);
	*lines = r->taken.bytes;
	*n = r->taken.n;
	return *n > 0;
}

void
receive_wait(struct receive *r, int64_t at_most_us)
{
	mono_t until = mono_add_us(mono_now(), at_most_us);
	bool is_over = false;

	while (!is_over) {
		pthread_mutex_lock(&r->lock);
		is_over = r->coming.n > 0 || r->has_ended;
		pthread_mutex_unlock(&r->lock);
		is_over = is_over || mono_sub_us(until, mono_now()) <= 0;
		if (!is_over)
			poll(NULL, 0, WAIT_STEP_MS);
	}
}

bool
receive_has_ended(struct receive *r)
{
	bool has_ended;

	pthread_mutex_lock(&r->lock);
	has_ended = r->has_ended && r->o.n_listen == 0;
	pthread_mutex_unlock(&r->lock);
	return has_ended;
}

struct receive_counts
receive_counts(struct receive *r)
{
	struct receive_counts counts;

	pthread_mutex_lock(&r->lock);
	counts = r->counts;
	pthread_mutex_unlock(&r->lock);
	return counts;
}

void
receive_free(struct receive *r)
{
	if (r == NULL)
		return;
	if (r->has_thread) {
		pthread_mutex_lock(&r->lock);
		r->is_stopping = true;
		pthread_mutex_unlock(&r->lock);
		wake(r);
		pthread_join(r->thread, NULL);
	}
	for (int i = 0; i < PEERS_MAX; i++) {
		if (r->peers[i].fd >= 0 && !r->peers[i].is_plain)
			close(r->peers[i].fd);
		free(r->peers[i].bytes);
	}
	for (int i = 0; i < LISTEN_MAX; i++)
		if (r->listeners[i].fd >= 0)
			close(r->listeners[i].fd);
	if (r->wake >= 0)
		close(r->wake);
	free(r->datagram);
	free(r->coming.bytes);
	free(r->taken.bytes);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
