/*
 * init.h - the inside of `tillwatch init`: from a shop's address to a configuration.
 *
 *   cmd-init.c       the verb: options, the file, what is said of it
 *   init-fetch.c     one request: its turn, robots.txt, redirects within the shop
 *   init-look.c      which requests, in which order; what they showed
 *   init-links.c     addresses: of a page's links, sorted into products, categories and the rest
 *   init-page.c      texts of a page that can be asserted; walls, logins; targets
 *   init-platform.c  one table of marks: which platform is it?
 *   init-write.c     the file
 *   init-next.c      the three steps behind it, with lines of config/examples/
 *
 * DESIGN. Politeness is the frame of all of it: INIT_REQUESTS requests, INIT_PAUSE_US between any
 * two of them, redirects and robots.txt counted, nothing asked that robots.txt keeps from us. Each
 * guess is kept with its reason, which becomes a comment of the file: whoever reads it can judge
 * the guess without knowing this code. What was not seen is not asserted.
 *
 * Runs in: the command line's one thread; blocks on the network, each request under a deadline.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_INIT_H
#define CLI_INIT_H

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/robots.h"

#define INIT_REQUESTS 20            /* of one init, all of them counted */
#define INIT_PAUSE_US 1000000       /* from the end of one to the begin of the next */
#define INIT_MEASURED 10            /* of them, for the targets */
#define INIT_CANDIDATES 4           /* product pages that are looked at */
#define INIT_TIMEOUT_MS 10000L
#define INIT_BODY (2u << 20)
#define INIT_URL 1024               /* bytes of an address; a longer one is left out */
#define INIT_HEADERS 64
#define INIT_TEXT 64                /* bytes of a text that is asserted */
#define INIT_WHY 240
#define INIT_LINKS 4000             /* of a page or a sitemap */

/* ---- init-fetch.c ---- */

struct init_answer {
	char url[INIT_URL];         /* that answered: behind the redirects */
	int status;
	unsigned n_hops;
	int64_t ttfb_us;            /* over all hops, each on a new connection */
	struct tw_header headers[INIT_HEADERS]; /* of the last hop */
	uint32_t n_headers;
	struct buf header_text, body; /* body: cut off at INIT_BODY */
	double certificate_days;    /* until it expires; NaN = none */
};

struct init_site {
	CURL *curl;
	const char *ca_file;        /* NULL = the system's */
	bool is_progress_told;      /* on stderr */
	unsigned n_requests;
	mono_t ended;               /* the newest one */
	struct robots robots;
	char robots_of[2][INIT_URL]; /* origins: asked, and the one that answered */
	char sitemap[INIT_URL];     /* as robots.txt names it; "" = it does not */
	char err[INIT_WHY];
};

enum init_asked {
	INIT_OK,                    /* an answer, whatever its status */
	INIT_FAILED,                /* none: err */
	INIT_DISALLOWED,            /* robots.txt keeps it from us */
	INIT_SPENT                  /* INIT_REQUESTS were made */
};

void init_answer_init(struct init_answer *a);
void init_answer_free(struct init_answer *a);
/* json: the body of a POST, NULL = a GET. */
enum init_asked init_ask(
    struct init_site *s, const char *url, const char *json, struct init_answer *a);
struct tw_hop init_hop(const struct init_answer *a);

/* ---- init-links.c ---- */

/* An address, or a link of the page `base`, whole and without its fragment. False: none of http(s),
 * with a password, too long, or not to be written into a file. */
bool init_url(char dst[INIT_URL], const char *base, const char *link);
void init_origin(char dst[INIT_URL], const char *url);   /* "https://shop.example:8443" */
void init_host(char dst[INIT_URL], const char *url);     /* "shop.example" */
const char *init_path(const char *url);                  /* with its query; "/" at least */
bool init_same_site(const char *a, const char *b);       /* www. makes no difference */

enum init_kind { KIND_SERVICE, KIND_OTHER, KIND_CATEGORY, KIND_SLUG, KIND_PRODUCT };
/* What an address seems to be: a slug may well be a product (/blue-linen-lamp.html). */
enum init_kind init_kind(const char *url);

struct init_links { char **url; size_t n; };
void init_links_add(struct init_links *l, const char *url); /* each once */
void init_links_read(struct init_links *l, const char *base, const char *page, size_t len);
void init_links_sitemap(
    struct init_links *pages, struct init_links *maps, const char *base, const struct buf *bytes);
/* Of a shop in a folder (https://shop.example/de/): only what is below it, where anything is. */
void init_links_below(struct init_links *l, const char *home);
bool init_links_have(const struct init_links *l, enum init_kind kind);
void init_links_free(struct init_links *l);
/* Up to INIT_CANDIDATES of the likeliest products, spread over the list. */
size_t init_candidates(const struct init_links *l, const char *out[INIT_CANDIDATES]);
const char *init_category(const struct init_links *l, const char *home); /* NULL: none */
/* The address of a search for `word` by the page's own form. False: it has none that we know. */
bool init_search_form(char dst[INIT_URL], const char *base, const char *page, size_t len,
    const char *word);

/* ---- init-page.c ---- */

/* A text of the page, as its bytes are, that can be asserted: `name` if the page shows it, else its
 * title. dst "": there is none. */
void init_text(char dst[INIT_TEXT], const char *name, const char *page, size_t len);
bool init_has(const char *page, size_t len, const char *text);
/* A word of a product's name to search for; "" = it has none. */
void init_word(char dst[INIT_TEXT], const char *name);
/* Why this is no page of the shop, and what to do; false: it is one. */
bool init_trouble(const struct init_answer *a, char why[INIT_WHY]);

struct init_targets {
	double ms[INIT_MEASURED];
	unsigned n;
	int64_t median_ms, p95_ms, warn_ms, crit_ms;
};
void init_propose(struct init_targets *t); /* of ms[0..n] */

/* ---- init-platform.c ---- */

struct init_platform {
	const char *name, *title, *example; /* example: which of config/examples/ */
};
struct init_marks {
	uint64_t seen;              /* rows of the table */
	char why[INIT_WHY];         /* of the best one */
};
void init_marks_look(struct init_marks *m, const struct init_answer *a);
/* Never NULL: "unknown" is an answer. Fills m->why. */
const struct init_platform *init_marks_best(struct init_marks *m);
const struct init_platform *init_platform_find(const char *name);
/* The nth request that would settle it; false: no more. json NULL = a GET. */
bool init_marks_probe(
    const struct init_marks *m, unsigned nth, const char **path, const char **json);
/* The API that the platform's shops live on, and what is asked of it each minute. */
struct init_api {
	const char *name, *path, *json; /* json: the body that asks */
	const char *query, *pointer;    /* the same as GraphQL; what an answer holds */
	const char *answer;             /* bytes of a good answer */
};
const struct init_api *init_api_of(const struct init_platform *p); /* NULL: none we know */
/* Where the platform searches; NULL: nobody knows. Ends where the word goes. */
const char *init_search_path(const struct init_platform *p);

/* ---- init-look.c ---- */

enum { PAGE_HOME, PAGE_CATEGORY, PAGE_PRODUCT_1, PAGE_PRODUCT_2, PAGE_SEARCH, PAGE_N };
extern const char *const init_page_names[PAGE_N];

struct init_page {
	bool is_there, is_seen;     /* seen: it answered 200 */
	char url[INIT_URL], text[INIT_TEXT], why[INIT_WHY];
	unsigned n_redirects;       /* when it was measured */
};
struct init_shop {
	struct init_site site;
	char address[INIT_URL];     /* as it was given */
	char host[INIT_URL], currency[8], timezone[64];
	struct init_page pages[PAGE_N];
	struct init_targets targets;
	struct init_marks marks;
	const struct init_platform *platform;
	char edge[INIT_WHY];        /* what stands before the shop; "" = nothing */
	char product[INIT_TEXT];    /* the name of the first one */
	char api[INIT_URL];         /* of the platform, and it answered; "" = none */
	double certificate_days;
	bool is_hidden;             /* robots.txt allows not even the home page */
	struct buf notes;           /* what was not found, a line each */
};
/* 0; else an exit code, and site.err says why and what to do. */
int init_look(struct init_shop *shop);

/* ---- init-write.c, init-next.c ---- */

void init_write(const struct init_shop *shop, struct buf *out);
/* Quoted for YAML: whatever stands in it is text. */
void init_quote(struct buf *out, const char *text);

struct init_lines { const char *under; struct buf text; }; /* "sources", and lines to add there */
struct init_step { const char *title, *value; struct init_lines lines[4]; unsigned n_lines; };
#define INIT_STEPS 3
void init_next(const struct init_shop *shop, struct init_step steps[INIT_STEPS]);
void init_next_free(struct init_step steps[INIT_STEPS]);

/* Made of config/examples/ by the build. */
struct init_example { const char *name; const char *const *lines; }; /* lines end with NULL */
extern const struct init_example init_examples[];   /* ends with a NULL name */

#endif
