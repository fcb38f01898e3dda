/*
 * view_storefront.c - one storefront probe: how fast, since when, in which phase, from where.
 *
 *     head        state, address, protocol, certificate, outcomes in the range
 *     Latency     time to first byte by connection and family, target
 *     Durations   heat map of the native histogram, same axis
 *     Phases      waterfall of the newest run, or of the bucket under the cursor
 *     Slowest     the slowest runs of the range, from the run records
 *     probes      the other storefronts
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/layout.h"
#include "tui/ui.h"

enum { HEAD, LATENCY, HEAT, DETAIL, OTHERS, STOREFRONT_PANES };

static void
head_state(struct cellbuf *b, struct rect r, const struct frame *f, const struct probe_row *p)
{
	enum state state = probe_state_at(f, p);
	struct style st = STYLE(state_role(state));
	char t[FORMAT_TEXT];
	int x;

	put_cp(b, r, 1, 0, state_sign(state), st);
	x = put_text(b, r, 3, 0, p->name, STYLE_BOLD(ROLE_TITLE)) + 2;
	x = put_text(b, r, x, 0, state_word(state), st);
	if (f->at >= 0) {
		x = put_fmt(b, r, x, 0, STYLE(ROLE_DIM), " at %s", frame_time(f, t));
	} else {
		if (isfinite(p->since) && p->since > 0)
			x = put_fmt(b, r, x, 0, STYLE(ROLE_DIM), " since %s",
			    format_clock((int64_t)(p->since * 1e3), f->ui->utc, true, t));
		if (p->late)
			x = put_text(b, r, x + 2, 0, "late", STYLE(ROLE_WARN));
		if (p->reason[0] != '\0')
			put_field(b, r, x + 2, 0, r.w - x - 2, p->reason,
			    STYLE(state == STATE_OK ? ROLE_DIM : state_role(state)));
	}
}

static int
fact(struct cellbuf *b, struct rect r, int x, const char *label, const char *text)
{
	if (text[0] == '\0' || x + text_columns(label) + text_columns(text) > r.w)
		return x;
	x = put_text(b, r, x, 1, label, STYLE(ROLE_DIM));
	return put_text(b, r, x, 1, text, STYLE(ROLE_NORMAL)) + 2;
}

static void
head_facts(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct charts *c = f->charts;
	const struct hop_row *h = &c->newest.last;
	char t[FORMAT_TEXT], text[FORMAT_TEXT + 16];
	int x = 3;

	if (c->newest.at > 0) {
		x = fact(b, r, x, "", h->url);
		x = fact(b, r, x, "HTTP/", h->http_version);
		x = fact(b, r, x, "", h->address);
		x = fact(b, r, x, "", h->asn);
		x = fact(b, r, x, "", h->country);
		x = fact(b, r, x, "pop ", h->pop);
		x = fact(b, r, x, "cache ", h->cache);
	}
	if (isfinite(c->outcome_all) && c->outcome_all >= 0.5 && isfinite(c->outcome_ok)) {
		snprintf(text, sizeof(text), "%.1f %% of %.0f runs",
		    100 * fmin(1, c->outcome_ok / c->outcome_all), c->outcome_all);
		x = fact(b, r, x, "ok ", text);
	}
	if (isfinite(c->certificate_s)) {
		if (c->certificate_s < 14 * 86400 && x + 12 < r.w)
			put_fmt(b, r, x, 1, STYLE(ROLE_WARN), "certificate %s",
			    format_age(c->certificate_s, t));
		else
			fact(b, r, x, "certificate ", format_age(c->certificate_s, t));
	}
}

static void
draw_latency(struct cellbuf *b, struct rect r, const struct frame *f, const struct probe_row *p)
{
	const struct charts *c = f->charts;
	struct rect in;
	char value[FORMAT_TEXT], text[160], title[96] = "Time to first byte";
	int x;

	if (f->chart.cursor >= 0)
		snprintf(title, sizeof(title), "Time to first byte at %s", frame_time(f, value));
	in = w_pane(b, r, title, NULL, true);
	x = text_columns(title) + 6;
	for (int i = 0; i < c->n_lines; i++) {
		double now = probe_value_at(f, &c->lines[i]);

		snprintf(
		    text, sizeof(text), " %.24s %s ", c->lines[i].name, format_latency(now, value));
		if (x + text_columns(text) + 3 > r.w)
			break;
		put_text(b, r, x, 0, "──", STYLE((uint8_t)(ROLE_LINE1 + i)));
		x = put_text(b, r, x + 2, 0, text, STYLE(now > p->target ? ROLE_WARN : ROLE_NORMAL))
		    + 1;
	}
	if (isfinite(p->target) && x + 18 < r.w)
		put_fmt(
		    b, r, x, 0, STYLE(ROLE_DIM), " ┄ target %s ", format_latency(p->target, value));
	if (c->n_lines == 0) {
		w_waiting(b, in, "no time to first byte in this range");
		return;
	}
	w_line(b, in, &f->chart, c->lines, c->n_lines, p->target);
}

static void
draw_heat(struct cellbuf *b, struct rect r, const struct frame *f)
{
	float peak = heat_peak(&f->chart, f->charts->heat);
	char right[64];

	snprintf(right, sizeof(right), "█ up to %.0f run%s", (double)peak, peak > 1 ? "s" : "");
	w_heat(b, w_pane(b, r, "Durations", right, false), &f->chart, f->charts->heat);
}

static int
by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double
median(const struct series *s, int n)
{
	float v[BUCKETS_MAX];
	int k = 0;

	for (int i = 0; s->v != NULL && i < n; i++)
		if (isfinite(s->v[i]))
			v[k++] = s->v[i];
	qsort(v, (size_t)k, sizeof(v[0]), by_value);
	return k > 0 ? (double)v[k / 2] : NAN;
}

static void
draw_phases(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct charts *c = f->charts;
	const struct run_row *run = &c->newest;
	double phase[PHASES], usual[PHASES];
	bool from_run = f->at < 0 && run->at > 0, warm = strcmp(run->connection, "warm") == 0;
	char title[96], t[FORMAT_TEXT];
	struct rect in;

	for (int i = 0; i < PHASES; i++) {
		usual[i] = median(&c->phases[i], c->axis.n);
		phase[i] = from_run                 ? run->last.phase[i]
			   : c->phases[i].v != NULL ? probe_value_at(f, &c->phases[i])
						    : NAN;
	}
	if (from_run)
		snprintf(title, sizeof(title), "Phases of the run at %s%s%s",
		    format_clock((int64_t)(run->at * 1e3), f->ui->utc, true, t),
		    run->connection[0] != '\0' ? ", " : "", run->connection);
	else
		snprintf(title, sizeof(title), "Phases at %s, cold", frame_time(f, t));
	in = w_pane(b, r, title, NULL, false);
	w_waterfall(b, in, f->ui->set, phase, from_run && warm ? NULL : usual,
	    from_run ? run->last.failed_phase : "");
}

static void
draw_runs(struct cellbuf *b, struct rect r, const struct frame *f)
{
	static const struct column c[] = {{"", 1, 1, 10}, {"at", 8, 8, 10}, {"total>", 8, 8, 10},
	    {"wait>", 8, 8, 7}, {"http>", 4, 4, 6}, {"conn", 4, 4, 5}, {"address", 11, 22, 4},
	    {"pop", 4, 6, 2}, {"cache", 5, 8, 1}, {"what", 8, 20, 3}};
	const struct charts *ch = f->charts;
	struct rect in = rect_inset(w_pane(b, r, "Slowest runs", NULL, false), 1, 0, 0, 0);
	struct columns k;
	char t[FORMAT_TEXT];

	if (ch->n_runs == 0) {
		w_waiting(b, in, "no run record in this range");
		return;
	}
	columns_fit(&k, c, 10, in.w, 9);
	columns_head(b, in, 0, &k, c);
	for (int y = 1; y < in.h && y <= ch->n_runs; y++) {
		const struct run_row *run = &ch->runs[y - 1];
		struct style st =
		    STYLE(run->state == STATE_OK ? ROLE_NORMAL : state_role(run->state));

		put_cp(b, in, 0, y, state_sign(run->state), STYLE(state_role(run->state)));
		columns_text(b, in, y, &k, 1, c,
		    format_clock((int64_t)(run->at * 1e3), f->ui->utc, true, t),
		    STYLE(ROLE_NORMAL));
		columns_text(b, in, y, &k, 2, c, format_latency(run->total, t), st);
		columns_text(
		    b, in, y, &k, 3, c, format_latency(run->last.phase[4], t), STYLE(ROLE_DIM));
		if (run->last.status > 0) {
			snprintf(t, sizeof(t), "%.0f", run->last.status);
			columns_text(b, in, y, &k, 4, c, t, st);
		}
		columns_text(b, in, y, &k, 5, c, run->connection, STYLE(ROLE_DIM));
		columns_text(b, in, y, &k, 6, c, run->last.address, STYLE(ROLE_DIM));
		columns_text(b, in, y, &k, 7, c, run->last.pop, STYLE(ROLE_DIM));
		columns_text(b, in, y, &k, 8, c, run->last.cache, STYLE(ROLE_DIM));
		columns_text(b, in, y, &k, 9, c, run->reason, st);
	}
}

static void
draw_others(
    struct cellbuf *b, struct rect r, const struct frame *f, const int *idx, int n, int selected)
{
	char t[FORMAT_TEXT];
	int x = 1;

	for (int i = selected > 2 ? selected - 2 : 0; i < n; i++) {
		const struct probe_row *p = &f->status->probes[idx[i]];
		enum state state = probe_state_at(f, p);
		double now =
		    probe_value_at(f, series_find(f->charts->ttfb, f->charts->n_ttfb, p->name));
		struct style st = STYLE(state == STATE_OK ? ROLE_NORMAL : state_role(state));
		int from = x;

		if (x + text_columns(p->name) + 12 > r.w) {
			put_text(b, r, x, 0, "…", STYLE(ROLE_DIM));
			break;
		}
		put_cp(b, r, x, 0, state_sign(state), STYLE(state_role(state)));
		x = put_text(b, r, x + 2, 0, p->name, st) + 1;
		x = put_text(b, r, x, 0, format_latency(now, t), STYLE(ROLE_DIM));
		if (i == selected)
			put_attr(b, r, from, 0, x - from, ATTR_REVERSE);
		x += 2;
	}
}

static void
draw_detail(struct cellbuf *b, struct rect r, const struct frame *f)
{
	struct rect left = r, right;

	if (r.w >= 100) {
		layout_halves(r, 45, &left, &right);
		draw_runs(b, right, f);
	} else if (r.h >= 7 + 4) {
		left.h = 7;
		right = rect_inset(r, 0, 7, 0, 0);
		draw_runs(b, right, f);
	}
	draw_phases(b, left, f);
}

static void
storefront_render(struct cellbuf *b, struct rect r, const struct frame *f)
{
	int idx[PROBES_MAX], n = probe_order(f, VIEW_STOREFRONT, idx, PROBES_MAX);
	int selected = probe_selected(f, idx, n), rest = r.h;
	struct pane_want want[STOREFRONT_PANES] = {
	    [HEAD] = {2, 2, 10}, [LATENCY] = {6, 11, 9}};
	struct rect at[STOREFRONT_PANES];
	const struct probe_row *p;

	if (n == 0) {
		w_waiting(b, r,
		    f->status == NULL || !f->status->ever
			? "waiting for the agent's first answer"
			: "no storefront probe is configured (plugin: storefront, url: ...)");
		return;
	}
	p = &f->status->probes[idx[selected]];
	if (f->charts == NULL || strcmp(f->charts->probe, p->name) != 0) {
		head_state(b, r, f, p);
		w_waiting(b, rect_inset(r, 2, 2, 0, 0), "reading its series …");
		return;
	}
	if (f->charts->heat != NULL)
		want[HEAT] = (struct pane_want){5, heat_rows(&f->chart, f->charts->heat) + 2, 6};
	if (want[HEAT].want < want[HEAT].min)
		want[HEAT].min = want[HEAT].want;
	want[DETAIL] = (struct pane_want){7, r.w >= 100 ? 12 : 7 + 8, 7};
	if (n > 1)
		want[OTHERS] = (struct pane_want){1, 1, 8};
	/* The chart takes what the rest leaves. */
	for (int i = 0; i < STOREFRONT_PANES; i++)
		rest -= i != LATENCY ? want[i].want : 0;
	if (rest > want[LATENCY].want)
		want[LATENCY].want = rest;
	layout_rows(r, want, STOREFRONT_PANES, at);
	if (at[HEAD].h > 0) {
		head_state(b, at[HEAD], f, p);
		head_facts(b, at[HEAD], f);
	}
	if (at[LATENCY].h > 0)
		draw_latency(b, at[LATENCY], f, p);
	if (at[HEAT].h > 0)
		draw_heat(b, at[HEAT], f);
	if (at[DETAIL].h > 0)
		draw_detail(b, at[DETAIL], f);
	if (at[OTHERS].h > 0)
		draw_others(b, at[OTHERS], f, idx, n, selected);
}

const struct view_ops view_storefront = {
    .name = "Storefront",
    .key = '2',
    .hints = "? help  J K probe  t range  [ ] pan  + - zoom  SPACE freeze  v cursor  q back",
    .render = storefront_render,
};
