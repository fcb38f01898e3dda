/*
 * test-sql.c - addresses, queries, times and the position of the sql source. Rows: test-sql-rows.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/sql/sql.h"

/* ---- where the database is ---- */

static void
addresses_are_taken_apart(void **state)
{
	struct sql_dsn d;
	char err[256];

	(void)state;
	assert_int_equal(sql_dsn_parse(&d, "postgresql://shop:p%40s%2Fs@[::1]:5433/or%20ders"
		"?host=%2Frun%2Fpg&sslmode=require", err, sizeof(err)), 0);
	assert_int_equal(d.kind, SQL_POSTGRESQL);
	assert_string_equal(d.user, "shop");
	assert_string_equal(d.password, "p@s/s");
	assert_string_equal(d.host, "::1");
	assert_int_equal(d.port, 5433);
	assert_string_equal(d.database, "or ders");
	assert_string_equal(sql_dsn_param(&d, "host"), "/run/pg");
	assert_null(sql_dsn_param(&d, "sslcert"));
	sql_dsn_clear(&d);
	assert_int_equal(sql_dsn_parse(&d, "MariaDB://u@db/shop?socket=/s", err, sizeof(err)), 0);
	assert_int_equal(d.kind, SQL_MYSQL);
	assert_null(d.password);
	assert_int_equal(d.port, 0);
	sql_dsn_clear(&d);
	/* A password with an @ that nobody encoded: the last one counts. */
	assert_int_equal(sql_dsn_parse(&d, "mysql://u:a@b@db/", err, sizeof(err)), 0);
	assert_string_equal(d.password, "a@b");
	assert_string_equal(d.host, "db");
	assert_null(d.database);
	sql_dsn_clear(&d);
	for (int i = 0; i < 3; i++) {
		static const char *const same[] = {"sqlite:///a/b.db", "sqlite:/a/b.db", "/a/b.db"};

		assert_int_equal(sql_dsn_parse(&d, same[i], err, sizeof(err)), 0);
		assert_int_equal(d.kind, SQL_SQLITE);
		assert_string_equal(d.database, "/a/b.db");
		sql_dsn_clear(&d);
	}
}

static void
broken_addresses_are_refused_and_not_shown(void **state)
{
	static const char *const broken[] = {"", "orders.db", "oracle://u:sesame@h/",
	    "postgresql:u:sesame@h", "postgresql://u:sesame%zz@h/", "postgresql://u:sesame%00@h/",
	    "postgresql://u:sesame%4", "postgresql://u:ses/ame@h/", "postgresql://u:sesame@h:0/",
	    "postgresql://u:sesame@h:65536/", "postgresql://u:sesame@h:5x/",
	    "postgresql://u:sesame@[::1/", "postgresql://u:sesame@a,b/",
	    "postgresql://u:sesame@h/d?nonsense=1", "postgresql://u:sesame@h/d?password=sesame",
	    "postgresql://u:sesame@h/d?sslmode", "mysql://u:sesame@h/d?sslmode=require",
	    "sqlite:relative.db", "sqlite:///",
	    "postgresql://u@h/d?sesame-sesame-sesame-sesame-sesame=1",
	    "mysql://u@h/%GG"};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct sql_dsn d;
		char err[256] = "";

		if (sql_dsn_parse(&d, broken[i], err, sizeof(err)) != -EINVAL || *err == '\0')
			fail_msg("%s was taken", broken[i]);
		if (strstr(err, "sesame") != NULL || strstr(err, "ses/") != NULL)
			fail_msg("%s: %s", broken[i], err);
		sql_dsn_clear(&d);
	}
}

static void
passwords_are_taken_out_of_messages(void **state)
{
	struct sql_dsn d;
	char err[256];
	char text[256] = "p@ss no p%40ss, p@ssp@ss\x1b[2J!\nDETAIL: p@ss";

	(void)state;
	assert_int_equal(sql_dsn_parse(&d, "mysql://u:p%40ss@h/", err, sizeof(err)), 0);
	sql_dsn_redact(&d, text);
	assert_string_equal(text, "*** no ***, ****** [2J!");
	sql_dsn_clear(&d);
	/* Also where the message is cut: in the middle of it, none of its bytes stay. */
	assert_int_equal(sql_dsn_parse(&d, "mysql://u:sesameopen@h/", err, sizeof(err)), 0);
	{
		struct sql_db db = {.dsn = &d};
		char longer[SQL_ERR_MAX];

		memset(longer, 'x', sizeof(longer));
		longer[sizeof(longer) - 6] = '\0';
		assert_int_equal(
		    sql_fail(&db, SQL_E_QUERY, "%s%s", longer, d.password), SQL_E_QUERY);
		assert_null(strstr(db.err, "sesa"));
	}
	sql_dsn_clear(&d);
}

/* ---- queries ---- */

static void
check_query(enum sql_kind kind, const char *text, const char *wanted)
{
	struct sql_query q;
	char err[512] = "";

	if (sql_query_make(&q, kind, text, SQL_BY_TIME, "Time", err, sizeof(err)) != 0) {
		if (*wanted != '!' || strstr(err, wanted + 1) == NULL)
			fail_msg("%s: %s", text, err);
		return;
	}
	assert_string_equal(q.text, wanted);
	assert_true(q.n_bound > 0 && q.bound[q.n_bound - 1] == SQL_LIMIT);
	sql_query_clear(&q);
}

static void
queries_are_wrapped(void **state)
{
	(void)state;
	check_query(SQL_POSTGRESQL, " select a AS \"Time\" from t where a > $watermark and b > "
		"$watermark_ms ; -- that is all\n",
	    "SELECT * FROM (\n select a AS \"Time\" from t where a > $1 and b > $2\n"
	    ") AS tillwatch_rows ORDER BY \"Time\" LIMIT $3");
	check_query(SQL_POSTGRESQL, "SELECT a AS Time FROM t",
	    "SELECT * FROM (\nSELECT a AS Time FROM t\n) AS tillwatch_rows ORDER BY \"time\" "
	    "LIMIT $1");
	check_query(SQL_MYSQL, "WITH x AS (SELECT 1) SELECT a Time FROM x WHERE a>$watermark_s",
	    "SELECT * FROM (\nWITH x AS (SELECT 1) SELECT a Time FROM x WHERE a>?\n"
	    ") AS tillwatch_rows ORDER BY `Time` LIMIT ?");
	check_query(SQL_SQLITE, "(SELECT a FROM t WHERE a > $watermark LIMIT $limit)",
	    "SELECT * FROM (\n(SELECT a FROM t WHERE a > ? LIMIT ?)\n) AS tillwatch_rows "
	    "ORDER BY \"Time\" LIMIT ?");
}

static void
what_is_text_or_comment_is_left_alone(void **state)
{
	(void)state;
	/* A comment at the end must not swallow what is put behind it. */
	check_query(SQL_SQLITE, "SELECT a FROM t -- $watermark, 'a quote",
	    "SELECT * FROM (\nSELECT a FROM t\n) AS tillwatch_rows ORDER BY \"Time\" LIMIT ?");
	check_query(SQL_SQLITE, "SELECT ';' /* $watermark ; */ FROM t",
	    "SELECT * FROM (\nSELECT ';' /* $watermark ; */ FROM t\n) AS tillwatch_rows ORDER BY "
	    "\"Time\" LIMIT ?");
	check_query(SQL_POSTGRESQL, "SELECT $q$;'$q$, E'\\';', 'it''s;', \"a;b\" FROM t",
	    "SELECT * FROM (\nSELECT $q$;'$q$, E'\\';', 'it''s;', \"a;b\" FROM t\n) AS "
	    "tillwatch_rows ORDER BY \"time\" LIMIT $1");
	check_query(SQL_MYSQL, "SELECT 'a\\';b' # ; drop\nFROM t",
	    "SELECT * FROM (\nSELECT 'a\\';b' # ; drop\nFROM t\n) AS tillwatch_rows ORDER BY "
	    "`Time` LIMIT ?");
	check_query(SQL_SQLITE, "SELECT a FROM t WHERE a > '$watermark'", "!stands alone");
	check_query(
	    SQL_POSTGRESQL, "SELECT a FROM t WHERE a > $x$ $watermark $x$", "!stands alone");
	check_query(SQL_MYSQL, "SELECT a FROM t WHERE a > \"$limit\"", "!stands alone");
}

static void
other_queries_are_refused(void **state)
{
	char many[SQL_PARAMS_MAX * 16 + 64] = "SELECT a FROM t WHERE ", *huge;

	(void)state;
	check_query(SQL_SQLITE, "DELETE FROM t", "!begins with SELECT");
	check_query(SQL_SQLITE, "", "!begins with SELECT");
	check_query(SQL_SQLITE, "/* SELECT */ UPDATE t SET a = 1", "!begins with SELECT");
	check_query(SQL_SQLITE, "SELECT 1; SELECT 2", "!one query");
	check_query(SQL_SQLITE, "SELECT 1;;;'", "!one query");
	check_query(SQL_SQLITE, "SELECT a FROM t WHERE a > $watermarks", "!nothing that is bound");
	check_query(SQL_POSTGRESQL, "SELECT a FROM t WHERE a > $1", "!nothing that is bound");
	for (int i = 0; i < SQL_PARAMS_MAX; i++)
		snprintf(many + strlen(many), 16, "%s$watermark", i > 0 ? " or " : "");
	check_query(SQL_SQLITE, many, "!binds too much");
	assert_non_null(huge = malloc(SQL_QUERY_MAX + 1));
	memset(huge, ' ', SQL_QUERY_MAX);
	memcpy(huge, "SELECT a FROM t", 15);
	huge[SQL_QUERY_MAX - 1] = 'x';
	huge[SQL_QUERY_MAX] = '\0';
	check_query(SQL_SQLITE, huge, "!64 KiB");
	free(huge);
}

static void
select_lists_are_read(void **state)
{
	static const char q[] = "SELECT o.total AS value, 'email' x, (SELECT country FROM c) AS y, "
	    "\"Gateway\" /* sku */ FROM orders WHERE state = 1";

	(void)state;
	assert_true(sql_query_names(q, "value"));
	assert_true(sql_query_names(q, "VALUE"));
	assert_true(sql_query_names(q, "gateway"));
	assert_false(sql_query_names(q, "email"));
	assert_false(sql_query_names(q, "sku"));
	assert_false(sql_query_names(q, "state"));
	assert_false(sql_query_names(q, "val"));
	assert_true(sql_query_names("WITH a AS (SELECT id FROM b) SELECT sku FROM a", "sku"));
	assert_false(sql_query_names("WITH a AS (SELECT id FROM b) SELECT sku FROM a", "id"));
}

/* ---- times ---- */

static int64_t
time_of(const char *text, const struct tz *zone, int64_t *again_ms)
{
	struct sql_time t = {0};

	if (sql_time_parse(&t, text, strlen(text), zone) != 0)
		return -1;
	if (again_ms != NULL)
		*again_ms = t.again_ms;
	return t.ms;
}

static void
times_are_read(void **state)
{
	static const struct { const char *text; int64_t ms; } times[] = {
	    {"1970-01-01", 0}, {"2026-11-24 02:22:44", 1795486964000},
	    {"2026-11-24T02:22:44.1Z", 1795486964100}, {"2026-11-24 02:22", 1795486920000},
	    {"2026-11-24 02:22:44.123999+01", 1795483364123},
	    {"2026-11-24 02:22:44,5 -0330", 1795499564500},
	    {"2026-11-24 02:22:44+00:19:32", 1795485792000}, {"2026-11-24 24:00:00", 1795564800000},
	    {"2024-02-29 00:00:00  ", 1709164800000}, {"2016-12-31 23:59:60", 1483228800000},
	    {"2026-02-29", -1}, {"2026-13-01", -1}, {"2026-00-10", -1}, {"2026-11-31", -1},
	    {"", -1},
	    {"now", -1}, {"2026-11-24 25:00", -1}, {"2026-11-24 02:60", -1},
	    {"2026-11-24 02:22:44.", -1}, {"2026-11-24 02:22:44 x", -1}, {"infinity", -1},
	    {"0044-03-15 BC", -1}, {"2026-11-24 02:22:44+1", -1}, {"2026-11-24 24:00:01", -1},
	    {"2026-11-24 02:22:44+99", -1}, {"0000-00-00 00:00:00", -1}};
	struct sql_time t;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (time_of(times[i].text, NULL, NULL) != times[i].ms)
			fail_msg("%s: %lld", times[i].text,
			    (long long)time_of(times[i].text, NULL, NULL));
	assert_int_equal(sql_time_number(&t, 1795486964), 0);
	assert_int_equal(t.ms, 1795486964000);
	assert_int_equal(sql_time_number(&t, 1795486964123), 0);
	assert_int_equal(t.ms, 1795486964123);
	assert_int_equal(sql_time_number(&t, 1795486964123999.0), 0);
	assert_int_equal(t.ms, 1795486964123);
	assert_int_equal(sql_time_number(&t, 0), -EINVAL);
	assert_int_equal(sql_time_number(&t, -5), -EINVAL);
	assert_int_equal(sql_time_number(&t, 1e21), -EINVAL);
}

/* Paris, 2026: 29 March 01:00Z the clock goes from 02:00 to 03:00, 25 October 01:00Z from 03:00 to
 * 02:00. */
static void
walls_are_read_over_dst(void **state)
{
	struct tz *paris;
	int64_t again_ms;
	char text[SQL_TIME_TEXT];

	(void)state;
	assert_int_equal(tz_open(&paris, "Europe/Paris", NULL), 0);
	assert_int_equal(time_of("2026-07-01 12:00:00", paris, &again_ms),
	    time_of("2026-07-01 10:00:00Z", NULL, NULL));
	assert_int_equal(again_ms, 0);
	assert_int_equal(time_of("2026-10-25 01:59:59.999", paris, &again_ms),
	    time_of("2026-10-24 23:59:59.999Z", NULL, NULL));
	assert_int_equal(again_ms, 0);
	assert_int_equal(time_of("2026-10-25 02:30:00", paris, &again_ms),
	    time_of("2026-10-25 00:30:00Z", NULL, NULL));
	assert_int_equal(again_ms, time_of("2026-10-25 01:30:00Z", NULL, NULL));
	assert_int_equal(time_of("2026-10-25 02:00:00", paris, &again_ms),
	    time_of("2026-10-25 00:00:00Z", NULL, NULL));
	assert_int_equal(again_ms, time_of("2026-10-25 01:00:00Z", NULL, NULL));
	assert_int_equal(time_of("2026-10-25 03:00:00", paris, &again_ms),
	    time_of("2026-10-25 02:00:00Z", NULL, NULL));
	assert_int_equal(again_ms, 0);
	/* An offset says which of the two. */
	assert_int_equal(time_of("2026-10-25 02:30:00+01", paris, &again_ms),
	    time_of("2026-10-25 01:30:00Z", NULL, NULL));
	assert_int_equal(again_ms, 0);
	/* What no clock shows is not far from what it means. */
	assert_in_range(time_of("2026-03-29 02:30:00", paris, NULL),
	    time_of("2026-03-29 00:30:00Z", NULL, NULL),
	    time_of("2026-03-29 01:30:00Z", NULL, NULL));
	/* A watermark in the summer's last hour is bound as low as the second 02:00. */
	{
		int64_t ms = time_of("2026-10-25 00:50:00Z", NULL, NULL);
		struct sql_watermark w = sql_watermark_at(paris, ms, ms + 3600000);

		assert_int_equal(w.offset_s, 7200);
		assert_true(w.local_ms < time_of("2026-10-25 02:00:00", NULL, NULL));
		w = sql_watermark_at(paris, ms, ms); /* not yet */
		assert_int_equal(w.local_ms, ms + 7200000);
		/* Where it is old, an hour more or less is nothing to it. */
		w = sql_watermark_at(paris, ms - 86400000 * 100LL, ms);
		assert_int_equal(w.local_ms, ms - 86400000 * 100LL + 7200000);
		sql_time_format(text, w.local_ms, &w.offset_s);
		assert_string_equal(text, "2026-07-17 02:50:00.000+02:00:00");
	}
	tz_free(paris);
}

/* ---- what was handed on ---- */

static void
ids_are_remembered_over_restarts(void **state)
{
	static struct sql_seen a, b;
	static unsigned char bytes[SQL_SEEN_BYTES];
	size_t len;

	(void)state;
	sql_seen_init(&a, 1000);
	for (uint64_t i = 0; i < 500; i++)
		sql_seen_add(&a, i * 0x9e3779b97f4a7c15, 1001 + (int64_t)i * 10);
	sql_seen_add(&a, 77, 1000); /* not above the floor: known by it */
	assert_int_equal(a.n, 500);
	sql_seen_advance(&a, 5991, 2000, INT64_MAX);
	assert_int_equal(a.floor_ms, 3991);
	assert_int_equal(a.n, 200);
	assert_false(sql_seen_has(&a, 299 * 0x9e3779b97f4a7c15));
	assert_true(sql_seen_has(&a, 300 * 0x9e3779b97f4a7c15));
	sql_seen_advance(&a, 100, 2000, INT64_MAX); /* what comes late moves nothing */
	assert_int_equal(a.floor_ms, 3991);
	len = sql_seen_save(&a, bytes);
	assert_true(sql_seen_load(&b, bytes, len));
	assert_int_equal(b.floor_ms, 3991);
	assert_int_equal(b.newest_ms, 5991);
	assert_int_equal(b.n, 200);
	for (uint64_t i = 0; i < 500; i++)
		assert_int_equal(sql_seen_has(&b, i * 0x9e3779b97f4a7c15), i >= 300);
	sql_seen_advance(&b, 10000, 2000, INT64_MAX);
	assert_int_equal(b.n, 0);
}

static void
damage_is_seen(void **state)
{
	static struct sql_seen a, b;
	static unsigned char bytes[SQL_SEEN_BYTES];
	size_t len;

	(void)state;
	sql_seen_init(&a, 1000);
	for (uint64_t i = 0; i < 9; i++)
		sql_seen_add(&a, i + 5, 2000 + (int64_t)i);
	len = sql_seen_save(&a, bytes);
	for (size_t bit = 0; bit < len * 8; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(sql_seen_load(&b, bytes, len));
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_false(sql_seen_load(&b, bytes, cut));
	assert_false(sql_seen_load(&b, bytes, len + 1));
	assert_true(sql_seen_load(&b, bytes, len));
}

static void
memory_has_a_ceiling(void **state)
{
	static struct sql_seen a;
	static unsigned char bytes[SQL_SEEN_BYTES];

	(void)state;
	sql_seen_init(&a, 0);
	for (uint64_t i = 0; i < 3 * SQL_SEEN_MAX; i++)
		sql_seen_add(&a, i * 0x9e3779b97f4a7c15, 1 + (int64_t)i);
	assert_true(a.n <= SQL_SEEN_MAX);
	assert_true(a.n_forgotten > 0);
	/* What was forgotten counts as handed on, so nothing comes twice. */
	assert_true(a.floor_ms >= a.base_ms);
	assert_int_equal(a.base_ms + a.n, 3 * SQL_SEEN_MAX);
	for (uint64_t i = 0; i < 3 * SQL_SEEN_MAX; i++)
		assert_int_equal(sql_seen_has(&a, i * 0x9e3779b97f4a7c15), (int64_t)i >= a.base_ms);
	assert_true(sql_seen_save(&a, bytes) <= sizeof(bytes));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_are_taken_apart),
	    cmocka_unit_test(broken_addresses_are_refused_and_not_shown),
	    cmocka_unit_test(passwords_are_taken_out_of_messages),
	    cmocka_unit_test(queries_are_wrapped),
	    cmocka_unit_test(what_is_text_or_comment_is_left_alone),
	    cmocka_unit_test(other_queries_are_refused), cmocka_unit_test(select_lists_are_read),
	    cmocka_unit_test(times_are_read), cmocka_unit_test(walls_are_read_over_dst),
	    cmocka_unit_test(ids_are_remembered_over_restarts), cmocka_unit_test(damage_is_seen),
	    cmocka_unit_test(memory_has_a_ceiling)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
