/*
 * http-internal.h - one request while it runs; what http.c and http-answer.c share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_HTTP_INTERNAL_H
#define HOST_HTTP_INTERNAL_H

#include "host/engine-internal.h"
#include "lib/options.h"

#define BODY_MAX (1 << 20)
#define HEADERS_MAX (64 << 10)
#define HEADER_COUNT_MAX 256
#define HOPS_MAX (ENGINE_REDIRECTS_MAX + 1)

/* Our own stamps of one hop, monotonic microseconds; 0 = did not happen. */
struct stamps {
	int64_t start, resolved, open, connected, secured, sent, first, end;
	int64_t kernel;      /* receive stamp of the oldest bytes that wait to be read */
	int64_t starved;     /* loop_starved_us when the request was about to be sent */
	int64_t sending;     /* the request was sent between this and `sent` */
	bool late_first;     /* the first byte may have come long before its stamp */
};

struct engine_http {
	struct engine *engine;
	struct engine_run *run;
	struct heap heap;            /* copies of the request, facts of the hops */
	struct tw_request request;
	void (*done)(void *, const struct tw_answer *);
	int (*on_body)(void *, const void *, size_t);
	void *arg;
	mono_t deadline;
	struct loop_timer timer, later;
	/* the hop that runs */
	CURL *easy;                  /* NULL: none, or it resolves */
	struct multi *multi;
	struct engine_dns *dns;
	struct curl_slist *headers, *connect_to;
	CURLU *url;
	char *host;
	struct tw_addresses found;   /* texts below */
	uint32_t n_addresses, at_address;
	struct stamps s;
	struct cert_reader certificates;
	int fd;
	bool is_https, host_is_private, is_redirected, drop_secrets, got_final_head, is_timed_out;
	bool is_plain;               /* the handle carries nothing that would stay in it */
	bool budget_headers, budget_body, stopped_by_plugin, blocked_address;
	size_t header_bytes;
	CURLcode code;
	uint32_t n_head;
	int status;
	const char *method;          /* of this hop: a redirect may make a GET of a POST */
	struct buf body;
	uint32_t n_hops;
	int64_t lag_us;
	/* Not cleared: what counts of them is counted above. */
	char addresses[8][64];
	struct tw_header head[HEADER_COUNT_MAX];
	struct tw_hop hops[HOPS_MAX];
};

/* http-answer.c: a hop that ended becomes a record; the whole becomes an answer */
void http_write_hop(struct engine_http *h);
enum tw_http_error http_error_of(const struct engine_http *h);
void http_tell(struct engine_http *h, enum tw_http_error error); /* calls back, then frees */
/* http.c */
void http_release_hop(struct engine_http *h); /* what libcurl and the run own */
void http_free(struct engine_http *h);

#endif
