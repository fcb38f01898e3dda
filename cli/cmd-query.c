/*
 * cmd-query.c - a PromQL expression, at one instant or over a range.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/buf.h"
#include "lib/clock.h"

/* name{a="b"} of a metric object; jansson keeps the order in which the agent wrote it: sorted. */
static void
series_name(struct buf *b, json_t *metric)
{
	const char *key, *comma = "";
	json_t *v;

	buf_text(b, member_text(metric, "__name__"));
	buf_char(b, '{');
	json_object_foreach(metric, key, v) {
		if (strcmp(key, "__name__") == 0)
			continue;
		buf_printf(b, "%s%s=\"%s\"", comma, key, json_string_value(v));
		comma = ", ";
	}
	buf_char(b, '}');
}

static void
print_point(const json_t *point)
{
	const json_t *v = json_array_get(point, 1);
	char when[SHORT_TEXT];

	short_time(json_number_value(json_array_get(point, 0)), when);
	printf("  %s  ", when);
	if (json_is_string(v))
		print_text(json_string_value(v));
	else if (json_is_object(v))
		printf(
		    "histogram: count %s, sum %s", member_text(v, "count"), member_text(v, "sum"));
	putchar('\n');
}

static void
print_series(const json_t *s)
{
	static const char *const lists[] = {"values", "histograms"}, *const singles[] = {
									 "value", "histogram"};
	const json_t *point;
	struct buf name;
	size_t i;

	buf_init(&name, 1 << 16);
	series_name(&name, json_object_get(s, "metric"));
	print_text(buf_str(&name));
	putchar('\n');
	for (int k = 0; k < 2; k++) {
		if ((point = json_object_get(s, singles[k])) != NULL)
			print_point(point);
		json_array_foreach(json_object_get(s, lists[k]), i, point)
			print_point(point);
	}
	buf_free(&name);
}

/* "15m", "90s", "2d" to seconds; <= 0 when it is none. */
static double
span_seconds(const char *text)
{
	double total = 0, v;
	char *end;

	while (*text != '\0') {
		v = strtod(text, &end);
		if (end == text)
			return -1;
		switch (*end) {
		case 's': break;
		case 'm': v *= 60; break;
		case 'h': v *= 3600; break;
		case 'd': v *= 86400; break;
		case 'w': v *= 7 * 86400; break;
		default: return -1;
		}
		total += v;
		text = end + 1;
	}
	return total;
}

static int
build_url(const struct cli *cli, struct buf *url)
{
	const char *range = cli_option(cli, "range"), *step = cli_option(cli, "step"),
		   *at = cli_option(cli, "at");
	wall_t end = wall_now();
	double now, span, width;
	char text[64];

	if (at != NULL && wall_parse(at, &end) != 0)
		return cli_fail(EX_USAGE,
		    "--at takes unix seconds or a time such as 2026-11-23T14:32:00Z, not \"%s\"",
		    at);
	now = (double)end.ms / 1e3;
	buf_text(url, range != NULL ? "/api/v1/query_range" : "/api/v1/query");
	client_param(url, "query", cli->args[0]);
	if (range == NULL) {
		client_param(url, "time", at);
		return 0;
	}
	span = span_seconds(range);
	width = step != NULL ? span_seconds(step) : fmax(span / 60, 1);
	if (span <= 0 || width <= 0)
		return cli_fail(
		    EX_USAGE, "--range and --step take a duration such as 15m or 1h30m");
	snprintf(text, sizeof(text), "%.3f", now);
	client_param(url, "end", text);
	snprintf(text, sizeof(text), "%.3f", now - span);
	client_param(url, "start", text);
	snprintf(text, sizeof(text), "%.3f", width);
	client_param(url, "step", text);
	return 0;
}

static int
run(struct cli *cli)
{
	const json_t *result, *s;
	struct buf url;
	json_t *data;
	size_t i;
	int rc;

	buf_init(&url, 1 << 18);
	if ((rc = build_url(cli, &url)) == 0)
		rc = client_get(cli, buf_str(&url), &data);
	buf_free(&url);
	if (rc != 0)
		return rc;
	result = json_object_get(data, "result");
	if (cli->json) {
		print_json(data);
	} else if (strcmp(member_text(data, "resultType"), "scalar") == 0
	    || strcmp(member_text(data, "resultType"), "string") == 0) {
		print_point(result);
	} else {
		json_array_foreach(result, i, s)
			print_series(s);
		if (json_array_size(result) == 0)
			fputs("tillwatch: no series matches\n", stderr);
	}
	json_decref(data);
	return 0;
}

static const struct cli_option options[] = {
	{"range", 'r', "DURATION", "over a range that ends now (or at --at): 15m, 6h, 7d"},
	{"step", 0, "DURATION", "one point each (default: a sixtieth of the range)"},
	{"at", 0, "TIME", "the instant (with --range: its end): unix seconds or RFC 3339"},
	{NULL, 0, NULL, NULL},
};

extern const struct cmd cmd_query;
const struct cmd cmd_query = {
	.name = "query",
	.arguments = "EXPRESSION",
	.summary = "evaluate PromQL",
	.help = "Examples\n  tillwatch query 'storefront_ttfb_seconds'\n"
		"  tillwatch query -r 1h 'quantile_over_time(0.95, storefront_ttfb_seconds[5m])'\n",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.exits =
	    "0 also when no series matches\n"
	    "65 the expression cannot be evaluated\n"
	    EXITS_OF_ASKING,
	.run = run,
};
