/*
 * ask.c - see ask.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "tui/ask.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/sanitize.h"

void
ask_copy_text(char *dst, size_t cap, const char *src)
{
	text_sanitize(dst, cap, src != NULL ? src : "", src != NULL ? strlen(src) : 0);
}

void
ask_copy_member(char *dst, size_t cap, const json_t *o, const char *name)
{
	ask_copy_text(dst, cap, json_string_value(json_object_get(o, name)));
}

/* A number, or a number in a string as Prometheus sends its values; else NaN. */
double
ask_number(const json_t *v)
{
	const char *s = json_string_value(v);
	char *end;
	double d;

	if (json_is_number(v))
		return json_number_value(v);
	if (s == NULL || *s == '\0')
		return NAN;
	d = strtod(s, &end);
	return *end == '\0' ? d : NAN;
}

double
ask_member(const json_t *o, const char *name)
{
	return ask_number(json_object_get(o, name));
}

static void
note_error(struct asking *a, int rc, const char *err)
{
	if (a->rc == 0 || a->error[0] == '\0')
		ask_copy_text(a->error, ERROR_CAP, err);
	a->rc = rc;
}

/* The answer's "data"; NULL on any error. A 404 is no error: *missing says so. */
json_t *
ask(struct asking *a, const char *path, bool *missing)
{
	char err[ERROR_CAP] = "", why[ERROR_CAP + 64];
	json_t *answer, *data = NULL;
	struct buf body;
	int rc;

	*missing = false;
	if (a->rc == -ECANCELED)
		return NULL;
	buf_init(&body, SOURCE_ANSWER_MAX);
	rc = a->src->get(
	    a->src->ctx, path, &body, err, sizeof(err), a->cancel->cancelled, a->cancel->arg);
	if (rc == -ENOENT) {
		*missing = true;
	} else if (rc != 0) {
		note_error(a, rc, err);
	} else if ((answer = json_read(buf_str(&body), body.len, err, sizeof(err))) == NULL) {
		snprintf(why, sizeof(why), "an answer is no JSON: %s", err);
		note_error(a, -EIO, why);
	} else {
		data = json_object_get(answer, "data");
		if (!json_is_object(data)) {
			note_error(a, -EIO, "an answer has no data");
			data = NULL;
		}
		json_incref(data);
		json_decref(answer);
	}
	buf_free(&body);
	return data;
}

void
ask_add_param(struct buf *url, const char *name, const char *value)
{
	static const char safe[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	buf_printf(url, "%c%s=", strchr(buf_str(url), '?') != NULL ? '&' : '?', name);
	for (; *value != '\0'; value++) {
		if (strchr(safe, *value) != NULL)
			buf_char(url, *value);
		else
			buf_printf(url, "%%%02X", (unsigned char)*value);
	}
}

void
ask_add_time(struct buf *url, const char *name, int64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
	ask_add_param(url, name, text);
}

/* Result of an instant query as an array, NULL on error. */
json_t *
ask_instant(struct asking *a, const char *query, int64_t at_ms)
{
	bool missing;
	json_t *data, *result;
	struct buf url;

	buf_init(&url, 64 << 10);
	buf_text(&url, "/api/v1/query");
	ask_add_param(&url, "query", query);
	ask_add_time(&url, "time", at_ms);
	data = ask(a, buf_str(&url), &missing);
	result = json_incref(json_object_get(data, "result"));
	json_decref(data);
	buf_free(&url);
	return result;
}

json_t *
ask_range(struct asking *a, const char *query, int64_t start_ms, int64_t end_ms, int64_t step_ms)
{
	bool missing;
	json_t *data, *result;
	struct buf url;

	buf_init(&url, 64 << 10);
	buf_text(&url, "/api/v1/query_range");
	ask_add_param(&url, "query", query);
	ask_add_time(&url, "start", start_ms);
	ask_add_time(&url, "end", end_ms);
	ask_add_time(&url, "step", step_ms);
	data = ask(a, buf_str(&url), &missing);
	result = json_incref(json_object_get(data, "result"));
	json_decref(data);
	buf_free(&url);
	return result;
}

/* PromQL string: backslash and quote escaped. */
void
ask_quote(char *dst, size_t cap, const char *src)
{
	size_t n = 0;

	for (; *src != '\0' && n + 3 < cap; src++) {
		if (*src == '"' || *src == '\\')
			dst[n++] = '\\';
		dst[n++] = *src;
	}
	dst[n] = '\0';
}

enum state
ask_verdict_of(const char *text)
{
	static const struct {
		const char *name;
		enum state state;
	} names[] = {{"ok", STATE_OK}, {"warn", STATE_WARN}, {"crit", STATE_CRIT},
	    {"pending", STATE_PENDING}};

	for (size_t i = 0; text != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, text) == 0)
			return names[i].state;
	return STATE_UNKNOWN;
}
