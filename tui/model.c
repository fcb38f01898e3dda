/*
 * model.c - see model.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "tui/stock.h"
#include "tui/traffic.h"

static int64_t
nice_step(int64_t ms)
{
	static const int64_t steps[] = {1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000,
	    300000, 600000, 900000, 1800000, 3600000, 7200000, 10800000, 21600000, 43200000,
	    86400000};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i] >= ms)
			return steps[i];
	return (ms + 86399999) / 86400000 * 86400000;
}

struct axis
axis_make(int64_t end_ms, int64_t span_ms, int n, bool live)
{
	struct axis a = {.n = n < 1 ? 1 : n > BUCKETS_MAX ? BUCKETS_MAX : n, .live = live};
	int64_t end;

	a.step_ms = nice_step((span_ms + a.n - 1) / a.n);
	end = end_ms / a.step_ms * a.step_ms;
	if (live && end < end_ms)
		end += a.step_ms;
	a.start_ms = end - a.n * a.step_ms;
	return a;
}

int
axis_bucket(const struct axis *a, int64_t t_ms)
{
	int64_t i = t_ms <= a->start_ms ? -1 : (t_ms - a->start_ms - 1) / a->step_ms;

	return i < a->n ? (int)i : -1;
}

float *
series_values(int n)
{
	float *v = xcalloc((size_t)(n > 0 ? n : 1), sizeof(float));

	for (int i = 0; i < n; i++)
		v[i] = NAN;
	return v;
}

struct sums
sums_none(void)
{
	return (struct sums){.p95 = NAN,
	    .target = NAN,
	    .orders = NAN,
	    .usual = NAN,
	    .low = NAN,
	    .high = NAN,
	    .risk_low = NAN,
	    .risk_high = NAN};
}

struct status *
status_new(void)
{
	struct status *s = xcalloc(1, sizeof(*s));

	s->refs = 1;
	s->now = s->blind_since = NAN;
	s->sums = sums_none();
	return s;
}

struct status *
status_ref(struct status *s)
{
	if (s != NULL)
		s->refs++;
	return s;
}

void
status_unref(struct status *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	free(s->probes);
	free(s->alerts);
	free(s->hosts);
	free(s->receivers);
	free(s);
}

struct charts *
charts_new(const struct axis *axis)
{
	struct charts *c = xcalloc(1, sizeof(*c));

	c->refs = 1;
	c->axis = *axis;
	c->outcome_ok = c->outcome_all = c->certificate_s = NAN;
	return c;
}

struct charts *
charts_ref(struct charts *c)
{
	if (c != NULL)
		c->refs++;
	return c;
}

static void
series_free(struct series *s, int n)
{
	for (int i = 0; i < n; i++)
		free(s[i].v);
}

void
charts_unref(struct charts *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	series_free(c->ttfb, c->n_ttfb);
	series_free(c->verdict, c->n_verdict);
	series_free(c->alerts, c->n_alerts);
	series_free(c->lines, LINES_MAX);
	series_free(c->phases, PHASES);
	free(c->ttfb);
	free(c->verdict);
	free(c->alerts);
	free(c->heat);
	api_data_free(c->api);
	funnel_data_free(c->funnel);
	stock_data_free(c->stock);
	free(c);
}

const struct series *
series_find(const struct series *s, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(s[i].name, name) == 0)
			return &s[i];
	return NULL;
}

const char *
phase_name(int i)
{
	static const char *const names[PHASES] = {
	    "dns", "connect", "tls", "send", "wait", "transfer"};

	return names[i];
}

enum state
verdict_state(const struct series *s, int i)
{
	static const enum state states[] = {STATE_OK, STATE_WARN, STATE_CRIT, STATE_UNKNOWN};

	if (s == NULL || i < 0 || !isfinite(s->v[i]) || s->v[i] < 0 || s->v[i] > 3)
		return STATE_STALE;
	return states[(int)s->v[i]];
}

int
state_rank(enum state s)
{
	static const int ranks[STATES] = {[STATE_CRIT] = 0,
	    [STATE_WARN] = 1,
	    [STATE_UNKNOWN] = 2,
	    [STATE_STALE] = 3,
	    [STATE_PENDING] = 4,
	    [STATE_MUTED] = 5,
	    [STATE_OK] = 6};

	return ranks[s];
}
