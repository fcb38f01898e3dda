/*
 * journey-capture.c - what is kept of an answer, by name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/hop.h"
#include "lib/json.h"
#include "plugins/checkout/journey.h"

static int refuse(const struct capture *c, struct verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int
refuse(const struct capture *c, struct verdict *v, const char *fmt, ...)
{
	char why[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	verdict_set(v, OUTCOME_BUSINESS_ERROR, "nothing for ${%s}: %s", c->o->name, why);
	snprintf(v->cause, sizeof(v->cause), "capture");
	return -EINVAL;
}

static int
keep(const struct capture *c, struct values *values, const char *text, size_t len,
    struct verdict *v)
{
	struct value *to = &values->at[c->name];
	int rc;

	if (len == 0)
		return refuse(c, v, "it is empty");
	if (memchr(text, '\0', len) != NULL)
		return refuse(c, v, "there is a NUL in it");
	if ((rc = value_set(to, text, len)) == -E2BIG)
		return refuse(c, v, "%zu bytes are more than %d", len, VALUE_BYTES_MAX);
	if (rc != 0)
		return refuse(c, v, "out of memory");
	to->is_foreign = true;
	to->is_literal = false;
	return 0;
}

static int
from_json(const struct capture *c, json_t *root, struct values *values, struct verdict *v)
{
	json_t *at = root != NULL ? json_at(root, c->o->json) : NULL;
	char text[VALUE_BYTES_MAX + 2];
	int rc;

	if (root == NULL)
		return refuse(c, v, "the body is no JSON");
	if (at == NULL || json_is_null(at))
		return refuse(c, v, "nothing stands at %.100s", c->o->json);
	if (json_is_string(at))
		return keep(c, values, json_string_value(at), json_string_length(at), v);
	if (!json_scalar_text(at, text, sizeof(text)))
		return refuse(c, v, "what stands at %.100s is no single value", c->o->json);
	if ((rc = keep(c, values, text, strlen(text), v)) == 0)
		values->at[c->name].is_literal = true;
	return rc;
}

static int
from_regex(const struct capture *c, const struct tw_answer *a, struct values *values,
    struct verdict *v)
{
	size_t group[2];
	int rc = regex_match(c->regex, a->body, a->body_len, group);

	if (rc < 0)
		return refuse(c, v, "%.80s takes too long on this body", c->o->regex);
	if (rc == 0 || group[0] > group[1] || group[1] > a->body_len)
		return refuse(c, v, "the body does not match %.80s", c->o->regex);
	return keep(c, values, a->body + group[0], group[1] - group[0], v);
}

/* NAME=VALUE; the rest of Set-Cookie is the jar's business. The last one counts. */
static const char *
find_cookie(const struct tw_answer *a, const char *name, size_t *len)
{
	size_t n = strlen(name);
	const char *found = NULL;

	for (uint32_t i = 0; i < a->n_hops; i++) {
		const struct tw_hop *h = hop_at(a, i);

		for (uint32_t k = 0; k < h->n_headers; k++) {
			const char *value = h->headers[k].value;

			if (strcasecmp(h->headers[k].name, "set-cookie") != 0
			    || strncmp(value, name, n) != 0 || value[n] != '=')
				continue;
			found = value + n + 1;
			*len = strcspn(found, ";");
		}
	}
	return found;
}

static int
take_one(const struct capture *c, const struct tw_answer *a, json_t *root, struct values *values,
    struct verdict *v)
{
	const struct tw_hop *last = hop_at(a, a->n_hops - 1);
	const char *text = NULL;
	char status[16];
	size_t len = 0;

	if (c->o->json != NULL)
		return from_json(c, root, values, v);
	if (c->regex != NULL)
		return from_regex(c, a, values, v);
	if (c->o->cookie != NULL) {
		if ((text = find_cookie(a, c->o->cookie, &len)) == NULL)
			return refuse(c, v, "the answer sets no cookie %.80s", c->o->cookie);
		return keep(c, values, text, len, v);
	}
	if (c->o->header != NULL) {
		if ((text = hop_header(last, c->o->header)) == NULL)
			return refuse(c, v, "the answer has no header %.80s", c->o->header);
		return keep(c, values, text, strlen(text), v);
	}
	if (c->o->final_url)
		return keep(c, values, last->url, strlen(last->url), v);
	snprintf(status, sizeof(status), "%d", a->status);
	return keep(c, values, status, strlen(status), v);
}

int
captures_take(const struct step *s, const struct tw_answer *a, json_t *root,
    struct values *values, struct verdict *v)
{
	int rc = 0;

	for (size_t i = 0; i < s->n_captures && rc == 0; i++)
		rc = take_one(&s->captures[i], a, root, values, v);
	return rc;
}
