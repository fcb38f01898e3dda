/*
 * units.h - numbers as people write them in a configuration: 1h30m, 64KiB, 99.5%, 500-599.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_UNITS_H
#define LIB_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* 0, -EINVAL (it is none), -ERANGE (too large). Nothing may follow; no blanks; no sign. */
int duration_parse(
    const char *text, int64_t *us); /* us ms s m h d w, largest first: 1h30m, 2.5s; "0" */
int bytes_parse(const char *text,
    int64_t *bytes); /* B, kB MB GB TB (1000), KiB MiB GiB TiB (1024); bare = bytes */
int share_parse(const char *text, double *share);   /* with a % sign: 99.5% = 0.995 */
int range_parse(
    const char *text, int64_t *low, int64_t *high); /* 200, 500-599, 1+ (no upper end) */

/* The shortest exact form: "1h30m", "64KiB". dst holds 32 bytes. */
char *duration_format(int64_t us, char dst[32]);
char *bytes_format(int64_t bytes, char dst[32]);

#endif
