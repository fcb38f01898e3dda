/*
 * self.h - the agent's own metrics (tillwatch_*), listed once: /metrics prints them, the store
 * keeps them, so that they can be drawn and alerted on like any other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SELF_H
#define AGENT_SELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct self {
	struct ingest *ingest;
	struct store *store;
	struct supervisor *supervisor;
	struct alert_engine *alerts;    /* NULL allowed */
	struct notify *notify;          /* NULL allowed */
	struct inbox *inbox;            /* NULL allowed */
	int64_t started_ms;
	bool (*reload_ok)(void *, int64_t *at_ms); /* of the last reload */
	void *arg;
};

struct self_sample {
	const char *name, *help;
	bool counter;
	const char *label, *label_value; /* NULL = none; one label is enough for all of them */
	double v;
};

/* Any thread; each sample lives for the call. Samples of one name come one after another. */
void self_each(
    const struct self *self, void (*each)(void *, const struct self_sample *), void *arg);

/* What ingest says of every probe: its kind and meaning, for whoever lists metrics. */
struct self_metric {
	const char *name, *type, *unit, *labels, *help;
};
extern const struct self_metric self_probe_metrics[];
extern const size_t self_n_probe_metrics;

#endif
