/*
 * ratio.h - ratios of real traffic: the words of `ratio: {...}`, and how a ratio and its parts are
 * judged, which the steps of a funnel share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_RATIO_H
#define PLUGINS_CHECKOUT_RATIO_H

#include "plugins/checkout/traffic.h"

struct ratio_options {
	const char *source;
	const char *match, *good;       /* JSON */
	struct tw_list by, causes;      /* const char *: fields */
	const char *id;                 /* field of the order that an attempt is for; NULL: none */
	int64_t retry;                  /* microseconds */
	int64_t min_count;
	struct baseline_options baseline;
};

#define RATIO_ROWS 12
extern const struct tw_option ratio_rows[RATIO_ROWS];
#define RATIO_TABLE { ratio_rows, RATIO_ROWS, sizeof(struct tw_option) }

/* What a look at a ratio and its parts found. */
struct ratio_finding {
	bool fires;
	int64_t window_ms;
	const struct series *series;    /* what fires: the whole, or a part of it */
	const struct series *blame[2];  /* the part, the cause; NULL = none stands out */
	struct season_ratio_verdict verdict; /* of series */
};

/* ratio-judge.c: emits what is known of the whole and its parts (those of its step), and says the
 * least likely that fires. test: the label of the alarm. The parts share alpha among them. */
struct ratio_finding ratio_judge(struct tw_ctx *ctx, const struct traffic *t,
    const struct series *whole, const char *test, double alpha, int64_t min_count);
/* "31 of 60 good in 1h (52 %), 91 to 95 % usual; most of it gateway=psp-2" */
const char *ratio_sentence(const struct ratio_finding *f, const char *good, char *dst, size_t cap);
/* Totals of tried and good, by the labels of the series. */
traffic_count_fn ratio_count;

#endif
