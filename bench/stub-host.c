/*
 * stub-host.c - see stub-host.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench/stub-host.h"

#include <dlfcn.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(70);
}

double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
number(struct tw_ctx *c, uint32_t metric, double v, const char *const *labels)
{
	(void)c, (void)metric, (void)v, (void)labels;
}

static void
histogram(
    struct tw_ctx *c, uint32_t metric, const struct tw_histogram *h, const char *const *labels)
{
	(void)c, (void)metric, (void)h, (void)labels;
}

static void
publish(struct tw_ctx *c, int64_t ms)
{
	(void)c, (void)ms;
}

static void
text(struct tw_ctx *c, const char *path, const char *value)
{
	(void)c, (void)path, (void)value;
}

static enum tw_verdict __attribute__((format(printf, 4, 5)))
fail(struct tw_ctx *c, enum tw_verdict v, const char *cause, const char *fmt, ...)
{
	va_list ap;

	(void)c;
	va_start(ap, fmt);
	fprintf(stderr, "%s: ", cause);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return v;
}

static enum tw_verdict __attribute__((format(printf, 3, 4)))
refuse(struct tw_ctx *c, const char *path, const char *fmt, ...)
{
	(void)c;
	die("%s: refused (%s)", path, fmt);
}

static void __attribute__((format(printf, 3, 4)))
say(struct tw_ctx *c, int level, const char *fmt, ...)
{
	(void)c, (void)level, (void)fmt;
}

static const void *
state_get(struct tw_ctx *c, const char *key, size_t *len)
{
	(void)c, (void)key;
	*len = 0;
	return NULL;
}

static int
state_put(struct tw_ctx *c, const char *key, const void *data, size_t len)
{
	(void)c, (void)key, (void)data, (void)len;
	return 0;
}

static int64_t
left_us(struct tw_ctx *c)
{
	(void)c;
	return STUB_LEFT_US;
}

static void
fields(struct tw_ctx *c, const char *const *names, uint32_t n)
{
	c->fields = calloc(n, sizeof(*c->fields));
	for (; c->fields != NULL && c->n_fields < n; c->n_fields++)
		c->fields[c->n_fields] = strdup(names[c->n_fields]);
}

static void
reject(struct tw_ctx *c, const char *reason, const char *excerpt, size_t len)
{
	(void)c;
	die("%s: %.*s", reason, (int)(len < 120 ? len : 120), excerpt);
}

const struct tw_api stub_host = {.size = sizeof(stub_host), .minor = TW_ABI_MINOR, .emit = number,
    .count = number, .observe = number, .observe_all = histogram, .publish = publish,
    .fact_text = text, .fail = fail, .refuse = refuse, .log = say, .state_get = state_get,
    .state_put = state_put, .left_us = left_us, .fields = fields, .reject = reject};

void
stub_load(struct tw_ctx *ctx, const struct tw_api *host, const char *path, const char *options)
{
	const struct tw_plugin *(*get)(const struct tw_api *);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	json_t *o = json_loads(options, 0, NULL);
	char err[256] = "";

	if (handle == NULL || o == NULL)
		die("%s", handle == NULL ? dlerror() : options);
	*(void **)&get = dlsym(handle, TW_PLUGIN_SYMBOL);
	ctx->plugin = get(host);
	ctx->self = calloc(1, ctx->plugin->self_size);
	if (options_fill(&ctx->plugin->options, ctx->self, o, &ctx->heap, err, sizeof(err)) != 0
	    || ctx->plugin->start(ctx, ctx->self) != TW_OK)
		die("%s does not start: %s", path, err);
	json_decref(o);
}
