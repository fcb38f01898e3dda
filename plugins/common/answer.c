/*
 * answer.c - see answer.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "plugins/common/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/hop.h"
#include "lib/json.h"
#include "lib/wall.h"

void
verdict_set(struct verdict *v, enum outcome o, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->outcome = o;
	snprintf(v->cause, sizeof(v->cause), "%s", outcome_names[o]);
	memcpy(v->text, text, sizeof(text));
}

static void
judge_error(const struct tw_answer *a, struct verdict *v)
{
	const struct tw_hop *last = a->n_hops > 0 ? hop_at(a, a->n_hops - 1) : NULL;
	const char *why = a->error_text;

	if (last != NULL && last->certificate.verify_error != NULL)
		why = last->certificate.verify_error;
	verdict_set(v, OUTCOME_SERVER_ERROR, "%s: %s%s%s", http_error_name(a->error), why,
	    last != NULL && last->address[0] != '\0' ? " at " : "",
	    last != NULL ? last->address : "");
}

/* Shopify answers 430 where others say 429; a 503 that names a time asks us to wait. */
static bool
is_throttled(const struct tw_answer *a, const struct tw_hop *last)
{
	return a->status == 429 || a->status == 430
	       || (a->status == 503 && hop_header(last, "retry-after") != NULL);
}

static bool
judge_status(const struct demands *d, const struct tw_answer *a, struct verdict *v)
{
	const struct tw_hop *last = hop_at(a, a->n_hops - 1);
	const char *wall = wall_name(last, a->body, a->body_len);
	enum outcome o = outcome_of_status(a->status);

	if (wall != NULL)
		verdict_set(v, OUTCOME_BLOCKED, "%s (HTTP %d)", wall, a->status);
	else if (assertions_want_status(d->assertions, a->status))
		return true;
	else if (is_throttled(a, last))
		verdict_set(v, OUTCOME_THROTTLED, "asked to wait (HTTP %d)", a->status);
	else if (o != OUTCOME_OK)
		verdict_set(v, o, "HTTP %d", a->status);
	return v->outcome == OUTCOME_OK;
}

static bool
is_success(const struct tw_answer *a)
{
	return a->status >= 200 && a->status < 300;
}

static bool
needs_json(const struct demands *d)
{
	return d->needs_json || d->is_graphql || d->rules.n > 0;
}

static void
judge_body(const struct demands *d, const struct tw_answer *a, json_t *root, const char *error,
    int64_t now_ms, struct verdict *v)
{
	struct assertion_failure f = {.cause = ""};

	if (root == NULL && needs_json(d) && is_success(a) && a->body_len > 0)
		verdict_set(v, OUTCOME_BUSINESS_ERROR, "the body is no JSON: %.160s (HTTP %d)",
		    error, a->status);
	else if (root != NULL && is_success(a) && errors_in_body(d, root, a->status, v)
		 && v->outcome != OUTCOME_PARTIAL)
		return;
	else if (!assertions_hold(d->assertions, a, now_ms, &f))
		verdict_set(v, OUTCOME_BUSINESS_ERROR, "%s (HTTP %d)", f.text, a->status);
}

void
answer_judge(const struct demands *d, const struct tw_answer *a, int64_t now_ms, json_t **root,
    struct verdict *v)
{
	char error[160] = "it is empty";

	*root = NULL;
	*v = (struct verdict){.outcome = OUTCOME_OK};
	if (a->error != TW_HTTP_OK || a->n_hops == 0) {
		judge_error(a, v);
		return;
	}
	if (needs_json(d) && a->body_len > 0)
		*root = json_read(a->body, a->body_len, error, sizeof(error));
	if (judge_status(d, a, v))
		judge_body(d, a, *root, error, now_ms, v);
}

void
answer_phases(const struct tw_answer *a, int64_t sum[TW_TRANSFER + 1])
{
	memset(sum, 0, (TW_TRANSFER + 1) * sizeof(*sum));
	for (uint32_t i = 0; i < a->n_hops; i++) {
		const struct tw_hop *h = hop_at(a, i);

		sum[TW_DNS] += h->dns_us;
		sum[TW_CONNECT] += h->connect_us;
		sum[TW_TLS] += h->tls_us;
		sum[TW_SEND] += h->send_us;
		sum[TW_WAIT] += h->wait_us;
		sum[TW_TRANSFER] += h->transfer_us;
	}
}
