/*
 * ranges.c - push-down: of a table that is read as a whole again and again, only the ranges whose
 * sums are other ones than those of what was handed on.
 *
 *    rows and sum of each range, by the database -> none differs: what was said last still holds
 *                                                -> few differ: their rows, then the same
 *                                                -> many, or keys came or went: all rows
 *
 * DESIGN. A range is the keys whose hash has the same low bits, so keys of any kind fall evenly. A
 * database's sums are compared with what that very database has said before, never with another
 * one's: so each uses the hash that is cheapest to it, the two systems that are compared need not
 * agree on one, and one of them may be a file. What the other side says is the comparer's to know.
 *
 * Rows bring their hashes along, and what is remembered are sums of the rows that were handed on,
 * not of what the database had a moment earlier or later: a value that changes and changes back
 * between two statements is seen. Keys that are read by themselves are ahead of that: their ranges
 * are read at the next round, whatever their sums are. That a key has gone does not show in rows:
 * so where a range has other keys than it had all rows are read.
 *
 * Changes that leave a sum as it is are not seen before the next whole scan. Hashes have 64 bits
 * (PostgreSQL), 48 (SQLite) or 32 (MariaDB's CRC: one change in four billion; two rows of one range
 * that change places with their values flip the same bits in both: one in some ten thousand).
 *
 * The idea is that of data-diff and of range-based set reconciliation (A. Meyer, 2023,
 * arXiv:2212.13567), with the first level only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "plugins/sql/sql.h"

#define FINEST 4096u  /* ranges that are remembered; asked for are as many, or fewer */
#define FEWEST 64u
#define ROWS_OF_RANGE 256u           /* about: sums of more ranges take servers longer */
#define WHOLE_SHARE 4u               /* when one in so many differs, all rows are as cheap */
#define TEXT_MAX (SQL_QUERY_MAX / 2)

/* Of a range, modulo 2^64: sums of the keys' hashes, which servers are not asked for, and of the
 * rows'. */
struct sum {
	uint64_t rows, keys, values;
	bool is_ahead;               /* a key of it was read by itself since */
};

struct sql_ranges {
	enum sql_kind kind;
	const char *text, *key;
	struct sql_query sums;           /* for n ranges; text NULL = to be made */
	char *row_hash;                  /* over the query's columns; NULL = not known yet */
	uint32_t n;                      /* ranges that are asked for: a power of two */
	bool is_known;                   /* `of` is what was handed on */
	struct sum of[FINEST];
	/* of the n that are asked for */
	struct sum now[FINEST];          /* by the server; keys: as they were handed on */
	bool is_wanted[FINEST];
	struct sql_ranges_told told;
};

struct sql_ranges *
sql_ranges_new(enum sql_kind kind, const char *text, const char *key)
{
	struct sql_ranges *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->kind = kind;
	g->text = text;
	g->key = key;
	return g;
}

void
sql_ranges_free(struct sql_ranges *g)
{
	if (g == NULL)
		return;
	sql_query_clear(&g->sums);
	free(g->row_hash);
	free(g);
}

struct sql_ranges_told
sql_ranges_told(const struct sql_ranges *g)
{
	return g->told;
}

/* ---- the queries ---- */

/* MariaDB has no hash of rows: of their values, with control characters for what separates them and
 * for NULL. PostgreSQL's sum may be longer than 64 bits: it is told as a text. MariaDB sums up
 * floating-point numbers in half the time that it takes for others; they are whole below 2^53. */
static const struct dialect {
	const char *key[2];              /* around the key's column */
	const char *row[2], *column[2];  /* around the columns, and each; column NULL: not named */
	const char *sum[2];
} dialects[] = {
    [SQL_POSTGRESQL] = {{"hashtextextended(CAST(", " AS text),0)"},
	{"hashtextextended(CAST(tillwatch_rows AS text),0)", ""}, {NULL, NULL},
	{"CAST(sum(", ") AS text)"}},
    [SQL_MYSQL] = {{"CRC32(CAST(", " AS char))"}, {"CRC32(CONCAT_WS(CHAR(31)", "))"},
	{",IFNULL(", ",CHAR(30))"}, {"sum(", "*1e0)"}},
    [SQL_SQLITE] = {{SQL_LITE_HASH "(", ")"}, {SQL_LITE_HASH "(0", ")"}, {",", ""},
	{"sum(", ")"}},
};

static void
add_key_hash(const struct sql_ranges *g, struct buf *b)
{
	const struct dialect *d = &dialects[g->kind];

	buf_text(b, d->key[0]);
	sql_query_column(b, g->kind, g->key, g->text);
	buf_text(b, d->key[1]);
}

static int
make_row_hash(struct sql_ranges *g, struct sql_db *db)
{
	const struct dialect *d = &dialects[g->kind];
	struct buf b;

	buf_init(&b, TEXT_MAX);
	buf_text(&b, d->row[0]);
	for (size_t i = 0; d->column[0] != NULL && i < db->n_columns; i++) {
		buf_text(&b, d->column[0]);
		sql_query_column(&b, g->kind, db->names[i], NULL);
		buf_text(&b, d->column[1]);
	}
	buf_text(&b, d->row[1]);
	if (b.failed) {
		buf_free(&b);
		return sql_fail(db, SQL_E_QUERY, "push_down: out of memory");
	}
	g->row_hash = b.data;
	return 0;
}

/* The head has been written to b, which is freed. */
static int
make(const struct sql_ranges *g, struct sql_query *q, struct buf *b, const char *tail,
    struct sql_db *db)
{
	struct sql_around around = {.head = buf_str(b), .tail = tail};
	char err[256];
	int rc = b->failed ? -1
	    : sql_query_wrap(q, g->kind, g->text, &around, err, sizeof(err));

	if (rc != 0)
		rc = sql_fail(db, SQL_E_QUERY, "push_down: %s", b->failed ? "out of memory" : err);
	buf_free(b);
	return rc;
}

char *
sql_ranges_keys_head(const struct sql_ranges *g)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	buf_text(&b, "SELECT tillwatch_rows.*,");
	add_key_hash(g, &b);
	buf_text(&b, " AS tillwatch_key FROM (\n");
	if (b.failed)
		buf_free(&b);
	return b.data;
}

/* Rows with their two hashes behind; only of the ranges that are wanted, or all. */
static int
make_rows(const struct sql_ranges *g, struct sql_query *q, bool is_whole, struct sql_db *db)
{
	struct buf head, tail;
	const char *comma = "";
	int rc;

	buf_init(&head, TEXT_MAX);
	buf_text(&head, "SELECT tillwatch_rows.*,");
	add_key_hash(g, &head);
	buf_printf(&head, " AS tillwatch_key,%s AS tillwatch_row FROM (\n", g->row_hash);
	buf_init(&tail, TEXT_MAX);
	if (!is_whole) {
		buf_text(&tail, " WHERE (");
		add_key_hash(g, &tail);
		buf_printf(&tail, " & %" PRIu32 ") IN (", g->n - 1);
		for (uint32_t i = 0; i < g->n; i++) {
			if (!g->is_wanted[i])
				continue;
			buf_printf(&tail, "%s%" PRIu32, comma, i);
			comma = ",";
		}
		buf_char(&tail, ')');
	}
	head.failed |= tail.failed;
	rc = make(g, q, &head, buf_str(&tail), db);
	buf_free(&tail);
	return rc;
}

static int
make_sums(struct sql_ranges *g, struct sql_db *db)
{
	struct buf b;

	sql_query_clear(&g->sums);
	buf_init(&b, TEXT_MAX);
	buf_text(&b, "SELECT ");
	add_key_hash(g, &b);
	buf_printf(&b, " & %" PRIu32 ",count(*),%s%s%s FROM (\n", g->n - 1,
	    dialects[g->kind].sum[0], g->row_hash, dialects[g->kind].sum[1]);
	return make(g, &g->sums, &b, " GROUP BY 1", db);
}

/* Which columns there are: none of its rows is asked for. */
static int
learn_columns(struct sql_ranges *g, struct sql_db *db)
{
	struct sql_around around = {.tail = " LIMIT 0"};
	struct sql_query q;
	char err[256];
	int rc;

	if (g->row_hash != NULL)
		return 0;
	if (sql_query_wrap(&q, g->kind, g->text, &around, err, sizeof(err)) != 0)
		return sql_fail(db, SQL_E_QUERY, "push_down: %s", err);
	db->query = &q;
	rc = db->driver->ask(db);
	while (rc == 0 && (rc = db->driver->row(db)) > 0)
		rc = 0;
	sql_query_clear(&q);
	if (rc == 0 && db->n_columns + 2 > SQL_COLUMNS_MAX)
		rc = sql_fail(db, SQL_E_QUERY, "push_down: the query gives more than %d columns",
		    SQL_COLUMNS_MAX - 2);
	return rc != 0 ? rc : make_row_hash(g, db);
}

/* ---- sums ---- */

/* A whole number of any length, modulo 2^64; a floating-point one is below 2^53. */
static uint64_t
number_of(const struct sql_cell *c)
{
	bool is_negative = c->type == SQL_TEXT && c->len > 0 && *c->text == '-';
	uint64_t v = c->type == SQL_INT ? (uint64_t)c->integer : 0;

	if (c->type == SQL_REAL && c->real >= 0 && c->real < 0x1p63)
		return (uint64_t)c->real;
	for (size_t i = is_negative; c->type == SQL_TEXT && i < c->len; i++)
		v = v * 10 + (uint64_t)(c->text[i] - '0');
	return is_negative ? 0 - v : v;
}

void
sql_ranges_note(struct sql_ranges *g, const struct sql_db *db)
{
	bool is_single = db->query->n_bound > 0; /* keys are bound: there is no second hash */
	size_t n_hashes = is_single ? 1 : 2;
	struct sum *sum;
	uint64_t key;

	if (db->n_columns < n_hashes)
		return;
	key = number_of(&db->cells[db->n_columns - n_hashes]);
	sum = &g->of[key % FINEST];
	if (is_single) {
		sum->is_ahead = true;
		return;
	}
	sum->rows++;
	sum->keys += key;
	sum->values += number_of(&db->cells[db->n_columns - 1]);
}

/* Of what was handed on, the sums of a range as they are asked for. */
static struct sum
known(const struct sql_ranges *g, uint32_t range)
{
	struct sum s = {0};

	for (uint32_t i = range; i < FINEST; i += g->n) {
		s.rows += g->of[i].rows;
		s.keys += g->of[i].keys;
		s.values += g->of[i].values;
		s.is_ahead |= g->of[i].is_ahead;
	}
	return s;
}

static int
ask_sums(struct sql_ranges *g, struct sql_db *db)
{
	int rc = g->sums.text != NULL ? 0 : make_sums(g, db);

	memset(g->now, 0, sizeof(g->now));
	db->query = &g->sums;
	if (rc == 0)
		rc = db->driver->ask(db);
	if (rc == 0 && db->n_columns != 3)
		rc = sql_fail(db, SQL_E_QUERY, "push_down: no sums came");
	while (rc == 0 && (rc = db->driver->row(db)) > 0) {
		struct sum *now = &g->now[number_of(&db->cells[0]) % g->n];

		now->rows = number_of(&db->cells[1]);
		now->values = number_of(&db->cells[2]);
		rc = 0;
	}
	return rc;
}

/* How many ranges are to be read; true: all rows are. */
static bool
want(struct sql_ranges *g, uint32_t *n_wanted)
{
	*n_wanted = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		struct sum *now = &g->now[i], was = known(g, i);

		if (now->rows != was.rows)
			return true;
		now->keys = was.keys;
		g->is_wanted[i] = was.is_ahead || now->values != was.values;
		*n_wanted += g->is_wanted[i];
	}
	return *n_wanted > g->n / WHOLE_SHARE;
}

/* ---- reading ---- */

static void
choose_number(struct sql_ranges *g)
{
	uint64_t rows = 0;
	uint32_t n = FEWEST;

	for (uint32_t i = 0; i < FINEST; i++)
		rows += g->of[i].rows;
	while (n < FINEST && n * (uint64_t)ROWS_OF_RANGE < rows)
		n *= 2;
	if (n != g->n)
		sql_query_clear(&g->sums);
	g->n = n;
}

/* Rows are read and summed up; flags as sql_state_run has them. */
static int
read_rows(struct sql_ranges *g, struct sql_reader *r, struct sql_db *db, int64_t read_ms,
    uint32_t flags)
{
	struct sql_query q;
	int rc = make_rows(g, &q, (flags & TW_BATCH_SCAN) != 0, db);

	if (rc != 0)
		return rc;
	db->query = &q;
	rc = sql_state_run(r, db, read_ms, flags);
	sql_query_clear(&q);
	return rc;
}

static int
read_whole(struct sql_ranges *g, struct sql_reader *r, struct sql_db *db, int64_t read_ms)
{
	int rc;

	g->is_known = false;
	memset(g->of, 0, sizeof(g->of));
	rc = read_rows(
	    g, r, db, read_ms, TW_BATCH_SCAN | TW_BATCH_FIRST | TW_BATCH_LAST);
	if (rc != 0)
		return rc;
	g->is_known = true;
	choose_number(g);
	return 0;
}

/* The ranges that are wanted. is_moved: they have other keys than they had. */
static int
read_wanted(struct sql_ranges *g, struct sql_reader *r, struct sql_db *db, int64_t read_ms,
    bool *is_moved)
{
	int rc;

	for (uint32_t i = 0; i < FINEST; i++)
		if (g->is_wanted[i & (g->n - 1)])
			g->of[i] = (struct sum){0};
	if ((rc = read_rows(g, r, db, read_ms, 0)) != 0)
		return rc; /* the next round misses the rows that have not come */
	for (uint32_t i = 0; i < g->n && !*is_moved; i++) {
		struct sum is = known(g, i);

		*is_moved = is.rows != g->now[i].rows || is.keys != g->now[i].keys;
	}
	return 0;
}

static int
read_what_changed(struct sql_ranges *g, struct sql_reader *r, struct sql_db *db, int64_t read_ms,
    bool is_whole)
{
	bool is_moved = false;
	uint32_t n_wanted = 0;
	int rc;

	g->told = (struct sql_ranges_told){0};
	if ((rc = learn_columns(g, db)) != 0)
		return rc;
	if (is_whole || !g->is_known)
		return read_whole(g, r, db, read_ms);
	if ((rc = ask_sums(g, db)) != 0)
		return rc;
	if (want(g, &n_wanted))
		return read_whole(g, r, db, read_ms);
	if (n_wanted > 0 && (rc = read_wanted(g, r, db, read_ms, &is_moved)) != 0)
		return rc;
	if (is_moved)
		return read_whole(g, r, db, read_ms);
	g->told = (struct sql_ranges_told){.n_same = g->n - n_wanted, .n_read = n_wanted};
	sql_state_unchanged(r, read_ms);
	return 0;
}

int
sql_ranges_run(struct sql_ranges *g, struct sql_reader *r, struct sql_db *db, int64_t read_ms,
    bool is_whole)
{
	const struct sql_query *before = db->query; /* ours do not live as long as db */
	int rc = read_what_changed(g, r, db, read_ms, is_whole);

	db->query = before;
	return rc;
}
