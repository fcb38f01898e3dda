/*
 * storefront.c - the storefront plugin: is the page there, is it right, and where does its time go?
 *
 * Here are its words (options, metrics, default alerts, panels; docs/METRICS.md is made from them);
 * run.c is the way of a run, reading.c what one answer says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/storefront/storefront.h"

#include <stdlib.h>

static const struct tw_option ttfb_options[] = {
	{.name = "warn", .type = TW_DURATION, .offset = 0, .def = "1800ms",
	 .help = "Above it the verdict is warn (1.8 s: what web vitals call poor)"},
	{.name = "crit", .type = TW_DURATION, .offset = sizeof(int64_t),
	 .help = "Above it the verdict is crit; absent: never for slowness alone"},
};

static const struct tw_option storefront_options[] = {
    TW_OPTION(struct storefront, url, TW_URL, .flags = TW_REQUIRED, .help = "The page to fetch"),
    TW_OPTION(struct storefront, method, TW_STRING, .def = "GET", .help = "Request method"),
    TW_OPTION(struct storefront, headers, TW_PAIRS, .help = "Request headers: {name: value}"),
    TW_OPTION(struct storefront, body, TW_STRING, .help = "Request body"),
    TW_OPTION(struct storefront, connection, TW_SET, .choices = "cold|warm", .def = "cold",
	.help = "cold opens a new connection; warm asks once more on the same one"),
    TW_OPTION(struct storefront, address_family, TW_SET, .choices = "ipv4|ipv6",
	.help = "Families to measure, each by itself; absent: whichever the resolver gives first"),
    TW_OPTION(struct storefront, each_address, TW_BOOL, .def = "false",
	.help = "Measure every address of the host (8 a family and run, the rest take turns)"),
    TW_OPTION(struct storefront, http_version, TW_CHOICE, .choices = "auto|1.1|2", .def = "auto",
	.help = "auto asks for HTTP/2 over TLS and takes what the server speaks"),
    TW_OPTION(struct storefront, proxy, TW_URL, .help = "Proxy; the environment's is never used"),
    TW_OPTION(struct storefront, ca_file, TW_PATH,
	.help = "Certificates to trust instead of the system's"),
    TW_OPTION(struct storefront, max_redirects, TW_INT, .def = "10", .max = 20,
	.help = "Redirects to follow; 0 follows none"),
    TW_OPTION(struct storefront, max_body, TW_BYTES, .def = "1MiB", .min = 1, .max = 64 << 20,
	.help = "Decoded bytes of an answer; more is a failure"),
    TW_OPTION(struct storefront, max_headers, TW_BYTES, .def = "64KiB", .min = 1024, .max = 1 << 20,
	.help = "Bytes of an answer's headers; more is a failure"),
    {.name = "assert",
	.type = TW_MAPS,
	.offset = offsetof(struct storefront, assertions_list),
	.nested = ASSERTION_TABLE,
	.nested_size = sizeof(struct assertion),
	.help = "What must hold for the final answer"},
    TW_OPTION(struct storefront, ttfb, TW_MAP, .nested = TW_TABLE(ttfb_options),
	.nested_size = sizeof(((struct storefront *)0)->ttfb),
	.help = "Limits of time to first byte"),
};

static const struct tw_metric storefront_metrics[] = {
    [M_UP] = {"storefront_up", "", TW_GAUGE, 0, 1, "",
	"1 when the page was right, 0 when not; absent when a wall or our own blindness hid it"},
    [M_TTFB] = {"storefront_ttfb_seconds", "seconds", TW_GAUGE, 0, 1e-5, "connection,family",
	"Time to first byte of the final answer, over all hops; of the slowest address"},
    [M_PHASE] = {"storefront_phase_seconds", "seconds", TW_GAUGE, 0, 1e-5,
	"connection,family,phase",
	"Phases dns, connect, tls, send, wait, transfer, each summed over the hops"},
    [M_TOTAL] = {"storefront_total_seconds", "seconds", TW_GAUGE, 0, 1e-5, "connection,family",
	"From the start to the last byte, over all hops"},
    [M_DURATION] = {"storefront_duration_seconds", "seconds", TW_HISTOGRAM, 0, 0, "connection",
	"Total time of every successful measurement"},
    [M_REDIRECTS] = {"storefront_redirects", "", TW_GAUGE, 0, 1, "", "Redirects followed"},
    [M_BODY] = {"storefront_body_bytes", "bytes", TW_GAUGE, 0, 1, "",
	"Decoded bytes of the final answer"},
    [M_WIRE] = {"storefront_wire_bytes", "bytes", TW_GAUGE, 0, 1, "",
	"Body bytes of the final answer as received"},
    [M_STATUS] = {"storefront_status", "", TW_GAUGE, 0, 1, "",
	"Status of the final answer; 0 without one"},
    [M_RUNS] = {"storefront_runs_total", "", TW_COUNTER, 0, 1, "outcome", "Runs by outcome"},
    [M_FAILURES] = {"storefront_failures_total", "", TW_COUNTER, 0, 1, "phase",
	"Measurements that failed, by the phase that is charged"},
    [M_CERTIFICATE] = {"storefront_certificate_expires_seconds", "seconds", TW_GAUGE, 0, 1, "",
	"Time until the first certificate of any hop's chain expires"},
    [M_WARM_DISCARDED] = {"storefront_warm_discarded_total", "", TW_COUNTER, 0, 1, "",
	"Warm measurements thrown away because they had to connect"},
    [M_RETRIES] = {"storefront_retries_total", "", TW_COUNTER, 0, 1, "result",
	"Second tries after a first failure: recovered or failed"},
    [M_ADDRESSES] = {"storefront_addresses", "", TW_GAUGE, 0, 1, "family", "Addresses measured"},
    [M_ADDRESSES_FAILED] = {"storefront_addresses_failed", "", TW_GAUGE, 0, 1, "family",
	"Of them, those that failed"},
};

static const struct tw_alert storefront_alerts[] = {
    {.name = "StorefrontDown",
	.severity = "page",
	.failures = "2 of 3",
	.summary = "{{ $labels.probe }} does not answer as it should"},
    /* Where the shop has targets of its own they decide; what is beyond crit pages. */
    {.name = "StorefrontSlow",
	.severity = "ticket",
	.when = "ttfb/warn",
	.expr = "quantile_over_time(0.75, tillwatch_probe_verdict{probe=\"${probe}\","
		"shop=\"${shop}\"}[15m]) == 1",
	.hold = "5m",
	.keep_firing_for = "10m",
	.summary = "{{ $labels.probe }} is slow: its time to first byte is above ttfb: warn"},
    {.name = "StorefrontSlow",
	.severity = "ticket",
	.when = "!ttfb/warn",
	.expr = "quantile_over_time(0.75, storefront_ttfb_seconds{probe=\"${probe}\","
		"shop=\"${shop}\","
		"connection=\"cold\"}[15m]) > 1.8",
	.hold = "5m",
	.keep_firing_for = "10m",
	.summary =
	    "{{ $labels.probe }} is slow: time to first byte {{ $value | humanizeDuration }}"},
    {.name = "StorefrontCertificate",
	.severity = "ticket",
	.expr = "storefront_certificate_expires_seconds{probe=\"${probe}\",shop=\"${shop}\"} < 14 "
		"* 86400",
	.hold = "15m",
	.summary =
	    "A certificate of {{ $labels.probe }} expires in {{ $value | humanizeDuration }}"},
};

static const struct tw_panel storefront_panels[] = {
    {"Time to first byte", "line", "storefront_ttfb_seconds{probe=\"${probe}\"}", "seconds", "0.8"},
    {"Phases", "waterfall", "storefront_phase_seconds{probe=\"${probe}\"}", "seconds", NULL},
    {"Duration", "heat", "storefront_duration_seconds{probe=\"${probe}\"}", "seconds", NULL},
    {"Outcomes", "bar", "increase(storefront_runs_total{probe=\"${probe}\"}[1h])", "", NULL},
};

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct storefront *s = self;

	(void)ctx;
	assertions_free(s->assertions);
	free(s->request_headers);
	free(s->targets);
	s->assertions = NULL;
	s->request_headers = NULL;
	s->targets = NULL;
}

/* A start that is refused has no stop. */
static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct storefront *s = self;
	const struct tw_pair *pair = s->headers.items;

	if ((s->connection & WANT_COLD) == 0)
		return tw_api_->refuse(ctx, "connection",
		    "a warm measurement needs the cold one before it: write [cold, warm]");
	if ((s->assertions = assertions_new(ctx, &s->assertions_list)) == NULL)
		return TW_UNKNOWN;
	s->request_headers =
	    calloc(s->headers.n > 0 ? s->headers.n : 1, sizeof(*s->request_headers));
	s->targets = calloc(1, sizeof(*s->targets));
	if (s->request_headers == NULL || s->targets == NULL) {
		stop(ctx, s);
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	}
	s->cap_targets = 1;
	for (uint32_t i = 0; i < s->headers.n; i++)
		s->request_headers[i] = (struct tw_header){pair[i].name, pair[i].value};
	return TW_OK;
}

TW_PLUGIN(.name = "storefront", .version = "1.0", .summary = "Storefront latency and correctness",
    .prefix = "storefront_", .self_size = sizeof(struct storefront), .start = start,
    .probe = storefront_probe, .stop = stop, .options = TW_TABLE(storefront_options),
    .metrics = TW_TABLE(storefront_metrics), .alerts = TW_TABLE(storefront_alerts),
    .panels = TW_TABLE(storefront_panels));
