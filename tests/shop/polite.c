/*
 * polite.c - wrong answers in right form: statuses, errors inside 200, redirects.
 * Runs in the thread of a connection; never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <stdlib.h>
#include <string.h>

#include "tests/shop/hostile.h"
#include "tests/shop/shop.h"

void polite_status(const struct fault *f, struct request *r, struct answer *a)
{
	unsigned status = f->status ? (unsigned)f->status : 500;

	if (r->step == STEP_HOOK)
		hook_receive(r, status);
	answer_text(a, status, "text/html; charset=utf-8",
		"<!doctype html><title>%u %s</title><h1>%u %s</h1>\n", status,
		status_reason(status), status, status_reason(status));
	if (f->retry_after)
		answer_header(a, "Retry-After", "%lld", (long long)f->retry_after);
}

void polite_error_in_200(const struct fault *f, struct request *r, struct answer *a)
{
	if (r->step == STEP_GRAPHQL && strcmp(f->variant, "partial") == 0)
		answer_json(a, 200,
			json_pack("{s:[{s:s, s:{s:s}, s:[s,s,i,s]}], s:{s:{s:[]}}}", "errors",
				"message", "Not allowed", "extensions", "code", "ACCESS_DENIED",
				"path", "search", "items", 0, "price", "data", "search", "items"));
	else if (r->step == STEP_GRAPHQL)
		answer_json(a, 200,
			json_pack("{s:[{s:s, s:{s:s}}], s:n}", "errors", "message",
				"Internal server error", "extensions", "code",
				"INTERNAL_SERVER_ERROR", "data"));
	else if (strncmp(r->path, "/api/", 5) == 0)
		answer_json(a, 200, json_pack("{s:b, s:{s:s, s:s}}", "success", 0, "error", "code",
			"INTERNAL_SERVER_ERROR", "message", "Something went wrong"));
	else
		answer_text(a, 200, "text/html; charset=utf-8", "%s",
			"<!doctype html><title>Oops</title><h1>Something went wrong</h1>\n"
			"<p>We are working on it.</p>\n");
}

/* As Shopify tells it: a bucket of points that fills by 5 % a second. */
static json_t *throttle_status(int64_t left, int64_t limit)
{
	return json_pack("{s:{s:i, s:{s:f, s:I, s:f}}}", "cost", "requestedQueryCost", 10,
		"throttleStatus", "maximumAvailable", (double)limit, "currentlyAvailable",
		(json_int_t)left, "restoreRate", (double)limit / 20);
}

void polite_quota(const struct fault *f, struct request *r, struct answer *a)
{
	int64_t limit = f->size ? f->size : 1000, left = f->count;
	json_t *body = NULL;

	if (left > 0) {
		route_answer(r, a);
		body = json_loadb(buf_str(&a->body), a->body.len, 0, NULL);
	}
	if (r->step != STEP_GRAPHQL) {
		json_decref(body);
		if (left == 0)
			answer_error(a, 429, "THROTTLED");
		answer_header(a, "RateLimit-Policy", "\"minute\";q=%lld;w=60", (long long)limit);
		answer_header(a, "RateLimit", "\"minute\";r=%lld;t=30", (long long)left);
		return;
	}
	if (!body)
		body = json_pack("{s:[{s:s, s:{s:s}}]}", "errors", "message", "Throttled",
			"extensions", "code", "THROTTLED");
	json_object_set_new(body, "extensions", throttle_status(left, limit));
	answer_json(a, 200, body);
}

static void redirect(struct answer *a, const char *location)
{
	answer_text(a, 302, "text/plain", "%s", "elsewhere\n");
	answer_header(a, "Location", "%s", location);
}

void polite_redirect_loop(const struct fault *f, struct request *r, struct answer *a)
{
	char hop[32] = "0", location[600];
	const char *rest = strstr(r->query, "fault=");

	query_get(r->query, "hop", hop, sizeof(hop));
	if (strcmp(f->variant, "self") == 0)
		snprintf(location, sizeof(location), "%s%s%s", r->path, *r->query ? "?" : "",
			r->query);
	else
		snprintf(location, sizeof(location), "%s?hop=%d%s%s", r->path,
			(int)strtol(hop, NULL, 10) + 1, rest ? "&" : "", rest ? rest : "");
	redirect(a, location);
}

void polite_redirect_host(const struct fault *f, struct request *r, struct answer *a)
{
	bool is_localhost = r->host && strncmp(r->host, "localhost", 9) == 0;
	const char *host = f->host[0] ? f->host : is_localhost ? "127.0.0.1" : "localhost";
	char location[600];

	snprintf(location, sizeof(location), "http%s://%s:%d/echo?from=%s", r->is_tls ? "s" : "",
		host, r->shop->raw_port, r->path);
	redirect(a, location);
}

void polite_redirect_file(const struct fault *f, struct request *r, struct answer *a)
{
	(void)r;
	redirect(a,
		strcmp(f->variant, "gopher") == 0        ? "gopher://127.0.0.1:70/1"
			: strcmp(f->variant, "ftp") == 0 ? "ftp://127.0.0.1/stock.csv"
							 : "file:///etc/passwd");
}
