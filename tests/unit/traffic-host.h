/*
 * traffic-host.h - a host for the kinds that read traffic, of the test's own: it keeps what they
 * count, publish and store; its clock is the test's, its chance is seeded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_TRAFFIC_HOST_H
#define TESTS_UNIT_TRAFFIC_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugins/checkout/checkout.h"

#define MIN INT64_C(60000)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define T0 (INT64_C(1794787200000)) /* a midnight, and a Monday */

struct entry {
	char key[160];
	double number;
	char *data;
	size_t len;
};
struct table {
	struct entry at[4096];
	size_t n;
};
struct tw_ctx {
	struct table state, totals, gauges;
	int n_published;
	int64_t published_ms, slot_ms;
	char cause[32], text[512], refused[96];
	bool is_starting;               /* what is put in start() belongs to no run */
	uint64_t seed;
};


extern int64_t now_ms;              /* what wall_now() says (linked with --wrap=wall_now) */

struct tw_ctx *host(void);
void host_free(struct tw_ctx *c);
void begin(const struct checkout_kind *kind, struct tw_ctx *ctx, struct checkout *c);
/* The process ends and another one takes up what was committed. */
void restart(const struct checkout_kind *kind, struct tw_ctx *ctx, struct checkout *c);
enum tw_verdict look(const struct checkout_kind *kind, struct tw_ctx *ctx, struct checkout *c);

/* Of a metric; rest: "" or "/label/value" for each. */
double total(struct tw_ctx *c, uint32_t metric, const char *rest);
double gauge(struct tw_ctx *c, uint32_t metric, const char *rest);
bool has_gauge(struct tw_ctx *c, uint32_t metric);

double chance(struct tw_ctx *c);    /* [0, 1) */
int poisson(struct tw_ctx *c, double mean);
double shape(int64_t t_ms);         /* more at noon than at night; 1 on average */

struct tw_value text(const char *s);
struct tw_value whole(int64_t v);
struct tw_value number(double v);
struct feed {
	const char *source;
	const char *const *fields;
	uint32_t n_fields;
};
/* A record of that time, and that all up to complete_ms is known; values NULL: only that. */
void tell(const struct checkout_kind *kind, struct tw_ctx *ctx, struct checkout *c,
    const struct feed *feed, int64_t complete_ms, int64_t t_ms, uint32_t flags,
    const struct tw_value *values);

/* Three windows, microseconds; four weeks of history. */
struct baseline_options baseline(int64_t *windows);

#endif
