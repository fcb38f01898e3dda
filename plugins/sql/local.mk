# plugins/sql/local.mk - the sql source; a database whose library was missing is refused by name.
SQL_SOURCES = plugins/sql/db.c plugins/sql/db-sqlite.c plugins/sql/dsn.c plugins/sql/query.c plugins/sql/ranges.c \
	plugins/sql/rows.c plugins/sql/seen.c plugins/sql/state.c plugins/sql/sql.h plugins/sql/time.c
if POSTGRESQL
SQL_POSTGRESQL = plugins/sql/db-postgresql.c
else
SQL_POSTGRESQL = plugins/sql/db-no-postgresql.c
endif
if MARIADB
SQL_MARIADB = plugins/sql/db-mariadb.c
else
SQL_MARIADB = plugins/sql/db-no-mariadb.c
endif
noinst_LTLIBRARIES += plugins/sql/libsql.la
plugins_sql_libsql_la_SOURCES = $(SQL_SOURCES) $(SQL_POSTGRESQL) $(SQL_MARIADB)
plugins_sql_libsql_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(PQ_CFLAGS) $(MARIADB_CFLAGS) $(XXHASH_CFLAGS)
plugins_sql_libsql_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la $(SQLITE_LIBS) $(PQ_LIBS) \
	$(MARIADB_LIBS) $(XXHASH_LIBS)
EXTRA_DIST += plugins/sql/db-no-postgresql.c plugins/sql/db-no-mariadb.c

plugin_LTLIBRARIES += plugins/sql.la
plugins_sql_la_SOURCES = plugins/sql/sql.c
plugins_sql_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_sql_la_LIBADD = plugins/sql/libsql.la

# Late rows, rows that change and kill -9, on PostgreSQL, MariaDB and SQLite.
TESTS += tests/blackbox/sql.sh
EXTRA_DIST += tests/blackbox/sql.sh

# Where the database is, queries, times, what was handed on.
check_PROGRAMS += tests/unit/test-sql
TESTS += tests/unit/test-sql
tests_unit_test_sql_SOURCES = tests/unit/test-sql.c
tests_unit_test_sql_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sql_LDADD = plugins/sql/libsql.la $(CMOCKA_LIBS)

# Rows of a database of SQLite: each once, whatever comes late and wherever the process dies.
check_PROGRAMS += tests/unit/test-sql-rows
TESTS += tests/unit/test-sql-rows
tests_unit_test_sql_rows_SOURCES = tests/unit/sql-help.c tests/unit/sql-help.h tests/unit/test-sql-rows.c
tests_unit_test_sql_rows_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_sql_rows_LDADD = plugins/sql/libsql.la $(CMOCKA_LIBS) $(SQLITE_LIBS)

# Addresses, queries, times and stored positions, whatever they hold.
check_PROGRAMS += tests/fuzz/fuzz-sql
TESTS += tests/fuzz/fuzz-sql
tests_fuzz_fuzz_sql_SOURCES = tests/fuzz/fuzz-sql.c $(FUZZ_MAIN)
tests_fuzz_fuzz_sql_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_sql_LDADD = plugins/sql/libsql.la
EXTRA_DIST += tests/fuzz/corpus/sql

# A table that changes all the time, read by its ranges: all of it is known, and few rows are sent.
check_PROGRAMS += tests/unit/test-sql-ranges
TESTS += tests/unit/test-sql-ranges
tests_unit_test_sql_ranges_SOURCES = tests/unit/sql-help.c tests/unit/sql-help.h tests/unit/test-sql-ranges.c
tests_unit_test_sql_ranges_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_sql_ranges_LDADD = plugins/sql/libsql.la $(CMOCKA_LIBS) $(SQLITE_LIBS)
