/*
 * view_api.c - requests, errors and durations of real traffic, by route.
 *
 *     head      the probe; up to when its requests are counted: what is stale is no zero
 *     Routes    worst first: rate, errors by kind, quantiles, trend where there is room
 *     errors    of the first route, over time
 *     Budget    what is left, and how fast it burns against the limit of each window
 *     Quota     what is left of the API's own, where the probe asks it (calls), and until when
 *     Inside    errors inside answers, by code and path
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/layout.h"
#include "tui/traffic.h"
#include "tui/ui.h"

#define WINDOW_S 300.0
#define STALE_S 300.0

enum { HEAD, ROUTES, ERRORS, BUDGET, QUOTA, INSIDE, FOOT, API_PANES };

static void
draw_head(struct cellbuf *b, struct rect r, const struct frame *f, const struct probe_row *p)
{
	const struct api_data *d = f->charts->api;
	enum state state = probe_state_at(f, p);
	double behind = (double)f->ui->now_ms / 1e3 - d->complete_s;
	char t[FORMAT_TEXT];
	int x;

	put_cp(b, r, 1, 0, state_sign(state), STYLE(state_role(state)));
	x = put_text(b, r, 3, 0, p->name, STYLE_BOLD(ROLE_TITLE)) + 2;
	x = put_text(b, r, x, 0, "5 m", STYLE(ROLE_DIM)) + 2;
	if (f->at < 0 && behind > STALE_S)
		x = put_fmt(b, r, x, 0, STYLE_BOLD(ROLE_WARN),
		    "◌ counted up to %s ago: silent is not zero", format_age(behind, t));
	else if (isfinite(d->complete_s))
		x = put_fmt(b, r, x, 0, STYLE(ROLE_DIM), "counted to %s",
		    format_clock((int64_t)(d->complete_s * 1e3), f->ui->utc, true, t));
	if (!d->is_asked && d->lines > 0 && isfinite(d->unparsed))
		x = put_fmt(b, r, x + 2, 0,
		    STYLE(d->unparsed > 0.05 * d->lines ? ROLE_WARN : ROLE_DIM),
		    "unparsed lines %.2f %%", 100 * d->unparsed / d->lines);
	if (p->reason[0] != '\0' && x + 12 < r.w)
		put_field(b, r, x + 2, 0, r.w - x - 2, p->reason, STYLE(state_role(state)));
}

static enum state
route_state(const struct route_row *r)
{
	double bad = r->n > 0 ? (r->by[T_SERVER] + r->by[T_THROTTLED]) / r->n : 0;

	if (r->n <= 0)
		return STATE_STALE;
	return bad >= 0.05 ? STATE_CRIT : bad >= 0.005 ? STATE_WARN : STATE_OK;
}

static void
share(char dst[FORMAT_TEXT], double part, double n)
{
	if (n > 0)
		snprintf(dst, FORMAT_TEXT, "%.2f", 100 * part / n);
	else
		snprintf(dst, FORMAT_TEXT, "-");
}

static void
draw_route(struct cellbuf *b, struct rect r, const struct frame *f, int y,
    const struct columns *k, const struct column *c, const struct route_row *row)
{
	const struct api_data *d = f->charts->api;
	const struct series *trend = series_find(d->trends, d->n_trends, row->name);
	enum state state = route_state(row);
	struct style st = STYLE(state == STATE_OK ? ROLE_NORMAL : state_role(state));
	static const enum traffic_outcome kinds[] = {T_SERVER, T_THROTTLED, T_BUSINESS, T_CLIENT};
	const double quantiles[] = {row->p50, row->p95, row->p99};
	char t[FORMAT_TEXT];

	put_cp(b, r, 0, y, state_sign(state), STYLE(state_role(state)));
	columns_text(b, r, y, k, 1, c, row->name, st);
	snprintf(t, sizeof(t), "%.*f", row->n / WINDOW_S < 10 ? 2 : 1, row->n / WINDOW_S);
	columns_text(b, r, y, k, 2, c, t, STYLE(ROLE_NORMAL));
	for (int i = 0; i < 4; i++) {
		share(t, row->by[kinds[i]], row->n);
		columns_text(b, r, y, k, 3 + i, c, t, i < 2 ? st : STYLE(ROLE_NORMAL));
	}
	for (int i = 0; i < 3; i++)
		columns_text(
		    b, r, y, k, 7 + i, c, format_latency(quantiles[i], t), STYLE(ROLE_NORMAL));
	if (k->w[10] > 0 && trend != NULL) {
		double top = 0;

		for (int i = 0; i < f->charts->axis.n; i++)
			if (isfinite(trend->v[i]))
				top = fmax(top, (double)trend->v[i]);
		w_spark(b, (struct rect){r.x + k->x[10], r.y + y, k->w[10], 1}, &f->chart, trend,
		    NULL, top);
	}
}

static void
draw_routes(struct cellbuf *b, struct rect r, const struct frame *f)
{
	static const struct column c[] = {{"", 1, 1, 10}, {"route", 10, 24, 10},
	    {"req/s>", 6, 7, 10}, {"srv %>", 5, 6, 10}, {"thr %>", 5, 6, 8}, {"biz %>", 5, 6, 5},
	    {"client %>", 8, 8, 4},
	    {"p50>", 7, 8, 7}, {"p95>", 7, 8, 9}, {"p99>", 7, 8, 6}, {"trend", 12, 30, 2}};
	const struct api_data *d = f->charts->api;
	struct rect in = rect_inset(
	    w_pane(b, r, "Routes, worst first", "share of requests by outcome", true), 1, 0, 0, 0);
	struct columns k;

	if (d->n_routes == 0) {
		w_waiting(b, in, "no request in the last five minutes that are counted");
		return;
	}
	columns_fit(&k, c, 11, in.w, in.w > 110 ? 10 : 1);
	columns_head(b, in, 0, &k, c);
	for (int i = 0; i < d->n_routes && i + 1 < in.h; i++)
		draw_route(b, in, f, i + 1, &k, c, &d->routes[i]);
	if (d->n_routes > in.h - 1)
		put_fmt(b, in, in.w - 12, in.h - 1, STYLE(ROLE_DIM), "%d more …",
		    d->n_routes - (in.h - 2));
}

static void
draw_errors(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct api_data *d = f->charts->api;
	struct chart chart = f->chart;
	char title[160];
	struct rect in;

	snprintf(title, sizeof(title), "%s: share of errors",
	    d->n_routes > 0 ? d->routes[0].name : "errors");
	in = w_pane(b, r, title, "─ server  ─ throttled", false);
	chart.is_share = true;
	w_line(b, in, &chart, d->errors, 2, NAN);
}

static void
draw_budget(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct api_data *d = f->charts->api;
	struct rect in = rect_inset(w_pane(b, r, "Error budget", NULL, false), 1, 0, 0, 0);
	char t[64];
	int y = 1;

	if (!isfinite(d->left)) {
		w_waiting(b, in, "no objective (slo: {objective: 99.9%})");
		return;
	}
	put_fmt(b, in, 0, 0,
	    STYLE(d->left <= 0 ? ROLE_CRIT : d->left < 0.25 ? ROLE_WARN : ROLE_NORMAL),
	    "left %.0f %%", 100 * d->left);
	w_bar(b, in, 12, 0, in.w > 30 ? in.w - 14 : 12, 0, fmin(fmax(d->left, 0), 1), f->ui->set,
	    STYLE(d->left <= 0 ? ROLE_CRIT : ROLE_OK));
	for (int i = 0; i < BURNS && y < in.h; i++) {
		bool is_over = d->burn[i] > burn_limit(i);

		if (!isfinite(d->burn[i]))
			continue;
		snprintf(t, sizeof(t), "%-3s burns %6.1fx   limit %4.1fx   %6.2f %% bad",
		    burn_window(i), d->burn[i], burn_limit(i), 100 * d->ratio[i]);
		put_field(b, in, 0, y++, in.w, t, STYLE(is_over ? ROLE_WARN : ROLE_NORMAL));
	}
	if (y < in.h)
		put_field(b, in, 0, y, in.w,
		    d->alarm > 0 ? "chance does not explain it: the alarm is on"
				 : "no alarm: within the objective, or too few to tell",
		    STYLE(d->alarm > 0 ? ROLE_CRIT : ROLE_DIM));
}

static void
draw_quotas(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct api_data *d = f->charts->api;
	struct rect in = rect_inset(w_pane(b, r, "Quota", "left", false), 1, 0, 0, 0);
	char name[120], t[FORMAT_TEXT];
	int width = in.w < 60 ? in.w / 3 : 28, x;

	for (int i = 0; i < d->n_quotas && i < in.h; i++) {
		const struct quota_row *q = &d->quotas[i];
		enum state state = q->headroom <= 0.1 ? STATE_CRIT
		    : q->headroom <= 0.25             ? STATE_WARN
						      : STATE_OK;
		struct style st = STYLE(state == STATE_OK ? ROLE_NORMAL : state_role(state));

		put_cp(b, in, 0, i, state_sign(state), STYLE(state_role(state)));
		snprintf(name, sizeof(name), "%s %s", q->host, q->quota);
		put_field(b, in, 2, i, width, name, st);
		w_bar(b, in, 3 + width, i, 16, 0, fmin(fmax(q->headroom, 0), 1), f->ui->set, st);
		x = put_fmt(b, in, 20 + width, i, st, "%3.0f %%", 100 * q->headroom) + 2;
		if (isfinite(q->exhausted_s))
			put_fmt(b, in, x, i, STYLE(ROLE_WARN), "used up in %s",
			    format_age(q->exhausted_s, t));
	}
}

static void
draw_codes(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct api_data *d = f->charts->api;
	struct rect in = rect_inset(
	    w_pane(b, r, "Errors inside answers", "5 m, by code and path", false), 1, 0, 0, 0);
	char t[280];

	for (int i = 0; i < d->n_codes && i < in.h; i++) {
		const struct code_row *c = &d->codes[i];

		snprintf(t, sizeof(t), "%5.0f  %-12s %-28s %s", c->n, c->route, c->code, c->path);
		put_field(b, in, 0, i, in.w, t, STYLE(ROLE_NORMAL));
	}
}

static void
api_render(struct cellbuf *b, struct rect r, const struct frame *f)
{
	int idx[PROBES_MAX], n = probe_order(f, VIEW_API, idx, PROBES_MAX);
	struct pane_want want[API_PANES] = {[HEAD] = {1, 1, 10}, [ERRORS] = {6, 9, 6},
	    [BUDGET] = {3, 8, 7}, [FOOT] = {1, 1, 5}};
	struct rect at[API_PANES];
	const struct api_data *d;
	const struct probe_row *p;
	int routes, rest;

	if (n == 0) {
		w_waiting(b, r,
		    f->status == NULL || !f->status->ever
			? "waiting for the agent's first answer"
			: "no API is watched: a source (type: access_log, path: ...) and a probe "
			  "(plugin: api, source: ...) show it");
		return;
	}
	p = &f->status->probes[idx[probe_selected(f, idx, n)]];
	if (f->charts == NULL || f->charts->api == NULL
	    || strcmp(f->charts->api->probe, p->name) != 0) {
		w_waiting(b, r, "reading its series …");
		return;
	}
	d = f->charts->api;
	routes = d->n_routes;
	if (!isfinite(d->left))
		want[BUDGET] = (struct pane_want){2, 2, 4};
	if (d->n_quotas > 0)
		want[QUOTA] = (struct pane_want){2, d->n_quotas + 1, 8};
	if (d->n_codes > 0)
		want[INSIDE] = (struct pane_want){2, d->n_codes + 1, 8};
	want[ROUTES] = (struct pane_want){4, routes + 2 < 4 ? 4 : routes + 2, 9};
	/* The chart takes what the rest leaves. */
	rest = r.h - 2 - want[ROUTES].want - want[BUDGET].want - want[QUOTA].want
	    - want[INSIDE].want;
	if (rest > want[ERRORS].want)
		want[ERRORS].want = rest < 18 ? rest : 18;
	layout_rows(r, want, API_PANES, at);
	draw_head(b, at[HEAD], f, p);
	if (at[ROUTES].h > 0)
		draw_routes(b, at[ROUTES], f);
	if (at[ERRORS].h > 0)
		draw_errors(b, at[ERRORS], f);
	if (at[BUDGET].h > 0)
		draw_budget(b, at[BUDGET], f);
	if (at[QUOTA].h > 0)
		draw_quotas(b, at[QUOTA], f);
	if (at[INSIDE].h > 0)
		draw_codes(b, at[INSIDE], f);
	if (at[FOOT].h > 0)
		put_field(b, at[FOOT], 1, 0, r.w - 1,
		    d->is_asked
			? "what the probe asks by itself; an error inside a 200 is no success"
			: "one outcome a request; errors inside a 200 are invisible to a log",
		    STYLE(ROLE_DIM));
}

const struct view_ops view_api = {
    .name = "API",
    .key = '4',
    .hints = "? help  J K probe  t range  [ ] pan  + - zoom  SPACE freeze  v cursor  q back",
    .render = api_render,
};
