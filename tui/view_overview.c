/*
 * view_overview.c - is the shop well? Every probe worst first, the times to first byte on one axis,
 * what fires, and whether tillwatch itself is well.
 *
 *     Health      each probe: state, value, target, its line over the shared axis, reason
 *     Latency     the storefronts' time to first byte, the slowest four
 *     Firing      alerts, worst first
 *     Plugins     hosts (where the server has them) | Delivery  receivers
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/layout.h"
#include "tui/ui.h"

enum { HEALTH, LATENCY, FIRING, MACHINE, OVERVIEW_PANES };
enum { H_SIGN, H_STATE, H_NAME, H_NOW, H_TARGET, H_LINE, H_SINCE, H_WHY, HEALTH_COLUMNS };

static const struct column health[HEALTH_COLUMNS] = {
    {"", 1, 1, 10},
    {"state", 7, 7, 9},
    {"probe", 14, 26, 10},
    {"now>", 8, 8, 8},
    {"target>", 8, 8, 4},
    {"", 14, 48, 7},
    {"since", 8, 8, 3},
    {"why", 12, 24, 5},
};

/* Since when it is so; with the day when that is not within the last 20 hours. */
static const char *
since_text(const struct frame *f, double since, char dst[FORMAT_TEXT])
{
	int64_t ms = (int64_t)(since * 1e3);

	if (!isfinite(since) || since <= 0)
		return "";
	if (f->ui->now_ms - ms > 20 * 3600000LL) {
		char age[FORMAT_TEXT];

		snprintf(dst, FORMAT_TEXT, "%.20s ago",
		    format_age((double)(f->ui->now_ms - ms) / 1e3, age));
		return dst;
	}
	return format_clock(ms, f->ui->utc, true, dst);
}

static void
health_row(struct cellbuf *b, struct rect r, int y, const struct columns *k, const struct frame *f,
    const struct probe_row *p, bool selected)
{
	enum state state = probe_state_at(f, p);
	struct style st = STYLE(state_role(state)),
		     body = STYLE(state == STATE_OK ? ROLE_NORMAL : state_role(state));
	const struct series *ttfb = NULL, *verdict = NULL;
	char text[FORMAT_TEXT + 8], num[FORMAT_TEXT];
	double now;

	if (f->charts != NULL) {
		ttfb = series_find(f->charts->ttfb, f->charts->n_ttfb, p->name);
		verdict = series_find(f->charts->verdict, f->charts->n_verdict, p->name);
	}
	now = probe_value_at(f, ttfb);
	put_cp(b, r, k->x[H_SIGN], y, state_sign(state), st);
	columns_text(b, r, y, k, H_STATE, health, state_word(state), st);
	columns_text(b, r, y, k, H_NAME, health, p->name, body);
	if (isfinite(now))
		columns_text(b, r, y, k, H_NOW, health, format_latency(now, text),
		    STYLE(now > p->target ? ROLE_WARN : ROLE_NORMAL));
	if (isfinite(p->target)) {
		snprintf(text, sizeof(text), "≤%s", format_latency(p->target, num));
		columns_text(b, r, y, k, H_TARGET, health, text, STYLE(ROLE_DIM));
	}
	if (f->charts != NULL && k->w[H_LINE] > 0)
		w_spark(b, (struct rect){r.x + k->x[H_LINE], r.y + y, k->w[H_LINE], 1}, &f->chart,
		    ttfb, verdict, isfinite(p->target) ? 2 * p->target : 2);
	if (f->at < 0) {
		columns_text(
		    b, r, y, k, H_SINCE, health, since_text(f, p->since, text), STYLE(ROLE_DIM));
		columns_text(b, r, y, k, H_WHY, health,
		    p->reason[0] == '\0' && p->late ? "the last run was late" : p->reason,
		    state == STATE_OK ? STYLE(ROLE_DIM) : body);
	}
	if (selected)
		put_attr(b, r, 0, y, r.w, ATTR_REVERSE);
}

static const char *
waiting_for(const struct frame *f)
{
	if (f->status == NULL || !f->status->ever)
		return "waiting for the agent's first answer";
	return "no probe is configured yet: a name and a URL under probes: make one";
}

static void
draw_health(struct cellbuf *b, struct rect r, const struct frame *f)
{
	int idx[PROBES_MAX], n = probe_order(f, VIEW_OVERVIEW, idx, PROBES_MAX);
	int selected = probe_selected(f, idx, n), top = 0, rows;
	char title[96] = "Health", right[96] = "", t[FORMAT_TEXT];
	struct columns k;
	struct rect in;

	if (f->at >= 0)
		snprintf(title, sizeof(title), "Health as of %s", frame_time(f, t));
	rows = r.h - 2;
	if (n > rows)
		snprintf(right, sizeof(right), "%d of %d shown", rows, n);
	in = w_pane(b, r, title, right, true);
	if (n == 0) {
		w_waiting(b, in, waiting_for(f));
		return;
	}
	in = rect_inset(in, 1, 0, 1, 0);
	columns_fit(&k, health, HEALTH_COLUMNS, in.w, H_WHY);
	columns_head(b, in, 0, &k, health);
	in = rect_inset(in, 0, 1, 0, 0);
	if (selected >= in.h)
		top = selected - in.h + 1;
	for (int y = 0; y < in.h && top + y < n; y++)
		health_row(b, in, y, &k, f, &f->status->probes[idx[top + y]],
		    top + y == selected && n > 1);
}

struct peak {
	int i;
	float top;
};

static int
by_peak(const void *a, const void *b)
{
	float x = ((const struct peak *)a)->top, y = ((const struct peak *)b)->top;

	return x < y ? 1 : x > y ? -1 : ((const struct peak *)a)->i - ((const struct peak *)b)->i;
}

/* The slowest series by their mean over the axis, which changes little from second to second. */
static int
slowest(const struct charts *c, struct series *out)
{
	struct peak at[PROBES_MAX];
	int n = c->n_ttfb < PROBES_MAX ? c->n_ttfb : PROBES_MAX, k = 0;

	for (int i = 0; i < n; i++) {
		float sum = 0, count = 0;

		for (int j = 0; j < c->axis.n; j++)
			if (isfinite(c->ttfb[i].v[j])) {
				sum += c->ttfb[i].v[j];
				count++;
			}
		at[i] = (struct peak){i, count > 0 ? sum / count : -1};
	}
	qsort(at, (size_t)n, sizeof(at[0]), by_peak);
	for (; k < n && k < LINES_MAX && at[k].top >= 0; k++)
		out[k] = c->ttfb[at[k].i];
	return k;
}

static void
draw_latency(struct cellbuf *b, struct rect r, const struct frame *f)
{
	struct series lines[LINES_MAX];
	int n = slowest(f->charts, lines), x = 25;
	struct rect in = w_pane(b, r, "Time to first byte", NULL, false);
	char value[FORMAT_TEXT], text[160];

	for (int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), " %.20s %s ", lines[i].name,
		    format_latency(probe_value_at(f, &lines[i]), value));
		if (x + text_columns(text) + 3 > r.w)
			break;
		put_text(b, r, x, 0, "──", STYLE((uint8_t)(ROLE_LINE1 + i)));
		x = put_text(b, r, x + 2, 0, text, STYLE(ROLE_NORMAL)) + 1;
	}
	w_line(b, in, &f->chart, lines, n, NAN);
}

static int
alert_rank(const struct alert_row *a)
{
	return state_rank(a->state);
}

static int
by_alert(const void *pa, const void *pb)
{
	const struct alert_row *a = *(const struct alert_row *const *)pa,
			       *b = *(const struct alert_row *const *)pb;

	if (alert_rank(a) != alert_rank(b))
		return alert_rank(a) - alert_rank(b);
	return a->since != b->since ? (a->since < b->since ? -1 : 1) : strcmp(a->name, b->name);
}

/* Was it firing (or pending) at the frame's moment? From the history of alerts where the server
 * keeps one, else from the start of what is active now. */
static bool
active_at(const struct frame *f, const struct alert_row *a)
{
	double t;

	if (f->at < 0)
		return true;
	t = (double)axis_time(f->chart.axis, f->at) / 1e3;
	return isfinite(a->since) && a->since <= t;
}

enum { A_SIGN, A_STATE, A_SINCE, A_AGE, A_NAME, A_PROBE, A_WHAT, ALERT_COLUMNS };
static const struct column alert_columns[ALERT_COLUMNS] = {
    {"", 1, 1, 10},
    {"state", 7, 7, 7},
    {"since", 8, 8, 8},
    {"for>", 6, 6, 5},
    {"alert", 12, 24, 10},
    {"probe", 10, 20, 6},
    {"what", 12, 30, 9},
};

static void
alert_line(struct cellbuf *b, struct rect r, int y, const struct columns *k, const struct frame *f,
    const struct alert_row *a)
{
	struct style st = STYLE(state_role(a->state)),
		     body =
			 STYLE(a->state == STATE_PENDING || a->state == STATE_MUTED ? ROLE_DIM
										    : ROLE_NORMAL);
	bool firing = a->state == STATE_CRIT || a->state == STATE_WARN;
	char text[FORMAT_TEXT];

	put_cp(b, r, k->x[A_SIGN], y, state_sign(a->state), st);
	columns_text(
	    b, r, y, k, A_STATE, alert_columns, firing ? "firing" : state_word(a->state), st);
	columns_text(
	    b, r, y, k, A_SINCE, alert_columns, since_text(f, a->since, text), STYLE(ROLE_DIM));
	columns_text(b, r, y, k, A_AGE, alert_columns,
	    format_age((double)f->ui->now_ms / 1e3 - a->since, text), STYLE(ROLE_DIM));
	columns_text(b, r, y, k, A_NAME, alert_columns, a->name, firing ? st : body);
	columns_text(b, r, y, k, A_PROBE, alert_columns, a->probe, body);
	columns_text(b, r, y, k, A_WHAT, alert_columns, a->summary, body);
}

/* The history of alerts at bucket f->at; returns the rows drawn. */
static int
draw_history(struct cellbuf *b, struct rect in, const struct frame *f)
{
	int y = 0;

	for (int i = 0; i < f->charts->n_alerts && y < in.h; i++) {
		const struct series *s = &f->charts->alerts[i];
		const char *probe = strchr(s->name, '\037');
		char name[96];

		if (!(s->v[f->at] > 0))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(s->name, "\037"), s->name);
		put_cp(b, in, 1, y, state_sign(STATE_CRIT), STYLE(ROLE_CRIT));
		put_text(b, in, 3, y, "firing", STYLE(ROLE_CRIT));
		put_field(b, in, 11, y, 30, name, STYLE(ROLE_NORMAL));
		put_field(
		    b, in, 42, y, in.w - 42, probe != NULL ? probe + 1 : "", STYLE(ROLE_NORMAL));
		y++;
	}
	return y;
}

void
overview_firing(struct cellbuf *b, struct rect r, const struct frame *f, const char *of)
{
	const struct alert_row *at[ALERTS_MAX];
	const struct status *s = f->status;
	bool history = f->at >= 0 && f->charts->knows_alerts;
	char title[96], right[64] = "", t[FORMAT_TEXT];
	struct columns k;
	struct rect in;
	int n = 0, y;

	for (int i = 0; i < s->n_alerts && n < ALERTS_MAX; i++)
		if (active_at(f, &s->alerts[i]))
			at[n++] = &s->alerts[i];
	qsort(at, (size_t)n, sizeof(at[0]), by_alert);
	snprintf(
	    title, sizeof(title), "Firing%s%.60s", of != NULL ? " in " : "", of != NULL ? of : "");
	if (history)
		snprintf(title, sizeof(title), "Firing at %s", frame_time(f, t));
	else if (f->at >= 0)
		snprintf(title, sizeof(title), "Active now, and already at %s", frame_time(f, t));
	if (!history && n > r.h - 1)
		snprintf(right, sizeof(right), "%d of %d shown", r.h - 1, n);
	in = w_pane(b, r, title, right, false);
	if (history) {
		if (draw_history(b, in, f) == 0)
			w_waiting(b, in, "✓ nothing was firing");
		return;
	}
	if (n == 0)
		w_waiting(b, in, f->at >= 0 ? "none of what is active now" : "✓ nothing firing");
	in = rect_inset(in, 1, 0, 1, 0);
	columns_fit(&k, alert_columns, ALERT_COLUMNS, in.w, A_WHAT);
	for (y = 0; y < n && y < in.h; y++)
		alert_line(b, in, y, &k, f, at[y]);
}

static void
draw_hosts(struct cellbuf *b, struct rect r, const struct frame *f)
{
	static const struct column c[] = {{"group", 10, 18, 10}, {"state", 8, 10, 9},
	    {"runs>", 6, 7, 4}, {"late>", 5, 5, 5}, {"lag p99>", 8, 8, 3}, {"memory>", 7, 7, 6},
	    {"restarts>", 8, 8, 7}, {"last exit", 10, 20, 2}};
	const struct status *s = f->status;
	struct rect in = rect_inset(w_pane(b, r, "Plugins", NULL, false), 1, 0, 1, 0);
	struct columns k;
	char t[FORMAT_TEXT];

	if (s->n_hosts == 0)
		w_waiting(b, in, "no plugin host is up");
	columns_fit(&k, c, 8, in.w, -1);
	if (s->n_hosts > 0)
		columns_head(b, in, 0, &k, c);
	for (int y = 1; y < in.h && y <= s->n_hosts; y++) {
		const struct host_row *h = &s->hosts[y - 1];
		bool up = strcmp(h->state, "running") == 0;
		struct style st = STYLE(up ? ROLE_NORMAL : ROLE_WARN);
		const double counts[] = {h->runs, h->late};

		columns_text(b, in, y, &k, 0, c, h->group, st);
		columns_text(b, in, y, &k, 1, c, h->state, st);
		for (int i = 0; i < 2; i++) {
			snprintf(t, sizeof(t), isfinite(counts[i]) ? "%.0f" : "-", counts[i]);
			columns_text(b, in, y, &k, 2 + i, c, t, STYLE(ROLE_NORMAL));
		}
		columns_text(b, in, y, &k, 4, c, format_latency(h->lag_p99, t), STYLE(ROLE_NORMAL));
		columns_text(b, in, y, &k, 5, c, format_bytes(h->rss, t), STYLE(ROLE_NORMAL));
		snprintf(t, sizeof(t), "%.0f", isfinite(h->restarts) ? h->restarts : 0);
		columns_text(
		    b, in, y, &k, 6, c, t, STYLE(h->restarts > 0 ? ROLE_WARN : ROLE_NORMAL));
		columns_text(b, in, y, &k, 7, c, h->last_exit, STYLE(ROLE_DIM));
	}
}

static void
draw_receivers(struct cellbuf *b, struct rect r, const struct frame *f)
{
	static const struct column c[] = {{"receiver", 10, 18, 10}, {"state", 8, 10, 9},
	    {"delivered>", 9, 9, 5}, {"waiting>", 7, 7, 8}, {"lost>", 5, 5, 7},
	    {"oldest>", 6, 6, 4}, {"last error", 10, 24, 6}};
	const struct status *s = f->status;
	struct rect in = rect_inset(w_pane(b, r, "Delivery", NULL, false), 1, 0, 1, 0);
	struct columns k;
	char t[FORMAT_TEXT];

	if (s->n_receivers == 0)
		w_waiting(b, in, "no receiver is configured: alerts stay on this screen");
	columns_fit(&k, c, 7, in.w, 6);
	if (s->n_receivers > 0)
		columns_head(b, in, 0, &k, c);
	for (int y = 1; y < in.h && y <= s->n_receivers; y++) {
		const struct receiver_row *v = &s->receivers[y - 1];
		bool ok = strcmp(v->state, "ok") == 0 || strcmp(v->state, "closed") == 0
			  || v->state[0] == '\0';
		const double counts[] = {v->delivered, v->pending, v->dead};

		columns_text(b, in, y, &k, 0, c, v->name, STYLE(ok ? ROLE_NORMAL : ROLE_WARN));
		columns_text(b, in, y, &k, 1, c, v->state, STYLE(ok ? ROLE_NORMAL : ROLE_WARN));
		for (int i = 0; i < 3; i++) {
			snprintf(t, sizeof(t), "%.0f", isfinite(counts[i]) ? counts[i] : 0);
			columns_text(b, in, y, &k, 2 + i, c, t,
			    STYLE(i == 2 && counts[i] > 0 ? ROLE_WARN : ROLE_NORMAL));
		}
		if (isfinite(v->oldest) && v->oldest > 0)
			columns_text(b, in, y, &k, 5, c, format_age(s->now - v->oldest, t),
			    STYLE(ROLE_NORMAL));
		columns_text(b, in, y, &k, 6, c, v->last_error, STYLE(ROLE_DIM));
	}
}

static void
draw_machine(struct cellbuf *b, struct rect r, const struct frame *f)
{
	struct rect left = r, right = r;

	if (f->status->has_hosts && f->status->has_receivers)
		layout_halves(r, 55, &left, &right);
	if (f->status->has_hosts)
		draw_hosts(b, left, f);
	if (f->status->has_receivers)
		draw_receivers(b, right, f);
}

static int
largest(int a, int b)
{
	return a > b ? a : b;
}

static void
overview_render(struct cellbuf *b, struct rect r, const struct frame *f)
{
	const struct status *s = f->status;
	struct pane_want want[OVERVIEW_PANES] = {{.min = 2, .priority = 10}};
	struct rect at[OVERVIEW_PANES];
	int probes = s != NULL ? s->n_probes : 0, firing = s != NULL ? s->n_alerts : 0, rest = r.h;

	want[HEALTH].want = largest(3, probes + 2);
	want[HEALTH].min = probes > 3 ? 5 : 3;
	if (s != NULL && s->ever)
		want[FIRING] = (struct pane_want){
		    2, largest(2, firing + 1) > 12 ? 12 : largest(2, firing + 1), 9};
	if (s != NULL && r.w >= 100 && (s->has_hosts || s->has_receivers))
		want[MACHINE] =
		    (struct pane_want){4, 2 + largest(1, largest(s->n_hosts, s->n_receivers)), 4};
	/* The chart takes what the tables leave. */
	for (int i = 0; i < OVERVIEW_PANES; i++)
		rest -= i != LATENCY ? want[i].want : 0;
	if (f->charts != NULL && f->charts->n_ttfb > 0)
		want[LATENCY] = (struct pane_want){7, largest(10, rest), 6};
	layout_rows(r, want, OVERVIEW_PANES, at);
	if (at[HEALTH].h > 0)
		draw_health(b, at[HEALTH], f);
	if (at[LATENCY].h > 0)
		draw_latency(b, at[LATENCY], f);
	if (at[FIRING].h > 0)
		overview_firing(b, at[FIRING], f, NULL);
	if (at[MACHINE].h > 0)
		draw_machine(b, at[MACHINE], f);
}

const struct view_ops view_overview = {
    .name = "Overview",
    .key = '1',
    .hints = "? help  j k row  ⏎ open  t range  [ ] pan  + - zoom  SPACE freeze  v cursor  q quit",
    .render = overview_render,
};
