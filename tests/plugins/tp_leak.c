/*
 * tp_leak.c - takes 16 MiB a run and never gives it back; without memory it crashes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <tillwatch/plugin.h>

static const struct tw_metric metrics[] = {
    {"leak_up", "", TW_GAUGE, 0, 1, "", "Emitted before it goes wrong"}};

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	volatile char *lost = malloc(16 << 20);

	(void)self;
	for (int i = 0; i < 16 << 20; i += 4096)
		lost[i] = 1;
	tw_emit(ctx, 0, lost[4096]);
	return TW_OK;
}

TW_PLUGIN(.name = "tp_leak", .version = "1", .summary = "Misbehaves: leak", .prefix = "leak_",
    .probe = probe, .metrics = TW_TABLE(metrics));
