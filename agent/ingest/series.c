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

#include <string.h>

#include "lib/xmalloc.h"

/* Equal hashes of different sets (never seen, possible) chain by a salt. */
static struct iseries *
find(struct ingest *in, const struct labels *l, uint64_t *key)
{
	struct iseries *s;

	for (*key = l->hash;; (*key)++) {
		HASH_FIND(hh, in->series, key, sizeof(*key), s);
		if (s == NULL || labels_equal(s->labels, l))
			return s;
	}
}

struct iseries *
series_intern(struct ingest *in, const struct labels *l, enum store_kind kind, double resolution)
{
	struct iseries *s;
	uint64_t key, *kept;

	if ((s = find(in, l, &key)) != NULL)
		return s;
	if (in->n_series >= INGEST_SERIES_MAX)
		return NULL;
	s = xcalloc(1, sizeof(*s) + sizeof(key));
	kept = (uint64_t *)(s + 1);
	*kept = key;
	s->labels = labels_ref(l);
	s->kind = kind;
	s->resolution = resolution;
	HASH_ADD_KEYPTR(hh, in->series, kept, sizeof(key), s);
	in->n_series++;
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
	struct iseries *s, *tmp;

	HASH_ITER(hh, in->series, s, tmp) {
		HASH_DEL(in->series, s);
		labels_unref(s->labels);
		free(s);
	}
}
