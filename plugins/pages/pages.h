/*
 * pages.h - the inside of the pages source: what the shop's own pages say of price, currency and
 * availability, a few of them an hour.
 *
 *   pages.c        options, metrics, alerts; a run, and its verdict
 *   discover.c     the sitemaps, until there is none left; what is no address of the shop
 *   known.c        addresses in a shuffled order, and the keys that were seen on them
 *   visit.c        one page: asked for, judged, handed on
 *   ask.c          one request: pause, synthetic header; robots.txt of its host
 *   keep.c         where the order is, and what pages have said, over restarts
 *   lib/           offers.c: JSON-LD -> offers; markup.c, sitemap.c, robots.c: bytes from outside
 *
 *      sitemaps --> addresses --(shuffled)--> page --> offers --> records (TW_BATCH_SAMPLE)
 *                       ^                      ^
 *         key_url ------+------ key -----------+   read_keys: the page on which it was seen
 *
 * DESIGN. A shop has more pages than anybody may ask for. So they are a sample: addresses in an
 * order that a seed makes of their hashes, each once until all were seen, then by another seed. The
 * place in the order is one number, so it outlives a restart, and addresses that come or go in
 * between change nothing. What a page has said is kept, and told again after a restart: a
 * difference that was open before is open after it, and is settled by asking for that page.
 *
 * A key is absent only when its page was asked for and answers 404 or 410. A wall, an error, a page
 * that leads to another one, one without an offer, what robots.txt keeps from us: of these nothing
 * is said.
 *
 * Politeness: robots.txt (RFC 9309), `pause` between any two requests, `per_hour` pages an hour,
 * and at most as many again for keys that a probe asks for. A server's Retry-After is kept.
 *
 * Runs in: start() on the loop, everything else in the source's own thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_PAGES_PAGES_H
#define PLUGINS_PAGES_PAGES_H

#include <tillwatch/plugin.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/hash.h"
#include "lib/offers.h"
#include "lib/robots.h"
#include "lib/sitemap.h"
#include "plugins/common/fetch.h"
#include "plugins/common/turn.h"

#define PAGES_FIELDS_MAX 16
#define PAGES_HOSTS_MAX 16
#define PAGES_HOST_TEXT 264         /* "shop.example:8443" */
#define PAGES_ERR 256
#define PAGES_SITEMAPS_MAX 1000     /* files of one discovery */
#define PAGES_SITEMAP_BYTES (50 * 1024 * 1024) /* of one, unpacked: the protocol's own bound */
#define KNOWN_KEYS_MAX 1000000      /* articles of all pages */
#define PAGES_AGAIN_US 60000000     /* what has failed is tried again */

/* ---- known.c ---- */

struct page {
	uint64_t hash;              /* of its address: what it is called here */
	uint64_t turn;              /* its place in the round */
	UT_hash_handle hh;
	uint64_t run;               /* that asked for it last */
	bool is_own;                /* of `urls`: never forgotten */
	bool is_listed;             /* in the newest sitemaps */
	bool is_gone;
	uint32_t n_keys;            /* that it showed when it was seen last */
	char url[];
};

enum { SAID_KEY, SAID_PRICE, SAID_CURRENCY, SAID_AVAILABILITY, SAID_N };
/* What a page said of a key; the texts lie behind it, one after the other. */
struct said_of {
	UT_hash_handle hh;          /* by key */
	uint64_t page;              /* hash of its address */
	uint64_t run;               /* that saw it last; 0 = one before a restart */
	bool is_gone;
	const char *text[SAID_N];   /* "" = nothing */
	char bytes[];
};

struct known {
	struct page *pages;
	struct said_of *keys;
	struct page **order;        /* by turn */
	size_t n_order;
	bool is_stale;              /* the order lacks pages, or has some that are no more */
	uint64_t seed, position;    /* of the round; the newest turn that was taken */
	int64_t round_ms;           /* when it began */
	int64_t round_us;           /* how long the newest whole one took; 0 = none yet */
};

void known_clear(struct known *k);
/* NULL: no memory. What is known already is found. */
struct page *known_add(struct known *k, const char *url);
struct page *known_find(const struct known *k, uint64_t hash);
uint64_t known_hash(const char *url);
/* The next one of the round; at its end the next round begins. NULL: there is none. */
struct page *known_next(struct known *k, int64_t now_ms);
void known_done(struct known *k, const struct page *p); /* the next one is the one behind it */
/* All sitemaps were read: a page that is in none, and gone or without a key, is forgotten, and what
 * pages that nobody knows have said. True: some was. */
bool known_sweep(struct known *k);
struct said_of *known_key(const struct known *k, const char *key);
/* Of SAID_N texts, NULL = nothing. NULL: no memory, or KNOWN_KEYS_MAX. */
struct said_of *known_say(
    struct known *k, uint64_t page, const char *const *text, bool is_gone);
/* What the page shows no more, when another run saw it last, is forgotten. */
void known_prune(struct known *k, uint64_t page, uint64_t run);

/* ---- ask.c ---- */

struct host {                       /* whose addresses are asked for */
	char name[PAGES_HOST_TEXT];
	struct robots robots;
	bool has_robots;
	mono_t robots_until;        /* they are to be read again */
};

enum asked {
	ASKED_OK,                   /* an answer came: a->status */
	ASKED_FAILED,               /* none, a->err */
	ASKED_LATER                 /* no time for it in this run, or too little */
};

/* ---- a run ---- */

enum result { PAGE_OK, PAGE_GONE, PAGE_MOVED, PAGE_BLOCKED, PAGE_FAILED, PAGE_DISALLOWED, PAGE_N };

struct pages {
	/* options */
	const char *sitemap, *key_url, *ca_file;
	struct tw_list urls, hosts, match, fields, headers;
	double per_hour;
	int64_t pause, refresh, max_body, max_pages;
	int32_t key, robots;

	/* made by start */
	struct fetcher *fetcher;
	struct host host[PAGES_HOSTS_MAX];
	unsigned n_hosts;
	enum offer_field field[PAGES_FIELDS_MAX];
	uint32_t n_fields;
	struct tw_pair *sent;       /* headers, and the one that says who we are */
	uint32_t n_sent;
	struct known known;
	struct offers offers;
	struct buf body;
	bool is_told;               /* what was kept over a restart */
	struct turn turn;           /* of the next request */
	mono_t filled;              /* when the tokens were counted last */
	double tokens, key_tokens;  /* pages that may be asked for now */

	/* discover.c: over as many runs as it takes */
	char **queue;               /* sitemaps */
	size_t n_queue, at_queue;
	bool is_discovering, is_whole; /* whole: no sitemap has failed */
	mono_t discover_at;         /* the next time */
	char sitemap_err[PAGES_ERR]; /* of the newest discovery; "" = it is well */
	int64_t again_us;           /* until a discovery that has failed begins anew */

	/* a run */
	struct tw_ctx *ctx;
	uint64_t run;
	const char *cause;
	char err[PAGES_ERR];
	bool is_waiting, is_blocked; /* it asks for no more pages */
	int64_t read_ms;
	uint32_t flags;             /* of its batches, but for FIRST and LAST */
	bool has_begun;             /* the first batch was handed on */
	uint64_t n[PAGE_N], n_without, n_offers, n_broken, n_refused;
	unsigned n_troubles;        /* that are told as facts */
	unsigned n_without_in_turn; /* over runs */
	struct tw_record records[OFFERS_MAX];
	struct tw_value values[OFFERS_MAX][PAGES_FIELDS_MAX];
};

void pages_fail(struct pages *s, const char *cause, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A batch of s->records. */
void pages_hand_on(struct pages *s, size_t n, uint32_t more_flags);
/* The values of record i, by offer_field; NULL = not said. */
void pages_record(
    struct pages *s, size_t i, const char *const text[OFFER_FIELDS], uint32_t flags);

/* ask.c */
/* "shop.example:8443" of an address, in lower case, and where its path begins. False: it is none
 * of http(s), has a password in it, or bytes that an address has not. */
bool url_split(const char *url, char host[PAGES_HOST_TEXT], const char **path);
struct host *host_find(struct pages *s, const char *name);
/* The body lies in s->body, unless on_data is not NULL. takes_errors: that of a 4xx, too. */
enum asked ask(struct pages *s, const char *url, int64_t max_bytes,
    bool (*on_data)(void *arg, const char *data, size_t len), void *arg, struct fetch_answer *a);
/* May it be asked for? -1: robots.txt cannot be read now, so nobody knows. */
int ask_robots(struct pages *s, const char *url);

/* discover.c */
void discover(struct pages *s);
void discover_clear(struct pages *s);
/* Takes an address of a page. False: it is none of the shop's, or there are too many. */
bool discover_page(struct pages *s, const char *url, bool is_own);

/* visit.c: key is who asks for the page, NULL = nobody. False: not now (time, tokens, robots). */
bool visit(struct pages *s, struct page *p, const char *key);

/* keep.c */
void keep_restore(struct tw_ctx *ctx, struct pages *s);
void keep_position(struct pages *s);
void keep_page(struct pages *s, uint64_t page); /* what it says has changed */
void keep_all(struct pages *s);
void keep_tell(struct pages *s);                /* hands on what pages had said before */

#endif
