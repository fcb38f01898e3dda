/*
 * stock_order.c - the rows of the view Stock: their state and value at the frame's moment, which is
 * worst, and which one is selected. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/stock.h"

double
stock_value(const struct frame *f, const struct stock_row *r, enum stock_value v)
{
	struct series s = {.v = r != NULL ? r->v[v] : NULL};

	return s.v != NULL ? probe_value_at(f, &s) : NAN;
}

const struct stock_row *
stock_side(const struct frame *f, const struct stock_row *flow)
{
	return stock_find(&f->charts->stock->sides, flow->probe, flow->of, "");
}

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

bool
stock_is_amount(const struct stock_row *r)
{
	static const char *const others[] = {"price", "amount", "currency", "state", "status"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (ends_with(r->field, others[i]))
			return false;
	return true;
}

static bool
is_over_limit(const struct frame *f, const struct stock_row *r)
{
	const struct stock_row *side = stock_is_amount(r) ? stock_side(f, r) : NULL;

	return stock_value(f, r, S_LAG_MOST) > r->limit_s
	    || stock_value(f, side, S_CANARY_LATE) > 0
	    || stock_value(f, side, S_CANARY) > r->limit_s
	    || stock_value(f, side, S_CANARY_PENDING) > r->limit_s;
}

/* What can be sold and is not there is as bad as it gets; what differs otherwise, or comes too
 * late, is for the working day. */
enum state
stock_state(const struct frame *f, const struct stock_row *r)
{
	const struct stock_row *side = stock_side(f, r);
	double drift = stock_value(f, r, S_DRIFT);

	if (stock_value(f, r, S_MAPPING) > 0)
		return STATE_UNKNOWN;
	if (stock_value(f, side, S_WHOLE) == 0)
		return STATE_PENDING;
	if (!isfinite(drift))
		return STATE_STALE;
	if (drift > 0 && stock_is_amount(r) && stock_value(f, side, S_OVER_UNITS) > 0)
		return STATE_CRIT;
	if (drift > 0 || is_over_limit(f, r))
		return STATE_WARN;
	if (stock_is_amount(r)
	    && (stock_value(f, side, S_MISSING) > 0 || stock_value(f, side, S_GHOST) > 0))
		return STATE_WARN;
	return STATE_OK;
}

struct place {
	int i, rank;
	double drift;
	const struct stock_row *row;
};

static int
by_place(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;
	int c;

	if (a->rank != b->rank)
		return a->rank - b->rank;
	if (a->drift != b->drift)
		return a->drift > b->drift ? -1 : 1;
	if ((c = strcmp(a->row->probe, b->row->probe)) != 0)
		return c;
	c = strcmp(a->row->of, b->row->of);
	return c != 0 ? c : strcmp(a->row->field, b->row->field);
}

int
stock_order(const struct frame *f, int idx[FLOWS_MAX])
{
	const struct stock_data *d = f->charts != NULL ? f->charts->stock : NULL;
	struct place at[FLOWS_MAX];
	int n = 0;

	for (int i = 0; d != NULL && i < d->flows.n; i++) {
		const struct stock_row *r = &d->flows.at[i];
		double drift = stock_value(f, r, S_DRIFT);

		if (r->v[S_DRIFT] == NULL && r->v[S_MAPPING] == NULL)
			continue; /* orders are compared, no keys */
		at[n++] = (struct place){
		    i, state_rank(stock_state(f, r)), isfinite(drift) ? drift : 0, r};
	}
	qsort(at, (size_t)n, sizeof(at[0]), by_place);
	for (int i = 0; i < n; i++)
		idx[i] = at[i].i;
	return n;
}

void
stock_row_name(char *dst, size_t cap, const struct stock_row *r)
{
	snprintf(dst, cap, "%s %s", r->of, r->field);
}

int
stock_selected(const struct frame *f, const int *idx, int n)
{
	const struct stock_row *rows = n > 0 ? f->charts->stock->flows.at : NULL;
	int of_probe = -1;

	for (int i = 0; i < n; i++) {
		char name[sizeof(f->ui->flow)];

		if (strcmp(rows[idx[i]].probe, f->ui->probe) != 0)
			continue;
		stock_row_name(name, sizeof(name), &rows[idx[i]]);
		if (strcmp(name, f->ui->flow) == 0)
			return i;
		of_probe = of_probe < 0 ? i : of_probe;
	}
	return of_probe < 0 ? 0 : of_probe;
}
