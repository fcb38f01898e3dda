/*
 * assertion.c - see assertion.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "plugins/common/assertion.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hop.h"
#include "lib/json.h"
#include "lib/regex.h"
#include "lib/sanitize.h"

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
static const struct tw_option time_options[] = {
	SUB(total_time, max, TW_DURATION, .flags = TW_REQUIRED,
	    .help = "From the start to the last byte, over all hops"),
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
    ROW(in, TW_STRINGS, .help = "What the value at `json` may be: one of these texts"),
    ROW(contains, TW_STRING, .help = "A part of the value at `json`"),
    ROW(matches, TW_REGEX, .help = "A regular expression (PCRE2) that the value at `json` matches"),
    ROW(min, TW_STRING, .help = "The least number that the value at `json` may be"),
    ROW(max, TW_STRING, .help = "The greatest number that the value at `json` may be"),
    ROW(absent, TW_BOOL, .help = "There must be nothing (or null) at `json`"),
    ROW(certificate_expires_in, TW_MAP, .nested = TW_TABLE(certificate_options),
	.nested_size = sizeof(((struct assertion *)0)->certificate_expires_in),
	.help = "Of every hop"),
    ROW(redirects, TW_RANGES, .help = "How many redirects are right: 0, 1-2"),
    ROW(total_time, TW_MAP, .nested = TW_TABLE(time_options),
	.nested_size = sizeof(((struct assertion *)0)->total_time), .help = "How long it may take"),
};

struct compiled {
	const struct assertion *row;
	struct regex *header, *body, *json;
	double min, max;
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
compile_regex(struct tw_ctx *ctx, struct regex **re, const char *pattern, const char *where,
    const char *what)
{
	char err[160], path[160];

	if (pattern == NULL)
		return true;
	if ((*re = regex_new(pattern, err, sizeof(err))) != NULL)
		return true;
	snprintf(path, sizeof(path), "%s%smatches", where, what);
	tw_api_->refuse(ctx, path, "\"%s\" is no regular expression (%s)", pattern, err);
	return false;
}

/* A bound as a number; `otherwise` without one. */
static bool
compile_bound(struct tw_ctx *ctx, double *bound, const char *text, double otherwise,
    const char *where, const char *what)
{
	char path[160], *end;

	*bound = otherwise;
	if (text == NULL)
		return true;
	*bound = strtod(text, &end);
	if (end != text && *end == '\0' && isfinite(*bound))
		return true;
	snprintf(path, sizeof(path), "%s%s", where, what);
	tw_api_->refuse(ctx, path, "\"%.60s\" is not a number", text);
	return false;
}

static bool
compile_json(struct tw_ctx *ctx, struct compiled *c, const struct assertion *a, const char *where)
{
	char path[160];

	if (a->json == NULL
	    && (a->in.n > 0 || a->contains || a->matches || a->min != NULL || a->max != NULL)) {
		snprintf(path, sizeof(path), "%.*s", (int)strlen(where) - 1, where);
		tw_api_->refuse(ctx, path, "in, contains, matches, min and max are of `json`");
		return false;
	}
	if (a->json != NULL && !json_pointer_ok(a->json)) {
		snprintf(path, sizeof(path), "%sjson", where);
		tw_api_->refuse(ctx, path, "\"%s\" is no JSON Pointer (try /data/0/id)", a->json);
		return false;
	}
	return compile_bound(ctx, &c->min, a->min, -INFINITY, where, "min")
	    && compile_bound(ctx, &c->max, a->max, INFINITY, where, "max")
	    && compile_regex(ctx, &c->json, a->matches, where, "");
}

static bool
compile(struct tw_ctx *ctx, struct compiled *c, const struct assertion *a, const char *where)
{
	int subjects = (a->status.n > 0) + has_header(a) + has_body(a) + (a->json != NULL)
	    + (a->certificate_expires_in.min > 0) + (a->redirects.n > 0) + (a->total_time.max > 0);
	char path[160];

	c->row = a;
	if (subjects != 1) {
		snprintf(path, sizeof(path), "%.*s", (int)strlen(where) - 1, where);
		tw_api_->refuse(ctx, path, "one subject an item: status, header, body, json, "
		    "certificate_expires_in, redirects or total_time (this one has %d)", subjects);
		return false;
	}
	return compile_json(ctx, c, a, where)
	    && compile_regex(ctx, &c->header, a->header.matches, where, "header/")
	    && compile_regex(ctx, &c->body, a->body.matches, where, "body/");
}

struct assertions *
assertions_new(struct tw_ctx *ctx, const struct tw_list *list)
{
	return assertions_new_at(ctx, "", list);
}

struct assertions *
assertions_new_at(struct tw_ctx *ctx, const char *where, const struct tw_list *list)
{
	struct assertions *a = calloc(1, sizeof(*a) + list->n * sizeof(a->at[0]));

	if (a == NULL)
		return NULL;
	for (uint32_t i = 0; i < list->n; i++) {
		const struct assertion *row =
		    (const struct assertion *)(const void *)((const char *)list->items
							     + (size_t)i * list->item_size);

		char path[128];

		a->n = i + 1;
		snprintf(path, sizeof(path), "%sassert/%u/", where, i);
		if (!compile(ctx, &a->at[i], row, path)) {
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
		regex_free(a->at[i].json);
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

uint8_t
assertions_want_status(const struct assertions *a, int32_t status)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->at[i].row->status.n > 0 && !in_ranges(&a->at[i].row->status, status))
			return false;
	return a->judges_status;
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

/* What a scalar's text must be, beside `equals`. */
static bool
text_holds(const struct compiled *c, json_t *v, const char *text, struct assertion_failure *f)
{
	const struct assertion *row = c->row;
	const char *const *in = row->in.items;
	uint32_t i = 0;

	while (i < row->in.n && strcmp(in[i], text) != 0)
		i++;
	if (row->in.n > 0 && i == row->in.n)
		return fails(
		    f, "json", "%.80s is \"%.60s\", none of those wanted", row->json, text);
	if (row->contains != NULL && strstr(text, row->contains) == NULL)
		return fails(f, "json", "%.80s is \"%.60s\", without \"%.60s\"", row->json, text,
		    row->contains);
	if (row->min != NULL || row->max != NULL) {
		if (!json_is_number(v))
			return fails(f, "json", "%.80s is \"%.60s\", no number", row->json, text);
		if (!(json_number_value(v) >= c->min && json_number_value(v) <= c->max))
			return fails(f, "json", "%.80s is %.60s, not between %.20s and %.20s",
			    row->json, text, row->min != NULL ? row->min : "any",
			    row->max != NULL ? row->max : "any");
	}
	if (c->json == NULL)
		return true;
	switch (regex_match(c->json, text, strlen(text), NULL)) {
	case 1: return true;
	case 0:
		return fails(f, "json", "%.80s is \"%.60s\", which does not match %.60s", row->json,
		    text, row->matches);
	default:
		return fails(f, "regex_limit", "%.80s takes too long on %.80s", row->matches,
		    row->json);
	}
}

static bool
json_holds(
    const struct compiled *c, json_t *root, const char *error, struct assertion_failure *f)
{
	const struct assertion *row = c->row;
	json_t *v = root != NULL ? json_at(root, row->json) : NULL;
	char text[4096];

	if (root == NULL)
		return fails(f, "json", "the body is no JSON (%.120s)", error);
	if (row->absent)
		return v == NULL || json_is_null(v)
		       || fails(f, "json", "there is something at %.80s", row->json);
	if (v == NULL)
		return fails(f, "json", "nothing at %.80s", row->json);
	if (row->equals == NULL && row->in.n == 0 && row->contains == NULL && row->min == NULL
	    && row->max == NULL && c->json == NULL)
		return true;
	if (!json_scalar_text(v, text, sizeof(text)))
		return fails(f, "json", "what stands at %.80s is no single value", row->json);
	if (row->equals == NULL || strcmp(text, row->equals) == 0)
		return text_holds(c, v, text, f);
	return fails(f, "json", "%.80s is \"%.60s\", not \"%.60s\"", row->json, text, row->equals);
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
		return json_holds(c, root, error, f);
	if (row->total_time.max > 0)
		return a->total_us <= row->total_time.max
		    || fails(f, "slow", "%.3f s, more than %.3f s", (double)a->total_us / 1e6,
			(double)row->total_time.max / 1e6);
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
