/*
 * call-quota.c - what is left of an API's quota. Calls to one host share its quotas: of one run the
 * lowest reading counts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/api/api.h"
#include "plugins/common/quota.h"

#define KNOWN_MAX 16
#define HOST_BYTES 128

struct known {
	char host[HOST_BYTES];
	struct quota quota;
	int64_t ms;
	bool is_fresh;                  /* of this run */
	struct quota_trend trend;
};
struct call_quotas {
	struct known at[KNOWN_MAX];
	size_t n;
};

struct call_quotas *
call_quotas_new(void)
{
	return calloc(1, sizeof(struct call_quotas));
}

void
call_quotas_free(struct call_quotas *q)
{
	free(q);
}

static struct known *
find(struct call_quotas *q, const char *host, const char *name)
{
	struct known *k;

	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->at[i].host, host) == 0 && strcmp(q->at[i].quota.name, name) == 0)
			return &q->at[i];
	if (q->n == KNOWN_MAX)
		return NULL;
	k = &q->at[q->n++];
	snprintf(k->host, sizeof(k->host), "%s", host);
	return k;
}

void
call_quotas_take(
    struct call_quotas *q, const struct tw_answer *a, json_t *root, int64_t now_ms)
{
	struct quota read[QUOTAS_MAX];
	size_t n = quota_read(a, root, now_ms, read);
	char host[HOST_BYTES];
	const struct tw_hop *last;

	if (n == 0)
		return;
	last = (const struct tw_hop *)(const void *)((const char *)a->hops
						     + (size_t)(a->n_hops - 1) * a->hop_size);
	url_host(last->url, host, sizeof(host));
	for (size_t i = 0; i < n; i++) {
		struct known *k = find(q, host, read[i].name);

		if (k == NULL || (k->is_fresh && k->quota.remaining <= read[i].remaining))
			continue;
		k->quota = read[i];
		k->ms = now_ms;
		k->is_fresh = true;
	}
}

void
call_quotas_emit(struct tw_ctx *ctx, struct call_quotas *q)
{
	for (size_t i = 0; i < q->n; i++) {
		struct known *k = &q->at[i];
		double exhausted;

		if (!k->is_fresh)
			continue;
		k->is_fresh = false;
		quota_trend_add(&k->trend, k->ms, &k->quota);
		exhausted = quota_exhausted_s(&k->trend);
		tw_emit(ctx, QUOTA_HEADROOM, k->quota.remaining / k->quota.limit, "host", k->host,
		    "quota", k->quota.name);
		tw_emit(ctx, QUOTA_LIMIT, k->quota.limit, "host", k->host, "quota", k->quota.name);
		tw_emit(ctx, QUOTA_REMAINING, k->quota.remaining, "host", k->host, "quota",
		    k->quota.name);
		if (isfinite(exhausted))
			tw_emit(ctx, QUOTA_EXHAUSTED, exhausted, "host", k->host, "quota",
			    k->quota.name);
	}
}
