/*
 * storefront.h - what the files of the storefront plugin share: options, metrics, the state of one
 * run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_STOREFRONT_STOREFRONT_H
#define PLUGINS_STOREFRONT_STOREFRONT_H

#include <stdbool.h>
#include <tillwatch/plugin.h>

#include "plugins/common/assertion.h"
#include "plugins/common/outcome.h"

#define ADDRESSES_MAX 8     /* a family and run; the rest take turns */
#define TARGETS_MAX (2 * ADDRESSES_MAX)

enum metric {
	M_UP,
	M_TTFB,
	M_PHASE,
	M_TOTAL,
	M_DURATION,
	M_REDIRECTS,
	M_BODY,
	M_WIRE,
	M_STATUS,
	M_RUNS,
	M_FAILURES,
	M_CERTIFICATE,
	M_WARM_DISCARDED,
	M_RETRIES,
	M_ADDRESSES,
	M_ADDRESSES_FAILED
};

/* The bits of `connection` and `address_family`, in the order of their choices. */
#define WANT_COLD 1u
#define WANT_WARM 2u
#define WANT_IPV4 1u
#define WANT_IPV6 2u
#define HTTP_2 2            /* the number of "2" among http_version's choices */

struct target {             /* one way to the page: a family, perhaps one address */
	enum tw_family family;  /* TW_FAMILY_ANY: whatever the resolver gives first */
	char address[46];       /* "" = the engine resolves */
};

/* What one measurement says; the answer itself is gone when its callback returns. */
struct reading {
	bool measured;
	enum outcome outcome;
	enum tw_phase failed_phase;
	enum tw_family family;
	bool reused;
	int32_t status;
	int64_t ttfb_us, total_us;
	char cause[32], text[400];
};

struct storefront {
	/* options */
	const char *url, *method, *body, *proxy, *ca_file;
	struct tw_list headers; /* struct tw_pair */
	uint32_t connection, address_family;
	uint8_t each_address;
	int32_t http_version;
	int64_t max_redirects, max_body, max_headers;
	struct tw_list assertions_list;
	struct { int64_t warn, crit; } ttfb;

	/* for the probe's life */
	struct assertions *assertions;
	struct tw_header *request_headers;
	uint32_t rotation;      /* which addresses take their turn */

	/* one run */
	struct tw_jar *jar;
	struct target *targets; /* room for one at least */
	uint32_t n_targets, cap_targets, at;
	bool warm_turn, retrying, resolving_ipv6;
	struct reading worst;   /* the worst of the run so far: what its verdict is made of */
	uint32_t failed[2], tried[2]; /* targets, by family: 0 = IPv4, 1 = IPv6 */
	int64_t slowest_us[2][2]; /* ttfb already published, by connection and family: the slowest
				     address counts */
	int64_t certificate_ms; /* the first end of any chain seen; 0 = none */
};

/* run.c */
enum tw_verdict storefront_probe(struct tw_ctx *ctx, void *self);

/* reading.c: judges an answer, writes its facts and samples */
void reading_take(
    struct tw_ctx *ctx, struct storefront *s, const struct tw_answer *a, struct reading *r);
bool reading_bad(const struct reading *r);
void reading_publish(struct tw_ctx *ctx, struct storefront *s, const struct tw_answer *a,
    const struct reading *r, enum tw_connection connection);
void reading_facts(struct tw_ctx *ctx, const struct storefront *s, const struct tw_answer *a,
    enum tw_connection connection);
/* One line of the record's list of addresses: how the cold measurement of target `index` ended. */
void reading_address_facts(struct tw_ctx *ctx, uint32_t index, const char *address,
    const struct reading *r);

#endif
