/*
 * answer.c - a whole, well-formed answer: filled by a route or a polite fault, sent by the port it
 * came in by. No threads, never blocks. Bodies end at 4 MiB.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/shop/shop.h"

void answer_init(struct answer *a)
{
	memset(a, 0, sizeof(*a));
	buf_init(&a->body, 4 << 20);
}

void answer_free(struct answer *a)
{
	buf_free(&a->body);
}

void answer_header(struct answer *a, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (a->n_headers == ANSWER_HEADERS)
		return;
	snprintf(a->headers[a->n_headers].name, sizeof(a->headers[0].name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(a->headers[a->n_headers].value, sizeof(a->headers[0].value), fmt, ap);
	va_end(ap);
	a->n_headers++;
}

static void answer_begin(struct answer *a, unsigned status, const char *type)
{
	a->status = status;
	snprintf(a->type, sizeof(a->type), "%s", type);
	buf_reset(&a->body);
}

void answer_text(struct answer *a, unsigned status, const char *type, const char *fmt, ...)
{
	char small[4096];
	va_list ap;

	answer_begin(a, status, type);
	va_start(ap, fmt);
	vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	buf_text(&a->body, small);
}

void answer_json(struct answer *a, unsigned status, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);

	answer_begin(a, status, "application/json");
	buf_text(&a->body, text ? text : "null");
	buf_char(&a->body, '\n');
	free(text);
	json_decref(value);
}

void answer_error(struct answer *a, unsigned status, const char *code)
{
	answer_json(a, status, json_pack("{s:s}", "error", code));
}

const char *status_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} known[] = {
		{200, "OK"},
		{201, "Created"},
		{204, "No Content"},
		{302, "Found"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{402, "Payment Required"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{410, "Gone"},
		{413, "Content Too Large"},
		{429, "Too Many Requests"},
		{500, "Internal Server Error"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].reason;
	return "Unnamed";
}

void answer_bytes(const struct answer *a, bool is_head, bool closes, struct buf *out)
{
	buf_printf(out, "HTTP/1.1 %u %s\r\nConnection: %s\r\n", a->status, status_reason(a->status),
		closes ? "close" : "keep-alive");
	if (a->status != 204)
		buf_printf(
			out, "Content-Type: %s\r\nContent-Length: %zu\r\n", a->type, a->body.len);
	for (int i = 0; i < a->n_headers; i++)
		buf_printf(out, "%s: %s\r\n", a->headers[i].name, a->headers[i].value);
	buf_text(out, "\r\n");
	if (!is_head && a->status != 204)
		buf_add(out, a->body.data, a->body.len);
}
