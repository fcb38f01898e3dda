/*
 * sql.c - the source's words: a query whose rows become records. See sql.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "plugins/sql/sql.h"

#define RESERVE_SHARE 10            /* of a run's time is left for its end */

enum metric { ROWS, SECONDS, LAG, ERRORS, RANGES };
static const struct tw_metric metrics[] = {
    [ROWS] = {"sql_rows_total", "", TW_COUNTER, 0, 1, "result",
	"Rows read, by what became of them"},
    [SECONDS] = {"sql_query_seconds", "seconds", TW_GAUGE, 0, 0.0001, "",
	"The query, until its last row was read"},
    [LAG] = {"sql_lag_seconds", "seconds", TW_GAUGE, 0, 0.001, "", "Since the newest row's time"},
    [ERRORS] = {"sql_errors_total", "", TW_COUNTER, 0, 1, "cause", "Runs that failed"},
    [RANGES] = {"sql_ranges_total", "", TW_COUNTER, 0, 1, "result",
	"With push_down: ranges of keys, by whether their rows were read"},
};

static const char *const results[SQL_R_N] = {"ok", "synthetic", "rejected", "repeated"};

/* What readers know by name: told if the query's select list holds the word. */
static const char *const standard[] = {"id", "value", "currency", "gateway", "country", "email",
    "sku", "ok", "method", "decline", "state", "step", "session", "available", "price"};
#define N_STANDARD (sizeof(standard) / sizeof(standard[0]))

struct sql {
	/* options */
	const char *dsn, *file, *query, *time, *id, *key, *zone, *ca_file;
	int32_t driver;
	struct tw_list fields, units;
	int64_t lateness, overlap, history, statement_timeout, max_rows;
	bool push_down;

	/* made by start */
	struct sql_dsn where;
	struct sql_query ready, ready_keys;
	bool is_key_text;           /* keys are compared as texts: some of them are no numbers */
	bool has_scanned;
	struct sql_ranges *ranges;  /* NULL: rows are not summed up */
	struct sql_db db;
	struct tz *tz;
	struct sql_reader *reader;
	bool is_explained, was_short, was_without_id;
	struct tw_ctx *ctx;         /* of the run */
	uint64_t n_counted[SQL_R_N];
};

static const struct tw_option options[] = {
    TW_OPTION(struct sql, dsn, TW_SECRET,
	.help = "postgresql://user:password@host/database, mysql://... or mariadb://..."),
    TW_OPTION(struct sql, file, TW_PATH, .flags = TW_AROUND,
	.help = "instead of a dsn: a database of SQLite"),
    TW_OPTION(struct sql, driver, TW_CHOICE, .choices = "auto|postgresql|mysql|sqlite",
	.def = "auto", .help = "as the dsn says when auto"),
    TW_OPTION(struct sql, query, TW_STRING, .flags = TW_REQUIRED,
	.help = "one SELECT; $watermark is bound: the time behind which rows are new "
		"($watermark_s, $watermark_ms: as unix time); $limit: max_rows"),
    TW_OPTION(struct sql, time, TW_STRING, .def = "time",
	.help = "the column of the event's time; index it"),
    TW_OPTION(struct sql, id, TW_STRING, .def = "id",
	.help = "the column that tells rows apart; without it none can come late"),
    TW_OPTION(struct sql, key, TW_STRING,
	.help = "the column of what a row is about (sku): rows then say what is, not what "
		"happened, and are read again and again; with $watermark only what changed"),
    TW_OPTION(struct sql, push_down, TW_BOOL, .def = "false",
	.help = "with a key and without $watermark: the database sums up ranges of keys first, "
		"and only those that have changed are read; for what is not sent it computes"),
    TW_OPTION(struct sql, zone, TW_STRING,
	.help = "whose clock a time without an offset is (Europe/Paris); else the shop's"),
    TW_OPTION(struct sql, fields, TW_PAIRS, .help = "our name: a column {value: total}"),
    TW_OPTION(struct sql, units, TW_PAIRS, .help = "our name: cents {value: cents}"),
    TW_OPTION(struct sql, lateness, TW_DURATION, .def = "60s", .max = 86400,
	.help = "rows are seen so long after their time: transactions, replicas"),
    TW_OPTION(struct sql, overlap, TW_DURATION, .def = "5m", .max = 86400,
	.help = "so far behind the newest row is read again, for what came late"),
    TW_OPTION(struct sql, history, TW_DURATION, .def = "4w", .max = 366 * 86400.0,
	.help = "how far back the table is read at the first start"),
    TW_OPTION(struct sql, statement_timeout, TW_DURATION, .def = "10s", .min = 0.1, .max = 3600,
	.help = "a query that takes longer is stopped, by the server too"),
    TW_OPTION(struct sql, max_rows, TW_INT, .def = "200000", .min = 1, .max = 10000000,
	.help = "of one run; the rest comes with the next"),
    TW_OPTION(struct sql, ca_file, TW_PATH,
	.help = "trust the server by this authority alone, and only under its name"),
};

static const struct tw_alert alerts[] = {
    {.name = "SqlSourceFails", .severity = "ticket", .hold = "5m",
	.expr = "tillwatch_probe_verdict{probe=\"${probe}\"} == 3",
	.summary = "{{ $labels.probe }}: the database gives no rows, so nothing is known of them"},
};

/* ---- start ---- */

static enum tw_verdict
take_dsn(struct tw_ctx *ctx, struct sql *s)
{
	static const struct sql_driver *const drivers[] = {
	    [SQL_POSTGRESQL] = &sql_postgresql, [SQL_MYSQL] = &sql_mariadb,
	    [SQL_SQLITE] = &sql_sqlite};
	char err[256];

	if ((s->dsn == NULL) == (s->file == NULL))
		return tw_api_->refuse(ctx, s->dsn != NULL ? "file" : "dsn",
		    "one of the two is needed: dsn, or file for a database of SQLite");
	if (sql_dsn_parse(&s->where, s->dsn != NULL ? s->dsn : s->file, err, sizeof(err)) != 0)
		return tw_api_->refuse(ctx, s->dsn != NULL ? "dsn" : "file", "%s", err);
	if (s->driver != SQL_NO_KIND && (enum sql_kind)s->driver != s->where.kind)
		return tw_api_->refuse(
		    ctx, "driver", "the dsn is one of %s", drivers[s->where.kind]->name);
	s->db.driver = drivers[s->where.kind];
	if (s->db.driver->connect == NULL)
		return tw_api_->refuse(ctx, "dsn", "this tillwatch was built without %s",
		    s->db.driver->name);
	return TW_OK;
}

static enum tw_verdict
take_zone(struct tw_ctx *ctx, struct sql *s)
{
	const char *name = s->zone != NULL ? s->zone : tw_api_->setting(ctx, "shop/timezone");
	int rc = tz_open(&s->tz, name != NULL ? name : "UTC", NULL);

	if (rc != 0)
		return tw_api_->refuse(ctx, "zone", "%s: %s", name != NULL ? name : "UTC",
		    rc == -ENOENT ? "there is no such zone" : strerror(-rc));
	s->db.zone = name != NULL ? name : "UTC";
	return TW_OK;
}

static const struct tw_pair *
pair_of(const struct tw_list *list, const char *name)
{
	const struct tw_pair *p = list->items;

	for (uint32_t i = 0; i < list->n; i++)
		if (strcmp(p[i].name, name) == 0)
			return &p[i];
	return NULL;
}

static void
add_field(struct sql *s, const char *name, const char *column, bool is_needed)
{
	struct sql_field *f = &s->reader->fields[s->reader->n_fields++];

	*f = (struct sql_field){.name = name, .column = column, .is_needed = is_needed,
	    .is_cents = pair_of(&s->units, name) != NULL, .is_email = strcmp(name, "email") == 0,
	    .is_sku = strcmp(name, "sku") == 0};
}

/* The names are needed before the database is: the user's own, and of the standard ones those
 * that the select list holds as words. */
static enum tw_verdict
take_fields(struct tw_ctx *ctx, struct sql *s)
{
	const struct tw_pair *own = s->fields.items, *units = s->units.items;
	const char *names[SQL_FIELDS_MAX];

	if (s->fields.n > SQL_FIELDS_MAX - N_STANDARD)
		return tw_api_->refuse(ctx, "fields", "more than %d",
		    (int)(SQL_FIELDS_MAX - N_STANDARD));
	for (uint32_t i = 0; i < s->fields.n; i++)
		add_field(s, own[i].name, own[i].value, true);
	for (size_t i = 0; i < N_STANDARD; i++)
		if (pair_of(&s->fields, standard[i]) == NULL
		    && sql_query_names(s->query, standard[i]))
			add_field(s, standard[i], standard[i], false);
	for (uint32_t i = 0; i < s->reader->n_fields; i++)
		names[i] = s->reader->fields[i].name;
	for (uint32_t i = 0; i < s->units.n; i++) {
		bool is_known = false;

		for (uint32_t k = 0; k < s->reader->n_fields; k++)
			is_known |= strcmp(names[k], units[i].name) == 0;
		if (!is_known || strcmp(units[i].value, "cents") != 0)
			return tw_api_->refuse(ctx, "units", "%s: %s", units[i].name,
			    is_known ? "the one unit is cents" : "the query gives no such field");
	}
	tw_api_->fields(ctx, names, s->reader->n_fields);
	return TW_OK;
}

/* For single keys; the rows' hashes beside, where ranges are watched. */
static int
make_keys(struct sql *s, enum sql_wrap wrap, char *err, size_t cap)
{
	char *head = s->ranges != NULL ? sql_ranges_keys_head(s->ranges) : NULL;
	struct sql_around around = {head, wrap, s->key, NULL};
	int rc;

	sql_query_clear(&s->ready_keys);
	if (s->ranges != NULL && head == NULL)
		return -ENOMEM;
	rc = sql_query_wrap(&s->ready_keys, s->where.kind, s->query, &around, err, cap);
	free(head);
	return rc;
}

static enum tw_verdict
take_push_down(struct tw_ctx *ctx, struct sql *s)
{
	if (!s->push_down)
		return TW_OK;
	if (s->key == NULL)
		return tw_api_->refuse(ctx, "push_down",
		    "it is for rows that are read again and again: name their key");
	if (s->ready.n_bound > 0)
		return tw_api_->refuse(ctx, "push_down",
		    "it is for a query that gives all rows each time, without $watermark and "
		    "$limit");
	s->ranges = s->reader->ranges = sql_ranges_new(s->where.kind, s->query, s->key);
	return s->ranges != NULL ? TW_OK : tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
}

/* Rows that are what is: the key is a field of its own name. */
static enum tw_verdict
take_key(struct tw_ctx *ctx, struct sql *s)
{
	char err[256];

	if (s->key == NULL)
		return TW_OK;
	for (uint32_t i = 0; i < s->reader->n_fields; i++)
		if (strcasecmp(s->reader->fields[i].column, s->key) == 0) {
			s->reader->fields[i].is_needed = true;
			return make_keys(s, SQL_BY_KEY, err, sizeof(err)) == 0
			    ? TW_OK
			    : tw_api_->refuse(ctx, "query", "%s", err);
		}
	return tw_api_->refuse(ctx, "key", "%s is no field: name it in fields, {%s: %s}", s->key,
	    s->key, s->key);
}

/* What was handed on before. Damaged, which no crash can do: better a gap than orders twice. */
static void
restore(struct tw_ctx *ctx, struct sql *s)
{
	struct sql_reader *r = s->reader;
	int64_t now_ms = wall_now().ms, from_ms = now_ms - s->history / 1000;
	const void *kept;
	size_t len;

	r->first_start_ms = now_ms;
	if ((kept = tw_api_->state_get(ctx, "first_start", &len)) != NULL
	    && len == sizeof(r->first_start_ms)) {
		memcpy(&r->first_start_ms, kept, len);
		from_ms = r->first_start_ms - s->history / 1000;
	}
	kept = tw_api_->state_get(ctx, "position", &len);
	if (kept == NULL) {
		sql_seen_init(&r->seen, from_ms);
	} else if (!sql_seen_load(&r->seen, kept, len)) {
		tw_api_->log(ctx, 4, "the stored position is damaged: reading from now on");
		sql_seen_init(&r->seen, now_ms);
	}
}

static void on_batch(
    void *arg, const struct tw_batch *b, const struct tw_record *records, size_t n);
static void on_reject(void *arg, const char *reason, const char *excerpt, size_t len);

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct sql *s = self;
	char err[256];
	enum tw_verdict rc;

	if ((s->reader = calloc(1, sizeof(*s->reader))) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	if ((rc = take_dsn(ctx, s)) != TW_OK || (rc = take_zone(ctx, s)) != TW_OK)
		return rc;
	if (sql_query_make(&s->ready, s->where.kind, s->query,
		s->key == NULL ? SQL_BY_TIME : SQL_WHOLE, s->time, err, sizeof(err)) != 0)
		return tw_api_->refuse(ctx, "query", "%s", err);
	if ((rc = take_fields(ctx, s)) != TW_OK || (rc = take_push_down(ctx, s)) != TW_OK
	    || (rc = take_key(ctx, s)) != TW_OK)
		return rc;
	if (s->key != NULL && !sql_query_names(s->query, s->time))
		s->time = "updated_at"; /* what tables of what is call it */
	s->db.dsn = &s->where;
	s->db.query = &s->ready;
	s->db.time = s->key == NULL ? s->time : NULL;
	s->db.limit = s->max_rows;
	s->db.ca_file = s->ca_file;
	s->db.statement_us = s->statement_timeout;
	s->reader->time = (struct sql_field){.name = "time", .column = s->time};
	s->reader->id = (struct sql_field){.name = "id", .column = s->id};
	s->reader->zone = s->tz;
	s->reader->lateness_ms = s->lateness / 1000;
	s->reader->overlap_ms = s->overlap / 1000;
	s->reader->max_rows = s->max_rows;
	s->reader->stretch = 1;
	s->reader->email = tw_api_->setting(ctx, "synthetic/email");
	s->reader->sku = tw_api_->setting(ctx, "synthetic/sku");
	s->reader->sink = (struct sql_sink){on_batch, on_reject, s};
	restore(ctx, s);
	if (!s->ready.has_watermark && s->key == NULL)
		tw_api_->log(
		    ctx, 4, "the query has no $watermark: all its rows are read each time");
	return TW_OK;
}

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct sql *s = self;

	(void)ctx;
	if (s->db.connection != NULL)
		s->db.driver->close(&s->db);
	if (s->reader != NULL)
		sql_reader_clear(s->reader);
	free(s->reader);
	sql_ranges_free(s->ranges);
	tz_free(s->tz);
	sql_query_clear(&s->ready);
	sql_query_clear(&s->ready_keys);
	sql_dsn_clear(&s->where);
}

/* ---- a run ---- */

static void
count_rows(struct sql *s)
{
	for (int i = 0; i < SQL_R_N; i++) {
		uint64_t now = s->reader->n[i];

		if (now > s->n_counted[i])
			tw_count(s->ctx, ROWS, (double)(now - s->n_counted[i]), "result",
			    results[i]);
		s->n_counted[i] = now;
	}
}

static void
start_counting(struct sql *s)
{
	memset(s->n_counted, 0, sizeof(s->n_counted));
	sql_rows_start(s->reader);
}

/* Everything that must not come apart from these records is put and counted before they go. */
static void
on_batch(void *arg, const struct tw_batch *b, const struct tw_record *records, size_t n)
{
	struct sql *s = arg;
	unsigned char position[SQL_SEEN_BYTES];

	count_rows(s);
	if (s->key == NULL)
		tw_api_->state_put(
		    s->ctx, "position", position, sql_seen_save(&s->reader->seen, position));
	tw_api_->records(s->ctx, b, records, n);
}

static void
on_reject(void *arg, const char *reason, const char *excerpt, size_t len)
{
	struct sql *s = arg;

	tw_api_->reject(s->ctx, reason, excerpt, len);
}

/* Once a configuration: how the database will read, when all is caught up. What is wrong with the
 * query, the query itself will say better. */
static int
explain(struct tw_ctx *ctx, struct sql *s)
{
	char text[SQL_ERR_MAX];
	int rc;

	s->db.watermark = sql_watermark_at(s->tz, wall_now().ms, wall_now().ms);
	s->db.limit = s->max_rows;
	if ((rc = s->db.driver->explain(&s->db, text, sizeof(text))) != 0)
		return rc == SQL_E_QUERY ? 0 : rc;
	s->is_explained = true;
	if (*text == '\0')
		return 0;
	sql_dsn_redact(&s->where, text);
	tw_api_->log(ctx, 4, "%s; an index on the column of %s would help", text, s->time);
	tw_api_->fact_text(ctx, "explain", text);
	return 0;
}

static void
tell_ranges(struct tw_ctx *ctx, struct sql_ranges_told told)
{
	if (told.n_same + told.n_read == 0)
		return;
	tw_count(ctx, RANGES, told.n_same, "result", "same");
	tw_count(ctx, RANGES, told.n_read, "result", "read");
	tw_api_->fact_real(ctx, "ranges_read", told.n_read);
}

static void
tell(struct tw_ctx *ctx, struct sql *s, int64_t read_ms, int64_t us)
{
	struct sql_reader *r = s->reader;

	if (r->seen.n_forgotten > 0 && !s->was_short) {
		tw_api_->log(ctx, 4, "more than %d rows within overlap: it is shorter than "
		    "configured", SQL_SEEN_MAX);
		s->was_short = true;
	}
	if (!r->is_keyed && r->overlap_ms > 0 && !s->was_without_id && s->key == NULL) {
		tw_api_->log(ctx, 4, "the query gives no column %s (id): overlap is 0, and rows "
		    "that come late are not seen", s->id);
		s->was_without_id = true;
	}
	tw_emit(ctx, SECONDS, (double)us / 1e6);
	if (r->seen.newest_ms > 0 || r->newest_ms > 0)
		tw_emit(ctx, LAG, (double)(read_ms - (s->key == NULL ? r->seen.newest_ms
							  : r->newest_ms)) / 1e3);
	if (s->ranges != NULL)
		tell_ranges(ctx, sql_ranges_told(s->ranges));
	if (r->n_waiting > 0)
		tw_api_->fact_real(ctx, "waiting", (double)r->n_waiting);
	if (r->is_cut)
		tw_api_->fact_text(ctx, "cut", "more rows are left than one run reads");
}

static enum tw_verdict
failed(struct tw_ctx *ctx, struct sql *s, int error)
{
	static const char *const causes[] = {"", "connect", "query", "timeout"};
	const char *cause = causes[-error];

	tw_count(ctx, ERRORS, 1, "cause", cause);
	s->db.driver->close(&s->db);
	return tw_fail(ctx, TW_UNKNOWN, cause, "%s", s->db.err);
}

/* What is to be read: as of tw_batch.flags; keys of TW_BATCH_KEYS. */
struct wish {
	uint32_t flags;
	const char *const *keys;
	size_t n;
};

/* A key that is no number breaks the comparison with a column of numbers. */
static int
compare_as_text(struct sql *s)
{
	char err[256];

	if (make_keys(s, SQL_BY_KEY_TEXT, err, sizeof(err)) != 0)
		return sql_fail(&s->db, SQL_E_QUERY, "%s", err);
	s->is_key_text = true;
	s->db.driver->close(&s->db);
	return s->db.driver->connect(&s->db);
}

static int
read_some(struct sql *s, const struct wish *w, int64_t read_ms)
{
	int rc = 0;

	s->db.query = &s->ready_keys;
	for (size_t at = 0; at < w->n && rc == 0; at += SQL_KEYS_MAX) {
		uint32_t flags = TW_BATCH_KEYS | (at == 0 ? TW_BATCH_FIRST : 0)
		    | (at + SQL_KEYS_MAX >= w->n ? TW_BATCH_LAST : 0);

		for (size_t i = 0; i < SQL_KEYS_MAX; i++)
			s->db.keys[i] = w->keys[at + i < w->n ? at + i : w->n - 1];
		rc = sql_state_run(s->reader, &s->db, read_ms, flags);
		if (rc == SQL_E_QUERY && !s->is_key_text && (rc = compare_as_text(s)) == 0)
			rc = sql_state_run(s->reader, &s->db, read_ms, flags);
	}
	s->db.query = &s->ready;
	return rc;
}

static int
read_rows(struct sql *s, const struct wish *w, int64_t read_ms)
{
	uint32_t flags = w->flags;
	int rc;

	if (s->key == NULL)
		return sql_reader_run(s->reader, &s->db, read_ms);
	if (flags & TW_BATCH_KEYS)
		return read_some(s, w, read_ms);
	if (s->ranges != NULL)
		return sql_ranges_run(
		    s->ranges, s->reader, &s->db, read_ms, (flags & TW_BATCH_SCAN) != 0);
	if (!s->has_scanned || !s->ready.has_watermark)
		flags = TW_BATCH_SCAN;
	rc = sql_state_run(s->reader, &s->db, read_ms,
	    flags & TW_BATCH_SCAN ? flags | TW_BATCH_FIRST | TW_BATCH_LAST : flags);
	s->has_scanned |= rc == 0 && (flags & TW_BATCH_SCAN);
	return rc;
}

/* Connects if need be, and reads what is wished for. */
static int
look(struct tw_ctx *ctx, struct sql *s, const struct wish *w)
{
	mono_t began = mono_now();
	int64_t left_us = tw_api_->left_us(ctx), read_ms;
	int rc = 0;

	s->db.deadline = mono_add_us(began, left_us - left_us / RESERVE_SHARE);
	if (s->db.connection == NULL)
		rc = s->db.driver->connect(&s->db);
	if (rc == 0 && !s->is_explained && s->key == NULL)
		rc = explain(ctx, s);
	if (rc != 0)
		return rc;
	began = mono_now();
	if (mono_sub_us(s->db.deadline, began) > s->statement_timeout)
		s->db.deadline = mono_add_us(began, s->statement_timeout);
	read_ms = wall_now().ms;
	rc = read_rows(s, w, read_ms);
	count_rows(s);
	if (rc == SQL_E_TIMEOUT && s->reader->n_handed_on > 0 && s->key == NULL) {
		s->db.driver->close(&s->db); /* the rest comes with the next run */
		s->reader->is_cut = true;
		rc = 0;
	}
	if (rc == 0)
		tell(ctx, s, read_ms, mono_sub_us(mono_now(), began));
	return rc;
}

static enum tw_verdict
run(struct tw_ctx *ctx, struct sql *s, const struct wish *w)
{
	struct sql_reader *r = s->reader;
	bool was_open = s->db.connection != NULL;
	int rc;

	s->ctx = ctx;
	start_counting(s);
	tw_api_->state_put(ctx, "first_start", &r->first_start_ms, sizeof(r->first_start_ms));
	rc = look(ctx, s, w);
	if (rc == SQL_E_CONNECT && was_open && r->n_handed_on == 0) {
		s->db.driver->close(&s->db); /* the server was started anew meanwhile, say */
		start_counting(s);
		rc = look(ctx, s, w);
	}
	if (rc != 0)
		return failed(ctx, s, rc);
	if (r->n_bad_in_turn >= SQL_BAD_IN_TURN)
		return tw_fail(ctx, TW_UNKNOWN, "rows", "the last %llu rows could not be used: %s",
		    (unsigned long long)r->n_bad_in_turn, r->reason);
	return TW_OK;
}

static enum tw_verdict
tail(struct tw_ctx *ctx, void *self)
{
	return run(ctx, self, &(struct wish){0});
}

static enum tw_verdict
scan(struct tw_ctx *ctx, void *self)
{
	return run(ctx, self, &(struct wish){.flags = TW_BATCH_SCAN});
}

static enum tw_verdict
read_keys(struct tw_ctx *ctx, void *self, const char *const *keys, size_t n)
{
	return run(ctx, self, &(struct wish){TW_BATCH_KEYS, keys, n});
}

TW_PLUGIN(.name = "sql", .version = "1.0", .summary = "Rows of a database, each of them once",
    .prefix = "sql_", .flags = TW_SOURCE | TW_BLOCKING, .self_size = sizeof(struct sql),
    .start = start, .stop = stop, .tail = tail, .scan = scan, .read_keys = read_keys,
    .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts), .interval_us = 30000000);
