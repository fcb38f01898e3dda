/*
 * tz-internal.h - the rule at the end of a TZif file: a POSIX TZ string. tz.c and tz-rule.c share
 * it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_TZ_INTERNAL_H
#define LIB_TZ_INTERNAL_H

#include "lib/tz.h"

#define TZ_OFFSET_MAX 93599             /* 25:59:59, RFC 9636 3.2 */
#define TZ_TIME_MAX (INT64_C(1) << 52)  /* 140 million years: of what a file may speak */

struct tz_day { /* when in a year clocks change, by the offset before */
	enum { TZ_JULIAN, TZ_YEARDAY, TZ_WEEKDAY } form; /* Jn; n; Mm.w.d */
	int n, month, week, weekday;
	int32_t at_s; /* local time, may be negative or beyond a day */
};

struct tz_rule {
	bool has_dst;
	int32_t std_s, dst_s; /* ahead of UTC */
	struct tz_day start, end;
};

/* "CET-1CEST,M3.5.0,M10.5.0/3". 0, or -EBADMSG. */
int tz_rule_parse(struct tz_rule *r, const char *text, size_t n);
int32_t tz_rule_offset(const struct tz_rule *r, int64_t utc_s, bool *is_dst);
int64_t tz_rule_next_change(const struct tz_rule *r, int64_t utc_s);

#endif
