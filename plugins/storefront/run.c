/*
 * run.c - the way of one run.
 *
 *     resolve (only for each_address) -> for each target: cold -> warm -> next target -> verdict
 *                                           |
 *                    first failure without an answer: do we see at all? -- no --> unknown, "blind"
 *                                           | yes
 *                                     the same once more, fresh: right now -> go on; wrong again ->
 * it is wrong
 *
 * A timeout is not tried again (it has had the time there is), but the question is asked before it
 * counts. Requests follow one another, so that none disturbs the other's time. A wall ends the run
 * at once: nobody should knock on it twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/storefront/storefront.h"

#define RESERVE_US 2000000

static enum tw_verdict measure(struct tw_ctx *ctx, struct storefront *s);
static enum tw_verdict finish(struct tw_ctx *ctx, struct storefront *s);

static struct target *
now_at(struct storefront *s)
{
	return &s->targets[s->at];
}

/* Which reading makes the verdict: a wall hides the shop, else the gravest, else the first. */
static void
remember(struct storefront *s, const struct reading *r)
{
	static const int grave[OUTCOME_N] = {[OUTCOME_OK] = 0,
	    [OUTCOME_PARTIAL] = 1,
	    [OUTCOME_IGNORED] = 0,
	    [OUTCOME_THROTTLED] = 2,
	    [OUTCOME_CLIENT_ERROR] = 3,
	    [OUTCOME_BUSINESS_ERROR] = 4,
	    [OUTCOME_SERVER_ERROR] = 5,
	    [OUTCOME_BLOCKED] = 6};

	if (!s->worst.measured || grave[r->outcome] > grave[s->worst.outcome]
	    || (r->outcome == s->worst.outcome && r->ttfb_us > s->worst.ttfb_us))
		s->worst = *r;
}

static enum tw_verdict
next_target(struct tw_ctx *ctx, struct storefront *s)
{
	s->retrying = s->warm_turn = false;
	if (++s->at < s->n_targets)
		return measure(ctx, s);
	return finish(ctx, s);
}

static enum tw_verdict
try_again(struct tw_ctx *ctx, struct storefront *s)
{
	s->retrying = true;
	s->warm_turn = false;
	return measure(ctx, s);
}

static enum tw_verdict
after_sight(struct tw_ctx *ctx, void *self, int sees, void *arg)
{
	struct storefront *s = self;

	(void)arg;
	if (sees == 0)
		return tw_fail(ctx, TW_UNKNOWN, "blind",
		    "we see nothing: the resolver and the reference targets fail too");
	return try_again(ctx, s);
}

/* The address of a target: the one it was pinned to, or whichever the first hop took. */
static const char *
answered_at(struct storefront *s, const struct tw_answer *a)
{
	return now_at(s)->address[0] != '\0' || a->n_hops == 0 ? now_at(s)->address
								: a->hops->address;
}

/* What an answer says is written down; the answer is gone afterwards. */
static void
record(struct tw_ctx *ctx, struct storefront *s, const struct tw_answer *a, const struct reading *r)
{
	uint32_t family = r->family == TW_IPV6 || now_at(s)->family == TW_IPV6;
	enum tw_connection c = s->warm_turn ? TW_WARM : TW_COLD;
	bool was_worst = !s->worst.measured;

	if (s->retrying)
		tw_count(ctx, M_RETRIES, 1, "result", reading_bad(r) ? "failed" : "recovered");
	remember(s, r);
	was_worst |= s->worst.ttfb_us == r->ttfb_us && s->worst.outcome == r->outcome;
	if (was_worst)
		reading_facts(ctx, s, a, c);
	if (!s->warm_turn) {
		s->tried[family]++;
		s->failed[family] += reading_bad(r);
		if (s->n_targets > 1)
			reading_address_facts(ctx, s->at, answered_at(s, a), r);
	}
	reading_publish(ctx, s, a, r, c);
}

/* Settled: this target is done, well or not. */
static enum tw_verdict
settle(struct tw_ctx *ctx, struct storefront *s, const struct tw_answer *a, const struct reading *r)
{
	record(ctx, s, a, r);
	if (r->outcome == OUTCOME_BLOCKED)
		return finish(ctx, s);
	if (!s->warm_turn && (s->connection & WANT_WARM) && !reading_bad(r)) {
		s->warm_turn = true;
		return measure(ctx, s);
	}
	return next_target(ctx, s);
}

/* A timeout has used up the time for a second try; whether it was us is still asked. */
static enum tw_verdict
after_timeout(struct tw_ctx *ctx, void *self, int sees, void *arg)
{
	(void)arg;
	if (sees == 0)
		return tw_fail(ctx, TW_UNKNOWN, "blind",
		    "we see nothing: the resolver and the reference targets fail too");
	return finish(ctx, self);
}

/* The first end of any certificate of any hop, over all that the run asked. */
static void
note_certificates(struct storefront *s, const struct tw_answer *a)
{
	for (uint32_t i = 0; i < a->n_hops; i++) {
		const struct tw_hop *h =
		    (const struct tw_hop *)(const void *)((const char *)a->hops
							  + (size_t)i * a->hop_size);
		int64_t ends = h->certificate.chain_not_after_ms;

		if (ends != 0 && (s->certificate_ms == 0 || ends < s->certificate_ms))
			s->certificate_ms = ends;
	}
}

static enum tw_verdict
answered(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	struct storefront *s = self;
	struct reading r;

	reading_take(ctx, s, a, &r);
	note_certificates(s, a);
	if (s->warm_turn && !r.reused) {
		/* The server closed in between: what came is one more cold time, not a warm one. */
		tw_count(ctx, M_WARM_DISCARDED, 1);
		return next_target(ctx, s);
	}
	if (a->error == TW_HTTP_TIMEOUT) {
		record(ctx, s, a, &r);
		return tw_api_->sight(ctx, after_timeout, NULL);
	}
	if (!reading_bad(&r) || r.outcome == OUTCOME_BLOCKED || r.outcome == OUTCOME_THROTTLED
	    || s->retrying)
		return settle(ctx, s, a, &r);
	/* Who was answered sees: a reference that is away must not hide what the shop said. */
	return a->error == TW_HTTP_OK ? try_again(ctx, s) : tw_api_->sight(ctx, after_sight, NULL);
}

/* A request leaves a quarter of the run's time, 2 s at most, for the question whether it was us. */
static int64_t
time_for(struct tw_ctx *ctx)
{
	int64_t left = tw_api_->left_us(ctx),
		reserve = left / 4 < RESERVE_US ? left / 4 : RESERVE_US;

	return left - reserve > 1 ? left - reserve : 1;
}

static enum tw_verdict
measure(struct tw_ctx *ctx, struct storefront *s)
{
	static const char *const versions[] = {"auto", "1.1", "2"};
	const struct target *t = now_at(s);

	return tw_http(ctx, .url = s->url, .method = s->method, .headers = s->request_headers,
	    .n_headers = s->headers.n, .body = s->body,
	    .body_len = s->body != NULL ? strlen(s->body) : 0,
	    .connection = s->warm_turn ? TW_WARM : TW_COLD, .family = t->family,
	    .address = t->address[0] != '\0' ? t->address : NULL, .proxy = s->proxy,
	    .ca_file = s->ca_file, .http_version = versions[s->http_version], .jar = s->jar,
	    .flags = s->connection & WANT_WARM ? TW_KEEP_OPEN : 0,
	    .max_redirects = s->max_redirects == 0 ? -1 : (int32_t)s->max_redirects,
	    .max_body_bytes = s->max_body, .max_header_bytes = s->max_headers,
	    .timeout_us = time_for(ctx), .done = answered);
}

/* ---- targets ---- */

static void
add_target(struct storefront *s, enum tw_family family, const char *address)
{
	struct target *t = s->targets;

	if (s->n_targets == TARGETS_MAX)
		return;
	if (s->n_targets == s->cap_targets) {
		if ((t = reallocarray(t, s->n_targets + 1, sizeof(*t))) == NULL)
			return;
		s->targets = t;
		s->cap_targets++;
	}
	t += s->n_targets++;
	t->family = family;
	snprintf(t->address, sizeof(t->address), "%s", address);
}

static enum tw_verdict start_targets(struct tw_ctx *ctx, struct storefront *s);

static void
host_of(const char *url, char *dst, size_t cap)
{
	const char *host = strstr(url, "://"), *end;
	size_t n;

	host = host != NULL ? host + 3 : url;
	if ((end = host + strcspn(host, "/?#")) > host
	    && memchr(host, '@', (size_t)(end - host)) != NULL)
		host = (const char *)memchr(host, '@', (size_t)(end - host)) + 1;
	n = *host == '[' ? strcspn(++host, "]") : strcspn(host, ":/?#");
	snprintf(dst, cap, "%.*s", (int)n, host);
}

/* Each address of a family, in turns when there are more than a run takes. No address: the family
 * fails as DNS. */
static enum tw_verdict
resolved(struct tw_ctx *ctx, void *self, const struct tw_addresses *found)
{
	struct storefront *s = self;
	enum tw_family family = s->resolving_ipv6 ? TW_IPV6 : TW_IPV4;
	uint32_t take = found->n < ADDRESSES_MAX ? found->n : ADDRESSES_MAX;

	for (uint32_t i = 0; i < take; i++)
		add_target(s, family,
		    found->address[(i + (found->n > take ? s->rotation : 0)) % found->n]);
	if (take == 0 && (s->address_family & (s->resolving_ipv6 ? WANT_IPV6 : WANT_IPV4)))
		add_target(s, family, "");
	if (!s->resolving_ipv6 && (s->address_family == 0 || (s->address_family & WANT_IPV6))) {
		char host[256];

		s->resolving_ipv6 = true;
		host_of(s->url, host, sizeof(host));
		return tw_api_->dns(ctx, host, TW_IPV6, resolved, NULL);
	}
	s->rotation += take;
	if (s->n_targets == 0)
		add_target(s, TW_FAMILY_ANY, "");
	return start_targets(ctx, s);
}

static enum tw_verdict
start_targets(struct tw_ctx *ctx, struct storefront *s)
{
	s->at = 0;
	return measure(ctx, s);
}

enum tw_verdict
storefront_probe(struct tw_ctx *ctx, void *self)
{
	struct storefront *s = self;
	char host[256];

	s->n_targets = s->at = 0;
	s->certificate_ms = 0;
	s->warm_turn = s->retrying = s->resolving_ipv6 = false;
	memset(&s->worst, 0, sizeof(s->worst));
	memset(s->failed, 0, sizeof(s->failed));
	memset(s->tried, 0, sizeof(s->tried));
	memset(s->slowest_us, 0, sizeof(s->slowest_us));
	s->jar = tw_api_->jar(ctx);
	if (s->each_address) {
		s->resolving_ipv6 = s->address_family == WANT_IPV6;
		host_of(s->url, host, sizeof(host));
		return tw_api_->dns(
		    ctx, host, s->resolving_ipv6 ? TW_IPV6 : TW_IPV4, resolved, NULL);
	}
	if (s->address_family & WANT_IPV4)
		add_target(s, TW_IPV4, "");
	if (s->address_family & WANT_IPV6)
		add_target(s, TW_IPV6, "");
	if (s->n_targets == 0)
		add_target(s, TW_FAMILY_ANY, "");
	return start_targets(ctx, s);
}

/* ---- the end ---- */

static enum tw_verdict
judge_slowness(struct tw_ctx *ctx, const struct storefront *s)
{
	double seconds = (double)s->worst.ttfb_us / 1e6;

	if (s->ttfb.crit > 0 && s->worst.ttfb_us > s->ttfb.crit)
		return tw_fail(ctx, TW_CRIT, "slow", "first byte after %.3f s (limit %.3f s)",
		    seconds, (double)s->ttfb.crit / 1e6);
	if (s->ttfb.warn > 0 && s->worst.ttfb_us > s->ttfb.warn)
		return tw_fail(ctx, TW_WARN, "slow", "first byte after %.3f s (limit %.3f s)",
		    seconds, (double)s->ttfb.warn / 1e6);
	return TW_OK;
}

static enum tw_verdict
finish(struct tw_ctx *ctx, struct storefront *s)
{
	static const char *const families[] = {"ipv4", "ipv6"};
	const struct reading *w = &s->worst;

	tw_count(ctx, M_RUNS, 1, "outcome", outcome_names[w->outcome]);
	tw_emit(ctx, M_STATUS, w->status);
	if (s->certificate_ms != 0)
		tw_emit(ctx, M_CERTIFICATE,
		    (double)(s->certificate_ms - tw_api_->slot_ms(ctx)) / 1e3);
	for (int i = 0; i < 2; i++) {
		if (s->tried[i] == 0)
			continue;
		tw_emit(ctx, M_ADDRESSES, s->tried[i], "family", families[i]);
		tw_emit(ctx, M_ADDRESSES_FAILED, s->failed[i], "family", families[i]);
	}
	if (w->outcome == OUTCOME_BLOCKED)
		return tw_fail(ctx, TW_UNKNOWN, w->cause, "%s", w->text);
	tw_emit(ctx, M_UP, w->outcome == OUTCOME_OK);
	if (w->outcome == OUTCOME_OK)
		return judge_slowness(ctx, s);
	return tw_fail(
	    ctx, w->outcome == OUTCOME_THROTTLED ? TW_WARN : TW_CRIT, w->cause, "%s", w->text);
}
