/*
 * pages.c - the pages source's words, and its runs. See pages.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/pages/pages.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WITHOUT_MAX 20              /* pages in turn without an offer: something is wrong */

enum metric { REQUESTS, WITHOUT, OFFERS, BROKEN, REFUSED, KNOWN, ROUND, ROUND_AGE };
static const struct tw_metric metrics[] = {
    [REQUESTS] = {"pages_requests_total", "", TW_COUNTER, 0, 1, "result",
	"Pages asked for, by result: ok, gone (404, 410), moved (leads to another page), blocked "
	"(a wall), failed, disallowed (by robots.txt: not asked for)"},
    [WITHOUT] = {"pages_without_offer_total", "", TW_COUNTER, 0, 1, "",
	"Pages that came and have no offer for machines"},
    [OFFERS] = {"pages_offers_total", "", TW_COUNTER, 0, 1, "", "Offers read from pages"},
    [BROKEN] = {"pages_broken_blocks_total", "", TW_COUNTER, 0, 1, "",
	"Blocks of JSON-LD that are none: broken, cut off, too large"},
    [REFUSED] = {"pages_refused_addresses_total", "", TW_COUNTER, 0, 1, "",
	"Addresses of sitemaps that are not the shop's, no addresses, or over max_pages"},
    [KNOWN] = {"pages_known_addresses", "", TW_GAUGE, 0, 1, "", "Pages that are known"},
    [ROUND] = {"pages_round_seconds", "seconds", TW_GAUGE, 0, 1, "",
	"How long the newest round through all of them took"},
    [ROUND_AGE] = {"pages_round_age_seconds", "seconds", TW_GAUGE, 0, 1, "",
	"Since the round that is under way began"},
};
static const char *const results[PAGE_N] = {
    "ok", "gone", "moved", "blocked", "failed", "disallowed"};

static const struct tw_option options[] = {
    TW_OPTION(struct pages, sitemap, TW_URL,
	.help = "the shop's sitemap, or an index of sitemaps; may be gzip"),
    TW_OPTION(struct pages, urls, TW_STRINGS, .help = "addresses of pages, beside the sitemap"),
    TW_OPTION(struct pages, key_url, TW_URL,
	.help = "the page of a key: https://shop.example/p/${key}, for keys that a probe asks for"),
    TW_OPTION(struct pages, hosts, TW_STRINGS,
	.help = "other hosts whose addresses are taken from the sitemap, www.shop.example"),
    TW_OPTION(struct pages, match, TW_STRINGS,
	.help = "only addresses of the sitemap whose path is like one of these: /p/*"),
    TW_OPTION(struct pages, key, TW_CHOICE, .choices = "auto|sku|gtin|path", .def = "auto",
	.help = "what an article is called; auto: sku, productID, mpn, gtin, or the last part of "
		"the path without .html, the first that is there"),
    TW_OPTION(struct pages, fields, TW_PAIRS,
	.help = "our name: one of sku (the key), price (with its currency, 12.99 EUR), currency, "
		"availability, gtin, name, url; without it all by these names"),
    TW_OPTION(struct pages, per_hour, TW_REAL, .def = "60", .min = 0.1, .max = 1e6,
	.help = "pages an hour, and at most as many again for keys that a probe asks for"),
    TW_OPTION(struct pages, pause, TW_DURATION, .def = "1s", .max = 3600,
	.help = "between any two requests"),
    TW_OPTION(struct pages, refresh, TW_DURATION, .def = "1d", .min = 1, .max = 30 * 86400.0,
	.help = "sitemaps and robots.txt are read so often"),
    TW_OPTION(struct pages, robots, TW_CHOICE, .choices = "obey|ignore", .def = "obey",
	.help = "what robots.txt says to tillwatch, or to all; ignore: only for your own shop"),
    TW_OPTION(struct pages, headers, TW_PAIRS, .help = "headers of each request, {X-Key: ...}"),
    TW_OPTION(struct pages, ca_file, TW_PATH, .help = "trust this authority alone"),
    TW_OPTION(struct pages, max_body, TW_BYTES, .def = "2MiB", .min = 1024, .max = 1 << 26,
	.help = "of a page"),
    TW_OPTION(struct pages, max_pages, TW_INT, .def = "100000", .min = 1, .max = 1e6,
	.help = "addresses that are known; more are left out"),
};

/* http_json has the same thing, and the same word for it. */
static const struct tw_word words[] = {{"url", "key_url", "0.1.0"}};

static const struct tw_alert alerts[] = {
    {.name = "PagesFail", .severity = "ticket", .hold = "15m",
	.expr = "tillwatch_probe_verdict{probe=\"${probe}\"} == 3",
	.summary = "{{ $labels.probe }}: the shop's pages cannot be read"},
    {.name = "PagesWithoutOffer", .severity = "ticket", .hold = "1h",
	.expr = "increase(pages_without_offer_total{probe=\"${probe}\"}[6h]) > ignoring (result) "
		"(0.5 * increase(pages_requests_total{probe=\"${probe}\",result=\"ok\"}[6h]))",
	.summary = "{{ $labels.probe }}: more than half of the pages have no offer for machines"},
};

/* ---- start ---- */

static enum tw_verdict
add_host(struct tw_ctx *ctx, struct pages *s, const char *option, const char *name)
{
	if (host_find(s, name) != NULL)
		return TW_OK;
	if (s->n_hosts == PAGES_HOSTS_MAX)
		return tw_api_->refuse(ctx, option, "more than %d hosts", PAGES_HOSTS_MAX);
	snprintf(s->host[s->n_hosts++].name, PAGES_HOST_TEXT, "%s", name);
	return TW_OK;
}

static enum tw_verdict
add_host_of(struct tw_ctx *ctx, struct pages *s, const char *option, const char *url)
{
	char name[PAGES_HOST_TEXT];
	const char *path;

	if (url == NULL)
		return TW_OK;
	if (!url_split(url, name, &path))
		return tw_api_->refuse(ctx, option,
		    "\"%.100s\" is no address (try https://shop.example/p/tea)", url);
	return add_host(ctx, s, option, name);
}

static enum tw_verdict
take_places(struct tw_ctx *ctx, struct pages *s)
{
	const char *const *urls = s->urls.items, *const *hosts = s->hosts.items;
	char name[PAGES_HOST_TEXT + 8], host[PAGES_HOST_TEXT];
	const char *path;
	enum tw_verdict v;

	if (s->sitemap == NULL && s->urls.n == 0 && s->key_url == NULL)
		return tw_api_->refuse(ctx, "sitemap", "one of them is needed: sitemap, urls, "
			"key_url");
	if (s->key_url != NULL && strstr(s->key_url, "${key}") == NULL)
		return tw_api_->refuse(
		    ctx, "key_url", "has no ${key}; for certain pages there is urls");
	if ((v = add_host_of(ctx, s, "sitemap", s->sitemap)) != TW_OK
	    || (v = add_host_of(ctx, s, "key_url", s->key_url)) != TW_OK)
		return v;
	for (uint32_t i = 0; i < s->urls.n; i++)
		if ((v = add_host_of(ctx, s, "urls", urls[i])) != TW_OK)
			return v;
	for (uint32_t i = 0; i < s->hosts.n; i++) {
		snprintf(name, sizeof(name), "http://%s", hosts[i]);
		if (strlen(hosts[i]) >= PAGES_HOST_TEXT || !url_split(name, host, &path)
		    || *path != '\0')
			return tw_api_->refuse(ctx, "hosts",
			    "\"%.100s\" is no host (try www.shop.example)", hosts[i]);
		if ((v = add_host(ctx, s, "hosts", host)) != TW_OK)
			return v;
	}
	return TW_OK;
}

static enum tw_verdict
take_fields(struct tw_ctx *ctx, struct pages *s)
{
	const struct tw_pair *p = s->fields.items;
	const char *names[PAGES_FIELDS_MAX];
	char path[80];

	if (s->fields.n > PAGES_FIELDS_MAX)
		return tw_api_->refuse(ctx, "fields", "at most %d are possible", PAGES_FIELDS_MAX);
	for (int f = 0; f < OFFER_FIELDS && s->fields.n == 0; f++) {
		names[s->n_fields] = offer_field_names[f];
		s->field[s->n_fields++] = (enum offer_field)f;
	}
	for (uint32_t i = 0; i < s->fields.n; i++) {
		int f = 0;

		while (f < OFFER_FIELDS && strcmp(offer_field_names[f], p[i].value) != 0)
			f++;
		snprintf(path, sizeof(path), "fields/%.64s", p[i].name);
		if (f == OFFER_FIELDS)
			return tw_api_->refuse(ctx, path, "\"%.60s\" is nothing that an offer has "
			    "(sku, price, currency, availability, gtin, name, url)", p[i].value);
		names[s->n_fields] = p[i].name;
		s->field[s->n_fields++] = (enum offer_field)f;
	}
	tw_api_->fields(ctx, names, s->n_fields);
	return TW_OK;
}

/* The user's headers, and the one by which the shop knows that it is us. */
static bool
take_headers(struct tw_ctx *ctx, struct pages *s)
{
	const char *name = tw_api_->setting(ctx, "synthetic/header_name");
	const char *value = tw_api_->setting(ctx, "synthetic/header_value");

	if ((s->sent = calloc(s->headers.n + 1, sizeof(*s->sent))) == NULL)
		return false;
	s->n_sent = s->headers.n;
	if (s->headers.n > 0)
		memcpy(s->sent, s->headers.items, s->headers.n * sizeof(*s->sent));
	if (name != NULL && value != NULL)
		s->sent[s->n_sent++] = (struct tw_pair){name, value};
	return true;
}

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct pages *s = self;
	const char *const *urls = s->urls.items;
	enum tw_verdict v;

	if ((v = take_places(ctx, s)) != TW_OK || (v = take_fields(ctx, s)) != TW_OK)
		return v;
	buf_init(&s->body, (size_t)s->max_body + 1);
	offers_init(&s->offers);
	if (!take_headers(ctx, s) || (s->fetcher = fetch_new()) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	for (uint32_t i = 0; i < s->urls.n; i++)
		(void)discover_page(s, urls[i], true);
	s->filled = mono_now();
	s->tokens = 1;
	s->key_tokens = s->per_hour > 1 ? s->per_hour : 1;
	keep_restore(ctx, s);
	return TW_OK;
}

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct pages *s = self;

	(void)ctx;
	discover_clear(s);
	known_clear(&s->known);
	for (unsigned i = 0; i < s->n_hosts; i++)
		robots_clear(&s->host[i].robots);
	offers_clear(&s->offers);
	buf_free(&s->body);
	fetch_free(s->fetcher);
	free(s->sent);
}

/* ---- records ---- */

void
pages_record(struct pages *s, size_t i, const char *const text[OFFER_FIELDS], uint32_t flags)
{
	struct tw_value *v = s->values[i];

	for (uint32_t f = 0; f < s->n_fields; f++) {
		const char *t = text[s->field[f]];

		v[f] = (struct tw_value){.type = TW_FIELD_NONE};
		if (t == NULL || *t == '\0')
			continue;
		v[f].type = TW_FIELD_TEXT;
		v[f].len = (uint32_t)strlen(t);
		v[f].as.text = t;
	}
	s->records[i] = (struct tw_record){
	    .size = sizeof(struct tw_record), .flags = flags, .values = v};
}

void
pages_hand_on(struct pages *s, size_t n, uint32_t more_flags)
{
	struct tw_batch b = {.size = sizeof(b), .read_ms = s->read_ms,
	    .flags = s->flags | more_flags | (s->has_begun ? 0 : TW_BATCH_FIRST)};

	s->has_begun = true;
	tw_api_->records(s->ctx, &b, s->records, n);
}

/* ---- runs ---- */

/* What may be asked for by now: an hour's worth at most, so that nothing is made up for in a
 * rush. */
static double
filled(double tokens, double per_hour, double hours)
{
	double most = per_hour > 1 ? per_hour : 1;

	tokens += per_hour * hours;
	return tokens < most ? tokens : most;
}

static void
begin(struct tw_ctx *ctx, struct pages *s, uint32_t flags)
{
	mono_t now = mono_now();
	double hours = (double)mono_sub_us(now, s->filled) / 3.6e9;

	s->ctx = ctx;
	s->run++;
	turn_begin(&s->turn, ctx);
	s->cause = NULL;
	s->is_waiting = s->is_blocked = s->has_begun = false;
	s->read_ms = wall_now().ms;
	s->flags = TW_BATCH_SAMPLE | flags;
	memset(s->n, 0, sizeof(s->n));
	s->n_without = s->n_offers = s->n_broken = s->n_refused = 0;
	s->n_troubles = 0;
	s->tokens = filled(s->tokens, s->per_hour, hours);
	s->key_tokens = filled(s->key_tokens, s->per_hour, hours);
	s->filled = now;
}

static void
tell(struct pages *s)
{
	const struct known *k = &s->known;

	for (int i = 0; i < PAGE_N; i++)
		tw_count(s->ctx, REQUESTS, (double)s->n[i], "result", results[i]);
	tw_count(s->ctx, WITHOUT, (double)s->n_without);
	tw_count(s->ctx, OFFERS, (double)s->n_offers);
	tw_count(s->ctx, BROKEN, (double)s->n_broken);
	tw_count(s->ctx, REFUSED, (double)s->n_refused);
	tw_emit(s->ctx, KNOWN, HASH_COUNT(k->pages));
	if (k->round_us > 0)
		tw_emit(s->ctx, ROUND, (double)k->round_us / 1e6);
	if (k->round_ms > 0)
		tw_emit(s->ctx, ROUND_AGE, (double)(wall_now().ms - k->round_ms) / 1e3);
}

static enum tw_verdict
end(struct pages *s)
{
	uint64_t n_asked = s->n[PAGE_OK] + s->n[PAGE_GONE] + s->n[PAGE_MOVED] + s->n[PAGE_FAILED];

	tell(s);
	if (s->cause != NULL)
		return tw_fail(s->ctx, TW_UNKNOWN, s->cause, "%s", s->err);
	if (HASH_COUNT(s->known.pages) == 0 && s->sitemap_err[0] != '\0')
		return tw_fail(s->ctx, TW_UNKNOWN, "sitemap", "%s", s->sitemap_err);
	if (HASH_COUNT(s->known.pages) == 0 && s->sitemap != NULL && !s->is_discovering
	    && s->again_us == 0 && s->discover_at.us > 0)
		return tw_fail(s->ctx, TW_UNKNOWN, "sitemap",
		    "no address of the sitemap is a page of the shop (hosts, match)");
	if (n_asked > 0 && s->n[PAGE_FAILED] == n_asked)
		return tw_fail(s->ctx, TW_UNKNOWN, "fetch", "no page could be read");
	if (n_asked == 0 && s->n[PAGE_DISALLOWED] > 0
	    && s->n[PAGE_DISALLOWED] >= HASH_COUNT(s->known.pages))
		return tw_fail(s->ctx, TW_UNKNOWN, "robots", "robots.txt allows none of the pages");
	if (s->n_without_in_turn >= WITHOUT_MAX)
		return tw_fail(s->ctx, TW_UNKNOWN, "offers",
		    "the newest %u pages have no offer for machines", s->n_without_in_turn);
	if (s->sitemap_err[0] != '\0')
		return tw_fail(s->ctx, TW_WARN, "sitemap", "%s", s->sitemap_err);
	return TW_OK;
}

/* The next pages of the round, as many as may be asked for. */
static enum tw_verdict
sample(struct tw_ctx *ctx, void *self)
{
	struct pages *s = self;
	struct page *p;

	begin(ctx, s, 0);
	if (!s->is_told)
		keep_tell(s);
	s->is_told = true;
	discover(s);
	while (!s->is_waiting && (p = known_next(&s->known, wall_now().ms)) != NULL
	    && p->run != s->run) {
		bool is_more = visit(s, p, NULL);

		if (p->run == s->run)
			known_done(&s->known, p);
		if (!is_more)
			break;
	}
	keep_position(s);
	pages_hand_on(s, 0, 0);
	return end(s);
}

/* ---- keys ---- */

/* The page of a key: where it was seen, or what `url` says. NULL: nobody knows. */
static struct page *
page_of(struct pages *s, const char *key)
{
	const struct said_of *e = known_key(&s->known, key);
	struct page *p = e != NULL ? known_find(&s->known, e->page) : NULL;
	const char *at = s->key_url != NULL ? strstr(s->key_url, "${key}") : NULL;
	char *escaped;
	struct buf url;

	if (p != NULL || at == NULL || *key == '\0'
	    || (escaped = curl_easy_escape(NULL, key, 0)) == NULL)
		return p;
	buf_init(&url, SITEMAP_URL_MAX);
	buf_add(&url, s->key_url, (size_t)(at - s->key_url));
	buf_text(&url, escaped);
	buf_text(&url, at + strlen("${key}"));
	curl_free(escaped);
	if (!url.failed && ((p = known_find(&s->known, known_hash(buf_str(&url)))) != NULL
	    || (int64_t)HASH_COUNT(s->known.pages) < s->max_pages))
		p = p != NULL ? p : known_add(&s->known, buf_str(&url));
	buf_free(&url);
	return p;
}

static enum tw_verdict
read_keys(struct tw_ctx *ctx, void *self, const char *const *keys, size_t n)
{
	struct pages *s = self;

	begin(ctx, s, TW_BATCH_KEYS);
	for (size_t i = 0; i < n && !s->is_waiting; i++) {
		struct page *p = page_of(s, keys[i]);

		if (p != NULL && p->run != s->run && !visit(s, p, keys[i]))
			break;
	}
	pages_hand_on(s, 0, TW_BATCH_LAST);
	return end(s);
}

TW_PLUGIN(.name = "pages", .version = "1.0",
    .summary = "Product pages: what their offers say to machines, a sample of them",
    .prefix = "pages_", .flags = TW_SOURCE | TW_BLOCKING, .self_size = sizeof(struct pages),
    .start = start, .stop = stop, .tail = sample, .scan = sample, .read_keys = read_keys,
    .options = TW_TABLE(options), .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts),
    .interval_us = 60000000, .words = TW_TABLE(words));
