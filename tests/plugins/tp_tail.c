/*
 * tp_tail.c - reads what a log file got since the last run; the position is state, so that a
 * restart neither loses nor counts a line twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <string.h>
#include <tillwatch/plugin.h>
#include <unistd.h>

enum { LINES, POSITION };
static const struct tw_metric metrics[] = {
	[LINES] = {"tail_lines_total", "", TW_COUNTER, 0, 1, "", "Lines read"},
	[POSITION] = {"tail_position_bytes", "bytes", TW_GAUGE, 0, 1, "", "Read up to here"},
};

struct tail {
	const char *path;
};
static const struct tw_option options[] = {
    TW_OPTION(struct tail, path, TW_PATH, .flags = TW_REQUIRED, .help = "The file to follow")};

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	struct tail *s = self;
	int64_t position = 0, lines = 0;
	size_t len;
	const void *stored = tw_api_->state_get(ctx, "position", &len);
	char buffer[4096];
	ssize_t n;
	int fd = open(s->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return tw_fail(ctx, TW_UNKNOWN, "file", "%s: %m", s->path);
	if (stored != NULL && len == sizeof(position))
		memcpy(&position, stored, len);
	while (tw_api_->left_us(ctx) > 0
	    && (n = pread(fd, buffer, sizeof(buffer), position)) > 0) {
		position += n;
		for (ssize_t i = 0; i < n; i++)
			lines += buffer[i] == '\n';
	}
	close(fd);
	tw_count(ctx, LINES, (double)lines);
	tw_emit(ctx, POSITION, (double)position);
	tw_api_->state_put(ctx, "position", &position, sizeof(position));
	return TW_OK;
}

TW_PLUGIN(.name = "tp_tail", .version = "1", .summary = "Counts lines of a log", .prefix = "tail_",
    .flags = TW_BLOCKING, .self_size = sizeof(struct tail), .probe = probe,
    .options = TW_TABLE(options), .metrics = TW_TABLE(metrics));
