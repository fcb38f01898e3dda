/*
 * cdn.c - see cdn.h. Formats: Cloudflare `cf-ray: <id>-<IATA>`, CloudFront `x-amz-cf-pop:
 * FRA56-P4`, Fastly `x-served-by: cache-<...>-<DC>` (the last one listed served us), RFC 9211
 * `Cache-Status`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "lib/cdn.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/hop.h"

/* Letters and digits only: the value is a stranger's. */
static void
copy_word(char dst[16], const char *from)
{
	size_t n = 0;

	while (n < 15 && isalnum((unsigned char)from[n])) {
		dst[n] = from[n];
		n++;
	}
	dst[n] = '\0';
}

void
cdn_pop(const struct tw_hop *hop, char dst[16])
{
	const char *value, *dash;

	dst[0] = '\0';
	if ((value = hop_header(hop, "cf-ray")) != NULL && (dash = strrchr(value, '-')) != NULL)
		copy_word(dst, dash + 1);
	else if ((value = hop_header(hop, "x-amz-cf-pop")) != NULL)
		copy_word(dst, value);
	else if ((value = hop_header(hop, "x-served-by")) != NULL
		 && (dash = strrchr(value, '-')) != NULL)
		copy_word(dst, dash + 1);
}

static bool
has(const char *value, const char *word)
{
	return value != NULL && strcasestr(value, word) != NULL;
}

const char *
cdn_cache(const struct tw_hop *hop)
{
	static const char *const headers[] = {
	    "cf-cache-status", "cache-status", "x-cache", "x-cache-status"};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		const char *value = hop_header(hop, headers[i]);

		if (has(value, "stale") || has(value, "updating"))
			return "stale";
		if (has(value, "hit"))
			return "hit";
		if (has(value, "miss") || has(value, "expired") || has(value, "fwd"))
			return "miss";
		if (has(value, "bypass") || has(value, "dynamic") || has(value, "pass"))
			return "bypass";
	}
	return "";
}
