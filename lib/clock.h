/*
 * clock.h - two clocks of two types, so that the compiler refuses to mix them: schedule on one,
 * store the other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct { int64_t us; } mono_t; /* CLOCK_MONOTONIC, microseconds: deadlines and durations */
typedef struct { int64_t ms; } wall_t; /* CLOCK_REALTIME, milliseconds since 1970 UTC: stamps */

mono_t mono_now(void);
wall_t wall_now(void);
/* The wall clock's microseconds minus the monotonic clock's: constant until the wall clock steps.
 */
int64_t clock_offset_us(void);

static inline int64_t mono_sub_us(mono_t a, mono_t b) { return a.us - b.us; }
static inline mono_t mono_add_us(mono_t a, int64_t us) { return (mono_t){a.us + us}; }

/* "2026-11-23T14:32:07.123Z" (RFC 3339, UTC; milliseconds left out when 0). dst holds at least 32
 * bytes. */
#define WALL_TEXT 32
char *wall_format(wall_t t, char dst[WALL_TEXT]);
/* RFC 3339 with any offset, or unix seconds with a fraction. 0 or -EINVAL. */
int wall_parse(const char *text, wall_t *out);

/* The slot of a probe that starts at k * interval + offset: the first slot at or after t.
 * Milliseconds. */
int64_t slot_next(int64_t t_ms, int64_t interval_ms, int64_t offset_ms);
/* The offset of a probe: a stable hash of its name, spread over the interval, whole milliseconds.
 */
int64_t slot_offset(const char *name, int64_t interval_ms);

#endif
