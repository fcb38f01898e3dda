/*
 * query_status.c - probes, alerts, hosts, receivers, targets. See query.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xmalloc.h"
#include "tui/ask.h"

static void
read_probe(struct probe_row *p, const json_t *o)
{
	ask_copy_member(p->name, sizeof(p->name), o, "name");
	ask_copy_member(p->plugin, sizeof(p->plugin), o, "plugin");
	ask_copy_member(p->reason, sizeof(p->reason), o, "reason");
	p->since = ask_member(o, "since");
	p->last_run = ask_member(o, "last_run");
	p->next_run = ask_member(o, "next_run");
	p->interval = ask_member(o, "interval_s");
	p->late = json_is_true(json_object_get(o, "late"));
	p->target = NAN;
	p->state = ask_verdict_of(json_string_value(json_object_get(o, "verdict")));
	if (json_is_true(json_object_get(o, "stale")))
		p->state = STATE_STALE;
}

static void
read_probes(struct status *s, const json_t *data)
{
	const json_t *list = json_object_get(data, "probes"), *o;
	size_t i, n = json_array_size(list);

	ask_copy_member(s->shop, sizeof(s->shop), data, "shop");
	ask_copy_member(s->currency, sizeof(s->currency), data, "currency");
	s->now = ask_member(data, "now");
	s->blind_since = ask_member(data, "blind_since");
	s->probes_cut = n > PROBES_MAX ? (int)(n - PROBES_MAX) : 0;
	s->probes = xcalloc(n > 0 ? n : 1, sizeof(*s->probes));
	json_array_foreach(list, i, o) if (s->n_probes < PROBES_MAX)
	    read_probe(&s->probes[s->n_probes++], o);
}

/* A server without tillwatch's own endpoints: the probes are those that have a verdict. */
static void
probes_from_series(struct asking *a, struct status *s, int64_t now_ms)
{
	json_t *verdicts = ask_instant(a, "max by (probe) (tillwatch_probe_verdict)", now_ms);
	json_t *fronts = ask_instant(a, "group by (probe) (storefront_up)", now_ms);
	static const enum state states[] = {STATE_OK, STATE_WARN, STATE_CRIT, STATE_UNKNOWN};
	const json_t *one;
	size_t i, k;

	s->now = (double)now_ms / 1e3;
	s->probes = xcalloc(json_array_size(verdicts) + 1, sizeof(*s->probes));
	json_array_foreach(verdicts, i, one)
	{
		struct probe_row *p = &s->probes[s->n_probes];
		double v = ask_number(json_array_get(json_object_get(one, "value"), 1));

		if (s->n_probes == PROBES_MAX)
			break;
		ask_copy_member(p->name, sizeof(p->name), json_object_get(one, "metric"), "probe");
		p->state = v >= 0 && v <= 3 ? states[(int)v] : STATE_UNKNOWN;
		p->since = p->last_run = p->next_run = p->interval = p->target = NAN;
		s->n_probes++;
	}
	json_array_foreach(fronts, i, one) for (k = 0; k < (size_t)s->n_probes; k++)
	{
		char name[96];

		ask_copy_member(name, sizeof(name), json_object_get(one, "metric"), "probe");
		if (strcmp(name, s->probes[k].name) == 0)
			snprintf(s->probes[k].plugin, sizeof(s->probes[k].plugin), "storefront");
	}
	json_decref(verdicts);
	json_decref(fronts);
}

static enum state
alert_state(const json_t *o, const char *severity)
{
	const char *state = json_string_value(json_object_get(o, "state"));
	const char *silenced = json_string_value(json_object_get(o, "silencedBy"));
	const char *inhibited = json_string_value(json_object_get(o, "inhibitedBy"));

	if ((silenced != NULL && *silenced != '\0') || (inhibited != NULL && *inhibited != '\0'))
		return STATE_MUTED;
	if (state == NULL || strcmp(state, "firing") != 0)
		return STATE_PENDING;
	return strcmp(severity, "page") == 0 || strcmp(severity, "critical") == 0
		       || strcmp(severity, "crit") == 0 || severity[0] == '\0'
		   ? STATE_CRIT
		   : STATE_WARN;
}

static void
read_alerts(struct status *s, const json_t *data)
{
	const json_t *list = json_object_get(data, "alerts"), *o;
	size_t i, n = json_array_size(list);

	s->alerts = xcalloc(n > 0 ? n : 1, sizeof(*s->alerts));
	json_array_foreach(list, i, o)
	{
		const json_t *labels = json_object_get(o, "labels");
		const json_t *notes = json_object_get(o, "annotations");
		const char *at = json_string_value(json_object_get(o, "activeAt"));
		struct alert_row *r = &s->alerts[s->n_alerts];
		wall_t t;

		if (s->n_alerts == ALERTS_MAX)
			break;
		ask_copy_member(r->name, sizeof(r->name), labels, "alertname");
		ask_copy_member(r->probe, sizeof(r->probe), labels, "probe");
		ask_copy_member(r->severity, sizeof(r->severity), labels, "severity");
		ask_copy_member(r->summary, sizeof(r->summary), notes, "summary");
		r->state = alert_state(o, r->severity);
		r->since = at != NULL && wall_parse(at, &t) == 0 ? (double)t.ms / 1e3 : NAN;
		s->n_alerts++;
	}
}

static void
read_hosts(struct status *s, const json_t *data)
{
	const json_t *list = json_object_get(data, "hosts"), *o;
	size_t i, n = json_array_size(list);

	s->has_hosts = true;
	s->hosts = xcalloc(n > 0 ? n : 1, sizeof(*s->hosts));
	json_array_foreach(list, i, o)
	{
		struct host_row *h = &s->hosts[s->n_hosts];

		if (s->n_hosts == HOSTS_MAX)
			break;
		ask_copy_member(h->group, sizeof(h->group), o, "group");
		ask_copy_member(h->state, sizeof(h->state), o, "state");
		ask_copy_member(h->last_exit, sizeof(h->last_exit), o, "last_exit");
		h->probes = ask_member(o, "n_probes");
		h->restarts = ask_member(o, "restarts");
		h->rss = ask_member(o, "rss_bytes");
		h->cpu_s = ask_member(o, "cpu_s");
		h->lag_p99 = ask_member(o, "lag_p99_s");
		h->late = ask_member(o, "late");
		h->skipped = ask_member(o, "skipped");
		h->runs = ask_member(o, "runs");
		s->n_hosts++;
	}
}

static void
read_receivers(struct status *s, const json_t *data)
{
	const json_t *list = json_object_get(data, "receivers"), *o;
	size_t i, n = json_array_size(list);

	s->has_receivers = true;
	s->receivers = xcalloc(n > 0 ? n : 1, sizeof(*s->receivers));
	json_array_foreach(list, i, o)
	{
		struct receiver_row *r = &s->receivers[s->n_receivers];

		if (s->n_receivers == RECEIVERS_MAX)
			break;
		ask_copy_member(r->name, sizeof(r->name), o, "name");
		ask_copy_member(r->type, sizeof(r->type), o, "type");
		ask_copy_member(r->state, sizeof(r->state), o, "state");
		ask_copy_member(r->last_error, sizeof(r->last_error), o, "last_error");
		r->pending = ask_member(o, "pending");
		r->oldest = ask_member(o, "oldest");
		r->delivered = ask_member(o, "delivered");
		r->dead = ask_member(o, "dead");
		s->n_receivers++;
	}
}

/* "... storefront_ttfb_seconds{...probe="P"...} ... > 0.8": from 0.8 s on a rule complains. */
static void
target_of_rule(struct status *s, const json_t *rule)
{
	const char *query = json_string_value(json_object_get(rule, "query")), *above;
	char wanted[220], quoted[200], *end;
	double v;

	if (query == NULL || strstr(query, "storefront_ttfb_seconds") == NULL
	    || (above = strrchr(query, '>')) == NULL)
		return;
	v = strtod(above + 1, &end);
	if (end == above + 1 || end[strspn(end, " ")] != '\0' || !(v > 0) || !isfinite(v))
		return;
	for (int i = 0; i < s->n_probes; i++) {
		struct probe_row *p = &s->probes[i];

		ask_quote(quoted, sizeof(quoted), p->name);
		snprintf(wanted, sizeof(wanted), "probe=\"%s\"", quoted);
		if (strstr(query, wanted) != NULL && !(p->target <= v))
			p->target = v;
	}
}

static void
read_targets(struct status *s, const json_t *data)
{
	const json_t *group, *rule;
	size_t i, k;

	json_array_foreach(json_object_get(data, "groups"), i, group)
	    json_array_foreach(json_object_get(group, "rules"), k, rule) target_of_rule(s, rule);
}

static void
keep_machine(struct status *s, const struct status *last)
{
	if (last == NULL)
		return;
	s->has_hosts = last->has_hosts;
	s->has_receivers = last->has_receivers;
	s->n_hosts = last->n_hosts;
	s->n_receivers = last->n_receivers;
	s->hosts = xcalloc((size_t)s->n_hosts + 1, sizeof(*s->hosts));
	s->receivers = xcalloc((size_t)s->n_receivers + 1, sizeof(*s->receivers));
	if (s->n_hosts > 0)
		memcpy(s->hosts, last->hosts, (size_t)s->n_hosts * sizeof(*s->hosts));
	if (s->n_receivers > 0)
		memcpy(
		    s->receivers, last->receivers, (size_t)s->n_receivers * sizeof(*s->receivers));
	for (int i = 0; i < s->n_probes; i++)
		for (int k = 0; k < last->n_probes; k++)
			if (strcmp(s->probes[i].name, last->probes[k].name) == 0) {
				s->probes[i].target = last->probes[k].target;
				break;
			}
}

/* The newest attempt failed: everything as it was, with the reason. */
static struct status *
status_failed(const struct status *last, const char *error)
{
	struct status *s = status_new();

	if (last != NULL && last->ever) {
		s->ever = true;
		snprintf(s->shop, sizeof(s->shop), "%s", last->shop);
		snprintf(s->currency, sizeof(s->currency), "%s", last->currency);
		s->now = last->now;
		s->blind_since = last->blind_since;
		s->fetched_ms = last->fetched_ms;
		s->n_probes = last->n_probes;
		s->n_alerts = last->n_alerts;
		s->probes = xcalloc((size_t)s->n_probes + 1, sizeof(*s->probes));
		s->alerts = xcalloc((size_t)s->n_alerts + 1, sizeof(*s->alerts));
		if (s->n_probes > 0)
			memcpy(s->probes, last->probes, (size_t)s->n_probes * sizeof(*s->probes));
		if (s->n_alerts > 0)
			memcpy(s->alerts, last->alerts, (size_t)s->n_alerts * sizeof(*s->alerts));
		keep_machine(s, last);
		s->sums = last->sums;
	}
	snprintf(s->error, sizeof(s->error), "%s", error);
	return s;
}

static void
read_machine(struct asking *a, struct status *s)
{
	json_t *data;
	bool missing;

	if ((data = ask(a, "/tillwatch/v1/plugins", &missing)) != NULL)
		read_hosts(s, data);
	json_decref(data);
	if ((data = ask(a, "/tillwatch/v1/outbox", &missing)) != NULL)
		read_receivers(s, data);
	json_decref(data);
	if ((data = ask(a, "/api/v1/rules?type=alert", &missing)) != NULL)
		read_targets(s, data);
	json_decref(data);
}

struct status *
query_status(const struct source *src, const struct status *last, unsigned what, int64_t now_ms,
    const struct query_cancel *cancel)
{
	struct status *s = status_new(), *failed;
	struct asking a = {src, cancel, s->error, 0};
	json_t *data;
	bool missing;

	data = ask(&a, "/tillwatch/v1/probes", &missing);
	if (data != NULL)
		read_probes(s, data);
	else if (missing)
		probes_from_series(&a, s, now_ms);
	json_decref(data);
	if (a.rc == 0 && (data = ask(&a, "/api/v1/alerts", &missing)) != NULL) {
		read_alerts(s, data);
		json_decref(data);
	}
	if (a.rc != 0) {
		failed = status_failed(last, s->error);
		status_unref(s);
		return failed;
	}
	if ((what & QUERY_FULL) || last == NULL || !last->ever)
		read_machine(&a, s);
	else
		keep_machine(s, last);
	if (what & QUERY_SUMS)
		query_sums(&a, s, now_ms);
	else if (last != NULL)
		s->sums = last->sums;
	s->ever = true;
	s->fetched_ms = now_ms;
	return s;
}
