/*
 * routes.c - the one table of endpoints. Prometheus' semantics: prometheus.io "HTTP API" (query,
 * metadata, rules, alerts, management). `/tillwatch/v1/` is what Prometheus has no word for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/api/request.h"

const struct route api_routes[] = {
    {"/api/v1/query", "GET POST", API_READ, handle_query, "evaluate at one instant"},
    {"/api/v1/query_range", "GET POST", API_READ, handle_query_range,
	"evaluate over a range of time"},
    {"/api/v1/series", "GET POST", API_READ, handle_series, "label sets that match"},
    {"/api/v1/labels", "GET POST", API_READ, handle_labels, "label names"},
    {"/api/v1/label/", "GET", API_READ, handle_label_values,
	"values of a label: /api/v1/label/probe/values"},
    {"/api/v1/metadata", "GET", API_READ, handle_metadata, "type, help and unit of metrics"},
    {"/api/v1/alerts", "GET", API_READ, handle_alerts, "active alerts"},
    {"/api/v1/rules", "GET", API_READ, handle_rules, "rules, their health and their alerts"},
    {"/api/v1/status/buildinfo", "GET", API_READ, handle_buildinfo, "version"},
    {"/metrics", "GET", API_READ, handle_metrics, "the agent's own metrics, Prometheus text"},
    {"/-/healthy", "GET", API_NONE, handle_healthy, "200 while the agent lives"},
    {"/-/ready", "GET", API_NONE, handle_ready, "200 once it measures, else 503"},
    {"/-/reload", "POST", API_ACT, handle_reload, "read the configuration again"},
    {"/tillwatch/v1/agent", "GET", API_READ, handle_agent,
	"the agent: version, configuration, when it was read"},
    {"/tillwatch/v1/probes", "GET", API_READ, handle_probes, "probes and their last verdict"},
    {"/tillwatch/v1/runs", "GET", API_READ, handle_runs,
	"run records: ?probe= &kind= &since= &until= &limit="},
    {"/tillwatch/v1/run", "POST", API_ACT, handle_run, "run a probe now: ?probe="},
    {"/tillwatch/v1/plugins", "GET", API_READ, handle_plugins, "plugin hosts"},
    {"/tillwatch/v1/plugins/retry", "POST", API_ACT, handle_retry, "end a back-off now: ?group="},
    {"/tillwatch/v1/map", "GET", API_READ, handle_map,
	"systems, what flows between them, coverage"},
    {"/tillwatch/v1/outbox", "GET", API_READ, handle_outbox, "receivers and what waits for them"},
    {"/tillwatch/v1/notify/test", "POST", API_ACT, handle_notify_test,
	"send a test message: ?receiver="},
};
const size_t api_n_routes = sizeof(api_routes) / sizeof(api_routes[0]);
