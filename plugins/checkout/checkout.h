/*
 * checkout.h - what the kinds of a checkout probe share: the probe's struct, the metrics' numbers.
 *
 * A checkout probe is of exactly one kind, told by which option is given. A kind is one const
 * struct; checkout.c has the tables of words and hands every call to the kind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_CHECKOUT_H
#define PLUGINS_CHECKOUT_CHECKOUT_H

#include <stdbool.h>
#include <tillwatch/plugin.h>

#include "plugins/checkout/journey-options.h"

enum checkout_metric {
	M_JOURNEY_SUCCESS,
	M_JOURNEY_SECONDS,
	M_STEP_SECONDS,
	M_REACHED_STEPS,
	M_JOURNEY_RUNS,
	M_STEP_FAILURES,
	M_SYNTHETIC_ORDERS,
	M_SYNTHETIC_ORDERS_LEFT,
	M_TEARDOWN_FAILED,
	M_TEARDOWN_OWED
};

struct journey;

struct checkout {
	struct journey_options journey_options; /* option `journey` */
	struct journey *journey;                /* of a journey, from start to stop */
	const struct checkout_kind *kind;
};

struct checkout_kind {
	const char *name;                       /* the option that tells it */
	bool (*is_given)(const struct checkout *);
	enum tw_verdict (*start)(struct tw_ctx *, struct checkout *); /* refused: nothing is left */
	enum tw_verdict (*probe)(struct tw_ctx *, struct checkout *);
	void (*stop)(struct tw_ctx *, struct checkout *);
	void (*on_records)(struct tw_ctx *, struct checkout *, const struct tw_batch *,
	    const struct tw_record *, size_t n);       /* may be NULL */
	void (*save)(struct tw_ctx *, struct checkout *); /* may be NULL */
};

extern const struct checkout_kind checkout_journey; /* journey.c */

#endif
