/*
 * fuzz-quota.c - a shop's words about its quota: lines of headers (name, colon, value), an empty
 * line, the body. A limit is above 0, what is left between 0 and it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/common/quota.h"

#define HEADERS_MAX 32

const struct tw_api *tw_api_;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct tw_header *headers, uint32_t n_headers, const char *body, size_t len)
{
	struct tw_hop hop = {
	    .size = sizeof(hop), .url = "http://a/", .headers = headers, .n_headers = n_headers};
	struct tw_answer a = {
	    .size = sizeof(a), .hops = &hop, .n_hops = 1, .hop_size = sizeof(hop), .status = 200};
	json_t *root = json_loadb(body, len, 0, NULL);
	struct quota q[QUOTAS_MAX];
	struct quota_trend t = {.n = 0};
	size_t n = quota_read(&a, root, INT64_C(1795000000000), q);

	if (n > QUOTAS_MAX)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (!(q[i].limit > 0) || !(q[i].remaining >= 0) || q[i].remaining > q[i].limit
		    || q[i].reset_s < 0 || memchr(q[i].name, '\0', sizeof(q[i].name)) == NULL)
			abort();
		quota_trend_add(&t, (int64_t)i * 90000, &q[i]);
		if (quota_exhausted_s(&t) < 0)
			abort();
	}
	json_decref(root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tw_header headers[HEADERS_MAX];
	char *text = malloc(size + 1), *at = text;
	uint32_t n = 0;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	while (n < HEADERS_MAX && *at != '\0' && *at != '\n') {
		char *end = strchr(at, '\n'), *colon;

		if (end != NULL)
			*end = '\0';
		if ((colon = strchr(at, ':')) != NULL) {
			*colon = '\0';
			headers[n++] = (struct tw_header){at, colon + 1};
		}
		at = end != NULL ? end + 1 : at + strlen(at);
	}
	at += *at == '\n';
	check(headers, n, at, size - (size_t)(at - text));
	free(text);
	return 0;
}
