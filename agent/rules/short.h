/*
 * short.h - the short forms of the configuration, compiled to rules that any Prometheus could
 * evaluate.
 *
 *   {name: CheckoutDown, probe: guest-checkout, failures: 2 of 3, severity: page}
 *       sum_over_time(tillwatch_probe_failed{probe="guest-checkout"}[15m]) >= 2
 *         or sum_over_time(tillwatch_probe_failed{probe="guest-checkout"}[15m] offset 45s) >= 2
 *
 * DESIGN. tillwatch_probe_failed has exactly one sample a run, 1 when its verdict is crit and 0
 * otherwise, and is never published again between runs: a window of n intervals holds n runs. The
 * newest of them may still be under way; then the first line counts n - 1 finished runs. It can
 * only miss, never invent: as soon as k have failed it is true. The second line looks at the window
 * that ended one timeout ago, which is always complete, so that a standing outage does not flicker.
 * No data: no run finished for three intervals and a timeout.
 *
 * Pure; nothing blocks. 0, -EINVAL with a sentence in err, -ENOMEM, -E2BIG (RULES_MAX), -EEXIST.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_RULES_SHORT_H
#define AGENT_RULES_SHORT_H

#include "agent/rules/rule.h"

#define SHORT_FAILED                                                                               \
	"tillwatch_probe_failed" /* the series that failures and no data are judged by */
#define SHORT_RUNS_MAX 1000      /* n of "k of n" */

struct short_default { /* a row of a plugin's default alerts; NULL texts are left out */
	const char *name, *expr, *hold, *keep_firing_for, *severity, *summary;
	const char *failures;           /* instead of expr: "2 of 3" */
};

struct short_probe {
	const char *name, *shop;
	int64_t interval_ms, timeout_ms;
	const char *no_data; /* severity of the no-data alert; NULL = ticket, "off" = none */
	bool alerts_off;     /* `alerts: off`: neither defaults nor no data */
	const struct short_default *defaults;
	size_t n_defaults;
};

struct short_alert { /* an entry of `alerts:`; exactly one of failures and expr */
	const char *name, *probe, *failures, *expr;
	int64_t for_ms, keep_firing_ms;
	const char *severity, *summary, *description, *runbook; /* NULL = not given */
	const struct rule_pair *labels;
	size_t n_labels;
};

/* What the agent says about itself: AgentBlind. */
int short_builtin(struct rule_set *s, const char *shop);
/* A probe's default alerts and its no-data alert, as a group of its own. */
int short_probe(struct rule_set *s, const struct short_probe *p, char *err, size_t cap);
/* One group for all. probes: those that alerts may name. The error names the entry:
 * "alerts[1].failures: ...". */
int short_alerts(struct rule_set *s, const struct short_alert *list, size_t n,
    const struct short_probe *probes, size_t n_probes, char *err, size_t cap);

/* "2 of 3": 1 <= k <= n <= SHORT_RUNS_MAX. 0 or -EINVAL. */
int short_failures_parse(const char *text, int *k, int *n);

#endif
