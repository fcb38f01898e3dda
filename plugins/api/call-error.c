/*
 * call-error.c - GraphQL's errors, which a status does not show, by what they say of themselves.
 *
 *     {"errors": [{"extensions": {"code": "ACCESS_DENIED"}, "path": ["order", 0, "email"]}]}
 *         -> code ACCESS_DENIED, path order.*
 *
 * A label has 50 values: the pairs of code and path that came first have theirs, kept in the state
 * so that a restart changes no name; the rest is "other". Source of the format: GraphQL
 * specification, October 2021, 7.1.2.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sanitize.h"
#include "plugins/api/api.h"
#include "plugins/common/answer.h"

#define PAIRS_MAX 49                /* and "other" */
#define WORD_BYTES 48
#define ERRORS_LOOKED_AT 100        /* of one answer */
#define STATE_KEY "errors"
#define OTHER "other"

struct pair { char code[WORD_BYTES], path[WORD_BYTES]; };

struct call_errors {
	struct pair pairs[PAIRS_MAX];
	size_t n;
};

struct call_errors *
call_errors_new(struct tw_ctx *ctx)
{
	struct call_errors *e = calloc(1, sizeof(*e));
	const void *kept;
	size_t len;

	if (e == NULL)
		return NULL;
	kept = tw_api_->state_get(ctx, STATE_KEY, &len);
	if (kept == NULL || len % sizeof(struct pair) != 0 || len > sizeof(e->pairs))
		return e;
	memcpy(e->pairs, kept, len);
	e->n = len / sizeof(struct pair);
	for (size_t i = 0; i < e->n; i++) {
		e->pairs[i].code[WORD_BYTES - 1] = '\0';
		e->pairs[i].path[WORD_BYTES - 1] = '\0';
	}
	return e;
}

void
call_errors_free(struct call_errors *e)
{
	free(e);
}

/* order, 0, email -> "order.*" */
static void
path_of(const json_t *error, char dst[WORD_BYTES])
{
	const json_t *path = json_object_get(error, "path"), *segment;
	char text[WORD_BYTES];
	size_t n = 0, i;

	dst[0] = '\0';
	json_array_foreach(path, i, segment) {
		const char *word = json_is_string(segment) ? json_string_value(segment) : "*";

		if (i == 2)
			break;
		text_sanitize(text, sizeof(text) / 2, word, strlen(word));
		n += (size_t)snprintf(dst + n, WORD_BYTES - n, "%s%s", i > 0 ? "." : "", text);
	}
}

static const struct pair *
known(struct tw_ctx *ctx, struct call_errors *e, const struct pair *p)
{
	static const struct pair other = {OTHER, OTHER};

	for (size_t i = 0; i < e->n; i++)
		if (strcmp(e->pairs[i].code, p->code) == 0
		    && strcmp(e->pairs[i].path, p->path) == 0)
			return &e->pairs[i];
	if (e->n == PAIRS_MAX)
		return &other;
	e->pairs[e->n++] = *p;
	(void)tw_api_->state_put(ctx, STATE_KEY, e->pairs, e->n * sizeof(*p));
	return &e->pairs[e->n - 1];
}

void
call_errors_count(struct tw_ctx *ctx, struct call_errors *e, const char *route, json_t *root)
{
	json_t *error, *code;
	size_t i;

	json_array_foreach(json_object_get(root, "errors"), i, error) {
		struct pair p = {.code = "none"};
		const struct pair *as;

		if (i == ERRORS_LOOKED_AT)
			break;
		code = json_object_get(json_object_get(error, "extensions"), "code");
		if (json_is_string(code) && json_string_length(code) > 0)
			text_sanitize(p.code, sizeof(p.code), json_string_value(code),
			    json_string_length(code));
		path_of(error, p.path);
		as = known(ctx, e, &p);
		tw_count(ctx, CALL_ERRORS, 1, "route", route, "code", as->code, "path", as->path);
	}
}
