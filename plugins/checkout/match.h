/*
 * match.h - which records are meant: {path: "/product", method: POST, status: 200-299}.
 *
 * All of the named fields must match; a list means any of its values. A text is compared as
 * glob.h says; a number is that number, or lies in a range "200-299". A field that the record does
 * not have never matches.
 *
 * Runs in: start() and on_records(). Nothing blocks; a match of a record allocates nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_MATCH_H
#define PLUGINS_CHECKOUT_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <tillwatch/plugin.h>

#define MATCH_FIELDS_MAX 8
#define MATCH_VALUES_MAX 32

struct match_value {
	char *text;             /* a glob */
	bool is_number;
	double low, high;
};
struct match_field {
	char *name;
	struct match_value *values;
	size_t n;
};
struct match {
	struct match_field fields[MATCH_FIELDS_MAX]; /* by name */
	size_t n;               /* 0: every record */
	bool is_truth;          /* made of one field's name: the field must be true */
};

/* json: a map as above, or the name of a field that must be true (1, true, yes; not 0, false, no,
 * empty). NULL: every record. 0, -EINVAL with a sentence, -ENOMEM; cleared also then. */
int match_make(struct match *m, const char *json, char *err, size_t cap);
void match_clear(struct match *m);
/* The same records, whatever they are? */
bool match_is_same(const struct match *a, const struct match *b);

/* Where the match's fields stand in the records of one source. */
struct match_places {
	int at[MATCH_FIELDS_MAX];
};
/* -1 at those that the source does not have; the name of the first such, or NULL. */
const char *match_find(const struct match *m, const char *const *fields, uint32_t n,
    struct match_places *places);
bool match_record(
    const struct match *m, const struct match_places *places, const struct tw_record *r);

/* Where the field stands; -1: the source does not have it, or name is NULL. */
int match_place(const char *name, const char *const *fields, uint32_t n);
/* The value at that place; NULL where the record does not say. */
const struct tw_value *match_value_at(const struct tw_record *r, int at);

#endif
