/*
 * fuzz-journey.c - a shop's answer to a GraphQL step: judged, captured, and what was captured put
 * into URL, JSON, query, form and header; then redacted. The input: a JSON Pointer, a line feed, a
 * template, a line feed, the body.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "plugins/checkout/journey.h"

const struct tw_api *tw_api_;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum tw_verdict
no_refusal(struct tw_ctx *ctx, const char *path, const char *fmt, ...)
{
	(void)ctx, (void)path, (void)fmt;
	return TW_UNKNOWN;
}

static void
fill_all(const struct names *names, const struct values *values, const char *text)
{
	for (enum fill_mode mode = FILL_TEXT; mode <= FILL_FORM; mode++) {
		struct template t = {.n = 0};
		struct template_wrong wrong;
		struct buf out, clean;
		int which;

		buf_init(&out, 1 << 16);
		buf_init(&clean, 1 << 17);
		if (template_add(&t, text, mode, names, &wrong) == 0
		    && template_fill(&t, values, &out, &which) == 0) {
			redact(values, buf_str(&out), out.len, &clean);
			if (mode == FILL_HEADER && strpbrk(text, "\r\n") == NULL
			    && strpbrk(buf_str(&out), "\r\n") != NULL)
				abort();
		}
		buf_free(&out);
		buf_free(&clean);
		template_clear(&t);
	}
}

static void
judge(const char *pointer, const char *text, const char *body, size_t len)
{
	struct capture_options o = {.name = "x", .json = pointer},
			       cookie = {.name = "y", .cookie = "session", .secret = 1};
	struct capture captures[] = {{.o = &o, .name = 0}, {.o = &cookie, .name = 1}};
	struct tw_list none = {.n = 0};
	struct step s = {.name = "s", .captures = captures, .n_captures = 2,
	    .demands = {.is_graphql = true, .assertions = assertions_new(NULL, &none)}};
	struct tw_header header = {"Set-Cookie", "session=abcdef; Path=/"};
	struct tw_hop hop = {.size = sizeof(hop), .url = "http://a/", .address = "::1",
	    .status = 200, .headers = &header, .n_headers = 1};
	struct tw_answer a = {.size = sizeof(a), .hops = &hop, .n_hops = 1,
	    .hop_size = sizeof(hop), .status = 200, .body = body, .body_len = len};
	struct names names = {.name = {"x", "y"}, .n = 2};
	struct values values = {.at = {[1] = {.is_secret = true}}};
	struct verdict v;

	step_judge(&s, &a, 0, &values, &v);
	fill_all(&names, &values, text);
	values_clear(&values);
	assertions_free(s.demands.assertions);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tw_api api = {.size = sizeof(api), .refuse = no_refusal};
	char *text = malloc(size + 1), *template, *body;

	if (text == NULL)
		return 0;
	tw_api_ = &api;
	memcpy(text, data, size);
	text[size] = '\0';
	if ((template = strchr(text, '\n')) != NULL
	    && (body = strchr(template + 1, '\n')) != NULL) {
		*template++ = '\0';
		*body++ = '\0';
		judge(text, template, body, size - (size_t)(body - text));
	}
	free(text);
	return 0;
}
