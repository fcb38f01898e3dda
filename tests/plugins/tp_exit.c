/*
 * tp_exit.c - calls exit() in its probe.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <tillwatch/plugin.h>

static const struct tw_metric metrics[] = {
    {"exit_up", "", TW_GAUGE, 0, 1, "", "Emitted before it goes wrong"}};

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	(void)self;
	tw_emit(ctx, 0, 1);
	exit(0);
}

TW_PLUGIN(.name = "tp_exit", .version = "1", .summary = "Misbehaves: exit", .prefix = "exit_",
    .probe = probe, .metrics = TW_TABLE(metrics));
