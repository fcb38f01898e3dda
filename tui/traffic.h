/*
 * traffic.h - what the views Funnel and API show: rows read from instant queries, and the series of
 * their charts. Parts of struct charts; NAN = not known.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_TRAFFIC_H
#define TUI_TRAFFIC_H

#include "tui/model.h"

#define ROUTES_MAX 52
#define STEPS_MAX 16
#define PARTS_MAX 12
#define JOURNEYS_MAX 32
#define RATES_MAX 8
#define QUOTAS_SHOWN 4
#define CODES_SHOWN 6
#define BURNS 4                         /* 1h 6h 1d 3d */

enum traffic_outcome { T_OK, T_SERVER, T_THROTTLED, T_BUSINESS, T_CLIENT, T_PARTIAL, T_OUTCOMES };

struct route_row {
	char name[96];
	double n, by[T_OUTCOMES];       /* of five minutes; ignored ones are not in n */
	double p50, p95, p99;           /* seconds */
};
struct quota_row {
	char host[64], quota[48];
	double headroom, exhausted_s;   /* share that is left; until it is none, NAN = not soon */
};
struct code_row {
	char route[64], code[64], path[96];
	double n;                       /* of five minutes */
};
struct api_data {
	char probe[96];
	bool is_asked;                  /* routes are calls that the probe makes by itself */
	int n_quotas, n_codes;
	struct quota_row quotas[QUOTAS_SHOWN]; /* the scarcest first */
	struct code_row codes[CODES_SHOWN]; /* errors inside answers, the most first */
	int n_routes;
	struct route_row routes[ROUTES_MAX]; /* worst first */
	int n_trends;
	struct series *trends;          /* requests a second, by route */
	struct series errors[2];        /* shares of the first route: server errors, throttled */
	double ratio[BURNS], burn[BURNS], left, alarm, complete_s;
	double lines, unparsed;         /* of the logs, five minutes */
};

struct step_row {
	char name[96];
	double number, sessions, tried, low, mid, high, alarm, closed, lost;
};
struct part_row {
	char step[64], dimension[48], value[64];
	double ratio, expected, surprise;
};
struct journey_row {
	char probe[96];
	double seconds, reached;
};
struct rate_row {
	char probe[96];
	double events, low, mid, high, floor_s, alarm;
};
struct funnel_data {
	char probe[96];                 /* of the funnel; "" = there is none */
	int n_steps, n_parts, n_journeys, n_rates;
	struct step_row steps[STEPS_MAX];
	struct part_row parts[PARTS_MAX]; /* the most surprising first */
	struct journey_row journeys[JOURNEYS_MAX];
	struct rate_row rates[RATES_MAX];
	struct series lines[3];         /* of the shown step: ratio, usual low, usual high */
	int shown;                      /* that step; -1 = none */
	double complete_s, risk_low, risk_high;
};

struct api_data *api_data_new(int n_buckets);
void api_data_free(struct api_data *);
struct funnel_data *funnel_data_new(int n_buckets);
void funnel_data_free(struct funnel_data *);
const char *burn_window(int i);         /* "1h" */
double burn_limit(int i);               /* that pages or tickets, over 30 days: SRE workbook, 5-8 */

#endif
