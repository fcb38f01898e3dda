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

#include "plugins/checkout/funnel.h"
#include "plugins/checkout/journey-options.h"
#include "plugins/checkout/rate.h"
#include "plugins/checkout/ratio.h"

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
	M_TEARDOWN_OWED,
	/* of real traffic */
	M_COMPLETE,
	M_HISTORY,
	M_HISTORY_TARGET,
	M_LATE,
	M_ALARM,
	M_SURPRISE,
	M_AT_RISK,
	M_EVENTS,
	M_VALUE,
	M_RATE_EVENTS,
	M_RATE_EXPECTED,
	M_RATE_FLOOR,
	M_TRIED,
	M_GOOD,
	M_RATIO,
	M_RATIO_EXPECTED,
	M_RATIO_WILSON,
	M_LOST,
	M_STEP_NUMBER,
	M_STEP_IS_CLOSED,
	M_SESSIONS_OPEN,
	M_SESSIONS_LOST
};

struct journey;
struct rate;
struct ratio;
struct funnel;

struct checkout {
	struct journey_options journey_options; /* option `journey` */
	struct rate_options rate_options;
	struct ratio_options ratio_options;
	struct funnel_options funnel_options;
	/* of the one that is given, from start to stop */
	struct journey *journey;
	struct rate *rate;
	struct ratio *ratio;
	struct funnel *funnel;
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

extern const struct checkout_kind checkout_journey, checkout_rate, checkout_ratio,
    checkout_funnel; /* each in a file of its name */

#endif
