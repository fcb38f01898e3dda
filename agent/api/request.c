/*
 * request.c - parameters in, JSON out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/api/request.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
param(const struct request *r, const char *name)
{
	for (size_t i = 0; i < r->n_params; i++)
		if (strcmp(r->params[i].name, name) == 0)
			return r->params[i].value;
	return NULL;
}

bool
param_time(struct request *r, const char *name, int64_t otherwise_ms, int64_t *out_ms)
{
	const char *text = param(r, name);
	wall_t t;

	*out_ms = otherwise_ms;
	if (text == NULL || *text == '\0')
		return true;
	if (wall_parse(text, &t) != 0) {
		answer_error(r, "bad_data",
		    "invalid parameter \"%s\": cannot parse \"%.64s\" to a valid timestamp", name,
		    text);
		return false;
	}
	*out_ms = t.ms;
	return true;
}

bool
param_number(struct request *r, const char *name, long low, long high, long otherwise, long *out)
{
	const char *text = param(r, name);
	char *end;

	*out = otherwise;
	if (text == NULL || *text == '\0')
		return true;
	errno = 0;
	*out = strtol(text, &end, 10);
	if (*end == '\0' && errno == 0 && *out >= low && *out <= high)
		return true;
	answer_error(r, "bad_data", "invalid parameter \"%s\": %.64s is no number from %ld to %ld",
	    name, text, low, high);
	return false;
}

static int
status_of(const char *type)
{
	static const struct {
		const char *type;
		int status;
	} table[] = {{"bad_data", 400}, {"unauthorized", 401}, {"forbidden", 403},
	    {"not_found", 404}, {"execution", 422}, {"timeout", 503}, {"canceled", 503},
	    {"unavailable", 503}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].type, type) == 0)
			return table[i].status;
	return 500;
}

void
answer_error(struct request *r, const char *type, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_reset(&r->out);
	r->status = status_of(type);
	buf_text(&r->out, "{\"status\":\"error\",\"errorType\":");
	json_text(&r->out, type);
	buf_text(&r->out, ",\"error\":");
	json_text(&r->out, text);
	buf_text(&r->out, "}\n");
}

void
answer_begin(struct request *r)
{
	buf_text(&r->out, "{\"status\":\"success\",\"data\":");
}

void
answer_end(struct request *r)
{
	buf_text(&r->out, "}\n");
}

void
json_value(struct buf *b, double v)
{
	buf_char(b, '"');
	if (isnan(v))
		buf_text(b, "NaN");
	else if (isinf(v))
		buf_text(b, v > 0 ? "+Inf" : "-Inf");
	else
		json_number(b, v);
	buf_char(b, '"');
}

void
json_seconds(struct buf *b, int64_t ms)
{
	if (ms % 1000 == 0)
		buf_printf(b, "%lld", (long long)(ms / 1000));
	else
		buf_printf(b, "%.3f", (double)ms / 1e3);
}

void
json_comma(struct buf *b, bool *first)
{
	if (!*first)
		buf_char(b, ',');
	*first = false;
}

void
json_labels(struct buf *b, const struct labels *l)
{
	buf_char(b, '{');
	for (uint32_t i = 0; l != NULL && i < l->n; i++) {
		if (i > 0)
			buf_char(b, ',');
		json_text(b, l->at[i].name);
		buf_char(b, ':');
		json_text(b, l->at[i].value);
	}
	buf_char(b, '}');
}

void
json_field_text(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, ",\"%s\":", name);
	json_text(b, value);
}

void
json_field_seconds(struct buf *b, const char *name, int64_t ms)
{
	buf_printf(b, ",\"%s\":", name);
	if (ms == 0)
		buf_text(b, "null");
	else
		json_seconds(b, ms);
}

void
json_field_number(struct buf *b, const char *name, double v)
{
	buf_printf(b, ",\"%s\":", name);
	json_number(b, v);
}
