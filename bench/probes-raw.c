/*
 * probes-raw.c - the least a probe can cost: sockets, epoll, OpenSSL, nothing around them. What the
 * engine is held against. It verifies chain and name against the same file, once parsed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/probes-load.h"

#define ANSWER_MAX 65536

struct probe {
	int fd;
	SSL *ssl;
	bool is_sent;
	size_t have;
	char in[ANSWER_MAX + 1];
};

static struct {
	struct load load;
	int epoll;
	SSL_CTX *ctx;
	char host[128], request[512];
	size_t request_len;
	int port;
} t;

static void
parse_url(void)
{
	bool tls = strncmp(t.load.url, "https://", 8) == 0;
	const char *host = t.load.url + (tls ? 8 : 7), *colon = strchr(host, ':'), *path;

	path = colon != NULL ? strchr(colon, '/') : NULL;
	if (path == NULL) {
		fprintf(stderr, "%s: the url needs a port and a path\n", t.load.url);
		exit(64);
	}
	snprintf(t.host, sizeof(t.host), "%.*s", (int)(colon - host), host);
	t.port = (int)strtol(colon + 1, NULL, 10);
	t.request_len = (size_t)snprintf(t.request, sizeof(t.request),
	    "GET %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: raw\r\nAccept: */*\r\n"
	    "Accept-Encoding: deflate, gzip\r\n\r\n",
	    path, (int)(path - host), host);
	if (!tls)
		return;
	t.ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(t.ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_locations(t.ctx, t.load.ca_file, NULL) != 1) {
		fprintf(stderr, "%s: no certificates\n", t.load.ca_file);
		exit(66);
	}
}

static void
watch(struct probe *p, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = p};

	if (epoll_ctl(t.epoll, op, p->fd, &ev) != 0)
		abort();
}

static void
start(struct probe *p)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)t.port)};

	*p = (struct probe){.fd = -1};
	if (t.load.started == t.load.count)
		return;
	inet_pton(AF_INET, t.load.hosts[t.load.started++ % t.load.n_hosts], &to.sin_addr);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		abort();
	if (connect(p->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
		abort();
	if (t.ctx != NULL) {
		p->ssl = SSL_new(t.ctx);
		SSL_set_fd(p->ssl, p->fd);
		SSL_set_tlsext_host_name(p->ssl, t.host);
		SSL_set1_host(p->ssl, t.host);
		SSL_set_connect_state(p->ssl);
	}
	watch(p, EPOLL_CTL_ADD, EPOLLOUT);
}

static void
end(struct probe *p, bool is_ok)
{
	t.load.ended++;
	t.load.failed += !is_ok;
	SSL_free(p->ssl);
	close(p->fd);
	start(p);
}

/* > 0: so many; 0: later; -1: the end. */
static int
transfer(struct probe *p, bool reads)
{
	int n, why;

	if (p->ssl == NULL) {
		n = reads ? (int)recv(p->fd, p->in + p->have, ANSWER_MAX - p->have, 0)
			  : (int)send(p->fd, t.request, t.request_len, MSG_NOSIGNAL);
		return n > 0 ? n : n < 0 && errno == EAGAIN ? 0 : -1;
	}
	n = reads ? SSL_read(p->ssl, p->in + p->have, (int)(ANSWER_MAX - p->have))
		  : SSL_write(p->ssl, t.request, (int)t.request_len);
	if (n > 0)
		return n;
	why = SSL_get_error(p->ssl, n);
	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		return -1;
	watch(p, EPOLL_CTL_MOD, why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
	return 0;
}

/* The whole answer is there: head, and as many bytes as it promises. */
static bool
is_whole(const struct probe *p)
{
	const char *end = memmem(p->in, p->have, "\r\n\r\n", 4),
		   *length = end != NULL ? strcasestr(p->in, "\r\ncontent-length:") : NULL;

	return length != NULL && length < end
	       && p->have >= (size_t)(end + 4 - p->in) + strtoul(length + 17, NULL, 10);
}

static void
on_event(struct probe *p)
{
	int n;

	if (!p->is_sent) {
		if ((n = transfer(p, false)) == 0)
			return;
		if (n < 0) {
			end(p, false);
			return;
		}
		p->is_sent = true;
		watch(p, EPOLL_CTL_MOD, EPOLLIN);
		return;
	}
	if ((n = transfer(p, true)) == 0)
		return;
	if (n > 0) {
		p->have += (size_t)n;
		p->in[p->have] = '\0';
	}
	if (n < 0 || is_whole(p) || p->have == ANSWER_MAX)
		end(p, n > 0 && strncmp(p->in, "HTTP/1.1 200", 12) == 0);
}

int
main(int argc, char **argv)
{
	struct epoll_event events[256];
	struct probe *probes;
	double from;

	load_options(&t.load, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	parse_url();
	t.epoll = epoll_create1(EPOLL_CLOEXEC);
	if ((probes = calloc(t.load.concurrency, sizeof(*probes))) == NULL)
		return 71;
	from = load_cpu_us();
	for (unsigned i = 0; i < t.load.concurrency; i++)
		start(&probes[i]);
	while (t.load.ended < t.load.count) {
		int n = epoll_wait(t.epoll, events, 256, 10000);

		if (n == 0)
			return fprintf(stderr, "no answer in 10 s\n"), 70;
		for (int i = 0; i < n; i++)
			on_event(events[i].data.ptr);
	}
	from = load_cpu_us() - from;
	free(probes);
	SSL_CTX_free(t.ctx);
	return load_report(&t.load, from);
}
