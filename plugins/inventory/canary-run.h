/*
 * canary-run.h - the canary in a run: its write, and the reading of who must show it.
 *
 *     due? --> intended, on disk --> sent --> answered --+--> read, step, read, step ... all show
 *      |                                                 ^       it, or the run is over: the next
 *      +---- no -----------------------------------------+       one goes on
 *
 * DESIGN. What is about to be written is on disk before the request goes, so after a crash it is
 * waited for and not written twice. Only the request's own headers are sent: it knows nothing of
 * the sources' credentials. Systems are read behind the comparison, so that an answer is never
 * taken for one of the comparison's. A source that cannot be asked for a key is read whole: no more
 * than a twentieth of the time goes into that.
 *
 * Runs in: the loop, and canary_take in whatever thread a source's records come.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_CANARY_RUN_H
#define INVENTORY_CANARY_RUN_H

#include "plugins/common/assertion.h"
#include "plugins/inventory/canary.h"
#include "plugins/inventory/inventory.h"

struct canary_place {                 /* a system; the same place in canary.sides */
	unsigned side, column;        /* the comparer's */
	bool is_reading;              /* an answer of this run is waited for */
	bool has_answered, has_shown; /* it is whole; it had the key */
	bool was_scan;                /* the source knows no keys: it has read everything */
	int64_t read_ms;
	mono_t asked_at, next_at;
};
struct canary_run {
	struct canary c;
	const struct canary_options *o;
	size_t key_len;
	struct canary_place at[SOURCES_MAX];
	bool was_looked_at;           /* before the first write */
	unsigned n_reading;

	/* the write */
	bool writes, is_sending;
	struct names names;
	struct values values;
	struct request request;
	struct assertions *assertions; /* none: as answer_judge() wants them */
	char why[200];                /* it was not written; "" */
};

void canary_keep(struct tw_ctx *ctx, const struct canary_run *r);

#endif
