/*
 * tp_garbage.c - looks for the agent's socket and writes garbage frames into it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <tillwatch/plugin.h>

static const struct tw_metric metrics[] = {
    {"garbage_up", "", TW_GAUGE, 0, 1, "", "Emitted before it goes wrong"}};

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	char garbage[64];

	(void)self;
	tw_emit(ctx, 0, 1);
	memset(garbage, 0xa5, sizeof(garbage));
	for (int fd = 3; fd < 256; fd++) {
		int type = 0;
		socklen_t len = sizeof(type);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET)
			(void)send(fd, garbage, sizeof(garbage), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	return TW_OK;
}

TW_PLUGIN(.name = "tp_garbage", .version = "1", .summary = "Misbehaves: garbage",
    .prefix = "garbage_", .probe = probe, .metrics = TW_TABLE(metrics));
