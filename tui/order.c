/*
 * order.c - which probes a view lists, in which order, and what they were at the frame's moment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tui/ui.h"

struct frame
frame_make(const struct ui *ui, const struct model *m)
{
	struct frame f = {.ui = ui,
	    .status = m->status,
	    .charts = m->charts,
	    .shops = m->shops,
	    .at = -1};

	if (m->charts == NULL)
		return f;
	f.chart = (struct chart){.set = ui->set,
	    .axis = &m->charts->axis,
	    .cursor = -1,
	    .now_ms = (double)ui->now_ms,
	    .utc = ui->utc};
	if (ui->cursor_ms != 0) {
		f.chart.cursor = axis_bucket(f.chart.axis, ui->cursor_ms);
		f.at = f.chart.cursor;
	}
	if (!ui->live && f.at < 0)
		f.at = f.chart.axis->n - 1;
	return f;
}

const char *
frame_time(const struct frame *f, char dst[FORMAT_TEXT])
{
	int64_t t = f->at >= 0 ? axis_time(f->chart.axis, f->at) : f->ui->now_ms;

	return format_clock(t, f->ui->utc, true, dst);
}

enum state
probe_state_at(const struct frame *f, const struct probe_row *p)
{
	if (f->at < 0)
		return p->state;
	return verdict_state(series_find(f->charts->verdict, f->charts->n_verdict, p->name), f->at);
}

/* Live: the newest value that is not older than five minutes, as a query would see it. */
double
probe_value_at(const struct frame *f, const struct series *s)
{
	const struct axis *a = f->chart.axis;

	if (s == NULL || a == NULL)
		return NAN;
	if (f->at >= 0)
		return (double)s->v[f->at];
	for (int i = a->n - 1; i >= 0; i--) {
		if ((double)axis_time(a, i) < f->chart.now_ms - 300e3)
			break;
		if (isfinite(s->v[i]))
			return (double)s->v[i];
	}
	return NAN;
}

struct place {
	int i, rank;
	const char *name;
};

static int
by_place(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	return a->rank != b->rank ? a->rank - b->rank : strcmp(a->name, b->name);
}

int
probe_order(const struct frame *f, enum view_id view, int *idx, int cap)
{
	static const char *const plugins[VIEWS] = {[VIEW_STOREFRONT] = "storefront",
	    [VIEW_FUNNEL] = "checkout",
	    [VIEW_API] = "api",
	    [VIEW_STOCK] = "inventory"};
	struct place at[PROBES_MAX];
	int n = 0;

	for (int i = 0; f->status != NULL && i < f->status->n_probes && n < PROBES_MAX; i++) {
		const struct probe_row *p = &f->status->probes[i];

		if (plugins[view] != NULL && strcmp(p->plugin, plugins[view]) != 0)
			continue;
		at[n++] = (struct place){
		    i, view == VIEW_OVERVIEW ? state_rank(probe_state_at(f, p)) : 0, p->name};
	}
	qsort(at, (size_t)n, sizeof(at[0]), by_place);
	n = n > cap ? cap : n;
	for (int i = 0; i < n; i++)
		idx[i] = at[i].i;
	return n;
}

int
probe_selected(const struct frame *f, const int *idx, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(f->status->probes[idx[i]].name, f->ui->probe) == 0)
			return i;
	return 0;
}
