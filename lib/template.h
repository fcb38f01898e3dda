/*
 * template.h - texts of alerts: the part of Prometheus' alert templates that tillwatch has.
 *
 *     {{ $labels.NAME }}   {{ $value }}   {{ $value | FUNCTION }}   {{ FUNCTION $value }}
 *     FUNCTION: humanize, humanizeDuration, humanizePercentage, printf "FORMAT"
 *
 * FORMAT has one verb for each argument: %s %v %d %f %e %g (flags - + 0 space, width, precision)
 * and %%.
 * {{- and -}} trim the white space beside them. Functions give the same text as Prometheus'.
 * Everything else is an error with its place: what cannot be expanded is refused when the rules are
 * read, not when the page is due. An absent label is an empty text. Label values are used as they
 * are: the caller sanitises the whole.
 *
 * No state, nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_TEMPLATE_H
#define LIB_TEMPLATE_H

#include "lib/buf.h"
#include "lib/labels.h"

#define TEMPLATE_MAX_BYTES (16 * 1024) /* of a template, and of one printf's text */

struct template_error {
	size_t at; /* byte offset in the template */
	char text[160];
};

/* 0, or -EINVAL with *err filled. */
int template_check(const char *text, struct template_error *err);
/* Appends the expanded text to out (its ceiling is the caller's; out->failed when it was hit). 0 or
 * -EINVAL. */
int template_expand(struct buf *out, const char *text, const struct labels *labels, double value,
    struct template_error *err);
/* A number as Go's %v, and so Prometheus, writes it: shortest text that reads back the same. dst:
 * 32 bytes. */
char *template_number(double v, char dst[32]);

#endif
