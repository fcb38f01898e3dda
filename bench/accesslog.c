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
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/stub-host.h"
#include "host/geo.h"

#define CHUNK (256 * 1024)

static struct tw_ctx source, reader; /* the host's state: one of each */
static struct geo_db *countries;
static size_t asked;
static double counted, requests;

/* ---- a host ---- */

static void
count(struct tw_ctx *ctx, uint32_t metric, double delta, const char *const *labels)
{
	(void)labels;
	if (metric == 0)
		*(ctx == &source ? &counted : &requests) += delta;
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

static const void *
first_start(struct tw_ctx *c, const char *key, size_t *len)
{
	static const int64_t first_start_ms = 1; /* no line is history */

	(void)c;
	*len = strcmp(key, "first_start") == 0 ? sizeof(first_start_ms) : 0;
	return *len > 0 ? &first_start_ms : NULL;
}
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
	struct tw_api host = stub_host;
	size_t lines = 0;

	host.count = count;
	host.state_get = first_start;
	host.records = records;
	host.is_wanted = is_wanted;
	host.geo = find_country;
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
	stub_load(&source, &host, argv[1], options);
	stub_load(&reader, &host, argv[2],
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
	    base / (double)lines * 1e9, line / (double)lines * 1e9, lines, counted,
	    requests, asked);
	geo_close(countries);
	return 0;
}
