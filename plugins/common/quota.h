/*
 * quota.h - how much of an API's quota is left, as its answers tell, and when it will be used up.
 *
 * What is read (limits are never known beforehand: plans differ, and change):
 *
 *     graphql     extensions.cost.throttleStatus of the body (Shopify): maximumAvailable,
 *                 currentlyAvailable, restoreRate
 *     shopify     X-Shopify-Shop-Api-Call-Limit: 32/40
 *     the policy  RateLimit: "name";r=50;t=30 with RateLimit-Policy: "name";q=100;w=60
 *                 (draft-ietf-httpapi-ratelimit-headers-11, structured fields of RFC 9651)
 *     ratelimit   RateLimit: limit=100, remaining=50, reset=5 (draft 07); RateLimit-Limit,
 *                 RateLimit-Remaining, RateLimit-Reset (draft 06 and before); X-RateLimit-*,
 *                 X-Rate-Limit-* (GitHub and many others)
 *
 * Blocks: never. Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_QUOTA_H
#define PLUGINS_COMMON_QUOTA_H

#include <jansson.h>
#include <stdbool.h>
#include <tillwatch/plugin.h>

#define QUOTA_NAME 32
#define QUOTAS_MAX 8                /* of one answer */

struct quota {
	char name[QUOTA_NAME];
	double limit, remaining;    /* limit > 0; 0 <= remaining <= limit */
	double reset_s;             /* until the window ends or the bucket is full; NAN: unknown */
};

/* Those that the answer tells; root: its body as JSON, or NULL. What is no quota (a limit that is
 * missing or 0, words for numbers) is left out. Returns how many. */
size_t quota_read(
    const struct tw_answer *a, json_t *root, int64_t now_ms, struct quota q[QUOTAS_MAX]);

#define QUOTA_TREND 16
/* What was left at the last readings; a rise by a fifth of the limit is a new window. */
struct quota_trend {
	struct { int64_t ms; double remaining; } at[QUOTA_TREND];
	uint32_t n;
};
void quota_trend_add(struct quota_trend *t, int64_t ms, const struct quota *q);
/* Seconds until nothing is left if it is used as since the window's first reading: what is left by
 * what is used a second more than comes back. INFINITY: it is not being used up; NAN: it takes a
 * minute of readings at least. */
double quota_exhausted_s(const struct quota_trend *t);

#endif
