/*
 * status.c - version, health, and the agent's own metrics as Prometheus text (exposition format
 * 0.0.4).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/request.h"
#include "agent/self.h"

void
handle_buildinfo(struct request *r)
{
	answer_begin(r);
	buf_text(&r->out, "{\"version\":");
	json_text(&r->out, r->agent->version);
	buf_text(&r->out,
	    ",\"application\":\"tillwatch\",\"revision\":\"\",\"branch\":\"\",\"buildUser\":\"\","
	    "\"buildDate\":\"\",\"goVersion\":\"\"}");
	answer_end(r);
}

void
handle_agent(struct request *r)
{
	const struct api_agent *a = r->agent;
	char *path = a->config_path != NULL ? realpath(a->config_path, NULL) : NULL;
	int64_t reload_ms = 0;
	bool is_ok = a->self->reload_ok == NULL || a->self->reload_ok(a->self->arg, &reload_ms);

	answer_begin(r);
	buf_text(&r->out, "{\"version\":");
	json_text(&r->out, a->version);
	json_field_seconds(&r->out, "started", a->started_ms);
	json_field_text(&r->out, "config", path != NULL ? path : a->config_path);
	json_field_seconds(&r->out, "config_read", reload_ms != 0 ? reload_ms : a->started_ms);
	buf_printf(&r->out, ",\"config_ok\":%s}", is_ok ? "true" : "false");
	answer_end(r);
	free(path);
}

struct text {
	struct buf *b;
	char last[128];
};

static void
one_metric(void *arg, const struct self_sample *s)
{
	struct text *t = arg;

	if (strcmp(t->last, s->name) != 0) {
		buf_printf(t->b, "# HELP %s %s\n# TYPE %s %s\n", s->name, s->help, s->name,
		    s->counter ? "counter" : "gauge");
		snprintf(t->last, sizeof(t->last), "%s", s->name);
	}
	buf_text(t->b, s->name);
	if (s->label != NULL) {
		buf_printf(t->b, "{%s=", s->label);
		json_text(t->b, s->label_value);
		buf_char(t->b, '}');
	}
	if (isfinite(s->v)) {
		buf_char(t->b, ' ');
		json_number(t->b, s->v);
		buf_char(t->b, '\n');
	} else {
		buf_text(t->b, isnan(s->v) ? " NaN\n" : s->v > 0 ? " +Inf\n" : " -Inf\n");
	}
}

void
handle_metrics(struct request *r)
{
	struct text t = {.b = &r->out};

	r->type = "text/plain; version=0.0.4; charset=utf-8";
	buf_printf(&r->out,
	    "# HELP tillwatch_build_info 1, with the version\n# TYPE tillwatch_build_info gauge\n"
	    "tillwatch_build_info{version=\"%s\"} 1\n",
	    r->agent->version);
	self_each(r->agent->self, one_metric, &t);
}

void
handle_healthy(struct request *r)
{
	r->type = "text/plain; charset=utf-8";
	buf_text(&r->out, "tillwatch is healthy.\n");
}

void
handle_ready(struct request *r)
{
	r->type = "text/plain; charset=utf-8";
	if (r->agent->ready(r->agent->ctx)) {
		buf_text(&r->out, "tillwatch is ready.\n");
	} else {
		r->status = 503;
		buf_text(&r->out, "tillwatch is not ready yet.\n");
	}
}
