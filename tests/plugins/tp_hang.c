/*
 * tp_hang.c - blocks for ever in a blocking probe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <unistd.h>
#include <tillwatch/plugin.h>

static const struct tw_metric metrics[] = {
    {"hang_up", "", TW_GAUGE, 0, 1, "", "Emitted before it goes wrong"}};

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	(void)self;
	tw_emit(ctx, 0, 1);
	while (tw_api_ != NULL)
		pause();
	return TW_OK;
}

TW_PLUGIN(.name = "tp_hang", .version = "1", .summary = "Misbehaves: hang", .prefix = "hang_",
    .flags = TW_BLOCKING, .probe = probe, .metrics = TW_TABLE(metrics));
