/*
 * own.c - the agent's samples of itself, every OWN_MS at aligned times: what /metrics prints, kept
 * and alertable.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"

#define OWN_MS 10000
#define OWN_MAX 1024

struct gathered {
	struct ingest_own at[OWN_MAX];
	const char *labels[OWN_MAX][3];
	char values[OWN_MAX][64];
	size_t n;
};

static void
gather(void *arg, const struct self_sample *s)
{
	struct gathered *g = arg;

	if (g->n == OWN_MAX)
		return;
	g->at[g->n] = (struct ingest_own){
	    .name = s->name, .v = s->v, .kind = s->counter ? STORE_COUNTER : STORE_GAUGE};
	if (s->label != NULL) {
		snprintf(g->values[g->n], sizeof(g->values[0]), "%s", s->label_value);
		g->labels[g->n][0] = s->label;
		g->labels[g->n][1] = g->values[g->n];
		g->at[g->n].labels = g->labels[g->n];
	}
	g->n++;
}

void
agent_own_samples(struct agent *a, int64_t now_ms)
{
	struct gathered *g;

	if (now_ms / OWN_MS == a->own_at_ms / OWN_MS || (g = calloc(1, sizeof(*g))) == NULL)
		return;
	self_each(&a->self, gather, g);
	ingest_own(a->ingest, g->at, g->n, now_ms - now_ms % OWN_MS);
	free(g);
}
