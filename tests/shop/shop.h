/*
 * shop.h - the demo shop: one process that is a web shop, its ERP feed, its access log, a liar on
 * request and a receiver of webhooks. Tests, benches and the demo watch it; nothing of tillwatch is
 * linked into it but lib/.
 *
 *	--http, --tls       listen.c -> libmicrohttpd -> front.c -> fault? -> route.c -> pages, ...
 *	--raw (plain, TLS)  listen.c -> raw.c (own sockets)      -> fault? -> route.c
 *	                                                              |
 *	        polite.c: whole answers, hostile.c: bytes that no server should send
 *
 * Threads: one a connection (so that a fault may simply sleep), one acceptor a port, one for the
 * visitors; main keeps the shop's clock (break, heal, feed file, end). What they share lies behind
 * the mutex of the module that owns it. Ceilings: 2000 connections a port, 1 MiB a request body, 32
 * faults, 4096 carts, 4096 orders, 1000 webhooks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHOP_H
#define SHOP_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "fault.h"
#include "lib/buf.h"
#include "lib/clock.h"

#define SHOP_PRODUCTS 40
#define SHOP_BODY_MAX (1 << 20)       /* bytes of a request's body */
#define SHOP_DECLINED "4000000000000002" /* the test card that is declined */

struct options {
	int http_port, tls_port, raw_port; /* 0: any free one */
	const char *cert, *key, *dir, *secret, *ready_file;
	uint64_t seed;
	double rate;                       /* orders a minute by made-up visitors; 0: none */
	double pace;                       /* multiplies the shop's own thinking time; 0: none */
	int64_t break_after_s, heal_after_s, max_seconds; /* 0: never; heal counts from the break */
	const char *break_fault; /* as in a query: "name&ms=..&step=..", several with ; */
	int cert_days;
};

struct shop {
	struct options opt;
	char dir[512];
	int http_port, tls_port, raw_port;
	int stop_fd;                       /* eventfd: readable once the shop ends */
	int64_t started_ms;
	atomic_ullong requests[STEP_MAX];
	struct faults *faults;
	struct catalog *catalog;
	struct carts *carts;
	struct hooks *hooks;
	struct visitors *visitors;         /* NULL: none */
	struct journal *access, *truth;
};

/* When things truly happened: {CLOCK_REALTIME, CLOCK_MONOTONIC} in nanoseconds, each taken right
 * before the call. */
struct truth {
	int64_t accept[2], came_real; /* came: the kernel's receive stamp of the last bytes that
					 were read, 0 over TLS */
	int64_t read[2], head[2], body[2]; /* request wholly read; head, body written */
	int64_t head_done_ns, body_done_ns;           /* monotonic, after the write returned */
};
void truth_now(int64_t stamp[2]);

/* One request, whichever port it came by. Texts are owned by the port and live until the answer is
 * out. */
struct request {
	struct shop *shop;
	const char *method, *path,
		*query; /* path without '?'; query "" when absent; both as sent */
	const char *host, *referer, *agent, *synthetic, *cookie, *authorization; /* may be NULL */
	const char *visitor, *session;     /* cookies, may be NULL */
	const char *hook_id, *hook_time, *hook_signature; /* webhook-* headers, may be NULL */
	const char *body;
	size_t body_len;
	const char *remote;                /* address as the access log shows it */
	enum step step;
	bool is_tls, is_soldout, is_stale; /* the last two by a fault in the query */
	struct truth *truth;               /* NULL where nobody keeps it */
};

/* ---- answer.c: a whole, well-formed answer ---- */
#define ANSWER_HEADERS 12
struct answer {
	unsigned status;
	char type[64];
	struct { char name[40], value[600]; } headers[ANSWER_HEADERS];
	int n_headers;
	struct buf body;
};
void answer_init(struct answer *a);
void answer_free(struct answer *a);
void answer_header(struct answer *a, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void answer_text(struct answer *a, unsigned status, const char *type, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void answer_json(struct answer *a, unsigned status, json_t *value); /* takes the value */
void answer_error(struct answer *a, unsigned status, const char *code);
const char *status_reason(unsigned status);
/* The answer as HTTP/1.1 bytes; body left out for HEAD. */
void answer_bytes(const struct answer *a, bool is_head, bool closes, struct buf *head);

/* ---- util.c ---- */
uint64_t shop_hash(uint64_t seed, uint64_t a, uint64_t b);
double shop_unit(uint64_t hash);                       /* 0 <= x < 1 */
int64_t now_ns(int clock);
/* Until a CLOCK_MONOTONIC instant; false when the shop ends first. */
bool shop_sleep_until(struct shop *s, int64_t mono_ns);
bool shop_sleep_us(struct shop *s, int64_t us);
bool shop_is_ending(struct shop *s);
/* Waits for the peer of fd to hang up, at most 10 minutes, or for the shop to end. */
void shop_hold(struct shop *s, int fd);
/* Query parameter, percent-decoded, cut to size; false when absent. */
bool query_get(const char *query, const char *key, char *dst, size_t size);
/* Cookie of that name from a Cookie header (may be NULL); false when absent. */
bool cookie_get(const char *header, const char *name, char *dst, size_t size);
const char *rfc3339(int64_t wall_ms, char dst[WALL_TEXT]);
struct journal *journal_open(const char *dir, const char *name); /* NULL: errno says why */
void journal_write(struct journal *j, const char *line, size_t len); /* one write(2): whole lines */
void journal_close(struct journal *j);

/* ---- route.c: what the shop answers when nothing is broken ---- */
enum step route_step(const char *method, const char *path);
void route_answer(struct request *r, struct answer *a);
/* How long the shop thinks about its next answer of this step: the same for the same seed and
 * count. */
int64_t route_think_us(struct shop *s, enum step step);

/* What a request will meet, decided once its head is read. */
struct plan {
	struct fault fault;
	bool has_fault;                    /* POLITE or HOSTILE: fault.kind says which */
	int64_t send_us, wait_us, transfer_us;
	char error[160]; /* the query asks for a fault in a wrong way: answer 400 */
};
void plan_make(struct request *r, struct plan *p);
/* The answer of route or polite fault; not for hostile ones. */
void plan_answer(const struct plan *p, struct request *r, struct answer *a);

/* ---- catalog.c: products, stock, the ERP's copy ---- */
struct product {
	char sku[16], slug[40], name[48];
	int64_t price_cents;
	int stock, shown_stock, erp_stock; /* of a copy, stock is what is shown */
	int64_t updated_ms, shown_ms, erp_updated_ms;
};
struct catalog *catalog_new(struct shop *s);
void catalog_free(struct catalog *c);
/* A copy by slug, sku or number ("1".."40"); false: unknown. */
bool catalog_find(struct catalog *c, bool is_soldout, const char *name, struct product *out);
bool catalog_at(struct catalog *c, bool is_soldout, int index, struct product *out);
/* Takes units out of stock (negative puts them back); false when there are too few. Refills what
 * runs low. */
bool catalog_take(struct catalog *c, const char *sku, int units);
bool catalog_set(struct catalog *c, const char *sku, int stock);
void catalog_feed(struct catalog *c, bool is_stale,
	struct buf *csv); /* updates the ERP first, unless stale */
void catalog_write_feed(struct catalog *c);            /* DIR/stock.csv, replaced whole */

/* ---- pages.c, cart.c, graphql.c, control.c, hook.c: parts of the route table ---- */
void page_home(struct request *r, struct answer *a);
void page_list(struct request *r, struct answer *a);
void page_product(struct request *r, struct answer *a);
void page_search(struct request *r, struct answer *a);
void page_checkout(struct request *r, struct answer *a);
void page_health(struct request *r, struct answer *a);
void page_echo(struct request *r, struct answer *a);
void stock_pages(struct request *r, struct answer *a);
void stock_put(struct request *r, struct answer *a);
void stock_feed(struct request *r, struct answer *a);

struct carts *carts_new(struct shop *s);
void carts_free(struct carts *c);
void cart_show(struct request *r, struct answer *a);
void cart_add(struct request *r, struct answer *a);
void cart_address(struct request *r, struct answer *a);
void cart_shipping(struct request *r, struct answer *a);
void cart_pay(struct request *r, struct answer *a);
void order_show(struct request *r, struct answer *a);
void order_cancel(struct request *r, struct answer *a);
json_t *carts_state(struct carts *c);                  /* counts, for /control/state */
void graphql_answer(struct request *r, struct answer *a);

void control_fault(struct request *r, struct answer *a);
void control_heal(struct request *r, struct answer *a);
void control_state(struct request *r, struct answer *a);
void control_webhooks(struct request *r, struct answer *a);

struct hooks *hooks_new(struct shop *s);               /* NULL: --secret is no secret */
void hooks_free(struct hooks *h);
/* Checks and remembers one delivery. status: what will be answered, 0 to choose by the signature.
 */
unsigned hook_receive(struct request *r, unsigned status);
json_t *hooks_state(struct hooks *h);

/* ---- visitors.c, access.c: made-up customers, and the access log they and real ones are in ----
 */
struct visitors *visitors_start(
	struct shop *s); /* also writes DIR/countries.csv; NULL: no thread to be had */
void visitors_stop(struct visitors *v);
json_t *visitors_state(struct visitors *v);      /* v may be NULL */
struct log_entry {
	const char *remote, *method, *target, *referer, *agent, *visitor,
		*synthetic; /* may be NULL */
	unsigned status;
	uint64_t bytes;
	int64_t at_ms, request_us, upstream_us; /* upstream < 0: none */
};
void access_log(struct shop *s, const struct log_entry *e);

/* ---- sink: where hostile bytes go ---- */
struct sink {
	struct shop *shop;
	int fd;                            /* non-blocking socket */
	void *tls;
	/* Sends some: count, -1 would block (then poll for `events`), -2 gone. NULL: plain send(2).
	 */
	int (*send)(struct sink *k, const void *data, size_t len, short *events);
	uint64_t sent;
};
/* All of it, however slow the peer reads; false when it went away or the shop ends. */
bool sink_write(struct sink *k, const void *data, size_t len);
bool sink_text(struct sink *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sink_reset_on_close(struct sink *k);              /* the connection will end with RST */

/* ---- listen.c, front.c, raw.c, cert.c ---- */
struct listener;
typedef void (*listen_cb)(
	void *context, int fd, const void *addr, unsigned addr_len, int64_t accept_ns[2]);
/* Binds 127.0.0.1 and ::1 (where there is IPv6) on one port. 0 or -errno. */
int listener_open(struct shop *s, int port, bool is_tls, struct listener **out);
int listener_port(const struct listener *l);
int listener_start(struct listener *l, listen_cb cb, void *context);
void listener_stop(struct listener *l);

struct front;
int front_start(struct shop *s, bool is_tls, const char *cert_pem, const char *key_pem, int port,
	struct front **out);
int front_port(const struct front *f);
void front_stop(struct front *f);

struct raw;
int raw_start(
	struct shop *s, const char *cert_file, const char *key_file, int port, struct raw **out);
int raw_port(const struct raw *r);
void raw_stop(struct raw *r);

/* Writes ca.pem, cert.pem (leaf and CA), key.pem into dir: P-256, SAN localhost, 127.0.0.1, ::1. 0
 * or -EIO. */
int cert_make(const char *dir, int days);

#endif
