/*
 * emit-internal.h - what emit.c and emit-totals.c share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_EMIT_INTERNAL_H
#define HOST_EMIT_INTERNAL_H

#include "host/emit.h"

/* Counts a refusal; the first of a run is kept as a sentence. */
void emit_refuse(struct emit *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Which of the metric's labels it is; n_labels: none, it is not declared. */
uint32_t emit_label(const struct metric *m, const char *name);
/* Is the value one of the first EMIT_DIMENSION_MAX of its label? */
bool emit_dimension_fits(struct emit *e, uint32_t metric, uint32_t label, const char *value);
/* The series of this canonical text, new or known. NULL: refused. */
struct emit_series *emit_intern(struct emit *e, uint32_t metric, const char *text);
/* hist is taken over, NULL for a number. */
void emit_add_sample(
    struct emit *e, struct emit_series *s, int64_t t_ms, double v, struct hist *hist);

#endif
