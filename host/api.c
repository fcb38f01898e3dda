/*
 * api.c - struct tw_api: what a plugin may call. The asynchronous calls are in api-async.c.
 *
 * Every call comes from foreign code: each argument may be wrong. After a run's verdict is fixed
 * (the callbacks of what was cancelled) its calls change nothing any more.
 *
 * Runs in: the thread of the probe's callbacks; left_us and log in any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/api.h"
#include "host/group.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/sanitize.h"

/* May this call still say something? In start and stop nothing is measured. */
static bool
is_open(const struct tw_ctx *ctx)
{
	return ctx->is_off_loop || ctx->is_reading || ctx->state == RUN_GOING
	    || (ctx->state == RUN_ENDING && ctx->verdict == TW_PENDING);
}

static void
api_emit(struct tw_ctx *ctx, uint32_t metric, double value, const char *const *labels)
{
	if (is_open(ctx))
		emit_value(&ctx->probe->emit, metric, value, ctx->slot_ms, labels);
}

static void
api_emit_at(struct tw_ctx *ctx, uint32_t metric, double value, int64_t time_ms,
    const char *const *labels)
{
	if (is_open(ctx))
		emit_value(&ctx->probe->emit, metric, value, time_ms, labels);
}

static void
api_emit_hist(struct tw_ctx *ctx, uint32_t metric, const struct tw_histogram *h, int64_t time_ms,
    const char *const *labels)
{
	if (is_open(ctx))
		emit_histogram(&ctx->probe->emit, metric, h, time_ms, labels);
}

static void
api_count(struct tw_ctx *ctx, uint32_t metric, double delta, const char *const *labels)
{
	if (is_open(ctx))
		emit_count(&ctx->probe->emit, metric, delta, labels);
}

static void
api_observe(struct tw_ctx *ctx, uint32_t metric, double value, const char *const *labels)
{
	if (is_open(ctx))
		emit_observe(&ctx->probe->emit, metric, value, labels);
}

/* A stable short word of [a-z0-9_-]. */
static void
take_cause(struct tw_ctx *ctx, const char *cause)
{
	snprintf(
	    ctx->cause, sizeof(ctx->cause), "%s", cause != NULL && cause[0] ? cause : "plugin");
	for (char *c = ctx->cause; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_'
			|| *c == '-'))
			*c = '_';
	}
}

static void
take_reason(struct tw_ctx *ctx, const char *fmt, va_list ap)
{
	char text[REASON_MAX], clean[REASON_MAX];
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

	text_sanitize(clean, sizeof(clean), text, len);
	run_reason(ctx, clean[0] != '\0' ? clean : NULL);
}

static enum tw_verdict __attribute__((format(printf, 4, 5)))
api_fail(struct tw_ctx *ctx, enum tw_verdict verdict, const char *cause, const char *fmt, ...)
{
	va_list ap;

	if (!is_open(ctx) && ctx->state != RUN_NONE)
		return verdict;
	ctx->failed = (unsigned)verdict > TW_UNKNOWN ? TW_UNKNOWN : verdict;
	take_cause(ctx, cause);
	va_start(ap, fmt);
	take_reason(ctx, fmt, ap);
	va_end(ap);
	return verdict;
}

static void
api_fact_text(struct tw_ctx *ctx, const char *path, const char *text)
{
	if (is_open(ctx))
		emit_fact_text(&ctx->probe->emit, path, text);
}

static void
api_fact_real(struct tw_ctx *ctx, const char *path, double value)
{
	if (is_open(ctx))
		emit_fact_real(&ctx->probe->emit, path, value);
}

static void __attribute__((format(printf, 3, 4)))
api_log(struct tw_ctx *ctx, int level, const char *fmt, ...)
{
	char text[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	host_log(ctx->probe->host, ctx->probe, level, text);
}

static enum tw_verdict __attribute__((format(printf, 3, 4)))
api_refuse(struct tw_ctx *ctx, const char *option_path, const char *fmt, ...)
{
	va_list ap;

	if (ctx->state != RUN_NONE || ctx->has_refused)
		return TW_UNKNOWN;
	ctx->has_refused = true;
	ctx->refused_path = option_path != NULL ? strndup(option_path, 255) : NULL;
	va_start(ap, fmt);
	take_reason(ctx, fmt, ap);
	va_end(ap);
	return TW_UNKNOWN;
}

static const void *
api_state_get(struct tw_ctx *ctx, const char *key, size_t *len)
{
	if (key == NULL || !state_key_ok(key)) {
		if (len != NULL)
			*len = 0;
		return NULL;
	}
	return state_get(&ctx->probe->state, key, len);
}

static int
api_state_put(struct tw_ctx *ctx, const char *key, const void *data, size_t len)
{
	if (key == NULL || !state_key_ok(key) || !is_open(ctx))
		return -1;
	return state_put(&ctx->probe->state, key, data, len) == 0 ? 0 : -1;
}

static int64_t
api_left_us(struct tw_ctx *ctx)
{
	int64_t deadline = atomic_load(&ctx->deadline_us);

	return deadline != 0 ? deadline - mono_now().us : INT64_MAX;
}

static int64_t
api_slot_ms(struct tw_ctx *ctx)
{
	return ctx->slot_ms != 0 ? ctx->slot_ms : wall_now().ms;
}

static const char *
api_probe_name(struct tw_ctx *ctx)
{
	return ctx->probe->name;
}

static int
api_geo(struct tw_ctx *ctx, const char *address, struct tw_geo *out)
{
	if (out == NULL || out->size < offsetof(struct tw_geo, country) + sizeof(out->country))
		return -1;
	return geo_find(ctx->probe->host->geo, address, out);
}

static const char *
api_setting(struct tw_ctx *ctx, const char *name)
{
	const struct host_setup *s = &ctx->probe->host->setup;

	if (name == NULL)
		return NULL;
	if (strcmp(name, "shop/name") == 0)
		return s->shop;
	return json_string_value(json_object_get(s->settings, name));
}

static void
api_publish(struct tw_ctx *ctx, int64_t time_ms)
{
	if (is_open(ctx) && time_ms > 0)
		emit_publish(&ctx->probe->emit, time_ms);
}

static void
api_observe_all(struct tw_ctx *ctx, uint32_t metric, const struct tw_histogram *h,
    const char *const *labels)
{
	if (is_open(ctx))
		emit_observe_all(&ctx->probe->emit, metric, h, labels);
}

const struct tw_api host_api = {.size = sizeof(struct tw_api),
    .major = TW_ABI_MAJOR,
    .minor = TW_ABI_MINOR,
    .emit = api_emit,
    .emit_at = api_emit_at,
    .emit_hist = api_emit_hist,
    .count = api_count,
    .observe = api_observe,
    .fail = api_fail,
    .fact_text = api_fact_text,
    .fact_real = api_fact_real,
    .log = api_log,
    .refuse = api_refuse,
    .state_get = api_state_get,
    .state_put = api_state_put,
    .left_us = api_left_us,
    .slot_ms = api_slot_ms,
    .probe_name = api_probe_name,
    .http = async_http,
    .dns = async_dns,
    .after = async_after,
    .work = async_work,
    .sight = async_sight,
    .jar = async_jar,
    .geo = api_geo,
    .fields = group_fields,
    .records = group_records,
    .reject = group_reject,
    .is_wanted = group_is_wanted,
    .setting = api_setting,
    .commit = async_commit,
    .read = async_read,
    .want = group_want,
    .publish = api_publish,
    .observe_all = api_observe_all};
