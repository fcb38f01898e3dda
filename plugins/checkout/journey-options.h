/*
 * journey-options.h - the words of `journey: {...}` as the host fills them in.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_JOURNEY_OPTIONS_H
#define PLUGINS_CHECKOUT_JOURNEY_OPTIONS_H

#include <tillwatch/plugin.h>

#include "plugins/common/request.h"

struct capture_options {
	const char *name;                       /* first: TW_NAMED */
	const char *json, *regex, *header, *cookie;
	uint8_t status, final_url, secret;
};
struct step_options {
	const char *name;
	int64_t think_time;
	int32_t orders;                         /* 0 by its name, 1 yes, 2 no */
	struct request_options request;
	struct tw_list capture;                 /* struct capture_options */
	struct tw_list assertions;              /* struct assertion */
	const char *error_if;                   /* JSON text */
};
struct journey_options {
	int64_t max_orders_per_day;
	struct tw_list variables, secrets;      /* struct tw_pair */
	struct tw_list steps, teardown;         /* struct step_options */
	int64_t teardown_timeout;
};

#define JOURNEY_ROWS 6
extern const struct tw_option journey_rows[JOURNEY_ROWS];
#define JOURNEY_TABLE { journey_rows, JOURNEY_ROWS, sizeof(struct tw_option) }

#endif
