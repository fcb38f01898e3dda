/*
 * front.c - a port of the shop proper: libmicrohttpd on connections that listen.c accepted.
 *
 * One thread a connection, so a handler may sleep. A hostile fault writes its bytes to
 * libmicrohttpd's own socket (or GnuTLS session) and has the connection closed: so every fault
 * works on the ports of the shop.
 *
 *	head read: visit_begin, plan, send delay -> body read -> wait delay -> answer or hostile
 *	bytes -> logged
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/shop/shop.h"

struct front {
	struct shop *shop;
	struct listener *listener;
	struct MHD_Daemon *daemon;
	bool is_tls;
};

struct visit {
	struct front *front;
	char *target, *path; /* as sent; path is cut at '?' */
	bool is_begun, is_answered;
	struct buf body;
	struct request r;
	struct plan plan;
	char visitor[64], session[40], remote[64];
	int64_t begin_ns, answer_ns;
	unsigned status;
	uint64_t bytes;
};

/* A body sent in two halves with a pause between. */
struct halves {
	struct shop *shop;
	char *data;
	size_t len;
	int64_t pause_us;
	bool has_paused;
};

static ssize_t halves_read(void *cls, uint64_t pos, char *out, size_t max)
{
	struct halves *h = cls;
	size_t end = h->has_paused ? h->len : h->len / 2;

	if (pos >= end && !h->has_paused) {
		shop_sleep_us(h->shop, h->pause_us);
		h->has_paused = true;
		end = h->len;
	}
	if (end - pos < max)
		max = end - (size_t)pos;
	memcpy(out, h->data + pos, max);
	return (ssize_t)max;
}

static void halves_free(void *cls)
{
	struct halves *h = cls;

	free(h->data);
	free(h);
}

static struct MHD_Response *response_make(struct visit *v, const struct answer *a)
{
	struct halves *h;

	if (v->plan.transfer_us <= 0 || a->body.len < 2)
		return MHD_create_response_from_buffer(a->body.len,
			a->body.data ? a->body.data : (void *)v, MHD_RESPMEM_MUST_COPY);
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	*h = (struct halves){
		v->front->shop, malloc(a->body.len), a->body.len, v->plan.transfer_us, false};
	if (!h->data) {
		free(h);
		return NULL;
	}
	memcpy(h->data, a->body.data, a->body.len);
	return MHD_create_response_from_callback(h->len, 16384, halves_read, h, halves_free);
}

static enum MHD_Result answer_send(
	struct visit *v, struct MHD_Connection *c, const struct answer *a)
{
	struct MHD_Response *response = response_make(v, a);
	enum MHD_Result rc;

	if (!response)
		return MHD_NO;
	if (a->status != 204)
		MHD_add_response_header(response, "Content-Type", a->type);
	for (int i = 0; i < a->n_headers; i++)
		MHD_add_response_header(response, a->headers[i].name, a->headers[i].value);
	v->status = a->status;
	v->bytes = strcmp(v->r.method, "HEAD") == 0 ? 0 : a->body.len;
	rc = MHD_queue_response(c, a->status, response);
	MHD_destroy_response(response);
	return rc;
}

static int send_gnutls(struct sink *k, const void *data, size_t len, short *events)
{
	ssize_t n = gnutls_record_send(k->tls, data, len);

	*events = gnutls_record_get_direction(k->tls) ? POLLOUT : POLLIN;
	return n >= 0 ? (int)n : n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? -1 : -2;
}

/* Always MHD_NO: libmicrohttpd closes what is left of the connection. */
static enum MHD_Result hostile_send(struct visit *v, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct sink k = {.shop = v->front->shop, .fd = fd->connect_fd};

	if (v->front->is_tls) {
		k.tls = MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
		k.send = send_gnutls;
	}
	if (v->r.step == STEP_HOOK)
		hook_receive(&v->r, 599); /* remembered as never answered */
	v->plan.fault.kind->hostile(&v->plan.fault, &v->r, &k);
	v->status = 502;
	v->bytes = k.sent;
	return MHD_NO;
}

static enum MHD_Result visit_answer(struct visit *v, struct MHD_Connection *c)
{
	struct answer a;
	enum MHD_Result rc;

	v->r.body = buf_str(&v->body);
	v->r.body_len = v->body.len;
	v->is_answered = true;
	shop_sleep_us(v->front->shop, v->plan.wait_us);
	v->answer_ns = now_ns(CLOCK_MONOTONIC);
	if (v->plan.has_fault && v->plan.fault.kind->class == FAULT_HOSTILE && !v->plan.error[0])
		return hostile_send(v, c);
	answer_init(&a);
	if (v->body.failed)
		answer_error(&a, 413, "body_too_large");
	else
		plan_answer(&v->plan, &v->r, &a);
	rc = answer_send(v, c, &a);
	answer_free(&a);
	return rc;
}

/* ---- what a request brings ---- */

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* The client as a front door would log it: X-Forwarded-For when it is an address, else the peer. */
static void remote_find(struct visit *v, struct MHD_Connection *c)
{
	const struct sockaddr *peer =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	const char *forwarded = header(c, "X-Forwarded-For");
	unsigned char scratch[16];

	snprintf(v->remote, sizeof(v->remote), "%.*s",
		forwarded ? (int)strcspn(forwarded, ", ") : 0, forwarded ? forwarded : "");
	if (inet_pton(AF_INET, v->remote, scratch) == 1 ||
		inet_pton(AF_INET6, v->remote, scratch) == 1)
		return;
	if (peer->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
			v->remote, sizeof(v->remote));
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
			v->remote, sizeof(v->remote));
}

static void visit_begin(struct visit *v, struct MHD_Connection *c, const char *method)
{
	struct request *r = &v->r;
	char *mark;

	v->is_begun = true;
	v->path = strdup(v->target);
	mark = v->path ? strchr(v->path, '?') : NULL;
	if (mark)
		*mark = '\0';
	r->shop = v->front->shop;
	r->method = method;
	r->path = v->path ? v->path : "/";
	r->query = mark ? mark + 1 : "";
	r->host = header(c, "Host");
	r->referer = header(c, "Referer");
	r->agent = header(c, "User-Agent");
	r->synthetic = header(c, "X-Synthetic");
	r->cookie = header(c, "Cookie");
	r->authorization = header(c, "Authorization");
	r->hook_id = header(c, "webhook-id");
	r->hook_time = header(c, "webhook-timestamp");
	r->hook_signature = header(c, "webhook-signature");
	r->visitor = cookie_get(r->cookie, "visitor", v->visitor, sizeof(v->visitor)) ? v->visitor
										      : NULL;
	r->session = cookie_get(r->cookie, "session", v->session, sizeof(v->session)) ? v->session
										      : NULL;
	r->is_tls = v->front->is_tls;
	r->step = route_step(method, r->path);
	remote_find(v, c);
	r->remote = v->remote;
	plan_make(r, &v->plan);
	shop_sleep_us(r->shop, v->plan.send_us);
}

static void *on_target(void *cls, const char *target, struct MHD_Connection *c)
{
	struct visit *v = calloc(1, sizeof(*v));

	(void)c;
	if (!v)
		return NULL;
	prctl(PR_SET_TIMERSLACK, 1);
	v->front = cls;
	v->begin_ns = now_ns(CLOCK_MONOTONIC);
	v->target = strdup(target);
	buf_init(&v->body, SHOP_BODY_MAX);
	return v;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **state)
{
	struct visit *v = *state;

	(void)cls, (void)url, (void)version;
	if (!v || !v->target)
		return MHD_NO;
	if (!v->is_begun) {
		visit_begin(v, c, method);
		return MHD_YES;
	}
	if (*upload_len) {
		buf_add(&v->body, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	return v->is_answered ? MHD_YES : visit_answer(v, c);
}

static void on_end(
	void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct visit *v = *state;

	(void)cls, (void)c, (void)why;
	if (!v)
		return;
	if (v->is_answered && v->r.step != STEP_CONTROL) {
		int64_t end = now_ns(CLOCK_MONOTONIC);

		access_log(v->front->shop,
			&(struct log_entry){.remote = v->remote,
				.method = v->r.method,
				.target = v->target,
				.referer = v->r.referer,
				.agent = v->r.agent,
				.visitor = v->r.visitor,
				.synthetic = v->r.synthetic,
				.status = v->status,
				.bytes = v->bytes,
				.at_ms = wall_now().ms,
				.request_us = (end - v->begin_ns) / 1000,
				.upstream_us = (v->answer_ns - v->begin_ns) / 1000});
	}
	buf_free(&v->body);
	free(v->target);
	free(v->path);
	free(v);
	*state = NULL;
}

static void on_accept(
	void *context, int fd, const void *addr, unsigned addr_len, int64_t accept_ns[2])
{
	struct front *f = context;

	(void)accept_ns;
	if (MHD_add_connection(f->daemon, fd, addr, addr_len) != MHD_YES && errno == EBADF)
		return; /* libmicrohttpd has closed it */
}

/* ---- life ---- */

static struct MHD_Daemon *daemon_start(struct front *f, const char *cert_pem, const char *key_pem)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
		MHD_USE_POLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
		(f->is_tls ? MHD_USE_TLS : 0);
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert_pem},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key_pem},
		{MHD_OPTION_END, 0, NULL},
	};

	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, f, MHD_OPTION_URI_LOG_CALLBACK,
		on_target, f, MHD_OPTION_NOTIFY_COMPLETED, on_end, f, MHD_OPTION_CONNECTION_LIMIT,
		2000u, MHD_OPTION_CONNECTION_TIMEOUT, 75u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)65536, MHD_OPTION_THREAD_STACK_SIZE, (size_t)262144,
		f->is_tls ? MHD_OPTION_ARRAY : MHD_OPTION_END, tls, MHD_OPTION_END);
}

int front_start(struct shop *s, bool is_tls, const char *cert_pem, const char *key_pem, int port,
	struct front **out)
{
	struct front *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->shop = s;
	f->is_tls = is_tls;
	rc = listener_open(s, port, is_tls, &f->listener);
	if (!rc) {
		f->daemon = daemon_start(f, cert_pem, key_pem);
		rc = f->daemon ? listener_start(f->listener, on_accept, f) : -EINVAL;
	}
	if (rc) {
		front_stop(f);
		return rc;
	}
	*out = f;
	return 0;
}

int front_port(const struct front *f)
{
	return listener_port(f->listener);
}

void front_stop(struct front *f)
{
	if (!f)
		return;
	listener_stop(f->listener);
	if (f->daemon)
		MHD_stop_daemon(f->daemon);
	free(f);
}
