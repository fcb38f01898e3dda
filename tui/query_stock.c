/*
 * query_stock.c - what the view Stock shows, by PromQL, run records and the map. See query.h and
 * stock.h.
 *
 * One table says which series there are; each is asked for once, for all inventory probes, over the
 * whole axis.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "tui/ask.h"
#include "tui/stock.h"

#define BY_FIELD "probe, source, field"
#define BY_SOURCE "probe, source"
#define BY_FAULT "probe, fault"

/* Where a value comes from: a gauge, the largest of a bucket (the least of a share); or a quantile
 * of a histogram, over an hour, since changes are rare. */
static const struct asked {
	const char *by, *selector;
	const char *quantile;           /* NULL: a gauge */
	bool is_least;
} asked[STOCK_VALUES] = {
    [S_DRIFT] = {BY_FIELD, "inventory_drift_keys"},
    [S_UNITS] = {BY_FIELD, "inventory_drift_units"},
    [S_OPEN] = {BY_FIELD, "inventory_open_keys"},
    [S_AGE_HALF] = {BY_FIELD, "inventory_drift_age_seconds{quantile=\"0.5\"}"},
    [S_AGE_MOST] = {BY_FIELD, "inventory_drift_age_seconds{quantile=\"0.95\"}"},
    [S_AGE_OLDEST] = {BY_FIELD, "inventory_drift_age_seconds{quantile=\"1\"}"},
    [S_LAG_HALF] = {BY_FIELD, "inventory_lag_seconds", "0.5"},
    [S_LAG_MOST] = {BY_FIELD, "inventory_lag_seconds", "0.95"},
    [S_COHERENT] = {BY_FIELD, "inventory_coherence_ratio{bound=\"mid\"}", .is_least = true},
    [S_COHERENT_LOW] = {BY_FIELD, "inventory_coherence_ratio{bound=\"low\"}", .is_least = true},
    [S_COHERENT_HIGH] = {BY_FIELD, "inventory_coherence_ratio{bound=\"high\"}", .is_least = true},
    [S_MAPPING] = {BY_FIELD, "inventory_mapping_suspect"},
    [S_WHOLE] = {BY_SOURCE, "inventory_scan_complete", .is_least = true},
    [S_MISSING] = {BY_SOURCE, "inventory_missing_keys"},
    [S_GHOST] = {BY_SOURCE, "inventory_ghost_keys"},
    [S_OVER_UNITS] = {BY_SOURCE, "inventory_oversell_units"},
    [S_OVER_VALUE] = {BY_SOURCE, "inventory_oversell_value"},
    [S_UNDER_KEYS] = {BY_SOURCE, "inventory_undersell_keys"},
    [S_UNDER_VALUE] = {BY_SOURCE, "inventory_undersell_value"},
    [S_UNDER_PER_HOUR] = {BY_SOURCE, "inventory_undersell_value_per_hour"},
    [S_OVER_EXPECTED] = {BY_SOURCE, "inventory_oversell_expected_units"},
    [S_CANARY] = {BY_SOURCE, "inventory_canary_lag_seconds"},
    [S_CANARY_PENDING] = {BY_SOURCE, "inventory_canary_pending_seconds"},
    [S_CANARY_LATE] = {BY_SOURCE, "inventory_canary_late"},
    [S_ORDER_LAG] = {BY_SOURCE, "inventory_order_lag_seconds", "0.95"},
    [S_FAULTS] = {BY_FAULT, "inventory_order_faults"},
    [S_FAULT_VALUE] = {BY_FAULT, "inventory_order_fault_value"},
    [S_FAULT_AGE] = {BY_FAULT, "inventory_order_fault_age_seconds"},
    [S_COMPARED] = {"probe", "inventory_orders_compared"},
};

/* ---- data ---- */

static void
rows_init(struct stock_rows *rows, int cap)
{
	*rows = (struct stock_rows){.cap = cap, .at = xcalloc((size_t)cap, sizeof(*rows->at))};
}

static void
rows_free(struct stock_rows *rows)
{
	for (int i = 0; i < rows->n; i++)
		for (int v = 0; v < STOCK_VALUES; v++)
			free(rows->at[i].v[v]);
	free(rows->at);
}

struct stock_data *
stock_data_new(void)
{
	struct stock_data *d = xcalloc(1, sizeof(*d));

	rows_init(&d->flows, FLOWS_MAX);
	rows_init(&d->sides, SIDES_MAX);
	rows_init(&d->faults, FAULTS_MAX);
	return d;
}

void
stock_data_free(struct stock_data *d)
{
	if (d == NULL)
		return;
	rows_free(&d->flows);
	rows_free(&d->sides);
	rows_free(&d->faults);
	for (int i = 0; i < d->n_runs; i++)
		free(d->runs[i].at);
	free(d->map);
	free(d);
}

const struct stock_row *
stock_find(const struct stock_rows *rows, const char *probe, const char *of, const char *field)
{
	for (int i = 0; i < rows->n; i++)
		if (strcmp(rows->at[i].probe, probe) == 0 && strcmp(rows->at[i].of, of) == 0
		    && strcmp(rows->at[i].field, field) == 0)
			return &rows->at[i];
	return NULL;
}

const struct key_runs *
stock_runs(const struct stock_data *d, const char *probe)
{
	for (int i = 0; i < d->n_runs; i++)
		if (strcmp(d->runs[i].probe, probe) == 0)
			return &d->runs[i];
	return NULL;
}

/* ---- series ---- */

/* The row of those labels, made when it is new; NULL at the ceiling. */
static struct stock_row *
row_of(struct stock_rows *rows, const json_t *metric)
{
	struct stock_row key = {.limit_s = NAN};
	const struct stock_row *have;

	ask_copy_member(key.probe, sizeof(key.probe), metric, "probe");
	ask_copy_member(key.of, sizeof(key.of), metric, "source");
	if (key.of[0] == '\0')
		ask_copy_member(key.of, sizeof(key.of), metric, "fault");
	ask_copy_member(key.field, sizeof(key.field), metric, "field");
	if ((have = stock_find(rows, key.probe, key.of, key.field)) != NULL)
		return &rows->at[have - rows->at];
	if (rows->n == rows->cap) {
		rows->n_left_out++;
		return NULL;
	}
	rows->at[rows->n] = key;
	return &rows->at[rows->n++];
}

static struct stock_rows *
rows_of(struct stock_data *d, const struct asked *q)
{
	if (strcmp(q->by, BY_FIELD) == 0)
		return &d->flows;
	return strcmp(q->by, BY_FAULT) == 0 ? &d->faults : &d->sides;
}

static void
write_query(char *dst, size_t cap, const struct asked *q, const struct axis *axis)
{
	const char *f = q->is_least ? "min" : "max";

	if (q->quantile != NULL)
		snprintf(dst, cap, "histogram_quantile(%s, sum by (%s) (rate(%s[1h])))",
		    q->quantile, q->by, q->selector);
	else if (axis->step_ms < 60000)
		snprintf(dst, cap, "%s by (%s) (%s)", f, q->by, q->selector);
	else
		snprintf(dst, cap, "%s by (%s) (%s_over_time(%s[%llds]))", f, q->by, f,
		    q->selector, (long long)(axis->step_ms / 1000));
}

static void
read_value(struct asking *a, const struct axis *axis, struct stock_data *d, enum stock_value v)
{
	struct stock_rows *rows = rows_of(d, &asked[v]);
	char query[512];
	json_t *result;
	const json_t *one;
	size_t i;

	write_query(query, sizeof(query), &asked[v], axis);
	result = ask_range(a, query, axis_time(axis, 0), axis_end(axis), axis->step_ms);
	json_array_foreach(result, i, one) {
		struct stock_row *r = row_of(rows, json_object_get(one, "metric"));

		if (r == NULL)
			continue;
		if (r->v[v] == NULL)
			r->v[v] = series_values(axis->n);
		query_fill(r->v[v], axis, json_object_get(one, "values"));
	}
	json_decref(result);
}

/* ---- run records ---- */

/* A text, or a number as one. */
static void
copy_value(char *dst, size_t cap, const json_t *o, const char *name)
{
	double v = ask_member(o, name);
	char text[FORMAT_TEXT];

	ask_copy_member(dst, cap, o, name);
	if (dst[0] == '\0' && isfinite(v))
		snprintf(dst, cap, "%s", format_amount(v, text));
}

static void
read_key(struct key_row *k, const json_t *o, const char *key, const char *what)
{
	char since[64];
	int64_t ms;

	ask_copy_member(k->key, sizeof(k->key), o, key);
	ask_copy_member(k->what, sizeof(k->what), o, what);
	ask_copy_member(k->of, sizeof(k->of), o, "source");
	ask_copy_member(k->state, sizeof(k->state), o, "state");
	ask_copy_member(k->reference, sizeof(k->reference), o, "reference");
	copy_value(k->has, sizeof(k->has), o, "has");
	copy_value(k->shows, sizeof(k->shows), o, "shows");
	ask_copy_member(since, sizeof(since), o, "since");
	k->value = ask_member(o, "value");
	k->since = format_clock_parse(since, 0, true, &ms) == 0 ? (double)ms / 1e3 : NAN;
}

/* The members of facts/list are called "0", "1" .. */
static void
read_keys(struct key_run *r, const json_t *facts, const char *list, const char *key,
    const char *what)
{
	const json_t *all = json_object_get(facts, list);
	char name[16];

	for (int i = 0; i < KEYS_SHOWN && r->n < KEYS_SHOWN; i++) {
		const json_t *o;

		snprintf(name, sizeof(name), "%d", i);
		o = json_is_array(all) ? json_array_get(all, (size_t)i)
				       : json_object_get(all, name);
		if (o == NULL)
			break;
		read_key(&r->rows[r->n++], o, key, what);
	}
}

static void
read_runs(struct asking *a, const struct axis *axis, struct key_runs *runs, int64_t until_ms)
{
	struct buf url;
	bool missing;
	json_t *data;
	const json_t *one;
	size_t i;

	buf_init(&url, 64 << 10);
	buf_text(&url, "/tillwatch/v1/runs");
	ask_add_param(&url, "probe", runs->probe);
	buf_printf(&url, "&kind=all&limit=%d", STOCK_RUNS);
	ask_add_time(&url, "since", axis->start_ms);
	ask_add_time(&url, "until", until_ms);
	data = ask(a, buf_str(&url), &missing);
	runs->at = xcalloc(STOCK_RUNS, sizeof(*runs->at));
	json_array_foreach(json_object_get(data, "runs"), i, one) {
		struct key_run *r = &runs->at[runs->n];

		if (runs->n == STOCK_RUNS)
			break;
		r->at = ask_member(one, "at");
		read_keys(r, json_object_get(one, "facts"), "drift", "key", "field");
		read_keys(r, json_object_get(one, "facts"), "faults", "order", "fault");
		runs->n += isfinite(r->at);
	}
	json_decref(data);
	buf_free(&url);
}

/* Of each probe that has a row, once. */
static void
read_runs_of(struct asking *a, const struct axis *axis, struct stock_data *d,
    const struct stock_rows *rows, int64_t until_ms)
{
	for (int i = 0; i < rows->n && d->n_runs < STOCK_PROBES; i++) {
		struct key_runs *runs = &d->runs[d->n_runs];

		if (stock_runs(d, rows->at[i].probe) != NULL)
			continue;
		snprintf(runs->probe, sizeof(runs->probe), "%s", rows->at[i].probe);
		d->n_runs++;
		read_runs(a, axis, runs, until_ms);
	}
}

/* ---- the map ---- */

static int
system_named(const struct shop_map *m, const json_t *name)
{
	char clean[48];

	ask_copy_text(clean, sizeof(clean), json_string_value(name));
	for (int i = 0; i < m->n_systems; i++)
		if (strcmp(m->systems[i].name, clean) == 0)
			return i;
	return -1;
}

static void
read_system(struct map_system *s, const json_t *o)
{
	static const char *const lists[] = {"probes", "sources"}; /* both have verdicts */
	const json_t *verdict = json_object_get(o, "verdict"), *probe;
	size_t i;

	ask_copy_member(s->name, sizeof(s->name), o, "name");
	ask_copy_member(s->title, sizeof(s->title), o, "title");
	ask_copy_member(s->owner, sizeof(s->owner), o, "owner");
	if (s->title[0] == '\0')
		memcpy(s->title, s->name, sizeof(s->name));
	s->is_watched = json_is_string(verdict);
	s->state = ask_verdict_of(json_string_value(verdict));
	for (int k = 0; k < 2; k++)
		json_array_foreach(json_object_get(o, lists[k]), i, probe)
			if (s->n_probes < SYSTEM_PROBES_MAX)
				ask_copy_text(s->probes[s->n_probes++], sizeof(s->probes[0]),
				    json_string_value(probe));
}

/* One arrow from a system to another, however often it is told; NULL: none, or too many. */
static struct map_arrow *
arrow_of(struct shop_map *m, int from, int to)
{
	if (from < 0 || to < 0 || from == to)
		return NULL;
	for (int i = 0; i < m->n_arrows; i++)
		if (m->arrows[i].from == from && m->arrows[i].to == to)
			return &m->arrows[i];
	if (m->n_arrows == ARROWS_MAX)
		return NULL;
	m->arrows[m->n_arrows] = (struct map_arrow){.from = from, .to = to, .max_lag_s = NAN};
	return &m->arrows[m->n_arrows++];
}

/* What goes through others is drawn as its hops, which are flows of their own. */
static void
read_arrow(struct shop_map *m, const json_t *o)
{
	struct map_arrow *w = NULL;
	const json_t *one;
	size_t i;

	if (json_array_size(json_object_get(o, "via")) == 0)
		w = arrow_of(m, system_named(m, json_object_get(o, "from")),
		    system_named(m, json_object_get(o, "to")));
	if (w == NULL)
		return;
	w->max_lag_s = fmin(w->max_lag_s, ask_member(o, "max_lag_s")); /* of two, the tighter */
	json_array_foreach(json_object_get(o, "measured_by"), i, one) {
		if (w->n_measured == MEASURED_MAX)
			break;
		ask_copy_member(w->measured[w->n_measured].probe,
		    sizeof(w->measured[0].probe), one, "probe");
		ask_copy_member(
		    w->measured[w->n_measured].of, sizeof(w->measured[0].of), one, "source");
		ask_copy_member(w->measured[w->n_measured].field,
		    sizeof(w->measured[0].field), one, "field");
		w->n_measured++;
	}
}

static void
read_map(struct asking *a, struct stock_data *d)
{
	bool missing;
	json_t *data = ask(a, "/tillwatch/v1/map", &missing);
	struct shop_map *m;
	const json_t *one;
	size_t i;

	if (data == NULL)
		return;
	m = d->map = xcalloc(1, sizeof(*m));
	json_array_foreach(json_object_get(data, "systems"), i, one)
		if (m->n_systems < SYSTEMS_MAX)
			read_system(&m->systems[m->n_systems++], one);
	json_array_foreach(json_object_get(data, "flows"), i, one)
		read_arrow(m, one);
	m->watched = ask_member(json_object_get(data, "coverage"), "share");
	json_decref(data);
}

/* What the map allows a flow is the limit of what measures it. */
static void
take_limits(struct stock_data *d)
{
	for (int i = 0; d->map != NULL && i < d->map->n_arrows; i++) {
		const struct map_arrow *w = &d->map->arrows[i];

		for (int k = 0; k < w->n_measured; k++)
			for (int n = 0; n < d->flows.n; n++) {
				struct stock_row *r = &d->flows.at[n];

				if (strcmp(r->probe, w->measured[k].probe) == 0
				    && strcmp(r->of, w->measured[k].of) == 0
				    && strcmp(r->field, w->measured[k].field) == 0)
					r->limit_s = w->max_lag_s;
			}
	}
}

void
query_stock(struct asking *a, struct charts *c, int64_t at_ms)
{
	struct stock_data *d = c->stock = stock_data_new();

	for (int v = 0; v < STOCK_VALUES; v++)
		read_value(a, &c->axis, d, (enum stock_value)v);
	read_runs_of(a, &c->axis, d, &d->flows, at_ms);
	read_runs_of(a, &c->axis, d, &d->faults, at_ms);
	read_map(a, d);
	take_limits(d);
}
