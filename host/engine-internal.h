/*
 * engine-internal.h - what the files of the engine share. Nobody else includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_ENGINE_INTERNAL_H
#define HOST_ENGINE_INTERNAL_H

#include <ares.h>
#include <curl/curl.h>
#include <sys/socket.h>

#include "host/engine.h"
#include "lib/buf.h"

#define POOL_MAX 256                 /* easy handles kept for reuse */
#define DNS_ADDRESSES_MAX 32

struct multi {                       /* one of libcurl's, its timer on our loop */
	struct engine *engine;
	CURLM *curl;
	struct loop_timer timer;
	mono_t entered;              /* when libcurl was last called */
};

struct engine {
	struct loop *loop;
	int stamps_fd;               /* holds the kernel's receive stamps switched on; or -1 */
	char *ca_file, *resolver;
	char **references;
	size_t n_references;
	uint32_t max_in_flight, in_flight;
	struct trust *trust;         /* trust.c */
	size_t n_trust;
	struct multi cold;           /* of all requests whose connection nobody reuses */
	CURL *pool[POOL_MAX];        /* prepared, ready for a plain GET */
	uint32_t n_pool;
	ares_channel ares;
	struct loop_timer ares_timer;
	struct engine_sight *waiting; /* sight.c */
	struct sight_check *check;
	mono_t sight_at;
	int sight;                   /* last answer; valid while sight_at is young */
};

struct engine_run {
	struct engine *engine;
	struct multi warm;           /* of its own connections; made when first needed */
};

/* easy.c: handles and their sockets on the loop */
int multi_setup(struct multi *m, struct engine *e, long connections);
void multi_clear(struct multi *m);
void multi_kick(struct multi *m); /* what libcurl wants to do at once, it does now */
CURL *easy_take(struct engine *e);
void easy_give(struct engine *e, CURL *easy, bool is_plain); /* else it is not used again */
void easy_pool_clear(struct engine *e);
/* http.c, called by easy.c: a transfer ended; a socket that it reads from is about to be read. */
void http_finished(CURL *easy, CURLcode code);
void http_prepare(CURL *easy); /* a new handle: what every request sets alike */
void http_readable(CURL *easy, int fd);

/* dns.c, sight.c */
int dns_setup(struct engine *e);
void dns_clear(struct engine *e);
void sight_clear(struct engine *e);

/* address.c */
bool address_is_private(const struct sockaddr *a);
bool address_parse(const char *text, struct sockaddr_storage *out); /* numeric, brackets allowed */
void address_text(const struct sockaddr *a, char *dst, size_t cap);

/* trust.c: gives an SSL_CTX the certificates of a file, parsed once. 0, or -1: the file cannot be
 * read. */
#define TRUST_FILES_MAX 16
struct trust { char *path; void *store; };
int trust_use(struct engine *e, const char *ca_file, void *ssl_ctx);
void trust_clear(struct engine *e);

/* cert.c: what a handshake under this SSL_CTX shows of certificates goes into *to, its texts into
 * heap; r lives as long as the handshake */
struct heap;
struct cert_reader { struct tw_certificate *to; struct heap *heap; };
const char *cert_verify_text(long result); /* OpenSSL's words */
void cert_watch(void *ssl_ctx, struct cert_reader *r);

/* jar.c: the handle takes the jar's cookies before a hop, and gives them back behind it */
void jar_load(struct tw_jar *jar, CURL *easy);
void jar_store(struct tw_jar *jar, CURL *easy);

#endif
