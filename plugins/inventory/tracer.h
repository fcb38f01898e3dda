/*
 * tracer.h - the keys whose reference changes most often: what a shop sells all day tells how far
 * behind its systems are, without a value of ours in any of them.
 *
 * DESIGN. Space-saving (Metwally, Agrawal, El Abbadi, ICDT 2005) over 64 keys: a key that is not
 * there takes the place of the rarest and goes on from its count, so what changes often cannot be
 * missed, and what is counted is never too little. Changes fade with the time constant of a day:
 * each weighs exp(time / day) more than one of a day before (forward decay, Cormode et al., ICDE
 * 2009), so that nothing has to be aged.
 *
 * Each run the young differences of the first few of them are read again from both sides. So a
 * change that has arrived is seen within an interval of the probe, and the lag that is told of it
 * is no longer one of how seldom the source is read whole. What counts as drift stays as it was.
 *
 * Runs in: whoever holds the comparer; nothing blocks. Cost: 64 places a change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_TRACER_H
#define INVENTORY_TRACER_H

#include "plugins/inventory/compare-open.h"

#define TRACER_KEYS 64

struct traced { uint32_t row; double weight; };
struct tracer {                       /* clean when zeroed */
	struct traced at[TRACER_KEYS];
	uint32_t n;
	int64_t landmark_ms;          /* a change of then weighs 1 */
};

void tracer_changed(struct tracer *t, uint32_t row, int64_t now_ms);
/* The first k rows, those that change most first; how many there are. */
uint32_t tracer_top(const struct tracer *t, uint32_t k, uint32_t rows[TRACER_KEYS]);
/* Behind compare_ask: young differences of the first k keys are asked for too, as long as no more
 * than keys_max are asked in all. How many keys that adds. */
size_t tracer_ask(const struct tracer *t, struct comparer *c, uint32_t k, size_t keys_max);

#endif
