/*
 * maintain.c - the periodic work between commits, in slices.
 *
 * Writer thread. Each step does a bounded piece and says whether more is left; the call ends
 * after MAINTAIN_US. An error of one step does not keep the others from running: a disk too full
 * to seal still unlinks old days.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>

#include "agent/store/impl.h"

#define SEAL_A_SLICE 64
#define N_STEPS 6u

static int
seal_step(struct store *s)
{
	int rc = seal_slice(s, 0, SEAL_A_SLICE);

	return rc <= 0 ? rc : 1;
}

int
store_maintain(struct store *s)
{
	static int (*const steps[N_STEPS])(struct store *) = {
	    retention_slice, seal_step, frames_drop, close_slice, runs_slice, scrub_slice};
	mono_t start = mono_now();
	int rc, error = 0;
	bool more, spent = false;
	size_t i;

	if (s->opts.readonly)
		return -EACCES;
	do {
		more = false;
		for (i = 0; i < N_STEPS && !spent; i++) {
			rc = steps[(i + s->first_step) % N_STEPS](s);
			more |= rc > 0;
			if (rc < 0 && error == 0)
				error = rc;
			spent = mono_sub_us(mono_now(), start) > MAINTAIN_US;
		}
	} while (more && error == 0 && !spent);
	/* The next call begins where this one ended: none of them starves. */
	s->first_step = (s->first_step + i) % N_STEPS;
	if (error == -EUCLEAN) {
		error = rescue_running(s, "a page of live.db cannot be read");
		return error != 0 ? error : 1;
	}
	return error == 0 && (more || spent) ? 1 : error;
}
