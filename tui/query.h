/*
 * query.h - asks the API and builds the model's two halves.
 *
 * Blocks (in the source); runs in the worker thread, or in the caller's for one frame. Never fails
 * as a whole: what could not be read is said in `error`, and what was known before is kept.
 *
 * What is asked of the server, all of it:
 *
 *   every 2 s    GET /tillwatch/v1/probes
 *                    {data:{shop, currency, now, blind_since?, probes:[{name, plugin, verdict,
 *                    reason, since, last_run, next_run, interval, late, stale}]}}
 *                    404 (a plain Prometheus): /api/v1/query
 *                        max by (probe) (tillwatch_probe_verdict)
 *                        group by (probe) (storefront_up)
 *                GET /api/v1/alerts
 *                    {data:{alerts:[{labels:{alertname, probe, severity}, annotations:{summary},
 *                    state, activeAt, silencedBy?, inhibitedBy?}]}}
 *   every 10 s   GET /tillwatch/v1/plugins
 *                    {data:{hosts:[{group, state, probes, restarts, rss, cpu,
 *                    lag_p99, late, skipped, runs, last_exit}]}}          (404: no such pane)
 *                GET /tillwatch/v1/outbox   {data:{receivers:[{name, type, state, pending, oldest,
 *                    delivered, dead, last_error}]}}                      (404: no such pane)
 *                GET /api/v1/rules?type=alert
 *                    targets: `storefront_ttfb_seconds{..probe="P"..} .. > N`
 *   every 10 s, of each of several shops (query_sums.c)
 *                GET /api/v1/query
 *                    max by (probe) (quantile_over_time(0.95, storefront_ttfb_seconds[1h]))
 *                    max by (probe) (checkout_rate_events{window="1h"})
 *                    max by (probe, bound) (checkout_rate_expected_events{window="1h"})
 *                    max by (probe) (checkout_alarm{test="rate"})
 *                    max by (probe, window, bound) (checkout_at_risk_value)
 *   when a bucket fills or the range changes, on one axis (start, end, step: whole seconds, start
 *   and end multiples of step); from step = 60 s on inside max_over_time(..[step]):
 *                GET /api/v1/query_range
 *                    max by (probe) (storefront_ttfb_seconds)
 *                    max by (probe) (tillwatch_probe_verdict)
 *                    max by (alertname, probe) (ALERTS{alertstate="firing"})
 *   and in the storefront's view, P the selected probe:
 *                    max by (connection, family) (storefront_ttfb_seconds{probe="P"})
 *                    max by (phase) (storefront_phase_seconds{probe="P",connection="cold"})
 *                    storefront_duration_seconds{probe="P"}     (native histogram: values, no rate;
 *                                                                differences are made here)
 *                GET /api/v1/query at the axis' end
 *                    sum by (outcome) (increase(storefront_runs_total{probe="P"}[SPAN]))
 *                    min(storefront_certificate_expires_seconds{probe="P"})
 *                GET /tillwatch/v1/runs?probe=P&kind=newest&limit=1&until=
 *                GET /tillwatch/v1/runs?probe=P&kind=slowest&limit=20&since=&until=
 *                    {data:{runs:[{at, verdict, reason, facts:{connection, hops:[{url, address,
 *                    http_version, status, dns_s..transfer_s, failed_phase, pop, cache, country,
 *                    asn}]}}]}}      (hops may be an object with keys "0", "1"..)
 *
 *   and in the stock's view, of all inventory probes (query_stock.c has the list of series):
 *                GET /api/v1/query_range
 *                    max by (probe, source, field) (inventory_drift_keys) ..
 *                    histogram_quantile(0.95, sum by (..) (rate(inventory_lag_seconds[1h])))
 *                GET /tillwatch/v1/runs?probe=P&kind=all&limit=60&since=&until=  of each P
 *                    {data:{runs:[{at, facts:{drift:{"0":{key, field, source, state, reference,
 *                    has, shows, since}}, faults:{"0":{order, fault, source, value, has, shows,
 *                    since}}}}]}}
 *                GET /tillwatch/v1/map                                (404: no such pane)
 *                    {data:{systems:[{name, title, owner, verdict, probes:[P..]}],
 *                    flows:[{from, to, via, max_lag_s, measured_by:[{probe, source, field}]}],
 *                    coverage:{share}}}
 *
 * Every text passes the sanitiser here; every array has a ceiling; numbers that are no numbers are
 * NaN.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_QUERY_H
#define TUI_QUERY_H

#include "tui/model.h"
#include "tui/source.h"

struct query_request {
	unsigned generation;
	enum query_view {
		QUERY_OVERVIEW, QUERY_STOREFRONT, QUERY_FUNNEL, QUERY_API, QUERY_STOCK
	} view;                 /* whose series are asked for, beside the overview's */
	struct axis axis;
	int stride;             /* buckets a column of cells has: the heat map's step */
	char probe[96];         /* "" = the first of the view */
	int64_t now_ms;
};

struct query_cancel { bool (*cancelled)(void *); void *arg; };

enum { /* what is asked for beside probes and alerts; the rest is taken over from `last` */
	QUERY_FULL = 1,         /* hosts, receivers and rules */
	QUERY_SUMS = 2,         /* what the list of shops says */
};
/* last may be NULL. */
struct status *query_status(const struct source *src, const struct status *last, unsigned what,
    int64_t now_ms, const struct query_cancel *cancel);
/* NULL when cancelled. status says which probe is the first (may be NULL). */
struct charts *query_charts(const struct source *src, const struct query_request *q,
    const struct status *status, const struct query_cancel *cancel);

#endif
