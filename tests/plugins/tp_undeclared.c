/*
 * tp_undeclared.c - emits what it did not declare, and more than it may: all of it is refused and
 * counted, the rest arrives.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tillwatch/plugin.h>

enum { UP, RUNS, MANY };
static const struct tw_metric metrics[] = {
	[UP] = {"undeclared_up", "", TW_GAUGE, 0, 1, "", "What is right"},
	[RUNS] = {"undeclared_runs_total", "", TW_COUNTER, 0, 1, "", "Counted by the host"},
	[MANY] = {"undeclared_many", "", TW_GAUGE, 0, 1, "who", "A label with many values"},
};

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	char text[400];

	(void)self;
	tw_emit(ctx, UP, 1);
	tw_emit(ctx, 17, 1);                              /* 1: no such metric */
	tw_emit(ctx, UP, 1, "phase", "dns");              /* 2: no such label */
	tw_emit(ctx, UP, (double)NAN);                    /* 3 */
	tw_emit(ctx, UP, (double)INFINITY);               /* 4 */
	tw_observe(ctx, UP, 1);                           /* 5: the wrong kind */
	tw_count(ctx, RUNS, -1);                          /* 6: downwards */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	tw_emit(ctx, MANY, 1, "who", text);               /* 7: too long */
	tw_emit(ctx, MANY, 1, "who", "a", "who", "b");    /* 8: twice */
	for (int i = 0; i < 60; i++) {                    /* 50 values, the rest is "other" */
		snprintf(text, sizeof(text), "value-%d", i);
		tw_emit(ctx, MANY, i, "who", text);
	}
	return tw_fail(ctx, TW_WARN, "Some Words", "reason\nin two \x1b[31m lines");
}

TW_PLUGIN(.name = "tp_undeclared", .version = "1", .summary = "Emits what it may not",
    .prefix = "undeclared_", .probe = probe, .metrics = TW_TABLE(metrics));
