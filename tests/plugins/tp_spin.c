/*
 * tp_spin.c - never gives the loop back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <tillwatch/plugin.h>

static const struct tw_metric metrics[] = {
    {"spin_up", "", TW_GAUGE, 0, 1, "", "Emitted before it goes wrong"}};

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	volatile unsigned n = 0;

	(void)self;
	tw_emit(ctx, 0, 1);
	while (tw_api_ != NULL)
		n++;
	return TW_OK;
}

TW_PLUGIN(.name = "tp_spin", .version = "1", .summary = "Misbehaves: spin", .prefix = "spin_",
    .probe = probe, .metrics = TW_TABLE(metrics));
