/*
 * hist.h - sparse histograms with exponential buckets: Prometheus' native histograms,
 * OpenTelemetry's exponential ones.
 *
 * Bucket idx of schema s covers (2^((idx-1)/2^s), 2^(idx/2^s)]; what tillwatch itself records has
 * schema 6 (0.54 % relative error). Counts are doubles, because rates of histograms are histograms.
 * Schema -53 is Prometheus' "custom buckets": idx counts into `bounds`. Source: Prometheus "Native
 * Histograms" specification; OpenTelemetry metrics data model, exponential histogram.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_HIST_H
#define LIB_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HIST_SCHEMA 6          /* what our plugins record */
#define HIST_SCHEMA_CUSTOM (-53)
#define HIST_BUCKETS_MAX                                                                           \
	4096 /* a side; past it the schema is lowered (recording) or -E2BIG (decoding) */

struct hist_bucket {
	int32_t idx;
	double count;
};

enum hist_reset {
	HIST_UNKNOWN = 0,
	HIST_RESET,
	HIST_NO_RESET,
	HIST_GAUGE
}; /* counter reset hint */

struct hist {
	int32_t schema;              /* -4..8, or HIST_SCHEMA_CUSTOM */
	enum hist_reset reset;
	double zero_threshold, zero_count, count, sum;
	uint32_t n_pos, n_neg, n_bounds;
	uint32_t cap_pos, cap_neg;   /* private */
	struct hist_bucket *pos, *neg; /* ascending idx, each idx once */
	double *bounds;              /* custom upper bounds, ascending, without +Inf */
};

/* Recording side (schema 6 after hist_init). All return 0 or -ENOMEM. */
void hist_init(struct hist *h);
void hist_clear(struct hist *h);                /* frees what h holds, h stays usable and empty */
int hist_observe(
    struct hist *h, double v); /* NaN counts into sum and count only; negative into neg */
int32_t hist_index(double v, int32_t schema);   /* bucket of v > 0; exact at the boundaries */
double hist_upper_bound(int32_t idx, int32_t schema);

/* Whole histograms. */
int hist_copy(struct hist *dst, const struct hist *src);  /* dst is initialised or cleared before */
struct hist *hist_new_copy(const struct hist *src);       /* NULL: out of memory */
void hist_free(struct hist *h);                           /* clear + free; NULL allowed */
/* Schemas are lowered to the smaller one; -EINVAL when custom buckets meet exponential ones. */
int hist_add(struct hist *dst, const struct hist *src, double sign);
int hist_reduce(struct hist *h, int32_t schema);          /* lossless merge to a lower schema */
double hist_quantile(const struct hist *h, double q);     /* exponential interpolation, as PromQL */

/* Bytes: a canonical little-endian form for frames and chunks (bounded, checked). encode returns
 * the bytes written or -ENOSPC; decode the bytes read, or -EINVAL / -E2BIG / -ENOMEM. */
ptrdiff_t hist_encode(const struct hist *h, uint8_t *dst, size_t cap);
ptrdiff_t hist_decode(struct hist *h, const uint8_t *src, size_t len);

#endif
