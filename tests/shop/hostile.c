/*
 * hostile.c - bytes that no well-behaved server sends. Each function writes one answer; the caller
 * closes. Runs in the thread of a connection; sleeps and waits for the peer as the fault says, with
 * flat memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include "tests/shop/hostile.h"

#include <string.h>
#include <time.h>

#include "tests/shop/shop.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"

static bool is_variant(const struct fault *f, const char *name)
{
	return strcmp(f->variant, name) == 0;
}

void hostile_drop(const struct fault *f, struct request *r, struct sink *k)
{
	if (is_variant(f, "head"))
		sink_text(k, "HTTP/1.1 200 OK\r\nContent-Ty");
	else if (is_variant(f, "body"))
		sink_text(k,
			OK "Content-Length: 5000\r\n\r\n<!doctype html><title>Half a page</title>");
	if (f->ms)
		shop_sleep_us(r->shop, f->ms * 1000);
	if (f->reset)
		sink_reset_on_close(k);
}

void hostile_drip(const struct fault *f, struct request *r, struct sink *k)
{
	int64_t size = f->size ? f->size : 100, pause_us = (f->ms ? f->ms : 200) * 1000;
	bool is_head = is_variant(f, "head"), is_open;

	is_open = is_head ? sink_text(k, "HTTP/1.1 200 OK\r\nX-Drip: ") :
		sink_text(k, OK "Content-Length: %lld\r\n\r\n", (long long)size);
	for (int64_t i = 0; is_open && i < size; i++)
		is_open = shop_sleep_us(r->shop, pause_us) && sink_write(k, "d", 1);
	if (is_open && is_head)
		sink_text(k, "\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n");
}

void hostile_endless(const struct fault *f, struct request *r, struct sink *k)
{
	static const char head[] = "8000\r\n", tail[] = "\r\n";
	bool is_chunked = is_variant(f, "chunked"), is_open;
	char page[0x8000];

	(void)r;
	memset(page, 'e', sizeof(page));
	is_open = sink_text(k, OK "%s\r\n", is_chunked ? "Transfer-Encoding: chunked\r\n" :
		is_variant(f, "length") ? "Content-Length: 9000000000000000000\r\n" : "");
	while (is_open) {
		is_open = !is_chunked || sink_write(k, head, sizeof(head) - 1);
		is_open = is_open && sink_write(k, page, sizeof(page));
		is_open = is_open && (!is_chunked || sink_write(k, tail, sizeof(tail) - 1));
	}
}

void hostile_giant_headers(const struct fault *f, struct request *r, struct sink *k)
{
	int64_t size = f->size ? f->size : 20000000;
	bool is_endless = is_variant(f, "endless"), is_open;
	char value[1001];

	(void)r;
	memset(value, 'h', 1000);
	value[1000] = '\0';
	is_open = sink_text(k, OK);
	for (int64_t i = 0; is_open && (is_endless || i < size / 1000); i++)
		is_open = sink_text(k, "X-Giant-%lld: %s\r\n", (long long)i, value);
	if (is_open)
		sink_text(k, "Content-Length: 3\r\n\r\nok\n");
}

void hostile_one_header(const struct fault *f, struct request *r, struct sink *k)
{
	int64_t left = f->size ? f->size : 5000000;
	char value[4096];
	bool is_open = sink_text(k, OK "X-One: ");

	(void)r;
	memset(value, '1', sizeof(value));
	for (; is_open && left > 0; left -= (int64_t)sizeof(value))
		is_open = sink_write(
			k, value, left < (int64_t)sizeof(value) ? (size_t)left : sizeof(value));
	if (is_open)
		sink_text(k, "\r\nContent-Length: 3\r\n\r\nok\n");
}

/* CSI (clear, colour), OSC 52 (writes the clipboard), OSC 0 (title), C1 CSI, right-to-left
 * override, bell. */
#define ESCAPES                                                                                    \
	"\033[2J\033[31mred\033]52;c;ZXZpbA==\a\033]0;owned\a\302\2331m\342\200\256gpj.exe\a"

void hostile_esc(const struct fault *f, struct request *r, struct sink *k)
{
	static const char page[] = "<!doctype html><html><head><title>" ESCAPES "</title></head>"
		"<body><h1>" ESCAPES "</h1></body></html>\n";

	(void)r;
	sink_text(k, "HTTP/1.1 %d " ESCAPES "\r\nContent-Type: text/html\r\nServer: " ESCAPES "\r\n"
		"X-Cache: HIT " ESCAPES "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		f->status ? (int)f->status : 500, sizeof(page) - 1);
	sink_write(k, page, sizeof(page) - 1);
}

void hostile_interim(const struct fault *f, struct request *r, struct sink *k)
{
	const char *interim = is_variant(f, "continue") ? "HTTP/1.1 100 Continue\r\n\r\n" :
		"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
	int64_t count = f->count ? f->count : 1000;
	bool is_endless = is_variant(f, "endless"), is_open = true;

	for (int64_t i = 0; is_open && (is_endless || i < count); i++)
		is_open = sink_write(k, interim, strlen(interim)) &&
			(!f->ms || shop_sleep_us(r->shop, f->ms * 1000));
	if (is_open)
		sink_text(k, OK "Content-Length: 3\r\n\r\nok\n");
}

void hostile_bad_length(const struct fault *f, struct request *r, struct sink *k)
{
	static const struct { const char *variant, *headers; } forms[] = {
		{"double", "Content-Length: 3\r\nContent-Length: 300\r\n"},
		{"overflow", "Content-Length: 18446744073709551619\r\n"},
		{"negative", "Content-Length: -3\r\n"},
		{"text", "Content-Length: three\r\n"},
		{"short", "Content-Length: 300\r\n"},
		{"both", "Content-Length: 300\r\nTransfer-Encoding: chunked\r\n"},
	};
	size_t i = 0;

	(void)r;
	while (!is_variant(f, forms[i].variant))
		i++;
	sink_text(k, OK "%s\r\n%s", forms[i].headers,
		is_variant(f, "both") ? "3\r\nok\n\r\n0\r\n\r\n" : "ok\n");
}

void hostile_bad_chunk(const struct fault *f, struct request *r, struct sink *k)
{
	const char *chunk = is_variant(f, "size") ? "zz\r\nok\n\r\n0\r\n\r\n"
		: is_variant(f, "overflow")       ? "fffffffffffffffff\r\nok\n\r\n0\r\n\r\n"
						  : "3\r\nok\nXX0\r\n\r\n";

	(void)r;
	sink_text(k, OK "Transfer-Encoding: chunked\r\n\r\n%s", chunk);
}

void hostile_nul(const struct fault *f, struct request *r, struct sink *k)
{
	static const char head[] = OK "X-Nul: be\0fore\r\nContent-Length: 3\r\n\r\nok\n";

	(void)f, (void)r;
	sink_write(k, head, sizeof(head) - 1);
}

void hostile_http09(const struct fault *f, struct request *r, struct sink *k)
{
	(void)f, (void)r;
	sink_text(k, "<html><title>Before 1.0</title>no status line, no headers</html>\n");
}

void hostile_garbage(const struct fault *f, struct request *r, struct sink *k)
{
	unsigned char bytes[4096];

	(void)f;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)shop_hash(r->shop->opt.seed, 8, i);
	sink_write(k, bytes, sizeof(bytes));
}

void hostile_silent(const struct fault *f, struct request *r, struct sink *k)
{
	(void)f;
	shop_hold(r->shop, k->fd);
}

void hostile_phases(const struct fault *f, struct request *r, struct sink *k)
{
	static const char body[] = "exactly when it was said\n";
	struct truth none, *t = r->truth ? r->truth : &none;
	int64_t head_ns = (r->truth ? t->read[1] : now_ns(CLOCK_MONOTONIC)) + f->head_ms * 1000000;
	char head[160];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
		"Connection: %s\r\nContent-Length: %zu\r\n\r\n", r->truth ? "keep-alive" : "close",
		sizeof(body) - 1);

	if (!shop_sleep_until(r->shop, head_ns))
		return;
	truth_now(t->head);
	if (!sink_write(k, head, (size_t)n))
		return;
	t->head_done_ns = now_ns(CLOCK_MONOTONIC);
	if (!shop_sleep_until(r->shop, head_ns + f->body_ms * 1000000))
		return;
	truth_now(t->body);
	sink_write(k, body, sizeof(body) - 1);
	t->body_done_ns = now_ns(CLOCK_MONOTONIC);
}
