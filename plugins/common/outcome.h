/*
 * outcome.h - the one taxonomy of what an answer means for a shop. A 200 is not success, and a bot
 * wall is not an outage.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_OUTCOME_H
#define PLUGINS_COMMON_OUTCOME_H

#include <tillwatch/plugin.h>

enum outcome {
	OUTCOME_OK,
	OUTCOME_PARTIAL,        /* some of what was asked came */
	OUTCOME_BUSINESS_ERROR, /* answered, and the answer says no: errors inside 200, a failed
				   assertion */
	OUTCOME_CLIENT_ERROR,
	OUTCOME_SERVER_ERROR, /* 5xx, and no answer at all: the shop is not there */
	OUTCOME_THROTTLED,
	OUTCOME_IGNORED,
	OUTCOME_BLOCKED, /* a wall before the shop: bot wall, captcha, waiting room, maintenance
			    page */
	OUTCOME_N
};

extern const char *const outcome_names[OUTCOME_N];

/* From the status alone: 2xx and 3xx are ok. */
enum outcome outcome_of_status(int status);

const char *phase_name(enum tw_phase phase);           /* "dns" .. "transfer"; "" for none */
const char *http_error_name(enum tw_http_error error); /* stable word: "refused", "timeout" */

#endif
