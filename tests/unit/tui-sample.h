/*
 * tui-sample.h - an invented model for tests of the dashboard: six probes whose numbers depend only
 * on the probe and the slot of 30 s, so that any axis can be filled at any time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_TUI_SAMPLE_H
#define TESTS_UNIT_TUI_SAMPLE_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "tui/ui.h"

#define SAMPLE_T 1795444327000LL
#define SAMPLE_PROBES 6

static inline double
sample_noise(int probe, int64_t slot)
{
	uint64_t x =
	    (uint64_t)slot * 0x9e3779b97f4a7c15ull + (uint64_t)probe * 0xbf58476d1ce4e5b9ull;

	x ^= x >> 31;
	x *= 0x94d049bb133111ebull;
	return (double)(x >> 40) / (double)(1 << 24);
}

/* Seconds to first byte of a probe at t; NaN in a gap of 2 minutes each 40. */
static inline double
sample_value(int probe, int64_t t_ms)
{
	int64_t slot = t_ms / 30000;
	double base = 0.2 + 0.05 * probe, wave = sin((double)slot / 40.0 + probe);

	if (probe == 2 && t_ms / 1000 % 2400 < 120)
		return NAN;
	if (probe == 3 && t_ms / 1000 % 1800 < 400)
		base *= 4;
	return base * (1 + 0.15 * wave + 0.2 * sample_noise(probe, slot));
}

static inline void
sample_series(struct series *s, const struct axis *a, int probe, double factor, int64_t now_ms)
{
	s->v = series_values(a->n);
	for (int i = 0; i < a->n; i++)
		if (axis_time(a, i) - a->step_ms < now_ms)
			s->v[i] = (float)(factor
					  * sample_value(probe,
					      axis_time(a, i) < now_ms ? axis_time(a, i) : now_ms));
}

static inline struct status *
sample_status(int64_t now_ms)
{
	struct status *s = status_new();

	s->ever = true;
	s->fetched_ms = now_ms;
	s->now = (double)now_ms / 1e3;
	snprintf(s->shop, sizeof(s->shop), "acme-eu");
	s->n_probes = SAMPLE_PROBES;
	s->probes = xcalloc(SAMPLE_PROBES, sizeof(*s->probes));
	s->alerts = xcalloc(2, sizeof(*s->alerts));
	s->hosts = xcalloc(1, sizeof(*s->hosts));
	s->has_hosts = true;
	s->n_hosts = 1;
	snprintf(s->hosts[0].group, sizeof(s->hosts[0].group), "storefront");
	snprintf(s->hosts[0].state, sizeof(s->hosts[0].state), "running");
	s->hosts[0].runs = (double)(now_ms / 5000 % 100000);
	s->hosts[0].rss = 8e6 + (double)(now_ms / 10000 % 7) * 1e5;
	s->hosts[0].lag_p99 = 0.0001 + 0.00001 * (double)(now_ms / 10000 % 9);
	for (int i = 0; i < SAMPLE_PROBES; i++) {
		struct probe_row *p = &s->probes[i];
		double v = sample_value(i, now_ms);

		snprintf(p->name, sizeof(p->name), "probe-%d", i);
		snprintf(p->plugin, sizeof(p->plugin), "storefront");
		p->state = !isfinite(v) ? STATE_STALE : v > 0.8 ? STATE_CRIT : STATE_OK;
		p->since = (double)(now_ms / 1000 - 1234 - i);
		p->interval = 30;
		p->target = 0.8;
		if (p->state == STATE_CRIT && s->n_alerts < 2) {
			struct alert_row *a = &s->alerts[s->n_alerts++];

			snprintf(a->name, sizeof(a->name), "StorefrontSlow");
			snprintf(a->probe, sizeof(a->probe), "%s", p->name);
			snprintf(a->summary, sizeof(a->summary), "slow \xe6\xbc\xa2\xe5\xad\x97 %s",
			    p->name);
			a->state = STATE_WARN;
			a->since = (double)(now_ms / 1000 / 1800 * 1800);
		}
	}
	return s;
}

static inline struct charts *
sample_charts(const struct ui *ui)
{
	struct axis a = ui_axis(ui);
	struct charts *c = charts_new(&a);
	int stride = canvas_dots_x(ui->set);

	c->ttfb = xcalloc(SAMPLE_PROBES, sizeof(*c->ttfb));
	c->verdict = xcalloc(SAMPLE_PROBES, sizeof(*c->verdict));
	c->n_ttfb = c->n_verdict = SAMPLE_PROBES;
	for (int i = 0; i < SAMPLE_PROBES; i++) {
		snprintf(c->ttfb[i].name, sizeof(c->ttfb[i].name), "probe-%d", i);
		snprintf(c->verdict[i].name, sizeof(c->verdict[i].name), "probe-%d", i);
		sample_series(&c->ttfb[i], &a, i, 1, ui->now_ms);
		sample_series(&c->verdict[i], &a, i, 1, ui->now_ms);
		for (int k = 0; k < a.n; k++)
			if (isfinite(c->verdict[i].v[k]))
				c->verdict[i].v[k] = c->verdict[i].v[k] > 0.8f ? 2 : 0;
	}
	if (ui->view != VIEW_STOREFRONT)
		return c;
	snprintf(c->probe, sizeof(c->probe), "%s", ui->probe[0] != '\0' ? ui->probe : "probe-0");
	c->n_lines = 2;
	for (int i = 0; i < 2; i++) {
		snprintf(
		    c->lines[i].name, sizeof(c->lines[i].name), i == 0 ? "cold ipv4" : "warm ipv4");
		sample_series(&c->lines[i], &a, 0, i == 0 ? 1 : 0.6, ui->now_ms);
	}
	for (int i = 0; i < PHASES; i++)
		sample_series(&c->phases[i], &a, 0, 0.1 * (i + 1), ui->now_ms);
	c->heat = series_values(a.n * HEAT_ROWS);
	for (int i = 0; i < a.n; i += stride)
		for (int k = 0; k < HEAT_ROWS && axis_time(&a, i) <= ui->now_ms; k++)
			c->heat[i * HEAT_ROWS + k] =
			    k == 8 + (int)(4 * sample_noise(1, axis_time(&a, i) / 30000));
	c->newest.at = (double)(ui->now_ms / 30000 * 30);
	c->newest.n_hops = 1;
	snprintf(c->newest.last.url, sizeof(c->newest.last.url), "https://shop.example/");
	for (int i = 0; i < PHASES; i++)
		c->newest.last.phase[i] = 0.1 * (i + 1) * sample_value(0, ui->now_ms);
	c->n_runs = 8;
	for (int i = 0; i < 8; i++) {
		c->runs[i] = c->newest;
		c->runs[i].at -= 30 * i;
		c->runs[i].total = sample_value(0, ui->now_ms - i * 30000);
	}
	return c;
}

#endif
