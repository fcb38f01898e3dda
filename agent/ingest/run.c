/*
 * run.c - a run on its way to the disk.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/ingest/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

struct run *
run_new(uint32_t probe)
{
	struct run *r = xcalloc(1, sizeof(*r));

	r->probe = probe;
	r->bytes = sizeof(*r);
	return r;
}

void
run_free(struct run *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n_samples; i++)
		hist_free(r->samples[i].h);
	for (size_t i = 0; i < r->n_states; i++) {
		free(r->states[i].key);
		free(r->states[i].data);
	}
	free(r->samples);
	free(r->states);
	free(r->name);
	free(r->cause);
	free(r->reason);
	free(r->facts);
	free(r);
}

static int
charge(struct run *r, size_t bytes)
{
	if (bytes > INGEST_RUN_BYTES - r->bytes)
		return -E2BIG;
	r->bytes += bytes;
	return 0;
}

int
run_sample(struct run *r, struct iseries *s, int64_t t_ms, double v, struct hist *h)
{
	size_t bytes = sizeof(*r->samples);

	if (h != NULL)
		bytes += sizeof(*h) + (h->n_pos + h->n_neg) * sizeof(struct hist_bucket);
	if (charge(r, bytes) != 0) {
		hist_free(h);
		return -E2BIG;
	}
	if (r->n_samples == r->cap_samples) {
		r->cap_samples = r->cap_samples > 0 ? r->cap_samples * 2 : 16;
		r->samples = xrealloc(r->samples, r->cap_samples, sizeof(*r->samples));
	}
	r->samples[r->n_samples++] =
	    (struct staged_sample){.series = s, .t_ms = t_ms, .v = v, .h = h};
	return 0;
}

int
run_state(struct run *r, const char *key, const void *data, size_t len)
{
	struct staged_state *s;

	if (charge(r, sizeof(*s) + strlen(key) + len) != 0)
		return -E2BIG;
	if (r->n_states == r->cap_states) {
		r->cap_states = r->cap_states > 0 ? r->cap_states * 2 : 4;
		r->states = xrealloc(r->states, r->cap_states, sizeof(*r->states));
	}
	s = &r->states[r->n_states++];
	s->key = xstrdup(key);
	s->data = NULL;
	s->len = len;
	if (data != NULL) {
		s->data = xcalloc(1, len);
		memcpy(s->data, data, len);
	}
	return 0;
}
