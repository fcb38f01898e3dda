/*
 * view_funnel.c - customers on their way, robots on the same way, and the rate of orders.
 *
 *     head       which funnel; up to when it is settled
 *     Steps      sessions, share of the start, conversion of the step and what is usual
 *     ratio      of the step that fires, or of the last one, with its usual band
 *     Parts      where it is: the dimension values that surprise most
 *     Journeys   the same way, by robots
 *     Orders     the rate and what is usual, and the shortest outage that can be seen
 *
 * What is not configured is left out; nothing is said of causes that nobody measures.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/layout.h"
#include "tui/traffic.h"
#include "tui/ui.h"

#define PART_TOLD 2.0                   /* -log10 p from which a part is told as unusual */

enum { HEAD, STEPS, RATIO, PARTS, JOURNEYS, RATES, FUNNEL_PANES };

static void
draw_head(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct funnel_data *d = f->charts->funnel;
	bool is_open = false;
	char t[FORMAT_TEXT], span[FORMAT_TEXT];
	int x;

	for (int i = 0; i < d->n_steps; i++)
		is_open |= d->steps[i].closed == 0;
	x = put_text(b, r, 1, 0, d->probe, STYLE_BOLD(ROLE_TITLE)) + 2;
	x = put_fmt(b, r, x, 0, STYLE(ROLE_DIM), "%s · %s",
	    is_open ? "sessions, open steps by count" : "closed: by sessions",
	    format_span(f->ui->span_ms, span));
	if (isfinite(d->complete_s))
		put_fmt(b, r, x, 0, STYLE(ROLE_DIM), " · settled to %s",
		    format_clock((int64_t)(d->complete_s * 1e3), f->ui->utc, false, t));
}

static enum state
step_state(const struct step_row *s)
{
	return s->alarm > 0 ? STATE_CRIT : isfinite(s->sessions) ? STATE_OK : STATE_STALE;
}

static void
draw_step(struct cellbuf *b, struct rect r, const struct frame *f, int y, const struct columns *k,
    const struct column *c, const struct step_row *s, double start)
{
	enum state state = step_state(s);
	struct style st = STYLE(state == STATE_OK ? ROLE_NORMAL : state_role(state));
	char t[FORMAT_TEXT];

	put_cp(b, r, 0, y, state_sign(state), STYLE(state_role(state)));
	columns_text(b, r, y, k, 1, c, s->name, st);
	if (isfinite(s->sessions)) {
		snprintf(t, sizeof(t), "%.0f", s->sessions);
		columns_text(b, r, y, k, 2, c, t, STYLE(ROLE_NORMAL));
	}
	if (k->w[3] > 0 && start > 0)
		w_bar(b, r, k->x[3], y, k->w[3], 0, fmin(s->sessions / start, 1), f->ui->set, st);
	if (s->tried > 0 && isfinite(s->sessions)) {
		snprintf(t, sizeof(t), "%.1f %%", 100 * fmin(s->sessions / s->tried, 1));
		columns_text(b, r, y, k, 4, c, t, st);
	}
	if (isfinite(s->low)) {
		snprintf(t, sizeof(t), "%.1f–%.1f", 100 * s->low, 100 * s->high);
		columns_text(b, r, y, k, 5, c, t, STYLE(ROLE_DIM));
	}
	if (isfinite(s->lost)) {
		snprintf(t, sizeof(t), "~%.0f lost", s->lost);
		columns_text(b, r, y, k, 6, c, t, STYLE(ROLE_CRIT));
	} else if (s->closed == 0) {
		columns_text(b, r, y, k, 6, c, "open", STYLE(ROLE_DIM));
	}
}

static void
draw_steps(struct cellbuf *b, struct rect r, const struct frame *f)
{
	static const struct column c[] = {{"", 1, 1, 10}, {"step", 10, 18, 10},
	    {"sessions>", 8, 9, 10}, {"of start", 10, 24, 6}, {"step>", 7, 8, 9},
	    {"usual>", 9, 11, 8}, {"", 8, 10, 5}};
	const struct funnel_data *d = f->charts->funnel;
	struct rect in = rect_inset(
	    w_pane(b, r, "Steps", "usual: 95 % of it, last hour", true), 1, 0, 0, 0);
	double start = d->n_steps > 0 ? d->steps[0].sessions : NAN, last;
	struct columns k;
	int x = 0;

	if (d->n_steps == 0) {
		w_waiting(
		    b, in, "no funnel is configured (plugin: checkout, funnel: {source, steps})");
		return;
	}
	columns_fit(&k, c, 7, in.w, 3);
	columns_head(b, in, 0, &k, c);
	for (int i = 0; i < d->n_steps && i + 1 < in.h; i++)
		draw_step(b, in, f, i + 1, &k, c, &d->steps[i], start);
	last = d->steps[d->n_steps - 1].sessions;
	if (d->n_steps + 1 < in.h && start > 0 && isfinite(last))
		x = put_fmt(b, in, 2, d->n_steps + 1, STYLE(ROLE_DIM), "end to end %.1f %%",
		    100 * fmin(last / start, 1));
	if (d->n_steps + 1 < in.h && isfinite(d->risk_high))
		put_fmt(b, in, x + 3, d->n_steps + 1, STYLE_BOLD(ROLE_WARN),
		    "at risk ~%.0f to %.0f, an estimate", d->risk_low, d->risk_high);
}

static void
draw_ratio(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct funnel_data *d = f->charts->funnel;
	struct chart chart = f->chart;
	char title[240];

	snprintf(title, sizeof(title), "%s of %s", d->steps[d->shown].name,
	    d->shown > 0 ? d->steps[d->shown - 1].name : "all");
	chart.is_share = true;
	w_line(b, w_pane(b, r, title, "─ last hour  ─ usual low  ─ usual high", false), &chart,
	    d->lines, 3, NAN);
}

static void
draw_parts(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct funnel_data *d = f->charts->funnel;
	struct rect in = rect_inset(
	    w_pane(b, r, "Where", "last hour, most unusual first", false), 1, 0, 0, 0);
	char t[240];

	for (int i = 0; i < d->n_parts && i < in.h; i++) {
		const struct part_row *p = &d->parts[i];
		bool is_told = p->surprise > PART_TOLD;

		snprintf(t, sizeof(t), "%s%s%s=%s  %.1f %%, usual %.1f %%", p->step,
		    p->step[0] != '\0' ? " " : "", p->dimension, p->value, 100 * p->ratio,
		    100 * p->expected);
		put_cp(b, in, 0, i, state_sign(is_told ? STATE_WARN : STATE_OK),
		    STYLE(is_told ? ROLE_WARN : ROLE_OK));
		put_field(b, in, 2, i, in.w - 2, t, STYLE(is_told ? ROLE_NORMAL : ROLE_DIM));
	}
}

static const struct probe_row *
probe_named(const struct frame *f, const char *name)
{
	for (int i = 0; f->status != NULL && i < f->status->n_probes; i++)
		if (strcmp(f->status->probes[i].name, name) == 0)
			return &f->status->probes[i];
	return NULL;
}

static void
draw_journeys(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct funnel_data *d = f->charts->funnel;
	struct rect in = rect_inset(
	    w_pane(b, r, "Journeys", "the same way, by robots", false), 1, 0, 0, 0);
	char t[FORMAT_TEXT];

	for (int i = 0; i < d->n_journeys && i < in.h; i++) {
		const struct journey_row *j = &d->journeys[i];
		const struct probe_row *p = probe_named(f, j->probe);
		enum state state = p != NULL ? probe_state_at(f, p) : STATE_STALE;
		int x;

		put_cp(b, in, 0, i, state_sign(state), STYLE(state_role(state)));
		x = put_text(b, in, 2, i, j->probe, STYLE(ROLE_NORMAL));
		x = put_fmt(
		    b, in, x < 22 ? 22 : x + 2, i, STYLE(ROLE_DIM), "%.0f steps", j->reached);
		x = put_fmt(
		    b, in, x + 2, i, STYLE(ROLE_NORMAL), "%8s", format_latency(j->seconds, t));
		if (p != NULL && isfinite(p->last_run) && p->last_run > 0)
			x = put_fmt(b, in, x + 2, i, STYLE(ROLE_DIM), "%s ago",
			    format_age((double)f->ui->now_ms / 1e3 - p->last_run, t));
		if (p != NULL && p->reason[0] != '\0' && x + 6 < in.w)
			put_field(
			    b, in, x + 2, i, in.w - x - 2, p->reason, STYLE(state_role(state)));
	}
}

static void
draw_rates(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct funnel_data *d = f->charts->funnel;
	char t[FORMAT_TEXT];

	for (int i = 0; i < d->n_rates && i < r.h; i++) {
		const struct rate_row *o = &d->rates[i];
		bool is_few = o->alarm > 0;
		int x;

		put_cp(b, r, 1, i, state_sign(is_few ? STATE_CRIT : STATE_OK),
		    STYLE(is_few ? ROLE_CRIT : ROLE_OK));
		x = put_text(b, r, 3, i, o->probe, STYLE(ROLE_NORMAL));
		x = put_fmt(b, r, x + 2, i, STYLE(is_few ? ROLE_CRIT : ROLE_NORMAL), "%.0f in 1 h",
		    o->events);
		if (!isfinite(o->mid)) {
			put_text(b, r, x + 2, i, "still learning what is usual", STYLE(ROLE_DIM));
			continue;
		}
		x = put_fmt(b, r, x + 2, i, STYLE(ROLE_DIM), "usual %.0f (%.0f–%.0f)", o->mid,
		    o->low, o->high);
		if (isfinite(o->floor_s) && x + 44 < r.w)
			put_fmt(b, r, x + 2, i, STYLE(ROLE_DIM),
			    "an outage under %s cannot be seen", format_age(o->floor_s, t));
	}
}

static void
funnel_render(struct cellbuf *b, struct rect r, const struct frame *f)
{
	int idx[PROBES_MAX], n = probe_order(f, VIEW_FUNNEL, idx, PROBES_MAX), rest = r.h;
	const struct funnel_data *d = f->charts != NULL ? f->charts->funnel : NULL;
	struct pane_want want[FUNNEL_PANES] = {[HEAD] = {1, 1, 10}};
	struct rect at[FUNNEL_PANES];

	if (n == 0) {
		w_waiting(b, r,
		    f->status == NULL || !f->status->ever
			? "waiting for the agent's first answer"
			: "no checkout is watched (plugin: checkout, with journey, funnel, rate or "
			  "ratio)");
		return;
	}
	if (d == NULL) {
		w_waiting(b, r, "reading its series …");
		return;
	}
	want[STEPS] = (struct pane_want){
	    d->n_steps > 0 ? d->n_steps + 2 : 3, d->n_steps > 0 ? d->n_steps + 3 : 3, 9};
	if (want[STEPS].min > r.h - 2)
		want[STEPS].min = r.h > 5 ? r.h - 2 : 3;
	if (d->n_steps > 0)
		want[RATIO] = (struct pane_want){6, 8, 6};
	if (d->n_parts > 0)
		want[PARTS] = (struct pane_want){2, d->n_parts + 1 < 7 ? d->n_parts + 1 : 7, 4};
	if (d->n_journeys > 0)
		want[JOURNEYS] = (struct pane_want){2, d->n_journeys + 1, 7};
	if (d->n_rates > 0)
		want[RATES] = (struct pane_want){1, d->n_rates, 8};
	for (int i = 0; i < FUNNEL_PANES; i++)
		rest -= want[i].want;
	if (rest > 0 && d->n_steps > 0)
		want[RATIO].want += rest < 8 ? rest : 8;
	layout_rows(r, want, FUNNEL_PANES, at);
	draw_head(b, at[HEAD], f);
	if (at[STEPS].h > 0)
		draw_steps(b, at[STEPS], f);
	if (at[RATIO].h > 0)
		draw_ratio(b, at[RATIO], f);
	if (at[PARTS].h > 0)
		draw_parts(b, at[PARTS], f);
	if (at[JOURNEYS].h > 0)
		draw_journeys(b, at[JOURNEYS], f);
	if (at[RATES].h > 0)
		draw_rates(b, at[RATES], f);
}

const struct view_ops view_funnel = {
    .name = "Funnel",
    .key = '3',
    .hints = "? help  J K probe  t range  [ ] pan  + - zoom  SPACE freeze  v cursor  q back",
    .render = funnel_render,
};
