/*
 * series.c - every series that the agent has seen, once.
 *
 * Runs in: the loop thread; the writer thread only touches `sid` and `has_sid`. Entries live as
 * long as the agent, because queued runs, probes and hosts point at them; INGEST_SERIES_MAX bounds
 * them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/ingest/internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

static uint64_t
labels_hash(const void *series)
{
	return ((const struct iseries *)series)->labels->hash;
}

static bool
has_labels(const void *series, const void *labels)
{
	return labels_equal(((const struct iseries *)series)->labels, labels);
}

struct iseries *
series_intern(struct ingest *in, const struct labels *l, enum store_kind kind, double resolution)
{
	static const struct index_kind by_labels = {labels_hash, has_labels};
	struct iseries *s = index_find(&in->series, &by_labels, l->hash, l);

	if (s != NULL)
		return s;
	if (in->series.n >= INGEST_SERIES_MAX)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->labels = labels_ref(l);
	s->kind = (uint8_t)kind;
	s->resolution = resolution;
	if (index_add(&in->series, &by_labels, s) != 0)
		abort(); /* as xcalloc when memory ends */
	return s;
}

/* given + the probe's labels + `probe` + the shop's; what the plugin gave loses against `probe` and
 * `shop`. */
struct labels *
series_labels(struct ingest *in, const struct iprobe *p, const struct labels *given)
{
	struct label pairs[LABELS_MAX];
	struct labels *out;
	size_t n = 0;

	for (size_t i = 0; i < in->opts.n_labels && n < LABELS_MAX - 4; i++)
		pairs[n++] = in->opts.labels[i];
	for (size_t i = 0; p != NULL && i < p->n_labels && n < LABELS_MAX - 4; i++)
		pairs[n++] = p->labels[i];
	if (p != NULL)
		pairs[n++] = (struct label){"probe", p->name};
	pairs[n++] = (struct label){"shop", in->opts.shop};
	return labels_with(&out, given, pairs, n) == 0 ? out : NULL;
}

void
series_free_all(struct ingest *in)
{
	struct iseries *s;
	uint32_t at = 0;

	while ((s = index_next(&in->series, &at)) != NULL) {
		labels_unref(s->labels);
		free(s);
	}
	index_clear(&in->series);
}
