/*
 * rows.c - rows become records: once each, in the order of their time. See sql.h.
 *
 * A row is one of these: handed on; repeated (before the floor, or its id is known with this very
 * time); rejected, with the reason, once; or it waits, because its time is still to come: clocks
 * differ, and were it handed on now the watermark would run ahead of rows that are yet to be
 * written.
 *
 * Batches end between two times. So after kill -9 in the middle of a result, or where the limit
 * cut it, no row lies behind the watermark unread - also where rows have no id.
 *
 * Memory: a batch is BATCH rows, and more only if so many share one time (ROWS_MAX, TEXT_MAX).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "plugins/common/glob.h"
#include "plugins/sql/sql.h"

#define BATCH SQL_BATCH
#define BATCH_TEXT (1u << 20)
#define ROWS_MAX 131072
#define TEXT_MAX (32u << 20)
#define AHEAD_MAX_MS 3600000        /* a row that is later than this is rejected, not awaited */
#define STRETCH_MAX 64

void
sql_reader_clear(struct sql_reader *r)
{
	free(r->records);
	free(r->values);
	free(r->hashes);
	free(r->table);
	free(r->text);
}

/* ---- the batch ---- */

/* Where the hash stands among those of the batch, or would stand (0). */
static uint32_t *
batch_slot(const struct sql_reader *r, uint64_t hash)
{
	size_t mask = r->cap_records * 2 - 1, at = hash & mask;

	while (r->table[at] != 0 && r->hashes[r->table[at] - 1] != hash)
		at = (at + 1) & mask;
	return &r->table[at];
}

static bool
grow(struct sql_reader *r)
{
	size_t cap = r->cap_records > 0 ? r->cap_records * 2 : 2 * BATCH;
	void *p;

	if (cap > ROWS_MAX)
		return false;
	if ((p = reallocarray(r->records, cap, sizeof(*r->records))) == NULL)
		return false;
	r->records = p;
	if ((p = reallocarray(r->values, cap * (r->n_fields + 1), sizeof(*r->values))) == NULL)
		return false;
	r->values = p;
	if ((p = reallocarray(r->hashes, cap, sizeof(*r->hashes))) == NULL)
		return false;
	r->hashes = p;
	if ((p = reallocarray(r->table, cap * 2, sizeof(*r->table))) == NULL)
		return false;
	r->table = p;
	r->cap_records = cap;
	memset(r->table, 0, cap * 2 * sizeof(*r->table));
	for (size_t i = 0; i < r->n_records; i++)
		*batch_slot(r, r->hashes[i]) = (uint32_t)i + 1;
	return true;
}

/* Texts are kept as places in r->text until the batch is whole. */
static bool
keep_text(struct sql_reader *r, struct tw_value *v, const char *text, size_t len)
{
	if (r->n_text + len > r->cap_text) {
		size_t cap = (r->n_text + len) * 2 + 65536;
		char *p = r->n_text + len > TEXT_MAX ? NULL : realloc(r->text, cap);

		if (p == NULL)
			return false;
		r->text = p;
		r->cap_text = cap;
	}
	if (len > 0)
		memcpy(r->text + r->n_text, text, len);
	*v = (struct tw_value){
	    .type = TW_FIELD_TEXT, .len = (uint32_t)len, .as.integer = (int64_t)r->n_text};
	r->n_text += len;
	return true;
}

/* The clock of the zone goes back, or went back not long ago: ids are kept from the hour's first
 * coming to the end of its second one. */
static int64_t
keep_ids_from(const struct sql_reader *r)
{
	int64_t change_ms, floor_ms = r->seen.floor_ms;
	int64_t back_ms = sql_time_repeated(
	    r->zone, floor_ms - 3 * 3600000, r->read_ms + 3 * 3600000, &change_ms);

	if (!r->has_wall_time || back_ms == 0 || floor_ms >= change_ms + back_ms)
		return INT64_MAX;
	return change_ms - back_ms - 1;
}

void
sql_rows_empty(struct sql_reader *r)
{
	if (r->table != NULL)
		memset(r->table, 0, r->cap_records * 2 * sizeof(*r->table));
	r->n_records = r->n_text = 0;
}

void
sql_rows_point(struct sql_reader *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct tw_value *v = r->values + i * r->n_fields;

		r->records[i].values = v;
		for (uint32_t k = 0; k < r->n_fields; k++)
			if (v[k].type == TW_FIELD_TEXT)
				v[k].as.text = r->text + v[k].as.integer;
	}
}

/* The first n records go; complete_ms as the last of them says, or as given. */
static void
hand_on(struct sql_reader *r, size_t n, int64_t complete_ms)
{
	struct tw_batch b = {.size = sizeof(b), .read_ms = r->read_ms};
	int64_t newest_ms = 0;

	sql_rows_point(r, n);
	for (size_t i = 0; i < n; i++) {
		struct tw_record *rec = &r->records[i];

		newest_ms = rec->time_ms > newest_ms ? rec->time_ms : newest_ms;
		if (r->is_keyed)
			sql_seen_add(&r->seen, r->hashes[i], rec->time_ms);
		r->n[rec->flags & TW_RECORD_SYNTHETIC ? SQL_R_SYNTHETIC : SQL_R_OK]++;
	}
	sql_seen_advance(
	    &r->seen, newest_ms, r->is_keyed ? r->overlap_ms : 0, keep_ids_from(r));
	complete_ms = complete_ms > 0 ? complete_ms : newest_ms - r->lateness_ms;
	r->complete_ms = complete_ms > r->complete_ms ? complete_ms : r->complete_ms;
	b.complete_ms = r->complete_ms;
	r->sink.batch(r->sink.arg, &b, r->records, n);
	r->n_handed_on += n;
	sql_rows_empty(r);
}

/* ---- a row ---- */

/* A moment is the same whatever zone the session shows it in: that changes with DST. */
static uint64_t
cell_hash(const struct sql_cell *c, uint64_t seed)
{
	struct sql_time t;

	switch (c->type) {
	case SQL_TIME:
		if (sql_cell_time(&t, c, NULL) == 0)
			return XXH3_64bits_withSeed(&t.ms, sizeof(t.ms), seed + 2);
		return XXH3_64bits_withSeed(c->text, c->len, seed);
	case SQL_TEXT:
		return XXH3_64bits_withSeed(c->text, c->len, seed);
	case SQL_INT:
		return XXH3_64bits_withSeed(&c->integer, sizeof(c->integer), seed + 1);
	case SQL_REAL:
		return XXH3_64bits_withSeed(&c->real, sizeof(c->real), seed + 1);
	default:
		return seed * 31 + (uint64_t)c->type + 7;
	}
}

static uint64_t
row_hash(const struct sql_db *db)
{
	uint64_t h = 1;

	for (size_t i = 0; i < db->n_columns; i++)
		h = cell_hash(&db->cells[i], h);
	return h;
}

/* Counted, and told, once for as long as this process remembers. */
static void
reject(struct sql_reader *r, const struct sql_db *db, const char *name, const char *reason,
    const struct sql_cell *c, bool is_private)
{
	uint64_t hash = row_hash(db), *kept = &r->rejected[hash % SQL_REJECTED_KEPT];
	bool is_text = c->type == SQL_TEXT || c->type == SQL_TIME;

	if (*kept == hash) {
		r->n[SQL_R_REPEATED]++;
		return;
	}
	*kept = hash;
	r->n[SQL_R_REJECTED]++;
	r->n_bad_in_turn++;
	is_text = is_text && !is_private;
	snprintf(r->reason, sizeof(r->reason), "%.*s %s", SQL_NAME_MAX, name, reason);
	r->sink.reject(r->sink.arg, r->reason, is_text ? c->text : "", is_text ? c->len : 0);
}

static const char *
change_of_class(struct sql_field *f, const struct sql_cell *c)
{
	static const char *const changes[4][4] = {
	    [SQL_C_TEXT] = {[SQL_C_NUMBER] = "was a text and is a number",
		[SQL_C_TIME] = "was a text and is a time"},
	    [SQL_C_NUMBER] = {[SQL_C_TEXT] = "was a number and is a text",
		[SQL_C_TIME] = "was a number and is a time"},
	    [SQL_C_TIME] = {[SQL_C_TEXT] = "was a time and is a text",
		[SQL_C_NUMBER] = "was a time and is a number"}};
	enum sql_class class = c->type == SQL_TEXT ? SQL_C_TEXT
	    : c->type == SQL_TIME ? SQL_C_TIME : SQL_C_NUMBER;

	if (f->class == SQL_C_NONE)
		f->class = class;
	return f->class == class ? NULL : changes[f->class][class];
}

/* NULL, or why it is no time. */
static const char *
event_time(struct sql_reader *r, const struct sql_cell *c, struct sql_time *t)
{
	const char *why;
	int rc = 0;

	if (c->type == SQL_NULL)
		return "is null";
	if (c->type == SQL_TOO_LONG)
		return "is no time";
	if ((why = change_of_class(&r->time, c)) != NULL)
		return why;
	if (c->type == SQL_INT || c->type == SQL_REAL)
		rc = sql_time_number(t, c->type == SQL_INT ? (double)c->integer : c->real);
	else
		rc = sql_cell_time(t, c, r->zone);
	r->has_wall_time |= rc == 0 && t->is_wall;
	return rc == 0 ? NULL : "is no time";
}

/* NULL, or why the cell is no value of the field. */
static const char *
take_value(struct sql_reader *r, struct sql_field *f, const struct sql_cell *c, struct tw_value *v)
{
	struct sql_time t;
	const char *why;

	*v = (struct tw_value){.type = TW_FIELD_NONE};
	if (c->type == SQL_NULL)
		return NULL;
	if (c->type == SQL_TOO_LONG)
		return "is over 4096 bytes";
	if ((why = change_of_class(f, c)) != NULL)
		return why;
	if (f->is_cents && f->class != SQL_C_NUMBER)
		return "is no number, and cents are";
	if (c->type == SQL_TEXT)
		return keep_text(r, v, c->text, c->len) ? NULL : "does not fit";
	if (c->type == SQL_TIME) {
		if (sql_cell_time(&t, c, r->zone) != 0)
			return "is no time";
		*v = (struct tw_value){.type = TW_FIELD_TIME_MS, .as.integer = t.ms};
	} else if (c->type == SQL_INT && !f->is_cents) {
		*v = (struct tw_value){.type = TW_FIELD_INT, .as.integer = c->integer};
	} else {
		double real = c->type == SQL_INT ? (double)c->integer : c->real;

		if (!isfinite(real))
			return "is no finite number";
		*v = (struct tw_value){
		    .type = TW_FIELD_REAL, .as.real = f->is_cents ? real / 100 : real};
	}
	return NULL;
}

static bool
is_ours(const struct sql_reader *r, const char *pattern, const struct tw_value *v)
{
	return pattern != NULL && v->type == TW_FIELD_TEXT
	    && glob_match(pattern, r->text + v->as.integer, v->len);
}

/* The row's fields behind the last record; false: rejected. */
static bool
take_values(struct sql_reader *r, const struct sql_db *db, uint32_t *flags)
{
	struct tw_value *v = r->values + r->n_records * r->n_fields;
	size_t before = r->n_text;

	for (uint32_t i = 0; i < r->n_fields; i++) {
		struct sql_field *f = &r->fields[i];
		const char *why;

		v[i] = (struct tw_value){.type = TW_FIELD_NONE};
		if (f->at < 0)
			continue;
		if ((why = take_value(r, f, &db->cells[f->at], &v[i])) != NULL) {
			reject(r, db, f->name, why, &db->cells[f->at], f->is_email);
			r->n_text = before;
			return false;
		}
		if ((f->is_email && is_ours(r, r->email, &v[i]))
		    || (f->is_sku && is_ours(r, r->sku, &v[i])))
			*flags |= TW_RECORD_SYNTHETIC;
		if (f->is_email) /* it has said what it can: nobody may keep an address */
			v[i] = (struct tw_value){.type = TW_FIELD_NONE};
	}
	return true;
}

/* Was it handed on? A local time that comes twice is the second one, if the first one is past and
 * this id did not come with it. */
static bool
is_repeated(const struct sql_reader *r, uint64_t hash, struct sql_time *t)
{
	bool is_known = r->is_keyed
	    && (sql_seen_has(&r->seen, hash) || *batch_slot(r, hash) != 0);

	if (is_known || t->ms > r->run_floor_ms) /* ids may have been forgotten in this very run */
		return is_known || (r->is_keyed && t->ms <= r->seen.base_ms);
	if (!r->is_keyed || t->again_ms <= r->run_floor_ms || t->again_ms > r->read_ms
	    || t->ms <= r->run_base_ms)
		return true;
	t->ms = t->again_ms;
	return false;
}

/* 0, or enum sql_error. */
static int
take_row(struct sql_reader *r, struct sql_db *db)
{
	const struct sql_cell *time = &db->cells[r->time.at];
	const struct sql_cell *id = r->id.at >= 0 ? &db->cells[r->id.at] : NULL;
	bool has_id = id != NULL && id->type != SQL_NULL && id->type != SQL_TOO_LONG;
	/* A row that was changed has a new time: it is another event of the same id. */
	uint64_t hash = has_id ? cell_hash(id, cell_hash(time, 0)) : row_hash(db);
	const char *why;
	uint32_t flags = 0;
	struct sql_time t;

	if ((why = event_time(r, time, &t)) != NULL) {
		reject(r, db, r->time.column, why, time, false);
		return 0;
	}
	if (is_repeated(r, hash, &t)) {
		r->n[SQL_R_REPEATED]++;
		return 0;
	}
	if (t.ms > r->read_ms + AHEAD_MAX_MS) {
		reject(r, db, r->time.column, "is over an hour ahead", time, false);
		return 0;
	}
	if (t.ms > r->read_ms) {
		r->n_waiting++;
		return 0;
	}
	if ((r->n_records >= BATCH || r->n_text > BATCH_TEXT)
	    && r->records[r->n_records - 1].time_ms != t.ms)
		hand_on(r, r->n_records, 0);
	if (r->n_records == r->cap_records && !grow(r))
		return sql_fail(
		    db, SQL_E_QUERY, "more than %d rows have one time", (int)r->n_records);
	if (!take_values(r, db, &flags))
		return 0;
	if (t.ms < r->first_start_ms)
		flags |= TW_RECORD_HISTORY;
	r->records[r->n_records] =
	    (struct tw_record){.size = sizeof(struct tw_record), .flags = flags, .time_ms = t.ms};
	r->hashes[r->n_records] = hash;
	if (r->is_keyed)
		*batch_slot(r, hash) = (uint32_t)r->n_records + 1;
	r->n_records++;
	r->n_bad_in_turn = 0;
	return 0;
}

/* ---- a run ---- */

static int
column_of(const struct sql_db *db, const char *name)
{
	for (size_t i = 0; i < db->n_columns; i++)
		if (strncasecmp(db->names[i], name, SQL_NAME_MAX - 1) == 0)
			return (int)i;
	return -1;
}

static int
find_columns(struct sql_reader *r, struct sql_db *db, bool needs_time)
{
	if ((r->time.at = column_of(db, r->time.column)) < 0 && needs_time)
		return sql_fail(
		    db, SQL_E_QUERY, "the query gives no column %s (time)", r->time.column);
	r->id.at = column_of(db, r->id.column);
	r->is_keyed = r->id.at >= 0 && r->overlap_ms > 0;
	for (uint32_t i = 0; i < r->n_fields; i++) {
		struct sql_field *f = &r->fields[i];

		f->at = column_of(db, f->column);
		if (f->at < 0 && f->is_needed)
			return sql_fail(db, SQL_E_QUERY, "the query gives no column %s (fields.%s)",
			    f->column, f->name);
	}
	return 0;
}

/* How many records lie before the last one's time. */
static size_t
whole_times(const struct sql_reader *r)
{
	size_t n = r->n_records;

	while (n > 0 && r->records[n - 1].time_ms == r->records[r->n_records - 1].time_ms)
		n--;
	return n;
}

/* All rows were read, or as many as were asked for: what has one time with the last one may not be
 * all there is of it then. */
static int
finish(struct sql_reader *r, struct sql_db *db, int64_t n_rows)
{
	size_t n;

	r->is_cut = n_rows >= db->limit;
	if (!r->is_cut) {
		/* Rows that nobody can read are no proof that nothing happened. */
		bool is_understood = r->n_bad_in_turn < SQL_BAD_IN_TURN;

		r->stretch = 1;
		hand_on(r, r->n_records, is_understood ? r->read_ms - r->lateness_ms : 0);
		return 0;
	}
	n = whole_times(r);
	if (n > 0 || r->n_handed_on > 0) {
		r->stretch = 1;
		hand_on(r, n, 0);
		return 0;
	}
	sql_rows_empty(r);
	r->stretch *= 2;
	return r->stretch <= STRETCH_MAX ? 0 : sql_fail(db, SQL_E_QUERY,
	    "%lld rows are not enough to get past one time", (long long)db->limit);
}

void
sql_rows_start(struct sql_reader *r)
{
	memset(r->n, 0, sizeof(r->n));
	r->n_waiting = r->n_handed_on = 0;
	r->is_cut = false;
}

int
sql_rows_begin(struct sql_reader *r, struct sql_db *db, int64_t read_ms, bool needs_time)
{
	int rc;

	r->read_ms = read_ms;
	sql_rows_empty(r);
	if (r->cap_records == 0 && !grow(r))
		return sql_fail(db, SQL_E_QUERY, "out of memory");
	rc = db->driver->ask(db);
	return rc != 0 ? rc : find_columns(r, db, needs_time);
}

bool
sql_rows_take(struct sql_reader *r, const struct sql_db *db, uint32_t *flags, int64_t *ms)
{
	struct sql_time t = {0};

	*ms = 0;
	if (r->time.at >= 0 && event_time(r, &db->cells[r->time.at], &t) == NULL)
		*ms = t.ms;
	if (!take_values(r, db, flags))
		return false;
	r->n_bad_in_turn = 0;
	return true;
}

int
sql_reader_run(struct sql_reader *r, struct sql_db *db, int64_t read_ms)
{
	int64_t n_rows = 0;
	int rc;

	sql_rows_start(r);
	r->run_floor_ms = r->seen.floor_ms;
	r->run_base_ms = r->seen.base_ms;
	db->watermark = sql_watermark_at(r->zone, r->run_floor_ms, read_ms);
	db->limit = r->max_rows * r->stretch;
	if ((rc = sql_rows_begin(r, db, read_ms, true)) != 0)
		return rc;
	while ((rc = db->driver->row(db)) > 0) {
		n_rows++;
		if ((rc = take_row(r, db)) != 0)
			break;
	}
	if (rc == 0)
		return finish(r, db, n_rows);
	/* What came before the error is sound, but of the last time there may be more. */
	if (whole_times(r) > 0)
		hand_on(r, whole_times(r), 0);
	sql_rows_empty(r);
	return rc;
}
