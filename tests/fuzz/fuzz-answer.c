/*
 * fuzz-answer.c - any bytes as what shops answer: heads, redirects, cookies, bodies,
 * certificates; as the probe engine sees them after libcurl, and as the storefront plugin judges
 * them.
 *
 * DESIGN. http.c and cert.c are compiled into this program, because what is to be tested are the
 * callbacks that libcurl calls. A request is begun as always, but the loop never runs: what would
 * have come over the wire is handed to the callbacks, and the end of a hop is called by hand. A
 * proxy keeps the engine from asking for names. Redirects, jar, hops and the answer are the real
 * ones; the answer goes through walls, CDN, assertions and facts.
 *
 * The input's first two bytes are choices (see `choose`); the rest is a head, line by line up to an
 * empty one; after a redirect the next head, else the body. The same bytes are certificates, too.
 *
 * What must hold: a request's secret header goes only where the first one went; no hop leads to
 * another scheme; not more hops than allowed; facts are JSON, and clean.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/http.c"

#include "host/cert.c"

#include <openssl/err.h>

#include "host/emit.h"
#include "lib/cdn.h"
#include "lib/wall.h"

/* The host and the plugin, which never meet in one process, both have a `metric`. */
#define metric storefront_metric
#include "plugins/storefront/storefront.h"
#undef metric

#define SECRET "X-Api-Key"
#define BODY_BYTES 4096
#define HEAD_BYTES 2048
#define REDIRECTS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answer_fuzz {
	struct loop *loop;
	struct engine *engine;
	struct storefront front;
	struct emit emit;
	const uint8_t *at;
	size_t left, piece;
	bool done;
};
static struct answer_fuzz t;

/* ---- what the plugin calls ---- */

static void
on_emit(struct tw_ctx *ctx, uint32_t metric, double v, const char *const *labels)
{
	(void)ctx;
	(void)metric;
	(void)labels;
	if (v < 0)
		abort();
}

static void
on_fact_text(struct tw_ctx *ctx, const char *path, const char *text)
{
	(void)ctx;
	emit_fact_text(&t.emit, path, text);
}

static void
on_fact_real(struct tw_ctx *ctx, const char *path, double v)
{
	(void)ctx;
	emit_fact_real(&t.emit, path, v);
}

static int64_t
on_slot_ms(struct tw_ctx *ctx)
{
	(void)ctx;
	return 1700000000000;
}

static int
on_geo(struct tw_ctx *ctx, const char *address, struct tw_geo *out)
{
	(void)ctx;
	(void)address;
	(void)out;
	return -1;
}

static enum tw_verdict
on_refuse(struct tw_ctx *ctx, const char *path, const char *fmt, ...)
{
	(void)ctx;
	(void)path;
	(void)fmt;
	abort();
}

static const struct tw_api api = {.size = sizeof(api),
    .emit = on_emit,
    .count = on_emit,
    .observe = on_emit,
    .fact_text = on_fact_text,
    .fact_real = on_fact_real,
    .slot_ms = on_slot_ms,
    .geo = on_geo,
    .refuse = on_refuse};
const struct tw_api *tw_api_ = &api;

/* ---- once ---- */

static struct tw_range good[] = {{200, 299}, {404, 404}}, hops[] = {{0, 1}};
static struct assertion rows[] = {
    {.status = {.items = good, .n = 2, .item_size = sizeof(good[0])}},
    {.redirects = {.items = hops, .n = 1, .item_size = sizeof(hops[0])}},
    {.header = {.name = "content-type", .contains = "html"}},
    {.header = {.name = "X-A", .matches = "^(a+)+$"}},
    {.header = {.name = "set-cookie", .absent = 1}},
    {.body = {.contains = "cart", .min_bytes = 3}},
    {.body = {.not_contains = "error", .matches = "(?i)(\\w+\\s?)+<title>(.*)+$"}},
    {.json = "/data/0/id", .equals = "7"},
    {.json = "/errors", .absent = 1},
    {.json = "/a~1b/~0/-", .equals = "x"},
    {.certificate_expires_in = {.min = 1000000}},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))
static struct assertions *compiled[N_ROWS + 1]; /* each for itself; the last one: all */

static void
start(void)
{
	static struct metric metrics[1];
	static const struct plugin plugin = {.metrics = metrics};
	struct engine_opts opts = {0};

	if ((t.loop = opts.loop = loop_new()) == NULL || (t.engine = engine_new(&opts)) == NULL
	    || emit_init(&t.emit, &plugin, "p") != 0)
		abort();
	for (size_t i = 0; i <= N_ROWS; i++) {
		struct tw_list list = {.items = i < N_ROWS ? &rows[i] : rows,
		    .n = i < N_ROWS ? 1 : N_ROWS,
		    .item_size = sizeof(rows[0])};

		if ((compiled[i] = assertions_new(NULL, &list)) == NULL)
			abort();
	}
	t.front.assertions = compiled[N_ROWS];
}

/* ---- the judges ---- */

static void
check_facts(void)
{
	char *text = emit_facts_text(&t.emit);
	json_t *facts = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (facts == NULL)
		abort();
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			abort();
	json_decref(facts);
	free(text);
	emit_forget_run(&t.emit);
}

static void
check_hops(const struct tw_answer *a)
{
	if (a->n_hops < 1 || a->n_hops > REDIRECTS + 1)
		abort();
	for (uint32_t i = 0; i < a->n_hops; i++) {
		const char *url = a->hops[i].url;
		char pop[16];

		if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
			abort();
		cdn_pop(&a->hops[i], pop);
		(void)cdn_cache(&a->hops[i]);
		(void)wall_name(&a->hops[i], a->body, a->body_len);
	}
}

static void
on_answer(void *arg, const struct tw_answer *a)
{
	struct assertion_failure f;
	struct reading r;

	(void)arg;
	t.done = true;
	check_hops(a);
	for (size_t i = 0; i <= N_ROWS; i++)
		(void)assertions_hold(compiled[i], a, 1700000000000, &f);
	reading_take(NULL, &t.front, a, &r);
	reading_publish(NULL, &t.front, a, &r, TW_COLD);
	reading_facts(NULL, &t.front, a, TW_COLD);
	check_facts();
}

static int
on_piece(void *arg, const void *data, size_t len)
{
	(void)arg;
	return memchr(data, '!', len) != NULL;
}

/* ---- one hop ---- */

/* A line with its end, as libcurl hands it on; false: the head is over. */
static bool
feed_line(struct engine_http *h, bool *ok)
{
	const uint8_t *end = memchr(t.at, '\n', t.left);
	size_t len = end != NULL ? (size_t)(end - t.at) + 1 : t.left;
	char *line;

	if (len == 0)
		return false;
	/* A copy of its own, so that a read past it is seen; libcurl's line has a NUL behind it. */
	if ((line = calloc(1, len + 1)) == NULL)
		abort();
	memcpy(line, t.at, len);
	t.at += len;
	t.left -= len;
	*ok = on_header(line, 1, len, h) == len;
	if (*ok && h->easy != NULL && len > 11 && strncasecmp(line, "set-cookie:", 11) == 0) {
		char *text = strndup(line, len - (end != NULL));

		curl_easy_setopt(h->easy, CURLOPT_COOKIELIST, text);
		free(text);
	}
	free(line);
	return *ok && len > 2;
}

static bool
feed_body(struct engine_http *h)
{
	while (t.left > 0) {
		size_t n = t.piece > 0 && t.piece < t.left ? t.piece : t.left;
		char *piece = malloc(n);
		bool ok;

		if (piece == NULL)
			abort();
		memcpy(piece, t.at, n);
		t.at += n;
		t.left -= n;
		ok = on_body(piece, 1, n, h) == n;
		free(piece);
		if (!ok)
			return false;
	}
	return true;
}

static void
check_secret(const struct engine_http *h)
{
	bool stranger = false, sent = false;

	for (uint32_t i = 1; i < h->n_hops; i++)
		stranger |= !redirect_same_origin(h->hops[0].url, h->hops[i].url);
	for (const struct curl_slist *l = h->headers; l != NULL; l = l->next)
		sent |= strncasecmp(l->data, SECRET, sizeof(SECRET) - 1) == 0;
	if (sent && stranger)
		abort();
}

static void
one_hop(struct engine_http *h, CURLcode code)
{
	bool ok = true;

	loop_timer_clear(t.loop, &h->later);
	if (h->easy == NULL) {
		hop_end(h); /* it ended before it began */
		return;
	}
	check_secret(h);
	(void)on_request(h, NULL, NULL, 0, 0);
	(void)on_debug(h->easy, CURLINFO_HEADER_OUT, NULL, 0, h);
	while (feed_line(h, &ok))
		;
	if (ok && h->status / 100 != 3 && h->got_final_head)
		ok = feed_body(h);
	h->s.end = now_us();
	h->code = ok ? code : CURLE_WRITE_ERROR;
	hop_end(h);
}

static void
choose(struct tw_request *r, CURLcode *code, uint8_t a, uint8_t b)
{
	static const CURLcode codes[] = {CURLE_OK, CURLE_OK, CURLE_PARTIAL_FILE,
	    CURLE_OUT_OF_MEMORY, CURLE_OPERATION_TIMEDOUT, CURLE_COULDNT_CONNECT,
	    CURLE_PEER_FAILED_VERIFICATION, CURLE_WEIRD_SERVER_REPLY};
	static const char *const methods[] = {"GET", "POST", "HEAD", "PUT"};

	*code = codes[a & 7];
	r->method = methods[a >> 3 & 3];
	r->body = a & 0x08 ? "x=1" : NULL;
	r->body_len = r->body != NULL ? 3 : 0;
	r->connection = a & 0x20 ? TW_WARM : TW_COLD;
	r->max_redirects = a & 0x40 ? -1 : REDIRECTS;
	t.piece = b & 0x7f;
}

/* The same bytes as certificates in DER: the leaf, and what else was sent. */
static void
read_certificate(const uint8_t *data, size_t size)
{
	const unsigned char *at = data;
	X509 *leaf = d2i_X509(NULL, &at, (long)size), *more;
	STACK_OF(X509) *sent = sk_X509_new_null();
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	struct tw_certificate c = {0};
	struct heap heap = {0};
	struct cert_reader reader = {&c, &heap};

	for (int i = 0; leaf != NULL && i < 8; i++) {
		if ((more = d2i_X509(NULL, &at, (long)(data + size - at))) == NULL)
			break;
		sk_X509_push(sent, more);
	}
	if (leaf != NULL && X509_STORE_CTX_init(ctx, store, leaf, sent) == 1) {
		(void)verify(ctx, &reader);
		if (c.chain_not_after_ms > c.not_after_ms)
			abort();
	}
	ERR_clear_error();
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_pop_free(sent, X509_free);
	X509_free(leaf);
	heap_free(&heap);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tw_header headers[] = {{SECRET, "s3cret"}, {"Accept", "text/html"}};
	struct tw_request r = {.size = sizeof(r),
	    .url = "https://shop.example/start?a=1",
	    .headers = headers,
	    .n_headers = 2,
	    .proxy = "http://192.0.2.1:1",
	    .max_body_bytes = BODY_BYTES,
	    .max_header_bytes = HEAD_BYTES};
	struct engine_run *run;
	struct engine_http *h;
	CURLcode code;

	if (t.engine == NULL)
		start();
	if (size < 2)
		return 0;
	choose(&r, &code, data[0], data[1]);
	t.at = data + 2;
	t.left = size - 2;
	t.done = false;
	if ((run = engine_run_new(t.engine)) == NULL
	    || (r.jar = engine_jar_new(t.engine)) == NULL
	    || (h = engine_http(run, &r, mono_add_us(mono_now(), 1000000), on_answer,
		    data[1] & 0x80 ? on_piece : NULL, NULL))
		   == NULL)
		abort();
	while (!t.done)
		one_hop(h, code);
	if (engine_in_flight(t.engine) != 0)
		abort();
	engine_jar_free(r.jar);
	engine_run_free(run);
	read_certificate(data + 2, size - 2);
	return 0;
}
