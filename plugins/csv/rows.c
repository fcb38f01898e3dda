/*
 * rows.c - rows of a feed become records.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/time-text.h"
#include "plugins/csv/csv.h"

void
rows_begin(struct csv *s)
{
	s->has_names = s->has_new_columns = false;
	s->is_first_batch = true;
	s->n_rows = s->n_rejected = s->n_told_rejected = 0;
	s->n_records = 0;
	s->cause = NULL;
	s->modified_ms = 0;
	s->read_ms = wall_now().ms;
}

static void
hand_on(struct csv *s, uint32_t flags)
{
	struct tw_batch b = {.size = sizeof(b), .flags = TW_BATCH_SCAN | flags,
	    .read_ms = s->read_ms, .complete_ms = s->modified_ms,
	    .n_unread = (uint32_t)(s->n_rejected & UINT32_MAX)};

	if (s->is_first_batch)
		b.flags |= TW_BATCH_FIRST;
	s->is_first_batch = false;
	tw_api_->records(s->ctx, &b, s->records, s->n_records);
	s->n_records = 0;
}

void
rows_pause(void *arg)
{
	struct csv *s = arg;

	if (s->n_records > 0)
		hand_on(s, 0);
}

void
rows_end(struct csv *s, bool is_whole)
{
	rows_pause(s);
	if (is_whole)
		hand_on(s, TW_BATCH_LAST);
}

void
rows_reject(void *arg, const char *why, const char *excerpt, size_t len)
{
	struct csv *s = arg;

	s->n_rejected++;
	tw_api_->reject(s->ctx, why, excerpt, len);
}

/* ---- columns ---- */

static bool
is_column(const struct csv_cell *c, const char *name)
{
	return c->len == strlen(name) && strncasecmp(c->text, name, c->len) == 0;
}

static int
find_column(const struct csv *s, const struct csv_cell *cells, size_t n, const char *name)
{
	if (!s->has_header) {
		long number = strtol(name, NULL, 10);

		return number >= 1 && number <= CSV_CELLS_MAX ? (int)number - 1 : -1;
	}
	for (size_t i = 0; i < n; i++)
		if (is_column(&cells[i], name))
			return (int)i;
	return -1;
}

/* The first line: names. False: a field that was asked for is not among them. */
static bool
take_names(struct csv *s, struct csv_cell *cells, size_t n)
{
	const struct tw_pair *fields = s->fields.items;
	uint64_t hash = 0;

	s->has_names = true;
	for (size_t i = 0; i < n && s->has_header; i++)
		hash = XXH3_64bits_withSeed(cells[i].text, cells[i].len, hash + 1);
	s->has_new_columns = s->columns_hash != 0 && hash != s->columns_hash;
	s->columns_hash = hash;
	s->time_at = s->time != NULL ? find_column(s, cells, n, s->time) : -1;
	for (uint32_t i = 0; i < s->fields.n; i++) {
		s->at[i] = find_column(s, cells, n, fields[i].value);
		if (s->at[i] >= 0)
			continue;
		feed_fail(s, "columns", "has no column \"%.60s\" (the first one is \"%.*s\")",
		    fields[i].value, n > 0 ? (int)(cells[0].len < 60 ? cells[0].len : 60) : 0,
		    n > 0 ? cells[0].text : "");
		return false;
	}
	return true;
}

static void
trim(struct csv_cell *c)
{
	while (c->len > 0 && (*c->text == ' ' || *c->text == '\t')) {
		c->text++;
		c->len--;
	}
	while (c->len > 0 && (c->text[c->len - 1] == ' ' || c->text[c->len - 1] == '\t'))
		c->len--;
}

/* As http_json reads it: without an offset it is UTC's. 0: it is no time. */
static int64_t
time_of(struct csv_cell *c)
{
	struct time_text t;

	trim(c);
	return time_text_or_number_parse(&t, c->text, c->len) == 0 ? t.ms : 0;
}

bool
rows_take(void *arg, struct csv_cell *cells, size_t n)
{
	struct csv *s = arg;
	struct tw_value *v = s->values[s->n_records];

	if (!s->has_names) {
		if (!take_names(s, cells, n))
			return false;
		if (s->has_header)
			return true;
	}
	for (uint32_t i = 0; i < s->fields.n; i++) {
		v[i] = (struct tw_value){.type = TW_FIELD_NONE};
		if ((size_t)s->at[i] >= n) {
			rows_reject(s, "has too few columns", cells[0].text, cells[0].len);
			return true;
		}
		trim(&cells[s->at[i]]);
		if (cells[s->at[i]].len > 0)
			v[i] = (struct tw_value){.type = TW_FIELD_TEXT,
			    .len = (uint32_t)cells[s->at[i]].len, .as.text = cells[s->at[i]].text};
	}
	s->records[s->n_records] = (struct tw_record){.size = sizeof(struct tw_record),
	    .values = v, .time_ms = s->time_at >= 0 && (size_t)s->time_at < n
		? time_of(&cells[s->time_at]) : 0};
	s->n_rows++;
	if (++s->n_records == CSV_BATCH)
		hand_on(s, 0);
	return true;
}
