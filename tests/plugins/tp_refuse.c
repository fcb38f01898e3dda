/*
 * tp_refuse.c - refuses an option at start, with its path.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>
#include <tillwatch/plugin.h>

struct step {
	const char *url;
};
struct refuse {
	struct tw_list steps;
};

static const struct tw_metric metrics[] = {
    {"refuse_up", "", TW_GAUGE, 0, 1, "", "Always 1"}};
static const struct tw_option step_options[] = {
    TW_OPTION(struct step, url, TW_STRING, .help = "Must not be \"bad\"")};
static const struct tw_option options[] = {TW_OPTION(struct refuse, steps, TW_MAPS,
    .nested = TW_TABLE(step_options), .nested_size = sizeof(struct step), .help = "Steps")};

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	const struct refuse *s = self;
	const struct step *step = s->steps.items;

	for (uint32_t i = 0; i < s->steps.n; i++) {
		char path[32] = "steps/0/url";

		path[6] = (char)('0' + i % 10);
		if (step[i].url != NULL && strcmp(step[i].url, "bad") == 0)
			return tw_api_->refuse(ctx, path, "\"%s\" is not wanted here", step[i].url);
	}
	return TW_OK;
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	(void)self;
	tw_emit(ctx, 0, 1);
	return TW_OK;
}

TW_PLUGIN(.name = "tp_refuse", .version = "1", .summary = "Refuses an option",
    .prefix = "refuse_", .self_size = sizeof(struct refuse), .start = start, .probe = probe,
    .options = TW_TABLE(options), .metrics = TW_TABLE(metrics));
