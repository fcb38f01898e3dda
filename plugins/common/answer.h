/*
 * answer.h - what an answer to a request means for the shop, by what its user demands of it: one
 * outcome, the shop's own code, a sentence. Journeys and API calls share it.
 *
 * The precedence is fixed: no answer, wall, throttled, 5xx, the shop's no inside a 2xx, 4xx,
 * assertions. Where an assertion names statuses, those are right.
 *
 * Blocks: never. Runs in: callbacks of the probe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_ANSWER_H
#define PLUGINS_COMMON_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <tillwatch/plugin.h>

#include "lib/regex.h"
#include "plugins/common/assertion.h"
#include "plugins/common/outcome.h"

#define CAUSE_BYTES 32
#define CODE_BYTES 128
#define TEXT_BYTES 512

struct verdict {
	enum outcome outcome;
	char cause[CAUSE_BYTES];   /* the outcome's word, or "capture", "blind"; "": it is ok */
	char code[CODE_BYTES];     /* the shop's own, or "" */
	char text[TEXT_BYTES];     /* a sentence without the request's name; not redacted */
};
void verdict_set(struct verdict *v, enum outcome o, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What in a 2xx is the shop's no: one item of error_if. */
struct error_rule {
	char *pointer;
	char *equals;              /* NULL = not asked; so are the others */
	json_t *in;                /* array of texts */
	struct regex *matches;
	bool exists, wants_exists;
};
struct error_rules {
	struct error_rule *at;
	size_t n;
	bool is_given;             /* perhaps as an empty list: nothing is an error */
};
/* answer-error.c: error_if from its JSON text. 0; -EINVAL with a sentence; -ENOMEM. Clear in all
 * cases. */
int error_rules_read(struct error_rules *rules, const char *json, char *err, size_t err_cap);
void error_rules_clear(struct error_rules *rules);
#define ERROR_IF_HELP                                                                              \
	"What in a 2xx is the shop's no: {json: POINTER, equals|in|matches|exists: ...}, "         \
	"or a list of such; graphql knows `errors`, errorCode and types named ...Error"

struct demands {
	struct assertions *assertions;
	struct error_rules rules;
	bool is_graphql;
	bool needs_json;           /* for something else: captures */
	bool allows_partial;       /* GraphQL errors beside data are no failure */
};

/* answer-error.c: is there an error in this JSON? Then *v says which. */
bool errors_in_body(const struct demands *d, json_t *root, int status, struct verdict *v);
/* The code of the error at v (an element of GraphQL's `errors`, or another), shortest word first:
 * extensions.code, errorCode, code, message; "" without one. */
void error_code(json_t *v, char *dst, size_t cap);

/*
 * Judges. *root becomes the body as JSON when it was needed and is some, else NULL; it is the
 * caller's (json_decref). v->outcome OK or PARTIAL: go on.
 */
void answer_judge(const struct demands *d, const struct tw_answer *a, int64_t now_ms,
    json_t **root, struct verdict *v);

/* What each phase took over all hops, microseconds by enum tw_phase. */
void answer_phases(const struct tw_answer *a, int64_t sum[TW_TRANSFER + 1]);

static inline const struct tw_hop *
hop_at(const struct tw_answer *a, uint32_t i)
{
	return (
	    const struct tw_hop *)(const void *)((const char *)a->hops + (size_t)i * a->hop_size);
}

#endif
