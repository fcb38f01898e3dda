/*
 * assertion.h - what a user demands of an answer: rows of the option `assert`, compiled once,
 * checked each run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_ASSERTION_H
#define PLUGINS_COMMON_ASSERTION_H

#include <tillwatch/plugin.h>

/* One item of `assert: [...]`, as the host fills it in. Exactly one subject is given. */
struct assertion {
	struct tw_list status;             /* struct tw_range */
	struct { const char *name, *equals, *contains, *matches; uint8_t absent; } header;
	struct { const char *contains, *not_contains, *matches; int64_t min_bytes; } body;
	const char *json;                  /* JSON Pointer into the body */
	const char *equals;                /* of json */
	struct tw_list in;                 /* of json: const char * */
	const char *contains, *matches;    /* of json */
	const char *min, *max;             /* of json: numbers, as text (0 is one too) */
	uint8_t absent;                    /* of json */
	struct { int64_t min; } certificate_expires_in;
	struct tw_list redirects;          /* struct tw_range */
	struct { int64_t max; } total_time;
};

#define ASSERTION_ROWS 14
extern const struct tw_option assertion_rows[ASSERTION_ROWS];
#define ASSERTION_TABLE { assertion_rows, ASSERTION_ROWS, sizeof(struct tw_option) }

struct assertions;                         /* compiled */

/* Compiles (regexps, pointers). NULL: refused through tw_api (option path "assert/N/..."; `where`,
 * like "journey/steps/0/", stands before it). */
struct assertions *assertions_new(struct tw_ctx *ctx, const struct tw_list *list);
struct assertions *assertions_new_at(
    struct tw_ctx *ctx, const char *where, const struct tw_list *list);
void assertions_free(struct assertions *a);

/* Checks all; true when all hold. Else the first failure as a short cause word ("status", "body")
 * and a sentence. */
struct assertion_failure {
	const char *cause;
	char text[256];
	int32_t index;
};
uint8_t assertions_hold(const struct assertions *a, const struct tw_answer *answer, int64_t now_ms,
    struct assertion_failure *failure);
/* Is a status demanded explicitly? Then 404 may be what is wanted. */
uint8_t assertions_judge_status(const struct assertions *a);
/* Is it, and this one is right? */
uint8_t assertions_want_status(const struct assertions *a, int32_t status);

#endif
