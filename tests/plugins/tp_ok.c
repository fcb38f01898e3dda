/*
 * tp_ok.c - a well-behaved plugin that uses every call once: samples of all kinds, totals, facts,
 * state, a timer, work on a thread, and http where an URL is given.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <tillwatch/plugin.h>

enum { RUNS, VALUE, SECONDS, GIVEN, STATUS };

static const struct tw_metric metrics[] = {
	[RUNS] = {"ok_runs_total", "", TW_COUNTER, 0, 1, "kind", "Runs so far"},
	[VALUE] = {"ok_value", "", TW_GAUGE, 0, 0, "place", "What the options say"},
	[SECONDS] = {"ok_seconds", "seconds", TW_HISTOGRAM, 0, 0, "", "Observed by the host"},
	[GIVEN] = {"ok_given_seconds", "seconds", TW_HISTOGRAM, 0, 0, "", "Given as a whole"},
	[STATUS] = {"ok_http_status", "", TW_GAUGE, 0, 1, "", "Status of the answer"},
};

struct ok {
	const char *url, *word, *secret;
	double value;
	int64_t after, sleep;
	uint64_t n;
	bool worked;
};

static const struct tw_option options[] = {
    TW_OPTION(struct ok, url, TW_URL, .help = "Asked once a run"),
    TW_OPTION(struct ok, word, TW_STRING, .def = "ok", .help = "Becomes a fact"),
    TW_OPTION(struct ok, secret, TW_SECRET, .help = "Never shown"),
    TW_OPTION(struct ok, value, TW_REAL, .def = "1.5", .help = "Becomes the gauge"),
    TW_OPTION(struct ok, after, TW_DURATION, .def = "1ms", .help = "How long the timer takes"),
    TW_OPTION(struct ok, sleep, TW_DURATION, .def = "0s", .help = "How long the worker sleeps"),
};

static const struct tw_alert alerts[] = {
    {.name = "OkNot", .severity = "ticket", .failures = "2 of 3", .summary = "not ok"}};

static enum tw_verdict
answered(struct tw_ctx *ctx, void *self, const struct tw_answer *a)
{
	(void)self;
	if (a->error != TW_HTTP_OK)
		return tw_fail(ctx, TW_CRIT, "http", "%s", a->error_text);
	tw_emit(ctx, STATUS, a->status);
	tw_api_->fact_text(ctx, "hops/0/address", a->hops[0].address);
	tw_api_->fact_text(ctx, "excerpt", a->body);
	return a->status == 200 ? TW_OK : tw_fail(ctx, TW_CRIT, "status", "status %d", a->status);
}

static void
work(struct tw_ctx *ctx, void *self, void *arg)
{
	struct ok *s = self;
	struct timespec nap = {.tv_sec = s->sleep / 1000000, .tv_nsec = s->sleep % 1000000 * 1000};

	*(bool *)arg = tw_api_->left_us(ctx) > 0;
	nanosleep(&nap, NULL);
	tw_api_->log(ctx, 7, "worked");
}

static enum tw_verdict
worked(struct tw_ctx *ctx, void *self, void *arg)
{
	struct ok *s = self;

	if (!*(bool *)arg)
		return tw_fail(ctx, TW_UNKNOWN, "work", "the worker saw no time left");
	if (s->url != NULL)
		return tw_http(ctx, .url = s->url, .done = answered);
	return TW_OK;
}

static enum tw_verdict
later(struct tw_ctx *ctx, void *self, void *arg)
{
	(void)arg;
	return tw_api_->work(ctx, work, worked, &((struct ok *)self)->worked);
}

static void
say_all(struct tw_ctx *ctx, struct ok *s)
{
	static const struct tw_bucket buckets[] = {{-64, 2}, {0, 1}};
	struct tw_histogram h = {.size = sizeof(h), .n_buckets = 2, .count = 3, .sum = 2.0,
	    .buckets = buckets};

	tw_emit(ctx, VALUE, s->value, "place", "here");
	tw_emit(ctx, VALUE, -s->value, "place", "th\x1b""ere");
	tw_count(ctx, RUNS, 1, "kind", "plain");
	tw_observe(ctx, SECONDS, 0.25);
	tw_api_->emit_hist(ctx, GIVEN, &h, tw_api_->slot_ms(ctx), NULL);
	tw_api_->fact_text(ctx, "word", s->word);
	tw_api_->fact_real(ctx, "n", (double)s->n);
	tw_api_->fact_text(ctx, "name", tw_api_->probe_name(ctx));
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	struct ok *s = self;
	size_t len;
	const uint64_t *stored = tw_api_->state_get(ctx, "n", &len);

	if (stored != NULL && len == sizeof(s->n))
		memcpy(&s->n, stored, len);
	s->n++;
	if (tw_api_->state_put(ctx, "n", &s->n, sizeof(s->n)) != 0)
		return tw_fail(ctx, TW_UNKNOWN, "state", "state does not fit");
	say_all(ctx, s);
	return tw_api_->after(ctx, s->after, later, NULL);
}

TW_PLUGIN(.name = "tp_ok", .version = "1", .summary = "Uses every call once", .prefix = "ok_",
    .self_size = sizeof(struct ok), .probe = probe, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts));
