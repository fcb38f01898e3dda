/*
 * rate.h - the words of `rate: {...}`: are there as many orders as this hour of the week has?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_RATE_H
#define PLUGINS_CHECKOUT_RATE_H

#include "plugins/checkout/traffic.h"

struct rate_options {
	const char *source;
	const char *match;              /* JSON */
	const char *value;              /* name of a field; NULL: "value" where there is one */
	struct baseline_options baseline;
};

#define RATE_ROWS 7
extern const struct tw_option rate_rows[RATE_ROWS];
#define RATE_TABLE { rate_rows, RATE_ROWS, sizeof(struct tw_option) }

#endif
