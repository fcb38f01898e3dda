/*
 * short.c - see short.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/rules/short.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_INTERVAL_MS 15000 /* of a probe's group; bad runs ask for an evaluation besides */
#define MAX_INTERVAL_MS 60000
#define NO_DATA_SLACK_MS 10000 /* a run may take its whole timeout and then be committed */

static int __attribute__((format(printf, 3, 4))) fail(char *err, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, cap, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int
short_failures_parse(const char *text, int *k, int *n)
{
	int used = 0;

	if (sscanf(text, "%4d of %4d%n", k, n, &used) != 2 || text[used] != '\0'
	    || !isdigit((unsigned char)*text))
		return -EINVAL;
	return *k >= 1 && *k <= *n && *n <= SHORT_RUNS_MAX ? 0 : -EINVAL;
}

/* A text inside the quotes of a PromQL label matcher. */
static void
write_value(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n') {
			buf_text(out, "\\n");
			continue;
		}
		if (*s == '"' || *s == '\\')
			buf_char(out, '\\');
		buf_char(out, *s);
	}
}

/* The window of a probe's failures, `offset` when it is not 0. */
static void
write_failures(struct buf *out, const char *probe, int64_t window_ms, int64_t offset_ms, int k)
{
	buf_text(out, "sum_over_time(" SHORT_FAILED "{probe=\"");
	write_value(out, probe);
	buf_text(out, "\"}[");
	rule_duration_write(out, window_ms);
	buf_char(out, ']');
	if (offset_ms > 0) {
		buf_text(out, " offset ");
		rule_duration_write(out, offset_ms);
	}
	buf_printf(out, ") >= %d", k);
}

/* Replaces ${probe} and ${shop}; -EINVAL on any other ${. */
static int
substitute(struct buf *out, const char *text, const char *probe, const char *shop)
{
	const char *p;

	while ((p = strstr(text, "${")) != NULL) {
		buf_add(out, text, (size_t)(p - text));
		if (strncmp(p, "${probe}", 8) == 0)
			write_value(out, probe);
		else if (strncmp(p, "${shop}", 7) == 0)
			write_value(out, shop);
		else
			return -EINVAL;
		text = strchr(p, '}') + 1;
	}
	buf_text(out, text);
	return 0;
}

static int
label_if(struct rule *r, const char *name, const char *value)
{
	return value != NULL && *value != '\0' ? rule_label(r, name, value) : 0;
}

static int
annotation_if(struct rule *r, const char *name, const char *value)
{
	return value != NULL && *value != '\0' ? rule_annotation(r, name, value) : 0;
}

int
short_builtin(struct rule_set *s, const char *shop)
{
	struct rule_group *g = rule_group_add(s, "tillwatch", "");
	struct rule *r;
	int rc;

	if (g == NULL)
		return -ENOMEM;
	g->interval_ms = 5000;
	if ((r = rule_add(s, "AgentBlind", "tillwatch_agent_blind == 1")) == NULL)
		return -ENOMEM;
	r->origin = RULE_BUILTIN;
	r->about_agent = true;
	r->for_ms = 15000;
	r->keep_firing_ms = 120000;
	if ((rc = rule_label(r, "severity", "page")) != 0 || (rc = label_if(r, "shop", shop)) != 0)
		return rc;
	rc = rule_annotation(
	    r, "summary", "tillwatch is blind: its own network fails, the shop cannot be judged");
	return rc != 0
		   ? rc
		   : rule_annotation(r, "description",
		       "The probes fail and so do the resolver and the "
		       "reference targets. Alerts about the shop wait until the agent sees again.");
}

/* The newest n runs, and the n before the one that may be under way: see short.h. */
static void
write_either(struct buf *out, const struct short_probe *p, int k, int n)
{
	write_failures(out, p->name, n * p->interval_ms, 0, k);
	buf_text(out, " or ");
	write_failures(out, p->name, n * p->interval_ms, p->timeout_ms, k);
}

/* ---- what a probe brings ---- */

static int
set_durations(struct rule *r, const struct short_default *d)
{
	if (d->hold != NULL && *d->hold != '\0' && rule_duration_parse(d->hold, &r->for_ms) != 0)
		return -EINVAL;
	if (d->keep_firing_for != NULL && *d->keep_firing_for != '\0'
	    && rule_duration_parse(d->keep_firing_for, &r->keep_firing_ms) != 0)
		return -EINVAL;
	return 0;
}

static int
default_expr(struct buf *out, const struct short_probe *p, const struct short_default *d)
{
	int k, n;

	if (d->failures == NULL)
		return substitute(out, d->expr, p->name, p->shop != NULL ? p->shop : "");
	if (short_failures_parse(d->failures, &k, &n) != 0)
		return -EINVAL;
	write_either(out, p, k, n);
	return 0;
}

static int
add_default(struct rule_set *s, const struct short_probe *p, const struct short_default *d,
    char *err, size_t cap)
{
	struct rule *r = NULL;
	struct buf expr;
	int rc;

	buf_init(&expr, RULE_EXPR_MAX);
	rc = default_expr(&expr, p, d);
	if (rc == 0 && !expr.failed && (r = rule_add(s, d->name, buf_str(&expr))) != NULL) {
		r->origin = RULE_DEFAULT;
		r->hold_ms = 3 * p->interval_ms + p->timeout_ms;
		rc = set_durations(r, d);
	}
	buf_free(&expr);
	if (rc != 0)
		return fail(
		    err, cap, "the default alert %s of probe %s is not valid", d->name, p->name);
	if (r == NULL)
		return -ENOMEM;
	if ((rc = label_if(r, "severity", d->severity)) != 0
	    || (rc = rule_label(r, "probe", p->name)) != 0
	    || (rc = label_if(r, "shop", p->shop)) != 0)
		return rc;
	return annotation_if(r, "summary", d->summary);
}

static int
add_no_data(struct rule_set *s, const struct short_probe *p)
{
	struct rule *r;
	struct buf expr;
	int rc;

	buf_init(&expr, RULE_EXPR_MAX);
	buf_text(&expr, "absent_over_time(" SHORT_FAILED "{probe=\"");
	write_value(&expr, p->name);
	buf_text(&expr, "\"}[");
	rule_duration_write(&expr, 2 * p->interval_ms);
	buf_text(&expr, "])");
	r = rule_add(s, "ProbeNoData", buf_str(&expr));
	buf_free(&expr);
	if (r == NULL)
		return -ENOMEM;
	/* Two intervals of silence, then `for` one more and a timeout: a fresh start has that long
	 * to give a first run. */
	r->for_ms = p->interval_ms + p->timeout_ms + NO_DATA_SLACK_MS;
	r->hold_ms = 1;
	r->origin = RULE_DEFAULT;
	if ((rc = rule_label(r, "severity", p->no_data != NULL ? p->no_data : "ticket")) != 0
	    || (rc = rule_label(r, "probe", p->name)) != 0
	    || (rc = label_if(r, "shop", p->shop)) != 0)
		return rc;
	return rule_annotation(
	    r, "summary", "Probe {{ $labels.probe }} has given no result for three intervals");
}

int
short_probe(struct rule_set *s, const struct short_probe *p, char *err, size_t cap)
{
	bool no_data = p->no_data == NULL || strcmp(p->no_data, "off") != 0;
	struct rule_group *g;
	char name[300];
	int rc = 0;

	if (p->alerts_off || (p->n_defaults == 0 && !no_data))
		return 0;
	snprintf(name, sizeof(name), "probe:%s", p->name);
	if ((g = rule_group_add(s, name, "")) == NULL || (g->probe = strdup(p->name)) == NULL)
		return -ENOMEM;
	g->interval_ms = p->interval_ms < MIN_INTERVAL_MS   ? MIN_INTERVAL_MS
			 : p->interval_ms > MAX_INTERVAL_MS ? MAX_INTERVAL_MS
							    : p->interval_ms;
	for (size_t i = 0; rc == 0 && i < p->n_defaults; i++)
		rc = add_default(s, p, &p->defaults[i], err, cap);
	if (rc == 0 && no_data)
		rc = add_no_data(s, p);
	return rc;
}

/* ---- alerts: ---- */

static const struct short_probe *
find_probe(const struct short_probe *probes, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(probes[i].name, name) == 0)
			return &probes[i];
	return NULL;
}

static int
write_expr(struct buf *out, const struct short_alert *a, size_t at, const struct short_probe *probe,
    int64_t *hold_ms, char *err, size_t cap)
{
	int k, n;

	if ((a->failures != NULL) == (a->expr != NULL))
		return fail(err, cap, "alerts[%zu]: give either failures (k of n) or expr", at);
	if (a->expr != NULL) {
		buf_text(out, a->expr);
		return 0;
	}
	if (probe == NULL)
		return fail(err, cap,
		    "alerts[%zu].probe: failures need the probe whose runs are counted", at);
	if (short_failures_parse(a->failures, &k, &n) != 0)
		return fail(err, cap,
		    "alerts[%zu].failures: \"%.40s\" is not \"k of n\" (try 2 of 3)", at,
		    a->failures);
	write_either(out, probe, k, n);
	*hold_ms = n * probe->interval_ms + probe->timeout_ms;
	return 0;
}

static int
set_texts(struct rule *r, const struct short_alert *a, const struct short_probe *probe)
{
	const char *severity = a->severity != NULL ? a->severity : "page";
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < a->n_labels; i++)
		rc = rule_label(r, a->labels[i].name, a->labels[i].value);
	if (rc == 0 && rule_get_label(r, "severity") == NULL)
		rc = rule_label(r, "severity", severity);
	if (rc == 0 && probe != NULL && rule_get_label(r, "probe") == NULL)
		rc = rule_label(r, "probe", probe->name);
	if (rc == 0 && a->summary == NULL && a->failures != NULL)
		rc = rule_annotation(r, "summary", "{{ $labels.probe }}: {{ $value }} runs failed");
	if (rc == 0)
		rc = annotation_if(r, "summary", a->summary);
	if (rc == 0)
		rc = annotation_if(r, "description", a->description);
	return rc == 0 ? annotation_if(r, "runbook_url", a->runbook) : rc;
}

static int
add_alert(struct rule_set *s, const struct short_alert *a, size_t at,
    const struct short_probe *probes, size_t n_probes, char *err, size_t cap)
{
	const struct short_probe *probe =
	    a->probe != NULL ? find_probe(probes, n_probes, a->probe) : NULL;
	struct rule_group *g;
	struct rule *r = NULL;
	int64_t hold_ms = 0;
	char name[300];
	struct buf expr;
	int rc;

	if (a->probe != NULL && probe == NULL)
		return fail(
		    err, cap, "alerts[%zu].probe: there is no probe \"%.80s\"", at, a->probe);
	buf_init(&expr, RULE_EXPR_MAX);
	rc = write_expr(&expr, a, at, probe, &hold_ms, err, cap);
	/* A group each: it is evaluated when its probe has a bad run, and a slow one delays no
	 * other. */
	snprintf(name, sizeof(name), "alert:%s", a->name);
	if (rc == 0 && (g = rule_group_add(s, name, "")) != NULL) {
		g->interval_ms = MIN_INTERVAL_MS;
		if (probe != NULL)
			g->probe = strdup(probe->name);
		r = rule_add(s, a->name, buf_str(&expr));
	}
	buf_free(&expr);
	if (rc != 0)
		return rc;
	if (r == NULL)
		return -ENOMEM;
	r->origin = RULE_SHORT;
	r->for_ms = a->for_ms;
	r->keep_firing_ms = a->keep_firing_ms;
	r->hold_ms = hold_ms;
	return set_texts(r, a, probe);
}

int
short_alerts(struct rule_set *s, const struct short_alert *list, size_t n,
    const struct short_probe *probes, size_t n_probes, char *err, size_t cap)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(list[k].name, list[i].name) == 0)
				return fail(err, cap,
				    "alerts[%zu].name: there are two alerts \"%.80s\"", i,
				    list[i].name);
		rc = add_alert(s, &list[i], i, probes, n_probes, err, cap);
	}
	return rc;
}
