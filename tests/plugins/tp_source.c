/*
 * tp_source.c - a source: lines "MS WORD" of a file that only grows. Its position is state, put
 * before the records that lie before it are handed on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <tillwatch/plugin.h>
#include <unistd.h>

enum { LINES };
static const struct tw_metric metrics[] = {
    [LINES] = {"lines_read_total", "", TW_COUNTER, 0, 1, "result", "Lines of the file"}};

struct source {
	const char *path;
	int64_t lateness;
};
static const struct tw_option options[] = {
    TW_OPTION(struct source, path, TW_PATH, .flags = TW_REQUIRED | TW_AROUND, .help = "The file"),
    TW_OPTION(struct source, lateness, TW_DURATION, .def = "0s", .help = "Of what it says"),
};

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	static const char *const names[] = {"word", "length"};

	(void)self;
	tw_api_->fields(ctx, names, 2);
	return TW_OK;
}

/* The line becomes a record; false: it is none. */
static bool
read_line(char *line, size_t len, struct tw_record *r, struct tw_value *v)
{
	char *end;
	long long ms = strtoll(line, &end, 10);

	if (end == line || *end != ' ' || ms <= 0)
		return false;
	v[0] = (struct tw_value){.type = TW_FIELD_TEXT,
	    .len = (uint32_t)(line + len - end - 1), .as.text = end + 1};
	v[1] = (struct tw_value){.type = TW_FIELD_INT, .as.integer = v[0].len};
	*r = (struct tw_record){.size = sizeof(*r), .time_ms = ms, .values = v};
	return true;
}

/* Whole lines of the buffer; how many bytes they take. */
static size_t
hand_on(struct tw_ctx *ctx, char *buffer, size_t n, int64_t position, int64_t complete_ms)
{
	struct tw_batch b = {.size = sizeof(b), .complete_ms = complete_ms};
	struct tw_value values[64][2];
	struct tw_record records[64];
	size_t at = 0, k = 0;
	char *end;

	while (k < 64 && (end = memchr(buffer + at, '\n', n - at)) != NULL) {
		size_t len = (size_t)(end - buffer) - at;

		*end = '\0';
		if (read_line(buffer + at, len, &records[k], values[k]))
			k++;
		else
			tw_api_->reject(ctx, "no time", buffer + at, len);
		at += len + 1;
	}
	tw_count(ctx, LINES, (double)k, "result", "ok");
	position += (int64_t)at;
	tw_api_->state_put(ctx, "position", &position, sizeof(position));
	tw_api_->records(ctx, &b, records, k);
	return at;
}

static enum tw_verdict
tail(struct tw_ctx *ctx, void *self)
{
	struct source *s = self;
	int64_t position = 0, now_ms = tw_api_->slot_ms(ctx);
	const void *stored;
	char buffer[8192];
	size_t len, taken = 1;
	ssize_t n = 1;
	int fd = open(s->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return tw_fail(ctx, TW_UNKNOWN, "file", "%s: %s", s->path, strerror(errno));
	if ((stored = tw_api_->state_get(ctx, "position", &len)) != NULL && len == sizeof(position))
		memcpy(&position, stored, len);
	while (tw_api_->left_us(ctx) > 0 && taken > 0
	    && (n = pread(fd, buffer, sizeof(buffer), position)) > 0) {
		taken = hand_on(ctx, buffer, (size_t)n, position, 0);
		position += (int64_t)taken;
	}
	if (n == 0)
		(void)hand_on(ctx, buffer, 0, position, now_ms - s->lateness / 1000);
	close(fd);
	return TW_OK;
}

TW_PLUGIN(.name = "tp_source", .version = "1", .summary = "Lines of a file", .prefix = "lines_",
    .flags = TW_SOURCE | TW_BLOCKING, .self_size = sizeof(struct source), .start = start,
    .tail = tail, .options = TW_TABLE(options), .metrics = TW_TABLE(metrics),
    .interval_us = 500000);
