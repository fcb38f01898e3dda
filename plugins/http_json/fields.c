/*
 * fields.c - see http_json.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/time-text.h"
#include "plugins/http_json/http_json.h"

int
api_field_parse(struct api_field *f, const char *name, const char *text, char *err, size_t cap)
{
	int sign = 1;

	*f = (struct api_field){.name = name};
	for (;;) {
		size_t n = strcspn(text, " ");
		char *pointer;

		if (f->n_terms == API_TERMS_MAX || (pointer = strndup(text, n)) == NULL)
			break;
		f->terms[f->n_terms].sign = sign;
		f->terms[f->n_terms++].pointer = pointer;
		if (*pointer != '/' || !json_pointer_ok(pointer))
			break;
		text += n;
		if (*text == '\0')
			return 0;
		if (strncmp(text, " - ", 3) != 0 && strncmp(text, " + ", 3) != 0)
			break;
		sign = text[1] == '-' ? -1 : 1;
		text += 3;
	}
	snprintf(err, cap, "%s: no pointer of a record (try /sku, or /on_hand - /allocated)", name);
	api_field_clear(f);
	return -EINVAL;
}

void
api_field_clear(struct api_field *f)
{
	while (f->n_terms > 0)
		free(f->terms[--f->n_terms].pointer);
}

static const char *
scalar(const json_t *j, struct tw_value *v)
{
	*v = (struct tw_value){.type = TW_FIELD_NONE};
	switch (j != NULL ? json_typeof(j) : JSON_NULL) {
	case JSON_NULL:
		return NULL;
	case JSON_STRING:
		if (json_string_length(j) > API_TEXT_MAX)
			return "is over 4096 bytes";
		*v = (struct tw_value){.type = TW_FIELD_TEXT,
		    .len = (uint32_t)json_string_length(j), .as.text = json_string_value(j)};
		return NULL;
	case JSON_INTEGER:
		*v = (struct tw_value){.type = TW_FIELD_INT, .as.integer = json_integer_value(j)};
		return NULL;
	case JSON_REAL:
		*v = (struct tw_value){.type = TW_FIELD_REAL, .as.real = json_real_value(j)};
		return NULL;
	case JSON_TRUE:
	case JSON_FALSE:
		*v = (struct tw_value){.type = TW_FIELD_INT, .as.integer = json_is_true(j)};
		return NULL;
	default:
		return "is a list or an object";
	}
}

/* A number, or a text that is one. */
static bool
number(const json_t *j, double *v)
{
	char *end;

	if (json_is_number(j)) {
		*v = json_number_value(j);
		return true;
	}
	if (!json_is_string(j) || json_string_length(j) == 0)
		return false;
	*v = strtod(json_string_value(j), &end);
	return *end == '\0' && isfinite(*v);
}

const char *
api_field_value(const struct api_field *f, json_t *record, struct tw_value *v)
{
	double sum = 0, term;

	if (f->n_terms == 1)
		return scalar(json_at(record, f->terms[0].pointer), v);
	*v = (struct tw_value){.type = TW_FIELD_NONE};
	for (uint32_t i = 0; i < f->n_terms; i++) {
		if (!number(json_at(record, f->terms[i].pointer), &term))
			return "lacks a number to add";
		sum += f->terms[i].sign * term;
	}
	*v = (struct tw_value){.type = TW_FIELD_REAL, .as.real = sum};
	return NULL;
}

/* Without a zone it is UTC's: of APIs that leave it out nearly all mean that. */
int64_t
api_time(const json_t *v)
{
	struct time_text t;
	int64_t ms;

	if (json_is_string(v))
		return time_text_or_number_parse(
			   &t, json_string_value(v), json_string_length(v)) == 0 ? t.ms : 0;
	return json_is_number(v) && time_number_parse(&ms, json_number_value(v)) == 0 ? ms : 0;
}
