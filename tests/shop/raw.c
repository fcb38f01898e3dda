/*
 * raw.c - the raw port: a small HTTP/1.1 server on its own sockets, plain or TLS by the first byte,
 * that can lie in every byte and knows the truth about its own timing.
 *
 * Serves the whole shop too, keeps connections alive, and writes a line of truth.log for each
 * request: when its connection was accepted, when it was wholly read, and when head and body were
 * written, in CLOCK_REALTIME and CLOCK_MONOTONIC nanoseconds, each taken right before the call.
 *
 * One thread a connection, at most CONNS; a request's head has HEAD_MAX bytes, 30 s pass between
 * two of its reads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/shop/shop.h"

#define CONNS 2000
#define HEAD_MAX 65536

struct raw {
	struct shop *shop;
	struct listener *listener;
	SSL_CTX *tls;
	atomic_int live;
	atomic_ullong accepted;
};

struct conn {
	struct raw *raw;
	int fd;
	SSL *ssl;
	struct sink sink;
	uint64_t id, requests;
	char remote[64];
	struct truth truth;
	char in[HEAD_MAX + 1];
	size_t have;
};

/* ---- bytes in and out ---- */

static bool wait_for(struct conn *c, short events)
{
	struct pollfd p[2] = {
		{.fd = c->raw->shop->stop_fd, .events = POLLIN}, {.fd = c->fd, .events = events}};

	return poll(p, 2, 30000) > 0 && !p[0].revents;
}

static int send_openssl(struct sink *k, const void *data, size_t len, short *events)
{
	int n;

	ERR_clear_error();
	n = SSL_write(k->tls, data, (int)len);
	if (n > 0)
		return n;
	*events = SSL_get_error(k->tls, n) == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
	n = SSL_get_error(k->tls, n);
	return n == SSL_ERROR_WANT_READ || n == SSL_ERROR_WANT_WRITE ? -1 : -2;
}

/* recv, and when the kernel had received it: a reader that waits for a processor does not shift it
 */
static ssize_t recv_stamped(struct conn *c, void *to, size_t size)
{
	char control[256];
	struct iovec iov = {to, size};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(c->fd, &msg, 0);

	if (n <= 0)
		return n;
	for (struct cmsghdr *m = CMSG_FIRSTHDR(&msg); m; m = CMSG_NXTHDR(&msg, m)) {
		struct timespec t;

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(m), sizeof(t));
		c->truth.came_real = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	}
	return n;
}

/* Some bytes: their count, or 0 when there will be none. */
static size_t conn_read(struct conn *c, void *to, size_t size)
{
	for (;;) {
		short events = POLLIN;
		ssize_t n;

		if (c->ssl) {
			ERR_clear_error();
			n = SSL_read(c->ssl, to, (int)size);
			if (n <= 0) {
				int why = SSL_get_error(c->ssl, (int)n);

				events = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
				n = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1
											      : 0;
			}
		} else {
			n = recv_stamped(c, to, size);
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				return 0;
		}
		if (n >= 0)
			return (size_t)n;
		if (!wait_for(c, events))
			return 0;
	}
}

static bool conn_handshake(struct conn *c)
{
	int64_t ms = faults_delay_ms(c->raw->shop->faults, -1, "tls");

	if (!shop_sleep_us(c->raw->shop, ms * 1000))
		return false;
	c->ssl = SSL_new(c->raw->tls);
	if (!c->ssl || !SSL_set_fd(c->ssl, c->fd))
		return false;
	SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	c->sink.tls = c->ssl;
	c->sink.send = send_openssl;
	for (;;) {
		int n, why;

		ERR_clear_error();
		n = SSL_accept(c->ssl);
		if (n == 1)
			return true;
		why = SSL_get_error(c->ssl, n);
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return false;
		if (!wait_for(c, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT))
			return false;
	}
}

/* ---- one request ---- */

/* The head's length with its empty line, 0 when the connection ends before. */
static size_t head_read(struct conn *c)
{
	for (;;) {
		char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
		size_t n;

		if (end)
			return (size_t)(end - c->in) + 4;
		if (c->have == HEAD_MAX)
			return 0;
		n = conn_read(c, c->in + c->have, HEAD_MAX - c->have);
		if (n == 0)
			return 0;
		c->have += n;
	}
}

/* The value of a header in a copied head whose lines end in NUL; NULL when absent. */
static char *head_find(char *head, size_t len, const char *name)
{
	size_t name_len = strlen(name);
	char *line = head;

	while ((line = memchr(line, '\0', (size_t)(head + len - line))) && ++line < head + len)
		if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':')
			return line + name_len + 1 + strspn(line + name_len + 1, " \t");
	return NULL;
}

struct parsed {
	struct request r;
	char *head, *body;
	size_t body_len;
	bool closes;
	char visitor[64], session[40], target[2048];
};

static bool head_parse(struct parsed *p, size_t len)
{
	char *space, *second, *mark, *length;
	struct request *r = &p->r;

	for (size_t i = 0; i < len; i++)
		if (p->head[i] == '\r' || p->head[i] == '\n')
			p->head[i] = '\0';
	space = strchr(p->head, ' ');
	second = space ? strchr(space + 1, ' ') : NULL;
	if (!second || strncmp(second + 1, "HTTP/1.", 7) != 0)
		return false;
	*space = *second = '\0';
	snprintf(p->target, sizeof(p->target), "%s", space + 1);
	r->method = p->head;
	r->path = space + 1;
	mark = strchr(space + 1, '?');
	r->query = mark ? mark + 1 : "";
	if (mark)
		*mark = '\0';
	/* the line's end has moved: look on behind it */
	mark = second + 1 + strlen(second + 1);
	len -= (size_t)(mark - p->head);
	r->host = head_find(mark, len, "host");
	r->referer = head_find(mark, len, "referer");
	r->agent = head_find(mark, len, "user-agent");
	r->synthetic = head_find(mark, len, "x-synthetic");
	r->cookie = head_find(mark, len, "cookie");
	r->authorization = head_find(mark, len, "authorization");
	r->hook_id = head_find(mark, len, "webhook-id");
	r->hook_time = head_find(mark, len, "webhook-timestamp");
	r->hook_signature = head_find(mark, len, "webhook-signature");
	length = head_find(mark, len, "content-length");
	p->body_len = length ? strtoul(length, NULL, 10) : 0;
	length = head_find(mark, len, "connection");
	p->closes = length && strcasecmp(length, "close") == 0;
	return p->body_len <= SHOP_BODY_MAX;
}

static bool body_read(struct conn *c, struct parsed *p, size_t head_len)
{
	size_t have = c->have - head_len, take = have < p->body_len ? have : p->body_len;

	p->body = malloc(p->body_len + 1);
	if (!p->body)
		return false;
	memcpy(p->body, c->in + head_len, take);
	memmove(c->in, c->in + head_len + take, have - take);
	c->have = have - take;
	while (take < p->body_len) {
		size_t n = conn_read(c, p->body + take, p->body_len - take);

		if (n == 0)
			return false;
		take += n;
	}
	p->body[take] = '\0';
	p->r.body = p->body;
	p->r.body_len = take;
	return true;
}

static bool answer_write(
	struct conn *c, struct parsed *p, const struct plan *plan, unsigned *status)
{
	struct truth *t = &c->truth;
	struct answer a;
	struct buf out;
	size_t first;
	bool is_open;

	answer_init(&a);
	buf_init(&out, 5 << 20);
	plan_answer(plan, &p->r, &a);
	answer_bytes(&a, strcmp(p->r.method, "HEAD") == 0, p->closes, &out);
	first = plan->transfer_us ? out.len - a.body.len / 2 : out.len;
	truth_now(t->head);
	is_open = sink_write(&c->sink, out.data, first);
	t->head_done_ns = now_ns(CLOCK_MONOTONIC);
	if (first < out.len)
		shop_sleep_us(c->raw->shop, plan->transfer_us);
	truth_now(t->body);
	is_open = is_open && sink_write(&c->sink, out.data + first, out.len - first);
	t->body_done_ns = now_ns(CLOCK_MONOTONIC);
	*status = a.status;
	buf_free(&out);
	answer_free(&a);
	return is_open;
}

/* Foreign text in it is the tag alone: letters, digits, '-', '_', '.'. */
static void truth_log(struct conn *c, const struct parsed *p)
{
	const struct truth *t = &c->truth;
	char tag[64] = "", line[900];
	int n;

	query_get(p->r.query, "tag", tag, sizeof(tag));
	for (char *s = tag; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
			    *s))
			*s = '_';
	n = snprintf(line, sizeof(line),
		"{\"conn\":%llu,\"req\":%llu,\"tag\":\"%s\",\"tls\":%s,"
		"\"accept_real\":%lld,\"accept_mono\":%lld,\"came_real\":%lld,"
		"\"read_real\":%lld,\"read_mono\":%lld,"
		"\"head_real\":%lld,\"head_mono\":%lld,\"head_done_mono\":%lld,"
		"\"body_real\":%lld,\"body_mono\":%lld,\"body_done_mono\":%lld}\n",
		(unsigned long long)c->id, (unsigned long long)c->requests, tag,
		c->ssl ? "true" : "false", (long long)t->accept[0], (long long)t->accept[1],
		(long long)t->came_real, (long long)t->read[0], (long long)t->read[1],
		(long long)t->head[0], (long long)t->head[1], (long long)t->head_done_ns,
		(long long)t->body[0], (long long)t->body[1], (long long)t->body_done_ns);
	journal_write(c->raw->shop->truth, line, (size_t)n);
}

static void request_log(struct conn *c, const struct parsed *p, unsigned status, uint64_t bytes)
{
	int64_t end = now_ns(CLOCK_MONOTONIC);

	truth_log(c, p);
	access_log(c->raw->shop,
		&(struct log_entry){.remote = c->remote,
			.method = p->r.method,
			.target = p->target,
			.referer = p->r.referer,
			.agent = p->r.agent,
			.visitor = p->r.visitor,
			.synthetic = p->r.synthetic,
			.status = status,
			.bytes = bytes,
			.at_ms = wall_now().ms,
			.request_us = (end - c->truth.read[1]) / 1000,
			.upstream_us = c->truth.head[1]
				? (c->truth.head[1] - c->truth.read[1]) / 1000
				: -1});
}

/* Plans, reads the body, answers. False: the connection ends. */
static bool request_serve(struct conn *c, struct parsed *p, size_t head_len)
{
	struct shop *s = c->raw->shop;
	uint64_t sent = c->sink.sent;
	unsigned status = 200;
	struct plan plan;
	bool goes_on;

	p->r.shop = s;
	p->r.remote = c->remote;
	p->r.is_tls = c->ssl != NULL;
	p->r.truth = &c->truth;
	p->r.step = route_step(p->r.method, p->r.path);
	if (cookie_get(p->r.cookie, "visitor", p->visitor, sizeof(p->visitor)))
		p->r.visitor = p->visitor;
	if (cookie_get(p->r.cookie, "session", p->session, sizeof(p->session)))
		p->r.session = p->session;
	plan_make(&p->r, &plan);
	if (!shop_sleep_us(s, plan.send_us) || !body_read(c, p, head_len))
		return false;
	truth_now(c->truth.read);
	if (plan.has_fault && plan.fault.kind->class == FAULT_HOSTILE && !plan.error[0]) {
		bool is_exact = strcmp(plan.fault.kind->name, "phases") == 0;

		if (!is_exact)
			shop_sleep_us(s, plan.wait_us);
		plan.fault.kind->hostile(&plan.fault, &p->r, &c->sink);
		goes_on = is_exact;
	} else {
		shop_sleep_us(s, plan.wait_us);
		goes_on = answer_write(c, p, &plan, &status);
	}
	request_log(c, p, status, c->sink.sent - sent);
	return goes_on && !p->closes;
}

static bool conn_serve_one(struct conn *c)
{
	struct parsed *p = calloc(1, sizeof(*p));
	size_t len = head_read(c);
	bool goes_on = false;

	if (p && len) {
		memset(c->truth.read, 0, sizeof(c->truth) - offsetof(struct truth, read));
		c->requests++;
		p->head = malloc(len + 1);
		if (p->head) {
			memcpy(p->head, c->in, len);
			p->head[len] = '\0';
			goes_on = head_parse(p, len) && request_serve(c, p, len);
		}
		free(p->head);
		free(p->body);
	}
	free(p);
	return goes_on;
}

/* ---- connections ---- */

static void *conn_main(void *arg)
{
	struct conn *c = arg;
	unsigned char first;

	prctl(PR_SET_TIMERSLACK, 1);
	if (wait_for(c, POLLIN) && recv(c->fd, &first, 1, MSG_PEEK) == 1 &&
	    (first != 0x16 || conn_handshake(c)))
		while (conn_serve_one(c))
			continue;
	SSL_free(c->ssl);
	shutdown(c->fd, SHUT_WR);
	close(c->fd);
	atomic_fetch_sub(&c->raw->live, 1);
	free(c);
	return NULL;
}

static void on_accept(
	void *context, int fd, const void *addr, unsigned addr_len, int64_t accept_ns[2])
{
	const struct sockaddr *peer = addr;
	struct raw *raw = context;
	struct conn *c = atomic_load(&raw->live) < CONNS ? calloc(1, sizeof(*c)) : NULL;
	pthread_t thread;

	(void)addr_len;
	if (!c) {
		close(fd);
		return;
	}
	c->raw = raw;
	c->fd = fd;
	c->sink = (struct sink){.shop = raw->shop, .fd = fd};
	c->id = atomic_fetch_add(&raw->accepted, 1) + 1;
	memcpy(c->truth.accept, accept_ns, sizeof(c->truth.accept));
	if (peer->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)addr)->sin_addr, c->remote,
			sizeof(c->remote));
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)addr)->sin6_addr, c->remote,
			sizeof(c->remote));
	atomic_fetch_add(&raw->live, 1);
	if (pthread_create(&thread, NULL, conn_main, c) != 0) {
		atomic_fetch_sub(&raw->live, 1);
		close(fd);
		free(c);
		return;
	}
	pthread_detach(thread);
}

int raw_start(
	struct shop *s, const char *cert_file, const char *key_file, int port, struct raw **out)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	int rc = -EINVAL;

	if (!raw)
		return -ENOMEM;
	raw->shop = s;
	raw->tls = SSL_CTX_new(TLS_server_method());
	if (raw->tls && SSL_CTX_use_certificate_chain_file(raw->tls, cert_file) == 1 &&
	    SSL_CTX_use_PrivateKey_file(raw->tls, key_file, SSL_FILETYPE_PEM) == 1)
		rc = listener_open(s, port, false, &raw->listener);
	if (!rc)
		rc = listener_start(raw->listener, on_accept, raw);
	if (rc) {
		raw_stop(raw);
		return rc;
	}
	*out = raw;
	return 0;
}

int raw_port(const struct raw *raw)
{
	return listener_port(raw->listener);
}

void raw_stop(struct raw *raw)
{
	if (!raw)
		return;
	listener_stop(raw->listener);
	while (atomic_load(&raw->live) > 0) /* the stop descriptor has woken them */
		usleep(1000);
	SSL_CTX_free(raw->tls);
	free(raw);
}
