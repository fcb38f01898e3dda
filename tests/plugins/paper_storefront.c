/*
 * paper_storefront.c - the words of family A on paper (see paper.h), those of later versions too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/plugins/paper.h"

enum { UP, TTFB, PHASE, DURATION, LOSS, EXPIRES, RUNS, FAILURES, ADDRESSES, RATIO };
static const struct tw_metric metrics[] = {
	[UP] = {"paper_storefront_up", "", TW_GAUGE, 0, 1, "", "1 when right"},
	[TTFB] = {"paper_storefront_ttfb_seconds", "seconds", TW_GAUGE, 0, 1e-5,
	    "connection,family,http_version", "Time to first byte"},
	[PHASE] = {"paper_storefront_phase_seconds", "seconds", TW_GAUGE, 0, 1e-5,
	    "connection,family,phase", "Time by phase"},
	[DURATION] = {"paper_storefront_duration_seconds", "seconds", TW_HISTOGRAM, 0, 0,
	    "connection", "Every successful measurement"},
	[LOSS] = {"paper_storefront_lost_total", "", TW_COUNTER, 0, 1, "connection", "No answer"},
	[EXPIRES] = {"paper_storefront_certificate_expires_seconds", "seconds", TW_GAUGE, 0, 1, "",
	    "First certificate to expire"},
	[RUNS] = {"paper_storefront_runs_total", "", TW_COUNTER, 0, 1, "outcome", "By outcome"},
	[FAILURES] = {"paper_storefront_failures_total", "", TW_COUNTER, 0, 1, "phase", "By phase"},
	[ADDRESSES] = {"paper_storefront_addresses", "", TW_GAUGE, 0, 1, "family", "Measured"},
	[RATIO] = {"paper_storefront_wire_bytes", "bytes", TW_GAUGE, 0, 1, "", "Body as received"},
};

struct storefront {
	const char *url, *method, *body, *proxy, *ca_file;
	struct tw_list headers, checks, http_versions;
	uint32_t connection, address_family;
	uint8_t each_address, no_verify;
	int64_t samples, max_redirects, max_body, max_headers, apdex;
	struct { int64_t warn, crit; } ttfb;
	struct tw_jar *jar;
};
static const struct tw_option ttfb_rows[] = {
	{.name = "warn", .type = TW_DURATION, .def = "1800ms", .help = "Poor"},
	{.name = "crit", .type = TW_DURATION, .offset = 8, .help = "Down"},
};
static const struct tw_option options[] = {
    ROW(struct storefront, url, TW_URL, .flags = TW_REQUIRED, .help = "The page"),
    ROW(struct storefront, method, TW_STRING, .def = "GET", .help = "Method"),
    ROW(struct storefront, headers, TW_PAIRS, .help = "Headers"),
    ROW(struct storefront, body, TW_STRING, .help = "Body"),
    ROW(struct storefront, connection, TW_SET, .choices = "cold|warm", .def = "cold",
	.help = "How"),
    ROW(struct storefront, address_family, TW_SET, .choices = "ipv4|ipv6", .help = "Which"),
    ROW(struct storefront, each_address, TW_BOOL, .def = "false", .help = "Every one"),
    ROW(struct storefront, http_versions, TW_STRINGS, .def = "auto", .help = "One series each"),
    ROW(struct storefront, samples, TW_INT, .def = "1", .min = 1, .max = 20, .help = "A round"),
    ROW(struct storefront, proxy, TW_URL, .help = "Explicit, or none"),
    ROW(struct storefront, ca_file, TW_PATH, .help = "Trust"),
    ROW(struct storefront, no_verify, TW_BOOL, .def = "false", .help = "Record, do not fail"),
    ROW(struct storefront, max_redirects, TW_INT, .def = "10", .max = 20, .help = "Bound"),
    ROW(struct storefront, max_body, TW_BYTES, .def = "1MiB", .help = "Bound"),
    ROW(struct storefront, max_headers, TW_BYTES, .def = "64KiB", .help = "Bound"),
    ROW(struct storefront, apdex, TW_DURATION, .flags = TW_LATER, .help = "Satisfied up to"),
    {.name = "assert",
	.type = TW_MAPS,
	.offset = offsetof(struct storefront, checks),
	.nested = TW_TABLE(check_rows),
	.nested_size = sizeof(struct check),
	.help = "Must hold"},
    ROW(struct storefront, ttfb, TW_MAP, .nested = TW_TABLE(ttfb_rows),
	.nested_size = sizeof(((struct storefront *)0)->ttfb), .help = "Limits"),
};
static const struct tw_slo slos[] = {
    {"ttfb",
	"histogram_count_below(${max}, increase(paper_storefront_duration_seconds[${window}]))",
	"increase(paper_storefront_runs_total{outcome!~\"ignored|blocked\"}[${window}])",
	"Fast enough, of all that were measured"}};
static const struct tw_panel panels[] = {
    {"Phases", "waterfall", "paper_storefront_phase_seconds{probe=\"${probe}\"}", "seconds", NULL}};

static int
piece(struct tw_ctx *ctx, void *self, const void *data, size_t len)
{
	(void)ctx;
	(void)self;
	return memchr(data, '\0', len) != NULL;
}

static enum tw_verdict
seen(struct tw_ctx *ctx, void *self, int sees, void *arg)
{
	(void)self;
	(void)arg;
	return sees == 0 ? tw_fail(ctx, TW_UNKNOWN, "blind", "we see nothing") : TW_CRIT;
}

static enum tw_verdict
answered(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	struct tw_geo geo = {.size = sizeof(geo)};

	(void)self;
	for (uint32_t i = 0; i < a->n_hops; i++) {
		const struct tw_hop *h = hop_of(a, i);

		tw_api_->fact_text(ctx, "hops/0/sha256", h->certificate.sha256);
		tw_emit(ctx, EXPIRES, (double)h->certificate.chain_not_after_ms / 1e3);
		tw_emit(ctx, PHASE, (double)h->wait_us / 1e6, "connection", "cold", "family",
		    h->family == TW_IPV6 ? "ipv6" : "ipv4", "phase", "wait");
		if (tw_api_->geo(ctx, h->address, &geo) == 0)
			tw_api_->fact_text(ctx, "hops/0/country", geo.country);
	}
	tw_observe(ctx, DURATION, (double)a->total_us / 1e6, "connection", "cold");
	return a->error != TW_HTTP_OK ? tw_api_->sight(ctx, seen, NULL) : TW_OK;
}

static enum tw_verdict
resolved(struct tw_ctx *ctx, void *self, const struct tw_addresses *found)
{
	struct storefront *s = self;

	return tw_http(ctx, .url = s->url, .address = found->n > 0 ? found->address[0] : NULL,
	    .family = TW_IPV4, .connection = TW_WARM, .jar = s->jar, .proxy = s->proxy,
	    .flags = s->no_verify ? TW_NO_VERIFY : 0, .on_body = piece, .done = answered);
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	((struct storefront *)self)->jar = tw_api_->jar(ctx);
	return tw_api_->dns(ctx, "shop.example", TW_IPV4, resolved, NULL);
}

TW_PLUGIN(.name = "paper_storefront", .version = "0", .summary = "Family A on paper",
    .prefix = "paper_storefront_", .self_size = sizeof(struct storefront), .probe = probe,
    .options = TW_TABLE(options), .metrics = TW_TABLE(metrics), .panels = TW_TABLE(panels),
    .slos = TW_TABLE(slos));
