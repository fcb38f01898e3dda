/*
 * body.c - a posted JSON body becomes records. See webhook.h.
 *
 * Foreign bytes, if signed ones: depth, count and length are bounded; what does not fit is refused
 * with a few words, never cut. Addresses are looked at and not handed on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/time-text.h"
#include "plugins/common/glob.h"
#include "plugins/webhook/webhook.h"

int
body_open(struct body *b, const struct body_format *f, const void *data, size_t len, char *why,
    size_t cap)
{
	char err[160];
	const json_t *list;

	*b = (struct body){0};
	if ((b->root = json_read(data, len, err, sizeof(err))) == NULL) {
		snprintf(why, cap, "is no JSON: %s", err);
		return -EBADMSG;
	}
	b->n = 1;
	if (f->records == NULL)
		return 0;
	list = json_at(b->root, f->records);
	b->n = json_array_size(list);
	if (!json_is_array(list))
		snprintf(why, cap, "has no array at %.100s", f->records);
	else if (b->n > RECORDS_MAX)
		snprintf(why, cap, "has more than %d records", RECORDS_MAX);
	else
		return 0;
	body_close(b);
	return -EBADMSG;
}

void
body_close(struct body *b)
{
	json_decref(b->root);
	*b = (struct body){0};
}

int
body_time(const json_t *v, int64_t *ms)
{
	struct time_text t;

	if (json_is_number(v))
		return time_number_parse(ms, json_number_value(v));
	if (!json_is_string(v)
	    || time_text_or_number_parse(&t, json_string_value(v), json_string_length(v)) != 0
	    || !t.has_offset) /* whose clock? a minute off is another minute of the shop */
		return -EINVAL;
	*ms = t.ms;
	return 0;
}

/* Shops write money as a text: "199.00". What is counted as money must be a number. */
static void
take_money(struct tw_value *v)
{
	const char *text = v->as.text;
	size_t n = v->len, digits;

	if (v->type != TW_FIELD_TEXT || n == 0 || n > 20)
		return;
	text += *text == '-';
	digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 15)
		return;
	text += digits;
	if (*text == '.')
		text += 1 + strspn(text + 1, "0123456789");
	if (text == v->as.text + n && text[-1] != '.')
		*v = (struct tw_value){.type = TW_FIELD_REAL, .as.real = strtod(v->as.text, NULL)};
}

/* Hundredths become a number of the whole; false: it is no number. Nothing stays nothing. */
static bool
take_cents(struct tw_value *v)
{
	take_money(v);
	if (v->type == TW_FIELD_NONE)
		return true;
	if (v->type != TW_FIELD_INT && v->type != TW_FIELD_REAL)
		return false;
	*v = (struct tw_value){.type = TW_FIELD_REAL,
	    .as.real = (v->type == TW_FIELD_INT ? (double)v->as.integer : v->as.real) / 100};
	return true;
}

/* NULL, or why it is no value. */
static const char *
take_value(const json_t *from, struct tw_value *to)
{
	*to = (struct tw_value){.type = TW_FIELD_NONE};
	if (from == NULL)
		return NULL;
	switch (json_typeof(from)) {
	case JSON_STRING:
		if (json_string_length(from) > TEXT_VALUE_MAX)
			return "is over 4096 bytes";
		*to = (struct tw_value){.type = TW_FIELD_TEXT,
		    .len = (uint32_t)json_string_length(from),
		    .as.text = json_string_value(from)};
		return NULL;
	case JSON_INTEGER:
		*to = (struct tw_value){
		    .type = TW_FIELD_INT, .as.integer = json_integer_value(from)};
		return NULL;
	case JSON_REAL:
		*to = (struct tw_value){.type = TW_FIELD_REAL, .as.real = json_real_value(from)};
		return NULL;
	case JSON_TRUE:
	case JSON_FALSE:
		*to = (struct tw_value){.type = TW_FIELD_INT, .as.integer = json_is_true(from)};
		return NULL;
	case JSON_NULL: return NULL;
	default: return "is an object or array";
	}
}

static bool
is_ours(const char *pattern, const struct tw_value *v)
{
	return pattern != NULL && v->type == TW_FIELD_TEXT
	    && glob_match(pattern, v->as.text, v->len);
}

static const char *
take_time(const struct body_format *f, json_t *record, int64_t when_ms, struct tw_record *r,
    char *why, size_t cap)
{
	const json_t *v = f->time != NULL ? json_at(record, f->time) : NULL;

	r->time_ms = when_ms;
	if (f->time == NULL || body_time(v, &r->time_ms) == 0)
		return NULL;
	snprintf(why, cap, "%.100s %s", f->time, v == NULL ? "is missing" : "is no time");
	return why;
}

const char *
body_record(const struct body *b, const struct body_format *f, size_t i, int64_t when_ms,
    struct tw_record *r, struct tw_value *values, char *why, size_t cap)
{
	json_t *list = f->records != NULL ? json_at(b->root, f->records) : NULL;
	json_t *record = f->records != NULL ? json_array_get(list, i) : b->root;
	const char *wrong;

	*r = (struct tw_record){.size = sizeof(*r), .values = values};
	if (!json_is_object(record) && !json_is_array(record))
		return "is no object";
	if ((wrong = take_time(f, record, when_ms, r, why, cap)) != NULL)
		return wrong;
	for (uint32_t k = 0; k < f->n_fields; k++) {
		if ((wrong = take_value(json_at(record, f->pointers[k]), &values[k])) != NULL) {
			snprintf(why, cap, "%.64s %s", f->names[k], wrong);
			return why;
		}
		if ((f->is_email[k] && is_ours(f->email, &values[k]))
		    || (f->is_sku[k] && is_ours(f->sku, &values[k])))
			r->flags |= TW_RECORD_SYNTHETIC;
		if (f->is_cents[k] && !take_cents(&values[k])) {
			snprintf(why, cap, "%.64s is no number of cents", f->names[k]);
			return why;
		}
		if (f->is_money[k])
			take_money(&values[k]);
		if (f->is_email[k]) /* it has said what it can: nobody may keep an address */
			values[k] = (struct tw_value){.type = TW_FIELD_NONE};
	}
	return NULL;
}
