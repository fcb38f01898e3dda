/*
 * tp_crash.c - dereferences NULL in its probe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <tillwatch/plugin.h>

static const struct tw_metric metrics[] = {
    {"crash_up", "", TW_GAUGE, 0, 1, "", "Emitted before it goes wrong"}};

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	volatile int *nowhere = self; /* self_size is 0: the host gives a pointer all the same */

	tw_emit(ctx, 0, 1);
	nowhere = 0;
	return (enum tw_verdict)*nowhere;
}

TW_PLUGIN(.name = "tp_crash", .version = "1", .summary = "Misbehaves: crash", .prefix = "crash_",
    .probe = probe, .metrics = TW_TABLE(metrics));
