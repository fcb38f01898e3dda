/*
 * rules.c - alerts and rules in Prometheus' shape, receivers and messages in ours.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "agent/alert/alert.h"
#include "agent/api/request.h"
#include "agent/notify/notify.h"

#define MESSAGES_MAX 200

struct list {
	struct buf *b;
	bool first;
	const struct rule *rule;    /* only alerts of this rule; NULL = all */
	const struct rule_group *group; /* the group whose rules are being written */
};

static void
field_stamp(struct buf *b, const char *name, int64_t ms)
{
	char text[WALL_TEXT];

	json_field_text(
	    b, name, ms == 0 ? "0001-01-01T00:00:00Z" : wall_format((wall_t){ms}, text));
}

static void
one_alert(void *arg, const struct alert_view *a)
{
	struct list *l = arg;

	if (a->phase == ALERT_RESOLVED || (l->rule != NULL && a->rule != l->rule))
		return;
	json_comma(l->b, &l->first);
	buf_text(l->b, "{\"labels\":");
	json_labels(l->b, a->labels);
	buf_text(l->b, ",\"annotations\":");
	json_labels(l->b, a->annotations);
	json_field_text(l->b, "state", a->phase == ALERT_FIRING ? "firing" : "pending");
	field_stamp(l->b, "activeAt", a->active_ms);
	buf_text(l->b, ",\"value\":");
	json_value(l->b, a->value);
	json_field_text(l->b, "fingerprint", a->fingerprint);
	json_field_text(l->b, "silencedBy", a->silenced_by);
	json_field_text(l->b, "inhibitedBy", a->inhibited_by);
	buf_printf(l->b, ",\"held\":%s}", a->held ? "true" : "false");
}

void
handle_alerts(struct request *r)
{
	struct list l = {&r->out, true, NULL, NULL};

	answer_begin(r);
	buf_text(&r->out, "{\"alerts\":[");
	if (r->agent->alerts != NULL)
		alerts_each(r->agent->alerts, one_alert, &l);
	buf_text(&r->out, "]}");
	answer_end(r);
}

static void
pairs(struct buf *b, const char *name, const struct rule_pair *p, size_t n)
{
	buf_printf(b, ",\"%s\":{", name);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_char(b, ',');
		json_text(b, p[i].name);
		buf_char(b, ':');
		json_text(b, p[i].value);
	}
	buf_char(b, '}');
}

/* The alerts of every rule are wanted beside it; they are gathered once, because alerts_each takes
 * its lock and the rules are walked under another. */
struct gathered {
	struct { const struct rule *rule; struct buf text; enum alert_phase worst; } at[256];
	size_t n;
};

static void
gather(void *arg, const struct alert_view *a)
{
	struct gathered *g = arg;
	struct list l;
	size_t i;

	if (a->phase == ALERT_RESOLVED)
		return;
	for (i = 0; i < g->n && g->at[i].rule != a->rule; i++)
		;
	if (i == sizeof(g->at) / sizeof(g->at[0]))
		return;
	if (i == g->n) {
		g->at[g->n].rule = a->rule;
		buf_init(&g->at[g->n].text, 1 << 20);
		g->at[g->n++].worst = a->phase;
	}
	if (a->phase > g->at[i].worst)
		g->at[i].worst = a->phase;
	l = (struct list){&g->at[i].text, g->at[i].text.len == 0, NULL, NULL};
	one_alert(&l, a);
}

struct rules_list {
	struct buf *b;
	const struct gathered *alerts;
	const struct rule_group *group;
	bool first_group, first_rule;
	bool recording, alerting; /* which rules are asked for */
};

static void
begin_group(struct rules_list *l, const struct rule_status *s)
{
	if (l->group != NULL)
		buf_text(l->b, "]}");
	json_comma(l->b, &l->first_group);
	buf_text(l->b, "{\"name\":");
	json_text(l->b, s->group->name);
	json_field_text(l->b, "file", s->group->file);
	buf_text(l->b, ",\"interval\":");
	json_number(l->b, (double)s->group->interval_ms / 1e3);
	buf_printf(l->b, ",\"limit\":%lld", (long long)s->group->limit);
	field_stamp(l->b, "lastEvaluation", s->group_last_ms);
	buf_text(l->b, ",\"evaluationTime\":");
	json_number(l->b, (double)s->group_duration_us / 1e6);
	buf_printf(l->b, ",\"missed\":%llu,\"rules\":[", (unsigned long long)s->group_missed);
	l->group = s->group;
	l->first_rule = true;
}

static const char *
rule_state(enum alert_phase worst)
{
	return worst == ALERT_FIRING ? "firing" : worst == ALERT_PENDING ? "pending" : "inactive";
}

static void
alert_fields(struct rules_list *l, const struct rule *rule)
{
	const struct buf *text = NULL;
	enum alert_phase worst = 0;

	for (size_t i = 0; i < l->alerts->n; i++)
		if (l->alerts->at[i].rule == rule) {
			text = &l->alerts->at[i].text;
			worst = l->alerts->at[i].worst;
		}
	json_field_text(l->b, "state", rule_state(worst));
	buf_printf(l->b, ",\"duration\":%.3f,\"keepFiringFor\":%.3f", (double)rule->for_ms / 1e3,
	    (double)rule->keep_firing_ms / 1e3);
	pairs(l->b, "annotations", rule->annotations, rule->n_annotations);
	buf_printf(l->b, ",\"alerts\":[%s]", text != NULL ? buf_str(text) : "");
}

static const char *
health_name(enum rule_health health)
{
	return health == RULE_GOOD ? "ok" : health == RULE_BAD ? "err" : "unknown";
}

static void
one_rule(void *arg, const struct rule_status *s)
{
	struct rules_list *l = arg;

	if (s->rule->recording ? !l->recording : !l->alerting)
		return;
	if (s->group != l->group)
		begin_group(l, s);
	json_comma(l->b, &l->first_rule);
	buf_text(l->b, "{\"name\":");
	json_text(l->b, s->rule->name);
	json_field_text(l->b, "query", s->rule->expr);
	json_field_text(l->b, "type", s->rule->recording ? "recording" : "alerting");
	json_field_text(l->b, "health", health_name(s->health));
	json_field_text(l->b, "lastError", s->error);
	json_field_text(l->b, "origin", rule_origin_name(s->rule->origin));
	field_stamp(l->b, "lastEvaluation", s->last_ms);
	buf_text(l->b, ",\"evaluationTime\":");
	json_number(l->b, (double)s->duration_us / 1e6);
	pairs(l->b, "labels", s->rule->labels, s->rule->n_labels);
	if (!s->rule->recording)
		alert_fields(l, s->rule);
	buf_char(l->b, '}');
}

void
handle_rules(struct request *r)
{
	struct gathered alerts = {.n = 0};
	const char *type = param(r, "type");
	struct rules_list l = {&r->out, &alerts, NULL, true, true,
	    .recording = type == NULL || strcmp(type, "record") == 0,
	    .alerting = type == NULL || strcmp(type, "alert") == 0};

	if (!l.recording && !l.alerting) {
		answer_error(r, "bad_data", "invalid parameter \"type\": alert or record");
		return;
	}
	answer_begin(r);
	buf_text(&r->out, "{\"groups\":[");
	if (r->agent->alerts != NULL) {
		alerts_each(r->agent->alerts, gather, &alerts);
		alert_rules_each(r->agent->alerts, one_rule, &l);
	}
	if (l.group != NULL)
		buf_text(&r->out, "]}");
	buf_text(&r->out, "]}");
	answer_end(r);
	for (size_t i = 0; i < alerts.n; i++)
		buf_free(&alerts.at[i].text);
}

/* ---- delivery ---- */

static void
one_receiver(void *arg, const struct receiver_status *s)
{
	struct list *l = arg;

	json_comma(l->b, &l->first);
	buf_text(l->b, "{\"name\":");
	json_text(l->b, s->name);
	json_field_text(l->b, "type", s->type);
	json_field_text(l->b, "state", receiver_state_name(s->state));
	json_field_text(l->b, "fallback", s->fallback);
	buf_printf(l->b, ",\"delivered\":%llu,\"attempts\":%llu,\"pending\":%lld,\"dead\":%lld",
	    (unsigned long long)s->delivered, (unsigned long long)s->attempts,
	    (long long)s->waiting.pending, (long long)s->waiting.dead);
	json_field_seconds(l->b, "oldest", s->waiting.oldest_ms);
	json_field_seconds(l->b, "last_delivery", s->last_success_ms);
	json_field_seconds(l->b, "next_try", s->next_ms);
	buf_printf(l->b, ",\"last_http\":%d", s->last_http);
	json_field_text(l->b, "last_error", s->last_error);
	buf_char(l->b, '}');
}

static const char *
state_name(enum outbox_state state)
{
	static const char *const names[] = {
	    "pending", "inflight", "delivered", "superseded", "dead", "dropped"};

	return (unsigned)state < 6 ? names[state] : "unknown";
}

static void
one_message(void *arg, const struct outbox_row *row)
{
	struct list *l = arg;
	bool is_open = row->state == OUTBOX_PENDING || row->state == OUTBOX_INFLIGHT;

	json_comma(l->b, &l->first);
	buf_printf(l->b, "{\"id\":%lld", (long long)row->id);
	json_field_text(l->b, "receiver", row->receiver);
	json_field_text(l->b, "msg_id", row->msg_id);
	json_field_text(l->b, "kind", row->kind);
	json_field_text(l->b, "state", state_name(row->state));
	json_field_seconds(l->b, "created", row->created_ms);
	json_field_seconds(l->b, "next_try", is_open ? row->next_ms : 0);
	buf_printf(l->b, ",\"attempts\":%d,\"http\":%d", row->attempts, row->http);
	json_field_text(l->b, "error", row->error);
	buf_char(l->b, '}');
}

void
handle_outbox(struct request *r)
{
	bool all = param(r, "all") != NULL;
	struct list l = {&r->out, true, NULL, NULL};

	answer_begin(r);
	buf_text(&r->out, "{\"receivers\":[");
	if (r->agent->notify != NULL)
		notify_receivers_each(r->agent->notify, one_receiver, &l);
	buf_text(&r->out, "],\"messages\":[");
	l.first = true;
	if (r->agent->state != NULL) {
		(void)outbox_each(r->agent->state, NULL, all ? OUTBOX_ALL : OUTBOX_OPEN,
		    MESSAGES_MAX, one_message, &l);
		if (!all)
			(void)outbox_each(
			    r->agent->state, NULL, OUTBOX_FAILED, MESSAGES_MAX, one_message, &l);
	}
	buf_text(&r->out, "]}");
	answer_end(r);
}
