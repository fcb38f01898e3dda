/*
 * match.c - which records are meant. See match.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/match.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/json.h"
#include "plugins/common/glob.h"

/* ---- made from JSON ---- */

static int
fail(char *err, size_t cap, const char *what, const char *name)
{
	snprintf(err, cap, "%s: %s", name, what);
	return -EINVAL;
}

/* "200", "200-299", "4.5". */
static void
read_number(struct match_value *v)
{
	const char *dash = strchr(v->text + (v->text[0] == '-'), '-');
	char *end;

	v->low = v->high = strtod(v->text, &end);
	if (end == v->text)
		return;
	if (*end == '\0') {
		v->is_number = true;
	} else if (end == dash) {
		v->high = strtod(dash + 1, &end);
		v->is_number = end != dash + 1 && *end == '\0' && v->low <= v->high;
	}
}

static int
add_value(struct match_field *f, const json_t *json, char *err, size_t cap)
{
	char text[512];

	if (!json_scalar_text(json, text, sizeof(text)))
		return fail(err, cap, "a text, a number, or a list of them", f->name);
	f->values[f->n].text = strdup(text);
	if (f->values[f->n].text == NULL)
		return -ENOMEM;
	read_number(&f->values[f->n++]);
	return 0;
}

static int
add_field(struct match *m, const char *name, const json_t *json, char *err, size_t cap)
{
	size_t n = json_is_array(json) ? json_array_size(json) : 1;
	struct match_field *f = &m->fields[m->n];
	int rc = 0;

	if (m->n == MATCH_FIELDS_MAX)
		return fail(err, cap, "more than 8 fields", name);
	if (n == 0 || n > MATCH_VALUES_MAX)
		return fail(err, cap, "1 to 32 values", name);
	m->n++;
	f->name = strdup(name);
	f->values = calloc(n, sizeof(*f->values));
	if (f->name == NULL || f->values == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_value(f, json_is_array(json) ? json_array_get(json, i) : json, err, cap);
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct match_field *)a)->name, ((const struct match_field *)b)->name);
}

static int
from_json(struct match *m, json_t *json, char *err, size_t cap)
{
	const char *name;
	json_t *v;
	int rc = 0;

	if (json_is_string(json)) {
		m->is_truth = true;
		v = json_true();
		rc = add_field(m, json_string_value(json), v, err, cap);
		json_decref(v);
		return rc;
	}
	if (!json_is_object(json)) {
		snprintf(err, cap, "a map {field: value}, or the name of a field");
		return -EINVAL;
	}
	json_object_foreach(json, name, v)
		if (rc == 0)
			rc = add_field(m, name, v, err, cap);
	if (rc == 0)
		qsort(m->fields, m->n, sizeof(*m->fields), by_name);
	return rc;
}

int
match_make(struct match *m, const char *json, char *err, size_t cap)
{
	json_t *root;
	int rc;

	*m = (struct match){.n = 0};
	if (json == NULL)
		return 0;
	root = json_read(json, strlen(json), err, cap);
	if (root == NULL)
		return -EINVAL;
	rc = from_json(m, root, err, cap);
	json_decref(root);
	if (rc != 0)
		match_clear(m);
	if (rc == -ENOMEM)
		snprintf(err, cap, "out of memory");
	return rc;
}

void
match_clear(struct match *m)
{
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; k < m->fields[i].n; k++)
			free(m->fields[i].values[k].text);
		free(m->fields[i].values);
		free(m->fields[i].name);
	}
	*m = (struct match){.n = 0};
}

static bool
has_value(const struct match_field *f, const char *text)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->values[i].text, text) == 0)
			return true;
	return false;
}

bool
match_is_same(const struct match *a, const struct match *b)
{
	if (a->n != b->n || a->is_truth != b->is_truth)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->fields[i].name, b->fields[i].name) != 0
		    || a->fields[i].n != b->fields[i].n)
			return false;
		for (size_t k = 0; k < a->fields[i].n; k++)
			if (!has_value(&b->fields[i], a->fields[i].values[k].text))
				return false;
	}
	return true;
}

/* ---- against records ---- */

int
match_place(const char *name, const char *const *fields, uint32_t n)
{
	for (uint32_t i = 0; name != NULL && i < n; i++)
		if (strcmp(fields[i], name) == 0)
			return (int)i;
	return -1;
}

const struct tw_value *
match_value_at(const struct tw_record *r, int at)
{
	return at >= 0 && r->values[at].type != TW_FIELD_NONE ? &r->values[at] : NULL;
}

const char *
match_find(const struct match *m, const char *const *fields, uint32_t n,
    struct match_places *places)
{
	const char *missing = NULL;

	for (size_t i = 0; i < m->n; i++) {
		places->at[i] = match_place(m->fields[i].name, fields, n);
		if (places->at[i] < 0 && missing == NULL)
			missing = m->fields[i].name;
	}
	return missing;
}

static bool
is_true(const struct tw_value *v)
{
	static const char *const no[] = {"", "0", "f", "false", "n", "no", "null", "-"};

	if (v->type != TW_FIELD_TEXT)
		return v->type == TW_FIELD_REAL ? v->as.real != 0 : v->as.integer != 0;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (v->len == strlen(no[i]) && strncasecmp(v->as.text, no[i], v->len) == 0)
			return false;
	return true;
}

static bool
is_value(const struct match_value *m, const struct tw_value *v)
{
	double number;

	if (v->type == TW_FIELD_TEXT)
		return glob_match(m->text, v->as.text, v->len);
	number = v->type == TW_FIELD_REAL ? v->as.real : (double)v->as.integer;
	return m->is_number && number >= m->low && number <= m->high;
}

bool
match_record(
    const struct match *m, const struct match_places *places, const struct tw_record *r)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct tw_value *v = match_value_at(r, places->at[i]);
		bool is_any = false;

		if (v == NULL)
			return false;
		if (m->is_truth)
			return is_true(v);
		for (size_t k = 0; k < m->fields[i].n && !is_any; k++)
			is_any = is_value(&m->fields[i].values[k], v);
		if (!is_any)
			return false;
	}
	return true;
}
