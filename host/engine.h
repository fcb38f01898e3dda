/*
 * engine.h - the probe engine: HTTP with times that are right, DNS, and the question whether it is
 * us.
 *
 *   engine_http -> hop: resolve (c-ares) -> connect, TLS, send, wait, transfer (libcurl, its
 * sockets on our loop) |                                                        |
 *                  +--- redirect: next hop, judged by redirect rules <------+--> answer
 *
 * DESIGN. libcurl's timers are wrong where it matters (time to first byte of a POST over HTTP/2;
 * sums over redirects; zeros after a failure), so every stamp is our own: callbacks for open, TLS
 * and request, the kernel's receive stamp for the first byte, redirects followed here, one record a
 * hop. Names are resolved here too, because libcurl's resolver makes a thread a lookup and its
 * cache is pruned in O(n) after each transfer.
 *
 * Runs in: the loop's thread; nothing blocks. Every start is answered by exactly one callback,
 * never from within the call that started it, unless it is cancelled: then by none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_ENGINE_H
#define HOST_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#include "host/loop.h"

#define ENGINE_IN_FLIGHT 2000           /* transfers at once when the options name none */
#define ENGINE_LAG_MAX_US 250000        /* more lag in the last second: nothing new is started */
#define ENGINE_LATE_US 1000             /* away for longer while an answer was waited for: late */
#define ENGINE_REDIRECTS_MAX 20
#define ENGINE_SIGHT_US 5000000         /* an answer is shared for so long */

struct engine;
struct engine_http;                     /* one request, its redirects too */
struct engine_dns;
struct engine_sight;

struct engine_opts {
	struct loop *loop;
	const char *ca_file;            /* NULL: the system's bundle */
	const char *resolver;           /* "127.0.0.1:53", NULL: the system's */
	const char *const *references;
	size_t n_references;
	uint32_t max_in_flight;         /* 0 = ENGINE_IN_FLIGHT */
};

/* NULL: out of memory, or c-ares or libcurl do not start. The texts are copied. */
struct engine *engine_new(const struct engine_opts *opts);
void engine_free(struct engine *e);     /* all requests must be cancelled before */

/* May something be started now? Not when too much is in flight or the loop lags: a start that would
 * be late is skipped and counted rather than measured wrong. */
bool engine_admits(const struct engine *e);
uint32_t engine_in_flight(const struct engine *e);

/* What ties the connections of one run together: TW_WARM reuses only what the same run opened. */
struct engine_run;
struct engine_run *engine_run_new(struct engine *e);   /* NULL: out of memory */
void engine_run_free(
    struct engine_run *r); /* closes its connections; its requests are cancelled before */

/* The request is copied. deadline: absolute; the request's own timeout_us may end it earlier. NULL:
 * out of memory. The answer lives for the callback. body: on_body of the request is called as
 * body(arg, data, len). */
struct engine_http *engine_http(struct engine_run *run, const struct tw_request *request,
    mono_t deadline, void (*done)(void *arg, const struct tw_answer *),
    int (*body)(void *arg, const void *data, size_t len), void *arg);
void engine_http_cancel(struct engine_http *h);        /* no callback comes any more */

struct engine_dns *engine_dns(struct engine *e, const char *name, enum tw_family family,
    mono_t deadline, void (*done)(void *arg, const struct tw_addresses *), void *arg);
void engine_dns_cancel(struct engine_dns *d);

/* sees: 1, 0, or -1 without references. */
struct engine_sight *engine_sight(
    struct engine *e, mono_t deadline, void (*done)(void *arg, int sees), void *arg);
void engine_sight_cancel(struct engine_sight *s);

/* Cookies of one run. */
struct tw_jar *engine_jar_new(struct engine *e);
void engine_jar_free(struct tw_jar *jar);

#endif
