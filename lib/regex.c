/*
 * regex.c - see regex.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/regex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 1000000  /* steps of backtracking: about 10 ms */
#define DEPTH_LIMIT 10000
#define HEAP_LIMIT_KIB 4096

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
};

struct regex *
regex_new(const char *pattern, char *err, size_t err_cap)
{
	struct regex *re = calloc(1, sizeof(*re));
	PCRE2_UCHAR text[128];
	PCRE2_SIZE at;
	int code;

	if (re == NULL) {
		snprintf(err, err_cap, "out of memory");
		return NULL;
	}
	re->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &at, NULL);
	re->limits = pcre2_match_context_create(NULL);
	if (re->code == NULL) {
		pcre2_get_error_message(code, text, sizeof(text));
		snprintf(err, err_cap, "at %zu: %s", (size_t)at, (const char *)text);
	}
	if (re->code == NULL || re->limits == NULL) {
		regex_free(re);
		return NULL;
	}
	pcre2_set_match_limit(re->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(re->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(re->limits, HEAP_LIMIT_KIB);
	return re;
}

void
regex_free(struct regex *re)
{
	if (re == NULL)
		return;
	pcre2_code_free(re->code);
	pcre2_match_context_free(re->limits);
	free(re);
}

int
regex_match(const struct regex *re, const char *subject, size_t len, size_t group[2])
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(re->code, NULL);
	const PCRE2_SIZE *at;
	int rc;

	if (data == NULL)
		return -ENOMEM;
	rc = pcre2_match(re->code, (PCRE2_SPTR)subject, len, 0, 0, data, re->limits);
	if (rc > 0 && group != NULL) {
		at = pcre2_get_ovector_pointer(data);
		group[0] = rc > 1 ? at[2] : at[0];
		group[1] = rc > 1 ? at[3] : at[1];
	}
	pcre2_match_data_free(data);
	if (rc >= 0)
		return 1;
	return rc == PCRE2_ERROR_NOMATCH ? 0 : -E2BIG;
}

int
regex_group(
    const struct regex *re, const char *subject, size_t len, unsigned which, size_t group[2])
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(re->code, NULL);
	const PCRE2_SIZE *at;
	int rc, found = 0;

	if (data == NULL)
		return 0;
	rc = pcre2_match(re->code, (PCRE2_SPTR)subject, len, 0, 0, data, re->limits);
	at = pcre2_get_ovector_pointer(data);
	if (rc > 0 && which < (unsigned)rc && at[2 * which] != PCRE2_UNSET) {
		group[0] = at[2 * which];
		group[1] = at[2 * which + 1];
		found = 1;
	}
	pcre2_match_data_free(data);
	return found;
}
