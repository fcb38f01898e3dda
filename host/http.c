/*
 * http.c - one request and its redirects.
 *
 *   hop_start -> (dns) -> hop_connect -> libcurl ... http_finished -> (next turn) hop_end ->
 * hop_start | tell
 *
 * The stamps of a hop, and who sets them:
 *
 *   start     open        connected     secured      sent              first            end
 *   hop_start OPENSOCKET  SSL_CTX or    PREREQ       DEBUG, last byte  HEADER, kernel http_finished
 *   |--dns--| |--connect--|-----tls-----|-----send---|-----wait--------|---transfer-----|
 *
 * A failed hop charges the time since the last stamp to the phase in which it stood. The kernel's
 * receive stamp (SO_TIMESTAMPNS, read by peeking before libcurl reads) replaces user space's where
 * it is earlier: it does not wait for our turn of the loop. The wall clock's step between the two
 * clocks makes it unusable, then user space's counts. A hop is late when either end of its wait may
 * be wrong by more than ENGINE_LATE_US.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/http-internal.h"
#include "host/redirect.h"


static void hop_start(struct engine_http *h);
static void hop_connect(struct engine_http *h);
static void hop_end(void *arg);

static int64_t
now_us(void)
{
	return mono_now().us;
}

/* ---- libcurl's callbacks ---- */

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct engine_http *h = arg;

	(void)purpose;
	/* The resolved address is what counts: names and odd spellings of numbers have become it by
	 * now. */
	if (h->is_redirected && !h->host_is_private && address_is_private(&a->addr)) {
		h->blocked_address = true;
		return CURL_SOCKET_BAD;
	}
	h->s.open = now_us();
	h->fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	return h->fd < 0 ? CURL_SOCKET_BAD : h->fd;
}

static int
set_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	int on = 1;

	(void)arg;
	(void)purpose;
	(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	return CURL_SOCKOPT_OK;
}

static CURLcode
on_ssl(CURL *easy, void *ctx, void *arg)
{
	struct engine_http *h = arg;

	(void)easy;
	h->s.connected = now_us();
	h->certificates =
	    (struct cert_reader){&h->hops[h->n_hops - 1].certificate, &h->heap};
	cert_watch(ctx, &h->certificates);
	return trust_use(h->engine, h->request.ca_file, ctx) == 0 ? CURLE_OK
								  : CURLE_SSL_CACERT_BADFILE;
}

static int
on_request(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct engine_http *h = arg;

	(void)to;
	(void)from;
	(void)to_port;
	(void)from_port;
	h->s.secured = now_us();
	h->s.starved = loop_starved_us(h->engine->loop);
	if (h->s.connected == 0)
		h->s.connected = h->s.secured;
	return CURL_PREREQFUNC_OK;
}

/* libcurl reports what it sent after the write: the last such report before the answer is when all
 * was out. It was done after libcurl was called, and after the connection stood. */
static int
on_debug(CURL *easy, curl_infotype type, char *data, size_t len, void *arg)
{
	struct engine_http *h = arg;

	(void)easy;
	(void)data;
	(void)len;
	if ((type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT) && h->s.first == 0) {
		h->s.sending = h->multi->entered.us;
		if (h->s.sending < h->s.secured)
			h->s.sending = h->s.secured;
		h->s.sent = now_us();
	}
	return 0;
}

/* How long the first byte may have lain in the kernel before we read it: in this turn of the loop
 * or an earlier one, or because our thread had no processor. */
static int64_t
first_lay_us(const struct engine_http *h, int64_t now)
{
	const struct loop *l = h->engine->loop;
	int64_t us = now - loop_turn_began(l).us, starved = loop_starved_us(l) - h->s.starved,
		lag = loop_lag_since(l, (mono_t){h->s.sent});

	us = us > starved ? us : starved;
	return us > lag ? us : lag;
}

/* The kernel joins segments that wait and keeps the last one's stamp: only of a single one it is
 * the first byte's. */
static bool
is_single_segment(const struct engine_http *h)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	return !h->is_https && h->request.connection != TW_WARM && h->fd >= 0
	       && getsockopt(h->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0
	       && len > offsetof(struct tcp_info, tcpi_data_segs_in)
	       && info.tcpi_data_segs_in == 1;
}

/* When the first byte came: the kernel knows better than we, if its clock did not step meanwhile.
 * From a near server it comes before libcurl tells us that the request is out. */
static void
stamp_first(struct engine_http *h)
{
	int64_t now = now_us();
	bool is_kernels = h->s.kernel >= h->s.sending && h->s.kernel <= now;

	h->s.first = is_kernels ? h->s.kernel : now;
	if (h->s.sent > h->s.first)
		h->s.sent = h->s.first;
	/* It cannot have lain since before the request. */
	h->s.late_first = now - h->s.secured > ENGINE_LATE_US
			  && !(is_kernels && is_single_segment(h))
			  && first_lay_us(h, now) > ENGINE_LATE_US;
}

static void
add_header(struct engine_http *h, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	char *name, *value;
	size_t n;

	if (colon == NULL || h->n_head == HEADER_COUNT_MAX)
		return;
	name = heap_text(&h->heap, line, (size_t)(colon - line));
	for (colon++; colon < line + len && (*colon == ' ' || *colon == '\t'); colon++)
		;
	n = (size_t)(line + len - colon);
	while (n > 0 && strchr(" \t\r\n", colon[n - 1]) != NULL)
		n--;
	value = heap_text(&h->heap, colon, n);
	if (name != NULL && value != NULL)
		h->head[h->n_head++] = (struct tw_header){name, value};
}

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct engine_http *h = arg;
	size_t len = size * n;

	h->header_bytes += len;
	if ((int64_t)h->header_bytes > h->request.max_header_bytes) {
		h->budget_headers = true;
		return 0;
	}
	if (len > 5 && strncmp(line, "HTTP/", 5) == 0) {
		const char *blank = memchr(line, ' ', len);

		h->status = blank != NULL ? (int)strtol(blank, NULL, 10) : 0;
		h->n_head = 0;
		/* 1xx is no answer yet: what is waited for is the final status line. */
		if (h->status >= 200 && !h->got_final_head) {
			h->got_final_head = true;
			stamp_first(h);
		}
	} else {
		add_header(h, line, len);
	}
	return len;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct engine_http *h = arg;
	size_t len = size * n;

	if (h->on_body != NULL) {
		if (h->on_body(h->arg, data, len) == 0)
			return len;
		h->stopped_by_plugin = true;
		return 0;
	}
	buf_add(&h->body, data, len);
	h->budget_body = h->body.failed;
	return h->body.failed ? 0 : len;
}

void
http_readable(CURL *easy, int fd)
{
	char control[256], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	struct engine_http *h = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&h) != CURLE_OK || h == NULL
	    || h->s.first != 0)
		return;
	h->s.kernel = 0;
	if (recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT) <= 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		h->s.kernel = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 - clock_offset_us();
	}
}

/* ---- a hop ---- */

void
http_release_hop(struct engine_http *h)
{
	if (h->easy != NULL) {
		curl_multi_remove_handle(h->multi->curl, h->easy);
		easy_give(h->engine, h->easy, h->is_plain);
	}
	if (h->dns != NULL)
		engine_dns_cancel(h->dns);
	curl_slist_free_all(h->headers);
	curl_slist_free_all(h->connect_to);
	curl_url_cleanup(h->url);
	curl_free(h->host);
	h->easy = NULL;
	h->dns = NULL;
	h->headers = h->connect_to = NULL;
	h->url = NULL;
	h->host = NULL;
}

void
http_free(struct engine_http *h)
{
	loop_timer_clear(h->engine->loop, &h->timer);
	loop_timer_clear(h->engine->loop, &h->later);
	http_release_hop(h);
	buf_free(&h->body);
	heap_free(&h->heap);
	h->engine->in_flight--;
	free(h);
}

static void
end_soon(struct engine_http *h, CURLcode code)
{
	if (h->s.end == 0)
		h->s.end = now_us();
	h->code = code;
	loop_timer_set(h->engine->loop, &h->later, mono_now(), hop_end, h);
}

static void
on_resolved(void *arg, const struct tw_addresses *found)
{
	struct engine_http *h = arg;

	h->dns = NULL;
	/* Without an address the hop stands in dns still: that phase is charged. */
	h->s.resolved = found->n > 0 ? now_us() : 0;
	h->n_addresses = h->at_address = 0;
	for (uint32_t i = 0; i < found->n && i < 8; i++)
		snprintf(h->addresses[h->n_addresses++], sizeof(h->addresses[0]), "%s",
		    found->address[i]);
	h->found.error_text = found->error_text;
	if (h->n_addresses == 0) {
		snprintf(h->addresses[0], sizeof(h->addresses[0]), "%s", found->error_text);
		end_soon(h, CURLE_COULDNT_RESOLVE_HOST);
		return;
	}
	hop_connect(h);
}

static void
on_deadline(void *arg)
{
	struct engine_http *h = arg;

	h->is_timed_out = true;
	if (h->dns != NULL) {
		engine_dns_cancel(h->dns);
		h->dns = NULL;
	}
	end_soon(h, CURLE_OPERATION_TIMEDOUT);
}

/* The URL taken apart: scheme and host are what the rest asks for. */
static bool
parse_url(struct engine_http *h, const char *url)
{
	char *scheme = NULL;
	bool ok;

	h->url = curl_url();
	ok = h->url != NULL && curl_url_set(h->url, CURLUPART_URL, url, 0) == CURLUE_OK
	    && curl_url_get(h->url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK
	    && curl_url_get(h->url, CURLUPART_HOST, &h->host, 0) == CURLUE_OK
	    && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	h->is_https = ok && strcmp(scheme, "https") == 0;
	curl_free(scheme);
	return ok;
}

static void
hop_start(struct engine_http *h)
{
	struct tw_hop *hop = &h->hops[h->n_hops++];
	const char *pinned = h->n_hops == 1 ? h->request.address : NULL;

	memset(&h->s, 0, sizeof(h->s));
	h->s.start = now_us();
	*hop = (struct tw_hop){.size = sizeof(*hop),
	    .url = hop->url,
	    .start_ms = wall_now().ms,
	    .address = "",
	    .http_version = ""};
	h->got_final_head = false;
	h->status = 0;
	h->n_head = 0;
	h->header_bytes = 0;
	h->code = CURLE_OK;
	buf_reset(&h->body);
	if (!parse_url(h, hop->url)) {
		end_soon(h, CURLE_URL_MALFORMAT);
		return;
	}
	if (pinned != NULL || h->request.proxy != NULL) {
		h->s.resolved = h->s.start;
		h->n_addresses = pinned != NULL;
		h->at_address = 0;
		if (pinned != NULL)
			snprintf(h->addresses[0], sizeof(h->addresses[0]), "%s", pinned);
		hop_connect(h);
		return;
	}
	h->dns = engine_dns(h->engine, h->host, h->request.family, h->deadline, on_resolved, h);
	if (h->dns == NULL)
		end_soon(h, CURLE_OUT_OF_MEMORY);
}

static bool
set_headers(struct engine_http *h)
{
	struct curl_slist *l = curl_slist_append(NULL, "Expect:");
	bool ok = l != NULL;

	for (uint32_t i = 0; ok && i < h->request.n_headers; i++) {
		const struct tw_header *in = &h->request.headers[i];
		char line[8192];
		struct curl_slist *more;

		if (h->drop_secrets && !redirect_keeps_header(in->name))
			continue;
		snprintf(line, sizeof(line), in->value[0] != '\0' ? "%s: %s" : "%s;", in->name,
		    in->value);
		ok = (more = curl_slist_append(l, line)) != NULL;
		if (ok)
			l = more;
	}
	h->headers = l;
	return ok;
}

void
http_prepare(CURL *c)
{
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "tillwatch/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "");
	curl_easy_setopt(c, CURLOPT_COOKIEFILE, ""); /* no file, but cookies: jars use them */
	/* The proxy's answer to CONNECT is part of connecting, not the shop's first byte. */
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(c, CURLOPT_IPRESOLVE, CURL_IPRESOLVE_WHATEVER);
	curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	/* libcurl loads nothing: on_ssl hands it a store that is parsed once (it would parse the
	 * bundle for each multi, 20 ms a handshake). */
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, set_socket);
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(c, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
}

/* What differs from request to request is set for each, also where it is the default: the handle
 * had another one before. */
static void
set_connection(struct engine_http *h, CURL *c)
{
	long verify = h->request.flags & TW_NO_VERIFY ? 0 : 1;
	char to[128];

	if (h->n_addresses > 0) {
		const char *address = h->addresses[h->at_address];

		snprintf(to, sizeof(to), strchr(address, ':') != NULL ? "::[%s]:" : "::%s:",
		    address);
		h->connect_to = curl_slist_append(NULL, to);
	}
	curl_easy_setopt(c, CURLOPT_CONNECT_TO, h->connect_to);
	curl_easy_setopt(c, CURLOPT_PROXY, h->request.proxy != NULL ? h->request.proxy : "");
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, h->request.connection == TW_WARM ? 0L : 1L);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, h->multi == &h->engine->cold ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, verify);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, verify * 2);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, h);
	curl_easy_setopt(c, CURLOPT_SOCKOPTDATA, h);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, h);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, h);
}

static long
http_version(const char *text)
{
	if (text != NULL && strcmp(text, "1.1") == 0)
		return CURL_HTTP_VERSION_1_1;
	return CURL_HTTP_VERSION_2TLS;
}

static bool
has_body(const struct engine_http *h)
{
	return h->request.body != NULL && h->method == h->request.method;
}

static void
set_request(struct engine_http *h, CURL *c)
{
	const char *decode = h->request.flags & TW_NO_DECODE ? NULL : "";

	curl_easy_setopt(c, CURLOPT_CURLU, h->url);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, http_version(h->request.http_version));
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers);
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, decode);
	h->is_plain = !has_body(h) && strcmp(h->method, "GET") == 0;
	if (has_body(h)) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, h->request.body);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)h->request.body_len);
	}
	if (strcmp(h->method, "HEAD") == 0)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	else if (strcmp(h->method, has_body(h) ? "POST" : "GET") != 0)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, h->method);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_DEBUGDATA, h);
	curl_easy_setopt(c, CURLOPT_PRIVATE, h);
	if (h->request.jar != NULL)
		jar_load(h->request.jar, c);
}

static void
hop_connect(struct engine_http *h)
{
	struct engine_run *run = h->run;
	bool keeps = h->request.connection == TW_WARM || (h->request.flags & TW_KEEP_OPEN);

	/* What a warm request may reuse is opened, and stays, in the run's own multi. */
	if (keeps && run->warm.curl == NULL && multi_setup(&run->warm, h->engine, 8) != 0) {
		end_soon(h, CURLE_OUT_OF_MEMORY);
		return;
	}
	h->multi = keeps ? &run->warm : &h->engine->cold;
	if ((h->easy = easy_take(h->engine)) == NULL || !set_headers(h)) {
		end_soon(h, CURLE_OUT_OF_MEMORY);
		return;
	}
	set_connection(h, h->easy);
	set_request(h, h->easy);
	if (curl_multi_add_handle(h->multi->curl, h->easy) != CURLM_OK)
		end_soon(h, CURLE_FAILED_INIT);
	else
		multi_kick(h->multi);
}

void
http_finished(CURL *easy, CURLcode code)
{
	struct engine_http *h = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&h) == CURLE_OK && h != NULL)
		end_soon(h, code);
}

/* ---- the end of a hop ---- */

/* More addresses and this one did not even connect: the next one, as any client would. */
static bool
try_next_address(struct engine_http *h)
{
	if (h->code != CURLE_COULDNT_CONNECT || h->blocked_address
	    || h->at_address + 1 >= h->n_addresses || h->request.address != NULL)
		return false;
	curl_multi_remove_handle(h->multi->curl, h->easy);
	easy_give(h->engine, h->easy, h->is_plain);
	curl_slist_free_all(h->headers);
	curl_slist_free_all(h->connect_to);
	h->easy = NULL;
	h->headers = h->connect_to = NULL;
	h->at_address++;
	h->s.end = 0;
	h->s.open = h->s.connected = 0;
	hop_connect(h);
	return true;
}

static void
hop_end(void *arg)
{
	struct engine_http *h = arg;
	enum tw_http_error error;
	const char *to, *before = h->hops[h->n_hops - 1].url;
	struct redirect_rules rules = {.method = h->method, .status = h->status};

	if (try_next_address(h))
		return;
	http_write_hop(h);
	error = http_error_of(h);
	to = error == TW_HTTP_OK ? redirect_location(&h->hops[h->n_hops - 1]) : NULL;
	if (to == NULL || h->request.max_redirects < 0) {
		http_tell(h, error);
		return;
	}
	if (h->n_hops > (uint32_t)h->request.max_redirects || h->n_hops == HOPS_MAX) {
		http_tell(h, TW_HTTP_REDIRECTS);
		return;
	}
	to = redirect_resolve(h->url, to, &h->heap);
	if (to == NULL) {
		http_tell(h, TW_HTTP_REDIRECT_BLOCKED);
		return;
	}
	h->drop_secrets |= !redirect_same_origin(before, to);
	h->method = redirect_method(&rules);
	if (!h->is_redirected) {
		struct sockaddr_storage a;

		/* Whoever is configured with a private address may redirect to one. */
		h->is_redirected = true;
		h->host_is_private = address_parse(h->hops[0].address, &a)
				     && address_is_private((struct sockaddr *)&a);
	}
	http_release_hop(h);
	h->hops[h->n_hops].url = to;
	hop_start(h);
}

/* ---- start and cancel ---- */

static const char *
keep(struct engine_http *h, const char *text)
{
	return text != NULL ? heap_text(&h->heap, text, strlen(text)) : NULL;
}

static bool
copy_request(struct engine_http *h, const struct tw_request *r)
{
	struct tw_header *headers = heap_alloc(&h->heap, (r->n_headers + 1) * sizeof(*headers));
	struct tw_request *to = &h->request;

	memcpy(to, r, r->size < sizeof(*to) ? r->size : sizeof(*to));
	if (headers == NULL)
		return false;
	for (uint32_t i = 0; i < r->n_headers; i++)
		headers[i] =
		    (struct tw_header){keep(h, r->headers[i].name), keep(h, r->headers[i].value)};
	to->headers = headers;
	to->url = keep(h, r->url);
	to->method = keep(h, r->method != NULL ? r->method : "GET");
	to->address = keep(h, r->address);
	to->proxy = keep(h, r->proxy);
	to->ca_file = keep(h, r->ca_file);
	to->http_version = keep(h, r->http_version);
	to->body = r->body != NULL ? heap_text(&h->heap, r->body, r->body_len) : NULL;
	if (to->max_redirects == 0)
		to->max_redirects = 10;
	if (to->max_redirects > ENGINE_REDIRECTS_MAX)
		to->max_redirects = ENGINE_REDIRECTS_MAX;
	if (to->max_body_bytes <= 0)
		to->max_body_bytes = BODY_MAX;
	if (to->max_header_bytes <= 0)
		to->max_header_bytes = HEADERS_MAX;
	return to->url != NULL && to->method != NULL;
}

struct engine_http *
engine_http(struct engine_run *run, const struct tw_request *request, mono_t deadline,
    void (*done)(void *, const struct tw_answer *), int (*body)(void *, const void *, size_t),
    void *arg)
{
	struct engine_http *h = malloc(sizeof(*h));

	if (h == NULL)
		return NULL;
	memset(h, 0, offsetof(struct engine_http, addresses));
	h->engine = run->engine;
	h->run = run;
	h->done = done;
	h->on_body = body;
	h->arg = arg;
	h->fd = -1;
	h->engine->in_flight++;
	if (!copy_request(h, request)) {
		http_free(h);
		return NULL;
	}
	buf_init(&h->body, (size_t)h->request.max_body_bytes);
	h->deadline = deadline;
	if (request->timeout_us > 0
	    && mono_add_us(mono_now(), request->timeout_us).us < deadline.us)
		h->deadline = mono_add_us(mono_now(), request->timeout_us);
	h->method = h->request.method;
	h->hops[0].url = h->request.url;
	loop_timer_set(h->engine->loop, &h->timer, h->deadline, on_deadline, h);
	hop_start(h);
	return h;
}

void
engine_http_cancel(struct engine_http *h)
{
	http_free(h);
}
