/*
 * funnel.h - the words of `funnel: {...}`: of those who came to a step, how many went on?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_FUNNEL_H
#define PLUGINS_CHECKOUT_FUNNEL_H

#include "plugins/checkout/traffic.h"

struct funnel_step_options {
	const char *name, *source, *match; /* match: JSON */
};
struct funnel_options {
	const char *source, *session, *value;
	int64_t step_window;            /* microseconds */
	struct tw_list by;              /* const char *: fields */
	struct tw_list steps;           /* struct funnel_step_options */
	int64_t min_count;
	struct baseline_options baseline;
};

#define FUNNEL_ROWS 11
extern const struct tw_option funnel_rows[FUNNEL_ROWS];
#define FUNNEL_TABLE { funnel_rows, FUNNEL_ROWS, sizeof(struct tw_option) }

#endif
