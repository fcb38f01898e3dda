/*
 * accesslog.c - what a line of an access log costs: the access_log source and the api probe that
 * reads it, loaded as a host loads them, against a bare count of newlines. One core, read() on both
 * sides, processor time.
 *
 *     bench/accesslog-run ACCESS_LOG.so API.so FILE FORMAT [COUNTRIES.mmdb]
 *         -> "base NS", "line NS": nanoseconds a line; "counted N": lines that were records;
 *            "countries N": times that the database was asked (with one, every record's is wanted)
 *
 * The calls that they make of a host are this program's: counts are kept as sums, records are
 * handed to the reader as host/group.c does it, nothing is sent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tillwatch/plugin.h>
#include <unistd.h>

#include "host/geo.h"
#include "lib/options.h"

#define CHUNK (256 * 1024)

struct tw_ctx {
	const struct tw_plugin *plugin;
	void *self;
	struct heap heap;
	const char **fields;
	uint32_t n_fields;
	double counted;
};
static struct tw_ctx source, reader; /* the host's state: one of each */
static struct geo_db *countries;
static size_t asked;

static double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- a host ---- */

static void
count(struct tw_ctx *ctx, uint32_t metric, double delta, const char *const *labels)
{
	(void)labels;
	if (metric == 0)
		ctx->counted += delta;
}

static void
fields(struct tw_ctx *ctx, const char *const *names, uint32_t n)
{
	ctx->fields = calloc(n, sizeof(*ctx->fields));
	for (; ctx->fields != NULL && ctx->n_fields < n; ctx->n_fields++)
		ctx->fields[ctx->n_fields] = strdup(names[ctx->n_fields]);
}

static void
records(struct tw_ctx *ctx, const struct tw_batch *batch, const struct tw_record *r, size_t n)
{
	struct tw_batch b = *batch;

	b.source = "log";
	b.fields = ctx->fields;
	b.n_fields = ctx->n_fields;
	reader.plugin->on_records(&reader, reader.self, &b, r, n);
}

static enum tw_verdict __attribute__((format(printf, 4, 5)))
fail(struct tw_ctx *ctx, enum tw_verdict v, const char *cause, const char *fmt, ...)
{
	va_list ap;

	(void)ctx;
	va_start(ap, fmt);
	fprintf(stderr, "%s: ", cause);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return v;
}

static enum tw_verdict __attribute__((format(printf, 3, 4)))
refuse(struct tw_ctx *ctx, const char *path, const char *fmt, ...)
{
	(void)ctx;
	fprintf(stderr, "%s: refused (%s)\n", path, fmt);
	exit(70);
}

static void __attribute__((format(printf, 3, 4)))
say(struct tw_ctx *ctx, int level, const char *fmt, ...)
{
	(void)ctx;
	(void)level;
	(void)fmt;
}

static void
nothing_emitted(struct tw_ctx *ctx, uint32_t metric, double v, const char *const *labels)
{
	(void)ctx;
	(void)metric;
	(void)v;
	(void)labels;
}
static void
nothing_observed(struct tw_ctx *ctx, uint32_t metric, const struct tw_histogram *h,
    const char *const *labels)
{
	(void)ctx;
	(void)metric;
	(void)h;
	(void)labels;
}
static void nothing_published(struct tw_ctx *c, int64_t ms) { (void)c; (void)ms; }
static void
nothing_said(struct tw_ctx *c, const char *path, const char *text)
{
	(void)c;
	(void)path;
	(void)text;
}
static const void *
nothing_kept(struct tw_ctx *c, const char *key, size_t *len)
{
	static const int64_t first_start_ms = 1; /* no line is history */

	(void)c;
	*len = strcmp(key, "first_start") == 0 ? sizeof(first_start_ms) : 0;
	return *len > 0 ? &first_start_ms : NULL;
}
static int
nothing_put(struct tw_ctx *c, const char *key, const void *data, size_t len)
{
	(void)c;
	(void)key;
	(void)data;
	(void)len;
	return 0;
}
static void
rejected(struct tw_ctx *c, const char *reason, const char *excerpt, size_t len)
{
	(void)c;
	fprintf(stderr, "%s: %.*s\n", reason, (int)(len < 120 ? len : 120), excerpt);
}
static int64_t all_time(struct tw_ctx *c) { (void)c; return INT64_C(3600000000); }
static int
is_wanted(struct tw_ctx *c, const char *field)
{
	(void)c;
	return countries != NULL && strcmp(field, "country") == 0;
}
static int
find_country(struct tw_ctx *c, const char *address, struct tw_geo *out)
{
	(void)c;
	asked++;
	return geo_find(countries, address, out);
}

static const struct tw_api host = {.size = sizeof(host), .minor = TW_ABI_MINOR,
    .emit = nothing_emitted, .count = count, .observe_all = nothing_observed,
    .publish = nothing_published, .fact_text = nothing_said, .fail = fail, .refuse = refuse,
    .log = say, .state_get = nothing_kept, .state_put = nothing_put, .left_us = all_time,
    .fields = fields, .records = records, .reject = rejected, .is_wanted = is_wanted,
    .geo = find_country};

static void
load(struct tw_ctx *ctx, const char *path, const char *options)
{
	const struct tw_plugin *(*get)(const struct tw_api *);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	json_t *o = json_loads(options, 0, NULL);
	char err[256] = "";

	if (handle == NULL || o == NULL) {
		fprintf(stderr, "%s\n", handle == NULL ? dlerror() : options);
		exit(70);
	}
	*(void **)&get = dlsym(handle, TW_PLUGIN_SYMBOL);
	ctx->plugin = get(&host);
	ctx->self = calloc(1, ctx->plugin->self_size);
	if (options_fill(&ctx->plugin->options, ctx->self, o, &ctx->heap, err, sizeof(err)) != 0
	    || ctx->plugin->start(ctx, ctx->self) != TW_OK) {
		fprintf(stderr, "%s does not start: %s\n", path, err);
		exit(70);
	}
	json_decref(o);
}

/* ---- the two sides ---- */

static size_t
count_newlines(const char *path)
{
	static char buffer[CHUNK];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t lines = 0;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer, *end = buffer + n;
		     (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
			lines++;
	close(fd);
	return lines;
}

int
main(int argc, char **argv)
{
	const char *databases[GEO_FILES] = {argc > 5 ? argv[5] : NULL};
	char options[4096], err[256] = "";
	double before, base = 0, line;
	size_t lines = 0;

	if (argc != 5 && argc != 6)
		return 64;
	if (argc == 6
	    && ((countries = geo_open(databases, err, sizeof(err))) == NULL || err[0] != '\0')) {
		fprintf(stderr, "%s\n", err);
		return 66;
	}
	snprintf(options, sizeof(options),
	    "{\"path\":[\"%s\"],\"format\":\"%s\",\"fields\":%s,\"lateness\":5000000,"
	    "\"max_line\":65536,\"history\":0,\"stale_after\":900000000,\"bots\":true}",
	    argv[3], argv[4],
	    strstr(argv[4], "urt=") != NULL
		? "[[\"session\",\"sid\"],[\"duration\",\"urt\"],[\"synthetic\",\"syn\"]]"
		: "[]");
	load(&source, argv[1], options);
	load(&reader, argv[2],
	    "{\"source\":\"log\",\"routes\":[{\"name\":\"cart\",\"path\":\"/api/cart/**\"},"
	    "{\"name\":\"product\",\"path\":\"/p/*\"},"
	    "{\"name\":\"graphql\",\"path\":\"/shop-api\"}],"
	    "\"outcome\":{\"server_error\":[[500,599]],\"throttled\":[[429,429]],"
	    "\"client_error\":[[400,499]]},\"step\":30000000,\"client_timeout\":30000000}");
	/* The best of several: the first ones fill the page cache and wake the processor. */
	for (int i = 0; i < 8; i++) {
		before = cpu_s();
		lines = count_newlines(argv[3]);
		base = i == 0 || cpu_s() - before < base ? cpu_s() - before : base;
	}
	before = cpu_s();
	(void)source.plugin->tail(&source, source.self);
	line = cpu_s() - before;
	printf("base\t%.2f\nline\t%.2f\nlines\t%zu\ncounted\t%.0f\nrequests\t%.0f\n"
	       "countries\t%zu\n",
	    base / (double)lines * 1e9, line / (double)lines * 1e9, lines, source.counted,
	    reader.counted, asked);
	geo_close(countries);
	return 0;
}
