/*
 * tp_reader.c - reads a source: counts its records by word, and publishes the counts once a slot of
 * event time is complete. What belongs to a slot that is still open is kept in the state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>
#include <tillwatch/plugin.h>

#define SLOT_MS 1000

enum { RECORDS, OPEN };
static const struct tw_metric metrics[] = {
    [RECORDS] = {"reader_records_total", "", TW_COUNTER, 0, 1, "word", "Records by word"},
    [OPEN] = {"reader_open", "", TW_GAUGE, 0, 1, "", "Records of slots that are open"},
};

struct open_slot { int64_t end_ms; double a, b; };
struct reader {
	const char *source;
	struct open_slot slot;
};
static const struct tw_option options[] = {TW_OPTION(struct reader, source, TW_STRING,
    .flags = TW_REQUIRED | TW_NAMES_SOURCE, .help = "What it reads")};

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct reader *s = self;
	size_t len;
	const void *kept = tw_api_->state_get(ctx, "open", &len);

	tw_api_->want(ctx, s->source, "word");
	if (kept != NULL && len == sizeof(s->slot))
		memcpy(&s->slot, kept, len);
	return TW_OK;
}

static void
close_slot(struct tw_ctx *ctx, struct reader *s)
{
	if (s->slot.end_ms == 0)
		return;
	tw_count(ctx, RECORDS, s->slot.a, "word", "a");
	tw_count(ctx, RECORDS, s->slot.b, "word", "b");
	tw_api_->publish(ctx, s->slot.end_ms);
	s->slot = (struct open_slot){0};
}

static void
on_records(struct tw_ctx *ctx, void *self, const struct tw_batch *batch,
    const struct tw_record *records, size_t n)
{
	struct reader *s = self;

	for (size_t i = 0; i < n; i++) {
		const struct tw_record *r = tw_record_at(records, i);
		int64_t end_ms = (r->time_ms / SLOT_MS + 1) * SLOT_MS;

		if (end_ms > s->slot.end_ms)
			close_slot(ctx, s);
		if (s->slot.end_ms == 0)
			s->slot.end_ms = end_ms;
		if (r->values[0].len > 0 && r->values[0].as.text[0] == 'a')
			s->slot.a++;
		else
			s->slot.b++;
	}
	if (batch->complete_ms >= s->slot.end_ms)
		close_slot(ctx, s);
}

static void
save(struct tw_ctx *ctx, void *self)
{
	struct reader *s = self;

	tw_api_->state_put(ctx, "open", &s->slot, sizeof(s->slot));
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	struct reader *s = self;

	tw_emit(ctx, OPEN, s->slot.a + s->slot.b);
	return TW_OK;
}

TW_PLUGIN(.name = "tp_reader", .version = "1", .summary = "Counts records", .prefix = "reader_",
    .flags = TW_EVENT_TIME, .self_size = sizeof(struct reader), .start = start, .probe = probe,
    .on_records = on_records, .save = save, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics));
