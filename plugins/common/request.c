/*
 * request.c - see request.h. What is wrong with a request is refused with its option's path.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "plugins/common/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

#define PATH_BYTES 160
#define BODY_BYTES_MAX (1 << 20)
#define HEADER_BYTES_MAX 7900           /* the engine sends lines of 8 KiB */

#define SUB(outer, field_, kind_, ...)                                                             \
	{                                                                                          \
		.name = #field_, .type = kind_,                                                    \
		.offset = offsetof(struct request_options, outer.field_)                           \
			  - offsetof(struct request_options, outer),                               \
		__VA_ARGS__                                                                        \
	}

static const struct tw_option graphql_rows[] = {
    SUB(graphql, query, TW_STRING, .flags = TW_REQUIRED, .help = "The query or mutation"),
    SUB(graphql, variables, TW_TREE, .help = "Its variables: {name: value}"),
};
const struct tw_option request_rows[REQUEST_ROWS] = {
    TW_OPTION(struct request_options, method, TW_STRING,
	.help = "Absent: POST with a body, else GET"),
    TW_OPTION(struct request_options, url, TW_URL, .flags = TW_REQUIRED,
	.help = "May hold ${name}; values are percent-encoded in path and query"),
    TW_OPTION(struct request_options, headers, TW_PAIRS, .help = "Request headers: {name: value}"),
    TW_OPTION(struct request_options, json, TW_TREE,
	.help = "A JSON body; a text that is one ${name} of a captured number becomes a number"),
    TW_OPTION(struct request_options, graphql, TW_MAP, .nested = TW_TABLE(graphql_rows),
	.nested_size = sizeof(((struct request_options *)0)->graphql),
	.help = "A GraphQL request over POST; errors inside 200 are found by themselves"),
    TW_OPTION(struct request_options, form, TW_PAIRS, .help = "A form's fields: {name: value}"),
    TW_OPTION(struct request_options, body, TW_STRING, .help = "A body as it is"),
};

/* ---- texts and their scope ---- */

int
scope_refuse(const struct request_scope *scope, const char *path, const char *fmt, ...)
{
	bool is_renamed = scope->word != NULL && strncmp(path, "request", 7) == 0;
	char full[PATH_BYTES], why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(full, sizeof(full), "%s%s%s", scope->where, is_renamed ? scope->word : "",
	    is_renamed ? path + 7 : path);
	(void)tw_api_->refuse(scope->ctx, full, "%s", why);
	return -EINVAL;
}

int
scope_take(const struct request_scope *scope, struct template *t, const char *text,
    enum fill_mode mode, const char *path)
{
	struct template_wrong wrong;
	size_t before = t->n;
	int rc = template_add(t, text, mode, scope->given, &wrong);

	if (rc == -ENOMEM)
		return scope_refuse(scope, path, "out of memory");
	if (rc != 0)
		return scope_refuse(scope, path, "%s", wrong.text);
	for (size_t i = before; i < t->n; i++) {
		int name = t->pieces[i].name;

		if (name >= 0)
			t->pieces[i].name = names_find(scope->all, scope->given->name[name],
			    strlen(scope->given->name[name]));
	}
	return 0;
}

/* ---- made ---- */

static bool
is_ours(const struct request_scope *scope, const char *name)
{
	const char *header = tw_api_->setting(scope->ctx, "synthetic/header_name");

	return strcasecmp(name, header != NULL ? header : "X-Synthetic") == 0;
}

static int
make_headers(const struct request_scope *scope, struct request *r)
{
	const struct tw_pair *pair = r->o->headers.items;
	char path[PATH_BYTES];
	int rc;

	if (r->o->headers.n > REQUEST_HEADERS_MAX)
		return scope_refuse(
		    scope, "request/headers", "more than %d headers", REQUEST_HEADERS_MAX);
	if ((r->headers = calloc(r->o->headers.n + 1, sizeof(*r->headers))) == NULL)
		return scope_refuse(scope, "", "out of memory");
	for (uint32_t i = 0; i < r->o->headers.n; i++) {
		snprintf(path, sizeof(path), "request/headers/%.80s", pair[i].name);
		if (pair[i].name[strcspn(pair[i].name, " \t\r\n:")] != '\0'
		    || pair[i].name[0] == '\0')
			return scope_refuse(scope, path, "that is no header's name");
		if (pair[i].value[strcspn(pair[i].value, "\r\n")] != '\0')
			return scope_refuse(scope, path, "there is a line feed in it");
		if (is_ours(scope, pair[i].name))
			return scope_refuse(
			    scope, path, "our mark comes from the block `synthetic`");
		if (strcasecmp(pair[i].name, "user-agent") == 0
		    && strncmp(pair[i].value, "tillwatch/", 10) != 0)
			return scope_refuse(
			    scope, path, "it must begin with tillwatch/: logs tell us by it");
		if (strcasecmp(pair[i].name, "content-type") == 0)
			r->content_type = NULL;
		if ((rc = scope_take(scope, &r->headers[i], pair[i].value, FILL_HEADER, path)) != 0)
			return rc;
	}
	return 0;
}

static int
make_graphql(const struct request_scope *scope, struct request *r)
{
	struct buf query;
	int rc;

	r->is_graphql = true;
	buf_init(&query, 1 << 18);
	json_text(&query, r->o->graphql.query);
	rc = query.failed ? scope_refuse(scope, "request/graphql/query", "too long") : 0;
	if (rc == 0)
		rc = scope_take(scope, &r->body, "{\"query\":", FILL_JSON, "request/graphql");
	if (rc == 0)
		rc = scope_take(
		    scope, &r->body, buf_str(&query), FILL_GRAPHQL, "request/graphql/query");
	if (rc == 0 && r->o->graphql.variables != NULL) {
		rc = scope_take(scope, &r->body, ",\"variables\":", FILL_JSON, "request/graphql");
		if (rc == 0)
			rc = scope_take(scope, &r->body, r->o->graphql.variables, FILL_JSON,
			    "request/graphql/variables");
	}
	if (rc == 0)
		rc = scope_take(scope, &r->body, "}", FILL_JSON, "request/graphql");
	buf_free(&query);
	return rc;
}

static int
make_form(const struct request_scope *scope, struct request *r)
{
	const struct tw_pair *pair = r->o->form.items;
	char path[PATH_BYTES];
	int rc = 0;

	for (uint32_t i = 0; i < r->o->form.n && rc == 0; i++) {
		snprintf(path, sizeof(path), "request/form/%.80s", pair[i].name);
		if (i > 0)
			rc = scope_take(scope, &r->body, "&", FILL_TEXT, path);
		if (rc == 0)
			rc = scope_take(scope, &r->body, pair[i].name, FILL_FORM, path);
		if (rc == 0)
			rc = scope_take(scope, &r->body, "=", FILL_TEXT, path);
		if (rc == 0)
			rc = scope_take(scope, &r->body, pair[i].value, FILL_FORM, path);
	}
	return rc;
}

static int
make_body(const struct request_scope *scope, struct request *r)
{
	int n = (r->o->json != NULL) + (r->o->graphql.query != NULL) + (r->o->form.n > 0)
	    + (r->o->body != NULL);

	r->has_body = n > 0;
	if (n > 1)
		return scope_refuse(
		    scope, "request", "one body a request: json, graphql, form or body");
	if (r->o->form.n > 0) {
		r->content_type = "application/x-www-form-urlencoded";
		return make_form(scope, r);
	}
	if (r->o->body != NULL)
		return scope_take(scope, &r->body, r->o->body, FILL_TEXT, "request/body");
	if (n == 0)
		return 0;
	r->content_type = "application/json";
	return r->o->json == NULL
	    ? make_graphql(scope, r)
	    : scope_take(scope, &r->body, r->o->json, FILL_JSON, "request/json");
}

int
request_make(
    struct request *r, const struct request_options *o, const struct request_scope *scope)
{
	int rc;

	r->o = o;
	if ((rc = scope_take(scope, &r->url, o->url, FILL_URL, "request/url")) != 0
	    || (rc = make_body(scope, r)) != 0 || (rc = make_headers(scope, r)) != 0)
		return rc;
	r->method = o->method != NULL ? o->method : r->has_body ? "POST" : "GET";
	if (r->method[0] == '\0'
	    || r->method[strspn(r->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-")] != '\0')
		return scope_refuse(
		    scope, "request/method", "\"%.40s\" is no method (try POST)", r->method);
	return 0;
}

void
request_clear(struct request *r)
{
	template_clear(&r->url);
	template_clear(&r->body);
	for (uint32_t i = 0; r->headers != NULL && i < r->o->headers.n; i++)
		template_clear(&r->headers[i]);
	free(r->headers);
	r->headers = NULL;
}

/* ---- filled ---- */

struct filler {
	const struct request *r;
	const struct names *names;
	const struct values *values;
	char *why;
	size_t cap;
};

static int
fill(const struct filler *f, const struct template *t, struct buf *out, const char *what)
{
	int which = -1, rc = template_fill(t, f->values, out, &which);

	if (rc == -E2BIG)
		snprintf(f->why, f->cap, "%s becomes too long", what);
	else if (rc != 0)
		snprintf(f->why, f->cap, "the value of ${%s} may not stand in the %s",
		    which >= 0 ? f->names->name[which] : "?", what);
	return rc;
}

static void
add_header(struct request_filled *to, const char *name, const char *value)
{
	to->at[to->n] = to->text.len;
	to->headers[to->n++].name = name;
	buf_text(&to->text, value);
	buf_add(&to->text, "", 1);
}

static bool
has_header(const struct request *r, const char *name)
{
	const struct tw_pair *pair = r->o->headers.items;

	for (uint32_t i = 0; i < r->o->headers.n; i++)
		if (strcasecmp(pair[i].name, name) == 0)
			return true;
	return false;
}

static int
fill_headers(struct tw_ctx *ctx, const struct filler *f, struct request_filled *to)
{
	const char *name = tw_api_->setting(ctx, "synthetic/header_name");
	const char *value = tw_api_->setting(ctx, "synthetic/header_value");
	const struct tw_pair *pair = f->r->o->headers.items;
	int rc;

	add_header(to, name != NULL ? name : "X-Synthetic", value != NULL ? value : "tillwatch");
	if (!has_header(f->r, "user-agent"))
		add_header(to, "User-Agent", "tillwatch/" PACKAGE_VERSION);
	if (f->r->content_type != NULL)
		add_header(to, "Content-Type", f->r->content_type);
	for (uint32_t i = 0; i < f->r->o->headers.n; i++) {
		struct buf one;

		buf_init(&one, HEADER_BYTES_MAX);
		if ((rc = fill(f, &f->r->headers[i], &one, "header")) == 0)
			add_header(to, pair[i].name, buf_str(&one));
		if (one.data != NULL)
			explicit_bzero(one.data, one.len);
		buf_free(&one);
		if (rc != 0)
			return rc;
	}
	for (uint32_t i = 0; i < to->n; i++)
		to->headers[i].value = to->text.data + to->at[i];
	return to->text.failed ? -E2BIG : 0;
}

int
request_fill_url(const struct request *r, const struct names *names,
    const struct values *values, struct buf *url, char *why, size_t cap)
{
	return fill(&(struct filler){r, names, values, why, cap}, &r->url, url, "URL");
}

int
request_fill(struct tw_ctx *ctx, const struct request *r, const struct names *names,
    const struct values *values, struct request_filled *to, char *why, size_t cap)
{
	const struct filler f = {r, names, values, why, cap};
	int rc;

	buf_init(&to->url, REQUEST_URL_MAX);
	buf_init(&to->body, BODY_BYTES_MAX);
	buf_init(&to->text, (REQUEST_HEADERS_MAX + 4) * 8192);
	to->n = 0;
	snprintf(why, cap, "out of memory");
	if ((rc = fill(&f, &r->url, &to->url, "URL")) != 0)
		return rc;
	if (r->has_body && (rc = fill(&f, &r->body, &to->body, "body")) != 0)
		return rc;
	return fill_headers(ctx, &f, to);
}

void
request_filled_clear(struct request_filled *f)
{
	struct buf *all[] = {&f->url, &f->body, &f->text};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i]->data != NULL)
			explicit_bzero(all[i]->data, all[i]->len);
		buf_free(all[i]);
	}
}

int
request_missing(const struct request *r, const struct values *values)
{
	int name = template_missing(&r->url, values);

	if (name < 0)
		name = template_missing(&r->body, values);
	for (uint32_t i = 0; name < 0 && i < r->o->headers.n; i++)
		name = template_missing(&r->headers[i], values);
	return name;
}
