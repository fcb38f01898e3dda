/*
 * map-live.c - see map.h: the figures of the last hour, by PromQL, one question a figure for the
 * whole map.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "cli/map.h"
#include "lib/buf.h"

#define QUERY_BYTES_MAX 8192

/* What was counted in the last hour. A series that was not there before began at nothing, which
 * increase() cannot know. */
#define HOUR(series_)                                                                              \
	"((" series_ " unless " series_ " offset 1h) or increase(" series_ "[1h]))"

/* What is worse of two series: the higher, or the lower. */
enum worse { HIGH, LOW };

/* Figures of a compare, by its probe, source and field. Those of a whole source have no field. */
static const struct figure { const char *member, *expr; enum worse worse; } figures[] = {
    {"lag_p95_s", "histogram_quantile(0.95, sum by (probe, source, field) ("
		  HOUR("inventory_lag_seconds") "))", HIGH},
    {"canary_lag_s", "max by (probe, source) (inventory_canary_lag_seconds)", HIGH},
    {"drift_keys", "inventory_drift_keys", HIGH},
    {"drift_units", "inventory_drift_units", HIGH},
    {"drift_age_s", "inventory_drift_age_seconds{quantile=\"1\"}", HIGH},
    {"missing_keys", "inventory_missing_keys", HIGH},
    {"coherence", "inventory_coherence_ratio{bound=\"mid\"}", LOW},
    {"coherence_low", "inventory_coherence_ratio{bound=\"low\"}", LOW},
    {"coherence_high", "inventory_coherence_ratio{bound=\"high\"}", LOW},
};

/* Of all requests, calls and journeys that were judged in the last hour, those that went wrong. */
#define JUDGED "outcome!~\"ignored|blocked\""
#define WRONG "outcome=~\"server_error|business_error|partial\""
#define ALL(metric_) "sum by (probe) (" HOUR(metric_ "{" JUDGED "}") ")"
#define SHARE(metric_, wrong_)                                                                     \
	"(sum by (probe) (" HOUR(metric_ "{" wrong_ "}") ") or 0 * " ALL(metric_) ") / "           \
	ALL(metric_)
static const char *const shares[] = {
    SHARE("api_requests_total", WRONG),
    SHARE("api_calls_total", WRONG),
    SHARE("checkout_journey_runs_total", "outcome!~\"ok|ignored|blocked\""),
};

static int
ask(struct cli *cli, const char *expr, json_t **data)
{
	struct buf url;
	int rc;

	buf_init(&url, QUERY_BYTES_MAX);
	buf_text(&url, "/api/v1/query");
	client_param(&url, "query", expr);
	rc = client_get(cli, buf_str(&url), data);
	buf_free(&url);
	return rc;
}

/* A sample's value, a text in Prometheus' answers; NaN when it has none. */
static double
value_of(const json_t *series)
{
	const char *text = json_string_value(json_array_get(json_object_get(series, "value"), 1));
	double v;

	return text != NULL && sscanf(text, "%lf", &v) == 1 && isfinite(v) ? v : NAN;
}

static bool
same(const json_t *metric, const json_t *compare, const char *label)
{
	return strcmp(member_text(metric, label), member_text(compare, label)) == 0;
}

static bool
is_of(const json_t *metric, const json_t *compare)
{
	return same(metric, compare, "probe") && same(metric, compare, "source")
	       && (json_object_get(metric, "field") == NULL
		   || !json_is_string(json_object_get(compare, "field"))
		   || same(metric, compare, "field"));
}

static double
worse_of(double a, double b, enum worse worse)
{
	if (isnan(a) || isnan(b))
		return isnan(a) ? b : a;
	return worse == HIGH ? fmax(a, b) : fmin(a, b);
}

static void
set_number(json_t *o, const char *name, double v)
{
	json_object_set_new(o, name, isnan(v) ? json_null() : json_real(v));
}

static int
add_figure(struct cli *cli, json_t *map, const struct figure *f)
{
	json_t *data, *flow, *compare, *series;
	size_t i, j, k;
	int rc = ask(cli, f->expr, &data);

	if (rc != 0)
		return rc;
	json_array_foreach(json_object_get(map, "flows"), i, flow)
		json_array_foreach(json_object_get(flow, "measured_by"), j, compare) {
			double v = NAN;

			json_array_foreach(json_object_get(data, "result"), k, series)
				if (is_of(json_object_get(series, "metric"), compare))
					v = worse_of(v, value_of(series), f->worse);
			set_number(compare, f->member, v);
		}
	json_decref(data);
	return 0;
}

static bool
has_name(const json_t *names, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(names, i, v)
		if (strcmp(json_string_value(v), name) == 0)
			return true;
	return false;
}

/* The worst of a system's probes. */
static int
add_share(struct cli *cli, json_t *map, const char *expr)
{
	json_t *data, *system, *series;
	size_t i, k;
	int rc = ask(cli, expr, &data);

	if (rc != 0)
		return rc;
	json_array_foreach(json_object_get(map, "systems"), i, system) {
		const json_t *probes = json_object_get(system, "probes");
		double v = member_number(system, "error_share");

		json_array_foreach(json_object_get(data, "result"), k, series)
			if (has_name(probes,
				member_text(json_object_get(series, "metric"), "probe")))
				v = worse_of(v, value_of(series), HIGH);
		set_number(system, "error_share", v);
	}
	json_decref(data);
	return 0;
}

int
map_live(struct cli *cli, json_t *map)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]) && rc == 0; i++)
		rc = add_figure(cli, map, &figures[i]);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]) && rc == 0; i++)
		rc = add_share(cli, map, shares[i]);
	return rc;
}
