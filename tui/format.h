/*
 * format.h - numbers and times as short texts with their unit. No locale, no I/O.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_FORMAT_H
#define TUI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_TEXT 48

/* A measured time: "412 ms", "1.21 s", "4.2 ms"; "-" for NaN. At most 8 columns. */
char *format_latency(double seconds, char dst[FORMAT_TEXT]);
/* An age or a span: "9 s", "34m", "2h51m", "41d". At most 6 columns. */
char *format_age(double seconds, char dst[FORMAT_TEXT]);
/* How far behind: "380 ms", "38.0 s", "4m12s", "2h51m". At most 6 columns below a day. */
char *format_lag(double seconds, char dst[FORMAT_TEXT]);
/* Units or money, thousands apart: "17", "8.50", "1 240". */
char *format_amount(double v, char dst[FORMAT_TEXT]);
char *format_bytes(double bytes, char dst[FORMAT_TEXT]);
/* A time span as the user writes it: "15m", "1h", "7d", "1h30m". 0 or -EINVAL. */
int format_span_parse(const char *text, int64_t *ms);
char *format_span(int64_t ms, char dst[FORMAT_TEXT]);
/* Clock times in UTC or the local zone (TZ); with_seconds as the range needs it. */
char *format_clock(int64_t ms, bool utc, bool with_seconds, char dst[FORMAT_TEXT]);
char *format_day(int64_t ms, bool utc, char dst[FORMAT_TEXT]);         /* "Mon 23 Nov" */
/* "14:32", "14:32:07" (of the day of `now`, or the day before when that is still to come), RFC
 * 3339, "2026-11-23 14:32", or unix seconds. 0 or -EINVAL. */
int format_clock_parse(const char *text, int64_t now_ms, bool utc, int64_t *ms);

#endif
