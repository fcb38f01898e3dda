/*
 * reading.c - one answer judged: outcome, cause, samples, facts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/cdn.h"
#include "lib/hop.h"
#include "lib/wall.h"
#include "plugins/common/answer.h"
#include "plugins/storefront/storefront.h"

#define FACT_PATH_MAX 96
#define EXCERPT_BYTES 1024

static void set(struct reading *r, enum outcome o, const char *cause, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void
set(struct reading *r, enum outcome o, const char *cause, const char *fmt, ...)
{
	va_list ap;

	r->outcome = o;
	snprintf(r->cause, sizeof(r->cause), "%s", cause);
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
}

/* A transport failure. What the answer's own size or form did is the server's; a redirect into a
 * blocked place too. */
static void
judge_error(const struct tw_answer *a, struct reading *r)
{
	const struct tw_hop *last = a->n_hops > 0 ? hop_at(a, a->n_hops - 1) : NULL;
	const char *phase = phase_name(a->failed_phase);
	const char *why = a->error_text;

	if (last != NULL && last->certificate.verify_error != NULL)
		why = last->certificate.verify_error;
	set(r, OUTCOME_SERVER_ERROR, http_error_name(a->error), "%s%s%s%s%s", phase,
	    phase[0] != '\0' ? ": " : "", why,
	    last != NULL && last->address[0] != '\0' ? " at " : "",
	    last != NULL ? last->address : "");
	r->failed_phase = a->failed_phase;
}

/* HTTP/2 where it was asked for: a server that has lost it answers as before, only slower. */
static bool
version_holds(const struct storefront *s, const struct tw_hop *last)
{
	return s->http_version != HTTP_2 || strcmp(last->http_version, "2") == 0;
}

static void
judge_answer(
    struct tw_ctx *ctx, const struct storefront *s, const struct tw_answer *a, struct reading *r)
{
	const struct tw_hop *last = hop_at(a, a->n_hops - 1);
	const char *wall = wall_name(last, a->body, a->body_len);
	struct assertion_failure f = {.cause = ""};
	enum outcome o = outcome_of_status(a->status);

	if (wall != NULL)
		set(r, OUTCOME_BLOCKED, "blocked", "%s (status %d)", wall, a->status);
	else if (o != OUTCOME_OK && !assertions_judge_status(s->assertions))
		set(r, o, o == OUTCOME_THROTTLED ? "throttled" : "status", "status %d", a->status);
	else if (!assertions_hold(s->assertions, a, tw_api_->slot_ms(ctx), &f))
		set(r,
		    strcmp(f.cause, "status") == 0 && o != OUTCOME_OK ? o : OUTCOME_BUSINESS_ERROR,
		    f.cause, "%s", f.text);
	else if (!version_holds(s, last))
		set(r, OUTCOME_BUSINESS_ERROR, "http_version", "HTTP/%s, not HTTP/2",
		    last->http_version);
}

void
reading_take(struct tw_ctx *ctx, struct storefront *s, const struct tw_answer *a, struct reading *r)
{
	*r = (struct reading){
	    .measured = true, .status = a->status, .ttfb_us = a->ttfb_us, .total_us = a->total_us};
	if (a->n_hops > 0) {
		r->family = hop_at(a, a->n_hops - 1)->family;
		r->reused = hop_at(a, 0)->reused;
	}
	if (a->error != TW_HTTP_OK || a->n_hops == 0)
		judge_error(a, r);
	else
		judge_answer(ctx, s, a, r);
}

bool
reading_bad(const struct reading *r)
{
	return r->outcome != OUTCOME_OK;
}

static const char *
family_name(enum tw_family family)
{
	return family == TW_IPV6 ? "ipv6" : "ipv4";
}

static void
publish_phases(
    struct tw_ctx *ctx, const struct tw_answer *a, const char *connection, const char *family)
{
	int64_t sum[TW_TRANSFER + 1];

	answer_phases(a, sum);
	for (enum tw_phase p = TW_DNS; p <= TW_TRANSFER; p++)
		tw_emit(ctx, M_PHASE, (double)sum[p] / 1e6, "connection", connection, "family",
		    family, "phase", phase_name(p));
}

/* Gauges of the slowest address; the histogram takes every measurement. A failure gives no latency.
 */
void
reading_publish(struct tw_ctx *ctx, struct storefront *s, const struct tw_answer *a,
    const struct reading *r, enum tw_connection connection)
{
	const char *c = connection == TW_WARM ? "warm" : "cold", *f = family_name(r->family);
	const struct tw_hop *last = a->n_hops > 0 ? hop_at(a, a->n_hops - 1) : NULL;
	int64_t *slowest = &s->slowest_us[connection][r->family == TW_IPV6];

	if (r->failed_phase != TW_PHASE_NONE)
		tw_count(ctx, M_FAILURES, 1, "phase", phase_name(r->failed_phase));
	if (a->error != TW_HTTP_OK || r->outcome == OUTCOME_BLOCKED || last == NULL)
		return;
	tw_observe(ctx, M_DURATION, (double)a->total_us / 1e6, "connection", c);
	if (r->ttfb_us < *slowest)
		return;
	*slowest = r->ttfb_us;
	tw_emit(ctx, M_TTFB, (double)a->ttfb_us / 1e6, "connection", c, "family", f);
	tw_emit(ctx, M_TOTAL, (double)a->total_us / 1e6, "connection", c, "family", f);
	publish_phases(ctx, a, c, f);
	if (connection == TW_WARM)
		return;
	tw_emit(ctx, M_REDIRECTS, a->n_hops - 1);
	tw_emit(ctx, M_BODY, (double)a->body_len);
	tw_emit(ctx, M_WIRE, (double)last->bytes_wire);
}

/* "hops/0" and "address" become "hops/0/address"; both are short, and a run has dozens. */
static const char *
join(char path[FACT_PATH_MAX], const char *prefix, const char *name)
{
	size_t n = strnlen(prefix, FACT_PATH_MAX / 2 - 2), m = strnlen(name, FACT_PATH_MAX / 2 - 1);

	memcpy(path, prefix, n);
	path[n] = '/';
	memcpy(path + n + 1, name, m);
	path[n + 1 + m] = '\0';
	return path;
}

static void
fact(struct tw_ctx *ctx, const char *prefix, const char *name, const char *text)
{
	char path[FACT_PATH_MAX];

	if (text != NULL && text[0] != '\0')
		tw_api_->fact_text(ctx, join(path, prefix, name), text);
}

static void
fact_number(struct tw_ctx *ctx, const char *prefix, const char *name, double v)
{
	char path[FACT_PATH_MAX];

	tw_api_->fact_real(ctx, join(path, prefix, name), v);
}

static void
fact_place(struct tw_ctx *ctx, const char *prefix, const struct tw_hop *h)
{
	struct tw_geo geo = {.size = sizeof(geo)};
	char pop[16], asn[16];

	cdn_pop(h, pop);
	fact(ctx, prefix, "pop", pop);
	fact(ctx, prefix, "cache", cdn_cache(h));
	if (tw_api_->geo(ctx, h->address, &geo) != 0)
		return;
	fact(ctx, prefix, "country", geo.country);
	snprintf(asn, sizeof(asn), "AS%u", geo.asn);
	fact(ctx, prefix, "asn", geo.asn != 0 ? asn : "");
	fact(ctx, prefix, "organisation", geo.organisation);
}

static void
fact_hop(struct tw_ctx *ctx, const char *prefix, const struct tw_hop *h)
{
	fact(ctx, prefix, "url", h->url);
	fact(ctx, prefix, "address", h->address);
	fact(ctx, prefix, "family", h->family != TW_FAMILY_ANY ? family_name(h->family) : "");
	fact(ctx, prefix, "http_version", h->http_version);
	fact_number(ctx, prefix, "status", h->status);
	fact_number(ctx, prefix, "dns_s", (double)h->dns_us / 1e6);
	fact_number(ctx, prefix, "connect_s", (double)h->connect_us / 1e6);
	fact_number(ctx, prefix, "tls_s", (double)h->tls_us / 1e6);
	fact_number(ctx, prefix, "send_s", (double)h->send_us / 1e6);
	fact_number(ctx, prefix, "wait_s", (double)h->wait_us / 1e6);
	fact_number(ctx, prefix, "transfer_s", (double)h->transfer_us / 1e6);
	fact(ctx, prefix, "failed_phase", phase_name(h->failed_phase));
	fact(ctx, prefix, "location", hop_header(h, "location"));
	if (h->certificate.not_after_ms != 0) {
		fact(ctx, prefix, "certificate_subject", h->certificate.subject);
		fact(ctx, prefix, "certificate_issuer", h->certificate.issuer);
		fact_number(ctx, prefix, "certificate_not_after_s",
		    (double)h->certificate.not_after_ms / 1e3);
	}
	fact(ctx, prefix, "certificate_error", h->certificate.verify_error);
	fact_place(ctx, prefix, h);
}

void
reading_facts(struct tw_ctx *ctx, const struct storefront *s, const struct tw_answer *a,
    enum tw_connection connection)
{
	char prefix[48], excerpt[EXCERPT_BYTES + 1];

	tw_api_->fact_text(ctx, "connection", connection == TW_WARM ? "warm" : "cold");
	for (uint32_t i = 0; i < a->n_hops && i < 12; i++) {
		snprintf(prefix, sizeof(prefix), "hops/%u", i);
		fact_hop(ctx, prefix, hop_at(a, i));
	}
	if (s->n_targets > 1)
		fact_number(ctx, "targets", "tried", s->at + 1);
	if (a->error == TW_HTTP_OK && a->body_len > 0
	    && outcome_of_status(a->status) != OUTCOME_OK) {
		size_t n = a->body_len < EXCERPT_BYTES ? a->body_len : EXCERPT_BYTES;

		memcpy(excerpt, a->body, n);
		excerpt[n] = '\0';
		tw_api_->fact_text(ctx, "excerpt", excerpt);
	}
}

void
reading_address_facts(struct tw_ctx *ctx, uint32_t index, const char *address,
    const struct reading *r)
{
	char prefix[48];

	snprintf(prefix, sizeof(prefix), "addresses/%u", index);
	fact(ctx, prefix, "address", address);
	fact(ctx, prefix, "family", family_name(r->family));
	fact(ctx, prefix, "outcome", outcome_names[r->outcome]);
	fact(ctx, prefix, "cause", r->cause);
	fact_number(ctx, prefix, "ttfb_s", (double)r->ttfb_us / 1e6);
}
