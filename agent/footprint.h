/*
 * footprint.h - what a configuration costs the shop and our disk, before it runs: requests a day
 * and host, orders and carts, samples and bytes a month; and where it contradicts itself.
 *
 * DESIGN. Figures are those of a day on which nothing fails: a second try after a failure, a look
 * whether it was us, and readings that compares ask for are not in them. Redirects count where an
 * assertion names them, for the host that sends them. What cannot be known before (addresses of a
 * host; pages of an API, while no agent has counted them) makes a figure "at least", what depends
 * on traffic makes samples "about". What a run of our own plugins asks and emits is written down
 * here, a function a plugin (footprint-plugins.c); another plugin is taken to ask each of its
 * addresses once, and to give each of its metrics once.
 *
 * Bytes: samples, histograms and run records (the slowest of each hour) as a day of
 * bench/footprint has them, at a quick shop: 0.8, 36 and 320 each. Times that
 * spread over seconds cost more, and so do failures.
 *
 * Pure: no files, no clock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_FOOTPRINT_H
#define AGENT_FOOTPRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOOTPRINT_HOSTS_MAX 64
#define FOOTPRINT_WARNINGS_MAX 64
#define FOOTPRINT_MONTH_DAYS 30
#define FOOTPRINT_SAMPLE_BYTES 0.74
#define FOOTPRINT_HISTOGRAM_BYTES 34
#define FOOTPRINT_RUN_BYTES 320

struct footprint_probe {
	const char *name, *plugin, *system;  /* system "": none */
	bool is_source;
	int64_t interval_ms;
	const json_t *options, *reads;       /* in their normal form; the sources it reads */
	size_t n_metrics;                    /* that its plugin declares */
	double requests_a_run;               /* of pages, as an agent has counted; 0 = unknown */
};
struct footprint_shop {
	const struct footprint_probe *probes;
	size_t n_probes;
	bool has_systems;                    /* systems are named at all */
	bool has_marks;                      /* synthetic: email or sku */
	size_t n_receivers;
};

struct footprint_host {
	char name[128];
	double requests;                     /* a day */
	bool is_least;
};
struct footprint_warning {
	const char *probe;                   /* lives as long as the shop */
	const char *option;                  /* path below the probe; "" = the probe itself */
	char text[256];
};
struct footprint {
	struct footprint_host hosts[FOOTPRINT_HOSTS_MAX];
	size_t n_hosts;
	double hosts_left_out;               /* requests to hosts beyond the last */
	double orders, carts, api_calls;     /* a day */
	double samples;                      /* a day */
	double histograms;                   /* of them */
	bool is_about;                       /* samples follow traffic, or an unknown plugin */
	struct footprint_warning warnings[FOOTPRINT_WARNINGS_MAX];
	size_t n_warnings;
};

void footprint_count(struct footprint *f, const struct footprint_shop *shop);
double footprint_samples_month(const struct footprint *f);
double footprint_bytes_month(const struct footprint *f, const struct footprint_shop *shop);

/* footprint-plugins.c: what one probe asks for a day; the samples of one run. */
double footprint_series(struct footprint *f, const struct footprint_probe *p);
void footprint_requests(struct footprint *f, const struct footprint_probe *p);

/* For footprint-plugins.c. */
double footprint_runs(const struct footprint_probe *p); /* a day */
void footprint_ask(struct footprint *f, const char *url, double requests, bool is_least);
void footprint_warn(struct footprint *f, const struct footprint_probe *p, const char *option,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool footprint_may_order(const struct footprint_probe *p);

#endif
