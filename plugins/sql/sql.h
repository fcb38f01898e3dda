/*
 * sql.h - the inside of the sql source: a query is asked again and again, and each of its rows is
 * handed on exactly once.
 *
 *   dsn, query    dsn.c, query.c    once, at the start; nothing is asked yet
 *   connection    db-*.c            one file a database, behind struct sql_driver; read-only
 *   a run         rows.c            rows -> records: types, times (time.c), synthetic, rejects
 *   position      seen.c            what was handed on, over restarts
 *   state         state.c           with `key`: rows are what is, not what happened
 *   push-down     ranges.c          of these only the ranges of keys whose sums have changed
 *
 * DESIGN. The query becomes `SELECT * FROM (query) ORDER BY time LIMIT n`, so rows come in the
 * order of their time, and however it is cut, what came is all there is up to its last time. Rows
 * are handed on in batches that end between two times; the position goes with each. The watermark
 * that is bound lies `overlap` behind the newest row; rows that come again are known by their id
 * and time. It is bound as low as any reading of the column demands (a local time in the hour that
 * comes twice): reading too much costs time, reading too little a row.
 *
 * Runs in: start() on the loop, everything else in the source's own thread, which may block until
 * the deadline (names are resolved by the C library: for as long as resolv.conf says).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_SQL_SQL_H
#define PLUGINS_SQL_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#include "lib/clock.h"
#include "lib/tz.h"

#define SQL_COLUMNS_MAX 64          /* of a result; more are not looked at */
#define SQL_FIELDS_MAX 48           /* of a record */
#define SQL_KEYS_MAX 64             /* keys that are asked for at once */
#define SQL_PARAMS_MAX (32 + SQL_KEYS_MAX) /* places of what is bound in a query */
#define SQL_NAME_MAX 64             /* bytes of a column's name; longer ones are cut */
#define SQL_CELL_MAX 4096           /* bytes of one value; a row with a longer one is rejected */
#define SQL_QUERY_MAX 65536
#define SQL_ERR_MAX 512
#define SQL_SCAN_ROWS 10000         /* a table that is larger is not to be read wholly each time */

/* ---- dsn.c ---- */

enum sql_kind { SQL_NO_KIND, SQL_POSTGRESQL, SQL_MYSQL, SQL_SQLITE };

struct sql_param { char *name, *value; };
struct sql_dsn {
	enum sql_kind kind;
	char *user, *password, *host, *database; /* decoded; NULL = not said. SQLite: the path */
	char *raw_password;                      /* as written, to be found in messages */
	int port;                                /* 0 = not said */
	struct sql_param params[16];             /* behind the ?, decoded */
	size_t n_params;
};
/* 0, or -EINVAL with a sentence that holds nothing of the password. Cleared also after an error. */
int sql_dsn_parse(struct sql_dsn *d, const char *text, char *err, size_t cap);
void sql_dsn_clear(struct sql_dsn *d);
const char *sql_dsn_param(const struct sql_dsn *d, const char *name); /* NULL: not said */
/* Replaces the password in a message by ***, in place, and ends it at the first line's end. */
void sql_dsn_redact(const struct sql_dsn *d, char *text);

/* ---- query.c ---- */

enum sql_bound { SQL_WATERMARK, SQL_WATERMARK_S, SQL_WATERMARK_MS, SQL_LIMIT, SQL_KEY };
struct sql_query {
	char *text;                      /* wrapped, with the database's own placeholders */
	enum sql_bound bound[SQL_PARAMS_MAX]; /* by place */
	size_t n_bound;
	bool has_watermark;
	uint64_t serial;                 /* another one for each query that is made */
};
/* What is put around the user's query. */
enum sql_wrap {
	SQL_BY_TIME,                     /* sorted by the column, up to $limit */
	SQL_WHOLE,                       /* nothing */
	SQL_BY_KEY,                      /* where the column is one of SQL_KEYS_MAX keys */
	SQL_BY_KEY_TEXT                  /* the same, the column's value taken as a text */
};
/* The user's query for that database. 0, -EINVAL with a sentence, -ENOMEM. */
int sql_query_make(struct sql_query *q, enum sql_kind kind, const char *text, enum sql_wrap wrap,
    const char *column, char *err, size_t cap);
/* What else is put around: between its head and its tail stands `(query) AS tillwatch_rows`. */
struct sql_around {
	const char *head;                /* up to "FROM (\n"; NULL = all columns */
	enum sql_wrap wrap;
	const char *column;              /* of the wrap; NULL = SQL_WHOLE */
	const char *tail;                /* NULL = none */
};
int sql_query_wrap(struct sql_query *q, enum sql_kind kind, const char *text,
    const struct sql_around *around, char *err, size_t cap);
void sql_query_clear(struct sql_query *q);
/* The column's name as that database quotes it. PostgreSQL lowers what nobody quoted, so we do too
 * unless the query quotes it; query NULL: it is written as it is. */
struct buf;
void sql_query_column(struct buf *b, enum sql_kind kind, const char *name, const char *query);
/* Does the query's select list (up to its FROM) hold this word outside of quotes and comments?
 * Letters count the same in both cases. */
bool sql_query_names(const char *text, const char *word);

/* ---- time.c ---- */

struct sql_time {
	int64_t ms;                      /* of the first occurrence, where a local time has two */
	int64_t again_ms;                /* of the second one; 0 = there is one only */
	bool is_wall;                    /* read as a local time */
};
/* "2026-11-24 02:22:44[.123456][Z|+01[:00[:00]]]", a T between, a date alone. Without an offset it
 * is the zone's wall that is read (NULL: UTC). 0 or -EINVAL. */
int sql_time_parse(struct sql_time *out, const char *text, size_t len, const struct tz *zone);
/* Unix time in seconds, milli- or microseconds: which one its size says. 0 or -EINVAL. */
int sql_time_number(struct sql_time *out, double v);

struct sql_watermark {
	int64_t ms;                      /* rows that are later are asked for */
	int64_t local_ms;                /* as low as the wall shows any time after it, as if UTC */
	int32_t offset_s;                /* of the zone, then */
};
struct sql_watermark sql_watermark_at(const struct tz *zone, int64_t ms, int64_t now_ms);
#define SQL_TIME_TEXT 40
/* "2026-11-24 02:22:44.123" of ms as if UTC; with an offset behind it where offset_s is not NULL.
 */
void sql_time_format(char dst[SQL_TIME_TEXT], int64_t ms, const int32_t *offset_s);
/* The clock of the zone goes back at *change_s, in (from_ms, to_ms], by that many ms; 0: not. */
int64_t sql_time_repeated(
    const struct tz *zone, int64_t from_ms, int64_t to_ms, int64_t *change_ms);

/* ---- databases: db-sqlite.c, db-postgresql.c, db-mariadb.c ---- */

enum sql_type { SQL_NULL, SQL_TEXT, SQL_INT, SQL_REAL, SQL_TIME, SQL_TOO_LONG };
struct sql_cell {
	enum sql_type type;
	const char *text;                /* SQL_TEXT, SQL_TIME; until the next row */
	size_t len;
	int64_t integer;                 /* SQL_INT; a bool is 0 or 1 */
	double real;
	bool has_offset;                 /* SQL_TIME: the wall's time less offset_s is UTC */
	int32_t offset_s;
};

enum sql_error { SQL_OK = 0, SQL_E_CONNECT = -1, SQL_E_QUERY = -2, SQL_E_TIMEOUT = -3 };

struct sql_driver;
struct sql_db {
	const struct sql_driver *driver;
	const struct sql_dsn *dsn;
	const struct sql_query *query;
	const char *time;                /* the column of it; NULL = it does not matter */
	const char *ca_file, *zone;      /* zone: its name */
	int64_t statement_us;
	mono_t deadline;                 /* of this run: set before each call */
	void *connection;                /* the driver's; NULL = not connected */
	char err[SQL_ERR_MAX];           /* of the last error; still with what the server said */
	struct sql_watermark watermark;  /* what is bound, set before explain() and ask() */
	int64_t limit;
	const char *keys[SQL_KEYS_MAX];  /* all are bound: repeat one where there are less */
	/* of the result that is being read, from ask() on */
	char names[SQL_COLUMNS_MAX][SQL_NAME_MAX];
	size_t n_columns;
	struct sql_cell cells[SQL_COLUMNS_MAX];
};
struct sql_driver {
	const char *name;
	/* All return 0 or enum sql_error, with a sentence in db->err. */
	int (*connect)(struct sql_db *db);   /* NULL: built without this database */
	/* Says in `text` which large table is read wholly ("" = none); what it cannot tell it does
	 * not say. */
	int (*explain)(struct sql_db *db, char *text, size_t cap);
	int (*ask)(struct sql_db *db);
	int (*row)(struct sql_db *db);       /* 1: cells hold a row; 0: there are no more */
	void (*close)(struct sql_db *db);    /* also in the middle of a result */
};
extern const struct sql_driver sql_sqlite, sql_postgresql, sql_mariadb;

int sql_fail(struct sql_db *db, enum sql_error error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int64_t sql_left_ms(const struct sql_db *db); /* until its deadline, at least 0 */
void sql_column(struct sql_db *db, size_t i, const char *name);
/* The value of a text that is known to be of that type (SQL_TEXT, SQL_INT, SQL_REAL, SQL_TIME). */
struct sql_cell sql_cell_of(enum sql_type type, const char *text, size_t len);
int sql_cell_time(struct sql_time *t, const struct sql_cell *c, const struct tz *zone);

#define SQL_LITE_HASH "tillwatch_hash" /* in SQLite: of any values, an integer of 48 bits */

/* ---- seen.c ---- */

#define SQL_SEEN_MAX 4096           /* ids that are remembered; with more the overlap shortens */
#define SQL_SEEN_BYTES (40 + SQL_SEEN_MAX * 12)

struct sql_seen_id { uint64_t hash; int64_t ms; };
struct sql_seen {
	int64_t floor_ms;                /* rows up to this time were handed on */
	int64_t base_ms;                 /* ids up to this time are forgotten; <= floor_ms, but in
					  * the hour that comes twice */
	int64_t newest_ms;               /* of all that was handed on; 0 = nothing yet */
	struct sql_seen_id ids[SQL_SEEN_MAX];
	uint32_t n;
	uint16_t at[SQL_SEEN_MAX * 4];   /* hash table: place in ids + 1 */
	uint64_t n_forgotten;            /* ids that had to go for want of room */
};
void sql_seen_init(struct sql_seen *s, int64_t from_ms);
bool sql_seen_has(const struct sql_seen *s, uint64_t hash);
void sql_seen_add(struct sql_seen *s, uint64_t hash, int64_t ms);
/* Everything up to newest_ms was handed on: the floor rises to overlap_ms before it. Ids are kept
 * from keep_ms on (INT64_MAX: from the floor). */
void sql_seen_advance(struct sql_seen *s, int64_t newest_ms, int64_t overlap_ms, int64_t keep_ms);
size_t sql_seen_save(const struct sql_seen *s, unsigned char dst[SQL_SEEN_BYTES]);
bool sql_seen_load(struct sql_seen *s, const void *src, size_t len); /* false: it is damaged */

/* ---- rows.c ---- */

#define SQL_BATCH 512
#define SQL_REJECTED_KEPT 1024
#define SQL_BAD_IN_TURN 3           /* so many rejected rows in turn: the query is not understood */
enum sql_result { SQL_R_OK, SQL_R_SYNTHETIC, SQL_R_REJECTED, SQL_R_REPEATED, SQL_R_N };
enum sql_class { SQL_C_NONE, SQL_C_TEXT, SQL_C_NUMBER, SQL_C_TIME };

struct sql_field {
	const char *name, *column;
	bool is_needed;                  /* the user named it: an error when the query has it not */
	bool is_cents, is_email, is_sku;
	int at;                          /* column of the result; -1 = none */
	enum sql_class class;            /* of what came so far */
};
/* What is done with a row's outcome; the plugin's tw_api, or a test's own. */
struct sql_sink {
	void (*batch)(void *arg, const struct tw_batch *b, const struct tw_record *r, size_t n);
	void (*reject)(void *arg, const char *reason, const char *excerpt, size_t len);
	void *arg;
};
struct sql_reader {
	struct sql_field fields[SQL_FIELDS_MAX];
	uint32_t n_fields;
	struct sql_field time, id;
	const struct tz *zone;
	int64_t lateness_ms, overlap_ms, max_rows, first_start_ms;
	const char *email, *sku;         /* patterns of our own traffic; NULL = none */
	struct sql_sink sink;
	struct sql_seen seen;
	int64_t complete_ms;
	int64_t stretch;                 /* max_rows times this; >= 1 */
	/* of one run */
	int64_t read_ms, run_floor_ms;
	uint64_t n[SQL_R_N], n_waiting;      /* waiting: their time is still to come */
	uint64_t n_handed_on;
	int64_t run_base_ms;
	bool is_cut, is_keyed;           /* keyed: rows have ids, and there is an overlap */
	uint64_t rejected[SQL_REJECTED_KEPT]; /* rows that were counted as such */
	uint64_t n_bad_in_turn;          /* rejected since the last one that was not */
	char reason[SQL_NAME_MAX + 64];  /* of the last one */
	bool has_wall_time;              /* the time's column has no offset */
	int64_t newest_ms;               /* state.c: of all that was seen; 0 = nothing yet */
	struct sql_ranges *ranges;       /* sees each row of state.c; NULL = none. Not owned */
	/* a batch */
	struct tw_record *records;
	struct tw_value *values;
	uint64_t *hashes;
	uint32_t *table;                 /* place in records + 1, by hash; twice cap_records */
	char *text;
	size_t n_records, cap_records, n_text, cap_text;
};
void sql_reader_clear(struct sql_reader *r);
/* A run begins, of one statement or several: nothing has come so far. sql_reader_run does so. */
void sql_rows_start(struct sql_reader *r);
/* rows.c, for state.c. Asks; columns by name (time may be missing then): 0 or enum sql_error. */
int sql_rows_begin(struct sql_reader *r, struct sql_db *db, int64_t read_ms, bool needs_time);
/* The row's values behind the last record; false: rejected, and counted. */
bool sql_rows_take(struct sql_reader *r, const struct sql_db *db, uint32_t *flags, int64_t *ms);
/* The records' values point to what they hold: they can be handed on. */
void sql_rows_point(struct sql_reader *r, size_t n);
void sql_rows_empty(struct sql_reader *r);

/* state.c: rows say what is, not what happened: each time all of them (SQL_WHOLE), those that have
 * changed since the newest one that was seen, or some keys. 0 or enum sql_error; without a
 * TW_BATCH_LAST what was asked for is not whole then. */
int sql_state_run(struct sql_reader *r, struct sql_db *db, int64_t read_ms, uint32_t flags);
/* What was handed on last still holds. */
void sql_state_unchanged(struct sql_reader *r, int64_t read_ms);

/* ---- ranges.c ---- */

struct sql_ranges;
struct sql_ranges_told { uint32_t n_same, n_read; }; /* ranges; both 0: all rows were read */
/* Of a query that binds nothing, and its column of keys; texts are the caller's, for as long as it
 * lives. About 250 KB. NULL: out of memory. */
struct sql_ranges *sql_ranges_new(enum sql_kind kind, const char *text, const char *key);
void sql_ranges_free(struct sql_ranges *g);
/* Hands on what is another one than was handed on before, or (is_whole, or at first) all rows. 0
 * or enum sql_error. */
int sql_ranges_run(struct sql_ranges *g, struct sql_reader *r, struct sql_db *db, int64_t read_ms,
    bool is_whole);
struct sql_ranges_told sql_ranges_told(const struct sql_ranges *g); /* of the last run */
/* Head of queries for single keys (sql_around), malloc'd; NULL: out of memory. */
char *sql_ranges_keys_head(const struct sql_ranges *g);
/* A row was read, by a query of its own or one for single keys. */
void sql_ranges_note(struct sql_ranges *g, const struct sql_db *db);

/* Asks and reads once, all that is new. 0 or enum sql_error with db->err; what was handed on
 * until then stays handed on. */
int sql_reader_run(struct sql_reader *r, struct sql_db *db, int64_t read_ms);

#endif
