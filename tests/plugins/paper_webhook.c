/*
 * paper_webhook.c - the webhook source on paper (see paper.h): bodies posted to us, committed to
 * the inbox before the sender gets its 2xx, signature and event id judged by the agent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/plugins/paper.h"

static const struct tw_metric metrics[] = {
    {"paper_webhook_events_total", "", TW_COUNTER, 0, 1, "result", "Bodies taken"}};

struct webhook {
	const char *secret, *event_id, *records;
	int32_t signature;
	struct tw_list fields, units;
	int64_t lateness;
};
static const struct tw_option options[] = {
    ROW(struct webhook, secret, TW_SECRET, .flags = TW_REQUIRED, .help = "HMAC key"),
    ROW(struct webhook, signature, TW_CHOICE, .choices = "standard|shopify|stripe|github",
	.def = "standard", .help = "How it is signed"),
    ROW(struct webhook, event_id, TW_STRING, .help = "Header or JSON Pointer; told once"),
    ROW(struct webhook, records, TW_STRING, .def = "", .help = "JSON Pointer to a list"),
    ROW(struct webhook, fields, TW_PAIRS, .flags = TW_REQUIRED, .help = "JSON Pointers"),
    ROW(struct webhook, units, TW_PAIRS, .help = "cents"),
    ROW(struct webhook, lateness, TW_DURATION, .def = "30s", .help = "Emitted after it"),
};

static enum tw_verdict
tail(struct tw_ctx *ctx, void *self)
{
	struct tw_value id = {.type = TW_FIELD_TEXT, .len = 1, .as.text = "-"};
	struct tw_record r = {.size = sizeof(r), .values = &id};
	struct tw_batch b = {.size = sizeof(b)};

	(void)self;
	if (tw_api_->setting(ctx, "ingest/inbox") == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "ingest", "the agent does not listen");
	tw_api_->reject(ctx, "no JSON object", "[]", 2);
	tw_api_->state_put(ctx, "position", "0", 1);
	tw_count(ctx, 0, 1, "result", "ok");
	tw_api_->records(ctx, &b, &r, 1);
	return TW_OK;
}

TW_PLUGIN(.name = "paper_webhook", .version = "0", .summary = "Webhooks on paper",
    .prefix = "paper_webhook_", .flags = TW_SOURCE, .self_size = sizeof(struct webhook),
    .tail = tail, .options = TW_TABLE(options), .metrics = TW_TABLE(metrics));
