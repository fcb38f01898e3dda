/*
 * http-answer.c - from stamps to phases, from libcurl's codes to ours, from hops to an answer.
 *
 * A failed hop charges the time since its last stamp to the phase in which it stood.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <string.h>

#include "host/http-internal.h"

static int64_t
span(int64_t from, int64_t to)
{
	return from != 0 && to > from ? to - from : 0;
}

/* Where a hop stood when it failed: the phase after its last stamp. */
static enum tw_phase
phase_of(const struct engine_http *h)
{
	const struct stamps *s = &h->s;

	if (s->resolved == 0)
		return TW_DNS;
	if (s->secured == 0 && s->connected == 0)
		return TW_CONNECT;
	if (s->secured == 0)
		return TW_TLS;
	if (s->sent == 0)
		return TW_SEND;
	return s->first == 0 ? TW_WAIT : TW_TRANSFER;
}

static void
write_times(struct engine_http *h, struct tw_hop *hop)
{
	const struct stamps *s = &h->s;
	int64_t end = s->end, connect_from = s->open != 0 ? s->open : s->resolved;

	hop->dns_us = span(s->start, s->resolved != 0 ? s->resolved : end);
	if (s->open != 0)
		hop->connect_us = span(connect_from, s->connected != 0  ? s->connected
						     : s->resolved != 0 ? end
									: 0);
	if (h->is_https && s->open != 0)
		hop->tls_us = span(s->connected, s->secured != 0 ? s->secured : end);
	hop->send_us = span(s->secured, s->sent != 0 ? s->sent : end);
	hop->wait_us = span(s->sent, s->first != 0 ? s->first : end);
	hop->transfer_us = span(s->first, end);
	hop->ttfb_us = span(s->start, s->first);
	hop->total_us = span(s->start, end);
	hop->reused = s->open == 0 && s->secured != 0;
	h->lag_us = loop_lag_since(h->engine->loop, (mono_t){s->start});
	hop->late = s->late_first || s->sent - s->sending > ENGINE_LATE_US;
}

static void
write_peer(struct engine_http *h, struct tw_hop *hop)
{
	const char *address = NULL;
	struct sockaddr_storage a;
	long version = 0, port = 0;

	hop->address = heap_text(&h->heap, "", 0);
	if (h->easy == NULL)
		return;
	if (curl_easy_getinfo(h->easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address != NULL
	    && *address != '\0')
		hop->address = heap_text(&h->heap, address, strlen(address));
	else if (h->n_addresses > 0)
		hop->address = heap_text(
		    &h->heap, h->addresses[h->at_address], strlen(h->addresses[h->at_address]));
	if (hop->address != NULL && address_parse(hop->address, &a))
		hop->family = a.ss_family == AF_INET6 ? TW_IPV6 : TW_IPV4;
	curl_easy_getinfo(h->easy, CURLINFO_PRIMARY_PORT, &port);
	curl_easy_getinfo(h->easy, CURLINFO_HTTP_VERSION, &version);
	hop->port = (int32_t)port;
	hop->http_version = version == CURL_HTTP_VERSION_2_0   ? "2"
			    : version == CURL_HTTP_VERSION_1_0 ? "1.0"
			    : version == CURL_HTTP_VERSION_1_1 ? "1.1"
							       : "";
}

void
http_write_hop(struct engine_http *h)
{
	struct tw_hop *hop = &h->hops[h->n_hops - 1];
	curl_off_t wire = 0;
	struct tw_header *head;

	write_times(h, hop);
	write_peer(h, hop);
	hop->status = h->got_final_head ? h->status : 0;
	head = heap_alloc(&h->heap, (h->n_head + 1) * sizeof(*head));
	if (head != NULL) {
		memcpy(head, h->head, h->n_head * sizeof(*head));
		hop->headers = head;
		hop->n_headers = h->n_head;
	}
	if (h->code != CURLE_OK)
		hop->failed_phase = phase_of(h);
	if (h->easy == NULL)
		return;
	if (curl_easy_getinfo(h->easy, CURLINFO_SIZE_DOWNLOAD_T, &wire) == CURLE_OK)
		hop->bytes_wire = wire;
	if (h->code == CURLE_PEER_FAILED_VERIFICATION) {
		long result = 0;

		curl_easy_getinfo(h->easy, CURLINFO_SSL_VERIFYRESULT, &result);
		/* 0 or 1 (libcurl's first value): the chain is right, the name is not. */
		hop->certificate.verify_error =
		    result > 1 ? cert_verify_text(result) : "the name does not match";
	}
	if (h->request.jar != NULL)
		jar_store(h->request.jar, h->easy);
}

enum tw_http_error
http_error_of(const struct engine_http *h)
{
	long os = 0;

	if (h->budget_headers)
		return TW_HTTP_HEADERS_TOO_LARGE;
	if (h->budget_body)
		return TW_HTTP_BODY_TOO_LARGE;
	if (h->stopped_by_plugin)
		return TW_HTTP_ABORTED_BY_PLUGIN;
	if (h->blocked_address)
		return TW_HTTP_REDIRECT_BLOCKED;
	switch (h->code) {
	case CURLE_OK: return TW_HTTP_OK;
	case CURLE_OPERATION_TIMEDOUT: return TW_HTTP_TIMEOUT;
	case CURLE_COULDNT_RESOLVE_HOST: return TW_HTTP_DNS;
	case CURLE_COULDNT_CONNECT:
		if (h->easy != NULL)
			curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &os);
		return os == ECONNREFUSED ? TW_HTTP_REFUSED : TW_HTTP_UNREACHABLE;
	case CURLE_SSL_CONNECT_ERROR: return TW_HTTP_TLS;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE: return TW_HTTP_CERTIFICATE;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE: return TW_HTTP_RESET;
	case CURLE_URL_MALFORMAT: return TW_HTTP_REDIRECT_BLOCKED;
	case CURLE_OUT_OF_MEMORY: case CURLE_FAILED_INIT:
		/* libcurl says "out of memory" of a header line that is too long for it. */
		return h->header_bytes > 0 || h->s.sent != 0 ? TW_HTTP_HEADERS_TOO_LARGE
							     : TW_HTTP_INTERNAL;
	default: return TW_HTTP_PROTOCOL;
	}
}

static const char *
error_text(const struct engine_http *h, enum tw_http_error error)
{
	switch (error) {
	case TW_HTTP_OK: return "";
	case TW_HTTP_DNS:
		return h->found.error_text != NULL ? h->addresses[0] : "the name does not resolve";
	case TW_HTTP_REFUSED: return "connection refused";
	case TW_HTTP_UNREACHABLE: return "unreachable";
	case TW_HTTP_TIMEOUT: return "no answer in time";
	case TW_HTTP_HEADERS_TOO_LARGE: return "the headers are too large";
	case TW_HTTP_BODY_TOO_LARGE: return "the body is too large";
	case TW_HTTP_RESET: return "the connection was closed before the answer was whole";
	case TW_HTTP_REDIRECT_BLOCKED: return "a redirect to where redirects may not lead";
	case TW_HTTP_REDIRECTS: return "too many redirects";
	case TW_HTTP_ABORTED_BY_PLUGIN: return "stopped";
	default: return curl_easy_strerror(h->code);
	}
}

void
http_tell(struct engine_http *h, enum tw_http_error error)
{
	const struct tw_hop *last = &h->hops[h->n_hops - 1];
	struct tw_answer a = {.size = sizeof(a),
	    .error = error,
	    .error_text = error_text(h, error),
	    .hops = h->hops,
	    .n_hops = h->n_hops,
	    .hop_size = sizeof(struct tw_hop),
	    .status = last->status,
	    .failed_phase = error != TW_HTTP_OK ? last->failed_phase : TW_PHASE_NONE,
	    .body = buf_str(&h->body),
	    .body_len = h->body.len,
	    .arg = h->request.arg,
	    .lag_us = h->lag_us};

	for (uint32_t i = 0; i < h->n_hops; i++) {
		a.late |= h->hops[i].late;
		a.total_us += h->hops[i].total_us;
		a.ttfb_us += i + 1 < h->n_hops ? h->hops[i].total_us : h->hops[i].ttfb_us;
		if (i + 1 < h->n_hops)
			a.redirect_us += h->hops[i].total_us;
	}
	/* The callback may end the run, and with it the connections: nothing of ours is left in
	 * them then. The answer's texts are our own copies. */
	http_release_hop(h);
	h->done(h->arg, &a);
	http_free(h);
}

