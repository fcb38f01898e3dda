/*
 * assertion.c - see assertion.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "plugins/common/assertion.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/regex.h"
#include "lib/sanitize.h"
#include "plugins/common/outcome.h"

#define ROW(field, kind, ...)                                                                      \
	{                                                                                          \
		.name = #field, .type = kind, .offset = offsetof(struct assertion, field),         \
		__VA_ARGS__                                                                        \
	}
#define SUB(outer, field, kind, ...)                                                               \
	{                                                                                          \
		.name = #field, .type = kind,                                                      \
		.offset =                                                                          \
		    offsetof(struct assertion, outer.field) - offsetof(struct assertion, outer),   \
		__VA_ARGS__                                                                        \
	}

static const struct tw_option header_options[] = {
    SUB(header, name, TW_STRING, .flags = TW_REQUIRED, .help = "Name of the header, any case"),
    SUB(header, equals, TW_STRING, .help = "The whole value"),
    SUB(header, contains, TW_STRING, .help = "A part of the value"),
    SUB(header, matches, TW_REGEX, .help = "A regular expression (PCRE2) that the value matches"),
    SUB(header, absent, TW_BOOL, .help = "The header must not be there"),
};
static const struct tw_option body_options[] = {
	SUB(body, contains, TW_STRING, .help = "A text that stands in the body"),
	SUB(body, not_contains, TW_STRING, .help = "A text that must not stand in the body"),
	SUB(body, matches, TW_REGEX, .help = "A regular expression (PCRE2) that the body matches"),
	SUB(body, min_bytes, TW_BYTES, .help = "At least this many decoded bytes"),
};
static const struct tw_option certificate_options[] = {
	SUB(certificate_expires_in, min, TW_DURATION, .flags = TW_REQUIRED,
	    .help = "Time that must be left before the first certificate of the chain expires"),
};
const struct tw_option assertion_rows[ASSERTION_ROWS] = {
    ROW(status, TW_RANGES, .help = "Statuses that are right: 200, 200-299, [200, 404]"),
    ROW(header, TW_MAP, .nested = TW_TABLE(header_options),
	.nested_size = sizeof(((struct assertion *)0)->header),
	.help = "A header of the final answer"),
    ROW(body, TW_MAP, .nested = TW_TABLE(body_options),
	.nested_size = sizeof(((struct assertion *)0)->body), .help = "The decoded body"),
    ROW(json, TW_STRING, .help = "A JSON Pointer (RFC 6901) into the body: /data/0/id"),
    ROW(equals, TW_STRING, .help = "What the value at `json` is, as text"),
    ROW(absent, TW_BOOL, .help = "There must be nothing (or null) at `json`"),
    ROW(certificate_expires_in, TW_MAP, .nested = TW_TABLE(certificate_options),
	.nested_size = sizeof(((struct assertion *)0)->certificate_expires_in),
	.help = "Of every hop"),
    ROW(redirects, TW_RANGES, .help = "How many redirects are right: 0, 1-2"),
};

struct compiled {
	const struct assertion *row;
	struct regex *header, *body;
};

struct assertions {
	size_t n;
	bool needs_json, judges_status;
	struct compiled at[];
};

static bool
has_header(const struct assertion *a)
{
	return a->header.name != NULL;
}

static bool
has_body(const struct assertion *a)
{
	return a->body.contains || a->body.not_contains || a->body.matches || a->body.min_bytes > 0;
}

static bool
compile_regex(
    struct tw_ctx *ctx, struct regex **re, const char *pattern, uint32_t index, const char *where)
{
	char err[160], path[64];

	if (pattern == NULL)
		return true;
	if ((*re = regex_new(pattern, err, sizeof(err))) != NULL)
		return true;
	snprintf(path, sizeof(path), "assert/%u/%s/matches", index, where);
	tw_api_->refuse(ctx, path, "\"%s\" is no regular expression (%s)", pattern, err);
	return false;
}

static bool
compile(struct tw_ctx *ctx, struct compiled *c, const struct assertion *a, uint32_t index)
{
	int subjects = (a->status.n > 0) + has_header(a) + has_body(a) + (a->json != NULL)
	    + (a->certificate_expires_in.min > 0) + (a->redirects.n > 0);
	char path[64];

	c->row = a;
	snprintf(path, sizeof(path), "assert/%u", index);
	if (subjects != 1) {
		tw_api_->refuse(ctx, path, "one subject an item: status, header, body, json, "
		    "certificate_expires_in or redirects (this one has %d)", subjects);
		return false;
	}
	if (a->json != NULL && !json_pointer_ok(a->json)) {
		snprintf(path, sizeof(path), "assert/%u/json", index);
		tw_api_->refuse(ctx, path, "\"%s\" is no JSON Pointer (try /data/0/id)", a->json);
		return false;
	}
	return compile_regex(ctx, &c->header, a->header.matches, index, "header")
	    && compile_regex(ctx, &c->body, a->body.matches, index, "body");
}

struct assertions *
assertions_new(struct tw_ctx *ctx, const struct tw_list *list)
{
	struct assertions *a = calloc(1, sizeof(*a) + list->n * sizeof(a->at[0]));

	if (a == NULL)
		return NULL;
	for (uint32_t i = 0; i < list->n; i++) {
		const struct assertion *row =
		    (const struct assertion *)(const void *)((const char *)list->items
							     + (size_t)i * list->item_size);

		a->n = i + 1;
		if (!compile(ctx, &a->at[i], row, i)) {
			assertions_free(a);
			return NULL;
		}
		a->needs_json |= row->json != NULL;
		a->judges_status |= row->status.n > 0;
	}
	return a;
}

void
assertions_free(struct assertions *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->n; i++) {
		regex_free(a->at[i].header);
		regex_free(a->at[i].body);
	}
	free(a);
}

uint8_t
assertions_judge_status(const struct assertions *a)
{
	return a->judges_status;
}

static bool
in_ranges(const struct tw_list *list, int64_t v)
{
	const struct tw_range *r = list->items;

	for (uint32_t i = 0; i < list->n; i++)
		if (v >= r[i].low && v <= r[i].high)
			return true;
	return false;
}

/* printf into the failure; foreign parts are cut and cleaned by the reader of the reason. */
static bool fails(struct assertion_failure *f, const char *cause, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool
fails(struct assertion_failure *f, const char *cause, const char *fmt, ...)
{
	va_list ap;

	f->cause = cause;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool
header_holds(const struct compiled *c, const struct tw_hop *hop, struct assertion_failure *f)
{
	const char *name = c->row->header.name, *value = hop_header(hop, name);

	if (c->row->header.absent)
		return value == NULL
		       || fails(f, "header", "header %s is there (%.80s)", name, value);
	if (value == NULL)
		return fails(f, "header", "no header %s", name);
	if (c->row->header.equals != NULL && strcmp(value, c->row->header.equals) != 0)
		return fails(f, "header", "header %s is \"%.80s\", not \"%.80s\"", name, value,
		    c->row->header.equals);
	if (c->row->header.contains != NULL && strstr(value, c->row->header.contains) == NULL)
		return fails(
		    f, "header", "header %s lacks \"%.80s\"", name, c->row->header.contains);
	if (c->header == NULL)
		return true;
	switch (regex_match(c->header, value, strlen(value), NULL)) {
	case 1: return true;
	case 0:
		return fails(
		    f, "header", "header %s does not match %.80s", name, c->row->header.matches);
	default:
		return fails(f, "regex_limit", "%.80s takes too long on header %s",
		    c->row->header.matches, name);
	}
}

static bool
body_holds(const struct compiled *c, const struct tw_answer *a, struct assertion_failure *f)
{
	const char *in = c->row->body.contains, *out = c->row->body.not_contains;

	if (in != NULL && memmem(a->body, a->body_len, in, strlen(in)) == NULL)
		return fails(f, "body", "the body lacks \"%.120s\"", in);
	if (out != NULL && memmem(a->body, a->body_len, out, strlen(out)) != NULL)
		return fails(f, "body", "the body has \"%.120s\"", out);
	if ((int64_t)a->body_len < c->row->body.min_bytes)
		return fails(f, "body", "the body has %zu bytes, fewer than %lld", a->body_len,
		    (long long)c->row->body.min_bytes);
	if (c->body == NULL)
		return true;
	switch (regex_match(c->body, a->body, a->body_len, NULL)) {
	case 1: return true;
	case 0: return fails(f, "body", "the body does not match %.120s", c->row->body.matches);
	default:
		return fails(
		    f, "regex_limit", "%.120s takes too long on this body", c->row->body.matches);
	}
}

static bool
json_holds(
    const struct assertion *row, json_t *root, const char *error, struct assertion_failure *f)
{
	json_t *v = root != NULL ? json_at(root, row->json) : NULL;
	char text[256];

	if (root == NULL)
		return fails(f, "json", "the body is no JSON (%.120s)", error);
	if (row->absent)
		return v == NULL || json_is_null(v)
		       || fails(f, "json", "there is something at %.80s", row->json);
	if (v == NULL)
		return fails(f, "json", "nothing at %.80s", row->json);
	if (row->equals == NULL)
		return true;
	if (!json_scalar_text(v, text, sizeof(text)))
		return fails(f, "json", "what stands at %.80s is no single value", row->json);
	return strcmp(text, row->equals) == 0
	    || fails(f, "json", "%.80s is \"%.60s\", not \"%.60s\"", row->json, text, row->equals);
}

static bool
certificate_holds(const struct assertion *row, const struct tw_answer *a, int64_t now_ms,
    struct assertion_failure *f)
{
	for (uint32_t i = 0; i < a->n_hops; i++) {
		const struct tw_hop *hop =
		    (const struct tw_hop *)(const void *)((const char *)a->hops
							  + (size_t)i * a->hop_size);
		int64_t left_ms = hop->certificate.chain_not_after_ms - now_ms;

		if (hop->certificate.chain_not_after_ms != 0
		    && left_ms < row->certificate_expires_in.min / 1000)
			return fails(f, "certificate",
			    "a certificate of %.120s expires in %.1f days", hop->url,
			    (double)left_ms / 86400e3);
	}
	return true;
}

static bool
one_holds(const struct compiled *c, const struct tw_answer *a, const struct tw_hop *last,
    json_t *root, const char *error, int64_t now_ms, struct assertion_failure *f)
{
	const struct assertion *row = c->row;

	if (row->status.n > 0)
		return in_ranges(&row->status, a->status)
		       || fails(f, "status", "status %d", a->status);
	if (row->redirects.n > 0)
		return in_ranges(&row->redirects, (int64_t)a->n_hops - 1)
		    || fails(f, "redirects", "%u redirects", a->n_hops - 1);
	if (has_header(row))
		return header_holds(c, last, f);
	if (has_body(row))
		return body_holds(c, a, f);
	if (row->json != NULL)
		return json_holds(row, root, error, f);
	return certificate_holds(row, a, now_ms, f);
}

uint8_t
assertions_hold(const struct assertions *as, const struct tw_answer *a, int64_t now_ms,
    struct assertion_failure *f)
{
	const struct tw_hop *last;
	char error[160] = "";
	json_t *root = NULL;
	bool hold = true;

	if (a->n_hops == 0)
		return fails(f, "internal", "no answer to judge");
	last = (const struct tw_hop *)(const void *)((const char *)a->hops
						     + (size_t)(a->n_hops - 1) * a->hop_size);
	if (as->needs_json)
		root = json_read(a->body, a->body_len, error, sizeof(error));
	for (size_t i = 0; i < as->n && hold; i++) {
		f->index = (int32_t)i;
		hold = one_holds(&as->at[i], a, last, root, error, now_ms, f);
	}
	json_decref(root);
	return hold;
}
